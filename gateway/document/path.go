package document

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	customsv1 "customs.example/gateway/api/customs/v1"
)

// Path is a compiled schema path: field names with dots between, and behind a
// repeated field a selector, [field=VALUE] or [n], that picks one element.
//
// A repeated field without selector on the way stands for all its elements: Has,
// Clear, List, Texts and All reach every one of them, while Get, Set, Append,
// Message and Instance keep to the first. A Path is safe for concurrent use. The
// messages it is used on MUST be of the type it was compiled for.
type Path struct {
	source string
	root   *schema
	steps  []step
}

type step struct {
	field *Field
	index int    // of [n], else -1
	key   *Field // of [key=value], else nil
	want  protoreflect.Value
	value string
}

func (s *step) selective() bool { return s.index >= 0 || s.key != nil }

// Compile compiles a path relative to a message of the canonical document; "." is
// the message itself. The error names the step that is wrong and what is nearest.
func Compile(md protoreflect.MessageDescriptor, path string) (*Path, error) {
	s := schemaOf(md)
	if s == nil {
		return nil, fmt.Errorf("path %q: %s is no message of the document", path, md.FullName())
	}
	return compile(&Path{source: path, root: s})
}

// CompileFor compiles a path from the root of documents of a kind: a field of the
// kind's message, or one under envelope. It is used on the Document itself.
func CompileFor(kind, path string) (*Path, error) {
	f, err := kindField(kind)
	if err != nil {
		return nil, err
	}
	p := &Path{source: path, root: schemaOf(rootDescriptor)}
	if path != "envelope" && !strings.HasPrefix(path, "envelope.") {
		p.steps = []step{{field: f, index: -1}}
	}
	return compile(p)
}

// compile adds the steps of p's source to those p has.
func compile(p *Path) (*Path, error) {
	path := p.source
	if path == "." {
		return p, nil
	}
	for at, rest := p.Descriptor(), path; ; {
		if at == nil {
			return nil, fmt.Errorf("path %q: %s has no fields", path, p.steps[len(p.steps)-1].field.Name)
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		sub := schemaOf(at)
		f := sub.byName[rest[:end]]
		if f == nil {
			return nil, fmt.Errorf("path %q: %s has no field %q: nearest is %s", path, at.Name(), rest[:end], nearest(rest[:end], sub.names()))
		}
		s := step{field: f, index: -1}
		rest = rest[end:]
		if strings.HasPrefix(rest, "[") {
			selector, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return nil, fmt.Errorf("path %q: selector of %s is not closed", path, f.Name)
			}
			if err := s.selector(selector); err != nil {
				return nil, fmt.Errorf("path %q: selector [%s]: %w", path, selector, err)
			}
			rest = after
		}
		p.steps = append(p.steps, s)
		if rest == "" {
			return p, nil
		}
		if rest[0] != '.' {
			return nil, fmt.Errorf("path %q: want a dot before %q", path, rest)
		}
		rest, at = rest[1:], p.Descriptor()
	}
}

func (s *step) selector(text string) error {
	if !s.field.Repeated {
		return fmt.Errorf("%s is not repeated", s.field.Name)
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return errors.New("want field=VALUE or a number from 0")
		}
		if uint32(n) >= s.field.Rule.Items {
			return fmt.Errorf("%s has at most %d elements", s.field.Name, s.field.Rule.Items)
		}
		s.index = int(n)
		return nil
	}
	if s.field.sub == nil {
		return fmt.Errorf("elements of %s have no fields", s.field.Name)
	}
	s.key, s.value = s.field.sub.byName[name], value
	if s.key == nil {
		return fmt.Errorf("%s has no field %q: nearest is %s", s.field.sub.desc.Name(), name, nearest(name, s.field.sub.names()))
	}
	if s.key.Repeated || s.key.Type > Uint {
		return fmt.Errorf("%s cannot select: want a single text, enum, bool or uint", name)
	}
	var err error
	s.want, err = s.key.value(value)
	return err
}

// String returns the path as it was written.
func (p *Path) String() string { return p.source }

// Field returns the dictionary entry of the last step; for "." it has no name.
func (p *Path) Field() Field {
	if len(p.steps) == 0 {
		return Field{Type: Message, Rule: &customsv1.Rule{}}
	}
	return *p.last().field
}

// Leaf reports whether the path ends at a leaf, or at a repeated leaf.
func (p *Path) Leaf() bool { return len(p.steps) > 0 && p.last().field.Type != Message }

// Repeated reports whether the last step is repeated and has no selector.
func (p *Path) Repeated() bool {
	return len(p.steps) > 0 && p.last().field.Repeated && !p.last().selective()
}

// Many reports whether any step is repeated and has no selector.
func (p *Path) Many() bool {
	for i := range p.steps {
		if p.steps[i].field.Repeated && !p.steps[i].selective() {
			return true
		}
	}
	return false
}

// Descriptor returns the type of the message the path ends at, nil for a leaf.
func (p *Path) Descriptor() protoreflect.MessageDescriptor {
	if len(p.steps) == 0 {
		return p.root.desc
	}
	if p.last().field.sub == nil {
		return nil
	}
	return p.last().field.sub.desc
}

func (p *Path) last() *step { return &p.steps[len(p.steps)-1] }

// Get returns the text of the leaf; false if it is unset.
func (p *Path) Get(m protoreflect.Message) (string, bool) {
	if !p.Leaf() {
		return "", false
	}
	for i := range p.steps[:len(p.steps)-1] {
		if m = p.steps[i].down(m); m == nil {
			return "", false
		}
	}
	f := p.last().field
	if f.Type != String && !m.Has(f.desc) { // an unset string shows as "" anyway
		return "", false
	}
	v := m.Get(f.desc)
	if f.Repeated {
		i := p.last().find(v.List())
		if i < 0 {
			return "", false
		}
		v = v.List().Get(i)
	}
	text := f.text(v)
	return text, text != ""
}

// Set sets the leaf and creates what is on the way. A text that has not the form of
// the field is a *LexicalError, and then nothing is created.
func (p *Path) Set(m protoreflect.Message, text string) error {
	if !p.Leaf() {
		return fmt.Errorf("path %q is no leaf", p.source)
	}
	s := p.last()
	v, err := s.field.value(text)
	if err != nil {
		return err
	}
	if m = p.parent(m); m == nil {
		return fmt.Errorf("path %q: the document is of another kind", p.source)
	}
	if !s.field.Repeated {
		m.Set(s.field.desc, v)
		return nil
	}
	l := m.Mutable(s.field.desc).List()
	switch i := s.find(l); {
	case i >= 0:
		l.Set(i, v)
	case max(s.index, 0) == l.Len():
		l.Append(v)
	default:
		return fmt.Errorf("path %q: only %d elements are there", p.source, l.Len())
	}
	return nil
}

// AppendText adds an element to the repeated leaf.
func (p *Path) AppendText(m protoreflect.Message, text string) error {
	if !p.Leaf() || !p.Repeated() {
		return fmt.Errorf("path %q is no repeated leaf", p.source)
	}
	f := p.last().field
	v, err := f.value(text)
	if err != nil {
		return err
	}
	if m = p.parent(m); m == nil {
		return fmt.Errorf("path %q: the document is of another kind", p.source)
	}
	m.Mutable(f.desc).List().Append(v)
	return nil
}

// Append adds an element to the repeated message field the path ends at. It is nil
// if the path ends elsewhere or m is a document of another kind.
func (p *Path) Append(m protoreflect.Message) protoreflect.Message {
	if p.Leaf() || !p.Repeated() {
		return nil
	}
	if m = p.parent(m); m == nil {
		return nil
	}
	return m.Mutable(p.last().field.desc).List().AppendMutable().Message()
}

// Message returns the message the path ends at, created if wanted, else nil if it
// is not there. For a leaf, and in a document of another kind, it is nil.
func (p *Path) Message(m protoreflect.Message, create bool) protoreflect.Message {
	if p.Leaf() {
		return nil
	}
	for i := range p.steps {
		if create {
			m = p.steps[i].create(m)
		} else {
			m = p.steps[i].down(m)
		}
		if m == nil {
			return nil
		}
	}
	return m
}

// Has reports whether anything the path reaches is set.
func (p *Path) Has(m protoreflect.Message) bool {
	if p.Leaf() {
		for range p.AllTexts(m, "") {
			return true
		}
		return false
	}
	for range p.All(m, "") {
		return true
	}
	return false
}

// Clear removes everything the path reaches: fields, or elements behind a selector.
func (p *Path) Clear(m protoreflect.Message) {
	if len(p.steps) == 0 {
		return
	}
	s := p.last()
	reach(m, p.steps[:len(p.steps)-1], "", false, func(_ string, m protoreflect.Message) bool {
		if !s.selective() {
			m.Clear(s.field.desc)
			return true
		}
		if !m.Has(s.field.desc) {
			return true
		}
		l := m.Mutable(s.field.desc).List()
		if i := s.find(l); i >= 0 {
			for ; i+1 < l.Len(); i++ {
				l.Set(i, l.Get(i+1))
			}
			l.Truncate(l.Len() - 1)
		}
		return true
	})
}

// List returns the messages the path ends at, in document order.
func (p *Path) List(m protoreflect.Message) []protoreflect.Message {
	var out []protoreflect.Message
	if !p.Leaf() {
		reach(m, p.steps, "", false, func(_ string, m protoreflect.Message) bool {
			out = append(out, m)
			return true
		})
	}
	return out
}

// Len returns how many elements or texts the list that the path ends at has, without
// looking at any of them: where the path leads through another list, of its first element.
func (p *Path) Len(m protoreflect.Message) int {
	if !p.Repeated() {
		return 0
	}
	for i := range p.steps[:len(p.steps)-1] {
		if m = p.steps[i].down(m); m == nil {
			return 0
		}
	}
	return m.Get(p.last().field.desc).List().Len()
}

// Texts returns the texts of the leaves the path reaches, in document order.
func (p *Path) Texts(m protoreflect.Message) []string {
	var out []string
	p.texts(m, "", false, func(_, text string) bool {
		out = append(out, text)
		return true
	})
	return out
}

// All yields the messages the path ends at, with their instance paths. Prefix is
// m's own instance path, "" for a document or the message of its kind.
func (p *Path) All(m protoreflect.Message, prefix string) iter.Seq2[string, protoreflect.Message] {
	return func(yield func(string, protoreflect.Message) bool) {
		if !p.Leaf() {
			reach(m, p.steps, prefix, true, yield)
		}
	}
}

// AllTexts yields the texts of the leaves the path reaches, with their instance paths.
func (p *Path) AllTexts(m protoreflect.Message, prefix string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) { p.texts(m, prefix, true, yield) }
}

// Instance returns the instance path of what the path selects in m. An element that
// is not there has the position it would be created at.
func (p *Path) Instance(m protoreflect.Message, prefix string) string {
	b := []byte(prefix)
	for i := range p.steps {
		s := &p.steps[i]
		b = appendName(b, s.field)
		if s.field.Repeated && (s.selective() || i < len(p.steps)-1) {
			b = appendIndex(b, s.position(m))
		}
		if m != nil && s.field.sub != nil {
			m = s.down(m)
		}
	}
	return string(b)
}

// position returns the place in the list of the element the step selects.
func (s *step) position(m protoreflect.Message) int {
	if m == nil {
		return max(s.index, 0)
	}
	l := m.Get(s.field.desc).List()
	if i := s.find(l); i >= 0 {
		return i
	}
	if s.key != nil {
		return l.Len()
	}
	return max(s.index, 0)
}

// find returns the place of the selected element, -1 if it is not there.
func (s *step) find(l protoreflect.List) int {
	if s.key != nil {
		for i := range l.Len() {
			if e := l.Get(i).Message(); e.Has(s.key.desc) && e.Get(s.key.desc).Equal(s.want) {
				return i
			}
		}
		return -1
	}
	if i := max(s.index, 0); i < l.Len() {
		return i
	}
	return -1
}

// down returns the message the step leads to, nil if it is not there.
func (s *step) down(m protoreflect.Message) protoreflect.Message {
	if !m.Has(s.field.desc) {
		return nil
	}
	v := m.Get(s.field.desc)
	if !s.field.Repeated {
		return v.Message()
	}
	l := v.List()
	if i := s.find(l); i >= 0 {
		return l.Get(i).Message()
	}
	return nil
}

// create returns the message the step leads to and makes it if need be. It is nil
// where that would change a document's kind.
func (s *step) create(m protoreflect.Message) protoreflect.Message {
	if s.field.kind {
		if is := m.WhichOneof(kindOneof); is != nil && is != s.field.desc {
			return nil
		}
	}
	if !s.field.Repeated {
		return m.Mutable(s.field.desc).Message()
	}
	l := m.Mutable(s.field.desc).List()
	if i := s.find(l); i >= 0 {
		return l.Get(i).Message()
	}
	e := l.AppendMutable().Message()
	if s.key != nil {
		e.Set(s.key.desc, s.want)
		return e
	}
	for l.Len() <= s.index {
		e = l.AppendMutable().Message()
	}
	return e
}

// parent creates the message that holds the last step's field.
func (p *Path) parent(m protoreflect.Message) protoreflect.Message {
	for i := range p.steps[:len(p.steps)-1] {
		if m = p.steps[i].create(m); m == nil {
			return nil
		}
	}
	return m
}

func (p *Path) texts(m protoreflect.Message, prefix string, paths bool, yield func(path, text string) bool) {
	if !p.Leaf() {
		return
	}
	s := p.last()
	reach(m, p.steps[:len(p.steps)-1], prefix, paths, func(path string, m protoreflect.Message) bool {
		if !m.Has(s.field.desc) {
			return true
		}
		if paths {
			path = string(appendName([]byte(path), s.field))
		}
		v := m.Get(s.field.desc)
		if !s.field.Repeated {
			text := s.field.text(v)
			return text == "" || yield(path, text)
		}
		return s.each(v.List(), path, paths, func(path string, v protoreflect.Value) bool {
			return yield(path, s.field.text(v))
		})
	})
}

// reach calls yield for every message the steps lead to from m, until it says no.
func reach(m protoreflect.Message, steps []step, prefix string, paths bool, yield func(string, protoreflect.Message) bool) bool {
	if len(steps) == 0 {
		return yield(prefix, m)
	}
	s := &steps[0]
	if !m.Has(s.field.desc) {
		return true
	}
	if paths {
		prefix = string(appendName([]byte(prefix), s.field))
	}
	v := m.Get(s.field.desc)
	if !s.field.Repeated {
		return reach(v.Message(), steps[1:], prefix, paths, yield)
	}
	return s.each(v.List(), prefix, paths, func(path string, v protoreflect.Value) bool {
		return reach(v.Message(), steps[1:], path, paths, yield)
	})
}

// each calls f for the elements the step stands for, until it says no.
func (s *step) each(l protoreflect.List, path string, paths bool, f func(string, protoreflect.Value) bool) bool {
	from, to := 0, l.Len()
	if s.selective() {
		if from = s.find(l); from < 0 {
			return true
		}
		to = from + 1
	}
	for i := from; i < to; i++ {
		at := path
		if paths {
			at = string(appendIndex([]byte(path), i))
		}
		if !f(at, l.Get(i)) {
			return false
		}
	}
	return true
}

// appendName adds a field to an instance path; kinds of document have no name there.
func appendName(b []byte, f *Field) []byte {
	if f.kind {
		return b
	}
	if len(b) > 0 {
		b = append(b, '.')
	}
	return append(b, f.Name...)
}

func appendIndex(b []byte, i int) []byte {
	b = append(b, '[')
	b = strconv.AppendInt(b, int64(i), 10)
	return append(b, ']')
}
