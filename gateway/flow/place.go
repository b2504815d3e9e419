package flow

import (
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// places says of each fault of reading XML where it stands in the words of people: at the
// canonical field, or, where only the schema has found it, at the field that a row reads
// there, below what is next to it. What no row reads keeps its own name.
func (r *Reading) places() {
	r.Faults = document.Places(r.Faults, r.Document)
	if r.Document == nil || r.Table == nil {
		return
	}
	for i := range r.Faults {
		f := &r.Faults[i]
		if f.Path != "" || !f.Place.IsZero() || f.Location.Expr == "" {
			continue
		}
		link, ok := r.trace.ByPlace(f.Location.Expr)
		if ok && !link.Group && link.Place.Expr == f.Location.Expr {
			f.Place = document.PlaceOf(r.Document, link.Path)
			continue
		}
		if ok && link.Group {
			f.Place = document.PlaceOf(r.Document, link.Path)
		}
		if ok && link.Place.Expr == f.Location.Expr {
			continue // the whole thing
		}
		if label, ok := r.Table.Reads(f.Location); ok {
			f.Place.Label = label
			continue
		}
		f.Place.Steps = append(f.Place.Steps, gateway.PlaceStep{Key: ownName(f.Location.Expr)})
	}
}

// ownName is the last name of a place, without prefix and position.
func ownName(expr string) string {
	name, _, _ := strings.Cut(expr[strings.LastIndexAny(expr, "/:@")+1:], "[")
	return name
}
