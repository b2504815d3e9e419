package document

import (
	"strings"
	"testing"
)

const settable = `# who is known
partners:
  - uri: "customs://KZ/gateway/1" # the one
    address: 'old.example:8443'   # by night too
    pins: [aa, "b]b"]  # two
    administrations:
      - KZ
      - KG
  - {uri: "customs://MN/gateway/1", address: mn.example:8443, until: 2027-01-01T00:00:00Z}
other: 1
`

func TestSetYAML(t *testing.T) {
	for _, tt := range []struct {
		name, field, value, old, want string
		at                            int
	}{
		{"a quoted text", "address", `"new.example:1"`, `'old.example:8443' `, `"new.example:1" `, 0},
		{"a list of one line", "pins", `[cc]`, `[aa, "b]b"]`, `[cc]`, 0},
		{"another quote", "uri", `customs://KZ/gateway/2`, `"customs://KZ/gateway/1" #`, `customs://KZ/gateway/2 #`, 0},
		{"a plain text between braces", "address", `"a:1"`, `mn.example:8443,`, `"a:1",`, 1},
		{"the last between braces", "until", `2028-01-01T00:00:00Z`, `2027-01-01T00:00:00Z}`, `2028-01-01T00:00:00Z}`, 1},
	} {
		got, err := SetYAML("f.yaml", []byte(settable), "partners", tt.at, tt.field, tt.value)
		want := strings.Replace(settable, tt.old, tt.want, 1)
		if err != nil || want == settable || string(got) != want {
			t.Errorf("%s: %v\n%s", tt.name, err, got)
		}
	}
	for _, tt := range []struct {
		name, list, field, value, want string
		at                             int
	}{
		{"no such list", "friends", "uri", "a", "friends has no item 0 with uri", 0},
		{"no such item", "partners", "uri", "a", "partners has no item 2 with uri", 2},
		{"an item before the first", "partners", "uri", "a", "partners has no item -1 with uri", -1},
		{"no such field", "partners", "roots", "a", "has no item 1 with roots", 1},
		{"no list", "other", "uri", "a", "other has no item 0 with uri", 0},
		{"several lines", "partners", "administrations", "[KZ]", "f.yaml:7: administrations, expected it on one line", 0},
		{"a value that says more", "partners", "address", "a, more: b", "", 1},
		{"no YAML", "partners", "address", "[", "", 1},
	} {
		got, err := SetYAML("f.yaml", []byte(settable), tt.list, tt.at, tt.field, tt.value)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v\n%s", tt.name, err, got)
		}
	}
	if _, err := SetYAML("f.yaml", nil, "partners", 0, "uri", "a"); err == nil {
		t.Error("an empty text was changed")
	}
}
