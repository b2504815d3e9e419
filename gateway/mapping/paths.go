package mapping

import (
	"cmp"
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/table"
)

// paths compiles the row's canonical paths, checks that their types fit, and returns
// where rows inside it stand.
func (c *compiler) paths(r *row, f *table.Row, p place, wrong func(string, ...any)) place {
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
	path, err := inner.compile(c.head.Kind(), source)
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
	if r.of, err = p.compile(c.head.Kind(), list); err == nil && r.of.Repeated() && r.of.Descriptor() != nil {
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
		path, err := p.compile(c.head.Kind(), part)
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

// collect compiles a group that holds messages of the whole document, once each,
// which other rows refer to.
func (c *compiler) collect(r *row, f *table.Row, p place, wrong func(string, ...any)) place {
	if !p.root || p.list != nil {
		wrong("collect inside each or with, expected it outside")
		return p
	}
	inner := p
	for i, source := range f.Collect {
		path, err := document.CompileFor(c.head.Kind(), source)
		if err != nil {
			wrong("%v", err)
			return p
		}
		switch {
		case path.Leaf() || path.Repeated() || source == ".":
			wrong("collect %s, expected a single message, be it in a list", source)
			return p
		case i == 0:
			inner = place{md: path.Descriptor(), prefix: source}
		case path.Descriptor() != inner.md:
			wrong("collect %s is a %s, expected %s as in %s", source, path.Descriptor().Name(), inner.md.Name(), f.Collect[0])
		case c.stores[source] != nil:
			wrong("collect %s, which row %s collects, expected it once", source, c.stores[source].info.ID)
		}
		c.stores[source] = r
		r.collect = append(r.collect, path)
	}
	r.info.Collect = f.Collect
	c.made.stores = append(c.made.stores, r)
	return inner
}

// looksUp compiles which elements of the row's first list are meant: those whose value by
// is one of the texts at in, where the row stands.
func (c *compiler) looksUp(r *row, f *table.Row, p place, wrong func(string, ...any)) {
	list := r.path
	if len(r.hops) > 0 {
		list = r.hops[0].path
	}
	if !r.noDecode || f.Each == "" && (r.job != countJob || len(r.hops) != 1) || list.Descriptor() == nil {
		wrong("by and in, expected direction: encode and each, or the count of a list in a list")
		return
	}
	var err error
	if r.by, err = document.Compile(list.Descriptor(), f.By); err != nil || !r.by.Leaf() || r.by.Many() {
		wrong("by %q, expected a value of the elements of %s", f.By, list)
	}
	if r.in, err = p.compile(c.head.Kind(), f.In); err != nil || !r.in.Leaf() {
		wrong("in %q, expected texts where the row stands", f.In)
		r.in = nil
		return
	}
	r.info.By, r.info.In = f.By, p.full(f.In)
}
