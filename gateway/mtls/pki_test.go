package mtls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"customs.example/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	uriCN = "customs://CN/gateway/1"
	uriRU = "customs://RU/gateway/1"
	day   = 24 * time.Hour
)

var now = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func at(instant time.Time) func() time.Time { return func() time.Time { return instant } }

var (
	keyOne  = mustKey(elliptic.P256())
	keyTwo  = mustKey(elliptic.P256())
	rsa2048 = sync.OnceValue(func() crypto.Signer { return mustRSA(2048) })
	rsa3072 = sync.OnceValue(func() crypto.Signer { return mustRSA(3072) })
)

func mustKey(c elliptic.Curve) crypto.Signer {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func mustRSA(bits int) crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

// authority is a CA of a test.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newCA(t *testing.T, name string, change ...func(*x509.Certificate)) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-100 * day), NotAfter: now.Add(1000 * day),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true,
	}
	for _, c := range change {
		c(template)
	}
	key := mustKey(elliptic.P256())
	return authority{parse(t, template, template, key.Public(), key), key}
}

// leaf issues a certificate that only its changes can make bad. Its key is keyOne.
func (a authority) leaf(t *testing.T, uri string, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	return a.leafWith(t, uri, keyOne, change...)
}

func (a authority) leafWith(t *testing.T, uri string, key crypto.Signer, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "leaf"},
		NotBefore: now.Add(-day), NotAfter: now.Add(90 * day),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{AsClient, AsServer},
		URIs: []*url.URL{u}, BasicConstraintsValid: true,
	}
	for _, c := range change {
		c(template)
	}
	cert := parse(t, template, a.cert, key.Public(), a.key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func (a authority) crl(t *testing.T, until time.Time, serials ...int64) *x509.RevocationList {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-day), NextUpdate: until}
	for _, s := range serials {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: now})
	}
	return a.sign(t, template)
}

func (a authority) sign(t *testing.T, template *x509.RevocationList) *x509.RevocationList {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, template, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func parse(t *testing.T, template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func registry(t *testing.T, clock func() time.Time, parties ...Party) *Registry {
	t.Helper()
	r, err := NewRegistry(clock, parties)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func code(err error) gateway.Code {
	var f gateway.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// meeting is what each end saw of one connection over the loopback interface.
type meeting struct {
	serverErr, clientErr error
	server               tls.ConnectionState
	received             int // payload bytes that reached the server
}

// meet lets the client call the server, and send it one byte if it still wants to.
func meet(t *testing.T, server, client *tls.Config) (m meeting) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err := l.Accept()
		if err != nil {
			m.serverErr = err
			return
		}
		c := tls.Server(raw, server)
		defer c.Close()
		m.serverErr = c.Handshake()
		m.server = c.ConnectionState()
		if m.serverErr == nil {
			b := make([]byte, 1)
			if m.received, err = c.Read(b); err == nil {
				c.Write(b)
			}
		}
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(raw, client)
	if m.clientErr = c.Handshake(); m.clientErr == nil {
		if _, m.clientErr = c.Write([]byte{1}); m.clientErr == nil {
			_, m.clientErr = io.ReadFull(c, make([]byte, 1)) // a session ticket comes with the answer
		}
	}
	c.Close()
	<-done
	return m
}
