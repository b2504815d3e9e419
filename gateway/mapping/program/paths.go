package program

import (
	"cmp"
	"regexp"
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/table"
)

// nth is a position in a path.
var nth = regexp.MustCompile(`\[[0-9]+\]`)

// paths compiles the row's canonical paths, checks that their types fit, and returns
// where rows inside it stand.
func (c *compiler) paths(r *Row, f *table.Row, p place, errorf func(string, ...any)) place {
	if f.Collect != nil {
		return c.collect(r, f, p, errorf)
	}
	source := cmp.Or(f.Each, f.With, f.Set, f.Count, f.Sum, f.Every, f.Refer, f.From)
	if source == "" {
		if r.Job == Handle && (p.parent.Collect == nil || !convert.Writable(f.Handle)) {
			errorf("handle %q, expected it among the rows of a group with collect", f.Handle)
		}
		return p
	}
	if f.Each == "" && f.From == "." {
		if r.Item = true; p.scalar == nil {
			errorf("from \".\" outside each over a list of texts, expected a path")
			return p
		}
		r.Path, r.Info.From, r.Value.Field = p.scalar, p.prefix, p.scalar.Field().Type
		return p
	}
	from, away, source, err := p.reach(source)
	if err != nil {
		errorf("%v", err)
		return p
	}
	if from.scalar != nil {
		errorf("path %q inside each over texts, expected from: \".\"", source)
		return p
	}
	inner := *from
	r.Reach = away
	if f.Each != "" || f.In != "" {
		if inner, source, err = c.hops(r, inner, source); err != nil {
			errorf("%v", err)
			return p
		}
	}
	path, err := inner.compile(c.head.Kind(), source)
	if err != nil {
		errorf("%v", err)
		return p
	}
	r.Path = path
	if f.In != "" || f.By != "" {
		c.looksUp(r, f, p, errorf)
	}
	if r.Job != Set && f.Direction == "" && f.Lossy == "" && nth.MatchString(source) {
		errorf("%s is one element of a list, of which the others are lost, expected lossy, or direction", source)
	}
	full := inner.full(source)
	field := c.field(r, f, path, full, errorf)
	r.Value.Field = field.Type
	if path.Many() && r.Job != Count && r.Job != Sum && r.Job != Every && !(f.Each != "" && path.Repeated() || f.Language != nil) {
		errorf("%s is a list, expected each, or a selector such as [0]", source)
	}
	switch {
	case f.Each != "":
		r.Each, r.Scalar, r.Item, r.Info.Each = true, path.Leaf(), f.From == ".", full
		if r.Item {
			r.Info.From = full
		}
		if !path.Repeated() {
			errorf("each %s, expected a list without selector", source)
		}
		if r.Item && !r.Scalar {
			errorf("each %s is a list of messages, expected rows", source)
		}
		if r.Item && r.Hops != nil {
			errorf("each %s passes through a list, expected rows, one of them a key", full)
		}
	case f.With != "":
		r.Info.With = full
		if path.Leaf() || path.Repeated() {
			errorf("with %s, expected a message", source)
		}
	case r.Job == Refer:
		r.Info.Refer = full
		c.refers = append(c.refers, r)
		if path.Leaf() || path.Many() || from.prefix != "" && from.outer == nil {
			errorf("refer %s, expected a single message, outside collect", source)
		}
	case r.Job == Count:
		r.Info.From = full
		if !path.Many() {
			errorf("count %s, expected a list", source)
		}
	case r.Job == Sum:
		r.Info.From = full
		if field.Type != document.Decimal && field.Type != document.Uint {
			errorf("sum %s is a %s, expected a decimal", source, field.Type)
		}
		if f.Lone {
			c.elements(r, inner, source, errorf)
		}
	case r.Job == Every:
		r.Info.From = full
		c.elements(r, inner, source, errorf)
	case r.Job == Set:
		r.Info.Set = full
		if away > 0 {
			errorf("set %s reaches outwards, expected it where the path starts", full)
		} else if !path.Leaf() {
			errorf("set %s is a message, expected a leaf", source)
		} else if err := field.Check(f.Const.Text); err != nil {
			errorf("set %s: %v", source, err)
		}
	case f.Language != nil:
		r.Info.From = full
		c.texts(r, inner, errorf)
	default:
		r.Info.From = full
		if !path.Leaf() {
			errorf("%s is a message, expected a leaf, or language for texts", source)
		}
	}
	if f.Each == "" && f.With == "" {
		return p
	}
	within := inner.inside(r, source)
	if f.Each != "" && field.Extends() {
		within.prefix += "[name=" + c.repeated(f, within.prefix, errorf) + "]"
	}
	return within
}

// elements compiles the list whose elements a value that stands once is read into, and
// which of their values it is.
func (c *compiler) elements(r *Row, p place, source string, errorf func(string, ...any)) {
	var err error
	s := &Spread{Lone: r.Job == Sum}
	steps := document.Steps(source)
	for i := 1; i < len(steps) && s.Leaf == nil && err == nil; i++ { // to the first list
		s.List, err = p.compile(c.head.Kind(), strings.Join(steps[:i], "."))
		if err == nil && s.List.Repeated() && s.List.Descriptor() != nil {
			s.Leaf, err = document.Compile(s.List.Descriptor(), strings.Join(steps[i:], "."))
		}
	}
	if err != nil || s.Leaf == nil || !s.Leaf.Leaf() || s.Leaf.Many() || r.Hops != nil || r.Reach > 0 {
		errorf("%s is no value of the elements of one list, where the row stands", source)
		return
	}
	r.Spread = s
}

// texts compiles what a language row reads of its list of texts.
func (c *compiler) texts(r *Row, p place, errorf func(string, ...any)) {
	md := r.Path.Descriptor()
	if md == nil || md.Name() != "Text" || !r.Path.Repeated() {
		errorf("language on %s, expected a list of texts", r.Path)
		return
	}
	var err error
	if r.Tag, err = document.Compile(md, "language"); err == nil {
		r.Text, err = document.Compile(md, "value")
	}
	if err != nil {
		errorf("%v", err)
		return
	}
	r.Value.Field = document.String
}

// hops makes a row of each list that an each passes through before its own, and
// returns where the rest of its path starts.
func (c *compiler) hops(r *Row, p place, source string) (place, string, error) {
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
		hop := &Row{Job: Group, Info: r.Info, Each: true, Path: path}
		r.Hops = append(r.Hops, hop)
		p, from = p.inside(hop, part), i
	}
	return p, strings.Join(steps[from:], "."), nil
}

// collect compiles a group that holds messages of the whole document, once each,
// which other rows refer to.
func (c *compiler) collect(r *Row, f *table.Row, p place, errorf func(string, ...any)) place {
	if !p.root || p.list != nil {
		errorf("collect inside each or with, expected it outside")
		return p
	}
	inner := p
	for i, source := range f.Collect {
		path, err := document.CompileFor(c.head.Kind(), source)
		if err != nil {
			errorf("%v", err)
			return p
		}
		switch {
		case path.Leaf() || path.Repeated() || source == ".":
			errorf("collect %s, expected a single message, be it in a list", source)
			return p
		case i == 0:
			inner = place{md: path.Descriptor(), prefix: source}
		case path.Descriptor() != inner.md:
			errorf("collect %s is a %s, expected %s as in %s", source, path.Descriptor().Name(), inner.md.Name(), f.Collect[0])
		case c.stores[source] != nil:
			errorf("collect %s, which row %s collects, expected it once", source, c.stores[source].Info.ID)
		}
		c.stores[source] = r
		r.Collect = append(r.Collect, path)
	}
	r.Info.Collect = f.Collect
	c.made.Stores = append(c.made.Stores, r)
	return inner
}

// looksUp compiles which elements of the row's first list are meant: those whose value by
// is one of the texts at in, where the row stands.
func (c *compiler) looksUp(r *Row, f *table.Row, p place, errorf func(string, ...any)) {
	list := r.Path
	if len(r.Hops) > 0 {
		list = r.Hops[0].Path
	}
	if r.Decodes() || f.Each == "" && (r.Job != Count || len(r.Hops) != 1) || list.Descriptor() == nil {
		errorf("by and in, expected direction: encode and each, or the count of a list in a list")
		return
	}
	var err error
	if r.By, err = document.Compile(list.Descriptor(), f.By); err != nil || !r.By.Leaf() || r.By.Many() {
		errorf("by %q, expected a value of the elements of %s", f.By, list)
	}
	if r.In, err = p.compile(c.head.Kind(), f.In); err != nil || !r.In.Leaf() {
		errorf("in %q, expected texts where the row stands", f.In)
		r.In = nil
		return
	}
	r.Info.By, r.Info.In = f.By, p.full(f.In)
}
