package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

// tally is what became of what one administration's clients handed in, by their own list and
// the databases of both sides.
type tally struct {
	acknowledged int // submissions that a client was answered for
	accepted     int // of them, whose message the partner has and has accepted by a verified receipt
	doubled      int // consignments that the partner has accepted more than once
	lost         int // acknowledged, and not accepted
	errors       []string
}

func (t *tally) loses(s *sent, format string, args ...any) {
	t.lost++
	t.errors = append(t.errors, s.id+": "+fmt.Sprintf(format, args...))
}

func (t *tally) err() error {
	if t.acknowledged == 0 || t.accepted != t.acknowledged || t.doubled > 0 || t.lost > 0 || len(t.errors) > 0 {
		return fmt.Errorf("of %d acknowledged %d are accepted, %d doubled, %d lost: %.20q", t.acknowledged, t.accepted, t.doubled, t.lost, t.errors)
	}
	return nil
}

// pageSize is how many rows are read at once.
const pageSize = 500

// count reads what became of a list, in both databases.
func count(ctx context.Context, from gateway.Administration, list []*sent, sender, receiver *store.Store) (*tally, error) {
	t := new(tally)
	known := make(map[gateway.MessageID]bool)
	for _, s := range list {
		if s.from != from {
			continue
		}
		if !s.acknowledged.IsZero() {
			t.acknowledged++
		}
		sub, err := sender.Read().Submission(ctx, s.office, s.id)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		var messages []store.Message
		if err == nil && sub.MessageID != "" {
			if messages, err = sender.Read().Messages(ctx, sub.MessageID); store.IgnoreNotFound(err) != nil {
				return nil, err
			}
		}
		for _, m := range messages {
			known[m.ID] = true
		}
		if s.acknowledged.IsZero() {
			continue
		}
		if len(messages) != 1 {
			t.loses(s, "it is %q in %d messages", sub.State, len(messages))
			continue
		}
		m := messages[0]
		in, err := receiver.Read().Inbound(ctx, from, m.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			t.loses(s, "the partner does not have the message, which is %s", m.State)
		case err != nil:
			return nil, err
		case m.State != gateway.Accepted || m.Receipt == nil || in.State != gateway.Accepted:
			t.loses(s, "the message is %s here, %s there", m.State, in.State)
		case in.PayloadDigest != m.PayloadDigest:
			t.loses(s, "the partner has other bytes")
		default:
			t.accepted++
		}
	}
	return t, t.received(ctx, from, known, receiver)
}

// received reads all that a partner has accepted: each consignment once, and none that its
// sender knows nothing of.
func (t *tally) received(ctx context.Context, from gateway.Administration, known map[gateway.MessageID]bool, receiver *store.Store) error {
	had := make(map[string]gateway.MessageID)
	for after := gateway.Commit(0); ; {
		page, err := receiver.Read().Inbox(ctx, store.InboxFilter{After: after, Limit: pageSize})
		if err != nil {
			return err
		}
		for _, in := range page {
			after = in.Commit
			if in.Sender != from {
				continue
			}
			if !known[in.ID] {
				t.errors = append(t.errors, fmt.Sprintf("message %s: its sender does not know it", in.ID))
			}
			of := in.Batch
			if of == "" {
				of = in.DocumentID
			}
			if other, ok := had[of]; ok {
				t.doubled++
				t.errors = append(t.errors, fmt.Sprintf("messages %s and %s are of one consignment", other, in.ID))
			}
			had[of] = in.ID
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// trail reads a whole audit trail, whose commits and leaves have no gap, and returns how long
// after an instant the last message was accepted that had been made before it.
func trail(ctx context.Context, db *store.Store, at time.Time) (time.Duration, error) {
	before := make(map[string]bool)
	var last time.Duration
	var leaf int64
	for commit := gateway.Commit(0); ; {
		page, err := db.Read().Audit(ctx, commit, pageSize)
		if err != nil {
			return 0, err
		}
		for _, row := range page {
			if row.Leaf != leaf || row.Commit != commit && row.Commit != commit+1 {
				return 0, fmt.Errorf("leaf %d of commit %d follows %d leaves and commit %d", row.Leaf, row.Commit, leaf, commit)
			}
			leaf, commit = row.Leaf+1, row.Commit
			switch row.Event {
			case "message queued":
				before[row.Subject] = row.At.Before(at)
			case "message accepted":
				if before[row.Subject] {
					last = max(last, row.At.Sub(at))
				}
			}
		}
		if len(page) == 0 {
			return last, nil
		}
	}
}
