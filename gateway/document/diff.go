package document

import (
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// Change is one value that a later version of a document has otherwise. Of what is there no
// more the path is the earlier version's. A value that there was not, or is no more, is empty.
type Change struct {
	Path          string
	Before, After string
	Marks         Marks
	Gone          bool          // it stands at the path in the earlier version
	Place         gateway.Place // the path in words
}

// MaxChanges bounds the changes that Diff returns.
const MaxChanges = 500

// Diff returns what a later version of a document says otherwise, in the order of the document,
// at most MaxChanges; more reports that there are others. What the envelope says of a version
// itself, its id, time, function and references, is no change. Elements of a list are the same
// where what identifies them is; else, where they stand in the same place.
func Diff(before, after *customsv1.Document) (changes []Change, more bool) {
	d := differ{}
	s := schemaOf(rootDescriptor)
	a, b := before.ProtoReflect(), after.ProtoReflect()
	for _, f := range s.fields {
		if f.Name == "envelope" || !a.Has(f.desc) && !b.Has(f.desc) {
			continue
		}
		d.message(message(a, f), message(b, f), f.sub, "", "", Marks{}.with(f).below(f))
	}
	if more = len(d.out) > MaxChanges; more {
		d.out = d.out[:MaxChanges]
	}
	for i, c := range d.out {
		if d.out[i].Place = PlaceOf(after, c.Path); c.Gone {
			d.out[i].Place = PlaceOf(before, c.Path)
		}
	}
	return d.out, more
}

// message is what a field holds; nil if it is not set.
func message(m protoreflect.Message, f *Field) protoreflect.Message {
	if m == nil || !m.Has(f.desc) {
		return nil
	}
	return m.Get(f.desc).Message()
}

type differ struct{ out []Change }

// message compares two messages of a type at their paths; one that is nil is not there.
func (d *differ) message(a, b protoreflect.Message, s *schema, at, to string, marks Marks) {
	for _, f := range s.fields {
		if len(d.out) > MaxChanges {
			return
		}
		inA, inB := a != nil && a.Has(f.desc), b != nil && b.Has(f.desc)
		if !inA && !inB {
			continue
		}
		own, pathA, pathB := marks.with(f), below(at, f.Name), below(to, f.Name)
		switch {
		case f.Repeated:
			d.list(a, b, f, pathA, pathB, own)
		case f.Type == Message:
			d.message(message(a, f), message(b, f), f.sub, pathA, pathB, own.below(f))
		default:
			var was, is string
			if inA {
				was = f.text(a.Get(f.desc))
			}
			if inB {
				is = f.text(b.Get(f.desc))
			}
			d.value(was, is, pathA, pathB, b != nil, own)
		}
	}
}

func below(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func (d *differ) value(was, is, at, to string, there bool, marks Marks) {
	switch {
	case was == is:
	case there:
		d.out = append(d.out, Change{Path: to, Before: was, After: is, Marks: marks})
	default:
		d.out = append(d.out, Change{Path: at, Before: was, After: is, Marks: marks, Gone: true})
	}
}

// list compares two lists, element by element that are the same thing.
func (d *differ) list(a, b protoreflect.Message, f *Field, at, to string, marks Marks) {
	was, is := elements(a, f), elements(b, f)
	key := keyOf(f)
	known := make(map[string][]int)
	for i, v := range was {
		k := key(v, i)
		known[k] = append(known[k], i)
	}
	taken := make([]bool, len(was))
	index := func(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
	for i, v := range is {
		k, from := key(v, i), -1
		if same := known[k]; len(same) > 0 {
			from, known[k] = same[0], same[1:]
			taken[from] = true
		}
		switch {
		case f.Type != Message && from >= 0:
			d.value(f.text(was[from]), f.text(v), index(at, from), index(to, i), true, marks)
		case f.Type != Message:
			d.value("", f.text(v), "", index(to, i), true, marks)
		case from >= 0:
			d.message(was[from].Message(), v.Message(), f.sub, index(at, from), index(to, i), marks.below(f))
		default:
			d.message(nil, v.Message(), f.sub, "", index(to, i), marks.below(f))
		}
	}
	for i, v := range was {
		switch {
		case taken[i]:
		case f.Type != Message:
			d.value(f.text(v), "", index(at, i), "", false, marks)
		default:
			d.message(v.Message(), nil, f.sub, index(at, i), "", marks.below(f))
		}
	}
}

func elements(m protoreflect.Message, f *Field) (all []protoreflect.Value) {
	if m == nil {
		return nil
	}
	l := m.Get(f.desc).List()
	for i := range l.Len() {
		all = append(all, l.Get(i))
	}
	return all
}

// keyOf tells elements of a list apart: by what identifies such a thing, a text by itself, else
// by where they stand.
func keyOf(f *Field) func(v protoreflect.Value, i int) string {
	place := func(_ protoreflect.Value, i int) string { return "\x00" + strconv.Itoa(i) }
	if f.Type != Message {
		return func(v protoreflect.Value, _ int) string { return f.text(v) }
	}
	said, ok := proto.GetExtension(f.sub.desc.Options(), customsv1.E_Thing).(*customsv1.Thing)
	if !ok || said.GetKey() == "" {
		return place
	}
	key, err := Compile(f.sub.desc, said.GetKey())
	if err != nil {
		return place
	}
	return func(v protoreflect.Value, i int) string {
		if text, ok := key.Get(v.Message()); ok {
			return text
		}
		return place(v, i)
	}
}
