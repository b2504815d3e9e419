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
	"text/tabwriter"
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
	w     *tabwriter.Writer
	zone  *time.Location
	lang  string // of the caller
	begun bool
}

// show prints an answer as one JSON object on a line, or as text.
func (s *session) show(m proto.Message, text func(*page)) error {
	if s.json {
		return printJSON(s.stdout, m)
	}
	p := &page{w: tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0), zone: s.zone, lang: s.lang}
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

// field prints a name and what there is of its values; without any it prints nothing.
func (p *page) field(name string, values ...string) {
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	if len(values) > 0 {
		p.line(name, strings.Join(values, ", "))
	}
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

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func late(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return "announced late by " + (time.Duration(seconds) * time.Second).String()
}

func (p *page) submission(s *exchangev1.Submission) {
	p.field("submission", s.SubmissionId)
	p.field("office", s.Office)
	p.field("kind", s.Kind)
	p.field("batch", s.Batch)
	p.field("received", p.time(s.Received))
	p.field("digest", s.Digest)
	p.field("state", s.State, s.StateReason)
	p.field("waits for", s.WaitsFor...)
	p.field("joined by", s.JoinKey)
	p.field("until", p.time(s.Expires))
	if a := s.Approval; a != nil {
		decided := "refused"
		if a.Approved {
			decided = "approved"
		}
		p.field("approval", decided, p.time(a.At), a.Caller, a.Reason)
	}
	several := len(s.Messages) > 1
	if several {
		p.whole(s)
	} else if s.Message != nil {
		p.message(s.Message)
	}
	p.field("commit", strconv.FormatInt(s.Commit, 10))
	if several {
		for i, m := range s.Messages {
			p.heading("message %d of %d", i+1, len(s.Messages))
			p.message(m)
		}
	}
	p.faults(s.Faults)
	if len(s.Judgements) > 1 {
		p.heading("judgements")
		for _, j := range s.Judgements {
			var codes []string
			for _, f := range j.Faults {
				codes = append(codes, f.Code)
			}
			p.line(strconv.Itoa(int(j.Number)), p.time(j.At), j.State, strings.Join(codes, ", "))
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
		states[i] = fmt.Sprintf("%d %s", count[state], state)
	}
	p.field("messages", append(states, prefixed("made by ", s.Messages[0].Split))...)
	answered := make([]string, 0, n)
	for _, m := range s.Messages {
		if slices.Contains(s.Answered, m.MessageId) {
			answered = append(answered, fmt.Sprintf("message %d", m.Part))
		}
	}
	if len(answered) > 0 {
		p.field("answered", fmt.Sprintf("%d of %d", len(answered), n), strings.Join(answered, ", "))
	}
	if s.Answer != nil {
		p.answer("one answer", s.Answer)
	}
}

func (p *page) answer(name string, a *exchangev1.BusinessAnswer) {
	outcome := a.Outcome
	if outcome == "registered" {
		outcome = "" // it is told by its number
	}
	p.field(name, outcome, a.Status, prefixed("registered as ", a.RegistrationNumber), p.time(a.Received))
	for _, r := range a.Results {
		p.field("  result", strings.TrimSpace(r.Code+" "+r.Text))
		for _, words := range r.Words {
			p.field("    in its words", words)
		}
	}
	for _, f := range a.Faults {
		p.field("  "+f.Severity+" "+f.Code, f.Message)
	}
}

func (p *page) message(m *exchangev1.MessageStatus) {
	p.field("message", m.MessageId)
	p.field("to", m.Recipient)
	p.field("message state", m.State, m.StateReason)
	p.field("withdrawal", m.Withdrawal)
	if m.Version > 1 {
		p.field("version", strconv.Itoa(int(m.Version)))
	}
	p.field("takes the place of", m.Replaces)
	p.field("replaced by", m.ReplacedBy)
	p.field("waiting", m.Waiting)
	p.field("created", p.time(m.Created))
	p.field("expected arrival", p.time(m.ExpectedArrival), late(m.LateBy))
	if m.Attempts > 0 {
		p.field("attempts", strconv.Itoa(int(m.Attempts)), prefixed("next ", p.time(m.NextAttempt)))
	}
	p.field("mapping", m.Mapping)
	if m.Receipt != nil {
		p.field("receipt", "signed by the partner")
	}
	p.field("parts", m.Parts...)
	for _, a := range m.Answers {
		p.answer("answer", a)
	}
	p.changes(m.Changes)
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
	p.line("CHANGED", "RECEIVED", "SUBMISSION", "KIND", "BATCH", "STATE", "TO", "MESSAGE", "ANSWER", "WAITS FOR")
	for _, s := range subs {
		waits := strings.Join(s.WaitsFor, ", ")
		if waits == "" {
			waits = s.Message.GetWaiting()
		}
		p.line(strconv.FormatInt(s.Commit, 10), p.time(s.Received), s.SubmissionId, s.Kind, s.Batch, s.State,
			s.Message.GetRecipient(), messageState(s.Message), answers(s), waits)
	}
}

// messageState is where a message stands and, once somebody asked it back, its withdrawal.
func messageState(m *exchangev1.MessageStatus) string {
	if m.GetWithdrawal() == "" {
		return m.GetState()
	}
	return m.GetState() + ", " + m.GetWithdrawal()
}

// answers is what the partner's last answer to each message came to: a refusal by the codes of
// its results, a registration by its number; of several messages every one is there.
func answers(s *exchangev1.Submission) string {
	var all []string
	for _, m := range s.Messages {
		if len(m.Answers) == 0 {
			continue
		}
		a := m.Answers[len(m.Answers)-1]
		said := []string{a.Outcome}
		switch a.Outcome {
		case "registered":
			if a.RegistrationNumber != "" {
				said = []string{a.RegistrationNumber}
			}
		default:
			for _, r := range a.Results {
				said = append(said, strings.TrimSpace(r.Code+" "+r.Text))
			}
		}
		if len(a.Faults) > 0 {
			said = append(said, "contradicts an earlier answer")
		}
		if text := strings.TrimSpace(strings.Join(said, " ")); text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, ", ")
}

func (p *page) event(e *exchangev1.SubmissionEvent) {
	s := e.Submission
	p.field(strconv.FormatInt(e.Commit, 10), s.GetSubmissionId(), s.GetKind(), s.GetState(), s.GetStateReason(),
		prefixed("waits for ", strings.Join(s.GetWaitsFor(), " and ")),
		prefixed("to ", s.GetMessage().GetRecipient()), s.GetMessage().GetState(), s.GetMessage().GetStateReason())
	for _, f := range s.GetFaults() {
		p.line("", f.Severity+" "+f.Code+": "+f.Message)
	}
}

func (p *page) check(r *exchangev1.CheckResponse) {
	p.field("kind", r.Kind)
	outcome := r.Outcome
	if outcome == "joined" {
		outcome = "message, joined" // with the parts that wait
	}
	p.field("outcome", outcome)
	p.field("waits for", r.WaitsFor...)
	p.faults(r.Faults)
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
		p.line("refused: " + st.Message())
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
			p.field("  message", strconv.Itoa(int(o.Part)))
		}
		p.field("  row", o.Row, prefixed("of ", o.Mapping))
		p.field("  code list", o.ListRow)
		p.field("  canonical", o.Path)
		p.field("  from", o.Provenance, prefixed("submission ", o.SourceSubmission))
		p.field("  place", o.Source)
		p.field("  value", o.SourceValue)
		p.field("  note", o.Note)
	}
}

func (p *page) inboxMessages(ms []*exchangev1.InboxMessage) {
	p.line("COMMIT", "RECEIVED", "MESSAGE", "FROM", "KIND", "DOCUMENT", "STATE", "TAKEN", "EXPECTED ARRIVAL")
	for _, m := range ms {
		p.line(strconv.FormatInt(m.Commit, 10), p.time(m.Received), m.MessageId, m.Sender, m.Kind, m.DocumentId, m.State,
			taken(m), p.time(m.ExpectedArrival))
	}
}

func (p *page) parked(all []proto.Message) {
	p.line("COMMIT", "RECEIVED", "ID", "FROM", "STATE", "KIND", "WHY")
	for _, m := range all {
		switch m := m.(type) {
		case *exchangev1.InboxMessage:
			why := ""
			for _, f := range m.Faults {
				why = f.Message
			}
			p.line(strconv.FormatInt(m.Commit, 10), p.time(m.Received), m.MessageId, m.Sender, m.State, m.Kind, why)
		case *exchangev1.Arrival:
			p.line(strconv.FormatInt(m.Commit, 10), p.time(m.Received), m.ArrivalId, m.Party, m.State, m.Door, failures(m)+": "+m.Trouble)
		case *exchangev1.MessageStatus:
			p.line("-", p.time(m.Created), m.MessageId, "to "+m.Recipient, m.State, m.Kind, m.Waiting)
		}
	}
}

// failures says how often an arrival could not be judged.
func failures(a *exchangev1.Arrival) string {
	if a.Tries == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", a.Tries)
}

func (p *page) decoded(all []proto.Message) {
	if len(all) == 0 {
		p.line("nothing is parked")
	}
	for _, m := range all {
		switch m := m.(type) {
		case *exchangev1.InboxMessage:
			p.inboxMessage(m)
		case *exchangev1.Arrival:
			p.arrival(m)
		case *exchangev1.MessageStatus:
			p.field("message to", m.Recipient, m.MessageId)
			p.field("state", m.State, m.StateReason)
			p.field("next attempt", p.time(m.NextAttempt))
		}
	}
}

func (p *page) arrival(a *exchangev1.Arrival) {
	p.field("arrival", a.ArrivalId)
	p.field("from", a.Party, a.Door)
	p.field("state", a.State)
	p.field("received", p.time(a.Received))
	p.field("digest", a.Digest)
	p.field("could not be judged", failures(a), a.Trouble, prefixed("next ", p.time(a.NextTry)))
	p.field("commit", strconv.FormatInt(a.Commit, 10))
	fmt.Fprintln(p.w)
}

func taken(m *exchangev1.InboxMessage) string {
	if m.Acknowledged {
		return "yes"
	}
	return "no"
}

func (p *page) inboxMessage(m *exchangev1.InboxMessage) {
	p.field("message", m.MessageId)
	p.field("from", m.Sender)
	p.field("kind", m.Kind)
	p.field("document", m.DocumentId)
	p.field("answers", m.Answers...)
	p.field("state", m.State)
	p.field("taken over", taken(m))
	p.field("received", p.time(m.Received))
	p.field("expected arrival", p.time(m.ExpectedArrival), late(m.LateBy))
	p.field("movement", m.MovementId)
	p.field("mapping", m.Mapping)
	p.field("payload digest", m.PayloadDigest)
	p.field("canonical digest", m.CanonicalDigest)
	p.field("commit", strconv.FormatInt(m.Commit, 10))
	p.field("takes the place of", m.Replaces)
	p.changes(m.Changes)
	for _, place := range m.Unread {
		p.field("not read", place)
	}
	p.faults(m.Faults)
	fmt.Fprintln(p.w)
}

// texts are the keys of the words for what the gateway names by a code: a movement's
// state, a comparison's result, a kind of identifier, a method of weighing.
var texts = map[string]string{
	"announced": "word.announced", "arrived": "word.arrived", "arrived unannounced": "word.arrivedUnannounced",
	"departed": "word.departed", "departed unannounced": "word.departedUnannounced", "partly arrived": "word.partlyArrived",
	"withdrawal asked": "word.withdrawalAsked", "taken back": "word.takenBack", "not accepted": "word.notAccepted",
	"agrees": "word.agrees", "differs": "word.differs", "nothing to compare": "word.nothingToCompare",
	"batch": "place.batch", "vehicle": "place.vehicle", "load-unit": "place.loadUnit", "seal": "place.seal",
	"waybill": "place.waybill", "carnet": "place.tir",
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
func (p *page) text(name string) string {
	t, _ := gateway.TextOf("word."+name, p.lang)
	return t.Text
}

func (p *page) movements(ms []*exchangev1.Movement) {
	var columns []string
	for _, name := range []string{
		p.text("movement"), p.text("state"), p.word("batch"), p.text("from"), p.text("to"), p.text("expectedArrival"), p.text("arrived"), p.text("compared"),
	} {
		columns = append(columns, strings.ToUpper(name))
	}
	p.line(columns...)
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
}

func (p *page) movement(m *exchangev1.Movement) {
	p.field(p.text("movement"), m.MovementId)
	p.field(p.text("state"), p.word(m.State))
	p.field(p.text("exit"), m.ExitOffices...)
	p.field(p.text("entry"), m.EntryOffices...)
	p.field(p.text("expectedArrival"), p.time(m.ExpectedArrival))
	p.field(p.text("departed"), p.time(m.Departed))
	p.field(p.text("arrived"), p.time(m.Arrived))
	p.field(p.text("until"), p.time(m.Due))
	for _, id := range m.Identifiers {
		p.field(p.word(id.Kind), id.Value)
	}
	if m.VehiclesAnnounced > 1 {
		p.field(p.text("vehiclesArrived"), fmt.Sprintf("%d / %d", m.VehiclesArrived, m.VehiclesAnnounced))
	}
	for _, w := range m.Waybills {
		p.figures("packagesAccount", w.Waybill, w.Packages)
		p.figures("kilogramsAccount", w.Waybill, w.Kilograms)
	}
	p.field(p.text("messages"), m.Messages...)
	for _, a := range m.Amendments {
		p.field(p.text("changedBy"), a.MessageId, p.time(a.Received), a.Standing)
		for _, c := range a.Changes {
			p.field(p.text("changed"), c.Place+": "+orNone(c.Before)+" -> "+orNone(c.After))
		}
	}
	p.field(p.text("couldAlsoBe"), m.AmbiguousWith...)
	for _, o := range m.Openings {
		p.field(p.text("openedBy"), o.Office, o.RecordId, p.time(o.At), o.Reason)
	}
	for _, f := range m.Remarks {
		p.heading("%s: %s", f.Code, f.Message)
	}
	for _, c := range m.Comparisons {
		p.comparison(c)
	}
}

// figures shows how a quantity of a waybill stands, if anybody states it.
func (p *page) figures(name, waybill string, f *exchangev1.Figures) {
	if f.GetAnnounced() == "" && f.GetArrived() == "" {
		return
	}
	p.field(p.text(name), waybill, fmt.Sprintf("%s / %s / %s", cmp.Or(f.GetAnnounced(), "-"), cmp.Or(f.GetArrived(), "-"), cmp.Or(f.GetOpen(), "-")))
}

func (p *page) comparison(c *exchangev1.Comparison) {
	fmt.Fprintln(p.w)
	p.field(p.text("arrival"), c.ArrivalId, p.time(c.At))
	p.field(p.text("result"), p.word(c.Result))
	p.field(p.text("agreed"), strconv.Itoa(int(c.Agreed)))
	for _, n := range c.NotCompared {
		p.field(p.text("notCompared"), n.Subject+": "+n.Reason)
	}
	for _, ds := range [][]*exchangev1.Discrepancy{c.Discrepancies, c.Outstanding, c.Folded} {
		for _, d := range ds {
			p.discrepancy(d)
		}
	}
}

func (p *page) discrepancy(d *exchangev1.Discrepancy) {
	severity, _ := gateway.TextOf("severity."+d.Severity, p.lang)
	p.heading("%s %s: %s", severity.Text, d.Code, d.Message)
	p.field("  "+p.text("subject"), d.Subject)
	p.field("  "+p.text("place"), d.Path)
	p.field("  "+p.text("expected"), d.Expected, p.word(d.ExpectedMethod))
	p.field("  "+p.text("found"), d.Found, p.word(d.FoundMethod))
	p.field("  "+p.text("tolerance"), d.Tolerance)
	p.field("  "+p.text("difference"), d.Difference)
}
