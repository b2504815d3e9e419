// Package reconcile owns the movement graph: what was announced of one crossing,
// what was seen of it, which of the two belong together and how they differ. It
// refuses to decide: it keeps no store and no clock, an ambiguous match goes to a
// person, and a comparison never changes a verdict.
//
// Matching, joining and comparing stand in one package because they rest on one
// reduction of documents to facts: what is found by is what is compared.
package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// announcing are the kinds of document that announce goods, in order of
// precedence. Documents of one kind add up: a notice holds few vehicles, a checklist
// few lines. Documents of different kinds tell of the same goods again, so each
// question is answered by the first kind that answers it.
var announcing = []string{"PreArrivalNotice", "TransitDeclaration", "Manifest", "VehicleReport"}

// Announces reports whether a document is of a kind that announces goods.
func Announces(d *customsv1.Document) bool { return slices.Contains(announcing, document.Kind(d)) }

// Movement is one crossing of goods and vehicles: a graph of batches, vehicles, load
// units and waybills, all n:m. It is a value: functions return a changed copy. Its
// JSON form is what a store keeps; it holds no data of persons and no prices.
type Movement struct {
	ID          gateway.MovementID   `json:"id"`
	Merged      []gateway.MovementID `json:"merged,omitempty"` // movements that went into this one
	SplitFrom   gateway.MovementID   `json:"splitFrom,omitempty"`
	Announced   []Record             `json:"announced,omitempty"`
	Departures  []Record             `json:"departures,omitempty"`
	Arrivals    []Record             `json:"arrivals,omitempty"`
	Inspections []Record             `json:"inspections,omitempty"`
	// TransitEvents are what offices told of the transits that it is part of; see [Movement.Transits].
	TransitEvents []Record `json:"transitEvents,omitempty"`
	// Filings are what carriers themselves have filed of the same crossing. They announce nothing, and
	// count nowhere but in Filed, which has one entry for each that stands.
	Filings []Record           `json:"filings,omitempty"`
	Filed   []FilingComparison `json:"filed,omitempty"`
	// Comparisons has one entry for each arrival that counts, in order of arrival.
	// It follows from the records alone, whatever the order in which they came.
	Comparisons []Comparison `json:"comparisons,omitempty"`
	// Closed: its time is over, and nothing is expected any more; see [Movement.AsOf].
	Closed bool `json:"-"`
}

// Record is one document of a movement, reduced to what is matched and compared.
type Record struct {
	Message    gateway.MessageID      `json:"message"`
	Sender     gateway.Administration `json:"sender,omitempty"` // whose message id it is; empty: our own
	Kind       string                 `json:"kind"`
	DocumentID string                 `json:"documentId,omitempty"`
	Replaces   []string               `json:"replaces,omitempty"`  // ids of the documents that it changes or takes back
	Withdraws  bool                   `json:"withdraws,omitempty"` // it only takes back
	Asks       gateway.Withdrawal     `json:"asks,omitempty"`      // what became of what its receiver decides: an announcement that it refused is refused
	Issued     time.Time              `json:"issued,omitzero"`
	Received   time.Time              `json:"received"`
	Expected   time.Time              `json:"expected,omitzero"` // when arrival is expected
	At         time.Time              `json:"at,omitzero"`       // when it left, arrived or was inspected
	// Conversation is what the messages of one whole have in common.
	Conversation string `json:"conversation,omitempty"`
	// WholeGoods: it tells of each of its waybills all the goods, whatever other messages
	// tell them too and whichever vehicle has them. Else it tells a share, and shares add up.
	WholeGoods bool `json:"wholeGoods,omitempty"`
	// Leaves is when what it announces leaves, as it says itself.
	Leaves time.Time `json:"leaves,omitzero"`
	// Accepted: it is ours, and the partner has accepted it.
	Accepted bool `json:"accepted,omitempty"`
	// Control and Outcome say of a control what kind it was and how it ended, by their code lists.
	Control string `json:"control,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	// To is the administration that a control is told to, or a transit.
	To gateway.Administration `json:"to,omitempty"`
	// Told is how an arrival compares as the partner found that has seen it, and told of it.
	Told *Comparison `json:"told,omitempty"`
	// Paper says of what announces that it is handled on paper; nil: it is not.
	Paper *Paper `json:"paper,omitempty"`
	// Transit is what it says of a transit, of a document that is about one.
	Transit *TransitFact `json:"transit,omitempty"`
	Facts   Facts        `json:"facts"`
}

// Paper says that an announcement is handled on paper: that ends it, whatever becomes of its message,
// and is no contradiction to what arrives later.
type Paper struct {
	At     time.Time `json:"at"`
	Office string    `json:"office"` // that says so
	Caller string    `json:"caller"`
	Page   string    `json:"page,omitempty"` // number of what was handed over
	Reason string    `json:"reason"`
}

// HandleOnPaper returns m with what a message announces, or all that counts, handled on paper, and whether
// that has changed anything. Ok is false where no such announcement counts.
func HandleOnPaper(m Movement, message gateway.MessageID, p Paper) (out Movement, changed, ok bool) {
	counting := m.Counting()
	m.Announced = slices.Clone(m.Announced)
	for i, r := range m.Announced {
		if message != "" && !gateway.SameID(r.Message, message) || !slices.ContainsFunc(counting, r.sameMessage) {
			continue
		}
		if ok = true; r.Paper == nil {
			m.Announced[i].Paper, changed = &p, true
		}
	}
	return m, changed, ok
}

// OnPaper reports whether all that announces the movement is handled on paper, in this version or an
// earlier one: what changes an announcement begins no other.
func (m Movement) OnPaper() bool {
	counting := m.Counting()
	if len(counting) == 0 || !slices.ContainsFunc(m.Announced, func(r Record) bool { return r.Paper != nil }) {
		return false
	}
	return !slices.ContainsFunc(counting, func(r Record) bool { return !m.onPaper(r) })
}

func (m Movement) onPaper(r Record) bool {
	seen := make(map[documentKey]bool)
	documents := []documentKey{}
	for versions := []Record{r}; len(versions) > 0; {
		for _, v := range versions {
			if v.Paper != nil {
				return true
			}
			documents = append(documents, v.replaces()...)
			if v.DocumentID != "" {
				documents = append(documents, v.document())
			}
		}
		documents = slices.DeleteFunc(documents, func(d documentKey) bool { return seen[d] })
		for _, d := range documents {
			seen[d] = true
		}
		versions = slices.DeleteFunc(slices.Clone(m.Announced), func(o Record) bool { return !slices.Contains(documents, o.document()) })
		documents = nil
	}
	return false
}

// Origin says how a document came.
type Origin struct {
	Message gateway.MessageID
	// Sender is whose document it is: the office that a report names without an
	// administration is one of the sender's. Empty: nobody knows.
	Sender gateway.Administration
	// Office is the office of ours that announces it, whether or not what travels names it; empty for
	// a partner's document.
	Office gateway.Office
	// Conversation is what the parts of one notice have in common; empty if nothing has.
	Conversation string
	// WholeGoods says that it tells all the goods of each of its waybills, and not a share.
	WholeGoods bool
	// Batch is the batch number from the message header, for a document that names none, and Entry
	// the office of entry.
	Batch    string
	Entry    gateway.Office
	Received time.Time
	Expected time.Time // expected arrival from the message header; zero: the document's own
	// Asks says of a withdrawal that its receiver decides on it: [gateway.WithdrawalAsked].
	Asks gateway.Withdrawal
	// Departed says of a vehicle report that the vehicle has left: it announces nothing.
	Departed bool
	// Told says of an arrival that a partner has seen it and tells of it: its comparison counts.
	Told bool
	// Filing says that a carrier has filed it: it announces nothing.
	Filing bool
	// To is the administration that it is told to.
	To gateway.Administration
}

// Attach returns m with d in it and its comparisons made anew. A message that is
// already attached changes nothing. A document that replaces another takes its
// place; the other stays on the record.
func Attach(m Movement, d *customsv1.Document, from Origin, tol Tolerances) (Movement, error) {
	r := record(d, from)
	if slices.ContainsFunc(m.all(), r.sameMessage) {
		return m, nil
	}
	switch {
	case from.Filing && (slices.Contains(announcing, r.Kind) || r.Kind == "Cancellation"):
		m.Filings = insert(m.Filings, r)
		return m.filed(tol), nil
	case from.Departed && r.Kind == "VehicleReport":
		if slices.ContainsFunc(m.Departures, func(o Record) bool { return o.At.Equal(r.At) && o.sharesVehicle(r) }) {
			return m, nil // it is told twice
		}
		m.Departures = insert(m.Departures, r)
	case slices.Contains(announcing, r.Kind) || r.Kind == "Cancellation":
		m.Announced = insert(m.Announced, r)
	case r.Kind == "ArrivalReport":
		if slices.ContainsFunc(m.Arrivals, func(o Record) bool { return o.sameArrival(r) }) {
			return m, nil // it is told twice
		}
		m.Arrivals = insert(m.Arrivals, r)
		return m.withArrival(r, tol), nil
	case r.Kind == controlKind:
		m.Inspections = insert(m.Inspections, r)
	case r.Kind == "TransitEvent":
		m.TransitEvents = insert(m.TransitEvents, r)
		return m, nil // what is compared of it follows from the records
	default:
		return m, fmt.Errorf("attach message %s: a document of kind %q tells nothing of a movement", r.Message, r.Kind)
	}
	return m.compared(tol), nil
}

// Decide returns m with what became of a message that announces, changes or takes back, by the
// word of its receiver, and its comparisons made anew. A withdrawal that is decided stays so; what
// was announced or changed may still be refused, and taken again, by a later answer.
func Decide(m Movement, message gateway.MessageID, sender gateway.Administration, now gateway.Withdrawal, tol Tolerances) Movement {
	m.Announced = slices.Clone(m.Announced)
	for i, r := range m.Announced {
		if (!r.Withdraws || r.Asks == gateway.WithdrawalAsked) && r.sameMessage(Record{Message: message, Sender: sender}) {
			m.Announced[i].Asks = now
		}
	}
	return m.compared(tol)
}

// Decided is what became of a message that announces, changes or takes back, as [Decide] noted it.
func (m Movement) Decided(message gateway.MessageID, sender gateway.Administration) gateway.Withdrawal {
	for _, r := range m.Announced {
		if r.sameMessage(Record{Message: message, Sender: sender}) {
			return r.Asks
		}
	}
	return ""
}

// Withdrawal is how the withdrawal of all that was announced stands: taken back where nothing
// of it counts any more, asked where that waits for its receiver; else empty.
func (m Movement) Withdrawal() gateway.Withdrawal {
	asked, back := false, false
	for _, r := range m.Announced {
		asked = asked || r.Withdraws && r.Asks == gateway.WithdrawalAsked
		back = back || r.Withdraws && !r.undecided()
	}
	switch {
	case back && len(m.Counting()) == 0:
		return gateway.WithdrawalDone
	case asked:
		return gateway.WithdrawalAsked
	}
	return ""
}

// Merge returns into with everything of from. It is a person's decision, or that of
// a document which names both; the caller audits it.
func Merge(into, from Movement, tol Tolerances) Movement {
	type key struct {
		sender  gateway.Administration
		message string
	}
	of := func(r Record) key { return key{r.Sender, gateway.FoldID(string(r.Message))} }
	known := make(map[key]bool)
	for _, r := range into.all() {
		known[of(r)] = true
	}
	more := from.lists()
	for i, list := range into.lists() {
		for _, r := range *more[i] {
			if !known[of(r)] {
				*list = insert(*list, r)
			}
		}
	}
	into.Merged = append(append(slices.Clone(into.Merged), from.ID), from.Merged...)
	return into.compared(tol)
}

// Split returns m without the named messages, and a movement id that holds them.
// Every message must be m's, and each of the two movements must keep one.
func Split(m Movement, id gateway.MovementID, messages []gateway.MessageID, tol Tolerances) (rest, part Movement, err error) {
	for _, name := range messages {
		if !slices.ContainsFunc(m.all(), func(r Record) bool { return gateway.SameID(r.Message, name) }) {
			return m, Movement{}, fmt.Errorf("split movement %s: message %s is not in it", m.ID, name)
		}
	}
	part = Movement{ID: id, SplitFrom: m.ID}
	rest = m
	to := part.lists()
	for i, list := range rest.lists() {
		all := *list
		*list = nil
		for _, r := range all {
			if slices.ContainsFunc(messages, func(id gateway.MessageID) bool { return gateway.SameID(id, r.Message) }) {
				*to[i] = append(*to[i], r)
			} else {
				*list = append(*list, r)
			}
		}
	}
	if len(rest.all()) == 0 || len(part.all()) == 0 {
		return m, Movement{}, fmt.Errorf("split movement %s: one side would be empty", m.ID)
	}
	return rest.compared(tol), part.compared(tol), nil
}

// Span returns the first and the last time that m speaks of: when it was expected, or else
// told of.
func (m Movement) Span() (first, last time.Time) {
	for i, r := range m.all() {
		t := r.due()
		if i == 0 || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	return first, last
}

// Identifiers returns everything that m can be found by.
func (m Movement) Identifiers() []Identifier {
	var ids identifiers
	for _, r := range m.all() {
		ids.add(r.Facts)
		if m.OnlyControlled() {
			ids.one(Subject, r.Facts.Subject)
		}
	}
	return ids.list
}

// In reports whether m has a document of a conversation: the parts of one notice belong
// to one movement, whatever else they may match.
func (m Movement) In(conversation string) bool {
	return conversation != "" && slices.ContainsFunc(m.records(), func(r Record) bool { return gateway.SameID(r.Conversation, conversation) })
}

// Has reports whether m has a message, by its sender's id.
func (m Movement) Has(id gateway.MessageID, sender gateway.Administration) bool {
	return slices.ContainsFunc(m.all(), func(r Record) bool { return r.sameMessage(Record{Message: id, Sender: sender}) })
}

func (m *Movement) lists() []*[]Record {
	return []*[]Record{&m.Announced, &m.Departures, &m.Arrivals, &m.Inspections, &m.TransitEvents, &m.Filings}
}

// Route returns every office that has to do with m, each part in it once. A filing brings nobody on the
// route of what is announced, and neither does what an office that is not on it tells of a transit: it is
// heard, and sees no more than before, be it the first to tell or the last.
func (m Movement) Route() (offices []RouteOffice) {
	seen := make(map[RouteOffice]bool)
	add := func(records []Record) {
		for _, r := range records {
			for _, o := range r.Facts.Route {
				if !seen[o] {
					seen[o] = true
					offices = append(offices, o)
				}
			}
		}
	}
	switch {
	case len(m.records()) == 0:
		add(m.Filings)
	case m.transitOnly():
		add(m.TransitEvents)
	default:
		add(slices.Concat(m.Announced, m.Departures, m.Arrivals, m.Inspections))
		on := make(map[string][]gateway.Office) // by their keys
		for _, o := range offices {
			on[o.Office().Key()] = append(on[o.Office().Key()], o.Office())
		}
		add(slices.DeleteFunc(slices.Clone(m.TransitEvents), func(r Record) bool {
			by := r.Facts.Office.office()
			return !slices.ContainsFunc(on[by.Key()], by.Same)
		}))
	}
	return offices
}

// records are those of what was announced and seen.
func (m Movement) records() []Record {
	return slices.Concat(m.Announced, m.Departures, m.Arrivals, m.Inspections, m.TransitEvents)
}

// all are those and the filings.
func (m Movement) all() []Record { return append(m.records(), m.Filings...) }

// Changes is how many changes a sender has made to what is announced, whatever became of them.
func (m Movement) Changes(sender gateway.Administration) (n int) {
	for _, r := range m.Announced {
		if r.Sender == sender && r.changes() {
			n++
		}
	}
	return n
}

// Announcing is the message by which a sender announces, and still does, the waybills and
// vehicles of a document of the same kind: the one that shares its vehicles, if one does, else
// one that shares a waybill.
func (m Movement) Announcing(d *customsv1.Document, sender gateway.Administration) (id gateway.MessageID, ok bool) {
	r := record(d, Origin{Sender: sender})
	waybills, best := keys(r.Facts.Waybills), 0
	for _, o := range m.counting(m.Announced) {
		if o.Sender != sender || o.Kind != r.Kind {
			continue
		}
		how := 0
		if slices.ContainsFunc(o.Facts.Waybills, func(wb WaybillFact) bool { return waybills[wb.key()] }) {
			how++
		}
		if o.sharesVehicle(r) {
			how += 2
		}
		if how > best {
			id, best = o.Message, how
		}
	}
	return id, best > 0
}

// Amendment is a later version of what was announced: whose place it takes, and how it stands.
type Amendment struct {
	Message  gateway.MessageID
	Sender   gateway.Administration
	Replaces gateway.MessageID // empty: it is not in this movement
	Received time.Time
	Standing gateway.Withdrawal // asked or refused where it does not count
}

// Amendments are the later versions of what m announces, in order.
func (m Movement) Amendments() (out []Amendment) {
	for _, r := range m.Announced {
		if !r.changes() {
			continue
		}
		a := Amendment{Message: r.Message, Sender: r.Sender, Received: r.Received}
		if r.undecided() {
			a.Standing = r.Asks
		}
		for _, o := range m.Announced {
			if o.Sender == r.Sender && !o.Withdraws && slices.ContainsFunc(r.Replaces, func(id string) bool { return gateway.SameID(id, o.DocumentID) }) {
				a.Replaces = o.Message
			}
		}
		out = append(out, a)
	}
	return out
}

// sameMessage reports whether both came in one message: its id is its sender's.
func (r Record) sameMessage(o Record) bool {
	return r.Sender == o.Sender && gateway.SameID(r.Message, o.Message)
}

// sameArrival reports whether two records of arrivals are one arrival said twice: at one office, of
// one instant, with the same of everything.
func (r Record) sameArrival(o Record) bool {
	if r.Sender != o.Sender || r.Withdraws || o.Withdraws || len(o.Replaces) > 0 || !r.At.Equal(o.At) || r.At.IsZero() {
		return false
	}
	return proto.Equal(r.Report(Comparison{}), o.Report(Comparison{}))
}

func order(a, b Record) int {
	return cmp.Or(a.when().Compare(b.when()), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Sender, b.Sender))
}

func (r Record) when() time.Time {
	for _, t := range []time.Time{r.At, r.Issued} {
		if !t.IsZero() {
			return t
		}
	}
	return r.Received
}

// due is when r expects the arrival, or else when it tells of it.
func (r Record) due() time.Time {
	if !r.Expected.IsZero() {
		return r.Expected
	}
	return r.when()
}

func insert(rs []Record, r Record) []Record {
	i, _ := slices.BinarySearchFunc(rs, r, order)
	return slices.Insert(slices.Clone(rs), i, r)
}

func record(d *customsv1.Document, from Origin) Record {
	e := d.GetEnvelope()
	r := Record{
		Message: from.Message, Sender: from.Sender, Kind: document.Kind(d), DocumentID: e.GetDocumentId(),
		Issued: instant(e.GetIssued()), Received: from.Received.UTC(), Expected: from.Expected.UTC(),
		Conversation: from.Conversation, WholeGoods: from.WholeGoods, Asks: from.Asks, Facts: read(d, from.Message),
		Transit: transitOf(d, from.Message),
	}
	if r.Facts.Batch == "" {
		r.Facts.Batch = from.Batch
	}
	if r.Facts.Entry.Code == "" && from.Entry.Code != "" {
		r.Facts.Entry = OfficeFact{Administration: string(from.Entry.Administration), Code: from.Entry.Code}
		r.Facts.Route = append(r.Facts.Route, RouteOffice{EntryOffice, r.Facts.Entry.Administration, r.Facts.Entry.Code})
	}
	if slices.Contains(announcing, r.Kind) {
		r.Facts.declared()
	}
	for i, o := range r.Facts.Route {
		if from.Departed && o.Role == SeenOffice {
			r.Facts.Route[i] = RouteOffice{ExitOffice, cmp.Or(o.Administration, string(from.Sender)), o.Code}
		}
	}
	if own := from.Office; own.Code != "" && !slices.ContainsFunc(r.Facts.Route, func(o RouteOffice) bool { return own.Same(o.Office()) }) {
		r.Facts.Route = append(r.Facts.Route, RouteOffice{ExitOffice, string(own.Administration), own.Code})
	}
	if seen := &r.Facts.Office; (r.Kind == "ArrivalReport" || r.Kind == "TransitEvent") && seen.Code != "" && seen.Administration == "" {
		seen.Administration = cmp.Or(string(from.Sender), string(from.Office.Administration))
	}
	for _, ref := range e.GetReferences() {
		if ref.GetKind() == customsv1.ReferenceKind_CHANGED {
			r.Replaces = append(r.Replaces, ref.GetId())
		}
	}
	if c := d.GetCancellation(); c != nil {
		r.Replaces = append(r.Replaces, c.GetSubject().GetId())
	}
	if c := d.GetInspectionResult(); c != nil {
		r.controlled(c, from)
	}
	if r.Transit != nil {
		r.To = from.To
	}
	if from.Told {
		r.Told = comparisonOf(d.GetArrivalReport().GetComparison())
	}
	f := e.GetFunction()
	r.Withdraws = r.Kind == "Cancellation" || f == customsv1.FunctionCode_CANCELLATION || f == customsv1.FunctionCode_DELETION
	body := bodyOf(d)
	if b, ok := body.(interface{ GetAt() *customsv1.Instant }); ok {
		r.At = instant(b.GetAt())
	}
	if b, ok := body.(interface{ GetDeparted() *customsv1.Instant }); ok {
		r.Leaves = instant(b.GetDeparted())
	}
	expected := instant(d.GetPreArrivalNotice().GetExpectedArrival())
	if r.Kind == "VehicleReport" && !from.Departed { // it announces: its time is yet to come
		expected, r.At = r.At, time.Time{}
	}
	if r.Expected.IsZero() {
		r.Expected = expected
	}
	return r
}

func instant(i *customsv1.Instant) time.Time {
	t, err := document.ParseInstant(i.GetValue())
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
