package flow_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// erenhot is where the electronic load list for Mongolia is sent from.
var erenhot = border{"MN", flow.Caller{URI: "customs://CN/office/0705/post/1", Office: "0705"}, flow.Caller{URI: "customs://MN/office/ZU01/post/1", Office: "ZU01"}}

// left is a trip's departure as its gate tells it: with the batch, or by the plates alone.
func (p trip) left(b border, id string, at time.Time, batch bool) []byte {
	named := ""
	if batch {
		named = fmt.Sprintf(`"batch": %q, `, p.batch(b))
	}
	return []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": %q}, "vehicleReport": {%s"kind": "LADEN_EXIT",
		"office": {"administration": "CN", "code": %q}, "at": %q, "transport": {"mode": "3", "vehicles": [
		{"role": "TRACTOR", "registration": %q, "country": "CN"}, {"role": "TRAILER", "registration": %q, "country": "CN"}]}}}`,
		id, at.Format(time.RFC3339), named, b.exit.Office, at.Format(time.RFC3339), p.tractor, p.trailer))
}

// depart records a trip's departure.
func (p trip) depart(w *world, b border, id string, at time.Time, batch bool) (flow.Movement, error) {
	w.t.Helper()
	return w.cn.RecordDeparture(w.t.Context(), b.exit, flow.Record{ID: id, Content: p.left(b, id, at, batch)})
}

// declaration is the extract of the declaration of a trip's goods.
func (p trip) declaration(b border) []byte {
	return []byte(fmt.Sprintf(`{"envelope": {"documentId": "D-%d", "issued": "2026-03-01T09:00:00+08:00", "function": "ORIGINAL"}, "goodsDeclarationExtract": {
		"declaration": {"country": "CN", "date": "2026-02-28", "number": "07052026000000%04d", "office": "0705"}, "procedure": "1000", "exportCountry": "CN", "destinationCountry": "MN",
		"consignor": {"name": [{"language": "zh", "value": "示例公司"}], "country": "CN"}, "consignee": {"name": [{"language": "mn", "value": "Жишээ ХХК"}], "country": "MN"},
		"totals": {"items": "1", "packages": "420", "grossMass": {"kilograms": "18250.5"}, "value": {"amount": "96500", "currency": "CNY"}},
		"items": [{"sequence": 1, "description": [{"language": "zh", "value": "鲜番茄"}], "classifications": [{"scheme": "CN", "code": "0702000000"}, {"scheme": "HS", "code": "070200"}], "grossMass": {"kilograms": "18250.5"},
			"netMass": {"kilograms": "18000"}, "packages": [{"type": "CT", "quantity": "420", "presence": "1"}], "value": {"amount": "96500", "currency": "CNY"}, "originCountry": "CN"}],
		"transportDocuments": [%q], "exitOffice": {"administration": "CN", "code": "0705"}, "batch": %q}}`, p.n, p.n, p.waybills()[0], p.batch(b)))
}

// list submits the parts of a load list; it returns the last, which completes it.
func (p trip) list(w *world, b border) store.Submission {
	w.t.Helper()
	var last store.Submission
	for _, part := range []flow.Submission{
		{MediaType: flow.XML, Content: p.document(w, b, "mt2401.xml")},
		{MediaType: flow.JSON, Content: p.declaration(b)},
		{MediaType: flow.XML, Content: p.document(w, b, "mt4402.xml")},
	} {
		var err error
		if last, err = w.cn.Submit(w.t.Context(), b.exit, part); err != nil || last.Faults.Refuse() {
			w.t.Fatalf("%s: %v %v", last.Kind, last.Faults.Report("en"), err)
		}
	}
	return last
}

// The list for Mongolia leaves at gate-out, and not before: whether the departure is recorded
// after the parts or before them, with the batch or by the plates alone.
func TestListLeavesAtGateOut(t *testing.T) {
	for name, batch := range map[string]bool{"with its batch": true, "by its plates": false} {
		t.Run("after the parts "+name, func(t *testing.T) {
			w, b := newPair(t, "MN"), erenhot
			p := tripOf(1, w)
			s := p.list(w, b)
			if s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{flow.WaitsForDeparture}) || !s.Expires.Equal(w.clock.Now().Add(24*time.Hour)) {
				t.Fatalf("complete, it is %s %v until %v", s.State, s.WaitsFor, s.Expires)
			}
			w.send(b)
			if w.out.tries != 0 {
				t.Fatal("it was sent before it left")
			}
			other := tripOf(2, w) // another truck's departure is none of its
			other.tractor, other.trailer = "蒙E99999", "蒙E9999挂"
			if _, err := other.depart(w, b, "G2", w.clock.Now(), batch); err != nil {
				t.Fatal(err)
			}
			w.judge()
			if s := w.state(b, s.ID); s.State != gateway.Held {
				t.Fatalf("after another's departure it is %s", s.State)
			}
			m, err := p.depart(w, b, "G1", w.clock.Now(), batch)
			if err != nil || m.State() != reconcile.StateDepartedUnannounced {
				t.Fatal(m.State(), err)
			}
			w.judge()
			w.send(b)
			s = w.state(b, s.ID)
			if s.State != gateway.Joined || w.message(s.MessageID).State != gateway.Accepted {
				t.Fatalf("left, it is %s %v", s.State, s.Faults.Report("en"))
			}
			if got, want := w.message(s.MessageID).ExpectedArrival, w.clock.Now().Add(20*time.Minute); !got.Equal(want) {
				t.Errorf("expected at %v, want the crossing after it left, %v", got, want)
			}
			if now := found(w, w.cn, p.waybills()[0]); now.ID != m.ID || now.State() != reconcile.StateDeparted {
				t.Errorf("the movement %s is %s, opened as %s", now.ID, now.State(), m.ID)
			}
			if now := found(w, w.ru, p.waybills()[0]); now.State() != reconcile.StateAnnounced {
				t.Errorf("in Mongolia it is %s", now.State())
			}
		})
		t.Run("before them "+name, func(t *testing.T) {
			w, b := newPair(t, "MN"), erenhot
			p := tripOf(1, w)
			if _, err := p.depart(w, b, "G1", w.clock.Now(), batch); err != nil {
				t.Fatal(err)
			}
			s := p.list(w, b)
			w.send(b)
			if s = w.state(b, s.ID); s.State != gateway.Joined || w.message(s.MessageID).State != gateway.Accepted {
				t.Fatalf("it is %s %v", s.State, s.Faults.Report("en"))
			}
		})
	}
}

// judge has everything judged that is due.
func (w *world) judge() {
	w.t.Helper()
	for range 3 {
		if err := errors.Join(w.cn.JudgeDue(w.t.Context()), w.ru.JudgeDue(w.t.Context())); err != nil {
			w.t.Fatal(err)
		}
	}
}

// What never leaves ends with its parts, and each says why; after that nothing is woken.
func TestListThatNeverLeavesExpires(t *testing.T) {
	w, b := newPair(t, "MN"), erenhot
	p := tripOf(1, w)
	s := p.list(w, b)
	w.clock.add(23 * time.Hour) // the first parts do not end before it
	if err := w.cn.ExpireHeld(t.Context()); err != nil || w.state(b, s.ID).State != gateway.Held || w.state(b, "D-1").State != gateway.Held {
		t.Fatal(w.state(b, s.ID).State, w.state(b, "D-1").State, err)
	}
	w.clock.add(2 * time.Hour)
	if err := w.cn.ExpireHeld(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{s.ID, "D-1"} {
		if s := w.state(b, id); s.State != gateway.Expired || s.Reason != "its departure was not recorded in time" {
			t.Errorf("%s is %s: %s", id, s.State, s.Reason)
		}
	}
	if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	w.judge()
	if s := w.state(b, s.ID); s.State != gateway.Expired {
		t.Errorf("after its departure it is %s", s.State)
	}
}

// A departure is told once, however often, and stays with its side.
func TestDepartureIsAnEventOfTheSideItLeaves(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			w.announced(b, p)
			w.send(b)
			at := w.clock.Now().Add(-10 * time.Minute)
			first, err := p.depart(w, b, "G1", at, true)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{"G1", "G2"} { // the same record, and another of the same
				again, err := w.cn.RecordDeparture(t.Context(), b.exit, flow.Record{ID: id, Content: p.left(b, id, at, true)})
				if err != nil || again.ID != first.ID || len(again.Departures) != 1 {
					t.Fatalf("%s: movement %s with %d departures, %v", id, again.ID, len(again.Departures), err)
				}
			}
			if m := found(w, w.cn, p.waybills()[0]); m.ID != first.ID || m.State() != reconcile.StateDeparted || !m.Departures[0].At.Equal(at) {
				t.Errorf("here it is %s", m.State())
			}
			if m := found(w, w.ru, p.waybills()[0]); m.State() != reconcile.StateAnnounced {
				t.Errorf("there it is %s", m.State())
			}
			w.clock.add(4 * time.Hour)
			if m := p.arrive(w, b, w.clock.Now()); m.State() != reconcile.StateArrived {
				t.Errorf("arrived, it is %s", m.State())
			}
		})
	}
}

// What is wrong with a departure is said at its place, in five languages, and nothing of it is
// attached.
func TestDepartureThatCannotBe(t *testing.T) {
	var out bytes.Buffer
	for _, b := range borders {
		w := newPair(t, b.to)
		p := tripOf(1, w)
		w.announced(b, p)
		w.send(b)
		w.clock.add(4 * time.Hour)
		p.arrive(w, b, w.clock.Now())
		now := w.clock.Now()
		from := b
		from.exit, from.to = b.entry, b.to
		there := bytes.Replace(p.left(from, "G", now, true), []byte(`"CN", "code"`), []byte(fmt.Sprintf("%q, %q", b.to, "code")), 1)
		there = bytes.ReplaceAll(there, []byte(p.batch(from)), []byte(p.batch(b)))
		for _, tt := range []struct {
			name    string
			g       *flow.Gateway
			by      flow.Caller
			content []byte
			code    gateway.Code
		}{
			{"at the office where it enters", w.ru, b.entry, there, gateway.DepartureOffice},
			{"of an entry", w.cn, b.exit, bytes.Replace(p.left(b, "G", now, true), []byte("LADEN_EXIT"), []byte("LADEN_ENTRY"), 1), gateway.DepartureKind},
			{"tomorrow", w.cn, b.exit, p.left(b, "G", now.Add(24*time.Hour), true), gateway.DepartureTime},
			{"without a time", w.cn, b.exit, bytes.Replace(p.left(b, "G", now, true), []byte(fmt.Sprintf(`"at": %q, `, now.Format(time.RFC3339))), nil, 1), gateway.DepartureTime},
			{"an arrival", w.cn, b.exit, []byte(`{"envelope": {"documentId": "G", "issued": "2026-03-01T02:15:00Z"}, "arrivalReport": {"office": {"administration": "CN", "code": "` + b.exit.Office + `"}, "at": "2026-03-01T02:15:00Z"}}`), gateway.KindUnexpected},
			{"at another office", w.cn, flow.Caller{URI: "customs://CN/office/0601/post/1", Office: "0601"}, p.left(b, "G", now, true), gateway.NotOwnOffice},
		} {
			_, err := tt.g.RecordDeparture(t.Context(), tt.by, flow.Record{ID: "G-" + tt.name, Content: tt.content})
			var faults gateway.Faults
			if !errors.As(err, &faults) || !slices.Contains(codesIn(faults), tt.code) {
				t.Errorf("%s, %s: %v", b.to, tt.name, err)
				continue
			}
			for _, f := range faults {
				if f.Code == tt.code {
					inFiveLanguages(&out, string(b.to)+", "+tt.name, f)
				}
			}
		}
		for _, g := range []*flow.Gateway{w.cn, w.ru} {
			if m := found(w, g, p.waybills()[0]); len(m.Departures) > 0 {
				t.Error("a departure was attached")
			}
		}
	}
	// After the arrival that the same gateway knows of.
	w, b := newPair(t, "RU"), borders[0]
	p := tripOf(1, w)
	w.announced(b, p)
	if _, err := w.cn.RecordArrival(t.Context(), b.exit, flow.Record{ID: "A1", Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": "A1", "issued": "2026-03-01T02:15:00Z"}, "arrivalReport": {"batch": %q,
		"office": {"administration": "CN", "code": %q}, "at": "2026-03-01T02:15:00Z", "transport": {"vehicles": [{"role": "TRACTOR", "registration": %q}]}}}`, p.batch(b), b.exit.Office, p.tractor))}); err != nil {
		t.Fatal(err)
	}
	_, err := p.depart(w, b, "G1", w.clock.Now().Add(5*time.Minute), true)
	var faults gateway.Faults
	if !errors.As(err, &faults) || faults[0].Code != gateway.DepartureArrived {
		t.Fatalf("after the arrival: %v", err)
	}
	inFiveLanguages(&out, "RU, after the arrival", faults[0])
	golden(t, "testdata/departure.txt", out.Bytes())
}

// However many submissions of another office wait for the same truck to leave, and however many
// units of work that takes, an office's own list leaves with it.
func TestAnotherOfficesSubmissionsPushNoListOut(t *testing.T) {
	w, b := newPair(t, "MN"), erenhot
	p := tripOf(1, w)
	s := p.list(w, b)
	plate := store.Identifier{Kind: reconcile.Vehicle, Folded: reconcile.Fold(reconcile.Vehicle, p.tractor)}
	if _, err := w.cn.Store.Do(t.Context(), func(tx *store.Tx) error {
		for i := range 2*flow.WokenAtOnce + 1 {
			id := fmt.Sprint("O-", i)
			if err := errors.Join(
				tx.PutSubmission(store.Submission{Office: "0001", ID: id, State: gateway.Held, WaitsFor: []string{"cargo"}, Received: w.clock.Now()}),
				tx.Await("0001", id, []store.Identifier{plate}),
			); err != nil {
				return err
			}
		}
		return tx.Audit("test", "held", "", gateway.Digest{})
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // told twice, it is one departure
		if m, err := p.depart(w, b, "G1", w.clock.Now(), false); err != nil || len(m.Departures) != 1 {
			t.Fatalf("%d departures, %v", len(m.Departures), err)
		}
	}
	w.judge()
	w.send(b)
	if s = w.state(b, s.ID); s.State != gateway.Joined || w.message(s.MessageID).State != gateway.Accepted {
		t.Fatalf("left, it is %s %v", s.State, s.WaitsFor)
	}
}
