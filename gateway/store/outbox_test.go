package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"customs.example/gateway"
)

func TestWhatIsNeededFirstGoesFirst(t *testing.T) { onEach(t, testWhatIsNeededFirst) }

// After an outage what was to arrive days ago is in the queue before what stands at the border now.
func testWhatIsNeededFirst(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	put := func(id string, needed time.Time, change func(*Message)) {
		do(t, s, func(tx *Tx) error {
			m := Message{
				ID: gateway.MessageID(id), Chain: gateway.MessageID(id), Recipient: "RU", State: gateway.Queued, Created: now.Add(-72 * time.Hour),
				ExpectedArrival: needed, NextAttempt: now.Add(-72 * time.Hour), ValidUntil: now.Add(time.Hour),
			}
			if change != nil {
				change(&m)
			}
			return tx.PutMessage(m)
		})
	}
	for i := range 5 {
		put(fmt.Sprint("old-", i), now.Add(-48*time.Hour), nil)
	}
	put("later", now.Add(6*time.Hour), nil)
	put("soon", now.Add(time.Hour), nil)
	put("soon-2", now.Add(30*time.Minute), func(m *Message) { m.Chain = "soon" })
	put("answer", time.Time{}, func(m *Message) { m.Created = now })
	put("waits", now, func(m *Message) { m.NextAttempt = now.Add(time.Minute) })
	put("done", now, func(m *Message) { m.State = gateway.Accepted })
	put("kz", now, func(m *Message) { m.Recipient = "KZ" })
	names := func(turns []Turn) (out []string) {
		for _, turn := range turns {
			out = append(out, string(turn.ID))
		}
		return out
	}
	near := must(s.Nearest(ctx, "RU", now.Add(-2*time.Hour), now, 10))(t)
	want(t, "needed first", []string{"answer", "soon", "later"}, names(near))
	for _, turn := range near {
		if !s.Holds(turn.Claim) {
			t.Errorf("%s is not this process's: %+v", turn.ID, turn.Claim)
		}
	}
	want(t, "at most two", []string{"answer", "soon"}, names(must(s.Nearest(ctx, "RU", now.Add(-2*time.Hour), now, 2))(t)))

	waiting := func(after WaitingCursor, limit int) (out []string, last WaitingCursor) {
		for _, m := range must(s.Read().WaitingFor(ctx, "RU", after, limit))(t) {
			out, last = append(out, string(m.ID)), m.Place()
		}
		return out, last
	}
	first, last := waiting(WaitingCursor{}, 6)
	want(t, "the first page", []string{"old-0", "old-1", "old-2", "old-3", "old-4", "answer"}, first)
	rest, _ := waiting(last, 10)
	want(t, "the second", []string{"waits", "soon-2", "soon", "later"}, rest)
	if head := must(s.Read().ChainHead(ctx, "soon"))(t); head != "soon" {
		t.Errorf("the chain begins with %s", head)
	}
	if _, err := s.Read().ChainHead(ctx, "done"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a chain that has ended: %v", err)
	}
}

func TestOneOrAllAreDueNow(t *testing.T) { onEach(t, testOneOrAllAreDueNow) }

func testOneOrAllAreDueNow(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	message := func(id string) Message {
		return Message{ID: gateway.MessageID(id), Chain: gateway.MessageID(id), Recipient: "RU", State: gateway.Sending, Created: now, NextAttempt: now.Add(time.Hour), Attempts: 3}
	}
	do(t, s, func(tx *Tx) (err error) {
		for _, id := range []string{"a", "b", "c", "d", "parked", "ended"} {
			m := message(id)
			m.Parked = id == "parked"
			if id == "ended" {
				m.State = gateway.Refused
			}
			err = errors.Join(err, tx.PutMessage(m))
		}
		return err
	})
	hasten := func(id string) (was bool) {
		do(t, s, func(tx *Tx) (err error) { was, err = tx.Hasten(message(id)); return err })
		return was
	}
	for id, want := range map[string]bool{"b": true, "parked": false, "ended": false, "nobody": false} {
		if got := hasten(id); got != want {
			t.Errorf("%s: %v", id, got)
		}
	}
	if hasten("b") {
		t.Error("what is due is hastened again")
	}
	for _, want := range []int{2, 1, 0} {
		do(t, s, func(tx *Tx) error {
			n, err := tx.HastenAll("RU", 2)
			if n != want {
				t.Errorf("%d of two at most, want %d", n, want)
			}
			return err
		})
	}
	for _, m := range must(s.Read().WaitingFor(ctx, "RU", WaitingCursor{}, 10))(t) {
		if due := !m.NextAttempt.After(now); due == m.Parked || m.Attempts != 3 {
			t.Errorf("%s: next at %v, %d attempts", m.ID, m.NextAttempt, m.Attempts)
		}
	}
}

func TestDeadLettersAreListedAndSentAgain(t *testing.T) { onEach(t, testDeadLetters) }

func testDeadLetters(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	for i := range 3 {
		do(t, s, func(tx *Tx) error {
			id := gateway.MessageID(fmt.Sprint("m-", i))
			return tx.PutMessage(Message{
				ID: id, Chain: "m-0", Recipient: "RU", State: gateway.Dead, Reason: "expired: outcome unknown", Created: now, NextAttempt: now,
				ValidUntil: now.Add(-time.Hour), Attempts: 4, Tries: 4, Sequence: gateway.Commit(i + 1), PayloadDigest: gateway.DigestOf([]byte(id)),
			})
		})
	}
	dead := func(before gateway.Commit, limit int) (out []string) {
		for _, m := range must(s.Read().DeadLetters(ctx, before, limit))(t) {
			out = append(out, string(m.ID))
		}
		return out
	}
	want(t, "all", []string{"m-2", "m-1", "m-0"}, dead(0, 10))
	second := must(s.Read().DeadLetters(ctx, 0, 2))(t)[1]
	want(t, "the last page", []string{"m-0"}, dead(second.Commit, 10))

	again := must(s.Read().Message(ctx, "m-0"))(t)
	again.State, again.ValidUntil = gateway.Sending, now.Add(time.Hour)
	do(t, s, func(tx *Tx) error { return tx.Redrive(again) })
	got := must(s.Read().Message(ctx, "m-0"))(t)
	if got.State != gateway.Sending || got.Reason != "" || !got.ValidUntil.Equal(now.Add(time.Hour)) || got.Attempts != 4 || got.Tries != 0 || got.Claim.Token != again.Claim.Token+1 {
		t.Errorf("sent again: %+v", got)
	}
	if _, err := s.Do(ctx, func(tx *Tx) error { return errors.Join(tx.Redrive(again), tx.Audit("x", "y", "z", gateway.Digest{})) }); !errors.Is(err, ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	stale := again
	if _, err := s.Do(ctx, func(tx *Tx) error {
		return errors.Join(tx.PutProgress(stale, false), tx.Audit("x", "y", "z", gateway.Digest{}))
	}); !errors.Is(err, ErrTaken) {
		t.Errorf("whoever had it writes: %v", err)
	}
	want(t, "then", []string{"m-2", "m-1"}, dead(0, 10))

	lapsed := func() (out []string) {
		for _, turn := range must(s.Lapsed(ctx, "RU", now.Add(2*time.Hour), 10))(t) {
			out = append(out, string(turn.ID))
		}
		return out
	}
	want(t, "whose validity is over", []string{"m-0"}, lapsed())

	evidence := gateway.DigestOf([]byte("letter"))
	said := Settlement{ID: "m-1", Recipient: "RU", Reason: "told by telephone", Evidence: evidence, Proposed: now, ProposedBy: "anna"}
	do(t, s, func(tx *Tx) error { return tx.PutSettlement(said, "m-1") })
	if got := must(s.Read().Settlement(ctx, "m-1"))(t); got.Evidence != evidence || got.ProposedBy != "anna" || !got.Confirmed.IsZero() {
		t.Errorf("proposed: %+v", got)
	}
	held := func() []Held {
		return must(s.Read().SettledWith(ctx, "RU", ExchangeCursor{At: now.Add(-time.Hour)}, now.Add(time.Hour), 10))(t)
	}
	if all := held(); len(all) != 0 || must(s.Read().Message(ctx, "m-1"))(t).State != gateway.Dead {
		t.Errorf("what nobody has confirmed is settled: %+v", all)
	}
	said.Confirmed, said.ConfirmedBy = now, "boris"
	do(t, s, func(tx *Tx) error { return tx.PutSettlement(said, "m-1") })
	if m := must(s.Read().Message(ctx, "m-1"))(t); m.State != gateway.Settled || m.Reason != said.Reason {
		t.Errorf("settled: %s %q", m.State, m.Reason)
	}
	if all := held(); len(all) != 1 || all[0].ID != "m-1" || all[0].Digest != gateway.DigestOf([]byte("m-1")) || all[0].Verdict != "" {
		t.Errorf("settled: %+v", all)
	}
	if _, err := s.Do(ctx, func(tx *Tx) error {
		return errors.Join(tx.PutSettlement(said, "m-1"), tx.Audit("x", "y", "z", gateway.Digest{}))
	}); !errors.Is(err, ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	do(t, s, func(tx *Tx) error { return tx.DropSettlement("m-1") })
	if got := must(s.Read().Settlement(ctx, "m-1"))(t); got.ConfirmedBy != "boris" {
		t.Errorf("what is confirmed is forgotten: %+v", got)
	}
	want(t, "left", []string{"m-2"}, dead(0, 10))

	do(t, s, func(tx *Tx) error {
		return tx.PutMessage(Message{ID: "m-3", Chain: "m-3", Recipient: "RU", State: gateway.Queued, Created: now, Repairs: "m-2"})
	})
	if all := must(s.Read().MadeAnew(ctx, "m-2", 5))(t); len(all) != 1 || all[0].ID != "m-3" || all[0].Repairs != "m-2" {
		t.Errorf("made anew: %+v", all)
	}
}
