package instance

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
)

const xsdNamespace = "http://www.w3.org/2001/XMLSchema"

// unbounded stands for maxOccurs="unbounded".
const unbounded = 1 << 30

type name struct{ space, local string }

// node is one element of a schema file, with the bindings needed to resolve the names in its attributes.
type node struct {
	kind     string
	attrs    map[string]string
	children []*node
	prefixes map[string]string
	file     *file
}

// file is one schema file as loaded for one target namespace.
type file struct {
	target              string
	qualifiedElements   bool
	qualifiedAttributes bool
}

type globalKey struct {
	kind string // element, attribute, type, group, attributeGroup
	name name
}

// schema holds every global declaration reachable from one file.
type schema struct {
	file    string
	target  string
	globals map[globalKey]*node
	loaded  map[string]bool
}

func loadSchema(fsys fs.FS, name string) (*schema, error) {
	s := &schema{file: name, globals: map[globalKey]*node{}, loaded: map[string]bool{}}
	var err error
	s.target, err = s.load(fsys, name, "")
	return s, err
}

// load reads one file and what it imports and includes. An included file without a target namespace takes the one of its includer.
func (s *schema) load(fsys fs.FS, filename, includer string) (target string, err error) {
	if key := filename + "\x00" + includer; s.loaded[key] {
		return includer, nil
	} else {
		s.loaded[key] = true
	}
	r, err := fsys.Open(filename)
	if err != nil {
		return "", err
	}
	defer r.Close()
	root, err := parse(r)
	if err != nil {
		return "", fmt.Errorf("%s: %w", filename, err)
	}
	if root.kind != "schema" {
		return "", fmt.Errorf("%s: not a schema", filename)
	}
	f := root.file
	f.target = root.attrs["targetNamespace"]
	if f.target == "" {
		f.target = includer
	}
	f.qualifiedElements = root.attrs["elementFormDefault"] == "qualified"
	f.qualifiedAttributes = root.attrs["attributeFormDefault"] == "qualified"
	for _, c := range root.children {
		switch c.kind {
		case "import", "include":
			location := c.attrs["schemaLocation"]
			if location == "" {
				continue
			}
			inherited := ""
			if c.kind == "include" {
				inherited = f.target
			}
			if _, err := s.load(fsys, path.Join(path.Dir(filename), location), inherited); err != nil {
				return "", err
			}
		case "redefine", "override":
			return "", fmt.Errorf("%s: %s is not supported", filename, c.kind)
		default:
			if n := c.attrs["name"]; n != "" {
				s.globals[globalKey{globalKind(c.kind), name{f.target, n}}] = c
			}
		}
	}
	return f.target, nil
}

func globalKind(kind string) string {
	if kind == "complexType" || kind == "simpleType" {
		return "type"
	}
	return kind
}

func parse(r io.Reader) (*node, error) {
	dec := xml.NewDecoder(r)
	f := &file{}
	var stack []*node
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &node{kind: tok.Name.Local, attrs: map[string]string{}, prefixes: map[string]string{}, file: f}
			if tok.Name.Space != xsdNamespace {
				n.kind = "foreign"
			}
			if len(stack) > 0 {
				parent := stack[len(stack)-1]
				for p, uri := range parent.prefixes {
					n.prefixes[p] = uri
				}
				if n.kind != "annotation" && n.kind != "foreign" {
					parent.children = append(parent.children, n)
				}
			}
			for _, a := range tok.Attr {
				switch {
				case a.Name.Space == "xmlns":
					n.prefixes[a.Name.Local] = a.Value
				case a.Name.Space == "" && a.Name.Local == "xmlns":
					n.prefixes[""] = a.Value
				case a.Name.Space == "":
					n.attrs[a.Name.Local] = a.Value
				}
			}
			stack = append(stack, n)
		case xml.EndElement:
			if len(stack) == 1 {
				return stack[0], nil
			}
			stack = stack[:len(stack)-1]
		}
	}
}

// resolve gives the expanded name of a QName written in an attribute of n.
func (n *node) resolve(qname string) (name, error) {
	prefix, local := "", qname
	for i := range qname {
		if qname[i] == ':' {
			prefix, local = qname[:i], qname[i+1:]
			break
		}
	}
	uri, bound := n.prefixes[prefix]
	if prefix != "" && !bound {
		return name{}, fmt.Errorf("prefix of %q is not bound", qname)
	}
	if uri == "" {
		uri = n.file.target
	}
	return name{uri, local}, nil
}

// global finds the declaration that an attribute of n refers to.
func (s *schema) global(n *node, kind, attr string) (*node, name, error) {
	q, err := n.resolve(n.attrs[attr])
	if err != nil {
		return nil, q, err
	}
	g := s.globals[globalKey{kind, q}]
	if g == nil && q.space != xsdNamespace {
		return nil, q, fmt.Errorf("no %s {%s}%s", kind, q.space, q.local)
	}
	return g, q, nil
}

// occurs gives minOccurs and maxOccurs of a particle.
func (n *node) occurs() (lo, hi int, err error) {
	lo, hi = 1, 1
	if v, ok := n.attrs["minOccurs"]; ok {
		if lo, err = strconv.Atoi(v); err != nil {
			return 0, 0, err
		}
	}
	switch v, ok := n.attrs["maxOccurs"]; {
	case v == "unbounded":
		hi = unbounded
	case ok:
		if hi, err = strconv.Atoi(v); err != nil {
			return 0, 0, err
		}
	}
	return lo, hi, nil
}

// child gives the first child of one of the kinds, or nil.
func (n *node) child(kinds ...string) *node {
	for _, c := range n.children {
		for _, k := range kinds {
			if c.kind == k {
				return c
			}
		}
	}
	return nil
}
