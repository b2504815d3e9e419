package mapping

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
)

// value is what happens to a row's text between the canonical document and XML:
// code list, time, conversion, length; and back.
type value struct {
	field     document.FieldType
	lists     *codelist.Lists
	list      string
	system    string
	time      *timeForm
	codec     codec
	converts  bool
	max       int
	truncates bool
	like      *regexp.Regexp // the whole text in XML; nil for any
	leaf      document.Field // that the value goes into
	prose     bool           // a text that people write
	preserves bool           // such a text keeps its white space in XML
	lead      *value         // of a before and an after: the before
}

// encode appends the XML texts of a canonical text to into.
func (v *value) encode(into []string, text string, at moment) (texts []string, listRow string, fault *gateway.Fault) {
	given := text
	switch {
	case v.field == document.Decimal || v.field == document.Uint:
		text = plainNumber(text)
	case v.field == document.String && !v.preserves:
		text = document.Collapse(text)
	}
	if v.list != "" {
		r, err := v.lists.Translate(v.list, v.system, text, at.day, codelist.Encode)
		if err != nil {
			return nil, "", missed(err)
		}
		text, listRow = r.Code, r.Row
		if v.lead != nil && !v.leads(text, at.day) {
			return nil, "", missed(&codelist.Miss{Reason: gateway.ListUnknown, Value: given, Expected: v.list})
		}
	}
	if v.time != nil {
		var err error
		if text, err = v.time.encode(v.field, text, at.zone); err != nil {
			return nil, "", notConverted(err, given)
		}
	}
	texts = append(into, text)
	if v.converts {
		var err error
		if texts, err = v.codec.encode(into, text); err != nil {
			return nil, "", notConverted(err, given)
		}
	}
	for i, t := range texts {
		if !writable(t) {
			return nil, "", &gateway.Fault{Code: gateway.MapControlCharacter, Severity: gateway.Error, Value: strconv.Quote(gateway.Clip(given))}
		}
		if v.like != nil && !v.like.MatchString(t) {
			return nil, "", notConverted(unlikely(v.like), given)
		}
		if v.max == 0 || len(t) <= v.max || utf8.RuneCountInString(t) <= v.max {
			continue
		}
		if !v.truncates {
			return nil, "", notConverted(overflow(v.max), given)
		}
		texts[i] = t[:cut(t, v.max)]
	}
	return texts, listRow, nil
}

// decode returns the canonical text of XML texts: several where the conversion
// gathers, else one. Before is the canonical value so far.
func (v *value) decode(texts []string, before string, at moment) (text, listRow string, fault *gateway.Fault) {
	text = texts[0]
	given := text
	if !v.likely(text) {
		return "", "", notConverted(unlikely(v.like), given)
	}
	switch {
	case v.lead != nil:
		before, after := v.lead.parts(text, at.day)
		if text = before; v.codec.after {
			text = after
		}
		if text == "" {
			return "", "", nil // its half of the text is not there
		}
	case v.converts && v.codec.decode != nil:
		var err error
		if text, err = v.codec.decode(texts); err != nil {
			return "", "", notConverted(err, given)
		}
	}
	switch v.codec.half {
	case 1:
		text += before
	case 2:
		text = before + text
	}
	if v.time != nil {
		var err error
		if text, err = v.time.decode(v.field, text, before, at.zone); err != nil {
			return "", "", notConverted(err, given)
		}
	}
	if v.list != "" {
		r, err := v.lists.Translate(v.list, v.system, text, at.day, codelist.Decode)
		if err != nil {
			return "", "", missed(err)
		}
		return r.Code, r.Row, nil
	}
	switch v.field {
	case document.Bool:
		switch text {
		case "1":
			text = "true"
		case "0":
			text = "false"
		}
	case document.Decimal:
		text = plainNumber(text)
	case document.Uint:
		if text = plainNumber(text); strings.Contains(text, ".") {
			text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
		}
	}
	return text, "", nil
}

// parts cuts a text into what a before and an after read of it. Where the before has a
// code list, only a code of it is one, or what looks like one and is to be told so: other
// texts have the mark in them.
func (v *value) parts(text string, day time.Time) (before, after string) {
	before, after, cut := strings.Cut(text, v.codec.mark)
	before, after = strings.TrimSpace(before), strings.TrimSpace(after)
	if !cut || before != "" && !v.leads(before, day) {
		return "", text
	}
	return before, after
}

// whole is what an after reads of a text that no before was written into.
func (v *value) whole(text string, day time.Time) string {
	_, after := v.lead.parts(text, day)
	return after
}

// leads reports whether a text stands before the mark rather than being part of what is
// after it.
func (v *value) leads(text string, day time.Time) bool {
	if v.list == "" {
		return true
	}
	r, err := v.lists.Translate(v.list, v.system, text, day, codelist.Decode)
	if err != nil {
		var miss *codelist.Miss
		return errors.As(err, &miss) && miss.Reason != gateway.ListUnknown
	}
	miss := v.lists.Check(v.list, r.Code, day)
	return miss == nil || miss.Reason != gateway.ListOpen
}

// likely reports whether a text is like the row's expression, as it stands there or as the
// value that is read from it.
func (v *value) likely(text string) bool {
	if v.like == nil || v.like.MatchString(text) {
		return true
	}
	read, told := v.leaf.Read(text)
	return len(told) > 0 && v.like.MatchString(read)
}

// unlikely is the error of a text that is not like an expression.
func unlikely(like *regexp.Regexp) error {
	return wantForm(gateway.WordPattern, strings.TrimSuffix(strings.TrimPrefix(like.String(), wholly), ")$"))
}

// wholly begins an expression for a whole text.
const wholly = "^(?:"

// plainNumber takes from a number what XML Schema allows and plain notation does
// not: a plus sign, zeros in front, a bare point, the sign of zero.
func plainNumber(s string) string {
	sign, t := "", s
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
		sign, t = s[:1], s[1:]
	}
	if t == "" || t == "." {
		return s
	}
	for len(t) > 1 && t[0] == '0' && t[1] != '.' {
		t = t[1:]
	}
	if t[0] == '.' {
		t = "0" + t
	}
	t = strings.TrimSuffix(t, ".")
	if sign != "" && strings.Trim(t, "0.") == "" {
		return "0"
	}
	return strings.TrimPrefix(sign, "+") + t
}

// writable reports whether XML 1.0 can carry every character of s.
func writable(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if n == 1 || r == 0xFFFE || r == 0xFFFF {
			return false
		}
		i += n
	}
	return true
}

// missed turns a code list's miss into a fault. It refuses even for an open list:
// there is no code to write or read.
func missed(err error) *gateway.Fault {
	var miss *codelist.Miss
	if !errors.As(err, &miss) {
		return &gateway.Fault{Code: gateway.MapType, Severity: gateway.Error, Expected: gateway.Say(gateway.WordDeclaredValue)}
	}
	fault := miss.Fault()
	fault.Severity = gateway.Error
	return &fault
}

// unjudged is the fault of a row whose condition fails: the table's, not the sender's.
func unjudged(row, table string) *gateway.Fault {
	return &gateway.Fault{Code: gateway.MapWhen, Severity: gateway.Error, Value: row, Expected: gateway.Term(table)}
}

func notConverted(err error, given string) *gateway.Fault {
	fault := gateway.Fault{Code: gateway.MapType, Severity: gateway.Error, Value: gateway.Clip(given)}
	var form wrongForm
	var long overflow
	switch {
	case errors.As(err, &long):
		fault.Code, fault.Expected = gateway.MapOverflow, gateway.Term(strconv.Itoa(int(long)))
	case errors.As(err, &form):
		fault.Expected = form.Phrase
	default:
		fault.Expected = document.WantedOf(err)
	}
	return &fault
}
