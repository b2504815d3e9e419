package mapping

import (
	"github.com/beevik/etree"

	"customs.example/gateway/xmltree"
)

// Spot is the element or attribute that a value was read from or written to. Two values of
// one spot have the same. The zero Spot is none.
type Spot struct {
	read    *xmltree.Element
	written *etree.Element
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
	for i := range t.s.records.len() {
		r := t.s.records.at(i)
		if r.group {
			continue
		}
		v := Value{Text: r.text, Listed: r.listRow != "", Const: r.row.job == constJob || r.filled, Spot: Spot{read: r.read, written: r.written}}
		if r.context.m.IsValid() {
			v.Path = r.path()
		}
		if r.row.attr != nil {
			v.Spot.attr = r.row.attr.QName()
		}
		f(v)
	}
}
