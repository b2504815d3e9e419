package analysis

import (
	"strings"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/xmltree"
)

// value is a text at a place: an instance path of a canonical document, or an XPath.
type value struct{ at, text string }

// leaves returns the values of a canonical document, in document order.
func leaves(d *customsv1.Document) (out []value) {
	document.Walk(d, func(path string, _ document.Field, _ document.Marks, text string) {
		out = append(out, value{path, text})
	})
	return out
}

const xsi = "http://www.w3.org/2001/XMLSchema-instance"

// texts returns the values of an XML document, in document order. An element that is
// empty has one where it says something.
func texts(doc *xmltree.Document, says func(at string) bool) (out []value) {
	for e := range doc.Root.Walk() {
		for _, a := range e.Attrs {
			if a.Name.Space != xsi {
				out = append(out, value{e.AttrLocation(a.Name).Expr, a.Value})
			}
		}
		if text, at := strings.TrimSpace(e.Text), e.Location().Expr; text != "" || says != nil && says(at) {
			out = append(out, value{at, text})
		}
	}
	return out
}

func index(values []value) map[string]string {
	out := make(map[string]string, len(values))
	for _, v := range values {
		out[v.at] = v.text
	}
	return out
}

// above cuts the last step or position off an instance path, or the last step off an
// XPath. A path above all is "".
func above(at string) string {
	if strings.HasPrefix(at, "/") {
		return at[:max(strings.LastIndexByte(at, '/'), 0)]
	}
	return at[:max(strings.LastIndexAny(at, ".["), 0)]
}

// alignment says which place of one document is which of another, where elements were
// left out or put in between.
type alignment struct{ there, back map[string]string }

func newAlignment() alignment {
	return alignment{map[string]string{}, map[string]string{}}
}

// pair notes that two places are one, and so are those that hold them.
func (al alignment) pair(here, there string) {
	for here != "" && there != "" && al.there[here] == "" && al.back[there] == "" {
		al.there[here], al.back[there] = there, here
		here, there = above(here), above(there)
	}
}

// find returns the other document's place for one of this; "" if that is another's.
func (al alignment) find(here string) string {
	there := here
	for at := here; at != ""; at = above(at) {
		if found, ok := al.there[at]; ok {
			there = found + here[len(at):]
			break
		}
	}
	for at := there; at != ""; at = above(at) {
		if from, ok := al.back[at]; ok {
			if from+there[len(at):] != here {
				return ""
			}
			break
		}
	}
	return there
}

// sequence finds elements that came back before one that they stood behind.
type sequence map[string]int // the greatest position so far, by the place of the list

// turned reports whether a place has come back before another one that it stood behind, or is in an
// element that has. It MUST be asked in the order of the document.
func (o sequence) turned(there string) bool {
	for at := there; at != ""; at = above(at) {
		list, position := nameOf(at), positionOf(at)
		if list == at {
			continue
		}
		if position < o[list] {
			return true
		}
		o[list] = position
	}
	return false
}

// apart reports whether what holds a place is another document's place for something else than
// what holds the other: elements of which one has gone into another.
func (al alignment) apart(here, there string) bool {
	for here, there = above(here), above(there); here != "" && there != ""; here, there = above(here), above(there) {
		if to, ok := al.there[here]; ok && to != there {
			return true
		}
		if from, ok := al.back[there]; ok && from != here {
			return true
		}
	}
	return false
}
