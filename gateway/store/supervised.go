package store

import (
	"context"
	"fmt"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// Supervised is something that a post did beyond its routes, for a stated reason.
type Supervised struct {
	Leaf     int64 // of the audit trail
	Office   string
	At       time.Time
	Kind     string
	Caller   string
	Reason   string
	Movement gateway.MovementID // that was opened; empty for a search
	Subject  string             // what was looked for, or the record
}

// The kinds of what is supervised.
const (
	Searched = "searched" // for what is announced to other offices
	Opened   = "opened"   // what is announced to another office
	Recorded = "recorded" // the arrival of what is announced to another office
)

// Supervise stores what a post did now, and writes it into the audit trail: the digest is of the
// reason.
func (t *Tx) Supervise(s Supervised, event, subject string) error {
	if err := t.q.AddSupervised(within, digested("supervised", rows.AddSupervisedParams{
		Leaf: t.leaf, Office: s.Office, At: formatTime(t.now), Kind: s.Kind, Caller: s.Caller, Reason: s.Reason, Movement: string(s.Movement), Subject: s.Subject,
	})); err != nil {
		return put("supervised", err)
	}
	return t.Audit(s.Caller, event, subject, gateway.DigestOf([]byte(s.Reason)))
}

// SupervisedBy is when a caller did things of a kind after an instant, the last first.
func (t *Tx) SupervisedBy(ctx context.Context, caller, kind string, since time.Time, limit int) (at []time.Time, err error) {
	found, err := t.q.SupervisedBy(ctx, rows.SupervisedByParams{Caller: caller, Kind: kind, Since: formatTime(since), Most: int32(limit)})
	if err != nil {
		return nil, put("supervised", err)
	}
	var r reading
	for _, text := range found {
		at = append(at, r.time(text))
	}
	return at, r.err("supervised")
}

// SupervisedOf is what posts of an office, by its key, did in a span of time, in order, behind a leaf
// of the instant that it begins with; -1 begins at its beginning.
func (r reader) SupervisedOf(ctx context.Context, office string, from, until time.Time, after int64, limit int) (out []Supervised, err error) {
	found, err := ask(ctx, r, "supervised", func(ctx context.Context) ([]rows.Supervised, error) {
		return r.q.SupervisedOf(ctx, rows.SupervisedOfParams{Office: office, After: formatTime(from), Leaf: after, Until: formatTime(until), Most: int32(limit)})
	})
	if err != nil {
		return nil, err
	}
	read := r.reading()
	for _, s := range found {
		read.intact("supervised", fmt.Sprint(s.Leaf), &s)
		out = append(out, Supervised{
			Leaf: s.Leaf, Office: s.Office, At: read.time(s.At), Kind: s.Kind, Caller: s.Caller, Reason: s.Reason,
			Movement: gateway.MovementID(s.Movement), Subject: s.Subject,
		})
	}
	return out, read.err("supervised")
}
