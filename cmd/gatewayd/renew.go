package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/card"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// renew says what changes in a configuration and beside it when a partner that is known, at a
// position, gives a new card: its address and pins become those of the card; its roots and
// keys are added, and keys last as long as the card says. What is known beside that stays: a
// key that the card does not name any more still proves what it has signed.
func renew(file string, c Config, raw []byte, at int, partner card.Card, chain *flow.Chain) (meeting, error) {
	dir, known := filepath.Dir(file), c.Partners[at]
	m := meeting{file: file, partner: partner.Administration, files: map[string][]byte{}, before: raw, config: raw}
	set := func(list string, at int, field, value string) (err error) {
		m.config, err = document.SetYAML(file, m.config, list, at, field, value)
		return err
	}
	if known.Address != partner.GRPC {
		m.changes = append(m.changes, fmt.Sprintf("~ its address %s becomes %s", known.Address, partner.GRPC))
		if err := set("partners", at, "address", fmt.Sprintf("%q", partner.GRPC)); err != nil {
			return m, err
		}
	}
	if err := m.renewRoots(c, known, partner); err != nil {
		return m, err
	}
	if lost, added := differ(known.Pins, partner.Pins); len(lost)+len(added) > 0 {
		var pins []string
		for _, pin := range partner.Pins {
			pins = append(pins, pin.String())
		}
		for _, pin := range lost {
			m.changes = append(m.changes, "- public key of its gateway "+pin.String())
		}
		for _, pin := range added {
			m.changes = append(m.changes, "+ public key of its gateway "+pin.String())
		}
		if err := set("partners", at, "pins", "["+strings.Join(pins, ", ")+"]"); err != nil {
			return m, err
		}
	}
	var trusted []string
	for _, k := range partner.Keys {
		i := slices.IndexFunc(c.Trust, func(t seal.TrustFile) bool { return t.ID == k.ID })
		if i < 0 {
			m.changes = append(m.changes, fmt.Sprintf("+ signing key %s, %s to %s", k.ID, instant(k.From), instant(k.Until)))
			trusted = append(trusted, m.trust(partner, k))
			continue
		}
		t := c.Trust[i]
		content, err := os.ReadFile(t.File)
		if err != nil {
			return m, err
		}
		if t.Administration != partner.Administration || strings.TrimSpace(string(content)) != strings.TrimSpace(k.Public) {
			return m, fmt.Errorf("%s trusts another key %s already: keys are named once for all administrations", dir, k.ID)
		}
		if !t.Until.Equal(k.Until) {
			m.changes = append(m.changes, fmt.Sprintf("~ signing key %s, until %s, becomes until %s", k.ID, instant(t.Until), instant(k.Until)))
			if err := set("trust", i, "until", k.Until.Format(time.RFC3339)); err != nil {
				return m, err
			}
		}
	}
	for _, t := range c.Trust {
		if t.Administration == partner.Administration && !slices.ContainsFunc(partner.Keys, func(k card.Key) bool { return k.ID == t.ID }) {
			m.notes = append(m.notes, fmt.Sprintf("the card does not name signing key %s: it stays until %s", t.ID, instant(t.Until)))
		}
	}
	m.routes = begun(c, partner.Administration, chain)
	return m, errors.Join(m.add("trust", trusted), m.add("routes", m.routes))
}

// renewRoots has a partner vouched for by the roots of its card too, each with its list of
// revoked certificates. One that the card does not name stays: what it vouches for goes on
// until two people have confirmed the others, and who takes it out then does so by hand.
func (m *meeting) renewRoots(c Config, known PartnerConfig, partner card.Card) error {
	texts, err := mtls.SplitPEM(known.Roots)
	if err != nil {
		return err
	}
	was, err1 := mtls.ReadRoots(texts)
	next, err2 := mtls.ReadRoots(partner.Roots)
	lists, err3 := mtls.ReadCRLs(partner.CRLs)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	lost, added := differ(digests(was), digests(next))
	for _, ca := range was {
		if slices.Contains(lost, gateway.DigestOf(ca.Raw)) {
			m.notes = append(m.notes, fmt.Sprintf("the card does not name root %s: it stays in %s", named(ca), known.Roots))
		}
	}
	if len(added) == 0 {
		return nil
	}
	others := 0
	for _, p := range c.Partners {
		if p.Roots == known.Roots {
			others++
		}
	}
	for _, o := range c.Callers {
		if o.Roots == known.Roots {
			others++
		}
	}
	if others > 1 {
		return fmt.Errorf("%s vouches for others too: give %s a file of its own first", known.Roots, partner.URI)
	}
	var revoked []string
	if known.CRLs != "" {
		if revoked, err = mtls.SplitPEM(known.CRLs); err != nil {
			return err
		}
	}
	for i, ca := range next {
		if !slices.Contains(added, gateway.DigestOf(ca.Raw)) {
			continue
		}
		m.changes = append(m.changes, "+ root "+named(ca))
		texts = append(texts, partner.Roots[i])
		for j, list := range lists {
			if list.CheckSignatureFrom(ca) == nil {
				revoked = append(revoked, partner.CRLs[j])
			}
		}
	}
	m.files[known.Roots] = []byte(strings.Join(texts, ""))
	if known.CRLs != "" {
		m.files[known.CRLs] = []byte(strings.Join(revoked, ""))
	}
	return nil
}

func digests(all []*x509.Certificate) (out []gateway.Digest) {
	for _, ca := range all {
		out = append(out, gateway.DigestOf(ca.Raw))
	}
	return out
}

// named is a root in words.
func named(ca *x509.Certificate) string {
	return fmt.Sprintf("%s, until %s", gateway.Clip(strings.Join(strings.Fields(ca.Subject.String()), " ")), instant(ca.NotAfter))
}

// differ are the values that only the first or only the second has.
func differ[T comparable](before, after []T) (lost, added []T) {
	lost = slices.DeleteFunc(slices.Clone(before), func(v T) bool { return slices.Contains(after, v) })
	added = slices.DeleteFunc(slices.Clone(after), func(v T) bool { return slices.Contains(before, v) })
	return lost, added
}
