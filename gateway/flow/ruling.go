package flow

import (
	"context"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

// WaitsForRuling is what a submission waits for in whose texts a price was found that its route
// withholds: nothing of it leaves before a person has ruled on them.
const WaitsForRuling = "ruling"

// RulingTime is how long a submission waits for a ruling. When it is over the submission expires.
const RulingTime = 24 * time.Hour

// The verdicts of a ruling on a text.
const (
	NoPrice = "no-price" // it holds none: it travels as it is
	Replace = "replace"  // another travels in its place
	Refuse  = "refuse"   // the submission does not travel
)

// doubt is a text in which a price was found that nobody has ruled on.
type doubt struct {
	text  gateway.Digest // of it, as it would travel
	field *document.Path // that it would travel in; nil: nothing can take its place
	fault gateway.Fault
}

// doubtsOf are the texts that releasing a document found a price in: found are its faults before they
// got their places, placed the same with them.
func doubtsOf(kind string, found []gateway.Digest, placed gateway.Faults, path []string) (all []doubt) {
	for i, f := range placed {
		if f.Code == gateway.ReleasePriceInText {
			at, err := document.CompileFor(kind, path[i])
			if err != nil {
				at = nil
			}
			all = append(all, doubt{found[i], at, f})
		}
	}
	return all
}

// rulings are what was ruled on the texts of a submission, and whether it was refused for one. They
// hold of what these very bytes say, with what is said beside them.
func (g *Gateway) rulings(ctx context.Context, read ruled, a store.Arrival) (all []release.Ruling, refused bool, err error) {
	of, err := approvable(a)
	if err != nil {
		return nil, false, err
	}
	known, err := read.Rulings(ctx, a.Party, a.Called(), of)
	for _, r := range known {
		if r.Verdict == Refuse {
			refused = true
			continue
		}
		all = append(all, release.Ruling{Text: r.Text, Replacement: r.Replacement})
	}
	return all, refused, err
}

// ruled tells what was ruled on: of what is committed, or inside a unit of work.
type ruled interface {
	Rulings(ctx context.Context, office, id string, digest gateway.Digest) ([]store.Ruling, error)
}

// rulingsOf are the rulings on all that acts together, the last one's own first: what was ruled on a text
// of one holds of the same text in another. A change that repeats a text needs no second ruling: the
// partner has it already, or what travels in its place. Another crossing's text needs its own, for what
// is a model number beside one kind of goods is a price beside another.
func rulingsOf(steps []step) (all []release.Ruling) {
	for _, s := range slices.Backward(steps) {
		all = append(all, s.Rulings...)
	}
	return all
}

// doubtful reports whether all that is wrong with a submission is texts that nobody has ruled on.
func doubtful(faults gateway.Faults) bool {
	return faults.Refuse() && !slices.ContainsFunc(faults, func(f gateway.Fault) bool {
		return f.Severity == gateway.Error && f.Code != gateway.ReleasePriceInText
	})
}

// awaitRuling has a submission wait for a ruling instead of refusing it.
func (g *Gateway) awaitRuling(j *judgement) {
	s := &j.submission
	for i := range s.Faults {
		if f := &s.Faults[i]; f.Code == gateway.ReleasePriceInText {
			f.Severity = gateway.Warning
		}
	}
	s.State, s.WaitsFor, s.Expires = gateway.Held, []string{WaitsForRuling}, g.Now().Add(RulingTime)
}

// doubtEarly has a part that waits for others wait for a ruling too, where a text that it brings will need
// one: so that nobody waits for it at the gate.
func (g *Gateway) doubtEarly(ctx context.Context, j *judgement, plan Plan, parts []Part) error {
	if !plan.Route.WithholdsPrices() || len(parts) == 0 {
		return nil
	}
	plan.Judged = j.submission.Called()
	found, err := g.Chain.doubts(ctx, plan, parts, g.messageID(plan.Route.To, j, 0))
	if err != nil {
		return err
	}
	s := &j.submission
	found = slices.DeleteFunc(found, func(d doubt) bool { return d.fault.Location.Document != "" }) // another's to wait
	if len(found) == 0 {
		return nil
	}
	for _, d := range found {
		d.fault.Severity = gateway.Warning
		s.Faults = append(s.Faults, d.fault)
	}
	j.doubts, s.WaitsFor = found, append(s.WaitsFor, WaitsForRuling)
	if until := g.Now().Add(RulingTime); until.Before(s.Expires) {
		s.Expires = until
	}
	return nil
}

// doubts are the texts of parts that will need a ruling, whatever else is wrong with them yet.
func (c *Chain) doubts(ctx context.Context, p Plan, parts []Part, id gateway.MessageID) (all []doubt, err error) {
	for _, set := range joinable(p, parts) {
		d, err := c.draft(ctx, p, set, id)
		if err != nil {
			return nil, err
		}
		if d.whole.Document == nil {
			continue
		}
		o := &Output{of: d.t}
		all = append(all, o.doubts(document.Kind(d.whole.Document), p.Route.Doubts(d.whole.Document, p.Rulings...))...)
	}
	return all, nil
}

// doubts gives what releasing a document has found its places.
func (o *Output) doubts(kind string, faults gateway.Faults) []doubt {
	texts, paths := make([]gateway.Digest, len(faults)), make([]string, len(faults))
	for i, f := range faults {
		texts[i], paths[i] = gateway.DigestOf([]byte(f.Value)), f.Path
	}
	placed := o.mended(o.located(faults))
	for i := range placed {
		if f := &placed[i]; f.Place.IsZero() {
			f.Place = document.PlaceOf(o.of.whole, o.whole(f.Path))
		}
	}
	return doubtsOf(kind, texts, placed, paths)
}

// judgedAlike reports whether what was ruled on a judgement's submission and on what it would be joined
// with is still what it was judged by.
func (g *Gateway) judgedAlike(ctx context.Context, tx *store.Tx, a store.Arrival, j *judgement) (bool, error) {
	n := 0
	count := func(a store.Arrival) error {
		all, _, err := g.rulings(ctx, tx, a)
		n += len(all)
		return err
	}
	if err := count(a); err != nil {
		return false, err
	}
	for _, h := range j.held {
		of, err := tx.Arrival(ctx, store.DoorSubmit, h.Office, h.Called())
		if err != nil {
			return false, err
		}
		if err := count(of); err != nil {
			return false, err
		}
	}
	return n == j.rulings, nil
}

// Decision is what a supervisor rules on texts of a submission.
type Decision struct {
	Verdict string
	Place   string // of the text, as its fault names it or by its path; empty: of all that wait
	Text    string // what travels in its place
	Reason  string
}

// Rule records what a supervisor rules on texts of a submission that waits for it, and has it judged
// anew. Who submitted it, or what it is joined with, may not: an identity counts, and not its
// certificate. An error that is gateway.Faults refuses the request itself, and nothing is recorded.
func (g *Gateway) Rule(ctx context.Context, c Caller, office string, id gateway.SubmissionID, d Decision) (store.Submission, error) {
	reason, unfit := neededReason(d.Reason)
	if known := []string{NoPrice, Replace, Refuse}; !slices.Contains(known, d.Verdict) || (d.Verdict == Replace) != (d.Text != "") {
		f := fault(gateway.RulingUnfit, d.Verdict, strings.Join(known, ", "))
		f.Path = "verdict"
		unfit = append(unfit, f)
	}
	if len(unfit) > 0 {
		return store.Submission{}, g.refuse(ctx, c, nil, unfit...)
	}
	read := g.Store.Read()
	before, waits, err := waitingOf(ctx, read, office, string(id), WaitsForRuling)
	if err != nil {
		return store.Submission{}, err
	}
	if len(waits) == 0 {
		return store.Submission{}, gateway.Faults{fault(gateway.RulingNotAwaited, before.ID, string(before.State))}
	}
	a, err := read.Arrival(ctx, store.DoorSubmit, office, before.ID)
	if err != nil {
		return store.Submission{}, err
	}
	of, err := approvable(a)
	if err != nil {
		return store.Submission{}, err
	}
	room, err := g.room(ctx, c.URI, len(a.Content))
	if err != nil {
		return store.Submission{}, err
	}
	defer room.Release()
	ctx = within(ctx, room)
	j, err := g.judge(ctx, a, nil)
	if err != nil {
		return store.Submission{}, err
	}
	texts, err := j.decidedOn(d)
	if err != nil {
		return store.Submission{}, err
	}
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		s, waits, err := waitingOf(ctx, tx, office, before.ID, WaitsForRuling)
		if err != nil {
			return err
		}
		if len(waits) == 0 {
			return gateway.Faults{fault(gateway.RulingNotAwaited, s.ID, string(s.State))}
		}
		for _, of := range append([]store.Submission{s}, j.held...) {
			if own, err := submittedBy(ctx, tx, of, c.URI); err != nil {
				return err
			} else if own {
				return gateway.Faults{fault(gateway.ApprovalOwn, s.ID, "")}
			}
		}
		ruled, err := tx.Rulings(ctx, office, s.ID, of)
		if err != nil {
			return err
		}
		if len(ruled)+len(texts) > store.MaxRulings || slices.ContainsFunc(ruled, func(r store.Ruling) bool { return slices.Contains(texts, r.Text) }) { // another was faster
			return gateway.Faults{fault(gateway.RulingNotAwaited, s.ID, string(s.State))}
		}
		for _, text := range texts {
			if err := tx.PutRuling(store.Ruling{
				Office: office, ID: s.ID, Digest: of, Text: text, Verdict: d.Verdict, Replacement: d.Text, Caller: c.URI, Reason: reason, At: tx.Now(),
			}); err != nil {
				return err
			}
			if err := tx.Audit(c.URI, "text ruled on: "+d.Verdict, office+" "+s.ID, text); err != nil {
				return err
			}
		}
		if err := judgeAnew(ctx, tx, waits[0], "its texts were ruled on"); err != nil { // the second with it
			return err
		}
		for _, h := range j.heldWith(waits[0]) { // they wait with it, or for it
			if waitsForRuling(h) {
				if err := judgeAnew(ctx, tx, h, "what it waits with was ruled on"); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return store.Submission{}, err
	}
	g.Log.Tell(event.Event{Name: event.SubmissionRuled, Door: store.DoorSubmit, Party: office, ID: before.ID, Caller: c.URI, State: d.Verdict, Count: len(texts)})
	return g.judgeWaiting(ctx, office, before.ID, waits)
}

func waitsForRuling(s store.Submission) bool {
	return s.State == gateway.Held && slices.Contains(s.WaitsFor, WaitsForRuling)
}

// submittedBy reports whether an identity has submitted a submission, or had it judged.
func submittedBy(ctx context.Context, tx *store.Tx, s store.Submission, uri string) (bool, error) {
	a, err := tx.Arrival(ctx, store.DoorSubmit, s.Office, s.Called())
	if err != nil {
		return false, err
	}
	before, err := tx.Judgements(ctx, s.Office, s.Called(), MaxSubmitters)
	return a.Caller == uri || slices.ContainsFunc(before, func(j store.Judgement) bool { return j.Caller == uri }), err
}

// decidedOn are the texts of a judgement that a decision is about, each once.
func (j *judgement) decidedOn(d Decision) (texts []gateway.Digest, err error) {
	var at []doubt
	var places []string
	doubts := j.doubtsBoth()
	for _, o := range doubts {
		if place := o.fault.Location.Expr; d.Place == "" || d.Place == place || d.Place == o.fault.Path {
			at = append(at, o)
		}
		places = append(places, o.fault.Location.Expr)
	}
	for _, o := range at {
		if !slices.Contains(texts, o.text) {
			texts = append(texts, o.text)
		}
	}
	slices.Sort(places)
	places = slices.Compact(places)
	switch {
	case len(doubts) == 0:
		return nil, gateway.Faults{fault(gateway.RulingNotAwaited, j.submission.ID, string(j.submission.State))}
	case len(texts) == 0, d.Verdict == Replace && len(texts) > 1:
		f := fault(gateway.RulingPlace, d.Place, strings.Join(places[:min(len(places), maxNamed)], ", "))
		f.Path = "place"
		return nil, gateway.Faults{f}
	}
	if d.Verdict != Replace {
		return texts, nil
	}
	for _, o := range at {
		if o.field == nil || !j.replaceable(o.field, d.Text) {
			f := wanting(gateway.RulingText, d.Text, gateway.WordTextWithoutPrice)
			f.Path = "text"
			return nil, gateway.Faults{f}
		}
	}
	return texts, nil
}

// Rulings are what was ruled on the texts of a submission as it now stands.
func (g *Gateway) Rulings(ctx context.Context, s store.Submission) ([]store.Ruling, error) {
	a, err := g.Store.Read().Arrival(ctx, store.DoorSubmit, s.Office, s.ID)
	if err != nil {
		return nil, store.IgnoreNotFound(err)
	}
	of, err := approvable(a)
	if err != nil {
		return nil, err
	}
	all, err := g.Store.Read().Rulings(ctx, s.Office, s.ID, of)
	slices.SortStableFunc(all, func(a, b store.Ruling) int { return a.At.Compare(b.At) })
	return all, err
}
