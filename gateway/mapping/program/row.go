package program

import (
	"slices"
	"strconv"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/table"
)

// Job is what a row does.
type Job int

// The jobs are named as the keys of a table that give them; a Group has rows.
const (
	Value Job = iota
	Const
	Set
	Count
	Sum
	Every
	Ordinal
	Handle
	Refer
	Group
)

// Row is one step of a program.
type Row struct {
	Info   table.RowInfo
	Job    Job
	Number int // among all rows

	Steps []table.Step // elements to the target, relative to the enclosing row's element
	Attr  *table.Step  // the attribute, for an attribute's row

	Reach   int            // contexts outwards that Path starts from
	Hops    []*Row         // the lists that each passes through before its own
	Path    *document.Path // from, with, each, set, count, sum or refer; nil for ordinals, constants and plain groups
	Each    bool           // repeats for every element of Path
	Scalar  bool           // each over texts
	Item    bool           // the value is a text of such a list: this row's, or the enclosing one's
	Tag     *document.Path // language and value of an element of Path, for a row of languages
	Text    *document.Path
	Value   convert.Value
	Second  *Row // the after of a before: both stand in one text
	When    *expr.Condition
	Always  bool
	Equal   bool // of a value that stands for a list: all its elements must say it
	Extends bool // the value is an extension's, of the form that is declared: Value.Leaf

	Sought  bool             // of a hop without keys: its element is the one in which that of a hop further in is found
	Within  gateway.Phrase   // of a hop with keys: what its elements are called, for people
	Keys    [][]*Row         // of a group: keys of each hop, then of its own list
	Collect []*document.Path // of a group: the messages that others refer to
	Store   *Row             // of refer: the group that collects
	Handle  *Row             // of a group that collects: the row in it that writes the handle

	Discriminators []*Row     // constants and likes that tell a group from others of its name
	Neighbour      *Neighbour // without which a group's element is not read

	// What encode alone asks.
	Written []*Row         // the rows of a group that are written, in order
	By      *document.Path // of the elements of the first list: it is one of the texts at In
	In      *document.Path // in the context that the row stands in
	Once    bool           // of an each: only its first element is written
	Earlier []*Row         // groups of the same name that decode asks before this one, each with a neighbour

	// What decode alone asks.
	Decoding *Decoding // of a group
	Shared   bool      // another row reads into the same field
	Yields   bool      // where another place of the document says the field otherwise, that wins
	Spread   *Spread   // the value that stands once is read into the elements of a list

	declared *document.Field // of an extension's value

	parent *Row
	rows   []*Row // of a group, whatever their direction
}

// Neighbour is an element that must stand near another one.
type Neighbour struct {
	Up    int          // how far up from that one its own way starts
	Steps []table.Step // from there
}

// Spread is where a value that stands once is read to.
type Spread struct {
	List *document.Path
	Leaf *document.Path // of the list's elements
	Lone bool           // only where there is one element, and it has no value of its own
}

// Encodes reports whether the row is one that is written.
func (r *Row) Encodes() bool { return r.Info.Direction != "decode" }

// Decodes reports whether the row is one that is read.
func (r *Row) Decodes() bool { return r.Info.Direction != "encode" }

// Derives reports whether what the row writes stands for all of a list.
func (r *Row) Derives() bool { return r.Job == Count || r.Job == Sum || r.Job == Every }

// First is the row's first list: what By and In choose from.
func (r *Row) First() *Row {
	if len(r.Hops) > 0 {
		return r.Hops[0]
	}
	return r
}

// Requires reports whether a document MUST have what the row carries.
func (r *Row) Requires(d *customsv1.Document) bool {
	return r.Info.Required && (len(r.Info.Except) == 0 || !slices.Contains(r.Info.Except, d.GetEnvelope().GetFunction().String()))
}

// Missing is the fault of a required value that is not there.
func (r *Row) Missing() gateway.Fault { return missing(r.Steps, r.Attr) }

// MissingBehind is Missing where the first n elements to the target are there.
func (r *Row) MissingBehind(n int) gateway.Fault { return missing(r.Steps[n:], r.Attr) }

func missing(steps []table.Step, attr *table.Step) gateway.Fault {
	return gateway.Fault{Code: gateway.MapRequired, Severity: gateway.Error, Expected: target(steps, attr)}
}

// Target names the row's target for people: its path from the enclosing element.
func (r *Row) Target() gateway.Phrase { return target(r.Steps, r.Attr) }

func target(steps []table.Step, attr *table.Step) gateway.Phrase {
	if len(steps) == 0 && attr == nil {
		return gateway.Say(gateway.WordElementText)
	}
	var out string
	for i := range steps {
		if out != "" {
			out += "/"
		}
		out += steps[i].QName()
	}
	if attr != nil {
		if out != "" {
			out += "/"
		}
		out += "@" + attr.QName()
	}
	return gateway.Term(out)
}

// Derive returns the count, sum or common value that the row writes, "" where there is
// nothing to count.
func (r *Row) Derive(m document.Node) string {
	switch r.Job {
	case Count:
		if n := r.Path.Count(m); n > 0 {
			return strconv.Itoa(n)
		}
		return ""
	case Every:
		if texts := r.Path.Texts(m); len(texts) > 0 {
			return texts[0]
		}
		return ""
	}
	return r.Path.Sum(m)
}

// Route returns the steps from the root to the row's element.
func (r *Row) Route() []*table.Step {
	var out []*table.Step
	if r.parent != nil && r.parent.parent != nil {
		out = r.parent.Route()
	}
	for i := range r.Steps {
		out = append(out, &r.Steps[i])
	}
	return out
}

// Field returns the canonical field whose value the row writes, nil if it writes none.
func (r *Row) Field() *document.Field {
	var field document.Field
	switch {
	case r.Path == nil:
		return nil
	case r.Job == Count:
		field.Type = document.Uint
	case r.Job != Value && r.Job != Sum:
		return nil
	case r.Text != nil:
		field = r.Text.Field()
	case r.Extends:
		field = *r.declared
	default:
		field = r.Path.Field()
	}
	return &field
}
