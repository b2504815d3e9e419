package release_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/release"
)

// extended is the table with extensions, of which one is a price and one data of a person.
const extended = table + `  - {id: R4, to: Shift, from: "extensions[name=shift].value"}
  - id: R5
    to: Item
    each: consignments
    rows:
      - {id: R50, to: Boss, from: "extensions[name=boss].value"}
      - id: R51
        to: Line
        each: items
        rows:
          - {id: R52, to: Quota, from: "extensions[name=quota].value"}
          - {id: R53, to: Year, from: "extensions[name=quota].extensions[name=year].value"}
          - {id: R54, to: Fee, from: "extensions[name=fee].value"}
          - {id: R55, to: Rate, from: "extensions[name=fee].extensions[name=rate].value"}
          - {id: R56, to: Base, from: "value.extensions[name=base].value"}
extensions:
  ".":
    - {name: shift, type: whole, length: 2, source: made up}
  consignments:
    - {name: boss, type: text, length: 200, personal: true, source: made up}
  consignments.items:
    - {name: quota, type: text, length: 8, source: made up, inside: [{name: year, type: date, source: made up}]}
    - {name: fee, type: decimal, length: 8, price: true, source: made up, inside: [{name: rate, type: text, length: 8, source: made up}]}
  consignments.items.value:
    - {name: base, type: text, length: 8, source: made up}
`

const extendedDocument = `{"envelope": {"documentId": "D1"}, "preArrivalNotice": {"batch": "B1", "transport": {"mode": "3", "extensions": [{"name": "x", "value": "1"}]},
	"consignments": [{"extensions": [{"name": "boss", "value": "somebody"}], "items": [
		{"sequence": 1, "description": [{"language": "en", "value": "Cups"}], "classifications": [{"scheme": "HS", "code": "070200"}], "extensions": [
			{"name": "quota", "value": "Q7", "extensions": [{"name": "year", "value": "2026-01-01"}]}, {"name": "fee", "value": "9.5"}]}]}],
	"extensions": [{"name": "shift", "value": "3"}]}}`

// given is a document that has passed, but for what validation says of extensions that nobody declares.
func given(t *testing.T, allow string) (*release.Route, release.Released, gateway.Faults) {
	t.Helper()
	text := strings.Replace(route, "  - batch\n", "  - batch\n"+allow, 1)
	fsys, _, _ := world(t, route)
	fsys["xx/notice.v1.yaml"].Data = []byte(extended)
	fsys["routes/r.yaml"].Data = []byte(text)
	lib, rules, err := loaded(fsys)
	if err != nil {
		t.Fatal(err)
	}
	routes, err := release.Load(fsys, lib)
	if err != nil {
		t.Fatal(err)
	}
	p := passed(t, rules, strings.Replace(extendedDocument, `, "extensions": [{"name": "x", "value": "1"}]`, "", 1))
	rt := routes.All()[0]
	released, faults := rt.Release(p)
	return rt, released, faults
}

// TestExtensionsAreReleasedOneByOne: what the route does not name does not leave, be all that it stands
// in released; what stands in another extension is named for itself.
func TestExtensionsAreReleasedOneByOne(t *testing.T) {
	for name, tc := range map[string]struct {
		allow    string
		want     []string
		withheld []string
	}{
		"none": {"  - consignments.items.sequence\n", nil,
			[]string{"consignments.extensions[name=boss]", "consignments.items.extensions[name=fee]", "consignments.items.extensions[name=quota]", "extensions[name=shift]", "transport"}},
		"all that it stands in": {"  - transport\n", nil,
			[]string{"consignments.extensions[name=boss]", "consignments.items.extensions[name=fee]", "consignments.items.extensions[name=quota]", "consignments.items.sequence", "extensions[name=shift]"}},
		"the document's": {"  - extensions[name=shift]\n", []string{"extensions[0].value=3"}, nil},
		"one":            {"  - consignments.items.extensions[name=quota]\n", []string{"consignments[0].items[0].extensions[0].value=Q7"}, nil},
		"one inside":     {"  - consignments.items.extensions[name=quota].extensions[name=year]\n", []string{"consignments[0].items[0].extensions[0].extensions[0].value=2026-01-01"}, nil},
		"both": {"  - consignments.items.extensions[name=quota]\n  - consignments.items.extensions[name=quota].extensions[name=year]\n",
			[]string{"consignments[0].items[0].extensions[0].value=Q7", "consignments[0].items[0].extensions[0].extensions[0].value=2026-01-01"}, nil},
		"where nothing else is": {"  - transport.mode\n  - consignments.extensions[name=boss]\n", []string{"consignments[0].extensions[0].value=somebody"}, nil},
	} {
		_, released, faults := given(t, tc.allow)
		if faults.Refuse() {
			t.Fatalf("%s: %v", name, faults)
		}
		var got []string
		document.Walk(released.View(), func(path string, f document.Field, marks document.Marks, text string) {
			if marks.Extension != "" && f.Name == "value" {
				got = append(got, path+"="+text)
			}
		})
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if tc.withheld != nil {
			if diff := cmp.Diff(tc.withheld, released.Withheld()); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if diff := cmp.Diff([]string{"consignments[0].items[0].extensions[0]", "consignments[0].items[0].extensions[1]", "consignments[0].extensions[0]", "extensions[0]"}, notNested(released.Denied())); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

// notNested leaves out what stands in others that are named.
func notNested(places []string) []string {
	return slices.DeleteFunc(places, func(at string) bool { return strings.Count(at, "extensions[") > 1 })
}

// TestNoWholeMessageTakesExtensionsAlong: whatever a route releases, and whatever stands in it, no
// extension leaves that the route does not name. It walks every message that a kind of document has.
func TestNoWholeMessageTakesExtensionsAlong(t *testing.T) {
	release.EveryExtensionIsPruned(t)
}

// A price that is declared is looked for as prices are: a route that does not let it go has its texts
// searched.
func TestPricesAmongExtensions(t *testing.T) {
	prices := "  - totals.value\n  - transit.guarantees.amount\n  - consignments.transit.guarantees.amount\n  - consignments.totals.value\n  - consignments.items.value\n"
	if rt, _, _ := given(t, prices); !rt.WithholdsPrices() {
		t.Error("the fee is withheld, and no text is searched")
	}
	prices += "  - consignments.items.extensions[name=fee]\n"
	const rate, base = "  - consignments.items.extensions[name=fee].extensions[name=rate]\n", "  - consignments.items.value.extensions[name=base]\n"
	for _, part := range []string{"", rate, base} { // what stands in a price is one
		if rt, _, _ := given(t, prices+part); !rt.WithholdsPrices() {
			t.Errorf("%q: what stands in a price is withheld, and no text is searched", part)
		}
	}
	if rt, _, _ := given(t, prices+rate+base); rt.WithholdsPrices() {
		t.Error("every price is released")
	}
	text := strings.Replace(extendedDocument, `"somebody"`, `"somebody for USD 900"`, 1)
	if text == extendedDocument {
		t.Fatal("nothing replaced")
	}
	rt, _, _ := given(t, "  - consignments.extensions[name=boss]\n")
	d := document.Parse([]byte(text)).Document
	if faults := rt.Doubts(d); len(faults) != 1 || faults[0].Code != gateway.ReleasePriceInText || faults[0].Path != "consignments[0].extensions[0].value" {
		t.Error(faults)
	}
}

// What travels in the place of a text in an extension is held to what is declared of it.
func TestReplacementsFitTheDeclaration(t *testing.T) {
	const text = "somebody for USD 900"
	d := document.Parse([]byte(strings.Replace(extendedDocument, `"somebody"`, `"`+text+`"`, 1))).Document
	rt, _, _ := given(t, "  - consignments.extensions[name=boss]\n  - consignments.items.extensions[name=quota]\n")
	of := gateway.DigestOf([]byte(text))
	for replacement, doubts := range map[string]int{"somebody": 0, strings.Repeat("x", 200): 0, strings.Repeat("x", 201): 1, "EUR 9": 1} {
		if faults := rt.Doubts(d, release.Ruling{Text: of, Replacement: replacement}); len(faults) != doubts {
			t.Errorf("%q: %v", replacement, faults)
		}
	}
}

func TestRoutesNameDeclaredExtensions(t *testing.T) {
	for allow, want := range map[string]string{
		"extensions[name=shaft]":                               ":31: extensions[name=shaft]: no table declares it",
		"consignments.extensions[name=shift]":                  ":31: consignments.extensions[name=shift]: no table declares it",
		"extensions":                                           ":31: extensions: extensions are released one by one: extensions[name=NAME]",
		"consignments.items.extensions":                        ":31: consignments.items.extensions: extensions are released one by one",
		"consignments.items.extensions[0]":                     ":31: consignments.items.extensions[0]: extensions are released one by one: consignments.items.extensions[name=NAME]",
		"extensions[name=shift].value":                         ":31: extensions[name=shift].value: an extension is released by its name",
		"consignments[0].items.extensions[name=quota]":         ":31: consignments[0].items.extensions[name=quota]: an extension is released by its name",
		"consignments.items.extensions[name=quota].extensions": ":31: consignments.items.extensions[name=quota].extensions: an extension is released by its name",
		"extensions[name=shift]\n  - extensions[name=shift]":   ":32: extensions[name=shift] is released twice",
	} {
		fsys, _, _ := world(t, route)
		fsys["xx/notice.v1.yaml"].Data = []byte(extended)
		fsys["routes/r.yaml"].Data = []byte(strings.Replace(route, "  - batch\n", "  - "+allow+"\n", 1))
		lib, _, err := loaded(fsys)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := release.Load(fsys, lib); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", allow, err)
		}
	}
}

// A route may supply an extension that it releases, with a value of the form that is declared.
func TestRoutesSupplyExtensions(t *testing.T) {
	load := func(supply, allow string) (*release.Routes, error) {
		fsys, _, _ := world(t, route)
		fsys["xx/notice.v1.yaml"].Data = []byte(extended)
		fsys["routes/r.yaml"].Data = []byte(strings.NewReplacer("  - batch\n", "  - batch\n"+allow, "text:\n", supply+"text:\n").Replace(route))
		lib, _, err := loaded(fsys)
		if err != nil {
			t.Fatal(err)
		}
		return release.Load(fsys, lib)
	}
	const supply = `  - {id: S6, to: "extensions[name=shift].value", value: "7", override: true, source: made up, status: verified}` + "\n"
	if _, err := load(supply, ""); err == nil || !strings.Contains(err.Error(), "extensions[name=shift].value is supplied but not released") {
		t.Error(err)
	}
	if _, err := load(strings.Replace(supply, `"7"`, `"x"`, 1), "  - extensions[name=shift]\n"); err == nil || !strings.Contains(err.Error(), "want a whole number") {
		t.Error(err)
	}
	if _, err := load(supply, "  - extensions[name=shift]\n"); err != nil {
		t.Error(err)
	}
}
