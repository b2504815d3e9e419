package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// When a partner is asked what became of a message that it may have, once its validity is over and it is handed over
// no more.
const (
	// StatusQuiet is how long behind the validity the partner is asked first: whatever of an attempt is still on its way
	// then has ended at both sides, so that what was never received never will be.
	StatusQuiet = 2 * AttemptTimeout
	// StatusFor is how long behind the validity an answer is waited for. Then the outcome is unknown. Who looks later
	// asks once.
	StatusFor = 15 * time.Minute
	// StatusTimeout bounds one question.
	StatusTimeout = 30 * time.Second
	// maxGiven is how many bytes of receipts one answer holds.
	maxGiven = 1 << 20
)

// expire ends a message whose validity is over without a verdict.
func (g *Gateway) expire(ctx context.Context, m store.Message, outcome string) error {
	m.State, m.Reason, m.Parked = gateway.Dead, expiredAs(outcome), false
	err := g.conclude(ctx, m, reported{}, false)
	return g.tellOf(m, event.Event{Name: event.MessageExpired, Outcome: outcome}, err)
}

// lapsed ends a message whose validity is over at an instant: at once what the partner cannot have, or cannot be asked
// of; any other as the partner says, or with an unknown outcome when it has said nothing for long enough.
func (g *Gateway) lapsed(ctx context.Context, m store.Message, now time.Time) error {
	if _, asked := g.asked(m.Recipient); m.State == gateway.Queued || !asked {
		return g.expire(ctx, m, outcomeOf(m))
	}
	if first := m.ValidUntil.Add(StatusQuiet); now.Before(first) {
		m.Tries, m.NextAttempt = 0, first
		return g.conclude(ctx, m, reported{}, false)
	}
	last := !now.Before(m.ValidUntil.Add(StatusFor))
	status, statement, failure := g.askStatus(ctx, m)
	if errors.Is(failure, errNotBalanced) {
		m.NextAttempt = now.Add(BalanceRetry)
		return g.conclude(ctx, m, reported{}, false)
	}
	g.couriers[m.Recipient].heard(ctx, now, failure)
	if ctx.Err() != nil {
		return ctx.Err() // it is a stop, and silence of nobody
	}
	if failure != nil {
		m.LastError = "status: " + failure.Error()
		if err := g.tellOf(m, event.Event{Name: event.StatusFailed, Cause: failure}, nil); err != nil {
			return err
		}
		return g.askLater(ctx, m, now, last)
	}
	if err := g.tellOf(m, event.Event{Name: event.StatusHeard, Outcome: string(status.Status)}, nil); err != nil {
		return err
	}
	switch {
	case status.Status == seal.StatusNeverReceived && m.State == gateway.Sending && g.toldAll(status, m):
		m.State, m.Reason, m.Parked = gateway.Dead, expiredAs(gateway.NeverHandedOver), false
		_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
			return errors.Join(tx.Audit("gateway", neverCameStated, string(m.ID), gateway.DigestOf(statement)), g.concludeIn(ctx, tx, m, reported{}, false))
		})
		return g.tellOf(m, event.Event{Name: event.MessageExpired, Outcome: gateway.NeverHandedOver}, err)
	case status.Status == seal.StatusNeverReceived:
		return g.askLater(ctx, m, now, true) // it says otherwise than it has signed, or does not know
	case status.Receipt == nil: // it has no room in an answer; the same delivery brings it, for the partner has the bytes
		return g.receiptAnew(ctx, m, now, last)
	}
	of, err := seal.ParseHeader(m.Header)
	if err != nil {
		return fmt.Errorf("message %s: %w", m.ID, err)
	}
	return g.answeredLate(ctx, m, of, peer.Answer{Receipt: peer.Receipt(*status.Receipt)}, now, last)
}

// answeredLate has a message stand as an answer says that came behind its validity. Of what decides nothing the partner is
// asked again, until it was the last time.
func (g *Gateway) answeredLate(ctx context.Context, m store.Message, of seal.Header, answer peer.Answer, now time.Time, last bool) error {
	m.Payload, m.Canonical = nil, nil
	switch {
	case answer.Statement != nil:
	case !answer.Unsigned || m.State == gateway.Received:
		return g.askLater(ctx, m, now, last)
	case len(answer.Refusal) > 0:
		return g.refusedUnsigned(ctx, m, nil, answer.Refusal)
	default:
		return g.acknowledgedUnsigned(ctx, m)
	}
	receipt, failure := g.Trust.OpenReceipt(answer.Header, answer.Receipt.Statement, answer.Signature, of, now)
	switch {
	case failure != nil:
		m.LastError = "receipt: " + failure.Error()
		err := g.askLater(ctx, m, now, last)
		return g.tellOf(m, event.Event{Name: event.ReceiptRefused, Codes: event.CodesOf(asFaults(failure)), Cause: failure}, err)
	case receipt.Verdict != gateway.RCV:
		return g.answered(ctx, m, nil, of, answer, now)
	case m.State == gateway.Received:
		return g.askLater(ctx, m, now, last)
	}
	g.stands(&m, receipt, store.Statement(answer.Receipt), now)
	return g.concludeOrAsk(ctx, m, reported{receipt: &receipt}, now, last)
}

// neverCameStated is what the trail says where a partner has signed that a message never came, with the digest of what it signed.
const neverCameStated = "partner states that it has not come"

// toldAll reports whether a partner that says that a message never came would know if it had.
func (g *Gateway) toldAll(s heardStatus, m store.Message) bool { return s.since.Before(m.Created) }

// askLater has a partner be asked again or, the last time, ends the message with an unknown outcome.
func (g *Gateway) askLater(ctx context.Context, m store.Message, now time.Time, last bool) error {
	m.Payload, m.Canonical = nil, nil
	return g.concludeOrAsk(ctx, m, reported{}, now, last)
}

func (g *Gateway) concludeOrAsk(ctx context.Context, m store.Message, said reported, now time.Time, last bool) error {
	if !last {
		m.Tries++
		m.NextAttempt = earlier(now.Add(g.doubled(VerdictInterval, m.Tries, MaxVerdictInterval)), m.ValidUntil.Add(StatusFor))
		return g.conclude(ctx, m, said, false)
	}
	if said.receipt != nil {
		if err := g.conclude(ctx, m, said, true); err != nil {
			return err
		}
	}
	return g.expire(ctx, m, gateway.OutcomeUnknown)
}

// receiptAnew has a message that the partner has delivered once more for its receipt.
func (g *Gateway) receiptAnew(ctx context.Context, m store.Message, now time.Time, last bool) error {
	sealed, err := seal.Restore(g.Trust, m.Header, m.Signature, m.Payload)
	if err != nil {
		return fmt.Errorf("restore message %s: %w", m.ID, err)
	}
	bounded, cancel := context.WithTimeout(ctx, AttemptTimeout)
	defer cancel()
	answer, failure := g.deliverTo(bounded, m.Recipient, sealed, m.Attempts+1)
	if failure != nil {
		m.LastError = failure.Error()
		return g.askLater(ctx, m, now, last)
	}
	return g.answeredLate(ctx, m, sealed.Header(), answer, now, last)
}

// heardStatus is what a partner has signed of one message, and from when on it knows all that it has received.
type heardStatus struct {
	seal.StatusEntry
	since time.Time
}

// askStatus asks a partner what became of one message that it may have, and returns what it has signed.
func (g *Gateway) askStatus(ctx context.Context, m store.Message) (out heardStatus, statement []byte, err error) {
	link, ok := g.asked(m.Recipient)
	if !ok {
		return out, nil, errNotAsked
	}
	if open, err := g.balancers[m.Recipient].open(ctx); err != nil || !open {
		return out, nil, errors.Join(err, errNotBalanced)
	}
	query := seal.StatusQuery{MessageIDs: []gateway.MessageID{m.ID}}
	signed, err := g.Keys.Sign(seal.Header{
		MessageID: gateway.MessageID(g.NewID()), Sender: g.Own, Recipient: m.Recipient, Conversation: m.Conversation, Created: g.Now(),
	}, query)
	if err != nil {
		return out, nil, fmt.Errorf("sign question: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, StatusTimeout)
	defer cancel()
	answer, err := link.Status(bounded, signed)
	if err != nil {
		return out, nil, err
	}
	status, err := g.Trust.OpenStatus(answer.Header, answer.Statement, answer.Signature, signed.Header(), query, g.Now())
	if err != nil {
		return out, nil, fmt.Errorf("status: %w", err)
	}
	return heardStatus{status.Entries[0], status.Since}, answer.Statement, nil
}

// StateStatus answers a partner's signed question about messages of its own with one signed statement. Of what others
// sent it says the same as of what never came. After a restore it says nothing before the two are balanced.
func (g *Gateway) StateStatus(ctx context.Context, caller string, from []gateway.Administration, header, statement, signature []byte) (store.Statement, error) {
	room, err := g.room(ctx, caller, len(statement))
	if err != nil {
		return store.Statement{}, err
	}
	defer room.Release()
	h, query, err := g.Trust.OpenStatusQuery(header, statement, signature, g.Now())
	if err := g.mayAsk(ctx, caller, from, h, statement, err); err != nil {
		return store.Statement{}, err
	}
	if open, err := g.Open(ctx, h.Sender); err != nil {
		return store.Statement{}, err
	} else if !open {
		return store.Statement{}, gateway.Faults{fault(gateway.BalancePending, string(h.Sender), "")}
	}
	restored, err := g.Store.Read().Restored(ctx)
	if err != nil {
		return store.Statement{}, err
	}
	out := seal.StatusAnswer{Since: restored.At.UTC(), At: g.Now().UTC()}
	given := 0
	for _, id := range query.MessageIDs {
		e, err := g.becameOf(ctx, h.Sender, id)
		if err != nil {
			return store.Statement{}, err
		}
		if r := e.Receipt; r != nil {
			if n := len(r.Header) + len(r.Statement) + len(r.Signature); given+n > maxGiven {
				e.Receipt = nil
			} else {
				given += n
			}
		}
		out.Entries = append(out.Entries, e)
	}
	signed, err := g.answer(h, out)
	if err != nil {
		return store.Statement{}, fmt.Errorf("sign status: %w", err)
	}
	if _, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		return tx.Audit(caller, "status stated", string(h.Sender), gateway.DigestOf(signed.Statement()))
	}); err != nil {
		return store.Statement{}, fmt.Errorf("state status: %w", err)
	}
	g.Log.Tell(event.Event{Name: event.StatusStated, Partner: h.Sender, Caller: caller, Count: len(out.Entries)})
	return store.Statement{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}, nil
}

// mayAsk refuses a partner's question that does not hold, for the reason that opening it has given, whose asker the
// caller may not speak for, or that is for another administration. Others count as a sign of life.
func (g *Gateway) mayAsk(ctx context.Context, caller string, from []gateway.Administration, h seal.Header, statement []byte, flaw error) error {
	switch {
	case flaw != nil:
		return g.refuse(ctx, Caller{URI: caller}, statement, asFaults(flaw)...)
	case !slices.Contains(from, h.Sender):
		return g.refuse(ctx, Caller{URI: caller}, statement, fault(gateway.SenderWrong, string(h.Sender), fmt.Sprint(from)))
	case h.Recipient != g.Own:
		return g.refuse(ctx, Caller{URI: caller}, statement, fault(gateway.RecipientWrong, string(h.Recipient), string(g.Own)))
	}
	g.calls(h.Sender)
	return nil
}

// answer signs what is stated to the question whose header is of.
func (g *Gateway) answer(of seal.Header, s seal.Statement) (seal.Signed, error) {
	return g.Keys.Sign(seal.Header{
		MessageID: gateway.MessageID(g.NewID()), Sender: g.Own, Recipient: of.Sender, Conversation: of.Conversation, RelatesTo: of.MessageID, Created: g.Now(),
	}, s)
}

// becameOf is what became here of a message of a sender's.
func (g *Gateway) becameOf(ctx context.Context, sender gateway.Administration, id gateway.MessageID) (seal.StatusEntry, error) {
	out := seal.StatusEntry{MessageID: id, Status: seal.StatusNeverReceived}
	a, err := g.Store.Read().Arrival(ctx, store.DoorPeer, string(sender), string(id))
	if errors.Is(err, store.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Status, out.Payload = seal.StatusReceived, a.Digest
	receipt := a.Receipt
	if a.Parked {
		out.Status = seal.StatusParked
	}
	if a.Judged {
		in, err := g.Store.Read().Inbound(ctx, sender, gateway.MessageID(a.ID))
		if err != nil {
			return out, err
		}
		receipt = in.Receipt
		switch in.State {
		case gateway.Accepted:
			out.Status = seal.StatusAccepted
		case gateway.Refused:
			out.Status = seal.StatusRefused
		case gateway.Parked:
			out.Status = seal.StatusParked
		}
	}
	if receipt != nil {
		out.Receipt = &seal.GivenReceipt{Header: bytes.Clone(receipt.Header), Statement: bytes.Clone(receipt.Statement), Signature: bytes.Clone(receipt.Signature)}
	}
	return out, nil
}
