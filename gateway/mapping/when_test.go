package mapping

import (
	"testing"

	"customs.example/gateway"
)

// A condition that cannot be judged is a fault of the table, at the message or element that it was asked of,
// wherever its path starts.
func TestConditionThatCannotBeJudged(t *testing.T) {
	for name, tt := range map[string]struct{ row, want string }{
		"message":         {`{id: R001, to: m:A, with: office, when: "int(code) > 5", rows: [{id: R002, to: m:B, from: code}]}`, "office"},
		"of the document": {`{id: R001, to: m:C, each: consignments, rows: [{id: R002, to: m:A, with: $.office, when: "int(code) > 5", rows: [{id: R003, to: m:B, from: code}]}]}`, "office"},
		"element":         {`{id: R001, to: m:C, each: consignments, when: "int(ucr) > 5", rows: [{id: R002, to: m:B, from: ucr}]}`, "consignments[0]"},
		"value":           {`{id: R001, to: m:B, from: office.code, when: "int(office.code) > 5"}`, "office.code"},
	} {
		t.Run(name, func(t *testing.T) {
			table := tableOf(t, header+"  - "+tt.row+"\n")
			_, _, faults := table.Encode(parse(t, `{"manifest": {"office": {"code": "Z"}, "consignments": [{"ucr": "Z"}]}}`), false)
			if len(faults) != 1 || faults[0].Code != gateway.MapWhen || faults[0].Path != tt.want {
				t.Errorf("faults %q, want MAP_WHEN at %s", said(faults), tt.want)
			}
		})
	}
}
