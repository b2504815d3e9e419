package flow

import (
	"context"
	"errors"
	"slices"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// replaces is the message whose place a new one takes.
func (r *revising) replaces(id gateway.MessageID) (store.Message, bool) {
	if r == nil {
		return store.Message{}, false
	}
	m, ok := r.amended[id]
	return m, ok
}

// recordRevision writes what an act does to the messages that stand, if all that it rests on is
// still so; else it is to be judged again. Its own messages are written with all others.
func (g *Gateway) recordRevision(ctx context.Context, tx *store.Tx, a store.Arrival, j *judgement) (again bool, err error) {
	r := j.revises
	now, err := openWhole(ctx, tx, r.whole)
	if err != nil || rests(now.sources, now.messages) != r.rests {
		return true, err
	}
	for _, m := range r.withdraw {
		if err := tx.Withdraw(m, "its sender changed it before it was handed over"); err != nil {
			return false, err
		}
		if err := g.noMore(ctx, tx, m, a); err != nil {
			return false, err
		}
		if err := tx.Audit(a.Caller, "message withdrawn", string(m.ID), m.PayloadDigest); err != nil {
			return false, err
		}
	}
	for _, back := range r.ask {
		m := back.of
		m.Withdrawal = gateway.WithdrawalAsked
		if err := tx.PutWithdrawal(m); err != nil {
			return false, err
		}
		from := reconcile.Origin{Message: j.messages[back.by].ID, Received: tx.Now(), Asks: gateway.WithdrawalAsked}
		if err := g.attachTo(ctx, tx, m, j.notices[back.by], from); err != nil {
			return false, err
		}
		if err := tx.Audit(a.Caller, "withdrawal asked", string(m.ID), m.PayloadDigest); err != nil {
			return false, err
		}
	}
	for _, subject := range r.dropped {
		if err := tx.PutAnnounced(j.submission.Route, subject, ""); err != nil {
			return false, err
		}
	}
	for _, s := range r.close {
		if !s.State.CanBecome(gateway.Withdrawn) {
			continue
		}
		s.State, s.Reason, s.WaitsFor = gateway.Withdrawn, "taken back by "+j.submission.Called(), []string{}
		full, err := tx.Submission(ctx, s.Office, s.ID)
		if err != nil {
			return false, err
		}
		s.Canonical = full.Canonical
		if err := errors.Join(tx.PutSubmission(s), auditState(tx, a.Caller, s)); err != nil {
			return false, err
		}
	}
	return false, nil
}

// noMore takes what was not handed over out of the movement that it is in: a change leaves it as
// it was before.
func (g *Gateway) noMore(ctx context.Context, tx *store.Tx, m store.Message, a store.Arrival) error {
	if m.Replaces != "" {
		return g.announcementDecided(ctx, tx, m.ID)
	}
	id := a.Door + "/" + a.Party + "/" + a.ID + "/" + string(m.ID)
	back := &customsv1.Document{
		Envelope: &customsv1.Envelope{DocumentId: id, Function: customsv1.FunctionCode_CANCELLATION, Issued: &customsv1.Instant{Value: document.FormatInstant(tx.Now())}},
		Kind:     &customsv1.Document_Cancellation{Cancellation: &customsv1.Cancellation{Subject: &customsv1.Reference{Id: m.DocumentID}}},
	}
	return g.attachTo(ctx, tx, m, back, reconcile.Origin{Message: gateway.MessageID(id), Received: tx.Now()})
}

// announcementDecided notes in its movement what became of one of our announcements or changes: one
// that the partner refused, or never had, counts no more; a change counts once the partner has
// taken it.
func (g *Gateway) announcementDecided(ctx context.Context, tx *store.Tx, id gateway.MessageID) error {
	m, err := tx.Message(ctx, id)
	if err != nil {
		return err
	}
	in, err := g.movementOfMessage(ctx, tx, m)
	if in == nil || err != nil {
		return err
	}
	var now gateway.Withdrawal
	switch {
	case !live(m):
		now = gateway.WithdrawalRefused
	case m.Replaces != "" && taken(m.State):
		now = gateway.WithdrawalDone
	case m.Replaces != "":
		now = gateway.WithdrawalAsked
	}
	if in.Decided(m.ID, "") == now {
		return nil
	}
	in.Movement = reconcile.Decide(in.Movement, m.ID, "", now, g.Tolerances)
	return g.keep(tx, *in)
}

// taken reports whether the partner has taken a message: by its signed acceptance or, where its record allows
// that, without a signature.
func taken(s gateway.MessageState) bool { return s == gateway.Accepted || s == gateway.Unsigned }

// announcementConcluded notes what a receipt, or the want of one, means to an announcement or
// change.
func (g *Gateway) announcementConcluded(ctx context.Context, tx *store.Tx, m store.Message) error {
	if !slices.Contains(telling, m.Kind) || m.Kind == kindCancellation {
		return nil
	}
	if m.State == gateway.Refused || m.State == gateway.Dead || taken(m.State) && m.Replaces != "" {
		return g.announcementDecided(ctx, tx, m.ID)
	}
	if taken(m.State) {
		return g.acceptedNow(ctx, tx, m.ID)
	}
	return nil
}

// actEnded has the acts judged anew that wait for one on the same whole to end.
func (g *Gateway) actEnded(ctx context.Context, tx *store.Tx, whole gateway.MessageID, ended store.Submission) error {
	if whole == "" {
		return nil
	}
	sources, err := tx.Sources(ctx, whole)
	if err != nil {
		return err
	}
	for _, s := range sources {
		if s.State == gateway.Held && slices.Contains(s.WaitsFor, WaitsForEarlier) && !(s.Office == ended.Office && gateway.SameID(s.ID, ended.ID)) {
			if err := judgeAnew(ctx, tx, s, "an earlier act has ended"); err != nil {
				return err
			}
		}
	}
	return nil
}

// Changes are what a message says otherwise than the one whose place it takes; none if it takes
// nobody's, or the documents are erased.
func (g *Gateway) Changes(ctx context.Context, m store.Message) ([]document.Change, error) {
	if m.Replaces == "" {
		return nil, nil
	}
	before, err := g.Store.Read().Message(ctx, m.Replaces)
	if err != nil {
		return nil, err
	}
	after, err := g.Store.Read().Message(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	if before.Erased || after.Erased {
		return nil, nil
	}
	return g.changesOf(before.Canonical, after.Canonical), nil
}

// ReceivedChanges are what a partner's message says otherwise than the one whose place it takes.
func (g *Gateway) ReceivedChanges(ctx context.Context, in store.Inbound) ([]document.Change, error) {
	if in.Replaces == "" {
		return nil, nil
	}
	before, err := g.Store.Read().Inbound(ctx, in.Sender, in.Replaces)
	if err != nil {
		return nil, err
	}
	after, err := g.Store.Read().Inbound(ctx, in.Sender, in.ID)
	if err != nil {
		return nil, err
	}
	if before.Erased || after.Erased {
		return nil, nil
	}
	return g.changesOf(before.Canonical, after.Canonical), nil
}

func (g *Gateway) changesOf(before, after []byte) []document.Change {
	a, b := document.Parse(before).Document, document.Parse(after).Document
	changes, _ := document.DiffDeclared(a, b, g.Chain.Tables.Extensions().Marks)
	return slices.DeleteFunc(changes, func(c document.Change) bool { return c.Path == "changes" || strings.HasPrefix(c.Path, "changes.") })
}

// MovementChanges are what an amendment of a movement says otherwise than what it takes the place
// of, without data of persons and prices: whoever is on the route sees them.
func (g *Gateway) MovementChanges(ctx context.Context, a reconcile.Amendment) (changes []document.Change, err error) {
	if a.Sender == "" {
		m, err := g.Store.Read().Message(ctx, a.Message)
		if err != nil {
			return nil, err
		}
		changes, err = g.Changes(ctx, m)
		if err != nil {
			return nil, err
		}
	} else {
		in, err := g.Store.Read().Inbound(ctx, a.Sender, a.Message)
		if err != nil {
			return nil, err
		}
		if changes, err = g.ReceivedChanges(ctx, in); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(changes, func(c document.Change) bool { return c.Marks.Personal || c.Marks.Price }), nil
}
