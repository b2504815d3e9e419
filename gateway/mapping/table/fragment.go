package table

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"customs.example/gateway/document"
)

// maxRows is how many rows a table may have, those of its fragments counted at every use.
const maxRows = 10_000

// prefix is what stands, as it is written, before the targets and canonical paths of a
// fragment's rows where its use is no group.
type prefix struct {
	To   string `yaml:"to"`
	From string `yaml:"from"`
}

// expansion puts the rows of a table's fragments in the places of their uses.
type expansion struct {
	*Source
	used map[string]bool
	rows int
}

// expand replaces each use of a fragment by the fragment's rows, as a group's or in the use's
// place, each under the use's id and its own: R200/P03.
func (s *Source) expand() {
	x := expansion{s, map[string]bool{}, 0}
	s.Rows = x.list(s.Rows, "$.rows", nil)
	for _, name := range slices.Sorted(maps.Keys(s.Fragments)) {
		if node := "$.fragments." + name; len(s.Fragments[name]) == 0 {
			s.At(node, "fragment %s has no rows, expected at least one", name)
		} else if !x.used[name] {
			s.At(node, "no row uses fragment %s, expected one that does", name)
		}
	}
	if x.rows > maxRows {
		s.At("$.rows", "more than %d rows with those of the fragments at every use, expected fewer", maxRows)
	}
}

// list expands rows that stand at a node, in fragments that are used one in another.
func (x *expansion) list(rows []Row, node string, within []string) (out []Row) {
	for i := range rows {
		if x.rows++; x.rows > maxRows {
			return out
		}
		r := rows[i]
		r.Node = fmt.Sprintf("%s[%d]", node, i)
		if strings.Contains(r.ID, "/") {
			x.Row(r.Node, r.ID, "id holds /, expected none: it stands between the ids of a use and of a fragment's row")
		}
		switch {
		case r.Fragment != "":
			out = append(out, x.use(r, within)...)
			continue
		case r.Prefix != nil:
			x.Row(r.Node, r.ID, "prefix without fragment, expected both")
		}
		r.Rows = x.list(r.Rows, r.Node+".rows", within)
		out = append(out, r)
	}
	return out
}

// use returns what stands for a row that uses a fragment.
func (x *expansion) use(r Row, within []string) []Row {
	name, node := r.Fragment, "$.fragments."+r.Fragment
	errorf := func(format string, args ...any) { x.Row(r.Node, r.ID, format, args...) }
	body, known := x.Fragments[name]
	x.used[name] = true
	switch at := slices.Index(within, name); {
	case !known:
		errorf("unknown fragment %q, expected one of this table: nearest are %v", name, document.Nearest(name, slices.Sorted(maps.Keys(x.Fragments)), 3))
		return nil
	case at >= 0:
		errorf("fragment %s, of line %d, uses itself: %s, expected no cycle", name, x.Lines.Line(node), strings.Join(append(slices.Clone(within[at:]), name), " uses "))
		return nil
	case r.Rows != nil:
		errorf("rows beside fragment %s, of line %d, expected one of the two", name, x.Lines.Line(node))
		return nil
	case r.Prefix != nil && !bare(r):
		errorf("prefix of fragment %s, of line %d, beside keys of a group, expected id, fragment, prefix, note and source alone, or to without prefix", name, x.Lines.Line(node))
		return nil
	case r.Prefix == nil && r.To == "":
		errorf("fragment %s, of line %d, without to or prefix, expected the element that holds its rows, or what stands before their targets and paths", name, x.Lines.Line(node))
		return nil
	}
	inner := x.list(body, node, append(slices.Clone(within), name))
	if len(inner) == 0 {
		return nil // told where the fragment stands
	}
	used := fmt.Sprintf(" (used by row %s on line %d)", r.ID, x.Lines.Line(r.Node))
	eachRow(inner, func(f *Row) { f.ID, f.Used = r.ID+"/"+f.ID, used+f.Used })
	if r.Prefix == nil {
		r.Rows = inner
		return []Row{r}
	}
	x.move(inner, *r.Prefix, used)
	return inner
}

// bare reports whether a row says nothing of a group of its own.
func bare(r Row) bool {
	return reflect.DeepEqual(r, Row{ID: r.ID, Node: r.Node, Used: r.Used, Fragment: r.Fragment, Prefix: r.Prefix, Note: r.Note, Source: r.Source})
}

// move puts a prefix before the targets and canonical paths of rows.
func (x *expansion) move(rows []Row, p prefix, used string) {
	for i := range rows {
		r := &rows[i]
		for key, value := range map[string]*string{
			"to": &r.To, "from": &r.From, "set": &r.Set, "count": &r.Count, "sum": &r.Sum, "every": &r.Every,
			"each": &r.Each, "with": &r.With, "refer": &r.Refer, "in": &r.In,
		} {
			*value = Moved(key, *value, p.To, p.From)
		}
		r.Collect = slices.Clone(r.Collect) // other uses have it too
		for i := range r.Collect {
			r.Collect[i] = Moved("collect", r.Collect[i], p.To, p.From)
		}
		plain := r.Each == "" && r.With == "" && r.Collect == nil
		if r.When != "" && p.From != "" && (plain || strings.Contains(r.When, "outer")) {
			x.Row(r.Node, r.ID, "when %q asks about where the row stands, and prefix does not reach into it, expected with in place of the prefix%s", r.When, used)
		}
		if r.Rows != nil && plain {
			x.move(r.Rows, prefix{From: p.From}, used)
		}
	}
}

// Moved is what a key of a fragment's row says where the fragment is used with a prefix: before a
// target or a canonical path, but not before one that leads outwards.
func Moved(key, value, to, from string) string {
	switch key {
	case "to":
		if value == "." && to != "" {
			return strings.TrimSuffix(to, "/")
		}
		if value != "" {
			return to + value
		}
	case "from", "set", "count", "sum", "every", "each", "with", "refer", "in", "collect":
		if value != "" && value != "." && !strings.HasPrefix(value, "^") && !strings.HasPrefix(value, "$") {
			return from + value
		}
	}
	return value
}
