package recipe

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

const roadExport = `
join: cn/road-export
version: 1
document: PreArrivalNotice
parts:
  - {name: manifest, kind: Manifest, required: true}
  - {name: vehicle, kind: VehicleReport, required: true}
key:
  - {manifest: office.code, vehicle: office.code}
  - {manifest: batch, vehicle: batch}
rows:
  - {id: J01, to: envelope.documentId, from: [gateway.messageId]}
  - {id: J02, to: batch, from: [manifest.batch, vehicle.batch]}
  - {id: J03, to: consignments, from: [manifest.consignments]}
  - {id: J04, to: carrier, from: [vehicle.carrier, manifest.carrier], precedence: true}
  - {id: J05, to: exitOffice.administration, const: CN}
  - {id: J06, to: transport.grossMass.kilograms, from: [manifest.transport.grossMass.kilograms, vehicle.transport.grossMass.kilograms]}
  - {id: J07, to: loadUnits, from: [manifest.loadUnits, vehicle.loadUnits], merge: true}
  - {id: J08, to: transport.mode, from: [vehicle.transport.mode], when: {vehicle: "kind == 'LADEN_EXIT'"}}
  - id: J09
    to: transport.vehicles
    each: vehicle.transport.vehicles
    rows:
      - {id: J10, to: registration, from: [registration]}
      - {id: J11, to: role, from: [role], when: {this: "role != 'CHASSIS'"}}
      - {id: J12, to: country, const: CN}
`

func join(t *testing.T) *Join {
	t.Helper()
	l, err := load(t, map[string]string{"join/cn-road-export.v1.yaml": roadExport})
	if err != nil {
		t.Fatal(err)
	}
	j, ok := l.Join("cn/road-export.v1")
	if !ok {
		t.Fatal("no join")
	}
	return j
}

func parts(t *testing.T) map[string]*customsv1.Document {
	return map[string]*customsv1.Document{
		"manifest": parse(t, `{"manifest": {"batch": "B1", "office": {"code": "0603"}, "carrier": {"country": "CN"},
		  "transport": {"grossMass": {"kilograms": "10.0"}},
		  "loadUnits": [{"id": "A"}, {"id": "B"}],
		  "consignments": [{"ucr": "1"}, {"ucr": "2", "items": [{"ucr": "3"}]}]}}`),
		"vehicle": parse(t, `{"vehicleReport": {"batch": "B1", "kind": "LADEN_EXIT", "office": {"code": "0603"}, "carrier": {"country": "MN"},
		  "loadUnits": [{"id": "B"}, {"id": "C"}],
		  "transport": {"mode": "3", "grossMass": {"kilograms": "10"}, "vehicles": [{"role": "TRACTOR", "registration": "T1"}, {"role": "CHASSIS", "registration": "T2"}]}}}`),
	}
}

// TestJoinLeavesWhatAPartNames: of several reports each names its own containers, whose places
// are still found; a report that names none of them leaves all.
func TestJoinLeavesWhatAPartNames(t *testing.T) {
	l, err := load(t, map[string]string{"join/cn-road-export.v1.yaml": roadExport + "  - {id: J20, to: consignments.loadUnits, in: [vehicle.loadUnits.id]}\n  - {id: J21, to: consignments.items.loadUnits, in: [vehicle.loadUnits.id]}\n"})
	if err != nil {
		t.Fatal(err)
	}
	j, _ := l.Join("cn/road-export.v1")
	for report, want := range map[string]string{
		`{"id": "B"}, {"id": "D"}`: `[{"ucr": "1", "loadUnits": ["B"]}, {"ucr": "2", "loadUnits": ["D", "B"], "items": [{"loadUnits": ["D"]}]}] left manifest.consignments[0].loadUnits[0] A, manifest.consignments[1].loadUnits[1] A`,
		`{"id": "A"}`:              `[{"ucr": "1", "loadUnits": ["A"]}, {"ucr": "2", "loadUnits": ["A"], "items": [{"loadUnits": ["D", "E"]}]}] left manifest.consignments[0].loadUnits[1] B, manifest.consignments[1].loadUnits[0] D, manifest.consignments[1].loadUnits[2] B`,
		`{"id": "X"}`:              `[{"ucr": "1", "loadUnits": ["A", "B"]}, {"ucr": "2", "loadUnits": ["D", "A", "B"], "items": [{"loadUnits": ["D", "E"]}]}] left `,
		``:                         `[{"ucr": "1", "loadUnits": ["A", "B"]}, {"ucr": "2", "loadUnits": ["D", "A", "B"], "items": [{"loadUnits": ["D", "E"]}]}] left `,
	} {
		in := parts(t)
		in["manifest"] = parse(t, `{"manifest": {"consignments": [{"ucr": "1", "loadUnits": ["A", "B"]}, {"ucr": "2", "loadUnits": ["D", "A", "B"], "items": [{"loadUnits": ["D", "E"]}]}]}}`)
		in["vehicle"] = parse(t, `{"vehicleReport": {"loadUnits": [`+report+`]}}`)
		out := j.Run(in, "M-1")
		goods := document.Clone(out.Document)
		wanted, left, _ := strings.Cut(want, " left ")
		var said []string
		for _, s := range out.Left {
			if !strings.Contains(s.Path, "items") {
				said = append(said, s.Part+"."+s.Path+" "+s.Value)
			}
		}
		goods.GetPreArrivalNotice().LoadUnits, goods.GetPreArrivalNotice().Transport, goods.GetPreArrivalNotice().ExitOffice, goods.Envelope = nil, nil, nil, nil
		if diff := cmp.Diff(marshal(parse(t, `{"preArrivalNotice": {"consignments": `+wanted+`}}`)), marshal(goods)); diff != "" || strings.Join(said, ", ") != left {
			t.Errorf("a report with %s: left out %v\n%s", report, said, diff)
		}
		for i, c := range out.Document.GetPreArrivalNotice().Consignments {
			for n, id := range c.LoadUnits {
				link, ok := out.Origin(fmt.Sprintf("consignments[%d].loadUnits[%d]", i, n))
				if at := in["manifest"].GetManifest().Consignments[i].LoadUnits; !ok || link.Part != "manifest" || at[n] != id && link.PartPath != fmt.Sprintf("consignments[%d].loadUnits[%d]", i, slices.Index(at, id)) {
					t.Errorf("%s is found at %+v", id, link)
				}
			}
		}
	}
}

func TestJoin(t *testing.T) {
	j := join(t)
	in := parts(t)
	before := marshal(in["manifest"])
	got := j.Run(in, "M-1")
	if len(got.Faults) > 0 {
		t.Fatal(said(got.Faults))
	}
	want := parse(t, `{"envelope": {"documentId": "M-1"}, "preArrivalNotice": {"batch": "B1", "exitOffice": {"administration": "CN"}, "carrier": {"country": "MN"},
	  "transport": {"mode": "3", "grossMass": {"kilograms": "10.0"}, "vehicles": [{"role": "TRACTOR", "registration": "T1", "country": "CN"}, {"registration": "T2", "country": "CN"}]},
	  "loadUnits": [{"id": "A"}, {"id": "B"}, {"id": "C"}],
	  "consignments": [{"ucr": "1"}, {"ucr": "2", "items": [{"ucr": "3"}]}]}}`)
	if diff := cmp.Diff(marshal(want), marshal(got.Document)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Disagreement{{"carrier", "J04", Source{"vehicle", "carrier", ""}, []Source{{"manifest", "carrier", ""}}}}, got.Disagreements); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]JoinLink{
		"consignments[1].items[0].ucr":       {"consignments[1].items[0].ucr", "manifest", "consignments[1].items[0].ucr", "J03"},
		"loadUnits[2].id":                    {"loadUnits[2].id", "vehicle", "loadUnits[1].id", "J07"},
		"transport.vehicles[1].registration": {"transport.vehicles[1].registration", "vehicle", "transport.vehicles[1].registration", "J10"},
		"transport.vehicles[1].vin":          {"transport.vehicles[1].vin", "vehicle", "transport.vehicles[1].vin", "J09"},
		"exitOffice.administration":          {"exitOffice.administration", "", "", "J05"},
		"envelope.documentId":                {"envelope.documentId", "gateway", "messageId", "J01"},
	} {
		if l, ok := got.Origin(path); !ok || l != want {
			t.Errorf("%s comes from %+v", path, l)
		}
	}
	if l, ok := got.Origin("remarks"); ok {
		t.Errorf("remarks come from %+v", l)
	}
	document.Body(got.Document).Interface().(interface {
		GetConsignments() []*customsv1.Consignment
	}).GetConsignments()[0].Ucr = "changed"
	if marshal(in["manifest"]) != before {
		t.Error("the joined document shares memory with its part")
	}
	for _, part := range []string{"manifest", "vehicle"} {
		if key, ok := j.Key(part, in[part]); !ok || fmt.Sprint(key) != "[0603 B1]" {
			t.Errorf("key of %s is %v", part, key)
		}
	}
	if _, ok := j.Key("vehicle", in["manifest"]); ok {
		t.Error("a manifest has a vehicle's key")
	}
}

func TestJoinRefuses(t *testing.T) {
	in := parts(t)
	in["vehicle"].GetVehicleReport().Batch = "B2"
	in["vehicle"].GetVehicleReport().Transport.GrossMass.Kilograms.Value = "11"
	got := join(t).Run(in, "M-1")
	want := []string{
		"JOIN_DISAGREE batch  B2 (vehicle.batch)|B1 (manifest.batch)",
		"JOIN_DISAGREE transport.grossMass.kilograms  11 (vehicle.transport.grossMass.kilograms)|10.0 (manifest.transport.grossMass.kilograms)",
	}
	if diff := cmp.Diff(want, said(got.Faults)); diff != "" {
		t.Error(diff)
	}
	delete(in, "vehicle")
	if got := join(t).Run(in, "M-1"); len(got.Faults) != 1 || got.Faults[0].Expected.String() != "vehicle (VehicleReport)" {
		t.Error(said(got.Faults))
	}
}

func TestLoadJoinSaysEveryMistakeAtOnce(t *testing.T) {
	bad := strings.Replace(roadExport, "rows:\n", `rows:
  - {id: J20, to: batch, from: [truck.batch]}
  - {id: J21, to: batch, from: [manifest.office]}
  - {id: J22, to: departed, from: [manifest.batch]}
  - {id: J22, to: nothing, const: x}
  - {id: J23, to: batch, from: [manifest.batch], merge: true}
  - {id: J24, to: batch, from: [manifest.batch], when: {truck: "true"}}
  - {id: J25, to: batch, from: [manifest.consignments.ucr]}
  - {id: J26, to: batch, from: [manifest.batch], const: x}
  - {id: J27, to: transport.vehicles, each: manifest.batch, rows: [{id: J28, to: vin, const: x}]}
  - {id: J29, to: batch, in: [manifest.batch]}
  - {id: J30, to: consignments.loadUnits, in: [manifest.loadUnits]}
`, 1)
	bad = strings.Replace(bad, ", vehicle: batch}", "}", 1)
	bad = strings.ReplaceAll(bad, "required: true}", "required: true, several: true}")
	_, err := load(t, map[string]string{"join/cn-road-export.v2.yaml": bad})
	if err == nil {
		t.Fatal("a join full of mistakes was loaded")
	}
	for _, want := range []string{
		"this is cn/road-export.v1, expected a name, and the version that the file says",
		"key has no path for part vehicle",
		"part vehicle may come several times, expected that of one part alone",
		`row J20: from "truck.batch" names no part`,
		"row J21: from manifest.office is Office, expected string as in batch",
		"row J22: from manifest.batch is string, expected instant as in departed",
		`row J22: id "J22", expected one that is unique`,
		"row J22: path \"nothing\"",
		"row J23: merge into batch, expected a list",
		`row J24: when asks "truck"`,
		"row J25: from manifest.consignments.ucr passes through a list",
		"row J26: has 2 of from, const, each and in",
		"row J29: in for batch, expected a list of texts",
		"row J30: in manifest.loadUnits, expected values of a part",
		"row J27: each manifest.batch to transport.vehicles, expected a list of messages on both sides",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not said: %s", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}
