package decode

import (
	"cmp"
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/xmltree"
)

// sought finds the elements of a list by their keys, in whichever element of the lists around it
// they are: those have no keys.
type sought struct {
	row         *program.Row // the first that asked
	from, level int          // the first list around, and the list, among the row's
	base        *trace.Context
	at          map[string]*trace.Context // nil where two elements have the key
	asked       map[string]asking         // by key: the first that asked for it
	around      []*trace.Context          // of the messages that hold the list, as far as they are known
	seen        []int                     // of each, elements that are in at
	lists       map[list]int              // of each list around, elements that are in around
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
			d.sought = map[list]*sought{}
		}
		s = &sought{row: r, from: from, level: level, base: at, at: map[string]*trace.Context{}, asked: map[string]asking{}, lists: map[list]int{}}
		d.sought[in], d.seeking = s, append(d.seeking, s)
	}
	c, ok := s.at[key.Folded]
	if !ok {
		d.gather(s, from, at)
		d.keyed(s, key.Folded)
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

// gather notes the messages that hold the list of a level and were not there when it was last asked.
func (d *decoder) gather(s *sought, from int, at *trace.Context) {
	if from == s.level {
		s.around, s.seen = append(s.around, at), append(s.seen, 0)
		return
	}
	hop := s.row.Hops[from]
	elements, in := hop.Path.Elements(at.Message), list{hop, at.Message}
	first := s.lists[in]
	if from < s.level-1 {
		first = 0 // the lists in those that are known may have grown
	}
	for i := first; i < elements.Len() && d.steps.Next(); i++ {
		d.gather(s, from+1, d.contexts.New(trace.Context{Up: at, Via: hop, Message: elements.At(i), Index: i}))
	}
	s.lists[in] = elements.Len()
}

// keyed reads the keys of elements that were not there when it was last asked, those of the last lists
// first, until it has met the one that is wanted.
func (d *decoder) keyed(s *sought, wanted string) {
	via, keys := s.row.Hops[s.level], s.row.Keys[s.level]
	for n := len(s.around) - 1; n >= 0 && d.steps.Next(); n-- {
		up := s.around[n]
		elements := via.Path.Elements(up.Message)
		for ; s.seen[n] < elements.Len(); s.seen[n]++ {
			m := elements.At(s.seen[n])
			has := program.KeyOf(keys, m).Folded
			if has == "" {
				continue
			}
			c := d.contexts.New(trace.Context{Up: up, Via: via, Message: m, Index: s.seen[n]})
			if _, twice := s.at[has]; twice {
				c = nil
			}
			s.at[has] = c
		}
		if _, ok := s.at[wanted]; ok && wanted != "" {
			return
		}
	}
}

// ambiguous finds the keys that were asked for while one element had them, and that two have.
func (d *decoder) ambiguous() {
	for _, s := range d.seeking {
		before := map[string]bool{}
		for key := range s.asked {
			before[key] = s.at[key] != nil
		}
		d.gather(s, s.from, s.base)
		d.keyed(s, "")
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
