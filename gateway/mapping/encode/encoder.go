package encode

import (
	"github.com/beevik/etree"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/pace"
)

type encoder struct {
	steps    *pace.Steps
	table    string // its id
	root     rootDocument
	at       convert.Moment
	faults   []pending
	assumed  []pending // warnings
	made     slabs
	contexts trace.Contexts
	tracing  bool
	records  trace.Records
	held     []trace.Hold
	texts    []string
	begun    begun
	handles  map[document.Node]string
	stored   map[*program.Row][]*trace.Context // what groups that collect write
	adjacent []adjacent
	lookups  map[lookup]map[string][]match
}

// begun is the text of a before, which its after may go on with.
type begun struct {
	row     *program.Row
	text    string
	element *etree.Element
}

// pending is a fault before its texts are built: most of what an empty group misses is
// never reported.
type pending struct {
	fault   *gateway.Fault // nil for a required value that is missing
	row     *program.Row
	context *trace.Context
	index   int
}

// rootDocument is a document with its two messages that conditions may ask about.
type rootDocument struct {
	d       *customsv1.Document
	m, body document.Node
}

func (e *encoder) fault(f *gateway.Fault, r *program.Row, at *trace.Context, index int) {
	e.faults = append(e.faults, pending{f, r, at, index})
}

// refusals builds the faults.
func (e *encoder) refusals() gateway.Faults {
	var out gateway.Faults
	for _, p := range e.faults {
		if p.fault == nil {
			missing := p.row.Missing()
			p.fault = &missing
		}
		p.fault.Severity, p.fault.Path = gateway.Error, p.context.Path(p.row, p.index)
		out = append(out, *p.fault)
	}
	return out
}

// warnings are the local times that no office's zone was known for.
func (e *encoder) warnings() (out gateway.Faults) {
	for _, p := range e.assumed {
		p.fault.Path = p.context.Path(p.row, p.index)
		out = append(out, *p.fault)
	}
	return out
}

func (e *encoder) trace(r trace.Record) {
	if e.tracing {
		e.records.Add(r)
	}
}

// withhold notes what is not written because a row's condition does not hold. A group
// without a path of its own stands for the paths of its rows.
func (e *encoder) withhold(when, of *program.Row, at *trace.Context) {
	switch {
	case !e.tracing:
	case of != nil && of.Job == program.Group && of.Path == nil:
		for _, inner := range of.Written {
			e.withhold(when, inner, at)
		}
	case of == nil || of.Path != nil && !of.Derives():
		e.held = append(e.held, trace.Hold{When: when, Of: of, Context: at})
	}
}

func (e *encoder) holds(r *program.Row, this document.Node, at, standing *trace.Context) bool {
	is, err := e.root.satisfies(r, this, standing.Message, at.Text)
	if err != nil {
		of := r
		if at.Via == r { // the row's own context, from which its path does not start
			of = new(program.Row)
		}
		e.fault(&gateway.Fault{Code: gateway.MapWhen, Severity: gateway.Error, Value: r.Info.ID, Expected: gateway.Term(e.table)}, of, at, -1)
	}
	return is
}

// satisfies judges a row's condition on a message, from the one that the row stands in; text is
// that of an each over texts.
func (root *rootDocument) satisfies(r *program.Row, this, outer document.Node, text string) (bool, error) {
	body := func(m document.Node) document.Node {
		if m == root.m {
			return root.body
		}
		return m
	}
	switch {
	case r.When == nil:
		return true, nil
	case r.Scalar:
		return r.When.HoldsOf(body(this), root.d, text)
	}
	return r.When.HoldsWithin(body(this), body(outer), root.d)
}
