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
	field  *Field
	index  int    // of [n], else -1
	key    *Field // of [key=value], else nil
	want   string // the value, as the key's field writes it
	chosen leaf
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
	lists := 0
	for at, rest := p.end(), path; ; {
		if at == nil {
			return nil, fmt.Errorf("path %q: %s has no fields", path, p.steps[len(p.steps)-1].field.Name)
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		f := at.byName[rest[:end]]
		if f == nil {
			return nil, fmt.Errorf("path %q: %s has no field %q: nearest is %s", path, at.desc.Name(), rest[:end], nearest(rest[:end], at.names()))
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
		if f.Repeated {
			if lists++; lists > maxLists {
				return nil, fmt.Errorf("path %q leads through more than %d lists", path, maxLists)
			}
		}
		if rest == "" {
			return p, nil
		}
		if rest[0] != '.' {
			return nil, fmt.Errorf("path %q: want a dot before %q", path, rest)
		}
		rest, at = rest[1:], p.end()
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
	s.key = s.field.sub.byName[name]
	if s.key == nil {
		return fmt.Errorf("%s has no field %q: nearest is %s", s.field.sub.desc.Name(), name, nearest(name, s.field.sub.names()))
	}
	if s.key.Repeated || s.key.Type > Uint {
		return fmt.Errorf("%s cannot select: want a single text, enum, bool or uint", name)
	}
	var err error
	if s.chosen, err = s.key.value(value); err == nil {
		e := Node{s.field.sub, s.field.sub.make()}
		s.key.set(e, s.chosen)
		s.want = s.key.Text(e)
	}
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
	if s := p.end(); s != nil {
		return s.desc
	}
	return nil
}

func (p *Path) end() *schema {
	if len(p.steps) == 0 {
		return p.root
	}
	return p.last().field.sub
}

func (p *Path) last() *step { return &p.steps[len(p.steps)-1] }

// Get returns the text of the leaf; false if it is unset.
func (p *Path) Get(m Node) (string, bool) {
	if !p.Leaf() {
		return "", false
	}
	for i := range p.steps[:len(p.steps)-1] {
		if m = p.steps[i].down(m); !m.IsValid() {
			return "", false
		}
	}
	s := p.last()
	text := ""
	if !s.field.Repeated {
		text = s.field.Text(m)
	} else if i := s.find(m); i >= 0 {
		text = s.field.TextOf(m, i)
	}
	return text, text != ""
}

// Set sets the leaf and creates what is on the way. A text that has not the form of
// the field is a *LexicalError, and then nothing is created.
func (p *Path) Set(m Node, text string) error {
	if !p.Leaf() {
		return fmt.Errorf("path %q is no leaf", p.source)
	}
	s := p.last()
	v, err := s.field.value(text)
	if err != nil {
		return err
	}
	if m = p.parent(m); !m.IsValid() {
		return fmt.Errorf("path %q: the document is of another kind", p.source)
	}
	if !s.field.Repeated {
		s.field.set(m, v)
		return nil
	}
	i := s.find(m)
	if i < 0 {
		if i = max(s.index, 0); i != s.field.Len(m) {
			return fmt.Errorf("path %q: only %d elements are there", p.source, s.field.Len(m))
		}
	}
	s.field.setOf(m, i, v)
	return nil
}

// AppendText adds an element to the repeated leaf.
func (p *Path) AppendText(m Node, text string) error {
	if !p.Leaf() || !p.Repeated() {
		return fmt.Errorf("path %q is no repeated leaf", p.source)
	}
	f := p.last().field
	v, err := f.value(text)
	if err != nil {
		return err
	}
	if m = p.parent(m); !m.IsValid() {
		return fmt.Errorf("path %q: the document is of another kind", p.source)
	}
	f.setOf(m, f.Len(m), v)
	return nil
}

// Append adds an element to the repeated message field the path ends at. It is not valid
// if the path ends elsewhere or m is a document of another kind.
func (p *Path) Append(m Node) Node {
	if p.Leaf() || !p.Repeated() {
		return Node{}
	}
	if m = p.parent(m); !m.IsValid() {
		return Node{}
	}
	return p.last().field.add(m)
}

// Message returns the message the path ends at, created if wanted, else not valid if it
// is not there. For a leaf, and in a document of another kind, it is not valid.
func (p *Path) Message(m Node, create bool) Node {
	if p.Leaf() {
		return Node{}
	}
	for i := range p.steps {
		if create {
			m = p.steps[i].create(m)
		} else {
			m = p.steps[i].down(m)
		}
		if !m.IsValid() {
			return Node{}
		}
	}
	return m
}

// Has reports whether anything the path reaches is set.
func (p *Path) Has(m Node) bool {
	if p.Leaf() {
		return !p.texts(m, nil, func(string) bool { return false })
	}
	return !reach(m, p.steps, nil, func(Node) bool { return false })
}

// Clear removes everything the path reaches: fields, or elements behind a selector.
func (p *Path) Clear(m Node) {
	if len(p.steps) == 0 {
		return
	}
	s := p.last()
	reach(m, p.steps[:len(p.steps)-1], nil, func(m Node) bool {
		if !s.selective() {
			s.field.Clear(m)
		} else if gone := s.find(m); gone >= 0 {
			s.field.Keep(m, func(i int) bool { return i != gone })
		}
		return true
	})
}

// List returns the messages the path ends at, in document order.
func (p *Path) List(m Node) []Node {
	var out []Node
	if !p.Leaf() {
		reach(m, p.steps, nil, func(m Node) bool {
			out = append(out, m)
			return true
		})
	}
	return out
}

// Len returns how many elements or texts the list that the path ends at has, without
// looking at any of them: where the path leads through another list, of its first element.
func (p *Path) Len(m Node) int {
	if !p.Repeated() || !m.IsValid() {
		return 0
	}
	for i := range p.steps[:len(p.steps)-1] {
		if m = p.steps[i].down(m); !m.IsValid() {
			return 0
		}
	}
	return p.last().field.Len(m)
}

// Elements returns the messages of the list that the path ends at: where the path leads through
// another list, those of its first element.
func (p *Path) Elements(m Node) List {
	if p.Leaf() || !p.Repeated() {
		return List{}
	}
	for i := range p.steps[:len(p.steps)-1] {
		if m = p.steps[i].down(m); !m.IsValid() {
			return List{}
		}
	}
	return p.last().field.Messages(m)
}

// Holder returns the message that holds the list the path ends at, not valid if it is not there.
func (p *Path) Holder(m Node) Node {
	if len(p.steps) == 0 {
		return Node{}
	}
	for i := range p.steps[:len(p.steps)-1] {
		if m = p.steps[i].down(m); !m.IsValid() {
			return Node{}
		}
	}
	return m
}

// Texts returns the texts of the leaves the path reaches, in document order.
func (p *Path) Texts(m Node) []string {
	var out []string
	p.texts(m, nil, func(text string) bool {
		out = append(out, text)
		return true
	})
	return out
}

// maxLists is how many repeated fields a path may lead through.
const maxLists = 8

// Position is where an element stands that a path reaches: its place, from 0, in each list on
// the way.
type Position struct {
	at [maxLists]int32
	n  int
}

// Each yields the messages the path ends at, with their positions.
func (p *Path) Each(m Node) iter.Seq2[Position, Node] {
	return func(yield func(Position, Node) bool) {
		if p.Leaf() {
			return
		}
		var at Position
		reach(m, p.steps, &at, func(m Node) bool { return yield(at, m) })
	}
}

// At returns the instance path of what the path reaches at a position. Prefix is the instance
// path of the message that it was reached from, "" for a document or the message of its kind.
func (p *Path) At(prefix string, at Position) string {
	if len(p.steps) == 0 {
		return prefix
	}
	b := append(make([]byte, 0, len(prefix)+len(p.source)+16), prefix...)
	n := 0
	for i := range p.steps {
		f := p.steps[i].field
		if b = appendName(b, f); f.Repeated && n < at.n {
			b = AppendIndex(b, int(at.at[n]))
			n++
		}
	}
	return string(b)
}

// All yields the messages the path ends at, with their instance paths. Prefix is
// m's own instance path, "" for a document or the message of its kind.
func (p *Path) All(m Node, prefix string) iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) {
		for at, m := range p.Each(m) {
			if !yield(p.At(prefix, at), m) {
				return
			}
		}
	}
}

// AllTexts yields the texts of the leaves the path reaches, with their instance paths.
func (p *Path) AllTexts(m Node, prefix string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		var at Position
		p.texts(m, &at, func(text string) bool { return yield(p.At(prefix, at), text) })
	}
}

// Instance returns the instance path of what the path selects in m. An element that
// is not there has the position it would be created at.
func (p *Path) Instance(m Node, prefix string) string {
	if len(p.steps) == 0 {
		return prefix
	}
	return string(p.AppendInstance(append(make([]byte, 0, len(prefix)+len(p.source)+16), prefix...), m))
}

// AppendInstance is Instance with the prefix in a slice, to which it is added.
func (p *Path) AppendInstance(b []byte, m Node) []byte {
	for i := range p.steps {
		s := &p.steps[i]
		b = appendName(b, s.field)
		if s.field.Repeated && (s.selective() || i < len(p.steps)-1) {
			b = AppendIndex(b, s.position(m))
		}
		if m.IsValid() && s.field.sub != nil {
			m = s.down(m)
		}
	}
	return b
}

// position returns the place in the list of the element the step selects.
func (s *step) position(m Node) int {
	if !m.IsValid() {
		return max(s.index, 0)
	}
	if i := s.find(m); i >= 0 {
		return i
	}
	if s.key != nil {
		return s.field.Len(m)
	}
	return max(s.index, 0)
}

// find returns the place of the selected element in the list of m, -1 if it is not there.
func (s *step) find(m Node) int {
	if s.key != nil {
		l := s.field.Messages(m)
		for i := range l.Len() {
			if e := l.At(i); s.key.Has(e) && s.key.Text(e) == s.want {
				return i
			}
		}
		return -1
	}
	if i := max(s.index, 0); i < s.field.Len(m) {
		return i
	}
	return -1
}

// down returns the message the step leads to, not valid if it is not there.
func (s *step) down(m Node) Node {
	if !s.field.Repeated {
		return s.field.Message(m)
	}
	if i := s.find(m); i >= 0 {
		return s.field.Messages(m).At(i)
	}
	return Node{}
}

// create returns the message the step leads to and makes it if need be. It is not valid
// where that would change a document's kind.
func (s *step) create(m Node) Node {
	if !s.field.Repeated {
		return s.field.create(m)
	}
	if i := s.find(m); i >= 0 {
		return s.field.Messages(m).At(i)
	}
	e := s.field.add(m)
	if s.key != nil {
		s.key.set(e, s.chosen)
		return e
	}
	for s.field.Len(m) <= s.index {
		e = s.field.add(m)
	}
	return e
}

// parent creates the message that holds the last step's field.
func (p *Path) parent(m Node) Node {
	for i := range p.steps[:len(p.steps)-1] {
		if m = p.steps[i].create(m); !m.IsValid() {
			return m
		}
	}
	return m
}

// texts calls yield for every text of the leaf, until it says no, with the position in at if
// that is wanted. It reports whether it never did.
func (p *Path) texts(m Node, at *Position, yield func(text string) bool) bool {
	if !p.Leaf() {
		return true
	}
	s := p.last()
	return reach(m, p.steps[:len(p.steps)-1], at, func(m Node) bool {
		if !s.field.Repeated {
			text := s.field.Text(m)
			return text == "" || yield(text)
		}
		return s.each(m, at, func(i int) bool { return yield(s.field.TextOf(m, i)) })
	})
}

// reach calls yield for every message the steps lead to from m, until it says no, with the
// position in at if that is wanted. It reports whether it never did.
func reach(m Node, steps []step, at *Position, yield func(Node) bool) bool {
	for i := range steps {
		s := &steps[i]
		if s.field.Repeated {
			l := s.field.Messages(m)
			return s.each(m, at, func(n int) bool { return reach(l.At(n), steps[i+1:], at, yield) })
		}
		if !s.field.Has(m) {
			return true
		}
		m = s.field.Message(m)
	}
	return yield(m)
}

// each calls f for the places of the elements of m that the step stands for, until it says no.
func (s *step) each(m Node, at *Position, f func(i int) bool) bool {
	from, to := 0, s.field.Len(m)
	if s.selective() {
		if from = s.find(m); from < 0 {
			return true
		}
		to = from + 1
	}
	if at == nil {
		for i := from; i < to; i++ {
			if !f(i) {
				return false
			}
		}
		return true
	}
	n := at.n
	for i := from; i < to; i++ {
		at.at[n], at.n = int32(i), n+1
		if !f(i) {
			return false
		}
	}
	at.n = n
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

// AppendStep adds a step to an instance path: a field of a message, or an element of it if the
// index is not negative.
func AppendStep(path []byte, f *Field, index int) []byte {
	if path = appendName(path, f); index >= 0 {
		path = AppendIndex(path, index)
	}
	return path
}
