package flow

import (
	"context"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

// Repair is not there yet.
func (g *Gateway) Repair(ctx context.Context, c Caller, id gateway.MessageID) (DeadLetter, error) {
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		if _, err := g.dead(ctx, tx, id); err != nil {
			return err
		}
		return gateway.Faults{fault(gateway.RepairHandedOver, string(id), "")}
	})
	return DeadLetter{}, err
}
