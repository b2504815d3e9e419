package flow

import (
	"context"
	"errors"
	"slices"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Repair makes a dead letter anew: of the same submissions, with the route, tables and signing key as they are
// now, under an id of its own, in the place of the one that it names. What a submitter said stays as it was;
// what the route supplies may be other. An error that is gateway.Faults refuses it: the partner may have the
// message; it changes or takes back another; something else stands in its place; or other content would come of it.
func (g *Gateway) Repair(ctx context.Context, c Caller, id gateway.MessageID) (DeadLetter, error) {
	old, err := g.Store.Read().Message(ctx, id)
	if err != nil {
		return DeadLetter{}, err
	}
	if old.State != gateway.Dead {
		return DeadLetter{}, gateway.Faults{notDead(old)}
	}
	if old.Replaces != "" || old.Kind == kindCancellation || old.Kind == kindArrival {
		return DeadLetter{}, gateway.Faults{fault(gateway.RepairChange, string(old.ID), "")}
	}
	statement, err := g.neverCame(ctx, old)
	if err != nil {
		return DeadLetter{}, err
	}
	o, office, release, err := g.repaired(ctx, old)
	if err != nil {
		return DeadLetter{}, err
	}
	defer release()
	h, err := seal.ParseHeader(old.Header)
	if err != nil {
		return DeadLetter{}, err
	}
	h.MessageID, h.Created = gateway.MessageID(gateway.DerivedID("repair", string(old.ID))), g.Now()
	rt, _ := g.Chain.Routes.Route(old.Route) // it was translated by it
	m, _, err := g.message(rt, o, h)
	if err != nil {
		return DeadLetter{}, err
	}
	m.Chain, m.Sequence, m.Whole, m.Part, m.Version, m.Split, m.Repairs = old.Chain, old.Sequence, old.Whole, old.Part, old.Version, old.Split, old.ID
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		now, err := g.dead(ctx, tx, old.ID)
		if err != nil {
			return err
		}
		if err := g.unsuperseded(ctx, tx, now); err != nil {
			return err
		}
		if err := errors.Join(g.putMessage(tx, m), tx.DropSettlement(old.ID), g.waitsAgain(ctx, tx, m)); err != nil {
			return err
		}
		if err := nameAgain(ctx, tx, old.ID, m.ID); err != nil {
			return err
		}
		if err := errors.Join(g.ourAnswer(ctx, tx, m, o.document), g.register(ctx, tx, m, o.document)); err != nil {
			return err
		}
		from := reconcile.Origin{
			Message: m.ID, Office: gateway.Office{Administration: g.Own, Code: office}, Conversation: m.Conversation, WholeGoods: g.wholeGoods(o.document, m.Split),
			Batch: leaf(o.document, "batch"), Received: tx.Now(), Expected: m.ExpectedArrival, Filing: g.Files(m.Route), To: m.Recipient,
		}
		if _, _, err := g.follow(ctx, tx, o.document, from, teller{office: office}); err != nil {
			return err
		}
		if !statement.IsZero() {
			if err := tx.Audit("gateway", neverCameStated, string(old.ID), statement); err != nil {
				return err
			}
		}
		return errors.Join(tx.Audit(c.URI, "message made anew as "+string(m.ID), string(old.ID), old.PayloadDigest),
			tx.Audit(c.URI, "message made anew for "+string(old.ID), string(m.ID), m.PayloadDigest),
			tx.Audit("gateway", "message queued", string(m.ID), m.PayloadDigest))
	})
	if err != nil {
		return DeadLetter{}, err
	}
	g.Log.Tell(event.Event{Name: event.MessageRepaired, Message: m.ID, Whole: old.ID, Route: m.Route, Partner: m.Recipient, State: string(m.State), Caller: c.URI})
	g.notify(m.Recipient)
	return g.deadLetterOf(ctx, m.ID)
}

// repaired is the document of a message as it would be made now, with the office that submitted it; room is
// taken for it until it is released. Content that would be other is refused with gateway.Faults.
func (g *Gateway) repaired(ctx context.Context, old store.Message) (_ *Output, office string, release func(), err error) {
	messages, err := g.Store.Read().Messages(ctx, old.Whole)
	if err != nil {
		return nil, "", nil, err
	}
	messages = slots(slices.DeleteFunc(messages, func(o store.Message) bool { return o.Version != old.Version || o.Kind != old.Kind }), old.ID)
	at := slices.IndexFunc(messages, func(o store.Message) bool { return o.ID == old.ID })
	t, room, err := g.remake(ctx, messages, "", func(size int) (*budget.Lease, error) { return g.ownRoom(ctx, size) })
	if err != nil {
		return nil, "", nil, err
	}
	defer func() {
		if err != nil {
			room.Release()
		}
	}()
	if t.Faults.Refuse() {
		return nil, "", nil, t.Faults
	}
	other := func(path string) error {
		f := fault(gateway.RepairContent, string(old.ID), "")
		f.Found = gateway.Term(path)
		return gateway.Faults{f}
	}
	if at < 0 || len(t.Outputs) != len(messages) || t.Outputs[at].Encoded.IsZero() || t.Outputs[at].Conforming.IsZero() {
		return nil, "", nil, other("/")
	}
	o := t.Outputs[at]
	var supplied []string
	for _, s := range o.Released.Supplied() {
		supplied = append(supplied, s.Path)
	}
	changes, more := document.Diff(document.Parse(old.Canonical).Document, o.document)
	for _, c := range changes {
		if !slices.Contains(supplied, c.Path) {
			return nil, "", nil, other(c.Path)
		}
	}
	if more {
		return nil, "", nil, other("/")
	}
	sources, err := g.Store.Read().Sources(ctx, old.Whole)
	if err != nil {
		return nil, "", nil, err
	}
	if len(sources) == 0 {
		return nil, "", nil, other("/")
	}
	return o, sources[0].Office, room.Release, nil
}

// slots are messages of one version of a whole, one for each that was made of its submissions: the newest
// that was made anew in its place, or of those the named one.
func slots(messages []store.Message, named gateway.MessageID) (out []store.Message) {
	by := make(map[gateway.MessageID]store.Message, len(messages))
	for _, m := range messages {
		by[m.ID] = m
	}
	root := func(m store.Message) gateway.MessageID {
		for range messages {
			before, ok := by[m.Repairs]
			if m.Repairs == "" || !ok {
				break
			}
			m = before
		}
		return m.ID
	}
	at := make(map[gateway.MessageID]int)
	for _, m := range messages {
		r := root(m)
		i, known := at[r]
		switch {
		case !known:
			at[r] = len(out)
			out = append(out, m)
		case m.ID == named, out[i].ID != named && m.Created.After(out[i].Created):
			out[i] = m
		}
	}
	return out
}

// neverCame refuses with gateway.Faults what the partner may have. What was never handed over it cannot; of
// other messages it has to have signed so, and the statement's digest is returned.
func (g *Gateway) neverCame(ctx context.Context, m store.Message) (statement gateway.Digest, err error) {
	if neverHandedOver(m) {
		return gateway.Digest{}, nil
	}
	if _, ok := g.asked(m.Recipient); !ok || g.Pulls(m.Recipient) {
		return statement, gateway.Faults{fault(gateway.RepairHandedOver, string(m.ID), "")}
	}
	status, raw, err := g.askStatus(ctx, m)
	switch {
	case err != nil:
		return statement, gateway.Faults{fault(gateway.StatusAway, string(m.Recipient), "")}
	case status.Status != seal.StatusNeverReceived || !g.toldAll(status, m):
		return statement, gateway.Faults{fault(gateway.RepairHandedOver, string(m.ID), "")}
	}
	return gateway.DigestOf(raw), nil
}
