package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/store"
)

// What a partner has for us and does not hand over is fetched from it: what Deliver would bring, which is
// received as if it had, and acknowledged by the receipt that Deliver would have answered with. What is
// not acknowledged the partner hands out again, under the same id, and gets the same receipt.

// Source is a partner from which is fetched what is for us.
type Source struct {
	URI             string                   // of its gateway
	Administrations []gateway.Administration // for whom it speaks
	Every           time.Duration            // how long between two looks, while nothing is there
	Link            FetchLink
}

// FetchLink is the link by which is fetched.
type FetchLink interface {
	// Subscribe begins a subscription to all that is for us; the same again changes nothing.
	Subscribe(ctx context.Context, name string, us gateway.Administration) error
	// Fetch returns about as many messages under a lease, without the documents for which there was no room.
	Fetch(ctx context.Context, name string, most int, lease time.Duration) (peer.Fetched, error)
	// Content returns the document of a fetched message, of at most as many bytes as given.
	Content(ctx context.Context, name string, m peer.FetchedMessage, most int) ([]byte, error)
	// Acknowledge hands over the receipt for a message under a lease.
	Acknowledge(ctx context.Context, name, lease string, receipt peer.Receipt) error
}

// How a gateway fetches.
const (
	FetchName  = "gateway" // of its subscription
	FetchAtOne = 10        // messages of one lease
	FetchLease = 10 * time.Second
	// maxFruitless is how many leases in a row that brought nothing are behind each other without a pause: as many
	// as hold all that a subscription may have open.
	maxFruitless = MaxOpen / FetchAtOne
)

// runSource fetches from a partner until the context ends.
func (g *Gateway) runSource(ctx context.Context, s Source) {
	subscribed, failures, fruitless := false, 0, 0
	for ctx.Err() == nil {
		taken, more, err := g.fetchFrom(ctx, s, &subscribed)
		wait := s.Every
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if failures++; failures == 1 {
				g.Log.Tell(event.Event{Name: event.FetchFailed, Partner: s.Administrations[0], Cause: err})
			}
			wait = max(wait, g.doubled(OutageInterval, failures, MaxOutageInterval))
		default:
			if failures > 0 {
				g.Log.Tell(event.Event{Name: event.FetchResumed, Partner: s.Administrations[0], Count: failures})
			}
			failures = 0
			if fruitless++; taken {
				fruitless = 0
			}
			if more && fruitless < maxFruitless {
				continue
			}
		}
		fruitless = 0
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// FetchFrom fetches once from a partner, and reports whether there may be more.
func (g *Gateway) FetchFrom(ctx context.Context, s Source) (more bool, err error) {
	_, more, err = g.fetchFrom(ctx, s, new(bool))
	return more, err
}

// fetchFrom reports also whether anything was taken. What is refused stays with the partner under its lease: what
// there is behind it comes next.
func (g *Gateway) fetchFrom(ctx context.Context, s Source, subscribed *bool) (taken, more bool, err error) {
	call := func(do func(ctx context.Context) error) error {
		bounded, cancel := context.WithTimeout(ctx, AttemptTimeout)
		defer cancel()
		return do(bounded)
	}
	if !*subscribed {
		if err := call(func(ctx context.Context) error { return s.Link.Subscribe(ctx, FetchName, g.Own) }); err != nil {
			return taken, false, err
		}
		*subscribed = true
	}
	var got peer.Fetched
	if err := call(func(ctx context.Context) (err error) {
		got, err = s.Link.Fetch(ctx, FetchName, FetchAtOne, FetchLease)
		return err
	}); err != nil {
		*subscribed = false // it may be there no more
		return taken, false, err
	}
	for _, m := range got.Messages {
		var failed error
		if err := call(func(ctx context.Context) error {
			receipt, err := g.takeFetched(ctx, s, m)
			if err != nil {
				failed = err
				return nil
			}
			return s.Link.Acknowledge(ctx, FetchName, got.Lease, peer.Receipt(receipt))
		}); err != nil {
			return taken, false, err
		}
		var refused gateway.Faults
		switch {
		case errors.As(failed, &refused) && refused[0].Code == gateway.StorageShort: // so would all others
			return taken, false, failed
		case refused != nil: // it stays with the partner; the others go on
			g.Log.Tell(event.Event{Name: event.FetchRefused, Partner: s.Administrations[0], ID: gateway.Clip(string(m.ID)), Codes: event.CodesOf(refused), Cause: failed})
		case failed != nil:
			return taken, false, failed
		default:
			taken = true
		}
	}
	return taken, got.More && len(got.Messages) > 0, nil
}

// takeFetched receives a fetched message as if it had been delivered.
func (g *Gateway) takeFetched(ctx context.Context, s Source, m peer.FetchedMessage) (store.Statement, error) {
	most := slices.Max(append(capsOf(g, s.Administrations), 0))
	if int64(most) < m.Size {
		return store.Statement{}, gateway.Faults{tooLarge(int(m.Size), most)}
	}
	payload := m.Payload
	if int64(len(payload)) != m.Size {
		room, err := g.Budget.Deliveries.Await(ctx, s.URI, m.Size)
		if err != nil {
			return store.Statement{}, err
		}
		defer room.Release()
		if payload, err = s.Link.Content(ctx, FetchName, m, most); err != nil {
			return store.Statement{}, err
		}
	}
	return g.Receive(ctx, s.URI, s.Administrations, m.Header, m.Signature, payload)
}

func capsOf(g *Gateway, of []gateway.Administration) (all []int) {
	for _, a := range of {
		all = append(all, g.capFrom(a))
	}
	return all
}
