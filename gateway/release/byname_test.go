package release_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/document"
	"customs.example/gateway/release"
)

// A field that came later than routes that release what it stands in does not leave with that: a route
// names it, or what is in it.
func TestLaterFieldsAreReleasedByName(t *testing.T) {
	const sealed = `{"envelope": {"documentId": "D1"}, "preArrivalNotice": {"batch": "B1", "transport": {"mode": "3", "seals": [{"id": "T1"}],
		"vehicles": [{"registration": "A1", "seals": [{"id": "V1", "kind": "M"}], "owner": {"name": [{"language": "en", "value": "Owner"}]}}, {"seals": [{"id": "V2"}]}]},
		"entryPlace": {"type": "B", "qualifier": "U"},
		"consignments": [{"loading": {"country": "CN", "type": "A", "qualifier": "Z"}, "goodsLocation": {"country": "CN"}, "documents": [{"id": "X"}],
			"items": [{"sequence": 1, "pieces": 4, "consignor": {"name": [{"language": "en", "value": "Firm"}]}}]}]}}`
	for allow, want := range map[string][]string{
		"  - transport\n  - entryPlace\n  - consignments\n": {"transport.mode=3", "transport.vehicles[0].registration=A1", "transport.vehicles[0].owner.name[0].language=en", "transport.vehicles[0].owner.name[0].value=Owner",
			"consignments[0].items[0].sequence=1", "consignments[0].loading.country=CN"},
		"  - transport.vehicles.seals.id\n  - transport.vehicles\n": {"transport.vehicles[0].registration=A1", "transport.vehicles[0].owner.name[0].language=en",
			"transport.vehicles[0].owner.name[0].value=Owner", "transport.vehicles[0].seals[0].id=V1", "transport.vehicles[1].seals[0].id=V2"},
		"  - transport.seals\n  - consignments.items.consignor.name\n  - consignments.items.pieces\n": {"transport.seals[0].id=T1", "consignments[0].items[0].pieces=4",
			"consignments[0].items[0].consignor.name[0].language=en", "consignments[0].items[0].consignor.name[0].value=Firm"},
		"  - consignments.loading.type\n  - consignments.loading\n  - entryPlace.type\n": {"entryPlace.type=B", "consignments[0].loading.country=CN", "consignments[0].loading.type=A"},
	} {
		text := route[:strings.Index(route, "allow:\n")] + "allow:\n  - batch\n" + allow
		text = text[:strings.Index(text, "supplies:\n")] + text[strings.Index(text, "allow:\n"):]
		rt, rules := routed(t, text)
		released, faults := rt.Release(passed(t, rules, sealed))
		if faults.Refuse() {
			t.Fatal(faults)
		}
		var got []string
		document.Walk(released.View(), func(path string, _ document.Field, _ document.Marks, text string) {
			if path != "batch" {
				got = append(got, path+"="+text)
			}
		})
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", allow, diff)
		}
		if rt.Releases("transport") || rt.Releases("transport.vehicles.seals.kind") {
			t.Errorf("%s: all of the transport is released", allow)
		}
	}
	for _, twice := range []string{"  - transport\n  - transport\n", "  - transport.vehicles\n  - transport.vehicles.registration\n", "  - transport.seals\n  - transport.seals.id\n", "  - transport.seals\n  - transport.seals\n"} {
		fsys, lib, _ := world(t, route)
		fsys["routes/r.yaml"].Data = []byte(strings.Replace(route, "  - batch\n", "  - batch\n"+twice, 1))
		if _, err := release.Load(fsys, lib); err == nil || !strings.Contains(err.Error(), "is released twice") {
			t.Errorf("%s: %v", twice, err)
		}
	}
}

// Whatever a route releases whole, no document of any kind has a field in it that is released by name alone.
func TestNoWholeMessageTakesLaterFieldsAlong(t *testing.T) {
	release.EveryLaterFieldIsPruned(t)
}

// Which fields go with the message around them. A field that is added is released by name (by_name in its
// rule): routes that release the message have not decided on it. This list does not grow.
func TestFieldsThatGoWithTheirMessage(t *testing.T) {
	raw, err := os.ReadFile("testdata/with-their-message.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		known[strings.TrimSpace(line)] = true
	}
	var added []string
	for _, kind := range document.Kinds() {
		for _, e := range document.Dictionary(kind) {
			cut := strings.LastIndexByte(e.Path, '.')
			in := string(e.Field.Descriptor().Parent().Name())
			if of := in + "." + e.Field.Name; cut >= 0 && in != "Envelope" && !e.Field.Rule.GetByName() && !known[of] && !slices.Contains(added, of) {
				added = append(added, of)
			}
		}
	}
	if len(added) > 0 || len(known) < 200 {
		t.Errorf("%d known; these would leave by routes that never named them, expected by_name in their rules:\n%s", len(known), strings.Join(added, "\n"))
	}
}
