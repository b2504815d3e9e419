package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/document"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
	"customs.example/gateway/server"
)

// Config is the one file that a gateway starts with. File names are relative to it.
type Config struct {
	Administration gateway.Administration `yaml:"administration"`
	Database       string                 `yaml:"database"`
	Data           string                 `yaml:"data"` // directory over the embedded data; empty: none
	Listen         Listen                 `yaml:"listen"`
	Certificate    KeyPair                `yaml:"certificate"`
	Signing        []seal.KeyFile         `yaml:"signing"` // own keys: next, current, retired
	Trust          []seal.TrustFile       `yaml:"trust"`   // everyone's public keys, our own too
	Routes         []string               `yaml:"routes"`  // active routes
	Callers        []CallerConfig         `yaml:"callers"`
	Partners       []PartnerConfig        `yaml:"partners"`
	Limits         LimitsConfig           `yaml:"limits"`
}

// Listen are the addresses of the doors.
type Listen struct {
	GRPC string `yaml:"grpc"`
	REST string `yaml:"rest"`
}

// KeyPair names a certificate's and its key's file.
type KeyPair struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// CallerConfig binds a certificate to a role and its offices.
type CallerConfig struct {
	URI     string      `yaml:"uri"`
	Role    server.Role `yaml:"role"`
	Offices []string    `yaml:"offices"`
	Vouch   `yaml:",inline"`
}

// PartnerConfig is a partner's gateway and the administrations it speaks for.
type PartnerConfig struct {
	URI             string                   `yaml:"uri"`
	Address         string                   `yaml:"address"`
	Administrations []gateway.Administration `yaml:"administrations"`
	Cap             release.Size             `yaml:"cap"` // of its messages, where it is more than the gateway takes anyway
	Vouch           `yaml:",inline"`
}

// Vouch is what a certificate is trusted by.
type Vouch struct {
	Roots string           `yaml:"roots"`
	Pins  []gateway.Digest `yaml:"pins"`
	CRLs  string           `yaml:"crls"`
}

// setup is a configuration with everything it names loaded.
type setup struct {
	Config
	certificate tls.Certificate
	parties     []mtls.Party
	callers     []server.Caller
	partners    []peer.Partner
	keys        *seal.Keyring
	trust       *seal.Trust
	limits      budget.Limits
}

// loadConfig reads the file and everything it names. The error holds every fault at
// once, each with its key.
func loadConfig(file string) (*setup, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := new(setup)
	if err := document.DecodeYAML(file, raw, &s.Config); err != nil {
		return nil, err
	}
	s.resolve(filepath.Dir(file))
	var l faultList
	s.required(&l)
	s.limits = s.Limits.limits(&l)
	s.load(&l)
	return s, errors.Join(l...)
}

// faultList collects faults of a configuration, each with its key.
type faultList []error

func (l *faultList) add(key string, err error) {
	if err != nil {
		*l = append(*l, fmt.Errorf("%s: %w", key, err))
	}
}

// resolve makes file names relative to the configuration's directory.
func (s *setup) resolve(dir string) {
	names := []*string{&s.Database, &s.Data, &s.Certificate.Cert, &s.Certificate.Key}
	for i := range s.Signing {
		names = append(names, &s.Signing[i].File)
	}
	for i := range s.Trust {
		names = append(names, &s.Trust[i].File)
	}
	for i := range s.Callers {
		names = append(names, &s.Callers[i].Roots, &s.Callers[i].CRLs)
	}
	for i := range s.Partners {
		names = append(names, &s.Partners[i].Roots, &s.Partners[i].CRLs)
	}
	for _, name := range names {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(dir, *name)
		}
	}
}

// required says what is missing or cannot be.
func (s *setup) required(l *faultList) {
	need := func(key, value string) {
		if value == "" {
			l.add(key, errors.New("is required"))
		}
	}
	need("administration", string(s.Administration))
	need("database", s.Database)
	need("certificate.cert", s.Certificate.Cert)
	need("certificate.key", s.Certificate.Key)
	for key, address := range map[string]string{"listen.grpc": s.Listen.GRPC, "listen.rest": s.Listen.REST} {
		_, _, err := net.SplitHostPort(address)
		l.add(key, err)
	}
	if len(s.Signing) == 0 {
		l.add("signing", errors.New("at least one key is required"))
	}
	if len(s.Callers) == 0 {
		l.add("callers", errors.New("at least one caller is required: nobody else gets in"))
	}
	seen := make(map[string]string)
	once := func(key, uri string) {
		if first, ok := seen[uri]; ok {
			l.add(key, fmt.Errorf("%s stands already under %s", uri, first))
		}
		seen[uri] = key
	}
	for i, c := range s.Callers {
		key := fmt.Sprintf("callers[%d]", i)
		need(key+".uri", c.URI)
		once(key+".uri", c.URI)
		need(key+".roots", c.Roots)
		if _, ok := server.Roles[c.Role]; !ok || c.Role == server.Partner {
			l.add(key+".role", fmt.Errorf("%q is no role of a caller", c.Role))
		}
		if len(c.Offices) == 0 {
			l.add(key+".offices", errors.New("at least one office is required"))
		}
	}
	for i, p := range s.Partners {
		key := fmt.Sprintf("partners[%d]", i)
		need(key+".uri", p.URI)
		once(key+".uri", p.URI)
		need(key+".roots", p.Roots)
		need(key+".crls", p.CRLs)
		_, _, err := net.SplitHostPort(p.Address)
		l.add(key+".address", err)
		if len(p.Administrations) == 0 {
			l.add(key+".administrations", errors.New("at least one administration is required"))
		}
		if len(p.Pins) == 0 {
			l.add(key+".pins", errors.New("at least one pin is required"))
		}
		if slices.Contains(p.Administrations, s.Administration) {
			l.add(key+".administrations", errors.New("a partner cannot speak for this administration"))
		}
	}
}

// load reads what the configuration names.
func (s *setup) load(l *faultList) {
	var err error
	if s.Certificate.Cert != "" && s.Certificate.Key != "" {
		s.certificate, err = mtls.LoadCertificate(s.Certificate.Cert, s.Certificate.Key)
		l.add("certificate", err)
	}
	s.keys, err = seal.LoadKeyring(s.Administration, s.Signing)
	l.add("signing", err)
	s.trust, err = seal.LoadTrust(s.Trust)
	l.add("trust", err)
	for i, c := range s.Callers {
		s.callers = append(s.callers, server.Caller{URI: c.URI, Role: c.Role, Offices: c.Offices})
		s.vouch(l, fmt.Sprintf("callers[%d]", i), c.URI, c.Vouch, false)
	}
	for i, p := range s.Partners {
		s.callers = append(s.callers, server.Caller{URI: p.URI, Role: server.Partner, Administrations: p.Administrations})
		s.partners = append(s.partners, peer.Partner{URI: p.URI, Address: p.Address, Administrations: p.Administrations})
		s.vouch(l, fmt.Sprintf("partners[%d]", i), p.URI, p.Vouch, true)
	}
}

func (s *setup) vouch(l *faultList, key, uri string, v Vouch, partner bool) {
	p := mtls.Party{URI: uri, Pins: v.Pins, PinsRequired: partner, CRLRequired: partner}
	var err error
	if v.Roots != "" {
		p.Roots, err = mtls.LoadRoots(v.Roots)
		l.add(key+".roots", err)
	}
	if v.CRLs != "" {
		p.CRLs, err = mtls.LoadCRLs(v.CRLs)
		l.add(key+".crls", err)
	}
	if cmp.Or(uri, v.Roots) != "" && len(p.Roots) > 0 {
		s.parties = append(s.parties, p)
	}
}
