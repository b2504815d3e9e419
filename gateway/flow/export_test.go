package flow

import (
	"context"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

// Relocate is relocate, for tests.
func (g *Gateway) Relocate(ctx context.Context, m store.Message, reports []gateway.Report) gateway.Faults {
	return g.relocate(ctx, m, reports)
}
