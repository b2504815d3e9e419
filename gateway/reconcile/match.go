package reconcile

import (
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// Window is the route's time window: how long before and after a movement's times
// its plates, load units and seals still speak for it.
type Window struct{ Before, After time.Duration }

// Strength says how far identifiers in common speak for a match.
type Strength int

// The strengths. A batch number names one crossing; a transport document opens a
// movement, but a consignment may cross in parts; a plate, load unit, seal or carnet
// comes again, and counts only inside the time window; one that is written in full on
// one side only counts least.
const (
	ByPartOfPlate Strength = 1 + iota
	ByPlate
	ByWaybill
	ByBatch
)

// Candidate is a movement that has something in common with a document.
type Candidate struct {
	Movement gateway.MovementID `json:"movement"`
	Strength Strength           `json:"strength"`
	By       []Identifier       `json:"by"` // the document's identifiers found in the movement
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
// crossing: its arrival, expected arrival or receipt. Several movements of the same
// strength are ambiguous, and so is a plate found under another batch number.
func Match(d *customsv1.Document, at time.Time, candidates []Movement, window Window) Result {
	own := SoughtBy(d)
	var best []Candidate
	clash := false
	for _, m := range candidates {
		c, other := m.candidate(own, at, window)
		switch {
		case c.Strength == 0 || len(best) > 0 && c.Strength < best[0].Strength:
			continue
		case len(best) > 0 && c.Strength > best[0].Strength:
			best, clash = nil, false
		}
		best = append(best, c)
		clash = clash || other && c.Strength <= ByPlate
	}
	switch {
	case len(best) == 0:
		return Result{Outcome: NoMatch}
	case len(best) > 1 || clash:
		return Result{Ambiguous, best}
	}
	return Result{OneMatch, best}
}

// candidate weighs what m and a document's identifiers have in common. It reports
// whether both name batches, and none in common.
func (m Movement) candidate(own []Identifier, at time.Time, window Window) (c Candidate, otherBatch bool) {
	type key struct{ kind, folded string }
	known := make(map[key]bool)
	batches := false
	for _, id := range Keys(m.Identifiers()) {
		known[key{id.Kind, id.Folded}] = true
		batches = batches || id.Kind == Batch
	}
	near := m.near(at, window)
	c.Movement = m.ID
	for _, id := range own {
		if !known[key{id.Kind, id.Folded}] {
			otherBatch = otherBatch || id.Kind == Batch && batches
			continue
		}
		strength := ByPlate
		switch id.Kind {
		case Batch:
			strength = ByBatch
		case Waybill:
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

// near reports whether at is within the window around any of m's times.
func (m Movement) near(at time.Time, w Window) bool {
	for _, r := range m.records() {
		t := r.when()
		if !r.Expected.IsZero() {
			t = r.Expected
		}
		if !at.Before(t.Add(-w.Before)) && !at.After(t.Add(w.After)) {
			return true
		}
	}
	return false
}

// Opens reports whether d may open a movement when nothing matches: it names a batch
// or a transport document, or it is an arrival that nobody announced.
func Opens(d *customsv1.Document) bool {
	if d.GetArrivalReport() != nil {
		return true
	}
	f := read(d, "")
	return f.Batch != "" || len(f.Waybills) > 0
}
