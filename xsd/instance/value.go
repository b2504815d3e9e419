package instance

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// simple is a simple type with the facets of all its derivation steps merged.
type simple struct {
	builtin   string
	numbers   map[string]string // every facet with one value, by its name
	patterns  []string          // one per derivation step; all must match
	enumerate []string
}

// simpleType resolves a simpleType node.
func (s *schema) simpleType(t *node) (*simple, error) {
	if u := t.child("union"); u != nil {
		if inner := u.child("simpleType"); inner != nil {
			return s.simpleType(inner)
		}
		first, _, _ := strings.Cut(u.attrs["memberTypes"], " ")
		return s.simpleNamed(&node{attrs: map[string]string{"type": first}, prefixes: u.prefixes, file: u.file}, "type")
	}
	r := t.child("restriction")
	if r == nil {
		return nil, fmt.Errorf("simple type %q is neither restriction nor union", t.attrs["name"])
	}
	return s.restrict(r)
}

// restrict resolves a restriction of a simple type.
func (s *schema) restrict(r *node) (*simple, error) {
	var base *simple
	var err error
	if inner := r.child("simpleType"); inner != nil {
		base, err = s.simpleType(inner)
	} else {
		base, err = s.simpleNamed(r, "base")
	}
	if err != nil {
		return nil, err
	}
	out := &simple{builtin: base.builtin, numbers: map[string]string{}, enumerate: base.enumerate}
	out.patterns = append(out.patterns, base.patterns...)
	for k, v := range base.numbers {
		out.numbers[k] = v
	}
	var patterns, enumerate []string
	for _, f := range r.children {
		switch f.kind {
		case "pattern":
			patterns = append(patterns, f.attrs["value"])
		case "enumeration":
			enumerate = append(enumerate, f.attrs["value"])
		default:
			out.numbers[f.kind] = f.attrs["value"]
		}
	}
	if patterns != nil {
		out.patterns = append(out.patterns, strings.Join(patterns, "|"))
	}
	if enumerate != nil {
		out.enumerate = enumerate
	}
	return out, nil
}

// simpleNamed resolves the simple type, or the simple content of the complex type, that an attribute of n names.
func (s *schema) simpleNamed(n *node, attr string) (*simple, error) {
	g, q, err := s.global(n, "type", attr)
	switch {
	case err != nil:
		return nil, err
	case g == nil:
		return &simple{builtin: q.local, numbers: map[string]string{}}, nil
	case g.kind == "simpleType":
		return s.simpleType(g)
	}
	content := g.child("simpleContent")
	if content == nil {
		return nil, fmt.Errorf("type %s has no simple content", q.local)
	}
	if ext := content.child("extension"); ext != nil {
		return s.simpleNamed(ext, "base")
	}
	return s.restrict(content.child("restriction"))
}

// number gives a facet as a whole number.
func (t *simple) number(facet string, otherwise int) int {
	if v, err := strconv.Atoi(t.numbers[facet]); err == nil {
		return v
	}
	return otherwise
}

// lengths gives the range of lengths a text may have.
func (t *simple) lengths() (lo, hi int) {
	if n := t.number("length", -1); n >= 0 {
		return n, n
	}
	return t.number("minLength", 0), t.number("maxLength", unbounded)
}

// text reports whether the type accepts any characters.
func (t *simple) text() bool {
	switch t.builtin {
	case "string", "normalizedString", "token":
		return len(t.patterns) == 0 && len(t.enumerate) == 0
	}
	return false
}

// numeric reports whether the type is a number.
func (t *simple) numeric() bool {
	switch t.builtin {
	case "decimal", "float", "double", "int", "long", "short", "byte", "integer":
		return true
	}
	return strings.HasSuffix(t.builtin, "Integer") || strings.HasPrefix(t.builtin, "unsigned")
}

// value gives the n-th value of a type, at its upper limits if longest.
func (t *simple) value(n int, longest bool) (string, error) {
	for try := range 64 {
		v, err := t.candidate(n+try, longest)
		if err != nil {
			return "", err
		}
		if t.fits(v) {
			return v, nil
		}
	}
	return "", fmt.Errorf("no value found for a type based on %s with patterns %q and facets %v", t.builtin, t.patterns, t.numbers)
}

func (t *simple) fits(v string) bool {
	for _, p := range t.patterns {
		if !regexp.MustCompile(`^(?:` + p + `)$`).MatchString(v) {
			return false
		}
	}
	lo, hi := t.lengths()
	n := utf8.RuneCountInString(v)
	return n >= lo && n <= hi
}

func (t *simple) candidate(n int, longest bool) (string, error) {
	switch {
	case len(t.enumerate) > 0:
		return t.enumerate[n%len(t.enumerate)], nil
	case len(t.patterns) > 0 && t.builtin != "date" && t.builtin != "dateTime":
		return sample(t.patterns[len(t.patterns)-1], n, longest)
	case t.numeric():
		return t.decimal(n, longest), nil
	}
	day := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC).AddDate(0, 0, n%700)
	switch t.builtin {
	case "boolean":
		return strconv.FormatBool(n%2 == 0), nil
	case "date":
		return day.Format(time.DateOnly), nil
	case "dateTime":
		layout := "2006-01-02T15:04:05"
		if len(t.patterns) > 0 { // A pattern knows no calendar; those in use ask for an offset.
			layout += "+08:00"
		}
		return day.Add(time.Duration(n) * time.Second).Format(layout), nil
	case "time":
		return day.Add(time.Duration(n) * time.Second).Format(time.TimeOnly), nil
	case "gYear":
		return strconv.Itoa(2000 + n%100), nil
	case "duration":
		return fmt.Sprintf("PT%dH", n%100+1), nil
	case "language":
		return "ru", nil
	case "base64Binary":
		return "AAAA", nil
	case "hexBinary":
		return "00", nil
	case "string", "normalizedString", "token", "anyURI", "NMTOKEN", "NCName", "Name", "ID", "anySimpleType":
		return t.words(n, longest), nil
	}
	return "", fmt.Errorf("built-in type %s is not supported", t.builtin)
}

// words gives a text that differs for each n as far as its length allows. The longest one is padded with a character of two
// bytes, so that a limit counted in bytes shows.
func (t *simple) words(n int, longest bool) string {
	lo, hi := t.lengths()
	s := strings.ToUpper(strconv.FormatInt(int64(n), 36))
	if len(s) < hi {
		s = "T" + s
	}
	if len(s) > hi {
		s = s[len(s)-hi:]
	}
	if longest && hi < unbounded {
		return strings.Repeat("Ж", hi-len(s)) + s
	}
	return strings.Repeat("0", max(0, lo-len(s))) + s
}

func (t *simple) decimal(n int, longest bool) string {
	digits := 9
	switch t.builtin {
	case "byte", "unsignedByte":
		digits = 2
	case "short", "unsignedShort":
		digits = 4
	}
	total := t.number("totalDigits", digits)
	fraction := t.number("fractionDigits", 0)
	if t.builtin != "decimal" {
		fraction = 0
	}
	whole := total - fraction
	lo, hi := 1, int(math.Pow10(min(whole, 9)))-1
	bound := func(facet string, shift int, into *int) {
		if v, err := strconv.ParseFloat(t.numbers[facet], 64); err == nil {
			*into = int(math.Ceil(v)) + shift
		}
	}
	bound("minInclusive", 0, &lo)
	bound("minExclusive", 1, &lo)
	lo = max(lo, min(1, hi))
	_, bounded := t.numbers["maxInclusive"]
	bound("maxInclusive", 0, &hi)
	bound("maxExclusive", -1, &hi)
	if longest && !bounded {
		s := strings.Repeat("9", whole)
		if fraction > 0 {
			s += "." + strings.Repeat("9", fraction)
		}
		return s
	}
	s := strconv.Itoa(lo + n%(hi-lo+1))
	if fraction > 0 && !bounded {
		s += ".5"
	}
	return s
}

// sample gives a text that a pattern matches; n picks among the alternatives and characters.
func sample(pattern string, n int, longest bool) (string, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", fmt.Errorf("pattern %q: %w", pattern, err)
	}
	s := sampler{rest: n, longest: longest}
	s.walk(re)
	return s.out.String(), nil
}

type sampler struct {
	out     strings.Builder
	rest    int
	longest bool
}

// pick gives a number below k and leaves the rest of n for later picks.
func (s *sampler) pick(k int) int {
	i := s.rest % k
	s.rest = s.rest/k + 7*i + 1
	return i
}

func (s *sampler) walk(re *syntax.Regexp) {
	lo, hi := 1, 1
	switch re.Op {
	case syntax.OpLiteral:
		s.out.WriteString(string(re.Rune))
		return
	case syntax.OpCharClass:
		s.out.WriteRune(s.rune(re.Rune))
		return
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		s.out.WriteByte('X')
		return
	case syntax.OpAlternate:
		s.walk(re.Sub[s.pick(len(re.Sub))])
		return
	case syntax.OpRepeat:
		lo, hi = re.Min, re.Max
	case syntax.OpStar:
		lo, hi = 0, -1
	case syntax.OpPlus:
		lo, hi = 1, -1
	case syntax.OpQuest:
		lo, hi = 0, 1
	}
	times := lo
	if s.longest {
		times = max(lo, hi)
	}
	for range times {
		for _, sub := range re.Sub {
			s.walk(sub)
		}
	}
}

// rune picks a letter or digit of a class given as ranges, or its first character if it has none.
func (s *sampler) rune(ranges []rune) rune {
	var choice []rune
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1] && len(choice) < 128; r++ {
			if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= 'А' && r <= 'я' {
				choice = append(choice, r)
			}
			if r > 'я' {
				break
			}
		}
	}
	if choice == nil {
		return ranges[0]
	}
	return choice[s.pick(len(choice))]
}
