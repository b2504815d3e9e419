package seal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"
)

// SignText signs a text that is no message with the key that is current at an instant. The
// purpose keeps the signature apart from those of messages and of other texts: it is signed
// before the text, and MUST NOT begin as a header does, with a brace, or hold a line feed.
func (k *Keyring) SignText(purpose string, text []byte, at time.Time) (keyID string, signature []byte, err error) {
	key, err := k.Current(at)
	if err != nil {
		return "", nil, err
	}
	signature, err = key.Key.Sign(rand.Reader, textDigest(purpose, text), crypto.SHA256)
	if err != nil {
		return "", nil, fmt.Errorf("%w: key %s: %w", ErrOwnKey, key.ID, err)
	}
	return key.ID, signature, nil
}

// VerifiesText reports whether the key has signed a text for a purpose, whenever that was.
func (v Verifier) VerifiesText(purpose string, text, signature []byte) bool {
	return v.Key != nil && ecdsa.VerifyASN1(v.Key, textDigest(purpose, text), signature)
}

func textDigest(purpose string, text []byte) []byte {
	h := sha256.New()
	h.Write([]byte(purpose + "\n"))
	h.Write(text)
	return h.Sum(nil)
}
