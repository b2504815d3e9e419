package encode

import (
	"strings"

	"github.com/beevik/etree"

	"customs.example/gateway/mapping/table"
)

const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// slabs hands out the parts of a tree from blocks: one allocation for many of them.
type slabs struct {
	elements []etree.Element
	texts    []etree.CharData
	only     []etree.Token // children of elements that hold one text
	several  []etree.Token // first children of elements that hold elements
}

const slab = 64

// element returns a new element of a step's name.
func (s *slabs) element(of *table.Step) *etree.Element {
	if len(s.elements) == 0 {
		s.elements = make([]etree.Element, slab)
	}
	e := &s.elements[0]
	s.elements = s.elements[1:]
	e.Space, e.Tag = of.Prefix, of.Name.Local
	return e
}

// firstChildren is how many elements an element mostly holds.
const firstChildren = 4

// child adds a new element of a step's name to an element.
func (s *slabs) child(of *table.Step, to *etree.Element) *etree.Element {
	if to.Child == nil {
		if len(s.several) < firstChildren {
			s.several = make([]etree.Token, slab)
		}
		to.Child, s.several = s.several[:0:firstChildren], s.several[firstChildren:]
	}
	e := s.element(of)
	to.AddChild(e)
	return e
}

// text adds a text to an element.
func (s *slabs) text(to *etree.Element, text string) {
	if len(s.texts) == 0 {
		s.texts, s.only = make([]etree.CharData, slab), make([]etree.Token, slab)
	}
	t := &s.texts[0]
	t.Data = text
	if to.Child == nil {
		to.Child = s.only[:0:1]
	}
	s.texts, s.only = s.texts[1:], s.only[1:]
	to.AddChild(t)
}

// write serialises a tree: two blanks of indent, one line for each element of text, and
// escapes as in Canonical XML. etree would copy the tree to indent it, which costs more
// than the writing.
func write(top *etree.Element) []byte {
	out := make([]byte, 0, len(declaration)+room(top, 0)+1)
	out = appendElement(append(out, declaration...), top, 0)
	return append(out, '\n')
}

// room is the length of an element without escapes.
func room(e *etree.Element, depth int) int {
	n := 2*(len(e.Space)+len(e.Tag)+depth) + len("\n<:></:>")
	for i := range e.Attr {
		a := &e.Attr[i]
		n += len(a.Space) + len(a.Key) + len(a.Value) + len(` :=""`)
	}
	for _, c := range e.Child {
		switch c := c.(type) {
		case *etree.Element:
			n += room(c, depth+1)
		case *etree.CharData:
			n += len(c.Data)
		}
	}
	return n + 2*depth + len("\n")
}

func appendElement(out []byte, e *etree.Element, depth int) []byte {
	out = appendQName(append(out, '<'), e.Space, e.Tag)
	for i := range e.Attr {
		a := &e.Attr[i]
		out = append(appendQName(append(out, ' '), a.Space, a.Key), `="`...)
		out = append(appendEscaped(out, a.Value, &inAttribute), '"')
	}
	if len(e.Child) == 0 {
		return append(out, "/>"...)
	}
	out = append(out, '>')
	inside := false // behind an element
	for _, c := range e.Child {
		switch c := c.(type) {
		case *etree.Element:
			out = appendElement(appendIndent(out, depth+1), c, depth+1)
			inside = true
		case *etree.CharData:
			out = appendEscaped(out, c.Data, &inText)
			inside = false
		}
	}
	if inside {
		out = appendIndent(out, depth)
	}
	return append(appendQName(append(out, "</"...), e.Space, e.Tag), '>')
}

func appendQName(out []byte, prefix, local string) []byte {
	if prefix != "" {
		out = append(append(out, prefix...), ':')
	}
	return append(out, local...)
}

func appendIndent(out []byte, depth int) []byte {
	out = append(out, '\n')
	for range depth {
		out = append(out, "  "...)
	}
	return out
}

// escapes are what stands for a character; "" for itself.
type escapes struct {
	chars string
	by    [256]string
}

var (
	inText      = escapes{"&<>\r", [256]string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '\r': "&#xD;"}}
	inAttribute = escapes{"&<\"\t\n\r", [256]string{'&': "&amp;", '<': "&lt;", '"': "&quot;", '\t': "&#x9;", '\n': "&#xA;", '\r': "&#xD;"}}
)

func appendEscaped(out []byte, text string, e *escapes) []byte {
	for {
		i := strings.IndexAny(text, e.chars)
		if i < 0 {
			return append(out, text...)
		}
		out = append(append(out, text[:i]...), e.by[text[i]]...)
		text = text[i+1:]
	}
}
