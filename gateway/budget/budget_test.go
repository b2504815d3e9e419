package budget

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mega = 1 << 20

// take takes or fails the test.
func take(t *testing.T, p *Pool, party string, n int64) *Lease {
	t.Helper()
	l, err := p.Take(t.Context(), party, n)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// refused takes and expects to find no room.
func refused(t *testing.T, p *Pool, party string, n int64) {
	t.Helper()
	_, err := p.Take(t.Context(), party, n)
	var full *ExhaustedError
	if !errors.As(err, &full) || full.After < time.Second || full.Pool != "memory" {
		t.Fatalf("%s takes %d: %v", party, n, err)
	}
}

func TestACallerHoldsItsShare(t *testing.T) {
	p := NewPool("memory", 256*mega, time.Millisecond)
	first := take(t, p, "a", 80*mega)
	refused(t, p, "a", 80*mega) // it would be more than half
	take(t, p, "a", 48*mega)
	take(t, p, "b", 80*mega)
	refused(t, p, "c", 80*mega) // 208 of the 224 that are not reserved
	small := take(t, p, "a", mega)
	take(t, p, "c", 4*mega)
	first.Release()
	first.Release() // twice is once
	take(t, p, "c", 80*mega)
	small.Release()
	if u := p.Usage(); u.Used != (48+80+4+80)*mega || u.Limit != 256*mega || u.Refused != 2 || u.Waiting != 0 {
		t.Errorf("%+v", u)
	}
}

// Who holds nothing may take whatever there is, and no more is needed.
func TestTheGreatestHasThePoolToItself(t *testing.T) {
	p := NewPool("memory", 64*mega, time.Millisecond)
	l := take(t, p, "a", 1000*mega)
	refused(t, p, "b", 2*mega)
	take(t, p, "b", mega).Release() // what is small passes
	l.Release()
	if u := p.Usage(); u.Used != 0 {
		t.Errorf("%+v", u)
	}
	one := NewPool("calls", 1, time.Millisecond)
	take(t, one, "a", 1).Release()
}

// One that floods waits for itself; another is served next, whoever came first.
func TestParallelNoCallerStarvesAnother(t *testing.T) {
	p := NewPool("memory", 256*mega, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	holding := take(t, p, "flood", 100*mega)
	take(t, p, "other", 100*mega)
	var mu sync.Mutex
	var served []string
	var wg sync.WaitGroup
	wait := func(party string, n int64) {
		waiting := p.Usage().Waiting
		wg.Go(func() {
			l, err := p.Take(ctx, party, n)
			if err != nil {
				return
			}
			mu.Lock()
			served = append(served, party)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			l.Release()
		})
		for p.Usage().Waiting == waiting {
			time.Sleep(time.Millisecond)
		}
	}
	for range 50 {
		wait("flood", 100*mega)
	}
	wait("late", 100*mega)
	holding.Release()
	for {
		mu.Lock()
		n := len(served)
		late := n > 0 && (served[0] == "late" || n > 1 && served[1] == "late")
		mu.Unlock()
		if late {
			break
		}
		if n > 2 {
			t.Fatalf("served %v", served)
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	wg.Wait()
}

func TestWhoHoldsSomethingAddsWithoutWaiting(t *testing.T) {
	p := NewPool("memory", 64*mega, time.Millisecond)
	l := take(t, p, "a", 50*mega)
	l.Add(50 * mega)
	refused(t, p, "b", mega)
	if u := p.Usage(); u.Used != 100*mega {
		t.Errorf("%+v", u)
	}
	l.Release()
	if u := p.Usage(); u.Used != 0 {
		t.Errorf("%+v", u)
	}
	var none Lease
	none.Add(1)
	none.Release()
}

func TestParallelWhoLeavesWaitsNoMore(t *testing.T) {
	p := NewPool("memory", mega, time.Minute)
	l := take(t, p, "a", mega)
	ctx, cancel := context.WithCancel(t.Context())
	for _, wait := range []func(context.Context, string, int64) (*Lease, error){p.Take, p.Await} {
		done := make(chan error, 1)
		go func() { _, err := wait(ctx, "b", mega); done <- err }()
		for p.Usage().Waiting == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := wait(ctx, "b", 1); !errors.Is(err, context.Canceled) {
			t.Errorf("one that has left already: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
	}
	cancel()
	l.Release()
	if u := p.Usage(); u.Used != 0 || u.Waiting != 0 || u.Refused != 0 {
		t.Errorf("%+v", u)
	}
}

func TestParallelTooManyWhoWaitAreRefusedAtOnce(t *testing.T) {
	p := NewPool("memory", mega, time.Hour)
	l := take(t, p, "a", mega)
	var wg sync.WaitGroup
	for range MaxWaiting {
		wg.Go(func() {
			l, err := p.Take(t.Context(), "flood", mega)
			if err != nil {
				t.Error(err)
				return
			}
			l.Release()
		})
	}
	for p.Usage().Waiting < MaxWaiting {
		time.Sleep(time.Millisecond)
	}
	refused(t, p, "flood", mega)
	wg.Go(func() { // another still may wait
		l, err := p.Take(t.Context(), "other", mega)
		if err != nil {
			t.Error(err)
			return
		}
		l.Release()
	})
	for p.Usage().Waiting <= MaxWaiting {
		time.Sleep(time.Millisecond)
	}
	l.Release()
	wg.Wait()
}

// Whatever is taken and given back, by whom and in what order: the limits hold, and in the
// end nothing is held and nobody waits.
func TestLimitsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(1, 1000).Draw(t, "limit")
		p := NewPool("memory", limit, 0)
		var held []*Lease
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(held) > 0 && rapid.Bool().Draw(t, "release") {
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				held[i].Release()
				held = append(held[:i], held[i+1:]...)
			} else if l, err := p.Take(context.Background(), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "party"), rapid.Int64Range(0, 2*limit).Draw(t, "n")); err == nil {
				held = append(held, l)
			}
			sum := map[string]int64{}
			var all int64
			for _, l := range held {
				sum[l.party] += l.n
				all += l.n
			}
			if u := p.Usage(); u.Used != all || u.Used > limit || u.Waiting != 0 {
				t.Fatalf("%+v, held %d", u, all)
			}
			for party, n := range sum {
				single := false
				for _, l := range held {
					single = single || l.party == party && l.n == n
				}
				if n > limit/share+limit/reserve/2 && !single && limit >= reserve {
					t.Fatalf("%s holds %d of %d", party, n, limit)
				}
			}
		}
		for _, l := range held {
			l.Release()
		}
		if u := p.Usage(); u.Used != 0 || len(p.holds)+len(p.last) != 0 {
			t.Fatalf("%+v, %v", u, p.holds)
		}
	})
}
