package flow_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
)

// TestEveryDeadlineAtBothBorders: what waits at the border with Russia or with Kazakhstan is told
// or ends at its time and not before, by the injected clock, and what the other side shows is what it
// was. So of movements, whose remark names the person, and of submissions, which expire.
func TestEveryDeadlineAtBothBorders(t *testing.T) {
	waits := []struct {
		name  string
		begin func(w *world, b border, p trip) (g *flow.Gateway, since time.Time)
		state reconcile.State
		code  gateway.Code
	}{
		{"expected and not arrived", func(w *world, b border, p trip) (*flow.Gateway, time.Time) {
			m, _ := w.announced(b, p)
			w.send(b)
			return w.ru, m.ExpectedArrival
		}, reconcile.StateAnnounced, gateway.OverdueArrival},
		{"left unannounced", func(w *world, b border, p trip) (*flow.Gateway, time.Time) {
			at := w.clock.Now()
			if _, err := p.depart(w, b, "G1", at, true); err != nil {
				w.t.Fatal(err)
			}
			return w.cn, at
		}, reconcile.StateDepartedUnannounced, gateway.OverdueAnnouncement},
		{"withdrawal asked", func(w *world, b border, p trip) (*flow.Gateway, time.Time) {
			m, id := w.announced(b, p)
			w.send(b)
			if b.to == "RU" {
				w.answers(b, "R1", m.DocumentID, registered)
			}
			w.out.trouble = func(int) error { return errors.New("the partner is away") }
			if s := w.cancel(b, "C1", id); s.State != gateway.Sent {
				w.t.Fatalf("the cancellation is %s", s.State)
			}
			w.send(b)
			return w.cn, w.clock.Now()
		}, reconcile.StateWithdrawalAsked, gateway.OverdueWithdrawal},
		{"partly arrived", func(w *world, b border, p trip) (*flow.Gateway, time.Time) {
			w.announced(b, p)
			w.send(b)
			at := w.clock.Now()
			if _, err := w.ru.RecordArrival(w.t.Context(), b.entry, flow.Record{ID: "A1", Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": "A1", "issued": %q}, "arrivalReport": {"batch": %q, "partial": true,
				"office": {"administration": %q, "code": %q}, "at": %q, "totals": {"packages": "20"}, "transport": {"vehicles": [{"role": "TRACTOR", "registration": %q}]}}}`,
				at.Format(time.RFC3339), p.batch(b), b.to, b.entry.Office, at.Format(time.RFC3339), p.tractor))}); err != nil {
				w.t.Fatal(err)
			}
			return w.ru, at
		}, reconcile.StatePartlyArrived, gateway.OverdueRest},
		{"arrived unannounced", func(w *world, b border, p trip) (*flow.Gateway, time.Time) {
			p.arrive(w, b, w.clock.Now())
			return w.ru, w.clock.Now()
		}, reconcile.StateArrivedUnannounced, gateway.OverdueInquiry},
	}
	held := []struct {
		name   string
		begin  func(w *world, b border, p trip) (id string)
		waits  string
		lasts  time.Duration
		reason string
	}{
		{"incomplete", func(w *world, b border, p trip) string {
			s, err := w.cn.Submit(w.t.Context(), b.exit, flow.Submission{ID: "M1", MediaType: flow.XML, Content: p.document(w, b, "mt2401.xml")})
			if err != nil {
				w.t.Fatal(err)
			}
			return s.ID
		}, "vehicle", 24 * time.Hour, "the other parts did not come in time"},
		{"approval of a change asked", func(w *world, b border, p trip) string {
			x := batched{w, b, p}
			x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
			x.submit("V1", x.report("2", 1, p.tractor, p.trailer), gateway.Joined)
			w.send(b)
			if b.to == "RU" { // a change waits for the number otherwise
				w.answers(b, "R1", x.messages(w.state(b, "V1"))[0].DocumentID, registered)
			}
			if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
				w.t.Fatal(err)
			}
			change := flow.Submission{ID: "M2", MediaType: flow.XML, Content: x.manifest("5", 2, map[int]string{1: "421"})}
			change.Asks.Reason = "004"
			return x.submitAs(change, gateway.Held).ID
		}, flow.WaitsForApproval, flow.ApprovalTime, "it was not approved in time"},
		{"approval of a cancellation asked", func(w *world, b border, p trip) string {
			m, id := w.announced(b, p)
			w.send(b)
			if b.to == "RU" {
				w.answers(b, "R1", m.DocumentID, registered)
			}
			if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
				w.t.Fatal(err)
			}
			return w.cancel(b, "C1", id).ID
		}, flow.WaitsForApproval, flow.ApprovalTime, "it was not approved in time"},
	}
	for _, b := range borders {
		for _, tt := range waits {
			t.Run(fmt.Sprint(b.to, " ", tt.name), func(t *testing.T) {
				w := newPair(t, b.to)
				p := tripOf(1, w)
				g, since := tt.begin(w, b, p)
				find := func(g *flow.Gateway) (all []flow.Movement) {
					t.Helper()
					all, _, _, err := g.Find(t.Context(), p.tractor, 0, 10)
					if err != nil {
						t.Fatal(err)
					}
					return all
				}
				one := func() flow.Movement {
					t.Helper()
					all := find(g)
					if len(all) != 1 || all[0].State() != tt.state {
						t.Fatalf("%d movements, %v", len(all), all)
					}
					return all[0]
				}
				due := since.Add(flow.Patience[tt.state])
				if m := one(); !g.Due(m).Equal(due) {
					t.Fatalf("due at %s, want %s", g.Due(m), due)
				}
				other := w.ru
				if g == w.ru {
					other = w.cn
				}
				there := find(other)
				look := func(at time.Time) flow.Movement {
					t.Helper()
					w.clock.add(at.Sub(w.clock.Now()))
					for _, g := range []*flow.Gateway{w.cn, w.ru} {
						if err := g.TellOverdue(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					return one()
				}
				if m := look(due.Add(-time.Second)); len(g.Remarks(m)) > 0 {
					t.Errorf("it is told too early")
				}
				if m := look(due); !slices.Equal(codesIn(g.Remarks(m)), []gateway.Code{tt.code}) || !g.Due(m).IsZero() {
					t.Errorf("at its time %v, due again %s", codesIn(g.Remarks(m)), g.Due(m))
				}
				now := find(other)
				for i, m := range now {
					if len(now) != len(there) || m.State() != there[i].State() || slices.Contains(codesIn(g.Remarks(m)), tt.code) {
						t.Errorf("the other side shows %s %v, was %s", m.State(), codesIn(g.Remarks(m)), there[i].State())
					}
				}
			})
		}
		for _, tt := range held {
			t.Run(fmt.Sprint(b.to, " ", tt.name), func(t *testing.T) {
				w := newPair(t, b.to)
				p := tripOf(1, w)
				id := tt.begin(w, b, p)
				if s := w.state(b, id); s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{tt.waits}) || !s.Expires.Equal(w.clock.Now().Add(tt.lasts)) {
					t.Fatalf("it is %s, waits for %v until %s: %v", s.State, s.WaitsFor, s.Expires, s.Faults.Report("en"))
				}
				x := batched{w, b, p}
				here, there := x.announcement(w.cn), x.announcement(w.ru)
				look := func(d time.Duration) gateway.SubmissionState {
					t.Helper()
					w.clock.add(d)
					if err := w.cn.ExpireHeld(t.Context()); err != nil {
						t.Fatal(err)
					}
					return w.state(b, id).State
				}
				if s := look(tt.lasts - time.Second); s != gateway.Held {
					t.Errorf("before its time it is %s", s)
				}
				if s := look(2 * time.Second); s != gateway.Expired || w.state(b, id).Reason != tt.reason {
					t.Errorf("after its time it is %s, %s", s, w.state(b, id).Reason)
				}
				w.send(b)
				if x.announcement(w.cn) != here || x.announcement(w.ru) != there || here != there {
					t.Errorf("announced is %q here and %q there, was %q and %q", x.announcement(w.cn), x.announcement(w.ru), here, there)
				}
			})
		}
	}
}
