package mappings_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/validate"
	"customs.example/mappings"
)

// addition is a format of an administration that was added by files, as mappings/README.md
// says: unlike ours, and no Go code knows of it.
type addition struct{ dir, table, examples string }

// The made-up ZZ writes attributes and flat lists; QZ has two editions of one root, told apart by
// a value, with parties as fragments and empty elements that mean something; QX writes flat records
// that are tied by numbers.
var (
	zz        = addition{"../testdata/administrations/zz", "zz/avizo.v1", "examples"}
	additions = []addition{
		{"../testdata/administrations/qy", "qy/tabella.v1", "examples"}, // values that the canonical document has no field for
		zz,
		{"../testdata/administrations/qz", "qz/nuntius.v4", "examples/4"},
		{"../testdata/administrations/qz", "qz/nuntius.v5", "examples/5"},
		{"../testdata/administrations/qx", "qx/acta.v1", "examples"},
	}
)

// loadedAdditions are the data of each directory, loaded once.
var loadedAdditions = map[string]*data{}

// load loads the embedded data with the administration's files over it, as -data does.
func (a addition) load(t testing.TB) *data {
	t.Helper()
	if d, ok := loadedAdditions[a.dir]; ok {
		return d
	}
	files := fstest.MapFS{}
	for _, layer := range []fs.FS{mappings.FS, os.DirFS(filepath.Join(a.dir, "mappings"))} {
		err := fs.WalkDir(layer, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			raw, err := fs.ReadFile(layer, name)
			files[name] = &fstest.MapFile{Data: raw}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	lists := must(codelist.Load(files))(t)
	env := must(expr.New(lists))(t)
	d := &data{lists, env, must(mapping.Load(files, env, lists))(t), must(schema.Load(os.DirFS(filepath.Join(a.dir, "xsd"))))(t)}
	must(validate.Load(files, env, lists))(t)
	must(release.Load(files, d.library))(t)
	loadedAdditions[a.dir] = d
	return d
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// shown are canonical documents and their XML: the least, one of everything, two of
// everything.
func (a addition) shown(t testing.TB, d *data) (e examples) {
	t.Helper()
	for _, name := range []string{"minimal", "full", "doubled"} {
		file := filepath.Join(a.dir, a.examples, name)
		parsed := document.Parse(must(os.ReadFile(file + ".json"))(t))
		if len(parsed.Faults) > 0 {
			t.Fatal(lines(parsed.Faults))
		}
		e.documents = append(e.documents, parsed.Document)
		e.trees = append(e.trees, d.conforming(t, d.table(t, a.table), must(os.ReadFile(file+".xml"))(t)))
	}
	return e
}

func TestAddedAdministrationGoesBothWays(t *testing.T) {
	for _, a := range additions {
		t.Run(a.table, a.goesBothWays)
	}
}

func (a addition) goesBothWays(t *testing.T) {
	d := a.load(t)
	table, e := d.table(t, a.table), a.shown(t, d)
	for i, doc := range e.documents {
		encoded, _, faults := table.Encode(doc, false)
		if len(faults) > 0 {
			t.Fatal(lines(faults))
		}
		if diff := cmp.Diff(canonical(e.trees[i].Root), canonical(d.conforming(t, table, encoded.Bytes()).Root)); diff != "" {
			t.Errorf("encode (-want +got):\n%s", diff)
		}
		decoded := d.read(t, table, encoded.Bytes())
		if len(decoded.Faults) > 0 || len(decoded.Unread) > 0 {
			t.Errorf("decode: %v, unread %v", lines(decoded.Faults), decoded.Unread)
		}
		if diff := cmp.Diff(text(doc), text(decoded.Document)); diff != "" {
			t.Errorf("decode (-want +got):\n%s", diff)
		}
	}
}

// The examples show every row of the table.
func TestAddedAdministrationNeedsEveryRow(t *testing.T) {
	for _, a := range additions {
		t.Run(a.table, a.needsEveryRow)
	}
}

func (a addition) needsEveryRow(t *testing.T) {
	d := a.load(t)
	table, e := d.table(t, a.table), a.shown(t, d)
	whole := slices.Collect(e.say(table))
	for _, row := range table.Rows() {
		shorter, err := d.library.Without(a.table, row.ID)
		if err != nil {
			continue // the table does not stand without the row
		}
		if !e.differs(shorter, whole) {
			t.Errorf("row %s can go and no example notices", row.ID)
		}
	}
}

func TestAddedAdministrationRefusesOrWritesValidDocuments(t *testing.T) {
	for _, a := range additions {
		t.Run(a.table, a.refusesOrWrites)
	}
}

func (a addition) refusesOrWrites(t *testing.T) {
	d := a.load(t)
	table, e := d.table(t, a.table), a.shown(t, d)
	t.Run("random", rapid.MakeCheck(func(rt *rapid.T) {
		d.refusesOrWrites(rt, table, documenttest.Draw(rt, table.Kind(), documenttest.Options{List: d.codes, MaxItems: 2}))
	}))
	for i, name := range []string{"minimal", "full", "doubled"} {
		t.Run(name, rapid.MakeCheck(func(rt *rapid.T) { d.refusesOrWrites(rt, table, altered(rt, e.documents[i])) }))
	}
}

// A mistake is told at its own place, on the side where it was made.
func TestAddedAdministrationLocatesFaults(t *testing.T) {
	d := zz.load(t)
	table, e := d.table(t, zz.table), zz.shown(t, d)
	for _, tc := range []struct{ path, value, want string }{
		{"consignments[1].items[1].packages[0].type", "BE", "LIST_UNKNOWN consignments[1].items[1].packages[0].type"},
		{"transport.mode", "7", "LIST_NO_COUNTERPART transport.mode"},
		{"transport.vehicles[1].role", "CHASSIS", "LIST_UNKNOWN transport.vehicles[1].role"},
		{"loadUnits[1].kind", "TRAILER_BODY", "MAP_CONST loadUnits[1].kind"},
		{"consignments[1].items[0].netMass.kilograms", "0.0005", "MAP_TYPE consignments[1].items[0].netMass.kilograms"},
		{"consignments[1].transportDocument.id", "CNZZ26030003", "MAP_KEY consignments[1].transportDocument.id"},
	} {
		doc := document.Clone(e.documents[2])
		path := must(document.CompileFor(table.Kind(), tc.path))(t)
		if err := path.Set(document.Of(doc), tc.value); err != nil {
			t.Fatal(err)
		}
		_, _, faults := table.Encode(doc, false)
		if len(faults) == 0 || string(faults[0].Code)+" "+faults[0].Path != tc.want {
			t.Errorf("%s = %s: %v, want %s", tc.path, tc.value, lines(faults), tc.want)
		}
	}

	good := string(must(os.ReadFile(filepath.Join(zz.dir, "examples", "doubled.xml")))(t))
	s, _ := d.schemas.Schema(zz.table)
	for _, tc := range []struct{ old, new, want string }{
		{`sendinto="P3"`, `sendinto="P9"`, "MAP_REFERENCE /Avizo[1]/Sendajxoj[1]/Sendajxo[1]/@sendinto"},
		{`eliro="28.02.2026`, `eliro="31.02.2026`, "MAP_TYPE /Avizo[1]/@eliro"},
		{`maso="400,25"`, `maso="400.25"`, "XSD_PATTERN /Avizo[1]/Varoj[1]/Varo[2]/@maso"},
		{`kontenere="J"`, `kontenere="Y"`, "XSD_ENUMERATION /Avizo[1]/@kontenere"},
		{`sendajxoj="2"`, `sendajxoj="3"`, "MAP_DERIVED /Avizo[1]/@sendajxoj"},
		{`maso="1099,75"`, `maso="1099,8"`, "MAP_DERIVED /Avizo[1]/@maso"},
		{`id="P3"`, `id="P2"`, "MAP_KEY /Avizo[1]/Firmoj[1]/Firmo[3]"},
		{`n="002" teksto="Cups"`, `n="001" teksto="Cups"`, "XSD_KEY /Avizo[1]/Varoj[1]/Varo[2]"},
		{`n="002" tarifo="HS" kodo="821599"`, `n="003" tarifo="HS" kodo="821599"`, "XSD_KEY /Avizo[1]"},
	} {
		checked := s.Check([]byte(strings.Replace(good, tc.old, tc.new, 1)), schema.DefaultLimits)
		faults := append(checked.Faults, table.Decode(checked.Document).Faults...)
		found := false
		for _, f := range faults {
			found = found || string(f.Code)+" "+f.Location.Expr == tc.want
		}
		if !found {
			t.Errorf("%s: %v, want %s", tc.new, lines(faults), tc.want)
		}
	}
}

// ZZ adds its codes to a list of ours in a file of its own, and so follows ours.
func TestAddedAdministrationReplacesNoList(t *testing.T) {
	for _, file := range must(filepath.Glob(filepath.Join(zz.dir, "mappings", "codelists", "*.yaml")))(t) {
		if _, err := fs.Stat(mappings.FS, "codelists/"+filepath.Base(file)); err == nil {
			t.Errorf("%s replaces ours", file)
		}
	}
	lists := zz.load(t).lists
	if ours := load(t).lists; !lists.HasSystem("transport-mode", "zz") || lists.Digest("transport-mode") == ours.Digest("transport-mode") {
		t.Error("ours has no column zz, or its digest does not say so")
	}
}
