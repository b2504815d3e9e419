package analysis

import (
	"fmt"
	"strconv"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/decode"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/xmltree"
)

// xmlComparison is what the two readings and the writing between them know of an XML document's
// values, by the places at which they stood.
type xmlComparison struct {
	comparison
	read      map[string][]trace.Link // of the document
	written   map[string]trace.Link   // of what was written of it
	reread    map[string]trace.Link   // of that
	canonical map[string]string       // what was read, by instance path
	again     map[string]string       // what is read of what was written
	fields    map[string]document.Field
	unread    map[string]bool
	faults    map[string]gateway.Code // of what no row could read
	held      withheld
	rows      map[string]table.RowInfo
}

func newXMLComparison(t *mapping.Table, decoded decode.Decoded, traced trace.Trace, second decode.Decoded) *xmlComparison {
	x := &xmlComparison{
		comparison: comparison{al: newAlignment()},
		read:       map[string][]trace.Link{}, written: map[string]trace.Link{}, reread: map[string]trace.Link{},
		canonical: index(leaves(decoded.Document)), again: index(leavesOf(second)), fields: fieldsOf(decoded.Document),
		unread: map[string]bool{}, faults: map[string]gateway.Code{}, held: newWithheld(traced), rows: map[string]table.RowInfo{},
	}
	for _, row := range t.Rows() {
		x.rows[row.ID] = row
	}
	for _, l := range decoded.Unread {
		x.unread[l.Expr] = true
	}
	for _, f := range errorsOf(decoded.Faults) {
		x.faults[f.Location.Expr] = f.Code
	}
	for _, l := range second.Trace.Links(false) {
		x.reread[l.Place.Expr] = l
	}
	again := traced.Links(true)
	free := map[string][]trace.Link{} // written values, by path
	for _, l := range again {
		if !l.Group {
			x.written[l.Place.Expr] = l
			free[l.Path] = append(free[l.Path], l)
		}
	}
	written := byRow(again, pathOf)
	var moved []trace.Link
	for _, l := range decoded.Trace.Links(true) {
		if !l.Group {
			x.read[l.Place.Expr] = append(x.read[l.Place.Expr], l)
		}
		if l.Path == "" || derives(l) && l.Job != program.Every {
			continue
		}
		if to, ok := written.next(l.Path, l.Row); ok {
			x.al.pair(l.Place.Expr, to.Place.Expr)
		} else if !l.Group {
			moved = append(moved, l)
		}
	}
	for _, l := range moved { // read by one row, written by another
		for _, to := range free[l.Path] {
			if x.al.there[l.Place.Expr] == "" && x.al.back[to.Place.Expr] == "" {
				x.al.there[l.Place.Expr], x.al.back[to.Place.Expr] = to.Place.Expr, l.Place.Expr
			}
		}
	}
	return x
}

// unread is the loss of a document that cannot be written again: the values that no row reads, or can.
func unread(t *mapping.Table, doc *xmltree.Document, decoded decode.Decoded) *Loss {
	x := newXMLComparison(t, decoded, trace.Trace{}, decode.Decoded{})
	loss := &Loss{}
	for _, v := range texts(doc, x.says) {
		f := ValueLoss{At: v.at, Before: v.text}
		if x.value(&f, "", false); f.Kind == Unread {
			loss.Values = append(loss.Values, f)
		} else {
			loss.Uncompared++
		}
	}
	return loss.of(t, "xml")
}

// leavesOf are the values that were read, none where nothing was.
func leavesOf(d decode.Decoded) []value {
	if d.Document == nil {
		return nil
	}
	return leaves(d.Document)
}

// says reports whether a row reads a value at a place, be it of an empty element.
func (x *xmlComparison) says(at string) bool { return x.read[at] != nil }

func (x *xmlComparison) writes(at string) bool {
	_, ok := x.written[at]
	return ok
}

// value settles what becomes of a value.
func (x *xmlComparison) value(f *ValueLoss, to string, back bool) {
	f.Via, _, f.Row = joinLinks(x.read[f.At], pathOf)
	f.Between = x.canonical[f.Via]
	written, piece := x.written[to], x.piece(f)
	switch {
	case x.read[f.At] == nil && !piece && x.faults[f.At] != "":
		f.Kind, f.Note = Unread, string(x.faults[f.At])
	case x.read[f.At] == nil && !piece && within(x.unread, f.At):
		f.Kind = Unread
	case back && f.Before == f.After && x.al.apart(f.At, to):
		f.Kind, f.Note = Merged, "comes back as "+to
	case back && f.Before == f.After && (x.turned || elsewhere(f.At, to)):
		f.Kind, f.Note = Respelled, "comes back as "+to
	case back && f.Before == f.After:
		f.Kind = Kept
	case piece || back && x.grown(f):
		f.Kind = Merged
	case back && x.same(f, to):
		f.Kind = Respelled
	case back && !written.Const && written.Job != program.Ordinal && isCut(f.Before, f.After, x.fields[f.Via]):
		f.Kind = Cut
	case back:
		f.Kind = Changed
		if list := x.rows[f.Row].List; list != "" && !written.Const && f.Between != "" && x.again[x.reread[to].Path] == f.Between {
			f.Note = fmt.Sprintf("both are %s in the list %s", f.Between, list)
		}
	case f.Via != "" && f.Between != "" && f.Between == x.again[f.Via]:
		f.Kind, f.Note = Merged, "is said once, elsewhere"
	default:
		f.Kind = Dropped
		if w, ok := x.held.find(f.Via); ok && f.Via != "" {
			f.Note = fmt.Sprintf("%s is not written again: when %s does not hold", w.Row, w.When)
		} else if f.Via != "" {
			f.Note = "read, and not written again"
		}
	}
}

// piece finds, for an element that is read with those of its name before it, what they are read
// as: one text, of which it is a part.
func (x *xmlComparison) piece(f *ValueLoss) bool {
	if x.read[f.At] != nil || x.unread[f.At] {
		return false
	}
	name, position := nameOf(f.At), positionOf(f.At)
	for n := position - 1; n > 0; n-- {
		if l := x.read[fmt.Sprintf("%s[%d]", name, n)]; l != nil {
			f.Via, f.Row = l[0].Path, l[0].Row
			f.Between = x.canonical[f.Via]
			return strings.Contains(f.Between, f.Before)
		}
	}
	return false
}

// grown reports whether what came back holds more than the value, as what was read does.
func (x *xmlComparison) grown(f *ValueLoss) bool {
	more := func(text string) bool { return len(text) > len(f.Before) && strings.Contains(text, f.Before) }
	return more(f.Between) && more(f.After) && !alike(f.Before, f.After, x.fields[f.Via])
}

// same reports whether what is written in a value's place is another spelling of it: by its
// type, as the same row reads both without a loss, or as a name that the document alone gives.
func (x *xmlComparison) same(f *ValueLoss, to string) bool {
	was, is, reread := x.read[f.At], x.written[to], x.reread[to]
	row := x.rows[f.Row]
	switch {
	case is.Job == program.Handle:
		return true // what it names is aligned with what it named
	case is.Const || is.Job == program.Ordinal || len(was) == 0:
		return false
	case was[0].Job == program.Refer && is.Job == program.Refer:
		return x.refersAlike(was[0].Path, reread.Path)
	case alike(f.Before, f.After, x.fields[f.Via]):
		return true
	case row.List != "":
		return strings.EqualFold(f.Before, f.After)
	}
	return row.Lossy == "" && is.Row == f.Row && f.Between != "" && f.Between == x.again[reread.Path]
}

// refersAlike reports whether what stands at a place came back whole.
func (x *xmlComparison) refersAlike(path, again string) bool {
	of := func(values map[string]string, at string) map[string]string {
		out := map[string]string{}
		for path, text := range values {
			if rest, ok := strings.CutPrefix(path, at+"."); ok {
				out[rest] = text
			}
		}
		return out
	}
	was, is := of(x.canonical, path), of(x.again, again)
	for rest, text := range was {
		if is[rest] != text {
			return false
		}
	}
	return len(was) == len(is)
}

// elsewhere reports whether two places are of different elements or attributes, whatever their positions.
func elsewhere(here, there string) bool {
	return selector.ReplaceAllString(here, "") != selector.ReplaceAllString(there, "")
}

// nameOf is an XPath without its last position.
func nameOf(at string) string {
	if cut := strings.LastIndexByte(at, '['); strings.HasSuffix(at, "]") && cut >= 0 {
		return at[:cut]
	}
	return at
}

// positionOf is the last position of an XPath, 0 if it has none.
func positionOf(at string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(at[len(nameOf(at)):], "["), "]"))
	return n
}
