package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"customs.example/gateway"
)

// TestOnlyTheStoresOwnTroubleIsUnavailable: what a document did to its own query is not.
func TestOnlyTheStoresOwnTroubleIsUnavailable(t *testing.T) {
	ctx := t.Context()
	full := open(t)
	if _, err := full.writer.Exec("PRAGMA max_page_count = 60"); err != nil {
		t.Fatal(err)
	}
	closed := openFile(t, filepath.Join(t.TempDir(), "gateway.db"))
	read := closed.Read()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	large := func(tx *Tx) error {
		return errors.Join(tx.PutArrival(Arrival{Content: make([]byte, 1<<20)}), tx.Audit("", "", "", gateway.Digest{}))
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	s := open(t)
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"full":                 {second(full.Do(ctx, large)), true},
		"closed":               {second(closed.Do(ctx, large)), true},
		"no reader":            {second(read.Submission(ctx, "0603", "x")), true},
		"readers cannot write": {second(s.readers.Exec("DELETE FROM audit")), true},
		"expression too deep":  {second(s.readers.Query("SELECT 1 WHERE " + strings.Repeat("1 AND ", 2000) + "1")), false},
		"no such table":        {second(s.readers.Query("SELECT 1 FROM nothing")), false},
		"twice": {second(s.Do(ctx, func(tx *Tx) error {
			return errors.Join(add(tx.tx, "announced", &announced{}), add(tx.tx, "announced", &announced{}))
		})), false},
		"not found":       {fmt.Errorf("x: %w", ErrNotFound), false},
		"the caller left": {second(s.Read().Submission(canceled, "0603", "x")), false},
		"nothing":         {nil, false},
	} {
		if (c.err == nil) != (name == "nothing") {
			t.Errorf("%s: the error is %v", name, c.err)
		}
		if got := Unavailable(c.err); got != c.want {
			t.Errorf("%s: %v is unavailable: %v", name, c.err, got)
		}
	}
}

// TestMovementsAreFoundByAnyNumberOfIdentifiers: one argument and one search of the index
// for each, however many a document has.
func TestMovementsAreFoundByAnyNumberOfIdentifiers(t *testing.T) {
	s, ctx := open(t), t.Context()
	for _, m := range []struct{ id, kind, folded string }{{"m-1", "load-unit", "U0"}, {"m-2", "seal", "U0"}, {"m-3", "load-unit", "last"}} {
		do(t, s, func(tx *Tx) error {
			return tx.PutMovement(Movement{ID: gateway.MovementID(m.id)}, []Identifier{{m.kind, m.folded}})
		})
	}
	for _, n := range []int{1, 325, 326, 1_000, 20_000} {
		sought := make([]Identifier, n)
		for i := range sought {
			sought[i] = Identifier{"load-unit", fmt.Sprint("U", i)}
		}
		sought[n-1].Folded += `"'\u0000]`
		want(t, fmt.Sprint(n, " of none"), []string{}, movementIDs(must(s.Read().MovementsBy(ctx, sought[n-1:], 0, 10))(t)))
		sought[n-1].Folded = "last"
		expected := []string{"m-3", "m-1"}
		if n == 1 {
			expected = expected[:1]
		}
		want(t, fmt.Sprint(n), expected, movementIDs(must(s.Read().MovementsBy(ctx, sought, 0, 10))(t)))
	}
}

// watched notes the plan of each query.
type watched struct {
	queryer
	plans *[]string
}

func (w watched) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := w.queryer.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	plan := query + "\n"
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			return nil, err
		}
		plan += detail + "\n"
	}
	*w.plans = append(*w.plans, plan)
	return w.queryer.QueryContext(ctx, query, args...)
}

// TestNoQueryReadsAWholeTable holds the queries whose size or frequency a sender decides
// to their indexes.
func TestNoQueryReadsAWholeTable(t *testing.T) {
	s := open(t)
	var asked []string
	r := reader{q: watched{s.readers, &asked}}
	ctx := t.Context()
	const uuid = "5f0c1d52-7b6e-4a6e-9d58-3f1f0a5e0c11"
	for name, err := range map[string]error{
		"movements by":        second(r.MovementsBy(ctx, []Identifier{{"seal", "1"}, {"", "2"}}, 0, 10)),
		"movements before":    second(r.MovementsBy(ctx, []Identifier{{"seal", "1"}}, 7, 10)),
		"arrival":             second(r.Arrival(ctx, DoorPeer, "RU", uuid)),
		"unjudged":            second(r.Unjudged(ctx, now, 8)),
		"troubled":            second(r.Troubled(ctx, 1, 8)),
		"troubled by":         second(r.TroubledBy(ctx, uuid)),
		"submission":          second(r.Submission(ctx, "0603", uuid)),
		"held":                second(r.Held(ctx, "r", "k")),
		"message":             second(r.Message(ctx, uuid)),
		"messages":            second(r.Messages(ctx, uuid)),
		"message by document": second(r.MessageByDocument(ctx, uuid, "RU")),
		"announced":           second(r.Announced(ctx, "r", "s")),
		"joined":              second(r.Joined(ctx, uuid)),
		"sources":             second(r.Sources(ctx, uuid)),
		"turns":               second(r.Turns(ctx, "RU", 8)),
		"parked messages":     second(r.ParkedMessages(ctx, 1, 8)),
	} {
		if IgnoreNotFound(err) != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(asked) < 16 {
		t.Fatalf("%d queries were asked", len(asked))
	}
	for _, plan := range asked {
		for line := range strings.Lines(plan) {
			if strings.HasPrefix(line, "SCAN") && !strings.HasPrefix(line, "SCAN sought VIRTUAL TABLE") && !strings.HasPrefix(line, "SCAN CONSTANT ROW") {
				t.Errorf("a whole table is read:\n%s", plan)
			}
			if strings.Contains(plan, "ORDER BY next_attempt") && strings.HasPrefix(line, "USE TEMP B-TREE") {
				t.Errorf("all that waits is sorted:\n%s", plan)
			}
		}
	}
}
