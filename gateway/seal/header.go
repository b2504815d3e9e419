package seal

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"customs.example/gateway"
)

// MaxHeader is the greatest number of bytes of a header.
const MaxHeader = 4 << 10

// Header is the signed part of a message between two gateways. It is serialised
// once, as canonical JSON (keys sorted, no white space, instants in UTC), and from
// then on only its bytes count. Its fields MUST stand in the order of their keys.
type Header struct {
	Batch           string                 `json:"batch,omitempty"` // of the crossing, where the partner's form has no place for it
	Conversation    string                 `json:"conversation"`
	Created         time.Time              `json:"created"`
	DocumentID      string                 `json:"documentId"`
	Duty            string                 `json:"duty,omitempty"`        // that the document discharges: filing; empty of information between administrations
	EntryOffice     string                 `json:"entryOffice,omitempty"` // the recipient's, where the goods enter, whether or not its form has a place for it
	ExpectedArrival *time.Time             `json:"expectedArrival,omitempty"`
	KeyID           string                 `json:"keyId"`
	Kind            string                 `json:"kind"`
	LateBy          int64                  `json:"lateBy"` // seconds; 0 is in time
	MessageID       gateway.MessageID      `json:"messageId"`
	Part            int                    `json:"part,omitempty"`  // from 1, of a whole that needs several messages
	Parts           int                    `json:"parts,omitempty"` // how many; 0: the message is a whole
	Payload         gateway.Digest         `json:"payload"`
	Recipient       gateway.Administration `json:"recipient"`
	RelatesTo       gateway.MessageID      `json:"relatesTo"`
	Sender          gateway.Administration `json:"sender"`
	// WholeGoods: the message tells all the goods of each of its waybills, however many
	// messages do; else it tells a share of them, to which those of others add up.
	WholeGoods bool `json:"wholeGoods,omitempty"`
}

// Filing is the duty of a document that a carrier files itself.
const Filing = "filing"

// Ahead is how long after an instant the header says that it was created.
func (h Header) Ahead(at time.Time) time.Duration { return max(h.Created.Sub(at), 0) }

// encode returns the header's only byte form.
func (h Header) encode() ([]byte, error) {
	if want := h.flaw(); !want.IsZero() {
		return nil, refuse(gateway.SealHeader, "", want)
	}
	h.Created = h.Created.UTC()
	if h.ExpectedArrival != nil {
		at := h.ExpectedArrival.UTC()
		h.ExpectedArrival = &at
	}
	return plain(h) // its fields stand in order of their keys
}

// flaw says what the header lacks, or nothing.
func (h Header) flaw() gateway.Phrase {
	for _, f := range []struct{ name, value string }{
		{"messageId", string(h.MessageID)}, {"kind", h.Kind}, {"sender", string(h.Sender)},
		{"recipient", string(h.Recipient)}, {"keyId", h.KeyID},
	} {
		if f.value == "" {
			return gateway.Say(gateway.WordFieldMissing, f.name)
		}
	}
	if h.Duty != "" && h.Duty != Filing {
		return gateway.Say(gateway.WordOneOf, Filing)
	}
	for _, s := range []string{string(h.MessageID), h.Kind, h.Duty, h.Batch, h.EntryOffice, h.Conversation, h.DocumentID, h.KeyID, string(h.RelatesTo), string(h.Sender), string(h.Recipient)} {
		if !utf8.ValidString(s) {
			return gateway.Say(gateway.WordTextsUTF8)
		}
		if holdsNUL(s) {
			return gateway.Say(gateway.WordTextsNUL)
		}
	}
	switch {
	case h.Created.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "created")
	case h.Payload.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "payload")
	case h.LateBy < 0:
		return gateway.Say(gateway.WordNotNegative, "lateBy")
	case h.Parts < 0 || h.Parts == 1 || h.Part < 0 || h.Part > h.Parts || h.Part == 0 && h.Parts > 0:
		return gateway.Say(gateway.WordPartOfParts)
	}
	return gateway.Phrase{}
}

// Repeated are the fields of a released document, by path, that its header repeats: they travel
// whether or not the partner's form has a place for them.
var Repeated = []string{"batch", "entryOffice.administration", "entryOffice.code", "expectedArrival"}

// ParseHeader reads a header strictly: any byte that its one canonical form does
// not have is refused. It says nothing about who wrote it.
func ParseHeader(raw []byte) (Header, error) {
	if len(raw) > MaxHeader {
		return Header{}, refuse(gateway.SealHeader, "", gateway.Say(gateway.WordAtMostBytes, strconv.Itoa(MaxHeader)))
	}
	var h Header
	if err := strict(raw, &h); err != nil {
		return Header{}, refuse(gateway.SealHeader, "", gateway.Say(gateway.WordCanonicalJSON))
	}
	again, err := h.encode()
	if err != nil {
		return Header{}, err
	}
	if !bytes.Equal(raw, again) {
		return Header{}, refuse(gateway.SealHeader, "", gateway.Say(gateway.WordCanonicalJSON))
	}
	return h, nil
}

// canonical returns v as JSON with sorted keys and without white space. No key of v MUST need
// to be escaped.
func canonical(v any) ([]byte, error) {
	raw, err := plain(v)
	if err != nil {
		return nil, err
	}
	out, _ := appendSorted(make([]byte, 0, len(raw)), raw)
	return out, nil
}

// appendSorted appends the first value of plain JSON, the members of each of its objects in
// order of their keys, and returns what follows it.
func appendSorted(out, raw []byte) (sorted, rest []byte) {
	switch raw[0] {
	case '{':
		type member struct{ key, value []byte }
		var members []member
		for raw = raw[1:]; raw[0] != '}'; raw = bytes.TrimPrefix(raw, comma) {
			n := textLen(raw)
			m := member{key: raw[1 : n-1]}
			if raw = raw[n+1:]; raw[0] == '{' || raw[0] == '[' {
				m.value, raw = appendSorted(nil, raw)
			} else {
				n := plainLen(raw)
				m.value, raw = raw[:n], raw[n:]
			}
			members = append(members, m)
		}
		slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
		out = append(out, '{')
		for i, m := range members {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(append(append(out, '"'), m.key...), '"', ':'), m.value...)
		}
		return append(out, '}'), raw[1:]
	case '[':
		out = append(out, '[')
		for raw = raw[1:]; raw[0] != ']'; {
			if out, raw = appendSorted(out, raw); raw[0] == ',' {
				out, raw = append(out, ','), raw[1:]
			}
		}
		return append(out, ']'), raw[1:]
	}
	n := plainLen(raw)
	return append(out, raw[:n]...), raw[n:]
}

var comma = []byte{','}

// plainLen is the length of the text, number or word that JSON begins with.
func plainLen(raw []byte) int {
	if raw[0] == '"' {
		return textLen(raw)
	}
	if n := bytes.IndexAny(raw, ",]}"); n >= 0 {
		return n
	}
	return len(raw)
}

// textLen is the length of the text that JSON begins with, with its quotes.
func textLen(raw []byte) int {
	for i := 1; ; i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func strict(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func refuse(code gateway.Code, value string, expected gateway.Phrase) error {
	return gateway.Fault{Code: code, Severity: gateway.Error, Value: value, Expected: expected}
}
