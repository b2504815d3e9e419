package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

// decodePage is how many parked messages are looked up at once.
const decodePage = 100

// Decode judges parked messages again, by the tables that are loaded now and valid on
// the day each was received; without ids, all that are parked, oldest first. It returns
// each as it then stands. One that still has no table stays parked, with its fault.
//
// One that could not be judged for a reason of ours keeps no other from being judged: it
// is returned as it was, parked, with the fault INTERNAL behind its own, which is not
// recorded, and the error names every such message. Without messages the error says why
// nothing was judged; if it is gateway.Faults, it names the ids that are not parked. When
// the context ends, the messages are those that were reached, and they stand.
func (g *Gateway) Decode(ctx context.Context, c Caller, ids ...gateway.MessageID) ([]store.Inbound, error) {
	parked, err := g.parked(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]store.Inbound, 0, len(parked))
	var failed []error
	for _, in := range parked {
		decoded, err := g.decode(ctx, c, in)
		if err != nil {
			failed = append(failed, fmt.Errorf("decode message %s: %w", in.ID, err))
			if ctx.Err() != nil {
				break // it would end every other too
			}
			decoded = in
			decoded.Faults = append(slices.Clone(in.Faults), fault(gateway.Internal, "", ""))
		}
		out = append(out, decoded)
	}
	return out, errors.Join(failed...)
}

// parked returns the named messages, or all that are parked.
func (g *Gateway) parked(ctx context.Context, ids []gateway.MessageID) (all []store.Inbound, err error) {
	read := g.Store.Read()
	if len(ids) == 0 {
		for after := gateway.Commit(0); ; after = all[len(all)-1].Commit {
			page, err := read.Parked(ctx, after, decodePage)
			if all = append(all, page...); err != nil || len(page) < decodePage {
				return all, err
			}
		}
	}
	var faults gateway.Faults
	for _, id := range ids {
		in, err := read.Inbound(ctx, id)
		switch {
		case store.IgnoreNotFound(err) != nil:
			return nil, err
		case err != nil:
			faults = append(faults, fault(gateway.NotFound, string(id), ""))
		case in.State != gateway.Parked:
			faults = append(faults, fault(gateway.NotParked, string(id), string(in.State)))
		}
		all = append(all, in)
	}
	return all, faults.Err()
}

// decode is one unit of work: the new verdict with its receipt, which the sender gets
// when it delivers again, and what follows from it. A message without a table keeps the
// receipt it has.
func (g *Gateway) decode(ctx context.Context, c Caller, parked store.Inbound) (store.Inbound, error) {
	a, err := g.Store.Read().Arrival(ctx, store.DoorPeer, string(parked.Sender), string(parked.ID))
	if err != nil {
		return store.Inbound{}, err
	}
	in, doc, err := g.weigh(a)
	if err != nil {
		return store.Inbound{}, err
	}
	event := "decoded " + string(in.State)
	if in.State == gateway.Parked {
		in.Receipt, event = parked.Receipt, "not decoded"
	}
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		now, err := tx.Inbound(ctx, in.ID)
		if err != nil {
			return err
		}
		if now.State != gateway.Parked { // another operator was faster: there is one verdict
			in = now
			return tx.Audit(c.URI, "decoded already", string(in.ID), a.Digest)
		}
		if err := g.recordVerdict(ctx, tx, &in, doc); err != nil {
			return err
		}
		return tx.Audit(c.URI, event, string(in.ID), a.Digest)
	})
	return in, err
}
