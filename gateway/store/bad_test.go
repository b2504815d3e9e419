package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"customs.example/gateway"
)

// TestADatabaseThatWillNotDo is refused at a look and at a start, in words.
func TestADatabaseThatWillNotDo(t *testing.T) {
	for _, tt := range []struct {
		name   string
		engine string
		spoil  func(t *testing.T, place string)
		want   gateway.Code
		start  bool // a look does not tell: it would have to read everything
	}{
		{"nothing happened", "SQLite", func(*testing.T, string) {}, "", false},
		{"nothing happened", "PostgreSQL", func(*testing.T, string) {}, "", false},
		{"its tables are garbage", "SQLite", func(t *testing.T, place string) { overwrite(t, place, 100, 4000) }, gateway.StoreDamaged, false},
		{"a page in it is garbage", "SQLite", func(t *testing.T, place string) {
			raw := must(os.ReadFile(place))(t)
			for at := 4096; at < len(raw); at += 4096 {
				overwrite(t, place, at, 4096)
			}
		}, gateway.StoreDamaged, false},
		{"nobody may write", "PostgreSQL", func(t *testing.T, place string) {
			versioned(t, place, "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = on'; END $$")
		}, gateway.StoreReadOnly, false},
		{"this user may not write", "PostgreSQL", func(t *testing.T, place string) {
			versioned(t, place, fmt.Sprintf("CREATE ROLE %[1]s LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO %[1]s; "+
				"DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET role = %[1]s'; END $$", fmt.Sprint("reader", time.Now().UnixNano())))
		}, gateway.StoreReadOnly, false},
	} {
		t.Run(tt.engine+" "+tt.name, func(t *testing.T) {
			place := furnished(t, tt.engine)
			tt.spoil(t, place)
			if !tt.start {
				refused(t, "looked at", Examine(t.Context(), place, "CN"), tt.want)
			}
			s, err := Open(t.Context(), place, clock)
			if err == nil {
				err = s.Own(t.Context(), "CN")
				s.Close()
			}
			refused(t, "started", err, tt.want)
		})
	}
}

// overwrite writes garbage into a file.
func overwrite(t testing.TB, file string, at, n int) {
	t.Helper()
	f := must(os.OpenFile(file, os.O_RDWR, 0))(t)
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, n), int64(at)); err != nil {
		t.Fatal(err)
	}
}

func asTool(t testing.TB, place, statement string) {
	t.Helper()
	e := must(engineOf(place))(t)
	db := must(e.tool(true))(t)
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Error(err)
	}
}

// TestTroubleWhileWorking: a database that is full, cannot be written, or is damaged refuses
// politely, acknowledges nothing that is not on disk, and works again by itself.
func TestTroubleWhileWorking(t *testing.T) {
	large := func(tx *Tx) error {
		return errors.Join(tx.PutArrival(Arrival{ID: "large", Content: make([]byte, 1<<20)}), tx.Audit("test", "put", "", gateway.Digest{}))
	}
	for name, tt := range map[string]struct {
		open        opener
		spoil, mend string
		want        gateway.Code
	}{
		// A small disk needs a mount, which needs root; a bound of the pages fails in the same place.
		"SQLite is full":           {open, "PRAGMA max_page_count = 60", "PRAGMA max_page_count = 1000000", gateway.StoreFull},
		"SQLite cannot be written": {open, "PRAGMA query_only = 1", "PRAGMA query_only = 0", gateway.StoreReadOnly},
		"PostgreSQL cannot be written": {openPostgres,
			"DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = on'; END $$",
			"BEGIN READ WRITE; DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = off'; END $$; COMMIT", gateway.StoreReadOnly},
	} {
		t.Run(name, func(t *testing.T) {
			s := tt.open(t)
			before := do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("before")) })
			pragma := func(statement string) {
				t.Helper()
				db := s.writer
				if s.engine.others != "" { // of each session that begins from now on
					asTool(t, s.engine.place, statement)
					s.conn.close(errors.New("ended"))
					s.conn = nil
					return
				}
				if s.conn != nil {
					if _, err := s.conn.conn.ExecContext(t.Context(), statement); err != nil {
						t.Fatal(err)
					}
				} else if _, err := db.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			pragma(tt.spoil)
			_, err := s.Do(t.Context(), large)
			if !Unavailable(err) || codeOf(s.engine.plain(err)) != tt.want {
				t.Errorf("%v", err)
			}
			if _, err := s.Read().Arrival(t.Context(), "", "", "large"); !errors.Is(err, ErrNotFound) {
				t.Errorf("what was refused is there: %v", err)
			}
			if _, err := s.Read().Submission(t.Context(), "0603", "before"); err != nil {
				t.Errorf("what was there cannot be read: %v", err)
			}
			pragma(tt.mend)
			no, err := s.Do(t.Context(), large)
			if err != nil || no != before+1 {
				t.Errorf("mended: commit %d after %d, %v", no, before, err)
			}
		})
	}
}

// TestADamagedPageIsNoPanic: what is asked of it is refused as the store's trouble.
func TestADamagedPageIsNoPanic(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.db")
	s := openFile(t, file)
	for i := range 200 {
		do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission(fmt.Sprint(i))) })
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw := must(os.ReadFile(file))(t)
	var pages []int // that hold rows of submissions
	for at := 4096; at < len(raw); at += 4096 {
		if bytes.Count(raw[at:at+4096], []byte("arrived")) > 3 {
			pages = append(pages, at)
		}
	}
	if len(pages) < 3 {
		t.Fatalf("%d pages", len(pages))
	}
	for _, at := range pages {
		overwrite(t, file, at, 4096)
	}
	s = openFile(t, file)
	closes(t, s)
	var met []bool
	for i := range 200 {
		if _, err := s.Read().Submission(t.Context(), "0603", fmt.Sprint(i)); err != nil {
			met = append(met, Unavailable(err))
		}
	}
	if len(met) == 0 || slices.Contains(met, false) {
		t.Errorf("%d reads failed: %v", len(met), met)
	}
}

// TestParallelAStatementThatFailsEndsItsUnitAlone: what its unit would write behind it is not
// written, and the others of its group are.
func TestParallelAStatementThatFailsEndsItsUnitAlone(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s := open(t)
		put := func(id string) func(*Tx) error {
			return func(tx *Tx) error {
				return errors.Join(tx.PutSubmission(submission(id)), tx.Audit("test", "put", id, gateway.Digest{}))
			}
		}
		failing := func(tx *Tx) error {
			tx.leaf-- // which is taken
			return errors.Join(tx.Audit("test", "put", "", gateway.Digest{}), put("behind")(tx))
		}
		_, errs, _ := group(t, s, put("one"), failing, put("two"), failing)
		if errs[0] != nil || errs[1] == nil || errs[2] != nil || errs[3] == nil {
			t.Fatal(errs)
		}
		rows := must(s.Read().Audit(t.Context(), 0, 100))(t)
		if len(rows) != 3 || rows[2].Leaf != 2 || rows[2].Subject != "two" {
			t.Errorf("%+v", rows)
		}
		if _, err := s.Read().Submission(t.Context(), "0603", "behind"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}
