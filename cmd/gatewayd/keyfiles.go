package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// readCertificate reads our own certificate and judges it as a partner would.
func (c *Config) readCertificate(f *findings, now time.Time) tls.Certificate {
	const key = "certificate"
	if !f.need(key+".cert", c.Certificate.Cert) || !f.need(key+".key", c.Certificate.Key) {
		return tls.Certificate{}
	}
	f.mode(key+".cert", c.Certificate.Cert, public)
	f.mode(key+".key", c.Certificate.Key, secret)
	if _, err := mtls.LoadRoots(c.Certificate.Cert); err != nil {
		f.file(key+".cert", c.Certificate.Cert, err, gateway.WordFormCertificates)
		return tls.Certificate{}
	}
	cert, err := mtls.LoadCertificate(c.Certificate.Cert, c.Certificate.Key)
	var fault gateway.Fault
	switch {
	case errors.As(err, &fault):
		f.add(key+".cert", fault)
	case err != nil && strings.Contains(err.Error(), "does not match"):
		f.refuse(key+".key", gateway.ConfigKeyPair, c.Certificate.Key, c.Certificate.Cert)
	case err != nil:
		f.file(key+".key", c.Certificate.Key, err, gateway.WordFormKey)
	default:
		c.judgeCertificate(f, cert.Leaf, now)
		return cert
	}
	return tls.Certificate{}
}

func (c *Config) judgeCertificate(f *findings, leaf *x509.Certificate, now time.Time) {
	const key = "certificate.cert"
	uri, err := mtls.URI(leaf)
	if err != nil {
		return // it was not loaded
	}
	if u, err := url.Parse(uri); c.Administration != "" && (err != nil || u.Host != string(c.Administration)) {
		f.refuse(key, gateway.ConfigCertAdministration, uri, string(c.Administration))
	}
	at := now // judged of its other faults where it is valid
	switch {
	case now.After(leaf.NotAfter):
		f.refuse(key, gateway.ConfigCertEnded, uri, instant(leaf.NotAfter))
		at = leaf.NotAfter
	case now.Before(leaf.NotBefore):
		f.refuse(key, gateway.ConfigCertNotBegun, uri, instant(leaf.NotBefore))
		at = leaf.NotBefore
	}
	f.ends(key, mtls.Expiry{Kind: mtls.ExpiryCertificate, Subject: uri, End: leaf.NotAfter}, now)
	var may []x509.ExtKeyUsage
	for _, usage := range []x509.ExtKeyUsage{mtls.AsClient, mtls.AsServer} {
		if slices.Contains(leaf.ExtKeyUsage, usage) {
			may = append(may, usage)
		} else {
			f.refuse(key, gateway.ConfigCertUsage, uri, usage.String())
		}
	}
	party, ok := c.ownParty(f, uri, leaf, now)
	if !ok {
		f.refuse(key, gateway.ConfigCertForeign, leaf.Issuer.String(), "certificate.roots")
	}
	if !ok || len(may) == 0 {
		return
	}
	var fault gateway.Fault
	switch err := party.Judge(leaf, may[0], at); {
	case !errors.As(err, &fault):
	case fault.Code == gateway.TLSUntrustedCA:
		f.refuse(key, gateway.ConfigCertForeign, fault.Value, "certificate.roots")
	default:
		f.add(key, fault)
	}
}

// ownParty is this gateway as a partner knows it: by the roots of the certificate's own
// key, or else by that root of the callers that has its issuer's name. False: there is none.
func (c *Config) ownParty(f *findings, uri string, leaf *x509.Certificate, now time.Time) (mtls.Party, bool) {
	v := Vouch{Roots: c.Certificate.Roots, CRLs: c.Certificate.CRLs}
	if v.Roots != "" {
		party := v.read(f, "certificate", uri, false, now)
		return party, len(party.Roots) > 0
	}
	party := v.read(new(findings), "", uri, false, now)
	for _, caller := range c.Callers {
		roots, err := mtls.LoadRoots(caller.Roots)
		if err != nil {
			continue // told where it belongs
		}
		for _, root := range roots {
			if bytes.Equal(root.RawSubject, leaf.RawIssuer) && !slices.ContainsFunc(party.Roots, root.Equal) && len(party.Roots) < mtls.MaxRoots {
				party.Roots = append(party.Roots, root)
			}
		}
	}
	return party, len(party.Roots) > 0
}

// vouched is a party as the configuration lists it.
type vouched struct {
	key, uri string
	vouch    Vouch
	partner  bool
}

// vouched are all parties, in order of the configuration.
func (c *Config) vouched() (out []vouched) {
	for i, v := range c.Callers {
		out = append(out, vouched{fmt.Sprintf("callers[%d]", i), v.URI, v.Vouch, false})
	}
	for i, v := range c.Partners {
		if !v.files() {
			out = append(out, vouched{fmt.Sprintf("partners[%d]", i), v.URI, v.Vouch, true})
		}
	}
	return out
}

// read reads what a party is trusted by and says what is wrong with it.
func (v Vouch) read(f *findings, key, uri string, partner bool, now time.Time) mtls.Party {
	p := mtls.Party{URI: uri, Pins: v.Pins, PinsRequired: partner, CRLRequired: partner}
	var err error
	readable := v.Roots != ""
	if v.Roots != "" {
		f.mode(key+".roots", v.Roots, public)
		if p.Roots, err = mtls.LoadRoots(v.Roots); err != nil {
			f.file(key+".roots", v.Roots, err, gateway.WordFormCertificates)
			readable = false
		}
	}
	if v.CRLs != "" {
		f.mode(key+".crls", v.CRLs, public)
		if p.CRLs, err = mtls.LoadCRLs(v.CRLs); err != nil {
			f.file(key+".crls", v.CRLs, err, gateway.WordFormLists)
			readable = false
		}
	}
	if readable && uri != "" {
		judgeParty(f, key, p, now)
	}
	return p
}

// judgeParty says why nobody would get in as a party: for its own faults, and because a
// root or a revocation list is not valid now. What leaves another root usable only warns.
func judgeParty(f *findings, key string, p mtls.Party, now time.Time) {
	at := map[gateway.Code]string{gateway.TLSCRLInvalid: ".crls", gateway.TLSUsage: ".roots", gateway.TLSKeyWeak: ".roots"}
	for _, fault := range p.Faults() {
		f.add(key+at[fault.Code], fault)
	}
	standings := p.Standings()
	unfit := findings{lines: f.lines}
	listed := map[string]bool{} // the roots, in DER, with a current list
	for _, s := range standings {
		name := s.Root.Subject.String()
		switch {
		case !p.CRLRequired && len(p.CRLs) == 0:
			listed[string(s.Root.Raw)] = true
		case s.ListEnd.IsZero():
			unfit.refuse(key+".crls", gateway.ConfigCRLNone, name)
		case now.After(s.ListEnd):
			unfit.refuse(key+".crls", gateway.ConfigCRLEnded, name, instant(s.ListEnd))
		default:
			listed[string(s.Root.Raw)] = true
			f.ends(key+".crls", mtls.Expiry{Subject: name, End: s.ListEnd}, now)
		}
	}
	usable := false
	for _, s := range standings {
		if now.Before(s.Root.NotBefore) || now.After(s.Root.NotAfter) {
			unfit.add(key+".roots", gateway.Fault{
				Code: gateway.ConfigRootPeriod, Value: s.Root.Subject.String(),
				Expected: gateway.Say(gateway.WordValidSpan, instant(s.Root.NotBefore), instant(s.Root.NotAfter)),
			})
			continue
		}
		f.ends(key+".roots", mtls.Expiry{Subject: s.Root.Subject.String(), End: s.Root.NotAfter}, now)
		usable = usable || listed[string(s.Root.Raw)] && (s.Above == nil || listed[string(s.Above.Raw)])
	}
	for _, fault := range unfit.faults {
		if usable {
			fault.Severity = gateway.Warning
		}
		f.add(fault.Path, fault)
	}
}

// ends warns of what ends within thirty days, and has not ended yet.
func (f *findings) ends(key string, e mtls.Expiry, now time.Time) {
	if threshold, days := mtls.ExpiresWithin(e.End, now); threshold > 0 && days >= 0 {
		f.add(key, gateway.Fault{
			Code: gateway.ConfigEndsSoon, Severity: gateway.Warning, Value: e.Subject,
			Found: gateway.Term(strconv.Itoa(days)), Expected: gateway.Term(instant(e.End)),
		})
	}
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// publicKeys are the public keys of a configuration, with the key under which each stands
// first.
type publicKeys map[gateway.Digest]string

// claim says that a public key stands somewhere else already, if so, and where.
func (p publicKeys) claim(key string, digest gateway.Digest) (string, bool) {
	first, twice := p[digest]
	if !twice {
		p[digest] = key
	}
	return first, twice
}

// spki is the digest of a public key, as pins are.
func spki(key any) gateway.Digest {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return gateway.Digest{}
	}
	return gateway.DigestOf(der)
}

// tlsKeys are the public keys of TLS that the configuration knows: our own, and the pins.
func (s *setup) tlsKeys() publicKeys {
	keys := publicKeys{}
	if s.certificate.Leaf != nil {
		keys.claim("certificate", mtls.SPKIPin(s.certificate.Leaf))
	}
	for _, v := range s.vouched() {
		for _, pin := range v.vouch.Pins {
			keys.claim(v.key+".pins", pin)
		}
	}
	return keys
}

// readSigning reads the signing keys, everyone's public keys and the administrators', and
// says which of them will not do.
func (s *setup) readSigning(f *findings, now time.Time) {
	if len(s.Signing) == 0 {
		f.refuse("signing", gateway.ConfigMissing, "")
	}
	ids, keys, forTLS := map[string]string{}, publicKeys{}, s.tlsKeys()
	var signers []seal.Signer
	for i, k := range s.Signing {
		key := fmt.Sprintf("signing[%d]", i)
		if !s.keyFile(f, key, k.ID, k.File, k.Validity, ids, secret) {
			continue
		}
		signer, err := seal.LoadSigner(k)
		if err != nil {
			f.file(key+".file", k.File, err, gateway.WordFormSigningKey)
			continue
		}
		if first, twice := keys.claim(key, spki(signer.Key.Public())); twice {
			f.refuse(key, gateway.ConfigKeyShared, k.ID, first)
		}
		if where, ok := forTLS[spki(signer.Key.Public())]; ok {
			f.refuse(key, gateway.ConfigSigningTLS, k.ID, where)
		}
		signers = append(signers, signer)
		if signer.Status(now) == seal.Current {
			f.ends(key, mtls.Expiry{Kind: mtls.ExpirySigningKey, Subject: k.ID, End: k.Until}, now)
		}
	}
	ids, keys = map[string]string{}, publicKeys{}
	trusted := map[string]trustedKey{}
	var verifiers []seal.Verifier
	for i, k := range s.Trust {
		key := fmt.Sprintf("trust[%d]", i)
		f.need(key+".administration", string(k.Administration))
		if !s.keyFile(f, key, k.ID, k.File, k.Validity, ids, public) || k.Administration == "" {
			continue
		}
		verifier, err := seal.LoadVerifier(k)
		if err != nil {
			f.file(key+".file", k.File, err, gateway.WordFormPublicKey)
			continue
		}
		if first, twice := keys.claim(key, spki(verifier.Key)); twice {
			f.refuse(key, gateway.ConfigKeyShared, k.ID, first)
		}
		if where, ok := forTLS[spki(verifier.Key)]; ok && k.Administration != s.Administration { // our own has been told
			f.warn(key, gateway.ConfigSigningTLS, k.ID, where)
		}
		verifiers = append(verifiers, verifier)
		trusted[k.ID] = trustedKey{verifier, key}
	}
	s.readAdministrators(f, keys)
	judgeSigning(f, s.Administration, signers, trusted, now)
	for i, p := range s.Partners {
		for _, a := range p.Administrations {
			if !slices.ContainsFunc(verifiers, func(v seal.Verifier) bool {
				return v.Administration == a && v.Status(now) == seal.Current && !compromised(v, now)
			}) {
				f.refuse(fmt.Sprintf("partners[%d].administrations", i), gateway.ConfigTrustNone, string(a))
			}
		}
	}
	if f.faults.Refuse() {
		return // what refuses here has been told; the two below would tell it in other words
	}
	var err error
	if s.keys, err = seal.NewKeyring(s.Administration, signers...); err != nil {
		f.file("signing", "signing", err, gateway.WordFormSigningKey)
	}
	if s.trust, err = seal.NewTrust(verifiers...); err != nil {
		f.file("trust", "trust", err, gateway.WordFormPublicKey)
	}
}

// keyFile says what is wrong with a key before it is read.
func (s *setup) keyFile(f *findings, key, id, file string, v seal.Validity, ids map[string]string, most fs.FileMode) bool {
	ok := f.need(key+".id", id)
	ok = f.need(key+".file", file) && ok
	if first, twice := ids[id]; twice && id != "" {
		f.refuse(key+".id", gateway.ConfigTwice, id, first)
		ok = false
	}
	ids[id] = key
	if !v.IsSpan() {
		f.refuse(key, gateway.ConfigPeriod, id)
		ok = false
	}
	if file != "" {
		f.mode(key+".file", file, most)
	}
	return ok
}

type trustedKey struct {
	seal.Verifier
	key string // of the configuration
}

func compromised(v seal.Verifier, now time.Time) bool {
	return !v.Compromised.IsZero() && !now.Before(v.Compromised)
}

// judgeSigning holds the signing keys to what is trusted: what nobody here could verify,
// nobody elsewhere is likely to.
func judgeSigning(f *findings, own gateway.Administration, signers []seal.Signer, trusted map[string]trustedKey, now time.Time) {
	current := false
	for i, signer := range signers {
		key := fmt.Sprintf("signing[%d]", i)
		signs := signer.Status(now) == seal.Current
		current = current || signs
		t, ok := trusted[signer.ID]
		switch {
		case !ok:
			f.refuse(key, gateway.ConfigSigningUntrusted, signer.ID, "trust")
			continue
		case own != "" && t.Administration != own:
			f.add(t.key+".administration", gateway.Fault{
				Code: gateway.ConfigSigningOwner, Value: signer.ID, Found: gateway.Term(string(t.Administration)), Expected: gateway.Term(string(own)),
			})
		}
		if public, ok := signer.Key.Public().(*ecdsa.PublicKey); !ok || !public.Equal(t.Key) {
			f.refuse(t.key+".file", gateway.ConfigSigningDiffers, signer.ID, t.key)
		}
		if signs && compromised(t.Verifier, now) {
			f.refuse(key, gateway.ConfigSigningCompromised, signer.ID, instant(t.Compromised))
		}
		if signer.From.Before(t.From) || signer.Until.After(t.Until) {
			severity := gateway.Warning
			if signs && t.Status(now) != seal.Current {
				severity = gateway.Error
			}
			f.add(t.key, gateway.Fault{
				Code: gateway.ConfigSigningPeriod, Severity: severity, Value: signer.ID,
				Expected: gateway.Say(gateway.WordValidSpan, instant(t.From), instant(t.Until)),
			})
		}
	}
	if len(signers) > 0 && !current {
		f.refuse("signing", gateway.ConfigSigningNone, instant(now))
	}
}

// readAdministrators reads the public keys of those who confirm changes of trust. Two of
// them are needed unless all keys are of a development PKI.
func (s *setup) readAdministrators(f *findings, keys publicKeys) {
	s.administrators = map[string][]byte{}
	ids := map[string]string{}
	for i, a := range s.Administrators {
		key := fmt.Sprintf("administrators[%d]", i)
		if !f.need(key+".id", a.ID) || !f.need(key+".file", a.File) {
			continue
		}
		if first, twice := ids[a.ID]; twice {
			f.refuse(key+".id", gateway.ConfigTwice, a.ID, first)
			continue
		}
		ids[a.ID] = key
		f.mode(key+".file", a.File, public)
		der, err := mtls.LoadAdministrator(a.File)
		if err != nil {
			f.file(key+".file", a.File, err, gateway.WordFormPublicKey)
			continue
		}
		if first, twice := keys.claim(key, gateway.DigestOf(der)); twice {
			f.refuse(key, gateway.ConfigKeyShared, a.ID, first)
			continue
		}
		s.administrators[a.ID] = der
	}
}
