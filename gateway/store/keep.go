package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// Copying is how a copy is made.
type Copying struct {
	Now  func() time.Time
	Step func(table string, rows int64) error // after each commit; an error ends it, to be gone on with later; nil: nothing
}

func (c Copying) step(table string, rows int64) error {
	if c.Step == nil {
		return nil
	}
	return c.Step(table, rows)
}

// Migrate moves all records of a place to another, of either engine, which holds nothing yet,
// or what an earlier try has left there: it goes on where that ended. No gateway may be at
// work on either, nor on the first afterwards, which says that its records have moved. What it
// returns both hold.
func Migrate(ctx context.Context, from, to string, c Copying) (made Copy, err error) {
	if samePlace(from, to) {
		return made, gateway.Fault{Code: gateway.StoreFilled, Severity: gateway.Error, Value: Redacted(to)}
	}
	s, err := look(ctx, from, true)
	if err != nil {
		return made, err
	}
	defer s.close()
	of, snap, err := s.source(ctx)
	made.Snapshot = snap
	if err != nil {
		return made, s.engine.plain(err)
	}
	was, err := s.state(ctx)
	if err != nil {
		return made, s.engine.plain(err)
	}
	if was.State != "" && was.State != moved {
		return made, notForUse(from, was)
	}
	made.At = c.Now()
	t, err := fill(ctx, to, false, of, made.At)
	if err != nil {
		return made, err
	}
	defer t.close()
	if was.State == moved && t.fresh { // it is elsewhere
		return made, errors.Join(notForUse(from, was), t.finish(ctx))
	}
	if err := t.take(ctx, s, c.step); err != nil {
		return made, t.engine.plain(err)
	}
	if err := compare(ctx, s, t, &made); err != nil {
		return made, err
	}
	if was.State == "" {
		// Before the copy is one that a gateway works on: never do both.
		if _, err := s.conn.ExecContext(ctx, "INSERT INTO copied (one, state, source, at, digest) VALUES (1, $1, $2, $3, $4)",
			moved, of[:], formatTime(made.At), made.Digest[:]); err != nil {
			return made, s.engine.plain(err)
		}
		// Whoever has begun to work there in between, and waits for the row, finds it so.
		if _, err := s.conn.ExecContext(ctx, "UPDATE numbers SET moved = TRUE WHERE one = 1"); err != nil {
			return made, s.engine.plain(err)
		}
		if err := s.commit(ctx); err != nil {
			return made, s.engine.plain(err)
		}
		if err := c.step("copied", 1); err != nil {
			return made, err
		}
	}
	return made, t.finish(ctx)
}

func samePlace(a, b string) bool {
	if IsPostgres(a) || IsPostgres(b) {
		return a == b
	}
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return filepath.Clean(a) == filepath.Clean(b) || err1 == nil && err2 == nil && os.SameFile(x, y)
}

// Backup writes all records of a place, as they are at one moment and while gateways work on
// it, into a file that is not there yet: a database that Restore reads and no gateway works on.
func Backup(ctx context.Context, place, file string, c Copying) (made Copy, err error) {
	for _, taken := range []string{file, file + markerSuffix} {
		if _, err := os.Lstat(taken); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = gateway.Fault{Code: gateway.StoreFilled, Severity: gateway.Error, Value: taken}
			}
			return made, err
		}
	}
	s, err := look(ctx, place, false)
	if err != nil {
		return made, err
	}
	defer s.close()
	at := c.Now()
	of, snap, err := s.source(ctx)
	made.Snapshot = snap
	if err != nil {
		return made, s.engine.plain(err)
	}
	if was, err := s.state(ctx); err != nil || was.State != "" {
		return made, errors.Join(s.engine.plain(err), notForUse(place, was))
	}
	made.At = at
	making := file + makingSuffix
	if err := removeDatabase(making); err != nil { // left by one that was killed
		return made, err
	}
	if err := makeAt(ctx, making); err != nil {
		return made, sqliteEngine(file).plain(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeDatabase(making))
		}
	}()
	t, err := fill(ctx, making, false, of, at)
	if err != nil {
		return made, err
	}
	err = func() error {
		if err := t.take(ctx, s, c.step); err != nil {
			return t.engine.plain(err)
		}
		if err := compare(ctx, s, t, &made); err != nil {
			return err
		}
		for _, statement := range []string{
			"UPDATE copied SET state = '" + backup + "', digest = $1 WHERE one = 1",
			"PRAGMA journal_mode = DELETE", // one file
		} {
			var args []any
			if strings.Contains(statement, "$1") {
				args = []any{made.Digest[:]}
			}
			if _, err := t.conn.ExecContext(ctx, statement, args...); err != nil {
				return t.engine.plain(err)
			}
		}
		return nil
	}()
	if err := errors.Join(err, t.close()); err != nil {
		return made, err
	}
	if err := errors.Join(os.Remove(making+markerSuffix), os.Rename(making, file), syncDirectory(filepath.Dir(file))); err != nil {
		return made, fmt.Errorf("name backup: %w", err)
	}
	return made, nil
}

// removeDatabase removes a database file with all that lies beside it.
func removeDatabase(file string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", markerSuffix} {
		if err := os.Remove(file + suffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// restoredNumbers is where commits are numbered on after a restore: at the next multiple.
// Clients ask for what comes after the last number that they have seen, which may be one that
// was lost.
const restoredNumbers = 1 << 36

// Restore puts the records of a backup into a place that holds nothing, or that an earlier
// try has begun to fill. What comes of it is the same but for one row, which says that it was
// restored: the exchange with each partner is to be balanced before anything goes to it.
func Restore(ctx context.Context, file, place string, own gateway.Administration, c Copying) (made Copy, err error) {
	if IsPostgres(file) {
		return made, noBackup(file)
	}
	s, err := look(ctx, file, false)
	if err != nil {
		return made, err
	}
	defer s.close()
	was, err := s.state(ctx)
	if err != nil {
		return made, s.engine.plain(err)
	}
	if was.State != backup {
		return made, noBackup(file)
	}
	_, snap, err := s.source(ctx)
	made.Snapshot = snap
	if err != nil {
		return made, s.engine.plain(err)
	}
	if err := owned(file, string(made.Administration), own); err != nil {
		return made, err
	}
	if made.At, err = parseTime(was.At); err != nil {
		return made, err
	}
	t, err := fill(ctx, place, true, gateway.Digest(was.Digest), made.At)
	if err != nil {
		return made, err
	}
	defer t.close()
	if err := t.take(ctx, s, c.step); err != nil {
		return made, t.engine.plain(err)
	}
	if err := compare(ctx, s, t, &made); err != nil {
		return made, err
	}
	if made.Digest != gateway.Digest(was.Digest) {
		return made, misplaced(gateway.StoreDamaged, file)
	}
	return made, t.engine.plain(t.restored(ctx, made, c.Now()))
}

// restored is the last unit of a restore.
func (t *target) restored(ctx context.Context, made Copy, at time.Time) error {
	n, err := t.numbers(ctx)
	if err != nil {
		return err
	}
	unit := slices.Concat(
		[]sqlStep{{t.engine.begin, nil}},
		restoredUnit(restoredAs{backup: made.At, at: at, actor: "gatewayd restore", digest: made.Digest, held: n.CommitNo, leaf: n.Leaf,
			next: (n.CommitNo/restoredNumbers + 1) * restoredNumbers}),
		[]sqlStep{{"DELETE FROM copied WHERE one = 1", nil}, {commit, nil}},
	)
	for _, s := range unit {
		if _, err := t.conn.ExecContext(ctx, s.statement, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// restoredEvent is what the audit trail says where a database goes on that was restored, or has lost its tail.
const restoredEvent = "database restored"

// restoredAs says how a database is gone on with that does not hold all that was committed in it.
type restoredAs struct {
	backup     time.Time // what was committed before is there
	at         time.Time
	actor      string
	digest     gateway.Digest // of the backup
	held, leaf int64          // the last commit that is there, and how many audit rows
	next       int64          // where commits go on
}

// sqlStep is a statement with its values.
type sqlStep struct {
	statement string
	args      []any
}

// restoredUnit are the statements that say so, of one transaction.
func restoredUnit(r restoredAs) []sqlStep {
	row := digested("audit", rows.AddAuditParams{
		Leaf: r.leaf, CommitNo: r.next, Ordinal: 1, At: formatTime(r.at), Actor: r.actor, Event: restoredEvent, Subject: formatTime(r.backup), Digest: r.digest[:],
	})
	return []sqlStep{
		{"INSERT INTO restoration (number, backup, at, commit_no, digest) VALUES ((SELECT coalesce(max(r.number), 0) + 1 FROM restoration AS r), $1, $2, $3, $4)",
			[]any{formatTime(r.backup), row.At, r.held, r.digest[:]}},
		{"INSERT INTO audit (leaf, commit_no, ordinal, at, actor, event, subject, digest, row_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			[]any{row.Leaf, row.CommitNo, row.Ordinal, row.At, row.Actor, row.Event, row.Subject, row.Digest, row.RowDigest}},
		{"UPDATE numbers SET commit_no = $1, leaf = $2 WHERE one = 1", []any{r.next, r.leaf + 1}},
		// Which numbers were taken since, nobody knows. A block of which none had been would hide the one in which
		// they are handed over anew.
		{"DELETE FROM number_block WHERE taken = 0", nil},
		{"UPDATE number_block SET size = taken, row_digest = 0 WHERE taken < size", nil},
	}
}

// notForUse refuses a database that no gateway works on; nothing of one that a gateway does.
func notForUse(place string, c rows.Copied) error {
	f := gateway.Fault{Severity: gateway.Error, Value: Redacted(place)}
	switch c.State {
	case copying:
		f.Code, f.Expected = gateway.StoreCopying, gateway.Term("migrate, restore")
	case backup:
		f.Code, f.Expected = gateway.StoreBackup, gateway.Term("restore")
	case moved:
		f.Code, f.Expected = gateway.StoreMoved, gateway.Term("migrate")
	default:
		return nil
	}
	return f
}

// noBackup refuses a file that is none.
func noBackup(file string) error {
	return gateway.Fault{Code: gateway.StoreNoBackup, Severity: gateway.Error, Value: Redacted(file), Expected: gateway.Term("backup")}
}
