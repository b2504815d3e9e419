package flow

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/budget"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/store"
)

// Provenance of a value in a message.
const (
	FromDocument = "document" // a sender's document
	FromRoute    = "route"    // supplied by the route
	FromGateway  = "gateway"  // allocated by the gateway: the message id, the number of a part
	FromTable    = "constant" // written by the table
)

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
	var origins []Origin
	for _, link := range out.trace.Links(false) {
		o := Origin{
			Target: link.Place.Expr, Namespaces: link.Place.Namespaces, Value: link.Value,
			Row: link.Row, Mapping: link.Table, Path: link.Path, ListRow: link.ListRow, Provenance: FromTable, Part: out.part,
		}
		if link.Path != "" && !link.Const {
			out.originOf(&o, supplied)
		}
		origins = append(origins, o)
	}
	return origins
}

func (out *Output) originOf(o *Origin, supplied map[string]string) {
	for path := o.Path; path != ""; path = parentPath(path) {
		if note, ok := supplied[path]; ok {
			o.Provenance, o.Note = FromRoute, note
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
func (r *Reading) Trace() mapping.Trace { return r.trace }

// Locate finds the place in the document that a canonical value came from.
func (r *Reading) Locate(path string) gateway.Location { return r.locate(path) }

// Explain translates a submission's sources again and returns the whole that it became
// and the origin of every value of its messages. It refuses if other bytes come out than
// those that were sent.
func (g *Gateway) Explain(ctx context.Context, c Caller, id gateway.SubmissionID) (gateway.MessageID, []Origin, error) {
	s, err := g.Store.Read().Submission(ctx, c.Office, string(id))
	if err != nil {
		return "", nil, err
	}
	if s.MessageID == "" {
		return "", nil, gateway.Faults{wanting(gateway.KindUnexpected, string(s.State), gateway.WordSubmissionThatBecameMessage)}
	}
	messages, err := g.Store.Read().Messages(ctx, s.MessageID)
	if err != nil {
		return "", nil, err
	}
	messages = slices.DeleteFunc(messages, func(m store.Message) bool {
		return m.Version != s.Version || m.Kind == kindCancellation && s.Kind != kindCancellation
	})
	if len(messages) == 0 {
		return "", nil, gateway.Faults{wanting(gateway.KindUnexpected, string(s.State), gateway.WordSubmissionThatBecameMessage)}
	}
	t, room, err := g.translateAgain(ctx, messages, s.ID, func(size int) (*budget.Lease, error) {
		return g.room(ctx, c.URI, size)
	})
	if err != nil {
		return "", nil, err
	}
	defer room.Release()
	return messages[0].ID, t.Explain(), nil
}

// translateAgain repeats the translation of messages of one version of a whole, all of one
// kind, from their stored sources, by the split that made them; the named submission is its
// first part. It takes room for that, which the caller gives back when it needs the translation
// no more.
func (g *Gateway) translateAgain(ctx context.Context, messages []store.Message, first string, take func(size int) (*budget.Lease, error)) (_ *Translation, _ *budget.Lease, err error) {
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
	for i, m := range messages {
		if len(t.Outputs) != len(messages) || t.Outputs[i].Encoded.IsZero() || t.Outputs[i].Encoded.Digest() != m.PayloadDigest {
			return nil, nil, gateway.Faults{fault(gateway.TraceDiffers, string(m.ID), m.PayloadDigest.String())}
		}
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
	scope.At = m.Created
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
	var err error
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
			all.parts, all.whole = t.parts, t.whole
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
				markAs(d, replaced[m.ID], document.Parse(m.Canonical).Document.GetPreArrivalNotice().GetChanges())
			}
		}
	}, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
