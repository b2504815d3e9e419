package seal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"customs.example/gateway"
)

// Status is where a key stands at an instant.
type Status string

// The states of a key. It passes through them in this order and is never deleted:
// what a retired key signed in its time still verifies.
const (
	Next    Status = "next"
	Current Status = "current"
	Retired Status = "retired"
)

// Validity is when a key may sign: from From on, before Until.
type Validity struct {
	From  time.Time `yaml:"from"`
	Until time.Time `yaml:"until"`
}

// Status returns where a key with this validity stands at an instant.
func (v Validity) Status(at time.Time) Status {
	switch {
	case at.Before(v.From):
		return Next
	case at.Before(v.Until):
		return Current
	}
	return Retired
}

func (v Validity) String() string {
	return "from " + v.From.UTC().Format(time.RFC3339) + " until " + v.Until.UTC().Format(time.RFC3339)
}

// IsSpan reports whether the validity has a beginning and a later end.
func (v Validity) IsSpan() bool { return !v.From.IsZero() && v.From.Before(v.Until) }

func (v Validity) check() error {
	if !v.IsSpan() {
		return errors.New("a key needs from and a later until")
	}
	return nil
}

// Signer is a private key with its id. The key may live in a device: whatever
// signs SHA-256 digests with ECDSA P-256 will do.
type Signer struct {
	ID string
	Validity
	Key crypto.Signer
}

// KeyFile names a signing key's file: PKCS#8 in PEM.
type KeyFile struct {
	ID       string `yaml:"id"`
	File     string `yaml:"file"`
	Validity `yaml:",inline"`
}

// ErrOwnKey says that nothing can be signed, whatever it is: no key is valid, or the
// device that holds it fails.
var ErrOwnKey = errors.New("own signing key")

// Keyring is an administration's own signing keys.
type Keyring struct {
	owner   gateway.Administration
	signers []Signer
}

// NewKeyring makes the keyring of an administration.
func NewKeyring(owner gateway.Administration, signers ...Signer) (*Keyring, error) {
	if owner == "" || len(signers) == 0 {
		return nil, errors.New("a keyring needs an owner and a key")
	}
	seen := make(map[string]bool)
	for _, s := range signers {
		if s.ID == "" || s.Key == nil || seen[s.ID] {
			return nil, fmt.Errorf("signing key %q: every key needs its own id", s.ID)
		}
		seen[s.ID] = true
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("signing key %s: %w", s.ID, err)
		}
		if pub, ok := s.Key.Public().(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() {
			return nil, fmt.Errorf("signing key %s: want ECDSA P-256", s.ID)
		}
	}
	return &Keyring{owner: owner, signers: append([]Signer(nil), signers...)}, nil
}

// LoadKeyring reads an administration's signing keys from files.
func LoadKeyring(owner gateway.Administration, files []KeyFile) (*Keyring, error) {
	var signers []Signer
	for _, f := range files {
		s, err := LoadSigner(f)
		if err != nil {
			return nil, err
		}
		signers = append(signers, s)
	}
	return NewKeyring(owner, signers...)
}

// LoadSigner reads one signing key from its file.
func LoadSigner(f KeyFile) (Signer, error) {
	der, err := readPEM(f.File, "PRIVATE KEY")
	if err != nil {
		return Signer{}, fmt.Errorf("signing key %s: %w", f.ID, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return Signer{}, fmt.Errorf("signing key %s: %w", f.ID, err)
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok || signer.Curve != elliptic.P256() {
		return Signer{}, fmt.Errorf("signing key %s: want ECDSA P-256", f.ID)
	}
	return Signer{ID: f.ID, Validity: f.Validity, Key: signer}, nil
}

// Owner is the administration that the keyring signs for.
func (k *Keyring) Owner() gateway.Administration { return k.owner }

// Current returns the key that signs at an instant: of several valid ones the one
// that became valid last, so that a rotation needs no gap.
func (k *Keyring) Current(at time.Time) (Signer, error) {
	var best Signer
	for _, s := range k.signers {
		if s.Status(at) == Current && (best.Key == nil || s.From.After(best.From)) {
			best = s
		}
	}
	if best.Key == nil {
		return Signer{}, fmt.Errorf("%w: no key of %s is valid at %s", ErrOwnKey, k.owner, at.UTC().Format(time.RFC3339))
	}
	return best, nil
}

// sign completes the header with its key and payload digest, and signs its bytes.
func (k *Keyring) sign(h Header, payload []byte) (Header, []byte, []byte, error) {
	if h.Sender != k.owner {
		return Header{}, nil, nil, refuse(gateway.SealHeader, string(h.Sender), gateway.Say(gateway.WordSenderMustBe, string(k.owner)))
	}
	key, err := k.Current(h.Created)
	if err != nil {
		return Header{}, nil, nil, err
	}
	h.KeyID, h.Payload = key.ID, gateway.DigestOf(payload)
	raw, err := h.encode()
	if err != nil {
		return Header{}, nil, nil, err
	}
	digest := sha256.Sum256(raw)
	signature, err := key.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return Header{}, nil, nil, fmt.Errorf("%w: key %s: %w", ErrOwnKey, key.ID, err)
	}
	h, err = ParseHeader(raw)
	return h, raw, signature, err
}

// GenerateKey makes a signing key and returns it as PKCS#8, and its public half as
// PKIX, both in PEM.
func GenerateKey() (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	priv, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	pub, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: priv}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}), nil
}

func readPEM(file, kind string) ([]byte, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return onePEM(file, raw, kind)
}

func onePEM(name string, raw []byte, kind string) ([]byte, error) {
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != kind || len(rest) > 0 {
		return nil, fmt.Errorf("%s: want one PEM block %s", name, kind)
	}
	return block.Bytes, nil
}
