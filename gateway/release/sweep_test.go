package release

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/document"
)

// What is emptied costs what it is, however many lists have lost elements: with all of them looked through
// for each that is gone, these took more than a minute.
func TestSweepOfManyLists(t *testing.T) {
	const consignments, items = 60, 1000
	item := `{"sequence":1,"packages":[{},{"type":"CT"}]},{"packages":[{},{}]},`
	one := `{"items":[` + strings.TrimSuffix(strings.Repeat(item, items), ",") + `]},`
	raw := `{"manifest":{"consignments":[` + strings.TrimSuffix(strings.Repeat(one, consignments), ",") + `]}}`
	moved := sweep(document.Parse([]byte(raw)).Document)
	if len(moved) != consignments*(items+1) {
		t.Errorf("%d lists have lost elements", len(moved))
	}
	if diff := cmp.Diff([]int{1}, moved["consignments[7].items[9].packages"]); diff != "" {
		t.Error(diff)
	}
	if was := moved["consignments[7].items"]; len(was) != items || was[9] != 18 {
		t.Error(was)
	}
}
