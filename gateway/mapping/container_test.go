package mapping

import (
	"strings"
	"testing"

	"customs.example/gateway"
)

const boxes = `
containers:
  - {id: box, namespace: "urn:box:*", root: Box, inside: [Held, In], source: made up}
  - {id: bag, namespace: "urn:bag", root: Bag, inside: [Held], source: made up}
`

func TestDocumentIsFoundInsideContainers(t *testing.T) {
	l, err := load(t, map[string]string{"xx/test.v1.yaml": notice, "containers.yaml": boxes})
	if err != nil {
		t.Fatal(err)
	}
	box := func(version, inside string) string {
		return `<Box xmlns="urn:box:` + version + `"><Head/><Held><In>` + inside + `</In></Held></Box>`
	}
	bag := func(inside string) string { return `<Bag xmlns="urn:bag"><Held>` + inside + `</Held></Bag>` }
	const document = `<Manifest xmlns="urn:m"/>`
	for _, tt := range []struct {
		name, doc, root string
		containers      int
		empty           bool
	}{
		{"a document alone", document, "Manifest", 0, false},
		{"in a container", box("1", document), "Manifest", 1, false},
		{"in another version of it", box("2.7", document), "Manifest", 1, false},
		{"in a container in a container", bag(box("1", document)), "Manifest", 2, false},
		{"in one of another namespace", strings.Replace(bag(document), "urn:bag", "urn:bag:2", 1), "Bag", 0, false},
		{"in more than anybody packs", bag(bag(bag(bag(bag(document))))), "Bag", 4, false},
		{"in an empty container", box("1", ""), "Box", 0, true},
		{"in a container without its place", `<Box xmlns="urn:box:1"/>`, "Box", 0, true},
		{"of two in a container", box("1", document+document), "Box", 0, true},
		{"of two places in a container", strings.Replace(box("1", document), "</Held>", "</Held><Held><In><B/></In></Held>", 1), "Box", 0, true},
		{"in an empty container in a container", bag(box("1", "")), "Box", 1, true},
	} {
		u := l.Unpack(read(t, tt.doc).Root)
		if u.Root.Name.Local != tt.root || len(u.Containers) != tt.containers || u.Empty != tt.empty || u.Empty != (u.Inside != "") {
			t.Errorf("%s: %s in %d containers, empty %v", tt.name, u.Root.Name, len(u.Containers), u.Empty)
		}
	}
}

func TestLoadNamesMistakesOfContainers(t *testing.T) {
	for old, want := range map[string]string{
		"{id: box,":          "containers.yaml:3: : want id, namespace, root, inside and source",
		"inside: [Held], ":   "containers.yaml:4: bag: want id",
		"source: made up}\n": "containers.yaml:3: box: want id",
		"id: bag":            "containers.yaml:4: the id box is taken",
		"root: Box":          `unknown key "rot"`,
	} {
		replacement := map[string]string{"{id: box,": "{", "id: bag": "id: box", "root: Box": "rot: Box", "source: made up}\n": "}\n"}[old]
		_, err := load(t, map[string]string{"xx/test.v1.yaml": notice, "containers.yaml": strings.Replace(boxes, old, replacement, 1)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", old, err, want)
		}
	}
}

func TestRowsSayWhatTheyReadAtAPlace(t *testing.T) {
	tab := tableOf(t, notice)
	for place, want := range map[string]string{
		"/d:Manifest[1]/d:Head[1]/d:MessageID[1]":        "Envelope.documentId",
		"/d:Manifest[1]/d:Consignment[7]/d:Weight[1]":    "Weight.kilograms",
		"/d:Manifest[1]/d:Mode[1]":                       "Transport.mode",
		"/d:Manifest[1]/d:Head[1]/d:Type[1]":             "", // a constant
		"/d:Manifest[1]/d:Head[1]":                       "",
		"/d:Manifest[1]/d:Nothing[1]":                    "",
		"/d:Manifest[1]/Mode[1]":                         "", // of no namespace
		"/d:Manifest[1]":                                 "",
		"":                                               "",
		"/d:Manifest[1]/@x:mode":                         "",
		"/d:Manifest[1]/d:Consignment[1]/d:Weight[1]/@u": "",
	} {
		label, ok := tab.Reads(gateway.Location{Expr: place, Namespaces: map[string]string{"d": "urn:m", "x": "urn:x"}})
		if label != want || ok != (want != "") {
			t.Errorf("%s: %q", place, label)
		}
	}
}
