package flow_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/store"
)

var (
	anna  = flow.Caller{URI: "customs://CN/operator/1"}
	boris = flow.Caller{URI: "customs://CN/operator/2"}
)

// lapse has a message end without a verdict: never handed over, or with an unknown outcome.
func (w *world) lapse(id gateway.MessageID, outcome string) {
	w.t.Helper()
	w.out.trouble = func(int) error {
		if outcome == gateway.NeverHandedOver {
			return &peer.NotSentError{Cause: errors.New("refused")}
		}
		return errors.New("reset in mid-air")
	}
	w.deliver()
	w.out.away = true // when it is asked what became of it
	w.clock.add(100 * 24 * time.Hour)
	w.deliver()
	w.out.trouble, w.out.away = nil, false
	if m := w.message(id); m.State != gateway.Dead || m.Reason != "expired: "+outcome {
		w.t.Fatalf("%s is %s (%s)", id, m.State, m.Reason)
	}
}

func reasons(w flow.Wait) []gateway.Code { return event.CodesOf(w.Reasons) }

// TestWaitsAreToldWithTheirReasons: for each thing that a message can wait for there is a word.
func TestWaitsAreToldWithTheirReasons(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	said := func(id gateway.MessageID) []gateway.Code {
		t.Helper()
		got, err := w.cn.WaitsOf(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range got.Reasons {
			for _, lang := range gateway.Languages {
				if text := f.Report(lang).Message; text == "" || strings.ContainsAny(text, "{}") {
					t.Errorf("%s in %s: %q", f.Code, lang, text)
				}
			}
		}
		return reasons(got)
	}
	want := func(what string, got []gateway.Code, want ...gateway.Code) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	want("made now", said(id), gateway.WaitDue)
	behind := w.copies(w.cn, id, 1, func(_ int, m *store.Message) { m.Chain, m.Sequence = id, 1000 })[0]
	want("behind another", said(behind), gateway.WaitBehind)
	if got, err := w.cn.WaitsOf(t.Context(), behind); err != nil || got.Behind != id {
		t.Errorf("it goes behind %q, %v", got.Behind, err)
	}
	w.out.trouble = func(int) error { return &peer.NotSentError{Cause: errors.New("refused")} }
	w.deliver()
	want("not reached", said(id), gateway.WaitNotReached)
	w.out.trouble = func(int) error { return errors.New("reset") }
	w.clock.add(time.Minute)
	w.deliver()
	want("no receipt", said(id), gateway.WaitNoReceipt)
	for range 4 {
		w.clock.add(time.Minute)
		w.deliver()
	}
	want("the breaker is open", said(id), gateway.WaitBreaker, gateway.WaitNoReceipt)
	w.clock.add(flow.BreakerRest)
	want("it probes", said(id), gateway.WaitProbing, gateway.WaitNoReceipt)
	parked := w.copies(w.cn, id, 1, func(_ int, m *store.Message) {
		m.ID += "-p"
		m.Chain, m.Whole, m.Parked, m.NextAttempt = m.ID, m.ID, true, m.ValidUntil.Add(1)
	})[0]
	want("parked", said(parked), gateway.WaitParked, gateway.WaitProbing)
	rcv := w.copies(w.cn, id, 1, func(_ int, m *store.Message) { m.ID += "-r"; m.Chain, m.Whole, m.State = m.ID, m.ID, gateway.Received })[0]
	want("not judged yet", said(rcv), gateway.WaitProbing, gateway.WaitVerdict)
	nowhere := w.copies(w.cn, id, 1, func(_ int, m *store.Message) { m.ID += "-x"; m.Chain, m.Whole, m.Recipient = m.ID, m.ID, "US" })[0]
	if got := said(nowhere); got[0] != gateway.WaitNoLink {
		t.Errorf("without a link: %v", got)
	}
	all, err := w.cn.Waits(t.Context(), "RU", store.WaitingCursor{}, 3)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d, %v", len(all), err)
	}
	rest, err := w.cn.Waits(t.Context(), "RU", all[2].Place(), 10)
	if err != nil || len(rest) != 1 {
		t.Errorf("behind three there are %d, %v", len(rest), err)
	}
	w.out.trouble = nil
	w.clock.add(flow.MaxInterval)
	w.deliver()
	if _, err := w.cn.WaitsOf(t.Context(), id); codeOf(err) != gateway.OutboxEnded {
		t.Errorf("of what is accepted: %v", err)
	}
	if _, err := w.cn.WaitsOf(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of nobody's: %v", err)
	}
}

// TestTryNow: what is tried now goes at once, one or all of a partner, past an open breaker; a chain keeps
// its order, and what is parked or has ended stays so.
func TestTryNow(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.out.trouble = func(int) error { return &peer.NotSentError{Cause: errors.New("refused")} }
	others := w.copies(w.cn, id, 7, func(int, *store.Message) {})
	for range 3 {
		w.deliver()
		w.clock.add(flow.QuickInterval)
	}
	if s := linkOf(t, w.cn); s.Breaker != flow.BreakerOpen {
		t.Fatalf("%+v", s)
	}
	second := w.copies(w.cn, id, 1, func(_ int, m *store.Message) {
		m.ID += "-2"
		m.Chain, m.Whole, m.Sequence, m.NextAttempt = id, m.ID, 1000, w.clock.Now().Add(time.Hour)
	})[0]
	parked := w.copies(w.cn, id, 1, func(_ int, m *store.Message) {
		m.ID += "-p"
		m.Chain, m.Whole, m.Parked, m.NextAttempt = m.ID, m.ID, true, m.ValidUntil.Add(1)
	})[0]
	w.due([]gateway.MessageID{id})
	if _, err := w.cn.Store.Do(t.Context(), func(tx *store.Tx) error {
		m, err := tx.Message(t.Context(), id)
		if err != nil {
			return err
		}
		m.NextAttempt = w.clock.Now().Add(time.Hour)
		return errors.Join(tx.PutProgress(m, false), tx.Audit("test", "later", "", gateway.Digest{}))
	}); err != nil {
		t.Fatal(err)
	}
	w.out.trouble = nil
	w.deliver()
	if m := w.message(id); m.State != gateway.Queued {
		t.Fatalf("it is %s while the breaker is open", m.State)
	}
	if _, _, err := w.cn.Try(t.Context(), anna, []gateway.MessageID{id, "nobody"}); codeOf(err) != gateway.NotFound {
		t.Errorf("with an unknown one: %v", err)
	}
	if m := w.message(id); !m.NextAttempt.After(w.clock.Now()) {
		t.Error("what was refused has had an effect")
	}
	tried, told, err := w.cn.Try(t.Context(), anna, []gateway.MessageID{id, second, parked})
	if err != nil || tried != 2 || !slices.Equal(event.CodesOf(told), []gateway.Code{gateway.WaitBehind, gateway.WaitParked}) {
		t.Fatalf("%d tried, %v, %v", tried, told, err)
	}
	if s := linkOf(t, w.cn); s.Breaker != flow.BreakerProbing {
		t.Errorf("the breaker: %+v", s)
	}
	for range 20 {
		w.deliver()
	}
	for _, id := range append(others, id, second) {
		if m := w.message(id); m.State != gateway.Accepted && id != second {
			t.Errorf("%s is %s, %s", id, m.State, m.LastError)
		}
	}
	if m := w.message(parked); !m.Parked || m.State != gateway.Queued {
		t.Errorf("what is parked: %s, %d attempts", m.State, m.Attempts)
	}
	if _, told, err := w.cn.Try(t.Context(), anna, []gateway.MessageID{id}); err != nil || len(told) != 1 || told[0].Code != gateway.OutboxEnded {
		t.Errorf("what has ended: %v, %v", told, err)
	}

	later := w.copies(w.cn, id, 5, func(_ int, m *store.Message) {
		m.ID += "-l"
		m.Chain, m.Whole, m.State, m.NextAttempt, m.Attempts = m.ID, m.ID, gateway.Sending, w.clock.Now().Add(time.Hour), 1
	})
	if n, err := w.cn.TryAll(t.Context(), anna, "RU"); err != nil || n != len(later) {
		t.Errorf("all: %d, %v", n, err)
	}
	w.deliver()
	for _, id := range later {
		if m := w.message(id); m.State != gateway.Accepted {
			t.Errorf("%s is %s", id, m.State)
		}
	}
	if _, err := w.cn.TryAll(t.Context(), anna, "US"); codeOf(err) != gateway.NotFound {
		t.Errorf("of nobody's: %v", err)
	}
	if said := w.events(w.cn); !strings.Contains(said, anna.URI+" message tried now "+string(id)) || !strings.Contains(said, anna.URI+" messages tried now: 5 RU") {
		t.Errorf("the trail says\n%s", said)
	}
}

// TestRedriveGoesAgainUnderItsIDWithItsBytes: whatever the outcome was, the partner has it once.
func TestRedriveGoesAgainUnderItsIDWithItsBytes(t *testing.T) {
	for _, outcome := range []string{gateway.NeverHandedOver, gateway.OutcomeUnknown} {
		for _, lost := range []bool{false, true} { // the partner has it, and its receipt was lost
			if lost && outcome == gateway.NeverHandedOver {
				continue
			}
			w := newWorld(t)
			id := w.notice()
			before := w.message(id)
			if lost {
				w.out.lose = func(int) bool { return true }
				w.deliver()
				w.out.lose = nil
			}
			w.lapse(id, outcome)
			all, err := w.cn.DeadLetters(t.Context(), 0, 10)
			if err != nil || len(all) != 1 || all[0].ID != id {
				t.Fatalf("%d dead letters, %v", len(all), err)
			}
			for _, validity := range []time.Duration{time.Second, 1000 * 24 * time.Hour, -time.Hour} {
				if _, err := w.cn.Redrive(t.Context(), anna, id, validity); codeOf(err) != gateway.ValidityUnfit {
					t.Errorf("valid for %v: %v", validity, err)
				}
			}
			got, err := w.cn.Redrive(t.Context(), anna, id, time.Hour)
			if err != nil || got.State.Final() || !got.ValidUntil.Equal(w.clock.Now().Add(time.Hour)) {
				t.Fatalf("%s: %s until %v, %v", outcome, got.State, got.ValidUntil, err)
			}
			if _, err := w.cn.Redrive(t.Context(), anna, id, 0); codeOf(err) != gateway.NotDead {
				t.Errorf("again: %v", err)
			}
			w.deliver()
			w.clock.add(time.Minute)
			w.deliver()
			m := w.message(id)
			if m.State != gateway.Accepted || string(m.Header) != string(before.Header) || m.PayloadDigest != before.PayloadDigest {
				t.Fatalf("%s: it is %s, %s", outcome, m.State, m.LastError)
			}
			in, err := w.ru.Store.Read().Inbox(t.Context(), store.InboxFilter{Limit: 10})
			if err != nil || len(in) != 1 {
				t.Errorf("Russia has %d, %v", len(in), err)
			}
			if all, err := w.cn.DeadLetters(t.Context(), 0, 10); err != nil || len(all) != 0 {
				t.Errorf("then: %d, %v", len(all), err)
			}
			if said := w.events(w.cn); !strings.Contains(said, anna.URI+" dead letter sent again "+string(id)) {
				t.Errorf("the trail says\n%s", said)
			}
		}
	}
}

// TestRedriveEndsAgain: its new validity ends like the first, and its old claim is nobody's.
func TestRedriveEndsAgain(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.lapse(id, gateway.OutcomeUnknown)
	if _, err := w.cn.Redrive(t.Context(), anna, id, 0); err != nil {
		t.Fatal(err)
	}
	w.lapse(id, gateway.OutcomeUnknown)
}

// TestWhatWasAnnouncedAnewIsNotRedriven: the same crossing is not announced twice.
func TestWhatWasAnnouncedAnewIsNotRedriven(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.lapse(id, gateway.NeverHandedOver)
	for part, name := range map[string]string{"M2": "mt2401.xml", "V2": "mt4402.xml"} {
		w.submit(part, name)
	}
	s, err := w.cn.Store.Read().Submission(t.Context(), "0603", "V2")
	if err != nil || s.MessageID == "" || s.MessageID == id {
		t.Fatalf("announced anew: %s %s, %v", s.State, s.MessageID, err)
	}
	if _, err := w.cn.Redrive(t.Context(), anna, id, 0); codeOf(err) != gateway.Superseded {
		t.Errorf("it is sent beside it: %v", err)
	}
}

// TestSettledByTwoPersons: one says it with reason and evidence, another confirms it; it is never counted as
// delivered, and may be announced anew.
func TestSettledByTwoPersons(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	evidence := gateway.DigestOf([]byte("a letter"))
	if _, err := w.cn.Settle(t.Context(), anna, id, "told by telephone", evidence); codeOf(err) != gateway.NotDead {
		t.Errorf("of what waits: %v", err)
	}
	w.lapse(id, gateway.OutcomeUnknown)
	for name, c := range map[string]struct {
		reason   string
		evidence gateway.Digest
		want     gateway.Code
	}{
		"no reason":    {"", evidence, gateway.ReasonUnfit},
		"a short one":  {"ok", evidence, gateway.ReasonUnfit},
		"a hidden one": {"told\u200b by telephone", evidence, gateway.ReasonUnfit},
		"no evidence":  {"told by telephone", gateway.Digest{}, gateway.EvidenceUnfit},
	} {
		if _, err := w.cn.Settle(t.Context(), anna, id, c.reason, c.evidence); codeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.cn.ConfirmSettlement(t.Context(), boris, id, gateway.Digest{}); codeOf(err) != gateway.SettlementNone {
		t.Errorf("before anybody has said it: %v", err)
	}
	got, err := w.cn.Settle(t.Context(), anna, id, "told by  telephone", evidence)
	if err != nil || got.State != gateway.Dead || got.Settlement.Reason != "told by telephone" || got.Settlement.ProposedBy != anna.URI {
		t.Fatalf("said: %s, %v, %v", got.State, got.Settlement, err)
	}
	if _, err := w.cn.ConfirmSettlement(t.Context(), anna, id, gateway.Digest{}); codeOf(err) != gateway.SettlementOwn {
		t.Errorf("by the same person: %v", err)
	}
	for _, other := range []gateway.Digest{gateway.DigestOf([]byte("another")), {}} { // such as what was named before
		if _, err := w.cn.ConfirmSettlement(t.Context(), boris, id, other); codeOf(err) != gateway.SettlementEvidence {
			t.Errorf("with other evidence: %v", err)
		}
	}
	got, err = w.cn.ConfirmSettlement(t.Context(), boris, id, evidence)
	if err != nil || got.State != gateway.Settled || got.Settlement.ConfirmedBy != boris.URI {
		t.Fatalf("confirmed: %s, %v, %v", got.State, got.Settlement, err)
	}
	for _, again := range []func() error{
		func() error { _, err := w.cn.ConfirmSettlement(t.Context(), boris, id, evidence); return err },
		func() error { _, err := w.cn.Settle(t.Context(), boris, id, "told by telephone", evidence); return err },
		func() error { _, err := w.cn.Redrive(t.Context(), boris, id, 0); return err },
	} {
		if err := again(); codeOf(err) != gateway.NotDead {
			t.Errorf("once it is settled: %v", err)
		}
	}
	w.deliver()
	if m := w.message(id); m.State != gateway.Settled || m.Receipt != nil {
		t.Errorf("it is %s", m.State)
	}
	said := w.events(w.cn)
	for _, want := range []string{anna.URI + " settlement by hand said " + string(id), boris.URI + " message settled " + string(id), boris.URI + " evidence of a settlement " + string(id)} {
		if !strings.Contains(said, want) {
			t.Errorf("the trail lacks %q\n%s", want, said)
		}
	}
	w.submit("M2", "mt2401.xml")
	if s := w.submit("V2", "mt4402.xml"); s.State != gateway.Joined || s.MessageID == id {
		t.Errorf("announced anew: %s %v", s.State, s.Faults)
	}
}

// TestASettlementIsForgottenWhenItIsSentAgain: what one has said of a message counts for nothing once it
// travels again.
func TestASettlementIsForgottenWhenItIsSentAgain(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.lapse(id, gateway.OutcomeUnknown)
	if _, err := w.cn.Settle(t.Context(), anna, id, "told by telephone", gateway.DigestOf([]byte("a letter"))); err != nil {
		t.Fatal(err)
	}
	if got, err := w.cn.Redrive(t.Context(), boris, id, 0); err != nil || got.Settlement != nil {
		t.Fatalf("%v, %v", got.Settlement, err)
	}
	w.lapse(id, gateway.OutcomeUnknown)
	if _, err := w.cn.ConfirmSettlement(t.Context(), boris, id, gateway.Digest{}); codeOf(err) != gateway.SettlementNone {
		t.Errorf("confirmed: %v", err)
	}
}

// TestRepairMakesAnewWhatThePartnerNeverHad: the same content under another id, signed by the key that signs now;
// the movement and the submission know both, and the partner has it once.
func TestRepairMakesAnewWhatThePartnerNeverHad(t *testing.T) {
	for _, outcome := range []string{gateway.NeverHandedOver, gateway.OutcomeUnknown} {
		w := newWorld(t)
		id := w.notice()
		w.lapse(id, outcome)
		old := w.message(id)
		got, err := w.cn.Repair(t.Context(), anna, id)
		if err != nil || got.ID == id || got.Repairs != id || got.State != gateway.Queued {
			t.Fatalf("%s: %s for %q is %s, %v", outcome, got.ID, got.Repairs, got.State, err)
		}
		m := w.message(got.ID)
		if string(m.Payload) != string(old.Payload) || m.CanonicalDigest != old.CanonicalDigest || m.DocumentID != old.DocumentID || !m.Created.Equal(w.clock.Now()) ||
			m.Whole != old.Whole || m.Chain != old.Chain || m.Part != old.Part || string(m.Header) == string(old.Header) {
			t.Errorf("%s: it is made of something else", outcome)
		}
		for _, again := range []func() error{
			func() error { _, err := w.cn.Repair(t.Context(), anna, id); return err },
			func() error { _, err := w.cn.Redrive(t.Context(), anna, id, 0); return err },
			func() error {
				_, err := w.cn.Settle(t.Context(), anna, id, "told by telephone", gateway.DigestOf([]byte("a letter")))
				return err
			},
		} {
			if err := again(); codeOf(err) != gateway.Superseded {
				t.Errorf("%s, the old one once more: %v", outcome, err)
			}
		}
		w.submit("M2", "mt2401.xml")
		if s := w.submit("V2", "mt4402.xml"); s.State != gateway.Faulty || !slices.Contains(event.CodesOf(s.Faults), gateway.AlreadyAnnounced) {
			t.Errorf("%s: announced beside it: %s", outcome, s.State)
		}
		w.deliver()
		if m := w.message(got.ID); m.State != gateway.Accepted {
			t.Fatalf("%s: it is %s, %s", outcome, m.State, m.LastError)
		}
		in, err := w.ru.Store.Read().Inbox(t.Context(), store.InboxFilter{Limit: 10})
		if err != nil || len(in) != 1 || in[0].ID != got.ID {
			t.Errorf("%s: Russia has %d, %v", outcome, len(in), err)
		}
		if m, receipts, err := w.cn.SentMessage(t.Context(), "0603", "V1", ""); err != nil || m.ID != got.ID || len(receipts) == 0 {
			t.Errorf("%s: sent was %s, %v", outcome, m.ID, err)
		}
		if e, err := w.cn.Explain(t.Context(), post, "V1"); err != nil || e.Message != got.ID || len(e.Origins) == 0 {
			t.Errorf("%s: explained: %s, %v", outcome, e.Message, err)
		}
		said := w.events(w.cn)
		for _, want := range []string{anna.URI + " message made anew as " + string(got.ID) + " " + string(id), anna.URI + " message made anew for " + string(id) + " " + string(got.ID)} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: the trail lacks %q", outcome, want)
			}
		}
		if asked := strings.Contains(said, "partner states that it has not come "+string(id)); asked != (outcome == gateway.OutcomeUnknown) {
			t.Errorf("%s: the partner was asked: %v", outcome, asked)
		}
	}
}

// TestWhatThePartnerMayHaveIsNotMadeAnew: what it has signed decides, and without one nothing is made.
func TestWhatThePartnerMayHaveIsNotMadeAnew(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.out.lose = func(int) bool { return true }
	w.deliver() // it has it
	w.out.lose = nil
	w.lapse(id, gateway.OutcomeUnknown)
	if _, err := w.cn.Repair(t.Context(), anna, id); codeOf(err) != gateway.RepairHandedOver {
		t.Errorf("what it has: %v", err)
	}
	w.out.away = true
	if _, err := w.cn.Repair(t.Context(), anna, id); codeOf(err) != gateway.StatusAway {
		t.Errorf("without its word: %v", err)
	}
	w.out.away, w.out.spoilPage = false, func(r *peer.Receipt) { r.Signature = []byte("garbage") }
	if _, err := w.cn.Repair(t.Context(), anna, id); codeOf(err) != gateway.StatusAway {
		t.Errorf("with garbage: %v", err)
	}
	if _, err := w.cn.Repair(t.Context(), anna, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody's: %v", err)
	}
	if n := len(w.dead()); n != 1 {
		t.Errorf("%d dead letters", n)
	}
}

func (w *world) dead() []flow.DeadLetter {
	w.t.Helper()
	all, err := w.cn.DeadLetters(w.t.Context(), 0, 10)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// TestARepairDiesAndIsRepaired: each names the one in whose place it stands, and only the last may go.
func TestARepairDiesAndIsRepaired(t *testing.T) {
	w := newWorld(t)
	first := w.notice()
	w.lapse(first, gateway.NeverHandedOver)
	second, err := w.cn.Repair(t.Context(), anna, first)
	if err != nil {
		t.Fatal(err)
	}
	w.lapse(second.ID, gateway.NeverHandedOver)
	third, err := w.cn.Repair(t.Context(), anna, second.ID)
	if err != nil || third.Repairs != second.ID || third.ID == second.ID {
		t.Fatalf("%s for %s, %v", third.ID, third.Repairs, err)
	}
	w.deliver()
	if m := w.message(third.ID); m.State != gateway.Accepted {
		t.Errorf("it is %s", m.State)
	}
	if e, err := w.cn.Explain(t.Context(), post, "M1"); err != nil || e.Message != third.ID {
		t.Errorf("explained: %s, %v", e.Message, err)
	}
}

// TestContentIsTheSubmitters: what would say something else is not made anew.
func TestContentIsTheSubmitters(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.lapse(id, gateway.NeverHandedOver)
	m := w.message(id)
	m.Canonical = []byte(strings.Replace(string(m.Canonical), "18250.5", "18250.4", 1))
	if _, err := w.cn.Store.Do(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.PutMessage(m), tx.Audit("test", "changed", "", gateway.Digest{}))
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.cn.Repair(t.Context(), anna, id); codeOf(err) != gateway.RepairContent {
		t.Errorf("%v", err)
	}
}

// TestThePartnerIsToldWhatWasSettled: by the next balance, in a signed page, whether it has the message or not;
// it is shown for a week.
func TestThePartnerIsToldWhatWasSettled(t *testing.T) {
	for _, came := range []bool{false, true} {
		w := newWorld(t)
		id := w.notice()
		if came {
			w.out.lose = func(int) bool { return true }
			w.deliver()
			w.out.lose = nil
		}
		w.lapse(id, gateway.OutcomeUnknown)
		evidence := gateway.DigestOf([]byte("a letter"))
		if _, err := w.cn.Settle(t.Context(), anna, id, "told by telephone", evidence); err != nil {
			t.Fatal(err)
		}
		told := func() (codes []gateway.Code) {
			t.Helper()
			if _, err := w.ru.Balance(t.Context(), "CN"); err != nil {
				t.Fatal(err)
			}
			s, err := w.ru.BalanceState(t.Context(), "CN")
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range s.Differences {
				if d.ID == id {
					codes = append(codes, d.Code)
				}
				if d.Code == gateway.BalanceSettled && (d.Theirs.IsZero() || d.Ours.IsZero() == came) {
					t.Errorf("here %v, there %v", d.Ours, d.Theirs)
				}
			}
			return codes
		}
		if codes := told(); slices.Contains(codes, gateway.BalanceSettled) {
			t.Errorf("what nobody has confirmed is told: %v", codes)
		}
		if _, err := w.cn.ConfirmSettlement(t.Context(), boris, id, evidence); err != nil {
			t.Fatal(err)
		}
		w.clock.add(time.Second)
		for range 2 { // told again in the overlap it is one
			if codes := told(); !slices.Equal(codes, []gateway.Code{gateway.BalanceSettled}) {
				t.Errorf("told: %v", codes)
			}
			w.clock.add(time.Minute)
		}
		w.clock.add(flow.SettledShown)
		if codes := told(); len(codes) != 0 {
			t.Errorf("after a week: %v", codes)
		}
	}
}

// TestParallelOneOfManyVerbsWins: what several operators do at once with one dead letter, one of them does.
func TestParallelOneOfManyVerbsWins(t *testing.T) {
	for round := range 4 {
		w := newWorld(t)
		id := w.notice()
		w.lapse(id, gateway.NeverHandedOver)
		evidence := gateway.DigestOf([]byte("a letter"))
		if _, err := w.cn.Settle(t.Context(), anna, id, "told by telephone", evidence); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := make(map[string]int)
		try := func(name string, do func() error) {
			wg.Go(func() {
				err := do()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					done[name]++
				} else if code := codeOf(err); !slices.Contains([]gateway.Code{gateway.NotDead, gateway.Superseded, gateway.SettlementNone}, code) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		for range 3 {
			try("redriven", func() error { _, err := w.cn.Redrive(t.Context(), anna, id, 0); return err })
			try("made anew", func() error { _, err := w.cn.Repair(t.Context(), anna, id); return err })
			try("settled", func() error { _, err := w.cn.ConfirmSettlement(t.Context(), boris, id, evidence); return err })
		}
		wg.Wait()
		if len(done) != 1 || done[slices.Collect(maps.Keys(done))[0]] != 1 {
			t.Errorf("round %d: %v", round, done)
		}
		w.deliver()
		in, err := w.ru.Store.Read().Inbox(t.Context(), store.InboxFilter{Limit: 10})
		if want := 1 - done["settled"]; err != nil || len(in) != want {
			t.Errorf("round %d: Russia has %d, want %d, %v", round, len(in), want, err)
		}
	}
}
