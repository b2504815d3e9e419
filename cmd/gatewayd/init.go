package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/mtls"
	"customs.example/gateway/release"
	"customs.example/gateway/server"
)

// configName is the configuration's file in a directory that init has made.
const configName = "gateway.yaml"

// firstPort is where the gateways of one machine begin to listen, three ports each.
const firstPort = 8443

// initialize makes a directory with everything that a gateway of one's own needs, for
// development, and connects two such directories.
func initialize(_ context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	own := flags.String("administration", "", "`COUNTRY` whose gateway it is: an ISO 3166 code of two letters")
	office := flags.String("office", "", "`CODE` of the office of its posts; left out: the first one of its routes, or an invented one")
	dir := flags.String("dir", "", "`DIRECTORY` to make; left out: the country in small letters")
	port := flags.Int("port", 0, "first of three `PORTS` of this machine to listen on; left out: from 8443 on, free ones")
	with := flags.String("with", "", "`DIRECTORY` that init has made, to connect with")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := newGateway{dir: *dir, own: gateway.Administration(strings.ToUpper(*own)), office: *office, port: *port}
	if s.dir == "" {
		s.dir = strings.ToLower(*own)
	}
	switch {
	case flags.NArg() > 0 || s.dir == "":
		return errors.New("give -administration COUNTRY, or -dir DIR and -with DIR")
	case *own == "" && *with == "":
		return errors.New("give -administration COUNTRY")
	case *own != "" && !s.own.IsCode():
		return fmt.Errorf("-administration %q: want two letters, such as KZ", *own)
	case s.office != "" && !officeCode.MatchString(s.office):
		return fmt.Errorf("-office %q: want letters and digits, at most 17", s.office)
	case s.port < 0 || s.port > 65533:
		return fmt.Errorf("-port %d: want 1 to 65533", s.port)
	}
	chain, err := loadChain("")
	if err != nil {
		return err
	}
	made := *own != ""
	if made {
		if s.port == 0 {
			if s.port, err = freePort(*with); err != nil {
				return err
			}
		}
		if err := s.make(chain.Routes, std); err != nil {
			return err
		}
	}
	if *with != "" {
		if err := connect(chain, s.dir, *with, std); err != nil {
			if made { // all of it, or nothing
				err = errors.Join(err, os.RemoveAll(s.dir))
			}
			return err
		}
	}
	if made {
		fmt.Fprintf(std.out, "next:\n  gatewayd serve -config %s\n  . %s   # gatewayctl speaks as the post\n  gatewayctl list\n",
			filepath.Join(s.dir, configName), filepath.Join(s.dir, "post.env"))
	}
	return nil
}

var officeCode = regexp.MustCompile(`^[A-Za-z0-9]{1,17}$`)

// newGateway is a gateway to be made.
type newGateway struct {
	dir    string
	own    gateway.Administration
	office string
	port   int
}

//go:embed gateway.yaml.tmpl
var configText string

var configTemplate = template.Must(template.New(configName).Funcs(template.FuncMap{
	"explain":       func(path string) (string, error) { text, err := explained(path); return "# " + text, err },
	"explainInline": explained,
}).Parse(configText))

// explained is what a key means.
func explained(path string) (string, error) {
	i := slices.IndexFunc(configKeys, func(k configKey) bool { return k.path == path })
	if i < 0 {
		return "", fmt.Errorf("no key %s", path)
	}
	return configKeys[i].meaning, nil
}

// make writes the directory: nothing, if anything is there already.
func (s *newGateway) make(routes *release.Routes, std stdio) error {
	if entries, err := os.ReadDir(s.dir); len(entries) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s: want a directory that is empty or not there", s.dir), err)
	}
	from := "of your own"
	if s.office == "" {
		s.office, from = firstOffice(routes, s.own)
	}
	authority := mtls.DevAdministration("pki", s.own, s.office)
	now := time.Now()
	if err := mtls.GenerateDevPKI(s.dir, now, []mtls.DevAuthority{authority}); err != nil {
		return err
	}
	if err := mtls.GenerateSigningKey(filepath.Join(s.dir, "signing.pem")); err != nil {
		return err
	}
	callers := s.callers(authority)
	var config bytes.Buffer
	err := configTemplate.Execute(&config, map[string]any{
		"Administration": s.own, "Dir": s.dir, "Office": s.office, "KeyID": strings.ToLower(string(s.own)) + "-1",
		"GRPC": s.address(0), "REST": s.address(1), "Monitor": s.address(2),
		"From": now.UTC().Format("2006-01-02T00:00:00Z"), "Until": now.UTC().AddDate(1, 0, 0).Format("2006-01-02T00:00:00Z"),
		"Callers": callers,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, configName), config.Bytes(), 0o600); err != nil {
		return err
	}
	names := []string{}
	for _, c := range callers {
		if err := s.writeEnvironment(c); err != nil {
			return err
		}
		names = append(names, c.Name)
	}
	fmt.Fprintf(std.out, "%s: the gateway of %s, office %s (%s), doors %s and %s\n", s.dir, s.own, s.office, from, s.address(0), s.address(1))
	fmt.Fprintf(std.out, "  %s   everything explained, as `gatewayd config` explains it\n", configName)
	fmt.Fprintf(std.out, "  pki, signing.pem   keys, for development only: of the gateway, %s\n", strings.Join(names, ", "))
	fmt.Fprintf(std.out, "  %s.env   who gatewayctl speaks as\n", strings.Join(names, ".env, "))
	return nil
}

func (s *newGateway) address(behind int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port+behind))
}

// devCaller is a certificate of the development PKI with the role that it gets.
type devCaller struct {
	Name, URI string
	Role      server.Role
	Speaks    bool // for an office
}

// callers are the identities of a PKI that have a role: by its own name, or national for
// the national system.
func (s *newGateway) callers(a mtls.DevAuthority) (callers []devCaller) {
	for _, id := range a.Identities {
		role := server.Role(id.Name)
		if id.Name == "national" {
			role = server.System
		}
		if _, ok := server.Roles[role]; ok {
			callers = append(callers, devCaller{id.Name, id.URI, role, server.NeedsOffice(role)})
		}
	}
	return callers
}

// writeEnvironment writes what gatewayctl reads of its environment, for a shell.
func (s *newGateway) writeEnvironment(c devCaller) error {
	pki, err := filepath.Abs(filepath.Join(s.dir, "pki"))
	if err != nil {
		return err
	}
	quoted := func(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
	var b strings.Builder
	fmt.Fprintf(&b, "# gatewayctl speaks to the gateway of %s as its %s:  . %s.env\n", s.own, c.Name, c.Name)
	for _, v := range [][2]string{
		{"ADDR", s.address(0)}, {"SERVER", "customs://" + string(s.own) + "/gateway/1"}, {"CA", filepath.Join(pki, "ca.pem")},
		{"CERT", filepath.Join(pki, c.Name+".pem")}, {"KEY", filepath.Join(pki, c.Name+"-key.pem")},
	} {
		fmt.Fprintf(&b, "export GATEWAY_%s=%s\n", v[0], quoted(v[1]))
	}
	return os.WriteFile(filepath.Join(s.dir, c.Name+".env"), []byte(b.String()), 0o600)
}

// firstOffice is the first office from which a route of the administration leads to another, or one
// that is invented, and says which of the two.
func firstOffice(routes *release.Routes, own gateway.Administration) (code, from string) {
	for _, r := range routes.All() {
		if r.From == own && !r.Stays() && r.InsteadOf == "" && len(r.Offices) > 0 {
			return r.Offices[0].Code, "of the route " + r.Name
		}
	}
	return "0001", "invented; -office CODE takes yours"
}

// freePort is the first of three ports that nobody listens on, nor the gateway of a
// directory will.
func freePort(with string) (int, error) {
	taken := map[int]bool{}
	if with != "" {
		c, _, err := readConfig(filepath.Join(with, configName))
		if err != nil {
			return 0, err
		}
		for _, l := range c.listeners() {
			_, port, _ := address(l.address)
			taken[port] = true
		}
	}
	free := func(port int) bool {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil || taken[port] {
			return false
		}
		return l.Close() == nil
	}
	for port := firstPort; port < firstPort+1000; port += 10 {
		if free(port) && free(port+1) && free(port+2) {
			return port, nil
		}
	}
	return 0, errors.New("no free ports from 8443 on; give -port")
}
