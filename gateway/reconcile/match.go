package reconcile

import (
	"cmp"
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// Window is the route's time window: how long before and after a movement's times
// its plates, load units and seals still speak for it.
type Window struct {
	Before, After time.Duration
	// Apart is how far from each other two announcements of one vehicle expect it, if they
	// tell of two trips, where no batch number says so.
	Apart time.Duration
}

// closest is how much nearer in time a movement must be than all others to be the one.
const closest = time.Hour

// Strength says how far identifiers in common speak for a match.
type Strength int

// The strengths. A batch number names one crossing; a transport document opens a
// movement, but a consignment may cross in parts, and so may a transit, be it by number or
// carnet; a plate, load unit or seal comes again, and counts only inside the time window; one that is written in full on
// one side only counts least. A document that changes or takes back another belongs to it
// whatever it says.
const (
	ByPartOfPlate Strength = 1 + iota
	ByPlate
	ByWaybill
	ByBatch
	ByDocument
)

// Candidate is a movement that has something in common with a document.
type Candidate struct {
	Movement gateway.MovementID `json:"movement"`
	Strength Strength           `json:"strength"`
	By       []Identifier       `json:"by"` // the document's identifiers found in the movement

	far time.Duration // from the movement's nearest time
}

// Outcome is what matching came to.
type Outcome string

// The outcomes.
const (
	NoMatch   Outcome = "none"      // open a movement, if the document does
	OneMatch  Outcome = "one"       // attach
	Ambiguous Outcome = "ambiguous" // a person chooses
)

// Result is the outcome of matching, and what it rests on.
type Result struct {
	Outcome    Outcome     `json:"outcome"`
	Candidates []Candidate `json:"candidates,omitempty"` // of greatest strength; exactly one if Outcome is OneMatch
}

// Movement returns the one movement that matches, "" if there is not exactly one.
func (r Result) Movement() gateway.MovementID {
	if r.Outcome != OneMatch {
		return ""
	}
	return r.Candidates[0].Movement
}

// Match finds the movement that d belongs to. The time at is when d speaks of the
// crossing: its arrival, expected arrival or receipt.
//
// One trip is one movement: what announces another trip of the same vehicle belongs to none,
// and an arrival belongs to the trip that is still to come, that it has more in common with, or
// that it is nearest to in time. What remains equal is ambiguous, and so is a plate seen under
// another batch number.
func Match(d *customsv1.Document, from Origin, at time.Time, candidates []Movement, window Window) Result {
	return match(SoughtBy(d, from), d, from, at, candidates, window)
}

func match(own []Identifier, d *customsv1.Document, from Origin, at time.Time, candidates []Movement, window Window) Result {
	r := record(d, from)
	var best []Candidate
	var all []Movement // of best
	clash := false
	for _, m := range candidates {
		c, other := m.candidate(own, at, window)
		if slices.ContainsFunc(m.all(), r.sameMessage) {
			return Result{OneMatch, []Candidate{c}} // judged again
		}
		if slices.ContainsFunc(m.all(), func(o Record) bool { return o.replacedBy(r) }) {
			c.Strength = ByDocument
		}
		switch {
		case c.Strength == 0 || len(best) > 0 && c.Strength < best[0].Strength:
			continue
		case c.Strength < ByBatch && from.Departed && (m.otherTrip(r, other, window) || m.left(r, window)):
			continue
		case c.Strength < ByBatch && !from.Departed && (Announces(d) && m.otherTrip(r, other, window) || d.GetArrivalReport() != nil && m.over(r, window)):
			continue
		case len(best) > 0 && c.Strength > best[0].Strength:
			best, all, clash = nil, nil, false
		}
		best, all = append(best, c), append(all, m)
		clash = clash || other && c.Strength <= ByPlate && r.Kind != controlKind // whose subject may be of any kind
	}
	if len(best) > 1 {
		best = nearest(r, best, all)
	}
	switch {
	case len(best) == 0:
		return Result{Outcome: NoMatch}
	case len(best) > 1 || clash:
		return Result{Ambiguous, best}
	}
	return Result{OneMatch, best}
}

// nearest leaves of candidates of one strength those that r most likely belongs to: of an
// arrival, those that have not arrived yet; then those with most in common; then the one that
// is nearest in time.
func nearest(r Record, best []Candidate, of []Movement) []Candidate {
	keep := func(fits func(i int) bool) {
		var some []Candidate
		var their []Movement
		for i := range best {
			if fits(i) {
				some, their = append(some, best[i]), append(their, of[i])
			}
		}
		if len(some) > 0 {
			best, of = some, their
		}
	}
	if r.Kind == "ArrivalReport" {
		keep(func(i int) bool { return !of[i].arrived(r) })
	}
	most := 0
	for _, c := range best {
		most = max(most, len(c.By))
	}
	keep(func(i int) bool { return len(best[i].By) == most })
	best = slices.Clone(best)
	slices.SortStableFunc(best, func(a, b Candidate) int { return cmp.Compare(a.far, b.far) })
	if len(best) > 1 && best[1].far-best[0].far >= closest {
		return best[:1]
	}
	return best
}

// otherTrip reports whether r announces another trip than m, although they have something in
// common: other batches, the other direction, another trailer, or times that are too far apart.
// What tells all the goods of a waybill tells of one crossing, whenever each vehicle goes.
func (m Movement) otherTrip(r Record, otherBatch bool, w Window) bool {
	if otherBatch {
		return true
	}
	trailers := r.Facts.trailers()
	var known []string
	shares, same := false, false // a waybill, or all of its goods
	waybills := keys(r.Facts.Waybills)
	for _, o := range m.all() {
		if a, b := o.Facts.Entry.Administration, r.Facts.Entry.Administration; a != "" && b != "" && a != b {
			return true
		}
		known = append(known, o.Facts.trailers()...)
		if slices.ContainsFunc(o.Facts.Waybills, func(wb WaybillFact) bool { return waybills[wb.key()] }) {
			shares, same = true, same || r.WholeGoods && o.WholeGoods
		}
	}
	if same { // all of a waybill crosses once, be it on several vehicles and days
		return false
	}
	if !shares && len(trailers) > 0 && len(known) > 0 && !slices.ContainsFunc(trailers, func(t string) bool { return slices.Contains(known, t) }) {
		return true
	}
	if r.Expected.IsZero() {
		return false
	}
	stated := false
	for _, o := range m.Announced {
		if o.Expected.IsZero() {
			continue
		}
		if stated = true; o.Expected.Sub(r.Expected).Abs() <= w.Apart {
			return false
		}
	}
	return stated || len(m.Arrivals) > 0 && !slices.ContainsFunc(m.Arrivals, func(o Record) bool { return o.due().Sub(r.Expected).Abs() <= w.Apart })
}

// trailers are the keys of what is towed.
func (f Facts) trailers() (all []string) {
	for _, v := range f.Vehicles {
		if v.towed() {
			all = append(all, plateOf(v.Registration).core)
		}
	}
	for _, u := range f.Units {
		if u.Kind == "TRAILER_BODY" {
			all = append(all, plateOf(u.ID).core)
		}
	}
	return all
}

// arrived reports whether all of m has arrived, and with one of the vehicles of r.
func (m Movement) arrived(r Record) bool {
	return slices.ContainsFunc(m.counting(m.Arrivals), func(o Record) bool { return !o.Facts.Partial && o.sharesVehicle(r) })
}

// over reports whether m had arrived with one of the vehicles of the arrival r, and so long
// before it, or after it, that this is another trip.
func (m Movement) over(r Record, w Window) bool {
	return slices.ContainsFunc(m.counting(m.Arrivals), func(o Record) bool {
		return !o.Facts.Partial && o.sharesVehicle(r) && o.when().Sub(r.when()).Abs() > w.Apart
	})
}

// left reports whether m has left with one of the vehicles of the departure r, and so long
// before it, or after it, that this is another trip.
func (m Movement) left(r Record, w Window) bool {
	return slices.ContainsFunc(m.Departures, func(o Record) bool { return o.sharesVehicle(r) && o.At.Sub(r.At).Abs() > w.Apart })
}

func (r Record) sharesVehicle(o Record) bool {
	cores := make(map[string]bool, len(r.Facts.Vehicles))
	for _, v := range r.Facts.Vehicles {
		cores[plateOf(v.Registration).core] = true
	}
	return slices.ContainsFunc(o.Facts.Vehicles, func(v VehicleFact) bool { return cores[plateOf(v.Registration).core] })
}

// candidate weighs what m and a document's identifiers have in common. It reports
// whether both name batches, and none in common.
func (m Movement) candidate(own []Identifier, at time.Time, window Window) (c Candidate, otherBatch bool) {
	type key struct{ kind, folded string }
	known := make(map[key]bool)
	batches := false
	for _, id := range m.keys() {
		known[key{id.Kind, id.Folded}] = true
	}
	for _, r := range m.all() {
		batches = batches || r.Facts.Batch != ""
	}
	far, near := m.far(at, window)
	c.Movement, c.far = m.ID, far
	for _, id := range own {
		if !known[key{id.Kind, id.Folded}] {
			otherBatch = otherBatch || id.Kind == Batch && batches
			continue
		}
		strength := ByPlate
		switch id.Kind {
		case Batch:
			strength = ByBatch
		case documentID:
			strength = ByDocument
		case Waybill, Carnet, TransitNumber:
			strength = ByWaybill
		case plateKey, plateCoreKey:
			strength = ByPartOfPlate
		}
		if strength <= ByPlate && !near {
			continue
		}
		c.Strength = max(c.Strength, strength)
		c.By = append(c.By, id)
	}
	return c, otherBatch
}

// far is how far at is from the nearest of m's times, early being the less likely the shorter
// the window before them is; and whether it is within the window around it.
func (m Movement) far(at time.Time, w Window) (far time.Duration, near bool) {
	far = 1<<63 - 1
	for _, r := range m.all() {
		by := at.Sub(r.due())
		near = near || by >= -w.Before && by <= w.After
		if by < 0 && w.Before > 0 {
			by = -by * max(1, w.After/w.Before)
		}
		far = min(far, by.Abs())
	}
	return far, near
}

// Opens reports whether d may open a movement when nothing matches: it names a batch
// or a transport document, declares a transit or names the one it tells of, or is an arrival or a control of what
// nobody announced.
func Opens(d *customsv1.Document) bool {
	if d.GetArrivalReport() != nil || d.GetInspectionResult() != nil || d.GetTransitDeclaration() != nil {
		return true
	}
	f := read(d, "")
	return f.Batch != "" || len(f.Waybills) > 0 || d.GetTransitEvent() != nil && f.Carnet+f.TransitNumber != ""
}
