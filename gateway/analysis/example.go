package analysis

import (
	"bytes"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/schema"
)

// Example is a canonical document, the XML that a table must write for it, and what
// must come back of that; without Back it is the document itself.
type Example struct {
	Name      string
	Canonical []byte
	XML       []byte
	Back      []byte
}

// Outcome is what a table did with an example; it is right if nothing is in it.
type Outcome struct {
	Faults  gateway.Faults
	Written []OutputChange // elements: expected, got
	Read    []OutputChange // fields: expected, got
	Bytes   bool           // the values are right, and other bytes differ: order, blanks, prefixes
}

// OK reports whether the table did what the example says.
func (o Outcome) OK() bool {
	return !o.Faults.Refuse() && len(o.Written)+len(o.Read) == 0 && !o.Bytes
}

// Of returns an example that a table's file holds.
func Of(e table.TableExample) Example {
	return Example{e.Name, e.Canonical, e.XML, e.Back}
}

// Try holds a table to an example, both ways.
func Try(t *mapping.Table, e Example) (o Outcome) {
	d := document.Parse(e.Canonical)
	back := d
	if e.Back != nil {
		back = document.Parse(e.Back)
	}
	want, faults := schema.Parse(e.XML, schema.DefaultLimits)
	o.Faults = append(append(append(o.Faults, d.Faults...), back.Faults...), faults...)
	if d.Document == nil || back.Document == nil || want == nil {
		return o
	}
	encoded, _, faults := t.Encode(d.Document, false)
	o.Faults = append(o.Faults, mapping.Locate(faults, d.Locate)...)
	if got, _ := schema.Parse(encoded.Bytes(), schema.DefaultLimits); got != nil {
		o.Written = differences(texts(want, nil), texts(got, nil))
		o.Bytes = len(o.Written) == 0 && !bytes.Equal(bytes.TrimSpace(encoded.Bytes()), bytes.TrimSpace(e.XML))
	}
	decoded := t.Decode(want)
	o.Faults = append(o.Faults, decoded.Faults...)
	if decoded.Document != nil {
		o.Read = differences(leaves(back.Document), leaves(decoded.Document))
	}
	return o
}
