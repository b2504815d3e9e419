package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// FetchFilter says which messages a subscription is for; empty fields do not filter. Each is judged by
// what was written down of a message when it was accepted, or created for a partner, and does not change.
type FetchFilter struct {
	Senders []gateway.Administration `json:"senders,omitempty"` // any of these
	Offices []string                 `json:"offices,omitempty"` // keys; the message concerns any of these
	Kinds   []string                 `json:"kinds,omitempty"`   // any of these
	Since   time.Time                `json:"since,omitzero"`    // received not before the one, and before the other
	Until   time.Time                `json:"until,omitzero"`
}

// Fits reports whether a subscription is for a message.
func (f FetchFilter) Fits(in Inbound) bool {
	return (len(f.Senders) == 0 || slices.Contains(f.Senders, in.Sender)) && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, in.Kind)) &&
		(len(f.Offices) == 0 || slices.ContainsFunc(in.Offices, func(o string) bool { return o == Everybody || slices.Contains(f.Offices, o) })) &&
		!in.Received.Before(f.Since) && (f.Until.IsZero() || in.Received.Before(f.Until))
}

// Equal reports whether two filters are the same, in whatever order they name things.
func (f FetchFilter) Equal(o FetchFilter) bool {
	return slices.Equal(slices.Sorted(slices.Values(f.Senders)), slices.Sorted(slices.Values(o.Senders))) &&
		slices.Equal(slices.Sorted(slices.Values(f.Offices)), slices.Sorted(slices.Values(o.Offices))) &&
		slices.Equal(slices.Sorted(slices.Values(f.Kinds)), slices.Sorted(slices.Values(o.Kinds))) &&
		f.Since.Equal(o.Since) && f.Until.Equal(o.Until)
}

// Subscription is what systems of an administration fetch by: those that name the same one share its
// cursor. Its name is never used again once it has ended.
type Subscription struct {
	Owner     gateway.Administration // whose systems fetch by it
	Name      string
	Filter    FetchFilter // never changed
	Created   time.Time
	CreatedBy string
	Position  gateway.Commit // what was accepted up to it has been handed out, or does not fit
	Fetched   time.Time      // when something was handed out last; zero: never
	FetchedBy string
	Ended     time.Time // zero: it has not
	EndedBy   string
	Commit    gateway.Commit
}

// Handout is a message that was handed out by a subscription.
type Handout struct {
	Owner          gateway.Administration // of the subscription
	Subscription   string
	Message        gateway.MessageID
	Sender         gateway.Administration
	Accepted       gateway.Commit // when the message was; of one to a partner, when it was created
	Lease          string         // under which it was handed out last; empty: it was given back
	Holder         string         // caller who has, or had, the lease
	Until          time.Time      // when the lease is over; zero: it was given back
	Times          int            // how often it was handed out
	Acknowledged   time.Time      // zero: it is not
	AcknowledgedBy string
	Commit         gateway.Commit
}

// Acknowledgement says which subscription a message was taken over by, when and by whom.
type Acknowledgement struct {
	Subscription string
	At           time.Time
	By           string
}

// AcceptedAfter returns messages from partners in the order in which they were accepted, without their
// documents. It never parts what one commit accepted.
func (r reader) AcceptedAfter(ctx context.Context, after gateway.Commit, limit int) ([]Inbound, error) {
	return page(limit, after+1, latest, func(in Inbound) gateway.Commit { return in.Accepted }, func(from, to gateway.Commit, limit int) ([]Inbound, error) {
		return r.accepted(ctx, from, to, limit)
	})
}

// AcceptedIn returns the messages that one commit accepted likewise.
func (r reader) AcceptedIn(ctx context.Context, commit gateway.Commit) ([]Inbound, error) {
	return r.accepted(ctx, commit, commit, everything)
}

func (r reader) accepted(ctx context.Context, from, to gateway.Commit, limit int) ([]Inbound, error) {
	found, err := ask(ctx, r, "inbox", func(ctx context.Context) ([]rows.InboxAcceptedRow, error) {
		return r.q.InboxAccepted(ctx, rows.InboxAcceptedParams{Least: int64(from), Upto: int64(to), Most: int32(limit)})
	})
	return all(found, err, func(row rows.InboxAcceptedRow) (Inbound, error) {
		return r.toInbound(row.Inbox, row.Faults, row.Unread, row.Receipt, nil)
	})
}

// Addressed is a message that waits for its recipient, without its documents.
type Addressed struct {
	Message
	Size int // bytes of its payload
}

// WaitingAfter returns the messages that wait for a recipient in the order of the commits that created
// them. It never parts what one commit created.
func (r reader) WaitingAfter(ctx context.Context, recipient gateway.Administration, after gateway.Commit, limit int) ([]Addressed, error) {
	return page(limit, after+1, latest, func(m Addressed) gateway.Commit { return m.Sequence }, func(from, to gateway.Commit, limit int) ([]Addressed, error) {
		return r.waitingFor(ctx, recipient, from, to, limit)
	})
}

// WaitingOf returns those that one commit created likewise.
func (r reader) WaitingOf(ctx context.Context, recipient gateway.Administration, commit gateway.Commit) ([]Addressed, error) {
	return r.waitingFor(ctx, recipient, commit, commit, everything)
}

func (r reader) waitingFor(ctx context.Context, recipient gateway.Administration, from, to gateway.Commit, limit int) ([]Addressed, error) {
	found, err := ask(ctx, r, "waiting", func(ctx context.Context) ([]rows.WaitingForRow, error) {
		return r.q.WaitingFor(ctx, rows.WaitingForParams{Recipient: string(recipient), Least: int64(from), Upto: int64(to), Most: int32(limit)})
	})
	return all(found, err, func(row rows.WaitingForRow) (Addressed, error) {
		m, err := r.toMessage(row.Message, row.Delivery, nil, nil, nil)
		return Addressed{m, int(row.Message.PayloadSize)}, err
	})
}

// CommitAt is the last commit before an instant, as far as commits are in the order of time.
func (r reader) CommitAt(ctx context.Context, at time.Time) (gateway.Commit, error) {
	first, err := r.auditSince(ctx, at.Add(-Disorder))
	if err != nil || first < latest {
		return max(first-1, 0), err
	}
	return r.LastCommit(ctx)
}

// Subscription returns a subscription, one that has ended too.
func (r reader) Subscription(ctx context.Context, owner gateway.Administration, name string) (Subscription, error) {
	row, err := ask(ctx, r, "subscription", func(ctx context.Context) (rows.Subscription, error) {
		return r.q.Subscription(ctx, rows.SubscriptionParams{Owner: string(owner), Name: name})
	})
	if err != nil {
		return Subscription{}, err
	}
	return r.toSubscription(row)
}

// Subscriptions returns those of an owner that have not ended, by their names.
func (r reader) Subscriptions(ctx context.Context, owner gateway.Administration, limit int) ([]Subscription, error) {
	found, err := ask(ctx, r, "subscriptions", func(ctx context.Context) ([]rows.Subscription, error) {
		return r.q.Subscriptions(ctx, rows.SubscriptionsParams{Owner: string(owner), Limit: int32(limit)})
	})
	return listed(all(found, err, r.toSubscription))
}

// HandoutsByID returns what was handed out under a message id, one of each sender that has used it.
func (r reader) HandoutsByID(ctx context.Context, owner gateway.Administration, subscription string, id gateway.MessageID) ([]Handout, error) {
	found, err := ask(ctx, r, "handouts", func(ctx context.Context) ([]rows.Handout, error) {
		return r.q.HandoutsByID(ctx, rows.HandoutsByIDParams{Owner: string(owner), Subscription: subscription, IDKey: gateway.FoldID(string(id))})
	})
	return all(found, err, r.toHandout)
}

// HandoutsUntil returns what is not acknowledged and under no lease any more at an instant: first what
// was given back, then what has waited longest.
func (r reader) HandoutsUntil(ctx context.Context, owner gateway.Administration, subscription string, at time.Time, limit int) ([]Handout, error) {
	return r.handoutsUntil(ctx, owner, subscription, formatTime(at), limit)
}

// HandoutsOpen returns all that is not acknowledged, likewise.
func (r reader) HandoutsOpen(ctx context.Context, owner gateway.Administration, subscription string, limit int) ([]Handout, error) {
	return r.handoutsUntil(ctx, owner, subscription, "9999", limit)
}

func (r reader) handoutsUntil(ctx context.Context, owner gateway.Administration, subscription, until string, limit int) ([]Handout, error) {
	found, err := ask(ctx, r, "handouts", func(ctx context.Context) ([]rows.Handout, error) {
		return r.q.HandoutsUntil(ctx, rows.HandoutsUntilParams{Owner: string(owner), Subscription: subscription, Until: until, Limit: int32(limit)})
	})
	return listed(all(found, err, r.toHandout))
}

// HandoutsUnder returns what is under a lease still, over or not, and not acknowledged.
func (r reader) HandoutsUnder(ctx context.Context, owner gateway.Administration, subscription, lease string, limit int) ([]Handout, error) {
	found, err := ask(ctx, r, "handouts", func(ctx context.Context) ([]rows.Handout, error) {
		return r.q.HandoutsUnder(ctx, rows.HandoutsUnderParams{Owner: string(owner), Subscription: subscription, Lease: lease, Limit: int32(limit)})
	})
	return listed(all(found, err, r.toHandout))
}

// CountHandouts is how many messages are handed out and not acknowledged.
func (r reader) CountHandouts(ctx context.Context, owner gateway.Administration, subscription string) (int, error) {
	n, err := ask(ctx, r, "handouts", func(ctx context.Context) (int64, error) {
		return r.q.CountHandouts(ctx, rows.CountHandoutsParams{Owner: string(owner), Subscription: subscription})
	})
	return int(n), err
}

// AcknowledgementsOf returns by which subscriptions of an owner a message was taken over.
func (r reader) AcknowledgementsOf(ctx context.Context, owner, sender gateway.Administration, id gateway.MessageID, limit int) ([]Acknowledgement, error) {
	found, err := ask(ctx, r, "handouts", func(ctx context.Context) ([]rows.AcknowledgementsOfRow, error) {
		return r.q.AcknowledgementsOf(ctx, rows.AcknowledgementsOfParams{
			IDKey: gateway.FoldID(string(id)), Sender: string(sender), Owner: string(owner), Limit: int32(limit),
		})
	})
	return all(found, err, func(row rows.AcknowledgementsOfRow) (Acknowledgement, error) {
		at, err := parseTime(row.Acknowledged)
		return Acknowledgement{row.Subscription, at, row.AcknowledgedBy}, err
	})
}

// PutSubscription stores a subscription. Of one that is there its filter and its beginning stay.
func (t *Tx) PutSubscription(s Subscription) error {
	filter, err := toJSON(s.Filter)
	if err != nil {
		return put("subscription", err)
	}
	return put("subscription", t.q.PutSubscription(within, digested("subscription", rows.PutSubscriptionParams{
		Owner: string(s.Owner), Name: s.Name, Filter: filter, Created: formatTime(s.Created), CreatedBy: s.CreatedBy, Position: int64(s.Position),
		Fetched: formatTime(s.Fetched), FetchedBy: s.FetchedBy, Ended: formatTime(s.Ended), EndedBy: s.EndedBy, CommitNo: int64(t.Commit),
	})))
}

// PutHandout stores that a message was handed out, and how that stands.
func (t *Tx) PutHandout(h Handout) error {
	return put("handout", t.q.PutHandout(within, digested("handout", rows.PutHandoutParams{
		Owner: string(h.Owner), Subscription: h.Subscription, IDKey: gateway.FoldID(string(h.Message)), Sender: string(h.Sender), ID: string(h.Message),
		AcceptedNo: int64(h.Accepted), Lease: h.Lease, Holder: h.Holder, Until: formatTime(h.Until), Times: int64(h.Times),
		Acknowledged: formatTime(h.Acknowledged), AcknowledgedBy: h.AcknowledgedBy, CommitNo: int64(t.Commit),
	})))
}

// Acknowledge notes who has taken a message over. The first counts: it reports whether this is it.
func (t *Tx) Acknowledge(sender gateway.Administration, id gateway.MessageID, caller string) (first bool, err error) {
	key := gateway.FoldID(string(id))
	row, err := t.inboxRow(sender, key)
	if err != nil {
		return false, put("inbox", IgnoreNotFound(err))
	}
	row.AcknowledgedBy, row.AcknowledgedAt = caller, formatTime(t.now)
	n, err := t.q.AcknowledgeInbound(within, rows.AcknowledgeInboundParams{
		AcknowledgedBy: row.AcknowledgedBy, AcknowledgedAt: row.AcknowledgedAt, CommitNo: int64(t.Commit), Sender: row.Sender, IDKey: key,
		RowDigest: digestOfRow("inbox", &row),
	})
	return n > 0, put("inbox", err)
}

// Pass moves the cursor of a subscription over messages that do not fit, unless it has been moved
// meanwhile. It leaves no trace: nothing was handed out.
func (s *Store) Pass(ctx context.Context, sub Subscription, to gateway.Commit) error {
	_, err := s.Do(ctx, func(tx *Tx) error {
		tx.silent = true
		row, err := tx.q.Subscription(within, rows.SubscriptionParams{Owner: string(sub.Owner), Name: sub.Name})
		if err == nil {
			err = tx.intact("subscription", sub.Name, &row)
		}
		if err != nil {
			return put("subscription", IgnoreNotFound(notFound(err)))
		}
		row.Position = int64(to)
		return put("subscription", tx.q.PassSubscription(within, rows.PassSubscriptionParams{
			Next: row.Position, Owner: row.Owner, Name: row.Name, Position: int64(sub.Position), RowDigest: digestOfRow("subscription", &row),
		}))
	})
	return err
}

func (x reader) toSubscription(row rows.Subscription) (Subscription, error) {
	r := x.reading()
	r.intact("subscription", row.Name, &row)
	out := Subscription{
		Owner: gateway.Administration(row.Owner), Name: row.Name, Created: r.time(row.Created), CreatedBy: row.CreatedBy, Position: gateway.Commit(row.Position),
		Fetched: r.time(row.Fetched), FetchedBy: row.FetchedBy, Ended: r.time(row.Ended), EndedBy: row.EndedBy, Commit: gateway.Commit(row.CommitNo),
	}
	if err := json.Unmarshal([]byte(row.Filter), &out.Filter); err != nil {
		r.errs = append(r.errs, err)
	}
	return out, r.err("subscription")
}

func (x reader) toHandout(row rows.Handout) (Handout, error) {
	r := x.reading()
	r.intact("handout", row.ID, &row)
	out := Handout{
		Owner: gateway.Administration(row.Owner), Subscription: row.Subscription, Message: gateway.MessageID(row.ID), Sender: gateway.Administration(row.Sender),
		Accepted: gateway.Commit(row.AcceptedNo), Lease: row.Lease, Holder: row.Holder, Until: r.time(row.Until), Times: int(row.Times),
		Acknowledged: r.time(row.Acknowledged), AcknowledgedBy: row.AcknowledgedBy, Commit: gateway.Commit(row.CommitNo),
	}
	return out, r.err("handout")
}
