package flow

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

// DutyFiling is the duty of a document that a carrier files itself. It announces nothing, and closes no
// announcement; and what an administration tells another closes no filing.
const DutyFiling = release.Filing

// filed is a filing that stays with its administration, as it is attached to its movement.
type filed struct {
	document *customsv1.Document
	changes  *store.Submission // the filing whose place it takes, or that it takes back
}

// judgeFiling judges a carrier's filing by the route of filings that takes it, if that route leads to its own
// administration: nothing of it is sent. It reports whether it has judged it.
func (g *Gateway) judgeFiling(ctx context.Context, j *judgement, reading *Reading, a store.Arrival, plan Plan) (done bool, err error) {
	s, doc := &j.submission, reading.Document
	refuse := func(f gateway.Fault) {
		f.Location, f.Place = reading.locate(f.Path), document.PlaceOf(doc, f.Path)
		s.Faults = append(s.Faults, f)
	}
	if reading.Kind != kindCancellation && !hasAny(doc, "carrier") && !(leaf(doc, "declarantIsCarrier") == "true" && hasAny(doc, "declarant")) {
		f := fault(gateway.FilingCarrier, "", "carrier")
		f.Path = "carrier"
		refuse(f)
	}
	if plan.Route != nil && !plan.Route.Stays() {
		return false, nil
	}
	before, unfit, err := g.filedBefore(ctx, reading, a)
	if err != nil {
		return false, err
	}
	if unfit != nil {
		refuse(*unfit)
	}
	if s.Faults.Refuse() || reading.passed.IsZero() {
		return true, nil
	}
	rt := plan.Route
	if rt == nil { // a cancellation goes the way of what it takes back
		if rt, _ = g.Chain.Routes.Route(before.Route); rt == nil {
			refuse(fault(gateway.RouteNone, reading.Kind, before.Route))
			return true, nil
		}
	} else {
		released, faults := rt.Release(reading.passed)
		if s.Faults = append(s.Faults, inOwnWords(placed(faults, reading), reading.wrote)...); released.IsZero() {
			return true, nil
		}
		doc = released.Document()
	}
	if before != nil {
		doc = changing(doc, before.DocumentID)
	}
	s.State, s.Route, s.Canonical = gateway.Done, rt.Name, document.Marshal(doc)
	j.filed, j.route = &filed{doc, before}, rt
	return true, nil
}

// placed gives faults their places in the document as it was read.
func placed(faults gateway.Faults, r *Reading) gateway.Faults {
	for i := range faults {
		if f := &faults[i]; f.Location.Expr == "" {
			f.Location, f.Place = r.locate(f.Path), document.PlaceOf(r.Document, f.Path)
		}
	}
	return faults
}

// hasAny reports whether a document says anything at a path of its kind.
func hasAny(d *customsv1.Document, path string) bool {
	p, err := document.CompileFor(document.Kind(d), path)
	return err == nil && p.Has(document.Of(d))
}

// filedBefore is the filing of the same office that a filing changes or takes back, by the id that it
// names; nil if it is new. A fault says that there is none, or that so much was changed that no more is.
func (g *Gateway) filedBefore(ctx context.Context, r *Reading, a store.Arrival) (*store.Submission, *gateway.Fault, error) {
	names, path := changed(r.Document), "envelope.references"
	if id := leaf(r.Document, subjectID); id != "" && r.Kind == kindCancellation {
		names, path = append(names, id), subjectID
	}
	if a.Asks.Amends != "" {
		names, path = append(names, a.Asks.Amends), "amends"
	}
	if len(names) == 0 {
		if actOf(r.Document, a.Asks) == adds {
			return nil, nil, nil
		}
		names = []string{r.Document.GetEnvelope().GetDocumentId()} // it comes again, under the id that it had
	}
	for _, name := range names[:min(len(names), maxChanged)] {
		s, err := g.Store.Read().Submission(ctx, a.Party, name)
		if store.IgnoreNotFound(err) != nil {
			return nil, nil, err
		}
		if err == nil && !gateway.SameID(s.ID, a.ID) && g.isFiling(s) {
			m, err := g.FilingMovement(ctx, g.Store.Read(), s)
			if err != nil {
				return nil, nil, err
			}
			if m != nil && slices.ContainsFunc(m.CountingFilings(), func(r reconcile.Record) bool { return r.Message == filingID(s) }) {
				if n := m.FilingChanges(); n >= MaxTold && r.Kind != kindCancellation && actOf(r.Document, a.Asks) != takesOut {
					f := fault(gateway.AmendTooOften, strconv.Itoa(n), strconv.Itoa(MaxTold))
					f.Path = path
					return nil, &f, nil
				}
				return &s, nil, nil
			}
		}
	}
	f := fault(gateway.FilingUnknown, names[0], "")
	f.Path = path
	return nil, &f, nil
}

// Files reports whether the documents of a route are carriers' filings.
func (g *Gateway) Files(route string) bool {
	rt, ok := g.Chain.Routes.Route(route)
	return ok && dutyOf(rt) == DutyFiling
}

// isFiling reports whether a submission is a filing that stays here.
func (g *Gateway) isFiling(s store.Submission) bool {
	rt, ok := g.Chain.Routes.Route(s.Route)
	return ok && rt.Stays() && rt.To == g.Own && s.State == gateway.Done
}

// filingID is the message under which a filing stands in its movement: its record.
func filingID(s store.Submission) gateway.MessageID {
	return gateway.MessageID(store.DoorSubmit + "/" + s.Office + "/" + s.ID)
}

// FilingMovement is the movement that a filing is in, by what it can be found by; nil if it is in none.
func (g *Gateway) FilingMovement(ctx context.Context, read movementReader, s store.Submission) (*Movement, error) {
	doc := document.Parse(s.Canonical).Document
	if doc == nil || !g.isFiling(s) {
		return nil, nil
	}
	from := g.filingOrigin(s, doc)
	candidates, err := g.candidates(ctx, read, doc, from, at(from), Window)
	if err != nil {
		return nil, err
	}
	for _, c := range candidates {
		if c.Has(from.Message, from.Sender) {
			return &c, nil
		}
	}
	return nil, nil
}

func (g *Gateway) filingOrigin(s store.Submission, doc *customsv1.Document) reconcile.Origin {
	from := reconcile.Origin{Message: filingID(s), Sender: g.Own, Batch: leaf(doc, "batch"), Received: s.Received, Filing: true}
	if expected, ok := meant(doc, leaf(doc, "expectedArrival")); ok {
		from.Expected = expected
	}
	return from
}

// recordFiling attaches a filing to the movement that it tells of: that of the one it changes, or the one that
// it matches; or opens one, which announces nothing.
func (g *Gateway) recordFiling(ctx context.Context, tx *store.Tx, j *judgement) error {
	from := g.filingOrigin(j.submission, j.filed.document)
	if of := j.filed.changes; of != nil {
		m, err := g.FilingMovement(ctx, tx, *of)
		if err != nil {
			return err
		}
		if m != nil {
			if m.Movement, err = reconcile.Attach(m.Movement, j.filed.document, from, g.Tolerances); err != nil {
				return err
			}
			return g.keep(tx, *m)
		}
	}
	_, _, err := g.follow(ctx, tx, j.filed.document, from, teller{office: j.submission.Office})
	return err
}

// FiledBy is the office and the submission of a filing that was handed in here; false for one that a partner
// has sent.
func FiledBy(r reconcile.Record) (office, id string, ok bool) {
	parts := strings.SplitN(string(r.Message), "/", 3)
	if len(parts) < 3 || parts[0] != store.DoorSubmit {
		return "", "", false
	}
	return parts[1], parts[2], true
}
