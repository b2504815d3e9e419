package schema

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/xmltree"
)

// libxml2's codes (xmlerror.h, XML_SCHEMAV_...), named after the clauses of XML
// Schema Part 1 and 2 that a document breaks.
const (
	datatype1        = 1824 // cvc-datatype-valid.1.2.1 to .3: not a value of the type
	datatype3        = 1826
	typeAttributes   = 1827 // cvc-type.3.1.1: attributes on a simple type
	typeChildren     = 1828 // cvc-type.3.1.2: elements in a simple type
	facetLength      = 1830
	facetMinLength   = 1831
	facetMaxLength   = 1832
	facetMinIncl     = 1833
	facetMaxIncl     = 1834
	facetMinExcl     = 1835
	facetMaxExcl     = 1836
	facetTotal       = 1837
	facetFraction    = 1838
	facetPattern     = 1839
	facetEnumeration = 1840
	complexEmpty     = 1841 // cvc-complex-type.2.1: content in an empty element
	complexSimple    = 1842 // cvc-complex-type.2.2: elements in simple content
	complexText      = 1843 // cvc-complex-type.2.3: text between elements
	fixedElement     = 1858 // cvc-elt.5.2.2.2.2
	fixedMixed       = 1857
	fixedAttribute   = 1864
	attrUnknown1     = 1865 // cvc-complex-type.3.2.1 and .2: no such attribute
	attrUnknown2     = 1866
	attrMissing      = 1868 // cvc-complex-type.4
	elementContent   = 1871
	fixedUse         = 1874 // cvc-au
	identity         = 1877
	undeclared       = 1845 // cvc-elt.1
	wildcard         = 1878 // cvc-wildcard: an element that is declared nowhere
	attrUnknown3     = 1867
	notNillable      = 1847 // cvc-elt.3.1: xsi:nil on an element that cannot be nil
	nilNotEmpty      = 1848 // cvc-elt.3.2.1
	nilFixed         = 1849 // cvc-elt.3.2.2
	typeNoName       = 1850 // cvc-elt.4.1 to .3: xsi:type
	typeUnknown      = 1851
	typeUnrelated    = 1852
)

const instanceSpace = "http://www.w3.org/2001/XMLSchema-instance"

// explain turns what libxml2 found into faults in document order: one for each
// element or attribute, the most specific.
//
// Where an element's children break its content model, libxml2 reports the first
// place only and judges neither the offending child nor its later siblings;
// elsewhere in the document it goes on. Decoding finds what is left there.
func explain(doc *xmltree.Document, found []finding, more bool) gateway.Faults {
	if len(found) == 0 && !more {
		return nil
	}
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(a.element, b.element) })
	elements := slices.Collect(doc.Root.Walk())
	type place struct {
		element *xmltree.Element
		attr    xmltree.Name // with a fault or missing: an element may miss several
	}
	at := make(map[place]int)
	var faults gateway.Faults
	for _, f := range found {
		e := doc.Root
		if f.element >= 0 {
			e = elements[f.element]
		}
		attr := attrOf(f.message, e)
		fault := explainOne(f, e, attr)
		p := place{element: e}
		if attr != nil {
			p.attr = attr.Name
		} else if fault.Code == gateway.XSDAttributeMissing {
			p.attr.Local = fault.Expected.String()
		}
		i, known := at[p]
		switch {
		case !known:
			at[p] = len(faults)
			faults = append(faults, fault)
		case general(faults[i].Code) && !general(fault.Code):
			faults[i] = fault
		}
	}
	if more {
		faults = append(faults, gateway.Fault{
			Code: gateway.XSDTooMany, Severity: gateway.Error,
			Location: doc.Root.Location(), Expected: gateway.Term(strconv.Itoa(MaxFaults)),
		})
	}
	return faults
}

// general reports whether another fault at the same place says more: libxml2 follows
// each broken facet with "not a valid value of the type".
func general(c gateway.Code) bool { return c == gateway.XSDType || c == gateway.XSDOther }

// attrOf returns the attribute of e that a sentence is about: "Element '{ns}a',
// attribute 'b': ...".
func attrOf(message string, e *xmltree.Element) *xmltree.Attr {
	rest, ok := strings.CutPrefix(message, "Element '"+e.Name.String()+"', attribute '")
	if !ok {
		return nil
	}
	for i := range e.Attrs {
		if strings.HasPrefix(rest, e.Attrs[i].Name.String()+"': ") {
			return &e.Attrs[i]
		}
	}
	return nil
}

func explainOne(f finding, e *xmltree.Element, attr *xmltree.Attr) gateway.Fault {
	fault := gateway.Fault{Severity: gateway.Error, Location: e.Location(), Value: clip(e.Text)}
	if attr != nil {
		fault.Location, fault.Value = e.AttrLocation(attr.Name), clip(attr.Value)
	}
	say := func(c gateway.Code, w gateway.Wording, terms ...string) {
		fault.Code, fault.Expected = c, gateway.Say(w, terms...)
	}
	switch f.code {
	case facetLength:
		say(gateway.XSDLength, gateway.WordExactlyCharacters, f.detail)
	case facetMinLength:
		say(gateway.XSDLength, gateway.WordAtLeastCharacters, f.detail)
	case facetMaxLength:
		say(gateway.XSDLength, gateway.WordAtMostCharacters, f.detail)
	case facetMinIncl:
		say(gateway.XSDRange, gateway.WordAtLeast, f.detail)
	case facetMaxIncl:
		say(gateway.XSDRange, gateway.WordAtMost, f.detail)
	case facetMinExcl:
		say(gateway.XSDRange, gateway.WordMoreThan, f.detail)
	case facetMaxExcl:
		say(gateway.XSDRange, gateway.WordLessThan, f.detail)
	case facetTotal:
		say(gateway.XSDRange, gateway.WordAtMostDigits, f.detail)
	case facetFraction:
		say(gateway.XSDRange, gateway.WordAtMostDecimals, f.detail)
	case facetPattern:
		say(gateway.XSDPattern, gateway.WordPattern, clip(f.detail))
	case facetEnumeration:
		say(gateway.XSDEnumeration, gateway.WordOneOf, clip(strings.ReplaceAll(f.detail, "'", "")))
	case datatype1, datatype1 + 1, datatype3:
		fault.Code, fault.Expected = gateway.XSDType, typeName(f.message)
		if attr != nil && attr.Name == (xmltree.Name{Space: instanceSpace, Local: "type"}) {
			fault.Code, fault.Value, fault.Expected = gateway.XSDTypeAttribute, "", gateway.Phrase{}
		}
	case elementContent:
		return misplaced(fault, f.message, e)
	case typeChildren, complexSimple:
		say(gateway.XSDUnexpectedElement, gateway.WordTextOnly)
		if len(e.Children) > 0 {
			fault.Location, fault.Value = e.Children[0].Location(), clip(e.Children[0].QName())
		}
	case wildcard, undeclared:
		say(gateway.XSDUnexpectedElement, gateway.WordNoFurtherElement)
		fault.Value = clip(e.QName())
	case complexEmpty, complexText:
		if f.code == complexEmpty && len(e.Children) > 0 {
			say(gateway.XSDUnexpectedElement, gateway.WordNoFurtherElement)
			fault.Location, fault.Value = e.Children[0].Location(), clip(e.Children[0].QName())
			break
		}
		fault.Code, fault.Value = gateway.XSDUnexpectedText, clip(strings.TrimSpace(e.Text))
	case attrMissing:
		name := quoted(f.message)
		fault.Code, fault.Value, fault.Expected = gateway.XSDAttributeMissing, "", gateway.Term(inScope(name, e))
	case typeAttributes, attrUnknown1, attrUnknown2, attrUnknown3:
		fault.Code = gateway.XSDAttributeUnknown
		if attr != nil {
			fault.Value = clip(inScope(attr.Name.String(), e))
		}
	case notNillable, nilNotEmpty, nilFixed:
		fault.Code, fault.Value = gateway.XSDNil, clip(e.QName())
	case typeNoName, typeUnknown, typeUnrelated:
		fault.Code, fault.Value = gateway.XSDTypeAttribute, ""
	case fixedElement, fixedMixed, fixedAttribute, fixedUse:
		fault.Code, fault.Expected = gateway.XSDFixed, gateway.Term(clip(quoted(f.message)))
	case identity:
		fault.Code, fault.Value = gateway.XSDKey, clip(keySequence(f.message))
	default:
		fault.Code, fault.Value = gateway.XSDOther, strconv.Itoa(f.code)
	}
	if attr == nil && e.Text == "" && len(e.Children) == 0 && ofValue(fault.Code) {
		fault.Code, fault.Value = gateway.XSDEmpty, clip(e.QName())
		if f.code == facetMinLength && f.detail == "1" {
			fault.Expected = gateway.Say(gateway.WordPlainText)
		}
	}
	return fault
}

// ofValue reports whether a code says that an element's text is not right.
func ofValue(c gateway.Code) bool {
	switch c {
	case gateway.XSDLength, gateway.XSDRange, gateway.XSDPattern, gateway.XSDEnumeration, gateway.XSDType:
		return true
	}
	return false
}

// misplaced is the fault of an element whose children break its content model: one is
// missing, one too many is there, or another one.
func misplaced(fault gateway.Fault, message string, e *xmltree.Element) gateway.Fault {
	expected := expectedNames(message, e)
	if strings.LastIndex(message, "Missing child element(s)") > strings.LastIndex(message, "This element is not expected") {
		fault.Code, fault.Value, fault.Expected = gateway.XSDMissingElement, "", expected
		return fault
	}
	fault.Code, fault.Value = gateway.XSDUnexpectedElement, clip(e.QName())
	if before := inSuccession(e); before > 0 {
		fault.Code, fault.Expected = gateway.XSDTooOften, gateway.Say(gateway.WordAtMostTimes, strconv.Itoa(before))
	} else if fault.Expected = expected; expected.IsZero() {
		fault.Expected = gateway.Say(gateway.WordNoFurtherElement)
	}
	return fault
}

// inSuccession counts the elements of e's name that stand right before it.
func inSuccession(e *xmltree.Element) int {
	if e.Parent == nil {
		return 0
	}
	at, n := slices.Index(e.Parent.Children, e), 0
	for n < at && e.Parent.Children[at-1-n].Name == e.Name {
		n++
	}
	return n
}

// keySequence reads the values of a key from libxml2's sentence: "... ['1', 'x'] ...".
func keySequence(message string) string {
	_, rest, _ := strings.Cut(message, "[")
	inside, _, _ := strings.Cut(rest, "]")
	return strings.ReplaceAll(inside, "'", "")
}

func (sc *Schema) rootFault(root *xmltree.Element) gateway.Fault {
	var names []string
	for _, r := range sc.roots {
		names = append(names, r.String())
	}
	return gateway.Fault{
		Code: gateway.XSDRoot, Severity: gateway.Error, Location: root.Location(),
		Value: clip(root.Name.String()), Expected: gateway.Term(clip(strings.Join(names, ", "))),
	}
}

// typeName reads the type at the end of libxml2's sentence: "... of the atomic type
// 'xs:decimal'." A type without a name is called by its kind.
func typeName(message string) gateway.Phrase {
	if i := strings.LastIndex(message, " type '"); i >= 0 {
		return gateway.Say(gateway.WordTypedValue, clip(strings.TrimPrefix(quoted(message[i:]), "xs:")))
	}
	return gateway.Say(gateway.WordDeclaredValue)
}

// quoted returns the last 'quoted' part of a sentence. A quoted value may itself
// hold quotes; what libxml2 quotes last is a name or comes from the schema.
func quoted(message string) string {
	end := strings.LastIndexByte(message, '\'')
	if end < 0 {
		return ""
	}
	return message[strings.LastIndexByte(message[:end], '\'')+1 : end]
}

// expectedNames reads "Expected is one of ( {ns}a, {ns}b )." into the document's own names.
func expectedNames(message string, e *xmltree.Element) gateway.Phrase {
	const word = "Expected is "
	i := strings.LastIndex(message, word)
	if i < 0 {
		return gateway.Phrase{}
	}
	list := strings.Trim(strings.TrimPrefix(message[i+len(word):], "one of "), "(). \n")
	names := strings.Split(list, ", ")
	for i, n := range names {
		names[i] = inScope(n, e)
	}
	if strings.Contains(list, "##") { // a wildcard
		return gateway.Say(gateway.WordOtherElement)
	}
	return gateway.Term(strings.Join(names, ", "))
}

// inScope writes {ns}local with the prefix that e's document has for ns there.
func inScope(name string, e *xmltree.Element) string {
	space, local, ok := strings.Cut(strings.TrimPrefix(name, "{"), "}")
	if !ok {
		return name
	}
	best, found := "", false
	for prefix, uri := range e.Bindings() {
		if uri == space && (!found || prefix < best) {
			best, found = prefix, true
		}
	}
	switch {
	case !found:
		return name
	case best == "":
		return local
	}
	return best + ":" + local
}
