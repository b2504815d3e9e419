package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	bignum "math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

var (
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	chain = sync.OnceValues(func() (*flow.Chain, error) { return loadChain("") })
)

func loadOnce(string) (*flow.Chain, error) { return chain() }

const day = 24 * time.Hour

// site is a directory with a good configuration of CN, whose PKI is that of two
// administrations in earnest.
type site struct {
	t      *testing.T
	dir    string
	cn, ru *authority
	serial int64
}

// authority is a CA of a test.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), serial: 100}
	for _, side := range []string{"cn", "ru"} {
		if err := os.MkdirAll(s.file(side), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := mtls.GenerateSigningKey(s.file(side + "/signing.pem")); err != nil {
			t.Fatal(err)
		}
	}
	s.cn, s.ru = s.ca("cn/ca.pem", "CN CA"), s.ca("ru/ca.pem", "RU CA")
	s.issue(s.cn, "cn/gateway", "customs://CN/gateway/1")
	s.issue(s.ru, "ru/gateway", "customs://RU/gateway/1")
	s.revoke(s.cn, "cn/crl.pem", noon, 90*day)
	s.revoke(s.ru, "ru/crl.pem", noon, 90*day)
	for _, who := range []string{"anna", "boris"} {
		if err := mtls.GenerateSigningKey(s.file(who + ".pem")); err != nil {
			t.Fatal(err)
		}
	}
	s.write("cn.yaml", fmt.Sprintf(goodConfig, s.pin("ru/gateway.pem")), 0o600)
	return s
}

const goodConfig = `administration: CN
database: cn.db
listen: {grpc: "127.0.0.1:18443", rest: "127.0.0.1:18444"}
certificate: {cert: cn/gateway.pem, key: cn/gateway-key.pem}
signing:
  - {id: cn-1, file: cn/signing.pem, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}
trust:
  - {id: cn-1, administration: CN, file: cn/signing.pub.pem, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}
  - {id: ru-1, administration: RU, file: ru/signing.pub.pem, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}
routes: [cn-ru-pre-arrival-notice]
callers:
  - {uri: "customs://CN/office/0603/post/1", role: post, offices: ["0603"], roots: cn/ca.pem}
partners:
  - uri: customs://RU/gateway/1
    address: "127.0.0.1:18543"
    administrations: [RU]
    roots: ru/ca.pem
    crls: ru/crl.pem
    pins: [%s]
administrators:
  - {id: anna, file: anna.pub.pem}
  - {id: boris, file: boris.pub.pem}
`

func (s *site) file(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, content string, mode fs.FileMode) {
	s.t.Helper()
	os.Remove(s.file(name))
	if err := os.WriteFile(s.file(name), []byte(content), mode); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) text(name string) string {
	s.t.Helper()
	raw, err := os.ReadFile(s.file(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}

// edit replaces a text of the configuration, which must be there.
func (s *site) edit(text, by string) {
	s.t.Helper()
	config := s.text("cn.yaml")
	if !strings.Contains(config, text) {
		s.t.Fatalf("the configuration does not hold %q", text)
	}
	s.write("cn.yaml", strings.Replace(config, text, by, 1), 0o600)
}

func (s *site) pem(name, kind string, der []byte, mode fs.FileMode) {
	s.write(name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})), mode)
}

func (s *site) newKey() *ecdsa.PrivateKey {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	return key
}

func (s *site) create(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
	s.t.Helper()
	s.serial++
	template.SerialNumber = bignum.NewInt(s.serial)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		s.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return cert
}

// ca makes a CA, and its file.
func (s *site) ca(name, cn string, change ...func(*x509.Certificate)) *authority {
	s.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: cn}, NotBefore: noon.Add(-100 * day), NotAfter: noon.Add(1000 * day),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
	for _, c := range change {
		c(template)
	}
	key := s.newKey()
	a := &authority{s.create(template, template, key.Public(), key), key}
	s.pem(name, "CERTIFICATE", a.cert.Raw, 0o644)
	return a
}

// issue makes a gateway's certificate, NAME.pem and NAME-key.pem.
func (s *site) issue(a *authority, name, uri string, change ...func(*x509.Certificate)) *x509.Certificate {
	s.t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "gateway"}, NotBefore: noon.Add(-day), NotAfter: noon.Add(90 * day),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{mtls.AsClient, mtls.AsServer},
		URIs: []*url.URL{u}, BasicConstraintsValid: true,
	}
	for _, c := range change {
		c(template)
	}
	key := s.newKey()
	cert := s.create(template, a.cert, key.Public(), a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.pem(name+".pem", "CERTIFICATE", cert.Raw, 0o644)
	s.pem(name+"-key.pem", "PRIVATE KEY", der, 0o600)
	return cert
}

// revoke makes a revocation list that begins at an instant and is good for so long.
func (s *site) revoke(a *authority, name string, from time.Time, good time.Duration, revoked ...*x509.Certificate) {
	s.t.Helper()
	template := &x509.RevocationList{Number: bignum.NewInt(1), ThisUpdate: from, NextUpdate: from.Add(good)}
	for _, c := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: from})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, a.cert, a.key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.pem(name, "X509 CRL", der, 0o644)
}

func (s *site) pin(name string) gateway.Digest {
	s.t.Helper()
	certs, err := mtls.LoadRoots(s.file(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return mtls.SPKIPin(certs[0])
}

func (s *site) copy(from, to string, mode fs.FileMode) { s.write(to, s.text(from), mode) }

func (s *site) check() gateway.Faults {
	s.t.Helper()
	_, found, err := prepare(s.file("cn.yaml"), noon, loadOnce)
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// own gives the gateway another certificate.
func own(change func(*x509.Certificate)) func(*site) {
	return func(s *site) { s.issue(s.cn, "cn/gateway", "customs://CN/gateway/1", change) }
}

func edited(text, by string) func(*site) { return func(s *site) { s.edit(text, by) } }

// conversing has the partner be spoken to by envelopes, in which a text is another.
func conversing(text, by string) func(*site) {
	const agreed = `[RU]
    mode: https
    conversation: {profile: eaeu-decision-5.v1, own: EAEU://CN/CA, theirs: EAEU://RU/CA, path: /soap, messages: [{kind: PreArrivalNotice, action: int://CP/MSG.001, pattern: mutual-obligations}]}`
	return edited("[RU]", strings.Replace(agreed, text, by, 1))
}

// badConfigurations is every way in which a configuration does not work that the check
// knows, with the codes that it is to be told by.
var badConfigurations = []struct {
	name  string
	spoil func(*site)
	want  []gateway.Code
}{
	{"nothing", func(*site) {}, nil},
	{"no administration", edited("administration: CN\n", "\n"), []gateway.Code{gateway.ConfigMissing}},
	{"a route whose recipient has no partner", edited("[RU]", "[KZ]"), []gateway.Code{gateway.ConfigRoutePartner, gateway.ConfigTrustNone}},
	{"an unknown route", edited("cn-ru-pre-arrival-notice", "cn-ru-notice"), []gateway.Code{gateway.ConfigRouteUnknown}},
	{"a route twice", edited("[cn-ru-pre-arrival-notice]", "[cn-ru-pre-arrival-notice, cn-ru-pre-arrival-notice]"), []gateway.Code{gateway.ConfigTwice}},
	{"another's route", edited("[cn-ru-pre-arrival-notice]", "[cn-ru-pre-arrival-notice, ru-cn-answer]"), []gateway.Code{gateway.ConfigRouteForeign}},
	{"a route without that of its second addressee", edited("[cn-ru-pre-arrival-notice]", "[cn-ru-pre-arrival-notice, cn-kz-transit-notice]"), []gateway.Code{gateway.ConfigRoutePartner, gateway.ConfigRouteSecond}},
	{"no route", edited("[cn-ru-pre-arrival-notice]", "[]"), []gateway.Code{gateway.ConfigNoRoute}},
	{"two partners for one administration", func(s *site) {
		s.edit("administrators:", fmt.Sprintf(`  - {uri: "customs://RU/gateway/2", address: "127.0.0.1:18643", administrations: [RU], roots: ru/ca.pem, crls: ru/crl.pem, pins: [%s]}
administrators:`, strings.Repeat("ab", 32)))
	}, []gateway.Code{gateway.ConfigPartnerTwice}},
	{"documents kept too short", edited("[RU]", "[RU]\n    retention: 23h"), []gateway.Code{gateway.ConfigLimit}},
	{"a mode that there is not", edited("[RU]", "[RU]\n    mode: pigeon"), []gateway.Code{gateway.ConfigChoice}},
	{"plain receipts over gRPC", edited("[RU]", "[RU]\n    receipts: plain"), []gateway.Code{gateway.ConfigChoice}},
	{"no questions over gRPC", edited("[RU]", "[RU]\n    questions: none"), []gateway.Code{gateway.ConfigChoice}},
	{"fetched from by HTTPS", edited("[RU]", "[RU]\n    mode: https\n    fetch: 2s"), []gateway.Code{gateway.ConfigChoice}},
	{"attachments of who answers no questions", edited("[RU]", "[RU]\n    mode: https\n    questions: none\n    attachments: {kinds: [SCAN], each: 1MiB, total: 1MiB, retention: 1h}"), []gateway.Code{gateway.ConfigChoice}},
	{"an envelope over gRPC", edited("[RU]", "[RU]\n    folder: .\n    envelope: {cert: gateway.pem}"), []gateway.Code{gateway.ConfigMode, gateway.ConfigMode}},
	{"files of a partner that is called", edited("[RU]", "[RU]\n    mode: folder"), []gateway.Code{
		gateway.ConfigMissing, gateway.ConfigMissing, gateway.ConfigMode, gateway.ConfigMode, gateway.ConfigMode, gateway.ConfigMode,
	}},
	{"envelopes over gRPC", edited("[RU]", "[RU]\n    conversation: {profile: eaeu-decision-5.v1}"), []gateway.Code{gateway.ConfigMode}},
	{"an envelope of nobody", edited("[RU]", "[RU]\n    mode: https\n    conversation: {path: soap}"), []gateway.Code{
		gateway.ConfigMissing, gateway.ConfigMissing, gateway.ConfigMissing, gateway.ConfigLimit, gateway.ConfigLimit,
	}},
	{"an envelope of no profile", conversing("eaeu-decision-5.v1", "eaeu-decision-5"), []gateway.Code{gateway.ConfigChoice}},
	{"an envelope to oneself", conversing("EAEU://RU", "EAEU://CN"), []gateway.Code{gateway.ConfigTwice}},
	{"an address of two words", conversing("EAEU://RU", "EAEU:// RU"), []gateway.Code{gateway.ConfigLimit}},
	{"an envelope to a page with a query", conversing("path: /soap", "path: \"/soap?a\""), []gateway.Code{gateway.ConfigLimit}},
	{"a kind that a route sends and no envelope", conversing("kind: PreArrivalNotice", "kind: Manifest"), []gateway.Code{gateway.ConfigMessage}},
	{"a kind that there is not", conversing("kind: PreArrivalNotice", "kind: Notice"), []gateway.Code{gateway.ConfigMessage, gateway.ConfigChoice}},
	{"two kinds by one action", conversing("messages: [", "messages: [{kind: Manifest, action: int://CP/MSG.001, pattern: mutual-obligations}, "), []gateway.Code{gateway.ConfigTwice}},
	{"a kind twice", conversing("messages: [", "messages: [{kind: PreArrivalNotice, action: int://CP/MSG.002, pattern: mutual-obligations}, "), []gateway.Code{gateway.ConfigTwice}},
	{"a message with a signal's action", conversing("MSG.001", "P.MSG.PRS"), []gateway.Code{gateway.ConfigAction}},
	{"a message without an action", conversing("int://CP/MSG.001", `""`), []gateway.Code{gateway.ConfigMissing}},
	{"no pattern that there is", conversing("mutual-obligations", "question"), []gateway.Code{gateway.ConfigChoice}},
	{"an end without a verdict", conversing("mutual-obligations", "notification"), []gateway.Code{gateway.ConfigReceipts}},
	{"time-outs and retries without bounds", conversing("mutual-obligations", "mutual-obligations, received: 1ms, processing: 25h, retries: 1001"), []gateway.Code{gateway.ConfigLimit, gateway.ConfigLimit, gateway.ConfigLimit}},
	{"attachments of a partner without bounds", edited("[RU]", "[RU]\n    attachments: {kinds: [SCAN, SMELL]}"),
		[]gateway.Code{gateway.ConfigChoice, gateway.ConfigLimit, gateway.ConfigLimit}},
	{"attachments of a partner of no kind", edited("[RU]", "[RU]\n    attachments: {each: 65MiB, total: 1MiB, retention: 1m}"),
		[]gateway.Code{gateway.ConfigMissing, gateway.ConfigLimit, gateway.ConfigLimit, gateway.ConfigLimit}},
	{"attachments of a partner that nobody calls", edited("address: \"127.0.0.1:18543\"\n    administrations: [RU]", "mode: pull\n    administrations: [RU]\n    attachments: {kinds: [SCAN], each: 1MiB, total: 1MiB, retention: 1h}"),
		[]gateway.Code{gateway.ConfigMissing}},
	{"a partner for the own administration", edited("[RU]", "[RU, CN]"), []gateway.Code{gateway.ConfigOwnPartner}},
	{"a party twice", edited("customs://CN/office/0603/post/1", "customs://RU/gateway/1"), []gateway.Code{gateway.ConfigTwice}},
	{"a party that is no URI", edited("customs://CN/office/0603/post/1", "post"), []gateway.Code{gateway.TLSParty}},
	{"a role that there is not", edited("role: post", "role: partner"), []gateway.Code{gateway.ConfigRole}},
	{"an office that no route serves", edited(`offices: ["0603"]`, `offices: ["0603", "0630"]`), []gateway.Code{gateway.ConfigOffice}},
	{"a caller without office", edited(`offices: ["0603"]`, `offices: []`), []gateway.Code{gateway.ConfigOfficeNeeded}},
	{"a system without office", edited(`role: post, offices: ["0603"]`, `role: system`), []gateway.Code{gateway.ConfigOfficeNeeded}},
	{"an auditor with two offices", edited(`role: post, offices: ["0603"]`, `role: auditor, offices: ["0603", "9402"]`), []gateway.Code{gateway.ConfigOfficeUnused}},
	{"a supervisor without office", edited(`role: post, offices: ["0603"]`, `role: supervisor`), []gateway.Code{gateway.ConfigOfficeNeeded}},
	{"an operator with an office", edited(`role: post, offices: ["0603"]`, `role: operator, offices: ["0603"]`), []gateway.Code{gateway.ConfigOfficeUnused}},
	{"a partner without pins, list or roots", func(s *site) {
		s.edit("    roots: ru/ca.pem\n    crls: ru/crl.pem\n    pins: ["+s.pin("ru/gateway.pem").String()+"]\n", "")
	}, []gateway.Code{gateway.ConfigMissing, gateway.ConfigMissing, gateway.ConfigMissing}},

	{"port 0", edited("127.0.0.1:18443", "127.0.0.1:0"), []gateway.Code{gateway.ConfigAddress}},
	{"port 65536", edited("127.0.0.1:18443", "127.0.0.1:65536"), []gateway.Code{gateway.ConfigAddress}},
	{"port -1", edited("127.0.0.1:18443", "127.0.0.1:-1"), []gateway.Code{gateway.ConfigAddress}},
	{"port by name", edited("127.0.0.1:18443", "127.0.0.1:https"), []gateway.Code{gateway.ConfigAddress}},
	{"no port", edited("127.0.0.1:18443", "127.0.0.1"), []gateway.Code{gateway.ConfigAddress}},
	{"no address", edited(`"127.0.0.1:18443"`, `""`), []gateway.Code{gateway.ConfigMissing}},
	{"a host that is none", edited("127.0.0.1:18443", "127.0.0.256:18443"), []gateway.Code{gateway.ConfigAddress}},
	{"another machine's address", edited("127.0.0.1:18443", "192.0.2.1:18443"), []gateway.Code{gateway.ConfigAddressForeign}},
	{"a monitor for everybody", edited("listen: {", `listen: {monitor: "0.0.0.0:19464", `), []gateway.Code{gateway.ConfigAddressOpen}},
	{"a monitor where a door is", edited("listen: {", `listen: {monitor: "127.0.0.1:18443", `), []gateway.Code{gateway.ConfigAddressTaken}},
	{"a form and a level of the log that there are not", edited("listen: {", "log: {format: yaml, level: loud}\nlisten: {"), []gateway.Code{gateway.ConfigChoice, gateway.ConfigChoice}},
	{"limits that cannot be", edited("listen: {", "limits: {memory: 1MiB, calls: 1, wait: 1h, body: 1ms, disk: 100}\nlisten: {"),
		[]gateway.Code{gateway.ConfigLimit, gateway.ConfigLimit, gateway.ConfigLimit, gateway.ConfigLimit, gateway.ConfigLimit}},
	{"one listener twice", edited("127.0.0.1:18444", "127.0.0.1:18443"), []gateway.Code{gateway.ConfigAddressTaken}},
	{"a listener on all addresses beside one on one", edited("127.0.0.1:18444", ":18443"), []gateway.Code{gateway.ConfigAddressTaken}},
	{"localhost beside 127.0.0.1", edited("127.0.0.1:18444", "localhost:18443"), []gateway.Code{gateway.ConfigAddressTaken}},
	{"a partner at the own listener", edited("127.0.0.1:18543", "127.0.0.1:18444"), []gateway.Code{gateway.ConfigAddressTaken}},
	{"a partner at port 0", edited("127.0.0.1:18543", "127.0.0.1:0"), []gateway.Code{gateway.ConfigAddress}},
	{"a partner everywhere", edited("127.0.0.1:18543", ":18543"), []gateway.Code{gateway.ConfigAddress}},

	{"a client-only certificate", own(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{mtls.AsClient} }), []gateway.Code{gateway.ConfigCertUsage}},
	{"a server-only certificate", own(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{mtls.AsServer} }), []gateway.Code{gateway.ConfigCertUsage}},
	{"a certificate for neither", own(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }),
		[]gateway.Code{gateway.ConfigCertUsage, gateway.ConfigCertUsage}},
	{"a foreign certificate", func(s *site) { s.issue(s.ru, "cn/gateway", "customs://CN/gateway/1") }, []gateway.Code{gateway.ConfigCertForeign}},
	{"a certificate of a CA of the same name", func(s *site) {
		s.issue(s.ca("copycat.pem", "CN CA"), "cn/gateway", "customs://CN/gateway/1")
	}, []gateway.Code{gateway.ConfigCertForeign}},
	{"a certificate of another root than the one given for it", func(s *site) {
		s.edit("key: cn/gateway-key.pem}", "key: cn/gateway-key.pem, roots: ru/ca.pem}")
	}, []gateway.Code{gateway.ConfigCertForeign}},
	{"a certificate in another's name", func(s *site) { s.issue(s.cn, "cn/gateway", "customs://MN/gateway/1") }, []gateway.Code{gateway.ConfigCertAdministration}},
	{"a certificate that has ended", own(func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }), []gateway.Code{gateway.ConfigCertEnded}},
	{"a certificate that has not begun", own(func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Hour) }), []gateway.Code{gateway.ConfigCertNotBegun}},
	{"a client-only certificate that has ended", own(func(c *x509.Certificate) {
		c.NotAfter, c.ExtKeyUsage = noon.Add(-time.Second), []x509.ExtKeyUsage{mtls.AsClient}
	}), []gateway.Code{gateway.ConfigCertEnded, gateway.ConfigCertUsage}},
	{"a certificate of two names", own(func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }), []gateway.Code{gateway.TLSSAN}},
	{"a certificate valid too long", own(func(c *x509.Certificate) { c.NotAfter = noon.Add(900 * day) }), []gateway.Code{gateway.TLSLifetime}},
	{"a certificate that ends in six days", own(func(c *x509.Certificate) { c.NotAfter = noon.Add(6*day + time.Hour) }), []gateway.Code{gateway.ConfigEndsSoon}},
	{"a revoked certificate", func(s *site) {
		s.revoke(s.cn, "cn/crl.pem", noon, 90*day, s.issue(s.cn, "cn/gateway", "customs://CN/gateway/1"))
		s.edit("key: cn/gateway-key.pem}", "key: cn/gateway-key.pem, roots: cn/ca.pem, crls: cn/crl.pem}")
	}, []gateway.Code{gateway.TLSRevoked}},
	{"another certificate's key", func(s *site) { s.copy("ru/gateway-key.pem", "cn/gateway-key.pem", 0o600) }, []gateway.Code{gateway.ConfigKeyPair}},
	{"a certificate that is a key", func(s *site) { s.copy("cn/gateway-key.pem", "cn/gateway.pem", 0o600) }, []gateway.Code{gateway.ConfigFileForm}},
	{"half a key", func(s *site) { s.write("cn/gateway-key.pem", s.text("cn/gateway-key.pem")[:100], 0o600) }, []gateway.Code{gateway.ConfigFileForm}},
	{"no certificate file", func(s *site) { os.Remove(s.file("cn/gateway.pem")) }, []gateway.Code{gateway.ConfigFileMissing}},
	{"no key file", func(s *site) { os.Remove(s.file("cn/gateway-key.pem")) }, []gateway.Code{gateway.ConfigFileMissing}},
	{"no certificate", edited("certificate: {cert: cn/gateway.pem, key: cn/gateway-key.pem}\n", "\n"), []gateway.Code{gateway.ConfigMissing}},
	{"no key of the certificate", edited(", key: cn/gateway-key.pem", ""), []gateway.Code{gateway.ConfigMissing}},

	{"an expired signing key", edited("until: 2027-01-01T00:00:00Z}\ntrust", "until: 2026-02-01T00:00:00Z}\ntrust"), []gateway.Code{gateway.ConfigSigningNone}},
	{"a signing key of next year", edited("from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}\ntrust", "from: 2026-06-01T00:00:00Z, until: 2026-12-01T00:00:00Z}\ntrust"),
		[]gateway.Code{gateway.ConfigSigningNone}},
	{"a signing key without days", edited(", from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}\ntrust", "}\ntrust"), []gateway.Code{gateway.ConfigPeriod}},
	{"a signing key that nobody trusts", edited("{id: cn-1, file", "{id: cn-2, file"), []gateway.Code{gateway.ConfigSigningUntrusted}},
	{"a signing key that is not the trusted one", func(s *site) {
		os.Remove(s.file("cn/signing.pem"))
		os.Rename(s.file("cn/signing.pub.pem"), s.file("kept.pem"))
		if err := mtls.GenerateSigningKey(s.file("cn/signing.pem")); err != nil {
			s.t.Fatal(err)
		}
		os.Rename(s.file("kept.pem"), s.file("cn/signing.pub.pem"))
	}, []gateway.Code{gateway.ConfigSigningDiffers}},
	{"a signing key of another administration", edited("{id: cn-1, administration: CN", "{id: cn-1, administration: MN"), []gateway.Code{gateway.ConfigSigningOwner}},
	{"a signing key trusted for less", edited("administration: CN, file: cn/signing.pub.pem, from: 2026-01-01", "administration: CN, file: cn/signing.pub.pem, from: 2026-02-01"),
		[]gateway.Code{gateway.ConfigSigningPeriod}},
	{"a signing key trusted not yet", edited("administration: CN, file: cn/signing.pub.pem, from: 2026-01-01", "administration: CN, file: cn/signing.pub.pem, from: 2026-12-01"),
		[]gateway.Code{gateway.ConfigSigningPeriod}},
	{"a compromised signing key", edited("file: cn/signing.pub.pem,", "file: cn/signing.pub.pem, compromised: 2026-03-01T00:00:00Z,"), []gateway.Code{gateway.ConfigSigningCompromised}},
	{"the TLS key signs", func(s *site) {
		s.copy("cn/gateway-key.pem", "cn/signing.pem", 0o600)
		key, err := tls.LoadX509KeyPair(s.file("cn/gateway.pem"), s.file("cn/gateway-key.pem"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.pem("cn/signing.pub.pem", "PUBLIC KEY", key.Leaf.RawSubjectPublicKeyInfo, 0o644)
	}, []gateway.Code{gateway.ConfigSigningTLS}},
	{"the partner signs with its TLS key", func(s *site) {
		certs, err := mtls.LoadRoots(s.file("ru/gateway.pem"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.pem("ru/signing.pub.pem", "PUBLIC KEY", certs[0].RawSubjectPublicKeyInfo, 0o644)
	}, []gateway.Code{gateway.ConfigSigningTLS}},
	{"an id of a signing key twice", edited("trust:\n", "  - {id: cn-1, file: cn/signing.pem, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}\ntrust:\n"), []gateway.Code{gateway.ConfigTwice}},
	{"a signing key under two ids", edited("trust:\n", "  - {id: cn-2, file: cn/signing.pem, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}\ntrust:\n"),
		[]gateway.Code{gateway.ConfigKeyShared, gateway.ConfigSigningUntrusted}},
	{"no signing key", func(s *site) {
		s.edit("signing:\n  - {id: cn-1, file: cn/signing.pem, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}\n", "signing: []\n")
	}, []gateway.Code{gateway.ConfigMissing}},
	{"a signing key of another form", func(s *site) { s.copy("cn/ca.pem", "cn/signing.pem", 0o600) }, []gateway.Code{gateway.ConfigFileForm}},
	{"a trusted key of another form", func(s *site) { s.copy("cn/ca.pem", "ru/signing.pub.pem", 0o644) }, []gateway.Code{gateway.ConfigFileForm, gateway.ConfigTrustNone}},
	{"no key of the partner's", edited("  - {id: ru-1, administration: RU, file: ru/signing.pub.pem, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}\n", ""), []gateway.Code{gateway.ConfigTrustNone}},
	{"the partner's key has ended", edited("file: ru/signing.pub.pem, from: 2026-01-01T00:00:00Z, until: 2027-01-01", "file: ru/signing.pub.pem, from: 2026-01-01T00:00:00Z, until: 2026-02-01"), []gateway.Code{gateway.ConfigTrustNone}},
	{"one key for two administrations", func(s *site) { s.copy("cn/signing.pub.pem", "ru/signing.pub.pem", 0o644) }, []gateway.Code{gateway.ConfigKeyShared}},

	{"a root that has ended", func(s *site) {
		s.ru = s.ca("ru/ca.pem", "RU CA", func(c *x509.Certificate) { c.NotAfter = noon.Add(-day) })
		s.revoke(s.ru, "ru/crl.pem", noon, 90*day)
	}, []gateway.Code{gateway.ConfigRootPeriod}},
	{"one of two roots has ended", func(s *site) {
		good := s.text("ru/ca.pem")
		old := s.ca("ru/ca.pem", "RU old CA", func(c *x509.Certificate) { c.NotAfter = noon.Add(-day) })
		lists := s.text("ru/crl.pem")
		s.revoke(old, "ru/crl.pem", noon, 90*day)
		s.write("ru/ca.pem", good+s.text("ru/ca.pem"), 0o644)
		s.write("ru/crl.pem", lists+s.text("ru/crl.pem"), 0o644)
	}, []gateway.Code{gateway.ConfigRootPeriod}},
	{"a root that is no CA", func(s *site) { s.copy("ru/gateway.pem", "ru/ca.pem", 0o644) },
		[]gateway.Code{gateway.TLSUsage, gateway.TLSCRLInvalid, gateway.ConfigCRLNone}},
	{"a revocation list that has ended", func(s *site) { s.revoke(s.ru, "ru/crl.pem", noon.Add(-2*day), day) }, []gateway.Code{gateway.ConfigCRLEnded}},
	{"another's revocation list", func(s *site) { s.copy("cn/crl.pem", "ru/crl.pem", 0o644) }, []gateway.Code{gateway.TLSCRLInvalid, gateway.ConfigCRLNone}},
	{"no list of the root above the issuing CA", func(s *site) {
		key := s.newKey()
		below := &authority{s.create(&x509.Certificate{
			Subject: pkix.Name{CommonName: "RU issuing CA"}, NotBefore: noon.Add(-day), NotAfter: noon.Add(900 * day),
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
		}, s.ru.cert, key.Public(), s.ru.key), key}
		root := s.text("ru/ca.pem")
		s.pem("ru/ca.pem", "CERTIFICATE", below.cert.Raw, 0o644)
		s.write("ru/ca.pem", root+s.text("ru/ca.pem"), 0o644)
		s.revoke(below, "ru/crl.pem", noon, 90*day)
	}, []gateway.Code{gateway.ConfigCRLNone}},
	{"half a revocation list", func(s *site) { s.write("ru/crl.pem", s.text("ru/crl.pem")[:80], 0o644) }, []gateway.Code{gateway.ConfigFileForm}},
	{"a revocation list that ends tomorrow", func(s *site) { s.revoke(s.ru, "ru/crl.pem", noon, day) }, []gateway.Code{gateway.ConfigEndsSoon}},

	{"a missing directory of the database", edited("database: cn.db", "database: nowhere/cn.db"), []gateway.Code{gateway.ConfigDirectory}},
	{"a directory that nobody writes", edited("database: cn.db", "database: /proc/cn.db"), []gateway.Code{gateway.ConfigUnwritable}},
	{"a database of another administration", func(s *site) {
		d := s.start()
		if err := d.db.Own(s.t.Context(), "RU"); err != nil {
			s.t.Fatal(err)
		}
		d.db.Close()
	}, []gateway.Code{gateway.StoreForeign}},
	{"a database of a later version", func(s *site) {
		s.start().db.Close()
		db, err := sql.Open("sqlite", s.file("cn.db"))
		if err != nil {
			s.t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, TRUE)"); err != nil {
			s.t.Fatal(err)
		}
	}, []gateway.Code{gateway.StoreNewer}},
	{"a database that is half a copy", copied("copying"), []gateway.Code{gateway.StoreCopying}},
	{"a database that is a backup", copied("backup"), []gateway.Code{gateway.StoreBackup}},
	{"a database whose records have moved", copied("moved"), []gateway.Code{gateway.StoreMoved}},
	{"a server that does not answer", edited("database: cn.db", "database: postgres://cn:secret@127.0.0.1:1/cn"), []gateway.Code{gateway.StoreUnreachable}},
	{"a server's address that is none", edited("database: cn.db", "database: postgres://cn:secret@127.0.0.1:port/cn"), []gateway.Code{gateway.ConfigAddress}},
	{"a server of another kind", edited("database: cn.db", "database: mysql://db/cn"), []gateway.Code{gateway.ConfigAddress}},
	{"a missing directory of data", edited("listen:", "data: nowhere\nlisten:"), []gateway.Code{gateway.ConfigDirectory}},
	{"no database", edited("database: cn.db\n", "\n"), []gateway.Code{gateway.ConfigMissing}},
	{"an empty database", func(s *site) { s.write("cn.db", "", 0o600) }, []gateway.Code{gateway.StoreEmpty}},
	{"a database that is gone", func(s *site) { s.write("cn.db.kept", "", 0o600) }, []gateway.Code{gateway.StoreGone}},
	{"a database that is none", func(s *site) { s.write("cn.db", "none", 0o600) }, []gateway.Code{gateway.StoreDamaged}},
	{"what is in force is not what a gateway wrote", func(s *site) { s.write("cn.db.trust", "{}", 0o600) }, []gateway.Code{gateway.ConfigFileForm}},

	{"what is in force is gone", func(s *site) {
		s.start().db.Close()
		os.Remove(s.file("cn.db.trust"))
	}, []gateway.Code{gateway.ConfigFileMissing}},
	{"a database that others read", func(s *site) {
		s.start().db.Close()
		os.Chmod(s.file("cn.db"), 0o640)
	}, []gateway.Code{gateway.ConfigFileMode}},

	{"a key that others read", func(s *site) { os.Chmod(s.file("cn/gateway-key.pem"), 0o640) }, []gateway.Code{gateway.ConfigFileMode}},
	{"a signing key that others read", func(s *site) { os.Chmod(s.file("cn/signing.pem"), 0o604) }, []gateway.Code{gateway.ConfigFileMode}},
	{"a signing key that others write", func(s *site) { os.Chmod(s.file("cn/signing.pem"), 0o620) }, []gateway.Code{gateway.ConfigFileMode}},
	{"roots that others write", func(s *site) { os.Chmod(s.file("ru/ca.pem"), 0o664) }, []gateway.Code{gateway.ConfigFileMode}},
	{"a public key that others write", func(s *site) { os.Chmod(s.file("ru/signing.pub.pem"), 0o646) }, []gateway.Code{gateway.ConfigFileMode}},
	{"a configuration that others write", func(s *site) { os.Chmod(s.file("cn.yaml"), 0o666) }, []gateway.Code{gateway.ConfigFileMode}},

	{"one administrator", edited("  - {id: boris, file: boris.pub.pem}\n", ""), []gateway.Code{gateway.ConfigAdministrators}},
	{"an administrator twice", edited("{id: boris,", "{id: anna,"), []gateway.Code{gateway.ConfigTwice, gateway.ConfigAdministrators}},
	{"two administrators with one key", edited("boris.pub.pem", "anna.pub.pem"), []gateway.Code{gateway.ConfigKeyShared, gateway.ConfigAdministrators}},
	{"an administrator with a signing key", edited("boris.pub.pem", "cn/signing.pub.pem"), []gateway.Code{gateway.ConfigKeyShared, gateway.ConfigAdministrators}},
	{"an administrator without key file", func(s *site) { os.Remove(s.file("boris.pub.pem")) }, []gateway.Code{gateway.ConfigFileMissing, gateway.ConfigAdministrators}},
	{"roots that wait for two people", func(s *site) {
		s.start().db.Close()
		changes["a root more"](s)
	}, []gateway.Code{gateway.ConfigTrustPending}},
}

// copied makes a database say that no gateway works on it.
func copied(state string) func(*site) {
	return func(s *site) {
		s.start().db.Close()
		db, err := sql.Open("sqlite", s.file("cn.db"))
		if err != nil {
			s.t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("INSERT INTO copied (one, state, source, at) VALUES (1, $1, x'00', '')", state); err != nil {
			s.t.Fatal(err)
		}
	}
}

// onlyWarned are those with which a gateway starts.
var onlyWarned = []string{"an office that no route serves",
	"nothing", "no route", "a certificate that ends in six days", "a signing key trusted for less", "the partner signs with its TLS key",
	"an operator with an office", "an auditor with two offices",
	"one of two roots has ended", "a revocation list that ends tomorrow", "roots that wait for two people",
}

// TestCheckNamesEveryBadConfiguration makes each and holds what is said of it to a file, in
// English case by case, and each code in all languages.
func TestCheckNamesEveryBadConfiguration(t *testing.T) {
	var said strings.Builder
	byCode := map[gateway.Code]gateway.Fault{}
	for _, tt := range badConfigurations {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			tt.spoil(s)
			found := s.check()
			if found.Refuse() == slices.Contains(onlyWarned, tt.name) {
				t.Errorf("refuses: %t", found.Refuse())
			}
			var codes []gateway.Code
			for _, f := range found {
				codes = append(codes, f.Code)
				if f.Mender() != gateway.ByOperator || f.Path == "" {
					t.Errorf("%s at %q is for %s", f.Code, f.Path, f.Mender())
				}
			}
			want := slices.Clone(tt.want)
			slices.Sort(codes)
			slices.Sort(want)
			if diff := cmp.Diff(want, codes); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
			for j := range found {
				found[j].Value = plain(s, found[j].Value)
				for k, term := range found[j].Expected.Terms {
					found[j].Expected.Terms[k] = plain(s, term)
				}
				if _, ok := byCode[found[j].Code]; !ok {
					byCode[found[j].Code] = found[j]
				}
			}
			fmt.Fprintf(&said, "-- %s --\n", tt.name)
			if err := inEnglish.print(&said, found); err != nil {
				t.Fatal(err)
			}
		})
	}
	// What no file makes here: the tests may run as root, who reads everything, every route
	// that is shipped is in force, and some a start finds, or a tool.
	var others findings
	others.file("certificate.cert", "DIR/cn/gateway.pem", fs.ErrPermission, gateway.WordFormCertificates)
	period := release.Period{From: noon.Add(day), To: noon.Add(2 * day)}
	others.add("routes[0]", gateway.Fault{Code: gateway.ConfigRoutePeriod, Severity: gateway.Warning, Value: "cn-ru-pre-arrival-notice", Expected: days(period)})
	for _, f := range []gateway.Fault{
		{Code: gateway.StoreReadOnly}, {Code: gateway.StoreFull}, {Code: gateway.StoreNone}, {Code: gateway.StoreOlder},
		{Code: gateway.StoreFilled}, {Code: gateway.StoreDiffers, Found: gateway.Term("inbox")}, {Code: gateway.StoreNoBackup, Expected: gateway.Term("backup")},
	} {
		f.Value = "DIR/cn.db"
		others.add("database", f)
	}
	// And what a start alone finds: a look takes no database from who works on it.
	s := newSite(t)
	working := s.start().db
	defer working.Close()
	var inUse gateway.Fault
	if _, err := store.Open(t.Context(), s.file("cn.db"), time.Now); !errors.As(err, &inUse) {
		t.Errorf("a database in use: %v", err)
	}
	inUse.Value = plain(s, inUse.Value)
	others.add("database", inUse)
	for _, f := range others.faults {
		byCode[f.Code] = f
	}
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		fmt.Fprintf(&said, "-- %s in every language --\n", code)
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&said, "%s  %s\n", lang, byCode[code].Text(lang))
		}
	}
	golden(t, "testdata/check.txt", said.String())
	for _, code := range gateway.Codes() {
		_, shown := byCode[code]
		if own := strings.HasPrefix(string(code), "CONFIG_") || strings.HasPrefix(string(code), "STORE_"); own && !shown {
			t.Errorf("no configuration shows %s", code)
		}
	}
}

var digits = regexp.MustCompile(`[0-9a-f]{64}`)

// plain replaces what differs from run to run.
func plain(s *site, text string) string {
	return digits.ReplaceAllString(strings.ReplaceAll(text, s.dir, "DIR"), "DIGEST")
}

// golden holds a text to a file, or rewrites it.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestCheckTellsEverythingAtOnce spoils several things and finds all of them, in order of
// the file.
func TestCheckTellsEverythingAtOnce(t *testing.T) {
	s := newSite(t)
	s.edit("127.0.0.1:18443", "127.0.0.1:0")
	s.edit(`offices: ["0603"]`, `offices: ["0603", "9999"]`)
	s.edit("[cn-ru-pre-arrival-notice]", "[ru-cn-answer, cn-ru-pre-arrival-notice]")
	s.edit("[RU]", "[RU, CN]")
	os.Chmod(s.file("cn/signing.pem"), 0o644)
	var got []string
	for _, f := range s.check() {
		got = append(got, fmt.Sprintf("%d %s %s", f.Location.Line, f.Path, f.Code))
	}
	want := []string{
		"3 listen.grpc CONFIG_ADDRESS", "6 signing[0].file CONFIG_FILE_MODE", "10 routes[0] CONFIG_ROUTE_FOREIGN",
		"12 callers[0].offices[1] CONFIG_OFFICE", "16 partners[0].administrations CONFIG_OWN_PARTNER",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCheckChangesNothing looks at the directory before and after.
func TestCheckChangesNothing(t *testing.T) {
	s := newSite(t)
	list := func() (out []string) {
		fs.WalkDir(os.DirFS(s.dir), ".", func(name string, _ fs.DirEntry, err error) error {
			out = append(out, name)
			return err
		})
		return out
	}
	before := list()
	if found := s.check(); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if diff := cmp.Diff(before, list()); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
}
