package document

import (
	"cmp"

	customsv1 "customs.example/gateway/api/customs/v1"
)

// Marks are what a field has from itself and from the fields that lead to it.
type Marks struct {
	Personal bool   // data of a person
	Price    bool   // a price, or what reveals one
	Class    string // WCO Data Model class of the message that holds the field

	// Extension is the key of the extension that the field is of, see [Key]; "" if it is of none. The
	// other marks are then those of what it stands in, and of its declaration.
	Extension string
}

// Declared says which marks an extension has by its declaration, by its key. Nil knows none: then all
// of them are data of persons, and prices, as one that is not declared is.
type Declared func(key string) (personal, price bool)

// of returns the marks of an element of a list of extensions that stands at a key, "" where it
// stands in a message at a path.
func (is Declared) of(m Marks, at string, e Node) Marks {
	m.Extension = Key(cmp.Or(m.Extension, at), e.Interface().(*customsv1.Extension).GetName())
	personal, price := true, true
	if is != nil {
		personal, price = is(m.Extension)
	}
	m.Personal, m.Price = m.Personal || personal, m.Price || price
	return m
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
// path, its dictionary entry, its marks and its text. Of extensions it knows no declaration.
func Walk(d *customsv1.Document, f func(path string, field Field, marks Marks, text string)) {
	WalkDeclared(d, nil, f)
}

// WalkDeclared is Walk with the marks that extensions are declared with.
func WalkDeclared(d *customsv1.Document, declared Declared, f func(path string, field Field, marks Marks, text string)) {
	w := walker{declared: declared}
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
	leaf     func(f *Field, text string, marks Marks)
	declared Declared
	path     []byte
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
				below, e := own.below(f), f.Messages(m).At(i)
				if f.ext {
					below = w.declared.of(below, string(w.path[:n]), e)
				}
				w.message(e, below)
			} else {
				w.leaf(f, f.TextOf(m, i), own)
			}
		}
	}
	w.path = w.path[:n]
}
