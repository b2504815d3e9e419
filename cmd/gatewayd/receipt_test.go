package main

import (
	"crypto"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/card"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// sealed is a place where messages from China to Russia are signed, and Russia's receipts.
type sealed struct {
	t      *testing.T
	dir    string
	cn, ru *seal.Keyring
}

// signedAt is when everything is signed; keys are valid that year.
var signedAt = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func newSealed(t *testing.T) *sealed {
	s := &sealed{t: t, dir: t.TempDir()}
	year := seal.Validity{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	ring := func(of gateway.Administration, id string) *seal.Keyring {
		file := filepath.Join(s.dir, id+".pem")
		if err := mtls.GenerateSigningKey(file); err != nil {
			t.Fatal(err)
		}
		k, err := seal.LoadKeyring(of, []seal.KeyFile{{ID: id, File: file, Validity: year}})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	s.cn, s.ru = ring("CN", "cn-1"), ring("RU", "ru-1")
	s.write("trust.yaml", "trust:\n"+s.key("cn-1", "CN", "")+s.key("ru-1", "RU", ""))
	return s
}

// key is a line of trust.
func (s *sealed) key(id, of, more string) string {
	return fmt.Sprintf("  - {id: %s, administration: %s, file: %s.pub.pem, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z%s}\n", id, of, id, more)
}

func (s *sealed) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// card writes the partner card of a side, with its signing key.
func (s *sealed) card(name string, keys *seal.Keyring, id string) {
	s.t.Helper()
	side, of := strings.ToLower(string(keys.Owner())), "customs://"+string(keys.Owner())+"/gateway/1"
	if err := mtls.GenerateDevPKI(s.dir, signedAt, []mtls.DevAuthority{mtls.DevAdministration(side, keys.Owner(), "0001")}); err != nil {
		s.t.Fatal(err)
	}
	read := func(file string) string {
		raw, err := os.ReadFile(filepath.Join(s.dir, file))
		if err != nil {
			s.t.Fatal(err)
		}
		return string(raw)
	}
	own, err := mtls.LoadRoots(filepath.Join(s.dir, side, "gateway.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	raw, _, err := card.Sign(card.Card{
		Administration: keys.Owner(), URI: of, GRPC: "gateway.example:8443", REST: "gateway.example:8444", Roots: []string{read(side + "/ca.pem")}, CRLs: []string{read(side + "/crl.pem")},
		Pins: []gateway.Digest{mtls.SPKIPin(own[0])}, MaxMessage: 8 << 20, Formats: []card.Format{},
		Keys: []card.Key{{ID: id, From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Public: read(id + ".pub.pem")}},
	}, keys, signedAt)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(name, string(raw))
}

const sentXML = "<Notice><Waybill>CNRU26030001</Waybill></Notice>\n"

// message is one as China signs it, without a receipt.
func (s *sealed) message() (seal.Header, *exchangev1.SentMessage) {
	h := seal.Header{
		MessageID: "11111111-1111-4111-8111-111111111111", Kind: "PreArrivalNotice", Sender: "CN", Recipient: "RU", Conversation: "c-1",
		Created: signedAt, KeyID: "cn-1", Payload: gateway.DigestOf([]byte(sentXML)),
	}
	raw, err := json.Marshal(h)
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := s.cn.Current(signedAt)
	if err != nil {
		s.t.Fatal(err)
	}
	digest := gateway.DigestOf(raw)
	signature, err := key.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		s.t.Fatal(err)
	}
	return h, &exchangev1.SentMessage{MessageId: string(h.MessageID), Header: raw, Signature: signature, MediaType: "application/xml", Content: []byte(sentXML)}
}

// receipt puts Russia's receipt to a message.
func (s *sealed) receipt(h seal.Header, m *exchangev1.SentMessage, r seal.Receipt) *exchangev1.SentMessage {
	signed, err := s.ru.Sign(seal.Header{MessageID: "22222222-2222-4222-8222-222222222222", Sender: "RU", Recipient: "CN", Conversation: "c-1", Created: signedAt.Add(time.Second)}, r)
	if err != nil {
		s.t.Fatal(err)
	}
	m.Receipt = &exchangev1.SignedStatement{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}
	return m
}

// accepting is the receipt of a message that is accepted.
func accepting(h seal.Header) seal.Receipt {
	return seal.Receipt{
		MessageID: h.MessageID, Verdict: gateway.PRS, Received: h.Payload, Canonical: gateway.DigestOf([]byte("canonical")), Mapping: "ru/auto-preliminary.v1", At: signedAt.Add(time.Second),
	}
}

// TestReceiptsAreProven holds what is said of each, in five languages, to a file.
func TestReceiptsAreProven(t *testing.T) {
	s := newSealed(t)
	h, m := s.message()
	save := func(name string, m *exchangev1.SentMessage) {
		raw, err := protojson.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		s.write(name, string(raw))
	}
	save("none.json", m)
	save("accepted.json", s.receipt(h, m, accepting(h)))
	undecided := accepting(h)
	undecided.AnswerFollows = true
	save("undecided.json", s.receipt(h, m, undecided))
	m.Content = []byte(strings.Replace(sentXML, "0001", "0002", 1))
	save("other-xml.json", m)
	m.Content = []byte(sentXML)
	m.Receipt.Signature[10]++
	save("forged.json", m)
	refusing := seal.Receipt{MessageID: h.MessageID, Verdict: gateway.ERR, Received: h.Payload, At: signedAt.Add(time.Second), Faults: gateway.Faults{{
		Code: gateway.XSDType, Severity: gateway.Error, Value: "10250.5 kg", Expected: gateway.Term("decimal"), Location: gateway.Location{Expr: "/n:Notice[1]"},
	}}.Report("ru")}
	save("refused.json", s.receipt(h, m, refusing))
	received := accepting(h)
	received.Verdict, received.Canonical, received.Mapping = gateway.RCV, gateway.Digest{}, ""
	save("received.json", s.receipt(h, m, received))
	other := accepting(h)
	other.MessageID = "33333333-3333-4333-8333-333333333333"
	save("other-message.json", s.receipt(h, m, other))
	digest := accepting(h)
	digest.Received = gateway.DigestOf([]byte("something else"))
	save("other-digest.json", s.receipt(h, m, digest))
	m.Header = append(m.Header[:len(m.Header)-1], ' ', '}')
	save("other-header.json", s.receipt(h, m, accepting(h)))

	s.write("late.yaml", "trust:\n"+s.key("cn-1", "CN", "")+strings.Replace(s.key("ru-1", "RU", ""), "from: 2026-01-01", "from: 2026-06-01", 1))
	s.write("compromised.yaml", "trust:\n"+s.key("cn-1", "CN", "")+s.key("ru-1", "RU", ", compromised: 2026-04-01T00:00:00Z"))
	s.write("own.yaml", "trust:\n"+s.key("cn-1", "CN", ""))
	s.write("foreign.yaml", "trust:\n"+s.key("cn-1", "CN", "")+s.key("ru-1", "KZ", ""))
	s.write("garbage.json", "{}")
	s.card("cn.card", s.cn, "cn-1")
	s.card("ru.card", s.ru, "ru-1")
	s.write("nobody.yaml", "administration: CN\n")

	var said strings.Builder
	check := func(code int, args ...string) {
		t.Helper()
		if !slices.Contains(args, "-at") {
			args = append([]string{"-at", "2026-05-01T00:00:00Z"}, args...)
		}
		line := strings.Join(args, " ")
		for i, a := range args {
			if strings.HasSuffix(a, ".json") || strings.HasSuffix(a, ".yaml") || strings.HasSuffix(a, ".card") {
				args[i] = filepath.Join(s.dir, a)
			}
		}
		var out strings.Builder
		if got := run(t.Context(), append([]string{"verify-receipt"}, args...), stdio{strings.NewReader(""), &out, &out}); got != code {
			t.Errorf("%s: exit %d, want %d\n%s", line, got, code, &out)
		}
		fmt.Fprintf(&said, "$ gatewayd verify-receipt %s\n%s[exit %d]\n", line, strings.ReplaceAll(out.String(), s.dir+string(filepath.Separator), ""), code)
	}
	for _, lang := range gateway.Languages {
		for _, name := range []string{"accepted.json", "undecided.json", "refused.json", "received.json"} {
			check(exitOK, "-lang", lang, "-trust", "trust.yaml", name)
		}
		for _, name := range []string{"none.json", "other-xml.json", "forged.json", "other-message.json", "other-digest.json", "other-header.json"} {
			check(exitFaulty, "-lang", lang, "-trust", "trust.yaml", name)
		}
		for _, trust := range []string{"late.yaml", "compromised.yaml", "own.yaml", "foreign.yaml"} {
			check(exitFaulty, "-lang", lang, "-trust", trust, "accepted.json")
		}
	}
	check(exitOK, "-trust", "compromised.yaml", "-at", "2026-03-02T09:00:00Z", "accepted.json")
	check(exitFaulty, "-trust", "trust.yaml", "accepted.json", "forged.json", "received.json")
	check(exitOK, "-trust", "trust.yaml", "-o", "json", "accepted.json")
	check(exitOK, "-trust", "trust.yaml", "-o", "json", "undecided.json")
	check(exitFaulty, "-trust", "trust.yaml", "-o", "json", "-lang", "mn", "none.json")
	check(exitOK, "-card", "cn.card", "-card", "ru.card", "accepted.json")
	check(exitOK, "-trust", "trust.yaml", "-card", "ru.card", "refused.json") // the same key twice
	check(exitFaulty, "-card", "ru.card", "accepted.json")
	check(exitFailed, "-card", "trust.yaml", "accepted.json")
	check(exitFailed, "-trust", "trust.yaml", "garbage.json")
	check(exitFailed, "-trust", "trust.yaml", "nothing.json")
	check(exitFailed, "-trust", "nobody.yaml", "accepted.json")
	check(exitFailed, "-trust", "trust.yaml", "-at", "yesterday", "accepted.json")
	check(exitFailed, "-trust", "trust.yaml")
	check(exitFailed, "accepted.json")
	golden(t, "testdata/receipts.txt", said.String())
}
