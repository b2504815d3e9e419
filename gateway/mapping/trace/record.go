package trace

import (
	"customs.example/gateway"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/xmltree"
)

// Record is a link before its texts are built.
type Record struct {
	Row     *program.Row
	Context *Context
	Index   int32 // of an appended element; otherwise -1
	Group   bool
	Filled  bool // by a default
	Text    string
	ListRow string
	Element any // the *xmltree.Element that decode read, or what encode wrote
}

// Records keeps records in blocks: a long trace is never copied to grow.
type Records [][]Record

const block = 64

// Add appends a record.
func (r *Records) Add(record Record) {
	last := len(*r) - 1
	if last < 0 || len((*r)[last]) == block {
		*r = append(*r, make([]Record, 0, block))
		last++
	}
	(*r)[last] = append((*r)[last], record)
}

// Len returns how many there are.
func (r Records) Len() int {
	if len(r) == 0 {
		return 0
	}
	return (len(r)-1)*block + len(r[len(r)-1])
}

// Cut leaves the first n.
func (r *Records) Cut(n int) {
	*r = (*r)[:(n+block-1)/block]
	if rest := n % block; rest > 0 {
		(*r)[len(*r)-1] = (*r)[len(*r)-1][:rest]
	}
}

func (r Records) at(i int) *Record { return &r[i/block][i%block] }

// Read is the place of what decode read.
func (r *Record) Read() gateway.Location {
	e := r.Element.(*xmltree.Element)
	if r.Row.Attr != nil && !r.Group {
		return e.AttrLocation(r.Row.Attr.Name)
	}
	return e.Location()
}

// around is the element around what decode read, nil where there is none.
func (r *Record) around() *xmltree.Element {
	if e, ok := r.Element.(*xmltree.Element); ok && e != nil {
		return e.Parent
	}
	return nil
}

func (r *Record) path() string { return string(r.appendPath(nil)) }

func (r *Record) appendPath(b []byte) []byte {
	switch {
	case r.Group:
		return append(b, r.Context.Instance()...)
	case r.Row.Path == nil:
		return b
	}
	return r.Context.appendPath(b, r.Row, int(r.Index))
}
