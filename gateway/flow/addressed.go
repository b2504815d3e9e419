package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// What is for a partner that fetches waits for it: nobody calls the partner. It is handed out by the
// subscriptions of the partner's administration as what came is by those of our own systems, and then counts
// as handed over. The partner's signed receipt ends it, as one to a delivery does.

// Fetches is how a partner that fetches does so.
type Fetches struct {
	Plain bool // it may acknowledge without a signature: such messages end as unsigned, outside the promise
}

const (
	// FetchLook is how often what waits to be fetched is looked at: whether its validity is over, and
	// whether its recipient is one that fetches still.
	FetchLook = time.Hour
	// MaxInlined is how many bytes of documents one answer holds; the others are taken one by one.
	MaxInlined = 1 << 20
)

// Pulls reports whether what is for an administration waits until its partner fetches it.
func (g *Gateway) Pulls(a gateway.Administration) bool {
	_, ok := g.Fetches[a]
	return ok
}

// await has a message to a partner that fetches wait for it, from an instant on.
func (g *Gateway) await(m *store.Message, now time.Time) {
	m.NextAttempt = earlier(now.Add(FetchLook), m.ValidUntil.Add(1))
	switch m.State {
	case gateway.Queued:
		m.Reason = fmt.Sprintf("it waits to be fetched by %s since %s", m.Recipient, m.Created.UTC().Format(time.RFC3339))
	case gateway.Sending:
		m.Reason = fmt.Sprintf("%s has fetched it and has not acknowledged it", m.Recipient)
	default:
		m.Reason = ""
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// awaitFetch looks at a message that waits to be fetched. One whose validity is over ends: if it was
// never handed out, it was never handed over.
func (g *Gateway) awaitFetch(ctx context.Context, t store.Turn) error {
	var m store.Message
	expired, outcome := false, ""
	_, err := g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		if m, err = tx.Message(ctx, t.ID); err != nil {
			return err
		}
		now := g.Now()
		m.Claim = t.Claim
		if expired = now.After(m.ValidUntil); !expired {
			g.await(&m, now)
			return errors.Join(tx.PutProgress(m, false), tx.Audit("gateway", "message waits to be fetched", string(m.ID), m.PayloadDigest))
		}
		outcome = outcomeOf(m)
		m.State, m.Reason, m.Parked = gateway.Dead, "expired: "+outcome, false
		return g.concludeIn(ctx, tx, m, reported{}, false)
	})
	switch {
	case errors.Is(err, store.ErrTaken): // it was fetched meanwhile, or is another process's
		return nil
	case err != nil:
		return fmt.Errorf("message %s: %w", t.ID, err)
	case expired:
		return g.tellOf(m, event.Event{Name: event.MessageExpired, Outcome: outcome}, nil)
	}
	return nil
}

// outcomeOf is what is known of a message whose validity is over. It goes back to queued when the link
// knows that nothing was handed over, and stays so until it is fetched.
func outcomeOf(m store.Message) string {
	if m.State == gateway.Queued {
		return gateway.NeverHandedOver
	}
	return gateway.OutcomeUnknown
}

// toFetch is a message to a partner as what a subscription hands out.
func (g *Gateway) toFetch(m store.Addressed) (HandedOut, error) {
	h, err := seal.ParseHeader(m.Header)
	if err != nil {
		return HandedOut{}, fmt.Errorf("message %s: %w", m.ID, err)
	}
	offices := []string{store.Everybody} // no office of the recipient's is named
	if key := (gateway.Office{Administration: m.Recipient, Code: h.EntryOffice}).Key(); h.EntryOffice != "" && key != "" {
		offices = []string{key}
	}
	return HandedOut{Sealed: &m, Message: store.Inbound{
		ID: m.ID, Sender: g.Own, Kind: m.Kind, DocumentID: m.DocumentID, Conversation: m.Conversation, State: m.State, Received: m.Created,
		ExpectedArrival: m.ExpectedArrival, LateBy: m.LateBy, PayloadDigest: m.PayloadDigest, Accepted: m.Sequence, Offices: offices,
	}}, nil
}

// waitingFor is what waits for the owner of a subscription, in order of the commits that created it.
func (g *Gateway) waitingFor(ctx context.Context, sub store.Subscription, after gateway.Commit, limit int) (out []store.Inbound, err error) {
	all, err := g.Store.Read().WaitingAfter(ctx, sub.Owner, after, limit)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		h, err := g.toFetch(m)
		if err != nil {
			return nil, err
		}
		out = append(out, h.Message)
	}
	return out, nil
}

// addressedReader finds messages to partners.
type addressedReader interface {
	WaitingOf(ctx context.Context, recipient gateway.Administration, commit gateway.Commit) ([]store.Addressed, error)
	Difference(ctx context.Context, with gateway.Administration, sent bool, id gateway.MessageID) (store.Difference, error)
	Message(ctx context.Context, id gateway.MessageID) (store.Message, error)
}

// stillWaiting finds the messages of handouts, of which those that one commit created are read at once.
type stillWaiting struct {
	read   addressedReader
	commit gateway.Commit
	all    []store.Addressed
}

// of is the message of a handout, without its document, if it waits for its verdict still or the partner has
// asked for it again.
func (w *stillWaiting) of(ctx context.Context, h store.Handout) (m store.Addressed, ok bool, err error) {
	if w.all == nil || w.commit != h.Accepted {
		if w.all, err = w.read.WaitingOf(ctx, h.Owner, h.Accepted); err != nil {
			return m, false, err
		}
		w.commit = h.Accepted
	}
	if i := slices.IndexFunc(w.all, func(m store.Addressed) bool { return gateway.SameID(m.ID, h.Message) }); i >= 0 {
		return w.all[i], true, nil
	}
	d, err := w.read.Difference(ctx, h.Owner, true, h.Message)
	if err != nil || !d.Settled.IsZero() || d.Code != gateway.BalanceAgain {
		return store.Addressed{}, false, store.IgnoreNotFound(err)
	}
	if m.Message, err = w.read.Message(ctx, h.Message); err != nil {
		return m, false, store.IgnoreNotFound(err)
	}
	m.Size = len(m.Payload)
	m.Payload, m.Canonical = nil, nil
	return m, true, nil
}

// handOverFetched notes that messages to a partner are handed out, each of which counts as handed over from now on.
// A message that has ended since is handed out no more.
func (g *Gateway) handOverFetched(ctx context.Context, tx *store.Tx, all []store.Handout) (left []store.Handout, out []HandedOut, err error) {
	waiting := &stillWaiting{read: tx}
	for _, h := range all {
		m, ok, err := waiting.of(ctx, h)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			h.Acknowledged, h.AcknowledgedBy = tx.Now(), "gateway"
			if err := tx.PutHandout(h); err != nil {
				return nil, nil, err
			}
			continue
		}
		if !m.State.Final() {
			m.Attempts++
			m.LastError, m.Parked, m.Troubles = "", false, 0 // of what was to be handed over before
			if m.State == gateway.Queued {
				m.State = gateway.Sending
			}
			g.await(&m.Message, tx.Now())
			if err := tx.PutProgress(m.Message, false); err != nil {
				return nil, nil, err
			}
		}
		one, err := g.toFetch(m)
		if err != nil {
			return nil, nil, err
		}
		left, out = append(left, h), append(out, one)
	}
	return left, out, nil
}

// inline adds documents to what was handed out, as far as there is room.
func (g *Gateway) inline(ctx context.Context, all []HandedOut) error {
	room := MaxInlined
	for _, h := range all {
		if h.Sealed == nil || h.Sealed.Size > room {
			continue
		}
		m, err := g.Store.Read().Message(ctx, h.Message.ID)
		if err != nil {
			return err
		}
		h.Sealed.Payload = m.Payload
		room -= h.Sealed.Size
	}
	return nil
}

// Content returns a message that a partner has fetched by a subscription, with its document, within
// room that release gives back.
func (g *Gateway) Content(ctx context.Context, c Caller, name string, id gateway.MessageID) (m store.Message, release func(), err error) {
	sub, err := g.subscription(ctx, g.Store.Read(), c, name)
	if err != nil {
		return store.Message{}, nil, err
	}
	found, err := g.Store.Read().HandoutsByID(ctx, sub.Owner, sub.Name, id)
	if err != nil {
		return store.Message{}, nil, err
	}
	if sub.Owner == g.Own || len(found) == 0 || found[0].Times == 0 { // what was not handed out is not there
		return store.Message{}, nil, store.ErrNotFound
	}
	size := g.Cap()
	if m, ok, err := (&stillWaiting{read: g.Store.Read()}).of(ctx, found[0]); err != nil {
		return store.Message{}, nil, err
	} else if ok {
		size = m.Size
	}
	room, err := g.Budget.Deliveries.Await(ctx, c.URI, deliveryFactor*int64(size))
	if err != nil {
		return store.Message{}, nil, err
	}
	if m, err = g.Store.Read().Message(ctx, id); err != nil || m.Recipient != sub.Owner {
		room.Release()
		return store.Message{}, nil, errors.Join(err, store.ErrNotFound)
	}
	return m, room.Release, nil
}

// Receipted is what a partner says of a message that it has fetched: its signed receipt or, without one, the
// digest of the payload that it has.
type Receipted struct {
	Receipt *store.Statement
	ID      gateway.MessageID // without a receipt
	Payload gateway.Digest
}

// acknowledged is a receipt that holds, with the message that it is about.
type acknowledged struct {
	handout store.Handout
	receipt *seal.Receipt
	signed  store.Statement
	said    reported
	payload gateway.Digest
}

// AcknowledgeReceipted takes a partner's receipts for what it has fetched, each as that of a delivery. All are
// verified before the first counts: one that does not hold refuses the call. The same again changes nothing.
func (g *Gateway) AcknowledgeReceipted(ctx context.Context, c Caller, name, lease string, given []Receipted) ([]HandedOut, error) {
	if len(given) < 1 || len(given) > MaxFetched {
		return nil, gateway.Faults{outOfRange("receipts", fmt.Sprint(len(given)), fmt.Sprintf("1-%d", MaxFetched))}
	}
	read := g.Store.Read()
	sub, err := g.subscription(ctx, read, c, name)
	if err != nil {
		return nil, err
	}
	if sub.Owner == g.Own {
		return nil, gateway.Faults{outOfRange("receipts", fmt.Sprint(len(given)), "0")}
	}
	at := g.Now()
	var all []acknowledged
	var refused gateway.Faults
	waiting := &stillWaiting{read: read}
	for _, r := range given {
		a, faults, err := g.verified(ctx, waiting, sub, c, lease, r, at)
		if err != nil {
			return nil, err
		}
		refused, all = append(refused, faults...), append(all, a)
	}
	if len(refused) > 0 {
		content := []byte(lease)
		if given[0].Receipt != nil {
			content = given[0].Receipt.Statement
		}
		return nil, g.refuse(ctx, c, content, refused...)
	}
	var out []HandedOut
	var told []event.Event
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		out, told = nil, nil
		for _, a := range all {
			done, e, err := g.acknowledgeOne(ctx, tx, c, sub, lease, a, at)
			if err != nil {
				return err
			}
			if out = append(out, done); e.Name != "" {
				told = append(told, e)
			}
		}
		return nil
	})
	var late gateway.Faults
	if errors.As(err, &late) {
		return nil, g.refuse(ctx, c, all[0].signed.Statement, late...)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range told {
		g.Log.Tell(e)
	}
	return out, nil
}

// verified verifies what a partner says of one message against what it was handed.
func (g *Gateway) verified(ctx context.Context, waiting *stillWaiting, sub store.Subscription, c Caller, lease string, given Receipted, at time.Time) (acknowledged, gateway.Faults, error) {
	read := g.Store.Read()
	id := given.ID
	if given.Receipt != nil {
		h, err := seal.ParseHeader(given.Receipt.Header)
		if err != nil {
			return acknowledged{}, asFaults(err), nil
		}
		id = h.RelatesTo
	}
	handout, lost, err := g.underLease(ctx, read, sub, c, lease, g.Own, id)
	if err != nil || lost != nil {
		return acknowledged{}, faultsOf(lost), err
	}
	m, ok, err := waiting.of(ctx, handout)
	if err != nil {
		return acknowledged{}, nil, err
	}
	if !ok {
		if m.Message, err = read.Message(ctx, id); err != nil {
			return acknowledged{}, nil, err
		}
	}
	a := acknowledged{handout: handout, payload: m.PayloadDigest}
	if given.Receipt == nil {
		switch {
		case !g.Fetches[sub.Owner].Plain:
			return a, gateway.Faults{fault(gateway.ReceiptPlain, string(id), "")}, nil
		case given.Payload != m.PayloadDigest:
			return a, gateway.Faults{fault(gateway.SealReceipt, given.Payload.String(), m.PayloadDigest.String())}, nil
		}
		return a, nil, nil
	}
	of, err := seal.ParseHeader(m.Header)
	if err != nil {
		return a, nil, fmt.Errorf("message %s: %w", id, err)
	}
	a.signed = *given.Receipt
	receipt, failure := g.Trust.OpenReceipt(a.signed.Header, a.signed.Statement, a.signed.Signature, of, at)
	if failure != nil {
		g.Log.Tell(event.Event{Name: event.ReceiptRefused, Message: id, Partner: sub.Owner, Route: m.Route, State: string(m.State), Codes: event.CodesOf(asFaults(failure)), Cause: failure})
		return a, asFaults(failure), nil
	}
	a.receipt = &receipt
	if m.State.Final() {
		return a, nil, nil // nothing more is said to anybody
	}
	a.said, err = g.said(ctx, m.Message, nil, receipt, at)
	return a, nil, err
}

func faultsOf(f *gateway.Fault) gateway.Faults {
	if f == nil {
		return nil
	}
	return gateway.Faults{*f}
}

// acknowledgeOne has a receipt count that holds, and says what is to be told of it.
func (g *Gateway) acknowledgeOne(ctx context.Context, tx *store.Tx, c Caller, sub store.Subscription, lease string, a acknowledged, at time.Time) (out HandedOut, told event.Event, err error) {
	h, lost, err := g.underLease(ctx, tx, sub, c, lease, g.Own, a.handout.Message)
	if err != nil {
		return out, told, err
	}
	if lost != nil {
		return out, told, gateway.Faults{*lost}
	}
	m, err := tx.Message(ctx, h.Message)
	if err != nil {
		return out, told, err
	}
	m.Payload, m.Canonical = nil, nil
	next, how := gateway.Unsigned, "message acknowledged without a signature for "
	if a.receipt != nil {
		next, how = a.receipt.Verdict.State(), "message acknowledged for "
	}
	switch {
	case m.State.Final() && m.State != next && (next != gateway.Received || m.State == gateway.Dead):
		f := fault(gateway.FetchedEnded, string(m.ID), "")
		f.Found = gateway.Term(string(m.State))
		return out, told, gateway.Faults{f}
	case m.State.Final():
		err = g.returned(ctx, tx, m)
	case a.receipt != nil:
		g.stands(&m, *a.receipt, a.signed, at)
		g.await(&m, at)
		err = g.concludeIn(ctx, tx, m, a.said, false)
		told = event.Event{Name: event.ReceiptVerified, Verdict: string(a.receipt.Verdict), Codes: codesOf(a.receipt.Faults), Took: at.Sub(m.Created)}
	case m.State == gateway.Received: // it has said more before
		err = gateway.Faults{fault(gateway.ReceiptPlain, string(m.ID), "")}
	default:
		m.State, m.Reason, m.LastError = gateway.Unsigned, "", ""
		err = g.concludeIn(ctx, tx, m, reported{}, false)
		told = event.Event{Name: event.MessageUnsigned, Caller: c.URI, Subscription: sub.Name}
	}
	if err != nil {
		return out, told, err
	}
	if told.Name != "" {
		told.Message, told.Route, told.Partner, told.State, told.Attempt = m.ID, m.Route, m.Recipient, string(m.State), m.Attempts
	}
	if h.Acknowledged.IsZero() && (next != gateway.Received || m.State.Final()) { // else its verdict follows
		h.Acknowledged, h.AcknowledgedBy = tx.Now(), c.URI
	}
	if out, err = g.toFetch(store.Addressed{Message: m}); err != nil {
		return out, told, err
	}
	out.Times, out.Message.AcknowledgedBy, out.Message.AcknowledgedAt = h.Times, h.AcknowledgedBy, h.Acknowledged
	return out, told, errors.Join(tx.PutHandout(h), tx.Audit(c.URI, how+sub.Name, string(m.ID), gateway.DigestOf(a.signed.Statement)))
}

// returned notes that a partner has again what it had asked for again, if it had.
func (g *Gateway) returned(ctx context.Context, tx *store.Tx, m store.Message) error {
	d, err := tx.Difference(ctx, m.Recipient, true, m.ID)
	if err != nil || !d.Settled.IsZero() || d.Code != gateway.BalanceAgain {
		return store.IgnoreNotFound(err)
	}
	return errors.Join(tx.Settle(d), holdsTheSame(tx, d))
}

// waitsAgain has a message that waits for its recipient once more be handed out by the subscriptions of the
// recipient's that have come past it.
func (g *Gateway) waitsAgain(ctx context.Context, tx *store.Tx, m store.Message) error {
	live, err := tx.Subscriptions(ctx, m.Recipient, MaxSubscriptions)
	if err != nil || len(live) == 0 {
		return err
	}
	one, err := g.toFetch(store.Addressed{Message: m})
	if err != nil {
		return err
	}
	for _, sub := range live {
		if sub.Position < m.Sequence || !sub.Filter.Fits(one.Message) {
			continue
		}
		found, err := tx.HandoutsByID(ctx, sub.Owner, sub.Name, m.ID)
		if err != nil {
			return err
		}
		h := store.Handout{Owner: sub.Owner, Subscription: sub.Name, Message: m.ID, Sender: g.Own, Accepted: m.Sequence}
		if len(found) > 0 {
			if h = found[0]; h.Acknowledged.IsZero() {
				continue // it is handed out again by itself
			}
			h.Lease, h.Until, h.Acknowledged, h.AcknowledgedBy = "", time.Time{}, time.Time{}, ""
		}
		if err := tx.PutHandout(h); err != nil {
			return err
		}
	}
	return nil
}

// handOutAgain has a message handed out again that a partner which fetches has lost, by the subscriptions by
// which it was acknowledged, or else by the first one that there is.
func (g *Gateway) handOutAgain(ctx context.Context, d store.Difference) error {
	owner := d.Partner
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		m, err := tx.Message(ctx, d.ID)
		if err != nil {
			return err
		}
		live, err := tx.Subscriptions(ctx, owner, MaxSubscriptions)
		if err != nil {
			return err
		}
		var again []store.Handout
		for _, sub := range live {
			found, err := tx.HandoutsByID(ctx, owner, sub.Name, d.ID)
			if err != nil {
				return err
			}
			again = append(again, found...)
		}
		if len(again) == 0 && len(live) > 0 {
			again = append(again, store.Handout{Owner: owner, Subscription: live[0].Name, Message: m.ID, Sender: g.Own, Accepted: m.Sequence, Acknowledged: m.Created})
		}
		changed := false
		for _, h := range again {
			if h.Acknowledged.IsZero() {
				continue // it is on its way
			}
			changed = true
			h.Lease, h.Until, h.Acknowledged, h.AcknowledgedBy = "", time.Time{}, time.Time{}, ""
			if err := tx.PutHandout(h); err != nil {
				return err
			}
		}
		if !changed {
			return errMovedOn
		}
		return tx.Audit("gateway", "message to be fetched again", string(m.ID), m.PayloadDigest)
	})
	if errors.Is(err, errMovedOn) {
		return nil
	}
	return err
}
