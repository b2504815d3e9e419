package document

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddYAML(t *testing.T) {
	for _, tt := range []struct {
		name, text, list string
		items            []string
		want             string // or, with a leading !, a part of the error
	}{
		{"empty", "a: 1\n\n# why\nb: [] # none yet\nc: 2\n", "b", []string{"x", "{y: 1}"}, "a: 1\n\n# why\nb: # none yet\n  - x\n  - {y: 1}\nc: 2\n"},
		{"behind the last", "b:\n- x # first\n# of c\nc: 2\n", "b", []string{"y: 1\nz: 2"}, "b:\n- x # first\n- y: 1\n  z: 2\n# of c\nc: 2\n"},
		{"behind several lines", "b:\n    - x: 1\n      y:\n        - 2\nc: 2", "b", []string{"z"}, "b:\n    - x: 1\n      y:\n        - 2\n    - z\nc: 2\n"},
		{"begun", "a: 1\n", "b", []string{"x"}, "a: 1\n\nb:\n  - x\n"},
		{"nothing there", "", "b", []string{"x"}, "\n\nb:\n  - x\n"},
		{"on one line", "a: 1\nb: [x, y]\n", "b", []string{"z"}, "!f.yaml:2: b, expected it empty"},
		{"over several lines", "b:\n  - |\n    x\n    y\nc: 1\n", "b", []string{"z"}, "!b cannot be added to"},
		{"an empty one over two lines", "b: [\n]\n", "b", []string{"z"}, "!b cannot be added to"},
		{"another of the name below", "a: {b: []}\nb: []\n", "b", []string{"z"}, "a: {b: []}\nb:\n  - z\n"},
		{"no list", "b: x\n", "b", []string{"z"}, "!expected it empty"},
		{"no YAML", "b: [\n", "b", []string{"z"}, "!f.yaml:"},
		{"an item that is none", "b: []\n", "b", []string{"{"}, "!item of b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := AddYAML("f.yaml", []byte(tt.text), tt.list, tt.items...)
			if want, fails := strings.CutPrefix(tt.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q, error %v, want one with %q", out, err, want)
				}
				return
			}
			if diff := cmp.Diff(tt.want, string(out)); err != nil || diff != "" {
				t.Errorf("error %v, (-want +got)\n%s", err, diff)
			}
		})
	}
}
