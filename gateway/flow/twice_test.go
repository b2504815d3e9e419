package flow_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// A gateway of another make may send two documents under one id. The second, of other content, is
// refused as long as the first stands, whatever kind it is and wherever it goes; the same content
// again is the same, and what was refused or taken back may be sent anew.
func TestADocumentUnderTheIDOfAnother(t *testing.T) {
	var out bytes.Buffer
	for _, b := range borders {
		w := newPair(t, b.to)
		m, id := w.announced(b, tripOf(1, w))
		w.send(b)
		m = w.message(m.ID)
		n := 0
		again := func(old, new string) store.Inbound {
			t.Helper()
			n++
			h, err := seal.ParseHeader(m.Header)
			if err != nil {
				t.Fatal(err)
			}
			h.MessageID = gateway.MessageID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n))
			if !bytes.Contains(m.Payload, []byte(old)) {
				t.Fatalf("no %q in\n%s", old, m.Payload)
			}
			payload := bytes.ReplaceAll(m.Payload, []byte(old), []byte(new))
			signed := w.sign(h, payload)
			if _, err := w.ru.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, payload); err != nil {
				t.Fatal(err)
			}
			in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", h.MessageID)
			if err != nil {
				t.Fatal(err)
			}
			return in
		}
		in := again(">420<", ">421<")
		i := slices.Index(codesIn(in.Faults), gateway.IDReuse)
		if in.State != gateway.Refused || i < 0 || in.Faults[i].Location.Expr == "" || in.MovementID != "" {
			t.Fatalf("%s: the second is %s: %v", b.to, in.State, in.Faults.Report("en"))
		}
		inFiveLanguages(&out, string(b.to)+", a second document under an id", in.Faults[i])
		if same := again(">420<", ">420<"); same.State != gateway.Accepted {
			t.Errorf("%s: the same again is %s: %v", b.to, same.State, same.Faults.Report("en"))
		}
		if m := found(w, w.ru, tripOf(1, w).waybills()[0]); len(m.Counting()) != 1 {
			t.Errorf("%s: %d count", b.to, len(m.Counting()))
		}
		if b.to == "RU" { // it takes numbers to cancel
			w.answers(b, "R1", m.DocumentID, registered)
		}
		w.cancel(b, "C1", id)
		w.send(b)
		if b.to == "RU" {
			w.answers(b, "R2", batched{w, b, tripOf(1, w)}.last().DocumentID, `"status": "CANCELLED", "results": [{"code": "0", "descriptions": ["ok"], "category": "INFO"}]`)
		}
		if anew := again(">420<", ">422<"); anew.State != gateway.Accepted {
			t.Errorf("%s: what was taken back, anew: %s %v", b.to, anew.State, anew.Faults.Report("en"))
		}
	}

	// The way back: a Russian manifest.
	w := newWorld(t)
	s, err := w.ru.Submit(t.Context(), russianPost, flow.Submission{ID: "one", MediaType: flow.JSON, Content: russianManifest(1)})
	if err != nil || s.State != gateway.Sent {
		t.Fatalf("%s %v %v", s.State, s.Faults.Report("en"), err)
	}
	_ = w.ru.DeliverDue(t.Context(), "CN")
	sent, err := w.ru.Store.Read().Message(t.Context(), s.MessageID)
	if err != nil || sent.State != gateway.Accepted {
		t.Fatalf("it is %s, %v", sent.State, err)
	}
	h, err := seal.ParseHeader(sent.Header)
	if err != nil {
		t.Fatal(err)
	}
	h.MessageID = "00000000-0000-4000-8000-000000000099"
	payload := []byte(strings.ReplaceAll(string(sent.Payload), ">100.5<", ">101.5<"))
	signed := w.sign(h, payload)
	if _, err := w.cn.Receive(t.Context(), "customs://RU/gateway/1", []gateway.Administration{"RU"}, signed.header, signed.signature, payload); err != nil {
		t.Fatal(err)
	}
	in, err := w.cn.Store.Read().Inbound(t.Context(), "RU", h.MessageID)
	if err != nil || in.State != gateway.Refused || !slices.Contains(codesIn(in.Faults), gateway.IDReuse) {
		t.Errorf("a second manifest is %s: %v, %v", in.State, in.Faults.Report("en"), err)
	}
	golden(t, "testdata/document-again.txt", out.Bytes())
}
