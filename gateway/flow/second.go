package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

// A document may have a second addressee: the route that it takes names the one by which it goes there.
// What it is to the second stands in the store beside what it is to the first, as a submission of the
// same bytes under an id of its own, with its own route, message, answers, changes and cancellation: one
// may be accepted and the other refused. Both are judged together and written in one unit of work, all
// or none: what one of the two routes refuses is announced to neither. Only where an act finds nothing
// with one addressee that it could act on, while it does with the other, it is done for the other alone.
// What a person decides on it is decided once, for both.

// second is what a submission comes to for its second addressee.
type second struct {
	*judgement
	arrival store.Arrival
	known   bool // it was judged before
}

// errAgain says that what a judgement for two addressees was decided from is so no more.
var errAgain = errors.New("to be judged again")

// secondID is the id under which stands what a submission is to its second addressee.
func secondID(office, id string) string {
	return gateway.DerivedID("second addressee", office, gateway.FoldID(id))
}

// namedTo is the id under which stands, with the addressee of an arrival, what its sender calls by an id.
func namedTo(a store.Arrival, id string) string {
	if a.SecondOf == "" {
		return id
	}
	return secondID(a.Party, id)
}

// named is the id under which stands, with the plan's addressee, what an office calls by an id.
func (p Plan) named(office, id string) string {
	if !p.second {
		return id
	}
	return secondID(office, id)
}

// submissionReader is what is committed, or seen inside a unit of work.
type submissionReader interface {
	Submission(ctx context.Context, office, id string) (store.Submission, error)
}

// addressees are a submission as it is to its first addressee and, where there is one, to its second.
func addressees(ctx context.Context, read submissionReader, office, id string) ([]store.Submission, error) {
	s, err := read.Submission(ctx, office, id)
	if err != nil {
		return nil, err
	}
	both := []store.Submission{s}
	if s.SecondOf != "" {
		return both, nil
	}
	o, err := read.Submission(ctx, office, secondID(office, s.ID))
	if err == nil {
		both = append(both, o)
	}
	return both, store.IgnoreNotFound(err)
}

// waitingOf is a submission, and as what of its two addressees' it waits for something.
func waitingOf(ctx context.Context, read submissionReader, office, id, what string) (s store.Submission, waits []store.Submission, err error) {
	both, err := addressees(ctx, read, office, id)
	if err != nil {
		return s, nil, err
	}
	return both[0], slices.DeleteFunc(slices.Clone(both), func(s store.Submission) bool {
		return s.State != gateway.Held || !slices.Contains(s.WaitsFor, what)
	}), nil
}

// judgeWaiting judges what was decided on: the first of what waited for it, with which the second is
// judged, and returns the submission as its office knows it.
func (g *Gateway) judgeWaiting(ctx context.Context, office, id string, waits []store.Submission) (store.Submission, error) {
	read := g.Store.Read()
	a, err := read.Arrival(ctx, store.DoorSubmit, office, waits[0].ID)
	if err != nil {
		return store.Submission{}, err
	}
	if a, err = g.awaited(ctx, a); err != nil {
		return store.Submission{}, err
	}
	if !a.Judged {
		if _, err := judged(ctx, g, a, g.judgeSubmission); err != nil {
			return store.Submission{}, err
		}
	}
	return read.Submission(ctx, office, id)
}

// Addressee is the administration that a submission's route leads to; empty: it has none.
func (g *Gateway) Addressee(s store.Submission) gateway.Administration {
	rt, ok := g.Chain.Routes.Route(s.Route)
	if !ok || rt.Stays() {
		return ""
	}
	return rt.To
}

// Second is what a submission is to its second addressee; nil: it has none.
func (g *Gateway) Second(ctx context.Context, s store.Submission) (*store.Submission, error) {
	if s.SecondOf != "" {
		return nil, nil
	}
	o, err := g.Store.Read().Submission(ctx, s.Office, secondID(s.Office, s.ID))
	if err != nil {
		return nil, store.IgnoreNotFound(err)
	}
	return &o, nil
}

// secondRoute is the route to the second addressee of what takes a route; nil: it has none.
func (g *Gateway) secondRoute(rt *release.Route) *release.Route {
	if rt == nil || rt.Also == "" {
		return nil
	}
	also, ok := g.Chain.Routes.Route(rt.Also)
	if !ok {
		return nil // serve refuses to start so
	}
	return also
}

// planSecond is the plan of a document for its second addressee: by the route that its first one's names.
func (g *Gateway) planSecond(ctx context.Context, r *Reading, a store.Arrival, first *judgement) (Plan, gateway.Faults, error) {
	var rt *release.Route
	if first != nil && first.plan.Route != nil {
		rt = first.plan.Route
	} else {
		s, err := g.Store.Read().Submission(ctx, a.Party, a.SecondOf)
		if err != nil {
			return Plan{}, nil, err
		}
		rt, _ = g.Chain.Routes.Route(s.Route)
	}
	none := gateway.Faults{fault(gateway.RouteNone, r.Kind, g.Chain.routesFor(Addressing{Own: g.Own}))}
	if rt = g.secondRoute(rt); rt == nil || !rt.Valid.Contains(g.Now()) {
		return Plan{}, none, nil
	}
	p, ok := g.Chain.PlanFor(rt, r)
	if !ok {
		return Plan{}, none, nil
	}
	p.second = true
	if first != nil {
		p.spoken = slices.DeleteFunc(first.taken(), func(n string) bool { return n == "" })
	}
	if p.Join != nil {
		p.kin = []string{rt.Name}
	}
	return p, nil, nil
}

// withoutSecond are the parts that a first addressee's judgement joins and that come into a route with a
// second addressee by it: they are to have one too.
func (g *Gateway) withoutSecond(ctx context.Context, p Plan, first *judgement) (all []store.Submission, err error) {
	if !p.second || first == nil {
		return nil, nil
	}
	for _, h := range first.held {
		both, err := addressees(ctx, g.Store.Read(), h.Office, h.ID)
		if err != nil {
			return nil, err
		}
		if len(both) > 1 {
			continue
		}
		h.ID, h.SecondOf, h.Route = secondID(h.Office, h.ID), h.ID, p.Route.Name
		all = append(all, h)
	}
	return all, nil
}

// judgeSecond judges a submission for its second addressee, if it has one, beside the first.
func (g *Gateway) judgeSecond(ctx context.Context, a store.Arrival, j *judgement) error {
	if a.SecondOf != "" || j.filed != nil {
		return nil
	}
	o := &second{arrival: a}
	o.arrival.ID, o.arrival.SecondOf = secondID(a.Party, a.ID), a.ID
	before, err := g.Store.Read().Submission(ctx, a.Party, o.arrival.ID)
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	if o.known = err == nil; o.known && ended(before.State) {
		return nil // it goes on by itself
	}
	to := g.Addressee(before) // it waits
	if before.State != gateway.Held {
		if to, err = g.hasSecond(ctx, a, j); err != nil || to == "" {
			return err
		}
	}
	o.arrival.Recipients = []string{string(to)}
	moreRoom(ctx, len(a.Content))
	if o.judgement, err = g.judgeFor(ctx, o.arrival, nil, j); err != nil {
		return err
	}
	j.second = o
	j.together()
	return nil
}

// hasSecond is the second addressee of a submission; empty: it has none. What goes with something that has
// none, for its sender has named the first alone, has none either.
func (g *Gateway) hasSecond(ctx context.Context, a store.Arrival, j *judgement) (gateway.Administration, error) {
	read := g.Store.Read()
	if j.submission.Kind == kindCancellation {
		if j.submission.Canonical == nil {
			return "", nil // it was refused for what it says
		}
		both, err := addressees(ctx, read, a.Party, leaf(document.Parse(j.submission.Canonical).Document, subjectID))
		if err != nil || len(both) < 2 {
			return "", store.IgnoreNotFound(err)
		}
		rt, ok := g.Chain.Routes.Route(both[1].Route)
		if !ok || len(a.Recipients) > 0 && !slices.Contains(administrations(a.Recipients), rt.To) {
			return "", nil
		}
		return rt.To, nil
	}
	rt := g.secondRoute(j.plan.Route)
	if rt == nil || len(a.Recipients) > 0 && !slices.Contains(administrations(a.Recipients), rt.To) {
		return "", nil
	}
	var with []store.Submission
	if j.target != nil {
		with = j.target.sources
	}
	for _, h := range j.held {
		if h.Route == j.plan.Route.Name { // what comes from another has none yet
			with = append(with, h)
		}
	}
	for _, s := range with {
		both, err := addressees(ctx, read, s.Office, s.ID)
		if err != nil {
			return "", err
		}
		if len(both) < 2 {
			return "", nil
		}
	}
	return rt.To, nil
}

// nothingThere reports whether all that refuses an act is that nothing stands with its addressee that it
// could act on.
func (j *judgement) nothingThere() bool {
	return j.acts && !slices.ContainsFunc(j.submission.Faults, func(f gateway.Fault) bool {
		return f.Severity == gateway.Error && !slices.Contains([]gateway.Code{
			gateway.AmendUnknown, gateway.TakeOutUnknown, gateway.AmendClosed, gateway.CancelUnknown, gateway.CancelNothing,
		}, f.Code)
	})
}

// together makes one of the judgements for two addressees.
func (j *judgement) together() {
	o := j.second
	if o == nil {
		return
	}
	refused, other := j.submission.State == gateway.Faulty, o.submission.State == gateway.Faulty
	switch {
	case refused && !other && j.nothingThere():
		j.done()
	case !refused && other && o.nothingThere():
		o.done()
	case refused || other:
		j.submission.Faults = merge(j.submission.Faults, o.submission.Faults)
		j.refuse()
		if o.refuse(); !o.known {
			j.second = nil // there is no more of it than the first says
		}
	default:
		for _, what := range []string{WaitsForRuling, WaitsForApproval} { // one person decides for both
			j.waitWith(o.judgement, what)
			o.waitWith(j, what)
		}
	}
}

// done ends an act of which nothing is to be told to this addressee, and says why.
func (j *judgement) done() {
	for i := range j.submission.Faults {
		if f := &j.submission.Faults[i]; f.Severity == gateway.Error {
			f.Severity = gateway.Warning
		}
	}
	j.refuse()
	j.submission.State = gateway.Done
}

// refuse leaves nothing of a judgement but its faults.
func (j *judgement) refuse() {
	j.drop()
	j.submission.WaitsFor, j.submission.Expires = []string{}, time.Time{}
	j.cancels, j.act, j.awaits, j.dropped, j.behind = nil, nil, nil, nil, ""
}

// waitWith has a judgement wait for what the one for the other addressee waits for.
func (j *judgement) waitWith(o *judgement, what string) {
	if j.submission.State == gateway.Held || o.submission.State != gateway.Held || !slices.Contains(o.submission.WaitsFor, what) {
		return
	}
	j.refuse()
	j.submission.State, j.submission.WaitsFor, j.submission.Expires = gateway.Held, []string{what}, o.submission.Expires
}

// heldWith are the parts that a submission is joined with, for its addressee.
func (j *judgement) heldWith(s store.Submission) []store.Submission {
	if s.SecondOf != "" && j.second != nil {
		return j.second.held
	}
	return j.held
}

// doubtsBoth are the texts that are to be ruled on, for both addressees.
func (j *judgement) doubtsBoth() []doubt {
	if j.second == nil {
		return j.doubts
	}
	return slices.Concat(j.doubts, j.second.doubts)
}

// replaceable reports whether a text may travel in the place of a field's, to each addressee.
func (j *judgement) replaceable(field *document.Path, text string) bool {
	fits := func(j *judgement) bool { return j.plan.Route == nil || j.plan.Route.Replaceable(field, text) }
	return fits(j) && (j.second == nil || fits(j.second.judgement))
}

// refuseKnown refuses what announces what is announced already, or bears an id that another bears, for
// both addressees.
func (g *Gateway) refuseKnown(ctx context.Context, read reader, j *judgement) error {
	both := []*judgement{j}
	if j.second != nil {
		both = append(both, j.second.judgement)
	}
	for _, j := range both {
		if err := errors.Join(g.announcedBefore(ctx, read, j), g.calledBefore(ctx, read, j)); err != nil {
			return err
		}
	}
	j.together()
	return nil
}

// recordBoth writes a judgement for both addressees, or for neither.
func (g *Gateway) recordBoth(ctx context.Context, tx *store.Tx, a store.Arrival, j *judgement) (again bool, err error) {
	if j.second != nil {
		if err := g.refuseKnown(ctx, tx, j); err != nil {
			return false, err
		}
	}
	if again, err = g.record(ctx, tx, a, j); again || err != nil || !j.recorded {
		return again, err
	}
	o := j.second
	if o == nil {
		return false, g.noSecond(ctx, tx, j)
	}
	known, err := tx.Arrival(ctx, o.arrival.Door, o.arrival.Party, o.arrival.ID)
	if store.IgnoreNotFound(err) != nil {
		return false, err
	}
	o.arrival.Judged, o.arrival.Parked, o.arrival.Claim = false, false, tx.Claim(known.Claim)
	if err := g.putArrival(tx, o.arrival); err != nil {
		return false, err
	}
	for _, s := range o.missing {
		of, err := tx.Arrival(ctx, store.DoorSubmit, s.Office, s.SecondOf)
		if err != nil {
			return false, err
		}
		of.ID, of.SecondOf, of.Recipients, of.Claim, of.Judged = s.ID, s.SecondOf, o.arrival.Recipients, store.Claim{}, true
		if err := errors.Join(g.putArrival(tx, of), tx.PutSubmission(s), auditState(tx, a.Caller, s)); err != nil {
			return false, err
		}
	}
	if again, err = g.record(ctx, tx, o.arrival, o.judgement); again && err == nil {
		err = errAgain
	}
	return false, err
}

// noSecond has what waits for a second addressee wait no more, where what it goes with has none.
func (g *Gateway) noSecond(ctx context.Context, tx *store.Tx, j *judgement) error {
	if len(j.messages) == 0 || j.plan.Route == nil || j.plan.Route.Also == "" {
		return nil
	}
	for _, h := range j.held {
		both, err := addressees(ctx, tx, h.Office, h.ID)
		if err != nil {
			return err
		}
		if len(both) < 2 || both[1].State != gateway.Held {
			continue
		}
		o := both[1]
		o.State, o.Reason, o.WaitsFor = gateway.Withdrawn, "what it goes with is for one addressee alone", []string{}
		if err := errors.Join(tx.PutSubmission(o), auditState(tx, "gateway", o)); err != nil {
			return err
		}
	}
	return nil
}
