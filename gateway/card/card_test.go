package card

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// made is a card with the keys that sign it.
func made(t *testing.T) (Card, *seal.Keyring) {
	t.Helper()
	dir := t.TempDir()
	if err := mtls.GenerateDevPKI(dir, now, []mtls.DevAuthority{mtls.DevAdministration("kz", "KZ", "50601")}); err != nil {
		t.Fatal(err)
	}
	private, public, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "signing.pem")
	if err := os.WriteFile(file, private, 0o600); err != nil {
		t.Fatal(err)
	}
	span := seal.Validity{From: now.AddDate(0, -1, 0), Until: now.AddDate(0, 11, 0)}
	keys, err := seal.LoadKeyring("KZ", []seal.KeyFile{{ID: "kz-1", File: file, Validity: span}})
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) []string {
		raw, err := os.ReadFile(filepath.Join(dir, "kz", name))
		if err != nil {
			t.Fatal(err)
		}
		return []string{string(raw)}
	}
	own, err := mtls.LoadRoots(filepath.Join(dir, "kz", "gateway.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return Card{
		Administration: "KZ", URI: "customs://KZ/gateway/1", GRPC: "gateway.example:8443", REST: "gateway.example:8444",
		Roots: read("ca.pem"), CRLs: read("crl.pem"), Pins: []gateway.Digest{mtls.SPKIPin(own[0])},
		Keys:       []Key{{"kz-1", span.From, span.Until, string(public)}},
		Formats:    []Format{{Reads, "CN", "PreArrivalNotice", "eaeu/auto-preliminary.v1+kz", gateway.DigestOf([]byte("xsd"))}},
		MaxMessage: 8 << 20, DutyDesk: "+7 000 000 00 00, дежурный",
	}, keys
}

func TestCardIsReadAsItWasSigned(t *testing.T) {
	c, keys := made(t)
	raw, fingerprint, err := Sign(c, keys, now)
	if err != nil {
		t.Fatal(err)
	}
	got, read, err := Parse(raw)
	if err != nil || read != fingerprint {
		t.Fatal(err, read, fingerprint)
	}
	c.Issued = now
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("(-signed +read)\n%s", diff)
	}
	again, _, err := Sign(c, keys, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, same, err := Parse(again); err != nil || same != fingerprint || bytes.Equal(again, raw) {
		t.Errorf("signed again: %v, fingerprint %s, want %s by another signature", err, same, fingerprint)
	}
	if groups := strings.Fields(fingerprint.Spoken()); len(groups) != 16 || strings.Join(groups, "") != fingerprint.String() {
		t.Errorf("spoken as %q", groups)
	}
}

// TestWhoeverChangesACardIsFound flips every byte, and cuts the file at every length.
func TestWhoeverChangesACardIsFound(t *testing.T) {
	c, keys := made(t)
	raw, fingerprint, err := Sign(c, keys, now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		other := bytes.Clone(raw)
		other[i] ^= 1
		if _, got, err := Parse(other); err == nil && got == fingerprint {
			t.Fatalf("byte %d, %q, may be changed", i, raw[i])
		} else if err == nil {
			t.Fatalf("byte %d, %q, may be changed, which the fingerprint alone shows", i, raw[i])
		}
		if _, _, err := Parse(raw[:i]); err == nil {
			t.Fatalf("%d bytes are a card", i)
		}
	}
	if _, _, err := Parse(append(raw, '\n')); err == nil {
		t.Error("more may stand behind a card")
	}
}

// TestACardThatAnEnemyMakes is signed by its own key, and says what it may not.
func TestACardThatAnEnemyMakes(t *testing.T) {
	good, keys := made(t)
	_, others := made(t)
	for name, change := range map[string]func(*Card){
		"a country in words":      func(c *Card) { c.Administration = "Kazakhstan" },
		"no URI":                  func(c *Card) { c.URI = "kz" },
		"a URI with a line feed":  func(c *Card) { c.URI += "\nroutes: []" },
		"no address":              func(c *Card) { c.GRPC = "gateway.example" },
		"an address of port 0":    func(c *Card) { c.REST = "gateway.example:0" },
		"an address with a quote": func(c *Card) { c.GRPC = `a":1` },
		"no root":                 func(c *Card) { c.Roots = nil },
		"a root that is none":     func(c *Card) { c.Roots[0] = "ca" },
		"two roots in one":        func(c *Card) { c.Roots[0] += c.Roots[0] },
		"more roots than may be":  func(c *Card) { c.Roots = slicesOf(c.Roots[0], mtls.MaxRoots+1) },
		"no list":                 func(c *Card) { c.CRLs = nil },
		"a root for a list":       func(c *Card) { c.CRLs = c.Roots },
		"no pin":                  func(c *Card) { c.Pins = nil },
		"no key":                  func(c *Card) { c.Keys = nil },
		"a key in another place":  func(c *Card) { c.Keys[0].ID = "../../kz" },
		"a key twice":             func(c *Card) { c.Keys = append(c.Keys, c.Keys[0]) },
		"a key that is none":      func(c *Card) { c.Keys[0].Public = "key" },
		"a key of no time":        func(c *Card) { c.Keys[0].Until = c.Keys[0].From },
		"a key that is past":      func(c *Card) { c.Keys[0].Until = now.AddDate(0, 0, -1) },
		"a key that others hold":  func(c *Card) { c.Keys[0].Public = publicOf(t, others) },
		"a format without a kind": func(c *Card) { c.Formats[0].Kind = "" },
		"a format with a path":    func(c *Card) { c.Formats[0].Table = "../x" },
		"a limit of nothing":      func(c *Card) { c.MaxMessage = 0 },
		"a desk that rings":       func(c *Card) { c.DutyDesk = "\a" },
		"a desk without an end":   func(c *Card) { c.DutyDesk = strings.Repeat("1", maxText+1) },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			c.Roots, c.CRLs, c.Keys, c.Formats = append([]string{}, good.Roots...), append([]string{}, good.CRLs...), append([]Key{}, good.Keys...), append([]Format{}, good.Formats...)
			change(&c)
			raw, err := forged(c, keys)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := Parse(raw); err == nil {
				t.Error("it is taken")
			}
			if raw, _, err := Sign(c, keys, now); err == nil {
				if _, _, err := Parse(raw); err == nil {
					t.Error("it is signed, and taken")
				}
			}
		})
	}
}

// forged signs a card without looking at it.
func forged(c Card, keys *seal.Keyring) ([]byte, error) {
	c.Issued = now
	text, err := c.text()
	if err != nil {
		return nil, err
	}
	f := file{Card: c}
	if f.Key, f.Signature, err = keys.SignText(purpose, text, now); err != nil {
		return nil, err
	}
	return f.encode()
}

func slicesOf[T any](v T, n int) (all []T) {
	for range n {
		all = append(all, v)
	}
	return all
}

func publicOf(t *testing.T, keys *seal.Keyring) string {
	t.Helper()
	signer, err := keys.Current(now)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Key.Public().(*ecdsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
