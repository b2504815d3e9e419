package mappings_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"customs.example/gateway/validate"
	"customs.example/mappings"
)

var functionCode = regexp.MustCompile(`<FunctionCode>[0-9]<`)

// A deletion that names no more than what it takes out is a correct message; the same with the
// function code of any other message lacks what that one needs, each at its place.
func TestAShortDeletionIsADeletionAlone(t *testing.T) {
	d := load(t)
	rules, err := validate.Load(mappings.FS, d.env, d.lists)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	tables := map[string]bool{}
	for _, g := range goldens(t) {
		other, short := map[string]string{"waybill-deletion": "9", "vehicle-deletion": "2", "batch-deletion": ""}[g.name]
		if !short {
			continue
		}
		if other == "" {
			other = map[bool]string{true: "2", false: "5"}[strings.HasPrefix(g.table, "cn/mt44")]
		}
		tables[g.table] = true
		table := d.table(t, g.table)
		encoded, _, faults := table.Encode(g.document(t, ".json"), false)
		if len(faults) > 0 {
			t.Fatal(lines(faults))
		}
		read := d.read(t, table, encoded.Bytes())
		_, faults = rules.Check(read.Document, validate.Scope{Own: "CN", Partner: "RU", Done: true, At: time.Date(2026, 3, 11, 8, 0, 0, 0, time.UTC)})
		if faults = append(read.Faults, faults...); len(faults) > 0 || len(read.Unread) > 0 {
			t.Errorf("%s %s: %v, unread %v", g.table, g.name, lines(faults), read.Unread)
		}
		read = d.read(t, table, functionCode.ReplaceAll(encoded.Bytes(), []byte("<FunctionCode>"+other+"<")))
		if !read.Faults.Refuse() {
			t.Errorf("%s %s is taken with function %s", g.table, g.name, other)
		}
		fmt.Fprintf(&out, "%s %s with function %s\n%s\n", g.table, g.name, other, lines(read.Faults))
		back := g.document(t, ".json")
		back.Envelope.Function = read.Document.Envelope.Function
		if _, _, faults := table.Encode(back, false); !faults.Refuse() {
			t.Errorf("%s %s is written with function %s", g.table, g.name, other)
		}
	}
	if len(tables) != 8 {
		t.Errorf("short deletions of %d tables: %v", len(tables), tables)
	}
	compare(t, "testdata/short-deletions.txt", out.String())
}
