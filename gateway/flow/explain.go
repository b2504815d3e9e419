package flow

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/budget"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

// Provenance of a value in a message.
const (
	FromDocument = "document" // a sender's document
	FromRoute    = "route"    // supplied by the route
	FromGateway  = "gateway"  // allocated by the gateway: the message id, the number of a part
	FromTable    = "constant" // written by the table
	FromRequest  = "request"  // said beside the sender's document
	FromApprover = "approver" // ruled to travel in the place of a text in which a price was found
)

// Explanation says where the values of messages came from, or what those of a received document
// were read as.
type Explanation struct {
	Message gateway.MessageID `json:"message,omitempty"` // of several, the first
	Origins []Origin          `json:"origins"`
	Unread  []Unread          `json:"unread,omitempty"`
}

// Unread is an element or attribute of a sender's document that no row reads.
type Unread struct {
	Place      string            `json:"place"`
	Submission string            `json:"submission,omitempty"` // of the document; empty for one that was received
	Namespaces map[string]string `json:"namespaces,omitempty"` // of Place
}

// At is what an explanation says of the places that a pattern names.
func (e Explanation) At(p analysis.Pattern) Explanation {
	e.Origins = slices.DeleteFunc(slices.Clone(e.Origins), func(o Origin) bool { return !p.Match(o.Target) })
	e.Unread = slices.DeleteFunc(slices.Clone(e.Unread), func(u Unread) bool { return !p.Match(u.Place) })
	return e
}

// Masked puts a mark in the place of data of persons and prices, and of what the dictionary
// does not know.
func (e Explanation) Masked(mark string) Explanation {
	e.Origins = slices.Clone(e.Origins)
	for i := range e.Origins {
		if o := &e.Origins[i]; !o.open {
			for _, text := range []*string{&o.Value, &o.SourceValue, &o.ListRow} {
				if *text != "" {
					*text = mark
				}
			}
		}
	}
	return e
}

// openPaths are the paths of a document at which no data of persons and no price stand: of each
// place, and without positions from some step on, as what is counted or summed is named.
func openPaths(d *customsv1.Document, declared document.Declared) map[string]bool {
	open := make(map[string]bool)
	note := func(path string, shown bool) {
		for ; path != ""; path = parentPath(path) { // a message is as open as all that is in it
			if known, ok := open[path]; ok && (known == shown || !known) {
				return
			}
			open[path] = shown
		}
	}
	document.WalkDeclared(d, declared, func(path string, _ document.Field, marks document.Marks, _ string) {
		shown := !marks.Personal && !marks.Price
		note(path, shown)
		for i := range path {
			if path[i] == '[' {
				note(path[:i]+positions.ReplaceAllString(path[i:], ""), shown)
			}
		}
	})
	return open
}

var positions = regexp.MustCompile(`\[\d+\]`)

// Origin says where one value of a message came from.
type Origin struct {
	Target           string            `json:"target"` // place in the output
	Value            string            `json:"value"`
	Row              string            `json:"row"`
	Mapping          string            `json:"mapping"`
	Path             string            `json:"path,omitempty"` // canonical
	Provenance       string            `json:"provenance"`
	Source           string            `json:"source,omitempty"` // place in the sender's document
	SourceSubmission string            `json:"sourceSubmission,omitempty"`
	SourceValue      string            `json:"sourceValue,omitempty"`
	SourceRow        string            `json:"sourceRow,omitempty"` // row and table that read it
	ListRow          string            `json:"listRow,omitempty"`
	Note             string            `json:"note,omitempty"`
	Namespaces       map[string]string `json:"namespaces,omitempty"` // of Target
	Part             int               `json:"part,omitempty"`       // which of several messages has it, from 1

	open bool // it is no data of a person and no price
}

// Explain returns the origin of every value of every message, in order.
func (t *Translation) Explain() []Origin {
	var out []Origin
	for _, o := range t.Outputs {
		out = append(out, o.Explain()...)
	}
	return out
}

// Explain returns the origin of every value of the message, in its order.
func (out *Output) Explain() []Origin {
	supplied := make(map[string]string) // canonical path -> route row and source
	for _, s := range out.Released.Supplied() {
		supplied[s.Path] = s.Row + ": " + s.Source + " (" + s.Status + ")"
	}
	return originsOf(out.trace, out.document, out.table, func(o *Origin) {
		o.Part = out.part
		if o.Provenance == FromDocument {
			out.originOf(o, supplied)
		}
	})
}

// originsOf are the origins of the values that a table wrote of a document, or read into it.
// What is more known of each the last argument adds.
func originsOf(traced trace.Trace, d *customsv1.Document, table *mapping.Table, add func(*Origin)) (origins []Origin) {
	open := openPaths(d, table.Extensions().Marks)
	for _, link := range traced.Links(false) {
		o := Origin{
			Target: link.Place.Expr, Namespaces: link.Place.Namespaces, Value: link.Value, Row: link.Row, Mapping: link.Table,
			Path: link.Path, ListRow: link.ListRow, Provenance: FromTable, open: true,
		}
		if link.Path != "" && !link.Const {
			o.Provenance, o.open = FromDocument, open[link.Path]
		}
		add(&o)
		origins = append(origins, o)
	}
	return origins
}

// Explain returns what every value of a document in XML was read as, and what was not read.
func (r *Reading) Explain() Explanation {
	return Explanation{Origins: originsOf(r.trace, r.Document, r.Table, func(*Origin) {}), Unread: r.unreadIn("")}
}

// ExplainEncoding says what of a canonical document a table writes where.
func ExplainEncoding(t *mapping.Table, p *document.Parsed) (Explanation, gateway.Faults) {
	_, trace, faults := t.Encode(p.Document, true)
	return Explanation{Origins: originsOf(trace, p.Document, t, func(o *Origin) {
		if o.Provenance == FromDocument {
			o.Source = p.Locate(o.Path).Expr
		}
	})}, mapping.Locate(faults, p.Locate)
}

func (r *Reading) unreadIn(submission string) (out []Unread) {
	for _, u := range r.Unread {
		out = append(out, Unread{u.Expr, submission, u.Namespaces})
	}
	return out
}

// Explanation is the whole of it, with what no row reads in the senders' documents.
func (t *Translation) Explanation() Explanation {
	e := Explanation{Origins: t.Explain()}
	for _, p := range t.parts {
		e.Unread = append(e.Unread, p.unreadIn(p.Submission)...)
	}
	return e
}

func (out *Output) originOf(o *Origin, supplied map[string]string) {
	for path := o.Path; path != ""; path = parentPath(path) {
		if note, ok := supplied[path]; ok {
			if o.Provenance, o.Note = FromRoute, note; strings.HasPrefix(note, release.ByApprover+": ") {
				o.Provenance, o.Note = FromApprover, strings.TrimPrefix(note, release.ByApprover+": ")
			}
			return
		}
	}
	if out.made != nil && out.made(o.Path) {
		o.Provenance, o.Note = FromGateway, out.split
		return
	}
	part, path, ok := out.of.partOf(out.whole(o.Path))
	if !ok {
		o.Provenance = FromGateway
		return
	}
	if strings.HasSuffix(positions.ReplaceAllString(path, ""), ".changeReasons") && leaf(part.Document, path) == "" {
		o.Provenance = FromRequest
		return
	}
	o.Provenance, o.SourceSubmission = FromDocument, part.Submission
	place := part.locate(path)
	o.Source = place.Expr
	if link, ok := part.trace.ByPath(path); ok {
		o.SourceValue, o.SourceRow = link.Value, link.Table+" "+link.Row
		o.ListRow = strings.Join(slices.DeleteFunc([]string{link.ListRow, o.ListRow}, func(s string) bool { return s == "" }), ", ")
	}
}

// parentPath cuts the last step off an instance path.
func parentPath(path string) string {
	i := strings.LastIndexAny(path, ".[")
	return path[:max(i, 0)]
}

// Trace says what the table read where; it is empty for canonical JSON.
func (r *Reading) Trace() trace.Trace { return r.trace }

// Locate finds the place in the document that a canonical value came from.
func (r *Reading) Locate(path string) gateway.Location { return r.locate(path) }

// Explain translates a submission's sources again and explains the messages of the whole that it
// became. It refuses if other bytes come out than those that were sent.
func (g *Gateway) Explain(ctx context.Context, c Caller, id gateway.SubmissionID) (Explanation, error) {
	s, err := g.Store.Read().Submission(ctx, c.Office, string(id))
	if err != nil {
		return Explanation{}, err
	}
	messages, err := g.became(ctx, s)
	if second, other := g.Second(ctx, s); err != nil && second != nil && other == nil { // with it alone it became one
		messages, err = g.became(ctx, *second)
	}
	if err != nil {
		return Explanation{}, err
	}
	return g.explain(ctx, c, messages, s.ID, "")
}

// became are the messages of the version of a whole that a submission made.
func (g *Gateway) became(ctx context.Context, s store.Submission) (messages []store.Message, err error) {
	if s.MessageID != "" {
		if messages, err = g.Store.Read().Messages(ctx, s.MessageID); err != nil {
			return nil, err
		}
		messages = slices.DeleteFunc(messages, func(m store.Message) bool {
			return m.Version != s.Version || m.Kind == kindCancellation && s.Kind != kindCancellation
		})
	}
	if len(messages) == 0 {
		return nil, gateway.Faults{wanting(gateway.KindUnexpected, string(s.State), gateway.WordSubmissionThatBecameMessage)}
	}
	return messages, nil
}

// explain explains messages of one version of a whole, or one of them.
func (g *Gateway) explain(ctx context.Context, c Caller, messages []store.Message, first string, one gateway.MessageID) (Explanation, error) {
	messages = slots(messages, one)
	t, room, err := g.translateAgain(ctx, messages, first, func(size int) (*budget.Lease, error) {
		return g.room(ctx, c.URI, size)
	})
	if err != nil {
		return Explanation{}, err
	}
	defer room.Release()
	e := t.Explanation()
	e.Message = messages[0].ID
	if i := slices.IndexFunc(messages, func(m store.Message) bool { return m.ID == one }); i >= 0 {
		e.Message, e.Origins = one, t.Outputs[i].Explain()
	}
	return e, nil
}

// SentMessage is a message that a submission became, with its document, and the receipts that are kept of
// it; which of several, has to be said.
func (g *Gateway) SentMessage(ctx context.Context, office string, id gateway.SubmissionID, message gateway.MessageID) (store.Message, []store.Receipt, error) {
	both, err := addressees(ctx, g.Store.Read(), office, string(id))
	if err != nil {
		return store.Message{}, nil, err
	}
	var messages []store.Message
	var none error
	for _, s := range both {
		became, err := g.became(ctx, s)
		if errors.As(err, new(gateway.Faults)) {
			none = cmp.Or(none, err)
		} else if err != nil {
			return store.Message{}, nil, err
		}
		messages = append(messages, became...)
	}
	if len(messages) == 0 {
		return store.Message{}, nil, none
	}
	if message == "" {
		messages = slots(messages, "")
	}
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = string(m.ID)
	}
	at := 0
	switch {
	case message != "":
		at = slices.IndexFunc(ids, func(id string) bool { return gateway.SameID(id, message) })
	case len(ids) > 1:
		return store.Message{}, nil, gateway.Faults{fault(gateway.MessageOfSeveral, string(id), strings.Join(ids, ", "))}
	}
	if at < 0 {
		return store.Message{}, nil, store.ErrNotFound
	}
	receipts, err := g.Store.Read().Receipts(ctx, messages[at].ID)
	if err != nil {
		return store.Message{}, nil, err
	}
	m, err := g.Store.Read().Message(ctx, messages[at].ID)
	if err == nil && m.Erased {
		err = refuseErased(ctx, g.Store.Read(), store.DoorOut, string(m.Recipient), string(m.ID))
	}
	return m, receipts, err
}

// ExplainReceived says what the values of an accepted message from a partner were read as.
func (g *Gateway) ExplainReceived(ctx context.Context, c Caller, sender gateway.Administration, id gateway.MessageID) (Explanation, error) {
	in, err := g.inbound(ctx, sender, id)
	if err != nil {
		return Explanation{}, err
	}
	return g.explainReceived(ctx, c, in)
}

// ExplainMessage explains any message, sent or received, whatever became of it.
func (g *Gateway) ExplainMessage(ctx context.Context, c Caller, sender gateway.Administration, id gateway.MessageID) (Explanation, error) {
	var senders []string
	m, err := g.Store.Read().Message(ctx, id)
	if store.IgnoreNotFound(err) != nil {
		return Explanation{}, err
	}
	if err == nil && (sender == "" || sender == g.Own) {
		senders = append(senders, string(g.Own))
	}
	received, err := g.Store.Read().InboundsByID(ctx, id)
	if err != nil {
		return Explanation{}, err
	}
	received = slices.DeleteFunc(received, func(in store.Inbound) bool { return sender != "" && in.Sender != sender })
	for _, in := range received {
		senders = append(senders, string(in.Sender))
	}
	switch {
	case len(senders) == 0:
		return Explanation{}, store.ErrNotFound
	case len(senders) > 1:
		return Explanation{}, gateway.Faults{fault(gateway.IDOfSeveral, string(id), strings.Join(senders, ", "))}
	case len(received) == 1:
		return g.explainReceived(ctx, c, received[0])
	}
	messages, err := g.Store.Read().Messages(ctx, m.Whole)
	if err != nil {
		return Explanation{}, err
	}
	messages = slices.DeleteFunc(messages, func(o store.Message) bool { return o.Version != m.Version || o.Kind != m.Kind })
	return g.explain(ctx, c, messages, "", m.ID)
}

// explainReceived reads a message from a partner again, by the table that read it first. It
// refuses if it reads another document now.
func (g *Gateway) explainReceived(ctx context.Context, c Caller, in store.Inbound) (Explanation, error) {
	table, ok := g.Chain.Tables.Table(in.Mapping)
	if !ok {
		return Explanation{}, gateway.Faults{fault(gateway.TableMissing, cmp.Or(in.Mapping, in.Kind), string(in.ID))}
	}
	a, err := g.Store.Read().Arrival(ctx, store.DoorPeer, string(in.Sender), string(in.ID))
	if err != nil {
		return Explanation{}, err
	}
	if a.Erased {
		return Explanation{}, refuseErased(ctx, g.Store.Read(), a.Door, a.Party, a.ID)
	}
	room, err := g.room(ctx, c.URI, len(a.Content))
	if err != nil {
		return Explanation{}, err
	}
	defer room.Release()
	r, err := g.Chain.ReadAs(ctx, a.Content, table)
	if err != nil {
		return Explanation{}, err
	}
	if r.Document == nil || !in.CanonicalDigest.IsZero() && document.Digest(r.Document) != in.CanonicalDigest {
		return Explanation{}, gateway.Faults{fault(gateway.ReadAgainDiffers, string(in.ID), in.CanonicalDigest.String())}
	}
	e := r.Explain()
	e.Message = in.ID
	return e, nil
}

// translateAgain repeats the translation of messages of one version of a whole, all of one
// kind, from their stored sources, by the split that made them; the named submission is its
// first part. It takes room for that, which the caller gives back when it needs the translation
// no more.
func (g *Gateway) translateAgain(ctx context.Context, messages []store.Message, first string, take func(size int) (*budget.Lease, error)) (*Translation, *budget.Lease, error) {
	t, room, err := g.remake(ctx, messages, first, take)
	if err != nil {
		return nil, nil, err
	}
	for i, m := range messages {
		if len(t.Outputs) != len(messages) || t.Outputs[i].Encoded.IsZero() || t.Outputs[i].Encoded.Digest() != m.PayloadDigest {
			room.Release()
			return nil, nil, gateway.Faults{fault(gateway.TraceDiffers, string(m.ID), m.PayloadDigest.String())}
		}
	}
	return t, room, nil
}

// remake repeats the translation that made messages, with the routes and tables as they are now, whatever
// comes of it.
func (g *Gateway) remake(ctx context.Context, messages []store.Message, first string, take func(size int) (*budget.Lease, error)) (_ *Translation, _ *budget.Lease, err error) {
	read, m := g.Store.Read(), messages[0]
	rt, ok := g.Chain.Routes.Route(m.Route)
	if !ok {
		return nil, nil, gateway.Faults{fault(gateway.RouteNone, m.Kind, m.Route)}
	}
	plan := Plan{Route: rt}
	if rt.Recipe != "" {
		plan.Join, _ = g.Chain.Tables.Join(rt.Recipe)
	}
	plan.Split, _ = g.Chain.Tables.Split(m.Split)
	of, err := openWhole(ctx, read, m.Whole)
	if err != nil {
		return nil, nil, err
	}
	void := of.void(m.Version, m.Created)
	sources := slices.DeleteFunc(of.sources, func(s store.Submission) bool { return s.Version == 0 || s.Version > m.Version || void[s.Version] })
	slices.SortStableFunc(sources, func(a, b store.Submission) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), a.Received.Compare(b.Received), cmp.Compare(a.ID, b.ID))
	})
	size, arrivals := 0, make([]store.Arrival, len(sources))
	for i, s := range sources {
		if arrivals[i], err = read.Arrival(ctx, store.DoorSubmit, s.Office, s.ID); err != nil {
			return nil, nil, err
		}
		if a := arrivals[i]; a.Erased {
			return nil, nil, refuseErased(ctx, g.Store.Read(), a.Door, a.Party, a.ID)
		}
		size += len(arrivals[i].Content)
	}
	room, err := take(size)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			room.Release()
		}
	}()
	steps := make([]step, len(sources))
	for i, s := range sources {
		p, err := g.part(ctx, s, arrivals[i])
		if err != nil {
			return nil, nil, err
		}
		steps[i] = step{Part: p, does: actOf(p.Document, arrivals[i].Asks), asks: arrivals[i].Asks, taken: true}
		if p.Kind == kindCancellation {
			steps[i].does = adds
		}
	}
	if len(steps) == 0 {
		return nil, nil, gateway.Faults{fault(gateway.TraceDiffers, string(m.ID), m.PayloadDigest.String())}
	}
	t, err := g.translateSteps(ctx, plan, of, messages, steps, sources, first)
	if err != nil {
		return nil, nil, err
	}
	return t, room, nil
}

// translateSteps repeats what the last act, or the first ones together, were translated to: as the
// partner had taken or refused earlier acts when the messages were made.
func (g *Gateway) translateSteps(ctx context.Context, plan Plan, of open, messages []store.Message, steps []step, sources []store.Submission, first string) (*Translation, error) {
	m := messages[0]
	if m.Kind == kindCancellation {
		last := steps[len(steps)-1]
		if last.Kind != kindCancellation {
			last.Reading = last.asCancellation()
		}
		return g.takeBackAgain(ctx, plan.Route, messages, last.Part)
	}
	scope := g.scope(plan.Route.To)
	scope.At, plan.Rulings = m.Created, rulingsOf(steps)
	var err error
	if plan.Number, err = g.numberAgain(ctx, plan.Route, messages); err != nil {
		return nil, err
	}
	translate := func(steps []step, id gateway.MessageID) (*Translation, error) {
		parts := stand(steps).parts
		if len(parts) == 0 {
			return nil, gateway.Faults{fault(gateway.TraceDiffers, string(m.ID), m.PayloadDigest.String())}
		}
		slices.SortStableFunc(parts, func(a, b Part) int { return cmp.Compare(b2i(b.Submission == first), b2i(a.Submission == first)) })
		return g.Chain.Translate(ctx, plan, parts, id, scope)
	}
	if m.Version == 1 {
		return translate(steps, m.Whole)
	}
	if plan.Mark, err = g.markAgain(ctx, messages); err != nil {
		return nil, err
	}
	act := sources[len(sources)-1]
	base := versionBase(g.Own, m.Whole, act.Office, act.ID)
	void := of.void(m.Version, m.Created)
	all, made, done := new(Translation), make(map[string]*Output), make(map[gateway.MessageID]bool)
	for _, m := range messages {
		document := gateway.FoldID(m.DocumentID)
		if made[document] == nil {
			var without []int
			for _, l := range of.lineages {
				if slices.ContainsFunc(l.all, func(o store.Message) bool { return o.ID == m.ID }) {
					without = l.without(void, m.Version, m.Created)
				}
			}
			id := composedAs(base, without)
			if done[id] {
				continue
			}
			done[id] = true
			t, err := translate(withoutActs(steps, sources, without), id)
			if err != nil {
				return nil, err
			}
			for _, o := range t.Outputs {
				made[gateway.FoldID(o.document.GetEnvelope().GetDocumentId())] = o
			}
			all.parts, all.whole, all.sets = t.parts, t.whole, append(all.sets, t.sets...)
		}
		if o := made[document]; o != nil {
			all.Outputs = append(all.Outputs, o)
		}
	}
	return all, nil
}

// markAgain marks documents as those of messages were, by what these took the place of.
func (g *Gateway) markAgain(ctx context.Context, messages []store.Message) (func([]*customsv1.Document), error) {
	of, replaced := make(map[string]store.Message, len(messages)), make(map[gateway.MessageID]string)
	for _, m := range messages {
		full, err := g.Store.Read().Message(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		of[gateway.FoldID(m.DocumentID)] = full
		if m.Replaces != "" {
			before, err := g.Store.Read().Message(ctx, m.Replaces)
			if err != nil {
				return nil, err
			}
			replaced[m.ID] = before.DocumentID
		}
	}
	return func(parts []*customsv1.Document) {
		for _, d := range parts {
			if m, ok := of[gateway.FoldID(d.GetEnvelope().GetDocumentId())]; ok && m.Replaces != "" {
				sent := document.Parse(m.Canonical).Document
				markAs(d, replaced[m.ID], sent.GetPreArrivalNotice().GetChanges())
				giveReasons(d, reasonsIn(sent))
			}
		}
	}, nil
}

// reasonsIn are the reasons that a document gives, by the keys of its waybills.
func reasonsIn(d *customsv1.Document) map[string]string {
	why := make(map[string]string)
	for _, c := range consignmentsOf(d) {
		if len(c.ChangeReasons) > 0 {
			why[gateway.FoldID(c.GetTransportDocument().GetId())] = c.ChangeReasons[0]
		}
	}
	return why
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
