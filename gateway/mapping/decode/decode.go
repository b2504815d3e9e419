// Package decode owns how a program reads XML into a canonical document: which row reads an
// element, the lists and messages that values go into, and what no row reads. It refuses to
// judge what it read: it reports every fault, and returns the document as far as it got.
package decode

import (
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/pace"
	"customs.example/gateway/xmltree"
)

// xsi is the namespace of attributes that are about the document, not of it.
const xsi = "http://www.w3.org/2001/XMLSchema-instance"

// Decoded is what a table reads from a document. Document is there even with faults,
// as far as it could be read, unless the root is another one's.
type Decoded struct {
	Document *customsv1.Document
	Faults   gateway.Faults
	Trace    trace.Trace
	Unread   []gateway.Location // elements and attributes that no row reads
}

// Document reads a document as the program says, for as long as the steps go on. The faults are
// all there are, each with its place in XML and its canonical path.
func Document(p *program.Program, steps *pace.Steps, doc *xmltree.Document) Decoded {
	root := p.Head.Root()
	if doc.Root.Name != root {
		return Decoded{Faults: gateway.Faults{{
			Code: gateway.MapRoot, Severity: gateway.Error, Location: doc.Root.Location(),
			Value: doc.Root.Name.String(), Expected: gateway.Term(root.String()),
		}}}
	}
	if misfit, ok := p.Head.Misfit(doc.Root); ok {
		return Decoded{Faults: gateway.Faults{misfit}}
	}
	made, err := document.New(p.Head.Kind())
	if err != nil {
		return Decoded{Faults: gateway.Faults{{Code: gateway.MapKind, Severity: gateway.Error, Value: p.Head.Kind()}}}
	}
	zone := zoneIn(p, doc.Root)
	d := &decoder{
		program: p, document: made, steps: steps, rows: make([]int32, len(p.Rows)), nodes: make([]int32, p.Nodes),
		at: convert.Moment{Day: issued(p, doc.Root, zone), Zone: zone}, lists: map[list]*keyed{},
	}
	if p.Stores != nil {
		d.stored = map[stored]*storedElement{}
	}
	d.outermost = &trace.Context{Message: document.Of(made)}
	d.group(p.Top, doc.Root, d.outermost)
	d.ambiguous()
	d.resolve()
	for _, c := range d.derived {
		d.check(c)
	}
	return Decoded{made, d.faults, trace.New(p.Head.ID(), d.records, nil, (*trace.Record).Read), d.unread}
}

// group reads an element by the rows of a group; at is the context of those rows.
func (d *decoder) group(r *program.Row, e *xmltree.Element, at *trace.Context) {
	if r != d.program.Top && !r.Decoding.Hollow && len(e.Children)+len(e.Attrs) == 0 && strings.TrimSpace(e.Text) == "" {
		return
	}
	d.groups++
	group, before := d.groups, d.values
	d.records.Add(trace.Record{Row: r, Context: at, Index: -1, Group: true, Element: e})
	in := r.Decoding
	if len(in.Values) > 0 {
		d.text(in.Node, e, -1, e.Text, at, group)
	}
	d.walk(e, in.Node, at, group)
	for _, x := range in.Required {
		if x.Row.Requires(d.document) && d.nodes[x.Node.Number] != group {
			d.missing(x.Row, e, at)
		}
	}
	if d.values == before && r != d.program.Top {
		return
	}
	for _, s := range in.Sets {
		if err := s.Path.Set(at.Make(), s.Info.Const); err != nil {
			d.fault(*convert.NotConverted(err, s.Info.Const), trace.Record{Row: s, Context: at, Index: -1, Element: e})
		}
	}
}

// walk reads the attributes and children of an element.
func (d *decoder) walk(e *xmltree.Element, n *program.Node, at *trace.Context, group int32) {
	if len(n.Values) == 0 && strings.TrimSpace(e.Text) != "" {
		d.unread = append(d.unread, e.Location())
	}
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if a.Name.Space == xsi {
			continue
		}
		if known := n.Attr(a.Name); known == nil {
			d.unread = append(d.unread, e.AttrLocation(a.Name))
		} else {
			d.nodes[known.Number] = group
			d.text(known, e, -1, a.Value, at, group)
		}
	}
	cursor := 0
	for i, c := range e.Children {
		if !d.steps.Next() {
			return
		}
		known := n.Child(c.Name, &cursor)
		switch {
		case known == nil:
			d.unread = append(d.unread, c.Location())
		case len(known.Groups) > 0:
			d.nodes[known.Number] = group
			d.choose(known, c, at, group)
		default:
			d.element(known, c, i, at, group)
		}
	}
}

// choose reads an element by the first group of its name that fits and is free.
func (d *decoder) choose(n *program.Node, e *xmltree.Element, at *trace.Context, group int32) {
	var free *program.Row
	best := contradicting
	elsewhere := false // a group is not read here
	for _, r := range n.Groups {
		if !r.Each && r.Collect == nil && d.rows[r.Number] == group {
			continue
		}
		if r.Neighbour != nil && !hasNeighbour(r, e) {
			elsewhere = true
			continue
		}
		if fits := fit(r, e); free == nil || fits > best {
			free, best = r, fits
		}
	}
	switch {
	case free != nil:
	case elsewhere:
		d.unread = append(d.unread, e.Location())
		return
	default:
		d.repeated(n.Groups[0], e, at)
		return
	}
	d.rows[free.Number] = group
	switch {
	case free.Collect != nil:
		d.store(free, e, at)
	case free.Path != nil:
		d.group(free, e, d.open(free, e, at))
	default:
		d.group(free, e, at)
	}
}

// element reads an element that is no group's; i is its place among its siblings.
func (d *decoder) element(n *program.Node, e *xmltree.Element, i int, at *trace.Context, group int32) {
	again := d.nodes[n.Number] == group
	d.nodes[n.Number] = group
	switch {
	case len(n.Values) > 0:
		d.text(n, e, i, e.Text, at, group)
	case n.Passed:
		return
	case again && !n.Repeats:
		d.repeated(nil, e, at)
		return
	}
	d.walk(e, n, at, group)
}

// text reads a text by the first row of its node that is free and takes it without
// fault. Child is the element's place among its siblings, negative for an attribute.
func (d *decoder) text(n *program.Node, e *xmltree.Element, child int, text string, at *trace.Context, group int32) {
	var first *gateway.Fault
	var failed *program.Row
	for _, r := range n.Values {
		if d.rows[r.Number] == group && !r.Each {
			if r.Value.Codec.Many {
				return // read with the first of its pieces
			}
			continue
		}
		if r.Value.Codec.After {
			continue // read with the before that it follows: alone it would hide that one's fault
		}
		fault := d.take(r, e, child, text, at)
		if fault == nil {
			d.rows[r.Number] = group
			if r.Second == nil {
				return
			}
			r = r.Second
			d.rows[r.Number] = group
			if fault = d.take(r, e, child, text, at); fault == nil {
				return
			}
		}
		if first == nil {
			first, failed = fault, r
		} else if fault.Code == gateway.MapConst && first.Code == gateway.MapConst {
			first.Expected.Terms = append(first.Expected.Terms, fault.Expected.Terms...)
		}
	}
	switch {
	case failed != nil:
		d.rows[failed.Number] = group
		d.fault(*first, trace.Record{Row: failed, Context: at.Out(failed.Reach), Index: -1, Element: e})
	case len(n.Values) > 0 && child >= 0:
		d.repeated(n.Values[0], e, at)
	}
}

// missing is the fault of a required row whose place is not there: it stands at the
// nearest element that is.
func (d *decoder) missing(r *program.Row, e *xmltree.Element, at *trace.Context) {
	there := 0
	for there < len(r.Steps) {
		next := child(e, &r.Steps[there])
		if next == nil {
			break
		}
		e, there = next, there+1
	}
	at = at.Out(r.Reach)
	at.Make() // so that the elements after it keep their positions
	fault := r.MissingBehind(there)
	fault.Path, fault.Location = at.Path(r.First(), -1), e.Location()
	d.faults = append(d.faults, fault)
}

// repeated warns of an element that comes again where the table has room for one: the
// schema allows it, so it is unread, not refused. r reads the first, or is nil.
func (d *decoder) repeated(r *program.Row, e *xmltree.Element, at *trace.Context) {
	d.unread = append(d.unread, e.Location())
	path := at.Instance()
	if r != nil {
		path = at.Out(r.Reach).Path(r, -1)
	}
	d.faults = append(d.faults, gateway.Fault{
		Code: gateway.MapRepeated, Severity: gateway.Warning, Path: path, Location: e.Location(), Expected: gateway.Say(gateway.WordStandingOnce, e.QName()),
	})
}

// resolve reads every stored element at each place that refers to it. One that none
// refers to is unread.
func (d *decoder) resolve() {
	referred := map[string]string{} // by place in the document: the handle of what stands there
	for _, ref := range d.refers {
		if !d.steps.Next() {
			return
		}
		if ref.Row.Reach > 0 { // several elements may say it
			at, handle := ref.Context.Path(ref.Row, -1), gateway.FoldID(ref.Text)
			if before, again := referred[at]; again {
				if before != handle {
					d.fault(gateway.Fault{Code: gateway.MapConflict, Value: gateway.Clip(ref.Text), Expected: gateway.Term(gateway.Clip(before))}, ref)
				}
				continue
			}
			referred[at] = handle
		}
		s := d.stored[stored{ref.Row.Store, gateway.FoldID(ref.Text)}]
		if s == nil {
			d.fault(gateway.Fault{Code: gateway.MapReference, Value: gateway.Clip(ref.Text), Expected: ref.Row.Store.Target()}, ref)
			continue
		}
		unread := len(d.unread)
		d.group(s.row, s.element, &trace.Context{Up: ref.Context, Via: ref.Row})
		if s.read {
			d.unread = d.unread[:unread] // listed before
		}
		s.read = true
	}
	for _, s := range d.order {
		if !s.read {
			d.unread = append(d.unread, s.element.Location())
		}
	}
}
