package mtls

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"customs.example/gateway"
)

// LoadCertificate reads our own certificate and its key from PEM files. It refuses a
// certificate that no partner could admit because it has not exactly one URI name.
func LoadCertificate(certFile, keyFile string) (tls.Certificate, error) {
	chain, err := readFile(certFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load certificate: %w", err)
	}
	key, err := readFile(keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load certificate: %w", err)
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load certificate %s: %w", certFile, err)
	}
	if _, err := URI(cert.Leaf); err != nil {
		return tls.Certificate{}, fmt.Errorf("load certificate %s: %w", certFile, err)
	}
	return cert, nil
}

// LoadRoots reads the certificates of a PEM file.
func LoadRoots(file string) ([]*x509.Certificate, error) {
	return loadPEM(file, "CERTIFICATE", x509.ParseCertificate)
}

// LoadCRLs reads the revocation lists of a PEM file.
func LoadCRLs(file string) ([]*x509.RevocationList, error) {
	return loadPEM(file, "X509 CRL", x509.ParseRevocationList)
}

// ReadRoots reads certificates from texts of one PEM block each, which are as this module
// writes them.
func ReadRoots(texts []string) ([]*x509.Certificate, error) {
	return readPEM(texts, "CERTIFICATE", x509.ParseCertificate)
}

// ReadCRLs reads revocation lists likewise.
func ReadCRLs(texts []string) ([]*x509.RevocationList, error) {
	return readPEM(texts, "X509 CRL", x509.ParseRevocationList)
}

func readPEM[T any](texts []string, blockType string, parse func([]byte) (T, error)) (all []T, err error) {
	for _, text := range texts {
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != blockType || len(rest) > 0 || string(pem.EncodeToMemory(block)) != text {
			return nil, fmt.Errorf("want texts of one PEM block %s each", blockType)
		}
		one, err := parse(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", blockType, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// SplitPEM returns the PEM blocks of a file as texts of one each, and nothing between them.
func SplitPEM(file string) (texts []string, err error) {
	rest, err := readFile(file)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return texts, nil
		}
		texts = append(texts, string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})))
	}
}

// loadPEM reads a file that holds one or more blocks of one type and nothing else.
func loadPEM[T any](file, blockType string, parse func([]byte) (T, error)) ([]T, error) {
	rest, err := readFile(file)
	if err != nil {
		return nil, err
	}
	var out []T
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != blockType {
			return nil, fmt.Errorf("%s: a %s where %s belongs", file, block.Type, blockType)
		}
		v, err := parse(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no %s in it", file, blockType)
	}
	return out, nil
}

// MaxFile is how many bytes a file of keys, certificates or revocation lists may have.
const MaxFile = 16 << 20

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(raw) > MaxFile {
		err = fmt.Errorf("%s: more than %d bytes", name, MaxFile)
	}
	return raw, err
}

// Fingerprint is the digest of what stands in files now, one after the other. A file that
// cannot be read counts as one with the error in it, so that its coming back is a change.
func Fingerprint(files ...string) gateway.Digest {
	h := sha256.New()
	for _, name := range files {
		raw, err := readFile(name)
		if err != nil {
			raw = []byte(err.Error())
		}
		digest := gateway.DigestOf(raw)
		h.Write(digest[:])
	}
	return gateway.Digest(h.Sum(nil))
}

// SPKIPin returns the pin of a certificate: the SHA-256 of its public key (SPKI),
// which stays the same when a certificate is renewed for the same key.
func SPKIPin(cert *x509.Certificate) gateway.Digest {
	return gateway.DigestOf(cert.RawSubjectPublicKeyInfo)
}

// Shown is what a certificate shows of its owner.
type Shown struct {
	URI  string
	Pin  gateway.Digest
	Ends time.Time
}

// ShownOf is what a certificate shows that has passed every check, or is our own.
func ShownOf(cert *x509.Certificate) Shown {
	uri, _ := URI(cert) // who has passed has one
	return Shown{uri, SPKIPin(cert), cert.NotAfter}
}

// ExpiresWithin returns the whole days left until notAfter (negative when it has
// passed) and the narrowest of the warning thresholds 1, 7, 14 and 30 days that this
// is within, or 0 when no warning is due.
func ExpiresWithin(notAfter, now time.Time) (threshold, daysLeft int) {
	const day = 24 * time.Hour
	left := notAfter.Sub(now)
	daysLeft = int(math.Floor(left.Hours() / 24))
	for _, threshold := range []int{1, 7, 14, 30} {
		if left <= time.Duration(threshold)*day {
			return threshold, daysLeft
		}
	}
	return 0, daysLeft
}
