package flow

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

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
	cancels    *cancelling // what a cancellation does
	act        *acting     // what it does to what was announced, if that may need an approval
	route      *release.Route
	awaits     []reconcile.Identifier // what is to leave before the message does
	revises    *revising              // what an act does to a whole that there is
	dropped    []store.Submission     // held parts that it takes out
	behind     gateway.MessageID      // the chain of what is being taken back and is announced anew
	plan       Plan
	doubts     []doubt            // texts that are to be ruled on
	rulings    int                // that it was judged by
	filed      *filed             // a filing that stays here
	target     *open              // the whole that it acts on, or adds to; nil: it is new
	acts       bool               // it changes or takes back what was announced
	second     *second            // what it comes to for its second addressee; nil: it has none
	missing    []store.Submission // of what is to the second addressee: held parts that are to have one too
	borne      []string           // numbers that its documents bear because what they take the place of does
}

// judge decides from what is committed now; record checks that it still holds. What is refused for nothing
// but texts that are to be ruled on waits for that.
func (g *Gateway) judge(ctx context.Context, a store.Arrival, reading *Reading) (*judgement, error) {
	j, err := g.judgeFor(ctx, a, reading, nil)
	if err != nil {
		return nil, err
	}
	return j, g.judgeSecond(ctx, a, j)
}

// judgeFor judges for one addressee: for the second beside the judgement for the first, or, where that
// has been made before, alone.
func (g *Gateway) judgeFor(ctx context.Context, a store.Arrival, reading *Reading, first *judgement) (*judgement, error) {
	j, err := g.decide(ctx, a, reading, first)
	if err == nil && j.submission.State == gateway.Faulty && len(j.doubts) > 0 && doubtful(j.submission.Faults) {
		g.awaitRuling(j)
	}
	return j, err
}

func (g *Gateway) decide(ctx context.Context, a store.Arrival, reading *Reading, first *judgement) (*judgement, error) {
	if reading == nil {
		var err error
		if reading, err = g.Chain.Read(ctx, a.Content, a.MediaType, g.Own, g.Now(), g.Chain.agreed(g.Own, a.Party, g.Now())...); err != nil {
			return nil, err
		}
	}
	j := &judgement{submission: store.Submission{
		Office: a.Party, ID: a.ID, Kind: reading.Kind, State: gateway.Faulty,
		Received: a.Received, Digest: a.Digest, Faults: gateway.Faults{}, WaitsFor: []string{}, SecondOf: a.SecondOf,
	}}
	s := &j.submission
	if reading.Table != nil {
		s.Mapping = reading.Table.ID()
	}
	scope := g.scope("")
	filing := a.Asks.Duty == DutyFiling
	scope.Done = slices.Contains(revisable, reading.Kind) || filing
	passed, faults, err := g.Chain.Validate(ctx, reading, scope)
	if err != nil {
		return nil, err
	}
	s.Faults = append(s.Faults, faults...)
	if reading.Document == nil {
		return j, nil
	}
	s.DocumentID, s.Batch = reading.Document.GetEnvelope().GetDocumentId(), leaf(reading.Document, "batch")
	rulings, refused, err := g.rulings(ctx, g.Store.Read(), a)
	if err != nil {
		return nil, err
	}
	if j.rulings = len(rulings); refused {
		s.Faults = append(s.Faults, fault(gateway.RulingRefused, s.Called(), ""))
	}
	foreign := g.notOwnOffice(reading, a.Party)
	if len(foreign) > 0 {
		own, err := g.changesOwn(ctx, reading, a)
		if err != nil {
			return nil, err
		}
		if own {
			foreign[0].Code = gateway.AmendOffices
		}
	}
	s.Faults = append(s.Faults, foreign...)
	if reading.Kind == kindCancellation && filing {
		_, err := g.judgeFiling(ctx, j, reading, a, Plan{})
		return j, err
	}
	if reading.Kind == kindCancellation {
		j.acts = true
		if s.Faults.Refuse() || passed.IsZero() {
			return j, nil
		}
		s.Canonical = document.Marshal(reading.Document)
		return j, g.judgeCancellation(ctx, j, reading, a, rulings)
	}
	s.Faults = append(append(s.Faults, onlyRecorded(reading, a)...), g.unfit(reading, a)...)
	plan, faults, err := g.planFor(ctx, reading, a, first)
	if err != nil {
		return nil, err
	}
	s.Faults = append(s.Faults, faults...)
	if plan.Route != nil && len(a.Content) > capOf(plan.Route) {
		s.Faults = append(s.Faults, tooLarge(len(a.Content), capOf(plan.Route)))
	}
	if filing && plan.Route != nil {
		if done, err := g.judgeFiling(ctx, j, reading, a, plan); done || err != nil {
			return j, err
		}
	}
	if plan.Join != nil && plan.Key == "" {
		s.Faults = append(s.Faults, fault(gateway.JoinKeyMissing, plan.Part, plan.Join.ID()))
	}
	if s.Faults.Refuse() || passed.IsZero() {
		return j, nil
	}
	s.Canonical = document.Marshal(reading.Document)
	s.Route, s.Part, s.JoinKey = plan.Route.Name, plan.Part, plan.Key

	cur := step{Part: Part{Name: plan.Part, Submission: a.Called(), Reading: reading, Expected: a.Asks.Expected, Rulings: rulings, Of: a.Asks.Waybill}, does: adds, asks: a.Asks}
	if slices.Contains(revisable, reading.Kind) {
		cur.does = actOf(reading.Document, a.Asks)
	}
	j.acts = cur.does != adds
	held, err := g.heldSteps(ctx, j, plan, first)
	if err != nil {
		return nil, err
	}
	if f, other := g.Chain.otherDestination(reading, plan, j.held, held, g.Now()); other {
		s.Faults = append(s.Faults, f)
		return j, nil
	}
	plan.Rulings = rulingsOf(append(slices.Clone(held), cur))
	j.plan, j.rulings = plan, len(plan.Rulings)
	if done, err := g.revise(ctx, j, plan, held, cur, a); done || err != nil {
		return j, err
	}
	if plan.Join == nil {
		return j, g.compose(ctx, j, plan, []Part{cur.Part})
	}
	if i := slices.IndexFunc(j.held, func(h store.Submission) bool { return h.Part == plan.Part }); i >= 0 && !plan.several() {
		s.Faults = append(s.Faults, fault(gateway.PartAgain, plan.Part, j.held[i].Called()))
		return j, nil
	}
	return j, g.reviseHeld(ctx, j, plan, append(held, cur))
}

// unfit refuses what a sender says beside a document that cannot be said of it.
func (g *Gateway) unfit(r *Reading, a store.Arrival) (faults gateway.Faults) {
	if d := a.Asks.Duty; d != "" && d != DutyFiling {
		f := fault(gateway.ListUnknown, d, "duty")
		f.Path = "duty"
		faults = append(faults, f)
	}
	if a.Asks.Amends != "" && !slices.Contains(revisable, r.Kind) && a.Asks.Duty != DutyFiling {
		f := fault(gateway.AmendUnknown, a.Asks.Amends, "")
		f.Path = "amends"
		faults = append(faults, f)
	}
	if a.Asks.Reason != "" && !g.Chain.Tables.Lists().Known("change-reason", a.Asks.Reason, g.Now()) {
		f := fault(gateway.ListUnknown, a.Asks.Reason, "change-reason")
		f.Path = "reason"
		faults = append(faults, f)
	}
	return faults
}

// compose makes the message of complete parts and seals it: or several messages, where
// the partner has no room for everything in one.
func (g *Gateway) compose(ctx context.Context, j *judgement, plan Plan, parts []Part) error {
	s, rt := &j.submission, plan.Route
	whole := g.messageID(rt.To, j, 0)
	plan.Number = g.numbering(ctx, plan, s.Office)
	t, err := g.Chain.Translate(ctx, plan, parts, whole, g.scope(rt.To))
	if err != nil {
		return err
	}
	s.Faults, j.doubts = merge(s.Faults, Unsaid(toldBefore(j.held), t.Faults)), t.doubts
	conversation, relatesTo, faults, err := g.conversation(ctx, rt.To, t)
	if err != nil {
		return err
	}
	s.Faults = append(s.Faults, faults...)
	if err := g.lackAttachments(ctx, j, rt, t); err != nil {
		return err
	}
	if s.Faults.Refuse() {
		return nil
	}
	j.translated, j.route = t, rt
	for _, o := range t.Outputs {
		j.crossings = append(j.crossings, o.crossings()...)
	}
	j.crossings = eachOnce(j.crossings)
	var left time.Time
	if rt.Moment == release.GateOut {
		if left, err = g.gateOut(ctx, g.Store.Read(), t.whole, rt, s.Office); err != nil {
			return err
		}
		if left.IsZero() {
			j.awaits = reconcile.Keys(reconcile.Identifiers(t.whole))
			s.State, s.WaitsFor, s.Expires = gateway.Held, []string{WaitsForDeparture}, g.Now().Add(rt.Hold)
			return nil
		}
	}
	s.State, s.MessageID, s.Version, j.to = gateway.Sent, whole, 1, rt.To
	if plan.Join != nil {
		s.State = gateway.Joined
	}
	s.Faults = append(s.Faults, g.assumed(t.Outputs[0].document, rt, t.Outputs[0].stated(), left)...)
	header := seal.Header{
		Kind: rt.Kind, Duty: dutyOf(rt), Sender: g.Own, Recipient: rt.To, Conversation: cmp.Or(conversation, string(whole)), RelatesTo: relatesTo, Created: g.Now(),
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
		header.ExpectedArrival = nil
		if expected := g.expected(released, rt, o.stated(), left); !expected.IsZero() {
			header.ExpectedArrival = &expected
		}
		m, sealed, err := g.message(rt, o, header)
		if err != nil {
			return err
		}
		m.Whole, m.Part, m.Split = whole, i+1, o.split
		j.messages, j.sealed, j.notices = append(j.messages, m), append(j.sealed, sealed), append(j.notices, released)
	}
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

// dutyOf is what the documents of a route discharge; empty for information between administrations.
func dutyOf(rt *release.Route) string {
	if rt.Type == release.Filing {
		return DutyFiling
	}
	return ""
}

// toldBefore are the faults that held parts were told of when they came, as places in other
// documents than the one judged.
func toldBefore(held []store.Submission) (faults gateway.Faults) {
	for _, h := range held {
		for _, f := range h.Faults {
			f.Location.Document = h.Called()
			faults = append(faults, f)
		}
	}
	return faults
}

// message seals one message. Its order is its own: the parts of a whole do not wait for
// each other.
func (g *Gateway) message(rt *release.Route, o *Output, header seal.Header) (store.Message, seal.Sealed, error) {
	released := o.document
	header.DocumentID, header.WholeGoods = released.GetEnvelope().GetDocumentId(), g.wholeGoods(released, o.split)
	var expected time.Time
	if header.ExpectedArrival != nil {
		expected = *header.ExpectedArrival
		header.LateBy = int64(max(0, rt.Lead-expected.Sub(header.Created)) / time.Second)
	}
	sealed, err := g.Keys.Seal(header, o.Released, o.Encoded, o.Conforming)
	if err != nil {
		return store.Message{}, seal.Sealed{}, fmt.Errorf("seal message: %w", err)
	}
	m := store.Message{
		ID: header.MessageID, Route: rt.Name, Kind: rt.Kind, Recipient: rt.To, Conversation: header.Conversation, Chain: header.MessageID,
		DocumentID: header.DocumentID, State: gateway.Queued, Created: header.Created, ExpectedArrival: expected,
		LateBy: time.Duration(header.LateBy) * time.Second, ValidUntil: header.Created.Add(rt.Validity), Version: 1,
		Header: sealed.HeaderBytes(), Signature: sealed.Signature(), Payload: sealed.Payload(),
		PayloadDigest: o.Encoded.Digest(), Canonical: document.Marshal(released), CanonicalDigest: o.Released.Digest(),
		Mapping: o.Encoded.Table(), MappingDigest: o.Encoded.TableDigest(), SchemaDigest: o.Conforming.SchemaDigest(),
		NextAttempt: header.Created, Answers: []store.Answer{},
	}
	if g.Pulls(m.Recipient) {
		g.await(&m, m.Created)
	}
	return m, sealed, nil
}

// wholeGoods reports whether a document, one of those that a split has made if any has, tells
// all the goods of its waybills.
func (g *Gateway) wholeGoods(d *customsv1.Document, split string) bool {
	s, ok := g.Chain.Tables.Split(split)
	return reconcile.Announces(d) && (!ok || !s.DealsGoods())
}

// answering are the kinds of document that say something of what a partner has announced.
var answering = []string{"Answer", kindArrival}

// conversation finds what an answer to a partner belongs to: the message that carried
// the document of the partner's that it answers. The parts of a whole name the same.
func (g *Gateway) conversation(ctx context.Context, with gateway.Administration, t *Translation) (conversation string, relatesTo gateway.MessageID, faults gateway.Faults, err error) {
	if len(t.Outputs) == 0 || t.Outputs[0].Released.IsZero() || !slices.Contains(answering, t.Outputs[0].Released.Kind()) {
		return "", "", nil, nil
	}
	for _, id := range answered(t.Outputs[0].Released.View()) {
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

// part reads a submission again, by the table that it was first read by.
func (g *Gateway) part(ctx context.Context, s store.Submission, a store.Arrival) (p Part, err error) {
	p = Part{Name: s.Part, Submission: s.Called(), Expected: a.Asks.Expected, Of: a.Asks.Waybill}
	if p.Rulings, _, err = g.rulings(ctx, g.Store.Read(), a); err != nil {
		return p, err
	}
	if t, ok := g.Chain.Tables.Table(s.Mapping); ok {
		p.Reading, err = g.Chain.ReadAs(ctx, a.Content, t)
	} else {
		p.Reading, err = g.Chain.Read(ctx, a.Content, a.MediaType, g.Own, a.Received)
	}
	return p, err
}

// maxChanged is how many submissions are looked at that a change may act on.
const maxChanged = 20

// changesOwn reports whether a document changes what its sender's own office has announced, by the
// id that it names or by the batch: if it says another office, that is what is wrong with the change.
func (g *Gateway) changesOwn(ctx context.Context, r *Reading, a store.Arrival) (bool, error) {
	if !slices.Contains(revisable, r.Kind) || actOf(r.Document, a.Asks) != changes {
		return false, nil
	}
	read := g.Store.Read()
	announced := func(s store.Submission) bool { return s.Kind == r.Kind && s.MessageID != "" }
	names := (&step{Part: Part{Reading: r}, asks: a.Asks}).names()
	for _, id := range names[:min(len(names), maxChanged)] {
		s, err := read.Submission(ctx, a.Party, id)
		if store.IgnoreNotFound(err) != nil || err == nil && announced(s) {
			return err == nil, store.IgnoreNotFound(err)
		}
	}
	batch := leaf(r.Document, "batch")
	if batch == "" {
		return false, nil
	}
	all, err := read.Submissions(ctx, store.SubmissionFilter{Offices: []string{a.Party}, Kind: r.Kind, Batch: batch, Limit: maxChanged})
	return slices.ContainsFunc(all, announced), err
}

// notOwnOffice refuses a document that is issued for another office than the caller's.
func (g *Gateway) notOwnOffice(r *Reading, office string) gateway.Faults {
	own := gateway.Office{Administration: g.Own, Code: office}
	for _, of := range []string{"office", "exitOffice"} {
		path := of + ".code"
		stated := gateway.Office{Administration: gateway.Administration(leaf(r.Document, of+".administration")), Code: leaf(r.Document, path)}
		if stated.Code != "" && !stated.Same(own) && r.Kind != "Answer" {
			f := fault(gateway.NotOwnOffice, stated.Code, office)
			f.Path, f.Location, f.Place = path, r.locate(path), document.PlaceOf(r.Document, path)
			return gateway.Faults{f}
		}
	}
	return nil
}

// expected is when a document's goods are expected to arrive: as it says itself, as its sender
// says beside it, or the route's crossing after they left or were reported to. A time that nobody
// means is none.
func (g *Gateway) expected(d *customsv1.Document, rt *release.Route, said, left time.Time) time.Time {
	if at, ok := meant(d, leaf(d, "expectedArrival")); ok {
		return at
	}
	if !said.IsZero() {
		return said
	}
	if left = leaves(d, left); !left.IsZero() {
		return left.Add(crossingOf(d, rt, left).Takes)
	}
	return time.Time{}
}

// leaves is when a document's goods leave: as it was recorded, or as the document says.
func leaves(d *customsv1.Document, recorded time.Time) time.Time {
	if at, ok := meant(d, leaf(d, "departed")); ok && recorded.IsZero() {
		return at
	}
	return recorded
}

// assumed says of an expected arrival that it was made of a crossing time that nobody has
// stated.
func (g *Gateway) assumed(d *customsv1.Document, rt *release.Route, said, recorded time.Time) gateway.Faults {
	left := leaves(d, recorded)
	if _, stated := meant(d, leaf(d, "expectedArrival")); stated || !said.IsZero() || left.IsZero() {
		return nil
	}
	c := crossingOf(d, rt, left)
	if !c.Inferred() {
		return nil
	}
	f := fault(gateway.ExpectedAssumed, document.FormatInstant(left.Add(c.Takes)), fmt.Sprintf("%s (%s)", c.Takes, c.ID))
	f.Severity = gateway.Info
	return gateway.Faults{f}
}

// crossingOf is how long a document's goods take that leave at an instant.
func crossingOf(d *customsv1.Document, rt *release.Route, left time.Time) release.Crossing {
	exit, entry := cmp.Or(leaf(d, "exitOffice.code"), leaf(d, "office.code")), cmp.Or(leaf(d, "entryOffice.code"), leaf(d, "partnerOffice.code"))
	return rt.CrossingOf(exit, entry, left)
}

// meant is an instant of a document, if somebody means it.
func meant(d *customsv1.Document, text string) (time.Time, bool) {
	at, err := document.ParseInstant(text)
	issued, _ := document.ParseInstant(d.GetEnvelope().GetIssued().GetValue())
	return at, err == nil && document.Plausible(at, issued)
}

// leaf is the value at a path that not every kind of document has.
func leaf(d *customsv1.Document, path string) string {
	p, err := document.CompileFor(document.Kind(d), path)
	if err != nil {
		return ""
	}
	text, _ := p.Get(document.Of(d))
	return text
}

// sameParts reports whether the same submissions are in both, whichever changed last.
func sameParts(a, b []store.Submission) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x store.Submission) bool {
		return !slices.ContainsFunc(b, func(y store.Submission) bool { return x.Office == y.Office && x.ID == y.ID })
	})
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
