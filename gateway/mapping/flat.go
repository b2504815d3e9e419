package mapping

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/xmltree"
)

// list names a canonical list in a document: the row that walks it, and the message
// that its context is.
type list struct {
	row *row
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
func (d *decoder) open(r *row, e *xmltree.Element, at *context) *context {
	at = at.out(r.reach)
	for i, hop := range r.hops {
		at, _ = d.find(hop, r.keys[i], e, at)
	}
	if len(r.keys[len(r.hops)]) == 0 {
		return d.made.context(context{up: at, via: r})
	}
	own, taken := d.find(r, r.keys[len(r.hops)], e, at)
	if taken != "" {
		d.fault(gateway.Fault{Code: gateway.MapKey, Value: gateway.Clip(taken)}, record{row: r, context: at, index: -1, group: true, read: e})
		return &context{up: at, via: r}
	}
	return own
}

// find returns the context of the element of a list that an XML element names, a new
// one if there is none. Taken is the key if the row has read that element before.
func (d *decoder) find(r *row, keys []*row, e *xmltree.Element, at *context) (c *context, taken string) {
	c = d.made.context(context{up: at, via: r})
	if len(keys) == 0 { // declared lossy: all come back on the first
		if r.length(at.m) > 0 {
			c.m = r.path.Elements(at.m).At(0)
		}
		return c, ""
	}
	var key key
	for _, k := range keys {
		text := k.peek(e)
		if text == "" {
			return c, "" // said to be missing when it is read
		}
		value, _, fault := k.value.Decode([]string{text}, "", d.at)
		if fault != nil {
			return c, ""
		}
		key.add(value)
	}
	in := at.message()
	l := list{r, in}
	known := d.lists[l]
	if known == nil {
		known = &keyed{at: map[string]int{}, taken: map[string]bool{}}
		d.lists[l] = known
	}
	if known.taken[key.folded] {
		return c, key.text
	}
	known.taken[key.folded] = len(r.keys) > 0 // hops are read again and again
	elements := r.path.Elements(in)
	for ; known.seen < elements.Len(); known.seen++ {
		if has := keyOf(keys, elements.At(known.seen)).folded; has != "" {
			if _, twice := known.at[has]; !twice {
				known.at[has] = known.seen
			}
		}
	}
	if i, ok := known.at[key.folded]; ok {
		c.m, c.index = elements.At(i), i
	}
	return c, ""
}

// key is the key of an element: as it is compared, UUIDs without regard to case, and as
// people read it. The zero key is none.
type key struct{ folded, text string }

func (k *key) add(value string) {
	if k.text != "" {
		k.text += " "
	}
	k.text += value
	k.folded += gateway.FoldID(value) + "\x00"
}

// keyOf returns the key of a canonical element, none if part of it is missing.
func keyOf(keys []*row, m document.Node) (all key) {
	for _, k := range keys {
		text, _ := k.path.Get(m)
		if document.Blank(text) {
			return key{}
		}
		all.add(text)
	}
	return all
}

// unique refuses an element of a list whose key another one has: what is written
// would mean both.
func (e *encoder) unique(keys []*row, at *context, seen map[string]bool) {
	key := keyOf(keys, at.m)
	if seen[key.folded] {
		e.fault(&gateway.Fault{Code: gateway.MapKey, Value: gateway.Clip(key.text)}, keys[0], at, -1)
	}
	seen[key.folded] = key.folded != ""
}

// collect gives every message that is referred to a handle, equal ones the same.
func (e *encoder) collect(r *row, at *context) {
	handle := ""
	for _, inner := range r.rows {
		if inner.job == handleJob {
			handle = inner.info.Handle
		}
	}
	known := map[string]*context{}
	for _, path := range r.collect {
		for where, m := range path.All(at.m, "") {
			if !e.steps.Next() {
				return
			}
			content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
			if err != nil {
				e.fault(&gateway.Fault{Code: gateway.MapType, Expected: gateway.Say(gateway.WordDeclaredValue)}, r, at, -1)
				continue
			}
			c := known[string(content)]
			if c == nil {
				n := len(known)
				c = &context{up: at, via: r, m: m, index: n, at: where, known: true, text: handle + strconv.Itoa(n+1)}
				known[string(content)] = c
				e.stored[r] = append(e.stored[r], c)
			}
			e.handles[m] = c.text
		}
	}
}

// stored is an element that others refer to by its handle.
type stored struct {
	row    *row
	handle string
}

type storedElement struct {
	stored
	element *xmltree.Element
	read    bool
}

// store keeps an element for those that refer to it.
func (d *decoder) store(r *row, e *xmltree.Element, at *context) {
	i := slices.IndexFunc(r.rows, func(inner *row) bool { return inner.job == handleJob })
	handle := r.rows[i].peek(e)
	s := stored{r, gateway.FoldID(handle)}
	switch {
	case handle == "":
		fault := r.rows[i].missing()
		d.fault(fault, record{row: r, context: at, index: -1, group: true, read: e})
	case d.stored[s] != nil:
		d.fault(gateway.Fault{Code: gateway.MapKey, Value: gateway.Clip(handle)}, record{row: r, context: at, index: -1, group: true, read: e})
	default:
		kept := &storedElement{stored: s, element: e}
		d.stored[s], d.order = kept, append(d.order, kept)
	}
}
