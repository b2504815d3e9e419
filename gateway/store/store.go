// Package store owns the gateway's database: what arrived, what was submitted, the
// messages to and from partners, movements and audit rows, with their migrations.
// It refuses to decide anything: it persists what others decide, and acknowledges
// only what is on disk.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // the embedded database's driver
	sqlite3 "modernc.org/sqlite/lib"

	"customs.example/gateway"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not found")

// errClosed says that the store is closed, or was before it came to a unit of work.
var errClosed = errors.New("store is closed")

// Unavailable reports whether an error is the store's own state (closed, locked, full,
// unreadable), which whatever else is asked of it would meet too, and not the doing of
// what it was asked for.
func Unavailable(err error) bool {
	if errors.Is(err, errClosed) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		return true
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err != nil && strings.Contains(err.Error(), "sql: database is closed") // it has no name
	}
	switch e.Code() & 0xff { // the rest says more of the same
	case sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
		sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// MaxGroup is how many units of work one transaction commits together at most.
const MaxGroup = 64

// Store is one gateway's SQLite database. One goroutine writes; any number read.
type Store struct {
	writer  *sql.DB
	readers *sql.DB
	now     func() time.Time
	units   chan *unit
	done    chan struct{}
	stop    context.CancelFunc

	mu      sync.Mutex
	changed chan struct{} // closed and replaced after each commit
}

// unit is one unit of work waiting for the writer.
type unit struct {
	work   func(*Tx) error
	commit gateway.Commit
	err    error
	panic  any
	done   chan struct{}
}

// Open opens the database file, or makes it where none was, for its owner's eyes only, and
// brings its tables up to date. One that was there and is gone, empty or cut off is refused
// with the gateway.Fault of Inspect. The clock stamps audit rows.
func Open(ctx context.Context, file string, now func() time.Time) (*Store, error) {
	if err := place(ctx, file); err != nil {
		return nil, err
	}
	writer, err := sql.Open("sqlite", dsn(file)+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	writer.SetMaxOpenConns(1)
	if err := migrate(ctx, writer); err != nil {
		writer.Close()
		return nil, err
	}
	readers, err := sql.Open("sqlite", dsn(file)+"&_pragma=query_only(1)")
	if err != nil {
		writer.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	readers.SetMaxOpenConns(4)
	run, stop := context.WithCancel(context.Background())
	s := &Store{
		writer: writer, readers: readers, now: now, stop: stop,
		units: make(chan *unit, MaxGroup), done: make(chan struct{}), changed: make(chan struct{}),
	}
	go s.write(run)
	return s, nil
}

// dsn names a database file and how it is used.
func dsn(file string) string {
	const pragmas = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)"
	return "file:" + (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath() + pragmas
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// Close waits for the unit at work and closes the database.
func (s *Store) Close() error {
	s.stop()
	<-s.done
	return errors.Join(s.readers.Close(), s.writer.Close())
}

// Do runs one unit of work and returns when it is on disk, with its commit number.
// A unit that fails leaves no trace and harms no other. The work MUST only use tx,
// and MUST be fit to run on the writer's goroutine: no network, no waiting.
func (s *Store) Do(ctx context.Context, work func(tx *Tx) error) (gateway.Commit, error) {
	u := &unit{work: work, done: make(chan struct{})}
	select {
	case s.units <- u:
	case <-s.done:
		return 0, errClosed
	case <-ctx.Done():
		return 0, fmt.Errorf("unit of work not started: %w", context.Cause(ctx))
	}
	select {
	case <-u.done:
	case <-s.done:
		select {
		case <-u.done: // it was in the last group
		default:
			return 0, fmt.Errorf("unit of work not run: %w", errClosed)
		}
	}
	if u.panic != nil {
		panic(u.panic)
	}
	return u.commit, u.err
}

// Writable writes a page of the database anew, as it is, and returns when it is on disk.
func (s *Store) Writable(ctx context.Context) error {
	written := make(chan error, 1)
	go func() {
		_, err := s.Do(ctx, func(tx *Tx) error {
			tx.audited++ // nothing has changed
			_, err := tx.tx.Exec(`PRAGMA user_version = 0`)
			return err
		})
		written <- err
	}()
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the store does not answer: %w", context.Cause(ctx))
	}
}

// Changed returns a channel that is closed at the next commit.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// write commits units in groups until it is stopped.
func (s *Store) write(ctx context.Context) {
	defer close(s.done)
	for {
		var group []*unit
		select {
		case <-ctx.Done():
			return
		case u := <-s.units:
			group = append(group, u)
		}
	fill:
		for len(group) < MaxGroup {
			select {
			case u := <-s.units:
				group = append(group, u)
			default:
				break fill
			}
		}
		s.commit(group)
	}
}

// commit runs a group of units, each in a savepoint of one transaction, and answers
// them after the transaction is on disk.
func (s *Store) commit(group []*unit) {
	err := s.runGroup(group)
	if err == nil {
		s.mu.Lock()
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
	}
	for _, u := range group {
		if u.err == nil && err != nil {
			u.commit, u.err = 0, err
		}
		close(u.done)
	}
}

func (s *Store) runGroup(group []*unit) (err error) {
	ctx := context.Background()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	var last gateway.Commit
	if err := tx.QueryRow(`SELECT coalesce(max(commit_no), 0) FROM audit`).Scan(&last); err != nil {
		return fmt.Errorf("last commit number: %w", err)
	}
	for _, u := range group {
		if err := s.runUnit(tx, u, last+1); err != nil {
			return err
		}
		last = max(last, u.commit)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// runUnit runs one unit in a savepoint. Its own failure is kept in the unit; the
// error returned is one of the transaction itself.
func (s *Store) runUnit(tx *sql.Tx, u *unit, no gateway.Commit) error {
	if _, err := tx.Exec(`SAVEPOINT unit`); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	t := &Tx{reader: reader{q: tx}, tx: tx, Commit: no, now: s.now().UTC()}
	func() {
		defer func() { u.panic = recover() }()
		u.err = u.work(t)
	}()
	if u.err == nil && u.panic == nil && t.audited == 0 {
		u.err = errors.New("unit of work left no audit row")
	}
	if u.err != nil || u.panic != nil {
		if _, err := tx.Exec(`ROLLBACK TO unit`); err != nil {
			return fmt.Errorf("roll back unit: %w", err)
		}
		return nil
	}
	u.commit = no
	if _, err := tx.Exec(`RELEASE unit`); err != nil {
		return fmt.Errorf("release unit: %w", err)
	}
	return nil
}
