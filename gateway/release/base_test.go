package release_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/release"
)

// layers makes a route of three files: what all notices have in common, what those by road have,
// and the page of one corridor. The page is written as the difference that makes it the same as
// the route that stands for itself.
func layers(t *testing.T) map[string]string {
	t.Helper()
	notice := strings.NewReplacer(
		"route: cn-ru\nversion: 1\n", "",
		"purpose: risk analysis", "purpose: something else",
		"table: xx/notice.v1\n", "",
		"sources: []\n", "",
		`value: "10719110"`, `value: "10700000"`,
		"  - {id: S4, ", "  - {id: S9, to: remarks, value: none, source: made up, status: inferred}\n  - {id: S4, ",
		"  - batch\n", "  - batch\n  - exitOffice\n",
	).Replace(route)
	road := "sources: []\npurpose: risk analysis\nbasis: {scope: {goods: some}}\nwithhold: [exitOffice]\nsupplies:\n  - {id: S9, drop: true}\n"
	page := `route: cn-ru
version: 1
over: [road, notice]
table: xx/notice.v1
basis: {scope: {goods: all}}
supplies:
  - {id: S1, to: entryOffice.code, value: "10719110", source: made up, status: verified}
`
	return map[string]string{"routes/bases/notice.yaml": notice, "routes/bases/road.yaml": road, "routes/r.yaml": page}
}

func loadLayers(t *testing.T, files map[string]string) (*release.Routes, error) {
	t.Helper()
	fsys, lib, _ := world(t, route)
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return release.Load(fsys, lib)
}

func TestARouteIsAPageOfDifferences(t *testing.T) {
	got, err := loadLayers(t, layers(t))
	if err != nil {
		t.Fatal(err)
	}
	want, err := loadLayers(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	// How it came about is no part of what it says, and order is none of what it allows.
	said := func(rs *release.Routes) release.Route {
		rt := *rs.All()[0]
		rt.Over, rt.Withhold = nil, nil
		return rt
	}
	if diff := cmp.Diff(said(want), said(got), cmp.FilterPath(unexported, cmp.Ignore()), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	_, _, rules := world(t, route)
	released, faults := got.All()[0].Release(passed(t, rules, notice))
	same, faults2 := want.All()[0].Release(passed(t, rules, notice))
	if faults.Refuse() || released.IsZero() || released.Digest() != same.Digest() || len(faults) != len(faults2) {
		t.Errorf("released %s and %s: %v %v", released.Digest(), same.Digest(), faults, faults2)
	}
}

// Every mistake stands at the file and line where it was made, and once.
func TestMistakesInLayers(t *testing.T) {
	for name, tt := range map[string]struct {
		file, old, new string
		want           string
		more           map[string]string
	}{
		"no base":           {"routes/r.yaml", "[road,", "[rail,", "routes/r.yaml:3: there is no route or base rail", nil},
		"twice over one":    {"routes/r.yaml", "[road,", "[road, road,", "routes/r.yaml:3: twice over road", nil},
		"a circle":          {"routes/t.yaml", "", "route: t\nversion: 1\nover: [u, r]\n", "routes/u.yaml:3: twice over t", map[string]string{"routes/u.yaml": "route: u\nversion: 1\nover: [t]\n"}},
		"over many":         {"routes/t9.yaml", "", "route: t9\nversion: 1\nover: [t8]\n", "routes/t2.yaml:3: more than 8 files make this route", tower(8)},
		"another's version": {"routes/t.yaml", "", "route: t\nover: [r]\n", "routes/t.yaml:1: version is missing", nil},
		"one name twice":    {"routes/bases/r.yaml", "", "purpose: x\n", "routes/bases/r.yaml:1: routes/r.yaml has this name too", nil},
		"a base over one":   {"routes/bases/road.yaml", "sources: []", "over: [notice]\nsources: []", "routes/bases/road.yaml:1: over is for a route", nil},
		"a named base":      {"routes/bases/road.yaml", "sources: []", "sources: []\nroute: x", "routes/bases/road.yaml:2: route is for a route", nil},
		"unknown key":       {"routes/bases/road.yaml", "sources: []", "source: []", `routes/bases/road.yaml:1: unknown key "source"`, nil},
		"nothing to drop":   {"routes/bases/road.yaml", "id: S9", "id: S8", "routes/bases/road.yaml:6: nothing under this has a supply S8", nil},
		"drop of its own":   {"routes/r.yaml", "supplies:\n", "supplies:\n  - {id: S7, to: batch, value: B, source: x, status: verified}\n  - {id: S7, drop: true}\n", "routes/r.yaml:8: nothing under this has a supply S7", nil},
		"nothing withheld":  {"routes/bases/road.yaml", "[exitOffice]", "[entryOffice]", "routes/bases/road.yaml:4: nothing under this allows entryOffice", nil},
		"allowed twice":     {"routes/r.yaml", "table:", "allow: [batch]\ntable:", "routes/r.yaml:4: batch is released twice", nil},
		"in the base":       {"routes/bases/notice.yaml", "  - remarks\n", "  - remark\n", `routes/bases/notice.yaml:37: path "remark"`, nil},
		"a supply below":    {"routes/bases/notice.yaml", "to: purposes", "to: purpose", `routes/bases/notice.yaml:22: path "purpose"`, nil},
		"a supply above":    {"routes/r.yaml", "to: entryOffice.code", "to: entryOffice.cod", `routes/r.yaml:7: path`, nil},
		"twice above":       {"routes/r.yaml", "supplies:\n", "supplies:\n  - {id: S1, to: batch, value: B, source: x, status: verified}\n", "routes/r.yaml:8: there is another supply S1", nil},
		"missing in all":    {"routes/bases/notice.yaml", "lead: 2h\n", "", "routes/r.yaml:1: lead is missing", nil},
		"a value above":     {"routes/r.yaml", "over:", "type: mail\nover:", `routes/r.yaml:3: type "mail"`, nil},
		"a value below":     {"routes/bases/notice.yaml", "type: c2c", "type: mail", `routes/bases/notice.yaml:4: type "mail"`, nil},
		"drop, no base":     {"routes/s.yaml", "", strings.Replace(route, "id: S1,", "id: S1, drop: true,", 1), "routes/s.yaml:22: nothing under this has a supply S1", nil},
		"withhold, no base": {"routes/s.yaml", "", route + "withhold: [batch]\n", "routes/s.yaml:41: nothing under this allows batch", nil},
	} {
		t.Run(name, func(t *testing.T) {
			files := layers(t)
			text := tt.new
			if tt.old != "" {
				if text = strings.Replace(files[tt.file], tt.old, tt.new, 1); text == files[tt.file] {
					t.Fatal("nothing replaced")
				}
			}
			files[tt.file] = text
			maps.Copy(files, tt.more)
			files["routes/second.yaml"] = strings.Replace(files["routes/r.yaml"], "route: cn-ru", "route: cn-ru-second", 1)
			_, err := loadLayers(t, files)
			if err == nil {
				t.Fatal("loaded")
			}
			if n := strings.Count(err.Error(), tt.want); n != 1 {
				t.Errorf("%d times %q in\n%v", n, tt.want, err)
			}
		})
	}
}

// tower are routes over each other, so many, and the lowest over what there is not.
func tower(height int) map[string]string {
	out := make(map[string]string)
	for i := range height {
		out[fmt.Sprintf("routes/t%d.yaml", i+1)] = fmt.Sprintf("route: t%d\nversion: 1\nover: [t%d]\n", i+1, i)
	}
	return out
}

// unexported are the fields that are made of the others.
func unexported(p cmp.Path) bool {
	field, ok := p.Last().(cmp.StructField)
	return ok && strings.ToLower(field.Name()[:1]) == field.Name()[:1]
}
