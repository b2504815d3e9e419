package instance

import (
	"io/fs"
	"slices"
	"strings"
)

// Broken is a document with exactly one fault that its schema must refuse. What is optional is there only around the fault,
// so that documents stay small however large the schema is.
type Broken struct {
	Fault    string        // missing, twice, order, unknown, attribute, long, empty, malformed, longer, shorter, lower
	Path     string        // the element with the fault, by local names
	Document func() []byte // writes the document; only while yield runs
	Fitting  func() []byte // writes the same document without the fault, which the schema must accept; likewise
}

// Break gives, for each declaration a document can reach, the faults its schema must refuse there: a mandatory element or
// attribute left out, an element once too often, two neighbours exchanged, an element the type does not know, a text too
// long or empty, a value that is no such value or just misses its pattern. yield returns false to stop.
func Break(fsys fs.FS, file, root string, yield func(Broken) bool) error {
	s, err := loadSchema(fsys, file)
	if err != nil {
		return err
	}
	branches, err := s.branchesOf(root)
	if err != nil {
		return err
	}
	b := breaker{seen: map[string]bool{}, yield: yield}
	for branch := range branches {
		doc, _, err := s.build(root, Options{Optional: true, Branch: branch}, true)
		if err != nil {
			return err
		}
		b.root = doc
		if !b.walk(doc, doc.name.local) {
			return nil
		}
	}
	return nil
}

type breaker struct {
	root  *element
	trail []*element // from the root to the element that is changed
	seen  map[string]bool
	yield func(Broken) bool
}

// try yields the document as it stands after change, and undoes the change.
func (b *breaker) try(fault, path string, change, undo func()) bool {
	if key := fault + " " + path; b.seen[key] {
		return true
	} else {
		b.seen[key] = true
	}
	change()
	defer undo()
	return b.yield(Broken{fault, path, b.bytes, func() []byte {
		undo()
		defer change()
		return b.bytes()
	}})
}

// bytes writes the document around the element that is changed.
func (b *breaker) bytes() []byte { return b.root.around(b.trail[1:]).bytes() }

// around is a copy of an element without what is optional, but for the way down a trail and, at its end, all children.
// What is off the trail has nothing optional.
func (e *element) around(trail []*element) *element {
	out := *e
	out.children = nil
	for _, c := range e.children {
		switch {
		case len(trail) > 0 && c == trail[0]:
			out.children = append(out.children, c.around(trail[1:]))
		case len(trail) == 0 || !c.optional:
			out.children = append(out.children, c.bare())
		}
	}
	return &out
}

// bare is a copy of an element without what is optional in it.
func (e *element) bare() *element {
	out := *e
	out.children = nil
	for _, c := range e.children {
		if !c.optional {
			out.children = append(out.children, c.bare())
		}
	}
	out.attrs = slices.DeleteFunc(slices.Clone(e.attrs), func(a attribute) bool { return !a.required })
	return &out
}

func (b *breaker) walk(e *element, path string) bool {
	b.trail = append(b.trail, e)
	defer func() { b.trail = b.trail[:len(b.trail)-1] }()
	if !b.text(e, path) || !b.children(e, path) {
		return false
	}
	attrs := e.attrs
	for i, a := range attrs {
		if a.required && !b.try("attribute", path+"/@"+a.name.local,
			func() { e.attrs = append(append([]attribute{}, attrs[:i]...), attrs[i+1:]...) },
			func() { e.attrs = attrs }) {
			return false
		}
	}
	for _, c := range e.children {
		if !b.walk(c, path+"/"+c.name.local) {
			return false
		}
	}
	return true
}

func (b *breaker) children(e *element, path string) bool {
	was := e.children
	with := func(list ...*element) func() { return func() { e.children = list } }
	undo := func() { e.children = was }
	for i, c := range was {
		before, after := was[:i:i], was[i+1:]
		at := path + "/" + c.name.local
		if c.mandatory && !b.try("missing", at, with(append(before, after...)...), undo) {
			return false
		}
		if c.full && !b.try("twice", at, with(append(append(before, c, c), after...)...), undo) {
			return false
		}
		if c.ordered && len(after) > 0 && after[0].ordered && after[0].decl != c.decl &&
			!b.try("order", at, with(append(append(before, after[0], c), after[1:]...)...), undo) {
			return false
		}
	}
	if e.typ == nil || e.simple != nil {
		return true
	}
	stranger := &element{name: name{e.name.space, "Stranger"}}
	return b.try("unknown", path, with(append(was[:len(was):len(was)], stranger)...), undo)
}

func (b *breaker) text(e *element, path string) bool {
	if e.simple == nil {
		return true
	}
	was := e.text
	try := func(fault, text string) bool {
		return b.try(fault, path, func() { e.text = text }, func() { e.text = was })
	}
	lo, hi := e.simple.lengths()
	if e.simple.text() {
		return (hi == unbounded || try("long", strings.Repeat("X", hi+1))) && (lo == 0 || try("empty", ""))
	}
	if e.simple.builtin == "anySimpleType" || e.simple.builtin == "anyURI" {
		return true
	}
	if digits := e.simple.number("totalDigits", 0); digits > 0 && !try("long", strings.Repeat("9", digits+1)) {
		return false
	}
	if len(e.simple.patterns) > 0 && !e.fixed {
		for _, near := range []struct{ fault, text string }{
			{"longer", was + "7"},
			{"shorter", was[:len(was)-1]},
			{"lower", strings.ToLower(was)},
		} {
			if near.text != was && !e.simple.fits(near.text) && !try(near.fault, near.text) {
				return false
			}
		}
	}
	return try("malformed", "?") && try("empty", "")
}
