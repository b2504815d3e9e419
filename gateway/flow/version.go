package flow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// versioned makes the next version of a whole.
type versioned struct {
	g       *Gateway
	j       *judgement
	plan    Plan
	cur     step
	of      *open
	number  int
	a       store.Arrival
	made    []*composition // that which announces what is new first
	known   map[*lineage]*customsv1.Answer
	at      time.Time // of the judgement
	left    time.Time // when it left, as far as its route asks
	chains  map[string]gateway.MessageID
	rulings []release.Ruling // on texts of all that acts together
}

// base is what the ids of a version's messages and documents are made of: if the database is
// lost and the same acts are submitted again, the partner knows them.
func (v *versioned) base() gateway.MessageID {
	return versionBase(v.g.Own, v.of.id, v.j.submission.Office, v.j.submission.ID)
}

func versionBase(own gateway.Administration, whole gateway.MessageID, office, id string) gateway.MessageID {
	return gateway.MessageID(gateway.DerivedID("version", string(own), string(whole), office, gateway.FoldID(id)))
}

func (v *versioned) id(what string, i int) gateway.MessageID {
	if what == "" && i == 0 {
		return v.base()
	}
	return gateway.MessageID(gateway.DerivedID("of version", string(v.base()), what, strconv.Itoa(i)))
}

// composedAs is what the ids of what acts come to without some are made of.
func composedAs(base gateway.MessageID, without []int) gateway.MessageID {
	if len(without) == 0 {
		return base
	}
	return gateway.MessageID(gateway.DerivedID("without", string(base), fmt.Sprint(without)))
}

// composition is what the acts come to for some of the announcements: those of which the partner
// has refused the same acts, without these.
type composition struct {
	without []int // versions
	of      []*lineage
	steps   []step
	stood   stood
	parts   []*customsv1.Document // before they are released
	pairs   []*lineage            // what stood, by the part that takes its place; nil: new
	t       *Translation
}

// compositions are as many as there are ways in which acts were refused, first that of all acts
// which is for what is new, too. Taken are the sources of the steps, but for the last.
func (v *versioned) compositions(steps []step, taken []store.Submission) []*composition {
	all, void := []*composition{{}}, v.of.void(v.number, v.at)
	for _, l := range v.of.lineages {
		without := l.without(void, v.number, v.at)
		i := slices.IndexFunc(all, func(c *composition) bool { return slices.Equal(c.without, without) })
		if i < 0 {
			i, all = len(all), append(all, &composition{without: without})
		}
		all[i].of = append(all[i].of, l)
	}
	for _, c := range all[:min(len(all), MaxCompositions)] {
		c.steps = withoutActs(steps, taken, c.without)
		c.stood = stand(c.steps)
	}
	return all
}

// MaxCompositions bounds how many different sets of acts the partner may have refused of the
// announcements of one whole.
const MaxCompositions = 8

// compose translates what the acts come to as for new wholes, but for what their messages take the
// place of.
func (v *versioned) compose(ctx context.Context, taken []store.Submission) error {
	v.known = make(map[*lineage]*customsv1.Answer)
	for _, l := range v.of.lineages {
		known, err := v.g.knownAs(ctx, l.all...)
		if err != nil {
			return err
		}
		v.known[l] = known
	}
	s := &v.j.submission
	for _, c := range v.made {
		parts := c.stood.parts
		if len(parts) == 0 || len(v.plan.Missing(parts)) > 0 {
			continue
		}
		plan := v.plan
		plan.Rulings = v.rulings
		plan.Judged, plan.Mark = v.j.submission.Called(), func(parts []*customsv1.Document) { v.mark(c, parts) }
		plan.Number = func(parts []*customsv1.Document) (*gateway.Fault, error) { return v.numbered(ctx, c, parts) }
		t, err := v.g.Chain.Translate(ctx, plan, parts, composedAs(v.base(), c.without), v.g.scope(plan.Route.To))
		if err != nil {
			return err
		}
		s.Faults = merge(s.Faults, Unsaid(toldBefore(taken), t.Faults))
		v.j.doubts = append(v.j.doubts, t.doubts...)
		if c.t = t; v.j.translated == nil {
			v.j.translated = t
		}
	}
	if rt := v.plan.Route; v.j.translated != nil && rt.Moment == release.GateOut && !s.Faults.Refuse() {
		var err error
		v.left, err = v.g.gateOut(ctx, v.g.Store.Read(), v.j.translated.whole, rt, s.Office)
		return err
	}
	return nil
}

// withoutActs are the steps but those that made some versions.
func withoutActs(steps []step, taken []store.Submission, versions []int) (rest []step) {
	for i, s := range steps {
		if i >= len(taken) || !slices.Contains(versions, taken[i].Version) {
			rest = append(rest, s)
		}
	}
	return rest
}

// mark pairs the documents with what stands, and notes in each what it takes the place of.
func (v *versioned) mark(c *composition, parts []*customsv1.Document) {
	c.parts, c.pairs = parts, v.pair(c, parts)
	for i, l := range c.pairs {
		if l == nil || l.head == nil {
			continue
		}
		markAs(parts[i], l.head.DocumentID, v.numberOf(l))
		giveReasons(parts[i], c.reasons(l.head.Version))
	}
}

// reasons are why the waybills were changed after a version, by their keys, as the senders say
// beside documents that say none themselves: each act of the waybills that it changed, or, where it
// changed something else, of all. Under the empty key: of those that are not named.
func (c *composition) reasons(after int) map[string]string {
	why := make(map[string]string)
	for i := range c.steps {
		s := &c.steps[i]
		if s.asks.Reason == "" || i == 0 || s.version != 0 && s.version <= after {
			continue
		}
		if _, path := s.reason(); path != reasonBeside {
			continue
		}
		was, is := stand(c.steps[:i]).waybills(), stand(c.steps[:i+1]).waybills()
		maps.DeleteFunc(is, func(key string, d gateway.Digest) bool { return was[key] == d })
		if len(is) == 0 {
			clear(why)
			why[""] = s.asks.Reason
		}
		for key := range is {
			why[key] = s.asks.Reason
		}
	}
	return why
}

// waybills are the contents of the waybills that stand, by their keys.
func (s stood) waybills() map[string]gateway.Digest {
	all := make(map[string]gateway.Digest)
	for _, p := range s.parts {
		for _, c := range consignmentsOf(p.Document) {
			one := &customsv1.Document{Kind: &customsv1.Document_Manifest{Manifest: &customsv1.Manifest{Consignments: []*customsv1.Consignment{c}}}}
			all[gateway.FoldID(c.GetTransportDocument().GetId())] = content(one)
		}
	}
	return all
}

// giveReasons notes in a document why its waybills are changed, by their keys; under the empty key,
// why those are that no other names. What its sender has said stays.
func giveReasons(d *customsv1.Document, why map[string]string) {
	for _, c := range consignmentsOf(d) {
		reason := cmp.Or(why[gateway.FoldID(c.GetTransportDocument().GetId())], why[""])
		if reason != "" && len(c.ChangeReasons) == 0 {
			c.ChangeReasons = []string{reason}
		}
	}
}

// numberOf is the registration number that a change names, where the partner's form has a
// place for it and it is known.
func (v *versioned) numberOf(l *lineage) *customsv1.RegistrationNumber {
	if !v.plan.Route.ByNumber {
		return nil
	}
	return v.known[l].GetRegistration()
}

// markAs notes in a document that it takes the place of another.
func markAs(d *customsv1.Document, replaced string, number *customsv1.RegistrationNumber) {
	e := d.GetEnvelope()
	if e == nil {
		e = &customsv1.Envelope{}
		d.Envelope = e
	}
	e.Function = customsv1.FunctionCode_REPLACE
	e.References = append(e.References, &customsv1.Reference{Kind: customsv1.ReferenceKind_CHANGED, Id: replaced})
	if n := d.GetPreArrivalNotice(); n != nil && number != nil {
		n.Changes = number
	}
}

// pair finds what of what stands each document takes the place of: by its vehicle and
// waybills, by its vehicle, and the one that is left by one that is left, unless that is what was
// refused.
func (v *versioned) pair(c *composition, parts []*customsv1.Document) []*lineage {
	out := make([]*lineage, len(parts))
	standing := make([]*lineage, 0, len(v.of.lineages))
	for _, l := range v.of.lineages {
		if l.stands() != nil && !l.asked() {
			standing = append(standing, l)
		}
	}
	take := func(i, at int) {
		out[i] = standing[at]
		standing = slices.Delete(standing, at, at+1)
	}
	for _, same := range []func(a, b names) bool{
		func(a, b names) bool { return a == b },
		func(a, b names) bool { return a.vehicles == b.vehicles && a.vehicles != "" },
	} {
		for i, d := range parts {
			if out[i] != nil {
				continue
			}
			n := namesOf(d)
			if at := slices.IndexFunc(standing, func(l *lineage) bool { return same(n, v.of.names(l)) }); at >= 0 {
				take(i, at)
			}
		}
	}
	standing = slices.DeleteFunc(standing, func(l *lineage) bool { return !slices.Contains(c.of, l) })
	left := -1
	for i, d := range parts {
		if out[i] == nil && !v.wasRefused(d) {
			if left >= 0 {
				return out
			}
			left = i
		}
	}
	if left >= 0 && len(standing) == 1 {
		take(left, 0)
	}
	return out
}

// refusedAnew reports whether a new document announces again what the partner refused, and the act
// is not the report of it.
func (v *versioned) refusedAnew(o *Output) bool {
	reported := slices.ContainsFunc(o.of.parts, func(p Part) bool { return p.Submission == v.j.submission.Called() })
	if reported && (v.plan.Join == nil || v.plan.several()) {
		return false
	}
	return v.wasRefused(o.document)
}

// wasRefused reports whether a document announces what the partner refused when it was announced.
func (v *versioned) wasRefused(d *customsv1.Document) bool {
	n := namesOf(d)
	return slices.ContainsFunc(v.of.lineages, func(l *lineage) bool {
		if !l.void(v.at) {
			return false
		}
		was := v.of.names(l)
		return was == n || was.vehicles == n.vehicles && n.vehicles != ""
	})
}

// names are what a document announces by.
type names struct{ vehicles, waybills string }

func namesOf(d *customsv1.Document) names {
	f := reconcile.FactsOf(d)
	list := func(n int, of func(i int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = of(i)
		}
		slices.Sort(all)
		return strings.Join(all, "\n")
	}
	return names{
		list(len(f.Vehicles), func(i int) string { return reconcile.Fold(reconcile.Vehicle, f.Vehicles[i].Registration) }),
		list(len(f.Waybills), func(i int) string { return gateway.FoldID(f.Waybills[i].ID) }),
	}
}

// content is the digest of what a document says, whatever it is called and takes the place of.
func content(d *customsv1.Document) gateway.Digest {
	d = document.Clone(d)
	d.Envelope = nil
	if n := d.GetPreArrivalNotice(); n != nil {
		n.Changes = nil
	}
	for _, c := range consignmentsOf(d) {
		c.ChangeReasons = nil
	}
	return document.Digest(d)
}

// decide compares the version with what stands, and makes the messages that it takes.
func (v *versioned) decide(ctx context.Context) error {
	s, r := &v.j.submission, v.j.revises
	kept := make(map[*lineage]bool)
	s.Version, s.State = v.number, gateway.Done
	for n, c := range v.made {
		if c.t == nil {
			continue
		}
		for i, o := range c.t.Outputs {
			if err := ctx.Err(); err != nil {
				return err
			}
			l := c.pairs[i]
			switch {
			case l == nil && (n > 0 || v.refusedAnew(o)), l != nil && !slices.Contains(c.of, l):
				continue
			case l != nil:
				kept[l] = true
			}
			v.j.crossings = append(v.j.crossings, o.crossings()...)
			if l != nil {
				same, f := v.sameAs(l, o)
				if f != nil {
					s.Faults = append(s.Faults, *f)
					v.j.drop()
					return nil
				}
				if same {
					continue
				}
				if wait := v.waitsForNumber(l, o); !wait.IsZero() {
					v.hold(WaitsForNumber, answerKey(l.head.ID), wait)
					return nil
				}
			}
			if err := v.send(c, i, l); err != nil {
				return err
			}
		}
	}
	v.j.crossings = eachOnce(v.j.crossings)
	for _, l := range v.of.lineages {
		if kept[l] || l.asked() {
			continue
		}
		if l.wait != nil {
			r.withdraw = append(r.withdraw, *l.wait)
		}
		if l.head == nil {
			continue
		}
		if done, err := v.askBack(ctx, l); err != nil || done {
			return err
		}
	}
	return v.settle(ctx)
}

// eachOnce orders crossings by their subject, each once.
func eachOnce(all []crossing) []crossing {
	slices.SortStableFunc(all, func(a, b crossing) int { return strings.Compare(a.subject, b.subject) })
	return slices.CompactFunc(all, func(a, b crossing) bool { return a.subject == b.subject })
}

// hold has the act wait, and undoes what was made of it.
func (v *versioned) hold(what, key string, until time.Time) {
	s := &v.j.submission
	s.State, s.Version, s.WaitsFor, s.JoinKey, s.Expires = gateway.Held, 0, []string{what}, key, until
	v.j.messages, v.j.sealed, v.j.notices, v.j.crossings = nil, nil, nil, nil
	v.j.revises = &revising{whole: v.of.id, rests: v.j.revises.rests}
}

// sameAs reports whether a document says what stands already: then nothing is sent, and what
// waits to say something else is withdrawn. It refuses one that leads over other offices.
func (v *versioned) sameAs(l *lineage, o *Output) (bool, *gateway.Fault) {
	for _, m := range []*store.Message{l.wait, l.head} {
		if m == nil {
			continue
		}
		told := v.of.told[m.ID]
		if path, was, is := otherOffice(told, o.document); path != "" {
			path = o.whole(path)
			f := fault(gateway.AmendOffices, is, was)
			f.Path, f.Location, f.Place = path, o.of.Locate(path), document.PlaceOf(o.of.whole, path)
			return false, &f
		}
		if content(told) == content(o.document) {
			return true, nil
		}
		if m == l.wait {
			v.j.revises.withdraw = append(v.j.revises.withdraw, *m)
		}
	}
	return false, nil
}

// waitsForNumber is until when a change waits for the registration number of what it changes:
// as long as the lead time is not lost. Zero: it does not, and says so where it goes without.
func (v *versioned) waitsForNumber(l *lineage, o *Output) time.Time {
	rt := v.plan.Route
	if !rt.ByNumber || l.head == nil || v.known[l].GetRegistration() != nil {
		return time.Time{}
	}
	expected := l.head.ExpectedArrival
	if at := v.g.expected(o.document, rt, o.stated(), time.Time{}); expected.IsZero() || !at.IsZero() && at.Before(expected) {
		expected = at
	}
	if until := expected.Add(-rt.Lead); !expected.IsZero() && v.g.Now().Before(until) {
		return until
	}
	f := fault(gateway.AmendWithoutNumber, l.head.DocumentID, "")
	f.Severity, f.Location = gateway.Warning, v.cur.locate("")
	v.j.submission.Faults = merge(v.j.submission.Faults, gateway.Faults{f})
	return time.Time{}
}

// send makes the message of a document: behind what it takes the place of, or what of the same
// crossing is being taken back.
func (v *versioned) send(c *composition, i int, l *lineage) error {
	rt, o, what := v.plan.Route, c.t.Outputs[i], ""
	if len(c.without) > 0 {
		what = fmt.Sprint(c.without)
	}
	header := seal.Header{
		MessageID: v.id(what, i), Kind: rt.Kind, Sender: v.g.Own, Recipient: rt.To, Conversation: string(v.of.id), Created: v.g.Now(),
	}
	if o.split != "" {
		header.Part, header.Parts = o.part, len(c.parts)
	}
	var behind, replaces gateway.MessageID
	if l != nil && l.head != nil {
		header.Conversation, header.RelatesTo = l.head.Conversation, l.head.ID
		behind, replaces = l.head.Chain, l.head.ID
		v.j.revises.amended[header.MessageID] = *l.head
	} else if l == nil {
		behind = v.askedBefore()[namesOf(o.document).waybills]
	}
	if at := v.g.expected(o.document, rt, o.stated(), v.left); !at.IsZero() {
		header.ExpectedArrival = &at
	}
	m, sealed, err := v.g.message(rt, o, header)
	if err != nil {
		return err
	}
	m.Whole, m.Part, m.Split, m.Version, m.Replaces = v.of.id, i+1, o.split, v.number, replaces
	if behind != "" {
		m.Chain = behind
	}
	v.add(m, sealed, o.document, rt.To)
	return nil
}

// askedBefore are the chains of what is being taken back, by the waybills that it names.
func (v *versioned) askedBefore() map[string]gateway.MessageID {
	if v.chains == nil {
		v.chains = make(map[string]gateway.MessageID)
		for _, l := range v.of.lineages {
			if l.asked() {
				v.chains[v.of.names(l).waybills] = l.head.Chain
			}
		}
	}
	return v.chains
}

func (v *versioned) add(m store.Message, sealed seal.Sealed, notice *customsv1.Document, to gateway.Administration) {
	j := v.j
	j.messages, j.sealed, j.notices, j.to = append(j.messages, m), append(j.sealed, sealed), append(j.notices, notice), to
}

// askBack makes the message that asks back what is announced no more. It reports whether the
// act waits, or is refused.
func (v *versioned) askBack(ctx context.Context, l *lineage) (done bool, err error) {
	s, to := &v.j.submission, v.plan.Route.To
	rt := v.g.cancellationRoute(s.Office, to)
	if rt == nil {
		s.Faults = append(s.Faults, v.cur.at(fault(gateway.RouteNone, kindCancellation, v.g.Chain.routesFor(Addressing{Own: v.g.Own})), "envelope.function"))
		v.j.drop()
		return true, nil
	}
	id := v.id("back", len(v.j.messages))
	t, err := v.g.takeBack(ctx, rt, Part{Submission: s.ID, Reading: v.cur.asCancellation()}, l, id, document.FormatInstant(v.a.Received))
	if err != nil {
		return true, err
	}
	if t.Faults.Refuse() && !l.answered() && rt.Hold > 0 && wantsNumber(t.Faults) {
		v.hold(WaitsForAnswer, answerKey(l.head.ID), v.g.Now().Add(rt.Hold))
		return true, nil
	}
	if s.Faults = merge(s.Faults, t.Faults); s.Faults.Refuse() {
		v.j.drop()
		return true, nil
	}
	m, sealed, err := v.g.message(rt, t.Outputs[0], seal.Header{
		MessageID: id, Kind: rt.Kind, Sender: v.g.Own, Recipient: to, Conversation: string(id), RelatesTo: l.head.ID, Created: v.g.Now(),
	})
	if err != nil {
		return true, err
	}
	m.Whole, m.Part, m.Version, m.Chain = v.of.id, len(v.j.messages)+1, v.number, l.head.Chain
	v.j.revises.ask = append(v.j.revises.ask, askedBack{*l.head, len(v.j.messages)})
	v.add(m, sealed, t.Outputs[0].document, to)
	return false, nil
}

// reason is why a document changes or takes back, of the list change-reason, and where it says
// so, or would.
func (s *step) reason() (code, path string) {
	for i, c := range consignmentsOf(s.Document) {
		if len(c.ChangeReasons) > 0 {
			return c.ChangeReasons[0], fmt.Sprintf("%s[%d].changeReasons[0]", waybillList, i)
		}
	}
	return s.asks.Reason, reasonBeside
}

// reasonBeside is the place of a reason that is said beside a document.
const reasonBeside = "reason"

// asCancellation is a document that takes out as one that cancels: its places are its own.
func (s *step) asCancellation() *Reading {
	reason, _ := s.reason()
	said := s.Reading
	d := &customsv1.Document{
		Envelope: &customsv1.Envelope{Function: customsv1.FunctionCode_CANCELLATION},
		Kind:     &customsv1.Document_Cancellation{Cancellation: &customsv1.Cancellation{Reason: reason}},
	}
	return &Reading{Document: d, Kind: kindCancellation, locate: func(string) gateway.Location { return said.locate("") }}
}

// settle says what the act came to, if it may be done now.
func (v *versioned) settle(ctx context.Context) error {
	s, r := &v.j.submission, v.j.revises
	on := slices.Clone(r.withdraw)
	for _, back := range r.ask {
		on = append(on, back.of)
	}
	for _, m := range v.j.messages {
		if of, ok := r.replaces(m.ID); ok {
			on = append(on, of)
		}
	}
	if len(on) > 0 {
		reason, path := v.cur.reason()
		state := s.State
		switch may, err := v.g.mayAct(ctx, v.j, v.a, v.cur.Reading, on, reason, path); {
		case err != nil:
			return err
		case !may && s.State == gateway.Held:
			v.hold(s.WaitsFor[0], "", s.Expires)
			return nil
		case !may:
			v.j.drop()
			return nil
		}
		s.State = state
	}
	if len(v.j.messages) > 0 {
		s.State = gateway.Sent
		if v.plan.Join != nil {
			s.State, s.Part, s.JoinKey = gateway.Joined, v.plan.Part, v.plan.Key
		}
	}
	announced := make(map[string]bool) // or dropped already
	for _, c := range v.j.crossings {
		announced[c.subject] = true
	}
	for _, l := range v.of.lineages {
		if m := l.stands(); m != nil {
			for _, c := range crossings(v.of.told[m.ID]) {
				if !announced[c.subject] {
					announced[c.subject] = true
					r.dropped = append(r.dropped, c.subject)
				}
			}
		}
	}
	composed := slices.ContainsFunc(v.made, func(c *composition) bool { return len(c.parts) > 0 })
	if !composed && len(v.j.messages) == 0 && !slices.ContainsFunc(v.of.lineages, func(l *lineage) bool { return l.head != nil }) {
		r.close = v.of.taken(v.number, v.at)
	}
	return nil
}

// takeBack translates the cancellation of what stands of an announcement.
func (g *Gateway) takeBack(ctx context.Context, rt *release.Route, source Part, l *lineage, id gateway.MessageID, issued string) (*Translation, error) {
	known, err := g.knownAs(ctx, l.all...)
	if err != nil {
		return nil, err
	}
	source.Reading = takingBack(source.Reading, known, id, l.head.DocumentID, issued)
	return g.Chain.Translate(ctx, Plan{Route: rt, Rulings: source.Rulings}, []Part{source}, id, g.scope(rt.To))
}
