package main

import (
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// cable is a way to a PostgreSQL server that can be cut and mended.
type cable struct {
	from, to string // sockets

	mu   sync.Mutex
	l    net.Listener
	open map[net.Conn]bool
}

// mend lets everybody through.
func (c *cable) mend() error {
	l, err := net.Listen("unix", c.from)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.l, c.open = l, make(map[net.Conn]bool)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.through(conn)
		}
	}()
	return nil
}

func (c *cable) through(a net.Conn) {
	defer a.Close()
	b, err := net.Dial("unix", c.to)
	if err != nil {
		return
	}
	defer b.Close()
	c.mu.Lock()
	if c.l == nil {
		c.mu.Unlock()
		return
	}
	c.open[a], c.open[b] = true, true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, a)
		delete(c.open, b)
	}()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() { io.Copy(way[0], way[1]); done <- struct{}{} }()
	}
	<-done
}

// cut ends every connection and lets nobody through.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.l == nil {
		return
	}
	c.l.Close() // removes its socket
	c.l = nil
	for conn := range c.open {
		conn.Close()
	}
}

type cableKey struct{}

// cableTo sets a variable that holds the URL of a database to one that leads there by a
// cable: cable NAME. Then cable cut, cable mend.
func cableTo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cable NAME | cut | mend")
	}
	known, _ := ts.Value(cableKey{}).(*cable)
	switch args[0] {
	case "cut":
		known.cut()
		return
	case "mend":
		ts.Check(known.mend())
		return
	}
	place, err := url.Parse(ts.Getenv(args[0]))
	ts.Check(err)
	dir, err := os.MkdirTemp("", "cable") // a socket's name is short
	ts.Check(err)
	const socket = ".s.PGSQL.5432"
	*known = cable{from: filepath.Join(dir, socket), to: filepath.Join(place.Query().Get("host"), socket)}
	ts.Defer(func() {
		known.cut()
		os.RemoveAll(dir)
	})
	ts.Check(known.mend())
	place.RawQuery = url.Values{"host": {dir}}.Encode()
	ts.Setenv(args[0], place.String())
}
