package flow_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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
