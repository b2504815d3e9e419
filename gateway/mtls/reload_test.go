package mtls

import (
	"crypto"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// TestParallelReloadUnderHandshakes changes everybody's keys while a thousand handshakes run: each
// is judged by what was in force at some moment of it, and none by a mixture.
func TestParallelReloadUnderHandshakes(t *testing.T) {
	const handshakes, callers = 1000, 8
	cn, ru := newCA(t, "CN CA"), newCA(t, "RU CA")
	good := Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}, CRLs: []*x509.RevocationList{ru.crl(t, now.Add(day))}}
	other := good
	other.CRLs = []*x509.RevocationList{ru.crl(t, now.Add(2*day), 5)}
	own := []tls.Certificate{cn.leafWith(t, uriCN, keyOne), cn.leafWith(t, uriCN, keyTwo)}
	serving := registry(t, at(now), good)
	calling := registry(t, at(now), Party{URI: uriCN, Roots: []*x509.Certificate{cn.cert}, Pins: []gateway.Digest{SPKIPin(own[0].Leaf), SPKIPin(own[1].Leaf)}})
	server, client := serving.ServerConfig(own[0]), calling.ClientConfig(ru.leaf(t, uriRU), uriCN)

	stop, reloads := make(chan struct{}), 0
	var reloading, running sync.WaitGroup
	reloading.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			serving.Renew(own[reloads%2])
			if err := serving.Replace([]Party{[]Party{good, other}[reloads%2]}); err != nil {
				t.Error(err)
			}
			if closed := serving.Rejudge(); closed != 0 {
				t.Errorf("%d good connections were closed", closed)
			}
			reloads++
		}
	})
	var left, shown atomic.Int64
	left.Store(handshakes)
	for range callers {
		running.Go(func() {
			for left.Add(-1) >= 0 {
				near, far := net.Pipe()
				caller, called := tls.Client(near, client), tls.Server(far, server)
				var done sync.WaitGroup
				done.Go(func() {
					if err := called.Handshake(); err != nil {
						t.Errorf("served: %v", err)
						called.Close()
						return
					}
					ended, err := serving.Watch(called, called.ConnectionState(), AsClient)
					if err != nil {
						t.Errorf("watched: %v", err)
						return
					}
					io.Copy(io.Discard, called)
					ended()
				})
				if err := caller.Handshake(); err != nil {
					t.Errorf("called: %v", err)
				} else if SPKIPin(caller.ConnectionState().PeerCertificates[0]) == SPKIPin(own[1].Leaf) {
					shown.Add(1)
				}
				near.Close()
				done.Wait()
			}
		})
	}
	running.Wait()
	close(stop)
	reloading.Wait()
	if reloads < 10 || shown.Load() == 0 || shown.Load() == handshakes {
		t.Errorf("%d reloads, the second certificate was shown %d times: nothing was mixed", reloads, shown.Load())
	}
	if n := len(serving.Peers()); n != 0 {
		t.Errorf("%d connections are watched still", n)
	}
}

// TestOpenConnectionIsClosed ends an open connection by each thing that can end it.
func TestOpenConnectionIsClosed(t *testing.T) {
	cn, ru := newCA(t, "CN CA"), newCA(t, "RU CA")
	party := Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}, CRLs: []*x509.RevocationList{ru.crl(t, now.Add(2*day))}}
	cert := ru.leaf(t, uriRU)
	changed := func(change func(*Party)) []Party {
		p := party
		change(&p)
		return []Party{p}
	}
	for _, tt := range []struct {
		name    string
		at      time.Time
		parties []Party
		want    gateway.Code // empty: it stays open
	}{
		{"nothing", now, []Party{party}, ""},
		{"another is revoked", now, changed(func(p *Party) { p.CRLs = []*x509.RevocationList{ru.crl(t, now.Add(2*day), 78)} }), ""},
		{"revoked", now, changed(func(p *Party) { p.CRLs = []*x509.RevocationList{ru.crl(t, now.Add(2*day), 77)} }), gateway.TLSRevoked},
		{"its list ends", now.Add(2*day + time.Second), []Party{party}, gateway.TLSCRLStale},
		{"its certificate ends", now.Add(91 * day), changed(func(p *Party) { p.CRLs = []*x509.RevocationList{ru.crl(t, now.Add(200*day))} }), gateway.TLSExpired},
		{"its pin is taken away", now, changed(func(p *Party) { p.Pins = []gateway.Digest{SPKIPin(cn.cert)} }), gateway.TLSPin},
		{"its root is taken away", now, changed(func(p *Party) { p.Roots, p.CRLs = []*x509.Certificate{cn.cert}, nil }), gateway.TLSUntrustedCA},
		{"it is struck off", now, []Party{}, gateway.TLSUnknownIdentity},
	} {
		for _, usage := range []x509.ExtKeyUsage{AsClient, AsServer} {
			t.Run(tt.name+", "+usage.String(), func(t *testing.T) {
				instant := now
				r := registry(t, func() time.Time { return instant }, party)
				var told []gateway.Code
				r.Refused = func(_ gateway.Digest, f gateway.Fault) { told = append(told, f.Code) }
				conn := &closer{}
				stop, err := r.Watch(conn, tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{cert.Leaf}}, usage)
				if err != nil || r.Rejudge() != 0 || conn.closed != 0 {
					t.Fatalf("%v, closed %d times", err, conn.closed)
				}
				defer stop()
				instant = tt.at
				if err := r.Replace(tt.parties); err != nil {
					t.Fatal(err)
				}
				want, codes := 0, []gateway.Code(nil)
				if tt.want != "" {
					want, codes = 1, []gateway.Code{tt.want}
				}
				if got := r.Rejudge(); got != want || conn.closed != want {
					t.Errorf("%d closed, this one %d times, want %d", got, conn.closed, want)
				}
				if r.Rejudge(); conn.closed != want {
					t.Errorf("closed %d times", conn.closed)
				}
				if diff := cmp.Diff(codes, told); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
			})
		}
	}
}

type closer struct{ closed int }

func (c *closer) Close() error { c.closed++; return nil }

// TestChangeDuringHandshakeIsSeen revokes between the handshake and the watching.
func TestChangeDuringHandshakeIsSeen(t *testing.T) {
	ru := newCA(t, "RU CA")
	r := registry(t, at(now), Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}, CRLs: []*x509.RevocationList{ru.crl(t, now.Add(day), 77)}})
	conn := &closer{}
	_, err := r.Watch(conn, tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{ru.leaf(t, uriRU).Leaf}}, AsClient)
	if code(err) != gateway.TLSRevoked || conn.closed != 1 {
		t.Errorf("%v, closed %d times", err, conn.closed)
	}
	if r.Rejudge() != 0 {
		t.Error("it is watched still")
	}
}

// TestParallelCostlyCertificatesAreRefusedUnjudged shows certificates that are costly to judge.
func TestParallelCostlyCertificatesAreRefusedUnjudged(t *testing.T) {
	cn, ru := newCA(t, "CN CA"), newCA(t, "RU CA")
	named := func(n int, name string) tls.Certificate {
		return ru.leaf(t, uriRU, func(c *x509.Certificate) {
			for i := range n {
				c.DNSNames = append(c.DNSNames, fmt.Sprintf("%d%s.example", i, name))
			}
		})
	}
	uris := ru.leaf(t, uriRU, func(c *x509.Certificate) {
		for i := range MaxNames {
			u, _ := url.Parse(fmt.Sprintf("customs://RU/gateway/%d", i))
			c.URIs = append(c.URIs, u)
		}
	})
	for _, tt := range []struct {
		name string
		cert tls.Certificate
		want gateway.Code
	}{
		{"as many names as may be", named(MaxNames-1, ""), ""},
		{"a name more", named(MaxNames, ""), gateway.TLSNames},
		{"URIs beyond number", uris, gateway.TLSNames},
		{"large", named(200, strings.Repeat("a", 60)+"."+strings.Repeat("b", 60)), gateway.TLSCertificateSize},
		{"larger", named(1500, strings.Repeat("a", 60)), gateway.TLSCertificateSize},
	} {
		r := registry(t, at(now), Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}})
		m := meet(t, r.ServerConfig(cn.leaf(t, uriCN)), &tls.Config{Certificates: []tls.Certificate{tt.cert}, InsecureSkipVerify: true})
		if code(m.serverErr) != tt.want {
			t.Errorf("%s (%d bytes) as client: %v, want %q", tt.name, len(tt.cert.Certificate[0]), m.serverErr, tt.want)
		}
		m = meet(t, &tls.Config{Certificates: []tls.Certificate{tt.cert}}, r.ClientConfig(cn.leaf(t, uriCN), uriRU))
		if code(m.clientErr) != tt.want {
			t.Errorf("%s as server: %v, want %q", tt.name, m.clientErr, tt.want)
		}
	}
	p := Party{URI: uriRU, Roots: slices.Repeat([]*x509.Certificate{ru.cert}, MaxRoots+1)}
	if faults := p.Faults(); len(faults) != 1 || faults[0].Code != gateway.TLSParty {
		t.Errorf("too many roots: %v", faults)
	}
}

// below makes a CA that another issued.
func (a authority) below(t *testing.T, name string, serial int64) authority {
	t.Helper()
	key := mustKey(elliptic.P256())
	return authority{parse(t, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-100 * day), NotAfter: now.Add(1000 * day),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}, a.cert, key.Public(), a.key), key}
}

// TestRevokedIntermediateCounts has a root end an issuing CA, and one between them another.
func TestRevokedIntermediateCounts(t *testing.T) {
	root := newCA(t, "RU root")
	middle := root.below(t, "RU middle", 20)
	issuing := middle.below(t, "RU issuing", 30)
	lists := func(l ...*x509.RevocationList) []*x509.RevocationList { return l }
	fresh := now.Add(day)
	for _, tt := range []struct {
		name  string
		roots []authority
		crls  []*x509.RevocationList
		want  gateway.Code
	}{
		{"none revoked", []authority{issuing, middle, root}, lists(issuing.crl(t, fresh), middle.crl(t, fresh), root.crl(t, fresh)), ""},
		{"in another order", []authority{root, issuing, middle}, lists(root.crl(t, fresh), middle.crl(t, fresh), issuing.crl(t, fresh)), ""},
		{"the leaf", []authority{issuing, middle, root}, lists(issuing.crl(t, fresh, 77), middle.crl(t, fresh), root.crl(t, fresh)), gateway.TLSRevoked},
		{"the issuing CA", []authority{issuing, middle, root}, lists(issuing.crl(t, fresh), middle.crl(t, fresh, 30), root.crl(t, fresh)), gateway.TLSRevoked},
		{"the CA between", []authority{issuing, middle, root}, lists(issuing.crl(t, fresh), middle.crl(t, fresh), root.crl(t, fresh, 20)), gateway.TLSRevoked},
		{"the leaf's number by the root", []authority{issuing, middle, root}, lists(issuing.crl(t, fresh), middle.crl(t, fresh), root.crl(t, fresh, 77)), ""},
		{"the root's list has ended", []authority{issuing, middle, root}, lists(issuing.crl(t, fresh), middle.crl(t, fresh), root.crl(t, now.Add(-time.Second))), gateway.TLSCRLStale},
		{"no list of the one between", []authority{issuing, middle, root}, lists(issuing.crl(t, fresh), root.crl(t, fresh)), gateway.TLSCRLStale},
		{"the issuing CA listed alone", []authority{issuing}, lists(issuing.crl(t, fresh)), ""},
	} {
		p := Party{URI: uriRU, CRLs: tt.crls, CRLRequired: true}
		for _, a := range tt.roots {
			p.Roots = append(p.Roots, a.cert)
		}
		r := registry(t, at(now), p)
		state := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{issuing.leaf(t, uriRU).Leaf}}
		for range 2 { // the second answer may be a remembered one
			if _, err := r.Verify(state, AsClient); code(err) != tt.want {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
			}
		}
	}
}

// TestCAsThatIssuedEachOtherEnd goes round in a ring of CAs no more than once.
func TestCAsThatIssuedEachOtherEnd(t *testing.T) {
	a, b := newCA(t, "A"), newCA(t, "B")
	aByB := authority{parse(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: a.cert.Subject, NotBefore: now.Add(-day), NotAfter: now.Add(day),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true}, b.cert, a.key.Public(), b.key), a.key}
	bByA := authority{parse(t, &x509.Certificate{SerialNumber: big.NewInt(3), Subject: b.cert.Subject, NotBefore: now.Add(-day), NotAfter: now.Add(day),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true}, a.cert, b.key.Public(), a.key), b.key}
	r := registry(t, at(now), Party{URI: uriRU, Roots: []*x509.Certificate{aByB.cert, bByA.cert}, CRLs: []*x509.RevocationList{aByB.crl(t, now.Add(day)), bByA.crl(t, now.Add(day))}})
	state := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{a.leaf(t, uriRU).Leaf}}
	if _, err := r.Verify(state, AsClient); err != nil {
		t.Error(err)
	}
}

// TestChangeOfTrustNeedsTwoPeople tries to change roots with every confirmation but the
// right ones.
func TestChangeOfTrustNeedsTwoPeople(t *testing.T) {
	anna, boris, third := mustKey(elliptic.P256()), mustKey(elliptic.P256()), mustKey(elliptic.P256())
	public := func(k crypto.Signer) []byte {
		der, err := x509.MarshalPKIXPublicKey(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	before := Anchors{
		Since: now, Number: 1, Administrators: map[string][]byte{"anna": public(anna), "boris": public(boris), "anna at night": public(anna)},
		Parties: map[string]Anchor{uriRU: AnchorOf(Party{Roots: []*x509.Certificate{newCA(t, "RU CA").cert}})},
	}
	files := before
	files.Parties = map[string]Anchor{uriRU: AnchorOf(Party{Roots: []*x509.Certificate{newCA(t, "RU next CA").cert}, Pins: []gateway.Digest{gateway.DigestOf(nil)}})}
	files.Administrators = map[string][]byte{"anna": public(anna), "boris": public(boris), "third": public(third)}
	next := before.Then(files)
	by := func(who string, key crypto.Signer, digest gateway.Digest) Confirmation {
		c, err := Confirm(digest, who, now, key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	change := next.Digest()
	renamed := by("anna", anna, change)
	renamed.Administrator = "boris"
	later := by("boris", boris, change)
	later.At = later.At.Add(time.Hour)
	for _, tt := range []struct {
		name  string
		given []Confirmation
		want  bool
	}{
		{"two people", []Confirmation{by("anna", anna, change), by("boris", boris, change)}, true},
		{"two people among others", []Confirmation{by("third", third, change), by("anna", anna, before.Digest()), by("boris", boris, change), by("anna", anna, change)}, true},
		{"nobody", nil, false},
		{"one", []Confirmation{by("anna", anna, change)}, false},
		{"one twice", []Confirmation{by("anna", anna, change), by("anna", anna, change)}, false},
		{"one under two names", []Confirmation{by("anna", anna, change), by("anna at night", anna, change)}, false},
		{"one in another's name", []Confirmation{by("anna", anna, change), by("boris", anna, change)}, false},
		{"a signature under another name", []Confirmation{by("anna", anna, change), renamed}, false},
		{"a signature of another time", []Confirmation{by("anna", anna, change), later}, false},
		{"an administrator whom the change makes", []Confirmation{by("anna", anna, change), by("third", third, change)}, false},
		{"confirmations of another change", []Confirmation{by("anna", anna, before.Digest()), by("boris", boris, before.Digest())}, false},
		{"a nameless one", []Confirmation{by("anna", anna, change), by("", boris, change)}, false},
	} {
		if got := before.Allows(next, tt.given); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}

	// The same roots a second time are another change: what was confirmed once is not
	// confirmed for ever.
	back := next.Then(before)
	again := back.Then(files)
	if again.Digest() == change || before.Allows(again, []Confirmation{by("anna", anna, change), by("boris", boris, change)}) {
		t.Error("a confirmation is good for two changes")
	}
	raw, err := json.Marshal(next)
	var read Anchors
	if err != nil || json.Unmarshal(raw, &read) != nil || read.Digest() != change {
		t.Errorf("written and read it is %s, not %s (%v)", read.Digest(), change, err)
	}
}

// TestDevelopmentKeysAreExempt and only as long as there is nothing else, before and after.
func TestDevelopmentKeysAreExempt(t *testing.T) {
	marked := func(c *x509.Certificate) { c.Subject.Organization = []string{developmentOnly} }
	dev, dev2, real := newCA(t, "A", marked), newCA(t, "B", marked), newCA(t, "C")
	with := func(cas ...authority) Anchors {
		a := Anchors{Number: 1, Parties: map[string]Anchor{}}
		for i, ca := range cas {
			a.Parties[fmt.Sprint(i)] = AnchorOf(Party{Roots: []*x509.Certificate{ca.cert}})
		}
		return a
	}
	for _, tt := range []struct {
		name         string
		before, then Anchors
		want         bool
	}{
		{"among development keys", with(dev), with(dev2, dev), true},
		{"to a real root", with(dev), with(real), false},
		{"a real root to one that says it is for development", with(real), with(dev), false},
		{"beside a real root", with(dev, real), with(dev2, real), false},
	} {
		if got := tt.before.Allows(tt.before.Then(tt.then), nil); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
	root := t.TempDir()
	if err := GenerateDevPKI(root, now, DevAuthorities()[:1]); err != nil {
		t.Fatal(err)
	}
	if cas, err := LoadRoots(filepath.Join(root, "cn/ca.pem")); err != nil || !IsDevelopment(cas[0]) {
		t.Errorf("the development CA does not say so: %v", err)
	}
}

// TestPartyUnderAnchors keeps roots and pins in force while files name others.
func TestPartyUnderAnchors(t *testing.T) {
	ru, next, kz := newCA(t, "RU CA"), newCA(t, "RU next CA"), newCA(t, "KZ CA")
	list, nextList, foreign := ru.crl(t, now.Add(day)), next.crl(t, now.Add(day)), kz.crl(t, now.Add(day))
	inForce := AnchorOf(Party{Roots: []*x509.Certificate{ru.cert}, Pins: []gateway.Digest{gateway.DigestOf(nil)}})
	files := Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert, next.cert}, CRLs: []*x509.RevocationList{list, nextList}}
	p, err := files.Under(inForce)
	if err != nil || !AnchorOf(p).Equal(inForce) || len(p.CRLs) != 1 || p.CRLs[0] != list || len(p.Faults()) > 0 {
		t.Errorf("%v, %d lists, %v", err, len(p.CRLs), p.Faults())
	}
	files.CRLs = append(files.CRLs, foreign)
	if p, _ := files.Under(inForce); len(p.Faults()) != 1 {
		t.Errorf("a list of nobody's: %v", p.Faults())
	}
	if p, _ := files.Under(AnchorOf(files)); len(p.Roots) != 2 || len(p.CRLs) != 3 {
		t.Error("under its own anchors a party changes")
	}
}

// TestListsNeverFallBack refuses lists that know less than those in force.
func TestListsNeverFallBack(t *testing.T) {
	ru, other := newCA(t, "RU CA"), newCA(t, "RU other CA")
	list := func(from, until time.Time) *x509.RevocationList {
		return ru.sign(t, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: from, NextUpdate: until})
	}
	was := Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}, CRLs: []*x509.RevocationList{list(now.Add(-time.Hour), now.Add(day))}}
	for _, tt := range []struct {
		name  string
		roots []*x509.Certificate
		list  []*x509.RevocationList
		want  bool
	}{
		{"the same", was.Roots, was.CRLs, false},
		{"a later one", was.Roots, []*x509.RevocationList{list(now, now.Add(2*day))}, false},
		{"an older one", was.Roots, []*x509.RevocationList{list(now.Add(-2*time.Hour), now.Add(2*day))}, true},
		{"a later one that has ended", was.Roots, []*x509.RevocationList{list(now.Add(-time.Minute), now.Add(-time.Second))}, true},
		{"none", was.Roots, nil, true},
		{"another root, without", []*x509.Certificate{other.cert}, []*x509.RevocationList{other.crl(t, now.Add(day))}, false},
	} {
		f, behind := Party{URI: uriRU, Roots: tt.roots, CRLs: tt.list}.Setback(was, now)
		if behind != tt.want || behind && (f.Code != gateway.TLSCRLInvalid || f.Path != uriRU) {
			t.Errorf("%s: %t, %v", tt.name, behind, f)
		}
	}
}

func TestFingerprintSeesEveryChange(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	seen := map[gateway.Digest]string{}
	look := func(what string) {
		t.Helper()
		d := Fingerprint(a, b)
		if before, ok := seen[d]; ok {
			t.Errorf("%s looks like %s", what, before)
		}
		if again := Fingerprint(a, b); again != d {
			t.Errorf("%s looks different the second time", what)
		}
		seen[d] = what
	}
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(name, now, now) // the time does not tell
	}
	look("nothing")
	put(a, "one")
	look("the first")
	put(b, "two")
	look("both")
	put(a, "two")
	look("the same length")
	put(b, "one")
	look("exchanged")
	os.Remove(b)
	look("the second gone")
}
