package flow

import (
	"context"
	"slices"
	"strconv"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/store"
)

// revise judges a document that acts on what was announced, or adds to it. It reports whether
// it was one: else it is new. Held are the acts that wait for the same message.
func (g *Gateway) revise(ctx context.Context, j *judgement, plan Plan, held []step, cur step, a store.Arrival) (bool, error) {
	s := &j.submission
	if cur.does == adds && (plan.Join == nil || !plan.several() || len(held) > 0) {
		return false, nil
	}
	o, err := g.wholeOf(ctx, g.Store.Read(), plan, &cur, s.Office)
	if err != nil {
		return true, err
	}
	if o != nil {
		if f, err := erasedOf(ctx, g.Store.Read(), o.messages); f != nil || err != nil {
			if err == nil {
				s.Faults = append(s.Faults, cur.at(*f, "envelope.references"))
			}
			return true, err
		}
	}
	j.target = o
	switch {
	case cur.does == adds && (o == nil || !o.announces && len(o.taken(anyVersion, g.Now())) == 0):
		return false, nil
	case len(held) > 0 && (o == nil || !o.announces && len(cur.names()) == 0): // else it names the whole itself
		return true, g.reviseHeld(ctx, j, plan, append(held, cur))
	case o == nil:
		s.Faults = append(s.Faults, cur.nobody())
		return true, nil
	}
	return g.reviseWhole(ctx, j, plan, held, cur, o, a)
}

// nobody is the fault that what a document acts on was announced by nobody: said of the first
// thing that it names, else of the document it names, else of its batch.
func (s *step) nobody() gateway.Fault {
	if s.asks.Amends != "" {
		f := fault(gateway.AmendUnknown, s.asks.Amends, "")
		f.Path = "amends"
		return f
	}
	if ids := changed(s.Document); len(ids) > 0 {
		return s.unknown("envelope.references", ids[0])
	}
	if things := thingsOf(s); len(things) > 0 && things[0].id != "" {
		return s.unknown(things[0].path, things[0].id)
	}
	return s.unknown("batch", leaf(s.Document, "batch"))
}

// several reports whether the part that a document is may come several times.
func (p Plan) several() bool {
	return p.Join != nil && slices.ContainsFunc(p.Join.Parts(), func(o recipe.Part) bool { return o.Name == p.Part && o.Several })
}

// heldSteps are the acts that wait for the other parts of a plan's message, in their order.
func (g *Gateway) heldSteps(ctx context.Context, j *judgement, plan Plan, first *judgement) (steps []step, err error) {
	if plan.Join == nil {
		return nil, nil
	}
	held, err := plan.held(ctx, g.Store.Read())
	if err != nil {
		return nil, err
	}
	if j.missing, err = g.withoutSecond(ctx, plan, first); err != nil {
		return nil, err
	}
	j.held = nil
	for _, h := range append(held, j.missing...) {
		if h.Office == j.submission.Office && h.ID == j.submission.ID {
			continue
		}
		s, err := g.stepOf(ctx, h)
		if err != nil {
			return nil, err
		}
		j.held, steps = append(j.held, h), append(steps, s)
	}
	return steps, nil
}

// stepOf reads a submission again, as what it does.
func (g *Gateway) stepOf(ctx context.Context, s store.Submission) (step, error) {
	a, err := g.Store.Read().Arrival(ctx, store.DoorSubmit, s.Office, s.Called())
	if err != nil {
		return step{}, err
	}
	moreRoom(ctx, len(a.Content))
	p, err := g.part(ctx, s, a)
	if err != nil {
		return step{}, err
	}
	return step{Part: p, does: actOf(p.Document, a.Asks), asks: a.Asks, taken: true, version: s.Version}, nil
}

// reviseHeld judges an act on parts that wait: it waits with them, or completes them; what it
// takes out entirely waits no more.
func (g *Gateway) reviseHeld(ctx context.Context, j *judgement, plan Plan, steps []step) error {
	s := &j.submission
	cur := &steps[len(steps)-1]
	if names := cur.names(); cur.does != adds && len(names) > 0 && !slices.ContainsFunc(steps[:len(steps)-1], func(o step) bool { return o.isNamed(names) }) {
		s.Faults = append(s.Faults, cur.nobody())
		return nil
	}
	now := stand(steps)
	for _, f := range now.faults {
		if f.Code == gateway.AlreadyAnnounced { // it is not, yet
			f.Code, f.Expected = gateway.PartAgain, gateway.Term(f.Expected.Terms[0])
		}
		s.Faults = append(s.Faults, f)
	}
	if s.Faults.Refuse() {
		return nil
	}
	if now.undecided {
		g.holdForVehicles(j, plan)
		return nil
	}
	if slices.Contains(now.gone, plan.Part) {
		s.State = gateway.Done
		for _, h := range j.held {
			if h.Part == plan.Part {
				j.dropped = append(j.dropped, h)
			}
		}
		return nil
	}
	plan.Judged = s.Called()
	missing := plan.Missing(now.parts)
	open, lacks, unplaced := plan.Open(now.parts)
	for _, name := range lacks {
		if !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	if len(unplaced) > 0 {
		missing = append(missing, WaitsForWaybill)
	}
	if len(missing) > 0 {
		if len(j.held) >= MaxVersions {
			s.Faults = append(s.Faults, cur.at(fault(gateway.PartsTooMany, strconv.Itoa(len(j.held)), strconv.Itoa(MaxVersions)), "batch"))
			return nil
		}
		s.State, s.WaitsFor, s.Expires = gateway.Held, missing, g.Now().Add(plan.Route.Hold)
		for _, f := range open {
			if f.Code != gateway.PartTwice { // it is what it waits for
				f.Severity = gateway.Warning
			}
			s.Faults = append(s.Faults, f)
		}
		if s.Faults.Refuse() {
			s.State, s.WaitsFor, s.Expires = gateway.Faulty, []string{}, time.Time{}
			return nil
		}
		return g.doubtEarly(ctx, j, plan, now.parts)
	}
	return g.compose(ctx, j, plan, now.parts)
}

// holdForVehicles has an act wait until its sender says which vehicles it means.
func (g *Gateway) holdForVehicles(j *judgement, plan Plan) {
	s := &j.submission
	s.State, s.WaitsFor, s.JoinKey, s.Expires = gateway.Held, []string{WaitsForVehicles}, "", g.Now().Add(plan.Route.Hold)
}

// reviseWhole judges an act on a whole that there is. It reports whether it was one: what is
// added to a whole that was taken back is new, and so is what is for an element of a list that the whole
// does not have: it waits for the change that brings that one, which takes it along.
func (g *Gateway) reviseWhole(ctx context.Context, j *judgement, plan Plan, held []step, cur step, o *open, a store.Arrival) (done bool, err error) {
	s := &j.submission
	var along []step
	waiting := j.held
	s.MessageID, j.held = o.id, nil
	for i, h := range held {
		if plan.forElements(h.Name) {
			along, j.held = append(along, h), append(j.held, waiting[i])
		}
	}
	refuse := func(f gateway.Fault) (bool, error) {
		s.State, s.MessageID, s.Faults = gateway.Faulty, "", append(s.Faults, f)
		return true, nil
	}
	closed := func(why gateway.Wording) (bool, error) {
		code, path := gateway.AmendClosed, "envelope.function"
		if cur.does == takesOut {
			code = gateway.CancelNothing
		}
		return refuse(cur.at(wanting(code, cur.about(), why), path))
	}
	version, wait, earlier := 1, 0, false
	for _, src := range o.sources {
		if src.State == gateway.Held && (src.Office != s.Office || !gateway.SameID(src.ID, s.ID)) {
			wait++
			earlier = earlier || before(src, *s)
		}
		version = max(version, src.Version+1)
	}
	switch {
	case version+wait > MaxVersions:
		return refuse(cur.at(fault(gateway.AmendTooOften, strconv.Itoa(version+wait-2), strconv.Itoa(MaxVersions-1)), "envelope.function"))
	case earlier:
		j.revises = &revising{whole: o.id, rests: rests(o.sources, o.messages)}
		s.State, s.WaitsFor, s.JoinKey, s.Expires = gateway.Held, []string{WaitsForEarlier}, "", g.Now().Add(plan.Route.Hold)
		return true, nil
	}
	now := g.Now()
	taken := o.taken(version, now)
	steps := make([]step, 0, len(taken)+1)
	for _, src := range taken {
		st, err := g.stepOf(ctx, src)
		if err != nil {
			return true, err
		}
		steps = append(steps, st)
	}
	if len(steps) == 0 {
		return closed(gateway.WordNothingStands)
	}
	if cur.does == adds && !o.announces && len(plan.Missing(stand(append(slices.Clone(steps), cur)).parts)) > 0 {
		s.MessageID = "" // what is left of it and this make no message: it waits for others
		return false, nil
	}
	if as := stand(steps); !o.announces && (len(plan.Missing(as.parts)) == 0 || cur.does != adds && !slices.ContainsFunc(as.parts, func(p Part) bool { return p.Name == plan.Part })) {
		if cur.does == adds { // what was taken back is announced anew
			s.MessageID = ""
			return false, nil
		}
		if slices.ContainsFunc(o.lineages, (*lineage).asked) {
			return closed(gateway.WordWithdrawalAsked)
		}
		return closed(gateway.WordNothingStands)
	}
	if cur.does == adds && plan.forElements(plan.Part) {
		if _, _, unplaced := plan.Open(stand(append(slices.Clone(steps), cur)).parts); len(unplaced) > 0 {
			s.MessageID = ""
			return false, nil
		}
	}
	if err := o.read(ctx, g.Store.Read()); err != nil {
		return true, err
	}
	steps = append(steps, along...)
	cur.anew = o.refusedVehicles(now)
	steps = append(steps, cur)
	v := &versioned{g: g, j: j, plan: plan, cur: cur, of: o, number: version, a: a, at: now, rulings: rulingsOf(steps)}
	j.rulings = len(cur.Rulings)
	if v.made = v.compositions(steps, taken); len(v.made) > MaxCompositions {
		return refuse(cur.at(fault(gateway.AmendTooOften, strconv.Itoa(version-1), strconv.Itoa(version-2)), "envelope.function"))
	}
	fits := slices.IndexFunc(v.made, func(c *composition) bool { return len(c.stood.faults) == 0 })
	if fits < 0 {
		s.State, s.MessageID, s.Faults = gateway.Faulty, "", append(s.Faults, v.made[0].stood.faults...)
		return true, nil
	}
	j.revises = &revising{whole: o.id, rests: rests(o.sources, o.messages), amended: make(map[gateway.MessageID]store.Message)}
	if v.made[fits].stood.undecided {
		g.holdForVehicles(j, plan)
		return true, nil
	}
	if arrived, err := g.hasArrived(ctx, o); err != nil {
		return true, err
	} else if arrived {
		j.revises = nil
		return closed(gateway.WordHasArrived)
	}
	if err := v.compose(ctx, taken); err != nil || s.Faults.Refuse() {
		if err == nil && doubtful(s.Faults) {
			g.awaitRuling(j)
			v.hold(WaitsForRuling, "", s.Expires)
			return true, nil
		}
		j.drop()
		return true, err
	}
	return true, v.decide(ctx)
}

// before reports whether a submission came before another.
func before(a, b store.Submission) bool {
	if c := a.Received.Compare(b.Received); c != 0 {
		return c < 0
	}
	return a.ID < b.ID
}

// about names what a document acts on.
func (s *step) about() string {
	if s.asks.Amends != "" {
		return s.asks.Amends
	}
	if ids := changed(s.Document); len(ids) > 0 {
		return ids[0]
	}
	return leaf(s.Document, "batch")
}

// drop leaves nothing of a judgement but its faults.
func (j *judgement) drop() {
	j.submission.State, j.submission.MessageID, j.submission.Version = gateway.Faulty, "", 0
	j.messages, j.sealed, j.notices, j.crossings, j.revises = nil, nil, nil, nil, nil
}

// hasArrived reports whether something of a whole was seen at the border, as far as this side
// knows.
func (g *Gateway) hasArrived(ctx context.Context, o *open) (bool, error) {
	var heads []store.Message
	for _, l := range o.lineages {
		if l.head != nil {
			heads = append(heads, *l.head)
		}
	}
	in, err := g.movementsOf(ctx, g.Store.Read(), heads)
	return slices.ContainsFunc(in, func(m Movement) bool { return m.HasArrived() }), err
}
