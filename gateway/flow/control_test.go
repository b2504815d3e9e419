package flow_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/recognition"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// TestWhetherAControlIsRecognisedIsReadInFiveLanguages: with the agreement, its status and its days, or
// the reason; and what is told of a control whose subject is not known.
func TestWhetherAControlIsRecognisedIsReadInFiveLanguages(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	c := recognition.Control{Office: gateway.Office{Administration: "CN", Code: "1925"}, In: "RU"}
	v := recognition.Verdict{Agreement: "AGREEMENT", Status: "demonstration", From: day("2026-01-01")}
	var out bytes.Buffer
	for _, of := range []struct {
		title      string
		recognised bool
		why        recognition.Why
		until      string
	}{
		{"recognised", true, 0, ""}, {"recognised for a time", true, 0, "2027-12-31"}, {"no agreement", false, recognition.NoAgreement, ""},
		{"another kind", false, recognition.OtherKind, ""}, {"another office", false, recognition.OtherOffice, ""},
		{"another day", false, recognition.OtherDay, ""}, {"another day, within days", false, recognition.OtherDay, "2027-12-31"},
	} {
		v := v
		if v.Recognised, v.Why = of.recognised, of.why; of.until != "" {
			v.Until = day(of.until)
		}
		fmt.Fprintln(&out, of.title)
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&out, "  %s: %s\n", lang, flow.VerdictText(c, v).In(lang))
		}
		fmt.Fprintln(&out)
	}
	for _, code := range []gateway.Code{gateway.InspectionUnknown, gateway.InspectionAmbiguous} {
		inFiveLanguages(&out, "what was controlled", gateway.Fault{Code: code, Severity: gateway.Warning, Value: "ABCU1234560"})
	}
	for _, word := range []gateway.Phrase{gateway.Say(gateway.WordStepControlled, "XRAY", "CONFORM"), gateway.Say(gateway.WordStepControlBack, "C-1")} {
		fmt.Fprintln(&out, "a step")
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&out, "  %s: %s\n", lang, word.In(lang))
		}
	}
	golden(t, "testdata/controls.txt", out.Bytes())
}

// control has a post tell of a control, and returns what it was answered.
func (w *world) control(g *flow.Gateway, c flow.Caller, own gateway.Administration, id, subject string) store.Submission {
	w.t.Helper()
	at := w.clock.Now().Format(time.RFC3339)
	s, err := g.Submit(w.t.Context(), c, flow.Submission{MediaType: flow.JSON, Content: fmt.Appendf(nil, `{"envelope": {"documentId": %q, "issued": %q, "function": "ORIGINAL"},
		"inspectionResult": {"subject": {"id": %q}, "office": {"administration": %q, "code": %q}, "at": %q, "control": "XRAY", "outcome": "CONFORM"}}`, id, at, subject, own, c.Office, at)})
	if err != nil {
		w.t.Fatal(err)
	}
	if s.State != gateway.Sent {
		w.t.Fatalf("%s: %s %v", id, s.State, s.Faults)
	}
	return s
}

// oneFound is the one movement that a text finds.
func (w *world) oneFound(g *flow.Gateway, text string) flow.Movement {
	w.t.Helper()
	found, _, _, err := g.Find(w.t.Context(), text, 0, 100)
	if err != nil || len(found) != 1 {
		w.t.Fatalf("%s finds %d movements, %v", text, len(found), err)
	}
	return found[0]
}

// strangers are offices of China that have nothing to do with what the border's post announces.
var strangers = map[gateway.Administration]string{"RU": "1925", "KZ": "9407"}

// TestAControlOpensNobodysMovement: an office that names what another announces gets on no route by it,
// whether it tells of its control before or after; it is told what it would be told of nothing. Its
// own control stands by itself.
func TestAControlOpensNobodysMovement(t *testing.T) {
	for _, b := range borders {
		other, ok := strangers[b.to]
		if !ok {
			continue
		}
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			stranger := flow.Caller{URI: "customs://CN/office/" + other + "/post/1", Office: other}
			before := w.control(w.cn, stranger, "CN", "BEFORE", p.tractor)
			w.announced(b, p)
			after := w.control(w.cn, stranger, "CN", "AFTER", p.batch(b))
			own := w.control(w.cn, b.exit, "CN", "OWN", p.batch(b))
			for id, told := range map[string]struct {
				s    store.Submission
				want bool
			}{"before": {before, true}, "after": {after, true}, "its own": {own, false}} {
				if got := slices.Contains(codesIn(told.s.Faults), gateway.InspectionUnknown); got != told.want {
					t.Errorf("of a control %s it is told: %v", id, told.s.Faults)
				}
			}
			found, _, _, err := w.cn.Find(t.Context(), p.batch(b), 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range found {
				for _, o := range m.Route() {
					if len(m.Movement.Announced) > 0 && o.Code == other {
						t.Errorf("%s is on the route of what it has not announced", other)
					}
				}
				if len(m.Movement.Announced) > 0 && (len(m.Inspections) != 1 || m.Inspections[0].DocumentID != "OWN") {
					t.Errorf("%d controls are of what is announced", len(m.Inspections))
				}
			}
		})
	}
}

// TestAControlThatMayBeOfSeveralIsOfNone: two crossings of one plate at one time are told apart by
// nobody but a person.
func TestAControlThatMayBeOfSeveralIsOfNone(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			w.announced(b, tripOf(1, w))
			p := tripOf(2, w)
			w.announced(b, p)
			s := w.control(w.cn, b.exit, "CN", "C1", p.tractor)
			if got := codesIn(s.Faults); !slices.Contains(got, gateway.InspectionAmbiguous) || slices.Contains(got, gateway.InspectionUnknown) {
				t.Errorf("it is told %v", s.Faults)
			}
			found, _, _, err := w.cn.Find(t.Context(), p.tractor, 0, 100)
			if err != nil || len(found) != 3 {
				t.Fatalf("%d movements, %v", len(found), err)
			}
			alone := slices.IndexFunc(found, func(m flow.Movement) bool { return m.OnlyControlled() })
			if alone < 0 || len(found[alone].AmbiguousWith) != 2 || found[alone].State() != reconcile.StateControlled {
				t.Errorf("it does not stand by itself, before a person: %+v", found)
			}
		})
	}
}

// TestControlsWithoutEndFillNoMovement: a movement has room for so many, whoever tells of them, and what
// it went into answers for what it was.
func TestControlsWithoutEndFillNoMovement(t *testing.T) {
	b := borders[0]
	w := newPair(t, b.to)
	p := tripOf(1, w)
	first := w.control(w.cn, b.exit, "CN", "C0", p.batch(b))
	alone := w.oneFound(w.cn, p.batch(b))
	w.announced(b, p)
	m := w.oneFound(w.cn, p.batch(b))
	if len(m.Inspections) != 1 || m.Inspections[0].Message != first.MessageID || m.ID == alone.ID {
		t.Fatalf("the control told before is not in the movement: %+v", m.Inspections)
	}
	led, err := w.cn.Movement(t.Context(), alone.ID)
	if err != nil || led.ID != m.ID {
		t.Errorf("what it stood by itself as leads to %s, %v", led.ID, err)
	}
	for i := range flow.MaxTold + 5 {
		w.control(w.cn, b.exit, "CN", fmt.Sprint("C-", i), p.batch(b))
	}
	if m, err = w.cn.Movement(t.Context(), m.ID); err != nil || len(m.Inspections) > flow.MaxTold || len(m.Inspections) < flow.MaxTold-2 {
		t.Errorf("it has taken %d, %v", len(m.Inspections), err)
	}
	left, err := p.depart(w, b, "LEFT", w.clock.Now(), true)
	if err != nil || left.ID != m.ID || len(left.Departures) != 1 {
		t.Errorf("they take the room of what else is told: %s has %d departures, %v", left.ID, len(left.Departures), err)
	}
}
