package document

import (
	"hash"
	"strconv"

	customsv1 "customs.example/gateway/api/customs/v1"
)

// Marshal returns d as canonical JSON (RFC 8785): the same bytes for the same
// content. Unset fields are absent.
func Marshal(d *customsv1.Document) []byte {
	w := writer{buf: make([]byte, 0, chunk)}
	w.message(Of(d))
	return w.buf
}

// MarshalIndent returns d as JSON for people: fields in the schema's order, indented,
// with a newline at the end.
func MarshalIndent(d *customsv1.Document) []byte {
	w := writer{pretty: true}
	w.message(Of(d))
	return append(w.buf, '\n')
}

type writer struct {
	buf    []byte
	sum    hash.Hash // takes what is written, chunk by chunk; nil to keep all of it
	pretty bool
	depth  int
}

// chunk is how many bytes a digest is made of at a time.
const chunk = 16 << 10

func (w *writer) message(m Node) {
	fields := m.schema.sorted
	if w.pretty {
		fields = m.schema.fields
	}
	w.buf = append(w.buf, '{')
	w.depth++
	first := true
	for _, f := range fields {
		text := ""
		if f.Repeated || f.Type == Message || f.Type == Uint {
			if !f.Has(m) {
				continue
			}
		} else if text = f.Text(m); text == "" {
			continue
		}
		w.next(&first)
		w.buf = append(w.buf, '"')
		w.buf = append(w.buf, f.Name...)
		w.buf = append(w.buf, '"', ':')
		if w.pretty {
			w.buf = append(w.buf, ' ')
		}
		switch {
		case f.Repeated:
			w.list(f, m)
		case f.Type == Message:
			w.message(f.Message(m))
		case f.Type == Uint:
			w.number(f.Uint(m), f.wide)
		case f.decimal(m).GetSpelling() != "":
			w.spelled(text, f.decimal(m).Spelling)
		default:
			w.leaf(f, text)
		}
	}
	w.end(first, '}')
}

func (w *writer) list(f *Field, m Node) {
	w.buf = append(w.buf, '[')
	w.depth++
	first := true
	for i := range f.Len(m) {
		w.next(&first)
		if f.Type == Message {
			w.message(f.Messages(m).At(i))
		} else {
			w.leaf(f, f.TextOf(m, i))
		}
		if w.sum != nil && len(w.buf) > chunk {
			w.sum.Write(w.buf)
			w.buf = w.buf[:0]
		}
	}
	w.end(first, ']')
}

func (w *writer) leaf(f *Field, text string) {
	if f.Type == Bool {
		w.buf = append(w.buf, text...)
	} else {
		w.buf = appendString(w.buf, text)
	}
}

// number writes a number, one of 64 bits as a string.
func (w *writer) number(n uint64, quoted bool) {
	if quoted {
		w.buf = append(strconv.AppendUint(append(w.buf, '"'), n, 10), '"')
	} else {
		w.buf = strconv.AppendUint(w.buf, n, 10)
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
