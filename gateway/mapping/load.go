package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/xmltree"
)

// tableFile is a table as it is written.
type tableFile struct {
	Mapping    string            `yaml:"mapping"`
	Version    int               `yaml:"version"`
	Document   string            `yaml:"document"`
	Root       string            `yaml:"root"`
	Namespaces map[string]string `yaml:"namespaces"`
	Default    string            `yaml:"default"`
	System     string            `yaml:"system"`
	Zone       string            `yaml:"zone"`
	Schema     string            `yaml:"schema"`
	Status     string            `yaml:"status"`
	Source     string            `yaml:"source"`
	Valid      validity          `yaml:"valid"`
	Rows       []rowFile         `yaml:"rows"`
}

type validity struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// rowFile is a row as it is written.
type rowFile struct {
	ID         string    `yaml:"id"`
	To         string    `yaml:"to"`
	From       string    `yaml:"from"`
	Const      literal   `yaml:"const"`
	Set        string    `yaml:"set"`
	Count      string    `yaml:"count"`
	Sum        string    `yaml:"sum"`
	Ordinal    bool      `yaml:"ordinal"`
	Each       string    `yaml:"each"`
	With       string    `yaml:"with"`
	List       string    `yaml:"list"`
	Use        string    `yaml:"use"`
	When       string    `yaml:"when"`
	Required   bool      `yaml:"required"`
	Default    literal   `yaml:"default"`
	Language   []string  `yaml:"language"`
	Time       string    `yaml:"time"`
	Zone       string    `yaml:"zone"`
	Max        int       `yaml:"max"`
	OnOverflow string    `yaml:"on_overflow"`
	Direction  string    `yaml:"direction"`
	Always     bool      `yaml:"always"`
	Lossy      string    `yaml:"lossy"`
	Note       string    `yaml:"note"`
	Source     string    `yaml:"source"`
	Rows       []rowFile `yaml:"rows"`
}

// literal is a text that MUST be quoted where YAML would read something else: 0603
// is no number here.
type literal struct {
	text      string
	said, bad bool
}

// UnmarshalYAML notes whether YAML read a text.
func (l *literal) UnmarshalYAML(decode func(any) error) error {
	var v any
	if err := decode(&v); err != nil {
		return err
	}
	text, ok := v.(string)
	*l = literal{text, true, !ok}
	return nil
}

// notTables are the folders of the data that hold something else.
var notTables = []string{"join", "codelists", "routes", "rules", "profiles", "tolerances"}

// Load reads every table and join of fsys. The error names every mistake of every
// file with its line. A nil env is enough for data without conditions.
func Load(fsys fs.FS, env *expr.Env, lists *codelist.Lists) (*Library, error) {
	files, err := fs.Glob(fsys, "*/*.yaml")
	if err != nil {
		return nil, err
	}
	l := &Library{byID: map[string]*Table{}}
	var mistakes []error
	for _, file := range files {
		folder := path.Dir(file)
		if folder != "join" && slices.Contains(notTables, folder) {
			continue
		}
		raw, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		m := &mistaken{file: file, lines: document.YAMLLines(raw)}
		if folder == "join" {
			l.joins = append(l.joins, loadJoin(m, raw, env))
		} else {
			t := loadTable(m, raw, env, lists)
			if len(m.errs) == 0 {
				l.tables = append(l.tables, t)
			}
		}
		mistakes = append(mistakes, m.errs...)
	}
	for _, t := range l.tables {
		for id, o := range l.byID {
			if o.rootName.name == t.rootName.name && o.version == t.version && (t.to == "" || o.from <= t.to) && (o.to == "" || t.from <= o.to) {
				mistakes = append(mistakes, fmt.Errorf("%s.yaml:1: root %s, version %d is also %s's, expected another version or validity", t.ID(), t.rootName.name, t.version, id))
			}
		}
		l.byID[t.ID()] = t
	}
	slices.SortFunc(l.tables, func(a, b *Table) int { return strings.Compare(a.ID(), b.ID()) })
	slices.SortFunc(l.joins, func(a, b *Join) int { return strings.Compare(a.ID(), b.ID()) })
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return l, nil
}

// mistaken collects the mistakes of one file.
type mistaken struct {
	file  string
	lines document.Lines
	errs  []error
}

func (m *mistaken) at(node, format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf("%s:%d: %s", m.file, max(m.lines.Line(node), 1), fmt.Sprintf(format, args...)))
}

func (m *mistaken) row(node, id, format string, args ...any) {
	m.at(node, "row %s: %s", cmp.Or(id, "without id"), fmt.Sprintf(format, args...))
}

func (m *mistaken) valid(v validity) {
	for _, day := range []string{v.From, v.To} {
		if _, err := document.ParseDate(day); day != "" && err != nil {
			m.at("$.valid", "%v, expected valid: {from, to}", err)
		}
	}
	if v.From != "" && v.To != "" && v.From > v.To {
		m.at("$.valid", "valid from %s to %s, expected the earlier day first", v.From, v.To)
	}
}

func loadTable(m *mistaken, raw []byte, env *expr.Env, lists *codelist.Lists) *Table {
	var f tableFile
	if err := document.DecodeYAML(m.file, raw, &f); err != nil {
		if m.errs = append(m.errs, err); f.Mapping == "" {
			return &Table{} // no YAML, or no table: the rest would be noise
		}
	}
	t := &Table{
		name: f.Mapping, version: f.Version, kind: f.Document, system: f.System,
		schema: cmp.Or(f.Schema, versioned(f.Mapping, f.Version)), status: f.Status, source: f.Source,
		from: f.Valid.From, to: f.Valid.To, digest: gateway.DigestOf(raw), fallback: f.Default,
	}
	if want := strings.TrimSuffix(m.file, ".yaml"); t.ID() != want {
		m.at("$.mapping", "this is %s, expected %s as the file says", t.ID(), want)
	}
	m.valid(f.Valid)
	for _, prefix := range slices.Sorted(maps.Keys(f.Namespaces)) {
		if f.Namespaces[prefix] == "" {
			m.at("$.namespaces."+prefix, "namespace of %s is empty, expected its name", prefix)
		}
		t.namespaces = append(t.namespaces, namespace{prefix, f.Namespaces[prefix]})
	}
	slices.SortStableFunc(t.namespaces, func(a, b namespace) int {
		return m.lines["$.namespaces."+a.prefix] - m.lines["$.namespaces."+b.prefix]
	})
	if f.Default != "" && f.Namespaces[f.Default] == "" {
		m.at("$.default", "prefix %q is not declared, expected one of %v", f.Default, slices.Sorted(maps.Keys(f.Namespaces)))
	}
	if f.System != "" && !hasSystem(lists, f.System) {
		m.at("$.system", "no code list has the system %q, expected one that some list has", f.System)
	}
	c := &compiler{mistaken: m, table: t, env: env, lists: lists, ids: map[string]bool{}, fields: map[string]*row{}}
	c.zone = c.location("$.zone", "", f.Zone)
	c.compile(f)
	return t
}

func hasSystem(lists *codelist.Lists, system string) bool {
	return slices.ContainsFunc(lists.Names(), func(list string) bool { return lists.HasSystem(list, system) })
}

// location returns a zone by its IANA name, nil for none.
func (c *compiler) location(node, id, name string) *time.Location {
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		c.row(node, id, "unknown zone %q, expected an IANA name such as Asia/Shanghai", name)
		return nil
	}
	return zone
}

// names reads a target, "p:Name/p:Name/@attr"; "." is the enclosing element's text.
func (c *compiler) names(node, id, target string) (steps []step, attr *step) {
	if target == "" || target == "." {
		return nil, nil
	}
	parts := strings.Split(target, "/")
	for i, part := range parts {
		local, isAttr := strings.CutPrefix(part, "@")
		if isAttr && i < len(parts)-1 {
			c.row(node, id, "target %q goes on behind an attribute, expected @%s last", target, local)
		}
		s := c.qname(node, id, local, isAttr)
		if isAttr {
			attr = &s
		} else {
			steps = append(steps, s)
		}
	}
	return steps, attr
}

func (c *compiler) qname(node, id, name string, attr bool) step {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		prefix, local = "", name
	}
	if local == "" || strings.ContainsAny(local, " \t[]:{}@.'\"<>") {
		c.row(node, id, "%q is no name, expected prefix:Name or Name", name)
	}
	if prefix == "" {
		if c.table.fallback != "" && !attr {
			c.row(node, id, "%q has no prefix while %s is the default namespace, expected %s:%s", name, c.table.fallback, c.table.fallback, local)
		}
		return step{name: xmltree.Name{Local: local}}
	}
	if prefix == "xml" && attr {
		return step{xmltree.Name{Space: xmltree.XMLSpace, Local: local}, prefix}
	}
	for _, n := range c.table.namespaces {
		if n.prefix == prefix {
			if prefix == c.table.fallback && !attr {
				prefix = ""
			}
			return step{xmltree.Name{Space: n.uri, Local: local}, prefix}
		}
	}
	var declared []string
	for _, n := range c.table.namespaces {
		declared = append(declared, n.prefix)
	}
	c.row(node, id, "prefix %q is not declared, expected one of %v", prefix, declared)
	return step{xmltree.Name{Local: local}, prefix}
}
