package convert

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

// Value is what happens to a row's text between the canonical document and XML: code list,
// time, conversion, length; and back. It is never changed once its row is compiled.
type Value struct {
	Field     document.FieldType // of the canonical text
	Lists     *codelist.Lists
	List      string // code list; "" for none
	System    string // its column
	Time      *TimeForm
	Codec     Codec
	Converts  bool           // Codec is set
	Max       int            // characters of a text in XML at most; 0 for any number
	Truncates bool           // what exceeds Max is cut; else it is a fault
	Like      *regexp.Regexp // the whole text in XML, as Whole compiles it; nil for any
	Leaf      document.Field // that the value goes into
	Prose     bool           // a text that people write
	Preserves bool           // such a text keeps its white space in XML
	Lead      *Value         // of two values in one text: the first of them
	Spelled   bool           // a number keeps how XML spells it, +5, 007 or .5
}

// Moment is when and where a document was issued: the day that its codes are judged on,
// and the time zone of the office whose local time it says, nil where no office with a
// known zone is named.
type Moment struct {
	Day  time.Time
	Zone *time.Location
}

// Encode appends the XML texts of a canonical text to into.
func (v *Value) Encode(into []string, text string, at Moment) (texts []string, listRow string, fault *gateway.Fault) {
	return v.EncodeSpelled(into, text, "", at)
}

// EncodeSpelled is Encode of a number of which its document keeps how it was spelled.
func (v *Value) EncodeSpelled(into []string, text, spelling string, at Moment) (texts []string, listRow string, fault *gateway.Fault) {
	given := text
	switch {
	case v.Spelled && spelling != "":
		text = spelling
	case v.Field == document.Decimal || v.Field == document.Uint:
		text = plainNumber(text)
	case v.Field == document.String && !v.Preserves:
		text = document.Collapse(text)
	}
	if v.List != "" {
		r, err := v.Lists.Translate(v.List, v.System, text, at.Day, codelist.Encode)
		if err != nil {
			return nil, "", missed(err)
		}
		text, listRow = r.Code, r.Row
		if v.Lead != nil && !v.leads(text, at.Day) {
			return nil, "", missed(&codelist.Miss{Reason: gateway.ListUnknown, Value: given, Expected: v.List})
		}
	}
	if v.Time != nil {
		var err error
		if text, err = v.Time.encode(v.Field, text, at.Zone); err != nil {
			return nil, "", NotConverted(err, given)
		}
	}
	texts = append(into, text)
	if v.Converts {
		var err error
		if texts, err = v.Codec.Encode(into, text); err != nil {
			return nil, "", NotConverted(err, given)
		}
	}
	for i, t := range texts {
		if !Writable(t) {
			return nil, "", &gateway.Fault{Code: gateway.MapControlCharacter, Severity: gateway.Error, Value: strconv.Quote(gateway.Clip(given))}
		}
		if v.Like != nil && !v.Like.MatchString(t) {
			return nil, "", NotConverted(unlikely(v.Like), given)
		}
		if v.Max == 0 || len(t) <= v.Max || utf8.RuneCountInString(t) <= v.Max {
			continue
		}
		if !v.Truncates {
			return nil, "", NotConverted(overflow(v.Max), given)
		}
		texts[i] = t[:cut(t, v.Max)]
	}
	return texts, listRow, nil
}

// Decode returns the canonical text of XML texts: several where the conversion
// gathers, else one. Before is the canonical value so far.
func (v *Value) Decode(texts []string, before string, at Moment) (text, listRow string, fault *gateway.Fault) {
	text = texts[0]
	given := text
	if !v.Matches(text) {
		return "", "", NotConverted(unlikely(v.Like), given)
	}
	switch {
	case v.Lead != nil:
		before, after := v.Lead.parts(text, at.Day)
		if text = before; v.Codec.After {
			text = after
		}
		if text == "" {
			return "", "", nil // its half of the text is not there
		}
	case v.Converts && v.Codec.Decode != nil:
		var err error
		if text, err = v.Codec.Decode(texts); err != nil {
			return "", "", NotConverted(err, given)
		}
	}
	switch v.Codec.Half {
	case 1:
		text += before
	case 2:
		text = before + text
	}
	if v.Time != nil {
		var err error
		if text, err = v.Time.decode(v.Field, text, before, at.Zone); err != nil {
			return "", "", NotConverted(err, given)
		}
	}
	if v.List != "" {
		r, err := v.Lists.Translate(v.List, v.System, text, at.Day, codelist.Decode)
		if err != nil {
			return "", "", missed(err)
		}
		return r.Code, r.Row, nil
	}
	switch v.Field {
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

// Spelling returns how a text in XML spells the number that is read from it, "" where the row does
// not keep that or the value says it.
func (v *Value) Spelling(text, value string) string {
	if !v.Spelled {
		return ""
	}
	if v.Converts {
		read, err := v.Codec.Decode([]string{text})
		if err != nil {
			return ""
		}
		text = read
	}
	if !document.Spells(text, value) {
		return ""
	}
	return text
}

// parts cuts a text into what a before and an after read of it. Where the before has a
// code list, only a code of it is one, or what looks like one and is to be told so: other
// texts have the mark in them.
func (v *Value) parts(text string, day time.Time) (before, after string) {
	before, after, cut := strings.Cut(text, v.Codec.Separator)
	before, after = strings.TrimSpace(before), strings.TrimSpace(after)
	if !cut || before != "" && !v.leads(before, day) {
		return "", text
	}
	return before, after
}

// AfterAlone is what an after reads of a text that no before was written into.
func (v *Value) AfterAlone(text string, day time.Time) string {
	_, after := v.Lead.parts(text, day)
	return after
}

// leads reports whether a text stands before the mark rather than being part of what is
// after it.
func (v *Value) leads(text string, day time.Time) bool {
	if v.List == "" {
		return true
	}
	r, err := v.Lists.Translate(v.List, v.System, text, day, codelist.Decode)
	if err != nil {
		var miss *codelist.Miss
		return errors.As(err, &miss) && miss.Reason != gateway.ListUnknown
	}
	miss := v.Lists.Check(v.List, r.Code, day)
	return miss == nil || miss.Reason != gateway.ListOpen
}

// Matches reports whether a text is like the row's expression, as it stands there or as the
// value that is read from it.
func (v *Value) Matches(text string) bool {
	if v.Like == nil || v.Like.MatchString(text) {
		return true
	}
	read, warnings := v.Leaf.Read(text)
	return len(warnings) > 0 && v.Like.MatchString(read)
}

// unlikely is the error of a text that is not like an expression.
func unlikely(like *regexp.Regexp) error {
	return Wanted(gateway.WordPattern, strings.TrimSuffix(strings.TrimPrefix(like.String(), anchorStart), anchorEnd))
}

// Anchored compiles an expression for a whole text.
func Anchored(expression string) (*regexp.Regexp, error) {
	return regexp.Compile(anchorStart + expression + anchorEnd)
}

const anchorStart, anchorEnd = "^(?:", ")$"

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

// Writable reports whether XML 1.0 can carry every character of s.
func Writable(s string) bool {
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

// NotConverted is the fault of a value, as it is given, that a conversion refuses with an error.
func NotConverted(err error, given string) *gateway.Fault {
	fault := gateway.Fault{Code: gateway.MapType, Severity: gateway.Error, Value: gateway.Clip(given)}
	var form formError
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

// Half says which half of its field the value is, 1 or 2, and 0 if it is all of it.
func (v *Value) Half() int {
	t := v.Time
	switch {
	case v.Codec.Half > 0:
		return v.Codec.Half
	case t == nil || v.Field != document.Instant || t.Date && t.Clock:
		return 0
	case t.Date:
		return 1
	}
	return 2
}

// Assumed is the warning that a local time has no offset and stands for the
// zone that is assumed; nil if it does not.
func (v *Value) Assumed(text string, at Moment) *gateway.Fault {
	t := v.Time
	if t == nil || !t.Office || at.Zone != nil || v.Field != document.Instant || v.Half() == 2 {
		return nil
	}
	if _, err := document.ParseInstant(text); err == nil {
		return nil // it has its offset
	}
	return &gateway.Fault{Code: gateway.TimeZoneAssumed, Severity: gateway.Warning, Value: gateway.Clip(text), Expected: gateway.Term(t.zone.String())}
}
