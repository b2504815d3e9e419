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

// TestBothAddresseesAreShown, each with its own state, in each language: by status, list and watch.
func TestBothAddresseesAreShown(t *testing.T) {
	message := func(id, to, state, withdrawal string) *exchangev1.MessageStatus {
		return &exchangev1.MessageStatus{MessageId: id, Recipient: to, State: state, Withdrawal: withdrawal, Parts: []string{"M1", "V1"}}
	}
	submission := func(state, to string, waits []string, m *exchangev1.MessageStatus, second *exchangev1.Submission) *exchangev1.Submission {
		s := &exchangev1.Submission{SubmissionId: "V1", Office: "9402", Kind: "VehicleReport", Batch: "B1", State: state, To: to, WaitsFor: waits, Commit: 7, Second: second}
		if m != nil {
			s.Message, s.Messages = m, []*exchangev1.MessageStatus{m}
		}
		return s
	}
	refused := submission("joined", "RU", nil, message("00000000-0000-4000-8000-000000000002", "RU", "refused", ""), nil)
	refused.Faults = []*exchangev1.Fault{{Code: "EAEU-0208", Severity: "error", Message: "…"}}
	withdrawn := submission("withdrawn", "RU", nil, nil, nil)
	withdrawn.StateReason = "what it goes with is for one addressee alone"
	all := []*exchangev1.Submission{
		submission("joined", "KZ", nil, message("00000000-0000-4000-8000-000000000001", "KZ", "accepted", "taken back"), refused),
		submission("held", "KZ", []string{"vehicle"}, nil, submission("held", "RU", []string{"vehicle"}, nil, nil)),
		submission("done", "KZ", nil, nil, submission("held", "RU", []string{"answer"}, nil, nil)),
		submission("joined", "KZ", nil, message("00000000-0000-4000-8000-000000000003", "KZ", "accepted", ""), withdrawn),
		submission("joined", "KZ", nil, message("00000000-0000-4000-8000-000000000004", "KZ", "accepted", ""), nil),
	}
	var out bytes.Buffer
	for _, lang := range gateway.Languages {
		fmt.Fprintf(&out, "== %s\n", lang)
		print := func(show func(p *page)) {
			p := &page{w: &columns{w: &out}, zone: time.UTC, lang: lang}
			show(p)
			if err := p.w.Flush(); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&out)
		}
		for _, s := range all {
			print(func(p *page) { p.submission(s) })
			print(func(p *page) { p.event(&exchangev1.SubmissionEvent{Commit: 7, Submission: s}) })
		}
		print(func(p *page) { p.submissions(all) })
	}
	const file = "testdata/second.golden"
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
