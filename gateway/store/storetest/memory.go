package storetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
)

// ErrFailed is what an operation fails with that is to fail.
var ErrFailed = fmt.Errorf("an operation that was to fail: %w", io.ErrUnexpectedEOF)

// Memory is a database in memory that behaves as badly as told: its n-th operation fails,
// each takes its time, and a power cut takes all that was not synced.
type Memory struct {
	name   string
	anchor *sql.Conn // a database in memory lives as long as a connection
	db     *sql.DB

	mu     sync.Mutex
	left   int           // operations until one fails; none if negative
	torn   bool          // the failing operation is done nevertheless
	delay  time.Duration // of each operation
	synced []byte        // what a power cut leaves
}

var memories atomic.Int64

// NewMemory returns an empty one. Close ends it.
func NewMemory() (*Memory, error) {
	m := &Memory{name: fmt.Sprintf("file:/memory%d?vfs=memdb&_pragma=busy_timeout(10000)", memories.Add(1)), left: -1}
	var err error
	if m.db, err = sql.Open("sqlite", m.name); err != nil {
		return nil, err
	}
	if m.anchor, err = m.db.Conn(context.Background()); err != nil {
		return nil, errors.Join(err, m.db.Close())
	}
	return m, nil
}

// Close ends it with all that it holds.
func (m *Memory) Close() error { return errors.Join(m.anchor.Close(), m.db.Close()) }

// Fail lets the n-th operation from now on fail, counted from 1; torn is one whose answer
// alone is lost. It is the last thing that its connection does.
func (m *Memory) Fail(n int, torn bool) { m.set(func() { m.left, m.torn = n, torn }) }

// Delay makes each operation take its time.
func (m *Memory) Delay(d time.Duration) { m.set(func() { m.delay = d }) }

// Failed reports whether the operation that was to fail has failed.
func (m *Memory) Failed() (failed bool) {
	m.set(func() { failed = m.left == 0 })
	return failed
}

func (m *Memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// step counts one operation.
func (m *Memory) step() (fails, torn bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	time.Sleep(m.delay)
	if m.left > 0 {
		m.left--
		return m.left == 0, m.torn
	}
	return false, false
}

// whole is what SQLite's driver can do with a whole database.
type whole interface {
	Serialize() ([]byte, error)
	NewRestore(from string) (*sqlite.Backup, error)
}

// sync keeps what a power cut leaves.
func (m *Memory) sync() error {
	return m.anchor.Raw(func(c any) error {
		b, err := c.(whole).Serialize()
		m.set(func() { m.synced = b })
		return err
	})
}

// PowerCut returns what is left of a database, with nothing that was not synced. Nobody
// may be connected to the one it was.
func (m *Memory) PowerCut() (*Memory, error) {
	after, err := NewMemory()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(m.Close(), after.restore(m.synced)); err != nil {
		return nil, errors.Join(err, after.Close())
	}
	return after, nil
}

func (m *Memory) restore(content []byte) error {
	file, err := os.CreateTemp("", "synced")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return errors.Join(m.anchor.Raw(func(c any) error {
		b, err := c.(whole).NewRestore(file.Name())
		if err != nil {
			return err
		}
		_, err = b.Step(-1)
		return errors.Join(err, b.Finish())
	}), m.sync())
}

// Connect opens a pool of connections. Those that only read neither fail nor count.
func (m *Memory) Connect(readOnly bool) (*sql.DB, error) {
	if readOnly {
		return sql.Open("sqlite", m.name+"&_pragma=query_only(1)")
	}
	return sql.OpenDB(connector{m}), nil
}

type connector struct{ m *Memory }

func (c connector) Driver() driver.Driver { return &sqlite.Driver{} }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	inner, err := c.Driver().Open(c.m.name)
	if err != nil {
		return nil, err
	}
	return &conn{inner, c.m}, nil
}

// conn is a connection whose operations count.
type conn struct {
	driver.Conn
	m *Memory
}

// do runs an operation, or fails instead or afterwards.
func do[R any](m *Memory, statement string, run func() (R, error)) (R, error) {
	var none R
	fails, torn := m.step()
	if fails && !torn {
		return none, ErrFailed
	}
	out, err := run()
	if err == nil && statement == "COMMIT" {
		err = m.sync()
	}
	if fails {
		return none, errors.Join(ErrFailed, err)
	}
	return out, err
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return do(c.m, query, func() (driver.Result, error) { return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args) })
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return do(c.m, query, func() (driver.Rows, error) { return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args) })
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	return &stmt{s, query, c.m}, err
}

func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

type stmt struct {
	driver.Stmt
	query string
	m     *Memory
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return do(s.m, s.query, func() (driver.Result, error) { return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args) })
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return do(s.m, s.query, func() (driver.Rows, error) { return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args) })
}
