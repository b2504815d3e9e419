package flow_test

import (
	"errors"
	"testing"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

func (w *world) erase() {
	w.t.Helper()
	for _, g := range []*flow.Gateway{w.cn, w.ru} {
		if err := g.EraseDocuments(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// kept are the documents that a gateway still has of a message and of what it was made of.
func (w *world) kept(id gateway.MessageID) map[string]bool {
	w.t.Helper()
	m := w.message(id)
	in, err := w.ru.Store.Read().Inbound(w.t.Context(), "CN", id)
	if err != nil {
		w.t.Fatal(err)
	}
	came := w.arrival(w.ru, store.DoorPeer, "CN", string(id))
	part := w.arrival(w.cn, store.DoorSubmit, post.Office, "M1")
	sub, err := w.cn.Store.Read().Submission(w.t.Context(), post.Office, "M1")
	if err != nil {
		w.t.Fatal(err)
	}
	return map[string]bool{
		"payload": m.Payload != nil, "document": m.Canonical != nil, "received": came.Content != nil, "understood": in.Canonical != nil,
		"submitted": part.Content != nil, "read": sub.Canonical != nil,
	}
}

// TestDocumentsAreErasedByRule: after the retention of its route a message's documents are gone on both sides, with
// those that it was made of. What proves the exchange stays: digests, states, receipts, what is a duplicate.
func TestDocumentsAreErasedByRule(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.deliver()
	receipt := w.message(id).Receipt
	rt, _ := w.cn.Chain.Routes.Route(w.message(id).Route)
	w.clock.add(rt.Retention - time.Minute)
	w.erase()
	for what, there := range w.kept(id) {
		if !there {
			t.Errorf("%s is gone too soon", what)
		}
	}
	w.clock.add(2 * time.Minute)
	w.erase()
	for what, there := range w.kept(id) {
		if there {
			t.Errorf("%s is there still", what)
		}
	}
	for _, v := range w.promised(true) {
		t.Error(v)
	}
	if m := w.message(id); m.State != gateway.Accepted || m.Receipt == nil || m.PayloadDigest.IsZero() || string(m.Receipt.Statement) != string(receipt.Statement) {
		t.Errorf("%s, receipt %v", m.State, m.Receipt)
	}
	if s := w.submit("M1", "mt2401.xml"); s.State != gateway.Joined || s.MessageID != id {
		t.Errorf("what comes again is %s, %v", s.State, s.Faults)
	}
	again, err := w.cn.SubmitAndTell(t.Context(), post, flow.Submission{ID: "M1", MediaType: flow.XML, Content: w.content("mt2401.xml")})
	if err != nil || again.State != gateway.Joined {
		t.Errorf("what comes again is answered with %s, %v", again.State, err)
	}
	of := func(err error) gateway.Code {
		var all gateway.Faults
		if !errors.As(err, &all) || len(all) != 1 {
			t.Fatalf("%v", err)
		}
		if f := all[0]; f.Expected.String() == "" || f.Found.String() == "" {
			t.Errorf("it says no rule or no day: %v", f)
		}
		return all[0].Code
	}
	ru := flow.Caller{URI: "customs://RU/system/national"}
	for what, do := range map[string]func() error{
		"explain":          func() error { _, err := w.cn.Explain(t.Context(), post, "M1"); return err },
		"sent":             func() error { _, _, err := w.cn.SentMessage(t.Context(), post.Office, "M1", ""); return err },
		"print":            func() error { _, err := w.cn.Print(t.Context(), post.Office, "M1", "", []string{"en"}); return err },
		"take":             func() error { _, _, err := w.ru.Take(t.Context(), ru, "CN", id, flow.Canonical); return err },
		"take its XML":     func() error { _, _, err := w.ru.Take(t.Context(), ru, "CN", id, flow.PartnerXML); return err },
		"explain received": func() error { _, err := w.ru.ExplainReceived(t.Context(), ru, "CN", id); return err },
	} {
		if got := of(do()); got != gateway.DocumentErased {
			t.Errorf("%s: %s", what, got)
		}
	}
	if s := w.cancel(border{exit: post, to: "RU"}, "C1", "M1"); s.State != gateway.Faulty || s.Faults[0].Code != gateway.DocumentErased {
		t.Errorf("a cancellation of it is %s: %v", s.State, s.Faults)
	}
}

// TestWhatIsNotDecidedIsKept: a part that waits and a message that is under way are never erased; a dead letter is,
// and is sent no more.
func TestWhatIsNotDecidedIsKept(t *testing.T) {
	w := newWorld(t)
	w.cn.Retention.Own = time.Hour
	id := w.notice()
	w.lapse(id, gateway.NeverHandedOver)
	w.clock.add(400 * 24 * time.Hour)
	if _, err := w.cn.Redrive(t.Context(), anna, id, 0); err != nil {
		t.Fatal(err)
	}
	w.erase()
	if m := w.message(id); m.Erased || m.Payload == nil {
		t.Fatalf("%s is erased", m.State)
	}
	w.lapse(id, gateway.NeverHandedOver)
	w.clock.add(flow.LookAgain)
	w.erase()
	if m := w.message(id); !m.Erased || m.Payload != nil {
		t.Errorf("%s is kept", m.State)
	}
	_, err := w.cn.Redrive(t.Context(), anna, id, 0)
	var refused gateway.Faults
	if !errors.As(err, &refused) || refused[0].Code != gateway.DocumentErased {
		t.Errorf("sent again: %v", err)
	}
}

// TestWhatIsParkedIsKept: what no table could read is there when the table is, and what it was sent by too.
func TestWhatIsParkedIsKept(t *testing.T) {
	w := newWorld(t)
	known := w.ru.Chain
	w.cn.Chain = next(t, "2026-01-01", true)
	id := w.notice()
	w.deliver()
	w.clock.add(flow.DefaultRetention + time.Hour)
	w.erase()
	parked, err := w.ru.Store.Read().Inbound(t.Context(), "CN", id)
	if a := w.arrival(w.ru, store.DoorPeer, "CN", string(id)); err != nil || parked.State != gateway.Parked || parked.Erased || a.Content == nil {
		t.Fatalf("%s, erased %v, %v", parked.State, parked.Erased, err)
	}
	w.ru.Chain = w.cn.Chain
	if got := w.decode(string(id)); len(got) != 1 || got[0].State != gateway.Accepted {
		t.Fatalf("%+v", got)
	}
	w.ru.Chain = known
	w.clock.add(flow.LookAgain)
	w.erase()
	if a := w.arrival(w.ru, store.DoorPeer, "CN", string(id)); !a.Erased {
		t.Error("it is kept still, and decided")
	}
}

// TestAShorterRouteIsKeptTo: what a route keeps for less than the configuration goes when the route says.
func TestAShorterRouteIsKeptTo(t *testing.T) {
	w := newWorld(t)
	w.cn.Retention.Own = 400 * 24 * time.Hour
	id := w.notice()
	w.deliver()
	rt, _ := w.cn.Chain.Routes.Route(w.message(id).Route)
	w.clock.add(rt.Retention + time.Minute)
	w.erase()
	for _, part := range []string{"M1", "V1"} {
		if a := w.arrival(w.cn, store.DoorSubmit, post.Office, part); !a.Erased {
			t.Errorf("%s is kept", part)
		}
	}
}

// TestWhatTwoAddresseesHaveIsKeptForBoth: while it is under way to one it is not erased for the other's rule.
func TestWhatTwoAddresseesHaveIsKeptForBoth(t *testing.T) {
	o := newOnward(t)
	p := trip{n: 1, tractor: "新A12345", trailer: "新A9876挂", departs: o.clock.Now()}
	o.submits("M", o.manifest(p, customsv1.FunctionCode_ORIGINAL), store.Asks{})
	o.submits("V", o.report(p, "RUOVB"), store.Asks{})
	o.send(toKazakhstan)
	toRU := o.sentTo("V", "RU").ID
	o.lapse(toRU, gateway.NeverHandedOver)
	o.clock.add(200 * 24 * time.Hour)
	if _, err := o.cn.Redrive(t.Context(), anna, toRU, 0); err != nil {
		t.Fatal(err)
	}
	o.erase()
	if a := o.arrival(o.cn, store.DoorSubmit, khorgos.Office, "M"); a.Erased {
		t.Error("what is under way to Russia went with what Kazakhstan has accepted")
	}
	o.stand("V", "KZ joined accepted, RU joined queued")
	o.send(toRussia)
	o.stand("V", "KZ joined accepted, RU joined accepted")
	o.clock.add(flow.LookAgain)
	o.erase()
	if a := o.arrival(o.cn, store.DoorSubmit, khorgos.Office, "M"); !a.Erased {
		t.Error("it is kept still, and both have it")
	}
}

// TestWhatWasRefusedIsJudgedAnew: the same bytes come again after theirs were erased, and are there again.
func TestWhatWasRefusedIsJudgedAnew(t *testing.T) {
	w := newWorld(t)
	bad := []byte(`{"envelope": {"documentId": "X1", "function": "ORIGINAL"}}`)
	submit := func() store.Submission {
		s, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "X1", MediaType: flow.JSON, Content: bad})
		if err != nil || s.State != gateway.Faulty || len(s.Faults) == 0 {
			t.Fatalf("%s, %v", s.State, err)
		}
		return s
	}
	submit()
	w.clock.add(flow.DefaultRetention + time.Hour)
	w.erase()
	if a := w.arrival(w.cn, store.DoorSubmit, post.Office, "X1"); !a.Erased || a.Content != nil || a.Digest != gateway.DigestOf(bad) {
		t.Fatalf("%+v", a)
	}
	submit()
	if a := w.arrival(w.cn, store.DoorSubmit, post.Office, "X1"); a.Erased || string(a.Content) != string(bad) {
		t.Fatalf("%+v", a)
	}
	if s, err := w.cn.Store.Read().Submission(t.Context(), post.Office, "X1"); err != nil || len(s.Faults) == 0 {
		t.Fatalf("%v, %v", s.Faults, err)
	}
}
