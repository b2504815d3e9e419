package reconcile

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// MaxDifferences is how many differences a report of an arrival lists; of others it says how many
// there are.
const MaxDifferences = 99

// Report returns an arrival as it is told to who announced what has arrived: what its facts say
// and how it compares, without envelope. It holds no data of persons, no remarks and no prices,
// for a record holds none.
func (r Record) Report(c Comparison) *customsv1.Document {
	f := r.Facts
	a := &customsv1.ArrivalReport{
		Batch: f.Batch, Transport: carriage(f), TransportDocuments: untallied(f), Totals: totals(f.GrossMass, f.Packages),
		Office: &customsv1.Office{Administration: f.Office.Administration, Code: f.Office.Code}, At: &customsv1.Instant{Value: document.FormatInstant(r.At)},
		Comparison: comparison(c),
	}
	if f.Partial {
		a.Partial = proto.Bool(true)
	}
	for _, u := range f.Units {
		a.LoadUnits = append(a.LoadUnits, loadUnit(u))
	}
	for _, at := range f.Attachments {
		a.Attachments = append(a.Attachments, &customsv1.Attachment{Name: at.Name, Kind: at.Kind, MediaType: at.MediaType, Size: &at.Size, Sha256: at.SHA256})
	}
	for _, w := range f.Waybills {
		if t := totals(w.GrossMass, w.Packages); t != nil {
			a.Consignments = append(a.Consignments, &customsv1.Consignment{TransportDocument: &customsv1.DocumentReference{Id: w.ID}, Totals: t})
		}
	}
	return &customsv1.Document{Kind: &customsv1.Document_ArrivalReport{ArrivalReport: a}}
}

func carriage(f Facts) *customsv1.Transport {
	t := &customsv1.Transport{GrossMass: weight(f.VehicleMass)}
	if f.Empty {
		t.Empty = proto.Bool(true)
	}
	for _, v := range f.Vehicles {
		t.Vehicles = append(t.Vehicles, &customsv1.Vehicle{Role: enum[customsv1.VehicleRole](customsv1.VehicleRole_value, v.Role), Registration: v.Registration})
	}
	if len(t.Vehicles) == 0 && t.GrossMass == nil && !f.Empty {
		return nil
	}
	return t
}

func loadUnit(u UnitFact) *customsv1.LoadUnit {
	out := &customsv1.LoadUnit{Id: u.ID, Kind: enum[customsv1.LoadUnitKind](customsv1.LoadUnitKind_value, u.Kind), SizeType: u.SizeType, Fullness: u.Fullness}
	for _, s := range u.Seals {
		seal := &customsv1.Seal{Id: s.ID, Agency: s.Agency}
		event := func(kind string) *customsv1.SealEvent {
			e := &customsv1.SealEvent{Kind: enum[customsv1.SealEventKind](customsv1.SealEventKind_value, kind)}
			seal.Events = append(seal.Events, e)
			return e
		}
		if s.Change != "" {
			e := event(s.Change)
			e.Act = s.Act
			if s.Office.Code != "" {
				e.Office = &customsv1.Office{Administration: s.Office.Administration, Code: s.Office.Code}
			}
			if s.At != "" {
				e.At = &customsv1.Instant{Value: s.At}
			}
		}
		if s.State != "" && s.State != s.Change {
			event(s.State)
		}
		out.Seals = append(out.Seals, seal)
	}
	return out
}

// untallied are the waybills of which nothing was counted or weighed.
func untallied(f Facts) (ids []string) {
	for _, w := range f.Waybills {
		if totals(w.GrossMass, w.Packages) == nil {
			ids = append(ids, w.ID)
		}
	}
	return ids
}

func totals(mass, packages Quantity) *customsv1.Totals {
	t := &customsv1.Totals{GrossMass: weight(mass)}
	if n, err := strconv.ParseUint(packages.Value, 10, 64); err == nil {
		t.Packages = &n
	}
	if t.GrossMass == nil && t.Packages == nil {
		return nil
	}
	return t
}

func weight(q Quantity) *customsv1.Weight {
	if q.Value == "" {
		return nil
	}
	return &customsv1.Weight{Kilograms: &customsv1.Decimal{Value: q.Value}, Method: enum[customsv1.WeightMethod](customsv1.WeightMethod_value, q.Method)}
}

// enum is an enum's value by its name; unspecified for none of its names.
func enum[E ~int32](values map[string]int32, name string) E { return E(values[name]) }

var results = map[string]customsv1.ComparisonResult{
	Agrees: customsv1.ComparisonResult_AGREES, Differs: customsv1.ComparisonResult_DIFFERS, NothingToCompare: customsv1.ComparisonResult_NOTHING_TO_COMPARE,
}

var severities = map[gateway.Severity]customsv1.DifferenceSeverity{
	gateway.Error: customsv1.DifferenceSeverity_SEVERE, gateway.Warning: customsv1.DifferenceSeverity_NOTABLE, gateway.Info: customsv1.DifferenceSeverity_INFORMATIVE,
}

// comparison is a comparison as it is told.
func comparison(c Comparison) *customsv1.Comparison {
	out := &customsv1.Comparison{Result: results[c.Result], Agreed: proto.Uint64(uint64(c.Agreed))}
	for i, d := range c.Discrepancies {
		if i == MaxDifferences {
			out.Omitted = proto.Uint64(uint64(len(c.Discrepancies) - i))
			break
		}
		out.Differences = append(out.Differences, difference(d))
	}
	return out
}

func difference(d Discrepancy) *customsv1.Difference {
	out := &customsv1.Difference{
		Code: string(d.Code), Severity: severities[d.Severity], Field: d.Subject.Label,
		Expected: finding(d.Expected, d.ExpectedMethod), Found: finding(d.Found, d.FoundMethod),
		Tolerance: finding(d.Tolerance, ""), Difference: finding(d.Difference, ""),
	}
	if d.Code == gateway.CmpUnannounced { // what was found is a record of ours
		out.Found = nil
	}
	if len(d.Subject.Steps) > 0 {
		step := d.Subject.Steps[0]
		out.Thing, out.Id = strings.TrimPrefix(step.Word, placeWord), step.Key
	}
	return out
}

// placeWord is what the key of a kind of thing begins with in the catalogue of texts.
const placeWord = "place."

func finding(p gateway.Phrase, method string) *customsv1.Finding {
	if p.IsZero() {
		return nil
	}
	return &customsv1.Finding{Wording: string(p.Wording), Values: slices.Clone(p.Terms), Method: enum[customsv1.WeightMethod](customsv1.WeightMethod_value, method)}
}

// comparisonOf is a comparison as a partner has told it. What its gateway says in words that are not known
// here stands in its values.
func comparisonOf(c *customsv1.Comparison) *Comparison {
	if c == nil {
		return nil
	}
	out := &Comparison{Result: NothingToCompare, Agreed: int(min(c.GetAgreed(), maxCounted)), Omitted: int(min(c.GetOmitted(), maxCounted))}
	for name, r := range results {
		if r == c.GetResult() {
			out.Result = name
		}
	}
	for _, d := range c.GetDifferences() {
		out.Discrepancies = append(out.Discrepancies, discrepancy(d))
	}
	return out
}

// maxCounted is the greatest count that a partner is believed.
const maxCounted = 1_000_000

func discrepancy(d *customsv1.Difference) Discrepancy {
	out := Discrepancy{
		Code: gateway.Code(d.GetCode()), Severity: gateway.Warning,
		Expected: worded(d.GetExpected()), ExpectedMethod: name(d.GetExpected().GetMethod()),
		Found: worded(d.GetFound()), FoundMethod: name(d.GetFound().GetMethod()),
		Tolerance: worded(d.GetTolerance()), Difference: worded(d.GetDifference()),
	}
	for severity, s := range severities {
		if s == d.GetSeverity() {
			out.Severity = severity
		}
	}
	switch word := placeWord + d.GetThing(); {
	case d.GetThing() == "":
	case gateway.HasText(word):
		out.Subject.Steps = []gateway.PlaceStep{{Word: word, Key: d.GetId()}}
	default:
		out.Subject.Steps = []gateway.PlaceStep{{Key: strings.TrimSpace(d.GetThing() + " " + d.GetId())}}
	}
	switch {
	case gateway.HasText("label." + d.GetField()):
		out.Subject.Label = d.GetField()
	case d.GetField() != "":
		out.Subject.Steps = append(out.Subject.Steps, gateway.PlaceStep{Key: d.GetField()})
	}
	return out
}

func worded(f *customsv1.Finding) gateway.Phrase {
	p := gateway.Phrase{Wording: gateway.Wording(f.GetWording()), Terms: slices.Clone(f.GetValues())}
	if strings.Contains(f.GetWording(), ".") || !p.Known() {
		p = gateway.Phrase{Terms: append([]string{f.GetWording()}, p.Terms...)}
	}
	return p
}

// CountingArrivals are the arrivals that count, in the order of m's comparisons.
func (m Movement) CountingArrivals() []Record { return m.counting(m.Arrivals) }

// NewestArrival is the arrival that counts of the versions of one, by its message; false if none
// counts any more.
func (m Movement) NewestArrival(id gateway.MessageID, sender gateway.Administration) (gateway.MessageID, bool) {
	return m.newest(m.Arrivals, id, sender)
}

// Arrival returns the record of an arrival by its message.
func (m Movement) Arrival(id gateway.MessageID, sender gateway.Administration) (Record, bool) {
	i := slices.IndexFunc(m.Arrivals, func(r Record) bool { return r.sameMessage(Record{Message: id, Sender: sender}) })
	if i < 0 {
		return Record{}, false
	}
	return m.Arrivals[i], true
}

// ArrivalOf is the last arrival that counts of what a message announces, and how it compares: one of
// its own vehicles, if one has come.
func (m Movement) ArrivalOf(id gateway.MessageID, sender gateway.Administration) (last Record, c Comparison, ok bool) {
	i := slices.IndexFunc(m.Announced, func(r Record) bool { return r.sameMessage(Record{Message: id, Sender: sender}) })
	own := false
	for at, r := range m.counting(m.Arrivals) {
		of := i >= 0 && r.sharesVehicle(m.Announced[i])
		if own && !of {
			continue
		}
		own = own || of
		last, c, ok = r, m.Comparisons[at], true
	}
	return last, c, ok
}

// AnnouncedBy are the documents by which a sender announces what an arrival brings, the last first,
// at most so many: those that name one of its vehicles, else one of its waybills, else all.
func (m Movement) AnnouncedBy(sender gateway.Administration, arrival Record, most int) (ids []string) {
	all := slices.DeleteFunc(m.counting(m.Announced), func(r Record) bool { return r.Sender != sender || r.DocumentID == "" })
	if len(all) == 0 { // it was taken back, or refused
		all = slices.DeleteFunc(slices.Clone(m.Announced), func(r Record) bool { return r.Sender != sender || r.DocumentID == "" || r.Withdraws })
	}
	waybills := keys(arrival.Facts.Waybills)
	for _, fits := range []func(Record) bool{
		arrival.sharesVehicle,
		func(r Record) bool {
			return slices.ContainsFunc(r.Facts.Waybills, func(w WaybillFact) bool { return waybills[w.key()] })
		},
		func(Record) bool { return true },
	} {
		for _, r := range slices.Backward(all) {
			if len(ids) < most && fits(r) && !slices.Contains(ids, r.DocumentID) {
				ids = append(ids, r.DocumentID)
			}
		}
		if len(ids) > 0 {
			return ids
		}
	}
	return nil
}
