package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/datafile"
)

// compiler turns the rows of one table into compiled rows.
type compiler struct {
	*datafile.File
	table   *Table
	made    *body
	env     *expr.Env
	lists   *codelist.Lists
	zone    *time.Location
	offices []string // whose local time the table writes
	ids     map[string]bool
	spaces  string // of the table: what texts that people write do with white space

	fields map[string]*row // that read into a canonical path
	stores map[string]*row // that collect a canonical path
	refers []*row
}

// place is where rows stand: the context of their canonical paths and their element.
type place struct {
	root   bool // paths start from the document
	md     protoreflect.MessageDescriptor
	prefix string // schema path of the context
	target string // of the enclosing element
	scalar *document.Path
	list   *row // the each whose elements the rows are in
	parent *row
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

func (c *compiler) compile(f tableFile) {
	top := &row{job: groupJob, steps: []step{c.table.rootName}, info: RowInfo{ID: "root", Target: "/" + f.Root}}
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

func (c *compiler) rows(node string, files []rowFile, p place) {
	for i := range files {
		if files[i].dropped {
			continue
		}
		r := c.one(fmt.Sprintf("%s[%d]", node, i), &files[i], p)
		p.parent.rows = append(p.parent.rows, r)
	}
	c.pairs(p.parent)
}

// one compiles one row and the rows inside it.
func (c *compiler) one(node string, f *rowFile, p place) *row {
	r := &row{
		number: len(c.made.rows), parent: p.parent, language: f.Language, always: f.Always,
		noEncode: f.Direction == "decode", noDecode: f.Direction == "encode", key: f.Key,
		info: RowInfo{
			ID: f.ID, Key: f.Key, Handle: f.Handle, Line: c.Lines.Line(node), List: f.List, Use: f.Use, When: f.When, Like: f.Like, There: f.There, Required: f.Required, Except: f.Except, Default: f.Default.Text,
			Language: f.Language, Time: f.Time, Direction: f.Direction, Lossy: f.Lossy, Note: f.Note, Source: f.Source,
		},
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
	r.steps, r.attr = c.names(node, f.ID, f.To)
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
func (c *compiler) job(r *row, f *rowFile, wrong func(string, ...any)) {
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

// paths compiles the row's canonical paths, checks that their types fit, and returns
// where rows inside it stand.
func (c *compiler) paths(r *row, f *rowFile, p place, wrong func(string, ...any)) place {
	if f.Collect != nil {
		return c.collect(r, f, p, wrong)
	}
	source := cmp.Or(f.Each, f.With, f.Set, f.Count, f.Sum, f.Every, f.Refer, f.From)
	if source == "" {
		if r.job == handleJob && (p.parent.collect == nil || !convert.Writable(f.Handle)) {
			wrong("handle %q, expected it among the rows of a group with collect", f.Handle)
		}
		return p
	}
	if f.Each == "" && f.From == "." {
		if r.dot = true; p.scalar == nil {
			wrong("from \".\" outside each over a list of texts, expected a path")
			return p
		}
		r.path, r.info.From, r.value.Field = p.scalar, p.prefix, p.scalar.Field().Type
		return p
	}
	from, away, source, err := p.reach(source)
	if err != nil {
		wrong("%v", err)
		return p
	}
	if from.scalar != nil {
		wrong("path %q inside each over texts, expected from: \".\"", source)
		return p
	}
	inner := *from
	r.reach = away
	if f.Each != "" || f.In != "" {
		if inner, source, err = c.hops(r, inner, source); err != nil {
			wrong("%v", err)
			return p
		}
	}
	path, err := inner.compile(c.table.kind, source)
	if err != nil {
		wrong("%v", err)
		return p
	}
	r.path = path
	if f.In != "" || f.By != "" {
		c.looksUp(r, f, p, wrong)
	}
	field := path.Field()
	r.value.Field = field.Type
	full := inner.full(source)
	if path.Many() && r.job != countJob && r.job != sumJob && r.job != everyJob && !(f.Each != "" && path.Repeated() || f.Language != nil) {
		wrong("%s is a list, expected each, or a selector such as [0]", source)
	}
	switch {
	case f.Each != "":
		r.each, r.scalar, r.dot, r.info.Each = true, path.Leaf(), f.From == ".", full
		if r.dot {
			r.info.From = full
		}
		if !path.Repeated() {
			wrong("each %s, expected a list without selector", source)
		}
		if r.dot && !r.scalar {
			wrong("each %s is a list of messages, expected rows", source)
		}
		if r.dot && r.hops != nil {
			wrong("each %s passes through a list, expected rows, one of them a key", full)
		}
	case f.With != "":
		r.info.With = full
		if path.Leaf() || path.Repeated() {
			wrong("with %s, expected a message", source)
		}
	case r.job == referJob:
		r.info.Refer = full
		c.refers = append(c.refers, r)
		if path.Leaf() || path.Many() || from.prefix != "" && from.outer == nil {
			wrong("refer %s, expected a single message, outside collect", source)
		}
	case r.job == countJob:
		r.info.From = full
		if !path.Many() {
			wrong("count %s, expected a list", source)
		}
	case r.job == sumJob:
		r.info.From = full
		if field.Type != document.Decimal && field.Type != document.Uint {
			wrong("sum %s is a %s, expected a decimal", source, field.Type)
		}
		if f.Lone {
			c.elements(r, inner, source, wrong)
		}
	case r.job == everyJob:
		r.info.From = full
		c.elements(r, inner, source, wrong)
	case r.job == setJob:
		r.info.Set = full
		if away > 0 {
			wrong("set %s reaches outwards, expected it where the path starts", full)
		} else if !path.Leaf() {
			wrong("set %s is a message, expected a leaf", source)
		} else if err := field.Check(f.Const.Text); err != nil {
			wrong("set %s: %v", source, err)
		}
	case f.Language != nil:
		r.info.From = full
		c.texts(r, inner, wrong)
	default:
		r.info.From = full
		if !path.Leaf() {
			wrong("%s is a message, expected a leaf, or language for texts", source)
		}
	}
	if f.Each == "" && f.With == "" {
		return p
	}
	return inner.inside(r, source)
}

// elements compiles the list whose elements a value that stands once is read into, and
// which of their values it is.
func (c *compiler) elements(r *row, p place, source string, wrong func(string, ...any)) {
	list, leaf, _ := cutLast(source)
	var err error
	if r.of, err = p.compile(c.table.kind, list); err == nil && r.of.Repeated() && r.of.Descriptor() != nil {
		r.leaf, err = document.Compile(r.of.Descriptor(), leaf)
	}
	if r.lone = r.job == sumJob; err != nil || r.leaf == nil || !r.leaf.Leaf() || r.leaf.Many() || r.hops != nil || r.reach > 0 {
		wrong("%s is no value of the elements of one list, where the row stands", source)
		r.of = nil
	}
}

// cutLast cuts a path before its last step.
func cutLast(path string) (before, last string, ok bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// inside returns where the rows of an each or with stand.
func (p place) inside(r *row, source string) place {
	around := p
	p.prefix, p.outer = p.full(source), &around
	if r.scalar {
		p.scalar = r.path
	} else if md := r.path.Descriptor(); md != nil {
		p.root, p.md = false, md
	}
	if r.each {
		p.list = r
	}
	return p
}

// texts compiles what a language row reads of its list of texts.
func (c *compiler) texts(r *row, p place, wrong func(string, ...any)) {
	md := r.path.Descriptor()
	if md == nil || md.Name() != "Text" || !r.path.Repeated() {
		wrong("language on %s, expected a list of texts", r.path)
		return
	}
	var err error
	if r.tag, err = document.Compile(md, "language"); err == nil {
		r.text, err = document.Compile(md, "value")
	}
	if err != nil {
		wrong("%v", err)
		return
	}
	r.value.Field = document.String
}

// hops makes a row of each list that an each passes through before its own, and
// returns where the rest of its path starts.
func (c *compiler) hops(r *row, p place, source string) (place, string, error) {
	steps := document.Steps(source)
	from := 0
	for i := 1; i < len(steps); i++ {
		part := strings.Join(steps[from:i], ".")
		path, err := p.compile(c.table.kind, part)
		if err != nil {
			return p, "", err
		}
		if !path.Repeated() {
			continue
		}
		hop := &row{job: groupJob, info: r.info, each: true, path: path}
		r.hops = append(r.hops, hop)
		p, from = p.inside(hop, part), i
	}
	return p, strings.Join(steps[from:], "."), nil
}

func (c *compiler) condition(r *row, f *rowFile, p place, wrong func(string, ...any)) {
	md, inside := p.md, r.job == groupJob && r.path != nil && !r.scalar && r.path.Descriptor() != nil
	if inside {
		md = r.path.Descriptor()
	}
	if c.env == nil {
		wrong("when %q, expected a loader that knows conditions", f.When)
		return
	}
	var err error
	switch {
	case r.each && r.scalar:
		r.when, err = c.env.OfText(md, f.When)
	case inside && strings.Contains(f.When, "outer"):
		r.when, err = c.env.Within(md, p.md, f.When)
	default:
		r.when, err = c.env.Condition(md, f.When)
	}
	if err != nil {
		wrong("%s, expected a condition on %s", strings.Join(strings.Fields(err.Error()), " "), md.Name())
	}
}

// except checks the function codes of the documents of which a row requires nothing: decode
// has read the code by the time that it asks.
func (c *compiler) except(f *rowFile, wrong func(string, ...any)) {
	for _, code := range f.Except {
		if _, known := customsv1.FunctionCode_value[code]; !known {
			wrong("except %q, expected a function code of the canonical document", code)
		}
	}
	if len(f.Except) > 0 && !slices.ContainsFunc(c.made.rows, func(r *row) bool { return r.info.From == "envelope.function" }) {
		wrong("except stands before any row reads envelope.function")
	}
}

// options compiles list, time, use, max, and checks that keys fit the row.
func (c *compiler) options(r *row, f *rowFile, node string, wrong func(string, ...any)) {
	isValue := r.job == valueJob
	v := &r.value
	c.space(r, f, wrong)
	isNumber := r.job == countJob || r.job == sumJob || r.job == everyJob // a value that stands for a list
	for _, k := range []struct {
		said bool
		key  string
		fits bool
	}{
		{f.List != "", "list", isValue}, {f.Use != "", "use", isValue || isNumber}, {f.Default.Given, "default", isValue && f.Each == ""},
		{f.Language != nil, "language", isValue && f.Each == "" && len(f.Language) > 0}, {f.Time != "", "time", isValue},
		{f.Like != "", "like", isValue}, {f.There != "", "there", r.job == groupJob && !r.noDecode},
		{f.Max != 0, "max", (isValue || isNumber) && f.Max > 0}, {f.OnOverflow != "", "on_overflow", isValue && f.Max > 0},
		{f.Always, "always", f.Each == "" && f.With == "" && f.Collect == nil && r.job != setJob && r.job != referJob},
		{f.When != "", "when", r.job != setJob && f.Collect == nil}, {f.Required, "required", r.job != setJob && r.job != constJob && r.job != handleJob && f.Collect == nil},
		{len(f.Except) > 0, "except", f.Required}, {f.Zone != "", "zone", isValue}, {f.Space != "", "space", isValue && v.Prose && r.attr == nil}, {f.Once, "once", f.Each != "" && r.noDecode}, {f.Lone, "lone", r.job == sumJob && !r.noDecode}, {f.Key, "key", isValue && f.Required && f.Each == "" && f.Language == nil && !r.noDecode},
	} {
		if k.said && !k.fits {
			wrong("%s does not fit this row, expected it on %s", k.key, keyFor[k.key])
		}
	}
	c.except(f, wrong)
	r.once = f.Once
	if f.There != "" {
		c.there(r, f, node, wrong)
	}
	if !isValue && !isNumber || r.path == nil {
		return
	}
	if r.job == countJob {
		v.Field = document.Uint
	}
	twoWay := f.Direction != "encode" && f.Lossy == ""
	if f.List != "" {
		v.Lists, v.List, v.System = c.lists, f.List, c.table.system
		if !c.lists.Has(f.List) {
			wrong("unknown code list %q, expected one that there is: nearest are %v", f.List, document.Nearest(f.List, c.lists.Names(), 3))
		}
	}
	v.Max = f.Max
	if f.Like != "" {
		var err error
		if v.Like, err = convert.Whole(f.Like); err != nil {
			wrong("like %q, expected a regular expression: %v", f.Like, err)
		}
	}
	c.time(r, f, node, wrong)
	if f.Use != "" {
		codec, err := convert.Bind(f.Use, v.Field)
		if err != nil {
			wrong("%v", err)
		}
		v.Codec, v.Converts = codec, err == nil
		if err == nil && codec.Decode == nil && twoWay {
			wrong("conversion %s has no inverse, expected lossy or direction: encode", f.Use)
		}
	}
	if v.Codec.Many && v.Preserves {
		v.Codec = convert.Split(v.Codec.Length, v.Codec.Most, true)
	}
	switch f.OnOverflow {
	case "", "reject":
	case "truncate":
		if v.Truncates = true; twoWay {
			wrong("on_overflow truncate loses text, expected lossy or direction: encode")
		}
	case "split":
		if f.Use != "" || v.Field != document.String {
			wrong("on_overflow split, expected a string without use")
		}
		v.Codec, v.Converts, v.Max = convert.Split(max(f.Max, 1), 0, v.Preserves), true, 0
	default:
		wrong("on_overflow %q, expected reject, truncate or split", f.OnOverflow)
	}
	if v.Codec.Many && (r.attr != nil || r.each || len(r.steps) == 0) {
		wrong("several texts in one place, expected an element without each")
	}
	if !convert.Writable(f.Default.Text) {
		wrong("default %q holds a character that XML cannot carry, expected a text", f.Default.Text)
	}
}

// space settles what a row does with white space: texts that people write keep it in an
// element where the row, or else the table, says preserve.
func (c *compiler) space(r *row, f *rowFile, wrong func(string, ...any)) {
	if r.job != valueJob || r.path == nil {
		return
	}
	field := r.path.Field()
	if r.language != nil && r.text != nil {
		field = r.text.Field()
	}
	r.value.Leaf, r.value.Prose = field, field.Prose()
	switch cmp.Or(f.Space, c.spaces) {
	case "", "collapse":
	case "preserve":
		r.value.Preserves = r.value.Prose && r.attr == nil
	default:
		wrong("space %q, expected preserve or collapse", cmp.Or(f.Space, c.spaces))
	}
	r.info.Prose, r.info.Preserves = r.value.Prose, r.value.Preserves
}

// keyFor says which rows a key is for.
var keyFor = map[string]string{
	"list": "a value row", "use": "a value, count or sum row", "default": "a value row without each", "language": "a value row without each, with at least one language",
	"time": "a value row", "max": "a value, count or sum row, from 1", "like": "a value row", "there": "a group that is read", "lone": "a sum that is read", "on_overflow": "a value row with max", "always": "a row without each, with, collect, refer and set",
	"when": "a row with a target, without collect", "required": "a row that is not constant, handle or collect", "except": "a required row", "zone": "a value row", "once": "an each that is only written", "space": "the value row of a text that people write, in an element",
	"key": "a required value row without each and language, not direction: encode",
}

// pairs checks that a field whose value is in two places is read from both: an
// Instant's day and time of day, the head and rest of a text.
func (c *compiler) pairs(group *row) {
	halves := map[string]*row{}
	for _, r := range group.rows {
		if r.value.Half() == 1 && !r.noDecode && r.info.Lossy == "" {
			halves[r.info.From] = r
		}
	}
	for _, r := range group.rows {
		if r.value.Half() != 2 {
			continue
		}
		if halves[r.info.From] == nil && !r.noDecode && r.info.Lossy == "" {
			c.says(r, "reads the second half of %s and no row the first, expected both, lossy or direction: encode", r.info.From)
		}
		delete(halves, r.info.From)
	}
	for _, r := range group.rows {
		if halves[r.info.From] == r {
			c.says(r, "reads the first half of %s and no row the second, expected both, lossy or direction: encode", r.info.From)
		}
	}
	for i, r := range group.rows {
		before, after := r, r
		switch mark := r.value.Codec.Separator; {
		case mark == "":
			continue
		case r.value.Codec.After && i > 0:
			before = group.rows[i-1]
		case !r.value.Codec.After && i+1 < len(group.rows):
			after = group.rows[i+1]
		}
		if before == after || before.value.Codec.Separator != after.value.Codec.Separator || before.value.Codec.After || !after.value.Codec.After ||
			before.info.Target != after.info.Target || before.info.Direction != after.info.Direction {
			c.says(r, "conversion %s stands alone, expected two rows of one target and direction: before(x), then after(x)", r.info.Use)
			continue
		}
		before.second = after
		before.value.Lead, after.value.Lead = &before.value, &before.value
	}
}

func (c *compiler) says(r *row, format string, args ...any) {
	c.Add(r.info.ID, r.info.Line, fmt.Sprintf("row %s: %s", r.info.ID, fmt.Sprintf(format, args...)))
}
