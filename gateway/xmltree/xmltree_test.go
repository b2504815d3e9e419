package xmltree

import (
	"fmt"
	"testing"

	"customs.example/gateway"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// el is an element to be built.
type el struct {
	prefix, space, local string
	ns                   map[string]string
	attrs                []Attr
	text                 string
	children             []el
}

func build(root el) *Document {
	b := NewBuilder(0, 0)
	line := 0
	var add func(el)
	add = func(s el) {
		line++
		e := b.Open(Name{s.space, s.local}, s.prefix, len(s.attrs), len(s.children))
		e.Text, e.Line = s.text, line
		for p, u := range s.ns {
			b.Namespace(p, u)
		}
		for _, a := range s.attrs {
			b.Attr(a)
		}
		for _, c := range s.children {
			add(c)
		}
		b.Close()
	}
	add(root)
	return b.Document()
}

func TestLocation(t *testing.T) {
	tests := []struct {
		name string
		root el
		want gateway.Location // of the last element in document order
	}{
		{"no namespace", el{local: "a", children: []el{{local: "b"}, {local: "c"}, {local: "b"}}},
			gateway.Location{Expr: "/a[1]/b[2]", Line: 4}},
		{"own prefix", el{prefix: "p", space: "urn:p", local: "a", children: []el{{local: "b"}}},
			gateway.Location{Expr: "/p:a[1]/b[1]", Namespaces: map[string]string{"p": "urn:p"}, Line: 2}},
		{"default namespace", el{space: "urn:p", local: "a", children: []el{{space: "urn:p", local: "b"}}},
			gateway.Location{Expr: "/d:a[1]/d:b[1]", Namespaces: map[string]string{"d": "urn:p"}, Line: 2}},
		{"two default namespaces", el{space: "urn:p", local: "a", children: []el{{space: "urn:q", local: "b"}}},
			gateway.Location{Expr: "/d:a[1]/d1:b[1]", Namespaces: map[string]string{"d": "urn:p", "d1": "urn:q"}, Line: 2}},
		{"d is the document's own", el{space: "urn:p", local: "a", children: []el{{prefix: "d", space: "urn:q", local: "b"}}},
			gateway.Location{Expr: "/d1:a[1]/d:b[1]", Namespaces: map[string]string{"d1": "urn:p", "d": "urn:q"}, Line: 2}},
		{"a prefix bound anew", el{prefix: "p", space: "urn:p", local: "a", children: []el{{prefix: "p", space: "urn:q", local: "b"}}},
			gateway.Location{Expr: "/p:a[1]/p1:b[1]", Namespaces: map[string]string{"p": "urn:p", "p1": "urn:q"}, Line: 2}},
		{"same local name, other namespace", el{local: "a", children: []el{{local: "b"}, {prefix: "p", space: "urn:p", local: "b"}}},
			gateway.Location{Expr: "/a[1]/p:b[1]", Namespaces: map[string]string{"p": "urn:p"}, Line: 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var last *Element
			for e := range build(tt.root).Root.Walk() {
				last = e
			}
			got := last.Location()
			if len(got.Namespaces) == 0 {
				got.Namespaces = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAttrLocation(t *testing.T) {
	root := build(el{
		space: "urn:p", local: "a", ns: map[string]string{"": "urn:p", "x": "urn:x"},
		attrs: []Attr{{Name: Name{"urn:x", "here"}, Prefix: "x", Value: "1"}, {Name: Name{XMLSpace, "lang"}, Prefix: "xml"}},
	}).Root
	for _, tt := range []struct {
		name Name
		want string
	}{
		{Name{"", "plain"}, "/d:a[1]/@plain"},
		{Name{"urn:x", "here"}, "/d:a[1]/@x:here"},
		{Name{"urn:x", "missing"}, "/d:a[1]/@x:missing"},
		{Name{XMLSpace, "lang"}, "/d:a[1]/@xml:lang"},
	} {
		if got := root.AttrLocation(tt.name).Expr; got != tt.want {
			t.Errorf("AttrLocation(%v) = %s, want %s", tt.name, got, tt.want)
		}
	}
	if v, ok := root.Attr(Name{"urn:x", "here"}); v != "1" || !ok {
		t.Errorf("Attr = %q, %v", v, ok)
	}
	if _, ok := root.Attr(Name{"", "here"}); ok {
		t.Error("an attribute was found in the wrong namespace")
	}
}

func TestBindings(t *testing.T) {
	root := build(el{local: "a", ns: map[string]string{"": "urn:1", "p": "urn:p"}, children: []el{
		{local: "b", ns: map[string]string{"": "", "p": "urn:q"}},
	}}).Root
	if diff := cmp.Diff(map[string]string{"p": "urn:q"}, root.Children[0].Bindings()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"": "urn:1", "p": "urn:p"}, root.Bindings()); diff != "" {
		t.Error(diff)
	}
}

func TestBlanksAreDroppedBetweenChildrenOnly(t *testing.T) {
	root := build(el{local: "a", text: "\n  \n", children: []el{{local: "b", text: "  "}, {local: "c", text: " x ", children: []el{{local: "d"}}}}}).Root
	got := []string{root.Text, root.Children[0].Text, root.Children[1].Text}
	if diff := cmp.Diff([]string{"", "  ", " x "}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPositionsCountSiblingsOfTheSameName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3*few).Draw(t, "names")
		root := el{local: "r"}
		for _, n := range names {
			root.children = append(root.children, el{local: n})
		}
		count := map[string]int{}
		for i, e := range build(root).Root.Children {
			count[names[i]]++
			if want := fmt.Sprintf("/r[1]/%s[%d]", names[i], count[names[i]]); e.Location().Expr != want {
				t.Fatalf("child %d of %v is at %s, want %s", i, names, e.Location().Expr, want)
			}
		}
	})
}
