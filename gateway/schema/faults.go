package schema

import (
	"cmp"
	"fmt"
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
)

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
			p.attr.Local = fault.Expected
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
			Location: doc.Root.Location(), Expected: strconv.Itoa(MaxFaults),
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
	switch f.code {
	case facetLength:
		fault.Code, fault.Expected = gateway.XSDLength, "exactly "+characters(f.detail)
	case facetMinLength:
		fault.Code, fault.Expected = gateway.XSDLength, "at least "+characters(f.detail)
	case facetMaxLength:
		fault.Code, fault.Expected = gateway.XSDLength, "at most "+characters(f.detail)
	case facetMinIncl:
		fault.Code, fault.Expected = gateway.XSDRange, "at least "+f.detail
	case facetMaxIncl:
		fault.Code, fault.Expected = gateway.XSDRange, "at most "+f.detail
	case facetMinExcl:
		fault.Code, fault.Expected = gateway.XSDRange, "more than "+f.detail
	case facetMaxExcl:
		fault.Code, fault.Expected = gateway.XSDRange, "less than "+f.detail
	case facetTotal:
		fault.Code, fault.Expected = gateway.XSDRange, "at most "+f.detail+" digits"
	case facetFraction:
		fault.Code, fault.Expected = gateway.XSDRange, "at most "+f.detail+" digits after the point"
	case facetPattern:
		fault.Code, fault.Expected = gateway.XSDPattern, "pattern "+clip(f.detail)
	case facetEnumeration:
		fault.Code, fault.Expected = gateway.XSDEnumeration, "one of "+clip(strings.ReplaceAll(f.detail, "'", ""))
	case datatype1, datatype1 + 1, datatype3:
		fault.Code, fault.Expected = gateway.XSDType, typeName(f.message)
	case elementContent:
		expected := expectedNames(f.message, e)
		if strings.LastIndex(f.message, "Missing child element(s)") > strings.LastIndex(f.message, "This element is not expected") {
			fault.Code, fault.Value, fault.Expected = gateway.XSDMissingElement, "", expected
			break
		}
		fault.Code, fault.Value = gateway.XSDUnexpectedElement, clip(e.QName())
		fault.Expected = cmp.Or(expected, "no further element")
	case typeChildren, complexSimple:
		fault.Code, fault.Expected = gateway.XSDUnexpectedElement, "text only"
		if len(e.Children) > 0 {
			fault.Location, fault.Value = e.Children[0].Location(), clip(e.Children[0].QName())
		}
	case complexEmpty, complexText:
		fault.Code, fault.Value = gateway.XSDUnexpectedText, clip(strings.TrimSpace(e.Text))
	case attrMissing:
		name := quoted(f.message)
		fault.Code, fault.Value, fault.Expected = gateway.XSDAttributeMissing, "", inScope(name, e)
	case typeAttributes, attrUnknown1, attrUnknown2:
		fault.Code = gateway.XSDAttributeUnknown
		if attr != nil {
			fault.Value = clip(inScope(attr.Name.String(), e))
		}
	case fixedElement, fixedMixed, fixedAttribute, fixedUse:
		fault.Code, fault.Expected = gateway.XSDFixed, clip(quoted(f.message))
	case identity:
		fault.Code, fault.Value = gateway.XSDKey, sentence(f.message)
	default:
		fault.Code, fault.Expected = gateway.XSDOther, fmt.Sprintf("libxml2 %d: %s", f.code, sentence(f.message))
	}
	return fault
}

func (sc *Schema) wrongRoot(root *xmltree.Element) gateway.Fault {
	var names []string
	for _, r := range sc.roots {
		names = append(names, r.String())
	}
	return gateway.Fault{
		Code: gateway.XSDRoot, Severity: gateway.Error, Location: root.Location(),
		Value: clip(root.Name.String()), Expected: clip(strings.Join(names, ", ")),
	}
}

func characters(n string) string {
	if n == "1" {
		return "1 character"
	}
	return n + " characters"
}

// typeName reads the type at the end of libxml2's sentence: "... of the atomic type
// 'xs:decimal'." A type without a name is called by its kind.
func typeName(message string) string {
	if i := strings.LastIndex(message, " type '"); i >= 0 {
		return clip(strings.TrimPrefix(quoted(message[i:]), "xs:"))
	}
	return "a value of the declared type"
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
func expectedNames(message string, e *xmltree.Element) string {
	const word = "Expected is "
	i := strings.LastIndex(message, word)
	if i < 0 {
		return ""
	}
	list := strings.Trim(strings.TrimPrefix(message[i+len(word):], "one of "), "(). \n")
	names := strings.Split(list, ", ")
	for i, n := range names {
		names[i] = inScope(n, e)
	}
	return strings.Join(names, ", ")
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

// sentence cuts libxml2's own introduction off.
func sentence(message string) string {
	if _, rest, ok := strings.Cut(message, "': "); ok {
		message = rest
	}
	return clip(strings.TrimSpace(message))
}
