// Package encode owns how a program writes a canonical document as XML: which rows write what,
// where their elements stand, and the bytes of the tree. It refuses to write anything where one
// row refuses its value, and proves nothing of the bytes.
package encode

import (
	"strconv"
	"time"

	"github.com/beevik/etree"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/pace"
)

// Document writes a document as the program says, for as long as the steps go on. The faults
// are all there are, with canonical paths; there are no bytes if any refuses, or if the steps
// have ended. With tracing, every value written has a link.
func Document(p *program.Program, steps *pace.Steps, d *customsv1.Document, tracing bool) ([]byte, trace.Trace, gateway.Faults) {
	if kind := document.Kind(d); kind != p.Head.Kind() {
		return nil, trace.Trace{}, gateway.Faults{{Code: gateway.MapKind, Severity: gateway.Error, Value: kind, Expected: gateway.Term(p.Head.Kind())}}
	}
	e := &encoder{steps: steps, table: p.Head.ID(), root: rootDocument{d, document.Of(d), document.Body(d)}, tracing: tracing}
	if p.Stores != nil {
		e.handles, e.stored = map[document.Node]string{}, map[*program.Row][]*trace.Context{}
		for _, r := range p.Stores {
			e.collect(r, &trace.Context{Message: e.root.m})
		}
	}
	e.at.Day, _ = document.ParseInstant(d.GetEnvelope().GetIssued().GetValue())
	e.at.Zone = zoneFor(p, e.root.m)
	top := e.made.element(p.Head.RootStep())
	for _, n := range p.Head.Namespaces() {
		if n.Prefix == p.Head.Default() {
			top.CreateAttr("xmlns", n.URI)
		} else {
			top.CreateAttr("xmlns:"+n.Prefix, n.URI)
		}
	}
	e.group(p.Top, &trace.Context{Message: e.root.m}, top)
	e.neighbours(top)
	if len(e.faults) == 0 {
		e.variants(p, top)
	}
	if steps.Err() != nil {
		return nil, trace.Trace{}, nil
	}
	if len(e.faults) > 0 {
		return nil, trace.Trace{}, e.refusals()
	}
	assumed := e.warnings()
	raw := write(top)
	if !tracing {
		return raw, trace.Trace{}, assumed
	}
	return raw, trace.New(p.Head.ID(), e.records, e.held, places(p.Head, top)), assumed
}

// zoneFor returns the time zone of the first office that a document names.
func zoneFor(p *program.Program, m document.Node) *time.Location {
	for _, o := range p.Offices {
		if code, ok := o.Code.Get(m); ok {
			administration, _ := o.Administration.Get(m)
			return p.Zone(administration, code)
		}
	}
	return nil
}

// group writes the rows of a group into its element and reports whether that holds data.
func (e *encoder) group(r *program.Row, at *trace.Context, into *etree.Element) bool {
	s := scope{element: into}
	if r.Neighbour != nil || r.Earlier != nil {
		e.adjacent = append(e.adjacent, adjacent{r, at, into})
	}
	e.trace(trace.Record{Row: r, Context: at, Index: -1, Group: true, Element: into})
	for _, inner := range r.Written {
		if !e.steps.Next() {
			return false
		}
		e.row(inner, at, &s)
	}
	s.close(0, e)
	return s.filled
}

func (e *encoder) row(r *program.Row, at *trace.Context, s *scope) {
	from := at.Out(r.Reach)
	if r.Second != nil {
		e.begun = begun{}
	}
	switch {
	case r.Each:
		e.each(r, at, from, s)
		return
	case r.Collect != nil:
		for _, c := range e.stored[r] {
			if !e.steps.Next() {
				return
			}
			e.element(r, c, s)
		}
		return
	case r.Job == program.Group && r.Path != nil:
		e.with(r, at, from, s)
		return
	case r.Job == program.Value:
		e.value(r, at, s)
		return
	}
	text := ""
	if r.Derives() {
		// Where there is nothing to write the condition, which costs far more, is not asked.
		if text = e.derived(r, at, from); text == "" && !r.Requires(e.root.d) {
			return
		}
	}
	if r.When != nil && !e.holds(r, at.Message, at, at) {
		e.withhold(r, r, at)
		return
	}
	switch r.Job {
	case program.Group:
		e.nested(r, at, s)
	case program.Set:
		if is, ok := r.Path.Get(at.Message); ok && is != r.Info.Const {
			e.fault(&gateway.Fault{Code: gateway.MapConst, Value: is, Expected: gateway.Term(r.Info.Const)}, r, at, -1)
		}
	case program.Const:
		e.put(r, at, s, r.Info.Const, trace.Record{Index: -1}, isData(r, false))
	case program.Ordinal:
		e.put(r, at, s, strconv.Itoa(position(at)), trace.Record{Index: -1}, isData(r, false))
	case program.Count, program.Sum, program.Every:
		index := -1
		if r.Equal {
			e.equal(r, from, text)
			index = 0
		}
		if text != "" {
			e.write(r, from, s, text, index)
		} else {
			e.fault(nil, r, from, -1)
		}
	case program.Handle:
		e.put(r, at, s, at.Text, trace.Record{Index: -1}, true)
	case program.Refer:
		if m := r.Path.Message(from.Message, false); m.IsValid() {
			e.put(r, from, s, e.handles[m], trace.Record{Index: -1}, true)
		} else if r.Requires(e.root.d) {
			e.fault(nil, r, from, -1)
		}
	}
}

// position is the number, from 1, of the element that the nearest each writes.
func position(c *trace.Context) int {
	for ; c.Up != nil; c = c.Up {
		if c.Via.Each {
			return c.Written
		}
	}
	return 0
}

// nested writes a plain group. What is required in it is missed only if it is there.
func (e *encoder) nested(r *program.Row, at *trace.Context, s *scope) {
	faults := len(e.faults)
	filled := e.group(r, at, s.target(r.Steps, e))
	stays := filled || r.Always || r.Requires(e.root.d)
	if !stays {
		kept := e.faults[:faults]
		for _, f := range e.faults[faults:] {
			if f.fault != nil {
				kept = append(kept, f)
			}
		}
		e.faults = kept
	} else if !filled && r.Requires(e.root.d) && len(e.faults) == faults {
		e.fault(nil, r, at, -1)
	}
	s.mark(filled || r.Always, filled)
}

// with writes what is in a message of a context; standing is where the row stands.
func (e *encoder) with(r *program.Row, standing, at *trace.Context, s *scope) {
	m := r.Path.Message(at.Message, false)
	if !m.IsValid() {
		if r.Requires(e.root.d) && r.When == nil {
			e.fault(nil, r, at, -1)
		}
		return
	}
	inner := e.contexts.New(trace.Context{Up: at, Via: r, Message: m})
	if r.When != nil && !e.holds(r, m, inner, standing) {
		e.withhold(r, nil, inner)
		return
	}
	filled := e.group(r, inner, s.target(r.Steps, e))
	s.mark(filled, filled)
}

// element writes one of a repeated group.
func (e *encoder) element(r *program.Row, at *trace.Context, s *scope) {
	filled := e.group(r, at, s.target(r.Steps, e))
	s.mark(filled, filled)
	s.close(len(r.Steps)-1, e)
}

// each writes the elements of a list in a context; standing is where the row stands.
func (e *encoder) each(r *program.Row, standing, at *trace.Context, s *scope) {
	written := 0
	one := func(inner *trace.Context) {
		if r.Once && written > 0 {
			e.withhold(r, nil, inner)
			return
		}
		if r.When != nil && !e.holds(r, inner.Message, inner, standing) {
			e.withhold(r, nil, inner)
			return
		}
		written++
		inner.Written = written
		if r.Job == program.Group {
			e.element(r, inner, s)
			return
		}
		e.write(r, at, s, inner.Text, inner.Index)
	}
	if r.In == nil {
		e.walk(r, 0, at, nil, one)
	}
	for _, f := range e.found(r, standing, at) {
		if !e.steps.Next() {
			return
		}
		if first := r.First(); first == r {
			one(f.context(at, first))
		} else {
			e.walk(r, 1, f.context(at, first), nil, one)
		}
	}
	if written == 0 && r.Requires(e.root.d) && r.When == nil {
		missing := r.Missing()
		e.fault(&missing, r.First(), at, -1)
	}
}

// walk calls one for every element of the list of an each, through the lists on the
// way from a level on. Seen are the keys that MUST NOT come again behind lists without any.
func (e *encoder) walk(r *program.Row, level int, at *trace.Context, seen map[string]bool, one func(*trace.Context)) {
	if level == len(r.Hops) && r.Scalar {
		for i, text := range r.Path.Texts(at.Message) {
			if document.Blank(text) {
				continue
			}
			if !e.steps.Next() {
				return
			}
			one(e.contexts.New(trace.Context{Up: at, Via: r, Message: at.Message, Index: i, Text: text}))
		}
		return
	}
	via := r
	if level < len(r.Hops) {
		via = r.Hops[level]
	}
	keyed := len(r.Keys) > level && r.Keys[level] != nil
	if seen == nil && (keyed || via.Sought) {
		seen = map[string]bool{}
	}
	below := seen
	if !via.Sought {
		below = nil
	}
	i := 0
	for _, m := range via.Path.Each(at.Message) {
		if !e.steps.Next() {
			return
		}
		inner := e.contexts.New(trace.Context{Up: at, Via: via, Message: m, Index: i})
		i++
		if keyed {
			e.unique(r.Keys[level], inner, seen)
		}
		if via == r {
			one(inner)
		} else {
			e.walk(r, level+1, inner, below, one)
		}
	}
}
