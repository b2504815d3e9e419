package mapping

import (
	"slices"

	"customs.example/gateway/xmltree"
)

// node is an element that decode may meet inside a group's element, and the rows that
// read it: either groups, or values with its attributes and children.
type node struct {
	name     xmltree.Name
	number   int // of its mark in a decoder
	children []*node
	attrs    []*node
	values   []*row // of the text, or of the attribute
	groups   []*row
	past     bool // some row writes it and none reads it
	leads    bool // to elements that repeat, so it may repeat itself
}

// find returns the child of a name. Elements mostly come in the order of the rows, so
// the search starts where the last one ended.
func (n *node) find(name xmltree.Name, from *int) *node {
	count := len(n.children)
	at := *from
	for range count {
		if at >= count {
			at = 0
		}
		if c := n.children[at]; c.name == name {
			*from = at
			return c
		}
		at++
	}
	return nil
}

func (n *node) attr(name xmltree.Name) *node {
	for _, a := range n.attrs {
		if a.name == name {
			return a
		}
	}
	return nil
}

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
		at = c.child(&at.children, r.steps[i].name)
		at.leads = at.leads || r.each && i < len(r.steps)-1
	}
	if r.attr != nil {
		if len(at.groups) > 0 {
			c.inside(r, at.groups[0])
			return
		}
		at = c.child(&at.attrs, r.attr.name)
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
