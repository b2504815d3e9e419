package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"customs.example/gateway"
)

func TestTheAuditTrailIsSearched(t *testing.T) { onEach(t, testTheAuditTrailIsSearched) }

func testTheAuditTrailIsSearched(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	at := now
	s.now = func() time.Time { return at }
	// Seven units of three rows each, an hour apart; the fifth is stamped by a clock that is late.
	actors := []string{"customs://CN/office/0603/post/1", "gateway", "customs://CN/operator/1"}
	for i := range 7 {
		at = now.Add(time.Duration(i) * time.Hour)
		if i == 4 {
			at = at.Add(-30 * time.Minute)
		}
		if _, err := s.Do(ctx, func(tx *Tx) error {
			for j, actor := range actors {
				if err := tx.Audit(actor, fmt.Sprintf("e%d%d", i, j), fmt.Sprintf("s%d", (i+j)%3), gateway.Digest{}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	events := func(f AuditFilter) []string {
		t.Helper()
		var all []string
		if f.Limit == 0 {
			f.Limit = 2
		}
		for {
			found, last, more, err := s.Read().AuditBy(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range found {
				all = append(all, row.Event)
			}
			if !more {
				return all
			}
			if last <= f.After {
				t.Fatalf("it goes on behind %d, and was there already", last)
			}
			f.After = last
		}
	}
	everything := events(AuditFilter{})
	if len(everything) != 21 || !slices.IsSorted(everything) {
		t.Errorf("everything is %v", everything)
	}
	want(t, "by actor", []string{"e01", "e11", "e21", "e31", "e41", "e51", "e61"}, events(AuditFilter{Actor: "gateway"}))
	want(t, "by subject", []string{"e00", "e12", "e21", "e30", "e42", "e51", "e60"}, events(AuditFilter{Subjects: []string{"s0"}}))
	want(t, "by either subject", []string{"e00", "e01", "e10", "e12", "e21", "e22", "e30", "e31", "e40", "e42", "e51", "e52", "e60", "e61"}, events(AuditFilter{Subjects: []string{"s1", "s0"}, Limit: 5}))
	want(t, "by subject and actor", []string{"e21", "e51"}, events(AuditFilter{Subjects: []string{"s0"}, Actor: "gateway", Limit: 1}))
	since, until := now.Add(3*time.Hour), now.Add(5*time.Hour)
	want(t, "by time", []string{"e30", "e31", "e32", "e40", "e41", "e42"}, events(AuditFilter{Since: since, Until: until}))
	want(t, "from a time that a late clock has", []string{"e41", "e51", "e61"}, events(AuditFilter{Since: since.Add(30 * time.Minute), Actor: "gateway"}))
	want(t, "until a time that a late clock has", []string{"e31", "e41"}, events(AuditFilter{Since: since, Until: since.Add(31 * time.Minute), Actor: "gateway"}))
	want(t, "after all", nil, events(AuditFilter{Since: now.Add(10 * time.Hour)}))
	want(t, "before all", nil, events(AuditFilter{Until: now.Add(-time.Hour)}))
	want(t, "of nobody", nil, events(AuditFilter{Actor: "nobody"}))
	want(t, "of a subject that is part of another", nil, events(AuditFilter{Subjects: []string{"s"}}))
}

// TestOneSearchLooksAtSoManyRowsOnly: of rows that do not fit it says how far it has come.
func TestOneSearchLooksAtSoManyRowsOnly(t *testing.T) {
	s, ctx := open(t), t.Context()
	const each = 400
	units := AuditExamined/each + 2
	for range units {
		if _, err := s.Do(ctx, func(tx *Tx) error {
			for range each {
				if err := tx.Audit("busy", "e", "s", gateway.Digest{}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	f := AuditFilter{Actor: "busy", Until: now, Limit: 10} // which is not before now
	found, last, more, err := s.Read().AuditBy(ctx, f)
	if err != nil || len(found) > 0 || !more || last == 0 {
		t.Fatalf("%d rows up to %d, more: %t, %v", len(found), last, more, err)
	}
	f.After = last
	if found, _, more, err = s.Read().AuditBy(ctx, f); err != nil || len(found) > 0 || more {
		t.Errorf("then %d rows, more: %t, %v", len(found), more, err)
	}
}

func TestMessagesOfBothDirectionsAreListedByTheirLastChange(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s, ctx := open(t), t.Context()
		for i := range 5 {
			do(t, s, func(tx *Tx) error {
				if i%2 == 0 {
					return tx.PutMessage(free(fmt.Sprintf("m-%d", i), now))
				}
				return tx.PutInbound(Inbound{ID: gateway.MessageID(fmt.Sprintf("i-%d", i)), Sender: "RU", State: gateway.Parked})
			})
		}
		do(t, s, func(tx *Tx) error {
			m, err := tx.Message(ctx, "m-0")
			if err != nil {
				return err
			}
			m.State = gateway.Sending
			return tx.PutMessage(m)
		})
		r := s.Read()
		all := must(r.MessagesBefore(ctx, 0, 2))(t)
		want(t, "the first page", []string{"m-0", "m-4"}, messageIDs(all))
		want(t, "the page behind it", []string{"m-2"}, messageIDs(must(r.MessagesBefore(ctx, all[1].Commit, 2))(t)))
		came := must(r.InboxBefore(ctx, 0, 1))(t)
		want(t, "what came last", []string{"i-3"}, inboundIDs(came))
		want(t, "what came before it", []string{"i-1"}, inboundIDs(must(r.InboxBefore(ctx, came[0].Commit, 9))(t)))
	})
}
