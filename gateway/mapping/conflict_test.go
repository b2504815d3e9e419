package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Two places that say one field otherwise are an error, unless a row says which wins, in whichever
// order they stand.
func TestTwoPlacesThatContradictEachOther(t *testing.T) {
	const lines = `
  - id: R010
    to: m:Line
    each: consignments
    rows:
      - {id: R011, to: "@ucr", from: ucr}
`
	both := header + `
  - {id: R001, to: m:A, from: batch}
  - {id: R002, to: m:B, from: batch}
`
	yielding := strings.Replace(both, "m:A, from: batch", `m:A, from: batch, yields: true, lossy: "what A says"`, 1)
	spread := header + `
  - {id: R001, to: m:Country, every: consignments.dispatchCountry}` + lines + `      - {id: R012, to: "@from", from: dispatchCountry}
`
	for name, tt := range map[string]struct{ table, xml, json, fault string }{
		"neither yields":           {both, `<A>1</A><B>2</B>`, `{"batch": "1"}`, "MAP_CONFLICT batch /d:Manifest[1]/d:B[1] 2|1"},
		"they agree":               {both, `<A>1</A><B>1</B>`, `{"batch": "1"}`, ""},
		"the first yields":         {yielding, `<A>1</A><B>2</B>`, `{"batch": "2"}`, "MAP_DERIVED batch /d:Manifest[1]/d:A[1] 1|2"},
		"the second yields":        {yielding, `<B>2</B><A>1</A>`, `{"batch": "2"}`, "MAP_DERIVED batch /d:Manifest[1]/d:A[1] 1|2"},
		"what yields stands alone": {yielding, `<A>1</A>`, `{"batch": "1"}`, ""},
		"the header's on lines": {header + `
  - {id: R001, to: m:A, from: batch}` + lines + `      - {id: R012, to: "@batch", from: $.batch}
`, `<A>1</A><Line ucr="U" batch="1"/><Line ucr="V" batch="2"/>`, `{"batch": "1", "consignments": [{"ucr": "U"}, {"ucr": "V"}]}`, "MAP_CONFLICT batch /d:Manifest[1]/d:Line[2]/@batch 2|1"},
		"of lines that yield the first": {header + lines[1:] + `      - {id: R012, to: "@batch", from: $.batch, yields: true, lossy: "what later lines say"}
`, `<Line ucr="U" batch="1"/><Line ucr="V" batch="2"/>`, `{"batch": "1", "consignments": [{"ucr": "U"}, {"ucr": "V"}]}`, "MAP_DERIVED batch /d:Manifest[1]/d:Line[2]/@batch 2|1"},
		"one for all, and another of a line": {spread, `<Country>GE</Country><Line ucr="U" from="GE"/><Line ucr="V" from="CN"/>`,
			`{"consignments": [{"ucr": "U", "dispatchCountry": "GE"}, {"ucr": "V", "dispatchCountry": "CN"}]}`, "MAP_CONFLICT consignments[1].dispatchCountry /d:Manifest[1]/d:Country[1] GE|CN"},
		"one for all yields": {strings.Replace(spread, "consignments.dispatchCountry}", `consignments.dispatchCountry, yields: true, lossy: "what lines say otherwise"}`, 1),
			`<Country>GE</Country><Line ucr="U"/><Line ucr="V" from="CN"/>`,
			`{"consignments": [{"ucr": "U", "dispatchCountry": "GE"}, {"ucr": "V", "dispatchCountry": "CN"}]}`, "MAP_DERIVED consignments[1].dispatchCountry /d:Manifest[1]/d:Country[1] GE|CN"},
		"one for all wins": {strings.Replace(spread, "from: dispatchCountry}", `from: dispatchCountry, yields: true, lossy: "what the header says otherwise"}`, 1),
			`<Country>GE</Country><Line ucr="U"/><Line ucr="V" from="CN"/>`,
			`{"consignments": [{"ucr": "U", "dispatchCountry": "GE"}, {"ucr": "V", "dispatchCountry": "GE"}]}`, "MAP_DERIVED consignments[1].dispatchCountry /d:Manifest[1]/d:Line[2]/@from CN|GE"},
	} {
		t.Run(name, func(t *testing.T) {
			back := tableOf(t, tt.table).Decode(read(t, `<Manifest xmlns="urn:m">`+tt.xml+`</Manifest>`))
			if diff := cmp.Diff(marshal(parse(t, `{"manifest": `+tt.json+`}`)), marshal(back.Document)); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(said(back.Faults), "; "); got != tt.fault {
				t.Errorf("%q, want %q", got, tt.fault)
			}
		})
	}
}

func TestLoadSaysWhereNothingWins(t *testing.T) {
	for row, want := range map[string]string{
		`{id: R001, to: m:A, from: batch, yields: true, lossy: x}`:                                                  "row R001: yields, and no other row reads batch, expected one that wins",
		`{id: R001, to: m:A, from: batch, yields: true}, {id: R002, to: m:B, from: batch}`:                          "row R001: yields to another place of the document, expected lossy",
		`{id: R001, to: m:A, from: batch, yields: true, direction: encode}`:                                         "row R001: yields does not fit this row, expected it on a value or every row that is read",
		`{id: R001, to: m:A, each: consignments.items, rows: [{id: R002, to: m:B, count: packages, yields: true}]}`: "row R002: yields does not fit this row",
		`{id: R001, to: m:A, from: remarks, language: [en], yields: true, lossy: x}`:                                "row R001: yields does not fit this row",
	} {
		_, err := load(t, map[string]string{"xx/test.v1.yaml": strings.Replace(header, "rows:\n", "rows: ["+row+"]\n", 1)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", row, err, want)
		}
	}
}

// What does not come back is said in the row, or the table does not load.
func TestLoadDemandsThatALossIsSaid(t *testing.T) {
	const takes = ": its constant takes the place of what row %s on line 10 reads, expected lossy on one of them"
	for rows, want := range map[string]string{
		`{id: R001, to: m:A, from: "consignments[0].ucr"}`:                                                                               "row R001: consignments[0].ucr is one element of a list, of which the others are lost, expected lossy, or direction",
		`{id: R001, to: m:A, with: "carrier.addresses[1]", rows: [{id: R002, to: m:B, from: city}]}`:                                     "row R001: carrier.addresses[1] is one element of a list",
		`{id: R001, to: m:A, from: "consignments[0].ucr", lossy: "others"}`:                                                              "",
		`{id: R001, to: m:A, from: "consignments[0].ucr", direction: decode}`:                                                            "",
		`{id: R001, to: m:A, from: "carrier.ids[scheme=INN].value"}`:                                                                     "",
		`{id: R001, set: direction, const: EXPORT}, {id: R002, to: m:A, from: direction}`:                                                "row R001" + strings.Replace(takes, "%s", "R002", 1),
		`{id: R001, set: direction, const: EXPORT, lossy: x}, {id: R002, to: m:A, from: direction}`:                                      "",
		`{id: R001, to: m:A, from: batch, direction: decode}, {id: R002, to: m:A, const: "X"}`:                                           "row R002" + strings.Replace(takes, "%s", "R001", 1),
		`{id: R001, to: m:A, from: batch, direction: decode, lossy: x}, {id: R002, to: m:A, const: "X"}`:                                 "",
		`{id: R001, to: m:A, from: batch, when: "batch != ''"}, {id: R002, to: m:A, const: "X", direction: encode, when: "batch == ''"}`: "",
		`{id: R001, to: m:A, each: transport.vehicles, rows: [{id: R002, to: m:B, from: registration}, {id: R003, set: role, const: TRACTOR}]}, {id: R004, to: m:C, each: consignments, rows: [{id: R005, to: m:B, from: ucr}]}`: "",
	} {
		_, err := load(t, map[string]string{"xx/test.v1.yaml": strings.Replace(header, "rows:\n", "rows: ["+rows+"]\n", 1)})
		if got := fmt.Sprint(err); err == nil && want != "" || err != nil && (want == "" || !strings.Contains(got, want)) {
			t.Errorf("%s: %v, want %s", rows, err, want)
		}
	}
}
