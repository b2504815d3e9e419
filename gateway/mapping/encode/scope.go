package encode

import (
	"github.com/beevik/etree"

	"customs.example/gateway/mapping/table"
)

// scope is the element of an enclosing row with the elements that are still open in
// it: neighbouring rows share them.
type scope struct {
	element *etree.Element
	open    []opened
	filled  bool // holds data of the document
}

type opened struct {
	step    *table.Step
	element *etree.Element
	filled  bool
	own     bool // has a text or rows of its own: stays if the element around it stays
	records int  // before it
}

// close ends the open elements behind the first n and takes away those without data.
func (s *scope) close(n int, e *encoder) {
	for i := len(s.open) - 1; i >= n; i-- {
		o := &s.open[i]
		around, filled := s.element, &s.filled
		if i > 0 {
			around, filled = s.open[i-1].element, &s.open[i-1].filled
		}
		if o.filled {
			*filled = true
		} else if !o.own {
			around.RemoveChildAt(len(around.Child) - 1)
			e.records.Cut(o.records)
		}
	}
	s.open = s.open[:min(n, len(s.open))]
}

// enter opens the elements that steps lead to and returns the last one.
func (s *scope) enter(steps []table.Step, e *encoder) *etree.Element {
	n := 0
	for n < len(steps) && n < len(s.open) && s.open[n].step.Name == steps[n].Name {
		n++
	}
	s.close(n, e)
	at := s.element
	if n > 0 {
		at = s.open[n-1].element
	}
	for i := n; i < len(steps); i++ {
		child := e.made.child(&steps[i], at)
		s.open = append(s.open, opened{step: &steps[i], element: child, records: e.records.Len()})
		at = child
	}
	return at
}

// target opens a row's own element: always a new one, unless the last one of its name
// holds nothing but attributes.
func (s *scope) target(steps []table.Step, e *encoder) *etree.Element {
	last := len(steps) - 1
	if len(s.open) > last && (s.open[last].own || len(s.open[last].element.Child) > 0) {
		s.enter(steps[:last], e)
	}
	return s.enter(steps, e)
}

// mark says that the innermost open element has a text or rows of its own, and
// whether that is data.
func (s *scope) mark(filled, own bool) {
	if len(s.open) == 0 {
		s.filled = s.filled || filled
		return
	}
	o := &s.open[len(s.open)-1]
	o.filled, o.own = o.filled || filled, o.own || own
}
