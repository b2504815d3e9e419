// Package loopback hands out addresses of this machine for processes that a test or the
// demonstration starts later, or starts again.
//
// It refuses the ports that the system gives to outgoing connections: one of those, closed
// after a look whether it was free, may be another's before the process listens.
package loopback

import (
	"fmt"
	"net"
	"strconv"
	"sync"
)

// The ports from first on belong to nobody, and those below limit are on none of the usual
// systems given to outgoing connections (Linux: from 32768 on, others: from 49152 on).
const (
	first = 20_000
	limit = 32_768
	block = 64
)

var claimed struct {
	sync.Mutex
	blocks    []net.Listener // one on the first port of each block, as long as the process lives
	next, end int            // the next port of the last block, and the one behind it
}

// Addresses returns n addresses, host and port, on which nobody listens and which no other
// process gets from this package while this one lives, nor this one a second time.
func Addresses(n int) ([]string, error) {
	claimed.Lock()
	defer claimed.Unlock()
	out := make([]string, 0, n)
	for len(out) < n {
		if claimed.next == claimed.end {
			if err := claim(); err != nil {
				return nil, err
			}
		}
		port := claimed.next
		claimed.next++
		if l, err := listen(port); err == nil {
			l.Close()
			out = append(out, address(port))
		}
	}
	return out, nil
}

// claim takes the next block whose first port nobody holds.
func claim() error {
	for port := max(first, claimed.end); port+block <= limit; port += block {
		if l, err := listen(port); err == nil {
			claimed.blocks = append(claimed.blocks, l)
			claimed.next, claimed.end = port+1, port+block
			return nil
		}
	}
	return fmt.Errorf("no %d free ports together between %d and %d", block, first, limit)
}

func listen(port int) (net.Listener, error) { return net.Listen("tcp", address(port)) }

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
