// Package analysis owns what an analyst asks of mapping tables, profiles, joins and
// splits: to see one, what of a format a table does not fill, what a document loses in
// it, what a change would do, and where a value came from. It refuses to change anything:
// every answer is a report on tables, schemas and documents that others have loaded.
//
// It is longer than its neighbours because every question is a file of its own: show
// (analysis, profile, recipe for what is no table), coverage with its reader of schemas
// (xsd), lint with scripts, loss, diff, place and example share no more than a table's
// source, values and the report.
package analysis

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/table"
)

// Key is one key of a row or header, as the file writes it.
type Key struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Row is a row of a table as its file writes it.
type Row struct {
	ID     string `json:"id"`
	Line   int    `json:"line"`
	Depth  int    `json:"depth"` // 0 at the top; more inside groups
	Group  bool   `json:"group,omitempty"`
	Inside string `json:"inside,omitempty"` // the group that holds it
	Keys   []Key  `json:"keys"`             // without id and rows, in the order of the language
}

// Get returns the value of a key, "" if the row has none.
func (r Row) Get(name string) string { return get(r.Keys, name) }

// Get returns the value of a key of the header, "" if there is none.
func (s *Source) Get(name string) string { return get(s.Header, name) }

// Source is a table's file, key by key. It knows every key that a file has, also those
// that this package gives no meaning to.
type Source struct {
	ID     string // "cn/mt2401.v1"; of a profile "kz.v1"
	Type   string // mapping, join, split or profile
	File   string
	Digest gateway.Digest // of the file
	Header []Key          // in the order of the language; a namespace is namespaces.PREFIX
	Rows   []Row          // groups before their rows, those of fragments at every use

	fragments map[string]any // by name
}

// Read reads the file of a table, and of the profiles that made it of that; the loader
// has judged them.
func Read(fsys fs.FS, t *mapping.Table) (*Source, error) {
	s, err := ReadFile(fsys, t.Base()+".yaml")
	if err != nil {
		return nil, err
	}
	_, profile, ok := strings.Cut(t.ID(), "+")
	if !ok {
		return s, nil
	}
	if profile == t.Profile() {
		profile += ".v1" // is not written for the first version
	}
	layers, err := layersTo(fsys, profile, t.Base())
	for _, l := range layers {
		s.overlay(l, t.Base())
	}
	for i, info := range t.Rows() { // the loader knows which a profile leaves
		if i < len(s.Rows) {
			s.Rows[i].Keys = set(s.Rows[i].Keys, Key{"examples", shown(info.Examples)})
		}
	}
	s.Header = slices.DeleteFunc(s.Header, func(k Key) bool { return strings.HasPrefix(k.Name, "examples.") })
	return s, err
}

// shown writes the examples of a row on one line.
func shown(examples []table.RowExample) string {
	var parts []string
	for _, e := range examples {
		parts = append(parts, e.String())
	}
	return strings.Join(parts, "; ")
}

// ReadFile reads a file that has rows, as it is written.
func ReadFile(fsys fs.FS, file string) (*Source, error) {
	raw, tree, lines, err := readTree(fsys, file)
	if err != nil {
		return nil, err
	}
	s := &Source{File: file, Digest: gateway.DigestOf(raw), Header: keys("", tree)}
	for _, s.Type = range []string{"mapping", "join", "split", "profile"} {
		if name := s.Get(s.Type); name != "" {
			s.ID = name + ".v" + s.Get("version")
			break
		}
	}
	s.fragments, _ = tree["fragments"].(map[string]any)
	s.add(tree["rows"], "$.rows", "", 0, lines, use{})
	return s, nil
}

func readTree(fsys fs.FS, file string) (raw []byte, tree map[string]any, lines document.Lines, err error) {
	if raw, err = fs.ReadFile(fsys, file); err == nil {
		lines, err = document.ReadYAML(file, raw, &tree)
	}
	return raw, tree, lines, err
}

func (s *Source) add(rows any, node, inside string, depth int, lines document.Lines, u use) {
	if changes, ok := rows.(map[string]any); ok { // of a profile, by id
		for id, change := range changes {
			m, _ := change.(map[string]any)
			s.Rows = append(s.Rows, Row{ID: id, Line: lines[node+"."+id], Keys: keys("", m)})
		}
		slices.SortFunc(s.Rows, func(a, b Row) int { return cmp.Or(a.Line-b.Line, strings.Compare(a.ID, b.ID)) })
	}
	list, _ := rows.([]any)
	for i, row := range list {
		m, _ := row.(map[string]any)
		m = u.moved(m)
		at, id := fmt.Sprintf("%s[%d]", node, i), u.id+text(m["id"])
		below, inner, body := at+".rows", u.below(m), m["rows"]
		if m["fragment"] != nil {
			name, in, instead := u.fragment(m, id)
			if below, inner, body = "$.fragments."+name, in, s.fragments[name]; instead {
				s.add(body, below, inside, depth, lines, inner)
				continue
			}
		}
		r := Row{ID: id, Line: lines.Line(at), Depth: depth, Inside: inside, Group: body != nil, Keys: keys("", m)}
		r.Keys = slices.DeleteFunc(r.Keys, func(k Key) bool { return k.Name == "id" })
		s.Rows = append(s.Rows, r)
		s.add(body, below, id, depth+1, lines, inner)
	}
}

// row returns a row by its id.
func (s *Source) row(id string) Row {
	i := slices.IndexFunc(s.Rows, func(r Row) bool { return r.ID == id })
	if i < 0 {
		return Row{}
	}
	return s.Rows[i]
}

// prefixes returns the namespaces of the prefixes that the table declares.
func (s *Source) prefixes() map[string]string {
	out := map[string]string{}
	for _, k := range s.Header {
		if prefix, ok := strings.CutPrefix(k.Name, "namespaces."); ok {
			out[prefix] = k.Value
		}
	}
	return out
}

// order is the order in which people read the keys; others follow by name.
var order = []string{
	"mapping", "join", "split", "profile", "version", "administration", "over", "document", "parts", "key", "limit", "root", "namespaces", "default", "system", "zone", "zone_of", "schema", "languages", "answers", "status", "source", "valid", "where",
	"to", "set", "from", "const", "count", "sum", "lone", "every", "equal", "ordinal", "refer", "handle", "each", "with", "collect",
	"list", "use", "language", "time", "max", "on_overflow", "when", "required", "except", "always", "yields", "direction", "lossy", "note", "examples",
}

// keys flattens a node of the file, but for its rows.
func keys(prefix string, m map[string]any) (out []Key) {
	for name, v := range m {
		if (name == "rows" || name == "fragments") && prefix == "" {
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			out = append(out, keys(prefix+name+".", v)...)
		case []any:
			out = append(out, listed(prefix+name, v)...)
		default:
			out = append(out, Key{prefix + name, text(v)})
		}
	}
	slices.SortFunc(out, byRank)
	return out
}

// listed writes a list: of texts as one value, of mappings each under its name.
func listed(name string, list []any) (out []Key) {
	if name == "examples" {
		var examples []table.RowExample
		for _, v := range list {
			m, _ := v.(map[string]any)
			if m["name"] != nil {
				break
			}
			texts, ok := m["xml"].([]any)
			if !ok {
				texts = []any{m["xml"]}
			}
			e := table.RowExample{Canonical: text(m["canonical"]), Direction: text(m["direction"])}
			for _, t := range texts {
				e.XML = append(e.XML, text(t))
			}
			examples = append(examples, e)
		}
		if examples != nil {
			return []Key{{name, shown(examples)}}
		}
	}
	named := false
	for i, v := range list {
		m, ok := v.(map[string]any)
		if !ok {
			break
		}
		named = true
		id := cmp.Or(text(m["name"]), text(m["outcome"]), strconv.Itoa(i+1))
		rest := maps.Clone(m)
		delete(rest, "name")
		delete(rest, "outcome")
		out = append(out, Key{name + "." + id, strings.TrimSuffix(strings.TrimPrefix(text(rest), "{"), "}")})
	}
	if !named {
		return []Key{{name, text(list)}}
	}
	return out
}

func byRank(a, b Key) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a.Name, b.Name)) }

// rank is a key's place in the order of the language.
func rank(k Key) int {
	first, _, _ := strings.Cut(k.Name, ".")
	if i := slices.Index(order, first); i >= 0 {
		return i
	}
	return len(order)
}

func get(keys []Key, name string) string {
	for _, k := range keys {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// text writes a value of the file on one line.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = text(v[i])
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		var parts []string
		for _, k := range keys("", v) {
			parts = append(parts, k.Name+": "+k.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// Show lays a table out for people: its header, and its rows with those of a group
// indented below it.
func Show(t *mapping.Table, s *Source) Report {
	out := Report{Title: t.ID()}
	for _, k := range s.Header {
		if k.Name != "mapping" && k.Name != "version" && !strings.HasPrefix(k.Name, "examples.") {
			out.Facts = append(out.Facts, k)
		}
	}
	out.Facts = append(out.Facts, Key{"rows", strconv.Itoa(len(s.Rows))}, Key{"sha256", t.Digest().String()})
	rows := Section{Columns: []string{"row", "target", "value", "translation", "when", "presence", "remarks"}}
	exemplary := slices.ContainsFunc(s.Rows, func(r Row) bool { return r.Get("examples") != "" })
	if exemplary {
		rows.Columns = append(rows.Columns, "examples")
	}
	for _, r := range s.Rows {
		cells := []string{
			r.ID, strings.Repeat(indent, r.Depth) + cmp.Or(r.Get("to"), "—"), r.job(), r.translation(), r.Get("when"), r.duty(), r.remarks(),
		}
		if exemplary {
			cells = append(cells, r.Get("examples"))
		}
		rows.Rows = append(rows.Rows, cells)
	}
	out.Sections = []Section{rows}
	if examples := t.Examples(); len(examples) > 0 {
		section := Section{Heading: "Examples", Columns: []string{"example", "shows", "canonical", "xml", "comes back as"}}
		for _, e := range examples {
			section.Rows = append(section.Rows, []string{e.Name, strings.Join(e.Rows, ", "), indented(e.Canonical), strings.TrimSpace(string(e.XML)), indented(e.Back)})
		}
		out.Sections = append(out.Sections, section)
	}
	return out
}

// indented lays JSON out for people.
func indented(raw []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// job says what gives the row's value.
func (r Row) job() string {
	switch {
	case r.Get("set") != "":
		return fmt.Sprintf("%s := %q", r.Get("set"), r.Get("const"))
	case r.Get("const") != "":
		return strconv.Quote(r.Get("const"))
	case r.Get("each") != "" && !r.Group:
		return "each of " + r.Get("each")
	case r.Get("each") != "":
		return "for each " + r.Get("each")
	case r.Get("with") != "":
		return "with " + r.Get("with")
	case r.Get("collect") != "":
		return "once each " + r.Get("collect")
	case r.Get("refer") != "":
		return "refers to " + r.Get("refer")
	case r.Get("handle") != "":
		return "handle " + r.Get("handle")
	case r.Get("count") != "":
		return "number of " + r.Get("count")
	case r.Get("sum") != "":
		return "sum of " + r.Get("sum")
	case r.Get("every") != "":
		return "each of " + r.Get("every")
	case r.Get("ordinal") != "":
		return "position"
	}
	return r.Get("from")
}

// plain are the keys that have a column of their own.
var plain = []string{"to", "from", "const", "set", "count", "sum", "lone", "every", "ordinal", "refer", "handle", "each", "with", "collect", "when", "required", "key", "always", "equal", "yields", "direction", "lossy", "note", "source", "status", "profile", "examples"}

// translation says how the value is written: every key without a column of its own.
func (r Row) translation() string {
	var parts []string
	for _, k := range r.Keys {
		if !slices.Contains(plain, k.Name) {
			parts = append(parts, k.Name+" "+k.Value)
		}
	}
	return strings.Join(parts, "; ")
}

func (r Row) duty() string {
	var parts []string
	for _, name := range []string{"required", "key", "always", "equal", "yields", "lone"} {
		if r.Get(name) == "true" {
			parts = append(parts, name)
		}
	}
	if d := r.Get("direction"); d != "" {
		parts = append(parts, d+" only")
	}
	return strings.Join(parts, ", ")
}

func (r Row) remarks() string {
	var parts []string
	for _, name := range []string{"lossy", "note", "source", "status", "profile"} {
		if v := r.Get(name); v != "" {
			parts = append(parts, strings.TrimPrefix(name+": ", "note: ")+v)
		}
	}
	return strings.Join(parts, "; ")
}
