package trace

import "customs.example/gateway/mapping/program"

// Spot is the element or attribute that a value was read from or written to. Two values of
// one spot have the same. The zero Spot is none.
type Spot struct {
	element any
	attr    string
}

// Value is one value of a translation, without what it costs to say where it stands.
type Value struct {
	Path   string // canonical instance path; "" for a constant
	Text   string // in the XML
	Listed bool   // a code list translated it
	Const  bool   // a constant or default of the table, not the document's value
	Spot   Spot
}

// Values calls f for each value, in the order of the translation. Where they stand [Trace.ByPath] tells.
func (t Trace) Values(f func(Value)) {
	if t.s == nil {
		return
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	for i := range t.s.records.Len() {
		r := t.s.records.at(i)
		if r.Group {
			continue
		}
		v := Value{Text: r.Text, Listed: r.ListRow != "", Const: r.Row.Job == program.Const || r.Filled, Spot: Spot{element: r.Element}}
		if r.Context.Message.IsValid() {
			v.Path = r.path()
		}
		if r.Row.Attr != nil {
			v.Spot.attr = r.Row.Attr.QName()
		}
		f(v)
	}
}
