package schema

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"customs.example/gateway"
	"customs.example/gateway/pace"
	"customs.example/gateway/xmltree"
)

// census is what the byte gate counted. libxml2 must count the same: two readers
// that differ on one document are a hole.
type census struct {
	lines      []int32 // the line of each start tag, in document order
	attrs      int
	namespaces int
	root       xmltree.Name
}

// gate scans a document before any C code sees it. Being stricter than XML where
// that costs no real document anything, it refuses DOCTYPE, processing
// instructions, encodings other than UTF-8, and references or blanks in a
// namespace name.
type gate struct {
	steps *pace.Steps
	in    []byte
	pos   int
	line  int
	lim   Limits
	nodes int
	count census
	open  []frame
	scope []binding
	attrs []attribute // of the start tag being read
	fault gateway.Fault
}

type frame struct {
	name  []byte
	scope int // bindings in force outside
}

type binding struct{ prefix, uri []byte }

type attribute struct{ prefix, local []byte }

// passes returns what was counted, or the one fault that closed the gate.
func passes(steps *pace.Steps, raw []byte, lim Limits) (census, gateway.Faults) {
	g := gate{steps: steps, in: raw, line: 1, lim: lim}
	if g.size() && g.encoding() && g.prolog() && g.document() {
		return g.count, nil
	}
	return census{}, gateway.Faults{g.fault}
}

// refuse notes the fault and closes the gate.
func (g *gate) refuse(c gateway.Code, value, expected string) bool {
	g.fault = gateway.Fault{
		Code: c, Severity: gateway.Error, Value: clip(value), Expected: gateway.Term(expected),
		Location: gateway.Location{Expr: "/", Line: g.line},
	}
	return false
}

// malformed refuses what is no XML.
func (g *gate) malformed(what gateway.Wording, names ...string) bool {
	return g.found(gateway.XMLMalformed, what, names...)
}

// found refuses for what a wording says was found.
func (g *gate) found(c gateway.Code, what gateway.Wording, names ...string) bool {
	for i := range names {
		names[i] = clip(names[i])
	}
	g.refuse(c, "", "")
	g.fault.Found = gateway.Say(what, names...)
	return false
}

func (g *gate) size() bool {
	switch n := len(g.in); {
	case n == 0:
		return g.refuse(gateway.XMLEmpty, "", "")
	case n > g.lim.Bytes:
		return g.refuse(gateway.XMLTooLarge, strconv.Itoa(n), strconv.Itoa(g.lim.Bytes))
	}
	return true
}

func (g *gate) encoding() bool {
	for _, sign := range []string{"\xFF\xFE", "\xFE\xFF", "\x00\x00\xFE\xFF", "<\x00", "\x00<"} {
		if bytes.HasPrefix(g.in, []byte(sign)) {
			return g.found(gateway.XMLEncoding, gateway.WordUTF16)
		}
	}
	if utf8.Valid(g.in) {
		return true
	}
	for i := 0; i < len(g.in); {
		r, n := utf8.DecodeRune(g.in[i:])
		if r == utf8.RuneError && n == 1 {
			if name := declaredEncoding(g.in); name != "" && !isUTF8(name) {
				return g.found(gateway.XMLEncoding, gateway.WordOtherEncoding, name)
			}
			g.line += bytes.Count(g.in[:i], []byte("\n"))
			return g.found(gateway.XMLEncoding, gateway.WordNotUTF8Byte, fmt.Sprintf("0x%02X", g.in[i]))
		}
		i += n
	}
	return true
}

var encodingName = regexp.MustCompile(`^<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,40})["']`)

// declaredEncoding is the encoding that a document says it is in, "" if it says none.
func declaredEncoding(in []byte) string {
	if m := encodingName.FindSubmatch(in[:min(len(in), 200)]); m != nil {
		return string(m[1])
	}
	return ""
}

// isUTF8 reports whether a name stands for UTF-8: its own, its alias in IANA's register
// of character sets, or one that programs write for it.
func isUTF8(name string) bool {
	switch strings.ToLower(name) {
	case "utf-8", "csutf8", "utf8", "utf_8", "unicode-1-1-utf-8":
		return true
	}
	return false
}

// prolog reads a byte order mark and the XML declaration.
func (g *gate) prolog() bool {
	g.accept("\uFEFF")
	if !g.at("<?xml") || g.pos+5 >= len(g.in) || !isBlank(g.in[g.pos+5]) {
		return true
	}
	end := bytes.Index(g.in[g.pos:], []byte("?>"))
	if end < 0 {
		return g.malformed(gateway.WordDeclarationOpen)
	}
	decl := string(g.in[g.pos+len("<?xml") : g.pos+end])
	for i, name := range []string{"version", "encoding", "standalone"} {
		rest := strings.TrimLeft(decl, blanks)
		if !strings.HasPrefix(rest, name) {
			if i == 0 {
				return g.malformed(gateway.WordDeclarationVersion)
			}
			continue
		}
		if rest == decl {
			return g.malformed(gateway.WordDeclarationBlank)
		}
		rest, ok := strings.CutPrefix(strings.TrimLeft(rest[len(name):], blanks), "=")
		rest = strings.TrimLeft(rest, blanks)
		if !ok || rest == "" || rest[0] != '"' && rest[0] != '\'' {
			return g.malformed(gateway.WordDeclarationPart, name)
		}
		value, rest, ok := strings.Cut(rest[1:], rest[:1])
		switch {
		case !ok, i == 0 && value != "1.0", i == 2 && value != "yes" && value != "no":
			return g.malformed(gateway.WordDeclarationPart, name)
		case i == 1 && !isUTF8(value):
			return g.found(gateway.XMLEncoding, gateway.WordMislabelledEncoding, value)
		}
		decl = rest
	}
	if strings.Trim(decl, blanks) != "" {
		return g.malformed(gateway.WordDeclarationRest)
	}
	g.line += bytes.Count(g.in[g.pos:g.pos+end], []byte("\n"))
	g.pos += end + len("?>")
	return true
}

// document reads the root element and what may stand around it.
func (g *gate) document() bool {
	for g.pos < len(g.in) {
		if !g.steps.Next() {
			return false
		}
		if len(g.open) > 0 {
			if !g.text() {
				return false
			}
		} else if g.skipBlanks(); g.pos < len(g.in) && g.in[g.pos] != '<' {
			if len(g.count.lines) == 0 {
				return g.refuse(gateway.NotXML, "", "")
			}
			return g.malformed(gateway.WordTextOutsideRoot)
		}
		if g.pos < len(g.in) && !g.markup() {
			return false
		}
	}
	switch {
	case len(g.open) > 0:
		return g.malformed(gateway.WordElementOpen, string(g.open[len(g.open)-1].name))
	case len(g.count.lines) == 0:
		return g.refuse(gateway.NotXML, "", "")
	}
	return true
}

// markup reads what begins with '<'.
func (g *gate) markup() bool {
	switch {
	case g.accept("<!--"):
		return g.node() && g.until("--", gateway.WordCommentOpen) && (g.accept(">") || g.malformed(gateway.WordCommentHyphens))
	case len(g.open) > 0 && g.accept("<![CDATA["):
		return g.node() && g.until("]]>", gateway.WordCDATAOpen)
	case g.accept("<?"):
		return g.instruction()
	case g.at("<!DOCTYPE"), g.at("<!ENTITY"):
		return g.refuse(gateway.XMLDoctype, "", "")
	case g.accept("</"):
		return g.endTag()
	case g.accept("<!"):
		return g.malformed(gateway.WordUnknownMarkup)
	}
	g.pos++
	return g.startTag()
}

// instruction skips a processing instruction before the root, such as a style sheet's, and refuses
// one anywhere else, and an XML declaration that is not the first thing in the document.
func (g *gate) instruction() bool {
	name := g.name()
	prefix, _, ok := split(name)
	end := bytes.Index(g.in[g.pos:], []byte("?>"))
	if len(g.count.lines) > 0 || !ok || prefix != nil || strings.EqualFold(string(name), "xml") || end < 0 || end > 0 && !isBlank(g.in[g.pos]) {
		return g.refuse(gateway.XMLPI, string(name), "")
	}
	start := g.pos
	for end += start; g.pos < end; {
		if c := g.in[g.pos]; c == '&' {
			g.pos++
		} else if !g.char(c) {
			return false
		}
	}
	return g.textLen(start) && g.accept("?>") && g.node()
}

func (g *gate) startTag() bool {
	if len(g.open) == 0 && len(g.count.lines) > 0 {
		return g.malformed(gateway.WordSecondRoot)
	}
	if len(g.open) >= g.lim.Depth {
		return g.refuse(gateway.XMLDepth, "", strconv.Itoa(g.lim.Depth))
	}
	g.count.lines = append(g.count.lines, int32(g.line))
	name := g.name()
	prefix, local, ok := split(name)
	if !ok {
		return g.malformed(gateway.WordElementName)
	}
	outside := len(g.scope)
	g.attrs = g.attrs[:0]
	for n := 0; ; n++ {
		blank := g.skipBlanks()
		if g.accept("/>") {
			ok := g.node() && g.resolve(name, prefix, local)
			g.scope = g.scope[:outside]
			return ok
		}
		if g.accept(">") {
			g.open = append(g.open, frame{name, outside})
			return g.node() && g.resolve(name, prefix, local)
		}
		if !blank {
			return g.malformed(gateway.WordStartTag, string(name))
		}
		if n == g.lim.Attributes {
			return g.refuse(gateway.XMLAttributes, string(name), strconv.Itoa(g.lim.Attributes))
		}
		if !g.attribute(outside) {
			return false
		}
	}
}

func (g *gate) endTag() bool {
	name := g.name()
	g.skipBlanks()
	if !g.accept(">") {
		return g.malformed(gateway.WordEndTag, string(name))
	}
	if len(g.open) == 0 || !bytes.Equal(g.open[len(g.open)-1].name, name) {
		return g.malformed(gateway.WordEndTagAlone, string(name))
	}
	last := g.open[len(g.open)-1]
	g.open, g.scope = g.open[:len(g.open)-1], g.scope[:last.scope]
	return true
}

// attribute reads one attribute or namespace declaration.
func (g *gate) attribute(outside int) bool {
	name := g.name()
	prefix, local, ok := split(name)
	if !ok {
		return g.malformed(gateway.WordAttributeName)
	}
	g.skipBlanks()
	if !g.accept("=") {
		return g.malformed(gateway.WordAttributeValue, string(name))
	}
	g.skipBlanks()
	value, ok := g.value(name)
	if !ok || !g.node() {
		return false
	}
	switch {
	case string(name) == "xmlns":
		return g.declare(name, nil, value, outside)
	case string(prefix) == "xmlns":
		return g.declare(name, local, value, outside)
	}
	g.count.attrs++
	g.attrs = append(g.attrs, attribute{prefix, local})
	return true
}

// value reads a quoted value.
func (g *gate) value(name []byte) ([]byte, bool) {
	if g.pos == len(g.in) || g.in[g.pos] != '"' && g.in[g.pos] != '\'' {
		return nil, g.malformed(gateway.WordAttributeValue, string(name))
	}
	quote := g.in[g.pos]
	g.pos++
	start := g.pos
	for g.skipPlain(); g.pos < len(g.in); g.skipPlain() {
		switch c := g.in[g.pos]; {
		case c == quote:
			value := g.in[start:g.pos]
			g.pos++
			if len(value) > g.lim.AttributeLen {
				return nil, g.refuse(gateway.XMLAttributeLength, string(name), strconv.Itoa(g.lim.AttributeLen))
			}
			return value, true
		case c == '<':
			return nil, g.malformed(gateway.WordAttributeLessThan, string(name))
		case !g.char(c):
			return nil, false
		}
	}
	return nil, g.malformed(gateway.WordAttributeOpen, string(name))
}

func (g *gate) declare(name, prefix, uri []byte, outside int) bool {
	reserved := string(uri) == xmltree.XMLSpace || string(uri) == "http://www.w3.org/2000/xmlns/"
	switch {
	case string(prefix) == "xml" && string(uri) == xmltree.XMLSpace:
	case reserved, string(prefix) == "xml", string(prefix) == "xmlns", len(uri) == 0 && prefix != nil,
		bytes.ContainsAny(uri, "& \t\r\n"):
		return g.refuse(gateway.XMLPrefix, string(name), "")
	}
	for _, b := range g.scope[outside:] {
		if bytes.Equal(b.prefix, prefix) {
			return g.refuse(gateway.XMLDuplicateAttribute, string(name), "")
		}
	}
	if len(g.scope) >= g.lim.Namespaces {
		return g.refuse(gateway.XMLNamespaces, "", strconv.Itoa(g.lim.Namespaces))
	}
	if string(prefix) != "xml" { // libxml2 too takes this one for granted
		g.count.namespaces++
	}
	g.scope = append(g.scope, binding{prefix, uri})
	return true
}

// resolve checks the prefixes of a start tag and that no two attributes have the
// same expanded name.
func (g *gate) resolve(name, prefix, local []byte) bool {
	if _, ok := g.lookup(prefix); !ok {
		return g.refuse(gateway.XMLPrefix, string(name), "")
	}
	if len(g.count.lines) == 1 {
		g.count.root.Local = string(local)
		for _, b := range g.scope {
			if bytes.Equal(b.prefix, prefix) && (b.prefix == nil) == (prefix == nil) {
				g.count.root.Space = string(b.uri)
			}
		}
	}
	for i, a := range g.attrs {
		uri, ok := g.lookup(a.prefix)
		if !ok {
			return g.refuse(gateway.XMLPrefix, string(a.prefix)+":"+string(a.local), "")
		}
		for _, b := range g.attrs[:i] {
			if !bytes.Equal(a.local, b.local) || (a.prefix == nil) != (b.prefix == nil) {
				continue
			}
			if other, _ := g.lookup(b.prefix); a.prefix == nil || bytes.Equal(uri, other) {
				return g.refuse(gateway.XMLDuplicateAttribute, string(a.local), "")
			}
		}
	}
	return true
}

// lookup returns what a prefix is bound to.
func (g *gate) lookup(prefix []byte) ([]byte, bool) {
	if prefix == nil {
		return nil, true
	}
	for i := len(g.scope) - 1; i >= 0; i-- {
		if bytes.Equal(g.scope[i].prefix, prefix) && g.scope[i].prefix != nil {
			return g.scope[i].uri, true
		}
	}
	return []byte(xmltree.XMLSpace), string(prefix) == "xml"
}

// text reads character data up to the next '<'.
func (g *gate) text() bool {
	start := g.pos
	for g.skipPlain(); g.pos < len(g.in) && g.in[g.pos] != '<'; g.skipPlain() {
		c := g.in[g.pos]
		if c == ']' && g.at("]]>") {
			return g.malformed(gateway.WordCDATAEnd)
		}
		if !g.char(c) {
			return false
		}
	}
	return g.pos == start || g.textLen(start) && g.node()
}

func (g *gate) textLen(start int) bool {
	return g.pos-start <= g.lim.TextLen || g.refuse(gateway.XMLTextLength, "", strconv.Itoa(g.lim.TextLen))
}

// until reads literal characters up to and including end.
func (g *gate) until(end string, open gateway.Wording) bool {
	start := g.pos
	for g.skipPlain(); g.pos < len(g.in); g.skipPlain() {
		c := g.in[g.pos]
		if c == end[0] && g.at(end) {
			ok := g.textLen(start)
			g.pos += len(end)
			return ok
		}
		if c == '&' {
			g.pos++
		} else if !g.char(c) {
			return false
		}
	}
	return g.malformed(open)
}

// skipPlain runs over the bytes that mean nothing but themselves.
func (g *gate) skipPlain() {
	in, pos := g.in, g.pos
	for pos < len(in) && plainByte[in[pos]] {
		pos++
	}
	g.pos = pos
}

// char steps over one byte of text or value, or a whole reference. The document is
// known to be UTF-8, so of the bytes above ASCII only U+FFFE and U+FFFF are left to refuse.
func (g *gate) char(c byte) bool {
	switch {
	case c == '&':
		return g.reference()
	case c == '\n':
		g.line++
	case c < ' ' && c != '\t' && c != '\r':
		return g.refuse(gateway.XMLCharacter, fmt.Sprintf("U+%04X", c), "")
	case c == 0xEF && (g.at("\uFFFE") || g.at("\uFFFF")):
		return g.refuse(gateway.XMLCharacter, fmt.Sprintf("U+FFF%X", g.in[g.pos+2]&0xF), "")
	}
	g.pos++
	return true
}

// reference reads one of the five entities or a character reference.
func (g *gate) reference() bool {
	const longest = len("&#x0000010FFFF;")
	window := g.in[g.pos:min(len(g.in), g.pos+longest)]
	end := bytes.IndexByte(window, ';')
	if end < 0 {
		return g.refuse(gateway.XMLEntity, string(window), "")
	}
	body := string(window[1:end])
	digits, isChar := strings.CutPrefix(body, "#")
	switch body {
	case "amp", "lt", "gt", "apos", "quot":
	default:
		if !isChar {
			return g.refuse(gateway.XMLEntity, "&"+body+";", "")
		}
		base := 10
		if hex, ok := strings.CutPrefix(digits, "x"); ok {
			digits, base = hex, 16
		}
		if n, err := strconv.ParseUint(digits, base, 32); err != nil || !isChar32(n) {
			return g.refuse(gateway.XMLCharacter, "&"+body+";", "")
		}
	}
	g.pos += end + 1
	return true
}

// node counts one more node.
func (g *gate) node() bool {
	g.nodes++
	return g.nodes <= g.lim.Nodes || g.refuse(gateway.XMLNodes, "", strconv.Itoa(g.lim.Nodes))
}

// name reads up to the end of a name. Which characters above ASCII may stand in
// one is left to libxml2.
func (g *gate) name() []byte {
	start := g.pos
	for g.pos < len(g.in) && nameByte[g.in[g.pos]] {
		g.pos++
	}
	return g.in[start:g.pos]
}

func (g *gate) skipBlanks() bool {
	start := g.pos
	for g.pos < len(g.in) && isBlank(g.in[g.pos]) {
		if g.in[g.pos] == '\n' {
			g.line++
		}
		g.pos++
	}
	return g.pos > start
}

func (g *gate) at(s string) bool {
	return len(g.in)-g.pos >= len(s) && string(g.in[g.pos:g.pos+len(s)]) == s
}

func (g *gate) accept(s string) bool {
	if !g.at(s) {
		return false
	}
	g.pos += len(s)
	return true
}

// split parts a qualified name; prefix is nil when there is none.
func split(name []byte) (prefix, local []byte, ok bool) {
	local = name
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		prefix, local = name[:i], name[i+1:]
		if !startsName(prefix) || bytes.IndexByte(local, ':') >= 0 {
			return nil, nil, false
		}
	}
	return prefix, local, startsName(local)
}

func startsName(b []byte) bool {
	return len(b) > 0 && nameByte[b[0]] && b[0] != '-' && b[0] != '.' && (b[0] < '0' || b[0] > '9') && b[0] != ':'
}

const blanks = " \t\r\n"

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// isChar32 is the production Char of XML 1.0.
func isChar32(n uint64) bool {
	return n == '\t' || n == '\n' || n == '\r' || ' ' <= n && n <= 0xD7FF ||
		0xE000 <= n && n <= 0xFFFD || 0x10000 <= n && n <= 0x10FFFF
}

var nameByte = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = b >= utf8.RuneSelf || b == '_' || b == ':' || b == '-' || b == '.' ||
			'0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
	}
	return t
}()

var plainByte = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != 0xEF && !strings.ContainsRune("<&]-\"'", rune(c))
	}
	return t
}()

// clip keeps of a received value what a fault may repeat.
func clip(s string) string {
	n := 0
	for i := range s {
		if n == maxReceivedRunes {
			return strings.Clone(s[:i])
		}
		n++
	}
	return s
}
