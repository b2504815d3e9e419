package flow

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// MaxSteps is how many steps of a movement are told, the last ones.
const MaxSteps = 1000

// Step is one thing that happened to a movement, or that it waits for.
type Step struct {
	At      time.Time // of what is waited for: when that is over; zero if nobody knows
	Office  string    // where, with its administration; empty where no office has to do with it
	Actor   string    // who: the identity in a certificate, an administration, or gateway
	Text    Told
	Subject string // the message, submission or record
	Waiting bool
	Faults  gateway.Faults

	zone *time.Location
}

// Told is what is said of a step: phrases, the first with what the others add.
type Told []gateway.Phrase

// In returns it in a language of the catalogue.
func (t Told) In(lang string) string {
	var all []string
	for _, p := range t {
		text := p.In(lang)
		if p.Wording == "" && len(p.Texts) == 0 {
			text = gateway.Retold(text, lang)
		}
		if text != "" {
			all = append(all, text)
		}
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return all[0] + ": " + strings.Join(all[1:], ", ")
}

// Local is when it happened in the local time of its office, RFC 3339; UTC where that is not known.
func (s Step) Local() string {
	if s.At.IsZero() {
		return ""
	}
	zone := s.zone
	if zone == nil {
		zone = time.UTC
	}
	return s.At.In(zone).Format(time.RFC3339)
}

// awaitedIn are what a movement waits for in its states.
var awaitedIn = map[reconcile.State]gateway.Wording{
	reconcile.StateAnnounced:           gateway.WordStepWaitsArrival,
	reconcile.StateDeparted:            gateway.WordStepWaitsArrival,
	reconcile.StateDepartedUnannounced: gateway.WordStepWaitsAnnouncement,
	reconcile.StateWithdrawalAsked:     gateway.WordStepWaitsWithdrawal,
	reconcile.StatePartlyArrived:       gateway.WordStepWaitsRest,
	reconcile.StateArrivedUnannounced:  gateway.WordStepWaitsInquiry,
}

// verdicts are what a partner has signed of a message.
var verdicts = map[gateway.Verdict]gateway.Wording{
	gateway.RCV: gateway.WordStepReceived, gateway.PRS: gateway.WordStepAccepted, gateway.ERR: gateway.WordStepRefused,
}

// timeline collects the steps of a movement.
type timeline struct {
	g     *Gateway
	read  store.Reader
	own   func(office string) bool // whose submissions are told with who, what and why
	steps []Step
	seen  map[string]bool // wholes and submissions
}

// Timeline returns the steps of a movement in the order in which they happened, at last what it waits
// for, and how many steps before those are not told. Of submissions of offices that are not the
// reader's only the office is told.
func (g *Gateway) Timeline(ctx context.Context, m Movement, own func(office string) bool) (steps []Step, leftOut int, err error) {
	t := timeline{g: g, read: g.Store.Read(), own: own, seen: make(map[string]bool)}
	for _, r := range m.Announced {
		if r.Sender == "" {
			err = t.announced(ctx, r)
		} else {
			err = t.received(ctx, r)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	for _, r := range m.Departures {
		if err := t.recorded(ctx, r, store.DoorGate, Told{gateway.Say(gateway.WordStepLeft)}); err != nil {
			return nil, 0, err
		}
	}
	for _, r := range m.Filings {
		if err := t.filed(ctx, m, r); err != nil {
			return nil, 0, err
		}
	}
	for _, r := range m.TransitEvents {
		t.transit(r)
	}
	if err := t.arrivals(ctx, m); err != nil {
		return nil, 0, err
	}
	if err := t.controls(ctx, m); err != nil {
		return nil, 0, err
	}
	for _, o := range m.Openings {
		t.add(Step{At: o.At, Actor: t.who(o.Office, o.Caller), Text: Told{gateway.Say(gateway.WordStepOpened), gateway.Term(o.Reason)}, Subject: o.Record}, o.Office)
	}
	for _, r := range m.Announced {
		if p := r.Paper; p != nil {
			said := Told{gateway.Say(gateway.WordStepOnPaper), gateway.Term(p.Reason)}
			if p.Page != "" {
				said = append(said, gateway.Term(p.Page))
			}
			t.add(Step{At: p.At, Actor: t.who(p.Office, p.Caller), Text: said, Subject: string(r.Message)}, p.Office)
		}
	}
	for _, told := range m.Told {
		if err := t.told(ctx, told); err != nil {
			return nil, 0, err
		}
	}
	remarks := g.Remarks(m)
	for _, o := range m.Overdue {
		step := Step{At: o.Due, Actor: itself, Text: Told{gateway.Say(gateway.WordStepOverdue)}}
		if o.State == m.State() && o.Due.Equal(g.until(m)) {
			step.Faults = remarks
		}
		t.add(step, "")
	}
	slices.SortStableFunc(t.steps, func(a, b Step) int {
		if a.Waiting != b.Waiting {
			return b2i(a.Waiting) - b2i(b.Waiting)
		}
		return a.At.Compare(b.At)
	})
	if word, waits := awaitedIn[m.State()]; waits {
		t.add(Step{At: g.until(m), Text: Told{gateway.Say(word)}, Waiting: true}, "")
	}
	if n := len(t.steps) - MaxSteps; n > 0 {
		t.steps, leftOut = t.steps[n:], n
	}
	return t.steps, leftOut, nil
}

// add adds a step at an office of ours.
func (t *timeline) add(s Step, office string) {
	if office != "" {
		s.Office = string(t.g.Own) + " " + office
		s.zone, _ = t.g.Chain.Tables.Lists().Zone(t.g.Own, office)
	}
	t.steps = append(t.steps, s)
}

// who is who did something at an office, as far as the reader may know.
func (t *timeline) who(office, caller string) string {
	if caller == itself || t.own(office) {
		return caller
	}
	return string(t.g.Own) + " " + office
}

// announced tells of one of our messages that announces, changes or takes back, and of all that made
// it.
func (t *timeline) announced(ctx context.Context, r reconcile.Record) error {
	whole := gateway.MessageID(r.Conversation)
	messages, err := t.read.Messages(ctx, whole)
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil || !slices.ContainsFunc(messages, func(m store.Message) bool { return gateway.SameID(m.ID, r.Message) }) {
		m, err := t.read.Message(ctx, r.Message)
		if err != nil { // what was taken back before it was handed over
			return store.IgnoreNotFound(err)
		}
		whole = m.Whole
		if messages, err = t.read.Messages(ctx, whole); err != nil {
			return store.IgnoreNotFound(err)
		}
	}
	sources, err := t.read.Sources(ctx, whole)
	if err != nil {
		return err
	}
	office := ""
	for _, s := range sources {
		office = s.Office
		if err := t.submitted(ctx, s); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(messages, func(m store.Message) bool { return gateway.SameID(m.ID, r.Message) })
	if i < 0 {
		return nil
	}
	word := gateway.WordStepAnnounced
	switch {
	case r.Withdraws:
		word = gateway.WordStepWithdraws
	case len(r.Replaces) > 0:
		word = gateway.WordStepChanged
	}
	m := messages[i]
	t.add(Step{At: m.Created, Actor: itself, Text: Told{gateway.Say(word, string(m.Recipient))}, Subject: string(m.ID)}, office)
	return t.delivered(ctx, m, office)
}

// delivered tells what became of one of our messages.
func (t *timeline) delivered(ctx context.Context, m store.Message, office string) error {
	receipts, err := t.read.Receipts(ctx, m.ID)
	if err != nil {
		return err
	}
	for _, r := range receipts {
		if word, ok := verdicts[r.Verdict]; ok {
			t.add(Step{At: r.Verified, Actor: string(m.Recipient), Text: Told{gateway.Say(word, string(m.Recipient))}, Subject: string(m.ID)}, "")
		}
	}
	for _, a := range m.Answers {
		said := Told{gateway.Say(gateway.WordStepAnswered, string(m.Recipient))}
		if word := stateWord(a.Outcome); word != "" {
			said = append(said, gateway.Say(word))
		}
		t.add(Step{At: a.Received, Actor: string(m.Recipient), Text: append(said, gateway.Term(a.Registration)), Subject: string(a.MessageID)}, "")
	}
	if why := WhyWaits(m); why != "" {
		t.add(Step{At: m.ValidUntil, Text: Told{gateway.Say(gateway.WordStepWaitsVerdict, string(m.Recipient)), gateway.Term(why)}, Subject: string(m.ID), Waiting: true}, office)
	}
	return nil
}

// stateWord is the word for a state or outcome; empty if there is none.
func stateWord(code string) gateway.Wording {
	key := "word.state"
	for _, part := range strings.Fields(code) {
		key += strings.ToUpper(part[:1]) + part[1:]
	}
	if code == "" || !gateway.HasText(key) {
		return ""
	}
	return gateway.Wording(key)
}

// submitted tells of a submission, how it was judged, and what it waits for.
func (t *timeline) submitted(ctx context.Context, s store.Submission) error {
	if s.SecondOf != "" { // it was submitted once
		first, err := t.read.Submission(ctx, s.Office, s.SecondOf)
		if err != nil {
			return store.IgnoreNotFound(err)
		}
		s = first
	}
	if key := s.Office + " " + gateway.FoldID(s.ID); t.seen[key] {
		return nil
	} else {
		t.seen[key] = true
	}
	a, err := t.read.Arrival(ctx, store.DoorSubmit, s.Office, s.ID)
	if err != nil {
		return store.IgnoreNotFound(err)
	}
	step := Step{At: s.Received, Actor: t.who(s.Office, a.Caller), Text: Told{gateway.Say(gateway.WordStepSubmitted, s.Kind)}, Subject: s.ID}
	if !t.own(s.Office) {
		step.Subject = ""
		t.add(step, s.Office)
		return nil
	}
	step.Faults = slices.DeleteFunc(slices.Clone(s.Faults), func(f gateway.Fault) bool { return f.Severity != gateway.Error })
	t.add(step, s.Office)
	of, err := approvable(a)
	if err != nil {
		return err
	}
	rulings, err := t.read.Rulings(ctx, s.Office, s.ID, of)
	if err != nil {
		return err
	}
	for _, r := range rulings {
		t.add(Step{At: r.At, Actor: r.Caller, Text: Told{gateway.Say(ruledAs[r.Verdict]), gateway.Term(r.Reason)}, Subject: s.ID}, s.Office)
	}
	decided, err := t.read.Approval(ctx, s.Office, s.ID, of)
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil {
		word := gateway.WordStepDisapproved
		if decided.Approved {
			word = gateway.WordStepApproved
		}
		t.add(Step{At: decided.At, Actor: decided.Caller, Text: Told{gateway.Say(word), gateway.Term(decided.Reason)}, Subject: s.ID}, s.Office)
	}
	return nil
}

// ruledAs are the words for what was ruled on a text in which a price was found.
var ruledAs = map[string]gateway.Wording{
	NoPrice: gateway.WordStepRuledNoPrice, Replace: gateway.WordStepRuledReplace, Refuse: gateway.WordStepRuledRefuse,
}

// received tells of a partner's message, and of who took it over.
func (t *timeline) received(ctx context.Context, r reconcile.Record) error {
	in, err := t.read.Inbound(ctx, r.Sender, r.Message)
	if err != nil {
		return store.IgnoreNotFound(err)
	}
	word := gateway.WordStepAnnouncedBy
	switch {
	case r.Withdraws:
		word = gateway.WordStepWithdrawsBy
	case len(r.Replaces) > 0:
		word = gateway.WordStepChangedBy
	}
	t.add(Step{At: in.Received, Actor: string(in.Sender), Text: Told{gateway.Say(word, string(in.Sender))}, Subject: string(in.ID)}, "")
	return t.taken(ctx, in)
}

// taken tells who took over a partner's message.
func (t *timeline) taken(ctx context.Context, in store.Inbound) error {
	taken, err := t.g.Acknowledgements(ctx, in)
	if err != nil {
		return err
	}
	for _, a := range taken {
		t.add(Step{At: a.At, Actor: a.By, Text: Told{gateway.Say(gateway.WordStepTakenBy, a.Subscription)}, Subject: string(in.ID)}, "")
	}
	first := func(a store.Acknowledgement) bool { return a.By == in.AcknowledgedBy && a.At.Equal(in.AcknowledgedAt) }
	if in.AcknowledgedBy != "" && !slices.ContainsFunc(taken, first) {
		t.add(Step{At: in.AcknowledgedAt, Actor: in.AcknowledgedBy, Text: Told{gateway.Say(gateway.WordStepTaken)}, Subject: string(in.ID)}, "")
	}
	return nil
}

// filed tells of what a carrier has filed, and how that compares now.
func (t *timeline) filed(ctx context.Context, m Movement, r reconcile.Record) error {
	word := gateway.WordStepFiled
	switch {
	case r.Withdraws:
		word = gateway.WordStepFilingTakenBack
	case len(r.Replaces) > 0:
		word = gateway.WordStepFilingChanged
	}
	step := Step{At: r.Received, Actor: string(r.Sender), Text: Told{gateway.Say(word)}, Subject: string(r.Message)}
	if c, ok := m.Filing(r); ok {
		step.Text = append(step.Text, gateway.Say(results[c.Result]))
		for _, d := range c.Discrepancies {
			step.Faults = append(step.Faults, d.Fault())
		}
	}
	office, id, here := FiledBy(r)
	if !here {
		t.add(step, "")
		return nil
	}
	a, err := t.read.Arrival(ctx, store.DoorSubmit, office, id)
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	if step.Actor, step.Subject = string(t.g.Own)+" "+office, ""; err == nil && t.own(office) {
		step.Actor, step.Subject = a.Caller, id
	}
	t.add(step, office)
	return nil
}

// transitStates are the words for what became of a transit.
var transitStates = map[reconcile.TransitState]gateway.Wording{
	reconcile.TransitDeclared: "word.transitDeclared", reconcile.TransitRefused: "word.transitRefused", reconcile.TransitAllowed: "word.transitAllowed",
	reconcile.TransitStarted: "word.transitStarted", reconcile.TransitArrived: "word.transitArrived",
	reconcile.TransitPartlyTerminated: "word.transitPartlyTerminated", reconcile.TransitTerminated: "word.transitTerminated",
	reconcile.TransitDischarged: "word.transitDischarged", reconcile.TransitCancelled: "word.transitCancelled",
}

// transit tells what an office told of a transit: at its office, when it happened or else was told.
func (t *timeline) transit(r reconcile.Record) {
	said := Told{gateway.Term(r.Transit.Event)}
	if state, ok := r.Transit.State(); ok {
		said = Told{gateway.Say(transitStates[state])}
	}
	for _, of := range []string{r.Facts.TransitNumber, r.Facts.Carnet, r.Transit.Territory} {
		if of != "" {
			said = append(said, gateway.Term(of))
		}
	}
	step := Step{At: r.At, Actor: string(r.Sender), Text: said, Subject: string(r.Message), Office: r.Facts.Office.Name()}
	if step.At.IsZero() {
		step.At = r.Received
	}
	if r.Sender == "" {
		step.Actor = string(t.g.Own)
	}
	step.zone, _ = t.g.Chain.Tables.Lists().Zone(gateway.Administration(r.Facts.Office.Administration), r.Facts.Office.Code)
	t.steps = append(t.steps, step)
}

// recorded tells of what a post has recorded.
func (t *timeline) recorded(ctx context.Context, r reconcile.Record, door string, said Told) error {
	office := officeOf(r.Message)
	caller := string(t.g.Own) + " " + office
	_, id, _ := strings.Cut(strings.TrimPrefix(string(r.Message), door+"/"), "/")
	a, err := t.read.Arrival(ctx, door, office, id)
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil {
		caller = t.who(office, a.Caller)
	}
	t.add(Step{At: r.At, Actor: caller, Text: said, Subject: string(r.Message)}, office)
	return nil
}

// results are the words for what a comparison comes to.
var results = map[string]gateway.Wording{
	reconcile.Agrees: "word.agrees", reconcile.Differs: "word.differs", reconcile.NothingToCompare: "word.nothingToCompare",
}

// arrivals tells of what has arrived and how it compares, with the differences that are none only to be
// known.
func (t *timeline) arrivals(ctx context.Context, m Movement) error {
	counting := m.CountingArrivals()
	for _, r := range m.Arrivals {
		said, faults := Told{gateway.Say(gateway.WordStepArrived)}, gateway.Faults(nil)
		if r.Told != nil || r.Sender != t.g.Own {
			said = Told{gateway.Say(gateway.WordStepArrivedTold, string(r.Sender), strings.TrimSpace(r.Facts.Office.Administration+" "+r.Facts.Office.Code))}
		}
		if r.Withdraws {
			said[0].Wording = gateway.WordStepArrivedBack
			said[0].Terms = nil
		}
		if i := slices.IndexFunc(counting, func(c reconcile.Record) bool { return c.Message == r.Message && c.Sender == r.Sender }); i >= 0 {
			c := m.Comparisons[i]
			said = append(said, gateway.Say(results[c.Result]))
			for _, d := range c.Discrepancies {
				if d.Severity != gateway.Info {
					f := d.Fault()
					f.Place = d.Subject
					faults = append(faults, f)
				}
			}
		}
		if r.Sender == t.g.Own {
			if err := t.recorded(ctx, r, store.DoorBorder, said); err != nil {
				return err
			}
		} else {
			step := Step{At: r.At, Actor: string(r.Sender), Text: said, Subject: string(r.Message)}
			if o := r.Facts.Office; o.Code != "" {
				step.Office = strings.TrimSpace(o.Administration + " " + o.Code)
				step.zone, _ = t.g.Chain.Tables.Lists().Zone(gateway.Administration(o.Administration), o.Code)
			}
			t.steps = append(t.steps, step)
		}
		t.steps[len(t.steps)-1].Faults = faults
	}
	return nil
}

// controls tells of the controls, whether each is recognised, and what became of telling it.
func (t *timeline) controls(ctx context.Context, m Movement) error {
	for _, c := range t.g.Controls(m) {
		said := Told{gateway.Say(gateway.WordStepControlled, c.Control, c.Outcome), c.Text}
		if err := t.control(ctx, c.Record, c.Office, said); err != nil {
			return err
		}
	}
	for _, r := range m.Inspections {
		if r.Withdraws {
			of := officeIn(r.Facts.Office.Administration, r.Facts.Office.Code, r.Sender)
			if err := t.control(ctx, r, of, Told{gateway.Say(gateway.WordStepControlBack, strings.Join(r.Replaces, ", "))}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *timeline) control(ctx context.Context, r reconcile.Record, office gateway.Office, said Told) error {
	step := Step{At: r.At, Actor: cmp.Or(string(r.Sender), string(t.g.Own)+" "+office.Code), Text: said, Subject: string(r.Message)}
	if step.At.IsZero() {
		step.At = r.Received
	}
	if office.Code != "" {
		step.Office = string(office.Administration) + " " + office.Code
		step.zone, _ = t.g.Chain.Tables.Lists().Zone(office.Administration, office.Code)
	}
	t.steps = append(t.steps, step)
	if r.Sender != "" {
		in, err := t.read.Inbound(ctx, r.Sender, r.Message)
		if err != nil {
			return store.IgnoreNotFound(err)
		}
		return t.taken(ctx, in)
	}
	message, err := t.read.Message(ctx, r.Message)
	if err != nil {
		return store.IgnoreNotFound(err)
	}
	sources, err := t.read.Sources(ctx, message.Whole)
	if err != nil {
		return err
	}
	for _, s := range sources {
		if err := t.submitted(ctx, s); err != nil {
			return err
		}
	}
	return t.delivered(ctx, message, office.Code)
}

// told tells that an administration was told of an arrival, and what it has signed of that.
func (t *timeline) told(ctx context.Context, told Telling) error {
	word := gateway.WordStepTold
	if told.Withdrawn {
		word = gateway.WordStepToldBack
	}
	step := Step{At: told.At, Actor: itself, Text: Told{gateway.Say(word, string(told.To))}, Subject: told.Submission}
	s, err := t.read.Submission(ctx, told.Office, told.Submission)
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	step.Faults = slices.DeleteFunc(slices.Clone(s.Faults), func(f gateway.Fault) bool { return f.Severity != gateway.Error || !t.own(told.Office) })
	t.add(step, told.Office)
	if err != nil || s.MessageID == "" {
		return nil
	}
	messages, err := t.read.Messages(ctx, s.MessageID)
	if err != nil {
		return store.IgnoreNotFound(err)
	}
	for _, m := range messages {
		if err := t.delivered(ctx, m, told.Office); err != nil {
			return err
		}
	}
	return nil
}

// WhyWaits says in English why a message has no verdict yet; nothing if it has one.
func WhyWaits(m store.Message) string {
	switch {
	case m.State.Final():
		return ""
	case m.Reason != "":
		return m.Reason
	case m.State == gateway.Received:
		return "the partner has the message and has not judged it yet"
	case m.LastError != "" && !m.NextAttempt.IsZero():
		return fmt.Sprintf("attempt %d failed (%s); the next is at %s", m.Attempts, m.LastError, m.NextAttempt.Format(time.RFC3339))
	case m.Attempts == 0:
		return "it is about to be sent"
	}
	return "it is being sent"
}

// The bounds of what is shown of what is announced.
const (
	MaxAnnounced       = 20   // documents
	MaxAnnouncedValues = 2000 // of each
)

// AnnouncedDocument is a document that announces a movement and counts, as it was released.
type AnnouncedDocument struct {
	Message    gateway.MessageID
	Sender     gateway.Administration
	Kind       string
	DocumentID string
	Values     []AnnouncedValue
	LeftOut    int // values beyond those
}

// AnnouncedValue is one of its values. Withheld are data of persons and prices.
type AnnouncedValue struct {
	Path, Value string
	Place       gateway.Place
	Withheld    bool
}

// Announced returns what announces a movement, and how many documents more there are.
func (g *Gateway) Announced(ctx context.Context, m Movement) (out []AnnouncedDocument, leftOut int, err error) {
	counting := m.Counting()
	if leftOut = len(counting) - MaxAnnounced; leftOut > 0 {
		counting = counting[:MaxAnnounced]
	}
	for _, r := range counting {
		d := AnnouncedDocument{Message: r.Message, Sender: r.Sender, Kind: r.Kind, DocumentID: r.DocumentID}
		var canonical []byte
		if r.Sender == "" {
			sent, err := g.Store.Read().Message(ctx, r.Message)
			if err != nil {
				return nil, 0, err
			}
			d.Sender, canonical = g.Own, sent.Canonical
		} else {
			in, err := g.Store.Read().Inbound(ctx, r.Sender, r.Message)
			if err != nil {
				return nil, 0, err
			}
			canonical = in.Canonical
		}
		doc := document.Parse(canonical).Document
		document.WalkDeclared(doc, g.Chain.Tables.Extensions().Marks, func(path string, _ document.Field, marks document.Marks, text string) {
			if strings.HasSuffix(path, ".language") { // a text speaks for itself
				return
			}
			if len(d.Values) == MaxAnnouncedValues {
				d.LeftOut++
				return
			}
			d.Values = append(d.Values, AnnouncedValue{Path: path, Value: text, Place: document.PlaceOf(doc, path), Withheld: marks.Personal || marks.Price})
		})
		out = append(out, d)
	}
	return out, max(0, leftOut), nil
}
