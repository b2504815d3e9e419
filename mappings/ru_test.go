package mappings_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/schema"
)

// A train is announced wagon by wagon and waybill by waybill; its empties say so.
func TestTrainIsAnnounced(t *testing.T) {
	d := load(t)
	encoded, _, faults := d.table(t, "ru/rw-preliminary.v1").Encode(golden{"ru/rw-preliminary.v1", "train"}.document(t, ".json"), false)
	if len(faults) > 0 {
		t.Fatal(lines(faults))
	}
	for element, want := range map[string]int{
		"<rwp:TransportMeansDetails>": 50, "<rwp:FullItemCode>0<": 2, "<rwp:ConsignmentDetails>": 38, "<rwp:ContainerDetails>": 48,
	} {
		if got := strings.Count(string(encoded.Bytes()), element); got != want {
			t.Errorf("%d times %s, want %d", got, element, want)
		}
	}
}

// The Russian declaration holds one consignment: a second one is refused at its place.
func TestTransitDeclarationOfTwoConsignmentsIsRefused(t *testing.T) {
	d := load(t)
	table := d.table(t, "ru/esadout-transit.v1")
	doc := golden{"ru/esadout-transit.v1", "full"}.document(t, ".json")
	td := doc.GetTransitDeclaration()
	td.Consignments = append(td.Consignments, proto.Clone(td.Consignments[0]).(*customsv1.Consignment))
	encoded, trace, faults := table.Encode(doc, true)
	if len(faults) > 0 {
		t.Fatal(lines(faults))
	}
	s, _ := d.schemas.Schema(table.Schema())
	found := s.Check(encoded.Bytes(), schema.DefaultLimits).Faults
	if len(found) != 1 {
		t.Fatalf("%v, want one fault", lines(found))
	}
	if link, _ := trace.ByPlace(found[0].Location.Expr); link.Path != "consignments[1]" {
		t.Errorf("refused at %q, want consignments[1]", link.Path)
	}
}
