package conversation

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
)

// Our own header in an envelope: what is signed, each in base64. PARTNER.md says how it is verified.
const (
	ownSpace     = "urn:customs:conversation:v1"
	ownPrefix    = "cg"
	ownBlock     = "Seal"
	ownHeader    = "Header"
	ownSignature = "Signature"
	ownStatement = "Statement"
	ownBefore    = "Before" // the root element of the document
	ownBehind    = "Behind"
)

// BlockName is the block's name, for people.
const BlockName = ownPrefix + ":" + ownBlock

// WriteDocument writes the envelope of a message. It parts the document's root element from what stands around it, which
// travels in the block. An error says that the document has no place in an envelope.
func (p *Profile) WriteDocument(a Addressing, header, signature, document []byte) ([]byte, error) {
	before, root, behind, err := part(document)
	if err != nil {
		return nil, err
	}
	a.RelatesTo = ""
	w := p.begin(a, "", &Block{Header: header, Signature: signature, Before: before, Behind: behind})
	w.Write(root)
	return w.end(), nil
}

// part parts a document, which MUST have passed the byte gate, at its root element.
func part(document []byte) (before, root, behind []byte, err error) {
	mark := len(document) - len(bytes.TrimPrefix(document, []byte("\uFEFF")))
	dec := xml.NewDecoder(bytes.NewReader(document[mark:]))
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		from := mark + int(dec.InputOffset())
		t, err := dec.Token()
		if err != nil {
			return nil, nil, nil, errors.New("the document has no root element")
		}
		if _, ok := t.(xml.StartElement); !ok {
			continue
		}
		if err := dec.Skip(); err != nil {
			return nil, nil, nil, errors.New("the document's root element does not end")
		}
		to := mark + int(dec.InputOffset())
		if from > MaxAround || len(document)-to > MaxAround {
			return nil, nil, nil, errors.New("there is too much around the document's root element")
		}
		return document[:from], document[from:to], document[to:], nil
	}
}

// WriteSignal writes the envelope of a signal: with the block of a signed receipt, or without one.
func (p *Profile) WriteSignal(a Addressing, s Signal, receipt *Block) []byte {
	form := p.signal(s.Verdict)
	w := p.begin(a, "", receipt)
	w.open(form.Root)
	w.leaf(p.Signal.ID, s.ID)
	w.leaf(p.Signal.At, s.At.UTC().Format(time.RFC3339Nano))
	for _, e := range s.Errors[:min(len(s.Errors), MaxErrors)] {
		w.open(p.Signal.Error)
		w.leaf(p.Signal.Code, clip(e.Code, 255))
		w.leaf(p.Signal.Description, clip(e.Description, maxSentence))
		w.leaf(p.Signal.Details, clip(e.Details, maxSentence))
		w.leaf(p.Signal.Document, e.Document)
		w.leaf(p.Signal.Reference, clip(e.Reference, maxSentence))
		w.close(p.Signal.Error)
	}
	w.close(form.Root)
	return w.end()
}

// WriteFault writes the envelope of a fault, whose reason is in the profile's language.
func (p *Profile) WriteFault(a Addressing, f Fault) []byte {
	a.Action = p.Fault.Actions[0]
	w := p.begin(a, f.RelatesAction, nil)
	w.open(p.Fault.Root)
	w.open(p.Fault.Code)
	code := p.Fault.Receiver
	if f.Sender {
		code = p.Fault.Sender
	}
	w.leaf(p.Fault.CodeValue, string(code))
	w.close(p.Fault.Code)
	w.open(p.Fault.Reason)
	w.WriteString("<" + string(p.Fault.Text) + ` xml:lang="` + p.Fault.Language + `">`)
	w.text(clip(f.Reason, maxSentence))
	w.close(p.Fault.Text)
	w.close(p.Fault.Reason)
	w.close(p.Fault.Root)
	return w.end()
}

// writer writes one envelope.
type writer struct {
	*Profile
	bytes.Buffer
}

// begin writes an envelope up to what stands in its body. A field without a value is left out.
func (p *Profile) begin(a Addressing, relating string, b *Block) *writer {
	w := &writer{Profile: p}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<" + string(p.Envelope))
	for _, prefix := range slices.Sorted(maps.Keys(p.Namespaces)) {
		w.WriteString(" xmlns:" + prefix + `="` + p.Namespaces[prefix] + `"`)
	}
	w.WriteString(">\n")
	w.open(p.Header)
	w.WriteString("\n")
	for _, h := range p.Headers {
		value := *a.place(h.Field)
		if value == "" {
			continue
		}
		steps := h.steps()
		attribute := ""
		if h.Field == fieldRelatesTo && relating != "" {
			attribute = string(p.RelatesAction)
		}
		for i, s := range steps {
			w.WriteString("<" + string(s))
			if i == 0 && attribute != "" {
				w.WriteString(" " + attribute + `="`)
				w.text(relating)
				w.WriteString(`"`)
			}
			w.WriteString(">")
		}
		w.text(strings.Replace(h.Form, "%s", value, 1))
		for _, s := range slices.Backward(steps) {
			w.close(s)
		}
		w.WriteString("\n")
	}
	if b != nil {
		w.block(b)
	}
	w.close(p.Header)
	w.WriteString("\n")
	w.open(p.Body)
	return w
}

// block writes our own header.
func (w *writer) block(b *Block) {
	w.WriteString("<" + ownPrefix + ":" + ownBlock + " xmlns:" + ownPrefix + `="` + ownSpace + `">`)
	for _, part := range []struct {
		name string
		of   []byte
	}{{ownHeader, b.Header}, {ownSignature, b.Signature}, {ownStatement, b.Statement}, {ownBefore, b.Before}, {ownBehind, b.Behind}} {
		if len(part.of) > 0 {
			w.leaf(name(ownPrefix+":"+part.name), base64.StdEncoding.EncodeToString(part.of))
		}
	}
	w.close(ownPrefix + ":" + ownBlock)
	w.WriteString("\n")
}

func (w *writer) open(n name)  { w.WriteString("<" + string(n) + ">") }
func (w *writer) close(n name) { w.WriteString("</" + string(n) + ">") }

// leaf writes an element with a text, unless that is empty.
func (w *writer) leaf(n name, text string) {
	if text == "" {
		return
	}
	w.open(n)
	w.text(text)
	w.close(n)
}

func (w *writer) text(s string) { _ = xml.EscapeText(&w.Buffer, []byte(s)) } // a buffer takes everything

// end closes what is open and returns the envelope.
func (w *writer) end() []byte {
	w.close(w.Body)
	w.WriteString("\n")
	w.close(w.Envelope)
	w.WriteString("\n")
	return w.Bytes()
}

// SignalAction is the action of the signal of a verdict about a message with this action.
func (p *Profile) SignalAction(action string, v gateway.Verdict) string {
	return action[:strings.LastIndexByte(action, '/')+1] + p.signal(v).Action
}
