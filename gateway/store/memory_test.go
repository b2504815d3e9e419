package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"customs.example/gateway"
	"customs.example/gateway/store/storetest"
)

// memoryEngine is a database that fails, delays and forgets as it is told.
func memoryEngine(m *storetest.Memory) engine {
	return engine{
		place: "memory", dialect: goose.DialectSQLite3, tables: "migrations/sqlite", begin: "BEGIN IMMEDIATE", readers: 4,
		prepare: func(context.Context) error { return nil }, connect: func(to purpose) (*sql.DB, error) { return m.Connect(to == toRead) },
	}
}

func openMemory(t testing.TB) *Store {
	t.Helper()
	m := must(storetest.NewMemory())(t)
	t.Cleanup(func() { m.Close() })
	s := must(openOn(t.Context(), memoryEngine(m), clock))(t)
	closes(t, s)
	return s
}

// TestEveryOperationFailsOnce lets the first operation of the writer fail, then the second,
// and so on until none is left: whatever was acknowledged survives a power cut, whatever
// was refused is not there unless its answer alone was lost, and the store goes on by itself.
func TestEveryOperationFailsOnce(t *testing.T) {
	const units = 3
	for _, torn := range []bool{false, true} {
		failed := 0
		for n := 1; ; n++ {
			m := must(storetest.NewMemory())(t)
			s := must(openOn(t.Context(), memoryEngine(m), clock))(t)
			m.Fail(n, torn)
			var answers [units]error
			for i := range units {
				_, answers[i] = s.Do(t.Context(), func(tx *Tx) error {
					id := fmt.Sprint(i)
					return errors.Join(
						tx.PutArrival(Arrival{Door: DoorSubmit, Party: "0603", ID: id, Content: []byte(id)}),
						tx.PutSubmission(submission(id)), tx.Audit("test", "put", id, gateway.Digest{}))
				})
			}
			over := !m.Failed()
			m.Fail(-1, false)
			do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("after")) })
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			m = must(m.PowerCut())(t)
			s = must(openOn(t.Context(), memoryEngine(m), clock))(t)
			kept := 0
			for i, answer := range answers {
				_, err1 := s.Read().Arrival(t.Context(), DoorSubmit, "0603", fmt.Sprint(i))
				_, err2 := s.Read().Submission(t.Context(), "0603", fmt.Sprint(i))
				switch {
				case (err1 == nil) != (err2 == nil):
					t.Errorf("operation %d: half of unit %d is there", n, i)
				case answer == nil && err1 != nil:
					t.Errorf("operation %d: unit %d was acknowledged and is gone", n, i)
				case answer != nil && err1 == nil && !torn:
					t.Errorf("operation %d: unit %d was refused and is there", n, i)
				case answer != nil && !Unavailable(answer):
					t.Errorf("operation %d: %v", n, answer)
				}
				if err1 == nil {
					kept++
				}
				if answer != nil {
					failed++
				}
			}
			rows := must(s.Read().Audit(t.Context(), 0, 100))(t)
			for i, row := range rows {
				if row.Leaf != int64(i) || row.Commit != gateway.Commit(i+1) {
					t.Errorf("operation %d: row %d is leaf %d of commit %d", n, i, row.Leaf, row.Commit)
				}
			}
			if len(rows) != kept+1 {
				t.Errorf("operation %d: %d rows of %d units", n, len(rows), kept+1)
			}
			if err := errors.Join(s.Close(), m.Close()); err != nil {
				t.Fatal(err)
			}
			if over {
				break
			}
		}
		if failed < 20 {
			t.Errorf("%d operations failed", failed)
		}
	}
}

// TestParallelASlowDatabaseTakesUnitsTogether: what waits while one commit is under way shares the next.
func TestParallelASlowDatabaseTakesUnitsTogether(t *testing.T) {
	m := must(storetest.NewMemory())(t)
	defer m.Close()
	s := must(openOn(t.Context(), memoryEngine(m), clock))(t)
	closes(t, s)
	m.Delay(time.Millisecond)
	var wg sync.WaitGroup
	for i := range 2 * MaxGroup {
		wg.Go(func() { do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission(fmt.Sprint(i))) }) })
	}
	wg.Wait()
	if rows := must(s.Read().Audit(t.Context(), 0, 1000))(t); len(rows) != 2*MaxGroup {
		t.Errorf("%d rows", len(rows))
	}
}
