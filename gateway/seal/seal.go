// Package seal owns the signed header of a message, its digest and signature over
// exact bytes, and the signing keys with their validity. It refuses to sign a
// document without proof that it was released, encoded and found conforming, and
// to return anything whose signature it has not verified.
//
// A signature is ECDSA P-256, in ASN.1 DER, over the SHA-256 of the header's bytes.
// The header holds the SHA-256 of the payload.
package seal

import (
	"bytes"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
)

// Sealed is a document that may be sent. Only Seal and Restore make one; its zero
// value is refused by whoever takes one.
type Sealed struct {
	header    Header
	raw       []byte
	signature []byte
	payload   []byte
}

// Seal signs a document for its addressee. It is the only way to a sendable
// document, and MUST be given proofs that belong together: the released document is
// what was encoded, the encoded bytes are what conforms, and the header says the
// kind and the recipient of the route. Payload digest and key are filled in, and the batch
// number that the route lets the recipient have.
func (k *Keyring) Seal(h Header, r release.Released, e mapping.Encoded, c schema.Conforming) (Sealed, error) {
	var want gateway.Phrase
	switch {
	case r.IsZero():
		want = gateway.Say(gateway.WordNothingReleased)
	case e.IsZero():
		want = gateway.Say(gateway.WordNothingEncoded)
	case c.IsZero():
		want = gateway.Say(gateway.WordNothingConforms)
	case r.Digest() != e.Input():
		want = gateway.Say(gateway.WordEncodedNotReleased)
	case e.Digest() != c.Document():
		want = gateway.Say(gateway.WordConformingNotEncoded)
	case h.Kind != r.Kind():
		want = gateway.Say(gateway.WordKindMustBe, r.Kind())
	case h.Recipient != r.Recipient():
		want = gateway.Say(gateway.WordRecipientMustBe, string(r.Recipient()))
	}
	if !want.IsZero() {
		return Sealed{}, refuse(gateway.SealProof, "", want)
	}
	h.Batch, h.EntryOffice = "", ""
	body := document.Body(r.View()).Interface()
	if b, ok := body.(interface{ GetBatch() string }); ok {
		h.Batch = b.GetBatch()
	}
	if b, ok := body.(interface{ GetEntryOffice() *customsv1.Office }); ok && b.GetEntryOffice().GetAdministration() == string(h.Recipient) {
		h.EntryOffice = b.GetEntryOffice().GetCode()
	}
	payload := e.Bytes()
	h, raw, signature, err := k.sign(h, payload)
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{header: h, raw: raw, signature: signature, payload: payload}, nil
}

// Restore makes a Sealed of stored bytes again, by verifying them as they were when
// the header was created.
func Restore(t *Trust, header, signature, payload []byte) (Sealed, error) {
	h, err := ParseHeader(header)
	if err != nil {
		return Sealed{}, err
	}
	o, err := t.Open(header, signature, payload, h.Created)
	return Sealed(o), err
}

// Header is the header as signed.
func (s Sealed) Header() Header { return s.header.clone() }

// HeaderBytes are the bytes that the signature covers.
func (s Sealed) HeaderBytes() []byte { return bytes.Clone(s.raw) }

// Signature is the signature over the header's bytes.
func (s Sealed) Signature() []byte { return bytes.Clone(s.signature) }

// Payload is the partner's document, byte for byte.
func (s Sealed) Payload() []byte { return bytes.Clone(s.payload) }

// IsZero reports whether nothing is sealed.
func (s Sealed) IsZero() bool { return s.raw == nil }

// Opened is a received message whose signature and digest hold. Only Open makes
// one; its zero value is refused by whoever takes one.
type Opened struct {
	header    Header
	raw       []byte
	signature []byte
	payload   []byte
}

// Open verifies a message received at an instant. The key is the one that the
// header names, of the sender, valid when the header was created. Every refusal is
// a gateway.Fault with a code of its own. Whether the header was created ahead of the
// instant is for the caller to look at.
func (t *Trust) Open(header, signature, payload []byte, at time.Time) (Opened, error) {
	h, err := t.verify(header, signature, payload, at)
	if err != nil {
		return Opened{}, err
	}
	return Opened{header: h, raw: bytes.Clone(header), signature: bytes.Clone(signature), payload: bytes.Clone(payload)}, nil
}

// Header is the verified header.
func (o Opened) Header() Header { return o.header.clone() }

// Payload is the verified payload.
func (o Opened) Payload() []byte { return bytes.Clone(o.payload) }

// IsZero reports whether nothing was opened.
func (o Opened) IsZero() bool { return o.raw == nil }

func (h Header) clone() Header {
	if h.ExpectedArrival != nil {
		at := *h.ExpectedArrival
		h.ExpectedArrival = &at
	}
	return h
}
