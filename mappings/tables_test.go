// Package mappings_test holds the tables to what they promise: every golden goes both
// ways, every document of the schemas is read, and no row is there for nothing.
package mappings_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/decode"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/schema"
	"customs.example/gateway/xmltree"
	"customs.example/mappings"
	"customs.example/xsd"
)

var update = flag.Bool("update", false, "rewrite the XML of the goldens and what comes back of it")

// data is the embedded data, loaded once.
type data struct {
	lists   *codelist.Lists
	env     *expr.Env
	library *mapping.Library
	schemas *schema.Set
}

var embedded = sync.OnceValues(func() (*data, error) {
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		return nil, err
	}
	env, err := expr.New(lists)
	if err != nil {
		return nil, err
	}
	library, err := mapping.Load(mappings.FS, env, lists)
	if err != nil {
		return nil, err
	}
	schemas, err := schema.Load(xsd.FS)
	return &data{lists, env, library, schemas}, err
})

func load(t testing.TB) *data {
	t.Helper()
	d, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *data) table(t testing.TB, id string) *mapping.Table {
	t.Helper()
	table, ok := d.library.Table(id)
	if !ok {
		t.Fatalf("no table %s", id)
	}
	return table
}

// tester is a test of either kind.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// read checks a document against the table's schema and decodes it.
func (d *data) read(t tester, table *mapping.Table, raw []byte) decode.Decoded {
	t.Helper()
	return table.Decode(d.conforming(t, table, raw))
}

func (d *data) conforming(t tester, table *mapping.Table, raw []byte) *xmltree.Document {
	t.Helper()
	s, ok := d.schemas.Schema(table.Schema())
	if !ok {
		t.Fatalf("table %s has no schema %s", table.ID(), table.Schema())
	}
	result := s.Check(raw, schema.DefaultLimits)
	if result.Faults.Refuse() {
		t.Fatalf("not valid by %s:\n%v\n%s", table.Schema(), lines(result.Faults), raw)
	}
	return result.Document
}

// golden is one canonical document, its XML, and, where a row declares a loss, what
// comes back of it.
type golden struct{ table, name string }

func goldens(t testing.TB) []golden {
	t.Helper()
	var out []golden
	root := filepath.Join("testdata", "goldens")
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		name, ok := strings.CutSuffix(filepath.Base(path), ".json")
		if ok && !strings.HasSuffix(name, ".back") {
			table, _ := filepath.Rel(root, filepath.Dir(path))
			out = append(out, golden{filepath.ToSlash(table), name})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (g golden) file(suffix string) string {
	return filepath.Join("testdata", "goldens", filepath.FromSlash(g.table), g.name+suffix)
}

func (g golden) document(t testing.TB, suffix string) *customsv1.Document {
	t.Helper()
	raw, err := os.ReadFile(g.file(suffix))
	if err != nil {
		t.Fatal(err)
	}
	parsed := document.Parse(raw)
	if parsed.Document == nil {
		t.Fatalf("%s: %v", g.file(suffix), lines(parsed.Faults))
	}
	return parsed.Document
}

// returned is what decode must make of the golden's XML.
func (g golden) returned(t testing.TB) *customsv1.Document {
	if _, err := os.Stat(g.file(".back.json")); errors.Is(err, fs.ErrNotExist) {
		return g.document(t, ".json")
	}
	return g.document(t, ".back.json")
}

func TestGoldensGoBothWays(t *testing.T) {
	d := load(t)
	for _, g := range goldens(t) {
		t.Run(g.table+"/"+g.name, func(t *testing.T) {
			table := d.table(t, g.table)
			canonical := g.document(t, ".json")
			encoded, _, faults := table.Encode(canonical, false)
			if faults = timed(faults); len(faults) > 0 {
				t.Fatal(lines(faults))
			}
			decoded := d.read(t, table, encoded.Bytes())
			if decoded.Faults = timed(decoded.Faults); len(decoded.Faults) > 0 || len(decoded.Unread) > 0 {
				t.Errorf("decode: %v, unread %v", lines(decoded.Faults), decoded.Unread)
			}
			if *update {
				g.write(t, encoded.Bytes(), canonical, decoded.Document)
			}
			want, err := os.ReadFile(g.file(".xml"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(encoded.Bytes())); diff != "" {
				t.Errorf("encode (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(text(g.returned(t)), text(decoded.Document)); diff != "" {
				t.Errorf("decode (-want +got):\n%s", diff)
			}
		})
	}
}

func (g golden) write(t *testing.T, xml []byte, canonical, back *customsv1.Document) {
	t.Helper()
	files := map[string][]byte{".xml": xml, ".json": document.MarshalIndent(canonical), ".back.json": document.MarshalIndent(back)}
	if text(canonical) == text(back) {
		delete(files, ".back.json")
		_ = os.Remove(g.file(".back.json"))
	}
	for suffix, raw := range files {
		if err := os.WriteFile(g.file(suffix), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What does not come back is declared: its row says lossy or is one of languages, or
// no row reads it because the format has no place for it.
func TestLossesAreDeclared(t *testing.T) {
	d := load(t)
	for _, g := range goldens(t) {
		if g.name == "full" && text(g.document(t, ".json")) != text(g.returned(t)) {
			t.Errorf("%s: the full golden does not come back as it was", g.table)
		}
		back := leaves(g.returned(t))
		rows := d.table(t, g.table).Rows()
		for path, values := range leaves(g.document(t, ".json")) {
			for _, v := range values {
				if !slices.Contains(back[path], v) && !declared(rows, path) {
					t.Errorf("%s: %s %q does not come back and no row says so", g.file(".json"), path, v)
				}
			}
		}
	}
}

// declared reports whether rows give a reason for losing a value at a schema path. Of
// [scheme=INN] and its like the format has places for some alone.
func declared(rows []table.RowInfo, path string) bool {
	place := false
	for _, r := range rows {
		from, list := selector.ReplaceAllString(r.From, ""), selector.ReplaceAllString(r.Each, "")
		if r.Lossy != "" && (from == path || from+".value" == path || list != "" && strings.HasPrefix(path, list)) || r.Language != nil && from+".value" == path {
			return true
		}
		place = place || from == path && !strings.Contains(r.From, "=")
	}
	return !place
}

var selector = regexp.MustCompile(`\[[^]]*\]`)

// leaves are the values of a document by schema path; instants are compared in UTC.
func leaves(d *customsv1.Document) map[string][]string {
	out := map[string][]string{}
	document.Walk(d, func(path string, f document.Field, _ document.Marks, value string) {
		if f.Type == document.Instant {
			if at, err := document.ParseInstant(value); err == nil {
				value = document.FormatInstant(at.UTC())
			}
		}
		path = selector.ReplaceAllString(path, "")
		out[path] = append(out[path], value)
	})
	return out
}

func text(d *customsv1.Document) string { return string(document.MarshalIndent(d)) }

// timed leaves out the warnings that a local time stands for the table's own zone: the
// smallest documents name no office.
func timed(faults gateway.Faults) gateway.Faults {
	return slices.DeleteFunc(slices.Clone(faults), func(f gateway.Fault) bool { return f.Code == gateway.TimeZoneAssumed })
}

func lines(faults gateway.Faults) string {
	var b strings.Builder
	for _, f := range faults {
		b.WriteString(f.Error() + " at " + f.Path + " " + f.Location.Expr + "\n")
	}
	return b.String()
}

// compare compares with a golden file, or rewrites it.
func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// A value that a format cannot carry is a fault at its own place, never cut or guessed.
func TestEncodeRefusesAtThePlace(t *testing.T) {
	d := load(t)
	for _, tc := range []struct{ golden, path, value, want string }{
		{"ru/auto-preliminary.v1/from-china", "loadUnits[1].seals[0].id", "CNSEAL000000000000018", "MAP_OVERFLOW loadUnits[1].seals[0].id"},
		{"ru/auto-preliminary.v1/full", "transit.tir.carnet", "XA123456789", "MAP_OVERFLOW transit.tir.carnet"},
		{"ru/auto-preliminary.v1/full", "transit.direction", "ИМ", "LIST_UNKNOWN transit.direction"},
		{"ru/auto-preliminary.v1/full", "consignments[0].items[0].description[0].value", strings.Repeat("я", 1001), "MAP_OVERFLOW consignments[0].items[0].description[0].value"},
		{"ru/rw-preliminary.v1/full", "consignments[0].transit.direction", "ИМ", "LIST_UNKNOWN consignments[0].transit.direction"},
		{"ru/rw-preliminary.v1/full", "consignments[0].seals[1].id", "CNSEAL000000000000018", "MAP_OVERFLOW consignments[0].seals[1].id"},
		{"ru/req-pi-delete.v1/minimal", "systemId", strings.Repeat("6", 37), "MAP_OVERFLOW systemId"},
		{"ru/td-solution.v1/full", "kind", "TR_ROUTE_OK", "LIST_NO_COUNTERPART kind"},
		{"ru/td-solution.v1/full", "transit.number", "10719110/110326/5000123", "MAP_OVERFLOW transit.number"},
		{"ru/notif-arrival-transit.v1/full", "kind", "STARTED", "MAP_CONST kind"},
		{"ru/notif-arrival-transit.v1/full", "office.administration", "CN", "LIST_UNKNOWN office.administration"},
		{"ru/esadout-transit.v1/full", "transit.kind", "ТТ", "LIST_LOOK_ALIKE transit.kind"},
		{"ru/esadout-transit.v1/full", "entryOffice.administration", "CN", "LIST_UNKNOWN entryOffice.administration"},
		{"cn/mt2401.v1/full", "envelope.function", "CHANGE", "LIST_NO_COUNTERPART envelope.function"},
		{"cn/mt2401.v1/full", "office.administration", "KZ", "MAP_CONST office.administration"},
		{"cn/mt2401.v1/full", "consignments[0].totals.volume.unit", "LTR", "MAP_CONST consignments[0].totals.volume.unit"},
		{"cn/mt2401.v1/full", "consignments[1].consignor.name[0].value", strings.Repeat("名", 71), "MAP_OVERFLOW consignments[1].consignor.name[0].value"},
		{"cn/mt4402.v1/full", "envelope.function", "REPLACE", "LIST_UNKNOWN envelope.function"},
		{"cn/mt4402.v1/full", "transport.vehicles[0].role", "TRAILER", "MAP_REQUIRED transport.vehicles[2].registration"},
		{"cn/mt4402.v1/full", "loadUnits[0].seals[1].id", "M/0000018", "MAP_TYPE loadUnits[0].seals[1].id"},
		{"cn/mt4402.v1/full", "loadUnits[0].seals[0].kind", "K", "LIST_UNKNOWN loadUnits[0].seals[0].kind"},
		{"cn/mt4401.v1/full", "kind", "LADEN_EXIT", "MAP_CONST kind"},
		{"cn/mt4403.v1/full", "kind", "EMPTY_EXIT", "MAP_CONST kind"},
		{"cn/mt4404.v1/full", "kind", "EMPTY_CONTAINER_EXIT", "MAP_CONST kind"},
		{"cn/mt4405.v1/minimal", "loadUnits[0].kind", "TRAILER_BODY", "MAP_CONST loadUnits[0].kind"},
		{"cn/mt4406.v1/minimal", "loadUnits[0].kind", "TRAILER_BODY", "MAP_CONST loadUnits[0].kind"},
		{"cn/mt3402.v1/full", "kind", "EXPORT_TALLY", "MAP_CONST kind"},
		{"cn/mt5401.v1/full", "consignments[1].totals.grossMass.method", "WEIGHBRIDGE", "MAP_CONST consignments[1].totals.grossMass.method"},
		{"cn/mt5402.v1/full", "transport.mode", "4", "LIST_NO_COUNTERPART transport.mode"},
		{"mn/load-list.v1/full", "direction", "IMPORT", "MAP_CONST direction"},
		{"mn/load-list.v1/full", "transport.mode", "2", "MAP_CONST transport.mode"},
		{"mn/load-list.v1/full", "consignments[0].items[1].classifications[0].scheme", "HS", "MAP_REQUIRED consignments[0].items[1].classifications[1].code"},
	} {
		i := strings.LastIndexByte(tc.golden, '/')
		g := golden{tc.golden[:i], tc.golden[i+1:]}
		doc := g.document(t, ".json")
		path, err := document.CompileFor(document.Kind(doc), tc.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := path.Set(document.Of(doc), tc.value); err != nil {
			t.Fatal(err)
		}
		_, _, faults := d.table(t, g.table).Encode(doc, false)
		if len(faults) != 1 || string(faults[0].Code)+" "+faults[0].Path != tc.want {
			t.Errorf("%s, %s = %s: %v, want %s", tc.golden, tc.path, tc.value, lines(faults), tc.want)
		}
	}
}
