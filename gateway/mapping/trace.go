package mapping

import (
	"strconv"
	"strings"
	"sync"

	"github.com/beevik/etree"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/xmltree"
)

// Link ties a value of the canonical document to its place in XML. A link without
// value ties a list's element or a sub-message to the element that holds it.
type Link struct {
	Path    string // canonical instance path; "" for a constant and for the root
	Place   gateway.Location
	Value   string // the XML text
	Row     string
	Table   string
	ListRow string // row of the code list that translated the value
	Const   bool   // a constant or default of the table, not the document's value
	Use     string
	Group   bool // an element that holds values, without one of its own
}

// Trace is every link of one translation. The zero Trace has none. It reads the
// documents it was made with when it is asked: they MUST NOT be changed meanwhile.
type Trace struct{ s *source }

type source struct {
	mu      sync.Mutex // one is asked at a time: contexts keep their paths
	asked   int        // links by path so far
	table   string
	records records
	locate  func(r *record) gateway.Location
	paths   func() map[string]int32
	several func() map[string]bool  // paths whose values stand in places with unlike texts
	within  func() map[string]int32 // by a path without link: the first link below it
	places  func() map[string]int32

	withheld func() []Withheld
}

// record is a link before its texts are built.
type record struct {
	row     *row
	context *context
	index   int32 // of an appended element; otherwise -1
	group   bool
	filled  bool // by a default
	text    string
	listRow string
	read    *xmltree.Element
	written *etree.Element
}

// records keeps links in blocks: a long trace is never copied to grow.
type records [][]record

const block = 64

func (r *records) add(link record) {
	last := len(*r) - 1
	if last < 0 || len((*r)[last]) == block {
		*r = append(*r, make([]record, 0, block))
		last++
	}
	(*r)[last] = append((*r)[last], link)
}

func (r records) len() int {
	if len(r) == 0 {
		return 0
	}
	return (len(r)-1)*block + len(r[len(r)-1])
}

func (r records) at(i int) *record { return &r[i/block][i%block] }

// cut leaves the first n.
func (r *records) cut(n int) {
	*r = (*r)[:(n+block-1)/block]
	if rest := n % block; rest > 0 {
		(*r)[len(*r)-1] = (*r)[len(*r)-1][:rest]
	}
}

func newTrace(table string, records records, locate func(*record) gateway.Location) Trace {
	s := &source{table: table, records: records, locate: locate}
	s.paths = sync.OnceValue(func() map[string]int32 {
		index := make(map[string]int32, s.records.len())
		for i := range s.records.len() {
			r := s.records.at(i)
			if !r.context.m.IsValid() {
				continue // an element that decode found empty
			}
			if path := r.path(); path != "" || r.group {
				if _, ok := index[path]; !ok {
					index[path] = int32(i)
				}
			}
		}
		return index
	})
	s.several = sync.OnceValue(func() map[string]bool {
		first, out := s.paths(), make(map[string]bool)
		for i := range s.records.len() {
			if r := s.records.at(i); r.context.m.IsValid() && !r.group {
				path := r.path()
				if j, ok := first[path]; ok && s.records.at(int(j)).text != r.text {
					out[path] = true
				}
			}
		}
		return out
	})
	s.within = sync.OnceValue(func() map[string]int32 {
		index := make(map[string]int32)
		for i := range s.records.len() {
			if r := s.records.at(i); r.context.m.IsValid() && !r.group {
				for path := document.Ancestor(r.path()); path != ""; path = document.Ancestor(path) {
					if _, ok := index[path]; ok {
						break
					}
					index[path] = int32(i)
				}
			}
		}
		return index
	})
	s.places = sync.OnceValue(func() map[string]int32 {
		index := make(map[string]int32, s.records.len())
		for i := range s.records.len() {
			index[s.locate(s.records.at(i)).Expr] = int32(i)
		}
		return index
	})
	return Trace{s}
}

// Links returns one link for each value, in the order of the translation, and with
// groups also those of elements that hold values.
func (t Trace) Links(groups bool) []Link {
	if t.s == nil {
		return nil
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	out := make([]Link, 0, t.s.records.len())
	for i := range t.s.records.len() {
		if groups || !t.s.records.at(i).group {
			out = append(out, t.s.link(int32(i)))
		}
	}
	return out
}

// ByPath returns the link of a canonical instance path, else of its nearest ancestor. A
// message that was read from no element of its own is where its first value stands.
func (t Trace) ByPath(path string) (Link, bool) {
	if t.s == nil {
		return Link{}, false
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.s.asked++; t.s.asked <= few {
		if l, ok := t.s.search(path); ok {
			return l, true
		}
	}
	for {
		if i, ok := t.s.paths()[path]; ok {
			return t.s.link(i), true
		}
		if i, ok := t.s.within()[path]; ok {
			if r := t.s.records.at(int(i)); r.read != nil && r.read.Parent != nil {
				l := t.s.link(i)
				return Link{Path: path, Place: r.read.Parent.Location(), Row: l.Row, Table: l.Table, Group: true}, true
			}
		}
		if path == "" {
			return Link{}, false
		}
		path = document.Ancestor(path)
	}
}

// few is how many links are searched for: for more of them an index is made.
const few = 4

// search finds what ByPath does in one pass over the records, of which it keeps no paths: the
// first at the path or its nearest ancestor, or else the first below that.
func (s *source) search(path string) (Link, bool) {
	at, below := int32(-1), int32(-1)
	atLen, belowLen := 0, 0
	var b []byte
	for i := range s.records.len() {
		r := s.records.at(i)
		if !r.context.m.IsValid() {
			continue
		}
		b = r.appendPath(b[:0])
		n := shared(path, b)
		switch {
		case n < len(b) || len(b) == 0 && !r.group:
			if !r.group && n > belowLen {
				below, belowLen = int32(i), n
			}
		case at < 0 || n > atLen:
			at, atLen = int32(i), n
		}
	}
	switch {
	case at >= 0 && atLen >= belowLen:
		return s.link(at), true
	case below < 0:
		return Link{}, false
	}
	r := s.records.at(int(below))
	if r.read == nil || r.read.Parent == nil {
		return Link{}, false
	}
	l := s.link(below)
	return Link{Path: path[:belowLen], Place: r.read.Parent.Location(), Row: l.Row, Table: l.Table, Group: true}, true
}

// shared is the length of the longest path that is both or an ancestor of it in both.
func shared(a string, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	ends := func(s byte) bool { return s == '.' || s == '[' }
	for ; n > 0; n-- {
		if (n == len(a) || ends(a[n])) && (n == len(b) || ends(b[n])) {
			return n
		}
	}
	return 0
}

// Text returns the text in the XML that the value at a canonical instance path was read
// from. It has none for what was read from nothing or was put together of several texts.
func (t Trace) Text(path string) (string, bool) {
	if t.s == nil {
		return "", false
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	i, ok := t.s.paths()[path]
	if !ok || t.s.several()[path] {
		return "", false
	}
	r := t.s.records.at(int(i))
	if r.group || r.filled || r.text == "" || r.row.job == constJob || r.row.value.Codec.Many {
		return "", false
	}
	return r.text, true
}

// ByPlace returns the link of an XPath as places are written, else of its nearest
// ancestor.
func (t Trace) ByPlace(xpath string) (Link, bool) {
	if t.s == nil {
		return Link{}, false
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	for xpath != "" {
		if i, ok := t.s.places()[xpath]; ok {
			return t.s.link(i), true
		}
		xpath = xpath[:max(strings.LastIndexByte(xpath, '/'), 0)]
	}
	return Link{}, false
}

func (s *source) link(i int32) Link {
	r := s.records.at(int(i))
	return Link{
		Path: r.path(), Place: s.locate(r), Value: r.text, Row: r.row.info.ID, Table: s.table, ListRow: r.listRow,
		Const: !r.group && (r.row.job == constJob || r.filled), Use: r.row.info.Use, Group: r.group,
	}
}

func (r *record) path() string { return string(r.appendPath(nil)) }

func (r *record) appendPath(b []byte) []byte {
	switch {
	case r.group:
		return append(b, r.context.instance()...)
	case r.row.path == nil:
		return b
	}
	return r.row.appendInstance(b, r.context, int(r.index))
}

// locateRead is the place of what decode read.
func locateRead(r *record) gateway.Location {
	if r.row.attr != nil && !r.group {
		return r.read.AttrLocation(r.row.attr.Name)
	}
	return r.read.Location()
}

// locateWritten returns the places of what encode wrote, in the form in which a
// reader of the written document would name them.
func (t *Table) locateWritten(root *etree.Element) func(*record) gateway.Location {
	names := map[string]string{}
	fallback := "d"
	for n := 1; t.Default() != "" && t.Declares(fallback); n++ {
		fallback = "d" + strconv.Itoa(n)
	}
	for _, n := range t.Namespaces() {
		if n.Prefix == t.Default() {
			names[fallback] = n.URI
		} else {
			names[n.Prefix] = n.URI
		}
	}
	name := func(space, tag string) string {
		switch {
		case space != "":
			return space + ":" + tag
		case t.Default() != "":
			return fallback + ":" + tag
		}
		return tag
	}
	places := sync.OnceValue(func() map[*etree.Element]string {
		all := map[*etree.Element]string{}
		var walk func(e *etree.Element, at string)
		walk = func(e *etree.Element, at string) {
			all[e] = at
			seen := map[string]int{}
			for _, c := range e.Child {
				if c, ok := c.(*etree.Element); ok {
					full := name(c.Space, c.Tag)
					seen[full]++
					walk(c, at+"/"+document.Element(full, seen[full]))
				}
			}
		}
		walk(root, "/"+document.Element(name(root.Space, root.Tag), 1))
		return all
	})
	return func(r *record) gateway.Location {
		at := places()[r.written]
		if r.row.attr != nil && !r.group {
			at += "/@" + r.row.attr.QName()
		}
		return gateway.Location{Expr: at, Namespaces: names}
	}
}
