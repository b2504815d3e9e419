package validate

import (
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// message notes where a message and all below it stand, and judges them by the dictionary.
func (c *check) message(m protoreflect.Message, at string) {
	if c.byType == nil {
		c.byType = make(map[protoreflect.FullName][]place)
	}
	name := m.Descriptor().FullName()
	c.byType[name] = append(c.byType[name], place{at, m})
	for _, p := range dictionary()[name] {
		field := p.Field()
		if !m.Has(field.Descriptor()) {
			continue
		}
		if field.Repeated && c.dictionary {
			c.repetitions(p, field, m, at)
		}
		if p.Leaf() {
			if !c.dictionary {
				continue
			}
			for path, text := range p.AllTexts(m, at) {
				if !c.steps.Next() {
					return
				}
				c.leaf(field, path, text)
			}
			continue
		}
		for path, sub := range p.All(m, at) {
			if !c.steps.Next() {
				return
			}
			c.message(sub, path)
		}
	}
}

func (c *check) repetitions(p *document.Path, field document.Field, m protoreflect.Message, at string) {
	list := m.Get(field.Descriptor()).List()
	if most := field.Rule.GetItems(); list.Len() > int(most) {
		c.fault(gateway.DictionaryItems, p.Instance(m, at), strconv.Itoa(list.Len()), gateway.Term(strconv.Itoa(int(most))))
	}
	if !field.Rule.GetLanguages() {
		return
	}
	seen := map[string]bool{}
	for path, text := range p.All(m, at) {
		language := text.Interface().(*customsv1.Text).GetLanguage()
		if seen[language] {
			c.fault(gateway.DictionaryLanguage, path+".language", language, gateway.Say(gateway.WordOneTextPerLanguage))
		}
		seen[language] = true
	}
}

func (c *check) leaf(field document.Field, path, text string) {
	if err := field.Check(text); err != nil {
		c.fault(gateway.DictionaryForm, path, text, document.WantedOf(err))
		return
	}
	rule := field.Rule
	if most := rule.GetLength(); most > 0 && utf8.RuneCountInString(text) > int(most) {
		c.fault(gateway.DictionaryLength, path, text, gateway.Term(strconv.Itoa(int(most))))
	}
	if rule.GetDigits() > 0 && !fits(text, int(rule.GetDigits()), int(rule.GetFraction())) {
		c.fault(gateway.DictionaryDigits, path, text, gateway.Say(gateway.WordDigitsAndDecimals, strconv.Itoa(int(rule.GetDigits())), strconv.Itoa(int(rule.GetFraction()))))
	}
	if list := rule.GetList(); list != "" {
		c.codelist(list, text, path)
	}
	c.time(field, path, text)
}

// time warns of an instant or a day that nobody means: a program's default, or far from
// the document's issue.
func (c *check) time(field document.Field, path, text string) {
	meant, expected := true, gateway.Say(gateway.WordMeantDate)
	switch field.Type {
	case document.Instant:
		at, _ := document.ParseInstant(text)
		if meant = document.Meant(at, c.issued); !c.issued.IsZero() && !at.Equal(c.issued) {
			expected = gateway.Say(gateway.WordNearIssue, strconv.Itoa(int(document.NearIssue.Hours())/24), document.FormatInstant(c.issued))
		}
	case document.Date:
		day, _ := document.ParseDate(text)
		meant = document.MeantDay(day)
	}
	if !meant {
		c.faults = append(c.faults, gateway.Fault{Code: gateway.InstantImplausible, Severity: gateway.Warning, Path: path, Value: text, Expected: expected})
	}
}

// fits reports whether a decimal has at most so many digits in all and behind the
// point, needless zeros apart.
func fits(text string, digits, fraction int) bool {
	n, err := document.ParseNumber(text)
	if err != nil {
		return false
	}
	whole, behind, _ := strings.Cut(n.Abs().String(), ".")
	whole = strings.TrimPrefix(whole, "0")
	return len(behind) <= fraction && len(whole) <= digits-fraction
}

// dictionary holds, for every message, a path to each of its fields, in order.
var dictionary = sync.OnceValue(func() map[protoreflect.FullName][]*document.Path {
	all := map[protoreflect.FullName][]*document.Path{}
	messages := (*customsv1.Document)(nil).ProtoReflect().Descriptor().ParentFile().Messages()
	for i := range messages.Len() {
		md := messages.Get(i)
		for j := range md.Fields().Len() {
			p, err := document.Compile(md, md.Fields().Get(j).JSONName())
			if err != nil {
				continue // the inside of Decimal, Instant and Date, which are leaves
			}
			all[md.FullName()] = append(all[md.FullName()], p)
		}
	}
	return all
})
