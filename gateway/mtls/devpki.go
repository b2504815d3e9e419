package mtls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
)

const (
	devCALifetime   = 5 * 365 * 24 * time.Hour
	devLeafLifetime = 90 * 24 * time.Hour
	devSkew         = time.Hour // certificates begin this much before now
)

// developmentOnly is the organization that marks the CAs of a development PKI.
const developmentOnly = "for development only"

// IsDevelopment reports whether a CA says of itself that it is one of a development PKI.
func IsDevelopment(ca *x509.Certificate) bool {
	return slices.Contains(ca.Subject.Organization, developmentOnly)
}

// DevIdentity is a certificate of the development PKI.
type DevIdentity struct {
	Name   string // base name of its files: NAME.pem and NAME-key.pem
	URI    string
	Server bool // may serve, on this machine, as well as call
}

// DevAuthority is a CA of the development PKI with the identities it vouches for.
type DevAuthority struct {
	Dir        string // its directory: ca.pem, ca-key.pem, crl.pem and its identities
	CommonName string
	Identities []DevIdentity
}

// DevAuthorities returns the PKI of the demonstration: two administrations, and a
// stranger whose CA vouches for a gateway and a post that are not its own.
func DevAuthorities() []DevAuthority {
	return []DevAuthority{
		DevAdministration("cn", "CN", "0603"),
		DevAdministration("ru", "RU", "10719110"),
		{"stranger", "Stranger development CA", []DevIdentity{
			{"copycat-gateway", "customs://RU/gateway/1", true},
			{"copycat-post", "customs://CN/office/0603/post/1", false},
		}},
	}
}

// DevAdministration returns the authority of an administration: its gateway, a post of the
// office, and one of everybody else who may have to do with it.
func DevAdministration(dir string, own gateway.Administration, office string) DevAuthority {
	of := "customs://" + string(own) + "/"
	return DevAuthority{dir, string(own) + " development CA", []DevIdentity{
		{"gateway", of + "gateway/1", true},
		{"post", of + "office/" + office + "/post/1", false},
		{"supervisor", of + "office/" + office + "/supervisor/1", false},
		{"national", of + "system/national", false},
		{"analyst", of + "analyst/1", false},
		{"operator", of + "operator/1", false},
		{"auditor", of + "auditor/1", false},
	}}
}

// GenerateDevPKI writes the authorities below root, each with an empty revocation
// list. Keys are P-256 and readable by their owner only. It refuses to overwrite:
// if any of the authorities' directories exists it writes nothing.
func GenerateDevPKI(root string, now time.Time, authorities []DevAuthority) error {
	for _, a := range authorities {
		dir := filepath.Join(root, a.Dir)
		switch _, err := os.Lstat(dir); {
		case err == nil:
			return fmt.Errorf("development PKI: %s: %w", dir, fs.ErrExist)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("development PKI: %w", err)
		}
	}
	for _, a := range authorities {
		if err := a.generate(filepath.Join(root, a.Dir), now); err != nil {
			return fmt.Errorf("development PKI: %w", err)
		}
	}
	return nil
}

func (a DevAuthority) generate(dir string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:          devSerial(),
		Subject:               pkix.Name{CommonName: a.CommonName, Organization: []string{developmentOnly}},
		NotBefore:             now.Add(-devSkew),
		NotAfter:              now.Add(devCALifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca, err := writeDevCertificate(dir, "ca", template, template, key, key)
	if err != nil {
		return err
	}
	if err := writeDevCRL(dir, ca, key, now, big.NewInt(1), nil); err != nil {
		return err
	}
	for _, id := range a.Identities {
		if err := id.generate(dir, ca, key, now); err != nil {
			return fmt.Errorf("%s: %w", id.Name, err)
		}
	}
	return nil
}

func (id DevIdentity) generate(dir string, ca *x509.Certificate, caKey *ecdsa.PrivateKey, now time.Time) error {
	uri, err := url.Parse(id.URI)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: devSerial(),
		Subject:      pkix.Name{CommonName: id.Name},
		NotBefore:    now.Add(-devSkew),
		NotAfter:     now.Add(devLeafLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{AsClient},
		URIs:         []*url.URL{uri}, BasicConstraintsValid: true,
	}
	if id.Server {
		// The gateways go by the URI; these names are for a browser or curl.
		template.ExtKeyUsage = append(template.ExtKeyUsage, AsServer)
		template.DNSNames = []string{"localhost"}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	_, err = writeDevCertificate(dir, id.Name, template, ca, key, caKey)
	return err
}

func writeDevCertificate(dir, name string, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	if err := writeKey(filepath.Join(dir, name+"-key.pem"), key); err != nil {
		return nil, err
	}
	if err := writePEM(filepath.Join(dir, name+".pem"), "CERTIFICATE", der, 0o644); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// RevokeDev adds the named identities to the revocation list of the development
// authority in dir. A running gateway heeds it once it has loaded the new list.
func RevokeDev(dir string, now time.Time, names ...string) error {
	ca, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	lists, err := LoadCRLs(filepath.Join(dir, "crl.pem"))
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	old, revoked := lists[0], lists[0].RevokedCertificateEntries
	for _, name := range names {
		certs, err := LoadRoots(filepath.Join(dir, name+".pem"))
		if err != nil {
			return fmt.Errorf("revoke %s: %w", name, err)
		}
		revoked = append(revoked, x509.RevocationListEntry{SerialNumber: certs[0].SerialNumber, RevocationTime: now})
	}
	number := new(big.Int).Add(old.Number, big.NewInt(1))
	if err := writeDevCRL(dir, ca.Leaf, ca.PrivateKey.(crypto.Signer), now, number, revoked); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return nil
}

// writeDevCRL puts a list in the place of the one before; readers see one or the other.
func writeDevCRL(dir string, ca *x509.Certificate, key crypto.Signer, now time.Time, number *big.Int, revoked []x509.RevocationListEntry) error {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: number, RevokedCertificateEntries: revoked,
		ThisUpdate: now, NextUpdate: now.Add(devLeafLifetime),
	}, ca, key)
	if err != nil {
		return err
	}
	next := filepath.Join(dir, "crl.pem.next")
	if err := writePEM(next, "X509 CRL", der, 0o644); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(dir, "crl.pem"))
}

func devSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f // a serial number is positive
	return new(big.Int).SetBytes(b)
}

// GenerateSigningKey writes a new P-256 key for signing messages, which is never a
// TLS key: the private one to path (PKCS #8), the public one beside it, with .pub.pem
// in place of .pem. It refuses to overwrite either.
func GenerateSigningKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := writePEM(strings.TrimSuffix(path, ".pem")+".pub.pem", "PUBLIC KEY", public, 0o644); err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	if err := writeKey(path, key); err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	return nil
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "PRIVATE KEY", der, 0o600)
}

// writePEM creates the file; one that exists is an error.
func writePEM(path, blockType string, der []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	return errors.Join(pem.Encode(f, &pem.Block{Type: blockType, Bytes: der}), f.Close())
}
