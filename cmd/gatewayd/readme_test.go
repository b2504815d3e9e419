package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// step is one command of a session in the README, and what it prints.
type step struct{ command, want string }

// session returns the commands that stand in the README below a heading.
func session(t *testing.T, root, heading string) (steps []step) {
	t.Helper()
	return sessionOf(t, filepath.Join(root, "README.md"), heading)
}

// sessionOf returns those of another page. Text may stand before them.
func sessionOf(t *testing.T, file, heading string) (steps []step) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, below, ok := strings.Cut(string(page), "## "+heading+"\n")
	below, _, _ = strings.Cut(below, "\n## ")
	_, rest, there := strings.Cut(below, "\n```\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !there || !closed {
		t.Fatalf("%s has no session below %q", filepath.Base(file), heading)
	}
	for _, one := range strings.Split(strings.TrimPrefix(text, "$ "), "\n$ ") {
		command, want, _ := strings.Cut(one, "\n")
		steps = append(steps, step{command, strings.TrimSpace(want)})
	}
	return steps
}

func rootDir(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// shown is a pattern of what the README says that a command prints: dots stand for anything.
func shown(want string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, `.*`) + `$`)
}

// TestReadmeSession plays the README's session and compares what it prints. A line of dots stands
// for any lines.
func TestReadmeSession(t *testing.T) {
	root, dir := rootDir(t), t.TempDir()
	for _, name := range []string{"testdata", "xsd", "bin"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range session(t, root, "A session") {
		cmd := exec.Command("sh", "-c", s.command)
		cmd.Dir = dir
		if s.command == "make build" {
			cmd.Dir = root
			// Under another make it would say so, and that is not the session.
			cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS") })
		}
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out // all that a person sees
		faulty := strings.Contains(s.command, "validate")
		if err := cmd.Run(); (err != nil) != faulty || faulty && cmd.ProcessState.ExitCode() != 1 {
			t.Fatalf("%s: %v\n%s", s.command, err, &out)
		}
		if got := strings.TrimSpace(out.String()); !shown(s.want).MatchString(got) {
			t.Errorf("%s prints\n%s\nthe README says\n%s", s.command, got, s.want)
		}
	}
}

// TestReadmeFirstHour types what the README has a newcomer type, into one shell, on a machine
// that has the commands and nothing else of the project. A line of dots stands for any lines.
func TestReadmeFirstHour(t *testing.T) { typed(t, "Two gateways of one's own") }

// TestReadmeRehearsal types likewise what a partner's developer does.
func TestReadmeRehearsal(t *testing.T) { typed(t, "A partner to rehearse against") }

// started is a command that runs beside the others, and its log.
var started = regexp.MustCompile(`(?:serve|partnersim) .*>(\S+) 2>&1 & `)

// typed types the session below a heading of the README.
func typed(t *testing.T, heading string) {
	dir := t.TempDir()
	if err := os.Symlink(builtIn(t), filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	sh := newShell(t, dir)
	for _, s := range session(t, rootDir(t), heading) {
		what := shown(s.want)
		if log := started.FindStringSubmatch(s.command); log != nil {
			sh.run(s.command)
			sh.until("cat "+log[1], regexp.MustCompile(`gateway: grpc |partners call `))
			continue
		}
		if strings.Contains(s.command, "list") { // what it shows comes a little later
			sh.until(s.command, what)
			continue
		}
		if got := sh.run(s.command); !what.MatchString(got) {
			t.Fatalf("%s prints\n%s\nthe README says\n%s", s.command, got, s.want)
		}
	}
}

// shell is one that lives as long as its test.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func newShell(t *testing.T, dir string) *shell {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	cmd := exec.CommandContext(ctx, "sh")
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Setpgid: true} // with all that it starts
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
		go io.Copy(io.Discard, read)
		cmd.Wait()
		cancel()
	})
	return &shell{t, in, bufio.NewReader(read)}
}

// run types a line and returns what is printed, without the blanks around it.
func (s *shell) run(line string) string {
	s.t.Helper()
	const done = "--- done"
	fmt.Fprintf(s.in, "%s\necho; echo '%s' $?\n", line, done)
	var out strings.Builder
	for {
		text, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("%s: %v\n%s", line, err, &out)
		}
		if code, ended := strings.CutPrefix(text, done); ended {
			if strings.TrimSpace(code) != "0" {
				s.t.Fatalf("%s ends with %s%s", line, code, &out)
			}
			return strings.TrimSpace(out.String())
		}
		out.WriteString(text)
	}
}

// until types a line again and again, until what it prints matches.
func (s *shell) until(line string, want *regexp.Regexp) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got := s.run(line)
		if want.MatchString(got) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s never prints what matches %s; last\n%s", line, want, got)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
