package mapping

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/mapping/recipe"
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
	Changes    string            `yaml:"changes"` // named: a change acts only on what its document names
	Zone       string            `yaml:"zone"`
	Space      string            `yaml:"space"`
	ZoneOf     []string          `yaml:"zone_of"`
	Schema     string            `yaml:"schema"`
	Status     string            `yaml:"status"`
	Source     string            `yaml:"source"`
	Valid      validity          `yaml:"valid"`
	Rows       []rowFile         `yaml:"rows"`
	Examples   []exampleFile     `yaml:"examples"`
}

type validity struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// rowFile is a row as it is written.
type rowFile struct {
	ID         string          `yaml:"id"`
	To         string          `yaml:"to"`
	From       string          `yaml:"from"`
	Const      datafile.Quoted `yaml:"const"`
	Set        string          `yaml:"set"`
	Count      string          `yaml:"count"`
	Sum        string          `yaml:"sum"`
	Once       bool            `yaml:"once"`
	Lone       bool            `yaml:"lone"`
	Every      string          `yaml:"every"`
	Ordinal    bool            `yaml:"ordinal"`
	Each       string          `yaml:"each"`
	With       string          `yaml:"with"`
	Collect    []string        `yaml:"collect"`
	Handle     string          `yaml:"handle"`
	Refer      string          `yaml:"refer"`
	Key        bool            `yaml:"key"`
	By         string          `yaml:"by"`
	In         string          `yaml:"in"`
	List       string          `yaml:"list"`
	Use        string          `yaml:"use"`
	When       string          `yaml:"when"`
	Required   bool            `yaml:"required"`
	Except     []string        `yaml:"except"`
	Default    datafile.Quoted `yaml:"default"`
	Language   []string        `yaml:"language"`
	Time       string          `yaml:"time"`
	Zone       string          `yaml:"zone"`
	Space      string          `yaml:"space"`
	Max        int             `yaml:"max"`
	Like       string          `yaml:"like"`
	There      string          `yaml:"there"`
	OnOverflow string          `yaml:"on_overflow"`
	Direction  string          `yaml:"direction"`
	Always     bool            `yaml:"always"`
	Lossy      string          `yaml:"lossy"`
	Note       string          `yaml:"note"`
	Source     string          `yaml:"source"`
	Rows       []rowFile       `yaml:"rows"`
	Examples   samples         `yaml:"examples"`

	dropped bool // by a profile
}

// notTables are the folders of the data that hold something else.
var notTables = []string{"codelists", "routes", "rules", "tolerances"}

// loader is what the tables of one library are compiled with.
type loader struct {
	library *Library
	env     *expr.Env
	lists   *codelist.Lists
	bases   map[string]*base // tables as they are written, for profiles
	files   map[string]*base // every table as it is compiled
	proven  bool             // rows are compiled when they are first asked for
}

// base is a table's file. A profile changes a copy of it.
type base struct {
	*datafile.File
	tableFile
	digest gateway.Digest
	whole  func() *base // with its rows
}

// Lists returns the code lists that the tables use.
func (l *Library) Lists() *codelist.Lists { return l.load.lists }

// Load reads every table, profile, join and split of fsys. The error names every
// mistake of every file with its line. A nil env is enough for data without conditions.
func Load(fsys fs.FS, env *expr.Env, lists *codelist.Lists) (*Library, error) {
	return (&loader{env: env, lists: lists}).run(fsys)
}

// LoadProven is Load for data that are known to be good, as the embedded ones, all of which
// their tests load: the rows of each table are read and compiled when they are first asked
// for, which spares a command that needs few tables most of its start. A table that is not
// good after all panics then. With and Without are Load's alone.
func LoadProven(fsys fs.FS, env *expr.Env, lists *codelist.Lists) (*Library, error) {
	return (&loader{env: env, lists: lists, proven: true}).run(fsys)
}

func (load *loader) run(fsys fs.FS) (*Library, error) {
	files, err := fs.Glob(fsys, "*/*.yaml")
	if err != nil {
		return nil, err
	}
	containers, err := loadContainers(fsys)
	if err != nil {
		return nil, err
	}
	l := &Library{byID: map[string]*Table{}, containers: containers}
	load.library, load.bases, load.files = l, map[string]*base{}, map[string]*base{}
	l.load = load
	var mistakes []error
	var profiles []*profile
	for _, file := range files {
		folder := path.Dir(file)
		if slices.Contains(notTables, folder) {
			continue
		}
		raw, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		m := &datafile.File{Name: file}
		switch {
		case recipe.IsFile(file):
			l.recipes.Read(m, raw, load.env)
		case folder == "profiles":
			profiles = append(profiles, loadProfile(m, raw))
			continue // profiles say their mistakes together
		default:
			load.table(m, raw)
		}
		mistakes = append(mistakes, m.Errs...)
	}
	mistakes = append(mistakes, load.profiles(profiles)...)
	slices.SortFunc(l.tables, func(a, b *Table) int { return strings.Compare(a.ID(), b.ID()) })
	for i, t := range l.tables {
		for _, o := range l.tables[:i] {
			if t.rivals(o) {
				mistakes = append(mistakes, fmt.Errorf("%s:1: root %s, version %d is also %s's, expected another version or validity", t.file, t.rootName.name, t.version, o.ID()))
			}
		}
		l.byID[t.ID()] = t
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return l, nil
}

// rivals reports whether nothing decides between two tables on some day.
func (t *Table) rivals(o *Table) bool {
	return o.rootName.name == t.rootName.name && o.version == t.version &&
		(o.profile == "") == (t.profile == "") && o.profileVersion == t.profileVersion &&
		(t.profile == "" || t.administration != "" && t.administration == o.administration) &&
		(t.to == "" || o.from <= t.to) && (o.to == "" || t.from <= o.to)
}

// check says what is wrong with the days.
func (v validity) check(m *datafile.File) {
	for _, day := range []string{v.From, v.To} {
		if _, err := document.ParseDate(day); day != "" && err != nil {
			m.At("$.valid", "%v, expected valid: {from, to}", err)
		}
	}
	if v.From != "" && v.To != "" && v.From > v.To {
		m.At("$.valid", "valid from %s to %s, expected the earlier day first", v.From, v.To)
	}
}

// table reads a table's file.
func (l *loader) table(m *datafile.File, raw []byte) {
	b := &base{File: m, digest: gateway.DigestOf(raw)}
	b.whole = func() *base { return b }
	said := raw
	if l.proven {
		said, _, _ = bytes.Cut(raw, []byte("\nrows:\n"))
		b.whole = sync.OnceValue(func() *base {
			whole := &base{File: &datafile.File{Name: m.Name}, digest: b.digest}
			whole.Errs = append(whole.Errs, whole.Read(raw, &whole.tableFile))
			return whole
		})
	}
	if err := m.Read(said, &b.tableFile); err != nil {
		if m.Errs = append(m.Errs, err); b.Mapping == "" {
			return // no YAML, or no table: the rest would be noise
		}
	}
	if id, want := datafile.Versioned(b.Mapping, b.Version), strings.TrimSuffix(m.Name, ".yaml"); id != want {
		m.At("$.mapping", "this is %s, expected %s as the file says", id, want)
	}
	b.Valid.check(m)
	var t *Table
	if l.proven {
		t = l.head(m, b.tableFile)
		t.body = sync.OnceValue(func() *body {
			whole := b.whole()
			return proven(whole.File, l.body(whole.File, t, whole.tableFile))
		})
	} else {
		t = l.build(m, b.tableFile)
	}
	t.digest = b.digest
	if len(m.Errs) == 0 {
		l.library.tables = append(l.library.tables, t)
		l.bases[t.ID()], l.files[t.ID()] = b, b
	}
}

// proven is what has been compiled of data that are known to be good.
func proven(f *datafile.File, made *body) *body {
	if err := errors.Join(f.Errs...); err != nil {
		panic(fmt.Sprintf("a table that is proven: %v", err))
	}
	return made
}

// build compiles a table, as it is written or as a profile changed it.
func (l *loader) build(m *datafile.File, f tableFile) *Table {
	t := l.head(m, f)
	made := l.body(m, t, f)
	t.body = func() *body { return made }
	return t
}

// head makes a table of what its file says before its rows.
func (l *loader) head(m *datafile.File, f tableFile) *Table {
	t := &Table{
		name: f.Mapping, version: f.Version, kind: f.Document, system: f.System, changesNamed: f.Changes == changesNamed, file: m.Name,
		schema: cmp.Or(f.Schema, datafile.Versioned(f.Mapping, f.Version)), status: f.Status, source: f.Source,
		from: f.Valid.From, to: f.Valid.To, fallback: f.Default,
	}
	for _, prefix := range slices.Sorted(maps.Keys(f.Namespaces)) {
		if f.Namespaces[prefix] == "" {
			m.At("$.namespaces."+prefix, "namespace of %s is empty, expected its name", prefix)
		}
		t.namespaces = append(t.namespaces, namespace{prefix, f.Namespaces[prefix]})
	}
	slices.SortStableFunc(t.namespaces, func(a, b namespace) int {
		return m.Lines["$.namespaces."+a.prefix] - m.Lines["$.namespaces."+b.prefix]
	})
	if f.Default != "" && f.Namespaces[f.Default] == "" {
		m.At("$.default", "prefix %q is not declared, expected one of %v", f.Default, slices.Sorted(maps.Keys(f.Namespaces)))
	}
	if f.Changes != "" && f.Changes != changesNamed {
		m.At("$.changes", "changes %q, expected %s, or nothing: then a change is a full version", f.Changes, changesNamed)
	}
	if f.System != "" && !hasSystem(l.lists, f.System) {
		m.At("$.system", "no code list has the system %q, expected one that some list has", f.System)
	}
	t.lists = l.lists
	t.rootName = l.compiler(m, t).qname("$.root", "root", f.Root, false)
	return t
}

func (l *loader) compiler(m *datafile.File, t *Table) *compiler {
	return &compiler{File: m, table: t, made: &body{}, env: l.env, lists: l.lists, ids: map[string]bool{}, fields: map[string]*row{}, stores: map[string]*row{}}
}

// body compiles the rows of a table.
func (l *loader) body(m *datafile.File, t *Table, f tableFile) *body {
	c := l.compiler(m, t)
	if c.offices = f.ZoneOf; c.offices != nil && f.Zone == "" {
		c.At("$.zone_of", "zone_of without zone, expected the zone that is assumed where the office's is not known")
	}
	c.zone = c.location("$.zone", "", f.Zone)
	c.spaces = f.Space
	c.compile(f)
	if m.Overlaid == nil {
		c.made.examples = c.documents(f.Examples)
	}
	return c.made
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
		if text := fmt.Sprintf("unknown zone %q, expected an IANA name such as Asia/Shanghai", name); id == "" {
			c.At(node, "%s", text)
		} else {
			c.Row(node, id, "%s", text)
		}
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
			c.Row(node, id, "target %q goes on behind an attribute, expected @%s last", target, local)
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
		c.Row(node, id, "%q is no name, expected prefix:Name or Name", name)
	}
	if prefix == "" {
		if c.table.fallback != "" && !attr {
			c.Row(node, id, "%q has no prefix while %s is the default namespace, expected %s:%s", name, c.table.fallback, c.table.fallback, local)
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
	c.Row(node, id, "prefix %q is not declared, expected one of %v", prefix, declared)
	return step{xmltree.Name{Local: local}, prefix}
}
