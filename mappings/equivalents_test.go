package mappings_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unexplained stands over what -update finds new: a reason must take its place.
const unexplained = "# no reason yet"

// equivalents compares what makes no difference with a file of what is known to make
// none. There every line stands below its reason, which starts with #.
func equivalents(t *testing.T, name string, found []string) {
	t.Helper()
	reasons, order := known(t, name)
	slices.Sort(found)
	if *update {
		below := map[string][]string{}
		for _, line := range found {
			reason, ok := reasons[line]
			if !ok {
				reason = unexplained
			}
			below[reason] = append(below[reason], line)
		}
		var b strings.Builder
		for _, reason := range append(slices.DeleteFunc(order, func(r string) bool { return r == unexplained }), unexplained) {
			if below[reason] != nil {
				b.WriteString(reason + "\n" + strings.Join(below[reason], "\n") + "\n\n")
			}
		}
		if err := os.WriteFile(filepath.Join("testdata", name), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(reasons)), found); diff != "" && !*update {
		t.Errorf("what makes no difference (-known +found):\n%s", diff)
	}
	for line, reason := range reasons {
		if reason == unexplained && !*update {
			t.Errorf("%s: no reason", line)
		}
	}
}

// known reads a file of what makes no difference: the reason of each line, and the reasons
// in their order.
func known(t *testing.T, name string) (reasons map[string]string, order []string) {
	t.Helper()
	reasons = map[string]string{}
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil && !*update {
		t.Fatal(err)
	}
	reason := unexplained
	for line := range strings.Lines(string(raw)) {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case strings.HasPrefix(line, "#"):
			reason = line
			order = append(order, reason)
		default:
			reasons[line] = reason
		}
	}
	return reasons, order
}
