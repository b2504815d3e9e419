package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// balancer stands before the doors of several gateways of one administration, as a
// balancer of connections does: it hands each connection to the next door that takes it, and
// sees nothing of what goes through it.
type balancer struct {
	listener net.Listener
	doors    []string
	next     atomic.Int64
	answers  func() int64 // bytes of answers after which the next connection is cut; nil: none is

	mu   sync.Mutex
	open map[net.Conn]bool
	wg   sync.WaitGroup
}

func newBalancer(doors ...string) (*balancer, error) { return newCutter(nil, doors...) }

// newCutter is one that cuts each connection after so many bytes of answers.
func newCutter(after func() int64, doors ...string) (*balancer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &balancer{listener: l, doors: doors, answers: after, open: make(map[net.Conn]bool)}
	b.wg.Go(b.run)
	return b, nil
}

func (b *balancer) address() string { return b.listener.Addr().String() }

func (b *balancer) run() {
	for {
		from, err := b.listener.Accept()
		if err != nil {
			return // it is closed
		}
		b.wg.Go(func() { b.hand(from) })
	}
}

// hand connects who has come with the next door that is open.
func (b *balancer) hand(from net.Conn) {
	defer from.Close()
	first := int(b.next.Add(1))
	for i := range b.doors {
		to, err := net.Dial("tcp", b.doors[(first+i)%len(b.doors)])
		if err != nil {
			continue
		}
		defer to.Close()
		if !b.keep(from, to) {
			return
		}
		ended := make(chan error, 2)
		answers := io.Reader(to)
		if b.answers != nil {
			answers = io.LimitReader(to, b.answers())
		}
		for _, way := range []struct {
			to   io.Writer
			from io.Reader
		}{{from, answers}, {to, from}} {
			b.wg.Go(func() {
				_, err := io.Copy(way.to, way.from)
				ended <- err
			})
		}
		<-ended
		b.drop(from, to)
		return
	}
}

// keep notes connections to be closed with the balancer, unless that is closed already.
func (b *balancer) keep(conns ...net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		if b.open == nil {
			return false
		}
		b.open[c] = true
	}
	return true
}

func (b *balancer) drop(conns ...net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(b.open, c)
	}
}

func (b *balancer) close() error {
	errs := []error{b.listener.Close()}
	b.mu.Lock()
	for c := range b.open {
		errs = append(errs, c.Close())
	}
	b.open = nil
	b.mu.Unlock()
	b.wg.Wait()
	return errors.Join(errs...)
}
