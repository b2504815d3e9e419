package analysis

import (
	"cmp"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/recipe"
)

// ShowJoin lays a join out for people: its parts and keys, and where each row takes its
// value from, in order of precedence.
func ShowJoin(s *Source) Report {
	rows := Section{Columns: []string{"row", "target", "value", "when", "when sources differ", "remarks"}}
	for _, r := range s.Rows {
		value := strings.ReplaceAll(r.Get("from"), ", ", ", else ")
		switch {
		case r.Get("const") != "":
			value = strconv.Quote(r.Get("const"))
		case r.Get("each") != "":
			value = "for each " + r.Get("each")
		case r.Get("in") != "":
			value = "those that stand in " + r.Get("in")
		}
		differ := ""
		switch {
		case r.Get("merge") == "true":
			differ, value = "all are taken", strings.ReplaceAll(r.Get("from"), ", ", " and ")
		case r.Get("precedence") == "true":
			differ = "the first is taken, the difference recorded"
		case strings.Contains(r.Get("from"), ", "):
			differ = "refused"
		}
		rows.Rows = append(rows.Rows, []string{r.ID, strings.Repeat(indent, r.Depth) + r.Get("to"), value, r.conditions(), differ, r.remarks()})
	}
	return s.report(rows)
}

// ShowSplit lays a split out for people: its limit, what each part gets, and how the
// answers become one.
func ShowSplit(s *Source) Report {
	rows := Section{Columns: []string{"row", "target", "in each part", "when", "remarks"}}
	for _, r := range s.Rows {
		value := r.job()
		switch {
		case r.Get("use") != "":
			value = strings.TrimSpace(cmp.Or(r.Get("from"), "its own value") + ", " + r.Get("use"))
		case r.Get("only") != "":
			value = "in the " + r.Get("only") + " part only"
		case r.Get("in") != "":
			value = "those that stand in " + r.Get("in")
			if by := r.Get("by"); by != "" {
				value = "those whose " + by + " stands in " + r.Get("in")
			}
		case r.Get("ordinal") != "":
			value = "positions from 1"
		case r.Get("when") != "":
			value = "those for which the condition holds"
		}
		rows.Rows = append(rows.Rows, []string{r.ID, r.Get("to"), value, r.conditions(), r.remarks()})
	}
	return s.report(rows)
}

// ProfileTable is what a profile changes of one table.
type ProfileTable struct {
	Table   string      `json:"table"`
	Changes []RowChange `json:"changes"` // a is the table's, or that of the profiles beneath
}

// ProfileChanges returns what a profile changes of one of its tables. A row that is
// dropped stands for those inside it.
func ProfileChanges(fsys fs.FS, profile, table string) (ProfileTable, error) {
	out := ProfileTable{Table: table}
	base, err := ReadFile(fsys, table+".yaml")
	if err != nil {
		return out, err
	}
	layers, err := layersTo(fsys, profile, table)
	if err != nil {
		return out, err
	}
	top := len(layers) - 1
	for _, l := range layers[:top] {
		base.overlay(l, table)
	}
	made := *base
	made.Header = slices.Clone(base.Header)
	made.overlay(layers[top], table)
	for _, c := range Compare(base, &made) {
		c.Keys = slices.DeleteFunc(c.Keys, func(k KeyChange) bool { return k.Name == "profile" })
		inside := base.row(c.Row).Inside
		if c.What == Removed && inside != "" && made.row(inside).ID == "" || c.What == Altered && len(c.Keys) == 0 {
			continue
		}
		out.Changes = append(out.Changes, c)
	}
	slices.SortStableFunc(out.Changes, func(a, b RowChange) int { return base.row(a.Row).Line - base.row(b.Row).Line })
	return out, nil
}

// ShowProfile lays a profile out for people: what it changes of each of its tables, row
// by row beside the table's own.
func ShowProfile(fsys fs.FS, s *Source, tables []ProfileTable) (Report, error) {
	var sections []Section
	for _, t := range tables {
		base, err := ReadFile(fsys, t.Table+".yaml")
		if err != nil {
			return Report{}, err
		}
		section := Section{Heading: t.Table, Columns: []string{"row", "target", "key", "table", "profile"}}
		for _, c := range t.Changes {
			to := base.row(c.Row).Get("to")
			if c.What == Removed {
				section.Rows = append(section.Rows, []string{c.Row, to, "drop", base.row(c.Row).job(), "—"})
				continue
			}
			for _, k := range c.Keys {
				section.Rows = append(section.Rows, []string{c.Row, to, k.Name, k.A, cmp.Or(k.B, "—")})
			}
		}
		sections = append(sections, section)
	}
	return s.report(sections...), nil
}

// report begins a report on a file with the keys of its header.
func (s *Source) report(sections ...Section) Report {
	out := Report{Title: s.ID, Sections: sections}
	for _, k := range s.Header {
		if k.Name != s.Type && k.Name != "version" {
			out.Facts = append(out.Facts, k)
		}
	}
	out.Facts = append(out.Facts, Key{"rows", strconv.Itoa(len(s.Rows))}, Key{"sha256", s.Digest.String()})
	return out
}

// conditions writes the row's condition, or those on each part.
func (r Row) conditions() string {
	var parts []string
	for _, k := range r.Keys {
		if part, ok := strings.CutPrefix(k.Name, "when."); ok {
			parts = append(parts, part+": "+k.Value)
		}
	}
	return cmp.Or(r.Get("when"), strings.Join(parts, "; "))
}

// LintJoin looks for notes of facts that nobody has checked, and for sources that no
// table of their part reads.
func LintJoin(s *Source, j *recipe.Join, all []Carrier) []Remark {
	l := linter{source: s}
	for _, r := range s.Rows {
		l.unsure(r)
		if r.Inside != "" {
			continue
		}
		for _, from := range strings.Split(r.Get("from"), ", ") {
			name, path, _ := strings.Cut(from, ".")
			for _, p := range j.Parts() {
				if p.Name == name && p.Table != "" && !carriedBy(all, p.Table, selector.ReplaceAllString(path, "")) {
					l.add(r.Line, r.ID, gateway.Warning, "no row of %s reads %s", p.Table, from)
				}
			}
		}
	}
	return l.sorted()
}

// Carrier is a table with its source.
type Carrier struct {
	Table  *mapping.Table
	Source *Source
}

// carriedBy reports whether a table of a name reads a path, or something in it.
func carriedBy(all []Carrier, name, path string) bool {
	for _, c := range all {
		if c.Table.Name() != name {
			continue
		}
		exact, subtrees := carried(c.Table, c.Source)
		for _, carries := range append(slices.Collect(maps.Keys(exact)), subtrees...) {
			if carries == path || strings.HasPrefix(carries, path+".") || strings.HasPrefix(path, carries+".") {
				return true
			}
		}
	}
	return false
}

// LintSplit looks for notes of facts that nobody has checked.
func LintSplit(s *Source) []Remark {
	l := linter{source: s}
	for _, r := range s.Rows {
		l.unsure(r)
	}
	return l.sorted()
}

// LintProfile looks for notes of facts that nobody has checked, and for what a table
// says already.
func LintProfile(s *Source, tables []ProfileTable) []Remark {
	l := linter{source: s}
	for _, r := range s.Rows {
		l.unsure(r)
		of, id, qualified := strings.Cut(r.ID, "#")
		if !qualified {
			id = r.ID
		}
		for _, k := range r.Keys {
			differs := slices.ContainsFunc(tables, func(t ProfileTable) bool {
				return (!qualified || t.Table == of) && slices.ContainsFunc(t.Changes, func(c RowChange) bool {
					return c.Row == id && (c.What == Removed || slices.ContainsFunc(c.Keys, func(o KeyChange) bool { return o.Name == k.Name }))
				})
			})
			if !differs {
				l.add(r.Line, r.ID, gateway.Warning, "%s %s says what the table says already", k.Name, k.Value)
			}
		}
	}
	return l.sorted()
}
