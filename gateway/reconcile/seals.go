package reconcile

import (
	"slices"

	"customs.example/gateway"
)

// condition is what a seal's last event leaves of it.
type condition int

const (
	intact condition = iota
	broken
	removed
)

func (s SealFact) condition() condition {
	switch s.State {
	case "BROKEN":
		return broken
	case "REMOVED", "REPLACED", "LOST":
		return removed
	}
	return intact
}

// stateWords is what a seal's last event left of it, in words; a seal without one says nothing.
func stateWords(state string) gateway.Phrase {
	switch state {
	case "BROKEN":
		return gateway.Say(gateway.WordSealBroken)
	case "REMOVED":
		return gateway.Say(gateway.WordSealRemoved)
	case "REPLACED":
		return gateway.Say(gateway.WordSealReplaced)
	case "LOST":
		return gateway.Say(gateway.WordSealLost)
	}
	return gateway.Phrase{}
}

// seals compares seals over the whole movement, so that one found on another load
// unit is told from one that is missing. A change that an act records is explained;
// a broken seal never is.
func (c *comparer) seals() {
	a, f := c.announced.seals, c.found.seals
	if !c.both(field("LoadUnit.seals"), len(a) > 0, len(f) > 0) {
		return
	}
	matched, missing, extra := pairs(a, f)
	for _, p := range matched {
		if p[0].ID != p[1].ID {
			c.folded(thing("seal", "", ""), p[0].ID, p[1].ID, p[0].Place, []gateway.Code{gateway.CmpWrittenOtherwise})
		}
		c.seal(p[0], p[1])
	}
	missing, extra = c.sealsByNumber(missing, extra)
	for _, s := range missing {
		if s.condition() == intact {
			c.sealMissing(s, "")
		}
	}
	for _, s := range extra {
		if s.condition() != removed {
			c.sealExtra(s)
		}
	}
}

func (c *comparer) seal(a, f SealFact) {
	d := Discrepancy{Severity: gateway.Error, Subject: thing("seal", "", ""), Expected: gateway.Term(a.ID), Found: gateway.Term(f.ID), Place: a.Place}
	unit, other := Fold(LoadUnit, a.Unit), Fold(LoadUnit, f.Unit)
	switch {
	case a.condition() == removed && f.condition() != removed:
		c.sealExtra(f)
	case a.condition() == intact && f.condition() == removed:
		c.sealMissing(a, f.State)
	case a.condition() == intact && f.condition() == broken:
		d.Code, d.Found = gateway.CmpSealBroken, stateWords(f.State)
		c.differ(d)
	case unit != "" && other != "" && unit != other && a.condition() != removed:
		d.Code, d.Subject, d.Expected, d.Found = gateway.CmpSealMoved, thing("seal", a.ID, ""), gateway.Term(a.Unit), gateway.Term(f.Unit)
		c.differ(d)
	default:
		c.out.Agreed++
	}
}

// sealsByNumber takes out of what is missing and what is extra the seals that are the same
// but for their kind, which one side writes before the number. It does so only where no
// other seal of either side has the number.
func (c *comparer) sealsByNumber(missing, extra []SealFact) (_, _ []SealFact) {
	alone := func(all []SealFact) map[string]int {
		n := make(map[string]int)
		for _, s := range all {
			n[sealNumber(s.ID)]++
		}
		return n
	}
	announced, found := alone(c.announced.seals), alone(c.found.seals)
	at := make(map[string]int)
	for i, e := range extra {
		at[sealNumber(e.ID)] = i
	}
	paired := make(map[int]bool)
	missing = slices.DeleteFunc(slices.Clone(missing), func(s SealFact) bool {
		number := sealNumber(s.ID)
		i, ok := at[number]
		if !ok || announced[number] > 1 || found[number] > 1 || s.key() != number && extra[i].key() != number {
			return false
		}
		paired[i] = true
		c.folded(thing("seal", "", ""), s.ID, extra[i].ID, s.Place, []gateway.Code{gateway.CmpSealKind})
		c.seal(s, extra[i])
		return true
	})
	var rest []SealFact
	for i, e := range extra {
		if !paired[i] {
			rest = append(rest, e)
		}
	}
	return missing, rest
}

// sealMissing judges a seal that was announced intact and is not there. Of a load
// unit that may still come it is outstanding.
func (c *comparer) sealMissing(s SealFact, state string) {
	d := Discrepancy{Code: gateway.CmpSealMissing, Severity: gateway.Error, Subject: thing("seal", "", ""), Expected: gateway.Term(s.ID), Found: stateWords(state), Place: s.Place}
	if act := c.acts[s.key()]; act != "" && state != "LOST" {
		d.Code, d.Severity, d.Found = gateway.CmpSealReplaced, gateway.Info, gateway.Say(gateway.WordAct, act)
		c.differ(d)
		return
	}
	if state != "" || c.come[Fold(LoadUnit, s.Unit)] {
		c.differ(d)
		return
	}
	c.absent(d)
}

func (c *comparer) sealExtra(s SealFact) {
	d := Discrepancy{Code: gateway.CmpSealExtra, Severity: gateway.Error, Subject: thing("seal", "", ""), Found: gateway.Term(s.ID), Place: s.Place}
	if act := c.acts[s.key()]; act != "" {
		d.Code, d.Severity, d.Difference = gateway.CmpSealReplaced, gateway.Info, gateway.Say(gateway.WordAct, act)
	}
	c.differ(d)
}

// waybills compares transport documents, and the tally of each where goods were
// counted.
func (c *comparer) waybills() {
	a, f := c.announced.Waybills, c.found.Waybills
	if !c.both(field("ArrivalReport.transportDocuments"), len(a) > 0, len(f) > 0) {
		return
	}
	matched, missing, extra := pairs(a, f)
	for _, p := range matched {
		c.out.Agreed++
		if tally := p[1].GrossMass; tally.Value != "" {
			c.quantity(thing("waybill", p[0].ID, "Totals.grossMass"), grossMass, p[0].GrossMass, tally)
		}
		if tally := p[1].Packages; tally.Value != "" {
			c.quantity(thing("waybill", p[0].ID, "Totals.packages"), packageCount, p[0].Packages, tally)
		}
	}
	for _, w := range missing {
		c.absent(Discrepancy{Code: gateway.CmpWaybillMissing, Severity: gateway.Error, Subject: thing("waybill", "", ""), Expected: gateway.Term(w.ID), Place: w.Place})
	}
	for _, w := range extra {
		c.differ(Discrepancy{Code: gateway.CmpWaybillExtra, Severity: gateway.Error, Subject: thing("waybill", "", ""), Found: gateway.Term(w.ID), Place: w.Place})
	}
}
