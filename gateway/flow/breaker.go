package flow

import (
	"context"
	"errors"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
)

// A circuit breaker stands in each link: after some failures of the link, one behind the other,
// nothing is tried for a time, or until the partner calls by itself, and then one message after the other
// until some have got through.
// It is this process's own: several on one database find out each for itself.
const (
	// BreakerFailures is how many failures one behind the other open it: each of an attempt that began after the
	// one before had failed.
	BreakerFailures = 5
	// BreakerRest is how long it then stays open.
	BreakerRest = time.Minute
	// BreakerProbes is how many attempts, one after the other, have to get through to close it.
	BreakerProbes = 3
	// RedialTimeout is how long an attempt behind one that failed waits for a connection.
	RedialTimeout = 5 * time.Second
	// InFlight is how many messages travel to one partner at once, if its configuration does not
	// say otherwise, and MaxInFlight the most that it may say.
	InFlight    = 8
	MaxInFlight = 64
)

// BreakerState is where a circuit breaker stands.
type BreakerState string

// The states of a breaker. Closed: messages travel. Open: none does. Probing: one at a time.
const (
	BreakerClosed  BreakerState = "closed"
	BreakerOpen    BreakerState = "open"
	BreakerProbing BreakerState = "probing"
)

// breaker counts what comes of the attempts over one link. Its owner holds the lock.
type breaker struct {
	failures int       // one behind the other; since it opened
	probes   int       // that got through since it opened
	last     time.Time // when the last failure came that was counted
	until    time.Time // nothing is tried before; zero: it is closed
}

func (b *breaker) state(now time.Time) BreakerState {
	switch {
	case b.until.IsZero():
		return BreakerClosed
	case b.until.After(now):
		return BreakerOpen
	}
	return BreakerProbing
}

// failed notes that an attempt that began at an instant failed for the link, and reports whether that opens the
// breaker. What was under way when it opened changes nothing. Nor does what was under way when another failed: one
// connection that breaks ends all attempts over it, and is one failure. Silence is each one's own.
func (b *breaker) failed(began, now time.Time) bool {
	state := b.state(now)
	if state == BreakerOpen || state == BreakerClosed && began.Before(b.last) && now.Sub(began) < AttemptTimeout {
		return false
	}
	b.failures++
	b.last = now
	if state == BreakerClosed && b.failures < BreakerFailures {
		return false
	}
	b.probes, b.until = 0, now.Add(BreakerRest)
	return true
}

// worked notes that the partner has answered, and reports whether that closes the breaker.
func (b *breaker) worked(now time.Time) bool {
	switch b.state(now) {
	case BreakerClosed:
		b.failures = 0
	case BreakerProbing:
		if b.probes++; b.probes == BreakerProbes {
			*b = breaker{}
			return true
		}
	}
	return false
}

// alive notes that the partner is there, and reports whether that is news: what would have rested is tried now.
func (b *breaker) alive(now time.Time) bool {
	if b.state(now) != BreakerOpen {
		return false
	}
	b.until = now
	return true
}

// calls notes that an administration's partner has called, by what it has signed: an open breaker need not wait
// any longer to see whether it is there.
func (g *Gateway) calls(a gateway.Administration) {
	c, ok := g.couriers[a]
	if !ok {
		return
	}
	c.mu.Lock()
	news := c.breaker.alive(g.Now())
	c.mu.Unlock()
	if news {
		g.notify(a)
	}
}

// linkFailed reports whether a failure is the link's: the partner is not there, does not answer,
// or answers what nobody can read. What it refuses of one message alone, or for want of room, it has
// answered.
func linkFailed(failure error) bool {
	return failure != nil && !errors.As(failure, new(*peer.BusyError)) && !peer.Refused(failure)
}

// heard notes what came of an attempt over the link that began at an instant. A stop says nothing of it, nor does a partner
// that asks for time.
func (c *courier) heard(ctx context.Context, began time.Time, failure error) {
	if ctx.Err() != nil || errors.As(failure, new(*peer.BusyError)) {
		return
	}
	now := c.g.Now()
	c.mu.Lock()
	opened, closed := false, false
	if linkFailed(failure) {
		opened = c.breaker.failed(began, now)
	} else {
		closed = c.breaker.worked(now)
	}
	failures := c.breaker.failures
	c.mu.Unlock()
	switch {
	case opened:
		c.g.Log.Tell(event.Event{Name: event.BreakerOpened, Partner: c.to, Count: failures, Ends: now.Add(BreakerRest), Cause: failure})
	case closed:
		c.g.Log.Tell(event.Event{Name: event.BreakerClosed, Partner: c.to})
	}
}

// redial has a link that failed last connect anew before it is tried: by itself a connection pauses the longer the
// more often it could not be made, and what is tried meanwhile fails without having been tried. Whether it stands
// then shows with the attempt.
func (c *courier) redial(ctx context.Context) {
	c.mu.Lock()
	fails := c.breaker.failures > 0
	c.mu.Unlock()
	if !fails {
		return
	}
	link, ok := c.g.Links[c.to].(interface{ Redial(context.Context) error })
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, RedialTimeout)
	defer cancel()
	_ = link.Redial(ctx)
}

// room is how many messages may travel at once now. Its caller holds the lock.
func (c *courier) room(now time.Time) int {
	switch c.breaker.state(now) {
	case BreakerOpen:
		return 0
	case BreakerProbing:
		return 1
	}
	return c.window
}

// LinkState is how this process sends to an administration.
type LinkState struct {
	Partner  gateway.Administration
	Breaker  BreakerState
	Failures int       // of the link, one behind the other
	Until    time.Time // nothing is tried before; zero unless it is open
	Rests    time.Time // likewise, because the partner asks for time or for a reason of ours; zero: it does not
	Underway int       // messages that travel now
	Window   int       // that may travel at once
}

// LinkState returns how messages go to an administration; false if none do.
func (g *Gateway) LinkState(to gateway.Administration) (LinkState, bool) {
	c, ok := g.couriers[to]
	if !ok {
		return LinkState{}, false
	}
	now := g.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := LinkState{Partner: to, Breaker: c.breaker.state(now), Failures: c.breaker.failures, Underway: len(c.underway), Window: c.window}
	if s.Breaker == BreakerOpen {
		s.Until = c.breaker.until
	}
	if c.rest.After(now) {
		s.Rests = c.rest
	}
	return s, true
}
