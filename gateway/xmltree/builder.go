package xmltree

import "strings"

// Builder builds a document in document order. Every count it takes is a hint that
// saves allocations, never a limit.
type Builder struct {
	root     *Element
	open     *Element
	elements []Element
	attrs    []Attr
	children []*Element
	seen     map[Name]int
}

// NewBuilder returns a builder for about so many elements and attributes.
func NewBuilder(elements, attrs int) *Builder {
	return &Builder{
		elements: make([]Element, elements),
		attrs:    make([]Attr, attrs),
		children: make([]*Element, max(elements-1, 0)),
	}
}

// Open starts an element inside the open one, for about so many attributes and
// children. The caller may set its Text and Line until Close.
func (b *Builder) Open(name Name, prefix string, attrs, children int) *Element {
	if len(b.elements) == 0 {
		b.elements = make([]Element, 64) // a new slab: addresses handed out stay good
	}
	e := &b.elements[0]
	b.elements = b.elements[1:]
	e.Name, e.Prefix, e.Parent = name, prefix, b.open
	if 0 < attrs && attrs <= len(b.attrs) {
		e.Attrs, b.attrs = b.attrs[:0:attrs], b.attrs[attrs:]
	}
	if 0 < children && children <= len(b.children) {
		e.Children, b.children = b.children[:0:children], b.children[children:]
	}
	if b.open == nil {
		b.root = e
	} else {
		b.open.Children = append(b.open.Children, e)
	}
	b.open = e
	return e
}

// Attr adds an attribute to the open element.
func (b *Builder) Attr(a Attr) { b.open.Attrs = append(b.open.Attrs, a) }

// Namespace declares a prefix on the open element.
func (b *Builder) Namespace(prefix, space string) {
	if b.open.Namespaces == nil {
		b.open.Namespaces = make(map[string]string, 1)
	}
	b.open.Namespaces[prefix] = space
}

// Close ends the open element.
func (b *Builder) Close() {
	e := b.open
	if len(e.Children) > 0 && strings.Trim(e.Text, " \t\r\n") == "" {
		e.Text = ""
	}
	b.number(e.Children)
	b.open = e.Parent
}

// Document returns the document, its root closed.
func (b *Builder) Document() *Document {
	b.root.position = 1
	return &Document{Root: b.root}
}

// few is the number of siblings up to which comparing each with those before it
// is faster than a map.
const few = 16

// number gives siblings their positions.
func (b *Builder) number(siblings []*Element) {
	if len(siblings) <= few {
		for i, e := range siblings {
			e.position = 1
			for j := i - 1; j >= 0; j-- {
				if siblings[j].Name == e.Name {
					e.position += siblings[j].position
					break
				}
			}
		}
		return
	}
	if b.seen == nil {
		b.seen = make(map[Name]int)
	}
	clear(b.seen)
	for i, e := range siblings {
		if i > 0 && siblings[i-1].Name == e.Name {
			e.position = siblings[i-1].position + 1
			continue // most long lists repeat one name: the map hears of its end only
		}
		if i > 0 {
			b.seen[siblings[i-1].Name] = siblings[i-1].position
		}
		e.position = b.seen[e.Name] + 1
	}
}
