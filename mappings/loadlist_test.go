package mappings_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/release"
	"customs.example/gateway/validate"
	"customs.example/mappings"
)

// leaving is one truck at Erenhot: its manifest with one waybill, its report, and the
// export declaration of its goods.
func leaving(t *testing.T) map[string]*customsv1.Document {
	parts := map[string]*customsv1.Document{
		"manifest":    golden{"cn/mt2401.v1", "full"}.document(t, ".json"),
		"vehicle":     golden{"cn/mt4402.v1", "full"}.document(t, ".json"),
		"declaration": golden{"xx/declaration-extract.v1", "full"}.document(t, ".json"),
	}
	manifest, vehicle, declaration := parts["manifest"].GetManifest(), parts["vehicle"].GetVehicleReport(), parts["declaration"].GetGoodsDeclarationExtract()
	manifest.Consignments = manifest.Consignments[:1]
	manifest.Office.Code, vehicle.Office.Code = declaration.ExitOffice.Code, declaration.ExitOffice.Code
	manifest.Batch, vehicle.Batch = declaration.Batch, declaration.Batch
	return parts
}

// What Mongolia gets are the goods and prices of the declaration, on the vehicle of the
// report, under the waybill of the manifest.
func TestTruckToMongoliaBecomesALoadList(t *testing.T) {
	d := load(t)
	j, ok := d.library.Join("mn/load-list.v1")
	if !ok {
		t.Fatal("no join mn/load-list.v1")
	}
	parts := leaving(t)
	var keys [][]string
	for _, p := range j.Parts() {
		key, ok := j.Key(p.Name, parts[p.Name])
		if !ok {
			t.Fatalf("part %s has no key", p.Name)
		}
		keys = append(keys, key)
	}
	if !slices.Equal(keys[0], keys[1]) || !slices.Equal(keys[1], keys[2]) {
		t.Fatalf("the parts do not find each other: %v", keys)
	}
	joined := j.Run(parts, messageID)
	if len(joined.Faults) > 0 {
		t.Fatal(lines(joined.Faults))
	}
	for path, want := range map[string]string{
		"consignments[0].items[1].value.amount": "declaration items[1].value.amount",
		"consignments[0].transportDocument.id":  "manifest consignments[0].transportDocument.id",
		"departed":                              "vehicle at",
	} {
		if l, ok := joined.Origin(path); !ok || l.Part+" "+l.PartPath != want {
			t.Errorf("origin of %s: %s %s, want %s", path, l.Part, l.PartPath, want)
		}
	}
	var disagree []string
	for _, at := range joined.Disagreements {
		disagree = append(disagree, at.Path)
	}
	if diff := cmp.Diff([]string{"consignments[0].totals.packages", "consignments[0].totals.grossMass.kilograms"}, disagree); diff != "" {
		t.Errorf("manifest and declaration differ at (-want +got):\n%s", diff)
	}
	released := d.release(t, "cn-mn-load-list", joined.Document)
	if got := released.GetManifest().GetTransport(); len(got.GetCrew()) > 0 || got.GetVehicles()[0].GetCountry() != "CN" {
		t.Errorf("released transport %v", got)
	}
	table := d.table(t, "mn/load-list.v1")
	encoded, _, faults := table.Encode(released, false)
	if len(faults) > 0 {
		t.Fatal(lines(faults))
	}
	if back := d.read(t, table, encoded.Bytes()); len(back.Faults) > 0 || len(back.Unread) > 0 {
		t.Errorf("%v %v", lines(back.Faults), back.Unread)
	}
	compare(t, "testdata/join/load-list.xml", string(encoded.Bytes()))
}

// release passes a document through the rules and a route.
func (d *data) release(t *testing.T, route string, doc *customsv1.Document) *customsv1.Document {
	t.Helper()
	rules, err := validate.Load(mappings.FS, d.env, d.lists)
	if err != nil {
		t.Fatal(err)
	}
	routes, err := release.Load(mappings.FS, d.library)
	if err != nil {
		t.Fatal(err)
	}
	rt, ok := routes.Route(route)
	if !ok {
		t.Fatalf("no route %s", route)
	}
	passed, faults := rules.Check(doc, validate.Scope{Own: rt.From, Partner: rt.To, At: time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)})
	if faults.Refuse() {
		t.Fatal(lines(faults))
	}
	released, faults := rt.Release(passed)
	if faults.Refuse() {
		t.Fatal(lines(faults))
	}
	return released.Document()
}

// Nothing says which of several waybills a line of the declaration belongs to.
func TestLoadListOfSeveralWaybillsIsRefused(t *testing.T) {
	d := load(t)
	j, _ := d.library.Join("mn/load-list.v1")
	parts := leaving(t)
	m := parts["manifest"].GetManifest()
	m.Consignments = append(m.Consignments, m.Consignments[0])
	joined := j.Run(parts, messageID)
	_, _, faults := d.table(t, "mn/load-list.v1").Encode(joined.Document, false)
	if !slices.ContainsFunc(faults, func(f gateway.Fault) bool { return f.Code == gateway.MapRequired && f.Path == "consignments" }) {
		t.Errorf("faults %v, want the consignments missing", lines(faults))
	}
}

func TestLoadListRefusesADeclarationOfAnotherCrossing(t *testing.T) {
	j, _ := load(t).library.Join("mn/load-list.v1")
	parts := leaving(t)
	parts["declaration"].GetGoodsDeclarationExtract().Batch = "0705260309999"
	joined := j.Run(parts, messageID)
	if len(joined.Faults) != 1 || joined.Faults[0].Code != gateway.JoinDisagree || joined.Faults[0].Path != "batch" {
		t.Errorf("faults %v, want one disagreement on the batch", lines(joined.Faults))
	}
}

// A plate says the country only where its form does.
func TestLoadListReadsThePlatesCountry(t *testing.T) {
	j, _ := load(t).library.Join("mn/load-list.v1")
	for plate, want := range map[string]string{"蒙E12345": "CN", "新F1234挂": "CN", "1234 УБА": "MN", "1234УБ": "MN", "A123BC75": "", "蒙古12345": ""} {
		parts := leaving(t)
		parts["vehicle"].GetVehicleReport().Transport.Vehicles[0].Registration = plate
		if got := j.Run(parts, messageID).Document.GetManifest().GetTransport().GetVehicles()[0].GetCountry(); got != want {
			t.Errorf("%s: country %q, want %q", plate, got, want)
		}
	}
}

// Forty-five lines make four checklists, and each of them is a valid paper form.
func TestFortyFiveLinesAreFourChecklists(t *testing.T) {
	d := load(t)
	s, ok := d.library.Split("mn/load-checklist.v1")
	if !ok {
		t.Fatal("no split mn/load-checklist.v1")
	}
	whole := golden{"xx/load-checklist.v1", "minimal"}.document(t, ".json")
	c := whole.GetManifest().GetConsignments()[0]
	for len(c.Items) < 45 {
		c.Items = append(c.Items, c.Items[0])
	}
	lines45 := uint64(45)
	whole.GetManifest().Totals.Items = &lines45
	table := d.table(t, "xx/load-checklist.v1")
	split := s.Run(whole, messageID)
	if len(split.Faults) > 0 {
		t.Fatal(lines(split.Faults))
	}
	var sizes []int
	for _, part := range split.Parts {
		encoded, _, faults := table.Encode(part, false)
		if len(faults) > 0 {
			t.Fatal(lines(faults))
		}
		back := d.read(t, table, encoded.Bytes())
		if diff := cmp.Diff(document.Digest(part), document.Digest(back.Document)); diff != "" {
			t.Errorf("the part does not come back:\n%s", diff)
		}
		sizes = append(sizes, int(back.Document.GetManifest().GetTotals().GetItems()))
	}
	if diff := cmp.Diff([]int{14, 14, 14, 3}, sizes); diff != "" {
		t.Errorf("lines of the checklists (-want +got):\n%s", diff)
	}
}
