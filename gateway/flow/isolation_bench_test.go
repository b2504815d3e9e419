package flow_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// BenchmarkIsolation measures what one partner costs another: how many messages a second one of two is
// handed, each with its verified receipt on disk, while nothing waits for the other, and while five hundred
// messages wait for it and it is down, takes them and never answers, or answers garbage. Each is measured between
// two measurements of the first; the ratio is the median of those of all rounds, and 1 is no cost at all.
func BenchmarkIsolation(b *testing.B) {
	const (
		rounds  = 9
		waiting = 500
		each    = 400
	)
	for b.Loop() {
	}
	w := newWorld(b)
	w.clock.add(time.Since(w.clock.Now()))
	first := w.notice()
	w.deliver()
	w.cn.Now = time.Now
	w.cn.Log = event.NewLog(slog.New(slog.DiscardHandler))
	others := map[string]stub{
		"alone": nil,
		"down": func(context.Context, seal.Sealed) (peer.Receipt, error) {
			return peer.Receipt{}, &peer.NotSentError{Cause: errors.New("refused")}
		},
		"slow": func(ctx context.Context, _ seal.Sealed) (peer.Receipt, error) {
			<-ctx.Done()
			return peer.Receipt{}, ctx.Err()
		},
		"garbage": func(context.Context, seal.Sealed) (peer.Receipt, error) {
			return peer.Receipt{Header: []byte("{}"), Statement: []byte("garbage"), Signature: []byte("garbage")}, nil
		},
	}
	rates := make(map[string][]float64)
	n := 0
	for range rounds {
		for _, mode := range []string{"alone", "down", "alone", "slow", "alone", "garbage", "alone"} {
			n++
			copied := func(to gateway.Administration, many int) {
				w.copies(w.cn, first, many, func(i int, m *store.Message) {
					m.ID = gateway.MessageID(fmt.Sprintf("%d-%s-%04d", n, to, i))
					m.Chain, m.Whole, m.Recipient, m.State, m.Attempts, m.Tries, m.NextAttempt = m.ID, m.ID, to, gateway.Queued, 0, 0, time.Now()
					m.ValidUntil, m.ExpectedArrival = time.Now().Add(time.Hour), time.Now().Add(time.Hour)
				})
			}
			copied("RU", each)
			if others[mode] != nil {
				copied("KZ", waiting)
			}
			var mu sync.Mutex
			var times []time.Time
			done := make(chan struct{})
			options := w.cn.Options
			options.Drain = time.Millisecond
			options.Links = map[gateway.Administration]flow.Link{"RU": stub(func(ctx context.Context, m seal.Sealed) (peer.Receipt, error) {
				r, err := w.out.carry(ctx, m)
				mu.Lock()
				defer mu.Unlock()
				if times = append(times, time.Now()); len(times) == each {
					close(done)
				}
				return r, err
			})}
			if others[mode] != nil {
				options.Links["KZ"] = others[mode]
			}
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan struct{})
			g := flow.New(options)
			go func() { g.Run(ctx); close(ended) }()
			<-done
			stop()
			<-ended
			rates[mode] = append(rates[mode], float64(each-1)/times[each-1].Sub(times[0]).Seconds())
			if _, err := w.cn.Store.Do(b.Context(), func(tx *store.Tx) error { // what waits still waits for the next no more
				for _, to := range []gateway.Administration{"RU", "KZ"} {
					left, err := tx.WaitingFor(b.Context(), to, store.WaitingCursor{}, each+waiting)
					if err != nil {
						return err
					}
					for _, m := range left {
						m.State, m.Claim = gateway.Accepted, store.Claim{}
						if err := tx.PutProgress(m, false); err != nil && !errors.Is(err, store.ErrTaken) {
							return err
						}
					}
				}
				return tx.Audit("test", "cleared", "", gateway.Digest{})
			}); err != nil {
				b.Fatal(err)
			}
		}
	}
	median := func(of []float64) float64 {
		of = slices.Sorted(slices.Values(of))
		return of[len(of)/2]
	}
	alone := rates["alone"]
	b.ReportMetric(median(alone), "alone/s")
	fmt.Printf("beside        messages/s   of what it is alone just before and after (median, least … most of %d)\n", rounds)
	fmt.Printf("%-12s %11.0f\n", "alone", median(alone))
	for k, mode := range []string{"down", "slow", "garbage"} {
		var ratios []float64
		for round, rate := range rates[mode] {
			at := 4*round + k
			ratios = append(ratios, 2*rate/(alone[at]+alone[at+1]))
		}
		fmt.Printf("%-12s %11.0f %7.0f%%   %.0f … %.0f\n", mode, median(rates[mode]), 100*median(ratios), 100*slices.Min(ratios), 100*slices.Max(ratios))
		b.ReportMetric(median(ratios), mode)
	}
}
