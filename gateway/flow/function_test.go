package flow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// TestWhatIsNotNewIsNeverAnnounced goes through the doors of a sender: what changes or takes
// back what nobody announced is refused at what it names, waits for no other part and completes
// none.
func TestWhatIsNotNewIsNeverAnnounced(t *testing.T) {
	w := newWorld(t)
	manifest, report := string(w.content("mt2401.xml")), string(w.content("mt4402.xml"))
	function := func(text, old, new string) []byte {
		if !strings.Contains(text, old) {
			t.Fatalf("no %s", old)
		}
		return []byte(strings.Replace(text, old, new, 1))
	}
	asJSON := func(content string) string {
		return string(document.Marshal(patient{w.cn.Chain, t}.Read([]byte(content), flow.XML, "CN", w.clock.Now()).Document))
	}
	for name, tt := range map[string]struct {
		content []byte
		media   string
		first   string // the other part, which is there already
		code    gateway.Code
		place   string
	}{
		"a manifest that deletes":        {function(manifest, "<FunctionCode>9", "<FunctionCode>3"), flow.XML, "", gateway.TakeOutUnknown, "TransportContractDocument[1]/d:ID[1]"},
		"a manifest that edits":          {function(manifest, "<FunctionCode>9", "<FunctionCode>5"), flow.XML, "", gateway.AmendUnknown, "TransportContractDocument[1]/d:ID[1]"},
		"a report that deletes":          {function(report, "<FunctionCode>2", "<FunctionCode>3"), flow.XML, "", gateway.TakeOutUnknown, "BorderTransportMeans[1]/d:ID[1]"},
		"the second part deletes":        {function(report, "<FunctionCode>2", "<FunctionCode>3"), flow.XML, "mt2401.xml", gateway.TakeOutUnknown, "BorderTransportMeans[1]/d:ID[1]"},
		"the second part edits":          {function(manifest, "<FunctionCode>9", "<FunctionCode>5"), flow.XML, "mt4402.xml", gateway.AmendUnknown, "TransportContractDocument[1]/d:ID[1]"},
		"a deletion in canonical JSON":   {function(asJSON(manifest), `"ORIGINAL"`, `"DELETION"`), flow.JSON, "", gateway.TakeOutUnknown, "/consignments/0/transportDocument/id"},
		"a change in canonical JSON":     {function(asJSON(manifest), `"ORIGINAL"`, `"CHANGE"`), flow.JSON, "mt4402.xml", gateway.AmendUnknown, "/consignments/0/transportDocument/id"},
		"a duplicate in canonical JSON":  {function(asJSON(manifest), `"ORIGINAL"`, `"DUPLICATE"`), flow.JSON, "", "GEN-0110", "/envelope/function"},
		"a report that replaces, JSON":   {function(asJSON(report), `"ADDITION"`, `"REPLACE"`), flow.JSON, "mt2401.xml", gateway.AmendUnknown, "/transport/vehicles/0/registration"},
		"a report that cancels, JSON":    {function(asJSON(report), `"ADDITION"`, `"CANCELLATION"`), flow.JSON, "", gateway.TakeOutUnknown, "/transport/vehicles/0/registration"},
		"an addition to a manifest":      {function(asJSON(manifest), `"ORIGINAL"`, `"ADDITION"`), flow.JSON, "", "GEN-0110", "/envelope/function"},
		"an original that names another": {function(asJSON(manifest), `"envelope":{`, `"envelope":{"references":[{"kind":"CHANGED","id":"M0"}],`), flow.JSON, "", gateway.AmendUnknown, "/envelope/references"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ctx := context.Background()
			if tt.first != "" {
				if s := w.submit("FIRST", tt.first); s.State != gateway.Held {
					t.Fatalf("the first part is %s: %v", s.State, s.Faults)
				}
			}
			sub := flow.Submission{ID: "X", MediaType: tt.media, Content: tt.content}
			checked, err := w.cn.Check(ctx, post, sub)
			if err != nil || checked.State != gateway.Faulty {
				t.Errorf("check says %s, %v", checked.State, err)
			}
			s, err := w.cn.Submit(ctx, post, sub)
			if err != nil || s.State != gateway.Faulty || s.MessageID != "" {
				t.Fatalf("it is %s, %v", s.State, err)
			}
			var refusing gateway.Faults
			for _, f := range s.Faults {
				if f.Severity == gateway.Error {
					refusing = append(refusing, f)
				}
			}
			if len(refusing) != 1 || refusing[0].Code != tt.code || !strings.HasSuffix(refusing[0].Location.Expr, tt.place) {
				t.Errorf("refused by %v, want %s at %s", refusing.Report("en"), tt.code, tt.place)
			}
			if held, err := w.cn.Store.Read().HeldPast(ctx, w.clock.Now().Add(1000*time.Hour), 10); err != nil || len(held) != strings.Count(tt.first, ".xml") {
				t.Errorf("%d parts wait, %v", len(held), err)
			}
			// The same crossing, said as new, is announced; what was refused stands in no way.
			for id, name := range map[string]string{"M1": "mt2401.xml", "V1": "mt4402.xml"} {
				if name != tt.first {
					w.submit(id, name)
				}
			}
			w.deliver()
			if len(w.out.sent) != 1 {
				t.Errorf("%d messages were sent", len(w.out.sent))
			}
		})
	}
}

// TestWhatIsNotNewIsNotReceivedAsNew: a partner's amendment of what has not come waits for a
// limited time, gets a signed refusal then and comes into no movement, also where it had waited
// for its table. What it deletes by a function code is refused at once.
func TestWhatIsNotNewIsNotReceivedAsNew(t *testing.T) {
	w := newWorld(t)
	w.notice()
	w.out.trouble = func(int) error { return os.ErrDeadlineExceeded }
	w.deliver()
	sent := w.out.sent[0]
	header := sent.Header()
	table, _ := w.cn.Chain.Tables.Table("ru/auto-preliminary.v1")
	amended := func(change func(*customsv1.Document)) string {
		d := patient{w.ru.Chain, t}.Read(sent.Payload(), flow.XML, "CN", w.clock.Now()).Document
		change(d)
		encoded, _, faults := table.Encode(d, false)
		if faults.Refuse() {
			t.Fatal(faults)
		}
		return string(encoded.Bytes())
	}
	renumbered := amended(func(d *customsv1.Document) {
		d.GetPreArrivalNotice().Changes = &customsv1.RegistrationNumber{Country: "RU", Date: &customsv1.Date{Value: "2026-02-27"}, Number: "000000123"}
	})
	referring := amended(func(d *customsv1.Document) {
		d.Envelope.References = append(d.Envelope.References, &customsv1.Reference{Kind: customsv1.ReferenceKind_CHANGED, Id: "5f0c1d52-7b6e-4a6e-9d58-3f1f0a5e0c11"})
	})
	manifest, err := os.ReadFile("../../mappings/testdata/goldens/cn/mt1401.v1/full.xml")
	if err != nil {
		t.Fatal(err)
	}
	back := header
	back.Sender, back.Recipient, back.Kind, back.KeyID = "RU", "CN", "Manifest", "ru-1"
	var said bytes.Buffer
	for i, tt := range []struct {
		name    string
		g       *flow.Gateway
		h       seal.Header
		payload string
		place   string
	}{
		{"a registered notice changed", w.ru, header, renumbered, "RefRegNumber[1]"},
		{"an earlier document changed", w.ru, header, referring, "AutoPreliminary[1]"},
		{"a manifest changed by its function code", w.cn, back, functionCode.ReplaceAllString(string(manifest), "<FunctionCode>5<"), "FunctionCode[1]"},
	} {
		tt.h.MessageID = gateway.MessageID("00000000-0000-4000-8000-99999999000" + string(rune('0'+i)))
		if got := w.receives(tt.g, tt.h, tt.payload); got != gateway.RCV {
			t.Errorf("%s: the verdict is %s", tt.name, got)
		}
		w.clock.add(flow.OriginalWait)
		if err := tt.g.JudgeDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		in, err := tt.g.Store.Read().Inbound(t.Context(), tt.h.Sender, tt.h.MessageID)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range in.Faults {
			if f.Code == gateway.OriginalMissing {
				inFiveLanguages(&said, tt.name, f)
			}
		}
		if in.State != gateway.Refused || in.MovementID != "" || !slices.ContainsFunc(in.Faults, func(f gateway.Fault) bool {
			return f.Code == gateway.OriginalMissing && strings.HasSuffix(f.Location.Expr, tt.place)
		}) {
			t.Errorf("%s: %s in movement %q, %v", tt.name, in.State, in.MovementID, in.Faults.Report("en"))
		}
	}
	golden(t, "testdata/original-missing.txt", said.Bytes())
	if found, _, _, err := w.ru.Find(t.Context(), "蒙E12345", 0, 10); err != nil || len(found) != 0 {
		t.Errorf("the truck is in %d movements, %v", len(found), err)
	}
	back.MessageID = "00000000-0000-4000-8000-999999990013"
	in := w.refusedBy(w.cn, back, functionCode.ReplaceAllString(string(manifest), "<FunctionCode>3<"))
	if !slices.ContainsFunc(in.Faults, func(f gateway.Fault) bool {
		return f.Code == "GEN-0108" && strings.HasSuffix(f.Location.Expr, "/d:Head[1]/d:FunctionCode[1]")
	}) {
		t.Errorf("a deletion: %v", in.Faults.Report("en"))
	}

	// What waited for its table is judged like what comes.
	parked := header
	parked.MessageID = "00000000-0000-4000-8000-999999990009"
	payload := strings.Replace(renumbered, "AutoPreliminary:5.23.0", "AutoPreliminary:5.24.0", 1)
	signed := w.sign(parked, []byte(payload))
	if _, err := w.ru.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, []byte(payload)); err != nil {
		t.Fatal(err)
	}
	w.ru.Chain = next(t, "2026-01-01", true)
	w.clock.add(flow.OriginalWait)
	if got := w.decode(string(parked.MessageID)); got[0].State != gateway.Refused || got[0].MovementID != "" || !slices.Contains(codesIn(got[0].Faults), gateway.OriginalMissing) {
		t.Errorf("decoded, it is %s in movement %q: %v", got[0].State, got[0].MovementID, got[0].Faults.Report("en"))
	}
}

// receives is the verdict on a payload under a header that its sender signs.
func (w *world) receives(g *flow.Gateway, h seal.Header, payload string) gateway.Verdict {
	w.t.Helper()
	signed := w.sign(h, []byte(payload))
	receipt, err := g.Receive(w.t.Context(), "customs://"+string(h.Sender)+"/gateway/1", []gateway.Administration{h.Sender}, signed.header, signed.signature, []byte(payload))
	if err != nil {
		w.t.Fatal(err)
	}
	var statement struct{ Verdict gateway.Verdict }
	if err := json.Unmarshal(receipt.Statement, &statement); err != nil {
		w.t.Fatal(err)
	}
	return statement.Verdict
}

var functionCode = regexp.MustCompile(`<FunctionCode>\d<`)

// refusedBy receives a payload under a header that its sender signs and returns what is
// held of it, which MUST be a refusal.
func (w *world) refusedBy(g *flow.Gateway, h seal.Header, payload string) store.Inbound {
	w.t.Helper()
	if got := w.receives(g, h, payload); got != gateway.ERR {
		w.t.Errorf("the verdict is %s", got)
	}
	in, err := g.Store.Read().Inbound(w.t.Context(), h.Sender, h.MessageID)
	if err != nil || in.State != gateway.Refused || len(in.Faults) == 0 {
		w.t.Fatalf("it is %s with %v, %v", in.State, in.Faults, err)
	}
	return in
}
