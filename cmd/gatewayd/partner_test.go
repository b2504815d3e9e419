package main

import (
	"bytes"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"

	"customs.example/gateway"
	"customs.example/gateway/card"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// cardOf makes a PKI in earnest for an administration, and its card.
func (s *site) cardOf(own gateway.Administration, keyID string, change ...func(*card.Card)) (raw []byte, fingerprint gateway.Digest) {
	s.t.Helper()
	dir := strings.ToLower(string(own))
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	dir = "card-" + dir // beside what the site has
	must(os.MkdirAll(s.file(dir), 0o755))
	must(mtls.GenerateSigningKey(s.file(dir + "/signing.pem")))
	ca := s.ca(dir+"/ca.pem", string(own)+" CA")
	leaf := s.issue(ca, dir+"/gateway", "customs://"+string(own)+"/gateway/1")
	s.revoke(ca, dir+"/crl.pem", noon, 90*day)
	span := seal.Validity{From: noon.AddDate(0, -1, 0), Until: noon.AddDate(0, 11, 0)}
	keys, err := seal.LoadKeyring(own, []seal.KeyFile{{ID: keyID, File: s.file(dir + "/signing.pem"), Validity: span}})
	must(err)
	roots, err := mtls.SplitPEM(s.file(dir + "/ca.pem"))
	must(err)
	lists, err := mtls.SplitPEM(s.file(dir + "/crl.pem"))
	must(err)
	c := card.Card{
		Administration: own, URI: "customs://" + string(own) + "/gateway/1", GRPC: "gateway.kz.example:8443", REST: "gateway.kz.example:8444",
		Roots: roots, CRLs: lists, Pins: []gateway.Digest{mtls.SPKIPin(leaf)},
		Keys:       []card.Key{{ID: keyID, From: span.From, Until: span.Until, Public: s.text(dir + "/signing.pub.pem")}},
		Formats:    []card.Format{{Direction: card.Reads, Partner: "CN", Kind: "PreArrivalNotice", Table: "eaeu/auto-preliminary.v1+kz", Schema: gateway.DigestOf(nil)}},
		MaxMessage: 8 << 20, DutyDesk: "+7 000 000 00 00",
	}
	for _, f := range change {
		f(&c)
	}
	raw, fingerprint, err = card.Sign(c, keys, noon)
	must(err)
	return raw, fingerprint
}

// partner runs the command, and returns what it said and whether it was done.
func (s *site) partner(args ...string) (string, bool) {
	var out bytes.Buffer
	err := addPartner(flag.NewFlagSet("partner", flag.ContinueOnError), append(args, "-config", s.file("cn.yaml")), stdio{nil, &out, &out}, noon)
	if err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.String(), err == nil
}

// TestAPartnerIsAddedByTwoPeople who compare the fingerprint each, and until then its gateway
// is let in by nobody.
func TestAPartnerIsAddedByTwoPeople(t *testing.T) {
	d := newSite(t).start()
	raw, fingerprint := d.cardOf("KZ", "kz-1")
	d.write("kz.card", string(raw), 0o644)
	spoken := fingerprint.Spoken()
	before := d.text("cn.yaml")

	said, ok := d.partner("show", d.file("kz.card"))
	for _, part := range []string{
		"card of KZ, issued " + instant(noon), "fingerprint " + spoken, "+ a partner: customs://KZ/gateway/1 at gateway.kz.example:8443 speaks for KZ",
		"+ root CN=KZ CA", "+ signing key kz-1", "no route leads there from an office", "PreArrivalNotice as eaeu/auto-preliminary.v1+kz by ANOTHER schema", "duty desk: +7 000 000 00 00",
	} {
		if !ok || !strings.Contains(said, part) {
			t.Errorf("show says\n%swant %q", said, part)
		}
	}
	for _, wrong := range []string{"", "1234", strings.Repeat("0", 64)} {
		if said, ok := d.partner("add", d.file("kz.card"), "-fingerprint", wrong); ok || !strings.Contains(said, "fingerprint") {
			t.Errorf("added by the fingerprint %q: %s", wrong, said)
		}
	}
	if d.text("cn.yaml") != before {
		t.Fatal("the configuration was changed by what was refused")
	}
	if said, ok := d.partner("add", d.file("kz.card"), "-fingerprint", spoken, "-as", "anna", "-key", d.file("anna.pem")); !ok || !strings.Contains(said, "confirmed by anna; 1 more is needed") {
		t.Fatal(said)
	}
	cert := d.certificateOf("card-kz/gateway.pem")
	d.restart()
	if got := d.admits(cert); got != gateway.TLSUnknownIdentity {
		t.Errorf("after one confirmation: %q", got)
	}
	if said, ok := d.partner("confirm", d.file("kz.card"), "-fingerprint", spoken, "-as", "anna", "-key", d.file("anna.pem")); ok || !strings.Contains(said, "anna has confirmed this change already") {
		t.Errorf("confirmed by the same person twice: %s", said)
	}
	if said, ok := d.partner("confirm", d.file("kz.card"), "-fingerprint", strings.Repeat("1", 64), "-as", "boris", "-key", d.file("boris.pem")); ok {
		t.Errorf("confirmed by a fingerprint that nobody read out: %s", said)
	}
	if said, ok := d.partner("confirm", d.file("kz.card"), "-fingerprint", fingerprint.String(), "-as", "boris", "-key", d.file("boris.pem")); !ok {
		t.Fatal(said)
	}
	d.look(t.Context())
	if got := d.admits(cert); got != "" {
		t.Errorf("confirmed by two and refused: %s", got)
	}
	if said, ok := d.partner("add", d.file("kz.card"), "-fingerprint", spoken); ok || !strings.Contains(said, "knows KZ already") {
		t.Errorf("added twice: %s", said)
	}
}

// TestACardConfirmsNothingElse: whoever hides a change of another's roots behind a new partner
// does not get it confirmed by its card.
func TestACardConfirmsNothingElse(t *testing.T) {
	for name, hide := range changes {
		t.Run(name, func(t *testing.T) {
			d := newSite(t).start()
			raw, fingerprint := d.cardOf("KZ", "kz-1")
			d.write("kz.card", string(raw), 0o644)
			if said, ok := d.partner("add", d.file("kz.card"), "-fingerprint", fingerprint.String()); !ok || !strings.Contains(said, "count when two administrators") {
				t.Fatal(said)
			}
			hide(d.site)
			said, ok := d.partner("confirm", d.file("kz.card"), "-fingerprint", fingerprint.String(), "-as", "boris", "-key", d.file("boris.pem"))
			if ok || !strings.Contains(said, "than the card says") && !strings.Contains(said, "also takes away") {
				t.Errorf("confirmed: %s", said)
			}
		})
	}
}

// TestCardsThatMakeNoPartner are refused, and nothing is written.
func TestCardsThatMakeNoPartner(t *testing.T) {
	for name, tt := range map[string]struct {
		own   gateway.Administration
		keyID string
		want  string
	}{
		"of this administration": {"CN", "cn-2", "this is a card of CN, whose gateway this is"},
		"of one that is known":   {"RU", "ru-2", "knows RU already"},
		"with another's key id":  {"KZ", "ru-1", "trusts a key ru-1 already"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			before := s.text("cn.yaml")
			raw, fingerprint := s.cardOf(tt.own, tt.keyID)
			s.write("card", string(raw), 0o644)
			said, ok := s.partner("add", s.file("card"), "-fingerprint", fingerprint.String())
			if ok || !strings.Contains(said, tt.want) || s.text("cn.yaml") != before {
				t.Errorf("%s\nwant %q, and nothing written", said, tt.want)
			}
		})
	}
	s := newSite(t)
	s.write("card", "{}", 0o644)
	if said, ok := s.partner("show", s.file("card")); ok || !strings.Contains(said, "card: ") {
		t.Error(said)
	}
}

// TestACardOfAnEnemy: whoever makes a card chooses each text in it. None becomes a command to the
// terminal that it is shown on, and none takes the place of somebody who is known here.
func TestACardOfAnEnemy(t *testing.T) {
	s := newSite(t)
	hostile := s.ca("enemy.pem", "RU CA\x1b[2J\r\n+ root \u202eCN")
	raw, fingerprint := s.cardOf("KZ", "kz-1", func(c *card.Card) {
		c.Roots = append(c.Roots, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hostile.cert.Raw})))
		c.GRPC, c.DutyDesk = "#{a}:1", `+7 "; roots: [*all] #{${HOME}}`
	})
	s.write("card", string(raw), 0o644)
	said, ok := s.partner("show", s.file("card"))
	if strings.ContainsFunc(said, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) || !ok || strings.Count(said, "+ root") != 3 || strings.Count(said, "\n  + root") != 2 {
		t.Errorf("show says %q", said)
	}
	if said, ok := s.partner("add", s.file("card"), "-fingerprint", fingerprint.String()); !ok {
		t.Fatal(said)
	}
	c, _, err := readConfig(s.file("cn.yaml"))
	if err != nil || len(c.Partners) != 2 || c.Partners[1].Address != "#{a}:1" || len(c.Partners[1].Administrations) != 1 || c.Partners[0].URI != "customs://RU/gateway/1" {
		t.Errorf("the partners are %+v, %v", c.Partners, err)
	}

	for uri, want := range map[string]string{
		"customs://CN/office/0603/post/1": "knows customs://CN/office/0603/post/1 already", "customs://RU/gateway/1": "knows customs://RU/gateway/1 already",
		"customs://KZ/gateway/1'%22]#{a:b}": "TLS_PARTY", // written, no gateway would start with it
	} {
		s := newSite(t)
		before := s.text("cn.yaml")
		raw, fingerprint := s.cardOf("KZ", "kz-1", func(c *card.Card) { c.URI = uri })
		s.write("card", string(raw), 0o644)
		said, ok := s.partner("add", s.file("card"), "-fingerprint", fingerprint.String())
		if ok || !strings.Contains(said, want) || s.text("cn.yaml") != before {
			t.Errorf("%s\nwant %s refused, and nothing written", said, uri)
		}
	}
}
