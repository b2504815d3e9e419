package program

import (
	"cmp"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway/document"
)

// place is where rows stand: the context of their canonical paths and their element.
type place struct {
	root   bool // paths start from the document
	md     protoreflect.MessageDescriptor
	prefix string // schema path of the context
	target string // of the enclosing element
	scalar *document.Path
	list   *Row // the each whose elements the rows are in
	parent *Row
	outer  *place // the context around
}

// reach follows ^ and $ outwards. It returns where the rest of the path starts and how
// many contexts away that is.
func (p *place) reach(path string) (from *place, away int, rest string, err error) {
	written := path
	next := func(sign string) bool {
		after, ok := strings.CutPrefix(path, sign)
		if !ok || after != "" && after[0] != '.' {
			return false
		}
		path = cmp.Or(strings.TrimPrefix(after, "."), ".")
		return true
	}
	if next("$") {
		for ; p.outer != nil; p = p.outer {
			away++
		}
		if !p.root {
			err = fmt.Errorf("%s reaches out of collect, expected a path of what is collected", written)
		}
		return p, away, path, err
	}
	for next("^") {
		if p.outer == nil {
			return p, away, path, fmt.Errorf("%s reaches out of the outermost context, expected at most %d times ^", written, away)
		}
		p, away = p.outer, away+1
	}
	return p, away, path, nil
}

func (p place) compile(kind, path string) (*document.Path, error) {
	if p.root {
		return document.CompileFor(kind, path)
	}
	return document.Compile(p.md, path)
}

func (p place) full(path string) string {
	if p.prefix == "" || path == "" {
		return path
	}
	return strings.TrimSuffix(p.prefix+"."+path, "..")
}

// inside returns where the rows of an each or with stand.
func (p place) inside(r *Row, source string) place {
	around := p
	p.prefix, p.outer = p.full(source), &around
	if r.Scalar {
		p.scalar = r.Path
	} else if md := r.Path.Descriptor(); md != nil {
		p.root, p.md = false, md
	}
	if r.Each {
		p.list = r
	}
	return p
}
