package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// office compares where the goods were to enter with where they were seen: what enters
// in transit may be seen where one of its transits is to end. Codes of two administrations
// are not comparable; where one side names none, the codes alone are compared.
func (c *comparer) office(found OfficeFact) {
	subject, expected := field("PreArrivalNotice.entryOffice"), []OfficeFact{c.announced.Entry}
	if c.announced.Entry.Code == "" {
		subject, expected = field("Transit.destination"), c.announced.Destinations
	}
	if !c.both(subject, len(expected) > 0, found.Code != "") {
		return
	}
	seen := func(o OfficeFact) bool { return o.office().Same(found.office()) }
	if slices.ContainsFunc(expected, seen) || slices.ContainsFunc(c.announced.Destinations, seen) {
		c.out.Agreed++
		return
	}
	expected = slices.DeleteFunc(slices.Clone(expected), func(o OfficeFact) bool {
		return o.Administration != "" && found.Administration != "" && o.Administration != found.Administration
	})
	if len(expected) == 0 {
		c.notCompared(subject, gateway.WordTwoAdministrations)
		return
	}
	var codes gateway.Phrase
	for _, o := range expected[:min(len(expected), maxOffices)] {
		codes.Terms = append(codes.Terms, o.Code)
	}
	if len(expected) > maxOffices {
		codes.Terms = append(codes.Terms, "…")
	}
	c.differ(Discrepancy{
		Code: gateway.CmpOffice, Severity: gateway.Warning, Subject: subject,
		Expected: codes, Found: gateway.Term(found.Code), Place: expected[0].Place,
	})
}

// maxOffices is how many offices a discrepancy names; a train's goods may go to more.
const maxOffices = 9

func (c *comparer) empty() {
	a, f := c.announced, c.found
	d := Discrepancy{Code: gateway.CmpEmpty, Severity: gateway.Error, Subject: field("Transport.empty")}
	empty, withGoods := gateway.Say(gateway.WordEmpty), gateway.Say(gateway.WordWithGoods)
	switch {
	case a.Empty && !a.hasGoods() && f.hasGoods():
		d.Expected, d.Found = empty, withGoods
	case a.hasGoods() && f.Empty && !f.hasGoods():
		d.Expected, d.Found = withGoods, empty
	default:
		return
	}
	c.differ(d)
}

// vehicles compares plates. Vehicles are assignments: the load unit and its seals
// carry the identity of what moves, so another vehicle is a warning, and none where
// its taking over is recorded with a reason.
func (c *comparer) vehicles() {
	a, f := c.announced.Vehicles, c.found.Vehicles
	if !c.both(field("Transport.vehicles"), len(a) > 0, len(f) > 0) {
		return
	}
	matched, missing, extra := pairs(a, f)
	for _, p := range matched {
		if samePlate(p[0].Registration, p[1].Registration) {
			c.sameVehicle(p[0], p[1], nil)
			continue
		}
		missing, extra = append(missing, p[0]), append(extra, p[1])
	}
	missing, extra = c.partOfPlate(missing, extra)
	announcedUnits, foundUnits := keys(c.announced.Units), keys(c.found.Units) // a trailer may stand in either list
	extra = slices.DeleteFunc(extra, func(v VehicleFact) bool { return announcedUnits[v.key()] })
	if c.reloaded {
		missing, extra = c.otherWagons(missing, extra)
	}
	for _, v := range missing {
		other := -1
		if !c.partial && oneOfRole(missing, v.Role) && oneOfRole(extra, v.Role) {
			other = slices.IndexFunc(extra, func(e VehicleFact) bool { return e.Role == v.Role })
		}
		d := Discrepancy{Severity: gateway.Warning, Subject: subjectOf(v), Expected: gateway.Term(v.Registration), Place: v.Place}
		switch {
		case other >= 0:
			d.Found = gateway.Term(extra[other].Registration)
			d.Code, d.Severity = c.changed(extra[other])
			c.differ(d)
			extra = slices.Delete(extra, other, other+1)
		case foundUnits[v.key()]:
			c.out.Agreed++
		default:
			d.Code = gateway.CmpVehicleMissing
			c.absent(d)
		}
	}
	for _, v := range extra {
		d := Discrepancy{Code: gateway.CmpVehicleExtra, Severity: gateway.Warning, Subject: subjectOf(v), Found: gateway.Term(v.Registration), Place: v.Place}
		if c.explained(v) {
			d.Code, d.Severity = gateway.CmpVehicleChanged, gateway.Info
		}
		c.differ(d)
	}
}

// otherWagons takes out of what is missing and what came instead the wagons that were reloaded: where the gauge
// breaks, others come than were announced, and which of them hold whose goods only who reloads can say. Wagons
// that came as announced stand on the rails that they came on.
func (c *comparer) otherWagons(missing, extra []VehicleFact) (_, _ []VehicleFact) {
	if wagons(extra) == 0 {
		return missing, extra
	}
	for _, v := range extra {
		if v.wagon() {
			c.differ(Discrepancy{Code: gateway.CmpVehicleChanged, Severity: gateway.Info, Subject: subjectOf(v), Found: gateway.Term(v.Registration), Place: v.Place})
		}
	}
	if wagons(missing) > 0 {
		c.notCompared(thing("wagon", "", ""), gateway.WordReloaded)
	}
	return slices.DeleteFunc(missing, VehicleFact.wagon), slices.DeleteFunc(extra, VehicleFact.wagon)
}

// sameVehicle records that two vehicles are one, and what was folded to say so.
func (c *comparer) sameVehicle(a, f VehicleFact, folds []gateway.Code) {
	c.out.Agreed++
	if folds == nil && a.Registration != f.Registration {
		folds = []gateway.Code{gateway.CmpWrittenOtherwise}
	}
	if a.Together != f.Together {
		folds = append(folds, gateway.CmpPlatesTogether)
	}
	c.folded(subjectOf(a), a.Registration, f.Registration, a.Place, folds)
}

// folded says by what foldings two values are the same.
func (c *comparer) folded(subject gateway.Place, announced, found string, at Place, folds []gateway.Code) {
	for _, code := range folds {
		c.out.Folded = append(c.out.Folded, fold(code, subject, announced, found, at))
	}
}

func fold(code gateway.Code, subject gateway.Place, announced, found string, at Place) Discrepancy {
	return Discrepancy{Code: code, Severity: gateway.Info, Subject: subject, Expected: gateway.Term(announced), Found: gateway.Term(found), Place: at}
}

// partOfPlate takes out of what is missing and what came instead the vehicles whose
// plates are the same but for what people leave out or add. It does so only where no
// other vehicle of either side could be meant.
func (c *comparer) partOfPlate(missing, extra []VehicleFact) (_, _ []VehicleFact) {
	alone := func(all []VehicleFact) map[string]int {
		n := make(map[string]int)
		for _, v := range all {
			n[plateOf(v.Registration).core]++
		}
		return n
	}
	announced, found := alone(c.announced.Vehicles), alone(c.found.Vehicles)
	at := make(map[string]int)
	for i, e := range extra {
		at[plateOf(e.Registration).core] = i
	}
	paired := make(map[int]bool)
	missing = slices.DeleteFunc(slices.Clone(missing), func(v VehicleFact) bool {
		p := plateOf(v.Registration)
		i, ok := at[p.core]
		if !ok || announced[p.core] > 1 || found[p.core] > 1 {
			return false
		}
		e := extra[i]
		folds := p.like(plateOf(e.Registration))
		if folds == nil || v.Role != "" && e.Role != "" && v.Role != e.Role {
			return false
		}
		paired[i] = true
		c.sameVehicle(v, e, folds)
		return true
	})
	var rest []VehicleFact
	for i, e := range extra {
		if !paired[i] {
			rest = append(rest, e)
		}
	}
	return missing, rest
}

// explained reports whether it is recorded that a vehicle took over a load unit: a tractor with
// a reason or an act, a trailer under an act, which goods do not change without.
func (c *comparer) explained(v VehicleFact) bool {
	return c.acted[v.key()] || c.carriers[v.key()] && !v.towed()
}

// changed says what it is that v came in place of another vehicle: recorded, drop-and-hook, or
// another plate.
func (c *comparer) changed(v VehicleFact) (gateway.Code, gateway.Severity) {
	switch {
	case c.explained(v):
		return gateway.CmpVehicleChanged, gateway.Info
	case v.towed():
		return gateway.CmpTrailer, gateway.Warning
	}
	return gateway.CmpPlate, gateway.Warning
}

func subjectOf(v VehicleFact) gateway.Place {
	return thing(wordOf(v), "", "")
}

func wordOf(v VehicleFact) string {
	return strings.ToLower(cmp.Or(v.Role, "vehicle"))
}

func oneOfRole(vs []VehicleFact, role string) bool {
	n := 0
	for _, v := range vs {
		if v.Role == role {
			n++
		}
	}
	return n == 1
}

func (c *comparer) units() {
	named := func(us []UnitFact) []UnitFact {
		return slices.DeleteFunc(slices.Clone(us), func(u UnitFact) bool { return u.key() == "" })
	}
	a, f := named(c.announced.Units), named(c.found.Units)
	if !c.both(field("Manifest.loadUnits"), len(a) > 0, len(f) > 0) {
		return
	}
	matched, missing, extra := pairs(a, f)
	for _, p := range matched {
		c.unit(p[0], p[1])
	}
	announcedVehicles, foundVehicles := keys(c.announced.Vehicles), keys(c.found.Vehicles)
	if c.reloaded && slices.ContainsFunc(extra, UnitFact.onWagon) { // as its wagon
		missing, extra = slices.DeleteFunc(missing, UnitFact.onWagon), slices.DeleteFunc(extra, UnitFact.onWagon)
	}
	for _, u := range missing {
		if foundVehicles[u.key()] {
			c.out.Agreed++
			continue
		}
		c.absent(Discrepancy{Code: gateway.CmpUnitMissing, Severity: gateway.Error, Subject: thing("loadUnit", "", ""), Expected: gateway.Term(u.ID), Place: u.Place})
	}
	for _, u := range extra {
		if !announcedVehicles[u.key()] {
			c.differ(Discrepancy{Code: gateway.CmpUnitExtra, Severity: gateway.Error, Subject: thing("loadUnit", "", ""), Found: gateway.Term(u.ID), Place: u.Place})
		}
	}
}

// onWagon reports whether a unit is what one wagon holds, and has its number.
func (u UnitFact) onWagon() bool { return u.Kind == customsv1.LoadUnitKind_WAGON_BODY.String() }

func (c *comparer) unit(a, f UnitFact) {
	same := true
	check := func(code gateway.Code, label, expected, found string, differ bool) {
		if expected != "" && found != "" && differ {
			same = false
			c.differ(Discrepancy{Code: code, Severity: gateway.Warning, Subject: thing("loadUnit", a.ID, label), Expected: gateway.Term(expected), Found: gateway.Term(found), Place: a.Place})
		}
	}
	check(gateway.CmpUnitType, "LoadUnit.sizeType", a.SizeType, f.SizeType, a.SizeType != f.SizeType)
	const empty = "4" // UN/EDIFACT 8169
	check(gateway.CmpUnitFullness, "LoadUnit.fullness", a.Fullness, f.Fullness, (a.Fullness == empty) != (f.Fullness == empty))
	if same {
		c.out.Agreed++
	}
}

// tare compares what a vehicle that is said to be empty weighs with its tare: the sum of what its
// parts weigh empty, as either side says. Where one of them has none said nothing is compared.
func (c *comparer) tare() {
	a, f := c.announced, c.found
	weighed := f.VehicleMass
	if weighed.Value == "" {
		weighed = a.VehicleMass
	}
	if !a.Empty && !f.Empty || weighed.Value == "" {
		return
	}
	tares := make(map[string]string) // by vehicle or load unit
	for _, side := range []combined{a, f} {
		for _, v := range side.Vehicles {
			tares[v.key()] = cmp.Or(v.Tare, tares[v.key()])
		}
		for _, u := range side.Units {
			tares[Fold(Vehicle, u.ID)] = cmp.Or(u.Tare, tares[Fold(Vehicle, u.ID)])
		}
	}
	come := f
	if len(f.Vehicles) == 0 {
		come = a
	}
	of := make(map[string]bool)
	for _, v := range come.Vehicles {
		of[v.key()] = true
	}
	for _, u := range come.Units {
		if u.ID != "" {
			of[Fold(Vehicle, u.ID)] = true
		}
	}
	sum := document.Number{}
	for key := range of {
		if tares[key] == "" {
			c.notCompared(field("Vehicle.tare"), gateway.WordTareNotStated)
			return
		}
		sum = sum.Add(number(tares[key]))
	}
	if len(of) == 0 {
		return
	}
	d, sign := c.tol.difference(tareMass, Quantity{Value: sum.String(), Place: a.VehicleMass.Place}, weighed)
	if sign <= 0 { // lighter is no load
		c.out.Agreed++
		return
	}
	d.Code, d.Severity, d.Subject = gateway.CmpTare, gateway.Error, field("Vehicle.tare")
	c.differ(d)
}
