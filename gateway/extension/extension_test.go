package extension_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/document"
	"customs.example/gateway/extension"
)

const table = `mapping: xx/test
version: 1
document: Manifest
extensions:
  consignments.items:
    - {name: quota, type: text, length: 8, source: made up, inside: [{name: year, type: date, price: true, source: made up}]}
    - {name: rest, type: decimal, length: 8, personal: true, source: made up}
`

func TestDeclared(t *testing.T) {
	d, err := extension.Load(fstest.MapFS{"xx/test.v1.yaml": {Data: []byte(table)}, "xx/other.v1.yaml": {Data: []byte("rows: []\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		"consignments.items.extensions[name=quota]", "consignments.items.extensions[name=quota].extensions[name=year]", "consignments.items.extensions[name=rest]",
	}, d.Keys()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"quota", "rest"}, d.Names("consignments.items")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"quota", "rest"}, d.On("customs.v1.GoodsItem")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"year"}, d.On("customs.v1.Extension")); diff != "" {
		t.Error(diff)
	}
	if personal, price := d.Marks("consignments.items.extensions[name=quota].extensions[name=year]"); personal || !price {
		t.Error(personal, price)
	}
	if personal, price := (*extension.Declared)(nil).Marks("extensions[name=a]"); !personal || !price {
		t.Error("nobody declares it, and it is shown")
	}
}

// The values of each type have its form.
func TestTypes(t *testing.T) {
	good := map[string]string{"boolean": "true", "code": "A1", "date": "2026-03-01", "decimal": "1.5", "instant": "2026-03-01T08:00:00Z", "text": "words", "whole": "18446744073709551615"}
	if diff := cmp.Diff(len(good), len(extension.Types())); diff != "" {
		t.Error(diff)
	}
	for _, of := range extension.Types() {
		f := extension.Declaration{Name: "n", Type: of}.Field()
		if err := f.Check(good[of]); err != nil {
			t.Errorf("%s: %v", of, err)
		}
		if err := f.Check(""); err == nil {
			t.Errorf("%s: an empty text is a value", of)
		}
		if wrong := "x y"; (f.Type != document.String) != (f.Check(wrong) != nil) {
			t.Errorf("%s: %q: %v", of, wrong, f.Check(wrong))
		}
	}
}

// What is no table, or no YAML, is not ours to say.
func TestLoadLeavesOtherMistakesToOthers(t *testing.T) {
	for _, text := range []string{"mapping: [\nextensions:\n  x: 1\n", "a: 1\nextensions: yes\n", "document: [1]\nextensions: {}\n"} {
		if d, err := extension.Load(fstest.MapFS{"xx/test.v1.yaml": {Data: []byte(text)}}); err != nil || len(d.Keys()) > 0 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// However the key is written, what is declared is known to all: to some of them alone, documents that a
// table writes would be refused.
func TestLoadReadsTheKeyAsYAMLDoes(t *testing.T) {
	const one = `{consignments.items: [{name: quota, type: text, length: 8, source: made up}]}`
	for _, text := range []string{
		"extensions: " + one + "\nmapping: xx/test\ndocument: Manifest\n",
		"document: Manifest\n\"extensions\": " + one + "\n",
		"document: Manifest\nextensions : " + one + "\n",
		"{document: Manifest, extensions: " + one + "}\n",
	} {
		if d, err := extension.Load(fstest.MapFS{"xx/test.v1.yaml": {Data: []byte(text)}}); err != nil || len(d.Keys()) != 1 {
			t.Errorf("%q: %v %v", text, d.Keys(), err)
		}
	}
}
