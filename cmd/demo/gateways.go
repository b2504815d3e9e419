package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"customs.example/gateway"
	"customs.example/gateway/invariant"
	"customs.example/gateway/loopback"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// stopTimeout is how long a gateway may take to stop before it is killed.
const stopTimeout = 4 * time.Second

// side is one administration's gateway.
type side struct {
	Own, Partner              gateway.Administration
	Side, PartnerSide, Office string // Side is the name of its keys
	Name                      string // of its other files
	Database                  string // file or URL
	GRPC, REST, PartnerGRPC   string // addresses
	Monitor                   string // of its figures; empty: nowhere
	Routes                    string
	Pin                       gateway.Digest // of the partner's key
	Trust                     map[string]gateway.Administration
	Fetch                     string // how often it fetches from its partner; empty: never
	Fetched                   *side  // a second partner, which fetches what is for it; nil: none
	Khorgos                   string // a second office with a post of its own; empty: none

	under []string // a command that the gateway is run under
	env   []string // beside that of this process

	dir     string
	cmd     *exec.Cmd
	exited  chan error
	idle    invariant.Usage    // what its process used before anything came
	process *invariant.Process // and when everything had ended; nil: nobody looked
}

// uri is the only name of the gateway's certificate.
func (s *side) uri() string { return "customs://" + string(s.Own) + "/gateway/1" }

func (s *side) config() string { return filepath.Join(s.dir, s.Name+".yaml") }

// verifier names the public key of what the gateway signs.
func (s *side) verifier() seal.TrustFile {
	return seal.TrustFile{
		ID: s.Side + "-1", Administration: s.Own, File: filepath.Join(s.dir, "pki", s.Side, "signing.pub.pem"),
		Validity: seal.Validity{From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
}

func (s *side) log() string { return filepath.Join(s.dir, s.Name+".log") }

// newKazakhstan makes the gateway of a third administration, which fetches from China and is called by nobody.
func newKazakhstan(cn *side) (*side, error) {
	pki := filepath.Join(cn.dir, "pki")
	if err := mtls.GenerateDevPKI(pki, time.Now(), []mtls.DevAuthority{mtls.DevAdministration("kz", "KZ", nurZholy)}); err != nil {
		return nil, err
	}
	ports, err := loopback.Addresses(2)
	if err != nil {
		return nil, err
	}
	kz := &side{
		Own: "KZ", Side: "kz", Name: "kz", Database: "kz.db", Office: nurZholy, GRPC: ports[0], REST: ports[1], Partner: "CN", PartnerSide: "cn", PartnerGRPC: cn.GRPC,
		Fetch: "200ms", Trust: map[string]gateway.Administration{"cn": "CN", "kz": "KZ"}, dir: cn.dir,
	}
	if err := mtls.GenerateSigningKey(filepath.Join(pki, "kz", "signing.pem")); err != nil {
		return nil, err
	}
	for _, of := range []struct{ know, known *side }{{kz, cn}, {cn, kz}} {
		shown, err := mtls.LoadRoots(filepath.Join(pki, of.known.Side, "gateway.pem"))
		if err != nil {
			return nil, err
		}
		if of.know == kz {
			kz.Pin = mtls.SPKIPin(shown[0])
			continue
		}
		second := *kz
		second.Pin = mtls.SPKIPin(shown[0])
		cn.Fetched = &second
	}
	cn.Trust = map[string]gateway.Administration{"cn": "CN", "ru": "RU", "kz": "KZ"}
	cn.Routes += ", cn-kz-pre-arrival-notice"
	cn.Khorgos = khorgos
	return kz, nil
}

// newSides makes the PKI of two administrations in dir, and a gateway of each.
func newSides(dir string) (cn, ru *side, err error) {
	pki := filepath.Join(dir, "pki")
	authorities := mtls.DevAuthorities()
	authorities[0].Identities = append(authorities[0].Identities, mtls.DevIdentity{Name: "post-" + khorgos, URI: "customs://CN/office/" + khorgos + "/post/1"})
	if err := mtls.GenerateDevPKI(pki, time.Now(), authorities); err != nil {
		return nil, nil, err
	}
	ports, err := loopback.Addresses(6)
	if err != nil {
		return nil, nil, err
	}
	trust := map[string]gateway.Administration{"cn": "CN", "ru": "RU"}
	cn = &side{
		Own: "CN", Side: "cn", Name: "cn", Database: "cn.db", Office: manzhouli, GRPC: ports[0], REST: ports[1], Monitor: ports[4], Partner: "RU", PartnerSide: "ru", PartnerGRPC: ports[2],
		Routes: "cn-ru-pre-arrival-notice, cn-ru-cancellation", Trust: trust, dir: dir,
	}
	ru = &side{
		Own: "RU", Side: "ru", Name: "ru", Database: "ru.db", Office: zabaykalsk, GRPC: ports[2], REST: ports[3], Monitor: ports[5], Partner: "CN", PartnerSide: "cn", PartnerGRPC: ports[0],
		Routes: "ru-cn-answer, ru-cn-manifest", Trust: trust, dir: dir,
	}
	for _, s := range []*side{cn, ru} {
		if err := mtls.GenerateSigningKey(filepath.Join(pki, s.Side, "signing.pem")); err != nil {
			return nil, nil, err
		}
		partner, err := mtls.LoadRoots(filepath.Join(pki, s.PartnerSide, "gateway.pem"))
		if err != nil {
			return nil, nil, err
		}
		s.Pin = mtls.SPKIPin(partner[0])
	}
	return cn, ru, nil
}

// another is a second gateway of the same administration: other doors, the same database.
func (s *side) another(name string) (*side, error) {
	ports, err := loopback.Addresses(3)
	if err != nil {
		return nil, err
	}
	other := *s
	other.Name, other.GRPC, other.REST, other.Monitor = name, ports[0], ports[1], ports[2]
	return &other, nil
}

// start runs the gateway as a process of its own, whose log goes on where an earlier one of
// its name ended.
func (s *side) start(bin string) error {
	config, err := render("gateway.yaml", s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.config(), config, 0o600); err != nil {
		return err
	}
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := append(slices.Clone(s.under), filepath.Join(bin, "gatewayd"), "serve", "-config", s.config())
	s.cmd = exec.Command(command[0], command[1:]...)
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is for the demonstration
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start the gateway of %s: %w", s.Own, err)
	}
	s.exited = make(chan error, 1)
	go func() { s.exited <- s.cmd.Wait() }()
	return nil
}

// ready waits until the gateway says that it serves.
func (s *side) ready(ctx context.Context, c *client) error {
	health := healthpb.NewHealthClient(c.conn)
	for {
		try, cancel := context.WithTimeout(ctx, time.Second)
		answer, err := health.Check(try, &healthpb.HealthCheckRequest{})
		cancel()
		if err == nil && answer.Status == healthpb.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case <-s.exited:
			s.exited = nil
			return fmt.Errorf("the gateway of %s did not start:\n%s", s.Own, s.tail())
		case <-ctx.Done():
			return fmt.Errorf("the gateway of %s does not serve: %w\n%s", s.Own, cmp.Or(err, ctx.Err()), s.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// lines are the lines of the gateway's log.
func (s *side) lines() []string {
	raw, err := os.ReadFile(s.log())
	if err != nil {
		return []string{err.Error()}
	}
	return strings.Split(strings.TrimSpace(string(raw)), "\n")
}

// tail is the end of the gateway's log.
func (s *side) tail() string {
	lines := s.lines()
	return "  " + strings.Join(lines[max(0, len(lines)-10):], "\n  ")
}

// logged is the last record of the gateway's log with a message.
func (s *side) logged(message string) (map[string]any, error) {
	for _, line := range slices.Backward(s.lines()) {
		var record map[string]any
		if json.Unmarshal([]byte(line), &record) == nil && record["msg"] == message {
			return record, nil
		}
	}
	return nil, fmt.Errorf("the log of %s does not say %q:\n%s", s.Own, message, s.tail())
}

// kill ends the gateway at once, as a crash does.
func (s *side) kill() error {
	if s.exited == nil {
		return nil
	}
	err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // with what it is run under
	<-s.exited
	if s.exited = nil; errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// tool runs a command of gatewayd's on the gateway's configuration.
func (s *side) tool(ctx context.Context, bin, command string, args ...string) error {
	run := exec.CommandContext(ctx, filepath.Join(bin, "gatewayd"), append([]string{command, "-config", s.config()}, args...)...)
	if out, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("gatewayd %s: %w\n%s", command, err, out)
	}
	return nil
}

// stop ends the gateway, and returns an error unless it ended in good order.
func (s *side) stop() error {
	if s.exited == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	defer func() { s.exited = nil }()
	select {
	case err := <-s.exited:
		if err != nil {
			return fmt.Errorf("the gateway of %s: %w\n%s", s.Own, err, s.tail())
		}
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("the gateway of %s does not stop and was killed", s.Own), s.cmd.Process.Kill(), <-s.exited)
	}
}
