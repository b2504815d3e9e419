package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// body is what stands in the root of what a table writes.
func body(raw []byte) string {
	_, text, _ := strings.Cut(indents.Replace(string(raw)), `xmlns:x="urn:x"`)
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "</Manifest>"))
}

func TestEmptyElementsMeanSomething(t *testing.T) {
	tab := tableOf(t, header+`
  - {id: R001, to: "@boxed", from: transport.containerised, empty: "true"}
  - {id: R002, to: m:Office, from: office.code, empty: "none", max: 4}
  - {id: R003, to: m:Rest/m:Kind, from: direction, empty: EXPORT}
  - id: R010
    to: m:Consignment
    each: consignments
    rows:
      - {id: R011, to: m:Ucr, from: ucr}
      - {id: R012, to: m:Number, from: sequence, empty: "1"}
      - {id: R013, to: m:Mass, with: totals.grossMass, rows: [{id: R014, to: ".", from: kilograms, empty: "0"}]}
`)
	for _, tt := range []struct{ json, xml string }{
		{`{"manifest": {"direction": "EXPORT", "office": {"code": "none"}, "transport": {"containerised": true}}}`, `boxed=""><Office/><Rest><Kind/></Rest>`},
		{`{"manifest": {"direction": "IMPORT", "office": {"code": "0603"}, "transport": {"containerised": false}}}`, `boxed="false"><Office>0603</Office><Rest><Kind>IMPORT</Kind></Rest>`},
		{`{"manifest": {"consignments": [{"sequence": 1, "totals": {"grossMass": {"kilograms": "0"}}}, {"ucr": "A", "sequence": 2, "totals": {"grossMass": {"kilograms": "7"}}}]}}`,
			`><Consignment><Number/><Mass/></Consignment><Consignment><Ucr>A</Ucr><Number>2</Number><Mass>7</Mass></Consignment>`},
	} {
		encoded, traced, faults := tab.Encode(parse(t, tt.json), true)
		if diff := cmp.Diff(tt.xml, body(encoded.Bytes())); diff != "" || len(faults) > 0 {
			t.Errorf("%s: %v%s", tt.json, said(faults), diff)
		}
		back := tab.Decode(read(t, string(encoded.Bytes())))
		if diff := cmp.Diff(marshal(parse(t, tt.json)), marshal(back.Document)); diff != "" || len(back.Faults)+len(back.Unread) > 0 {
			t.Errorf("%s: %v %v%s", tt.xml, said(back.Faults), back.Unread, diff)
		}
		if strings.Contains(tt.json, "EXPORT") {
			written, _ := traced.ByPath("transport.containerised")
			seen, _ := back.Trace.ByPath("direction")
			if written.Place.Expr != "/d:Manifest[1]/@boxed" || seen.Place.Expr != "/d:Manifest[1]/d:Rest[1]/d:Kind[1]" || seen.Row != "R003" {
				t.Errorf("written %+v, read %+v", written, seen)
			}
		}
	}
	// What nobody sees is not nothing, and an element that is not there says nothing.
	back := tab.Decode(read(t, "<Manifest xmlns=\"urn:m\"><Office>\u200b</Office></Manifest>"))
	if got := marshal(back.Document); strings.Contains(got, "none") || len(back.Faults) != 1 || back.Faults[0].Code != gateway.TextNothingVisible {
		t.Errorf("%s %v", got, said(back.Faults))
	}
}

func TestOneValueStandsForAllThatSayIt(t *testing.T) {
	const all = header + `
  - {id: R001, to: m:Country, every: consignments.consignee.country, equal: true}
  - {id: R002, to: m:Kind, every: consignments.totals.grossMass.kilograms, equal: true}
  - {id: R010, to: m:Consignment, each: consignments, rows: [{id: R011, to: m:Ucr, from: ucr}]}
`
	tab := tableOf(t, all)
	d := parse(t, `{"manifest": {"consignments": [
		{"ucr": "A", "consignee": {"country": "RU"}, "totals": {"grossMass": {"kilograms": "5"}}},
		{"ucr": "B", "consignee": {"country": "RU"}, "totals": {"grossMass": {"kilograms": "5"}}}]}}`)
	encoded, traced, faults := tab.Encode(d, true)
	for path, want := range map[string]string{"consignments[0].consignee.country": "R001", "consignments[1].consignee.country": "R001", "consignments[1].totals.grossMass.kilograms": "R002"} {
		if l, _ := traced.ByPath(path); l.Row != want || l.Path != path {
			t.Errorf("%s is written as %+v", path, l)
		}
	}
	if diff := cmp.Diff(`><Country>RU</Country><Kind>5</Kind><Consignment><Ucr>A</Ucr></Consignment><Consignment><Ucr>B</Ucr></Consignment>`, body(encoded.Bytes())); diff != "" || len(faults) > 0 {
		t.Error(said(faults), diff)
	}
	back := tab.Decode(read(t, string(encoded.Bytes())))
	if diff := cmp.Diff(marshal(d), marshal(back.Document)); diff != "" || len(back.Faults)+len(back.Unread) > 0 {
		t.Error(said(back.Faults), back.Unread, diff)
	}
	if l, ok := back.Trace.ByPath("consignments[1].consignee.country"); !ok || l.Row != "R001" || l.Place.Expr != "/d:Manifest[1]/d:Country[1]" {
		t.Errorf("the second country is read from %+v", l)
	}
	_, _, faults = tab.Encode(parse(t, `{"manifest": {"consignments": [
		{"consignee": {"country": "RU"}, "totals": {"grossMass": {"kilograms": "5"}}}, {"consignee": {"country": "KZ"}, "totals": {"grossMass": {"kilograms": "5.0"}}}, {"ucr": "C"}]}}`), false)
	want := []string{
		"MAP_UNEQUAL consignments[1].consignee.country  KZ|RU", "MAP_REQUIRED consignments[2].consignee.country  |RU",
		"MAP_REQUIRED consignments[2].totals.grossMass.kilograms  |5",
	}
	if diff := cmp.Diff(want, said(faults)); diff != "" {
		t.Error(diff)
	}
}

func TestLoadSaysWhereShapeDoesNotFit(t *testing.T) {
	for row, want := range map[string]string{
		`{id: R001, to: m:A, from: batch, empty: 1}`:                                   "row R001: empty is no text, expected the canonical value in quotes",
		`{id: R001, to: m:A, from: batch, empty: ""}`:                                  "row R001: empty is no text",
		`{id: R001, to: m:A, from: direction, empty: "NORTH"}`:                         `row R001: empty: `,
		`{id: R001, to: m:A, from: batch, empty: "x", use: "split(3,2)"}`:              "row R001: empty beside a value that is all of no element",
		`{id: R001, to: m:A, count: consignments, empty: "0"}`:                         "row R001: empty does not fit this row, expected it on a value row without each, language and key",
		`{id: R001, to: m:A, from: remarks, language: [en], empty: "x"}`:               "row R001: empty does not fit this row",
		`{id: R001, to: m:A, from: batch, equal: true}`:                                "row R001: equal does not fit this row, expected it on a row with every that is written",
		`{id: R001, to: m:A, every: consignments.ucr, equal: true, direction: decode}`: "row R001: equal does not fit this row",
		`{id: R001, to: m:A, every: consignments.items.sequence}`:                      "row R001: consignments.items.sequence is no value of the elements of one list",
		`{id: R001, to: m:A, from: departed, time: yyyyyy}`:                            `row R001: unknown time "yyyyyy"`,
		`{id: R001, to: m:A, from: departed, time: yydd}`:                              `row R001: unknown time "yydd"`,
	} {
		_, err := load(t, map[string]string{"xx/test.v1.yaml": header + "  - " + row + "\n"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", row, err, want)
		}
	}
}
