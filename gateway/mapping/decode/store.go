package decode

import (
	"customs.example/gateway"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/xmltree"
)

// stored is an element that others refer to by its handle.
type stored struct {
	row    *program.Row
	handle string
}

type storedElement struct {
	stored
	element *xmltree.Element
	read    bool
}

// store keeps an element for those that refer to it.
func (d *decoder) store(r *program.Row, e *xmltree.Element, at *trace.Context) {
	handle := peek(r.Handle, e)
	s := stored{r, gateway.FoldID(handle)}
	switch {
	case handle == "":
		d.fault(r.Handle.Missing(), trace.Record{Row: r, Context: at, Index: -1, Group: true, Element: e})
	case d.stored[s] != nil:
		d.fault(gateway.Fault{Code: gateway.MapKey, Value: gateway.Clip(handle)}, trace.Record{Row: r, Context: at, Index: -1, Group: true, Element: e})
	default:
		kept := &storedElement{stored: s, element: e}
		d.stored[s], d.order = kept, append(d.order, kept)
	}
}
