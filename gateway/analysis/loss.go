package analysis

import (
	"fmt"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/schema"
	"customs.example/gateway/xmltree"
)

// LossKind is what becomes of a value that goes through a table and back.
type LossKind string

// What becomes of a value, best first.
const (
	Kept       LossKind = "kept"
	Normalised LossKind = "normalised" // written differently, comes back equal; of XML: written again differently, means the same
	Defaulted  LossKind = "defaulted"  // the document did not say it, the table does
	Changed    LossKind = "changed"    // comes back as something else, or is written and not read back
	Truncated  LossKind = "truncated"  // only its beginning comes back
	Dropped    LossKind = "dropped"    // not written, does not come back
	Unread     LossKind = "unread"     // of XML: no row reads it
)

var lossKinds = []LossKind{Kept, Normalised, Defaulted, Changed, Truncated, Dropped, Unread}

// ValueLoss is what becomes of one value. What it was and what came back is canonical for a
// canonical document and XML for XML; what stood between is the other.
type ValueLoss struct {
	Kind    LossKind `json:"fate"`
	At      string   `json:"at"` // instance path, or XPath
	Before  string   `json:"before"`
	Via     string   `json:"via,omitempty"` // XPath, or instance path
	Between string   `json:"between,omitempty"`
	After   string   `json:"after"`
	Row     string   `json:"row,omitempty"`
	Note    string   `json:"note,omitempty"` // what the row says of its loss
}

// Loss is what becomes of every value of a document in a table.
type Loss struct {
	Table  string           `json:"table"`
	From   string           `json:"from"` // canonical or xml
	Counts map[LossKind]int `json:"counts"`
	Values []ValueLoss      `json:"values"`
}

// DocumentLoss writes a canonical document, reads it again and compares. The faults
// say why it could not be written.
func DocumentLoss(t *mapping.Table, d *customsv1.Document) (*Loss, gateway.Faults) {
	encoded, traced, faults := t.Encode(d, true)
	if encoded.IsZero() {
		return nil, faults
	}
	tree, faults := schema.Parse(encoded.Bytes(), schema.DefaultLimits)
	if tree == nil {
		return nil, faults
	}
	decoded := t.Decode(tree)
	read := byRow(decoded.Trace.Links(true), func(l trace.Link) string { return l.Place.Expr })
	al, present := newAlignment(), map[string]bool{}
	for _, v := range leaves(decoded.Document) {
		for at := v.at; at != "" && !present[at]; at = above(at) {
			present[at] = true
		}
	}
	written := map[string][]trace.Link{}
	for _, l := range traced.Links(true) {
		if back, ok := read.next(l.Place.Expr, l.Row); ok && present[back.Path] {
			al.pair(l.Path, back.Path)
		}
		if !l.Group && l.Path != "" {
			written[l.Path] = append(written[l.Path], l)
		}
	}
	between := func(at string) (via, text, row string) { return joinLinks(written[at], xpathOf) }
	held := newWithheld(traced)
	loss := compare(leaves(d), leaves(decoded.Document), al, between, func(f *ValueLoss) {
		if w, ok := held.find(f.At); ok && f.Kind == Dropped {
			f.Row, f.Note = w.Row, "when "+w.When+" does not hold"
		}
	})
	for i := range loss.Values { // what came back and was not there
		if v := &loss.Values[i]; v.Kind == Defaulted {
			if l, ok := decoded.Trace.ByPath(v.At); ok {
				v.Via, v.Between, v.Row = l.Place.Expr, l.Value, l.Row
			}
		}
	}
	return loss.of(t, "canonical"), nil
}

// XMLLoss reads a document, writes it again and compares. The faults say why it could
// not be read or written.
func XMLLoss(t *mapping.Table, doc *xmltree.Document) (*Loss, gateway.Faults) {
	decoded := t.Decode(doc)
	if decoded.Faults.Refuse() {
		return nil, decoded.Faults
	}
	encoded, traced, faults := t.Encode(decoded.Document, true)
	if encoded.IsZero() {
		return nil, mapping.Locate(faults, func(path string) gateway.Location {
			l, _ := decoded.Trace.ByPath(path)
			return l.Place
		})
	}
	tree, faults := schema.Parse(encoded.Bytes(), schema.DefaultLimits)
	if tree == nil {
		return nil, faults
	}
	written := byRow(traced.Links(true), func(l trace.Link) string { return l.Path })
	al := newAlignment()
	read := map[string][]trace.Link{}
	for _, l := range decoded.Trace.Links(true) {
		if again, ok := written.next(l.Path, l.Row); ok && l.Path != "" {
			al.pair(l.Place.Expr, again.Place.Expr)
		}
		if !l.Group {
			read[l.Place.Expr] = append(read[l.Place.Expr], l)
		}
	}
	first, second := leaves(decoded.Document), leaves(t.Decode(tree).Document)
	canonical, again := index(first), index(second)
	same := len(differences(first, second)) == 0 // then a constant's other writing says the same
	unread := map[string]bool{}
	for _, l := range decoded.Unread {
		unread[l.Expr] = true
	}
	between := func(at string) (via, text, row string) {
		via, _, row = joinLinks(read[at], pathOf)
		return via, canonical[via], row
	}
	held := newWithheld(traced)
	loss := compare(texts(doc), texts(tree), al, between, func(f *ValueLoss) {
		switch {
		case f.Via == "" && f.Row == "" && within(unread, f.At):
			f.Kind = Unread
		case f.Before == f.After: // only its canonical form is another
			f.Kind = Kept
		case f.Kind == Changed && f.After == "" && f.Via != "":
			if w, ok := held.find(f.Via); ok {
				f.Kind, f.Note = Dropped, fmt.Sprintf("%s is not written again: when %s does not hold", w.Row, w.When)
			}
		case f.Kind == Changed && f.Between != "" && f.Between == again[f.Via], f.Kind == Changed && f.After != "" && f.Via == "" && same:
			f.Kind = Normalised
		}
	})
	for i := range loss.Values {
		if v := &loss.Values[i]; v.Kind == Defaulted {
			if l, ok := traced.ByPlace(v.At); ok {
				v.Via, v.Row = l.Path, l.Row
			}
		}
	}
	return loss.of(t, "xml"), nil
}

// withheld is what conditions kept from being written, by its path; what another row
// wrote is not among it.
type withheld map[string]trace.Withheld

func newWithheld(t trace.Trace) withheld {
	out := withheld{}
	for _, w := range t.Withheld() {
		out[w.Path] = w
	}
	for _, l := range t.Links(true) {
		delete(out, l.Path)
	}
	return out
}

// find returns the condition that kept a value, or what holds it, from being written.
func (w withheld) find(at string) (trace.Withheld, bool) {
	for ; at != ""; at = above(at) {
		if found, ok := w[at]; ok {
			return found, true
		}
	}
	return trace.Withheld{}, false
}

// within reports whether a place or one that holds it is in a set.
func within(set map[string]bool, at string) bool {
	for ; at != ""; at = above(at) {
		if set[at] {
			return true
		}
	}
	return false
}

func xpathOf(l trace.Link) string { return l.Place.Expr }
func pathOf(l trace.Link) string  { return l.Path }

// joinLinks joins what the links of one value say.
func joinLinks(links []trace.Link, via func(trace.Link) string) (at, text, row string) {
	if len(links) == 0 {
		return "", "", ""
	}
	for _, l := range links {
		text += l.Value
	}
	return via(links[0]), text, links[0].Row
}

// links are the links of a trace by place and row, to be taken in their order.
type links map[[2]string][]trace.Link

func byRow(all []trace.Link, at func(trace.Link) string) links {
	out := links{}
	for _, l := range all {
		key := [2]string{at(l), l.Row}
		out[key] = append(out[key], l)
	}
	return out
}

func (ls links) next(at, row string) (trace.Link, bool) {
	key := [2]string{at, row}
	if len(ls[key]) == 0 {
		return trace.Link{}, false
	}
	l := ls[key][0]
	ls[key] = ls[key][1:]
	return l, true
}

// compare settles what becomes of every value of a document against what came back.
func compare(before, after []value, al alignment, between func(at string) (via, text, row string), judge func(*ValueLoss)) *Loss {
	loss := &Loss{}
	came := index(after)
	used := map[string]bool{}
	for _, v := range before {
		f := ValueLoss{At: v.at, Before: v.text}
		f.Via, f.Between, f.Row = between(v.at)
		to := al.find(v.at)
		text, back := came[to]
		if back {
			f.After, used[to] = text, true
		}
		switch {
		case back && text == v.text && (f.Between == "" || f.Between == v.text):
			f.Kind = Kept
		case back && equal(text, v.text):
			f.Kind = Normalised
		case back && text != "" && strings.HasPrefix(v.text, text):
			f.Kind = Truncated
		case back, f.Row != "":
			f.Kind = Changed
		default:
			f.Kind = Dropped
		}
		if judge != nil {
			judge(&f)
		}
		loss.Values = append(loss.Values, f)
	}
	for _, v := range after {
		if !used[v.at] {
			loss.Values = append(loss.Values, ValueLoss{Kind: Defaulted, At: v.at, After: v.text})
		}
	}
	return loss
}

// equal reports whether two values say the same: an instant may come back with the
// offset of another zone.
func equal(a, b string) bool {
	if a == b {
		return true
	}
	one, err := document.ParseInstant(a)
	other, otherErr := document.ParseInstant(b)
	return err == nil && otherErr == nil && one.Equal(other)
}

// of completes a loss with its counts and with what the rows say of theirs.
func (l *Loss) of(t *mapping.Table, from string) *Loss {
	l.Table, l.From, l.Counts = t.ID(), from, map[LossKind]int{}
	lossy := map[string]string{}
	for _, row := range t.Lossy() {
		lossy[row.ID] = row.Lossy
	}
	for i := range l.Values {
		v := &l.Values[i]
		l.Counts[v.Kind]++
		if note := lossy[v.Row]; v.Kind != Kept && note != "" {
			v.Note = strings.TrimPrefix(v.Note+"; "+note, "; ")
		}
	}
	return l
}

// Report lays the loss out for people; without all, what is kept is only counted.
func (l *Loss) Report(all bool) Report {
	out := Report{Title: "loss in " + l.Table}
	for _, f := range lossKinds {
		out.Facts = append(out.Facts, Key{string(f), fmt.Sprint(l.Counts[f])})
	}
	s := Section{Heading: "Values", Columns: []string{"fate", "value", "before", "between", "after", "row", "note"}}
	for _, v := range l.Values {
		if all || v.Kind != Kept {
			s.Rows = append(s.Rows, []string{
				string(v.Kind), v.At, gateway.Clip(v.Before), gateway.Clip(v.Between), gateway.Clip(v.After), v.Row, v.Note,
			})
		}
	}
	out.Sections = []Section{s}
	return out
}
