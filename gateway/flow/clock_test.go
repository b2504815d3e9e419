package flow_test

import (
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// clockFault returns the warning of a clock, which stands once among faults.
func clockFault(t *testing.T, faults gateway.Faults) gateway.Fault {
	t.Helper()
	var found gateway.Faults
	for _, f := range faults {
		if f.Code == gateway.ClockAhead {
			found = append(found, f)
		}
	}
	switch {
	case len(found) == 0:
		return gateway.Fault{}
	case len(found) > 1 || found[0].Severity != gateway.Warning:
		t.Errorf("the clock is told by %v", found)
	}
	return found[0]
}

func (w *world) sources() []gateway.Faults {
	w.t.Helper()
	var out []gateway.Faults
	for _, id := range []string{"M1", "V1"} {
		s, err := w.cn.Store.Read().Submission(w.t.Context(), post.Office, id)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, s.Faults)
	}
	return out
}

// TestASendersClockRefusesNothing: a message from a clock that is ahead is accepted, at once
// or when its time has come, and both sides see by how much.
func TestASendersClockRefusesNothing(t *testing.T) {
	for _, tt := range []struct {
		ahead time.Duration
		value string // of the warning
		wait  bool
	}{
		{-3 * time.Second, "", false}, {0, "", false}, {seal.NoticedSkew - time.Second, "", false}, {seal.NoticedSkew, "5s", false},
		{10 * time.Minute, "10m0s", false}, {seal.Skew, "15m0s", false}, {seal.Skew + time.Second, "15m1s", true}, {26 * time.Hour, "26h0m0s", true},
	} {
		t.Run(tt.ahead.String(), func(t *testing.T) {
			w := newWorld(t)
			w.cn.Now = func() time.Time { return w.clock.Now().Add(tt.ahead) }
			id := w.notice()
			w.deliver()
			if tt.wait {
				m := w.message(id)
				a := w.arrival(w.ru, store.DoorPeer, "CN", string(id))
				if m.State != gateway.Received || a.Judged || a.Parked || a.Tries != 0 || !strings.Contains(a.Trouble, tt.value) {
					t.Fatalf("it is %s; %d tries, judged %v, parked %v, %q", m.State, a.Tries, a.Judged, a.Parked, a.Trouble)
				}
				for range 2 * flow.JudgeTries { // its time does not come by asking
					w.clock.add(flow.VerdictInterval)
					w.deliver()
				}
				if a := w.arrival(w.ru, store.DoorPeer, "CN", string(id)); a.Judged != (tt.ahead < seal.Skew+time.Minute) || a.Parked || a.Tries != 0 {
					t.Fatalf("it is asked for: %d tries, judged %v, parked %v", a.Tries, a.Judged, a.Parked)
				}
				if events := w.events(w.ru); strings.Count(events, "alarm: not judged, clocks differ peer CN "+string(id)) != 1 {
					t.Errorf("the audit trail says\n%s", events)
				}
				if all, err := w.ru.Store.Read().Troubled(t.Context(), 0, 10); err != nil || len(all) > 1 {
					t.Errorf("the operator sees %+v, %v", all, err)
				}
				for range 120 {
					w.clock.add(flow.MaxInterval)
					if err := w.ru.JudgeDue(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				w.deliver()
			}
			if m := w.message(id); m.State != gateway.Accepted {
				t.Fatalf("it is %s: %s", m.State, m.LastError)
			}
			in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", id)
			if err != nil {
				t.Fatal(err)
			}
			if f := clockFault(t, in.Faults); f.Value != tt.value || f.Value != "" && f.Mender() != gateway.ByPartner {
				t.Errorf("Russia is told %+v", f)
			}
			for i, faults := range w.sources() {
				if f := clockFault(t, faults); f.Value != tt.value || f.Value != "" && f.Mender() != gateway.ByOperator {
					t.Errorf("source %d is told %+v", i, f)
				}
			}
		})
	}
}

// TestAReceiversClockRefusesNothing: likewise the receipts of a partner whose clock is ahead.
func TestAReceiversClockRefusesNothing(t *testing.T) {
	for _, tt := range []struct {
		ahead time.Duration
		value string
		wait  bool
	}{{time.Second, "", false}, {10 * time.Minute, "10m0s", false}, {20 * time.Minute, "", true}} {
		t.Run(tt.ahead.String(), func(t *testing.T) {
			w := newWorld(t)
			w.ru.Now = func() time.Time { return w.clock.Now().Add(tt.ahead) }
			id := w.notice()
			w.deliver()
			if tt.wait {
				if m := w.message(id); m.State != gateway.Sending || !strings.Contains(m.LastError, string(gateway.SealCreated)) {
					t.Fatalf("it is %s: %s", m.State, m.LastError)
				}
				w.clock.add(tt.ahead)
				w.deliver()
			}
			if m := w.message(id); m.State != gateway.Accepted {
				t.Fatalf("it is %s: %s", m.State, m.LastError)
			}
			for i, faults := range w.sources() {
				if f := clockFault(t, faults); f.Value != tt.value || f.Value != "" && f.Mender() != gateway.ByPartner {
					t.Errorf("source %d is told %+v", i, f)
				}
			}
		})
	}
}

// TestAnOperatorDoesNotWaitForAClock: a message from tomorrow is judged when somebody says so.
func TestAnOperatorDoesNotWaitForAClock(t *testing.T) {
	w := newWorld(t)
	w.cn.Now = func() time.Time { return w.clock.Now().Add(24 * time.Hour) }
	id := w.notice()
	w.deliver()
	if got := w.decode(string(id)); len(got) != 1 || got[0].State != gateway.Accepted || clockFault(t, got[0].Faults).Value != "24h0m0s" {
		t.Errorf("decoded: %+v", got)
	}
}
