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
	own, err := mtls.LoadRoots(c.Certificate.Cert)
	if err != nil {
		return out, err
	}
	if out.URI, err = mtls.URI(own[0]); err != nil {
		return out, err
	}
	out.Pins = []gateway.Digest{mtls.SPKIPin(own[0])}
	roots, lists := c.Certificate.Roots, c.Certificate.CRLs
	if roots == "" && len(c.Callers) > 0 {
		roots = c.Callers[0].Roots
	}
	if out.Roots, err = mtls.SplitPEM(roots); err != nil {
		return out, fmt.Errorf("certificate.roots: %w", err)
	}
	if out.CRLs, err = mtls.SplitPEM(lists); err != nil {
		return out, fmt.Errorf("certificate.crls: %w", err)
	}
	for _, t := range c.Trust {
		if t.Administration != c.Administration {
			continue
		}
		raw, err := os.ReadFile(t.File)
		if err != nil {
			return out, err
		}
		out.Keys = append(out.Keys, card.Key{ID: t.ID, From: t.From, Until: t.Until, Public: string(raw)})
	}
	return out, nil
}

// signedCard is the gateway's card as a file, made anew each time, with its fingerprint.
func (s *setup) signedCard(now time.Time) ([]byte, gateway.Digest, error) {
	c, err := s.card(s.chain, s.known)
	if err != nil {
		return nil, gateway.Digest{}, err
	}
	return card.Sign(c, s.keys, now)
}

// formats are those of all routes from an administration, and to it.
func formats(chain *flow.Chain, known *release.Routes, own gateway.Administration) []card.Format {
	all := []card.Format{}
	add := func(direction string, partner gateway.Administration, r *release.Route) {
		if schema, ok := chain.SchemaDigest(r.Table); ok {
			all = append(all, card.Format{Direction: direction, Partner: string(partner), Kind: r.Kind, Table: r.Table, Schema: schema})
		}
	}
	for _, r := range known.All() {
		if r.From == own {
			add(card.Sends, r.To, r)
		}
		if r.To == own {
			add(card.Reads, r.From, r)
		}
	}
	return all
}
