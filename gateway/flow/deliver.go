package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/budget"
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
	// VerdictInterval is how long a verdict is waited for after an RCV; it doubles with
	// each time that there is none yet.
	VerdictInterval    = 2 * time.Second
	MaxVerdictInterval = 5 * time.Minute
	// AttemptTimeout bounds one attempt.
	AttemptTimeout = 30 * time.Second
	// DeliverTries is after how many attempts that failed for a reason of its own here a
	// message is parked.
	DeliverTries = 6
)

// doubled is an interval after n failures, doubled with each up to a greatest one, less a
// part of it by chance, so that what failed together does not come again together.
func (g *Gateway) doubled(first time.Duration, n int, most time.Duration) time.Duration {
	wait := most
	if n--; n < 32 && first<<max(n, 0) < most {
		wait = first << max(n, 0)
	}
	return wait - time.Duration(g.Jitter()*float64(wait)/4)
}

// backoff is how long to wait after the n-th attempt.
func (g *Gateway) backoff(n int) time.Duration {
	if n <= QuickTries {
		return QuickInterval
	}
	return g.doubled(2*QuickInterval, n-QuickTries, MaxInterval)
}

// deliveryFactor is how many bytes of memory one byte of a message takes on its way: as it
// is stored, restored and on the wire.
const deliveryFactor = 4

// attempt tries to deliver one message and records what came of it. What goes wrong here
// with this message alone is noted with it; the error concerns all of them, or says that
// it could not be noted.
func (g *Gateway) attempt(ctx context.Context, to gateway.Administration, t store.Turn) (err error) {
	if g.Pulls(to) {
		return g.awaitFetch(ctx, t)
	}
	room, err := g.Budget.Deliveries.Await(ctx, string(to), deliveryFactor*int64(t.Size))
	if err != nil {
		return err
	}
	defer room.Release()
	m, err := g.Store.Read().Message(ctx, t.ID)
	if err != nil {
		return err
	}
	m.Claim = t.Claim
	return g.noted(ctx, t, m, func() error { return g.tryDelivery(ctx, m) })
}

// firstAttempt delivers a message as it was recorded: as sent, and this process's own.
// Made is what its payload was made in, nil if that was let go.
func (g *Gateway) firstAttempt(ctx context.Context, m store.Message, sealed seal.Sealed, made *Output) error {
	room, err := g.Budget.Deliveries.Await(ctx, string(m.Recipient), deliveryFactor*int64(len(m.Payload)))
	if err != nil {
		return err
	}
	defer room.Release()
	return g.noted(ctx, store.Turn{ID: m.ID, Claim: m.Claim}, m, func() error { return g.handOver(ctx, m, sealed, made, gateway.Queued, m.Created) })
}

// noted makes an attempt at a message whose turn it is, and notes with it what goes wrong
// with it alone.
func (g *Gateway) noted(ctx context.Context, t store.Turn, m store.Message, try func() error) error {
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				what := panicOf(p)
				_ = g.tellOf(m, event.Event{Name: event.DeliveryBroke, Cause: what, Stack: string(debug.Stack())}, nil)
				err = what
			}
		}()
		return try()
	}()
	var busy *peer.BusyError
	if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrTaken) && !concernsAll(err) && !errors.As(err, &busy) {
		err = g.notDelivered(ctx, t, err)
	}
	if errors.Is(err, store.ErrTaken) { // whatever came of this attempt, the other's counts
		g.Log.Tell(event.Event{Name: event.DeliveryTaken, Message: t.ID, Partner: m.Recipient})
		return nil
	}
	return err
}

// tryDelivery is one attempt.
func (g *Gateway) tryDelivery(ctx context.Context, m store.Message) (err error) {
	now := g.Now()
	if now.After(m.ValidUntil) {
		return g.lapsed(ctx, m, now)
	}
	sealed, err := seal.Restore(g.Trust, m.Header, m.Signature, m.Payload)
	if err != nil {
		return fmt.Errorf("restore message %s: %w", m.ID, err)
	}
	before := m.State
	g.attempted(&m, now)
	if err := g.conclude(ctx, m, reported{}, true); err != nil {
		return err
	}
	return g.handOver(ctx, m, sealed, nil, before, now)
}

// attempted notes with a message that an attempt is made at an instant. It MUST be on disk
// before a byte leaves: after a crash the outcome counts as unknown.
func (g *Gateway) attempted(m *store.Message, now time.Time) {
	m.Attempts++
	m.Tries++
	m.Troubles, m.Reason = 0, ""
	m.NextAttempt = now.Add(g.backoff(m.Tries))
	if m.State == gateway.Received {
		m.NextAttempt = now.Add(g.doubled(VerdictInterval, m.Tries, MaxVerdictInterval))
	}
	if m.State == gateway.Queued {
		m.State = gateway.Sending
	}
}

// handOver makes an attempt that began at an instant, and is on disk. Before is the state
// that the message goes back to if the partner cannot have it; made is what its payload was made
// in, if that is known still.
func (g *Gateway) handOver(ctx context.Context, m store.Message, sealed seal.Sealed, made *Output, before gateway.MessageState, now time.Time) error {
	m.Payload, m.Canonical = nil, nil // the rest is about how far it has come
	bounded, cancel := context.WithTimeout(ctx, AttemptTimeout)
	defer cancel()
	answer, failure := g.deliverTo(bounded, m.Recipient, sealed, m.Attempts)
	if failure != nil {
		g.couriers[m.Recipient].heard(ctx, now, failure)
		m.LastError = failure.Error()
		outcome := Unknown
		if errors.As(failure, new(*peer.NotSentError)) {
			m.State, outcome = before, NotSent
		}
		var busy *peer.BusyError
		if errors.As(failure, &busy) {
			m.NextAttempt = maxTime(m.NextAttempt, g.Now().Add(busy.After))
			outcome = Busy
		}
		err := g.conclude(ctx, m, reported{}, false)
		err = g.tellOf(m, event.Event{Name: event.DeliveryFailed, Outcome: outcome, Cause: failure}, err)
		if busy != nil {
			return cmp.Or[error](err, busy)
		}
		return err
	}
	at := g.Now()
	switch {
	case answer.Statement != nil:
	case len(answer.Refusal) > 0:
		g.couriers[m.Recipient].heard(ctx, now, nil)
		return g.refusedUnsigned(ctx, m, made, answer.Refusal)
	case answer.Unsigned:
		g.couriers[m.Recipient].heard(ctx, now, nil)
		return g.acknowledgedUnsigned(ctx, m)
	case answer.Later > 0: // it is sent until the receipt comes
		g.couriers[m.Recipient].heard(ctx, now, nil)
		m.LastError = ""
		waits(&m, at, answer.Later)
		return g.tellOf(m, event.Event{Name: event.MessageHandedOver, Ends: m.NextAttempt}, g.conclude(ctx, m, reported{}, false))
	}
	return g.answered(ctx, m, made, sealed.Header(), answer, now)
}

// waits has a message be handed over again after a time, or when its validity ends, which it then does. One that is
// over is asked about as ever.
func waits(m *store.Message, at time.Time, wait time.Duration) {
	if at.Before(m.ValidUntil) {
		m.NextAttempt = earlier(at.Add(wait), m.ValidUntil.Add(1))
	}
}

// acknowledgedUnsigned ends a message that its partner acknowledges without a signature. One of which it has signed
// that it has the bytes waits for its signed verdict.
func (g *Gateway) acknowledgedUnsigned(ctx context.Context, m store.Message) error {
	if m.State == gateway.Received {
		return g.conclude(ctx, m, reported{}, false)
	}
	m.State, m.Reason, m.LastError = gateway.Unsigned, "", ""
	return g.tellOf(m, event.Event{Name: event.MessageUnsigned}, g.conclude(ctx, m, reported{}, false))
}

// answered has a message stand as its partner's receipt says, if it holds. The message's header is of; it was asked
// for at an instant.
func (g *Gateway) answered(ctx context.Context, m store.Message, made *Output, of seal.Header, answer peer.Answer, asked time.Time) error {
	at, signed := g.Now(), answer.Receipt
	receipt, failure := g.Trust.OpenReceipt(signed.Header, signed.Statement, signed.Signature, of, at)
	g.couriers[m.Recipient].heard(ctx, asked, failure)
	if failure != nil {
		m.LastError = "receipt: " + failure.Error()
		err := g.conclude(ctx, m, reported{}, false)
		return g.tellOf(m, event.Event{Name: event.ReceiptRefused, Codes: event.CodesOf(asFaults(failure)), Cause: failure}, err)
	}
	said, err := g.said(ctx, m, made, receipt, at)
	if err != nil {
		return err
	}
	g.stands(&m, receipt, store.Statement(signed), at)
	if m.State == gateway.Received && answer.Later > 0 {
		waits(&m, at, answer.Later)
	}
	err = g.conclude(ctx, m, said, false)
	told := event.Event{
		Name: event.ReceiptVerified, Verdict: string(receipt.Verdict), Codes: codesOf(receipt.Faults),
		Took: at.Sub(m.Created), Skew: skew(receipt.At, asked, at, m.Attempts == 1),
	}
	return g.tellOf(m, told, err)
}

// said is what a verified receipt says to the submissions of its message. Made is what the message's payload
// was made in, nil if that was let go.
func (g *Gateway) said(ctx context.Context, m store.Message, made *Output, receipt seal.Receipt, at time.Time) (reported, error) {
	// The partner tells when our clock is ahead of its; its receipt, when its is ahead of ours.
	clocks := clockFaults(receipt.At, at)
	if len(clocks) > 0 {
		clocks[0].Remedy = gateway.ByPartner
	}
	var contradicted gateway.Faults
	var others []gateway.Report
	for _, r := range receipt.Faults {
		f := r.Fault()
		switch r.Code {
		case gateway.ClockAhead:
			f.Remedy = theirs(r)
			clocks = append(clocks, f)
		case gateway.AnswerContradicts:
			f.Remedy = gateway.BySender
			contradicted = append(contradicted, f)
		default:
			if receipt.Verdict == gateway.PRS && r.Severity == gateway.Warning {
				others = append(others, r)
			}
		}
	}
	if len(clocks) > 0 {
		g.Log.Tell(event.Event{Name: event.ClocksDiffer, Message: m.ID, Partner: m.Recipient, Skew: receipt.At.Sub(at)})
	}
	unsaid, err := g.unsaid(ctx, m, made, others)
	if err != nil {
		return reported{}, err
	}
	said := reported{receipt: &receipt, warnings: slices.Concat(clocks, contradicted, unsaid)}
	if receipt.Verdict == gateway.ERR {
		said.refusal = g.relocate(ctx, m, made, receipt.Faults)
	}
	return said, nil
}

// stands has a message stand as a verified receipt says. An RCV behind the validity postpones nothing.
func (g *Gateway) stands(m *store.Message, receipt seal.Receipt, signed store.Statement, at time.Time) {
	m.LastError, m.Receipt, m.Answered = "", &signed, at
	next := receipt.Verdict.State()
	if next == gateway.Received {
		if m.State != gateway.Received {
			m.Tries = 1 // from now on it is its verdict that is waited for
		}
		if !at.After(m.ValidUntil) {
			m.NextAttempt = at.Add(g.doubled(VerdictInterval, m.Tries, MaxVerdictInterval))
		}
	}
	if m.State.CanBecome(next) {
		m.State = next
	}
}

// Outcomes of an attempt that brought no receipt.
const (
	NotSent = "not sent"  // the partner cannot have the message
	Busy    = "busy"      // the partner took nothing and asks for time
	Unknown = "not known" // it may have it
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
	case made.Before(asked) && first && asked.Sub(made) <= seal.Skew: // before that it was for one that was lost
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

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// reported is what a receipt says: its faults and warnings for the submissions that the message was
// made from, at the places in their own documents.
type reported struct {
	receipt  *seal.Receipt // nil without one
	refusal  gateway.Faults
	warnings gateway.Faults
}

// conclude writes how far a message has come in one unit of work, if nobody else has taken it
// meanwhile, and the receipt that brought it there, which m holds as it was signed. Who goes on
// with it keeps it; else it is free for whoever has room for it when it is due.
func (g *Gateway) conclude(ctx context.Context, m store.Message, said reported, keep bool) error {
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error { return g.concludeIn(ctx, tx, m, said, keep) })
	if err != nil {
		return fmt.Errorf("message %s: %w", m.ID, err)
	}
	return nil
}

// concludeIn does so in a unit of work that does more.
func (g *Gateway) concludeIn(ctx context.Context, tx *store.Tx, m store.Message, said reported, keep bool) error {
	if err := tx.PutProgress(m, keep); err != nil {
		return err
	}
	return g.concluded(ctx, tx, m, said)
}

// concluded notes what a message that has come further is to others, and what a receipt says of it.
func (g *Gateway) concluded(ctx context.Context, tx *store.Tx, m store.Message, said reported) error {
	if said.receipt != nil {
		if err := tx.PutReceipt(ctx, m.ID, store.Receipt{Statement: *m.Receipt, Verdict: said.receipt.Verdict, Verified: m.Answered}); err != nil {
			return err
		}
	}
	if len(said.warnings) > 0 {
		if err := g.warnSources(ctx, tx, m, said.warnings); err != nil {
			return err
		}
	}
	if err := g.cancellationConcluded(ctx, tx, m, said.receipt); err != nil {
		return err
	}
	if err := g.announcementConcluded(ctx, tx, m); err != nil {
		return err
	}
	if len(said.refusal) > 0 {
		if err := g.refuseSources(ctx, tx, m, said.refusal); err != nil {
			return err
		}
	}
	return tx.Audit("gateway", "message "+string(m.State), string(m.ID), m.PayloadDigest)
}

// notDelivered notes that an attempt failed for a reason of ours that only this message
// meets. After some tries it is parked, which leaves its state: the partner knows of it
// what it knew before. An own key that is not known here is not counted: it may be on its
// way, and every message that it signed waits for it.
func (g *Gateway) notDelivered(ctx context.Context, t store.Turn, cause error) error {
	var m store.Message
	_, err := g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		if m, err = tx.Message(ctx, t.ID); err != nil {
			return err
		}
		m.Claim = t.Claim
		what := "message not delivered, again later"
		var f gateway.Fault
		if !errors.As(cause, &f) || f.Code != gateway.SealKeyUnknown {
			m.Troubles++
		}
		m.Tries++
		m.LastError = gateway.Clip(cause.Error())
		m.Reason, m.NextAttempt = notHandedOver, g.Now().Add(g.doubled(JudgeInterval, m.Tries, MaxInterval))
		if m.Troubles >= DeliverTries {
			what = "alarm: message not delivered, parked"
			m.Reason, m.Parked, m.NextAttempt = notHandedOver+notHandedOverParked, true, m.ValidUntil.Add(1)
		}
		if err := tx.PutProgress(m, false); err != nil {
			return err
		}
		return tx.Audit("gateway", what, string(m.ID), m.PayloadDigest)
	})
	if err != nil {
		return fmt.Errorf("note a failed delivery: message %s: %w", t.ID, err)
	}
	name := event.MessageStuck
	if m.Parked {
		name = event.MessageParked
	}
	return g.tellOf(m, event.Event{Name: name, Cause: cause}, nil)
}

// Why a message waits that could not be handed over for a reason of ours.
const (
	notHandedOver       = "this gateway could not hand it over and tries again"
	notHandedOverParked = " when its operator says so"
)

// resend has a parked message delivered again.
func (g *Gateway) resend(ctx context.Context, c Caller, id gateway.MessageID) (m store.Message, err error) {
	_, err = g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		if m, err = tx.Message(ctx, id); err != nil {
			return err
		}
		if m.Parked {
			m.Parked, m.Troubles, m.Tries, m.NextAttempt = false, DeliverTries-1, 0, tx.Now() // one more failure parks it again
			m.Reason = notHandedOver
			if err := tx.PutProgress(m, false); err != nil {
				return err
			}
		}
		return tx.Audit(c.URI, "message sent again", string(m.ID), m.PayloadDigest)
	})
	if err == nil {
		g.notify(m.Recipient)
	}
	return m, err
}

// How many warnings of one receipt a submission is told, and how many faults it may have with them.
const (
	maxWarnings = 20
	maxWarned   = 100
)

// unsaid are what a receipt warns of with a code of which no judgement of a submission of the message has
// told, at the places in the documents that the values came from.
func (g *Gateway) unsaid(ctx context.Context, m store.Message, made *Output, reports []gateway.Report) (gateway.Faults, error) {
	if len(reports) == 0 {
		return nil, nil
	}
	read := g.Store.Read()
	sources, err := read.Sources(ctx, m.Whole)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		told := event.CodesOf(s.Faults)
		if !slices.ContainsFunc(reports, func(r gateway.Report) bool { return slices.Contains(told, r.Code) }) {
			continue
		}
		judged, err := read.Judgements(ctx, s.Office, s.ID, 1) // without what receipts have added since
		if err != nil {
			return nil, err
		}
		for _, j := range judged {
			own := event.CodesOf(j.Faults)
			reports = slices.DeleteFunc(slices.Clone(reports), func(r gateway.Report) bool { return slices.Contains(own, r.Code) })
		}
	}
	if reports = reports[:min(len(reports), maxWarnings)]; len(reports) == 0 {
		return nil, nil
	}
	return g.relocate(ctx, m, made, reports), nil
}

// warnSources tells the submissions that a message was made from what its receipt warns of, each code
// once at a place: of several messages each may warn of its own.
func (g *Gateway) warnSources(ctx context.Context, tx *store.Tx, m store.Message, warnings gateway.Faults) error {
	sources, err := tx.Joined(ctx, m.Whole)
	if err != nil {
		return err
	}
	for _, s := range ofVersion(sources, m.Version) {
		known, codes := sayings(s.Faults), event.CodesOf(s.Faults)
		more := slices.DeleteFunc(seenFrom(s, warnings), func(f gateway.Fault) bool {
			if f.Location.Expr == "" {
				return slices.Contains(codes, f.Code)
			}
			said := known[sayingOf(f)]
			known[sayingOf(f)] = true
			return said
		})
		more = more[:max(0, min(len(more), maxWarned-len(s.Faults)))]
		if len(more) == 0 {
			continue
		}
		s.Faults = append(s.Faults, more...)
		if err := tx.PutSubmission(s); err != nil {
			return err
		}
	}
	return tx.Audit("gateway", "warned by its receipt", string(m.ID), m.PayloadDigest)
}

// seenFrom are faults of a message as one of its submissions is told them: a place in its own document
// does not name it.
func seenFrom(s store.Submission, faults gateway.Faults) gateway.Faults {
	faults = slices.Clone(faults)
	for i := range faults {
		if at := &faults[i].Location; at.Document == s.Called() {
			at.Document = ""
		}
	}
	return faults
}

// ofVersion are the sources that made a version of a whole.
func ofVersion(sources []store.Submission, version int) []store.Submission {
	return slices.DeleteFunc(sources, func(s store.Submission) bool { return s.Version != version })
}

// refuseSources gives the submissions that a message was made from the faults of its
// refusal. Those of several messages of one whole stand together, each once.
func (g *Gateway) refuseSources(ctx context.Context, tx *store.Tx, m store.Message, refusal gateway.Faults) error {
	whole, err := tx.Messages(ctx, m.Whole)
	if err != nil {
		return err
	}
	more := slices.ContainsFunc(whole, func(o store.Message) bool {
		return o.ID != m.ID && o.Version == m.Version && o.State == gateway.Refused
	})
	sources, err := tx.Joined(ctx, m.Whole)
	if err != nil {
		return err
	}
	for _, s := range ofVersion(sources, m.Version) {
		if !more {
			s.Faults = nil
		}
		said := sayings(s.Faults)
		for _, f := range seenFrom(s, refusal) {
			if !said[sayingOf(f)] {
				said[sayingOf(f)] = true
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
// the documents that the values came from, each of which is named; what came from none has no place.
// What the message was made in is made again if it is not known still.
func (g *Gateway) relocate(ctx context.Context, m store.Message, made *Output, reports []gateway.Report) gateway.Faults {
	faults := make(gateway.Faults, len(reports))
	if made == nil {
		again, room := g.madeAgain(ctx, m)
		defer room.Release()
		made = again
	}
	for i, r := range reports {
		f := r.Fault()
		f.Remedy = theirs(r)
		if made != nil && r.Location != "" {
			_, path, remedy := made.sourceOf(f.Location)
			if path = made.whole(path); path != "" {
				f.Path = path
			}
			f.Location, f.Place = made.of.named(path), document.PlaceOf(made.of.whole, path)
			if f.Remedy == gateway.ByOperator {
				f.Remedy = remedy
			}
		}
		faults[i] = f
	}
	return faults
}

// madeAgain repeats the translation that made a message, within the room that it returns; nil if it
// cannot be repeated.
func (g *Gateway) madeAgain(ctx context.Context, m store.Message) (*Output, *budget.Lease) {
	messages, err := g.Store.Read().Messages(ctx, m.Whole)
	if err != nil {
		return nil, nil
	}
	messages = slots(slices.DeleteFunc(messages, func(o store.Message) bool { return o.Version != m.Version || o.Kind != m.Kind }), m.ID)
	t, room, err := g.translateAgain(ctx, messages, "", func(size int) (*budget.Lease, error) { return g.ownRoom(ctx, size) })
	if err != nil {
		return nil, nil
	}
	return t.Outputs[slices.IndexFunc(messages, func(o store.Message) bool { return o.ID == m.ID })], room
}

// theirs is who can mend what a partner reports, seen from here: what is the partner's to
// it is ours, and the rest is the partner's own.
func theirs(r gateway.Report) gateway.Remedy {
	if r.Remedy == gateway.ByPartner || r.Remedy == "" {
		return gateway.ByOperator
	}
	return gateway.ByPartner
}
