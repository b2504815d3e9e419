package mapping

import (
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// child returns the first child of a step's name, nil if there is none.
func child(e *xmltree.Element, s *table.Step) *xmltree.Element {
	for _, c := range e.Children {
		if c.Name == s.Name {
			return c
		}
	}
	return nil
}

// peek returns the text that a row will read in its group's element.
func (r *row) peek(e *xmltree.Element) string {
	for i := range r.steps {
		if e = child(e, &r.steps[i]); e == nil {
			return ""
		}
	}
	text := e.Text
	if r.attr != nil {
		text, _ = e.Attr(r.attr.Name)
	}
	return strings.TrimSpace(text)
}

// textIn returns the text at the row's place in the first elements of the names that
// lead there.
func (r *row) textIn(root *xmltree.Element) (string, bool) {
	e := root
	for _, s := range r.route() {
		if e = child(e, s); e == nil {
			return "", false
		}
	}
	if r.attr != nil {
		return e.Attr(r.attr.Name)
	}
	return strings.TrimSpace(e.Text), true
}

// isBeside reports whether the element without which the group is not read is there.
func (r *row) isBeside(e *xmltree.Element) bool {
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

// tells reports how an element fits the constants and likes of a group. One that lacks a
// constant goes to a group without it rather than be taken for something.
func (r *row) tells(e *xmltree.Element) int {
	fits := telling
	for _, c := range r.tell {
		at := e
		for i := range c.steps {
			if at = child(at, &c.steps[i]); at == nil {
				break
			}
		}
		if at == nil {
			fits = silent
			continue
		}
		text := at.Text
		if c.attr != nil {
			var ok bool
			if text, ok = at.Attr(c.attr.Name); !ok {
				fits = silent
				continue
			}
		}
		if text, _ = document.Legible(text, false); c.job == constJob && text != c.info.Const || !c.value.Matches(text) {
			return unlike
		}
	}
	return fits
}

// How an element fits the constants of a group, worst first.
const (
	unlike  = iota // contradicts one
	silent         // lacks one
	telling        // has them all
)
