package mapping

import (
	"cmp"
	"slices"
	"strings"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/table"
)

func (c *compiler) condition(r *row, f *table.Row, p place, wrong func(string, ...any)) {
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
func (c *compiler) except(f *table.Row, wrong func(string, ...any)) {
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
func (c *compiler) options(r *row, f *table.Row, node string, wrong func(string, ...any)) {
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
		v.Lists, v.List, v.System = c.lists, f.List, c.head.System()
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
func (c *compiler) space(r *row, f *table.Row, wrong func(string, ...any)) {
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

// time compiles how a row writes an instant or a day.
func (c *compiler) time(r *row, f *table.Row, node string, wrong func(string, ...any)) {
	form := f.Time
	switch r.value.Field {
	case document.Instant:
		form = cmp.Or(form, "instant")
	case document.Date:
		form = cmp.Or(form, "xs-date")
	default:
		if form != "" {
			wrong("time on a %s, expected an instant or a date", r.value.Field)
		}
		return
	}
	zone := c.zone
	if f.Zone != "" {
		zone = c.location(node+".zone", f.ID, f.Zone)
	}
	t, err := convert.NewTimeForm(form, zone)
	if err != nil {
		wrong("%v", err)
		return
	}
	t.Office = f.Zone == "" && len(c.offices) > 0
	instant := r.value.Field == document.Instant
	moment := !instant && t.Offset && zone != nil && (f.Lossy != "" || r.noDecode) // of which the day alone is kept
	switch {
	case instant && zone == nil && !t.Offset:
		wrong("time %s of an instant without zone, expected zone on the row or the table", form)
	case !instant && !moment && (t.Clock || !t.Date):
		wrong("time %s of a date, expected a form of a day, or instant with a zone and lossy", form)
	}
	r.value.Time = t
}

// there compiles the place that a group is read beside: "../../p:Name".
func (c *compiler) there(r *row, f *table.Row, node string, wrong func(string, ...any)) {
	rest := f.There
	for strings.HasPrefix(rest, "../") {
		r.up, rest = r.up+1, rest[len("../"):]
	}
	depth := 0
	for g := r; g.parent != nil; g = g.parent {
		depth += len(g.steps)
	}
	if r.up == 0 || r.up > depth {
		wrong("there %q, expected 1 to %d times ../ before an element", f.There, depth)
		return
	}
	var attr *table.Step
	if r.there, attr = c.head.Target(c.File, node, f.ID, rest); attr != nil {
		wrong("there %q is an attribute, expected an element", f.There)
	}
}
