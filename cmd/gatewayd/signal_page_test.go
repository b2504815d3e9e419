package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"customs.example/gateway/event"
	"customs.example/gateway/loopback"
)

// envelopesAt is a partner's door that keeps an envelope where the partner's files lie, and answers with 202 and nothing.
func (f *fetchedFrom) envelopesAt(address string) (came <-chan struct{}) {
	f.t.Helper()
	own, err := tls.LoadX509KeyPair(filepath.Join(f.dir, "gateway.pem"), filepath.Join(f.dir, "gateway-key.pem"))
	if err != nil {
		f.t.Fatal(err)
	}
	at, err := net.Listen("tcp", address)
	if err != nil {
		f.t.Fatal(err)
	}
	kept := make(chan struct{}, 1)
	server := &http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}, ErrorLog: event.Nowhere(),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, err := io.ReadAll(r.Body)
			if err = errors.Join(err, os.WriteFile(filepath.Join(f.dir, "envelope.xml"), raw, 0o600)); err != nil {
				f.t.Error(err)
			}
			w.WriteHeader(http.StatusAccepted)
			select {
			case kept <- struct{}{}:
			default:
			}
		}),
	}
	done := make(chan struct{})
	go func() { defer close(done); server.ServeTLS(at, "", "") }()
	f.t.Cleanup(func() { server.Close(); <-done })
	return kept
}

// TestParallelThePartnersSignalByHand types what the page has a partner type of an envelope that it was posted, with curl and
// openssl alone.
func TestParallelThePartnersSignalByHand(t *testing.T) {
	ports, err := loopback.Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	f := newPartnerOf(t, fmt.Sprintf(`address: %q, mode: https, questions: none, conversation: {profile: eaeu-decision-5.v1, own: %q, theirs: %q, path: /soap, messages: [{kind: PreArrivalNotice, action: %q, pattern: mutual-obligations}]}`,
		ports[0], conversationOwn, conversationTheirs, conversationAction))
	came := f.envelopesAt(ports[0])
	select {
	case <-came:
	case <-time.After(patience):
		t.Fatal("nothing is posted")
	}
	sh := newShell(t, f.dir)
	sh.run("DOOR=" + f.door)
	for _, s := range sessionOf(t, filepath.Join(api, "PARTNER.md"), "A signal by hand") {
		if got := sh.run(s.command); !shown(s.want).MatchString(got) {
			t.Fatalf("%s prints\n%s\nthe page says\n%s", s.command, got, s.want)
		}
	}
	if out := f.run("gatewayctl", "status", f.submitted); !strings.Contains(out, "accepted") {
		t.Errorf("its post sees\n%s", out)
	}
}
