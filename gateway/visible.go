package gateway

import (
	"fmt"
	"strings"
	"unicode"
)

// fillers are letters and marks by Unicode's categories that show nothing.
var fillers = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, {Lo: 0x115f, Hi: 0x1160, Stride: 1}, {Lo: 0x17b4, Hi: 0x17b5, Stride: 1},
		{Lo: 0x180b, Hi: 0x180f, Stride: 1}, {Lo: 0x2800, Hi: 0x2800, Stride: 1}, {Lo: 0x3164, Hi: 0x3164, Stride: 1},
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, {Lo: 0xffa0, Hi: 0xffa0, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}},
}

// Invisible reports whether a character shows nothing and is no blank: format characters,
// control characters, fillers and variation selectors.
func Invisible(r rune) bool {
	if r < 0x7f {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r'
	}
	return unicode.In(r, unicode.Cf, unicode.Cc, fillers) && r != '\u0085'
}

// CodePoint names a character: U+200B.
func CodePoint(r rune) string { return fmt.Sprintf("U+%04X", r) }

// hidden reports whether a character cannot be seen, or told from a blank.
func hidden(r rune) bool { return Invisible(r) || r > 0x7f && unicode.Is(unicode.Zs, r) }

// visible writes what nobody sees as its code point in brackets, so that a reader finds
// it: ⟨U+200B⟩.
func visible(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			b.WriteString("⟨" + CodePoint(r) + "⟩")
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
