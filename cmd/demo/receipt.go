package main

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// receipt is a signed receipt as the demonstration reads it: with the standard library
// and the partner's public key, and nothing of the gateway's own checks.
type receipt struct {
	header struct {
		Kind, KeyID       string
		Sender, Recipient gateway.Administration
		RelatesTo         gateway.MessageID
		Payload           gateway.Digest
	}
	statement struct {
		MessageID           gateway.MessageID
		Verdict             gateway.Verdict
		Received, Canonical gateway.Digest
	}
}

// openReceipt verifies a receipt's signature by the key of the side that signed it.
func openReceipt(by *side, s *exchangev1.SignedStatement) (receipt, error) {
	var r receipt
	if s == nil {
		return r, errors.New("there is no receipt")
	}
	raw, err := os.ReadFile(filepath.Join(by.dir, "pki", by.Side, "signing.pub.pem"))
	if err != nil {
		return r, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return r, errors.New("the public key is no PEM file")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return r, err
	}
	public, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return r, fmt.Errorf("the public key is a %T", key)
	}
	digest := sha256.Sum256(s.Header)
	if !ecdsa.VerifyASN1(public, digest[:], s.Signature) {
		return r, fmt.Errorf("the receipt's signature is not that of %s", by.Own)
	}
	return r, errors.Join(json.Unmarshal(s.Header, &r.header), json.Unmarshal(s.Statement, &r.statement))
}

// checkReceipt compares a receipt with the message and the bytes that were received.
func (p *play) checkReceipt(by *side, m *exchangev1.MessageStatus, payload []byte) (receipt, error) {
	r, err := openReceipt(by, m.Receipt)
	if err != nil {
		return r, err
	}
	var c checks
	c.equal("receipt's signer", r.header.Sender, by.Own)
	c.equal("receipt's addressee", r.header.Recipient, by.Partner)
	c.equal("digest of the statement in the signed header", r.header.Payload, gateway.DigestOf(m.Receipt.Statement))
	c.equal("message of the receipt", string(r.statement.MessageID), m.MessageId)
	c.equal("verdict", r.statement.Verdict, gateway.PRS)
	c.equal("digest of what was received", r.statement.Received, gateway.DigestOf(payload))
	c.equal("digest of what was sent", m.PayloadDigest, gateway.DigestOf(payload).String())
	return r, c.err()
}

// saveReceipt leaves a receipt in OUT: its texts exactly as signed.
func (p *play) saveReceipt(name string, s *exchangev1.SignedStatement) error {
	return p.saveJSON(name, map[string]any{"header": string(s.Header), "statement": string(s.Statement), "signature": s.Signature})
}
