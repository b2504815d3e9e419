package decode

import (
	"cmp"
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/xmltree"
)

// sought finds the elements of a list by their keys, in whichever element of the lists around it
// they are: those have no keys. It looks at each element once, when it is first asked for a key that it
// has not met.
type sought struct {
	row   *program.Row              // the first that asked
	level int                       // the list, among the row's
	base  *holder                   // of the first list around
	at    map[string]*trace.Context // nil where two elements have the key
	asked map[string]asking         // by key: the first that asked for it
	grown []*holder                 // whose lists may have elements that it has not looked at, the latest last
	apart []*holder                 // of which nobody tells when their lists grow
}

// holder is a message that holds the list of a level, or will.
type holder struct {
	of    *sought
	level int
	at    *trace.Context
	seen  int  // elements of the list that were looked at
	grown bool // it is among the sought's
}

// asking is an element that names another one by its key, and the row that reads it.
type asking struct {
	trace.Record
	by *program.Row
}

// seek returns the context of the element that a group's element names by the key of a level, through
// the lists without keys from another level on. It MUST be there before what names it: nothing else says
// where it belongs.
func (d *decoder) seek(r *program.Row, from, level int, e *xmltree.Element, at *trace.Context) *trace.Context {
	via := r.Hops[level]
	record := trace.Record{Row: r.Hops[from], Context: at, Index: -1, Group: true, Element: e}
	nowhere := func() *trace.Context {
		c := at
		for _, hop := range r.Hops[from : level+1] {
			c = d.contexts.New(trace.Context{Up: c, Via: hop})
		}
		return c
	}
	key, ok := d.key(r.Keys[level], e)
	if !ok {
		return nowhere() // its fault is found when it is read
	}
	in := list{via, at.Make()}
	s := d.sought[in]
	if s == nil {
		if d.sought == nil {
			d.sought, d.holders, d.outermost.Grew = map[list]*sought{}, map[document.Node][]*holder{}, d.grew
		}
		s = &sought{row: r, level: level, at: map[string]*trace.Context{}, asked: map[string]asking{}}
		s.base = d.hold(s, from, at)
		d.sought[in], d.seeking = s, append(d.seeking, s)
	}
	c, ok := s.at[key.Folded]
	if !ok {
		d.look(s, key.Folded)
		c, ok = s.at[key.Folded]
	}
	if _, again := s.asked[key.Folded]; !again {
		s.asked[key.Folded] = asking{record, r}
	}
	if ok && c != nil {
		return c
	}
	code := gateway.MapKey
	if !ok {
		code = gateway.MapReference
	}
	d.fault(gateway.Fault{Code: code, Value: gateway.Clip(key.Text), Expected: via.Within}, record)
	return nowhere()
}

// hold notes a message that holds the list of a level, all of which is to be looked at.
func (d *decoder) hold(s *sought, level int, at *trace.Context) *holder {
	h := &holder{of: s, level: level, at: at}
	h.grew()
	if m := s.row.Hops[level].Path.Holder(at.Message); m.IsValid() {
		d.holders[m] = append(d.holders[m], h)
	} else {
		s.apart = append(s.apart, h)
	}
	return h
}

// grew tells those that seek in the lists of a message that one of them has got an element.
func (d *decoder) grew(m document.Node) {
	for _, h := range d.holders[m] {
		h.grew()
	}
}

func (h *holder) grew() {
	if !h.grown {
		h.grown, h.of.grown = true, append(h.of.grown, h)
	}
}

// look looks at the elements that were not there when it was last asked, the latest first, until it has
// met the key that is wanted.
func (d *decoder) look(s *sought, wanted string) {
	s.base.grew() // be it that nobody told
	for _, h := range s.apart {
		h.grew()
	}
	for len(s.grown) > 0 {
		h := s.grown[len(s.grown)-1]
		s.grown, h.grown = s.grown[:len(s.grown)-1], false
		elements := s.row.Hops[h.level].Path.Elements(h.at.Message)
		for ; h.seen < elements.Len(); h.seen++ {
			if !d.steps.Next() {
				return
			}
			d.met(h, elements.At(h.seen))
		}
		if _, ok := s.at[wanted]; ok && wanted != "" {
			return
		}
	}
}

// met notes the next element of a holder's list: by its key, or as one that holds the list of the next level.
func (d *decoder) met(h *holder, m document.Node) {
	s := h.of
	element := trace.Context{Up: h.at, Via: s.row.Hops[h.level], Message: m, Index: h.seen}
	if h.level < s.level {
		d.hold(s, h.level+1, d.contexts.New(element))
		return
	}
	has := program.KeyOf(s.row.Keys[s.level], m).Folded
	if has == "" {
		return
	}
	if _, twice := s.at[has]; twice {
		s.at[has] = nil
		return
	}
	s.at[has] = d.contexts.New(element)
}

// ambiguous finds the keys that were asked for while one element had them, and that two have.
func (d *decoder) ambiguous() {
	for _, s := range d.seeking {
		before := map[string]bool{}
		for key := range s.asked {
			before[key] = s.at[key] != nil
		}
		d.look(s, "")
		for _, a := range inOrder(s.asked, func(key string) bool { return before[key] && s.at[key] == nil }) {
			key, _ := d.key(a.by.Keys[s.level], a.Element.(*xmltree.Element))
			d.fault(gateway.Fault{Code: gateway.MapKey, Value: gateway.Clip(key.Text)}, a.Record)
		}
	}
}

// inOrder are those that asked for the keys that are wanted, in the order of the document.
func inOrder(asked map[string]asking, wanted func(key string) bool) (out []asking) {
	for key, a := range asked {
		if wanted(key) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b asking) int {
		one, other := a.Element.(*xmltree.Element), b.Element.(*xmltree.Element)
		return cmp.Or(one.Line-other.Line, strings.Compare(one.Location().Expr, other.Location().Expr))
	})
	return out
}
