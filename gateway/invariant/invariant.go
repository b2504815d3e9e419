// Package invariant checks what a gateway promises over what gateways and their clients have written
// down: databases of both sides, logs, figures, and the clients' own list of what was acknowledged. It owns the
// invariants I1 to I9 and refuses to use the code that it checks: it reads records, verifies signatures
// and counts, and knows nothing of how a message comes about.
//
//   - I1: every acknowledged submission exists, with the bytes that its client handed in.
//   - I2: each ends in exactly one of the promise's states, and the message that it became is there; what has not
//     ended has a time at which its wait does, or a person who is told of it.
//   - I3: the receiver holds each message of a sender at most once, and exactly once if the sender
//     knows it accepted; none that its sender does not know; one consignment is one message. What was made anew
//     stands for one that has ended without a verdict and that the receiver does not hold.
//   - I4: what was signed for is what is stored: digests of headers, receipts and records are those of
//     the bytes on both sides, and what a signed header says of its message is what is stored of it; each row
//     that carries a digest is as it was written.
//   - I5: nothing is accepted or refused without a verified receipt, and no receipt without its message;
//     nothing is settled by hand but by two persons.
//   - I6: the audit trail has no gap, and played again it gives the states that are stored.
//   - I7: no change overtook what it changes.
//   - I8: no data of persons in logs.
//   - I9: memory, goroutines and descriptors of a process that is at rest again are what they were before
//     anything came.
package invariant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Side is one administration's gateways: they share a database.
type Side struct {
	Own   gateway.Administration
	Store *store.Store
	Logs  []Log
	// Processes are its gateways' own, where their figures were kept.
	Processes []Process
}

// Log is what a gateway has logged.
type Log struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Acknowledged is a submission in its client's own list: one line of JSON in a file.
type Acknowledged struct {
	From        gateway.Administration `json:"from"`
	Office      string                 `json:"office"`
	ID          string                 `json:"id"`
	Digest      gateway.Digest         `json:"digest"`                // of what was handed in
	Consignment string                 `json:"consignment,omitempty"` // whose message it is part of; empty: of one of its own
}

// Violation is an invariant that does not hold.
type Violation struct {
	Invariant string                 `json:"invariant"`
	Side      gateway.Administration `json:"side"`
	Subject   string                 `json:"subject"` // an id
	What      string                 `json:"what"`
}

func (v Violation) String() string {
	return fmt.Sprintf("%s %s %s: %s", v.Invariant, v.Side, v.Subject, v.What)
}

// MaxViolations is how many violations are told; the rest are counted.
const MaxViolations = 1000

// Report is what a check has found.
type Report struct {
	Sides      []Count     `json:"sides"`
	Total      int         `json:"violations"` // how many there are
	Violations []Violation `json:"told"`       // the first of them
}

// Count is what was looked at of one side.
type Count struct {
	Side         gateway.Administration       `json:"side"`
	Acknowledged int                          `json:"acknowledged"` // submissions in the clients' list
	Messages     map[gateway.MessageState]int `json:"messages"`
	Inbound      map[gateway.MessageState]int `json:"inbound"`
	Duplicates   int                          `json:"duplicates"` // deliveries that came again and changed nothing
	AuditRows    int64                        `json:"auditRows"`
	LogLines     int                          `json:"logLines"`
	Processes    int                          `json:"processes"` // whose use was compared
}

// Check is one check of what gateways have written down. They MUST have ended, or what is half done
// would be told as wrong.
type Check struct {
	Sides []Side
	// Trust has the public keys of all sides.
	Trust *seal.Trust
	// Acknowledged are the clients' lists.
	Acknowledged []Acknowledged
	// Ended says that the sides had the time to bring everything to its end.
	Ended bool
	// At is when it is checked: of keys that are known to be compromised.
	At time.Time
}

// checker is a check at work.
type checker struct {
	Check
	report   *Report
	trails   map[gateway.Administration]*trail
	counts   map[gateway.Administration]*Count
	personal map[gateway.Administration]map[string]string // texts of persons, with their fields
}

// Run checks everything. The error says that something could not be read.
func (c Check) Run(ctx context.Context) (Report, error) {
	k := &checker{
		Check: c, report: &Report{Violations: []Violation{}},
		trails: make(map[gateway.Administration]*trail), counts: make(map[gateway.Administration]*Count),
		personal: make(map[gateway.Administration]map[string]string),
	}
	for _, s := range c.Sides {
		if k.counts[s.Own] != nil {
			return Report{}, fmt.Errorf("%s has two databases", s.Own)
		}
		k.personal[s.Own] = make(map[string]string)
		k.counts[s.Own] = &Count{Side: s.Own, Messages: make(map[gateway.MessageState]int), Inbound: make(map[gateway.MessageState]int)}
	}
	damaged := false
	for _, s := range c.Sides {
		if err := s.Store.Flaws(ctx, func(d store.Damage) {
			damaged = damaged || d.Table != "content" // what is named by its digest can be read
			k.broken("I4", s.Own, d.Key, "is not as it was written into %s", d.Table)
		}); err != nil {
			return Report{}, fmt.Errorf("rows of %s: %w", s.Own, err)
		}
	}
	if damaged { // which cannot be read: what else would be found follows from it
		return *k.report, nil
	}
	for _, s := range c.Sides {
		if err := k.replay(ctx, s); err != nil {
			return Report{}, fmt.Errorf("audit trail of %s: %w", s.Own, err)
		}
	}
	if err := k.acknowledged(ctx); err != nil {
		return Report{}, fmt.Errorf("submissions: %w", err)
	}
	for _, s := range c.Sides {
		k.processes(s)
		if err := errors.Join(k.sent(ctx, s), k.received(ctx, s), k.submissions(ctx, s), k.logs(s)); err != nil {
			return Report{}, fmt.Errorf("%s: %w", s.Own, err)
		}
	}
	for _, own := range slices.Sorted(maps.Keys(k.counts)) {
		k.report.Sides = append(k.report.Sides, *k.counts[own])
	}
	return *k.report, nil
}

// broken tells of an invariant that does not hold.
func (k *checker) broken(invariant string, side gateway.Administration, subject, format string, args ...any) {
	k.report.Total++
	if len(k.report.Violations) < MaxViolations {
		k.report.Violations = append(k.report.Violations, Violation{invariant, side, subject, fmt.Sprintf(format, args...)})
	}
}

// side is the one of an administration, if it is checked.
func (k *checker) side(own gateway.Administration) (Side, bool) {
	i := slices.IndexFunc(k.Sides, func(s Side) bool { return s.Own == own })
	if i < 0 {
		return Side{}, false
	}
	return k.Sides[i], true
}

// pageSize is how many records are read at once.
const pageSize = 500

// submissionEnds are the states in which a submission waits for nothing more.
var submissionEnds = []gateway.SubmissionState{gateway.Joined, gateway.Sent, gateway.Withdrawn, gateway.Expired, gateway.Faulty, gateway.Done}

// acknowledged checks what clients were answered for.
func (k *checker) acknowledged(ctx context.Context) error {
	of := make(map[[2]string]gateway.MessageID) // of a consignment of one side, its whole
	for _, a := range k.Acknowledged {
		s, ok := k.side(a.From)
		if !ok {
			return fmt.Errorf("%s is acknowledged by %s, which is not checked", a.ID, a.From)
		}
		k.counts[a.From].Acknowledged++
		arrival, err := s.Store.Read().Arrival(ctx, store.DoorSubmit, a.Office, a.ID)
		if errors.Is(err, store.ErrNotFound) {
			k.broken("I1", a.From, a.ID, "is acknowledged and did not arrive")
			continue
		}
		if err != nil {
			return err
		}
		if got := bytesOf(arrival); got != arrival.Digest || got != a.Digest {
			k.broken("I1", a.From, a.ID, "was handed in as %s, and is stored as %s of bytes that are %s", a.Digest, arrival.Digest, got)
		}
		sub, err := s.Store.Read().Submission(ctx, a.Office, a.ID)
		if errors.Is(err, store.ErrNotFound) {
			k.broken("I1", a.From, a.ID, "is acknowledged and was not judged")
			continue
		}
		if err != nil {
			return err
		}
		if k.Ended && !slices.Contains(submissionEnds, sub.State) {
			k.broken("I2", a.From, a.ID, "does not end: it is %s", sub.State)
		}
		if (sub.State == gateway.Joined || sub.State == gateway.Sent) != (sub.MessageID != "") && sub.State != gateway.Withdrawn {
			k.broken("I2", a.From, a.ID, "is %s with the message %q", sub.State, sub.MessageID)
		}
		if a.Consignment == "" || sub.MessageID == "" {
			continue
		}
		key := [2]string{string(a.From), a.Consignment}
		if other, known := of[key]; known && other != sub.MessageID {
			k.broken("I3", a.From, a.ID, "became message %s, and the rest of its consignment %s", sub.MessageID, other)
		}
		of[key] = sub.MessageID
	}
	return nil
}
