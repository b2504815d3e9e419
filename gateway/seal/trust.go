package seal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"customs.example/gateway"
)

// Clocks differ. What was created up to Skew ahead of the clock that receives it is taken,
// and told from NoticedSkew on. A clock alone refuses nothing for good.
const (
	Skew        = 15 * time.Minute
	NoticedSkew = 5 * time.Second
)

// Verifier is an administration's public key with its id. From Compromised on,
// when that is set, the key proves nothing that is received; what was received
// before still verifies.
type Verifier struct {
	ID             string
	Administration gateway.Administration
	Validity
	Compromised time.Time
	Key         *ecdsa.PublicKey
}

// TrustFile names a public key's file: PKIX in PEM.
type TrustFile struct {
	ID             string                 `yaml:"id"`
	Administration gateway.Administration `yaml:"administration"`
	File           string                 `yaml:"file"`
	Validity       `yaml:",inline"`
	Compromised    time.Time `yaml:"compromised"`
}

// Trust is the public keys of all administrations, by id. Keys are added and
// never deleted.
type Trust struct {
	keys map[string]Verifier
}

// NewTrust makes a trust of verifiers.
func NewTrust(keys ...Verifier) (*Trust, error) {
	t := &Trust{keys: make(map[string]Verifier)}
	for _, v := range keys {
		if _, dup := t.keys[v.ID]; v.ID == "" || dup {
			return nil, fmt.Errorf("public key %q: every key needs its own id", v.ID)
		}
		if v.Administration == "" {
			return nil, fmt.Errorf("public key %s: an administration is missing", v.ID)
		}
		if v.Key == nil || v.Key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("public key %s: want ECDSA P-256", v.ID)
		}
		if err := v.check(); err != nil {
			return nil, fmt.Errorf("public key %s: %w", v.ID, err)
		}
		t.keys[v.ID] = v
	}
	return t, nil
}

// Has reports whether a key is trusted as another states it: under its id, for its
// administration, and over the whole of its time.
func (t *Trust) Has(v Verifier) bool {
	known, ok := t.keys[v.ID]
	return ok && known.Administration == v.Administration && v.Key != nil && known.Key.Equal(v.Key) && !known.From.After(v.From) && !known.Until.Before(v.Until)
}

// Key returns the key of an id.
func (t *Trust) Key(id string) (Verifier, bool) {
	v, ok := t.keys[id]
	return v, ok
}

// LoadTrust reads public keys from files.
func LoadTrust(files []TrustFile) (*Trust, error) {
	var keys []Verifier
	for _, f := range files {
		v, err := LoadVerifier(f)
		if err != nil {
			return nil, err
		}
		keys = append(keys, v)
	}
	return NewTrust(keys...)
}

// LoadVerifier reads one public key from its file.
func LoadVerifier(f TrustFile) (Verifier, error) {
	raw, err := os.ReadFile(f.File)
	if err != nil {
		return Verifier{}, fmt.Errorf("public key %s: %w", f.ID, err)
	}
	return ReadVerifier(f, raw)
}

// ReadVerifier reads one public key from the content of its file.
func ReadVerifier(f TrustFile, content []byte) (Verifier, error) {
	der, err := onePEM(f.File, content, "PUBLIC KEY")
	if err != nil {
		return Verifier{}, fmt.Errorf("public key %s: %w", f.ID, err)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return Verifier{}, fmt.Errorf("public key %s: %w", f.ID, err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return Verifier{}, fmt.Errorf("public key %s: want ECDSA P-256", f.ID)
	}
	return Verifier{ID: f.ID, Administration: f.Administration, Validity: f.Validity, Compromised: f.Compromised, Key: key}, nil
}

// verify reads a header whose signature and payload digest hold. The instant is
// when the bytes were received.
func (t *Trust) verify(raw, signature, payload []byte, at time.Time) (Header, error) {
	h, err := t.VerifyHeader(raw, signature, at)
	if err != nil {
		return Header{}, err
	}
	if got := gateway.DigestOf(payload); got != h.Payload {
		return Header{}, refuse(gateway.SealPayload, got.String(), gateway.Term(h.Payload.String()))
	}
	return h, nil
}

// VerifyHeader reads a header whose signature holds, of what was received at an instant and is kept no more. It
// opens nothing: only its payload's digest is known. Every refusal is a gateway.Fault, as of Open.
func (t *Trust) VerifyHeader(raw, signature []byte, at time.Time) (Header, error) {
	h, err := ParseHeader(raw)
	if err != nil {
		return Header{}, err
	}
	if t == nil {
		return Header{}, errors.New("no trusted keys")
	}
	key, ok := t.keys[h.KeyID]
	created := h.Created.Format(time.RFC3339)
	switch {
	case !ok:
		return Header{}, refuse(gateway.SealKeyUnknown, h.KeyID, gateway.Phrase{})
	case key.Administration != h.Sender:
		return Header{}, refuse(gateway.SealKeyParty, h.KeyID, gateway.Term(string(h.Sender)))
	case key.Status(h.Created) != Current:
		return Header{}, refuse(gateway.SealKeyExpired, created, gateway.Say(gateway.WordValidSpan, key.From.UTC().Format(time.RFC3339), key.Until.UTC().Format(time.RFC3339)))
	case !key.Compromised.IsZero() && !at.Before(key.Compromised):
		return Header{}, refuse(gateway.SealKeyCompromised, h.KeyID, gateway.Term(key.Compromised.UTC().Format(time.RFC3339)))
	}
	digest := sha256.Sum256(raw)
	if !ecdsa.VerifyASN1(key.Key, digest[:], signature) {
		return Header{}, refuse(gateway.SealSignature, h.KeyID, gateway.Phrase{})
	}
	return h, nil
}
