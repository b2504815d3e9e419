package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
)

// listed are movements as they are listed: the one of a number is expected that many minutes from now,
// and of each thousand one differs, two have left and are not accepted, three are refused.
const fillLists = `INSERT INTO movement_office (id_key, office, roles, kinds, state, worklist, since, expected, differs, commit_no)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
SELECT 'm' || (1000000 + i), CASE WHEN i %% 4 = 0 THEN '9402' ELSE '0603' END, ' exit ', ' PreArrivalNotice ',
	CASE WHEN i %% 1000 < 5 THEN 'not accepted' WHEN i %% 2 = 0 THEN 'arrived' ELSE 'departed' END,
	CASE WHEN i %% 1000 IN (1, 2) THEN 'left unaccepted' WHEN i %% 1000 IN (3, 5, 6) THEN 'left refused' WHEN i %% 2 = 0 THEN '' ELSE 'not arrived' END,
	'2026-03-01T00:00:00.' || (100000000 + i) || 'Z', '2026-03-01T00:00:00.' || (100000000 + i) || 'Z', %s, i
FROM n`

// A page of a list reads as many rows as it shows, however many movements there are.
func TestAPageOfAListReadsWhatItShows(t *testing.T) { onEach(t, testAPageOfAList) }

func testAPageOfAList(t *testing.T, open opener) {
	s := open(t)
	differs := "CASE WHEN i % 1000 = 7 THEN TRUE ELSE FALSE END"
	if _, err := s.writer.ExecContext(t.Context(), fmt.Sprintf(fillLists, differs)); err != nil {
		t.Fatal(err)
	}
	if s.engine.shared {
		if _, err := s.writer.ExecContext(t.Context(), "ANALYZE movement_office"); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	for _, f := range []ListFilter{
		{Worklist: "left unaccepted"}, {Worklist: "left refused"}, {Worklist: "not arrived"}, {State: "not accepted"}, {State: "departed"}, {Differing: true}, {},
	} {
		f.Office, f.Limit = "0603", 50
		fmt.Fprintf(&out, "list %q, state %q, differing %v:", f.Worklist, f.State, f.Differing)
		var after ListCursor
		seen := make(map[gateway.MovementID]bool)
		for range 3 {
			found, at := listPage(t, s, f, after)
			fmt.Fprintf(&out, " %d", len(found))
			for i, l := range found {
				if seen[l.Movement] || l.Office != "0603" || i > 0 && f.Before(at[i], at[i-1]) {
					t.Fatalf("%s of %s comes again, or out of order", l.Movement, l.Office)
				}
				seen[l.Movement] = true
			}
			after = at[len(at)-1]
		}
		fmt.Fprintln(&out)
	}
	golden(t, "testdata/lists.txt", out.String())
}

func listPage(t *testing.T, s *Store, f ListFilter, after ListCursor) ([]Listed, []ListCursor) {
	t.Helper()
	found, at, err := s.Read().MovementList(t.Context(), f, after)
	if err != nil {
		t.Fatal(err)
	}
	return found, at
}

// What is accepted leaves the list of what is not, once nothing of its movement waits any more.
func TestTheLastAcceptanceMovesAMovement(t *testing.T) { onEach(t, testTheLastAcceptance) }

func testTheLastAcceptance(t *testing.T, open opener) {
	s := open(t)
	do(t, s, func(tx *Tx) error {
		return tx.PutListed("M", []Listed{{Office: "0603", Roles: []string{"exit", "seen"}, Worklist: "left unaccepted"}, {Office: Everybody, Worklist: "left unaccepted"}}, []gateway.MessageID{"a", "B"})
	})
	for _, tt := range []struct {
		message gateway.MessageID
		want    gateway.MovementID
	}{{"c", ""}, {"a", ""}, {"a", ""}, {"B", "M"}} {
		var got gateway.MovementID
		do(t, s, func(tx *Tx) (err error) {
			got, err = tx.Accepted(tt.message)
			if err == nil && got != "" {
				err = tx.PutWorklist(got, "not arrived", now)
			}
			return err
		})
		if got != tt.want {
			t.Errorf("%s moves %q, want %q", tt.message, got, tt.want)
		}
	}
	for _, office := range []string{"0603", Everybody} {
		if l := must(s.Read().Listed(t.Context(), "M", office))(t); l.Worklist != "not arrived" || !l.Since.Equal(now) {
			t.Errorf("%s: %+v", office, l)
		}
	}
}

// What went into another movement is found and listed no more; its row stays, and leads to the other.
func TestWhatWentIntoAnotherIsFoundNoMore(t *testing.T) { onEach(t, testUnlisted) }

func testUnlisted(t *testing.T, open opener) {
	s := open(t)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	ids := []Identifier{{Kind: "load-unit", Folded: "ABCU1234560"}, {Kind: "controlled load-unit", Folded: "ABCU1234560"}}
	do := func(fn func(tx *Tx) error) {
		t.Helper()
		if _, err := s.Do(t.Context(), func(tx *Tx) error {
			return errors.Join(fn(tx), tx.Audit("test", "movement changed", "m", gateway.Digest{}))
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []gateway.MovementID{"Alone", "Other"} {
		do(func(tx *Tx) error {
			return errors.Join(tx.PutMovement(Movement{ID: id, Opened: tx.Now(), First: at, Last: at, Body: []byte("{}")}, ids),
				tx.PutListed(id, []Listed{{Office: Everybody, State: "controlled"}}, []gateway.MessageID{"m-" + gateway.MessageID(id)}))
		})
	}
	do(func(tx *Tx) error {
		return errors.Join(tx.PutMovement(Movement{ID: "Alone", Opened: tx.Now(), First: at, Last: at, Body: []byte(`{"into":"Other"}`)}, nil), tx.Unlist("Alone"))
	})
	read := s.Read()
	near, err := read.MovementsNear(t.Context(), ids, at.Add(-time.Hour), at.Add(time.Hour), nil, 10)
	if err != nil || len(near) != 1 || near[0].ID != "Other" {
		t.Errorf("found near: %v, %v", near, err)
	}
	by, err := read.MovementsBy(t.Context(), ids[:1], 0, 10)
	if err != nil || len(by) != 1 || by[0].ID != "Other" {
		t.Errorf("found by what it was of: %v, %v", by, err)
	}
	if found, _ := listPage(t, s, ListFilter{Office: Everybody, Limit: 10}, ListCursor{}); len(found) != 1 || !strings.EqualFold(string(found[0].Movement), "Other") {
		t.Errorf("listed: %v", found)
	}
	m, err := read.Movement(t.Context(), "Alone")
	if err != nil || string(m.Body) != `{"into":"Other"}` {
		t.Errorf("its row is %s, %v", m.Body, err)
	}
	do(func(tx *Tx) error {
		of, err := tx.Accepted("m-Alone")
		if of != "" {
			t.Errorf("%s waits for what is gone", of)
		}
		return err
	})
}
