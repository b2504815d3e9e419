package reconcile

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestLoadTolerancesNamesEveryMistake(t *testing.T) {
	const head = "tolerances: gross-mass\nversion: 1\nstatus: own\nsource: test\nunit: kg\nrows:\n"
	const others = "version: 1\nstatus: own\nsource: test\n"
	row := func(s string) string { return "  - {" + s + ", status: own, source: test}\n" }
	last := row(`id: T9, announced: any, found: any, percent: "2", least: "0"`)
	tests := []struct{ name, file, want string }{
		{"unknown key", head + last + "colour: red\n", `gross-mass.yaml:8: unknown key "colour"`},
		{"unknown method", head + row(`id: T1, announced: guessed, found: any, percent: "2", least: "0"`) + last, "gross-mass.yaml:7: row T1: unknown method"},
		{"not a decimal", head + row(`id: T1, announced: tally, found: any, percent: "2 %", least: "0"`) + last, "gross-mass.yaml:7: row T1: percent and least"},
		{"negative", head + row(`id: T1, announced: tally, found: any, percent: "-2", least: "0"`) + last, "gross-mass.yaml:7: row T1: percent and least"},
		{"pair twice, the other way round", head + row(`id: T1, announced: tally, found: declared, percent: "2", least: "0"`) + row(`id: T2, announced: declared, found: tally, percent: "3", least: "0"`) + last, "gross-mass.yaml:8: row T2: a row for declared and tally stands above"},
		{"id twice", head + row(`id: T9, announced: tally, found: declared, percent: "2", least: "0"`) + last, `gross-mass.yaml:8: row "T9": want an id of its own`},
		{"no source", head + "  - {id: T9, announced: any, found: any, percent: \"2\", least: \"0\", status: own}\n", "gross-mass.yaml:7: row T9: status and source are needed"},
		{"nothing for any two methods", head + row(`id: T1, announced: tally, found: declared, percent: "2", least: "0"`), "no row for any method with any other"},
		{"unknown quantity", strings.Replace(head, "gross-mass", "length", 1) + last, `unknown quantity "length"`},
		{"times among masses", head + last + "late: 1h\n", "early, late and untold belong to arrival-time"},
		{"a convoy's times among masses", head + last + "apart: 1h\n", "apart and open to convoy"},
		{"a convoy that waits for less than nothing", "tolerances: convoy\n" + others + "apart: 1h\nopen: -1h\n", "convoy has apart and open"},
		{"gauges among masses", head + last + "gauges: {CN: 1435}\n", "open and gauges to train"},
		{"gauges among a convoy's times", "tolerances: convoy\n" + others + "apart: 1h\nopen: 1h\ngauges: {CN: 1435}\n", "convoy has apart and open"},
		{"a train without gauges", "tolerances: train\n" + others + "open: 1h\n", "train has open, a duration such as 240h, and gauges"},
		{"a train on no rails", "tolerances: train\n" + others + "open: 1h\ngauges: {CN: 14}\n", "gross-mass.yaml:6: the gauge of CN is 14, expected millimetres"},
		{"a convoy's times among arrival's", "tolerances: arrival-time\n" + others + "early: 1h\nlate: 1h\nopen: 1h\n", "arrival-time has early, late and untold"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := LoadTolerances(fstest.MapFS{"tolerances/gross-mass.yaml": {Data: []byte(tt.file)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	whole := fstest.MapFS{
		"tolerances/gross-mass.yaml":   {Data: []byte(head + last)},
		"tolerances/packages.yaml":     {Data: []byte("tolerances: packages\n" + others + "rows:\n" + last)},
		"tolerances/tare.yaml":         {Data: []byte("tolerances: tare\n" + others + "rows:\n" + last)},
		"tolerances/arrival-time.yaml": {Data: []byte("tolerances: arrival-time\n" + others + "early: 1h\nlate: 2h\nuntold: 3h\n")},
		"tolerances/convoy.yaml":       {Data: []byte("tolerances: convoy\n" + others + "apart: 1h\nopen: 2h\n")},
		"tolerances/train.yaml":        {Data: []byte("tolerances: train\n" + others + "open: 2h\ngauges: {CN: 1435, KZ: 1520}\n")},
	}
	if _, err := LoadTolerances(whole); err != nil {
		t.Errorf("a right set is refused: %v", err)
	}
	whole["tolerances/packages.v2.yaml"] = whole["tolerances/packages.yaml"]
	if _, err := LoadTolerances(whole); err == nil || !strings.Contains(err.Error(), "stands in") {
		t.Errorf("a quantity twice: %v", err)
	}
	delete(whole, "tolerances/packages.v2.yaml")
	delete(whole, "tolerances/arrival-time.yaml")
	if _, err := LoadTolerances(whole); err == nil || !strings.Contains(err.Error(), "no file of arrival-time") {
		t.Errorf("a quantity missing: %v", err)
	}
}
