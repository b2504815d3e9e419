package envelope

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// keys makes certificates for envelopes with the openssl command, as the README has an operator do.
func keys(t testing.TB, dir, name string, args ...string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	if len(args) == 0 {
		args = []string{"-newkey", "rsa:2048"}
	}
	openssl(t, nil, append([]string{"req", "-x509", "-nodes", "-days", "365", "-subj", "/CN=" + name, "-keyout", key, "-out", cert}, args...)...)
	return cert, key
}

func openssl(t testing.TB, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	var out, failed bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &failed
	if err := cmd.Run(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, &failed)
	}
	return out.Bytes()
}

// TestOpensslReadsAndWritesTheSame: what lies in an envelope of ours the openssl command reads, and ours is read what it
// writes, in one piece or streamed.
func TestOpensslReadsAndWritesTheSame(t *testing.T) {
	dir := t.TempDir()
	ourCert, ourKey := keys(t, dir, "cn")
	theirCert, theirKey := keys(t, dir, "mn")
	p, err := Load(theirCert, ourCert, ourKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 15, 16, 17, 100_000} {
		content := bytes.Repeat([]byte{'x', 0, 0xff}, size)[:size]
		sealed, err := p.Seal(content)
		if err != nil {
			t.Fatal(err)
		}
		if size > 16 && bytes.Contains(sealed, content) {
			t.Error("it can be read by anybody")
		}
		if got := openssl(t, sealed, "cms", "-decrypt", "-inform", "DER", "-binary", "-recip", theirCert, "-inkey", theirKey); !bytes.Equal(got, content) {
			t.Errorf("of %d bytes openssl reads %d", len(content), len(got))
		}
		for name, args := range map[string][]string{
			"aes-256": {"-aes256"}, "aes-128": {"-aes128"}, "streamed": {"-aes256", "-stream"},
			"oaep": {"-aes256", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"},
		} {
			args := append([]string{"cms", "-encrypt", "-binary", "-outform", "DER", "-recip", ourCert}, args...)
			if got, err := p.Open(openssl(t, content, args...)); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s: of %d bytes that openssl wrote come %d, %v", name, len(content), len(got), err)
			}
		}
	}
	theirs, err := p.Seal([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Open(theirs); err == nil {
		t.Error("an envelope for another is opened")
	}
	if _, err := p.Open(openssl(t, []byte("x"), "cms", "-encrypt", "-binary", "-outform", "DER", "-aes-256-gcm", "-recip", ourCert)); err == nil {
		t.Error("what is not known is opened")
	}
}

// TestKeysThatMakeNoEnvelope: too short, of another kind, of another certificate, or not there.
func TestKeysThatMakeNoEnvelope(t *testing.T) {
	dir := t.TempDir()
	cert, key := keys(t, dir, "cn")
	short, shortKey := keys(t, dir, "short", "-newkey", "rsa:1024")
	curve, curveKey := keys(t, dir, "curve", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
	text := filepath.Join(dir, "text.pem")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{short, cert, key}, {cert, short, shortKey}, {curve, cert, key}, {cert, curve, curveKey}, {cert, cert, curveKey}, {text, cert, key}, {cert, text, key}, {dir + "/none", cert, key}, {key, cert, key},
	} {
		if _, err := Load(c[0], c[1], c[2]); err == nil {
			t.Errorf("loaded: %v", c)
		}
	}
}

// TestAnEnvelopeOfAnEnemy: whatever the bytes are, an answer comes, and no envelope takes more than its size allows.
func TestAnEnvelopeOfAnEnemy(t *testing.T) {
	dir := t.TempDir()
	cert, key := keys(t, dir, "cn")
	p, err := Load(cert, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"nothing": {}, "one byte": {0x30}, "nested without end": bytes.Repeat([]byte{0x30, 0x80}, 1<<20), "nested and closed": append(bytes.Repeat([]byte{0x30, 0x80}, 40), make([]byte, 80)...),
		"deeper behind what looks like its end":      slices.Concat([]byte{0x30, 0x80, 0, 0}, bytes.Repeat([]byte{0x30, 0x80}, 32<<20)),
		"deeper behind what looks like a part's end": slices.Concat([]byte{0x30, 0x80}, bytes.Repeat([]byte{0x30, 0x80, 0, 0}, 1000), []byte{0, 0}),
		"parts without end":                          append([]byte{0x30, 0x80}, bytes.Repeat([]byte{0x04, 0x00}, 1<<20)...), "a length of more": {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, "a length of nine bytes": {0x30, 0x89, 1},
		"longer than what it lies in": {0x30, 0x02, 0x04, 0x05, 1, 2, 3, 4, 5}, "a tag without end": bytes.Repeat([]byte{0xff}, 100), "no length": {0x1f, 0x01}, "a primitive of no length": {0x04, 0x80, 0, 0},
	} {
		if content, err := p.Open(raw); err == nil {
			t.Errorf("%s: %q", name, content)
		}
	}
	sealed, err := p.Seal([]byte(strings.Repeat("a manifest ", 20)))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		changed := bytes.Clone(sealed)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			changed[rapid.IntRange(0, len(changed)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "to")
		}
		_, _ = p.Open(changed[:rapid.IntRange(1, len(changed)).Draw(t, "until")])
	})
}
