package recipe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// TestJoinCarriesExtensions: they travel with the message that they stand in, and where a join builds a
// message field by field, by a row of their own. Parts that differ in them differ.
func TestJoinCarriesExtensions(t *testing.T) {
	const rows = "  - {id: J20, to: extensions, from: [manifest.extensions, vehicle.extensions]}\n"
	l, err := load(t, map[string]string{"join/cn-road-export.v1.yaml": roadExport + rows})
	if err != nil {
		t.Fatal(err)
	}
	j, _ := l.Join("cn/road-export.v1")
	given := func(manifest, vehicle string) map[string]*customsv1.Document {
		return map[string]*customsv1.Document{
			"manifest": parse(t, `{"manifest": {"batch": "B1", "office": {"code": "0603"},
			  "loadUnits": [{"id": "A", "extensions": [{"name": "mark", "value": "1"}]}],
			  "consignments": [{"ucr": "1", "items": [{"ucr": "3", "extensions": [{"name": "quota", "value": "Q7", "extensions": [{"name": "year", "value": "2026"}]}]}]}], "extensions": [`+manifest+`]}}`),
			"vehicle": parse(t, `{"vehicleReport": {"batch": "B1", "office": {"code": "0603"},
			  "loadUnits": [{"id": "A", "extensions": [{"name": "mark", "value": "2"}]}], "extensions": [`+vehicle+`]}}`),
		}
	}
	const watch = `{"name": "watch", "value": "1"}`
	joined := j.Run(given(watch, watch), "1")
	if joined.Faults != nil {
		t.Fatal(said(joined.Faults))
	}
	var got []string
	document.Walk(joined.Document, func(path string, f document.Field, marks document.Marks, text string) {
		if marks.Extension == "" || f.Name != "value" {
			return
		}
		link, _ := joined.Origin(path)
		got = append(got, path+" "+text+" of "+link.Part+"."+link.PartPath)
	})
	if diff := cmp.Diff([]string{
		"loadUnits[0].extensions[0].value 1 of manifest.loadUnits[0].extensions[0].value",
		"loadUnits[1].extensions[0].value 2 of vehicle.loadUnits[0].extensions[0].value",
		"consignments[0].items[0].extensions[0].value Q7 of manifest.consignments[0].items[0].extensions[0].value",
		"consignments[0].items[0].extensions[0].extensions[0].value 2026 of manifest.consignments[0].items[0].extensions[0].extensions[0].value",
		"extensions[0].value 1 of manifest.extensions[0].value",
	}, got); diff != "" {
		t.Error(diff)
	}
	joined = j.Run(given(watch, strings.Replace(watch, `"1"`, `"2"`, 1)), "1")
	if len(joined.Faults) != 1 || joined.Faults[0].Code != gateway.JoinDisagree || joined.Faults[0].Path != "extensions" {
		t.Error(said(joined.Faults))
	}
}

// TestSplitRepeatsExtensions: each part has those of the messages that it has.
func TestSplitRepeatsExtensions(t *testing.T) {
	l, err := load(t, map[string]string{"split/x.v1.yaml": "split: x\nversion: 1\ndocument: Manifest\nlimit: {list: consignments.items, max: 1}\nrows: []\nanswers: []\n"})
	if err != nil {
		t.Fatal(err)
	}
	s, ok := l.Split("x.v1")
	if !ok {
		t.Fatal("no split")
	}
	d := parse(t, `{"manifest": {"consignments": [{"items": [{"sequence": 1, "extensions": [{"name": "q", "value": "1"}]}, {"sequence": 2, "extensions": [{"name": "q", "value": "2"}]}]}],
	  "extensions": [{"name": "watch", "value": "3"}]}}`)
	parts := s.Run(d, "m").Parts
	if len(parts) != 2 {
		t.Fatal(len(parts))
	}
	for i, part := range parts {
		if got := marshal(part); !strings.Contains(got, `"value": "3"`) || !strings.Contains(got, `"value": "`+string(rune('1'+i))+`"`) || strings.Contains(got, `"value": "`+string(rune('2'-i))+`"`) {
			t.Error(got)
		}
	}
}
