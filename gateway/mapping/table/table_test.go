package table

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/codelist"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/xmltree"
)

const parcels = `mapping: xx/parcels
version: 2
document: Manifest
root: p:Parcels
namespaces:
  p: "urn:p"
  q: "urn:q"
default: p
rows:
  - {id: R1, to: p:Batch, from: batch}
  - id: R2
    to: p:Office
    rows:
      - {id: R3, to: p:Code, from: office.code, max: 4}
`

func readTable(t *testing.T, text string, rowsLater bool) *Source {
	t.Helper()
	s, ok := Read(&datafile.File{Name: "xx/parcels.v2.yaml"}, []byte(text), rowsLater)
	if !ok || len(s.Errs) > 0 {
		t.Fatal(s.Errs)
	}
	return s
}

func lists(t *testing.T) *codelist.Lists {
	t.Helper()
	read, err := codelist.Load(fstest.MapFS{"codelists/colour.yaml": {Data: []byte("list: colour\nversion: 1\nsource: made up\nstatus: own\ncodes: [{code: R, en: red}]\n")}})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func ids(rows []Row) (out []string) {
	eachRow(rows, func(r *Row) { out = append(out, r.ID) })
	return out
}

func TestReadAndHeadNameEveryMistake(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"version: 2", "version: 3", "xx/parcels.v2.yaml:1: this is xx/parcels.v3, expected xx/parcels.v2 as the file says"},
		{"default: p", "default: z", `xx/parcels.v2.yaml:8: prefix "z" is not declared, expected one of [p q]`},
		{`q: "urn:q"`, `q: ""`, "xx/parcels.v2.yaml:7: namespace of q is empty, expected its name"},
		{"root: p:Parcels", "root: r:Parcels", `xx/parcels.v2.yaml:4: row root: prefix "r" is not declared, expected one of [p q]`},
		{"root: p:Parcels", "root: Parcels", `xx/parcels.v2.yaml:4: row root: "Parcels" has no prefix while p is the default namespace, expected p:Parcels`},
		{"root: p:Parcels", `root: "p:"`, `xx/parcels.v2.yaml:4: row root: "p:" is no name, expected prefix:Name or Name`},
		{"version: 2", "version: 2\nchanges: some", `xx/parcels.v2.yaml:3: changes "some", expected named, or nothing: then a change is a full version`},
		{"version: 2", "version: 2\nsystem: none", `xx/parcels.v2.yaml:3: no code list has the system "none", expected one that some list has`},
		{"version: 2", "version: 2\nvalid: {from: 2026-02-30}", `xx/parcels.v2.yaml:3: `},
		{"version: 2", "version: 2\nvalid: {from: 2026-03-01, to: 2026-02-01}", "xx/parcels.v2.yaml:3: valid from 2026-03-01 to 2026-02-01, expected the earlier day first"},
		{"max: 4", "mox: 4", `xx/parcels.v2.yaml:14: unknown key "mox": nearest is max`},
		{"max: 4", "dropped: true", `xx/parcels.v2.yaml:14: unknown key "dropped"`},
		{"mapping: xx/parcels\n", "", `xx/parcels.v2.yaml:`},
	} {
		text := strings.Replace(parcels, tt.old, tt.new, 1)
		f := &datafile.File{Name: "xx/parcels.v2.yaml"}
		s, ok := Read(f, []byte(text), false)
		if ok {
			NewHead(s, lists(t))
		}
		if err := errors.Join(f.Errs...); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.new, err, tt.want)
		}
	}
	if _, ok := Read(&datafile.File{Name: "xx/parcels.v2.yaml"}, []byte("codes: []\n"), false); ok {
		t.Error("what says of no table that it is one is read as one")
	}
}

func TestTargetsAreNamesOfDeclaredPrefixes(t *testing.T) {
	s := readTable(t, parcels, false)
	h := NewHead(s, lists(t))
	for _, tt := range []struct{ target, want string }{
		{"p:A/q:B/@q:c", "A q:B @q:c"}, {"p:A/@c", "A @c"}, {"@xml:lang", "@xml:lang"}, {".", ""},
	} {
		steps, attr := h.Target(s.File, "$.rows[0]", "R1", tt.target)
		var got []string
		for _, step := range steps {
			got = append(got, step.QName())
		}
		if attr != nil {
			got = append(got, "@"+attr.QName())
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" || len(s.Errs) > 0 {
			t.Errorf("%s: %v%s", tt.target, s.Errs, diff)
		}
	}
	if root := h.Root(); root != (xmltree.Name{Space: "urn:p", Local: "Parcels"}) {
		t.Errorf("root %v", root)
	}
	for target, want := range map[string]string{
		"@c/p:A": `xx/parcels.v2.yaml:10: row R1: target "@c/p:A" goes on behind an attribute, expected @c last`,
		"z:A":    `xx/parcels.v2.yaml:10: row R1: prefix "z" is not declared, expected one of [p q]`,
		"A":      `xx/parcels.v2.yaml:10: row R1: "A" has no prefix while p is the default namespace, expected p:A`,
		"p:A//c": `xx/parcels.v2.yaml:10: row R1: "" is no name, expected prefix:Name or Name`,
	} {
		f := &datafile.File{Name: s.File.Name, Lines: s.Lines}
		h.Target(f, "$.rows[0]", "R1", target)
		if err := errors.Join(f.Errs...); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", target, err, want)
		}
	}
}

func TestRowsThatAreReadLaterAreTheSame(t *testing.T) {
	now, later := readTable(t, parcels, false), readTable(t, parcels, true)
	if len(later.Rows) > 0 {
		t.Error("the rows are read with the head")
	}
	if diff := cmp.Diff(now.Content, later.WithRows().Content, cmp.AllowUnexported(validity{})); diff != "" {
		t.Error(diff)
	}
	if now.digest != later.WithRows().digest || now.digest != later.digest {
		t.Error("the digest depends on when the rows are read")
	}
	bad, ok := Read(&datafile.File{Name: "xx/parcels.v2.yaml"}, []byte(strings.Replace(parcels, "max: 4", "mox: 4", 1)), true)
	if !ok || len(bad.Errs) > 0 {
		t.Fatal("the head is told of a mistake in the rows", bad.Errs)
	}
	if err := errors.Join(bad.WithRows().Mistakes()...); err == nil || !strings.Contains(err.Error(), `xx/parcels.v2.yaml:14: unknown key "mox"`) {
		t.Error(err)
	}
}

func TestATableThatWouldSayOtherwiseLeavesItsOwnAlone(t *testing.T) {
	s := readTable(t, parcels, false)
	without, err := s.Without("R2")
	if err != nil {
		t.Fatal(err)
	}
	with, err := s.With("R3", "{max: 70}")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"R1"}, ids(without.Rows)); diff != "" {
		t.Error(diff)
	}
	if row := find(with.Rows, "R3"); row.Max != 70 || row.From != "office.code" {
		t.Errorf("%+v", row)
	}
	if diff := cmp.Diff([]string{"R1", "R2", "R3"}, ids(s.Rows)); diff != "" || find(s.Rows, "R3").Max != 4 {
		t.Error("the table has changed", diff)
	}
	if _, err := s.With("R3", "{mox: 70}"); err == nil || !strings.Contains(err.Error(), `unknown key "mox": nearest is max`) {
		t.Error(err)
	}
}

func profile(t *testing.T, name, text string) *Profile {
	t.Helper()
	return ReadProfile(&datafile.File{Name: "profiles/" + name + ".v1.yaml"}, []byte(text))
}

func TestProfilesChangeTheirTablesAlone(t *testing.T) {
	s := readTable(t, parcels, false)
	p := profile(t, "kz", "profile: kz\nversion: 1\nadministration: KZ\nover: [xx/parcels.v2]\nnamespaces: {p: \"urn:p:kz\"}\nrows:\n  R1: {drop: true}\n  R3: {max: 8}\n")
	Reach([]*Profile{p}, map[string]*Source{"xx/parcels.v2": s})
	made := p.Sources(false)
	if len(made) != 1 || len(p.Errs) > 0 {
		t.Fatal(len(made), p.Errs)
	}
	h := NewHead(made[0], lists(t))
	if h.ID() != "xx/parcels.v2+kz" || h.Administration() != "KZ" || h.Root().Space != "urn:p:kz" || h.Written() != "profiles/kz.v1.yaml" {
		t.Errorf("%s of %s, root %v, in %s", h.ID(), h.Administration(), h.Root(), h.Written())
	}
	if diff := cmp.Diff([]string{"R2", "R3"}, ids(made[0].Rows)); diff != "" || find(made[0].Rows, "R3").Max != 8 {
		t.Error(diff)
	}
	if find(s.Rows, "R1").Dropped || find(s.Rows, "R3").Max != 4 || s.Namespaces["p"] != "urn:p" {
		t.Error("the table itself has changed")
	}
}

func TestMistakesOfProfilesStandAtTheirLines(t *testing.T) {
	s := readTable(t, parcels, false)
	one := profile(t, "one", "profile: one\nversion: 1\nover:\n  - two.v1\n")
	two := profile(t, "two", "profile: two\nversion: 1\nover:\n  - xx/parcels.v2\n  - one.v1\n")
	lost := profile(t, "lost", "profile: lost\nversion: 1\nover: [xx/none.v1]\n")
	wide := profile(t, "wide", "profile: wide\nversion: 1\nover: [xx/parcels.v2]\nnamespaces: {z: \"urn:z\"}\nrows:\n  R9: {drop: true}\n  R3: {mox: 1}\n")
	all := []*Profile{one, two, lost, wide}
	Reach(all, map[string]*Source{"xx/parcels.v2": s})
	for _, p := range all {
		p.Sources(false)
	}
	for _, tt := range []struct {
		of   *Profile
		want string
	}{
		{two, "profiles/two.v1.yaml:5: profile one.v1 is over itself: one.v1 over two.v1 over one.v1, expected no cycle"},
		{lost, `profiles/lost.v1.yaml:3: over "xx/none.v1", expected the id of a table without mistakes or of a profile: one of [xx/parcels.v2 lost.v1 one.v1 two.v1 wide.v1]`},
		{wide, `profiles/wide.v1.yaml:4: prefix "z" is declared by none of the tables, expected one that is`},
		{wide, "profiles/wide.v1.yaml:6: row R9: none of the tables has it, expected the id of a row, or table#id"},
		{wide, `profiles/wide.v1.yaml:7: unknown key "mox": nearest is max`},
	} {
		if err := errors.Join(tt.of.Errs...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}
