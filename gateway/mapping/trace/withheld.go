package trace

import (
	"slices"

	"customs.example/gateway/mapping/program"
)

// Withheld is a value, message or list of the document that a row's condition kept from
// being written there. Another row may have written it.
type Withheld struct {
	Path string // canonical instance path
	Row  string // whose condition did not hold
	When string
}

// Withheld returns what conditions kept from being written, in the order of the rows. A
// trace of decode has none: decode never asks.
func (t Trace) Withheld() []Withheld {
	if t.s == nil {
		return nil
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.s.withheld == nil {
		for _, h := range t.s.held {
			t.s.withheld = append(t.s.withheld, Withheld{h.path(), h.When.Info.ID, h.When.Info.When})
		}
	}
	return slices.Clone(t.s.withheld)
}

// Hold is a Withheld before its path is built: a row's value, or with no row the context itself.
type Hold struct {
	When, Of *program.Row
	Context  *Context
}

// path is the instance path of what was not written; through lists, that of all of it without
// positions.
func (h Hold) path() string {
	switch {
	case h.Of == nil:
		return h.Context.Instance()
	case len(h.Of.Hops) == 0:
		return h.Context.Out(h.Of.Reach).Path(h.Of, -1)
	}
	return string(appendThrough([]byte(h.Context.Out(h.Of.Reach).Instance()), h.Of))
}
