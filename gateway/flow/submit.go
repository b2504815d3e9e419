package flow

import (
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

// Submission is a document as an office sends it.
type Submission struct {
	ID        gateway.SubmissionID // empty: the document's own id
	MediaType string
	Content   []byte
	To        []gateway.Administration // empty: the office's routes decide
	Asks      store.Asks               // what its sender says beside it
}

// Submit stores a document, judges it, and sends, holds or refuses it. It returns when
// the outcome is on disk. A document that is refused is no error: its faults are in
// the submission. An error that is gateway.Faults refuses the request itself.
func (g *Gateway) Submit(ctx context.Context, c Caller, s Submission) (store.Submission, error) {
	j, err := g.submit(ctx, c, s)
	return j.Submission, err
}

// SubmitAnswer is what a submission came to, with what is told of it at once.
type SubmitAnswer struct {
	store.Submission
	Losses    Losses         // what of the documents of the message does not travel
	Duplicate *gateway.Fault // that the same came before; nil: it did not, or is judged anew
}

// SubmitAndTell is Submit, and tells what of the documents of the message does not travel: from the
// translation that the judgement has made, or, of what was judged before, from one made again.
func (g *Gateway) SubmitAndTell(ctx context.Context, c Caller, s Submission) (SubmitAnswer, error) {
	j, err := g.submit(ctx, c, s)
	out := SubmitAnswer{Submission: j.Submission, Duplicate: j.duplicate}
	if err != nil || j.State == gateway.Faulty {
		return out, err
	}
	if j.translation != nil {
		out.Losses = j.translation.Losses()
		return out, nil
	}
	losses, err := g.Losses(ctx, c, j.Submission)
	if errors.As(err, new(gateway.Faults)) { // it cannot be made again, and its answer stands
		return out, nil
	}
	out.Losses = losses
	return out, err
}

// submitted is a submission, with its translation if it was made just now, and that the same came before if it did.
type submitted struct {
	store.Submission
	translation *Translation
	duplicate   *gateway.Fault
}

func (g *Gateway) submit(ctx context.Context, c Caller, s Submission) (submitted, error) {
	if most := g.capFor(c.Office); len(s.Content) > most {
		return submitted{}, g.refuse(ctx, c, s.Content, tooLarge(len(s.Content), most))
	}
	if unfit := g.expectable(s.Asks.Expected); len(unfit) > 0 {
		return submitted{}, g.refuse(ctx, c, s.Content, unfit...)
	}
	room, err := g.room(ctx, c.URI, len(s.Content))
	if err != nil {
		return submitted{}, err
	}
	defer room.Release()
	ctx = within(ctx, room)
	var read *Reading
	if s.ID == "" {
		if s.ID, read, err = g.ownID(ctx, c, s); err != nil {
			return submitted{}, err
		}
	}
	arrival := store.Arrival{
		Door: store.DoorSubmit, Party: c.Office, ID: string(s.ID), Caller: c.URI,
		MediaType: s.MediaType, Recipients: texts(s.To), Content: s.Content, Asks: s.Asks,
		Digest: gateway.DigestOf(s.Content), Received: g.Now(), Attempts: 1,
	}
	known, again, err := g.arrive(ctx, arrival)
	if err != nil {
		return submitted{}, err
	}
	var duplicate *gateway.Fault
	if again {
		duplicate = same(known)
	}
	if known, err = g.awaited(ctx, known); err != nil {
		return submitted{}, err
	}
	if known.Judged { // its answer made something, and is final
		s, err := g.Store.Read().Submission(ctx, c.Office, string(s.ID))
		return submitted{Submission: s, duplicate: duplicate}, err
	}
	if wait := stuck(known, g.Now()); wait != nil {
		return submitted{}, g.waiting(known, again, wait)
	}
	if known.MediaType != s.MediaType {
		read = nil // it is read as it came first
	}
	j, err := judged(ctx, g, known, func(ctx context.Context, a store.Arrival) (submitted, error) { return g.judgeRead(ctx, a, read) })
	j.duplicate = duplicate
	var faults gateway.Faults
	if again && errors.As(err, &faults) && faults[0].Code == gateway.JudgementPending {
		now, err := g.Store.Read().Arrival(ctx, known.Door, known.Party, known.ID)
		if err != nil {
			return submitted{}, err
		}
		return submitted{}, event.Logged(g.waiting(now, again, faults))
	}
	return j, err
}

// waiting is what is said of an arrival that is not judged yet: of what came before, that it did, and when to ask
// again; of what waits for an operator, that it does.
func (g *Gateway) waiting(a store.Arrival, again bool, wait gateway.Faults) gateway.Faults {
	if !again || a.Parked {
		return wait
	}
	f := g.pending(a)
	f.Severity = gateway.Error
	return gateway.Faults{*f}
}

// expectable refuses an expected arrival that nobody means.
func (g *Gateway) expectable(at time.Time) gateway.Faults {
	if at.IsZero() || document.Plausible(at, g.Now()) {
		return nil
	}
	f := wanting(gateway.InstantImplausible, at.UTC().Format(time.RFC3339), gateway.WordMeantDate)
	f.Path = "expected_arrival"
	return gateway.Faults{f}
}

// ownID is the document's own id, or, where none can be read, one made of its digest,
// so that what was refused is on the record too. It returns what it has read, too.
func (g *Gateway) ownID(ctx context.Context, c Caller, s Submission) (gateway.SubmissionID, *Reading, error) {
	r, err := g.Chain.Read(ctx, s.Content, s.MediaType, g.Own, g.Now(), g.Chain.agreed(g.Own, c.Office, g.Now())...)
	if err != nil {
		return "", nil, err
	}
	if r.Document.GetEnvelope().GetDocumentId() != "" {
		return gateway.SubmissionID(r.Document.Envelope.DocumentId), r, nil
	}
	return gateway.SubmissionID("sha256-" + gateway.DigestOf(s.Content).String()[:32]), r, nil
}

// judgeSubmission is the second unit of work: faulty, held, or a message.
func (g *Gateway) judgeSubmission(ctx context.Context, a store.Arrival) (store.Submission, error) {
	j, err := g.judgeRead(ctx, a, nil)
	return j.Submission, err
}

// judgeRead judges a submission whose document was read already, if it was.
func (g *Gateway) judgeRead(ctx context.Context, a store.Arrival, read *Reading) (submitted, error) {
	for range maxAgain {
		j, err := g.judge(ctx, a, read)
		if err != nil {
			return submitted{}, err
		}
		again, err := g.recordAndSend(ctx, a, j)
		if err != nil {
			return submitted{}, fmt.Errorf("judge submission: %w", err)
		}
		if !again {
			s, err := g.Store.Read().Submission(ctx, a.Party, a.ID)
			return submitted{Submission: s, translation: j.translated}, err
		}
	}
	return submitted{}, fmt.Errorf("judge submission %s: what it rests on has changed %d times", a.ID, maxAgain)
}

// maxAgain is how often a document is judged anew at once because what it rests on has changed meanwhile. Each
// time another's unit of work was first; after that it is tried again later, as after any failure.
const maxAgain = 100

// recordAndSend writes a judgement, and has its messages delivered.
func (g *Gateway) recordAndSend(ctx context.Context, a store.Arrival, j *judgement) (again bool, err error) {
	both := []*judgement{j}
	if o := j.second; o != nil {
		both = append(both, o.judgement)
	}
	for _, j := range both {
		defer g.reserve(j)()
	}
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		again, err = g.recordBoth(ctx, tx, a, j)
		return err
	})
	if errors.Is(err, errAgain) {
		again, err = true, nil
		for _, j := range both {
			j.recorded = false
		}
	}
	for _, j := range both {
		if j.recorded = j.recorded && err == nil; j.recorded {
			g.tellJudgement(a, j)
		}
	}
	return again, err
}

// reserve has the messages of a judgement recorded as sent, if they may travel as soon as
// they are on disk. What it returns sends them, if they are, or has them looked for; it MUST
// be called.
func (g *Gateway) reserve(j *judgement) (send func()) {
	c, ok := g.couriers[j.to]
	if !ok || len(j.messages) == 0 || !c.reserve(j.messages) {
		return func() { g.notify(j.to) }
	}
	reserved := j.messages
	j.reserved = true
	for i := range reserved {
		g.attempted(&reserved[i], reserved[i].Created)
	}
	return func() {
		for i, m := range reserved {
			if j.recorded && len(j.messages) > 0 && j.behind == "" {
				c.send(m, j.sealed[i], j.madeIn(m))
			} else {
				c.giveUp(m.ID)
			}
		}
		if j.behind != "" {
			g.notify(j.to)
		}
	}
}

// maxKept is the length of the payloads whose translation is kept, in memory, until the first
// attempt has ended: what a receipt says of longer ones is located by a translation made again.
const maxKept = 32 << 10

// madeIn is what made a message's payload, nil if it is not kept.
func (j *judgement) madeIn(m store.Message) *Output {
	if j.translated == nil || len(m.Payload) > maxKept {
		return nil
	}
	i := slices.IndexFunc(j.translated.Outputs, func(o *Output) bool { return !o.Encoded.IsZero() && o.Encoded.Digest() == m.PayloadDigest })
	if i < 0 {
		return nil
	}
	return j.translated.Outputs[i]
}

// tellJudgement tells what a submission came to, and of every message that it made.
func (g *Gateway) tellJudgement(a store.Arrival, j *judgement) {
	s := j.submission
	g.Log.Tell(of(a, event.Event{
		Name: event.SubmissionJudged, Route: s.Route, State: string(s.State), Whole: s.MessageID, Codes: event.CodesOf(s.Faults), Took: g.Now().Sub(a.Received),
	}))
	if j.cancels != nil && s.State == gateway.Done {
		g.Log.Tell(event.Event{Name: event.SubmissionWithdrawn, Door: a.Door, Party: a.Party, ID: j.cancels.named.Called(), Caller: a.Caller})
	}
	for _, m := range j.messages {
		said := event.Event{Name: event.MessageQueued, Message: m.ID, Route: m.Route, Kind: m.Kind, Partner: m.Recipient, State: string(gateway.Queued)}
		if len(j.messages) > 1 {
			said.Part = m.Part
		}
		g.Log.Tell(said)
	}
}

// Withdraw takes back a part that is held.
func (g *Gateway) Withdraw(ctx context.Context, c Caller, id gateway.SubmissionID, reason string) (store.Submission, error) {
	var refused gateway.Faults
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		both, err := addressees(ctx, tx, c.Office, string(id))
		if err != nil {
			return err
		}
		held := slices.DeleteFunc(slices.Clone(both), func(s store.Submission) bool { return s.State != gateway.Held })
		if len(held) == 0 {
			refused = gateway.Faults{fault(gateway.NotHeld, string(id), string(both[0].State))}
			return refused
		}
		for _, s := range held {
			s.State, s.Reason, s.WaitsFor = gateway.Withdrawn, reason, []string{}
			if err := errors.Join(tx.PutSubmission(s), g.actEnded(ctx, tx, s.MessageID, s), auditState(tx, c.URI, s)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return store.Submission{}, err
	}
	g.Log.Tell(event.Event{Name: event.SubmissionWithdrawn, Door: store.DoorSubmit, Party: c.Office, ID: string(id), Caller: c.URI})
	return g.Store.Read().Submission(ctx, c.Office, string(id))
}

// Choice is what the sender of a held document means, where that says it not, or not of one alone:
// vehicles, or all, of a deletion; a waybill, of a document that is for one.
type Choice struct {
	Vehicles []string
	All      bool
	Waybill  string
}

// Choose says what a held document means, to each addressee for whom it is held. It is judged by that.
func (g *Gateway) Choose(ctx context.Context, c Caller, id gateway.SubmissionID, as Choice) (store.Submission, error) {
	var waits []store.Submission
	size := 0
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		both, err := addressees(ctx, tx, c.Office, string(id))
		if err != nil {
			return err
		}
		s := both[0]
		waits = slices.DeleteFunc(slices.Clone(both), func(s store.Submission) bool {
			return s.State != gateway.Held || as.Waybill == "" && !slices.Contains(s.WaitsFor, WaitsForVehicles) || as.Waybill != "" && !g.ofOne(s)
		})
		if len(waits) == 0 {
			return gateway.Faults{fault(gateway.NotHeld, string(id), string(s.State))}
		}
		ids := []string{s.ID}
		if waits[0].ID != s.ID { // it is done with the first addressee
			ids = append(ids, waits[0].ID)
		}
		said := "vehicles chosen"
		if as.Waybill != "" {
			said = "waybill chosen"
		}
		for _, id := range ids {
			a, err := tx.Arrival(ctx, store.DoorSubmit, c.Office, id)
			if err != nil {
				return err
			}
			if a.Asks.Vehicles, a.Asks.All = as.Vehicles, as.All; as.Waybill != "" {
				a.Asks.Waybill = as.Waybill
			}
			a.Caller, size = c.URI, len(a.Content) // who chose has a part in it, and may not approve it
			if id == waits[0].ID {
				a = anew(a, a)
			}
			a.Claim = tx.Claim(a.Claim)
			if err := g.putArrival(tx, a); err != nil {
				return err
			}
		}
		return tx.Audit(c.URI, said, store.DoorSubmit+" "+c.Office+" "+s.ID, s.Digest)
	})
	if err != nil {
		return store.Submission{}, err
	}
	room, err := g.room(ctx, c.URI, size)
	if err != nil {
		return store.Submission{}, err
	}
	defer room.Release()
	return g.judgeWaiting(within(ctx, room), c.Office, string(id), waits)
}

// ofOne reports whether a submission is for one element of another's list: a waybill.
func (g *Gateway) ofOne(s store.Submission) bool {
	rt, ok := g.Chain.Routes.Route(s.Route)
	if !ok {
		return false
	}
	join, _ := g.Chain.Tables.Join(rt.Recipe)
	return Plan{Route: rt, Join: join}.forElements(s.Part)
}
