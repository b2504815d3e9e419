package mappings_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/schema"
)

// A train is announced wagon by wagon and waybill by waybill, to Russia and in the form of
// the Union; its empties say so, and no wagon, waybill or container is there twice.
func TestTrainIsAnnounced(t *testing.T) {
	d := load(t)
	for table, elements := range map[string]map[string]int{
		"ru/rw-preliminary.v1": {
			"TransportMeansDetails/TransportMeansRegId": 50, "TransportMeansDetails/FullItemCode 0": 2,
			"ConsignmentDetails/TransportDocumentDetails/PrDocumentNumber": 38, "ConsignmentDetails/ContainerDetails/ContainerNumber": 48,
		},
		"eaeu/rail-preliminary.v1": {
			"PIWTransportMeansDetails/TransportMeansRegId": 50, "PIWTransportMeansDetails/FullItemCode 0": 2,
			"PIWConsignmentDetails/TransportDocumentDetails/DocId": 38, "PIWConsignmentDetails/PIContainerDetails/ContainerId": 48,
		},
	} {
		encoded, _, faults := d.table(t, table).Encode(golden{table, "train"}.document(t, ".json"), false)
		if len(faults) > 0 {
			t.Fatal(lines(faults))
		}
		found := map[string][]string{}
		for e := range d.conforming(t, d.table(t, table), encoded.Bytes()).Root.Walk() {
			path := ""
			for _, step := range route(e) {
				path += "/" + step.Name.Local
			}
			for element := range elements {
				end, text, fixed := strings.Cut(element, " ")
				if strings.HasSuffix(path, "/"+end) && (!fixed || e.Text == text) {
					found[element] = append(found[element], e.Text)
				}
			}
		}
		for element, want := range elements {
			_, _, fixed := strings.Cut(element, " ")
			values := slices.Compact(slices.Sorted(slices.Values(found[element])))
			if got := len(found[element]); got != want || !fixed && len(values) != want {
				t.Errorf("%s: %d times %s, %d of them different, want %d", table, got, element, len(values), want)
			}
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
