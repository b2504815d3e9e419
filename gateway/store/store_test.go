package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"customs.example/gateway"
	"customs.example/gateway/store/storetest"
)

func TestMain(m *testing.M) {
	code := storetest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var now = time.Date(2026, 3, 2, 8, 0, 0, 123, time.UTC)

func clock() time.Time { return now }

// opener opens a new store with tables and nothing in them.
type opener func(t testing.TB) *Store

// engines are what every test of the contract runs on.
var engines = map[string]opener{"SQLite": open, "PostgreSQL": openPostgres, "memory": openMemory}

// onEach runs a test on every engine.
func onEach(t *testing.T, test func(t *testing.T, open opener)) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// open opens one in SQLite. It starts with a copy of one database with all tables.
func open(t testing.TB) *Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gateway.db")
	if err := os.WriteFile(file, must(migrated())(t), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openFile(t, file)
	closes(t, s)
	return s
}

func openPostgres(t testing.TB) *Store {
	t.Helper()
	s := openFile(t, storetest.Copy(t, migratedPostgres(t)))
	closes(t, s)
	return s
}

func closes(t testing.TB, s *Store) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "migrated")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "gateway.db")
	s, err := Open(context.Background(), file, clock)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

var postgres struct {
	once sync.Once
	url  string
}

func migratedPostgres(t testing.TB) string {
	postgres.once.Do(func() {
		url := storetest.Postgres(t)
		s, err := Open(context.Background(), url, clock)
		if err == nil {
			err = s.Close()
		}
		if err == nil {
			postgres.url = url
		} else {
			t.Error(err)
		}
	})
	if postgres.url == "" {
		t.Fatal("there is no PostgreSQL with tables")
	}
	return postgres.url
}

func openFile(t testing.TB, file string) *Store {
	t.Helper()
	return must(Open(context.Background(), file, clock))(t)
}

// do runs a unit of work that must succeed and adds its audit row.
func do(t testing.TB, s *Store, work func(tx *Tx) error) gateway.Commit {
	t.Helper()
	no, err := s.Do(context.Background(), func(tx *Tx) error {
		if err := work(tx); err != nil {
			return err
		}
		return tx.Audit("test", "done", "", gateway.Digest{})
	})
	if err != nil {
		t.Error(err)
	}
	return no
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func submission(id string) Submission {
	return Submission{Office: "0603", ID: id, State: gateway.Arrived, Received: now}
}

// group puts units in one transaction: it holds the writer until all of them wait.
func group(t *testing.T, s *Store, units ...func(tx *Tx) error) (commits []gateway.Commit, errs []error, panics []any) {
	t.Helper()
	commits, errs, panics = make([]gateway.Commit, len(units)), make([]error, len(units)), make([]any, len(units))
	holding, let := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		do(t, s, func(*Tx) error { close(holding); <-let; return nil })
	})
	<-holding
	for i, u := range units {
		before := len(s.units)
		wg.Go(func() {
			defer func() { panics[i] = recover() }()
			commits[i], errs[i] = s.Do(context.Background(), u)
		})
		for len(s.units) == before { // keeps the units in order
			time.Sleep(time.Millisecond)
		}
	}
	close(let)
	wg.Wait()
	return commits, errs, panics
}

func TestParallelUnitFailsAloneInItsGroup(t *testing.T) { onEach(t, testUnitFailsAloneInItsGroup) }

func testUnitFailsAloneInItsGroup(t *testing.T, open opener) {
	s := open(t)
	put := func(id string, err error) func(*Tx) error {
		return func(tx *Tx) error {
			return errors.Join(tx.PutSubmission(submission(id)), tx.Audit("test", "put", id, gateway.Digest{}), err)
		}
	}
	failure := errors.New("no")
	commits, errs, panics := group(t, s,
		put("one", nil),
		put("failing", failure),
		func(tx *Tx) error { put("panicking", nil)(tx); panic("oh") },
		func(tx *Tx) error { return tx.PutSubmission(submission("silent")) },
		func(tx *Tx) error {
			_, err := tx.conn.ExecContext(t.Context(), "INSERT INTO nowhere VALUES (1)")
			return errors.Join(put("broken", nil)(tx), err)
		},
		put("two", nil),
	)
	if errs[0] != nil || errs[5] != nil {
		t.Errorf("good units: %v, %v", errs[0], errs[5])
	}
	if !errors.Is(errs[1], failure) || panics[2] != "oh" || errs[4] == nil {
		t.Errorf("bad units: %v, %v, %v", errs[1], panics[2], errs[4])
	}
	if errs[3] == nil || !strings.Contains(errs[3].Error(), "no audit row") {
		t.Errorf("unit without audit row: %v", errs[3])
	}
	// The unit that held the writer is commit 1.
	if diff := cmp.Diff([]gateway.Commit{2, 0, 0, 0, 0, 3}, commits); diff != "" {
		t.Errorf("commit numbers (-want +got):\n%s", diff)
	}
	subs := must(s.Read().Submissions(t.Context(), SubmissionFilter{Offices: []string{"0603"}, Limit: 10}))(t)
	var ids []string
	for _, sub := range subs {
		ids = append(ids, sub.ID)
	}
	if diff := cmp.Diff([]string{"two", "one"}, ids); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	// What fails first takes the transaction with it, and nobody else's work.
	commits, errs, _ = group(t, s,
		func(tx *Tx) error {
			_, err := tx.conn.ExecContext(t.Context(), "INSERT INTO nowhere VALUES (1)")
			return errors.Join(put("broken", nil)(tx), err)
		},
		func(tx *Tx) error { tx.silent = true; return tx.q.Try(within) },
		put("failing", failure), put("three", nil), put("failing", failure), put("four", nil), put("failing", failure),
	)
	if diff := cmp.Diff([]gateway.Commit{0, 0, 0, 5, 0, 6, 0}, commits); diff != "" || errs[1] != nil {
		t.Errorf("%v; commit numbers (-want +got):\n%s", errs, diff)
	}
	for id, there := range map[string]bool{"one": true, "two": true, "three": true, "four": true, "failing": false, "broken": false} {
		if _, err := s.Read().Submission(t.Context(), "0603", id); (err == nil) != there {
			t.Errorf("%s: %v", id, err)
		}
	}
	var trials int
	if err := s.readers.QueryRow("SELECT trials FROM numbers").Scan(&trials); err != nil || trials != 1 {
		t.Errorf("what says nothing is there %d times, %v", trials, err)
	}
}

// TestContentIsSharedAndNeverDeleted: what two records name stands once, and no statement
// takes it from one of them but by Erase, which asks who else names it.
func TestContentIsSharedAndNeverDeleted(t *testing.T) {
	s := open(t)
	for _, id := range []string{"one", "two"} {
		sub := submission(id)
		sub.Canonical = []byte("said by both")
		do(t, s, func(tx *Tx) error {
			return errors.Join(tx.PutSubmission(sub), tx.PutArrival(Arrival{Door: DoorSubmit, Party: "0603", ID: id, Content: sub.Canonical}))
		})
	}
	digest := gateway.DigestOf([]byte("said by both"))
	var n int
	if err := s.readers.QueryRow("SELECT count(*) FROM content WHERE digest = $1", digest[:]).Scan(&n); err != nil || n != 1 {
		t.Errorf("it stands %d times, %v", n, err)
	}
	if text := strings.ToUpper(string(must(os.ReadFile("queries.sql"))(t))); strings.Count(text, "DELETE FROM CONTENT") != 1 || strings.Contains(text, "UPDATE CONTENT") {
		t.Error("a statement deletes documents: a test has to show that it leaves what others name")
	}
}

func TestParallelCommitNumbersHaveNoGaps(t *testing.T) { onEach(t, testCommitNumbersHaveNoGaps) }

func testCommitNumbersHaveNoGaps(t *testing.T, open opener) {
	s := open(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				var last gateway.Commit
				no, err := s.Do(t.Context(), func(tx *Tx) error {
					if last = tx.Commit; j%5 == 4 {
						return errors.New("no")
					}
					return errors.Join(
						tx.PutSubmission(submission(fmt.Sprintf("%d-%d", i, j))),
						tx.Audit("test", "one", "", gateway.Digest{}), tx.Audit("test", "two", "", gateway.Digest{}))
				})
				if (err == nil) != (j%5 != 4) || err == nil && no != last {
					t.Errorf("commit %d, %v", no, err)
				}
			}
		})
	}
	// Readers never see a number before a smaller one.
	stop, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for after := gateway.Commit(0); ; {
			var all bool // is written before this look
			select {
			case <-stop:
				all = true
			default:
			}
			rows, err := s.Read().Audit(context.Background(), after, 7)
			if err != nil {
				t.Error(err)
				return
			}
			for _, r := range rows {
				if r.Ordinal == 1 && r.Commit != after+1 || r.Ordinal == 2 && r.Commit != after {
					t.Errorf("audit row %d.%d after commit %d", r.Commit, r.Ordinal, after)
				}
				after = r.Commit
			}
			if all && len(rows) == 0 {
				if after != 8*16 {
					t.Errorf("last commit %d", after)
				}
				return
			}
		}
	}()
	wg.Wait()
	close(stop)
	<-watched
}

func TestParallelCancelledCallerHarmsNobody(t *testing.T) { onEach(t, testCancelledCallerHarmsNobody) }

func testCancelledCallerHarmsNobody(t *testing.T, open opener) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, errs, _ := group(t, s,
		func(tx *Tx) error {
			cancel()
			_, err := tx.Submission(ctx, "0603", "one")
			return err
		},
		func(tx *Tx) error {
			return errors.Join(tx.PutSubmission(submission("one")), tx.Audit("test", "put", "", gateway.Digest{}))
		})
	if !errors.Is(errs[0], context.Canceled) || errs[1] != nil {
		t.Errorf("got %v, %v", errs[0], errs[1])
	}
	if _, err := s.Read().Submission(t.Context(), "0603", "one"); err != nil {
		t.Error(err)
	}
}

func TestParallelUnitIsNotStartedForACancelledCaller(t *testing.T) {
	onEach(t, testUnitIsNotStartedForACancelledCaller)
}

func testUnitIsNotStartedForACancelledCaller(t *testing.T, open opener) {
	s := open(t)
	holding, let, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		do(t, s, func(*Tx) error { close(holding); <-let; return nil })
	}()
	<-holding
	var wg sync.WaitGroup
	for range MaxGroup { // the queue is full
		wg.Go(func() { do(t, s, func(*Tx) error { return nil }) })
	}
	for len(s.units) < MaxGroup {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fs.ErrClosed)
	if _, err := s.Do(ctx, func(*Tx) error { panic("started") }); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v", err)
	}
	close(let)
	<-done
	wg.Wait()
}

func TestParallelChangedWakesAtTheNextCommit(t *testing.T) {
	onEach(t, testChangedWakesAtTheNextCommit)
}

func testChangedWakesAtTheNextCommit(t *testing.T, open opener) {
	s := open(t)
	changed := s.Changed()
	select {
	case <-changed:
		t.Fatal("woken without a commit")
	default:
	}
	do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("one")) })
	<-changed
	// Whoever is woken finds what woke him.
	changed = s.Changed()
	go do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("two")) })
	<-changed
	if _, err := s.Read().Submission(t.Context(), "0603", "two"); err != nil {
		t.Error(err)
	}
}

func TestReopenedStoreGoesOnWhereItWas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "with ? and % and #", "gateway.db")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	s := openFile(t, file)
	do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("one")) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), func(*Tx) error { return nil }); err == nil {
		t.Error("a closed store took a unit of work")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}

	s = openFile(t, file)
	defer s.Close()
	if _, err := s.Read().Submission(t.Context(), "0603", "one"); err != nil {
		t.Error(err)
	}
	if no := do(t, s, func(*Tx) error { return nil }); no != 2 {
		t.Errorf("commit %d after reopening", no)
	}
}

// Whatever Close cuts off, a unit answered without error is there and any other is not.
func TestParallelCloseKeepsItsWord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.db")
	s := openFile(t, file)
	const units = 200
	var wg sync.WaitGroup
	errs := make([]error, units)
	for i := range units {
		wg.Go(func() {
			_, errs[i] = s.Do(context.Background(), func(tx *Tx) error {
				return errors.Join(tx.PutSubmission(submission(fmt.Sprint(i))), tx.Audit("test", "put", "", gateway.Digest{}))
			})
		})
	}
	<-s.Changed()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	s = openFile(t, file)
	defer s.Close()
	for i, answer := range errs {
		_, err := s.Read().Submission(t.Context(), "0603", fmt.Sprint(i))
		if (answer == nil) != (err == nil) {
			t.Errorf("unit %d was answered %v and is found with %v", i, answer, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{garbage, dir, filepath.Join(dir, "missing", "gateway.db")} {
		if s, err := Open(t.Context(), file, clock); err == nil {
			s.Close()
			t.Errorf("%s was opened", file)
		}
	}
}

func TestDatabaseIsDurableAndPrivate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.db")
	s := openFile(t, file)
	defer s.Close()
	do(t, s, func(*Tx) error { return nil })
	pragmas := func(name string, row func(query string) *sql.Row) {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
			var got string
			if err := row("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s = %q, %v; want %q", name, pragma, got, err, want)
			}
		}
	}
	pragmas("readers", func(query string) *sql.Row { return s.readers.QueryRow(query) })
	do(t, s, func(tx *Tx) error {
		pragmas("writer", func(query string) *sql.Row { return tx.conn.QueryRowContext(t.Context(), query) })
		return nil
	})
	if _, err := s.readers.Exec("DELETE FROM audit"); err == nil {
		t.Error("a reader could write")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info := must(os.Stat(file + suffix))(t); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", info.Name(), info.Mode())
		}
	}
}

// Both engines take every statement, and so do databases that understand PostgreSQL.
func TestSQLStaysPortable(t *testing.T) {
	files := slices.Concat(must(filepath.Glob("migrations/*/*.sql"))(t), must(filepath.Glob("*.sql"))(t), must(filepath.Glob("*.go"))(t))
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text := strings.ReplaceAll(strings.ToUpper(string(must(os.ReadFile(file))(t))), "WITHOUT ROWID", "")
		for _, word := range []string{"TRIGGER", "AUTOINCREMENT", "ROWID", "LISTEN ", "NOTIFY ", "ADVISORY", "DATETIME(", " SERIAL ", "BIGSERIAL", "NEXTVAL"} {
			if strings.Contains(text, word) {
				t.Errorf("%s uses %s", file, word)
			}
		}
	}
}
