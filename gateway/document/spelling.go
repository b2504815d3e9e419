package document

import (
	"fmt"
	"regexp"
	"strings"

	"customs.example/gateway"
)

// A decimal may keep how its document spells it, which XML Schema allows and plain notation does
// not: +5, 007, .5. It is the same number, so that it says nothing that the value does not.

// maxSpelling is how many characters a kept spelling has at most.
const maxSpelling = MaxDigits + 20

var spelled = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$`)

// Spells reports whether a text spells a number that is written in plain notation otherwise.
func Spells(spelling, value string) bool {
	if len(spelling) > maxSpelling || spelling == value || !spelled.MatchString(spelling) {
		return false
	}
	sign, digits := "", strings.TrimPrefix(spelling, "+")
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	if strings.HasPrefix(digits, ".") {
		digits = "0" + digits
	}
	is, err := ParseNumber(sign + strings.TrimSuffix(digits, "."))
	number, valueErr := ParseNumber(value)
	return err == nil && valueErr == nil && is.Cmp(number) == 0
}

// Spelling returns how the document of a decimal spells it, "" where that is not kept or the path
// ends at something else.
func (p *Path) Spelling(m Node) string {
	if !p.Leaf() {
		return ""
	}
	for i := range p.steps[:len(p.steps)-1] {
		if m = p.steps[i].down(m); !m.IsValid() {
			return ""
		}
	}
	return p.last().field.decimal(m).GetSpelling()
}

// Spell keeps how the document of a decimal, which is set, spells it. Whoever sets the decimal
// anew takes that away.
func (p *Path) Spell(m Node, spelling string) error {
	value, _ := p.Get(m)
	if !Spells(spelling, value) {
		return fmt.Errorf("path %q: %q does not spell %q otherwise", p.source, gateway.Clip(spelling), gateway.Clip(value))
	}
	p.last().field.decimal(p.parent(m)).Spelling = spelling
	return nil
}

// spelled reads a decimal with its spelling: {"value": "5", "spelling": "+5"}.
func (r *reader) spelled(f *Field) (leaf, bool) {
	start, faults := r.pos, len(r.faults)
	parts := map[string]string{}
	r.members(func(key []byte, at int) {
		name := string(key)
		part := &Field{Name: gateway.Clip(strings.ToValidUTF8(name, "\uFFFD"))}
		r.at(part, func() {
			_, twice := parts[name]
			switch c := r.peek(); {
			case name != "value" && name != "spelling":
				r.fault(gateway.JSONUnknownField, at, part.Name, gateway.Term("value"))
				r.skip()
			case twice:
				r.fault(gateway.JSONDuplicateKey, at, name, gateway.Say(gateway.WordStandingOnce, name))
				r.skip()
			case c != '"':
				r.mistyped(c, gateway.Say(gateway.WordQuotedDecimal, aDecimal))
			default:
				raw, code := r.text()
				if parts[name] = string(raw); code != "" {
					r.fault(code, r.pos, "", f.Expected())
				}
			}
		})
	})
	if r.bad != nil || len(r.faults) > faults {
		return leaf{}, false
	}
	v, err := f.value(parts["value"])
	if v.spelling = parts["spelling"]; err != nil || !Spells(v.spelling, v.text) {
		r.fault(gateway.JSONDecimal, start, parts["value"]+" "+v.spelling, gateway.Say(gateway.WordQuotedDecimal, aDecimal))
		return v, false
	}
	return v, true
}

// spelled writes a decimal with its spelling.
func (w *writer) spelled(value, spelling string) {
	w.buf = append(w.buf, '{')
	w.depth++
	first := true
	for _, part := range [2][2]string{{"spelling", spelling}, {"value", value}} {
		w.next(&first)
		w.buf = append(appendString(w.buf, part[0]), ':')
		if w.pretty {
			w.buf = append(w.buf, ' ')
		}
		w.buf = appendString(w.buf, part[1])
	}
	w.end(false, '}')
}
