package datafile

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sheet = `name: made-up
rows:
  - {id: A1, code: "0603"}
  - id: A2
    code: 0603
  - {id: A3}
`

type content struct {
	Name string
	Rows []struct {
		ID   string
		Code Quoted
	}
}

func read(t *testing.T, name, text string) (*File, content) {
	t.Helper()
	f := &File{Name: name}
	var c content
	if err := f.Read([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return f, c
}

func TestMistakesStandAtTheirLines(t *testing.T) {
	f, _ := read(t, "xx/sheet.v1.yaml", sheet)
	f.At("$.rows[1].code", "%d is no text", 603)
	f.Row("$.rows[2]", "A3", "no code")
	f.Row("$.rows[2]", "", "no id")
	f.At("$.nowhere", "nothing is there")
	want := `xx/sheet.v1.yaml:5: 603 is no text
xx/sheet.v1.yaml:6: row A3: no code
xx/sheet.v1.yaml:6: row without id: no id
xx/sheet.v1.yaml:1: nothing is there`
	if diff := cmp.Diff(want, errors.Join(f.Mistakes()...).Error()); diff != "" {
		t.Error(diff)
	}
}

func TestReadNamesTheLineOfWhatIsNoContent(t *testing.T) {
	for text, want := range map[string]string{
		"name: made-up\nrow: []\n":               `xx/sheet.v1.yaml:2: unknown key "row": nearest is rows`,
		"name: made-up\nname: again\nrows: []\n": `xx/sheet.v1.yaml:2: `,
	} {
		f := &File{Name: "xx/sheet.v1.yaml"}
		err := f.Read([]byte(text), new(content))
		if err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// A profile that names the row answers for it where it does so, and else where it names the table.
func TestMistakesOfAnOverlaidFileAreTheProfiles(t *testing.T) {
	profile := &File{Name: "profiles/kz.v1.yaml"}
	err := profile.Read([]byte("over: [xx/sheet.v1]\nrows:\n  A2: {}\n  \"xx/sheet.v1#A3\": {}\n"), new(struct {
		Over []string
		Rows map[string]struct{}
	}))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := read(t, "xx/sheet.v1.yaml", sheet)
	f.Overlaid = &Overlay{File: profile, Table: Versioned("xx/sheet", 1), Node: "$.over[0]"}
	f.Row("$.rows[0]", "A1", "a")
	f.Row("$.rows[1]", "A2", "b")
	f.Row("$.rows[2]", "A3", "c")
	want := `profiles/kz.v1.yaml:1: xx/sheet.v1: row A1: a
profiles/kz.v1.yaml:3: xx/sheet.v1: row A2: b
profiles/kz.v1.yaml:4: xx/sheet.v1: row A3: c`
	if diff := cmp.Diff(want, errors.Join(f.Mistakes()...).Error()); diff != "" || len(f.Errs) > 0 {
		t.Error(f.Errs, diff)
	}
}

func TestOnlyATextInQuotesIsOne(t *testing.T) {
	_, c := read(t, "xx/sheet.v1.yaml", sheet)
	for i, want := range []Quoted{{"0603", true, false}, {"", true, true}, {}} {
		if got := c.Rows[i].Code; got != want {
			t.Errorf("code of row %d: %+v, want %+v", i, got, want)
		}
	}
}
