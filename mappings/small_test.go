package mappings_test

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/xmltree"
)

// small are the links of a row in a scene that was cut down to what stands around the
// first of them: what a disturbed row does otherwise mostly shows there, and such a scene
// is written and read in a fraction of the time.
func small(all []link) []link {
	if len(all) == 0 {
		return nil
	}
	l := all[0]
	out := &scene{name: l.scene.name}
	if l.scene.doc != nil {
		out.doc = document.Clone(l.scene.doc)
		cutMessage(document.Body(out.doc).Interface().ProtoReflect(), strings.Split(l.Path, "."))
	}
	at, _ := l.scene.find(l.Place.Expr)
	if at == nil {
		return nil
	}
	way := route(at)
	out.tree = edited(l.scene.tree, func(e *xmltree.Element) (string, []xmltree.Attr, bool) {
		on := e.Parent == nil || slices.Contains(way, e)
		beneath := slices.Contains(route(e), at)
		beside := e.Parent != nil && (e.Parent.Parent == nil || slices.Contains(way, e.Parent)) && (len(e.Children) == 0 || e.Name == following(way, e.Parent))
		return e.Text, e.Attrs, on || beneath || beside
	})
	out.places = places(out.tree)
	there := func(place string) bool { return out.places[place] != nil || out.places[parent(place)] != nil }
	keep := func(links []trace.Link) (kept []trace.Link) {
		for _, o := range links {
			if there(o.Place.Expr) {
				kept = append(kept, o)
			}
		}
		return kept
	}
	out.written, out.read = keep(l.scene.written), keep(l.scene.read)
	return []link{{l.Link, out}}
}

// following is the name of the element of a way below another.
func following(way []*xmltree.Element, e *xmltree.Element) xmltree.Name {
	for _, step := range way {
		if step.Parent == e {
			return step.Name
		}
	}
	return xmltree.Name{}
}

// cutMessage leaves out of a message what holds more than a value and is not on the way.
func cutMessage(m protoreflect.Message, way []string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		path, err := document.Compile(m.Descriptor(), f.JSONName())
		if err != nil || path.Leaf() {
			return true
		}
		name, at, _ := strings.Cut(strings.TrimSuffix(way[0], "]"), "[")
		switch {
		case name != f.JSONName():
			m.Clear(f)
		case f.IsList():
			list := v.List()
			i, err := strconv.Atoi(at)
			if err != nil || i >= list.Len() {
				return true
			}
			for n := range i {
				list.Set(n, list.NewElement())
			}
			list.Truncate(i + 1)
			if len(way) > 1 {
				cutMessage(list.Get(i).Message(), way[1:])
			}
		case len(way) > 1:
			cutMessage(v.Message(), way[1:])
		}
		return true
	})
}
