package flow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/store"
)

// Of subscriptions and what is fetched by them.
const (
	MaxSubscriptions = 32    // that have not ended, of one owner
	MaxNamed         = 20    // senders, offices or kinds of a filter
	MaxOpen          = 1_000 // messages of a subscription that are handed out and not acknowledged
	DefaultFetched   = 20    // messages of one lease
	MaxFetched       = 100
	DefaultLease     = time.Minute
	MinLease         = 5 * time.Second
	MaxLease         = time.Hour
	// fetchExamined is how many messages one call looks at; of those that do not fit it answers how far
	// it has come.
	fetchExamined = 10_000
	fetchPage     = 500 // of them are read at once
	// maxConcerned is how many offices of ours a message is noted to concern; what concerns more is
	// everybody's.
	maxConcerned = 99
)

// subscriptionName is the form of a subscription's name.
var subscriptionName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// owners are whose subscriptions a caller fetches by: those of the administration whose system it is, or for
// which a partner's gateway speaks and that fetches.
func (g *Gateway) owners(c Caller) []gateway.Administration {
	if len(c.Speaks) == 0 {
		return []gateway.Administration{g.Own}
	}
	return slices.DeleteFunc(slices.Clone(c.Speaks), func(a gateway.Administration) bool { return !g.Pulls(a) })
}

// Subscribe begins a subscription at the beginning, or with what was received since an instant. The same
// again is the same subscription. A caller that speaks for several administrations MUST be narrowed to one.
func (g *Gateway) Subscribe(ctx context.Context, c Caller, name string, filter store.FetchFilter) (store.Subscription, error) {
	owners := g.owners(c)
	if len(owners) != 1 {
		f := fault(gateway.SubscriptionUnfit, "", strings.Trim(fmt.Sprint(owners), "[]"))
		f.Path = "recipient"
		return store.Subscription{}, gateway.Faults{f}
	}
	owner, begin := owners[0], gateway.Commit(0)
	if unfit := g.filterUnfit(owner, name, &filter); len(unfit) > 0 {
		return store.Subscription{}, unfit
	}
	if !filter.Since.IsZero() {
		var err error
		if begin, err = g.Store.Read().CommitAt(ctx, filter.Since); err != nil {
			return store.Subscription{}, err
		}
	}
	var sub store.Subscription
	there := errors.New("it is there")
	_, err := g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		sub, err = tx.Subscription(ctx, owner, name)
		switch {
		case store.IgnoreNotFound(err) != nil:
			return err
		case err == nil && !sub.Ended.IsZero():
			return gateway.Faults{named(fault(gateway.SubscriptionEnded, name, ""))}
		case err == nil && !sub.Filter.Equal(filter):
			return gateway.Faults{named(fault(gateway.SubscriptionOther, name, ""))}
		case err == nil:
			return there
		}
		all, err := tx.Subscriptions(ctx, owner, MaxSubscriptions)
		if err != nil {
			return err
		}
		if len(all) == MaxSubscriptions {
			return gateway.Faults{named(fault(gateway.SubscriptionsTooMany, name, strconv.Itoa(MaxSubscriptions)))}
		}
		sub = store.Subscription{Owner: owner, Name: name, Filter: filter, Created: tx.Now(), CreatedBy: c.URI, Position: begin}
		return errors.Join(tx.PutSubscription(sub), tx.Audit(c.URI, "subscription begun", name, gateway.Digest{}))
	})
	if err != nil && err != there {
		return store.Subscription{}, err
	}
	return sub, nil
}

func named(f gateway.Fault) gateway.Fault {
	f.Path = "name"
	return f
}

// filterUnfit is all that is wrong with a name and a filter of an owner's, whose offices become their keys.
func (g *Gateway) filterUnfit(owner gateway.Administration, name string, f *store.FetchFilter) (unfit gateway.Faults) {
	wrong := func(path, value, expected string) {
		bad := fault(gateway.SubscriptionUnfit, gateway.Clip(value), expected)
		bad.Path = path
		unfit = append(unfit, bad)
	}
	if !subscriptionName.MatchString(name) {
		wrong("name", name, subscriptionName.String())
	}
	for _, named := range []struct {
		path string
		n    int
	}{{"senders", len(f.Senders)}, {"offices", len(f.Offices)}, {"kinds", len(f.Kinds)}} {
		if named.n > MaxNamed {
			many := wanting(gateway.SubscriptionUnfit, strconv.Itoa(named.n), gateway.WordAtMost, strconv.Itoa(MaxNamed))
			many.Path = named.path
			return append(unfit, many)
		}
	}
	partners := slices.Sorted(maps.Keys(g.Links))
	if owner != g.Own {
		partners = []gateway.Administration{g.Own}
	}
	for _, a := range f.Senders {
		if !slices.Contains(partners, a) {
			wrong("senders", string(a), strings.Trim(fmt.Sprint(partners), "[]"))
		}
	}
	f.Offices = slices.Clone(f.Offices)
	for i, code := range f.Offices {
		key := gateway.Office{Administration: owner, Code: code}.Key()
		if key == "" || len(key) > 20 || strings.ContainsAny(key, " *") {
			wrong("offices", code, "1-20")
		}
		f.Offices[i] = key
	}
	for _, kind := range f.Kinds {
		if !slices.Contains(document.Kinds(), kind) {
			wrong("kinds", kind, strings.Join(document.Kinds(), ", "))
		}
	}
	if !f.Until.IsZero() && !f.Since.Before(f.Until) {
		wrong("until", f.Until.UTC().Format(time.RFC3339), "> "+f.Since.UTC().Format(time.RFC3339))
	}
	return unfit
}

// subscriptions is what a reader and a unit of work know of a subscription.
type subscriptions interface {
	Subscription(ctx context.Context, owner gateway.Administration, name string) (store.Subscription, error)
}

// owned is a subscription of the caller's, one that has ended too.
func (g *Gateway) owned(ctx context.Context, read subscriptions, c Caller, name string) (sub store.Subscription, err error) {
	err = store.ErrNotFound
	for _, owner := range g.owners(c) {
		if sub, err = read.Subscription(ctx, owner, name); !errors.Is(err, store.ErrNotFound) {
			break
		}
	}
	return sub, err
}

// subscription is one that has not ended.
func (g *Gateway) subscription(ctx context.Context, read subscriptions, c Caller, name string) (store.Subscription, error) {
	sub, err := g.owned(ctx, read, c, name)
	if err == nil && !sub.Ended.IsZero() {
		err = gateway.Faults{named(fault(gateway.SubscriptionEnded, name, ""))}
	}
	return sub, err
}

// Subscribed is a subscription with what is handed out by it and not acknowledged.
func (g *Gateway) Subscribed(ctx context.Context, c Caller, name string) (store.Subscription, []store.Handout, error) {
	sub, err := g.owned(ctx, g.Store.Read(), c, name)
	if err != nil {
		return sub, nil, err
	}
	open, err := g.Store.Read().HandoutsOpen(ctx, sub.Owner, name, MaxOpen)
	return sub, open, err
}

// Subscriptions are those of the caller's administration that have not ended, each with how many messages are
// handed out by it and not acknowledged.
func (g *Gateway) Subscriptions(ctx context.Context, c Caller) (all []store.Subscription, open []int, err error) {
	for _, owner := range g.owners(c) {
		some, err := g.Store.Read().Subscriptions(ctx, owner, MaxSubscriptions)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, some...)
	}
	open = make([]int, len(all))
	for i, sub := range all {
		if open[i], err = g.Store.Read().CountHandouts(ctx, sub.Owner, sub.Name); err != nil {
			return nil, nil, err
		}
	}
	return all, open, nil
}

// Unsubscribe ends a subscription for good.
func (g *Gateway) Unsubscribe(ctx context.Context, c Caller, name string) (store.Subscription, error) {
	var sub store.Subscription
	_, err := g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		if sub, err = g.subscription(ctx, tx, c, name); err != nil {
			return err
		}
		sub.Ended, sub.EndedBy = tx.Now(), c.URI
		return errors.Join(tx.PutSubscription(sub), tx.Audit(c.URI, "subscription ended", name, gateway.Digest{}))
	})
	return sub, err
}

// Fetched is what one call has fetched: nothing without a lease.
type Fetched struct {
	Lease    string
	Until    time.Time
	Messages []HandedOut
	More     bool // there may be more now
}

// HandedOut is a message with how often it was handed out.
type HandedOut struct {
	Message store.Inbound // without its document
	Times   int
	Sealed  *store.Addressed // of what a partner fetches: as it was signed
}

// errMovedOn says that another call has moved a subscription's cursor meanwhile.
var errMovedOn = errors.New("the cursor has moved on")

// Fetch hands out messages under a new lease: first what nobody has any more, then what was accepted
// behind the cursor and fits, which moves on in the same unit of work. Who is slower than another finds
// the cursor elsewhere and looks again.
func (g *Gateway) Fetch(ctx context.Context, c Caller, name string, most int, lease time.Duration) (Fetched, error) {
	if most == 0 {
		most = DefaultFetched
	}
	lease, unfit := leaseOf(lease)
	if most < 1 || most > MaxFetched {
		unfit = append(unfit, outOfRange("most", strconv.Itoa(most), fmt.Sprintf("1-%d", MaxFetched)))
	}
	if len(unfit) > 0 {
		return Fetched{}, unfit
	}
	for examined := 0; ; {
		sub, err := g.subscription(ctx, g.Store.Read(), c, name)
		if err != nil {
			return Fetched{}, err
		}
		found, upto, more, n, err := g.behind(ctx, sub, most, fetchExamined-examined)
		if err != nil {
			return Fetched{}, err
		}
		examined += n
		out := Fetched{Lease: g.NewID(), More: more}
		if err := g.handOut(ctx, c, sub, found, upto, most, lease, &out); errors.Is(err, errMovedOn) {
			continue
		} else if err != nil {
			return Fetched{}, err
		}
		return out, g.inline(ctx, out.Messages)
	}
}

// accepted is what there is to fetch for the owner of a subscription, in order of the commits that accepted it
// or, for a partner, created it. No commit is parted.
func (g *Gateway) accepted(ctx context.Context, sub store.Subscription, after gateway.Commit, limit int) ([]store.Inbound, error) {
	if sub.Owner != g.Own {
		return g.waitingFor(ctx, sub, after, limit)
	}
	return g.Store.Read().AcceptedAfter(ctx, after, limit)
}

// behind reads what fits behind the cursor of a subscription, about as many messages as are wanted: how
// far it has come, whether there may be more, and how many it has looked at.
func (g *Gateway) behind(ctx context.Context, sub store.Subscription, most, examine int) (found []store.Inbound, upto gateway.Commit, more bool, examined int, err error) {
	upto = sub.Position
	for {
		some, err := g.accepted(ctx, sub, upto, fetchPage)
		if err != nil {
			return nil, 0, false, 0, err
		}
		for _, in := range some {
			if len(found) >= most && in.Accepted != upto {
				return found, upto, true, examined, nil
			}
			if examined++; sub.Filter.Fits(in) {
				found = append(found, in)
			}
			upto = in.Accepted
		}
		if len(some) < fetchPage {
			return found, upto, false, examined, nil
		}
		if examined >= examine {
			return found, upto, true, examined, nil
		}
	}
}

// handOut hands out what nobody has any more and, as far as there is room, what was found behind the
// cursor, which is to stand where it stood when it was found.
func (g *Gateway) handOut(ctx context.Context, c Caller, sub store.Subscription, found []store.Inbound, upto gateway.Commit, most int, lease time.Duration, out *Fetched) error {
	over, err := g.Store.Read().HandoutsUntil(ctx, sub.Owner, sub.Name, g.Now(), 1)
	if err != nil {
		return err
	}
	if len(found) == 0 && len(over) == 0 { // nothing is written for who asks in vain
		out.Lease = ""
		if upto == sub.Position {
			return nil
		}
		return g.Store.Pass(ctx, sub, upto)
	}
	var all []store.Handout
	if _, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		now, err := g.subscription(ctx, tx, c, sub.Name)
		if err != nil {
			return err
		}
		if now.Position != sub.Position {
			return errMovedOn
		}
		if all, err = tx.HandoutsUntil(ctx, sub.Owner, sub.Name, tx.Now(), most); err != nil {
			return err
		}
		open, err := tx.CountHandouts(ctx, sub.Owner, sub.Name)
		if err != nil {
			return err
		}
		out.More = out.More || len(all) == most
		// A commit is handed out whole: the cursor stands behind it or before it.
		for _, in := range found {
			if (len(all) >= most || open >= MaxOpen) && in.Accepted != now.Position {
				upto, out.More = now.Position, true
				break
			}
			open++
			all = append(all, store.Handout{Owner: sub.Owner, Subscription: sub.Name, Message: in.ID, Sender: in.Sender, Accepted: in.Accepted})
			now.Position = in.Accepted
		}
		if len(all) == 0 {
			if open >= MaxOpen {
				return gateway.Faults{fault(gateway.FetchedTooMany, strconv.Itoa(open), "")}
			}
			return errMovedOn // another call has taken what was over
		}
		now.Position, out.Messages = upto, nil
		if sub.Owner != g.Own {
			if all, out.Messages, err = g.handOverFetched(ctx, tx, all); err != nil {
				return err
			}
			if len(all) == 0 { // what was there has ended since
				out.Lease, out.More = "", true
				return errors.Join(tx.PutSubscription(now), tx.Audit(c.URI, "nothing left of what was to be handed out for "+sub.Name, sub.Name, gateway.Digest{}))
			}
		}
		now.Fetched, now.FetchedBy = tx.Now(), c.URI
		out.Until = tx.Now().Add(lease)
		for i := range all {
			h := &all[i]
			h.Lease, h.Holder, h.Until = out.Lease, c.URI, out.Until
			h.Times++
			if err := tx.PutHandout(*h); err != nil {
				return err
			}
		}
		if sub.Owner == g.Own {
			if out.Messages, err = messagesOf(ctx, tx, all); err != nil {
				return err
			}
		}
		for i := range out.Messages {
			out.Messages[i].Times = all[i].Times
		}
		for _, m := range out.Messages {
			if err := tx.Audit(c.URI, "message handed out for "+sub.Name, string(m.Message.ID), m.Message.PayloadDigest); err != nil {
				return err
			}
		}
		return tx.PutSubscription(now)
	}); err != nil {
		return err
	}
	if len(all) > 0 {
		g.Log.Tell(event.Event{Name: event.MessagesHandedOut, Subscription: sub.Name, Caller: c.URI, Count: len(all)})
	}
	return nil
}

// messagesOf returns what was handed out with its messages.
func messagesOf(ctx context.Context, tx *store.Tx, all []store.Handout) ([]HandedOut, error) {
	out := make([]HandedOut, len(all))
	for i, h := range all {
		found, err := tx.AcceptedIn(ctx, h.Accepted)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(found, func(in store.Inbound) bool { return in.Sender == h.Sender && gateway.SameID(in.ID, h.Message) })
		if at < 0 {
			return nil, fmt.Errorf("message %s of %s: %w", h.Message, h.Sender, store.ErrNotFound)
		}
		out[i] = HandedOut{Message: found[at], Times: h.Times}
	}
	return out, nil
}

func leaseOf(lease time.Duration) (time.Duration, gateway.Faults) {
	switch {
	case lease == 0:
		return DefaultLease, nil
	case lease < MinLease || lease > MaxLease:
		return 0, gateway.Faults{outOfRange("leaseSeconds", strconv.Itoa(int(lease/time.Second)), fmt.Sprintf("%d-%d", MinLease/time.Second, MaxLease/time.Second))}
	}
	return lease, nil
}

func outOfRange(path, value, expected string) gateway.Fault {
	f := fault(gateway.FetchUnfit, value, expected)
	f.Path = path
	return f
}

// AcknowledgeFetched notes that a caller has dealt with messages of its lease: with all that are named, or
// with a fault for each that is not the caller's, with none. A lease that is over counts as long as
// nobody has fetched the message since: what is done is done. The same again changes nothing.
func (g *Gateway) AcknowledgeFetched(ctx context.Context, c Caller, name, lease string, sender gateway.Administration, ids []gateway.MessageID) ([]HandedOut, error) {
	if len(ids) < 1 || len(ids) > MaxFetched {
		return nil, gateway.Faults{outOfRange("messageIds", strconv.Itoa(len(ids)), fmt.Sprintf("1-%d", MaxFetched))}
	}
	var out []HandedOut
	var told []event.Event
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		told = nil
		sub, err := g.subscription(ctx, tx, c, name)
		if err != nil {
			return err
		}
		if sub.Owner != g.Own { // a partner says what it has, too
			return gateway.Faults{outOfRange("payloadDigests", "0", strconv.Itoa(len(ids)))}
		}
		var all []store.Handout
		var lost gateway.Faults
		for _, id := range ids {
			h, f, err := g.underLease(ctx, tx, sub, c, lease, sender, id)
			switch {
			case err != nil:
				return err
			case f != nil:
				lost = append(lost, *f)
			case !slices.ContainsFunc(all, func(o store.Handout) bool {
				return o.Accepted == h.Accepted && o.Sender == h.Sender && gateway.SameID(o.Message, h.Message)
			}):
				all = append(all, h)
			}
		}
		if len(lost) > 0 {
			return lost
		}
		if out, err = messagesOf(ctx, tx, all); err != nil {
			return err
		}
		for i, h := range all {
			m, how := &out[i].Message, "message acknowledged already for "
			if h.Acknowledged.IsZero() {
				how = "message acknowledged for "
				h.Acknowledged, h.AcknowledgedBy = tx.Now(), c.URI
				first, err := tx.Acknowledge(h.Sender, h.Message, c.URI)
				if err := errors.Join(err, tx.PutHandout(h)); err != nil {
					return err
				}
				if first {
					m.AcknowledgedBy, m.AcknowledgedAt, m.Commit = c.URI, tx.Now(), tx.Commit
				}
				told = append(told, event.Event{
					Name: event.MessageAcknowledged, Door: store.DoorPeer, Party: string(h.Sender), ID: string(h.Message), Caller: c.URI, Subscription: name,
				})
			}
			if err := tx.Audit(c.URI, how+name, string(h.Message), m.PayloadDigest); err != nil {
				return err
			}
		}
		return nil
	})
	var refused gateway.Faults
	if errors.As(err, &refused) {
		return nil, g.refuse(ctx, c, []byte(lease), refused...)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range told {
		g.Log.Tell(e)
	}
	return out, nil
}

// handouts finds what was handed out.
type handouts interface {
	HandoutsByID(ctx context.Context, owner gateway.Administration, subscription string, id gateway.MessageID) ([]store.Handout, error)
}

// underLease returns what was handed out to a caller under a lease and is still, or was acknowledged
// under it, or the fault that says whose it is now.
func (g *Gateway) underLease(ctx context.Context, tx handouts, sub store.Subscription, c Caller, lease string, sender gateway.Administration, id gateway.MessageID) (store.Handout, *gateway.Fault, error) {
	found, err := tx.HandoutsByID(ctx, sub.Owner, sub.Name, id)
	if err != nil {
		return store.Handout{}, nil, err
	}
	found = slices.DeleteFunc(found, func(h store.Handout) bool { return sender != "" && h.Sender != sender })
	mine := func(h store.Handout) bool { return lease != "" && h.Lease == lease && h.Holder == c.URI }
	if len(found) > 1 && slices.ContainsFunc(found, mine) {
		found = slices.DeleteFunc(found, func(h store.Handout) bool { return !mine(h) })
	}
	if len(found) > 1 {
		var senders []string
		for _, h := range found {
			senders = append(senders, string(h.Sender))
		}
		f := fault(gateway.IDOfSeveral, string(id), strings.Join(senders, ", "))
		return store.Handout{}, &f, nil
	}
	f := fault(gateway.LeaseLost, gateway.Clip(string(id)), "")
	f.Path = "messageIds"
	if len(found) == 0 {
		f.Found = gateway.Say(gateway.WordLeaseNever)
		return store.Handout{}, &f, nil
	}
	h := found[0]
	switch {
	case mine(h):
		return h, nil, nil
	case !h.Acknowledged.IsZero():
		f.Found = gateway.Say(gateway.WordLeaseAcknowledged, h.AcknowledgedBy, h.Acknowledged.UTC().Format(time.RFC3339))
	case h.Lease == lease && lease != "":
		f.Found = gateway.Say(gateway.WordLeaseOfAnother, h.Holder)
	case h.Lease == "":
		f.Found = gateway.Say(gateway.WordLeaseGivenBack)
	default:
		f.Found = gateway.Say(gateway.WordLeaseWithAnother, h.Holder)
	}
	return store.Handout{}, &f, nil
}

// Renew lengthens a lease from now on and returns what of it is the caller's still.
func (g *Gateway) Renew(ctx context.Context, c Caller, name, lease string, by time.Duration) (time.Time, []gateway.MessageID, error) {
	by, unfit := leaseOf(by)
	if len(unfit) > 0 {
		return time.Time{}, nil, unfit
	}
	var until time.Time
	ids, err := g.change(ctx, c, name, lease, "lease renewed", func(h *store.Handout, now time.Time) {
		until = now.Add(by)
		h.Until = until
	})
	return until, ids, err
}

// Release gives back what of a lease is the caller's still, and returns it.
func (g *Gateway) Release(ctx context.Context, c Caller, name, lease string) ([]gateway.MessageID, error) {
	return g.change(ctx, c, name, lease, "lease given back", func(h *store.Handout, _ time.Time) {
		h.Lease, h.Until = "", time.Time{}
	})
}

// change changes all that is under a lease of the caller's; a lease under which nothing is any more is
// refused.
func (g *Gateway) change(ctx context.Context, c Caller, name, lease, how string, one func(h *store.Handout, now time.Time)) (ids []gateway.MessageID, err error) {
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		ids = nil
		sub, err := g.subscription(ctx, tx, c, name)
		if err != nil {
			return err
		}
		all, err := tx.HandoutsUnder(ctx, sub.Owner, sub.Name, lease, MaxOpen)
		if err != nil {
			return err
		}
		for _, h := range all {
			if h.Holder != c.URI {
				continue
			}
			one(&h, tx.Now())
			if err := tx.PutHandout(h); err != nil {
				return err
			}
			ids = append(ids, h.Message)
		}
		if len(ids) == 0 {
			f := fault(gateway.LeaseOver, gateway.Clip(lease), "")
			f.Path = "lease"
			return gateway.Faults{f}
		}
		return tx.Audit(c.URI, how, sub.Name, gateway.DigestOf([]byte(lease)))
	})
	return ids, err
}

// concerned are the keys of the offices of ours that an accepted message concerns: those on the route of its
// movement, and those that have submitted what it answers.
func (g *Gateway) concerned(ctx context.Context, tx *store.Tx, in store.Inbound) (keys []string, err error) {
	add := func(key string) {
		if key != "" && !slices.Contains(keys, key) && len(keys) <= maxConcerned {
			keys = append(keys, key)
		}
	}
	if in.MovementID != "" {
		m, err := movementIn(ctx, tx, in.MovementID)
		if err != nil {
			return nil, err
		}
		for _, key := range g.ownOffices(m) {
			add(key)
		}
	}
	for _, id := range in.Answers {
		m, err := tx.MessageByDocument(ctx, id, in.Sender)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil {
			continue // another system sent it
		}
		sources, err := tx.Sources(ctx, m.Whole)
		if err != nil {
			return nil, err
		}
		for _, s := range sources {
			add(gateway.Office{Administration: g.Own, Code: s.Office}.Key())
		}
	}
	if len(keys) > maxConcerned {
		return []string{store.Everybody}, nil
	}
	return keys, nil
}

// Acknowledgements are the subscriptions by which a message was taken over.
func (g *Gateway) Acknowledgements(ctx context.Context, in store.Inbound) ([]store.Acknowledgement, error) {
	return g.Store.Read().AcknowledgementsOf(ctx, g.Own, in.Sender, in.ID, maxAcknowledgements)
}

// maxAcknowledgements is how many subscriptions of one message are shown.
const maxAcknowledgements = 100
