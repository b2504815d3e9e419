package mapping

import (
	"fmt"
	"strings"

	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/mapping/table"
)

func (c *compiler) compile(f table.Content) {
	top := &row{job: groupJob, steps: []table.Step{*c.head.RootStep()}, info: table.RowInfo{ID: "root", Target: "/" + f.Root}}
	c.made.top = top
	body, err := document.CompileFor(f.Document, ".")
	if err != nil {
		c.At("$.document", "%v", err)
		return
	}
	if len(f.Rows) == 0 {
		c.At("$.rows", "no rows, expected at least one")
	}
	c.rows("$.rows", f.Rows, place{root: true, md: body.Descriptor(), target: top.info.Target, parent: top})
	c.references()
	c.local(f.ZoneOf)
	c.plan(top)
}

func (c *compiler) rows(node string, files []table.Row, p place) {
	for i := range files {
		if files[i].Dropped {
			continue
		}
		r := c.one(fmt.Sprintf("%s[%d]", node, i), &files[i], p)
		p.parent.rows = append(p.parent.rows, r)
	}
	c.pairs(p.parent)
}

// one compiles one row and the rows inside it.
func (c *compiler) one(node string, f *table.Row, p place) *row {
	r := &row{
		number: len(c.made.rows), parent: p.parent, language: f.Language, always: f.Always,
		noEncode: f.Direction == "decode", noDecode: f.Direction == "encode", key: f.Key,
		info: table.RowInfo{
			ID: f.ID, Key: f.Key, Handle: f.Handle, Line: c.Lines.Line(node), List: f.List, Use: f.Use, When: f.When, Like: f.Like, There: f.There, Required: f.Required, Except: f.Except, Default: f.Default.Text,
			Language: f.Language, Time: f.Time, Direction: f.Direction, Lossy: f.Lossy, Note: f.Note, Source: f.Source,
		},
	}
	if f.OnOverflow == "truncate" {
		r.info.Cut = f.Max
	}
	if p.parent != c.made.top {
		r.info.Inside = p.parent.info.ID
	}
	c.made.rows = append(c.made.rows, r)
	wrong := func(format string, args ...any) { c.Row(node, f.ID, format, args...) }
	switch {
	case f.ID == "":
		wrong("id is missing, expected one that is unique in the table")
	case c.ids[f.ID]:
		wrong("id stands twice, expected one that is unique in the table")
	}
	c.ids[f.ID] = true
	if d := f.Direction; d != "" && d != "encode" && d != "decode" {
		wrong("direction %q, expected encode or decode", d)
	}
	r.steps, r.attr = c.head.Target(c.File, node, f.ID, f.To)
	switch f.To {
	case "":
	case ".":
		r.info.Target = p.target
	default:
		r.info.Target = p.target + "/" + f.To
	}
	c.job(r, f, wrong)
	inner := c.paths(r, f, p, wrong)
	if f.When != "" {
		c.condition(r, f, p, wrong)
	}
	c.options(r, f, node, wrong)
	c.examples(r, f.Examples, node)
	if r.job == groupJob {
		inner.parent, inner.target = r, r.info.Target
		c.rows(node+".rows", f.Rows, inner)
		c.keys(r, wrong)
	}
	if r.job == ordinalJob && p.list == nil {
		wrong("ordinal outside each, expected it in a group that repeats")
	}
	return r
}

// job settles what the row does; exactly one key may say so.
func (c *compiler) job(r *row, f *table.Row, wrong func(string, ...any)) {
	var said []string
	say := func(is bool, key string, j job) {
		if is {
			said, r.job = append(said, key), j
		}
	}
	say(f.From != "", "from", valueJob)
	say(f.Const.Given && f.Set == "", "const", constJob)
	say(f.Set != "", "set", setJob)
	say(f.Count != "", "count", countJob)
	say(f.Sum != "", "sum", sumJob)
	say(f.Every != "", "every", everyJob)
	say(f.Ordinal, "ordinal", ordinalJob)
	say(f.Handle != "", "handle", handleJob)
	say(f.Refer != "", "refer", referJob)
	say(len(f.Rows) > 0, "rows", groupJob)
	switch {
	case len(said) != 1:
		wrong("has %v, expected exactly one of from, const, set, count, sum, every, ordinal, handle, refer, rows", said)
	case r.job == setJob && (f.To != "" || !f.Const.Given || f.Direction != ""):
		wrong("set %s, expected set and const, without to and direction", f.Set)
	case r.job != setJob && f.To == "":
		wrong("to is missing, expected a target")
	case r.job == groupJob && r.attr != nil:
		wrong("target %q is an attribute, expected an element for rows", f.To)
	case r.job != groupJob && f.With != "" || r.job != groupJob && f.Each != "" && f.From != ".":
		wrong("each or with without rows, expected rows, or each with from: \".\"")
	case f.Collect != nil && (r.job != groupJob || f.Each != "" || f.With != ""):
		wrong("collect, expected rows with it, and neither each nor with")
	case f.Each != "" && f.With != "":
		wrong("each and with together, expected one")
	case (f.Each != "" || r.job == groupJob) && len(r.steps) == 0:
		wrong("target %q cannot repeat or hold rows, expected an element", f.To)
	case f.Each != "" && r.attr != nil:
		wrong("an attribute cannot repeat, expected an element")
	}
	if f.Const.Bad || f.Default.Bad {
		wrong("const or default is no text, expected quotes round it")
	}
	if text := f.Const.Text; f.Const.Given && !f.Const.Bad {
		r.info.Const, r.info.Set = text, f.Set
		if text == "" || !convert.Writable(text) || strings.TrimSpace(text) != text {
			wrong("const %q, expected a text without blanks around it", text)
		}
	}
}

// compile compiles the rows of a table; its mistakes are the file's.
func compile(file *datafile.File, h *table.Head, f table.Content, env *expr.Env, lists *codelist.Lists) *body {
	c := &compiler{File: file, head: h, made: &body{}, env: env, lists: lists, ids: map[string]bool{}, fields: map[string]*row{}, stores: map[string]*row{}}
	if c.offices = f.ZoneOf; c.offices != nil && f.Zone == "" {
		c.At("$.zone_of", "zone_of without zone, expected the zone that is assumed where the office's is not known")
	}
	c.zone = c.location("$.zone", "", f.Zone)
	c.spaces = f.Space
	c.compile(f)
	if file.Overlaid == nil {
		c.made.examples = c.documents(f.Examples)
	}
	return c.made
}
