package recipe

import (
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/pace"
)

// Join is one version of how several canonical documents become one. It is safe for
// concurrent use.
type Join struct {
	name, kind, source string
	version            int
	digest             gateway.Digest
	parts              []Part
	takes              map[string]*expr.Condition  // by part, of those that do not take every document of their kind
	keys               []map[string]*document.Path // by part, one for each column
	assigns            []*assignment
	rows               []*joinRow
}

// Part is one of the documents that a join takes. Of a part that may come several times each
// adds what it names, also after the first were announced. Of one that is for the elements of
// another part's list there is one for each, and all are joined together.
type Part struct {
	Name, Kind, Table string
	Required, Several bool
	For               string // "manifest.consignments"; empty: it is for the whole
}

// Joined is the outcome of a join.
type Joined struct {
	Document      *customsv1.Document
	Faults        gateway.Faults
	Origins       []JoinLink
	Disagreements []Disagreement
	Contests      []Contest
	Left          []Source // what rows with in left out of lists
	Repeated      []Source // what was not taken because another source says the same

	byPath func() map[string]int // of Origins; of several links to one path the last
}

// JoinLink says where a value or a whole message of the joined document comes from.
// Part is "" for constants and "gateway" for what the gateway itself supplies.
type JoinLink struct{ Path, Part, PartPath, Row string }

// Disagreement is a value on which sources differ where the join says who is right.
type Disagreement struct {
	Path, Row string
	Chosen    Source
	Others    []Source
}

// Contest are the two sources that a fault about a disagreement speaks of, by its index among the
// faults: what the first of the row's sources says, and what the other one does.
type Contest struct {
	Fault        int
	First, Other Source
}

// Source is what one source says; Value is "" for whole messages and lists.
type Source struct{ Part, Path, Value string }

// Taking is what a row of a join takes: all that stands at From in a part goes to To. Paths are those of
// schemas, with the selectors that the join has.
type Taking struct {
	Row, Part, From, To string
	Rank                int    // among the sources of its row, the first 0: what it says there counts if those before say nothing
	When                string // what is asked first; empty: nothing
	Keeps               bool   // of a list of texts: only those that a part names; From and Part are empty
	Fixed               string // what stands at To, whatever stood there; From and Part are empty
}

// Takings are those of all rows, in their order.
func (j *Join) Takings() (all []Taking) {
	var of func(rows []*joinRow, to string, each *Taking, when string)
	of = func(rows []*joinRow, to string, each *Taking, when string) {
		for _, r := range rows {
			asked := when
			for _, c := range r.when {
				asked = strings.TrimPrefix(asked+" and "+c.part+": "+c.holds.String(), " and ")
			}
			at := strings.TrimPrefix(to+"."+r.to.String(), ".")
			switch {
			case r.in != nil:
				all = append(all, Taking{Row: r.id, To: strings.TrimPrefix(r.holder.String()+"."+at, "."), When: asked, Keeps: true})
			case r.fixed != "":
				all = append(all, Taking{Row: r.id, To: at, When: asked, Fixed: r.fixed})
			case r.each != nil:
				list := Taking{Part: r.each.part, From: r.each.path.String()}
				if each != nil && r.each.part == elementPart {
					list = Taking{Part: each.Part, From: each.From + "." + list.From}
				}
				of(r.rows, at, &list, asked)
			}
			for i, s := range r.sources {
				t := Taking{Row: r.id, Part: s.part, To: at, When: asked}
				if !r.merge {
					t.Rank = i
				}
				if s.path != nil {
					t.From = s.path.String()
				}
				if each != nil && s.part == elementPart {
					t.Part, t.From = each.Part, each.From+"."+t.From
				}
				all = append(all, t)
			}
		}
	}
	of(j.rows, "", nil, "")
	return all
}

type joinRow struct {
	id         string
	to         *document.Path
	fixed      string
	sources    []joinSource
	precedence bool
	merge      bool
	each       *joinSource
	rows       []*joinRow
	when       []joinCondition
	in         []joinSource   // of a list of texts: those that stay
	holder     *document.Path // the messages that hold it
}

// joinSource is a path in a part; in the rows of each, in the list's element.
type joinSource struct {
	part string
	path *document.Path // nil for gateway.messageId
}

type joinCondition struct {
	part  string
	holds *expr.Condition
}

// The parts that no one submits: the gateway itself, and the element of each.
const (
	gatewayPart = "gateway"
	elementPart = "this"
)

// Name returns the join's name without its version.
func (j *Join) Name() string { return j.name }

// ID returns name and version: "cn/road-export.v1".
func (j *Join) ID() string { return datafile.Versioned(j.name, j.version) }

// Kind returns the kind of the joined document.
func (j *Join) Kind() string { return j.kind }

// Digest returns the digest of the join's file.
func (j *Join) Digest() gateway.Digest { return j.digest }

// Parts returns the parts, as declared.
func (j *Join) Parts() []Part { return slices.Clone(j.parts) }

// PartOf returns the part that a document is: of a kind, written in a table, "" if in none.
func (j *Join) PartOf(d *customsv1.Document, table string) (Part, bool) {
	kind := document.Kind(d)
	for _, p := range j.parts {
		if p.Kind != kind || p.Table != "" && table != "" && p.Table != table {
			continue
		}
		if takes, asked := j.takes[p.Name]; asked {
			if is, err := takes.Holds(document.Body(d), d); err != nil || !is {
				continue
			}
		}
		return p, true
	}
	return Part{}, false
}

// Key returns the values by which parts find each other; false if one is missing.
func (j *Join) Key(part string, d *customsv1.Document) ([]string, bool) {
	if !slices.ContainsFunc(j.parts, func(p Part) bool { return p.Name == part && p.Kind == document.Kind(d) }) {
		return nil, false
	}
	out := make([]string, len(j.keys))
	for i, column := range j.keys {
		var ok bool
		if out[i], ok = column[part].Get(document.Of(d)); !ok {
			return nil, false
		}
		out[i] = gateway.FoldID(out[i])
	}
	return out, true
}

// Run joins parts, one of each name, into a document of its own; id is the message's id. The
// parts stay as they are.
func (j *Join) Run(parts map[string]*customsv1.Document, id string) Joined {
	var given []Given
	for _, p := range j.parts {
		if d := parts[p.Name]; d != nil {
			given = append(given, Given{Name: p.Name, Document: d})
		}
	}
	return j.run(pace.Endless(), given, id)
}

// RunWhile is Run of any number of parts, for as long as the steps go on. It returns the error of
// what ended them, and then nothing of the document.
func (j *Join) RunWhile(steps *pace.Steps, parts []Given, id string) (Joined, error) {
	joined := j.run(steps, parts, id)
	if err := steps.Err(); err != nil {
		return Joined{}, err
	}
	return joined, nil
}

func (j *Join) run(steps *pace.Steps, parts []Given, id string) Joined {
	r := &joiner{steps: steps, table: j.ID(), id: id, froms: map[string]joinFrom{}}
	names := Names(parts)
	for _, p := range j.parts {
		var all []joinFrom
		for i, g := range parts {
			if g.Name == p.Name && document.Kind(g.Document) == p.Kind {
				all = append(all, joinFrom{m: document.Of(g.Document), this: document.Body(g.Document), root: g.Document, part: names[i]})
			}
		}
		switch {
		case len(all) > 0 && p.For != "":
			r.every = append(r.every, every{part: p.Name, all: all})
		case len(all) > 0:
			r.froms[p.Name] = all[0]
		case p.Required || slices.Contains(names, p.Name):
			r.fault(gateway.JoinPart, "", "", gateway.Term(p.Name+" ("+p.Kind+")"))
		}
	}
	for i, e := range r.every {
		placed := j.assignmentOf(e.part).place(parts, names)
		r.every[i].placed = placed
		for _, o := range placed.open {
			r.out.Contests = append(r.out.Contests, Contest{len(r.out.Faults), o.at, o.other})
			r.out.Faults = append(r.out.Faults, o.fault)
		}
	}
	d, err := document.New(j.kind)
	if err != nil {
		r.fault(gateway.MapKind, "", j.kind, gateway.Phrase{})
		return r.out
	}
	r.out.Document = d
	for _, row := range j.rows {
		r.row(row, document.Of(d), "")
	}
	origins := r.out.Origins
	r.out.byPath = sync.OnceValue(func() map[string]int { return indexOf(origins) })
	return r.out
}

func indexOf(origins []JoinLink) map[string]int {
	index := make(map[string]int, len(origins))
	for i, l := range origins {
		index[l.Path] = i
	}
	return index
}

// Origin returns the link that covers a canonical instance path of the joined
// document, with PartPath led on to that very path.
func (j Joined) Origin(path string) (JoinLink, bool) {
	if j.byPath == nil {
		return JoinLink{}, false
	}
	index := j.byPath()
	i, ok := index[path]
	for at := document.Ancestor(path); !ok && at != ""; at = document.Ancestor(at) {
		i, ok = index[at]
	}
	if !ok {
		return JoinLink{}, false
	}
	l := j.Origins[i]
	if l.PartPath != "" {
		l.PartPath += path[len(l.Path):]
	}
	l.Path = path
	return l, true
}

func (j *Join) assignmentOf(part string) *assignment {
	for _, a := range j.assigns {
		if a.part == part {
			return a
		}
	}
	return nil
}

// Opening is what is open of the parts that are for the elements of a list, as faults with the places
// that they speak of: Lacks are the parts of which an element waits for one, Unplaced those of which a
// document is for no one element.
type Opening struct {
	Faults          gateway.Faults
	Contests        []Contest
	Lacks, Unplaced []string
}

// Open says what is open of documents that came: an element whose document has not come, and a document of
// which nobody knows for which element it is. Where the list has not come, nothing is said.
func (j *Join) Open(given []Given) (o Opening) {
	names := Names(given)
	for _, a := range j.assigns {
		lacks, unplaced := false, false
		for _, g := range a.place(given, names).open {
			o.Contests = append(o.Contests, Contest{len(o.Faults), g.at, g.other})
			o.Faults = append(o.Faults, g.fault)
			lacks, unplaced = lacks || g.fault.Code == gateway.PartOpen, unplaced || g.fault.Code == gateway.PartUnplaced
		}
		if lacks {
			o.Lacks = append(o.Lacks, a.part)
		}
		if unplaced {
			o.Unplaced = append(o.Unplaced, a.part)
		}
	}
	return o
}

// joinFrom is what sources read from.
type joinFrom struct {
	m, this document.Node
	root    *customsv1.Document
	part    string // what the part is called among all, of the element of each its own
	at      string // instance path of the element
}

type joiner struct {
	steps *pace.Steps
	table string // the join's id
	id    string
	froms map[string]joinFrom
	every []every
	out   Joined
}

// every is what has come of a part that is for the elements of a list.
type every struct {
	part   string
	all    []joinFrom
	placed placing
}

func (j *joiner) row(r *joinRow, m document.Node, at string) {
	for _, c := range r.when {
		from, ok := j.froms[c.part]
		if !ok {
			return
		}
		is, err := c.holds.Holds(from.this, from.root)
		if err != nil {
			j.fault(gateway.MapWhen, r.to.Instance(m, at), r.id, gateway.Term(j.table))
		}
		if !is {
			return
		}
	}
	switch {
	case r.each != nil:
		j.each(r, m, at)
	case r.in != nil:
		j.keep(r, m)
	case r.fixed != "":
		j.set(r, m, at, r.fixed, Source{Path: ""})
	default:
		j.copy(r, m, at)
	}
}

// each makes an element of a list for every element of a part's list.
func (j *joiner) each(r *joinRow, m document.Node, at string) {
	list, ok := j.froms[r.each.part]
	if !ok {
		return
	}
	outer, nested := j.froms[elementPart]
	for path, e := range r.each.path.All(list.m, list.at) {
		if !j.steps.Next() {
			break
		}
		j.its(r.each, path)
		j.froms[elementPart] = joinFrom{m: e, this: e, root: list.root, part: j.partOf(r.each.part), at: path}
		made := r.to.Append(m)
		here := document.Element(r.to.Instance(m, at), r.to.Len(m)-1)
		j.out.Origins = append(j.out.Origins, JoinLink{here, j.partOf(r.each.part), path, r.id})
		for _, inner := range r.rows {
			j.row(inner, made, here)
		}
	}
	delete(j.froms, elementPart)
	if nested {
		j.froms[elementPart] = outer
	}
	j.its(r.each, "")
}

// its makes those parts the element's own that are for the list's elements; none of no element.
func (j *joiner) its(list *joinSource, element string) {
	for _, e := range j.every {
		if e.placed.of.list != list.part || e.placed.of.path.String() != list.path.String() {
			continue
		}
		delete(j.froms, e.part)
		if i := slices.IndexFunc(e.all, func(f joinFrom) bool { return f.part == e.placed.parts[element] }); i >= 0 {
			j.froms[e.part] = e.all[i]
		}
	}
}

// keep leaves in lists of texts those that a part names. Where it names none of them, nobody
// knows, and all stay.
func (j *joiner) keep(r *joinRow, m document.Node) {
	named, some := map[string]bool{}, false
	for _, s := range r.in {
		if from, ok := j.froms[s.part]; ok {
			for _, text := range s.path.Texts(from.m) {
				named[text] = true
			}
		}
	}
	for _, holder := range r.holder.All(m, "") {
		some = some || slices.ContainsFunc(r.to.Texts(holder), func(text string) bool { return named[text] })
	}
	if !some {
		return
	}
	joined := Joined{Origins: j.out.Origins, byPath: sync.OnceValue(func() map[string]int { return indexOf(j.out.Origins) })}
	for at, holder := range r.holder.All(m, "") {
		if !j.steps.Next() {
			return
		}
		list, texts := r.to.Instance(holder, at), r.to.Texts(holder)
		r.to.Clear(holder)
		var links []JoinLink
		for i, text := range texts {
			link, _ := joined.Origin(document.Element(list, i))
			if !named[text] {
				j.out.Left = append(j.out.Left, Source{link.Part, link.PartPath, text})
				continue
			}
			link.Path = document.Element(list, len(links))
			links = append(links, link)
			_ = r.to.AppendText(holder, text) // it was there
		}
		j.out.Origins = append(j.out.Origins, links...)
	}
}

// partOf names the part that a source reads, be it through an element of its list.
func (j *joiner) partOf(part string) string { return j.froms[part].part }

// found is what one source has: a leaf's text, or messages or texts to copy.
type found struct {
	Source
	texts    []string
	messages []document.Node
}

func (j *joiner) copy(r *joinRow, m document.Node, at string) {
	var have []found
	for i := range r.sources {
		have = append(have, j.find(&r.sources[i])...)
	}
	if len(have) == 0 {
		return
	}
	if !r.merge {
		j.compare(r, r.to.Instance(m, at), have)
		have = have[:1]
	}
	for _, f := range have {
		j.put(r, m, at, f)
	}
}

// find returns what a source has; outside of the elements that a part is for, what each such part has.
func (j *joiner) find(s *joinSource) (have []found) {
	if s.path == nil {
		if j.id == "" {
			return nil
		}
		return []found{{Source: Source{gatewayPart, "messageId", j.id}, texts: []string{j.id}}}
	}
	var froms []joinFrom
	_, inside := j.froms[elementPart]
	if from, ok := j.froms[s.part]; ok {
		froms = append(froms, from)
	} else if i := slices.IndexFunc(j.every, func(e every) bool { return e.part == s.part }); i >= 0 && !inside {
		froms = j.every[i].all
	}
	for _, from := range froms {
		f := found{Source: Source{Part: from.part, Path: s.path.Instance(from.m, from.at)}}
		if s.path.Leaf() {
			f.texts = s.path.Texts(from.m)
			if len(f.texts) == 1 && !s.path.Repeated() {
				f.Value = f.texts[0]
			}
		} else {
			f.messages = s.path.List(from.m)
		}
		if len(f.texts)+len(f.messages) > 0 {
			have = append(have, f)
		}
	}
	return have
}

// compare records or reports the sources that differ from the first. Where the first has precedence,
// a single value that differs does not travel, which its sender is told.
func (j *joiner) compare(r *joinRow, path string, have []found) {
	var others []Source
	for _, f := range have[1:] {
		if same(have[0], f, r.to.Field().Type) {
			j.out.Repeated = append(j.out.Repeated, f.Source)
		} else {
			others = append(others, f.Source)
		}
	}
	switch {
	case others == nil:
	case r.precedence:
		j.out.Disagreements = append(j.out.Disagreements, Disagreement{path, r.id, have[0].Source, others})
		for _, o := range others {
			if o.Value != "" {
				j.contest(gateway.Warning, gateway.JoinPassedOver, path, have[0].Source, o)
			}
		}
	default:
		for _, o := range others {
			j.contest(gateway.Error, gateway.JoinDisagree, path, have[0].Source, o)
		}
	}
}

// contest tells that two sources disagree.
func (j *joiner) contest(severity gateway.Severity, code gateway.Code, path string, first, other Source) {
	j.out.Contests = append(j.out.Contests, Contest{len(j.out.Faults), first, other})
	j.report(severity, code, path, other.text(), gateway.Term(first.text()))
}

func (s Source) text() string { return strings.TrimSpace(s.Value + " (" + s.Part + "." + s.Path + ")") }

func same(a, b found, t document.FieldType) bool {
	return slices.EqualFunc(a.texts, b.texts, func(x, y string) bool { return sameText(x, y, t) }) &&
		slices.EqualFunc(a.messages, b.messages, func(x, y document.Node) bool {
			return proto.Equal(x.Interface(), y.Interface())
		})
}

// sameText compares numbers as numbers, instants as instants and UUIDs without regard
// to case.
func sameText(a, b string, t document.FieldType) bool {
	switch t {
	case document.Decimal:
		x, errX := document.ParseNumber(a)
		y, errY := document.ParseNumber(b)
		return errX == nil && errY == nil && x.Cmp(y) == 0
	case document.Instant:
		x, errX := document.ParseInstant(a)
		y, errY := document.ParseInstant(b)
		return errX == nil && errY == nil && x.Equal(y)
	}
	return gateway.SameID(a, b)
}

// put writes what a source has. Lists are appended to; elements that are there stay
// single when several sources are merged.
func (j *joiner) put(r *joinRow, m document.Node, at string, f found) {
	if !r.to.Repeated() {
		if f.messages == nil {
			j.set(r, m, at, f.texts[0], f.Source)
			return
		}
		proto.Merge(r.to.Message(m, true).Interface(), f.messages[0].Interface())
		j.out.Origins = append(j.out.Origins, JoinLink{r.to.Instance(m, at), f.Part, f.Path, r.id})
		return
	}
	n := r.to.Len(m)
	present := map[string]bool{} // what a merge finds there already
	if r.merge {
		for _, h := range r.to.List(m) {
			present[contentOf(h)] = true
		}
		for _, text := range r.to.Texts(m) {
			present[text] = true
		}
	}
	link := func(i int) {
		j.out.Origins = append(j.out.Origins, JoinLink{document.Element(r.to.Instance(m, at), n), f.Part, document.Element(f.Path, i), r.id})
		n++
	}
	for i, from := range f.messages {
		if !j.steps.Next() {
			return
		}
		if r.merge && present[contentOf(from)] {
			j.out.Repeated = append(j.out.Repeated, Source{Part: f.Part, Path: document.Element(f.Path, i)})
			continue
		}
		proto.Merge(r.to.Append(m).Interface(), from.Interface())
		link(i)
	}
	for i, text := range f.texts {
		if !j.steps.Next() {
			return
		}
		if present[text] {
			j.out.Repeated = append(j.out.Repeated, Source{f.Part, document.Element(f.Path, i), text})
			continue
		}
		if err := r.to.AppendText(m, text); err != nil {
			j.fault(gateway.JoinValue, r.to.Instance(m, at), text, document.WantedOf(err))
			continue
		}
		link(i)
	}
}

// contentOf is the same for messages that are equal, and for no others of their type.
func contentOf(m document.Node) string {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	if err != nil {
		panic(err) // texts are UTF-8: they were read by a table or from JSON
	}
	return string(content)
}

func (j *joiner) set(r *joinRow, m document.Node, at, text string, from Source) {
	if err := r.to.Set(m, text); err != nil {
		j.fault(gateway.JoinValue, r.to.Instance(m, at), text, document.WantedOf(err))
		return
	}
	j.out.Origins = append(j.out.Origins, JoinLink{r.to.Instance(m, at), from.Part, from.Path, r.id})
}

func (j *joiner) fault(code gateway.Code, path, value string, expected gateway.Phrase) {
	j.report(gateway.Error, code, path, value, expected)
}

func (j *joiner) report(severity gateway.Severity, code gateway.Code, path, value string, expected gateway.Phrase) {
	j.out.Faults = append(j.out.Faults, gateway.Fault{
		Code: code, Severity: severity, Path: path, Value: gateway.Clip(value), Expected: expected,
	})
}
