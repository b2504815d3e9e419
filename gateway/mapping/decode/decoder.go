package decode

import (
	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/pace"
)

type decoder struct {
	program     *program.Program
	document    *customsv1.Document // as far as it is read
	steps       *pace.Steps
	rows, nodes []int32 // the group in which a row or node was last met
	groups      int32   // met so far
	at          convert.Moment
	values      int // read so far
	contexts    trace.Contexts
	faults      gateway.Faults
	records     trace.Records
	unread      []gateway.Location
	derived     []derived
	one         [1]string
	lists       map[list]*keyed
	stored      map[stored]*storedElement
	order       []*storedElement
	refers      []trace.Record
}

// derived is a count or sum to compare once everything is read, or a value that goes into
// every element of a list.
type derived struct {
	trace.Record
	text string
}

func (d *decoder) fault(f gateway.Fault, at trace.Record) {
	at.Context.Make() // so that the elements after it keep their positions
	f.Severity = gateway.Error
	f.Path, f.Location = at.Context.Path(at.Row, int(at.Index)), at.Read()
	d.faults = append(d.faults, f)
}

// warn warns of what was read otherwise than it is written.
func (d *decoder) warn(warnings []document.Warning, at trace.Record) {
	for _, f := range warnings {
		f.Path, f.Location = at.Context.Path(at.Row, int(at.Index)), at.Read()
		d.faults = append(d.faults, f)
	}
}
