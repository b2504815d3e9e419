package flow_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
)

// constants are the values of a type, as its file declares them.
func constants(t *testing.T, file, of string) (values []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if name, ok := v.Type.(*ast.Ident); ok && name.Name == of {
				text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, text)
			}
		}
	}
	if len(values) < 5 {
		t.Fatalf("%s has %d values of %s", file, len(values), of)
	}
	return values
}

// place is a state of a movement at one side of the border.
type place struct {
	state reconcile.State
	side  string
}

// The sides of China's border with Russia.
const (
	exitSide  = "exit"  // China's gateway
	entrySide = "entry" // Russia's
)

// sent is a trip that was announced, with its movement at a side.
func sent(w *world, p trip, g *flow.Gateway) flow.Movement {
	w.announced(borders[0], p)
	w.send(borders[0])
	return found(w, g, p.waybills()[0])
}

func asked(w *world, p trip, g *flow.Gateway) flow.Movement {
	m, id := w.announced(borders[0], p)
	w.send(borders[0])
	w.answers(borders[0], "R1", m.DocumentID, registered)
	w.cancel(borders[0], "C1", id)
	w.send(borders[0])
	return found(w, g, p.waybills()[0])
}

// scenes bring a movement into each state that waits at a side.
var scenes = map[place]func(w *world, p trip) flow.Movement{
	{reconcile.StateAnnounced, entrySide}: func(w *world, p trip) flow.Movement { return sent(w, p, w.ru) },
	{reconcile.StateAnnounced, exitSide}:  func(w *world, p trip) flow.Movement { return sent(w, p, w.cn) },
	{reconcile.StateDeparted, exitSide}: func(w *world, p trip) flow.Movement {
		sent(w, p, w.cn)
		m, err := p.depart(w, borders[0], "G1", w.clock.Now(), true)
		if err != nil {
			w.t.Fatal(err)
		}
		return m
	},
	{reconcile.StateDepartedUnannounced, exitSide}: func(w *world, p trip) flow.Movement {
		m, err := p.depart(w, borders[0], "G1", w.clock.Now(), true)
		if err != nil {
			w.t.Fatal(err)
		}
		return m
	},
	{reconcile.StateWithdrawalAsked, exitSide}:  func(w *world, p trip) flow.Movement { return asked(w, p, w.cn) },
	{reconcile.StateWithdrawalAsked, entrySide}: func(w *world, p trip) flow.Movement { return asked(w, p, w.ru) },
	{reconcile.StatePartlyArrived, entrySide}: func(w *world, p trip) flow.Movement {
		w.announced(borders[0], p)
		w.send(borders[0])
		at := w.clock.Now().Format(time.RFC3339)
		m, err := w.ru.RecordArrival(w.t.Context(), borders[0].entry, flow.Record{ID: "A1", Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": "A1", "issued": %q}, "arrivalReport": {"batch": %q, "partial": true,
			"office": {"administration": "RU", "code": "10719110"}, "at": %q, "totals": {"packages": "20"}, "transport": {"vehicles": [{"role": "TRACTOR", "registration": %q}]}}}`, at, p.batch(borders[0]), at, p.tractor))})

		if err != nil {
			w.t.Fatal(err)
		}
		return m
	},
	{reconcile.StateArrivedUnannounced, entrySide}: func(w *world, p trip) flow.Movement {
		return p.arrive(w, borders[0], w.clock.Now())
	},
}

// nowhere are the places that no movement comes to, and why.
var nowhere = map[place]string{
	{reconcile.StateDeparted, entrySide}:            "a departure is told to nobody",
	{reconcile.StateDepartedUnannounced, entrySide}: "a departure is told to nobody",
	{reconcile.StatePartlyArrived, exitSide}:        "an arrival is told to nobody",
	{reconcile.StateArrivedUnannounced, exitSide}:   "an arrival is told to nobody",
	{reconcile.StateFiled, exitSide}:                "a filing stays with its administration",
	{reconcile.StateFiled, entrySide}:               "nobody owes a notice of what a carrier has filed",
	{reconcile.StateControlled, exitSide}:           "nobody owes a notice of what was controlled",
	{reconcile.StateControlled, entrySide}:          "nobody owes a notice of what was controlled",
	{reconcile.StateTransit, exitSide}:              "each transit has a time limit of its own: OVERDUE_TRANSIT",
	{reconcile.StateTransit, entrySide}:             "each transit has a time limit of its own: OVERDUE_TRANSIT",
}

// final are the states of a movement that nothing is waited for in.
var final = []reconcile.State{reconcile.StateOnPaper, reconcile.StateArrived, reconcile.StateTakenBack, reconcile.StateNotAccepted}

// Every state of a movement ends, or has at each side a time after which a person is told; then
// nothing else has changed. A new state fails here until it has one.
func TestEveryStateOfAMovementHasADeadline(t *testing.T) {
	var out bytes.Buffer
	var places []place
	for _, value := range constants(t, "../reconcile/state.go", "State") {
		state := reconcile.State(value)
		if slices.Contains(final, state) {
			if flow.Patience[state] != 0 {
				t.Errorf("%s ends, and is waited in", state)
			}
			continue
		}
		for _, side := range []string{exitSide, entrySide} {
			at := place{state, side}
			if scenes[at] == nil == (nowhere[at] == "") {
				t.Errorf("nobody is told of a movement that stays %s at the side of %s", state, side)
				continue
			}
			if scenes[at] != nil {
				places = append(places, at)
			}
		}
	}
	for _, at := range places {
		state, value := at.state, string(at.state)+", at the side of "+at.side
		t.Run(value, func(t *testing.T) {
			w := newPair(t, "RU")
			m, g := scenes[at](w, tripOf(1, w)), map[string]*flow.Gateway{exitSide: w.cn, entrySide: w.ru}[at.side]
			if m.State() != state {
				t.Fatalf("it is %s", m.State())
			}
			due := g.Due(m)
			if due.IsZero() || due.Sub(w.clock.Now()) > 48*time.Hour {
				t.Fatalf("due at %v", due)
			}
			tell := func(at time.Time) flow.Movement {
				t.Helper()
				w.clock.add(at.Sub(w.clock.Now()))
				if err := g.TellOverdue(t.Context()); err != nil {
					t.Fatal(err)
				}
				now, err := g.Movement(t.Context(), m.ID)
				if err != nil {
					t.Fatal(err)
				}
				return now
			}
			if now := tell(due.Add(-time.Second)); len(now.Overdue) > 0 {
				t.Fatal("it is told before its time")
			}
			now := tell(due)
			remarks := g.Remarks(now)
			if len(now.Overdue) != 1 || len(remarks) != 1 || remarks[0].Severity != gateway.Warning || !g.Due(now).IsZero() {
				t.Fatalf("at its time: %v, %d remarks, due again at %v", now.Overdue, len(remarks), g.Due(now))
			}
			if now.State() != state || len(now.Announced) != len(m.Announced) || len(now.Arrivals) != len(m.Arrivals) || len(now.Departures) != len(m.Departures) {
				t.Errorf("it has changed to %s", now.State())
			}
			if again := tell(due.Add(time.Hour)); again.Commit != now.Commit {
				t.Error("it is told again")
			}
			inFiveLanguages(&out, value, remarks[0])
		})
	}
	golden(t, "testdata/overdue.txt", out.Bytes())
}

// What comes after all ends the wait, and the remark with it.
func TestWhatComesLateEndsTheRemark(t *testing.T) {
	w, b := newPair(t, "RU"), borders[0]
	p := tripOf(1, w)
	m, _ := w.announced(b, p)
	w.send(b)
	if m.ExpectedArrival.IsZero() {
		t.Fatal("it is not expected")
	}
	w.clock.add(m.ExpectedArrival.Sub(w.clock.Now()) + flow.Patience[reconcile.StateAnnounced])
	if err := w.ru.TellOverdue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := found(w, w.ru, p.waybills()[0]); len(w.ru.Remarks(now)) != 1 {
		t.Fatalf("%d remarks", len(w.ru.Remarks(now)))
	}
	if now := p.arrive(w, b, w.clock.Now()); now.State() != reconcile.StateArrived || len(w.ru.Remarks(now)) > 0 || len(now.Overdue) != 1 {
		t.Errorf("it is %s with %d remarks and %d on the record", now.State(), len(w.ru.Remarks(now)), len(now.Overdue))
	}
}

// Every state of a submission ends, is judged again by itself, waits for an operator, or is held
// until a time. A new state fails here until it is one of them.
func TestEveryStateOfASubmissionEnds(t *testing.T) {
	held := map[string]func(w *world) (border, string){
		"parts": func(w *world) (border, string) {
			b := borders[0]
			s, err := w.cn.Submit(w.t.Context(), b.exit, flow.Submission{ID: "S", MediaType: flow.XML, Content: tripOf(1, w).document(w, b, "mt2401.xml")})
			if err != nil {
				w.t.Fatal(err)
			}
			return b, s.ID
		},
		flow.WaitsForAnswer: func(w *world) (border, string) {
			_, id := w.announced(borders[0], tripOf(1, w))
			w.send(borders[0])
			return borders[0], w.cancel(borders[0], "C1", id).ID
		},
		flow.WaitsForApproval: func(w *world) (border, string) {
			p := tripOf(1, w)
			_, id := w.announced(borders[1], p)
			if _, err := p.depart(w, borders[1], "G1", w.clock.Now(), true); err != nil {
				w.t.Fatal(err)
			}
			return borders[1], w.cancel(borders[1], "C1", id).ID
		},
		flow.WaitsForDeparture: func(w *world) (border, string) { return erenhot, tripOf(1, w).list(w, erenhot).ID },
	}
	ends := map[gateway.SubmissionState]string{
		gateway.Arrived: "judged again by itself, and parked after some tries", gateway.SetAside: "waits for an operator, who is shown it",
		gateway.Held: "has a time", gateway.Faulty: "is final until it is sent again", gateway.Joined: "final", gateway.Withdrawn: "final",
		gateway.Expired: "final", gateway.Sent: "final", gateway.Done: "final",
	}
	for _, value := range constants(t, "../state.go", "SubmissionState") {
		state := gateway.SubmissionState(value)
		if ends[state] == "" {
			t.Errorf("nothing ends a submission that stays %s", state)
		}
		if waits := state == gateway.Arrived || state == gateway.SetAside || state == gateway.Held; waits == state.Final() {
			t.Errorf("%s is final: %v", state, state.Final())
		}
	}
	for name, hold := range held {
		t.Run(name, func(t *testing.T) {
			partner := map[string]gateway.Administration{flow.WaitsForApproval: "KZ", flow.WaitsForDeparture: "MN"}[name]
			w := newPair(t, cmp.Or(partner, "RU"))
			b, id := hold(w)
			s := w.state(b, id)
			if s.State != gateway.Held || len(s.WaitsFor) == 0 || name != "parts" && s.WaitsFor[0] != name || s.Expires.IsZero() {
				t.Fatalf("it is %s, waits for %v until %v", s.State, s.WaitsFor, s.Expires)
			}
			w.clock.add(s.Expires.Sub(w.clock.Now()) + time.Second)
			if err := w.cn.ExpireHeld(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s := w.state(b, id); s.State != gateway.Expired || s.Reason == "" {
				t.Errorf("after its time it is %s %q", s.State, s.Reason)
			}
		})
	}
}
