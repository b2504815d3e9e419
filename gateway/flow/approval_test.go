package flow_test

import (
	"bytes"
	"context"
	"errors"
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

// supervisor decides at a border's office of exit.
func supervisor(b border) flow.Caller {
	return flow.Caller{URI: "customs://CN/office/" + b.exit.Office + "/supervisor/1", Office: b.exit.Office}
}

// approve decides on a submission of a border's office of exit.
func (w *world) approve(b border, id string, approved bool) (store.Submission, error) {
	w.t.Helper()
	return w.cn.Approve(w.t.Context(), supervisor(b), b.exit.Office, gateway.SubmissionID(id), approved, "the truck broke down")
}

// What takes back what has left is held until a supervisor approves it: whether the departure is
// recorded, or it is to have crossed by now; handed over or not.
func TestWhatHasLeftIsTakenBackWithApproval(t *testing.T) {
	for _, b := range borders {
		for name, leave := range map[string]func(w *world, p trip){
			"departed": func(w *world, p trip) {
				if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
					w.t.Fatal(err)
				}
			},
			"to have crossed": func(w *world, p trip) { w.clock.add(8 * time.Hour) },
		} {
			for _, handedOver := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s %s handed over %v", b.to, name, handedOver), func(t *testing.T) {
					w := newPair(t, b.to)
					p := tripOf(1, w)
					m, id := w.announced(b, p)
					if handedOver {
						w.send(b)
						if b.to == "RU" { // whose form takes the number that its answer brings
							w.answers(b, "R1", m.DocumentID, registered)
						}
					}
					leave(w, p)
					s := w.cancel(b, "C1", id)
					if s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{flow.WaitsForApproval}) || !s.Expires.Equal(w.clock.Now().Add(flow.ApprovalTime)) {
						t.Fatalf("it is %s %v until %v: %v", s.State, s.WaitsFor, s.Expires, s.Faults.Report("en"))
					}
					c, err := w.cn.Check(t.Context(), b.exit, flow.Submission{ID: "C2", MediaType: flow.JSON, Content: cancellation("C2", id)})
					if err != nil || c.State != gateway.Held || !slices.Equal(c.WaitsFor, s.WaitsFor) {
						t.Errorf("another is checked as %s %v, %v", c.State, c.WaitsFor, err)
					}
					tries := w.out.tries
					w.judge()
					if m := w.message(m.ID); m.Withdrawal != "" || w.out.tries != tries || m.State == gateway.TakenBack {
						t.Fatalf("before it is approved: %s %s", m.State, m.Withdrawal)
					}
					if s, err = w.approve(b, "C1", true); err != nil || s.State != gateway.Sent && s.State != gateway.Done {
						t.Fatalf("approved, it is %s %v, %v", s.State, s.Faults.Report("en"), err)
					}
					w.send(b)
					switch m := w.message(m.ID); {
					case !handedOver && m.State != gateway.TakenBack:
						t.Errorf("the message is %s", m.State)
					case handedOver && m.Withdrawal == "":
						t.Error("nobody is asked")
					}
					for _, sent := range w.out.sent {
						if bytes.Contains(slices.Concat(sent.HeaderBytes(), sent.Payload()), []byte("supervisor")) || bytes.Contains(sent.Payload(), []byte("broke down")) {
							t.Error("the approval travels")
						}
					}
				})
			}
		}
	}
}

// A refusal is final for these bytes, and what nobody approves expires; what was announced
// stands, and other bytes ask again.
func TestApprovalRefusedOrNotGiven(t *testing.T) {
	w, b := newPair(t, "KZ"), borders[1]
	p := tripOf(1, w)
	m, id := w.announced(b, p)
	w.send(b)
	if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	w.cancel(b, "C1", id)
	s, err := w.approve(b, "C1", false)
	if err != nil || s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.ApprovalRefused) {
		t.Fatalf("refused, it is %s %v, %v", s.State, s.Faults.Report("en"), err)
	}
	if s := w.cancel(b, "C1", id); s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.ApprovalRefused) {
		t.Errorf("the same again: %s", s.State)
	}
	s, err = w.cn.Submit(t.Context(), b.exit, flow.Submission{ID: "C1", MediaType: flow.JSON, Content: bytes.Replace(cancellation("C1", id), []byte("004"), []byte("002"), 1)})
	if err != nil || s.State != gateway.Held {
		t.Fatalf("with another reason: %s %v, %v", s.State, s.Faults.Report("en"), err)
	}
	w.clock.add(flow.ApprovalTime + time.Minute)
	if err := w.cn.ExpireHeld(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := w.state(b, "C1"); s.State != gateway.Expired || s.Reason != "it was not approved in time" {
		t.Errorf("it is %s: %s", s.State, s.Reason)
	}
	if m := w.message(m.ID); m.Withdrawal != "" || m.State != gateway.Accepted {
		t.Errorf("the announcement is %s %s", m.State, m.Withdrawal)
	}
}

// Who may not approve is told so, and nothing of it is recorded.
func TestWhoMayNotApprove(t *testing.T) {
	w, b := newPair(t, "RU"), borders[0]
	p := tripOf(1, w)
	_, id := w.announced(b, p)
	if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	if s, err := w.cn.Submit(t.Context(), b.exit, flow.Submission{ID: "C0", MediaType: flow.JSON, Content: bytes.Replace(cancellation("C0", id), []byte(`, "reason": "004"`), nil, 1)}); err != nil || s.State != gateway.Faulty {
		t.Fatal(s.State, err)
	}
	without := w.state(b, "C0").Faults[0]
	w.cancel(b, "C1", id)
	both := flow.Caller{URI: b.exit.URI, Office: b.exit.Office} // the same identity, by whatever certificate
	var out bytes.Buffer
	inFiveLanguages(&out, "without a reason code", without)
	for _, tt := range []struct {
		name   string
		by     flow.Caller
		id     string
		reason string
		code   gateway.Code
	}{
		{"who submitted it", both, "C1", "the truck broke down", gateway.ApprovalOwn},
		{"what does not wait", supervisor(b), id, "the truck broke down", gateway.ApprovalNotAwaited},
		{"without a reason", supervisor(b), "C1", "", gateway.ReasonUnfit},
		{"with half a reason", supervisor(b), "C1", "ok", gateway.ReasonUnfit},
	} {
		_, err := w.cn.Approve(t.Context(), tt.by, b.exit.Office, gateway.SubmissionID(tt.id), true, tt.reason)
		var faults gateway.Faults
		if !errors.As(err, &faults) || faults[0].Code != tt.code {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		inFiveLanguages(&out, tt.name, faults[0])
		if s := w.state(b, "C1"); s.State != gateway.Held {
			t.Fatalf("%s: it is %s", tt.name, s.State)
		}
	}
	if _, err := w.cn.Approve(t.Context(), supervisor(b), b.exit.Office, "none", true, "the truck broke down"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	if s, err := w.approve(b, "C1", true); err != nil || s.State != gateway.Done {
		t.Fatal(s.State, err)
	}
	_, err := w.approve(b, "C1", true)
	var faults gateway.Faults
	if !errors.As(err, &faults) || faults[0].Code != gateway.ApprovalNotAwaited {
		t.Errorf("twice: %v", err)
	}
	w2, refused := newPair(t, "RU"), tripOf(1, w)
	_, id = w2.announced(b, refused)
	if _, err := refused.depart(w2, b, "G1", w2.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	w2.cancel(b, "C1", id)
	s, err := w2.approve(b, "C1", false)
	if err != nil {
		t.Fatal(err)
	}
	inFiveLanguages(&out, "refused", s.Faults[0])
	golden(t, "testdata/approval.txt", out.Bytes())
}

// Many who approve and refuse at once: one of them decides.
func TestParallelOneDecides(t *testing.T) {
	w, b := newPair(t, "RU"), borders[0]
	p := tripOf(1, w)
	_, id := w.announced(b, p)
	if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	w.cancel(b, "C1", id)
	decided := make(chan error, 6)
	for i := range cap(decided) {
		go func() {
			_, err := w.cn.Approve(t.Context(), supervisor(b), b.exit.Office, "C1", i%2 == 0, "the truck broke down")
			decided <- err
		}()
	}
	n := 0
	for range cap(decided) {
		if err := <-decided; err == nil {
			n++
		} else if !errors.As(err, new(gateway.Faults)) {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d decided", n)
	}
}

// A list for Mongolia leaves with its truck, so that it is taken back with an approval alone, and
// then by Mongolia's receipt.
func TestLoadListIsTakenBackWithApproval(t *testing.T) {
	w, b := newPair(t, "MN"), erenhot
	p := tripOf(1, w)
	if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	list := p.list(w, b)
	w.send(b)
	if s := w.cancel(b, "C1", list.ID); s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{flow.WaitsForApproval}) {
		t.Fatalf("it is %s %v %v", s.State, s.WaitsFor, s.Faults.Report("en"))
	}
	if s, err := w.approve(b, "C1", true); err != nil || s.State != gateway.Sent {
		t.Fatal(s.State, s.Faults.Report("en"), err)
	}
	w.send(b)
	if m := w.message(w.state(b, list.ID).MessageID); m.Withdrawal != gateway.WithdrawalDone {
		t.Errorf("its withdrawal is %q", m.Withdrawal)
	}
	for _, g := range []*flow.Gateway{w.cn, w.ru} {
		if m := found(w, g, p.waybills()[0]); m.State() != reconcile.StateTakenBack {
			t.Errorf("%s shows it as %s", g.Own, m.State())
		}
	}
}

// A change of a list for Mongolia, which has left with its truck, needs an approval; the full new
// version travels as function 5 of Mongolia's own list and takes the place of the first. The reason,
// for which the list has no place, and who approved it stay.
func TestALoadListIsChangedByItsFunctionCode(t *testing.T) {
	w, b := newPair(t, "MN"), erenhot
	p := tripOf(1, w)
	if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	x := batched{w, b, p}
	list := p.list(w, b)
	w.send(b)
	x.same(x.on(1, "420", p.tractor, p.trailer))
	s := x.submitAs(flow.Submission{ID: "M2", MediaType: flow.XML, Content: bytes.ReplaceAll(x.manifest("5", 2, map[int]string{1: "420"}), []byte("后贝加尔示例贸易有限公司"), []byte("扎门乌德示例贸易有限公司")), Asks: store.Asks{Reason: "004"}}, gateway.Held)
	if !slices.Equal(s.WaitsFor, []string{flow.WaitsForApproval}) {
		t.Fatalf("it waits for %v", s.WaitsFor)
	}
	if s, err := w.approve(b, "M2", true); err != nil || s.State != gateway.Joined {
		t.Fatal(s.State, s.Faults.Report("en"), err)
	}
	w.send(b)
	m, old := w.message(x.messages(w.state(b, "M2"))[0].ID), w.message(list.MessageID)
	for message, code := range map[*store.Message]string{&old: "9", &m: "5"} {
		if !strings.Contains(string(message.Payload), "FunctionCode>"+code+"<") || !strings.Contains(string(message.Payload), "LoadList") {
			t.Errorf("it has not function %s: %s", code, message.Payload)
		}
	}
	if m.Replaces != old.ID || m.Chain != old.Chain || m.State != gateway.Accepted || strings.Contains(string(m.Payload), "004") || strings.Contains(string(m.Payload), "supervisor") {
		t.Errorf("%s in chain %s, in place of %s: %s", m.State, m.Chain, m.Replaces, m.Payload)
	}
	x.same(x.on(1, "420", p.tractor, p.trailer))
}

// counted counts what is asked of a store.
type counted struct {
	store.Reader
	messages, movements int
}

func (c *counted) Message(ctx context.Context, id gateway.MessageID) (store.Message, error) {
	c.messages++
	return c.Reader.Message(ctx, id)
}

func (c *counted) MovementsNear(ctx context.Context, ids []store.Identifier, from, until time.Time, lasting []store.Identifier, limit int) ([]store.Movement, error) {
	c.movements++
	return c.Reader.MovementsNear(ctx, ids, from, until, lasting, limit)
}

// Whether something of a whole has left is one question, however many messages it has, and the
// departure of the last truck answers it as well as the first's.
func TestWhetherAWholeHasLeftIsAskedOnce(t *testing.T) {
	for _, truck := range []int{0, 1, 9} {
		w := newWorld(t)
		messages := w.convoy(9)
		if len(messages) < 3 {
			t.Fatalf("%d messages", len(messages))
		}
		if truck > 0 {
			at := w.clock.Now().Format(time.RFC3339)
			if _, err := w.cn.RecordDeparture(t.Context(), post, flow.Record{ID: "G1", Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": "G1", "issued": %q}, "vehicleReport": {"batch": "0603260301001",
				"kind": "LADEN_EXIT", "office": {"administration": "CN", "code": "0603"}, "at": %q, "transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": "蒙E1234%d", "country": "CN"}]}}}`, at, at, truck))}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range messages {
			messages[i].ExpectedArrival, messages[i].Canonical = time.Time{}, nil
		}
		read := &counted{Reader: w.cn.Store.Read()}
		left, err := w.cn.HasLeft(t.Context(), read, messages)
		if err != nil || left != (truck > 0) || read.messages != 1 || read.movements != 1 {
			t.Errorf("truck %d: left %v, asked for %d messages and %d movements, %v", truck, left, read.messages, read.movements, err)
		}
	}
}
