package seal

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"customs.example/gateway"
)

// KindPage is the header's kind of a Page.
const KindPage = "Page"

// MaxCode is the greatest number of characters of a page's code: a QR code of level M has room for them.
const MaxCode = 2300

// Bounds of a page's statement.
const (
	MaxPageVehicles = 4
	maxPageText     = 40
)

// Page is what the code on a printed announcement says: which message announces what, from which office to
// which, as it stood at an instant.
type Page struct {
	MessageID gateway.MessageID `json:"messageId"`
	Kind      string            `json:"kind"`             // of the document
	Number    string            `json:"number,omitempty"` // of the list
	Batch     string            `json:"batch,omitempty"`
	Exit      string            `json:"exit"` // administration and code of the office
	Entry     string            `json:"entry,omitempty"`
	Vehicles  []string          `json:"vehicles,omitempty"` // plates or numbers, the first
	More      int               `json:"more,omitempty"`     // vehicles that are not named
	Items     int               `json:"items"`              // lines of goods
	Packages  string            `json:"packages,omitempty"`
	GrossMass string            `json:"grossMass,omitempty"` // kg
	Canonical gateway.Digest    `json:"canonical"`           // of the document that travels
	At        time.Time         `json:"at"`
}

func (Page) kind() string               { return KindPage }
func (p Page) about() gateway.MessageID { return p.MessageID }

func (p Page) flaw() gateway.Phrase {
	texts := append([]string{string(p.MessageID), p.Kind, p.Number, p.Batch, p.Exit, p.Entry, p.Packages, p.GrossMass}, p.Vehicles...)
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return gateway.Say(gateway.WordTextsUTF8)
		}
		if utf8.RuneCountInString(text) > maxPageText {
			return gateway.Say(gateway.WordAtMostBytes, strconv.Itoa(maxPageText))
		}
		if holdsNUL(text) {
			return gateway.Say(gateway.WordTextsNUL)
		}
	}
	for _, f := range []struct{ name, value string }{{"messageId", string(p.MessageID)}, {"kind", p.Kind}, {"exit", p.Exit}} {
		if f.value == "" {
			return gateway.Say(gateway.WordFieldMissing, f.name)
		}
	}
	switch {
	case p.At.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "at")
	case p.Canonical.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "canonical")
	case len(p.Vehicles) > MaxPageVehicles || p.More < 0 || p.Items < 0:
		return gateway.Say(gateway.WordNotNegative, "more")
	}
	return gateway.Phrase{}
}

// codeBegin is what the text of every page's code begins with.
const codeBegin = "CUSTOMS1."

var codeEncoding = base64.RawURLEncoding.Strict()

// Code is a signed page as a text of letters, digits, points, - and _: what a scanner reads.
func (s Signed) Code() (string, error) {
	code := codeBegin + strings.Join([]string{codeEncoding.EncodeToString(s.raw), codeEncoding.EncodeToString(s.statement), codeEncoding.EncodeToString(s.signature)}, ".")
	if len(code) > MaxCode {
		return "", refuse(gateway.PageStatement, "", gateway.Say(gateway.WordAtMostBytes, strconv.Itoa(MaxCode)))
	}
	return code, nil
}

// OpenCode verifies what a scanner has read from a page at an instant, and returns it with who signed it.
func (t *Trust) OpenCode(text string, at time.Time) (Header, Page, error) {
	var pieces [3][]byte
	rest, begins := strings.CutPrefix(strings.TrimSpace(text), codeBegin)
	all := strings.Split(rest, ".")
	if !begins || len(text) > 2*MaxCode || len(all) != len(pieces) {
		return Header{}, Page{}, refuse(gateway.PageUnfit, gateway.Clip(text), gateway.Phrase{})
	}
	for i, piece := range all {
		var err error
		if pieces[i], err = codeEncoding.DecodeString(piece); err != nil {
			return Header{}, Page{}, refuse(gateway.PageUnfit, gateway.Clip(text), gateway.Phrase{})
		}
	}
	h, p, err := open[Page](t, pieces[0], pieces[1], pieces[2], at)
	if err != nil {
		return Header{}, Page{}, err
	}
	if !gateway.SameID(h.RelatesTo, p.MessageID) {
		return Header{}, Page{}, refuse(gateway.SealReceipt, string(h.RelatesTo), gateway.Term(string(p.MessageID)))
	}
	return h, p, nil
}
