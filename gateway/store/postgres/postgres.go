// Package postgres owns a private PostgreSQL server with a directory of its own, which tests
// and demonstrations stand a store on. It refuses to keep anything: its directory goes when
// the server is stopped, and the server ends when the program does that started it.
package postgres

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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
)

// patience is how long the server may take to begin, or to recover.
const patience = time.Minute

// Hasty are settings of a server that is asked what it writes and not whether that survives a
// power cut; what it has written survives that its processes are killed.
var Hasty = []string{"fsync=off", "shared_buffers=16MB", "autovacuum=off"}

// Server is one PostgreSQL server. Only this user's programs reach it: by a socket in its
// directory.
type Server struct {
	dir, program string
	settings     []string
	as           *syscall.Credential
	life         io.Closer     // the server ends when it closes, however this program ends
	ended        chan struct{} // closed when it has; nil of none
}

// Start makes a cluster of databases in a temporary directory, and its server with settings
// as name=value. PostgreSQL must be installed, as Debian does it.
func Start(settings ...string) (*Server, error) {
	initdb, err := program("initdb")
	if err != nil {
		return nil, err
	}
	s := &Server{settings: settings}
	if s.program, err = program("postgres"); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "postgres"); err != nil {
		return nil, err
	}
	if s.as, err = unprivileged(s.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	init := exec.Command(initdb, "-D", s.data(), "-A", "trust", "-U", "customs", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	init.SysProcAttr, init.Dir = &syscall.SysProcAttr{Credential: s.as}, s.dir
	if out, err := init.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w\n%s", err, out), os.RemoveAll(s.dir))
	}
	if err := s.Begin(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Begin starts the server, again after Kill, and returns when it answers.
func (s *Server) Begin() error {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		// It ends by itself as long as processes of one that was killed have not.
		if s.ended == nil || s.over() {
			if err := s.run(); err != nil {
				return err
			}
		}
		err := s.Ask("SELECT 1")
		if err == nil {
			return nil
		}
		if time.Since(began) > patience {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, log)
		}
	}
}

// run runs the server's program.
func (s *Server) run() (err error) {
	// The shell waits for the end of its input, which is the end of this program, or for that of
	// the server.
	cmd := exec.Command("sh", "-c", `"$@" </dev/null >>"$0" 2>&1 & pid=$!; (read -r _; kill -INT $pid 2>/dev/null) <&3 & exec 3<&-; wait $pid`,
		filepath.Join(s.dir, "log"), s.program, "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200")
	for _, setting := range s.settings {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}, s.dir
	life, end, err := os.Pipe()
	if err != nil {
		return err
	}
	defer life.Close()
	cmd.ExtraFiles = []*os.File{life}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, end.Close())
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait() // its code says how it was ended
	}()
	s.life, s.ended = end, ended
	return nil
}

// over reports whether the server has ended, and closes what it lived by.
func (s *Server) over() bool {
	select {
	case <-s.ended:
		s.life.Close()
		return true
	default:
		return false
	}
}

// Kill ends the server and all its processes at once, as a crash does.
func (s *Server) Kill() error {
	raw, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("postmaster.pid: %w", err)
	}
	below, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	for _, text := range strings.Fields(string(below)) {
		if child, err := strconv.Atoi(text); err == nil {
			_ = syscall.Kill(child, syscall.SIGKILL) // or it has ended
		}
	}
	err = s.life.Close()
	<-s.ended
	s.ended = nil
	return err
}

// Stop ends the server and removes its directory.
func (s *Server) Stop() error {
	var err error
	if s.ended != nil && !s.over() {
		err = s.life.Close()
		<-s.ended
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// URL names a database of the server.
func (s *Server) URL(database string) string {
	return "postgres://customs@/" + database + "?host=" + url.QueryEscape(s.dir)
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(name string) (string, error) {
	return s.URL(name), s.Ask("CREATE DATABASE " + name)
}

// Copy makes a database with all that another has, which nobody is connected to.
func (s *Server) Copy(name, of string) (string, error) {
	from, err := url.Parse(of)
	if err != nil {
		return "", err
	}
	return s.URL(name), s.Ask("CREATE DATABASE " + name + " TEMPLATE " + filepath.Base(from.Path))
}

// Ask runs one statement in the server's own database.
func (s *Server) Ask(statement string) error { return Run(s.URL("postgres"), statement) }

// Run runs one statement in a database.
func Run(place, statement string, args ...any) error {
	db, err := sql.Open("pgx", place)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = db.ExecContext(ctx, statement, args...)
	return err
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
	return slices.Max(found), nil
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
