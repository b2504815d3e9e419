package flow_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
)

// TestAnOutcomeIsAskedForBeforeItIsUnknown: when the validity of what was sent is over, its partner is asked, not before
// all that may be under way has ended; what it has signed decides, and only silence until the time is over leaves the
// outcome unknown.
func TestAnOutcomeIsAskedForBeforeItIsUnknown(t *testing.T) {
	died := func(outcome string) string { return "dead expired: " + outcome }
	for name, c := range map[string]struct {
		arrives bool           // it has reached the partner, and the receipt was lost
		unread  bool           // and the partner could not judge it
		meet    func(w *world) // when it is asked
		want    string         // state and reason after the first question
		ends    string         // and in the end
		later   func(w *world) // before the second question
	}{
		"it never came":                 {want: died(gateway.NeverHandedOver)},
		"its receipt was lost":          {arrives: true, want: "accepted"},
		"it is not judged":              {arrives: true, unread: true, want: "received", ends: died(gateway.OutcomeUnknown)},
		"nobody answers":                {arrives: true, meet: func(w *world) { w.out.away = true }, want: "sent", ends: died(gateway.OutcomeUnknown)},
		"nobody answers at first":       {arrives: true, meet: func(w *world) { w.out.away = true }, want: "sent", later: func(w *world) { w.out.away = false }, ends: "accepted"},
		"the answer's signature is bad": {meet: func(w *world) { w.out.spoilPage = func(r *peer.Receipt) { r.Signature[8]++ } }, want: "sent", ends: died(gateway.OutcomeUnknown)},
		"the answer is to another question": {meet: func(w *world) {
			var first *peer.Receipt
			w.out.spoilPage = func(r *peer.Receipt) {
				if first == nil {
					kept := *r
					first = &kept
					r.Statement = nil
					return
				}
				*r = *first
			}
		}, want: "sent", ends: died(gateway.OutcomeUnknown)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.notice()
			stands := func(want string) {
				t.Helper()
				if m := w.message(id); strings.TrimSpace(string(m.State)+" "+m.Reason) != want {
					t.Fatalf("it is %s %s (%s), want %s", m.State, m.Reason, m.LastError, want)
				}
			}
			if c.unread {
				spoil(t, w.ru, reconcile.Vehicle, "蒙E12345")
			}
			w.out.lose = func(int) bool { return true }
			if !c.arrives {
				w.out.trouble = func(int) error { return errors.New("reset in mid-air") }
			}
			w.deliver()
			stands("sent")
			until := w.message(id).ValidUntil
			w.clock.add(until.Sub(w.clock.Now()) + time.Second)
			w.deliver()
			tries := w.out.tries
			if w.out.asked != 0 {
				t.Error("it is asked while an attempt may be under way")
			}
			if got, err := w.cn.WaitsOf(t.Context(), id); err != nil || !slices.Contains(reasons(got), gateway.WaitStatus) || !got.Next.Equal(until.Add(flow.StatusQuiet)) {
				t.Errorf("it waits for %v until %v, %v", reasons(got), got.Next, err)
			}
			if c.meet != nil {
				c.meet(w)
			}
			w.clock.add(flow.StatusQuiet)
			w.deliver()
			stands(c.want)
			if w.out.asked != 1 || w.out.tries != tries {
				t.Errorf("asked %d times, and handed over %d times more", w.out.asked, w.out.tries-tries)
			}
			if c.later != nil {
				c.later(w)
			}
			for range 40 {
				w.clock.add(30 * time.Second)
				w.deliver()
			}
			if c.ends == "" {
				c.ends = c.want
			}
			stands(c.ends)
			if w.out.tries != tries {
				t.Error("it is handed over once more")
			}
			trail := w.events(w.cn)
			if stated := strings.Contains(trail, "partner states that it has not come "+string(id)); stated != (c.want == died(gateway.NeverHandedOver)) {
				t.Errorf("in the trail: %v", stated)
			}
		})
	}
}

// TestNobodyLearnsOfOthersMessages: a partner is told of its own alone, of few at once, and after a restore nothing
// that a gateway cannot know.
func TestNobodyLearnsOfOthersMessages(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.deliver()
	never := gateway.MessageID("00000000-0000-4000-8000-000000000001")
	ask := func(by *flow.Gateway, ids ...gateway.MessageID) (seal.StatusAnswer, error) {
		query := seal.StatusQuery{MessageIDs: ids}
		signed, err := by.Keys.Sign(seal.Header{MessageID: gateway.MessageID(by.NewID()), Sender: by.Own, Recipient: "RU", Created: w.clock.Now()}, query)
		if err != nil {
			return seal.StatusAnswer{}, err
		}
		got, err := w.ru.StateStatus(t.Context(), "caller", []gateway.Administration{"CN"}, signed.HeaderBytes(), signed.Statement(), signed.Signature())
		if err != nil {
			return seal.StatusAnswer{}, err
		}
		return w.cn.Trust.OpenStatus(got.Header, got.Statement, got.Signature, signed.Header(), query, w.clock.Now())
	}
	got, err := ask(w.cn, never, gateway.MessageID(strings.ToUpper(string(id))))
	if err != nil || got.Entries[0].Status != seal.StatusNeverReceived || got.Entries[1].Status != seal.StatusAccepted || got.Entries[1].Receipt == nil || !got.Since.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := ask(w.cn, slices.Repeat([]gateway.MessageID{never}, seal.MaxStatus+1)...); err == nil {
		t.Error("more than may be asked for")
	}
	if _, err := ask(w.ru, id); codeOf(err) != gateway.SenderWrong {
		t.Errorf("asked by another: %v", err)
	}
}
