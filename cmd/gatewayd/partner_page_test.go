package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/loopback"
	"customs.example/gateway/seal"
)

// api is where the partner's page lies, with its vectors and its program.
const api = "../../gateway/api/exchange/v1"

// fetchedFrom is the gateway of China, from which Kazakhstan fetches by hand or by a program of its own, or by which
// it is posted to.
type fetchedFrom struct {
	t         *testing.T
	dir, door string
	env       []string // who gatewayctl speaks as: the post
	submitted string
}

func newFetchedFrom(t *testing.T) *fetchedFrom { return newPartnerOf(t, "mode: pull") }

// newPartnerOf is a gateway whose partner is reached as is said of its link.
func newPartnerOf(t *testing.T, link string) *fetchedFrom {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f := &fetchedFrom{t: t, dir: t.TempDir()}
	must(makePKI(filepath.Join(f.dir, "pki")))
	ports, err := loopback.Addresses(2)
	must(err)
	f.door = ports[1]
	must(writeConfig(f.dir, "cn", "KZ", ports, "127.0.0.1:1", "9402", "cn-kz-pre-arrival-notice"))
	config := filepath.Join(f.dir, "cn.yaml")
	raw, err := os.ReadFile(config)
	must(err)
	must(os.WriteFile(config, bytes.Replace(raw, []byte(`address: "127.0.0.1:1"`), []byte(link), 1), 0o600))
	for name, file := range map[string]string{
		"ca.pem": "cn/ca.pem", "gateway.pem": "kz/gateway.pem", "gateway-key.pem": "kz/gateway-key.pem", "signing.pem": "kz/signing.pem",
		"cn-1.pub.pem": "cn/signing.pub.pem", "kz-1.pub.pem": "kz/signing.pub.pem",
	} {
		must(os.Symlink(filepath.Join("pki", file), filepath.Join(f.dir, name)))
	}
	bin := builtIn(t)
	var log bytes.Buffer
	serving := exec.Command(filepath.Join(bin, "gatewayd"), "serve", "-config", config)
	serving.Stdout, serving.Stderr = &log, &log
	must(serving.Start())
	t.Cleanup(func() {
		serving.Process.Signal(os.Interrupt)
		if err := serving.Wait(); err != nil || t.Failed() {
			t.Errorf("the gateway: %v\n%s", err, &log)
		}
	})
	pki := filepath.Join(f.dir, "pki", "cn")
	f.env = append(os.Environ(), "GATEWAY_ADDR="+ports[0], "GATEWAY_SERVER=customs://CN/gateway/1",
		"GATEWAY_CA="+filepath.Join(pki, "ca.pem"), "GATEWAY_CERT="+filepath.Join(pki, "post-9402.pem"), "GATEWAY_KEY="+filepath.Join(pki, "post-9402-key.pem"))
	deadline := time.Now().Add(patience)
	for {
		if _, err := f.try("gatewayctl", "list"); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the gateway does not answer: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	f.run("gatewayd", "sample", "cn-kz-pre-arrival-notice", "-dir", "sample")
	documents, err := filepath.Glob(filepath.Join(f.dir, "sample", "*"))
	must(err)
	for _, document := range documents {
		out := f.run("gatewayctl", "submit", document)
		f.submitted = regexp.MustCompile(`(?m)^submission +(\S+)`).FindStringSubmatch(out)[1]
	}
	return f
}

// try runs a command where the partner's files lie, and returns what it prints.
func (f *fetchedFrom) try(name string, args ...string) (string, error) {
	if strings.HasPrefix(name, "gateway") {
		name = filepath.Join(builtIn(f.t), name)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = f.dir, f.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (f *fetchedFrom) run(name string, args ...string) string {
	f.t.Helper()
	out, err := f.try(name, args...)
	if err != nil {
		f.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// TestThePartnersPageByHand types what the page has a partner type, with curl and openssl alone, against a gateway.
// With -update what was exchanged becomes the page's vectors.
func TestThePartnersPageByHand(t *testing.T) {
	f := newFetchedFrom(t)
	sh := newShell(t, f.dir)
	sh.run("DOOR=" + f.door)
	for _, s := range sessionOf(t, filepath.Join(api, "PARTNER.md"), "By hand") {
		if got := sh.run(s.command); !shown(s.want).MatchString(got) {
			t.Fatalf("%s prints\n%s\nthe page says\n%s", s.command, got, s.want)
		}
	}
	if out := f.run("gatewayctl", "status", f.submitted); !strings.Contains(out, "accepted") {
		t.Errorf("its post sees\n%s", out)
	}
	if !*update {
		return
	}
	keep := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(api, "vectors", name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	other := map[string][2]string{"document.xml": {"<", "<!-- -->\n<"}, "header.json": {`"kind":"P`, `"kind":"p`}, "receipt-header.json": {`"relatesTo":"`, `"relatesTo":"0`}}
	for _, name := range []string{"document.xml", "header.json", "header.sig", "receipt.json", "receipt-header.json", "receipt.sig", "cn-1.pub.pem", "kz-1.pub.pem"} {
		raw, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		keep(name, raw)
		if change, ok := other[name]; ok {
			ending := filepath.Ext(name)
			keep(strings.TrimSuffix(name, ending)+"-other"+ending, bytes.Replace(raw, []byte(change[0]), []byte(change[1]), 1))
		}
	}
}

// TestThePartnersVectors types what the page says of its vectors, and holds the gateway's own seals to them.
func TestThePartnersVectors(t *testing.T) {
	dir := filepath.Join(api, "vectors")
	for _, s := range sessionOf(t, filepath.Join(api, "PARTNER.md"), "Test vectors") {
		cmd := exec.Command("sh", "-c", s.command)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || !shown(s.want).MatchString(got) {
			t.Errorf("%s prints\n%s\nthe page says\n%s (%v)", s.command, got, s.want, err)
		}
	}
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	always := seal.Validity{From: time.Unix(0, 0), Until: time.Now().AddDate(50, 0, 0)}
	trust, err := seal.LoadTrust([]seal.TrustFile{
		{ID: "cn-1", Administration: "CN", File: filepath.Join(dir, "cn-1.pub.pem"), Validity: always},
		{ID: "kz-1", Administration: "KZ", File: filepath.Join(dir, "kz-1.pub.pem"), Validity: always},
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := seal.ParseHeader(read("header.json"))
	if err != nil {
		t.Fatal(err)
	}
	at := signed.Created.Add(time.Minute)
	header, signature, document := read("header.json"), read("header.sig"), read("document.xml")
	opened, err := trust.Open(header, signature, document, at)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := trust.OpenReceipt(read("receipt-header.json"), read("receipt.json"), read("receipt.sig"), opened.Header(), at)
	if err != nil || receipt.Verdict != gateway.PRS || receipt.Received != gateway.DigestOf(document) {
		t.Errorf("%+v, %v", receipt, err)
	}
	for name, c := range map[string]struct {
		err  func() error
		want gateway.Code
	}{
		"another document": {func() error { _, err := trust.Open(header, signature, read("document-other.xml"), at); return err }, gateway.SealPayload},
		"another header":   {func() error { _, err := trust.Open(read("header-other.json"), signature, document, at); return err }, gateway.SealSignature},
		"another receipt": {func() error {
			_, err := trust.OpenReceipt(read("receipt-header-other.json"), read("receipt.json"), read("receipt.sig"), opened.Header(), at)
			return err
		}, gateway.SealSignature},
	} {
		var f gateway.Fault
		if err := c.err(); !errors.As(err, &f) || f.Code != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestThePartnersProgramGetsItsFirstReceipt runs the program that was written by the page, of at most 300 lines,
// against a gateway: what it does not verify it leaves there, a document that broke off goes on, and its receipt
// is verified.
func TestThePartnersProgramGetsItsFirstReceipt(t *testing.T) {
	program, err := filepath.Abs(filepath.Join(api, "partner.py"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(source, []byte("\n")); n > 300 {
		t.Errorf("the program has %d lines", n)
	}
	f := newFetchedFrom(t)
	fetch := func(trusted string, more ...string) (string, error) {
		return f.try("python3", append([]string{
			"-B", program, "--door", f.door, "--own", "KZ", "--sender", "CN", "--ca", "ca.pem", "--cert", "gateway.pem", "--key", "gateway-key.pem",
			"--trust", "cn-1=" + trusted, "--signing", "signing.pem", "--key-id", "kz-1", "--dir", "fetched", "--lease", "5", "--wait", "20",
		}, more...)...)
	}
	out, err := fetch("kz-1.pub.pem", "--wait", "0") // another key
	if err != nil || !strings.Contains(out, "the signature does not verify") {
		t.Fatalf("by another key: %v\n%s", err, out)
	}
	if files, _ := filepath.Glob(filepath.Join(f.dir, "fetched", "*")); len(files) > 0 {
		t.Errorf("what does not verify is kept: %v", files)
	}
	if out := f.run("gatewayctl", "status", f.submitted); !strings.Contains(out, "KZ has fetched it and has not acknowledged it") {
		t.Errorf("its post sees\n%s", out)
	}
	if out, err = fetch("cn-1.pub.pem", "--keep", "--whole"); err != nil || !strings.Contains(out, "PreArrivalNotice kept") {
		t.Fatalf("it keeps nothing: %v\n%s", err, out)
	}
	kept, err := filepath.Glob(filepath.Join(f.dir, "fetched", "*.xml"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v, %v", kept, err)
	}
	document, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	// The power went before it was whole.
	if err := errors.Join(os.WriteFile(strings.TrimSuffix(kept[0], ".xml")+".part", document[:777], 0o600), os.Remove(kept[0])); err != nil {
		t.Fatal(err)
	}
	if out, err = fetch("cn-1.pub.pem", "--whole"); err != nil || !strings.Contains(out, "PreArrivalNotice accepted") {
		t.Fatalf("it gets no receipt through: %v\n%s", err, out)
	}
	if again, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(again, document) {
		t.Errorf("another document: %d bytes of %d, %v", len(again), len(document), err)
	}
	if out := f.run("gatewayctl", "status", f.submitted); !strings.Contains(out, "accepted") {
		t.Errorf("its post sees\n%s", out)
	}
	f.run("gatewayctl", "sent", f.submitted, "-evidence", "evidence.json")
	trust := fmt.Sprintf("trust:\n  - {id: kz-1, administration: KZ, file: %s, from: 2020-01-01T00:00:00Z, until: 2100-01-01T00:00:00Z}\n  - {id: cn-1, administration: CN, file: %s, from: 2020-01-01T00:00:00Z, until: 2100-01-01T00:00:00Z}\n",
		filepath.Join(f.dir, "kz-1.pub.pem"), filepath.Join(f.dir, "cn-1.pub.pem"))
	if err := os.WriteFile(filepath.Join(f.dir, "trust.yaml"), []byte(trust), 0o600); err != nil {
		t.Fatal(err)
	}
	f.run("gatewayd", "verify-receipt", "-trust", "trust.yaml", "evidence.json")
	if out, err = fetch("cn-1.pub.pem", "--wait", "0"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("it is handed out again: %v\n%s", err, out)
	}
}

// TestParallelThePartnersReceiverAnswers runs the program that takes what is posted: it answers at once, later by itself, or
// without a signature; what comes again gets the same receipt, and what does not verify none.
func TestParallelThePartnersReceiverAnswers(t *testing.T) {
	program, err := filepath.Abs(filepath.Join(api, "receiver.py"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		more    []string
		trusted string
		plain   bool
		state   string
	}{
		"at once":        {nil, "cn-1.pub.pem", false, "accepted"},
		"later":          {[]string{"--later"}, "cn-1.pub.pem", false, "accepted"},
		"unsigned":       {[]string{"--plain"}, "cn-1.pub.pem", true, "acknowledged, unsigned"},
		"by another key": {nil, "kz-1.pub.pem", false, "sent"},
	} {
		t.Run(name, func(t *testing.T) {
			ports, err := loopback.Addresses(1)
			if err != nil {
				t.Fatal(err)
			}
			link := fmt.Sprintf("address: %q, mode: https, questions: none", ports[0])
			if c.plain {
				link += ", receipts: plain"
			}
			f := newPartnerOf(t, link)
			receiving := exec.Command("python3", append([]string{
				"-B", program, "--listen", ports[0], "--gateway", "customs://CN/gateway/1", "--door", f.door, "--own", "KZ", "--sender", "CN", "--ca", "ca.pem",
				"--cert", "gateway.pem", "--key", "gateway-key.pem", "--trust", "cn-1=" + c.trusted, "--signing", "signing.pem", "--key-id", "kz-1", "--dir", "came",
			}, c.more...)...)
			var out bytes.Buffer
			receiving.Dir, receiving.Stdout, receiving.Stderr = f.dir, &out, &out
			if err := receiving.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				receiving.Process.Kill()
				_ = receiving.Wait()
				if t.Failed() {
					t.Logf("the receiver:\n%s", &out)
				}
			}()
			deadline := time.Now().Add(patience)
			for {
				if shown := f.run("gatewayctl", "status", f.submitted); regexp.MustCompile("message state +" + c.state).MatchString(shown) {
					break
				} else if time.Now().After(deadline) {
					t.Fatalf("its post sees\n%s", shown)
				}
				time.Sleep(50 * time.Millisecond)
			}
			came, err := filepath.Glob(filepath.Join(f.dir, "came", "*.xml"))
			if err != nil || (len(came) == 1) != (c.state != "sent") {
				t.Errorf("it has kept %v, %v", came, err)
			}
		})
	}
}
