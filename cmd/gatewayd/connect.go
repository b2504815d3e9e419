package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mtls"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
)

// acquaintance is what one administration has to know of another to exchange with it.
type acquaintance struct {
	administration gateway.Administration
	uri, address   string
	roots, crls    []byte // PEM
	pins           []gateway.Digest
	keys           []seal.TrustFile
	files          map[string][]byte // of the keys, by name
}

// connect has two directories that init has made know each other, and activates the routes
// between their offices. Both are connected, or neither. It takes development keys only.
func connect(routes *release.Routes, dir, with string, std stdio) error {
	one, err := readSite(dir)
	if err != nil {
		return err
	}
	other, err := readSite(with)
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
	first, err := one.meet(other, routes)
	if err != nil {
		return err
	}
	second, err := other.meet(one, routes)
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
			fmt.Fprintf(std.out, "%s knows %s; no route leads there from its offices, so it receives and sends nothing\n", m.dir, m.partner)
			continue
		}
		fmt.Fprintf(std.out, "%s knows %s, and sends on %s\n", m.dir, m.partner, strings.Join(m.routes, ", "))
	}
	return nil
}

// known is a directory that init has made, as it stands.
type known struct {
	dir    string
	raw    []byte
	config Config
	self   acquaintance
}

func readSite(dir string) (*known, error) {
	file := filepath.Join(dir, configName)
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	k := &known{dir: dir, raw: raw}
	if k.config, _, err = readConfig(file); err != nil {
		return nil, err
	}
	k.self, err = k.introduce()
	return k, err
}

// introduce reads what others have to know of a gateway from the files of its configuration.
func (k *known) introduce() (acquaintance, error) {
	c := k.config
	a := acquaintance{administration: c.Administration, address: c.Listen.GRPC, files: map[string][]byte{}}
	own, err := mtls.LoadRoots(c.Certificate.Cert)
	if err != nil {
		return a, err
	}
	if len(own[0].URIs) != 1 {
		return a, fmt.Errorf("%s: want one URI", c.Certificate.Cert)
	}
	a.uri, a.pins = own[0].URIs[0].String(), []gateway.Digest{mtls.SPKIPin(own[0])}
	roots, err := mtls.LoadRoots(c.Certificate.Roots)
	if err != nil {
		return a, err
	}
	if slices.ContainsFunc(roots, func(ca *x509.Certificate) bool { return !mtls.IsDevelopment(ca) }) {
		return a, fmt.Errorf("%s: init connects development PKIs only", c.Certificate.Roots)
	}
	if a.roots, err = os.ReadFile(c.Certificate.Roots); err != nil {
		return a, err
	}
	if a.crls, err = os.ReadFile(c.Certificate.CRLs); err != nil {
		return a, err
	}
	for _, t := range c.Trust {
		if t.Administration != c.Administration {
			continue
		}
		name := t.ID + ".pub.pem"
		if a.files[name], err = os.ReadFile(t.File); err != nil {
			return a, err
		}
		t.File = name
		a.keys = append(a.keys, t)
	}
	if len(a.keys) == 0 {
		return a, fmt.Errorf("%s: no key of its own under trust", k.dir)
	}
	return a, nil
}

// meeting is what getting to know a partner changes in a directory.
type meeting struct {
	dir     string
	partner gateway.Administration
	routes  []string
	config  []byte
	files   map[string][]byte // below dir
}

// meet says what changes when the other becomes a partner.
func (k *known) meet(other *known, routes *release.Routes) (meeting, error) {
	p := other.self
	m := meeting{dir: k.dir, partner: p.administration, files: map[string][]byte{}}
	if slices.ContainsFunc(k.config.Partners, func(c PartnerConfig) bool { return slices.Contains(c.Administrations, p.administration) }) {
		return m, fmt.Errorf("%s knows %s already: take it out of partners and trust to connect anew", k.dir, p.administration)
	}
	beside := "partners/" + strings.ToLower(string(p.administration)) + "/"
	m.files[beside+"ca.pem"], m.files[beside+"crl.pem"] = p.roots, p.crls
	for name, pem := range p.files {
		m.files[beside+name] = pem
	}
	for _, r := range routes.All() {
		if r.From == k.config.Administration && r.To == p.administration && !slices.Contains(k.config.Routes, r.Name) &&
			slices.ContainsFunc(k.config.Callers, func(c CallerConfig) bool { return slices.ContainsFunc(c.Offices, r.Serves) }) {
			m.routes = append(m.routes, r.Name)
		}
	}
	var trusted, pins []string
	for _, t := range p.keys {
		trusted = append(trusted, fmt.Sprintf("{id: %s, administration: %s, file: %s, from: %s, until: %s}",
			t.ID, t.Administration, beside+t.File, t.From.Format("2006-01-02T15:04:05Z07:00"), t.Until.Format("2006-01-02T15:04:05Z07:00")))
	}
	for _, pin := range p.pins {
		pins = append(pins, pin.String())
	}
	partner := fmt.Sprintf("uri: %s\naddress: %q\nadministrations: [%s]\nroots: %sca.pem\ncrls: %scrl.pem\npins: [%s]",
		p.uri, p.address, p.administration, beside, beside, strings.Join(pins, ", "))
	file, config := filepath.Join(k.dir, configName), k.raw
	for _, list := range []struct {
		key   string
		items []string
	}{{"trust", trusted}, {"routes", m.routes}, {"partners", []string{partner}}} {
		var err error
		if len(list.items) == 0 {
			continue
		}
		if config, err = document.AddYAML(file, config, list.key, list.items...); err != nil {
			return m, err
		}
	}
	m.config = config
	return m, nil
}

// write puts the files in place, the configuration last and at once.
func (m meeting) write() error {
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		file := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, m.files[name], 0o644); err != nil {
			return err
		}
	}
	file := filepath.Join(m.dir, configName)
	next := file + ".next"
	return errors.Join(os.WriteFile(next, m.config, 0o600), os.Rename(next, file))
}
