package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// page is readable output. Neighbouring lines with tabs are aligned.
type page struct {
	w     *columns
	zone  *time.Location
	lang  string // of the caller
	begun bool
}

// show prints an answer as one JSON object on a line, or as text.
func (s *session) show(m proto.Message, text func(*page)) error {
	if s.json {
		return printJSON(s.stdout, m)
	}
	p := &page{w: &columns{w: s.stdout}, zone: s.zone, lang: s.lang}
	text(p)
	return p.w.Flush()
}

// showAll prints each answer as a JSON object, or all of them as one text.
func showAll[T proto.Message](s *session, ms []T, text func(*page, []T)) error {
	if !s.json {
		return s.show(nil, func(p *page) { text(p, ms) })
	}
	for _, m := range ms {
		if err := printJSON(s.stdout, m); err != nil {
			return err
		}
	}
	return nil
}

func printJSON(w io.Writer, m proto.Message) error {
	raw, err := protojson.Marshal(m)
	if err != nil {
		return err
	}
	var line bytes.Buffer // protojson varies its white space
	if err := json.Compact(&line, raw); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, &line)
	return err
}

// clean keeps what was received from steering the terminal it is printed on.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func (p *page) line(cells ...string) {
	p.begun = true
	for i := range cells {
		cells[i] = clean(cells[i])
	}
	fmt.Fprintln(p.w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
}

// field prints what a word of the catalogue names, and what there is of its values; without any
// it prints nothing.
func (p *page) field(word string, values ...string) { p.labelled("", p.text(word), values) }

// inner prints a field inside of something.
func (p *page) inner(word string, values ...string) { p.labelled("  ", p.text(word), values) }

func (p *page) labelled(indent, label string, values []string) {
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	if len(values) > 0 {
		p.line(indent+label, strings.Join(values, ", "))
	}
}

// columns prints the heads of columns.
func (p *page) columns(words ...string) {
	for i, word := range words {
		words[i] = strings.ToUpper(p.text(word))
	}
	p.line(words...)
}

// heading begins a paragraph.
func (p *page) heading(format string, args ...any) {
	if p.begun {
		fmt.Fprintln(p.w)
	}
	p.line(fmt.Sprintf(format, args...))
}

func (p *page) time(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().In(p.zone).Format(time.RFC3339)
}

// filled is a text around a value; without one it is nothing.
func (p *page) filled(word, value string) string {
	if value == "" {
		return ""
	}
	return p.say(word, value)
}

// say is a text with its terms.
func (p *page) say(word string, terms ...string) string {
	return gateway.Say(gateway.Wording("word."+word), terms...).In(p.lang)
}

func (p *page) late(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return p.say("late", (time.Duration(seconds) * time.Second).String())
}

func (p *page) yesOrNo(yes bool) string {
	if yes {
		return p.text("yes")
	}
	return p.text("no")
}

// called is what a code is called, by a family of words: of state and "too late", stateTooLate. One
// that has no word is shown as it is.
func (p *page) called(family, code string) string {
	key := "word." + family
	for _, part := range strings.FieldsFunc(code, func(r rune) bool { return r == ' ' || r == '-' || r == '_' }) {
		key += strings.ToUpper(part[:1]) + strings.ToLower(part[1:])
	}
	if t, ok := gateway.TextOf(key, p.lang); ok && code != "" {
		return t.Text
	}
	return code
}

// state is what a state is called: of a submission or message, of a withdrawal, of an answer.
func (p *page) state(code string) string {
	if code == "taken back" {
		return p.text("takenBack")
	}
	return p.called("state", code)
}

// why is what the gateway says of a state.
func (p *page) why(english string) string { return gateway.Retold(english, p.lang) }

// waits are the things that something waits for.
func (p *page) waits(all []string) []string {
	out := make([]string, len(all))
	for i, w := range all {
		out[i] = p.called("wait", w)
	}
	return out
}

func (p *page) submission(s *exchangev1.Submission) {
	p.submissionTo(s)
	if o := s.Second; o != nil { // as far as it differs
		p.heading("%s: %s", p.text("second"), o.To)
		p.submissionTo(&exchangev1.Submission{
			State: o.State, StateReason: o.StateReason, WaitsFor: o.WaitsFor, Expires: o.Expires, Message: o.Message, Messages: o.Messages,
			Answer: o.Answer, Answered: o.Answered, Faults: o.Faults, Losses: o.Losses, LossesLeftOut: o.LossesLeftOut,
		})
	}
}

// submissionTo prints what a submission is to one addressee.
func (p *page) submissionTo(s *exchangev1.Submission) {
	p.field("submission", s.SubmissionId)
	p.field("office", s.Office)
	p.field("kind", s.Kind)
	p.field("batch", s.Batch)
	p.field("received", p.time(s.Received))
	p.field("digest", s.Digest)
	p.field("state", p.state(s.State), p.why(s.StateReason))
	p.field("waitsFor", p.waits(s.WaitsFor)...)
	p.field("joinedBy", s.JoinKey)
	p.field("until", p.time(s.Expires))
	if a := s.Approval; a != nil {
		decided := "refused"
		if a.Approved {
			decided = "approved"
		}
		p.field("approval", p.text(decided), p.time(a.At), a.Caller, a.Reason)
	}
	for _, u := range s.Rulings {
		p.field("ruling", p.called("ruling", u.Verdict), p.time(u.At), u.Caller, u.Reason, u.Text)
	}
	several := len(s.Messages) > 1
	if several {
		p.whole(s)
	} else if s.Message != nil {
		p.message(s.Message)
	} else if s.Second != nil {
		p.field("to", s.To)
	}
	if s.Commit > 0 {
		p.field("commit", strconv.FormatInt(s.Commit, 10))
	}
	if several {
		for i, m := range s.Messages {
			p.heading("%s", p.say("messageOf", strconv.Itoa(i+1), strconv.Itoa(len(s.Messages))))
			p.message(m)
		}
	}
	if s.Duplicate != nil {
		p.faults([]*exchangev1.Fault{s.Duplicate})
	}
	p.faults(s.Faults)
	p.losses(s.Losses, s.LossesLeftOut)
	for _, f := range s.Filings {
		p.filing(f)
	}
	if len(s.Judgements) > 1 {
		p.heading("%s", p.text("judgements"))
		for _, j := range s.Judgements {
			var codes []string
			for _, f := range j.Faults {
				codes = append(codes, f.Code)
			}
			p.line(strconv.Itoa(int(j.Number)), p.time(j.At), p.state(j.State), strings.Join(codes, ", "))
		}
	}
}

// whole prints what several messages come to.
func (p *page) whole(s *exchangev1.Submission) {
	n := len(s.Messages)
	var states []string
	count := make(map[string]int, n)
	for _, m := range s.Messages {
		if count[m.State]++; count[m.State] == 1 {
			states = append(states, m.State)
		}
	}
	for i, state := range states {
		states[i] = fmt.Sprintf("%d %s", count[state], p.state(state))
	}
	p.field("messages", append(states, p.filled("madeBy", s.Messages[0].Split))...)
	answered := make([]string, 0, n)
	for _, m := range s.Messages {
		if slices.Contains(s.Answered, m.MessageId) {
			answered = append(answered, p.say("partMessage", strconv.Itoa(int(m.Part))))
		}
	}
	if len(answered) > 0 {
		p.field("answered", p.say("someOf", strconv.Itoa(len(answered)), strconv.Itoa(n)), strings.Join(answered, ", "))
	}
	if s.Answer != nil {
		p.answer("oneAnswer", s.Answer)
	}
}

func (p *page) answer(word string, a *exchangev1.BusinessAnswer) {
	outcome := a.Outcome
	if outcome == "registered" {
		outcome = "" // it is told by its number
	}
	p.field(word, p.state(outcome), a.Status, p.filled("registeredAs", a.RegistrationNumber), p.time(a.Received))
	for _, r := range a.Results {
		p.inner("result", strings.TrimSpace(r.Code+" "+r.Text))
		for _, words := range r.Words {
			p.labelled("    ", p.text("inItsWords"), []string{words})
		}
	}
	for _, f := range a.Faults {
		p.line("  "+p.severity(f.Severity)+" "+f.Code, f.Message)
	}
}

func (p *page) severity(code string) string {
	t, _ := gateway.TextOf("severity."+code, p.lang)
	return t.Text
}

func (p *page) message(m *exchangev1.MessageStatus) {
	p.field("message", m.MessageId)
	p.field("to", m.Recipient)
	p.field("messageState", p.state(m.State), p.why(m.StateReason))
	p.field("withdrawal", p.state(m.Withdrawal))
	if m.Version > 1 {
		p.field("version", strconv.Itoa(int(m.Version)))
	}
	p.field("takesThePlaceOf", m.Replaces)
	p.field("replacedBy", m.ReplacedBy)
	p.field("repairs", m.Repairs)
	p.field("repairedBy", m.RepairedBy)
	p.field("waiting", p.why(m.Waiting))
	p.field("created", p.time(m.Created))
	p.field("expectedArrival", p.time(m.ExpectedArrival), p.late(m.LateBy))
	if m.Attempts > 0 {
		p.field("attempts", strconv.Itoa(int(m.Attempts)), p.filled("next", p.time(m.NextAttempt)))
	}
	p.field("mapping", m.Mapping)
	if m.Receipt != nil {
		p.field("receipt", p.text("signedByPartner"))
	}
	p.field("parts", m.Parts...)
	for _, a := range m.Answers {
		p.answer("answer", a)
	}
	if a := m.Arrival; a != nil {
		p.field("arrival", p.come(a), a.Office)
		for _, d := range a.Discrepancies {
			p.line("  "+p.severity(d.Severity)+" "+d.Code, d.Message)
		}
	}
	p.changes(m.Changes)
	for _, a := range m.Attachments {
		p.attachment(a)
	}
}

// changes are what a later version says otherwise, value by value.
func (p *page) changes(changes []*exchangev1.Change) {
	for _, c := range changes {
		place := c.Place
		if place == "" {
			place = c.Path
		}
		p.field("changed", place+": "+orNone(c.Before)+" -> "+orNone(c.After))
	}
}

func orNone(value string) string {
	if value == "" {
		return "-"
	}
	return value
}

func (p *page) submissions(subs []*exchangev1.Submission) {
	p.columns("changedAt", "received", "submission", "kind", "batch", "state", "to", "message", "answer", "arrival", "waitsFor")
	for _, s := range subs {
		p.listed(s, strconv.FormatInt(s.Commit, 10), p.time(s.Received), s.SubmissionId, s.Kind, s.Batch)
		if s.Second != nil { // on a line of its own, beneath
			p.listed(s.Second, "", "", "", "", "")
		}
	}
}

// addressee is to whom a message goes; of what has two addressees, also before there is one.
func addressee(s *exchangev1.Submission, second bool) string {
	if s.GetMessage() == nil && (second || s.GetSecond() != nil) {
		return s.GetTo()
	}
	return s.GetMessage().GetRecipient()
}

// listed prints how a submission stands with one addressee, behind what it is.
func (p *page) listed(s *exchangev1.Submission, is ...string) {
	waits := strings.Join(p.waits(s.WaitsFor), ", ")
	if waits == "" {
		waits = p.why(s.Message.GetWaiting())
	}
	p.line(append(is, p.state(s.State), addressee(s, is[0] == ""), p.messageState(s.Message), p.answers(s), p.arrivals(s), waits)...)
}

// arrivals is what the partner has told of the arrival of what each message announces: when it was, and
// how it compares.
func (p *page) arrivals(s *exchangev1.Submission) string {
	var all []string
	for _, m := range s.Messages {
		if a := m.Arrival; a != nil {
			text := p.come(a)
			for i, d := range a.Discrepancies {
				text += []string{": ", " "}[min(i, 1)] + d.Code
			}
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	return strings.Join(all, ", ")
}

// come is that something arrived, when, and how it compares.
func (p *page) come(a *exchangev1.ToldArrival) string {
	word := "arrivedWith"
	if a.Partial {
		word = "partlyArrivedWith"
	}
	return p.say(word, p.time(a.At), p.word(a.Result))
}

// messageState is where a message stands and, once somebody asked it back, its withdrawal.
func (p *page) messageState(m *exchangev1.MessageStatus) string {
	if m.GetWithdrawal() == "" {
		return p.state(m.GetState())
	}
	return p.state(m.GetState()) + ", " + p.state(m.GetWithdrawal())
}

// answers is what the partner's last answer to each message came to: a refusal by the codes of
// its results, a registration by its number; of several messages every one is there.
func (p *page) answers(s *exchangev1.Submission) string {
	var all []string
	for _, m := range s.Messages {
		if len(m.Answers) == 0 {
			continue
		}
		a := m.Answers[len(m.Answers)-1]
		words := []string{p.state(a.Outcome)}
		switch a.Outcome {
		case "registered":
			if a.RegistrationNumber != "" {
				words = []string{a.RegistrationNumber}
			}
		default:
			for _, r := range a.Results {
				words = append(words, strings.TrimSpace(r.Code+" "+r.Text))
			}
		}
		if len(a.Faults) > 0 {
			words = append(words, p.text("contradicts"))
		}
		if text := strings.TrimSpace(strings.Join(words, " ")); text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, ", ")
}

func (p *page) event(e *exchangev1.SubmissionEvent) {
	p.changed(e.Commit, e.Submission, false)
	if o := e.Submission.GetSecond(); o != nil {
		p.changed(e.Commit, o, true)
	}
}

// changed prints how a submission stands with one addressee since a commit.
func (p *page) changed(commit int64, s *exchangev1.Submission, second bool) {
	p.labelled("", strconv.FormatInt(commit, 10), []string{
		s.GetSubmissionId(), s.GetKind(), p.state(s.GetState()), p.why(s.GetStateReason()),
		p.filled("waitsForWhat", strings.Join(p.waits(s.GetWaitsFor()), " "+p.text("and")+" ")),
		p.filled("toWhom", addressee(s, second)), p.state(s.GetMessage().GetState()), p.why(s.GetMessage().GetStateReason()),
	})
	for _, f := range s.GetFaults() {
		p.line("", p.severity(f.Severity)+" "+f.Code+": "+f.Message)
	}
}

func (p *page) check(r *exchangev1.CheckResponse) {
	p.field("kind", r.Kind)
	outcome := p.state(r.Outcome)
	if r.Outcome == "joined" {
		outcome = p.text("messageJoined") // with the parts that wait
	}
	p.field("outcome", outcome)
	p.field("waitsFor", p.waits(r.WaitsFor)...)
	p.faults(r.Faults)
	p.losses(r.Losses, r.LossesLeftOut)
}

// losses are what does not travel.
func (p *page) losses(losses []*exchangev1.Loss, leftOut int32) {
	if len(losses) == 0 {
		return
	}
	reports := make([]gateway.LossReport, len(losses))
	for i, l := range losses {
		reports[i] = gateway.LossReport{Reason: l.Reason.String(), Text: l.Text, Document: l.Document, Path: l.Path, Label: l.Label, Count: int(l.Count)}
		for _, v := range l.Places {
			reports[i].Places = append(reports[i].Places, gateway.LostPlace{Location: v.Location, Line: int(v.Line), Place: v.Place, Value: v.Value, Instead: v.Instead})
		}
	}
	if p.begun {
		fmt.Fprintln(p.w)
	}
	p.begun = true
	gateway.PrintLosses(p.w, reports, int(leftOut), p.lang)
}

// refusal prints what a status tells: the record of it and the faults, else its message.
func (p *page) refusal(st *status.Status) {
	var faults []*exchangev1.Fault
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *exchangev1.Fault:
			faults = append(faults, d)
		case *exchangev1.Submission:
			p.submission(d)
		}
	}
	if len(faults) == 0 {
		p.line(p.say("refusedBecause", st.Message()))
	}
	p.faults(faults)
}

func (p *page) faults(faults []*exchangev1.Fault) {
	if len(faults) == 0 {
		return
	}
	reports := make([]gateway.Report, len(faults))
	for i, f := range faults {
		reports[i] = gateway.Report{
			Code: gateway.Code(f.Code), Severity: gateway.Severity(f.Severity), Message: f.Message, Place: f.Place, Label: f.Label,
			Path: f.Path, Location: f.Location, Line: int(f.Line), Namespaces: f.Namespaces, Document: f.Document,
			Value: f.Value, Found: f.Found, Expected: f.Expected, Remedy: gateway.Remedy(f.Remedy),
		}
	}
	if p.begun {
		fmt.Fprintln(p.w)
	}
	p.begun = true
	gateway.PrintReports(p.w, reports, p.lang)
}

func (p *page) explanation(r *exchangev1.ExplainResponse) {
	p.field("message", r.MessageId)
	for _, o := range r.Origins {
		p.heading("%s = %s", o.Target, o.Value)
		if o.Part > 0 {
			p.inner("message", strconv.Itoa(int(o.Part)))
		}
		p.inner("row", o.Row, p.filled("ofTable", o.Mapping))
		p.inner("codeList", o.ListRow)
		p.inner("canonical", o.Path)
		p.inner("from", p.called("from", o.Provenance), p.filled("inSubmission", o.SourceSubmission))
		p.inner("place", o.Source)
		p.inner("value", o.SourceValue)
		p.inner("readBy", o.SourceRow)
		p.inner("note", o.Note)
	}
	if len(r.Unread)+int(r.LeftOut) > 0 {
		fmt.Fprintln(p.w)
	}
	for _, u := range r.Unread {
		p.field("notRead", u.Place, p.filled("inSubmission", u.Submission))
	}
	if more := r.LeftOut + r.UnreadLeftOut; more > 0 {
		p.line(p.say("leftOut", strconv.Itoa(int(more)), "-xpath"))
	}
}

func (p *page) inboxMessages(ms []*exchangev1.InboxMessage) {
	p.columns("commit", "received", "message", "from", "kind", "documentId", "state", "taken", "expectedArrival")
	for _, m := range ms {
		p.line(strconv.FormatInt(m.Commit, 10), p.time(m.Received), m.MessageId, m.Sender, m.Kind, m.DocumentId, p.state(m.State),
			p.yesOrNo(m.Acknowledged), p.time(m.ExpectedArrival))
	}
}

func (p *page) parked(all []proto.Message) {
	p.columns("commit", "received", "id", "from", "state", "kind", "why")
	for _, m := range all {
		switch m := m.(type) {
		case *exchangev1.InboxMessage:
			why := ""
			for _, f := range m.Faults {
				why = f.Message
			}
			p.line(strconv.FormatInt(m.Commit, 10), p.time(m.Received), m.MessageId, m.Sender, p.state(m.State), m.Kind, why)
		case *exchangev1.Arrival:
			p.line(strconv.FormatInt(m.Commit, 10), p.time(m.Received), m.ArrivalId, m.Party, p.state(m.State), p.called("door", m.Door), p.failures(m)+": "+m.Trouble)
		case *exchangev1.MessageStatus:
			p.line("-", p.time(m.Created), m.MessageId, p.say("toWhom", m.Recipient), p.state(m.State), m.Kind, m.Waiting)
		}
	}
}

// failures says how often an arrival could not be judged.
func (p *page) failures(a *exchangev1.Arrival) string {
	if a.Tries == 1 {
		return p.text("oneTry")
	}
	return p.say("tries", strconv.Itoa(int(a.Tries)))
}

func (p *page) decoded(all []proto.Message) {
	if len(all) == 0 {
		p.line(p.text("nothingParked"))
	}
	for _, m := range all {
		switch m := m.(type) {
		case *exchangev1.InboxMessage:
			p.inboxMessage(m)
		case *exchangev1.Arrival:
			p.arrival(m)
		case *exchangev1.MessageStatus:
			p.field("messageTo", m.Recipient, m.MessageId)
			p.field("state", p.state(m.State), p.why(m.StateReason))
			p.field("nextAttempt", p.time(m.NextAttempt))
		}
	}
}

func (p *page) arrival(a *exchangev1.Arrival) {
	p.field("arrival", a.ArrivalId)
	p.field("from", a.Party, p.called("door", a.Door))
	p.field("state", p.state(a.State))
	p.field("received", p.time(a.Received))
	p.field("digest", a.Digest)
	p.field("notJudged", p.failures(a), a.Trouble, p.filled("next", p.time(a.NextTry)))
	p.field("commit", strconv.FormatInt(a.Commit, 10))
	fmt.Fprintln(p.w)
}

func (p *page) inboxMessage(m *exchangev1.InboxMessage) {
	p.field("message", m.MessageId)
	p.field("from", m.Sender)
	p.field("kind", m.Kind)
	p.field("documentId", m.DocumentId)
	p.field("answers", m.Answers...)
	p.field("state", p.state(m.State))
	p.field("takenOver", p.yesOrNo(m.Acknowledged), m.AcknowledgedBy, p.time(m.AcknowledgedAt))
	for _, a := range m.Acknowledgements {
		p.field("subscription", a.Subscription, a.Caller, p.time(a.At))
	}
	p.field("received", p.time(m.Received))
	p.field("expectedArrival", p.time(m.ExpectedArrival), p.late(m.LateBy))
	p.field("movement", m.MovementId)
	p.field("mapping", m.Mapping)
	p.field("payloadDigest", m.PayloadDigest)
	p.field("canonicalDigest", m.CanonicalDigest)
	p.field("commit", strconv.FormatInt(m.Commit, 10))
	p.field("takesThePlaceOf", m.Replaces)
	p.changes(m.Changes)
	for _, a := range m.Attachments {
		p.attachment(a)
	}
	for _, place := range m.Unread {
		p.field("notRead", place)
	}
	p.faults(m.Faults)
	fmt.Fprintln(p.w)
}

// texts are the keys of the words for what the gateway names by a code: a movement's
// state, a comparison's result, a kind of identifier, a method of weighing.
var texts = map[string]string{
	"announced": "word.announced", "arrived": "word.arrived", "arrived unannounced": "word.arrivedUnannounced",
	"departed": "word.departed", "departed unannounced": "word.departedUnannounced", "partly arrived": "word.partlyArrived",
	"withdrawal asked": "word.withdrawalAsked", "taken back": "word.takenBack", "not accepted": "word.notAccepted", "filed": "word.stateFiled", "handled on paper": "word.onPaper",
	"controlled": "word.stateControlled", "transit only": "word.stateTransit", "subject": "word.subject",
	"transit declared": "word.transitDeclared", "transit refused": "word.transitRefused", "transit allowed": "word.transitAllowed",
	"transit started": "word.transitStarted", "transit arrived": "word.transitArrived", "transit partly terminated": "word.transitPartlyTerminated",
	"transit terminated": "word.transitTerminated", "transit discharged": "word.transitDischarged", "transit cancelled": "word.transitCancelled",
	"agrees": "word.agrees", "differs": "word.differs", "nothing to compare": "word.nothingToCompare",
	"batch": "place.batch", "vehicle": "place.vehicle", "load-unit": "place.loadUnit", "seal": "place.seal",
	"waybill": "place.waybill", "carnet": "place.tir", "transit": "place.transit",
	"DECLARED": "word.declared", "WEIGHBRIDGE": "word.weighbridge", "AXLE_SUM": "word.axleSum", "TALLY": "word.tally",
}

// word returns what a code is called in the caller's language; one without a word is
// shown as it is.
func (p *page) word(code string) string {
	if t, ok := gateway.TextOf(texts[code], p.lang); ok {
		return t.Text
	}
	return code
}

// text returns a word of the catalogue in the caller's language.
func (p *page) text(word string) string { return p.say(word) }

func (p *page) movements(ms []*exchangev1.Movement) {
	p.columns("movement", "state", "batch", "from", "to", "expectedArrival", "arrived", "compared")
	for _, m := range ms {
		result := ""
		if n := len(m.Comparisons); n > 0 {
			result = p.word(m.Comparisons[n-1].Result)
		}
		p.line(m.MovementId, p.word(m.State), m.Batch, strings.Join(m.ExitOffices, " "), strings.Join(m.EntryOffices, " "),
			p.time(m.ExpectedArrival), p.time(m.Arrived), result)
	}
	for _, m := range ms {
		for _, d := range m.FoundAs {
			p.heading("%s %s: %s", m.MovementId, d.Code, d.Message)
		}
	}
	p.differingFilings(ms)
}

// differingFilings are what carriers have filed otherwise than it was announced, beneath a list.
func (p *page) differingFilings(ms []*exchangev1.Movement) {
	for _, m := range ms {
		for _, f := range m.Filings {
			if c := f.Comparison; c.GetResult() == "differs" {
				codes := make([]string, len(c.Discrepancies))
				for i, d := range c.Discrepancies {
					codes[i] = d.Code
				}
				slices.Sort(codes)
				p.heading("%s %s, %s: %s: %s", p.text("filing"), cmp.Or(f.SubmissionId, f.DocumentId, f.Office, f.Sender), m.MovementId, p.word(c.Result), strings.Join(slices.Compact(codes), " "))
			}
		}
	}
}

// worklist is a page of what a shift works by.
func (p *page) worklist(ms []*exchangev1.Movement) {
	p.columns("since", "plates", "batch", "state", "from", "to", "expectedArrival", "arrival", "movement")
	for _, m := range ms {
		var plates []string
		for _, id := range m.Identifiers {
			if id.Kind == "vehicle" && len(plates) < 4 {
				plates = append(plates, id.Value)
			}
		}
		came := ""
		if n := len(m.Comparisons); n > 0 {
			c := m.Comparisons[n-1]
			came = p.say("arrivedWith", p.time(c.Arrived), p.word(c.Result))
			at := ": "
			for _, d := range c.Discrepancies {
				if d.Severity != "info" {
					came, at = came+at+d.Code, " "
				}
			}
		}
		p.line(p.time(m.Since), strings.Join(plates, " "), m.Batch, p.word(m.State), strings.Join(m.ExitOffices, " "), strings.Join(m.EntryOffices, " "),
			p.time(m.ExpectedArrival), came, m.MovementId)
	}
	for _, m := range ms {
		for _, f := range m.Remarks {
			p.heading("%s %s: %s", m.MovementId, f.Code, f.Message)
		}
	}
	p.differingFilings(ms)
}

// timeline is every step of a movement, in UTC and in the local time of its office; at last what is
// waited for, with when that is over.
func (p *page) timeline(t *exchangev1.TimelineResponse) {
	p.field("movement", t.MovementId)
	if t.LeftOut > 0 {
		p.field("notShown", strconv.Itoa(int(t.LeftOut)))
	}
	p.columns("when", "local", "office", "who", "what", "about")
	for _, s := range t.Steps {
		when, who := "", s.Actor
		if s.At != nil {
			when = s.At.AsTime().UTC().Format(time.RFC3339)
		}
		if s.Waiting {
			when, who = p.filled("untilWhen", when), "-"
		}
		p.line(orNone(when), orNone(s.Local), orNone(s.Office), who, s.Text, s.Subject)
		for _, f := range s.Faults {
			p.line("", "", "", "", p.severity(f.Severity)+" "+f.Code+": "+f.Message)
		}
	}
}

// glimpses are what is shown of movements that are not opened.
func (p *page) glimpses(r *exchangev1.ElsewhereResponse) {
	p.columns("entry", "expectedArrival", "movement")
	for _, g := range r.Glimpses {
		p.line(strings.Join(g.EntryOffices, " "), orNone(p.time(g.ExpectedArrival)), g.MovementId)
	}
	if r.More {
		p.line(p.text("moreCharacters"))
	}
}

// overrides are what posts did beyond their routes.
func (p *page) overrides(r *exchangev1.OverridesResponse) {
	p.field("office", r.Office)
	p.field("shift", p.time(r.From)+" - "+p.time(r.Until))
	p.columns("local", "what", "who", "about", "movement", "why")
	for _, o := range r.Overrides {
		p.line(o.Local, p.called("override", o.Kind), o.Caller, orNone(o.Subject), orNone(o.MovementId), o.Reason)
	}
}

// goods is what was announced, value by value.
func (p *page) goods(a *exchangev1.AnnouncedResponse) {
	p.field("movement", a.MovementId)
	for _, d := range a.Documents {
		p.heading("%s", strings.TrimSpace(d.Sender+" "+d.Kind+" "+d.DocumentId))
		p.field("message", d.MessageId)
		for _, v := range d.Values {
			p.line(v.Place, v.Label, v.Value)
		}
		if d.LeftOut > 0 {
			p.field("notShown", strconv.Itoa(int(d.LeftOut)))
		}
	}
	if a.LeftOut > 0 {
		p.field("notShown", strconv.Itoa(int(a.LeftOut)))
	}
}

func (p *page) movement(m *exchangev1.Movement) {
	p.field("movement", m.MovementId)
	p.field("state", p.word(m.State))
	p.field("exit", m.ExitOffices...)
	p.field("entry", m.EntryOffices...)
	p.field("expectedArrival", p.time(m.ExpectedArrival))
	p.field("departed", p.time(m.Departed))
	p.field("arrived", p.time(m.Arrived))
	p.field("until", p.time(m.Due))
	for _, id := range m.Identifiers {
		p.labelled("", p.word(id.Kind), []string{id.Value})
	}
	if m.VehiclesAnnounced > 1 {
		p.field("vehiclesArrived", fmt.Sprintf("%d / %d", m.VehiclesArrived, m.VehiclesAnnounced))
	}
	for _, w := range m.Waybills {
		p.figures("packagesAccount", w.Waybill, w.Packages)
		p.figures("kilogramsAccount", w.Waybill, w.Kilograms)
	}
	p.field("messages", m.Messages...)
	for _, a := range m.Amendments {
		p.field("changedBy", a.MessageId, p.time(a.Received), p.state(a.Standing))
		for _, c := range a.Changes {
			p.field("changed", c.Place+": "+orNone(c.Before)+" -> "+orNone(c.After))
		}
	}
	for _, told := range m.Told {
		p.field("told", told.Administration, told.Office, p.time(told.At), told.SubmissionId)
	}
	p.field("couldAlsoBe", m.AmbiguousWith...)
	for _, o := range m.Openings {
		p.field("openedBy", o.Office, o.RecordId, p.time(o.At), o.Reason)
	}
	for _, o := range m.Paper {
		p.field("onPaper", o.Office, orNone(o.Page), p.time(o.At), o.Reason)
	}
	for _, f := range m.Remarks {
		p.heading("%s: %s", f.Code, f.Message)
	}
	for _, c := range m.Comparisons {
		p.comparison(c)
	}
	for _, t := range m.Transits {
		p.transit(t)
	}
	for _, c := range m.Controls {
		p.control(c)
	}
	for _, f := range m.Filings {
		p.filing(f)
	}
}

// control is how a control ended, and whether it is recognised.
func (p *page) control(c *exchangev1.Control) {
	fmt.Fprintln(p.w)
	p.field("control", p.called("control", c.Kind), p.called("outcome", c.Outcome), p.time(c.At), c.Office)
	p.field("state", p.state(c.Standing))
	p.field("subject", c.Subject)
	p.field("toldBy", c.Sender)
	if c.Sender == "" {
		p.field("toldTo", c.ToldTo)
	}
	p.field("message", c.MessageId)
	p.field("recognition", c.Recognition.GetText())
	p.inner("row", c.Recognition.GetRow())
	for _, a := range c.Attachments {
		p.attachment(a)
	}
}

// transit is one transit, or one operation of a TIR carnet, and how it stands.
func (p *page) transit(t *exchangev1.MovementTransit) {
	fmt.Fprintln(p.w)
	late := ""
	if t.Overdue {
		late = p.text("overdue")
	}
	p.field("transit", t.Number, t.Carnet, t.Territory)
	p.field("state", p.word(t.State))
	p.field("timeLimit", t.TimeLimit, late)
	p.field("endsAt", t.Destinations...)
	if t.Packages+t.Terminated != "" {
		p.field("transitPackages", orNone(t.Terminated)+" / "+orNone(t.Packages))
	}
	for _, e := range t.Terminations {
		at, part, reserved := p.time(e.At), "", ""
		if at == "" {
			at = e.Day
		}
		if e.Partial {
			part = p.text("partOfIt")
		}
		if e.WithReservation {
			reserved = p.text("withReservation")
		}
		p.field("terminatedAt", e.Office, at, p.called("ending", e.Ending), e.Packages, part, reserved, e.MessageId)
	}
	for _, d := range t.Discrepancies {
		p.discrepancy(d)
	}
}

// filing is what a carrier has filed, and how it compares.
func (p *page) filing(f *exchangev1.Filing) {
	fmt.Fprintln(p.w)
	p.field("filing", cmp.Or(f.SubmissionId, f.DocumentId), p.word(f.Kind), cmp.Or(f.Office, f.Sender), p.time(f.Received))
	p.field("state", p.state(f.Standing))
	c := f.Comparison
	if c == nil {
		return
	}
	p.field("notices", c.Notices...)
	p.field("result", p.word(c.Result))
	p.field("agreed", strconv.Itoa(int(c.Agreed)))
	for _, n := range c.NotCompared {
		p.field("notCompared", n.Subject+": "+n.Reason)
	}
	for _, d := range c.Discrepancies {
		p.discrepancy(d)
	}
}

// figures shows how a quantity of a waybill stands, if anybody states it.
func (p *page) figures(name, waybill string, f *exchangev1.Figures) {
	if f.GetAnnounced() == "" && f.GetArrived() == "" {
		return
	}
	p.field(name, waybill, fmt.Sprintf("%s / %s / %s", cmp.Or(f.GetAnnounced(), "-"), cmp.Or(f.GetArrived(), "-"), cmp.Or(f.GetOpen(), "-")))
}

func (p *page) comparison(c *exchangev1.Comparison) {
	fmt.Fprintln(p.w)
	p.field("arrival", c.ArrivalId, p.time(c.At))
	if c.ToldBy != "" {
		p.field("toldBy", c.ToldBy, c.Office, p.time(c.Arrived))
	}
	p.field("result", p.word(c.Result))
	p.field("agreed", strconv.Itoa(int(c.Agreed)))
	for _, n := range c.NotCompared {
		p.field("notCompared", n.Subject+": "+n.Reason)
	}
	for _, ds := range [][]*exchangev1.Discrepancy{c.Discrepancies, c.Outstanding, c.Folded} {
		for _, d := range ds {
			p.discrepancy(d)
		}
	}
}

func (p *page) discrepancy(d *exchangev1.Discrepancy) {
	p.heading("%s %s: %s", p.severity(d.Severity), d.Code, d.Message)
	p.inner("subject", d.Subject)
	if d.ExpectedIn+d.FoundPath == "" {
		p.inner("place", d.Path)
	} else {
		p.inner("noticePlace", d.ExpectedIn, d.Path)
		p.inner("filingPlace", d.FoundIn, d.FoundPath)
	}
	p.inner("expected", d.Expected, p.word(d.ExpectedMethod))
	p.inner("found", d.Found, p.word(d.FoundMethod))
	p.inner("tolerance", d.Tolerance)
	p.inner("difference", d.Difference)
}
