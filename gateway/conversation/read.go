package conversation

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/schema"
)

// Bounds of what lies around a document.
const (
	MaxAround   = 64 << 10 // bytes before and behind the root of a document, each
	MaxSpace    = 8 << 20  // bytes of an envelope beside its document
	maxNodes    = 20_000   // elements of headers and signals
	maxText     = 6 << 20  // bytes of one text in them: a statement in base64
	MaxErrors   = 100      // of a signal that are read
	maxField    = 1_000    // bytes of a field
	maxSentence = 2_000    // bytes of a description
)

// Addressing is what the headers of an envelope say, each without its form.
type Addressing struct {
	To, ReplyTo, MessageID, RelatesTo, Action, ProcedureID, ConversationID string
}

// Block is our own header: what is signed of a message, or of the receipt that a signal is. It is verified by nobody yet.
type Block struct {
	Header, Signature []byte
	Statement         []byte // of a receipt
	Before, Behind    []byte // what stands around the root element of a document
}

// Error is one of a signal that refuses.
type Error struct{ Code, Description, Details, Document, Reference string }

// Signal is what a partner answers to a message: by the sort of its verdict, without a signature of its own.
type Signal struct {
	ID      string
	Verdict gateway.Verdict
	At      time.Time
	Errors  []Error // at most MaxErrors
}

// Fault is a refusal of an envelope itself.
type Fault struct {
	Sender bool // it is whoever sent the envelope who can mend it
	Reason string
	// RelatesAction is the action of what is refused, if it is repeated.
	RelatesAction string
}

// Envelope is one that was read. One of Root, Signal and Fault is there.
type Envelope struct {
	Addressing
	Block  *Block // nil without one
	Root   []byte // the root element of the document, byte for byte as it came
	Signal *Signal
	Fault  *Fault
}

// Document puts the bytes of the document together again that were signed.
func (e Envelope) Document() []byte {
	if e.Block == nil {
		return e.Root
	}
	return slices.Concat(e.Block.Before, e.Root, e.Block.Behind)
}

// unfit refuses an envelope for what stands, or does not stand, in it.
func unfit(value string, expected gateway.Phrase) error {
	return gateway.Fault{Code: gateway.EnvelopeUnfit, Severity: gateway.Error, Value: value, Expected: expected}
}

// Read reads an envelope with a document of at most so many bytes. The error is a gateway.Fault, of the byte gate or
// that the envelope is not of the profile's form.
func (p *Profile) Read(raw []byte, most int) (Envelope, error) {
	lim := schema.DefaultLimits.For(most)
	lim.Bytes += MaxSpace
	lim.Depth += 2
	lim.TextLen = max(lim.TextLen, maxText)
	if faults := schema.Gate(raw, lim); len(faults) > 0 {
		return Envelope{}, faults[0]
	}
	r := reader{Profile: p, raw: bytes.TrimPrefix(raw, []byte("\uFEFF"))}
	return r.read()
}

// node is an element of an envelope, its document apart.
type node struct {
	name   xml.Name
	attrs  []xml.Attr
	parent *node
	nodes  []*node
	text   string
}

// reader reads one envelope.
type reader struct {
	*Profile
	raw   []byte
	dec   *xml.Decoder
	count int
	out   Envelope
}

func (r *reader) read() (Envelope, error) {
	r.dec = xml.NewDecoder(bytes.NewReader(r.raw))
	r.dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // the gate has looked
	root, err := r.next(nil)
	if err == nil {
		err = r.envelope(root)
	}
	if err == nil {
		err = r.end()
	}
	return r.out, err
}

var errUnreadable = unfit("/", gateway.Say(gateway.WordUnreadableXML))

// token is the next that is neither a comment nor stands before the root.
func (r *reader) token() (xml.Token, error) {
	for {
		t, err := r.dec.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, errUnreadable
		}
		switch t.(type) {
		case xml.Comment, xml.ProcInst:
		default:
			return t, nil
		}
	}
}

// next is the next element in an open one, nil if that ends. Nothing but blanks stands between.
func (r *reader) next(in *node) (*node, error) {
	for {
		t, err := r.token()
		if err != nil {
			return nil, errUnreadable
		}
		switch t := t.(type) {
		case xml.StartElement:
			if r.count++; r.count > maxNodes {
				return nil, r.tooMany()
			}
			return &node{name: t.Name, attrs: slices.Clone(t.Attr), parent: in}, nil
		case xml.EndElement:
			return nil, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, r.unexpected(in, "")
			}
		}
	}
}

// end demands that nothing follows.
func (r *reader) end() error {
	t, err := r.token()
	for ; err == nil; t, err = r.token() {
		if text, ok := t.(xml.CharData); !ok || len(bytes.TrimSpace(text)) > 0 {
			return errUnreadable
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// whole reads the rest of an element that was begun.
func (r *reader) whole(n *node) error {
	var text strings.Builder
	for {
		t, err := r.token()
		if err != nil {
			return errUnreadable
		}
		switch t := t.(type) {
		case xml.StartElement:
			if r.count++; r.count > maxNodes {
				return r.tooMany()
			}
			child := &node{name: t.Name, attrs: slices.Clone(t.Attr), parent: n}
			n.nodes = append(n.nodes, child)
			if err := r.whole(child); err != nil {
				return err
			}
		case xml.EndElement:
			n.text = text.String()
			if len(n.nodes) > 0 && strings.TrimSpace(n.text) != "" {
				return r.unexpected(n, "")
			}
			return nil
		case xml.CharData:
			text.Write(t)
		}
	}
}

// unexpected refuses what stands in an element, by the element's name, or an attribute's on it.
func (r *reader) unexpected(n *node, attr string) error {
	at := "/"
	if n != nil {
		at = r.called(n.name)
	}
	if attr != "" {
		at += "/@" + attr
	}
	return unfit(at, gateway.Say(gateway.WordProfileNames, r.ID()))
}

// called is a name as the profile writes it, or as it is alone.
func (r *reader) called(n xml.Name) string {
	for prefix, space := range r.Namespaces {
		if space == n.Space {
			return prefix + ":" + n.Local
		}
	}
	return n.Local
}

// is reports whether an element has a name of the profile.
func (p *Profile) is(n xml.Name, as name) bool { return n == p.expanded(as) }

func (p *Profile) expanded(as name) xml.Name {
	prefix, local, _ := strings.Cut(string(as), ":")
	return xml.Name{Space: p.Namespaces[prefix], Local: local}
}

// plain demands that an element has no attributes but those given, and declares no namespace whose attributes could not be
// told from declarations.
func (r *reader) plain(n *node, but ...xml.Name) error {
	for _, a := range n.attrs {
		declares := a.Name.Space == reserved || a.Name.Space == "" && a.Name.Local == reserved
		if declares && a.Value != reserved || slices.Contains(but, a.Name) {
			continue
		}
		return r.unexpected(n, a.Name.Local)
	}
	return nil
}

// reserved is the prefix of declarations, which the decoder has stand for their namespace.
const reserved = "xmlns"

func (r *reader) tooMany() error {
	return unfit(string(r.Envelope), gateway.Say(gateway.WordAtMost, strconv.Itoa(maxNodes)))
}

func (r *reader) missing(n name) error {
	return unfit(string(n), gateway.Say(gateway.WordFieldMissing, string(n)))
}

func (r *reader) twice(n name) error {
	return unfit(string(n), gateway.Say(gateway.WordOnlyOnce))
}

// envelope reads the root: headers, and then a body.
func (r *reader) envelope(root *node) error {
	if root == nil || !r.is(root.name, r.Envelope) {
		return r.missing(r.Envelope)
	}
	if err := r.plain(root); err != nil {
		return err
	}
	header, err := r.next(root)
	switch {
	case err != nil:
		return err
	case header == nil || !r.is(header.name, r.Header):
		return r.missing(r.Header)
	}
	if err := r.plain(header); err != nil {
		return err
	}
	if err := r.whole(header); err != nil {
		return err
	}
	relating, err := r.headers(header)
	if err != nil {
		return err
	}
	body, err := r.next(root)
	switch {
	case err != nil:
		return err
	case body == nil || !r.is(body.name, r.Body):
		return r.missing(r.Body)
	}
	if err := r.plain(body); err != nil {
		return err
	}
	if err := r.body(body, relating); err != nil {
		return err
	}
	if err := r.complete(); err != nil {
		return err
	}
	switch more, err := r.next(root); {
	case err != nil:
		return err
	case more != nil && r.is(more.name, r.Body):
		return r.twice(r.Body)
	case more != nil:
		return r.unexpected(more, "")
	}
	return nil
}

// headers reads the fields and our own block, and returns the action that an answer says it relates to.
func (r *reader) headers(header *node) (relating string, err error) {
	found := map[string]bool{}
	for _, n := range header.nodes {
		i := slices.IndexFunc(r.Headers, func(h placed) bool { return r.is(n.name, h.steps()[0]) })
		key := r.called(n.name)
		switch {
		case n.name.Space == ownSpace && n.name.Local == ownBlock:
			key = ownPrefix + ":" + ownBlock
			err = r.block(n)
		case i >= 0:
			h := r.Headers[i]
			if err := r.field(n, h); err != nil {
				return "", err
			}
			if h.Field == fieldRelatesTo {
				for _, a := range n.attrs {
					if a.Name == r.expanded(r.RelatesAction) {
						relating = a.Value
					}
				}
			}
		case slices.ContainsFunc(r.Skipped, func(s name) bool { return r.is(n.name, s) }):
		default: // what is forbidden, and what nobody has named
			return "", r.unexpected(n, "")
		}
		if err != nil {
			return "", err
		}
		if found[key] {
			return "", r.twice(name(key))
		}
		found[key] = true
	}
	return relating, nil
}

// complete demands the headers of all that is no fault: who refuses what could not be read has nothing to repeat.
func (r *reader) complete() error {
	for _, h := range r.Headers {
		if h.In == "" && *r.out.place(h.Field) == "" && (r.out.Fault == nil || h.Field == fieldAction) {
			return r.missing(h.steps()[0])
		}
	}
	return nil
}

// field reads one header.
func (r *reader) field(n *node, h placed) error {
	steps := h.steps()
	may := make([]xml.Name, 0, len(r.Attributes)+1)
	for _, a := range r.Attributes {
		may = append(may, r.expanded(a))
	}
	if h.Field == fieldRelatesTo {
		may = append(may, r.expanded(r.RelatesAction))
	}
	if err := r.plain(n, may...); err != nil {
		return err
	}
	for _, s := range steps[1:] {
		if len(n.nodes) != 1 || !r.is(n.nodes[0].name, s) {
			return r.missing(s)
		}
		n = n.nodes[0]
		if err := r.plain(n); err != nil {
			return err
		}
	}
	if len(n.nodes) > 0 {
		return r.unexpected(n.nodes[0], "")
	}
	before, behind, _ := strings.Cut(h.Form, "%s")
	value, ok := strings.CutPrefix(strings.TrimSpace(n.text), before)
	value, also := strings.CutSuffix(value, behind)
	if len(value) > maxField {
		return unfit(string(steps[0]), gateway.Say(gateway.WordAtMostBytes, strconv.Itoa(maxField)))
	}
	last := strings.TrimPrefix(lastPart(value), before)
	if !ok || !also || value == "" || strings.ContainsAny(value, " \t\r\n") ||
		h.Value == valueUUID && (len(value) != uuidLen || !gateway.IsUUID(value)) || h.Value == valueUUIDs && (len(last) != uuidLen || !gateway.IsUUID(last)) {
		return unfit(string(steps[0]), gateway.Say(gateway.WordPattern, strings.Replace(h.Form, "%s", "…", 1)))
	}
	*r.out.place(h.Field) = value
	return nil
}

const uuidLen = 36

// lastPart is what stands behind the last slash.
func lastPart(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// place is where a field of an envelope is kept.
func (a *Addressing) place(field string) *string {
	switch field {
	case fieldTo:
		return &a.To
	case fieldReplyTo:
		return &a.ReplyTo
	case fieldMessageID:
		return &a.MessageID
	case fieldRelatesTo:
		return &a.RelatesTo
	case fieldAction:
		return &a.Action
	case fieldProcedureID:
		return &a.ProcedureID
	}
	return &a.ConversationID
}

// block reads our own header.
func (r *reader) block(n *node) error {
	if r.out.Block != nil {
		return r.twice(ownPrefix + ":" + ownBlock)
	}
	if err := r.plain(n); err != nil {
		return err
	}
	b := new(Block)
	parts := map[string]*[]byte{ownHeader: &b.Header, ownSignature: &b.Signature, ownStatement: &b.Statement, ownBefore: &b.Before, ownBehind: &b.Behind}
	for _, c := range n.nodes {
		part, ok := parts[c.name.Local]
		if !ok || c.name.Space != ownSpace || len(c.nodes) > 0 || *part != nil {
			return r.unexpected(c, "")
		}
		raw, err := base64.StdEncoding.DecodeString(noBlanks.Replace(c.text))
		if err != nil {
			return unfit(ownPrefix+":"+c.name.Local, gateway.Term("base64"))
		}
		*part = append([]byte{}, raw...)
	}
	switch {
	case len(b.Header) == 0:
		return r.missing(ownPrefix + ":" + ownHeader)
	case len(b.Signature) == 0:
		return r.missing(ownPrefix + ":" + ownSignature)
	case len(b.Before) > MaxAround || len(b.Behind) > MaxAround:
		return unfit(ownPrefix+":"+ownBefore, gateway.Say(gateway.WordAtMostBytes, strconv.Itoa(MaxAround)))
	}
	r.out.Block = b
	return nil
}

// noBlanks leaves out what may stand in base64; ends of lines the decoder passes over.
var noBlanks = strings.NewReplacer(" ", "", "\t", "")

// body reads the one element of the body: a document's, which is left as it is, a signal's or a fault's.
func (r *reader) body(body *node, relating string) error {
	var from int64
	var root *node
	for root == nil { // comments and blanks around a document would be nobody's
		from = r.dec.InputOffset()
		t, err := r.dec.Token()
		if err != nil {
			return errUnreadable
		}
		switch t := t.(type) {
		case xml.StartElement:
			root = &node{name: t.Name, attrs: slices.Clone(t.Attr), parent: body}
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return r.unexpected(body, "")
			}
		case xml.EndElement:
			return unfit(string(r.Body), gateway.Say(gateway.WordBodyOneElement))
		default:
			return r.unexpected(body, "")
		}
	}
	var err error
	switch verdict := r.verdictOf(root.name); {
	case verdict != "":
		if err = r.whole(root); err == nil {
			err = r.signalled(root, verdict)
		}
	case r.is(root.name, r.Fault.Root):
		if err = r.whole(root); err == nil {
			err = r.faulted(root, relating)
		}
	default:
		err = r.document(root, from)
	}
	if err != nil {
		return err
	}
	for {
		t, err := r.dec.Token()
		if err != nil {
			return errUnreadable
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return r.unexpected(body, "")
			}
		case xml.StartElement:
			return unfit(string(r.Body), gateway.Say(gateway.WordBodyOneElement))
		default:
			return r.unexpected(body, "")
		}
	}
}

// verdictOf is whose signal has a root of this name; "" if none.
func (p *Profile) verdictOf(n xml.Name) gateway.Verdict {
	for _, v := range verdicts {
		if p.is(n, p.signal(v).Root) {
			return v
		}
	}
	return ""
}

var verdicts = []gateway.Verdict{gateway.RCV, gateway.PRS, gateway.ERR}

// document takes the root element of a document as it stands, which must be one by itself: what its signer has signed
// declares its namespaces.
func (r *reader) document(root *node, from int64) error {
	if root.name == r.expanded(r.Envelope) {
		return unfit(string(r.Body), gateway.Say(gateway.WordBodyOneElement))
	}
	for _, v := range verdicts {
		if lastPart(r.out.Action) == r.signal(v).Action {
			return r.missing(r.signal(v).Root) // it says that it is a signal
		}
	}
	if slices.Contains(r.Fault.Actions, r.out.Action) {
		return r.missing(r.Fault.Root)
	}
	if r.out.RelatesTo != "" {
		return r.unexpected(&node{name: r.expanded(r.relates())}, "")
	}
	if err := r.dec.Skip(); err != nil {
		return errUnreadable
	}
	r.out.Root = r.raw[from:r.dec.InputOffset()]
	lim := schema.DefaultLimits.For(len(r.raw))
	if faults := schema.Gate(r.out.Root, lim); len(faults) > 0 {
		f := faults[0]
		if f.Code == gateway.XMLPrefix {
			return unfit(f.Value, gateway.Say(gateway.WordDeclaresOwn))
		}
		return f
	}
	return nil
}

// relates is the header that answers alone have.
func (p *Profile) relates() name {
	for _, h := range p.Headers {
		if h.Field == fieldRelatesTo {
			return h.steps()[0]
		}
	}
	return ""
}

// signalled reads a signal.
func (r *reader) signalled(root *node, verdict gateway.Verdict) error {
	form := r.signal(verdict)
	if lastPart(r.out.Action) != form.Action {
		return unfit(r.out.Action, gateway.Say(gateway.WordPattern, "…/"+form.Action))
	}
	if r.out.RelatesTo == "" {
		return r.missing(r.relates())
	}
	if err := r.plain(root); err != nil {
		return err
	}
	s := &Signal{Verdict: verdict}
	for _, n := range root.nodes {
		if err := r.plain(n); err != nil {
			return err
		}
		switch {
		case r.is(n.name, r.Signal.ID) && s.ID == "":
			if s.ID = strings.TrimSpace(n.text); !gateway.IsUUID(s.ID) {
				return unfit(string(r.Signal.ID), gateway.Say(gateway.WordPattern, "UUID"))
			}
		case r.is(n.name, r.Signal.At) && s.At.IsZero():
			at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(n.text))
			if err != nil {
				return unfit(string(r.Signal.At), gateway.Say(gateway.WordInstant, "2026-03-01T12:00:00Z"))
			}
			s.At = at.UTC()
		case r.is(n.name, r.Signal.Error) && verdict == gateway.ERR:
			e, err := r.errorOf(n)
			if err != nil {
				return err
			}
			if len(s.Errors) < MaxErrors {
				s.Errors = append(s.Errors, e)
			}
		default:
			return r.unexpected(n, "")
		}
	}
	switch {
	case s.ID == "":
		return r.missing(r.Signal.ID)
	case s.At.IsZero():
		return r.missing(r.Signal.At)
	case verdict == gateway.ERR && len(s.Errors) == 0:
		return r.missing(r.Signal.Error)
	}
	r.out.Signal = s
	return nil
}

// errorOf reads one error of a signal.
func (r *reader) errorOf(n *node) (e Error, err error) {
	parts := []struct {
		name name
		text *string
	}{{r.Signal.Code, &e.Code}, {r.Signal.Description, &e.Description}, {r.Signal.Details, &e.Details}, {r.Signal.Document, &e.Document}, {r.Signal.Reference, &e.Reference}}
	for _, c := range n.nodes {
		i := slices.IndexFunc(parts, func(p struct {
			name name
			text *string
		}) bool {
			return r.is(c.name, p.name)
		})
		if i < 0 || *parts[i].text != "" || len(c.nodes) > 0 {
			return e, r.unexpected(c, "")
		}
		*parts[i].text = clip(strings.TrimSpace(c.text), maxSentence)
	}
	switch {
	case e.Code == "" || len(e.Code) > 255:
		return e, r.missing(r.Signal.Code)
	case e.Description == "":
		return e, r.missing(r.Signal.Description)
	}
	return e, nil
}

// clip cuts a text at a rune after so many bytes.
func clip(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// faulted reads a fault.
func (r *reader) faulted(root *node, relating string) error {
	if !slices.Contains(r.Fault.Actions, r.out.Action) {
		return unfit(r.out.Action, gateway.Say(gateway.WordOneOf, strings.Join(r.Fault.Actions, ", ")))
	}
	f := &Fault{RelatesAction: relating}
	code := r.child(r.child(root, r.Fault.Code), r.Fault.CodeValue)
	if code == nil {
		return r.missing(r.Fault.CodeValue)
	}
	switch value := code.resolve(strings.TrimSpace(code.text)); value {
	case r.expanded(r.Fault.Sender):
		f.Sender = true
	case r.expanded(r.Fault.Receiver):
	default:
		return unfit(strings.TrimSpace(code.text), gateway.Say(gateway.WordOneOf, string(r.Fault.Sender)+", "+string(r.Fault.Receiver)))
	}
	if reason := r.child(root, r.Fault.Reason); reason != nil {
		for _, n := range reason.nodes {
			if r.is(n.name, r.Fault.Text) && f.Reason == "" {
				f.Reason = clip(strings.TrimSpace(n.text), maxSentence)
			}
		}
	}
	r.out.Fault = f
	return nil
}

// child is the one of this name; nil if there is none.
func (r *reader) child(n *node, as name) *node {
	if n == nil {
		return nil
	}
	if i := slices.IndexFunc(n.nodes, func(c *node) bool { return r.is(c.name, as) }); i >= 0 {
		return n.nodes[i]
	}
	return nil
}

// resolve is a name that stands as a text in an element.
func (n *node) resolve(text string) xml.Name {
	prefix, local, ok := strings.Cut(text, ":")
	if !ok {
		prefix, local = "", text
	}
	for ; n != nil; n = n.parent {
		for _, a := range n.attrs {
			if prefix != "" && a.Name.Space == reserved && a.Name.Local == prefix || prefix == "" && a.Name.Space == "" && a.Name.Local == reserved {
				return xml.Name{Space: a.Value, Local: local}
			}
		}
	}
	return xml.Name{Local: local}
}
