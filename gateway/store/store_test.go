package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
	"go.uber.org/goleak"

	"customs.example/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 2, 8, 0, 0, 123, time.UTC)

func clock() time.Time { return now }

func open(t testing.TB) *Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gateway.db")
	if err := os.WriteFile(file, must(migrated())(t), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openFile(t, file)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// migrated is an empty database with all migrations, made once: each test starts with a copy.
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

func openFile(t testing.TB, file string) *Store {
	t.Helper()
	s, err := Open(context.Background(), file, clock)
	if err != nil {
		t.Fatal(err)
	}
	return s
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

func TestUnitFailsAloneInItsGroup(t *testing.T) {
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
			_, err := tx.tx.Exec("INSERT INTO nowhere VALUES (1)")
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
}

func TestCommitNumbersHaveNoGaps(t *testing.T) {
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

func TestCancelledCallerHarmsNobody(t *testing.T) {
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

func TestUnitIsNotStartedForACancelledCaller(t *testing.T) {
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

func TestChangedWakesAtTheNextCommit(t *testing.T) {
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
func TestCloseKeepsItsWord(t *testing.T) {
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
	for name, db := range map[string]*sql.DB{"writer": s.writer, "readers": s.readers} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
			var got string
			if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s = %q, %v; want %q", name, pragma, got, err, want)
			}
		}
	}
	if _, err := s.readers.Exec("DELETE FROM audit"); err == nil {
		t.Error("a reader could write")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info := must(os.Stat(file + suffix))(t); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", info.Name(), info.Mode())
		}
	}
}

// A message from before messages had parts is the only one of its whole.
func TestDatabaseOfAnEarlierVersionIsBroughtUpToDate(t *testing.T) {
	file, ctx := filepath.Join(t.TempDir(), "gateway.db"), t.Context()
	db := must(sql.Open("sqlite", file))(t)
	dir := must(fs.Sub(migrations, "migrations"))(t)
	p := must(goose.NewProvider(goose.DialectSQLite3, db, dir))(t)
	must(p.UpTo(ctx, 1))(t)
	must(db.Exec(`INSERT INTO message VALUES ('m-1', 'r', 'PreArrivalNotice', 'RU', 3, 'm-1', 'm-1', 'd-1', 'sent', '', '', '', 0, '',
		x'', x'', x'', '', x'', '', 'ru/auto-preliminary.v1', '', '', 1, '', '', NULL, '[]', 4)`))(t)
	must(db.Exec(`INSERT INTO inbox VALUES ('m-2', 'RU', 'Answer', 'd-2', 'accepted', '', '', 0, '', x'', '', '', '[]', '[]', '[]', '{}', '', '', '', 5)`))(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(ctx, file, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ms := must(s.Read().Messages(ctx, "m-1"))(t)
	if len(ms) != 1 || ms[0].ID != "m-1" || ms[0].Whole != "m-1" || ms[0].Part != 1 || ms[0].Split != "" || ms[0].State != gateway.Sending {
		t.Errorf("the messages of m-1 are %+v", ms)
	}
	if in := must(s.Read().Inbound(ctx, "RU", "m-2"))(t); in.State != gateway.Accepted || in.Conversation != "" {
		t.Errorf("the inbox holds %+v", in)
	}
}

// Written so that PostgreSQL-compatible databases can take it over.
func TestSQLStaysPortable(t *testing.T) {
	files := append(must(filepath.Glob("migrations/*.sql"))(t), must(filepath.Glob("*.go"))(t)...)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text := strings.ToUpper(string(must(os.ReadFile(file))(t)))
		for _, word := range []string{"TRIGGER", "AUTOINCREMENT", "ROWID", "LISTEN ", "NOTIFY ", "ADVISORY", "DATETIME("} {
			if strings.Contains(text, word) {
				t.Errorf("%s uses %s", file, word)
			}
		}
	}
}
