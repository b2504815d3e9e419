// Package mtls owns TLS: who a peer is, the roots, pins and revocation lists that
// vouch for it, and the configurations of both ends of a connection. It refuses every
// peer that is not exactly one known party, and every protocol below TLS 1.3.
package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"customs.example/gateway"
)

// Usage is what a peer acts as: the extended usage that its certificate must allow.
type Usage = x509.ExtKeyUsage

// The two ends of a connection.
const (
	AsClient = x509.ExtKeyUsageClientAuth
	AsServer = x509.ExtKeyUsageServerAuth
)

// Identity is a verified peer.
type Identity struct {
	URI         string         // its only URI name, such as customs://CN/office/0603/post/1
	Certificate gateway.Digest // SHA-256 of the certificate's DER
	NotAfter    time.Time      // the certificate's end
}

// Registry is everyone who may be at the other end. It is safe for concurrent use.
// A registry belongs to one gateway, which has one certificate of its own.
type Registry struct {
	// Refused, when set, is told of every certificate that a handshake refused, and of
	// those whose open connection was closed.
	// It MUST be set before the first configuration is used, and MUST NOT block.
	Refused func(certificate gateway.Digest, fault gateway.Fault)

	clock    func() time.Time
	snapshot atomic.Pointer[snapshot]
	renewed  atomic.Pointer[tls.Certificate]

	mu   sync.Mutex
	open map[*watched]struct{}
}

// NewRegistry returns a registry of these parties. Its errors are those of Replace.
func NewRegistry(clock func() time.Time, parties []Party) (*Registry, error) {
	r := &Registry{clock: clock}
	if err := r.Replace(parties); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace puts new parties, pins and revocation lists in force at once: the next
// handshake, resumption and Verify are judged by them. If any party is faulty it
// returns every fault as gateway.Faults and leaves the old parties in force.
func (r *Registry) Replace(parties []Party) error {
	s, err := newSnapshot(parties)
	if err != nil {
		return err
	}
	r.snapshot.Store(s)
	return nil
}

// Pins are those that a party may show; none: any key of its roots.
func (r *Registry) Pins(uri string) []gateway.Digest {
	if p := r.snapshot.Load().parties[uri]; p != nil {
		return slices.Clone(p.pins)
	}
	return nil
}

// Renew replaces our own certificate in every configuration made by r, from the next
// handshake on.
func (r *Registry) Renew(cert tls.Certificate) { r.renewed.Store(&cert) }

// ServerConfig returns the configuration of a listener that shows cert and admits
// only the registry's parties.
func (r *Registry) ServerConfig(cert tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		Time:       r.clock,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return r.Own(&cert), nil
		},
		// The standard library only asks for a certificate here. It would judge by one
		// root pool for all callers, and not at all when a session is resumed.
		ClientAuth: tls.RequireAnyClientCert,
		VerifyConnection: func(cs tls.ConnectionState) error {
			_, err := r.Verify(cs, AsClient)
			return r.report(cs, err)
		},
	}
}

// ClientConfig returns the configuration of a caller that shows cert and speaks only
// to the party serverURI.
func (r *Registry) ClientConfig(cert tls.Certificate, serverURI string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		Time:       r.clock,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return r.Own(&cert), nil
		},
		// A gateway is known by its URI, not by a host name, and by its own roots, not by
		// those of the system. This turns off only the check that cannot know that;
		// VerifyConnection judges the server before our certificate or a byte leaves.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			id, err := r.Verify(cs, AsServer)
			if err == nil && id.URI != serverURI {
				err = refusal(gateway.TLSOtherIdentity, id.URI, gateway.Term(serverURI))
			}
			return r.report(cs, err)
		},
	}
}

// Own is the certificate of ours that the next handshake shows: the one configured, until
// it was renewed.
func (r *Registry) Own(configured *tls.Certificate) *tls.Certificate {
	if c := r.renewed.Load(); c != nil {
		return c
	}
	return configured
}

func (r *Registry) report(cs tls.ConnectionState, err error) error {
	var fault gateway.Fault
	if r.Refused != nil && len(cs.PeerCertificates) > 0 && errors.As(err, &fault) {
		r.Refused(gateway.DigestOf(cs.PeerCertificates[0].Raw), fault)
	}
	return err
}

func refusal(code gateway.Code, value string, expected gateway.Phrase) gateway.Fault {
	return gateway.Fault{Code: code, Severity: gateway.Error, Value: value, Expected: expected}
}

// unfit refuses a certificate, a key or a list, by its name, for what was found in it.
func unfit(code gateway.Code, name string, found, expected gateway.Phrase) gateway.Fault {
	f := refusal(code, name, expected)
	f.Found = found
	return f
}
