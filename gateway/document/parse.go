package document

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/pace"
)

// maxFaults is how many faults are collected before reading stops.
const maxFaults = 1000

// Parsed is a document read from JSON.
type Parsed struct {
	// Document is what could be read; nil if the bytes are no JSON object or hold no
	// kind of content. With faults it is incomplete.
	Document *customsv1.Document
	Faults   gateway.Faults

	raw   []byte
	index func() map[string]int
}

// Parse reads canonical JSON, in any order of fields and with any white space, and
// collects every fault; what is read otherwise than it is written is told by warnings, behind
// the faults. It keeps raw, which MUST NOT change while the result is used.
// Lengths, digits, lists, languages and what must be present are not judged here.
func Parse(raw []byte) *Parsed { return parse(pace.Endless(), raw) }

// ParseWhile is Parse for as long as the steps go on. It returns the error of what ended
// them, and then nothing of the document.
func ParseWhile(steps *pace.Steps, raw []byte) (*Parsed, error) {
	p := parse(steps, raw)
	if err := steps.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func parse(steps *pace.Steps, raw []byte) *Parsed {
	p := &Parsed{raw: raw}
	p.index = sync.OnceValue(func() map[string]int { return lines(raw) })
	r := reader{scanner: scanner{raw: raw, steps: steps}, line: 1}
	p.Document = r.document()
	p.Faults = append(r.faults, r.warnings...)
	return p
}

// Locate returns the JSON pointer and line of what stands at an instance path, or of
// its nearest ancestor that is there.
func (p *Parsed) Locate(instancePath string) gateway.Location {
	pointer := p.pointer(instancePath)
	index := p.index()
	for {
		if line := index[pointer]; line > 0 || pointer == "" {
			return gateway.Location{Expr: pointer, Line: max(line, 1)}
		}
		pointer = pointer[:strings.LastIndexByte(pointer, '/')]
	}
}

// pointer turns an instance path into a JSON pointer.
func (p *Parsed) pointer(path string) string {
	var b strings.Builder
	if path != "envelope" && !strings.HasPrefix(path, "envelope.") && p.Document != nil {
		b.WriteByte('/')
		b.WriteString(kindOf(Of(p.Document)).Name)
	}
	if path != "" {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(path))
	}
	return b.String()
}

// maxName is longer than the name of any field.
const maxName = 100

// lines maps the pointer of every value to its line.
func lines(raw []byte) map[string]int {
	index := map[string]int{}
	s := scanner{raw: raw, steps: pace.Endless(), pos: len(raw) - len(bytes.TrimPrefix(raw, byteOrderMark))}
	line, counted := 1, 0
	var pointer []byte
	note := func() {
		line += bytes.Count(raw[counted:s.pos], []byte("\n"))
		counted = s.pos
		if _, twice := index[string(pointer)]; !twice {
			index[string(pointer)] = line
		}
	}
	var value func()
	value = func() {
		c := s.peek()
		note()
		n := len(pointer)
		switch c {
		case '{':
			s.members(func(key []byte, _ int) {
				if len(key) > maxName {
					s.skip() // no field has such a name, and each value within would repeat it
					return
				}
				pointer = append(append(pointer[:n], '/'), escapePointer(string(key))...)
				value()
			})
		case '[':
			s.elements(func(i int) {
				pointer = strconv.AppendInt(append(pointer[:n], '/'), int64(i), 10)
				value()
			})
		default:
			s.skip()
		}
		pointer = pointer[:n]
	}
	value()
	return index
}

var byteOrderMark = []byte("\xEF\xBB\xBF")

func escapePointer(s string) string {
	if !strings.ContainsAny(s, "~/") {
		return s
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

// reader builds a document from JSON. The frames say where it stands.
type reader struct {
	scanner
	frames   []frame
	faults   gateway.Faults
	warnings gateway.Faults // warnings, as many as faults at most

	lineAt, line int // a place and its line, to count on from
}

type frame struct {
	field *Field
	index int // in a repeated field, else -1
}

func (r *reader) document() *customsv1.Document {
	r.pos = len(r.raw) - len(bytes.TrimPrefix(r.raw, byteOrderMark))
	switch c := r.peek(); {
	case r.pos == len(r.raw):
		r.fault(gateway.JSONEmpty, r.pos, "", gateway.Say(gateway.WordJSONObject))
		return nil
	case c != '{':
		r.fault(gateway.NotJSON, r.pos, r.excerpt(r.pos), gateway.Say(gateway.WordJSONObject))
		return nil
	}
	start := r.pos
	d := &customsv1.Document{}
	r.object(Of(d))
	if r.bad == nil && r.peek() != 0 || r.pos < len(r.raw) {
		r.fault(gateway.JSONTrailing, r.pos, r.excerpt(r.pos), gateway.Say(gateway.WordEndOfDocument))
	}
	if r.bad != nil {
		r.frames = r.frames[:0]
		if r.bad.code != gateway.JSONTooManyFaults {
			r.faults = append(r.faults, r.located(r.bad.code, r.bad.at, r.excerpt(r.bad.at), r.bad.expected))
		}
		return nil
	}
	if d.Kind == nil {
		if !r.kindSeen() {
			r.fault(gateway.JSONNoKind, start, "", gateway.Say(gateway.WordOneOf, strings.Join(kindNames(), ", ")))
		}
		return nil
	}
	return d
}

// kindSeen reports whether a fault already says that a kind could not be read.
func (r *reader) kindSeen() bool {
	kinds := kindNames()
	return slices.ContainsFunc(r.faults, func(f gateway.Fault) bool {
		return slices.Contains(kinds, strings.TrimPrefix(f.Location.Expr, "/"))
	})
}

func kindNames() []string {
	var out []string
	for _, f := range rootSchema.fields {
		if f.kind {
			out = append(out, f.Name)
		}
	}
	return out
}

// object reads the fields of m.
func (r *reader) object(m Node) {
	s := m.schema
	var seen uint64
	r.members(func(key []byte, at int) {
		f := s.byName[string(key)]
		if f == nil {
			name := gateway.Clip(strings.ToValidUTF8(string(key[:min(len(key), 4*gateway.MaxValue)]), "\uFFFD"))
			r.at(&Field{Name: name}, func() {
				r.fault(gateway.JSONUnknownField, at, name, gateway.Term(nearest(name, s.names())))
			})
			r.skip()
			return
		}
		r.at(f, func() {
			if seen&f.bit != 0 {
				r.fault(gateway.JSONDuplicateKey, at, f.Name, gateway.Say(gateway.WordStandingOnce, f.Name))
				r.skip()
				return
			}
			seen |= f.bit
			into := m
			if f.ext && r.extensions() > MaxExtensionDepth {
				r.fault(gateway.ExtensionDepth, at, "", gateway.Term(strconv.Itoa(MaxExtensionDepth)))
				r.skip()
				return
			}
			if f.kind {
				if is := kindOf(m); is != nil {
					r.fault(gateway.JSONTwoKinds, at, f.Name, gateway.Term(is.Name))
					into = Node{s, s.make()}
				}
			}
			r.field(into, f)
		})
	})
}

// extensions counts the lists of extensions around what is read.
func (r *reader) extensions() (n int) {
	for _, f := range r.frames {
		if f.field.ext {
			n++
		}
	}
	return n
}

// at runs do one frame deeper.
func (r *reader) at(f *Field, do func()) {
	r.frames = append(r.frames, frame{f, -1})
	do()
	r.frames = r.frames[:len(r.frames)-1]
}

func (r *reader) field(m Node, f *Field) {
	if !f.Repeated {
		if f.Type == Message {
			if r.opens(f) {
				r.object(f.create(m))
			}
		} else if v, ok := r.leaf(f); ok {
			f.set(m, v)
		}
		return
	}
	start := r.pos
	if c := r.peek(); c != '[' {
		r.mistyped(c, gateway.Say(gateway.WordJSONArray))
		return
	}
	limit := int(f.Rule.Items)
	count := 0
	top := len(r.frames) - 1
	r.elements(func(i int) {
		if count++; count > limit {
			r.skip()
			return
		}
		r.frames[top].index = i
		if f.Type == Message {
			if e := f.add(m); r.opens(f) { // else it keeps the positions of those that follow
				r.object(e)
			}
		} else if v, ok := r.leaf(f); ok {
			f.setOf(m, f.Len(m), v)
		}
	})
	r.frames[top].index = -1
	if count > limit {
		r.fault(gateway.JSONItems, start, strconv.Itoa(count), gateway.Term(strconv.Itoa(limit)))
	}
}

// opens reports whether an object begins here; if not, the value is a fault and read past.
func (r *reader) opens(f *Field) bool {
	c := r.peek()
	if c == '{' {
		return true
	}
	r.mistyped(c, f.Expected())
	return false
}

var leafCodes = map[FieldType]gateway.Code{
	Enum: gateway.JSONEnum, Uint: gateway.JSONUnsigned,
	Decimal: gateway.JSONDecimal, Instant: gateway.JSONInstant, Date: gateway.JSONDate,
}

// leaf reads a value of a leaf's type.
func (r *reader) leaf(f *Field) (leaf, bool) {
	c := r.peek()
	start := r.pos
	number := c == '-' || c >= '0' && c <= '9'
	var text string
	switch {
	case f.Type == Bool && (c == 't' || c == 'f'), f.Type == Uint && number:
		text = string(r.word())
	case c == '"' && f.Type != Bool && (f.Type != Uint || f.wide):
		raw, code := r.text()
		if code != "" {
			r.fault(code, start, strings.ToValidUTF8(string(raw[:min(len(raw), 4*gateway.MaxValue)]), "\uFFFD"), f.Expected())
			return leaf{}, false
		}
		if text = string(raw); f.Type == String {
			text = r.read(f, start, text)
		}
		if text == "" && r.bad == nil {
			r.fault(gateway.JSONEmptyString, start, string(raw), f.Expected())
			return leaf{}, false
		}
	case c == '{' && f.Type == Decimal && !f.Repeated:
		return r.spelled(f)
	default:
		r.mistyped(c, jsonForm(f))
		return leaf{}, false
	}
	if r.bad != nil {
		return leaf{}, false
	}
	v, err := f.value(text)
	if err != nil {
		r.fault(leafCodes[f.Type], start, text, f.expectedFor(text))
		return v, false
	}
	return v, true
}

// read reads the text of a string as people see and mean it, and tells where that is
// otherwise than it is written.
func (r *reader) read(f *Field, at int, written string) string {
	text, warnings := Legible(written, f.Prose())
	if text == "" || r.bad != nil {
		return text
	}
	text, more := f.Read(text)
	for _, t := range MergeWarnings(warnings, more) {
		if len(r.warnings) < maxFaults {
			place := r.located(t.Code, at, "", t.Expected)
			t.Path, t.Location = place.Path, place.Location
			r.warnings = append(r.warnings, t)
		}
	}
	return text
}

// jsonForm says which JSON type a leaf wants.
func jsonForm(f *Field) gateway.Phrase {
	switch f.Type {
	case Uint:
		if f.wide {
			return gateway.Say(gateway.WordQuotedWhole)
		}
	case Enum:
		return gateway.Say(gateway.WordQuotedOneOf, strings.Join(f.Enum, ", "))
	case Decimal:
		return gateway.Say(gateway.WordQuotedDecimal, aDecimal)
	case Instant:
		return gateway.Say(gateway.WordQuotedInstant, anInstant)
	case Date:
		return gateway.Say(gateway.WordQuotedDay, dayForm, aDay)
	case String:
		return gateway.Say(gateway.WordQuotedText)
	}
	return f.Expected()
}

// mistyped reads past a value of the wrong type and makes it a fault.
func (r *reader) mistyped(c byte, expected gateway.Phrase) {
	start := r.pos
	faults := len(r.faults)
	code, value := gateway.JSONType, r.excerpt(start)
	var found gateway.Phrase
	switch c {
	case 'n':
		code = gateway.JSONNull
	case '{':
		value, found = "", gateway.Say(gateway.WordObject)
	case '[':
		value, found = "", gateway.Say(gateway.WordJSONArray)
	}
	r.skip()
	if r.bad == nil && faults == len(r.faults) {
		if r.fault(code, start, value, expected); !found.IsZero() {
			r.faults[faults].Found = found
		}
	}
}

// excerpt returns the scalar at a place as it is written, cut short.
func (r *reader) excerpt(at int) string {
	b := r.raw[at:min(len(r.raw), at+4*gateway.MaxValue)]
	if i := bytes.IndexAny(b, ",}]\r\n"); i > 0 && b[0] != '"' {
		b = b[:i]
	} else if len(b) > 0 && b[0] == '"' {
		if i := bytes.IndexByte(b[1:], '"'); i >= 0 {
			b = b[:i+2]
		}
	}
	return gateway.Clip(strings.ToValidUTF8(string(b), "\uFFFD"))
}

// fault adds a fault at a place; one too many ends the reading.
func (r *reader) fault(code gateway.Code, at int, value string, expected gateway.Phrase) {
	if r.bad != nil {
		return
	}
	r.faults = append(r.faults, r.located(code, at, value, expected))
	if len(r.faults) == maxFaults {
		r.faults = append(r.faults, r.located(gateway.JSONTooManyFaults, at, "", gateway.Term(strconv.Itoa(maxFaults))))
		r.fail(gateway.JSONTooManyFaults, at, gateway.Phrase{})
	}
}

func (r *reader) located(code gateway.Code, at int, value string, expected gateway.Phrase) gateway.Fault {
	if at < r.lineAt {
		r.lineAt, r.line = 0, 1
	}
	r.line += bytes.Count(r.raw[r.lineAt:at], []byte("\n"))
	r.lineAt = at
	var path, pointer []byte
	for _, f := range r.frames {
		path = appendName(path, f.field)
		pointer = append(append(pointer, '/'), escapePointer(f.field.Name)...)
		if f.index >= 0 {
			path = AppendIndex(path, f.index)
			pointer = strconv.AppendInt(append(pointer, '/'), int64(f.index), 10)
		}
	}
	return gateway.Fault{
		Code: code, Severity: gateway.Error, Path: string(path),
		Location: gateway.Location{Expr: string(pointer), Line: r.line},
		Value:    gateway.Clip(value), Expected: expected,
	}
}
