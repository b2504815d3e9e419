package flow_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
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
				encoded, _, faults := format.Encode(patient{w.ru.Chain, t}.Read(sent.Payload(), flow.XML, "CN", w.clock.Now()).Document, false)
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
				m, err := w.ru.RecordArrival(t.Context(), flow.Caller{URI: "customs://RU/office/1", Office: code}, flow.Record{ID: "A1", Content: []byte(`{
					"envelope": {"documentId": "A1", "issued": "2026-03-01T12:05:00+09:00"},
					"arrivalReport": {"office": {"code": "` + code + `"}, "at": "2026-03-01T12:00:00+09:00",
						"transport": {"vehicles": [{"role": "TRACTOR", "registration": "MENGE12345"}]}}}`), Reason: diverted[want]})

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

// diverted is the reason that an office needs which is not on the route, and no other.
var diverted = map[bool]string{true: "diverted: the lane is closed"}

func codesOf(c reconcile.Comparison) (codes []gateway.Code) {
	for _, d := range c.Discrepancies {
		codes = append(codes, d.Code)
	}
	return codes
}

// TestArrivalOfEveryNoticeOfTheUnion: road and rail, in the form of each profile. An office
// is the same by its five digits as by its eight, goods in transit may be seen where any of
// them is to go, and elsewhere is told.
func TestArrivalOfEveryNoticeOfTheUnion(t *testing.T) {
	for _, tt := range []struct {
		own   gateway.Administration
		table string
		seen  map[string]bool // at which office: whether that is told to be another one
	}{
		{"KZ", "eaeu/auto-preliminary.v1+kz", map[string]bool{"39899001": false, "99001": false, "39899030": false, "99009": true}},
		{"KZ", "eaeu/rail-preliminary.v1+kz", map[string]bool{"39899003": false, "99003": false, "99030": false, "39899009": true, "99009": true}},
		{"RU", "eaeu/auto-preliminary.v1+ru", map[string]bool{"10719110": false, "19110": true}},
		{"RU", "ru/rw-preliminary.v1", map[string]bool{"10799003": false, "10799030": false, "99030": true, "10716060": true}},
	} {
		for code, want := range tt.seen {
			t.Run(tt.table+" "+code, func(t *testing.T) {
				w := newWorld(t)
				g := w.of(tt.own)
				full, err := os.ReadFile("../../mappings/testdata/goldens/" + tt.table + "/full.json")
				if err != nil {
					t.Fatal(err)
				}
				notice := document.Parse(full).Document
				notice.Envelope.References, notice.GetPreArrivalNotice().Changes = nil, nil // a new one
				notice.Envelope.Issued = &customsv1.Instant{Value: "2026-03-01T10:00:00+09:00"}
				notice.GetPreArrivalNotice().ExpectedArrival = &customsv1.Instant{Value: "2026-03-01T11:30:00+09:00"}
				table, ok := g.Chain.Tables.Table(tt.table)
				if !ok {
					t.Fatal("no table")
				}
				encoded, _, faults := table.Encode(notice, false)
				if faults.Refuse() {
					t.Fatal(faults)
				}
				raw := encoded.Bytes()
				var plate string
				for _, id := range reconcile.Identifiers(notice) {
					if id.Kind == reconcile.Vehicle {
						plate = id.Value
					}
				}
				h := seal.Header{
					MessageID: "00000000-0000-4000-8000-00000000d7d7", Kind: "PreArrivalNotice", Sender: "CN", Recipient: tt.own, KeyID: "cn-1",
					Conversation: "c", DocumentID: notice.GetEnvelope().GetDocumentId(), Created: w.clock.Now(),
				}
				signed := w.sign(h, raw)
				if _, err := g.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, raw); err != nil {
					t.Fatal(err)
				}
				if in, err := g.Store.Read().Inbound(t.Context(), h.Sender, h.MessageID); err != nil || in.State != gateway.Accepted {
					t.Fatalf("the notice is %s: %v, %v", in.State, in.Faults, err)
				}
				m, err := g.RecordArrival(t.Context(), flow.Caller{URI: "customs://KZ/office/1", Office: code}, flow.Record{ID: "A1", Content: []byte(`{
					"envelope": {"documentId": "A1", "issued": "2026-03-01T02:05:00Z"},
					"arrivalReport": {"office": {"code": "` + code + `"}, "at": "2026-03-01T02:00:00Z", "transport": {"vehicles": [{"registration": "` + plate + `"}]}}}`), Reason: diverted[want]})

				if err != nil || len(m.Announced) != 1 || len(m.Comparisons) != 1 {
					t.Fatalf("the arrival of %s is of %d notices, %v", plate, len(m.Announced), err)
				}
				if told := slices.Contains(codesOf(m.Comparisons[0]), gateway.CmpOffice); told != want {
					t.Errorf("told that it is another office: %v: %+v, entry %+v, ends %+v", told, codesOf(m.Comparisons[0]), m.Announced[0].Facts.Entry, m.Announced[0].Facts.Destinations)
				}
			})
		}
	}
}

// of is a gateway of an administration that takes messages from China.
func (w *world) of(own gateway.Administration) *flow.Gateway {
	w.t.Helper()
	if own == w.ru.Own {
		return w.ru
	}
	return w.gateway(own, filepath.Join(signingKeys(w.t), "ru", "signing.pem"), w.ru.Trust, nil)
}
