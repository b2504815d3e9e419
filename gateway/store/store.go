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

// MaxGroup is how many units of work one transaction commits together at most.
const MaxGroup = 64

// Store is a gateway's database. One goroutine writes; any number read.
type Store struct {
	engine   engine
	held     io.Closer // against every other process
	writer   *sql.DB
	conn     *session // the writer's; nil until it is needed, and after it broke
	readers  *sql.DB
	read     *rows.Queries
	readSeek *seeker
	claims   *claims // nil where one process works alone
	owner    string  // of what it works on; empty where it works alone
	now      func() time.Time
	units    chan *unit
	done     chan struct{}
	stop     context.CancelFunc
	keeping  sync.WaitGroup
	changed  bell // after each commit
	byOthers bell // after each commit of another process
}

// unit is one unit of work waiting for the writer.
type unit struct {
	work   func(*Tx) error
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
	if !IsPostgres(place) {
		return openOn(ctx, sqliteEngine(place), now)
	}
	e, err := postgresEngine(place)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return openOn(ctx, e, now)
}

func openOn(ctx context.Context, e engine, now func() time.Time) (_ *Store, err error) {
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
		units: make(chan *unit, MaxGroup), done: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			stop()
			if e.shared && Unavailable(err) && !errors.As(err, new(gateway.Fault)) {
				err = trouble(gateway.StoreUnreachable, e.place, err) // it was reached, and is not any more
			}
			err = errors.Join(err, s.close())
		}
	}()
	if err := e.migrate(ctx); err != nil {
		return nil, err
	}
	if s.writer, err = e.connect(toWrite); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.writer.SetMaxOpenConns(1)
	if s.readers, err = e.connect(toRead); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.readers.SetMaxOpenConns(e.readers)
	s.readers.SetMaxIdleConns(e.readers)
	if s.read, err = rows.Prepare(ctx, s.readers); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if s.readSeek, err = newSeeker(ctx, s.readers); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
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
	go s.write(run)
	return s, nil
}

// Own claims a database for an administration. Another's is refused with a gateway.Fault.
func (s *Store) Own(ctx context.Context, own gateway.Administration) error {
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
			return owned(s.engine.place, owner, own)
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
	if s.readSeek != nil {
		errs = append(errs, s.readSeek.Close())
	}
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	s.conn.close(nil)
	s.conn = nil
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	if s.held != nil {
		errs = append(errs, s.held.Close())
		s.held = nil
	}
	return errors.Join(errs...)
}

// session is the writer's connection with its statements.
type session struct {
	conn *sql.Conn
	q    *rows.Queries
	seek *seeker
}

// connected returns the writer's session, a new one if the last broke.
func (s *Store) connected(ctx context.Context) (*session, error) {
	if s.conn != nil {
		return s.conn, nil
	}
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &session{conn: conn}
	if c.q, err = rows.Prepare(ctx, conn); err == nil {
		c.seek, err = newSeeker(ctx, conn)
	}
	if err != nil {
		c.close(err)
		return nil, fmt.Errorf("connect: %w", err)
	}
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
		if c.seek != nil {
			c.seek.Close()
		}
		if c.q != nil {
			c.q.Close()
		}
	}
	if after != nil {
		c.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	c.conn.Close()
}

func (c *session) exec(ctx context.Context, statement string) error {
	_, err := c.conn.ExecContext(ctx, statement)
	return err
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

// commit runs a group of units, each in a savepoint of one transaction, and answers
// them after the transaction is on disk.
func (s *Store) commit(group []*unit) {
	first, last, err := s.runGroup(group)
	if err == nil {
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
	if err := c.exec(ctx, s.engine.begin); err != nil {
		return 0, 0, fmt.Errorf("begin: %w", err)
	}
	// It locks the one row: whoever else writes to this database waits until this commit, so
	// that numbers have no gap and are seen in their order.
	last, err := c.q.LastNumbers(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("last commit number: %w", err)
	}
	before = last.CommitNo
	for _, u := range group {
		if err := s.runUnit(ctx, c, u, &last); err != nil {
			return 0, 0, err
		}
	}
	if err := c.q.SetNumbers(ctx, rows.SetNumbersParams(last)); err != nil {
		return 0, 0, fmt.Errorf("last commit number: %w", err)
	}
	if err := c.exec(ctx, "COMMIT"); err != nil {
		return 0, 0, fmt.Errorf("commit: %w", err)
	}
	return before, last.CommitNo, nil
}

// runUnit runs one unit in a savepoint. Its own failure is kept in the unit; the
// error returned is one of the transaction itself.
func (s *Store) runUnit(ctx context.Context, c *session, u *unit, last *rows.LastNumbersRow) error {
	if err := c.exec(ctx, "SAVEPOINT unit"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	t := &Tx{
		reader: reader{q: c.q, seek: c.seek, owner: s.owner, unit: true}, conn: c.conn,
		Commit: gateway.Commit(last.CommitNo + 1), leaf: last.Leaf, now: s.now().UTC(),
	}
	func() {
		defer func() { u.panic = recover() }()
		u.err = u.work(t)
	}()
	if u.err == nil && u.panic == nil && t.audited == 0 && !t.silent {
		u.err = errors.New("unit of work left no audit row")
	}
	if u.err != nil || u.panic != nil {
		if err := c.exec(ctx, "ROLLBACK TO SAVEPOINT unit"); err != nil {
			return fmt.Errorf("roll back unit: %w", err)
		}
	} else if !t.silent {
		u.commit = t.Commit
		*last = rows.LastNumbersRow{CommitNo: int64(t.Commit), Leaf: t.leaf}
	}
	if err := c.exec(ctx, "RELEASE SAVEPOINT unit"); err != nil {
		return fmt.Errorf("release unit: %w", err)
	}
	return nil
}
