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
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite" // the embedded database's driver
	sqlite3 "modernc.org/sqlite/lib"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
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
	counter string // the file of its counter; empty: it has none
	dialect goose.Dialect
	tables  string                            // directory of its migrations
	begin   string                            // begins a transaction that will write
	readers int                               // connections that read
	shared  bool                              // several processes may work on it at once
	connect func(to purpose) (*sql.DB, error) // what it returns is opened when it is used
	prepare func(ctx context.Context) error   // the place, before anything connects
	hold    func() (io.Closer, error)         // the place, against every other process; nil where several may work on it

	// What copies a database needs: one connection that may take its time, alone if no other
	// may have the database meanwhile; what holds what it sees; and what counts the gateways
	// that are connected, where the first two do not tell.
	tool     func(alone bool) (*sql.DB, error)
	snapshot func(alone bool) []string
	others   string
	check    string // what tells whether its file is sound; empty: it tells by itself
}

// engineOf is the engine of a place.
func engineOf(place string) (engine, error) {
	if !IsPostgres(place) {
		return sqliteEngine(place), nil
	}
	e, err := postgresEngine(place)
	if err != nil {
		return engine{}, gateway.Fault{Code: gateway.ConfigAddress, Severity: gateway.Error, Value: Redacted(place), Expected: gateway.Term("postgres://gateway@db.example:5432/gateway")}
	}
	return e, nil
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
		check:   "PRAGMA integrity_check(100)",
		prepare: func(ctx context.Context) error { return place(ctx, file) },
		hold:    func() (io.Closer, error) { return hold(file) },
		connect: func(to purpose) (*sql.DB, error) {
			if to == toRead {
				return sql.Open("sqlite", dsn(file)+"&_pragma=query_only(1)")
			}
			return sql.Open("sqlite", dsn(file)+"&_pragma=cache_size(-16000)")
		},
		tool: func(alone bool) (*sql.DB, error) {
			// The mode of the journal stays as it is: a backup has none.
			name := "file:" + (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath() + "?_pragma=busy_timeout(2000)"
			if name += "&_pragma=query_only(1)"; alone {
				name = strings.Replace(name, "query_only(1)", "locking_mode(EXCLUSIVE)&_pragma=synchronous(FULL)", 1)
			}
			return one(sql.Open("sqlite", name))
		},
		snapshot: func(alone bool) []string {
			if alone {
				return []string{"BEGIN IMMEDIATE"}
			}
			return []string{"BEGIN"}
		},
	}
}

// one bounds a pool to one connection.
func one(db *sql.DB, err error) (*sql.DB, error) {
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// dsn names a database file and how it is used. The journal goes into the file every 4,000
// pages and not every 1,000: what many transactions change, such as the end of an index, goes
// once for all of them. The one that writes keeps 16 MB of pages, the others 2.
func dsn(file string) string {
	const pragmas = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_pragma=wal_autocheckpoint(4000)"
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
		"application_name": applicationName, "synchronous_commit": "on", "plan_cache_mode": "force_generic_plan",
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
		tool: func(bool) (*sql.DB, error) {
			c := config.Copy()
			c.RuntimeParams["application_name"] = "customs gateway: copy"
			c.RuntimeParams["statement_timeout"], c.RuntimeParams["idle_in_transaction_session_timeout"] = "0", "0"
			return one(stdlib.OpenDB(*c), nil)
		},
		snapshot: func(alone bool) []string {
			if alone { // no gateway commits without this row
				return []string{"BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT one FROM numbers WHERE one = 1 FOR UPDATE"}
			}
			return []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
		},
		others: "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = '" + applicationName + "'",
	}, nil
}

// applicationName is how a gateway names itself to a server.
const applicationName = "customs gateway"

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
	p, err := e.migrations(db, options...)
	if err != nil {
		return err
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

// migrations are those of an engine.
func (e engine) migrations(db *sql.DB, options ...goose.ProviderOption) (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, e.tables)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	p, err := goose.NewProvider(e.dialect, db, dir, options...)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}

// version is how far a database's tables are.
func version(ctx context.Context, db rows.DBTX) (v int64, err error) {
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&v)
	return v, err
}

// versions are the numbers that the names of the migrations begin with, in order.
func (e engine) versions() (all []int64, err error) {
	files, err := fs.Glob(migrations, e.tables+"/*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		number, _, _ := strings.Cut(path.Base(name), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		all = append(all, n)
	}
	return all, nil
}

// last is the version that this gateway's tables have.
func (e engine) last() (int64, error) {
	all, err := e.versions()
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[len(all)-1], nil
}

// sameVersion refuses tables of another version.
func (e engine) sameVersion(ctx context.Context, db rows.DBTX) error {
	current, err1 := version(ctx, db)
	last, err2 := e.last()
	switch err := errors.Join(err1, err2); {
	case err != nil:
		return fmt.Errorf("version of the tables: %w", err)
	case current > last:
		return trouble(gateway.StoreNewer, e.place, versions(current, last))
	case current < last:
		return trouble(gateway.StoreOlder, e.place, versions(current, last))
	}
	return nil
}

// plain says in words what an error tells of the whole database: that it is damaged, full,
// used by another, not to be written, or does not answer. Any other stays what it is.
func (e engine) plain(err error) error {
	if err == nil || errors.As(err, new(gateway.Fault)) || errors.Is(err, context.Canceled) {
		return err
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return trouble(gateway.StoreDamaged, e.place, err)
		case sqlite3.SQLITE_FULL:
			return trouble(gateway.StoreFull, e.place, err)
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
			return trouble(gateway.StoreReadOnly, e.place, err)
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return trouble(gateway.StoreInUse, e.place, err)
		}
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "XX001", "XX002": // a page, an index
			return trouble(gateway.StoreDamaged, e.place, err)
		case "53100":
			return trouble(gateway.StoreFull, e.place, err)
		case "25006", "42501":
			return trouble(gateway.StoreReadOnly, e.place, err)
		case "55P03", "40001":
			return trouble(gateway.StoreInUse, e.place, err)
		}
	}
	if IsPostgres(e.place) && Unavailable(err) {
		return trouble(gateway.StoreUnreachable, e.place, err)
	}
	return err
}

// notSynced reports whether a disk has failed to bring to it what was written.
func notSynced(err error) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false // a server that meets this ends by itself
	}
	return lite.Code() == sqlite3.SQLITE_IOERR_FSYNC || lite.Code() == sqlite3.SQLITE_IOERR_DIR_FSYNC
}

// scarce are error numbers of a machine that is short of something for all, or whose disk fails.
var scarce = []syscall.Errno{syscall.ENOMEM, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS}

// Unavailable reports whether an error is the store's own state (closed, locked, full,
// unreadable, unreachable), which whatever else is asked of it would meet too, and not the
// doing of what it was asked for.
func Unavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	for _, known := range []error{errClosed, errMoved, errReplaced, errNotSynced, sql.ErrConnDone, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF} {
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
		return pg.Code == "25006" || pg.Code == "25P03" || pg.Code == "42501" // read only; it idled in a transaction; no right
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true
	}
	var network net.Error
	if errors.As(err, &network) {
		// An error number that is no connection's is a file's. One that is not there, or may not be
		// read, does not come back by itself, and the store has none such.
		file, ok := network.(syscall.Errno)
		return !ok || file.Temporary() || slices.Contains(scarce, file)
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
