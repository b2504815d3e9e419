package mapping

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/document"
)

// spread has a number and a code that stand once for all packages of an item.
const spread = header + `
  - id: R010
    to: m:Consignment
    each: consignments
    rows:
      - id: R020
        to: m:Item
        each: items
        rows:
          - {id: R030, to: m:Number, sum: packages.quantity, lone: true}
          - {id: R040, to: m:Presence, every: packages.presence, lossy: "one code for all"}
          - id: R050
            to: m:Package
            each: packages
            when: "type != '' || size(outer.packages) > 1"
            rows:
              - {id: R060, to: m:Kind, from: type, required: true}
              - {id: R070, to: m:Quantity, from: quantity}
`

// What stands once is read into the packages, be it written before them or behind, and
// into one package where the format names none.
func TestWhatStandsOnceIsReadIntoTheElements(t *testing.T) {
	tab := tableOf(t, spread)
	for xml, want := range map[string]string{
		"<Number>1</Number><Presence>0</Presence>": `[{"quantity":"1","presence":"0"}]`,
		"<Presence>2</Presence><Number>4</Number>": `[{"quantity":"4","presence":"2"}]`,
		"<Presence>2</Presence>":                   `[{"presence":"2"}]`,
		"<Number>7</Number>":                       `[{"quantity":"7"}]`,
		"<Number>3</Number><Presence>1</Presence><Package><Kind>CT</Kind></Package>":                                                                               `[{"type":"CT","quantity":"3","presence":"1"}]`,
		"<Number>5</Number><Presence>1</Presence><Package><Kind>CT</Kind><Quantity>3</Quantity></Package><Package><Kind>BX</Kind><Quantity>2</Quantity></Package>": `[{"type":"CT","quantity":"3","presence":"1"},{"type":"BX","quantity":"2","presence":"1"}]`,
	} {
		decoded := tab.Decode(read(t, `<Manifest xmlns="urn:m"><Consignment><Item>`+xml+`</Item></Consignment></Manifest>`))
		if len(decoded.Faults) > 0 || len(decoded.Unread) > 0 {
			t.Errorf("%s: %v %v", xml, said(decoded.Faults), decoded.Unread)
		}
		var got struct {
			Manifest struct {
				Consignments []struct {
					Items []struct{ Packages json.RawMessage }
				}
			}
		}
		if err := json.Unmarshal(document.Marshal(decoded.Document), &got); err != nil {
			t.Fatal(err)
		}
		var is, should any
		_ = json.Unmarshal(got.Manifest.Consignments[0].Items[0].Packages, &is)
		_ = json.Unmarshal([]byte(want), &should)
		if diff := cmp.Diff(should, is); diff != "" {
			t.Errorf("%s (-want +got):\n%s", xml, diff)
		}
		out, _, faults := tab.Encode(decoded.Document, false)
		again := tab.Decode(read(t, string(out.Bytes())))
		if diff := cmp.Diff(string(document.Marshal(decoded.Document)), string(document.Marshal(again.Document))); diff != "" || len(faults) > 0 {
			t.Errorf("%s there and back: %v\n%s", xml, said(faults), diff)
		}
	}
}

// Each value names the place that it was read from, and a number that disagrees with
// several packages is told as before.
func TestWhatStandsOnceIsTraced(t *testing.T) {
	tab := tableOf(t, spread)
	decoded := tab.Decode(read(t, `<Manifest xmlns="urn:m"><Consignment><Item><Number>9</Number><Presence>1</Presence><Package><Kind>CT</Kind><Quantity>3</Quantity></Package><Package><Kind>BX</Kind></Package></Item></Consignment></Manifest>`))
	if l, ok := decoded.Trace.ByPath("consignments[0].items[0].packages[1].presence"); !ok || l.Row != "R040" || !strings.HasSuffix(l.Place.Expr, "/d:Presence[1]") {
		t.Errorf("the second package's presence comes from %+v", l)
	}
	if len(decoded.Faults) != 1 || decoded.Faults[0].Expected.String() != "3" {
		t.Errorf("9 for 3: %v", said(decoded.Faults))
	}
	alone := tab.Decode(read(t, `<Manifest xmlns="urn:m"><Consignment><Item><Number>x</Number></Item></Consignment></Manifest>`))
	if len(alone.Faults) != 1 || alone.Faults[0].Location.Expr != "/d:Manifest[1]/d:Consignment[1]/d:Item[1]/d:Number[1]" {
		t.Errorf("x for a number: %v", said(alone.Faults))
	}
}

func TestWhatStandsOnceIsRefusedElsewhere(t *testing.T) {
	for _, tc := range [][3]string{
		{"every: packages.presence", "every: netMass.kilograms", "R040: netMass.kilograms is no value of the elements of one list"},
		{"every: packages.presence", "every: ^.items.packages.presence", "R040: items.packages.presence is no value of the elements of one list"},
		{"sum: packages.quantity, lone: true", "from: sequence, lone: true", "R030: lone does not fit this row, expected it on a sum that is read"},
		{"sum: packages.quantity, lone: true", "sum: packages.quantity, lone: true, direction: encode", "R030: lone does not fit this row"},
	} {
		text := strings.Replace(spread, tc[0], tc[1], 1)
		if _, err := load(t, map[string]string{"xx/test.v1.yaml": text}); err == nil || !strings.Contains(err.Error(), tc[2]) {
			t.Errorf("%s: %v, want %s", tc[1], err, tc[2])
		}
	}
}

// Before the mark stands a code of the list, or nothing: else the mark is part of the value.
func TestOnlyACodeStandsBeforeTheMark(t *testing.T) {
	tab := tableOf(t, header+`
  - id: R010
    to: m:Unit
    each: loadUnits
    rows:
      - {id: R020, to: m:Seal, from: "seals[0].kind", lossy: x, list: transport-mode, use: "before(/)"}
      - {id: R030, to: m:Seal, from: "seals[0].id", lossy: x, use: "after(/)"}
`)
	for text, want := range map[string][2]string{
		"30/A1": {"3", "A1"}, " 31 / A1 ": {"3", "A1"}, "30/A/1": {"3", "A/1"}, "A1": {"", "A1"}, "A123456/B": {"", "A123456/B"},
		"/A1": {"", "A1"}, "1/A1": {"", "1/A1"}, "30 A/1": {"", "30 A/1"},
	} {
		decoded := tab.Decode(read(t, `<Manifest xmlns="urn:m"><Unit><Seal>`+text+`</Seal></Unit></Manifest>`))
		seal := decoded.Document.GetManifest().GetLoadUnits()[0].GetSeals()[0]
		if got := [2]string{seal.GetKind(), seal.GetId()}; got != want || len(decoded.Faults) > 0 {
			t.Errorf("%q: %q, want %q: %v", text, got, want, said(decoded.Faults))
		}
	}
	for id, want := range map[string]string{"A/1": "", "30/A1": "MAP_TYPE", "/A1": "MAP_TYPE", "1/A": ""} {
		doc := parse(t, `{"manifest": {"loadUnits": [{"seals": [{"id": "`+id+`"}]}]}}`)
		out, _, faults := tab.Encode(doc, false)
		switch {
		case want == "" && (len(faults) > 0 || !strings.Contains(string(out.Bytes()), "<Seal>"+id+"<")):
			t.Errorf("%s: %v %s", id, said(faults), out.Bytes())
		case want != "" && (len(faults) != 1 || string(faults[0].Code) != want):
			t.Errorf("%s: %v, want %s", id, said(faults), want)
		}
	}
}

// A day is written as its first moment where the format wants a moment, and read as the
// day that is written there.
func TestADayWhereAMomentIsWanted(t *testing.T) {
	const row = `  - {id: R010, to: m:Signed, from: transportDay, time: instant, lossy: "the time of day"}` + "\n"
	day := strings.Replace(row, "transportDay", `"consignments[0].transportDocument.date"`, 1)
	tab := tableOf(t, header+day)
	out, _, faults := tab.Encode(parse(t, `{"manifest": {"consignments": [{"transportDocument": {"date": "2026-03-09"}}]}}`), false)
	if len(faults) > 0 || !strings.Contains(string(out.Bytes()), ">2026-03-09T00:00:00+08:00<") {
		t.Errorf("%v %s", said(faults), out.Bytes())
	}
	for text, want := range map[string]string{
		"2026-03-09T23:59:59": "2026-03-09", "2026-03-09T00:00:01-05:00": "2026-03-09", "2026-03-09T22:29:07.5Z": "2026-03-09",
	} {
		decoded := tab.Decode(read(t, `<Manifest xmlns="urn:m"><Signed>`+text+`</Signed></Manifest>`))
		if got := decoded.Document.GetManifest().GetConsignments()[0].GetTransportDocument().GetDate().GetValue(); got != want || len(decoded.Faults) > 0 {
			t.Errorf("%s: %s, want %s: %v", text, got, want, said(decoded.Faults))
		}
	}
	if _, err := load(t, map[string]string{"xx/test.v1.yaml": header + strings.Replace(day, `, lossy: "the time of day"`, "", 1)}); err == nil || !strings.Contains(err.Error(), "or instant with a zone and lossy") {
		t.Errorf("without lossy: %v", err)
	}
}
