package mtls

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
)

const (
	// MaxLifetime is the longest a party's certificate may be valid: two years and a quarter.
	MaxLifetime = 825 * 24 * time.Hour
	// MinRSABits is the shortest RSA key of a party or its CA, about as strong as P-256.
	MinRSABits = 3072
	// MaxCertificate is how many bytes of DER a party's certificate may have, and MaxNames
	// how many names of all kinds: what costs more to judge is refused unjudged.
	MaxCertificate = 16 << 10
	MaxNames       = 32
)

var strongKeys = gateway.Say(gateway.WordStrongKeys, strconv.Itoa(MinRSABits), "P-256, P-384, P-521, Ed25519")

// verdict is the outcome of every check on one certificate. Within one snapshot it
// depends on nothing but the time, so it holds from from until until, both included.
type verdict struct {
	identity    Identity
	from, until time.Time
}

type verdictKey struct {
	certificate gateway.Digest
	usage       x509.ExtKeyUsage
}

// Verify says who the peer is, by the parties in force now. Handshakes and resumptions
// are judged by it; callers MUST judge each call on a long-lived connection again.
// usage is what the peer acts as: AsClient or AsServer. A refusal is a gateway.Fault.
func (r *Registry) Verify(cs tls.ConnectionState, usage x509.ExtKeyUsage) (Identity, error) {
	if cs.Version < tls.VersionTLS13 {
		return Identity{}, refusal(gateway.TLSVersion, tls.VersionName(cs.Version), gateway.Phrase{})
	}
	if len(cs.PeerCertificates) == 0 {
		return Identity{}, refusal(gateway.TLSNoCertificate, "", gateway.Phrase{})
	}
	cert, now, s := cs.PeerCertificates[0], r.clock(), r.snapshot.Load()
	if n := len(cert.Raw); n > MaxCertificate {
		return Identity{}, refusal(gateway.TLSCertificateSize, strconv.Itoa(n), gateway.Term(strconv.Itoa(MaxCertificate)))
	}
	key := verdictKey{gateway.DigestOf(cert.Raw), usage}
	if v, ok := s.verdicts.Load(key); ok {
		if v := v.(verdict); !now.Before(v.from) && !now.After(v.until) {
			return v.identity, nil
		}
	}
	v, err := s.judge(cert, usage, now)
	if err != nil {
		return Identity{}, err
	}
	// Refusals are not remembered: strangers could fill the memory with them.
	s.verdicts.Store(key, v)
	return v.identity, nil
}

// Judge says whether the party may show a certificate, as a handshake would. A refusal
// is a gateway.Fault, or the gateway.Faults of the party itself.
func (p Party) Judge(cert *x509.Certificate, usage x509.ExtKeyUsage, now time.Time) error {
	s, err := newSnapshot([]Party{p})
	if err != nil {
		return err
	}
	_, err = s.judge(cert, usage, now)
	return err
}

func (s *snapshot) judge(cert *x509.Certificate, usage x509.ExtKeyUsage, now time.Time) (verdict, error) {
	uri, err := URI(cert)
	if err != nil {
		return verdict{}, err
	}
	p := s.parties[uri]
	if p == nil {
		return verdict{}, refusal(gateway.TLSUnknownIdentity, uri, gateway.Phrase{})
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: p.pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		return verdict{}, chainFault(err, cert, uri, now)
	}
	if err := checkLeaf(cert, usage); err != nil {
		return verdict{}, err
	}
	issuer := chains[0][1] // only a root is a chain of one, and checkLeaf refused it
	v := verdict{
		identity: Identity{URI: uri, Certificate: gateway.DigestOf(cert.Raw), NotAfter: cert.NotAfter},
		from:     cert.NotBefore,
		until:    cert.NotAfter,
	}
	if issuer.NotBefore.After(v.from) {
		v.from = issuer.NotBefore
	}
	if issuer.NotAfter.Before(v.until) {
		v.until = issuer.NotAfter
	}
	// An issuing CA is listed itself, and may stand below another listed one, which can
	// revoke it. Of CAs that issued each other each is asked once.
	subject := cert
	for steps := 0; p.crlRequired && issuer != nil && steps <= len(p.parents); steps++ {
		list := p.crls[SPKIPin(issuer)]
		if now.After(list.nextUpdate) { // also when there is none, or it names no end
			return verdict{}, refusal(gateway.TLSCRLStale, issuer.Subject.String(), gateway.Phrase{})
		}
		if list.revoked[subject.SerialNumber.String()] {
			return verdict{}, refusal(gateway.TLSRevoked, subject.SerialNumber.Text(16), gateway.Phrase{})
		}
		if list.nextUpdate.Before(v.until) {
			v.until = list.nextUpdate
		}
		subject, issuer = issuer, p.parents[gateway.DigestOf(issuer.Raw)]
	}
	if pin := SPKIPin(cert); len(p.pins) > 0 && !slices.Contains(p.pins, pin) {
		return verdict{}, refusal(gateway.TLSPin, pin.String(), gateway.Phrase{})
	}
	return v, nil
}

func chainFault(err error, cert *x509.Certificate, uri string, now time.Time) gateway.Fault {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch {
		case invalid.Reason == x509.Expired && now.Before(invalid.Cert.NotBefore):
			return refusal(gateway.TLSNotYetValid, invalid.Cert.NotBefore.UTC().Format(time.RFC3339), gateway.Phrase{})
		case invalid.Reason == x509.Expired:
			return refusal(gateway.TLSExpired, invalid.Cert.NotAfter.UTC().Format(time.RFC3339), gateway.Phrase{})
		case invalid.Reason == x509.IncompatibleUsage:
			return unfit(gateway.TLSUsage, cert.Subject.String(), usages(cert), gateway.Say(gateway.WordExtendedUsage))
		}
	}
	return refusal(gateway.TLSUntrustedCA, cert.Issuer.String(), gateway.Term(uri))
}

// checkLeaf holds a certificate to what the chain building of crypto/x509 lets pass:
// there a missing extended usage means any, and a CA may act as a leaf.
func checkLeaf(cert *x509.Certificate, usage x509.ExtKeyUsage) error {
	switch {
	case cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0:
		return unfit(gateway.TLSUsage, cert.Subject.String(), gateway.Say(gateway.WordFoundCA), gateway.Say(gateway.WordPartyCertificate))
	case cert.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return unfit(gateway.TLSUsage, cert.Subject.String(), gateway.Say(gateway.WordFoundNoSignature), gateway.Say(gateway.WordDigitalSignature))
	case !slices.Contains(cert.ExtKeyUsage, usage):
		return unfit(gateway.TLSUsage, cert.Subject.String(), usages(cert), gateway.Say(gateway.WordExtendedUsage))
	}
	if f, weak := weakKey(cert); weak {
		return f
	}
	if life := cert.NotAfter.Sub(cert.NotBefore); life > MaxLifetime {
		const day = 24 * time.Hour
		return refusal(gateway.TLSLifetime, strconv.Itoa(int(life/day)), gateway.Term(strconv.Itoa(int(MaxLifetime/day))))
	}
	return nil
}

func usages(cert *x509.Certificate) gateway.Phrase {
	if len(cert.ExtKeyUsage) == 0 {
		return gateway.Say(gateway.WordFoundNoUsage)
	}
	var names []string
	for _, u := range cert.ExtKeyUsage {
		names = append(names, u.String())
	}
	return gateway.Term(strings.Join(names, ", "))
}

func weakKey(cert *x509.Certificate) (gateway.Fault, bool) {
	found := gateway.Term(cert.PublicKeyAlgorithm.String())
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() >= MinRSABits {
			return gateway.Fault{}, false
		}
		found = gateway.Say(gateway.WordRSABits, strconv.Itoa(k.N.BitLen()))
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return gateway.Fault{}, false
		}
		found = gateway.Term(k.Curve.Params().Name)
	case ed25519.PublicKey:
		return gateway.Fault{}, false
	}
	return unfit(gateway.TLSKeyWeak, "", found, strongKeys), true
}

// tagURI is the uniformResourceIdentifier of a GeneralName, RFC 5280 section 4.2.1.6.
const tagURI = 6

var oidSAN = asn1.ObjectIdentifier{2, 5, 29, 17}

// URI returns the certificate's only URI name, letter for letter as it was signed.
// Names of other kinds are ignored. A refusal is a gateway.Fault.
func URI(cert *x509.Certificate) (string, error) {
	var uris []string
	for _, ext := range cert.Extensions {
		if !ext.Id.Equal(oidSAN) {
			continue
		}
		// crypto/x509 hands out parsed URLs, which print differently from what was signed.
		var names []asn1.RawValue
		if _, err := asn1.Unmarshal(ext.Value, &names); err != nil {
			return "", unfit(gateway.TLSSAN, "", gateway.Say(gateway.WordFoundNoSAN), gateway.Phrase{})
		}
		if len(names) > MaxNames {
			return "", refusal(gateway.TLSNames, strconv.Itoa(len(names)), gateway.Term(strconv.Itoa(MaxNames)))
		}
		for _, n := range names {
			if n.Class == asn1.ClassContextSpecific && n.Tag == tagURI {
				uris = append(uris, string(n.Bytes))
			}
		}
	}
	if len(uris) != 1 {
		return "", refusal(gateway.TLSSAN, strconv.Itoa(len(uris))+" "+strings.Join(uris, " "), gateway.Phrase{})
	}
	return uris[0], nil
}
