package program

import (
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// plan builds what decode reads inside a group, from its rows.
func (c *compiler) plan(group *Row) {
	d := &Decoding{Node: &Node{}}
	group.Decoding = d
	for _, r := range group.rows {
		if r.Job == Set {
			d.Sets = append(d.Sets, r)
			continue
		}
		at := c.place(d.Node, r)
		d.Hollow = d.Hollow || at == d.Node && r.Info.Empty != "" && r.Decodes()
		if r.Job == Group {
			c.plan(r)
		}
		if !r.Decodes() {
			continue
		}
		if r.Info.Required && r.When == nil && (len(r.Steps) > 0 || r.Attr != nil) {
			d.Required = append(d.Required, Expect{r, at})
		}
		if r.Job == Value && !r.Item && r.Info.Language == nil && r.Value.Codec.Half == 0 && (r.Value.Time == nil || r.Value.Time.Date) {
			r.Shared = r.Shared || r.Reach > 0
			if first := c.fields[r.Info.From]; first != nil {
				first.Shared, r.Shared = true, true
			}
			c.fields[r.Info.From] = r
		}
		if r.Spread != nil && !r.Spread.Lone {
			if first := c.fields[r.Info.From]; first != nil {
				first.Shared, r.Shared = true, true
			}
			c.fields[r.Info.From] = r
		}
		if r.Info.From == "envelope.issued" && r.Job == Value && c.made.Issued == nil && !group.repeats() {
			c.made.Issued = r
		}
	}
	group.Discriminators = discriminators(group)
	group.findEarlier()
}

// yielding checks the rows that let another place of the document win.
func (c *compiler) yielding() {
	for _, r := range c.made.Rows {
		switch {
		case !r.Yields || r.Path == nil:
		case !r.Shared:
			c.rowError(r, "yields, and no other row reads %s, expected one that wins", r.Info.From)
		case r.Info.Lossy == "":
			c.rowError(r, "yields to another place of the document, expected lossy")
		}
	}
}

// overwritten finds constants that take the place of what a row reads: the canonical one that is set
// behind it, and the text that is written where it stood.
func (c *compiler) overwritten() {
	for _, k := range c.made.Rows {
		var r *Row
		switch {
		case k.Info.Lossy != "":
		case k.Job == Set:
			r = c.find(func(r *Row) bool {
				return r.Job == Value && r.Decodes() && r.Info.Lossy == "" && r.Info.From == k.Info.Set && r.repeater() == k.repeater()
			})
		case k.Job == Const && k.Encodes():
			at := func(r *Row) bool {
				return r.Job == Value && r.Info.Target == k.Info.Target && r.repeater() == k.repeater()
			}
			if c.find(func(r *Row) bool { return at(r) && r.Encodes() }) == nil {
				r = c.find(func(r *Row) bool { return at(r) && r.Info.Lossy == "" })
			}
		}
		if r != nil {
			c.rowError(k, "its constant takes the place of what row %s on line %d reads, expected lossy on one of them", r.Info.ID, r.Info.Line)
		}
	}
}

// find returns the first row of the table that is as wanted, nil if none is.
func (c *compiler) find(wanted func(*Row) bool) *Row {
	if i := slices.IndexFunc(c.made.Rows, wanted); i >= 0 {
		return c.made.Rows[i]
	}
	return nil
}

// repeater is the nearest group around a row that repeats, nil if none does.
func (r *Row) repeater() *Row {
	for g := r.parent; g != nil; g = g.parent {
		if g.Each {
			return g
		}
	}
	return nil
}

// repeats reports whether the row is in a group that repeats.
func (r *Row) repeats() bool {
	for ; r != nil; r = r.parent {
		if r.Each {
			return true
		}
	}
	return false
}

// place puts a row at the node of its target and returns that, nil if it cannot stand there.
func (c *compiler) place(at *Node, r *Row) *Node {
	for i := range r.Steps {
		if len(at.Groups) > 0 {
			c.inside(r, at.Groups[0])
			return nil
		}
		at = c.child(&at.children, r.Steps[i].Name)
		at.Repeats = at.Repeats || r.Each && i < len(r.Steps)-1
	}
	if r.Attr != nil {
		if len(at.Groups) > 0 {
			c.inside(r, at.Groups[0])
			return nil
		}
		at = c.child(&at.attrs, r.Attr.Name)
	}
	switch {
	case !r.Decodes():
		at.Passed = true
	case r.Job != Group:
		if len(at.Groups) > 0 {
			c.inside(r, at.Groups[0])
		}
		at.Values = append(at.Values, r)
	case len(at.Values)+len(at.children)+len(at.attrs) > 0:
		c.rowError(r, "groups an element that other rows write into, expected those rows inside the group")
	default:
		at.Groups = append(at.Groups, r)
	}
	return at
}

func (c *compiler) child(list *[]*Node, name xmltree.Name) *Node {
	for _, n := range *list {
		if n.name == name {
			return n
		}
	}
	n := &Node{name: name, Number: c.made.Nodes}
	c.made.Nodes++
	*list = append(*list, n)
	return n
}

// inside says that a row stands beside a group whose element it writes into.
func (c *compiler) inside(r, group *Row) {
	c.rowError(r, "writes into the element of group %s, expected it among that group's rows", group.Info.ID)
}

// discriminators returns what decode knows a group by from others of the same name: constants
// that are always written, and texts that are like an expression.
func discriminators(group *Row) []*Row {
	var out []*Row
	for _, r := range group.rows {
		always := r.Job == Const && r.When == nil && r.Encodes()
		if (always || r.Value.Like != nil) && r.Decodes() {
			out = append(out, r)
		}
		if r.Job == Group && !r.Each {
			for _, inner := range discriminators(r) {
				outer := *inner
				outer.Steps = slices.Concat(r.Steps, inner.Steps)
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
		referred[r.Info.Refer] = true
		if r.Store = c.stores[r.Info.Refer]; r.Store == nil {
			c.rowError(r, "no row collects %s, expected it in the collect of a group", r.Info.Refer)
		}
	}
	for _, r := range c.made.Stores {
		for _, path := range r.Collect {
			if !referred[path.String()] {
				c.rowError(r, "collects %s and nothing refers to it, expected a row with refer", path)
			}
		}
		handles := 0
		for _, inner := range r.rows {
			if inner.Job == Handle {
				handles++
				r.Handle = inner
			}
		}
		if handles != 1 {
			c.rowError(r, "has %d rows with handle, expected one", handles)
		}
	}
}

// keys finds the rows of a group that say which elements it reads, or is in.
func (c *compiler) keys(group *Row, errorf func(string, ...any)) {
	group.Keys = make([][]*Row, len(group.Hops)+1)
	for _, r := range group.rows {
		if !r.Info.Key {
			continue
		}
		if level := len(group.Hops) - r.Reach; level >= 0 && group.Each && !r.Item {
			group.Keys[level] = append(group.Keys[level], r)
		} else {
			c.rowError(r, "key of another list, expected one of %s or of a list that it passes through", group.Info.Each)
		}
	}
	c.sought(group)
	for i, hop := range group.Hops {
		if group.Keys[i] == nil && !hop.Sought && group.Decodes() && group.Info.Lossy == "" {
			errorf("each %s passes through %s, expected a row with a required value of that list's elements and key: true, or lossy", group.Info.Each, hop.Path)
		}
	}
}

// sought settles the lists without keys around a list of which a key says which element is meant: it is
// sought in all their elements.
func (c *compiler) sought(group *Row) {
	if len(group.Hops) == 0 || group.Path == nil {
		return
	}
	way := strings.TrimSuffix(group.Info.Each, "."+group.Path.String()) // to the list of the hop
	keyed := false
	for i := len(group.Hops) - 1; i >= 0; i-- {
		hop := group.Hops[i]
		if hop.Sought = keyed && group.Keys[i] == nil; group.Keys[i] != nil {
			keyed, hop.Within = true, gateway.Term(way)
			if holder := c.find(func(r *Row) bool { return r.Each && r.Info.Each == way }); holder != nil {
				hop.Within = holder.Target()
			}
		}
		way = strings.TrimSuffix(way, "."+hop.Path.String())
	}
}

// findEarlier notes which rows of a group decode asks first about an element that another
// one writes.
func (r *Row) findEarlier() {
	for i, later := range r.rows {
		for _, q := range r.rows[:i] {
			if q.Neighbour != nil && q.Decodes() && later.Job == Group && later.Encodes() && slices.EqualFunc(q.Steps, later.Steps, func(a, b table.Step) bool { return a.Name == b.Name }) {
				later.Earlier = append(later.Earlier, q)
			}
		}
	}
}

// local compiles the offices whose local time the table writes.
func (c *compiler) local(paths []string) {
	for _, p := range paths {
		var o Office
		for at, path := range map[string]**document.Path{p + ".code": &o.Code, p + ".administration": &o.Administration} {
			compiled, err := document.CompileFor(c.head.Kind(), at)
			if err != nil || compiled.Many() {
				c.At("$.zone_of", "%s is no office of a %s, expected the path of one", p, c.head.Kind())
				return
			}
			*path = compiled
		}
		for _, r := range c.made.Rows {
			switch {
			case !r.Decodes():
			case r.Info.From == p+".code":
				o.CodeRows = append(o.CodeRows, r)
			case r.Info.From == p+".administration" || r.Info.Set == p+".administration":
				o.AdministrationRows = append(o.AdministrationRows, r)
			}
		}
		c.made.Offices = append(c.made.Offices, o)
	}
}
