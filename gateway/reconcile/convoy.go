package reconcile

import (
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// combination is a road vehicle with what it tows.
type combination []VehicleFact

// towed reports whether a vehicle is drawn by another.
func (v VehicleFact) towed() bool { return v.Role == "TRAILER" || v.Role == "CHASSIS" }

// combinations are the road vehicles that records tell of, each once with all that it tows. A
// train is none, and of vehicles whose part nobody states those of one record are one.
func combinations(rs []Record) (all []combination) {
	at := make(map[string]int) // by the middle of each plate
	add := func(c combination) {
		i := len(all)
		for _, v := range c {
			if known, ok := at[plateOf(v.Registration).core]; ok {
				i = known
				break
			}
		}
		if i == len(all) && len(c) > 0 {
			all = append(all, nil)
		}
		for _, v := range c {
			at[plateOf(v.Registration).core] = i
			all[i] = append(all[i], v)
		}
	}
	for _, r := range rs {
		var c combination
		drawn := false
		for _, v := range r.Facts.Vehicles {
			draws := v.Role == customsv1.VehicleRole_TRACTOR.String()
			if !draws && !v.towed() && v.Role != "" {
				continue
			}
			if draws && drawn {
				add(c)
				c = nil
			}
			drawn = drawn || draws
			c = append(c, v)
		}
		add(c)
	}
	return all
}

// seen is what vehicles and load units have come, by the middle of their plates.
type seen map[string]bool

func seenIn(arrivals []Record) seen {
	s := make(seen)
	for _, r := range arrivals {
		for _, v := range r.Facts.Vehicles {
			s[plateOf(v.Registration).core] = true
		}
		for _, u := range r.Facts.Units {
			s[plateOf(u.ID).core] = true
		}
	}
	return s
}

func (s seen) any(c combination) bool {
	return slices.ContainsFunc(c, func(v VehicleFact) bool { return s[plateOf(v.Registration).core] })
}

// Vehicles is how many road vehicles, each with what it tows, were announced so far, and how
// many of them have come.
func (m Movement) Vehicles() (announced, arrived int) {
	come := seenIn(m.counting(m.Arrivals))
	for _, c := range combinations(m.counting(m.Announced)) {
		if announced++; come.any(c) {
			arrived++
		}
	}
	return announced, arrived
}

// Account is how the goods of one waybill stand: announced, arrived, and open, which is
// announced and still to come.
type Account struct {
	Waybill             string
	Packages, Kilograms Figures
}

// Figures are decimals; one is empty where nobody states it.
type Figures struct{ Announced, Arrived, Open string }

// Accounts says of each waybill of m, in the order in which they were told, how its goods
// stand. Of a movement of which nothing is expected any more nothing is open.
func (m Movement) Accounts() []Account {
	announced, arrivals := m.counting(m.Announced), m.counting(m.Arrivals)
	expected, come := combine(announced).Waybills, combine(arrivals).Waybills
	open := !m.Closed && len(announced) > 0 && (len(arrivals) == 0 || arrivals[len(arrivals)-1].Facts.Partial || expectsMore(announced, arrivals))
	figures := func(a, f Quantity) Figures {
		out := Figures{Announced: a.Value, Arrived: f.Value}
		switch rest := number(a.Value); {
		case a.Value == "":
		case !open:
			out.Open = "0"
		default:
			if f.Value != "" {
				rest = rest.Sub(number(f.Value))
			}
			if out.Open = rest.String(); rest.Sign() < 0 {
				out.Open = "0"
			}
		}
		return out
	}
	both, missing, extra := pairs(expected, come)
	for _, w := range missing {
		both = append(both, [2]WaybillFact{w, {}})
	}
	for _, w := range extra {
		both = append(both, [2]WaybillFact{{ID: w.ID}, w})
	}
	out := make([]Account, len(both))
	for i, p := range both {
		out[i] = Account{p[0].ID, figures(p[0].Packages, p[1].Packages), figures(p[0].GrossMass, p[1].GrossMass)}
	}
	return out
}

// expectsMore reports whether several vehicles were announced of which one has not come, or
// of whose packages some have not.
func expectsMore(announced, arrivals []Record) bool {
	if len(arrivals) == 0 {
		return false
	}
	if train(announced) {
		return wagonsExpected(combine(announced), combine(arrivals))
	}
	convoy, come := combinations(announced), seenIn(arrivals)
	if len(convoy) < 2 {
		return false
	}
	if slices.ContainsFunc(convoy, func(c combination) bool { return !come.any(c) }) {
		return true
	}
	a, f := combine(announced), combine(arrivals)
	both, _, _ := pairs(a.Waybills, f.Waybills)
	return fewer(a.Packages, f.Packages) || slices.ContainsFunc(both, func(p [2]WaybillFact) bool { return fewer(p[0].Packages, p[1].Packages) })
}

func fewer(a, f Quantity) bool {
	return a.Value != "" && f.Value != "" && number(f.Value).Cmp(number(a.Value)) < 0
}

func (v VehicleFact) wagon() bool { return v.Role == customsv1.VehicleRole_WAGON.String() }

func wagons(vs []VehicleFact) (n int) {
	for _, v := range vs {
		if v.wagon() {
			n++
		}
	}
	return n
}

// train reports whether a train was announced: several wagons.
func train(announced []Record) bool { return wagons(combine(announced).Vehicles) > 1 }

// wagonsExpected reports whether wagons of a train are still to come: some are held back, or wait to be
// reloaded. What tells it is the goods, where both sides tell them, and else the number of wagons, for
// behind a break of gauge they are others.
func wagonsExpected(a, f combined) bool {
	both, missing, _ := pairs(a.Waybills, f.Waybills)
	switch {
	case len(a.Waybills) > 0 && len(f.Waybills) > 0:
		return len(missing) > 0 || fewer(a.Packages, f.Packages) || slices.ContainsFunc(both, func(p [2]WaybillFact) bool { return fewer(p[0].Packages, p[1].Packages) })
	case a.Packages.Value != "" && f.Packages.Value != "":
		return fewer(a.Packages, f.Packages)
	}
	return wagons(f.Vehicles) > 0 && wagons(f.Vehicles) < wagons(a.Vehicles)
}

// Complete reports whether something of m has arrived and nothing announced is still to come.
func (m Movement) Complete() bool {
	return len(m.Comparisons) > 0 && len(m.Comparisons[len(m.Comparisons)-1].Outstanding) == 0
}

// Deadline is until when m waits for the rest of a convoy or a train; zero if it waits for none.
func (m Movement) Deadline(tol Tolerances) time.Time {
	announced := m.counting(m.Announced)
	if !expectsMore(announced, m.counting(m.Arrivals)) {
		return time.Time{}
	}
	var last time.Time
	for _, r := range announced {
		for _, t := range []time.Time{r.Expected, r.Received} {
			if t.After(last) {
				last = t
			}
		}
	}
	if train(announced) {
		return last.Add(tol.trainOpen)
	}
	return last.Add(tol.convoyOpen)
}

// AsOf is m as it stands at an instant: what has not come until its deadline is missing.
func (m Movement) AsOf(at time.Time, tol Tolerances) Movement {
	if deadline := m.Deadline(tol); !deadline.IsZero() && at.After(deadline) {
		m.Closed = true
		m = m.compared(tol)
	}
	return m
}

// together compares when the vehicles of a convoy come: they are to cross together. It says
// so of a vehicle that is far behind the first one.
func (c *comparer) together(announced, arrivals []Record) {
	last, convoy := arrivals[len(arrivals)-1], combinations(announced)
	if c.tol.convoySource == "" || last.At.IsZero() || len(convoy) < 2 {
		return
	}
	before, now := seenIn(arrivals[:len(arrivals)-1]), seenIn(arrivals[len(arrivals)-1:])
	var first time.Time
	for _, r := range arrivals[:len(arrivals)-1] {
		here := seenIn([]Record{r})
		if !r.At.IsZero() && (first.IsZero() || r.At.Before(first)) && slices.ContainsFunc(convoy, here.any) {
			first = r.At
		}
	}
	by := last.At.Sub(first)
	if first.IsZero() || by <= c.tol.convoyApart {
		return
	}
	for _, v := range convoy {
		if now.any(v) && !before.any(v) {
			c.differ(Discrepancy{
				Code: gateway.CmpConvoyApart, Severity: gateway.Info, Subject: thing(wordOf(v[0]), v[0].Registration, "ArrivalReport.at"),
				Expected: gateway.Term(document.FormatInstant(first)), Found: gateway.Term(document.FormatInstant(last.At)),
				Tolerance: gateway.Term(c.tol.convoySource), Difference: duration(by), Place: v[0].Place,
			})
		}
	}
}
