package encode

import (
	"cmp"
	"strings"

	"github.com/beevik/etree"

	"customs.example/gateway"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/mapping/trace"
)

// adjacent is a written element of which it depends on others, which may come later, what
// decode takes it for.
type adjacent struct {
	row     *program.Row
	context *trace.Context
	element *etree.Element
}

// neighbours refuses elements that decode would not read for want of their neighbour, or
// would take for what another group writes.
func (e *encoder) neighbours(top *etree.Element) {
	for _, a := range e.adjacent {
		at := func(expected gateway.Phrase, value string, code gateway.Code) {
			e.fault(&gateway.Fault{Code: code, Value: gateway.Clip(value), Expected: expected}, new(program.Row), a.context, -1) // at the context itself
		}
		if !isIn(a.element, top) {
			continue
		}
		if a.row.Neighbour != nil && !hasNeighbour(a.row, a.element) {
			at(gateway.Term(a.row.Info.There), "", gateway.MapRequired)
		}
		for _, q := range a.row.Earlier {
			if value, form, ok := claims(q, a.element); ok && hasNeighbour(q, a.element) {
				at(gateway.Say(gateway.WordNotBeside, form, q.Info.There), value, gateway.MapType)
			}
		}
	}
}

// isIn reports whether an element is in a tree: what is taken away loses its parent.
func isIn(e, top *etree.Element) bool {
	for e.Parent() != nil {
		e = e.Parent()
	}
	return e == top
}

// hasNeighbour reports whether the element that the group's own needs was written.
func hasNeighbour(r *program.Row, e *etree.Element) bool {
	for range r.Neighbour.Up {
		e = e.Parent()
	}
	for i := range r.Neighbour.Steps {
		if e = written(e, &r.Neighbour.Steps[i]); e == nil {
			return false
		}
	}
	return true
}

// claims reports whether a written element has all that decode knows the group's by, with
// the last text that says so and its form.
func claims(r *program.Row, e *etree.Element) (value, form string, ok bool) {
	for _, c := range r.Discriminators {
		at := e
		for i := range c.Steps {
			if at = written(at, &c.Steps[i]); at == nil {
				return "", "", false
			}
		}
		text := at.Text()
		if c.Attr != nil {
			text = at.SelectAttrValue(c.Attr.QName(), "")
		}
		if text = strings.TrimSpace(text); c.Job == program.Const && text != c.Info.Const || c.Value.Like != nil && !c.Value.Like.MatchString(text) {
			return "", "", false
		}
		value, form = text, cmp.Or(c.Info.Like, c.Info.Const)
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
