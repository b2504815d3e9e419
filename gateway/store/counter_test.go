package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"customs.example/gateway"
)

// beside is a store with a counter, and what is told of it.
type beside struct {
	*Store
	told []error
}

func openBeside(t testing.TB, place, counter string) *beside {
	t.Helper()
	b := &beside{Store: must(OpenCounted(t.Context(), place, counter, clock))(t)}
	b.OnCounter(func(err error) { b.told = append(b.told, err) })
	return b
}

// units does so many, and returns the number of the last commit.
func (b *beside) units(t testing.TB, n int) (last gateway.Commit) {
	t.Helper()
	for i := range n {
		last = do(t, b.Store, func(tx *Tx) error { return tx.PutSubmission(submission(fmt.Sprint("unit ", i))) })
	}
	return last
}

func (b *beside) end(t testing.TB) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// forget takes what was committed after a commit out of a database, as if it had never come to it.
func forget(t testing.TB, place string, after gateway.Commit) {
	asTool(t, place, fmt.Sprintf("DELETE FROM submission WHERE commit_no > %[1]d; DELETE FROM audit WHERE commit_no > %[1]d;"+
		" UPDATE numbers SET commit_no = %[1]d, leaf = (SELECT max(leaf) + 1 FROM audit)", after))
}

// lostTail wants a database to have said that it has lost what follows a commit, and to be gone on with as after a
// restore.
func (b *beside) lostTail(t testing.TB, counted, found gateway.Commit) {
	t.Helper()
	if want := (TailLost{counted, found, now}); len(b.told) != 1 || b.told[0] != error(want) {
		t.Errorf("told %v, want %v", b.told, want)
	}
	r := must(b.Read().Restored(t.Context()))(t)
	if r.Number == 0 || r.Commit != found || !r.Backup.Equal(now) {
		t.Errorf("%+v", r)
	}
	rows := must(b.Read().Audit(t.Context(), found, 10))(t)
	if len(rows) != 1 || rows[0].Event != restoredEvent || rows[0].Commit%restoredNumbers != 0 || rows[0].Commit <= counted {
		t.Errorf("%+v", rows)
	}
	if next := b.units(t, 1); next != rows[0].Commit+1 {
		t.Errorf("goes on at %d after %d", next, rows[0].Commit)
	}
	if found := flaws(t, b.Store); len(found) > 0 {
		t.Error(found)
	}
}

// TestATailThatIsLostIsSeenAtTheStart: a database that holds less than was committed says so once, and is gone on
// with as after a restore; numbers that may be taken are nobody's any more.
func TestATailThatIsLostIsSeenAtTheStart(t *testing.T) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			place, counter := place(t), filepath.Join(t.TempDir(), "counter")
			s := openBeside(t, place, counter)
			do(t, s.Store, func(tx *Tx) error {
				return tx.PutNumberBlock(NumberBlock{Office: "0603", First: "A001", Size: 10, Taken: 2, HandedOver: now})
			})
			held := s.units(t, 2)
			last := s.units(t, 3)
			s.end(t)
			forget(t, place, held)
			s = openBeside(t, place, counter)
			s.lostTail(t, last, held)
			if b := must(s.Read().NumberBlocks(t.Context(), "0603", 9))(t); len(b) != 1 || b[0].Size != 2 {
				t.Errorf("%+v", b)
			}
			s.end(t)
			s = openBeside(t, place, counter)
			if r := must(s.Read().Restored(t.Context()))(t); len(s.told) != 0 || r.Number != 1 {
				t.Errorf("told again: %v, %+v", s.told, r)
			}
			s.end(t)
			// It loses all of that, and what it knows of the first loss with it.
			asTool(t, place, "DELETE FROM restoration")
			forget(t, place, held)
			s = openBeside(t, place, counter)
			s.lostTail(t, restoredNumbers+1, held)
			s.end(t)
			// And only what came after: it counts from before the first loss, which was compared with nobody yet.
			forget(t, place, 2*restoredNumbers)
			s = openBeside(t, place, counter)
			if r := must(s.Read().Restored(t.Context()))(t); len(s.told) != 1 || r.Number != 2 || !r.Backup.Equal(now) || r.Commit != 2*restoredNumbers {
				t.Errorf("%v, %+v", s.told, r)
			}
			s.end(t)
		})
	}
}

// TestAFileThatIsCutOrOldIsSeen: of a database file the journal is cut at each tenth, or is gone, or an
// older copy is put in its place.
func TestAFileThatIsCutOrOldIsSeen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gateway.db")
	s := openBeside(t, file, file+".commits")
	s.units(t, 1)
	read := func(name string) []byte { return must(os.ReadFile(name))(t) }
	oldFile, oldJournal := read(file), read(file+"-wal")
	last := s.units(t, 12)
	nowFile, nowJournal, counter := read(file), read(file+"-wal"), read(file+".commits")
	s.end(t)
	type state struct {
		name          string
		file, journal []byte
		loses         bool
	}
	states := []state{
		{"whole", nowFile, nowJournal, false}, {"without its journal", nowFile, nil, true}, {"older", oldFile, oldJournal, true},
		{"an older file under its journal", oldFile, nowJournal, false}, // no page went from the one to the other
	}
	for at := len(nowJournal) / 10; at < len(nowJournal); at += len(nowJournal) / 10 {
		states = append(states, state{fmt.Sprintf("cut after %d of %d bytes", at, len(nowJournal)), nowFile, nowJournal[:at], true})
	}
	for _, st := range states {
		t.Run(st.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "gateway.db")
			for name, content := range map[string][]byte{file: st.file, file + "-wal": st.journal, file + ".commits": counter, file + markerSuffix: []byte(markerText)} {
				if err := os.WriteFile(name, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			b := openBeside(t, file, file+".commits")
			defer b.end(t)
			var lost TailLost
			if seen := len(b.told) == 1 && errors.As(b.told[0], &lost); seen != st.loses || seen && (lost.Counted != last || lost.Found >= last) {
				t.Errorf("told %v", b.told)
			}
		})
	}
}

// TestACounterThatIsOfNoUseIsToldAndBegunAnew: a start goes on without it, and what follows is counted again.
func TestACounterThatIsOfNoUseIsToldAndBegunAnew(t *testing.T) {
	other := openBeside(t, filepath.Join(t.TempDir(), "other.db"), filepath.Join(t.TempDir(), "counter"))
	do(t, other.Store, func(tx *Tx) error { return tx.Audit("somebody else", "began", "", gateway.Digest{}) })
	other.units(t, 20)
	foreign := must(os.ReadFile(other.counter.name))(t)
	other.end(t)
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, name string) error
		told   error
	}{
		{"there", func(*testing.T, string) error { return nil }, nil},
		{"missing", func(_ *testing.T, name string) error { return os.Remove(name) }, errCounterMissing},
		{"empty", func(_ *testing.T, name string) error { return os.Truncate(name, 0) }, errCounterDamaged},
		{"cut off", func(_ *testing.T, name string) error { return os.Truncate(name, counterRecord-1) }, errCounterDamaged},
		{"of another database", func(_ *testing.T, name string) error { return os.WriteFile(name, foreign, 0o600) }, errCounterOther},
		{"half written", func(t *testing.T, name string) error {
			raw := must(os.ReadFile(name))(t)
			_, at, err := readCounter(name)
			copy(raw[(1-at)*counterRecord:], "customs gateway commits 1\ndatabase") // the record that is written over
			return errors.Join(err, os.WriteFile(name, raw, 0o600))
		}, nil},
		{"written by a later version", func(t *testing.T, name string) error {
			raw := must(os.ReadFile(name))(t)
			for i := range 2 {
				raw[i*counterRecord+len("customs gateway commits ")] = '2'
			}
			return os.WriteFile(name, raw, 0o600)
		}, errCounterDamaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			place, counter := filepath.Join(dir, "gateway.db"), filepath.Join(dir, "counter")
			s := openBeside(t, place, counter)
			last := s.units(t, 3)
			if s.told != nil {
				t.Errorf("of a new database: %v", s.told)
			}
			s.end(t)
			if err := tt.change(t, counter); err != nil {
				t.Fatal(err)
			}
			for i, want := range []error{tt.told, nil} {
				s = openBeside(t, place, counter)
				if len(s.told) > 1 || (len(s.told) == 1) != (want != nil) || want != nil && !errors.Is(s.told[0], want) {
					t.Errorf("start %d: told %v, want %v", i+1, s.told, want)
				}
				last = s.units(t, 1)
				s.end(t)
			}
			if is, _, err := readCounter(counter); err != nil || is.commit != int64(last) {
				t.Errorf("%+v, %v; want %d", is, err, last)
			}
		})
	}
	t.Run("each bit of it", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "counter")
		was := counted{gateway.DigestOf([]byte("it")), 1234567}
		sound := slices.Concat(was.record(), counted{was.database, 1234566}.record())
		for bit := range counterRecord * 8 {
			raw := slices.Clone(sound)
			raw[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(name, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			if is, _, err := readCounter(name); err != nil || is.commit != 1234566 {
				t.Fatalf("bit %d: %+v, %v", bit, is, err)
			}
		}
	})
	t.Run("which cannot be written", func(t *testing.T) {
		dir := t.TempDir()
		counter := filepath.Join(dir, "no directory", "counter")
		s := openBeside(t, filepath.Join(dir, "gateway.db"), counter)
		s.units(t, 3)
		if len(s.told) != 1 {
			t.Errorf("told %v", s.told)
		}
		s.end(t)
	})
}

// TestParallelAStateThatComesInThePlaceOfAnotherEndsWhoWorksOnIt: a server that fails over to an older state, or one that is
// restored, under gateways that work on it: each acknowledges nothing more and says so.
func TestParallelAStateThatComesInThePlaceOfAnotherEndsWhoWorksOnIt(t *testing.T) {
	place := places["PostgreSQL"](t)
	for _, tt := range []struct {
		name   string
		change func(held gateway.Commit)
	}{
		{"older", func(held gateway.Commit) { forget(t, place, held) }},
		{"restored", func(gateway.Commit) {
			asTool(t, place, fmt.Sprintf("UPDATE numbers SET commit_no = (commit_no / %[1]d + 1) * %[1]d", int64(restoredNumbers)))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := openBeside(t, place, filepath.Join(t.TempDir(), "counter"))
			held := s.units(t, 1)
			s.units(t, 2)
			if s.Failure() != nil {
				t.Error(s.Failure())
			}
			tt.change(held)
			for range 2 {
				if _, err := s.Do(t.Context(), func(tx *Tx) error { return tx.Audit("test", "done", "", gateway.Digest{}) }); !errors.Is(err, errReplaced) || !Unavailable(err) {
					t.Error(err)
				}
			}
			select {
			case <-s.Failed():
			case <-time.After(time.Minute):
				t.Fatal("it goes on")
			}
			if !errors.Is(s.Failure(), errReplaced) {
				t.Error(s.Failure())
			}
			s.end(t)
		})
	}
}
