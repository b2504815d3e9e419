package flow_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/flow"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// waiting are the messages of partners that wait, by their ids.
func waiting(t *testing.T, g *flow.Gateway) map[string]store.Troubled {
	t.Helper()
	all, err := g.Store.Read().Troubled(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]store.Troubled)
	for _, w := range all {
		out[w.ID] = w
	}
	return out
}

// judgeAll judges what is due until nothing is.
func judgeAll(t *testing.T, g *flow.Gateway) {
	t.Helper()
	for range 100 {
		due, err := g.Store.Unjudged(t.Context(), g.Now(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			return
		}
		if err := g.JudgeDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("something is always due")
}

// A partner that sends changes of what has not come without end has so many wait, and is asked to
// send the others later: nothing is kept of them, and whatever else it sends is taken. They are not
// asked for in the meantime, and when what they change is known they are judged, all at once.
func TestAPartnersEarlyChangesAreBounded(t *testing.T) {
	x := newNumbered(t)
	m := x.announce(1)
	send := func(h seal.Header, payload string) error {
		signed := x.w.sign(h, []byte(payload))
		_, err := x.w.ru.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, []byte(payload))
		return err
	}
	var ids []gateway.MessageID
	var again func() error
	for range flow.MaxEarly {
		h, payload := x.changing(m, "000000300", nil)
		if err := send(h, payload); err != nil {
			t.Fatal(err)
		}
		ids, again = append(ids, h.MessageID), func() error { return send(h, payload) }
	}
	var full *budget.ExhaustedError
	h, payload := x.changing(m, "000000300", nil)
	for range 3 {
		if err := send(h, payload); !errors.As(err, &full) || full.After <= 0 {
			t.Fatalf("one more: %v", err)
		}
	}
	if _, err := x.w.ru.Store.Read().Arrival(t.Context(), store.DoorPeer, "CN", string(h.MessageID)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is kept: %v", err)
	}
	if err := again(); err != nil {
		t.Errorf("one of those that wait, delivered again: %v", err)
	}
	second := x.announce(2) // which is what they do not change
	x.w.answers(x.b, "A2", second.DocumentID, as("000000202"))
	if err := send(x.changing(second, "000000202", nil)); err != nil {
		t.Errorf("a change of what is there: %v", err)
	}

	// A second look, and then none until the end.
	x.w.ru, x.w.cn = restarted(x.w.ru), restarted(x.w.cn)
	x.w.clock.add(flow.OriginalEvery)
	judgeAll(t, x.w.ru)
	before := waiting(t, x.w.ru)
	if len(before) != flow.MaxEarly {
		t.Fatalf("%d wait", len(before))
	}
	for range 20 {
		x.w.clock.add(time.Minute)
		judgeAll(t, x.w.ru)
	}
	for id, w := range waiting(t, x.w.ru) {
		if w.Commit != before[id].Commit || w.Tries != 0 || w.Parked {
			t.Fatalf("%s was judged in the meantime: %+v", id, w)
		}
	}
	x.w.answers(x.b, "A1", m.DocumentID, as("000000300"))
	judgeAll(t, x.w.ru)
	for _, id := range ids {
		if in, err := x.w.ru.Store.Read().Inbound(t.Context(), "CN", id); err != nil || in.State != gateway.Accepted {
			t.Fatalf("%s is %s: %v, %v", id, in.State, in.Faults.Report("en"), err)
		}
	}
	if err := send(h, payload); err != nil || len(waiting(t, x.w.ru)) != 0 {
		t.Errorf("what was asked for later: %v, and %d wait", err, len(waiting(t, x.w.ru)))
	}
}

// A chain of changes that comes in the opposite order is judged as soon as its first has come,
// without the clock.
func TestAChainThatComesBackwardsIsJudgedWhenItsFirstComes(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			x := newBatch(t, b, 30*time.Minute)
			x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
			chain := []store.Message{x.w.message(x.messages(x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined))[0].ID)}
			for n := 2; n < 5; n++ {
				x.w.send(x.b)
				s := x.submit(fmt.Sprint("M", n), x.manifest("5", n, map[int]string{1: fmt.Sprint(420 + n)}), gateway.Joined)
				chain = append(chain, x.w.message(x.messages(s)[0].ID))
			}
			other := newPair(t, b.to)
			for i := len(chain) - 1; i >= 0; i-- {
				m := chain[i]
				if _, err := other.ru.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, m.Header, m.Signature, m.Payload); err != nil {
					t.Fatal(err)
				}
				if n := len(waiting(t, other.ru)); i > 0 && n != len(chain)-i {
					t.Fatalf("%d wait", n)
				}
			}
			judgeAll(t, other.ru)
			for i, m := range chain {
				in, err := other.ru.Store.Read().Inbound(t.Context(), "CN", m.ID)
				if err != nil || in.State != gateway.Accepted || i > 0 && in.Replaces != chain[i-1].ID {
					t.Errorf("version %d is %s and replaces %s: %v, %v", i+1, in.State, in.Replaces, in.Faults.Report("en"), err)
				}
			}
		})
	}
}

// On the way back, where the form names nothing that it changes, the waybills do.
func TestAManifestsChangeIsJudgedWhenTheManifestComes(t *testing.T) {
	manifest, err := os.ReadFile("../../mappings/testdata/goldens/cn/mt1401.v1/full.xml")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	at := w.clock.Now()
	h := seal.Header{MessageID: "00000000-0000-4000-8000-999999990001", Kind: "Manifest", Sender: "RU", Recipient: "CN", KeyID: "ru-1", Created: at}
	if got := w.receives(w.cn, h, functionCode.ReplaceAllString(string(manifest), "<FunctionCode>5<")); got != gateway.RCV {
		t.Fatalf("the verdict on the change is %s", got)
	}
	other := h
	other.MessageID = "00000000-0000-4000-8000-999999990002"
	if got := w.receives(w.cn, other, functionCode.ReplaceAllString(string(manifest), "<FunctionCode>9<")); got != gateway.PRS {
		t.Fatalf("the verdict on the manifest is %s", got)
	}
	judgeAll(t, w.cn)
	if in, err := w.cn.Store.Read().Inbound(t.Context(), "RU", h.MessageID); err != nil || in.State != gateway.Accepted || in.Replaces != other.MessageID {
		t.Errorf("the change is %s and replaces %s: %v, %v", in.State, in.Replaces, in.Faults.Report("en"), err)
	}
}
