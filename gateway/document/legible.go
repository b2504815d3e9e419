package document

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// proseLength is the length from which on a text without code list is prose, as the
// texts by language are.
const proseLength = 200

// Prose reports whether the field holds text that people write, with line breaks and
// blanks of their own. Every other string is a token: a run of white space in it is one
// blank.
func (f Field) Prose() bool {
	return f.Type == String && (f.Rule.GetList() == "" && f.Rule.GetLength() >= proseLength || f.desc.FullName() == textValue)
}

var textValue = (*customsv1.Text)(nil).ProtoReflect().Descriptor().Fields().ByName("value").FullName()

// Warning is something of a written text that a person is to be told: a warning without
// place.
type Warning = gateway.Fault

// Legible reads the text of a value as people see it. It leaves out what nobody sees and
// what turns the direction of writing, and takes white space as XML Schema's token does and
// full-width letters and digits that stand alone as plain ones; prose keeps its own. "" means that nothing can be seen: there is no
// value. What was left out, and what a conversion between character sets has broken, is
// told. Reading a legible text again changes nothing.
func Legible(written string, prose bool) (legible string, warnings []Warning) {
	if plain(written) {
		return written, nil
	}
	var hidden, turning []rune
	joins := strings.ContainsFunc(written, joined)
	legible = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			if prose {
				return r
			}
			return ' '
		case r < 0x7f:
			return r
		case unicode.Is(unicode.Bidi_Control, r):
			turning = append(turning, r)
			return -1
		case joins && joiner(r):
			return r
		case gateway.Invisible(r):
			hidden = append(hidden, r)
			return -1
		case !prose && unicode.IsSpace(r):
			hidden = append(hidden, r)
			return ' '
		}
		return r
	}, written)
	wide := ""
	if prose {
		legible = strings.TrimSpace(lineBreaks.Replace(legible))
	} else if legible = Collapse(legible); !strings.ContainsFunc(legible, beyondWidth) {
		if narrow := strings.Map(Narrowed, legible); narrow != legible {
			wide, legible = legible, narrow
		}
	}
	if joins && !strings.ContainsFunc(legible, visible) {
		legible = ""
	}
	warn := func(code gateway.Code, found []rune) {
		if len(found) > 0 {
			warnings = append(warnings, Warning{
				Code: code, Severity: gateway.Warning, Value: gateway.Clip(written),
				Found: gateway.Term(points(found)), Expected: gateway.Term(gateway.Clip(legible)),
			})
		}
	}
	if legible == "" {
		if hidden = append(hidden, turning...); len(hidden) > 0 {
			warnings = []Warning{{
				Code: gateway.TextNothingVisible, Severity: gateway.Warning, Value: gateway.Clip(written),
				Found: gateway.Term(points(hidden)),
			}}
		}
		return "", warnings
	}
	warn(gateway.TextInvisible, hidden)
	warn(gateway.TextDirection, turning)
	if why, ok := broken(legible, written); ok {
		warnings = append(warnings, Warning{Code: gateway.TextBroken, Severity: gateway.Warning, Value: gateway.Clip(written), Found: why})
	}
	if wide != "" {
		warnings = append(warnings, readOtherwise(wide, legible))
	}
	return legible, warnings
}

var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// plain reports whether a text is what it looks like at first sight: ASCII and common
// Chinese characters, without white space but single blanks inside, no run of question
// marks, and nothing of what a broken conversion leaves behind.
func plain(s string) bool {
	last := ' '
	for _, r := range s {
		han := r >= '\u4e00' && r <= '\u9fff' && r != '锟'
		if !han && (r < ' ' || r >= 0x7f || r == ' ' && last == ' ' || r == '?' && last == '?') {
			return false
		}
		last = r
	}
	return s != "" && last != ' '
}

// Collapse takes white space as XML Schema's token does: none around, one blank inside.
func Collapse(s string) string {
	last := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c == '\t' || c == '\n' || c == '\r' || c == ' ' && last == ' ' {
			last = ' '
			break
		}
		last = c
	}
	if s == "" || last != ' ' {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }), " ")
}

// joined are the scripts whose letters are joined or chosen by signs that are not seen
// themselves: there those signs are letters' parts.
func joined(r rune) bool { return unicode.In(r, unicode.Mongolian, unicode.Arabic) && !joiner(r) }

func joiner(r rune) bool {
	return r == '\u200c' || r == '\u200d' || r >= '\u180b' && r <= '\u180f' || r == '\u202f'
}

// Narrowed is a full-width character of ASCII, or sign of a currency, in its usual width; any other as it
// is.
func Narrowed(r rune) rune {
	switch {
	case r >= '！' && r <= '～':
		return r - '！' + '!'
	case r == '￥':
		return '¥'
	case r == '￡':
		return '£'
	case r == '￦':
		return '₩'
	}
	return r
}

// beyondWidth reports whether a character is none of ASCII in any width.
func beyondWidth(r rune) bool { return Narrowed(r) >= utf8.RuneSelf }

func visible(r rune) bool { return !unicode.IsSpace(r) && !gateway.Invisible(r) }

// points names characters by their code points, each once.
func points(found []rune) string {
	var out []string
	for _, r := range found {
		if name := gateway.CodePoint(r); !slices.Contains(out, name) && len(out) < 8 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// broken reports whether a conversion between character sets has certainly broken a
// text, and what shows it: the replacement character, question marks where letters were,
// or UTF-8 that was read as another character set.
func broken(s, written string) (gateway.Phrase, bool) {
	switch {
	case strings.ContainsRune(s, utf8.RuneError):
		return gateway.Term(gateway.CodePoint(utf8.RuneError)), true
	case strings.Contains(s, "????"), strings.Contains(s, "??") && !strings.ContainsFunc(s, unicode.IsLetter):
		return gateway.Term("??"), true
	case strings.Contains(s, "锟斤拷"):
		return gateway.Term("锟斤拷"), true
	}
	for _, page := range []map[rune]byte{windows1252, windows1251} {
		if intended, ok := misread(written, page); ok {
			return gateway.Say(gateway.WordMisreadUTF8, gateway.Clip(intended)), true
		}
	}
	return gateway.Phrase{}, false
}

// Two code pages: the bytes from 0x80 on by the characters that they stand for.
var (
	windows1252 = codePage("€\uFFFD‚ƒ„…†‡ˆ‰Š‹Œ\uFFFDŽ\uFFFD\uFFFD‘’“”•–—˜™š›œ\uFFFDžŸ" +
		"\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ")
	windows1251 = codePage("ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\uFFFD™љ›њќћџ" +
		"\u00a0ЎўЈ¤Ґ¦§Ё©Є«¬\u00ad®Ї°±Ііґµ¶·ё№є»јЅѕїАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя")
)

// codePage reads the characters of the bytes 0x80 to 0xFF; U+FFFD is none.
func codePage(characters string) map[rune]byte {
	page := map[rune]byte{}
	b := 0x80
	for _, r := range characters {
		if r != utf8.RuneError {
			page[r] = byte(b)
		}
		b++
	}
	return page
}

// misread reports whether a text is UTF-8 that was read as a code page, and what was
// meant. It is certain where all its bytes make UTF-8 again, with at least two
// characters beyond ASCII, all of them letters or punctuation: chance does not do that.
func misread(s string, page map[rune]byte) (intended string, ok bool) {
	var char []byte // of the character that is not whole yet
	var out strings.Builder
	beyond := 0
	for _, r := range s {
		b := byte(r)
		if r >= 0xa0 { // below that is what a code page lacks: programs read it as a control character
			if b, ok = page[r]; !ok {
				return "", false
			}
		}
		if char = append(char, b); !utf8.FullRune(char) {
			continue
		}
		is, n := utf8.DecodeRune(char)
		if n != len(char) || is == utf8.RuneError && n == 1 {
			return "", false
		}
		if is >= utf8.RuneSelf {
			if beyond++; !unicode.IsLetter(is) && !unicode.IsPunct(is) {
				return "", false
			}
		}
		out.WriteRune(is)
		char = char[:0]
	}
	return out.String(), len(char) == 0 && beyond >= 2
}

// Read reads a text as a value of the field is written by people: the code in it, where the
// field holds codes that people write with blanks, dots and words. What is read otherwise
// than it is written is told. Reading a value again changes nothing.
func (f Field) Read(written string) (value string, warnings []Warning) {
	if f.code == nil {
		return written, nil
	}
	value, ok := f.code(written)
	if !ok || value == written {
		return written, nil
	}
	return value, []Warning{readOtherwise(written, value)}
}

// MergeWarnings joins what two steps of reading a text tell: of what both read otherwise only
// how it was written and what it became.
func MergeWarnings(warnings, more []Warning) []Warning {
	if n := len(warnings) - 1; n >= 0 && len(more) == 1 && warnings[n].Code == gateway.ReadOtherwise && more[0].Code == gateway.ReadOtherwise {
		more[0].Value = warnings[n].Value
		warnings = warnings[:n]
	}
	return append(warnings, more...)
}

func readOtherwise(written, value string) Warning {
	return Warning{
		Code: gateway.ReadOtherwise, Severity: gateway.Warning,
		Value: gateway.Clip(written), Expected: gateway.Term(gateway.Clip(value)),
	}
}

// codeOf are the fields that hold numbers of a nomenclature.
var codeOf = map[string]func(string) (string, bool){
	"Classification.code":     tariffCode,
	"DangerousGoods.unNumber": unNumber,
}

// tariffCode finds the code of a commodity nomenclature in a text. A number of the United
// Nations is none.
func tariffCode(s string) (string, bool) {
	words, code, ok := numberAmongWords(s)
	return code, ok && len(code) >= 4 && !unWord(words)
}

// unNumber finds a number of the United Nations in a text.
func unNumber(s string) (string, bool) {
	_, code, ok := numberAmongWords(s)
	return code, ok && len(code) == 4
}

// unWord reports whether words before a number say that it is one of the United Nations.
func unWord(words string) bool {
	for _, w := range strings.FieldsFunc(strings.ToUpper(words), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if w == "UN" || w == "UNDG" || w == "UNNO" || w == "ООН" || w == "НҮБ" || w == "БҰҰ" || strings.Contains(w, "联合国") {
			return true
		}
	}
	return false
}

// numberAmongWords finds the one number of a text: digits in groups with blanks, dots or
// hyphens between, and words without digits before or behind it. A letter that touches a
// digit from behind, or stands among them, makes it something else.
func numberAmongWords(s string) (words, number string, ok bool) {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	first, last := strings.IndexFunc(s, isDigit), strings.LastIndexFunc(s, isDigit)
	if first < 0 {
		return "", "", false
	}
	var digits strings.Builder
	for _, r := range s[first : last+1] {
		switch {
		case isDigit(r):
			digits.WriteRune(r)
		case r != ' ' && r != '.' && r != '·' && !unicode.Is(unicode.Pd, r):
			return "", "", false
		}
	}
	behind, _ := utf8.DecodeRuneInString(s[last+1:])
	if unicode.IsLetter(behind) && !unicode.Is(unicode.Han, behind) {
		return "", "", false
	}
	return s[:first], digits.String(), true
}

// settled gives zero the one form that it has: there is no -0 and no +0.
func settled(number string) string {
	if t := strings.TrimLeft(number, "+-"); len(t) == len(number)-1 && IsNumber(t) && strings.Trim(t, "0.") == "" {
		return "0"
	}
	return number
}
