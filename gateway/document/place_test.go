package document_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// TestDictionaryNamesEveryField holds every field's label, and every word and key by
// which things are told apart, to the catalogue in every language.
func TestDictionaryNamesEveryField(t *testing.T) {
	messages := (*customsv1.Document)(nil).ProtoReflect().Descriptor().ParentFile().Messages()
	for i := range messages.Len() {
		md := messages.Get(i)
		for j := range md.Fields().Len() {
			key := "label." + string(md.Name()) + "." + md.Fields().Get(j).JSONName()
			if f := document.FieldOf(md.Fields().Get(j)); f != nil {
				key = "label." + document.LabelOf(*f)
			}
			if md.Name() == "Decimal" || md.Name() == "Instant" || md.Name() == "Date" {
				continue // leaves
			}
			for _, lang := range gateway.Languages {
				if _, ok := gateway.TextOf(key, lang); !ok {
					t.Errorf("%s has no text in %s", key, lang)
				}
			}
		}
		thing := proto.GetExtension(md.Options(), customsv1.E_Thing).(*customsv1.Thing)
		if thing == nil {
			continue
		}
		for _, word := range []string{thing.Word, thing.Keyed} {
			if word != "" && !gateway.HasText("place."+word) || thing.Word == "" {
				t.Errorf("%s: nothing is called %q", md.Name(), word)
			}
		}
		if thing.Key != "" {
			if p, err := document.Compile(md, thing.Key); err != nil || !p.Leaf() {
				t.Errorf("%s: key %s: %v", md.Name(), thing.Key, err)
			}
		}
		if thing.Kind != "" {
			if f := md.Fields().ByName(protoreflect.Name(thing.Kind)); f == nil || f.Enum() == nil {
				t.Errorf("%s: kind %s is no enum", md.Name(), thing.Kind)
			}
		}
	}
}

func TestPlaceIsSaidByBusinessKeys(t *testing.T) {
	p := document.Parse([]byte(`{"envelope": {"references": [{"id": "R1"}]}, "manifest": {
		"batch": "B1",
		"transport": {"vehicles": [{"registration": "蒙A12345", "role": "TRACTOR"}, {"registration": "蒙B1挂", "role": "TRAILER"}, {}]},
		"loadUnits": [{"id": "CNRU1234567", "kind": "CONTAINER", "seals": [{"id": "S-9"}, {}]}],
		"consignments": [
			{"transportDocument": {"id": "CNRU20260301"}, "consignor": {"name": [{"value": "x"}], "ids": [{"scheme": "USCC"}]},
			 "items": [{"sequence": 3, "description": [{"value": "茶", "language": "zh"}]}, {}]},
			{"sequence": 2}]}}`))
	if p.Document == nil || p.Faults != nil {
		t.Fatal(p.Faults.Report("en"))
	}
	var b strings.Builder
	for _, path := range []string{
		"batch", "transport.vehicles[0].registration", "transport.vehicles[1].country", "transport.vehicles[2].country", "transport.vehicles[9].country",
		"loadUnits[0].seals[0].id", "loadUnits[0].seals[1].id", "consignments[0].items[0].originCountry", "consignments[0].items[1].originCountry",
		"consignments[1].items[7].originCountry", "consignments[0].items[0].description[0].value", "consignments[0].items[0].grossMass.kilograms",
		"consignments[0].items", "consignments[0].consignor.ids[0].value", "consignments[0].loadUnits[1]", "consignments[0].consignor.name[0].value",
		"envelope.references[0].kind", "envelope.issued", "consignments[0]", "consignments[0].noSuchField", "noSuchField", "",
	} {
		place := document.PlaceOf(p.Document, path)
		fmt.Fprintf(&b, "%q: %s\n", path, place.Label)
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&b, "\t%s\t%s\n", lang, place.In(lang))
		}
	}
	const golden = "testdata/places.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
	if place := document.PlaceOf(&customsv1.Document{}, "batch"); !place.IsZero() {
		t.Errorf("a document of no kind has the place %v", place)
	}
}

var update = flag.Bool("update", false, "rewrite testdata/places.txt")
