package mappings_test

import (
	"slices"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// Wherever a trace of reading says that a text went, there the document has a value,
// and a text that nothing converts stands there as it was read.
func TestTracesOfReadingNameTheRightElement(t *testing.T) {
	d := load(t)
	checked := 0
	for _, table := range d.library.Tables() {
		for _, tree := range d.examples(t, table).trees {
			decoded := table.Decode(tree)
			if decoded.Faults.Refuse() {
				continue
			}
			first := map[string]bool{}
			for _, l := range decoded.Trace.Links(false) {
				if l.Path == "" || l.Const || first[l.Path] {
					continue // a constant, or a second place that says the same
				}
				first[l.Path] = true
				path, err := document.CompileFor(table.Kind(), l.Path)
				if err != nil {
					t.Fatalf("%s: row %s: %v", table.ID(), l.Row, err)
				}
				if !path.Leaf() || path.Many() {
					continue // a count, a sum or a reference
				}
				value, ok := path.Get(document.Of(decoded.Document))
				plain := path.Field().Type == document.String && l.Use == "" && l.ListRow == ""
				told := slices.ContainsFunc(decoded.Faults, func(f gateway.Fault) bool { return f.Code == gateway.ReadOtherwise && f.Path == l.Path })
				if l.Value != "" && !ok || plain && value != l.Value && !told {
					t.Errorf("%s: row %s read %q at %s to %s, which is %q", table.ID(), l.Row, l.Value, l.Place.Expr, l.Path, value)
				}
				checked++
			}
		}
	}
	if checked < 1000 {
		t.Errorf("only %d values checked", checked)
	}
}
