package mappings_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// A notice of each vehicle tells all the goods; a checklist of so many lines, and a declaration of one consignment,
// a share of them.
func TestWhatPartsTellOfGoods(t *testing.T) {
	d := load(t)
	for _, s := range d.library.Splits() {
		want := s.ID() == "mn/load-checklist.v1" || s.ID() == "ru/transit-consignment.v1"
		if s.DealsGoods() != want {
			t.Errorf("%s deals goods out: %v", s.ID(), s.DealsGoods())
		}
	}
}

// A transit of several consignments is a Russian declaration of each, which ends where its consignment is to go,
// with the containers and totals of that.
func TestADeclarationOfEachConsignment(t *testing.T) {
	d := load(t)
	s, ok := d.library.Split("ru/transit-consignment.v1")
	if !ok {
		t.Fatal("no split ru/transit-consignment.v1")
	}
	raw, err := os.ReadFile("testdata/split/consignments.json")
	if err != nil {
		t.Fatal(err)
	}
	got := s.Run(document.Parse(raw).Document, messageID)
	if len(got.Faults) > 0 || len(got.Parts) != 2 {
		t.Fatalf("%d parts, %v", len(got.Parts), lines(got.Faults))
	}
	table := d.table(t, "ru/esadout-transit.v1")
	for i, want := range []struct {
		packages, items uint64
		kilograms, end  string
	}{{40, 1, "8100.5", "10719110"}, {65, 2, "10199.5", "10702030"}} {
		encoded, _, faults := table.Encode(got.Parts[i], false)
		if len(faults) > 0 {
			t.Fatal(lines(faults))
		}
		compare(t, filepath.Join("testdata/split", fmt.Sprintf("consignments-%d.xml", i+1)), string(encoded.Bytes()))
		part := got.Parts[i].GetTransitDeclaration()
		end := d.read(t, table, encoded.Bytes()).Document.GetTransitDeclaration().GetTransit().GetDestination().GetCode()
		if n := part.GetTotals(); n.GetPackages() != want.packages || n.GetItems() != want.items || n.GetGrossMass().GetKilograms().GetValue() != want.kilograms || end != want.end {
			t.Errorf("part %d: %v, ends at %s", i+1, n, end)
		}
	}
}

// One waybill on four vehicles is four notices: each tractor with what it tows and the
// containers on it. Their answers become one.
func TestOneWaybillOnFourVehicles(t *testing.T) {
	d := load(t)
	s, ok := d.library.Split("ru/road-notice.v1")
	if !ok {
		t.Fatal("no split ru/road-notice.v1")
	}
	raw, err := os.ReadFile("testdata/split/convoy.json")
	if err != nil {
		t.Fatal(err)
	}
	convoy := document.Parse(raw).Document
	got := s.Run(convoy, messageID)
	if len(got.Faults) > 0 || len(got.Parts) != 4 {
		t.Fatalf("%d parts, %v", len(got.Parts), lines(got.Faults))
	}
	notices := d.table(t, "ru/auto-preliminary.v1")
	var vehicles, containers []string
	for i, part := range got.Parts {
		encoded, _, faults := notices.Encode(part, false)
		if len(faults) > 0 {
			t.Fatal(lines(faults))
		}
		compare(t, filepath.Join("testdata/split", fmt.Sprintf("convoy-%d.xml", i+1)), string(encoded.Bytes()))
		back := d.read(t, notices, encoded.Bytes()).Document.GetPreArrivalNotice()
		if id := back.GetConsignments()[0].GetTransportDocument().GetId(); id != "CN-RU-26-000123" {
			t.Errorf("part %d is of waybill %q", i+1, id)
		}
		for j, v := range part.GetPreArrivalNotice().GetTransport().GetVehicles() {
			vehicles = append(vehicles, v.GetRegistration())
			whole := convoy.GetPreArrivalNotice().GetTransport().GetVehicles()
			at, err := document.CompileFor("PreArrivalNotice", got.Origin(i, fmt.Sprintf("transport.vehicles[%d].registration", j)))
			if err != nil {
				t.Fatal(err)
			}
			if v.GetRegistration() != whole[len(vehicles)-1].GetRegistration() {
				t.Errorf("vehicle %d is %s", len(vehicles), v.GetRegistration())
			}
			if was, _ := at.Get(document.Of(convoy)); was != v.GetRegistration() {
				t.Errorf("%s comes from %s, which is %s", v.GetRegistration(), at, was)
			}
		}
		for _, u := range part.GetPreArrivalNotice().GetLoadUnits() {
			containers = append(containers, fmt.Sprint(i+1, " ", u.GetId()))
		}
	}
	if len(vehicles) != len(convoy.GetPreArrivalNotice().GetTransport().GetVehicles()) {
		t.Errorf("vehicles %v", vehicles)
	}
	if diff := cmp.Diff([]string{"1 ABCU1234560", "2 ABCU1234576", "4 ABCU1234581"}, containers); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}

	answer := golden{"ru/notif-pi-result.v1", "full"}.document(t, ".json").GetAnswer()
	waiting := []*customsv1.Answer{answer, nil, answer, answer}
	if a := s.Merge(waiting); a != nil {
		t.Errorf("three answers of four make %v", a)
	}
	if a := s.Merge(slices.Repeat([]*customsv1.Answer{answer}, 4)); a.GetRegistration().GetNumber() != "000000123" {
		t.Errorf("four registrations make %v", a)
	}
}
