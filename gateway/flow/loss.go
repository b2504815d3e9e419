package flow

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Reason is why a value of a sender's document does not travel as it stands there. The set is
// closed, in the order of the steps of a submission: what got further was lost later.
type Reason int

// The reasons.
const (
	_                 Reason = iota
	NotRead                  // no row of the table of the sender's form reads it
	OwnEnvelope              // it belongs to the exchange with the sender's own system: a message has an envelope of its own
	NotTaken                 // the recipe that makes one message of the documents does not take it
	NotReported              // goods are said to be in it, and no vehicle that was reported has it
	Outvoted                 // another document of the message has precedence
	Withheld                 // the route does not release it
	ReplacedByRuling         // a supervisor has put another text in its place
	ReplacedByRoute          // the route puts another value in its place
	NoField                  // the partner's form has no field for it
	NotNamed                 // the form tells it with what names it, and nothing of the goods does
	NotInThisCase            // the form's field for it is not for a document such as this one
	OtherLanguage            // the form takes the text in another language
	ReplacedByHeading        // the text of the heading is sent in its place
	Cut                      // only its beginning travels
	travels
)

// What is told of losses: so many groups, and of each so many places.
const (
	maxLosses     = 60
	maxLostPlaces = 3
)

// Loss is what does not travel of one field, for one reason, of one document.
type Loss struct {
	Reason     Reason
	Submission string
	Path       string // canonical schema path; of what nothing reads, the XPath without positions
	Label      gateway.Place
	Count      int
	Places     []LostPlace // the first
}

// LostPlace is one place of a loss, in the sender's own document.
type LostPlace struct {
	Location gateway.Location
	Place    gateway.Place
	Value    string // as it stands there, clipped
	Instead  string // what travels in its place, clipped; empty if nothing does
	Guarded  bool   // it is data of a person, or a price
}

// Losses is what of the senders' documents does not travel.
type Losses struct {
	Of      []Loss
	LeftOut int // groups beyond those
}

// fate is what becomes of one value. One that is lost with what names it is not told by itself.
type fate struct {
	reason  Reason
	instead string
	silent  bool
}

// losing collects the fates of the values of one document.
type losing struct {
	Part
	fates map[string]fate // by its canonical instance path
}

// note keeps of two fates the better one: of several messages one may carry what others do not.
func (l *losing) note(path string, f fate) {
	if f.reason > l.fates[path].reason {
		l.fates[path] = f
	}
}

// Losses says what of the documents that a translation was made of does not travel, from what
// the translation itself knows: the trace of decode, the origins of the join, what the route
// withheld and supplied, and the trace of encode. Without messages it is what nothing reads.
func (t *Translation) Losses() Losses {
	var all []*losing
	of := make(map[*Reading]*losing)
	add := func(p Part) *losing {
		l := of[p.Reading]
		if l == nil {
			l = &losing{p, make(map[string]fate)}
			of[p.Reading], all = l, append(all, l)
		}
		return l
	}
	var drafts []*Translation
	for _, o := range t.Outputs {
		if !slices.Contains(drafts, o.of) {
			drafts = append(drafts, o.of)
		}
	}
	for _, d := range drafts {
		parts := make(map[string]*losing, len(d.parts))
		for i, p := range d.parts {
			parts[d.names()[i]] = add(p)
		}
		var outputs []*Output
		for _, o := range t.Outputs {
			if o.of == d {
				outputs = append(outputs, o)
			}
		}
		d.lose(parts, outputs, t.sets)
	}
	for _, p := range t.parts {
		add(p)
	}
	g := losses{index: make(map[lossKey]int)}
	for _, l := range all {
		for _, u := range l.Unread {
			path := plain(u.Expr)
			g.add(lossKey{NotRead, l.Submission, path}, func() LostPlace {
				return LostPlace{Location: u, Place: gateway.Place{Steps: []gateway.PlaceStep{{Key: ownName(u.Expr)}}}, Guarded: true}
			})
		}
		if len(drafts) > 0 {
			g.of(t, l)
		}
	}
	return g.all()
}

// lose follows the values of one whole into its messages, and what the parts say into the whole. Each
// message is gone through once, and so is the whole, however many messages it became.
func (t *Translation) lose(parts map[string]*losing, outputs []*Output, sets []*Translation) {
	said := make(map[string]string)
	document.Walk(t.whole, func(path string, _ document.Field, _ document.Marks, text string) { said[path] = text })
	best, kept := make(map[string]fate, len(said)), released{withheld: make(map[string]bool), denied: make(map[string]bool), supplied: make(map[string]bool)}
	for _, o := range outputs {
		newForm(o, &kept).each(said, func(whole string, f fate) {
			if f.reason > best[whole].reason {
				best[whole] = f
			}
		})
	}
	carried := func(path string) (*losing, string) {
		if t.joined == nil {
			return parts[t.names()[0]], path
		}
		link, ok := t.joined.Origin(path)
		if !ok {
			return nil, ""
		}
		return parts[link.Part], link.PartPath
	}
	for path := range said {
		l, at := carried(path)
		if l == nil {
			continue
		}
		f, in := best[path]
		switch {
		case in:
		case kept.withholds(path):
			f.reason = Withheld
		case kept.supplies(path):
			f.reason = ReplacedByRoute
		}
		if strings.HasPrefix(at, envelope) && f.reason != travels {
			f = fate{reason: OwnEnvelope}
		}
		l.note(at, f)
	}
	if t.joined == nil {
		return
	}
	for _, s := range t.joined.Left { // what another vehicle's report has goes with that
		if l := parts[s.Part]; l != nil {
			f := fate{reason: NotReported}
			if slices.ContainsFunc(sets, func(o *Translation) bool { return o.joined != nil && !slices.Contains(o.joined.Left, s) }) {
				f.reason = travels
			}
			l.note(s.Path, f)
		}
	}
	passed := make(map[*losing]map[string]fate) // what other sources have said, or said otherwise
	pass := func(s recipe.Source, f fate) {
		if l := parts[s.Part]; l != nil {
			if passed[l] == nil {
				passed[l] = make(map[string]fate)
			}
			passed[l][s.Path] = f
		}
	}
	for _, s := range t.joined.Repeated {
		pass(s, fate{reason: travels})
	}
	for _, d := range t.joined.Disagreements {
		for _, s := range d.Others {
			pass(s, fate{reason: Outvoted, instead: d.Chosen.Value})
		}
	}
	for _, l := range parts {
		document.Walk(l.Document, func(path string, _ document.Field, _ document.Marks, _ string) {
			for at := path; at != ""; at = parentPath(at) {
				if f, ok := passed[l][at]; ok {
					l.note(path, f)
					return
				}
			}
			if strings.HasPrefix(path, envelope) {
				l.note(path, fate{reason: OwnEnvelope})
			} else {
				l.note(path, fate{reason: NotTaken})
			}
		})
	}
}

// envelope begins the paths of what belongs to an exchange, and not to its goods.
const envelope = "envelope."

// released is what the route has done to a whole, in all messages together.
type released struct {
	withheld map[string]bool // schema paths that it does not release
	denied   map[string]bool // attachments of the whole, of kinds that it does not release
	supplied map[string]bool // values of the whole that it has supplied, and the messages that they stand in
}

// withholds reports whether the route does not release what stands at a place of the whole.
func (r *released) withholds(path string) bool {
	for at := path; at != ""; at = parentPath(at) {
		if r.withheld[plain(at)] || r.denied[at] {
			return true
		}
	}
	return false
}

// supplies reports whether the route has supplied what stands at a place of the whole, or around it.
func (r *released) supplies(path string) bool {
	for at := path; at != ""; at = parentPath(at) {
		if r.supplied[at] {
			return true
		}
	}
	return false
}

// form is one message as the partner's form has it.
type form struct {
	*Output
	kept    *released
	ruled   map[string]bool   // places of the whole in which a ruling has put another text
	written map[string]string // texts, by path in the message
	listed  map[string]bool
	within  map[string]bool // something below is written
	unasked map[string]bool // what conditions kept from being written
	headed  map[string]bool // lists of texts of the whole that the text of a heading stands in
	named   map[string]bool // what lists of names name: the list's name and the name
	carries *carriage
}

// newForm adds to kept what the route has done to the message.
func newForm(o *Output, kept *released) *form {
	f := &form{
		Output: o, kept: kept, ruled: make(map[string]bool), written: make(map[string]string), listed: make(map[string]bool),
		within: make(map[string]bool), unasked: make(map[string]bool), headed: make(map[string]bool), named: make(map[string]bool),
		carries: carriageOf(o.table),
	}
	for _, path := range o.Released.Withheld() {
		kept.withheld[path] = true
	}
	for _, path := range o.Released.Denied() {
		kept.denied[o.whole(path)] = true
	}
	for _, s := range o.Released.Supplied() {
		whole := o.whole(s.Path)
		if s.Row == release.ByApprover {
			f.ruled[whole] = true
			continue
		}
		at := parentPath(whole)
		if kept.supplied[whole], kept.supplied[at] = true, true; strings.HasPrefix(s.Row, "HS ") {
			f.headed[parentPath(at)] = true
		}
	}
	o.trace.Values(func(v trace.Value) {
		if v.Path == "" || v.Const {
			return
		}
		f.written[v.Path] += v.Text
		if named, ok := f.carries.names[plain(v.Path)]; ok {
			f.named[named.list+" "+leaf(o.document, v.Path)] = true
		}
		if v.Listed {
			f.listed[v.Path] = true
		}
		for at := parentPath(v.Path); at != "" && !f.within[at]; at = parentPath(at) {
			f.within[at] = true
		}
	})
	for _, w := range o.trace.Withheld() {
		f.unasked[w.Path] = true
	}
	return f
}

// each calls note for every value of the whole that the message has, be it another in its place. Said
// is what the whole says.
func (f *form) each(said map[string]string, note func(whole string, f fate)) {
	if f.document == nil {
		return
	}
	document.Walk(f.document, func(path string, _ document.Field, _ document.Marks, sent string) {
		whole := f.whole(f.Released.SentPath(path))
		text, ok := said[whole]
		if !ok {
			return
		}
		of := f.fateOf(path, sent)
		if sent != text && of.reason == travels {
			switch of.instead = sent; {
			case f.made != nil && f.made(f.Released.SentPath(path)): // counted and numbered anew in each message
				of.instead = ""
			case f.ruled[whole]:
				of.reason = ReplacedByRuling
			case f.kept.supplies(whole):
				of.reason = ReplacedByRoute
			}
		}
		note(whole, of)
	})
}

// fateOf is what becomes of a value of the message in the partner's form.
func (f *form) fateOf(path, text string) fate {
	schema := plain(path)
	if said, ok := f.written[path]; ok {
		if f.carries.prose[schema] && !f.listed[path] && len(said) < len(text) && strings.HasPrefix(text, said) {
			return fate{reason: Cut, instead: said}
		}
		return fate{reason: travels}
	}
	parent := parentPath(path)
	switch {
	case slices.Contains(seal.Repeated, schema): // it stands in the header that is signed
		return fate{reason: travels}
	case f.together(path), f.carries.implied[schema+"="+text] && (parent == "" || f.within[parent]):
		return fate{reason: travels}
	case f.carries.spoken[parentPath(schema)]:
		return f.spoken(path)
	}
	for at := path; at != ""; at = parentPath(at) {
		if list, ok := f.carries.listed(at); ok {
			name := at + "." + list.key
			key := path == name
			switch named := f.named[list.list+" "+leaf(f.document, name)]; {
			case !named:
				return fate{reason: NotNamed, silent: !key}
			case key:
				return fate{reason: travels}
			}
		}
		if f.unasked[at] && !f.within[at] {
			return fate{reason: NotInThisCase}
		}
	}
	return fate{reason: NoField}
}

// spoken is the fate of a text in a language, or of the tag of one, that is not written itself.
func (f *form) spoken(path string) fate {
	element := parentPath(path)
	switch tag := strings.HasSuffix(path, ".language"); {
	case f.within[element]: // its text is
		return fate{reason: travels}
	case f.headed[f.whole(f.Released.SentPath(parentPath(element)))]:
		return fate{reason: ReplacedByHeading, silent: tag}
	default:
		return fate{reason: OtherLanguage, silent: tag}
	}
}

// together reports whether a value is written with others of its list: counted, summed, or said once
// of all.
func (f *form) together(path string) bool {
	for i := range path {
		if path[i] == '[' {
			if _, ok := f.written[path[:i]+plain(path[i:])]; ok {
				return true
			}
		}
	}
	return false
}

// plain is a path without what stands in brackets: positions and selectors.
func plain(path string) string {
	if strings.IndexByte(path, '[') < 0 {
		return path
	}
	b := make([]byte, 0, len(path))
	inside := false
	for i := range len(path) {
		switch c := path[i]; {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case !inside:
			b = append(b, c)
		}
	}
	return string(b)
}

// naming is what a list of texts names, as the dictionary says: a list, and the field that names its
// elements.
type naming struct{ list, key string }

// carriage is what rows of a table say of the canonical document, by schema path.
type carriage struct {
	prose   map[string]bool   // texts that no code list translates
	implied map[string]bool   // path=value: said by where in the form something stands, or by a constant of it
	spoken  map[string]bool   // lists of texts of which one is chosen by language
	names   map[string]naming // lists of names that the form has
}

// carriages are those of tables, which do not change.
var carriages sync.Map

func carriageOf(t *mapping.Table) *carriage {
	if known, ok := carriages.Load(t); ok {
		return known.(*carriage)
	}
	c := &carriage{make(map[string]bool), make(map[string]bool), make(map[string]bool), make(map[string]naming)}
	if t != nil {
		c.read(t)
	}
	known, _ := carriages.LoadOrStore(t, c)
	return known.(*carriage)
}

func (c *carriage) read(t *mapping.Table) {
	names := make(map[string]naming)
	for _, e := range document.Dictionary(t.Kind()) {
		if of := e.Field.Rule.GetNames(); of != "" {
			cut := strings.LastIndexByte(of, '.')
			names[e.Path] = naming{of[:max(cut, 0)], of[cut+1:]}
		}
	}
	context := make(map[string]string) // of the rows inside a group, by its id
	for _, row := range t.Rows() {
		if row.Direction == "decode" {
			continue
		}
		for _, path := range []string{row.From, row.Set, row.With, row.Each} {
			c.selectors(path)
			if of, ok := names[plain(path)]; ok {
				c.names[plain(path)] = of
			}
		}
		from := plain(row.From)
		if len(row.Language) > 0 {
			c.spoken[from] = true
			from += ".value"
		}
		if from != "" && row.List == "" {
			c.prose[from] = true
		}
		if row.Set != "" {
			c.implies(row.Set, row.Const)
		}
		context[row.ID] = cmp.Or(row.Each, row.With, context[row.Inside])
		if row.Const == "" {
			continue
		}
		for _, chosen := range equality.FindAllStringSubmatch(row.When, -1) { // a constant that is chosen by a value says it
			c.implies(strings.TrimPrefix(context[row.Inside]+"."+chosen[1], "."), chosen[2])
		}
	}
}

// equality is what a condition asks of a value: that it is this one.
var equality = regexp.MustCompile(`([A-Za-z][A-Za-z0-9.]*) *== *'([^']*)'`)

func (c *carriage) implies(path, value string) { c.implied[plain(path)+"="+value] = true }

// listed is the list whose element stands at a path, if other lists of the form name its elements.
func (c *carriage) listed(at string) (naming, bool) {
	if !strings.HasSuffix(at, "]") {
		return naming{}, false
	}
	list := at[:strings.LastIndexByte(at, '[')]
	for _, named := range c.names {
		if named.list == list {
			return named, true
		}
	}
	return naming{}, false
}

// selectors notes what a path chooses elements by: [scheme=INN] tells the scheme.
func (c *carriage) selectors(path string) {
	for i := range len(path) {
		if path[i] != '[' {
			continue
		}
		inside, _, _ := strings.Cut(path[i+1:], "]")
		if field, value, ok := strings.Cut(inside, "="); ok {
			c.implies(path[:i]+"."+field, value)
		}
	}
}

type lossKey struct {
	reason           Reason
	submission, path string
}

// losses groups what is lost.
type losses struct {
	index  map[lossKey]int
	groups []Loss
}

func (g *losses) add(k lossKey, place func() LostPlace) {
	i, ok := g.index[k]
	if !ok {
		i = len(g.groups)
		g.index[k] = i
		g.groups = append(g.groups, Loss{Reason: k.reason, Submission: k.submission, Path: k.path})
	}
	l := &g.groups[i]
	if l.Count++; len(l.Places) < maxLostPlaces {
		p := place()
		if l.Places = append(l.Places, p); l.Label.IsZero() {
			if l.Label = (gateway.Place{Label: p.Place.Label}); (l.Label.Label == "" || k.reason == OwnEnvelope) && len(p.Place.Steps) > 0 {
				last := p.Place.Steps[len(p.Place.Steps)-1]
				if last.Word != "" {
					last.Key, last.Position = "", 0
				}
				l.Label = gateway.Place{Steps: []gateway.PlaceStep{last}}
			}
		}
	}
}

// of adds what is lost of one document: an element of it is lost if nothing that was read from it
// travels.
func (g *losses) of(t *Translation, l *losing) {
	type said struct {
		spot trace.Spot
		text string
	}
	read, kept := make(map[*Reading]map[string]trace.Spot), make(map[said]bool)
	spot := func(path string) (part Part, at string, spot trace.Spot) {
		part, at = l.Part, path
		if l.origin != nil {
			part, at = l.origin(path)
		}
		spots, ok := read[part.Reading]
		if !ok {
			spots = spotsOf(part.Reading)
			read[part.Reading] = spots
		}
		return part, at, spots[at]
	}
	document.Walk(l.Document, func(path string, _ document.Field, _ document.Marks, text string) {
		if l.fates[path].reason == travels {
			if _, _, spot := spot(path); spot != (trace.Spot{}) {
				kept[said{spot, text}] = true
			}
		}
	})
	document.Walk(l.Document, func(path string, field document.Field, marks document.Marks, text string) {
		f := l.fates[path]
		if f.reason == 0 || f.reason == travels || f.silent {
			return
		}
		part, at, spot := spot(path)
		if part.Table != nil && spot == (trace.Spot{}) || kept[said{spot, text}] {
			return
		}
		told := plain(path)
		if f.reason == OwnEnvelope {
			told = "envelope" // all of it is one
		}
		g.add(lossKey{f.reason, part.Submission, told}, func() LostPlace {
			value := gateway.Clip(cmp.Or(leaf(part.Document, at), text)) // a whole of several acts may have another
			if part.wrote != nil {
				value = part.wrote(at, value)
			}
			return LostPlace{
				Location: t.in(part, at), Place: document.PlaceOf(part.Document, at), Value: value, Instead: gateway.Clip(f.instead),
				Guarded: marks.Personal || marks.Price,
			}
		})
	})
}

// spotsOf are where a document says its values; those that it has by a constant of its table stand
// nowhere.
func spotsOf(r *Reading) map[string]trace.Spot {
	spots := make(map[string]trace.Spot)
	r.trace.Values(func(v trace.Value) {
		if _, ok := spots[v.Path]; v.Const || !ok {
			if v.Const {
				v.Spot = trace.Spot{}
			}
			spots[v.Path] = v.Spot
		}
	})
	return spots
}

// all are the groups, those of one reason together, in the order of the steps.
func (g *losses) all() Losses {
	slices.SortStableFunc(g.groups, func(a, b Loss) int { return cmp.Compare(rank(a.Reason), rank(b.Reason)) })
	n := min(len(g.groups), maxLosses)
	return Losses{g.groups[:n], len(g.groups) - n}
}

// rank is the order in which reasons are told: what concerns goods and vehicles first, the envelope and
// what nothing reads last.
func rank(r Reason) int {
	switch r {
	case OwnEnvelope:
		return int(travels)
	case NotRead:
		return int(travels) + 1
	}
	return int(r)
}

// wordings are the reasons in words.
var wordings = map[Reason]gateway.Wording{
	NotRead: gateway.WordLossNotRead, OwnEnvelope: gateway.WordLossOwnEnvelope, NotTaken: gateway.WordLossNotTaken, NotReported: gateway.WordLossNotReported,
	Outvoted: gateway.WordLossOutvoted, Withheld: gateway.WordLossWithheld, ReplacedByRuling: gateway.WordLossReplacedByRuling, ReplacedByRoute: gateway.WordLossReplacedByRoute, NoField: gateway.WordLossNoField,
	NotNamed: gateway.WordLossNotNamed, NotInThisCase: gateway.WordLossNotInThisCase, OtherLanguage: gateway.WordLossOtherLanguage,
	ReplacedByHeading: gateway.WordLossReplacedByHeading, Cut: gateway.WordLossCut,
}

// Text is the reason in words.
func (r Reason) Text() gateway.Phrase { return gateway.Say(wordings[r]) }

// Reasons are all of them.
func Reasons() []Reason { return slices.Sorted(maps.Keys(wordings)) }

// Losses says what of the documents of a submission's message does not travel: the translation is
// made again from what is stored, and refused if other bytes come out than those that were sent. Of
// what is no message yet it is what nothing reads.
func (g *Gateway) Losses(ctx context.Context, c Caller, s store.Submission) (Losses, error) {
	if s.MessageID != "" && s.State != gateway.Held { // an act that waits has made none yet
		messages, err := g.became(ctx, s)
		if err != nil {
			return Losses{}, err
		}
		t, room, err := g.translateAgain(ctx, messages, s.ID, func(size int) (*budget.Lease, error) { return g.room(ctx, c.URI, size) })
		if err != nil {
			return Losses{}, err
		}
		defer room.Release()
		return t.Losses(), nil
	}
	if s.State != gateway.Held {
		return Losses{}, nil
	}
	a, err := g.Store.Read().Arrival(ctx, store.DoorSubmit, s.Office, s.ID)
	if err != nil {
		return Losses{}, err
	}
	room, err := g.room(ctx, c.URI, len(a.Content))
	if err != nil {
		return Losses{}, err
	}
	defer room.Release()
	p, err := g.part(ctx, s, a)
	if err != nil {
		return Losses{}, err
	}
	return (&Translation{parts: []Part{p}, judged: s.ID}).Losses(), nil
}

// Report renders what does not travel in a language of the catalogue. Mark stands for what
// is guarded; without one that is shown too.
func (l Losses) Report(lang, mark string) []gateway.LossReport {
	out := make([]gateway.LossReport, len(l.Of))
	for i, of := range l.Of {
		out[i] = gateway.LossReport{
			Reason: of.Reason.String(), Text: of.Reason.Text().In(lang), Document: of.Submission, Path: of.Path, Label: of.Label.In(lang), Count: of.Count,
		}
		for _, p := range of.Places {
			if p.Guarded && mark != "" {
				p.Place = p.Place.Without(mark)
				for _, text := range []*string{&p.Value, &p.Instead} {
					if *text != "" {
						*text = mark
					}
				}
			}
			out[i].Places = append(out[i].Places, gateway.LostPlace{
				Location: p.Location.Expr, Namespaces: p.Location.Namespaces, Line: p.Location.Line, Place: p.Place.In(lang), Value: p.Value, Instead: p.Instead,
			})
		}
	}
	return out
}

// String is the reason's name, as the API has it.
func (r Reason) String() string {
	return strings.ToUpper(strings.TrimPrefix(string(wordings[r]), "loss_"))
}
