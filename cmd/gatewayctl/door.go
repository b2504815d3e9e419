package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc/credentials"
)

// turnedAwayTimes is how often in a row a gateway must have taken a connection and let go
// of it without a word before that counts as a refusal: one that stops may do it once.
const turnedAwayTimes = 5

// door watches how connections to the gateway begin. One that is not let in learns of it
// only behind the handshake: in TLS 1.3 the client is done before the server has judged its
// certificate. gRPC makes all of this one word, Unavailable, as if it could be tried again.
type door struct {
	credentials.TransportCredentials

	mu    sync.Mutex
	times int   // in a row that it was turned away
	last  error // what was said then
}

func (d *door) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := d.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		return nil, nil, err
	}
	return &entering{Conn: conn, door: d}, info, nil
}

// Clone returns the door itself: all connections of a session are one caller's.
func (d *door) Clone() credentials.TransportCredentials { return d }

func (d *door) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last = err; err == nil {
		d.times = 0
		return
	}
	if d.times++; isAlert(err) {
		d.times = turnedAwayTimes // nothing else is meant by it
	}
}

// turnedAway is the error of a caller that the gateway lets in no more; nil if it may.
func (d *door) turnedAway() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.times < turnedAwayTimes {
		return nil
	}
	return fmt.Errorf("the gateway does not accept this certificate any more: it may be revoked or have ended (%w)", d.last)
}

// isAlert reports whether the other end said in an alert of TLS what it does not like.
func isAlert(err error) bool {
	var alert *net.OpError
	return errors.As(err, &alert) && alert.Op == "remote error"
}

// entering is a connection until the gateway has sent its first bytes.
type entering struct {
	net.Conn
	door *door
	in   bool // one goroutine reads
}

func (e *entering) Read(b []byte) (int, error) {
	n, err := e.Conn.Read(b)
	if !e.in && (n > 0 || err != nil) {
		e.in = true
		if n > 0 {
			e.door.note(nil)
		} else {
			e.door.note(err)
		}
	}
	return n, err
}
