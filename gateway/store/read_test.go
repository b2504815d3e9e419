package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

func ids[T any](recs []T, id func(T) string) []string {
	out := []string{}
	for _, r := range recs {
		out = append(out, id(r))
	}
	return out
}

func submissionIDs(subs []Submission) []string {
	return ids(subs, func(s Submission) string { return s.ID })
}
func messageIDs(ms []Message) []string {
	return ids(ms, func(m Message) string { return string(m.ID) })
}
func movementIDs(ms []Movement) []string {
	return ids(ms, func(m Movement) string { return string(m.ID) })
}
func inboundIDs(ms []Inbound) []string {
	return ids(ms, func(m Inbound) string { return string(m.ID) })
}

func want(t *testing.T, what string, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestNothingIsFoundInAnEmptyStore(t *testing.T) { onEach(t, testNothingIsFoundInAnEmptyStore) }

func testNothingIsFoundInAnEmptyStore(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	r := s.Read()
	for what, err := range map[string]error{
		"arrival":             second(r.Arrival(ctx, DoorSubmit, "0603", "x")),
		"submission":          second(r.Submission(ctx, "0603", "x")),
		"message":             second(r.Message(ctx, "x")),
		"messages":            second(r.Messages(ctx, "x")),
		"message by document": second(r.MessageByDocument(ctx, "x", "RU")),
		"announced":           second(r.Announced(ctx, "x", "x")),
		"inbound":             second(r.Inbound(ctx, "RU", "x")),
		"inbound by document": second(r.InboundByDocument(ctx, "RU", "x")),
		"movement":            second(r.Movement(ctx, "x")),
	} {
		if !errors.Is(err, ErrNotFound) || IgnoreNotFound(err) != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if turns, err := s.Turns(ctx, "RU", now, 1); err != nil || len(turns) != 0 {
		t.Errorf("turns %v, %v", turns, err)
	}
	if ms, err := r.MovementsBy(ctx, nil, 0, 10); err != nil || ms != nil {
		t.Errorf("movements by nothing: %v, %v", ms, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestArrivalsWaitUntilTheyAreJudged(t *testing.T) { onEach(t, testArrivalsWaitUntilTheyAreJudged) }

func testArrivalsWaitUntilTheyAreJudged(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	for _, a := range []Arrival{
		{Door: DoorSubmit, Party: "0603", ID: "one"}, {Door: DoorPeer, Party: "RU", ID: "one"},
		{Door: DoorSubmit, Party: "0603", ID: "two", Judged: true, Trouble: "once"}, {Door: DoorSubmit, Party: "9402", ID: "one"},
		{Door: DoorBorder, Party: "0603", ID: "later", NextTry: now.Add(1), Tries: 2, Trouble: "x"},
		{Door: DoorBorder, Party: "0603", ID: "now", NextTry: now, Tries: 1, Trouble: "y"},
		{Door: DoorPeer, Party: "KZ", ID: "parked", Parked: true, Tries: 6, Trouble: "z"},
	} {
		do(t, s, func(tx *Tx) error { return tx.PutArrival(a) })
	}
	name := func(a ArrivalKey) string { return a.Door + " " + a.Party + " " + a.ID }
	got := ids(must(s.Unjudged(ctx, now, 9))(t), name)
	want(t, "unjudged", []string{"submit 0603 one", "peer RU one", "submit 9402 one", "border 0603 now"}, got)
	want(t, "the first", []string{"submit 0603 one", "peer RU one"}, ids(must(s.Unjudged(ctx, now, 2))(t), name))

	trouble := func(a Troubled) string { return a.ID + " " + a.Trouble }
	all := must(s.Read().Troubled(ctx, 0, 9))(t)
	want(t, "troubled", []string{"later x", "now y", "parked z"}, ids(all, trouble))
	want(t, "the next page", []string{"now y", "parked z"}, ids(must(s.Read().Troubled(ctx, all[0].Commit, 9))(t), trouble))
	want(t, "by id", []string{"parked z"}, ids(must(s.Read().TroubledBy(ctx, "parked"))(t), trouble))
	want(t, "judged by id", []string{}, ids(must(s.Read().TroubledBy(ctx, "two"))(t), trouble))
}

func TestHeldPartsAreFoundByTheirKeyAndTime(t *testing.T) {
	onEach(t, testHeldPartsAreFoundByTheirKeyAndTime)
}

func testHeldPartsAreFoundByTheirKeyAndTime(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	for i, sub := range []Submission{
		{ID: "b", Route: "r", JoinKey: "k", State: gateway.Held, Expires: now},
		{ID: "a", Route: "r", JoinKey: "k", State: gateway.Held, Expires: now.Add(1)},
		{ID: "joined", Route: "r", JoinKey: "k", State: gateway.Joined, Expires: now},
		{ID: "other key", Route: "r", JoinKey: "K", State: gateway.Held},
		{ID: "other route", Route: "R", JoinKey: "k", State: gateway.Held, Expires: now.Add(-time.Hour)},
	} {
		sub.Office = fmt.Sprint(i)
		do(t, s, func(tx *Tx) error { return tx.PutSubmission(sub) })
	}
	want(t, "held", []string{"b", "a"}, submissionIDs(must(s.Read().Held(ctx, "r", "k"))(t)))
	past := submissionIDs(must(s.Read().HeldPast(ctx, now, 10))(t))
	slices.Sort(past)
	want(t, "past", []string{"b", "other route"}, past)
	do(t, s, func(tx *Tx) error { // a unit sees what it has written itself
		err := tx.PutSubmission(Submission{Office: "0", ID: "b", Route: "r", JoinKey: "k", State: gateway.Withdrawn})
		want(t, "held within the unit", []string{"a"}, submissionIDs(must(tx.Held(ctx, "r", "k"))(t)))
		return err
	})
}

func TestJoinedPartsStandInOrderOfTheirPart(t *testing.T) {
	onEach(t, testJoinedPartsStandInOrderOfTheirPart)
}

func testJoinedPartsStandInOrderOfTheirPart(t *testing.T, open opener) {
	s := open(t)
	for _, sub := range []Submission{
		{ID: "1", Part: "vehicle", MessageID: "m"}, {ID: "2", Part: "manifest", MessageID: "m"}, {ID: "3", Part: "manifest", MessageID: "n"},
	} {
		do(t, s, func(tx *Tx) error { return tx.PutSubmission(sub) })
	}
	want(t, "joined", []string{"2", "1"}, submissionIDs(must(s.Read().Joined(t.Context(), "m"))(t)))
}

func TestMessagesOfAWholeStandInOrderAndTouchTheirSubmission(t *testing.T) {
	onEach(t, testMessagesOfAWholeStandInOrderAndTouchTheirSubmission)
}

func testMessagesOfAWholeStandInOrderAndTouchTheirSubmission(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	do(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.PutSubmission(Submission{Office: "0603", ID: "1", State: gateway.Sent, MessageID: "m"}),
			tx.PutMessage(Message{ID: "a", Whole: "m", Part: 2, State: gateway.Queued}),
			tx.PutMessage(Message{ID: "m", Whole: "m", Part: 1, State: gateway.Queued}),
			tx.PutMessage(Message{ID: "other", State: gateway.Queued}))
	})
	want(t, "messages", []string{"m", "a"}, messageIDs(must(s.Read().Messages(ctx, "m"))(t)))
	want(t, "messages of a whole of one part", []string{"other"}, messageIDs(must(s.Read().Messages(ctx, "other"))(t)))
	no := do(t, s, func(tx *Tx) error {
		return tx.PutMessage(Message{ID: "a", Whole: "m", Part: 2, State: gateway.Refused})
	})
	if sub := must(s.Read().Submission(ctx, "0603", "1"))(t); sub.Commit != no {
		t.Errorf("the submission changed at %d, its second message at %d", sub.Commit, no)
	}
	for _, state := range []gateway.MessageState{gateway.Queued, gateway.Refused} {
		f := SubmissionFilter{Offices: []string{"0603"}, MessageState: state, Limit: 10}
		want(t, "with a message "+string(state), []string{"1"}, submissionIDs(must(s.Read().Submissions(ctx, f))(t)))
	}
}

func TestSubmissionFilters(t *testing.T) { onEach(t, testSubmissionFilters) }

func testSubmissionFilters(t *testing.T, open opener) {
	s := open(t)
	do(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutMessage(Message{ID: "m", State: gateway.Dead}), tx.PutMessage(Message{ID: "n", State: gateway.Queued}))
	})
	for _, sub := range []Submission{
		{Office: "0603", ID: "1", Kind: "Manifest", Batch: "B", State: gateway.Held, Received: now},
		{Office: "0603", ID: "2", Kind: "Manifest", State: gateway.Sent, MessageID: "m", Received: now.Add(time.Hour)},
		{Office: "9402", ID: "3", Kind: "VehicleReport", Batch: "B", State: gateway.Sent, MessageID: "n", Received: now.Add(2 * time.Hour)},
		{Office: "0705", ID: "4", Kind: "Manifest", Batch: "B", State: gateway.Held, Received: now.Add(3 * time.Hour)},
	} {
		do(t, s, func(tx *Tx) error { return tx.PutSubmission(sub) })
	}
	own := []string{"0603", "9402"}
	for _, tt := range []struct {
		name   string
		filter SubmissionFilter
		want   []string
	}{
		{"own offices, newest first", SubmissionFilter{Offices: own}, []string{"3", "2", "1"}},
		{"no office", SubmissionFilter{}, []string{}},
		{"state", SubmissionFilter{Offices: own, State: gateway.Sent}, []string{"3", "2"}},
		{"message state", SubmissionFilter{Offices: own, MessageState: gateway.Dead}, []string{"2"}},
		{"kind", SubmissionFilter{Offices: own, Kind: "Manifest"}, []string{"2", "1"}},
		{"batch", SubmissionFilter{Offices: own, Batch: "B"}, []string{"3", "1"}},
		{"since, inclusive", SubmissionFilter{Offices: own, Since: now.Add(time.Hour).In(time.FixedZone("", -3600))}, []string{"3", "2"}},
		{"before", SubmissionFilter{Offices: own, Before: 4}, []string{"2", "1"}},
		{"limit", SubmissionFilter{Offices: own, Limit: 1}, []string{"3"}},
		{"all at once", SubmissionFilter{Offices: own, State: gateway.Sent, MessageState: gateway.Queued, Kind: "VehicleReport", Batch: "B", Since: now, Before: 9, Limit: 1}, []string{"3"}},
		{"quotes", SubmissionFilter{Offices: []string{"' OR 1=1 --"}}, []string{}},
	} {
		if tt.filter.Limit == 0 {
			tt.filter.Limit = 10
		}
		want(t, tt.name, tt.want, submissionIDs(must(s.Read().Submissions(t.Context(), tt.filter))(t)))
	}
}

// What a submission is to its second addressee is not listed by itself: the submission changes with it, and
// is found by the state of the message there.
func TestASubmissionChangesWithItsSecondAddressee(t *testing.T) {
	onEach(t, testASubmissionChangesWithItsSecondAddressee)
}

func testASubmissionChangesWithItsSecondAddressee(t *testing.T, open opener) {
	s, ctx, offices := open(t), t.Context(), []string{"9402"}
	do(t, s, func(tx *Tx) error {
		first := Submission{Office: "9402", ID: "AA000000-0000-4000-8000-00000000000A", State: gateway.Sent, MessageID: "m", Received: now}
		second := Submission{Office: "9402", ID: "second", SecondOf: first.ID, State: gateway.Sent, MessageID: "n", Received: now}
		arrived := Arrival{Door: DoorSubmit, Party: "9402", ID: "second", SecondOf: first.ID, Received: now}
		return errors.Join(tx.PutMessage(Message{ID: "m", State: gateway.Accepted}), tx.PutMessage(Message{ID: "n", State: gateway.Queued}),
			tx.PutSubmission(first), tx.PutSubmission(second), tx.PutArrival(arrived))
	})
	other := do(t, s, func(tx *Tx) error {
		return tx.PutSubmission(Submission{Office: "9402", ID: "other", State: gateway.Held, Received: now})
	})
	first := "AA000000-0000-4000-8000-00000000000A"
	want(t, "listed", []string{"other", first}, submissionIDs(must(s.Read().Submissions(ctx, SubmissionFilter{Offices: offices, Limit: 10}))(t)))
	for _, change := range []func(tx *Tx) error{
		func(tx *Tx) error { return tx.PutMessage(Message{ID: "n", State: gateway.Dead}) },
		func(tx *Tx) error {
			s, err := tx.Submission(ctx, "9402", "second")
			s.Reason = "another"
			return errors.Join(err, tx.PutSubmission(s))
		},
	} {
		at := do(t, s, change)
		want(t, "changed", []string{first}, submissionIDs(must(s.Read().SubmissionsAfter(ctx, offices, max(other, at-1), 10))(t)))
	}
	for state, found := range map[gateway.MessageState][]string{gateway.Dead: {first}, gateway.Accepted: {first}, gateway.Queued: {}} {
		for _, f := range []SubmissionFilter{{}, {State: gateway.Sent}} {
			f.Offices, f.MessageState, f.Limit = offices, state, 10
			want(t, string(state), found, submissionIDs(must(s.Read().Submissions(ctx, f))(t)))
		}
	}
	sub, a := must(s.Read().Submission(ctx, "9402", "second"))(t), must(s.Read().Arrival(ctx, DoorSubmit, "9402", "second"))(t)
	if sub.Called() != first || a.Called() != first || sub.SecondOf != first {
		t.Errorf("it is called %s and %s", sub.Called(), a.Called())
	}
}

// Whatever the page size, paging by commit number shows everything once, in order.
func TestPagesNeverPartACommit(t *testing.T) { onEach(t, testPagesNeverPartACommit) }

func testPagesNeverPartACommit(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	var newest, oldest []string
	for i, n := range []int{1, 3, 2, 1} {
		var commit []string
		do(t, s, func(tx *Tx) error {
			for j := range n {
				id := fmt.Sprintf("%d%d", i, j)
				commit = append(commit, id)
				err := errors.Join(
					tx.PutSubmission(submission(id)),
					tx.PutInbound(Inbound{ID: gateway.MessageID(id), State: gateway.Accepted}),
					tx.PutMovement(Movement{ID: gateway.MovementID(id)}, []Identifier{{"vehicle", "A1"}}))
				if err != nil {
					return err
				}
			}
			return nil
		})
		oldest = append(oldest, commit...)
		newest = append(slices.Clone(commit), newest...)
	}
	offices, vehicle := []string{"0603"}, []Identifier{{"vehicle", "A1"}}
	for limit := 1; limit < 9; limit++ {
		var subs, after, inbox, moves []string
		for before := gateway.Commit(0); ; {
			page := must(s.Read().Submissions(ctx, SubmissionFilter{Offices: offices, Before: before, Limit: limit}))(t)
			if subs = append(subs, submissionIDs(page)...); len(page) == 0 {
				break
			}
			before = page[len(page)-1].Commit
		}
		for last := gateway.Commit(0); ; {
			page := must(s.Read().SubmissionsAfter(ctx, offices, last, limit))(t)
			if after = append(after, submissionIDs(page)...); len(page) == 0 {
				break
			}
			last = page[len(page)-1].Commit
		}
		for last := gateway.Commit(0); ; {
			page := must(s.Read().Inbox(ctx, InboxFilter{After: last, Limit: limit}))(t)
			if inbox = append(inbox, inboundIDs(page)...); len(page) == 0 {
				break
			}
			last = page[len(page)-1].Commit
		}
		for before := gateway.Commit(0); ; {
			page := must(s.Read().MovementsBy(ctx, vehicle, before, limit))(t)
			if moves = append(moves, movementIDs(page)...); len(page) == 0 {
				break
			}
			before = page[len(page)-1].Commit
		}
		want(t, fmt.Sprint("submissions by ", limit), newest, subs)
		want(t, fmt.Sprint("submissions after, by ", limit), oldest, after)
		want(t, fmt.Sprint("inbox by ", limit), oldest, inbox)
		want(t, fmt.Sprint("movements by ", limit), newest, moves)
	}
}

func TestDueKeepsTheOrderOfAChain(t *testing.T) { onEach(t, testDueKeepsTheOrderOfAChain) }

func testDueKeepsTheOrderOfAChain(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	put := func(ms ...Message) {
		do(t, s, func(tx *Tx) error {
			for _, m := range ms {
				if m.Recipient == "" {
					m.Recipient = "RU"
				}
				if err := tx.PutMessage(m); err != nil {
					return err
				}
			}
			return nil
		})
	}
	turns := func(limit int) []Turn { return must(s.Turns(ctx, "RU", now.Add(time.Hour), limit))(t) }
	due := func() []string {
		ids := []string{}
		for _, turn := range turns(10) {
			if !turn.NextAttempt.After(now) {
				ids = append(ids, string(turn.ID))
			}
		}
		return ids
	}
	next := func() time.Duration { return turns(1)[0].NextAttempt.Sub(now) }

	first := Message{ID: "first", Chain: "first", State: gateway.Queued, NextAttempt: now.Add(time.Minute), Sequence: 1}
	put(first,
		Message{ID: "amended", Chain: "first", State: gateway.Queued, NextAttempt: now.Add(-time.Hour), Sequence: 2},
		Message{ID: "other", Chain: "other", State: gateway.Received, NextAttempt: now, Sequence: 3},
		Message{ID: "third", Chain: "third", State: gateway.Sending, NextAttempt: now.Add(-time.Second), Sequence: 4},
		Message{ID: "kz", Chain: "kz", Recipient: "KZ", State: gateway.Queued, NextAttempt: now, Sequence: 5},
		Message{ID: "done", Chain: "done", State: gateway.Accepted, NextAttempt: now, Sequence: 6})
	want(t, "while the first waits", []string{"third", "other"}, due())
	if got := turns(1); len(got) != 1 || got[0].ID != "third" {
		t.Errorf("at most one: %v", got)
	}
	if got := next(); got != -time.Second {
		t.Errorf("next due in %v", got)
	}
	for _, id := range []gateway.MessageID{"other", "third"} {
		put(Message{ID: id, State: gateway.Accepted, Sequence: 3})
	}
	// What its chain keeps back is not due: nobody is woken for it.
	if got := next(); got != time.Minute {
		t.Errorf("next due in %v", got)
	}
	want(t, "none", []string{}, due())
	for _, final := range []gateway.MessageState{gateway.Accepted, gateway.Refused, gateway.Dead, gateway.Settled, gateway.Unsigned} {
		first.State = final
		put(first)
		want(t, "after the first is "+string(final), []string{"amended"}, due())
	}
	// Two of one commit go one after the other too.
	put(Message{ID: "x2", Chain: "x", State: gateway.Queued, NextAttempt: now, Sequence: 9},
		Message{ID: "x1", Chain: "x", State: gateway.Queued, NextAttempt: now, Sequence: 9})
	want(t, "of one commit", []string{"amended", "x1"}, due())
}

func TestParkedMessagesAreListedUntilTheyAreJudged(t *testing.T) {
	onEach(t, testParkedMessagesAreListedUntilTheyAreJudged)
}

func testParkedMessagesAreListedUntilTheyAreJudged(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	for _, m := range []Inbound{{ID: "2", State: gateway.Parked}, {ID: "1", State: gateway.Parked}, {ID: "3", State: gateway.Accepted}, {ID: "4", State: gateway.Parked}} {
		do(t, s, func(tx *Tx) error { return tx.PutInbound(m) })
	}
	do(t, s, func(tx *Tx) error { return tx.PutInbound(Inbound{ID: "1", State: gateway.Refused}) })
	want(t, "parked", []string{"2", "4"}, inboundIDs(must(s.Read().Parked(ctx, 0, 10))(t)))
	want(t, "parked after the first", []string{"4"}, inboundIDs(must(s.Read().Parked(ctx, 1, 10))(t)))
	want(t, "the first page", []string{"2"}, inboundIDs(must(s.Read().Parked(ctx, 0, 1))(t)))
}

func TestInboxListsWhatWasAccepted(t *testing.T) { onEach(t, testInboxListsWhatWasAccepted) }

func testInboxListsWhatWasAccepted(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	for _, in := range []Inbound{
		{ID: "1", Kind: "Manifest", State: gateway.Accepted, DocumentID: "d"},
		{ID: "2", Kind: "Manifest", State: gateway.Refused, DocumentID: "e"},
		{ID: "3", Kind: "Answer", State: gateway.Accepted, AcknowledgedBy: "customs://CN/system/national", AcknowledgedAt: now},
		{ID: "4", Kind: "Answer", State: gateway.Parked},
	} {
		do(t, s, func(tx *Tx) error { return tx.PutInbound(in) })
	}
	for _, tt := range []struct {
		filter InboxFilter
		want   []string
	}{
		{InboxFilter{}, []string{"1", "3"}},
		{InboxFilter{Kind: "Answer"}, []string{"3"}},
		{InboxFilter{Unacknowledged: true}, []string{"1"}},
		{InboxFilter{After: 1}, []string{"3"}},
		{InboxFilter{Kind: "Answer", Unacknowledged: true}, []string{}},
	} {
		tt.filter.Limit = 10
		want(t, fmt.Sprintf("%+v", tt.filter), tt.want, inboundIDs(must(s.Read().Inbox(ctx, tt.filter))(t)))
	}
	if in, err := s.Read().InboundByDocument(ctx, "", "d"); err != nil || in.ID != "1" {
		t.Errorf("by document: %v, %v", in.ID, err)
	}
	if _, err := s.Read().InboundByDocument(ctx, "", "e"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a refused document was found: %v", err)
	}
}

func TestMovementsByAnyIdentifier(t *testing.T) { onEach(t, testMovementsByAnyIdentifier) }

func testMovementsByAnyIdentifier(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	put := func(id gateway.MovementID, by ...Identifier) {
		do(t, s, func(tx *Tx) error { return tx.PutMovement(Movement{ID: id, Opened: now}, by) })
	}
	put("1", Identifier{"vehicle", "A1"}, Identifier{"batch", "7"})
	put("2", Identifier{"vehicle", "B2"}, Identifier{"seal", "A1"})
	put("3", Identifier{"vehicle", "A1"})
	put("1", Identifier{"vehicle", "A1"}, Identifier{"seal", "S9"}) // found by more, and changed last
	for _, tt := range []struct {
		by   []Identifier
		want []string
	}{
		{[]Identifier{{"vehicle", "A1"}}, []string{"1", "3"}},
		{[]Identifier{{"batch", "7"}, {"seal", "S9"}, {"vehicle", "B2"}}, []string{"1", "2"}},
		{[]Identifier{{"batch", "A1"}}, []string{}},
		{[]Identifier{{"vehicle", "a1"}}, []string{}},
	} {
		want(t, fmt.Sprint(tt.by), tt.want, movementIDs(must(s.Read().MovementsBy(ctx, tt.by, 0, 10))(t)))
	}
}

func TestAnnouncedNamesTheLatestMessage(t *testing.T) { onEach(t, testAnnouncedNamesTheLatestMessage) }

func testAnnouncedNamesTheLatestMessage(t *testing.T, open opener) {
	s := open(t)
	for _, id := range []gateway.MessageID{"m", "n"} {
		do(t, s, func(tx *Tx) error { return tx.PutAnnounced("cn-ru", "batch 7", id) })
	}
	if got := must(s.Read().Announced(t.Context(), "cn-ru", "batch 7"))(t); got != "n" {
		t.Errorf("got %q", got)
	}
}

func TestRegisteredNamesTheMessagesOfANumber(t *testing.T) {
	onEach(t, testRegisteredNamesTheMessagesOfANumber)
}

func testRegisteredNamesTheMessagesOfANumber(t *testing.T, open opener) {
	s := open(t)
	const m, n, o = "0a000000-0000-4000-8000-000000000001", "0a000000-0000-4000-8000-000000000002", "0a000000-0000-4000-8000-000000000003"
	for _, id := range []gateway.MessageID{n, m, "0A000000-0000-4000-8000-000000000001", o} { // one is m in capitals
		do(t, s, func(tx *Tx) error { return tx.PutRegistered("CN", "RU/2026-03-01/7", id) })
	}
	do(t, s, func(tx *Tx) error { return tx.PutRegistered("KZ", "RU/2026-03-01/8", "k") })
	for _, tt := range []struct {
		partner gateway.Administration
		number  string
		limit   int
		want    []gateway.MessageID
	}{
		{"CN", "RU/2026-03-01/7", 10, []gateway.MessageID{m, n, o}},
		{"CN", "RU/2026-03-01/7", 2, []gateway.MessageID{m, n}},
		{"CN", "RU/2026-03-01/8", 10, nil},
		{"KZ", "RU/2026-03-01/8", 10, []gateway.MessageID{"k"}},
	} {
		if got := must(s.Read().Registered(t.Context(), tt.partner, tt.number, tt.limit))(t); !slices.Equal(got, tt.want) {
			t.Errorf("%s, %s: %v, want %v", tt.partner, tt.number, got, tt.want)
		}
	}
}

func TestMovementsNearATime(t *testing.T) { onEach(t, testMovementsNearATime) }

func testMovementsNearATime(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	truck, batch := []Identifier{{"vehicle", "A1"}}, []Identifier{{"batch", "7"}}
	put := func(id gateway.MovementID, first, last time.Duration, by ...Identifier) {
		do(t, s, func(tx *Tx) error {
			return tx.PutMovement(Movement{ID: id, First: now.Add(first), Last: now.Add(last)}, by)
		})
	}
	put("last week", -170*time.Hour, -160*time.Hour, truck[0], batch[0])
	put("yesterday", -30*time.Hour, -20*time.Hour, truck[0])
	put("today", -2*time.Hour, 3*time.Hour, truck[0])
	put("tomorrow", 20*time.Hour, 30*time.Hour, truck[0])
	put("others", 0, 0, Identifier{"vehicle", "B2"})
	for _, tt := range []struct {
		from, until time.Duration
		lasting     []Identifier
		want        []string
	}{
		{-12 * time.Hour, 12 * time.Hour, nil, []string{"today"}},
		{-20 * time.Hour, 20 * time.Hour, nil, []string{"tomorrow", "today", "yesterday"}},
		{4 * time.Hour, 19 * time.Hour, nil, []string{}},
		{0, time.Hour, nil, []string{"today"}}, // within its times
		{-12 * time.Hour, 12 * time.Hour, batch, []string{"today", "last week"}},
		{-200 * time.Hour, -100 * time.Hour, batch, []string{"last week"}}, // found twice
	} {
		got := must(s.Read().MovementsNear(ctx, truck, now.Add(tt.from), now.Add(tt.until), tt.lasting, 10))(t)
		want(t, fmt.Sprint(tt), tt.want, movementIDs(got))
	}
}

// The 2,000th crossing of a truck costs what the first did: a search reads as many rows.
func TestAThousandCrossingsCostWhatOneDoes(t *testing.T) { onEach(t, testAThousandCrossings) }

func testAThousandCrossings(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	truck := []Identifier{{"vehicle", "A1"}, {"load-unit", "C1"}}
	at := func(n int) time.Time { return now.Add(time.Duration(n) * 24 * time.Hour) }
	counts := func(n int) string {
		near := must(s.readSeek.byLast(ctx, truck, formatTime(at(n).Add(-36*time.Hour)), 100))(t)
		page := must(s.readSeek.byCommit(ctx, truck, 0, latest, 10))(t)
		return fmt.Sprint(len(near), " near, ", len(page), " of a page")
	}
	got := []string{}
	for n := 1; n <= 2000; n++ {
		do(t, s, func(tx *Tx) error {
			return tx.PutMovement(Movement{ID: gateway.MovementID(fmt.Sprint("m", n)), First: at(n), Last: at(n)}, truck)
		})
		switch n {
		case 10, 100, 1000, 2000:
			got = append(got, counts(n))
		}
	}
	want(t, "rows read at the 10th, 100th, 1,000th and 2,000th", slices.Repeat([]string{"4 near, 20 of a page"}, 4), got)
}

// A change of state writes little, however large the document is that it concerns.
func TestAChangeOfStateWritesLittle(t *testing.T) {
	for name, open := range map[string]opener{"SQLite": open, "PostgreSQL": openPostgres} {
		t.Run(name, func(t *testing.T) { testAChangeOfStateWritesLittle(t, open) })
	}
}

func testAChangeOfStateWritesLittle(t *testing.T, open opener) {
	s := open(t)
	document := make([]byte, 4<<20)
	a := Arrival{Door: DoorSubmit, Party: "0603", ID: "1", Content: document, Header: document[:1000]}
	sub := Submission{Office: "0603", ID: "1", MessageID: "m", State: gateway.Sent, Canonical: document}
	m := Message{ID: "m", Payload: document, Canonical: document[1:], State: gateway.Queued}
	do(t, s, func(tx *Tx) error { return errors.Join(tx.PutArrival(a), tx.PutSubmission(sub), tx.PutMessage(m)) })
	m.State, m.Attempts, a.Judged = gateway.Sending, 1, true
	for name, change := range map[string]func(tx *Tx) error{
		"progress":   func(tx *Tx) error { return tx.PutProgress(m, false) },
		"answers":    func(tx *Tx) error { return tx.PutAnswers(m) },
		"judging":    func(tx *Tx) error { return tx.PutJudging(a) },
		"attempt":    func(tx *Tx) error { return tx.CountAttempt(a) },
		"submission": func(tx *Tx) error { return tx.PutSubmission(sub) },
		"message":    func(tx *Tx) error { return tx.PutMessage(m) },
	} {
		do(t, s, change) // of PostgreSQL the first change of a page writes it whole
		if n := written(t, s, change); n == 0 || n > 128<<10 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
	fresh := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(fresh)
	if n := written(t, s, func(tx *Tx) error { return tx.PutArrival(Arrival{ID: "2", Content: fresh}) }); n < 1<<20 {
		t.Errorf("a new document: %d bytes", n)
	}
	got := must(s.Read().Message(t.Context(), "m"))(t)
	if got.State != gateway.Sending || got.Attempts != 1 || len(got.Payload) != len(document) {
		t.Errorf("%s after %d attempts, %d bytes", got.State, got.Attempts, len(got.Payload))
	}
}

// written is how many bytes of its journal a unit of work takes.
func written(t *testing.T, s *Store, work func(tx *Tx) error) (n int64) {
	t.Helper()
	if IsPostgres(s.engine.place) {
		at := func() (n int64) {
			if err := s.readers.QueryRow("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := at()
		do(t, s, work)
		return at() - before
	}
	frames := func() (n int64) {
		var busy, moved int64
		if err := s.readers.QueryRow("PRAGMA wal_checkpoint(RESTART)").Scan(&busy, &n, &moved); err != nil || busy != 0 {
			t.Fatal(busy, err)
		}
		return n
	}
	frames() // the next begins anew
	do(t, s, work)
	return frames() * 4096
}

func TestWithdrawnIsNeverDelivered(t *testing.T) { onEach(t, testWithdrawnIsNeverDelivered) }

// What is withdrawn is nobody's to deliver, not even of who has its turn already; what has
// begun its way is not withdrawn.
func testWithdrawnIsNeverDelivered(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	puts(t, s, free("m", now), free("sent", now))
	turns := must(s.Turns(ctx, "RU", now, 9))(t)
	if len(turns) != 2 {
		t.Fatalf("%v", turns)
	}
	on := func(id string, work func(tx *Tx, m Message) error) error {
		_, err := s.Do(ctx, func(tx *Tx) error {
			m, err := tx.Message(ctx, gateway.MessageID(id))
			if err != nil {
				return err
			}
			m.Claim = turns[slices.IndexFunc(turns, func(turn Turn) bool { return string(turn.ID) == id })].Claim
			return errors.Join(work(tx, m), tx.Audit("test", "progress", id, gateway.Digest{}))
		})
		return err
	}
	attempted := func(tx *Tx, m Message) error {
		m.State, m.Attempts = gateway.Sending, 1
		return tx.PutProgress(m, false)
	}
	withdrawn := func(tx *Tx, m Message) error { return tx.Withdraw(m, "not needed") }
	if err := on("m", withdrawn); err != nil {
		t.Fatal(err)
	}
	if err := on("m", attempted); !errors.Is(err, ErrTaken) {
		t.Errorf("an attempt of what is withdrawn: %v", err)
	}
	if err := on("sent", attempted); err != nil {
		t.Fatal(err)
	}
	if err := on("sent", withdrawn); !errors.Is(err, ErrTaken) {
		t.Errorf("withdrawn on its way: %v", err)
	}
	if m := must(s.Read().Message(ctx, "m"))(t); m.State != gateway.TakenBack || m.Attempts != 0 || m.Reason != "not needed" {
		t.Errorf("%s after %d attempts, %q", m.State, m.Attempts, m.Reason)
	}
	if turns := must(s.Turns(ctx, "RU", now.Add(time.Hour), 9))(t); len(turns) > 1 {
		t.Errorf("still due: %v", turns)
	}
}
