package mtls

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func load(t *testing.T, dir, name string) tls.Certificate {
	t.Helper()
	return must(LoadCertificate(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")))(t)
}

// devParties trusts each development authority for its own identities.
func devParties(t *testing.T, root string, authorities []DevAuthority) (parties []Party) {
	t.Helper()
	for _, a := range authorities {
		dir := filepath.Join(root, a.Dir)
		for _, id := range a.Identities {
			parties = append(parties, Party{
				URI:   id.URI,
				Roots: must(LoadRoots(filepath.Join(dir, "ca.pem")))(t),
				CRLs:  must(LoadCRLs(filepath.Join(dir, "crl.pem")))(t),
				Pins:  []gateway.Digest{SPKIPin(load(t, dir, id.Name).Leaf)}, PinsRequired: true, CRLRequired: true,
			})
		}
	}
	return parties
}

// TestParallelDevPKI is the story of the demonstration: everyone gets in, the stranger does
// not, and a revoked post no longer does.
func TestParallelDevPKI(t *testing.T) {
	root := filepath.Join(t.TempDir(), "certs")
	if err := GenerateDevPKI(root, now, DevAuthorities()); err != nil {
		t.Fatal(err)
	}
	home := DevAuthorities()[:2]
	r := registry(t, at(now), devParties(t, root, home)...)
	server := r.ServerConfig(load(t, filepath.Join(root, "cn"), "gateway"))
	call := func(dir, name string) meeting {
		return meet(t, server, r.ClientConfig(load(t, filepath.Join(root, dir), name), uriCN))
	}
	for _, a := range home {
		for _, id := range a.Identities {
			m := call(a.Dir, id.Name)
			if m.serverErr != nil || m.clientErr != nil {
				t.Errorf("%s: %v, %v", id.URI, m.serverErr, m.clientErr)
			}
			got, err := r.Verify(m.server, AsClient)
			if err != nil || got.URI != id.URI {
				t.Errorf("%s: identity %v, %v", id.URI, got, err)
			}
			if _, err := r.Verify(m.server, AsServer); (err == nil) != id.Server {
				t.Errorf("%s as server: %v", id.URI, err)
			}
		}
	}
	if m := call("stranger", "copycat-post"); code(m.serverErr) != gateway.TLSUntrustedCA {
		t.Errorf("stranger's post: %v", m.serverErr)
	}
	stranger := meet(t, &tls.Config{Certificates: []tls.Certificate{load(t, filepath.Join(root, "stranger"), "copycat-gateway")}},
		r.ClientConfig(load(t, filepath.Join(root, "cn"), "gateway"), uriRU))
	if code(stranger.clientErr) != gateway.TLSUntrustedCA {
		t.Errorf("stranger's gateway: %v", stranger.clientErr)
	}

	for _, name := range []string{"post", "analyst"} { // a later list repeats the earlier one's entries
		if err := RevokeDev(filepath.Join(root, "cn"), now, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Replace(devParties(t, root, home)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]gateway.Code{"post": gateway.TLSRevoked, "analyst": gateway.TLSRevoked, "national": ""} {
		if m := call("cn", name); code(m.serverErr) != want {
			t.Errorf("%s: %v, want %q", name, m.serverErr, want)
		}
	}
}

func TestDevPKIKeepsKeysPrivateAndRefusesToOverwrite(t *testing.T) {
	root := t.TempDir()
	authority := []DevAuthority{{"ru", "RU CA", []DevIdentity{{"gateway", uriRU, true}}}}
	if err := GenerateDevPKI(root, now, authority); err != nil {
		t.Fatal(err)
	}
	modes := map[string]fs.FileMode{}
	for _, e := range must(os.ReadDir(filepath.Join(root, "ru")))(t) {
		modes[e.Name()] = must(e.Info())(t).Mode() & 0o077
	}
	want := map[string]fs.FileMode{"ca.pem": 0o044, "ca-key.pem": 0, "crl.pem": 0o044, "gateway.pem": 0o044, "gateway-key.pem": 0}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	before := must(os.ReadFile(filepath.Join(root, "ru/gateway.pem")))(t)
	err := GenerateDevPKI(root, now, append([]DevAuthority{{Dir: "cn", CommonName: "CN CA"}}, authority...))
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "cn")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
	if diff := cmp.Diff(before, must(os.ReadFile(filepath.Join(root, "ru/gateway.pem")))(t)); diff != "" {
		t.Error("the certificate changed")
	}
}

func TestGenerateSigningKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.pem")
	if err := GenerateSigningKey(path); err != nil {
		t.Fatal(err)
	}
	read := func(path, blockType string) []byte {
		block, _ := pem.Decode(must(os.ReadFile(path))(t))
		if block == nil || block.Type != blockType {
			t.Fatalf("%s: %v", path, block)
		}
		return block.Bytes
	}
	key := must(x509.ParsePKCS8PrivateKey(read(path, "PRIVATE KEY")))(t).(*ecdsa.PrivateKey)
	public := must(x509.ParsePKIXPublicKey(read(strings.TrimSuffix(path, ".pem")+".pub.pem", "PUBLIC KEY")))(t)
	if !key.PublicKey.Equal(public) {
		t.Error("the two files hold different keys")
	}
	if mode := must(os.Stat(path))(t).Mode(); mode&0o077 != 0 {
		t.Errorf("mode %v", mode)
	}
	if err := GenerateSigningKey(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwritten: %v", err)
	}
}

func TestLoadRefusesWhatDoesNotBelong(t *testing.T) {
	root := t.TempDir()
	authority := []DevAuthority{{"ru", "RU CA", []DevIdentity{{"gateway", uriRU, true}}}}
	if err := GenerateDevPKI(root, now, authority); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(root, "ru", name) }
	empty := filepath.Join(root, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCertificate(file("gateway.pem"), file("ca-key.pem")); err == nil {
		t.Error("a certificate with another's key was loaded")
	}
	if _, err := LoadCertificate(file("ca.pem"), file("ca-key.pem")); code(err) != gateway.TLSSAN {
		t.Errorf("a certificate without URI: %v", err)
	}
	for _, name := range []string{empty, file("crl.pem"), file("ca-key.pem"), file("missing.pem")} {
		if _, err := LoadRoots(name); err == nil {
			t.Errorf("roots from %s", name)
		}
	}
	for _, name := range []string{empty, file("ca.pem")} {
		if _, err := LoadCRLs(name); err == nil {
			t.Errorf("revocation lists from %s", name)
		}
	}
}

func TestExpiresWithin(t *testing.T) {
	for _, tt := range []struct {
		left            time.Duration
		threshold, days int
	}{
		{31 * day, 0, 31}, {30*day + time.Second, 0, 30}, {30 * day, 30, 30}, {14*day + time.Hour, 30, 14},
		{14 * day, 14, 14}, {7 * day, 7, 7}, {25 * time.Hour, 7, 1}, {day, 1, 1}, {time.Hour, 1, 0}, {-time.Second, 1, -1}, {-day, 1, -1},
	} {
		threshold, days := ExpiresWithin(now.Add(tt.left), now)
		if threshold != tt.threshold || days != tt.days {
			t.Errorf("%v left: %d, %d; want %d, %d", tt.left, threshold, days, tt.threshold, tt.days)
		}
	}
}
