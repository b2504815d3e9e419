package flow_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
	"customs.example/mappings"
	"customs.example/xsd"
)

// What the partner refuses counts for nothing on either side, whenever the refusal comes and
// whatever came before it, also after a restart; and the same crossing can be announced anew.
func TestARefusedAnnouncementCountsForNothing(t *testing.T) {
	b := borders[0]
	const tooLate = `"results": [{"code": "TOO_LATE", "descriptions": ["товары выпущены"], "category": "ERROR"}]`
	for name, c := range map[string]struct {
		do        func(x batched, original store.Message)
		here, far reconcile.State // at China's side, and at Russia's
		counts    []string
	}{
		"by itself": {
			do:   func(x batched, m store.Message) { x.w.answers(b, "R1", m.DocumentID, refused) },
			here: reconcile.StateNotAccepted, far: reconcile.StateNotAccepted,
		},
		"after it was registered": {
			do: func(x batched, m store.Message) {
				x.w.answers(b, "R1", m.DocumentID, registered)
				x.w.answers(b, "R2", m.DocumentID, refused)
			},
			here: reconcile.StateNotAccepted, far: reconcile.StateNotAccepted,
		},
		"and then registered all the same": {
			do: func(x batched, m store.Message) {
				x.w.answers(b, "R1", m.DocumentID, refused)
				x.w.answers(b, "R2", m.DocumentID, registered)
			},
			here: reconcile.StateAnnounced, far: reconcile.StateAnnounced, counts: []string{"CNRU27010001 420 on 蒙E12345+蒙E6789挂"},
		},
		"it arrives before": {
			do: func(x batched, m store.Message) {
				x.p.arrive(x.w, b, x.w.clock.Now())
				x.w.answers(b, "R1", m.DocumentID, refused)
			},
			here: reconcile.StateNotAccepted, far: reconcile.StateArrivedUnannounced,
		},
		"it arrives after": {
			do: func(x batched, m store.Message) {
				x.w.answers(b, "R1", m.DocumentID, refused)
				x.p.arrive(x.w, b, x.w.clock.Now())
			},
			here: reconcile.StateNotAccepted, far: reconcile.StateArrivedUnannounced,
		},
		"it has left": {
			do: func(x batched, m store.Message) {
				if _, err := x.p.depart(x.w, b, "G1", x.w.clock.Now(), true); err != nil {
					x.w.t.Fatal(err)
				}
				x.w.answers(b, "R1", m.DocumentID, refused)
			},
			here: reconcile.StateDepartedUnannounced, far: reconcile.StateNotAccepted,
		},
		"a change was sent, which is taken": {
			do: func(x batched, m store.Message) {
				x.submit("A1", x.manifest("5", 1, map[int]string{1: "99"}), gateway.Held) // until the number is known
				x.w.answers(b, "R0", m.DocumentID, registered)
				x.w.send(b)
				x.w.answers(b, "R1", m.DocumentID, refused)
			},
			here: reconcile.StateAnnounced, far: reconcile.StateAnnounced, counts: []string{"CNRU27010001 99 on 蒙E12345+蒙E6789挂"},
		},
		"a change was sent, and refused too": {
			do: func(x batched, m store.Message) {
				x.submit("A1", x.manifest("5", 1, map[int]string{1: "99"}), gateway.Held)
				x.w.answers(b, "R0", m.DocumentID, registered)
				x.w.send(b)
				x.w.answers(b, "R1", m.DocumentID, refused)
				x.w.answers(b, "R2", x.last().DocumentID, refused)
			},
			here: reconcile.StateNotAccepted, far: reconcile.StateNotAccepted,
		},
		"a change is on its way": {
			do: func(x batched, m store.Message) {
				x.submit("A1", x.manifest("5", 1, map[int]string{1: "99"}), gateway.Held)
				x.w.answers(b, "R0", m.DocumentID, registered)
				x.w.answers(b, "R1", m.DocumentID, refused)
				x.w.send(b)
			},
			here: reconcile.StateNotAccepted, far: reconcile.StateNotAccepted,
		},
		"its change is too late": {
			do: func(x batched, m store.Message) {
				x.submit("A1", x.manifest("5", 1, map[int]string{1: "99"}), gateway.Held)
				x.w.answers(b, "R0", m.DocumentID, registered)
				x.w.send(b)
				x.w.answers(b, "R1", x.last().DocumentID, tooLate)
			},
			here: reconcile.StateAnnounced, far: reconcile.StateAnnounced, counts: []string{"CNRU27010001 420 on 蒙E12345+蒙E6789挂"},
		},
		"of two changes the first is refused late": {
			do: func(x batched, m store.Message) {
				x.submit("A1", x.manifest("5", 1, map[int]string{1: "99"}), gateway.Held)
				x.w.answers(b, "R0", m.DocumentID, registered)
				x.w.send(b)
				first := x.last()
				x.submit("A2", x.manifest("5", 2, map[int]string{1: "77"}), gateway.Joined)
				x.w.send(b)
				x.w.answers(b, "R1", first.DocumentID, refused)
			},
			here: reconcile.StateAnnounced, far: reconcile.StateAnnounced, counts: []string{"CNRU27010001 77 on 蒙E12345+蒙E6789挂"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPair(t, b.to)
			x := batched{w, b, tripOf(1, w)}
			m, _ := w.announced(b, x.p)
			w.send(b)
			c.do(x, m)
			for range 2 {
				x.same(c.counts...)
				for _, side := range []struct {
					g    *flow.Gateway
					want reconcile.State
				}{{w.cn, c.here}, {w.ru, c.far}} {
					now := found(w, side.g, x.p.waybills()[0])
					vehicles, _ := now.Vehicles()
					if now.State() != side.want || vehicles != len(c.counts) {
						t.Errorf("%s: it is %s with %d vehicles announced, want %s", side.g.Own, now.State(), vehicles, side.want)
					}
					if accounts := now.Accounts(); len(c.counts) == 0 && len(accounts) > 0 && accounts[0].Packages.Announced != "" {
						t.Errorf("%s: it has accounts %+v", side.g.Own, accounts)
					}
				}
				w.ru, w.cn = restarted(w.ru), restarted(w.cn)
				w.out.to, w.ru.Links["CN"].(*wire).to = w.ru, w.cn
			}
			if len(c.counts) > 0 {
				return
			}
			again := x.p
			again.departs = again.departs.Add(time.Minute)
			w.resubmit(b, again)
			w.send(b)
			x.same("CNRU27010001 420 on 蒙E12345+蒙E6789挂")
		})
	}
}

// last is what Russia received last.
func (x batched) last() store.Inbound {
	x.w.t.Helper()
	all, err := x.w.ru.Store.Read().Inbox(x.w.t.Context(), store.InboxFilter{Limit: 100})
	if err != nil || len(all) == 0 {
		x.w.t.Fatalf("%d messages, %v", len(all), err)
	}
	return all[len(all)-1]
}

// Of a whole in several messages what is refused counts for nothing, and the rest for itself: at
// both sides one vehicle less, and the goods once.
func TestARefusedPartOfAWholeCountsForNothing(t *testing.T) {
	b := borders[0]
	w := newPair(t, b.to)
	c := convoyOf(w, 1, "ABCU1234560", "CSQU3054383", "MSKU0000007")
	for truck := 1; truck <= 3; truck++ {
		w.hand(b, fmt.Sprint("V", truck), c.report(w, b, truck, 0))
	}
	notices := w.notices(w.hand(b, "M", c.manifest(w, b)))
	w.send(b)
	for i, n := range []int{2, 1, 0} {
		w.answers(b, fmt.Sprint("R", i), notices[i].DocumentID, refused)
		w.ru, w.cn = restarted(w.ru), restarted(w.cn)
		w.out.to, w.ru.Links["CN"].(*wire).to = w.ru, w.cn
		for _, g := range []*flow.Gateway{w.cn, w.ru} {
			m := found(w, g, c.waybills()[0])
			vehicles, _ := m.Vehicles()
			accounts := m.Accounts()
			if vehicles != n || n > 0 && (len(accounts) != 1 || accounts[0].Packages.Announced != "420") || n == 0 && len(accounts) > 0 {
				t.Errorf("%s, %d refused: %d vehicles, accounts %+v", g.Own, i+1, vehicles, accounts)
			}
			if want := map[bool]reconcile.State{true: reconcile.StateAnnounced, false: reconcile.StateNotAccepted}[n > 0]; m.State() != want {
				t.Errorf("%s, %d refused: it is %s, want %s", g.Own, i+1, m.State(), want)
			}
		}
	}
}

// What expired, whether the partner was ever given it, and what the partner's gateway refused by
// its receipt, count for nothing where they were announced, at both borders.
func TestWhatNeverCameCountsForNothing(t *testing.T) {
	for _, b := range borders {
		for name, trouble := range map[string]func(w *world){
			"never handed over": func(w *world) {
				w.out.trouble = func(int) error { return &peer.NotSentError{Cause: errors.New("away")} }
			},
			"outcome unknown":        func(w *world) { w.out.trouble = func(int) error { return errors.New("cut off") } },
			"refused by its receipt": func(w *world) { w.ru.Chain = refusing(t) },
		} {
			t.Run(string(b.to)+" "+name, func(t *testing.T) {
				w := newPair(t, b.to)
				x := batched{w, b, tripOf(1, w)}
				m, _ := w.announced(b, x.p)
				trouble(w)
				_ = w.cn.DeliverDue(t.Context(), b.to)
				if w.out.trouble != nil {
					w.clock.add(m.ValidUntil.Sub(w.clock.Now()) + time.Second)
					_ = w.cn.DeliverDue(t.Context(), b.to)
				}
				if state := w.message(m.ID).State; state != gateway.Dead && state != gateway.Refused {
					t.Fatalf("it is %s", state)
				}
				if now := found(w, w.cn, x.p.waybills()[0]); now.State() != reconcile.StateNotAccepted {
					t.Errorf("the movement is %s", now.State())
				}
				x.same()
				w.out.trouble = nil
				w.clock.add(flow.MaxInterval)
			})
		}
	}
}

// refusing is the delivered data with a rule of the receiver's that no notice passes.
func refusing(t *testing.T) *flow.Chain {
	t.Helper()
	const rules = `rules: test
version: 1
rows:
  - id: TST-0002
    class: F
    kinds: [PreArrivalNotice]
    check: "false"
    at: batch
    severity: error
    basis: verified
    source: made up
    text: {en: "{value} may not come.", zh: "不可", ru: "нельзя", kk: "болмайды", mn: "болохгүй"}
`
	c, err := chainOf(layered(t, mappings.FS, map[string]string{"rules/test.v1.yaml": rules}), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
