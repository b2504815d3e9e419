package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
)

// told is a notice or arrival of a convoy, as one message brings it.
type told struct {
	id, body string
	arrival  bool
	whole    bool // it tells all the goods of its waybills
	of       string
}

func (x told) attach(t testing.TB, m Movement, at time.Time, tol Tolerances) Movement {
	t.Helper()
	d := notice(t, x.body)
	if x.arrival {
		d = arrival(t, x.body)
	}
	m, err := Attach(m, d, Origin{Message: gateway.MessageID(x.id), Conversation: x.of, WholeGoods: x.whole, Received: at}, tol)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func truck(plates ...string) string {
	var vs []string
	for i, p := range plates {
		vs = append(vs, fmt.Sprintf(`{"role":%q,"registration":%q}`, []string{"TRACTOR", "TRAILER"}[i%2], p))
	}
	return `"transport":{"vehicles":[` + strings.Join(vs, ",") + `]}`
}

func goodsOf(waybill, packages, kilograms string) string {
	return fmt.Sprintf(`{"transportDocument":{"id":%q},"totals":{"packages":%q,"grossMass":{"kilograms":%q}}}`, waybill, packages, kilograms)
}

// TestEachWaybillCountsOnce: messages that tell all of a waybill tell it once, whichever vehicle
// has it and however many do; those that tell a share add up.
func TestEachWaybillCountsOnce(t *testing.T) {
	tol := tolerances(t)
	notice := func(id, of string, whole bool, goods ...string) told {
		return told{id: id, of: of, whole: whole, body: `"batch":"B1",` + truck("新A0000"+id[1:], "新A000"+id[1:]+"挂") + `,"consignments":[` + strings.Join(goods, ",") + `]`}
	}
	w1, w2, w3 := goodsOf("W1", "10", "100.5"), goodsOf("W2", "20", "200"), goodsOf("W3", "5", "50")
	for name, tt := range map[string]struct {
		told []told
		want []string // of each waybill
		sum  string
	}{
		"each vehicle's notice repeats all":  {[]told{notice("m1", "c", true, w1, w2), notice("m2", "c", true, w1, w2), notice("m3", "c", true, w1, w2)}, []string{"W1 10 100.5", "W2 20 200"}, "30 300.5"},
		"a further vehicle's notice":         {[]told{notice("m1", "c", true, w1), notice("m2", "d", true, w1)}, []string{"W1 10 100.5"}, "10 100.5"},
		"shares of a waybill":                {[]told{notice("m1", "c", false, w1), notice("m2", "c", false, w1)}, []string{"W1 20 201"}, "20 201"},
		"two batches' worth in one":          {[]told{notice("m1", "c", true, w1), notice("m2", "d", true, w2)}, []string{"W1 10 100.5", "W2 20 200"}, "30 300.5"},
		"some of it again":                   {[]told{notice("m1", "c", true, w1, w2), notice("m2", "d", true, w2, w3)}, []string{"W1 10 100.5", "W2 20 200", "W3 5 50"}, "35 350.5"},
		"the last one counts for the others": {[]told{notice("m1", "c", true, w1, w2), notice("m2", "c", true, w2)}, []string{"W2 20 200"}, "20 200"},
		"a corrected figure":                 {[]told{notice("m1", "c", true, w1), notice("m2", "d", true, goodsOf("W1", "9", "90"))}, []string{"W1 9 90"}, "9 90"},
		"goods of no waybill": {[]told{{id: "m1", of: "c", whole: true, body: truck("A1") + `,"totals":{"packages":"7","grossMass":{"kilograms":"70"}}`},
			{id: "m2", of: "c", whole: true, body: truck("A2") + `,"totals":{"packages":"7","grossMass":{"kilograms":"70"}}`}}, nil, "7 70"},
		"goods of no waybill, of two wholes": {[]told{{id: "m1", of: "c", whole: true, body: truck("A1") + `,"totals":{"packages":"7","grossMass":{"kilograms":"70"}}`},
			{id: "m2", of: "d", whole: true, body: truck("A2") + `,"totals":{"packages":"7","grossMass":{"kilograms":"70"}}`}}, nil, "14 140"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}} {
				m := Movement{ID: "v"}
				for _, i := range order {
					if i < len(tt.told) {
						m = tt.told[i].attach(t, m, noon.Add(time.Duration(i)*time.Minute), tol)
					}
				}
				var got []string
				for _, a := range m.Accounts() {
					got = append(got, a.Waybill+" "+a.Packages.Open+" "+a.Kilograms.Announced)
				}
				slices.Sort(got)
				w := combine(m.counting(m.Announced))
				if sum := w.Packages.Value + " " + w.GrossMass.Value; !slices.Equal(got, tt.want) || sum != tt.sum {
					t.Errorf("in the order %v: %v, in all %s", order, got, sum)
				}
				if announced, arrived := m.Vehicles(); announced != len(tt.told) || arrived != 0 {
					t.Errorf("%d vehicles, %d arrived", announced, arrived)
				}
			}
		})
	}
}

// TestAConvoyIsCompleteWhenAllHasCome: until all vehicles have come and the packages agree the
// rest is to come; at the deadline it is missing.
func TestAConvoyIsCompleteWhenAllHasCome(t *testing.T) {
	tol := tolerances(t)
	notice := func(n int) told {
		return told{id: fmt.Sprint("n", n), of: "c", whole: true, body: fmt.Sprintf(`"batch":"B1","expectedArrival":"2026-03-02T12:00:00Z",%s,"consignments":[%s]`,
			truck(fmt.Sprint("新A1000", n), fmt.Sprint("新A100", n, "挂")), goodsOf("W1", "30", "300"))}
	}
	comes := func(n int, hour string, packages string) told {
		return told{id: fmt.Sprint("a", n), arrival: true, body: fmt.Sprintf(`"at":"2026-03-02T%s:00:00Z",%s,"consignments":[%s]`,
			hour, truck(fmt.Sprint("XIN-A1000", n), fmt.Sprint("XINA100", n, "GUA")), goodsOf("W1", packages, packages+"0"))}
	}
	type step struct {
		told
		vehicles [2]int
		open     string
		complete bool
	}
	m := Movement{ID: "v"}
	for i, s := range []step{
		{notice(1), [2]int{1, 0}, "30", false},
		{comes(1, "12", "10"), [2]int{1, 1}, "0", true}, // the only one so far: packages short
		{notice(2), [2]int{2, 1}, "20", false},
		{comes(2, "13", "10"), [2]int{2, 2}, "10", false}, // all, and ten packages too few
		{notice(3), [2]int{3, 2}, "10", false},
		{comes(3, "20", "10"), [2]int{3, 3}, "0", true},
	} {
		m = s.attach(t, m, noon.Add(time.Duration(i)*time.Minute), tol)
		announced, arrived := m.Vehicles()
		if a := m.Accounts()[0]; [2]int{announced, arrived} != s.vehicles || a.Packages.Open != s.open || m.Complete() != s.complete {
			t.Errorf("step %d: %d of %d, open %q, complete %v", i, arrived, announced, a.Packages.Open, m.Complete())
		}
		if late := m.AsOf(noon.AddDate(0, 0, 3), tol); s.complete && gocmp.Diff(m, late) != "" || !s.complete && len(m.Arrivals) > 0 && (!late.Complete() || late.Accounts()[0].Packages.Open != "0") {
			t.Errorf("step %d, after the deadline: %+v", i, late.Accounts())
		}
	}
	last := m.Comparisons[2]
	if got := codes(last.Discrepancies); last.Result != Agrees || !slices.Equal(got, []string{"CMP_LATE", "CMP_CONVOY_APART"}) && !slices.Equal(got, []string{"CMP_CONVOY_APART"}) {
		t.Errorf("the last vehicle, eight hours behind: %s %v", last.Result, got)
	}
	if d := m.Deadline(tol); !d.IsZero() {
		t.Errorf("it still waits until %v", d)
	}
}

// TestWhatIsNoConvoy: one truck with what it tows, and vehicles whose part nobody states, are waited
// for by nobody.
func TestWhatIsNoConvoy(t *testing.T) {
	tol := tolerances(t)
	for name, tt := range map[string]struct{ announced, found string }{
		"a trailer too few":       {truck("新A1", "新A2挂"), truck("新A1")},
		"plates of unstated part": {`"transport":{"vehicles":[{"registration":"A1"},{"registration":"B2"}]}`, `"transport":{"vehicles":[{"registration":"A1"}]}`},
	} {
		m := told{id: "n", body: tt.announced}.attach(t, Movement{}, noon, tol)
		m = told{id: "a", arrival: true, body: tt.found}.attach(t, m, noon, tol)
		if c := m.Comparisons[0]; !slices.Contains(codes(c.Discrepancies), "CMP_VEHICLE_MISSING") || len(c.Outstanding) > 0 || !m.Deadline(tol).IsZero() {
			t.Errorf("%s: %v", name, codes(c.Discrepancies))
		}
	}
}

// TestConvoyWhateverTheOrder: the notices and arrivals of a convoy come in any order; what is
// announced, arrived and open of each waybill is what went into them.
func TestConvoyWhateverTheOrder(t *testing.T) {
	tol := tolerances(t)
	rapid.Check(t, func(r *rapid.T) {
		trucks := rapid.IntRange(2, 5).Draw(r, "trucks")
		come := rapid.IntRange(0, trucks).Draw(r, "come")
		packages := make([][]int, rapid.IntRange(1, 3).Draw(r, "waybills")) // of each waybill, by truck
		var all []string
		for w := range packages {
			total := 0
			packages[w] = make([]int, trucks)
			for i := range trucks {
				packages[w][i] = rapid.IntRange(1, 90).Draw(r, "packages")
				total += packages[w][i]
			}
			all = append(all, goodsOf(fmt.Sprint("W", w), fmt.Sprint(total), fmt.Sprint(total, ".5")))
		}
		var messages []told
		for i := range trucks {
			messages = append(messages, told{id: fmt.Sprint("n", i), of: rapid.SampledFrom([]string{"c", "d"}).Draw(r, "whole"), whole: true,
				body: `"batch":"B1",` + truck(fmt.Sprint("新A1000", i)) + `,"consignments":[` + strings.Join(all, ",") + `]`})
			if i >= come {
				continue
			}
			var here []string
			for w := range packages {
				here = append(here, goodsOf(fmt.Sprint("W", w), fmt.Sprint(packages[w][i]), fmt.Sprint(packages[w][i])))
			}
			messages = append(messages, told{id: fmt.Sprint("a", i), arrival: true, body: `"batch":"B1",` + truck(fmt.Sprint("新A1000", i)) + `,"consignments":[` + strings.Join(here, ",") + `]`})
		}
		m := Movement{ID: "v"}
		for _, x := range rapid.Permutation(messages).Draw(r, "order") {
			m = x.attach(t, m, noon, tol)
		}
		if announced, arrived := m.Vehicles(); announced != trucks || arrived != come || m.Complete() != (come == trucks) {
			r.Fatalf("%d of %d vehicles, complete %v", arrived, announced, m.Complete())
		}
		for w, a := range m.Accounts() {
			var want Account
			total, arrived := 0, 0
			for i, n := range packages[w] {
				if total += n; i < come {
					arrived += n
				}
			}
			of := func(total string, n int) (f Figures) {
				f.Announced, f.Open = total, number(total).Sub(number(fmt.Sprint(n))).String()
				if come > 0 {
					f.Arrived = fmt.Sprint(n)
				}
				if come == trucks {
					f.Open = "0"
				}
				return f
			}
			want = Account{fmt.Sprint("W", w), of(fmt.Sprint(total), arrived), of(fmt.Sprint(total, ".5"), arrived)}
			if diff := gocmp.Diff(want, a); diff != "" {
				r.Fatal(diff)
			}
		}
	})
}
