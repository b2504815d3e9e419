package main

import (
	"cmp"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"customs.example/gateway"
	"customs.example/gateway/line"
	"customs.example/gateway/loopback"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// stageDir is the directory beside a configuration where everything of the play's own is: a database, keys of
// those who lead calls on, the rules by which magic numbers are refused, and the gateway's log.
const stageDir = "partnersim"

//go:embed data/mappings/rules/partnersim.v1.yaml
var rules embed.FS

// config is what the play reads of a gateway's configuration; the gateway reads all of it, and strictly.
type config struct {
	Administration gateway.Administration `yaml:"administration"`
	Data           string                 `yaml:"data"`
	Listen         struct {
		GRPC string `yaml:"grpc"`
		REST string `yaml:"rest"`
	} `yaml:"listen"`
	Certificate struct {
		Cert  string `yaml:"cert"`
		Key   string `yaml:"key"`
		Roots string `yaml:"roots"`
	} `yaml:"certificate"`
	Signing  []seal.KeyFile `yaml:"signing"`
	Callers  []caller       `yaml:"callers"`
	Partners []partner      `yaml:"partners"`
}

type caller struct {
	Role    string   `yaml:"role"`
	Offices []string `yaml:"offices"`
	Roots   string   `yaml:"roots"`
}

type partner struct {
	URI     string           `yaml:"uri"`
	Address string           `yaml:"address"`
	Roots   string           `yaml:"roots"`
	CRLs    string           `yaml:"crls"`
	Pins    []gateway.Digest `yaml:"pins"`
	Mode    string           `yaml:"mode"`
}

// isLed reports whether the gateway calls it over a line: by gRPC or by HTTPS.
func (p partner) isLed() bool {
	return p.Address != "" && (p.Mode == "" || p.Mode == "push" || p.posted())
}

// posted reports whether the gateway posts to it, by HTTPS.
func (p partner) posted() bool { return p.Mode == "https" }

// stage is a configuration with all that the play adds to it.
type stage struct {
	config
	file, gatewayd string
	dir            string // of the configuration
	own            gateway.Administration
	uri            string // of the gateway
	behind, rest   string // where the gateway listens
	office         string // for which is answered
	outward        []string
}

// postURI is who answers for an office in the play.
func (s *stage) postURI() string {
	return "customs://" + string(s.own) + "/office/" + s.office + "/post/partnersim"
}

// newStage reads a configuration and writes the one that the gateway behind the lines starts with.
func newStage(o options) (s *stage, err error) {
	raw, err := os.ReadFile(o.config)
	if err != nil {
		return nil, err
	}
	s = &stage{dir: filepath.Dir(o.config)}
	s.file = filepath.Join(s.dir, stageDir+".yaml")
	if same, err := sameFile(s.file, o.config); same || err != nil {
		return nil, errors.Join(err, fmt.Errorf("%s is the play's own configuration: give the one that it was made of", o.config))
	}
	if err := yaml.Unmarshal(raw, &s.config); err != nil {
		return nil, fmt.Errorf("%s: %w", o.config, err)
	}
	s.own = s.Administration
	if s.gatewayd, err = findGateway(o.gatewayd); err != nil {
		return nil, err
	}
	free, err := loopback.Addresses(2)
	if err != nil {
		return nil, err
	}
	s.behind, s.rest = cmp.Or(o.behind, free[0]), cmp.Or(o.behindREST, free[1])
	for _, address := range []string{s.Listen.GRPC, s.Listen.REST, s.behind, s.rest} {
		if err := onlyHere(address); err != nil {
			return nil, err
		}
	}
	i := slices.IndexFunc(s.Callers, func(c caller) bool { return c.Role == "post" && len(c.Offices) > 0 })
	if i < 0 || len(s.Partners) == 0 {
		return nil, fmt.Errorf("%s: want a caller with the role post and an office, and a partner", o.config)
	}
	s.office = s.Callers[i].Offices[0]
	if s.Certificate.Roots == "" { // as gatewayd does
		s.Certificate.Roots = s.Callers[0].Roots
	}
	own, err := mtls.LoadRoots(s.path(s.Certificate.Cert))
	if err == nil {
		s.uri, err = mtls.URI(own[0])
	}
	if err != nil {
		return nil, err
	}
	if s.outward, err = loopback.Addresses(len(s.Partners)); err != nil {
		return nil, err
	}
	return s, errors.Join(s.makeKeys(), s.makeData(), s.makeConfig(raw))
}

// sameFile reports whether two names are of one file; one that is not there is no other's.
func sameFile(one, other string) (bool, error) {
	a, err := os.Stat(one)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	b, otherErr := os.Stat(other)
	if err := errors.Join(err, otherErr); err != nil {
		return false, err
	}
	return os.SameFile(a, b), nil
}

// onlyHere wants an address of this machine.
func onlyHere(address string) error {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		err = errors.New("partnersim listens on this machine alone, such as 127.0.0.1")
	}
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	return nil
}

// path is a file that the configuration names.
func (s *stage) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// pki is where the play's keys are, named by whose they are: the same partners meet the same keys again, which the
// gateway has taken at its first start.
func (s *stage) pki() string {
	whose := s.postURI()
	for _, p := range s.Partners {
		whose += "\n" + p.URI
	}
	return filepath.Join(stageDir, "pki-"+gateway.DigestOf([]byte(whose)).String()[:8])
}

// standIn is where the keys are by which a line leads on what the partner has sent, or stands for it: the partner's
// own are its own.
func (s *stage) standIn(i int) string { return filepath.Join(s.pki(), fmt.Sprintf("partner-%d", i+1)) }

// post is where those of who answers are.
func (s *stage) post() string { return filepath.Join(s.pki(), "own") }

// makeKeys makes the keys, all or none, unless they are there.
func (s *stage) makeKeys() error {
	pki := filepath.Join(s.dir, s.pki())
	if _, err := os.Stat(pki); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	half := pki + ".new"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	authorities := []mtls.DevAuthority{{Dir: filepath.Base(s.post()), CommonName: "partnersim development CA", Identities: []mtls.DevIdentity{{Name: "post", URI: s.postURI()}}}}
	for i, p := range s.Partners {
		authorities = append(authorities, mtls.DevAuthority{
			Dir: filepath.Base(s.standIn(i)), CommonName: "partnersim development CA " + fmt.Sprint(i+1),
			Identities: []mtls.DevIdentity{{Name: "gateway", URI: p.URI, Server: true}},
		})
	}
	if err := mtls.GenerateDevPKI(half, time.Now(), authorities); err != nil {
		return err
	}
	return os.Rename(half, pki)
}

// makeData lays the rules by which magic numbers are refused over the configuration's own data.
func (s *stage) makeData() error {
	data := filepath.Join(s.dir, stageDir, "data")
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	if s.Data != "" {
		if err := os.CopyFS(data, os.DirFS(s.path(s.Data))); err != nil {
			return err
		}
	}
	return os.CopyFS(filepath.Dir(data), rules)
}

// makeConfig writes the configuration of the gateway behind the lines. Beside the partner it knows who stands in
// for it, and whoever answers.
func (s *stage) makeConfig(raw []byte) error {
	var all map[string]any
	if err := yaml.Unmarshal(raw, &all); err != nil {
		return err
	}
	listen, _ := all["listen"].(map[string]any) // it is there, for its address is
	listen["grpc"], listen["rest"] = s.behind, s.rest
	all["database"], all["data"] = filepath.Join(stageDir, "gateway.db"), filepath.Join(stageDir, "data")
	post := s.post()
	callers, _ := all["callers"].([]any)
	all["callers"] = append(callers, map[string]any{
		"uri": s.postURI(), "role": "post", "offices": []any{s.office}, "roots": filepath.Join(post, "ca.pem"), "crls": filepath.Join(post, "crl.pem"),
	})
	partners, _ := all["partners"].([]any)
	for i, p := range s.Partners {
		of := partners[i].(map[string]any)
		standIn := filepath.Join(s.dir, s.standIn(i))
		shown, err := mtls.LoadRoots(filepath.Join(standIn, "gateway.pem"))
		if err != nil {
			return err
		}
		for _, f := range []struct{ key, own, file string }{{"roots", p.Roots, "ca.pem"}, {"crls", p.CRLs, "crl.pem"}} {
			if f.own == "" {
				continue
			}
			own, err := os.ReadFile(s.path(f.own))
			if err != nil {
				return err
			}
			added, err := os.ReadFile(filepath.Join(standIn, f.file))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(standIn, "both-"+f.file), slices.Concat(own, []byte("\n"), added), 0o600); err != nil {
				return err
			}
			of[f.key] = filepath.Join(s.standIn(i), "both-"+f.file)
		}
		if len(p.Pins) > 0 {
			var pins []any
			for _, pin := range append(p.Pins, mtls.SPKIPin(shown[0])) {
				pins = append(pins, pin.String())
			}
			of["pins"] = pins
		}
		if p.isLed() {
			of["address"] = s.outward[i]
		}
	}
	text, err := yaml.Marshal(all)
	if err != nil {
		return err
	}
	head := "# Written by partnersim at each start: the gateway that it plays.\n"
	return os.WriteFile(s.file, append([]byte(head), text...), 0o600)
}

// listening is a line with its doors.
type listening struct {
	*line.Line
	doors []door
}

// door is where a line is called, and how it serves that.
type door struct {
	at    net.Listener
	serve func(net.Listener) error
}

// lines opens the line before the gateway, and those to its partners. They are open when it returns.
func (s *stage) lines(o options, deliver line.Answer, done func(line.Done)) (all []listening, err error) {
	defer func() {
		if err != nil {
			for _, l := range all {
				for _, d := range l.doors {
					err = errors.Join(err, d.at.Close())
				}
			}
		}
	}()
	own, err := mtls.LoadCertificate(s.path(s.Certificate.Cert), s.path(s.Certificate.Key))
	if err != nil {
		return nil, err
	}
	roots, err := mtls.LoadRoots(s.path(s.Certificate.Roots))
	if err != nil {
		return nil, err
	}
	gatewayParty := mtls.Party{URI: s.uri, Roots: roots}
	inward := line.Options{
		Name: "to " + string(s.own), Behind: s.behind, Web: s.rest, Gateway: gatewayParty, Certificate: own, As: make(map[string]tls.Certificate),
		Odds: o.odds, Seed: o.seed, Pause: o.pause, Now: time.Now, Done: done, Deliver: deliver,
	}
	open := func(options line.Options, calls, posts string) error {
		l, err := line.New(options)
		if err != nil {
			return err
		}
		all = append(all, listening{Line: l})
		here := &all[len(all)-1]
		for _, at := range []struct {
			address string
			serve   func(net.Listener) error
		}{{calls, l.Serve}, {posts, l.ServeWeb}} {
			if at.address == "" {
				continue
			}
			listener, err := net.Listen("tcp", at.address)
			if err != nil {
				return err
			}
			here.doors = append(here.doors, door{listener, at.serve})
		}
		return nil
	}
	for i, p := range s.Partners {
		party, err := s.party(p)
		if err != nil {
			return all, err
		}
		of := filepath.Join(s.dir, s.standIn(i))
		standIn, err := mtls.LoadCertificate(filepath.Join(of, "gateway.pem"), filepath.Join(of, "gateway-key.pem"))
		if err != nil {
			return all, err
		}
		inward.Callers, inward.As[p.URI] = append(inward.Callers, party), standIn
		if !p.isLed() {
			continue
		}
		calls, posts := s.outward[i], ""
		if p.posted() {
			calls, posts = "", s.outward[i]
		}
		if err := open(line.Options{
			Name: "from " + string(s.own), Behind: p.Address, Web: p.Address, Gateway: party, Certificate: standIn,
			Callers: []mtls.Party{gatewayParty}, As: map[string]tls.Certificate{s.uri: own},
			Odds: o.odds, Seed: o.seed + uint64(i) + 1, Pause: o.pause, Now: time.Now, Done: done,
		}, calls, posts); err != nil {
			return all, err
		}
	}
	return all, open(inward, s.Listen.GRPC, s.Listen.REST)
}

// party is a partner as the gateway itself would judge it.
func (s *stage) party(p partner) (mtls.Party, error) {
	roots, err := mtls.LoadRoots(s.path(p.Roots))
	if err != nil {
		return mtls.Party{}, err
	}
	party := mtls.Party{URI: p.URI, Roots: roots, Pins: p.Pins}
	if p.CRLs != "" {
		party.CRLs, err = mtls.LoadCRLs(s.path(p.CRLs))
	}
	return party, err
}

// findGateway is the program that is played with.
func findGateway(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	name := filepath.Join(filepath.Dir(self), "gatewayd")
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		name = "gatewayd"
	}
	return name, nil
}
