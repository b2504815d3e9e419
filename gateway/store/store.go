// Package store owns the gateway's database: what arrived, what was submitted, the
// messages to and from partners, movements and audit rows, with their migrations.
// It refuses to decide anything: it persists what others decide, and acknowledges
// only what is on disk.
//
// SQLite and PostgreSQL keep one contract: the same statements (queries.sql), which sqlc
// has made Go of and which are prepared once for each connection; engine.go holds what
// differs. Several processes may work on one PostgreSQL database; claim.go says how they share
// the work.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not found")

// errClosed says that the store is closed, or was before it came to a unit of work.
var errClosed = errors.New("store is closed")

// errReplaced says that another database has come in the place of one that was open: an older state of it, such as
// of a server that has failed over, or one that was restored meanwhile.
var errReplaced = errors.New("another state of the database has come in its place")

// errNotSynced says that the disk could not say whether it holds what was written. To ask it again says nothing: of
// what it has not written a system forgets that it was to be. https://wiki.postgresql.org/wiki/Fsync_Errors
var errNotSynced = errors.New("the disk has failed to keep what was written")

// errMoved says that the records of a database have another place now.
var errMoved = errors.New("the records have moved")

// MaxGroup is how many units of work one transaction commits together at most.
const MaxGroup = 64

// Store is a gateway's database. One goroutine writes; any number read.
type Store struct {
	engine     engine
	held       io.Closer // against every other process
	writer     *sql.DB
	conn       *session // the writer's; nil until it is needed, and after it broke
	readers    *sql.DB
	statements *prepared // of those that read
	read       *rows.Queries
	readSeek   seeker
	claims     *claims // nil where one process works alone
	owner      string  // of what it works on; empty where it works alone
	now        func() time.Time
	units      chan *unit
	done       chan struct{}
	stop       context.CancelFunc
	keeping    sync.WaitGroup
	changed    bell // after each commit
	byOthers   bell // after each commit of another process
	tally      tally
	damages    damages
	counter    *counter // nil: it has none
	last       int64    // commit that it has seen; 0: none yet
	failure    error    // after which nothing is written any more
	failed     chan struct{}
}

// unit is one unit of work waiting for the writer.
type unit struct {
	work   func(*Tx) error
	event  string // the first that it wrote into the audit trail
	commit gateway.Commit
	err    error
	panic  any
	done   chan struct{}
}

// Open opens a database, or makes its tables where none were, and brings them up to date.
// It stands in a file, for its owner's eyes only, or in PostgreSQL, named by its URL. A
// file that was there and is gone, empty or cut off, tables of a later version and a server
// that does not answer are refused with a gateway.Fault. The clock stamps audit rows.
func Open(ctx context.Context, place string, now func() time.Time) (*Store, error) {
	return OpenCounted(ctx, place, "", now)
}

// OpenCounted opens a database that has a counter beside it, in a file of its own: if it holds less than was
// committed in it, it is gone on with as after a restore. See [Store.OnCounter].
func OpenCounted(ctx context.Context, place, counter string, now func() time.Time) (*Store, error) {
	e, err := engineOf(place)
	if err != nil {
		return nil, err
	}
	e.counter = counter
	return openOn(ctx, e, now)
}

func openOn(ctx context.Context, e engine, now func() time.Time) (_ *Store, err error) {
	defer func() { err = e.plain(err) }()
	if err := e.prepare(ctx); err != nil {
		return nil, err
	}
	var held io.Closer
	if e.hold != nil {
		if held, err = e.hold(); err != nil {
			return nil, err
		}
	}
	run, stop := context.WithCancel(context.Background())
	s := &Store{
		engine: e, held: held, now: now, stop: stop,
		units: make(chan *unit, MaxGroup), done: make(chan struct{}), failed: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			stop()
			if lasting := s.close(); !errors.As(err, new(gateway.Fault)) {
				err = errors.Join(err, lasting)
			}
		}
	}()
	if err := e.migrate(ctx); err != nil {
		return nil, err
	}
	if s.writer, err = e.connect(toWrite); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.writer.SetMaxOpenConns(1)
	if was, err := copied(ctx, s.writer); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	} else if err := notForUse(e.place, was); err != nil {
		return nil, err
	}
	if s.readers, err = e.connect(toRead); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.readers.SetMaxOpenConns(e.readers)
	s.readers.SetMaxIdleConns(e.readers)
	s.statements = &prepared{on: s.readers, tally: &s.tally}
	s.read, s.readSeek = rows.New(readers{s.readers, s.statements}), seeker{s.statements}
	if e.shared {
		db, err := e.connect(toClaim)
		if err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
		db.SetMaxOpenConns(claimers)
		db.SetMaxIdleConns(claimers)
		s.claims = &claims{db: db}
		if err := s.join(ctx); err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
		s.keeping.Go(func() { s.keep(run) })
	}
	if e.counter != "" {
		if err := s.compareCounter(ctx, e.counter); err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
		s.keeping.Go(func() { s.counter.run(run) })
	}
	go s.write(run)
	return s, nil
}

// Own claims a database for an administration. Another's is refused with a gateway.Fault, and
// so is one that nothing can be written to.
func (s *Store) Own(ctx context.Context, own gateway.Administration) (err error) {
	defer func() { err = s.engine.plain(err) }()
	for {
		owner, err := s.read.Owner(ctx)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			if _, err := s.Do(ctx, func(tx *Tx) error {
				tx.silent = true
				return tx.q.SetOwner(within, string(own)) // or another gateway is faster
			}); err != nil {
				return fmt.Errorf("claim database: %w", err)
			}
		case err != nil:
			return fmt.Errorf("claim database: %w", err)
		default:
			if err := owned(s.engine.place, owner, own); err != nil {
				return err
			}
			return s.Writable(ctx)
		}
	}
}

// Close waits for the unit at work and closes the database. What was claimed is free at once.
func (s *Store) Close() error {
	s.stop()
	<-s.done
	return s.close()
}

func (s *Store) close() error {
	var errs []error
	s.keeping.Wait()
	if s.claims != nil {
		_ = s.within(context.Background(), func(ctx context.Context) error { // or it is over by itself
			_, err := s.claim(ctx, endLease, s.owner)
			return err
		})
		errs = append(errs, s.claims.db.Close())
	}
	if s.statements != nil {
		errs = append(errs, s.statements.Close())
	}
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	s.conn.close(nil)
	s.conn = nil
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	errs = append(errs, s.counter.close())
	if s.held != nil {
		errs = append(errs, s.held.Close())
		s.held = nil
	}
	return errors.Join(errs...)
}

// session is the writer's connection with its statements.
type session struct {
	conn  *sql.Conn
	guard *guard
	q     *rows.Queries // by the guard
	seek  seeker
}

// The steps of a transaction, beside its beginning.
const (
	commit          = "COMMIT"
	rollback        = "ROLLBACK"
	savepoint       = "SAVEPOINT unit"
	rollbackToPoint = "ROLLBACK TO SAVEPOINT unit"
	releasePoint    = "RELEASE SAVEPOINT unit"
)

// connected returns the writer's session, a new one if the last broke.
func (s *Store) connected(ctx context.Context) (*session, error) {
	if s.conn != nil {
		return s.conn, nil
	}
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &session{conn: conn, guard: newGuard(conn, &s.tally)}
	c.q, c.seek = rows.New(c.guard), seeker{c.guard.prepared}
	s.conn = c
	return c, nil
}

// close gives the connection back, or ends it after an error.
func (c *session) close(after error) {
	if c == nil {
		return
	}
	// A statement of a connection that its driver has closed already is gone with it, and
	// SQLite's does not survive being asked to close one.
	if open := c.conn.Raw(func(any) error { return nil }) == nil; open {
		c.guard.prepared.Close()
	}
	if after != nil {
		c.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	c.conn.Close()
}

// step takes a step of a transaction.
func (c *session) step(ctx context.Context, step string) error {
	prepared, err := c.guard.prepared.statement(ctx, step)
	if err == nil {
		_, err = prepared.ExecContext(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", strings.ToLower(step), err)
	}
	return nil
}

// begin begins a transaction and returns the numbers that it goes on from. It locks their
// one row: whoever else writes to this database waits until the commit, so that numbers have
// no gap and are seen in their order.
func (s *Store) begin(ctx context.Context, c *session) (last rows.LastNumbersRow, err error) {
	c.guard.begin()
	if err := c.step(ctx, s.engine.begin); err != nil {
		return last, err
	}
	last, err = c.q.LastNumbers(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return last, errMoved
	case err != nil:
		return last, fmt.Errorf("last commit number: %w", err)
	}
	if s.last > 0 && (last.CommitNo < s.last || last.CommitNo/restoredNumbers > s.last/restoredNumbers) {
		return last, s.fail(fmt.Errorf("%w: commit %d was the last, and now it is %d", errReplaced, s.last, last.CommitNo))
	}
	return last, nil
}

// fail has nothing be written any more. It is the writer's.
func (s *Store) fail(err error) error {
	s.failure = err
	close(s.failed)
	return err
}

// Failed is closed when the database has failed in such a way that nobody knows any more what of it is on disk:
// nothing is acknowledged from then on, and who works on it MUST end. A start finds out what is there.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Failure is why it has failed; nil before.
func (s *Store) Failure() error {
	select {
	case <-s.failed:
		return s.failure
	default:
		return nil
	}
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

// Writable writes something that says nothing, and returns when it is on disk.
func (s *Store) Writable(ctx context.Context) error {
	written := make(chan error, 1)
	go func() {
		_, err := s.Do(ctx, func(tx *Tx) error {
			tx.silent = true
			return tx.q.Try(within)
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

// commit runs a group of units in one transaction, of which each leaves all or nothing, and
// answers them after the transaction is on disk.
func (s *Store) commit(group []*unit) {
	first, last, err := s.runGroup(group)
	if err == nil {
		s.count(last)
		if s.claims != nil {
			if s.told(first) { // others were faster than it was looked for what they did
				s.byOthers.ring()
			}
			s.told(last)
		}
		s.changed.ring()
	}
	for _, u := range group {
		if u.err == nil && err != nil {
			u.commit, u.err = 0, err
		}
		close(u.done)
	}
}

// runGroup leaves the connection as it found it, or none: after an error nobody knows what
// state it is in, and the next group takes another. It returns the commit numbers before
// and after it.
func (s *Store) runGroup(group []*unit) (before, after int64, err error) {
	if s.failure != nil {
		return 0, 0, s.failure
	}
	ctx := context.Background()
	c, err := s.connected(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		if err != nil {
			c.close(err)
			s.conn = nil
		}
	}()
	last, err := s.begin(ctx, c)
	if err != nil {
		return 0, 0, err
	}
	before = last.CommitNo
	// The first to write something needs no savepoint, which would cost a copy of every page
	// that is written: with it goes the transaction.
	first := true
	for _, u := range group {
		if !first {
			if err := c.step(ctx, savepoint); err != nil {
				return 0, 0, err
			}
		}
		s.runUnit(c, u, &last)
		failed := u.err != nil || u.panic != nil
		switch {
		case first && failed:
			if err := c.step(ctx, rollback); err != nil {
				return 0, 0, err
			}
			if last, err = s.begin(ctx, c); err != nil {
				return 0, 0, err
			}
			before = last.CommitNo
		case first:
			first = false
		default:
			if failed {
				if err := c.step(ctx, rollbackToPoint); err != nil {
					return 0, 0, err
				}
				c.guard.begin() // the transaction is there still
			}
			if err := c.step(ctx, releasePoint); err != nil {
				return 0, 0, err
			}
		}
	}
	if err := c.q.SetNumbers(ctx, rows.SetNumbersParams(last)); err != nil {
		return 0, 0, fmt.Errorf("last commit number: %w", err)
	}
	reach(beforeCommit, group)
	if err := c.step(ctx, commit); err != nil {
		if notSynced(err) {
			err = s.fail(fmt.Errorf("%w: %w", errNotSynced, err))
		}
		return 0, 0, err
	}
	reach(afterCommit, group)
	s.last = last.CommitNo
	return before, last.CommitNo, nil
}

// runUnit does the work of one unit. What goes wrong with it is kept in the unit.
func (s *Store) runUnit(c *session, u *unit, last *rows.LastNumbersRow) {
	c.guard.begin()
	t := &Tx{
		reader: reader{q: c.q, seek: c.seek, owner: s.owner, unit: true, damages: &s.damages}, conn: c.conn,
		Commit: gateway.Commit(last.CommitNo + 1), leaf: last.Leaf, now: s.now().UTC(),
	}
	func() {
		defer func() { u.panic = recover() }()
		u.err = u.work(t)
	}()
	if u.err == nil && u.panic == nil && t.audited == 0 && !t.silent {
		u.err = errors.New("unit of work left no audit row")
	}
	if u.err == nil && u.panic == nil && t.audited > 0 {
		u.commit, u.event = t.Commit, t.event
		*last = rows.LastNumbersRow{CommitNo: int64(t.Commit), Leaf: t.leaf}
	}
}
