package mtls

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"customs.example/gateway"
)

// NeededConfirmations is how many administrators have to confirm a change of anchors.
const NeededConfirmations = 2

// Anchors are what all parties are believed by, their roots and pins, with the
// administrators who may change that. Revocation lists are none: they can only take away.
type Anchors struct {
	Since  time.Time `json:"since"`  // when the gateway took its first
	Number int       `json:"number"` // of the change, from 1; so no confirmation is good for two
	// Parties are the anchors of each party by its URI, Administrators the public keys
	// (PKIX, ECDSA P-256) of those who confirm changes, by name.
	Parties        map[string]Anchor `json:"parties"`
	Administrators map[string][]byte `json:"administrators,omitempty"`
}

// Anchor is what one party is believed by.
type Anchor struct {
	Roots [][]byte         `json:"roots"` // certificates in DER
	Pins  []gateway.Digest `json:"pins,omitempty"`
}

// AnchorOf returns the party's roots and pins. Their order says nothing.
func AnchorOf(p Party) Anchor {
	a := Anchor{Pins: slices.Clone(p.Pins)}
	for _, root := range p.Roots {
		a.Roots = append(a.Roots, root.Raw)
	}
	slices.SortFunc(a.Roots, bytes.Compare)
	slices.SortFunc(a.Pins, func(x, y gateway.Digest) int { return bytes.Compare(x[:], y[:]) })
	return a
}

// Equal reports whether two parties are believed by the same.
func (a Anchor) Equal(b Anchor) bool {
	return slices.EqualFunc(a.Roots, b.Roots, bytes.Equal) && slices.Equal(a.Pins, b.Pins)
}

// Certificates are the roots, parsed.
func (a Anchor) Certificates() ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, der := range a.Roots {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("root: %w", err)
		}
		out = append(out, root)
	}
	return out, nil
}

// Same reports whether two sets of anchors say the same of everybody, whatever their
// numbers.
func (a Anchors) Same(b Anchors) bool {
	return maps.EqualFunc(a.Parties, b.Parties, Anchor.Equal) && maps.EqualFunc(a.Administrators, b.Administrators, bytes.Equal)
}

// Then returns b as the change that follows a.
func (a Anchors) Then(b Anchors) Anchors {
	b.Since, b.Number = a.Since, a.Number+1
	return b
}

// Digest is what administrators confirm: the SHA-256 of the anchors' JSON.
func (a Anchors) Digest() gateway.Digest {
	raw, err := json.Marshal(a) // maps in order of key
	if err != nil {
		panic(err) // nothing in it can fail
	}
	return gateway.DigestOf(raw)
}

// Development reports whether every root is of a development PKI.
func (a Anchors) Development() bool {
	for _, p := range a.Parties {
		roots, err := p.Certificates()
		if err != nil || slices.ContainsFunc(roots, func(c *x509.Certificate) bool { return !IsDevelopment(c) }) {
			return false
		}
	}
	return true
}

// Confirmation is an administrator's signature under a change of anchors.
type Confirmation struct {
	Digest        gateway.Digest `json:"digest"` // of the anchors after the change
	Administrator string         `json:"administrator"`
	At            time.Time      `json:"at"`
	Signature     []byte         `json:"signature"` // ECDSA in ASN.1
}

// signed is the digest of what an administrator signs.
func (c Confirmation) signed() []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "customs gateway, change of trust\n%s\n%q\n%s\n", c.Digest, c.Administrator, c.At.UTC().Format(time.RFC3339)))
	return sum[:]
}

// Confirm signs a change of anchors. The key is ECDSA P-256.
func Confirm(digest gateway.Digest, administrator string, at time.Time, key crypto.Signer) (Confirmation, error) {
	c := Confirmation{Digest: digest, Administrator: administrator, At: at.UTC().Truncate(time.Second)}
	var err error
	c.Signature, err = key.Sign(rand.Reader, c.signed(), crypto.SHA256)
	return c, err
}

// Confirmed returns the confirmations of a change that hold by these anchors' own
// administrators: one of each of them, and one of each key.
func (a Anchors) Confirmed(change gateway.Digest, given []Confirmation) []Confirmation {
	var out []Confirmation
	keys := make(map[string]bool)
	for _, c := range given {
		public := a.Administrators[c.Administrator]
		key, err := parseAdministrator(public)
		if err != nil || c.Digest != change || keys[string(public)] || !ecdsa.VerifyASN1(key, c.signed(), c.Signature) {
			continue
		}
		keys[string(public)] = true
		out = append(out, c)
	}
	return out
}

// Allows reports whether a change of anchors may come into force: enough administrators
// have confirmed it, or it is among development keys and stays so.
func (a Anchors) Allows(next Anchors, given []Confirmation) bool {
	return a.Development() && next.Development() || len(a.Confirmed(next.Digest(), given)) >= NeededConfirmations
}

// LoadAdministrator reads an administrator's public key: PKIX in PEM, ECDSA P-256. It
// returns its DER.
func LoadAdministrator(file string) ([]byte, error) {
	keys, err := loadPEM(file, "PUBLIC KEY", func(der []byte) ([]byte, error) {
		_, err := parseAdministrator(der)
		return der, err
	})
	if err != nil {
		return nil, err
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("%s: %d keys", file, len(keys))
	}
	return keys[0], nil
}

func parseAdministrator(der []byte) (*ecdsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("want ECDSA P-256")
	}
	return key, nil
}

// Under returns the party as it stands by other anchors than those of its files: with
// their roots and pins, and with those of its revocation lists that these roots have
// issued. A list that the file's own roots have not issued either stays, to be refused.
func (p Party) Under(a Anchor) (Party, error) {
	if AnchorOf(p).Equal(a) {
		return p, nil
	}
	roots, err := a.Certificates()
	if err != nil {
		return Party{}, err
	}
	p.CRLs = slices.DeleteFunc(slices.Clone(p.CRLs), func(list *x509.RevocationList) bool {
		ours, _ := crlIssuer(list, roots)
		theirs, _ := crlIssuer(list, p.Roots)
		return ours == nil && theirs != nil
	})
	p.Roots, p.Pins = roots, slices.Clone(a.Pins)
	return p, nil
}

// Keeping returns the party with the revocation lists that it had before of those of its
// roots that it has none of now: as long as a root is in force, so is its list.
func (p Party) Keeping(was Party) Party {
	now, _ := p.load()
	for _, list := range was.CRLs {
		if issuer, _ := crlIssuer(list, p.Roots); issuer != nil {
			if _, has := now.crls[SPKIPin(issuer)]; !has {
				p.CRLs = append(slices.Clone(p.CRLs), list)
			}
		}
	}
	return p
}

// Setback is a fault if the party's revocation lists fall behind those of was: a list of a
// root of both that is gone, older, or has ended where the one before has not.
func (p Party) Setback(was Party, now time.Time) (gateway.Fault, bool) {
	new, _ := p.load()
	old, _ := was.load()
	for _, root := range was.Roots {
		before, had := old.crls[SPKIPin(root)]
		after, has := new.crls[SPKIPin(root)]
		kept := slices.ContainsFunc(p.Roots, root.Equal)
		switch {
		case !had || !kept:
		case !has || after.thisUpdate.Before(before.thisUpdate), now.After(after.nextUpdate) && !now.After(before.nextUpdate):
			f := unfit(gateway.TLSCRLInvalid, root.Subject.String(), gateway.Say(gateway.WordCRLOlder), gateway.Phrase{})
			f.Path = p.URI
			return f, true
		}
	}
	return gateway.Fault{}, false
}
