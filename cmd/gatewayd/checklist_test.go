package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// TestAVerifiedPageSteersNoTerminal: whoever signs a page, what nobody sees in its texts is written as code
// points, and none of them makes a line of its own.
func TestAVerifiedPageSteersNoTerminal(t *testing.T) {
	dir, now := t.TempDir(), time.Now().UTC().Truncate(time.Second)
	key := filepath.Join(dir, "cn-1.pem")
	if err := mtls.GenerateSigningKey(key); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.LoadKeyring("CN", []seal.KeyFile{{ID: "cn-1", File: key, Validity: seal.Validity{From: now.Add(-time.Hour), Until: now.Add(time.Hour)}}})
	if err != nil {
		t.Fatal(err)
	}
	trust := filepath.Join(dir, "trust.yaml")
	if err := os.WriteFile(trust, fmt.Appendf(nil, "trust:\n  - {id: cn-1, administration: CN, file: cn-1.pub.pem, from: %s, until: %s}\n",
		now.Add(-time.Hour).Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339)), 0o600); err != nil {
		t.Fatal(err)
	}
	const steers = "1\u202e2\x1b[2J\u009b3\n4"
	signed, err := keys.Sign(seal.Header{MessageID: "p-1", Sender: "CN", Recipient: "KZ", Created: now}, seal.Page{
		MessageID: steers, Kind: "Manifest", Number: steers, Batch: steers, Exit: "CN " + steers, Entry: "KZ " + steers, Vehicles: []string{"A", steers}, Items: 1,
		Packages: steers, GrossMass: steers, Canonical: gateway.Digest(sha256.Sum256([]byte("x"))), At: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	code, err := signed.Code()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range gateway.Languages {
		var out, errs bytes.Buffer
		if err := verifyPage(t.Context(), flag.NewFlagSet("verify", flag.ContinueOnError), []string{"-keys", trust, "-lang", lang, code}, stdio{in: strings.NewReader(""), out: &out, err: &errs}); err != nil {
			t.Fatalf("%v: %s%s", err, &out, &errs)
		}
		if text := out.String(); strings.ContainsAny(text, "\u202e\x1b\u009b") || strings.Count(text, "\n") != 11 || strings.Count(text, "⟨U+202E⟩") != 8 {
			t.Errorf("%s reads\n%q", lang, text)
		}
	}
}
