package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"customs.example/gateway/line"
	"customs.example/gateway/mtls"
)

const (
	// awkward are the odds of each misdeed with each call between gateways that are struck.
	awkward = 0.05
	// awkwardPause is how long such a call is held back at most.
	awkwardPause = 100 * time.Millisecond
)

// lines are awkward ways between two administrations, one to each.
type lines struct {
	all  []*line.Line
	told line.Told
}

// lead opens a line to a gateway, or to the balancer before several, and returns where it listens.
func (n *lines) lead(to, from *side, behind string, odds line.Odds, seed uint64) (address string, err error) {
	o := line.Options{
		Name: "to " + string(to.Own), Behind: behind, As: make(map[string]tls.Certificate),
		Odds: odds, Seed: seed, Pause: awkwardPause, Now: time.Now, Done: n.told.Note,
	}
	if o.Gateway, o.Certificate, err = to.identity(); err != nil {
		return "", err
	}
	caller, certificate, err := from.identity()
	if err != nil {
		return "", err
	}
	o.Callers, o.As[caller.URI] = []mtls.Party{caller}, certificate
	l, err := line.New(o)
	if err != nil {
		return "", err
	}
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	n.all = append(n.all, l)
	go l.Serve(at) // until it is closed
	return at.Addr().String(), nil
}

// close closes the lines, and returns what a gateway has answered a duplicate otherwise than it must.
func (n *lines) close() error {
	var errs []error
	for _, l := range n.all {
		l.Close()
		for _, what := range l.Mismatches() {
			errs = append(errs, errors.New(what))
		}
	}
	n.all = nil
	return errors.Join(errs...)
}

// done says what the lines have done.
func (n *lines) done() string {
	calls := int64(0)
	for _, l := range n.all {
		_, c := l.Counts()
		calls += c
	}
	return fmt.Sprintf("Of %d calls between the gateways: %s.", calls, n.told.Counts())
}

// identity is who the gateway is, and what it shows.
func (s *side) identity() (mtls.Party, tls.Certificate, error) {
	of := filepath.Join(s.dir, "pki", s.Side)
	roots, err := mtls.LoadRoots(filepath.Join(of, "ca.pem"))
	if err != nil {
		return mtls.Party{}, tls.Certificate{}, err
	}
	certificate, err := mtls.LoadCertificate(filepath.Join(of, "gateway.pem"), filepath.Join(of, "gateway-key.pem"))
	return mtls.Party{URI: s.uri(), Roots: roots}, certificate, err
}
