package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Submission is a document as an office sends it.
type Submission struct {
	ID        gateway.SubmissionID // empty: the document's own id
	MediaType string
	Content   []byte
	To        []gateway.Administration // empty: the office's routes decide
}

// Submit stores a document, judges it, and sends, holds or refuses it. It returns when
// the outcome is on disk. A document that is refused is no error: its faults are in
// the submission. An error that is gateway.Faults refuses the request itself.
func (g *Gateway) Submit(ctx context.Context, c Caller, s Submission) (store.Submission, error) {
	if most := g.capFor(c.Office); len(s.Content) > most {
		return store.Submission{}, g.refuse(ctx, c, s.Content, tooLarge(len(s.Content), most))
	}
	room, err := g.room(ctx, c.URI, len(s.Content))
	if err != nil {
		return store.Submission{}, err
	}
	defer room.Release()
	ctx = within(ctx, room)
	var read *Reading
	if s.ID == "" {
		if s.ID, read, err = g.ownID(ctx, c, s); err != nil {
			return store.Submission{}, err
		}
	}
	arrival := store.Arrival{
		Door: store.DoorSubmit, Party: c.Office, ID: string(s.ID), Caller: c.URI,
		MediaType: s.MediaType, Recipients: texts(s.To), Content: s.Content,
		Digest: gateway.DigestOf(s.Content), Received: g.Now(), Attempts: 1,
	}
	known, err := g.arrive(ctx, arrival)
	if err != nil {
		return store.Submission{}, err
	}
	if known, err = g.awaited(ctx, known); err != nil {
		return store.Submission{}, err
	}
	if known.Judged { // its answer made something, and is final
		return g.Store.Read().Submission(ctx, c.Office, string(s.ID))
	}
	if wait := stuck(known, g.Now()); wait != nil {
		return store.Submission{}, wait
	}
	if known.MediaType != s.MediaType {
		read = nil // it is read as it came first
	}
	return judged(ctx, g, known, func(ctx context.Context, a store.Arrival) (store.Submission, error) { return g.judgeRead(ctx, a, read) })
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

// arrive is the first unit of work: what came in, as it came. An arrival under the
// same id with the same digest is the one that is there already; if it was a submission
// that came to nothing, it is to be judged anew, as it is asked for now. With another digest
// it is refused and leaves an alarm, unless it corrects a submission that was refused:
// then what came first stays on the record under an id of its own.
func (g *Gateway) arrive(ctx context.Context, a store.Arrival) (store.Arrival, error) {
	var reuse, again bool
	attempt, short := a, g.short(a.Door)
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		known, err := tx.Arrival(ctx, a.Door, a.Party, a.ID)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		said := "arrived"
		if err == nil {
			a.ID, attempt.ID = known.ID, known.ID // a UUID as it came first
		}
		switch {
		case err != nil && len(short) > 0:
			return short
		case err != nil:
		case known.Digest == a.Digest && known.Reason == a.Reason:
			refused, err := wasRefused(ctx, tx, known)
			if err != nil {
				return err
			}
			known.Attempts++
			if !known.Judged && g.Store.Free(known.Claim) && stuck(known, g.Now()) == nil {
				known.Claim = tx.Claim(known.Claim)
			}
			again, a = true, known
			if !refused {
				if err := tx.CountAttempt(known); err != nil {
					return err
				}
				return tx.Audit(attempt.Caller, "arrived again", subject(a), a.Digest)
			}
			a = anew(known, attempt)
			a.Claim = tx.Claim(known.Claim)
			if err := tx.PutArrival(a); err != nil {
				return err
			}
			return tx.Audit(attempt.Caller, "arrived again, to be judged anew", subject(a), a.Digest)
		default:
			refused, err := wasRefused(ctx, tx, known)
			if err != nil {
				return err
			}
			if reuse = !refused; reuse {
				return tx.Audit(a.Caller, "alarm: id used again with another content", subject(a), a.Digest)
			}
			if len(short) > 0 {
				return short
			}
			known.ID += "@" + known.Digest.String()[:16]
			if err := tx.PutArrival(known); err != nil {
				return err
			}
			said = "corrected"
		}
		a.Claim = tx.Claim(known.Claim)
		if err := tx.PutArrival(a); err != nil {
			return err
		}
		return tx.Audit(a.Caller, said, subject(a), a.Digest)
	})
	switch {
	case len(short) > 0 && errors.As(err, new(gateway.Faults)):
		return a, g.refuse(ctx, Caller{URI: a.Caller}, a.Content, short...)
	case err != nil:
		return a, err
	case reuse:
		g.Log.Tell(of(attempt, event.Event{Name: event.IDReused, Caller: attempt.Caller, Code: gateway.IDReuse}))
		return a, event.Told(gateway.Faults{wanting(gateway.IDReuse, a.ID, gateway.WordFirstContent)})
	}
	g.Log.Tell(of(attempt, event.Event{Name: arrivals[attempt.Door], Caller: attempt.Caller, Bytes: len(attempt.Content), Again: again}))
	return a, nil
}

// anew is an arrival whose judgement came to nothing, as an attempt with the same bytes asks
// for it again: read as that says, for those that it names.
func anew(known, attempt store.Arrival) store.Arrival {
	known.Caller, known.MediaType, known.Recipients = attempt.Caller, attempt.MediaType, attempt.Recipients
	known.Judged, known.Tries, known.Trouble, known.NextTry = false, 0, "", time.Time{}
	return known
}

// arrivals are what is told of an arrival, by its door.
var arrivals = map[string]event.Name{
	store.DoorSubmit: event.SubmissionArrived, store.DoorPeer: event.MessageArrived, store.DoorBorder: event.BorderArrived,
}

// reader is what Submit and Check both ask of the store: one inside its unit of work, the
// other of what is committed.
type reader interface {
	Submission(ctx context.Context, office, id string) (store.Submission, error)
	Announced(ctx context.Context, route, subject string) (gateway.MessageID, error)
	Messages(ctx context.Context, whole gateway.MessageID) ([]store.Message, error)
	Sources(ctx context.Context, id gateway.MessageID) ([]store.Submission, error)
}

// subject names an arrival in the audit trail.
func subject(a store.Arrival) string { return a.Door + " " + a.Party + " " + a.ID }

// wasRefused reports whether an arrival was a submission that came to nothing.
func wasRefused(ctx context.Context, read reader, a store.Arrival) (bool, error) {
	if a.Door != store.DoorSubmit || !a.Judged {
		return false, nil
	}
	s, err := read.Submission(ctx, a.Party, a.ID)
	return s.State == gateway.Faulty, store.IgnoreNotFound(err)
}

// judgeSubmission is the second unit of work: faulty, held, or a message.
func (g *Gateway) judgeSubmission(ctx context.Context, a store.Arrival) (store.Submission, error) {
	return g.judgeRead(ctx, a, nil)
}

// judgeRead judges a submission whose document was read already, if it was.
func (g *Gateway) judgeRead(ctx context.Context, a store.Arrival, read *Reading) (store.Submission, error) {
	for {
		j, err := g.judge(ctx, a, read)
		if err != nil {
			return store.Submission{}, err
		}
		again, err := g.recordAndSend(ctx, a, j)
		if err != nil {
			return store.Submission{}, fmt.Errorf("judge submission: %w", err)
		}
		if !again {
			return g.Store.Read().Submission(ctx, a.Party, a.ID)
		}
	}
}

// recordAndSend writes a judgement, and has its messages delivered.
func (g *Gateway) recordAndSend(ctx context.Context, a store.Arrival, j *judgement) (again bool, err error) {
	defer g.reserve(j)()
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		again, err = g.record(ctx, tx, a, j)
		return err
	})
	if j.recorded = j.recorded && err == nil; j.recorded {
		g.tellJudgement(a, j)
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
				c.send(m, j.sealed[i])
			} else {
				c.giveUp(m.ID)
			}
		}
		if j.behind != "" {
			g.notify(j.to)
		}
	}
}

// tellJudgement tells what a submission came to, and of every message that it made.
func (g *Gateway) tellJudgement(a store.Arrival, j *judgement) {
	s := j.submission
	g.Log.Tell(of(a, event.Event{
		Name: event.SubmissionJudged, Route: s.Route, State: string(s.State), Whole: s.MessageID, Codes: event.CodesOf(s.Faults), Took: g.Now().Sub(a.Received),
	}))
	if j.cancels != nil && s.State == gateway.Done {
		g.Log.Tell(event.Event{Name: event.SubmissionWithdrawn, Door: a.Door, Party: a.Party, ID: j.cancels.named.ID, Caller: a.Caller})
	}
	for _, m := range j.messages {
		said := event.Event{Name: event.MessageQueued, Message: m.ID, Route: m.Route, Kind: m.Kind, Partner: m.Recipient, State: string(gateway.Queued)}
		if len(j.messages) > 1 {
			said.Part = m.Part
		}
		g.Log.Tell(said)
	}
}

// judgement is what a submission comes to, before it is on disk.
type judgement struct {
	recorded   bool // and after it
	submission store.Submission
	held       []store.Submission // the parts it was joined with
	messages   []store.Message    // one, or the parts of a whole
	sealed     []seal.Sealed      // they
	reserved   bool               // they travel as soon as they are on disk
	to         gateway.Administration
	crossings  []crossing // what the messages announce
	notices    []*customsv1.Document
	translated *Translation
	cancels    *cancelling       // what a cancellation does
	behind     gateway.MessageID // the chain of what is being taken back and is announced anew
}

// crossing is what a notice announces: a waybill of its batch, or a vehicle without goods.
type crossing struct {
	subject string
	path    string // of what names it, in the whole that was translated
}

// judge decides from what is committed now; record checks that it still holds.
func (g *Gateway) judge(ctx context.Context, a store.Arrival, reading *Reading) (*judgement, error) {
	if reading == nil {
		var err error
		if reading, err = g.Chain.Read(ctx, a.Content, a.MediaType, g.Own, g.Now(), g.Chain.agreed(g.Own, a.Party, g.Now())...); err != nil {
			return nil, err
		}
	}
	j := &judgement{submission: store.Submission{
		Office: a.Party, ID: a.ID, Kind: reading.Kind, State: gateway.Faulty,
		Received: a.Received, Digest: a.Digest, Faults: gateway.Faults{}, WaitsFor: []string{},
	}}
	s := &j.submission
	if reading.Table != nil {
		s.Mapping = reading.Table.ID()
	}
	passed, faults, err := g.Chain.Validate(ctx, reading, g.scope(""))
	if err != nil {
		return nil, err
	}
	s.Faults = append(s.Faults, faults...)
	if reading.Document == nil {
		return j, nil
	}
	s.DocumentID, s.Batch = reading.Document.GetEnvelope().GetDocumentId(), leaf(reading.Document, "batch")
	s.Faults = append(s.Faults, g.notOwnOffice(reading, a.Party)...)
	if reading.Kind == kindCancellation {
		if s.Faults.Refuse() || passed.IsZero() {
			return j, nil
		}
		s.Canonical = document.Marshal(reading.Document)
		return j, g.judgeCancellation(ctx, j, reading, a)
	}
	plan, faults := g.Chain.Plan(reading, Addressing{Own: g.Own, Office: a.Party, To: administrations(a.Recipients), At: g.Now()})
	s.Faults = append(s.Faults, faults...)
	if plan.Route != nil && len(a.Content) > capOf(plan.Route) {
		s.Faults = append(s.Faults, tooLarge(len(a.Content), capOf(plan.Route)))
	}
	if plan.Join != nil && plan.Key == "" {
		s.Faults = append(s.Faults, fault(gateway.JoinKeyMissing, plan.Part, plan.Join.ID()))
	}
	if s.Faults.Refuse() || passed.IsZero() {
		return j, nil
	}
	s.Canonical = document.Marshal(reading.Document)
	s.Route, s.Part, s.JoinKey = plan.Route.Name, plan.Part, plan.Key

	parts := []Part{{Name: plan.Part, Submission: a.ID, Reading: reading}}
	if plan.Join != nil {
		if err := g.gather(ctx, j, plan, &parts); err != nil {
			return nil, err
		}
		if s.Faults.Refuse() {
			return j, nil
		}
		if missing := plan.Missing(parts); len(missing) > 0 {
			s.State, s.WaitsFor, s.Expires = gateway.Held, missing, g.Now().Add(plan.Route.Hold)
			return j, nil
		}
	}
	return j, g.compose(ctx, j, plan, parts)
}

// gather adds the held parts of the same message.
func (g *Gateway) gather(ctx context.Context, j *judgement, plan Plan, parts *[]Part) error {
	held, err := g.Store.Read().Held(ctx, plan.Route.Name, plan.Key)
	if err != nil {
		return err
	}
	for _, h := range held {
		if h.Office == j.submission.Office && h.ID == j.submission.ID {
			continue
		}
		if h.Part == plan.Part {
			j.submission.Faults = append(j.submission.Faults, fault(gateway.PartAgain, plan.Part, h.ID))
			return nil
		}
		arrival, err := g.Store.Read().Arrival(ctx, store.DoorSubmit, h.Office, h.ID)
		if err != nil {
			return err
		}
		moreRoom(ctx, len(arrival.Content))
		j.held = append(j.held, h)
		part, err := g.part(ctx, h, arrival)
		if err != nil {
			return err
		}
		*parts = append(*parts, part)
	}
	return nil
}

// compose makes the message of complete parts and seals it: or several messages, where
// the partner has no room for everything in one.
func (g *Gateway) compose(ctx context.Context, j *judgement, plan Plan, parts []Part) error {
	s, rt := &j.submission, plan.Route
	whole := g.messageID(rt.To, j, 0)
	t, err := g.Chain.Translate(ctx, plan, parts, whole, g.scope(rt.To))
	if err != nil {
		return err
	}
	s.Faults = merge(s.Faults, Unsaid(toldBefore(j.held), t.Faults))
	conversation, relatesTo, faults, err := g.conversation(ctx, rt.To, t)
	if err != nil {
		return err
	}
	s.Faults = append(s.Faults, faults...)
	if s.Faults.Refuse() {
		return nil
	}
	s.State, s.MessageID, j.to = gateway.Sent, whole, rt.To
	if plan.Join != nil {
		s.State = gateway.Joined
	}
	header := seal.Header{
		Kind: rt.Kind, Sender: g.Own, Recipient: rt.To, Conversation: cmp.Or(conversation, string(whole)), RelatesTo: relatesTo, Created: g.Now(),
	}
	for i, o := range t.Outputs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if header.MessageID = whole; i > 0 {
			header.MessageID = g.messageID(rt.To, j, i)
		}
		if header.Part, header.Parts = 0, 0; o.split != "" {
			header.Part, header.Parts = o.part, len(t.Outputs)
		}
		released := o.document
		m, sealed, err := g.message(rt, o, header)
		if err != nil {
			return err
		}
		m.Whole, m.Part, m.Split = whole, i+1, o.split
		j.messages, j.sealed, j.notices = append(j.messages, m), append(j.sealed, sealed), append(j.notices, released)
		for _, c := range crossings(released) {
			c.path = o.whole(c.path)
			j.crossings = append(j.crossings, c)
		}
	}
	slices.SortStableFunc(j.crossings, func(a, b crossing) int { return cmp.Compare(a.subject, b.subject) })
	j.crossings = slices.CompactFunc(j.crossings, func(a, b crossing) bool { return a.subject == b.subject })
	j.translated = t
	return nil
}

// messageID names a message, which of several from 0, by the submissions that it is made of.
// If this database is lost with it and they are submitted again, the partner knows it, and it
// is announced once.
func (g *Gateway) messageID(to gateway.Administration, j *judgement, i int) gateway.MessageID {
	sources := []string{j.submission.Office + "\x00" + gateway.FoldID(j.submission.ID)}
	for _, h := range j.held {
		sources = append(sources, h.Office+"\x00"+gateway.FoldID(h.ID))
	}
	slices.Sort(sources)
	return gateway.MessageID(gateway.DerivedID(append([]string{"message", string(g.Own), string(to), strconv.Itoa(i)}, sources...)...))
}

// toldBefore are the faults that held parts were told of when they came, as places in other
// documents than the one judged.
func toldBefore(held []store.Submission) (faults gateway.Faults) {
	for _, h := range held {
		for _, f := range h.Faults {
			f.Location.Document = h.ID
			faults = append(faults, f)
		}
	}
	return faults
}

// message seals one message. Its order is its own: the parts of a whole do not wait for
// each other.
func (g *Gateway) message(rt *release.Route, o *Output, header seal.Header) (store.Message, seal.Sealed, error) {
	released := o.document
	header.DocumentID = released.GetEnvelope().GetDocumentId()
	expected := expectedArrival(released, rt.Crossing)
	if !expected.IsZero() {
		header.ExpectedArrival = &expected
		header.LateBy = int64(max(0, rt.Lead-expected.Sub(header.Created)) / time.Second)
	}
	sealed, err := g.Keys.Seal(header, o.Released, o.Encoded, o.Conforming)
	if err != nil {
		return store.Message{}, seal.Sealed{}, fmt.Errorf("seal message: %w", err)
	}
	return store.Message{
		ID: header.MessageID, Route: rt.Name, Kind: rt.Kind, Recipient: rt.To, Conversation: header.Conversation, Chain: header.MessageID,
		DocumentID: header.DocumentID, State: gateway.Queued, Created: header.Created, ExpectedArrival: expected,
		LateBy: time.Duration(header.LateBy) * time.Second, ValidUntil: header.Created.Add(rt.Validity),
		Header: sealed.HeaderBytes(), Signature: sealed.Signature(), Payload: sealed.Payload(),
		PayloadDigest: o.Encoded.Digest(), Canonical: document.Marshal(released), CanonicalDigest: o.Released.Digest(),
		Mapping: o.Encoded.Table(), MappingDigest: o.Encoded.TableDigest(), SchemaDigest: o.Conforming.SchemaDigest(),
		NextAttempt: header.Created, Answers: []store.Answer{},
	}, sealed, nil
}

// conversation finds what an answer to a partner belongs to: the message that carried
// the document of the partner's that it answers. The parts of a whole name the same.
func (g *Gateway) conversation(ctx context.Context, with gateway.Administration, t *Translation) (conversation string, relatesTo gateway.MessageID, faults gateway.Faults, err error) {
	if len(t.Outputs) == 0 || t.Outputs[0].Released.IsZero() || t.Outputs[0].Released.Kind() != "Answer" {
		return "", "", nil, nil
	}
	for _, id := range answered(t.Outputs[0].Released.Document()) {
		in, err := g.Store.Read().InboundByDocument(ctx, with, id)
		if store.IgnoreNotFound(err) != nil {
			return "", "", nil, err
		}
		if err != nil {
			f := wanting(gateway.AnswerUnknown, id, gateway.WordReceivedDocument)
			f.Location = t.Locate("envelope.references[0].id")
			return "", "", gateway.Faults{f}, nil
		}
		return string(in.ID), in.ID, nil, nil
	}
	return "", "", nil, nil
}

// record writes a judgement if what it was decided from is still so; else it is to be
// judged again.
func (g *Gateway) record(ctx context.Context, tx *store.Tx, a store.Arrival, j *judgement) (again bool, err error) {
	arrival, err := tx.Arrival(ctx, a.Door, a.Party, a.ID)
	if err != nil {
		return false, err
	}
	s := &j.submission
	if arrival.Judged { // a second caller with the same bytes was faster
		return false, tx.Audit(a.Caller, "judged already", s.ID, a.Digest)
	}
	if j.submission.Kind == kindCancellation {
		before, err := tx.Submission(ctx, s.Office, s.ID)
		if store.IgnoreNotFound(err) != nil {
			return false, err
		}
		if before.State == gateway.Withdrawn || before.State == gateway.Expired { // while it waited
			return false, errors.Join(settle(tx, arrival, a.Claim), tx.Audit("gateway", "not judged anew: "+string(before.State), s.ID, a.Digest))
		}
	}
	if j.cancels != nil {
		if again, err := g.recordCancellation(ctx, tx, a, j); err != nil {
			return false, err
		} else if again {
			return true, tx.Audit("gateway", "judged again: what it takes back has changed", s.ID, a.Digest)
		}
	}
	if s.State != gateway.Faulty && s.JoinKey != "" && j.cancels == nil {
		held, err := tx.Held(ctx, s.Route, s.JoinKey)
		if err != nil {
			return false, err
		}
		if !sameParts(held, j.held) {
			return true, tx.Audit("gateway", "judged again: other parts came", s.ID, a.Digest)
		}
	}
	if err := g.announcedBefore(ctx, tx, j); err != nil {
		return false, err
	}
	if len(j.messages) > 0 {
		for _, c := range j.crossings { // all or none: what is refused announces nothing
			if err := tx.PutAnnounced(s.Route, c.subject, s.MessageID); err != nil {
				return false, err
			}
		}
	}
	if err := settle(tx, arrival, a.Claim); err != nil {
		return false, err
	}
	if err := tx.PutSubmission(*s); err != nil {
		return false, err
	}
	if err := tx.PutJudgement(store.Judgement{
		Office: s.Office, ID: s.ID, Digest: s.Digest, State: s.State, Caller: a.Caller, At: tx.Now(), Faults: s.Faults,
	}); err != nil {
		return false, err
	}
	if len(j.messages) > 0 {
		for _, h := range j.held {
			h.State, h.MessageID, h.WaitsFor = gateway.Joined, s.MessageID, []string{}
			if err := tx.PutSubmission(h); err != nil {
				return false, err
			}
		}
	}
	mine := j.reserved || g.hasRoom(j.to, len(j.messages))
	for i := range j.messages {
		m := &j.messages[i]
		if j.behind != "" {
			m.Chain = j.behind
			if j.reserved { // it does not travel at once after all
				m.State, m.Attempts, m.Tries, m.NextAttempt = gateway.Queued, 0, 0, m.Created
			}
		}
		if mine {
			m.Claim = tx.Claim(m.Claim)
		}
		if err := tx.PutMessage(*m); err != nil {
			return false, err
		}
		if err := tx.Audit("gateway", "message queued", string(m.ID), m.PayloadDigest); err != nil {
			return false, err
		}
		if j.cancels != nil {
			continue
		}
		if err := g.answeredCancellation(ctx, tx, *m, j.notices[i].GetAnswer()); err != nil {
			return false, err
		}
		from := reconcile.Origin{Message: m.ID, Conversation: m.Conversation, Batch: leaf(j.notices[i], "batch"), Received: tx.Now(), Expected: m.ExpectedArrival}
		if _, _, err := g.follow(ctx, tx, j.notices[i], from, teller{office: s.Office}); err != nil {
			return false, err
		}
	}
	j.recorded = true
	return false, tx.Audit(a.Caller, "submission "+string(s.State), a.Party+" "+s.ID, a.Digest)
}

// announcedBefore refuses what announces a crossing that another whole has announced. A whole
// has announced it as long as one of its messages may be acted on. What another office has
// announced is told to be so, and no more of it.
func (g *Gateway) announcedBefore(ctx context.Context, read reader, j *judgement) error {
	s := &j.submission
	void := make(map[gateway.MessageID]bool) // wholes that nobody may act on any more
	for _, c := range j.crossings {
		whole, err := read.Announced(ctx, s.Route, c.subject)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		if err != nil || void[whole] {
			continue
		}
		earlier, err := read.Messages(ctx, whole)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		if !slices.ContainsFunc(earlier, stands) {
			void[whole] = true
			for _, m := range earlier { // what is announced anew comes behind what is being taken back
				if m.Withdrawal == gateway.WithdrawalAsked && live(m) {
					j.behind = m.Chain
				}
			}
			continue
		}
		sources, err := read.Sources(ctx, whole)
		if err != nil {
			return err
		}
		f := g.announcedAs(c.subject, s.Office, earlier, sources)
		f.Path, f.Location, f.Place = c.path, j.translated.Locate(c.path), document.PlaceOf(j.translated.whole, c.path)
		s.State, s.MessageID, s.Faults, j.messages = gateway.Faulty, "", append(s.Faults, f), nil
		return nil
	}
	return nil
}

// stands reports whether a message announces what it tells, and nobody has asked it back.
func stands(m store.Message) bool { return live(m) && m.Withdrawal != gateway.WithdrawalAsked }

// announcedAs says that a crossing is announced: to an office that took part in it by which
// submission and message, how that stands and what can be done; to another only that it is.
func (g *Gateway) announcedAs(subject, office string, earlier []store.Message, sources []store.Submission) gateway.Fault {
	own := gateway.Office{Administration: g.Own, Code: office}
	i := slices.IndexFunc(sources, func(s store.Submission) bool {
		return own.Same(gateway.Office{Administration: g.Own, Code: s.Office})
	})
	if i < 0 {
		return fault(gateway.AnnouncedElsewhere, subject, "")
	}
	m := earlier[slices.IndexFunc(earlier, stands)]
	word := gateway.WordAnnouncedUnderWay
	if m.State.Final() {
		word = gateway.WordAnnouncedStands
	}
	return wanting(gateway.AlreadyAnnounced, subject, word, sources[i].ID, string(m.Whole))
}

// crossings are what a document announces: each waybill of its batch or, where it names none,
// each vehicle.
func crossings(d *customsv1.Document) []crossing {
	if !reconcile.Announces(d) {
		return nil
	}
	f := reconcile.FactsOf(d)
	out := make([]crossing, 0, len(f.Waybills)+len(f.Vehicles))
	add := func(id string, at reconcile.Place) {
		out = append(out, crossing{gateway.FoldID(f.Batch) + " / " + gateway.FoldID(id), at.Path})
	}
	for _, w := range f.Waybills {
		add(w.ID, w.Place)
	}
	if len(out) > 0 {
		return out
	}
	for _, v := range f.Vehicles {
		add(v.Registration, v.Place)
	}
	return out
}

// CheckResult is what Submit would answer.
type CheckResult struct {
	Kind     string
	State    gateway.SubmissionState
	WaitsFor []string
	Faults   gateway.Faults
}

// Check judges a document as Submit would under the same id, and leaves nothing behind: where
// Submit would answer with what the id stands for already, or refuse the request, so does Check.
func (g *Gateway) Check(ctx context.Context, c Caller, s Submission) (CheckResult, error) {
	if most := g.capFor(c.Office); len(s.Content) > most {
		return CheckResult{}, gateway.Faults{tooLarge(len(s.Content), most)}
	}
	room, err := g.room(ctx, c.URI, len(s.Content))
	if err != nil {
		return CheckResult{}, err
	}
	defer room.Release()
	ctx = within(ctx, room)
	var read *Reading
	if s.ID == "" {
		if s.ID, read, err = g.ownID(ctx, c, s); err != nil {
			return CheckResult{}, err
		}
	}
	a := store.Arrival{
		Door: store.DoorSubmit, Party: c.Office, ID: string(s.ID), Caller: c.URI, MediaType: s.MediaType, Recipients: texts(s.To),
		Content: s.Content, Digest: gateway.DigestOf(s.Content), Received: g.Now(),
	}
	answered, err := g.standing(ctx, &a)
	if answered != nil || err != nil {
		return checked(answered), err
	}
	if a.MediaType != s.MediaType {
		read = nil // it is read as it came first
	}
	j, err := g.judge(ctx, a, read)
	if err != nil {
		return CheckResult{}, err
	}
	if err := g.announcedBefore(ctx, g.Store.Read(), j); err != nil {
		return CheckResult{}, err
	}
	return checked(&j.submission), nil
}

func checked(s *store.Submission) CheckResult {
	if s == nil {
		return CheckResult{}
	}
	return CheckResult{s.Kind, s.State, s.WaitsFor, s.Faults}
}

// standing is what the id of an arrival stands for already: nothing where it would be judged,
// then as what is returned in a.
func (g *Gateway) standing(ctx context.Context, a *store.Arrival) (*store.Submission, error) {
	read := g.Store.Read()
	short := g.short(a.Door)
	known, err := read.Arrival(ctx, a.Door, a.Party, a.ID)
	switch {
	case store.IgnoreNotFound(err) != nil:
		return nil, err
	case err != nil:
		return nil, short.Err()
	}
	a.ID = known.ID // a UUID as it came first
	refused, err := wasRefused(ctx, read, known)
	switch {
	case err != nil:
		return nil, err
	case known.Digest != a.Digest && !refused:
		return nil, gateway.Faults{wanting(gateway.IDReuse, a.ID, gateway.WordFirstContent)}
	case known.Digest != a.Digest:
		return nil, short.Err()
	case refused:
		*a = anew(known, *a)
		return nil, nil
	case known.Judged:
		s, err := read.Submission(ctx, a.Party, a.ID)
		return &s, err
	}
	if wait := stuck(known, g.Now()); wait != nil {
		return nil, wait
	}
	*a = known
	return nil, nil
}

// Withdraw takes back a part that is held.
func (g *Gateway) Withdraw(ctx context.Context, c Caller, id gateway.SubmissionID, reason string) (store.Submission, error) {
	var refused gateway.Faults
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		s, err := tx.Submission(ctx, c.Office, string(id))
		if err != nil {
			return err
		}
		if !s.State.CanBecome(gateway.Withdrawn) {
			refused = gateway.Faults{fault(gateway.NotHeld, string(id), string(s.State))}
			return refused
		}
		s.State, s.Reason, s.WaitsFor = gateway.Withdrawn, reason, []string{}
		if err := tx.PutSubmission(s); err != nil {
			return err
		}
		return tx.Audit(c.URI, "submission withdrawn", c.Office+" "+s.ID, s.Digest)
	})
	if err != nil {
		return store.Submission{}, err
	}
	g.Log.Tell(event.Event{Name: event.SubmissionWithdrawn, Door: store.DoorSubmit, Party: c.Office, ID: string(id), Caller: c.URI})
	return g.Store.Read().Submission(ctx, c.Office, string(id))
}

// part reads a submission again, by the table that it was first read by.
func (g *Gateway) part(ctx context.Context, s store.Submission, a store.Arrival) (p Part, err error) {
	p = Part{Name: s.Part, Submission: s.ID}
	if t, ok := g.Chain.Tables.Table(s.Mapping); ok {
		p.Reading, err = g.Chain.ReadAs(ctx, a.Content, t)
	} else {
		p.Reading, err = g.Chain.Read(ctx, a.Content, a.MediaType, g.Own, a.Received)
	}
	return p, err
}

// notOwnOffice refuses a document that is issued for another office than the caller's.
func (g *Gateway) notOwnOffice(r *Reading, office string) gateway.Faults {
	own := gateway.Office{Administration: g.Own, Code: office}
	for _, of := range []string{"office", "exitOffice"} {
		path := of + ".code"
		stated := gateway.Office{Administration: gateway.Administration(leaf(r.Document, of+".administration")), Code: leaf(r.Document, path)}
		if stated.Code != "" && !stated.Same(own) && r.Kind != "Answer" {
			f := fault(gateway.NotOwnOffice, stated.Code, office)
			f.Path, f.Location = path, r.locate(path)
			return gateway.Faults{f}
		}
	}
	return nil
}

// expectedArrival is the document's own, or its departure plus the route's crossing. A
// time that nobody means is none.
func expectedArrival(d *customsv1.Document, crossing time.Duration) time.Time {
	if at, ok := meant(d, leaf(d, "expectedArrival")); ok {
		return at
	}
	if at, ok := meant(d, leaf(d, "departed")); ok {
		return at.Add(crossing)
	}
	return time.Time{}
}

// meant is an instant of a document, if somebody means it.
func meant(d *customsv1.Document, text string) (time.Time, bool) {
	at, err := document.ParseInstant(text)
	issued, _ := document.ParseInstant(d.GetEnvelope().GetIssued().GetValue())
	return at, err == nil && document.Meant(at, issued)
}

// leaf is the value at a path that not every kind of document has.
func leaf(d *customsv1.Document, path string) string {
	p, err := document.CompileFor(document.Kind(d), path)
	if err != nil {
		return ""
	}
	text, _ := p.Get(d.ProtoReflect())
	return text
}

func sameParts(a, b []store.Submission) bool {
	return slices.EqualFunc(a, b, func(x, y store.Submission) bool { return x.Office == y.Office && x.ID == y.ID })
}

func texts(as []gateway.Administration) []string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = string(a)
	}
	return out
}

func administrations(ts []string) []gateway.Administration {
	out := make([]gateway.Administration, len(ts))
	for i, t := range ts {
		out[i] = gateway.Administration(strings.ToUpper(t))
	}
	return out
}
