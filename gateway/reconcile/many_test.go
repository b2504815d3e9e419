package reconcile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// manyArrived is a movement of one notice of so many units, each on its truck, of which some have
// come one by one.
func manyArrived(t testing.TB, units, come int) Movement {
	t.Helper()
	var us, gs, vs []string
	for i := range units {
		us, gs = append(us, fmt.Sprintf(`{"id":"ABCU%07d","seals":[{"id":"S%07d"}]}`, i, i)), append(gs, goodsOf(fmt.Sprint("W", i), "10", "100"))
		vs = append(vs, fmt.Sprintf(`{"role":"TRACTOR","registration":"新A%05d"}`, i))
	}
	m := told{id: "n", body: `"batch":"B1","transport":{"vehicles":[` + strings.Join(vs, ",") + `]},"loadUnits":[` + strings.Join(us, ",") + `],"consignments":[` + strings.Join(gs, ",") + `]`}.attach(t, Movement{ID: "m"}, noon, tolerances(t))
	for i := range come {
		m = comes(t, m, i)
	}
	return m
}

// comes is a truck's arrival at its place in the order.
func comes(t testing.TB, m Movement, i int) Movement {
	t.Helper()
	return told{id: fmt.Sprint("a", i), arrival: true, body: fmt.Sprintf(`"batch":"B1","at":%q,%s,"loadUnits":[{"id":"ABCU%07d"}],"consignments":[%s]`,
		noon.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), truck(fmt.Sprintf("新A%05d", i)), i, goodsOf(fmt.Sprint("W", i), "10", "100"))}.attach(t, m, noon, tolerances(t))
}

// A further arrival costs no more the more have come, and what is kept of a movement does not grow
// with the product of what is announced and what has come.
func TestManyArrivalsCostNoMore(t *testing.T) {
	cost := func(m Movement, next int) float64 { return testing.AllocsPerRun(1, func() { comes(t, m, next) }) }
	size := func(m Movement) int {
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return len(raw)
	}
	few, many := manyArrived(t, 100, 10), manyArrived(t, 100, 80)
	if a, b := cost(few, 10), cost(many, 80); b > 2*a {
		t.Errorf("the 81st arrival costs %.0f, the 11th %.0f", b, a)
	}
	if a, b := size(few), size(many); b > 2*a {
		t.Errorf("with 80 arrivals it has %d bytes, with 10 it has %d", b, a)
	}
}

// What is made of the last arrival alone is what is made of all anew, in whatever order they came
// and whatever was announced between them.
func TestAnArrivalIsComparedAsAllAnew(t *testing.T) {
	tol := tolerances(t)
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 0, 2, 1}, {0, 2, 1, 1, 3}, {1, 4, 5, 0}} {
		m := manyArrived(t, 4, 0)
		for n, i := range order {
			m = comes(t, m, i)
			if n == 1 {
				m = told{id: "late", body: `"batch":"B1",` + truck("新A00009")}.attach(t, m, noon, tol)
			}
			if diff := gocmp.Diff(m.compared(tol), m, gocmp.AllowUnexported(Movement{})); diff != "" {
				t.Fatalf("order %v, after %d (-anew +kept):\n%s", order, n, diff)
			}
		}
	}
}
