package encode

import (
	"strconv"
	"sync"

	"github.com/beevik/etree"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/mapping/trace"
)

// places returns the places of what was written, in the form in which a reader of the written
// document would name them.
func places(h *table.Head, root *etree.Element) func(*trace.Record) gateway.Location {
	names := map[string]string{}
	fallback := "d"
	for n := 1; h.Default() != "" && h.Declares(fallback); n++ {
		fallback = "d" + strconv.Itoa(n)
	}
	for _, n := range h.Namespaces() {
		if n.Prefix == h.Default() {
			names[fallback] = n.URI
		} else {
			names[n.Prefix] = n.URI
		}
	}
	name := func(space, tag string) string {
		switch {
		case space != "":
			return space + ":" + tag
		case h.Default() != "":
			return fallback + ":" + tag
		}
		return tag
	}
	paths := sync.OnceValue(func() map[*etree.Element]string {
		all := map[*etree.Element]string{}
		var walk func(e *etree.Element, at string)
		walk = func(e *etree.Element, at string) {
			all[e] = at
			seen := map[string]int{}
			for _, c := range e.Child {
				if c, ok := c.(*etree.Element); ok {
					full := name(c.Space, c.Tag)
					seen[full]++
					walk(c, at+"/"+document.Element(full, seen[full]))
				}
			}
		}
		walk(root, "/"+document.Element(name(root.Space, root.Tag), 1))
		return all
	})
	return func(r *trace.Record) gateway.Location {
		at := paths()[r.Element.(*etree.Element)]
		if r.Row.Attr != nil && !r.Group {
			at += "/@" + r.Row.Attr.QName()
		}
		return gateway.Location{Expr: at, Namespaces: names}
	}
}
