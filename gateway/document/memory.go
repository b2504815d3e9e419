package document

import (
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	customsv1 "customs.example/gateway/api/customs/v1"
)

// This file alone knows how the generated structs lie in memory: a field is found by its
// offset, which Go itself says when the program starts. What it hands out is safe: a Node is
// made only of a generated message, and a Field reads only nodes of its own message's type.

// Node is a message of a canonical document, by reference. One that is not there reads as an
// empty one, and MUST NOT be written to. The zero Node is of no type: nothing is asked of it
// but IsValid. Two are equal if they are the same message, not if they say the same.
type Node struct {
	schema *schema
	at     unsafe.Pointer // the generated struct; nil if it is not there
}

// Of returns a generated message of the canonical document, be it the Document itself, as a
// Node. It panics for any other message.
func Of(m proto.Message) Node {
	if d, ok := m.(*customsv1.Document); ok {
		return Node{rootSchema, unsafe.Pointer(d)}
	}
	v := reflect.ValueOf(m)
	s := structs[v.Type().Elem()]
	if s == nil {
		panic("document: " + v.Type().String() + " is no message of the document")
	}
	return Node{s, v.UnsafePointer()}
}

// IsValid reports whether the message is there.
func (m Node) IsValid() bool { return m.at != nil }

// Interface returns the generated message.
func (m Node) Interface() proto.Message {
	return reflect.NewAt(m.schema.structure, m.at).Interface().(proto.Message)
}

// Descriptor returns the message's type.
func (m Node) Descriptor() protoreflect.MessageDescriptor { return m.schema.desc }

// Empty reports whether none of the message's fields is set.
func (m Node) Empty() bool {
	for _, f := range m.schema.fields {
		if f.Has(m) {
			return false
		}
	}
	return true
}

// Fields returns the entries of the message's fields, as declared. They MUST NOT be changed.
func (m Node) Fields() []*Field { return m.schema.fields }

// ForgetUnknown removes what a newer schema's writer may have set in the message.
func (m Node) ForgetUnknown() { *(*[]byte)(unsafe.Add(m.at, m.schema.unknown)) = nil }

// List are the messages of a repeated field.
type List struct {
	schema *schema
	at     []unsafe.Pointer
}

// Len returns how many there are.
func (l List) Len() int { return len(l.at) }

// At returns one of them, from 0.
func (l List) At(i int) Node { return Node{l.schema, l.at[i]} }

// place is where the field's value lies in a message; nil if the message is not there, or the
// document is of another kind.
func (f *Field) place(m Node) unsafe.Pointer {
	if m.schema != f.of {
		panic("document: " + f.Name + " is no field of the message")
	}
	switch {
	case m.at == nil:
		return nil
	case f.kind:
		return f.within((*customsv1.Document)(m.at))
	}
	return unsafe.Add(m.at, f.offset)
}

// within is the place in what says the kind of a document, a struct of this one field.
func (f *Field) within(d *customsv1.Document) unsafe.Pointer {
	if d.Kind == nil || reflect.TypeOf(d.Kind) != f.wrapper {
		return nil
	}
	return reflect.ValueOf(d.Kind).UnsafePointer()
}

// Has reports whether the field is set in a message of its type.
func (f *Field) Has(m Node) bool {
	at := f.place(m)
	switch {
	case at == nil:
		return false
	case f.kind:
		return true
	case f.Repeated:
		return len(*(*[]struct{})(at)) > 0
	case f.pointer:
		return *(*unsafe.Pointer)(at) != nil
	}
	switch f.Type {
	case String:
		return *(*string)(at) != ""
	case Enum:
		return *(*int32)(at) != 0
	case Bool:
		return *(*bool)(at)
	}
	return f.uint(at) != 0
}

// Text returns the text of a single leaf, "" if it is not set.
func (f *Field) Text(m Node) string {
	if at := f.place(m); at != nil && !f.Repeated {
		return f.textAt(at)
	}
	return ""
}

func (f *Field) textAt(at unsafe.Pointer) string {
	if f.Type == String {
		return *(*string)(at)
	}
	if f.pointer {
		if at = *(*unsafe.Pointer)(at); at == nil {
			return ""
		}
	}
	switch f.Type {
	case Enum:
		return f.enum(*(*int32)(at))
	case Bool:
		if *(*bool)(at) {
			return "true"
		} else if f.pointer {
			return "false"
		}
	case Uint:
		if n := f.uint(at); n != 0 || f.pointer {
			return strconv.FormatUint(n, 10)
		}
	case Decimal:
		return (*customsv1.Decimal)(at).Value
	case Instant:
		return (*customsv1.Instant)(at).Value
	case Date:
		return (*customsv1.Date)(at).Value
	}
	return ""
}

// decimal is what a single decimal holds, nil if it is not set or the field is another one.
func (f *Field) decimal(m Node) *customsv1.Decimal {
	at := f.place(m)
	if at == nil || f.Type != Decimal || f.Repeated {
		return nil
	}
	return *(**customsv1.Decimal)(at)
}

// enum is a value's name, "" for the unspecified one and for one that the schema lacks.
func (f *Field) enum(n int32) string {
	if n < 0 || int(n) >= len(f.names) {
		return ""
	}
	return f.names[n]
}

func (f *Field) uint(at unsafe.Pointer) uint64 {
	if f.wide {
		return *(*uint64)(at)
	}
	return uint64(*(*uint32)(at))
}

// Bool returns the value of a single bool, false if it is not set.
func (f *Field) Bool(m Node) bool {
	f.must(Bool)
	at := f.place(m)
	if at != nil && f.pointer {
		at = *(*unsafe.Pointer)(at)
	}
	return at != nil && *(*bool)(at)
}

// Uint returns the value of a single uint, 0 if it is not set.
func (f *Field) Uint(m Node) uint64 {
	f.must(Uint)
	at := f.place(m)
	if at != nil && f.pointer {
		at = *(*unsafe.Pointer)(at)
	}
	if at == nil {
		return 0
	}
	return f.uint(at)
}

// Message returns what a single field holds, a message that is not there if it is not set.
func (f *Field) Message(m Node) Node {
	f.must(Message)
	out := Node{schema: f.sub}
	if at := f.place(m); at != nil && !f.Repeated {
		out.at = *(*unsafe.Pointer)(at)
	}
	return out
}

// Messages returns the messages of a repeated field.
func (f *Field) Messages(m Node) List {
	f.must(Message)
	out := List{schema: f.sub}
	if at := f.place(m); at != nil && f.Repeated {
		out.at = *(*[]unsafe.Pointer)(at)
	}
	return out
}

// Strings returns the texts of a repeated string field. They MUST NOT be changed.
func (f *Field) Strings(m Node) []string {
	f.must(String)
	if at := f.place(m); at != nil && f.Repeated {
		return *(*[]string)(at)
	}
	return nil
}

func (f *Field) must(t FieldType) {
	if f.Type != t {
		panic("document: " + f.Name + " is a " + f.Type.String())
	}
}

// Len returns how many elements a repeated field has.
func (f *Field) Len(m Node) int {
	if at := f.place(m); at != nil && f.Repeated {
		return len(*(*[]struct{})(at))
	}
	return 0
}

// TextOf returns the text of an element of a repeated leaf, from 0.
func (f *Field) TextOf(m Node, i int) string {
	at := f.place(m)
	switch {
	case !f.Repeated:
		panic("document: " + f.Name + " is no list")
	case at == nil:
		return ""
	}
	switch f.Type {
	case String:
		return (*(*[]string)(at))[i]
	case Enum:
		return f.enum((*(*[]int32)(at))[i])
	case Decimal, Instant, Date:
		return f.textAt(unsafe.Pointer(&(*(*[]unsafe.Pointer)(at))[i]))
	}
	return ""
}

// leaf is the value of a leaf: a number for an enum, a bool and a uint.
type leaf struct {
	text     string
	number   uint64
	spelling string // of a decimal, where it is kept
}

// set sets a single leaf of a message that is there.
func (f *Field) set(m Node, v leaf) {
	at := f.place(m)
	switch f.Type {
	case String:
		*(*string)(at) = v.text
	case Decimal, Instant, Date:
		*(*unsafe.Pointer)(at) = f.wrapped(v)
	case Enum:
		*(*int32)(at) = int32(v.number)
	case Bool:
		if is := v.number != 0; f.pointer {
			*(**bool)(at) = &is
		} else {
			*(*bool)(at) = is
		}
	case Uint:
		switch n := v.number; {
		case f.wide && f.pointer:
			*(**uint64)(at) = &n
		case f.wide:
			*(*uint64)(at) = n
		case f.pointer:
			short := uint32(n)
			*(**uint32)(at) = &short
		default:
			*(*uint32)(at) = uint32(n)
		}
	}
}

// wrapped makes the message that holds the text of a decimal, an instant or a date.
func (f *Field) wrapped(v leaf) unsafe.Pointer {
	switch f.Type {
	case Decimal:
		return unsafe.Pointer(&customsv1.Decimal{Value: v.text, Spelling: v.spelling})
	case Instant:
		return unsafe.Pointer(&customsv1.Instant{Value: v.text})
	}
	return unsafe.Pointer(&customsv1.Date{Value: v.text})
}

// setOf sets an element of a repeated leaf, or adds it behind the last.
func (f *Field) setOf(m Node, i int, v leaf) {
	at := f.place(m)
	switch f.Type {
	case String:
		setOrAdd((*[]string)(at), i, v.text)
	case Enum:
		setOrAdd((*[]int32)(at), i, int32(v.number))
	case Decimal, Instant, Date:
		setOrAdd((*[]unsafe.Pointer)(at), i, f.wrapped(v))
	}
}

func setOrAdd[T any](list *[]T, i int, v T) {
	if i < len(*list) {
		(*list)[i] = v
	} else {
		*list = append(*list, v)
	}
}

// create returns what a single field holds, made if need be. It is not valid where that would
// change a document's kind.
func (f *Field) create(m Node) Node {
	at := f.place(m)
	if f.kind {
		d := (*customsv1.Document)(m.at)
		if at == nil && d.Kind != nil {
			return Node{}
		}
		if at == nil {
			d.ProtoReflect().Mutable(f.desc)
			at = f.within(d)
		}
	}
	held := (*unsafe.Pointer)(at)
	if *held == nil {
		*held = f.sub.make()
	}
	return Node{f.sub, *held}
}

// add adds a message to a repeated field.
func (f *Field) add(m Node) Node {
	f.must(Message)
	list, made := (*[]unsafe.Pointer)(f.place(m)), f.sub.make()
	*list = append(*list, made)
	return Node{f.sub, made}
}

// take gives a message the field's value of another, which MUST NOT be written to any more.
func (f *Field) take(m, from Node) {
	reflect.NewAt(f.structure, f.place(m)).Elem().Set(reflect.NewAt(f.structure, f.place(from)).Elem())
}

// Clear removes the field's value from a message.
func (f *Field) Clear(m Node) {
	switch at := f.place(m); {
	case at == nil:
	case f.kind:
		(*customsv1.Document)(m.at).Kind = nil
	default:
		reflect.NewAt(f.structure, at).Elem().SetZero()
	}
}

// Kind reports whether the field is one of the kinds of document.
func (f *Field) Kind() bool { return f.kind }

// Keep leaves those elements in a repeated field that are to stay, by their place from 0.
func (f *Field) Keep(m Node, stays func(i int) bool) {
	at := f.place(m)
	switch {
	case at == nil || !f.Repeated:
	case f.Type == String:
		keep((*[]string)(at), stays)
	case f.Type == Enum:
		keep((*[]int32)(at), stays)
	default:
		keep((*[]unsafe.Pointer)(at), stays)
	}
}

func keep[T any](list *[]T, stays func(int) bool) {
	kept := 0
	for i, v := range *list {
		if stays(i) {
			(*list)[kept] = v
			kept++
		}
	}
	clear((*list)[kept:])
	*list = (*list)[:kept]
}

// make makes a message.
func (s *schema) make() unsafe.Pointer { return reflect.New(s.structure).UnsafePointer() }

// lay finds the fields of a schema in its generated struct. It panics if they do not lie there as
// this file reads them: then the generator has changed.
func (s *schema) lay(structure reflect.Type) {
	s.structure = structure
	unknown, ok := structure.FieldByName("unknownFields")
	if !ok || unknown.Type.Kind() != reflect.Slice || unknown.Type.Elem().Kind() != reflect.Uint8 {
		panic("document: " + structure.String() + " has no unknown fields")
	}
	s.unknown = unknown.Offset
	numbered := make(map[string]reflect.StructField)
	for i := range structure.NumField() {
		if tag := strings.Split(structure.Field(i).Tag.Get("protobuf"), ","); len(tag) > 1 {
			numbered[tag[1]] = structure.Field(i)
		}
	}
	for _, f := range s.fields {
		at, ok := numbered[strconv.Itoa(int(f.desc.Number()))]
		if f.kind {
			var d customsv1.Document
			d.ProtoReflect().Mutable(f.desc)
			f.wrapper = reflect.TypeOf(d.Kind)
			at, ok = f.wrapper.Elem().Field(0), f.wrapper.Elem().NumField() == 1
		}
		t := at.Type
		if f.offset, f.structure = at.Offset, t; ok && f.Repeated {
			ok, t = t.Kind() == reflect.Slice, t.Elem()
		}
		if f.pointer = ok && t.Kind() == reflect.Pointer; f.pointer {
			t = t.Elem()
		}
		wanted := map[FieldType]reflect.Kind{String: reflect.String, Enum: reflect.Int32, Bool: reflect.Bool, Uint: reflect.Uint32}[f.Type]
		switch {
		case f.wide:
			wanted = reflect.Uint64
		case f.Type >= Decimal:
			wanted = reflect.Struct
		}
		if !ok || t.Kind() != wanted || f.pointer != (f.Type >= Decimal || f.desc.HasOptionalKeyword()) || f.pointer && f.Type == String ||
			f.Repeated && (f.Type == Bool || f.Type == Uint) || f.kind && f.offset != 0 {
			panic("document: " + string(f.desc.FullName()) + " is a " + at.Type.String())
		}
		if f.sub != nil && f.sub.structure == nil {
			f.sub.lay(t)
		}
	}
}
