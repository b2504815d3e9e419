// Package storetest owns the databases that tests stand a store on: a private PostgreSQL,
// started for one test program and ended with it. It refuses to go without: a test that
// needs a database that is not installed fails.
package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
)

// Main runs the tests of a package and ends the server that they have started. A TestMain
// MUST call it where tests use Postgres.
func Main(m *testing.M) int {
	code := m.Run()
	if server.running() {
		if err := server.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "end PostgreSQL:", err)
			return 1
		}
	}
	return code
}

var server cluster

// cluster is one PostgreSQL server with a directory of its own.
type cluster struct {
	once sync.Once
	err  error
	dir  string
	cmd  *exec.Cmd
	life io.WriteCloser // the server ends when it closes, however this program ends
	made atomic.Int64
}

func (c *cluster) running() bool { return c.cmd != nil }

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
	server.once.Do(func() { server.err = server.start() })
	if server.err != nil {
		return "", fmt.Errorf("PostgreSQL, which make test-deps installs: %w", server.err)
	}
	name := fmt.Sprintf("gateway%d", server.made.Add(1))
	return server.url(name), server.ask("CREATE DATABASE " + name)
}

// Copy returns the URL of a new database with all that another has, which nobody is
// connected to.
func Copy(t testing.TB, of string) string {
	t.Helper()
	from, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("gateway%d", server.made.Add(1))
	if err := server.ask("CREATE DATABASE " + name + " TEMPLATE " + filepath.Base(from.Path)); err != nil {
		t.Fatal(err)
	}
	return server.url(name)
}

// EndLeases takes their leases away from all processes that work on a database, as if they
// had been silent too long. Those that are not take new ones.
func EndLeases(t testing.TB, place string) {
	t.Helper()
	db, err := sql.Open("pgx", place)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "DELETE FROM lease"); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) url(database string) string {
	return "postgres://customs@/" + database + "?host=" + url.QueryEscape(c.dir)
}

func (c *cluster) ask(statement string) error {
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// start makes a cluster that keeps nothing beyond its server's end, and its server, which
// only this user's programs reach: by a socket in its directory.
func (c *cluster) start() error {
	initdb, err := program("initdb")
	if err != nil {
		return err
	}
	postgres, err := program("postgres")
	if err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "postgres"); err != nil {
		return err
	}
	as, err := unprivileged(c.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(c.dir, "data")
	init := exec.Command(initdb, "-D", data, "-A", "trust", "-U", "customs", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	init.SysProcAttr, init.Dir = &syscall.SysProcAttr{Credential: as}, c.dir
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// The shell waits for the end of its input, which is the end of this program.
	cmd := exec.Command("sh", "-c", `"$@" </dev/null >"$0" 2>&1 & pid=$!; read -r _; kill -INT $pid; wait $pid`,
		filepath.Join(c.dir, "log"), postgres, "-D", data, "-k", c.dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "max_connections=200", "-c", "shared_buffers=16MB", "-c", "autovacuum=off")
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: as, Setpgid: true}, c.dir
	if c.life, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd = cmd
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if err = c.ask("SELECT 1"); err == nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			return errors.Join(fmt.Errorf("it does not answer: %w\n%s", err, log), c.stop())
		}
	}
}

func (c *cluster) stop() error {
	err := c.life.Close()
	c.cmd.Wait() // its code says how it was ended
	return errors.Join(err, os.RemoveAll(c.dir))
}

// program finds a program of PostgreSQL where Debian keeps it.
func program(name string) (string, error) {
	if found, err := exec.LookPath(name); err == nil {
		return found, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s is not installed", name)
	}
	return found[len(found)-1], nil
}

// unprivileged gives a directory to the user that Debian makes for the server, which root
// must not run. Whoever is not root runs it as they are.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2, os.Chown(dir, uid, gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
