package analysis

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway/xmltree"
)

// unbounded stands for maxOccurs="unbounded".
const unbounded = -1

// Node is an element or attribute that a schema allows at one place.
type Node struct {
	Name      xmltree.Name
	Attr      bool
	Min, Max  int      // how often; Max is negative without bound. In a choice Min is 0
	MaxLength int      // of its text in characters, 0 without limit
	Fixed     string   // the only text it may have
	Enum      []string // the texts it may have, nil for any
	Text      bool     // holds text of its own
	Recursive bool     // is of a type that it lies in: what it holds stands there
	Children  []*Node

	prefix string // that the schema knows its namespace by
}

// Cardinality writes how often the node stands in its parent: 1, 0..1, 1..*.
func (n *Node) Cardinality() string {
	hi := strconv.Itoa(n.Max)
	if n.Max < 0 {
		hi = "*"
	}
	if lo := strconv.Itoa(n.Min); lo != hi {
		return lo + ".." + hi
	}
	return hi
}

// below returns the number of nodes below n.
func (n *Node) below() int {
	count := 0
	for _, c := range n.Children {
		count += 1 + c.below()
	}
	return count
}

const xsdSpace = "http://www.w3.org/2001/XMLSchema"

// ReadSchema returns the tree of what a schema file allows below a global element. It
// reads sequences, choices, groups and derivations; a wildcard is a node named *.
// Redefinitions and substitution groups are refused or unseen: no format here has any.
func ReadSchema(fsys fs.FS, file string, root xmltree.Name) (*Node, error) {
	r := &reader{fsys: fsys, globals: map[global]*decl{}, loaded: map[string]bool{}}
	if err := r.load(file, ""); err != nil {
		return nil, err
	}
	d := r.globals[global{"element", root}]
	if d == nil {
		return nil, fmt.Errorf("%s: no element %s", file, root)
	}
	n := r.element(d, d, once, nil)
	return n, errors.Join(r.errs...)
}

type global struct {
	kind string
	name xmltree.Name
}

// decl is one element of a schema file.
type decl struct {
	kind     string
	attrs    map[string]string
	children []*decl
	prefixes map[string]string
	file     *schemaFile
}

type schemaFile struct {
	name, target        string
	elements, attribute bool // qualified
}

type reader struct {
	fsys    fs.FS
	globals map[global]*decl
	loaded  map[string]bool
	errs    []error
}

// load reads a file and all that it imports and includes. An included file without
// target namespace takes its includer's.
func (r *reader) load(name, includer string) error {
	if r.loaded[name+" "+includer] {
		return nil
	}
	r.loaded[name+" "+includer] = true
	f, err := r.fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := parse(f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	file := root.file
	file.name, file.target = name, root.attrs["targetNamespace"]
	if file.target == "" {
		file.target = includer
	}
	file.elements = root.attrs["elementFormDefault"] == "qualified"
	file.attribute = root.attrs["attributeFormDefault"] == "qualified"
	for _, c := range root.children {
		location := c.attrs["schemaLocation"]
		switch {
		case c.kind == "redefine" || c.kind == "override":
			return fmt.Errorf("%s: %s is not supported", name, c.kind)
		case c.kind == "include":
			err = r.load(path.Join(path.Dir(name), location), file.target)
		case c.kind == "import" && location != "":
			err = r.load(path.Join(path.Dir(name), location), "")
		case c.attrs["name"] != "":
			kind := c.kind
			if kind == "complexType" || kind == "simpleType" {
				kind = "type"
			}
			r.globals[global{kind, xmltree.Name{Space: file.target, Local: c.attrs["name"]}}] = c
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parse reads the elements of a schema file.
func parse(in io.Reader) (*decl, error) {
	dec := xml.NewDecoder(in)
	file := &schemaFile{}
	var stack []*decl
	for {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			d := &decl{kind: token.Name.Local, attrs: map[string]string{}, prefixes: map[string]string{}, file: file}
			if len(stack) > 0 {
				up := stack[len(stack)-1]
				maps.Copy(d.prefixes, up.prefixes)
				if token.Name.Space == xsdSpace && d.kind != "annotation" {
					up.children = append(up.children, d)
				}
			}
			for _, a := range token.Attr {
				switch {
				case a.Name.Space == "xmlns":
					d.prefixes[a.Name.Local] = a.Value
				case a.Name.Space == "" && a.Name.Local == "xmlns":
					d.prefixes[""] = a.Value
				case a.Name.Space == "":
					d.attrs[a.Name.Local] = a.Value
				}
			}
			stack = append(stack, d)
		case xml.EndElement:
			if len(stack) == 1 {
				return stack[0], nil
			}
			stack = stack[:len(stack)-1]
		}
	}
}

// resolve finds the global that an attribute of d names; nil for a built-in type.
func (r *reader) resolve(d *decl, kind, attr string) *decl {
	prefix, local, ok := strings.Cut(d.attrs[attr], ":")
	if !ok {
		prefix, local = "", prefix
	}
	name := xmltree.Name{Space: d.prefixes[prefix], Local: local}
	if name.Space == "" {
		name.Space = d.file.target
	}
	found := r.globals[global{kind, name}]
	if found == nil && name.Space != xsdSpace {
		r.errs = append(r.errs, fmt.Errorf("%s: no %s %s", d.file.name, kind, name))
	}
	return found
}

func (d *decl) child(kinds ...string) *decl {
	for _, c := range d.children {
		if slices.Contains(kinds, c.kind) {
			return c
		}
	}
	return nil
}

// occurs is how often a particle may stand.
type occurs struct{ min, max int }

var once = occurs{1, 1}

func (d *decl) occurs() occurs {
	o := once
	if v, err := strconv.Atoi(d.attrs["minOccurs"]); err == nil {
		o.min = v
	}
	if v, err := strconv.Atoi(d.attrs["maxOccurs"]); err == nil {
		o.max = v
	} else if d.attrs["maxOccurs"] == "unbounded" {
		o.max = unbounded
	}
	return o
}

// within is how often something stands that occurs inside something that occurs.
func (o occurs) within(outer occurs) occurs {
	o.min *= outer.min
	if o.max == unbounded || outer.max == unbounded {
		o.max = unbounded
	} else {
		o.max *= outer.max
	}
	return o
}

// element returns the node of a particle; d is what the particle declares or refers to.
// Types are those that the node lies in.
func (r *reader) element(particle, d *decl, o occurs, types []*decl) *Node {
	n := &Node{Name: xmltree.Name{Local: d.attrs["name"]}, Min: o.min, Max: o.max, Fixed: d.attrs["fixed"]}
	if form := particle.attrs["form"]; particle != d || d == r.globals[global{"element", xmltree.Name{Space: d.file.target, Local: n.Name.Local}}] ||
		form == "qualified" || form == "" && d.file.elements {
		n.Name.Space = d.file.target
	}
	n.prefix = prefixOf(d.prefixes, n.Name.Space)
	t := d.child("complexType", "simpleType")
	if d.attrs["type"] != "" {
		t = r.resolve(d, "type", "type")
	}
	switch {
	case t == nil:
		n.Text = true
	case slices.Contains(types, t):
		n.Recursive = true
	case t.kind == "simpleType":
		n.Text = true
		r.limit(n, t)
	default:
		r.content(n, t, append(slices.Clip(types), t))
	}
	slices.SortStableFunc(n.Children, func(a, b *Node) int { return side(a) - side(b) })
	return n
}

// side puts attributes before elements.
func side(n *Node) int {
	if n.Attr {
		return 0
	}
	return 1
}

func prefixOf(prefixes map[string]string, space string) string {
	for _, prefix := range slices.Sorted(maps.Keys(prefixes)) {
		if prefixes[prefix] == space {
			return prefix
		}
	}
	return ""
}

// content adds what a complex type, or a derivation in it, allows.
func (r *reader) content(n *Node, t *decl, types []*decl) {
	n.Text = n.Text || t.attrs["mixed"] == "true"
	for _, c := range t.children {
		switch c.kind {
		case "sequence", "choice", "all", "group", "element", "any":
			r.particle(n, c, once, types)
		case "complexContent", "simpleContent":
			d := c.child("extension", "restriction")
			if d == nil {
				continue
			}
			base := r.resolve(d, "type", "base")
			n.Text = n.Text || c.attrs["mixed"] == "true"
			switch {
			case c.kind == "simpleContent" && (base == nil || base.kind == "simpleType"):
				n.Text = true
				r.limit(n, base)
			case base != nil && (d.kind == "extension" || c.kind == "simpleContent"):
				r.content(n, base, types)
			}
			r.facets(n, d)
			r.content(n, d, types)
		case "attribute":
			r.attribute(n, c)
		case "attributeGroup":
			if g := r.resolve(c, "attributeGroup", "ref"); g != nil {
				r.content(n, g, types)
			}
		}
	}
}

func (r *reader) particle(n *Node, p *decl, outer occurs, types []*decl) {
	o := p.occurs().within(outer)
	switch p.kind {
	case "element":
		d := p
		if p.attrs["ref"] != "" {
			if d = r.resolve(p, "element", "ref"); d == nil {
				return
			}
		}
		n.Children = append(n.Children, r.element(p, d, o, types))
	case "any":
		n.Children = append(n.Children, &Node{Name: xmltree.Name{Local: "*"}, Min: o.min, Max: o.max})
	case "group":
		if g := r.resolve(p, "group", "ref"); g != nil {
			for _, c := range g.children {
				r.particle(n, c, o, types)
			}
		}
	case "sequence", "choice", "all":
		if p.kind == "choice" && len(p.children) > 1 {
			o.min = 0
		}
		for _, c := range p.children {
			r.particle(n, c, o, types)
		}
	}
}

func (r *reader) attribute(n *Node, d *decl) {
	if d.attrs["use"] == "prohibited" {
		return
	}
	a := &Node{Attr: true, Max: 1, Text: true, Fixed: d.attrs["fixed"]}
	if d.attrs["use"] == "required" {
		a.Min = 1
	}
	qualified := d.attrs["form"] == "qualified" || d.attrs["form"] == "" && d.file.attribute
	if d.attrs["ref"] != "" {
		if d = r.resolve(d, "attribute", "ref"); d == nil {
			return
		}
		qualified = true
	}
	a.Name.Local = d.attrs["name"]
	if qualified {
		a.Name.Space = d.file.target
		a.prefix = prefixOf(d.prefixes, a.Name.Space)
	}
	if t := d.child("simpleType"); t != nil {
		r.limit(a, t)
	} else if d.attrs["type"] != "" {
		r.limit(a, r.resolve(d, "type", "type"))
	}
	// A restriction may say an attribute of its base again.
	n.Children = slices.DeleteFunc(n.Children, func(c *Node) bool { return c.Attr && c.Name == a.Name })
	n.Children = append(n.Children, a)
}

// limit finds the greatest length that a simple type allows.
func (r *reader) limit(n *Node, t *decl) {
	if t == nil {
		return
	}
	d := t.child("restriction")
	if d == nil {
		return
	}
	if d.attrs["base"] != "" {
		r.limit(n, r.resolve(d, "type", "base"))
	} else if inner := d.child("simpleType"); inner != nil {
		r.limit(n, inner)
	}
	r.facets(n, d)
}

func (r *reader) facets(n *Node, d *decl) {
	var enum []string
	for _, f := range d.children {
		if f.kind == "enumeration" {
			enum = append(enum, f.attrs["value"])
		}
		if f.kind == "maxLength" || f.kind == "length" {
			if v, err := strconv.Atoi(f.attrs["value"]); err == nil {
				n.MaxLength = v
			}
		}
	}
	if enum != nil {
		n.Enum = enum
	}
}
