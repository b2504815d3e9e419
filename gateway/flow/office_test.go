package flow_test

import (
	"fmt"
	"slices"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
)

// TestArrivalAtAnotherPostThanTheUnionsNoticeSays: the notices of the EAEU name an office
// by its code alone, so whose it is nobody says; that it is another one is told.
func TestArrivalAtAnotherPostThanTheUnionsNoticeSays(t *testing.T) {
	for _, table := range []string{"eaeu/auto-preliminary.v1+ru", "ru/auto-preliminary.v1"} {
		for code, want := range map[string]bool{"10719110": false, "10716060": true} {
			t.Run(table+" "+code, func(t *testing.T) {
				w := newWorld(t)
				w.notice()
				w.out.trouble = func(int) error { return fmt.Errorf("kept") }
				w.deliver()
				sent := w.out.sent[0]
				format, ok := w.cn.Chain.Tables.Table(table)
				if !ok {
					t.Fatal("no table")
				}
				encoded, _, faults := format.Encode(w.ru.Chain.Read(sent.Payload(), flow.XML, "CN", w.clock.Now()).Document, false)
				if faults.Refuse() {
					t.Fatal(faults.Report("en"))
				}
				h := sent.Header()
				h.MessageID = "00000000-0000-4000-8000-00000000d7d7"
				signed := w.sign(h, encoded.Bytes())
				if _, err := w.ru.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, encoded.Bytes()); err != nil {
					t.Fatal(err)
				}
				if in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", h.MessageID); err != nil || in.State != gateway.Accepted {
					t.Fatalf("the notice is %s: %v, %v", in.State, in.Faults.Report("en"), err)
				}
				m, err := w.ru.RecordArrival(t.Context(), flow.Caller{URI: "customs://RU/office/1", Office: code}, "A1", []byte(`{
					"envelope": {"documentId": "A1", "issued": "2026-03-01T12:05:00+09:00"},
					"arrivalReport": {"office": {"code": "`+code+`"}, "at": "2026-03-01T12:00:00+09:00",
						"transport": {"vehicles": [{"role": "TRACTOR", "registration": "MENGE12345"}]}}}`))
				if err != nil || len(m.Announced) != 1 || len(m.Comparisons) != 1 {
					t.Fatalf("the arrival is of %d notices, %v", len(m.Announced), err)
				}
				told := slices.ContainsFunc(m.Comparisons[0].Discrepancies, func(d reconcile.Discrepancy) bool { return d.Code == gateway.CmpOffice })
				if told != want {
					t.Errorf("told that it is another office: %v: %v", told, codesOf(m.Comparisons[0]))
				}
			})
		}
	}
}

func codesOf(c reconcile.Comparison) (codes []gateway.Code) {
	for _, d := range c.Discrepancies {
		codes = append(codes, d.Code)
	}
	return codes
}
