package document_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

func manifestOf(t *testing.T, body string) *customsv1.Document {
	t.Helper()
	p := document.Parse([]byte(`{"envelope": {"documentId": "M"}, "manifest": {` + body + `}}`))
	if p.Faults.Refuse() {
		t.Fatal(p.Faults)
	}
	return p.Document
}

// Elements are compared with those that are called the same, wherever they stand.
func TestDiff(t *testing.T) {
	consignment := func(id, packages, name string) string {
		return fmt.Sprintf(`{"transportDocument": {"id": %q}, "totals": {"packages": %q}, "consignor": {"name": [{"language": "en", "value": %q}]}, "loadUnits": ["U1", "U2"]}`, id, packages, name)
	}
	before := manifestOf(t, `"batch": "B1", "consignments": [`+consignment("A", "1", "one")+`,`+consignment("B", "2", "two")+`]`)
	for name, tt := range map[string]struct {
		after string
		want  []string
	}{
		"nothing":   {`"batch": "B1", "consignments": [` + consignment("A", "1", "one") + `,` + consignment("B", "2", "two") + `]`, nil},
		"the order": {`"batch": "B1", "consignments": [` + consignment("B", "2", "two") + `,` + consignment("A", "1", "one") + `]`, nil},
		"a value behind another place": {`"batch": "B2", "consignments": [` + consignment("B", "3", "zwei") + `,` + consignment("A", "1", "one") + `]`,
			[]string{"batch B1>B2", "consignments[0].totals.packages 2>3", "consignments[0].consignor.name[0].value two>zwei personal"}},
		"one that is gone": {`"batch": "B1", "consignments": [` + consignment("B", "2", "two") + `]`,
			[]string{"consignments[0].transportDocument.id A>", "consignments[0].loadUnits[0] U1>", "consignments[0].loadUnits[1] U2>", "consignments[0].totals.packages 1>",
				"consignments[0].consignor.name[0].language en>", "consignments[0].consignor.name[0].value one> personal"}},
		"one that is new": {`"batch": "B1", "consignments": [` + consignment("A", "1", "one") + `,` + consignment("B", "2", "two") + `, {"transportDocument": {"id": "C"}}]`,
			[]string{"consignments[2].transportDocument.id >C"}},
	} {
		t.Run(name, func(t *testing.T) {
			changes, more := document.Diff(before, manifestOf(t, tt.after))
			got := map[string]bool{}
			for _, c := range changes {
				line := c.Path + " " + c.Before + ">" + c.After
				if c.Marks.Personal && strings.HasSuffix(c.Path, "value") {
					line += " personal"
				}
				got[line] = true
			}
			want := map[string]bool{}
			for _, w := range tt.want {
				want[w] = true
			}
			if diff := cmp.Diff(want, got); diff != "" || more {
				t.Errorf("more %v (-want +got):\n%s", more, diff)
			}
		})
	}
}

// However much is different, only so much is told, and that there is more.
func TestDiffIsBounded(t *testing.T) {
	var many []string
	for i := range 4000 {
		many = append(many, fmt.Sprintf(`{"transportDocument": {"id": "W%d"}}`, i))
	}
	changes, more := document.Diff(manifestOf(t, `"batch": "B"`), manifestOf(t, `"batch": "B", "consignments": [`+strings.Join(many, ",")+`]`))
	if len(changes) != document.MaxChanges || !more {
		t.Errorf("%d changes, more %v", len(changes), more)
	}
}
