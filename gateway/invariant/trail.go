package invariant

import (
	"context"
	"errors"
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

// trail is what an audit trail says of everything that has a state: played from its beginning.
type trail struct {
	messages    map[gateway.MessageID]gateway.MessageState
	inbound     map[gateway.MessageID]gateway.MessageState
	decided     map[gateway.MessageID]int64          // leaf of an inbound message's first verdict
	redriven    map[gateway.MessageID]bool           // dead letters that somebody has sent again, until they are
	digests     map[gateway.MessageID]gateway.Digest // of a message, and of an inbound one, in all rows that say a state
	settled     map[gateway.MessageID][2]string      // who has said so, and who has confirmed it
	submissions map[string]*told                     // by office and id
	offices     map[string]bool
}

// told is what was said of a submission. To two addressees it is two, which the trail calls by one id and
// which end separately: of these any state will do that was said.
type told struct {
	states []gateway.SubmissionState // the last of all at the end
	commit gateway.Commit            // of the last
	twice  bool                      // in one commit: it has two addressees
}

// The first words of an audit row that says a state, which is its last word.
const (
	saidOfMessage    = "message "
	saidOfInbound    = "received "
	saidOfDecoded    = "decoded "
	saidOfSubmission = "submission "
)

// What a person does with a dead letter.
const (
	saidRedriven = "dead letter sent again"
	saidSettled  = "settlement by hand said"
)

// replay plays an audit trail: its commits and leaves have no gap, and each message's states follow each
// other as they may.
func (k *checker) replay(ctx context.Context, s Side) error {
	t := &trail{
		messages: make(map[gateway.MessageID]gateway.MessageState), inbound: make(map[gateway.MessageID]gateway.MessageState),
		decided: make(map[gateway.MessageID]int64), digests: make(map[gateway.MessageID]gateway.Digest), redriven: make(map[gateway.MessageID]bool), settled: make(map[gateway.MessageID][2]string), submissions: make(map[string]*told), offices: make(map[string]bool),
	}
	k.trails[s.Own] = t
	count := k.counts[s.Own]
	var commit gateway.Commit
	for {
		page, err := s.Store.Read().Audit(ctx, commit, pageSize)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, row := range page {
			next := commit + 1
			if row.Event == "database restored" { // numbers begin anew, far behind those that were lost
				next = row.Commit
			}
			if row.Leaf != count.AuditRows || row.Commit != commit && row.Commit != next {
				k.broken("I6", s.Own, row.Subject, "leaf %d of commit %d follows %d leaves and commit %d", row.Leaf, row.Commit, count.AuditRows, commit)
			}
			count.AuditRows, commit = row.Leaf+1, row.Commit
			k.play(s.Own, t, row)
		}
	}
}

// play is one row.
func (k *checker) play(own gateway.Administration, t *trail, row store.AuditRow) {
	word := func(prefix string) (string, bool) { return strings.CutPrefix(row.Event, prefix) }
	if row.Event == "arrived again" && strings.HasPrefix(row.Subject, store.DoorPeer+" ") {
		k.counts[own].Duplicates++
	}
	if state, ok := word(saidOfSubmission); ok {
		of := t.submissions[row.Subject]
		if of == nil {
			of = new(told)
			t.submissions[row.Subject] = of
		}
		of.twice = of.twice || of.commit == row.Commit
		of.states, of.commit = append(of.states, gateway.SubmissionState(state)), row.Commit
		office, _, _ := strings.Cut(row.Subject, " ")
		t.offices[office] = true
	}
	id := gateway.MessageID(row.Subject)
	switch by := t.settled[id]; row.Event {
	case saidRedriven:
		t.redriven[id] = t.messages[id] == gateway.Dead
	case saidSettled:
		t.settled[id] = [2]string{row.Actor, ""}
	case saidOfMessage + string(gateway.Settled):
		t.settled[id] = [2]string{by[0], row.Actor}
	}
	for _, prefix := range []string{saidOfInbound, saidOfDecoded} {
		if state, ok := word(prefix); ok {
			k.step(own, row, t.inbound, id, gateway.MessageState(state))
			k.same(own, t, id, row)
			if now := t.inbound[id]; t.decided[id] == 0 && (now == gateway.Accepted || now == gateway.Refused) {
				t.decided[id] = row.Leaf
			}
		}
	}
	if state, ok := word(saidOfMessage); ok && slices.Contains(gateway.MessageStates, gateway.MessageState(state)) {
		if next := gateway.MessageState(state); t.messages[id] == "" && next != gateway.Queued {
			k.broken("I6", own, string(id), "became %s, and was never queued (leaf %d)", next, row.Leaf)
		} else if t.redriven[id] && (next == gateway.Queued || next == gateway.Sending) {
			t.messages[id] = next
		}
		t.redriven[id] = false
		k.same(own, t, id, row)
		k.step(own, row, t.messages, id, gateway.MessageState(state))
	}
}

// same checks that all rows of a message name the same bytes.
func (k *checker) same(own gateway.Administration, t *trail, id gateway.MessageID, row store.AuditRow) {
	if before, known := t.digests[id]; known && before != row.Digest {
		k.broken("I6", own, string(id), "is %s, which was %s (leaf %d)", row.Digest, before, row.Leaf)
	}
	t.digests[id] = row.Digest
}

// step is one state after another, which MUST be one that may follow. What is said again is no step; what
// could not be sent at all goes back to its queue.
func (k *checker) step(own gateway.Administration, row store.AuditRow, states map[gateway.MessageID]gateway.MessageState, id gateway.MessageID, next gateway.MessageState) {
	before, known := states[id]
	switch {
	case !known, before == next, before.CanBecome(next), before == gateway.Sending && next == gateway.Queued:
	default:
		k.broken("I6", own, string(id), "became %s, which was %s (leaf %d)", next, before, row.Leaf)
	}
	states[id] = next
}

// submissions checks that each has the state that the trail says, and that the trail knows each.
func (k *checker) submissions(ctx context.Context, s Side) error {
	t := k.trails[s.Own]
	seen := make(map[string]bool)
	for office := range t.offices {
		var before gateway.Commit
		for {
			page, err := s.Store.Read().Submissions(ctx, store.SubmissionFilter{Offices: []string{office}, Before: before, Limit: pageSize})
			if err != nil {
				return err
			}
			for _, sub := range page {
				before = sub.Commit
				subject := sub.Office + " " + sub.ID
				seen[subject] = true
				full, err := s.Store.Read().Submission(ctx, sub.Office, sub.ID)
				if err != nil {
					return err
				}
				k.note(s, full.Canonical)
				if err := k.submissionWaits(ctx, s, full); err != nil {
					return err
				}
				if sub.MessageID != "" {
					if _, err := s.Store.Read().Message(ctx, sub.MessageID); errors.Is(err, store.ErrNotFound) {
						k.broken("I2", s.Own, subject, "is %s with the message %s, which is not stored", sub.State, sub.MessageID)
					} else if err != nil {
						return err
					}
				}
				if sub.State == gateway.Arrived || sub.State == gateway.SetAside {
					continue // the trail says so of the arrival
				}
				of := t.submissions[subject]
				switch {
				case of == nil:
					k.broken("I6", s.Own, subject, "is %s, and the audit trail does not know it", sub.State)
				case of.states[len(of.states)-1] != sub.State && !(of.twice && slices.Contains(of.states, sub.State)):
					k.broken("I6", s.Own, subject, "is %s, and the audit trail says last %s", sub.State, of.states[len(of.states)-1])
				}
			}
			if len(page) < pageSize {
				break
			}
		}
	}
	for subject := range t.submissions {
		if !seen[subject] {
			k.broken("I6", s.Own, subject, "is in the audit trail and not stored")
		}
	}
	return nil
}
