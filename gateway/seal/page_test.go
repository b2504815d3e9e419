package seal_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/seal"
)

// pageKeys are the keys of an administration that signs, and what another trusts of it.
func pageKeys(t *testing.T, of gateway.Administration) (*seal.Keyring, *seal.Trust) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "signing.pem")
	private, public, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	always := seal.Validity{From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	if err := os.WriteFile(file, private, 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.LoadKeyring(of, []seal.KeyFile{{ID: "k-1", File: file, Validity: always}})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := seal.ReadVerifier(seal.TrustFile{ID: "k-1", Administration: of, Validity: always}, public)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := seal.NewTrust(verifier)
	if err != nil {
		t.Fatal(err)
	}
	return keys, trust
}

var printed = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func page() seal.Page {
	return seal.Page{
		MessageID: "m-1", Kind: "Manifest", Number: "C26940200001", Batch: "9402260301001", Exit: "CN 9402", Entry: "KZ 39899001",
		Vehicles: []string{"新F12345", "新F6789挂"}, Items: 2, Packages: "420", GrossMass: "18250.5", Canonical: gateway.Digest(sha256.Sum256([]byte("x"))), At: printed,
	}
}

func codeOf(t *testing.T, keys *seal.Keyring, p seal.Page) string {
	t.Helper()
	signed, err := keys.Sign(seal.Header{MessageID: "p-1", Sender: "CN", Recipient: "KZ", Created: printed}, p)
	if err != nil {
		t.Fatal(err)
	}
	code, err := signed.Code()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// What a scanner reads proves what was printed, and any letter of it that is another does not.
func TestPageCode(t *testing.T) {
	keys, trust := pageKeys(t, "CN")
	code := codeOf(t, keys, page())
	h, p, err := trust.OpenCode(" "+code+"\n", printed.Add(time.Hour))
	if err != nil || h.Sender != "CN" || h.RelatesTo != "m-1" {
		t.Fatal(h, err)
	}
	if diff := cmp.Diff(page(), p); diff != "" {
		t.Errorf("(-printed +read):\n%s", diff)
	}
	for i := range len(code) {
		changed := "A"
		if code[i] == 'A' {
			changed = "B"
		}
		if _, _, err := trust.OpenCode(code[:i]+changed+code[i+1:], printed); err == nil {
			t.Fatalf("with letter %d changed it holds", i)
		}
	}
	_, others := pageKeys(t, "CN")
	if _, _, err := others.OpenCode(code, printed); err == nil {
		t.Error("another's key proves it")
	}
	for _, text := range []string{"", "CUSTOMS1.", code[:len(code)/2], code + "." + code, strings.Repeat(code, 20), "CUSTOMS2" + code[8:]} {
		var fault gateway.Fault
		if _, _, err := trust.OpenCode(text, printed); !errors.As(err, &fault) || fault.Code != gateway.PageUnfit && fault.Code != gateway.SealHeader && fault.Code != gateway.SealPayload && fault.Code != gateway.SealSignature {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// A signed receipt is no page, whoever signed it.
func TestPageIsNoOtherStatement(t *testing.T) {
	keys, trust := pageKeys(t, "CN")
	signed, err := keys.Sign(seal.Header{MessageID: "r-1", Sender: "CN", Recipient: "KZ", Created: printed}, seal.Receipt{MessageID: "m-1", Verdict: gateway.RCV, Received: page().Canonical, At: printed})
	if err != nil {
		t.Fatal(err)
	}
	pieces := [][]byte{signed.HeaderBytes(), signed.Statement(), signed.Signature()}
	code := "CUSTOMS1"
	for _, piece := range pieces {
		code += "." + base64.RawURLEncoding.EncodeToString(piece)
	}
	if _, _, err := trust.OpenCode(code, printed); err == nil {
		t.Error("a receipt is taken for a page")
	}
}

// The greatest page that can be signed has a code, and what is greater is not signed.
func TestPageIsBoundedForItsCode(t *testing.T) {
	keys, trust := pageKeys(t, "CN")
	long := strings.Repeat("蒙", 40)
	p := page()
	p.Number, p.Batch, p.Exit, p.Entry, p.Packages, p.GrossMass = strings.Repeat("C", 35), strings.Repeat("9", 35), "CN 39899001", "KZ 39899001", "18446744073709551615", strings.Repeat("9", 20)
	p.Vehicles, p.More, p.Items = []string{"新F12345挂新F123", "新F12345挂新F123", "新F12345挂新F123", "新F12345挂新F123"}, 9995, 16000
	code := codeOf(t, keys, p)
	if _, _, err := trust.OpenCode(code, printed); err != nil || len(code) > seal.MaxCode {
		t.Errorf("%d letters: %v", len(code), err)
	}
	for name, change := range map[string]func(*seal.Page){
		"a long plate":   func(p *seal.Page) { p.Vehicles = []string{long + "蒙"} },
		"five vehicles":  func(p *seal.Page) { p.Vehicles = []string{"1", "2", "3", "4", "5"} },
		"no message":     func(p *seal.Page) { p.MessageID = "" },
		"no office":      func(p *seal.Page) { p.Exit = "" },
		"no instant":     func(p *seal.Page) { p.At = time.Time{} },
		"no document":    func(p *seal.Page) { p.Canonical = gateway.Digest{} },
		"minus vehicles": func(p *seal.Page) { p.More = -1 },
		"NUL":            func(p *seal.Page) { p.Number = "C\x00" },
	} {
		p := page()
		change(&p)
		if _, err := keys.Sign(seal.Header{MessageID: "p-1", Sender: "CN", Recipient: "KZ", Created: printed}, p); err == nil {
			t.Errorf("%s is signed", name)
		}
	}
}
