package mtls

import (
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// TestParallelEveryBadCertificateIsRefused shows each certificate to a gateway that serves,
// and to one that calls.
func TestParallelEveryBadCertificateIsRefused(t *testing.T) {
	cn, ru, kz := newCA(t, "CN CA"), newCA(t, "RU CA"), newCA(t, "KZ CA")
	copycat := newCA(t, "RU CA")
	oldRoot := newCA(t, "RU old CA", func(c *x509.Certificate) { c.NotAfter = now.Add(-day) })
	own := cn.leafWith(t, uriCN, keyTwo)
	uri := func(s string) *url.URL { u, _ := url.Parse(s); return u }

	change := func(f func(*x509.Certificate)) tls.Certificate { return ru.leaf(t, uriRU, f) }
	good := ru.leaf(t, uriRU)
	pinOne, pinTwo := SPKIPin(good.Leaf), SPKIPin(own.Leaf)
	signedRoot := parse(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-day), NotAfter: now.Add(day),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true, IsCA: true, URIs: []*url.URL{uri(uriRU)},
	}, ru.cert, ru.key.Public(), ru.key)

	withPins := func(pins ...gateway.Digest) func(*Party) { return func(p *Party) { p.Pins = pins } }
	withCRLs := func(lists ...*x509.RevocationList) func(*Party) { return func(p *Party) { p.CRLs = lists } }
	roots := func(r ...*x509.Certificate) func(*Party) { return func(p *Party) { p.Roots = r } }

	tests := []struct {
		name  string
		cert  tls.Certificate
		party func(*Party)
		want  gateway.Code // empty: admitted
	}{
		{name: "good", cert: good},
		{name: "RSA of 3072 bits", cert: ru.leafWith(t, uriRU, rsa3072())},
		{name: "P-384", cert: ru.leafWith(t, uriRU, mustKey(elliptic.P384()))},
		{name: "names of other kinds beside the URI", cert: change(func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
		})},
		{name: "current pin", cert: good, party: withPins(pinOne, pinTwo)},
		{name: "next pin", cert: ru.leafWith(t, uriRU, keyTwo), party: withPins(pinOne, pinTwo)},
		{name: "current list", cert: good, party: withCRLs(ru.crl(t, now.Add(day), 1, 2, 3))},
		{name: "either of two roots", cert: good, party: roots(kz.cert, ru.cert)},
		{name: "longest lifetime", cert: change(func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(MaxLifetime) })},

		{name: "another party's CA", cert: kz.leaf(t, uriRU), want: gateway.TLSUntrustedCA},
		{name: "same URI from a CA of the same name", cert: copycat.leaf(t, uriRU), want: gateway.TLSUntrustedCA},
		{name: "unknown identity", cert: ru.leaf(t, "customs://RU/gateway/2"), want: gateway.TLSUnknownIdentity},
		{name: "identity in other letters", cert: ru.leaf(t, "customs://ru/gateway/1"), want: gateway.TLSUnknownIdentity},
		{name: "identity in another encoding", cert: ru.leaf(t, "customs://RU/gatewa%79/1"), want: gateway.TLSUnknownIdentity},
		{name: "no URI", cert: change(func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"localhost"} }), want: gateway.TLSSAN},
		{name: "no name at all", cert: change(func(c *x509.Certificate) { c.URIs = nil }), want: gateway.TLSSAN},
		{name: "two URIs", cert: change(func(c *x509.Certificate) { c.URIs = append(c.URIs, uri("customs://RU/analyst/1")) }), want: gateway.TLSSAN},
		{name: "unpinned key", cert: good, party: withPins(pinTwo), want: gateway.TLSPin},
		{name: "revoked", cert: good, party: withCRLs(ru.crl(t, now.Add(day), 76, 77)), want: gateway.TLSRevoked},
		{name: "revoked by the later of two lists", cert: good, want: gateway.TLSRevoked, party: withCRLs(
			ru.sign(t, &x509.RevocationList{Number: big.NewInt(2), ThisUpdate: now, NextUpdate: now.Add(day),
				RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(77), RevocationTime: now}}}),
			ru.crl(t, now.Add(day)))},
		{name: "stale list", cert: good, party: withCRLs(ru.crl(t, now.Add(-time.Second))), want: gateway.TLSCRLStale},
		{name: "list of another root only", cert: good, want: gateway.TLSCRLStale, party: func(p *Party) {
			p.Roots, p.CRLs = []*x509.Certificate{ru.cert, kz.cert}, []*x509.RevocationList{kz.crl(t, now.Add(day))}
		}},
		{name: "required list missing", cert: good, party: func(p *Party) { p.CRLRequired = true }, want: gateway.TLSCRLStale},
		{name: "RSA of 2048 bits", cert: ru.leafWith(t, uriRU, rsa2048()), want: gateway.TLSKeyWeak},
		{name: "no extended usage", cert: change(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), want: gateway.TLSUsage},
		{name: "extended usage for another purpose", cert: change(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		}), want: gateway.TLSUsage},
		{name: "any extended usage is not explicit", cert: change(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}), want: gateway.TLSUsage},
		{name: "no digital signature", cert: change(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), want: gateway.TLSUsage},
		{name: "no key usage", cert: change(func(c *x509.Certificate) { c.KeyUsage = 0 }), want: gateway.TLSUsage},
		{name: "CA as leaf", cert: change(func(c *x509.Certificate) { c.IsCA = true }), want: gateway.TLSUsage},
		{name: "the root itself as leaf", party: roots(signedRoot), want: gateway.TLSUsage,
			cert: tls.Certificate{Certificate: [][]byte{signedRoot.Raw}, PrivateKey: ru.key}},
		{name: "expired", cert: change(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), want: gateway.TLSExpired},
		{name: "not yet valid", cert: change(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) }), want: gateway.TLSNotYetValid},
		{name: "lifetime too long", cert: change(func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(MaxLifetime + time.Second) }), want: gateway.TLSLifetime},
		{name: "expired CA", cert: oldRoot.leaf(t, uriRU), party: roots(oldRoot.cert), want: gateway.TLSExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			party := Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}}
			if tt.party != nil {
				tt.party(&party)
			}
			r := registry(t, at(now), party, Party{URI: "customs://KZ/gateway/1", Roots: []*x509.Certificate{kz.cert}})
			var refused []gateway.Code
			r.Refused = func(certificate gateway.Digest, f gateway.Fault) {
				if certificate != gateway.DigestOf(tt.cert.Certificate[0]) {
					t.Errorf("reported certificate %s", certificate)
				}
				refused = append(refused, f.Code)
			}
			var reported []gateway.Code

			asClient := meet(t, r.ServerConfig(own), &tls.Config{Certificates: []tls.Certificate{tt.cert}, InsecureSkipVerify: true})
			asServer := meet(t, &tls.Config{Certificates: []tls.Certificate{tt.cert}, ClientAuth: tls.RequestClientCert}, r.ClientConfig(own, uriRU))

			if tt.want == "" {
				for _, err := range []error{asClient.serverErr, asClient.clientErr, asServer.serverErr, asServer.clientErr} {
					if err != nil {
						t.Errorf("refused: %v", err)
					}
				}
			} else {
				reported = []gateway.Code{tt.want, tt.want}
				if got := code(asClient.serverErr); got != tt.want {
					t.Errorf("as client: %v, want %s", asClient.serverErr, tt.want)
				}
				if asClient.clientErr == nil || asClient.received != 0 {
					t.Errorf("a refused client was served: received %d", asClient.received)
				}
				if got := code(asServer.clientErr); got != tt.want {
					t.Errorf("as server: %v, want %s", asServer.clientErr, tt.want)
				}
				if asServer.received != 0 || len(asServer.server.PeerCertificates) != 0 {
					t.Error("the caller showed something to a server it refused")
				}
			}
			if diff := cmp.Diff(reported, refused); diff != "" {
				t.Errorf("reported refusals (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParallelUsageIsOfTheRightEnd(t *testing.T) {
	cn, ru := newCA(t, "CN CA"), newCA(t, "RU CA")
	only := func(u x509.ExtKeyUsage) tls.Certificate {
		return ru.leaf(t, uriRU, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{u} })
	}
	own := cn.leaf(t, uriCN)
	r := registry(t, at(now), Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}})
	for usage, want := range map[x509.ExtKeyUsage][2]gateway.Code{
		AsClient: {"", gateway.TLSUsage}, AsServer: {gateway.TLSUsage, ""},
	} {
		cert := only(usage)
		calls := meet(t, r.ServerConfig(own), &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true})
		serves := meet(t, &tls.Config{Certificates: []tls.Certificate{cert}}, r.ClientConfig(own, uriRU))
		if got := [2]gateway.Code{code(calls.serverErr), code(serves.clientErr)}; got != want {
			t.Errorf("%v only: %q, want %q", usage, got, want)
		}
	}
}

func TestParallelOtherKnownServerIsNotTheOneCalled(t *testing.T) {
	cn, ru := newCA(t, "CN CA"), newCA(t, "RU CA")
	const post = "customs://RU/office/10719110/post/1"
	anchors := []*x509.Certificate{ru.cert}
	r := registry(t, at(now), Party{URI: uriRU, Roots: anchors}, Party{URI: post, Roots: anchors})
	m := meet(t, &tls.Config{Certificates: []tls.Certificate{ru.leaf(t, post)}}, r.ClientConfig(cn.leaf(t, uriCN), uriRU))
	if code(m.clientErr) != gateway.TLSOtherIdentity || m.received != 0 {
		t.Errorf("got %v, %d bytes sent", m.clientErr, m.received)
	}
}

func TestParallelHandshakeIsRefusedWithoutCertificateOrBelowTLS13(t *testing.T) {
	cn, ru := newCA(t, "CN CA"), newCA(t, "RU CA")
	r := registry(t, at(now), Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}})
	certs := []tls.Certificate{ru.leaf(t, uriRU)}
	own := cn.leaf(t, uriCN)
	for name, m := range map[string]meeting{
		"no certificate": meet(t, r.ServerConfig(own), &tls.Config{InsecureSkipVerify: true}),
		"TLS 1.2 client": meet(t, r.ServerConfig(own), &tls.Config{Certificates: certs, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}),
		"TLS 1.2 server": meet(t, &tls.Config{Certificates: certs, MaxVersion: tls.VersionTLS12}, r.ClientConfig(own, uriRU)),
	} {
		if m.serverErr == nil || m.clientErr == nil || m.received != 0 {
			t.Errorf("%s: server %v, client %v, %d bytes", name, m.serverErr, m.clientErr, m.received)
		}
	}
	for _, tt := range []struct {
		state tls.ConnectionState
		want  gateway.Code
	}{
		{tls.ConnectionState{}, gateway.TLSVersion},
		{tls.ConnectionState{Version: tls.VersionTLS12, PeerCertificates: []*x509.Certificate{certs[0].Leaf}}, gateway.TLSVersion},
		{tls.ConnectionState{Version: tls.VersionTLS13}, gateway.TLSNoCertificate},
	} {
		if _, err := r.Verify(tt.state, AsClient); code(err) != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// TestParallelRevocationEndsResumption: a session ticket is worth nothing once its holder is revoked.
func TestParallelRevocationEndsResumption(t *testing.T) {
	cn, ru := newCA(t, "CN CA"), newCA(t, "RU CA")
	partyCN := Party{URI: uriCN, Roots: []*x509.Certificate{cn.cert}}
	partyRU := Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}}
	for _, revoke := range []string{"client", "server"} {
		t.Run(revoke, func(t *testing.T) {
			serving, calling := registry(t, at(now), partyRU), registry(t, at(now), partyCN)
			server, client := serving.ServerConfig(cn.leaf(t, uriCN)), calling.ClientConfig(ru.leaf(t, uriRU), uriCN)
			client.ServerName, client.ClientSessionCache = "gateway", tls.NewLRUClientSessionCache(1)
			for i, resumed := range []bool{false, true} {
				m := meet(t, server, client)
				if m.serverErr != nil || m.clientErr != nil || m.server.DidResume != resumed {
					t.Fatalf("meeting %d: %v, %v, resumed %t", i, m.serverErr, m.clientErr, m.server.DidResume)
				}
			}

			var m meeting
			var err error
			switch revoke {
			case "client":
				p := partyRU
				p.CRLs = []*x509.RevocationList{ru.crl(t, now.Add(day), 77)}
				err = serving.Replace([]Party{p})
				m = meet(t, server, client)
				m.clientErr = m.serverErr
			case "server":
				p := partyCN
				p.CRLs = []*x509.RevocationList{cn.crl(t, now.Add(day), 77)}
				err = calling.Replace([]Party{p})
				m = meet(t, server, client)
			}
			if err != nil {
				t.Fatal(err)
			}
			if code(m.clientErr) != gateway.TLSRevoked || !m.server.DidResume || m.received != 0 {
				t.Errorf("got %v, resumed %t, %d bytes", m.clientErr, m.server.DidResume, m.received)
			}
		})
	}
}

// TestConnectionIsJudgedAgain asks about one connection while time and parties change.
func TestConnectionIsJudgedAgain(t *testing.T) {
	ru := newCA(t, "RU CA")
	cert := ru.leaf(t, uriRU).Leaf
	instant := now
	party := Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}}
	listed := party
	listed.CRLs = []*x509.RevocationList{ru.crl(t, now.Add(2*day))}
	revoked := party
	revoked.CRLs = []*x509.RevocationList{ru.crl(t, now.Add(200*day), 77)}
	r := registry(t, func() time.Time { return instant }, party)
	state := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{cert}}

	for _, step := range []struct {
		name    string
		at      time.Time
		parties []Party // nil: as before
		want    gateway.Code
	}{
		{name: "admitted", at: now},
		{name: "last second", at: cert.NotAfter},
		{name: "expired", at: cert.NotAfter.Add(time.Second), want: gateway.TLSExpired},
		{name: "clock set back before it began", at: cert.NotBefore.Add(-time.Second), want: gateway.TLSNotYetValid},
		{name: "with a list", at: now, parties: []Party{listed}},
		{name: "list's last second", at: now.Add(2 * day)},
		{name: "list stale", at: now.Add(2*day + time.Second), want: gateway.TLSCRLStale},
		{name: "revoked", at: now, parties: []Party{revoked}, want: gateway.TLSRevoked},
		{name: "forgiven", at: now, parties: []Party{party}},
		{name: "struck off", at: now, parties: []Party{}, want: gateway.TLSUnknownIdentity},
	} {
		instant = step.at
		if step.parties != nil {
			if err := r.Replace(step.parties); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the second answer may be a remembered one
			id, err := r.Verify(state, AsClient)
			if code(err) != step.want {
				t.Errorf("%s: got %v, want %q", step.name, err, step.want)
			}
			want := Identity{URI: uriRU, Certificate: gateway.DigestOf(cert.Raw), NotAfter: cert.NotAfter}
			if err != nil {
				want = Identity{}
			}
			if diff := cmp.Diff(want, id); diff != "" {
				t.Errorf("%s: identity (-want +got):\n%s", step.name, diff)
			}
		}
	}
}

func TestRememberedVerdictIsOfOneUsageOnly(t *testing.T) {
	ru := newCA(t, "RU CA")
	cert := ru.leaf(t, uriRU, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{AsClient} }).Leaf
	r := registry(t, at(now), Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}})
	state := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{cert}}
	if _, err := r.Verify(state, AsClient); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(state, AsServer); code(err) != gateway.TLSUsage {
		t.Errorf("got %v", err)
	}
}

func TestParallelRenewShowsTheNewCertificateAtTheNextHandshake(t *testing.T) {
	cn, ru := newCA(t, "CN CA"), newCA(t, "RU CA")
	before, after := cn.leafWith(t, uriCN, keyOne), cn.leafWith(t, uriCN, keyTwo)
	serving := registry(t, at(now), Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}})
	calling := registry(t, at(now), Party{URI: uriCN, Roots: []*x509.Certificate{cn.cert}, Pins: []gateway.Digest{SPKIPin(after.Leaf)}})
	server, client := serving.ServerConfig(before), calling.ClientConfig(ru.leaf(t, uriRU), uriCN)
	if m := meet(t, server, client); code(m.clientErr) != gateway.TLSPin {
		t.Fatalf("before: %v", m.clientErr)
	}
	serving.Renew(after)
	if m := meet(t, server, client); m.clientErr != nil || m.serverErr != nil {
		t.Errorf("after: %v, %v", m.clientErr, m.serverErr)
	}
}
