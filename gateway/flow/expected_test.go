package flow_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// The time of arrival is the post's, with any part, or that of the exit report and the crossing:
// then the post is told that nobody stated it. It travels in the signed header.
func TestExpectedArrivalIsThePostsOrOfTheCrossing(t *testing.T) {
	for _, b := range borders {
		for name, tt := range map[string]struct{ first, second bool }{"nobody's": {}, "with the first part": {first: true}, "with the second part": {second: true}} {
			t.Run(string(b.to)+" "+name, func(t *testing.T) {
				w := newPair(t, b.to)
				p := tripOf(1, w)
				said := p.departs.Add(7 * time.Hour)
				eta := func(is bool) (at time.Time) {
					if is {
						at = said
					}
					return at
				}
				submit := func(name string, at time.Time) (id string, codes []gateway.Code) {
					t.Helper()
					s, err := w.cn.Submit(t.Context(), b.exit, flow.Submission{MediaType: flow.XML, Content: p.document(w, b, name), Asks: store.Asks{Expected: at}})
					if err != nil || s.Faults.Refuse() {
						t.Fatal(s.Faults.Report("en"), err)
					}
					return s.ID, codesIn(s.Faults)
				}
				submit("mt2401.xml", eta(tt.first))
				id, codes := submit("mt4402.xml", eta(tt.second))
				m := w.message(w.state(b, id).MessageID)
				want := p.departs.Add(40 * time.Minute)
				if tt.first || tt.second {
					want = said
				}
				if !m.ExpectedArrival.Equal(want) {
					t.Errorf("expected at %v, want %v", m.ExpectedArrival, want)
				}
				if told := slices.Contains(codes, gateway.ExpectedAssumed); told == (tt.first || tt.second) {
					t.Errorf("told that it is assumed: %v", told)
				}
				w.send(b)
				if there := found(w, w.ru, p.waybills()[0]); !there.Announced[0].Expected.Equal(want) {
					t.Errorf("there it is expected at %v", there.Announced[0].Expected)
				}
				// The same id and bytes with another time are another request.
				_, err := w.cn.Submit(t.Context(), b.exit, flow.Submission{MediaType: flow.XML, Content: p.document(w, b, "mt4402.xml"), Asks: store.Asks{Expected: said.Add(time.Hour)}})
				var faults gateway.Faults
				if !errors.As(err, &faults) || faults[0].Code != gateway.IDReuse {
					t.Errorf("with another time: %v", err)
				}
			})
		}
	}
}

// A time that nobody means is refused with the request, and nothing is stored.
func TestExpectedArrivalThatNobodyMeans(t *testing.T) {
	w, b := newPair(t, "RU"), borders[0]
	p := tripOf(1, w)
	for _, at := range []time.Time{time.Unix(0, 0), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), w.clock.Now().AddDate(2, 0, 0)} {
		s := flow.Submission{ID: "S1", MediaType: flow.XML, Content: p.document(w, b, "mt2401.xml"), Asks: store.Asks{Expected: at}}
		_, err := w.cn.Submit(t.Context(), b.exit, s)
		_, checked := w.cn.Check(t.Context(), b.exit, s)
		for _, err := range []error{err, checked} {
			var faults gateway.Faults
			if !errors.As(err, &faults) || faults[0].Code != gateway.InstantImplausible || faults[0].Path != "expected_arrival" {
				t.Errorf("%v: %v", at, err)
			}
		}
		if _, err := w.cn.Store.Read().Submission(t.Context(), b.exit.Office, "S1"); err == nil {
			t.Error("it is stored")
		}
	}
}
