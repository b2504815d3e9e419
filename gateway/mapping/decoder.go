package mapping

import (
	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/pace"
)

type decoder struct {
	document    *customsv1.Document // as far as it is read
	steps       *pace.Steps
	rows, nodes []int32 // the group in which a row or node was last met
	groups      int32   // met so far
	at          convert.Moment
	values      int // read so far
	made        slabs
	faults      gateway.Faults
	records     records
	unread      []gateway.Location
	derived     []derived
	one         [1]string
	lists       map[list]*keyed
	stored      map[stored]*storedElement
	order       []*storedElement
	refers      []record
}

// derived is a count or sum to compare once everything is read, or a value that goes into
// every element of a list.
type derived struct {
	record
	text string
}

func (d *decoder) fault(f gateway.Fault, at record) {
	at.context.message() // so that the elements after it keep their positions
	f.Severity = gateway.Error
	f.Path, f.Location = at.row.instance(at.context, int(at.index)), locateRead(&at)
	d.faults = append(d.faults, f)
}

// tell warns of what was read otherwise than it is written.
func (d *decoder) tell(told []document.Told, at record) {
	for _, f := range told {
		f.Path, f.Location = at.row.instance(at.context, int(at.index)), locateRead(&at)
		d.faults = append(d.faults, f)
	}
}

func (d *decoder) record(r record) { d.records.add(r) }
