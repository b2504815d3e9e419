package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/store"
)

// Documents are erased by rule: a message's when the retention of its route is over, with the submissions that it
// was made of, and what a partner has sent, what was seen at the border and what became no message when that of
// the configuration is. What is not decided yet is kept until it is. Ids, digests, states, headers, signatures,
// receipts and the audit trail stay: a duplicate is known for good.

// DefaultRetention is how long documents are kept of which no route and no configuration says it.
const DefaultRetention = 180 * 24 * time.Hour

// Retention is how long documents are kept of which no route says it; zero: DefaultRetention.
type Retention struct {
	Own time.Duration                            // what own posts handed in and became no message, and what was seen at the border
	Of  map[gateway.Administration]time.Duration // what partners sent; zero: as long as Own
}

func (r Retention) own() time.Duration { return cmp.Or(r.Own, DefaultRetention) }

func (r Retention) of(partner gateway.Administration) time.Duration {
	return cmp.Or(r.Of[partner], r.own())
}

// putArrival stores what arrived, and when it is looked at whether it is kept longer.
func (g *Gateway) putArrival(tx *store.Tx, a store.Arrival) error {
	kept := g.keptOf(a)
	if a.Door == store.DoorSubmit { // what it becomes is known later: the shortest of all rules says when it is looked at
		for _, rt := range g.Chain.Routes.All() {
			if until := a.Received.Add(rt.Retention); rt.From == g.Own && until.Before(kept.Until) {
				kept.Until = until
			}
		}
	}
	return errors.Join(tx.PutArrival(a), tx.PutKept(kept))
}

// keptOf is how long an arrival is kept of which nothing else is known.
func (g *Gateway) keptOf(a store.Arrival) store.Kept {
	k := store.Kept{Door: a.Door, Party: a.Party, ID: a.ID}
	if a.Door == store.DoorPeer {
		return keptFor(k, a.Received, g.Retention.of(gateway.Administration(a.Party)), "partner "+a.Party)
	}
	return keptFor(k, a.Received, g.Retention.own(), "gateway")
}

// keptFor has a rule keep something for so long, if that is longer than it is kept anyway.
func keptFor(k store.Kept, from time.Time, retention time.Duration, rule string) store.Kept {
	if until := from.Add(retention); until.After(k.Until) {
		k.Until, k.Rule = until, fmt.Sprintf("%s: %s", rule, retention)
	}
	return k
}

// putMessage stores a message that is made, and how long it is kept at least.
func (g *Gateway) putMessage(tx *store.Tx, m store.Message) error {
	return errors.Join(tx.PutMessage(m), tx.PutKept(g.keptMessage(store.Kept{Door: store.DoorOut, Party: string(m.Recipient), ID: string(m.ID)}, m)))
}

// keptMessage keeps something at least as long as the route of a message says.
func (g *Gateway) keptMessage(k store.Kept, m store.Message) store.Kept {
	if rt, ok := g.Chain.Routes.Route(m.Route); ok {
		return keptFor(k, m.Created, rt.Retention, "route "+m.Route)
	}
	return keptFor(k, m.Created, g.Retention.own(), "gateway")
}

// LookAgain is how long after an instant it is looked again at what is over and not decided yet.
const LookAgain = 24 * time.Hour

// notDecided is the rule that keeps what has no end yet.
const notDecided = "not decided yet"

// keptUntil says until when something is kept now that it is over, by what has become of it, with the digest of what
// it is about.
func (g *Gateway) keptUntil(ctx context.Context, tx *store.Tx, k store.Kept) (store.Kept, gateway.Digest, error) {
	of := store.Kept{Door: k.Door, Party: k.Party, ID: k.ID}
	if k.Door == store.DoorOut {
		m, err := tx.Message(ctx, gateway.MessageID(k.ID))
		if err != nil {
			return k, gateway.Digest{}, err
		}
		until, err := g.keptWhole(ctx, tx, of, m.Whole)
		return until, m.PayloadDigest, err
	}
	a, err := tx.Arrival(ctx, k.Door, k.Party, k.ID)
	if err != nil {
		return k, gateway.Digest{}, err
	}
	until, err := g.keptArrival(ctx, tx, of, a)
	return until, a.Digest, err
}

// keptWhole keeps something as long as any message of a whole.
func (g *Gateway) keptWhole(ctx context.Context, tx *store.Tx, k store.Kept, whole gateway.MessageID) (store.Kept, error) {
	messages, err := tx.Messages(ctx, whole)
	for _, m := range messages {
		if k = g.keptMessage(k, m); !m.State.Final() {
			k = keptFor(k, tx.Now(), LookAgain, notDecided)
		}
	}
	return k, store.IgnoreNotFound(err)
}

// keptArrival keeps what arrived as long as the wholes that it is part of, to both its addressees; what is part of
// none, as long as the configuration says.
func (g *Gateway) keptArrival(ctx context.Context, tx *store.Tx, k store.Kept, a store.Arrival) (store.Kept, error) {
	decided := a.Judged
	switch a.Door {
	case store.DoorPeer:
		in, err := tx.Inbound(ctx, gateway.Administration(a.Party), gateway.MessageID(a.ID))
		if store.IgnoreNotFound(err) != nil {
			return k, err
		}
		decided = decided && (err != nil || in.State.Final())
	case store.DoorSubmit:
		both, err := addressees(ctx, tx, a.Party, a.ID)
		if store.IgnoreNotFound(err) != nil { // of what was corrected another has the id
			return k, err
		}
		for _, s := range both {
			decided = decided && s.State.Final()
			if s.MessageID == "" {
				continue
			}
			if k, err = g.keptWhole(ctx, tx, k, s.MessageID); err != nil {
				return k, err
			}
		}
	}
	if k.Until.IsZero() {
		k = g.keptOf(a)
	}
	if !decided {
		k = keptFor(k, tx.Now(), LookAgain, notDecided)
	}
	return k, nil
}

// EraseDocuments erases the documents that are kept no longer.
func (g *Gateway) EraseDocuments(ctx context.Context) error {
	erased, err := eraseOver(ctx, func() ([]store.Kept, error) {
		return g.Store.Read().KeptOver(ctx, g.Now(), eraseAtOnce)
	}, func(k store.Kept) (bool, error) { return g.eraseDocuments(ctx, k) })
	if erased > 0 {
		g.Log.Tell(event.Event{Name: event.DocumentsErased, Count: erased})
	}
	return err
}

// eraseAtOnce is how much is looked at to be erased before it is looked for more.
const eraseAtOnce = 100

// eraseOver erases what is over, eraseAtOnce at a time, and returns how many it erased. Each is erased by itself: an
// error with one stops no other that was found with it.
func eraseOver[T any](ctx context.Context, find func() ([]T, error), erase func(T) (bool, error)) (erased int, err error) {
	for {
		over, err := find()
		if err != nil || len(over) == 0 {
			return erased, err
		}
		var failed error
		for _, o := range over {
			gone, err := erase(o)
			if gone {
				erased++
			}
			if failed = errors.Join(failed, err); ctx.Err() != nil {
				return erased, failed
			}
		}
		if failed != nil || len(over) < eraseAtOnce {
			return erased, failed
		}
	}
}

// eraseDocuments erases those of one record, unless it is kept longer by now. What cannot be looked at is looked at
// again later.
func (g *Gateway) eraseDocuments(ctx context.Context, over store.Kept) (gone bool, err error) {
	for done := false; !done && err == nil; {
		_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
			k, err := tx.Kept(ctx, over.Door, over.Party, over.ID)
			if errors.Is(err, store.ErrNotFound) || err == nil && (!k.Erased.IsZero() || k.Until.After(tx.Now())) {
				return errNothingNew // another process was faster
			}
			if err != nil {
				return err
			}
			until, digest, err := g.keptUntil(ctx, tx, k)
			if err != nil {
				return err
			}
			if until.Until.After(tx.Now()) {
				done = true
				return tx.KeepLonger(until)
			}
			if done, err = tx.Erase(until); err != nil || !done {
				return err
			}
			gone = true
			return tx.Audit("gateway", fmt.Sprintf("erased by rule %s on %s", until.Rule, tx.Now().UTC().Format(time.RFC3339)), keptSubject(k), digest)
		})
	}
	switch {
	case errors.Is(err, errNothingNew):
		return false, nil
	case err == nil:
		return gone, nil
	}
	later := over
	later.Until = g.Now().Add(time.Hour)
	_, again := g.Store.Do(ctx, func(tx *store.Tx) error { return tx.KeepLonger(later) })
	return false, errors.Join(fmt.Errorf("%s: %w", keptSubject(over), err), again)
}

// keptSubject names what is kept in the audit trail: a message by its id, what came in as it arrived.
func keptSubject(k store.Kept) string {
	if k.Door == store.DoorOut {
		return k.ID
	}
	return subject(store.Arrival{Door: k.Door, Party: k.Party, ID: k.ID})
}

type keptReader interface {
	Kept(ctx context.Context, door, party, id string) (store.Kept, error)
}

// erasure says that the documents of a record were erased, by which rule and when.
func erasure(ctx context.Context, read keptReader, door, party, id string) (gateway.Fault, error) {
	k, err := read.Kept(ctx, door, party, id)
	f := fault(gateway.DocumentErased, k.ID, k.Rule)
	f.Found = gateway.Term(k.Erased.UTC().Format(time.DateOnly))
	return f, err
}

// refuseErased refuses what needs the documents of a record that were erased.
func refuseErased(ctx context.Context, read keptReader, door, party, id string) error {
	f, err := erasure(ctx, read, door, party, id)
	if err != nil {
		return err
	}
	return gateway.Faults{f}
}

// erasedOf says it of the first of messages whose documents were erased; nothing if none were.
func erasedOf(ctx context.Context, read keptReader, messages []store.Message) (*gateway.Fault, error) {
	for _, m := range messages {
		if m.Erased {
			f, err := erasure(ctx, read, store.DoorOut, string(m.Recipient), string(m.ID))
			return &f, err
		}
	}
	return nil, nil
}
