package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// decodePage is how many parked messages and arrivals are looked up at once.
const decodePage = 100

// Retried is an arrival that could not be judged, after it was tried again.
type Retried struct {
	store.Troubled
	State string // of what it is judged to be; arrived or parked if it still could not be judged
}

// Decoded is what judging again came to.
type Decoded struct {
	Messages []store.Inbound // from partners
	Arrivals []Retried       // all others, and those that still could not be judged
	Outgoing []store.Message // of our own, that are tried again now
}

// Decode judges again what is parked: messages without a table, by the tables that are
// loaded now and valid on the day each was received, and whatever could not be judged
// for a reason of ours. Messages of our own that could not be handed over are due again. Without ids, all there is, oldest first; a sender, administration
// or office, narrows the ids to its own. It returns each as it then stands. One that
// still has no table stays parked, with its fault.
//
// One that could not be judged for a reason of ours keeps no other from being judged: it
// is returned as it was, parked, a message with the fault INTERNAL behind its own, which
// is not recorded, and the error names every such message. With nothing decoded the error
// says why nothing was judged; if it is gateway.Faults, it names the ids that are not
// parked. When the context ends, what is returned was reached, and stands.
func (g *Gateway) Decode(ctx context.Context, c Caller, sender string, ids ...string) (Decoded, error) {
	messages, arrivals, outgoing, err := g.parked(ctx, sender, ids)
	if err != nil {
		return Decoded{}, err
	}
	var out Decoded
	var failed []error
	for _, m := range outgoing {
		again, err := g.resend(ctx, c, m.ID)
		if err != nil {
			failed = append(failed, fmt.Errorf("send message %s: %w", m.ID, err))
			if ctx.Err() != nil {
				return out, errors.Join(failed...)
			}
			again = m
		}
		out.Outgoing = append(out.Outgoing, again)
	}
	for _, in := range messages {
		decoded, err := g.decode(ctx, c, in)
		if err != nil {
			failed = append(failed, fmt.Errorf("decode message %s: %w", in.ID, err))
			if ctx.Err() != nil {
				return out, errors.Join(failed...) // it would end every other too
			}
			decoded = in
			decoded.Faults = append(slices.Clone(in.Faults), fault(gateway.Internal, "", ""))
		}
		out.Messages = append(out.Messages, decoded)
	}
	for _, a := range arrivals {
		if err := g.retry(ctx, c, a, &out); err != nil {
			failed = append(failed, fmt.Errorf("judge %s %s %s: %w", a.Door, a.Party, a.ID, err))
			if ctx.Err() != nil {
				break
			}
		}
	}
	return out, errors.Join(failed...)
}

// retry judges an arrival again. What goes wrong with it is noted with it, as ever.
func (g *Gateway) retry(ctx context.Context, c Caller, t store.Troubled, out *Decoded) error {
	k := store.ArrivalKey{Door: t.Door, Party: t.Party, ID: t.ID}
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		return tx.Audit(c.URI, "judged again", t.Door+" "+t.Party+" "+t.ID, t.Digest)
	})
	if err != nil {
		return err
	}
	state, failure := g.judgeAgain(ctx, k, g.judgeMessage) // whatever the clocks say
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a, err := g.Store.Read().Arrival(ctx, k.Door, k.Party, k.ID)
	if err != nil {
		return err
	}
	if a.Judged && a.Door == store.DoorPeer {
		in, err := g.Store.Read().Inbound(ctx, gateway.Administration(k.Party), gateway.MessageID(k.ID))
		if err == nil {
			out.Messages = append(out.Messages, in)
		}
		return err
	}
	switch {
	case a.Parked:
		state = string(gateway.SetAside)
	case !a.Judged:
		state = string(gateway.Arrived)
	case failure != nil: // by faults: the arrival's own
		state = string(gateway.Faulty)
	}
	t.Tries, t.NextTry, t.Trouble, t.Parked, t.Commit = a.Tries, a.NextTry, a.Trouble, a.Parked, a.Commit
	out.Arrivals = append(out.Arrivals, Retried{t, state})
	return nil
}

// parked returns what is named, or all that is parked.
func (g *Gateway) parked(ctx context.Context, sender string, ids []string) (messages []store.Inbound, arrivals []store.Troubled, outgoing []store.Message, err error) {
	read := g.Store.Read()
	ours := sender == "" || sender == string(g.Own)
	if len(ids) == 0 {
		messages, err = allPages(func(after gateway.Commit) ([]store.Inbound, error) { return read.Parked(ctx, after, decodePage) },
			func(in store.Inbound) gateway.Commit { return in.Commit })
		if err != nil {
			return nil, nil, nil, err
		}
		if ours {
			outgoing, err = allPages(func(after gateway.Commit) ([]store.Message, error) {
				return read.ParkedMessages(ctx, after, decodePage)
			},
				func(m store.Message) gateway.Commit { return m.Commit })
			if err != nil {
				return nil, nil, nil, err
			}
		}
		arrivals, err = allPages(func(after gateway.Commit) ([]store.Troubled, error) { return read.Troubled(ctx, after, decodePage) },
			func(t store.Troubled) gateway.Commit { return t.Commit })
		messages = slices.DeleteFunc(messages, func(in store.Inbound) bool { return sender != "" && string(in.Sender) != sender })
		arrivals = slices.DeleteFunc(arrivals, func(t store.Troubled) bool { return sender != "" && t.Party != sender })
		return messages, arrivals, outgoing, err
	}
	var faults gateway.Faults
	for _, id := range ids {
		troubled, err := read.TroubledBy(ctx, id)
		if err != nil {
			return nil, nil, nil, err
		}
		troubled = slices.DeleteFunc(troubled, func(t store.Troubled) bool { return sender != "" && t.Party != sender })
		arrivals = append(arrivals, troubled...)
		named, err := read.InboundsByID(ctx, gateway.MessageID(id))
		if err != nil {
			return nil, nil, nil, err
		}
		named = slices.DeleteFunc(named, func(in store.Inbound) bool { return sender != "" && string(in.Sender) != sender })
		waiting := slices.DeleteFunc(slices.Clone(named), func(in store.Inbound) bool { return in.State != gateway.Parked })
		messages = append(messages, waiting...)
		m, err := read.Message(ctx, gateway.MessageID(id))
		if store.IgnoreNotFound(err) != nil {
			return nil, nil, nil, err
		}
		stuck := err == nil && m.Parked && ours
		if stuck {
			outgoing = append(outgoing, m)
		}
		switch {
		case len(waiting)+len(troubled) > 0 || stuck:
		case len(named) == 0:
			faults = append(faults, fault(gateway.NotFound, id, ""))
		default:
			faults = append(faults, fault(gateway.NotParked, id, string(named[0].State)))
		}
	}
	return messages, arrivals, outgoing, faults.Err()
}

// allPages reads a list to its end.
func allPages[T any](read func(after gateway.Commit) ([]T, error), commit func(T) gateway.Commit) (all []T, err error) {
	for after := gateway.Commit(0); ; after = commit(all[len(all)-1]) {
		page, err := read(after)
		if all = append(all, page...); err != nil || len(page) < decodePage {
			return all, err
		}
	}
}

// decode is one unit of work: the new verdict with its receipt, which the sender gets
// when it delivers again, and what follows from it. A message without a table keeps the
// receipt it has.
func (g *Gateway) decode(ctx context.Context, c Caller, parked store.Inbound) (store.Inbound, error) {
	a, err := g.Store.Read().Arrival(ctx, store.DoorPeer, string(parked.Sender), string(parked.ID))
	if err != nil {
		return store.Inbound{}, err
	}
	room, err := g.ownRoom(ctx, len(a.Content))
	if err != nil {
		return store.Inbound{}, err
	}
	defer room.Release()
	for {
		in, again, err := g.decodeOnce(ctx, c, parked, a)
		if err != nil || !again {
			return in, err
		}
	}
}

// decodeOnce is [Gateway.judgeOnce] of what was parked.
func (g *Gateway) decodeOnce(ctx context.Context, c Caller, parked store.Inbound, a store.Arrival) (in store.Inbound, again bool, err error) {
	in, doc, err := g.weigh(ctx, a, seal.Opened{})
	if err != nil {
		return store.Inbound{}, false, err
	}
	said, decoded := "decoded "+string(in.State), false
	if in.State == gateway.Parked {
		in.Receipt, said = parked.Receipt, "not decoded"
	}
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		now, err := tx.Inbound(ctx, in.Sender, in.ID)
		if err != nil {
			return err
		}
		if now.State != gateway.Parked { // another operator was faster: there is one verdict
			in = now
			return tx.Audit(c.URI, "decoded already", string(in.ID), a.Digest)
		}
		if again, err = g.recordVerdict(ctx, tx, a, &in, doc); err != nil {
			return err
		}
		if again {
			return tx.Audit("gateway", "judged again: another answer came", string(in.ID), a.Digest)
		}
		decoded = true
		return tx.Audit(c.URI, said, string(in.ID), a.Digest)
	})
	if err == nil && decoded {
		g.tellVerdict(event.MessageDecoded, in, c.URI, 0)
	}
	return in, again, err
}
