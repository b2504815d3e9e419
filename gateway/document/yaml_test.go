package document_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/document"
)

type table struct {
	Name    string            `yaml:"name"`
	Version int               `yaml:"version"`
	Rows    []row             `yaml:"rows"`
	Names   map[string]string `yaml:"names"`
	Extra   `yaml:",inline"`
}

type Extra struct {
	Note string `yaml:"note"`
}

type row struct {
	ID   string `yaml:"id"`
	Rows []row  `yaml:"rows"`
}

const good = `# a table
name: a
version: 1
note: n
names: {x: "1", y: "2"}
rows:
  - {id: R1}
  - id: R2
    rows:
      - id: R3
      -
        id: R4
`

func TestDecodeYAML(t *testing.T) {
	var got table
	if err := document.DecodeYAML("t.yaml", []byte(good+"---\n# nothing more\n"), &got); err != nil {
		t.Fatal(err)
	}
	want := table{"a", 1, []row{{ID: "R1"}, {ID: "R2", Rows: []row{{ID: "R3"}, {ID: "R4"}}}}, map[string]string{"x": "1", "y": "2"}, Extra{"n"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeYAMLRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		want []string // parts of the lines of the error
	}{
		"unknown keys": {"nam: a\nversion: 1\nrows:\n  - {id: R1, form: x}\n  - id: R2\n    rows:\n      - idd: R3\n", []string{
			`t.yaml:1: unknown key "nam": nearest is name`, `t.yaml:4: unknown key "form"`, `t.yaml:7: unknown key "idd": nearest is id`}},
		"a wrong type beside an unknown key": {"version: one\nnots: x\n", []string{`t.yaml:2: unknown key "nots": nearest is note`, `t.yaml:1: `}},
		"duplicate key":                      {"name: a\nversion: 1\nname: b\n", []string{`t.yaml:3: `}},
		"duplicate key below":                {"rows:\n  - id: a\n    id: b\n", []string{`t.yaml:3: `}},
		"alias":                              {"name: a\nnote: &n x\nnames: {x: *n}\n", []string{`t.yaml:3: alias *n, expected what it stands for`}},
		"merged keys":                        {"rows:\n  - id: a\n    <<: {idd: b}\n", []string{`t.yaml:3: unknown key "<<"`}},
		"not YAML":                           {"name: [a\n", []string{`t.yaml:1: `}},
		"two documents":                      {"name: a\n---\nname: b\n", []string{`more than one YAML document`}},
	} {
		var into table
		err := document.DecodeYAML("t.yaml", []byte(c.raw), &into)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		got := strings.Split(err.Error(), "\n")
		if len(got) != len(c.want) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for i, w := range c.want {
			if !strings.Contains(got[i], w) {
				t.Errorf("%s: %q, want %q", name, got[i], w)
			}
		}
	}
}

// A day without quotes is the text that stands there.
func TestDayIsText(t *testing.T) {
	var got table
	if err := document.DecodeYAML("t.yaml", []byte("name: 2026-01-01\nnote: 2026-01-01T08:15:00Z\nnames: {x: 0603, y: 1.50}\n"), &got); err != nil {
		t.Fatal(err)
	}
	want := table{Name: "2026-01-01", Names: map[string]string{"x": "0603", "y": "1.50"}, Extra: Extra{"2026-01-01T08:15:00Z"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestYAMLLines(t *testing.T) {
	lines := document.YAMLLines([]byte(good))
	for path, want := range map[string]int{
		"$": 2, "$.name": 2, "$.names.y": 5, "$.rows": 6, "$.rows[0]": 7, "$.rows[0].id": 7, "$.rows[1]": 8,
		"$.rows[1].rows[0].id": 10, "$.rows[1].rows[1]": 12,
	} {
		if got := lines[path]; got != want {
			t.Errorf("%s is on line %d, want %d", path, got, want)
		}
	}
	if got := lines.Line("$.rows[1].rows[0].list"); got != 10 {
		t.Errorf("a missing key is placed on line %d", got)
	}
	if got := lines.Line("$.rows[9].id"); got != 6 {
		t.Errorf("a missing row is placed on line %d", got)
	}
	if n := len(document.YAMLLines([]byte("a: [b"))); n != 0 {
		t.Errorf("%d lines of no YAML", n)
	}
}
