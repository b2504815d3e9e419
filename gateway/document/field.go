package document

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// FieldType is the type of a field's value, or of its elements.
type FieldType int

// The types. All but Message are leaves, whose values are texts in lexical form.
const (
	String FieldType = iota
	Enum
	Bool
	Uint
	Decimal
	Instant
	Date
	Message
)

var typeNames = [...]string{"string", "enum", "bool", "uint", "decimal", "instant", "date", "message"}

// String returns the type's name.
func (t FieldType) String() string { return typeNames[t] }

// Field is the dictionary entry of one field of one message.
type Field struct {
	Name     string // JSON name
	Type     FieldType
	Repeated bool
	Rule     *customsv1.Rule // never nil; MUST NOT be changed
	Enum     []string        // the names of an enum, without the unspecified one

	desc  protoreflect.FieldDescriptor
	of    *schema  // the message it is a field of
	sub   *schema  // the message it holds
	names []string // of an enum's values by number
	bit   uint64   // of the field in a set of its message's fields
	wide  bool     // 64 bits
	kind  bool     // one of the kinds of document
	ext   bool     // holds extensions

	// Where its value lies in the generated struct.
	offset    uintptr
	structure reflect.Type // of the struct's field
	pointer   bool         // to the value, or to each element
	wrapper   reflect.Type // of a kind: what the struct says that it is of this kind by

	code func(written string) (string, bool) // finds the code in a text, where people write it with more
}

// FieldOf returns the entry of a field of a message of the document, nil for a field of any
// other. It MUST NOT be changed.
func FieldOf(fd protoreflect.FieldDescriptor) *Field {
	if s := schemaOf(fd.ContainingMessage()); s != nil {
		return s.fields[fd.Index()]
	}
	return nil
}

// Descriptor returns the field's protobuf descriptor.
func (f Field) Descriptor() protoreflect.FieldDescriptor { return f.desc }

// LexicalError says that a text has not the form its field wants.
type LexicalError struct {
	Value    string
	Expected gateway.Phrase
}

// Error names the text and what was expected.
func (e *LexicalError) Error() string {
	return strconv.Quote(e.Value) + ": want " + e.Expected.String()
}

// Check reports whether text has the lexical form of a value of the field; if not,
// the error is a *LexicalError.
func (f Field) Check(text string) error {
	_, err := f.value(text)
	return err
}

// WantedOf says what the field wants of which an error is a *LexicalError.
func WantedOf(err error) gateway.Phrase {
	var lexical *LexicalError
	if errors.As(err, &lexical) {
		return lexical.Expected
	}
	return gateway.Say(gateway.WordDeclaredValue)
}

// Expected says in words what a value of the field looks like.
func (f Field) Expected() gateway.Phrase {
	switch f.Type {
	case Enum:
		return gateway.Say(gateway.WordOneOf, strings.Join(f.Enum, ", "))
	case Bool:
		return gateway.Say(gateway.WordTrueFalse)
	case Uint:
		return gateway.Say(gateway.WordWholeFromZero)
	case Decimal:
		return gateway.Say(gateway.WordPlainDecimal, aDecimal)
	case Instant:
		return gateway.Say(gateway.WordInstant, anInstant)
	case Date:
		return gateway.Say(gateway.WordDayAs, dayForm, aDay)
	case Message:
		return gateway.Say(gateway.WordObject)
	}
	return gateway.Say(gateway.WordPlainText)
}

// Examples of values, and how a day is written.
const (
	aDecimal  = "18250.5"
	anInstant = "2026-03-01T08:30:00+08:00"
	aDay      = "2026-03-01"
	dayForm   = "YYYY-MM-DD"
)

// most is the greatest whole number that the field can hold.
func (f Field) most() string {
	if f.wide {
		return strconv.FormatUint(math.MaxUint64, 10)
	}
	return strconv.FormatUint(math.MaxUint32, 10)
}

// expectedFor says what a value should look like in place of a text: that a day or a time does
// not exist, if that is all that is wrong with it.
func (f Field) expectedFor(text string) gateway.Phrase {
	layout := ""
	switch f.Type {
	case Decimal:
		if isPlain(text) { // too many of them
			return gateway.Say(gateway.WordDigitsAndDecimals, strconv.Itoa(int(f.Rule.GetDigits())), strconv.Itoa(int(f.Rule.GetFraction())))
		}
	case Uint:
		if digits(text) { // too many of them
			return gateway.Say(gateway.WordUnsigned, f.most())
		}
	case Date:
		layout = time.DateOnly
	case Instant:
		layout = "2006-01-02T15:04:05"
		text = text[:min(len(text), len(layout))]
	}
	if p, ok := Calendar(text, layout); ok {
		return p
	}
	return f.Expected()
}

// value turns a text into a value.
func (f *Field) value(text string) (leaf, error) {
	if f.Type == Decimal || f.Type == Uint {
		text = settled(text)
	}
	switch f.Type {
	case String:
		if text != "" && badCharacter(text) < 0 {
			return leaf{text: text}, nil
		}
	case Enum:
		if n := slices.Index(f.names, text); n > 0 && text != "" {
			return leaf{number: uint64(n)}, nil
		}
	case Bool:
		switch text {
		case "true":
			return leaf{number: 1}, nil
		case "false":
			return leaf{}, nil
		}
	case Uint:
		bits := 32
		if f.wide {
			bits = 64
		}
		if n, err := strconv.ParseUint(text, 10, bits); err == nil {
			return leaf{number: n}, nil
		}
	case Decimal:
		if IsNumber(text) {
			return leaf{text: text}, nil
		}
	case Instant:
		if _, err := ParseInstant(text); err == nil {
			return leaf{text: text}, nil
		}
	case Date:
		if _, err := ParseDate(text); err == nil {
			return leaf{text: text}, nil
		}
	}
	return leaf{}, &LexicalError{text, f.expectedFor(text)}
}

// badCharacter returns the place of the first thing in s that is not valid UTF-8 or
// that XML 1.0 cannot carry, -1 if there is none.
func badCharacter(s string) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if n == 1 || r == 0xFFFE || r == 0xFFFF {
			return i
		}
		i += n
	}
	return -1
}

// schema is a message of the dictionary.
type schema struct {
	desc   protoreflect.MessageDescriptor
	fields []*Field // as declared
	sorted []*Field // by name
	byName map[string]*Field

	thing     *customsv1.Thing // what people call one; nil if they do not
	key       func() *Path     // what identifies one of a list; nil if nothing does
	structure reflect.Type     // the generated struct
	unknown   uintptr          // where in it lies what the schema lacks
}

var (
	schemas    = loadSchemas()
	rootSchema = schemaOf(rootDescriptor)
	structs    = byStruct() // by the type of the generated struct
)

func schemaOf(md protoreflect.MessageDescriptor) *schema { return schemas[md.FullName()] }

func byStruct() map[reflect.Type]*schema {
	out := make(map[reflect.Type]*schema, len(schemas))
	for _, s := range schemas {
		out[s.structure] = s
	}
	return out
}

func loadSchemas() map[protoreflect.FullName]*schema {
	all := map[protoreflect.FullName]*schema{}
	var load func(md protoreflect.MessageDescriptor) *schema
	load = func(md protoreflect.MessageDescriptor) *schema {
		if s := all[md.FullName()]; s != nil {
			return s
		}
		s := &schema{desc: md, byName: map[string]*Field{}}
		all[md.FullName()] = s
		s.thing, _ = proto.GetExtension(md.Options(), customsv1.E_Thing).(*customsv1.Thing)
		s.key = sync.OnceValue(func() *Path {
			if key, err := compile(&Path{source: s.thing.GetKey(), root: s}); err == nil && s.thing.GetKey() != "" { // a test compiles each
				return key
			}
			return nil
		})
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			f := &Field{
				Name: fd.JSONName(), Type: typeOf(fd), Repeated: fd.IsList(), desc: fd, of: s, bit: 1 << i,
				Rule: proto.GetExtension(fd.Options(), customsv1.E_Rule).(*customsv1.Rule),
				wide: fd.Kind() == protoreflect.Uint64Kind,
				kind: fd.ContainingOneof() == kindOneof,
				ext:  fd.Message() != nil && fd.Message().FullName() == extensionName,
			}
			if f.Rule == nil {
				f.Rule = &customsv1.Rule{}
			}
			f.code = codeOf[LabelOf(*f)]
			switch f.Type {
			case Message:
				f.sub = load(fd.Message())
			case Enum:
				for j := range fd.Enum().Values().Len() {
					if v := fd.Enum().Values().Get(j); v.Number() > 0 {
						f.Enum = append(f.Enum, string(v.Name()))
						f.names = append(f.names, make([]string, max(0, int(v.Number())+1-len(f.names)))...)
						f.names[v.Number()] = string(v.Name())
					}
				}
			}
			s.fields = append(s.fields, f)
			s.byName[f.Name] = f
		}
		s.sorted = slices.SortedFunc(slices.Values(s.fields), func(a, b *Field) int { return strings.Compare(a.Name, b.Name) })
		return s
	}
	load(rootDescriptor).lay(reflect.TypeFor[customsv1.Document]())
	return all
}

func typeOf(fd protoreflect.FieldDescriptor) FieldType {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return String
	case protoreflect.EnumKind:
		return Enum
	case protoreflect.BoolKind:
		return Bool
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return Uint
	case protoreflect.MessageKind:
		switch fd.Message().Name() {
		case "Decimal":
			return Decimal
		case "Instant":
			return Instant
		case "Date":
			return Date
		}
		return Message
	}
	panic("document: no field type for " + string(fd.FullName()))
}

// names returns the fields' names, as declared.
func (s *schema) names() []string {
	out := make([]string, len(s.fields))
	for i, f := range s.fields {
		out[i] = f.Name
	}
	return out
}

// nearest returns the name that takes the fewest edits to make from s.
func nearest(s string, names []string) string {
	return strings.Join(Nearest(s, names, 1), "")
}

// Nearest returns the names most like s, the likest first.
func Nearest(s string, names []string, most int) []string {
	if len(s) > 64 {
		s = s[:64]
	}
	distance := make(map[string]int, len(names))
	for _, n := range names {
		distance[n] = edits(strings.ToLower(s), strings.ToLower(n))
	}
	out := slices.Clone(names)
	slices.SortStableFunc(out, func(a, b string) int { return distance[a] - distance[b] })
	return out[:min(most, len(out))]
}

func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// LabelOf is the key of a field's label: Message.field. Extensions are called so wherever they stand.
func LabelOf(f Field) string {
	if f.ext {
		return "Extension." + f.Name
	}
	return string(f.desc.Parent().Name()) + "." + f.Name
}
