package validate_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestFunctions writes down which functions each kind of document may travel with, what
// refuses the others, and what people then read.
func TestFunctions(t *testing.T) {
	var out strings.Builder
	seen := map[gateway.Code]gateway.Fault{}
	functions := customsv1.FunctionCode(0).Descriptor().Values()
	for _, kind := range document.Kinds() {
		fmt.Fprintln(&out, kind)
		for i := range functions.Len() {
			d := base(t, kind)
			d.Envelope.Function = customsv1.FunctionCode(functions.Get(i).Number())
			passed, faults := rules(t).Check(d, scope("RU"))
			if len(faults) > 1 || faults.Refuse() != passed.IsZero() {
				t.Errorf("%s with %s: %v", kind, functions.Get(i).Name(), faults.Report("en"))
			}
			verdict := "taken"
			if len(faults) > 0 {
				verdict = string(faults[0].Code)
				seen[faults[0].Code] = faults[0]
				if faults[0].Path != "envelope.function" {
					t.Errorf("%s with %s: refused at %s", kind, functions.Get(i).Name(), faults[0].Path)
				}
			}
			fmt.Fprintf(&out, "  %-26s %s\n", functions.Get(i).Name(), verdict)

			alone := scope("RU")
			alone.Alone = true
			if passed, faults := rules(t).Check(d, alone); faults.Refuse() || !passed.IsZero() {
				t.Errorf("%s with %s by itself: %v, passed %v", kind, functions.Get(i).Name(), faults.Report("en"), !passed.IsZero())
			}
		}
	}
	for _, tt := range cases { // those that no function is refused by
		for _, r := range rules(t).All() {
			if r.ID == tt.rule && r.Travels {
				d := base(t, tt.kind)
				edit(t, d, tt.edits...)
				_, faults := rules(t).Check(d, scope(tt.partner))
				seen[r.ID] = faults[slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Code == r.ID })]
			}
		}
	}
	for _, r := range rules(t).All() {
		if f, ok := seen[r.ID]; ok {
			fmt.Fprintf(&out, "\n%s\n", r.ID)
			for _, language := range gateway.Languages {
				fmt.Fprintf(&out, "  %s: %s\n", language, gateway.Faults{f}.Report(language)[0].Message)
			}
		}
	}
	const golden = "testdata/functions.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
}

// TestReportsCorrectOneAnother: a report of what was seen that names the one it corrects
// is taken as the correction that it is.
func TestReportsCorrectOneAnother(t *testing.T) {
	for _, kind := range []string{"ArrivalReport", "InspectionResult"} {
		for _, function := range []string{"CHANGE", "REPLACE", "DELETION", "CANCELLATION"} {
			d := base(t, kind)
			edit(t, d, "envelope.function = "+function, "envelope.references[0].kind = CHANGED", "envelope.references[0].id = R-1")
			if _, faults := rules(t).Check(d, scope("RU")); faults.Refuse() {
				t.Errorf("%s, %s: %v", kind, function, faults.Report("en"))
			}
		}
	}
}
