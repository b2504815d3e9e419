// Package trace owns where a translation stands while it runs, and what is left of that
// afterwards: the way to each message, and the link between every value of the canonical document
// and its place in XML. It refuses to read or write a value.
package trace

import (
	"strings"
	"sync"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/program"
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
	Job     program.Job
}

// Trace is every link of one translation. The zero Trace has none. It reads the
// documents it was made with when it is asked: they MUST NOT be changed meanwhile.
type Trace struct{ s *source }

type source struct {
	mu      sync.Mutex // one is asked at a time: contexts keep their paths
	asked   int        // links by path so far
	table   string
	records Records
	locate  func(*Record) gateway.Location
	paths   func() map[string]int32
	several func() map[string]bool  // paths whose values stand in places with unlike texts
	within  func() map[string]int32 // by a path without link: the first link below it
	places  func() map[string]int32

	held     []Hold
	withheld []Withheld // once asked for
}

// New makes the trace of a table's translation; locate says where a record stands in XML.
func New(table string, records Records, held []Hold, locate func(*Record) gateway.Location) Trace {
	s := &source{table: table, records: records, held: held, locate: locate}
	s.paths = sync.OnceValue(func() map[string]int32 {
		index := make(map[string]int32, s.records.Len())
		for i := range s.records.Len() {
			r := s.records.at(i)
			if !r.Context.Message.IsValid() {
				continue // an element that decode found empty
			}
			if path := r.path(); path != "" || r.Group {
				if _, ok := index[path]; !ok {
					index[path] = int32(i)
				}
			}
		}
		return index
	})
	s.several = sync.OnceValue(func() map[string]bool {
		first, out := s.paths(), make(map[string]bool)
		for i := range s.records.Len() {
			if r := s.records.at(i); r.Context.Message.IsValid() && !r.Group {
				path := r.path()
				if j, ok := first[path]; ok && s.records.at(int(j)).Text != r.Text {
					out[path] = true
				}
			}
		}
		return out
	})
	s.within = sync.OnceValue(func() map[string]int32 {
		index := make(map[string]int32)
		for i := range s.records.Len() {
			if r := s.records.at(i); r.Context.Message.IsValid() && !r.Group {
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
		index := make(map[string]int32, s.records.Len())
		for i := range s.records.Len() {
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
	out := make([]Link, 0, t.s.records.Len())
	for i := range t.s.records.Len() {
		if groups || !t.s.records.at(i).Group {
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
			if e := t.s.records.at(int(i)).around(); e != nil {
				l := t.s.link(i)
				return Link{Path: path, Place: e.Location(), Row: l.Row, Table: l.Table, Group: true}, true
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
	for i := range s.records.Len() {
		r := s.records.at(i)
		if !r.Context.Message.IsValid() {
			continue
		}
		b = r.appendPath(b[:0])
		n := shared(path, b)
		switch {
		case n < len(b) || len(b) == 0 && !r.Group:
			if !r.Group && n > belowLen {
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
	e := s.records.at(int(below)).around()
	if e == nil {
		return Link{}, false
	}
	l := s.link(below)
	return Link{Path: path[:belowLen], Place: e.Location(), Row: l.Row, Table: l.Table, Group: true}, true
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
	if r.Group || r.Filled || r.Text == "" || r.Row.Job == program.Const || r.Row.Value.Codec.Many {
		return "", false
	}
	return r.Text, true
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
		Path: r.path(), Place: s.locate(r), Value: r.Text, Row: r.Row.Info.ID, Table: s.table, ListRow: r.ListRow,
		Const: !r.Group && (r.Row.Job == program.Const || r.Filled), Use: r.Row.Info.Use, Group: r.Group, Job: r.Row.Job,
	}
}
