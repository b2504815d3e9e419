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

// wroteXML is the text that stands in the XML for a value of the document; the value
// itself where it is not what the document has at that path, or of no text of its own.
func (r *Reading) wroteXML(path, value string) string {
	text, ok := r.trace.Text(path)
	if !ok {
		return value
	}
	if has := leaf(r.Document, path); has != value && gateway.Clip(has) != value {
		return value
	}
	return gateway.Clip(text)
}

// inOwnWords gives each fault the value that its sender wrote.
func inOwnWords(faults gateway.Faults, wrote func(path, value string) string) gateway.Faults {
	if wrote == nil {
		return faults
	}
	for i := range faults {
		if f := &faults[i]; f.Value != "" && f.Path != "" {
			f.Value = wrote(f.Path, f.Value)
		}
	}
	return faults
}
