package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/store/storetest"
)

// places are a new place on each engine that can be named.
var places = map[string]func(t testing.TB) string{
	"SQLite":     func(t testing.TB) string { return filepath.Join(t.TempDir(), "gateway.db") },
	"PostgreSQL": func(t testing.TB) string { return storetest.Postgres(t) },
}

// furnish puts records of every kind into a store: filled, of zero values, and more of some
// than one commit of a copy takes.
func furnish(place string) error {
	ctx := context.Background()
	s, err := Open(ctx, place, clock)
	if err != nil {
		return err
	}
	errs := []error{s.Own(ctx, "CN")}
	unit := func(work func(tx *Tx) error) {
		_, err := s.Do(ctx, func(tx *Tx) error {
			return errors.Join(work(tx), tx.Audit("test", "furnished", place, gateway.Digest{}))
		})
		errs = append(errs, err)
	}
	f := new(filler)
	for range 3 {
		var a Arrival
		var sub Submission
		var j Judgement
		var ap Approval
		var ru Ruling
		var cr Crossing
		var m Message
		var in Inbound
		var mov Movement
		var l Listed
		var fetching Subscription
		var h Handout
		var id Identifier
		var b Balance
		var d Difference
		var rcv, prs Receipt
		var at Attachment
		var use AttachmentUse
		var se Settlement
		for _, rec := range []any{&at, &use, &a, &sub, &j, &ap, &ru, &cr, &m, &rcv, &prs, &se, &in, &mov, &l, &id, &fetching, &h, &b, &d} {
			f.fill(reflect.ValueOf(rec).Elem())
		}
		se.Confirmed = time.Time{} // what is confirmed settles
		unit(func(tx *Tx) error {
			return errors.Join(tx.PutSettlement(se, m.Whole), tx.PutKept(Kept{Door: DoorSubmit, Party: "0603", ID: string(m.ID), Until: now, Rule: "rule"}), tx.PutArrival(a), tx.PutSubmission(sub), tx.PutJudgement(j), tx.PutApproval(ap), tx.PutRuling(ru), tx.PutCrossing(mov.ID, cr), tx.Await(sub.Office, sub.ID, []Identifier{id}), tx.PutMessage(m), tx.PutReceipt(ctx, m.ID, rcv), tx.PutReceipt(ctx, m.ID, prs), tx.PutInbound(in),
				tx.PutMovement(mov, []Identifier{id, {Kind: "seal"}}), tx.PutListed(mov.ID, []Listed{l}, []gateway.MessageID{m.ID}), tx.PutBalance(b), tx.PutDifference(d), tx.PutSubscription(fetching), tx.PutHandout(h), putNumbers(tx, m.ID), tx.PutAttachment(at), tx.PutChunk(at, 0, []byte(at.Rule)), tx.PutAttachmentUse(use), tx.PutAnnounced(m.Route, m.Kind, m.ID), tx.PutRegistered(in.Sender, in.DocumentID, in.ID), await(tx, in),
				tx.Supervise(Supervised{Office: "CN/0603", Kind: Opened, Caller: "customs://CN/office/0603/post/1", Reason: "it stands here", Movement: mov.ID, Subject: "R1"}, "movement opened", "0603"))
		})
	}
	unit(func(tx *Tx) error {
		return errors.Join(tx.PutArrival(Arrival{Content: make([]byte, copyBytes+1)}), tx.PutSubmission(Submission{}), tx.PutMessage(Message{}), tx.PutInbound(Inbound{}),
			tx.PutMovement(Movement{}, []Identifier{{}}))
	})
	unit(func(tx *Tx) error {
		for i := range copyRows + copyRows/2 {
			if err := tx.PutAnnounced("route", fmt.Sprint("№ ", i), "m-1"); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(append(errs, s.Close())...)
}

// furnished is a place on an engine with records of every kind, and nobody at work on it.
func furnished(t testing.TB, engine string) string {
	t.Helper()
	place := places[engine](t)
	if engine == "PostgreSQL" {
		return storetest.Copy(t, must(furnishedPostgres())(t))
	}
	if err := os.WriteFile(place, must(furnishedSQLite())(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return place
}

var furnishedSQLite = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "furnished")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "gateway.db")
	if err := furnish(file); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

var furnishedPostgres = sync.OnceValues(func() (string, error) {
	place, err := storetest.New()
	if err != nil {
		return "", err
	}
	return place, furnish(place)
})

func codeOf(err error) gateway.Code {
	var f gateway.Fault
	errors.As(err, &f)
	return f.Code
}

// refused holds an error to a code.
func refused(t testing.TB, what string, err error, want gateway.Code) {
	t.Helper()
	if codeOf(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

var errKilled = errors.New("killed")

// killedAfter ends a copy after its n-th commit.
func killedAfter(n int) Copying {
	return Copying{Now: clock, Step: func(string, int64) error {
		if n--; n < 0 {
			return errKilled
		}
		return nil
	}}
}

var undisturbed = Copying{Now: clock}

// TestMigrate moves a store from each engine to each, killed after every commit in turn: in
// the end both hold the same, and the first one says that it has moved.
func TestMigrate(t *testing.T) {
	t.Parallel()
	for from := range places {
		for to, newTo := range places {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				source, target := furnished(t, from), newTo(t)
				before := must(Digests(t.Context(), source, clock))(t)
				var moved Copy
				killed := 0
				for ; ; killed++ {
					var err error
					if moved, err = Migrate(t.Context(), source, target, killedAfter(8)); !errors.Is(err, errKilled) {
						if err != nil {
							t.Fatal(err)
						}
						break
					}
					if s, err := Open(t.Context(), target, clock); err == nil {
						s.Close()
						t.Fatalf("after %d kills a gateway works on half a copy", killed)
					} else {
						refused(t, "half a copy", err, gateway.StoreCopying)
						refused(t, "half a copy, looked at", Examine(t.Context(), target, "CN"), gateway.StoreCopying)
					}
				}
				if killed < 1 {
					t.Errorf("killed %d times", killed)
				}
				after := must(Digests(t.Context(), target, clock))(t)
				for _, got := range []Snapshot{moved.Snapshot, after} {
					if diff := cmp.Diff(before, got); diff != "" {
						t.Errorf("(-before +after):\n%s", diff)
					}
				}
				for _, c := range after.Tables {
					if c.Rows == 0 && c.Table != "restoration" {
						t.Errorf("the test has nothing in %s", c.Table)
					}
				}
				_, err := Open(t.Context(), source, clock)
				refused(t, "the first place", err, gateway.StoreMoved)
				refused(t, "the first place, looked at", Examine(t.Context(), source, "CN"), gateway.StoreMoved)
				_, err = Migrate(t.Context(), source, target, undisturbed)
				refused(t, "moved again", err, gateway.StoreFilled)
				_, err = Migrate(t.Context(), source, newTo(t), undisturbed)
				refused(t, "moved to a second place", err, gateway.StoreMoved)
				s := openFile(t, target)
				closes(t, s)
				if no := do(t, s, func(*Tx) error { return nil }); no != before.Commit+1 {
					t.Errorf("goes on at commit %d after %d", no, before.Commit)
				}
			})
		}
	}
}

// TestMigrateRefuses what would mix records, or copy what is changing.
func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	for name, newPlace := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			source, other := furnished(t, name), furnished(t, name)
			s := openFile(t, other)
			do(t, s, func(*Tx) error { return nil })
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_, err := Migrate(ctx, source, source, undisturbed)
			refused(t, "itself", err, gateway.StoreFilled)
			_, err = Migrate(ctx, source, other, undisturbed)
			refused(t, "a place with records", err, gateway.StoreFilled)
			_, err = Migrate(ctx, newPlace(t), newPlace(t), undisturbed)
			refused(t, "nothing", err, gateway.StoreNone)

			// Half a copy of another state: the first was at work again in between.
			half := newPlace(t)
			if _, err := Migrate(ctx, source, half, killedAfter(8)); !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			_, err = Migrate(ctx, other, half, undisturbed)
			refused(t, "half a copy of another", err, gateway.StoreFilled)
			_, err = Migrate(ctx, half, newPlace(t), undisturbed)
			refused(t, "half a copy", err, gateway.StoreCopying)
			s = openFile(t, source)
			do(t, s, func(*Tx) error { return nil })
			if _, err = Migrate(ctx, source, newPlace(t), undisturbed); codeOf(err) != gateway.StoreInUse {
				t.Errorf("a place in use: %v", err)
			}
			do(t, s, func(*Tx) error { return nil })
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = Migrate(ctx, source, half, undisturbed)
			refused(t, "half a copy of another state", err, gateway.StoreFilled)

			versioned(t, source, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, TRUE)")
			_, err = Migrate(ctx, source, newPlace(t), undisturbed)
			refused(t, "a later version", err, gateway.StoreNewer)
			versioned(t, source, "DELETE FROM goose_db_version WHERE version_id > 0")
			_, err = Migrate(ctx, source, newPlace(t), undisturbed)
			refused(t, "an earlier version", err, gateway.StoreOlder)
		})
	}
}

// versioned changes what a place says of its version.
func versioned(t testing.TB, place, statement string) {
	t.Helper()
	e := must(engineOf(place))(t)
	db := must(e.connect(toWrite))(t)
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// TestNoGatewayCommitsWhileItMoves: in the middle of a move nobody else begins to write.
func TestNoGatewayCommitsWhileItMoves(t *testing.T) {
	t.Parallel()
	for name := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, tried := furnished(t, name), false
			_, err := Migrate(t.Context(), source, places["SQLite"](t), Copying{Now: clock, Step: func(string, int64) error {
				if tried {
					return nil
				}
				tried = true
				driver, name, statement := "sqlite", strings.Replace(dsn(source), "busy_timeout(10000)", "busy_timeout(1)", 1), "BEGIN IMMEDIATE"
				if IsPostgres(source) {
					driver, name, statement = "pgx", source, "SELECT one FROM numbers FOR UPDATE NOWAIT"
				}
				db := must(sql.Open(driver, name))(t)
				defer db.Close()
				if _, err := db.Exec(statement); err == nil || codeOf(must(engineOf(source))(t).plain(err)) != gateway.StoreInUse {
					t.Errorf("%s: %v", statement, err)
				}
				return nil
			}})
			if err != nil || !tried {
				t.Error(err)
			}
		})
	}
}

// TestBackupAndRestore back up each engine while it works, and restore to each: what comes
// of it holds the backup's records, a row that says so, and numbers beyond all that were lost.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	for from, newFrom := range places {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			place := furnished(t, from)
			s := openFile(t, place)
			closes(t, s)
			before := must(Digests(ctx, place, clock))(t)
			file := filepath.Join(t.TempDir(), "backup.db")
			at := now.Add(time.Hour)
			snap := must(Backup(ctx, place, file, Copying{Now: func() time.Time { return at }, Step: func(string, int64) error {
				do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission(fmt.Sprint("meanwhile"))) })
				return nil
			}}))(t)
			want := before
			want.At = at
			if diff := cmp.Diff(want, snap.Snapshot); diff != "" {
				t.Errorf("the state when it began (-want +got):\n%s", diff)
			}
			if got := entries(t, filepath.Dir(file)); !slices.Equal(got, []string{"backup.db"}) {
				t.Errorf("the backup is %v", got)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			_, err := Backup(ctx, place, file, undisturbed)
			refused(t, "over another", err, gateway.StoreFilled)
			_, err = Open(ctx, file, clock)
			refused(t, "to work on a backup", err, gateway.StoreBackup)
			refused(t, "to work on a backup, looked at", Examine(ctx, file, "CN"), gateway.StoreBackup)
			if got := must(Digests(ctx, file, clock))(t); got.Digest != snap.Digest {
				t.Errorf("the file holds %s", got.Digest)
			}
			os.Remove(file + markerSuffix)
			_, err = Restore(ctx, file, place, "CN", undisturbed)
			refused(t, "over what is there, and in use", err, map[string]gateway.Code{"SQLite": gateway.StoreInUse, "PostgreSQL": gateway.StoreFilled}[from])
			_, err = Restore(ctx, file, newFrom(t), "RU", undisturbed)
			refused(t, "of another administration", err, gateway.StoreForeign)
			if from == "SQLite" {
				_, err = Restore(ctx, place, newFrom(t), "CN", undisturbed)
				refused(t, "no backup", err, gateway.StoreNoBackup)
			}
			for to, newTo := range places {
				t.Run(to, func(t *testing.T) {
					target := newTo(t)
					if to == "SQLite" { // it was lost
						if err := os.WriteFile(target+markerSuffix, nil, 0o600); err != nil {
							t.Fatal(err)
						}
					}
					later := now.Add(2 * time.Hour)
					for n := 1; ; n++ {
						got, err := Restore(ctx, file, target, "CN", Copying{Now: func() time.Time { return later }, Step: killedAfter(8).Step})
						if errors.Is(err, errKilled) && n < 20 {
							continue
						}
						if err != nil {
							t.Fatal(err)
						}
						if diff := cmp.Diff(snap.Snapshot, got.Snapshot); diff != "" {
							t.Errorf("(-backup +restored):\n%s", diff)
						}
						break
					}
					s := openFile(t, target)
					closes(t, s)
					r := must(s.Read().Restored(ctx))(t)
					if diff := cmp.Diff(Restoration{Number: 1, Backup: at, At: later, Commit: snap.Commit, Digest: snap.Digest}, r); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					if no := do(t, s, func(*Tx) error { return nil }); no != restoredNumbers+1 {
						t.Errorf("goes on at %d", no)
					}
					rows := must(s.Read().Audit(ctx, snap.Commit, 10))(t)
					if len(rows) != 2 || rows[0].Event != "database restored" || rows[0].Leaf+1 != rows[1].Leaf || rows[0].Digest != snap.Digest {
						t.Errorf("%+v", rows)
					}
				})
			}
		})
	}
}

// TestADamagedBackupIsNotRestored: what it holds is not what its digest says.
func TestADamagedBackupIsNotRestored(t *testing.T) {
	t.Parallel()
	file, dir := filepath.Join(t.TempDir(), "backup.db"), t.TempDir()
	must(Backup(t.Context(), furnished(t, "SQLite"), file, undisturbed))(t)
	versioned(t, file, "UPDATE submission SET state = 'withdrawn'")
	_, err := Restore(t.Context(), file, filepath.Join(dir, "one.db"), "CN", undisturbed)
	refused(t, "changed", err, gateway.StoreDamaged)
	raw := must(os.ReadFile(file))(t)
	for i := 20 * 4096; i < 24*4096; i++ {
		raw[i] ^= 0x55
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Restore(t.Context(), file, filepath.Join(dir, "two.db"), "CN", undisturbed)
	refused(t, "pages flipped", err, gateway.StoreDamaged)
}

// TestEveryTableIsRecorded holds the list of what is copied to the tables that there are, and
// their keys to the order that rows are copied in.
func TestEveryTableIsRecorded(t *testing.T) {
	s := open(t)
	found := must(s.readers.Query("SELECT m.name, p.name FROM sqlite_master AS m, pragma_table_info(m.name) AS p WHERE m.type = 'table' AND p.pk > 0 ORDER BY m.name, p.pk"))(t)
	defer found.Close()
	keys := map[string][]string{}
	for found.Next() {
		var table, column string
		if err := found.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		keys[table] = append(keys[table], column)
	}
	delete(keys, "copied")
	delete(keys, "lease")
	delete(keys, "goose_db_version")
	for _, tab := range recorded {
		if !slices.Equal(keys[tab.name], tab.key) {
			t.Errorf("%s has the key %v, not %v", tab.name, keys[tab.name], tab.key)
		}
		delete(keys, tab.name)
	}
	if len(keys) > 0 {
		t.Errorf("not copied: %v", keys)
	}
	// Texts of a key are ordered by their bytes, whatever the server's language.
	raw := string(must(os.ReadFile("migrations/postgres/00001_init.sql"))(t))
	for _, tab := range recorded {
		_, rest, _ := strings.Cut(raw, "CREATE TABLE "+tab.name+" (\n")
		body, _, _ := strings.Cut(rest, "\n);")
		for line := range strings.SplitSeq(body, "\n") {
			if f := strings.Fields(line); len(f) > 2 && slices.Contains(tab.key, f[0]) && f[1] == "TEXT" && !strings.HasPrefix(strings.Join(f[2:], " "), `COLLATE "C"`) {
				t.Errorf("%s.%s is ordered by the server's language", tab.name, f[0])
			}
		}
	}
}

// TestParallelWhoBeganInBetweenWritesNothing: a gateway that began on a server after a move did, and
// waits for it, finds that the records have moved.
func TestParallelWhoBeganInBetweenWritesNothing(t *testing.T) {
	t.Parallel()
	source, target := furnished(t, "PostgreSQL"), places["SQLite"](t)
	var late *Store
	refusal := make(chan error, 1)
	_, err := Migrate(t.Context(), source, target, Copying{Now: clock, Step: func(string, int64) error {
		if late == nil {
			late = openFile(t, source)
			go func() {
				_, err := late.Do(context.Background(), func(tx *Tx) error {
					return errors.Join(tx.PutSubmission(submission("late")), tx.Audit("test", "put", "", gateway.Digest{}))
				})
				refusal <- err
			}()
			time.Sleep(100 * time.Millisecond) // until it waits
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	closes(t, late)
	if err := <-refusal; !Unavailable(err) || !errors.Is(err, errMoved) {
		t.Errorf("who came late: %v", err)
	}
	if _, err := late.Read().Submission(t.Context(), "0603", "late"); !errors.Is(err, ErrNotFound) {
		t.Errorf("it has written: %v", err)
	}
	if a, b := must(Digests(t.Context(), source, clock))(t).Digest, must(Digests(t.Context(), target, clock))(t).Digest; a != b {
		t.Errorf("%s, and %s", a, b)
	}
}

func await(tx *Tx, in Inbound) error {
	_, err := tx.AwaitOriginal(in.Sender, in.ID, []Identifier{{Kind: "document", Folded: "d"}}, in.Received)
	return err
}

// putNumbers hands over a block of numbers, if it is not there, and takes the next.
func putNumbers(tx *Tx, id gateway.MessageID) error {
	b, err := tx.NumberBlockUpto(within, "C26070599999")
	if IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil {
		b = NumberBlock{Office: "CN 0705", First: "C26070500001", Size: 5000, HandedOver: tx.Now(), HandedOverBy: "customs://CN/national/1"}
		if err := tx.PutNumberBlock(b); err != nil {
			return err
		}
	}
	return tx.TakeNumber(b.Office, b.Number(b.Taken), id)
}
