package mappings_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/mapping"
	"customs.example/gateway/xmltree"
	"customs.example/mappings"
)

// A gateway reads the rows of an embedded table when it first needs them: the table says
// before that what it says when all is read at once, and does the same after.
func TestProvenTablesAreTheSame(t *testing.T) {
	d := load(t)
	proven, err := mapping.LoadProven(mappings.FS, d.env, d.lists)
	if err != nil {
		t.Fatal(err)
	}
	day := func(year int) time.Time { return time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) }
	type head struct {
		ID, Name, Base, Profile, Administration, Kind, Schema, System, Status, Source string
		Version                                                                       int
		Named                                                                         bool
		Valid                                                                         [3]bool
		Digest                                                                        gateway.Digest
		Root                                                                          xmltree.Name
	}
	heads := func(l *mapping.Library) (out []head) {
		for _, t := range l.Tables() {
			out = append(out, head{
				t.ID(), t.Name(), t.Base(), t.Profile(), t.Administration(), t.Kind(), t.Schema(), t.System(), t.Status(), t.Source(),
				t.Version(), t.ChangesNamed(), [3]bool{t.Valid(day(2020)), t.Valid(day(2026)), t.Valid(day(2030))}, t.Digest(), t.Root(),
			})
		}
		return out
	}
	if diff := cmp.Diff(heads(d.library), heads(proven)); diff != "" {
		t.Fatal(diff)
	}
	for i, table := range d.library.Tables() {
		same := proven.Tables()[i]
		if diff := cmp.Diff(table.Rows(), same.Rows()); diff != "" {
			t.Errorf("%s: %s", table.ID(), diff)
		}
		if diff := cmp.Diff(table.Examples(), same.Examples()); diff != "" {
			t.Errorf("%s: %s", table.ID(), diff)
		}
		e := d.examples(t, table)
		if e.differs(same, slices.Collect(e.say(table))) {
			t.Errorf("%s does something else with its examples", table.ID())
		}
	}
}
