package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// When the exchange with a partner is balanced with it.
const (
	BalanceEvery = 24 * time.Hour
	// FirstBalance is when a gateway that never has does, after its start.
	FirstBalance = 10 * time.Minute
	// BalanceRetry is how long a balance that failed is left alone; it doubles.
	BalanceRetry    = 2 * time.Second
	MaxBalanceRetry = 5 * time.Minute
	// BalanceLook is how often it is looked for what is to be done.
	BalanceLook = time.Minute
	// BalanceReach is how far back the first balance goes.
	BalanceReach = 30 * 24 * time.Hour
	// SettledShown is how long it is shown that a partner has settled one of its messages by hand.
	SettledShown = 7 * 24 * time.Hour
	// BalanceOverlap is by how much a balance goes back behind the last, or behind a backup:
	// clocks differ, and what was at work then was not listed.
	BalanceOverlap = time.Hour
	// BalanceTimeout bounds one page.
	BalanceTimeout = 30 * time.Second
	// maxBalancePages bounds one balance: ten million messages.
	maxBalancePages = 20_000
	// returnAtOnce is how many messages are looked at to be delivered again, and how many
	// differences to be settled, in one go.
	returnAtOnce = seal.MaxBalance
)

// balancer compares what is held here with what one partner holds, and delivers to it again
// what it has lost. Until that was done after a restore, nothing else goes to the partner.
type balancer struct {
	g    *Gateway
	with gateway.Administration
	wake chan struct{}

	opened   atomic.Bool // for good: a database is restored only while no gateway works on it
	striking sync.Mutex  // one at a time

	mu        sync.Mutex
	failures  int    // since the last that was struck
	trouble   error  // why the last failed
	returning outage // what could not be delivered again
}

// open reports whether messages may go to the partner.
func (b *balancer) open(ctx context.Context) (bool, error) {
	if b.opened.Load() {
		return true, nil
	}
	restored, err := b.g.Store.Read().Restored(ctx)
	if err != nil {
		return false, err
	}
	last, err := b.g.Store.Read().Balance(ctx, b.with)
	if err != nil {
		return false, err
	}
	if restored.Number > last.Restored {
		return false, nil
	}
	b.opened.Store(true)
	return true, nil
}

// Open reports whether messages go to a partner: after a restore none does before what both
// hold was compared.
func (g *Gateway) Open(ctx context.Context, to gateway.Administration) (bool, error) {
	b, ok := g.balancers[to]
	if !ok {
		return true, nil // nor does anything to one without a link
	}
	return b.open(ctx)
}

// errNotBalanced keeps a message here.
var errNotBalanced = errors.New("after a restore, what both hold is compared first")

// deliverTo hands a message over for the n-th time, unless what is held here was not compared yet with what the
// partner holds: whoever asks waits.
func (g *Gateway) deliverTo(ctx context.Context, to gateway.Administration, m seal.Sealed, n int) (peer.Answer, error) {
	if open, err := g.balancers[to].open(ctx); err != nil || !open {
		return peer.Answer{}, &peer.NotSentError{Cause: &peer.BusyError{After: BalanceRetry, Cause: cmp.Or(err, errNotBalanced)}}
	}
	return g.Links[to].Deliver(peer.WithAttempt(ctx, n), m)
}

// run balances when it is time to, and delivers again, until the context ends.
func (b *balancer) run(ctx context.Context) {
	started := b.g.Now()
	if open, err := b.open(ctx); err == nil && !open {
		b.g.Log.Tell(event.Event{Name: event.BalanceAwaited, Partner: b.with})
	}
	for {
		wait := b.look(ctx, started)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-b.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// look does what is to be done, and returns when to look again.
func (b *balancer) look(ctx context.Context, started time.Time) time.Duration {
	open, err := b.open(ctx)
	if err != nil {
		return BalanceRetry // the store's trouble is told by who needs it
	}
	due := !open
	if !due && b.asks() {
		last, err := b.g.Store.Read().Balance(ctx, b.with)
		if err != nil {
			return BalanceRetry
		}
		now := b.g.Now()
		due = !last.At.IsZero() && now.Sub(last.At) >= BalanceEvery || last.At.IsZero() && now.Sub(started) >= FirstBalance
	}
	if due {
		if _, err := b.strike(ctx); err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			most := MaxBalanceRetry
			if open {
				most = time.Hour
			}
			return b.g.doubled(BalanceRetry, b.failures, most)
		}
	}
	if err := b.returnLost(ctx); err != nil {
		if ctx.Err() == nil && b.returning.failed() {
			b.g.Log.Tell(event.Event{Name: event.ReturnFailed, Partner: b.with, Cause: err})
		}
		return b.g.doubled(BalanceRetry, b.returning.count(), MaxBalanceRetry)
	}
	b.returning.resumed()
	if _, err := b.g.settled(ctx, b.with); err != nil {
		return BalanceRetry
	}
	return BalanceLook
}

// Balance compares what is held here with what a partner holds, now, and returns how far
// they are balanced.
func (g *Gateway) Balance(ctx context.Context, with gateway.Administration) (store.Balance, error) {
	b, ok := g.balancers[with]
	if !ok {
		return store.Balance{}, store.ErrNotFound
	}
	if !b.asks() { // it asks, when it likes to
		return store.Balance{}, gateway.Faults{fault(gateway.BalanceTheirs, string(with), "")}
	}
	return b.strike(ctx)
}

// asks reports whether the partner is one to be asked what it holds: one that fetches asks by itself, and over some
// links nobody can.
func (b *balancer) asks() bool {
	_, asked := b.g.asked(b.with)
	return asked && !b.g.Pulls(b.with)
}

// strike asks for all pages, compares each, and notes that the balance is struck.
func (b *balancer) strike(ctx context.Context) (done store.Balance, err error) {
	b.striking.Lock()
	defer b.striking.Unlock()
	began := b.g.Now()
	var codes []gateway.Code
	done, codes, err = b.compareAll(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trouble = err
	if err != nil {
		if b.failures++; b.failures == 1 && ctx.Err() == nil {
			b.g.Log.Tell(event.Event{Name: event.BalanceFailed, Partner: b.with, Cause: err})
		}
		return done, err
	}
	b.failures = 0
	b.opened.Store(true)
	b.g.notify(b.with)
	signal(b.wake)
	b.g.Log.Tell(event.Event{Name: event.BalanceStruck, Partner: b.with, Count: done.Compared, Codes: codes, Took: b.g.Now().Sub(began)})
	return done, nil
}

// since is where a balance begins: before the last one ended, and before the last backup was
// made if that is not balanced yet.
func (b *balancer) since(last store.Balance, restored store.Restoration) time.Time {
	since := last.Upto
	if restored.Number > last.Restored && (since.IsZero() || restored.Backup.Before(since)) {
		since = restored.Backup
	}
	if since.IsZero() {
		return b.g.Now().Add(-BalanceReach)
	}
	return since.Add(-BalanceOverlap)
}

func (b *balancer) compareAll(ctx context.Context) (done store.Balance, codes []gateway.Code, err error) {
	read := b.g.Store.Read()
	restored, err := read.Restored(ctx)
	if err != nil {
		return done, nil, err
	}
	last, err := read.Balance(ctx, b.with)
	if err != nil {
		return done, nil, err
	}
	query := seal.BalanceQuery{Since: b.since(last, restored).UTC()}
	done = store.Balance{Partner: b.with, Restored: restored.Number}
	for range maxBalancePages {
		page, statement, err := b.ask(ctx, query)
		if err != nil {
			return done, nil, err
		}
		found, err := b.compare(ctx, page, statement)
		if err != nil {
			return done, nil, err
		}
		done.Compared += len(page.Entries)
		query = seal.BalanceQuery{Since: query.Since, Upto: page.Upto, After: page.Next}
		for _, d := range found {
			if !slices.Contains(codes, d.Code) {
				codes = append(codes, d.Code)
			}
			if d.Code == gateway.BalanceOwed {
				query.Again = append(query.Again, d.ID)
			}
		}
		if query.After == nil && len(query.Again) > 0 { // one question more, for what is to come again
			query.After = &seal.BalancePlace{Sent: true, At: page.Upto}
		}
		if query.After == nil {
			done.Upto = page.Upto
			_, err = b.g.Store.Do(ctx, func(tx *store.Tx) error {
				done.At = tx.Now()
				return errors.Join(tx.PutBalance(done), tx.Audit("gateway", "exchange balanced", string(b.with), gateway.Digest{}))
			})
			return done, codes, err
		}
	}
	return done, nil, errors.New("the partner's pages do not end")
}

// errNotAsked says that nobody can ask a partner over its link.
var errNotAsked = errors.New("the partner's link carries no questions")

// ask asks for one page and verifies it.
func (b *balancer) ask(ctx context.Context, query seal.BalanceQuery) (page seal.Balance, statement []byte, err error) {
	g := b.g
	signed, err := g.Keys.Sign(seal.Header{
		MessageID: gateway.MessageID(g.NewID()), Sender: g.Own, Recipient: b.with, Conversation: "balance", Created: g.Now(),
	}, query)
	if err != nil {
		return page, nil, fmt.Errorf("sign question: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, BalanceTimeout)
	defer cancel()
	link, ok := g.asked(b.with)
	if !ok {
		return page, nil, errNotAsked
	}
	answer, err := link.Balance(bounded, signed)
	if err != nil {
		return page, nil, err
	}
	if page, err = g.Trust.OpenBalance(answer.Header, answer.Statement, answer.Signature, signed.Header(), g.Now()); err != nil {
		return page, nil, fmt.Errorf("balance: %w", err)
	}
	statement, err = json.Marshal(store.Statement(answer))
	return page, statement, err
}

// compare looks every message of a page up here and records what is held differently.
func (b *balancer) compare(ctx context.Context, page seal.Balance, statement []byte) (found []store.Difference, err error) {
	read := b.g.Store.Read()
	for _, e := range page.Entries {
		look := read.SentOne
		if e.Sent {
			look = read.ReceivedOne
		}
		ours, err := look(ctx, b.with, e.MessageID)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		d := store.Difference{
			Partner: b.with, Sent: !e.Sent, ID: e.MessageID, Ours: ours.Digest, Theirs: e.Payload, Verdict: ours.Verdict, Says: e.Verdict,
			Kind: e.Kind, Document: e.DocumentID, Batch: e.Batch, Statement: statement,
		}
		if d.Code = differing(err == nil, d); d.Code != "" {
			found = append(found, d)
		}
	}
	for _, e := range page.Settled { // whether it ever came or not
		ours, err := read.ReceivedOne(ctx, b.with, e.MessageID)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		found = append(found, store.Difference{
			Partner: b.with, ID: e.MessageID, Code: gateway.BalanceSettled, Ours: ours.Digest, Theirs: e.Payload, Verdict: ours.Verdict, Statement: statement,
		})
	}
	if len(found) == 0 {
		return nil, nil
	}
	var told []store.Difference
	_, err = b.g.Store.Do(ctx, func(tx *store.Tx) error {
		told = nil
		for _, d := range found {
			known, err := tx.Difference(ctx, d.Partner, d.Sent, d.ID)
			if store.IgnoreNotFound(err) != nil {
				return err
			}
			if err == nil && known.Settled.IsZero() && known.Code == d.Code && known.Ours == d.Ours && known.Theirs == d.Theirs && known.Says == d.Says {
				continue
			}
			d.Found = tx.Now()
			told = append(told, d)
			if err := tx.PutDifference(d); err != nil {
				return err
			}
			if err := tx.Audit("gateway", "alarm: partner holds otherwise: "+string(d.Code), string(d.ID), d.Theirs); err != nil {
				return err
			}
		}
		return tx.Audit("gateway", "balance compared", string(b.with), gateway.DigestOf(statement))
	})
	if err != nil {
		return nil, fmt.Errorf("record balance: %w", err)
	}
	for _, d := range told {
		b.g.Log.Tell(event.Event{Name: event.BalanceDiffers, Message: d.ID, Partner: b.with, Code: d.Code})
	}
	return found, nil
}

// differing says how what the partner states of a message differs from what is held here;
// nothing if it does not. A verdict that only one of the two has yet is on its way.
func differing(here bool, d store.Difference) gateway.Code {
	switch {
	case !here && d.Sent:
		return gateway.BalanceLost
	case !here:
		return gateway.BalanceOwed
	case d.Ours != d.Theirs:
		return gateway.BalanceDigest
	case d.Verdict != d.Says && final(d.Verdict) && final(d.Says):
		return gateway.BalanceVerdict
	}
	return ""
}

func final(v gateway.Verdict) bool { return v == gateway.PRS || v == gateway.ERR }

// settled notes the differences with a partner that are none any more, and returns those
// that still are, as many as are looked at in one go.
func (g *Gateway) settled(ctx context.Context, with gateway.Administration) (open []store.Difference, err error) {
	read := g.Store.Read()
	all, err := read.OpenDifferences(ctx, with, 0, returnAtOnce)
	if err != nil {
		return nil, err
	}
	var over []store.Difference
	for _, d := range all {
		look := read.ReceivedOne
		if d.Sent {
			look = read.SentOne
		}
		held, err := look(ctx, with, d.ID)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if d.Code == gateway.BalanceSettled && g.Now().Sub(d.Found) >= SettledShown {
			over = append(over, d)
			continue
		}
		if (d.Code == gateway.BalanceLost || d.Code == gateway.BalanceOwed) && err == nil && held.Digest == d.Theirs {
			over = append(over, d)
		} else {
			open = append(open, d)
		}
	}
	return open, g.settle(ctx, over...)
}

func (g *Gateway) settle(ctx context.Context, over ...store.Difference) error {
	if len(over) == 0 {
		return nil
	}
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		for _, d := range over {
			if err := errors.Join(tx.Settle(d), holdsTheSame(tx, d)); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func holdsTheSame(tx *store.Tx, d store.Difference) error {
	return tx.Audit("gateway", "partner holds the same: "+string(d.Code), string(d.ID), d.Theirs)
}

// returnLost delivers again what the partner has asked for: the same ids and bytes. What a
// message came to here stays as it is.
func (b *balancer) returnLost(ctx context.Context) error {
	if open, err := b.open(ctx); err != nil || !open {
		return err
	}
	g := b.g
	all, err := g.Store.Read().OpenDifferences(ctx, b.with, 0, returnAtOnce)
	if err != nil {
		return err
	}
	var failed error
	for _, d := range all {
		if d.Code != gateway.BalanceAgain {
			continue
		}
		if err := b.returnOne(ctx, d); err != nil {
			failed = errors.Join(failed, fmt.Errorf("message %s: %w", d.ID, err))
			if ctx.Err() != nil || concernsAll(err) || errors.As(err, new(linkError)) {
				return failed
			}
		}
	}
	return failed
}

// linkError is what meets every message to a partner.
type linkError struct{ error }

func (e linkError) Unwrap() error { return e.error }

func (b *balancer) returnOne(ctx context.Context, d store.Difference) error {
	g := b.g
	m, err := g.Store.Read().Message(ctx, d.ID)
	if err != nil || m.Erased { // then nobody has it any more: what differs stays open, for people
		return err
	}
	if g.Pulls(b.with) {
		return g.handOutAgain(ctx, d)
	}
	sealed, err := seal.Restore(g.Trust, m.Header, m.Signature, m.Payload)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, AttemptTimeout)
	defer cancel()
	answer, err := g.deliverTo(bounded, b.with, sealed, m.Attempts+1)
	if err != nil {
		return linkError{err}
	}
	receipt, err := g.Trust.OpenReceipt(answer.Header, answer.Statement, answer.Signature, sealed.Header(), g.Now())
	if err != nil {
		return err
	}
	d.Says = receipt.Verdict
	kept := store.Receipt{Statement: store.Statement(answer.Receipt), Verdict: receipt.Verdict, Verified: g.Now()}
	if d.Code = differing(true, d); d.Code != "" { // it now says otherwise than it has signed
		_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
			d.Found = tx.Now()
			return errors.Join(tx.PutDifference(d), tx.PutReceipt(ctx, m.ID, kept), tx.Audit("gateway", "alarm: partner holds otherwise: "+string(d.Code), string(d.ID), m.PayloadDigest))
		})
		if err == nil {
			g.Log.Tell(event.Event{Name: event.BalanceDiffers, Message: d.ID, Partner: b.with, Code: d.Code})
		}
		return err
	}
	d.Code = gateway.BalanceAgain
	if _, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.Settle(d), tx.PutReceipt(ctx, m.ID, kept), holdsTheSame(tx, d))
	}); err != nil {
		return err
	}
	g.Log.Tell(event.Event{Name: event.MessageReturned, Message: m.ID, Route: m.Route, Partner: b.with, Verdict: string(receipt.Verdict)})
	return nil
}

// StateBalance answers a partner's signed question about the exchange with one signed page.
// What the partner has signed for and lost is noted to be delivered again.
func (g *Gateway) StateBalance(ctx context.Context, caller string, from []gateway.Administration, header, statement, signature []byte) (store.Statement, error) {
	room, err := g.room(ctx, caller, len(statement))
	if err != nil {
		return store.Statement{}, err
	}
	defer room.Release()
	h, query, err := g.Trust.OpenBalanceQuery(header, statement, signature, g.Now())
	if err := g.mayAsk(ctx, caller, from, h, statement, err); err != nil {
		return store.Statement{}, err
	}
	page, err := g.balancePage(ctx, h.Sender, query)
	if err != nil {
		return store.Statement{}, err
	}
	signed, err := g.answer(h, page)
	if err != nil {
		return store.Statement{}, fmt.Errorf("sign balance: %w", err)
	}
	again := 0
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		if again, err = g.noteAgain(ctx, tx, h.Sender, query.Again, statement); err != nil {
			return err
		}
		return tx.Audit(caller, "balance stated", string(h.Sender), gateway.DigestOf(signed.Statement()))
	})
	if err != nil {
		return store.Statement{}, fmt.Errorf("state balance: %w", err)
	}
	if b, ok := g.balancers[h.Sender]; ok && again > 0 {
		signal(b.wake)
	}
	g.Log.Tell(event.Event{Name: event.BalanceStated, Partner: h.Sender, Caller: caller, Count: again})
	return store.Statement{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}, nil
}

// noteAgain notes what a partner has lost of what it had given a receipt for. Of others it
// has nothing to ask for: those are on their way.
func (g *Gateway) noteAgain(ctx context.Context, tx *store.Tx, to gateway.Administration, ids []gateway.MessageID, query []byte) (n int, err error) {
	for _, id := range ids {
		sent, err := tx.SentOne(ctx, to, id)
		if store.IgnoreNotFound(err) != nil {
			return n, err
		}
		if err != nil || sent.Verdict == "" {
			continue
		}
		known, err := tx.Difference(ctx, to, true, id)
		if store.IgnoreNotFound(err) != nil {
			return n, err
		}
		if err == nil && known.Settled.IsZero() && known.Code == gateway.BalanceAgain {
			n++
			continue
		}
		d := store.Difference{
			Partner: to, Sent: true, ID: sent.ID, Code: gateway.BalanceAgain, Ours: sent.Digest, Theirs: sent.Digest, Verdict: sent.Verdict, Statement: query, Found: tx.Now(),
		}
		if err := errors.Join(tx.PutDifference(d), tx.Audit("gateway", "alarm: partner has lost a message", string(id), sent.Digest)); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// balancePage is what is held of the exchange with a partner from a place on.
func (g *Gateway) balancePage(ctx context.Context, with gateway.Administration, q seal.BalanceQuery) (seal.Balance, error) {
	page := seal.Balance{Since: q.Since.UTC(), Upto: q.Upto.UTC(), Entries: []seal.BalanceEntry{}}
	if q.Upto.IsZero() {
		page.Upto = g.Now().UTC()
	}
	at := seal.BalancePlace{At: q.Since.Add(-1)} // what was at the very instant too
	if q.After != nil {
		at = *q.After
	}
	read := g.Store.Read()
	for {
		list := read.ReceivedFrom
		switch {
		case at.Settled:
			list = read.SettledWith
		case at.Sent:
			list = read.AnsweredBy
		}
		most := seal.MaxBalance - len(page.Entries) - len(page.Settled)
		held, err := list(ctx, with, store.ExchangeCursor{At: at.At, ID: at.MessageID}, page.Upto, most)
		if err != nil {
			return page, err
		}
		for _, m := range held {
			if at.Settled {
				page.Settled = append(page.Settled, seal.SettledEntry{MessageID: m.ID, Payload: m.Digest, At: m.At.UTC()})
				at.At, at.MessageID = m.At.UTC(), m.ID
				continue
			}
			e := seal.BalanceEntry{Sent: at.Sent, MessageID: m.ID, Payload: m.Digest, Verdict: m.Verdict}
			if h, err := seal.ParseHeader(m.Header); err == nil {
				e.Kind, e.DocumentID, e.Batch = h.Kind, h.DocumentID, h.Batch
			}
			page.Entries = append(page.Entries, e)
			at.At, at.MessageID = m.At.UTC(), m.ID
		}
		switch {
		case len(held) == most:
			page.Next = &at
			return page, nil
		case at.Settled:
			return page, nil
		}
		at = seal.BalancePlace{Sent: true, Settled: at.Sent, At: q.Since.Add(-1)}
	}
}

// BalanceState is how the balance with a partner stands.
type BalanceState struct {
	store.Balance
	Open        bool
	Asked       bool // this side can ask the partner
	Restored    store.Restoration
	Left        time.Time          // from when on what both did was not compared since a restore; zero: it was
	Waiting     int                // messages that wait until it is
	Differences []store.Difference // that are not settled, up to a bound
	Trouble     error              // why the last could not be struck
}

// Faults say why nothing goes to the partner, and what kept the last balance from being
// struck. The partner's own words are not among them.
func (s BalanceState) Faults() (out gateway.Faults) {
	if !s.Open {
		out = append(out, gateway.Fault{Code: gateway.BalancePending, Severity: gateway.Warning, Value: string(s.Partner)})
	}
	if !s.Asked && !s.Left.IsZero() {
		out = append(out, gateway.Fault{Code: gateway.BalanceUnasked, Severity: gateway.Warning, Value: string(s.Partner), Found: gateway.Term(s.Left.UTC().Format(time.RFC3339))})
	}
	var one gateway.Fault
	switch {
	case s.Trouble == nil:
	case errors.As(s.Trouble, &one):
		out = append(out, one)
	default:
		out = append(out, gateway.Fault{Code: gateway.BalanceAway, Severity: gateway.Warning, Value: string(s.Partner)})
	}
	return out
}

// BalanceStates are those of all partners, in order.
func (g *Gateway) BalanceStates(ctx context.Context) ([]BalanceState, error) {
	var out []BalanceState
	for _, b := range g.balancers {
		s, err := b.state(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b BalanceState) int { return cmp.Compare(a.Partner, b.Partner) })
	return out, nil
}

// BalanceState is that of one.
func (g *Gateway) BalanceState(ctx context.Context, with gateway.Administration) (BalanceState, error) {
	b, ok := g.balancers[with]
	if !ok {
		return BalanceState{}, store.ErrNotFound
	}
	return b.state(ctx)
}

func (b *balancer) state(ctx context.Context) (s BalanceState, err error) {
	if s.Balance, err = b.g.Store.Read().Balance(ctx, b.with); err != nil {
		return s, err
	}
	if s.Restored, err = b.g.Store.Read().Restored(ctx); err != nil {
		return s, err
	}
	if s.Open, err = b.open(ctx); err != nil {
		return s, err
	}
	s.Asked = b.asks()
	if s.Restored.Number > s.Balance.Restored {
		s.Left = s.Restored.Backup.Add(-BalanceOverlap)
	}
	if s.Differences, err = b.g.settled(ctx, b.with); err != nil {
		return s, err
	}
	if !s.Open {
		waiting, err := b.g.Store.Read().Waiting(ctx)
		if err != nil {
			return s, err
		}
		for _, w := range waiting {
			if w.Recipient == b.with {
				s.Waiting += w.Count
			}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Trouble = b.trouble
	return s, nil
}

// DifferenceFault says in words what is different.
func DifferenceFault(d store.Difference) gateway.Fault {
	f := gateway.Fault{Code: d.Code, Severity: gateway.Warning, Value: string(d.ID)}
	switch d.Code {
	case gateway.BalanceDigest:
		f.Severity, f.Found, f.Expected = gateway.Error, gateway.Term(d.Ours.String()), gateway.Term(d.Theirs.String())
	case gateway.BalanceVerdict:
		f.Severity, f.Found, f.Expected = gateway.Error, gateway.Term(string(d.Verdict)), gateway.Term(string(d.Says))
	}
	return f
}
