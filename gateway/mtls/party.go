package mtls

import (
	"bytes"
	"crypto/x509"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"customs.example/gateway"
)

// MaxRoots is how many CAs may vouch for one party.
const MaxRoots = 16

// Party is one known URI with everything that may vouch for it.
type Party struct {
	URI string
	// Roots are the CAs that issue this party's certificates directly. An issuing CA
	// below a national root is listed itself: intermediates sent by a peer are ignored.
	// If the root is listed too, its revocation list can end the issuing CA.
	Roots []*x509.Certificate
	// Pins are SHA-256 digests of the public keys (SPKI) the party may use. Current and
	// next together let it change keys without a gap. Empty: any key its roots vouch for.
	Pins         []gateway.Digest
	PinsRequired bool // then an empty Pins is a fault
	// CRLs are complete revocation lists of the roots; of several of one root the latest
	// counts. If there is any, each root in use must have one that is current.
	CRLs        []*x509.RevocationList
	CRLRequired bool // then no list at all is as bad as a stale one
}

// Expiry is the end of something that a party depends on.
type Expiry struct {
	Party   string // its URI
	Kind    string // ExpiryRoot, ExpiryCRL, ExpiryCertificate or ExpirySigningKey
	Subject string // the CA's or certificate's name, or the key's id
	End     time.Time
}

// The kinds of what ends.
const (
	ExpiryRoot        = "root"
	ExpiryCRL         = "revocation list"
	ExpiryCertificate = "certificate"
	ExpirySigningKey  = "signing key"
)

// Expiries returns the end of every root and revocation list in force, for metrics
// and warnings, in order of party. Those of the parties' own certificates are in Identity.
func (r *Registry) Expiries() []Expiry { return slices.Clone(r.snapshot.Load().expiries) }

func (p Party) expiries(loaded *party) (out []Expiry) {
	for _, root := range p.Roots {
		out = append(out, Expiry{p.URI, ExpiryRoot, root.Subject.String(), root.NotAfter})
		if list, ok := loaded.crls[SPKIPin(root)]; ok {
			out = append(out, Expiry{p.URI, ExpiryCRL, root.Subject.String(), list.nextUpdate})
		}
	}
	return out
}

// Standing is a root of a party with what it depends on.
type Standing struct {
	Root    *x509.Certificate
	ListEnd time.Time         // of its latest revocation list; zero: it has none
	Above   *x509.Certificate // the listed CA that issued it, whose list counts too; nil: none
}

// Standings returns the roots of the party, in order.
func (p Party) Standings() (out []Standing) {
	loaded, _ := p.load()
	for _, root := range p.Roots {
		out = append(out, Standing{root, loaded.crls[SPKIPin(root)].nextUpdate, loaded.parents[gateway.DigestOf(root.Raw)]})
	}
	return out
}

// Faults are those for which a registry would not take the party.
func (p Party) Faults() gateway.Faults {
	_, faults := p.load()
	return faults
}

// snapshot is never changed once it is in force, but for the verdicts it remembers.
type snapshot struct {
	parties  map[string]*party
	expiries []Expiry
	verdicts sync.Map // verdictKey to verdict
}

type party struct {
	pool        *x509.CertPool
	pins        []gateway.Digest
	crls        map[gateway.Digest]crl               // by the issuer's pin
	parents     map[gateway.Digest]*x509.Certificate // the listed issuer of a listed CA, by the CA's digest
	crlRequired bool
}

type crl struct {
	thisUpdate, nextUpdate time.Time
	revoked                map[string]bool // by serial number
}

func newSnapshot(parties []Party) (*snapshot, error) {
	s := &snapshot{parties: make(map[string]*party, len(parties))}
	var faults gateway.Faults
	for _, p := range parties {
		loaded, found := p.load()
		if s.parties[p.URI] != nil {
			found = append(found, refusal(gateway.TLSParty, p.URI, gateway.Say(gateway.WordOneRecordPerURI)))
		}
		for _, f := range found {
			f.Path = p.URI
			faults = append(faults, f)
		}
		s.parties[p.URI] = loaded
		s.expiries = append(s.expiries, p.expiries(loaded)...)
	}
	return s, faults.Err()
}

// load checks what can be known before any certificate is seen.
func (p Party) load() (*party, gateway.Faults) {
	var faults gateway.Faults
	fault := func(want gateway.Wording, terms ...string) {
		faults = append(faults, refusal(gateway.TLSParty, p.URI, gateway.Say(want, terms...)))
	}
	if u, err := url.Parse(p.URI); err != nil || u.Scheme != "customs" || u.Host == "" || u.Path == "" || u.String() != p.URI {
		fault(gateway.WordPartyURI, "customs://CN/gateway/1")
	}
	if len(p.Roots) == 0 {
		fault(gateway.WordPartyRoot)
	}
	if len(p.Roots) > MaxRoots {
		fault(gateway.WordAtMost, strconv.Itoa(MaxRoots))
		p.Roots = p.Roots[:MaxRoots]
	}
	if p.PinsRequired && len(p.Pins) == 0 {
		fault(gateway.WordPartyPin)
	}
	if slices.ContainsFunc(p.Pins, gateway.Digest.IsZero) {
		fault(gateway.WordPinDigest)
	}
	out := &party{
		pool: x509.NewCertPool(), pins: slices.Clone(p.Pins),
		crls: make(map[gateway.Digest]crl), crlRequired: p.CRLRequired || len(p.CRLs) > 0,
		parents: parents(p.Roots),
	}
	for _, root := range p.Roots {
		if !root.BasicConstraintsValid || !root.IsCA || root.KeyUsage&x509.KeyUsageCertSign == 0 {
			faults = append(faults, unfit(gateway.TLSUsage, root.Subject.String(), gateway.Say(gateway.WordPartyCertificate), gateway.Say(gateway.WordSigningCA)))
		}
		if f, weak := weakKey(root); weak {
			faults = append(faults, f)
		}
		out.pool.AddCert(root)
	}
	for _, list := range p.CRLs {
		issuer, flaw := crlIssuer(list, p.Roots)
		if issuer == nil {
			faults = append(faults, unfit(gateway.TLSCRLInvalid, list.Issuer.String(), flaw, gateway.Phrase{}))
			continue
		}
		pin := SPKIPin(issuer)
		if known, ok := out.crls[pin]; !ok || known.thisUpdate.Before(list.ThisUpdate) {
			out.crls[pin] = newCRL(list)
		}
	}
	return out, faults
}

// parents finds the issuer of each CA that stands below another of the same list.
func parents(cas []*x509.Certificate) map[gateway.Digest]*x509.Certificate {
	out := make(map[gateway.Digest]*x509.Certificate)
	for _, ca := range cas {
		for _, above := range cas {
			if SPKIPin(above) != SPKIPin(ca) && bytes.Equal(above.RawSubject, ca.RawIssuer) && ca.CheckSignatureFrom(above) == nil {
				out[gateway.DigestOf(ca.Raw)] = above
				break
			}
		}
	}
	return out
}

// crlIssuer returns the root that signed the list, or what is wrong with the list.
func crlIssuer(list *x509.RevocationList, roots []*x509.Certificate) (*x509.Certificate, gateway.Phrase) {
	for _, e := range list.Extensions {
		// A delta or partial list read as a complete one would let the others in.
		if e.Critical {
			return nil, gateway.Say(gateway.WordCRLExtension, e.Id.String())
		}
	}
	switch list.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1: // crypto/x509 refuses these on certificates only
		return nil, gateway.Say(gateway.WordCRLAlgorithm, list.SignatureAlgorithm.String())
	}
	for _, root := range roots {
		if bytes.Equal(root.RawSubject, list.RawIssuer) && list.CheckSignatureFrom(root) == nil {
			return root, gateway.Phrase{}
		}
	}
	return nil, gateway.Say(gateway.WordCRLSigner)
}

func newCRL(list *x509.RevocationList) crl {
	out := crl{list.ThisUpdate, list.NextUpdate, make(map[string]bool, len(list.RevokedCertificateEntries))}
	for _, e := range list.RevokedCertificateEntries {
		out.revoked[e.SerialNumber.String()] = true
	}
	return out
}
