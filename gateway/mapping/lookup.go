package mapping

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/table"
)

// What is said of other elements: which ones of a list are meant, and beside which one an
// element stands.

// first is the row's first list: what by and in choose from.
func (r *row) first() *row {
	if len(r.hops) > 0 {
		return r.hops[0]
	}
	return r
}

// looking is a list as a row looks elements up in it.
type looking struct {
	row *row
	in  document.Node
}

// named is an element that was looked up.
type named struct {
	m     document.Node
	path  string
	index int
}

func (f named) context(up *context, via *row) *context {
	return &context{up: up, via: via, m: f.m, index: f.index, at: f.path, known: true}
}

// found returns the elements that the texts where the row stands name, in the order of
// their list. The list is walked once, however many rows of a document look into it.
func (e *encoder) found(r *row, standing, at *context) []named {
	if r.in == nil {
		return nil
	}
	key := looking{r, at.m}
	byText, ok := e.lookups[key]
	if !ok {
		byText = map[string][]named{}
		n := 0
		for path, m := range r.first().path.All(at.m, at.instance()) {
			if text, ok := r.by.Get(m); ok {
				byText[text] = append(byText[text], named{m, path, n})
			}
			n++
		}
		if e.lookups == nil {
			e.lookups = map[looking]map[string][]named{}
		}
		e.lookups[key] = byText
	}
	var out []named
	texts := r.in.Texts(standing.m)
	slices.Sort(texts)
	for _, text := range slices.Compact(texts) {
		out = append(out, byText[text]...)
	}
	slices.SortFunc(out, func(a, b named) int { return a.index - b.index })
	return out
}

// derived returns the count or sum that the row writes, "" where there is nothing to count.
func (e *encoder) derived(r *row, standing, at *context) string {
	if r.in == nil {
		return r.derive(at.m)
	}
	n := 0
	for _, f := range e.found(r, standing, at) {
		n += r.path.Count(f.m)
	}
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// beside is a written element of which it depends on others, which may come later, what
// decode takes it for.
type beside struct {
	row     *row
	context *context
	element *etree.Element
}

// neighbours refuses elements that decode would not read for want of their neighbour, or
// would take for what another group writes.
func (e *encoder) neighbours(top *etree.Element) {
	for _, b := range e.besides {
		at := func(expected gateway.Phrase, value string, code gateway.Code) {
			e.fault(&gateway.Fault{Code: code, Value: gateway.Clip(value), Expected: expected}, new(row), b.context, -1) // at the context itself
		}
		if !stands(b.element, top) {
			continue
		}
		if b.row.there != nil && !b.row.standsBeside(b.element) {
			at(gateway.Term(b.row.info.There), "", gateway.MapRequired)
		}
		for _, q := range b.row.rivals {
			if value, form, ok := q.claims(b.element); ok && q.standsBeside(b.element) {
				at(gateway.Say(gateway.WordNotBeside, form, q.info.There), value, gateway.MapType)
			}
		}
	}
}

// stands reports whether an element is in a tree: what is taken away loses its parent.
func stands(e, top *etree.Element) bool {
	for e.Parent() != nil {
		e = e.Parent()
	}
	return e == top
}

// standsBeside reports whether the element that the group's own needs was written.
func (r *row) standsBeside(e *etree.Element) bool {
	for range r.up {
		e = e.Parent()
	}
	for i := range r.there {
		if e = written(e, &r.there[i]); e == nil {
			return false
		}
	}
	return true
}

// claims reports whether a written element has all that decode knows the group's by, with
// the last text that says so and its form.
func (r *row) claims(e *etree.Element) (value, form string, ok bool) {
	for _, c := range r.tell {
		at := e
		for i := range c.steps {
			if at = written(at, &c.steps[i]); at == nil {
				return "", "", false
			}
		}
		text := at.Text()
		if c.attr != nil {
			text = at.SelectAttrValue(c.attr.QName(), "")
		}
		if text = strings.TrimSpace(text); c.job == constJob && text != c.info.Const || c.value.Like != nil && !c.value.Like.MatchString(text) {
			return "", "", false
		}
		value, form = text, cmp.Or(c.info.Like, c.info.Const)
	}
	return value, form, true
}

// written returns the first child of a step's name, nil if there is none.
func written(e *etree.Element, s *table.Step) *etree.Element {
	for _, c := range e.Child {
		if c, ok := c.(*etree.Element); ok && c.Space == s.Prefix && c.Tag == s.Name.Local {
			return c
		}
	}
	return nil
}
