package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/store/storetest"
)

// TestDatabaseOfOthersIsRefused: of another administration, and of a later version.
func TestDatabaseOfOthersIsRefused(t *testing.T) {
	for name, place := range map[string]string{
		"SQLite": filepath.Join(t.TempDir(), "gateway.db"), "PostgreSQL": storetest.Postgres(t),
	} {
		t.Run(name, func(t *testing.T) {
			s := openFile(t, place)
			for range 2 { // the second time it is known
				if err := s.Own(t.Context(), "CN"); err != nil {
					t.Fatal(err)
				}
			}
			code := func(err error) gateway.Code {
				var f gateway.Fault
				errors.As(err, &f)
				return f.Code
			}
			if err := s.Own(t.Context(), "RU"); code(err) != gateway.StoreForeign {
				t.Errorf("of another administration: %v", err)
			}
			for own, want := range map[gateway.Administration]gateway.Code{"CN": "", "RU": gateway.StoreForeign} {
				if err := Examine(t.Context(), place, own); code(err) != want || (err == nil) != (want == "") {
					t.Errorf("examined for %s: %v", own, err)
				}
			}
			do(t, s, func(tx *Tx) error {
				_, err := tx.conn.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, TRUE)")
				return err
			})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := Examine(t.Context(), place, "CN"); code(err) != gateway.StoreNewer {
				t.Errorf("of a later version: %v", err)
			}
			if s, err := Open(t.Context(), place, clock); code(err) != gateway.StoreNewer {
				if err == nil {
					s.Close()
				}
				t.Errorf("of a later version: %v", err)
			}
		})
	}
}

// TestParallelSeveralGatewaysShareADatabase: their commits have one order without a gap, and each
// reads what the other wrote.
func TestParallelSeveralGatewaysShareADatabase(t *testing.T) {
	url := storetest.Copy(t, migratedPostgres(t))
	stores := []*Store{openFile(t, url), openFile(t, url)}
	for _, s := range stores {
		closes(t, s)
	}
	const each = 60
	var wg sync.WaitGroup
	for i, s := range stores {
		for j := range each {
			wg.Go(func() {
				do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission(fmt.Sprint(i, " ", j))) })
			})
		}
	}
	wg.Wait()
	for _, s := range stores {
		rows := must(s.Read().Audit(t.Context(), 0, 1000))(t)
		for i, row := range rows {
			if row.Commit != gateway.Commit(i+1) || row.Leaf != int64(i) {
				t.Fatalf("row %d is leaf %d of commit %d", i, row.Leaf, row.Commit)
			}
		}
		if len(rows) != 2*each {
			t.Errorf("%d rows", len(rows))
		}
		for i := range stores {
			if _, err := s.Read().Submission(t.Context(), "0603", fmt.Sprint(i, " ", each-1)); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestAFileIsOneProcessAlone: a second is refused, until the first has closed it.
func TestAFileIsOneProcessAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.db")
	for range 2 {
		s := openFile(t, file)
		var f gateway.Fault
		if _, err := Open(t.Context(), file, clock); !errors.As(err, &f) || f.Code != gateway.StoreInUse {
			t.Errorf("a second: %v", err)
		}
		do(t, s, func(tx *Tx) error { return nil }) // it is none the worse
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestServerEndsConnections: what is at work is refused, or on disk although nobody was
// told; what comes after takes new connections.
func TestServerEndsConnections(t *testing.T) {
	url := storetest.Copy(t, migratedPostgres(t))
	s := openFile(t, url)
	closes(t, s)
	other := must(sql.Open("pgx", url))(t)
	defer other.Close()
	for i := range 20 {
		do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission(fmt.Sprint("before ", i))) })
		if i%2 == 0 { // between units, and within one
			cut(t, other)
		}
		_, err := s.Do(t.Context(), func(tx *Tx) error {
			if i%2 == 1 {
				cut(t, other)
			}
			return errors.Join(tx.PutSubmission(submission(fmt.Sprint("cut ", i))), tx.Audit("test", "put", "", gateway.Digest{}))
		})
		if !Unavailable(err) {
			t.Errorf("try %d: %v", i, err)
		}
		if _, err := s.Read().Submission(context.Background(), "0603", fmt.Sprint("cut ", i)); !errors.Is(err, ErrNotFound) {
			t.Errorf("try %d: what was refused is there, or nothing can be read: %v", i, err)
		}
	}
	do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("after")) })
	if rows := must(s.Read().Audit(t.Context(), 0, 1000))(t); len(rows) != 21 || rows[20].Leaf != 20 {
		t.Errorf("%d audit rows", len(rows))
	}
}

// cut ends all connections to a database but its own.
func cut(t *testing.T, db *sql.DB) {
	t.Helper()
	if _, err := db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
}

// TestUnreachableServer: a clear word at start, without the password.
func TestUnreachableServer(t *testing.T) {
	for _, place := range []string{"postgres://cn:secret@127.0.0.1:1/cn", "postgres:///cn?host=/nowhere&password=secret"} {
		_, err := Open(t.Context(), place, clock)
		var f gateway.Fault
		if !errors.As(err, &f) || f.Code != gateway.StoreUnreachable {
			t.Errorf("%s: %v", place, err)
		}
		if _, err := Begun(place); !errors.As(err, &f) || f.Code != gateway.StoreUnreachable {
			t.Errorf("%s: %v", place, err)
		}
		if got := fmt.Sprint(f, Redacted(place)); strings.Contains(got, "secret") {
			t.Errorf("%s tells the password", got)
		}
	}
}
