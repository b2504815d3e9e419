package analysis

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// Place is a node of the schema and the rows that write or read it.
type Place struct {
	Path        string   `json:"path"` // with the table's prefixes
	Cardinality string   `json:"cardinality"`
	Required    bool     `json:"required"` // whenever its parent is there
	Rows        []string `json:"rows"`     // that write it; one that only reads it is marked
	Filled      bool     `json:"filled"`   // a row writes it, or something in it
	Below       int      `json:"below"`    // number of nodes below it
	Recursive   bool     `json:"recursive,omitempty"`
	Limit       int      `json:"maxLength,omitempty"`

	node *Node
	at   string // the path in names that do not depend on prefixes
}

// MissingField is a field of the canonical document that a table does not carry.
type MissingField struct {
	Path  string `json:"path"`
	Below int    `json:"below"` // number of fields below it, which are not carried either
}

// Coverage says what of a format a table fills, and what of the canonical document it
// carries.
type Coverage struct {
	Table    string         `json:"table"`
	Schema   string         `json:"schema"`
	Places   []Place        `json:"places"`   // every node of the schema, in its order
	Unfilled []Place        `json:"unfilled"` // the highest ones that no row writes
	Fields   int            `json:"fields"`   // of the kind of document
	Missing  []MissingField `json:"unread"`   // the highest fields that no row carries
}

// Cover walks the table's schema and its kind of document.
func Cover(t *mapping.Table, s *Source, schemas fs.FS) (*Coverage, error) {
	root, err := ReadSchema(schemas, t.Schema()+".xsd", t.Root())
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t.ID(), err)
	}
	c := &Coverage{Table: t.ID(), Schema: t.Schema()}
	c.walk(root, "", "", newTargets(t, s))
	c.prune()
	c.fields(t, s)
	return c, nil
}

// targets are a table's rows by the place they write, in names that do not depend on
// prefixes.
type targets struct {
	prefixes map[string]string // namespace -> the table's prefix
	rows     map[string][]table.RowInfo
	above    map[string]bool // something in it is written
}

func newTargets(t *mapping.Table, s *Source) targets {
	out := targets{map[string]string{}, map[string][]table.RowInfo{}, map[string]bool{}}
	spaces := s.spaces()
	for prefix, space := range spaces {
		out.prefixes[space] = prefix
	}
	for _, row := range t.Rows() {
		if row.Target == "" {
			continue
		}
		at := ""
		for _, step := range strings.Split(strings.TrimPrefix(row.Target, "/"), "/") {
			if row.Direction != "decode" {
				out.above[at] = true
			}
			at += stepKey(step, spaces)
		}
		out.rows[at] = append(out.rows[at], row)
		if row.Direction != "decode" && !s.row(row.ID).Group {
			out.above[at] = true
		}
	}
	return out
}

// spaces are the namespaces of a table's prefixes, and of the one that needs no declaration.
func (s *Source) spaces() map[string]string {
	spaces := s.prefixes()
	spaces["xml"] = xmltree.XMLSpace
	return spaces
}

// stepKey writes a step with its namespace instead of its prefix.
func stepKey(step string, spaces map[string]string) string {
	name, attr := strings.CutPrefix(step, "@")
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		prefix, local = "", name
	}
	return nodeKey(xmltree.Name{Space: spaces[prefix], Local: local}, attr)
}

func nodeKey(n xmltree.Name, attr bool) string {
	if attr {
		return "/@" + n.String()
	}
	return "/" + n.String()
}

func (c *Coverage) walk(n *Node, at, path string, t targets) {
	at += nodeKey(n.Name, n.Attr)
	name := n.Name.Local
	if prefix, ok := t.prefixes[n.Name.Space]; ok && n.Name.Space != "" {
		name = prefix + ":" + name
	} else if n.prefix != "" {
		name = n.prefix + ":" + name
	}
	if n.Attr {
		name = "@" + name
	}
	path += "/" + name
	p := Place{
		Path: path, Cardinality: n.Cardinality(), Required: n.Min > 0, Filled: t.above[at], Below: n.below(),
		Recursive: n.Recursive, Limit: n.MaxLength, node: n, at: at,
	}
	for _, row := range t.rows[at] {
		id := row.ID
		if row.Direction == "decode" {
			id += readOnly
		}
		p.Rows = append(p.Rows, id)
	}
	c.Places = append(c.Places, p)
	first := len(c.Places)
	for _, child := range n.Children {
		c.walk(child, at, path, t)
	}
	for i := range c.Places[first:] {
		if p := &c.Places[first+i]; p.at == at+wildcard {
			p.Filled = t.addsTo(at, n)
		}
	}
}

// wildcard ends the path of a place where the schema takes any element.
const wildcard = "/*"

// addsTo reports whether a row writes an element that the schema does not name at a place.
func (t targets) addsTo(at string, n *Node) bool {
	for written := range t.above {
		rest, within := strings.CutPrefix(written, at)
		if within && strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "/@") && !slices.ContainsFunc(n.Children, func(c *Node) bool {
			return strings.HasPrefix(rest+"/", nodeKey(c.Name, c.Attr)+"/")
		}) {
			return true
		}
	}
	return false
}

// wild reports whether a target that the schema does not name stands where it takes any
// element, or in such a one.
func (c *Coverage) wild(target string, spaces map[string]string) bool {
	known := map[string]bool{}
	for _, p := range c.Places {
		known[p.at] = true
	}
	at := ""
	for _, step := range strings.Split(strings.TrimPrefix(target, "/"), "/") {
		next := at + stepKey(step, spaces)
		if !known[next] {
			return !strings.HasPrefix(step, "@") && known[at+wildcard]
		}
		at = next
	}
	return false
}

// prune finds the highest nodes that no row writes.
func (c *Coverage) prune() {
	above := "\x00"
	for _, p := range c.Places {
		if p.Filled || strings.HasPrefix(p.Path, above+"/") {
			continue
		}
		c.Unfilled, above = append(c.Unfilled, p), p.Path
	}
}

// readOnly marks a row that does not write its place.
const readOnly = " (read only)"

var selector = regexp.MustCompile(`\[[^\]]*\]`)

// carried returns the schema paths that a table's rows read or write, without
// selectors; a path ending in a dot stands for all below it. What rows say of one
// message that a group collects, they say of all of them.
func carried(t *mapping.Table, s *Source) (exact map[string]bool, subtrees []string) {
	exact = map[string]bool{}
	var collected [][]string
	chosen := func(path string) { // [scheme=INN] reads and writes scheme
		for _, at := range selector.FindAllStringIndex(path, -1) {
			if field, _, ok := strings.Cut(path[at[0]+1:at[1]-1], "="); ok {
				exact[selector.ReplaceAllString(path[:at[0]], "")+"."+field] = true
			}
		}
	}
	for _, row := range t.Rows() {
		r := s.row(row.ID)
		if r.Get("count") != "" || r.Get("sum") != "" && r.Get("lone") != "true" {
			continue // says nothing that does not stand elsewhere
		}
		for _, path := range []string{row.From, row.Set, row.With, row.Each} {
			chosen(path)
		}
		path := selector.ReplaceAllString(row.From+row.Set, "")
		if path != "" {
			exact[path] = true
		}
		if len(row.Language) > 0 {
			subtrees = append(subtrees, path+".")
		}
		if len(row.Collect) > 1 {
			collected = append(collected, row.Collect)
		}
	}
	for _, paths := range collected {
		for path := range maps.Clone(exact) {
			if rest, ok := strings.CutPrefix(path, paths[0]+"."); ok {
				for _, other := range paths[1:] {
					exact[other+"."+rest] = true
				}
			}
		}
		for _, path := range subtrees {
			if rest, ok := strings.CutPrefix(path, paths[0]+"."); ok {
				for _, other := range paths[1:] {
					subtrees = append(subtrees, other+"."+rest)
				}
			}
		}
	}
	return exact, subtrees
}

// fields finds the highest fields that no row carries.
func (c *Coverage) fields(t *mapping.Table, s *Source) {
	exact, subtrees := carried(t, s)
	entries := document.Dictionary(t.Kind())
	read := map[string]bool{} // and everything above it
	for _, e := range entries {
		if e.Field.Type == document.Message {
			continue
		}
		c.Fields++
		if exact[e.Path] || slices.ContainsFunc(subtrees, func(w string) bool { return strings.HasPrefix(e.Path, w) }) {
			for at := e.Path; at != ""; at = at[:max(strings.LastIndexByte(at, '.'), 0)] {
				read[at] = true
			}
		}
	}
	for _, e := range entries {
		if last := len(c.Missing) - 1; last >= 0 && strings.HasPrefix(e.Path, c.Missing[last].Path+".") {
			if e.Field.Type != document.Message {
				c.Missing[last].Below++
			}
		} else if !read[e.Path] {
			c.Missing = append(c.Missing, MissingField{Path: e.Path})
		}
	}
}

// Report lays the coverage out for people; with all, every node of the schema.
func (c *Coverage) Report(all bool) Report {
	filled, required := 0, 0
	for _, p := range c.Places {
		if p.Filled {
			filled++
		}
	}
	for _, p := range c.Unfilled {
		if p.Required {
			required++
		}
	}
	gone := 0
	for _, g := range c.Missing {
		gone += max(g.Below, 1)
	}
	out := Report{Title: "coverage of " + c.Table, Facts: []Key{
		{"schema", c.Schema},
		{"elements and attributes", fmt.Sprintf("%d, of which rows fill %d", len(c.Places), filled)},
		{"required and empty", fmt.Sprint(required)},
		{"canonical fields", fmt.Sprintf("%d, of which rows carry %d", c.Fields, c.Fields-gone)},
	}}
	unfilled := Section{Heading: "No row fills", Columns: []string{"node", "occurs", "also below", "read by"}}
	for _, p := range c.Unfilled {
		unfilled.Rows = append(unfilled.Rows, []string{p.Path, p.Cardinality, number(p.Below), strings.Join(p.Rows, ", ")})
	}
	fields := Section{Heading: "No row carries", Columns: []string{"canonical field", "also below"}}
	for _, g := range c.Missing {
		fields.Rows = append(fields.Rows, []string{g.Path, number(g.Below)})
	}
	out.Sections = []Section{unfilled, fields}
	if !all {
		return out
	}
	every := Section{Heading: "Every node of the schema", Columns: []string{"node", "occurs", "at most", "rows"}}
	for _, p := range c.Places {
		rows := strings.Join(p.Rows, ", ")
		if !p.Filled {
			rows = strings.TrimSpace("- " + rows)
		}
		if p.Recursive {
			rows += " (holds itself)"
		}
		every.Rows = append(every.Rows, []string{p.Path, p.Cardinality, number(p.Limit), strings.TrimSpace(rows)})
	}
	out.Sections = append(out.Sections, every)
	return out
}

// number writes a number that is worth a word.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
