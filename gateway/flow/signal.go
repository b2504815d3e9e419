package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/store"
)

// Signal is what a partner says by itself of a message that was handed over, without a signature.
type Signal struct {
	Verdict gateway.Verdict
	// Wait is how long the verdict is waited for behind an RCV; zero: that ends the message.
	Wait    time.Duration
	Refusal []gateway.Report // of an ERR
}

// Refuse refuses at a door what is no delivery: it is counted, and audited by its digest. It returns the faults.
func (g *Gateway) Refuse(ctx context.Context, caller string, content []byte, faults ...gateway.Fault) error {
	return g.refuse(ctx, Caller{URI: caller}, content, faults...)
}

// Signalled returns a message that a signal is about: one that was handed over to whom the caller speaks for. Of any
// other nobody learns whether it is there: store.ErrNotFound.
func (g *Gateway) Signalled(ctx context.Context, from []gateway.Administration, id gateway.MessageID) (store.Message, error) {
	m, err := g.Store.Read().Message(ctx, id)
	if err == nil && (m.State == gateway.Queued || !slices.Contains(from, m.Recipient)) {
		return store.Message{}, store.ErrNotFound
	}
	return m, err
}

// TakeSignal takes a signal without a signature from a partner whose record allows that, and returns what the message
// has come to. What is accepted stands as acknowledged, unsigned; what is refused is a dead letter of which nobody
// can show what became of it, and its submissions are told the partner's faults. One whose partner has signed anything
// waits for its signed verdict. A signal that is not expected, because the message has ended otherwise, changes nothing
// and is refused: gateway.Faults with SIGNAL_UNEXPECTED; the same again changes nothing either.
func (g *Gateway) TakeSignal(ctx context.Context, caller string, from []gateway.Administration, id gateway.MessageID, s Signal, raw []byte) (gateway.MessageState, error) {
	m, err := g.Signalled(ctx, from, id)
	if err != nil {
		return "", err
	}
	at, news := g.Now(), false
	if m.State != gateway.Sending {
		return m.State, g.passedOver(ctx, caller, m, s.Verdict, raw)
	}
	if s.saysAgain(m, at) {
		return m.State, nil
	}
	var refusal gateway.Faults
	if s.Verdict == gateway.ERR {
		refusal = g.relocate(ctx, m, nil, s.Refusal)
	}
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		now, err := tx.Message(ctx, m.ID)
		if err != nil {
			return err
		}
		now.Payload, now.Canonical = nil, nil
		m = now
		if news = now.State == gateway.Sending; !news {
			return tx.Audit(caller, "signal "+string(s.Verdict)+" changes nothing", string(m.ID), gateway.DigestOf(raw))
		}
		said, put, before := reported{}, tx.PutHeard, now
		now.LastError = ""
		switch {
		case s.Verdict == gateway.ERR:
			now.State, now.Reason, said.refusal = gateway.Dead, unsignedRefusal, refusal
		case s.Verdict == gateway.RCV && s.Wait > 0:
			waits(&now, at, s.Wait)
			put = func(m store.Message) error { return tx.PutProgress(m, true) } // what an attempt that is under way brings is more
		default:
			now.State, now.Reason = gateway.Unsigned, ""
		}
		heardOf(&now, before)
		m = now
		return errors.Join(put(now), tx.Audit(caller, "signal "+string(s.Verdict)+" without a signature", string(m.ID), gateway.DigestOf(raw)), g.concluded(ctx, tx, now, said))
	})
	if err != nil {
		return "", fmt.Errorf("message %s: %w", m.ID, err)
	}
	if news {
		return m.State, g.tellOf(m, event.Event{Name: event.MessageSignalled, Verdict: string(s.Verdict), Codes: event.CodesOf(refusal)}, nil)
	}
	return m.State, g.passedOver(ctx, caller, m, s.Verdict, raw)
}

// saysAgain reports whether a signal says at an instant what is waited for already: that the bytes came.
func (s Signal) saysAgain(m store.Message, at time.Time) bool {
	if s.Verdict != gateway.RCV || s.Wait == 0 {
		return false
	}
	before := m.NextAttempt
	waits(&m, at, s.Wait) // not behind its validity: then nothing is waited for any more
	return before.After(m.NextAttempt.Add(-s.Wait/2)) && !before.After(m.NextAttempt)
}

// passedOver is what a signal comes to that changes nothing: it is refused unless the message waits for a signed verdict,
// or has ended as it says.
func (g *Gateway) passedOver(ctx context.Context, caller string, m store.Message, v gateway.Verdict, raw []byte) error {
	refused := m.State == gateway.Dead && m.Reason == unsignedRefusal
	if m.State == gateway.Received || m.State == gateway.Unsigned && v != gateway.ERR || refused && v == gateway.ERR {
		return nil
	}
	return g.refuse(ctx, Caller{URI: caller}, raw, gateway.Fault{
		Code: gateway.SignalUnexpected, Severity: gateway.Error, Value: string(v), Expected: gateway.Say(gateway.WordMessageEnded),
	})
}

// refusedUnsigned ends a message that its partner refuses without a signature, and tells its submissions why. Made is
// what the message's payload was made in, nil if that was let go. One of which it has signed that it has the bytes
// waits for its signed verdict.
func (g *Gateway) refusedUnsigned(ctx context.Context, m store.Message, made *Output, reports []gateway.Report) error {
	if m.State == gateway.Received {
		return g.conclude(ctx, m, reported{}, false)
	}
	refusal := g.relocate(ctx, m, made, reports)
	m.State, m.Reason, m.LastError = gateway.Dead, unsignedRefusal, ""
	return g.tellOf(m, event.Event{Name: event.MessageSignalled, Verdict: string(gateway.ERR), Codes: event.CodesOf(refusal)}, g.conclude(ctx, m, reported{refusal: refusal}, false))
}
