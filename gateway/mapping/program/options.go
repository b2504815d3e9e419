package program

import (
	"cmp"
	"slices"
	"strings"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/table"
)

func (c *compiler) condition(r *Row, f *table.Row, p place, errorf func(string, ...any)) {
	md, inside := p.md, r.Job == Group && r.Path != nil && !r.Scalar && r.Path.Descriptor() != nil
	if inside {
		md = r.Path.Descriptor()
	}
	if c.env == nil {
		errorf("when %q, expected a loader that knows conditions", f.When)
		return
	}
	var err error
	switch {
	case r.Each && r.Scalar:
		r.When, err = c.env.OfText(md, f.When)
	case inside && strings.Contains(f.When, "outer"):
		r.When, err = c.env.Within(md, p.md, f.When)
	default:
		r.When, err = c.env.Condition(md, f.When)
	}
	if err != nil {
		errorf("%s, expected a condition on %s", strings.Join(strings.Fields(err.Error()), " "), md.Name())
		return
	}
	for _, asked := range r.When.Extensions() {
		if !slices.Contains(c.declared.On(asked.Message), asked.Name) {
			errorf("when asks for extension %q of a %s, which the table does not declare", asked.Name, asked.Message.Name())
		}
	}
}

// except checks the function codes of the documents of which a row requires nothing: decode
// has read the code by the time that it asks.
func (c *compiler) except(f *table.Row, errorf func(string, ...any)) {
	for _, code := range f.Except {
		if _, known := customsv1.FunctionCode_value[code]; !known {
			errorf("except %q, expected a function code of the canonical document", code)
		}
	}
	if len(f.Except) > 0 && !slices.ContainsFunc(c.made.Rows, func(r *Row) bool { return r.Info.From == "envelope.function" }) {
		errorf("except stands before any row reads envelope.function")
	}
}

// options compiles list, time, use, max, and checks that keys fit the row.
func (c *compiler) options(r *Row, f *table.Row, node string, errorf func(string, ...any)) {
	isValue := r.Job == Value
	v := &r.Value
	c.space(r, f, errorf)
	isNumber := r.Job == Count || r.Job == Sum || r.Job == Every // a value that stands for a list
	for _, k := range []struct {
		given bool
		key   string
		fits  bool
	}{
		{f.List != "", "list", isValue}, {f.Use != "", "use", isValue || isNumber}, {f.Default.Given, "default", isValue && f.Each == ""}, {f.Empty.Given, "empty", isValue && f.Each == "" && f.Language == nil && !f.Key}, {f.Equal, "equal", r.Job == Every && r.Encodes()}, {f.Yields, "yields", r.Decodes() && !f.Key && (r.Job == Every || isValue && !r.Item && f.Language == nil)}, {f.Spelling, "spelling", isValue && !r.Each && !r.Extends && v.Field == document.Decimal && (f.Use == "" || f.Use == "comma")},
		{f.Language != nil, "language", isValue && f.Each == "" && len(f.Language) > 0}, {f.Time != "", "time", isValue},
		{f.Like != "", "like", isValue}, {f.There != "", "there", r.Job == Group && r.Decodes()},
		{f.Max != 0, "max", (isValue || isNumber) && f.Max > 0}, {f.OnOverflow != "", "on_overflow", isValue && f.Max > 0},
		{f.Always, "always", f.Each == "" && f.With == "" && f.Collect == nil && r.Job != Set && r.Job != Refer},
		{f.When != "", "when", r.Job != Set && f.Collect == nil}, {f.Required, "required", r.Job != Set && r.Job != Const && r.Job != Handle && f.Collect == nil},
		{len(f.Except) > 0, "except", f.Required}, {f.Zone != "", "zone", isValue}, {f.Space != "", "space", isValue && v.Prose && r.Attr == nil}, {f.Once, "once", f.Each != "" && !r.Decodes()}, {f.Lone, "lone", r.Job == Sum && r.Decodes()}, {f.Key, "key", isValue && f.Required && f.Each == "" && f.Language == nil && r.Decodes()},
	} {
		if k.given && !k.fits {
			errorf("%s does not fit this row, expected it on %s", k.key, keyFor[k.key])
		}
	}
	c.except(f, errorf)
	r.Once = f.Once
	if f.There != "" {
		c.neighbour(r, f, node, errorf)
	}
	if !isValue && !isNumber || r.Path == nil {
		return
	}
	if r.Job == Count {
		v.Field = document.Uint
	}
	twoWay := f.Direction != "encode" && f.Lossy == ""
	if f.List != "" {
		v.Lists, v.List, v.System = c.lists, f.List, c.head.System()
		if !c.lists.Has(f.List) {
			errorf("unknown code list %q, expected one that there is: nearest are %v", f.List, document.Nearest(f.List, c.lists.Names(), 3))
		}
	}
	v.Max, v.Spelled = f.Max, f.Spelling
	if f.Like != "" {
		var err error
		if v.Like, err = convert.Anchored(f.Like); err != nil {
			errorf("like %q, expected a regular expression: %v", f.Like, err)
		}
	}
	c.time(r, f, node, errorf)
	if f.Use != "" {
		codec, err := convert.Bind(f.Use, v.Field)
		if err != nil {
			errorf("%v", err)
		}
		v.Codec, v.Converts = codec, err == nil
		if err == nil && codec.Decode == nil && twoWay {
			errorf("conversion %s has no inverse, expected lossy or direction: encode", f.Use)
		}
	}
	if v.Codec.Many && v.Preserves {
		v.Codec = convert.Split(v.Codec.Length, v.Codec.Most, true)
	}
	switch f.OnOverflow {
	case "", "reject":
	case "truncate":
		if v.Truncates = true; twoWay {
			errorf("on_overflow truncate loses text, expected lossy or direction: encode")
		}
	case "split":
		if f.Use != "" || v.Field != document.String {
			errorf("on_overflow split, expected a string without use")
		}
		v.Codec, v.Converts, v.Max = convert.Split(max(f.Max, 1), 0, v.Preserves), true, 0
	default:
		errorf("on_overflow %q, expected reject, truncate or split", f.OnOverflow)
	}
	if v.Codec.Many && (r.Attr != nil || r.Each || len(r.Steps) == 0) {
		errorf("several texts in one place, expected an element without each")
	}
	if f.Empty.Given {
		switch err := v.Leaf.Check(f.Empty.Text); {
		case f.Empty.Bad || f.Empty.Text == "":
			errorf("empty is no text, expected the canonical value in quotes that an empty element is")
		case v.Codec.Many || v.Codec.Separator != "" || v.Half() > 0:
			errorf("empty beside a value that is all of no element, expected it on a row that alone reads its element")
		case err != nil:
			errorf("empty: %v", err)
		}
	}
	if !convert.Writable(f.Default.Text) {
		errorf("default %q holds a character that XML cannot carry, expected a text", f.Default.Text)
	}
}

// space settles what a row does with white space: texts that people write keep it in an
// element where the row, or else the table, says preserve.
func (c *compiler) space(r *Row, f *table.Row, errorf func(string, ...any)) {
	if r.Job != Value || r.Path == nil {
		return
	}
	field := r.Path.Field()
	if r.Text != nil {
		field = r.Text.Field()
	}
	if r.Extends {
		field = *r.declared
	}
	r.Value.Leaf, r.Value.Prose = field, field.Prose()
	switch cmp.Or(f.Space, c.spaces) {
	case "", "collapse":
	case "preserve":
		r.Value.Preserves = r.Value.Prose && r.Attr == nil
	default:
		errorf("space %q, expected preserve or collapse", cmp.Or(f.Space, c.spaces))
	}
	r.Info.Prose, r.Info.Preserves = r.Value.Prose, r.Value.Preserves
}

// keyFor says which rows a key is for.
var keyFor = map[string]string{
	"list": "a value row", "use": "a value, count or sum row", "default": "a value row without each", "empty": "a value row without each, language and key", "equal": "a row with every that is written", "spelling": "the value row of a decimal, without use or with use: comma", "yields": "a value or every row that is read, without key, each and language", "language": "a value row without each, with at least one language",
	"time": "a value row", "max": "a value, count or sum row, from 1", "like": "a value row", "there": "a group that is read", "lone": "a sum that is read", "on_overflow": "a value row with max", "always": "a row without each, with, collect, refer and set",
	"when": "a row with a target, without collect", "required": "a row that is not constant, handle or collect", "except": "a required row", "zone": "a value row", "once": "an each that is only written", "space": "the value row of a text that people write, in an element",
	"key": "a required value row without each and language, not direction: encode",
}

// pairs checks that a field whose value is in two places is read from both: an
// Instant's day and time of day, the head and rest of a text.
func (c *compiler) pairs(group *Row) {
	halves := map[string]*Row{}
	for _, r := range group.rows {
		if r.Value.Half() == 1 && r.Decodes() && r.Info.Lossy == "" {
			halves[r.Info.From] = r
		}
	}
	for _, r := range group.rows {
		if r.Value.Half() != 2 {
			continue
		}
		if halves[r.Info.From] == nil && r.Decodes() && r.Info.Lossy == "" {
			c.rowError(r, "reads the second half of %s and no row the first, expected both, lossy or direction: encode", r.Info.From)
		}
		delete(halves, r.Info.From)
	}
	for _, r := range group.rows {
		if halves[r.Info.From] == r {
			c.rowError(r, "reads the first half of %s and no row the second, expected both, lossy or direction: encode", r.Info.From)
		}
	}
	for i, r := range group.rows {
		before, after := r, r
		switch mark := r.Value.Codec.Separator; {
		case mark == "":
			continue
		case r.Value.Codec.After && i > 0:
			before = group.rows[i-1]
		case !r.Value.Codec.After && i+1 < len(group.rows):
			after = group.rows[i+1]
		}
		if before == after || before.Value.Codec.Separator != after.Value.Codec.Separator || before.Value.Codec.After || !after.Value.Codec.After ||
			before.Info.Target != after.Info.Target || before.Info.Direction != after.Info.Direction {
			c.rowError(r, "conversion %s stands alone, expected two rows of one target and direction: before(x), then after(x)", r.Info.Use)
			continue
		}
		before.Second = after
		before.Value.Lead, after.Value.Lead = &before.Value, &before.Value
	}
}

// time compiles how a row writes an instant or a day.
func (c *compiler) time(r *Row, f *table.Row, node string, errorf func(string, ...any)) {
	form := f.Time
	switch r.Value.Field {
	case document.Instant:
		form = cmp.Or(form, "instant")
	case document.Date:
		form = cmp.Or(form, "xs-date")
	default:
		if form != "" {
			errorf("time on a %s, expected an instant or a date", r.Value.Field)
		}
		return
	}
	zone := c.zone
	if f.Zone != "" {
		zone = c.location(node+".zone", f.ID, f.Zone)
	}
	t, err := convert.NewTimeForm(form, zone)
	if err != nil {
		errorf("%v", err)
		return
	}
	t.Office = f.Zone == "" && len(c.offices) > 0
	instant := r.Value.Field == document.Instant
	moment := !instant && t.Offset && zone != nil && (f.Lossy != "" || !r.Decodes()) // of which the day alone is kept
	switch {
	case instant && zone == nil && !t.Offset:
		errorf("time %s of an instant without zone, expected zone on the row or the table", form)
	case !instant && !moment && (t.Clock || !t.Date):
		errorf("time %s of a date, expected a form of a day, or instant with a zone and lossy", form)
	}
	r.Value.Time = t
}

// neighbour compiles the element without which a group is not read: "../../p:Name".
func (c *compiler) neighbour(r *Row, f *table.Row, node string, errorf func(string, ...any)) {
	rest := f.There
	up := 0
	for strings.HasPrefix(rest, "../") {
		up, rest = up+1, rest[len("../"):]
	}
	depth := 0
	for g := r; g.parent != nil; g = g.parent {
		depth += len(g.Steps)
	}
	if up == 0 || up > depth {
		errorf("there %q, expected 1 to %d times ../ before an element", f.There, depth)
		return
	}
	steps, attr := c.head.Target(c.File, node, f.ID, rest)
	if attr != nil {
		errorf("there %q is an attribute, expected an element", f.There)
	}
	r.Neighbour = &Neighbour{up, steps}
}
