package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// linkOf is how a gateway sends to Russia.
func linkOf(t *testing.T, g *flow.Gateway) flow.LinkState {
	t.Helper()
	s, ok := g.LinkState("RU")
	if !ok {
		t.Fatal("no link")
	}
	return s
}

// due has every message be due whatever went wrong with it: the waits of single messages are not
// what is tested.
func (w *world) due(ids []gateway.MessageID) {
	w.t.Helper()
	if _, err := w.cn.Store.Do(w.t.Context(), func(tx *store.Tx) error {
		for _, id := range ids {
			m, err := tx.Message(w.t.Context(), id)
			if err != nil {
				return err
			}
			if m.NextAttempt = w.clock.Now(); !m.State.Final() {
				if err := tx.PutProgress(m, false); err != nil {
					return err
				}
			}
		}
		return tx.Audit("test", "due", "", gateway.Digest{})
	}); err != nil {
		w.t.Fatal(err)
	}
}

// TestABreakerOpensProbesAndCloses: after five failures one behind the other nothing is tried for a
// minute, then one at a time; a failure opens it again, three that get through close it.
func TestABreakerOpensProbesAndCloses(t *testing.T) {
	for name, trouble := range map[string]error{
		"nobody is there": &peer.NotSentError{Cause: errors.New("refused")},
		"it is cut off":   errors.New("reset in mid-air"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.notice()
			cn, log := logged(w.cn)
			ids := append(w.copies(cn, id, 30, func(int, *store.Message) {}), id)
			w.out.trouble = func(int) error { return trouble }
			deliver := func() (tried int) {
				t.Helper()
				before := w.out.tries
				w.due(ids)
				if err := cn.DeliverDue(t.Context(), "RU"); err != nil {
					t.Fatal(err)
				}
				return w.out.tries - before
			}
			if n := deliver(); n != flow.InFlight {
				t.Fatalf("%d tried at first", n)
			}
			s := linkOf(t, cn)
			if s.Breaker != flow.BreakerOpen || s.Failures != flow.BreakerFailures || !s.Until.Equal(w.clock.Now().Add(flow.BreakerRest)) {
				t.Fatalf("after %d failures: %+v", flow.InFlight, s)
			}
			for range 59 {
				if n := deliver(); n != 0 {
					t.Fatalf("%d tried while it is open", n)
				}
				w.clock.add(time.Second)
			}
			w.clock.add(time.Second)
			if s := linkOf(t, cn); s.Breaker != flow.BreakerProbing {
				t.Fatalf("after a minute: %+v", s)
			}
			if n := deliver(); n != 1 || linkOf(t, cn).Breaker != flow.BreakerOpen {
				t.Fatalf("a probe that fails: %d tried, %+v", n, linkOf(t, cn))
			}
			w.clock.add(flow.BreakerRest)
			w.out.trouble = nil
			for i := range flow.BreakerProbes {
				if s := linkOf(t, cn); s.Breaker != flow.BreakerProbing {
					t.Fatalf("before probe %d: %+v", i, s)
				}
				if n := deliver(); n != 1 {
					t.Fatalf("probe %d: %d tried", i, n)
				}
			}
			if s := linkOf(t, cn); s.Breaker != flow.BreakerClosed || s.Failures != 0 {
				t.Fatalf("after %d probes: %+v", flow.BreakerProbes, s)
			}
			if n := deliver(); n != flow.InFlight {
				t.Errorf("then %d are tried", n)
			}
			for line, want := range map[string]int{"breaker opened": 2, "breaker closed": 1} {
				if n := len(log.of(line)); n != want {
					t.Errorf("%q is told %d times, want %d", line, n, want)
				}
			}
		})
	}
}

// TestWhatIsNoFailureOfTheLinkOpensNothing: what the partner refuses of a message, or for want of room,
// it has answered; and failures that an answer parts are not one behind the other.
func TestWhatIsNoFailureOfTheLinkOpensNothing(t *testing.T) {
	answered := func(code codes.Code) func(int) error {
		return func(int) error { return fmt.Errorf("deliver: %w", status.Error(code, "no")) }
	}
	for name, c := range map[string]struct {
		trouble func(try int) error
		want    flow.BreakerState
	}{
		"it refuses each message": {answered(codes.FailedPrecondition), flow.BreakerClosed},
		"it does not know us":     {answered(codes.PermissionDenied), flow.BreakerOpen},
		"it breaks off":           {answered(codes.Internal), flow.BreakerOpen},
		"every fourth gets through": {func(try int) error {
			if try%4 == 0 {
				return nil
			}
			return errors.New("reset")
		}, flow.BreakerClosed},
		"it is busy": {func(int) error { return &peer.BusyError{After: time.Second, Cause: errors.New("enough")} }, flow.BreakerClosed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.notice()
			ids := append(w.copies(w.cn, id, 20, func(int, *store.Message) {}), id)
			w.out.trouble = c.trouble
			w.cn.InFlight = map[gateway.Administration]int{"RU": 1} // one behind the other
			cn, _ := logged(w.cn)
			for range 20 {
				w.due(ids)
				_ = cn.DeliverDue(t.Context(), "RU")
				w.clock.add(2 * time.Second)
			}
			if s := linkOf(t, cn); s.Breaker != c.want {
				t.Errorf("it is %+v", s)
			}
		})
	}
}

// TestWhoCallsIsProbed: a partner that calls by itself is there: what an open breaker keeps back is tried, one at a
// time, and a probe that fails opens it again.
func TestWhoCallsIsProbed(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	ids := append(w.copies(w.cn, id, 20, func(int, *store.Message) {}), id)
	w.out.trouble = func(int) error { return &peer.NotSentError{Cause: errors.New("refused")} }
	w.deliver()
	calls := func() int {
		t.Helper()
		before := w.out.tries
		if s := linkOf(t, w.cn); s.Breaker != flow.BreakerOpen {
			t.Fatalf("it is %+v", s)
		}
		w.balance(w.ru, "CN")
		if s := linkOf(t, w.cn); s.Breaker != flow.BreakerProbing {
			t.Fatalf("when it has called it is %+v", s)
		}
		w.due(ids)
		if err := w.cn.DeliverDue(t.Context(), "RU"); err != nil {
			t.Fatal(err)
		}
		return w.out.tries - before
	}
	if n := calls(); n != 1 || linkOf(t, w.cn).Breaker != flow.BreakerOpen {
		t.Errorf("%d tried, and it is %+v", n, linkOf(t, w.cn))
	}
	w.out.trouble = nil
	if n := calls(); n != 1 || linkOf(t, w.cn).Breaker != flow.BreakerProbing {
		t.Errorf("%d tried, and it is %+v", n, linkOf(t, w.cn))
	}
}

// TestGarbageOpensTheBreaker: receipts that do not verify are a failure of the link.
func TestGarbageOpensTheBreaker(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.copies(w.cn, id, 20, func(int, *store.Message) {})
	w.out.spoil = func(r *peer.Receipt) { r.Signature = []byte("garbage") }
	w.deliver()
	if s := linkOf(t, w.cn); s.Breaker != flow.BreakerOpen {
		t.Errorf("it is %+v", s)
	}
}

// TestWhatLapsesEndsWhileTheBreakerIsOpen: the end of a validity needs no link, whatever else waits before it.
func TestWhatLapsesEndsWhileTheBreakerIsOpen(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	long := w.copies(w.cn, id, 40, func(_ int, m *store.Message) { m.ValidUntil = w.clock.Now().Add(1000 * time.Hour) })
	short := w.copies(w.cn, id, 12, func(_ int, m *store.Message) {
		m.ID += "-short"
		m.Chain, m.Whole, m.ValidUntil, m.NextAttempt = m.ID, m.ID, w.clock.Now().Add(10*time.Second), w.clock.Now().Add(time.Second)
	})
	w.out.trouble = func(int) error { return &peer.NotSentError{Cause: errors.New("refused")} }
	w.deliver()
	if s := linkOf(t, w.cn); s.Breaker != flow.BreakerOpen {
		t.Fatalf("it is %+v", s)
	}
	tries := w.out.tries
	w.clock.add(11 * time.Second)
	w.deliver()
	w.deliver()
	for _, id := range short {
		if m := w.message(id); m.State != gateway.Dead || m.Reason != "expired: "+gateway.NeverHandedOver {
			t.Errorf("%s is %s (%s)", id, m.State, m.Reason)
		}
	}
	if w.out.tries != tries {
		t.Errorf("%d tried over the link", w.out.tries-tries)
	}
	if m := w.message(long[39]); m.State != gateway.Queued {
		t.Errorf("%s is %s", m.ID, m.State)
	}
}

// TestWhatStandsAtTheBorderGoesBeforeHistory: when the line returns after three days, what is to arrive or
// stands at the border goes first, in the order in which it is expected; what has waited longest is
// not starved.
func TestWhatStandsAtTheBorderGoesBeforeHistory(t *testing.T) {
	w := newWorld(t)
	first := w.notice()
	w.deliver()
	now := w.clock.Now()
	w.cn.InFlight = map[gateway.Administration]int{"RU": 1}
	cn, log := logged(w.cn)
	copied := func(prefix string, n int, expected func(i int) time.Time, since time.Duration) {
		w.copies(cn, first, n, func(i int, m *store.Message) {
			m.ID = gateway.MessageID(fmt.Sprintf("%s-%02d", prefix, i))
			m.Chain, m.Whole, m.State, m.Attempts = m.ID, m.ID, gateway.Queued, 0
			m.ExpectedArrival, m.NextAttempt, m.ValidUntil = expected(i), now.Add(-since), now.Add(1000*time.Hour)
		})
	}
	copied("old", 40, func(int) time.Time { return now.Add(-60 * time.Hour) }, 72*time.Hour)
	copied("new", 10, func(i int) time.Time { return now.Add(time.Duration(10-i) * time.Hour) }, time.Hour)
	for range 16 {
		if err := cn.DeliverDue(t.Context(), "RU"); err != nil {
			t.Fatal(err)
		}
	}
	var sent []string
	for _, line := range log.of("receipt verified") {
		_, rest, _ := strings.Cut(line, " message=")
		id, _, _ := strings.Cut(rest, " ")
		sent = append(sent, id)
	}
	var news, olds []string
	for i, id := range sent {
		if strings.HasPrefix(id, "new-") {
			news = append(news, id)
		} else if i < 12 {
			olds = append(olds, id)
		}
	}
	if len(news) != 10 || news[0] != "new-09" || news[9] != "new-00" {
		t.Errorf("what is to arrive goes in the order %v", news)
	}
	if len(olds) == 0 || len(olds) > 2 || olds[0] != "old-00" {
		t.Errorf("of history went %v of the first twelve %v", olds, sent)
	}
}

// TestParallelAStopFinishesWhatIsUnderWay: what travels when a stop comes gets its receipt, and nothing is begun;
// what takes longer than a stop waits is cut off and counts as not known.
func TestParallelAStopFinishesWhatIsUnderWay(t *testing.T) {
	for name, released := range map[string]bool{"it ends in time": true, "it does not": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.notice()
			later := w.copies(w.cn, id, 1, func(_ int, m *store.Message) { m.NextAttempt = w.clock.Now().Add(time.Hour) })[0]
			travels, release := make(chan struct{}), make(chan struct{})
			to := w.out
			w.cn.Links["RU"] = stub(func(ctx context.Context, m seal.Sealed) (peer.Receipt, error) {
				close(travels)
				select {
				case <-release:
					return to.carry(ctx, m)
				case <-ctx.Done():
					return peer.Receipt{}, ctx.Err()
				}
			})
			w.cn.InFlight = map[gateway.Administration]int{"RU": 1}
			if w.cn.Drain = 20 * time.Millisecond; released {
				w.cn.Drain = time.Minute
			}
			cn, log := logged(w.cn)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { cn.Run(ctx); close(done) }()
			<-travels
			w.due([]gateway.MessageID{later})
			stop()
			if released {
				select {
				case <-done:
					t.Fatal("it did not wait")
				case <-time.After(20 * time.Millisecond):
				}
				close(release)
			}
			<-done
			want, line := gateway.Sending, "deliveries broken off"
			if released {
				want, line = gateway.Accepted, "deliveries finished"
			}
			if m := w.message(id); m.State != want || m.Attempts != 1 {
				t.Errorf("it is %s after %d attempts", m.State, m.Attempts)
			}
			if m := w.message(later); m.Attempts != 0 || m.State != gateway.Queued {
				t.Errorf("what was due then is %s", m.State)
			}
			if n := len(log.of(line)); n != 1 {
				t.Errorf("%q is told %d times\n%s", line, n, log.buf.String())
			}
		})
	}
}
