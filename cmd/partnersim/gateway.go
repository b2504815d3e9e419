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
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long the gateway may take to stop before it is killed: more than it waits for deliveries
// that are under way.
const stopTimeout = 15 * time.Second

// process is the gateway behind the lines.
type process struct {
	cmd    *exec.Cmd
	log    string
	exited chan error // nil: it is known to have ended
}

// startGateway starts it, and returns when it listens.
func startGateway(ctx context.Context, s *stage) (*process, error) {
	g := &process{log: filepath.Join(s.dir, stageDir, "gateway.log"), exited: make(chan error, 1)}
	log, err := os.OpenFile(g.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	g.cmd = exec.Command(s.gatewayd, "serve", "-config", s.file)
	g.cmd.Stderr = log
	// An interrupt at the terminal is for the play. If that is killed, the gateway stops.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	printed, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	listens := make(chan struct{})
	go func() {
		lines := bufio.NewReader(printed)
		if _, err := lines.ReadString('\n'); err == nil { // it prints its addresses when it listens
			close(listens)
		}
		io.Copy(io.Discard, lines)
		g.exited <- g.cmd.Wait()
	}()
	select {
	case <-listens:
		return g, nil
	case err := <-g.exited:
		g.exited = nil
		return nil, fmt.Errorf("the gateway does not start: %w\n%s", err, g.tail())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), g.stop())
	}
}

// tail is the end of the gateway's log.
func (g *process) tail() string {
	raw, err := os.ReadFile(g.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-10):], "\n  ")
}

// stop ends the gateway in good order, or kills it.
func (g *process) stop() error {
	if g.exited == nil {
		return nil
	}
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	defer func() { g.exited = nil }()
	select {
	case err := <-g.exited:
		if err != nil {
			err = fmt.Errorf("the gateway: %w\n%s", err, g.tail())
		}
		return err
	case <-time.After(stopTimeout):
		return errors.Join(errors.New("the gateway does not stop and was killed"), g.cmd.Process.Kill(), <-g.exited)
	}
}
