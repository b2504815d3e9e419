package mapping

import (
	"slices"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// plan builds what decode reads inside a group, from its rows.
func (c *compiler) plan(group *row) {
	group.body = &node{}
	for _, r := range group.rows {
		if r.job == setJob {
			group.sets = append(group.sets, r)
			continue
		}
		c.place(group.body, r)
		if r.job == groupJob {
			c.plan(r)
		}
		if r.noDecode {
			continue
		}
		if r.info.Required && r.when == nil && (len(r.steps) > 0 || r.attr != nil) {
			group.must = append(group.must, r)
		}
		if r.job == valueJob && !r.dot && r.language == nil && r.value.Codec.Half == 0 && (r.value.Time == nil || r.value.Time.Date) {
			r.shared = r.shared || r.reach > 0
			if first := c.fields[r.info.From]; first != nil {
				first.shared, r.shared = true, true
			}
			c.fields[r.info.From] = r
		}
		if r.info.From == "envelope.issued" && r.job == valueJob && c.made.issued == nil && !group.repeats() {
			c.made.issued = r
		}
	}
	group.tell = tells(group)
	group.findRivals()
}

// repeats reports whether the row is in a group that repeats.
func (r *row) repeats() bool {
	for ; r != nil; r = r.parent {
		if r.each {
			return true
		}
	}
	return false
}

// place puts a row at the node of its target.
func (c *compiler) place(at *node, r *row) {
	for i := range r.steps {
		if len(at.groups) > 0 {
			c.inside(r, at.groups[0])
			return
		}
		at = c.child(&at.children, r.steps[i].Name)
		at.leads = at.leads || r.each && i < len(r.steps)-1
	}
	if r.attr != nil {
		if len(at.groups) > 0 {
			c.inside(r, at.groups[0])
			return
		}
		at = c.child(&at.attrs, r.attr.Name)
	}
	switch {
	case r.noDecode:
		at.past = true
	case r.job != groupJob:
		if len(at.groups) > 0 {
			c.inside(r, at.groups[0])
		}
		at.values = append(at.values, r)
	case len(at.values)+len(at.children)+len(at.attrs) > 0:
		c.says(r, "groups an element that other rows write into, expected those rows inside the group")
	default:
		at.groups = append(at.groups, r)
	}
}

func (c *compiler) child(list *[]*node, name xmltree.Name) *node {
	for _, n := range *list {
		if n.name == name {
			return n
		}
	}
	n := &node{name: name, number: c.made.nodes}
	c.made.nodes++
	*list = append(*list, n)
	return n
}

// inside says that a row stands beside a group whose element it writes into.
func (c *compiler) inside(r, group *row) {
	c.says(r, "writes into the element of group %s, expected it among that group's rows", group.info.ID)
}

// tells returns what decode knows a group by from others of the same name: constants
// that are always written, and texts that are like an expression.
func tells(group *row) []*row {
	var out []*row
	for _, r := range group.rows {
		always := r.job == constJob && r.when == nil && !r.noEncode
		if (always || r.value.Like != nil) && !r.noDecode {
			out = append(out, r)
		}
		if r.job == groupJob && !r.each {
			for _, inner := range tells(r) {
				outer := *inner
				outer.steps = slices.Concat(r.steps, inner.steps)
				out = append(out, &outer)
			}
		}
	}
	return out
}

// references ties every refer to the group that collects what it refers to.
func (c *compiler) references() {
	referred := map[string]bool{}
	for _, r := range c.refers {
		referred[r.info.Refer] = true
		if r.store = c.stores[r.info.Refer]; r.store == nil {
			c.says(r, "no row collects %s, expected it in the collect of a group", r.info.Refer)
		}
	}
	for _, r := range c.made.stores {
		for _, path := range r.collect {
			if !referred[path.String()] {
				c.says(r, "collects %s and nothing refers to it, expected a row with refer", path)
			}
		}
		handles := 0
		for _, inner := range r.rows {
			if inner.job == handleJob {
				handles++
			}
		}
		if handles != 1 {
			c.says(r, "has %d rows with handle, expected one", handles)
		}
	}
}

// keys finds the rows of a group that say which elements it reads, or is in.
func (c *compiler) keys(group *row, wrong func(string, ...any)) {
	group.keys = make([][]*row, len(group.hops)+1)
	for _, r := range group.rows {
		if !r.key {
			continue
		}
		if level := len(group.hops) - r.reach; level >= 0 && group.each && !r.dot {
			group.keys[level] = append(group.keys[level], r)
		} else {
			c.says(r, "key of another list, expected one of %s or of a list that it passes through", group.info.Each)
		}
	}
	for i, hop := range group.hops {
		if group.keys[i] == nil && !group.noDecode && group.info.Lossy == "" {
			wrong("each %s passes through %s, expected a row with a required value of that list's elements and key: true, or lossy", group.info.Each, hop.path)
		}
	}
}

// findRivals notes which rows of a group decode asks first about an element that another
// one writes.
func (r *row) findRivals() {
	for i, later := range r.rows {
		for _, q := range r.rows[:i] {
			if q.there != nil && !q.noDecode && later.job == groupJob && !later.noEncode && slices.EqualFunc(q.steps, later.steps, func(a, b table.Step) bool { return a.Name == b.Name }) {
				later.rivals = append(later.rivals, q)
			}
		}
	}
}

// local compiles the offices whose local time the table writes.
func (c *compiler) local(paths []string) {
	for _, p := range paths {
		var o localOffice
		for at, path := range map[string]**document.Path{p + ".code": &o.code, p + ".administration": &o.administration} {
			compiled, err := document.CompileFor(c.head.Kind(), at)
			if err != nil || compiled.Many() {
				c.At("$.zone_of", "%s is no office of a %s, expected the path of one", p, c.head.Kind())
				return
			}
			*path = compiled
		}
		for _, r := range c.made.rows {
			switch {
			case r.noDecode:
			case r.info.From == p+".code":
				o.codeRows = append(o.codeRows, r)
			case r.info.From == p+".administration" || r.info.Set == p+".administration":
				o.administrationRows = append(o.administrationRows, r)
			}
		}
		c.made.offices = append(c.made.offices, o)
	}
}
