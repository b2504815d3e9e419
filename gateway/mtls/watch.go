package mtls

import (
	"cmp"
	"crypto/tls"
	"io"
	"maps"
	"slices"
	"strings"
)

// watched is an open connection with what its handshake showed.
type watched struct {
	conn  io.Closer
	state tls.ConnectionState
	usage Usage
}

// Watch keeps an eye on an open connection: Rejudge closes it once its peer would no
// longer be admitted. It is judged at once too, for what has changed since its handshake;
// then the error is the fault and the connection is closed. The caller MUST call stop when
// the connection ends. usage is what the peer acts as.
func (r *Registry) Watch(conn io.Closer, state tls.ConnectionState, usage Usage) (stop func(), err error) {
	w := &watched{conn, state, usage}
	r.mu.Lock()
	if r.open == nil {
		r.open = make(map[*watched]struct{})
	}
	r.open[w] = struct{}{}
	r.mu.Unlock()
	stop = func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.open, w)
	}
	// It is among the watched before it is judged: a change is seen here or by Rejudge.
	if _, err := r.Verify(state, usage); err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	return stop, nil
}

// Rejudge judges every watched connection again, closes those whose peer would not be
// admitted now, and returns how many it closed. Each of them is reported as Refused.
func (r *Registry) Rejudge() (closed int) {
	for _, w := range r.watching() {
		if _, err := r.Verify(w.state, w.usage); err != nil {
			closed++
			r.report(w.state, err)
			r.mu.Lock()
			delete(r.open, w)
			r.mu.Unlock()
			w.conn.Close()
		}
	}
	return closed
}

func (r *Registry) watching() []*watched {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.open))
}

// Peers returns the end of the certificate of every watched connection's peer, in order of
// party. A party may be there with several certificates.
func (r *Registry) Peers() []Expiry {
	seen := make(map[Expiry]bool)
	for _, w := range r.watching() {
		if id, err := r.Verify(w.state, w.usage); err == nil {
			seen[Expiry{id.URI, ExpiryCertificate, w.state.PeerCertificates[0].Subject.String(), id.NotAfter}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b Expiry) int {
		return cmp.Or(strings.Compare(a.Party, b.Party), a.End.Compare(b.End))
	})
}
