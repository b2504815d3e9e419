package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// Results of a comparison. None of them is a verdict on a message.
const (
	Agrees           = "agrees"
	Differs          = "differs" // by more than information
	NothingToCompare = "nothing to compare"
)

// Comparison is how everything that had arrived by one arrival differs from what was
// announced.
type Comparison struct {
	ArrivalID     gateway.MessageID `json:"arrivalId"`
	At            time.Time         `json:"at"` // when the last document that it rests on was received
	Result        string            `json:"result"`
	Agreed        int               `json:"agreed"` // how many single comparisons agreed
	Discrepancies []Discrepancy     `json:"discrepancies,omitempty"`
	Outstanding   []Discrepancy     `json:"outstanding,omitempty"` // still to come, after a partial arrival
	Folded        []Discrepancy     `json:"folded,omitempty"`      // written otherwise and the same, and by what folding
	NotCompared   []NotCompared     `json:"notCompared,omitempty"`
	Omitted       int               `json:"omitted,omitempty"` // discrepancies that a partner has found and does not list
}

// NotCompared is what could not be compared, and why.
type NotCompared struct {
	Subject gateway.Place  `json:"subject"`
	Reason  gateway.Phrase `json:"reason"`
}

// Discrepancy is one difference, with everything a person needs to judge it. What is
// said of it is data, so that each reader gets it in a language of his own.
type Discrepancy struct {
	Code           gateway.Code     `json:"code"`
	Severity       gateway.Severity `json:"severity"`
	Subject        gateway.Place    `json:"subject"`
	Expected       gateway.Phrase   `json:"expected,omitzero"`
	Found          gateway.Phrase   `json:"found,omitzero"`
	ExpectedMethod string           `json:"expectedMethod,omitempty"` // a name of customs.v1.WeightMethod
	FoundMethod    string           `json:"foundMethod,omitempty"`
	Tolerance      gateway.Phrase   `json:"tolerance,omitzero"`
	Difference     gateway.Phrase   `json:"difference,omitzero"` // the subtraction written out, or what explains it
	Place                           // of what was announced, or of what was found if nothing was
	FoundPlace     Place            `json:"foundPlace,omitzero"` // of what a filing says
}

// Fault returns the discrepancy as the catalogue words it.
func (d Discrepancy) Fault() gateway.Fault {
	f := gateway.Fault{Code: d.Code, Severity: d.Severity, Path: d.Path, Found: d.Found, Expected: d.Expected}
	if d.Found.Wording == "" {
		f.Value, f.Found = d.Found.String(), gateway.Phrase{}
	}
	return f
}

// field is a subject by its label: Message.field of the dictionary.
func field(label string) gateway.Place { return gateway.Place{Label: label} }

// thing is a subject by what it is called, and by its key where it has one; with a label
// it is a field of it.
func thing(word, key, label string) gateway.Place {
	return gateway.Place{Steps: []gateway.PlaceStep{{Word: "place." + word, Key: key}}, Label: label}
}

// Compare compares one announcement with one arrival. The time is that of both
// being there.
func Compare(announced, arrival *customsv1.Document, tol Tolerances, at time.Time) Comparison {
	a := record(announced, Origin{Message: "announced", Received: at})
	f := record(arrival, Origin{Message: "arrival", Received: at})
	return compare([]Record{a}, combine([]Record{a}), []Record{f}, nil, f.Facts.Partial || expectsMore([]Record{a}, []Record{f}), tol)
}

// compared returns m with its comparisons made anew from its records.
func (m Movement) compared(tol Tolerances) Movement { return m.filed(tol).comparedFrom(0, tol) }

// comparedFrom returns m with its comparisons made anew, but for the first ones. Of what is still to
// come only the last one tells: it is what the others said, but for what has come since.
func (m Movement) comparedFrom(first int, tol Tolerances) Movement {
	announced, arrivals, inspections := m.counting(m.Announced), m.counting(m.Arrivals), m.counting(m.Inspections)
	expected := combine(announced)
	m.Comparisons = slices.Clip(m.Comparisons[:first])
	for i := first; i < len(arrivals); i++ {
		last := i+1 == len(arrivals)
		partial := arrivals[i].Facts.Partial || !last || !m.Closed && expectsMore(announced, arrivals)
		c := compare(announced, expected, arrivals[:i+1], inspections, partial, tol)
		if by := arrivals[i].Told; by != nil && !(last && m.Closed && expectsMore(announced, arrivals)) {
			c.Result, c.Agreed, c.Discrepancies, c.Folded, c.NotCompared, c.Omitted = by.Result, by.Agreed, by.Discrepancies, nil, nil, by.Omitted
		}
		if !last {
			c.Outstanding = nil
		}
		m.Comparisons = append(m.Comparisons, c)
	}
	return m
}

// withArrival returns m, to which an arrival was added, with what that changes of its comparisons: one
// that comes last and takes nobody's place changes only what the one before it had still to come.
func (m Movement) withArrival(r Record, tol Tolerances) Movement {
	arrivals, before := m.counting(m.Arrivals), len(m.Comparisons)
	if r.Withdraws || len(r.Replaces) > 0 || len(arrivals) != before+1 || !arrivals[before].sameMessage(r) {
		return m.compared(tol)
	}
	for i, c := range m.Comparisons {
		if c.ArrivalID != arrivals[i].Message {
			return m.compared(tol)
		}
	}
	return m.comparedFrom(max(0, before-1), tol)
}

// compare compares all that was announced, and what that tells together, with all that has arrived,
// the last of arrivals being the one asked about.
func compare(announced []Record, expected combined, arrivals, inspections []Record, partial bool, tol Tolerances) Comparison {
	last := arrivals[len(arrivals)-1]
	c := comparer{
		announced: expected, found: combine(arrivals), partial: partial, tol: tol,
		out:  Comparison{ArrivalID: last.Message, Result: NothingToCompare},
		acts: make(map[string]act), carriers: make(map[string]bool), acted: make(map[string]bool),
	}
	c.come, c.reloaded = keys(c.found.Units), reloaded(announced, last, tol)
	for _, rs := range [][]Record{announced, inspections, arrivals} {
		for _, r := range rs {
			if r.Received.After(c.out.At) {
				c.out.At = r.Received
			}
			c.explain(r.Facts.Units)
		}
	}
	if len(announced) == 0 {
		c.differ(Discrepancy{Code: gateway.CmpUnannounced, Severity: gateway.Warning, Subject: field("Document.arrivalReport"), Found: gateway.Term(string(last.Message))})
		return c.out
	}
	c.times(announced, last)
	c.together(announced, arrivals)
	c.office(last.Facts.Office)
	c.empty()
	c.vehicles()
	c.units()
	c.seals()
	c.waybills()
	c.quantity(field("Totals.grossMass"), grossMass, c.announced.GrossMass, c.found.GrossMass)
	if c.announced.GrossMass.Value != "" && c.found.GrossMass.Value == "" && c.found.VehicleMass.Value != "" {
		c.notCompared(field("Totals.grossMass"), gateway.WordLoadedVehicleOnly)
	}
	c.quantity(field("Transport.grossMass"), grossMass, c.announced.VehicleMass, c.found.VehicleMass)
	c.tare()
	c.quantity(field("Totals.packages"), packageCount, c.announced.Packages, c.found.Packages)
	return c.result()
}

// reloaded reports whether what goes by rail is reloaded on its way from where it was announced to where it
// arrived.
func reloaded(announced []Record, arrival Record, tol Tolerances) bool {
	to := cmp.Or(arrival.Facts.Office.Administration, string(arrival.Sender))
	for _, r := range announced {
		from := string(r.Sender)
		for _, o := range r.Facts.Route {
			if o.Role == ExitOffice || o.Role == DepartureOffice {
				from = cmp.Or(o.Administration, from)
			}
		}
		if tol.reloads(from, to) {
			return true
		}
	}
	return false
}

type comparer struct {
	announced, found combined
	partial          bool
	reloaded         bool // between railways of two gauges
	tol              Tolerances
	acts             map[string]act  // seal -> the act that records its change
	come             map[string]bool // load units that have arrived
	carriers         map[string]bool // vehicles that took over a load unit for a recorded reason
	acted            map[string]bool // and under an act
	out              Comparison
}

func (c *comparer) explain(units []UnitFact) {
	for _, u := range units {
		for _, s := range u.Seals {
			if s.Act != "" {
				c.acts[s.key()] = s.act()
			}
		}
		for _, v := range u.Carriers {
			c.carriers[Fold(Vehicle, v)] = true
		}
		for _, v := range u.Acted {
			c.acted[Fold(Vehicle, v)] = true
		}
	}
}

func (c *comparer) result() Comparison {
	if c.out.Agreed > 0 {
		c.out.Result = Agrees
	}
	for _, d := range c.out.Discrepancies {
		if d.Severity != gateway.Info {
			c.out.Result = Differs
		}
	}
	return c.out
}

func (c *comparer) differ(d Discrepancy) { c.out.Discrepancies = append(c.out.Discrepancies, d) }

// absent records something announced and not found: outstanding if more may follow.
func (c *comparer) absent(d Discrepancy) {
	if c.partial {
		d.Code, d.Severity = gateway.CmpOutstanding, gateway.Info
		c.out.Outstanding = append(c.out.Outstanding, d)
		return
	}
	c.differ(d)
}

// both reports whether both sides state something of a subject.
func (c *comparer) both(subject gateway.Place, announced, found bool) bool {
	switch {
	case announced && !found:
		c.notCompared(subject, gateway.WordNotStatedAtArrival)
	case found && !announced:
		c.notCompared(subject, gateway.WordNotAnnounced)
	}
	return announced && found
}

func (c *comparer) notCompared(subject gateway.Place, why gateway.Wording) {
	c.out.NotCompared = append(c.out.NotCompared, NotCompared{subject, gateway.Say(why)})
}

// quantity compares two figures of one thing. Of a partial arrival only an excess is
// a difference.
func (c *comparer) quantity(subject gateway.Place, quantity string, announced, found Quantity) {
	if !c.both(subject, announced.Value != "", found.Value != "") {
		return
	}
	d, sign := c.tol.difference(quantity, announced, found)
	if sign == 0 {
		c.out.Agreed++
		return
	}
	d.Code, d.Severity, d.Subject = gateway.CmpPackages, gateway.Error, subject
	if quantity == grossMass {
		d.Code = gateway.CmpGrossMass
	}
	if sign < 0 {
		c.absent(d)
		return
	}
	c.differ(d)
}

// difference is how far what is found of a quantity is from what is expected, without code and
// subject, and its sign: 0 if that is tolerated.
func (t Tolerances) difference(quantity string, expected, found Quantity) (d Discrepancy, sign int) {
	tolerance := t.find(quantity, expected.Method, found.Method)
	e, f := number(expected.Value), number(found.Value)
	diff := f.Sub(e)
	if diff.Abs().Cmp(tolerance.limit(e)) <= 0 {
		return Discrepancy{}, 0
	}
	unit := " kg"
	if quantity == packageCount {
		unit = ""
	}
	return Discrepancy{
		Place: expected.Place, Expected: gateway.Term(expected.Value), ExpectedMethod: expected.Method,
		Found: gateway.Term(found.Value), FoundMethod: found.Method,
		Tolerance: tolerance.text, Difference: gateway.Term(subtraction(f, e, diff, unit)),
	}, diff.Sign()
}

// subtraction writes a difference out: "18633.76 - 18250.5 = 383.26 kg (2.10 %)". The
// percentage is rounded for the eye; no decision rests on it.
func subtraction(found, announced, diff document.Number, unit string) string {
	s := fmt.Sprintf("%s - %s = %s%s", found, announced, diff, unit)
	if announced.Sign() == 0 {
		return s
	}
	return fmt.Sprintf("%s (%s %%)", s, diff.PercentOf(announced))
}

// pairs matches two lists by key, in the order of the lists.
func pairs[T interface{ key() string }](announced, found []T) (both [][2]T, missing, extra []T) {
	byKey := make(map[string]T)
	for _, f := range found {
		byKey[f.key()] = f
	}
	matched := make(map[string]bool)
	for _, a := range announced {
		f, ok := byKey[a.key()]
		if ok {
			both = append(both, [2]T{a, f})
			matched[a.key()] = true
		} else {
			missing = append(missing, a)
		}
	}
	for _, f := range found {
		if !matched[f.key()] {
			extra = append(extra, f)
		}
	}
	return both, missing, extra
}

// times compares instants, as information: no goods are wrong for being late.
func (c *comparer) times(announced []Record, arrival Record) {
	if arrival.At.IsZero() {
		return
	}
	info := func(code gateway.Code, subject gateway.Place, expected, found time.Time, by time.Duration) {
		c.differ(Discrepancy{
			Code: code, Severity: gateway.Info, Subject: subject,
			Expected: gateway.Term(document.FormatInstant(expected)), Found: gateway.Term(document.FormatInstant(found)),
			Difference: duration(by), Place: Place{Message: arrival.Message},
		})
	}
	if own := slices.DeleteFunc(slices.Clone(announced), func(r Record) bool { return !r.sharesVehicle(arrival) }); len(own) > 0 {
		announced = own // each vehicle of a convoy has its own notice
	}
	var expected time.Time
	first, kind := announced[0].Received, announced[0].Kind
	for _, r := range announced {
		if expected.IsZero() {
			expected = r.Expected
		}
		if r.Received.Before(first) {
			first, kind = r.Received, r.Kind
		}
	}
	if by := first.Sub(arrival.At); by > 0 {
		info(gateway.CmpNoticeLate, field("Document."+strings.ToLower(kind[:1])+kind[1:]), arrival.At, first, by)
	}
	if expected.IsZero() || c.tol.timeSource == "" {
		return
	}
	switch by := arrival.At.Sub(expected); {
	case by < -c.tol.early:
		info(gateway.CmpEarly, field("ArrivalReport.at"), expected, arrival.At, by)
	case by > c.tol.late:
		info(gateway.CmpLate, field("ArrivalReport.at"), expected, arrival.At, by)
	default:
		c.out.Agreed++
	}
}

// duration writes out how far two instants are apart.
func duration(by time.Duration) gateway.Phrase {
	return gateway.Term(strings.TrimSuffix(by.Round(time.Minute).String(), "0s"))
}
