package analysis_test

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping"
	"customs.example/gateway/schema"
	"customs.example/gateway/xmltree"
	"customs.example/mappings"
	"customs.example/xsd"
)

var update = flag.Bool("update", false, "rewrite testdata/published/coverage-*.txt")

var env = sync.OnceValues(func() (*expr.Env, error) {
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		return nil, err
	}
	return expr.New(lists)
})

func lists(t *testing.T) *codelist.Lists {
	t.Helper()
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

// load loads the tables of a file system with the embedded code lists.
func load(t *testing.T, tables fs.FS) *mapping.Library {
	t.Helper()
	env, err := env()
	if err != nil {
		t.Fatal(err)
	}
	library, err := mapping.Load(tables, env, lists(t))
	if err != nil {
		t.Fatal(err)
	}
	return library
}

// made is a small table, on its own schema.
const made = `mapping: xx/made
version: 1
document: Manifest
root: m:Manifest
namespaces: {m: "urn:made"}
default: m
status: own
source: made up
rows:
  - {id: R1, to: "m:ID", from: envelope.documentId, max: 20, required: true}
  - {id: R2, to: m:Sent, from: envelope.issued, time: instant, zone: Asia/Shanghai}
  - {id: R3, to: m:Batch, from: batch, max: 4, on_overflow: truncate, lossy: "four characters"}
  - {id: R4, to: m:Office, from: office.code, default: "0603"}
  - {id: R5, set: direction, const: EXPORT}
  - id: R6
    to: m:Item
    each: consignments
    rows:
      - {id: R7, to: m:Number, ordinal: true}
      - {id: R8, to: m:Origin, from: ucr}
      - {id: R9, to: m:Old, from: sequence, direction: decode, note: "limit recalled"}
`

const madeSchema = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:m="urn:made" targetNamespace="urn:made" elementFormDefault="qualified">
  <xs:simpleType name="Short"><xs:restriction base="xs:string"><xs:maxLength value="9"/></xs:restriction></xs:simpleType>
  <xs:complexType name="Party"><xs:sequence>
    <xs:element name="Name" type="xs:string"/>
    <xs:element name="Parent" type="m:Party" minOccurs="0"/>
  </xs:sequence><xs:attribute name="kind" use="required"/></xs:complexType>
  <xs:element name="Manifest"><xs:complexType><xs:sequence>
    <xs:element name="ID" type="m:Short"/>
    <xs:element name="Sent" type="xs:dateTime" minOccurs="0"/>
    <xs:element name="Batch" type="xs:string" minOccurs="0"/>
    <xs:element name="Office" type="xs:string"/>
    <xs:element name="Seal" type="xs:string"/>
    <xs:choice><xs:element name="Road" type="xs:string"/><xs:element name="Rail" type="xs:string"/></xs:choice>
    <xs:element name="Carrier" type="m:Party" minOccurs="0"/>
    <xs:element name="Item" maxOccurs="unbounded"><xs:complexType><xs:sequence>
      <xs:element name="Number" type="xs:int"/>
      <xs:element name="Origin" type="m:Short" minOccurs="0"/>
      <xs:element name="Old" type="xs:int" minOccurs="0"/>
    </xs:sequence></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>`

// makeTable loads the made-up table, with texts of it replaced.
func makeTable(t *testing.T, replace ...string) (*mapping.Table, *analysis.Source) {
	t.Helper()
	tables := fstest.MapFS{"xx/made.v1.yaml": {Data: []byte(strings.NewReplacer(replace...).Replace(made))}}
	table, ok := load(t, tables).Table("xx/made.v1")
	if !ok {
		t.Fatal("no table")
	}
	s, err := analysis.Read(tables, table)
	if err != nil {
		t.Fatal(err)
	}
	return table, s
}

var schemas = fstest.MapFS{"xx/made.v1.xsd": {Data: []byte(madeSchema)}}

func cover(t *testing.T, table *mapping.Table, s *analysis.Source) *analysis.Coverage {
	t.Helper()
	c, err := analysis.Cover(table, s, schemas)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadThroughProfiles(t *testing.T) {
	tables := fstest.MapFS{
		"xx/made.v1.yaml": {Data: []byte(made)},
		"profiles/kz.v1.yaml": {Data: []byte(`{profile: kz, version: 1, administration: KZ, over: [xx/made.v1], source: k, status: verified,
  rows: {R1: {max: 9, required: false}, R6: {drop: true}}}`)},
		"profiles/road.v2.yaml": {Data: []byte(`{profile: road, version: 2, over: [kz.v1], rows: {"xx/made.v1#R3": {max: 7}}}`)},
	}
	library := load(t, tables)
	table, ok := library.Table("xx/made.v1+road.v2")
	if !ok {
		t.Fatal("no table")
	}
	plain, _ := library.Table("xx/made.v1")
	was, err := analysis.Read(tables, plain)
	if err != nil {
		t.Fatal(err)
	}
	is, err := analysis.Read(tables, table)
	if err != nil {
		t.Fatal(err)
	}
	want := []analysis.RowChange{
		{Row: "header", What: analysis.Altered, Keys: []analysis.KeyChange{
			{Name: "status", A: "own", B: "verified"}, {Name: "source", A: "made up", B: "k"},
			{Name: "profile", B: "road.v2"}, {Name: "administration", B: "KZ"},
		}},
	}
	for _, id := range []string{"R6", "R7", "R8", "R9"} {
		want = append(want, analysis.RowChange{Row: id, What: analysis.Removed})
	}
	want = append(want,
		analysis.RowChange{Row: "R1", What: analysis.Altered, Keys: []analysis.KeyChange{{Name: "max", A: "20", B: "9"}, {Name: "required", A: "true"}, {Name: "profile", B: "kz.v1"}}},
		analysis.RowChange{Row: "R3", What: analysis.Altered, Keys: []analysis.KeyChange{{Name: "max", A: "4", B: "7"}, {Name: "profile", B: "road.v2"}}},
	)
	got := analysis.Compare(was, is)
	for i := range got {
		if got[i].What == analysis.Removed {
			got[i].Keys = nil
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(is.Rows) != len(table.Rows()) {
		t.Errorf("%d rows read, the table has %d", len(is.Rows), len(table.Rows()))
	}
}

// A profile is shown beside what lies beneath it; a dropped group stands for its rows.
func TestShowProfile(t *testing.T) {
	tables := fstest.MapFS{
		"xx/made.v1.yaml": {Data: []byte(made)},
		"profiles/kz.v1.yaml": {Data: []byte(`{profile: kz, version: 1, administration: KZ, over: [xx/made.v1], source: k,
  rows: {R1: {max: 9, required: false}, R6: {drop: true}}}`)},
		"profiles/road.v2.yaml": {Data: []byte(`{profile: road, version: 2, over: [kz.v1], rows: {"xx/made.v1#R3": {max: 7}, R1: {max: 8}}}`)},
	}
	load(t, tables)
	for id, want := range map[string][][]string{
		"kz.v1": {
			{"header", "", "source", "made up", "k"}, {"header", "", "administration", "", "KZ"},
			{"R1", "m:ID", "max", "20", "9"}, {"R1", "m:ID", "required", "true", "—"}, {"R6", "m:Item", "drop", "for each consignments", "—"},
		},
		"road.v2": {{"R1", "m:ID", "max", "9", "8"}, {"R3", "m:Batch", "max", "4", "7"}},
	} {
		s, err := analysis.ReadFile(tables, "profiles/"+id+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		changes, err := analysis.ProfileChanges(tables, s.ID, "xx/made.v1")
		if err != nil {
			t.Fatal(err)
		}
		r, err := analysis.ShowProfile(tables, s, []analysis.ProfileTable{changes})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.Sections[0].Rows); diff != "" || r.Title != id {
			t.Errorf("%s: %s", r.Title, diff)
		}
	}
}

func TestCoverage(t *testing.T) {
	table, s := makeTable(t)
	c := cover(t, table, s)
	var got []string
	for _, p := range c.Places {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", p.Path, p.Cardinality, strings.Join(p.Rows, ","))))
	}
	want := []string{
		"/m:Manifest 1", "/m:Manifest/m:ID 1 R1", "/m:Manifest/m:Sent 0..1 R2", "/m:Manifest/m:Batch 0..1 R3",
		"/m:Manifest/m:Office 1 R4", "/m:Manifest/m:Seal 1", "/m:Manifest/m:Road 0..1", "/m:Manifest/m:Rail 0..1",
		"/m:Manifest/m:Carrier 0..1", "/m:Manifest/m:Carrier/@kind 1", "/m:Manifest/m:Carrier/m:Name 1", "/m:Manifest/m:Carrier/m:Parent 0..1",
		"/m:Manifest/m:Item 1..* R6", "/m:Manifest/m:Item/m:Number 1 R7", "/m:Manifest/m:Item/m:Origin 0..1 R8",
		"/m:Manifest/m:Item/m:Old 0..1 R9 (read only)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places:\n%s", diff)
	}
	var unfilled []string
	for _, p := range c.Unfilled {
		unfilled = append(unfilled, fmt.Sprintf("%s %d", p.Path, p.Below))
	}
	want = []string{"/m:Manifest/m:Seal 0", "/m:Manifest/m:Road 0", "/m:Manifest/m:Rail 0", "/m:Manifest/m:Carrier 3", "/m:Manifest/m:Item/m:Old 0"}
	if diff := cmp.Diff(want, unfilled); diff != "" {
		t.Errorf("unfilled:\n%s", diff)
	}
	for _, g := range c.Missing {
		for _, carried := range []string{"envelope.documentId", "batch", "direction", "office.code", "consignments.ucr", "consignments.sequence"} {
			if g.Path == carried {
				t.Errorf("%s is said not to be carried", carried)
			}
		}
	}
}

func TestCoverageOfCollected(t *testing.T) {
	table, s := makeTable(t, "      - {id: R9,", `      - {id: R20, to: "@from", refer: consignor}
      - {id: R21, to: "@for", refer: consignee}
      - {id: R9,`, "  - id: R6\n", `  - id: R22
    to: m:Carrier
    collect: [consignments.consignor, consignments.consignee]
    rows:
      - {id: R23, to: "@kind", handle: P}
      - {id: R24, to: m:Name, from: name, language: [zh], lossy: "one name"}
      - {id: R25, to: m:Parent, from: country}
  - id: R6
`)
	c := cover(t, table, s)
	carried := map[string]bool{"consignments.consignor.country": true, "consignments.consignee.country": true, "consignments.consignee.name": true}
	for _, g := range c.Missing {
		if carried[g.Path] || g.Path == "consignments.consignee" {
			t.Errorf("%s is said not to be carried", g.Path)
		}
	}
	var b bytes.Buffer
	if err := analysis.Show(table, s).Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"once each consignments.consignor, consignments.consignee", "refers to consignee", "handle P"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table shows no %q", want)
		}
	}
}

func TestReadSchemaRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ content, want string }{
		"no root":    {madeSchema, "no element {urn:made}Other"},
		"no type":    {strings.Replace(madeSchema, `"m:Short" minOccurs`, `"m:Shorter" minOccurs`, 1), "no type {urn:made}Shorter"},
		"no schema":  {"text", "EOF"},
		"no include": {strings.Replace(madeSchema, "<xs:simpleType", `<xs:include schemaLocation="gone.xsd"/><xs:simpleType`, 1), "gone.xsd"},
		"redefine":   {strings.Replace(madeSchema, "<xs:simpleType", `<xs:redefine schemaLocation="gone.xsd"/><xs:simpleType`, 1), "redefine is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			root := xmltree.Name{Space: "urn:made", Local: "Manifest"}
			if name == "no root" {
				root.Local = "Other"
			}
			_, err := analysis.ReadSchema(fstest.MapFS{"a.xsd": {Data: []byte(tt.content)}}, "a.xsd", root)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestLint(t *testing.T) {
	table, s := makeTable(t)
	var got []string
	for _, r := range analysis.Lint(table, s, cover(t, table, s), lists(t)) {
		got = append(got, r.String())
	}
	want := []string{
		"xx/made.v1.yaml:1: warning: nothing fills /m:Manifest/m:Seal, which the schema requires",
		"xx/made.v1.yaml:10: warning: row R1: writes up to 20 characters, and the schema takes 9",
		"xx/made.v1.yaml:12: info: row R3: lossy: four characters",
		"xx/made.v1.yaml:20: warning: row R8: no max, a field of up to 35 characters, and the schema takes 9: only the schema would find it",
		"xx/made.v1.yaml:21: info: row R9: recalled: limit recalled",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What a schema refuses, and letters that are not what they look like.
func TestLintTexts(t *testing.T) {
	schemas := fstest.MapFS{"xx/made.v1.xsd": {Data: []byte(strings.NewReplacer(
		`<xs:element name="Office" type="xs:string"/>`, `<xs:element name="Office"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="30"/><xs:enumeration value="ТТ"/></xs:restriction></xs:simpleType></xs:element>`,
		`<xs:element name="Seal" type="xs:string"/>`, `<xs:element name="Seal" type="m:Short"/>`,
	).Replace(madeSchema))}}
	for name, tt := range map[string]struct {
		row  string // instead of R4
		want []string
	}{
		"a target that is not there": {`{id: R4, to: m:Ofice, from: office.code}`, []string{
			"13: error: row R4: the schema has no /m:Manifest/m:Ofice: nearest is m:Office",
		}},
		"a target far away": {`{id: R4, to: m:Nothing/m:Other, from: office.code}`, []string{
			"13: error: row R4: the schema has no /m:Manifest/m:Nothing/m:Other: nearest is /m:Manifest/m:Carrier/m:Name",
		}},
		"a constant outside the enumeration": {`{id: R4, to: m:Office, const: "31", always: true}`, []string{`13: error: row R4: const "31", and the schema takes 30, ТТ`}},
		"a default outside the enumeration":  {`{id: R4, to: m:Office, from: office.code, default: "TT"}`, []string{`13: error: row R4: default "TT", and the schema takes 30, ТТ`}},
		"Cyrillic as the schema has it":      {`{id: R4, to: m:Office, const: "ТТ", always: true}`, nil},
		"a list outside the enumeration": {`{id: R4, to: m:Office, from: transport.mode, list: transport-mode}`, []string{
			"13: warning: row R4: list transport-mode writes 0, 1, 2, 3, 4, 5, 6, 7 and 2 more, and the schema takes 30, ТТ",
		}},
		"mixed scripts":     {`{id: R4, to: m:Seal, const: "МT24", always: true}`, []string{`13: error: row R4: const "МT24" mixes Latin and Cyrillic letters: it reads as MT24`}},
		"Cyrillic as Latin": {`{id: R4, to: m:Seal, const: "МТ24", always: true}`, []string{`13: warning: row R4: const "МТ24" is written in Cyrillic letters and reads as MT24`}},
		"too long":          {`{id: R4, to: m:Seal, const: "1234567890", always: true}`, []string{`13: error: row R4: const "1234567890" is longer than the 9 characters that the schema takes`}},
	} {
		t.Run(name, func(t *testing.T) {
			table, s := makeTable(t, `{id: R4, to: m:Office, from: office.code, default: "0603"}`, tt.row)
			c, err := analysis.Cover(table, s, schemas)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range analysis.Lint(table, s, c, lists(t)) {
				if r.Row == "R4" {
					got = append(got, strings.TrimPrefix(r.String(), "xx/made.v1.yaml:"))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What the loader cannot see: elements at two places, texts where the schema has none, texts that no
// field has room for, and elements that a constant makes.
func TestLintFindsWhatIsLostUnseen(t *testing.T) {
	schemas := fstest.MapFS{"xx/made.v1.xsd": {Data: []byte(strings.NewReplacer(
		`<xs:element name="Seal" type="xs:string"/>`, `<xs:element name="Seal"><xs:complexType><xs:sequence><xs:element name="No" type="m:Short"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="Note"><xs:complexType mixed="true"><xs:sequence><xs:element name="No" type="m:Short"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="Long"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="40"/></xs:restriction></xs:simpleType></xs:element>`,
	).Replace(madeSchema))}}
	const room = "13: warning: row R4: the schema takes 40 characters, and the field has room for 17: a longer text is refused when it comes"
	for row, want := range map[string]string{
		`{id: R4, to: m:Seal, from: office.code}`:                                      "13: error: row R4: a text in /m:Manifest/m:Seal, where the schema takes none",
		`{id: R4, to: m:Note, from: office.code}`:                                      "",
		`{id: R4, to: m:Seal, rows: [{id: R40, to: m:No, from: office.code, max: 9}]}`: "",
		`{id: R4, to: m:Long, from: office.code}`:                                      room,
		`{id: R4, to: m:Long, from: office.code, direction: decode}`:                   room,
		`{id: R4, to: m:Long, from: office.code, direction: encode}`:                   "",
		`{id: R4, to: m:Long, from: batch, max: 35}`:                                   "13: warning: row R4: the schema takes 40 characters, and the field has room for 35: a longer text is refused when it comes",
		`{id: R4, to: m:Long, from: remarks, language: [en], max: 40}`:                 "",
		`{id: R4, set: "transport.vehicles[role=TRACTOR].country", const: CN}`:         "13: warning: row R4: makes an element of transport.vehicles in each document that is read, also where that says nothing of one",
		`{id: R4, to: m:Office, every: consignments.ucr}`:                              "13: warning: row R4: writes one value of consignments.ucr for all, and who says another gets this one back, expected equal or lossy",
		`{id: R4, to: m:Office, every: consignments.ucr, equal: true}`:                 "",
		`{id: R4, set: office.administration, const: CN}`:                              "",
		`{id: R4, to: m:Office, from: "consignments[0].ucr", lossy: others}`:           "13: warning: row R4: takes an element of consignments by its position beside row R6, which is for each of them: one element stands at both places",
		`{id: R4, to: m:Office, from: "loadUnits[0].id", lossy: others}`:               "",
	} {
		table, s := makeTable(t, `{id: R4, to: m:Office, from: office.code, default: "0603"}`, row)
		c, err := analysis.Cover(table, s, schemas)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range analysis.Lint(table, s, c, lists(t)) {
			if strings.HasPrefix(r.Row, "R4") && r.Severity != gateway.Info {
				got = append(got, strings.TrimPrefix(r.String(), "xx/made.v1.yaml:"))
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s: %s", row, diff)
		}
	}
}

// Where a schema takes any element, no row can be wrong, nor is what they fill unfilled.
func TestLintBelowAWildcard(t *testing.T) {
	schemas := fstest.MapFS{"xx/made.v1.xsd": {Data: []byte(strings.Replace(madeSchema,
		`<xs:element name="Seal" type="xs:string"/>`, `<xs:element name="Seal"><xs:complexType><xs:sequence><xs:element name="No" type="xs:string"/><xs:any/></xs:sequence></xs:complexType></xs:element>`, 1))}}
	const empty = "1: warning: nothing fills /m:Manifest/m:Seal/*, which the schema requires"
	for row, want := range map[string][]string{
		`{id: R4, to: m:Seal/m:Mark, from: office.code}`:        {"13: info: row R4: the schema takes any element at /m:Manifest/m:Seal/m:Mark and does not say which"},
		`{id: R4, to: m:Seal/m:Mark/m:Text, from: office.code}`: {"13: info: row R4: the schema takes any element at /m:Manifest/m:Seal/m:Mark/m:Text and does not say which"},
		`{id: R4, to: m:Seal/m:No, from: office.code}`:          {empty},
		`{id: R4, to: "m:Seal/@kind", from: office.code}`:       {empty, "13: error: row R4: the schema has no /m:Manifest/m:Seal/@kind: nearest is m:No"},
		`{id: R4, to: m:Sael/m:Mark, from: office.code}`:        {"13: error: row R4: the schema has no /m:Manifest/m:Sael/m:Mark: nearest is /m:Manifest/m:Seal/m:No"},
	} {
		table, s := makeTable(t, `{id: R4, to: m:Office, from: office.code, default: "0603"}`, row)
		c, err := analysis.Cover(table, s, schemas)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range analysis.Lint(table, s, c, lists(t)) {
			if text := strings.TrimPrefix(r.String(), "xx/made.v1.yaml:"); r.Row == "R4" || text == empty {
				got = append(got, text)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", row, diff)
		}
	}
}

// A condition on a group that repeats drops elements, unless other rows take them.
func TestLintConditions(t *testing.T) {
	const group = `{id: %s, to: m:Item, each: transport.vehicles, when: "%s", %s rows: [{id: %[1]s1, to: m:Origin, from: registration}]}`
	for name, tt := range map[string]struct {
		rows [][3]string // id, condition, more
		want string
	}{
		"one row":          {[][3]string{{"A", "role == 'TRACTOR'", ""}}, `row A: elements of transport.vehicles for which no condition holds are dropped, expected lossy or a row for them: A role == 'TRACTOR'`},
		"said once":        {[][3]string{{"A", "role == 'TRACTOR'", ""}, {"B", "role == 'TRAILER'", ""}}, `row A: elements of transport.vehicles for which no condition holds are dropped, expected lossy or a row for them: A role == 'TRACTOR'; B role == 'TRAILER'`},
		"the opposite":     {[][3]string{{"A", "role == 'TRACTOR'", ""}, {"B", "role != 'TRACTOR'", ""}}, ""},
		"not":              {[][3]string{{"A", "role in ['TRACTOR']", ""}, {"B", "!(role in ['TRACTOR'])", ""}}, ""},
		"lossy":            {[][3]string{{"A", "role == 'TRACTOR'", "lossy: others, "}}, ""},
		"every value":      {[][3]string{{"A", "role == 'TRACTOR'", ""}, {"B", "role == 'TRAILER'", ""}, {"C", "role == 'CHASSIS'", ""}, {"D", "role == 'WAGON'", ""}, {"E", "role == 'LOCOMOTIVE'", ""}}, ""},
		"one for the rest": {[][3]string{{"A", "role == 'TRACTOR'", ""}, {"B", "registration != ''", "lossy: others, "}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			rows := "  - {id: R4,"
			for i := len(tt.rows) - 1; i >= 0; i-- {
				r := tt.rows[i]
				rows = "  - " + fmt.Sprintf(group, r[0], r[1], r[2]) + "\n" + rows
			}
			table, s := makeTable(t, "  - {id: R4,", rows)
			got := ""
			for _, r := range analysis.Lint(table, s, cover(t, table, s), lists(t)) {
				if strings.Contains(r.Text, "no condition holds") {
					got += "row " + r.Row + ": " + r.Text
				}
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestLintOthers(t *testing.T) {
	tables := fstest.MapFS{
		"xx/made.v1.yaml":     {Data: []byte(made)},
		"join/made.v1.yaml":   {Data: []byte("join: xx/made\nversion: 1\ndocument: Manifest\nparts: [{name: a, kind: Manifest, table: xx/made}]\nrows:\n  - {id: J1, to: batch, from: [a.batch]}\n  - {id: J2, to: voyage.number, from: [a.loading.id], note: \"recalled\"}\n")},
		"profiles/kz.v1.yaml": {Data: []byte("profile: kz\nversion: 1\nover: [xx/made.v1]\nrows:\n  R1: {max: 20, required: false}\n  R6: {drop: true}\n")},
		"codelists/x.yaml":    {Data: []byte("list: x\nversion: 1\nsource: s\nstatus: own\ncodes:\n  - {code: A, en: a}\n  - {code: B, en: b}\n  - {code: C, en: c}\nsystems:\n  t:\n    source: s\n    status: own\n    rows:\n      - {code: A, is: MT}\n      - {code: B, is: \"МР\"}\n      - {code: C, is: \"МT1\"}\n")},
	}
	tables["join/made.v1.yaml"].Data = []byte(strings.Replace(string(tables["join/made.v1.yaml"].Data), "voyage.number", "loading.id", 1))
	library := load(t, tables)
	table, _ := library.Table("xx/made.v1")
	source, err := analysis.Read(tables, table)
	if err != nil {
		t.Fatal(err)
	}
	read := func(file string) *analysis.Source {
		s, err := analysis.ReadFile(tables, file)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	join, _ := library.Join("xx/made.v1")
	remarks := analysis.LintJoin(read("join/made.v1.yaml"), join, []analysis.Carrier{{Table: table, Source: source}})
	changes, err := analysis.ProfileChanges(tables, "kz.v1", "xx/made.v1")
	if err != nil {
		t.Fatal(err)
	}
	remarks = append(remarks, analysis.LintProfile(read("profiles/kz.v1.yaml"), []analysis.ProfileTable{changes})...)
	loaded, err := codelist.Load(tables)
	if err != nil {
		t.Fatal(err)
	}
	list, _ := loaded.List("x")
	more, err := analysis.LintList(tables, list)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range append(remarks, more...) {
		got = append(got, r.String())
	}
	want := []string{
		"join/made.v1.yaml:7: info: row J2: recalled: recalled",
		"join/made.v1.yaml:7: warning: row J2: no row of xx/made reads a.loading.id",
		"profiles/kz.v1.yaml:5: warning: row R1: max 20 says what the table says already",
		`codelists/x.yaml:15: warning: x, t: code "МР" is written in Cyrillic letters and reads as MP`,
		`codelists/x.yaml:16: error: x, t: code "МT1" mixes Latin and Cyrillic letters`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

const canonical = `{"envelope": {"documentId": "D1", "issued": "2026-03-01T02:00:00Z"},
  "manifest": {"direction": "EXPORT", "batch": "123456", "departed": "2026-03-01T02:00:00Z",
    "consignments": [{"sequence": 1, "destinationCountry": "KZ"}, {"ucr": "U2"}]}}`

func TestDocumentLoss(t *testing.T) {
	table, _ := makeTable(t)
	d := document.Parse([]byte(canonical))
	if d.Faults.Refuse() {
		t.Fatal(d.Faults)
	}
	loss, faults := analysis.DocumentLoss(table, d.Document)
	if loss == nil {
		t.Fatal(faults)
	}
	want := []string{
		"kept envelope.documentId: D1 D1 D1 R1",
		"respelled envelope.issued: 2026-03-01T02:00:00Z 2026-03-01T10:00:00+08:00 2026-03-01T10:00:00+08:00 R2",
		"cut batch: 123456 1234 1234 R3",
		"kept direction: EXPORT  EXPORT ",
		"dropped consignments[0].sequence: 1   ",
		"dropped consignments[0].destinationCountry: KZ   ",
		"kept consignments[1].ucr: U2 U2 U2 R8",
		"dropped departed: 2026-03-01T02:00:00Z   ",
		"defaulted office.code:  0603 0603 R4",
	}
	if diff := cmp.Diff(want, fortunes(loss)); diff != "" {
		t.Error(diff)
	}
	if loss.Counts[analysis.Dropped] != 3 {
		t.Errorf("counts %v", loss.Counts)
	}
	d.Document.Envelope.DocumentId = ""
	if loss, faults := analysis.DocumentLoss(table, d.Document); loss != nil || len(faults) != 1 || faults[0].Code != gateway.MapRequired {
		t.Errorf("without a required value: %v, %v", loss, faults)
	}
}

func TestXMLLoss(t *testing.T) {
	table, _ := makeTable(t)
	doc, faults := schema.Parse([]byte(`<Manifest xmlns="urn:made"><ID>D1</ID><Sent>2026-03-01T02:00:00Z</Sent><Office>1</Office><Seal kind="E">S1</Seal>`+
		`<Item><Number>7</Number><Origin>U1</Origin><Old>4</Old></Item></Manifest>`), schema.DefaultLimits)
	if doc == nil {
		t.Fatal(faults)
	}
	loss, faults := analysis.XMLLoss(table, doc)
	if loss == nil {
		t.Fatal(faults)
	}
	want := []string{
		"kept /d:Manifest[1]/d:ID[1]: D1 D1 D1 R1",
		"respelled /d:Manifest[1]/d:Sent[1]: 2026-03-01T02:00:00Z 2026-03-01T02:00:00Z 2026-03-01T10:00:00+08:00 R2",
		"kept /d:Manifest[1]/d:Office[1]: 1 1 1 R4",
		"unread /d:Manifest[1]/d:Seal[1]/@kind: E   ",
		"unread /d:Manifest[1]/d:Seal[1]: S1   ",
		"changed /d:Manifest[1]/d:Item[1]/d:Number[1]: 7  1 ",
		"kept /d:Manifest[1]/d:Item[1]/d:Origin[1]: U1 U1 U1 R8",
		"dropped /d:Manifest[1]/d:Item[1]/d:Old[1]: 4 4  R9",
	}
	if diff := cmp.Diff(want, fortunes(loss)); diff != "" {
		t.Error(diff)
	}
}

// What a condition keeps back is dropped by its row, unless another row writes it.
func TestLossByCondition(t *testing.T) {
	table, _ := makeTable(t, "  - id: R6\n", `  - {id: A, to: m:Seal, from: "agent.ids[0].value", lossy: others, when: "batch == 'none'"}
  - {id: B, to: m:Road, each: transport.vehicles, when: "role == 'TRACTOR'", rows: [{id: B1, to: "@plate", from: registration}, {id: B2, set: role, const: TRACTOR}]}
  - {id: C, to: m:Rail, when: "batch == 'none'", rows: [{id: C1, to: "@kind", from: agent.country}, {id: C2, to: m:Other, each: loadUnits, rows: [{id: C3, to: m:ID, from: id}]}]}
  - {id: D, to: m:Last, with: carrier, when: "country == 'KZ'", rows: [{id: D1, to: m:Name, from: "ids[0].value", lossy: others}]}
  - {id: E, to: m:Carrier, with: carrier, when: "country != 'KZ'", rows: [{id: E1, to: m:Name, from: "ids[0].value", lossy: others}]}
  - id: R6
`)
	d := document.Parse([]byte(`{"envelope": {"documentId": "D1"}, "manifest": {"direction": "EXPORT", "office": {"code": "1"},
    "agent": {"ids": [{"value": "A"}], "country": "CN"}, "carrier": {"ids": [{"value": "C"}], "country": "CN"}, "loadUnits": [{"id": "U1"}],
    "transport": {"vehicles": [{"role": "TRACTOR", "registration": "T1"}, {"role": "TRAILER", "registration": "T2"}]}}}`))
	if d.Faults.Refuse() {
		t.Fatal(d.Faults)
	}
	loss, faults := analysis.DocumentLoss(table, d.Document)
	if loss == nil {
		t.Fatal(faults)
	}
	got := map[string]string{}
	for _, v := range loss.Values {
		if v.Kind != analysis.Kept {
			got[v.At] = strings.TrimSpace(fmt.Sprintf("%s %s %s", v.Kind, v.Row, v.Note))
		}
	}
	want := map[string]string{
		"agent.ids[0].value":                 "dropped A when batch == 'none' does not hold; others",
		"agent.country":                      "dropped C when batch == 'none' does not hold",
		"loadUnits[0].id":                    "dropped C when batch == 'none' does not hold",
		"transport.vehicles[1].role":         "dropped B when role == 'TRACTOR' does not hold",
		"transport.vehicles[1].registration": "dropped B when role == 'TRACTOR' does not hold",
		"carrier.country":                    "dropped", // row D does not hold, but E writes the carrier
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	doc, faults := schema.Parse([]byte(`<Manifest xmlns="urn:made"><ID>D1</ID><Office>1</Office><Seal>A</Seal></Manifest>`), schema.DefaultLimits)
	if doc == nil {
		t.Fatal(faults)
	}
	loss, faults = analysis.XMLLoss(table, doc)
	if loss == nil {
		t.Fatal(faults)
	}
	last := loss.Values[len(loss.Values)-1]
	if last.Kind != analysis.Dropped || last.Note != "A is not written again: when batch == 'none' does not hold; others" {
		t.Errorf("%+v", last)
	}
}

// Two rows that share one text are one element; a side that refuses is all there is to say.
func TestOutputs(t *testing.T) {
	const rows = `  - {id: A, to: m:Seal, from: "agent.ids[0].value", lossy: others, use: "before(/)"}
  - {id: B, to: m:Seal, from: agent.country, use: "after(/)"}
  - {id: R4,`
	a, _ := makeTable(t, "  - {id: R4,", rows)
	b, _ := makeTable(t, "  - {id: R4,", strings.ReplaceAll(rows, "(/)", "(-)"))
	strict, _ := makeTable(t, "max: 4, on_overflow: truncate, lossy: \"four characters\"", "max: 1")
	d := document.Parse([]byte(`{"envelope": {"documentId": "D1"}, "manifest": {"direction": "EXPORT", "batch": "12", "agent": {"ids": [{"value": "M"}], "country": "CN"}}}`)).Document
	changes := []analysis.OutputChange{{At: "/d:Manifest[1]/d:Seal[1]", What: analysis.Altered, A: "M/CN", B: "M-CN", RowA: "A, B", RowB: "A, B"}}
	if diff := cmp.Diff(changes, analysis.Written(a, b, d).Changes); diff != "" {
		t.Error(diff)
	}
	o := analysis.Written(a, strict, d)
	want := [][]string{{"b", "MAP_OVERFLOW", "batch", "The value is too long: 12; at most 1 can be carried."}}
	if diff := cmp.Diff(want, analysis.Refused("", o).Rows); diff != "" || o.Changes != nil {
		t.Errorf("%v %s", o.Changes, diff)
	}
}

func fortunes(loss *analysis.Loss) (out []string) {
	for _, v := range loss.Values {
		out = append(out, fmt.Sprintf("%s %s: %s %s %s %s", v.Kind, v.At, v.Before, v.Between, v.After, v.Row))
	}
	return out
}

func TestCompare(t *testing.T) {
	a, before := makeTable(t)
	b, after := makeTable(t,
		"max: 4,", "max: 5,", `  - {id: R5, set: direction, const: EXPORT}`+"\n", "",
		"      - {id: R8, to: m:Origin, from: ucr}\n", "",
		"  - {id: R4,", "  - {id: R10, to: m:Seal, const: \"none\", always: true}\n  - {id: R4,",
		"status: own", "status: official")
	want := []analysis.RowChange{
		{Row: "header", What: analysis.Altered, Keys: []analysis.KeyChange{{Name: "status", A: "own", B: "official"}}},
		{Row: "R5", What: analysis.Removed, Keys: []analysis.KeyChange{{Name: "set", A: "direction"}, {Name: "const", A: "EXPORT"}}},
		{Row: "R8", What: analysis.Removed, Keys: []analysis.KeyChange{{Name: "to", A: "m:Origin"}, {Name: "from", A: "ucr"}}},
		{Row: "R3", What: analysis.Altered, Keys: []analysis.KeyChange{{Name: "max", A: "4", B: "5"}}},
		{Row: "R10", What: analysis.Added, Keys: []analysis.KeyChange{{Name: "to", B: "m:Seal"}, {Name: "const", B: "none"}, {Name: "always", B: "true"}}},
	}
	if diff := cmp.Diff(want, analysis.Compare(before, after)); diff != "" {
		t.Error(diff)
	}
	if same := analysis.Compare(before, before); len(same) > 0 {
		t.Errorf("a table differs from itself: %v", same)
	}
	_, moved := makeTable(t, "  - {id: R5, set: direction, const: EXPORT}\n", "", "rows:\n  - {id: R1", "rows:\n  - {id: R5, set: direction, const: EXPORT}\n  - {id: R1")
	if diff := cmp.Diff([]analysis.RowChange{{Row: "R5", What: analysis.Moved}}, analysis.Compare(before, moved)); diff != "" {
		t.Error(diff)
	}
	d := document.Parse([]byte(canonical)).Document
	d.GetManifest().Consignments = d.GetManifest().Consignments[1:]
	o := analysis.Written(a, b, d)
	changes := []analysis.OutputChange{
		{At: "/d:Manifest[1]/d:Batch[1]", What: analysis.Altered, A: "1234", B: "12345", RowA: "R3", RowB: "R3"},
		{At: "/d:Manifest[1]/d:Item[1]/d:Number[1]", What: analysis.Removed, A: "1", RowA: "R7"},
		{At: "/d:Manifest[1]/d:Item[1]/d:Origin[1]", What: analysis.Removed, A: "U2", RowA: "R8"},
		{At: "/d:Manifest[1]/d:Seal[1]", What: analysis.Added, B: "none", RowB: "R10"},
	}
	if diff := cmp.Diff(changes, o.Changes); diff != "" {
		t.Error(diff)
	}
}

func TestPattern(t *testing.T) {
	const place = "/d:Manifest[1]/d:Item[2]/d:Weight[1]/@unitCode"
	for xpath, want := range map[string]bool{
		place: true, "/Manifest/Item": true, "/d:Manifest/Item[2]": true, "//Weight": true, "//Item/Weight/@unitCode": true, "//@unitCode": true,
		"/Manifest/Item[1]": false, "/Item": false, "//x:Item": false, "//unitCode": false, "//Manifest/Weight": false, place + "/d:More[1]": false,
	} {
		p, err := analysis.ParsePattern(xpath)
		if err != nil || p.Match(place) != want {
			t.Errorf("%s: %v, %v", xpath, !want, err)
		}
	}
	for _, xpath := range []string{"", "Manifest", "/", "//", "/a//b", "/a[b='c']", "/a[1]x", "/*", "/a/text()"} {
		if _, err := analysis.ParsePattern(xpath); err == nil {
			t.Errorf("%q is taken", xpath)
		}
	}
}

func TestTry(t *testing.T) {
	table, _ := makeTable(t, "truncate, lossy: \"four characters\"", "reject")
	e := analysis.Example{
		Canonical: []byte(`{"envelope": {"documentId": "D1"}, "manifest": {"direction": "EXPORT", "office": {"code": "1"}}}`),
		XML:       []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Manifest xmlns="urn:made"><ID>D1</ID><Office>1</Office></Manifest>`),
	}
	o := analysis.Try(table, e)
	o.Bytes = false // the writer's own layout is the goldens' matter
	if !o.OK() {
		t.Errorf("%+v", o)
	}
	e.XML = bytes.Replace(e.XML, []byte("<Office>1"), []byte("<Office>2"), 1)
	o = analysis.Try(table, e)
	if len(o.Written) != 1 || len(o.Read) != 1 || o.OK() {
		t.Errorf("another office: %+v", o)
	}
	e.Canonical = []byte(`{"envelope": {"documentId": "D1"}, "manifest": {"direction": "IMPORT", "batch": "12345"}}`)
	if o = analysis.Try(table, e); !o.Faults.Refuse() || o.OK() {
		t.Errorf("a refused document: %+v", o)
	}
}

func TestReport(t *testing.T) {
	r := analysis.Report{Title: "t", Facts: []analysis.Key{{Name: "k", Value: "a|b"}}, Sections: []analysis.Section{
		{Heading: "H", Columns: []string{"x", "y"}, Rows: [][]string{{"1", "  <b>"}, {"<a>\n  <c/>\n</a>", "2"}}}, {Heading: "Empty"},
	}}
	for format, tt := range map[string]struct {
		write func(*bytes.Buffer) error
		want  string
	}{
		"text":     {func(b *bytes.Buffer) error { return r.Text(b) }, "t\n  k  a|b\n\nH (2)\n  x            y\n  1              <b>\n  <a><c/></a>  2\n\nEmpty (0)\n"},
		"markdown": {func(b *bytes.Buffer) error { return r.Markdown(b) }, "# t\n\n- k: a\\|b\n\n## H (2)\n\n| x | y |\n|---|---|\n| 1 | &emsp;&lt;b> |\n| &lt;a>&lt;c/>&lt;/a> | 2 |\n\n## Empty (0)\n"},
	} {
		var b bytes.Buffer
		if err := tt.write(&b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("%s:\n%s", format, diff)
		}
	}
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>t</title>", "&lt;b&gt;", "<p>None.</p>", "<td class=\"lines\">&lt;a&gt;\n  &lt;c/&gt;\n&lt;/a&gt;</td>"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, outside := range []string{"http://", "https://", "<script", "src="} {
		if strings.Contains(b.String(), outside) {
			t.Errorf("the page needs %s", outside)
		}
	}
}

// The tables hold their own examples.
func TestPublishedExamples(t *testing.T) {
	for _, table := range load(t, mappings.FS).Tables() {
		for _, trial := range table.Try() {
			if trial.Mismatch != "" {
				t.Errorf("%s row %s: %s", table.ID(), trial.Row, trial.Mismatch)
			}
		}
		for _, e := range table.Examples() {
			o := analysis.Try(table, analysis.Of(e))
			if o.Bytes = false; !o.OK() {
				t.Errorf("%s example %s: %+v", table.ID(), e.Name, o)
			}
		}
	}
}

// TestPublishedCoverage holds what of each format no row fills, and which canonical
// fields no row carries. Review its changes as a diff.
func TestPublishedCoverage(t *testing.T) {
	codes := lists(t)
	for _, table := range load(t, mappings.FS).Tables() {
		s, err := analysis.Read(mappings.FS, table)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Rows) != len(table.Rows()) {
			t.Errorf("%s: %d rows in the file, %d in the table", table.ID(), len(s.Rows), len(table.Rows()))
		}
		c, err := analysis.Cover(table, s, xsd.FS)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range analysis.Lint(table, s, c, codes) {
			if r.Severity == gateway.Error {
				t.Error(r)
			}
		}
		var got bytes.Buffer
		if err := c.Report(true).Text(&got); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("..", "..", "testdata", "published", "coverage-"+strings.ReplaceAll(table.ID(), "/", "-")+".txt")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v (-update writes it)", err)
		} else if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s differs (-update rewrites it):\n%s", file, diff)
		}
	}
}

// What a split does to a document: its own list is dealt out, the rest stands in every
// part, but for what rows say otherwise.
func TestDeal(t *testing.T) {
	const split = `split: x/waybills
version: 1
document: Manifest
limit: {list: consignments, max: 1}
rows:
  - {id: S01, to: batch, use: "suffix(-)"}
  - {id: S02, to: remarks, only: last}
  - {id: S03, to: loadUnits, by: id, in: [consignments.loadUnits]}
  - {id: S04, to: direction, const: EXPORT}
  - {id: S05, to: loadUnits, when: "id != 'U0'"}
`
	s := load(t, fstest.MapFS{"split/waybills.v1.yaml": {Data: []byte(split)}}).Splits()[0]
	p := document.Parse([]byte(`{"envelope": {"documentId": "D"}, "manifest": {"batch": "B", "loadUnits": [{"id": "U0"}, {"id": "U1"}, {"id": "U2"}],
		"consignments": [{"ucr": "C1", "loadUnits": ["U1"]}, {"ucr": "C2", "loadUnits": ["U1", "U2"]}], "remarks": [{"language": "en", "value": "x"}]}}`))
	if err := p.Faults.Err(); err != nil {
		t.Fatal(err)
	}
	loss, faults := analysis.CompareSplit(s, p.Document, "m")
	if loss == nil {
		t.Fatal(faults)
	}
	var got []string
	for _, v := range loss.Values {
		got = append(got, fmt.Sprint(v.Kind, " ", v.At, " ", v.Text, " ", v.Parts, " ", v.Texts))
	}
	want := []string{
		"several envelope.documentId D [1 2] []",
		"reworded batch B [1 2] [B-1 B-2]",
		"several loadUnits[0].id U0 [1 2] []", // no part wants it: all have it
		"several loadUnits[1].id U1 [1 2] []",
		"single loadUnits[2].id U2 [2] []",
		"single consignments[0].ucr C1 [1] []",
		"single consignments[0].loadUnits[0] U1 [1] []",
		"single consignments[1].ucr C2 [2] []",
		"single consignments[1].loadUnits[0] U1 [2] []",
		"single consignments[1].loadUnits[1] U2 [2] []",
		"single remarks[0].language en [2] []",
		"single remarks[0].value x [2] []",
		"supplied direction  [1 2] [EXPORT EXPORT]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if rows := loss.Report(false).Sections[0].Rows; len(rows) != 5 || loss.Counts[analysis.Nowhere] != 0 {
		t.Errorf("%v, %v", loss.Counts, rows)
	}
	if _, faults := analysis.CompareSplit(s, &customsv1.Document{Kind: &customsv1.Document_Answer{Answer: &customsv1.Answer{}}}, "m"); len(faults) != 1 || faults[0].Code != gateway.MapKind {
		t.Errorf("a document of another kind: %v", faults)
	}
}
