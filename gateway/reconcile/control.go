package reconcile

import (
	"cmp"
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// controlKind is the kind of document that tells how a control ended.
const controlKind = "InspectionResult"

// Subject is the kind of identifier that a control names what was controlled by: the id of a
// document, a batch, a waybill, a vehicle, a load unit, a seal or a carnet, it does not say which.
// A movement has it as long as nothing else than controls is known of it.
const Subject = "subject"

const (
	// documentID is the id of a document that announces goods, or tells of a control.
	documentID = "document"
	// controlledKey stands before the kinds of the keys of a movement of which only controls are
	// known: what is told of the goods later finds it by them, whatever else has a plate in common.
	controlledKey = "controlled "
)

// controlled takes from the outcome of a control what is kept of it. The office is one of its
// teller's own: a control at another's brings nobody on the movement's route.
func (r *Record) controlled(c *customsv1.InspectionResult, from Origin) {
	r.Control, r.Outcome, r.To = c.GetControl(), c.GetOutcome(), from.To
	if o := &r.Facts.Office; o.Code != "" {
		o.Administration = cmp.Or(o.Administration, string(from.Sender))
	}
	if from.Sender != "" && r.Facts.Office.Administration != string(from.Sender) {
		r.Facts.Route = nil
	}
}

// Controls are the controls that count, in the order in which they were made.
func (m Movement) Controls() []Record { return m.counting(m.Inspections) }

// OnlyControlled reports whether nothing is known of m but controls: what they were of was not
// announced, seen or filed.
func (m Movement) OnlyControlled() bool {
	return m.untold() && len(m.Filings) == 0 && len(m.Inspections) > 0
}

// untold reports whether no administration has told of m but of controls.
func (m Movement) untold() bool {
	return len(m.Announced)+len(m.Departures)+len(m.Arrivals)+len(m.TransitEvents) == 0
}

// ControlledBy reports whether all of m are controls that one partner has told of.
func (m Movement) ControlledBy(partner gateway.Administration) bool {
	return partner != "" && m.OnlyControlled() && !slices.ContainsFunc(m.Inspections, func(r Record) bool { return r.Sender != partner })
}

// Concerns reports whether an administration has told of m, or one of its offices is on the route.
func (m Movement) Concerns(a gateway.Administration) bool {
	return slices.ContainsFunc(m.all(), func(r Record) bool { return r.Sender == a }) ||
		slices.ContainsFunc(m.Route(), func(o RouteOffice) bool { return o.Administration == string(a) })
}

// subject adds what a control may mean by its subject, and what it corrects or takes back.
func (ids *identifiers) subject(d *customsv1.Document) {
	c := d.GetInspectionResult()
	if c == nil {
		return
	}
	ids.whatever(c.GetSubject().GetId())
	for _, ref := range d.GetEnvelope().GetReferences() {
		if ref.GetKind() == customsv1.ReferenceKind_CHANGED {
			ids.one(documentID, ref.GetId())
		}
	}
}

// whatever adds a name of which nobody says what it names.
func (ids *identifiers) whatever(name string) {
	ids.one(documentID, name)
	for _, kind := range Kinds {
		ids.one(kind, name)
	}
	ids.plates(name)
}

// keys returns everything that m is found by, with the weaker keys of that, and the ids of its
// documents by which a control names it.
func (m Movement) keys() []Identifier {
	var ids identifiers
	for _, id := range m.Identifiers() {
		if id.Kind == Subject {
			ids.whatever(id.Value)
		} else {
			ids.one(id.Kind, id.Value)
		}
	}
	for _, r := range slices.Concat(m.Announced, m.Inspections) {
		ids.one(documentID, r.DocumentID)
	}
	return Keys(ids.list)
}

// ControlsSought returns the keys of the controls that told of what a document tells, before it came.
func ControlsSought(d *customsv1.Document, from Origin) []Identifier {
	out := beforehand(d, from)
	for i := range out {
		out[i].Kind = controlledKey + out[i].Kind
	}
	return out
}

// beforehand is what controls may have named a document by, or what it tells of.
func beforehand(d *customsv1.Document, from Origin) []Identifier {
	var ids identifiers
	ids.one(documentID, d.GetEnvelope().GetDocumentId())
	return append(ids.list, SoughtBy(d, from)...)
}

// ControlsOf reports whether m, of which only controls are known, is of what a document tells: they
// name the document, or what it tells of, within the window around the time at, of which it speaks.
func (m Movement) ControlsOf(d *customsv1.Document, from Origin, at time.Time, window Window) bool {
	return m.OnlyControlled() && match(beforehand(d, from), d, from, at, []Movement{m}, window).Outcome == OneMatch
}
