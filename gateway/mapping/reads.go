package mapping

import (
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// Reads returns the key of the label of the canonical field that the rows read at a place
// in XML, whatever stands there; false if none does, or they read it into several.
func (t *Table) Reads(place gateway.Location) (label string, ok bool) {
	names := namesOf(place)
	for _, r := range t.program().Rows {
		if r.Job == program.Group || r.Info.From == "" || !isAt(r, names) {
			continue
		}
		p, err := document.CompileFor(t.Kind(), r.Info.From)
		if err != nil || !p.Leaf() && p.Descriptor().Name() != "Text" { // a row of a language reads a text
			continue
		}
		is := document.LabelOf(p.Field())
		if label != "" && label != is {
			return "", false
		}
		label = is
	}
	return label, label != ""
}

// isAt reports whether the row's element or attribute is the one that names lead to, from
// the root.
func isAt(r *program.Row, names []xmltree.Name) bool {
	if r.Attr != nil {
		last := len(names) - 1
		if last < 0 || names[last] != attrName(r.Attr.Name) {
			return false
		}
		names = names[:last]
	}
	return len(names) > 0 && slices.EqualFunc(r.Route(), names[1:], func(s *table.Step, n xmltree.Name) bool { return s.Name == n })
}

func attrName(n xmltree.Name) xmltree.Name { return xmltree.Name{Space: n.Space, Local: "@" + n.Local} }

// namesOf reads the expanded names of a place's steps; an attribute's begins with @.
func namesOf(place gateway.Location) []xmltree.Name {
	var out []xmltree.Name
	for step := range strings.SplitSeq(strings.TrimPrefix(place.Expr, "/"), "/") {
		step, _, _ = strings.Cut(step, "[")
		local, isAttr := strings.CutPrefix(step, "@")
		name := xmltree.Name{Local: local}
		if prefix, rest, ok := strings.Cut(local, ":"); ok {
			name = xmltree.Name{Space: place.Namespaces[prefix], Local: rest}
		}
		if isAttr {
			name = attrName(name)
		}
		out = append(out, name)
	}
	return out
}
