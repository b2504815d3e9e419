package flow

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

const (
	// OutageInterval is how long a courier waits after the first failure that concerns
	// all its messages; it doubles.
	OutageInterval    = time.Second
	MaxOutageInterval = time.Minute
	// maxHeldBack is how many messages whose failures cannot even be noted are passed by.
	// With more, it is no single message's trouble.
	maxHeldBack = 100
)

// courier delivers what is due to one administration. Each has its own, so that one
// partner's trouble never slows another; and each message has its own place in it, so
// that one message's trouble slows no other.
type courier struct {
	g    *Gateway
	to   gateway.Administration
	wake chan struct{} // a message is due
	done chan struct{} // a delivery has ended
	wg   sync.WaitGroup

	window int // how many may travel at once

	mu         sync.Mutex
	breaker    breaker
	running    context.Context // what it delivers in; nil unless it runs
	crowded    bool            // since the last look more is due than can travel
	underway   map[gateway.MessageID]bool
	heldBack   map[gateway.MessageID]heldBack
	broken     int       // deliveries that a stop broke off
	passedOver int       // messages that went before the one that has waited longest, since it was its turn
	outage     int       // failures that concern all, since the last that did not
	rest       time.Time // nothing is delivered before
}

// heldBack is a message whose failure could not be noted with it.
type heldBack struct {
	failures int
	until    time.Time
}

func newCourier(g *Gateway, to gateway.Administration) *courier {
	window := cmp.Or(g.InFlight[to], InFlight)
	return &courier{
		g: g, to: to, window: window, wake: make(chan struct{}, 1), done: make(chan struct{}, 1),
		underway: make(map[gateway.MessageID]bool), heldBack: make(map[gateway.MessageID]heldBack),
	}
}

// signal tells who waits on a channel of one that there is something to look at.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// notify wakes the courier of an administration.
func (g *Gateway) notify(to gateway.Administration) {
	if c, ok := g.couriers[to]; ok {
		signal(c.wake)
	}
}

// DrainTime is how long a stop waits for the deliveries that are under way: what the partner has is then
// known here too, and need not be sent again.
const DrainTime = 10 * time.Second

// run begins deliveries until the context ends, and then waits for those that are under way, for as long
// as a stop may.
func (c *courier) run(ctx context.Context) {
	delivering, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	c.mu.Lock()
	c.running = delivering
	c.mu.Unlock()
	for ctx.Err() == nil {
		wait, _ := c.start(delivering, nil) // what fails is told, and rests it
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-c.done:
		case <-timer.C:
		}
		timer.Stop()
	}
	c.mu.Lock()
	c.running = nil // what is made now is on disk, and nobody's
	left := len(c.underway)
	c.mu.Unlock()
	began := c.g.Now()
	ended := make(chan struct{})
	go func() { c.wg.Wait(); close(ended) }()
	timer := time.NewTimer(cmp.Or(c.g.Drain, DrainTime))
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		cut()
		<-ended
	}
	c.mu.Lock()
	broken := c.broken
	c.mu.Unlock()
	if left > broken {
		c.g.Log.Tell(event.Event{Name: event.CourierDrained, Partner: c.to, Count: left - broken, Took: c.g.Now().Sub(began)})
	}
	if broken > 0 {
		c.g.Log.Tell(event.Event{Name: event.DeliveriesCut, Partner: c.to, Count: broken})
	}
}

// hasRoom reports whether the courier of an administration could deliver this many more
// messages at once, so that what is made here is at once its own.
func (g *Gateway) hasRoom(to gateway.Administration, n int) bool {
	c, ok := g.couriers[to]
	if !ok || g.Pulls(to) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := g.Now()
	return len(c.underway)+n <= c.room(now) && !c.rest.After(now)
}

// DeliverDue makes one attempt at messages that are due to an administration now, as many
// as travel at once. The error concerns all of them.
func (g *Gateway) DeliverDue(ctx context.Context, to gateway.Administration) error {
	c, ok := g.couriers[to]
	if !ok {
		return nil
	}
	var mu sync.Mutex
	var all []error
	_, err := c.start(ctx, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, err)
	})
	c.wg.Wait()
	return errors.Join(append(all, err)...)
}

// start begins a delivery of each message that is due, as long as there is room, and
// returns how long there is nothing else to do. A failure is told, too.
func (c *courier) start(ctx context.Context, tell func(error)) (time.Duration, error) {
	now := c.g.Now()
	c.mu.Lock()
	state, passed, rest := c.breaker.state(now), len(c.underway)+len(c.heldBack), c.rest.Sub(now)
	room := c.room(now)
	if state == BreakerOpen { // what only ends takes no link
		room = c.window
	}
	free := room - len(c.underway)
	c.mu.Unlock()
	if rest > 0 {
		return min(rest, time.Second), nil
	}
	if open, err := c.g.balancers[c.to].open(ctx); err != nil || !open { // what both hold is compared first
		if err != nil && ctx.Err() == nil {
			c.failed(err)
		}
		return time.Second, err
	}
	if free <= 0 {
		return time.Second, nil // until one ends
	}
	turns, err := c.turns(ctx, state, now, free+passed+1)
	if err != nil {
		if ctx.Err() == nil {
			c.failed(err)
		}
		return time.Second, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crowded = false
	for _, t := range turns {
		at := t.NextAttempt
		if held := c.heldBack[t.ID]; held.until.After(at) {
			at = held.until
		}
		switch {
		case c.underway[t.ID]:
		case at.After(now):
			if t.NextAttempt.After(now) { // and so are all behind it
				return min(max(at.Sub(now), 10*time.Millisecond), time.Second), nil
			}
		case len(c.underway) >= room:
			c.crowded = true
			return time.Second, nil
		default:
			c.underway[t.ID] = true
			c.passedOver++
			if t.oldest {
				c.passedOver = 0
			}
			c.wg.Go(func() {
				c.redial(ctx)
				err := c.g.attempt(ctx, c.to, t.Turn)
				c.ended(ctx, t.ID, err)
				if err != nil && tell != nil {
					tell(err)
				}
			})
		}
	}
	return time.Second, nil
}

// After so long behind its expected arrival, or behind the instant at which it was made if it announces
// none, a message is history: what is still to arrive, or stands at the border, goes before it.
const History = 12 * time.Hour

// oldestShare is how many messages may go before the one that has waited longest, before it is its turn.
const oldestShare = 7

// turn is a message that may be delivered next.
type turn struct {
	store.Turn
	oldest bool // of all that wait it has waited longest
}

// turns names what may be delivered next, at most as many as given and in this order. Where more waits than
// that, what is to arrive first goes before all that is history; but one of some is always
// the one that has waited longest. While the breaker is open, only what ends.
func (c *courier) turns(ctx context.Context, state BreakerState, now time.Time, limit int) (out []turn, err error) {
	if state == BreakerOpen {
		lapsed, err := c.g.Store.Lapsed(ctx, c.to, now, limit)
		for _, t := range lapsed {
			t.NextAttempt = now // whenever it was to be tried
			out = append(out, turn{Turn: t})
		}
		return out, err
	}
	due, err := c.g.Store.Turns(ctx, c.to, now, limit)
	if err != nil {
		return nil, err
	}
	for i, t := range due {
		out = append(out, turn{t, i == 0})
	}
	if len(due) < limit || due[0].NextAttempt.After(now) {
		return out, nil
	}
	near, err := c.g.Store.Nearest(ctx, c.to, now.Add(-History), now, limit)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := 0
	if c.passedOver >= oldestShare {
		at = 1 // the oldest keeps its place
	}
	var first []turn
	for _, t := range near {
		i := slices.IndexFunc(out, func(o turn) bool { return o.ID == t.ID })
		if i >= 0 && i < at {
			continue
		}
		if i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
		first = append(first, turn{Turn: t})
	}
	return slices.Insert(out, at, first...), nil
}

// tryNow has the link be tried, if nothing is tried over it for its failures, and what was passed by.
func (c *courier) tryNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.g.Now()
	if c.breaker.state(now) == BreakerOpen {
		c.breaker.until = now
	}
	if c.outage > 0 && c.rest.After(now) {
		c.rest = now
	}
	for id, held := range c.heldBack {
		held.until = now
		c.heldBack[id] = held
	}
	signal(c.wake)
}

// reserve takes a place for each of some messages that are not on disk yet, if all of them
// may travel as soon as they are: nothing that waits is passed, nor what is to be compared with
// the partner first, and none has a place already, which is that of another judgement of the same. Then each MUST be sent or given up.
func (c *courier) reserve(messages []store.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil || c.running.Err() != nil || c.g.Pulls(c.to) || !c.g.balancers[c.to].opened.Load() || c.crowded || c.outage > 0 || c.rest.After(c.g.Now()) ||
		slices.ContainsFunc(messages, func(m store.Message) bool { return m.Chain != m.ID || c.underway[m.ID] }) {
		return false
	}
	if len(c.underway)+len(messages) > c.room(c.g.Now()) {
		c.crowded = true
		return false
	}
	for _, m := range messages {
		c.underway[m.ID] = true
		c.wg.Add(1)
	}
	return true
}

// giveUp gives a reserved place back.
func (c *courier) giveUp(id gateway.MessageID) {
	c.mu.Lock()
	delete(c.underway, id)
	c.mu.Unlock()
	c.wg.Done()
	signal(c.done)
}

// send makes the first attempt at a message in its reserved place. Made is what its payload was
// made in, nil if that was let go.
func (c *courier) send(m store.Message, sealed seal.Sealed, made *Output) {
	c.mu.Lock()
	ctx := c.running
	c.mu.Unlock()
	if ctx == nil { // it was stopped in between: on disk it counts as sent
		c.giveUp(m.ID)
		return
	}
	go func() {
		defer c.wg.Done()
		c.redial(ctx)
		c.ended(ctx, m.ID, c.g.firstAttempt(ctx, m, sealed, made))
	}()
}

// ended notes how an attempt ended.
func (c *courier) ended(ctx context.Context, id gateway.MessageID, err error) {
	defer signal(c.done)
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.underway, id)
	}()
	if ctx.Err() != nil {
		c.mu.Lock()
		c.broken++
		c.mu.Unlock()
	}
	var busy *peer.BusyError
	switch {
	case err == nil:
		c.resumed(id)
	case ctx.Err() != nil: // it is a stop, and no failure
	case errors.As(err, &busy):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.rest = maxTime(c.rest, c.g.Now().Add(busy.After))
	case concernsAll(err) || !c.holdBack(id):
		c.failed(err)
	default:
		c.g.Log.Tell(event.Event{Name: event.MessagePassedBy, Partner: c.to, Message: id, Cause: err})
	}
}

// holdBack passes a message by for a time, if there is room for one more.
func (c *courier) holdBack(id gateway.MessageID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	held, ok := c.heldBack[id]
	if !ok && len(c.heldBack) == maxHeldBack {
		return false
	}
	held.failures++
	held.until = c.g.Now().Add(c.g.doubled(OutageInterval, held.failures, MaxInterval))
	c.heldBack[id] = held
	return true
}

// failed rests the courier after a failure that concerns all its messages. The first is
// logged, the others are counted.
func (c *courier) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.outage++; c.outage == 1 {
		c.g.Log.Tell(event.Event{Name: event.CourierFailed, Partner: c.to, Cause: err})
	}
	c.rest = c.g.Now().Add(c.g.doubled(OutageInterval, c.outage, MaxOutageInterval))
}

// resumed notes that an attempt went as it should, whatever the partner said.
func (c *courier) resumed(id gateway.MessageID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.heldBack, id)
	if c.outage > 0 {
		c.g.Log.Tell(event.Event{Name: event.CourierResumed, Partner: c.to, Count: c.outage})
		c.outage = 0
	}
}
