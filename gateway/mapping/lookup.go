package mapping

import (
	"strings"

	"github.com/beevik/etree"
	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/xmltree"
)

// What is said of other elements: which ones of a list are meant, and beside which one an
// element stands.

// looksUp compiles which elements of the row's first list are meant: those whose value by
// is one of the texts at in, where the row stands.
func (c *compiler) looksUp(r *row, f *rowFile, p place, wrong func(string, ...any)) {
	list := r.path
	if len(r.hops) > 0 {
		list = r.hops[0].path
	}
	if !r.noDecode || f.Each == "" && (r.job != countJob || len(r.hops) != 1) || list.Descriptor() == nil {
		wrong("by and in, expected direction: encode and each, or the count of a list in a list")
		return
	}
	var err error
	if r.by, err = document.Compile(list.Descriptor(), f.By); err != nil || !r.by.Leaf() || r.by.Many() {
		wrong("by %q, expected a value of the elements of %s", f.By, list)
	}
	if r.in, err = p.compile(c.table.kind, f.In); err != nil || !r.in.Leaf() {
		wrong("in %q, expected texts where the row stands", f.In)
		r.in = nil
		return
	}
	r.info.By, r.info.In = f.By, p.full(f.In)
}

// there compiles the place that a group is read beside: "../../p:Name".
func (c *compiler) there(r *row, f *rowFile, node string, wrong func(string, ...any)) {
	rest := f.There
	for strings.HasPrefix(rest, "../") {
		r.up, rest = r.up+1, rest[len("../"):]
	}
	depth := 0
	for g := r; g.parent != nil; g = g.parent {
		depth += len(g.steps)
	}
	if r.up == 0 || r.up > depth {
		wrong("there %q, expected 1 to %d times ../ before an element", f.There, depth)
		return
	}
	var attr *step
	if r.there, attr = c.names(node, f.ID, rest); attr != nil {
		wrong("there %q is an attribute, expected an element", f.There)
	}
}

// named returns the texts that elements of the row's list are to have, nil for any.
func (r *row) named(m protoreflect.Message) map[string]bool {
	if r.in == nil {
		return nil
	}
	out := map[string]bool{}
	for _, text := range r.in.Texts(m) {
		out[text] = true
	}
	return out
}

// names reports whether an element has one of the texts.
func (r *row) names(m protoreflect.Message, named map[string]bool) bool {
	text, ok := r.by.Get(m)
	return ok && named[text]
}

// lonely is an element that would not be read without another one, which may come later.
type lonely struct {
	row     *row
	context *context
	element *etree.Element
}

// neighbours refuses elements whose neighbour was not written.
func (e *encoder) neighbours() {
	for _, l := range e.lonely {
		at := l.element
		for i := 0; i < l.row.up && at != nil; i++ {
			at = at.Parent() // nil for one that was taken away
		}
		for i := 0; i < len(l.row.there) && at != nil; i++ {
			if at = written(at, &l.row.there[i]); at == nil {
				e.fault(&gateway.Fault{Code: gateway.MapRequired, Expected: l.row.info.There}, new(row), l.context, -1) // at the context itself
			}
		}
	}
}

// written returns the first child of a step's name, nil if there is none.
func written(e *etree.Element, s *step) *etree.Element {
	for _, c := range e.Child {
		if c, ok := c.(*etree.Element); ok && c.Space == s.prefix && c.Tag == s.name.Local {
			return c
		}
	}
	return nil
}

// beside reports whether the element without which the group is not read is there.
func (r *row) beside(e *xmltree.Element) bool {
	for range r.up {
		e = e.Parent
	}
	for i := range r.there {
		if e = child(e, &r.there[i]); e == nil {
			return false
		}
	}
	return true
}
