// Package instance writes documents that fit an XML schema, and documents that miss it by exactly one fault.
// It refuses schemas with wildcards that must be filled, abstract types, substitution groups, lists or redefinitions, and it validates nothing.
package instance

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io/fs"
	"slices"
)

// Options choose one of the documents a schema allows. The zero value is the smallest document.
type Options struct {
	Optional bool // every optional element and attribute is there
	Repeat   int  // occurrences of an element that is there and may repeat, as far as its bounds allow
	Branch   int  // branch taken at each choice, modulo the number of its branches
	Longest  bool // texts at their greatest length, numbers at their greatest
}

// Generate writes a document with the global element root of the schema file. Its values differ from each other as far as
// their types allow, so that a mapping which confuses two fields is found out. The same call always gives the same bytes.
func Generate(fsys fs.FS, file, root string, o Options) ([]byte, error) {
	s, err := loadSchema(fsys, file)
	if err != nil {
		return nil, err
	}
	doc, _, err := s.build(root, o, false)
	if err != nil {
		return nil, err
	}
	return doc.bytes(), nil
}

// Branches gives the number of branches of the widest choice: with Options.Branch running up to it, each branch is taken once.
func Branches(fsys fs.FS, file, root string) (int, error) {
	s, err := loadSchema(fsys, file)
	if err != nil {
		return 0, err
	}
	return s.branchesOf(root)
}

func (s *schema) branchesOf(root string) (int, error) {
	most := 1
	for branch := 0; branch < most; branch++ {
		_, n, err := s.build(root, Options{Optional: true, Branch: branch}, true)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

type attribute struct {
	name     name
	value    string
	required bool
}

type element struct {
	name     name
	attrs    []attribute
	text     string
	children []*element

	decl      *node   // where the schema declares it
	typ       *node   // its complex type, if any
	simple    *simple // the type of its text, if any
	fixed     bool
	optional  bool // what it is declared in fits without it
	mandatory bool // the document does not fit without it
	full      bool // the document does not fit with one more of it
	ordered   bool // the document does not fit when it changes places with a neighbour that is ordered too
}

type builder struct {
	schema   *schema
	options  Options
	counter  int
	branches int
	stack    []*node
	// once, if not nil, holds the types already written in full; their later uses are written without optional content.
	once map[*node]bool
}

func (s *schema) build(root string, o Options, once bool) (*element, int, error) {
	decl := s.globals[globalKey{"element", name{s.target, root}}]
	if decl == nil {
		return nil, 0, fmt.Errorf("%s: no element %s", s.file, root)
	}
	b := &builder{schema: s, options: o, branches: 1}
	if once {
		b.once = map[*node]bool{}
	}
	e, err := b.element(decl, decl, name{s.target, root})
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", s.file, err)
	}
	return e, b.branches, nil
}

// element writes one occurrence of the particle; decl is what it declares or refers to.
func (b *builder) element(particle, decl *node, n name) (*element, error) {
	e := &element{name: n, decl: particle}
	if decl.attrs["abstract"] == "true" {
		return nil, fmt.Errorf("element %s is abstract", n.local)
	}
	typ := decl.child("complexType", "simpleType")
	if decl.attrs["type"] != "" {
		g, q, err := b.schema.global(decl, "type", "type")
		if err != nil {
			return nil, fmt.Errorf("element %s: %w", n.local, err)
		}
		typ = g
		if g == nil && q.local != "anyType" {
			e.simple = &simple{builtin: q.local, numbers: map[string]string{}}
		}
	}
	var err error
	switch {
	case typ == nil:
	case typ.kind == "simpleType":
		e.simple, err = b.schema.simpleType(typ)
	default:
		e.typ = typ
		err = b.complex(e, typ)
	}
	if err == nil && e.simple != nil {
		e.text, e.fixed = decl.attrs["fixed"], decl.attrs["fixed"] != ""
		if !e.fixed {
			e.text, err = b.value(e.simple)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("element %s: %w", n.local, err)
	}
	return e, nil
}

func (b *builder) value(t *simple) (string, error) {
	b.counter++
	return t.value(b.counter, b.options.Longest)
}

func (b *builder) complex(e *element, t *node) error {
	if t.attrs["abstract"] == "true" {
		return fmt.Errorf("type %s is abstract", t.attrs["name"])
	}
	saved := b.options.Optional
	if slices.Contains(b.stack, t) || b.once[t] {
		b.options.Optional = false
	}
	if b.once != nil && b.options.Optional {
		b.once[t] = true
	}
	b.stack = append(b.stack, t)
	defer func() {
		b.stack = b.stack[:len(b.stack)-1]
		b.options.Optional = saved
	}()
	if len(b.stack) > 64 {
		return fmt.Errorf("type %s contains itself without end", t.attrs["name"])
	}
	return b.content(e, t)
}

// content writes the children and attributes that the parts of a complex type, or of a derivation in it, ask for.
func (b *builder) content(e *element, t *node) error {
	for _, c := range t.children {
		var err error
		switch c.kind {
		case "sequence", "choice", "all", "group":
			err = b.particle(e, c, place{mandatory: true, single: true, ordered: true})
		case "complexContent":
			err = b.derived(e, c)
		case "simpleContent":
			d := c.child("extension", "restriction")
			if d.kind == "extension" {
				e.simple, err = b.schema.simpleNamed(d, "base")
			} else {
				e.simple, err = b.schema.restrict(d)
			}
			if err == nil {
				err = b.attributes(e, c)
			}
		case "attribute":
			err = b.attribute(e, c)
		case "attributeGroup":
			var g *node
			if g, _, err = b.schema.global(c, "attributeGroup", "ref"); err == nil {
				err = b.content(e, g)
			}
		case "anyAttribute", "assert":
		default:
			err = fmt.Errorf("%s is not supported here", c.kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// derived writes complex content: an extension after its base, a restriction alone.
func (b *builder) derived(e *element, c *node) error {
	d := c.child("extension", "restriction")
	if d.kind == "extension" {
		base, _, err := b.schema.global(d, "type", "base")
		if err != nil {
			return err
		}
		if base != nil {
			if err := b.content(e, base); err != nil {
				return err
			}
		}
	}
	return b.content(e, d)
}

// attributes writes the attributes of a simple content and of the complex type it extends.
func (b *builder) attributes(e *element, content *node) error {
	d := content.child("extension", "restriction")
	base, _, err := b.schema.global(d, "type", "base")
	if err != nil {
		return err
	}
	if base != nil && base.kind == "complexType" {
		if inner := base.child("simpleContent"); inner != nil {
			if err := b.attributes(e, inner); err != nil {
				return err
			}
		}
	}
	for _, a := range d.children {
		if a.kind != "attribute" {
			continue
		}
		if err := b.attribute(e, a); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) attribute(e *element, a *node) error {
	decl, n := a, name{"", a.attrs["name"]}
	if a.file.qualifiedAttributes {
		n.space = a.file.target
	}
	if a.attrs["ref"] != "" {
		var err error
		if decl, n, err = b.schema.global(a, "attribute", "ref"); err != nil || decl == nil {
			return err
		}
	}
	required := a.attrs["use"] == "required"
	if a.attrs["use"] == "prohibited" || !required && !b.options.Optional {
		return nil
	}
	value := a.attrs["fixed"]
	if value == "" {
		t, err := b.attributeType(decl)
		if err == nil {
			value, err = b.value(t)
		}
		if err != nil {
			return fmt.Errorf("attribute %s: %w", n.local, err)
		}
	}
	e.attrs = append(e.attrs, attribute{n, value, required})
	return nil
}

func (b *builder) attributeType(decl *node) (*simple, error) {
	if t := decl.child("simpleType"); t != nil {
		return b.schema.simpleType(t)
	}
	if decl.attrs["type"] == "" {
		return &simple{builtin: "string", numbers: map[string]string{}}, nil
	}
	return b.schema.simpleNamed(decl, "type")
}

// place says what is known about every occurrence of a particle and its surroundings.
type place struct{ optional, mandatory, single, ordered bool }

func (b *builder) particle(e *element, p *node, at place) error {
	lo, hi, err := p.occurs()
	if err != nil {
		return err
	}
	times := lo
	if times == 0 && b.options.Optional && hi > 0 {
		times = 1
	}
	if times > 0 {
		times = max(times, min(b.options.Repeat, hi))
	}
	at.optional = lo == 0
	at.mandatory = at.mandatory && lo == times && lo > 0
	at.ordered = at.ordered && hi == 1
	for range times {
		switch p.kind {
		case "element":
			err = b.occurrence(e, p, at, times == hi)
		case "group":
			g, _, gerr := b.schema.global(p, "group", "ref")
			if gerr != nil {
				return gerr
			}
			err = b.members(e, g.children[0], at, hi)
		case "any":
			err = fmt.Errorf("a wildcard must be filled")
			if lo == 0 {
				err = nil
			}
		default:
			err = b.members(e, p, at, hi)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// members writes one round of a sequence, a choice or an all.
func (b *builder) members(e *element, group *node, at place, hi int) error {
	at.single = at.single && hi == 1
	members := group.children
	switch group.kind {
	case "all":
		at.ordered = false
	case "choice":
		b.branches = max(b.branches, len(members))
		if len(members) == 0 {
			return nil
		}
		i := b.options.Branch % len(members)
		for _, m := range members {
			at.mandatory = at.mandatory && m.kind == "element"
		}
		members = members[i : i+1]
	}
	for _, m := range members {
		if err := b.particle(e, m, at); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) occurrence(parent *element, p *node, at place, full bool) error {
	decl, n := p, name{"", p.attrs["name"]}
	if form := p.attrs["form"]; form == "qualified" || form == "" && p.file.qualifiedElements {
		n.space = p.file.target
	}
	if p.attrs["ref"] != "" {
		var err error
		if decl, n, err = b.schema.global(p, "element", "ref"); err != nil {
			return err
		}
	}
	e, err := b.element(p, decl, n)
	if err != nil {
		return err
	}
	e.optional, e.mandatory, e.full, e.ordered = at.optional, at.mandatory, full && at.single, at.ordered && at.single
	parent.children = append(parent.children, e)
	return nil
}

// bytes writes the document: the root's namespace is the default one if every element has a namespace.
func (e *element) bytes() []byte {
	prefixes := map[string]string{e.name.space: ""}
	order := []string{e.name.space}
	bare := false
	var collect func(*element)
	add := func(space string) {
		if _, known := prefixes[space]; !known {
			prefixes[space] = fmt.Sprintf("n%d:", len(order))
			order = append(order, space)
		}
	}
	collect = func(x *element) {
		if x.name.space == "" {
			bare = true
		} else {
			add(x.name.space)
		}
		for _, a := range x.attrs {
			if a.name.space != "" {
				add(a.name.space)
			}
		}
		for _, c := range x.children {
			collect(c)
		}
	}
	collect(e)
	if bare && e.name.space != "" {
		prefixes[e.name.space] = "n0:"
	}
	prefixes[""] = ""
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	var write func(*element, bool)
	write = func(x *element, root bool) {
		tag := prefixes[x.name.space] + x.name.local
		out.WriteString("<" + tag)
		if root {
			for _, space := range order {
				if space == "" {
					continue
				}
				if p := prefixes[space]; p == "" {
					fmt.Fprintf(&out, ` xmlns="%s"`, space)
				} else {
					fmt.Fprintf(&out, ` xmlns:%s="%s"`, p[:len(p)-1], space)
				}
			}
		}
		for _, a := range x.attrs {
			out.WriteString(" " + prefixes[a.name.space] + a.name.local + `="`)
			xml.EscapeText(&out, []byte(a.value))
			out.WriteString(`"`)
		}
		out.WriteString(">")
		xml.EscapeText(&out, []byte(x.text))
		for _, c := range x.children {
			out.WriteString("\n")
			write(c, false)
		}
		if len(x.children) > 0 {
			out.WriteString("\n")
		}
		out.WriteString("</" + tag + ">")
	}
	write(e, true)
	out.WriteString("\n")
	return out.Bytes()
}
