package flow_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/store"
)

// onList are the movements on a list of an office, by their batches.
func onList(t *testing.T, g *flow.Gateway, f flow.ListFilter) (batches []string) {
	t.Helper()
	f.Limit = max(f.Limit, 1)
	var after flow.ListPlace
	for {
		found, next, err := g.List(t.Context(), f, after)
		if err != nil || len(found) > f.Limit {
			t.Fatal(len(found), err)
		}
		for _, m := range found {
			batches = append(batches, m.Announced[0].Facts.Batch)
		}
		if next == nil {
			return batches
		}
		after = *next
	}
}

// A truck goes through the lists of a shift: what has left and is not accepted, what was refused or
// taken back after that, and what has not arrived; each shows at its own office alone, and at the
// other side as what is to come.
func TestTheListsOfAShift(t *testing.T) {
	b := borders[0]
	w := newPair(t, "RU")
	tellsOfArrivals(w)
	cn, ru := []string{"0603"}, []string{"10719110"}
	check := func(when string, unaccepted, refused, coming, there []string) {
		t.Helper()
		for _, l := range []struct {
			g       *flow.Gateway
			offices []string
			list    string
			want    []string
		}{
			{w.cn, cn, flow.LeftUnaccepted, unaccepted}, {w.cn, cn, flow.LeftRefused, refused}, {w.cn, cn, flow.NotArrived, coming}, {w.ru, ru, flow.NotArrived, there},
			{w.cn, nil, flow.LeftUnaccepted, unaccepted}, {w.ru, nil, flow.NotArrived, there},
			{w.cn, []string{"9402"}, flow.LeftUnaccepted, nil}, {w.cn, []string{"9402"}, flow.NotArrived, nil}, {w.ru, []string{"10719111"}, flow.NotArrived, nil},
		} {
			if got := onList(t, l.g, flow.ListFilter{Offices: l.offices, Worklist: l.list}); !slices.Equal(got, l.want) {
				t.Errorf("%s: %s of %v at %s are %v, want %v", when, l.list, l.offices, l.g.Own, got, l.want)
			}
		}
	}
	p := tripOf(1, w)
	p.departs = w.clock.Now().Add(-time.Minute)
	other := tripOf(2, w)
	other.tractor, other.trailer, other.departs = "蒙E22222", "蒙E2222挂", w.clock.Now().Add(time.Hour)
	one, two := p.batch(b), other.batch(b)
	w.out.trouble = func(int) error { return &peer.NotSentError{Cause: errors.New("the line is cut")} }
	p.announce(w, b)
	other.announce(w, b)
	w.carry()
	check("the line is cut", []string{one}, nil, []string{two}, nil)
	w.out.trouble = nil
	w.clock.add(flow.MaxInterval)
	w.carry()
	check("it is there", nil, nil, []string{one, two}, []string{one, two})

	// A shift sees what is expected when, what differs, and what a text finds.
	expected := p.departs.Add(40 * time.Minute)
	for _, f := range []struct {
		flow.ListFilter
		want []string
	}{
		{flow.ListFilter{From: expected, Until: expected.Add(time.Second)}, []string{one}},
		{flow.ListFilter{From: expected.Add(time.Second)}, []string{two}},
		{flow.ListFilter{Until: expected}, nil},
		{flow.ListFilter{Text: "2222"}, []string{two}},
		{flow.ListFilter{Text: "2222", Worklist: flow.LeftRefused}, nil},
		{flow.ListFilter{Role: "exit"}, []string{two, one}},
		{flow.ListFilter{Role: "entry"}, nil},
		{flow.ListFilter{Kind: "prearrivalnotice", State: "announced"}, []string{two, one}},
		{flow.ListFilter{Kind: "ArrivalReport"}, nil},
		{flow.ListFilter{Differing: true}, nil},
	} {
		f.Offices = cn
		if got := onList(t, w.cn, f.ListFilter); !slices.Equal(got, f.want) {
			t.Errorf("%+v: %v, want %v", f.ListFilter, got, f.want)
		}
	}
	w.clock.add(time.Hour)
	c := corridor{w: w, exit: w.cn, entry: w.ru, entryPost: b.entry, batch: one, waybill: p.waybills()[0]}
	if _, err := c.seen("A1", "ORIGINAL", `, "totals": {"packages": "3"}`); err != nil {
		t.Fatal(err)
	}
	w.carry()
	check("one has come", nil, nil, []string{two}, []string{two})
	for _, g := range []*flow.Gateway{w.cn, w.ru} {
		if got := onList(t, g, flow.ListFilter{Differing: true, State: "arrived"}); !slices.Equal(got, []string{one}) {
			t.Errorf("%s: %v differ", g.Own, got)
		}
	}
}

// A timeline tells every step on both sides, with who and when, and what it waits for; of another
// office's submission no more than that it was.
func TestTheTimelineOfAMovement(t *testing.T) {
	var out bytes.Buffer
	b := borders[0]
	w := newPair(t, "RU")
	tellsOfArrivals(w)
	p := tripOf(1, w)
	tell := func(when string, g *flow.Gateway, languages []string, own func(string) bool) {
		t.Helper()
		steps, left, err := g.Timeline(t.Context(), found(w, g, p.waybills()[0]), own)
		if err != nil || left != 0 {
			t.Fatal(left, err)
		}
		for _, lang := range languages {
			fmt.Fprintf(&out, "%s, at %s, %s\n", when, g.Own, lang)
			for _, s := range steps {
				waits := ""
				if s.Waiting {
					waits = "... "
				}
				fmt.Fprintln(&out, "  "+waits+strings.Join([]string{s.At.UTC().Format(time.RFC3339), s.Local(), s.Office, s.Actor, s.Text.In(lang)}, " | "))
				for _, f := range s.Faults {
					fmt.Fprintf(&out, "      %s %s\n", f.Code, f.Text(lang))
				}
			}
		}
	}
	all, none := func(string) bool { return true }, func(string) bool { return false }
	w.out.trouble = func(int) error { return &peer.NotSentError{Cause: errors.New("the line is cut")} }
	p.announce(w, b)
	w.carry()
	tell("the line is cut", w.cn, gateway.Languages, all)
	tell("the line is cut, to another office", w.cn, []string{"en"}, none)
	w.out.trouble = nil
	w.clock.add(flow.MaxInterval)
	if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	w.carry()
	w.clock.add(time.Hour)
	c := corridor{w: w, exit: w.cn, entry: w.ru, entryPost: b.entry, batch: p.batch(b), waybill: p.waybills()[0]}
	if _, err := c.seen("A1", "ORIGINAL", `, "partial": true, "totals": {"packages": "100"}`); err != nil {
		t.Fatal(err)
	}
	w.carry()
	for _, name := range []string{"clearance", "risk"} { // two systems take the notice over
		subscribe(t, w.ru, name, store.FetchFilter{Kinds: []string{"PreArrivalNotice"}})
		done(t, w.ru, clearance, name, fetch(t, w.ru, clearance, name, 0))
		w.clock.add(time.Minute)
	}
	w.clock.add(25 * time.Hour)
	for _, g := range []*flow.Gateway{w.cn, w.ru} {
		if err := g.TellOverdue(t.Context()); err != nil {
			t.Fatal(err)
		}
		tell("a part has come, and the rest has not", g, gateway.Languages, all)
	}
	if _, err := c.seen("A2", "ORIGINAL", `, "totals": {"packages": "330"}`); err != nil {
		t.Fatal(err)
	}
	w.carry()
	if _, err := c.seen("A3", "DELETION A1", ""); err != nil {
		t.Fatal(err)
	}
	w.carry()
	for _, g := range []*flow.Gateway{w.cn, w.ru} {
		tell("the rest has come, and the first part was a mistake", g, []string{"en", "ru"}, all)
	}
	golden(t, "testdata/timeline.txt", out.Bytes())
}

// The post of entry sees the goods as they were released: all that the route names, and nothing else.
func TestTheEntrySeesWhatIsAnnounced(t *testing.T) {
	for _, b := range append(slices.Clone(borders), erenhot) {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			if b.to == "MN" {
				if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
					t.Fatal(err)
				}
				p.list(w, b)
				w.judge()
			} else {
				p.announce(w, b)
			}
			w.send(b)
			documents, left, err := w.ru.Announced(t.Context(), found(w, w.ru, p.waybills()[0]))
			if err != nil || left != 0 || len(documents) != 1 || documents[0].Sender != "CN" {
				t.Fatalf("%d documents, %d more, %v", len(documents), left, err)
			}
			mass, named, priced := false, false, false
			for _, v := range documents[0].Values {
				mass = mass || strings.HasSuffix(v.Path, "grossMass.kilograms") && !v.Withheld && v.Value == "18250.5"
				named = named || strings.Contains(v.Path, "consignee.name") && v.Withheld
				if strings.Contains(v.Path, ".value.amount") {
					priced = true
					if !v.Withheld {
						t.Errorf("the price %s is shown", v.Path)
					}
				}
				if v.Place.IsZero() {
					t.Errorf("%s has no place", v.Path)
				}
			}
			if !mass || !named || priced != (b.to == "MN") {
				t.Errorf("mass %v, consignee %v, price %v", mass, named, priced)
			}
		})
	}
}

// zones are those of the offices here, said once more.
var zones = map[string]string{
	"0603": "Asia/Shanghai", "9402": "Asia/Shanghai", "10719110": "Asia/Chita", "10716060": "Asia/Vladivostok", "39899001": "Asia/Almaty",
}

// A day is the local day of the office whose list it is, on both sides of a border and at a post to which
// a truck was diverted, around the midnight of each; how late a notice is depends on no day.
func TestADayOfAListIsTheOfficesOwn(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			w.clock.add(11*time.Hour + 45*time.Minute) // 14:00 UTC
			var batches, waybills []string
			at := make(map[string]time.Time)
			for i, after := range []time.Duration{30, 90, 150, 270, 330} { // minutes, when it is to arrive
				p := tripOf(i+1, w)
				p.tractor, p.trailer = fmt.Sprintf("蒙E%d%d%d%d%d", i, i, i, i, i), fmt.Sprintf("蒙E%d%d%d%d挂", i, i, i, i)
				p.departs = w.clock.Now().Add(after*time.Minute - 40*time.Minute)
				m, _ := w.announced(b, p)
				batches, waybills = append(batches, p.batch(b)), append(waybills, p.waybills()[0])
				at[p.batch(b)] = m.ExpectedArrival
				if late := max(0, 2*time.Hour-m.ExpectedArrival.Sub(m.Created)); m.LateBy != late {
					t.Errorf("expected at %v, it is late by %v, want %v", m.ExpectedArrival, m.LateBy, late)
				}
			}
			w.carry()
			if b.to == "RU" {
				for _, waybill := range waybills {
					if _, err := w.ru.OpenMovement(t.Context(), elsewhere, found(w, w.ru, waybill).ID, "diverted by the flood"); err != nil {
						t.Fatal(err)
					}
				}
			}
			day := func(batch, office string) string {
				zone, err := time.LoadLocation(zones[office])
				if err != nil {
					t.Fatal(err)
				}
				return at[batch].In(zone).Format(time.DateOnly)
			}
			differ := false
			for _, l := range []struct {
				g       *flow.Gateway
				offices []string // whose lists these are
				by      []string // any of whose days
			}{
				{w.cn, []string{b.exit.Office}, []string{b.exit.Office}}, {w.cn, nil, []string{b.exit.Office}},
				{w.ru, []string{b.entry.Office}, []string{b.entry.Office}}, {w.ru, nil, []string{b.entry.Office}},
				{w.ru, []string{"10716060"}, []string{"10716060"}}, {w.ru, []string{b.entry.Office, "10716060"}, []string{b.entry.Office, "10716060"}},
			} {
				if b.to != "RU" && slices.Contains(l.offices, "10716060") {
					continue
				}
				for _, asked := range []string{"2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03"} {
					var want []string
					for _, batch := range batches {
						if slices.ContainsFunc(l.by, func(office string) bool { return day(batch, office) == asked }) {
							want = append(want, batch)
						}
						differ = differ || day(batch, l.by[0]) != day(batch, b.exit.Office)
					}
					var keys []string
					for _, code := range l.offices {
						keys = append(keys, gateway.Office{Administration: l.g.Own, Code: code}.Key())
					}
					got := onList(t, l.g, flow.ListFilter{Offices: keys, Day: asked, Limit: 100})
					if slices.Sort(got); !slices.Equal(got, want) {
						t.Errorf("%s: %v on %s lists %v, want %v", l.g.Own, l.offices, asked, got, want)
					}
					for _, batch := range batches { // what a text finds is judged alike
						listed := onList(t, l.g, flow.ListFilter{Offices: keys, Day: asked, Text: batch, Limit: 100})
						if slices.Contains(listed, batch) != slices.Contains(want, batch) {
							t.Errorf("%s: %v on %s finds %v by %s", l.g.Own, l.offices, asked, listed, batch)
						}
					}
				}
			}
			if !differ {
				t.Error("no office has another day: this proves nothing")
			}
			if _, _, err := w.cn.List(t.Context(), flow.ListFilter{Offices: []string{b.exit.Office}, Day: "2026-02-30", Limit: 1}, flow.ListPlace{}); !slices.Equal(faultCodes(err), []gateway.Code{gateway.ShiftUnfit}) {
				t.Errorf("a day that there is not: %v", err)
			}
		})
	}
}

// A search beyond one's routes asks the database the same whether there is nothing, something that is
// shown, or something that is not.
func TestASearchElsewhereAsksTheSameWhateverIsThere(t *testing.T) {
	w, id := announcedToOthers(t)
	asked := func(text string, shown int) map[string]int64 {
		t.Helper()
		before := w.ru.Store.Asked()
		out, more, err := w.ru.Elsewhere(t.Context(), elsewhere, text, "stands at the gate")
		if err != nil || len(out) != shown || more {
			t.Fatalf("%q shows %d, %v", text, len(out), err)
		}
		after := w.ru.Store.Asked()
		for query, n := range before {
			if after[query] -= n; after[query] == 0 {
				delete(after, query)
			}
		}
		return after
	}
	asked("E99999", 0)
	none := asked("E99999", 0)
	same := func(what string, got map[string]int64) {
		t.Helper()
		if diff := cmp.Diff(none, got); diff != "" {
			t.Errorf("%s is asked for otherwise (-nothing +it):\n%s", what, diff)
		}
	}
	same("what is announced elsewhere", asked("E12345", 1))
	if _, err := w.ru.RecordArrival(t.Context(), russianPost, flow.Record{ID: "A1", Content: report("A1", "10719110", looks["tractor"][0])}); err != nil {
		t.Fatal(err)
	}
	same("what has arrived", asked("E12345", 0))
	if _, err := w.ru.OpenMovement(t.Context(), elsewhere, id, "stands at the gate"); err != nil {
		t.Fatal(err)
	}
	same("what is one's own by now", asked("E12345", 0))
}
