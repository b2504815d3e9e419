package mapping

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
)

// compiler turns the rows of one table into compiled rows.
type compiler struct {
	*mistaken
	table *Table
	env   *expr.Env
	lists *codelist.Lists
	zone  *time.Location
	ids   map[string]bool

	fields map[string]*row // that read into a canonical path
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
	t := c.table
	t.rootName = c.qname("$.root", "root", f.Root, false)
	t.top = &row{job: groupJob, steps: []step{t.rootName}, info: RowInfo{ID: "root", Target: "/" + f.Root}}
	body, err := document.CompileFor(f.Document, ".")
	if err != nil {
		c.at("$.document", "%v", err)
		return
	}
	if len(f.Rows) == 0 {
		c.at("$.rows", "no rows, expected at least one")
	}
	c.rows("$.rows", f.Rows, place{root: true, md: body.Descriptor(), target: t.top.info.Target, parent: t.top})
	c.plan(t.top)
}

func (c *compiler) rows(node string, files []rowFile, p place) {
	for i := range files {
		r := c.one(fmt.Sprintf("%s[%d]", node, i), &files[i], p)
		p.parent.rows = append(p.parent.rows, r)
	}
	c.pairs(p.parent)
}

// one compiles one row and the rows inside it.
func (c *compiler) one(node string, f *rowFile, p place) *row {
	r := &row{
		number: len(c.table.rows), parent: p.parent, language: f.Language, always: f.Always,
		noEncode: f.Direction == "decode", noDecode: f.Direction == "encode",
		info: RowInfo{
			ID: f.ID, Line: c.lines.Line(node), List: f.List, Use: f.Use, When: f.When, Required: f.Required, Default: f.Default.text,
			Language: f.Language, Time: f.Time, Direction: f.Direction, Lossy: f.Lossy, Note: f.Note, Source: f.Source,
		},
	}
	c.table.rows = append(c.table.rows, r)
	wrong := func(format string, args ...any) { c.row(node, f.ID, format, args...) }
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
	c.paths(r, f, p, wrong)
	if f.When != "" {
		c.condition(r, f, p, wrong)
	}
	c.options(r, f, node, wrong)
	if r.job == groupJob {
		inner := p
		inner.parent, inner.target = r, r.info.Target
		if f.Each != "" || f.With != "" {
			inner.prefix = p.full(cmp.Or(f.Each, f.With))
			if r.scalar {
				inner.scalar, inner.list = r.path, r
			} else if r.path != nil && r.path.Descriptor() != nil {
				inner.root, inner.md, inner.scalar = false, r.path.Descriptor(), nil
			}
			if r.each {
				inner.list = r
			}
		}
		c.rows(node+".rows", f.Rows, inner)
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
	say(f.Const.said && f.Set == "", "const", constJob)
	say(f.Set != "", "set", setJob)
	say(f.Count != "", "count", countJob)
	say(f.Sum != "", "sum", sumJob)
	say(f.Ordinal, "ordinal", ordinalJob)
	say(len(f.Rows) > 0, "rows", groupJob)
	switch {
	case len(said) != 1:
		wrong("has %v, expected exactly one of from, const, set, count, sum, ordinal, rows", said)
	case r.job == setJob && (f.To != "" || !f.Const.said || f.Direction != ""):
		wrong("set %s, expected set and const, without to and direction", f.Set)
	case r.job != setJob && f.To == "":
		wrong("to is missing, expected a target")
	case r.job == groupJob && r.attr != nil:
		wrong("target %q is an attribute, expected an element for rows", f.To)
	case r.job != groupJob && f.With != "" || r.job != groupJob && f.Each != "" && f.From != ".":
		wrong("each or with without rows, expected rows, or each with from: \".\"")
	case f.Each != "" && f.With != "":
		wrong("each and with together, expected one")
	case (f.Each != "" || r.job == groupJob) && len(r.steps) == 0:
		wrong("target %q cannot repeat or hold rows, expected an element", f.To)
	case f.Each != "" && r.attr != nil:
		wrong("an attribute cannot repeat, expected an element")
	}
	if f.Const.bad || f.Default.bad {
		wrong("const or default is no text, expected quotes round it")
	}
	if text := f.Const.text; f.Const.said && !f.Const.bad {
		r.info.Const, r.info.Set = text, f.Set
		if text == "" || !writable(text) || strings.TrimSpace(text) != text {
			wrong("const %q, expected a text without blanks around it", text)
		}
	}
}

// paths compiles the row's canonical paths and checks that their types fit.
func (c *compiler) paths(r *row, f *rowFile, p place, wrong func(string, ...any)) {
	source := cmp.Or(f.Each, f.With, f.Set, f.Count, f.Sum, f.From)
	if source == "" {
		return
	}
	if f.Each == "" && f.From == "." {
		if r.dot = true; p.scalar == nil {
			wrong("from \".\" outside each over a list of texts, expected a path")
			return
		}
		r.path, r.info.From, r.value.field = p.scalar, p.prefix, p.scalar.Field().Type
		r.value.expected = p.scalar.Field().Expected()
		return
	}
	path, err := p.compile(c.table.kind, source)
	if err != nil {
		wrong("%v", err)
		return
	}
	if p.scalar != nil {
		wrong("path %q inside each over texts, expected from: \".\"", source)
		return
	}
	r.path = path
	field := path.Field()
	r.value.field, r.value.expected = field.Type, field.Expected()
	full := p.full(source)
	if path.Many() && r.job != countJob && r.job != sumJob && !(f.Each != "" && path.Repeated() || f.Language != nil) {
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
	case f.With != "":
		r.info.With = full
		if path.Leaf() || path.Repeated() {
			wrong("with %s, expected a message", source)
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
	case r.job == setJob:
		r.info.Set = full
		if !path.Leaf() {
			wrong("set %s is a message, expected a leaf", source)
		} else if err := field.Check(f.Const.text); err != nil {
			wrong("set %s: %v", source, err)
		}
	case f.Language != nil:
		r.info.From = full
		c.texts(r, p, wrong)
	default:
		r.info.From = full
		if !path.Leaf() {
			wrong("%s is a message, expected a leaf, or language for texts", source)
		}
	}
	if path.Repeated() {
		r.holder = c.holder(source, p)
	}
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
	r.value.field, r.value.expected = document.String, r.text.Field().Expected()
}

// holder compiles the path of the message that holds a list, nil if that is the
// context itself.
func (c *compiler) holder(source string, p place) *document.Path {
	up := "."
	if i := strings.LastIndexByte(source, '.'); i >= 0 {
		up = source[:i]
	} else if !p.root {
		return nil
	}
	path, err := p.compile(c.table.kind, up)
	if err != nil {
		return nil // a dot inside a selector: the list's own path failed already
	}
	return path
}

func (c *compiler) condition(r *row, f *rowFile, p place, wrong func(string, ...any)) {
	md := p.md
	if r.job == groupJob && r.path != nil && !r.scalar && r.path.Descriptor() != nil {
		md = r.path.Descriptor()
	}
	if c.env == nil {
		wrong("when %q, expected a loader that knows conditions", f.When)
		return
	}
	var err error
	if r.when, err = c.env.Condition(md, f.When); err != nil {
		wrong("%s, expected a condition on %s", strings.Join(strings.Fields(err.Error()), " "), md.Name())
	}
}

// options compiles list, time, use, max, and checks that keys fit the row.
func (c *compiler) options(r *row, f *rowFile, node string, wrong func(string, ...any)) {
	isValue := r.job == valueJob
	for _, k := range []struct {
		said bool
		key  string
		fits bool
	}{
		{f.List != "", "list", isValue}, {f.Use != "", "use", isValue}, {f.Default.said, "default", isValue && f.Each == ""},
		{f.Language != nil, "language", isValue && f.Each == "" && len(f.Language) > 0}, {f.Time != "", "time", isValue},
		{f.Max != 0, "max", isValue && f.Max > 0}, {f.OnOverflow != "", "on_overflow", isValue && f.Max > 0},
		{f.Always, "always", f.Each == "" && f.With == "" && r.job != setJob},
		{f.When != "", "when", r.job != setJob}, {f.Required, "required", r.job != setJob && r.job != constJob},
		{f.Zone != "", "zone", isValue},
	} {
		if k.said && !k.fits {
			wrong("%s does not fit this row, expected it on %s", k.key, keyFor[k.key])
		}
	}
	if !isValue || r.path == nil {
		return
	}
	v := &r.value
	twoWay := f.Direction != "encode" && f.Lossy == ""
	if f.List != "" {
		v.lists, v.list, v.system = c.lists, f.List, c.table.system
		if !c.lists.Has(f.List) {
			wrong("unknown code list %q, expected one of %v", f.List, c.lists.Names())
		}
	}
	v.max = f.Max
	c.time(r, f, node, wrong)
	if f.Use != "" {
		codec, err := bindConversion(f.Use, v.field)
		if err != nil {
			wrong("%v", err)
		}
		v.codec, v.converts = codec, err == nil
		if err == nil && codec.decode == nil && twoWay {
			wrong("conversion %s has no inverse, expected lossy or direction: encode", f.Use)
		}
	}
	switch f.OnOverflow {
	case "", "reject":
	case "truncate":
		if v.truncates = true; twoWay {
			wrong("on_overflow truncate loses text, expected lossy or direction: encode")
		}
	case "split":
		if f.Use != "" || v.field != document.String {
			wrong("on_overflow split, expected a string without use")
		}
		v.codec, v.converts, v.max = split(max(f.Max, 1), 0), true, 0
	default:
		wrong("on_overflow %q, expected reject, truncate or split", f.OnOverflow)
	}
	if v.codec.many && (r.attr != nil || r.each || len(r.steps) == 0) {
		wrong("several texts in one place, expected an element without each")
	}
	if !writable(f.Default.text) {
		wrong("default %q holds a character that XML cannot carry, expected a text", f.Default.text)
	}
}

// keyFor says which rows a key is for.
var keyFor = map[string]string{
	"list": "a value row", "use": "a value row", "default": "a value row without each", "language": "a value row without each, with at least one language",
	"time": "a value row", "max": "a value row, from 1", "on_overflow": "a value row with max", "always": "a row without each, with and set",
	"when": "a row with a target", "required": "a row that is not constant", "zone": "a value row",
}

func (c *compiler) time(r *row, f *rowFile, node string, wrong func(string, ...any)) {
	form := f.Time
	switch r.value.field {
	case document.Instant:
		form = cmp.Or(form, "instant")
	case document.Date:
		form = cmp.Or(form, "xs-date")
	default:
		if form != "" {
			wrong("time on a %s, expected an instant or a date", r.value.field)
		}
		return
	}
	zone := c.zone
	if f.Zone != "" {
		zone = c.location(node+".zone", f.ID, f.Zone)
	}
	t, err := newTimeForm(form, zone)
	if err != nil {
		wrong("%v", err)
		return
	}
	instant := r.value.field == document.Instant
	switch {
	case instant && zone == nil && !t.offset:
		wrong("time %s of an instant without zone, expected zone on the row or the table", form)
	case !instant && (t.clock || !t.date):
		wrong("time %s of a date, expected a form of a day", form)
	}
	r.value.time = t
}

// pairs checks that a field whose value is in two places is read from both: an
// Instant's day and time of day, the head and rest of a text.
func (c *compiler) pairs(group *row) {
	halves := map[string]*row{}
	for _, r := range group.rows {
		if r.half() == 1 && !r.noDecode && r.info.Lossy == "" {
			halves[r.info.From] = r
		}
	}
	for _, r := range group.rows {
		if r.half() != 2 {
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
}

// half says which half of its field's value a row carries, 0 if it carries all.
func (r *row) half() int {
	t := r.value.time
	switch {
	case r.value.codec.half > 0:
		return r.value.codec.half
	case t == nil || r.value.field != document.Instant || t.date && t.clock:
		return 0
	case t.date:
		return 1
	}
	return 2
}

func (c *compiler) says(r *row, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s:%d: row %s: %s", c.file, r.info.Line, r.info.ID, fmt.Sprintf(format, args...)))
}
