package flow_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// unsignedErrors are a partner's words without a signature, one of them at a place in its own XML.
var unsignedErrors = []gateway.Report{
	{
		Code: gateway.RefusedUnsigned, Severity: gateway.Error, Value: "CP01-0007", Wants: gateway.Term("The plate is not known."), Expected: "The plate is not known.", Remedy: gateway.BySender,
		Location: "/autop:AutoPreliminary[1]/autop:MainConsignmentDetails[1]",
	},
	{Code: gateway.RefusedUnsigned, Severity: gateway.Error, Value: "CP01-0008", Wants: gateway.Term("x"), Expected: "x", Location: "nowhere at all"},
}

// TestARefusalWithoutASignatureIsNoRefusal: the message is a dead letter of unknown outcome, those who submitted are told
// what the partner says, and it is not sent again; by the answer to a delivery, or by itself.
func TestARefusalWithoutASignatureIsNoRefusal(t *testing.T) {
	for name, answer := range map[string]peer.Answer{"at once": {Unsigned: true, Refusal: unsignedErrors}, "by itself": {Later: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			w, f := overAFolder(t, answer)
			id := w.notice()
			w.deliver()
			if name == "by itself" {
				if state, err := w.cn.TakeSignal(t.Context(), "ru", []gateway.Administration{"RU"}, id, flow.Signal{Verdict: gateway.ERR, Refusal: unsignedErrors}, []byte("signal")); err != nil || state != gateway.Dead {
					t.Fatal(state, err)
				}
			}
			m := w.message(id)
			if m.State != gateway.Dead || m.Reason != "refused without a signature: "+gateway.OutcomeUnknown || m.Receipt != nil || m.LastError != "" {
				t.Errorf("%s, %s, %q", m.State, m.Reason, m.LastError)
			}
			s, err := w.cn.Store.Read().Submission(t.Context(), "0603", "V1")
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, f := range s.Faults {
				if f.Code == gateway.RefusedUnsigned {
					texts = append(texts, f.Text("en"))
				}
			}
			if len(texts) != 2 || !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "CP01-0007: The plate is not known.") }) {
				t.Errorf("it is told %q", texts)
			}
			w.clock.add(time.Hour)
			w.deliver()
			if len(f.sent) != 1 {
				t.Errorf("it is sent %d times", len(f.sent))
			}
			for _, v := range w.promised(true) {
				t.Error(v)
			}
		})
	}
}

// TestSignalsWithoutASignature: each in each state of a message. What is not expected changes nothing.
func TestSignalsWithoutASignature(t *testing.T) {
	w, _ := overAFolder(t, peer.Answer{Later: time.Minute})
	id := w.notice()
	signal := func(from gateway.Administration, s flow.Signal) (gateway.MessageState, error) {
		return w.cn.TakeSignal(t.Context(), "ru", []gateway.Administration{from}, id, s, []byte("signal"))
	}
	rcv, prs := flow.Signal{Verdict: gateway.RCV, Wait: time.Hour}, flow.Signal{Verdict: gateway.PRS}
	if _, err := signal("RU", prs); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before it is sent: %v", err)
	}
	w.deliver()
	if _, err := signal("KZ", prs); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("by another: %v", err)
	}
	if state, err := signal("RU", rcv); err != nil || state != gateway.Sending || !w.message(id).NextAttempt.Equal(w.clock.Now().Add(time.Hour)) {
		t.Errorf("RCV: %s, %v, next %v", state, err, w.message(id).NextAttempt)
	}
	next := w.message(id).NextAttempt
	w.clock.add(10 * time.Minute)
	if state, err := signal("RU", rcv); err != nil || state != gateway.Sending || !w.message(id).NextAttempt.Equal(next) {
		t.Errorf("RCV again: %s, %v, next %v", state, err, w.message(id).NextAttempt)
	}
	for i, c := range []struct {
		signal flow.Signal
		want   gateway.Code
	}{{prs, ""}, {prs, ""}, {rcv, ""}, {flow.Signal{Verdict: gateway.ERR, Refusal: unsignedErrors}, gateway.SignalUnexpected}} {
		state, err := signal("RU", c.signal)
		if state != gateway.Unsigned || c.want == "" && err != nil || c.want != "" && codeOf(err) != c.want {
			t.Errorf("%d: %s, %v", i, state, err)
		}
	}
	for _, v := range w.promised(true) {
		t.Error(v)
	}
	// Where RCV is the end it ends.
	w, _ = overAFolder(t, peer.Answer{Later: time.Minute})
	id = w.notice()
	w.deliver()
	if state, err := signal("RU", flow.Signal{Verdict: gateway.RCV}); err != nil || state != gateway.Unsigned {
		t.Errorf("%s, %v", state, err)
	}
}

// TestAPartnerThatOnlyEverReceivesEndsNothing: however often RCV comes, signed or not, and however long the verdict is to be
// waited for, the message ends with its validity.
func TestAPartnerThatOnlyEverReceivesEndsNothing(t *testing.T) {
	w, f := overAFolder(t, peer.Answer{Later: 24 * time.Hour})
	id := w.notice()
	w.deliver()
	until := w.message(id).ValidUntil
	for n := 0; w.clock.Now().Before(until); n++ {
		if n > 10_000 {
			t.Fatal("its validity never ends")
		}
		if _, err := w.cn.TakeSignal(t.Context(), "ru", []gateway.Administration{"RU"}, id, flow.Signal{Verdict: gateway.RCV, Wait: 24 * time.Hour}, []byte("signal")); err != nil {
			t.Fatal(err)
		}
		if next := w.message(id).NextAttempt; next.After(until.Add(1)) {
			t.Fatalf("the next attempt is at %v, behind %v", next, until)
		}
		w.clock.add(20 * time.Hour)
	}
	w.deliver()
	if m := w.message(id); m.State != gateway.Dead || !strings.HasSuffix(m.Reason, gateway.OutcomeUnknown) {
		t.Errorf("%s, %s", m.State, m.Reason)
	}
	if len(f.sent) != 1 {
		t.Errorf("it is sent %d times", len(f.sent))
	}
}

// counting is a link that gives a signed RCV and says how long the verdict is waited for.
type counting struct {
	w    *world
	wait time.Duration
	sent int
}

func (c *counting) Deliver(ctx context.Context, m seal.Sealed) (peer.Answer, error) {
	c.sent++
	if _, err := c.w.ru.Receive(ctx, "cn", []gateway.Administration{"CN"}, m.HeaderBytes(), m.Signature(), m.Payload()); err != nil {
		return peer.Answer{}, err
	}
	a, err := c.w.ru.Store.Read().Arrival(ctx, store.DoorPeer, "CN", string(m.Header().MessageID))
	if err != nil {
		return peer.Answer{}, err
	}
	return peer.Answer{Receipt: peer.Receipt(*a.Receipt), Later: c.wait}, nil
}

// TestAVerdictIsWaitedForAsAgreed: a signed RCV over a link on which that is agreed is followed up when it is time to.
func TestAVerdictIsWaitedForAsAgreed(t *testing.T) {
	w := newWorld(t)
	link := &counting{w: w, wait: 7 * time.Minute}
	w.cn.Links = map[gateway.Administration]flow.Link{"RU": link}
	w.cn = flow.New(w.cn.Options)
	id := w.notice()
	w.deliver()
	if m := w.message(id); m.State != gateway.Received || !m.NextAttempt.Equal(w.clock.Now().Add(7*time.Minute)) {
		t.Fatalf("%s, next %v", m.State, m.NextAttempt)
	}
	w.clock.add(6 * time.Minute)
	w.deliver()
	if link.sent != 1 {
		t.Errorf("it is sent %d times", link.sent)
	}
	w.clock.add(time.Minute)
	w.deliver()
	if link.sent != 2 {
		t.Errorf("it is sent %d times", link.sent)
	}
}
