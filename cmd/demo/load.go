package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

const (
	// tryFor is how long a client waits for an answer before it asks at the next door.
	tryFor = 4 * time.Second
	// tryEvery is how long it waits after a door that was closed or busy.
	tryEvery = 100 * time.Millisecond
	// clients are how many hand in at the same time.
	clients = 6
)

// sent is a submission in its client's own list.
type sent struct {
	from         gateway.Administration
	office, id   string
	of           string // its consignment
	content      []byte
	door         int // that it is handed in at first
	acknowledged time.Time
	tries        int
}

// consignment is what travels together: the submissions of one message, in their order.
type consignment []*sent

// load is what clients hand in at the doors of both administrations, and what they were
// answered. Each client goes on with the same id and bytes, at the next door, until it is
// answered.
type load struct {
	dice
	doors map[gateway.Administration][]*client
	now   func() time.Time

	mu      sync.Mutex
	made    int
	list    []*sent
	slowest time.Duration          // answer
	only    gateway.Administration // that anything is made for; empty: each
	ahead   time.Duration          // of what documents say, as the clocks of those they are handed to
	answers atomic.Int64
	asked   atomic.Int64 // how often, answered or not
}

// consignment draws the next: a truck that leaves China, whose manifest goes in by one door
// and whose exit report by the next, or a shipment to it.
func (l *load) consignment() (consignment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
	n := l.made
	var docs []struct{ template, id string }
	var values map[string]any
	own, office := gateway.Administration("CN"), manzhouli
	now := l.now().Add(l.ahead)
	if n%3 > 0 || l.only == own {
		t := l.truck(now, 1, 2)
		t.Manifest.Batch = fmt.Sprintf("%s%s%05d", manzhouli, t.exit.Format("060102"), n)
		t.Manifest.Waybills[0].Number = fmt.Sprintf("CNRU%s%06d", t.exit.Format("0601"), n)
		docs = append(docs, struct{ template, id string }{"mt2401.xml", fmt.Sprintf("MANIFEST-%05d", n)}, struct{ template, id string }{"mt4402.xml", fmt.Sprintf("EXIT-%05d", n)})
		values = map[string]any{"mt2401.xml": t.Manifest, "mt4402.xml": t}
	} else {
		s := l.shipment(now)
		s.Batch = fmt.Sprintf("10719%s%05d", now.In(chita).Format("060102"), n)
		for i, w := range s.Waybills {
			w.Number = fmt.Sprintf("RUCN%s%05d%d", now.In(chita).Format("0601"), n, i)
		}
		own, office = "RU", zabaykalsk
		docs = append(docs, struct{ template, id string }{"manifest.json", fmt.Sprintf("SHIPMENT-%05d", n)})
		values = map[string]any{"manifest.json": s}
	}
	var out consignment
	for i, d := range docs {
		content, err := render(d.template, values[d.template])
		if err != nil {
			return nil, err
		}
		out = append(out, &sent{from: own, office: office, id: d.id, of: itoa(n), content: content, door: n + i})
	}
	l.list = append(l.list, out...)
	return out, nil
}

// run has clients hand in consignments, each until all of it is answered, as long as there
// is more to do.
func (l *load) run(ctx context.Context, n int, more func(made int) bool) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			for errs[i] == nil {
				l.mu.Lock()
				made := l.made
				l.mu.Unlock()
				if !more(made) {
					return
				}
				var c consignment
				if c, errs[i] = l.consignment(); errs[i] == nil {
					errs[i] = l.handIn(ctx, c)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// goesOn has documents say that the clocks are ahead, and, if an administration is named, none be made but for it.
func (l *load) goesOn(ahead time.Duration, only gateway.Administration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead, l.only = ahead, only
}

func (l *load) handIn(ctx context.Context, c consignment) error {
	for _, s := range c {
		began := time.Now()
		for s.acknowledged.IsZero() {
			doors := l.doors[s.from]
			try, cancel := context.WithTimeout(ctx, tryFor)
			answer, err := doors[(s.door+s.tries)%len(doors)].submissions.Submit(try, &exchangev1.SubmitRequest{SubmissionId: s.id, Content: s.content})
			cancel()
			s.tries++
			l.asked.Add(1)
			if err == nil && answer.State == string(gateway.Faulty) {
				return fmt.Errorf("%s is refused: %v", s.id, answer.Faults)
			}
			if err == nil {
				l.mu.Lock()
				s.acknowledged = l.now()
				l.slowest = max(l.slowest, time.Since(began))
				l.mu.Unlock()
				l.answers.Add(1)
				l.forge(ctx, s)
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s is never answered: %w; last: %w", s.id, ctx.Err(), err)
			case <-time.After(tryEvery):
			}
		}
	}
	return nil
}

// forge hands in something else under an id that was acknowledged, once: if that is acknowledged too, it
// stands in the list.
func (l *load) forge(ctx context.Context, s *sent) {
	other := *s
	other.content = append(slices.Clip(s.content), '\n')
	doors := l.doors[s.from]
	try, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	answer, err := doors[s.door%len(doors)].submissions.Submit(try, &exchangev1.SubmitRequest{SubmissionId: other.id, Content: other.content})
	if err != nil || answer.State == string(gateway.Faulty) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	other.acknowledged = l.now()
	l.list = append(l.list, &other)
}

// settle waits until each submission has come to its end, as its client is told.
func (l *load) settle(ctx context.Context) error {
	todo := make(chan *sent)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			for s := range todo {
				if errs[i] == nil {
					errs[i] = l.ends(ctx, s)
				}
			}
		})
	}
	for _, s := range l.list {
		todo <- s
	}
	close(todo)
	wg.Wait()
	return errors.Join(errs...)
}

// settleTried is settle where links rest that have failed some times, as all do that are treated badly: the operator of
// each gateway sees that, and has tried what waits.
func (l *load) settleTried(ctx context.Context, gateways []*side, operators []*client) error {
	ctx, settled := context.WithCancel(ctx)
	var trying sync.WaitGroup
	defer trying.Wait()
	defer settled()
	trying.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(operatorsTry):
			}
			for i, g := range gateways {
				try, cancel := context.WithTimeout(ctx, tryFor)
				_, _ = operators[i].outbox.Try(try, &exchangev1.TryRequest{Partner: string(g.Partner)}) // or the next time
				cancel()
			}
		}
	})
	return l.settle(ctx)
}

// operatorsTry is how long operators wait before they have tried what waits.
const operatorsTry = 3 * time.Second

func (l *load) ends(ctx context.Context, s *sent) error {
	doors := l.doors[s.from]
	for i := 0; ; i++ {
		try, cancel := context.WithTimeout(ctx, tryFor)
		answer, err := doors[(s.door+i)%len(doors)].status(try, s.id)
		cancel()
		states := make([]string, 0, 1)
		ended := err == nil && len(answer.Messages) > 0
		for _, m := range answer.GetMessages() {
			ended = ended && gateway.MessageState(m.State).Final()
			states = append(states, m.State+" "+m.Waiting)
		}
		if ended {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s of %s does not end: it is %s (%s), %w", s.id, s.from, answer.GetState(), strings.Join(states, ", "), errors.Join(err, ctx.Err()))
		case <-time.After(tryEvery):
		}
	}
}
