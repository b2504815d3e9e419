package mapping

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// A party is written once. It stands in elements of its own, beside attributes of the consignment,
// and holds another fragment.
const parties = header + `
  - {id: R001, to: m:Batch, from: batch}
  - id: R100
    to: m:Consignment
    each: consignments
    rows:
      - {id: R110, to: m:Consignor, with: consignor, fragment: party}
      - {id: R120, to: m:Consignee, with: consignee, fragment: party}
      - {id: R130, fragment: named, prefix: {to: "m:Carrier", from: "seller."}}
      - {id: R140, fragment: named, prefix: {to: "m:Notify/m:", from: "notify."}}
fragments:
  party:
    - {id: P01, fragment: named, prefix: {to: "m:"}}
    - id: P02
      to: m:Phone
      each: communications
      when: "kind == 'TE'"
      lossy: other ways to reach it
      rows:
        - {id: P03, to: ".", from: value, required: true}
        - {id: P04, set: kind, const: TE}
  named:
    - {id: N01, to: Name, from: name, language: [en]}
    - {id: N02, to: Country, from: country}
`

func TestFragmentsStandAtEveryUse(t *testing.T) {
	tab := tableOf(t, parties)
	var ids []string
	for _, r := range tab.Rows() {
		ids = append(ids, fmt.Sprintf("%s %s %s %s %d", r.ID, r.Inside, r.Target, r.From+r.Set+r.With+r.Each, r.Line))
	}
	want := []string{
		"R001  /m:Manifest/m:Batch batch 12",
		"R100  /m:Manifest/m:Consignment consignments 13",
		"R110 R100 /m:Manifest/m:Consignment/m:Consignor consignments.consignor 17",
		"R110/P01/N01 R110 /m:Manifest/m:Consignment/m:Consignor/m:Name consignments.consignor.name 33",
		"R110/P01/N02 R110 /m:Manifest/m:Consignment/m:Consignor/m:Country consignments.consignor.country 34",
		"R110/P02 R110 /m:Manifest/m:Consignment/m:Consignor/m:Phone consignments.consignor.communications 24",
		"R110/P03 R110/P02 /m:Manifest/m:Consignment/m:Consignor/m:Phone consignments.consignor.communications.value 30",
		"R110/P04 R110/P02  consignments.consignor.communications.kind 31",
		"R120 R100 /m:Manifest/m:Consignment/m:Consignee consignments.consignee 18",
		"R120/P01/N01 R120 /m:Manifest/m:Consignment/m:Consignee/m:Name consignments.consignee.name 33",
		"R120/P01/N02 R120 /m:Manifest/m:Consignment/m:Consignee/m:Country consignments.consignee.country 34",
		"R120/P02 R120 /m:Manifest/m:Consignment/m:Consignee/m:Phone consignments.consignee.communications 24",
		"R120/P03 R120/P02 /m:Manifest/m:Consignment/m:Consignee/m:Phone consignments.consignee.communications.value 30",
		"R120/P04 R120/P02  consignments.consignee.communications.kind 31",
		"R130/N01 R100 /m:Manifest/m:Consignment/m:CarrierName consignments.seller.name 33",
		"R130/N02 R100 /m:Manifest/m:Consignment/m:CarrierCountry consignments.seller.country 34",
		"R140/N01 R100 /m:Manifest/m:Consignment/m:Notify/m:Name consignments.notify.name 33",
		"R140/N02 R100 /m:Manifest/m:Consignment/m:Notify/m:Country consignments.notify.country 34",
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Error(diff)
	}
	d := parse(t, `{"manifest": {"consignments": [{
		"consignor": {"name": [{"language": "en", "value": "A"}], "country": "CN", "communications": [{"kind": "TE", "value": "1"}, {"kind": "TE", "value": "2"}]},
		"consignee": {"name": [{"language": "en", "value": "B"}]},
		"seller": {"name": [{"language": "en", "value": "C"}], "country": "RU"}, "notify": {"country": "KZ"}}]}}`)
	encoded, traced, faults := tab.Encode(d, true)
	if len(faults) > 0 {
		t.Fatal(said(faults))
	}
	_, got, _ := strings.Cut(indents.Replace(string(encoded.Bytes())), `xmlns:x="urn:x">`)
	const xml = `<Consignment><Consignor><Name>A</Name><Country>CN</Country><Phone>1</Phone><Phone>2</Phone></Consignor><Consignee><Name>B</Name></Consignee>` +
		`<CarrierName>C</CarrierName><CarrierCountry>RU</CarrierCountry><Notify><Country>KZ</Country></Notify></Consignment></Manifest>`
	if diff := cmp.Diff(xml, strings.TrimSpace(got)); diff != "" {
		t.Error(diff)
	}
	back := tab.Decode(read(t, string(encoded.Bytes())))
	if diff := cmp.Diff(marshal(d), marshal(back.Document)); diff != "" || len(back.Faults)+len(back.Unread) > 0 {
		t.Error(diff, said(back.Faults), back.Unread)
	}
	for path, want := range map[string]string{
		"consignments[0].consignor.communications[1].value": "R110/P03", "consignments[0].seller.country": "R130/N02", "consignments[0].consignee.name[0].value": "R120/P01/N01",
	} {
		written, _ := traced.ByPath(path)
		seen, _ := back.Trace.ByPath(path)
		if written.Row != want || seen.Row != want {
			t.Errorf("%s is of row %s, read by %s, want %s", path, written.Row, seen.Row, want)
		}
	}
}

func TestFragmentsOfProvenDataStandThereToo(t *testing.T) {
	for _, text := range []string{parties, reordered(parties)} {
		now, err := load(t, map[string]string{"xx/test.v1.yaml": text})
		if err != nil {
			t.Fatal(err)
		}
		later, err := LoadProven(fstest.MapFS{"xx/test.v1.yaml": {Data: []byte(text)}}, now.load.env, now.load.lists)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := now.Table("xx/test.v1")
		b, _ := later.Table("xx/test.v1")
		if diff := cmp.Diff(a.Rows(), b.Rows()); diff != "" {
			t.Error(diff)
		}
	}
}

// reordered puts the fragments before the rows.
func reordered(text string) string {
	head, rows, _ := strings.Cut(text, "\nrows:\n")
	rows, fragments, _ := strings.Cut(rows, "fragments:\n")
	return head + "\nfragments:\n" + fragments + "\nrows:\n" + rows
}

// What uses a fragment can be changed and dropped by a profile row by row.
func TestProfilesNameTheRowsOfAUse(t *testing.T) {
	l, err := load(t, map[string]string{"xx/test.v1.yaml": parties, "profiles/kz.v1.yaml": `profile: kz
version: 1
over: [xx/test.v1]
rows:
  R110/P02: {drop: true}
  R130/N02: {max: 1}
  R140/N02: {use: none}
`})
	if err == nil || !strings.Contains(err.Error(), `profiles/kz.v1.yaml:7: xx/test.v1: row R140/N02: unknown conversion "none"`) || !strings.Contains(err.Error(), "(used by row R140 on line 20)") {
		t.Errorf("%v", err)
	}
	l, err = load(t, map[string]string{"xx/test.v1.yaml": parties, "profiles/kz.v1.yaml": "profile: kz\nversion: 1\nover: [xx/test.v1]\nrows:\n  R110/P02: {drop: true}\n"})
	if err != nil {
		t.Fatal(err)
	}
	n := func(id string) int { tab, _ := l.Table(id); return len(tab.Rows()) }
	if n("xx/test.v1")-n("xx/test.v1+kz") != 3 {
		t.Errorf("%d rows, with the profile %d", n("xx/test.v1"), n("xx/test.v1+kz"))
	}
	if _, err := l.Without("xx/test.v1", "R120/P02"); err != nil {
		t.Error(err)
	}
	if _, err := l.With("xx/test.v1", "R120/P01/N02", "{use: none}"); err == nil || !strings.Contains(err.Error(), "xx/test.v1.yaml:34: row R120/P01/N02: unknown conversion") {
		t.Error(err)
	}
}

func TestLoadSaysEveryMistakeOfFragments(t *testing.T) {
	text := header + `
  - {id: R001, to: m:A, fragment: none}
  - {id: R002, to: m:B, fragment: code, rows: [{id: R003, to: m:C, from: batch}]}
  - {id: R004, fragment: code}
  - {id: R005, to: m:D, fragment: code, prefix: {to: "m:"}}
  - {id: R006, to: m:E, from: batch, prefix: {to: "m:"}}
  - {id: R007, to: m:F, fragment: round}
  - {id: R008/X, to: m:G, from: batch}
  - {id: R009, to: m:H, with: office, fragment: code}
  - {id: R010, to: m:I, fragment: code}
  - {id: R011, fragment: asked, prefix: {to: "m:", from: "office."}}
  - {id: R012, fragment: code, prefix: {tu: "m:"}}
fragments:
  code:
    - {id: F01, to: m:Code, from: code}
  round:
    - {id: F02, to: m:Way, fragment: back}
  back:
    - {id: F03, to: m:Way, fragment: round}
  unused:
    - {id: F04, to: m:Code, from: code}
  empty: []
  asked:
    - {id: F05, to: Code, from: code, when: "batch == '1'"}
`
	_, err := load(t, map[string]string{"xx/test.v1.yaml": text})
	if err == nil {
		t.Fatal("fragments full of mistakes were loaded")
	}
	for _, want := range []string{
		`xx/test.v1.yaml:12: row R001: unknown fragment "none", expected one of this table: nearest are [`,
		"xx/test.v1.yaml:13: row R002: rows beside fragment code, of line 24, expected one of the two",
		"xx/test.v1.yaml:14: row R004: fragment code, of line 24, without to or prefix",
		"xx/test.v1.yaml:15: row R005: prefix of fragment code, of line 24, beside keys of a group",
		"xx/test.v1.yaml:16: row R006: prefix without fragment, expected both",
		"xx/test.v1.yaml:29: row F03: fragment round, of line 26, uses itself: round uses back uses round, expected no cycle",
		"xx/test.v1.yaml:18: row R008/X: id holds /, expected none",
		`xx/test.v1.yaml:25: row R010/F01: path "code": Manifest has no field "code": nearest is batch`,
		"(used by row R010 on line 20)",
		"xx/test.v1.yaml:30: no row uses fragment unused, expected one that does",
		"xx/test.v1.yaml:32: fragment empty has no rows, expected at least one",
		`xx/test.v1.yaml:34: row R011/F05: when "batch == '1'" asks about where the row stands, and prefix does not reach into it, expected with in place of the prefix (used by row R011 on line 21)`,
		`xx/test.v1.yaml:22: unknown key "tu": nearest is to`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: not said", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
	// What is used ten times in what is used ten times, and so on, has an end.
	var many strings.Builder
	many.WriteString(header + "  - {id: R1, to: m:A, fragment: f0}\nfragments:\n")
	for i := range 8 {
		fmt.Fprintf(&many, "  f%d:\n", i)
		for j := range 10 {
			fmt.Fprintf(&many, "    - {id: A%d, to: m:A%d, fragment: f%d}\n", j, j, i+1)
		}
	}
	many.WriteString("  f8: [{id: Z, to: m:Z, from: batch}]\n")
	_, err = load(t, map[string]string{"xx/test.v1.yaml": many.String()})
	if err == nil || !strings.Contains(err.Error(), "more than 10000 rows with those of the fragments at every use, expected fewer") {
		t.Errorf("%.300v", err)
	}
}
