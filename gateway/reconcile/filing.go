package reconcile

import (
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// CodeFact is a commodity code that goods of a waybill have, in the digits that all nations share.
type CodeFact struct {
	Code    string `json:"code"`
	Waybill string `json:"waybill,omitempty"` // folded; empty of goods without one
	Place
}

// Of a commodity code the first digits are the Harmonized System's, what follows is each nation's own. Of one
// document so many codes are compared; where it has more, none are, and that is told.
const (
	sharedDigits = 6
	leastDigits  = 4
	maxCodes     = 500
)

// harmonized are the nomenclatures whose codes begin with the Harmonized System's digits.
var harmonized = []string{"HS", "TNVED", "CN"}

// codes notes the codes of a consignment, each once.
func (f *Facts) codes(c *customsv1.Consignment, known map[CodeFact]bool, at func(format string, args ...any) Place, i int) {
	waybill := Fold(Waybill, c.GetTransportDocument().GetId())
	for j, item := range c.GetItems() {
		for k, of := range item.GetClassifications() {
			code := of.GetCode()
			if !slices.Contains(harmonized, of.GetScheme()) || len(code) < leastDigits || strings.Trim(code, "0123456789") != "" {
				continue
			}
			fact := CodeFact{Code: code[:min(len(code), sharedDigits)], Waybill: waybill}
			if known[fact] {
				continue
			}
			if known[fact] = true; len(f.Codes) == maxCodes {
				f.ManyCodes = true
				return
			}
			fact.Place = at("consignments[%d].items[%d].classifications[%d].code", i, j, k)
			f.Codes = append(f.Codes, fact)
		}
	}
}

// FilingComparison is how a carrier's filing differs from the notices of the same crossing that count:
// what is expected is what they say, what is found is what it does. It changes nothing of what either
// discharges.
type FilingComparison struct {
	Filing        gateway.MessageID      `json:"filing"`
	Sender        gateway.Administration `json:"sender,omitempty"`
	At            time.Time              `json:"at"` // when the last document that it rests on was received
	Result        string                 `json:"result"`
	Agreed        int                    `json:"agreed"`
	Discrepancies []Discrepancy          `json:"discrepancies,omitempty"`
	NotCompared   []NotCompared          `json:"notCompared,omitempty"`
	Notices       []gateway.MessageID    `json:"notices,omitempty"`
}

// The bounds of what one comparison of a filing lists.
const (
	maxFilingDifferences = 99
	maxFilingUncompared  = 20
)

// What became of a filing.
const (
	FilingStands    = "stands"
	FilingChanged   = "changed" // another has taken its place
	FilingTakenBack = "taken back"
)

// CountingFilings are the filings that stand, in order: no announcement takes the place of one, and one of
// none.
func (m Movement) CountingFilings() []Record {
	v := versionsOf(m.Filings)
	return slices.DeleteFunc(slices.Clone(m.Filings), func(r Record) bool { return r.Withdraws || r.undecided() || v.past(r) })
}

// FilingChanges is how many filings of m have taken the place of others.
func (m Movement) FilingChanges() (n int) {
	for _, r := range m.Filings {
		if r.changes() {
			n++
		}
	}
	return n
}

// FilingStanding is what became of a filing of m.
func (m Movement) FilingStanding(r Record) string {
	switch {
	case slices.ContainsFunc(m.CountingFilings(), r.sameMessage):
		return FilingStands
	case slices.ContainsFunc(m.Filings, func(o Record) bool { return r.replacedBy(o) && !o.Withdraws }):
		return FilingChanged
	}
	return FilingTakenBack
}

// Filing returns how a filing compares; false if it does not stand.
func (m Movement) Filing(r Record) (FilingComparison, bool) {
	i := slices.IndexFunc(m.Filed, func(c FilingComparison) bool { return r.sameMessage(Record{Message: c.Filing, Sender: c.Sender}) })
	if i < 0 {
		return FilingComparison{}, false
	}
	return m.Filed[i], true
}

// filed returns m with the comparisons of its filings made anew.
func (m Movement) filed(tol Tolerances) Movement {
	m.Filed = nil
	if len(m.Filings) == 0 {
		return m
	}
	notices := m.counting(m.Announced)
	told := combine(notices)
	for _, r := range m.CountingFilings() {
		m.Filed = append(m.Filed, compareFiling(r, notices, told, tol))
	}
	return m
}

// CompareFiling compares a filing with one notice.
func CompareFiling(notice, filing *customsv1.Document, tol Tolerances, at time.Time) FilingComparison {
	a := record(notice, Origin{Message: "notice", Received: at})
	return compareFiling(record(filing, Origin{Message: "filing", Received: at}), []Record{a}, combine([]Record{a}), tol)
}

// filingComparer compares one filing with what notices say together.
type filingComparer struct {
	tol       Tolerances
	manyCodes bool // one side has more than are compared
	out       FilingComparison
}

func compareFiling(r Record, notices []Record, told combined, tol Tolerances) FilingComparison {
	c := filingComparer{tol: tol, out: FilingComparison{Filing: r.Message, Sender: r.Sender, At: r.Received, Result: NothingToCompare}}
	for _, n := range notices {
		c.out.Notices = append(c.out.Notices, n.Message)
		if n.Received.After(c.out.At) {
			c.out.At = n.Received
		}
	}
	if len(notices) == 0 {
		return c.out
	}
	filed := combine([]Record{r})
	codes := codesOf(told, filed)
	c.manyCodes = told.ManyCodes || filed.ManyCodes
	both, unfiled, more := pairs(told.Waybills, filed.Waybills)
	weighed, counted := false, false
	for _, w := range both {
		weighed = c.quantity(thing("waybill", w[0].ID, "Totals.grossMass"), grossMass, w[0].GrossMass, w[1].GrossMass) || weighed
		counted = c.quantity(thing("waybill", w[0].ID, "Totals.packages"), packageCount, w[0].Packages, w[1].Packages) || counted
		c.codes(thing("waybill", w[0].ID, "Classification.code"), codes[w[0].key()], w[0].Place, w[1].Place)
	}
	for _, w := range more {
		c.differ(Discrepancy{Code: gateway.FilWaybill, Subject: thing("waybill", w.ID, ""), Found: gateway.Term(w.ID), FoundPlace: w.Place})
	}
	for _, w := range unfiled {
		c.not(thing("waybill", w.ID, ""), gateway.WordNotFiled)
	}
	if len(unfiled)+len(more) == 0 || len(told.Waybills) == 0 || len(filed.Waybills) == 0 { // both tell of the same goods
		if !weighed {
			c.quantity(field("Totals.grossMass"), grossMass, told.GrossMass, filed.GrossMass)
		}
		if !counted {
			c.quantity(field("Totals.packages"), packageCount, told.Packages, filed.Packages)
		}
		if len(both) == 0 {
			c.codes(field("Classification.code"), [2][]CodeFact{told.Codes, filed.Codes}, Place{}, Place{})
		}
	}
	switch {
	case len(c.out.Discrepancies) > 0:
		c.out.Result = Differs
	case c.out.Agreed > 0:
		c.out.Result = Agrees
	}
	return c.out
}

func (c *filingComparer) differ(d Discrepancy) {
	if d.Severity = gateway.Warning; len(c.out.Discrepancies) < maxFilingDifferences {
		c.out.Discrepancies = append(c.out.Discrepancies, d)
	}
}

func (c *filingComparer) not(subject gateway.Place, why gateway.Wording) {
	if len(c.out.NotCompared) < maxFilingUncompared {
		c.out.NotCompared = append(c.out.NotCompared, NotCompared{subject, gateway.Say(why)})
	}
}

// both reports whether both sides state something, and notes what one side alone states.
func (c *filingComparer) both(subject gateway.Place, told, filed bool) bool {
	switch {
	case told && !filed:
		c.not(subject, gateway.WordNotFiled)
	case filed && !told:
		c.not(subject, gateway.WordFiledNotAnnounced)
	}
	return told && filed
}

// quantity compares two figures of one thing, and reports whether both sides state it.
func (c *filingComparer) quantity(subject gateway.Place, quantity string, told, filed Quantity) bool {
	if !c.both(subject, told.Value != "", filed.Value != "") {
		return false
	}
	d, sign := c.tol.difference(quantity, told, filed)
	if sign == 0 {
		c.out.Agreed++
		return true
	}
	d.Code, d.Subject, d.FoundPlace = gateway.FilPackages, subject, filed.Place
	if quantity == grossMass {
		d.Code = gateway.FilGrossMass
	}
	c.differ(d)
	return true
}

// codesOf are the codes that notices and a filing have of each waybill.
func codesOf(told, filed combined) map[string][2][]CodeFact {
	of := make(map[string][2][]CodeFact)
	for side, codes := range [][]CodeFact{told.Codes, filed.Codes} {
		for _, c := range codes {
			both := of[c.Waybill]
			both[side] = append(both[side], c)
			of[c.Waybill] = both
		}
	}
	return of
}

// codes compares the commodity codes of one waybill, or of all goods where none is named.
func (c *filingComparer) codes(subject gateway.Place, of [2][]CodeFact, toldAt, filedAt Place) {
	if c.manyCodes {
		c.not(subject, gateway.WordTooManyToCompare)
		return
	}
	a, f := of[0], of[1]
	if !c.both(subject, len(a) > 0, len(f) > 0) {
		return
	}
	announced, found := without(a, f), without(f, a)
	if len(announced)+len(found) == 0 {
		c.out.Agreed++
		return
	}
	d := Discrepancy{Code: gateway.FilCodes, Subject: subject, Place: toldAt, FoundPlace: filedAt, Expected: listed(announced), Found: listed(found)}
	if len(announced) > 0 {
		d.Place = announced[0].Place
	}
	if len(found) > 0 {
		d.FoundPlace = found[0].Place
	}
	c.differ(d)
}

// without are the codes that no code of others is, or begins, or begins with.
func without(codes, others []CodeFact) []CodeFact {
	known, begun := make(map[string]bool, len(others)), make(map[string]bool, len(others)) // and by what they begin with
	for _, o := range others {
		known[o.Code] = true
		for n := leastDigits; n <= len(o.Code); n++ {
			begun[o.Code[:n]] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(codes), func(c CodeFact) bool {
		for n := leastDigits; n < len(c.Code); n++ {
			if known[c.Code[:n]] {
				return true
			}
		}
		return begun[c.Code]
	})
}

// maxListedCodes is how many codes one difference names.
const maxListedCodes = 9

func listed(codes []CodeFact) gateway.Phrase {
	var p gateway.Phrase
	for _, c := range codes[:min(len(codes), maxListedCodes)] {
		p.Terms = append(p.Terms, c.Code)
	}
	if len(codes) > maxListedCodes {
		p.Terms = append(p.Terms, "…")
	}
	if len(codes) == 0 {
		return gateway.Say(gateway.WordNoOtherCode)
	}
	return p
}
