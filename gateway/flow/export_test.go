package flow

import (
	"context"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Relocate is relocate, for tests.
func (g *Gateway) Relocate(ctx context.Context, m store.Message, reports []gateway.Report) gateway.Faults {
	return g.relocate(ctx, m, nil, reports)
}

// BalanceLook does what a balancer does when it looks, for a gateway that began at an instant.
func (g *Gateway) BalanceLook(ctx context.Context, with gateway.Administration, began time.Time) time.Duration {
	return g.balancers[with].look(ctx, began)
}

// DeliverTo is deliverTo, for tests.
func (g *Gateway) DeliverTo(ctx context.Context, to gateway.Administration, m seal.Sealed) error {
	_, err := g.deliverTo(ctx, to, m, 1)
	return err
}

// HasLeft is hasLeft, for tests.
func (g *Gateway) HasLeft(ctx context.Context, read messageReader, messages []store.Message) (bool, error) {
	return g.hasLeft(ctx, read, messages)
}

// VerdictText is verdictText, for tests.
var VerdictText = verdictText

// HurryPieces has a gateway wait no longer than this for a piece of an attachment.
func (g *Gateway) HurryPieces(most time.Duration) { g.pieceTimeout = most }

// Keep has an attachment kept as one that a message names.
func Keep(a *store.Attachment, until time.Time, rule string) { keep(a, until, rule) }

// UnnamedRule is by what is taken away that no submission names.
const UnnamedRule = unnamedRule
