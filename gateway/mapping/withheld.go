package mapping

import "sync"

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
	if t.s == nil || t.s.withheld == nil {
		return nil
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	return t.s.withheld()
}

// withheld is one of those before its path is built: a row's value, or with no row the
// context itself.
type withheld struct {
	when, of *row
	context  *context
}

// withhold notes what is not written because a row's condition does not hold. A group
// without a path of its own stands for the paths of its rows.
func (e *encoder) withhold(when, of *row, at *context) {
	switch {
	case !e.tracing:
	case of != nil && of.job == groupJob && of.path == nil:
		for _, inner := range of.rows {
			e.withhold(when, inner, at)
		}
	case of == nil || of.path != nil && of.job != countJob && of.job != sumJob && of.job != everyJob:
		e.withheld = append(e.withheld, withheld{when, of, at})
	}
}

// withholds builds the paths, once a trace is asked for them.
func (s *source) withholds(all []withheld) func() []Withheld {
	return sync.OnceValue(func() []Withheld {
		out := make([]Withheld, len(all))
		for i, w := range all {
			path := w.context.instance()
			if w.of != nil {
				path = w.of.whole(w.context.out(w.of.reach))
			}
			out[i] = Withheld{path, w.when.info.ID, w.when.info.When}
		}
		return out
	})
}

// whole is the instance path of what a row writes in a context; through lists, that of all of it
// without positions.
func (r *row) whole(c *context) string {
	if len(r.hops) == 0 {
		return r.instance(c, -1)
	}
	b := []byte(c.instance())
	for _, hop := range r.hops {
		b = appendStep(b, hop.path.String())
	}
	return string(appendStep(b, r.path.String()))
}
