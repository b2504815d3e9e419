package flow_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/store"
)

// cancel submits a cancellation of what was submitted under an id.
func (w *world) cancel(b border, id, of string) store.Submission {
	w.t.Helper()
	s, err := w.cn.Submit(w.t.Context(), b.exit, flow.Submission{MediaType: flow.JSON, Content: cancellation(id, of)})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func cancellation(id, of string) []byte {
	return []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "function": "CANCELLATION"}, "cancellation": {"subject": {"id": %q}, "reason": "004"}}`, id, of))
}

// announced is a trip that is announced: the message, and by which submission.
func (w *world) announced(b border, p trip) (store.Message, string) {
	w.t.Helper()
	p.announce(w, b)
	subs, err := w.cn.Store.Read().Submissions(w.t.Context(), store.SubmissionFilter{Offices: []string{b.exit.Office}, Batch: p.batch(b), Limit: 10})
	if err != nil || len(subs) != 2 {
		w.t.Fatalf("%d submissions, %v", len(subs), err)
	}
	return w.message(subs[0].MessageID), subs[0].ID
}

// send delivers from China until nothing is due.
func (w *world) send(b border) {
	w.t.Helper()
	for range 4 {
		if err := w.cn.DeliverDue(w.t.Context(), b.to); err != nil {
			w.t.Fatal(err)
		}
	}
}

// answers submits the partner's answer to a document and delivers it.
func (w *world) answers(b border, id, document, what string) {
	w.t.Helper()
	w.answer(id, document, what)
	if err := w.ru.DeliverDue(w.t.Context(), "CN"); err != nil {
		w.t.Fatal(err)
	}
	if err := w.cn.JudgeDue(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) state(b border, id string) store.Submission {
	w.t.Helper()
	s, err := w.cn.Store.Read().Submission(w.t.Context(), b.exit.Office, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func tripOf(n int, w *world) trip {
	return trip{n, "蒙E12345", "蒙E6789挂", w.clock.Now().Add(3 * time.Hour)}
}

// Before any attempt the announcement ends withdrawn, nothing is sent, and the same crossing
// can be announced anew; at both borders.
func TestWhatWasNotHandedOverIsWithdrawn(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			m, id := w.announced(b, p)
			if s := w.cancel(b, "C1", id); s.State != gateway.Done || s.MessageID != "" {
				t.Fatalf("the cancellation is %s %v", s.State, s.Faults.Report("en"))
			}
			w.send(b)
			if m := w.message(m.ID); m.State != gateway.TakenBack || w.out.tries != 0 {
				t.Errorf("the message is %s after %d attempts", m.State, w.out.tries)
			}
			if s := w.state(b, id); s.State != gateway.Withdrawn {
				t.Errorf("its submission is %s", s.State)
			}
			if m := found(w, w.cn, p.waybills()[0]); m.Withdrawal() != gateway.WithdrawalDone {
				t.Errorf("the movement: withdrawal %q", m.Withdrawal())
			}
			if s := w.cancel(b, "C2", id); s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.CancelNothing) {
				t.Errorf("again: %s %v", s.State, s.Faults.Report("en"))
			}
			p.n = 1
			again := p
			again.departs = p.departs.Add(time.Minute) // another document of the same crossing
			w.resubmit(b, again)
			w.send(b)
			if m := found(w, w.ru, p.waybills()[0]); len(m.Announced) != 1 {
				t.Errorf("announced anew %d times", len(m.Announced))
			}
		})
	}
}

// resubmit announces a trip once more, in new documents.
func (w *world) resubmit(b border, p trip) store.Submission {
	w.t.Helper()
	var last store.Submission
	n := w.ids.Add(1) // no id is used again
	for i, name := range []string{"mt2401.xml", "mt4402.xml"} {
		raw := p.document(w, b, name)
		s, err := w.cn.Submit(w.t.Context(), b.exit, flow.Submission{
			ID: gateway.SubmissionID(fmt.Sprintf("again-%d-%d-%d", p.n, i, n)), MediaType: flow.XML, Content: raw,
		})
		if err != nil || s.State != gateway.Held && s.State != gateway.Joined {
			w.t.Fatalf("%s again is %s: %v %v", name, s.State, err, s.Faults.Report("en"))
		}
		last = s
	}
	return last
}

func codesIn(faults gateway.Faults) (codes []gateway.Code) {
	for _, f := range faults {
		codes = append(codes, f.Code)
	}
	return codes
}

// A held part is withdrawn.
func TestACancelledPartIsHeldNoMore(t *testing.T) {
	w := newWorld(t)
	w.submit("M1", "mt2401.xml")
	if s := w.cancel(borders[0], "C1", "M1"); s.State != gateway.Done {
		t.Fatalf("%s %v", s.State, s.Faults.Report("en"))
	}
	if s := w.state(borders[0], "M1"); s.State != gateway.Withdrawn {
		t.Errorf("the manifest is %s", s.State)
	}
	if s := w.submit("V1", "mt4402.xml"); s.State != gateway.Held {
		t.Errorf("the report alone is %s", s.State)
	}
}

// Where the partner gives no answers, its receipt takes the announcement back.
func TestKazakhstanTakesBackByItsReceipt(t *testing.T) {
	b := borders[1]
	w := newPair(t, b.to)
	p := tripOf(1, w)
	m, id := w.announced(b, p)
	w.send(b)
	s := w.cancel(b, "C1", id)
	if s.State != gateway.Sent {
		t.Fatalf("the cancellation is %s %v", s.State, s.Faults.Report("en"))
	}
	if m := w.message(m.ID); m.State != gateway.Accepted || m.Withdrawal != gateway.WithdrawalAsked {
		t.Errorf("the message is %s, withdrawal %q", m.State, m.Withdrawal)
	}
	if m := found(w, w.cn, p.waybills()[0]); m.Withdrawal() != gateway.WithdrawalAsked {
		t.Errorf("China shows %q", m.Withdrawal())
	}
	// What is announced anew comes behind.
	next := w.resubmit(b, p)
	if c := w.message(next.MessageID).Chain; c != m.Chain {
		t.Errorf("its chain is %s, not %s", c, m.Chain)
	}
	w.send(b)
	if m := w.message(m.ID); m.State != gateway.Accepted || m.Withdrawal != gateway.WithdrawalDone {
		t.Errorf("the message is %s, withdrawal %q", m.State, m.Withdrawal)
	}
	for _, g := range []*flow.Gateway{w.cn, w.ru} {
		m := found(w, g, p.waybills()[0])
		if m.Withdrawal() != "" || len(m.Announced) != 3 { // the notice, its cancellation, the new one
			t.Errorf("%s: %q, %d documents", g.Own, m.Withdrawal(), len(m.Announced))
		}
	}
	if _, err := w.cn.Explain(t.Context(), b.exit, "C1"); err != nil {
		t.Errorf("explain: %v", err)
	}
}

// Towards Russia it waits for the id that only the answer brings, and its own answer decides.
func TestRussiaTakesBackByTheNumberOfItsAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		what string
		want gateway.Withdrawal
		here gateway.Withdrawal // what both movements show of it
	}{
		"taken back":       {`"status": "CANCELLED", "systemId": "S1", "results": [{"code": "0", "descriptions": ["аннулировано"], "category": "INFO"}]`, gateway.WithdrawalDone, gateway.WithdrawalDone},
		"too late":         {`"status": "REJECTED", "systemId": "S1", "results": [{"code": "TOO_LATE", "descriptions": ["товары выпущены"], "category": "ERROR"}]`, gateway.WithdrawalRefused, ""},
		"under inspection": {`"status": "PENDING", "systemId": "S1", "results": [{"code": "INSPECTION", "descriptions": ["товары на досмотре"], "category": "INFO"}]`, gateway.WithdrawalAsked, gateway.WithdrawalAsked},
		"refused by ours":  {`"status": "REJECTED", "systemId": "S1", "results": [{"code": "0", "descriptions": ["ок"]}, {"code": "REFUSED", "descriptions": ["отказано"]}]`, gateway.WithdrawalRefused, ""},
		"refused":          {`"status": "REJECTED", "systemId": "S1", "results": [{"code": "9", "descriptions": ["товары выпущены"], "category": "ERROR"}]`, gateway.WithdrawalRefused, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := borders[0]
			w := newPair(t, b.to)
			p := tripOf(1, w)
			m, id := w.announced(b, p)
			w.send(b)
			s := w.cancel(b, "C1", id)
			if s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{flow.WaitsForAnswer}) || s.Expires.IsZero() {
				t.Fatalf("the cancellation is %s, waits for %v: %v", s.State, s.WaitsFor, s.Faults.Report("en"))
			}
			w.answers(b, "A1", m.DocumentID, registered)
			s = w.state(b, "C1")
			if s.State != gateway.Sent {
				t.Fatalf("with the number the cancellation is %s %v", s.State, s.Faults.Report("en"))
			}
			w.send(b)
			for _, g := range []*flow.Gateway{w.cn, w.ru} {
				if m := found(w, g, p.waybills()[0]); m.Withdrawal() != gateway.WithdrawalAsked {
					t.Errorf("%s shows %q before the answer", g.Own, m.Withdrawal())
				}
			}
			w.answers(b, "A2", w.message(s.MessageID).DocumentID, tt.what)
			outcome := map[string]string{"taken back": flow.Confirmed, "too late": flow.TooLate, "under inspection": flow.UnderInspection}[name]
			if got := w.message(s.MessageID).Answers[0].Outcome; got != cmp.Or(outcome, flow.Declined) {
				t.Errorf("the answer is %q", got)
			}
			if m := w.message(m.ID); m.Withdrawal != tt.want || m.State != gateway.Accepted {
				t.Errorf("the message is %s, withdrawal %q", m.State, m.Withdrawal)
			}
			for _, g := range []*flow.Gateway{w.cn, w.ru} {
				if m := found(w, g, p.waybills()[0]); m.Withdrawal() != tt.here {
					t.Errorf("%s shows %q", g.Own, m.Withdrawal())
				}
			}
		})
	}
}

// After an inspection a second answer ends what the first left open.
func TestInspectionLeavesAWithdrawalAsked(t *testing.T) {
	b := borders[0]
	w := newPair(t, b.to)
	p := tripOf(1, w)
	m, id := w.announced(b, p)
	w.send(b)
	w.answers(b, "A1", m.DocumentID, registered)
	s := w.cancel(b, "C1", id)
	w.send(b)
	w.answers(b, "A2", w.message(s.MessageID).DocumentID, `"status": "PENDING", "systemId": "S1", "results": [{"code": "INSPECTION", "descriptions": ["товары на досмотре"]}]`)
	w.answers(b, "A3", w.message(s.MessageID).DocumentID, `"status": "CANCELLED", "systemId": "S1", "results": [{"code": "CANCELLED", "descriptions": ["аннулировано"]}]`)
	for _, g := range []*flow.Gateway{w.cn, w.ru} {
		if m := found(w, g, p.waybills()[0]); m.Withdrawal() != gateway.WithdrawalDone {
			t.Errorf("%s shows %q", g.Own, m.Withdrawal())
		}
	}
}

// What has arrived is taken back no more: the receiver refuses it, whether its answer or its
// receipt decides, and the announcement stands on both sides.
func TestWhatHasArrivedIsTakenBackNoMore(t *testing.T) {
	var out bytes.Buffer
	for _, b := range borders {
		w := newPair(t, b.to)
		p := tripOf(1, w)
		m, id := w.announced(b, p)
		w.send(b)
		if b.to == "RU" {
			w.answers(b, "A1", m.DocumentID, registered)
		}
		p.arrive(w, b, w.clock.Now()) // before it is expected; the sender knows nothing of it
		s := w.cancel(b, "C1", id)
		w.send(b)
		if s = w.state(b, "C1"); s.MessageID == "" || w.message(s.MessageID).State != gateway.Refused {
			t.Fatalf("%s: the cancellation is %s %v", b.to, s.State, s.Faults.Report("en"))
		}
		if m := w.message(m.ID); m.Withdrawal != gateway.WithdrawalRefused {
			t.Errorf("%s: its withdrawal is %q", b.to, m.Withdrawal)
		}
		for _, g := range []*flow.Gateway{w.cn, w.ru} {
			if m := found(w, g, p.waybills()[0]); m.Withdrawal() != "" {
				t.Errorf("%s shows %q", g.Own, m.Withdrawal())
			}
		}
		in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", s.MessageID)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range in.Faults {
			inFiveLanguages(&out, string(b.to), f)
		}
	}
	golden(t, "testdata/late.txt", out.Bytes())
}

// One cancellation waits for an answer, however many are submitted: another is told that it
// is asked for already, and the answer has one to judge anew.
func TestOneCancellationWaitsForAnAnswer(t *testing.T) {
	b := borders[0]
	w := newPair(t, b.to)
	m, id := w.announced(b, tripOf(1, w))
	w.send(b)
	if s := w.cancel(b, "C1", id); s.State != gateway.Held {
		t.Fatal(s.State)
	}
	for i := range 20 {
		s := w.cancel(b, fmt.Sprint("more", i), id)
		if s.State != gateway.Faulty || !slices.Equal(codesIn(s.Faults), []gateway.Code{gateway.CancelNothing}) {
			t.Fatalf("another is %s %v", s.State, s.Faults.Report("en"))
		}
	}
	if _, err := w.cn.Withdraw(t.Context(), b.exit, "C1", "no"); err != nil {
		t.Fatal(err)
	}
	if s := w.cancel(b, "C2", id); s.State != gateway.Held {
		t.Fatalf("after that was withdrawn another is %s %v", s.State, s.Faults.Report("en"))
	}
	w.answers(b, "A1", m.DocumentID, registered)
	if one, two := w.state(b, "C1").State, w.state(b, "C2").State; one != gateway.Withdrawn || two != gateway.Sent {
		t.Errorf("after the answer they are %s and %s", one, two)
	}
}

// Where the original was refused there is nothing to cancel.
func TestWhatTheAnswerRefusedIsNothingToCancel(t *testing.T) {
	b := borders[0]
	w := newPair(t, b.to)
	m, id := w.announced(b, tripOf(1, w))
	w.send(b)
	if s := w.cancel(b, "C1", id); s.State != gateway.Held {
		t.Fatalf("%s", s.State)
	}
	w.answers(b, "A1", m.DocumentID, `"status": "REJECTED", "results": [{"code": "9", "descriptions": ["нет"], "category": "ERROR"}]`)
	if s := w.state(b, "C1"); s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.CancelNothing) {
		t.Errorf("the cancellation is %s %v", s.State, s.Faults.Report("en"))
	}
}

// An answer that never comes ends the wait.
func TestACancellationWaitsForLimitedTime(t *testing.T) {
	b := borders[0]
	w := newPair(t, b.to)
	m, id := w.announced(b, tripOf(1, w))
	w.send(b)
	w.cancel(b, "C1", id)
	w.clock.add(73 * time.Hour)
	if err := w.cn.ExpireHeld(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := w.state(b, "C1"); s.State != gateway.Expired {
		t.Errorf("the cancellation is %s", s.State)
	}
	w.answers(b, "A1", m.DocumentID, registered) // too late: it stays expired
	if s := w.state(b, "C1"); s.State != gateway.Expired {
		t.Errorf("the cancellation is %s", s.State)
	}
}

// Nothing that is unknown, foreign or a cancellation is cancelled, and nobody is told more of it
// than that; in five languages.
func TestWhatCannotBeCancelled(t *testing.T) {
	b := borders[1]
	w := newPair(t, b.to)
	_, id := w.announced(b, tripOf(1, w))
	w.send(b)
	if s := w.cancel(b, "C1", id); s.State != gateway.Sent {
		t.Fatal(s.State)
	}
	other := borders[0]
	var out bytes.Buffer
	for _, tt := range []struct {
		title string
		by    border
		of    string
		want  gateway.Code
	}{
		{"what nobody announced", b, "none", gateway.CancelUnknown},
		{"what another office announced", other, id, gateway.CancelUnknown},
		{"a cancellation", b, "C1", gateway.CancelNothing},
		{"what is cancelled already", b, id, gateway.CancelNothing},
		{"itself", b, "C-itself", gateway.CancelUnknown},
	} {
		cid := "C-" + tt.title
		if tt.title == "itself" {
			cid = tt.of
		}
		before := w.out.tries
		s := w.cancel(tt.by, cid, tt.of)
		if s.State != gateway.Faulty || len(s.Faults) != 1 || s.Faults[0].Code != tt.want {
			t.Errorf("%s: %s %v", tt.title, s.State, s.Faults.Report("en"))
			continue
		}
		if checked, err := w.cn.Check(t.Context(), tt.by.exit, flow.Submission{MediaType: flow.JSON, Content: cancellation(cid, tt.of)}); err != nil || checked.State != s.State || codesIn(checked.Faults)[0] != tt.want {
			t.Errorf("%s: check answers %s %v, %v", tt.title, checked.State, checked.Faults, err)
		}
		if w.send(b); w.out.tries != before+0 && tt.title != "what nobody announced" {
			t.Errorf("%s: something was sent", tt.title)
		}
		inFiveLanguages(&out, tt.title, s.Faults[0])
	}
	golden(t, "testdata/cancel.txt", out.Bytes())
}

// A receiver refuses a cancellation of what it does not have.
func TestAPartnersCancellationOfNothingIsRefused(t *testing.T) {
	b := borders[1]
	w := newPair(t, b.to)
	p := tripOf(1, w)
	m, id := w.announced(b, p)
	w.send(b)
	w.cancel(b, "C1", id)
	fresh := newPair(t, b.to) // a receiver that has lost everything
	fresh.ru.Trust, fresh.ru.Keys = w.ru.Trust, w.ru.Keys
	w.out.to = fresh.ru
	w.send(b)
	if m := w.message(m.ID); m.Withdrawal != gateway.WithdrawalRefused {
		t.Errorf("the withdrawal is %q", m.Withdrawal)
	}
	s := w.state(b, "C1")
	if !slices.Contains(codesIn(s.Faults), gateway.CancelUnknown) || s.Faults[0].Location.Expr == "" {
		t.Errorf("the post is told %+v", s.Faults)
	}
	if m := found(w, w.cn, p.waybills()[0]); m.Withdrawal() != "" {
		t.Errorf("the movement shows %q: the announcement stands", m.Withdrawal())
	}
}

// TestTakenBackOnBothSides: trips are announced, cancelled and announced again in any
// order, with receipts lost and restarts between; at the end each waybill stands on both sides
// exactly if its last act announced it.
func TestTakenBackOnBothSides(t *testing.T) {
	b := borders[1]
	rapid.Check(t, func(r *rapid.T) {
		w := newPair(t, b.to)
		type known struct {
			trip
			id    string // of the submission that stands; empty if none does
			times int
		}
		trips := []*known{{trip: tripOf(1, w)}, {trip: tripOf(2, w)}}
		trips[1].departs = trips[1].departs.Add(20 * time.Hour)
		w.out.lose = func(try int) bool { return try%3 == rapid.IntRange(0, 2).Draw(r, "lost") }
		w.out.trouble = func(try int) error {
			if rapid.IntRange(0, 3).Draw(r, "away") == 0 {
				return &peer.NotSentError{Cause: errors.New("refused")}
			}
			return nil
		}
		for i := range rapid.IntRange(1, 8).Draw(r, "acts") {
			k := rapid.SampledFrom(trips).Draw(r, "trip")
			switch rapid.IntRange(0, 3).Draw(r, "act") {
			case 0, 1:
				if k.id == "" {
					k.times++
					k.id = w.resubmit(b, k.trip).ID
				} else {
					s := w.cancel(b, fmt.Sprint("C", i), k.id)
					if s.State != gateway.Done && s.State != gateway.Sent {
						r.Fatalf("the cancellation is %s %v", s.State, s.Faults.Report("en"))
					}
					k.id = ""
				}
			case 2:
				_ = w.cn.DeliverDue(t.Context(), b.to)
				w.clock.add(time.Duration(rapid.IntRange(1, 120).Draw(r, "seconds")) * time.Second)
			case 3:
				w.ru, w.cn = restarted(w.ru), restarted(w.cn)
				w.out.to = w.ru
			}
		}
		w.out.lose, w.out.trouble = nil, nil
		for range 30 {
			_ = w.cn.DeliverDue(t.Context(), b.to)
			w.clock.add(flow.QuickInterval)
		}
		w.clock.add(flow.MaxInterval)
		for range 5 {
			_ = w.cn.DeliverDue(t.Context(), b.to)
			w.clock.add(time.Second)
		}
		for _, k := range trips {
			for _, g := range []*flow.Gateway{w.cn, w.ru} {
				ms, _, _, err := g.Find(t.Context(), k.waybills()[0], 0, 10)
				if err != nil || len(ms) > 1 {
					r.Fatalf("%s finds %d movements, %v", k.waybills()[0], len(ms), err)
				}
				stands := len(ms) == 1 && ms[0].Withdrawal() == ""
				if stands != (k.id != "") {
					r.Fatalf("%s, %s after %d announcements: stands %v, want %v", g.Own, k.waybills()[0], k.times, stands, k.id != "")
				}
			}
		}
	})
}
