package mapping

import (
	"slices"
	"strconv"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// job is what a row does.
type job int

const (
	valueJob job = iota
	constJob
	setJob
	countJob
	sumJob
	everyJob
	ordinalJob
	handleJob
	referJob
	groupJob
)

// row is a compiled row. It is never changed after loading.
type row struct {
	info   table.RowInfo
	job    job
	number int // of its mark in a decoder
	parent *row

	steps []table.Step // elements to the target, relative to the enclosing row's element
	attr  *table.Step  // the attribute, for an attribute's row

	reach    int            // contexts outwards that path starts from
	hops     []*row         // the lists that each passes through before its own
	by       *document.Path // of the elements of the first list: it is one of the texts at in
	in       *document.Path // in the context that the row stands in
	path     *document.Path // from, with, each, set, count, sum or refer; nil for ordinals, constants and plain groups
	each     bool           // repeats for every element of path
	scalar   bool           // each over texts
	dot      bool           // the value is the text of the enclosing each
	language []string
	tag      *document.Path // language and value of a text
	text     *document.Path
	shared   bool // another row reads into the same field
	value    convert.Value
	second   *row // the after of a before: both stand in one text
	when     *expr.Condition

	once bool // of an each: only its first element is written

	always, noEncode, noDecode bool

	key     bool             // tells an element of a list from the others
	keys    [][]*row         // of a group: keys of each hop, then of its own list
	collect []*document.Path // of a group: the messages that others refer to
	store   *row             // of refer: the group that collects

	rows []*row // of a group
	body *node  // what decode finds in a group's element
	sets []*row // set rows of a group
	must []*row // rows that decode requires in a group
	tell []*row // constants and likes that tell the group from others of its name

	of   *document.Path // of every, and of a sum that reads what stands alone: the list
	leaf *document.Path // and the value of its elements
	lone bool           // of a sum: what an only element does not say is the whole of it

	up    int          // of a group that is read only where another element is there: how far up that one's own
	there []table.Step // stands, and the way to it from there

	rivals []*row // groups before it of the same name that are read beside another element
}

// counts reports whether what the row writes is data of the document.
func (r *row) counts(fallback bool) bool {
	switch r.job {
	case constJob:
		return r.when != nil || r.always
	case ordinalJob:
		return r.always
	}
	return !fallback || r.always
}

// context is the message that canonical paths start from, and how it was reached.
// In decode its message is made when the first value arrives.
type context struct {
	up      *context
	via     *row // the each or with that leads here
	index   int  // in the list of each
	m       document.Node
	text    string // of each over texts; the handle of what is collected
	written int    // elements written by an each, for ordinals
	at      string // instance path, once asked for
	known   bool
}

// out returns the context so many levels outwards.
func (c *context) out(levels int) *context {
	for range levels {
		c = c.up
	}
	return c
}

// message returns the context's message and makes it if need be.
func (c *context) message() document.Node {
	switch {
	case c.m.IsValid():
	case c.via.scalar:
		c.m = c.up.message()
		c.index = c.via.length(c.m)
	case c.via.each:
		up := c.up.message()
		c.m = c.via.path.Append(up)
		c.index = c.via.length(up) - 1
	default:
		c.m = c.via.path.Message(c.up.message(), true)
	}
	return c.m
}

// instance returns the instance path of the context: where it is, or would be made.
func (c *context) instance() string {
	if c.up == nil || c.known {
		return c.at
	}
	at := c.via.path.Instance(c.up.m, c.up.instance())
	if c.via.each {
		index := c.index
		if !c.m.IsValid() && c.up.m.IsValid() {
			index = c.via.length(c.up.m)
		}
		at = document.Element(at, index)
	}
	if c.m.IsValid() {
		c.at, c.known = at, true
	}
	return at
}

// instance returns the instance path of the row's value in a context; index is the
// position of an appended element, else negative.
func (r *row) instance(c *context, index int) string {
	return string(r.appendInstance(nil, c, index))
}

func (r *row) appendInstance(b []byte, c *context, index int) []byte {
	b = append(b, c.instance()...)
	switch {
	case r.dot && r.each && index >= 0:
		return document.AppendIndex(r.path.AppendInstance(b, c.m), index)
	case r.dot && !r.each, r.path == nil:
		return b
	case r.of != nil && index >= 0: // read into an element of the list
		return append(append(document.AppendIndex(r.of.AppendInstance(b, c.m), index), '.'), r.leaf.String()...)
	case r.job == countJob || r.job == sumJob || r.job == everyJob: // stands for all of a list
		for _, hop := range r.hops {
			b = appendStep(b, hop.path.String())
		}
		return appendStep(b, r.path.String())
	}
	b = r.path.AppendInstance(b, c.m)
	if r.language != nil && index >= 0 {
		return append(document.AppendIndex(b, index), ".value"...)
	}
	return b
}

func appendStep(b []byte, step string) []byte {
	if len(b) > 0 {
		b = append(b, '.')
	}
	return append(b, step...)
}

// length returns how many elements or texts the list has that the row's path ends at.
func (r *row) length(m document.Node) int { return r.path.Len(m) }

// holds judges the row's condition on a message, from the one that the row stands in;
// text is that of an each over texts.
func (r *row) holds(this, outer document.Node, text string, root *rootDocument) (bool, error) {
	body := func(m document.Node) document.Node {
		if m == root.m {
			return root.body
		}
		return m
	}
	switch {
	case r.when == nil:
		return true, nil
	case r.scalar:
		return r.when.HoldsOf(body(this), root.d, text)
	}
	return r.when.HoldsWithin(body(this), body(outer), root.d)
}

// requires reports whether a document MUST have what the row carries.
func (r *row) requires(d *customsv1.Document) bool {
	return r.info.Required && (len(r.info.Except) == 0 || !slices.Contains(r.info.Except, d.GetEnvelope().GetFunction().String()))
}

// missing is the fault of a required value that is not there.
func (r *row) missing() gateway.Fault {
	return gateway.Fault{Code: gateway.MapRequired, Severity: gateway.Error, Expected: r.target()}
}

// target names the row's target for people: its path from the enclosing element.
func (r *row) target() gateway.Phrase {
	if len(r.steps) == 0 && r.attr == nil {
		return gateway.Say(gateway.WordElementText)
	}
	var out string
	for i := range r.steps {
		if out != "" {
			out += "/"
		}
		out += r.steps[i].QName()
	}
	if r.attr != nil {
		if out != "" {
			out += "/"
		}
		out += "@" + r.attr.QName()
	}
	return gateway.Term(out)
}

// unjudged is the fault of a row whose condition fails: the table's, not the sender's.
func unjudged(row, table string) *gateway.Fault {
	return &gateway.Fault{Code: gateway.MapWhen, Severity: gateway.Error, Value: row, Expected: gateway.Term(table)}
}

// localOffice is an office whose local time a format may write, and the rows that read it.
type localOffice struct {
	code, administration         *document.Path
	codeRows, administrationRows []*row
}

// body is what the rows of a table are compiled to. It is never changed after that.
type body struct {
	top      *row   // the root element as a group
	rows     []*row // every row, in order
	nodes    int    // of the plan, which the decoder marks
	stores   []*row // groups that collect
	issued   *row   // the row that reads the day code lists are judged on
	offices  []localOffice
	examples []table.TableExample
}

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

// derive returns the count, sum or common value that the row writes, "" where there is
// nothing to count.
func (r *row) derive(m document.Node) string {
	switch r.job {
	case countJob:
		if n := r.path.Count(m); n > 0 {
			return strconv.Itoa(n)
		}
		return ""
	case everyJob:
		if texts := r.path.Texts(m); len(texts) > 0 {
			return texts[0]
		}
		return ""
	}
	return r.path.Sum(m)
}

// route returns the steps from the root to the row's element.
func (r *row) route() []*table.Step {
	var out []*table.Step
	if r.parent != nil && r.parent.parent != nil {
		out = r.parent.route()
	}
	for i := range r.steps {
		out = append(out, &r.steps[i])
	}
	return out
}
