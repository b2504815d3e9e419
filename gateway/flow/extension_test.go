package flow_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
)

// TestExtensionsAreMaskedAsTheyAreDeclared: an analyst sees those that are neither data of persons nor
// prices, and what stands in a marked one is marked.
func TestExtensionsAreMaskedAsTheyAreDeclared(t *testing.T) {
	fsys := fstest.MapFS{
		"codelists/x.yaml": {Data: []byte("list: x\nversion: 1\nsource: made up\nstatus: own\ncodes: [{code: \"1\", en: one}]\n")},
		"xx/test.v1.yaml": {Data: []byte(`mapping: xx/test
version: 1
document: Manifest
root: Manifest
extensions:
  ".":
    - {name: watch, type: text, length: 5, source: made up}
    - {name: guard, type: text, length: 5, personal: true, source: made up, inside: [{name: badge, type: text, length: 5, source: made up}]}
    - {name: fee, type: text, length: 5, price: true, source: made up}
  carrier:
    - {name: seat, type: text, length: 5, source: made up}
rows:
  - {id: R1, to: Watch, from: "extensions[name=watch].value"}
  - {id: R2, to: Guard, from: "extensions[name=guard].value"}
  - {id: R3, to: Badge, from: "extensions[name=guard].extensions[name=badge].value"}
  - {id: R4, to: Fee, from: "extensions[name=fee].value"}
  - {id: R5, to: Seat, from: "carrier.extensions[name=seat].value"}
`)},
	}
	lists, err := codelist.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	lib, err := mapping.Load(fsys, nil, lists)
	if err != nil {
		t.Fatal(err)
	}
	table, _ := lib.Table("xx/test.v1")
	p := document.Parse([]byte(`{"manifest": {"carrier": {"extensions": [{"name": "seat", "value": "E"}]},
		"extensions": [{"name": "watch", "value": "A"}, {"name": "guard", "value": "B", "extensions": [{"name": "badge", "value": "C"}]}, {"name": "fee", "value": "D"}]}}`))
	explained, faults := flow.ExplainEncoding(table, p)
	if faults != nil || p.Faults != nil {
		t.Fatal(faults, p.Faults)
	}
	var got []string
	for _, o := range explained.Masked("***").Origins {
		got = append(got, o.Target+" "+o.Value)
	}
	if diff := cmp.Diff([]string{
		"/Manifest[1]/Watch[1] A", "/Manifest[1]/Guard[1] ***", "/Manifest[1]/Badge[1] ***", "/Manifest[1]/Fee[1] ***", "/Manifest[1]/Seat[1] ***", // a carrier is a person
	}, got); diff != "" {
		t.Error(diff)
	}
}
