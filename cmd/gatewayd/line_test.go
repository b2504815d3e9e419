package main

import (
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// cord is a way to a gateway that breaks when it has brought so many bytes to those who call it.
type cord struct {
	to string

	mu   sync.Mutex
	l    net.Listener
	left int // bytes until it breaks
	open map[net.Conn]bool
}

func (n *cord) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go n.through(conn)
	}
}

func (n *cord) through(a net.Conn) {
	defer a.Close()
	b, err := net.Dial("tcp", n.to)
	if err != nil {
		return
	}
	defer b.Close()
	n.mu.Lock()
	broken := n.left <= 0
	if !broken {
		n.open[a], n.open[b] = true, true
	}
	n.mu.Unlock()
	if broken {
		return
	}
	go io.Copy(b, a)
	for buffer := make([]byte, 1024); ; {
		got, err := b.Read(buffer)
		if err != nil || !n.brings(got) {
			return
		}
		if _, err := a.Write(buffer[:got]); err != nil {
			return
		}
	}
}

// brings reports whether it brings so many bytes; if not, every connection ends.
func (n *cord) brings(bytes int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left -= bytes; n.left > 0 {
		return true
	}
	for conn := range n.open {
		conn.Close()
	}
	clear(n.open)
	return false
}

type cordKey struct{}

// lineTo sets a variable that holds a gateway's address to one that leads there by a line: line NAME BYTES.
// Then line BYTES lets so many through, from now on.
func lineTo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: line [NAME] BYTES")
	}
	known, _ := ts.Value(cordKey{}).(*cord)
	bytes, err := strconv.Atoi(args[len(args)-1])
	ts.Check(err)
	known.mu.Lock()
	known.left = bytes
	known.mu.Unlock()
	if len(args) == 1 {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	known.to, known.l, known.open = ts.Getenv(args[0]), l, make(map[net.Conn]bool)
	ts.Defer(func() {
		l.Close()
		known.brings(1 << 40)
	})
	go known.serve(l)
	ts.Setenv(args[0], l.Addr().String())
}

// scan writes a made-up image of so many bytes: scan FILE BYTES.
func scan(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: scan FILE BYTES")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	content := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, size)...)[:size]
	rand.NewChaCha8([32]byte{byte(size)}).Read(content[8:])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
}
