package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Judgements of what arrived. One that fails for a reason of ours is tried again, beside
// all others; one that fails for what this document does to us ends as parked after some
// tries. What would fail for every document (the store, our own key) and what was left in
// the middle (a caller that went, a stop) counts for none: judging goes on by itself.
const (
	JudgeTries       = 6
	JudgeInterval    = time.Second // after the first failure; it doubles
	JudgeMaxInterval = time.Minute // between looks at what waits, while nothing can be judged
	// JudgeEvery is how often it is looked for arrivals that wait for a judgement.
	JudgeEvery = time.Second
)

// desk is what is being judged now, and whether anything can be.
type desk struct {
	mu     sync.Mutex
	atWork map[store.ArrivalKey]int
	outage outage // judgements that failed for a reason of all since the last that did not
}

func (d *desk) take(k store.ArrivalKey) (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.atWork == nil {
		d.atWork = make(map[store.ArrivalKey]int)
	}
	d.atWork[k]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.atWork[k]--; d.atWork[k] == 0 {
			delete(d.atWork, k)
		}
	}
}

// taken reports how many arrivals are being judged, and whether this one is.
func (d *desk) taken(k store.ArrivalKey) (n int, this bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.atWork), d.atWork[k] > 0
}

// outage counts what failed for one reason, so that it is logged once.
type outage struct {
	mu sync.Mutex
	n  int
}

// failed counts a failure, and reports whether it is the first.
func (o *outage) failed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n++
	return o.n == 1
}

// count is how many failures there were since the last success.
func (o *outage) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n
}

// lasts reports whether nothing has succeeded since a failure.
func (o *outage) lasts() bool {
	return o.count() > 0
}

// resumed ends an outage and returns how many failures there were.
func (o *outage) resumed() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.n
	o.n = 0
	return n
}

// panicked is a judgement that broke off in the middle of the code. What the code said
// may quote the document, so only the runtime's own words are kept.
type panicked struct{ what string }

func (p *panicked) Error() string { return "panic: " + p.what }

func panicOf(recovered any) *panicked {
	if e, ok := recovered.(runtime.Error); ok {
		return &panicked{e.Error()}
	}
	return &panicked{fmt.Sprintf("%T", recovered)}
}

// judged makes a judgement of an arrival and notes what goes wrong with it. The error is
// gateway.Faults that tells the sender what becomes of it, if it is not the caller's own
// leaving.
func judged[T any](ctx context.Context, g *Gateway, a store.Arrival, judge func(context.Context, store.Arrival) (T, error)) (out T, err error) {
	defer g.desk.take(a.Key())()
	defer func() {
		if p := recover(); p != nil {
			what := panicOf(p)
			g.Log.Tell(of(a, event.Event{Name: event.JudgementBroke, Cause: what, Stack: string(debug.Stack())}))
			var none T
			out, err = none, g.notJudged(ctx, a, what)
		}
	}()
	out, err = judge(ctx, a)
	if err == nil || errors.As(err, new(gateway.Faults)) {
		if n := g.desk.outage.resumed(); n > 0 {
			g.Log.Tell(event.Event{Name: event.JudgingResumed, Count: n})
		}
		return out, err
	}
	return out, g.notJudged(ctx, a, err)
}

// concernsAll reports whether a failure would meet every other document too.
func concernsAll(err error) bool {
	return store.Unavailable(err) || errors.Is(err, seal.ErrOwnKey)
}

// notJudged notes that a judgement failed, and says so.
func (g *Gateway) notJudged(ctx context.Context, a store.Arrival, cause error) error {
	pending := gateway.Faults{fault(gateway.JudgementPending, a.ID, "")}
	var ahead *aheadError
	var early *earlyError
	switch {
	case errors.Is(cause, store.ErrTaken):
		g.Log.Tell(of(a, event.Event{Name: event.JudgementTaken}))
		return event.Logged(pending) // it is being judged
	case ctx.Err() != nil:
		return cause // the caller has gone; it is judged without it
	case errors.As(cause, &ahead):
	case errors.As(cause, &early):
	case concernsAll(cause):
		if g.desk.outage.failed() {
			g.Log.Tell(of(a, event.Event{Name: event.JudgingStopped, Cause: cause}))
		}
		return pending
	}
	var now store.Arrival
	_, err := g.Store.Do(context.WithoutCancel(ctx), func(tx *store.Tx) (err error) {
		if now, err = tx.Arrival(ctx, a.Door, a.Party, a.ID); err != nil {
			return err
		}
		if now.Judged { // somebody else could
			return tx.Audit(a.Caller, "judged already", subject(a), a.Digest)
		}
		now.Claim = a.Claim
		event, first := "not judged, again later", now.Trouble == ""
		now.Trouble = gateway.Clip(cause.Error())
		switch {
		case early != nil: // time mends it, or refuses it
			if now.NextTry, err = g.early(tx, now, early, first); err != nil {
				return err
			}
			if first {
				event = "not judged, what it changes has not come"
			}
		case ahead != nil: // it is nobody's document that fails: time mends it, or who mends a clock
			now.NextTry = g.Now().Add(min(ahead.by-seal.Skew, JudgeMaxInterval))
			if first {
				event = "alarm: not judged, clocks differ"
			}
		default:
			now.Tries++
			now.NextTry = g.Now().Add(g.doubled(JudgeInterval, now.Tries, JudgeMaxInterval))
		}
		if now.Tries >= JudgeTries || now.Parked {
			event, now.Parked, now.NextTry = "alarm: not judged, parked", true, time.Time{}
		}
		if err := tx.PutJudging(now); err != nil {
			return err
		}
		if err := putUnjudged(tx, now); err != nil {
			return err
		}
		return tx.Audit("gateway", event, subject(a), a.Digest)
	})
	if errors.Is(err, store.ErrTaken) {
		g.Log.Tell(of(a, event.Event{Name: event.JudgementTaken}))
		return event.Logged(pending)
	}
	if err != nil { // it would be due again at once
		if g.desk.outage.failed() {
			g.Log.Tell(of(a, event.Event{Name: event.JudgementNoted, Cause: err}))
		}
		return pending
	}
	name := event.JudgementFailed
	if now.Parked {
		name, pending = event.JudgementParked, stuck(now, g.Now())
	}
	g.Log.Tell(of(a, event.Event{Name: name, Attempt: now.Tries, Cause: cause}))
	return event.Logged(pending)
}

// of says whose arrival an event is about.
func of(a store.Arrival, e event.Event) event.Event {
	e.Door, e.Party, e.ID = a.Door, a.Party, a.Called()
	return e
}

// putUnjudged shows an office the state of what it has submitted.
func putUnjudged(tx *store.Tx, a store.Arrival) error {
	if a.Door != store.DoorSubmit {
		return nil
	}
	s := store.Submission{
		Office: a.Party, ID: a.ID, State: gateway.Arrived, Received: a.Received, Digest: a.Digest, WaitsFor: []string{},
		SecondOf: a.SecondOf, Reason: "it could not be judged and is tried again", Faults: gateway.Faults{fault(gateway.JudgementPending, a.ID, "")},
	}
	if a.Parked {
		s.State, s.Reason, s.Faults = gateway.SetAside, "it could not be judged", gateway.Faults{fault(gateway.JudgementParked, a.ID, "")}
	}
	return tx.PutSubmission(s)
}

// stuck says what becomes of an arrival whose judgement failed before and is not due
// at an instant; nothing if it may be judged.
func stuck(a store.Arrival, at time.Time) gateway.Faults {
	switch {
	case a.Judged:
	case a.Parked:
		return gateway.Faults{fault(gateway.JudgementParked, a.ID, "")}
	case at.Before(a.NextTry):
		return gateway.Faults{fault(gateway.JudgementPending, a.ID, "")}
	}
	return nil
}

// settle notes that an arrival is judged, as it now stands, under the claim that it was
// judged by.
func settle(tx *store.Tx, a store.Arrival, by store.Claim) error {
	a.Claim, a.Judged, a.Parked, a.NextTry = by, true, false, time.Time{}
	if a.Door == store.DoorPeer && a.Trouble != "" {
		if err := tx.OriginalNoMore(gateway.Administration(a.Party), gateway.MessageID(a.ID)); err != nil {
			return err
		}
	}
	return tx.PutJudging(a)
}

// awaited waits until what came again is judged or its judgement is this process's: another
// one that works on the same database may be at it, or was, and then it is taken over.
func (g *Gateway) awaited(ctx context.Context, a store.Arrival) (store.Arrival, error) {
	for !a.Judged && !g.Store.Holds(a.Claim) && stuck(a, g.Now()) == nil {
		select {
		case <-ctx.Done():
			return a, context.Cause(ctx)
		case <-time.After(store.PollEvery):
		}
		if err := g.Store.ClaimArrival(ctx, a.Key()); err != nil {
			return a, err
		}
		var err error
		if a, err = g.Store.Read().Arrival(ctx, a.Door, a.Party, a.ID); err != nil {
			return a, err
		}
	}
	return a, nil
}

// judging judges what waits for it until the context ends: what a stop or a caller left
// in the middle, and what failed before.
func (g *Gateway) judging(ctx context.Context) {
	wait, failures := JudgeEvery, 0
	for ctx.Err() == nil {
		n, err := g.judgeDue(ctx)
		if err != nil && ctx.Err() == nil && g.desk.outage.failed() {
			g.Log.Tell(event.Event{Name: event.JudgingStopped, Cause: err})
		}
		switch {
		case g.desk.outage.lasts():
			failures++
			wait = g.doubled(JudgeEvery, failures, JudgeMaxInterval)
		case n > 0:
			failures = 0
			continue
		default:
			wait, failures = JudgeEvery, 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// judgeAtOnce is how many arrivals are judged again at once.
const judgeAtOnce = 8

// JudgeDue judges some of what is due to be judged now.
func (g *Gateway) JudgeDue(ctx context.Context) error {
	_, err := g.judgeDue(ctx)
	return err
}

func (g *Gateway) judgeDue(ctx context.Context) (int, error) {
	// What callers are having judged is left to them, and hides nothing behind it.
	busy, _ := g.desk.taken(store.ArrivalKey{})
	due, err := g.Store.Unjudged(ctx, g.Now(), judgeAtOnce+busy)
	if err != nil {
		return 0, err
	}
	due = slices.DeleteFunc(due, func(k store.ArrivalKey) bool {
		_, this := g.desk.taken(k)
		return this
	})
	due = due[:min(len(due), judgeAtOnce)]
	var wg sync.WaitGroup
	for _, k := range due {
		wg.Go(func() { _, _ = g.judgeAgain(ctx, k, g.judgeInbound) }) // what goes wrong is noted with the arrival
	}
	wg.Wait()
	return len(due), nil
}

// judgeAgain judges an arrival that was left without a judgement, a message as given, and
// returns the state that it then has.
func (g *Gateway) judgeAgain(ctx context.Context, k store.ArrivalKey, message func(context.Context, store.Arrival) (store.Inbound, error)) (state string, err error) {
	a, err := g.Store.Read().Arrival(ctx, k.Door, k.Party, k.ID)
	if err != nil {
		return "", err
	}
	room, err := g.ownRoom(ctx, len(a.Content))
	if err != nil {
		return "", err
	}
	defer room.Release()
	ctx = within(ctx, room)
	switch k.Door {
	case store.DoorSubmit:
		s, err := judged(ctx, g, a, g.judgeSubmission)
		return string(s.State), err
	case store.DoorPeer:
		in, err := judged(ctx, g, a, message)
		return string(in.State), err
	}
	judge := g.judgeArrival
	if k.Door == store.DoorGate {
		judge = g.judgeDeparture
	}
	_, err = judged(ctx, g, a, judge)
	return "recorded", err
}
