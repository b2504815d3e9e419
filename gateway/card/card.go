// Package card owns the partner card: one signed file in which an administration tells
// others what they need to exchange with it. It refuses to say whose card one is: the
// signature shows only that its maker holds a key that the card names. Whose that is, two
// people find out by comparing the fingerprint on another channel.
package card

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"customs.example/gateway"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// MaxSize is how many bytes a card's file may have.
const MaxSize = 1 << 20

// Bounds of what a card lists.
const (
	maxKeys    = 64
	maxPins    = 16
	maxFormats = 500
	maxText    = 500
)

// purpose is what a card is signed for.
const purpose = "customs partner card 1"

// Card is what partners have to know of a gateway.
type Card struct {
	Administration gateway.Administration `json:"administration"`
	Issued         time.Time              `json:"issued"`
	URI            string                 `json:"uri"`   // of the gateway's certificate
	GRPC           string                 `json:"grpc"`  // host:port
	REST           string                 `json:"rest"`  // host:port
	Roots          []string               `json:"roots"` // PEM, one certificate each
	CRLs           []string               `json:"crls"`  // PEM, one list each, as they were when the card was made
	Pins           []gateway.Digest       `json:"pins"`  // of the present public key, and of the next
	Keys           []Key                  `json:"keys"`  // that sign messages
	Formats        []Format               `json:"formats"`
	MaxMessage     int64                  `json:"maxMessage"` // bytes that are taken of a message
	DutyDesk       string                 `json:"dutyDesk"`   // whom to call, day and night
}

// Key is a public key that messages and receipts are verified with.
type Key struct {
	ID     string    `json:"id"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Public string    `json:"public"` // PKIX in PEM
}

// Format is a form of documents that the administration sends or reads.
type Format struct {
	Direction string         `json:"direction"` // Sends or Reads
	Partner   string         `json:"partner"`   // to whom, or from whom
	Kind      string         `json:"kind"`      // of the canonical document
	Table     string         `json:"table"`
	Schema    gateway.Digest `json:"schema"` // of the XSD that it is checked by
}

// The directions of a format, as its card's administration sees them.
const (
	Sends = "sends"
	Reads = "reads"
)

// file is the form of a card in a file. Its only byte form is that of encode.
type file struct {
	Card      Card   `json:"card"`
	Key       string `json:"key"` // that signed it
	Signature []byte `json:"signature"`
}

func (f file) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(f)
	return b.Bytes(), err
}

// text is what is signed.
func (c Card) text() ([]byte, error) { return json.Marshal(c) }

// Sign returns the file of a card, signed with the owner's key that is current now, and its
// fingerprint.
func Sign(c Card, keys *seal.Keyring, now time.Time) (raw []byte, fingerprint gateway.Digest, err error) {
	if keys.Owner() != c.Administration {
		return nil, gateway.Digest{}, fmt.Errorf("card of %s, keys of %s", c.Administration, keys.Owner())
	}
	c.Issued = now.UTC().Truncate(time.Second)
	if err := c.check(); err != nil {
		return nil, gateway.Digest{}, err
	}
	text, err := c.text()
	if err != nil {
		return nil, gateway.Digest{}, err
	}
	f := file{Card: c}
	if f.Key, f.Signature, err = keys.SignText(purpose, text, now); err != nil {
		return nil, gateway.Digest{}, err
	}
	if raw, err = f.encode(); err == nil && len(raw) > MaxSize {
		err = fmt.Errorf("card of %d bytes: want at most %d", len(raw), MaxSize)
	}
	return raw, gateway.DigestOf(text), err
}

// Parse reads a card's file strictly: any byte that Sign does not write is an error. The
// card is whole, and signed by one of the keys that it names, which was valid when it was
// issued. The fingerprint is the digest of all that it says.
func Parse(raw []byte) (c Card, fingerprint gateway.Digest, err error) {
	if len(raw) > MaxSize {
		return Card{}, gateway.Digest{}, fmt.Errorf("a card has at most %d bytes", MaxSize)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Card{}, gateway.Digest{}, fmt.Errorf("no partner card: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Card{}, gateway.Digest{}, errors.New("no partner card: more behind it")
	}
	if again, err := f.encode(); err != nil || !bytes.Equal(again, raw) {
		return Card{}, gateway.Digest{}, errors.New("the card was changed: it is not as it was written")
	}
	c = f.Card
	if err := c.check(); err != nil {
		return Card{}, gateway.Digest{}, err
	}
	text, err := c.text()
	if err != nil {
		return Card{}, gateway.Digest{}, err
	}
	i := slices.IndexFunc(c.Keys, func(k Key) bool { return k.ID == f.Key })
	if i < 0 {
		return Card{}, gateway.Digest{}, fmt.Errorf("the card is signed by %q, which is none of its keys", printable(f.Key))
	}
	verifier, err := c.Keys[i].Verifier(c.Administration)
	switch {
	case err != nil:
		return Card{}, gateway.Digest{}, err
	case verifier.Status(c.Issued) != seal.Current:
		return Card{}, gateway.Digest{}, fmt.Errorf("the card is signed by %s, which was not valid at %s", f.Key, c.Issued.Format(time.RFC3339))
	case !verifier.VerifiesText(purpose, text, f.Signature):
		return Card{}, gateway.Digest{}, errors.New("the card was changed: its signature does not fit")
	}
	return c, gateway.DigestOf(text), nil
}

// Verifier is the key as an administration's.
func (k Key) Verifier(of gateway.Administration) (seal.Verifier, error) {
	return seal.ReadVerifier(seal.TrustFile{ID: k.ID, Administration: of, File: "card", Validity: seal.Validity{From: k.From, Until: k.Until}}, []byte(k.Public))
}

var (
	name  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) // of a key: a file bears it
	table = regexp.MustCompile(`^[a-z]{2,8}/[a-z0-9.+-]{1,80}$`)
	word  = regexp.MustCompile(`^[A-Za-z]{1,40}$`)
)

// check says what a card lacks.
func (c Card) check() error {
	switch {
	case !c.Administration.IsCode():
		return fmt.Errorf("administration %q: want two capital letters", printable(string(c.Administration)))
	case c.Issued.IsZero():
		return errors.New("issued is missing")
	case !isURI(c.URI):
		return fmt.Errorf("uri %q: want one such as customs://CN/gateway/1", printable(c.URI))
	case !isAddress(c.GRPC) || !isAddress(c.REST):
		return fmt.Errorf("addresses %q and %q: want host:port", printable(c.GRPC), printable(c.REST))
	case len(c.Roots) == 0 || len(c.Roots) > mtls.MaxRoots:
		return fmt.Errorf("%d roots: want 1 to %d", len(c.Roots), mtls.MaxRoots)
	case len(c.CRLs) == 0 || len(c.CRLs) > 2*mtls.MaxRoots:
		return fmt.Errorf("%d revocation lists: want 1 to %d", len(c.CRLs), 2*mtls.MaxRoots)
	case len(c.Pins) == 0 || len(c.Pins) > maxPins:
		return fmt.Errorf("%d pins: want 1 to %d", len(c.Pins), maxPins)
	case len(c.Keys) == 0 || len(c.Keys) > maxKeys:
		return fmt.Errorf("%d signing keys: want 1 to %d", len(c.Keys), maxKeys)
	case len(c.Formats) > maxFormats:
		return fmt.Errorf("%d formats: want at most %d", len(c.Formats), maxFormats)
	case c.MaxMessage <= 0:
		return errors.New("maxMessage: want more than 0")
	case len(c.DutyDesk) > maxText || printable(c.DutyDesk) != c.DutyDesk:
		return fmt.Errorf("dutyDesk: want one line of at most %d bytes", maxText)
	}
	ids := map[string]bool{}
	for _, k := range c.Keys {
		if !name.MatchString(k.ID) || ids[k.ID] {
			return fmt.Errorf("signing key %q: want an id of its own, of letters, digits, points and dashes", printable(k.ID))
		}
		ids[k.ID] = true
		v, err := k.Verifier(c.Administration)
		if err != nil {
			return err
		}
		if !v.IsSpan() {
			return fmt.Errorf("signing key %s: want from before until", k.ID)
		}
	}
	for _, f := range c.Formats {
		if f.Direction != Sends && f.Direction != Reads || !table.MatchString(f.Table) || !word.MatchString(f.Kind) || !gateway.Administration(f.Partner).IsCode() {
			return fmt.Errorf("format %q: want direction, partner, kind and table", printable(f.Table))
		}
	}
	if _, err := mtls.ReadRoots(c.Roots); err != nil {
		return err
	}
	_, err := mtls.ReadCRLs(c.CRLs)
	return err
}

func isURI(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Host != "" && len(text) <= maxText && printable(text) == text
}

func isAddress(text string) bool {
	host, digits, err := net.SplitHostPort(text)
	port, portErr := strconv.Atoi(digits)
	return err == nil && portErr == nil && host != "" && port >= 1 && port <= 65535 && len(text) <= 300 && printable(text) == text && !strings.ContainsAny(text, ` "'\`)
}

// printable is a text without what a terminal would act on.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}
