package flow_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// stater is a wire on which the partner's statement on one message is as a test has it, and what it answers to the same once
// more. Balances are as ever.
type stater struct {
	*wire
	t      *testing.T
	states func() seal.StatusEntry
	again  peer.Answer
	tries  int
}

func (s *stater) Deliver(ctx context.Context, m seal.Sealed) (peer.Answer, error) {
	if s.tries++; s.tries == 1 {
		return s.wire.Deliver(ctx, m)
	}
	return s.again, nil
}

func (s *stater) Status(_ context.Context, query seal.Signed) (peer.Receipt, error) {
	h := query.Header()
	signed, err := s.to.Keys.Sign(seal.Header{
		MessageID: gateway.MessageID(s.to.NewID()), Sender: h.Recipient, Recipient: h.Sender, RelatesTo: h.MessageID, Created: s.to.Now(),
	}, seal.StatusAnswer{At: s.to.Now(), Entries: []seal.StatusEntry{s.states()}})
	if err != nil {
		s.t.Error(err)
	}
	return peer.Receipt{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}, nil
}

// TestAnAnswerThatDecidesNothingIsNotAskedForForEver: whatever a partner that is asked behind the validity states and answers
// then, the message ends within the time for that, and is not asked about without a pause.
func TestAnAnswerThatDecidesNothingIsNotAskedForForEver(t *testing.T) {
	const unknown = "dead expired: " + gateway.OutcomeUnknown
	for name, c := range map[string]struct {
		status seal.MessageStatus
		given  *seal.GivenReceipt
		again  peer.Answer
		rcv    bool // the receipt is an RCV that holds, stated or in the answer to the same again
		want   string
	}{
		"the receipt that is stated is no verdict": {status: seal.StatusAccepted, given: &seal.GivenReceipt{}, rcv: true, want: unknown},
		"the receipt is no verdict":                {status: seal.StatusAccepted, rcv: true, want: unknown},
		"the receipt that is stated does not hold": {status: seal.StatusAccepted, given: &seal.GivenReceipt{Header: []byte("h"), Statement: []byte("s"), Signature: []byte("s")}, want: unknown},
		"the receipt comes later":                  {status: seal.StatusAccepted, again: peer.Answer{Later: time.Minute}, want: unknown},
		"the receipt does not hold":                {status: seal.StatusAccepted, again: peer.Answer{Receipt: peer.Receipt{Header: []byte("h"), Statement: []byte("s"), Signature: []byte("s")}}, want: unknown},
		"it acknowledges without a signature":      {status: seal.StatusReceived, again: peer.Answer{Unsigned: true}, want: "unsigned"},
		"it refuses without a signature":           {status: seal.StatusReceived, again: peer.Answer{Unsigned: true, Refusal: unsignedErrors}, want: "dead refused without a signature: " + gateway.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var id gateway.MessageID
			asked := 0
			link := &stater{wire: w.out, t: t, again: c.again, states: func() seal.StatusEntry {
				asked++
				return seal.StatusEntry{MessageID: id, Status: c.status, Payload: w.message(id).PayloadDigest, Receipt: c.given}
			}}
			w.cn.Links = map[gateway.Administration]flow.Link{"RU": link}
			w.cn = flow.New(w.cn.Options)
			id = w.notice()
			if c.rcv {
				if r := w.received(id); c.given != nil {
					*c.given = seal.GivenReceipt(r)
				} else {
					link.again.Receipt = r
				}
			}
			w.out.lose = func(int) bool { return true }
			w.deliver()
			w.clock.add(w.message(id).ValidUntil.Sub(w.clock.Now()) + flow.StatusQuiet)
			for range 5 {
				w.deliver()
			}
			if asked != 1 {
				t.Errorf("it is asked about %d times at once", asked)
			}
			for range 40 {
				w.clock.add(30 * time.Second)
				w.deliver()
			}
			if m := w.message(id); strings.TrimSpace(string(m.State)+" "+m.Reason) != c.want {
				t.Errorf("it is %s %s (%s), want %s", m.State, m.Reason, m.LastError, c.want)
			}
			for _, v := range w.promised(true) {
				t.Error(v)
			}
		})
	}
}

// received is an RCV that Russia signs for a message.
func (w *world) received(id gateway.MessageID) peer.Receipt { return w.receiptOf(id, gateway.RCV) }

// receiptOf is a receipt that Russia signs for a message without having looked at it: an RCV or an ERR.
func (w *world) receiptOf(id gateway.MessageID, v gateway.Verdict) peer.Receipt {
	w.t.Helper()
	r := seal.Receipt{MessageID: id, Verdict: v, Received: w.message(id).PayloadDigest, At: w.clock.Now().UTC()}
	if v == gateway.ERR {
		r.Faults = []gateway.Report{{Code: "A", Severity: gateway.Error, Message: "A"}}
	}
	signed, err := w.ru.Keys.Sign(seal.Header{MessageID: gateway.MessageID(w.ru.NewID()), Sender: "RU", Recipient: "CN", Created: w.clock.Now()}, r)
	if err != nil {
		w.t.Fatal(err)
	}
	return peer.Receipt{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}
}

// TestWhatIsReceivedBehindTheValidityPostponesNothing: a partner that goes on signing that it has the bytes, each time anew,
// does not keep a message from its end.
func TestWhatIsReceivedBehindTheValidityPostponesNothing(t *testing.T) {
	w, _ := overAFolder(t, peer.Answer{Later: time.Minute})
	id := w.notice()
	w.deliver()
	until := w.message(id).ValidUntil
	w.clock.add(until.Sub(w.clock.Now()) - 10*time.Second)
	for range 60 {
		w.clock.add(time.Second)
		if _, err := w.cn.TakeSignedSignal(t.Context(), "ru", []gateway.Administration{"RU"}, w.received(id), time.Hour); err != nil {
			t.Fatal(err)
		}
		w.deliver()
	}
	if m := w.message(id); m.State != gateway.Dead || !strings.HasSuffix(m.Reason, gateway.OutcomeUnknown) {
		t.Errorf("it is %s %s, next %v behind %v", m.State, m.Reason, m.NextAttempt, until)
	}
}

// interrupting is a link whose partner signals by itself while it answers.
type interrupting struct {
	meanwhile func()
	answer    peer.Answer
	sent      int
}

func (l *interrupting) Deliver(context.Context, seal.Sealed) (peer.Answer, error) {
	l.sent++
	l.meanwhile()
	return l.answer, nil
}

// TestASignalThatTheBytesCameTakesNoAnswerAway: that the bytes came, which a partner says by itself while it answers, is
// less than its answer.
func TestASignalThatTheBytesCameTakesNoAnswerAway(t *testing.T) {
	for name, c := range map[string]struct {
		answer peer.Answer
		want   gateway.MessageState
		next   time.Duration
	}{
		"acknowledged": {peer.Answer{Unsigned: true}, gateway.Unsigned, 0},
		"refused":      {peer.Answer{Unsigned: true, Refusal: unsignedErrors}, gateway.Dead, 0},
		"later":        {peer.Answer{Later: 2 * time.Minute}, gateway.Sending, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			link := &interrupting{answer: c.answer}
			w.cn.Links = map[gateway.Administration]flow.Link{"RU": link}
			w.cn = flow.New(w.cn.Options)
			id := w.notice()
			link.meanwhile = func() {
				if _, err := w.cn.TakeSignal(t.Context(), "ru", []gateway.Administration{"RU"}, id, flow.Signal{Verdict: gateway.RCV, Wait: time.Hour}, []byte("signal")); err != nil {
					t.Error(err)
				}
			}
			w.deliver()
			m := w.message(id)
			if m.State != c.want || link.sent != 1 {
				t.Errorf("it is %s %s, sent %d times", m.State, m.Reason, link.sent)
			}
			if c.next > 0 && !m.NextAttempt.Equal(w.clock.Now().Add(c.next)) {
				t.Errorf("the next attempt is in %s", m.NextAttempt.Sub(w.clock.Now()))
			}
			for _, v := range w.promised(c.want != gateway.Sending) {
				t.Error(v)
			}
		})
	}
}

// TestWhatIsHeardOfIsParkedNoMore: a message that was handed over, and then could not be again for a reason of ours, is
// nobody's to see to once its partner has ended it; until then it waits for its operator.
func TestWhatIsHeardOfIsParkedNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		verdict gateway.Verdict
		signed  bool
		want    gateway.MessageState
		parked  bool
	}{
		"a signed RCV":  {gateway.RCV, true, gateway.Received, true},
		"a signed ERR":  {gateway.ERR, true, gateway.Refused, false},
		"RCV":           {gateway.RCV, false, gateway.Sending, true},
		"PRS":           {gateway.PRS, false, gateway.Unsigned, false},
		"an ERR signal": {gateway.ERR, false, gateway.Dead, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, f := overAFolder(t, peer.Answer{Later: time.Minute})
			id := w.notice()
			w.deliver()
			if _, err := w.cn.Store.Do(t.Context(), func(tx *store.Tx) error {
				m, err := tx.Message(t.Context(), id)
				if err != nil {
					return err
				}
				m.Parked, m.Troubles, m.Reason, m.NextAttempt = true, flow.DeliverTries, "parked", m.ValidUntil.Add(1)
				return errors.Join(tx.PutProgress(m, false), tx.Audit("test", "parked", string(m.ID), m.PayloadDigest))
			}); err != nil {
				t.Fatal(err)
			}
			from := []gateway.Administration{"RU"}
			var err error
			if c.signed {
				_, err = w.cn.TakeSignedSignal(t.Context(), "ru", from, w.receiptOf(id, c.verdict), time.Minute)
			} else {
				_, err = w.cn.TakeSignal(t.Context(), "ru", from, id, flow.Signal{Verdict: c.verdict, Wait: time.Minute, Refusal: unsignedErrors}, []byte("signal"))
			}
			if err != nil {
				t.Fatal(err)
			}
			m := w.message(id)
			if m.State != c.want || m.Parked != c.parked || (m.Reason == "parked") != c.parked || c.parked && !m.NextAttempt.After(m.ValidUntil) {
				t.Errorf("it is %s %q, parked %v, next %v", m.State, m.Reason, m.Parked, m.NextAttempt)
			}
			w.clock.add(time.Hour)
			w.deliver()
			if len(f.sent) != 1 {
				t.Errorf("it is sent %d times", len(f.sent))
			}
		})
	}
}

// TestWhatIsSaidAgainIsWrittenOnce: that the bytes came, said over and over while the validity ends and behind it, is no entry of
// the trail each time.
func TestWhatIsSaidAgainIsWrittenOnce(t *testing.T) {
	w, _ := overAFolder(t, peer.Answer{Later: 24 * time.Hour})
	id := w.notice()
	w.deliver()
	w.clock.add(w.message(id).ValidUntil.Sub(w.clock.Now()) - 10*time.Second)
	for range 20 {
		w.clock.add(time.Second)
		if _, err := w.cn.TakeSignal(t.Context(), "ru", []gateway.Administration{"RU"}, id, flow.Signal{Verdict: gateway.RCV, Wait: time.Hour}, []byte("signal")); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(w.events(w.cn), "signal RCV without a signature"); n != 1 {
		t.Errorf("it is written %d times", n)
	}
}
