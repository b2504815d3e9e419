// Package flow owns the order of the steps: what is stored, judged, translated,
// sealed, delivered and compared, and when somebody is answered. It refuses to know
// SQL, XML, TLS or any wire: those who do are called in order.
package flow

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/recognition"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
	"customs.example/gateway/validate"
)

// Link hands sealed messages to a partner, by the profile of its link: over gRPC, by HTTPS, as envelopes or into a
// folder. How it does so is its own; what it answers with counts the same.
type Link interface {
	// Deliver hands a message over, and again the same id and bytes when it is called again. It returns the
	// partner's receipt as received; or that the partner acknowledges without a signature, which a link MUST
	// answer only where the partner's record allows it; or that its receipt comes later, and then whoever hears
	// it hands it to Gateway.TakeReceipt. An error wraps *peer.NotSentError if the partner cannot have the message.
	Deliver(ctx context.Context, m seal.Sealed) (peer.Answer, error)
}

// Asked is a link over which a partner's gateway can be asked, too, what it holds.
type Asked interface {
	Link
	// Status returns what the partner states of messages, as received.
	Status(ctx context.Context, query seal.Signed) (peer.Receipt, error)
	// Balance returns the partner's page of a balance as received.
	Balance(ctx context.Context, query seal.Signed) (peer.Receipt, error)
	// Attachment returns the bytes of an attachment that a message of the partner's names, from an
	// offset on, some after the other. An error ends them.
	Attachment(ctx context.Context, id gateway.MessageID, digest gateway.Digest, offset int64) iter.Seq2[[]byte, error]
}

// Options make a Gateway. All are required but Agreements, Links, Fetches, Sources, Caps, AttachmentTerms, Retention, Drain, InFlight, Budget, Disk and Log.
type Options struct {
	Own             gateway.Administration
	Chain           *Chain
	Store           *store.Store
	Keys            *seal.Keyring
	Trust           *seal.Trust
	Tolerances      reconcile.Tolerances
	Agreements      recognition.Agreements                     // by which controls are recognised
	Links           map[gateway.Administration]Link            // who is asked to deliver for whom
	Fetches         map[gateway.Administration]Fetches         // who fetches what is for it: nothing is handed over to it
	Sources         []Source                                   // from whom is fetched what is for us
	Caps            map[gateway.Administration]int             // whose messages may have more bytes than others
	AttachmentTerms map[gateway.Administration]AttachmentTerms // whose attachments are fetched
	Retention       Retention                                  // how long documents are kept that no route says it of
	Drain           time.Duration                              // how long a stop waits for deliveries under way; by default DrainTime
	InFlight        map[gateway.Administration]int             // how many messages travel to whom at once; by default InFlight
	Budget          *budget.Process                            // what may be used at once; by default its Default
	Disk            func() (used float64, err error)           // which part of the database's disk is in use; nil: nobody looks
	Now             func() time.Time
	NewID           func() string  // a fresh UUID
	Jitter          func() float64 // in [0, 1)
	Log             *event.Log
}

// Gateway runs both sentences for one administration.
type Gateway struct {
	Options
	couriers     map[gateway.Administration]*courier
	balancers    map[gateway.Administration]*balancer
	fetchers     map[gateway.Administration]*fetcher
	pieceTimeout time.Duration // PieceTimeout, but in tests
	desk         desk
	refusals     refusals
	diskUnknown  outage // looks at the disk that failed
	diskFull     outage // what was not taken for want of room on it
}

// New returns a gateway. Run starts its couriers.
func New(o Options) *Gateway {
	g := &Gateway{Options: o, pieceTimeout: PieceTimeout, couriers: make(map[gateway.Administration]*courier), balancers: make(map[gateway.Administration]*balancer), fetchers: make(map[gateway.Administration]*fetcher)}
	if o.Budget == nil {
		g.Budget = budget.New(budget.Default)
	}
	chain := *o.Chain
	chain.Limits = chain.Limits.For(chain.Cap())
	for _, most := range o.Caps {
		chain.Limits = chain.Limits.For(most)
	}
	g.Chain = &chain
	for a := range o.Links {
		g.couriers[a] = newCourier(g, a)
		g.balancers[a] = &balancer{g: g, with: a, wake: make(chan struct{}, 1)}
		g.fetchers[a] = &fetcher{g: g, from: a, wake: make(chan struct{}, 1)}
		_, asked := g.asked(a)
		g.balancers[a].opened.Store(g.Pulls(a) || !asked) // who cannot be asked
	}
	return g
}

// asked is the link to an administration's partner, if that can be asked over it.
func (g *Gateway) asked(a gateway.Administration) (Asked, bool) {
	link, ok := g.Links[a].(Asked)
	return link, ok
}

// Caller is who asks, as the door has verified it.
type Caller struct {
	URI    string
	Office string                   // the office it submits for
	Speaks []gateway.Administration // of a partner's gateway: for whom it speaks
	For    gateway.Administration   // whose subscription it begins; empty: of the only one that it may
}

// Run judges what has no judgement, delivers and expires until the context ends. Each
// does so beside the others.
func (g *Gateway) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, c := range g.couriers {
		wg.Go(func() { c.run(ctx) })
	}
	for _, b := range g.balancers {
		wg.Go(func() { b.run(ctx) })
	}
	for _, f := range g.fetchers {
		wg.Go(func() { f.run(ctx) })
	}
	for _, s := range g.Sources {
		wg.Go(func() { g.runSource(ctx, s) })
	}
	wg.Go(func() { g.judging(ctx) })
	wg.Go(func() { g.sweep(ctx) })
	wg.Go(func() { g.heed(ctx) })
	wg.Wait()
}

// heed wakes the couriers for what other processes leave to them.
func (g *Gateway) heed(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.Store.ChangedByOthers():
		}
		for to := range g.couriers {
			g.notify(to)
			g.fetchNow(to)
		}
	}
}

// SweepEvery is how often it is looked for held parts, movements, attachments and documents whose time is over, and for
// refusals that are counted and not recorded.
const SweepEvery = time.Minute

// sweep looks at once, for what was over while nobody looked, and then again and again.
func (g *Gateway) sweep(ctx context.Context) {
	tick := time.NewTicker(SweepEvery)
	defer tick.Stop()
	for {
		if err := g.ExpireHeld(ctx); err != nil && ctx.Err() == nil {
			g.Log.Tell(event.Event{Name: event.HeldNotExpired, Cause: err})
		}
		if err := g.TellOverdue(ctx); err != nil && ctx.Err() == nil {
			g.Log.Tell(event.Event{Name: event.OverdueNotTold, Cause: err})
		}
		if err := g.EraseAttachments(ctx); err != nil && ctx.Err() == nil {
			g.Log.Tell(event.Event{Name: event.AttachmentsNotErased, Cause: err})
		}
		if err := g.EraseDocuments(ctx); err != nil && ctx.Err() == nil {
			g.Log.Tell(event.Event{Name: event.DocumentsNotErased, Cause: err})
		}
		if err := g.tellRefusals(ctx, g.Now()); err != nil && ctx.Err() == nil {
			g.Log.Tell(event.Event{Name: event.RefusalsNotCounted, Cause: err})
		}
		select {
		case <-ctx.Done():
			if err := g.tellRefusals(context.WithoutCancel(ctx), time.Time{}); err != nil {
				g.Log.Tell(event.Event{Name: event.RefusalsNotCounted, Cause: err})
			}
			return
		case <-tick.C:
		}
	}
}

// errExpired says that another process was faster with what was over.
var errExpired = errors.New("these have ended already")

// expireAtOnce is how many held parts end in one unit of work.
const expireAtOnce = 200

// ExpireHeld ends the held submissions that have waited longer than they may.
func (g *Gateway) ExpireHeld(ctx context.Context) error {
	for {
		past, err := g.Store.Read().HeldPast(ctx, g.Now(), expireAtOnce)
		if err != nil || len(past) == 0 {
			return err
		}
		var expired int
		_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
			expired = 0
			for _, s := range past {
				now, err := tx.Submission(ctx, s.Office, s.ID)
				if err != nil {
					return err
				}
				if now.State != gateway.Held {
					continue
				}
				expired++
				if slices.Contains(now.WaitsFor, WaitsForNumber) { // it goes without
					now.Expires = time.Time{}
					if err := errors.Join(tx.PutSubmission(now), judgeAnew(ctx, tx, now, "the number did not come in time")); err != nil {
						return err
					}
					continue
				}
				now.State, now.Reason = gateway.Expired, notInTime(now)
				if err := errors.Join(tx.PutSubmission(now), auditState(tx, "gateway", now), g.actEnded(ctx, tx, now.MessageID, now)); err != nil {
					return err
				}
			}
			if expired == 0 {
				return errExpired
			}
			return tx.Audit("gateway", "held parts expired", past[0].Route, gateway.Digest{})
		})
		if errors.Is(err, errExpired) {
			continue
		}
		if err == nil {
			g.Log.Tell(event.Event{Name: event.PartsExpired, Count: expired})
		}
		if err != nil || len(past) < expireAtOnce {
			return err
		}
	}
}

// notInTime says what did not come in time that a submission has waited for.
func notInTime(s store.Submission) string {
	switch {
	case slices.Contains(s.WaitsFor, WaitsForAnswer):
		return "the answer with the number to take it back by did not come in time"
	case slices.Contains(s.WaitsFor, WaitsForRuling):
		return "nobody ruled in time on the texts in which a price was found"
	case slices.Contains(s.WaitsFor, WaitsForApproval):
		return "it was not approved in time"
	case slices.Contains(s.WaitsFor, WaitsForDeparture):
		return "its departure was not recorded in time"
	case slices.Contains(s.WaitsFor, WaitsForVehicles):
		return "nobody said in time which vehicles are meant"
	case slices.Contains(s.WaitsFor, WaitsForEarlier):
		return "what came before it did not end in time"
	}
	return "the other parts did not come in time"
}

func (g *Gateway) scope(partner gateway.Administration) validate.Scope {
	return validate.Scope{Own: g.Own, Partner: partner, At: g.Now()}
}

func fault(code gateway.Code, value, expected string) gateway.Fault {
	return gateway.Fault{Code: code, Severity: gateway.Error, Value: value, Expected: gateway.Term(expected)}
}

// wanting is a fault that says in words what would have been right.
func wanting(code gateway.Code, value string, want gateway.Wording, terms ...string) gateway.Fault {
	return gateway.Fault{Code: code, Severity: gateway.Error, Value: value, Expected: gateway.Say(want, terms...)}
}

// asFaults returns the faults that an error carries, or one that says it is ours.
func asFaults(err error) gateway.Faults {
	var faults gateway.Faults
	var one gateway.Fault
	switch {
	case errors.As(err, &faults):
		return faults
	case errors.As(err, &one):
		return gateway.Faults{one}
	}
	return gateway.Faults{fault(gateway.Internal, "", "")}
}
