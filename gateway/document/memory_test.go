package document_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
)

// TestFieldsReadAsReflectionReads: every field of every message, whatever is set in it, says by
// its offset what protobuf's reflection says.
func TestFieldsReadAsReflectionReads(t *testing.T) {
	seen := map[protoreflect.FullName]int{}
	compare := func(t rapid.TB, d *customsv1.Document) {
		visit(d.ProtoReflect(), func(m protoreflect.Message) { asReflected(t, m, seen) })
	}
	for _, kind := range document.Kinds() {
		full := documenttest.Extend(documenttest.Full(kind))
		compare(t, full)
		visit(full.ProtoReflect(), func(m protoreflect.Message) { // none of the fields, where there is no message at all
			asReflected(t, m.Type().Zero(), seen)
			asReflected(t, m.New(), seen)
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		d := documenttest.Draw(t, rapid.SampledFrom(document.Kinds()).Draw(t, "kind"), documenttest.Options{})
		visit(d.ProtoReflect(), func(m protoreflect.Message) { oddly(t, m) })
		compare(t, d)
	})
	walk := (*customsv1.Document)(nil).ProtoReflect().Descriptor().ParentFile().Messages()
	for i := range walk.Len() {
		for j := range walk.Get(i).Fields().Len() {
			f := walk.Get(i).Fields().Get(j)
			if document.FieldOf(f) != nil && seen[f.FullName()] == 0 {
				t.Errorf("%s was never set", f.FullName())
			}
		}
	}
}

// visit calls f for a message and all below it.
func visit(m protoreflect.Message, f func(protoreflect.Message)) {
	f(m)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil || document.FieldOf(fd).Type != document.Message:
		case fd.IsList():
			for i := range v.List().Len() {
				visit(v.List().Get(i).Message(), f)
			}
		default:
			visit(v.Message(), f)
		}
		return true
	})
}

// oddly sets in a message what no reader leaves there: values that are there and empty, names
// that an enum lacks, lists without elements.
func oddly(t *rapid.T, m protoreflect.Message) {
	f := m.Descriptor().Fields().Get(rapid.IntRange(0, m.Descriptor().Fields().Len()-1).Draw(t, "field"))
	switch how := rapid.IntRange(0, 5).Draw(t, "how"); {
	case f.ContainingOneof() != nil && !f.HasOptionalKeyword():
	case how == 0:
		m.Clear(f)
	case how > 2:
	case f.IsList() && f.Message() != nil:
		m.Mutable(f).List().AppendMutable()
	case f.IsList():
		m.Mutable(f).List().Append(m.Mutable(f).List().NewElement())
	case f.Kind() == protoreflect.EnumKind:
		m.Set(f, protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(-1, 40).Draw(t, "number"))))
	case f.Message() != nil:
		m.Set(f, protoreflect.ValueOfMessage(m.NewField(f).Message()))
	default:
		m.Set(f, f.Default()) // 0, false or "", which is set where presence counts
	}
}

// asReflected compares what the fields of one message say.
func asReflected(t rapid.TB, m protoreflect.Message, seen map[protoreflect.FullName]int) {
	n := document.Of(m.Interface())
	if n.IsValid() != m.IsValid() || n.Descriptor() != m.Descriptor() || n.Interface() != m.Interface() || n != document.Of(m.Interface()) {
		t.Fatalf("%s is another message", m.Descriptor().FullName())
	}
	empty := true
	for _, f := range n.Fields() {
		fd := f.Descriptor()
		if empty = empty && !m.Has(fd); f.Has(n) != m.Has(fd) || f.Kind() != (fd.ContainingOneof() != nil && !fd.HasOptionalKeyword()) {
			t.Fatalf("%s is set: %t, by reflection %t", fd.FullName(), f.Has(n), m.Has(fd))
		}
		if m.Has(fd) {
			seen[fd.FullName()]++
		}
		got, want := []any{}, []any{}
		v := m.Get(fd)
		switch {
		case f.Repeated:
			got, want = append(got, f.Len(n)), append(want, v.List().Len())
			for i := range v.List().Len() {
				if e := v.List().Get(i); f.Type == document.Message {
					got, want = append(got, f.Messages(n).At(i).Interface()), append(want, e.Message().Interface())
				} else {
					got, want = append(got, f.TextOf(n, i)), append(want, textBy(fd, e))
				}
			}
			if f.Type == document.String && len(f.Strings(n)) != v.List().Len() || f.Type == document.Message && f.Messages(n).Len() != v.List().Len() {
				t.Fatalf("%s has another length", fd.FullName())
			}
		case f.Type == document.Message:
			got, want = append(got, f.Message(n).Interface()), append(want, v.Message().Interface())
		case !m.Has(fd):
			got, want = append(got, f.Text(n)), append(want, "")
		default:
			got, want = append(got, f.Text(n)), append(want, textBy(fd, v))
			switch f.Type {
			case document.Bool:
				got, want = append(got, f.Bool(n)), append(want, v.Bool())
			case document.Uint:
				got, want = append(got, f.Uint(n)), append(want, v.Uint())
			}
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: %v, by reflection %v", fd.FullName(), got[i], want[i])
			}
		}
	}
	if n.Empty() != empty {
		t.Fatalf("%s is empty: %t", m.Descriptor().FullName(), n.Empty())
	}
}

// textBy is the text of a leaf's value by reflection.
func textBy(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch {
	case fd.Kind() == protoreflect.EnumKind:
		if d := fd.Enum().Values().ByNumber(v.Enum()); d != nil && v.Enum() != 0 {
			return string(d.Name())
		}
		return ""
	case fd.Message() != nil:
		return v.Message().Interface().(interface{ GetValue() string }).GetValue()
	}
	return v.String()
}

// TestFieldsAreWrittenAsReflectionWrites: what paths set, add and remove in a document is what
// protobuf's reflection makes of it.
func TestFieldsAreWrittenAsReflectionWrites(t *testing.T) {
	texts := map[document.FieldType][]string{
		document.String: {"A", "中"}, document.Bool: {"true", "false"}, document.Uint: {"0", "7"}, document.Decimal: {"1.5"},
		document.Instant: {"2026-03-01T08:30:00Z"}, document.Date: {"2026-03-01"},
	}
	rapid.Check(t, func(t *rapid.T) {
		d := documenttest.Draw(t, rapid.SampledFrom(document.Kinds()).Draw(t, "kind"), documenttest.Options{})
		var all []protoreflect.Message
		visit(d.ProtoReflect(), func(m protoreflect.Message) { all = append(all, m) })
		m := rapid.SampledFrom(all).Draw(t, "message")
		n, want := document.Of(m.Interface()), proto.Clone(m.Interface()).ProtoReflect()
		f := rapid.SampledFrom(n.Fields()).Draw(t, "field")
		fd := f.Descriptor()
		p, err := document.Compile(n.Descriptor(), f.Name)
		if err != nil {
			t.Fatal(err)
		}
		switch how := rapid.IntRange(0, 2).Draw(t, "how"); {
		case how == 0:
			p.Clear(n)
			want.Clear(fd)
		case how == 1 && f.Repeated && f.Len(n) > 0:
			gone := rapid.IntRange(0, f.Len(n)-1).Draw(t, "gone")
			f.Keep(n, func(i int) bool { return i != gone })
			l := want.Mutable(fd).List()
			for i := gone; i+1 < l.Len(); i++ {
				l.Set(i, l.Get(i+1))
			}
			l.Truncate(l.Len() - 1)
		case f.Type == document.Message && f.Repeated:
			made := p.Append(n)
			want.Mutable(fd).List().AppendMutable()
			if !made.IsValid() || !made.Empty() || f.Messages(n).At(f.Len(n)-1) != made {
				t.Fatal("what was added is not what is there")
			}
		case f.Type == document.Message:
			if made := p.Message(n, true); made.IsValid() {
				want.Mutable(fd)
			} else if !f.Kind() || f.Has(n) {
				t.Fatal("nothing was made")
			}
		default:
			text := rapid.SampledFrom(append(texts[f.Type], f.Enum...)).Draw(t, "text")
			if f.Repeated {
				err = p.AppendText(n, text)
			} else {
				err = p.Set(n, text)
			}
			if err != nil {
				t.Fatal(err)
			}
			setBy(want, fd, text)
		}
		if !proto.Equal(m.Interface(), want.Interface()) {
			t.Fatalf("%s: %v, by reflection %v", fd.FullName(), m, want)
		}
	})
}

// setBy sets a leaf by reflection, or adds an element to it.
func setBy(m protoreflect.Message, fd protoreflect.FieldDescriptor, text string) {
	var v protoreflect.Value
	switch fd.Kind() {
	case protoreflect.StringKind:
		v = protoreflect.ValueOfString(text)
	case protoreflect.EnumKind:
		v = protoreflect.ValueOfEnum(fd.Enum().Values().ByName(protoreflect.Name(text)).Number())
	case protoreflect.BoolKind:
		v = protoreflect.ValueOfBool(text == "true")
	case protoreflect.Uint32Kind:
		v = protoreflect.ValueOfUint32(uint32(text[0] - '0'))
	case protoreflect.Uint64Kind:
		v = protoreflect.ValueOfUint64(uint64(text[0] - '0'))
	default:
		var of protoreflect.Message
		if fd.IsList() {
			of = m.NewField(fd).List().NewElement().Message()
		} else {
			of = m.NewField(fd).Message()
		}
		of.Set(fd.Message().Fields().ByName("value"), protoreflect.ValueOfString(text))
		v = protoreflect.ValueOfMessage(of)
	}
	if fd.IsList() {
		m.Mutable(fd).List().Append(v)
	} else {
		m.Set(fd, v)
	}
}

// Of takes messages of the document alone, and a field reads those of its own message alone.
func TestNothingElseIsReadAsADocument(t *testing.T) {
	d := documenttest.Full("Manifest")
	for name, wrong := range map[string]func(){
		"a message of another kind": func() { document.Of(&customsv1.Rule{}) },
		"another message's field":   func() { document.Of(d).Fields()[0].Has(document.Body(d)) },
		"a text as a number":        func() { document.Body(d).Fields()[0].Uint(document.Body(d)) },
		"a single value as a list":  func() { document.Body(d).Fields()[0].TextOf(document.Body(d), 0) },
		"the zero node":             func() { document.Of(d).Fields()[0].Has(document.Node{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error(name + " was read")
				}
			}()
			wrong()
		}()
	}
}
