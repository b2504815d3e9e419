package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"customs.example/gateway/loopback"
	"customs.example/gateway/mtls"
	"customs.example/gateway/server"
	"customs.example/gateway/store/storetest"
)

// built is the directory of the commands, built by the first test that needs them: a story
// speaks to a gateway as a post would. They are built without the race detector, which would
// make each of the many starts in the stories take seconds; the packages' own tests run with it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "stories")
	if err != nil {
		return "", err
	}
	scratch = dir
	build := exec.Command("go", "build", "-ldflags=-w", "-o", dir+string(filepath.Separator), "customs.example/cmd/gatewayd", "customs.example/cmd/gatewayctl", "customs.example/cmd/partnersim")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build the commands: %w\n%s", err, out)
	}
	return dir, nil
})

// scratch is that directory once it is there, which TestMain removes.
var scratch string

// builtIn is where the built commands are.
func builtIn(t testing.TB) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMain(m *testing.M) {
	code := storetest.Main(m)
	os.RemoveAll(scratch)
	os.Exit(code)
}

var update = flag.Bool("update", false, "rewrite the stories' expected output")

// TestStories plays testdata/stories: each begins with two gateways configured and
// not running, a PKI, the documents of testdata/cases, the data directories of
// testdata/administrations. $PUBLISHED holds mappings and xsd, for the next version of one.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "../../testdata/stories",
		Setup:         setUp,
		UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"as":    as,
			"own":   ownGateway,
			"ready": ready,
			"until": until,
			"edit":  edit,

			"corridors":  corridors,
			"crosses":    crosses,
			"controlled": controlled,

			"postgres": postgres,
			"cable":    cableTo,
			"line":     lineTo,
			"direct":   direct,
			"scan":     scan,

			"same-explanation": sameExplanation,

			"append": appendLine,
			"long":   long,
			"big":    big,

			"revoke": revoke,
			"hangup": hangup,

			"capture":  capture,
			"capitals": capitals,

			"get":      get,
			"events":   events,
			"promtool": promtool,
			"noise":    noise,

			"rest":           rest,
			"submit-by-rest": submitByREST,
			"post-message":   postMessage,
		},
	})
}

func setUp(env *testscript.Env) error {
	if err := makePKI(filepath.Join(env.WorkDir, "pki")); err != nil {
		return err
	}
	env.Values[cableKey{}] = new(cable)
	env.Defer(func() {
		if err := promiseKept(env); err != nil {
			env.T().Log(err)
			env.T().FailNow()
		}
	})
	env.Values[cordKey{}] = new(cord)
	for _, dir := range []string{"cases", "administrations"} {
		if err := os.CopyFS(filepath.Join(env.WorkDir, dir), os.DirFS(filepath.Join("../../testdata", dir))); err != nil {
			return err
		}
	}
	ports, err := loopback.Addresses(10)
	if err != nil {
		return err
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	env.Setenv("PUBLISHED", root)
	env.Setenv("TOMORROW", time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339))
	env.Setenv("OVERMORROW", time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339))
	vladivostok, err := time.LoadLocation("Asia/Vladivostok")
	if err != nil {
		return err
	}
	// A shift there that began two hours ago.
	env.Setenv("SHIFT", time.Now().Add(-2*time.Hour).In(vladivostok).Format("2006-01-02T15:04-")+time.Now().Add(21*time.Hour).In(vladivostok).Format("15:04"))
	env.Setenv("CN_GRPC", ports[0])
	env.Setenv("CN_REST", ports[1])
	env.Setenv("RU_GRPC", ports[2])
	env.Setenv("RU_REST", ports[3])
	env.Setenv("CN_MONITOR", ports[4])
	env.Setenv("RU_MONITOR", ports[5])
	env.Setenv("KZ_GRPC", ports[6])
	env.Setenv("KZ_REST", ports[7])
	env.Setenv("MN_GRPC", ports[8])
	env.Setenv("MN_REST", ports[9])
	bin, err := built()
	if err != nil {
		return err
	}
	env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
	direct := map[string]string{"CN": ports[0], "RU": ports[2], "KZ": ports[6], "MN": ports[8]}
	web := map[string]string{"CN": ports[1], "RU": ports[3], "KZ": ports[7], "MN": ports[9]}
	lines, err := newAwkwardLines(env, direct, web)
	if err != nil {
		return err
	}
	configure := func(address map[string]string) error {
		for _, c := range []storyConfig{
			{"cn.yaml", "CN", ports[:2], []string{"0603"}, []string{"RU"}, []string{"cn-ru-pre-arrival-notice"}},
			{"china.yaml", "CN", ports[:2], []string{"0603", "0605", "0705", "9402", "9404"}, []string{"RU", "KZ", "MN"}, []string{
				"cn-ru-pre-arrival-notice", "cn-ru-cancellation", "cn-kz-pre-arrival-notice", "cn-kz-cancellation", "cn-mn-load-list", "cn-mn-cancellation",
			}},
			{"ru.yaml", "RU", ports[2:4], []string{"10719110"}, []string{"CN"}, []string{"ru-cn-answer", "ru-cn-manifest"}},
			{"kz.yaml", "KZ", ports[6:8], []string{"39899001"}, []string{"CN"}, nil},
			{"mn.yaml", "MN", ports[8:], []string{"ZU01"}, []string{"CN"}, nil},
		} {
			if err := c.write(env.WorkDir, address); err != nil {
				return err
			}
		}
		return nil
	}
	lines.name(env.Setenv)
	env.Values[directKey{}] = func() error { return configure(direct) }
	return configure(lines.address)
}

// posts are those of China's offices that a story may speak as beside Manzhouli's, and another
// certificate of Manzhouli's.
func posts() []mtls.DevIdentity {
	all := []mtls.DevIdentity{{Name: "post-renewed", URI: "customs://CN/office/0603/post/1"}}
	for _, office := range []string{"0605", "0705", "9402", "9404"} {
		for _, role := range []string{"post", "supervisor"} {
			all = append(all, mtls.DevIdentity{Name: role + "-" + office, URI: "customs://CN/office/" + office + "/" + role + "/1"})
		}
	}
	return all
}

func makePKI(dir string) error {
	authorities := append(mtls.DevAuthorities(), mtls.DevAdministration("kz", "KZ", "39899001"), mtls.DevAdministration("mn", "MN", "ZU01"))
	authorities[0].Identities = append(authorities[0].Identities, posts()...)
	for i, own := range []string{"CN", "RU"} { // a second system of the administration, and a second operator
		authorities[i].Identities = append(authorities[i].Identities, mtls.DevIdentity{Name: "risk", URI: "customs://" + own + "/system/risk"},
			mtls.DevIdentity{Name: "operator-2", URI: "customs://" + own + "/operator/2"})
	}
	if err := mtls.GenerateDevPKI(dir, time.Now(), authorities); err != nil {
		return err
	}
	for _, side := range []string{"cn", "ru", "kz", "mn"} {
		if err := mtls.GenerateSigningKey(filepath.Join(dir, side, "signing.pem")); err != nil {
			return err
		}
	}
	return nil
}

// storyConfig is the configuration of a gateway: its file, whose it is, its addresses for gRPC
// and REST, its offices, its partners, and its routes.
type storyConfig struct {
	file, own                         string
	listen, offices, partners, routes []string
}

// writeConfig writes side.yaml for a gateway with one partner.
func writeConfig(dir, side, partner string, listen []string, partnerAddress, office string, routes ...string) error {
	c := storyConfig{side + ".yaml", strings.ToUpper(side), listen, []string{office}, []string{partner}, routes}
	return c.write(dir, map[string]string{partner: partnerAddress})
}

// write writes the configuration of a gateway whose partners are reached at their addresses.
func (c storyConfig) write(dir string, address map[string]string) error {
	side := strings.ToLower(c.own)
	var b strings.Builder
	fmt.Fprintf(&b, "administration: %s\ndatabase: %s.db\n", c.own, side)
	fmt.Fprintf(&b, "listen: {grpc: %q, rest: %q}\n", c.listen[0], c.listen[1])
	fmt.Fprintf(&b, "certificate: {cert: pki/%[1]s/gateway.pem, key: pki/%[1]s/gateway-key.pem}\n", side)
	fmt.Fprintf(&b, "signing:\n  - {id: %[1]s-1, file: pki/%[1]s/signing.pem, from: 2020-01-01T00:00:00Z, until: 2100-01-01T00:00:00Z}\n", side)
	fmt.Fprintf(&b, "trust:\n")
	for _, a := range slices.Sorted(slices.Values(append([]string{c.own}, c.partners...))) {
		fmt.Fprintf(&b, "  - {id: %[1]s-1, administration: %[2]s, file: pki/%[1]s/signing.pub.pem, from: 2020-01-01T00:00:00Z, until: 2100-01-01T00:00:00Z}\n", strings.ToLower(a), a)
	}
	fmt.Fprintf(&b, "routes: [%s]\ncallers:\n", strings.Join(c.routes, ", "))
	caller := func(uri, role, office string) {
		offices := "[]"
		if server.NeedsOffice(server.Role(role)) {
			offices = fmt.Sprintf("[%q]", office)
		}
		fmt.Fprintf(&b, "  - {uri: %q, role: %s, offices: %s, roots: pki/%s/ca.pem}\n", "customs://"+c.own+"/"+uri, role, offices, side)
	}
	for _, office := range c.offices {
		caller("office/"+office+"/post/1", "post", office)
		caller("office/"+office+"/supervisor/1", "supervisor", office)
	}
	caller("system/national", "system", c.offices[0])
	caller("system/risk", "system", c.offices[0])
	caller("analyst/1", "analyst", c.offices[0])
	caller("operator/1", "operator", c.offices[0])
	caller("operator/2", "operator", c.offices[0])
	caller("auditor/1", "auditor", c.offices[0])
	fmt.Fprintf(&b, "partners:\n")
	for _, partner := range c.partners {
		peer := strings.ToLower(partner)
		roots, err := mtls.LoadRoots(filepath.Join(dir, "pki", peer, "gateway.pem"))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "  - {uri: customs://%s/gateway/1, address: %q, administrations: [%s], roots: pki/%s/ca.pem, crls: pki/%s/crl.pem, pins: [%s]}\n",
			partner, address[partner], partner, peer, peer, mtls.SPKIPin(roots[0]))
	}
	return os.WriteFile(filepath.Join(dir, c.file), []byte(b.String()), 0o600)
}

// as sets who speaks to which gateway: as cn post, as ru national, as cn post-9402, as cn stranger.
func as(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: as cn|ru|kz|mn post|supervisor|national|analyst|operator|auditor|stranger")
	}
	side, who := args[0], args[1]
	cert := filepath.Join("pki", side, who)
	if who == "stranger" {
		cert = filepath.Join("pki", "stranger", "copycat-post")
	}
	ts.Setenv("GATEWAY_ADDR", ts.Getenv(strings.ToUpper(side)+"_GRPC"))
	ts.Setenv("GATEWAY_SERVER", "customs://"+strings.ToUpper(side)+"/gateway/1")
	ts.Setenv("GATEWAY_CA", ts.MkAbs(filepath.Join("pki", side, "ca.pem")))
	ts.Setenv("GATEWAY_CERT", ts.MkAbs(cert+".pem"))
	ts.Setenv("GATEWAY_KEY", ts.MkAbs(cert+"-key.pem"))
}

// ownGateway sets who speaks to a gateway that init has made: own cn, own cn post. Without a
// name it is the operator.
func ownGateway(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: own DIR [post|national|analyst|operator|auditor]")
	}
	who := append(args, "operator")[1]
	for _, line := range strings.Split(ts.ReadFile(filepath.Join(args[0], who+".env")), "\n") {
		if v, ok := strings.CutPrefix(line, "export "); ok {
			name, value, _ := strings.Cut(v, "=")
			ts.Setenv(name, strings.Trim(value, "'"))
		}
	}
	address := regexp.MustCompile(`grpc: "(.*)"`).FindStringSubmatch(ts.ReadFile(filepath.Join(args[0], configName)))
	ts.Setenv("GATEWAY_ADDR", address[1]) // where a story has it listen
}

// patience bounds everything that a story waits for.
const patience = 30 * time.Second

// ready waits until a gateway listens.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	address := ts.Getenv(strings.ToUpper(args[0]) + "_REST")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			c.Close()
			return
		}
		if ctx.Err() != nil {
			ts.Fatalf("%s does not listen on %s", args[0], address)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// until repeats a command until its output matches: until 'state +accepted' gatewayctl status X.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND ...")
	}
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	deadline := time.Now().Add(patience)
	for {
		_ = ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout")
		if want.MatchString(out) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q never came; last:\n%s%s", args[0], out, ts.ReadFile("stderr"))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// capture sets variables to what a pattern's group matches in the last output, the first
// match to the first variable: capture REGEXP NAME ...
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: capture REGEXP NAME ...")
	}
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	found := re.FindAllStringSubmatch(ts.ReadFile("stdout"), -1)
	if len(found) != len(args)-1 {
		ts.Fatalf("%q is there %d times, want %d", args[0], len(found), len(args)-1)
	}
	for i, m := range found {
		ts.Setenv(args[i+1], m[1])
	}
}

// capitals writes a variable in capitals: capitals NAME.
func capitals(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capitals NAME")
	}
	ts.Setenv(args[0], strings.ToUpper(ts.Getenv(args[0])))
}

// revoke puts certificates on the revocation list of the development PKI: revoke cn post.
func revoke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: revoke cn|ru NAME ...")
	}
	ts.Check(mtls.RevokeDev(ts.MkAbs(filepath.Join("pki", args[0])), time.Now(), args[1:]...))
}

// hangup has the gateways that run look at their key files, and gives them time to.
func hangup(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		if filepath.Base(cmd.Path) == "gatewayd" {
			ts.Check(cmd.Process.Signal(syscall.SIGHUP))
		}
	}
	time.Sleep(500 * time.Millisecond)
}

// edit replaces one text of a file by another and writes it under a new name:
// edit OLD-FILE NEW-FILE TEXT REPLACEMENT [TEXT REPLACEMENT ...].
func edit(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 4 || len(args)%2 != 0 {
		ts.Fatalf("usage: edit OLD-FILE NEW-FILE TEXT REPLACEMENT ...")
	}
	content := ts.ReadFile(args[0])
	for i := 2; i < len(args); i += 2 {
		if !strings.Contains(content, args[i]) {
			ts.Fatalf("%s does not hold %q", args[0], args[i])
		}
		content = strings.ReplaceAll(content, args[i], args[i+1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(content), 0o644))
}

// postgres sets a variable to the URL of a new PostgreSQL database: postgres NAME.
func postgres(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: postgres NAME")
	}
	place, err := storetest.New()
	ts.Check(err)
	ts.Setenv(args[0], place)
}

// appendLine writes a file with one more line under a new name: append OLD-FILE NEW-FILE LINE.
func appendLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: append OLD-FILE NEW-FILE LINE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(ts.ReadFile(args[0])+args[2]+"\n"), 0o644))
}

// long replaces a text of a file by n times its first character: long OLD NEW TEXT N.
func long(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[3])
	ts.Check(err)
	first, _ := utf8.DecodeRuneInString(args[2])
	edit(ts, false, []string{args[0], args[1], args[2], strings.Repeat(string(first), n)})
}

// big writes an XML file of n bytes: big N FILE.
func big(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	const head, tail = `<Manifest xmlns="urn:Declaration:datamodel:standard:CN:MT2401:1">`, `</Manifest>`
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(head+strings.Repeat(" ", n-len(head)-len(tail))+tail), 0o644))
}
