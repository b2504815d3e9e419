package document

import (
	"hash"
	"math/bits"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	customsv1 "customs.example/gateway/api/customs/v1"
)

// Marshal returns d as canonical JSON (RFC 8785): the same bytes for the same
// content. Unset fields are absent.
func Marshal(d *customsv1.Document) []byte {
	w := writer{buf: make([]byte, 0, chunk)}
	w.message(d.ProtoReflect(), schemaOf(rootDescriptor))
	return w.buf
}

// MarshalIndent returns d as JSON for people: fields in the schema's order, indented,
// with a newline at the end.
func MarshalIndent(d *customsv1.Document) []byte {
	w := writer{pretty: true}
	w.message(d.ProtoReflect(), schemaOf(rootDescriptor))
	return append(w.buf, '\n')
}

type writer struct {
	buf    []byte
	sum    hash.Hash // takes what is written, chunk by chunk; nil to keep all of it
	pretty bool
	depth  int
	sets   []*valueSet // one for each depth, empty between messages
}

// chunk is how many bytes a digest is made of at a time.
const chunk = 16 << 10

// valueSet holds the fields that a message has, by place in the message.
type valueSet [64]protoreflect.Value

func (w *writer) message(m protoreflect.Message, s *schema) {
	fields := s.sorted
	if w.pretty {
		fields = s.fields
	}
	for len(w.sets) <= w.depth {
		w.sets = append(w.sets, new(valueSet))
	}
	set := w.sets[w.depth]
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool { // asking for each field costs more
		set[fd.Index()] = v
		return true
	})
	w.buf = append(w.buf, '{')
	w.depth++
	first := true
	for _, f := range fields {
		i := bits.TrailingZeros64(f.bit)
		v := set[i]
		if !v.IsValid() {
			continue
		}
		set[i] = protoreflect.Value{}
		if !f.Repeated && f.Type != Message && f.text(v) == "" {
			continue
		}
		w.next(&first)
		w.buf = append(w.buf, '"')
		w.buf = append(w.buf, f.Name...)
		w.buf = append(w.buf, '"', ':')
		if w.pretty {
			w.buf = append(w.buf, ' ')
		}
		if f.Repeated {
			w.list(f, v.List())
		} else {
			w.value(f, v)
		}
	}
	w.end(first, '}')
}

func (w *writer) list(f *Field, l protoreflect.List) {
	w.buf = append(w.buf, '[')
	w.depth++
	first := true
	for i := range l.Len() {
		w.next(&first)
		w.value(f, l.Get(i))
		if w.sum != nil && len(w.buf) > chunk {
			w.sum.Write(w.buf)
			w.buf = w.buf[:0]
		}
	}
	w.end(first, ']')
}

func (w *writer) value(f *Field, v protoreflect.Value) {
	switch {
	case f.Type == Message:
		w.message(v.Message(), f.sub)
	case f.Type == Bool:
		w.buf = strconv.AppendBool(w.buf, v.Bool())
	case f.Type == Uint && !f.wide:
		w.buf = strconv.AppendUint(w.buf, v.Uint(), 10)
	default:
		w.buf = appendString(w.buf, f.text(v))
	}
}

func (w *writer) next(first *bool) {
	if !*first {
		w.buf = append(w.buf, ',')
	}
	*first = false
	w.line()
}

func (w *writer) end(empty bool, bracket byte) {
	w.depth--
	if !empty {
		w.line()
	}
	w.buf = append(w.buf, bracket)
}

func (w *writer) line() {
	if !w.pretty {
		return
	}
	w.buf = append(w.buf, '\n')
	for range w.depth {
		w.buf = append(w.buf, ' ', ' ')
	}
}

// appendString writes a JSON string with the fewest escapes, as RFC 8785 wants.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\t':
			b = append(b, '\\', 't')
		case '\n':
			b = append(b, '\\', 'n')
		case '\f':
			b = append(b, '\\', 'f')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
