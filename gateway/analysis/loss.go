package analysis

import (
	"fmt"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/schema"
	"customs.example/gateway/xmltree"
)

// LossKind is what becomes of a value that goes through a table and back.
type LossKind string

// What becomes of a value, best first. It is judged by its own text at its own place: that two
// documents are equal as a whole says nothing of it.
const (
	Kept      LossKind = "kept"      // the very text comes back at its place
	Respelled LossKind = "respelled" // it comes back spelled otherwise, or at another place, and means the same
	Merged    LossKind = "merged"    // it comes back only with others: in one text, one sum or one element
	Cut       LossKind = "cut"       // only its beginning comes back
	Defaulted LossKind = "defaulted" // the document did not say it, the table does
	Changed   LossKind = "changed"   // something else comes back in its place
	Dropped   LossKind = "dropped"   // it does not come back
	Unread    LossKind = "unread"    // of XML: no row reads it, or none can
)

var lossKinds = []LossKind{Kept, Respelled, Merged, Cut, Defaulted, Changed, Dropped, Unread}

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
	Note    string   `json:"note,omitempty"` // why, and what the row says of its loss
}

// Loss is what becomes of every value of a document in a table.
type Loss struct {
	Table   string           `json:"table"`
	From    string           `json:"from"` // canonical or xml
	Counts  map[LossKind]int `json:"counts"`
	Values  []ValueLoss      `json:"values"`
	Refused []gateway.Report `json:"refused,omitempty"` // faults of the document, and of what is written of it

	// Uncompared is how many values were read of XML that cannot be written again: the values are those
	// that were not read, and the faults say why.
	Uncompared int `json:"uncompared,omitempty"`

	Written []byte `json:"-"` // what the table wrote; nil where it could not
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
	read := byRow(decoded.Trace.Links(true), xpathOf)
	al, present := newAlignment(), map[string]bool{}
	for _, v := range leaves(decoded.Document) {
		for at := v.at; at != "" && !present[at]; at = above(at) {
			present[at] = true
		}
	}
	written, together := map[string][]trace.Link{}, map[string]trace.Link{}
	var others []trace.Link // that another row reads
	for _, l := range traced.Links(true) {
		back, ok := read.next(l.Place.Expr, l.Row)
		stands := derives(l) && back.Path != l.Path // for all of a list: it is of no one place
		if ok && !stands && present[back.Path] {
			al.pair(l.Path, back.Path)
		} else if !ok && !l.Group && l.Path != "" && !derives(l) {
			others = append(others, l)
		}
		switch {
		case l.Group || l.Path == "":
		case derives(l):
			together[l.Path] = l
		}
		if !l.Group && l.Path != "" && !stands {
			written[l.Path] = append(written[l.Path], l)
		}
	}
	at := map[string]trace.Link{}
	for _, l := range decoded.Trace.Links(false) {
		at[l.Place.Expr] = l
	}
	for _, l := range others {
		if back, ok := at[l.Place.Expr]; ok && present[back.Path] && !derives(back) && lastStep(back.Path) == lastStep(l.Path) {
			al.pair(l.Path, back.Path)
		}
	}
	fields := fieldsOf(d)
	held := newWithheld(traced)
	c := comparison{before: leaves(d), after: leaves(decoded.Document), al: al}
	loss := c.judge(func(f *ValueLoss, to string, back bool) {
		f.Via, f.Between, f.Row = joinLinks(written[f.At], xpathOf)
		all, summed := togetherAt(together, f.At)
		if f.Via == "" && summed {
			f.Via, f.Between, f.Row = all.Place.Expr, all.Value, all.Row
		}
		w, unasked := held.find(f.At)
		switch {
		case back && f.Before == f.After && c.al.apart(f.At, to):
			f.Kind, f.Note = Merged, "comes back as "+to
		case back && f.Before == f.After && c.turned:
			f.Kind, f.Note = Respelled, "comes back as "+to
		case back && f.Before == f.After:
			f.Kind = Kept
		case back && alike(f.Before, f.After, fields[f.At]):
			f.Kind = Respelled
		case back && isCut(f.Before, f.After, fields[f.At]):
			f.Kind = Cut
		case back:
			f.Kind = Changed
		case summed && all.Job == program.Sum:
			f.Kind = Merged
		case unasked && f.Via == "":
			f.Kind, f.Row, f.Note = Dropped, w.Row, "when "+w.When+" does not hold"
		case f.Via != "":
			f.Kind, f.Note = Dropped, "written, and not read again"
		default:
			f.Kind = Dropped
		}
	})
	sets := setRows(t)
	loss.defaults(func(f *ValueLoss) {
		if l, ok := decoded.Trace.ByPath(f.At); ok && l.Path == f.At && !l.Group {
			f.Via, f.Between, f.Row = l.Place.Expr, l.Value, l.Row
		} else {
			f.Row = sets[selector.ReplaceAllString(f.At, "")]
		}
	})
	loss.Written = encoded.Bytes()
	return loss.of(t, "canonical"), nil
}

// XMLLoss reads a document, writes it again and compares. It may be one that its schema or the table
// refuses: then the loss is that of what can be read. The faults are the table's. Where they let nothing
// be written again, the loss is what was not read.
func XMLLoss(t *mapping.Table, doc *xmltree.Document) (*Loss, gateway.Faults) {
	decoded := t.Decode(doc)
	if decoded.Document == nil {
		return nil, decoded.Faults
	}
	refused := errorsOf(decoded.Faults)
	encoded, traced, faults := t.Encode(decoded.Document, true)
	if encoded.IsZero() {
		return unread(t, doc, decoded), append(refused, mapping.Locate(faults, func(path string) gateway.Location {
			l, _ := decoded.Trace.ByPath(path)
			return l.Place
		})...)
	}
	tree, faults := schema.Parse(encoded.Bytes(), schema.DefaultLimits)
	if tree == nil {
		return nil, append(refused, faults...)
	}
	x := newXMLComparison(t, decoded, traced, t.Decode(tree))
	x.comparison = comparison{before: texts(doc, x.says), after: texts(tree, x.writes), al: x.al}
	loss := x.comparison.judge(x.value)
	loss.defaults(func(f *ValueLoss) {
		if l, ok := traced.ByPlace(f.At); ok && l.Place.Expr == f.At {
			f.Via, f.Row = l.Path, l.Row
		}
	})
	loss.Written = encoded.Bytes()
	return loss.of(t, "xml"), refused
}

// errorsOf are the faults that refuse.
func errorsOf(faults gateway.Faults) (out gateway.Faults) {
	for _, f := range faults {
		if f.Severity == gateway.Error {
			out = append(out, f)
		}
	}
	return out
}

// setRows are the rows that set a constant, by its path without selectors.
func setRows(t *mapping.Table) map[string]string {
	out := map[string]string{}
	for _, row := range t.Rows() {
		if row.Set != "" {
			out[selector.ReplaceAllString(row.Set, "")] = row.ID
		}
	}
	return out
}

// togetherAt finds what was written once for a list that a value is in: a place as its path is
// without the positions from some list on.
func togetherAt(together map[string]trace.Link, at string) (trace.Link, bool) {
	for i := range len(at) {
		if at[i] == '[' {
			if l, ok := together[at[:i]+selector.ReplaceAllString(at[i:], "")]; ok && l.Job != program.Count {
				return l, true
			}
		}
	}
	return trace.Link{}, false
}

// lastStep is the name at the end of an instance path.
func lastStep(path string) string {
	path = selector.ReplaceAllString(path, "")
	return path[strings.LastIndexByte(path, '.')+1:]
}

// derives reports whether a link's value stands for all of a list.
func derives(l trace.Link) bool {
	return !l.Group && (l.Job == program.Count || l.Job == program.Sum || l.Job == program.Every)
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

// comparison is a document beside what came back of it.
type comparison struct {
	before, after []value
	al            alignment
	turned        bool // the value that is settled has come back before others that it stood behind
}

// judge has what becomes of every value settled. What came back and was not there is defaulted.
func (c *comparison) judge(settle func(f *ValueLoss, to string, back bool)) *Loss {
	loss := &Loss{}
	came, used, positions := index(c.after), map[string]bool{}, sequence{}
	for _, v := range c.before {
		f := ValueLoss{At: v.at, Before: v.text}
		to := c.al.find(v.at)
		text, back := came[to]
		if back {
			f.After, used[to] = text, true
		}
		c.turned = back && positions.turned(to)
		settle(&f, to, back)
		loss.Values = append(loss.Values, f)
	}
	for _, v := range c.after {
		if !used[v.at] {
			loss.Values = append(loss.Values, ValueLoss{Kind: Defaulted, At: v.at, After: v.text})
		}
	}
	return loss
}

// defaults calls f for every value that is defaulted.
func (l *Loss) defaults(f func(*ValueLoss)) {
	for i := range l.Values {
		if v := &l.Values[i]; v.Kind == Defaulted {
			f(v)
		}
	}
}

// alike reports whether two spellings of a field's value say the same.
func alike(a, b string, of document.Field) bool {
	switch of.Type {
	case document.Instant:
		one, err := document.ParseInstant(a)
		other, otherErr := document.ParseInstant(b)
		return err == nil && otherErr == nil && one.Equal(other)
	case document.Decimal, document.Uint:
		one, err := document.ParseNumber(a)
		other, otherErr := document.ParseNumber(b)
		return err == nil && otherErr == nil && one.Cmp(other) == 0
	}
	prose := of.Rule != nil && of.Prose() // of a count or constant there is no field
	one, _ := document.Legible(a, prose)
	other, _ := document.Legible(b, prose)
	return one == other || gateway.SameID(one, other)
}

// isCut reports whether what came back of a text is its beginning.
func isCut(before, after string, of document.Field) bool {
	switch of.Type {
	case document.Decimal, document.Uint, document.Bool, document.Enum:
		return false
	}
	return after != "" && strings.HasPrefix(before, after)
}

// fieldsOf are the fields of a document's values, by instance path.
func fieldsOf(d *customsv1.Document) map[string]document.Field {
	out := map[string]document.Field{}
	document.Walk(d, func(path string, field document.Field, _ document.Marks, _ string) { out[path] = field })
	return out
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

// Report lays the loss out for people; without all, what is kept is only counted, and where
// nothing is lost one line says so.
func (l *Loss) Report(all bool) Report {
	out := Report{Title: "loss in " + l.Table}
	if l.Uncompared > 0 {
		out.Title += fmt.Sprintf(": it cannot be written again, and %d values that are read are not compared", l.Uncompared)
	}
	lost := l.Uncompared
	for _, f := range lossKinds {
		if f != Kept && f != Respelled {
			lost += l.Counts[f]
		}
	}
	if respelled := l.Counts[Respelled]; lost == 0 {
		out.Title += fmt.Sprintf(": nothing is lost of %d values", len(l.Values))
		switch {
		case respelled > 0:
			out.Title += fmt.Sprintf(", of which %d are respelled", respelled)
		case !all:
			return out
		}
	}
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
