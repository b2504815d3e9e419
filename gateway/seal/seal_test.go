package seal_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/seal"
	"customs.example/gateway/validate"
	"customs.example/mappings"
)

var world = fstest.MapFS{
	"xx/answer.v1.yaml": {Data: []byte(`mapping: xx/answer
version: 1
document: Answer
root: Answer
status: own
source: made up
rows:
  - {id: R1, to: ID, from: envelope.documentId, required: true}
  - {id: R2, to: Status, from: status}
`)},
	"rules/none.v1.yaml": {Data: []byte("rules: none\nversion: 1\nrows: []\n")},
	"routes/a.yaml": {Data: []byte(`route: ru-cn-answer
version: 1
from: RU
to: CN
kind: Answer
type: c2c
basis:
  title: made up
  scope: {direction: all, mode: all, procedure: all, goods: all, dates: all}
  status: demonstration
purpose: tests
offices: [{code: "10719110", zone: Asia/Chita}]
valid: {from: 2026-01-01}
table: xx/answer.v1
sources: []
release: on-complete
crossing: 0s
lead: 0s
validity: 72h
retention: 72h
allow: [envelope.documentId, status]
`)},
	"routes/prices/prices.yaml": {Data: looks()},
}

var schemas = fstest.MapFS{"xx/answer.v1.xsd": {Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="Answer"><xs:complexType><xs:sequence>
<xs:element name="ID" type="xs:token"/><xs:element name="Status" type="xs:token" minOccurs="0"/>
</xs:sequence></xs:complexType></xs:element></xs:schema>`)}}

// looks is what prices look like in texts, as it is shipped.
func looks() []byte {
	raw, err := mappings.FS.ReadFile("routes/prices/prices.yaml")
	if err != nil {
		panic(err)
	}
	return raw
}

// proofs are what Seal wants, for one document.
type proofs struct {
	released   release.Released
	encoded    mapping.Encoded
	conforming schema.Conforming
}

// prover makes proofs by the packages that alone may.
type prover struct {
	rules *validate.Rules
	route *release.Route
	table *mapping.Table
	xsd   *schema.Schema
}

func newProver(t testing.TB) *prover {
	t.Helper()
	lists, err := codelist.Load(os.DirFS("../../mappings"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	lib, err := mapping.Load(world, env, lists)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := validate.Load(world, env, lists)
	if err != nil {
		t.Fatal(err)
	}
	routes, err := release.Load(world, lib)
	if err != nil {
		t.Fatal(err)
	}
	set, err := schema.Load(schemas)
	if err != nil {
		t.Fatal(err)
	}
	xsd, ok := set.Schema("xx/answer.v1")
	if !ok {
		t.Fatal("no schema")
	}
	return &prover{rules: rules, route: routes.All()[0], table: lib.Tables()[0], xsd: xsd}
}

func (p *prover) prove(t testing.TB, id string) (out proofs) {
	t.Helper()
	parsed := document.Parse(fmt.Appendf(nil, `{"envelope":{"documentId":%q},"answer":{"status":"registered"}}`, id))
	passed, faults := p.rules.Check(parsed.Document, validate.Scope{Own: "RU", Partner: "CN", At: noon})
	if passed.IsZero() {
		t.Fatal(faults)
	}
	if out.released, faults = p.route.Release(passed); out.released.IsZero() {
		t.Fatal(faults)
	}
	if out.encoded, _, faults = p.table.Encode(out.released.Document(), false); out.encoded.IsZero() {
		t.Fatal(faults)
	}
	if out.conforming = p.xsd.Check(out.encoded.Bytes(), schema.DefaultLimits).Conforming; out.conforming.IsZero() {
		t.Fatal("does not conform")
	}
	return out
}

func header() seal.Header {
	arrival := noon.Add(40 * time.Minute)
	return seal.Header{MessageID: "m-9", Kind: "Answer", Sender: "RU", Recipient: "CN", Conversation: "c-9", RelatesTo: "m-1",
		Created: noon, ExpectedArrival: &arrival, DocumentID: "d-9"}
}

func TestSealedOpensAndIsRestored(t *testing.T) {
	p, ru := newProver(t).prove(t, "d-9"), newSide(t, "RU", year)
	sealed, err := ru.keys.Seal(header(), p.released, p.encoded, p.conforming)
	if err != nil {
		t.Fatal(err)
	}
	trust := trustOf(t, ru.trust...)
	opened, err := trust.Open(sealed.HeaderBytes(), sealed.Signature(), sealed.Payload(), noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	h := opened.Header()
	if !bytes.Equal(opened.Payload(), p.encoded.Bytes()) || h.MessageID != "m-9" || h.Payload != p.encoded.Digest() || !h.ExpectedArrival.Equal(noon.Add(40*time.Minute)) {
		t.Errorf("opened %+v", h)
	}
	restored, err := seal.Restore(trust, sealed.HeaderBytes(), sealed.Signature(), sealed.Payload())
	if err != nil || !bytes.Equal(restored.HeaderBytes(), sealed.HeaderBytes()) {
		t.Errorf("restored %v", err)
	}
	sealed.Payload()[0], sealed.HeaderBytes()[0], *sealed.Header().ExpectedArrival = 'x', 'x', time.Time{}
	if sealed.Payload()[0] == 'x' || sealed.HeaderBytes()[0] == 'x' || sealed.Header().ExpectedArrival.IsZero() {
		t.Error("a sealed message can be changed")
	}
	broken := sealed.Payload()
	broken[0] ^= 1
	if s, err := seal.Restore(trust, sealed.HeaderBytes(), sealed.Signature(), broken); code(err) != gateway.SealPayload || !s.IsZero() {
		t.Errorf("restored broken bytes: %v", err)
	}
}

func TestSealRefusesProofsThatDoNotBelongTogether(t *testing.T) {
	prover, ru := newProver(t), newSide(t, "RU", year)
	a, b := prover.prove(t, "a"), prover.prove(t, "b")
	for name, change := range map[string]func(h *seal.Header, p *proofs){
		"nothing released":          func(_ *seal.Header, p *proofs) { p.released = release.Released{} },
		"nothing encoded":           func(_ *seal.Header, p *proofs) { p.encoded = mapping.Encoded{} },
		"nothing conforming":        func(_ *seal.Header, p *proofs) { p.conforming = schema.Conforming{} },
		"another released document": func(_ *seal.Header, p *proofs) { p.released = b.released },
		"another encoded document":  func(_ *seal.Header, p *proofs) { p.encoded = b.encoded },
		"other conforming bytes":    func(_ *seal.Header, p *proofs) { p.conforming = b.conforming },
		"another recipient":         func(h *seal.Header, _ *proofs) { h.Recipient = "MN" },
		"another kind":              func(h *seal.Header, _ *proofs) { h.Kind = "Manifest" },
	} {
		h, p := header(), a
		change(&h, &p)
		if s, err := ru.keys.Seal(h, p.released, p.encoded, p.conforming); code(err) != gateway.SealProof || !s.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newSide(t, "CN", year).keys.Seal(header(), a.released, a.encoded, a.conforming); code(err) != gateway.SealHeader {
		t.Errorf("another's keyring: %v", err)
	}
}

func BenchmarkSeal(b *testing.B) {
	p, ru := newProver(b).prove(b, "d-9"), newSide(b, "RU", year)
	for b.Loop() {
		if _, err := ru.keys.Seal(header(), p.released, p.encoded, p.conforming); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	p, ru := newProver(b).prove(b, "d-9"), newSide(b, "RU", year)
	trust := trustOf(b, ru.trust...)
	s, err := ru.keys.Seal(header(), p.released, p.encoded, p.conforming)
	if err != nil {
		b.Fatal(err)
	}
	header, signature, payload := s.HeaderBytes(), s.Signature(), s.Payload()
	for b.Loop() {
		if _, err := trust.Open(header, signature, payload, noon); err != nil {
			b.Fatal(err)
		}
	}
}
