package loopback

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestMain lets the test binary be the other process of TestTwoProcesses.
func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv("LOOPBACK_ADDRESSES")); err == nil {
		addresses, err := Addresses(n)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(strings.Join(addresses, " "))
		os.Stdin.Read(make([]byte, 1)) // until the test closes it
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestTwoProcesses: no address is handed out twice, by this process or by two at once, more
// of them than a block holds, and each can be listened on.
func TestTwoProcesses(t *testing.T) {
	const n = block + block/2
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "LOOPBACK_ADDRESSES="+strconv.Itoa(n))
	other.Stderr = os.Stderr
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.Fields(line)
	ours, err := Addresses(n)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range append(theirs, ours...) {
		if seen[a] {
			t.Errorf("%s was handed out twice", a)
		}
		seen[a] = true
		l, err := net.Listen("tcp", a)
		if err != nil {
			t.Error(err)
			continue
		}
		defer l.Close()
		if port := l.Addr().(*net.TCPAddr).Port; port < first || port >= limit {
			t.Errorf("port %d is one that outgoing connections may get", port)
		}
	}
	if len(seen) != 2*n {
		t.Errorf("%d addresses, want %d", len(seen), 2*n)
	}
	in.Close()
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
}
