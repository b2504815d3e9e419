// Package xmltree owns the read-only tree of an XML document and the places in it.
// It refuses to know any parser: whoever parses, builds.
package xmltree

import (
	"iter"
	"maps"
	"strconv"
	"strings"

	"customs.example/gateway"
)

// XMLSpace is the namespace of the prefix xml, which no document declares.
const XMLSpace = "http://www.w3.org/XML/1998/namespace"

// Name is an expanded name.
type Name struct{ Space, Local string }

// String writes the name as {namespace}local, or local alone without a namespace.
func (n Name) String() string {
	if n.Space == "" {
		return n.Local
	}
	return "{" + n.Space + "}" + n.Local
}

// Attr is an attribute. Namespace declarations are not attributes.
type Attr struct {
	Name          Name
	Prefix, Value string
}

// Element is an element. It MUST NOT be changed once its Builder gave the document
// away; then any number of goroutines may read it.
type Element struct {
	Name       Name
	Prefix     string
	Attrs      []Attr
	Namespaces map[string]string // prefixes declared on this element, "" is the default
	Children   []*Element
	Text       string // own character data, concatenated; "" when there are children and only blanks
	Parent     *Element
	Line       int

	position int // from 1, among siblings of the same name
}

// Document is a parsed document.
type Document struct{ Root *Element }

// Attr returns the value of an attribute.
func (e *Element) Attr(n Name) (string, bool) {
	for i := range e.Attrs {
		if e.Attrs[i].Name == n {
			return e.Attrs[i].Value, true
		}
	}
	return "", false
}

// QName writes the element's name as the document does: prefix:local or local.
func (e *Element) QName() string { return qname(e.Prefix, e.Name.Local) }

// Bindings returns the prefixes in scope at e, "" being the default namespace.
func (e *Element) Bindings() map[string]string {
	scope := make(map[string]string)
	for _, a := range e.path() {
		maps.Copy(scope, a.Namespaces)
	}
	if scope[""] == "" {
		delete(scope, "") // xmlns="" takes the default back
	}
	return scope
}

// Walk yields e and everything below it in document order.
func (e *Element) Walk() iter.Seq[*Element] {
	return func(yield func(*Element) bool) { e.walk(yield) }
}

func (e *Element) walk(yield func(*Element) bool) bool {
	if !yield(e) {
		return false
	}
	for _, c := range e.Children {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Location returns the place of e: an XPath 1.0 with a position on every step. It
// uses the document's own prefixes, and d for a default namespace; d1, d2 ... when
// that name means something else on the way.
func (e *Element) Location() gateway.Location { return e.location(nil) }

// AttrLocation returns the place of an attribute of e, present or missing.
func (e *Element) AttrLocation(n Name) gateway.Location {
	for i := range e.Attrs {
		if e.Attrs[i].Name == n {
			return e.location(&e.Attrs[i])
		}
	}
	a := Attr{Name: n}
	for prefix, space := range e.Bindings() {
		if n.Space != "" && space == n.Space && prefix > a.Prefix {
			a.Prefix = prefix
		}
	}
	return e.location(&a)
}

func (e *Element) location(attr *Attr) gateway.Location {
	path := e.path()
	// The document's own prefixes come first, so that a default namespace gives way.
	bound := make(prefixes, 2)
	if attr != nil && attr.Prefix != "" {
		bound.name(attr.Prefix, attr.Name.Space)
	}
	for _, a := range path {
		if a.Prefix != "" {
			bound.name(a.Prefix, a.Name.Space)
		}
	}
	var expr strings.Builder
	for _, a := range path {
		expr.WriteByte('/')
		expr.WriteString(qname(bound.name(a.Prefix, a.Name.Space), a.Name.Local))
		expr.WriteByte('[')
		expr.WriteString(strconv.Itoa(a.position))
		expr.WriteByte(']')
	}
	if attr != nil {
		expr.WriteString("/@" + qname(bound.name(attr.Prefix, attr.Name.Space), attr.Name.Local))
	}
	return gateway.Location{Expr: expr.String(), Namespaces: bound, Line: e.Line}
}

// path returns the elements from the root to e.
func (e *Element) path() []*Element {
	n := 0
	for a := e; a != nil; a = a.Parent {
		n++
	}
	path := make([]*Element, n)
	for a := e; a != nil; a = a.Parent {
		n--
		path[n] = a
	}
	return path
}

// prefixes are the bindings an XPath needs.
type prefixes map[string]string

// name returns the XPath's prefix for a namespace, wanted if that is free.
func (p prefixes) name(wanted, space string) string {
	if space == "" || space == XMLSpace {
		return wanted
	}
	if wanted == "" {
		wanted = "d"
	}
	prefix := wanted
	for n := 1; ; n++ {
		if have, taken := p[prefix]; !taken || have == space {
			p[prefix] = space
			return prefix
		}
		prefix = wanted + strconv.Itoa(n)
	}
}

func qname(prefix, local string) string {
	if prefix == "" {
		return local
	}
	return prefix + ":" + local
}
