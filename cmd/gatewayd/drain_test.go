package main

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"customs.example/gateway/loopback"
)

// way is one to a partner on which its answers can be held back.
type way struct {
	to string

	mu   sync.Mutex
	held chan struct{} // closed: answers pass
}

func newWay(t *testing.T, from, to string) *way {
	l, err := net.Listen("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	w := &way{to: to, held: make(chan struct{})}
	close(w.held)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", w.to)
			if err != nil {
				a.Close()
				continue
			}
			go func() { io.Copy(b, a); b.Close() }()
			go func() { io.Copy(heldWriter{w, a}, b); a.Close() }()
		}
	}()
	return w
}

type heldWriter struct {
	w *way
	net.Conn
}

func (h heldWriter) Write(b []byte) (int, error) {
	h.w.mu.Lock()
	held := h.w.held
	h.w.mu.Unlock()
	<-held
	return h.Conn.Write(b)
}

// hold holds answers back until it is released.
func (w *way) hold() (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := make(chan struct{})
	w.held = held
	return sync.OnceFunc(func() { close(held) })
}

// TestParallelAProcessThatIsStoppedFinishesItsDeliveries: its doors are closed, and it ends when the receipt for
// what travels is verified and on disk.
func TestParallelAProcessThatIsStoppedFinishesItsDeliveries(t *testing.T) {
	dir := t.TempDir()
	ports, err := loopback.Addresses(5)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(makePKI(filepath.Join(dir, "pki")))
	must(writeConfig(dir, "cn", "RU", ports[:2], ports[4], "0603", "cn-ru-pre-arrival-notice"))
	must(writeConfig(dir, "ru", "CN", ports[2:], ports[0], "10719110"))
	w := newWay(t, ports[4], ports[2])
	bin := builtIn(t)
	logOf := func(side string) string {
		raw, err := os.ReadFile(filepath.Join(dir, side+".log"))
		must(err)
		return string(raw)
	}
	start := func(side, rest string) *exec.Cmd {
		log, err := os.Create(filepath.Join(dir, side+".log"))
		must(err)
		defer log.Close()
		cmd := exec.Command(filepath.Join(bin, "gatewayd"), "serve", "-config", filepath.Join(dir, side+".yaml"))
		cmd.Stdout, cmd.Stderr = log, log
		must(cmd.Start())
		t.Cleanup(func() {
			if cmd.ProcessState == nil {
				cmd.Process.Kill()
				cmd.Wait()
			}
		})
		wait(t, side+" does not listen", func() bool { return listens(rest) })
		return cmd
	}
	cn := start("cn", ports[1])
	ru := start("ru", ports[3])
	submit := func(id, file string, change ...string) {
		raw, err := os.ReadFile(filepath.Join("../../testdata/cases", file))
		must(err)
		name := filepath.Join(dir, id+".xml")
		must(os.WriteFile(name, []byte(strings.NewReplacer(change...).Replace(string(raw))), 0o600))
		cmd := exec.Command(filepath.Join(bin, "gatewayctl"), "submit", "-id", id, name)
		cmd.Env = []string{
			"GATEWAY_ADDR=" + ports[0], "GATEWAY_SERVER=customs://CN/gateway/1", "GATEWAY_CA=" + filepath.Join(dir, "pki/cn/ca.pem"),
			"GATEWAY_CERT=" + filepath.Join(dir, "pki/cn/post.pem"), "GATEWAY_KEY=" + filepath.Join(dir, "pki/cn/post-key.pem"),
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("submit %s: %v\n%s", id, err, out)
		}
	}
	submit("M1", "mt2401.xml")
	submit("V1", "mt4402.xml")
	wait(t, "the first was not accepted", func() bool { return strings.Count(logOf("cn"), `"receipt verified"`) == 1 })

	release := w.hold()
	defer release()
	submit("M2", "mt2401.xml", "0603260301001", "0603260301002", "CNRU26030001", "CNRU26030002")
	submit("V2", "mt4402.xml", "0603260301001", "0603260301002")
	wait(t, "the second did not come", func() bool { return strings.Count(logOf("ru"), `"message arrived"`) == 2 })
	must(cn.Process.Signal(syscall.SIGTERM))
	wait(t, "it listens still", func() bool { return !listens(ports[1]) })
	if strings.Count(logOf("cn"), `"receipt verified"`) != 1 || strings.Contains(logOf("cn"), `"gateway stopped"`) {
		t.Fatalf("it did not wait\n%s", logOf("cn"))
	}
	release()
	if err := cn.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	log := logOf("cn")
	if strings.Count(log, `"receipt verified"`) != 2 || strings.Count(log, `"deliveries finished"`) != 1 || strings.Contains(log, `"deliveries broken off"`) {
		t.Errorf("the second has no receipt\n%s", log)
	}
	must(ru.Process.Signal(syscall.SIGTERM))
	if err := ru.Wait(); err != nil {
		t.Errorf("Russia's ended with %v", err)
	}
}

func listens(address string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// wait waits until something is so.
func wait(t *testing.T, otherwise string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise)
		}
	}
}
