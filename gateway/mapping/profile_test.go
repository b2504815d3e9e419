package mapping

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/document"
	"customs.example/gateway/xmltree"
)

const kz = `
profile: kz
version: 1
administration: KZ
over: [xx/test.v1]
zone: Asia/Almaty
languages: [{from: [zh, en, ru], to: [kk, ru]}, {to: [en]}]
source: made up
rows:
  R005: {use: "office8(398)", max: 8, required: true}
  R006: {drop: true}
  R030: {drop: true}
  R011: {required: false}
  "xx/test.v1#R002": {const: "R.042"}
`

const kzRoad = `
profile: kz-road
version: 2
over: [kz.v1]
namespaces: {m: "urn:kz"}
schema: kz/road.v2
valid: {from: 2026-07-01}
rows:
  R007: {from: "transport.vehicles[role=TRAILER].registration"}
  R005: {use: "digits(5)"}
`

func profiled(t testing.TB, more map[string]string) (*Library, error) {
	files := map[string]string{"xx/test.v1.yaml": notice, "profiles/kz.v1.yaml": kz, "profiles/kz-road.v2.yaml": kzRoad}
	for name, text := range more {
		files[name] = text
	}
	return load(t, files)
}

func TestProfileMakesATableOfATable(t *testing.T) {
	l, err := profiled(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, tab := range l.Tables() {
		ids = append(ids, strings.Join([]string{tab.ID(), tab.Base(), tab.Profile(), tab.Administration(), tab.Schema(), tab.Source()}, " "))
	}
	want := []string{
		"xx/test.v1 xx/test.v1  XX xx/test.v1 ",
		"xx/test.v1+kz xx/test.v1 kz KZ xx/test.v1 made up",
		"xx/test.v1+kz-road.v2 xx/test.v1 kz-road KZ kz/road.v2 made up",
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Error(diff)
	}
	base, _ := l.Table("xx/test.v1")
	made, _ := l.Table("xx/test.v1+kz")
	road, _ := l.Table("xx/test.v1+kz-road.v2")
	if base.Digest() == made.Digest() || made.Digest() == road.Digest() {
		t.Error("the digest does not cover the profile")
	}
	d := parse(t, sample)
	d.GetManifest().Office.Code = "50502"
	for _, tt := range []struct {
		tab  *Table
		want []string
	}{
		{base, []string{`xmlns="urn:m"`, "<Type>MT2401<", "<SendTime>20260301083000250<", "<Office>50502<", "ERROR", "MAP_OVERFLOW office.code"}},
		{made, []string{`xmlns="urn:m"`, "<Type>R.042<", "<SendTime>20260301053000250<", "<Office>39850502<", "<Lead>蒙A12345<"}},
		{road, []string{`xmlns="urn:kz"`, "<Type>R.042<", "<SendTime>20260301053000250<", "<Office>50502<"}},
	} {
		out, _, faults := tt.tab.Encode(d, false)
		text := string(out.Bytes())
		if tt.tab == base {
			if len(faults) != 1 || faults[0].Path != "office.code" {
				t.Error(said(faults))
			}
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not write %s: %v\n%s", tt.tab.ID(), want, said(faults), text)
			}
		}
		if strings.Contains(text, "<Mode>") || strings.Contains(text, "<Consignee>") || strings.Contains(text, "汽车零件") {
			t.Errorf("%s writes what the profile drops:\n%s", tt.tab.ID(), text)
		}
		back := tt.tab.Decode(read(t, text))
		if len(back.Faults)+len(back.Unread) > 0 || back.Document.GetManifest().Office.Code != "50502" {
			t.Error(said(back.Faults), document.Kind(back.Document))
		}
	}
	for _, r := range made.Rows() {
		if r.ID == "R005" && !strings.Contains(strings.Split(notice, "\n")[r.Line-1], "R005") {
			t.Errorf("row R005 is said to stand on line %d of the table", r.Line)
		}
	}
}

func TestChoose(t *testing.T) {
	second := strings.Replace(notice, "version: 1", "version: 2\nvalid: {from: 2026-09-01}", 1)
	l, err := profiled(t, map[string]string{
		"xx/test.v2.yaml":     second,
		"profiles/kz.v2.yaml": "profile: kz\nversion: 2\nadministration: KZ\nover: [xx/test.v1]\nvalid: {from: 2026-06-01}\n",
		"profiles/mn.v1.yaml": "profile: mn\nversion: 1\nadministration: MN\nover: [xx/test.v1]\nnamespaces: {m: \"urn:mn\"}\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ space, sender, day, want string }{
		{"urn:m", "XX", "2026-03-01", "xx/test.v1"},
		{"urn:m", "XX", "2026-09-01", "xx/test.v2"},
		{"urn:m", "", "2026-09-01", "xx/test.v2"},
		{"urn:m", "KZ", "2026-03-01", "xx/test.v1+kz"},
		{"urn:m", "KZ", "2026-09-01", "xx/test.v1+kz.v2"},
		{"urn:m", "MN", "2026-03-01", "xx/test.v1"},
		{"urn:mn", "MN", "2026-03-01", "xx/test.v1+mn"},
		{"urn:mn", "RU", "2026-03-01", "xx/test.v1+mn"},
		{"urn:kz", "KZ", "2026-07-01", "xx/test.v1+kz-road.v2"},
		{"urn:kz", "KZ", "2026-06-30", ""},
		{"urn:none", "KZ", "2026-07-01", ""},
	} {
		on, _ := time.Parse(time.DateOnly, tt.day)
		got, ok := l.Choose(&xmltree.Element{Name: xmltree.Name{Space: tt.space, Local: "Manifest"}}, tt.sender, on)
		if ok != (tt.want != "") || ok && got.ID() != tt.want {
			t.Errorf("%s from %q on %s: %v, want %s", tt.space, tt.sender, tt.day, got, tt.want)
		}
	}
	on := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ agreed, want string }{
		{"xx/test.v1", "xx/test.v1"}, {"xx/test.v1+mn", "xx/test.v2"}, {"xx/test.v2 xx/test.v1", "xx/test.v2"}, {"xx/none.v1", "xx/test.v2"},
	} {
		got, _ := l.Choose(&xmltree.Element{Name: xmltree.Name{Space: "urn:m", Local: "Manifest"}}, "XX", on, strings.Fields(tt.agreed)...)
		if got.ID() != tt.want {
			t.Errorf("with %s agreed on: %s, want %s", tt.agreed, got.ID(), tt.want)
		}
	}
	var ids []string
	for _, tab := range l.Match(xmltree.Name{Space: "urn:m", Local: "Manifest"}) {
		ids = append(ids, tab.ID())
	}
	if diff := cmp.Diff([]string{"xx/test.v2", "xx/test.v1", "xx/test.v1+kz", "xx/test.v1+kz.v2"}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestLoadSaysEveryMistakeOfProfiles(t *testing.T) {
	_, err := profiled(t, map[string]string{
		"profiles/a.v1.yaml": "profile: a\nversion: 1\nover: [b.v1]\n",
		"profiles/b.v1.yaml": "profile: b\nversion: 1\nover: [c.v1]\n",
		"profiles/c.v1.yaml": "profile: c\nversion: 1\nover:\n  - xx/test.v1\n  - a.v1\n",
		"profiles/d.v1.yaml": "profile: e\nversion: 1\nadministration: kz\nover: [xx/none.v1]\n",
		"profiles/f.v1.yaml": `profile: f
version: 1
over: [xx/test.v1, xx/more.v1]
namespaces: {z: "urn:z"}
schema: x
languages:
  - {from: [mn], to: [ru]}
  - {to: []}
rows:
  R999: {drop: true}
  R000: {drop: true}
  "xx/test.v1#R003": {drop: true}
  R004: {tim: x}
`,
		"profiles/g.v1.yaml": `profile: g
version: 1
over: [xx/test.v1]
zone: Mars/Base
rows:
  R005: {use: "office9(398)"}
  R006: {list: none}
  R008: {when: "batch > 3"}
  R018: {use: upper}
`,
		"profiles/h.v1.yaml":  "profile: h\nversion: 1\nover: [xx/test.v1, kz.v1]\n",
		"profiles/i.v1.yaml":  "profile: i\nversion: 1\nover: []\nvalid: {from: x}\n",
		"profiles/k.v1.yaml":  "profile: k\nversion: 1\nadministration: KZ\nover: [xx/test.v1]\n",
		"profiles/l.v1.yaml":  "profile: l\nversion: 1\nover: [xx/test.v1]\nrows:\n  R998: {drop: true}\n  R005: {use: \"office9(398)\"}\n  R008: {when: \"batch > 3\"}\n",
		"profiles/kz.v3.yaml": "profile: kz\nversion: 3\nover: [xx/more.v1]\nvalid: {to: 2025-12-31}\n",
		"xx/more.v1.yaml":     "mapping: xx/more\nversion: 1\ndocument: Manifest\nroot: More\nvalid: {from: 2026-01-01}\nrows: [{id: R000, to: A, from: batch}]\n",
	})
	if err == nil {
		t.Fatal("profiles full of mistakes were loaded")
	}
	text := err.Error()
	for _, want := range []string{
		"profiles/c.v1.yaml:5: profile a.v1 is over itself: a.v1 over b.v1 over c.v1 over a.v1, expected no cycle",
		"profiles/d.v1.yaml:1: this is e.v1, expected d.v1 as the file says",
		`profiles/d.v1.yaml:3: administration "kz", expected a country code`,
		`profiles/d.v1.yaml:4: over "xx/none.v1", expected the id of a table without mistakes or of a profile: one of [xx/more.v1 xx/test.v1 a.v1`,
		`profiles/f.v1.yaml:13: unknown key "tim": nearest is time`,
		`profiles/f.v1.yaml:10: row R999: none of the tables has it`,
		`profiles/l.v1.yaml:5: row R998: none of the tables has it`,
		`profiles/l.v1.yaml:6: xx/test.v1: row R005: unknown conversion "office9"`,
		`profiles/l.v1.yaml:7: xx/test.v1: row R008: condition "batch > 3": type mismatch: string > int, at character 7, expected a condition on Manifest`,
		`profiles/g.v1.yaml:3: xx/test.v1: unknown zone "Mars/Base"`,
		`profiles/g.v1.yaml:6: xx/test.v1: row R005: unknown conversion "office9"`,
		`profiles/g.v1.yaml:7: xx/test.v1: row R006: unknown code list "none"`,
		`profiles/g.v1.yaml:8: xx/test.v1: row R008: condition "batch > 3"`,
		`profiles/g.v1.yaml:9: xx/test.v1: row R018: conversion upper has no inverse`,
		"profiles/h.v1.yaml:3: over xx/test.v1.yaml twice, expected one way to it",
		"profiles/i.v1.yaml:3: over nothing, expected ids of tables",
		"profiles/i.v1.yaml:4: ", // valid
		"profiles/kz.v1.yaml:1: root {urn:m}Manifest, version 1 is also xx/test.v1+k's",
		"profiles/kz.v3.yaml:3: xx/more.v1 is never valid together with the profile",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: not said", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	_, err = profiled(t, map[string]string{
		"xx/more.v1.yaml": "mapping: xx/more\nversion: 1\ndocument: Manifest\nroot: More\nrows: [{id: R000, to: A, from: batch}]\n",
		"profiles/f.v1.yaml": `profile: f
version: 1
over: [xx/test.v1, xx/more.v1]
namespaces: {z: "urn:z"}
schema: x
languages:
  - {from: [mn], to: [ru]}
  - {to: []}
rows:
  R999: {drop: true}
  R000: {drop: true}
  "xx/test.v1#R003": {drop: true}
`})
	if err == nil {
		t.Fatal("a profile of what is not there was loaded")
	}
	want := `profiles/f.v1.yaml:4: prefix "z" is declared by none of the tables, expected one that is
profiles/f.v1.yaml:5: one schema of 2 tables, expected a profile over one table
profiles/f.v1.yaml:7: no row lists [mn], expected languages as a row has them
profiles/f.v1.yaml:8: languages to nothing, expected a list
profiles/f.v1.yaml:11: row R000: it stands in [xx/test.v1 xx/more.v1], expected xx/test.v1#R000
profiles/f.v1.yaml:10: row R999: none of the tables has it, expected the id of a row, or table#id`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

// Which of two keys of one row wins would be the map's order: other bytes under one digest.
func TestARowOfAProfileHasOneKey(t *testing.T) {
	const twice = "profile: f\nversion: 1\nover: [xx/test.v1]\nnamespaces: {m: \"urn:f\"}\nrows:\n  R005: {max: 8}\n  \"xx/test.v1#R005\": {max: 9}\n"
	_, err := profiled(t, map[string]string{"profiles/f.v1.yaml": twice})
	const want = "profiles/f.v1.yaml:7: row xx/test.v1#R005: it is named as R005 too, expected one key"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
