package flow_test

import (
	"errors"
	"fmt"
	"strings"
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
			"refused by its receipt": func(w *world) { w.ru.Chain = refusing(t, "") },
		} {
			t.Run(string(b.to)+" "+name, func(t *testing.T) {
				w := newPair(t, b.to)
				x := batched{w, b, tripOf(1, w)}
				m, _ := w.announced(b, x.p)
				trouble(w)
				_ = w.cn.DeliverDue(t.Context(), b.to)
				if w.out.trouble != nil {
					w.clock.add(m.ValidUntil.Sub(w.clock.Now()) + flow.StatusFor)
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

// refusing is the delivered data with a rule of the receiver's that no notice of a plate passes, and
// nothing that takes back; empty: no notice at all.
func refusing(t *testing.T, plate string) *flow.Chain {
	t.Helper()
	rules := `rules: test
version: 1
rows:
  - id: TST-0002
    class: F
    kinds: [PreArrivalNotice]
    each: transport.vehicles
    check: '!registration.contains("` + plate + `")'
    at: registration
    severity: error
    basis: verified
    source: made up
    text: {en: "{value} may not come.", zh: "不可", ru: "нельзя", kk: "болмайды", mn: "болохгүй"}
  - id: TST-0003
    class: F
    kinds: [Cancellation]
    check: 'false'
    at: reason
    severity: error
    basis: verified
    source: made up
    text: {en: "{value} stays.", zh: "不可", ru: "нельзя", kk: "болмайды", mn: "болохгүй"}
`
	c, err := chainOf(layered(t, mappings.FS, map[string]string{"rules/test.v1.yaml": rules}), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// partner is how each border's partner refuses one message of several: Russia by its answer to what
// it had taken, Kazakhstan by its receipt.
type partner struct {
	batched
	answers *int
}

// sends delivers what is due; the partner refuses what tells of a plate, or takes it back.
func (x partner) sends(plate string) {
	x.w.t.Helper()
	chain := x.w.ru.Chain
	before := x.inbox()
	if plate != "" && x.b.to != "RU" {
		x.w.ru.Chain = refusing(x.w.t.(*testing.T), plate)
	}
	for range 8 {
		_ = x.w.cn.DeliverDue(x.w.t.Context(), x.b.to)
		x.w.clock.add(flow.QuickInterval)
	}
	x.w.ru.Chain = chain
	if x.b.to != "RU" {
		return
	}
	for _, in := range x.inbox()[len(before):] {
		*x.answers++
		what := strings.Replace(registered, "000000123", fmt.Sprintf("%09d", *x.answers), 1)
		if plate != "" && (in.Kind == "Cancellation" || strings.Contains(string(x.canonical(in)), plate)) {
			what = refused
		}
		x.w.answers(x.b, fmt.Sprint("R", *x.answers), in.DocumentID, what)
	}
}

func (x partner) inbox() []store.Inbound {
	x.w.t.Helper()
	all, err := x.w.ru.Store.Read().Inbox(x.w.t.Context(), store.InboxFilter{Limit: 500})
	if err != nil {
		x.w.t.Fatal(err)
	}
	return all
}

func (x partner) canonical(in store.Inbound) []byte {
	x.w.t.Helper()
	full, err := x.w.ru.Store.Read().Inbound(x.w.t.Context(), "CN", in.ID)
	if err != nil {
		x.w.t.Fatal(err)
	}
	return full.Canonical
}

// Of an act of which the partner refuses a part, that part is not asked for again by what follows,
// unless it is said again; what stands stays as the partner holds it. At both borders, where the
// one partner refuses by its answer and the other by its receipt.
func TestWhatWasRefusedOfAnActIsNotAskedForAgain(t *testing.T) {
	const tractorB, trailerB, tractorC, trailerC = "蒙E54321", "蒙E9876挂", "蒙E54322", "蒙E9877挂"
	for _, b := range borders {
		for name, tt := range map[string]struct {
			original string // the plate that the partner refuses of the first announcement
			act      func(x partner) []byte
			then     func(x partner) []byte
			sent     int // messages of the next act
			want     func(x partner) []string
		}{
			"a further vehicle comes": {
				act:  func(x partner) []byte { return x.manifest("5", 2, map[int]string{1: "499"}) },
				then: func(x partner) []byte { return x.report("2", 3, tractorC, trailerC) }, sent: 1,
				want: func(x partner) []string {
					return []string{x.on(1, "499", x.p.tractor, x.p.trailer), x.on(2, "420", x.p.tractor, x.p.trailer), x.on(1, "420", tractorB, trailerB),
						x.on(2, "420", tractorB, trailerB), x.on(1, "499", tractorC, trailerC), x.on(2, "420", tractorC, trailerC)}
				},
			},
			"another waybill is changed": {
				act:  func(x partner) []byte { return x.manifest("5", 2, map[int]string{1: "499"}) },
				then: func(x partner) []byte { return x.manifest("5", 3, map[int]string{2: "477"}) }, sent: 2,
				want: func(x partner) []string {
					return []string{x.on(1, "499", x.p.tractor, x.p.trailer), x.on(2, "477", x.p.tractor, x.p.trailer), x.on(1, "420", tractorB, trailerB), x.on(2, "477", tractorB, trailerB)}
				},
			},
			"it is said again": {
				act:  func(x partner) []byte { return x.manifest("5", 2, map[int]string{1: "499"}) },
				then: func(x partner) []byte { return x.manifest("5", 3, map[int]string{1: "499"}) }, sent: 1,
				want: func(x partner) []string {
					return []string{x.on(1, "499", x.p.tractor, x.p.trailer), x.on(2, "420", x.p.tractor, x.p.trailer), x.on(1, "499", tractorB, trailerB), x.on(2, "420", tractorB, trailerB)}
				},
			},
			"a waybill is taken out": {
				act:  func(x partner) []byte { return x.deletion(2, map[int][]string{1: {"004"}}) },
				then: func(x partner) []byte { return x.manifest("5", 3, map[int]string{2: "477"}) }, sent: 2,
				want: func(x partner) []string {
					return []string{x.on(2, "477", x.p.tractor, x.p.trailer), x.on(1, "420", tractorB, trailerB), x.on(2, "477", tractorB, trailerB)}
				},
			},
			"a waybill is taken out, and once more": {
				act:  func(x partner) []byte { return x.deletion(2, map[int][]string{1: {"004"}}) },
				then: func(x partner) []byte { return x.deletion(3, map[int][]string{1: {"004"}}) }, sent: 1,
				want: func(x partner) []string {
					return []string{x.on(2, "420", x.p.tractor, x.p.trailer), x.on(2, "420", tractorB, trailerB)}
				},
			},
			"a vehicle is taken out": {
				act:  func(x partner) []byte { return x.report("3", 4, tractorB, trailerB) },
				then: func(x partner) []byte { return x.manifest("5", 3, map[int]string{2: "477"}) }, sent: 2,
				want: func(x partner) []string {
					return []string{x.on(1, "420", x.p.tractor, x.p.trailer), x.on(2, "477", x.p.tractor, x.p.trailer), x.on(1, "420", tractorB, trailerB), x.on(2, "477", tractorB, trailerB)}
				},
			},
			"the announcement itself, and a further vehicle comes": {
				original: tractorB,
				then:     func(x partner) []byte { return x.report("2", 3, tractorC, trailerC) }, sent: 1,
				want: func(x partner) []string {
					return []string{x.on(1, "420", x.p.tractor, x.p.trailer), x.on(2, "420", x.p.tractor, x.p.trailer), x.on(1, "420", tractorC, trailerC), x.on(2, "420", tractorC, trailerC)}
				},
			},
			"the announcement itself, and its goods are changed": {
				original: tractorB,
				then:     func(x partner) []byte { return x.manifest("5", 3, map[int]string{2: "477"}) }, sent: 1,
				want: func(x partner) []string {
					return []string{x.on(1, "420", x.p.tractor, x.p.trailer), x.on(2, "477", x.p.tractor, x.p.trailer)}
				},
			},
			"the announcement itself, and it is reported again": {
				original: tractorB,
				then:     func(x partner) []byte { return x.report("2", 3, tractorB, trailerB) }, sent: 1,
				want: func(x partner) []string {
					return []string{x.on(1, "420", x.p.tractor, x.p.trailer), x.on(2, "420", x.p.tractor, x.p.trailer), x.on(1, "420", tractorB, trailerB), x.on(2, "420", tractorB, trailerB)}
				},
			},
		} {
			t.Run(string(b.to)+" "+name, func(t *testing.T) {
				x := partner{newBatch(t, b, 30*time.Minute), new(int)}
				goods := x.manifest("9", 1, map[int]string{1: "420", 2: "420"})
				if b.to == "RU" { // the second vehicle is an act of its own
					x.submit("M1", goods, gateway.Held)
					x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
					x.submit("V2", x.report("2", 2, tractorB, trailerB), gateway.Joined)
				} else {
					x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Held)
					x.submit("V2", x.report("2", 2, tractorB, trailerB), gateway.Held)
					x.submit("M1", goods, gateway.Joined)
				}
				x.sends(tt.original)
				if tt.act != nil {
					x.submit("A1", tt.act(x), gateway.Joined)
					x.sends(tractorB)
				}
				x.w.cn = restarted(x.w.cn)
				x.w.ru.Links["CN"].(*wire).to = x.w.cn
				s := x.submit("A2", tt.then(x), gateway.Joined)
				if n := len(x.messages(s)); n != tt.sent {
					t.Errorf("the next act makes %d messages, want %d", n, tt.sent)
				}
				x.sends("")
				x.same(tt.want(x)...)
				for _, id := range []gateway.SubmissionID{"M1", "A2"} {
					if e, err := x.w.cn.Explain(t.Context(), b.exit, id); err != nil || len(e.Origins) == 0 {
						t.Errorf("%s: %d origins, %v", id, len(e.Origins), err)
					}
				}
			})
		}
	}
}

// A report that comes after all was withdrawn, of which a vehicle had been taken out before, is not
// lost in what is left of it: it waits for its manifest.
func TestAReportAfterAllWasWithdrawnWaits(t *testing.T) {
	for _, b := range borders {
		x := newBatch(t, b, 30*time.Minute)
		x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
		x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
		x.submit("V2", x.report("2", 2, "蒙E54321", "蒙E9876挂"), gateway.Joined)
		x.submit("D1", x.report("3", 3, "蒙E54321", "蒙E9876挂"), gateway.Done)
		if s := x.w.cancel(b, "C1", "M1"); s.State != gateway.Done {
			t.Fatalf("the cancellation is %s: %v", s.State, s.Faults.Report("en"))
		}
		x.submit("V3", x.report("2", 4, x.p.tractor, x.p.trailer), gateway.Held)
		x.submit("M2", x.manifest("9", 2, map[int]string{1: "421"}), gateway.Joined)
		x.w.send(b)
		x.same(x.on(1, "421", x.p.tractor, x.p.trailer))
	}
}

// What was announced with a change stands as it was told, although the partner then refuses the
// change of what it was made for: the next act does not take it back there.
func TestWhatWasAnnouncedWithARefusedChangeStands(t *testing.T) {
	b := borders[0]
	x := newBatch(t, b, 30*time.Minute)
	trucks := [][2]string{{x.p.tractor, x.p.trailer}, {"蒙E54321", "蒙E9876挂"}, {"蒙E54322", "蒙E9875挂"}}
	report := func(n int, number string) store.Submission {
		s := x.submit(fmt.Sprint("V", n), x.report("2", n, trucks[n-1][0], trucks[n-1][1]), gateway.Joined)
		if ms := x.messages(s); len(ms) != 1 {
			t.Fatalf("truck %d makes %d messages", n, len(ms))
		}
		x.w.send(b)
		x.w.answers(b, fmt.Sprint("R", n), x.messages(s)[0].DocumentID, as(number))
		return s
	}
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	report(1, "000000201")
	change := x.submit("M2", x.manifest("5", 2, map[int]string{1: "99"}), gateway.Joined)
	x.w.send(b)
	report(2, "000000202")
	x.same(x.on(1, "99", trucks[0][0], trucks[0][1]), x.on(1, "99", trucks[1][0], trucks[1][1]))
	x.w.clock.add(time.Second)
	x.w.answers(b, "R9", x.messages(change)[0].DocumentID, refused)
	want := []string{x.on(1, "420", trucks[0][0], trucks[0][1]), x.on(1, "99", trucks[1][0], trucks[1][1])}
	x.same(want...)
	third := report(3, "000000203")
	x.same(append(want, x.on(1, "99", trucks[2][0], trucks[2][1]))...)
	for _, s := range []string{"V2", string(third.ID)} {
		if _, err := x.w.cn.Explain(t.Context(), b.exit, gateway.SubmissionID(s)); err != nil {
			t.Errorf("explain %s: %v", s, err)
		}
	}
}
