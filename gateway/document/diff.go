package document

import (
	"strconv"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// Change is one value that a later version of a document has otherwise. Of what is there no
// more the path is the earlier version's. A value that there was not, or is no more, is empty.
type Change struct {
	Path          string
	Before, After string
	Marks         Marks
	Removed       bool          // it stands at the path in the earlier version
	Place         gateway.Place // the path in words
}

// MaxChanges bounds the changes that Diff returns.
const MaxChanges = 500

// Diff returns what a later version of a document says otherwise, in the order of the document,
// at most MaxChanges; more reports that there are others. What the envelope says of a version
// itself, its id, time, function and references, is no change. Elements of a list are the same
// where what identifies them is; else, where they stand in the same place.
//
// Of extensions it knows no declaration.
func Diff(before, after *customsv1.Document) (changes []Change, more bool) {
	return DiffDeclared(before, after, nil)
}

// DiffDeclared is Diff with the marks that extensions are declared with.
func DiffDeclared(before, after *customsv1.Document, declared Declared) (changes []Change, more bool) {
	d := differ{declared: declared}
	a, b := Of(before), Of(after)
	for _, f := range rootSchema.fields {
		if f.Name == "envelope" || !f.Has(a) && !f.Has(b) {
			continue
		}
		d.message(f.Message(a), f.Message(b), "", "", Marks{}.with(f).below(f))
	}
	if more = len(d.out) > MaxChanges; more {
		d.out = d.out[:MaxChanges]
	}
	for i, c := range d.out {
		if d.out[i].Place = PlaceOf(after, c.Path); c.Removed {
			d.out[i].Place = PlaceOf(before, c.Path)
		}
	}
	return d.out, more
}

type differ struct {
	out      []Change
	declared Declared
}

// message compares two messages of a type at their paths.
func (d *differ) message(a, b Node, at, to string, marks Marks) {
	for _, f := range a.schema.fields {
		if len(d.out) > MaxChanges {
			return
		}
		if !f.Has(a) && !f.Has(b) {
			continue
		}
		own, pathA, pathB := marks.with(f), below(at, f.Name), below(to, f.Name)
		switch {
		case f.Repeated:
			d.list(a, b, f, pathA, pathB, own)
		case f.Type == Message:
			d.message(f.Message(a), f.Message(b), pathA, pathB, own.below(f))
		default:
			d.value(f.Text(a), f.Text(b), pathA, pathB, b.IsValid(), own)
		}
	}
}

func below(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func (d *differ) value(was, is, at, to string, present bool, marks Marks) {
	switch {
	case was == is:
	case present:
		d.out = append(d.out, Change{Path: to, Before: was, After: is, Marks: marks})
	default:
		d.out = append(d.out, Change{Path: at, Before: was, After: is, Marks: marks, Removed: true})
	}
}

// list compares two lists, element by element that are the same thing.
func (d *differ) list(a, b Node, f *Field, at, to string, marks Marks) {
	key := keyOf(f)
	known := make(map[string][]int)
	for i := range f.Len(a) {
		k := key(a, i)
		known[k] = append(known[k], i)
	}
	taken := make([]bool, f.Len(a))
	index := func(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
	element := func(m Node, i int) Node { return f.Messages(m).At(i) }
	none := Node{schema: f.sub}
	below := func(e Node, in string) Marks {
		if f.ext {
			return d.declared.of(marks.below(f), strings.TrimSuffix(strings.TrimSuffix(in, f.Name), "."), e)
		}
		return marks.below(f)
	}
	for i := range f.Len(b) {
		k, from := key(b, i), -1
		if same := known[k]; len(same) > 0 {
			from, known[k] = same[0], same[1:]
			taken[from] = true
		}
		switch {
		case f.Type != Message && from >= 0:
			d.value(f.TextOf(a, from), f.TextOf(b, i), index(at, from), index(to, i), true, marks)
		case f.Type != Message:
			d.value("", f.TextOf(b, i), "", index(to, i), true, marks)
		case from >= 0:
			d.message(element(a, from), element(b, i), index(at, from), index(to, i), below(element(b, i), to))
		default:
			d.message(none, element(b, i), "", index(to, i), below(element(b, i), to))
		}
	}
	for i := range taken {
		switch {
		case taken[i]:
		case f.Type != Message:
			d.value(f.TextOf(a, i), "", index(at, i), "", false, marks)
		default:
			d.message(element(a, i), none, index(at, i), "", below(element(a, i), at))
		}
	}
}

// keyOf tells elements of a list in a message apart: by what identifies such a thing, a text by
// itself, else by where they stand.
func keyOf(f *Field) func(m Node, i int) string {
	if f.Type != Message {
		return f.TextOf
	}
	key := f.sub.key()
	return func(m Node, i int) string {
		if key != nil {
			if text, ok := key.Get(f.Messages(m).At(i)); ok {
				return text
			}
		}
		return "\x00" + strconv.Itoa(i)
	}
}
