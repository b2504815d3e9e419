package main

import (
	"crypto/x509"
	"fmt"
	"maps"
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
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
)

// connect has two directories that init has made know each other, and activates the routes
// between their offices. Both are connected, or neither. It takes development keys only.
func connect(chain *flow.Chain, dir, with string, std stdio) error {
	one, err := readSite(dir, chain)
	if err != nil {
		return err
	}
	other, err := readSite(with, chain)
	if err != nil {
		return err
	}
	if one.config.Administration == other.config.Administration {
		return fmt.Errorf("%s and %s are both of %s", dir, with, one.config.Administration)
	}
	for _, l := range one.config.listeners() {
		if slices.ContainsFunc(other.config.listeners(), func(o listener) bool { return o.address == l.address }) {
			return fmt.Errorf("%s and %s both listen on %s: make one of them with -port", dir, with, l.address)
		}
	}
	first, err := meet(one.file, one.config, one.raw, other.card, chain)
	if err != nil {
		return err
	}
	second, err := meet(other.file, other.config, other.raw, one.card, chain)
	if err != nil {
		return err
	}
	for _, m := range []meeting{first, second} {
		if err := m.write(); err != nil {
			return err
		}
	}
	for _, m := range []meeting{first, second} {
		if len(m.routes) == 0 {
			fmt.Fprintf(std.out, "%s knows %s; no route leads there from its offices, so it receives and sends nothing\n", filepath.Dir(m.file), m.partner)
			continue
		}
		fmt.Fprintf(std.out, "%s knows %s, and sends on %s\n", filepath.Dir(m.file), m.partner, strings.Join(m.routes, ", "))
	}
	return nil
}

// known is a directory that init has made, as it stands.
type known struct {
	file   string
	raw    []byte
	config Config
	card   card.Card
}

func readSite(dir string, chain *flow.Chain) (*known, error) {
	file := filepath.Join(dir, configName)
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	k := &known{file: file, raw: raw}
	if k.config, _, err = readConfig(file); err != nil {
		return nil, err
	}
	if k.card, err = k.config.card(chain, chain.Routes); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	roots, err := mtls.ReadRoots(k.card.Roots)
	if err == nil && slices.ContainsFunc(roots, func(ca *x509.Certificate) bool { return !mtls.IsDevelopment(ca) }) {
		err = fmt.Errorf("%s: init connects development PKIs only", dir)
	}
	return k, err
}

// meeting is what it changes in a directory that an administration becomes a partner.
type meeting struct {
	file    string // the configuration
	partner gateway.Administration
	routes  []string
	before  []byte
	config  []byte
	files   map[string][]byte // beside it
}

// meet says what changes in a configuration and beside it when who gives a card becomes a
// partner. A route begins where it leads to the partner from an office of a caller's.
func meet(file string, c Config, raw []byte, partner card.Card, chain *flow.Chain) (meeting, error) {
	dir := filepath.Dir(file)
	m := meeting{file: file, partner: partner.Administration, files: map[string][]byte{}}
	if slices.ContainsFunc(c.Partners, func(p PartnerConfig) bool { return slices.Contains(p.Administrations, partner.Administration) }) {
		return m, fmt.Errorf("%s knows %s already: take it out of partners and trust to connect anew", dir, partner.Administration)
	}
	if slices.ContainsFunc(c.Callers, func(o CallerConfig) bool { return o.URI == partner.URI }) || slices.ContainsFunc(c.Partners, func(p PartnerConfig) bool { return p.URI == partner.URI }) {
		return m, fmt.Errorf("%s knows %s already, as somebody else than the gateway of %s", dir, partner.URI, partner.Administration)
	}
	for _, k := range partner.Keys {
		if slices.ContainsFunc(c.Trust, func(t seal.TrustFile) bool { return t.ID == k.ID }) {
			return m, fmt.Errorf("%s trusts a key %s already: keys are named once for all administrations", dir, k.ID)
		}
	}
	beside := "partners/" + strings.ToLower(string(partner.Administration)) + "/"
	m.files[beside+"ca.pem"] = []byte(strings.Join(partner.Roots, ""))
	m.files[beside+"crl.pem"] = []byte(strings.Join(partner.CRLs, ""))
	var trusted, pins []string
	for _, k := range partner.Keys {
		name := beside + k.ID + ".pub.pem"
		m.files[name] = []byte(k.Public)
		trusted = append(trusted, fmt.Sprintf("{id: %q, administration: %q, file: %q, from: %s, until: %s}",
			k.ID, partner.Administration, name, k.From.Format(time.RFC3339), k.Until.Format(time.RFC3339)))
	}
	for _, pin := range partner.Pins {
		pins = append(pins, pin.String())
	}
	for _, r := range chain.Routes.All() {
		if r.From == c.Administration && r.To == partner.Administration && !slices.Contains(c.Routes, r.Name) && c.serves(r) {
			m.routes = append(m.routes, r.Name)
		}
	}
	record := fmt.Sprintf("uri: %q\naddress: %q\nadministrations: [%q]\nroots: %q\ncrls: %q\npins: [%s]",
		partner.URI, partner.GRPC, partner.Administration, beside+"ca.pem", beside+"crl.pem", strings.Join(pins, ", "))
	m.before, m.config = raw, raw
	for _, list := range []struct {
		key   string
		items []string
	}{{"trust", trusted}, {"routes", m.routes}, {"partners", []string{record}}} {
		if len(list.items) == 0 {
			continue
		}
		var err error
		if m.config, err = document.AddYAML(m.file, m.config, list.key, list.items...); err != nil {
			return m, err
		}
	}
	return m, nil
}

// serves reports whether an office of a caller's is one from which a route leads.
func (c Config) serves(r *release.Route) bool {
	return slices.ContainsFunc(c.Callers, func(caller CallerConfig) bool { return slices.ContainsFunc(caller.Offices, r.Serves) })
}

// write puts the files in place, the configuration last and at once.
func (m meeting) write() error {
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		file := filepath.Join(filepath.Dir(m.file), name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, m.files[name], 0o644); err != nil {
			return err
		}
	}
	return replaceFile(m.file, m.config)
}

// undo puts the configuration back; the files beside it are named by none.
func (m meeting) undo() error { return replaceFile(m.file, m.before) }
