package program

import (
	"fmt"
	"strings"

	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/extension"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/mapping/table"
)

func (c *compiler) compile(f table.Content) {
	top := &Row{Job: Group, Steps: []table.Step{*c.head.RootStep()}, Info: table.RowInfo{ID: "root", Target: "/" + f.Root}}
	c.made.Top = top
	body, err := document.CompileFor(f.Document, ".")
	if err != nil {
		c.At("$.document", "%v", err)
		return
	}
	if len(f.Rows) == 0 {
		c.At("$.rows", "no rows, expected at least one")
	}
	c.rows("$.rows", f.Rows, place{root: true, md: body.Descriptor(), target: top.Info.Target, parent: top})
	c.references()
	c.local(f.ZoneOf)
	c.variants()
	c.plan(top)
	c.yielding()
	c.overwritten()
}

func (c *compiler) rows(node string, files []table.Row, p place) {
	for i := range files {
		if files[i].Dropped {
			continue
		}
		at := files[i].Node
		if at == "" {
			at = fmt.Sprintf("%s[%d]", node, i)
		}
		if files[i].Used != "" {
			c.Used[files[i].ID] = files[i].Used
		}
		r := c.one(at, &files[i], p)
		p.parent.rows = append(p.parent.rows, r)
		if r.Encodes() {
			p.parent.Written = append(p.parent.Written, r)
		}
	}
	c.pairs(p.parent)
}

// one compiles one row and the rows inside it.
func (c *compiler) one(node string, f *table.Row, p place) *Row {
	r := &Row{
		Number: len(c.made.Rows), parent: p.parent, Always: f.Always, Equal: f.Equal, Yields: f.Yields,
		Info: table.RowInfo{
			ID: f.ID, Key: f.Key, Handle: f.Handle, Line: c.Lines.Line(node), List: f.List, Use: f.Use, When: f.When, Like: f.Like, There: f.There, Required: f.Required, Except: f.Except, Default: f.Default.Text, Empty: f.Empty.Text,
			Language: f.Language, Time: f.Time, Direction: f.Direction, Lossy: f.Lossy, Note: f.Note, Source: f.Source,
		},
	}
	if f.OnOverflow == "truncate" {
		r.Info.Cut = f.Max
	}
	if p.parent != c.made.Top {
		r.Info.Inside = p.parent.Info.ID
	}
	c.made.Rows = append(c.made.Rows, r)
	errorf := func(format string, args ...any) { c.Row(node, f.ID, format, args...) }
	switch {
	case f.ID == "":
		errorf("id is missing, expected one that is unique in the table")
	case c.ids[f.ID]:
		errorf("id stands twice, expected one that is unique in the table")
	}
	c.ids[f.ID] = true
	if d := f.Direction; d != "" && d != "encode" && d != "decode" {
		errorf("direction %q, expected encode or decode", d)
	}
	r.Steps, r.Attr = c.head.Target(c.File, node, f.ID, f.To)
	switch f.To {
	case "":
	case ".":
		r.Info.Target = p.target
	default:
		r.Info.Target = p.target + "/" + f.To
	}
	c.job(r, f, errorf)
	inner := c.paths(r, f, p, errorf)
	if f.When != "" {
		c.condition(r, f, p, errorf)
	}
	c.options(r, f, node, errorf)
	c.examples(r, f.Examples, node)
	if r.Job == Group {
		inner.parent, inner.target = r, r.Info.Target
		c.rows(node+".rows", f.Rows, inner)
		c.keys(r, errorf)
	}
	if r.Job == Ordinal && p.list == nil {
		errorf("ordinal outside each, expected it in a group that repeats")
	}
	return r
}

// job settles what the row does; exactly one key may say so.
func (c *compiler) job(r *Row, f *table.Row, errorf func(string, ...any)) {
	var keys []string
	add := func(is bool, key string, j Job) {
		if is {
			keys, r.Job = append(keys, key), j
		}
	}
	add(f.From != "", "from", Value)
	add(f.Const.Given && f.Set == "", "const", Const)
	add(f.Set != "", "set", Set)
	add(f.Count != "", "count", Count)
	add(f.Sum != "", "sum", Sum)
	add(f.Every != "", "every", Every)
	add(f.Ordinal, "ordinal", Ordinal)
	add(f.Handle != "", "handle", Handle)
	add(f.Refer != "", "refer", Refer)
	add(len(f.Rows) > 0, "rows", Group)
	switch {
	case len(keys) != 1:
		errorf("has %v, expected exactly one of from, const, set, count, sum, every, ordinal, handle, refer, rows", keys)
	case r.Job == Set && (f.To != "" || !f.Const.Given || f.Direction != ""):
		errorf("set %s, expected set and const, without to and direction", f.Set)
	case r.Job != Set && f.To == "":
		errorf("to is missing, expected a target")
	case r.Job == Group && r.Attr != nil:
		errorf("target %q is an attribute, expected an element for rows", f.To)
	case r.Job != Group && f.With != "" || r.Job != Group && f.Each != "" && f.From != ".":
		errorf("each or with without rows, expected rows, or each with from: \".\"")
	case f.Collect != nil && (r.Job != Group || f.Each != "" || f.With != ""):
		errorf("collect, expected rows with it, and neither each nor with")
	case f.Each != "" && f.With != "":
		errorf("each and with together, expected one")
	case (f.Each != "" || r.Job == Group) && len(r.Steps) == 0:
		errorf("target %q cannot repeat or hold rows, expected an element", f.To)
	case f.Each != "" && r.Attr != nil:
		errorf("an attribute cannot repeat, expected an element")
	}
	if f.Const.Bad || f.Default.Bad {
		errorf("const or default is no text, expected quotes round it")
	}
	if text := f.Const.Text; f.Const.Given && !f.Const.Bad {
		r.Info.Const, r.Info.Set = text, f.Set
		if text == "" || !convert.Writable(text) || strings.TrimSpace(text) != text {
			errorf("const %q, expected a text without blanks around it", text)
		}
	}
}

// Compile compiles the rows of a table; its mistakes are the file's. A nil env is enough for
// rows without conditions.
func Compile(file *datafile.File, h *table.Head, f table.Content, env *expr.Env, lists *codelist.Lists) *Program {
	file.Used = map[string]string{}
	c := &compiler{File: file, head: h, made: &Program{Head: h, lists: lists}, env: env, lists: lists, ids: map[string]bool{}, fields: map[string]*Row{}, stores: map[string]*Row{}, declared: extension.Of(f.Document, f.Extensions), used: map[string]bool{}}
	if c.offices = f.ZoneOf; c.offices != nil && f.Zone == "" {
		c.At("$.zone_of", "zone_of without zone, expected the zone that is assumed where the office's is not known")
	}
	c.made.Extensions = c.declared
	c.zone = c.location("$.zone", "", f.Zone)
	c.spaces = f.Space
	c.compile(f)
	if file.Overlaid == nil {
		c.unused("$.extensions", f)
		c.made.Examples = c.documents(f.Examples)
	}
	return c.made
}
