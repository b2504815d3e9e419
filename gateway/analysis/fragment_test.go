package analysis_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
)

// The rows of a fragment are shown, counted and looked at wherever they stand, by their whole ids.
func TestRowsOfFragmentsAreThoseOfTheTable(t *testing.T) {
	table, s := makeTable(t, "  - id: R6\n", `  - {id: R10, to: m:Carrier, with: office, fragment: party}
  - {id: R20, fragment: short, prefix: {to: "m:Seal/@", from: "office."}}
  - id: R6
`, "rows:\n  - {id: R1", `fragments:
  party:
    - {id: P1, to: m:Name, from: code, max: 9}
    - {id: P2, to: m:Parent, rows: [{id: P3, fragment: short, prefix: {to: "@"}}]}
  short:
    - {id: S1, to: kind, from: checkpoint, max: 9, direction: encode}
rows:
  - {id: R1`)
	var got, want []string
	for _, r := range s.Rows {
		got = append(got, fmt.Sprint(r.ID, r.Line, r.Inside))
	}
	for _, r := range table.Rows() {
		want = append(want, fmt.Sprint(r.ID, r.Line, r.Inside))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	text := shown(t, analysis.Show(table, s))
	for _, line := range []string{"R10/P3/S1", "R20/S1", "office.checkpoint", "fragment party"} {
		if !strings.Contains(text, line) {
			t.Errorf("%s is not shown:\n%s", line, text)
		}
	}
	if strings.Contains(text, "fragments.") {
		t.Errorf("the fragments are shown as keys of the header:\n%s", text)
	}
	c := cover(t, table, s)
	rows := map[string][]string{}
	for _, p := range c.Places {
		rows[p.Path] = p.Rows
	}
	if diff := cmp.Diff([]string{"R10/P1"}, rows["/m:Manifest/m:Carrier/m:Name"]); diff != "" {
		t.Error(diff)
	}
	found := false
	for _, r := range analysis.Lint(table, s, c, lists(t)) {
		found = found || r.Row == "R20/S1" && r.Severity == gateway.Error && strings.Contains(r.Text, "the schema has no /m:Manifest/m:Seal/@kind")
	}
	if !found {
		t.Error("lint does not say that the schema has no place for R20/S1")
	}
}

func shown(t *testing.T, r analysis.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLintFindsConditionsThatNoDocumentSatisfies(t *testing.T) {
	table, s := makeTable(t, "\nrows:\n", "\nwhere:\n  m:Office: \"0603\"\n  m:Carrier/@kind: false\n  m:Carrier/@sort: false\n  m:Road: false\nrows:\n")
	var got []string
	for _, r := range analysis.Lint(table, s, cover(t, table, s), lists(t)) {
		if strings.HasPrefix(r.Text, "where") {
			got = append(got, r.String())
		}
	}
	if diff := cmp.Diff([]string{"xx/made.v1.yaml:12: error: where: the schema has no m:Carrier/@sort"}, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(shown(t, analysis.Show(table, s)), "where.m:Office") {
		t.Error("where is not shown")
	}
}
