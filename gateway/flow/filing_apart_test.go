package flow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// takeBack takes a filing back.
func (w *world) takeBack(g *flow.Gateway, by flow.Caller, id, of string) store.Submission {
	w.t.Helper()
	s, err := g.Submit(w.t.Context(), by, flow.Submission{MediaType: flow.JSON, Content: cancellation(id, of), Asks: store.Asks{Duty: flow.DutyFiling}})
	if err != nil || s.State != gateway.Done {
		w.t.Fatalf("the cancellation of %s is %s: %v, %v", of, s.State, s.Faults.Report("en"), err)
	}
	return s
}

// What ends a notice leaves the filing of its crossing, and what takes the filing back leaves the notice, on
// both borders; and a crossing that is only filed is counted as one without notice.
func TestNeitherAFilingNorANoticeEndsTheOther(t *testing.T) {
	takenBack := `"status": "CANCELLED", "systemId": "S1", "results": [{"code": "0", "descriptions": ["аннулировано"], "category": "INFO"}]`
	for name, c := range map[string]struct {
		b        border
		end      func(w *world, b border, m store.Message, id string)
		state    reconcile.State
		filing   string
		compared string // how the filing compares; empty: it does not stand
		basis    string // what the crossing counts as once it has arrived
	}{
		"a notice is cancelled by its answer": {borders[0], func(w *world, b border, m store.Message, id string) {
			w.cancel(b, "C1", id)
			w.answers(b, "A1", m.DocumentID, registered)
			w.send(b)
			w.answers(b, "A2", w.message(w.state(b, "C1").MessageID).DocumentID, takenBack)
		}, reconcile.StateTakenBack, reconcile.FilingStands, reconcile.NothingToCompare, "none"},
		"a notice is cancelled by its receipt": {borders[1], func(w *world, b border, _ store.Message, id string) {
			w.cancel(b, "C1", id)
			w.send(b)
		}, reconcile.StateTakenBack, reconcile.FilingStands, reconcile.NothingToCompare, "none"},
		"a cancellation is asked for": {borders[0], func(w *world, b border, m store.Message, id string) {
			w.cancel(b, "C1", id)
			w.answers(b, "A1", m.DocumentID, registered)
			w.send(b)
		}, reconcile.StateWithdrawalAsked, reconcile.FilingStands, reconcile.Differs, "notice"},
		"a notice is refused": {borders[0], func(w *world, b border, m store.Message, _ string) {
			w.answers(b, "A1", m.DocumentID, refused)
		}, reconcile.StateNotAccepted, reconcile.FilingStands, reconcile.NothingToCompare, "none"},
		"the filing is taken back at Russia": {borders[0], func(w *world, b border, _ store.Message, _ string) {
			w.takeBack(w.ru, b.entry, "F2", "F1")
		}, reconcile.StateAnnounced, reconcile.FilingTakenBack, "", "notice"},
		"the filing is taken back at Kazakhstan": {borders[1], func(w *world, b border, _ store.Message, _ string) {
			w.takeBack(w.ru, b.entry, "F2", "F1")
		}, reconcile.StateAnnounced, reconcile.FilingTakenBack, "", "notice"},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", filed first ", first), func(t *testing.T) {
				b, w := c.b, newPair(t, c.b.to)
				p := tripOf(1, w)
				f := noticed(w, b, p)
				f.packages = "400"
				if first {
					w.file(w.ru, b.entry, f, "")
				}
				m, id := w.announced(b, p)
				w.send(b)
				if !first {
					w.file(w.ru, b.entry, f, "")
				}
				if now := w.only(w.ru, p.tractor); len(now.Filed) != 1 || now.Filed[0].Result != reconcile.Differs {
					t.Fatalf("beside the notice it compares as %+v", now.Filed)
				}
				c.end(w, b, m, id)
				now := w.only(w.ru, p.tractor)
				r := now.Filings[0]
				compared, _ := now.Filing(r)
				if now.State() != c.state || now.FilingStanding(r) != c.filing || compared.Result != c.compared {
					t.Errorf("it is %s, the filing %s and %q", now.State(), now.FilingStanding(r), compared.Result)
				}
				if here := w.only(w.cn, p.tractor); len(here.Filings) > 0 {
					t.Error("the exit side knows of the filing")
				}
				p.arrive(w, b, w.clock.Now())
				if got := coverageOf(t, w.ru, w.clock.Now()); got != c.basis+" 1" {
					t.Errorf("it is counted as %s, want one of %s", got, c.basis)
				}
			})
		}
	}
	for _, b := range borders {
		t.Run("only filed, to "+string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			w.file(w.ru, b.entry, noticed(w, b, p), "")
			if got := coverageOf(t, w.ru, w.clock.Now()); got != "" {
				t.Errorf("before it has arrived it is counted as %s", got)
			}
			p.arrive(w, b, w.clock.Now())
			if got := coverageOf(t, w.ru, w.clock.Now()); got != "none 1" {
				t.Errorf("it is counted as %s", got)
			}
			w.takeBack(w.ru, b.entry, "F2", "F1")
			if got := coverageOf(t, w.ru, w.clock.Now()); got != "none 1" {
				t.Errorf("taken back it is counted as %s", got)
			}
		})
	}
}

// coverageOf is what the coverage report of a month says of all pairs together, where it is not zero.
func coverageOf(t *testing.T, g *flow.Gateway, at time.Time) string {
	t.Helper()
	all, _, err := g.Coverage(t.Context(), at.Format("2006-01"), "", "")
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, c := range all {
		for name, n := range map[string]int64{"notice": c.Notice, "checklist": c.Checklist, "list": c.List, "other": c.Other, "none": c.None} {
			sums[name] += n
		}
	}
	var out []string
	for name, n := range sums {
		if n > 0 {
			out = append(out, fmt.Sprint(name, " ", n))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// A filing is paired by a batch or a carnet alone, with a notice or with another filing, whichever comes
// first. What comes again, such as a carnet or a plate, pairs inside the time window alone; a batch and a waybill
// name one crossing whenever it is told of.
func TestWhatPairsAFilingByItself(t *testing.T) {
	const carnet = "XA12345678"
	late := flow.Window.After + time.Hour
	for _, b := range borders {
		for name, c := range map[string]struct {
			told, filed func(f *filingOf, p trip) // told nil: China announces it
			after       time.Duration
			paired      bool
		}{
			"a batch":               {filed: func(f *filingOf, p trip) { f.batch = p.batch(b) }, paired: true},
			"a batch, late":         {filed: func(f *filingOf, p trip) { f.batch = p.batch(b) }, after: 4 * late, paired: true},
			"a waybill":             {filed: func(f *filingOf, p trip) { f.waybill = p.waybills()[0] }, paired: true},
			"a waybill, late":       {filed: func(f *filingOf, p trip) { f.waybill = p.waybills()[0] }, after: 4 * late, paired: true},
			"a plate":               {filed: func(f *filingOf, p trip) { f.plates = []string{p.tractor} }, paired: true},
			"a plate, late":         {filed: func(f *filingOf, p trip) { f.plates = []string{p.tractor} }, after: late + 6*time.Hour},
			"another batch":         {filed: func(f *filingOf, p trip) { f.batch = (trip{n: 7}).batch(b) }},
			"nothing in common":     {filed: func(f *filingOf, _ trip) { f.carnet = carnet }},
			"a carnet":              {told: func(f *filingOf, _ trip) { f.carnet = carnet }, filed: func(f *filingOf, _ trip) { f.carnet = carnet }, paired: true},
			"a carnet of a transit": {told: func(f *filingOf, _ trip) { f.carnet = carnet }, filed: func(f *filingOf, _ trip) { f.kind, f.carnet = "transitDeclaration", carnet }, paired: true},
			"carnets of transits": {
				told:  func(f *filingOf, _ trip) { f.kind, f.carnet = "transitDeclaration", carnet },
				filed: func(f *filingOf, _ trip) { f.kind, f.carnet = "transitDeclaration", strings.ToLower(carnet) }, paired: true,
			},
			"a carnet, late": {told: func(f *filingOf, _ trip) { f.carnet = carnet }, filed: func(f *filingOf, _ trip) { f.carnet = carnet }, after: 4 * late, paired: true}, // it is valid for one journey
			"another carnet": {told: func(f *filingOf, _ trip) { f.carnet = carnet }, filed: func(f *filingOf, _ trip) { f.carnet = "XA87654321" }},
		} {
			for _, first := range []bool{true, false} {
				t.Run(fmt.Sprint(b.to, " ", name, ", filed first ", first), func(t *testing.T) {
					w := newPair(t, b.to)
					p := tripOf(1, w)
					file := func(id string, say func(*filingOf, trip)) {
						f := noticed(w, b, p)
						f.id, f.waybill, f.plates = id, "", nil
						say(&f, p)
						if s := w.file(w.ru, b.entry, f, ""); s.State != gateway.Done {
							t.Fatalf("%s is %s: %v", id, s.State, s.Faults.Report("en"))
						}
					}
					steps := []func(){
						func() { file("F1", c.filed) },
						func() {
							if c.told != nil {
								file("F2", c.told)
								return
							}
							p.departs = w.clock.Now().Add(3 * time.Hour)
							p.announce(w, b)
							w.send(b)
						},
					}
					if !first {
						slices.Reverse(steps)
					}
					steps[0]()
					w.clock.add(c.after)
					steps[1]()
					all, _, err := w.ru.List(t.Context(), flow.ListFilter{Limit: 10}, flow.ListPlace{})
					if err != nil {
						t.Fatal(err)
					}
					if got := len(all) == 1; got != c.paired {
						t.Fatalf("%d movements, paired should be %v", len(all), c.paired)
					}
					if m := all[0]; c.paired && c.told == nil && (len(m.Announced) != 1 || len(m.Filed) != 1 || m.Filed[0].Result == reconcile.NothingToCompare) {
						t.Errorf("announced by %d, filed %+v", len(m.Announced), m.Filed)
					}
				})
			}
		}
	}
}

// A crossing whose filing differs is on the list of what differs, of its office and of who sees all, as long as
// the filing stands.
func TestAFilingThatDiffersIsListed(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			f := noticed(w, b, p)
			listed := func(g *flow.Gateway, want int) {
				t.Helper()
				for _, f := range []flow.ListFilter{
					{}, {Offices: []string{gateway.Office{Administration: b.to, Code: b.entry.Office}.Key()}}, {Text: p.tractor}, {State: string(reconcile.StateAnnounced)}, {Kind: "PreArrivalNotice"},
				} {
					f.Differing, f.Limit = true, 5
					all, _, err := g.List(t.Context(), f, flow.ListPlace{})
					if err != nil || len(all) != want {
						t.Errorf("%+v: %d differ, want %d, %v", f, len(all), want, err)
					}
				}
			}
			f.packages, f.code = "400", "07" // shorter than what is compared
			w.file(w.ru, b.entry, f, "")
			listed(w.ru, 0)
			p.announce(w, b)
			w.send(b)
			listed(w.ru, 1)
			listed(w.cn, 0)
			w.clock.add(time.Minute)
			f.id, f.function, f.replaces, f.packages = "F2", "REPLACE", "F1", "420"
			w.file(w.ru, b.entry, f, "")
			listed(w.ru, 0)
			w.clock.add(time.Minute)
			f.id, f.replaces, f.kilograms = "F3", "F2", "17000"
			w.file(w.ru, b.entry, f, "")
			listed(w.ru, 1)
			w.clock.add(time.Minute)
			w.takeBack(w.ru, b.entry, "F4", "F3")
			listed(w.ru, 0)
		})
	}
}

// filled has so many more filings, or notices, like the last one in a movement.
func (w *world) filled(g *flow.Gateway, m flow.Movement, of func(*flow.Movement) *[]reconcile.Record, n int) flow.Movement {
	w.t.Helper()
	list := of(&m)
	last := (*list)[len(*list)-1]
	for i := len(*list); i < n; i++ {
		r := last
		r.Message, r.DocumentID = gateway.MessageID(fmt.Sprint("more ", i)), fmt.Sprint("more ", i)
		*list = append(*list, r)
	}
	body, err := json.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []store.Identifier
	for _, id := range m.Indexed() {
		ids = append(ids, store.Identifier{Kind: id.Kind, Folded: id.Folded})
	}
	first, until := m.Span()
	if _, err := g.Store.Do(w.t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.PutMovement(store.Movement{ID: m.ID, Opened: tx.Now(), First: first, Last: until, Body: body}, ids),
			tx.Audit("test", "movement changed", string(m.ID), gateway.DigestOf(body)))
	}); err != nil {
		w.t.Fatal(err)
	}
	return m
}

func filings(m *flow.Movement) *[]reconcile.Record       { return &m.Filings }
func announcements(m *flow.Movement) *[]reconcile.Record { return &m.Announced }

// What is filed without end takes no room of what is announced and seen, nor the other way round; and a
// movement takes so many changes of filings, and no more. What is too much can be taken back all the same.
func TestFilingsWithoutEndTakeNoRoomOfTheNotice(t *testing.T) {
	for _, b := range borders {
		t.Run("the notice, to "+string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			f := noticed(w, b, p)
			w.file(w.ru, b.entry, f, "")
			m := w.filled(w.ru, w.only(w.ru, p.tractor), filings, flow.MaxTold)
			p.announce(w, b)
			w.send(b)
			if now := w.only(w.ru, p.tractor); now.ID != m.ID || now.State() != reconcile.StateAnnounced {
				t.Fatalf("the notice is in %s, which is %s", now.ID, now.State())
			}
			if now := p.arrive(w, b, w.clock.Now()); now.ID != m.ID || now.State() != reconcile.StateArrived {
				t.Errorf("the arrival is in %s, which is %s", now.ID, now.State())
			}
			f.id = "F2"
			w.file(w.ru, b.entry, f, "")
			all, _, _, err := w.ru.Find(t.Context(), p.tractor, 1<<62, 10)
			if err != nil || len(all) != 2 {
				t.Errorf("one filing more is in one of %d movements, %v", len(all), err)
			}
		})
		t.Run("filings, to "+string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			p.announce(w, b)
			w.send(b)
			m := w.filled(w.ru, w.only(w.ru, p.tractor), announcements, flow.MaxTold)
			w.file(w.ru, b.entry, noticed(w, b, p), "")
			if now := w.only(w.ru, p.tractor); now.ID != m.ID || len(now.Filed) != 1 {
				t.Errorf("the filing is in %s: %+v", now.ID, now.Filed)
			}
		})
		t.Run("changes, to "+string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			f := noticed(w, b, p)
			w.file(w.ru, b.entry, f, "")
			change := func(id, of string) store.Submission {
				w.clock.add(time.Minute)
				f.id, f.function, f.replaces = id, "REPLACE", of
				return w.file(w.ru, b.entry, f, "")
			}
			if s := change("F2", "F1"); s.State != gateway.Done {
				t.Fatalf("it is %s: %v", s.State, s.Faults.Report("en"))
			}
			for id := range 2 { // one less than there may be, and as many
				w.filled(w.ru, w.only(w.ru, p.tractor), filings, flow.MaxTold+id)
				s := change(fmt.Sprint("F", 3+id), fmt.Sprint("F", 2+id))
				if id == 0 && s.State != gateway.Done {
					t.Fatalf("it is %s: %v", s.State, s.Faults.Report("en"))
				}
				if id == 1 && (s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.AmendTooOften)) {
					t.Fatalf("too often, it is %s: %v", s.State, s.Faults.Report("en"))
				}
			}
			w.clock.add(time.Minute)
			w.takeBack(w.ru, b.entry, "F9", "F3")
		})
	}
}

// However much is filed under one waybill or plate, one filing more asks the store for no more: each in one
// movement, and each in a movement of its own.
func TestFilingsWithoutEndAskTheStoreForNoMore(t *testing.T) {
	b := borders[0]
	for name, each := range map[string]func(f *filingOf, p trip, n int){
		"of one waybill": func(*filingOf, trip, int) {},
		"of one plate":   func(f *filingOf, _ trip, _ int) { f.waybill = "" },
		"of one plate, in batches": func(f *filingOf, p trip, n int) {
			f.waybill, f.batch = "", fmt.Sprintf("%s26030%05d", b.exit.Office, n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			asked := func(n int) (all int64) {
				t.Helper()
				before := w.ru.Store.Asked()
				f := noticed(w, b, p)
				f.id = fmt.Sprint("F", n)
				each(&f, p, n)
				if s := w.file(w.ru, b.entry, f, ""); s.State != gateway.Done {
					t.Fatalf("it is %s: %v", s.State, s.Faults.Report("en"))
				}
				for query, n := range w.ru.Store.Asked() {
					all += n - before[query]
				}
				return all
			}
			const many = flow.MaxCandidates + 30
			var counts []int64
			for n := range many {
				counts = append(counts, asked(n))
			}
			if once, last := slices.Max(counts[1:flow.MaxCandidates]), counts[many-1]; last > once {
				t.Errorf("the last asks %d times, the %d before at most %d times", last, flow.MaxCandidates, once)
			}
			if first, last := counts[1], counts[many-1]; last > first+8 {
				t.Errorf("the last asks %d times, the second %d", last, first)
			}
		})
	}
}
