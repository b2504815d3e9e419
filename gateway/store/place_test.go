package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// TestWhatWasHereIsNeverTakenForNew loses a database in every way.
func TestWhatWasHereIsNeverTakenForNew(t *testing.T) {
	for _, tt := range []struct {
		name string
		lose func(file string) error
		want gateway.Code // empty: opened
	}{
		{"nothing happened", func(string) error { return nil }, ""},
		{"gone", os.Remove, gateway.StoreGone},
		{"emptied", func(file string) error { return os.Truncate(file, 0) }, gateway.StoreEmpty},
		{"emptied, marker gone too", func(file string) error {
			return errors.Join(os.Truncate(file, 0), os.Remove(file+markerSuffix))
		}, gateway.StoreEmpty},
		{"cut inside the header", func(file string) error { return os.Truncate(file, 99) }, gateway.StoreDamaged},
		{"cut behind the first page", func(file string) error { return os.Truncate(file, 4096) }, gateway.StoreDamaged},
		{"cut by one byte", func(file string) error {
			info, err := os.Stat(file)
			return errors.Join(err, os.Truncate(file, info.Size()-1))
		}, gateway.StoreDamaged},
		{"something else", func(file string) error {
			return os.WriteFile(file, make([]byte, 8192), 0o600)
		}, gateway.StoreDamaged},
		{"marker alone gone", func(file string) error { return os.Remove(file + markerSuffix) }, ""},
		{"begun anew by hand", func(file string) error { return errors.Join(os.Remove(file), os.Remove(file+markerSuffix)) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "gateway.db")
			if err := inspect(file); err != nil {
				t.Fatalf("where none was: %v", err)
			}
			open := func() error {
				s, err := Open(context.Background(), file, clock)
				if err != nil {
					return err
				}
				return s.Close()
			}
			if err := open(); err != nil {
				t.Fatal(err)
			}
			if err := tt.lose(file); err != nil {
				t.Fatal(err)
			}
			before := entries(t, filepath.Dir(file))
			for what, err := range map[string]error{"Begun": second(Begun(file)), "Open": open()} {
				var f gateway.Fault
				if errors.As(err, &f); f.Code != tt.want || (err != nil) != (tt.want != "") {
					t.Errorf("%s: %v, want %q", what, err, tt.want)
				}
			}
			if after := entries(t, filepath.Dir(file)); tt.want != "" && !cmp.Equal(before, after) {
				t.Errorf("a refused start changed the directory: %v, before %v", after, before)
			}
		})
	}
}

// TestKilledWhileMakingBeginsAnew leaves what a gateway leaves that was killed before its
// first database was whole: nothing was acknowledged yet.
func TestKilledWhileMakingBeginsAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.db")
	for _, suffix := range []string{makingSuffix, makingSuffix + "-wal"} {
		if err := os.WriteFile(file+suffix, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(context.Background(), file, clock)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range entries(t, filepath.Dir(file)) {
		info, err := os.Stat(filepath.Join(filepath.Dir(file), name))
		if err != nil || info.Mode()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		if name == filepath.Base(file+makingSuffix) {
			t.Errorf("%s is left", name)
		}
	}
}

func entries(t *testing.T, dir string) (out []string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		out = append(out, e.Name())
	}
	return out
}

// TestAJournalWithoutItsDatabaseIsNobodys: of a database that is gone a journal is left, which
// is not the next one's.
func TestAJournalWithoutItsDatabaseIsNobodys(t *testing.T) {
	dir := t.TempDir()
	file, journal := filepath.Join(dir, "gateway.db"), filepath.Join(dir, "gateway.db-wal")
	s := openFile(t, file)
	do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("lost")) })
	left := must(os.ReadFile(journal))(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(file), os.Remove(file+markerSuffix), os.WriteFile(journal, left, 0o600)); err != nil || len(left) == 0 {
		t.Fatal(len(left), err)
	}
	s = openFile(t, file)
	closes(t, s)
	if _, err := s.Read().Submission(t.Context(), "0603", "lost"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the new database has what the old one had: %v", err)
	}
	do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("new")) })
}
