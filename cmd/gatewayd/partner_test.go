package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/card"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// cardOf makes a PKI in earnest for an administration, and its card.
func (s *site) cardOf(own gateway.Administration, keyID string, change ...func(*card.Card)) (raw []byte, fingerprint gateway.Digest) {
	s.t.Helper()
	dir := "card-" + keyID // beside what the site has
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
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
	cert := d.certificateOf("card-kz-1/gateway.pem")
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
	before = d.text("cn.yaml")
	if said, ok := d.partner("add", d.file("kz.card"), "-fingerprint", spoken); !ok || !strings.Contains(said, "it says what is known here already") || d.text("cn.yaml") != before {
		t.Errorf("added twice: %s", said)
	}
}

// TestACardRenewsAPartner: another address, root, public key and signing key, and a key that
// lasts longer. Two people confirm what vouches for it, and until then what did goes on to.
func TestACardRenewsAPartner(t *testing.T) {
	d := newSite(t).start()
	first, fingerprint := d.cardOf("KZ", "kz-1")
	d.write("kz.card", string(first), 0o644)
	for _, who := range []string{"anna", "boris"} {
		do := "add"
		if who == "boris" {
			do = "confirm"
		}
		if said, ok := d.partner(do, d.file("kz.card"), "-fingerprint", fingerprint.String(), "-as", who, "-key", d.file(who+".pem")); !ok {
			t.Fatal(said)
		}
	}
	d.restart()
	old, c := d.certificateOf("card-kz-1/gateway.pem"), d.text("cn.yaml")
	known, _, err := card.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	second, fingerprint := d.cardOf("KZ", "kz-2", func(c *card.Card) {
		longer := known.Keys[0]
		longer.Until = longer.Until.AddDate(0, 1, 0)
		c.GRPC, c.Keys = "two.kz.example:8443", append(c.Keys, longer)
	})
	d.write("kz2.card", string(second), 0o644)
	fresh := d.certificateOf("card-kz-2/gateway.pem")
	said, ok := d.partner("add", d.file("kz2.card"), "-fingerprint", fingerprint.String(), "-as", "anna", "-key", d.file("anna.pem"))
	for _, part := range []string{
		"~ its address gateway.kz.example:8443 becomes two.kz.example:8443", "the card does not name root CN=KZ CA", "+ root CN=KZ CA", "- public key of its gateway ", "+ public key of its gateway ",
		"+ signing key kz-2", "~ signing key kz-1, until 2027-02-02", "becomes until 2027-03-02", "1 more is needed",
	} {
		if !ok || !strings.Contains(said, part) {
			t.Errorf("add says\n%swant %q", said, part)
		}
	}
	if strings.Contains(said, "a partner: ") {
		t.Errorf("a partner that is known is told as new: %s", said)
	}
	want := strings.NewReplacer("gateway.kz.example:8443", "two.kz.example:8443", known.Pins[0].String(), mtls.SPKIPin(fresh).String(), "2027-02-02T12:00:00Z", "2027-03-02T12:00:00Z").Replace(c)
	added := regexp.MustCompile(`(?m)^ +- \{id: "kz-2", administration: "KZ", file: "partners/kz/kz-2.pub.pem", .*\n`)
	if diff := cmp.Diff(want, added.ReplaceAllString(d.text("cn.yaml"), "")); diff != "" || !added.MatchString(d.text("cn.yaml")) {
		t.Errorf("the configuration now (-want +got):\n%s", diff)
	}
	d.restart()
	if got := d.admits(old); got != "" {
		t.Errorf("what vouched before is refused after one confirmation: %s", got)
	}
	if got := d.admits(fresh); got == "" {
		t.Error("what one confirmed vouches")
	}
	if said, ok := d.partner("confirm", d.file("kz2.card"), "-fingerprint", fingerprint.String(), "-as", "boris", "-key", d.file("boris.pem")); !ok {
		t.Fatal(said)
	}
	d.look(t.Context())
	if got := d.admits(fresh); got != "" {
		t.Errorf("confirmed by two and refused: %s", got)
	}
	if got := d.admits(old); got == "" {
		t.Error("what the card does not name any more still vouches")
	}
	if said, ok := d.partner("show", d.file("kz.card")); !ok || !strings.Contains(said, "the card does not name signing key kz-2: it stays until") {
		t.Errorf("the older card says\n%s", said)
	}
}

// TestARenewalThatCannotBe is refused, and leaves everything as it was.
func TestARenewalThatCannotBe(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*card.Card)
		edit   func(*site)
		want   string
	}{
		"a key of the same name": {func(c *card.Card) { c.Keys[0].ID = "ru-1" }, func(*site) {}, "signed by"},
		"a root file that vouches for others": {func(*card.Card) {}, func(s *site) {
			s.edit("offices: [\"0603\"], roots: cn/ca.pem", "offices: [\"0603\"], roots: ru/ca.pem")
		}, "vouches for others too"},
		"pins on several lines": {func(*card.Card) {}, func(s *site) {
			pin := s.pin("ru/gateway.pem").String()
			s.edit("["+pin+"]", "\n      - "+pin+"\n      - "+strings.Repeat("0", 64))
		}, "pins, expected it on one line"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			tt.edit(s)
			before, roots := s.text("cn.yaml"), s.text("ru/ca.pem")
			raw, fingerprint := s.cardOf("RU", "ru-2", tt.change)
			s.write("card", string(raw), 0o644)
			said, ok := s.partner("add", s.file("card"), "-fingerprint", fingerprint.String())
			if ok || !strings.Contains(said, tt.want) || s.text("cn.yaml") != before || s.text("ru/ca.pem") != roots {
				t.Errorf("%s\nwant %q, and nothing written", said, tt.want)
			}
		})
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

// TestACardSaysWhatItLacks holds what is said of each file that a card needs, and that is not
// there, is not named or holds something else, in five languages, to a file.
func TestACardSaysWhatItLacks(t *testing.T) {
	s := newSite(t).start()
	c, _, err := readConfig(s.file("cn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	known, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	c.Certificate.Roots, c.Certificate.CRLs = s.file("cn/ca.pem"), s.file("cn/crl.pem")
	if _, err := c.card(known, known.Routes); err != nil {
		t.Fatalf("with all files: %v", err)
	}
	trusted := slices.IndexFunc(c.Trust, func(k seal.TrustFile) bool { return k.Administration == c.Administration })
	s.write("text.pem", "no block\n", 0o644)
	var said strings.Builder
	for _, tt := range []struct {
		title string
		lacks func(c *Config)
	}{
		{"no revocation lists named", func(c *Config) { c.Certificate.CRLs = "" }},
		{"no roots named, and no callers", func(c *Config) { c.Certificate.Roots, c.Callers = "", nil }},
		{"no file of revocation lists", func(c *Config) { c.Certificate.CRLs = s.file("gone.pem") }},
		{"another file as revocation lists", func(c *Config) { c.Certificate.CRLs = s.file("text.pem") }},
		{"a directory as roots", func(c *Config) { c.Certificate.Roots = s.file("cn") }},
		{"no certificate", func(c *Config) { c.Certificate.Cert = s.file("gone.pem") }},
		{"no file of an own key", func(c *Config) { c.Trust[trusted].File = s.file("gone.pem") }},
		{"no own key", func(c *Config) { c.Trust = nil }},
		{"nothing", func(c *Config) { *c = Config{Administration: c.Administration} }},
	} {
		lacking := c
		lacking.Trust = slices.Clone(c.Trust)
		tt.lacks(&lacking)
		_, err := lacking.card(known, known.Routes)
		var faults gateway.Faults
		if !errors.As(err, &faults) || store.Unavailable(err) {
			t.Errorf("%s: %v", tt.title, err)
			continue
		}
		for i := range faults {
			faults[i].Value = strings.TrimPrefix(faults[i].Value, s.dir+string(os.PathSeparator))
		}
		fmt.Fprintf(&said, "# %s\n", tt.title)
		for _, lang := range gateway.Languages {
			if err := gateway.PrintReports(&said, faults.Report(lang), lang); err != nil {
				t.Fatal(err)
			}
		}
	}
	golden(t, "testdata/card-lacks.txt", said.String())
}
