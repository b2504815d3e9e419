package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// russianManifest is one in canonical JSON that announces what no other does.
func russianManifest(n int) []byte {
	ten, sum := fmt.Sprintf("EXMU%06d", n), 0
	for i, c := range []byte(ten) { // ISO 6346
		v := int(c - '0')
		if c >= 'A' {
			v = int(c) - 'A' + 10
			v += (v - 1) / 10
		}
		sum += v << i
	}
	return fmt.Appendf(nil, `{"envelope": {"documentId": "WIN-%06d", "issued": "2026-03-01T05:10:00+03:00", "function": "ORIGINAL"},
		"manifest": {"batch": "10719%06d", "direction": "EXPORT", "office": {"administration": "RU", "code": "10719110"},
			"carrier": {"name": [{"language": "ru", "value": "ООО \"Пример-Путь\""}], "ids": [{"scheme": "CUSTOMS", "value": "RUEX000001"}], "country": "RU"},
			"transport": {"mode": "3"}, "departed": "2026-03-01T05:10:00+03:00",
			"consignments": [{"sequence": 1, "transportDocument": {"id": "RUCN%08d"}, "dispatchCountry": "RU", "destinationCountry": "CN",
				"totals": {"packages": 10, "packageType": "PK", "grossMass": {"kilograms": "100.5", "method": "DECLARED"}},
				"consignor": {"name": [{"language": "ru", "value": "ООО \"Пример-Лес\""}], "country": "RU"},
				"consignee": {"name": [{"language": "en", "value": "MANZHOULI EXAMPLE TRADE CO LTD"}], "country": "CN"},
				"loadUnits": ["%s"],
				"items": [{"sequence": 1, "description": [{"language": "ru", "value": "Пиломатериалы хвойные обрезные"}],
					"classifications": [{"scheme": "TNVED", "code": "4407119300"}], "grossMass": {"kilograms": "100.5", "method": "DECLARED"},
					"packages": [{"type": "PK", "quantity": 10}]}]}]}}`, n, n, n, ten+strconv.Itoa(sum%11%10))
}

// road is a link that several messages travel on at once. It loses some receipts, and looks
// whether each message was on disk as sent before it came.
type road struct {
	nothingAttached
	from, to *flow.Gateway
	lost     int // of how many receipts one is lost; 0: none
	closed   bool

	mu       sync.Mutex
	underway map[gateway.MessageID]bool
	most     int
	tries    int
	wrong    []string
}

func (r *road) Deliver(ctx context.Context, sealed seal.Sealed) (peer.Answer, error) {
	id := sealed.Header().MessageID
	m, err := r.from.Store.Read().Message(ctx, id)
	r.mu.Lock()
	switch {
	case ctx.Err() != nil: // it is stopped
	case err != nil:
		r.wrong = append(r.wrong, err.Error())
	case m.State == gateway.Queued || m.Attempts == 0:
		r.wrong = append(r.wrong, fmt.Sprintf("%s travels, and on disk it is %s after %d attempts", id, m.State, m.Attempts))
	case r.underway[id]:
		r.wrong = append(r.wrong, fmt.Sprintf("%s travels twice at once", id))
	}
	r.underway[id] = true
	r.most = max(r.most, len(r.underway))
	r.tries++
	lost := r.lost > 0 && r.tries%r.lost == 0
	closed := r.closed
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.underway, id)
	}()
	if closed {
		return peer.Answer{}, &peer.NotSentError{Cause: errors.New("the road is closed")}
	}
	receipt, err := r.to.Receive(ctx, "customs://RU/gateway/1", []gateway.Administration{"RU"}, sealed.HeaderBytes(), sealed.Signature(), sealed.Payload())
	if err != nil {
		return peer.Answer{}, err
	}
	if lost {
		return peer.Answer{}, errors.New("connection lost")
	}
	return peer.Answer{Receipt: peer.Receipt(receipt)}, nil
}

// travelling is Russia's gateway with a road to China.
func travelling(w *world) (*flow.Gateway, *road) {
	r := &road{from: w.ru, to: w.cn, underway: make(map[gateway.MessageID]bool)}
	w.ru.Links = map[gateway.Administration]flow.Link{"CN": r}
	return flow.New(w.ru.Options), r
}

// whileRunning has a gateway at work, and time passing, until what is done returns.
func whileRunning(w *world, g *flow.Gateway, do func()) {
	ctx, stop := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { g.Run(ctx) })
	wg.Go(func() {
		for ctx.Err() == nil {
			w.clock.add(50 * time.Millisecond)
			time.Sleep(5 * time.Millisecond)
		}
	})
	do()
	stop()
	wg.Wait()
}

// TestParallelNothingIsLostOrDoubledInTheWindow has many submit at once while messages travel, some
// receipts are lost and the gateway is stopped in the middle: each message is on disk as sent
// before it travels, none travels twice at once, never more than the window, and the partner
// holds each once.
func TestParallelNothingIsLostOrDoubledInTheWindow(t *testing.T) {
	w := newWorld(t)
	g, r := travelling(w)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	r.lost = 5
	const callers, each = 6, 2
	submit := func(half int) {
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					s, err := g.Submit(context.Background(), russianPost, flow.Submission{MediaType: flow.JSON, Content: russianManifest(half*1000 + c*100 + i)})
					if err != nil || s.State != gateway.Sent {
						t.Errorf("%s: %v, %v", s.State, err, s.Faults)
					}
				}
			})
		}
		wg.Wait()
	}
	accepted := func() (n int) {
		subs, err := g.Store.Read().Submissions(context.Background(), store.SubmissionFilter{Offices: []string{"10719110"}, MessageState: gateway.Accepted, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		return len(subs)
	}
	whileRunning(w, g, func() { submit(0) })
	whileRunning(w, g, func() {
		submit(1)
		for began := time.Now(); accepted() < 2*callers*each; time.Sleep(20 * time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				t.Fatalf("%d of %d are accepted", accepted(), 2*callers*each)
			}
		}
	})
	for _, what := range r.wrong {
		t.Error(what)
	}
	if r.most > flow.InFlight || r.most < 2 {
		t.Errorf("%d travelled at once", r.most)
	}
	inbox, err := w.cn.Store.Read().Inbox(t.Context(), store.InboxFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	documents := make(map[string]int)
	for _, in := range inbox {
		documents[in.DocumentID]++
	}
	if len(inbox) != 2*callers*each || len(documents) != len(inbox) {
		t.Errorf("the partner holds %d messages of %d documents, want %d", len(inbox), len(documents), 2*callers*each)
	}
}

// TestParallelWhatNobodyTookGoesBackToTheQueue: a message that was recorded as sent, and that the
// link knows nobody has, is queued again, and expires as never handed over.
func TestParallelWhatNobodyTookGoesBackToTheQueue(t *testing.T) {
	w := newWorld(t)
	g, r := travelling(w)
	r.closed = true
	submit := sync.OnceValues(func() (store.Submission, error) {
		return g.Submit(t.Context(), russianPost, flow.Submission{MediaType: flow.JSON, Content: russianManifest(1)})
	})
	var s store.Submission
	running(t, g, func() bool { // no time passes: there is one attempt
		var err error
		if s, err = submit(); err != nil {
			t.Fatal(err)
		}
		m, err := g.Store.Read().Message(t.Context(), s.MessageID)
		if err != nil {
			t.Fatal(err)
		}
		return m.State == gateway.Queued && m.Attempts == 1 && m.LastError != ""
	})
	w.clock.add(100 * time.Hour)
	if err := g.DeliverDue(t.Context(), "CN"); err != nil {
		t.Fatal(err)
	}
	if m, err := g.Store.Read().Message(t.Context(), s.MessageID); err != nil || m.State != gateway.Dead || m.Reason != "expired: "+gateway.NeverHandedOver {
		t.Errorf("%s, %q, %v", m.State, m.Reason, err)
	}
}

// Balance is not asked on this road.
func (r *road) Balance(context.Context, seal.Signed) (peer.Receipt, error) {
	return peer.Receipt{}, errors.New("nobody strikes a balance here")
}
