package release_test

import (
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
	}{
		"no base":           {"routes/r.yaml", "[road,", "[rail,", "routes/r.yaml:3: there is no base rail"},
		"twice over one":    {"routes/r.yaml", "[road,", "[road, road,", "routes/r.yaml:3: twice over road"},
		"over many":         {"routes/r.yaml", "[road, notice]", "[a, b, c, d, e]", "routes/r.yaml:3: over 5 bases, at most 4"},
		"a base over one":   {"routes/bases/road.yaml", "sources: []", "over: [notice]\nsources: []", "routes/bases/road.yaml:1: over is for a route"},
		"a named base":      {"routes/bases/road.yaml", "sources: []", "sources: []\nroute: x", "routes/bases/road.yaml:2: route is for a route"},
		"unknown key":       {"routes/bases/road.yaml", "sources: []", "source: []", `routes/bases/road.yaml:1: unknown key "source"`},
		"nothing to drop":   {"routes/bases/road.yaml", "id: S9", "id: S8", "routes/bases/road.yaml:6: no base has a supply S8"},
		"drop of its own":   {"routes/r.yaml", "supplies:\n", "supplies:\n  - {id: S7, to: batch, value: B, source: x, status: verified}\n  - {id: S7, drop: true}\n", "routes/r.yaml:8: no base has a supply S7"},
		"nothing withheld":  {"routes/bases/road.yaml", "[exitOffice]", "[entryOffice]", "routes/bases/road.yaml:4: no base allows entryOffice"},
		"allowed twice":     {"routes/r.yaml", "table:", "allow: [batch]\ntable:", "routes/r.yaml:4: batch is released twice"},
		"in the base":       {"routes/bases/notice.yaml", "  - remarks\n", "  - remark\n", `routes/bases/notice.yaml:37: path "remark"`},
		"a supply below":    {"routes/bases/notice.yaml", "to: purposes", "to: purpose", `routes/bases/notice.yaml:22: path "purpose"`},
		"a supply above":    {"routes/r.yaml", "to: entryOffice.code", "to: entryOffice.cod", `routes/r.yaml:7: path`},
		"twice above":       {"routes/r.yaml", "supplies:\n", "supplies:\n  - {id: S1, to: batch, value: B, source: x, status: verified}\n", "routes/r.yaml:8: there is another supply S1"},
		"missing in all":    {"routes/bases/notice.yaml", "lead: 2h\n", "", "routes/r.yaml:1: lead is missing"},
		"a value above":     {"routes/r.yaml", "over:", "type: mail\nover:", `routes/r.yaml:3: type "mail"`},
		"a value below":     {"routes/bases/notice.yaml", "type: c2c", "type: mail", `routes/bases/notice.yaml:4: type "mail"`},
		"drop, no base":     {"routes/s.yaml", "", strings.Replace(route, "id: S1,", "id: S1, drop: true,", 1), "routes/s.yaml:22: no base has a supply S1"},
		"withhold, no base": {"routes/s.yaml", "", route + "withhold: [batch]\n", "routes/s.yaml:41: no base allows batch"},
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

// unexported are the fields that are made of the others.
func unexported(p cmp.Path) bool {
	field, ok := p.Last().(cmp.StructField)
	return ok && strings.ToLower(field.Name()[:1]) == field.Name()[:1]
}
