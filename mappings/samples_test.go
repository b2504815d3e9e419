package mappings_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/schema"
	"customs.example/gateway/xmltree"
	"customs.example/xsd"
	"customs.example/xsd/instance"
)

// official is the directory of files that are not ours to publish; "" without them.
func official(t *testing.T) string {
	dir := os.Getenv("CUSTOMS_OFFICIAL")
	if dir == "" {
		t.Log("CUSTOMS_OFFICIAL is not set: only our own documents are tested")
	}
	return dir
}

// Chinese instances, public ones and those made to their pattern, come back element by
// element.
func TestChineseSamplesComeBack(t *testing.T) {
	dir := official(t)
	if dir == "" {
		return
	}
	d := load(t)
	for file, id := range map[string]string{
		"public-MT1401.xml": "cn/mt1401.v1", "public-MT2401.xml": "cn/mt2401.v1", "MT1401-own.xml": "cn/mt1401.v1",
		"MT4401-laden-entry.xml": "cn/mt4401.v1", "MT4404-empty-exit.xml": "cn/mt4404.v1", "MT4406-emptybox-exit.xml": "cn/mt4406.v1",
	} {
		t.Run(file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, "samples", "cn", file))
			if err != nil {
				t.Fatal(err)
			}
			table := d.table(t, id)
			sent := d.conforming(t, table, raw)
			decoded := table.Decode(sent)
			if len(decoded.Faults) > 0 || len(decoded.Unread) > 0 {
				t.Fatalf("decode: %v unread %v", lines(decoded.Faults), decoded.Unread)
			}
			encoded, _, faults := table.Encode(decoded.Document, false)
			if len(faults) > 0 {
				t.Fatal(lines(faults))
			}
			back := d.conforming(t, table, encoded.Bytes())
			if diff := cmp.Diff(canonical(sent.Root), canonical(back.Root)); diff != "" {
				t.Errorf("-sent +back:\n%s", diff)
			}
		})
	}
}

// canonical writes an element by names, attributes and texts alone: prefixes and
// blanks between elements do not count.
func canonical(e *xmltree.Element) []string {
	var out []string
	for c := range e.Walk() {
		line := c.Name.String()
		var attrs []string
		for _, a := range c.Attrs {
			attrs = append(attrs, fmt.Sprintf(" %s=%q", a.Name, a.Value))
		}
		slices.Sort(attrs)
		out = append(out, line+strings.Join(attrs, "")+" "+strings.TrimSpace(c.Text))
	}
	return out
}

func TestRussianSamplesAreRead(t *testing.T) {
	dir := official(t)
	if dir == "" {
		return
	}
	d := load(t)
	for file, id := range map[string]string{
		"AutoPreliminary.xml": "ru/auto-preliminary.v1", "Notif_PIResult_ok.xml": "ru/notif-pi-result.v1", "Notif_PIResult_reject.xml": "ru/notif-pi-result.v1",
		"RWPreliminary.xml": "ru/rw-preliminary.v1", "ReqPI_Delete.xml": "ru/req-pi-delete.v1", "PI_StatusRequest.xml": "ru/pi-status-request.v1",
		"TDSolution.xml": "ru/td-solution.v1", "NotifArrivalTransit.xml": "ru/notif-arrival-transit.v1", "ESADout_CU_transit.xml": "ru/esadout-transit.v1",
		"EEC_AutoPI_reconstructed.xml": "eaeu/auto-preliminary.v1", "EEC_TransitDeclaration.xml": "eaeu/transit-declaration.v1",
	} {
		t.Run(file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, "samples", "ru-eaeu", file))
			if err != nil {
				t.Fatal(err)
			}
			table := d.table(t, id)
			decoded := d.read(t, table, raw)
			if decoded.Faults = timed(decoded.Faults); len(decoded.Faults) > 0 || len(decoded.Unread) > 0 {
				t.Fatalf("decode: %v unread %v", lines(decoded.Faults), decoded.Unread)
			}
			d.settles(t, table, raw)
		})
	}
}

// about are the faults that a made-up value of a right form may meet.
var about = []gateway.Code{
	gateway.ListUnknown, gateway.ListOpen, gateway.ListNotValid, gateway.ListLookAlike, gateway.ListNoCounterpart,
	gateway.MapConst, gateway.MapType,
}

// settles holds a valid document to this: it is read without structural faults, what
// is written of it is valid, and from then on nothing changes.
func (d *data) settles(t tester, tab *mapping.Table, raw []byte) {
	t.Helper()
	decoded := d.read(t, tab, raw)
	more := tab.Profile() != "" || slices.ContainsFunc(tab.Rows(), func(r table.RowInfo) bool { return len(r.Except) > 0 })
	for _, f := range decoded.Faults {
		asked := f.Code == gateway.MapRequired && more // more than the schema does, which knows no function code
		if f.Severity == gateway.Error && !asked && !slices.Contains(about, f.Code) {
			t.Errorf("decode: %v at %s", f, f.Location.Expr)
		}
	}
	encoded, _, faults := tab.Encode(decoded.Document, false)
	if encoded.IsZero() {
		if !faults.Refuse() {
			t.Errorf("nothing written and no fault")
		}
		return
	}
	back := d.read(t, tab, encoded.Bytes())
	again, _, faults := tab.Encode(back.Document, false)
	if faults.Refuse() {
		t.Fatalf("second encode: %v", lines(faults))
	}
	if diff := cmp.Diff(string(encoded.Bytes()), string(again.Bytes())); diff != "" {
		t.Errorf("a second time there and back changes it (-first +second):\n%s", diff)
	}
}

func TestGeneratedDocumentsAreRead(t *testing.T) {
	d := load(t)
	for _, table := range d.library.Tables() {
		t.Run(table.ID(), func(t *testing.T) {
			t.Parallel()
			d.generated(t, table, xsd.FS, table.Schema()+".xsd")
		})
	}
}

func TestOfficialDocumentsAreRead(t *testing.T) {
	dir := official(t)
	if dir == "" {
		return
	}
	d := load(t)
	for name, file := range officialFiles {
		for _, table := range d.library.Tables() {
			if table.Schema() != name || table.Profile() != "" {
				continue
			}
			t.Run(table.ID(), func(t *testing.T) {
				t.Parallel()
				d.generated(t, table, os.DirFS(filepath.Join(dir, officialAlbum)), file)
			})
		}
	}
}

// officialFiles are the official schemas by ours; their folder is that of the samples.
const officialAlbum = "official/ru-fts-5.23.0"

var officialFiles = map[string]string{
	"ru/auto-preliminary.v1": "AutoPreliminary.xsd", "ru/rw-preliminary.v1": "RWPreliminary.xsd",
	"ru/notif-pi-result.v1": "Notif_PIResult.xsd", "ru/req-pi-delete.v1": "ReqPI_Delete.xsd", "ru/pi-status-request.v1": "PI_StatusRequest.xsd",
	"ru/td-solution.v1": "TDSolution.xsd", "ru/notif-arrival-transit.v1": "NotifArrivalTransit.xsd", "ru/esadout-transit.v1": "ESADout_CU.xsd",
	"eaeu/transit-declaration.v1": "EEC_TransitDeclaration.xsd",
}

// officialParts are our schemas whose root is not published, but all it consists of is.
var officialParts = []string{"eaeu/auto-preliminary.v1", "eaeu/rail-preliminary.v1"}

// officialSchemas are the official schemas, under the names of ours; none without them.
var officialSchemas = sync.OnceValues(func() (*schema.Set, error) {
	dir := os.Getenv("CUSTOMS_OFFICIAL")
	if dir == "" {
		return nil, nil
	}
	album := os.DirFS(filepath.Join(dir, officialAlbum))
	files, err := fs.Glob(album, "*.xsd")
	if err != nil {
		return nil, err
	}
	all := fstest.MapFS{}
	for _, file := range files {
		raw, err := fs.ReadFile(album, file)
		if err != nil {
			return nil, err
		}
		all[file] = &fstest.MapFile{Data: raw}
	}
	for ours, file := range officialFiles {
		if all[file] == nil {
			return nil, fmt.Errorf("no official file %s", file)
		}
		all[flatName(ours)+".xsd"] = all[file]
	}
	for _, ours := range officialParts {
		raw, err := fs.ReadFile(xsd.FS, ours+".xsd")
		if err != nil {
			return nil, err
		}
		over := strings.NewReplacer(
			"common/ca-complex-objects-1", "EEC_M_CA_ComplexDataObjects_v1",
			"common/ca-simple-objects-1", "EEC_M_CA_SimpleDataObjects_v1",
			"common/simple-objects-0", "EEC_M_SimpleDataObjects_v0",
		).Replace(string(raw))
		all[flatName(ours)+".xsd"] = &fstest.MapFile{Data: []byte(over)}
	}
	return schema.Load(all)
})

// flatName is the name of a schema in a folder of one level.
func flatName(schema string) string { return strings.ReplaceAll(schema, "/", "-") }

// wantOfficial holds what a table writes to the official schema, where there is one.
func wantOfficial(t tester, table *mapping.Table, raw []byte) {
	t.Helper()
	set, err := officialSchemas()
	if err != nil {
		t.Fatalf("%v", err)
	}
	if set == nil {
		return
	}
	if s, ok := set.Schema(flatName(table.Schema())); ok {
		if faults := s.Check(raw, schema.DefaultLimits).Faults; faults.Refuse() {
			t.Fatalf("%s: not valid by the official schema:\n%v\n%s", table.ID(), lines(faults), raw)
		}
	}
}

// Every golden is valid by the official schema, where there is one.
func TestGoldensAreOfficiallyValid(t *testing.T) {
	if official(t) == "" {
		return
	}
	d := load(t)
	for _, g := range goldens(t) {
		wantOfficial(t, d.table(t, g.table), must(os.ReadFile(g.file(".xml")))(t))
	}
}

func (d *data) generated(t *testing.T, table *mapping.Table, fsys fs.FS, file string) {
	t.Helper()
	root := table.Root().Local
	branches, err := instance.Branches(fsys, file, root)
	if err != nil {
		t.Fatal(err)
	}
	all := []instance.Options{{}, {Repeat: 2}, {Optional: true, Repeat: 2}, {Optional: true, Longest: true}}
	for b := range branches {
		all = append(all, instance.Options{Optional: true, Branch: b})
	}
	for _, o := range all {
		raw, err := instance.Generate(fsys, file, root, o)
		if err != nil {
			t.Fatal(err)
		}
		d.settles(t, table, raw)
	}
}

// What the schemas allow and no row reads is a list of its own, for analysts.
func TestUnreadElementsAreKnown(t *testing.T) {
	d := load(t)
	for _, table := range d.library.Tables() {
		t.Run(table.ID(), func(t *testing.T) {
			file, root := table.Schema()+".xsd", table.Root().Local
			branches, err := instance.Branches(xsd.FS, file, root)
			if err != nil {
				t.Fatal(err)
			}
			unread := map[string]bool{}
			for b := range branches {
				raw, err := instance.Generate(xsd.FS, file, root, instance.Options{Optional: true, Branch: b})
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range d.read(t, table, raw).Unread {
					unread[inXPath.ReplaceAllString(l.Expr, "")] = true
				}
			}
			got := strings.Join(slices.Sorted(maps.Keys(unread)), "\n") + "\n"
			compare(t, filepath.Join("testdata", "unread", filepath.FromSlash(table.ID())+".txt"), got)
		})
	}
}

// inXPath is what the steps of a path have beside their local names.
var inXPath = regexp.MustCompile(`\b[a-z0-9]+:|\[[0-9]+\]`)

// Whatever document comes, encode refuses it with faults, or writes what the schema
// accepts, ours and the official one, and what is read of that is the document but for
// what rows declare lost. Or it writes what the schema refuses at a place that some value
// of the document answers for: tables do not repeat every pattern and bound of their
// schemas, so in the chain the schema's step refuses then, and its fault is told to the
// sender at that value's own place.
func TestEncodeRefusesOrWritesValidDocuments(t *testing.T) {
	d := load(t)
	for _, table := range d.library.Tables() {
		var full *customsv1.Document
		for _, g := range goldens(t) {
			if g.table == table.ID() && g.name == "full" {
				full = g.document(t, ".json")
			}
		}
		t.Run(table.ID(), func(t *testing.T) {
			t.Parallel()
			t.Run("random", rapid.MakeCheck(func(rt *rapid.T) {
				d.refusesOrWrites(rt, table, documenttest.Draw(rt, table.Kind(), documenttest.Options{List: d.codes, MaxItems: 2}))
			}))
			t.Run("altered", rapid.MakeCheck(func(rt *rapid.T) {
				d.refusesOrWrites(rt, table, altered(rt, full))
			}))
		})
	}
}

func (d *data) refusesOrWrites(t *rapid.T, table *mapping.Table, doc *customsv1.Document) {
	encoded, traced, faults := table.Encode(doc, true)
	if encoded.IsZero() {
		if !faults.Refuse() {
			t.Fatalf("nothing written and no fault")
		}
		return
	}
	s, _ := d.schemas.Schema(table.Schema())
	result := s.Check(encoded.Bytes(), schema.DefaultLimits)
	for _, f := range result.Faults {
		if _, ok := traced.ByPlace(f.Location.Expr); !ok {
			t.Fatalf("%v at %s, a place without origin\n%s", f, f.Location.Expr, encoded.Bytes())
		}
	}
	if result.Faults.Refuse() {
		return
	}
	wantOfficial(t, table, encoded.Bytes())
	d.settles(t, table, encoded.Bytes())
	decoded := table.Decode(result.Document)
	for _, f := range decoded.Faults {
		if f.Severity == gateway.Error {
			t.Fatalf("what was written is read with a fault: %v at %s\n%s", f, f.Location.Expr, encoded.Bytes())
		}
	}
	if lost := lost(table, traced, doc, decoded.Document); len(lost) > 0 {
		t.Fatalf("does not come back, and no row says so: %q\n%s", lost, encoded.Bytes())
	}
}

// lost are the values of a document that do not come back as often as they were there,
// and of which no row says that they are lost. What a row wrote MUST come back unless a
// row says lossy; what none wrote may also have been left out by a condition.
func lost(tab *mapping.Table, traced trace.Trace, doc, back *customsv1.Document) []string {
	rows := tab.Rows()
	about := map[string][]table.RowInfo{} // by the schema path that they take
	for _, r := range rows {
		from := selector.ReplaceAllString(r.From, "")
		about[from] = append(about[from], r)
	}
	written := map[string]bool{}
	for _, l := range traced.Links(false) {
		written[l.Path] = true
	}
	left := map[string]int{}
	each := func(d *customsv1.Document, do func(path, schema, value string)) {
		document.Walk(d, func(path string, f document.Field, _ document.Marks, value string) {
			schema := selector.ReplaceAllString(path, "")
			do(path, schema, plain(f, about, schema, value))
		})
	}
	each(back, func(_, schema, value string) { left[schema+" = "+value]++ })
	var out []string
	for _, wrote := range []bool{true, false} { // of equal values first those that were written
		each(doc, func(path, schema, value string) {
			key := schema + " = " + value
			if written[path] != wrote || !wrote && strings.HasSuffix(key, " = ") { // a text of blanks is no value, and not written
				return
			}
			if left[key]--; left[key] < 0 && !declared(rows, schema) && (wrote || !conditional(rows, schema)) {
				out = append(out, path+" = "+value)
			}
		})
	}
	return out
}

// plain is a value without what two texts of it may differ in: an instant's offset and
// what its row's form has no digits for, zeros at the end of a fraction, and white space
// of a text that its format does not keep.
func plain(f document.Field, about map[string][]table.RowInfo, schema, value string) string {
	switch f.Type {
	case document.Instant:
		at, err := document.ParseInstant(value)
		if err != nil {
			return value
		}
		for _, r := range about[schema] {
			at = at.Truncate(precision(r.Time))
		}
		return document.FormatInstant(at.UTC())
	case document.Decimal:
		if n, err := document.ParseNumber(value); err == nil {
			return n.String()
		}
	}
	if slices.ContainsFunc(about[strings.TrimSuffix(schema, ".value")], func(r table.RowInfo) bool { return r.Preserves }) {
		return strings.TrimSpace(value)
	}
	return document.Collapse(value)
}

// precision is the smallest part of a time that a row's form has digits for.
func precision(form string) time.Duration {
	switch {
	case form == "" || form == "instant":
		return 0
	case strings.HasSuffix(form, "SSS"):
		return time.Millisecond
	case strings.HasPrefix(form, "xs-") || strings.Contains(form, "ss"):
		return time.Second
	}
	return time.Minute
}

// conditional reports whether rows that carry a schema path, or groups around them, have
// conditions: what these leave out, mapping loss tells with the row.
func conditional(rows []table.RowInfo, path string) bool {
	for _, r := range rows {
		if from := selector.ReplaceAllString(r.From, ""); from != path && from+".value" != path {
			continue
		}
		if slices.ContainsFunc(rows, func(g table.RowInfo) bool {
			return g.When != "" && (g.ID == r.ID || strings.HasPrefix(r.Target, g.Target+"/") || g.Each != "" && strings.HasPrefix(path, selector.ReplaceAllString(g.Each, "")+"."))
		}) {
			return true
		}
	}
	return false
}

// altered clears some leaves of a document and puts awkward values into others.
func altered(t *rapid.T, full *customsv1.Document) *customsv1.Document {
	doc := document.Clone(full)
	var paths []string
	document.Walk(doc, func(path string, _ document.Field, _ document.Marks, _ string) { paths = append(paths, path) })
	for range rapid.IntRange(1, 6).Draw(t, "changes") {
		path, err := document.CompileFor(document.Kind(doc), rapid.SampledFrom(paths).Draw(t, "path"))
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "clear") {
			path.Clear(document.Of(doc))
			continue
		}
		value := rapid.SampledFrom(awkward).Draw(t, "value")
		if f := path.Field(); f.Type == document.String { // as a reader leaves it
			value, _ = document.Legible(value, f.Prose())
			value, _ = f.Read(value)
		}
		_ = path.Set(document.Of(doc), value) // of another form: as it was
	}
	return doc
}

var awkward = []string{
	"0", "7", "0.000001", "-1", "123456789012345678901234", "true", "false", "A", "ab", "XX", "КЕ", "蒙E12345", "<&>\"'", "a  b", "]]>",
	"2026-02-29T23:59:60Z", "2026-02-28T23:59:59.999999-11:30", "2026-12-31", "CN", "RU", "CONTAINER", "TRACTOR", "CHASSIS", "REPLACE", "STATUS",
	strings.Repeat("货", 300), strings.Repeat("слово ", 100), strings.Repeat("x", 1001),
}

func (d *data) codes(list string) []string {
	l, ok := d.lists.List(list)
	if !ok {
		return nil
	}
	var out []string
	for _, c := range l.Codes {
		if c.To == "" && c.From == "" {
			out = append(out, c.Code)
		}
	}
	return out
}
