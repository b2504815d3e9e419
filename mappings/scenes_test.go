package mappings_test

import (
	"bytes"
	"encoding/xml"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/xmltree"
	"customs.example/mappings"
)

// scene is an example of a table with where each of its values is: a golden, with its
// XML, or for the tables of profiles also one of the table below; or a document from
// outside, which has no canonical document.
type scene struct {
	name    string
	doc     *customsv1.Document
	written []trace.Link
	tree    *xmltree.Document
	places  map[string]*xmltree.Element
	read    []trace.Link
	back    *customsv1.Document

	writing, reading example // of the document, if it has one, and of the tree
}

// link is the value, element or list that a row wrote, or read, in a scene.
type link struct {
	trace.Link
	scene *scene
}

// scenes are the scenes of a table by row: its links in them, and what the row says.
type scenes struct {
	all     []*scene
	written map[string][]link
	read    map[string][]link
	said    map[string]row
	refused []*customsv1.Document // of the table below, which a profile does not write as they are
	foreign []*xmltree.Document   // and as the table below writes them

	once  sync.Once
	whole []example
}

// row is what a table's file, and the profile over it, say of a row, by key.
type row map[string]any

// inside is a key of our own: the id of the row around, "" at the top.
const inside = "inside"

// around yields a row and the rows around it, the innermost first.
func (s *scenes) around(id string) iter.Seq2[string, row] {
	return func(yield func(string, row) bool) {
		for ; id != ""; id = s.said[id].text(inside) {
			if !yield(id, s.said[id]) {
				return
			}
		}
	}
}

// way is the only direction that a row, or one around it, is for; "" for both.
func (s *scenes) way(id string) string {
	for _, r := range s.around(id) {
		if way := r.text("direction"); way != "" {
			return way
		}
	}
	return ""
}

func (r row) text(key string) string {
	s, _ := r[key].(string)
	return s
}

func (r row) is(key string) bool { return r[key] == true }

// texts are a list of texts, such as languages.
func (r row) texts(key string) []string {
	var out []string
	list, _ := r[key].([]any)
	for _, v := range list {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

func (r row) number(key string) int {
	n, _ := r[key].(int)
	return n
}

var staged sync.Map // of table to func() *scenes

// scenes returns a table's scenes, made once.
func (d *data) scenes(t testing.TB, table *mapping.Table) *scenes {
	t.Helper()
	made, _ := staged.LoadOrStore(table, sync.OnceValue(func() *scenes { return d.stage(t, table) }))
	return made.(func() *scenes)()
}

func (d *data) stage(t testing.TB, table *mapping.Table) *scenes {
	t.Helper()
	s := &scenes{written: map[string][]link{}, read: map[string][]link{}, said: d.said(t, table)}
	ids := []string{table.ID()}
	if table.Profile() != "" {
		ids = append(ids, table.Base())
	}
	for _, g := range goldens(t) {
		if !slices.Contains(ids, g.table) {
			continue
		}
		one := &scene{name: g.table + "/" + g.name, doc: g.document(t, ".json")}
		encoded, trace, faults := table.Encode(one.doc, true)
		faults = timed(faults)
		if len(faults) > 0 && g.table != table.ID() { // the profile asks for more, or otherwise
			s.refused = append(s.refused, one.doc)
			s.foreign = append(s.foreign, d.conforming(t, table, must(os.ReadFile(g.file(".xml")))(t)))
			one.doc = adopted(one.doc, golden{table.ID(), "full"}.document(t, ".json"), faults)
			encoded, trace, faults = table.Encode(one.doc, true)
			faults = timed(faults)
		}
		if len(faults) > 0 {
			t.Fatalf("%s: %v", one.name, lines(faults))
		}
		one.written, one.tree = trace.Links(true), d.conforming(t, table, encoded.Bytes())
		s.all = append(s.all, one)
	}
	for _, g := range inbound(t) {
		if slices.Contains(ids, g.table) {
			s.all = append(s.all, &scene{name: g.table + "/" + g.name, tree: d.conforming(t, table, must(os.ReadFile(g.inbound(".xml")))(t))})
		}
	}
	for _, one := range s.all {
		decoded := table.Decode(one.tree)
		one.places = places(one.tree)
		one.writing = written(table, func() *customsv1.Document { return one.doc })
		one.reading = taken(table, func() *xmltree.Document { return one.tree })
		one.read, one.back = decoded.Trace.Links(true), decoded.Document
		for _, l := range one.written {
			s.written[l.Row] = append(s.written[l.Row], link{l, one})
		}
		for _, l := range one.read {
			s.read[l.Row] = append(s.read[l.Row], link{l, one})
		}
	}
	return s
}

// adopted is a document whose parts with faults are another's.
func adopted(doc, from *customsv1.Document, faults gateway.Faults) *customsv1.Document {
	out := document.Clone(doc)
	to, other := document.Body(out).Interface().ProtoReflect(), document.Body(document.Clone(from)).Interface().ProtoReflect()
	for _, f := range faults {
		part, _, _ := strings.Cut(f.Path, ".")
		if field := to.Descriptor().Fields().ByJSONName(part); field != nil {
			to.Set(field, other.Get(field))
		}
	}
	return out
}

// said reads what the rows of a table say, the profile's word over the table's.
func (d *data) said(t testing.TB, table *mapping.Table) map[string]row {
	t.Helper()
	out := map[string]row{}
	var walk func(rows any, in string)
	walk = func(rows any, in string) {
		list, _ := rows.([]any)
		for _, r := range list {
			said, _ := r.(map[string]any)
			said[inside] = in
			id := row(said).text("id")
			out[id] = said
			walk(said["rows"], id)
		}
	}
	walk(file(t, table.Base()+".yaml")["rows"], "")
	if table.Profile() == "" {
		return out
	}
	profile := file(t, profileFile(table))
	languages, _ := profile["languages"].([]any)
	for _, r := range out {
		for _, l := range languages {
			change, _ := l.(map[string]any)
			if _, ok := r["language"]; ok && slices.Equal(row(change).texts("from"), r.texts("language")) {
				r["language"] = change["to"]
				break
			}
		}
	}
	for key, over := range overlays(profile) {
		if base, id, ok := strings.Cut(key, "#"); ok && base == table.Base() {
			maps.Copy(out[id], over)
		}
	}
	return out
}

// profileFile is the file of the profile that made a table.
func profileFile(table *mapping.Table) string {
	_, profile, _ := strings.Cut(table.ID(), "+")
	if !strings.Contains(profile, ".v") {
		profile += ".v1"
	}
	return path.Join("profiles", profile+".yaml")
}

// overlays are what a profile says of rows.
func overlays(profile map[string]any) map[string]row {
	out := map[string]row{}
	rows, _ := profile["rows"].(map[string]any)
	for key, over := range rows {
		said, _ := over.(map[string]any)
		out[key] = said
	}
	return out
}

// file reads a YAML file of the embedded data.
func file(t testing.TB, name string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := document.DecodeYAML(name, must(fs.ReadFile(mappings.FS, name))(t), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// each runs one test for each table, several at once.
func (d *data) each(t *testing.T, do func(t *testing.T, table *mapping.Table)) {
	t.Helper()
	for _, table := range d.library.Tables() {
		t.Run(table.ID(), func(t *testing.T) {
			t.Parallel()
			do(t, table)
		})
	}
}

// parallel calls do for every element, as many at once as there are processors.
func parallel[T any](all []T, do func(T)) {
	var group sync.WaitGroup
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, one := range all {
		turn <- struct{}{}
		group.Go(func() {
			defer func() { <-turn }()
			do(one)
		})
	}
	group.Wait()
}

// path compiles a path of a document that is there.
func compiled(t tester, doc *customsv1.Document, path string) *document.Path {
	t.Helper()
	p, err := document.CompileFor(document.Kind(doc), path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p
}

// cleared is a document without what is at a path.
func cleared(t tester, doc *customsv1.Document, paths ...string) *customsv1.Document {
	t.Helper()
	out := document.Clone(doc)
	for _, p := range paths {
		compiled(t, doc, p).Clear(document.Of(out))
	}
	return out
}

// changed is a document with another text at a path; nil where the field has no such text.
func changed(t tester, doc *customsv1.Document, path, text string) *customsv1.Document {
	t.Helper()
	out := document.Clone(doc)
	if compiled(t, doc, path).Set(document.Of(out), text) != nil {
		return nil
	}
	return out
}

var position = regexp.MustCompile(`\[[0-9]+\]`)

// list is the path of the list that an instance path ends in, be it in a text of
// languages: names for names[1].value.
func list(path string) string {
	return position.ReplaceAllString(strings.TrimSuffix(path, ".value"), "") // of the last step alone
}

// edited is a copy of a tree. What edit makes of an element's text and attributes
// stands there; without keep the element is left out.
func edited(doc *xmltree.Document, edit func(e *xmltree.Element) (text string, attrs []xmltree.Attr, keep bool)) *xmltree.Document {
	b := xmltree.NewBuilder(0, 0)
	var walk func(e *xmltree.Element)
	walk = func(e *xmltree.Element) {
		text, attrs, keep := edit(e)
		if !keep {
			return
		}
		b.Open(e.Name, e.Prefix, 0, 0).Text = text
		for prefix, space := range e.Namespaces {
			b.Namespace(prefix, space)
		}
		for _, a := range attrs {
			b.Attr(a)
		}
		for _, c := range e.Children {
			walk(c)
		}
		b.Close()
	}
	walk(doc.Root)
	return b.Document()
}

// find returns the element at a place of the scene's tree; of an attribute's place also
// the attribute's position, otherwise -1.
func (s *scene) find(place string) (e *xmltree.Element, attr int) {
	if e = s.places[place]; e != nil {
		return e, -1
	}
	e = s.places[parent(place)]
	return e, slices.IndexFunc(e.Attrs, func(a xmltree.Attr) bool { return e.AttrLocation(a.Name).Expr == place })
}

func parent(place string) string { return place[:max(strings.LastIndexByte(place, '/'), 0)] }

// places are the elements of a tree by place.
func places(doc *xmltree.Document) map[string]*xmltree.Element {
	out := map[string]*xmltree.Element{}
	for e := range doc.Root.Walk() {
		out[e.Location().Expr] = e
	}
	return out
}

// serialised writes a tree.
func serialised(doc *xmltree.Document) []byte {
	var b bytes.Buffer
	escape := func(s string) { _ = xml.EscapeText(&b, []byte(s)) }
	var walk func(e *xmltree.Element)
	walk = func(e *xmltree.Element) {
		b.WriteString("<" + e.QName())
		for _, prefix := range slices.Sorted(maps.Keys(e.Namespaces)) {
			b.WriteString(" " + strings.TrimSuffix("xmlns:"+prefix, ":") + `="` + e.Namespaces[prefix] + `"`)
		}
		for _, a := range e.Attrs {
			name := a.Name.Local
			if a.Prefix != "" {
				name = a.Prefix + ":" + name
			}
			b.WriteString(" " + name + `="`)
			escape(a.Value)
			b.WriteString(`"`)
		}
		b.WriteString(">")
		escape(e.Text)
		for _, c := range e.Children {
			walk(c)
		}
		b.WriteString("</" + e.QName() + ">")
	}
	walk(doc.Root)
	return b.Bytes()
}

// named are the elements of a name.
func named(all []*xmltree.Element, name xmltree.Name) []*xmltree.Element {
	return slices.DeleteFunc(slices.Clone(all), func(e *xmltree.Element) bool { return e.Name != name })
}
