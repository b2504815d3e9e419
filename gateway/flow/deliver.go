package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Retries of a delivery: quick tries first, then doubling with jitter up to a cap, for
// as long as the message is valid.
const (
	QuickTries    = 5
	QuickInterval = 500 * time.Millisecond
	MaxInterval   = 15 * time.Minute
	// VerdictInterval is how long a verdict is waited for after an RCV.
	VerdictInterval = 2 * time.Second
	// AttemptTimeout bounds one attempt.
	AttemptTimeout = 30 * time.Second
	// Parallel is how many messages travel to one partner at once.
	Parallel = 8
)

// notify wakes the courier of an administration.
func (g *Gateway) notify(to gateway.Administration) {
	select {
	case g.wake[to] <- struct{}{}:
	default:
	}
}

// courier delivers what is due to one administration until the context ends. Each has
// its own, so that one partner's trouble never slows another.
func (g *Gateway) courier(ctx context.Context, to gateway.Administration) {
	for ctx.Err() == nil {
		n, err := g.deliverDue(ctx, to)
		if err != nil && ctx.Err() == nil {
			g.Log.Tell(event.Event{Name: event.CourierFailed, Partner: to, Cause: err})
		}
		if n > 0 && err == nil {
			continue
		}
		wait := time.Second
		if next, err := g.Store.Read().NextDue(ctx, to); err == nil && !next.IsZero() {
			wait = min(max(next.Sub(g.Now()), 10*time.Millisecond), wait)
		}
		select {
		case <-ctx.Done():
		case <-g.wake[to]:
		case <-time.After(wait):
		}
	}
}

// DeliverDue makes one attempt at every message that is due to an administration now.
func (g *Gateway) DeliverDue(ctx context.Context, to gateway.Administration) error {
	_, err := g.deliverDue(ctx, to)
	return err
}

func (g *Gateway) deliverDue(ctx context.Context, to gateway.Administration) (int, error) {
	due, err := g.Store.Read().Due(ctx, to, g.Now(), Parallel)
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(due))
	var wg sync.WaitGroup
	for i, m := range due {
		wg.Go(func() { errs[i] = g.attempt(ctx, m) })
	}
	wg.Wait()
	return len(due), errors.Join(errs...)
}

// attempt tries to deliver one message and records what came of it.
func (g *Gateway) attempt(ctx context.Context, m store.Message) error {
	now := g.Now()
	if now.After(m.ValidUntil) {
		// A message goes back to queued when the link knows that nothing was handed over.
		outcome := gateway.OutcomeUnknown
		if m.State == gateway.Queued {
			outcome = gateway.NeverHandedOver
		}
		m.State, m.Reason = gateway.Dead, "expired: "+outcome
		err := g.conclude(ctx, m, nil)
		return g.tellOf(m, event.Event{Name: event.MessageExpired, Outcome: outcome}, err)
	}
	sealed, err := seal.Restore(g.Trust, m.Header, m.Signature, m.Payload)
	if err != nil {
		return fmt.Errorf("restore message %s: %w", m.ID, err)
	}
	// On disk before a byte leaves: after a crash the outcome counts as unknown.
	before := m.State
	m.Attempts++
	m.NextAttempt = now.Add(g.backoff(m.Attempts))
	if m.State == gateway.Queued {
		m.State = gateway.Sending
	}
	if err := g.conclude(ctx, m, nil); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, AttemptTimeout)
	defer cancel()
	signed, failure := g.Links[m.Recipient].Deliver(bounded, sealed)
	if failure != nil {
		m.LastError = failure.Error()
		outcome := Unknown
		if errors.As(failure, new(*peer.NotSentError)) {
			m.State, outcome = before, NotSent
		}
		err := g.conclude(ctx, m, nil)
		return g.tellOf(m, event.Event{Name: event.DeliveryFailed, Outcome: outcome, Cause: failure}, err)
	}
	at := g.Now()
	receipt, failure := g.Trust.OpenReceipt(signed.Header, signed.Statement, signed.Signature, sealed.Header(), at)
	if failure != nil {
		m.LastError = "receipt: " + failure.Error()
		err := g.conclude(ctx, m, nil)
		return g.tellOf(m, event.Event{Name: event.ReceiptRefused, Codes: event.CodesOf(asFaults(failure)), Cause: failure}, err)
	}
	// The partner tells when our clock is ahead of its; its receipt, when its is ahead of ours.
	clocks := clockFaults(receipt.At, at)
	if len(clocks) > 0 {
		clocks[0].Remedy = gateway.ByPartner
	}
	for _, r := range receipt.Faults {
		if r.Code == gateway.ClockAhead {
			f := r.Fault()
			f.Remedy = theirs(r)
			clocks = append(clocks, f)
		}
	}
	if len(clocks) > 0 {
		g.Log.Tell(event.Event{Name: event.ClocksDiffer, Message: m.ID, Partner: m.Recipient, Skew: receipt.At.Sub(at)})
		if err := g.warnSources(ctx, m, clocks); err != nil {
			return err
		}
	}
	m.LastError, m.Receipt = "", (*store.Statement)(&signed)
	if next := receipt.Verdict.State(); m.State.CanBecome(next) {
		m.State = next
	}
	if receipt.Verdict == gateway.RCV {
		m.NextAttempt = at.Add(VerdictInterval)
	}
	err = g.conclude(ctx, m, &receipt)
	said := event.Event{
		Name: event.ReceiptVerified, Verdict: string(receipt.Verdict), Codes: codesOf(receipt.Faults),
		Took: at.Sub(m.Created), Skew: skew(receipt.At, now, at, m.Attempts == 1),
	}
	return g.tellOf(m, said, err)
}

// Outcomes of an attempt that brought no receipt.
const (
	NotSent = "not sent"  // the partner cannot have the message
	Unknown = "not known" // it may
)

// tellOf tells of a message as it now is, if that is on disk.
func (g *Gateway) tellOf(m store.Message, e event.Event, err error) error {
	if err != nil {
		return err
	}
	e.Message, e.Route, e.Partner, e.State, e.Attempt = m.ID, m.Route, m.Recipient, string(m.State), m.Attempts
	g.Log.Tell(e)
	return nil
}

// skew is how much a partner's clock is ahead of ours, by a receipt that was made while we
// waited for it: nothing that the waiting explains. A receipt may be one given before,
// unless this is the first attempt.
func skew(made, asked, got time.Time, first bool) time.Duration {
	switch {
	case made.After(got):
		return made.Sub(got)
	case made.Before(asked) && first:
		return made.Sub(asked)
	}
	return 0
}

// codesOf are the codes of what a partner reports, each once.
func codesOf(reports []gateway.Report) (codes []gateway.Code) {
	for _, r := range reports {
		if !slices.Contains(codes, r.Code) {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

// conclude writes a changed message in one unit of work. The faults of a refusal go to the
// submissions it was made from, at the places in their own documents.
func (g *Gateway) conclude(ctx context.Context, m store.Message, receipt *seal.Receipt) error {
	var refusal gateway.Faults
	if receipt != nil && receipt.Verdict == gateway.ERR {
		refusal = g.relocate(ctx, m, receipt.Faults)
	}
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		now, err := tx.Message(ctx, m.ID)
		if err != nil {
			return err
		}
		m.Answers = now.Answers // an answer may have come meanwhile
		if err := tx.PutMessage(m); err != nil {
			return err
		}
		if len(refusal) > 0 {
			if err := g.refuseSources(ctx, tx, m, refusal); err != nil {
				return err
			}
		}
		return tx.Audit("gateway", "message "+string(m.State), string(m.ID), m.PayloadDigest)
	})
	if err != nil {
		return fmt.Errorf("message %s: %w", m.ID, err)
	}
	return nil
}

// warnSources tells the submissions that a message was made from of clocks that differ,
// each once.
func (g *Gateway) warnSources(ctx context.Context, m store.Message, clocks gateway.Faults) error {
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		sources, err := tx.Joined(ctx, m.Whole)
		if err != nil {
			return err
		}
		for _, s := range sources {
			if slices.ContainsFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == gateway.ClockAhead }) {
				continue
			}
			s.Faults = append(s.Faults, clocks...)
			if err := tx.PutSubmission(s); err != nil {
				return err
			}
		}
		return tx.Audit("gateway", "clocks differ", string(m.ID), m.PayloadDigest)
	})
	return err
}

// refuseSources gives the submissions that a message was made from the faults of its
// refusal. Those of several messages of one whole stand together, each once.
func (g *Gateway) refuseSources(ctx context.Context, tx *store.Tx, m store.Message, refusal gateway.Faults) error {
	whole, err := tx.Messages(ctx, m.Whole)
	if err != nil {
		return err
	}
	more := slices.ContainsFunc(whole, func(o store.Message) bool { return o.ID != m.ID && o.State == gateway.Refused })
	sources, err := tx.Joined(ctx, m.Whole)
	if err != nil {
		return err
	}
	for _, s := range sources {
		if !more {
			s.Faults = nil
		}
		for _, f := range refusal {
			if !slices.ContainsFunc(s.Faults, func(said gateway.Fault) bool { return sameFault(said, f) }) {
				s.Faults = append(s.Faults, f)
			}
		}
		if err := tx.PutSubmission(s); err != nil {
			return err
		}
	}
	return nil
}

// relocate takes the faults that a partner found in its own XML back to the places in
// the documents that the values came from.
func (g *Gateway) relocate(ctx context.Context, m store.Message, reports []gateway.Report) gateway.Faults {
	faults := make(gateway.Faults, len(reports))
	var out *Output
	if messages, err := g.Store.Read().Messages(ctx, m.Whole); err == nil {
		if t, err := g.translateAgain(ctx, messages, ""); err == nil {
			out = t.Outputs[m.Part-1]
		}
	}
	for i, r := range reports {
		f := r.Fault()
		f.Remedy = theirs(r)
		if out != nil && r.Location != "" {
			place, path, remedy := out.sourceOf(f.Location)
			f.Location, f.Place = place, document.PlaceOf(out.of.whole, out.whole(path))
			if f.Remedy == gateway.ByOperator {
				f.Remedy = remedy
			}
		}
		faults[i] = f
	}
	return faults
}

// theirs is who can mend what a partner reports, seen from here: what is the partner's to
// it is ours, and the rest is the partner's own.
func theirs(r gateway.Report) gateway.Remedy {
	if r.Remedy == gateway.ByPartner || r.Remedy == "" {
		return gateway.ByOperator
	}
	return gateway.ByPartner
}

// backoff is how long to wait after the n-th attempt.
func (g *Gateway) backoff(n int) time.Duration {
	if n <= QuickTries {
		return QuickInterval
	}
	wait := MaxInterval
	if shift := n - QuickTries; shift < 12 {
		wait = min(QuickInterval<<shift, MaxInterval)
	}
	return wait - time.Duration(g.Jitter()*float64(wait)/4)
}
