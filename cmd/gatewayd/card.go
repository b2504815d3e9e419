package main

import (
	"fmt"
	"os"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/card"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
	"customs.example/gateway/release"
)

// card is what partners have to know, as the files of the configuration say it now. Its
// formats are those of the routes that are known here: what this administration sends, and
// what is sent to it.
func (c Config) card(chain *flow.Chain, known *release.Routes) (card.Card, error) {
	out := card.Card{
		Administration: c.Administration, GRPC: c.Listen.GRPC, REST: c.Listen.REST, DutyDesk: c.DutyDesk,
		Formats: formats(chain, known, c.Administration), MaxMessage: int64(chain.Cap()),
	}
	var f findings
	if f.need("certificate.cert", c.Certificate.Cert) {
		if own, err := mtls.LoadRoots(c.Certificate.Cert); err != nil {
			f.file("certificate.cert", c.Certificate.Cert, err, gateway.WordFormCertificates)
		} else if out.URI, err = mtls.URI(own[0]); err != nil {
			return out, err
		} else {
			out.Pins = []gateway.Digest{mtls.SPKIPin(own[0])}
		}
	}
	roots := c.Certificate.Roots
	if roots == "" && len(c.Callers) > 0 {
		roots = c.Callers[0].Roots
	}
	out.Roots = f.blocks("certificate.roots", roots, gateway.WordFormCertificates)
	out.CRLs = f.blocks("certificate.crls", c.Certificate.CRLs, gateway.WordFormLists)
	for i, t := range c.Trust {
		if t.Administration != c.Administration {
			continue
		}
		raw, err := os.ReadFile(t.File)
		if err != nil {
			f.file(fmt.Sprintf("trust[%d].file", i), t.File, err, gateway.WordFormPublicKey)
		}
		out.Keys = append(out.Keys, card.Key{ID: t.ID, From: t.From, Until: t.Until, Public: string(raw)})
	}
	if len(out.Keys) == 0 {
		f.refuse("trust", gateway.ConfigMissing, "")
	}
	if len(f.faults) > 0 {
		return out, f.faults
	}
	return out, nil
}

// blocks are the PEM blocks of a file that has to be there.
func (f *findings) blocks(key, name string, form gateway.Wording) []string {
	if !f.need(key, name) {
		return nil
	}
	texts, err := mtls.SplitPEM(name)
	if err != nil || len(texts) == 0 {
		f.file(key, name, err, form)
	}
	return texts
}

// signedCard is the gateway's card as a file, made anew each time, with its fingerprint.
func (s *setup) signedCard(now time.Time) ([]byte, gateway.Digest, error) {
	c, err := s.card(s.chain, s.known)
	if err != nil {
		return nil, gateway.Digest{}, err
	}
	return card.Sign(c, s.keys, now)
}

// formats are those of all routes from an administration to others, and from them to it.
func formats(chain *flow.Chain, known *release.Routes, own gateway.Administration) []card.Format {
	all := []card.Format{}
	add := func(direction string, partner gateway.Administration, r *release.Route) {
		if schema, ok := chain.SchemaDigest(r.Table); ok {
			all = append(all, card.Format{Direction: direction, Partner: string(partner), Kind: r.Kind, Table: r.Table, Schema: schema})
		}
	}
	for _, r := range known.All() {
		if r.Stays() {
			continue
		}
		if r.From == own {
			add(card.Sends, r.To, r)
		}
		if r.To == own {
			add(card.Reads, r.From, r)
		}
	}
	return all
}
