package seal

import (
	"bytes"
	"slices"
	"time"

	"customs.example/gateway"
)

// Statement is what a gateway may sign without a document behind it. The set is
// closed: its types stand in this file.
type Statement interface {
	// kind is the header's kind; about is the message that the statement is about.
	kind() string
	about() gateway.MessageID
	// flaw says what the statement lacks, or nothing.
	flaw() gateway.Phrase
}

// KindReceipt is the header's kind of a Receipt.
const KindReceipt = "Receipt"

// Receipt says what the receiver understood of a message.
type Receipt struct {
	MessageID gateway.MessageID `json:"messageId"`
	Verdict   gateway.Verdict   `json:"verdict"`
	// Received is the digest of the bytes received; Canonical that of the canonical
	// document that they decode to under the table Mapping, set with PRS only.
	Received  gateway.Digest   `json:"received"`
	Canonical gateway.Digest   `json:"canonical,omitzero"`
	Mapping   string           `json:"mapping,omitempty"`
	Faults    []gateway.Report `json:"faults,omitempty"`
	At        time.Time        `json:"at"`
}

func (Receipt) kind() string               { return KindReceipt }
func (r Receipt) about() gateway.MessageID { return r.MessageID }

func (r Receipt) flaw() gateway.Phrase {
	accepted := r.Verdict == gateway.PRS
	refusing := slices.ContainsFunc(r.Faults, func(f gateway.Report) bool { return f.Severity == gateway.Error })
	switch {
	case r.Verdict.State() == "":
		return gateway.Say(gateway.WordVerdictOneOf, "RCV, PRS, ERR")
	case r.MessageID == "":
		return gateway.Say(gateway.WordFieldMissing, "messageId")
	case r.Received.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "received")
	case r.At.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "at")
	case accepted != !r.Canonical.IsZero() || accepted && r.Mapping == "":
		return gateway.Say(gateway.WordCanonicalWith, "PRS")
	case refusing != (r.Verdict == gateway.ERR):
		return gateway.Say(gateway.WordFaultsWith, "ERR")
	}
	return gateway.Phrase{}
}

// Signed is a statement with its header, exactly as signed. Its zero value is
// refused by whoever takes one.
type Signed struct {
	header    Header
	raw       []byte
	statement []byte
	signature []byte
}

// Sign signs a statement. The header's kind, its payload, the message it relates to
// and the key are filled in.
func (k *Keyring) Sign(h Header, s Statement) (Signed, error) {
	if s == nil {
		return Signed{}, refuse(gateway.SealStatement, "", gateway.Say(gateway.WordNoStatement))
	}
	if r, ok := s.(Receipt); ok {
		r.At = r.At.UTC()
		s = r
	}
	if want := s.flaw(); !want.IsZero() {
		return Signed{}, refuse(gateway.SealStatement, "", want)
	}
	h.Kind, h.RelatesTo = s.kind(), s.about()
	body, err := canonical(s)
	if err != nil {
		return Signed{}, err
	}
	h, raw, signature, err := k.sign(h, body)
	if err != nil {
		return Signed{}, err
	}
	return Signed{header: h, raw: raw, statement: body, signature: signature}, nil
}

// Header is the header as signed.
func (s Signed) Header() Header { return s.header.clone() }

// HeaderBytes are the bytes that the signature covers.
func (s Signed) HeaderBytes() []byte { return bytes.Clone(s.raw) }

// Statement is the statement's canonical JSON.
func (s Signed) Statement() []byte { return bytes.Clone(s.statement) }

// Signature is the signature over the header's bytes.
func (s Signed) Signature() []byte { return bytes.Clone(s.signature) }

// IsZero reports whether nothing is signed.
func (s Signed) IsZero() bool { return s.raw == nil }

// OpenReceipt verifies a receipt received at an instant and returns it. It MUST
// come from the recipient of the message whose header is of, name that message,
// and, unless it refuses it, say the digest of what was sent. One that was created
// further ahead than Skew is no good yet.
func (t *Trust) OpenReceipt(header, statement, signature []byte, of Header, at time.Time) (Receipt, error) {
	h, err := t.verify(header, signature, statement, at)
	if err != nil {
		return Receipt{}, err
	}
	if h.Ahead(at) > Skew {
		return Receipt{}, refuse(gateway.SealCreated, h.Created.Format(time.RFC3339), gateway.Term(at.UTC().Format(time.RFC3339)))
	}
	var r Receipt
	if err := strict(statement, &r); err != nil {
		return Receipt{}, refuse(gateway.SealStatement, "", gateway.Say(gateway.WordCanonicalJSON))
	}
	again, err := canonical(r)
	if err != nil {
		return Receipt{}, err
	}
	if want := r.flaw(); !want.IsZero() {
		return Receipt{}, refuse(gateway.SealStatement, "", want)
	}
	if !bytes.Equal(statement, again) {
		return Receipt{}, refuse(gateway.SealStatement, "", gateway.Say(gateway.WordCanonicalJSON))
	}
	for _, c := range []struct{ got, want string }{
		{h.Kind, KindReceipt},
		{string(h.Sender), string(of.Recipient)},
		{string(h.Recipient), string(of.Sender)},
		{gateway.FoldID(string(h.RelatesTo)), gateway.FoldID(string(of.MessageID))},
		{gateway.FoldID(string(r.MessageID)), gateway.FoldID(string(of.MessageID))},
	} {
		if c.got != c.want {
			return Receipt{}, refuse(gateway.SealReceipt, c.got, gateway.Term(c.want))
		}
	}
	if r.Verdict != gateway.ERR && r.Received != of.Payload {
		return Receipt{}, refuse(gateway.SealReceipt, r.Received.String(), gateway.Term(of.Payload.String()))
	}
	return r, nil
}
