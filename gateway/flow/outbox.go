package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/store"
)

// What an operator does with messages that wait for a partner, or ended without its verdict. Nothing
// here tells of a document.
const (
	// MaxTried is how many messages of a partner one call has tried now.
	MaxTried = 500
	// MaxTriedByID is how many messages a call may name.
	MaxTriedByID = 100
	// LeastValidity is the shortest time for which a message may be sent again.
	LeastValidity = time.Minute
)

// Wait is a message that has no verdict yet, and why.
type Wait struct {
	store.Message
	Behind  gateway.MessageID // the message of its chain that goes before it; empty: none
	Next    time.Time         // when it is tried next, if nothing changes; zero: not before an operator says so
	Reasons gateway.Faults    // the first is what it waits for before all others
}

// WaitsOf says why a message waits. One that has ended is refused with gateway.Faults.
func (g *Gateway) WaitsOf(ctx context.Context, id gateway.MessageID) (Wait, error) {
	m, err := g.Store.Read().Message(ctx, id)
	if err != nil {
		return Wait{}, err
	}
	if m.State.Final() {
		return Wait{}, gateway.Faults{endedAs(m)}
	}
	return g.wait(ctx, m)
}

// Waits lists what waits for a partner, and why, what it needs first before all others: behind a place,
// and at most as many as given.
func (g *Gateway) Waits(ctx context.Context, partner gateway.Administration, after store.WaitingCursor, limit int) (out []Wait, err error) {
	messages, err := g.Store.Read().WaitingFor(ctx, partner, after, limit)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		w, err := g.wait(ctx, m)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

func endedAs(m store.Message) gateway.Fault {
	f := fault(gateway.OutboxEnded, string(m.ID), "")
	f.Found = gateway.Say(stateWord(string(m.State)))
	return f
}

// wait says why a message waits.
func (g *Gateway) wait(ctx context.Context, m store.Message) (w Wait, err error) {
	w.Message = m
	say := func(code gateway.Code, value, found, expected string) {
		f := fault(code, value, expected)
		f.Found, f.Severity = gateway.Term(found), gateway.Info
		w.Reasons = append(w.Reasons, f)
	}
	now := g.Now()
	link, linked := g.LinkState(m.Recipient)
	if !m.Parked && linked {
		w.Next = maxTime(maxTime(m.NextAttempt, link.Until), link.Rests)
	}
	next := w.Next.UTC().Format(time.RFC3339)
	if head, err := g.Store.Read().ChainHead(ctx, m.Chain); store.IgnoreNotFound(err) != nil {
		return w, err
	} else if err == nil && !gateway.SameID(string(head), string(m.ID)) {
		w.Behind = head
		say(gateway.WaitBehind, string(m.ID), "", string(head))
	}
	if m.Parked {
		say(gateway.WaitParked, string(m.ID), "", "")
	}
	if open, err := g.Open(ctx, m.Recipient); err != nil {
		return w, err
	} else if !open {
		say(gateway.BalancePending, string(m.Recipient), "", "")
	}
	switch {
	case !linked:
		say(gateway.WaitNoLink, string(m.Recipient), "", "")
	case link.Breaker == BreakerOpen:
		say(gateway.WaitBreaker, string(m.Recipient), fmt.Sprint(link.Failures), link.Until.UTC().Format(time.RFC3339))
	case link.Breaker == BreakerProbing:
		say(gateway.WaitProbing, string(m.Recipient), "", "")
	}
	switch {
	case m.Parked || !linked:
	case g.travels(m):
		say(gateway.WaitUnderway, string(m.Recipient), "", "")
	case m.State != gateway.Queued && now.After(m.ValidUntil) && !g.Pulls(m.Recipient):
		say(gateway.WaitStatus, string(m.ID), string(m.Recipient), m.ValidUntil.Add(StatusFor).UTC().Format(time.RFC3339))
	case m.State == gateway.Received:
		say(gateway.WaitVerdict, string(m.Recipient), "", next)
	case m.State == gateway.Queued && m.Attempts > 0:
		say(gateway.WaitNotReached, string(m.Recipient), fmt.Sprint(m.Attempts), next)
	case m.State == gateway.Sending:
		say(gateway.WaitNoReceipt, string(m.Recipient), fmt.Sprint(m.Attempts), next)
	case !w.Next.After(now) && len(w.Reasons) == 0:
		say(gateway.WaitDue, string(m.Recipient), "", "")
	}
	return w, nil
}

// travels reports whether this process delivers a message now.
func (g *Gateway) travels(m store.Message) bool {
	c, ok := g.couriers[m.Recipient]
	if !ok {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.underway[m.ID]
}

// Try has messages be due now, and the links to their partners be tried, and returns how many are that
// were not. What has ended, is parked, or waits behind another of its chain is told; that a chain keeps
// its order stands. An error that is gateway.Faults refuses the request, and nothing was done.
func (g *Gateway) Try(ctx context.Context, c Caller, ids []gateway.MessageID) (tried int, told gateway.Faults, err error) {
	var all []store.Message
	var unknown gateway.Faults
	for _, id := range ids {
		m, err := g.Store.Read().Message(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			unknown = append(unknown, fault(gateway.NotFound, string(id), ""))
		case err != nil:
			return 0, nil, err
		default:
			all = append(all, m)
		}
	}
	if len(unknown) > 0 {
		return 0, nil, unknown
	}
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		tried, told = 0, nil
		for _, known := range all {
			m, err := tx.Message(ctx, known.ID)
			if err != nil {
				return err
			}
			switch {
			case m.State.Final():
				told = append(told, endedAs(m))
			case m.Parked:
				told = append(told, fault(gateway.WaitParked, string(m.ID), ""))
			default:
				was, err := tx.Hasten(m)
				if err != nil {
					return err
				}
				if was {
					tried++
				}
				if head, err := tx.ChainHead(ctx, m.Chain); err != nil {
					return err
				} else if !gateway.SameID(string(head), string(m.ID)) {
					told = append(told, fault(gateway.WaitBehind, string(m.ID), string(head)))
				}
			}
			if err := tx.Audit(c.URI, "message tried now", string(m.ID), m.PayloadDigest); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	for i := range told {
		told[i].Severity = gateway.Warning
	}
	for _, m := range all {
		if c, ok := g.couriers[m.Recipient]; ok {
			c.tryNow()
		}
	}
	return tried, told, nil
}

// TryAll has all that waits for a partner be due now, at most MaxTried of them, what it needs first before
// all others, and returns how many are that were not.
func (g *Gateway) TryAll(ctx context.Context, c Caller, partner gateway.Administration) (tried int, err error) {
	courier, ok := g.couriers[partner]
	if !ok {
		return 0, gateway.Faults{fault(gateway.NotFound, string(partner), "")}
	}
	_, err = g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		if tried, err = tx.HastenAll(partner, MaxTried); err != nil {
			return err
		}
		return tx.Audit(c.URI, fmt.Sprintf("messages tried now: %d", tried), string(partner), gateway.Digest{})
	})
	if err == nil {
		courier.tryNow()
	}
	return tried, err
}

// DeadLetter is a message that ended without a verdict, and what became of it since.
type DeadLetter struct {
	store.Message
	RepairedBy gateway.MessageID // the message made anew in its place; empty: none
	Settlement *store.Settlement // what is said of it by hand; nil: nothing
}

// DeadLetters lists what ended without a verdict before a commit, or all, the last first.
func (g *Gateway) DeadLetters(ctx context.Context, before gateway.Commit, limit int) (out []DeadLetter, err error) {
	messages, err := g.Store.Read().DeadLetters(ctx, before, limit)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		d, err := g.deadLetter(ctx, m)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// deadLetter is a message with what became of it.
func (g *Gateway) deadLetter(ctx context.Context, m store.Message) (DeadLetter, error) {
	out := DeadLetter{Message: m}
	made, err := g.Store.Read().MadeAnew(ctx, m.ID, 1)
	if err != nil {
		return out, err
	}
	if len(made) > 0 {
		out.RepairedBy = made[0].ID
	}
	said, err := g.Store.Read().Settlement(ctx, m.ID)
	if store.IgnoreNotFound(err) != nil {
		return out, err
	}
	if err == nil {
		out.Settlement = &said
	}
	return out, nil
}

// dead is a dead letter inside a unit of work; another is refused with gateway.Faults.
func (g *Gateway) dead(ctx context.Context, tx *store.Tx, id gateway.MessageID) (store.Message, error) {
	m, err := tx.Message(ctx, id)
	if err == nil && m.State != gateway.Dead {
		err = gateway.Faults{notDead(m)}
	}
	return m, err
}

func notDead(m store.Message) gateway.Fault {
	f := fault(gateway.NotDead, string(m.ID), "")
	f.Found = gateway.Say(stateWord(string(m.State)))
	return f
}

// neverHandedOver reports whether the partner cannot have a dead letter.
func neverHandedOver(m store.Message) bool { return m.Reason == expiredAs(gateway.NeverHandedOver) }

// unsignedRefusal is the reason of a message that its partner refuses without a signature: nobody can show what became
// of it.
const unsignedRefusal = "refused without a signature: " + gateway.OutcomeUnknown

// expiredAs is the reason of a message whose validity ended without a verdict.
func expiredAs(outcome string) string { return "expired: " + outcome }

// Redrive has a dead letter be delivered again, under its id and with its bytes, for a time; zero is as long
// as its route says, which is the most. An error that is gateway.Faults refuses it: it is no dead letter,
// or something else has taken its place since.
func (g *Gateway) Redrive(ctx context.Context, c Caller, id gateway.MessageID, validity time.Duration) (DeadLetter, error) {
	var m store.Message
	_, err := g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		if m, err = g.dead(ctx, tx, id); err != nil {
			return err
		}
		if m.Erased {
			return refuseErased(ctx, tx, store.DoorOut, string(m.Recipient), string(m.ID))
		}
		most, err := g.validity(m)
		if err != nil {
			return err
		}
		if validity != 0 && (validity < LeastValidity || validity > most) {
			f := fault(gateway.ValidityUnfit, validity.String(), LeastValidity.String()+" - "+most.String())
			f.Path = "validFor"
			return gateway.Faults{f}
		}
		if err := g.unsuperseded(ctx, tx, m); err != nil {
			return err
		}
		state := gateway.Sending
		if neverHandedOver(m) {
			state = gateway.Queued
		}
		m.State, m.ValidUntil = state, tx.Now().Add(cmp.Or(validity, most))
		if err := errors.Join(tx.Redrive(m), tx.DropSettlement(m.ID), g.waitsAgain(ctx, tx, m)); err != nil {
			return err
		}
		if err := g.announcedAgain(ctx, tx, m); err != nil {
			return err
		}
		return errors.Join(tx.Audit(c.URI, "dead letter sent again", string(m.ID), m.PayloadDigest),
			tx.Audit("gateway", "message "+string(m.State), string(m.ID), m.PayloadDigest))
	})
	if err != nil {
		return DeadLetter{}, err
	}
	g.Log.Tell(event.Event{Name: event.MessageRedriven, Message: m.ID, Route: m.Route, Partner: m.Recipient, State: string(m.State), Caller: c.URI, Ends: m.ValidUntil})
	g.notify(m.Recipient)
	return g.deadLetterOf(ctx, m.ID)
}

func (g *Gateway) deadLetterOf(ctx context.Context, id gateway.MessageID) (DeadLetter, error) {
	m, err := g.Store.Read().Message(ctx, id)
	if err != nil {
		return DeadLetter{}, err
	}
	return g.deadLetter(ctx, m)
}

// validity is how long the route of a message lets one be valid.
func (g *Gateway) validity(m store.Message) (time.Duration, error) {
	rt, ok := g.Chain.Routes.Route(m.Route)
	if !ok {
		return 0, gateway.Faults{fault(gateway.RouteNone, m.Kind, m.Route)}
	}
	return rt.Validity, nil
}

// unsuperseded refuses what something else has taken the place of: it was made anew, or changed; what it
// announces is announced by another; or it asks back what nobody has.
func (g *Gateway) unsuperseded(ctx context.Context, tx *store.Tx, m store.Message) error {
	refuse := func(by gateway.MessageID) error {
		return gateway.Faults{fault(gateway.Superseded, string(m.ID), string(by))}
	}
	if made, err := tx.MadeAnew(ctx, m.ID, 1); err != nil {
		return err
	} else if len(made) > 0 {
		return refuse(made[0].ID)
	}
	whole, err := tx.Messages(ctx, m.Whole)
	if err != nil {
		return err
	}
	for _, o := range whole {
		if o.Version > m.Version && live(o) && o.Chain == m.Chain {
			return refuse(o.ID)
		}
	}
	for _, c := range crossings(document.Parse(m.Canonical).Document) {
		by, err := tx.Announced(ctx, m.Route, c.subject)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		if err != nil || by == "" || gateway.SameID(string(by), string(m.Whole)) {
			continue
		}
		others, err := tx.Messages(ctx, by)
		if err != nil {
			return err
		}
		if stands := standsOf(others); stands != nil {
			return refuse(stands.ID)
		}
	}
	return nil
}

// announcedAgain notes that what ended without a verdict announces something again.
func (g *Gateway) announcedAgain(ctx context.Context, tx *store.Tx, m store.Message) error {
	switch {
	case m.Kind == kindCancellation:
		return g.decideWithdrawal(ctx, tx, m, gateway.WithdrawalAsked)
	case slices.Contains(telling, m.Kind):
		return g.announcementDecided(ctx, tx, m.ID)
	}
	return nil
}

// Settle notes what one person says of a dead letter: why it is settled, and by what evidence. Said again
// before anybody has confirmed it, the last counts. An error that is gateway.Faults refuses it.
func (g *Gateway) Settle(ctx context.Context, c Caller, id gateway.MessageID, reason string, evidence gateway.Digest) (DeadLetter, error) {
	reason, unfit := neededReason(reason)
	if evidence.IsZero() {
		f := fault(gateway.EvidenceUnfit, string(id), "")
		f.Path = "evidenceDigest"
		unfit = append(unfit, f)
	}
	if len(unfit) > 0 {
		return DeadLetter{}, g.refuse(ctx, c, nil, unfit...)
	}
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		m, err := g.dead(ctx, tx, id)
		if err != nil {
			return err
		}
		if made, err := tx.MadeAnew(ctx, m.ID, 1); err != nil {
			return err
		} else if len(made) > 0 {
			return gateway.Faults{fault(gateway.Superseded, string(m.ID), string(made[0].ID))}
		}
		s := store.Settlement{ID: m.ID, Recipient: m.Recipient, Reason: reason, Evidence: evidence, Proposed: tx.Now(), ProposedBy: c.URI}
		if err := tx.PutSettlement(s, m.Whole); err != nil {
			return err
		}
		return errors.Join(tx.Audit(c.URI, "settlement by hand said", string(m.ID), m.PayloadDigest), tx.Audit(c.URI, "evidence of a settlement", string(m.ID), evidence))
	})
	if err != nil {
		return DeadLetter{}, err
	}
	return g.deadLetterOf(ctx, id)
}

// ConfirmSettlement settles what another person has said to be. Evidence has to be what that person named. An error that is gateway.Faults refuses it.
func (g *Gateway) ConfirmSettlement(ctx context.Context, c Caller, id gateway.MessageID, evidence gateway.Digest) (DeadLetter, error) {
	var m store.Message
	_, err := g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		if m, err = g.dead(ctx, tx, id); err != nil {
			return err
		}
		s, err := tx.Settlement(ctx, m.ID)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		switch {
		case err != nil:
			return gateway.Faults{fault(gateway.SettlementNone, string(m.ID), "")}
		case s.ProposedBy == c.URI:
			return gateway.Faults{fault(gateway.SettlementOwn, string(m.ID), "")}
		case evidence != s.Evidence: // what was said may have been said anew since
			return gateway.Faults{fault(gateway.SettlementEvidence, string(m.ID), s.Evidence.String())}
		}
		s.Confirmed, s.ConfirmedBy = tx.Now(), c.URI
		if err := tx.PutSettlement(s, m.Whole); err != nil {
			return err
		}
		return errors.Join(tx.Audit(c.URI, "message settled", string(m.ID), m.PayloadDigest), tx.Audit(c.URI, "evidence of a settlement", string(m.ID), s.Evidence))
	})
	if err != nil {
		return DeadLetter{}, err
	}
	g.Log.Tell(event.Event{Name: event.MessageSettled, Message: m.ID, Route: m.Route, Partner: m.Recipient, State: string(gateway.Settled), Caller: c.URI})
	return g.deadLetterOf(ctx, id)
}
