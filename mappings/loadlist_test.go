package mappings_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/pace"
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
	declaration.TransportDocuments = []string{manifest.Consignments[0].TransportDocument.Id}
	return parts
}

// leavingWith is the same truck with two waybills, and a declaration of the goods of each.
func leavingWith(t *testing.T) (manifest, vehicle, first, second *customsv1.Document) {
	parts := leaving(t)
	manifest, vehicle, first = parts["manifest"], parts["vehicle"], parts["declaration"]
	m := manifest.GetManifest()
	m.Consignments = append(m.Consignments, proto.CloneOf(m.Consignments[0]))
	m.Consignments[1].TransportDocument.Id = "CN-MN-26-000777"
	m.Consignments[1].Consignee.Name[0].Value = "扎门乌德样例公司"
	second = proto.CloneOf(first)
	second.Envelope.DocumentId = "CN-0705-2026-000099"
	d := second.GetGoodsDeclarationExtract()
	d.Declaration.Number, d.TransportDocuments = "070520260000000999", []string{"CN-MN-26-000777"}
	d.Items = d.Items[:1]
	d.Items[0].Value.Amount.Value = "777.5"
	return manifest, vehicle, first, second
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
	if joined.Faults.Refuse() || len(joined.Faults) != 2 || joined.Faults[0].Code != gateway.JoinPassedOver || joined.Faults[1].Code != gateway.JoinPassedOver {
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

// Each waybill of a crossing has the goods, prices and number of its own declaration, whichever came
// first and whoever says which is whose: the declaration, the manifest, or the post beside it.
func TestLoadListOfSeveralWaybills(t *testing.T) {
	d := load(t)
	j, _ := d.library.Join("mn/load-list.v1")
	for name, tt := range map[string]struct {
		say func(m *customsv1.Manifest, first, second *customsv1.GoodsDeclarationExtract)
		of  [2]string
	}{
		"by the declarations": {},
		"by the manifest": {say: func(m *customsv1.Manifest, first, second *customsv1.GoodsDeclarationExtract) {
			m.Consignments[0].ExportDeclaration = &customsv1.DocumentReference{Id: first.Declaration.Number}
			m.Consignments[1].ExportDeclaration = &customsv1.DocumentReference{Id: second.Declaration.Number}
			first.TransportDocuments, second.TransportDocuments = nil, nil
		}},
		"beside the declarations": {of: [2]string{"CN-RU-26-000123", "CN-MN-26-000777"}, say: func(_ *customsv1.Manifest, first, second *customsv1.GoodsDeclarationExtract) {
			first.TransportDocuments, second.TransportDocuments = nil, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			manifest, vehicle, first, second := leavingWith(t)
			if tt.say != nil {
				tt.say(manifest.GetManifest(), first.GetGoodsDeclarationExtract(), second.GetGoodsDeclarationExtract())
			}
			given := []recipe.Given{{Name: "declaration", Document: second, Of: tt.of[1]}, {Name: "manifest", Document: manifest}, {Name: "vehicle", Document: vehicle}, {Name: "declaration", Document: first, Of: tt.of[0]}}
			if open := j.Open(given); len(open.Faults) > 0 {
				t.Fatal(lines(open.Faults))
			}
			joined, err := j.RunWhile(pace.Endless(), given, messageID)
			if err != nil || joined.Faults.Refuse() {
				t.Fatal(err, lines(joined.Faults))
			}
			if l, ok := joined.Origin("consignments[0].items[1].value.amount"); !ok || l.Part != "declaration[1]" || l.PartPath != "items[1].value.amount" {
				t.Errorf("the first waybill's goods come from %v", l)
			}
			released := d.release(t, "cn-mn-load-list", joined.Document)
			encoded, _, faults := d.table(t, "mn/load-list.v1").Encode(released, false)
			if len(faults) > 0 {
				t.Fatal(lines(faults))
			}
			compare(t, "testdata/join/load-list-two.xml", string(encoded.Bytes()))
		})
	}
}

// What is open is said where it stands: a waybill without a declaration, a declaration of no waybill or
// of several, a second one of the same. Nothing is guessed, be there one that fits alone.
func TestLoadListSaysWhichWaybillIsOpen(t *testing.T) {
	d := load(t)
	j, _ := d.library.Join("mn/load-list.v1")
	for name, tt := range map[string]struct {
		say  func(m *customsv1.Manifest, first, second *customsv1.GoodsDeclarationExtract)
		want []string
	}{
		"one is missing": {func(_ *customsv1.Manifest, _, second *customsv1.GoodsDeclarationExtract) {
			second.TransportDocuments = []string{"OTHER"}
		}, []string{"PART_UNPLACED declaration[1].transportDocuments", "PART_OPEN manifest.consignments[1].transportDocument.id"}},
		"one names nothing": {func(_ *customsv1.Manifest, first, _ *customsv1.GoodsDeclarationExtract) {
			first.TransportDocuments = nil
		}, []string{"PART_UNPLACED declaration.transportDocuments", "PART_OPEN manifest.consignments[0].transportDocument.id"}},
		"one names both": {func(_ *customsv1.Manifest, first, _ *customsv1.GoodsDeclarationExtract) {
			first.TransportDocuments = append(first.TransportDocuments, "CN-MN-26-000777")
		}, []string{"PART_UNPLACED declaration.transportDocuments", "PART_OPEN manifest.consignments[0].transportDocument.id"}},
		"two name one": {func(_ *customsv1.Manifest, first, second *customsv1.GoodsDeclarationExtract) {
			second.TransportDocuments = first.TransportDocuments
		}, []string{"PART_TWICE declaration[1].transportDocuments", "PART_OPEN manifest.consignments[1].transportDocument.id"}},
		"the manifest disagrees": {func(m *customsv1.Manifest, first, _ *customsv1.GoodsDeclarationExtract) {
			m.Consignments[1].ExportDeclaration = &customsv1.DocumentReference{Id: first.Declaration.Number}
		}, []string{"PART_UNPLACED declaration.transportDocuments", "PART_OPEN manifest.consignments[0].transportDocument.id"}},
		"a waybill twice": {func(m *customsv1.Manifest, _, _ *customsv1.GoodsDeclarationExtract) {
			m.Consignments[1].TransportDocument = m.Consignments[0].TransportDocument
		}, []string{"PART_UNPLACED declaration.transportDocuments", "PART_UNPLACED declaration[1].transportDocuments", "PART_OPEN manifest.consignments[0].transportDocument.id", "PART_OPEN manifest.consignments[1].transportDocument.id"}},
	} {
		t.Run(name, func(t *testing.T) {
			manifest, vehicle, first, second := leavingWith(t)
			tt.say(manifest.GetManifest(), first.GetGoodsDeclarationExtract(), second.GetGoodsDeclarationExtract())
			given := []recipe.Given{{Name: "manifest", Document: manifest}, {Name: "vehicle", Document: vehicle}, {Name: "declaration", Document: first}, {Name: "declaration", Document: second}}
			joined, err := j.RunWhile(pace.Endless(), given, messageID)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range joined.Contests {
				if f := joined.Faults[c.Fault]; strings.HasPrefix(string(f.Code), "PART_") {
					got = append(got, fmt.Sprintf("%s %s.%s", f.Code, c.First.Part, c.First.Path))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("open (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadListRefusesADeclarationOfAnotherCrossing(t *testing.T) {
	j, _ := load(t).library.Join("mn/load-list.v1")
	parts := leaving(t)
	parts["declaration"].GetGoodsDeclarationExtract().Batch = "0705260309999"
	joined := j.Run(parts, messageID)
	if refuses := slices.DeleteFunc(joined.Faults, func(f gateway.Fault) bool { return f.Severity != gateway.Error }); len(refuses) != 1 || refuses[0].Code != gateway.JoinDisagree || refuses[0].Path != "batch" {
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

// Forty-five lines of three waybills in four containers make four checklists, each a
// valid paper form with the containers of its own lines; together they say all that the
// whole says, every line once.
func TestFortyFiveLinesAreFourChecklists(t *testing.T) {
	d := load(t)
	s, ok := d.library.Split("mn/load-checklist.v1")
	if !ok {
		t.Fatal("no split mn/load-checklist.v1")
	}
	parsed := document.Parse(must(os.ReadFile("testdata/split/checklist.json"))(t))
	if len(parsed.Faults) > 0 {
		t.Fatal(lines(parsed.Faults))
	}
	whole := parsed.Document
	split := s.Run(whole, messageID)
	if len(split.Faults) > 0 {
		t.Fatal(lines(split.Faults))
	}
	table := d.table(t, "xx/load-checklist.v1")
	var sizes []int
	var together []string
	containers := map[string]bool{}
	var packages, gross, net document.Number
	add := func(sum *document.Number, text string) { *sum = sum.Add(must(document.ParseNumber(text))(t)) }
	for i, part := range split.Parts {
		encoded, _, faults := table.Encode(part, false)
		if len(faults) > 0 {
			t.Fatal(lines(faults))
		}
		compare(t, fmt.Sprintf("testdata/split/checklist-%d.xml", i+1), string(encoded.Bytes()))
		back := d.read(t, table, encoded.Bytes())
		if diff := cmp.Diff(text(part), text(back.Document)); diff != "" || len(back.Faults) > 0 {
			t.Errorf("part %d does not come back: %v\n%s", i+1, lines(back.Faults), diff)
		}
		m := back.Document.GetManifest()
		sizes = append(sizes, int(m.GetTotals().GetItems()))
		together = append(together, goods(m)...)
		add(&packages, strconv.FormatUint(m.GetTotals().GetPackages(), 10))
		add(&gross, m.GetTotals().GetGrossMass().GetKilograms().GetValue())
		add(&net, m.GetTotals().GetNetMass().GetKilograms().GetValue())
		named := map[string]bool{}
		for _, c := range m.GetConsignments() {
			ids := c.GetLoadUnits()
			for _, item := range c.GetItems() {
				ids = append(ids, item.GetLoadUnits()...)
			}
			for _, id := range ids {
				named[id], containers[id] = true, true
			}
		}
		for _, u := range m.GetLoadUnits() {
			if !named[u.GetId()] {
				t.Errorf("part %d has container %s without a line in it", i+1, u.GetId())
			}
			delete(named, u.GetId())
		}
		if len(named) > 0 {
			t.Errorf("part %d lacks containers %v", i+1, named)
		}
	}
	if diff := cmp.Diff([]int{14, 14, 14, 3}, sizes); diff != "" {
		t.Errorf("lines of the checklists (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(goods(whole.GetManifest()), together); diff != "" {
		t.Errorf("the lines together (-whole +parts):\n%s", diff)
	}
	totals := whole.GetManifest().GetTotals()
	want := []string{strconv.FormatUint(totals.GetPackages(), 10), totals.GetGrossMass().GetKilograms().GetValue(), totals.GetNetMass().GetKilograms().GetValue()}
	if diff := cmp.Diff(want, []string{packages.String(), gross.String(), net.String()}); diff != "" {
		t.Errorf("totals (-whole +parts):\n%s", diff)
	}
	if len(containers) != len(whole.GetManifest().GetLoadUnits()) {
		t.Errorf("containers of the parts: %v", containers)
	}
}

// goods are the lines of a manifest: each with its waybill and all it says but its
// number, which is that of its place.
func goods(m *customsv1.Manifest) []string {
	var out []string
	for _, c := range m.GetConsignments() {
		for _, item := range c.GetItems() {
			line := proto.CloneOf(item)
			line.Sequence = nil
			out = append(out, c.GetTransportDocument().GetId()+" "+c.GetConsignee().GetName()[0].GetValue()+" "+prototext.MarshalOptions{}.Format(line))
		}
	}
	return out
}
