// Package budget owns what all callers of a process may use at once of one thing, and the
// share of each. It refuses to know what the thing is: bytes of memory, calls.
//
// A pool keeps two promises. What is in use never exceeds its limit. And none can starve
// another: a caller holds at most its share, who holds least is served next, and a part of
// the pool is kept for what is small, so that a small thing waits for small ones only.
package budget

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Of a pool.
const (
	// share is the part of a pool that one caller may hold: one half, so that another
	// always finds room, and a caller alone leaves little of the machine idle.
	share = 2
	// reserve is the part that only small things take: an eighth.
	reserve = 8
	// small is the part of a pool that is a small thing: a 64th.
	small = 64
	// MaxWaiting bounds what of one caller waits for one pool; the next is refused at once.
	MaxWaiting = 64
)

// ExhaustedError refuses what found no room in the time that it could wait: nothing was
// done, and the same may be asked again.
type ExhaustedError struct {
	Pool  string
	After time.Duration // before it makes no sense to ask again
}

func (e *ExhaustedError) Error() string {
	return fmt.Sprintf("no room: %s; again after %s", e.Pool, e.After)
}

// Pool is a limited thing.
type Pool struct {
	name  string
	limit int64
	wait  time.Duration

	mu      sync.Mutex
	used    int64
	holds   map[string]int64
	waiters []*waiter // in the order in which they came
	served  int64
	last    map[string]int64 // when who waits or holds was served last, as a number of served
	refused int64
}

type waiter struct {
	party string
	n     int64
	ready chan struct{}
}

// NewPool returns a pool of at least one that is called by a name, in which whoever finds
// no room waits for a time.
func NewPool(name string, limit int64, wait time.Duration) *Pool {
	return &Pool{name: name, limit: max(limit, 1), wait: wait, holds: make(map[string]int64), last: make(map[string]int64)}
}

// Usage is what a pool holds.
type Usage struct {
	Name        string
	Used, Limit int64
	Waiting     int   // who waits for room
	Refused     int64 // since the start
}

// Usage returns what is in use now.
func (p *Pool) Usage() Usage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Usage{p.name, p.used, p.limit, len(p.waiters), p.refused}
}

// Lease is what a party has taken. None, and its zero value, hold nothing.
type Lease struct {
	pool  *Pool
	party string
	n     int64
	once  sync.Once
}

// Add takes more for what is under way, at once: who holds something and waited for more
// could wait for one that waits for it. Until it is given back the pool may so hold more
// than its limit, and nobody else gets in.
func (l *Lease) Add(n int64) {
	if l == nil || l.pool == nil {
		return
	}
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.n += max(n, 0)
	l.pool.used += max(n, 0)
	l.pool.holds[l.party] += max(n, 0)
}

// Release gives back what was taken; once is enough.
func (l *Lease) Release() {
	if l == nil || l.pool == nil {
		return
	}
	l.once.Do(func() {
		l.pool.mu.Lock()
		defer l.pool.mu.Unlock()
		l.pool.give(l.party, l.n)
		l.pool.serve()
	})
}

// Take takes n for a party. It waits for room for a short time, and then refuses with an
// *ExhaustedError; or with the context's error if that ends first. What is more than the
// pool has counts as all that is not reserved: it then has the pool to itself.
func (p *Pool) Take(ctx context.Context, party string, n int64) (*Lease, error) {
	timer := time.NewTimer(p.wait)
	defer timer.Stop()
	return p.take(ctx, party, n, timer.C)
}

// Await takes n as Take does, and waits for as long as the context allows.
func (p *Pool) Await(ctx context.Context, party string, n int64) (*Lease, error) {
	return p.take(ctx, party, n, nil)
}

func (p *Pool) take(ctx context.Context, party string, n int64, over <-chan time.Time) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n = min(max(n, 0), p.limit-p.limit/reserve)
	w := &waiter{party, n, make(chan struct{})}
	p.mu.Lock()
	if over != nil && p.waiting(party) >= MaxWaiting {
		defer p.mu.Unlock()
		return nil, p.exhausted()
	}
	p.waiters = append(p.waiters, w)
	p.serve()
	p.mu.Unlock()
	var err error
	select {
	case <-w.ready:
		return &Lease{pool: p, party: party, n: n}, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-over:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.ready: // in the very moment
		return &Lease{pool: p, party: party, n: n}, nil
	default:
	}
	for i, other := range p.waiters {
		if other == w {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			break
		}
	}
	p.serve() // it may have stood before others
	if err == nil {
		err = p.exhausted()
	}
	return nil, err
}

// waiting is how much of a party waits.
func (p *Pool) waiting(party string) (n int) {
	for _, w := range p.waiters {
		if w.party == party {
			n++
		}
	}
	return n
}

func (p *Pool) exhausted() error {
	p.refused++
	return &ExhaustedError{p.name, max(p.wait, time.Second)}
}

func (p *Pool) give(party string, n int64) {
	p.used -= n
	if p.holds[party] -= n; p.holds[party] <= 0 {
		delete(p.holds, party)
	}
}

// forget keeps no more of the parties than of what they hold and wait for.
func (p *Pool) forget() {
	if len(p.last) <= 2*(len(p.holds)+len(p.waiters)) {
		return
	}
	last := make(map[string]int64)
	for party := range p.holds {
		last[party] = p.last[party]
	}
	for _, w := range p.waiters {
		if at, ok := p.last[w.party]; ok {
			last[w.party] = at
		}
	}
	p.last = last
}

// before reports whether one waiter is served before another that came earlier: if its
// party holds less, or was served longer ago.
func (p *Pool) before(a, b *waiter) bool {
	if ha, hb := p.holds[a.party], p.holds[b.party]; ha != hb {
		return ha < hb
	}
	return p.last[a.party] < p.last[b.party]
}

// serve gives room to those who wait, each in its turn.
// Who is next and finds no room in the pool keeps it for itself from all but small things.
func (p *Pool) serve() {
	blocked := false
	for {
		next := -1
		for i, w := range p.waiters {
			if !p.mayHold(w) || !p.isSmall(w) && blocked || p.isSmall(w) && !p.fits(w) {
				continue
			}
			if next < 0 || p.before(w, p.waiters[next]) {
				next = i
			}
		}
		if next < 0 {
			p.forget()
			return
		}
		w := p.waiters[next]
		if !p.fits(w) {
			blocked = true
			continue
		}
		p.waiters = append(p.waiters[:next], p.waiters[next+1:]...)
		p.used += w.n
		p.holds[w.party] += w.n
		p.served++
		p.last[w.party] = p.served
		close(w.ready)
	}
}

func (p *Pool) isSmall(w *waiter) bool { return w.n <= max(p.limit/small, 1) }

// mayHold reports whether a party may hold what it asks for beside what it has. Who has
// nothing may hold anything.
func (p *Pool) mayHold(w *waiter) bool {
	most := p.limit / share
	if p.isSmall(w) {
		most += p.limit / reserve / 2
	}
	held := p.holds[w.party]
	return held == 0 || held+w.n <= most
}

// fits reports whether the pool has room.
func (p *Pool) fits(w *waiter) bool {
	most := p.limit
	if !p.isSmall(w) {
		most -= p.limit / reserve
	}
	return p.used+w.n <= most
}
