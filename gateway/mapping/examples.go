package mapping

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/table"
)

// Examples returns the documents that the table's file shows. A profile's table has
// none: the base's are not its own.
func (t *Table) Examples() []table.TableExample { return slices.Clone(t.body().examples) }

// examples checks the form of a row's examples; Try holds the row to them.
func (c *compiler) examples(r *row, files table.Samples, node string) {
	for i, f := range files {
		at := fmt.Sprintf("%s.examples[%d]", node, i)
		wrong := func(format string, args ...any) { c.Row(at, r.info.ID, "example: "+format, args...) }
		line := c.Lines.Line(at)
		text := f.Canonical.Text
		switch field := r.field(); {
		case field == nil:
			wrong("this row writes no value of its own, expected it on a value row")
		case !f.Canonical.Given || f.Canonical.Bad || text == "":
			wrong("canonical is no text, expected one in quotes")
		case field.Check(text) != nil:
			wrong("canonical %v", field.Check(text))
		}
		if f.XML.Bad || f.XML.Texts == nil {
			wrong("xml is no text, expected one in quotes, or a list of them")
		}
		if len(f.XML.Texts) > 1 && !r.value.Codec.Many {
			wrong("xml is %d texts, expected one: the row does not split its value", len(f.XML.Texts))
		}
		switch d := f.Direction; {
		case d != "" && d != "encode" && d != "decode":
			wrong("direction %q, expected encode or decode", d)
		case d != "" && r.info.Direction != "" && d != r.info.Direction:
			wrong("direction %s, expected %s as of the row", d, r.info.Direction)
		case d == "decode" && r.value.Half() > 0:
			wrong("the row reads half of a value, expected direction: encode")
		}
		r.info.Examples = append(r.info.Examples, table.RowExample{Line: line, Canonical: text, XML: f.XML.Texts, Direction: f.Direction})
	}
}

// field returns the canonical field whose value the row writes, nil if it writes none.
func (r *row) field() *document.Field {
	var field document.Field
	switch {
	case r.path == nil:
		return nil
	case r.job == countJob:
		field.Type = document.Uint
	case r.job != valueJob && r.job != sumJob:
		return nil
	case r.text != nil:
		field = r.text.Field()
	default:
		field = r.path.Field()
	}
	return &field
}

// documents checks the form of a table's examples.
func (c *compiler) documents(files []table.Example) (out []table.TableExample) {
	names := map[string]bool{}
	for i, f := range files {
		node := fmt.Sprintf("$.examples[%d]", i)
		wrong := func(part, format string, args ...any) {
			c.At(node+part, "example %s: %s", cmp.Or(f.Name, "without name"), fmt.Sprintf(format, args...))
		}
		if f.Name == "" || names[f.Name] {
			wrong("", "name %q, expected one that is unique in the table", f.Name)
		}
		names[f.Name] = true
		for j, id := range f.Rows {
			if !c.ids[id] {
				wrong(fmt.Sprintf(".rows[%d]", j), "no row %q, expected the id of a row", id)
			}
		}
		e := table.TableExample{Name: f.Name, Line: c.Lines.Line(node), Rows: f.Rows, XML: []byte(f.XML)}
		e.Canonical = c.canonical(f.Canonical, node+".canonical", wrong)
		if f.Back != nil {
			e.Back = c.canonical(f.Back, node+".back", wrong)
		}
		if strings.TrimSpace(f.XML) == "" {
			wrong("", "xml is missing, expected what the table writes")
		}
		out = append(out, e)
	}
	return out
}

// canonical turns a document that is written as YAML into canonical JSON.
func (c *compiler) canonical(tree map[string]any, node string, wrong func(part, format string, args ...any)) []byte {
	part := node[strings.LastIndexByte(node, '.'):]
	raw, err := json.Marshal(tree)
	if err != nil || tree == nil {
		wrong(part, "%s is no canonical document, expected its keys", part[1:])
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
		wrong(at, "%v", f)
	}
	if kind := document.Kind(p.Document); len(p.Faults) == 0 && kind != c.head.Kind() {
		wrong(part, "%s is a %s, expected a %s", part[1:], kind, c.head.Kind())
	}
	return raw
}

// Trial is an example of a row, and what the row does otherwise; "" if nothing.
type Trial struct {
	Row     string
	Example table.RowExample
	Wrong   string
}

// Try holds every row to its examples. Codes are judged without a day.
func (t *Table) Try() (out []Trial) {
	for _, r := range t.body().rows {
		for _, e := range r.info.Examples {
			out = append(out, Trial{r.info.ID, e, r.try(e)})
		}
	}
	return out
}

func (r *row) try(e table.RowExample) string {
	if e.Direction != "decode" && !r.noEncode {
		texts, _, fault := r.value.Encode(nil, e.Canonical, convert.Moment{})
		if wrong := compared("canonical", e.Canonical, "written", texts, e.XML, fault); wrong != "" {
			return wrong
		}
	}
	if e.Direction == "encode" || r.noDecode || r.value.Half() > 0 {
		return ""
	}
	text, _, fault := r.value.Decode(e.XML, "", convert.Moment{})
	text, _ = r.value.Leaf.Read(text) // as people write it
	if fault == nil {
		if err := r.field().Check(text); err != nil {
			fault = convert.NotConverted(err, text)
		}
	}
	if sameInstant(text, e.Canonical) {
		text = e.Canonical
	}
	return compared("xml", strings.Join(e.XML, " | "), "read", []string{text}, []string{e.Canonical}, fault)
}

// sameInstant reports whether two texts are one instant: it may come back in another zone.
func sameInstant(a, b string) bool {
	one, err := document.ParseInstant(a)
	other, otherErr := document.ParseInstant(b)
	return err == nil && otherErr == nil && one.Equal(other)
}

// compared holds texts to those expected, piece by piece: a piece may hold what looks
// like two of them.
func compared(kind, from, done string, got, want []string, fault *gateway.Fault) string {
	switch {
	case fault != nil:
		return fmt.Sprintf("%s %q is refused: %v", kind, from, *fault)
	case !slices.Equal(got, want):
		return fmt.Sprintf("%s %q is %s %s, expected %s", kind, from, done, quoted(got), quoted(want))
	}
	return ""
}

func quoted(texts []string) string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = strconv.Quote(t)
	}
	return strings.Join(out, " | ")
}
