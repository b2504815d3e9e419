package mapping

import (
	"slices"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/decode"
	"customs.example/gateway/mapping/encode"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/pace"
	"customs.example/gateway/xmltree"
)

// Encoded proves that bytes are what a table writes for a canonical document. Only
// Encode makes one; takers MUST refuse the zero Encoded.
type Encoded struct {
	raw                  []byte
	digest, input, table gateway.Digest
	id                   string
}

// Bytes returns a copy of the document.
func (e Encoded) Bytes() []byte { return slices.Clone(e.raw) }

// Digest returns the digest of the bytes.
func (e Encoded) Digest() gateway.Digest { return e.digest }

// Input returns the digest of the canonical document.
func (e Encoded) Input() gateway.Digest { return e.input }

// Table returns the id of the table.
func (e Encoded) Table() string { return e.id }

// TableDigest returns the digest of the table's file.
func (e Encoded) TableDigest() gateway.Digest { return e.table }

// IsZero reports whether e proves nothing.
func (e Encoded) IsZero() bool { return e.raw == nil }

// Encode writes a document as the table says. The faults are all there are, with
// canonical paths; Encoded is zero if any refuses. With tracing, every value written has a
// link.
func (t *Table) Encode(d *customsv1.Document, tracing bool) (Encoded, trace.Trace, gateway.Faults) {
	return t.encode(pace.Endless(), d, tracing)
}

// EncodeWhile is Encode for as long as the steps go on. It returns the error of what ended
// them, and then nothing else.
func (t *Table) EncodeWhile(steps *pace.Steps, d *customsv1.Document, tracing bool) (Encoded, trace.Trace, gateway.Faults, error) {
	encoded, traced, faults := t.encode(steps, d, tracing)
	if err := steps.Err(); err != nil {
		return Encoded{}, trace.Trace{}, nil, err
	}
	return encoded, traced, faults, nil
}

func (t *Table) encode(steps *pace.Steps, d *customsv1.Document, tracing bool) (Encoded, trace.Trace, gateway.Faults) {
	raw, traced, faults := encode.Document(t.program(), steps, d, tracing)
	if raw == nil {
		return Encoded{}, traced, faults
	}
	return Encoded{raw: raw, digest: gateway.DigestOf(raw), input: document.Digest(d), table: t.Digest(), id: t.ID()}, traced, faults
}

// Decode reads a document as the table says. The faults are all there are, each with
// its place in XML and its canonical path.
func (t *Table) Decode(doc *xmltree.Document) decode.Decoded {
	return decode.Document(t.program(), pace.Endless(), doc)
}

// DecodeWhile is Decode for as long as the steps go on. It returns the error of what ended
// them, and then nothing of the document.
func (t *Table) DecodeWhile(steps *pace.Steps, doc *xmltree.Document) (decode.Decoded, error) {
	d := decode.Document(t.program(), steps, doc)
	if err := steps.Err(); err != nil {
		return decode.Decoded{}, err
	}
	return d, nil
}
