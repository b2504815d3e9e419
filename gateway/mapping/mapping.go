// Package mapping owns the library of the tables that translate a partner's document to the
// canonical document and back: which of them reads a document, and the proof of what one wrote.
// It refuses to judge, release or send what it translates: only Encode makes an Encoded.
//
// A row's way leads through the packages below: datafile and table read what its file says, with
// convert for single values; program settles what it does; encode writes by it and decode reads
// by it, and trace keeps where each value stands. Joins and splits, in recipe, are beside that.
package mapping

import (
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/extension"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// Library is every table, join and split that was loaded. It is safe for concurrent use.
type Library struct {
	tables     []*Table
	byID       map[string]*Table
	recipes    recipe.Library
	containers []Container
	extensions *extension.Declared
	load       *loader // for tables as they would be
}

// Table is one version of the mapping of one format. It is safe for concurrent use.
type Table struct {
	*table.Head
	program func() *program.Program
}

// Table returns a table by its id, "ru/auto-preliminary.v1", with "+kz" for the table
// that profile kz makes of it.
func (l *Library) Table(id string) (*Table, bool) {
	t, ok := l.byID[id]
	return t, ok
}

// Tables returns every table in order of id.
func (l *Library) Tables() []*Table { return slices.Clone(l.tables) }

// Extensions returns what all tables declare of extensions.
func (l *Library) Extensions() *extension.Declared {
	if l == nil {
		return nil
	}
	return l.extensions
}

// Extensions returns what the table declares of extensions; no table declares nothing.
func (t *Table) Extensions() *extension.Declared {
	if t == nil {
		return nil
	}
	return t.program().Extensions
}

// Match returns the tables of a root element, newest version first, and before those
// that profiles make of a table the table itself.
func (l *Library) Match(root xmltree.Name) []*Table {
	var out []*Table
	for _, t := range l.tables {
		if t.Root() == root {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b *Table) int { return b.Version() - a.Version() })
	return out
}

// Choose returns the table for a document from a sender on a day: of those that are valid and
// whose where its root fits, a profile of the sender's administration before the sender's own
// format, that before other plain tables, and those before others' profiles; then one that asks
// for something before one that takes every document of the root; then the newest.
// Agreed are the ids that were agreed on with the sender or its office: where any of
// them fits, one of them is chosen, be it of an older version; where the document fits none of
// those of its root, no other is.
func (l *Library) Choose(root *xmltree.Element, sender string, on time.Time, agreed ...string) (*Table, bool) {
	var best *Table
	was, other := false, false // best was agreed on; the document does not fit one that was
	for _, t := range l.tables {
		if t.Root() != root.Name || !t.Valid(on) {
			continue
		}
		is := slices.Contains(agreed, t.ID())
		if !t.Fits(root) {
			other = other || is
			continue
		}
		if best == nil || is && !was || is == was && t.Precedes(best.Head, sender) {
			best, was = t, is
		}
	}
	if other && !was {
		return nil, false
	}
	return best, best != nil
}

// Misfit returns the fault of a document whose root tables read on a day, and which none of them
// takes for what it says at one place; false if there are no such tables, or one reads it. Of
// several, those that were agreed on are meant, where there are any.
func (l *Library) Misfit(root *xmltree.Element, on time.Time, agreed ...string) (gateway.Fault, bool) {
	var all, known []*table.Head
	for _, t := range l.tables {
		if t.Root() != root.Name || !t.Valid(on) {
			continue
		}
		all = append(all, t.Head)
		if slices.Contains(agreed, t.ID()) {
			known = append(known, t.Head)
		}
	}
	if known != nil {
		all = known
	}
	return table.Misfit(root, all...)
}

// Nearest returns the table whose format a document that no table reads is most like:
// by what stands in it that only this format says, then by the root's name. It is false
// for a document that is like none.
func (l *Library) Nearest(root *xmltree.Element) (*Table, bool) {
	texts := leaves(root)
	var best *Table
	most := 0
	for _, t := range l.tables {
		likeness := common(t.Root().Space, root.Name.Space) << 1
		if strings.EqualFold(t.Root().Local, root.Name.Local) {
			likeness += 1 << 20
		}
		likeness += t.constantsIn(texts) << 24
		if t.Profile() == "" {
			likeness++ // of a table and its profiles, the table
		}
		if likeness > most {
			best, most = t, likeness
		}
	}
	return best, most>>1 > len("urn:customs") // a namespace begins alike
}

// leaves are the texts of a document that are short enough for a fixed value, with the
// local names of what holds them.
func leaves(root *xmltree.Element) map[[2]string]bool {
	const most, longest = 10_000, 64 // elements, bytes
	texts := map[[2]string]bool{}
	n := 0
	for e := range root.Walk() {
		if n++; n > most {
			break
		}
		for _, a := range e.Attrs {
			if len(a.Value) <= longest {
				texts[[2]string{a.Name.Local, a.Value}] = true
			}
		}
		if len(e.Children) == 0 && len(e.Text) <= longest {
			texts[[2]string{e.Name.Local, e.Text}] = true
		}
	}
	return texts
}

// constantsIn counts the fixed values of the table that stand in a document and are long
// enough to mean this format.
func (t *Table) constantsIn(texts map[[2]string]bool) int {
	n := 0
	for _, r := range t.program().Rows {
		name := ""
		if r.Attr != nil {
			name = r.Attr.Name.Local
		} else if len(r.Steps) > 0 {
			name = r.Steps[len(r.Steps)-1].Name.Local
		}
		if r.Job == program.Const && len(r.Info.Const) >= 5 && texts[[2]string{name, r.Info.Const}] {
			n++
		}
	}
	return n
}

// Splits returns every split in order of id.
func (l *Library) Splits() []*recipe.Split { return l.recipes.Splits() }

// Split returns a split by its id, "ru/road-notice.v1".
func (l *Library) Split(id string) (*recipe.Split, bool) { return l.recipes.Split(id) }

// Joins returns every join in order of id.
func (l *Library) Joins() []*recipe.Join { return l.recipes.Joins() }

// Join returns a join by its id, "cn/road-export.v1".
func (l *Library) Join(id string) (*recipe.Join, bool) { return l.recipes.Join(id) }

// Rows returns what every row says, in order, groups before their rows.
func (t *Table) Rows() []table.RowInfo {
	rows := t.program().Rows
	out := make([]table.RowInfo, len(rows))
	for i, r := range rows {
		out[i] = r.Info
	}
	return out
}

// Lossy returns the rows that declare that something does not come back.
func (t *Table) Lossy() []table.RowInfo {
	return slices.DeleteFunc(t.Rows(), func(r table.RowInfo) bool { return r.Lossy == "" })
}

// Locate gives every fault that has a canonical path and no place yet the place that
// find knows for its path.
func Locate(faults gateway.Faults, find func(path string) gateway.Location) gateway.Faults {
	out := slices.Clone(faults)
	for i := range out {
		if out[i].Location.Expr == "" {
			out[i].Location = find(out[i].Path)
		}
	}
	return out
}

// common returns the length of the longest common prefix.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
