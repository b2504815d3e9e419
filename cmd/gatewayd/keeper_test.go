package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/mtls"
	"customs.example/gateway/store"
)

// desk is a site whose gateway keeps its keys, with a clock that the test sets.
type desk struct {
	*site
	*keeper
	instant time.Time
	log     bytes.Buffer
	db      *store.Store
}

// start starts the gateway of a site, as far as its keys go.
func (s *site) start() *desk {
	s.t.Helper()
	d := &desk{site: s, instant: noon}
	d.restart()
	s.t.Cleanup(func() { d.db.Close() })
	return d
}

func (d *desk) restart() {
	d.t.Helper()
	if d.db != nil {
		d.db.Close()
	}
	clock := func() time.Time { return d.instant }
	loaded, found, err := prepare(d.file("cn.yaml"), d.instant, loadOnce)
	if err != nil || found.Refuse() {
		d.t.Fatal(err, found)
	}
	if d.keeper, err = newKeeper(loaded, event.NewLog(slog.New(slog.NewJSONHandler(&d.log, nil))), clock); err != nil {
		d.t.Fatal(err)
	}
	if d.db, err = store.Open(d.t.Context(), loaded.Database, clock); err != nil {
		d.t.Fatal(err)
	}
	d.unit = func(ctx context.Context, work func(*store.Tx) error) error {
		_, err := d.db.Do(ctx, work)
		return err
	}
	if err := d.begin(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// logged returns what was logged since the last time, as message and the named values.
func (d *desk) logged(names ...string) (out []string) {
	d.t.Helper()
	for line := range strings.Lines(d.log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			d.t.Fatal(err)
		}
		text := fmt.Sprint(record["msg"])
		for _, name := range names {
			if v, ok := record[name]; ok {
				text += fmt.Sprintf(" %s=%v", name, v)
			}
		}
		out = append(out, digits.ReplaceAllString(text, "DIGEST"))
	}
	d.log.Reset()
	return out
}

// admits says whether the partner may show a certificate now, as a client.
func (d *desk) admits(cert *x509.Certificate) gateway.Code {
	_, err := d.registry.Verify(tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{cert}}, mtls.AsClient)
	var f gateway.Fault
	errors.As(err, &f)
	return f.Code
}

func (s *site) certificateOf(name string) *x509.Certificate {
	s.t.Helper()
	certs, err := mtls.LoadRoots(s.file(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return certs[0]
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestNewCertificateIsTaken and no bad one ever: the one before stays, it is told once, and
// the next good one is taken.
func TestNewCertificateIsTaken(t *testing.T) {
	const own = "customs://CN/gateway/1"
	for _, tt := range []struct {
		name string
		put  func(*site)
		ok   bool
	}{
		{"renewed", func(s *site) { s.issue(s.cn, "cn/gateway", own) }, true},
		{"renewed and valid longer", func(s *site) {
			s.issue(s.cn, "cn/gateway", own, func(c *x509.Certificate) { c.NotAfter = noon.Add(300 * day) })
		}, true},
		{"the certificate before its key", func(s *site) {
			key := s.text("cn/gateway-key.pem")
			s.issue(s.cn, "cn/gateway", own)
			s.write("cn/gateway-key.pem", key, 0o600)
		}, false},
		{"half of it", func(s *site) { s.write("cn/gateway.pem", s.text("cn/gateway.pem")[:200], 0o644) }, false},
		{"nothing", func(s *site) { s.write("cn/gateway.pem", "", 0o644) }, false},
		{"gone", func(s *site) { os.Remove(s.file("cn/gateway.pem")) }, false},
		{"half of its key", func(s *site) { s.write("cn/gateway-key.pem", s.text("cn/gateway-key.pem")[:50], 0o600) }, false},
		{"a key that others read", func(s *site) { s.issue(s.cn, "cn/gateway", own); os.Chmod(s.file("cn/gateway-key.pem"), 0o644) }, false},
		{"a foreign one", func(s *site) { s.issue(s.ru, "cn/gateway", own) }, false},
		{"one of another name", func(s *site) { s.issue(s.cn, "cn/gateway", "customs://CN/gateway/2") }, false},
		{"a client's", func(s *site) {
			s.issue(s.cn, "cn/gateway", own, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{mtls.AsClient} })
		}, false},
		{"one that has ended", func(s *site) {
			s.issue(s.cn, "cn/gateway", own, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) })
		}, false},
		{"tomorrow's", func(s *site) {
			s.issue(s.cn, "cn/gateway", own, func(c *x509.Certificate) { c.NotBefore = noon.Add(day) })
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newSite(t).start()
			before := d.certificate.Leaf
			d.logged()
			tt.put(d.site)
			for range 3 {
				d.look(t.Context())
			}
			told := d.logged("what")
			if tt.ok {
				if d.certificate.Leaf.Equal(before) || !d.certificate.Leaf.Equal(d.certificateOf("cn/gateway.pem")) {
					t.Error("the new one is not in force")
				}
				same(t, "log", []string{"own certificate taken"}, told)
				return
			}
			if !d.certificate.Leaf.Equal(before) {
				t.Error("the one before is no longer in force")
			}
			same(t, "log", []string{"keys not taken; those before stay in force what=certificate"}, told)
			d.issue(d.cn, "cn/gateway", own)
			d.look(t.Context())
			if !d.certificate.Leaf.Equal(d.certificateOf("cn/gateway.pem")) {
				t.Error("the good one after it is not in force")
			}
			same(t, "log", []string{"own certificate taken", "keys in order again what=certificate"}, d.logged("what"))
		})
	}
}

// TestTomorrowsCertificateIsTakenTomorrow looks at files that nobody touches again.
func TestTomorrowsCertificateIsTakenTomorrow(t *testing.T) {
	d := newSite(t).start()
	d.issue(d.cn, "cn/gateway", "customs://CN/gateway/1", func(c *x509.Certificate) { c.NotBefore = noon.Add(day) })
	d.look(t.Context())
	if d.certificate.Leaf.Equal(d.certificateOf("cn/gateway.pem")) {
		t.Error("taken before it begins")
	}
	d.instant = noon.Add(day + time.Second)
	d.look(t.Context())
	if !d.certificate.Leaf.Equal(d.certificateOf("cn/gateway.pem")) {
		t.Error("not taken")
	}
}

// TestNewRevocationListCounts at the next look, for open connections too, and a bad list
// never takes the place of a good one.
func TestNewRevocationListCounts(t *testing.T) {
	for _, tt := range []struct {
		name string
		put  func(*site, *x509.Certificate)
		want gateway.Code
		told int // troubles
	}{
		{"it is revoked", func(s *site, c *x509.Certificate) { s.revoke(s.ru, "ru/crl.pem", noon.Add(time.Minute), 90*day, c) }, gateway.TLSRevoked, 0},
		{"another is revoked", func(s *site, c *x509.Certificate) {
			s.revoke(s.ru, "ru/crl.pem", noon.Add(time.Minute), 90*day, s.cn.cert)
		}, "", 0},
		{"half a list", func(s *site, c *x509.Certificate) {
			s.revoke(s.ru, "ru/crl.pem", noon.Add(time.Minute), 90*day, c)
			s.write("ru/crl.pem", s.text("ru/crl.pem")[:100], 0o644)
		}, "", 1},
		{"no list", func(s *site, c *x509.Certificate) { os.Remove(s.file("ru/crl.pem")) }, "", 1},
		{"a stranger's list", func(s *site, c *x509.Certificate) { s.revoke(s.cn, "ru/crl.pem", noon, 90*day, c) }, "", 1},
		{"an older list", func(s *site, c *x509.Certificate) { s.revoke(s.ru, "ru/crl.pem", noon.Add(-time.Hour), 90*day) }, "", 1},
		{"a list that has ended", func(s *site, c *x509.Certificate) { s.revoke(s.ru, "ru/crl.pem", noon.Add(time.Second), time.Second) }, "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newSite(t).start()
			cert := d.certificateOf("ru/gateway.pem")
			conn := &countingCloser{}
			if _, err := d.registry.Watch(conn, tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{cert}}, mtls.AsClient); err != nil {
				t.Fatal(err)
			}
			d.instant = noon.Add(time.Hour)
			d.logged()
			tt.put(d.site, cert)
			for range 3 {
				d.look(t.Context())
			}
			if got := d.admits(cert); got != tt.want {
				t.Errorf("admitted with %q, want %q", got, tt.want)
			}
			if closed := tt.want != ""; (conn.closed == 1) != closed || conn.closed > 1 {
				t.Errorf("the open connection was closed %d times", conn.closed)
			}
			told := 0
			for _, line := range d.logged("what") {
				if line == "keys not taken; those before stay in force what=customs://RU/gateway/1" {
					told++
				}
			}
			if told != tt.told {
				t.Errorf("told %d times, want %d", told, tt.told)
			}
		})
	}
}

type countingCloser struct{ closed int }

func (c *countingCloser) Close() error { c.closed++; return nil }

// TestListThatEndsClosesTheConnection has time alone pass.
func TestListThatEndsClosesTheConnection(t *testing.T) {
	d := newSite(t).start()
	cert, conn := d.certificateOf("ru/gateway.pem"), &countingCloser{}
	if _, err := d.registry.Watch(conn, tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{cert}}, mtls.AsClient); err != nil {
		t.Fatal(err)
	}
	d.instant = noon.Add(90*day - time.Second)
	d.look(t.Context())
	if conn.closed != 0 {
		t.Error("closed before the end")
	}
	d.instant = noon.Add(90*day + time.Second)
	d.look(t.Context())
	if conn.closed != 1 || LookEvery > 60*time.Second {
		t.Errorf("closed %d times", conn.closed)
	}
}

func (d *desk) audited() (out []string) {
	d.t.Helper()
	rows, err := d.db.Read().Audit(d.t.Context(), 0, 100)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, r := range rows {
		out = append(out, strings.Join([]string{r.Actor, r.Event, r.Subject}, ", "))
	}
	return out
}

// trust runs the command at the desk's time, and returns what it said and whether it failed.
func (d *desk) trust(args ...string) (string, bool) {
	var out bytes.Buffer
	flags := flag.NewFlagSet("trust", flag.ContinueOnError)
	err := changeTrust(flags, append([]string{args[0], "-config", d.file("cn.yaml")}, args[1:]...), stdio{nil, &out, &out}, d.instant)
	if err != nil {
		fmt.Fprintln(&out, err)
	}
	return digits.ReplaceAllString(out.String(), "DIGEST"), err == nil
}

// pending is the digest of the change that waits.
func (d *desk) pending() string {
	d.t.Helper()
	files := proposed(d.files, d.setup.administrators)
	return d.setup.anchors.Then(files).Digest().String()
}

func (d *desk) confirm(who, key, digest string) (string, bool) {
	return d.trust("confirm", "-as", who, "-key", d.file(key), digest)
}

// changes of trust, each of which lets a new key of the partner's in.
var changes = map[string]func(*site) *x509.Certificate{
	"another root": func(s *site) *x509.Certificate {
		s.ru = s.ca("ru/ca.pem", "RU next CA")
		s.revoke(s.ru, "ru/crl.pem", noon, 90*day)
		cert := s.issue(s.ru, "ru/next", "customs://RU/gateway/1")
		s.edit(s.pin("ru/gateway.pem").String(), s.pin("ru/next.pem").String())
		return cert
	},
	"a root more": func(s *site) *x509.Certificate {
		roots, lists := s.text("ru/ca.pem"), s.text("ru/crl.pem")
		next := s.ca("ru/ca.pem", "RU next CA")
		s.revoke(next, "ru/crl.pem", noon, 90*day)
		s.write("ru/ca.pem", roots+s.text("ru/ca.pem"), 0o644)
		s.write("ru/crl.pem", lists+s.text("ru/crl.pem"), 0o644)
		cert := s.issue(next, "ru/next", "customs://RU/gateway/1")
		old := s.pin("ru/gateway.pem").String()
		s.edit(old, old+", "+s.pin("ru/next.pem").String())
		return cert
	},
	"a pin more": func(s *site) *x509.Certificate {
		cert := s.issue(s.ru, "ru/next", "customs://RU/gateway/1")
		old := s.pin("ru/gateway.pem").String()
		s.edit(old, old+", "+s.pin("ru/next.pem").String())
		return cert
	},
}

// TestChangeOfTrustWaitsForTwoPeople also across a restart, and is audited with their names.
func TestChangeOfTrustWaitsForTwoPeople(t *testing.T) {
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			d := newSite(t).start()
			same(t, "audit", []string{"gateway, trust taken at the first start, change 1"}, d.audited())
			old := d.certificateOf("ru/gateway.pem")
			next := change(d.site)
			d.logged()
			for range 3 {
				d.look(t.Context())
			}
			same(t, "log", []string{"keys not taken; those before stay in force what=trust"}, d.logged("what"))
			waits := func(when string) {
				t.Helper()
				if got := d.admits(next); got == "" {
					t.Errorf("%s: the new key is let in", when)
				}
				if got := d.admits(old); got != "" {
					t.Errorf("%s: the old key is refused: %s", when, got)
				}
			}
			waits("nobody has confirmed")

			digest := d.pending()
			for _, tt := range []struct {
				who, key, digest, want string
				ok                     bool
			}{
				{"anna", "boris.pem", digest, "this is not the key of anna", false},
				{"carol", "anna.pem", digest, "carol is no administrator in force", false},
				{"anna", "anna.pem", strings.Repeat("ab", 32), "DIGEST is not the pending change, which is DIGEST", false},
				{"anna", "anna.pem", "ab", "digest", false},
				{"anna", "anna.pem", digest, "confirmed by anna; 1 more is needed", true},
				{"anna", "anna.pem", digest, "anna has confirmed this change already; another administrator has to", false},
				{"boris", "anna.pem", digest, "this is not the key of boris", false},
			} {
				if said, ok := d.confirm(tt.who, tt.key, tt.digest); ok != tt.ok || !strings.Contains(said, tt.want) {
					t.Errorf("%s with %s: %t, %s", tt.who, tt.key, ok, said)
				}
				d.look(t.Context())
				waits("confirmed by one")
			}
			d.restart()
			if name == "another root" { // whose file holds no list of the old one, which the gateway had in memory
				if got := d.admits(old); got != gateway.TLSCRLStale || d.admits(next) == "" {
					t.Errorf("after a restart: old %q, new %q", got, d.admits(next))
				}
			} else {
				waits("after a restart")
			}
			if said, ok := d.trust("show"); !ok || !strings.Contains(said, "confirmed by anna") || !strings.Contains(said, "needs 1 more of: anna, boris") {
				t.Errorf("show: %s", said)
			}

			if said, ok := d.confirm("boris", "boris.pem", digest); !ok {
				t.Error(said)
			}
			d.logged()
			d.look(t.Context())
			if got := d.admits(next); got != "" {
				t.Errorf("confirmed by two, and refused: %s", got)
			}
			same(t, "audit", []string{
				"gateway, trust taken at the first start, change 1", "anna, change of trust confirmed, change 2",
				"boris, change of trust confirmed, change 2", "gateway, trust changed, change 2",
			}, d.audited())
			same(t, "log", []string{"trust changed change=2 confirmed=anna, boris", "keys of others taken", "keys in order again what=trust"},
				d.logged("change", "confirmed", "what"))
			if said, _ := d.trust("show"); !strings.Contains(said, "in force: change 2") || !strings.Contains(said, "nothing is pending") {
				t.Errorf("show: %s", said)
			}
			d.restart()
			if got := d.admits(next); got != "" {
				t.Errorf("refused after a restart: %s", got)
			}
		})
	}
}

// TestRevocationNeedsNobody while a change of roots waits: what takes away counts at once.
func TestRevocationNeedsNobody(t *testing.T) {
	d := newSite(t).start()
	old := d.certificateOf("ru/gateway.pem")
	oldCA := d.ru
	changes["a root more"](d.site)
	both := d.text("ru/crl.pem")
	d.look(t.Context())
	if got := d.admits(old); got != "" {
		t.Fatalf("refused: %s", got)
	}
	d.revoke(oldCA, "ru/crl.pem", noon.Add(time.Second), 90*day, old)
	d.write("ru/crl.pem", d.text("ru/crl.pem")+both[strings.LastIndex(both, "-----BEGIN"):], 0o644)
	d.look(t.Context())
	if got := d.admits(old); got != gateway.TLSRevoked {
		t.Errorf("got %q", got)
	}
}

// TestNewPartyWaitsToo adds a caller by a restart, and an administrator.
func TestNewPartyWaitsToo(t *testing.T) {
	d := newSite(t).start()
	if err := mtls.GenerateSigningKey(d.file("carol.pem")); err != nil {
		t.Fatal(err)
	}
	const post = "customs://CN/office/0603/post/2"
	d.edit("partners:", `  - {uri: "`+post+`", role: post, offices: ["0603"], roots: cn/ca.pem}`+"\npartners:")
	d.edit("  - {id: boris,", "  - {id: carol, file: carol.pub.pem}\n  - {id: boris,")
	d.logged()
	d.look(t.Context())
	same(t, "log", []string{"keys not taken; those before stay in force cause=it differs in more than pins, which takes a restart"}, d.logged("cause"))
	d.restart()
	cert := d.issue(d.cn, "cn/post2", post)
	if got := d.admits(cert); got != gateway.TLSUnknownIdentity {
		t.Errorf("let in without confirmation: %q", got)
	}
	digest := d.pending()
	if said, ok := d.confirm("carol", "carol.pem", digest); ok || !strings.Contains(said, "carol is no administrator in force") {
		t.Errorf("whom the change makes an administrator confirms it: %s", said)
	}
	for _, who := range []string{"anna", "boris"} {
		if said, ok := d.confirm(who, who+".pem", digest); !ok {
			t.Error(said)
		}
	}
	d.look(t.Context())
	if got := d.admits(cert); got != "" {
		t.Errorf("confirmed and refused: %s", got)
	}
}

// TestConfirmedOnceIsNotConfirmedForEver goes back to a root that was given up.
func TestConfirmedOnceIsNotConfirmedForEver(t *testing.T) {
	d := newSite(t).start()
	before := map[string]string{}
	for _, name := range []string{"ru/ca.pem", "ru/crl.pem", "cn.yaml"} {
		before[name] = d.text(name)
	}
	confirmAll := func() {
		t.Helper()
		d.look(t.Context())
		for _, who := range []string{"anna", "boris"} {
			if said, ok := d.confirm(who, who+".pem", d.pending()); !ok {
				t.Fatal(said)
			}
		}
		d.look(t.Context())
	}
	next := changes["another root"](d.site)
	after := map[string]string{}
	for name := range before {
		after[name] = d.text(name)
	}
	put := func(files map[string]string) {
		for name, content := range files {
			d.write(name, content, 0o600)
		}
	}
	confirmAll()
	put(before)
	confirmAll()
	if d.admits(next) == "" {
		t.Fatal("the way back was not taken")
	}
	put(after)
	d.look(t.Context())
	if d.admits(next) == "" {
		t.Error("the confirmations of the first time were good for the second")
	}
}

// TestDevelopmentKeysNeedNobody changes the roots of a development PKI.
func TestDevelopmentKeysNeedNobody(t *testing.T) {
	s := newSite(t)
	dir := s.file("dev")
	if err := mtls.GenerateDevPKI(dir, noon, mtls.DevAuthorities()[:2]); err != nil {
		t.Fatal(err)
	}
	config := s.text("cn.yaml")
	config = config[:strings.Index(config, "administrators:")]
	config = strings.ReplaceAll(config, s.pin("ru/gateway.pem").String(), s.pin("dev/ru/gateway.pem").String())
	for _, side := range []string{"cn", "ru"} {
		for _, file := range []string{"ca.pem", "crl.pem", "gateway.pem", "gateway-key.pem"} {
			config = strings.ReplaceAll(config, " "+side+"/"+file, " dev/"+side+"/"+file)
		}
	}
	s.write("cn.yaml", config, 0o600)
	d := s.start()
	same(t, "findings", gateway.Faults(nil), s.check())
	again := s.file("again")
	if err := mtls.GenerateDevPKI(again, noon, mtls.DevAuthorities()[1:2]); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"ca.pem", "crl.pem", "gateway.pem"} {
		s.copy("again/ru/"+file, "dev/ru/"+file, 0o644)
	}
	s.write("cn.yaml", strings.ReplaceAll(s.text("cn.yaml"), d.files[1].Pins[0].String(), s.pin("dev/ru/gateway.pem").String()), 0o600)
	d.look(t.Context())
	if got := d.admits(s.certificateOf("dev/ru/gateway.pem")); got != "" {
		t.Errorf("refused: %s", got)
	}
	same(t, "audit", []string{"gateway, trust taken at the first start, change 1", "gateway, trust changed among development keys, change 2"}, d.audited())

	// From there to a root that is none of development takes two people, of whom there are none.
	s.copy("ru/ca.pem", "dev/ru/ca.pem", 0o644)
	s.copy("ru/crl.pem", "dev/ru/crl.pem", 0o644)
	d.look(t.Context())
	if got := d.admits(s.certificateOf("ru/gateway.pem")); got == "" {
		t.Error("a root that is none of development was taken")
	}
	if found := s.check(); !slices.ContainsFunc(found, func(f gateway.Fault) bool { return f.Code == gateway.ConfigAdministrators }) {
		t.Errorf("found %v", found)
	}
}

// TestEndsAreToldInTime moves the clock to the end of everything.
func TestEndsAreToldInTime(t *testing.T) {
	s := newSite(t)
	s.issue(s.cn, "cn/gateway", "customs://CN/gateway/1", func(c *x509.Certificate) { c.NotAfter = noon.Add(100 * day) })
	s.revoke(s.ru, "ru/crl.pem", noon, 90*day)
	d := s.start()
	if _, err := d.registry.Watch(&countingCloser{}, tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{s.certificateOf("ru/gateway.pem")}}, mtls.AsClient); err != nil {
		t.Fatal(err)
	}
	var ends []string
	for _, e := range d.Ends() {
		ends = append(ends, fmt.Sprintf("%s %s %s %d", e.Party, e.Kind, e.Subject, int(e.End.Sub(noon)/day)))
	}
	same(t, "ends", []string{
		"customs://CN/gateway/1 certificate CN=gateway 100", "CN signing key cn-1 304", "RU signing key ru-1 304",
		"customs://CN/office/0603/post/1 root CN=CN CA 1000", "customs://RU/gateway/1 root CN=RU CA 1000", "customs://RU/gateway/1 revocation list CN=RU CA 90",
		"customs://RU/gateway/1 certificate CN=gateway 90",
	}, ends)
	d.logged()
	var told []string
	for quarter := range 4 * 110 {
		d.instant = noon.Add(time.Duration(quarter) * 6 * time.Hour)
		d.look(t.Context())
		for _, line := range d.logged("kind", "days") {
			if strings.HasPrefix(line, "ends soon") || strings.HasPrefix(line, "has ended") {
				told = append(told, fmt.Sprintf("day %d: %s", quarter/4, line))
			}
		}
	}
	same(t, "told", []string{
		"day 60: ends soon kind=revocation list days=30", "day 60: ends soon kind=certificate days=30",
		"day 70: ends soon kind=certificate days=30",
		"day 76: ends soon kind=revocation list days=14", "day 76: ends soon kind=certificate days=14",
		"day 83: ends soon kind=revocation list days=7", "day 83: ends soon kind=certificate days=7",
		"day 86: ends soon kind=certificate days=14",
		"day 89: ends soon kind=revocation list days=1", "day 89: ends soon kind=certificate days=1",
		"day 90: has ended kind=revocation list days=-1",
		"day 93: ends soon kind=certificate days=7", "day 99: ends soon kind=certificate days=1", "day 100: has ended kind=certificate days=-1",
	}, told)
}

// TestParallelHangupLooksAtOnce asks a running keeper to look, and ends it.
func TestParallelHangupLooksAtOnce(t *testing.T) {
	d := newSite(t).start()
	d.issue(d.cn, "cn/gateway", "customs://CN/gateway/1")
	ctx, cancel := context.WithCancel(t.Context())
	hangup, ended := make(chan os.Signal), make(chan struct{})
	go func() { d.run(ctx, hangup); close(ended) }()
	hangup <- os.Interrupt // whatever the signal is
	hangup <- os.Interrupt // the first look is over when the second is heard
	cancel()
	<-ended
	if !d.certificate.Leaf.Equal(d.certificateOf("cn/gateway.pem")) {
		t.Error("not taken")
	}
}
