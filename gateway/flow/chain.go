package flow

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/pace"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/validate"
	"customs.example/gateway/xmltree"
)

// Media types of documents.
const (
	XML  = "application/xml"
	JSON = "application/json"
)

// Chain is the pure part of both sentences: it reads, judges, joins and translates
// documents, and touches nothing. The gateway and the offline tools share it. What it does
// with a document it does for as long as the context lasts: then it returns the context's
// error, and nothing of the document.
type Chain struct {
	Schemas *schema.Set
	Tables  *mapping.Library
	Rules   *validate.Rules
	Routes  *release.Routes
	Limits  schema.Limits
}

// Reading is what could be read of a document's bytes, and what is wrong with them.
type Reading struct {
	Document *customsv1.Document // nil if nothing could be read
	Kind     string
	Table    *mapping.Table // nil for canonical JSON
	Faults   gateway.Faults // in the sender's own places
	Unread   []gateway.Location

	locate func(path string) gateway.Location
	wrote  func(path, value string) string  // the sender's own text of a value at a path; nil: the value itself
	origin func(path string) (Part, string) // of what several documents make: which has a value, and where; else nil
	trace  trace.Trace
	broken map[string]bool // paths at or below which a value could not be read
	passed validate.Passed // as it was judged last
	warned gateway.Faults  // what was said of it then
}

// MediaType tells canonical JSON from XML by the first byte that is no blank.
func MediaType(raw []byte) string {
	if trimmed := bytes.TrimLeft(raw, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		return JSON
	}
	return XML
}

// Read turns a document's bytes into a canonical document: XML by the table of the
// sender's format that its root belongs to at that time, JSON as it is. Agreed are the
// tables that were agreed on with the sender; see [mapping.Library.Choose].
func (c *Chain) Read(ctx context.Context, raw []byte, mediaType string, sender gateway.Administration, at time.Time, agreed ...string) (*Reading, error) {
	switch mediaType {
	case JSON:
		return readJSON(ctx, raw)
	case XML, "text/xml":
		return c.readXML(ctx, raw, sender, at, agreed)
	}
	return refused(wanting(gateway.MediaTypeUnknown, mediaType, gateway.WordEither, XML, JSON)), nil
}

func readJSON(ctx context.Context, raw []byte) (*Reading, error) {
	p, err := document.ParseWhile(pace.Of(ctx), raw)
	if err != nil {
		return nil, err
	}
	r := &Reading{Document: p.Document, Faults: document.Places(p.Faults, p.Document), locate: p.Locate, broken: brokenPaths(p.Faults)}
	if p.Document != nil {
		r.Kind = document.Kind(p.Document)
	}
	return r, nil
}

func (c *Chain) readXML(ctx context.Context, raw []byte, sender gateway.Administration, at time.Time, agreed []string) (*Reading, error) {
	return c.readBy(ctx, raw, func(u mapping.Unpacked) (*mapping.Table, gateway.Faults) {
		if t, ok := c.Tables.Choose(u.Root, string(sender), at, agreed...); ok && !u.Empty {
			return t, nil
		}
		return nil, gateway.Faults{c.noTable(u, at, agreed)}
	})
}

// ReadAs reads XML, or what is in a container, by one table and its schema, whatever its
// root says.
func (c *Chain) ReadAs(ctx context.Context, raw []byte, t *mapping.Table) (*Reading, error) {
	return c.readBy(ctx, raw, func(mapping.Unpacked) (*mapping.Table, gateway.Faults) { return t, nil })
}

func (c *Chain) readBy(ctx context.Context, raw []byte, choose func(mapping.Unpacked) (*mapping.Table, gateway.Faults)) (*Reading, error) {
	steps := pace.Of(ctx)
	var t *mapping.Table
	checked, err := schema.CheckBy(steps, raw, c.Limits, func(root *xmltree.Element) (*schema.Schema, *xmltree.Element, gateway.Faults) {
		u := c.Tables.Unpack(root)
		var faults gateway.Faults
		if t, faults = choose(u); t == nil {
			return nil, nil, faults
		}
		sc, faults := c.schemaOf(t)
		return sc, u.Root, faults
	})
	if err != nil {
		return nil, err
	}
	if checked.Document == nil || t == nil || checked.Conforming.IsZero() && unjudged(checked.Faults) {
		return refused(checked.Faults...), nil
	}
	decoded, err := t.DecodeWhile(steps, checked.Document)
	if err != nil {
		return nil, err
	}
	root := checked.Document.Root
	r := &Reading{
		Document: decoded.Document, Kind: t.Kind(), Table: t, Unread: decoded.Unread, trace: decoded.Trace,
		broken: brokenPaths(decoded.Faults),
		Faults: merge(checked.Faults, decoded.Faults),
		locate: func(path string) gateway.Location {
			if link, ok := decoded.Trace.ByPath(path); ok {
				return link.Place
			}
			return root.Location()
		},
	}
	r.wrote = r.wroteXML
	r.places()
	return r, nil
}

// schemaOf returns a table's schema, or the fault that it is not there.
func (c *Chain) schemaOf(t *mapping.Table) (*schema.Schema, gateway.Faults) {
	if sc, ok := c.Schemas.Schema(t.Schema()); ok {
		return sc, nil
	}
	return nil, gateway.Faults{fault(gateway.SchemaMissing, t.Schema(), t.ID())}
}

// SchemaDigest is the digest of the schema that documents of a table are checked by.
func (c *Chain) SchemaDigest(table string) (gateway.Digest, bool) {
	t, ok := c.Tables.Table(table)
	if !ok {
		return gateway.Digest{}, false
	}
	sc, faults := c.schemaOf(t)
	if faults != nil {
		return gateway.Digest{}, false
	}
	return sc.Digest(), true
}

// unjudged reports whether a document was not judged at all: it is another message
// than the schema's, or its schema is not there.
func unjudged(faults gateway.Faults) bool {
	return slices.ContainsFunc(faults, func(f gateway.Fault) bool {
		return f.Code == gateway.XSDRoot || f.Code == gateway.SchemaMissing
	})
}

// noTable is the fault of a document that no table reads: that a container holds none or
// an unknown one, that its namespace is missing, what its tables know at the place that decides
// between them, or which format it is most like.
func (c *Chain) noTable(u mapping.Unpacked, at time.Time, agreed []string) gateway.Fault {
	if f, ok := c.Tables.Misfit(u.Root, at, agreed...); ok && !u.Empty {
		return f
	}
	f := gateway.Fault{
		Code: gateway.FormatUnknown, Severity: gateway.Error, Location: u.Root.Location(), Value: u.Root.Name.String(),
		Expected: gateway.Say(gateway.WordNoneLikeIt),
	}
	near, ok := c.Tables.Nearest(u.Root)
	switch {
	case u.Empty:
		f.Code, f.Expected = gateway.FormatContainerEmpty, gateway.Term(u.Inside)
		return f
	case ok && u.Root.Name.Space == "" && near.Root().Space != "" && near.Root().Local == u.Root.Name.Local:
		f.Code = gateway.FormatNamespace
	}
	if ok {
		word := gateway.WordNearestFormat
		if f.Code == gateway.FormatNamespace {
			word = gateway.WordFormatWithRoot
		}
		f.Expected = gateway.Say(word, near.ID(), near.Root().String())
	}
	if n := len(u.Containers); n > 0 && f.Code == gateway.FormatUnknown {
		f.Code, f.Value, f.Expected = gateway.FormatContainer, u.Containers[n-1].Name.Local, gateway.Term(u.Root.Name.String())
	}
	return f
}

// Unreadable reports whether the table could not convert all that it reads. A document
// that is only invalid is converted: to judge it is another step.
func (r *Reading) Unreadable() bool { return len(r.broken) > 0 }

func brokenPaths(faults gateway.Faults) map[string]bool {
	paths := make(map[string]bool)
	for _, f := range faults {
		if f.Severity != gateway.Error {
			continue
		}
		paths[f.Path] = true
		for i := strings.LastIndexAny(f.Path, ".["); i > 0; i = strings.LastIndexAny(f.Path[:i], ".[") {
			paths[f.Path[:i]] = true
		}
	}
	return paths
}

// spoilt reports whether a value at or below a path could not be read. What a rule
// says of it is not the sender's fault a second time.
func (r *Reading) spoilt(path string) bool { return path != "" && r.broken[path] }

func refused(faults ...gateway.Fault) *Reading {
	return &Reading{Faults: faults, locate: func(string) gateway.Location { return gateway.Location{} }}
}

// Validate judges what was read by the dictionary and the business rules. Its faults
// are all of them, those of the reading first. What passed before in another scope is judged
// by the rules that this scope adds: Document MUST be as it was.
func (c *Chain) Validate(ctx context.Context, r *Reading, s validate.Scope) (validate.Passed, gateway.Faults, error) {
	if r.Document == nil {
		return validate.Passed{}, r.Faults, nil
	}
	var passed validate.Passed
	var found gateway.Faults
	var err error
	before, steps := r.Faults, pace.Of(ctx)
	if r.passed.Within(s) {
		before = r.warned
		passed, found, err = c.Rules.CheckFurther(steps, r.passed, s)
	} else {
		passed, found, err = c.Rules.CheckWhile(steps, r.Document, s)
	}
	if err != nil {
		return validate.Passed{}, nil, err
	}
	found = slices.DeleteFunc(found, func(f gateway.Fault) bool { return r.spoilt(f.Path) })
	found = document.Places(found, r.Document)
	faults := merge(before, inOwnWords(mapping.Locate(found, r.locate), r.wrote))
	if faults.Refuse() {
		return validate.Passed{}, faults, nil
	}
	r.passed, r.warned = passed, faults
	return passed, faults, nil
}

// merge adds the faults of a later step to those of earlier ones. What an earlier
// step said of the very same value, or of the same thing missing, is not said again.
func merge(earlier, later gateway.Faults) gateway.Faults {
	type spot struct{ document, place, what string }
	spotOf := func(f gateway.Fault) spot {
		what := f.Value
		if what == "" {
			what = lastName(f.Expected.String())
		}
		return spot{f.Location.Document, f.Location.Expr, what}
	}
	said := make(map[spot]bool, len(earlier))
	for _, f := range earlier {
		if f.Severity == gateway.Error {
			said[spotOf(f)] = true
		}
	}
	out := slices.Clone(earlier)
	for _, f := range Unsaid(earlier, later) {
		if s := spotOf(f); s.what == "" || !said[s] {
			out = append(out, f)
		}
	}
	return out
}

// saying is what a fault says of which place.
type saying struct {
	code                             gateway.Code
	document, place, value, expected string
}

func sayingOf(f gateway.Fault) saying {
	return saying{f.Code, f.Location.Document, f.Location.Expr, f.Value, f.Expected.String()}
}

func sayings(faults gateway.Faults) map[saying]bool {
	said := make(map[saying]bool, len(faults))
	for _, f := range faults {
		said[sayingOf(f)] = true
	}
	return said
}

// Unsaid returns later without the warnings that earlier has too, of the very same place.
// What a part warned of by itself is so not said again of the whole that it went into.
func Unsaid(earlier, later gateway.Faults) gateway.Faults {
	said := sayings(earlier)
	return slices.DeleteFunc(slices.Clone(later), func(f gateway.Fault) bool { return f.Severity != gateway.Error && said[sayingOf(f)] })
}

// lastName is the local name at the end of a list or path of what was expected.
func lastName(expected string) string {
	return expected[strings.LastIndexAny(expected, "/:@} ")+1:]
}

// Plan says which route takes a document, and as which part of its recipe.
type Plan struct {
	Route *release.Route
	Join  *recipe.Join  // nil for a route without recipe
	Split *recipe.Split // nil for a route whose messages have room for everything
	Part  string
	Key   string // what the parts of one message have in common
	// Judged is the submission that is being judged, where it is none of the parts.
	Judged string
	// Mark notes in the documents of all messages, before they are judged, what they take the
	// place of; nil: they are new.
	Mark func(parts []*customsv1.Document)
	// Rulings are what was ruled on texts of the parts.
	Rulings []release.Ruling
	// Number gives the documents of all messages the numbers that they bear, where the route says
	// that they do, before they are judged: the fault says that there is none left.
	Number func(documents []*customsv1.Document) (*gateway.Fault, error)

	kin    []string // routes in which parts of the same message may wait, its own among them
	second bool     // the route leads to the second addressee
	spoken []string // numbers that the messages to the first addressee take
}

// Addressing is who sends, from which office, to whom, and when.
type Addressing struct {
	Own    gateway.Administration
	Office string
	To     []gateway.Administration // empty: the routes decide
	At     time.Time
	Duty   string // of what is sent; empty: it is information between administrations
}

// Plans are the routes that may take a document, whatever its destination, in order of name.
func (c *Chain) Plans(r *Reading, a Addressing) (plans []Plan) {
	q := release.Query{From: a.Own, Office: a.Office, Kind: r.Kind, To: a.To, At: a.At, Type: a.Duty}
	if r.Table != nil {
		q.Table = r.Table.ID()
	}
	for _, rt := range c.Routes.Find(q) {
		if p, ok := c.PlanFor(rt, r); ok {
			plans = append(plans, p)
		}
	}
	return plans
}

// PlanFor says which part of a route's message a document is, if it is one.
func (c *Chain) PlanFor(rt *release.Route, r *Reading) (Plan, bool) {
	split, _ := c.Tables.Split(rt.Split)
	if rt.Recipe == "" {
		return Plan{Route: rt, Split: split}, rt.Kind == r.Kind
	}
	join, ok := c.Tables.Join(rt.Recipe)
	if !ok {
		return Plan{}, false
	}
	table := ""
	if r.Table != nil {
		table = r.Table.Name()
	}
	part, ok := join.PartOf(r.Document, table)
	if !ok {
		return Plan{}, false
	}
	keys, ok := join.Key(part.Name, r.Document)
	if !ok {
		keys = nil
	}
	return Plan{Route: rt, Join: join, Split: split, Part: part.Name, Key: strings.Join(keys, "|")}, true
}

// routesFor lists what the office's routes would have taken.
func (c *Chain) routesFor(a Addressing) string {
	var out []string
	for _, rt := range c.Routes.All() {
		if rt.From == a.Own {
			out = append(out, rt.Name)
		}
	}
	return strings.Join(out, ", ")
}

// Part is one national document of a message.
type Part struct {
	Name       string // its name in the recipe; empty without one
	Submission string
	*Reading
	Expected time.Time        // arrival, as its sender says beside it; zero: nobody says it
	Rulings  []release.Ruling // on its texts
	Of       string           // the element of a list that it is for, as its sender says beside it; empty: the documents say it
}

// given are documents as a recipe takes them.
func given(parts []Part) []recipe.Given {
	out := make([]recipe.Given, len(parts))
	for i, p := range parts {
		out[i] = recipe.Given{Name: p.Name, Document: p.Document, Of: p.Of}
	}
	return out
}

// Open says what is open of parts that are for the elements of a list, as faults at their places in the
// senders' documents, and which parts are so waited for.
func (p Plan) Open(parts []Part) (faults gateway.Faults, lacks, unplaced []string) {
	if p.Join == nil || len(parts) == 0 {
		return nil, nil, nil
	}
	open := p.Join.Open(given(parts))
	t := &Translation{parts: parts, judged: cmp.Or(p.Judged, parts[0].Submission), joined: &recipe.Joined{Faults: open.Faults, Contests: open.Contests}}
	t.placeContests()
	return t.joined.Faults, open.Lacks, open.Unplaced
}

// forElements reports whether a part is one for each element of another part's list.
func (p Plan) forElements(name string) bool {
	return p.Join != nil && slices.ContainsFunc(p.Join.Parts(), func(o recipe.Part) bool { return o.Name == name && o.For != "" })
}

// Missing returns the names of the required parts that are not there.
func (p Plan) Missing(parts []Part) []string {
	if p.Join == nil {
		return nil
	}
	var out []string
	for _, want := range p.Join.Parts() {
		if want.Required && !slices.ContainsFunc(parts, func(have Part) bool { return have.Name == want.Name }) {
			out = append(out, want.Name)
		}
	}
	return out
}

// Translation is what documents become: a message ready to be sealed, or several where
// the route's split makes several of the whole, with all that says how they came to be.
// They are fit to be sealed only if no fault refuses.
type Translation struct {
	Outputs       []*Output
	Faults        gateway.Faults // in the senders' own places, each once
	Disagreements []recipe.Disagreement

	parts  []Part
	called []string       // what the recipe calls them, once they were asked for
	judged string         // the submission that is being judged
	joined *recipe.Joined // nil without recipe
	whole  *customsv1.Document
	said   map[saying]bool // what was said of messages of a whole
	doubts []doubt         // texts that are to be ruled on
	sets   []*Translation  // of the sets of parts that were joined, whichever of their messages are its outputs
}

// Output is the document of one message.
type Output struct {
	Released   release.Released
	Encoded    mapping.Encoded
	Conforming schema.Conforming

	of       *Translation
	document *customsv1.Document // Released's own, to be read
	table    *mapping.Table
	trace    trace.Trace
	// Of a document that a split made: by which split, as which part from 1, where a
	// value stands in the whole, and whether it is the split's own.
	split  string
	part   int
	origin func(path string) string
	made   func(path string) bool
}

// stated is when the goods of a document are expected to arrive, as a sender says beside its
// parts: the report of the vehicle first.
func (o *Output) stated() (at time.Time) {
	for _, p := range o.of.parts {
		if !p.Expected.IsZero() && (at.IsZero() || p.Kind == "VehicleReport") {
			at = p.Expected
		}
	}
	return at
}

// Translate joins the parts, validates, and releases, encodes and checks each message. Id
// is what the documents are numbered from. The first part is the one being judged: places
// in others name their submission.
//
// A whole that the route's split divides is judged by our own rules, and each of its
// parts by the partner's too: a part is what the partner gets. A part is judged as a
// part: what warns only because the rest of the whole is elsewhere is not said.
//
// Of a part that came several times each is joined with the others by itself.
func (c *Chain) Translate(ctx context.Context, p Plan, parts []Part, id gateway.MessageID, s validate.Scope) (*Translation, error) {
	s.Done = p.Mark != nil
	p.Judged = cmp.Or(p.Judged, parts[0].Submission)
	var drafts []*draft
	var documents []*customsv1.Document
	for i, set := range joinable(p, parts) {
		if i > 0 {
			id = gateway.MessageID(gateway.DerivedID("join", string(id), strconv.Itoa(i)))
		}
		d, err := c.draft(ctx, p, set, id)
		if err != nil {
			return nil, err
		}
		if (p.Mark != nil || p.Route.Numbers != nil) && d.whole.Document != nil {
			documents = append(documents, d.apart()...)
		}
		drafts = append(drafts, d)
	}
	if p.Mark != nil && len(documents) > 0 {
		p.Mark(documents)
	}
	if p.Route.Numbers != nil && len(documents) > 0 {
		none, err := p.Number(documents)
		if err != nil {
			return nil, err
		}
		if none != nil {
			none.Location = parts[0].locate("")
			return &Translation{Faults: gateway.Faults{*none}, parts: parts, judged: p.Judged, whole: drafts[0].whole.Document}, nil
		}
	}
	for _, d := range drafts {
		if err := c.finish(ctx, p, d, s); err != nil {
			return nil, err
		}
	}
	return together(p, drafts), nil
}

// joinable are the sets of parts that are joined with each other: of a part that came several
// times each is in one of its own, unless it is one for each element of a list. Their order is by
// submission, whichever is being judged.
func joinable(plan Plan, parts []Part) (sets [][]Part) {
	var again string
	for i, p := range parts {
		if !plan.forElements(p.Name) && slices.ContainsFunc(parts[:i], func(o Part) bool { return o.Name == p.Name }) {
			again = p.Name
		}
	}
	for _, p := range slices.SortedStableFunc(slices.Values(parts), func(a, b Part) int { return cmp.Compare(a.Submission, b.Submission) }) {
		if p.Name == again || len(sets) == 0 && again == "" {
			sets = append(sets, slices.DeleteFunc(slices.Clone(parts), func(o Part) bool { return o.Name == again && o.Submission != p.Submission }))
		}
	}
	return sets
}

// draft is what a set of parts says, before it is judged.
type draft struct {
	t         *Translation
	whole     *Reading
	splitting recipe.Splitting
}

// draft joins a set of parts, and splits what they make.
func (c *Chain) draft(ctx context.Context, p Plan, parts []Part, id gateway.MessageID) (*draft, error) {
	d := &draft{t: &Translation{parts: parts, called: recipe.Names(given(parts)), judged: p.Judged}, whole: parts[0].Reading}
	var err error
	if p.Join != nil {
		if d.whole, err = d.t.join(ctx, p.Join, id); err != nil {
			return nil, err
		}
	}
	d.t.whole = d.whole.Document
	if p.Split != nil && d.whole.Document != nil {
		d.splitting, err = p.Split.RunWhile(pace.Of(ctx), d.whole.Document, string(id))
	}
	return d, err
}

// apart are the documents of a draft's messages, apart from those that they were made of.
func (d *draft) apart() []*customsv1.Document {
	if len(d.splitting.Parts) > 1 {
		return d.splitting.Parts
	}
	marked := *d.whole
	marked.Document, marked.passed, marked.warned = document.Clone(d.whole.Document), validate.Passed{}, nil
	d.whole, d.splitting.Parts = &marked, nil
	return []*customsv1.Document{marked.Document}
}

// together is what several drafts come to: one whole of all their messages, of which what all
// repeat is said once.
func together(p Plan, drafts []*draft) *Translation {
	all := *drafts[0].t
	for _, d := range drafts {
		all.sets = append(all.sets, d.t)
	}
	all.unreported(drafts)
	if len(drafts) == 1 {
		return &all
	}
	unreported := all.Faults[len(drafts[0].t.Faults):]
	all.Outputs, all.Faults, all.doubts = nil, nil, nil
	said := make(map[saying]bool)
	for i, d := range drafts {
		for _, o := range d.t.Outputs {
			if all.Outputs = append(all.Outputs, o); p.Split != nil {
				o.split, o.part = p.Split.ID(), len(all.Outputs)
			}
		}
		all.doubts = append(all.doubts, d.t.doubts...)
		for _, f := range d.t.Faults {
			if !said[sayingOf(f)] {
				said[sayingOf(f)] = true
				all.Faults = append(all.Faults, f)
			}
		}
		if i > 0 {
			all.Disagreements = append(all.Disagreements, d.t.Disagreements...)
		}
	}
	all.Faults = append(all.Faults, unreported...)
	return &all
}

// unreported warns of load units that goods are said to be in, and that no vehicle's report has
// of all that name any.
func (t *Translation) unreported(drafts []*draft) {
	in := make(map[recipe.Source]int)
	for _, d := range drafts {
		if d.t.joined == nil {
			return
		}
		for _, s := range d.t.joined.Left {
			if in[s]++; in[s] < len(drafts) {
				continue
			}
			f := fault(gateway.UnitNotReported, s.Value, "")
			f.Severity = gateway.Warning
			if part, path, ok := t.source(s.Part, s.Path); ok {
				f.Path, f.Location, f.Place = path, t.in(part, path), document.PlaceOf(part.Document, path)
			}
			t.Faults = append(t.Faults, f)
		}
	}
}

// in is a place in the document of a part.
func (t *Translation) in(part Part, path string) gateway.Location {
	loc := part.locate(path)
	if part.Submission != t.judged {
		loc.Document = part.Submission
	}
	return loc
}

// finish judges a draft, and makes its messages.
func (c *Chain) finish(ctx context.Context, p Plan, d *draft, s validate.Scope) error {
	t, whole, splitting := d.t, d.whole, d.splitting
	if len(splitting.Parts) < 2 && !splitting.Faults.Refuse() { // what fits goes as it is
		passed, faults, err := c.Validate(ctx, whole, s)
		if err != nil {
			return err
		}
		if t.Faults = faults; passed.IsZero() {
			return nil
		}
		if err := t.output(ctx, c, p, passed, &Output{of: t}); err != nil {
			return err
		}
		return nil
	}
	var err error
	if _, t.Faults, err = c.Validate(ctx, whole, validate.Scope{Own: s.Own, At: s.At}); err != nil {
		return err
	}
	t.Faults = append(t.Faults, document.Places(mapping.Locate(splitting.Faults, t.Locate), t.whole)...)
	refused := t.Faults.Refuse()
	known := make(map[finding]gateway.Fault) // by the partner's rules too, and not said yet
	_, all, err := c.Validate(ctx, whole, s)
	if err != nil {
		return err
	}
	for _, f := range all {
		known[findingOf(f)] = f
	}
	for _, f := range t.Faults {
		delete(known, findingOf(f))
	}
	s.Part = true
	for i, part := range splitting.Parts {
		o := &Output{of: t, split: p.Split.ID(), part: i + 1, origin: func(path string) string { return splitting.Origin(i, path) }}
		o.made = func(path string) bool { return leaf(part, path) != leaf(whole.Document, o.whole(path)) }
		passed, faults, err := c.Validate(ctx, &Reading{Document: part, Kind: whole.Kind, locate: o.Locate, wrote: o.wrote}, s)
		if err != nil {
			return err
		}
		t.sayOfPart(o, faults, known)
		if passed.IsZero() || refused {
			continue
		}
		if err := t.output(ctx, c, p, passed, o); err != nil {
			return err
		}
	}
	return nil
}

// output releases, encodes and checks the document of one message.
func (t *Translation) output(ctx context.Context, c *Chain, p Plan, passed validate.Passed, o *Output) error {
	rt := p.Route
	t.Outputs = append(t.Outputs, o)
	released, faults := rt.Release(passed, p.Rulings...)
	o.Released = released
	t.doubts = append(t.doubts, o.doubts(rt.Kind, slices.Clone(faults))...)
	t.say(o, o.mended(o.located(faults)))
	if released.IsZero() {
		return nil
	}
	if left := o.withoutSupplied(t.Faults); len(left) < len(t.Faults) {
		t.Faults, t.said = left, nil
	}
	table, ok := c.Tables.Table(rt.Table)
	if !ok {
		t.say(o, gateway.Faults{fault(gateway.TableMissing, rt.Table, rt.Name)})
		return nil
	}
	o.document, o.table = released.View(), table
	encoded, trace, faults, err := table.EncodeWhile(pace.Of(ctx), o.document, true)
	if err != nil {
		return err
	}
	o.trace = trace
	t.say(o, o.mended(o.located(faults)))
	if encoded.IsZero() {
		return nil
	}
	o.Encoded = encoded
	raw := encoded.Bytes()
	if most := capOf(rt); len(raw) > most {
		t.say(o, gateway.Faults{tooLarge(len(raw), most)})
		return nil
	}
	checked, err := c.Conform(ctx, table, raw)
	if err != nil {
		return err
	}
	for i, f := range checked.Faults {
		checked.Faults[i].Location, checked.Faults[i].Path, checked.Faults[i].Remedy = o.sourceOf(f.Location)
	}
	t.say(o, checked.Faults)
	o.Conforming = checked.Conforming
	return nil
}

// say adds the faults of a message. What the parts of a whole repeat is said once, at
// its place in the whole.
func (t *Translation) say(o *Output, faults gateway.Faults) {
	for _, f := range faults {
		if f.Path = o.whole(f.Path); f.Place.IsZero() {
			f.Place = document.PlaceOf(t.whole, f.Path)
		}
		if o.split != "" {
			if t.said == nil {
				t.said = make(map[saying]bool)
				for _, before := range t.Faults {
					t.said[sayingOf(before)] = true
				}
			}
			if t.said[sayingOf(f)] {
				continue
			}
			t.said[sayingOf(f)] = true
		}
		t.Faults = append(t.Faults, f)
	}
}

// finding is what a rule found where, whatever the value.
type finding struct {
	code gateway.Code
	path string
}

func findingOf(f gateway.Fault) finding { return finding{f.Code, f.Path} }

// sayOfPart adds what rules find in a part of a whole. Known is what the same rules find
// in the whole: a warning that the whole does not have is none of the sender's, one that
// it has is said of the whole, once.
func (t *Translation) sayOfPart(o *Output, faults gateway.Faults, known map[finding]gateway.Fault) {
	for _, f := range faults {
		if f.Severity == gateway.Error {
			t.say(o, gateway.Faults{f})
			continue
		}
		at := finding{f.Code, o.whole(f.Path)}
		if whole, ok := known[at]; ok {
			t.Faults = append(t.Faults, whole)
			if t.said != nil {
				t.said[sayingOf(whole)] = true
			}
			delete(known, at)
		}
	}
}

// withoutSupplied leaves out warnings of what the route has supplied.
func (o *Output) withoutSupplied(faults gateway.Faults) gateway.Faults {
	supplied := make(map[string]bool)
	for _, s := range o.Released.Supplied() {
		supplied[o.whole(s.Path)] = true
	}
	return slices.DeleteFunc(faults, func(f gateway.Fault) bool { return f.Severity != gateway.Error && supplied[f.Path] })
}

// Conform checks a table's output against its schema. The result has a document only where
// something is wrong with it.
func (c *Chain) Conform(ctx context.Context, t *mapping.Table, raw []byte) (schema.Result, error) {
	sc, faults := c.schemaOf(t)
	if faults != nil {
		return schema.Result{Faults: faults}, nil
	}
	return sc.Prove(pace.Of(ctx), raw, c.Limits)
}

// Check reads a document of a table's format, and checks it against its schema.
func (c *Chain) Check(ctx context.Context, t *mapping.Table, raw []byte) (schema.Result, error) {
	return schema.CheckBy(pace.Of(ctx), raw, c.Limits, func(root *xmltree.Element) (*schema.Schema, *xmltree.Element, gateway.Faults) {
		sc, faults := c.schemaOf(t)
		return sc, root, faults
	})
}

// join makes the parts one document, whose places are found in the parts.
func (t *Translation) join(ctx context.Context, j *recipe.Join, id gateway.MessageID) (*Reading, error) {
	joined, err := j.RunWhile(pace.Of(ctx), given(t.parts), string(id))
	if err != nil {
		return nil, err
	}
	t.joined, t.Disagreements = &joined, joined.Disagreements
	t.placeContests()
	return &Reading{Document: joined.Document, Kind: j.Kind(), Faults: document.Places(mapping.Locate(joined.Faults, t.Locate), joined.Document), locate: t.Locate, wrote: t.wrote}, nil
}

// placeContests gives what is said of two parts that disagree its place: at the value that does not
// travel, which is its own sender's to mend; where neither does, in the document that is judged.
func (t *Translation) placeContests() {
	for _, c := range t.joined.Contests {
		f, at := &t.joined.Faults[c.Fault], c.Other
		if first, _, ok := t.source(c.First.Part, c.First.Path); ok && f.Severity == gateway.Error && first.Submission == t.judged {
			at = c.First
		}
		if part, path, ok := t.source(at.Part, at.Path); ok {
			f.Location, f.Place = t.in(part, path), document.PlaceOf(part.Document, path)
		}
	}
}

// Locate finds the place in a sender's document that a canonical value came from.
func (t *Translation) Locate(path string) gateway.Location {
	part, partPath, ok := t.partOf(path)
	if !ok {
		return t.parts[0].locate("")
	}
	return t.in(part, partPath)
}

// named is the place in a sender's document that a canonical value came from, which is named whichever
// is being judged; none if it came from no document.
func (t *Translation) named(path string) gateway.Location {
	part, partPath, ok := t.partOf(path)
	if !ok {
		return gateway.Location{}
	}
	at := part.locate(partPath)
	at.Document = part.Submission
	return at
}

// partOf follows a canonical path into the part it was joined from.
func (t *Translation) partOf(path string) (Part, string, bool) {
	if t.joined == nil {
		return t.source(t.parts[0].Name, path)
	}
	link, ok := t.joined.Origin(path)
	if !ok {
		return Part{}, "", false
	}
	return t.source(link.Part, link.PartPath)
}

// names are what the recipe calls the parts.
func (t *Translation) names() []string {
	if t.called == nil {
		t.called = recipe.Names(given(t.parts))
	}
	return t.called
}

// source is the part that has the value at a path of what was joined under a name, and where.
func (t *Translation) source(name, path string) (Part, string, bool) {
	i := slices.Index(t.names(), name)
	if i < 0 {
		return Part{}, "", false
	}
	part := t.parts[i]
	if part.origin != nil {
		part, path = part.origin(path)
	}
	return part, path, true
}

// wrote is the sender's own text of a value that the whole has at a path.
func (t *Translation) wrote(path, value string) string {
	part, partPath, ok := t.partOf(path)
	if !ok || part.Reading.wrote == nil {
		return value
	}
	return part.Reading.wrote(partPath, value)
}

// whole is the path in the whole of what the document has at a path.
func (o *Output) whole(path string) string {
	if o.origin == nil {
		return path
	}
	return o.origin(path)
}

// Locate finds the place in a sender's document that a canonical value came from.
func (o *Output) Locate(path string) gateway.Location { return o.of.Locate(o.whole(path)) }

// wrote is the sender's own text of a value that the document has at a path.
func (o *Output) wrote(path, value string) string { return o.of.wrote(o.whole(path), value) }

// located gives faults of the document their places and values in the senders' own.
func (o *Output) located(faults gateway.Faults) gateway.Faults {
	return inOwnWords(mapping.Locate(faults, o.Locate), o.wrote)
}

// sourceOf takes a place in the output back to the sender's document, and says who can
// mend what stands there.
func (o *Output) sourceOf(place gateway.Location) (gateway.Location, string, gateway.Remedy) {
	link, ok := o.trace.ByPlace(place.Expr)
	remedy := o.menderOf(link, ok)
	if !ok {
		return o.Locate(""), "", remedy
	}
	return o.Locate(link.Path), link.Path, remedy
}
