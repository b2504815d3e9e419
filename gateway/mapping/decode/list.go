package decode

import (
	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/xmltree"
)

// list names a canonical list in a document: the row that walks it, and the message
// that its context is.
type list struct {
	row *program.Row
	in  document.Node
}

// keyed finds the elements of a list by their keys.
type keyed struct {
	seen  int // elements of the list that are in at
	at    map[string]int
	taken map[string]bool // keys of elements that the row itself read
}

// open returns the context of the rows of an each or with: a new element of the
// list, or the one that its keys name, in the element of the list around it that its
// keys name.
func (d *decoder) open(r *program.Row, e *xmltree.Element, at *trace.Context) *trace.Context {
	at = at.Out(r.Reach)
	for i := 0; i < len(r.Hops); i++ {
		if r.Hops[i].Sought {
			last := i + 1
			for r.Hops[last].Sought { // behind them is one with keys
				last++
			}
			at = d.seek(r, i, last, e, at)
			i = last
			continue
		}
		at, _ = d.find(r.Hops[i], r.Keys[i], e, at)
	}
	if len(r.Keys[len(r.Hops)]) == 0 {
		return d.contexts.New(trace.Context{Up: at, Via: r})
	}
	own, taken := d.find(r, r.Keys[len(r.Hops)], e, at)
	if taken != "" {
		d.fault(gateway.Fault{Code: gateway.MapKey, Value: gateway.Clip(taken)}, trace.Record{Row: r, Context: at, Index: -1, Group: true, Element: e})
		return &trace.Context{Up: at, Via: r}
	}
	return own
}

// find returns the context of the element of a list that an XML element names, a new
// one if there is none. Taken is the key if the row has read that element before.
func (d *decoder) find(r *program.Row, keys []*program.Row, e *xmltree.Element, at *trace.Context) (c *trace.Context, taken string) {
	c = d.contexts.New(trace.Context{Up: at, Via: r})
	if len(keys) == 0 { // declared lossy: all come back on the first
		if r.Path.Len(at.Message) > 0 {
			c.Message = r.Path.Elements(at.Message).At(0)
		}
		return c, ""
	}
	key, ok := d.key(keys, e)
	if !ok {
		return c, "" // its fault is found when it is read
	}
	in := at.Make()
	l := list{r, in}
	known := d.lists[l]
	if known == nil {
		known = &keyed{at: map[string]int{}, taken: map[string]bool{}}
		d.lists[l] = known
	}
	if known.taken[key.Folded] {
		return c, key.Text
	}
	known.taken[key.Folded] = len(r.Keys) > 0 // hops are read again and again
	elements := r.Path.Elements(in)
	for ; known.seen < elements.Len(); known.seen++ {
		if has := program.KeyOf(keys, elements.At(known.seen)).Folded; has != "" {
			if _, twice := known.at[has]; !twice {
				known.at[has] = known.seen
			}
		}
	}
	if i, ok := known.at[key.Folded]; ok {
		c.Message, c.Index = elements.At(i), i
	}
	return c, ""
}
