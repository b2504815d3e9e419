package document

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"customs.example/gateway"
	"customs.example/gateway/pace"
)

// maxDepth is how deep JSON may be nested; the schema itself needs half of it.
const maxDepth = 64

// scanner reads JSON values from bytes. The first place where the JSON itself is
// broken is kept in bad, and from then on everything is read as ended.
type scanner struct {
	steps *pace.Steps
	raw   []byte
	pos   int
	depth int
	bad   *syntax
}

type syntax struct {
	code     gateway.Code
	at       int
	expected gateway.Phrase
}

// fail marks the JSON as broken at a place, unless it already is.
func (s *scanner) fail(code gateway.Code, at int, expected gateway.Phrase) {
	if s.bad == nil {
		s.bad = &syntax{code, at, expected}
	}
	s.pos = len(s.raw)
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.raw) {
		switch c := s.raw[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// members reads an object. For each member it calls f with key and the key's place,
// and f MUST read the value.
func (s *scanner) members(f func(key []byte, at int)) {
	for more := s.open('}'); more; more = s.more('}') {
		if s.peek() != '"' {
			s.fail(gateway.JSONMalformed, s.pos, gateway.Say(gateway.WordFieldName))
			return
		}
		at := s.pos
		key, _ := s.text()
		if s.peek() != ':' {
			s.fail(gateway.JSONMalformed, s.pos, gateway.Say(gateway.WordColon))
			return
		}
		s.pos++
		s.peek()
		f(key, at)
	}
}

// elements reads an array. For each element it calls f, and f MUST read the value.
func (s *scanner) elements(f func(i int)) {
	i := 0
	for more := s.open(']'); more; more = s.more(']') {
		f(i)
		i++
	}
}

func (s *scanner) open(bracket byte) bool {
	if s.depth++; s.depth > maxDepth {
		s.fail(gateway.JSONDepth, s.pos, gateway.Term(strconv.Itoa(maxDepth)))
		return false
	}
	s.pos++
	if s.peek() == bracket {
		s.close()
		return false
	}
	return true
}

func (s *scanner) more(bracket byte) bool {
	if !s.steps.Next() {
		s.fail(gateway.JSONMalformed, s.pos, gateway.Phrase{}) // is thrown away
		return false
	}
	switch s.peek() {
	case ',':
		s.pos++
		s.peek()
		return true
	case bracket:
		s.close()
	default:
		s.fail(gateway.JSONMalformed, s.pos, gateway.Say(gateway.WordCommaOr, string(bracket)))
	}
	return false
}

func (s *scanner) close() {
	s.pos++
	s.depth--
}

// skip reads any value and forgets it.
func (s *scanner) skip() {
	switch c := s.peek(); {
	case c == '{':
		s.members(func([]byte, int) { s.skip() })
	case c == '[':
		s.elements(func(int) { s.skip() })
	case c == '"':
		s.text()
	default:
		s.word()
	}
}

// word reads a number, true, false or null as it is written.
func (s *scanner) word() []byte {
	from := s.pos
	for s.pos < len(s.raw) {
		c := s.raw[s.pos]
		if c != '+' && c != '-' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		s.pos++
	}
	w := s.raw[from:s.pos]
	if !isWord(w) {
		s.fail(gateway.JSONMalformed, from, gateway.Say(gateway.WordJSONValue))
	}
	return w
}

// isWord reports whether w is true, false, null or a number of JSON.
func isWord(w []byte) bool {
	switch string(w) {
	case "true", "false", "null":
		return true
	}
	rest := bytes.TrimPrefix(w, []byte("-"))
	whole := leadingDigits(rest)
	if whole == 0 || whole > 1 && rest[0] == '0' {
		return false
	}
	rest = rest[whole:]
	if len(rest) > 0 && rest[0] == '.' {
		n := leadingDigits(rest[1:])
		if n == 0 {
			return false
		}
		rest = rest[1+n:]
	}
	if len(rest) > 0 && rest[0]|0x20 == 'e' {
		rest = rest[1:]
		if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		n := leadingDigits(rest)
		return n > 0 && n == len(rest)
	}
	return len(rest) == 0
}

func leadingDigits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// text reads a string. The bytes are valid until the input changes. A text with
// characters that cannot be taken is read to its end and named by the code.
func (s *scanner) text() ([]byte, gateway.Code) {
	start := s.pos
	s.pos++
	from := s.pos
	var code gateway.Code
	for s.pos < len(s.raw) {
		switch c := s.raw[s.pos]; {
		case c == '"':
			s.pos++
			return s.raw[from : s.pos-1], code
		case c == '\\':
			return s.escaped(start, from, code)
		case c < utf8.RuneSelf:
			if c < ' ' {
				code = gateway.JSONCharacter
			}
			s.pos++
		default:
			code = s.rune(code)
		}
	}
	s.fail(gateway.JSONMalformed, start, gateway.Say(gateway.WordEndOfText))
	return nil, code
}

// rune passes one character beyond ASCII and judges it.
func (s *scanner) rune(code gateway.Code) gateway.Code {
	r, n := utf8.DecodeRune(s.raw[s.pos:])
	s.pos += n
	switch {
	case n == 1:
		return gateway.JSONUTF8
	case r == 0xFFFE || r == 0xFFFF:
		return gateway.JSONCharacter
	}
	return code
}

// escaped goes on with a string from its first escape, in a buffer of its own.
func (s *scanner) escaped(start, from int, code gateway.Code) ([]byte, gateway.Code) {
	out := append([]byte(nil), s.raw[from:s.pos]...)
	for s.pos < len(s.raw) {
		c := s.raw[s.pos]
		at := s.pos
		switch {
		case c == '"':
			s.pos++
			return out, code
		case c == '\\':
			r, ok := s.escape()
			if !ok {
				s.fail(gateway.JSONMalformed, at, gateway.Say(gateway.WordEscape))
				return nil, code
			}
			switch {
			case utf16.IsSurrogate(r):
				code = gateway.JSONUTF8
			case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xFFFE, r == 0xFFFF:
				code = gateway.JSONCharacter
			}
			out = utf8.AppendRune(out, r)
		case c < utf8.RuneSelf:
			if c < ' ' {
				code = gateway.JSONCharacter
			}
			out = append(out, c)
			s.pos++
		default:
			code = s.rune(code)
			out = append(out, s.raw[at:s.pos]...)
		}
	}
	s.fail(gateway.JSONMalformed, start, gateway.Say(gateway.WordEndOfText))
	return nil, code
}

// escape reads one escape sequence, a surrogate pair as one; a lone surrogate is
// returned as it is.
func (s *scanner) escape() (rune, bool) {
	if s.pos+1 >= len(s.raw) {
		return 0, false
	}
	c := s.raw[s.pos+1]
	s.pos += 2
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		r, ok := s.hex()
		if ok && utf16.IsSurrogate(r) && bytes.HasPrefix(s.raw[s.pos:], []byte(`\u`)) {
			back := s.pos
			s.pos += 2
			low, ok := s.hex()
			if both := utf16.DecodeRune(r, low); ok && both != utf8.RuneError {
				return both, true
			}
			s.pos = back
		}
		return r, ok
	}
	return 0, false
}

func (s *scanner) hex() (rune, bool) {
	if s.pos+4 > len(s.raw) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.raw[s.pos:s.pos+4]), 16, 16)
	s.pos += 4
	return rune(n), err == nil
}
