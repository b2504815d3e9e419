package flow

import (
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

	mu       sync.Mutex
	running  context.Context // what it delivers in; nil unless it runs
	crowded  bool            // since the last look more is due than can travel
	underway map[gateway.MessageID]bool
	heldBack map[gateway.MessageID]heldBack
	outage   int       // failures that concern all, since the last that did not
	rest     time.Time // nothing is delivered before
}

// heldBack is a message whose failure could not be noted with it.
type heldBack struct {
	failures int
	until    time.Time
}

func newCourier(g *Gateway, to gateway.Administration) *courier {
	return &courier{
		g: g, to: to, wake: make(chan struct{}, 1), done: make(chan struct{}, 1),
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

// run delivers until the context ends.
func (c *courier) run(ctx context.Context) {
	c.mu.Lock()
	c.running = ctx
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.running = nil
		c.mu.Unlock()
		c.wg.Wait()
	}()
	for ctx.Err() == nil {
		wait, _ := c.start(ctx, nil) // what fails is told, and rests it
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-c.done:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// hasRoom reports whether the courier of an administration could deliver this many more
// messages at once, so that what is made here is at once its own.
func (g *Gateway) hasRoom(to gateway.Administration, n int) bool {
	c, ok := g.couriers[to]
	if !ok || g.Waits(to) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.underway)+n <= Parallel && !c.rest.After(g.Now())
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
	free, passed, rest := Parallel-len(c.underway), len(c.underway)+len(c.heldBack), c.rest.Sub(now)
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
	turns, err := c.g.Store.Turns(ctx, c.to, now, free+passed+1)
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
		case len(c.underway) == Parallel:
			c.crowded = true
			return time.Second, nil
		default:
			c.underway[t.ID] = true
			c.wg.Go(func() {
				err := c.g.attempt(ctx, c.to, t)
				c.ended(ctx, t.ID, err)
				if err != nil && tell != nil {
					tell(err)
				}
			})
		}
	}
	return time.Second, nil
}

// reserve takes a place for each of some messages that are not on disk yet, if all of them
// may travel as soon as they are: nothing that waits is passed, nor what is to be compared with
// the partner first, and none has a place already, which is that of another judgement of the same. Then each MUST be sent or given up.
func (c *courier) reserve(messages []store.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil || c.running.Err() != nil || c.g.Waits(c.to) || !c.g.balancers[c.to].opened.Load() || c.crowded || c.outage > 0 || c.rest.After(c.g.Now()) ||
		slices.ContainsFunc(messages, func(m store.Message) bool { return m.Chain != m.ID || c.underway[m.ID] }) {
		return false
	}
	if len(c.underway)+len(messages) > Parallel {
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
