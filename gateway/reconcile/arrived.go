package reconcile

import (
	"slices"

	"google.golang.org/protobuf/proto"

	customsv1 "customs.example/gateway/api/customs/v1"
)

// entries are the kinds of vehicle report that tell of a vehicle's coming in.
var entries = []customsv1.VehicleReportKind{
	customsv1.VehicleReportKind_LADEN_ENTRY, customsv1.VehicleReportKind_EMPTY_ENTRY, customsv1.VehicleReportKind_EMPTY_CONTAINER_ENTRY,
}

// Enters reports whether a kind of vehicle report tells of a vehicle's coming in.
func Enters(kind customsv1.VehicleReportKind) bool { return slices.Contains(entries, kind) }

// Arrived is the arrival that a document tells of: a VehicleReport of an entry as an ArrivalReport
// of the same vehicle at the same office, any other document as it is. It says of goods only that
// there are none, where the kind of report says so.
func Arrived(d *customsv1.Document) *customsv1.Document {
	v := d.GetVehicleReport()
	if !Enters(v.GetKind()) {
		return d
	}
	out := &customsv1.ArrivalReport{
		Batch: v.GetBatch(), Office: v.GetOffice(), At: v.GetAt(), Transport: v.GetTransport(), LoadUnits: v.GetLoadUnits(), Remarks: v.GetRemarks(),
	}
	if v.GetKind() != customsv1.VehicleReportKind_LADEN_ENTRY {
		transport, _ := proto.Clone(v.GetTransport()).(*customsv1.Transport)
		if transport == nil {
			transport = new(customsv1.Transport)
		}
		transport.Empty = proto.Bool(true)
		out.Transport = transport
	}
	return &customsv1.Document{Envelope: d.GetEnvelope(), Kind: &customsv1.Document_ArrivalReport{ArrivalReport: out}}
}
