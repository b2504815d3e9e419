package flow_test

import (
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

// back is a manifest on the way from Zabaykalsk to Manzhouli.
func back(id, function, packages string) []byte {
	return []byte(strings.NewReplacer(`"documentId": "big"`, fmt.Sprintf(`"documentId": %q`, id), `"ORIGINAL"`, fmt.Sprintf("%q", function),
		`"packages": "12"`, fmt.Sprintf(`"packages": %q`, packages)).Replace(string(longManifest(1))))
}

// submitBack submits to Russia's gateway.
func (w *world) submitBack(sub flow.Submission, want gateway.SubmissionState) store.Submission {
	w.t.Helper()
	sub.MediaType = flow.JSON
	s, err := w.ru.Submit(w.t.Context(), russianPost, sub)
	if err != nil || s.State != want {
		w.t.Fatalf("%s is %s: %v, %v", sub.ID, s.State, s.Faults.Report("en"), err)
	}
	return s
}

// An office is on the route of what it announces, although the form that travels may name others
// alone: so it finds its own truck, and what leaves its gate is what it announced. On the way back
// too a change and a cancellation then need a reason and a supervisor.
func TestAnOfficeIsOnTheRouteOfWhatItAnnounces(t *testing.T) {
	isOn := func(t *testing.T, m flow.Movement, own gateway.Administration, office string) {
		t.Helper()
		if !slices.ContainsFunc(m.Route(), func(o reconcile.RouteOffice) bool {
			return o.Office().Same(gateway.Office{Administration: own, Code: office})
		}) {
			t.Errorf("%s %s is not on %v", own, office, m.Route())
		}
	}
	for _, b := range append(slices.Clone(borders), erenhot) {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			if b.to == "MN" {
				if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
					t.Fatal(err)
				}
				p.list(w, b)
			} else {
				w.announced(b, p)
			}
			isOn(t, found(w, w.cn, p.waybills()[0]), "CN", b.exit.Office)
		})
	}
	t.Run("back", func(t *testing.T) {
		w := newWorld(t)
		w.submitBack(flow.Submission{ID: "R1", Content: back("R1", "ORIGINAL", "12")}, gateway.Sent)
		m := found(w, w.ru, "RUCN90000000")
		isOn(t, m, "RU", russianPost.Office)
		at := w.clock.Now().Format(time.RFC3339)
		left, err := w.ru.RecordDeparture(t.Context(), russianPost, "G1", []byte(fmt.Sprintf(`{"envelope": {"documentId": "G1", "issued": %q}, "vehicleReport": {"batch": "107192603010001",
			"kind": "LADEN_EXIT", "office": {"administration": "RU", "code": %q}, "at": %q, "transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": "А123ВС75", "country": "RU"}]}}}`, at, russianPost.Office, at)))
		if err != nil || left.ID != m.ID || left.State() != reconcile.StateDeparted {
			t.Fatalf("what left is %s %s, announced is %s: %v", left.ID, left.State(), m.ID, err)
		}
		if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
			t.Fatal(err)
		}
		s := w.submitBack(flow.Submission{ID: "C0", Content: []byte(strings.Replace(string(cancellation("C0", "R1")), `, "reason": "004"`, "", 1))}, gateway.Faulty)
		if !slices.Contains(codesIn(s.Faults), gateway.ApprovalReason) {
			t.Errorf("without a reason: %v", s.Faults.Report("en"))
		}
		s = w.submitBack(flow.Submission{ID: "R2", Content: back("R2", "REPLACE", "13"), Asks: store.Asks{Reason: "004"}}, gateway.Held)
		if !slices.Equal(s.WaitsFor, []string{flow.WaitsForApproval}) {
			t.Errorf("a change waits for %v", s.WaitsFor)
		}
	})
}
