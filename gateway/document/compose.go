package document

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	customsv1 "customs.example/gateway/api/customs/v1"
)

// Piece is an element of a list: which document has it, and as which one there.
type Piece struct{ Of, At int }

// Compose makes one document of several of one kind, the newest first: what a later one
// leaves out, an earlier one says. The list at a path has the pieces, in their order; the
// gathered lists have all elements of all documents, the oldest first. Origin leads an
// instance path of the body, or of the envelope, to the document that has it, and the path
// there. The documents stay as they are.
func Compose(docs []*customsv1.Document, list string, pieces []Piece, gathered ...string) (out *customsv1.Document, origin func(path string) (int, string), err error) {
	out = Clone(docs[0])
	type place struct {
		of   int
		path string
	}
	from := make(map[string]place)
	kind, body := Kind(out), Body(out)
	for i, d := range docs[1:] {
		earlier := Body(Clone(d))
		for _, f := range body.Fields() {
			if !f.Has(body) && f.Has(earlier) {
				f.take(body, earlier)
				from[f.Name] = place{i + 1, f.Name}
			}
		}
	}
	fill := func(list string, pieces []Piece) error {
		p, err := CompileFor(kind, list)
		if err != nil {
			return err
		}
		p.Clear(Of(out))
		for n, piece := range pieces {
			element := p.List(Of(docs[piece.Of]))[piece.At]
			proto.Merge(p.Append(Of(out)).Interface(), element.Interface())
			from[list+"["+strconv.Itoa(n)+"]"] = place{piece.Of, list + "[" + strconv.Itoa(piece.At) + "]"}
		}
		return nil
	}
	if err := fill(list, pieces); err != nil {
		return nil, nil, err
	}
	for _, list := range gathered {
		var all []Piece
		p, err := CompileFor(kind, list)
		if err != nil {
			return nil, nil, err
		}
		for i := len(docs) - 1; i >= 0; i-- {
			for at := range p.List(Of(docs[i])) {
				all = append(all, Piece{i, at})
			}
		}
		if err := fill(list, all); err != nil {
			return nil, nil, err
		}
	}
	return out, func(path string) (int, string) {
		for at := path; at != ""; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
			if p, ok := from[at]; ok {
				return p.of, p.path + path[len(at):]
			}
		}
		return 0, path
	}, nil
}
