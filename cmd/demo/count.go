package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/invariant"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// counted is what the databases of both sides, their logs and the clients' own list say after the
// gateways have ended.
type counted struct {
	invariant.Report
	after time.Duration // of an instant, the last of China's messages made before was accepted
}

// err is nil if every message was accepted, or ended in one of other states, and nothing that was promised is broken.
func (c counted) err(other ...gateway.MessageState) error {
	if c.Total > 0 {
		return fmt.Errorf("%d violations: %v", c.Total, c.Violations[:min(len(c.Violations), 20)])
	}
	for _, s := range c.Sides {
		ended := s.Messages[gateway.Accepted]
		for _, state := range other {
			ended += s.Messages[state]
		}
		all := 0
		for _, n := range s.Messages {
			all += n
		}
		if s.Acknowledged == 0 || s.Messages[gateway.Accepted] == 0 || ended < all {
			return fmt.Errorf("%s: of %d acknowledged became %v", s.Side, s.Acknowledged, s.Messages)
		}
	}
	return nil
}

// say shows it.
func (c counted) say(out *screen) {
	var rows [][]string
	for _, s := range c.Sides {
		rows = append(rows, []string{country[s.Side], itoa(s.Acknowledged), itoa(s.Messages[gateway.Accepted]), itoa(s.Inbound[gateway.Accepted]), itoa(s.Duplicates), itoa(int(s.AuditRows))})
	}
	out.table([]string{"", "acknowledged", "its messages accepted", "partner's accepted", "came again", "audit rows"}, rows)
	out.say("%d violations of what is promised (I1 to I9, gateway/invariant).", c.Total)
}

var country = map[gateway.Administration]string{"CN": "China", "RU": "Russia", "KZ": "Kazakhstan"}

// check has what is promised checked over sides that have ended: one of each database, with the logs of all
// that worked on it. Ahead is the most that a clock of theirs was.
func check(ctx context.Context, at time.Time, ahead time.Duration, list []*sent, databases map[gateway.Administration]string, sides ...*side) (c counted, err error) {
	k := invariant.Check{Ended: true, At: time.Now().Add(ahead)}
	var keys []seal.Verifier
	for _, own := range slices.Sorted(maps.Keys(databases)) {
		db, err := store.Open(ctx, databases[own], time.Now)
		if err != nil {
			return c, err
		}
		defer db.Close()
		s := invariant.Side{Own: own, Store: db}
		for _, g := range sides {
			if g.Own != own {
				continue
			}
			if g.process != nil {
				s.Processes = append(s.Processes, *g.process)
			}
			s.Logs = append(s.Logs, invariant.Log{Name: g.Name + ".log", Open: func() (io.ReadCloser, error) { return os.Open(g.log()) }})
			if len(s.Logs) > 1 {
				continue
			}
			key, err := seal.LoadVerifier(g.verifier())
			if err != nil {
				return c, err
			}
			keys = append(keys, key)
		}
		k.Sides = append(k.Sides, s)
		if own == "CN" {
			if c.after, err = accepted(ctx, db, at); err != nil {
				return c, err
			}
		}
	}
	if k.Trust, err = seal.NewTrust(keys...); err != nil {
		return c, err
	}
	for _, s := range list {
		if !s.acknowledged.IsZero() {
			k.Acknowledged = append(k.Acknowledged, invariant.Acknowledged{From: s.from, Office: s.office, ID: s.id, Digest: gateway.DigestOf(s.content), Consignment: s.of})
		}
	}
	c.Report, err = k.Run(ctx)
	return c, err
}

// accepted is how long after an instant the last message was accepted that had been made before it.
func accepted(ctx context.Context, db *store.Store, at time.Time) (last time.Duration, err error) {
	before := make(map[string]bool)
	for commit := gateway.Commit(0); ; {
		page, err := db.Read().Audit(ctx, commit, 500)
		for _, row := range page {
			switch commit = row.Commit; row.Event {
			case "message queued":
				before[row.Subject] = row.At.Before(at)
			case "message accepted":
				if before[row.Subject] {
					last = max(last, row.At.Sub(at))
				}
			}
		}
		if err != nil || len(page) == 0 {
			return last, errors.Join(err)
		}
	}
}
