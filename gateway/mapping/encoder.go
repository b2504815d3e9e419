package mapping

import (
	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/pace"
)

type encoder struct {
	steps   *pace.Steps
	table   string // its id
	root    rootDocument
	at      convert.Moment
	faults  []wrong
	assumed []wrong // warnings
	made    slabs
	tracing bool
	records records
	texts   []string
	begun   record // the before whose text an after may go on with
	handles map[document.Node]string
	stored  map[*row][]*context // what groups that collect write
	besides []beside
	lookups map[looking]map[string][]named

	withheld []withheld
}

// wrong is a fault before its texts are built: most of what an empty group misses is
// never said.
type wrong struct {
	fault   *gateway.Fault // nil for a required value that is missing
	row     *row
	context *context
	index   int
}

// rootDocument is a document with its two messages that conditions may ask about.
type rootDocument struct {
	d       *customsv1.Document
	m, body document.Node
}

func (e *encoder) fault(f *gateway.Fault, r *row, at *context, index int) {
	e.faults = append(e.faults, wrong{f, r, at, index})
}

// say builds the faults.
func (e *encoder) say() gateway.Faults {
	var out gateway.Faults
	for _, w := range e.faults {
		if w.fault == nil {
			missing := w.row.missing()
			w.fault = &missing
		}
		w.fault.Severity, w.fault.Path = gateway.Error, w.row.instance(w.context, w.index)
		out = append(out, *w.fault)
	}
	return out
}

// warnings are the local times that no office's zone was known for.
func (e *encoder) warnings() (out gateway.Faults) {
	for _, w := range e.assumed {
		w.fault.Path = w.row.instance(w.context, w.index)
		out = append(out, *w.fault)
	}
	return out
}
