package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNumbersKeepTheirSpelling(t *testing.T) {
	tab := tableOf(t, header+`
  - {id: R001, to: m:Mass, from: totals.grossMass.kilograms, spelling: true}
  - {id: R002, to: m:Net, from: totals.netMass.kilograms, spelling: true, use: comma, max: 6}
  - {id: R003, to: m:Volume, from: totals.volume.quantity}
`)
	for _, tt := range []struct{ xml, json string }{
		{`<Mass>+5</Mass><Net>007,50</Net>`, `{"manifest": {"totals": {"grossMass": {"kilograms": {"value": "5", "spelling": "+5"}}, "netMass": {"kilograms": {"value": "7.50", "spelling": "007.50"}}}}}`},
		{`<Mass>.5</Mass><Net>-0</Net>`, `{"manifest": {"totals": {"grossMass": {"kilograms": {"value": "0.5", "spelling": ".5"}}, "netMass": {"kilograms": {"value": "0", "spelling": "-0"}}}}}`},
		{`<Mass>5</Mass><Net>7,5</Net>`, `{"manifest": {"totals": {"grossMass": {"kilograms": "5"}, "netMass": {"kilograms": "7.5"}}}}`},
	} {
		decoded := tab.Decode(read(t, `<Manifest xmlns="urn:m">`+tt.xml+`</Manifest>`))
		if diff := cmp.Diff(marshal(parse(t, tt.json)), marshal(decoded.Document)); diff != "" || len(decoded.Faults) > 0 {
			t.Errorf("%s: %v%s", tt.xml, said(decoded.Faults), diff)
		}
		encoded, _, faults := tab.Encode(decoded.Document, false)
		if diff := cmp.Diff(">"+tt.xml, body(encoded.Bytes())); diff != "" || len(faults) > 0 {
			t.Errorf("%s: %v%s", tt.xml, said(faults), diff)
		}
	}
	// A row that does not keep it writes the number, and a length counts what is written.
	_, _, faults := tab.Encode(parse(t, `{"manifest": {"totals": {"netMass": {"kilograms": {"value": "7.5", "spelling": "00007.5"}}}}}`), false)
	if diff := cmp.Diff([]string{"MAP_OVERFLOW totals.netMass.kilograms  7.5|6"}, said(faults)); diff != "" {
		t.Error(diff)
	}
	encoded, _, _ := tab.Encode(parse(t, `{"manifest": {"totals": {"volume": {"quantity": {"value": "5", "spelling": "+5"}}}}}`), false)
	if diff := cmp.Diff("><Volume>5</Volume>", body(encoded.Bytes())); diff != "" {
		t.Error(diff)
	}
	for row, want := range map[string]string{
		`from: batch, spelling: true`:                                        "row R1: spelling does not fit this row, expected it on the value row of a decimal, without use or with use: comma",
		`from: totals.items, spelling: true`:                                 "row R1: spelling does not fit this row",
		`from: totals.grossMass.kilograms, spelling: true, use: "scaled(3)"`: "row R1: spelling does not fit this row",
		`sum: consignments.totals.grossMass.kilograms, spelling: true`:       "row R1: spelling does not fit this row",
	} {
		if _, err := load(t, map[string]string{"xx/test.v1.yaml": header + "  - {id: R1, to: m:A, " + row + "}\n"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", row, err)
		}
	}
}
