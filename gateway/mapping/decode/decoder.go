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
	yielded     map[string]trace.Record // values of which another place may say otherwise, by instance path
	one         [1]string
	lists       map[list]*keyed
	sought      map[list]*sought
	seeking     []*sought // in order
	holders     map[document.Node][]*holder
	outermost   *trace.Context
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

// conflict settles what a field is that two places say otherwise: where neither row yields, that is a
// fault. It reports whether the earlier value stays.
func (d *decoder) conflict(r *program.Row, at trace.Record, before, value string) bool {
	first, yielded := d.yielded[at.Context.Path(r, int(at.Index))]
	switch {
	case r.Yields:
		d.differ(at, before)
	case yielded:
		d.differ(first, value)
		return false
	default:
		d.fault(gateway.Fault{Code: gateway.MapConflict, Value: gateway.Clip(at.Text), Expected: gateway.Term(gateway.Clip(before))}, at)
	}
	return true
}

// differ warns that a place says otherwise than another one, which wins.
func (d *decoder) differ(at trace.Record, wins string) {
	d.faults = append(d.faults, gateway.Fault{
		Code: gateway.MapDerived, Severity: gateway.Warning, Path: at.Context.Path(at.Row, int(at.Index)),
		Location: at.Read(), Value: gateway.Clip(at.Text), Expected: gateway.Term(gateway.Clip(wins)),
	})
}

// yields notes a value that gives way to what another place says.
func (d *decoder) yields(r *program.Row, at trace.Record) {
	if !r.Yields {
		return
	}
	if d.yielded == nil {
		d.yielded = map[string]trace.Record{}
	}
	if path := at.Context.Path(r, int(at.Index)); d.yielded[path].Row == nil {
		d.yielded[path] = at
	}
}

// warn warns of what was read otherwise than it is written.
func (d *decoder) warn(warnings []document.Warning, at trace.Record) {
	for _, f := range warnings {
		f.Path, f.Location = at.Context.Path(at.Row, int(at.Index)), at.Read()
		d.faults = append(d.faults, f)
	}
}
