package validate

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// message notes where a message and all below it stand, and judges them by the dictionary.
func (c *check) message(at *place) {
	if c.byType == nil {
		c.byType = make(map[protoreflect.FullName][]*place)
	}
	name := at.message.Descriptor().FullName()
	c.byType[name] = append(c.byType[name], at)
	if c.dictionary && at.field != nil && at.field.Extends() && !c.extension(at) {
		return
	}
	for _, f := range at.message.Fields() {
		if !f.Has(at.message) {
			continue
		}
		if f.Repeated && c.dictionary {
			c.repetitions(f, at)
		}
		switch {
		case f.Type == document.Message && f.Repeated:
			list := f.Messages(at.message)
			for i := range list.Len() {
				if !c.steps.Next() {
					return
				}
				c.message(c.below(at, f, i, list.At(i)))
			}
		case f.Type == document.Message:
			if !c.steps.Next() {
				return
			}
			c.message(c.below(at, f, -1, f.Message(at.message)))
		case !c.dictionary:
		case f.Repeated:
			for i := range f.Len(at.message) {
				if !c.steps.Next() {
					return
				}
				c.leaf(place{in: at, field: f, index: i}, f.TextOf(at.message, i))
			}
		default:
			if text := f.Text(at.message); text != "" {
				if !c.steps.Next() {
					return
				}
				c.leaf(place{in: at, field: f, index: -1}, text)
			}
		}
	}
}

// extension judges an extension by its declaration: false if there is none.
func (c *check) extension(at *place) bool {
	e := at.message.Interface().(*customsv1.Extension)
	key := at.key()
	declared, ok := c.rules.extensions.Of(key)
	if !ok {
		names := gateway.Phrase{}
		if known := c.rules.extensions.Names(at.in.inside()); known != nil {
			names = gateway.Say(gateway.WordOneOf, strings.Join(known, ", "))
		}
		c.fault(gateway.ExtensionUnknown, at.path(), gateway.Clip(e.GetName()), names)
		return false
	}
	if first := document.Named(at.in.message, e.GetName())[0]; !declared.Repeats && first != e {
		c.fault(gateway.ExtensionRepeated, at.path(), e.GetName(), gateway.Phrase{})
	}
	switch value := e.GetValue(); {
	case value != "" && !declared.HasValue():
		c.fault(gateway.DictionaryForm, at.path()+".value", value, gateway.Say(gateway.WordObject))
	case value != "":
		c.leaf(place{in: at, field: declared.Field(), index: -1}, value)
	}
	return true
}

func (c *check) repetitions(f *document.Field, at *place) {
	if n, most := f.Len(at.message), f.Rule.GetItems(); n > int(most) {
		c.fault(gateway.DictionaryItems, (&place{in: at, field: f, index: -1}).path(), strconv.Itoa(n), gateway.Term(strconv.Itoa(int(most))))
	}
	if !f.Rule.GetLanguages() {
		return
	}
	texts := f.Messages(at.message)
	if texts.Len() < 2 {
		return
	}
	seen := make(map[string]bool, texts.Len())
	for i := range texts.Len() {
		language := texts.At(i).Interface().(*customsv1.Text).GetLanguage()
		if seen[language] {
			c.fault(gateway.DictionaryLanguage, (&place{in: at, field: f, index: i}).path()+".language", language, gateway.Say(gateway.WordOneTextPerLanguage))
		}
		seen[language] = true
	}
}

func (c *check) leaf(at place, text string) {
	rule := at.field.Rule
	if err := at.field.Check(text); err != nil {
		c.fault(gateway.DictionaryForm, at.path(), text, document.WantedOf(err))
		return
	}
	if most := int(rule.GetLength()); most > 0 && len(text) > most && utf8.RuneCountInString(text) > most {
		c.fault(gateway.DictionaryLength, at.path(), text, gateway.Term(strconv.Itoa(most)))
	}
	if rule.GetDigits() > 0 && !fits(text, int(rule.GetDigits()), int(rule.GetFraction())) {
		c.fault(gateway.DictionaryDigits, at.path(), text, gateway.Say(gateway.WordDigitsAndDecimals, strconv.Itoa(int(rule.GetDigits())), strconv.Itoa(int(rule.GetFraction()))))
	}
	if list := rule.GetList(); list != "" {
		c.codelist(list, text, at)
	}
	c.time(at, text)
}

// time warns of an instant or a day that nobody means: a program's default, or far from
// the document's issue.
func (c *check) time(at place, text string) {
	plausible := true
	switch at.field.Type {
	case document.Instant:
		instant, _ := document.ParseInstant(text)
		plausible = document.Plausible(instant, c.issued)
	case document.Date:
		day, _ := document.ParseDate(text)
		plausible = document.PlausibleDay(day)
	}
	if plausible {
		return
	}
	expected := gateway.Say(gateway.WordMeantDate)
	if at.field.Type == document.Instant && !c.issued.IsZero() {
		if instant, _ := document.ParseInstant(text); !instant.Equal(c.issued) {
			expected = gateway.Say(gateway.WordNearIssue, strconv.Itoa(int(document.NearIssue.Hours())/24), document.FormatInstant(c.issued))
		}
	}
	c.faults = append(c.faults, gateway.Fault{Code: gateway.InstantImplausible, Severity: gateway.Warning, Path: at.path(), Value: text, Expected: expected})
}

// fits reports whether a decimal has at most so many digits in all and behind the
// point, needless zeros apart.
func fits(text string, digits, fraction int) bool {
	integer, behind, ok := document.CountDigits(text)
	return ok && behind <= fraction && integer <= digits-fraction
}
