package reconcile

import (
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// TransitFact is what one document says of a transit: an event, or the declaration that it begins with.
type TransitFact struct {
	Event        string     `json:"event,omitempty"`     // list transit-event; empty of a declaration
	Territory    string     `json:"territory,omitempty"` // list customs-territory
	Ending       string     `json:"ending,omitempty"`    // list transit-ending
	Partial      bool       `json:"partial,omitempty"`   // the rest goes on
	Day          string     `json:"day,omitempty"`       // when it happened, YYYY-MM-DD, as its office counts days
	Limit        string     `json:"limit,omitempty"`     // until when it is to end, YYYY-MM-DD
	LimitPlace   Place      `json:"limitPlace,omitzero"`
	Destination  OfficeFact `json:"destination,omitzero"` // of an event
	Reservations int        `json:"reservations,omitempty"`
	Answers      []string   `json:"answers,omitempty"` // ids of the documents that it answers
}

// transitOf reads the transit that a document is about; nil if it is about none.
func transitOf(d *customsv1.Document, message gateway.MessageID) *TransitFact {
	at := func(path string) Place { return Place{message, path} }
	switch {
	case d.GetTransitEvent() != nil:
		e := d.GetTransitEvent()
		t := &TransitFact{
			Event: e.GetKind(), Territory: e.GetTerritory(), Ending: e.GetEnding(), Partial: e.GetPartial(),
			Limit: e.GetTimeLimit().GetValue(), LimitPlace: at("timeLimit"), Destination: office(e.GetDestination(), at("destination.code")),
			Reservations: len(e.GetReservations()),
		}
		for _, day := range []string{e.GetAt().GetValue(), e.GetEnded().GetValue(), e.GetOpened().GetValue()} {
			if t.Day == "" && len(day) >= len(time.DateOnly) {
				t.Day = day[:len(time.DateOnly)]
			}
		}
		for _, id := range answeredBy(d) {
			t.Answers = append(t.Answers, gateway.FoldID(id))
		}
		return t
	case d.GetTransitDeclaration() != nil:
		return &TransitFact{Limit: d.GetTransitDeclaration().GetTransit().GetTimeLimit().GetValue(), LimitPlace: at("transit.timeLimit")}
	}
	return nil
}

// registrationNumber is a number of registration as people write it: office/DDMMYY/number where office and
// day are part of it.
func registrationNumber(r *customsv1.RegistrationNumber) string {
	day, err := time.Parse(time.DateOnly, r.GetDate().GetValue())
	if r.GetOffice() == "" || err != nil {
		return r.GetNumber()
	}
	return r.GetOffice() + "/" + day.Format("020106") + "/" + r.GetNumber()
}

// TransitWith are the partners that declared the transits of m, or to which they were declared.
func (m Movement) TransitWith() (all []gateway.Administration) {
	for _, r := range m.counting(m.Announced) {
		partner := r.Sender
		if partner == "" {
			partner = r.To
		}
		if r.Transit != nil && partner != "" && !slices.Contains(all, partner) {
			all = append(all, partner)
		}
	}
	return all
}

// transitOnly reports whether nothing is known of m but what offices told of a transit.
func (m Movement) transitOnly() bool { return len(m.records()) == len(m.TransitEvents) }

// answered adds the declarations that an event answers.
func (ids *identifiers) answered(d *customsv1.Document) {
	if d.GetTransitEvent() == nil {
		return
	}
	for _, id := range answeredBy(d) {
		ids.one(documentID, id)
	}
}

// answeredBy are the ids of the documents that one answers.
func answeredBy(d *customsv1.Document) (ids []string) {
	for _, ref := range d.GetEnvelope().GetReferences() {
		if ref.GetKind() == customsv1.ReferenceKind_ANSWERED {
			ids = append(ids, ref.GetId())
		}
	}
	return ids
}

// TransitState is where a transit stands, or the operation of a TIR carnet in one customs territory.
type TransitState string

// The states of a transit.
const (
	TransitDeclared         TransitState = "transit declared"
	TransitRefused          TransitState = "transit refused" // not released, or revoked
	TransitAllowed          TransitState = "transit allowed"
	TransitStarted          TransitState = "transit started"
	TransitArrived          TransitState = "transit arrived"
	TransitPartlyTerminated TransitState = "transit partly terminated"
	TransitTerminated       TransitState = "transit terminated"
	TransitDischarged       TransitState = "transit discharged"
	TransitCancelled        TransitState = "transit cancelled"
)

// transitStates are the states that events bring about; TERMINATED in part is another. Others, of a
// guarantee or of the route, change none.
var transitStates = map[string]TransitState{
	"TR_ALLOWED": TransitAllowed, "TR_ISSUE_DENIED": TransitRefused, "TD_REVOKED": TransitRefused, "TR_CANCELLED": TransitCancelled,
	"STARTED": TransitStarted, "ARRIVED": TransitArrived, "TERMINATED": TransitTerminated, "DISCHARGED": TransitDischarged,
	"TR_COMPLETED": TransitDischarged, "TR_COMPLETED_W_RESERVATION": TransitDischarged, "TR_DISCARDED": TransitDischarged,
}

// State is what an event brings about; false if that is nothing.
func (t TransitFact) State() (TransitState, bool) {
	if t.Event == "TERMINATED" && t.Partial {
		return TransitPartlyTerminated, true
	}
	state, ok := transitStates[t.Event]
	return state, ok
}

// Ended reports whether nothing more of the transit is waited for at any office on its way.
func (s TransitState) Ended() bool {
	return slices.Contains([]TransitState{TransitRefused, TransitCancelled, TransitTerminated, TransitDischarged}, s)
}

// Transit is how one transit stands: one declaration, or one operation of a TIR carnet, which is that of
// one customs territory.
type Transit struct {
	Number, Carnet string
	Territory      string // empty where no event names one
	State          TransitState
	Limit          string       // YYYY-MM-DD
	Destinations   []OfficeFact // where it is to end
	Packages       Quantity     // that it started with, or else was declared with
	Terminated     Quantity     // of those, so far
	Terminations   []Termination
	Discrepancies  []Discrepancy
}

// Termination is the end of a transit at one office: of all packages that were still under it, or of some.
type Termination struct {
	Message  gateway.MessageID
	Sender   gateway.Administration
	Office   OfficeFact
	At       time.Time // zero where its day alone is known
	Day      string
	Ending   string
	Partial  bool
	Reserved bool
	Decided  bool // an office decided that the transit has ended: of what had ended before, it says so again
	Packages Quantity
}

// Transits are the transits of m and how each stands, in the order in which they were first told of. They
// follow from the records alone, whatever the order in which those came.
func (m Movement) Transits() []Transit {
	if len(m.TransitEvents) == 0 && !slices.ContainsFunc(m.Announced, func(r Record) bool { return r.Transit != nil }) {
		return nil // as most movements, each of which is asked whenever it is kept or listed
	}
	var declared []Record
	for _, r := range m.counting(m.Announced) {
		if r.Transit != nil {
			declared = append(declared, r)
		}
	}
	events := m.counting(m.TransitEvents)
	if len(declared)+len(events) == 0 {
		return nil
	}
	keys := transitKeys(declared, events)
	type operation struct{ key, territory string }
	of := make(map[operation]*Transit)
	var order []operation
	named := make(territories)
	for i, r := range events {
		named.add(keys[len(declared)+i], r)
	}
	declarations := make(map[string][]Record)
	for i, r := range declared {
		declarations[keys[i]] = append(declarations[keys[i]], r)
	}
	begun := make(map[string]Transit) // as declared
	for key, all := range declarations {
		t := Transit{State: TransitDeclared, Packages: declaredPackages(all)}
		for _, d := range all {
			t.tell(d)
			t.Destinations = append(t.Destinations, d.Facts.Destinations...)
		}
		t.Destinations = joinOffices(t.Destinations)
		begun[key] = t
	}
	open := func(key, territory string) *Transit {
		o := operation{key, territory}
		if of[o] == nil {
			t := &Transit{State: TransitDeclared}
			if d, declared := begun[key]; declared {
				*t = d
			}
			t.Territory = territory
			of[o], order = t, append(order, o)
		}
		return of[o]
	}
	for i := range declared {
		if len(named[keys[i]]) == 0 {
			open(keys[i], "")
		}
	}
	for i, r := range events {
		key := keys[len(declared)+i]
		open(key, named.of(key, r)).event(r)
	}
	for i, r := range events {
		key := keys[len(declared)+i]
		open(key, named.of(key, r)).late(*r.Transit)
	}
	out := make([]Transit, len(order))
	for i, o := range order {
		t := of[o]
		t.compare()
		out[i] = *t
	}
	return out
}

// territories are those that the events of each transit name, with who has named each.
type territories map[string]map[string][]gateway.Administration

func (t territories) add(key string, event Record) {
	name := event.Transit.Territory
	if name == "" {
		return
	}
	if t[key] == nil {
		t[key] = make(map[string][]gateway.Administration)
	}
	t[key][name] = append(t[key][name], event.Sender)
}

// of is the territory of an event: of one that names none, the only one of its transit, or the only one
// that its sender's other events name; else empty.
func (t territories) of(key string, event Record) (name string) {
	if event.Transit.Territory != "" {
		return event.Transit.Territory
	}
	own := 0
	for territory, by := range t[key] {
		if len(t[key]) == 1 {
			return territory
		}
		if slices.Contains(by, event.Sender) {
			name, own = territory, own+1
		}
	}
	if own != 1 {
		return ""
	}
	return name
}

// declaredPackages are those of the declaration that came last: of all parts that it was sent in.
func declaredPackages(declarations []Record) (q Quantity) {
	if len(declarations) == 0 {
		return q
	}
	last := declarations[len(declarations)-1]
	sum := document.Number{}
	for _, d := range declarations {
		switch {
		case !d.sameMessage(last) && (last.Conversation == "" || !gateway.SameID(d.Conversation, last.Conversation)):
		case d.Facts.Packages.Value == "":
			return Quantity{}
		default:
			sum = sum.Add(number(d.Facts.Packages.Value))
		}
	}
	return Quantity{Value: sum.String(), Place: last.Facts.Packages.Place}
}

// transitKeys says which documents are about one transit: they name one carnet or one registration, or
// one answers the other.
func transitKeys(declared, events []Record) []string {
	all := slices.Concat(declared, events)
	same := make([]int, len(all)) // union of documents, by the first of each
	for i := range same {
		same[i] = i
	}
	var root func(i int) int
	root = func(i int) int {
		if same[i] != i {
			same[i] = root(same[i])
		}
		return same[i]
	}
	by := make(map[string]int)
	for i, r := range all {
		var names []string
		if c := Fold(Carnet, r.Facts.Carnet); c != "" {
			names = append(names, Carnet+" "+c)
		}
		if n := Fold(TransitNumber, r.Facts.TransitNumber); n != "" {
			names = append(names, TransitNumber+" "+n)
		}
		if r.Transit.Event == "" && r.DocumentID != "" {
			names = append(names, "document "+gateway.FoldID(r.DocumentID))
		}
		for _, id := range r.Transit.Answers {
			names = append(names, "document "+id)
		}
		for _, name := range names {
			if first, known := by[name]; known {
				a, b := root(first), root(i)
				same[max(a, b)] = min(a, b)
			} else {
				by[name] = i
			}
		}
	}
	keys := make([]string, len(all))
	for i := range all {
		first := all[root(i)]
		keys[i] = string(first.Sender) + "/" + string(first.Message)
	}
	return keys
}

// tell notes what any document of a transit says of it.
func (t *Transit) tell(r Record) {
	if r.Facts.Carnet != "" {
		t.Carnet = r.Facts.Carnet
	}
	if r.Facts.TransitNumber != "" {
		t.Number = r.Facts.TransitNumber
	}
	if r.Transit.Limit != "" {
		t.Limit = r.Transit.Limit
	}
}

// transitOrder is how far a transit has come. What is told of one that has come further changes nothing: a
// decision may be told late, and without its time.
var transitOrder = []TransitState{
	TransitDeclared, TransitAllowed, TransitStarted, TransitArrived, TransitPartlyTerminated, TransitTerminated, TransitRefused, TransitCancelled, TransitDischarged,
}

// event carries a transit on.
func (t *Transit) event(r Record) {
	t.tell(r)
	e := r.Transit
	if e.Destination.Code != "" {
		t.Destinations = []OfficeFact{e.Destination}
	}
	state, changes := e.State()
	if changes && slices.Index(transitOrder, state) > slices.Index(transitOrder, t.State) {
		t.State = state
	}
	switch e.Event {
	case "STARTED":
		if r.Facts.Packages.Value != "" {
			t.Packages = r.Facts.Packages
		}
	case "TERMINATED", "TR_COMPLETED", "TR_COMPLETED_W_RESERVATION":
		t.Terminations = append(t.Terminations, Termination{
			Message: r.Message, Sender: r.Sender, Office: r.Facts.Office, At: r.At, Day: e.Day, Ending: e.Ending, Partial: e.Partial,
			Reserved: e.Reservations > 0 || e.Event == "TR_COMPLETED_W_RESERVATION", Decided: e.Event != "TERMINATED", Packages: r.Facts.Packages,
		})
	}
}

// timed are the events that are to happen within the time limit of their transit.
var timed = []string{"ARRIVED", "TERMINATED", "TR_COMPLETED", "TR_COMPLETED_W_RESERVATION"}

// late notes of an event that it happened after the time limit, as that was set at last: a decision may
// be told after what it allows.
func (t *Transit) late(e TransitFact) {
	if t.Limit != "" && e.Day > t.Limit && slices.Contains(timed, e.Event) {
		t.differ(Discrepancy{
			Code: gateway.TrnLate, Severity: gateway.Warning, Subject: t.subject("TransitEvent.timeLimit"),
			Expected: gateway.Term(t.Limit), Found: gateway.Term(e.Day), Place: e.LimitPlace,
		})
	}
}

// compare notes how what was terminated differs from what was declared or started.
func (t *Transit) compare() {
	sum, counted, final := document.Number{}, len(t.Terminations) > 0, false
	ended := slices.ContainsFunc(t.Terminations, func(e Termination) bool { return !e.Decided && !e.Partial })
	destinations := make(map[string][]OfficeFact, len(t.Destinations)) // by their codes
	for _, o := range t.Destinations {
		code := Fold("", o.Code)
		destinations[code] = append(destinations[code], o)
	}
	for _, e := range t.Terminations {
		final = final || !e.Partial
		switch {
		case e.Decided && ended:
		case e.Packages.Value == "":
			counted = false
		default:
			sum = sum.Add(number(e.Packages.Value))
		}
		if e.Reserved {
			t.differ(Discrepancy{
				Code: gateway.TrnReserved, Severity: gateway.Warning, Subject: t.subject("TransitEvent.reservations"),
				Found: gateway.Term(e.Office.Name()), Place: Place{Message: e.Message, Path: "reservations"},
			})
		}
		if e.Ending != "EXIT" && e.Office.Code != "" && len(t.Destinations) > 0 && !slices.ContainsFunc(destinations[Fold("", e.Office.Code)], e.Office.same) {
			expected := make([]string, 0, len(t.Destinations))
			for _, o := range t.Destinations[:min(len(t.Destinations), maxListedCodes)] {
				expected = append(expected, o.Name())
			}
			t.differ(Discrepancy{
				Code: gateway.TrnOffice, Severity: gateway.Warning, Subject: t.subject("TransitEvent.office"),
				Expected: gateway.Term(strings.Join(expected, ", ")), Found: gateway.Term(e.Office.Name()), Place: e.Office.Place,
			})
		}
	}
	if !counted {
		return
	}
	t.Terminated = Quantity{Value: sum.String()}
	if t.Packages.Value == "" {
		return
	}
	if by := number(t.Packages.Value).Cmp(sum); by < 0 || by > 0 && final {
		t.differ(Discrepancy{
			Code: gateway.TrnPackages, Severity: gateway.Warning, Subject: t.subject("TransitEvent.totals"),
			Expected: gateway.Term(t.Packages.Value), Found: gateway.Term(sum.String()), Place: t.Packages.Place,
		})
	}
}

func (t *Transit) differ(d Discrepancy) { t.Discrepancies = append(t.Discrepancies, d) }

// subject is a field of the transit, by its carnet or number.
func (t *Transit) subject(label string) gateway.Place {
	if t.Carnet != "" {
		return thing("tir", t.Carnet, label)
	}
	return thing("transit", t.Number, label)
}

// Name is an office by its administration and code.
func (o OfficeFact) Name() string { return strings.TrimSpace(o.Administration + " " + o.Code) }

// same reports whether two offices of one code are one; an administration that one of them does not name is
// the other's.
func (o OfficeFact) same(p OfficeFact) bool {
	return o.Administration == p.Administration || o.Administration == "" || p.Administration == ""
}
