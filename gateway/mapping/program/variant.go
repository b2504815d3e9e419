package program

import (
	"slices"

	"customs.example/gateway/mapping/table"
)

// Variant is a condition on which the table reads a document, and the row that writes what
// stands at its place; nil where none writes the place itself.
type Variant struct {
	table.Where
	Row *Row
}

// variants ties every condition of the head to the row that writes its place: what the table
// writes MUST be read by it again.
func (c *compiler) variants() {
	for _, w := range c.head.Where() {
		v := Variant{Where: w}
		inside := false // a row writes something in the place
		for _, r := range c.made.Rows {
			if !r.Encodes() || r.Job == Set {
				continue
			}
			switch stands, below := r.standsAt(&w); {
			case stands && v.Row == nil:
				v.Row = r
			case below:
				inside = true
			}
		}
		node := "$.where." + w.Place
		switch r := v.Row; {
		case !w.Present:
		case r == nil && (len(w.Texts) > 0 || !inside):
			c.At(node, "where %s, which no row writes, expected a row that does", w.Place)
		case r != nil && r.Job == Const && r.When == nil && len(w.Texts) > 0 && !slices.Contains(w.Texts, r.Info.Const):
			c.At(node, "where %s is one of %q, and row %s on line %d writes %q, expected one of them", w.Place, w.Texts, r.Info.ID, r.Info.Line, r.Info.Const)
		}
		c.made.Variants = append(c.made.Variants, v)
	}
}

// standsAt reports whether a row writes a place, or something below it.
func (r *Row) standsAt(w *table.Where) (stands, below bool) {
	route := r.Route()
	if len(route) < len(w.Steps) || !slices.EqualFunc(route[:len(w.Steps)], w.Steps, func(a *table.Step, b table.Step) bool { return a.Name == b.Name }) {
		return false, false
	}
	if len(route) == len(w.Steps) && (r.Attr == nil) == (w.Attr == nil) && (r.Attr == nil || r.Attr.Name == w.Attr.Name) {
		return true, false
	}
	return false, w.Attr == nil && (len(route) > len(w.Steps) || r.Attr != nil)
}
