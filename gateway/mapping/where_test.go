package mapping

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// edition is a table of the root urn:m Manifest that is read on a condition.
func edition(name string, version int, where, rows string) (file, text string) {
	head := strings.Replace(header, "mapping: xx/test", "mapping: xx/"+name, 1)
	if version == 2 {
		head = strings.Replace(head, "version: 1", "version: 2", 1)
	}
	if where != "" {
		head = strings.Replace(head, "rows:", "where: "+where+"\nrows:", 1)
	}
	file = "xx/" + name + ".v1.yaml"
	if version == 2 {
		file = "xx/" + name + ".v2.yaml"
	}
	return file, head + rows
}

const batchRow = "  - {id: R009, to: m:Batch, from: batch}\n"

func TestWhatADocumentSaysChoosesItsTable(t *testing.T) {
	files := map[string]string{}
	for _, e := range []struct {
		name, where, rows string
		version           int
	}{
		{"three", `{"@edition": "3"}`, `  - {id: R001, to: "@edition", const: "3"}` + "\n", 1},
		{"four", `{"@edition": ["4", "4.1"], m:Head/m:Profile: "short"}`, `  - {id: R001, to: "@edition", from: office.code}` + "\n" + `  - {id: R002, to: m:Head/m:Profile, const: "short"}` + "\n", 1},
		{"long", `{"@edition": ["4", "4.1"], m:Head/m:Profile: "long"}`, `  - {id: R001, to: "@edition", from: office.code}` + "\n" + `  - {id: R002, to: m:Head/m:Profile, const: "long"}` + "\n", 1},
		{"old", "", "", 1},
		{"rail", `{"@edition": false, m:Train: true}`, `  - {id: R001, to: m:Train/m:Number, from: transport.mode}` + "\n", 1},
		{"newer", `{"@edition": "3"}`, `  - {id: R001, to: "@edition", const: "3"}` + "\n", 2},
	} {
		file, text := edition(e.name, e.version, e.where, e.rows+batchRow)
		files[file] = text
	}
	l, err := load(t, files)
	if err != nil {
		t.Fatal(err)
	}
	on := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ xml, agreed, want string }{
		{`<Manifest xmlns="urn:m" edition=" 3 "/>`, "", "xx/newer.v2"},
		{`<Manifest xmlns="urn:m" edition="3"/>`, "xx/three.v1", "xx/three.v1"},
		{`<Manifest xmlns="urn:m" edition="3"/>`, "xx/four.v1", ""},
		{`<Manifest xmlns="urn:m" edition="3"/>`, "xx/four.v1 xx/three.v1", "xx/three.v1"},
		{`<Manifest xmlns="urn:m" edition="3"/>`, "yy/other.v1", "xx/newer.v2"},
		{`<Manifest xmlns="urn:m" edition="4.1"><Head><Profile>short</Profile></Head></Manifest>`, "", "xx/four.v1"},
		{`<Manifest xmlns="urn:m" edition="4"><Head><Profile>long</Profile></Head></Manifest>`, "", "xx/long.v1"},
		{`<Manifest xmlns="urn:m" edition="4"/>`, "", "xx/old.v1"},
		{`<Manifest xmlns="urn:m"/>`, "", "xx/old.v1"},
		{`<Manifest xmlns="urn:m"><Train/></Manifest>`, "", "xx/rail.v1"},
	} {
		got, ok := l.Choose(read(t, tt.xml).Root, "XX", on, strings.Fields(tt.agreed)...)
		if ok != (tt.want != "") || ok && got.ID() != tt.want {
			t.Errorf("%s: %v, want %s", tt.xml, got, tt.want)
		}
	}
	// What was agreed on is what is known.
	f, ok := l.Misfit(read(t, `<Manifest xmlns="urn:m" edition="3"/>`).Root, on, "xx/four.v1")
	if diff := cmp.Diff([]string{"FORMAT_VARIANT  /d:Manifest[1]/@edition 3|4, 4.1"}, said(gateway.Faults{f})); diff != "" || !ok {
		t.Error(diff)
	}
}

func TestADocumentThatNoTableTakesIsToldWhatIsKnown(t *testing.T) {
	files := map[string]string{}
	for name, where := range map[string]string{"three": `{"@edition": "3"}`, "four": `{"@edition": "4", m:Head/m:Profile: "short"}`, "long": `{"@edition": "4", m:Head/m:Profile: "long"}`} {
		rows := `  - {id: R001, to: "@edition", const: "` + where[14:15] + "\"}\n"
		if name != "three" {
			rows += "  - {id: R002, to: m:Head/m:Profile, from: office.code}\n"
		}
		file, text := edition(name, 1, where, rows+batchRow)
		files[file] = text
	}
	l, err := load(t, files)
	if err != nil {
		t.Fatal(err)
	}
	on := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ xml, want string }{
		{`<Manifest xmlns="urn:m" edition="5"/>`, "FORMAT_VARIANT  /d:Manifest[1]/@edition 5|3, 4"},
		{`<Manifest xmlns="urn:m"/>`, "FORMAT_VARIANT_MISSING  /d:Manifest[1] @edition|3, 4"},
		{`<Manifest xmlns="urn:m" edition="4"><Head/></Manifest>`, "FORMAT_VARIANT_MISSING  /d:Manifest[1]/d:Head[1] m:Head/m:Profile|long, short"},
		{`<Manifest xmlns="urn:m" edition="4"><Head><Profile>wide</Profile></Head></Manifest>`, "FORMAT_VARIANT  /d:Manifest[1]/d:Head[1]/d:Profile[1] wide|long, short"},
	} {
		root := read(t, tt.xml).Root
		if got, ok := l.Choose(root, "XX", on); ok {
			t.Errorf("%s: %s reads it", tt.xml, got.ID())
		}
		f, ok := l.Misfit(root, on)
		if !ok || strings.Join(said(gateway.Faults{f}), "") != tt.want {
			t.Errorf("%s: %v, want %s", tt.xml, said(gateway.Faults{f}), tt.want)
		}
	}
	// A table that is named reads no more than one that is found.
	four, _ := l.Table("xx/four.v1")
	decoded := four.Decode(read(t, `<Manifest xmlns="urn:m" edition="3"/>`))
	if diff := cmp.Diff([]string{"FORMAT_VARIANT  /d:Manifest[1]/@edition 3|4"}, said(decoded.Faults)); diff != "" || decoded.Document != nil {
		t.Error(diff)
	}
	// Nor does it write what it would not read.
	for json, want := range map[string][]string{
		`{"manifest": {"batch": "B", "office": {"code": "short"}}}`: nil,
		`{"manifest": {"batch": "B", "office": {"code": "long"}}}`:  {"MAP_VARIANT office.code  long|short"},
		`{"manifest": {"batch": "B"}}`:                              {"MAP_REQUIRED office.code  |m:Head/m:Profile"},
	} {
		encoded, _, faults := four.Encode(parse(t, json), false)
		if diff := cmp.Diff(want, said(faults)); diff != "" || encoded.IsZero() != (want != nil) {
			t.Errorf("%s: %s", json, diff)
		}
	}
}

func TestAProfileIsReadOnItsOwnCondition(t *testing.T) {
	file, text := edition("test", 1, `{"@edition": "3"}`, "  - {id: R001, to: \"@edition\", const: \"3\"}\n"+batchRow)
	const profile = "profile: %\nversion: 1\nadministration: KZ\nover: [xx/test.v1]\nwhere: {\"@edition\": \"%\"}\nrows: {R001: {const: \"%\"}}\n"
	l, err := load(t, map[string]string{
		file: text, "profiles/k.v1.yaml": strings.ReplaceAll(profile, "%", "k"), "profiles/l.v1.yaml": strings.ReplaceAll(profile, "%", "l"),
	})
	if err != nil {
		t.Fatal(err)
	}
	on := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for edition, want := range map[string]string{"3": "xx/test.v1", "k": "xx/test.v1+k", "l": "xx/test.v1+l"} {
		if got, ok := l.Choose(read(t, `<Manifest xmlns="urn:m" edition="`+edition+`"/>`).Root, "KZ", on); !ok || got.ID() != want {
			t.Errorf("%s: %v, want %s", edition, got, want)
		}
		made, _ := l.Table(want)
		if _, _, faults := made.Encode(parse(t, `{"manifest": {"batch": "B"}}`), false); len(faults) > 0 {
			t.Errorf("%s: %v", want, said(faults))
		}
	}
}

func TestLoadSaysEveryMistakeOfWhere(t *testing.T) {
	const fixed = `  - {id: R001, to: "@edition", const: "4"}` + "\n"
	for _, tt := range []struct{ a, b, want string }{
		{`{"@edition": 4}`, "", "xx/a.v1.yaml:10: where @edition, expected a text in quotes, a list of at most 32, or true or false for whether it is there"},
		{`{"@edition": []}`, "", "xx/a.v1.yaml:10: where @edition, expected a text in quotes"},
		{`{"@edition": [" 4"]}`, "", "xx/a.v1.yaml:10: where @edition, expected a text in quotes"},
		{`{"@edition": [` + strings.Repeat(`"x", `, 32) + `"4"]}`, "", "xx/a.v1.yaml:10: where @edition, expected a text in quotes, a list of at most 32"},
		{`{".": "4"}`, "", `xx/a.v1.yaml:10: where "." is the root itself, expected a place in it`},
		{`{"q:Edition": "4"}`, "", `xx/a.v1.yaml:10: row where: prefix "q" is not declared, expected one of [m x]`},
		{`{"Edition": "4"}`, "", `xx/a.v1.yaml:10: row where: "Edition" has no prefix while m is the default namespace, expected m:Edition`},
		{`{"m:Edition": "4"}`, "", `xx/a.v1.yaml:10: where m:Edition, which no row writes, expected a row that does`},
		{`{"m:Edition": true}`, "", `xx/a.v1.yaml:10: where m:Edition, which no row writes, expected a row that does`},
		{`{"@edition": ["3", "5"]}`, "", `xx/a.v1.yaml:10: where @edition is one of ["3" "5"], and row R001 on line 12 writes "4", expected one of them`},
		{`{"@a": "1", "@b": "1", "@c": "1", "@d": "1", "@e": "1", "@f": "1", "@g": "1", "@h": "1", "@i": "1"}`, "", "xx/a.v1.yaml:10: 9 places, expected at most 8"},
		{`{"@edition": ["3", "4"]}`, `{"@edition": ["5", "4"]}`, "xx/b.v1.yaml:10: root {urn:m}Manifest, version 1: where and that of xx/a.v1 at xx/a.v1.yaml:10 could both hold for one document, expected other texts at one place"},
		{`{"@edition": "4"}`, `{"@edition": true}`, "xx/b.v1.yaml:10: root {urn:m}Manifest, version 1: where and that of xx/a.v1 at xx/a.v1.yaml:10 could both hold"},
		{`{"@edition": "4"}`, `{"m:Batch": true}`, "xx/b.v1.yaml:10: root {urn:m}Manifest, version 1: where and that of xx/a.v1 at xx/a.v1.yaml:10 could both hold"},
		{`{"@edition": "4", "m:Batch": true}`, `{"@edition": "4", "m:Batch": false}`, ""},
		{`{"@edition": "4", "m:Head/m:Profile": true}`, `{"@edition": "4", "m:Head": false}`, ""},
		{`{"@edition": "4"}`, "", ""},
	} {
		fileA, textA := edition("a", 1, tt.a, fixed+"  - {id: R002, to: m:Head/m:Profile, from: office.code}\n"+batchRow)
		fileB, textB := edition("b", 1, tt.b, fixed+batchRow)
		_, err := load(t, map[string]string{fileA: textA, fileB: textB})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s and %s: %v, want %s", tt.a, tt.b, err, tt.want)
		}
	}
}
