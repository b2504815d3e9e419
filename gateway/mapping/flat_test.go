package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// An administration unlike the others: no namespace, attributes instead of elements,
// flat lists that refer to each other by ids, its own dates, decimals and codes.
const flat = `
mapping: fl/cargo-list
version: 3
document: Manifest
root: CargoList
system: test
zone: Asia/Almaty
rows:
  - {id: F01, to: "@no", from: batch, required: true}
  - {id: F02, to: "@day", from: departed, time: dd.MM.yyyy}
  - {id: F03, to: "@hour", from: departed, time: HHmm}
  - {id: F04, to: "@mode", from: transport.mode, list: transport-mode}
  - {id: F05, to: "@boxed", from: transport.containerised, use: "boolean(J,N)"}
  - {id: F06, to: "@office", from: office.code, use: "office8(398)"}
  - id: F10
    to: Waybills/Waybill
    each: consignments
    rows:
      - {id: F11, to: "@no", from: transportDocument.id, key: true, required: true}
      - {id: F12, to: "@list", from: $.batch}
      - {id: F13, to: "@from", refer: consignor}
      - {id: F14, to: "@for", refer: consignee, required: true}
      - {id: F15, to: "@kg", from: totals.grossMass.kilograms, use: comma}
  - id: F20
    to: Parties/Party
    collect: [consignments.consignor, consignments.consignee]
    rows:
      - {id: F21, to: "@id", handle: "P"}
      - {id: F22, to: "@name", from: name, language: [en, latin], required: true}
      - id: F23
        to: Phone
        each: communications
        rows:
          - {id: F24, to: "@no", from: value, required: true}
          - {id: F25, set: kind, const: TE}
  - id: F30
    to: Goods/Line
    each: consignments.items
    rows:
      - {id: F31, to: "@n", ordinal: true}
      - {id: F32, to: "@waybill", from: ^.transportDocument.id, key: true, required: true}
      - {id: F33, to: "@item", from: sequence, key: true, required: true}
      - {id: F34, to: "@text", from: description, language: [en]}
      - {id: F35, to: "@grams", from: grossMass.kilograms, use: "scaled(3)"}
  - id: F40
    to: Goods/Package
    each: consignments.items.packages
    rows:
      - {id: F41, to: "@waybill", from: ^.^.transportDocument.id, key: true, required: true}
      - {id: F42, to: "@item", from: ^.sequence, key: true, required: true}
      - {id: F43, to: "@kind", from: type}
      - {id: F44, to: "@count", from: quantity, use: "pad(4)"}
  - id: F50
    to: Seals/Seal
    each: loadUnits.seals
    rows:
      - {id: F51, to: "@unit", from: ^.id, key: true, required: true}
      - {id: F52, to: ".", from: kind, use: "before(/)"}
      - {id: F53, to: ".", from: id, use: "after(/)"}
`

const flatJSON = `{"manifest": {
  "batch": "B7", "departed": "2026-03-01T08:30:00+05:00", "office": {"code": "50502"},
  "transport": {"mode": "3", "containerised": false},
  "loadUnits": [{"id": "MSCU1234566", "seals": [{"id": "A1", "kind": "M"}, {"id": "A2"}]}, {"id": "MSCU7654321", "seals": [{"id": "A3/4", "kind": "E"}]}],
  "consignments": [
    {"transportDocument": {"id": "W1"}, "totals": {"grossMass": {"kilograms": "1250.5"}},
     "consignor": {"name": [{"language": "en", "value": "Sender"}], "communications": [{"kind": "TE", "value": "+7 1"}, {"kind": "TE", "value": "+7 2"}]},
     "consignee": {"name": [{"language": "en", "value": "Receiver"}]},
     "items": [{"sequence": 1, "description": [{"language": "en", "value": "Tea"}], "grossMass": {"kilograms": "0.25"}, "packages": [{"type": "CT", "quantity": "5"}, {"type": "BX", "quantity": "1"}]},
               {"sequence": 2}]},
    {"transportDocument": {"id": "W2"},
     "consignor": {"name": [{"language": "en", "value": "Receiver"}]},
     "consignee": {"name": [{"language": "en", "value": "Sender"}], "communications": [{"kind": "TE", "value": "+7 1"}, {"kind": "TE", "value": "+7 2"}]},
     "items": [{"sequence": 1, "grossMass": {"kilograms": "1000"}, "packages": [{"type": "PX", "quantity": "12"}]}]}
  ]
}}`

const flatXML = `<?xml version="1.0" encoding="UTF-8"?>
<CargoList no="B7" day="01.03.2026" hour="0830" mode="30" boxed="N" office="39850502">
  <Waybills>
    <Waybill no="W1" list="B7" from="P1" for="P2" kg="1250,5"/>
    <Waybill no="W2" list="B7" from="P2" for="P1"/>
  </Waybills>
  <Parties>
    <Party id="P1" name="Sender">
      <Phone no="+7 1"/>
      <Phone no="+7 2"/>
    </Party>
    <Party id="P2" name="Receiver"/>
  </Parties>
  <Goods>
    <Line n="1" waybill="W1" item="1" text="Tea" grams="250"/>
    <Line n="2" waybill="W1" item="2"/>
    <Line n="3" waybill="W2" item="1" grams="1000000"/>
    <Package waybill="W1" item="1" kind="CT" count="0005"/>
    <Package waybill="W1" item="1" kind="BX" count="0001"/>
    <Package waybill="W2" item="1" kind="PX" count="0012"/>
  </Goods>
  <Seals>
    <Seal unit="MSCU1234566">M/A1</Seal>
    <Seal unit="MSCU1234566">A2</Seal>
    <Seal unit="MSCU7654321">E/A3/4</Seal>
  </Seals>
</CargoList>
`

func flatTable(t testing.TB) *Table {
	l, err := load(t, map[string]string{"fl/cargo-list.v3.yaml": flat})
	if err != nil {
		t.Fatal(err)
	}
	return l.Tables()[0]
}

func TestFlatListsThereAndBack(t *testing.T) {
	tab := flatTable(t)
	d := parse(t, flatJSON)
	out, trace, faults := tab.Encode(d, true)
	if len(faults) > 0 {
		t.Fatal(said(faults))
	}
	if diff := cmp.Diff(flatXML, string(out.Bytes())); diff != "" {
		t.Fatal(diff)
	}
	back := tab.Decode(read(t, flatXML))
	if len(back.Faults)+len(back.Unread) > 0 {
		t.Error(said(back.Faults), back.Unread)
	}
	if diff := cmp.Diff(marshal(d), marshal(back.Document)); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]string{
		"consignments[1].items[0].grossMass.kilograms":   "/CargoList[1]/Goods[1]/Line[3]/@grams",
		"consignments[1].consignee.name[0].value":        "/CargoList[1]/Parties[1]/Party[1]/@name",
		"consignments[1].items[0].packages[0].quantity":  "/CargoList[1]/Goods[1]/Package[3]/@count",
		"loadUnits[1].seals[0].id":                       "/CargoList[1]/Seals[1]/Seal[3]",
		"consignments[0].consignor.communications[1]":    "/CargoList[1]/Parties[1]/Party[1]/Phone[2]",
		"consignments[1].consignor.communications[0].id": "/CargoList[1]/Waybills[1]/Waybill[2]/@from",
	} {
		if l, ok := back.Trace.ByPath(path); !ok || l.Place.Expr != want {
			t.Errorf("%s was read from %s, want %s", path, l.Place.Expr, want)
		}
	}
	if l, ok := trace.ByPlace("/CargoList[1]/Goods[1]/Line[3]/@waybill"); !ok || l.Path != "consignments[1].transportDocument.id" {
		t.Errorf("the waybill of line 3 is %s", l.Path)
	}
	if l, ok := trace.ByPath("loadUnits[1].seals[0].kind"); !ok || l.Value != "E/" {
		t.Errorf("the seal's kind is written as %s", l.Value)
	}
}

func TestFlatListsInAnotherOrder(t *testing.T) {
	back := flatTable(t).Decode(read(t, `<CargoList no="B7">
	<Goods><Package waybill="W2" item="7" count="0012"/><Line waybill="W1" item="1"/><Line waybill="W2" item="7" text="Tea"/></Goods>
	<Parties><Party id="A" name="One"/></Parties>
	<Waybills><Waybill no="W1" for="A"/><Waybill no="W2" for="A"/></Waybills></CargoList>`))
	want := marshal(parse(t, `{"manifest": {"batch": "B7", "consignments": [
	{"transportDocument": {"id": "W2"}, "consignee": {"name": [{"language": "en", "value": "One"}]}, "items": [{"sequence": 7, "description": [{"language": "en", "value": "Tea"}], "packages": [{"quantity": "12"}]}]},
	{"transportDocument": {"id": "W1"}, "consignee": {"name": [{"language": "en", "value": "One"}]}, "items": [{"sequence": 1}]}]}}`))
	if diff := cmp.Diff(want, marshal(back.Document)); diff != "" || len(back.Faults) > 0 {
		t.Error(said(back.Faults), diff)
	}
}

// TestFlatListsTakeUUIDsInEitherCase: as keys, as references and as what is said twice, in
// both directions; another id is another one in capitals.
func TestFlatListsTakeUUIDsInEitherCase(t *testing.T) {
	const small, capitals = "0f7e6a54-2b8c-4d55-9d3c-5b0f6a7c8d90", "0F7E6A54-2B8C-4D55-9D3C-5B0F6A7C8D90"
	back := flatTable(t).Decode(read(t, `<CargoList no="B7">
	<Goods><Package waybill="`+small+`" item="7" count="0012"/><Line waybill="`+capitals+`" item="7" text="Tea"/><Line waybill="w" item="1"/></Goods>
	<Parties><Party id="`+small+`" name="One"/></Parties>
	<Waybills><Waybill no="`+capitals+`" for="`+capitals+`"/><Waybill no="W" for="`+small+`"/></Waybills></CargoList>`))
	want := marshal(parse(t, `{"manifest": {"batch": "B7", "consignments": [
	{"transportDocument": {"id": "`+small+`"}, "consignee": {"name": [{"language": "en", "value": "One"}]}, "items": [{"sequence": 7, "description": [{"language": "en", "value": "Tea"}], "packages": [{"quantity": "12"}]}]},
	{"transportDocument": {"id": "w"}, "items": [{"sequence": 1}]},
	{"transportDocument": {"id": "W"}, "consignee": {"name": [{"language": "en", "value": "One"}]}}]}}`))
	if diff := cmp.Diff(want, strings.ReplaceAll(marshal(back.Document), capitals, small)); diff != "" || len(back.Faults) > 0 {
		t.Error(said(back.Faults), diff)
	}
	twice := flatTable(t).Decode(read(t, `<CargoList no="B7"><Waybills><Waybill no="`+small+`" for="p"/><Waybill no="`+capitals+`" for="p"/></Waybills>
	<Parties><Party id="p" name="x"/></Parties></CargoList>`))
	if diff := cmp.Diff([]string{"MAP_KEY consignments /CargoList[1]/Waybills[1]/Waybill[2] " + capitals + "|"}, said(twice.Faults)); diff != "" {
		t.Error(diff)
	}
	d := parse(t, flatJSON)
	d.GetManifest().Consignments[0].TransportDocument.Id = small
	d.GetManifest().Consignments[1].TransportDocument.Id = capitals
	_, _, faults := flatTable(t).Encode(d, false)
	if got := said(faults); len(got) == 0 || got[0] != "MAP_KEY consignments[1].transportDocument.id  "+capitals+"|" {
		t.Errorf("written twice: %v", got)
	}
}

func TestFlatListsSayAllFaultsAtOnce(t *testing.T) {
	got := flatTable(t).Decode(read(t, `<CargoList no="B7" boxed="X" office="1">
	<Waybills><Waybill no="W1" list="B8" for="P1" kg="1.5"/><Waybill no="W1" for="P9"/></Waybills>
	<Parties><Party id="P1"/><Party id="P1" name="x"/><Party id="P2" name="x"/><Party name="x"/></Parties>
	<Goods><Line item="1" grams="1,5"/><Line waybill="W1" item="2"/><Line waybill="W1" item="2"/></Goods></CargoList>`))
	want := []string{
		"MAP_TYPE transport.containerised /CargoList[1]/@boxed X|J or N",
		"MAP_TYPE office.code /CargoList[1]/@office 1|8 digits that begin with 398",
		"MAP_CONFLICT batch /CargoList[1]/Waybills[1]/Waybill[1]/@list B8|B7",
		"MAP_TYPE consignments[0].totals.grossMass.kilograms /CargoList[1]/Waybills[1]/Waybill[1]/@kg 1.5|a number with a decimal comma, such as 1234,5",
		"MAP_KEY consignments /CargoList[1]/Waybills[1]/Waybill[2] W1|",
		"MAP_KEY  /CargoList[1]/Parties[1]/Party[2] P1|",
		"MAP_REQUIRED  /CargoList[1]/Parties[1]/Party[4] |@id",
		"MAP_TYPE consignments[2].items[0].grossMass.kilograms /CargoList[1]/Goods[1]/Line[1]/@grams 1,5|digits alone, the last 3 of them after the point",
		"MAP_REQUIRED consignments[2].transportDocument.id /CargoList[1]/Goods[1]/Line[1] |@waybill",
		"MAP_KEY consignments[0].items /CargoList[1]/Goods[1]/Line[3] 2|",
		"MAP_REQUIRED consignments[0].consignee.name /CargoList[1]/Parties[1]/Party[1] |@name",
		"MAP_REFERENCE consignments[1].consignee /CargoList[1]/Waybills[1]/Waybill[2]/@for P9|Parties/Party",
	}
	if diff := cmp.Diff(want, said(got.Faults)); diff != "" {
		t.Error(diff)
	}
	if len(got.Unread) != 1 || got.Unread[0].Expr != "/CargoList[1]/Parties[1]/Party[3]" {
		t.Errorf("unread %v", got.Unread)
	}
	d := parse(t, flatJSON)
	m := d.GetManifest()
	m.Consignments[1].TransportDocument.Id = "W1"
	m.Consignments[0].Items[1].Sequence = nil
	m.Consignments[1].Consignee = nil
	m.Consignments[0].Totals.GrossMass = nil
	m.Consignments[0].Items[0].GrossMass.Kilograms.Value = "0.2505"
	m.LoadUnits[0].Seals[1].Id = "A/2"
	_, _, faults := flatTable(t).Encode(d, false)
	want = []string{
		"MAP_KEY consignments[1].transportDocument.id  W1|",
		"MAP_REQUIRED consignments[1].consignee  |@for",
		"MAP_TYPE consignments[0].items[0].grossMass.kilograms  0.2505|at most 3 digits after the point",
		"MAP_REQUIRED consignments[0].items[1].sequence  |@item",
		"MAP_KEY consignments[1].transportDocument.id  W1|", // of the lines
		"MAP_KEY consignments[1].transportDocument.id  W1|", // of the packages
		"MAP_TYPE loadUnits[0].seals[1].id  A/2|a text without /",
	}
	if diff := cmp.Diff(want, said(faults)); diff != "" {
		t.Error(diff)
	}
}

func TestLoadRefusesWhatCannotBeFoundAgain(t *testing.T) {
	for old, pairs := range map[string][][2]string{
		`, key: true, required: true}
      - {id: F12`: {{", required: true}\n      - {id: F12", ""}},
		`from: ^.transportDocument.id, key: true,`: {
			{`from: ^.transportDocument.id,`, "row F30: each consignments.items passes through consignments, expected a row with a required value of that list's elements and key: true, or lossy"},
			{`from: ^.^.^.batch, key: true,`, "row F32: ^.^.^.batch reaches out of the outermost context, expected at most 2 times ^"},
			{`from: $.batch, key: true,`, "row F32: key of another list, expected one of consignments.items or of a list that it passes through"},
			{`from: ^.transportDocument.ids, key: true,`, `row F32: path "transportDocument.ids": DocumentReference has no field "ids"`},
		},
		`from: ^.id, key: true, required: true`: {{`from: ^.id, key: true`, "row F51: key does not fit this row, expected it on a required value row"}},
		`refer: consignor`:                      {{`refer: seller`, "row F13: no row collects consignments.seller"}, {`refer: items`, "row F13: refer items, expected a single message"}},
		`collect: [consignments.consignor, consignments.consignee]`: {
			{`collect: [consignments.consignor, consignments.consignee, carrier]`, "row F20: collects carrier and nothing refers to it"},
			{`collect: [consignments.consignor, consignments.consignee, office]`, "row F20: collect office is a Office, expected Party as in consignments.consignor"},
			{`collect: [consignments.items]`, "row F20: collect consignments.items, expected a single message"},
			{`collect: [consignments.consignor, consignments.consignee, consignments.consignor]`, "row F20: collect consignments.consignor, which row F20 collects, expected it once"},
		},
		`{id: F21, to: "@id", handle: "P"}`: {{`{id: F21, to: "@id", from: country}`, "row F20: has 0 rows with handle, expected one"}, {`{id: F21, to: "@id", from: ^.batch}`, "row F21: ^.batch reaches out of the outermost context"}},
		`{id: F24, to: "@no", from: value,`: {{`{id: F24, to: "@no", from: $.batch,`, "row F24: $.batch reaches out of collect"}},
		`use: "before(/)"`:                  {{`use: "before(-)"`, "row F52: conversion before(-) stands alone, expected two rows of one target and direction: before(x), then after(x)"}},
		`{id: F04, to: "@mode",`:            {{`{id: F04, to: "@mode", handle: x,`, "has [from handle], expected exactly one"}},
		`{id: F05, to: "@boxed", from: transport.containerised, use: "boolean(J,N)"}`: {{`{id: F05, to: "@boxed", handle: x}`, `row F05: handle "x", expected it among the rows of a group with collect`}},
	} {
		for _, pair := range pairs {
			text := strings.Replace(flat, old, pair[0], 1)
			if text == flat {
				t.Fatalf("%s is not in the table", old)
			}
			_, err := load(t, map[string]string{"fl/cargo-list.v3.yaml": text})
			if pair[1] == "" && err != nil || pair[1] != "" && (err == nil || !strings.Contains(err.Error(), pair[1])) {
				t.Errorf("%s:\n%v\nwant %s", pair[0], err, pair[1])
			}
		}
	}
}

func TestReachingOutwards(t *testing.T) {
	tab := tableOf(t, header+`
  - id: A
    to: m:C
    each: consignments
    rows:
      - {id: B, to: m:Id, from: ucr}
      - id: C
        to: m:Office
        with: $.office
        rows:
          - {id: D, to: m:Code, from: code}
          - {id: E, to: m:Batch, from: ^.batch}
      - id: F
        to: m:Unit
        each: loadUnits
        rows:
          - {id: G, to: ".", from: "."}
          - {id: H, to: "@c", from: ^.ucr}
          - {id: I, to: "@n", count: $.consignments}
`)
	d := parse(t, `{"manifest": {"batch": "B7", "office": {"code": "0603"}, "consignments": [{"ucr": "U1", "loadUnits": ["A", "B"]}, {"ucr": "U2"}]}}`)
	out, _, faults := tab.Encode(d, false)
	want := `<C><Id>U1</Id><Office><Code>0603</Code><Batch>B7</Batch></Office><Unit c="U1" n="2">A</Unit><Unit c="U1" n="2">B</Unit></C>` +
		`<C><Id>U2</Id><Office><Code>0603</Code><Batch>B7</Batch></Office></C></Manifest>`
	got := strings.NewReplacer("\n", "", "  ", "").Replace(string(out.Bytes()))
	if _, got, _ = strings.Cut(got, `"urn:x">`); got != want || len(faults) > 0 {
		t.Errorf("%v\n%s\n%s", said(faults), got, want)
	}
	back := tab.Decode(read(t, string(out.Bytes())))
	if diff := cmp.Diff(marshal(d), marshal(back.Document)); diff != "" || len(back.Faults) > 0 {
		t.Error(said(back.Faults), diff)
	}
	differs := tab.Decode(read(t, strings.Replace(string(out.Bytes()), `c="U1" n="2">B`, `c="U9" n="3">B`, 1)))
	if len(differs.Faults) != 2 || differs.Faults[0].Code != gateway.MapConflict || differs.Faults[0].Path != "consignments[0].ucr" {
		t.Error(said(differs.Faults))
	}
	if document.Digest(differs.Document) != document.Digest(d) {
		t.Error("what an inner element says of the outer one changed it")
	}
}

// Finding what an element belongs to MUST NOT cost more the more there is.
func TestSixteenThousandItemsInFlatLists(t *testing.T) {
	d := parse(t, flatJSON)
	m := d.GetManifest()
	m.Consignments = nil
	for c := range 160 {
		one := &customsv1.Consignment{
			TransportDocument: &customsv1.DocumentReference{Id: fmt.Sprint("W", c)},
			Consignee:         &customsv1.Party{Name: []*customsv1.Text{{Language: "en", Value: fmt.Sprint("Receiver ", c%7)}}},
		}
		for i := range uint32(100) {
			one.Items = append(one.Items, &customsv1.GoodsItem{Sequence: &i, Packages: []*customsv1.Packaging{{Type: "CT"}}})
		}
		m.Consignments = append(m.Consignments, one)
	}
	tab := flatTable(t)
	out, _, faults := tab.Encode(d, true)
	if len(faults) > 0 {
		t.Fatal(said(faults))
	}
	back := tab.Decode(read(t, string(out.Bytes())))
	if len(back.Faults) > 0 || document.Digest(back.Document) != document.Digest(d) {
		t.Error("16,000 items do not come back")
	}
	if n := strings.Count(string(out.Bytes()), "<Party "); n != 7 {
		t.Errorf("%d parties, want the 7 different ones", n)
	}
}
