package program

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/codelist"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

const head = `mapping: xx/parcels
version: 1
document: Manifest
root: Parcels
rows:
`

// compiled compiles rows; the error names their mistakes.
func compiled(t *testing.T, rows string) (*Program, error) {
	t.Helper()
	lists, err := codelist.Load(fstest.MapFS{"codelists/colour.yaml": {Data: []byte("list: colour\nversion: 1\nsource: made up\nstatus: own\ncodes: [{code: R, en: red}]\n")}})
	if err != nil {
		t.Fatal(err)
	}
	s, ok := table.Read(&datafile.File{Name: "xx/parcels.v1.yaml"}, []byte(head+rows), false)
	if !ok {
		t.Fatal(s.Errs)
	}
	p := Compile(s.File, table.NewHead(s, lists), s.Content, nil, lists)
	return p, errors.Join(s.Errs...)
}

func ids(rows []*Row) (out []string) {
	for _, r := range rows {
		out = append(out, r.Info.ID)
	}
	return out
}

func TestEachDirectionHasItsOwnRows(t *testing.T) {
	p, err := compiled(t, `
  - {id: R1, to: Batch, from: batch, direction: encode}
  - {id: R2, to: Old, from: batch, direction: decode}
  - {id: R3, set: direction, const: EXPORT}
  - {id: R4, to: Office/Code, from: office.code, required: true}
  - id: R5
    to: Note
    rows:
      - {id: R6, to: "@kind", const: "A"}
      - {id: R7, to: Text, from: office.checkpoint, like: "[A-Z]+"}
      - {id: R8, to: Inner, rows: [{id: R9, to: "@is", const: "1"}, {id: R10, to: X, from: office.administration}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"R1", "R3", "R4", "R5"}, ids(p.Top.Written)); diff != "" {
		t.Errorf("written %s", diff)
	}
	d := p.Top.Decoding
	if diff := cmp.Diff([]string{"R3"}, ids(d.Sets)); diff != "" {
		t.Errorf("sets %s", diff)
	}
	cursor := 0
	child := func(n *Node, local string) *Node {
		t.Helper()
		c := n.Child(xmltree.Name{Local: local}, &cursor)
		if c == nil {
			t.Fatalf("no row reads %s", local)
		}
		return c
	}
	if n := child(d.Node, "Batch"); !n.Passed || len(n.Values) > 0 {
		t.Errorf("Batch is written alone: %+v", n)
	}
	if n := child(d.Node, "Old"); n.Passed || len(n.Values) != 1 {
		t.Errorf("Old is read: %+v", n)
	}
	code := child(child(d.Node, "Office"), "Code")
	if len(d.Required) != 1 || d.Required[0].Row.Info.ID != "R4" || d.Required[0].Node != code {
		t.Errorf("required %+v, want R4 at Office/Code", d.Required)
	}
	note := child(d.Node, "Note")
	if diff := cmp.Diff([]string{"R5"}, ids(note.Groups)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"R6", "R7", "R9"}, ids(note.Groups[0].Discriminators)); diff != "" {
		t.Errorf("discriminators %s", diff)
	}
	if d.Child(xmltree.Name{Local: "Other"}, &cursor) != nil {
		t.Error("a node for what no row names")
	}
}

// Wherever the search starts, a child is found.
func TestChildrenAreFoundFromAnyPlace(t *testing.T) {
	n := &Node{}
	for _, local := range []string{"A", "B", "C"} {
		n.children = append(n.children, &Node{name: xmltree.Name{Local: local}})
	}
	for from := range 4 {
		for i, c := range n.children {
			cursor := from
			if got := n.Child(c.name, &cursor); got != c || cursor != i {
				t.Errorf("from %d: %v at %d, want %s at %d", from, got, cursor, c.name.Local, i)
			}
		}
	}
	cursor := 0
	if (&Node{}).Child(xmltree.Name{Local: "A"}, &cursor) != nil {
		t.Error("a child of none")
	}
}

func TestReferencesAndListsAreTied(t *testing.T) {
	p, err := compiled(t, `
  - id: R1
    to: Party
    collect: ["consignments.consignee", "consignments.consignor"]
    rows:
      - {id: R2, to: "@id", handle: P}
      - {id: R3, to: Name, from: country}
  - id: R4
    to: Consignment
    each: consignments
    rows:
      - {id: R5, to: Number, ordinal: true}
      - {id: R6, to: "Buyer/@ref", refer: consignee}
      - {id: R7, to: "Seller/@ref", refer: consignor}
  - id: R8
    to: Line
    each: consignments.items
    rows:
      - {id: R9, to: Ucr, from: ^.ucr, key: true, required: true}
      - {id: R10, to: Goods, from: sequence}
`)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]*Row{}
	for _, r := range p.Rows {
		byID[r.Info.ID] = r
	}
	party := byID["R1"]
	if party.Handle != byID["R2"] || byID["R6"].Store != party || byID["R7"].Store != party || len(p.Stores) != 1 {
		t.Errorf("the handle is %v, what refers goes to %v and %v", party.Handle, byID["R6"].Store, byID["R7"].Store)
	}
	line := byID["R8"]
	if len(line.Hops) != 1 || len(line.Keys) != 2 || len(line.Keys[1]) != 0 {
		t.Fatalf("hops %v, keys %v", line.Hops, line.Keys)
	}
	if diff := cmp.Diff([]string{"R9"}, ids(line.Keys[0])); diff != "" || line.First() != line.Hops[0] || party.First() != party {
		t.Error(diff)
	}
	var route []string
	for _, s := range byID["R9"].Route() {
		route = append(route, s.QName())
	}
	if diff := cmp.Diff([]string{"Line", "Ucr"}, route); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesOfRowsStandAtTheirLines(t *testing.T) {
	for rows, want := range map[string]string{
		"  - {id: A, to: X, from: office.cod}":                                            `row A: path "office.cod": Office has no field "cod"`,
		"  - {id: A, to: X, from: batch, when: \"batch == ''\"}":                          `row A: when "batch == ''", expected a loader that knows conditions`,
		"  - {id: A, to: X, refer: office}":                                               "row A: no row collects office, expected it in the collect of a group",
		"  - {id: A, to: X, from: batch, key: true}":                                      "row A: key does not fit this row",
		"  - {id: A, to: X, there: ../Y, from: batch}":                                    "row A: there does not fit this row, expected it on a group that is read",
		"  - {id: A, to: X, there: Y, rows: [{id: B, to: Z, from: batch}]}":               `row A: there "Y", expected 1 to 1 times ../ before an element`,
		"  - {id: A, to: X, there: ../@y, rows: [{id: B, to: Z, from: batch}]}":           `row A: there "../@y" is an attribute, expected an element`,
		"  - {id: A, to: X, sum: consignments.items.grossMass.kilograms, lone: true}":     "row A: consignments.items.grossMass.kilograms is no value of the elements of one list",
		"  - {id: A, to: X, every: batch}":                                                "row A: batch is no value of the elements of one list",
		"  - {id: A, to: X, each: consignments, rows: [{id: B, to: Y, from: ^.^.batch}]}": "row B: ^.^.batch reaches out of the outermost context",
	} {
		_, err := compiled(t, rows+"\n")
		if at := "xx/parcels.v1.yaml:6: "; err == nil || !strings.HasPrefix(err.Error(), at+want) {
			t.Errorf("%s: %v, want %s%s", rows, err, at, want)
		}
	}
}

func TestMissingNamesWhatIsNotThere(t *testing.T) {
	p, err := compiled(t, "  - {id: A, to: \"X/Y/@z\", from: batch}\n  - {id: B, to: X, rows: []}\n")
	if err == nil {
		t.Fatal("rows without one were compiled")
	}
	r := p.Rows[0]
	for n, want := range []string{"X/Y/@z", "Y/@z", "@z"} {
		if got := r.MissingBehind(n); got.Expected.String() != want {
			t.Errorf("behind %d: %s, want %s", n, got.Expected, want)
		}
	}
	if got := r.Missing().Expected.String(); got != "X/Y/@z" {
		t.Error(got)
	}
}
