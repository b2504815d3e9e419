package recipe

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"sort"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/pace"
)

// Split is one version of how a document becomes several where the target takes only
// so many elements of a list. It is safe for concurrent use.
type Split struct {
	name, kind, source string
	version            int
	digest             gateway.Digest
	lists              []*document.Path // the last one is dealt out, each from an element of the one before
	max                int
	whole              bool            // elements of the list before the last stay in one piece
	starts             *expr.Condition // of an element that begins a group: max counts groups
	rows               []*splitRow
	outcomes           []outcome
}

// MaxRepeated is how many bytes of a document, in protobuf, its parts may repeat: a small
// document of many parts must not become gigabytes.
const MaxRepeated = 4 << 20

// Splitting is the outcome of a split: the parts in order. A document within the
// limit is its own only part, as it is.
type Splitting struct {
	Parts  []*customsv1.Document
	Faults gateway.Faults
	from   []map[string]string // by part: an element's path to its path in the whole
}

// partJob is what a row does with each part.
type partJob int

const (
	partOnly partJob = iota
	partNumber
	partConst
	partTotal
	partOrdinal
	partKeep
)

type splitRow struct {
	job       partJob
	to        *document.Path // of ordinal: from an element of list
	total     *document.Path // what is counted or summed
	sums      bool
	list      *document.Path // of ordinal
	mark      string         // between the whole's id and the part's number
	uuid      bool
	messageID bool // instead of the whole's own value
	fixed     string
	last      bool
	when      *expr.Condition
	by        *document.Path // of an element: one of the texts at in, in the part; nil for a list of texts
	in        []*document.Path
	holder    *document.Path // of a list of texts: the messages that hold it
}

// outcome is what the answers to the parts may come to.
type outcome struct {
	all  bool // every part must have such an answer; else one is enough
	when *expr.Condition
}

// Name returns the split's name without its version.
func (s *Split) Name() string { return s.name }

// ID returns name and version: "ru/road-notice.v1".
func (s *Split) ID() string { return datafile.Versioned(s.name, s.version) }

// Kind returns the kind of document that is split.
func (s *Split) Kind() string { return s.kind }

// Source returns where the limit comes from.
func (s *Split) Source() string { return s.source }

// Digest returns the digest of the split's file.
func (s *Split) Digest() gateway.Digest { return s.digest }

// DealsGoods reports whether a part tells a share of the goods, and not all of them.
func (s *Split) DealsGoods() bool {
	return s.lists[0].Descriptor() == (&customsv1.Consignment{}).ProtoReflect().Descriptor()
}

// Run splits a document. Id is the message's id, from which parts may be numbered.
// The document is not changed, and the parts share nothing with it.
func (s *Split) Run(d *customsv1.Document, id string) Splitting {
	return s.run(pace.Endless(), d, id)
}

// RunWhile is Run for as long as the steps go on. It returns the error of what ended them,
// and then no part.
func (s *Split) RunWhile(steps *pace.Steps, d *customsv1.Document, id string) (Splitting, error) {
	splitting := s.run(steps, d, id)
	if err := steps.Err(); err != nil {
		return Splitting{}, err
	}
	return splitting, nil
}

func (s *Split) run(steps *pace.Steps, d *customsv1.Document, id string) Splitting {
	if kind := document.Kind(d); kind != s.kind {
		return Splitting{Faults: gateway.Faults{{Code: gateway.MapKind, Severity: gateway.Error, Value: kind, Expected: gateway.Term(s.kind)}}}
	}
	whole := document.Of(d)
	r := &splitter{steps: steps, split: s, whole: whole, headers: map[document.Node]document.Node{}}
	from := r.deal(whole)
	if len(r.out.Faults) > 0 {
		return r.out
	}
	if len(from) == 1 {
		return Splitting{Parts: []*customsv1.Document{document.Clone(d)}, from: []map[string]string{{}}}
	}
	bare := document.Clone(d)
	s.lists[0].Clear(document.Of(bare))
	if n := (len(from)-1)*proto.Size(bare) + r.repeated(0, whole, from, new(int)); n > MaxRepeated {
		r.fault(gateway.SplitRepeats, s.lists[0].Instance(whole, ""), strconv.Itoa(n), gateway.Term(strconv.Itoa(MaxRepeated)))
		return r.out
	}
	for range from {
		if !steps.Next() {
			return r.out
		}
		r.out.Parts, r.out.from = append(r.out.Parts, document.Clone(bare)), append(r.out.from, map[string]string{})
	}
	c := cutter{splitter: r, from: from, parts: r.out.Parts, open: make([]opening, len(s.lists))}
	c.cut(0, whole, "")
	for _, row := range s.rows {
		if row.job == partKeep {
			r.keep(row)
			continue
		}
		for i := range r.out.Parts {
			if !steps.Next() {
				return r.out
			}
			r.row(row, i, id)
		}
	}
	if len(r.out.Faults) > 0 {
		r.out.Parts, r.out.from = nil, nil
	}
	return r.out
}

// Origin returns the path in the whole of what a part has at a path.
func (s Splitting) Origin(part int, path string) string {
	for at := path; at != ""; at = document.Ancestor(at) {
		if from, ok := s.from[part][at]; ok {
			return from + path[len(at):]
		}
	}
	return path
}

// Merge makes one answer of those to the parts; nil stands for a part without answer
// yet. The first outcome that the split lists and that holds decides: the answer is
// the first one that says so, with the results of all that do. It is nil if none
// holds yet.
func (s *Split) Merge(answers []*customsv1.Answer) *customsv1.Answer {
	for _, o := range s.outcomes {
		var saying []*customsv1.Answer
		for _, a := range answers {
			if a == nil {
				continue
			}
			root := &customsv1.Document{Kind: &customsv1.Document_Answer{Answer: a}}
			if is, err := o.when.Holds(document.Of(a), root); err == nil && is {
				saying = append(saying, a)
			}
		}
		if len(saying) == 0 || o.all && len(saying) < len(answers) {
			continue
		}
		out := proto.CloneOf(saying[0])
		seen := map[string]bool{}
		for _, result := range out.Results {
			seen[contentOf(document.Of(result))] = true
		}
		for _, a := range saying[1:] {
			for _, result := range a.GetResults() {
				if content := contentOf(document.Of(result)); !seen[content] {
					seen[content] = true
					out.Results = append(out.Results, proto.CloneOf(result))
				}
			}
		}
		return out
	}
	return nil
}

type splitter struct {
	steps   *pace.Steps
	split   *Split
	whole   document.Node
	headers map[document.Node]document.Node // elements without the list in them
	out     Splitting
}

// deal returns the position, of all elements of the limited list, where each part begins.
func (r *splitter) deal(whole document.Node) []int {
	s := r.split
	switch {
	case s.starts != nil:
		return r.groups(whole)
	case s.whole:
		return r.pieces(whole)
	}
	from := []int{0}
	for at, total := s.max, r.count(0, whole); at < total; at += s.max {
		from = append(from, at)
	}
	return from
}

// pieces deals elements out that stay together with those of the element around them.
func (r *splitter) pieces(whole document.Node) []int {
	s := r.split
	from, at, held := []int{0}, 0, 0
	above := len(s.lists) - 1
	r.each(above-1, whole, func(path string, m document.Node) {
		n := r.count(above, m)
		if n > s.max {
			r.fault(gateway.SplitWhole, path, strconv.Itoa(n), gateway.Term(strconv.Itoa(s.max)))
		}
		if held+n > s.max {
			from, held = append(from, at), 0
		}
		at, held = at+n, held+n
	})
	return from
}

// groups deals elements out that stay with the one that begins their group. Of several
// groups nothing says which one an element before the first is of.
func (r *splitter) groups(whole document.Node) []int {
	s := r.split
	from, at, begun, stray := []int{0}, 0, 0, ""
	r.each(len(s.lists)-1, whole, func(path string, m document.Node) {
		is, err := s.starts.Holds(m, whole.Interface().(*customsv1.Document))
		switch {
		case err != nil:
			r.fault(gateway.MapWhen, path, "starts", gateway.Term(s.ID()))
		case is && begun > 0 && begun%s.max == 0:
			from = append(from, at)
		case !is && at == 0:
			stray = path
		}
		if at++; is {
			begun++
		}
	})
	if begun > 1 && stray != "" {
		r.fault(gateway.SplitStart, stray, "", gateway.Phrase{})
	}
	return from
}

// each calls f for every element of a level's list, be it in elements of the lists before.
func (r *splitter) each(level int, whole document.Node, f func(path string, m document.Node)) {
	var walk func(at int, m document.Node, path string)
	walk = func(at int, m document.Node, path string) {
		for path, e := range r.split.lists[at].All(m, path) {
			if at < level {
				walk(at+1, e, path)
			} else {
				f(path, e)
			}
		}
	}
	walk(0, whole, "")
}

// repeated returns how many bytes of the elements that hold others come again, in each
// further part that has some of theirs. At is the position so far.
func (r *splitter) repeated(level int, m document.Node, from []int, at *int) (bytes int) {
	part := func(position int) int { return sort.SearchInts(from, position+1) }
	for _, e := range r.split.lists[level].List(m) {
		if level == len(r.split.lists)-1 {
			*at++
			continue
		}
		first := *at
		bytes += r.repeated(level+1, e, from, at)
		if *at > first {
			bytes += (part(*at-1) - part(first)) * proto.Size(r.header(level, e).Interface())
		}
	}
	return bytes
}

// count returns how many elements of the limited list a message at a level has.
func (r *splitter) count(level int, m document.Node) int {
	elements := r.split.lists[level].List(m)
	if level == len(r.split.lists)-1 {
		return len(elements)
	}
	n := 0
	for _, e := range elements {
		n += r.count(level+1, e)
	}
	return n
}

// header returns an element without its list of the next level.
func (r *splitter) header(level int, e document.Node) document.Node {
	if level == len(r.split.lists)-1 {
		return e
	}
	if !r.headers[e].IsValid() {
		header := document.Of(proto.Clone(e.Interface()))
		r.split.lists[level+1].Clear(header)
		r.headers[e] = header
	}
	return r.headers[e]
}

// cutter deals the elements of the whole out in one pass.
type cutter struct {
	*splitter
	from  []int // position where each part begins
	at    int   // position
	part  int   // that has it
	parts []*customsv1.Document
	open  []opening // by level
}

// opening is an element that the pass is in, and what a part has of it.
type opening struct {
	whole    document.Node
	path     string
	part     int
	made     document.Node
	madePath string
}

// cut walks a level's list in an element of the level before.
func (c *cutter) cut(level int, m document.Node, path string) {
	for path, e := range c.split.lists[level].All(m, path) {
		if !c.steps.Next() {
			return
		}
		for c.part+1 < len(c.from) && c.at >= c.from[c.part+1] {
			c.part++
		}
		c.open[level] = opening{whole: e, path: path, part: -1}
		before := c.at
		if level == len(c.open)-1 {
			c.at++
		} else {
			c.cut(level+1, e, path)
		}
		if level == len(c.open)-1 || c.at == before { // an empty one goes with what comes next
			c.made(level)
		}
	}
}

// made returns what the part has of the element that a level is in, and its path.
func (c *cutter) made(level int) (document.Node, string) {
	if level < 0 {
		return document.Of(c.parts[c.part]), ""
	}
	o := &c.open[level]
	if o.part != c.part {
		around, at := c.made(level - 1)
		list := c.split.lists[level]
		o.part, o.made = c.part, list.Append(around)
		proto.Merge(o.made.Interface(), c.header(level, o.whole).Interface())
		o.madePath = document.Element(list.Instance(around, at), list.Len(around)-1)
		if o.madePath != o.path {
			c.out.from[c.part][o.madePath] = o.path
		}
	}
	return o.made, o.madePath
}

// row applies a row to a part.
func (r *splitter) row(row *splitRow, i int, id string) {
	m := document.Of(r.out.Parts[i])
	switch row.job {
	case partOnly:
		if i != 0 && !row.last || row.last && i != len(r.out.Parts)-1 {
			row.to.Clear(m)
		}
	case partNumber:
		is, _ := row.to.Get(m)
		if row.messageID {
			is = id
		}
		if is == "" {
			return
		}
		number := strconv.Itoa(i + 1)
		if row.uuid {
			r.set(row, m, partUUID(is+"/"+number))
		} else {
			r.set(row, m, is+row.mark+number)
		}
	case partConst:
		is, err := row.when == nil, error(nil)
		if row.when != nil {
			is, err = row.when.Holds(document.Body(r.out.Parts[i]), r.out.Parts[i])
		}
		if err != nil {
			r.fault(gateway.MapWhen, row.to.Instance(m, ""), row.to.String(), gateway.Term(r.split.ID()))
		} else if is {
			r.set(row, m, row.fixed)
		}
	case partTotal:
		if _, has := row.to.Get(m); has { // one that the whole does not say stays unsaid
			total := strconv.Itoa(row.total.Count(m))
			if row.sums {
				total = cmp.Or(row.total.Sum(m), "0")
			}
			r.set(row, m, total)
		}
	case partOrdinal:
		for path, e := range row.list.All(m, "") {
			if _, has := row.to.Get(e); has {
				_, position, _ := strings.Cut(path[strings.LastIndexByte(path, '['):], "[")
				n, _ := strconv.Atoi(strings.TrimSuffix(position, "]"))
				_ = row.to.Set(e, strconv.Itoa(n+1)) // a number for a number
			}
		}
	}
}

// keep leaves in every part what the row wants there of a list: elements, or texts of a
// list that may stand in many places. What no part would have stays in all of them.
func (r *splitter) keep(row *splitRow) {
	wanted := make([]map[string]bool, len(r.out.Parts)) // by the place in the whole
	somewhere, named := map[string]bool{}, row.named(r.whole)
	for i := range r.out.Parts {
		if !r.steps.Next() {
			return
		}
		wanted[i] = r.wanted(row, i, named)
		maps.Copy(somewhere, wanted[i])
	}
	for i, part := range r.out.Parts {
		if !r.steps.Next() {
			return
		}
		stays := func(list string, n int) bool {
			origin := r.out.Origin(i, document.Element(list, n))
			return wanted[i][origin] || !somewhere[origin]
		}
		if row.holder == nil {
			r.leave(row, i, document.Of(part), "", stays)
			continue
		}
		for at, holder := range row.holder.All(document.Of(part), "") {
			r.leave(row, i, holder, at, stays)
		}
	}
}

// wanted returns the places in the whole of what the row wants in a part. Named are the
// texts that the whole has where the row looks for them.
func (r *splitter) wanted(row *splitRow, i int, named map[string]bool) map[string]bool {
	out, part := map[string]bool{}, r.out.Parts[i]
	m := document.Of(part)
	here := row.named(m)
	want := func(text string) bool { return here[text] || !named[text] }
	if row.holder != nil {
		for at, holder := range row.holder.All(m, "") {
			for path, text := range row.to.AllTexts(holder, at) {
				if want(text) {
					out[r.out.Origin(i, path)] = true
				}
			}
		}
		return out
	}
	for path, e := range row.to.All(m, "") {
		var is bool
		if row.by != nil {
			text, _ := row.by.Get(e)
			is = want(text)
		} else {
			var err error
			if is, err = row.when.Holds(e, part); err != nil {
				r.fault(gateway.MapWhen, path, row.to.String(), gateway.Term(r.split.ID()))
			}
		}
		if is {
			out[r.out.Origin(i, path)] = true
		}
	}
	return out
}

// named returns the texts that a document has where the row looks for them. A text that
// the whole has not there belongs to every part.
func (row *splitRow) named(m document.Node) map[string]bool {
	out := map[string]bool{}
	for _, in := range row.in {
		for _, text := range in.Texts(m) {
			out[text] = true
		}
	}
	return out
}

// leave takes out of one list of a part what does not stay.
func (r *splitter) leave(row *splitRow, i int, holder document.Node, at string, stays func(list string, n int) bool) {
	list := row.to.Instance(holder, at)
	elements, texts := row.to.List(holder), row.to.Texts(holder)
	row.to.Clear(holder)
	var kept []int
	var from []string
	for n := range max(len(elements), len(texts)) {
		if !stays(list, n) {
			continue
		}
		if kept, from = append(kept, n), append(from, r.out.Origin(i, document.Element(list, n))); row.holder != nil {
			_ = row.to.AppendText(holder, texts[n]) // it was there
		} else {
			proto.Merge(row.to.Append(holder).Interface(), elements[n].Interface())
		}
	}
	paths := r.out.from[i]
	if row.holder == nil {
		renumber(paths, list, kept)
	}
	for n := range max(len(elements), len(texts)) {
		delete(paths, document.Element(list, n))
	}
	for n, origin := range from {
		if at := document.Element(list, n); at != origin {
			paths[at] = origin
		}
	}
}

// renumber moves what is known of the inside of a list's elements to their new
// positions: kept are their old ones, in order.
func renumber(paths map[string]string, list string, kept []int) {
	now := make(map[int]int, len(kept))
	for n, old := range kept {
		now[old] = n
	}
	prefix, moved := list+"[", map[string]string{}
	for path, origin := range paths {
		rest, ok := strings.CutPrefix(path, prefix)
		digits, inside, _ := strings.Cut(rest, "]")
		if !ok || inside == "" {
			continue
		}
		delete(paths, path)
		old, _ := strconv.Atoi(digits)
		if n, stays := now[old]; stays {
			moved[document.Element(list, n)+inside] = origin
		}
	}
	maps.Copy(paths, moved)
}

func (r *splitter) set(row *splitRow, m document.Node, text string) {
	if err := row.to.Set(m, text); err != nil {
		r.fault(gateway.MapType, row.to.Instance(m, ""), text, document.WantedOf(err))
	}
}

func (r *splitter) fault(code gateway.Code, path, value string, expected gateway.Phrase) {
	r.out.Faults = append(r.out.Faults, gateway.Fault{
		Code: code, Severity: gateway.Error, Path: path, Value: gateway.Clip(value), Expected: expected,
	})
}

// partUUID returns the UUID, version 8 of RFC 9562, of a part's name: the same name
// always has the same one.
func partUUID(name string) string {
	sum := sha256.Sum256([]byte(name))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
