package flow_test

import (
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/mappings"
)

// tells has an office tell of a transit by its carnet.
func (w *world) tells(g *flow.Gateway, office, id, kind, carnet, more string) {
	w.t.Helper()
	at := w.clock.Now().Format(time.RFC3339)
	by := flow.Caller{URI: "customs://" + string(g.Own) + "/office/" + office + "/post/1", Office: office}
	s, err := g.Submit(w.t.Context(), by, flow.Submission{MediaType: flow.JSON, Content: fmt.Appendf(nil, `{"envelope": {"documentId": %q, "issued": %q, "function": "ORIGINAL"},
		"transitEvent": {"kind": %q, "territory": "CN", "ending": "EXIT", "tir": {"carnet": %q}, "office": {"administration": %q, "code": %q}, "at": %q%s}}`, id, at, kind, carnet, g.Own, office, at, more)})
	if err != nil || s.State != gateway.Sent {
		w.t.Fatalf("%s: %s %v, %v", id, s.State, s.Faults.Report("en"), err)
	}
}

// TestATransitEventOpensNobodysMovement: an office that names the carnet of what another declares gets on no
// route by it, whether it tells of it before or after, and whatever office it says that it is to end at; nor by
// the carnet to another's control.
func TestATransitEventOpensNobodysMovement(t *testing.T) {
	for _, tt := range []struct {
		to                              gateway.Administration
		office, other, entry, of, named string
	}{
		{"KZ", "9402", "9407", "39899001", "cn-kz-transit-declaration", "XA45000452"},
		{"RU", "0603", "1925", "10719110", "cn-ru-transit-declaration", "XA45000451"},
	} {
		t.Run(string(tt.to), func(t *testing.T) {
			w := newPair(t, tt.to)
			post := flow.Caller{URI: "customs://CN/office/" + tt.office + "/post/1", Office: tt.office}
			w.control(w.cn, post, "CN", "CONTROL", tt.named)
			w.tells(w.cn, tt.other, "E1", "STARTED", tt.named, fmt.Sprintf(`, "destination": {"administration": %q, "code": %q}`, tt.to, tt.entry))
			w.tells(w.cn, tt.other, "E2", "TERMINATED", tt.named, fmt.Sprintf(`, "destination": {"administration": "CN", "code": %q}`, tt.office))
			before, _, _, err := w.cn.Find(t.Context(), tt.named, 0, 100)
			if err != nil || len(before) != 2 {
				t.Fatalf("%d movements, %v", len(before), err)
			}
			for _, m := range before {
				if len(m.TransitEvents) > 0 && len(m.Inspections) > 0 {
					t.Errorf("the control of %s lies with %d events of %s", tt.office, len(m.TransitEvents), tt.other)
				}
			}
			content := must(fs.ReadFile(mappings.FS, "samples/"+tt.of+"/transit-declaration.json"))(t)
			if s, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "D", MediaType: flow.JSON, Content: content}); err != nil || s.State != gateway.Sent {
				t.Fatalf("the declaration is %s: %v, %v", s.State, s.Faults.Report("en"), err)
			}
			w.tells(w.cn, tt.other, "E3", "DISCHARGED", tt.named, "")
			w.tells(w.cn, tt.office, "OWN", "TERMINATED", tt.named, "")
			found, _, _, err := w.cn.Find(t.Context(), tt.named, 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			declared := 0
			for _, m := range found {
				if len(m.Movement.Announced) == 0 {
					continue
				}
				declared++
				for _, o := range m.Route() {
					if o.Code == tt.other {
						t.Errorf("%s is on the route of what %s has declared, as %s", tt.other, tt.office, o.Role)
					}
				}
				if !slices.ContainsFunc(m.Route(), func(o reconcile.RouteOffice) bool { return o.Code == tt.office }) || len(m.Inspections) != 1 {
					t.Errorf("its own movement: %v, %d controls", m.Route(), len(m.Inspections))
				}
			}
			if declared != 1 {
				t.Errorf("%d movements are declared", declared)
			}
		})
	}
}
