package schema

import (
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/xmltree"
)

// typeWords are the built-in types as a person would call them.
var typeWords = map[string]string{
	"decimal": "a decimal number", "integer": "a whole number", "nonNegativeInteger": "a whole number",
	"positiveInteger": "a whole number", "int": "a whole number", "date": "a date", "dateTime": "a date and time",
	"time": "a time of day", "boolean": "true, false, 1 or 0",
}

// typesOf adds the named types of a schema file with what each is derived from, both
// by their local names.
func typesOf(source []byte, types map[string]string) {
	lim := DefaultLimits
	lim.Attributes, lim.AttributeLen = 1<<10, 1<<20
	doc, _ := Parse(source, lim)
	if doc == nil {
		return
	}
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
// of a type of our own tells a person nothing.
func (sc *Schema) nameTypes(faults gateway.Faults) {
	for i := range faults {
		if faults[i].Code != gateway.XSDType {
			continue
		}
		_, name, _ := cutLast(faults[i].Expected, '}')
		for range len(sc.types) {
			if words, ok := typeWords[name]; ok {
				faults[i].Expected = words
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
