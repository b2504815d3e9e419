package flow

import (
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/mapping"
)

// Provenance of a value in a message.
const (
	FromDocument = "document" // a sender's document
	FromRoute    = "route"    // supplied by the route
	FromGateway  = "gateway"  // allocated by the gateway: the message id, the number of a part
	FromTable    = "constant" // written by the table
)

// Origin says where one value of a message came from.
type Origin struct {
	Target           string            `json:"target"` // place in the output
	Value            string            `json:"value"`
	Row              string            `json:"row"`
	Mapping          string            `json:"mapping"`
	Path             string            `json:"path,omitempty"` // canonical
	Provenance       string            `json:"provenance"`
	Source           string            `json:"source,omitempty"` // place in the sender's document
	SourceSubmission string            `json:"sourceSubmission,omitempty"`
	SourceValue      string            `json:"sourceValue,omitempty"`
	SourceRow        string            `json:"sourceRow,omitempty"` // row and table that read it
	ListRow          string            `json:"listRow,omitempty"`
	Note             string            `json:"note,omitempty"`
	Namespaces       map[string]string `json:"namespaces,omitempty"` // of Target
	Part             int               `json:"part,omitempty"`       // which of several messages has it, from 1
}

// Explain returns the origin of every value of every message, in order.
func (t *Translation) Explain() []Origin {
	var out []Origin
	for _, o := range t.Outputs {
		out = append(out, o.Explain()...)
	}
	return out
}

// Explain returns the origin of every value of the message, in its order.
func (out *Output) Explain() []Origin {
	supplied := make(map[string]string) // canonical path -> route row and source
	for _, s := range out.Released.Supplied() {
		supplied[s.Path] = s.Row + ": " + s.Source + " (" + s.Status + ")"
	}
	var origins []Origin
	for _, link := range out.trace.Links(false) {
		o := Origin{
			Target: link.Place.Expr, Namespaces: link.Place.Namespaces, Value: link.Value,
			Row: link.Row, Mapping: link.Table, Path: link.Path, ListRow: link.ListRow, Provenance: FromTable, Part: out.part,
		}
		if link.Path != "" && !link.Const {
			out.originOf(&o, supplied)
		}
		origins = append(origins, o)
	}
	return origins
}

func (out *Output) originOf(o *Origin, supplied map[string]string) {
	for path := o.Path; path != ""; path = parentPath(path) {
		if note, ok := supplied[path]; ok {
			o.Provenance, o.Note = FromRoute, note
			return
		}
	}
	if out.made != nil && out.made(o.Path) {
		o.Provenance, o.Note = FromGateway, out.split
		return
	}
	part, path, ok := out.of.partOf(out.whole(o.Path))
	if !ok {
		o.Provenance = FromGateway
		return
	}
	o.Provenance, o.SourceSubmission = FromDocument, part.Submission
	place := part.locate(path)
	o.Source = place.Expr
	if link, ok := part.trace.ByPath(path); ok {
		o.SourceValue, o.SourceRow = link.Value, link.Table+" "+link.Row
		o.ListRow = strings.Join(slices.DeleteFunc([]string{link.ListRow, o.ListRow}, func(s string) bool { return s == "" }), ", ")
	}
}

// parentPath cuts the last step off an instance path.
func parentPath(path string) string {
	i := strings.LastIndexAny(path, ".[")
	return path[:max(i, 0)]
}

// Trace says what the table read where; it is empty for canonical JSON.
func (r *Reading) Trace() mapping.Trace { return r.trace }

// Locate finds the place in the document that a canonical value came from.
func (r *Reading) Locate(path string) gateway.Location { return r.locate(path) }
