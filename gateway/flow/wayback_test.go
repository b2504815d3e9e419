package flow_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"customs.example/gateway"
	"customs.example/gateway/document"
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
		left, err := w.ru.RecordDeparture(t.Context(), russianPost, flow.Record{ID: "G1", Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": "G1", "issued": %q}, "vehicleReport": {"batch": "107192603010001",
			"kind": "LADEN_EXIT", "office": {"administration": "RU", "code": %q}, "at": %q, "transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": "А123ВС75", "country": "RU"}]}}}`, at, russianPost.Office, at))})

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

// manifestOf is a manifest on the way back with waybills of so many packages each, as it is edited.
func manifestOf(t *testing.T, id, function string, packages []string, edit func(manifest map[string]any, waybills []any)) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(back(id, function, "12"), &doc); err != nil {
		t.Fatal(err)
	}
	manifest := doc["manifest"].(map[string]any)
	one, err := json.Marshal(manifest["consignments"].([]any)[0])
	if err != nil {
		t.Fatal(err)
	}
	var all []any
	for i, n := range packages {
		var c map[string]any
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(one), `"12"`, strconv.Quote(n))), &c); err != nil {
			t.Fatal(err)
		}
		c["sequence"], c["transportDocument"], c["loadUnits"] = i+1, map[string]any{"id": fmt.Sprintf("RUCN9000000%d", i)}, []any{fmt.Sprintf("ABCU000000%d", i)}
		all = append(all, c)
	}
	manifest["consignments"] = all
	if edit != nil {
		edit(manifest, all)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The reason of a change that its sender says beside the document travels where the form has a
// place: in the waybills that it changes, or, where it changes something else, in all. What the
// document says itself stays. Both sides show it, and say where it came from; an approver's name
// goes nowhere.
func TestTheReasonOfAChangeTravelsWhereTheFormHasAPlace(t *testing.T) {
	for name, c := range map[string]struct {
		packages []string
		edit     func(manifest map[string]any, waybills []any)
		reason   string
		want     [][]string // of each waybill
		from     string     // provenance of the first
	}{
		"one waybill":   {[]string{"12", "13"}, nil, "004", [][]string{nil, {"004"}}, flow.FromRequest},
		"a new waybill": {[]string{"12", "12", "7"}, nil, "001", [][]string{nil, nil, {"001"}}, flow.FromRequest},
		"the carrier": {[]string{"12", "12"}, func(m map[string]any, _ []any) {
			m["carrier"].(map[string]any)["ids"] = []any{map[string]any{"scheme": "CUSTOMS", "value": "RUEX000002"}}
		}, "004", [][]string{{"004"}, {"004"}}, flow.FromRequest},
		"as the document says": {[]string{"14", "13"}, func(_ map[string]any, w []any) {
			w[1].(map[string]any)["changeReasons"] = []any{"010", "999"}
		}, "004", [][]string{nil, {"010", "999"}}, flow.FromDocument},
		"no reason": {[]string{"12", "13"}, nil, "", [][]string{nil, nil}, ""},
	} {
		for _, left := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, left %v", name, left), func(t *testing.T) {
				w := newWorld(t)
				deliver := func() {
					t.Helper()
					if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
						t.Fatal(err)
					}
				}
				w.submitBack(flow.Submission{ID: "R1", Content: manifestOf(t, "R1", "ORIGINAL", []string{"12", "12"}, nil)}, gateway.Sent)
				deliver()
				change := flow.Submission{ID: "R2", Content: manifestOf(t, "R2", "REPLACE", c.packages, c.edit), Asks: store.Asks{Amends: "R1", Reason: c.reason}}
				var s store.Submission
				switch {
				case !left:
					s = w.submitBack(change, gateway.Sent)
				case c.reason == "":
					w.clock.add(50 * time.Minute)
					w.submitBack(change, gateway.Faulty)
					return
				default:
					w.clock.add(50 * time.Minute)
					w.submitBack(change, gateway.Held)
					supervisor := russianPost
					supervisor.URI = "customs://RU/office/10719110/supervisor/Ivanova"
					var err error
					if s, err = w.ru.Approve(t.Context(), supervisor, russianPost.Office, "R2", true, "they were counted anew"); err != nil || s.State != gateway.Sent {
						t.Fatalf("approved, it is %s, %v", s.State, err)
					}
				}
				m, _, err := w.ru.SentMessage(t.Context(), russianPost.Office, "R2", "")
				if err != nil {
					t.Fatal(err)
				}
				for _, secret := range []string{"Ivanova", "supervisor", "counted anew"} {
					if strings.Contains(string(m.Payload)+string(m.Header), secret) {
						t.Errorf("%q travels", secret)
					}
				}
				deliver()
				if m, err = w.ru.Store.Read().Message(t.Context(), m.ID); err != nil || m.State != gateway.Accepted {
					t.Fatalf("it is %s: %s, %v", m.State, m.LastError, err)
				}
				in, err := w.cn.Store.Read().Inbound(t.Context(), "RU", m.ID)
				if err != nil {
					t.Fatal(err)
				}
				var got [][]string
				for _, one := range document.Parse(in.Canonical).Document.GetManifest().GetConsignments() {
					got = append(got, one.ChangeReasons)
				}
				if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("reasons that have arrived (-want +got):\n%s", diff)
				}
				for _, g := range []*flow.Gateway{w.ru, w.cn} {
					if c.reason == "" {
						break
					}
					a := found(w, g, "RUCN90000000").Amendments()
					if len(a) != 1 {
						t.Fatalf("%s: %d amendments", g.Own, len(a))
					}
					changes, err := g.MovementChanges(t.Context(), a[0])
					if err != nil {
						t.Fatal(err)
					}
					told := slices.ContainsFunc(changes, func(d document.Change) bool {
						return strings.Contains(d.Path, "changeReasons") && d.After == c.want[len(c.want)-1][0]
					})
					if !told {
						t.Errorf("%s shows %v", g.Own, changes)
					}
				}
				e, err := w.ru.Explain(t.Context(), russianPost, "R2")
				if err != nil {
					t.Fatal(err)
				}
				at := slices.IndexFunc(e.Origins, func(o flow.Origin) bool { return strings.Contains(o.Path, "changeReasons") })
				if at < 0 && c.from != "" || at >= 0 && e.Origins[at].Provenance != c.from {
					t.Errorf("it comes from %+v", e.Origins)
				}
			})
		}
	}
}

// Two changes of which the first is not handed over: what travels says of each waybill why it
// was changed.
func TestReasonsOfChangesThatAreNotHandedOverTravelWithTheNext(t *testing.T) {
	w := newWorld(t)
	w.submitBack(flow.Submission{ID: "R1", Content: manifestOf(t, "R1", "ORIGINAL", []string{"12", "12"}, nil)}, gateway.Sent)
	if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
		t.Fatal(err)
	}
	w.submitBack(flow.Submission{ID: "R2", Content: manifestOf(t, "R2", "REPLACE", []string{"13", "12"}, nil), Asks: store.Asks{Amends: "R1", Reason: "001"}}, gateway.Sent)
	w.submitBack(flow.Submission{ID: "R3", Content: manifestOf(t, "R3", "REPLACE", []string{"13", "14"}, nil), Asks: store.Asks{Amends: "R1", Reason: "010"}}, gateway.Sent)
	m, _, err := w.ru.SentMessage(t.Context(), russianPost.Office, "R3", "")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(m.Payload), "<ChangeReasonCode>"); n != 2 || !strings.Contains(string(m.Payload), "<ChangeReasonCode>001<") || !strings.Contains(string(m.Payload), "<ChangeReasonCode>010<") {
		t.Errorf("it says %s", m.Payload)
	}
	if _, err := w.ru.Explain(t.Context(), russianPost, "R3"); err != nil {
		t.Error(err)
	}
	// The next one tells of its own change alone.
	if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
		t.Fatal(err)
	}
	w.submitBack(flow.Submission{ID: "R4", Content: manifestOf(t, "R4", "REPLACE", []string{"15", "14"}, nil), Asks: store.Asks{Amends: "R1", Reason: "004"}}, gateway.Sent)
	if m, _, err = w.ru.SentMessage(t.Context(), russianPost.Office, "R4", ""); err != nil || strings.Count(string(m.Payload), "<ChangeReasonCode>") != 1 || !strings.Contains(string(m.Payload), "<ChangeReasonCode>004<") {
		t.Errorf("it says %s, %v", m.Payload, err)
	}
}

// A form without a place for a reason carries none, and the change travels all the same.
func TestAFormWithoutAPlaceCarriesNoReason(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			x := newBatch(t, b, 30*time.Minute)
			x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
			x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
			x.w.send(b)
			s := x.submitAs(flow.Submission{ID: "M2", MediaType: flow.XML, Content: x.manifest("5", 2, map[int]string{1: "421"}), Asks: store.Asks{Amends: "M1", Reason: "004"}}, gateway.Joined)
			m := x.w.message(x.messages(s)[0].ID)
			if strings.Contains(string(m.Payload), "Reason") || strings.Contains(string(m.Canonical), "changeReasons") {
				t.Errorf("it says %s", m.Payload)
			}
			if _, err := x.w.cn.Explain(t.Context(), b.exit, "M2"); err != nil {
				t.Error(err)
			}
		})
	}
}
