package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

func TestFaultyPartiesAreNotLoaded(t *testing.T) {
	ru, kz, copycat := newCA(t, "RU CA"), newCA(t, "KZ CA"), newCA(t, "RU CA")
	noCA := newCA(t, "RU CA", func(c *x509.Certificate) { c.IsCA = false })
	weak := parse(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: now.Add(day),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}, ru.cert, rsa2048().Public(), ru.key)
	delta := ru.sign(t, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(day),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}},
	})
	sha1 := ru.sign(t, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(day), SignatureAlgorithm: x509.ECDSAWithSHA1,
	})
	tests := []struct {
		name   string
		change func(*Party)
		want   []gateway.Code
	}{
		{"good", func(*Party) {}, nil},
		{"no root", func(p *Party) { p.Roots = nil }, []gateway.Code{gateway.TLSParty}},
		{"URI of another scheme", func(p *Party) { p.URI = "https://RU/gateway/1" }, []gateway.Code{gateway.TLSParty}},
		{"URI without an administration", func(p *Party) { p.URI = "customs:///gateway/1" }, []gateway.Code{gateway.TLSParty}},
		{"pins required", func(p *Party) { p.PinsRequired = true }, []gateway.Code{gateway.TLSParty}},
		{"zero pin", func(p *Party) { p.Pins = make([]gateway.Digest, 1) }, []gateway.Code{gateway.TLSParty}},
		{"root that is no CA", func(p *Party) { p.Roots = []*x509.Certificate{noCA.cert} }, []gateway.Code{gateway.TLSUsage}},
		{"weak root", func(p *Party) { p.Roots = []*x509.Certificate{weak} }, []gateway.Code{gateway.TLSKeyWeak}},
		{"list of another CA", func(p *Party) { p.CRLs = []*x509.RevocationList{kz.crl(t, now)} }, []gateway.Code{gateway.TLSCRLInvalid}},
		{"list with a wrong signature", func(p *Party) { p.CRLs = []*x509.RevocationList{copycat.crl(t, now)} }, []gateway.Code{gateway.TLSCRLInvalid}},
		{"list signed with SHA-1", func(p *Party) { p.CRLs = []*x509.RevocationList{sha1} }, []gateway.Code{gateway.TLSCRLInvalid}},
		{"partial list", func(p *Party) { p.CRLs = []*x509.RevocationList{delta} }, []gateway.Code{gateway.TLSCRLInvalid}},
		{"all faults at once", func(p *Party) { p.URI, p.Roots, p.PinsRequired = "RU", nil, true },
			[]gateway.Code{gateway.TLSParty, gateway.TLSParty, gateway.TLSParty}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := registry(t, at(now), Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}})
			p := Party{URI: uriRU, Roots: []*x509.Certificate{ru.cert}}
			tt.change(&p)
			err := r.Replace([]Party{p})
			var faults gateway.Faults
			errors.As(err, &faults)
			var got []gateway.Code
			for _, f := range faults {
				got = append(got, f.Code)
				if f.Path != p.URI {
					t.Errorf("path %q, want %q", f.Path, p.URI)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
			state := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{ru.leaf(t, uriRU).Leaf}}
			if _, err := r.Verify(state, AsClient); err != nil {
				t.Errorf("the old parties are not in force: %v", err)
			}
		})
	}
}

func TestTwoRecordsOfOneURIAreRefused(t *testing.T) {
	p := Party{URI: uriRU, Roots: []*x509.Certificate{newCA(t, "RU CA").cert}}
	if r, err := NewRegistry(at(now), []Party{p, p}); r != nil || err == nil {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestRegistryOfNobodyAdmitsNobody(t *testing.T) {
	r := registry(t, at(now))
	state := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{newCA(t, "RU CA").leaf(t, uriRU).Leaf}}
	if _, err := r.Verify(state, AsClient); code(err) != gateway.TLSUnknownIdentity {
		t.Errorf("got %v", err)
	}
}

func TestExpiriesNamesEveryRootAndList(t *testing.T) {
	ru, next := newCA(t, "RU CA"), newCA(t, "RU next CA")
	r := registry(t, at(now), Party{
		URI: uriRU, Roots: []*x509.Certificate{ru.cert, next.cert},
		CRLs: []*x509.RevocationList{ru.crl(t, now.Add(day))},
	})
	want := []Expiry{
		{uriRU, "root", "CN=RU CA", now.Add(1000 * day)},
		{uriRU, "revocation list", "CN=RU CA", now.Add(day)},
		{uriRU, "root", "CN=RU next CA", now.Add(1000 * day)},
	}
	if diff := cmp.Diff(want, r.Expiries()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
