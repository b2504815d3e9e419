// Package envelope owns the envelopes in which a document lies for one reader alone: EnvelopedData of the
// Cryptographic Message Syntax (RFC 5652), with AES-256 in CBC mode and the key for the recipient's RSA certificate
// under OAEP (RFC 3560). It reads what openssl cms makes for an RSA certificate, but for the modes with
// authentication (RFC 5083), which the library does not know. It refuses to sign and to judge: an envelope hides what
// is in it, and says of nobody that they made it.
package envelope

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/smallstep/pkcs7"
)

// MinBits is the least length of a key that envelopes are made for or opened by.
const MinBits = 2048

// The library keeps its algorithms in variables; nobody else uses it.
var algorithms = sync.OnceFunc(func() {
	pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256CBC
	pkcs7.KeyEncryptionAlgorithm = pkcs7.OIDEncryptionAlgorithmRSAESOAEP
	pkcs7.KeyEncryptionHash = crypto.SHA1 // the default of RFC 3560: with another the library names no mask function, and openssl takes SHA-1 for it
})

// Pair is both ends of an exchange by envelopes.
type Pair struct {
	theirs *x509.Certificate // whom envelopes are made for
	ours   *x509.Certificate // whom they come for
	key    *rsa.PrivateKey
}

// Load reads PEM files: the partner's certificate, our own, and its key (PKCS #8). All are for RSA, of MinBits at least.
func Load(theirs, ours, key string) (p *Pair, err error) {
	p = new(Pair)
	if p.theirs, err = certificate(theirs); err != nil {
		return nil, err
	}
	if p.ours, err = certificate(ours); err != nil {
		return nil, err
	}
	raw, err := block(key, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	private, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	of, ok := private.(*rsa.PrivateKey)
	if !ok || !of.PublicKey.Equal(p.ours.PublicKey) {
		return nil, fmt.Errorf("%s: not the key of %s", key, ours)
	}
	p.key = of
	return p, nil
}

// certificate reads one for an RSA key that is long enough.
func certificate(file string) (*x509.Certificate, error) {
	raw, err := block(file, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if public, ok := c.PublicKey.(*rsa.PublicKey); !ok || public.N.BitLen() < MinBits {
		return nil, fmt.Errorf("%s: want an RSA key of %d bits or more", file, MinBits)
	}
	return c, nil
}

// block reads the first block of a PEM file, which is of a kind.
func block(file, kind string) ([]byte, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(raw)
	if b == nil || b.Type != kind {
		return nil, fmt.Errorf("%s: want a %s in PEM", file, kind)
	}
	return b.Bytes, nil
}

// Seal puts content into an envelope for the partner, in DER.
func (p *Pair) Seal(content []byte) ([]byte, error) {
	algorithms()
	return pkcs7.Encrypt(content, []*x509.Certificate{p.theirs})
}

// Open returns what lies in an envelope for us.
func (p *Pair) Open(envelope []byte) (content []byte, err error) {
	if err := bounded(envelope); err != nil {
		return nil, err
	}
	defer func() { // the library trusts lengths that the envelope states
		if recover() != nil {
			content, err = nil, errMalformed
		}
	}()
	parsed, err := pkcs7.Parse(envelope)
	if err != nil {
		return nil, err
	}
	return parsed.Decrypt(p.ours, p.key)
}

var errMalformed = errors.New("no envelope of the form that is asked for")

// Bounds of an envelope's form: the library reads it by recursion, and makes a value of each part.
const (
	maxDepth = 32
	maxParts = 1 << 17 // of 512 bytes each an envelope has 64 MiB
)

// bounded walks the parts of an encoding by the basic rules (X.690), of definite or indefinite length, and refuses
// one that is nested too deep, has too many parts, or does not end where it says. It refuses too what the library
// would read otherwise, and deeper: what holds nothing and is of indefinite length, and what follows the end.
func bounded(raw []byte) error {
	var ends []int // of what is open; -1: when it says so
	for at, parts := 0, 0; ; parts++ {
		for len(ends) > 0 {
			if end := ends[len(ends)-1]; end < 0 && ended(raw, at) {
				at += 2
			} else if end != at {
				break
			}
			ends = ends[:len(ends)-1]
		}
		if parts > 0 && len(ends) == 0 {
			if at != len(raw) {
				return errMalformed
			}
			return nil
		}
		if parts == maxParts || len(ends) > maxDepth {
			return errMalformed
		}
		constructed, length, next, ok := head(raw, at)
		if !ok || length > len(raw)-next || length < 0 && (!constructed || ended(raw, next)) {
			return errMalformed
		}
		end := next + length
		if length < 0 {
			end = -1
		}
		if open := len(ends); open > 0 && ends[open-1] >= 0 && (end < 0 || end > ends[open-1]) && end >= 0 {
			return errMalformed
		}
		if at = next; constructed {
			ends = append(ends, end)
		} else {
			at = end
		}
	}
}

// ended reports whether what is of indefinite length ends here.
func ended(raw []byte, at int) bool { return at+2 <= len(raw) && raw[at] == 0 && raw[at+1] == 0 }

// head reads the beginning of a part: whether it holds parts, its length, negative if it is indefinite, and where its
// content begins.
func head(raw []byte, at int) (constructed bool, length, next int, ok bool) {
	if at >= len(raw) {
		return
	}
	constructed = raw[at]&0x20 != 0
	multiple := raw[at]&0x1f == 0x1f
	for at++; multiple; at++ {
		if at >= len(raw) {
			return
		}
		multiple = raw[at]&0x80 != 0
	}
	if at >= len(raw) {
		return
	}
	first := raw[at]
	at++
	switch {
	case first < 0x80:
		return constructed, int(first), at, true
	case first == 0x80:
		return constructed, -1, at, true
	case first > 0x84 || at+int(first&0x7f) > len(raw):
		return
	}
	for range first & 0x7f {
		length = length<<8 | int(raw[at])
		at++
	}
	return constructed, length, at, true
}
