package schema

import (
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/xmltree"
)

// space is what a type makes of white space before its value is judged (XML Schema part
// 2, 4.3.6).
type space int

const (
	preserve space = iota
	replace        // each line break and tab is a blank
	collapse       // besides, none around and one inside
)

// spaceNames are the facet's values and the built-in types that do not collapse.
var (
	spaceNames   = map[string]space{"preserve": preserve, "replace": replace, "collapse": collapse}
	builtinSpace = map[string]space{"string": preserve, "anySimpleType": preserve, "anyType": preserve, "normalizedString": replace}
)

var spaced = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")

func (s space) of(text string) string {
	switch s {
	case replace:
		if strings.ContainsAny(text, "\t\n\r") {
			return spaced.Replace(text)
		}
	case collapse:
		return document.Collapse(text)
	}
	return text
}

// content is what a type allows: the white space of its text, and the types of its
// attributes and children. Elements of one name in one type have one type.
type content struct {
	simple   bool // holds text, no elements
	space    space
	attrs    map[xmltree.Name]space
	children map[xmltree.Name]*content
}

// settle gives an element and all below it the values that were judged: what the types
// make of white space. An element that the schema does not describe keeps what it has.
func (c *content) settle(e *xmltree.Element) {
	if c == nil {
		return
	}
	if c.simple {
		e.Text = c.space.of(e.Text)
	}
	for i := range e.Attrs {
		if s, known := c.attrs[e.Attrs[i].Name]; known {
			e.Attrs[i].Value = s.of(e.Attrs[i].Value)
		}
	}
	for _, child := range e.Children {
		c.children[child.Name].settle(child)
	}
}

// Preserves reports whether the text at a place keeps its line breaks: steps lead from
// the root, which is the first; attr is nil for the element's own text. Known is false
// where the schema describes no such place.
func (sc *Schema) Preserves(steps []xmltree.Name, attr *xmltree.Name) (preserves, known bool) {
	at := sc.contents[steps[0]]
	for _, s := range steps[1:] {
		if at == nil {
			return false, false
		}
		at = at.children[s]
	}
	switch {
	case at == nil:
		return false, false
	case attr == nil:
		return at.space == preserve, at.simple
	}
	s, known := at.attrs[*attr]
	return known && s == preserve, known
}

// grammar is the declarations of a schema's files. An included file without namespace has
// that of the schema. Redefinitions and substitution groups are not followed: no format has
// any.
type grammar struct {
	target  string // namespace of the schema
	globals map[global]*xmltree.Element
	made    map[*xmltree.Element]*content // of types
}

type global struct {
	kind string
	name xmltree.Name
}

// contentsOf returns what the elements declared at the top of the files allow, of which
// the first is the schema's own.
func contentsOf(files []*xmltree.Document) map[xmltree.Name]*content {
	g := grammar{attr(files[0].Root, "targetNamespace"), map[global]*xmltree.Element{}, map[*xmltree.Element]*content{}}
	for _, f := range files {
		target := g.targetOf(f.Root)
		for _, d := range f.Root.Children {
			if name := attr(d, "name"); name != "" && d.Name.Space == xsdSpace {
				g.globals[global{kindOf(d), xmltree.Name{Space: target, Local: name}}] = d
			}
		}
	}
	roots := map[xmltree.Name]*content{}
	for key, d := range g.globals {
		if key.kind == "element" {
			roots[key.name] = g.element(d)
		}
	}
	return roots
}

func (g grammar) targetOf(root *xmltree.Element) string {
	if own := attr(root, "targetNamespace"); own != "" {
		return own
	}
	return g.target
}

func rootOf(d *xmltree.Element) *xmltree.Element {
	for d.Parent != nil {
		d = d.Parent
	}
	return d
}

func kindOf(d *xmltree.Element) string {
	if d.Name.Local == "simpleType" || d.Name.Local == "complexType" {
		return "type"
	}
	return d.Name.Local
}

func attr(e *xmltree.Element, name string) string {
	v, _ := e.Attr(xmltree.Name{Local: name})
	return v
}

// named resolves what an attribute of a declaration names; found is nil for a built-in.
func (g grammar) named(d *xmltree.Element, kind, by string) (found *xmltree.Element, name xmltree.Name) {
	prefix, local, ok := strings.Cut(attr(d, by), ":")
	if !ok {
		prefix, local = "", prefix
	}
	name = xmltree.Name{Local: local}
	for at := d; at != nil; at = at.Parent {
		if uri, bound := at.Namespaces[prefix]; bound {
			name.Space = uri
			break
		}
	}
	if name.Space == "" {
		name.Space = g.targetOf(rootOf(d))
	}
	return g.globals[global{kind, name}], name
}

// element returns what an element's declaration allows: nil for anything.
func (g grammar) element(d *xmltree.Element) *content {
	if attr(d, "type") != "" {
		return g.typed(d, "type")
	}
	for _, c := range d.Children {
		if kindOf(c) == "type" {
			return g.typeOf(c)
		}
	}
	return nil
}

// typed returns what the type allows that an attribute names.
func (g grammar) typed(d *xmltree.Element, by string) *content {
	found, name := g.named(d, "type", by)
	if found != nil {
		return g.typeOf(found)
	}
	s, special := builtinSpace[name.Local]
	if !special {
		s = collapse
	}
	return &content{simple: name.Local != "anyType", space: s}
}

// typeOf returns what a type allows.
func (g grammar) typeOf(d *xmltree.Element) *content {
	if c, ok := g.made[d]; ok {
		return c
	}
	c := &content{}
	g.made[d] = c
	if d.Name.Local == "simpleType" {
		c.simple, c.space = true, g.simple(d)
		return c
	}
	c.attrs, c.children = map[xmltree.Name]space{}, map[xmltree.Name]*content{}
	g.collect(d, c)
	return c
}

// simple returns the white space of a simple type's declaration.
func (g grammar) simple(d *xmltree.Element) space {
	for _, r := range d.Children {
		switch r.Name.Local {
		case "restriction":
			return g.facet(r)
		case "list", "union":
			return collapse
		}
	}
	return preserve
}

// facet returns the white space of a restriction: its own, or its base's.
func (g grammar) facet(r *xmltree.Element) space {
	base := preserve
	if attr(r, "base") != "" {
		if c := g.typed(r, "base"); c != nil {
			base = c.space
		}
	}
	for _, c := range r.Children {
		switch c.Name.Local {
		case "whiteSpace":
			return spaceNames[attr(c, "value")]
		case "simpleType":
			base = g.simple(c)
		}
	}
	return base
}

// collect adds to a content what a declaration's children allow.
func (g grammar) collect(d *xmltree.Element, c *content) {
	for _, part := range d.Children {
		if part.Name.Space != xsdSpace {
			continue
		}
		switch part.Name.Local {
		case "extension", "restriction":
			if base := g.typed(part, "base"); base != nil {
				c.simple = base.simple
				for name, s := range base.attrs {
					c.attrs[name] = s
				}
				for name, child := range base.children {
					c.children[name] = child
				}
			}
			c.space = g.facet(part)
			g.collect(part, c)
		case "element":
			named, name := part, g.local(part, "elementFormDefault")
			if attr(part, "ref") != "" {
				named, name = g.named(part, "element", "ref")
			}
			if named != nil {
				c.children[name] = g.element(named)
			}
		case "attribute":
			named, name := part, g.local(part, "attributeFormDefault")
			if attr(part, "ref") != "" {
				named, name = g.named(part, "attribute", "ref")
			}
			if named == nil {
				continue
			}
			c.attrs[name] = preserve
			if t := g.element(named); t != nil {
				c.attrs[name] = t.space
			}
		case "group", "attributeGroup":
			if found, _ := g.named(part, part.Name.Local, "ref"); found != nil {
				g.collect(found, c)
			}
		case "sequence", "choice", "all", "complexContent", "simpleContent":
			g.collect(part, c)
		}
	}
}

// local is the name of an element or attribute that is declared inside a type.
func (g grammar) local(d *xmltree.Element, byDefault string) xmltree.Name {
	root := rootOf(d)
	form := attr(d, "form")
	if form == "" {
		form = attr(root, byDefault)
	}
	name := xmltree.Name{Local: attr(d, "name")}
	if form == "qualified" {
		name.Space = g.targetOf(root)
	}
	return name
}
