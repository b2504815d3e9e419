package main

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// What a shift works by is read in five languages: its lists, a timeline, what was announced, and what
// the partner has told of an arrival.
func TestWhatAShiftReads(t *testing.T) {
	at := instant("2026-03-02T02:30:00Z")
	differing := []*exchangev1.Discrepancy{{Code: "CMP_PACKAGES", Severity: "error", Message: "12 -> 10"}, {Code: "CMP_LATE", Severity: "info"}}
	list := []*exchangev1.Movement{
		{
			MovementId: "mv-1", State: "departed", Batch: "0603260301001", Since: at, ExpectedArrival: instant("2026-03-02T04:00:00Z"), ExitOffices: []string{"0603"}, EntryOffices: []string{"10719110"},
			Identifiers: []*exchangev1.Identifier{{Kind: "vehicle", Value: "蒙E12345"}, {Kind: "vehicle", Value: "蒙E6789挂"}, {Kind: "seal", Value: "CN17"}},
			Remarks:     []*exchangev1.Fault{{Code: "OVERDUE_REPORT", Severity: "warning", Message: "Ask 10719110."}},
		},
		{MovementId: "mv-2", State: "partly arrived", Batch: "B-77", Since: at, Comparisons: []*exchangev1.Comparison{{Arrived: at, Result: "differs", Discrepancies: differing}}},
		{MovementId: "mv-3", State: "announced", Since: at, Filings: []*exchangev1.Filing{
			{SubmissionId: "F-3", Comparison: &exchangev1.FilingComparison{Result: "differs", Discrepancies: []*exchangev1.Discrepancy{{Code: "FIL_PACKAGES"}, {Code: "FIL_CODES"}, {Code: "FIL_PACKAGES"}}}},
			{SubmissionId: "F-4", Comparison: &exchangev1.FilingComparison{Result: "agrees"}}, {Office: "10719120", Standing: "taken back"},
		}},
	}
	timeline := &exchangev1.TimelineResponse{MovementId: "mv-1", LeftOut: 3, Steps: []*exchangev1.Step{
		{At: at, Local: "2026-03-02T10:30:00+08:00", Office: "CN 0603", Actor: "customs://CN/office/0603/post/1", Text: "Manifest submitted", Subject: "M-1", Faults: []*exchangev1.Fault{{Code: "MAP_TYPE", Severity: "error", Message: "Not a number."}}},
		{At: at, Local: "2026-03-02T11:30:00+09:00", Actor: "RU", Text: "accepted by RU", Subject: "m-1"},
		{At: at, Local: "2026-03-02T10:30:00+08:00", Office: "CN 0603", Text: "waits for the arrival", Waiting: true},
		{Text: "waits to be announced", Waiting: true},
	}}
	goods := &exchangev1.AnnouncedResponse{MovementId: "mv-1", LeftOut: 1, Documents: []*exchangev1.AnnouncedDocument{{MessageId: "m-1", Sender: "CN", Kind: "PreArrivalNotice", DocumentId: "D-1", LeftOut: 7, Values: []*exchangev1.AnnouncedValue{
		{Place: "waybill CNRU26030001, item 1", Label: "gross mass", Value: "18250.5"}, {Place: "waybill CNRU26030001, consignor", Label: "name", Value: "***", Withheld: true},
	}}}}
	submissions := []*exchangev1.Submission{{SubmissionId: "M-1", Kind: "Manifest", Batch: "0603260301001", State: "joined", Received: at, Commit: 7, Messages: []*exchangev1.MessageStatus{
		{MessageId: "m-1", Recipient: "RU", State: "accepted", Arrival: &exchangev1.ToldArrival{At: at, Office: "RU 10719110", Result: "differs", Partial: true, Discrepancies: differing[:1]}},
		{MessageId: "m-2", Recipient: "RU", State: "accepted", Arrival: &exchangev1.ToldArrival{At: at, Office: "RU 10719110", Result: "agrees"}},
	}}}
	submissions[0].Message = submissions[0].Messages[0]
	told := &exchangev1.Movement{MovementId: "mv-1", State: "arrived", Told: []*exchangev1.Telling{{Administration: "CN", Office: "10719110", At: at, SubmissionId: "s-1"}}, Comparisons: []*exchangev1.Comparison{
		{ArrivalId: "a-1", At: at, Arrived: at, Office: "RU 10719110", ToldBy: "RU", Result: "agrees", Agreed: 4},
	}, Filings: []*exchangev1.Filing{
		{SubmissionId: "F-2", Office: "10719110", Kind: "PreArrivalNotice", Received: at, Standing: "stands", Comparison: &exchangev1.FilingComparison{
			Result: "differs", Agreed: 1, Notices: []string{"m-1"}, NotCompared: []*exchangev1.NotCompared{{Subject: "total packages", Reason: "announced, not filed"}},
			Discrepancies: []*exchangev1.Discrepancy{{
				Code: "FIL_GROSS_MASS", Severity: "warning", Message: "18000 -> 18250.5", Subject: "waybill CNRU26030001", Path: "consignments[0].totals", ExpectedIn: "m-1",
				FoundIn: "submit/10719110/F-2", FoundPath: "consignments[0].totals", Expected: "18250.5", Found: "18000",
			}},
		}},
		{Sender: "CN", DocumentId: "F-1", Kind: "TransitDeclaration", Received: at, Standing: "changed"},
		{Office: "10719120", Kind: "PreArrivalNotice", Received: at, Standing: "taken back"},
	}}
	told.Controls = []*exchangev1.Control{
		{
			MessageId: "c-1", Sender: "RU", ToldTo: "CN", DocumentId: "C-1", Subject: "ABCU1234560", Kind: "XRAY", Outcome: "CONFORM", At: at, Office: "RU 10719110", Standing: "stands",
			Recognition: &exchangev1.Recognition{Recognised: true, Agreement: "An agreement", Row: "recognition/cn-ru.v1:RC020", Status: "demonstration", Until: "2027-12-31", Text: "recognised"},
		},
		{MessageId: "c-2", ToldTo: "RU", Subject: "D-1", Kind: "WEIGHING", Outcome: "MINOR", Office: "CN 0603", Standing: "changed", Recognition: &exchangev1.Recognition{Text: "not recognised"}, Attachments: []*exchangev1.NamedAttachment{
			{Name: "scan.jpg", Kind: "SCAN", MediaType: "image/jpeg", Size: 1048576, Sha256: "00aa"}, {Name: "v.png", Kind: "VEHICLE", State: "coming", Received: 7, Size: 9}, {Name: "s.png", Kind: "SEAL", State: "here", Erased: at, ErasedBy: "partner RU"},
			{Name: "g.png", Kind: "GOODS", State: "refused", Fault: &exchangev1.Fault{Message: "its bytes are others"}}, {Name: "a.pdf", Kind: "ACT", State: "denied"},
			{Name: "w.pdf", Kind: "WEIGHING", State: "erased", Erased: at, ErasedBy: "route cn-ru-inspection"}, {Name: "o.pdf", Kind: "OTHER", State: "handed over", HandedOver: at},
		}},
		{MessageId: "c-3", Sender: "RU", Kind: "OTHER", Outcome: "OTHER", Standing: "taken back"},
	}
	for _, kind := range []string{"DOCUMENT", "SEAL", "PARTIAL", "FULL", "RADIATION"} {
		told.Controls = append(told.Controls, &exchangev1.Control{MessageId: "c-" + kind, Kind: kind, Outcome: map[string]string{"DOCUMENT": "DISCREPANCY", "SEAL": "DETAINED"}[kind], Standing: "stands"})
	}
	told.Controls[len(told.Controls)-1].Outcome = "REFUSED"
	found := &exchangev1.Movement{MovementId: "mv-4", State: "controlled", Identifiers: []*exchangev1.Identifier{{Kind: "subject", Value: "ABCU1234560"}}}
	showsPages(t, "testdata/shift.golden", []func(*page){
		func(p *page) { p.movement(found) },
		func(p *page) { p.worklist(list) }, func(p *page) { p.movements(list) }, func(p *page) { p.timeline(timeline) }, func(p *page) { p.goods(goods) },
		func(p *page) { p.submissions(submissions) }, func(p *page) { p.message(submissions[0].Messages[0]) }, func(p *page) { p.movement(told) },
	})
}

// showsPages compares pages, in each language, with a golden.
func showsPages(t *testing.T, file string, shows []func(*page)) {
	t.Helper()
	var out bytes.Buffer
	for _, lang := range gateway.Languages {
		fmt.Fprintf(&out, "== %s\n", lang)
		for _, show := range shows {
			p := &page{w: &columns{w: &out}, zone: time.FixedZone("", 8*3600), lang: lang}
			show(p)
			if err := p.w.Flush(); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&out)
		}
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
