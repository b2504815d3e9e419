package flow

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/mapping"
	"customs.example/gateway/pace"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Receive is ReceiveAndTell, of which the receipt is all that is asked for.
func (g *Gateway) Receive(ctx context.Context, caller string, from []gateway.Administration, header, signature, payload []byte) (store.Statement, error) {
	answer, err := g.ReceiveAndTell(ctx, caller, from, header, signature, payload)
	return answer.Receipt, err
}

// ReceiveAnswer is what a delivery is answered with.
type ReceiveAnswer struct {
	Receipt   store.Statement
	Duplicate *gateway.Fault // that the same came before, and whether it is judged; nil: it did not
}

// ReceiveAndTell takes one message from a partner and returns a signed receipt: PRS or ERR
// when it could be judged, else RCV. A duplicate gets the same receipt bytes again, and is told that it is one.
// An error that is gateway.Faults refuses the delivery itself; nothing was taken, for
// nobody has shown whose it is: what is stored under an id of a sender, that sender signed.
func (g *Gateway) ReceiveAndTell(ctx context.Context, caller string, from []gateway.Administration, header, signature, payload []byte) (ReceiveAnswer, error) {
	h, err := seal.ParseHeader(header)
	if err != nil {
		return ReceiveAnswer{}, g.refuse(ctx, Caller{URI: caller}, payload, asFaults(err)...)
	}
	if most := g.capFrom(h.Sender); len(payload) > most {
		return ReceiveAnswer{}, g.refuse(ctx, Caller{URI: caller}, payload, tooLarge(len(payload), most))
	}
	if !slices.Contains(from, h.Sender) {
		return ReceiveAnswer{}, g.refuse(ctx, Caller{URI: caller}, payload, fault(gateway.SenderWrong, string(h.Sender), fmt.Sprint(from)))
	}
	if h.Recipient != g.Own {
		return ReceiveAnswer{}, g.refuse(ctx, Caller{URI: caller}, payload, fault(gateway.RecipientWrong, string(h.Recipient), string(g.Own)))
	}
	room, err := g.room(ctx, caller, len(payload))
	if err != nil {
		return ReceiveAnswer{}, err
	}
	defer room.Release()
	at := g.Now()
	opened, err := g.Trust.Open(header, signature, payload, at)
	if err != nil {
		return ReceiveAnswer{}, g.refuse(ctx, Caller{URI: caller}, payload, asFaults(err)...)
	}
	g.calls(h.Sender)
	rcv, err := g.receipt(h, seal.Receipt{
		MessageID: h.MessageID, Verdict: gateway.RCV, Received: gateway.DigestOf(payload), Faults: clockFaults(h.Created, at).Report("en"), At: at,
	})
	if err != nil {
		return ReceiveAnswer{}, err
	}
	a := store.Arrival{
		Door: store.DoorPeer, Party: string(h.Sender), ID: string(h.MessageID), Caller: caller, MediaType: XML,
		Recipients: []string{string(h.Recipient)}, Header: header, Signature: signature, Content: payload,
		Digest: gateway.DigestOf(payload), Received: at, Attempts: 1, Receipt: &rcv,
	}
	if err := g.tooEarly(ctx, a, opened); err != nil {
		return ReceiveAnswer{}, err
	}
	known, again, err := g.arrive(ctx, a)
	if err != nil {
		return ReceiveAnswer{}, err
	}
	if known, err = g.awaited(ctx, known); err != nil {
		return ReceiveAnswer{}, err
	}
	if known.Judged {
		in, err := g.Store.Read().Inbound(ctx, h.Sender, h.MessageID)
		if err != nil {
			return ReceiveAnswer{}, err
		}
		return g.receiptAgain(known, in, again), nil
	}
	stored := ReceiveAnswer{Receipt: *known.Receipt} // the verdict follows
	if again {
		stored.Duplicate = g.pending(known)
	}
	if stuck(known, g.Now()) != nil {
		return stored, nil
	}
	if !known.Received.Equal(at) || !bytes.Equal(known.Header, header) || !bytes.Equal(known.Signature, signature) {
		opened = seal.Opened{} // it came before, and is verified as it came then
	}
	in, err := judged(ctx, g, known, func(ctx context.Context, a store.Arrival) (store.Inbound, error) {
		return g.judgeOpened(ctx, a, opened)
	})
	if err != nil {
		return stored, nil // likewise
	}
	return g.receiptAgain(known, in, again), nil
}

// receiptAgain is the receipt of a message that is judged; of one that came before, it tells that it is the same, or
// that no verdict is in it yet.
func (g *Gateway) receiptAgain(a store.Arrival, in store.Inbound, again bool) ReceiveAnswer {
	out := ReceiveAnswer{Receipt: *in.Receipt}
	switch {
	case !again:
	case in.State == gateway.Parked:
		out.Duplicate = g.pending(a)
	default:
		out.Duplicate = same(a)
	}
	return out
}

// receipt signs what we say of a message.
func (g *Gateway) receipt(h seal.Header, r seal.Receipt) (store.Statement, error) {
	signed, err := g.Keys.Sign(seal.Header{
		MessageID: gateway.MessageID(g.NewID()), Sender: g.Own, Recipient: h.Sender, Conversation: h.Conversation, Created: r.At,
	}, r)
	if err != nil {
		return store.Statement{}, fmt.Errorf("sign receipt: %w", err)
	}
	return store.Statement{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}, nil
}

// weigh judges what a partner sent and signs the receipt that says so. It returns the
// document of a message that is accepted. Opened is the message as it was verified when it
// came, zero if it is to be verified.
func (g *Gateway) weigh(ctx context.Context, a store.Arrival, opened seal.Opened) (store.Inbound, *customsv1.Document, error) {
	h, err := headerOf(a, opened)
	if err != nil {
		return store.Inbound{}, nil, err
	}
	in := store.Inbound{
		ID: h.MessageID, Sender: h.Sender, Kind: h.Kind, DocumentID: h.DocumentID, Conversation: h.Conversation, Batch: h.Batch, State: gateway.Refused,
		Received: a.Received, LateBy: time.Duration(h.LateBy) * time.Second, PayloadDigest: a.Digest,
		Faults: gateway.Faults{}, Unread: []string{}, Answers: []string{},
	}
	if h.ExpectedArrival != nil {
		in.ExpectedArrival = *h.ExpectedArrival
	}
	doc, err := g.open(ctx, a, opened, h.Created, &in)
	if err != nil {
		return store.Inbound{}, nil, err
	}
	contradicted, err := g.contradictions(ctx, g.Store.Read(), &in, doc)
	if err != nil {
		return store.Inbound{}, nil, err
	}
	in.Faults = append(fromPartner(in.Faults, in.State), contradicted...)
	verdict := seal.Receipt{MessageID: h.MessageID, Verdict: gateway.ERR, Received: a.Digest, Faults: in.Faults.Report("en"), At: g.Now()}
	switch in.State {
	case gateway.Accepted:
		verdict.Verdict, verdict.Canonical, verdict.Mapping = gateway.PRS, in.CanonicalDigest, in.Mapping
		verdict.AnswerFollows = in.Kind == kindCancellation && g.answers(in.Sender, in.Received)
	case gateway.Parked:
		verdict.Verdict, verdict.Faults = gateway.RCV, nil
	}
	receipt, err := g.receipt(h, verdict)
	if err != nil {
		return store.Inbound{}, nil, err
	}
	in.Receipt = &receipt
	return in, doc, nil
}

// clockFaults warns of a clock that is ahead of ours: what was received at an instant says
// that it was created later.
func clockFaults(created, at time.Time) gateway.Faults {
	ahead := created.Sub(at)
	if ahead < seal.NoticedSkew {
		return nil
	}
	f := fault(gateway.ClockAhead, ahead.Round(time.Second).String(), at.UTC().Format(time.RFC3339))
	f.Severity = gateway.Warning
	return gateway.Faults{f}
}

// aheadError says that a message is not judged yet: its sender's clock or ours is too wrong
// to say when it was created.
type aheadError struct{ by time.Duration }

func (e *aheadError) Error() string {
	return "it says that it was created " + e.by.Round(time.Second).String() + " ahead of this gateway's clock"
}

// headerOf is the header of a message that was verified, or of one that is to be.
func headerOf(a store.Arrival, opened seal.Opened) (seal.Header, error) {
	if !opened.IsZero() {
		return opened.Header(), nil
	}
	return seal.ParseHeader(a.Header)
}

// judgeInbound judges a message whose sender's clock allows it.
func (g *Gateway) judgeInbound(ctx context.Context, a store.Arrival) (store.Inbound, error) {
	return g.judgeOpened(ctx, a, seal.Opened{})
}

func (g *Gateway) judgeOpened(ctx context.Context, a store.Arrival, opened seal.Opened) (store.Inbound, error) {
	h, err := headerOf(a, opened)
	if err != nil {
		return store.Inbound{}, err
	}
	if ahead := h.Ahead(g.Now()); ahead > seal.Skew {
		return store.Inbound{}, &aheadError{ahead}
	}
	return g.judgeUntilRecorded(ctx, a, opened)
}

// judgeMessage judges a message whatever its sender's clock.
func (g *Gateway) judgeMessage(ctx context.Context, a store.Arrival) (store.Inbound, error) {
	return g.judgeUntilRecorded(ctx, a, seal.Opened{})
}

// judgeUntilRecorded is the second unit of work: the verdict, its receipt, and what follows
// from an accepted message.
func (g *Gateway) judgeUntilRecorded(ctx context.Context, a store.Arrival, opened seal.Opened) (store.Inbound, error) {
	for {
		in, again, err := g.judgeOnce(ctx, a, opened)
		if err != nil || !again {
			return in, err
		}
	}
}

// judgeOnce judges a message from what is committed now. It is to be judged again if, in the
// meantime, an answer came that this one contradicts, so that its receipt says so.
func (g *Gateway) judgeOnce(ctx context.Context, a store.Arrival, opened seal.Opened) (in store.Inbound, again bool, err error) {
	in, doc, err := g.weigh(ctx, a, opened)
	if err != nil {
		return store.Inbound{}, false, err
	}
	judged := false
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		arrival, err := tx.Arrival(ctx, a.Door, a.Party, a.ID)
		if err != nil {
			return err
		}
		if judged = !arrival.Judged; !judged { // a second delivery was faster: its receipt is the receipt
			if in, err = tx.Inbound(ctx, in.Sender, in.ID); err != nil {
				return err
			}
			return tx.Audit(a.Caller, "judged already", string(in.ID), a.Digest)
		}
		if again, err = g.recordVerdict(ctx, tx, a, &in, doc); err != nil {
			return err
		}
		if again {
			return tx.Audit("gateway", "judged again: another answer came", string(in.ID), a.Digest)
		}
		if err := settle(tx, arrival, a.Claim); err != nil {
			return err
		}
		return tx.Audit("gateway", "received "+string(in.State), string(in.ID), a.Digest)
	})
	if err != nil {
		return store.Inbound{}, false, fmt.Errorf("judge message: %w", err)
	}
	if judged && !again {
		g.fetchNow(in.Sender)
		g.tellVerdict(event.MessageJudged, in, "", g.Now().Sub(a.Received))
	}
	return in, again, nil
}

// tellVerdict tells what became of a message from a partner.
func (g *Gateway) tellVerdict(name event.Name, in store.Inbound, caller string, took time.Duration) {
	g.Log.Tell(event.Event{
		Name: name, Door: store.DoorPeer, Party: string(in.Sender), ID: string(in.ID), Caller: caller, Kind: in.Kind, State: string(in.State),
		Codes: event.CodesOf(in.Faults), Movement: in.MovementID, Took: took,
	})
}

// recordVerdict records a verdict with what follows from it, unless it is to be judged again:
// what its receipt says of earlier answers is not so any more.
func (g *Gateway) recordVerdict(ctx context.Context, tx *store.Tx, a store.Arrival, in *store.Inbound, doc *customsv1.Document) (again bool, err error) {
	if doc != nil && in.State == gateway.Accepted {
		now, err := g.contradictions(ctx, tx, in, doc)
		if err != nil {
			return false, err
		}
		said := func(f gateway.Fault) bool {
			return slices.ContainsFunc(in.Faults, func(o gateway.Fault) bool { return sayingOf(o) == sayingOf(f) })
		}
		if in.Kind == kindCancellation { // it may have arrived meanwhile
			late, err := g.takesBackNothing(ctx, tx, in.Sender, doc)
			if err != nil {
				return false, err
			}
			now = append(now, late...)
		}
		known, err := g.documentAgain(ctx, tx, in) // another may have come meanwhile
		if err != nil {
			return false, err
		}
		now = append(now, known...)
		if slices.ContainsFunc(now, func(f gateway.Fault) bool { return !said(f) }) {
			return true, nil
		}
		if err := g.take(ctx, tx, a, in, doc); err != nil {
			return false, err
		}
		if err := g.originalCame(ctx, tx, *in, doc); err != nil {
			return false, err
		}
		if in.Offices, err = g.concerned(ctx, tx, *in); err != nil {
			return false, err
		}
		if err := g.awaitAttachments(ctx, tx, *in, doc); err != nil {
			return false, err
		}
	}
	in.Commit = tx.Commit
	return false, tx.PutInbound(*in)
}

// open verifies, reads and validates a message's payload into its inbox row, all as of
// the day it was received. It returns the document if the message is accepted.
func (g *Gateway) open(ctx context.Context, a store.Arrival, opened seal.Opened, created time.Time, in *store.Inbound) (*customsv1.Document, error) {
	if opened.IsZero() {
		var err error
		if opened, err = g.Trust.Open(a.Header, a.Signature, a.Content, a.Received); err != nil {
			in.Faults = append(in.Faults, asFaults(err)...)
			return nil, nil
		}
	}
	in.Faults = append(in.Faults, clockFaults(created, a.Received)...)
	reading, err := g.Chain.Read(ctx, a.Content, a.MediaType, in.Sender, a.Received)
	if err != nil {
		return nil, err
	}
	for _, u := range reading.Unread {
		in.Unread = append(in.Unread, u.Expr)
	}
	if reading.Document == nil {
		in.Faults = append(in.Faults, reading.Faults...)
		if waitsForTable(reading.Faults) {
			in.State = gateway.Parked
		}
		return nil, nil
	}
	in.Mapping = reading.Table.ID()
	if reading.Kind != in.Kind {
		in.Faults = append(in.Faults, fault(gateway.KindUnexpected, reading.Kind, in.Kind))
		return nil, nil
	}
	scope := g.scope(in.Sender)
	scope.At, scope.Part = a.Received, opened.Header().Parts > 0
	scope.Done = slices.Contains(revisable, in.Kind) && actOf(reading.Document, store.Asks{}) == changes
	passed, faults, err := g.Chain.Validate(ctx, reading, scope)
	if err != nil {
		return nil, err
	}
	in.Faults = append(in.Faults, faults...)
	if passed.IsZero() {
		return nil, nil
	}
	doc := passed.View()
	if in.Kind == kindCancellation {
		unknown, err := g.takesBackNothing(ctx, g.Store.Read(), in.Sender, doc)
		if err != nil {
			return nil, err
		}
		if len(unknown) > 0 {
			unknown[0].Location, unknown[0].Place = reading.locate(unknown[0].Path), document.PlaceOf(doc, unknown[0].Path)
			in.Faults = append(in.Faults, unknown...)
			return nil, nil
		}
	}
	if in.Kind == kindArrival {
		unknown, err := g.toldOfNothing(ctx, g.Store.Read(), in.Sender, doc)
		if err != nil {
			return nil, err
		}
		if len(unknown) > 0 {
			unknown[0].Location, unknown[0].Place = reading.locate(unknown[0].Path), document.PlaceOf(doc, unknown[0].Path)
			in.Faults = append(in.Faults, unknown...)
			return nil, nil
		}
	}
	if scope.Done {
		of, refused, err := g.original(ctx, in, doc)
		if err != nil {
			return nil, err
		}
		if len(refused) > 0 {
			refused[0].Location, refused[0].Place = reading.locate(refused[0].Path), document.PlaceOf(doc, refused[0].Path)
			in.Faults = append(in.Faults, refused...)
			return nil, nil
		}
		in.Replaces = of.ID
	}
	if in.Kind == kindInspection {
		from := reconcile.Origin{Message: in.ID, Sender: in.Sender, Received: in.Received, To: g.Own}
		told, err := g.subjectUnknown(ctx, g.Store.Read(), doc, from, teller{})
		if err != nil {
			return nil, err
		}
		for _, f := range told {
			f.Location, f.Place = reading.locate(f.Path), document.PlaceOf(doc, f.Path)
			in.Faults = append(in.Faults, f)
		}
	}
	in.Canonical, in.CanonicalDigest = document.Marshal(doc), passed.Digest()
	in.DocumentID, in.Answers = doc.GetEnvelope().GetDocumentId(), answered(doc)
	again, err := g.documentAgain(ctx, g.Store.Read(), in)
	if err != nil {
		return nil, err
	}
	if len(again) > 0 {
		again[0].Location, again[0].Place = reading.locate(again[0].Path), document.PlaceOf(doc, again[0].Path)
		in.Faults = append(in.Faults, again...)
		in.Canonical, in.CanonicalDigest, in.Answers = nil, gateway.Digest{}, []string{}
		return nil, nil
	}
	in.State = gateway.Accepted
	return doc, nil
}

// documentAgain refuses what is no change and bears the id of another document of its sender's, of
// other content, that still stands here: by it both sides find what is changed, taken back or
// answered.
func (g *Gateway) documentAgain(ctx context.Context, read received, in *store.Inbound) (gateway.Faults, error) {
	if in.DocumentID == "" || in.Replaces != "" {
		return nil, nil
	}
	known, err := read.InboundByDocument(ctx, in.Sender, in.DocumentID)
	if err != nil || gateway.SameID(known.ID, in.ID) || known.CanonicalDigest == in.CanonicalDigest {
		return nil, store.IgnoreNotFound(err)
	}
	if known.MovementID != "" && known.Kind != kindCancellation {
		m, err := movementIn(ctx, read, known.MovementID)
		if err != nil {
			return nil, err
		}
		if _, stands := m.Newest(known.ID, in.Sender); !stands {
			return nil, nil
		}
	}
	f := wanting(gateway.IDReuse, in.DocumentID, gateway.WordFirstContent)
	f.Path = "envelope.documentId"
	return gateway.Faults{f}, nil
}

// waitsForTable reports whether all that is wrong with a message is that a table or its
// schema is not installed here, which is not its sender's fault.
func waitsForTable(faults gateway.Faults) bool {
	return len(faults) == 1 && slices.Contains([]gateway.Code{gateway.FormatUnknown, gateway.FormatVariant, gateway.FormatVariantMissing, gateway.FormatContainer, gateway.SchemaMissing}, faults[0].Code)
}

// take does what follows from an accepted message: an answer goes to the message it
// answers, a notice to its movement.
func (g *Gateway) take(ctx context.Context, tx *store.Tx, a store.Arrival, in *store.Inbound, doc *customsv1.Document) error {
	if answer := doc.GetAnswer(); answer != nil {
		return g.attachAnswer(ctx, tx, in, answer)
	}
	if in.Kind == kindCancellation {
		return g.takeCancellation(ctx, tx, in, doc)
	}
	h, err := seal.ParseHeader(a.Header)
	if err != nil {
		return err
	}
	if in.Kind == kindArrival {
		return g.takeArrival(ctx, tx, h, in, doc)
	}
	if in.Replaces != "" {
		return g.takeAmendment(ctx, tx, h, in, doc)
	}
	movement, _, err := g.follow(ctx, tx, doc, reconcile.Origin{
		Message: in.ID, Sender: in.Sender, Conversation: in.Conversation, WholeGoods: h.WholeGoods,
		Batch: in.Batch, Entry: g.entryOf(h), Received: in.Received, Expected: in.ExpectedArrival, Filing: h.Duty == DutyFiling, To: g.Own,
	}, teller{})
	in.MovementID = movement
	return err
}

// entryOf is the office of ours that a message's header says its goods enter at.
func (g *Gateway) entryOf(h seal.Header) gateway.Office {
	if h.EntryOffice == "" {
		return gateway.Office{}
	}
	return gateway.Office{Administration: g.Own, Code: h.EntryOffice}
}

func (g *Gateway) attachAnswer(ctx context.Context, tx *store.Tx, in *store.Inbound, answer *customsv1.Answer) error {
	for _, id := range in.Answers {
		m, err := tx.MessageByDocument(ctx, id, in.Sender)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		if err != nil {
			continue // it answers what another system sent; the inbox has it
		}
		a := g.inWords(answer, in.Mapping, in.Received)
		a.MessageID, a.Received = in.ID, in.Received
		if f := contradicts(m, a); f != nil {
			a.Faults = gateway.Faults{*f}
		}
		m.Answers = append(m.Answers, a)
		if err := tx.PutAnswers(m); err != nil {
			return err
		}
		if err := g.answerConcluded(ctx, tx, m, a); err != nil {
			return err
		}
	}
	return nil
}

// messagesByDocument is what contradictions asks of the store.
type messagesByDocument interface {
	MessageByDocument(ctx context.Context, documentID string, to gateway.Administration) (store.Message, error)
}

// contradictions are the warnings that an accepted answer contradicts earlier ones, of every
// document that it answers.
func (g *Gateway) contradictions(ctx context.Context, read messagesByDocument, in *store.Inbound, doc *customsv1.Document) (faults gateway.Faults, err error) {
	if in.State != gateway.Accepted || doc.GetAnswer() == nil {
		return nil, nil
	}
	said := g.inWords(doc.GetAnswer(), in.Mapping, in.Received)
	for _, id := range in.Answers {
		m, err := read.MessageByDocument(ctx, id, in.Sender)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil {
			continue
		}
		if f := contradicts(m, said); f != nil {
			faults = append(faults, *f)
		}
	}
	return faults, nil
}

// contradicts warns of an answer to a message that has another registration number already.
func contradicts(m store.Message, a store.Answer) *gateway.Fault {
	for _, earlier := range slices.Backward(m.Answers) {
		if a.Registration != "" && earlier.Registration != "" && earlier.Registration != a.Registration {
			f := fault(gateway.AnswerContradicts, a.Registration, earlier.Registration)
			f.Severity, f.Path = gateway.Warning, "answer.registration.number"
			return &f
		}
	}
	return nil
}

// resultList is the code list of what partners' results mean. It is open: a code that it does
// not hold stays text.
const resultList = "answer-result"

// Outcomes of a business answer.
const (
	Registered      = "registered" // under a number or a carnet
	Confirmed       = "accepted"
	TooLate         = "too late" // the goods are released, or have crossed
	UnderInspection = "under inspection"
	Declined        = "refused"
)

// outcomes are what results may come to, by what the code list says follows from each, the one
// that counts before the others first. A result that is not known is a refusal.
var outcomes = []string{Declined, TooLate, UnderInspection, Confirmed}

// inWords is what an answer that a table has read says, as it is shown beside the message.
func (g *Gateway) inWords(answer *customsv1.Answer, table string, day time.Time) store.Answer {
	a := store.Answer{Status: answer.GetStatus(), Results: []store.Result{}}
	if r := answer.GetRegistration(); r != nil {
		a.Registration = inFull(r)
	}
	var system string
	if t, ok := g.Chain.Tables.Table(table); ok {
		system = t.System()
	}
	lists := g.Chain.Tables.Lists()
	least := len(outcomes)
	for _, r := range answer.GetResults() {
		result := store.Result{Code: r.GetCode(), Words: r.GetDescriptions()}
		if known, err := lists.Translate(resultList, system, r.GetCode(), day, codelist.Decode); err == nil && lists.Known(resultList, known.Code, day) {
			result.Meaning = known.Code
		}
		least = min(least, max(0, slices.Index(outcomes, lists.Means(resultList, result.Meaning))))
		a.Results = append(a.Results, result)
	}
	switch {
	case answer.GetRegistration() != nil || answer.GetTir() != nil:
		a.Outcome = Registered
	case least < len(outcomes):
		a.Outcome = outcomes[least]
	}
	return a
}

// ResultName is what a result means, in a language; empty if that is not known.
func (g *Gateway) ResultName(r store.Result, lang string) string {
	return g.Chain.Tables.Lists().Name(resultList, r.Meaning, lang)
}

// OneAnswer is what the answers to the messages of a whole come to, by the split that
// made them: nil until they come to one. It also names the messages that are answered.
// The last answer to a message is the one that counts.
func (g *Gateway) OneAnswer(ctx context.Context, messages []store.Message) (*store.Answer, []gateway.MessageID, error) {
	var answered []gateway.MessageID
	var last time.Time
	answers := make([]*customsv1.Answer, len(messages))
	var table string
	for i, m := range messages {
		if len(m.Answers) == 0 {
			continue
		}
		said := m.Answers[len(m.Answers)-1]
		in, err := g.Store.Read().Inbound(ctx, m.Recipient, said.MessageID)
		if err != nil {
			return nil, nil, fmt.Errorf("answer %s: %w", said.MessageID, err)
		}
		answers[i] = document.Parse(in.Canonical).Document.GetAnswer()
		answered, table = append(answered, m.ID), in.Mapping
		if said.Received.After(last) {
			last = said.Received
		}
	}
	several := slices.IndexFunc(messages, func(m store.Message) bool { return m.Split != "" }) // the first may have been alone
	if several < 0 {
		return nil, answered, nil
	}
	split, ok := g.Chain.Tables.Split(messages[several].Split)
	if !ok {
		return nil, answered, nil
	}
	merged := split.Merge(answers)
	if merged == nil {
		return nil, answered, nil
	}
	one := g.inWords(merged, table, last)
	one.Received = last
	return &one, answered, nil
}

// answered lists the documents that a document answers, each once.
func answered(d *customsv1.Document) []string {
	out, seen := []string{}, make(map[string]bool)
	for _, r := range d.GetEnvelope().GetReferences() {
		if id := gateway.FoldID(r.GetId()); r.GetKind() == customsv1.ReferenceKind_ANSWERED && !seen[id] {
			seen[id] = true
			out = append(out, r.GetId())
		}
	}
	return out
}

// inbound returns an accepted message from a partner: to whom it is handed out, no other is
// there. The sender may be left out where only one has used the id.
func (g *Gateway) inbound(ctx context.Context, sender gateway.Administration, id gateway.MessageID) (store.Inbound, error) {
	all, err := g.Store.Read().InboundsByID(ctx, id)
	if err != nil {
		return store.Inbound{}, err
	}
	all = slices.DeleteFunc(all, func(in store.Inbound) bool {
		return in.State != gateway.Accepted || sender != "" && in.Sender != sender
	})
	switch len(all) {
	case 0:
		return store.Inbound{}, store.ErrNotFound
	case 1:
		return all[0], nil
	}
	senders := make([]string, len(all))
	for i, in := range all {
		senders[i] = string(in.Sender)
	}
	return store.Inbound{}, gateway.Faults{fault(gateway.IDOfSeveral, string(id), strings.Join(senders, ", "))}
}

// Take returns an accepted message's content in a form: canonical JSON, the XML as it
// came, or the administration's own XML.
func (g *Gateway) Take(ctx context.Context, c Caller, sender gateway.Administration, id gateway.MessageID, form Form) (store.Inbound, []byte, error) {
	in, err := g.inbound(ctx, sender, id)
	if err == nil && in.Erased && form != None {
		err = refuseErased(ctx, g.Store.Read(), store.DoorPeer, string(in.Sender), string(in.ID))
	}
	if err != nil {
		return in, nil, err
	}
	switch form {
	case Canonical:
		return in, in.Canonical, nil
	case PartnerXML, NationalXML:
		a, err := g.Store.Read().Arrival(ctx, store.DoorPeer, string(in.Sender), string(in.ID))
		if err != nil {
			return in, nil, err
		}
		if form == PartnerXML {
			return in, a.Content, nil
		}
		room, err := g.room(ctx, c.URI, len(a.Content))
		if err != nil {
			return in, nil, err
		}
		defer room.Release()
		content, err := g.national(ctx, in, a.Content)
		return in, content, err
	}
	return in, nil, nil
}

// Form is how a received document is handed out.
type Form int

// The forms.
const (
	None Form = iota
	Canonical
	PartnerXML
	NationalXML
)

// national writes a received document in the administration's own format: the very
// bytes if they are in it already.
func (g *Gateway) national(ctx context.Context, in store.Inbound, received []byte) ([]byte, error) {
	table, ok := g.Chain.Tables.Table(in.Mapping)
	if ok && table.Administration() == string(g.Own) {
		return received, nil
	}
	own := g.ownTable(in)
	if own == nil {
		return nil, gateway.Faults{fault(gateway.TableMissing, in.Kind, string(g.Own))}
	}
	steps := pace.Of(ctx)
	canonical, err := document.ParseWhile(steps, in.Canonical)
	if err != nil {
		return nil, err
	}
	encoded, _, faults, err := own.EncodeWhile(steps, canonical.Document, false)
	if err != nil {
		return nil, err
	}
	if faults.Refuse() {
		return nil, faults
	}
	checked, err := g.Chain.Conform(ctx, own, encoded.Bytes())
	if err != nil {
		return nil, err
	}
	if checked.Faults.Refuse() {
		return nil, checked.Faults
	}
	return encoded.Bytes(), nil
}

// ownTable returns the administration's own table for a received document: the first of
// its formats for the kind, in the newest version of that day.
func (g *Gateway) ownTable(in store.Inbound) (best *mapping.Table) {
	for _, t := range g.Chain.Tables.Tables() {
		if t.Administration() != string(g.Own) || t.Kind() != in.Kind || t.Profile() != "" || !t.Valid(in.Received) {
			continue
		}
		if best == nil || t.Name() == best.Name() && t.Version() > best.Version() {
			best = t
		}
	}
	return best
}

// Acknowledge notes that the administration's system has taken a message that was accepted:
// no other is handed out. The first one counts.
func (g *Gateway) Acknowledge(ctx context.Context, c Caller, sender gateway.Administration, id gateway.MessageID) (store.Inbound, error) {
	in, err := g.inbound(ctx, sender, id)
	if err != nil {
		return in, err
	}
	first := false
	_, err = g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		if in, err = tx.Inbound(ctx, in.Sender, in.ID); err != nil {
			return err
		}
		if first, err = tx.Acknowledge(in.Sender, in.ID, c.URI); err != nil {
			return err
		}
		if first {
			in.AcknowledgedBy, in.AcknowledgedAt, in.Commit = c.URI, tx.Now(), tx.Commit
		}
		return tx.Audit(c.URI, "message acknowledged", string(id), in.PayloadDigest)
	})
	if err == nil && first {
		g.Log.Tell(event.Event{Name: event.MessageAcknowledged, Door: store.DoorPeer, Party: string(in.Sender), ID: string(in.ID), Caller: c.URI})
	}
	return in, err
}
