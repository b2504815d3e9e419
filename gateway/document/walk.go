package document

import customsv1 "customs.example/gateway/api/customs/v1"

// Marks are what a field has from itself and from the fields that lead to it.
type Marks struct {
	Personal bool   // data of a person
	Price    bool   // a price, or what reveals one
	Class    string // WCO Data Model class of the message that holds the field
}

// with returns the marks of field f of a message with marks m.
func (m Marks) with(f *Field) Marks {
	m.Personal = m.Personal || f.Rule.Personal
	m.Price = m.Price || f.Rule.Price
	return m
}

// below returns the marks of the fields of f's message. A class reaches no further
// than the message it is named for; only a party's identifiers are, for the WCO,
// fields of the party itself.
func (m Marks) below(f *Field) Marks {
	if f.Rule.Class != "" || f.sub.desc.Name() != "PartyId" {
		m.Class = f.Rule.Class
	}
	return m
}

// Walk calls f for every leaf that is set, in document order, with its instance
// path, its dictionary entry, its marks and its text.
func Walk(d *customsv1.Document, f func(path string, field Field, marks Marks, text string)) {
	w := walker{}
	w.leaf = func(field *Field, text string, marks Marks) {
		if text != "" {
			f(string(w.path), *field, marks, text)
		}
	}
	w.message(Of(d), Marks{})
}

// Strings calls f for every text of the string fields that are wanted, in document order, with
// what tells its instance path.
func Strings(d *customsv1.Document, wanted func(*Field) bool, f func(text string, path func() string)) {
	w := walker{}
	path := func() string { return string(w.path) }
	w.leaf = func(field *Field, text string, _ Marks) {
		if field.Type == String && wanted(field) {
			f(text, path)
		}
	}
	w.message(Of(d), Marks{})
}

type walker struct {
	leaf func(f *Field, text string, marks Marks)
	path []byte
}

func (w *walker) message(m Node, marks Marks) {
	n := len(w.path)
	for _, f := range m.schema.fields {
		if !f.Has(m) {
			continue
		}
		w.path = appendName(w.path[:n], f)
		own := marks.with(f)
		switch {
		case !f.Repeated && f.Type == Message:
			w.message(f.Message(m), own.below(f))
		case !f.Repeated:
			w.leaf(f, f.Text(m), own)
		}
		if !f.Repeated {
			continue
		}
		at := len(w.path)
		for i := range f.Len(m) {
			if w.path = AppendIndex(w.path[:at], i); f.Type == Message {
				w.message(f.Messages(m).At(i), own.below(f))
			} else {
				w.leaf(f, f.TextOf(m, i), own)
			}
		}
	}
	w.path = w.path[:n]
}
