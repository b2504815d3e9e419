package flow

import (
	"fmt"
	"slices"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// act is what a document does: its function code decides, never only what it says.
type act int

const (
	adds     act = iota // it is new
	changes             // it takes the place of what was said before
	takesOut            // it takes back what it names
)

// actOf is what a document does, or what its sender says that it does.
func actOf(d *customsv1.Document, asks store.Asks) act {
	e := d.GetEnvelope()
	switch e.GetFunction() {
	case customsv1.FunctionCode_CANCELLATION, customsv1.FunctionCode_DELETION:
		return takesOut
	case customsv1.FunctionCode_CHANGE, customsv1.FunctionCode_REPLACE:
		return changes
	}
	if asks.Amends != "" || len(changed(d)) > 0 || d.GetPreArrivalNotice().GetChanges() != nil {
		return changes
	}
	return adds
}

// changed are the ids of the documents that one changes.
func changed(d *customsv1.Document) (ids []string) {
	for _, r := range d.GetEnvelope().GetReferences() {
		if r.GetKind() == customsv1.ReferenceKind_CHANGED && r.GetId() != "" {
			ids = append(ids, r.GetId())
		}
	}
	return ids
}

// revisable are the kinds of document whose functions act on what was announced.
var revisable = []string{"PreArrivalNotice", "Manifest", "VehicleReport"}

// step is a submission that acts on what is announced together, in the order of all.
type step struct {
	Part
	does act
	asks store.Asks

	taken   bool            // before: what it says holds
	version int             // of the whole, that it made; 0: none yet
	anew    map[string]bool // keys of vehicles that the partner refused, and that it may report again
}

// named reports whether a change acts only on what its document names: a canonical document
// is a full version, a national one is what its format says.
func (s *step) named() bool {
	return s.does == changes && s.asks.Amends == "" && s.Table != nil && s.Table.ChangesNamed()
}

// names are the ids of what a document says that it acts on.
func (s *step) names() []string {
	names := changed(s.Document)
	if s.asks.Amends != "" {
		names = append(names, s.asks.Amends)
	}
	return names
}

// isNamed reports whether ids name a submission or its document.
func (s *step) isNamed(ids []string) bool {
	return slices.ContainsFunc(ids, func(id string) bool {
		return gateway.SameID(id, s.Submission) || gateway.SameID(id, s.Document.GetEnvelope().GetDocumentId())
	})
}

// thing is what a function code acts on: a waybill of a list of goods, a vehicle of a report
// with what it tows.
type thing struct {
	of      *step
	at, n   int // elements of the list, from
	key, id string
	path    string // of what names it
}

// Lists of what a function code acts on, and those whose elements go with the document that
// names them.
const (
	waybillList = "consignments"
	vehicleList = "transport.vehicles"
)

var withVehicles = []string{"transport.crew", "loadUnits"}

// standsApart reports whether each document of a step's kind is a part by itself.
func (s *step) standsApart() bool { return s.Kind == "VehicleReport" || s.Kind == kindDeclaration }

// kindDeclaration is the kind of document that says what was declared of goods.
const kindDeclaration = "GoodsDeclarationExtract"

// thingsOf are what a document names.
func thingsOf(s *step) (all []thing) {
	if s.Kind == kindDeclaration {
		path := "declaration.number"
		id := leaf(s.Document, path)
		if id == "" {
			path = "envelope.documentId"
			id = leaf(s.Document, path)
		}
		return []thing{{s, 0, 1, gateway.FoldID(id), id, path}}
	}
	if s.Kind == "VehicleReport" {
		for i, v := range vehiclesOf(s.Document) {
			if towed := v.Role == customsv1.VehicleRole_TRAILER || v.Role == customsv1.VehicleRole_CHASSIS; towed && len(all) > 0 {
				all[len(all)-1].n++
				continue
			}
			all = append(all, thing{
				s, i, 1, reconcile.Fold(reconcile.Vehicle, v.Registration), v.Registration, fmt.Sprintf("%s[%d].registration", vehicleList, i),
			})
		}
		return all
	}
	for i, c := range consignmentsOf(s.Document) {
		id := c.GetTransportDocument().GetId()
		all = append(all, thing{s, i, 1, gateway.FoldID(id), id, fmt.Sprintf("%s[%d].transportDocument.id", waybillList, i)})
	}
	return all
}

func vehiclesOf(d *customsv1.Document) []*customsv1.Vehicle {
	return d.GetVehicleReport().GetTransport().GetVehicles()
}

func consignmentsOf(d *customsv1.Document) []*customsv1.Consignment {
	if n := d.GetPreArrivalNotice(); n != nil {
		return n.Consignments
	}
	return d.GetManifest().GetConsignments()
}

// standing is a part of what is announced together, as the steps so far have left it.
type standing struct {
	name   string
	steps  []*step // that it is made of, the newest first
	things []thing
}

// stood is what steps come to.
type stood struct {
	parts     []Part         // as they now stand, the last step's first
	gone      []string       // names of parts of which the last step has left nothing
	faults    gateway.Faults // of the last step
	undecided bool           // the last step takes out a vehicle, and does not say which of several
}

// stand makes steps one after the other. Only the last one is judged: what was taken before
// holds.
func stand(steps []step) stood {
	var all []*standing
	var out stood
	for i := range steps {
		s := &steps[i]
		out.faults, out.undecided = nil, false
		at := slices.IndexFunc(all, func(st *standing) bool { return st.name == s.Name })
		if at < 0 {
			if s.does == adds {
				all = append(all, &standing{s.Name, []*step{s}, thingsOf(s)})
			} else {
				out.faults = gateway.Faults{s.nobody()}
			}
			continue
		}
		st := all[at]
		switch {
		case s.does == adds:
			out.faults = st.add(s)
		case s.named():
			out.faults = st.change(s)
		case s.does == changes:
			out.faults = st.replace(s)
		default:
			out.faults, out.undecided = st.takeOut(s)
		}
		if s.does == takesOut && len(st.things) == 0 {
			all = slices.Delete(all, at, at+1)
			if i == len(steps)-1 {
				out.gone = append(out.gone, s.Name)
			}
		}
	}
	for _, st := range all {
		parts, err := st.parts()
		if err != nil {
			out.faults = append(out.faults, fault(gateway.Internal, "", ""))
			continue
		}
		out.parts = append(out.parts, parts...)
	}
	last := steps[len(steps)-1].Submission
	slices.SortStableFunc(out.parts, func(a, b Part) int { return b2i(b.Submission == last) - b2i(a.Submission == last) })
	return out
}

// unknown is the fault that what a step acts on was announced by nobody.
func (s *step) unknown(path, id string) gateway.Fault {
	code := gateway.AmendUnknown
	if s.does == takesOut {
		code = gateway.TakeOutUnknown
	}
	return s.at(fault(code, id, ""), path)
}

// at gives a fault its place in the step's own document.
func (s *step) at(f gateway.Fault, path string) gateway.Fault {
	f.Path, f.Location, f.Place = path, s.locate(path), document.PlaceOf(s.Document, path)
	return f
}

// index is where each thing stands, by its key; of several with the same one the first.
func (st *standing) index() map[string]int {
	at := make(map[string]int, len(st.things))
	for i, t := range st.things {
		if _, ok := at[t.key]; !ok {
			at[t.key] = i
		}
	}
	return at
}

// add adds what a further document names.
func (st *standing) add(s *step) (faults gateway.Faults) {
	index := st.index()
	for _, t := range thingsOf(s) {
		if at, ok := index[t.key]; ok && (s.taken || s.anew[t.key]) {
			st.things[at] = t
			continue
		} else if ok {
			faults = append(faults, s.at(wanting(gateway.AlreadyAnnounced, t.id, gateway.WordAnnouncedUnderWay, st.things[at].of.Submission, st.things[at].of.Submission), t.path))
			continue
		}
		index[t.key] = len(st.things)
		st.things = append(st.things, t)
	}
	st.steps = append([]*step{s}, st.steps...)
	return faults
}

// change puts what a document names in the place of what was named so before.
func (st *standing) change(s *step) (faults gateway.Faults) {
	index := st.index()
	for _, t := range thingsOf(s) {
		if at, ok := index[t.key]; ok {
			st.things[at] = t
		} else {
			faults = append(faults, s.unknown(t.path, t.id))
		}
	}
	st.steps = append([]*step{s}, st.steps...)
	return faults
}

// replace puts a full version in the place of the document that it names, or of all where
// there is one.
func (st *standing) replace(s *step) gateway.Faults {
	old := slices.Clone(st.steps)
	if len(old) > 1 && s.Kind == "VehicleReport" {
		names := s.names()
		old = slices.DeleteFunc(old, func(o *step) bool { return !o.isNamed(names) })
		if len(old) == 0 {
			return gateway.Faults{s.unknown("envelope.references", s.asks.Amends)}
		}
	}
	for _, o := range old {
		if path, was, is := otherOffice(o.Document, s.Document); path != "" {
			return gateway.Faults{s.at(fault(gateway.AmendOffices, is, was), path)}
		}
	}
	st.things = slices.DeleteFunc(st.things, func(t thing) bool { return slices.Contains(old, t.of) })
	st.steps = slices.DeleteFunc(st.steps, func(o *step) bool { return slices.Contains(old, o) })
	return st.add(s)
}

// takeOut takes out what a document names, or its sender says that it means; all, where it
// names nothing and there is one thing alone, or it is a list of goods.
func (st *standing) takeOut(s *step) (faults gateway.Faults, undecided bool) {
	index, keys := st.index(), make(map[string]bool)
	vehicles := s.Kind == "VehicleReport"
	for _, t := range thingsOf(s) {
		if t.key == "" {
			continue
		}
		if _, ok := index[t.key]; !ok {
			faults = append(faults, s.unknown(t.path, t.id))
		}
		keys[t.key] = true
	}
	for _, v := range s.asks.Vehicles {
		key := reconcile.Fold(reconcile.Vehicle, v)
		if _, ok := index[key]; !ok {
			f := fault(gateway.TakeOutUnknown, v, "")
			f.Path = "vehicles"
			faults = append(faults, f)
		}
		keys[key] = true
	}
	switch {
	case len(faults) > 0:
		return faults, false
	case len(keys) == 0 && vehicles && len(st.things) > 1 && !s.asks.All:
		return nil, true
	case len(keys) == 0:
		st.things = nil
	default:
		st.things = slices.DeleteFunc(st.things, func(t thing) bool { return keys[t.key] })
	}
	if vehicles { // what else such a document says goes with its vehicles
		st.steps = slices.DeleteFunc(st.steps, func(o *step) bool {
			return !slices.ContainsFunc(st.things, func(t thing) bool { return t.of == o })
		})
	}
	return nil, false
}

// parts are the documents that what stands makes: of goods one, of vehicles each report with
// those of its own that stand, and each declaration, the oldest first.
func (st *standing) parts() (all []Part, err error) {
	if !st.steps[0].standsApart() || len(st.steps) == 1 {
		p, err := st.part()
		return []Part{p}, err
	}
	for _, s := range slices.Backward(st.steps) {
		own := slices.DeleteFunc(slices.Clone(st.things), func(t thing) bool { return t.of != s })
		if len(own) == 0 {
			continue
		}
		p, err := (&standing{st.name, []*step{s}, own}).part()
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// part is the document that what stands makes: one that stands as it came, or one made of
// several, whose values are found where they were said.
func (st *standing) part() (Part, error) {
	newest := st.steps[0]
	if len(st.steps) == 1 && newest.does == adds && len(st.things) == len(thingsOf(newest)) {
		return newest.Part, nil
	}
	docs := make([]*customsv1.Document, len(st.steps))
	for i, s := range st.steps {
		docs[i] = s.Document
	}
	steps := slices.Clone(st.steps)
	list, gathered := waybillList, []string(nil)
	if newest.Kind == "VehicleReport" {
		list, gathered = vehicleList, withVehicles
	}
	var pieces []document.Piece
	for _, t := range st.things {
		of := slices.Index(steps, t.of)
		if of < 0 { // its document was replaced in all but what it names
			of, steps, docs = len(steps), append(steps, t.of), append(docs, t.of.Document)
		}
		for i := range t.n {
			pieces = append(pieces, document.Piece{Of: of, At: t.at + i})
		}
	}
	d, origin, err := document.Compose(docs, list, pieces, gathered...)
	if err != nil {
		return Part{}, err
	}
	first := steps[len(steps)-1].Document.GetEnvelope().GetFunction()
	d.Envelope.Function = customsv1.FunctionCode_ORIGINAL
	if first == customsv1.FunctionCode_ADDITION || newest.Kind == "VehicleReport" {
		d.Envelope.Function = customsv1.FunctionCode_ADDITION
	}
	d.Envelope.References = slices.DeleteFunc(d.Envelope.References, func(r *customsv1.Reference) bool { return r.GetKind() == customsv1.ReferenceKind_CHANGED })
	from := func(path string) (Part, string) {
		i, at := origin(path)
		return steps[i].Part, at
	}
	r := &Reading{Document: d, Kind: newest.Kind, Table: newest.Table, origin: from, locate: func(path string) gateway.Location {
		p, at := from(path)
		loc := p.locate(at)
		if p.Submission != newest.Submission {
			loc.Document = p.Submission
		}
		return loc
	}}
	r.wrote = func(path, value string) string {
		p, at := from(path)
		if p.Reading.wrote == nil {
			return value
		}
		return p.Reading.wrote(at, value)
	}
	p := Part{Name: newest.Name, Submission: newest.Submission, Reading: r}
	for _, s := range slices.Backward(steps) { // the newest says it last
		if !s.Expected.IsZero() {
			p.Expected = s.Expected
		}
	}
	return p, nil
}
