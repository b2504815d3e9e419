package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite" // the embedded database's driver
	sqlite3 "modernc.org/sqlite/lib"

	"customs.example/gateway"
)

// trouble says what stands in the way of a database, with its cause.
func trouble(code gateway.Code, place string, cause error) error {
	return fmt.Errorf("%w: %w", gateway.Fault{Code: code, Severity: gateway.Error, Value: Redacted(place)}, cause)
}

// Redacted is a place without the password that a URL may hold.
func Redacted(place string) string {
	if !IsPostgres(place) {
		return place
	}
	u, err := url.Parse(place)
	if err != nil {
		return "postgres://"
	}
	q := u.Query()
	q.Del("password")
	u.RawQuery = q.Encode()
	return u.Redacted()
}

// engine is what a store asks of a database beyond the statements that all of them take:
// numbered parameters, ON CONFLICT, RETURNING, partial indexes, savepoints.
type engine struct {
	place   string
	dialect goose.Dialect
	tables  string                            // directory of its migrations
	begin   string                            // begins a transaction that will write
	readers int                               // connections that read
	shared  bool                              // several processes may work on it at once
	connect func(to purpose) (*sql.DB, error) // what it returns is opened when it is used
	prepare func(ctx context.Context) error   // the place, before anything connects
	hold    func() (io.Closer, error)         // the place, against every other process; nil where several may work on it
}

// purpose is what connections are for.
type purpose int

const (
	toWrite purpose = iota
	toRead          // and nothing else
	toClaim         // what a crash of the database may take back: tokens of claims without their owners fence nobody
)

// sqliteEngine is a file of this machine, and SQLite within this process.
func sqliteEngine(file string) engine {
	return engine{
		place: file, dialect: goose.DialectSQLite3, tables: "migrations/sqlite", begin: "BEGIN IMMEDIATE", readers: 4,
		prepare: func(ctx context.Context) error { return place(ctx, file) },
		hold:    func() (io.Closer, error) { return hold(file) },
		connect: func(to purpose) (*sql.DB, error) {
			if to == toRead {
				return sql.Open("sqlite", dsn(file)+"&_pragma=query_only(1)")
			}
			return sql.Open("sqlite", dsn(file))
		},
	}
}

// dsn names a database file and how it is used.
func dsn(file string) string {
	const pragmas = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)"
	return "file:" + (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath() + pragmas
}

// How long PostgreSQL lets one of ours wait, or hold what others wait for: a process that
// was stopped in the middle of a transaction, or has lost its machine there, holds up the
// others no longer than its lease lasts.
const (
	connectWithin   = 5 * time.Second
	lockWithin      = 10 * time.Second
	idleWithin      = LeaseFor
	statementWithin = 30 * time.Second
	// claimers are the connections that claim and renew.
	claimers = 4
	// migrateWithin is how long a process that brings the tables up to date may be silent,
	// and migrateFor how long another waits for it.
	migrateWithin = 10 * time.Second
	migrateFor    = 5 * time.Minute
	migrateEvery  = 100 * time.Millisecond
)

// IsPostgres reports whether a place names a PostgreSQL database, by its URL, and no file.
func IsPostgres(place string) bool {
	return strings.HasPrefix(place, "postgres://") || strings.HasPrefix(place, "postgresql://")
}

// postgresEngine is a PostgreSQL database, or one that understands it.
func postgresEngine(place string) (engine, error) {
	config, err := parseURL(place)
	if err != nil {
		return engine{}, err
	}
	config.ConnectTimeout = connectWithin
	for key, value := range map[string]string{
		"application_name": "customs gateway", "synchronous_commit": "on", "plan_cache_mode": "force_generic_plan",
		"lock_timeout": milliseconds(lockWithin), "statement_timeout": milliseconds(statementWithin),
		"idle_in_transaction_session_timeout": milliseconds(idleWithin),
	} {
		config.RuntimeParams[key] = value
	}
	return engine{
		place: place, dialect: goose.DialectPostgres, tables: "migrations/postgres", begin: "BEGIN", readers: stale, shared: true,
		prepare: func(context.Context) error { return nil },
		connect: func(to purpose) (*sql.DB, error) {
			c := config.Copy()
			switch to {
			case toRead:
				c.RuntimeParams["default_transaction_read_only"] = "on"
			case toClaim:
				c.RuntimeParams["synchronous_commit"] = "off"
			}
			return stdlib.OpenDB(*c), nil
		},
	}, nil
}

// parseURL reads a place. Where it does not say how the server is verified, one on another
// machine is verified by its certificate: nothing is sent unless it is.
func parseURL(place string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(place)
	if err != nil {
		return nil, errURL // err may hold the password
	}
	q := u.Query()
	if host := cmp.Or(q.Get("host"), u.Hostname()); !q.Has("sslmode") && !local(host) {
		q.Set("sslmode", "verify-full")
		u.RawQuery = q.Encode()
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errURL
	}
	return config, nil
}

var errURL = errors.New("it is no PostgreSQL URL")

// local reports whether a host is this machine.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// migrate brings a database's tables up to date, where several begin at once by one of them.
// Those of a later version are refused.
func (e engine) migrate(ctx context.Context) (err error) {
	dir, err := fs.Sub(migrations, e.tables)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	db, err := e.connect(toWrite)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if !e.shared {
		db.SetMaxOpenConns(1)
	}
	var options []goose.ProviderOption
	if e.shared {
		// A row with a lease, that its holder renews.
		one, err := lock.NewPostgresTableLocker(lock.WithTableLeaseDuration(migrateWithin), lock.WithTableHeartbeatInterval(migrateWithin/5),
			lock.WithTableLockTimeout(migrateEvery, uint64(migrateFor/migrateEvery)))
		if err != nil {
			return fmt.Errorf("migrations: %w", err)
		}
		options = append(options, goose.WithLocker(one))
	}
	p, err := goose.NewProvider(e.dialect, db, dir, options...)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	current, last, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("migrate database: %w", err)
	case current > last:
		return trouble(gateway.StoreNewer, e.place, versions(current, last))
	case current == last:
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// Unavailable reports whether an error is the store's own state (closed, locked, full,
// unreadable, unreachable), which whatever else is asked of it would meet too, and not the
// doing of what it was asked for.
func Unavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	for _, known := range []error{errClosed, sql.ErrConnDone, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, known) {
			return true
		}
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff { // the rest says more of the same
		case sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
			sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
			sqlite3.SQLITE_NOTADB:
			return true
		}
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && len(pg.Code) == 5 {
		switch pg.Code[:2] { // https://www.postgresql.org/docs/15/errcodes-appendix.html
		case "08", "28", "3D", "40", "53", "55", "57", "58", "XX":
			return true
		}
		return pg.Code == "25006" || pg.Code == "25P03" // read only; it idled in a transaction
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) {
		return true
	}
	for _, unnamed := range []string{"sql: database is closed", "sql: statement is closed", "conn closed"} {
		if strings.Contains(err.Error(), unnamed) {
			return true
		}
	}
	return false
}

// lost reports whether the server has ended the connection of a statement: what only reads
// may be asked again on another.
func lost(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "57P01" || pg.Code == "57P02" // ended by an administrator, by a crash
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if err == nil || errors.As(err, &connect) {
		return false
	}
	if errors.As(err, &network) && !network.Timeout() {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "conn closed")
}
