package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
	"customs.example/gateway/validate"
)

// kindCancellation is the kind of document that takes another back.
const kindCancellation = "Cancellation"

// subjectID is where a cancellation names what it takes back.
const subjectID = "subject.id"

// cancelling is what a cancellation does to a submission of its office: what of it was not
// handed over yet is withdrawn, what was is asked back by a message behind it.
type cancelling struct {
	named    store.Submission
	withdraw []store.Message
	ask      []store.Message // those that j.messages ask back, in their order
	of       []*lineage      // they
	asked    bool            // something of it is being taken back already
}

// live reports whether a partner may act on a message, or will.
func live(m store.Message) bool {
	switch m.State {
	case gateway.Refused, gateway.Dead, gateway.Settled, gateway.TakenBack:
		return false
	}
	return m.Withdrawal != gateway.WithdrawalDone && !declined(m)
}

// declined reports whether the partner's last answer to a message refuses it.
func declined(m store.Message) bool {
	return len(m.Answers) > 0 && refuses(m.Answers[len(m.Answers)-1], m.Replaces != "" || m.Kind == kindCancellation)
}

// refuses reports whether an answer refuses what was announced, or a change or withdrawal of it,
// for which it may also be too late.
func refuses(said store.Answer, change bool) bool {
	return said.Outcome == Declined || change && said.Outcome == TooLate
}

// handedOver reports whether a message may be with the partner.
func handedOver(m store.Message) bool { return m.State != gateway.Queued || m.Attempts > 0 }

// judgeCancellation decides what a cancellation does. It names a submission of its own
// office by its id, which by default is the id of its document.
func (g *Gateway) judgeCancellation(ctx context.Context, j *judgement, reading *Reading, a store.Arrival, rulings []release.Ruling) error {
	s, read := &j.submission, g.Store.Read()
	id := leaf(reading.Document, subjectID)
	named, err := read.Submission(ctx, s.Office, namedTo(a, id))
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil || gateway.SameID(named.ID, s.ID) {
		return j.refuseCancellation(reading, fault(gateway.CancelUnknown, id, ""))
	}
	j.cancels = &cancelling{named: named}
	if of, ok := g.Chain.Routes.Route(named.Route); ok { // by which it would go, if it has to
		if rt := g.cancellationRoute(s.Office, of.To); rt != nil {
			s.Route = rt.Name
		}
	}
	switch {
	case named.Kind == kindCancellation:
		return j.nothingToCancel(reading, gateway.WordIsCancellation)
	case named.State == gateway.Held:
		s.State = gateway.Done
		return nil
	case named.State == gateway.Arrived || named.State == gateway.SetAside:
		return j.nothingToCancel(reading, gateway.WordNotJudged)
	case named.State == gateway.Withdrawn || named.MessageID == "":
		return j.nothingToCancel(reading, gateway.WordNothingStands)
	}
	messages, err := read.Messages(ctx, named.MessageID)
	if err != nil {
		return err
	}
	if f, err := erasedOf(ctx, read, messages); err != nil {
		return err
	} else if f != nil {
		return j.refuseCancellation(reading, *f)
	}
	all := lineages(messages)
	if as := named.Canonical; as != nil && actOf(document.Parse(as).Document, store.Asks{}) == takesOut {
		return j.nothingToCancel(reading, gateway.WordIsCancellation)
	}
	for _, l := range all {
		if l.asked() { // of several vehicles one was taken out before
			j.cancels.asked = true
			continue
		}
		if l.wait != nil {
			j.cancels.withdraw = append(j.cancels.withdraw, *l.wait)
		}
		if l.head != nil {
			j.cancels.ask, j.cancels.of = append(j.cancels.ask, *l.head), append(j.cancels.of, l)
		}
	}
	if on := slices.Concat(j.cancels.withdraw, j.cancels.ask); len(on) > 0 {
		may, err := g.mayAct(ctx, j, a, reading, on, leaf(reading.Document, "reason"), "reason")
		if err != nil || !may {
			j.cancels = nil
			return err
		}
	}
	switch s.State = gateway.Done; {
	case len(j.cancels.ask) > 0:
		return g.askBack(ctx, j, reading, a, rulings)
	case len(j.cancels.withdraw) > 0:
		return nil
	case j.cancels.asked:
		return j.nothingToCancel(reading, gateway.WordWithdrawalAsked)
	}
	return j.nothingToCancel(reading, gateway.WordNothingStands)
}

// refuseCancellation refuses a cancellation for what it names.
func (j *judgement) refuseCancellation(reading *Reading, f gateway.Fault) error {
	f.Path, f.Location, f.Place = subjectID, reading.locate(subjectID), document.PlaceOf(reading.Document, subjectID)
	s := &j.submission
	s.State, s.MessageID, s.Faults = gateway.Faulty, "", append(s.Faults, f)
	j.messages, j.sealed, j.notices, j.cancels = nil, nil, nil, nil
	return nil
}

// nothingToCancel refuses a cancellation and says why.
func (j *judgement) nothingToCancel(reading *Reading, why gateway.Wording) error {
	return j.refuseCancellation(reading, wanting(gateway.CancelNothing, leaf(reading.Document, subjectID), why))
}

// waiting reports whether another cancellation waits for the same answer: one is enough, so
// that an answer has one to judge anew, however many are submitted.
func waiting(ctx context.Context, read heldReader, route, key string, s store.Submission) (bool, error) {
	held, err := read.Held(ctx, route, key)
	return slices.ContainsFunc(held, func(h store.Submission) bool { return h.Office != s.Office || !gateway.SameID(h.ID, s.ID) }), err
}

// heldReader is what is committed, or seen inside a unit of work.
type heldReader interface {
	Held(ctx context.Context, route, key string) ([]store.Submission, error)
}

// askBack makes the messages that ask a partner to take back what it has. Where its form
// wants the id that only the partner's answer brings, the cancellation waits for that.
func (g *Gateway) askBack(ctx context.Context, j *judgement, reading *Reading, a store.Arrival, rulings []release.Ruling) error {
	s, ask := &j.submission, j.cancels.ask
	to := ask[0].Recipient
	rt := g.cancellationRoute(s.Office, to)
	if rt == nil || len(a.Recipients) > 0 && !slices.Contains(administrations(a.Recipients), to) {
		s.State, j.cancels = gateway.Faulty, nil
		s.Faults = append(s.Faults, fault(gateway.RouteNone, kindCancellation, g.Chain.routesFor(Addressing{Own: g.Own})))
		return nil
	}
	s.Route, j.to = rt.Name, to
	whole := g.messageID(to, j, 0)
	for i, m := range ask {
		id := g.messageID(to, j, i)
		source := Part{Submission: a.Called(), Reading: reading, Rulings: rulings}
		t, err := g.takeBack(ctx, rt, source, j.cancels.of[i], id, document.FormatInstant(a.Received))
		if err != nil {
			return err
		}
		j.plan.Route, j.doubts = rt, append(j.doubts, t.doubts...)
		if t.Faults.Refuse() && !j.cancels.of[i].answered() && rt.Hold > 0 && wantsNumber(t.Faults) {
			waits, err := waiting(ctx, g.Store.Read(), rt.Name, answerKey(m.ID), *s)
			if err != nil {
				return err
			}
			if waits {
				return j.nothingToCancel(reading, gateway.WordWithdrawalAsked)
			}
			s.State, s.WaitsFor, s.JoinKey, s.Expires = gateway.Held, []string{WaitsForAnswer}, answerKey(m.ID), g.Now().Add(rt.Hold)
			s.MessageID, j.messages, j.sealed, j.notices, j.cancels.ask = "", nil, nil, nil, nil
			return nil
		}
		s.Faults = merge(s.Faults, t.Faults)
		if s.Faults.Refuse() {
			s.State, s.MessageID, j.messages, j.cancels = gateway.Faulty, "", nil, nil
			return nil
		}
		sent, sealed, err := g.message(rt, t.Outputs[0], seal.Header{
			MessageID: id, Kind: rt.Kind, Sender: g.Own, Recipient: to, Conversation: string(id), RelatesTo: m.ID, Created: g.Now(),
		})
		if err != nil {
			return err
		}
		sent.Whole, sent.Part, sent.Chain = whole, i+1, m.Chain // behind what it takes back
		s.State, s.MessageID, s.Version = gateway.Sent, whole, 1
		j.messages, j.sealed, j.notices = append(j.messages, sent), append(j.sealed, sealed), append(j.notices, t.Outputs[0].document)
	}
	return nil
}

// WaitsForAnswer is what a cancellation waits for whose form wants the number that the
// partner's answer brings.
const WaitsForAnswer = "answer"

func answerKey(of gateway.MessageID) string { return "answer to " + gateway.FoldID(string(of)) }

// wantsNumber reports whether all that refuses a cancellation is that there is no number of
// the partner's.
func wantsNumber(faults gateway.Faults) bool {
	for _, f := range faults {
		if f.Severity == gateway.Error && f.Path != "systemId" {
			return false
		}
	}
	return true
}

// cancellationRoute is the route of an office's that cancellations take to a partner.
func (g *Gateway) cancellationRoute(office string, to gateway.Administration) *release.Route {
	rts := g.Chain.Routes.Find(release.Query{From: g.Own, Office: office, Kind: kindCancellation, To: []gateway.Administration{to}, At: g.Now()})
	if len(rts) == 0 {
		return nil
	}
	return rts[0]
}

// answers reports whether this administration answered another's documents on a day, or let its
// receipt be all.
func (g *Gateway) answers(to gateway.Administration, at time.Time) bool {
	return slices.ContainsFunc(g.Chain.Routes.All(), func(rt *release.Route) bool {
		return rt.From == g.Own && rt.To == to && rt.Kind == "Answer" && rt.Valid.Contains(at)
	})
}

// knownAs is by what a partner's system knows an announcement: as its answers to the messages
// of it say, the last of them first.
func (g *Gateway) knownAs(ctx context.Context, messages ...store.Message) (*customsv1.Answer, error) {
	out := &customsv1.Answer{}
	for _, m := range messages {
		for _, a := range m.Answers {
			in, err := g.Store.Read().Inbound(ctx, m.Recipient, a.MessageID)
			if err != nil {
				return nil, err
			}
			said := document.Parse(in.Canonical).Document.GetAnswer()
			if said.GetSystemId() != "" {
				out.SystemId = said.GetSystemId()
			}
			if said.GetTir() != nil {
				out.Tir, out.TirGreenPage = said.GetTir(), said.TirGreenPage
			}
			if said.GetRegistration() != nil {
				out.Registration = said.GetRegistration()
			}
		}
	}
	return out, nil
}

// takingBack is a cancellation as it travels: it names the document that was sent by its own
// id and by those that the partner knows it by.
func takingBack(r *Reading, known *customsv1.Answer, id gateway.MessageID, subject, issued string) *Reading {
	out := *r
	out.Document, out.passed, out.warned = document.Clone(r.Document), validate.Passed{}, nil
	e, c := out.Document.Envelope, out.Document.GetCancellation()
	if e == nil {
		e = &customsv1.Envelope{}
		out.Document.Envelope = e
	}
	e.DocumentId, e.References = string(id), nil
	if e.Issued.GetValue() == "" {
		e.Issued = &customsv1.Instant{Value: issued}
	}
	c.Subject = &customsv1.Reference{Kind: c.GetSubject().GetKind(), Id: subject}
	c.SystemId, c.Tir, c.TirGreenPage = known.GetSystemId(), known.GetTir(), known.TirGreenPage
	return &out
}

// takeBackAgain repeats what askBack translated for the messages of a whole, from its one
// source.
func (g *Gateway) takeBackAgain(ctx context.Context, rt *release.Route, messages []store.Message, source Part) (*Translation, error) {
	all := &Translation{parts: []Part{source}, whole: source.Document}
	for _, m := range messages {
		full, err := g.Store.Read().Message(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		sent := document.Parse(full.Canonical).Document
		c := sent.GetCancellation()
		known := &customsv1.Answer{SystemId: c.GetSystemId(), Tir: c.GetTir(), TirGreenPage: c.TirGreenPage}
		back := source
		back.Reading = takingBack(source.Reading, known, m.ID, c.GetSubject().GetId(), sent.GetEnvelope().GetIssued().GetValue())
		scope := g.scope(rt.To)
		scope.At = m.Created
		t, err := g.Chain.Translate(ctx, Plan{Route: rt, Rulings: source.Rulings}, []Part{back}, m.ID, scope)
		if err != nil {
			return nil, err
		}
		all.Outputs, all.Faults = append(all.Outputs, t.Outputs...), append(all.Faults, t.Faults...)
	}
	return all, nil
}

// recordCancellation writes what a cancellation does, if all that it rests on is still so; else
// it is to be judged again. Its messages are written with all others.
func (g *Gateway) recordCancellation(ctx context.Context, tx *store.Tx, a store.Arrival, j *judgement) (again bool, err error) {
	c := j.cancels
	if s := j.submission; s.State == gateway.Held {
		if waits, err := waiting(ctx, tx, s.Route, s.JoinKey, s); waits || err != nil {
			return true, err
		}
	}
	now, err := tx.Submission(ctx, c.named.Office, c.named.ID)
	if err != nil || now.State != c.named.State || now.MessageID != c.named.MessageID {
		return true, err
	}
	var withdraw, ask []store.Message
	for _, m := range c.withdraw {
		if m, err = tx.Message(ctx, m.ID); err != nil || !live(m) || handedOver(m) {
			return true, err
		}
		withdraw = append(withdraw, m)
	}
	for _, m := range c.ask {
		if m, err = tx.Message(ctx, m.ID); err != nil || !live(m) || m.Withdrawal == gateway.WithdrawalAsked {
			return true, err
		}
		ask = append(ask, m)
	}
	sources := []store.Submission{now}
	if now.MessageID != "" && now.State != gateway.Held { // else it alone
		if sources, err = tx.Sources(ctx, now.MessageID); err != nil {
			return false, err
		}
	}
	if len(ask) == 0 && !c.asked && j.submission.State == gateway.Done { // nobody else has heard of it
		for _, s := range sources {
			if !s.State.CanBecome(gateway.Withdrawn) {
				continue
			}
			s.State, s.Reason, s.WaitsFor = gateway.Withdrawn, "taken back by "+j.submission.Called(), []string{}
			if err := errors.Join(tx.PutSubmission(s), auditState(tx, a.Caller, s)); err != nil {
				return false, err
			}
		}
	}
	if now.State == gateway.Held {
		now.State = gateway.Withdrawn
		if err := g.actEnded(ctx, tx, now.MessageID, now); err != nil {
			return false, err
		}
	}
	for _, m := range withdraw {
		if err := tx.Withdraw(m, "its sender took it back before it was handed over"); err != nil {
			return false, err
		}
		from := reconcile.Origin{Message: gateway.MessageID(a.Door + "/" + a.Party + "/" + a.ID + "/" + string(m.ID)), Received: tx.Now()}
		back := document.Clone(document.Parse(j.submission.Canonical).Document)
		back.GetCancellation().Subject = &customsv1.Reference{Id: m.DocumentID}
		if err := g.attachTo(ctx, tx, m, back, from); err != nil {
			return false, err
		}
		if err := tx.Audit(a.Caller, "message withdrawn", string(m.ID), m.PayloadDigest); err != nil {
			return false, err
		}
	}
	for i, m := range ask {
		m.Withdrawal = gateway.WithdrawalAsked
		if err := tx.PutWithdrawal(m); err != nil {
			return false, err
		}
		from := reconcile.Origin{Message: j.messages[i].ID, Received: tx.Now(), Asks: gateway.WithdrawalAsked}
		if err := g.attachTo(ctx, tx, m, j.notices[i], from); err != nil {
			return false, err
		}
		if err := tx.Audit(a.Caller, "withdrawal asked", string(m.ID), m.PayloadDigest); err != nil {
			return false, err
		}
	}
	return false, nil
}

// attachTo attaches a document to the movement that one of our own messages is in.
func (g *Gateway) attachTo(ctx context.Context, tx *store.Tx, of store.Message, doc *customsv1.Document, from reconcile.Origin) error {
	m, err := g.movementOfMessage(ctx, tx, of)
	if m == nil || err != nil {
		return err
	}
	if m.Movement, err = reconcile.Attach(m.Movement, doc, from, g.Tolerances); err != nil {
		return err
	}
	if err := g.takeControls(ctx, tx, m, doc, from, teller{}, timeOf(doc, from)); err != nil {
		return err
	}
	return g.keep(tx, *m)
}

// movementOfMessage is the movement that one of our own messages is in, by what it can be
// found by; nil if it is in none.
func (g *Gateway) movementOfMessage(ctx context.Context, read movementReader, of store.Message) (*Movement, error) {
	told := document.Parse(of.Canonical).Document
	at := of.Created
	if !of.ExpectedArrival.IsZero() {
		at = of.ExpectedArrival
	}
	candidates, err := g.candidates(ctx, read, told, reconcile.Origin{Message: of.ID, Batch: leaf(told, "batch")}, at, Window)
	if err != nil {
		return nil, err
	}
	for _, c := range candidates {
		if c.Has(of.ID, "") {
			return &c, nil
		}
	}
	return nil, nil
}

// messageReader finds messages, and the movements that they are in.
type messageReader interface {
	movementReader
	Message(ctx context.Context, id gateway.MessageID) (store.Message, error)
}

// movementsOf are the movements that our messages are in, each once: those of one whole are mostly
// in one, and then one is looked for.
func (g *Gateway) movementsOf(ctx context.Context, read messageReader, messages []store.Message) (all []Movement, err error) {
	for _, m := range messages {
		if slices.ContainsFunc(all, func(in Movement) bool { return in.Has(m.ID, "") }) {
			continue
		}
		if m.Canonical == nil {
			if m, err = read.Message(ctx, m.ID); err != nil {
				return nil, err
			}
		}
		in, err := g.movementOfMessage(ctx, read, m)
		if err != nil {
			return nil, err
		}
		if in != nil {
			all = append(all, *in)
		}
	}
	return all, nil
}

// decideWithdrawal notes what became of what one of our cancellations asked for.
func (g *Gateway) decideWithdrawal(ctx context.Context, tx *store.Tx, cancellation store.Message, now gateway.Withdrawal) error {
	h, err := seal.ParseHeader(cancellation.Header)
	if err != nil {
		return err
	}
	of, err := tx.Message(ctx, h.RelatesTo)
	if err != nil || of.Withdrawal != gateway.WithdrawalAsked {
		return store.IgnoreNotFound(err)
	}
	of.Withdrawal = now
	if err := tx.PutWithdrawal(of); err != nil {
		return err
	}
	m, err := g.movementOfMessage(ctx, tx, of)
	if err != nil {
		return err
	}
	if m != nil {
		m.Movement = reconcile.Decide(m.Movement, cancellation.ID, "", now, g.Tolerances)
		if err := g.keep(tx, *m); err != nil {
			return err
		}
	}
	return tx.Audit("gateway", "withdrawal "+string(now), string(of.ID), of.PayloadDigest)
}

// cancellationConcluded notes what a receipt, or the want of one, means to the withdrawal that
// a message asked for. Where the receipt says that an answer follows, that decides.
func (g *Gateway) cancellationConcluded(ctx context.Context, tx *store.Tx, m store.Message, receipt *seal.Receipt) error {
	if m.Kind != kindCancellation {
		return nil
	}
	switch {
	case m.State == gateway.Refused || m.State == gateway.Dead:
		return g.decideWithdrawal(ctx, tx, m, gateway.WithdrawalRefused)
	case m.State == gateway.Accepted && receipt != nil && !receipt.AnswerFollows:
		return g.decideWithdrawal(ctx, tx, m, gateway.WithdrawalDone)
	}
	return nil
}

// answerConcluded notes what a partner's answer means to one of our cancellations, or to one
// that waits for the number it brings.
func (g *Gateway) answerConcluded(ctx context.Context, tx *store.Tx, m store.Message, said store.Answer) error {
	if m.Kind == kindCancellation {
		now, ended := withdrawalBy(said)
		if !ended {
			return nil
		}
		return g.decideWithdrawal(ctx, tx, m, now)
	}
	before := m
	before.Answers = m.Answers[:len(m.Answers)-1]
	if declined(m) != declined(before) {
		if err := g.announcementDecided(ctx, tx, m.ID); err != nil {
			return err
		}
	}
	for _, rt := range g.Chain.Routes.All() {
		if rt.From != g.Own || rt.To != m.Recipient {
			continue
		}
		held, err := tx.Held(ctx, rt.Name, answerKey(m.ID))
		if err != nil {
			return err
		}
		for _, s := range held {
			if err := judgeAnew(ctx, tx, s, "the answer came"); err != nil {
				return err
			}
		}
	}
	return nil
}

// withdrawalBy is what an answer to a cancellation makes of the withdrawal, if it ends it: what
// is under inspection stays asked.
func withdrawalBy(said store.Answer) (now gateway.Withdrawal, ended bool) {
	switch said.Outcome {
	case Declined, TooLate:
		return gateway.WithdrawalRefused, true
	case UnderInspection:
		return "", false
	}
	return gateway.WithdrawalDone, true
}

// judgeAnew has a submission that waits judged by what is there now, beside all others.
func judgeAnew(ctx context.Context, tx *store.Tx, s store.Submission, why string) error {
	a, err := tx.Arrival(ctx, store.DoorSubmit, s.Office, s.ID)
	if err != nil {
		return err
	}
	if !a.Judged { // it is being judged
		return nil
	}
	if err := tx.PutJudging(anew(a, a)); err != nil {
		return err
	}
	return tx.Audit("gateway", "to be judged anew: "+why, subject(a), a.Digest)
}

// takesBackNothing refuses a partner's cancellation that names no accepted document of its
// sender's here.
func (g *Gateway) takesBackNothing(ctx context.Context, read received, sender gateway.Administration, doc *customsv1.Document) (gateway.Faults, error) {
	id := leaf(doc, subjectID)
	if id == "" { // only the receiving system knows by what else it is named
		return nil, nil
	}
	of, err := read.InboundByDocument(ctx, sender, id)
	if store.IgnoreNotFound(err) != nil {
		return nil, err
	}
	if err != nil || of.State != gateway.Accepted || of.Kind == kindCancellation {
		f := fault(gateway.CancelUnknown, id, "")
		f.Path = subjectID
		return gateway.Faults{f}, nil
	}
	late, err := arrivedHere(ctx, read, of)
	if late {
		f := fault(gateway.CancelArrived, id, "")
		f.Path = subjectID
		return gateway.Faults{f}, err
	}
	return nil, err
}

// arrivedHere reports whether what a partner's message announced has arrived.
func arrivedHere(ctx context.Context, read movementStore, of store.Inbound) (bool, error) {
	if of.MovementID == "" {
		return false, nil
	}
	m, err := movementIn(ctx, read, of.MovementID)
	return m.HasArrived(), store.IgnoreNotFound(err)
}

// received is what is asked of the store about a partner's messages: of what is committed, or
// inside a unit of work.
type received interface {
	movementStore
	InboundByDocument(ctx context.Context, sender gateway.Administration, documentID string) (store.Inbound, error)
}

// takeCancellation attaches a partner's cancellation to the movement of what it takes back. It
// takes effect at once where this side gives no answers; else our answer decides.
func (g *Gateway) takeCancellation(ctx context.Context, tx *store.Tx, in *store.Inbound, doc *customsv1.Document) error {
	of, err := tx.InboundByDocument(ctx, in.Sender, leaf(doc, subjectID))
	if err != nil || of.MovementID == "" {
		return store.IgnoreNotFound(err)
	}
	from := reconcile.Origin{Message: in.ID, Sender: in.Sender, Conversation: in.Conversation, Received: in.Received}
	if g.answers(in.Sender, in.Received) { // as its receipt says
		from.Asks = gateway.WithdrawalAsked
	}
	m, err := movementIn(ctx, tx, of.MovementID)
	if err != nil {
		return err
	}
	if m.Movement, err = reconcile.Attach(m.Movement, doc, from, g.Tolerances); err != nil {
		return err
	}
	in.MovementID = m.ID
	return g.keep(tx, m)
}

// ourAnswer notes what our own answer means to what a partner has announced, changed or asked
// back, in its movement.
func (g *Gateway) ourAnswer(ctx context.Context, tx *store.Tx, m store.Message, doc *customsv1.Document) error {
	if doc.GetAnswer() == nil {
		return nil
	}
	said := g.inWords(doc.GetAnswer(), m.Mapping, m.Created)
	for _, id := range answered(doc) {
		in, err := tx.InboundByDocument(ctx, m.Recipient, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && in.MovementID == "" {
			continue // another system's, or it tells of no movement
		}
		if err != nil {
			return err
		}
		of, err := movementIn(ctx, tx, in.MovementID)
		if err != nil {
			return err
		}
		now, ended := decidedBy(said, in.Kind, in.Replaces != "")
		if !ended || of.Decided(in.ID, in.Sender) == now {
			continue
		}
		of.Movement = reconcile.Decide(of.Movement, in.ID, in.Sender, now, g.Tolerances)
		if err := g.keep(tx, of); err != nil {
			return err
		}
	}
	return nil
}

// decidedBy is what an answer makes of a document of a kind, be it a change, if it decides on it:
// what is under inspection stays as it is.
func decidedBy(said store.Answer, kind string, change bool) (now gateway.Withdrawal, ended bool) {
	switch {
	case kind == kindCancellation:
		return withdrawalBy(said)
	case refuses(said, change):
		return gateway.WithdrawalRefused, true
	case said.Outcome == UnderInspection:
		return "", false
	case change:
		return gateway.WithdrawalDone, true
	}
	return "", true
}
