package program

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/table"
)

// examples checks the form of a row's examples; Try holds the row to them.
func (c *compiler) examples(r *Row, files table.Samples, node string) {
	for i, f := range files {
		at := fmt.Sprintf("%s.examples[%d]", node, i)
		errorf := func(format string, args ...any) { c.Row(at, r.Info.ID, "example: "+format, args...) }
		line := c.Lines.Line(at)
		text := f.Canonical.Text
		switch field := r.Field(); {
		case field == nil:
			errorf("this row writes no value of its own, expected it on a value row")
		case !f.Canonical.Given || f.Canonical.Bad || text == "":
			errorf("canonical is no text, expected one in quotes")
		case field.Check(text) != nil:
			errorf("canonical %v", field.Check(text))
		}
		if f.XML.Bad || f.XML.Texts == nil {
			errorf("xml is no text, expected one in quotes, or a list of them")
		}
		if len(f.XML.Texts) > 1 && !r.Value.Codec.Many {
			errorf("xml is %d texts, expected one: the row does not split its value", len(f.XML.Texts))
		}
		switch d := f.Direction; {
		case d != "" && d != "encode" && d != "decode":
			errorf("direction %q, expected encode or decode", d)
		case d != "" && r.Info.Direction != "" && d != r.Info.Direction:
			errorf("direction %s, expected %s as of the row", d, r.Info.Direction)
		case d == "decode" && r.Value.Half() > 0:
			errorf("the row reads half of a value, expected direction: encode")
		}
		r.Info.Examples = append(r.Info.Examples, table.RowExample{Line: line, Canonical: text, XML: f.XML.Texts, Direction: f.Direction})
	}
}

// documents checks the form of a table's examples.
func (c *compiler) documents(files []table.Example) (out []table.TableExample) {
	names := map[string]bool{}
	for i, f := range files {
		node := fmt.Sprintf("$.examples[%d]", i)
		errorf := func(part, format string, args ...any) {
			c.At(node+part, "example %s: %s", cmp.Or(f.Name, "without name"), fmt.Sprintf(format, args...))
		}
		if f.Name == "" || names[f.Name] {
			errorf("", "name %q, expected one that is unique in the table", f.Name)
		}
		names[f.Name] = true
		for j, id := range f.Rows {
			if !c.ids[id] {
				errorf(fmt.Sprintf(".rows[%d]", j), "no row %q, expected the id of a row", id)
			}
		}
		e := table.TableExample{Name: f.Name, Line: c.Lines.Line(node), Rows: f.Rows, XML: []byte(f.XML)}
		e.Canonical = c.canonical(f.Canonical, node+".canonical", errorf)
		if f.Back != nil {
			e.Back = c.canonical(f.Back, node+".back", errorf)
		}
		if strings.TrimSpace(f.XML) == "" {
			errorf("", "xml is missing, expected what the table writes")
		}
		out = append(out, e)
	}
	return out
}

// canonical turns a document that is written as YAML into canonical JSON.
func (c *compiler) canonical(tree map[string]any, node string, errorf func(part, format string, args ...any)) []byte {
	part := node[strings.LastIndexByte(node, '.'):]
	raw, err := json.Marshal(tree)
	if err != nil || tree == nil {
		errorf(part, "%s is no canonical document, expected its keys", part[1:])
		return nil
	}
	p := document.Parse(raw)
	for _, f := range p.Faults {
		at := part
		for _, step := range strings.Split(f.Location.Expr, "/")[1:] {
			if _, err := strconv.Atoi(step); err == nil {
				at += "[" + step + "]"
			} else {
				at += "." + step
			}
		}
		errorf(at, "%v", f)
	}
	if kind := document.Kind(p.Document); len(p.Faults) == 0 && kind != c.head.Kind() {
		errorf(part, "%s is a %s, expected a %s", part[1:], kind, c.head.Kind())
	}
	return raw
}
