// Package storetest owns the databases that tests stand a store on: a private PostgreSQL,
// started for one test program and ended with it, and one in memory that behaves badly. It
// refuses to go without: a test that needs a database that is not installed fails.
package storetest

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"customs.example/gateway/store/postgres"
)

// Main runs the tests of a package and ends the server that they have started. A TestMain
// MUST call it where tests use Postgres.
func Main(m *testing.M) int {
	code := m.Run()
	for _, s := range []*lazy{&server, &durable} {
		if s.Server == nil {
			continue
		}
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "end PostgreSQL:", err)
			code = 1
		}
	}
	return code
}

// server is begun by the first test that needs it, durable by the first benchmark that does.
var server, durable lazy

type lazy struct {
	*postgres.Server
	once sync.Once
	err  error
	made atomic.Int64
}

// begin starts the server with settings, unless it has.
func (l *lazy) begin(settings ...string) error {
	l.once.Do(func() { l.Server, l.err = postgres.Start(settings...) })
	if l.err != nil {
		return fmt.Errorf("PostgreSQL, which make test-deps installs: %w", l.err)
	}
	return nil
}

// name is that of a database not made yet.
func name() string { return fmt.Sprintf("gateway%d", server.made.Add(1)) }

// Postgres returns the URL of a new, empty database.
func Postgres(t testing.TB) string {
	t.Helper()
	place, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// New returns the URL of a new, empty database.
func New() (string, error) {
	if err := server.begin(postgres.Hasty...); err != nil {
		return "", err
	}
	return server.Database(name())
}

// Durable returns the URL of a new, empty database of a second server, which has on disk what
// it has committed as one in use has, and the id of that server's process: for benchmarks.
func Durable() (place string, pid int, err error) {
	if err = durable.begin("fsync=on", "shared_buffers=128MB", "max_wal_size=4GB", "wal_compression=lz4"); err != nil {
		return "", 0, err
	}
	if place, err = durable.Database(fmt.Sprintf("gateway%d", durable.made.Add(1))); err != nil {
		return "", 0, err
	}
	pid, err = durable.Process()
	return place, pid, err
}

// Copy returns the URL of a new database with all that another has, which nobody is
// connected to.
func Copy(t testing.TB, of string) string {
	t.Helper()
	place, err := server.Copy(name(), of)
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// EndLease takes the lease of a process that works on a database away, as if it had been
// silent too long. If it is not, it takes a new one.
func EndLease(t testing.TB, place, owner string) {
	t.Helper()
	if err := postgres.Run(place, "DELETE FROM lease WHERE owner = $1", owner); err != nil {
		t.Fatal(err)
	}
}
