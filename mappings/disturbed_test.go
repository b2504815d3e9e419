package mappings_test

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// disturbed is a row with the ways in which it can say one thing otherwise.
type disturbed struct {
	table *mapping.Table
	row   table.RowInfo
	ways  []disturbance
}

type disturbance struct {
	key  string
	what string // "max lowered"
	keys string // YAML of what the row says instead
}

// Every key of every row can be disturbed, and some example comes out otherwise: a
// golden, a document from outside, or one that is made from these for the row. What
// makes no difference to any document is known, with its reason.
func TestEveryKeyOfARowMatters(t *testing.T) {
	d := load(t)
	var rows []disturbed
	for _, table := range d.library.Tables() {
		s := d.scenes(t, table)
		for _, r := range table.Rows() {
			if table.Profile() == "" { // else its rows are the base's, but for what the profile says
				rows = append(rows, disturbed{table, r, s.disturbances(table, r)})
			}
		}
	}
	equivalents(t, "equivalents-rows.txt", d.same(t, rows))
}

// same tries every disturbance of rows and returns those that make no difference.
func (d *data) same(t *testing.T, rows []disturbed) []string {
	t.Helper()
	var mu sync.Mutex
	var same []string
	var shown hints
	explained, _ := known(t, "equivalents-rows.txt")
	parallel(rows, func(r disturbed) {
		s := d.scenes(t, r.table)
		quick := s.madeOf(t, r.table, r.row, small(s.written[r.row.ID]), small(s.read[r.row.ID]))
		pools := []func() []example{
			func() []example { return quick },
			sync.OnceValue(func() []example { return s.made(t, r.table, r.row) }),
			func() []example { return s.examples(r.table) },
		}
		for _, one := range r.ways {
			name := r.table.ID() + " " + r.row.ID + " " + one.what
			otherwise, err := d.library.With(r.table.ID(), r.row.ID, one.keys)
			differs := func(e example) bool { return e.said() != e.say(otherwise) }
			pools := pools
			if _, ok := explained[name]; ok && !*update {
				pools = []func() []example{pools[0], none, pools[2]} // why it makes no difference is known, and holds for what is made too
			}
			like := []string{one.what, one.what + r.table.ID(), one.what + r.table.ID() + s.said[r.row.ID].text("when")}
			switch {
			case err != nil && !located.MatchString(err.Error()):
				t.Errorf("%s: the loader does not say where: %v", name, err)
			case err == nil && !shown.some(pools, differs, like):
				mu.Lock()
				same = append(same, name)
				mu.Unlock()
			}
		}
	})
	return same
}

func none() []example { return nil }

// hints are where the examples stand that last showed what is like this one: examples of
// a kind stand in the same order.
type hints struct{ sync.Map } // of text to []hint, the last first

type hint struct{ pool, at int }

// some reports whether some example of the pools differs. Those that differed for what is
// like this, the most like it last, are tried first.
func (h *hints) some(pools []func() []example, differs func(example) bool, like []string) bool {
	tried := map[hint]bool{}
	shows := func(one hint) bool {
		all := pools[one.pool]()
		if tried[one] || one.at >= len(all) {
			return false
		}
		tried[one] = true
		if !differs(all[one.at]) {
			return false
		}
		for _, key := range like {
			last, _ := h.Load(key)
			others, _ := last.([]hint)
			others = slices.DeleteFunc(slices.Clone(others), func(o hint) bool { return o == one })
			h.Store(key, append([]hint{one}, others[:min(len(others), 3)]...))
		}
		return true
	}
	for _, key := range slices.Backward(like) {
		if last, ok := h.Load(key); ok && slices.ContainsFunc(last.([]hint), shows) {
			return true
		}
	}
	for pool, all := range pools {
		for at := range all() {
			if shows(hint{pool, at}) {
				return true
			}
		}
	}
	return false
}

// located is a mistake with its line and row.
var located = regexp.MustCompile(`^[a-z/.0-9-]+\.yaml:[0-9]+: .*row R[0-9]+`)

// disturbances are all that can be said otherwise by a row.
func (s *scenes) disturbances(table *mapping.Table, info table.RowInfo) []disturbance {
	var out []disturbance
	r := s.said[info.ID]
	add := func(key, what, keys string, args ...any) {
		if _, ok := r[key]; ok {
			out = append(out, disturbance{key, what, fmt.Sprintf(keys, args...)})
		}
	}
	add("required", "not required", `{required: false, except: []}`)
	add("except", "without except", `{except: []}`)
	add("max", "without max", `{max: 0, on_overflow: ""}`)
	if n := r.number("max"); n > 1 {
		add("max", "max lowered", `{max: %d}`, n-1)
	}
	add("on_overflow", "on_overflow reject", `{on_overflow: reject}`)
	add("list", "without list", `{list: ""}`)
	languages := r.texts("language")
	for i, l := range languages {
		if len(languages) > 1 {
			add("language", "without language "+l, `{language: [%s]}`, strings.Join(slices.Delete(slices.Clone(languages), i, i+1), ", "))
		}
		if i > 0 {
			swapped := slices.Clone(languages)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			add("language", "language "+l+" before "+languages[i-1], `{language: [%s]}`, strings.Join(swapped, ", "))
		}
	}
	add("when", "without when", `{when: ""}`)
	add("like", "without like", `{like: ""}`)
	add("there", "without there", `{there: ""}`)
	add("by", "without lookup", `{by: "", in: ""}`)
	add("default", "without default", `{default: ""}`)
	add("const", "another const", `{const: %q}`, another(table, info))
	add("use", "without use", `{use: ""}`)
	for _, changed := range arguments(r.text("use")) {
		add("use", "use "+changed, `{use: %q}`, changed)
	}
	if s.date(table, info) {
		add("time", "another time", `{time: dd.MM.yyyy}`)
	} else {
		add("time", "another time", `{time: yyyyMMddHHmm}`)
	}
	add("zone", "another zone", `{zone: Etc/GMT+11}`)
	add("ordinal", "always 1", `{ordinal: false, const: "1"}`)
	add("count", "always 1", `{count: "", const: "1"}`)
	add("sum", "always 1", `{sum: "", const: "1"}`)
	add("lone", "not lone", `{lone: false}`)
	add("every", "always 1", `{every: "", const: "1"}`)
	switch each := r.text("each"); {
	case r.text("from") == "." && each != "":
		add("each", "the first alone", `{each: "", from: %q}`, each+"[0]")
	case each != "":
		add("each", "the first alone", `{each: "", with: %q}`, each+"[0]")
	}
	add("with", "without with", `{with: ""}`)
	add("handle", "another handle", `{handle: %q}`, r.text("handle")+"Z")
	add("key", "no key", `{key: false}`)
	add("direction", "both ways", `{direction: ""}`)
	add("direction", "the other way", `{direction: %s}`, map[string]string{"encode": "decode", "decode": "encode"}[r.text("direction")])
	add("always", "not always", `{always: false}`)
	return out
}

// another is a constant that a row might have instead.
func another(table *mapping.Table, info table.RowInfo) string {
	if info.Set != "" {
		path, err := document.CompileFor(table.Kind(), info.Set)
		if err != nil {
			return info.Const
		}
		switch f := path.Field(); f.Type {
		case document.Enum:
			return f.Enum[(slices.Index(f.Enum, info.Const)+1)%len(f.Enum)]
		case document.Bool:
			return strconv.FormatBool(info.Const != "true")
		}
	}
	return info.Const + "1"
}

// arguments are uses with other arguments.
func arguments(use string) []string {
	var out []string
	for _, at := range number.FindAllStringIndex(use, -1) {
		n, _ := strconv.Atoi(use[at[0]:at[1]])
		out = append(out, use[:at[0]]+strconv.Itoa(n+1)+use[at[1]:])
	}
	if m := two.FindStringSubmatch(use); m != nil && number.FindString(use) == "" {
		out = append(out, m[1]+"("+m[3]+","+m[2]+")")
	}
	return out
}

var (
	number = regexp.MustCompile(`[0-9]+\b`)
	two    = regexp.MustCompile(`^([a-z]+)\(([^,]+),([^,]+)\)$`)
)

// date reports whether a row's field is a day.
func (s *scenes) date(table *mapping.Table, info table.RowInfo) bool {
	for _, l := range append(slices.Clone(s.written[info.ID]), s.read[info.ID]...) {
		if path, err := document.CompileFor(table.Kind(), l.Path); err == nil {
			return path.Field().Type == document.Date
		}
	}
	return false
}

// example is a document to write or a tree to read, made when it is asked for, and all
// that the table does with it.
type example struct {
	doc  func() *customsv1.Document
	tree func() *xmltree.Document
	said func() string
}

func written(table *mapping.Table, doc func() *customsv1.Document) example {
	e := example{doc: sync.OnceValue(doc)}
	e.said = sync.OnceValue(func() string { return e.say(table) })
	return e
}

func taken(table *mapping.Table, tree func() *xmltree.Document) example {
	e := example{tree: sync.OnceValue(tree)}
	e.said = sync.OnceValue(func() string { return e.say(table) })
	return e
}

func (e example) say(table *mapping.Table) string {
	if e.tree != nil {
		return report(table.Decode(e.tree()))
	}
	doc := e.doc()
	if doc == nil {
		return ""
	}
	encoded, _, faults := table.Encode(doc, false)
	return string(encoded.Bytes()) + lines(faults)
}

// examples are a table's scenes as they are; of a profile's also those that it refuses,
// and each with what a profile may ask for taken away or added.
func (s *scenes) examples(table *mapping.Table) []example {
	s.once.Do(func() {
		docs := slices.Clone(s.refused)
		for _, tree := range s.foreign {
			s.whole = append(s.whole, taken(table, func() *xmltree.Document { return tree }))
		}
		for _, one := range s.all {
			if s.whole = append(s.whole, one.reading); one.doc != nil {
				docs = append(docs, one.doc)
			}
		}
		for _, doc := range docs {
			s.whole = append(s.whole, written(table, func() *customsv1.Document { return doc }))
		}
		if table.Profile() == "" {
			return
		}
		for _, doc := range docs {
			for _, name := range slices.Sorted(maps.Keys(changes)) {
				s.whole = append(s.whole, written(table, func() *customsv1.Document {
					out := document.Clone(doc)
					changes[name](out)
					return out
				}))
			}
		}
	})
	return s.whole
}

// made are examples for one row, made from what it wrote and read.
func (s *scenes) made(t tester, table *mapping.Table, r table.RowInfo) []example {
	t.Helper()
	read := s.read[r.ID]
	if read == nil {
		read = s.written[r.ID]
	}
	return s.madeOf(t, table, r, some(s.written[r.ID]), some(read))
}

func (s *scenes) madeOf(t tester, table *mapping.Table, r table.RowInfo, writing, reading []link) []example {
	t.Helper()
	var out []example
	for _, l := range writing {
		for _, doc := range s.variants(t, r, l) {
			out = append(out, written(table, doc))
		}
	}
	for _, l := range reading {
		out = append(out, taken(table, func() *xmltree.Document {
			tree, _, _ := s.lacking(r, l)
			return tree
		}), taken(table, func() *xmltree.Document { return s.strange(l) }))
		if l.Group {
			continue
		}
		for _, text := range append([]string{alike(l.Value)}, texts...) {
			if text != "" {
				out = append(out, taken(table, func() *xmltree.Document { return s.saying(l, text) }))
			}
		}
	}
	for _, l := range writing {
		for _, doc := range s.neighbours(t, l) {
			out = append(out, written(table, doc))
		}
	}
	return out
}

// strange is the scene's tree with an element that nobody knows where a row read one.
func (s *scenes) strange(l link) *xmltree.Document {
	at, _ := l.scene.find(l.Place.Expr)
	tree := edited(l.scene.tree, func(e *xmltree.Element) (string, []xmltree.Attr, bool) { return e.Text, e.Attrs, true })
	e := tree.Root
	for _, step := range route(at) {
		e = e.Children[slices.Index(step.Parent.Children, step)]
	}
	e.Name.Local = "Stranger"
	return tree
}

// neighbours are documents that each lack one thing beside what a row wrote: the
// message that its element stands for has one field less.
func (s *scenes) neighbours(t tester, l link) (out []func() *customsv1.Document) {
	t.Helper()
	at := ""
	for id := range s.around(s.said[l.Row].text(inside)) {
		if i := slices.IndexFunc(s.written[id], func(g link) bool {
			return g.Group && g.scene == l.scene && strings.HasPrefix(l.Place.Expr, g.Place.Expr+"/")
		}); i >= 0 {
			at = s.written[id][i].Path
			break
		}
	}
	from := cmp.Or(at, ".")
	if compiled(t, l.scene.doc, from).Leaf() {
		return nil
	}
	m := compiled(t, l.scene.doc, from).Message(document.Of(l.scene.doc), false)
	if !m.IsValid() {
		return nil
	}
	m.Interface().ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		path := strings.TrimPrefix(at+"."+f.JSONName(), ".")
		out = append(out, func() *customsv1.Document { return cleared(t, l.scene.doc, path) })
		return true
	})
	return out
}

// texts are what a row may meet in a document from outside.
var texts = []string{"中文", "Слово", "Word", "~", "7", "0", "true", "2026-03-09", "2026-03-09T08:15:00.5+08:00"}

// some are a few links, of different scenes and places.
func some(all []link) []link {
	const few = 4
	if len(all) <= few {
		return all
	}
	out := slices.Clone(all[:few/2])
	return append(out, all[len(all)-few/2:]...)
}

// variants are documents that differ from a scene's in what a row wrote there.
func (s *scenes) variants(t tester, r table.RowInfo, l link) (out []func() *customsv1.Document) {
	t.Helper()
	if l.Path == "" && !l.Group {
		return nil
	}
	add := func(doc func() *customsv1.Document) { out = append(out, doc) }
	add(func() *customsv1.Document { doc, _ := s.without(t, r, l); return doc })
	if l.Group {
		if r.Each != "" {
			out = append(out, joined(t, l)...)
		}
		return out
	}
	if limit := s.limit(r.ID); limit > 0 {
		add(func() *customsv1.Document { return s.long(t, l, limit) })
		add(func() *customsv1.Document { return s.long(t, l, limit+1) })
	}
	if r.Language != nil {
		return append(out, speaking(t, l, r.Language)...)
	}
	path := compiled(t, l.scene.doc, l.Path)
	if !path.Leaf() || path.Many() {
		return out
	}
	values := []string{"~", "0", "7", "1.5", "0.001", "true", "false", "2026-12-31", "2026-12-31T23:59:59.75+08:00"}
	values = append(values, path.Field().Enum...)
	if is := leaf(t, l.scene.doc, l.Path); is != "" {
		values = append(values, is+is[len(is)-1:], is[:len(is)-1], is[:min(len(is), 2)], strings.ToLower(is), "00"+is, alike(is))
	}
	for _, v := range values {
		if path.Field().Check(v) == nil {
			add(func() *customsv1.Document { return changed(t, l.scene.doc, l.Path, v) })
		}
	}
	return out
}

// joined are documents whose list has one element more: the one that a row wrote, once
// as it is and then with one of its leaves saying something else.
func joined(t tester, l link) (out []func() *customsv1.Document) {
	t.Helper()
	path := compiled(t, l.scene.doc, l.Path)
	if path.Leaf() {
		return nil
	}
	at := ending.ReplaceAllString(l.Path, "")
	add := func(change func(document.Node)) {
		out = append(out, func() *customsv1.Document {
			doc := document.Clone(l.scene.doc)
			one := compiled(t, doc, at).Append(document.Of(doc))
			proto.Merge(one.Interface(), path.Message(document.Of(doc), false).Interface())
			change(one)
			return doc
		})
	}
	add(func(document.Node) {})
	path.Message(document.Of(l.scene.doc), false).Interface().ProtoReflect().Range(func(f protoreflect.FieldDescriptor, is protoreflect.Value) bool {
		leaf, err := document.Compile(path.Descriptor(), f.JSONName())
		if err != nil || !leaf.Leaf() || leaf.Repeated() {
			return true
		}
		for _, v := range append(leaf.Field().Enum, "~", "7") {
			add(func(m document.Node) { _ = leaf.Set(m, v) })
		}
		return true
	})
	return out
}

// speaking are documents with a text in one or two of the languages that a row lists,
// and in one that it does not.
func speaking(t tester, l link, languages []string) (out []func() *customsv1.Document) {
	t.Helper()
	at := ending.ReplaceAllString(l.Path, "")
	with := func(tags ...string) {
		out = append(out, func() *customsv1.Document {
			doc := cleared(t, l.scene.doc, at)
			for _, tag := range tags {
				text := compiled(t, doc, at).Append(document.Of(doc)).Interface().(*customsv1.Text)
				text.Language, text.Value = tag, "T-"+tag
			}
			return doc
		})
	}
	for i, tag := range languages {
		with(tag)
		if i > 0 {
			with(tag, languages[i-1])
		}
	}
	with("und")
	with("de")
	return out
}

// saying is the scene's tree with another text where a row read one.
func (s *scenes) saying(l link, text string) *xmltree.Document {
	at, attr := l.scene.find(l.Place.Expr)
	return edited(l.scene.tree, func(e *xmltree.Element) (string, []xmltree.Attr, bool) {
		switch {
		case e != at:
			return e.Text, e.Attrs, true
		case attr < 0:
			return text, e.Attrs, true
		}
		attrs := slices.Clone(e.Attrs)
		attrs[attr].Value = text
		return e.Text, attrs, true
	})
}
