package decode

import (
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/program"
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
func peek(r *program.Row, e *xmltree.Element) string {
	for i := range r.Steps {
		if e = child(e, &r.Steps[i]); e == nil {
			return ""
		}
	}
	text := e.Text
	if r.Attr != nil {
		text, _ = e.Attr(r.Attr.Name)
	}
	return strings.TrimSpace(text)
}

// key is what an element says that it is, or is in; false where it does not say all of it.
func (d *decoder) key(keys []*program.Row, e *xmltree.Element) (key program.Key, ok bool) {
	for _, k := range keys {
		text := peek(k, e)
		if text == "" {
			return key, false
		}
		value, _, fault := k.Value.Decode([]string{text}, "", d.at)
		if fault != nil {
			return key, false
		}
		key.Add(value)
	}
	return key, true
}

// textIn returns the text at the row's place in the first elements of the names that
// lead there.
func textIn(r *program.Row, root *xmltree.Element) (string, bool) {
	e := root
	for _, s := range r.Route() {
		if e = child(e, s); e == nil {
			return "", false
		}
	}
	if r.Attr != nil {
		return e.Attr(r.Attr.Name)
	}
	return strings.TrimSpace(e.Text), true
}

// hasNeighbour reports whether the element without which the group is not read is there.
func hasNeighbour(r *program.Row, e *xmltree.Element) bool {
	for range r.Neighbour.Up {
		e = e.Parent
	}
	for i := range r.Neighbour.Steps {
		if e = child(e, &r.Neighbour.Steps[i]); e == nil {
			return false
		}
	}
	return true
}

// fit reports how an element fits the constants and likes of a group. One that lacks a
// constant goes to a group without it rather than be taken for something.
func fit(r *program.Row, e *xmltree.Element) int {
	fits := matching
	for _, c := range r.Discriminators {
		at := e
		for i := range c.Steps {
			if at = child(at, &c.Steps[i]); at == nil {
				break
			}
		}
		if at == nil {
			fits = lacking
			continue
		}
		text := at.Text
		if c.Attr != nil {
			var ok bool
			if text, ok = at.Attr(c.Attr.Name); !ok {
				fits = lacking
				continue
			}
		}
		if text, _ = document.Legible(text, false); c.Job == program.Const && text != c.Info.Const || !c.Value.Matches(text) {
			return contradicting
		}
	}
	return fits
}

// How an element fits the constants of a group, worst first.
const (
	contradicting = iota // contradicts one
	lacking              // lacks one
	matching             // has them all
)
