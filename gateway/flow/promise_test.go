package flow_test

import (
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/invariant"
)

// promised checks what is promised over what both gateways have written down.
func (w *world) promised(ended bool) []invariant.Violation {
	w.t.Helper()
	report, err := invariant.Check{
		Sides: []invariant.Side{{Own: w.cn.Own, Store: w.cn.Store}, {Own: w.ru.Own, Store: w.ru.Store}},
		Trust: w.cn.Trust, Ended: ended, At: w.clock.Now(),
	}.Run(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return report.Violations
}

// TestWhatOperatorsDoKeepsThePromise: what is right after their hands is found right.
func TestWhatOperatorsDoKeepsThePromise(t *testing.T) {
	keeps := func(w *world, when string, ended bool) {
		w.t.Helper()
		for _, v := range w.promised(ended) {
			w.t.Errorf("%s: %s", when, v)
		}
	}
	delivered := func(w *world) {
		w.deliver()
		w.clock.add(time.Minute)
		w.deliver()
	}
	for _, outcome := range []string{gateway.NeverHandedOver, gateway.OutcomeUnknown} {
		for name, do := range map[string]func(w *world, id gateway.MessageID){
			"redriven": func(w *world, id gateway.MessageID) {
				if _, err := w.cn.Redrive(t.Context(), anna, id, 0); err != nil {
					t.Fatal(err)
				}
				keeps(w, outcome+", redriven", false)
				delivered(w)
			},
			"redriven in vain": func(w *world, id gateway.MessageID) {
				if _, err := w.cn.Redrive(t.Context(), anna, id, 0); err != nil {
					t.Fatal(err)
				}
				w.lapse(id, outcome)
			},
			"made anew": func(w *world, id gateway.MessageID) {
				if _, err := w.cn.Repair(t.Context(), anna, id); err != nil {
					t.Fatal(err)
				}
				keeps(w, outcome+", made anew", false)
				delivered(w)
			},
			"settled": func(w *world, id gateway.MessageID) {
				evidence := gateway.DigestOf([]byte("a letter"))
				if _, err := w.cn.Settle(t.Context(), anna, id, "told by telephone", evidence); err != nil {
					t.Fatal(err)
				}
				keeps(w, outcome+", said to be settled", true)
				if _, err := w.cn.ConfirmSettlement(t.Context(), boris, id, evidence); err != nil {
					t.Fatal(err)
				}
			},
		} {
			w := newWorld(t)
			id := w.notice()
			w.lapse(id, outcome)
			keeps(w, outcome, true)
			do(w, id)
			keeps(w, outcome+", "+name+", in the end", true)
		}
	}
}
