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
	if server.Server != nil {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "end PostgreSQL:", err)
			return 1
		}
	}
	return code
}

// server is begun by the first test that needs it.
var server struct {
	*postgres.Server
	once sync.Once
	err  error
	made atomic.Int64
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
	server.once.Do(func() { server.Server, server.err = postgres.Start(postgres.Hasty...) })
	if server.err != nil {
		return "", fmt.Errorf("PostgreSQL, which make test-deps installs: %w", server.err)
	}
	return server.Database(name())
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
