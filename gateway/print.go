package gateway

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// lineWidth is how many columns a sentence takes before it goes on in the next line.
const lineWidth = 96

// PrintReports prints faults as a person reads them on a terminal, in a language of the
// catalogue: the severity and the code, the sentence, where it is and what stands there,
// and who can mend it. A binding of a prefix is printed where it is first needed.
func PrintReports(w io.Writer, reports []Report, lang string) error {
	var b strings.Builder
	if len(reports) == 0 {
		b.WriteString(textOf("word.noFault", lang) + "\n")
	}
	bound := map[string]string{}
	for i, r := range reports {
		if i > 0 {
			b.WriteByte('\n')
		}
		r.print(&b, lang, bound)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) print(b *strings.Builder, lang string, bound map[string]string) {
	indented := func(text string) {
		for _, line := range wrap(clean(text), lineWidth) {
			b.WriteString("  " + line + "\n")
		}
	}
	named := func(word, text string) {
		if text != "" {
			indented(textOf("word."+word, lang) + colon(lang) + text)
		}
	}
	b.WriteString(clean(textOf("severity."+string(r.Severity), lang)+"  "+string(r.Code)) + "\n")
	indented(r.Message)
	if r.Remedy != "" {
		indented(r.Remedy.In(lang))
	}
	named("place", r.Place)
	where := r.Location
	if where == "" {
		where = r.Path
	}
	if r.Line > 0 {
		where = strings.TrimSpace(where + "  (" + textOf("word.line", lang) + " " + strconv.Itoa(r.Line) + ")")
	}
	if where != "" {
		b.WriteString("  " + clean(where) + "\n") // unbroken, to be copied
	}
	for _, prefix := range slices.Sorted(maps.Keys(r.Namespaces)) {
		if space := r.Namespaces[prefix]; bound[prefix] != space {
			bound[prefix] = space
			b.WriteString("  " + clean(prefix+" = "+space) + "\n")
		}
	}
	named("document", r.Document)
	if !strings.Contains(r.Message, r.Value) {
		named("value", r.Value)
	}
	if !strings.Contains(r.Message, r.Expected) {
		named("expected", r.Expected)
	}
}

func colon(lang string) string {
	if lang == "zh" {
		return "："
	}
	return ": "
}

// clean keeps what was received from steering the terminal it is printed on.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// wrap cuts a text into lines of at most so many columns: at blanks, and between
// characters that take two columns and are written without blanks, but not before a
// closing mark. A word that is longer stays whole.
func wrap(text string, most int) []string {
	var lines []string
	line, columns := []rune{}, 0
	cut, at := 0, 0 // where the line may be cut last, and the columns up to there
	for _, r := range text {
		taken := columnsOf(r)
		wide := taken == 2
		if wide && !unicode.IsPunct(r) {
			cut, at = len(line), columns
		}
		line, columns = append(line, r), columns+taken
		if columns > most && cut > 0 {
			lines = append(lines, strings.TrimRight(string(line[:cut]), " "))
			line, columns, cut = append([]rune{}, line[cut:]...), columns-at, 0
		}
		if r == ' ' || wide && unicode.IsPunct(r) {
			cut, at = len(line), columns
		}
	}
	if len(line) > 0 {
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	return lines
}

// Columns is how many columns of a terminal a text takes.
func Columns(text string) (n int) {
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

// columnsOf is how many columns a character takes, by the East Asian Width of Unicode: two if it is
// wide, none if it stands over another.
func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
