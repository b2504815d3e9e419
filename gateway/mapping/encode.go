package mapping

import (
	"slices"
	"strconv"

	"github.com/beevik/etree"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/pace"
)

// Encoded proves that bytes are what a table writes for a canonical document. Only
// Encode makes one; takers MUST refuse the zero Encoded.
type Encoded struct {
	raw                  []byte
	digest, input, table gateway.Digest
	id                   string
}

// Bytes returns a copy of the document.
func (e Encoded) Bytes() []byte { return slices.Clone(e.raw) }

// Digest returns the digest of the bytes.
func (e Encoded) Digest() gateway.Digest { return e.digest }

// Input returns the digest of the canonical document.
func (e Encoded) Input() gateway.Digest { return e.input }

// Table returns the id of the table.
func (e Encoded) Table() string { return e.id }

// TableDigest returns the digest of the table's file.
func (e Encoded) TableDigest() gateway.Digest { return e.table }

// IsZero reports whether e proves nothing.
func (e Encoded) IsZero() bool { return e.raw == nil }

// Encode writes a document as the table says. The faults are all there are, with
// canonical paths; Encoded is zero if any refuses. With trace, every value written has a
// link.
func (t *Table) Encode(d *customsv1.Document, trace bool) (Encoded, Trace, gateway.Faults) {
	return t.encode(pace.Endless(), d, trace)
}

// EncodeWhile is Encode for as long as the steps go on. It returns the error of what ended
// them, and then nothing else.
func (t *Table) EncodeWhile(steps *pace.Steps, d *customsv1.Document, trace bool) (Encoded, Trace, gateway.Faults, error) {
	encoded, traced, faults := t.encode(steps, d, trace)
	if err := steps.Err(); err != nil {
		return Encoded{}, Trace{}, nil, err
	}
	return encoded, traced, faults, nil
}

func (t *Table) encode(steps *pace.Steps, d *customsv1.Document, trace bool) (Encoded, Trace, gateway.Faults) {
	if kind := document.Kind(d); kind != t.Kind() {
		return Encoded{}, Trace{}, gateway.Faults{{Code: gateway.MapKind, Severity: gateway.Error, Value: kind, Expected: gateway.Term(t.Kind())}}
	}
	e := &encoder{steps: steps, table: t.ID(), root: rootDocument{d, document.Of(d), document.Body(d)}, tracing: trace}
	if t.body().stores != nil {
		e.handles, e.stored = map[document.Node]string{}, map[*row][]*context{}
		for _, r := range t.body().stores {
			e.collect(r, &context{m: e.root.m})
		}
	}
	e.at.Day, _ = document.ParseInstant(d.GetEnvelope().GetIssued().GetValue())
	e.at.Zone = t.zoneFor(e.root.m)
	top := e.made.element(t.RootStep())
	for _, n := range t.Namespaces() {
		if n.Prefix == t.Default() {
			top.CreateAttr("xmlns", n.URI)
		} else {
			top.CreateAttr("xmlns:"+n.Prefix, n.URI)
		}
	}
	at := &context{m: e.root.m}
	e.group(t.body().top, at, top)
	e.neighbours(top)
	if steps.Err() != nil {
		return Encoded{}, Trace{}, nil
	}
	if len(e.faults) > 0 {
		return Encoded{}, Trace{}, e.say()
	}
	assumed := e.warnings()
	raw := write(top)
	out := Encoded{raw: raw, digest: gateway.DigestOf(raw), input: document.Digest(d), table: t.Digest(), id: t.ID()}
	if !trace {
		return out, Trace{}, assumed
	}
	made := newTrace(t.ID(), e.records, t.locateWritten(top))
	made.s.withheld = made.s.withholds(e.withheld)
	return out, made, assumed
}

// scope is the element of an enclosing row with the elements that are still open in
// it: neighbouring rows share them.
type scope struct {
	element *etree.Element
	open    []opened
	filled  bool // holds data of the document
}

type opened struct {
	step    *table.Step
	element *etree.Element
	filled  bool
	own     bool // has a text or rows of its own: stays if the element around it stays
	records int  // before it
}

// close ends the open elements behind the first n and takes away those without data.
func (s *scope) close(n int, e *encoder) {
	for i := len(s.open) - 1; i >= n; i-- {
		o := &s.open[i]
		around, filled := s.element, &s.filled
		if i > 0 {
			around, filled = s.open[i-1].element, &s.open[i-1].filled
		}
		if o.filled {
			*filled = true
		} else if !o.own {
			around.RemoveChildAt(len(around.Child) - 1)
			e.records.cut(o.records)
		}
	}
	s.open = s.open[:min(n, len(s.open))]
}

// enter opens the elements that steps lead to and returns the last one.
func (s *scope) enter(steps []table.Step, e *encoder) *etree.Element {
	n := 0
	for n < len(steps) && n < len(s.open) && s.open[n].step.Name == steps[n].Name {
		n++
	}
	s.close(n, e)
	at := s.element
	if n > 0 {
		at = s.open[n-1].element
	}
	for i := n; i < len(steps); i++ {
		child := e.made.child(&steps[i], at)
		s.open = append(s.open, opened{step: &steps[i], element: child, records: e.records.len()})
		at = child
	}
	return at
}

// target opens a row's own element: always a new one, unless the last one of its name
// holds nothing but attributes.
func (s *scope) target(steps []table.Step, e *encoder) *etree.Element {
	last := len(steps) - 1
	if len(s.open) > last && (s.open[last].own || len(s.open[last].element.Child) > 0) {
		s.enter(steps[:last], e)
	}
	return s.enter(steps, e)
}

// mark says that the innermost open element has a text or rows of its own, and
// whether that is data.
func (s *scope) mark(filled, own bool) {
	if len(s.open) == 0 {
		s.filled = s.filled || filled
		return
	}
	o := &s.open[len(s.open)-1]
	o.filled, o.own = o.filled || filled, o.own || own
}

// group writes the rows of a group into its element and reports whether that holds data.
func (e *encoder) group(r *row, at *context, into *etree.Element) bool {
	s := scope{element: into}
	if r.there != nil || r.rivals != nil {
		e.besides = append(e.besides, beside{r, at, into})
	}
	e.trace(record{row: r, context: at, index: -1, group: true, written: into})
	for _, inner := range r.rows {
		if !e.steps.Next() {
			return false
		}
		if !inner.noEncode {
			e.row(inner, at, &s)
		}
	}
	s.close(0, e)
	return s.filled
}

func (e *encoder) row(r *row, at *context, s *scope) {
	from := at.out(r.reach)
	if r.second != nil {
		e.begun = record{}
	}
	switch {
	case r.each:
		e.each(r, at, from, s)
		return
	case r.collect != nil:
		for _, c := range e.stored[r] {
			if !e.steps.Next() {
				return
			}
			e.element(r, c, s)
		}
		return
	case r.job == groupJob && r.path != nil:
		e.with(r, at, from, s)
		return
	case r.job == valueJob:
		e.value(r, at, s)
		return
	}
	text := ""
	if r.job == countJob || r.job == sumJob || r.job == everyJob {
		// Where there is nothing to write the condition, which costs far more, is not asked.
		if text = e.derived(r, at, from); text == "" && !r.requires(e.root.d) {
			return
		}
	}
	if r.when != nil && !e.holds(r, at.m, at, at) {
		e.withhold(r, r, at)
		return
	}
	switch r.job {
	case groupJob:
		e.nested(r, at, s)
	case setJob:
		if is, ok := r.path.Get(at.m); ok && is != r.info.Const {
			e.fault(&gateway.Fault{Code: gateway.MapConst, Value: is, Expected: gateway.Term(r.info.Const)}, r, at, -1)
		}
	case constJob:
		e.put(r, at, s, r.info.Const, record{index: -1}, r.counts(false))
	case ordinalJob:
		e.put(r, at, s, strconv.Itoa(at.position()), record{index: -1}, r.counts(false))
	case countJob, sumJob, everyJob:
		if text != "" {
			e.write(r, from, s, text, -1)
		} else {
			e.fault(nil, r, from, -1)
		}
	case handleJob:
		e.put(r, at, s, at.text, record{index: -1}, true)
	case referJob:
		if m := r.path.Message(from.m, false); m.IsValid() {
			e.put(r, from, s, e.handles[m], record{index: -1}, true)
		} else if r.requires(e.root.d) {
			e.fault(nil, r, from, -1)
		}
	}
}

// position is the number, from 1, of the element that the nearest each writes.
func (c *context) position() int {
	for ; c.up != nil; c = c.up {
		if c.via.each {
			return c.written
		}
	}
	return 0
}

// nested writes a plain group. What is required in it is missed only if it is there.
func (e *encoder) nested(r *row, at *context, s *scope) {
	faults := len(e.faults)
	filled := e.group(r, at, s.target(r.steps, e))
	stays := filled || r.always || r.requires(e.root.d)
	if !stays {
		kept := e.faults[:faults]
		for _, f := range e.faults[faults:] {
			if f.fault != nil {
				kept = append(kept, f)
			}
		}
		e.faults = kept
	} else if !filled && r.requires(e.root.d) && len(e.faults) == faults {
		e.fault(nil, r, at, -1)
	}
	s.mark(filled || r.always, filled)
}

// with writes what is in a message of a context; standing is where the row stands.
func (e *encoder) with(r *row, standing, at *context, s *scope) {
	m := r.path.Message(at.m, false)
	if !m.IsValid() {
		if r.requires(e.root.d) && r.when == nil {
			e.fault(nil, r, at, -1)
		}
		return
	}
	inner := e.made.context(context{up: at, via: r, m: m})
	if r.when != nil && !e.holds(r, m, inner, standing) {
		e.withhold(r, nil, inner)
		return
	}
	filled := e.group(r, inner, s.target(r.steps, e))
	s.mark(filled, filled)
}

// element writes one of a repeated group.
func (e *encoder) element(r *row, at *context, s *scope) {
	filled := e.group(r, at, s.target(r.steps, e))
	s.mark(filled, filled)
	s.close(len(r.steps)-1, e)
}

// each writes the elements of a list in a context; standing is where the row stands.
func (e *encoder) each(r *row, standing, at *context, s *scope) {
	written := 0
	one := func(inner *context) {
		if r.once && written > 0 {
			e.withhold(r, nil, inner)
			return
		}
		if r.when != nil && !e.holds(r, inner.m, inner, standing) {
			e.withhold(r, nil, inner)
			return
		}
		written++
		inner.written = written
		if r.job == groupJob {
			e.element(r, inner, s)
			return
		}
		e.write(r, at, s, inner.text, inner.index)
	}
	if r.in == nil {
		e.walk(r, 0, at, one)
	}
	for _, f := range e.found(r, standing, at) {
		if !e.steps.Next() {
			return
		}
		if first := r.first(); first == r {
			one(f.context(at, first))
		} else {
			e.walk(r, 1, f.context(at, first), one)
		}
	}
	if written == 0 && r.requires(e.root.d) && r.when == nil {
		e.fault(nil, r, at, -1)
	}
}

// walk calls one for every element of the list of an each, through the lists on the
// way from a level on.
func (e *encoder) walk(r *row, level int, at *context, one func(*context)) {
	if level == len(r.hops) && r.scalar {
		for i, text := range r.path.Texts(at.m) {
			if document.Blank(text) {
				continue
			}
			if !e.steps.Next() {
				return
			}
			one(e.made.context(context{up: at, via: r, m: at.m, index: i, text: text}))
		}
		return
	}
	via := r
	if level < len(r.hops) {
		via = r.hops[level]
	}
	var seen map[string]bool
	if len(r.keys) > level && r.keys[level] != nil {
		seen = map[string]bool{}
	}
	i := 0
	for _, m := range via.path.Each(at.m) {
		if !e.steps.Next() {
			return
		}
		inner := e.made.context(context{up: at, via: via, m: m, index: i})
		i++
		if seen != nil {
			e.unique(r.keys[level], inner, seen)
		}
		if via == r {
			one(inner)
		} else {
			e.walk(r, level+1, inner, one)
		}
	}
}

// value writes the row's canonical text, its default, or nothing. Where there is
// nothing to write the condition, which costs far more than the look, is not asked.
func (e *encoder) value(r *row, inner *context, s *scope) {
	at := inner.out(r.reach)
	index := -1
	var text string
	switch {
	case r.dot:
		text = at.text
	case r.language != nil:
		text, index = r.spoken(at.m)
	default:
		text, _ = r.path.Get(at.m)
	}
	if document.Blank(text) {
		text = ""
	}
	silent := text == "" && r.info.Default == "" && !r.requires(e.root.d) && !r.always
	if silent {
		return
	}
	if r.when != nil && !e.holds(r, inner.m, inner, inner) {
		e.withhold(r, r, inner)
		return
	}
	switch {
	case text != "":
		e.write(r, at, s, text, index)
	case r.info.Default != "":
		e.put(r, at, s, r.info.Default, record{index: -1, filled: true}, r.counts(true))
	case r.requires(e.root.d):
		e.fault(nil, r, at, -1)
	case r.always && len(r.steps) > 0 && r.attr == nil:
		s.target(r.steps, e)
		s.mark(true, true)
	}
}

// write converts a canonical text and writes what comes of it.
func (e *encoder) write(r *row, at *context, s *scope, text string, index int) {
	texts, listRow, fault := r.value.Encode(e.texts[:0], text, e.at)
	if fault != nil {
		e.fault(fault, r, at, index)
		return
	}
	e.texts = texts
	if len(texts) == 1 && document.Blank(texts[0]) { // only the blanks before a cut
		if r.requires(e.root.d) {
			e.fault(nil, r, at, index)
		}
		return
	}
	if assumed := r.value.Assumed(texts[0], e.at); assumed != nil {
		e.assumed = append(e.assumed, wrong{assumed, r, at, index})
	}
	for _, t := range texts {
		e.put(r, at, s, t, record{index: int32(index), listRow: listRow}, true)
	}
}

// put writes one text to the row's element or attribute.
func (e *encoder) put(r *row, at *context, s *scope, text string, link record, filled bool) {
	link.row, link.context, link.text = r, at, text
	switch before := e.begun; {
	case r.value.Codec.After && before.row != nil && before.row.second == r:
		link.text = before.text + text
		link.written = before.written
		if r.attr != nil {
			link.written.Attr[len(link.written.Attr)-1].Value = link.text
		} else {
			e.made.text(link.written, text)
		}
		e.trace(link)
		return
	case r.value.Codec.After && r.value.AfterAlone(text, e.at.Day) != text:
		e.fault(convert.NotConverted(convert.Wanted(gateway.WordWithout, r.value.Codec.Separator), text), r, at, int(link.index))
		return
	}
	if r.attr != nil {
		into := s.enter(r.steps, e)
		into.Attr = append(into.Attr, etree.Attr{Space: r.attr.Prefix, Key: r.attr.Name.Local, Value: text})
		s.mark(filled, false)
		link.written = into
	} else {
		link.written = s.element
		if len(r.steps) > 0 {
			link.written = s.target(r.steps, e)
		} else {
			s.close(0, e)
		}
		e.made.text(link.written, text)
		s.mark(filled, true)
	}
	if r.second != nil {
		e.begun = link
	}
	e.trace(link)
}

func (e *encoder) trace(r record) {
	if e.tracing {
		e.records.add(r)
	}
}

// spoken returns the text in the first language that the row lists, else one whose
// language the sender does not say, and its place in the list.
func (r *row) spoken(m document.Node) (string, int) {
	texts := r.path.Elements(m)
	if texts.Len() == 0 {
		return "", -1
	}
	for _, listed := range r.language {
		for i := range texts.Len() {
			t := texts.At(i)
			if tag, _ := r.tag.Get(t); convert.SameLanguage(tag, listed) {
				if text, _ := r.text.Get(t); !document.Blank(text) {
					return text, i
				}
			}
		}
	}
	for i := range texts.Len() {
		t := texts.At(i)
		if tag, _ := r.tag.Get(t); tag == convert.Undetermined {
			if text, _ := r.text.Get(t); !document.Blank(text) {
				return text, i
			}
		}
	}
	return "", -1
}

func (e *encoder) holds(r *row, this document.Node, at, standing *context) bool {
	is, err := r.holds(this, standing.m, at.text, &e.root)
	if err != nil {
		e.fault(unjudged(r.info.ID, e.table), r, at, -1)
	}
	return is
}
