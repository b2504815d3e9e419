package flow_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
)

// TestAnEntryIsRecordedInItsOwnForm: what a post has of a vehicle's coming in, in its national XML,
// belongs to the movement that comes in. It is never an announcement.
func TestAnEntryIsRecordedInItsOwnForm(t *testing.T) {
	w := newWorld(t)
	post := flow.Caller{URI: "customs://CN/office/0603", Office: "0603"}
	for _, tt := range []struct {
		name, file, change, to string
		code                   gateway.Code // of the refusal; empty: it is recorded
		empty                  bool
	}{
		{name: "laden", file: "cn/mt4401.v1/minimal.xml"},
		{name: "empty", file: "cn/mt4403.v1/minimal.xml", empty: true},
		{name: "with empty containers", file: "cn/mt4405.v1/minimal.xml", empty: true},
		{name: "a tally", file: "cn/mt5401.v1/minimal.xml", change: "<FunctionCode>3<", to: "<FunctionCode>2<"},
		{name: "an exit", file: "cn/mt4404.v1/minimal.xml", code: gateway.ArrivalLeaving},
		{name: "a tally for export", file: "cn/mt5402.v1/minimal.xml", code: gateway.ArrivalLeaving},
		{name: "an arrival for export", file: "cn/mt3402.v1/minimal.xml", change: "<FunctionCode>3<", to: "<FunctionCode>2<", code: gateway.ArrivalLeaving},
		{name: "a manifest", file: "cn/mt2401.v1/minimal.xml", code: gateway.KindUnexpected},
		{name: "a deletion that names nothing", file: "cn/mt5401.v1/minimal.xml", change: "<FunctionCode>2<", to: "<FunctionCode>3<", code: "GEN-0117"},
		{name: "of another office", file: "cn/mt4403.v1/minimal.xml", change: "<DeclarationOfficeID>0603<", to: "<DeclarationOfficeID>0604<", code: gateway.NotOwnOffice},
	} {
		raw, err := os.ReadFile("../../mappings/testdata/goldens/" + tt.file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		if tt.change != "" {
			text = strings.Replace(text, tt.change, tt.to, 1)
		}
		m, err := w.cn.RecordArrival(t.Context(), post, flow.Record{ID: tt.name, MediaType: "application/xml", Content: []byte(text)})
		var faults gateway.Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatalf("%s: %v", tt.name, err)
		}
		switch {
		case tt.code != "" && !has(faults, tt.code):
			t.Errorf("%s: recorded as %+v, refused for %v, want %s", tt.name, m.ID, faults.Report("en"), tt.code)
		case tt.code == "" && (err != nil || m.State() != reconcile.StateArrivedUnannounced || !slices.ContainsFunc(m.Arrivals, func(r reconcile.Record) bool {
			return r.Message == gateway.MessageID("border/0603/"+tt.name) && r.Facts.Empty == tt.empty
		})):
			t.Errorf("%s: %v, %+v", tt.name, faults.Report("en"), m)
		}
		if tt.code != "" {
			continue
		}
		sub, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: gateway.SubmissionID("S " + tt.name), MediaType: "application/xml", Content: []byte(text)})
		if err != nil || sub.State != gateway.Faulty || !has(sub.Faults, gateway.ArrivalByRecord) {
			t.Errorf("%s, submitted: %v, %s %v", tt.name, err, sub.State, sub.Faults.Report("en"))
		}
	}
}

func has(faults gateway.Faults, code gateway.Code) bool {
	for _, f := range faults {
		if f.Code == code {
			return true
		}
	}
	return false
}
