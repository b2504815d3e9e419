package mapping

import (
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
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
	Trace    Trace
	Unread   []gateway.Location // elements and attributes that no row reads
}

// Decode reads a document as the table says. The faults are all there are, each with
// its place in XML and its canonical path.
func (t *Table) Decode(doc *xmltree.Document) Decoded {
	return t.decode(pace.Endless(), doc)
}

// DecodeWhile is Decode for as long as the steps go on. It returns the error of what ended
// them, and then nothing of the document.
func (t *Table) DecodeWhile(steps *pace.Steps, doc *xmltree.Document) (Decoded, error) {
	d := t.decode(steps, doc)
	if err := steps.Err(); err != nil {
		return Decoded{}, err
	}
	return d, nil
}

func (t *Table) decode(steps *pace.Steps, doc *xmltree.Document) Decoded {
	if doc.Root.Name != t.Root() {
		return Decoded{Faults: gateway.Faults{{
			Code: gateway.MapRoot, Severity: gateway.Error, Location: doc.Root.Location(),
			Value: doc.Root.Name.String(), Expected: gateway.Term(t.Root().String()),
		}}}
	}
	d, err := document.New(t.Kind())
	if err != nil {
		return Decoded{Faults: gateway.Faults{{Code: gateway.MapKind, Severity: gateway.Error, Value: t.Kind()}}}
	}
	zone := t.zoneIn(doc.Root)
	r := &decoder{document: d, steps: steps, rows: make([]int32, len(t.body().rows)), nodes: make([]int32, t.body().nodes), at: convert.Moment{Day: t.day(doc.Root, zone), Zone: zone}}
	at := &context{m: document.Of(d)}
	if t.body().stores != nil {
		r.stored = map[stored]*storedElement{}
	}
	r.lists = map[list]*keyed{}
	r.group(t.body().top, doc.Root, at)
	r.resolve()
	for _, c := range r.derived {
		r.check(c)
	}
	return Decoded{d, r.faults, newTrace(t.ID(), r.records, locateRead), r.unread}
}

// day finds the day that the document's codes are judged on: when it was issued.
func (t *Table) day(root *xmltree.Element, zone *time.Location) time.Time {
	if t.body().issued == nil {
		return time.Time{}
	}
	text, ok := t.body().issued.textIn(root)
	if !ok {
		return time.Time{}
	}
	instant, _, fault := t.body().issued.value.Decode([]string{text}, "", convert.Moment{Zone: zone})
	if fault != nil {
		return time.Time{}
	}
	on, _ := document.ParseInstant(instant)
	return on
}

// group reads an element by the rows of a group; at is the context of those rows.
func (d *decoder) group(r *row, e *xmltree.Element, at *context) {
	if r.parent != nil && len(e.Children)+len(e.Attrs) == 0 && strings.TrimSpace(e.Text) == "" {
		return
	}
	d.groups++
	group, before := d.groups, d.values
	d.record(record{row: r, context: at, index: -1, group: true, read: e})
	if len(r.body.values) > 0 {
		d.text(r.body, e, -1, e.Text, at, group)
	}
	d.walk(e, r.body, at, group)
	for _, must := range r.must {
		if must.requires(d.document) && !d.met(r.body, must, group) {
			d.missing(must, e, at)
		}
	}
	if d.values == before && r.parent != nil {
		return
	}
	for _, s := range r.sets {
		if err := s.path.Set(at.message(), s.info.Const); err != nil {
			d.fault(*convert.NotConverted(err, s.info.Const), record{row: s, context: at, index: -1, read: e})
		}
	}
}

// walk reads the attributes and children of an element.
func (d *decoder) walk(e *xmltree.Element, n *node, at *context, group int32) {
	if len(n.values) == 0 && strings.TrimSpace(e.Text) != "" {
		d.unread = append(d.unread, e.Location())
	}
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if a.Name.Space == xsi {
			continue
		}
		if known := n.attr(a.Name); known == nil {
			d.unread = append(d.unread, e.AttrLocation(a.Name))
		} else {
			d.nodes[known.number] = group
			d.text(known, e, -1, a.Value, at, group)
		}
	}
	cursor := 0
	for i, c := range e.Children {
		if !d.steps.Next() {
			return
		}
		known := n.find(c.Name, &cursor)
		switch {
		case known == nil:
			d.unread = append(d.unread, c.Location())
		case len(known.groups) > 0:
			d.nodes[known.number] = group
			d.choose(known, c, at, group)
		default:
			d.element(known, c, i, at, group)
		}
	}
}

// choose reads an element by the first group of its name that fits and is free.
func (d *decoder) choose(n *node, e *xmltree.Element, at *context, group int32) {
	var free *row
	best := unlike
	elsewhere := false // a group is not read here
	for _, r := range n.groups {
		if !r.each && r.collect == nil && d.rows[r.number] == group {
			continue
		}
		if r.there != nil && !r.isBeside(e) {
			elsewhere = true
			continue
		}
		if fits := r.tells(e); free == nil || fits > best {
			free, best = r, fits
		}
	}
	switch {
	case free != nil:
	case elsewhere:
		d.unread = append(d.unread, e.Location())
		return
	default:
		d.repeated(n.groups[0], e, at)
		return
	}
	d.rows[free.number] = group
	switch {
	case free.collect != nil:
		d.store(free, e, at)
	case free.path != nil:
		d.group(free, e, d.open(free, e, at))
	default:
		d.group(free, e, at)
	}
}

// element reads an element that is no group's; i is its place among its siblings.
func (d *decoder) element(n *node, e *xmltree.Element, i int, at *context, group int32) {
	again := d.nodes[n.number] == group
	d.nodes[n.number] = group
	switch {
	case len(n.values) > 0:
		d.text(n, e, i, e.Text, at, group)
	case n.past:
		return
	case again && !n.leads:
		d.repeated(nil, e, at)
		return
	}
	d.walk(e, n, at, group)
}

// text reads a text by the first row of its node that is free and takes it without
// fault. Child is the element's place among its siblings, negative for an attribute.
func (d *decoder) text(n *node, e *xmltree.Element, child int, text string, at *context, group int32) {
	var first *gateway.Fault
	var failed *row
	for _, r := range n.values {
		if d.rows[r.number] == group && !r.each {
			if r.value.Codec.Many {
				return // read with the first of its pieces
			}
			continue
		}
		if r.value.Codec.After {
			continue // read with the before that it follows: alone it would hide that one's fault
		}
		fault := d.take(r, e, child, text, at)
		if fault == nil {
			d.rows[r.number] = group
			if r.second == nil {
				return
			}
			r = r.second
			d.rows[r.number] = group
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
		d.rows[failed.number] = group
		d.fault(*first, record{row: failed, context: at.out(failed.reach), index: -1, read: e})
	case len(n.values) > 0 && child >= 0:
		d.repeated(n.values[0], e, at)
	}
}

// take reads a text by one row; nothing is changed if there is a fault.
func (d *decoder) take(r *row, e *xmltree.Element, child int, text string, at *context) *gateway.Fault {
	inner, at := at, at.out(r.reach)
	written := strings.TrimSpace(text)
	text, told := document.Legible(text, r.value.Prose)
	if r.value.Codec.After {
		told = nil // the before that it follows has told it
	}
	link := record{row: r, context: at, index: -1, text: text, read: e}
	switch r.job {
	case ordinalJob, handleJob:
		return nil
	case constJob:
		if text != r.info.Const {
			return &gateway.Fault{Code: gateway.MapConst, Value: gateway.Clip(text), Expected: gateway.Term(r.info.Const)}
		}
		d.record(link)
		return nil
	}
	if text == "" && r.value.Codec.Many { // blanks that the value begins with may fill its first piece
		text, told = document.Legible(strings.Join(gather(e, child), ""), r.value.Prose)
	}
	if text == "" {
		d.tell(told, link)
		if r.requires(d.document) && r.when == nil {
			fault := r.missing()
			return &fault
		}
		return nil
	}
	if r.job == referJob {
		at.message() // so that the elements after it keep their positions
		d.values++
		d.tell(told, link)
		d.refers = append(d.refers, link)
		d.record(link)
		return nil
	}
	if r.job != valueJob {
		d.derived = append(d.derived, derived{link, text})
		if r.of == nil {
			d.record(link)
		}
		if r.job == everyJob {
			d.values++
		}
		return nil
	}
	d.one[0] = text
	texts := d.one[:]
	if r.value.Codec.Many {
		texts = gather(e, child)
	}
	before := ""
	if r.shared || r.value.Half() > 0 {
		before, _ = r.path.Get(at.message()) // what another row read
	}
	value, listRow, fault := r.value.Decode(texts, before, d.at)
	if fault != nil {
		if fault.Value == gateway.Clip(text) {
			fault.Value = gateway.Clip(written)
		}
		return fault
	}
	if r.value.Codec.Many {
		value, told = document.Legible(value, r.value.Prose)
	}
	if value == "" && r.value.Codec.Separator != "" {
		return nil // its half of the text is not there
	}
	if assumed := r.value.Assumed(texts[0], d.at); assumed != nil {
		assumed.Path, assumed.Location = r.instance(at, -1), locateRead(&link)
		d.faults = append(d.faults, *assumed)
	}
	if r.shared && before != "" {
		value, d.faults = before, append(d.faults, d.differs(r, link, before, value)...)
	}
	value, more := r.path.Field().Read(value)
	index, err := r.put(at, value)
	if err != nil {
		return convert.NotConverted(err, text)
	}
	d.tell(document.TellOnce(told, more), link)
	if r.key {
		inner.message() // an element that has nothing but its keys
	}
	d.values++
	link.index, link.listRow = int32(index), listRow
	d.record(link)
	return nil
}

// differs warns when a field is read at two places that say different things; the
// first one stays.
func (d *decoder) differs(r *row, link record, before, value string) gateway.Faults {
	written, _, fault := r.value.Encode(nil, before, d.at)
	if gateway.SameID(before, value) || fault == nil && len(written) == 1 && written[0] == link.text {
		return nil
	}
	return gateway.Faults{{
		Code: gateway.MapDerived, Severity: gateway.Warning, Path: r.instance(link.context, -1),
		Location: locateRead(&link), Value: gateway.Clip(link.text), Expected: gateway.Term(gateway.Clip(before)),
	}}
}

// put sets the row's canonical value, and returns its position where it was appended.
func (r *row) put(at *context, value string) (int, error) {
	switch {
	case r.dot && r.each:
		m := at.message()
		if err := r.path.AppendText(m, value); err != nil {
			return -1, err
		}
		return r.length(m) - 1, nil
	case r.dot:
		up := at
		for !up.via.scalar {
			up = up.up
		}
		return -1, r.path.AppendText(up.message(), value)
	case r.language != nil:
		m := at.message()
		text := r.path.Append(m)
		if err := r.tag.Set(text, convert.Tag(value, r.language)); err != nil {
			return -1, err
		}
		return r.length(m) - 1, r.text.Set(text, value)
	}
	return -1, r.path.Set(at.message(), value)
}

// gather returns the texts of an element and of those of its name behind it.
func gather(e *xmltree.Element, child int) []string {
	texts := []string{e.Text}
	if child < 0 {
		return texts
	}
	for _, s := range e.Parent.Children[child+1:] {
		if s.Name == e.Name {
			texts = append(texts, s.Text)
		}
	}
	return texts
}

// spread reads a value that stands once into the elements of its list: into every one, or
// into the only one that lacks it. Where there is none it makes one. It reports whether it
// did.
func (d *decoder) spread(c derived) bool {
	r, m := c.row, c.context.message()
	elements := r.of.List(m)
	if r.lone {
		if len(elements) > 1 {
			return false
		}
		if len(elements) == 1 {
			if _, said := r.leaf.Get(elements[0]); said {
				return false
			}
		}
	}
	if len(elements) == 0 {
		elements = append(elements, r.of.Append(m))
	}
	value, listRow, fault := r.value.Decode([]string{c.text}, "", d.at)
	for i := range elements {
		if fault == nil {
			if err := r.leaf.Set(elements[i], value); err != nil {
				fault = convert.NotConverted(err, c.text)
			}
		}
		c.index, c.listRow = int32(i), listRow
		if fault != nil {
			d.fault(*fault, c.record)
			return true
		}
		d.record(c.record)
	}
	return true
}

// check compares a count or sum with what was read.
func (d *decoder) check(c derived) {
	if c.row.of != nil {
		if d.spread(c) {
			return
		}
		d.record(c.record)
	}
	want := ""
	if c.context.m.IsValid() {
		want = c.row.derive(c.context.m)
	}
	if want == "" {
		want = "0"
	}
	text, _, fault := c.row.value.Decode([]string{c.text}, "", d.at)
	said, err := document.ParseNumber(text)
	is, _ := document.ParseNumber(want)
	if fault != nil || err != nil || said.Cmp(is) != 0 {
		if written, _, fault := c.row.value.Encode(nil, want, d.at); fault == nil {
			want = written[0]
		}
		d.faults = append(d.faults, gateway.Fault{
			Code: gateway.MapDerived, Severity: gateway.Warning, Path: c.row.instance(c.context, -1),
			Location: locateRead(&c.record), Value: gateway.Clip(c.text), Expected: gateway.Term(want),
		})
	}
}

// met reports whether a required row's place was there in a group.
func (d *decoder) met(n *node, r *row, group int32) bool {
	for i := range r.steps {
		for _, c := range n.children {
			if c.name == r.steps[i].Name {
				n = c
				break
			}
		}
	}
	if r.attr != nil {
		n = n.attr(r.attr.Name)
	}
	return d.nodes[n.number] == group
}

// missing is the fault of a required row whose place is not there: it stands at the
// nearest element that is.
func (d *decoder) missing(r *row, e *xmltree.Element, at *context) {
	rest := *r
	for len(rest.steps) > 0 {
		next := child(e, &rest.steps[0])
		if next == nil {
			break
		}
		e, rest.steps = next, rest.steps[1:]
	}
	at = at.out(r.reach)
	at.message() // so that the elements after it keep their positions
	fault := rest.missing()
	fault.Path, fault.Location = r.instance(at, -1), e.Location()
	d.faults = append(d.faults, fault)
}

// repeated warns of an element that comes again where the table has room for one: the
// schema allows it, so it is unread, not refused. r reads the first, or is nil.
func (d *decoder) repeated(r *row, e *xmltree.Element, at *context) {
	d.unread = append(d.unread, e.Location())
	path := at.instance()
	if r != nil {
		path = r.instance(at.out(r.reach), -1)
	}
	d.faults = append(d.faults, gateway.Fault{
		Code: gateway.MapRepeated, Severity: gateway.Warning, Path: path, Location: e.Location(), Expected: gateway.Say(gateway.WordStandingOnce, e.QName()),
	})
}

// resolve reads every stored element at each place that refers to it. One that none
// refers to is unread.
func (d *decoder) resolve() {
	for _, ref := range d.refers {
		if !d.steps.Next() {
			return
		}
		s := d.stored[stored{ref.row.store, gateway.FoldID(ref.text)}]
		if s == nil {
			d.fault(gateway.Fault{Code: gateway.MapReference, Value: gateway.Clip(ref.text), Expected: ref.row.store.target()}, ref)
			continue
		}
		unread := len(d.unread)
		d.group(s.row, s.element, &context{up: ref.context, via: ref.row})
		if s.read {
			d.unread = d.unread[:unread] // said before
		}
		s.read = true
	}
	for _, s := range d.order {
		if !s.read {
			d.unread = append(d.unread, s.element.Location())
		}
	}
}
