package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

func handoutIDs(hs []Handout) []string {
	return ids(hs, func(h Handout) string { return string(h.Message) })
}

// What is accepted keeps the number of the commit that accepted it, whatever becomes of it later: a cursor
// meets it once.
func TestWhatIsAcceptedIsMetOnceByACursor(t *testing.T) { onEach(t, testWhatIsAccepted) }

func testWhatIsAccepted(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	in := func(id string, state gateway.MessageState) Inbound {
		return Inbound{ID: gateway.MessageID(id), Sender: "RU", Kind: "Answer", State: state, Received: now, Offices: []string{"0603", "9402"}}
	}
	first := do(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutInbound(in("a", gateway.Accepted)), tx.PutInbound(in("b", gateway.Accepted)))
	})
	do(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutInbound(in("c", gateway.Parked)), tx.PutInbound(in("d", gateway.Refused)))
	})
	fourth := do(t, s, func(tx *Tx) error { return tx.PutInbound(in("e", gateway.Accepted)) })
	decoded := do(t, s, func(tx *Tx) error { return tx.PutInbound(in("c", gateway.Accepted)) })
	var firsts []bool
	for _, by := range []string{"one", "two"} {
		do(t, s, func(tx *Tx) error {
			first, err := tx.Acknowledge("RU", "A", by) // an id in other letters is another, but of a UUID
			again, err2 := tx.Acknowledge("RU", "a", by)
			firsts = append(firsts, first, again)
			return errors.Join(err, err2)
		})
	}
	if diff := cmp.Diff([]bool{false, true, false, false}, firsts); diff != "" {
		t.Errorf("the first counts (-want +got):\n%s", diff)
	}
	do(t, s, func(tx *Tx) error { return tx.PutInbound(in("e", gateway.Accepted)) })
	all := must(s.Read().AcceptedAfter(ctx, 0, 10))(t)
	want(t, "all", []string{"a", "b", "e", "c"}, inboundIDs(all))
	if all[0].Accepted != first || all[2].Accepted != fourth || all[3].Accepted != decoded || all[0].AcknowledgedBy != "one" || !cmp.Equal(all[0].Offices, []string{"0603", "9402"}) {
		t.Errorf("accepted %d %d %d, %+v", all[0].Accepted, all[2].Accepted, all[3].Accepted, all[0])
	}
	want(t, "one and what was accepted with it", []string{"a", "b"}, inboundIDs(must(s.Read().AcceptedAfter(ctx, 0, 1))(t)))
	want(t, "behind them", []string{"e", "c"}, inboundIDs(must(s.Read().AcceptedAfter(ctx, first, 10))(t)))
	want(t, "of one commit", []string{"c"}, inboundIDs(must(s.Read().AcceptedIn(ctx, decoded))(t)))
}

// Subscriptions and handouts come back as they were put, each owner's by itself; handouts that nobody has
// stand in the order in which they are handed out again.
func TestSubscriptionsAndHandouts(t *testing.T) { onEach(t, testSubscriptionsAndHandouts) }

func testSubscriptionsAndHandouts(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	sub := Subscription{
		Owner: "CN", Name: "answers", Created: now, CreatedBy: "one", Position: 7,
		Filter: FetchFilter{Senders: []gateway.Administration{"RU", "KZ"}, Offices: []string{"0603"}, Kinds: []string{"Answer"}, Since: now, Until: now.Add(time.Hour)},
	}
	other := Subscription{Owner: "KZ", Name: "answers", Created: now, CreatedBy: "two"}
	ended := Subscription{Owner: "CN", Name: "ended", Created: now, Ended: now, EndedBy: "one"}
	commit := do(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutSubscription(sub), tx.PutSubscription(other), tx.PutSubscription(ended))
	})
	sub.Commit = commit
	if diff := cmp.Diff(sub, must(s.Read().Subscription(ctx, "CN", "answers"))(t)); diff != "" {
		t.Errorf("(-put +got):\n%s", diff)
	}
	want(t, "those that have not ended", []string{"answers"}, ids(must(s.Read().Subscriptions(ctx, "CN", 10))(t), func(s Subscription) string { return s.Name }))
	for _, to := range []gateway.Commit{9, 11} { // the second from where the cursor is no more
		if err := s.Pass(ctx, sub, to); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(s.Read().Subscription(ctx, "CN", "answers"))(t); got.Position != 9 || got.Commit != commit {
		t.Errorf("the cursor is at %d, commit %d", got.Position, got.Commit)
	}
	if last := must(s.Read().LastCommit(ctx))(t); last != commit {
		t.Errorf("passing has made commit %d", last)
	}

	h := func(id string, accepted gateway.Commit, lease string, until time.Time) Handout {
		return Handout{Owner: "CN", Subscription: "answers", Message: gateway.MessageID(id), Sender: "RU", Accepted: accepted, Lease: lease, Holder: "one", Until: until, Times: 1}
	}
	acknowledged := h("f", 6, "L1", now)
	acknowledged.Acknowledged, acknowledged.AcknowledgedBy = now, "one"
	foreign := h("a", 1, "L1", now)
	foreign.Owner = "KZ"
	twin := h("a", 8, "L3", now.Add(time.Hour))
	twin.Sender = "KZ"
	do(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutHandout(h("a", 1, "L1", now)), tx.PutHandout(h("b", 2, "L1", now)), tx.PutHandout(h("c", 3, "", time.Time{})),
			tx.PutHandout(h("d", 4, "L2", now.Add(-time.Second))), tx.PutHandout(h("e", 5, "L3", now.Add(time.Minute))), tx.PutHandout(acknowledged), tx.PutHandout(foreign), tx.PutHandout(twin))
	})
	read := s.Read()
	want(t, "nobody's now", []string{"c", "d", "a", "b"}, handoutIDs(must(read.HandoutsUntil(ctx, "CN", "answers", now, 10))(t)))
	want(t, "the first of them", []string{"c", "d"}, handoutIDs(must(read.HandoutsUntil(ctx, "CN", "answers", now, 2))(t)))
	want(t, "all that is open", []string{"c", "d", "a", "b", "e", "a"}, handoutIDs(must(read.HandoutsOpen(ctx, "CN", "answers", 10))(t)))
	want(t, "of a lease", []string{"a", "b"}, handoutIDs(must(read.HandoutsUnder(ctx, "CN", "answers", "L1", 10))(t)))
	want(t, "of no lease", []string{}, handoutIDs(must(read.HandoutsUnder(ctx, "CN", "answers", "", 10))(t)))
	want(t, "of an id", []string{"a", "a"}, handoutIDs(must(read.HandoutsByID(ctx, "CN", "answers", "a"))(t)))
	if n := must(read.CountHandouts(ctx, "CN", "answers"))(t); n != 6 {
		t.Errorf("%d are open", n)
	}
	taken := must(read.AcknowledgementsOf(ctx, "CN", "RU", "f", 10))(t)
	if diff := cmp.Diff([]Acknowledgement{{"answers", now, "one"}}, taken); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := must(read.HandoutsByID(ctx, "CN", "answers", "f"))(t)
	acknowledged.Commit = got[0].Commit
	if diff := cmp.Diff(acknowledged, got[0]); diff != "" {
		t.Errorf("(-put +got):\n%s", diff)
	}
}

// What is sought is read by as many statements whatever is there.
func TestWhatIsSoughtAsksTheSame(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s, ctx := open(t), t.Context()
		seal := []Identifier{{"seal", "S"}}
		cost := func(want int) (n int64) {
			t.Helper()
			sum := func() (all int64) {
				for _, n := range s.Asked() {
					all += n
				}
				return all
			}
			before := sum()
			if found := must(s.Read().MovementsSought(ctx, seal, 100))(t); len(found) != want {
				t.Errorf("%d are found, want %d", len(found), want)
			}
			return sum() - before
		}
		none := cost(0)
		for i, many := range []int{1, 70, 60} { // in all 1, 71, and more than are looked at
			do(t, s, func(tx *Tx) (err error) {
				for j := range many {
					err = errors.Join(err, tx.PutMovement(Movement{ID: gateway.MovementID(fmt.Sprint("m", i, "-", j)), Opened: now}, seal))
				}
				return err
			})
			if got := cost(min(100, []int{1, 71, 131}[i])); got != none {
				t.Errorf("%d statements, and %d where there is nothing", got, none)
			}
		}
	})
}

// What waits for a partner is met in the order of the commits that created it, as long as it waits, and by nobody
// else.
func TestWhatWaitsForAPartnerIsMetByItsCursor(t *testing.T) { onEach(t, testWhatWaitsForAPartner) }

func testWhatWaitsForAPartner(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	put := func(state gateway.MessageState, to gateway.Administration, ids ...string) gateway.Commit {
		return do(t, s, func(tx *Tx) (err error) {
			for _, id := range ids {
				m := Message{ID: gateway.MessageID(id), Chain: gateway.MessageID(id), Recipient: to, State: state, Payload: []byte(id + " waits"), PayloadDigest: gateway.DigestOf([]byte(id))}
				err = errors.Join(err, tx.PutMessage(m))
			}
			return err
		})
	}
	of := func(all []Addressed) []string { return ids(all, func(m Addressed) string { return string(m.ID) }) }
	first := put(gateway.Queued, "KZ", "b", "a")
	put(gateway.Queued, "RU", "r")
	put(gateway.TakenBack, "KZ", "taken-back")
	last := put(gateway.Received, "KZ", "c")
	all := must(s.Read().WaitingAfter(ctx, "KZ", 0, 10))(t)
	want(t, "all", []string{"a", "b", "c"}, of(all))
	if all[0].Sequence != first || all[2].Sequence != last || all[0].Payload != nil || all[0].Size != len("a waits") || all[0].PayloadDigest != gateway.DigestOf([]byte("a")) {
		t.Errorf("%+v", all[0])
	}
	want(t, "one and what was created with it", []string{"a", "b"}, of(must(s.Read().WaitingAfter(ctx, "KZ", 0, 1))(t)))
	want(t, "behind them", []string{"c"}, of(must(s.Read().WaitingAfter(ctx, "KZ", first, 10))(t)))
	want(t, "behind the last", []string{}, of(must(s.Read().WaitingAfter(ctx, "KZ", last, 10))(t)))
	want(t, "behind what is no commit yet", []string{}, of(must(s.Read().WaitingAfter(ctx, "KZ", last+1_000, 10))(t)))
	want(t, "of one commit", []string{"a", "b"}, of(must(s.Read().WaitingOf(ctx, "KZ", first))(t)))
	want(t, "of another partner's commit", []string{}, of(must(s.Read().WaitingOf(ctx, "RU", first))(t)))
	m := must(s.Read().Message(ctx, "a"))(t)
	m.State, m.Attempts = gateway.Unsigned, 1
	do(t, s, func(tx *Tx) error { return tx.PutProgress(m, false) })
	want(t, "once one has ended", []string{"b", "c"}, of(must(s.Read().WaitingAfter(ctx, "KZ", 0, 10))(t)))
}
