package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
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
	for _, m := range []*meeting{&first, &second} {
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
	files   map[string][]byte // of certificates and keys, by their names
	was     map[string][]byte // what write has replaced of them
	changes []string          // in words
	notes   []string          // what it does not change, though one might think so
}

// meet says what changes in a configuration and beside it when who gives a card becomes a
// partner. A route begins where it leads to the partner from an office of a caller's.
func meet(file string, c Config, raw []byte, partner card.Card, chain *flow.Chain) (meeting, error) {
	dir := filepath.Dir(file)
	m := meeting{file: file, partner: partner.Administration, files: map[string][]byte{}, before: raw, config: raw}
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
	prefix := m.prefix()
	m.files[filepath.Join(dir, prefix+"ca.pem")] = []byte(strings.Join(partner.Roots, ""))
	m.files[filepath.Join(dir, prefix+"crl.pem")] = []byte(strings.Join(partner.CRLs, ""))
	roots, err := mtls.ReadRoots(partner.Roots)
	if err != nil {
		return m, err
	}
	m.changes = append(m.changes, fmt.Sprintf("+ a partner: %s at %s speaks for %s", partner.URI, partner.GRPC, partner.Administration))
	for _, ca := range roots {
		m.changes = append(m.changes, "+ root "+named(ca))
	}
	var trusted, pins []string
	for _, pin := range partner.Pins {
		m.changes = append(m.changes, "+ public key of its gateway "+pin.String())
		pins = append(pins, pin.String())
	}
	for _, k := range partner.Keys {
		m.changes = append(m.changes, fmt.Sprintf("+ signing key %s, %s to %s", k.ID, instant(k.From), instant(k.Until)))
		trusted = append(trusted, m.trust(partner, k))
	}
	if m.routes = begun(c, partner.Administration, chain); len(m.routes) == 0 {
		m.notes = append(m.notes, "no route leads there from an office of this gateway")
	}
	record := fmt.Sprintf("uri: %q\naddress: %q\nadministrations: [%q]\nroots: %q\ncrls: %q\npins: [%s]",
		partner.URI, partner.GRPC, partner.Administration, prefix+"ca.pem", prefix+"crl.pem", strings.Join(pins, ", "))
	return m, errors.Join(m.add("trust", trusted), m.add("routes", m.routes), m.add("partners", []string{record}))
}

// prefix is where a partner's files stand, from the configuration's.
func (m *meeting) prefix() string {
	return "partners/" + strings.ToLower(string(m.partner)) + "/"
}

// trust has a key of a card in a file of its own, and returns how the configuration names it.
func (m *meeting) trust(partner card.Card, k card.Key) string {
	name := m.prefix() + k.ID + ".pub.pem"
	m.files[filepath.Join(filepath.Dir(m.file), name)] = []byte(k.Public)
	return fmt.Sprintf("{id: %q, administration: %q, file: %q, from: %s, until: %s}",
		k.ID, partner.Administration, name, k.From.Format(time.RFC3339), k.Until.Format(time.RFC3339))
}

// add adds items to a list of the configuration.
func (m *meeting) add(list string, items []string) (err error) {
	if len(items) > 0 {
		m.config, err = document.AddYAML(m.file, m.config, list, items...)
	}
	return err
}

// begun are the routes that begin with a partner: those that lead to it from an office of a
// caller's, and are not there yet, but those that are used instead of another. One with two addressees begins
// with the later known of them.
func begun(c Config, partner gateway.Administration, chain *flow.Chain) (routes []string) {
	known := func(a gateway.Administration) bool {
		return a == partner || slices.ContainsFunc(c.Partners, func(p PartnerConfig) bool { return slices.Contains(p.Administrations, a) })
	}
	for _, r := range chain.Routes.All() {
		to := chain.Routes.Addressees(r)
		if r.From == c.Administration && slices.Contains(to, partner) && !slices.ContainsFunc(to, func(a gateway.Administration) bool { return !known(a) }) &&
			r.InsteadOf == "" && !slices.Contains(c.Routes, r.Name) && c.serves(r) {
			routes = append(routes, r.Name)
		}
	}
	return routes
}

// serves reports whether an office of a caller's is one from which a route leads.
func (c Config) serves(r *release.Route) bool {
	return slices.ContainsFunc(c.Callers, func(caller CallerConfig) bool { return slices.ContainsFunc(caller.Offices, r.Serves) })
}

// write puts the files in place, the configuration last and each at once.
func (m *meeting) write() error {
	m.was = map[string][]byte{}
	for _, file := range slices.Sorted(maps.Keys(m.files)) {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		switch before, err := os.ReadFile(file); {
		case err == nil:
			m.was[file] = before
			if err := replaceFile(file, m.files[file]); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrNotExist):
			return err
		default:
			if err := os.WriteFile(file, m.files[file], 0o644); err != nil {
				return err
			}
		}
	}
	return replaceFile(m.file, m.config)
}

// undo puts back what write has replaced; no file that is new is named then.
func (m *meeting) undo() error {
	err := replaceFile(m.file, m.before)
	for file, before := range m.was {
		err = errors.Join(err, replaceFile(file, before))
	}
	return err
}
