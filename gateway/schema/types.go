package schema

import (
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/xmltree"
)

// typeWords are the built-in types as a person would call them.
var typeWords = map[string]gateway.Wording{
	"decimal": gateway.WordDecimalNumber, "integer": gateway.WordWholeNumber, "nonNegativeInteger": gateway.WordWholeNumber,
	"positiveInteger": gateway.WordWholeNumber, "int": gateway.WordWholeNumber, "date": gateway.WordDate, "dateTime": gateway.WordDateTime,
	"time": gateway.WordTimeOfDay, "boolean": gateway.WordBoolean,
}

// typeLayouts are the types that the calendar or the clock can refuse, and how they are
// written.
var typeLayouts = map[gateway.Wording]string{
	gateway.WordDate: time.DateOnly, gateway.WordDateTime: "2006-01-02T15:04:05", gateway.WordTimeOfDay: time.TimeOnly,
}

// typesOf adds the named types of a schema file with what each is derived from, both
// by their local names.
func typesOf(doc *xmltree.Document, types map[string]string) {
	for _, e := range doc.Root.Children {
		name, ok := e.Attr(xmltree.Name{Local: "name"})
		if !ok || e.Name.Space != xsdSpace {
			continue
		}
		for d := range e.Walk() {
			if base, ok := d.Attr(xmltree.Name{Local: "base"}); ok {
				_, types[name], _ = cutLast(base, ':')
				break
			}
		}
	}
}

// nameTypes says of values of the wrong type which built-in type is wanted: the name
// of a type of our own tells a person nothing. Of a day or time that does not exist it
// says so.
func (sc *Schema) nameTypes(faults gateway.Faults) {
	for i := range faults {
		f := &faults[i]
		if f.Expected.Wording != gateway.WordTypedValue {
			continue
		}
		_, name, _ := cutLast(f.Expected.Terms[0], '}')
		for range len(sc.types) + 1 {
			if word, ok := typeWords[name]; ok {
				f.Expected = gateway.Say(word)
				layout := typeLayouts[word]
				if p, ok := document.Calendar(f.Value[:min(len(f.Value), len(layout))], layout); ok {
					f.Expected = p
				}
				break
			}
			base, ok := sc.types[name]
			if !ok {
				break
			}
			name = base
		}
	}
}

// cutLast cuts s at the last sep; without one all of s is behind it.
func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return "", s, false
}
