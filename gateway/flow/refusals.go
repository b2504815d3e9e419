package flow

import (
	"context"
	"fmt"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

const (
	// RefusalInterval is how long refusals of one caller for one reason are counted
	// together: the first leaves its digest in the audit trail at once, the others leave
	// their number and one digest of all of theirs when it is over. A caller that does
	// nothing but be refused so writes two rows in it, however fast it is.
	RefusalInterval = time.Minute
	// maxRefusals bounds the reasons and callers that are counted apart.
	maxRefusals = 1000
)

// refusals counts what is turned away at the door.
type refusals struct {
	mu   sync.Mutex
	seen map[refusalKey]*refusal
}

type refusalKey struct {
	caller string
	code   gateway.Code
}

// refusal is what followed the first within its interval.
type refusal struct {
	since  time.Time
	more   int
	digest gateway.Digest // of their digests, in order, each behind that of those before it
}

// count notes a refusal. It reports whether it is the first of its interval, and what is
// left to be told of the interval before, under the key that it was counted by.
func (r *refusals) count(k refusalKey, digest gateway.Digest, at time.Time) (first bool, by refusalKey, before refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = make(map[refusalKey]*refusal)
	}
	known, ok := r.seen[k]
	if !ok && len(r.seen) >= maxRefusals {
		k = refusalKey{"others", "several reasons"}
		known, ok = r.seen[k]
	}
	if ok && at.Sub(known.since) < RefusalInterval {
		known.more++
		known.digest = gateway.DigestOf([]byte(known.digest.String() + digest.String()))
		return false, k, refusal{}
	}
	if ok {
		before = *known
	}
	r.seen[k] = &refusal{since: at}
	return true, k, before
}

// over takes out the intervals that are over at an instant; the zero time takes all.
func (r *refusals) over(at time.Time) map[refusalKey]refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[refusalKey]refusal)
	for k, v := range r.seen {
		if at.IsZero() || at.Sub(v.since) >= RefusalInterval {
			if v.more > 0 {
				out[k] = *v
			}
			delete(r.seen, k)
		}
	}
	return out
}

// refuse records by digest only what is turned away at the door.
func (g *Gateway) refuse(ctx context.Context, c Caller, content []byte, faults ...gateway.Fault) error {
	k, digest := refusalKey{c.URI, faults[0].Code}, gateway.DigestOf(content)
	first, by, before := g.refusals.count(k, digest, g.Now())
	if !first {
		return gateway.Faults(faults)
	}
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		if err := before.audit(tx, by); err != nil {
			return err
		}
		return tx.Audit(c.URI, "refused at the door", string(k.code), digest)
	})
	if err != nil {
		return err
	}
	return gateway.Faults(faults)
}

// audit tells of those that followed the first.
func (r refusal) audit(tx *store.Tx, k refusalKey) error {
	if r.more == 0 {
		return nil
	}
	return tx.Audit(k.caller, fmt.Sprintf("refused at the door, %d more", r.more), string(k.code), r.digest)
}

// tellRefusals records what was counted in intervals that are over at an instant; at the
// zero time, which is a stop, all of them.
func (g *Gateway) tellRefusals(ctx context.Context, at time.Time) error {
	over := g.refusals.over(at)
	if len(over) == 0 {
		return nil
	}
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		for k, r := range over {
			if err := r.audit(tx, k); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}
