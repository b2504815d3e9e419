package reconcile

import (
	"cmp"
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
// unit is told from one that is missing. A change that an act records is explained, and so
// is a seal that a post or an operator added; a broken seal never is.
func (c *comparer) seals() {
	a, f := c.announced.seals, c.found.seals
	if !c.both(field("LoadUnit.seals"), len(a) > 0, len(f) > 0) {
		return
	}
	matched, missing, extra := pairs(a, f)
	var changes sealChanges
	for _, p := range matched {
		if p[0].ID != p[1].ID {
			c.folded(thing("seal", "", ""), p[0].ID, p[1].ID, p[0].Place, []gateway.Code{gateway.CmpWrittenOtherwise})
		}
		c.seal(&changes, p[0], p[1])
	}
	missing, extra = c.sealsByNumber(&changes, missing, extra)
	for _, s := range missing {
		if s.condition() == intact {
			changes.missing = append(changes.missing, missingSeal{s, ""})
		}
	}
	for _, s := range extra {
		if s.condition() != removed {
			changes.extra = append(changes.extra, s)
		}
	}
	c.changedSeals(changes)
}

// sealChanges are the seals that are not where they were announced, and those that nobody
// announced.
type sealChanges struct {
	missing []missingSeal
	extra   []SealFact
}

type missingSeal struct {
	SealFact
	state string // of what was found of it; empty: nothing
}

// changedSeals judges them by load unit: one seal in the place of another is one difference.
func (c *comparer) changedSeals(all sealChanges) {
	unexplained := make(map[string][]missingSeal) // by load unit
	lost := make(map[string]bool)                 // load units of which a seal is gone, with an act or without
	for _, s := range all.missing {
		unit := Fold(LoadUnit, s.Unit)
		lost[unit] = true
		if c.acts[s.key()].number == "" && s.state != "LOST" && (s.state != "" || c.come[unit]) {
			unexplained[unit] = append(unexplained[unit], s)
		}
	}
	unacted := make(map[string][]SealFact) // the extra ones by load unit, without an act
	for _, s := range all.extra {
		if unit := Fold(LoadUnit, s.Unit); c.acts[s.key()].number == "" {
			unacted[unit] = append(unacted[unit], s)
		}
	}
	instead := func(unit string) bool { return len(unexplained[unit]) == 1 && len(unacted[unit]) == 1 }
	for _, s := range all.missing {
		if unit := Fold(LoadUnit, s.Unit); instead(unit) && s.key() == unexplained[unit][0].key() {
			c.sealWithoutAct(s.SealFact, gateway.Term(unacted[unit][0].ID))
			continue
		}
		c.sealMissing(s)
	}
	for _, s := range all.extra {
		if unit := Fold(LoadUnit, s.Unit); !instead(unit) || s.key() != unacted[unit][0].key() {
			c.sealExtra(s, lost[unit])
		}
	}
}

func (c *comparer) seal(changes *sealChanges, a, f SealFact) {
	d := Discrepancy{Severity: gateway.Error, Subject: thing("seal", "", ""), Expected: gateway.Term(a.ID), Found: gateway.Term(f.ID), Place: a.Place}
	unit, other := Fold(LoadUnit, a.Unit), Fold(LoadUnit, f.Unit)
	switch {
	case a.condition() == removed && f.condition() != removed:
		changes.extra = append(changes.extra, f)
	case a.condition() == intact && f.condition() == removed:
		changes.missing = append(changes.missing, missingSeal{a, f.State})
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
func (c *comparer) sealsByNumber(changes *sealChanges, missing, extra []SealFact) (_, _ []SealFact) {
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
		c.seal(changes, s, extra[i])
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
func (c *comparer) sealMissing(s missingSeal) {
	act := c.acts[s.key()]
	d := Discrepancy{Code: gateway.CmpSealMissing, Severity: gateway.Error, Subject: thing("seal", "", ""), Expected: gateway.Term(s.ID), Found: stateWords(s.state), Place: s.Place}
	switch {
	case act.number != "" && s.state != "LOST":
		c.sealUnderAct(d, act)
	case s.state == "REMOVED" || s.state == "REPLACED":
		c.sealWithoutAct(s.SealFact, d.Found)
	case s.state != "" || c.come[Fold(LoadUnit, s.Unit)]:
		c.differ(d)
	default:
		c.absent(d)
	}
}

// sealUnderAct says that an act records what became of a seal: with its number, office and
// instant it explains that.
func (c *comparer) sealUnderAct(d Discrepancy, act act) {
	d.Code, d.Severity, d.Found = gateway.CmpSealReplaced, gateway.Info, gateway.Say(gateway.WordAct, act.number)
	if act.lacks != "" {
		d.Code, d.Severity, d.Found = gateway.CmpSealNoAct, gateway.Warning, gateway.Say(act.lacks, act.number)
	}
	c.differ(d)
}

// sealWithoutAct says that a seal was removed or replaced, and by what, and that no act says so.
func (c *comparer) sealWithoutAct(s SealFact, found gateway.Phrase) {
	c.differ(Discrepancy{Code: gateway.CmpSealNoAct, Severity: gateway.Error, Subject: thing("seal", "", ""), Expected: gateway.Term(s.ID), Found: found, Place: s.Place})
}

// sealExtra judges a seal that nobody announced. Lost says that another of its load unit is gone.
func (c *comparer) sealExtra(s SealFact, lost bool) {
	act := c.acts[s.key()]
	d := Discrepancy{Code: gateway.CmpSealExtra, Severity: gateway.Error, Subject: thing("seal", "", ""), Found: gateway.Term(s.ID), Place: s.Place}
	switch {
	case act.lacks != "":
		d.Severity, d.Difference = gateway.Warning, gateway.Say(act.lacks, act.number)
	case act.number != "" && lost:
		d.Code, d.Severity, d.Difference = gateway.CmpSealReplaced, gateway.Info, gateway.Say(gateway.WordAct, act.number)
	case act.number != "":
		d.Code, d.Severity, d.Difference = gateway.CmpSealAdded, gateway.Info, gateway.Say(gateway.WordAct, act.number)
	case s.added() && !lost:
		d.Code, d.Severity = gateway.CmpSealAdded, gateway.Info
	}
	c.differ(d)
}

// added reports whether it is said who affixed a seal, and when, and it is intact.
func (s SealFact) added() bool {
	return s.Change == "AFFIXED" && s.condition() == intact && s.At != "" && cmp.Or(s.Office.Code, s.Agency) != ""
}

// act is what records a change of a seal: its number, and what it does not say of itself.
type act struct {
	number string
	lacks  gateway.Wording
}

func (s SealFact) act() act {
	switch {
	case s.Act == "":
		return act{}
	case s.Office.Code == "":
		return act{s.Act, gateway.WordActNoOffice}
	case s.At == "":
		return act{s.Act, gateway.WordActNoInstant}
	}
	return act{number: s.Act}
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
