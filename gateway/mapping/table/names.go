package table

import (
	"strings"

	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/xmltree"
)

// Step is one name of a target.
type Step struct {
	Name   xmltree.Name
	Prefix string // as written: "" for the default namespace and for none
}

// QName writes the step's name as a document of the table does.
func (s *Step) QName() string {
	if s.Prefix == "" {
		return s.Name.Local
	}
	return s.Prefix + ":" + s.Name.Local
}

// Target reads a target, "p:Name/p:Name/@attr"; "." is the enclosing element's text.
func (h *Head) Target(f *datafile.File, node, id, target string) (steps []Step, attr *Step) {
	if target == "" || target == "." {
		return nil, nil
	}
	parts := strings.Split(target, "/")
	for i, part := range parts {
		local, isAttr := strings.CutPrefix(part, "@")
		if isAttr && i < len(parts)-1 {
			f.Row(node, id, "target %q goes on behind an attribute, expected @%s last", target, local)
		}
		s := h.qname(f, node, id, local, isAttr)
		if isAttr {
			attr = &s
		} else {
			steps = append(steps, s)
		}
	}
	return steps, attr
}

func (h *Head) qname(f *datafile.File, node, id, name string, attr bool) Step {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		prefix, local = "", name
	}
	if local == "" || strings.ContainsAny(local, " \t[]:{}@.'\"<>") {
		f.Row(node, id, "%q is no name, expected prefix:Name or Name", name)
	}
	if prefix == "" {
		if h.fallback != "" && !attr {
			f.Row(node, id, "%q has no prefix while %s is the default namespace, expected %s:%s", name, h.fallback, h.fallback, local)
		}
		return Step{Name: xmltree.Name{Local: local}}
	}
	if prefix == "xml" && attr {
		return Step{xmltree.Name{Space: xmltree.XMLSpace, Local: local}, prefix}
	}
	for _, n := range h.namespaces {
		if n.Prefix == prefix {
			if prefix == h.fallback && !attr {
				prefix = ""
			}
			return Step{xmltree.Name{Space: n.URI, Local: local}, prefix}
		}
	}
	var declared []string
	for _, n := range h.namespaces {
		declared = append(declared, n.Prefix)
	}
	f.Row(node, id, "prefix %q is not declared, expected one of %v", prefix, declared)
	return Step{xmltree.Name{Local: local}, prefix}
}
