package mappings_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// supplied is what a route adds to the joined document: no Chinese message has it.
var supplied = map[string]string{
	"structure": "R.042", "language": "RU", "entryOffice.administration": "RU", "entryOffice.code": "10719110",
	"declarant.name[language=ru].value": "ООО «Пример-Брокер»", "declarant.ids[scheme=INN].value": "2536000006", "declarantIsCarrier": "false",
	"transport.purpose": "3",
}

// A truck from Manzhouli to Zabaykalsk, in Chinese, arrives as the Russian road notice.
func TestRoadExportBecomesPreArrivalInformation(t *testing.T) {
	d := load(t)
	j, _ := d.library.Join("cn/road-export.v1")
	notice := j.Run(crossing(t), messageID).Document
	for path, value := range supplied {
		p, err := document.CompileFor("PreArrivalNotice", path)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Set(document.Of(notice), value); err != nil {
			t.Fatal(err)
		}
	}
	notice.GetPreArrivalNotice().Purposes = []string{"01"}
	table := d.table(t, "ru/auto-preliminary.v1")
	encoded, _, faults := table.Encode(notice, false)
	if len(faults) > 0 {
		t.Fatal(lines(faults))
	}
	if back := d.read(t, table, encoded.Bytes()); len(back.Faults) > 0 || len(back.Unread) > 0 {
		t.Errorf("%v %v", lines(back.Faults), back.Unread)
	}
	compare(t, "testdata/join/road-export.xml", string(encoded.Bytes()))
}

// The truck of the goldens: the manifest MT2401 and the report MT4402 of one crossing.
func crossing(t *testing.T) map[string]*customsv1.Document {
	return map[string]*customsv1.Document{
		"manifest": golden{"cn/mt2401.v1", "full"}.document(t, ".json"),
		"vehicle":  golden{"cn/mt4402.v1", "full"}.document(t, ".json"),
	}
}

const messageID = "7d2f0c1e-6a4b-4c8e-9d10-0603a2603090"

func TestRoadExportJoinsManifestAndReport(t *testing.T) {
	d := load(t)
	j, ok := d.library.Join("cn/road-export.v1")
	if !ok {
		t.Fatal("no join cn/road-export.v1")
	}
	parts := crossing(t)
	manifest, _ := j.Key("manifest", parts["manifest"])
	vehicle, ok := j.Key("vehicle", parts["vehicle"])
	if diff := cmp.Diff(manifest, vehicle); !ok || diff != "" {
		t.Fatalf("the parts do not find each other:\n%s", diff)
	}
	joined := j.Run(parts, messageID)
	if len(joined.Faults) > 0 || len(joined.Disagreements) > 0 {
		t.Fatalf("%v %v", lines(joined.Faults), joined.Disagreements)
	}
	compare(t, "testdata/join/road-export.json", text(joined.Document))
	for path, field := range map[string]string{
		"consignments[1].items[0].description[0].value": "manifest consignments[1].items[0].description[0].value",
		"loadUnits[0].seals[1].id":                      "vehicle loadUnits[0].seals[1].id",
		"departed":                                      "vehicle at",
		"envelope.documentId":                           "gateway messageId",
	} {
		if l, ok := joined.Origin(path); !ok || l.Part+" "+l.PartPath != field {
			t.Errorf("origin of %s: %s %s, want %s", path, l.Part, l.PartPath, field)
		}
	}
}

func TestRoadExportNamesDisagreements(t *testing.T) {
	j, _ := load(t).library.Join("cn/road-export.v1")
	parts := crossing(t)
	parts["vehicle"].GetVehicleReport().Carrier.Ids[0].Value = "060399999/9"
	parts["vehicle"].GetVehicleReport().Transport.Mode = "2"
	joined := j.Run(parts, messageID)
	// A single value that does not travel is told; of a whole carrier the trace knows.
	want := []string{`warning JOIN_PASSED_OVER at transport.mode: 3 (manifest.transport.mode)`}
	var told []string
	for _, f := range joined.Faults {
		told = append(told, fmt.Sprintf("%s %s at %s: %s", f.Severity, f.Code, f.Path, f.Value))
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Fatalf("told (-want +got):\n%s", diff)
	}
	rows := map[string]string{}
	for _, d := range joined.Disagreements {
		rows[d.Path] = d.Row
	}
	if diff := cmp.Diff(map[string]string{"carrier": "J090", "transport.mode": "J120"}, rows); diff != "" {
		t.Errorf("disagreements (-want +got):\n%s", diff)
	}
	if got := joined.Document.GetPreArrivalNotice().GetTransport().GetMode(); got != "2" {
		t.Errorf("mode %s, want the report's", got)
	}
}

func TestRoadExportRefusesPartsOfTwoCrossings(t *testing.T) {
	j, _ := load(t).library.Join("cn/road-export.v1")
	parts := crossing(t)
	parts["vehicle"].GetVehicleReport().Batch = "0603260309999"
	joined := j.Run(parts, messageID)
	if len(joined.Faults) != 1 || joined.Faults[0].Code != gateway.JoinDisagree || joined.Faults[0].Path != "batch" {
		t.Errorf("faults %v, want one disagreement on the batch", lines(joined.Faults))
	}
}

func TestRoadExportTellsContainers(t *testing.T) {
	j, _ := load(t).library.Join("cn/road-export.v1")
	containerised, err := document.CompileFor("PreArrivalNotice", "transport.containerised")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name              string
		report, consigned bool
		want              string
	}{
		{"in both", true, true, "true"},
		{"in the report alone", true, false, "true"},
		{"in the manifest alone", false, true, "true"},
		{"in none", false, false, "false"},
	} {
		parts := crossing(t)
		if !tc.report {
			parts["vehicle"].GetVehicleReport().LoadUnits = nil
		}
		if !tc.consigned {
			parts["manifest"].GetManifest().Consignments[0].LoadUnits = nil
		}
		joined := j.Run(parts, messageID)
		if got, _ := containerised.Get(document.Of(joined.Document)); got != tc.want || len(joined.Faults) > 0 {
			t.Errorf("containers %s: %s %v, want %s", tc.name, got, lines(joined.Faults), tc.want)
		}
	}
}
