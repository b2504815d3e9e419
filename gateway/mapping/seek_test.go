package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/pace"
)

// records are goods in flat records: a line belongs to a waybill by its number, packages to a line by
// the line's number alone, and what a line says of its waybill stands on each of its lines.
const records = header + `
  - id: R100
    to: m:R20
    each: consignments.items
    rows:
      - {id: R110, to: "@line", from: sequence, required: true}
      - {id: R120, to: "@waybill", from: ^.transportDocument.id, key: true, required: true}
      - {id: R130, to: "@office", from: $.office.code}
      - {id: R140, to: "@by", refer: ^.consignor}
      - {id: R160, to: "@word", from: $.remarks, language: [en]}
  - id: R200
    to: m:R30
    each: consignments.items.packages
    rows:
      - {id: R210, to: "@line", from: ^.sequence, key: true, required: true}
      - {id: R220, to: "@count", from: quantity, required: true}
  - {id: R300, to: m:R40, collect: [consignments.consignor], rows: [{id: R310, to: "@id", handle: F}, {id: R320, to: "@name", from: name, language: [en]}]}
`

const recordsXML = `<R20 line="1" waybill="W1" office="7" by="F1" word="x"/><R20 line="2" waybill="W1" office="7" by="F1" word="x"/><R20 line="3" waybill="W2" office="7" word="x"/>` +
	`<R30 line="1" count="10"/><R30 line="2" count="20"/><R30 line="2" count="21"/><R30 line="3" count="30"/><R40 id="F1" name="One"/>`

func recordsTable(t *testing.T) *Table {
	return tableOf(t, records)
}

func decodeRecords(t *testing.T, tab *Table, xml string) (string, []string) {
	back := tab.Decode(read(t, `<Manifest xmlns="urn:m">`+xml+`</Manifest>`))
	return marshal(back.Document), said(back.Faults)
}

func TestFlatRecordsAreTiedByANumberAlone(t *testing.T) {
	tab := recordsTable(t)
	d := parse(t, `{"manifest": {"office": {"code": "7"}, "remarks": [{"language": "en", "value": "x"}], "consignments": [
		{"transportDocument": {"id": "W1"}, "consignor": {"name": [{"language": "en", "value": "One"}]}, "items": [{"sequence": 1, "packages": [{"quantity": "10"}]}, {"sequence": 2, "packages": [{"quantity": "20"}, {"quantity": "21"}]}]},
		{"transportDocument": {"id": "W2"}, "items": [{"sequence": 3, "packages": [{"quantity": "30"}]}]}]}}`)
	out, _, faults := tab.Encode(d, false)
	if got := strings.TrimPrefix(body(out.Bytes()), ">"); got != recordsXML || len(faults) > 0 {
		t.Fatalf("%v\n%s\n%s", said(faults), got, recordsXML)
	}
	got, wrong := decodeRecords(t, tab, recordsXML)
	if diff := cmp.Diff(marshal(d), got); diff != "" || len(wrong) > 0 {
		t.Error(wrong, diff)
	}
	twice := parse(t, `{"manifest": {"consignments": [{"transportDocument": {"id": "W1"}, "items": [{"sequence": 1, "packages": [{"quantity": "1"}]}]}, {"transportDocument": {"id": "W2"}, "items": [{"sequence": 1}]}]}}`)
	_, _, faults = tab.Encode(twice, false)
	if diff := cmp.Diff([]string{"MAP_KEY consignments[1].items[0].sequence  1|"}, said(faults)); diff != "" {
		t.Error(diff)
	}
}

func TestFlatRecordsThatFitNowhereOrTwiceAreRefused(t *testing.T) {
	tab := recordsTable(t)
	for _, tt := range []struct{ old, new, want string }{
		{`<R30 line="3"`, `<R30 line="4"`, "MAP_REFERENCE consignments /d:Manifest[1]/d:R30[4] 4|R20"},
		{`<R30 line="3"`, `<R30`, "MAP_REQUIRED"},
		{`<R30 line="1" count="10"/>`, `<R30 line="1" count="10"/><R20 line="1" waybill="W3" office="7"/>`, "MAP_KEY consignments /d:Manifest[1]/d:R30[1] 1|"},
		{`line="3" waybill="W2" office="7" word="x"`, `line="2" waybill="W2" office="7"`, "MAP_KEY"},
		{`line="3" waybill="W2" office="7"`, `line="3" waybill="W2" office="8"`, "MAP_CONFLICT office.code /d:Manifest[1]/d:R20[3]/@office 8|7"},
		{`line="2" waybill="W1" office="7" by="F1"`, `line="2" waybill="W1" office="7" by="F2"`, "MAP_CONFLICT consignments[0].consignor /d:Manifest[1]/d:R20[2]/@by F2|F1"},
		{`line="3" waybill="W2" office="7" word="x"`, `line="3" waybill="W2" office="7" word="y"`, "MAP_CONFLICT remarks[0].value /d:Manifest[1]/d:R20[3]/@word y|x"},
	} {
		xml := strings.Replace(recordsXML, tt.old, tt.new, 1)
		_, wrong := decodeRecords(t, tab, xml)
		if !strings.Contains(strings.Join(wrong, "\n"), tt.want) || xml == recordsXML {
			t.Errorf("%s: %q, want %s", tt.new, wrong, tt.want)
		}
	}
	// What names a line may stand between the lines, but not before its own.
	between := strings.NewReplacer(`<R30 line="1" count="10"/>`, "", `<R20 line="2"`, `<R30 line="1" count="10"/><R20 line="2"`).Replace(recordsXML)
	straight, _ := decodeRecords(t, tab, recordsXML)
	if got, wrong := decodeRecords(t, tab, between); got != straight || wrong != nil {
		t.Errorf("between the lines: %v\n%s", wrong, got)
	}
}

// What is required and is nowhere in the lists on the way is missing, and has a path.
func TestRequiredElementsOfNestedListsAreMissed(t *testing.T) {
	tab := tableOf(t, strings.Replace(records, "each: consignments.items\n", "each: consignments.items\n    required: true\n", 1))
	_, _, faults := tab.Encode(parse(t, `{"manifest": {"batch": "1"}}`), false)
	if diff := cmp.Diff([]string{"MAP_REQUIRED consignments  |R20"}, said(faults)); diff != "" {
		t.Error(diff)
	}
	if _, wrong := decodeRecords(t, tab, ""); !cmp.Equal(wrong, []string{"MAP_REQUIRED consignments /d:Manifest[1] |R20"}) {
		t.Error(wrong)
	}
}

// Finding the line of a record MUST NOT cost more the more lines there are, in whichever order they come.
func TestSixteenThousandRecords(t *testing.T) {
	tab := recordsTable(t)
	const n = 16000
	var mixed, sorted [2]strings.Builder
	for i := range n {
		line := fmt.Sprintf(`<R20 line="%d" waybill="W%d" office="7"/>`, i+1, i)
		pack := fmt.Sprintf(`<R30 line="%d" count="%d"/>`, i+1, i)
		mixed[0].WriteString(line + pack)
		sorted[0].WriteString(line)
		sorted[1].WriteString(pack)
	}
	one, wrong := decodeRecords(t, tab, mixed[0].String())
	other, also := decodeRecords(t, tab, sorted[0].String()+sorted[1].String())
	if one != other || len(wrong)+len(also) > 0 || strings.Count(one, `"quantity"`) != n {
		t.Errorf("%d records, faults %d and %d", strings.Count(one, `"quantity"`), len(wrong), len(also))
	}
}

// Nor does it where the records come in the reverse order, name lines that there are not, go to waybills
// far back, or stand in lists further in: it is told by the steps that are asked for, which grow as the
// records do.
func TestRecordsInAwkwardOrders(t *testing.T) {
	line := func(n, waybill int) string {
		return fmt.Sprintf(`<R20 line="%d" waybill="W%d" office="7"/>`, n, waybill)
	}
	pack := func(n int) string { return fmt.Sprintf(`<R30 line="%d" count="%d"/>`, n, n) }
	for name, order := range map[string]func(write func(string), n int){
		"reversed": func(write func(string), n int) {
			for i := range n {
				write(line(i, i))
			}
			for i := range n {
				write(pack(n - 1 - i))
			}
		},
		"missing": func(write func(string), n int) {
			for i := range n {
				write(line(i, i))
			}
			for i := range n {
				write(pack(n + i))
			}
		},
		"missing between": func(write func(string), n int) {
			for i := range n {
				write(line(i, i) + pack(n+i))
			}
		},
		"far back": func(write func(string), n int) {
			for i := range n {
				write(line(i, i))
			}
			for i := range n {
				write(line(n+i, 0) + pack(n+i))
			}
		},
	} {
		steps := func(n int) int {
			var b strings.Builder
			order(func(record string) { b.WriteString(record) }, n)
			counted := pace.Endless()
			recordsTable(t).DecodeWhile(counted, read(t, `<Manifest xmlns="urn:m">`+b.String()+`</Manifest>`))
			return counted.Count()
		}
		few, many := steps(500), steps(4000)
		if many > 9*few {
			t.Errorf("%s: %d steps for 500 records of a kind, %d for 4,000", name, few, many)
		}
	}
}
