package flow_test

import (
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// askedBack is an announcement that its sender asks back, and that its receiver has been asked for.
type askedBack struct {
	w                *world
	sender, receiver *flow.Gateway
	entry            flow.Caller
	waybill          string
	announcement     gateway.MessageID
	cancellation     gateway.MessageID
}

// askings are the ways on which a partner may answer in the project's own form, each with how an
// announcement is asked back there.
var askings = map[string]func(w *world) askedBack{
	"KZ": func(w *world) askedBack { return askedAt(w, borders[1]) },
	"MN": func(w *world) askedBack { return askedAt(w, erenhot) },
	"CN": askedOfChina,
}

func askedAt(w *world, b border) askedBack {
	w.t.Helper()
	p := tripOf(1, w)
	var id string
	if b.to == erenhot.to { // it leaves with its truck, and is asked back with an approval
		if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
			w.t.Fatal(err)
		}
		id = p.list(w, b).ID
	} else {
		_, id = w.announced(b, p)
	}
	w.send(b)
	s := w.cancel(b, "C1", id)
	if s.State == gateway.Held {
		var err error
		if s, err = w.approve(b, "C1", true); err != nil {
			w.t.Fatal(err)
		}
	}
	w.send(b)
	return askedBack{w, w.cn, w.ru, b.entry, p.waybills()[0], w.state(b, id).MessageID, s.MessageID}
}

func askedOfChina(w *world) askedBack {
	w.t.Helper()
	submit := func(content []byte) store.Submission {
		s, err := w.ru.Submit(w.t.Context(), russianPost, flow.Submission{MediaType: flow.JSON, Content: content})
		if err != nil || s.State != gateway.Sent && s.State != gateway.Done {
			w.t.Fatalf("%s: %v, %v", s.State, s.Faults.Report("en"), err)
		}
		for range 4 {
			if err := w.ru.DeliverDue(w.t.Context(), "CN"); err != nil {
				w.t.Fatal(err)
			}
		}
		return s
	}
	m := submit([]byte(strings.Replace(string(longManifest(1)), `"documentId": "big"`, `"documentId": "R1"`, 1)))
	c := submit(cancellation("C1", "R1"))
	return askedBack{w, w.ru, w.cn, post, "RUCN90000000", m.MessageID, c.MessageID}
}

func (a askedBack) message(id gateway.MessageID) store.Message {
	a.w.t.Helper()
	m, err := a.sender.Store.Read().Message(a.w.t.Context(), id)
	if err != nil {
		a.w.t.Fatal(err)
	}
	return m
}

// answer has the receiver answer the cancellation.
func (a askedBack) answer(id, status, code string) {
	a.w.t.Helper()
	a.w.answerAs(a.receiver, a.entry, id, a.message(a.cancellation).DocumentID, `"status": "`+status+`", "results": [{"code": "`+code+`", "descriptions": ["-"], "category": "INFO"}]`)
	if err := a.receiver.DeliverDue(a.w.t.Context(), a.sender.Own); err != nil {
		a.w.t.Fatal(err)
	}
}

// same holds both sides to one state of the movement, and the sender's message to a withdrawal.
func (a askedBack) same(when string, state reconcile.State, withdrawal gateway.Withdrawal) {
	a.w.t.Helper()
	for _, g := range []*flow.Gateway{a.sender, a.receiver} {
		if m := found(a.w, g, a.waybill); m.State() != state {
			a.w.t.Errorf("%s: %s shows it as %s, want %s", when, g.Own, m.State(), state)
		}
	}
	if m := a.message(a.announcement); m.Withdrawal != withdrawal {
		a.w.t.Errorf("%s: the withdrawal is %q, want %q", when, m.Withdrawal, withdrawal)
	}
}

// TestTheReceiptSaysWhetherAnAnswerDecides: what decides on a cancellation is the receiver's
// configuration alone, and its signed receipt says it, so that the two sides never wait for
// different things: without a route of answers, or after the last day of one, the receipt takes the
// announcement back on both sides; with one the answer does, and whoever waits for it too long is told.
func TestTheReceiptSaysWhetherAnAnswerDecides(t *testing.T) {
	for to, ask := range askings {
		partner := gateway.Administration(to)
		if to == "CN" {
			partner = "RU"
		}
		begin := func(t *testing.T, answers bool) askedBack {
			t.Helper()
			w := newPair(t, partner)
			if answers {
				for _, g := range []*flow.Gateway{w.cn, w.ru} {
					if g.Own == gateway.Administration(to) {
						g.Chain = loadChain(t).Chain
					}
				}
			}
			a := ask(w)
			receipt := string(a.message(a.cancellation).Receipt.Statement)
			if got := strings.Contains(receipt, `"answerFollows":true`); got != answers {
				t.Errorf("its receipt says %s", receipt)
			}
			if announced := string(a.message(a.announcement).Receipt.Statement); strings.Contains(announced, "answerFollows") {
				t.Errorf("the announcement's receipt says %s", announced)
			}
			return a
		}
		stands := reconcile.StateAnnounced
		if to == "MN" {
			stands = "" // it has left on one side
		}
		t.Run(to+" by its receipt", func(t *testing.T) {
			begin(t, false).same("with the receipt", reconcile.StateTakenBack, gateway.WithdrawalDone)
		})
		t.Run(to+" by its answer", func(t *testing.T) {
			a := begin(t, true)
			a.same("before the answer", reconcile.StateWithdrawalAsked, gateway.WithdrawalAsked)
			a.answer("A1", "PENDING", "INSPECTION")
			a.same("under inspection", reconcile.StateWithdrawalAsked, gateway.WithdrawalAsked)
			a.answer("A2", "CANCELLED", "CANCELLED")
			a.same("taken back", reconcile.StateTakenBack, gateway.WithdrawalDone)
		})
		t.Run(to+" too late", func(t *testing.T) {
			a := begin(t, true)
			a.answer("A1", "REJECTED", "TOO_LATE")
			if m := a.message(a.announcement); m.Withdrawal != gateway.WithdrawalRefused {
				t.Errorf("the withdrawal is %q", m.Withdrawal)
			}
			if stands != "" {
				a.same("too late", stands, gateway.WithdrawalRefused)
			}
		})
		t.Run(to+" never answers", func(t *testing.T) {
			a := begin(t, true)
			a.w.clock.add(flow.Patience[reconcile.StateWithdrawalAsked] + time.Minute)
			for _, g := range []*flow.Gateway{a.sender, a.receiver} {
				if err := g.TellOverdue(t.Context()); err != nil {
					t.Fatal(err)
				}
				if said := g.Remarks(found(a.w, g, a.waybill)); len(said) != 1 || said[0].Code != gateway.OverdueWithdrawal {
					t.Errorf("%s is told %v", g.Own, said.Report("en"))
				}
			}
		})
	}
}
