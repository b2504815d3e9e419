package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Elements of one name that only their text, and what stands beside them, tells apart; and
// a consignment that looks up the load units which it names.
const lookup = header + `
  - {id: R001, to: m:Batch, from: batch}
  - id: R010
    to: m:Consignment
    each: consignments
    rows:
      - id: R011
        to: m:Goods
        each: items
        rows:
          - id: R012
            to: m:Code
            each: dangerous
            there: ../../m:Contact
            rows:
              - {id: R013, to: m:ID, from: unNumber, like: "[0-9]{4}", required: true}
          - id: R014
            to: m:Code
            each: classifications
            rows:
              - {id: R015, to: m:ID, from: code, required: true}
              - {id: R016, set: scheme, const: CN}
      - {id: R020, to: m:Contact, from: dangerousGoodsContact.name}
      - {id: R021, to: m:Box, each: loadUnits, from: ".", when: "!it.matches('^[0-9]+$')", lossy: "wagons"}
      - {id: R022, to: m:Seals, count: $.loadUnits.seals, by: id, in: loadUnits, direction: encode}
      - id: R023
        to: m:Seal
        each: $.loadUnits.seals
        by: id
        in: loadUnits
        direction: encode
        when: "!outer.seals.exists(own, own.id == id)"
        rows:
          - {id: R024, to: ".", from: id, required: true}
`

func TestGroupsAreToldApartByTextAndNeighbour(t *testing.T) {
	tab := tableOf(t, lookup)
	const goods = `<Goods><Code><ID>1263</ID></Code><Code><ID>0702000000</ID></Code></Goods>`
	for _, tc := range []struct{ name, xml, want string }{
		{"with a contact four digits are a UN number", goods + `<Contact>A</Contact>`, `dangerous 1263 classified 0702000000`},
		{"without one they are not", goods, `dangerous classified 1263 0702000000`},
	} {
		decoded := tab.Decode(read(t, `<Manifest xmlns="urn:m"><Consignment>`+tc.xml+`</Consignment></Manifest>`))
		if len(decoded.Faults)+len(decoded.Unread) > 0 {
			t.Errorf("%s: %v %v", tc.name, said(decoded.Faults), decoded.Unread)
		}
		item := decoded.Document.GetManifest().GetConsignments()[0].GetItems()[0]
		got := "dangerous"
		for _, d := range item.Dangerous {
			got += " " + d.UnNumber
		}
		got += " classified"
		for _, c := range item.Classifications {
			got += " " + c.Code
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	_, _, faults := tab.Encode(parse(t, `{"manifest": {"consignments": [{"items": [{"dangerous": [{"unNumber": "126"}]}], "dangerousGoodsContact": {"name": "A"}}]}}`), false)
	if diff := cmp.Diff([]string{"MAP_TYPE consignments[0].items[0].dangerous[0].unNumber  126|a text of the pattern [0-9]{4}"}, said(faults)); diff != "" {
		t.Error(diff)
	}
	_, _, faults = tab.Encode(parse(t, `{"manifest": {"consignments": [{"items": [{"classifications": [{"scheme": "CN", "code": " 0702 "}]}, {"classifications": [{"scheme": "CN", "code": "070200"}]}], "dangerousGoodsContact": {"name": "A"}},
		{"items": [{"classifications": [{"scheme": "CN", "code": "0702"}]}]}]}}`), false)
	if diff := cmp.Diff([]string{"MAP_TYPE consignments[0].items[0].classifications[0]  0702|not [0-9]{4} beside ../../m:Contact"}, said(faults)); diff != "" {
		t.Error(diff)
	}
	_, _, faults = tab.Encode(parse(t, `{"manifest": {"consignments": [{"items": [{"dangerous": [{"unNumber": "1263"}]}]}]}}`), false)
	if diff := cmp.Diff([]string{"MAP_REQUIRED consignments[0].items[0].dangerous[0]  |../../m:Contact"}, said(faults)); diff != "" {
		t.Error(diff)
	}
}

func TestElementsAreReadOnlyBesideTheirNeighbour(t *testing.T) {
	tab := tableOf(t, header+`
  - {id: R001, to: m:Batch, from: batch}
  - {id: R002, to: m:Office, with: office, there: ../m:Batch, rows: [{id: R003, to: m:ID, from: code}]}
`)
	decoded := tab.Decode(read(t, `<Manifest xmlns="urn:m"><Office><ID>1</ID></Office></Manifest>`))
	if len(decoded.Unread) != 1 || decoded.Document.GetManifest().GetOffice() != nil || len(decoded.Faults) > 0 {
		t.Errorf("%v %v %s", decoded.Unread, said(decoded.Faults), marshal(decoded.Document))
	}
	decoded = tab.Decode(read(t, `<Manifest xmlns="urn:m"><Office><ID>1</ID></Office><Batch>B</Batch></Manifest>`))
	if len(decoded.Unread) > 0 || decoded.Document.GetManifest().GetOffice().GetCode() != "1" {
		t.Errorf("%v %s", decoded.Unread, marshal(decoded.Document))
	}
}

func TestConsignmentLooksUpWhatItNames(t *testing.T) {
	tab := tableOf(t, lookup)
	d := parse(t, `{"manifest": {"loadUnits": [{"id": "52362401", "seals": [{"id": "S1"}, {"id": "S2"}]}, {"id": "ABCU1234560", "seals": [{"id": "S3"}]}, {"id": "X", "seals": [{"id": "S4"}]}],
	"consignments": [{"loadUnits": ["ABCU1234560", "52362401"]}, {"loadUnits": ["52362401"], "seals": [{"id": "S1"}]}, {"ucr": "none"}]}}`)
	encoded, trace, faults := tab.Encode(d, true)
	if len(faults) > 0 {
		t.Fatal(said(faults))
	}
	_, got, _ := strings.Cut(indents.Replace(string(encoded.Bytes())), `xmlns:x="urn:x">`)
	const want = `<Consignment><Box>ABCU1234560</Box><Seals>3</Seals><Seal>S1</Seal><Seal>S2</Seal><Seal>S3</Seal></Consignment>` +
		`<Consignment><Seals>2</Seals><Seal>S2</Seal></Consignment></Manifest>`
	if diff := cmp.Diff(want, strings.TrimSpace(got)); diff != "" {
		t.Error(diff)
	}
	for place, want := range map[string]string{
		"/d:Manifest[1]/d:Consignment[1]/d:Seal[3]": "loadUnits[1].seals[0].id", "/d:Manifest[1]/d:Consignment[2]/d:Seal[1]": "loadUnits[0].seals[1].id",
	} {
		if l, _ := trace.ByPlace(place); l.Path != want {
			t.Errorf("%s is %s, want %s", place, l.Path, want)
		}
	}
}

func TestLoadRefusesLookupsThatCannotBe(t *testing.T) {
	_, err := load(t, map[string]string{"xx/test.v1.yaml": header + `
  - {id: R001, to: m:A, from: batch, like: "[0-9"}
  - {id: R002, to: m:B, from: batch, there: ../m:A}
  - {id: R003, to: m:C, with: office, there: m:A, rows: [{id: R004, to: m:ID, from: code}]}
  - {id: R005, to: m:D, with: office, there: ../../m:A, rows: [{id: R006, to: m:ID, from: code}]}
  - {id: R007, to: m:E, with: office, there: "../m:A/@x", rows: [{id: R008, to: m:ID, from: code}]}
  - {id: R010, to: m:F, each: consignments, by: ucr, in: batch, rows: [{id: R011, to: m:G, from: ucr}]}
  - {id: R012, to: m:H, each: consignments, by: items, in: batch, direction: encode, rows: [{id: R013, to: m:G, from: ucr}]}
  - {id: R014, to: m:I, each: consignments, by: ucr, in: office, direction: encode, rows: [{id: R015, to: m:G, from: ucr}]}
  - {id: R016, to: m:J, count: consignments, by: ucr, in: batch, direction: encode}
  - {id: R017, to: m:K, from: batch, by: ucr, direction: encode}
  - {id: R018, to: m:L, from: batch, when: "it == 'x'"}
  - {id: R019, to: m:M, from: batch, when: "outer.batch == 'x'"}
  - {id: R020, to: m:N, each: consignments, when: "outer.ucr == 'x'", rows: [{id: R021, to: m:G, from: ucr}]}
`})
	if err == nil {
		t.Fatal("a table full of mistakes was loaded")
	}
	for _, want := range []string{
		"row R001: like \"[0-9\", expected a regular expression",
		"row R002: there does not fit this row, expected it on a group that is read",
		`row R003: there "m:A", expected 1 to 1 times ../ before an element`,
		`row R005: there "../../m:A", expected 1 to 1 times ../`,
		`row R007: there "../m:A/@x" is an attribute`,
		"row R010: by and in, expected direction: encode",
		`row R012: by "items", expected a value of the elements of consignments`,
		`row R014: in "office", expected texts where the row stands`,
		"row R016: by and in, expected direction: encode and each, or the count of a list in a list",
		"row R017: by and in, expected direction: encode",
		`row R018: condition "it == 'x'"`, `row R019: condition "outer.batch == 'x'"`, `row R020: condition "outer.ucr == 'x'"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: not said in\n%v", want, err)
		}
	}
}
