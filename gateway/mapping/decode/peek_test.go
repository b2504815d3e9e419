package decode

import (
	"testing"

	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// tree is <Top a="1"><Kind>B 7</Kind><Kind>C 8</Kind></Top>.
func tree() *xmltree.Element {
	b := xmltree.NewBuilder(0, 0)
	top := b.Open(xmltree.Name{Local: "Top"}, "", 0, 0)
	b.Attr(xmltree.Attr{Name: xmltree.Name{Local: "a"}, Value: "1"})
	for _, text := range []string{" B 7 ", "C 8"} {
		b.Open(xmltree.Name{Local: "Kind"}, "", 0, 0).Text = text
		b.Close()
	}
	b.Close()
	return top
}

func steps(locals ...string) (out []table.Step) {
	for _, local := range locals {
		out = append(out, table.Step{Name: xmltree.Name{Local: local}})
	}
	return out
}

func TestElementsFitGroupsByConstantsAndLikes(t *testing.T) {
	constant := func(text string, attr *table.Step, at ...string) *program.Row {
		return &program.Row{Job: program.Const, Info: table.RowInfo{Const: text}, Steps: steps(at...), Attr: attr}
	}
	like := func(expression string, at ...string) *program.Row {
		compiled, err := convert.Anchored(expression)
		if err != nil {
			t.Fatal(err)
		}
		return &program.Row{Value: convert.Value{Like: compiled}, Steps: steps(at...)}
	}
	a, b := &steps("a")[0], &steps("b")[0]
	for name, tt := range map[string]struct {
		rows []*program.Row
		want int
	}{
		"nothing tells it":               {nil, matching},
		"its constant":                   {[]*program.Row{constant("1", a)}, matching},
		"another constant":               {[]*program.Row{constant("2", a)}, contradicting},
		"no such attribute":              {[]*program.Row{constant("1", b)}, lacking},
		"no such element":                {[]*program.Row{constant("1", nil, "Kind", "Code")}, lacking},
		"the first element like it":      {[]*program.Row{like("B [0-9]", "Kind")}, matching},
		"only the second like it":        {[]*program.Row{like("C [0-9]", "Kind")}, contradicting},
		"one is silent, one contradicts": {[]*program.Row{constant("1", b), constant("2", a)}, contradicting},
		"one is silent, one fits":        {[]*program.Row{constant("1", b), constant("1", a)}, lacking},
	} {
		if got := fit(&program.Row{Discriminators: tt.rows}, tree()); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

func TestARowPeeksAtItsPlace(t *testing.T) {
	top := tree()
	if got := peek(&program.Row{Steps: steps("Kind")}, top); got != "B 7" {
		t.Errorf("the element: %q", got)
	}
	if got := peek(&program.Row{Attr: &steps("a")[0]}, top); got != "1" {
		t.Errorf("the attribute: %q", got)
	}
	if got := peek(&program.Row{Steps: steps("Kind", "Code")}, top); got != "" {
		t.Errorf("what is not there: %q", got)
	}
	for up, want := range map[int]bool{0: false, 1: true} {
		r := &program.Row{Neighbour: &program.Neighbour{Up: up, Steps: steps("Kind")}}
		if got := hasNeighbour(r, top.Children[1]); got != want {
			t.Errorf("a neighbour %d up: %t", up, got)
		}
	}
}
