package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"customs.example/gateway/conversation"
	"customs.example/gateway/loopback"
	"customs.example/gateway/seal"
	"customs.example/mappings"
)

const (
	conversationOwn    = "EAEU://CN/CA/GACC"
	conversationTheirs = "EAEU://KZ/CP/P.CP.01/P.CP.01.ACT.001"
	conversationAction = "int://CP/P.CP.01/1.0.0/P.CP.01.PRC.001/P.CP.01.TRN.001/P.CP.01.MSG.001"
)

// TestParallelAPartnerOfAnotherMakeConverses runs the program that takes envelopes and signals what becomes of them: signed
// or not, at once or later by itself, accepted or refused. Without a signature nothing counts as accepted or refused, and
// where the record does not allow it, nothing counts at all.
func TestParallelAPartnerOfAnotherMakeConverses(t *testing.T) {
	program, err := filepath.Abs(filepath.Join(api, "conversing.py"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		more     []string
		receipts string
		pattern  string
		want     string // in the status
		audited  string
	}{
		"signed, later":             {[]string{"--later"}, "signed", "mutual-obligations", "message state +accepted", ""},
		"unsigned, later":           {[]string{"--unsigned", "--later"}, "plain", "notification", "message state +acknowledged, unsigned", ""},
		"refused":                   {[]string{"--refuse", "CP01-0007=The plate is not known."}, "plain", "mutual-obligations", `(?s)message state +dead.*REFUSED_UNSIGNED\n.*CP01-0007:\s+The\s+plate\s+is\s+not\s+known\.`, ""},
		"unsigned, and not allowed": {[]string{"--unsigned", "--later"}, "signed", "mutual-obligations", "message state +sent", "RECEIPT_PLAIN"},
	} {
		t.Run(name, func(t *testing.T) {
			ports, err := loopback.Addresses(1)
			if err != nil {
				t.Fatal(err)
			}
			f := newPartnerOf(t, fmt.Sprintf(`address: %q, mode: https, questions: none, receipts: %s, conversation: {profile: eaeu-decision-5.v1, own: %q, theirs: %q, path: /soap, messages: [{kind: PreArrivalNotice, action: %q, pattern: %s}]}`,
				ports[0], c.receipts, conversationOwn, conversationTheirs, conversationAction, c.pattern))
			receiving := exec.Command("python3", append([]string{
				"-B", program, "--listen", ports[0], "--gateway", "customs://CN/gateway/1", "--door", f.door, "--own", "KZ", "--sender", "CN", "--ca", "ca.pem",
				"--cert", "gateway.pem", "--key", "gateway-key.pem", "--trust", "cn-1=cn-1.pub.pem", "--signing", "signing.pem", "--key-id", "kz-1", "--dir", "came",
				"--own-address", conversationTheirs, "--their-address", conversationOwn,
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
					t.Logf("the partner:\n%s", &out)
				}
			}()
			until := func(want, name string, args ...string) {
				t.Helper()
				deadline := time.Now().Add(patience)
				for {
					if shown := f.run(name, args...); regexp.MustCompile(want).MatchString(shown) {
						return
					} else if time.Now().After(deadline) {
						t.Fatalf("%s shows\n%s", name, shown)
					}
					time.Sleep(50 * time.Millisecond)
				}
			}
			until(c.want, "gatewayctl", "status", f.submitted)
			if c.audited != "" {
				f.as("auditor")
				until(c.audited, "gatewayctl", "audit")
				f.as("post-9402")
				until(c.want, "gatewayctl", "status", f.submitted)
			}
			came, err := filepath.Glob(filepath.Join(f.dir, "came", "*.xml"))
			if err != nil || len(came) != 1 {
				t.Errorf("it has kept %v, %v", came, err)
			}
		})
	}
}

// as has gatewayctl speak as another caller of the gateway.
func (f *fetchedFrom) as(who string) {
	pki := filepath.Join(f.dir, "pki", "cn")
	f.env = append(f.env, "GATEWAY_CERT="+filepath.Join(pki, who+".pem"), "GATEWAY_KEY="+filepath.Join(pki, who+"-key.pem"))
}

// TestThePartnersEnvelope holds the envelope among the page's vectors to what is written of the message there.
func TestThePartnersEnvelope(t *testing.T) {
	dir := filepath.Join(api, "vectors")
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	profiles, err := conversation.Load(mappings.FS)
	if err != nil {
		t.Fatal(err)
	}
	profile, _ := profiles.Profile("eaeu-decision-5.v1")
	with := conversation.Partner{Profile: profile, Own: conversationOwn, Theirs: conversationTheirs, Kinds: map[string]conversation.Kind{"PreArrivalNotice": {Action: conversationAction}}}
	h, err := seal.ParseHeader(read("header.json"))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := with.Send(h.Kind, h.MessageID, h.Conversation, 1)
	envelope, err := profile.WriteDocument(a, read("header.json"), read("header.sig"), read("document.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(filepath.Join(dir, "envelope.xml"), envelope, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(envelope, read("envelope.xml")) {
		t.Error("the envelope among the vectors is another")
	}
}
