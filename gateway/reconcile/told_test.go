package reconcile

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// What is told of an arrival is what was recorded of it: who reads it back has the same facts, and the
// same comparison in every language.
func TestWhatIsToldOfAnArrivalIsWhatWasRecorded(t *testing.T) {
	tol := tolerances(t)
	m := attach(t, Movement{}, tol, message{"m1", notice(t, `"batch":"B1","entryOffice":{"administration":"RU","code":"10719110"},"transport":{"vehicles":[{"role":"TRACTOR","registration":"蒙E12345"}]},
		"loadUnits":[{"id":"ABCU1234560","kind":"CONTAINER","seals":[{"id":"CN17001"},{"id":"CN17002"},{"id":"CN17003"}]}],
		"consignments":[{"transportDocument":{"id":"W1"},"totals":{"packages":"12","grossMass":{"kilograms":"18250.5"}}},{"transportDocument":{"id":"W2"}}],"totals":{"packages":"12","grossMass":{"kilograms":"18250.5"}}`)})
	said := `"batch":"B1","at":"2026-03-01T12:00:00+09:00","office":{"administration":"RU","code":"10719111"},"partial":true,
		"transport":{"vehicles":[{"role":"TRACTOR","registration":"蒙E99999"}],"grossMass":{"kilograms":"33000","method":"WEIGHBRIDGE"}},
		"loadUnits":[{"id":"ABCU1234560","kind":"CONTAINER","sizeType":"45G1","seals":[{"id":"CN17001","events":[{"kind":"BROKEN"}]},{"id":"CN17002","agency":"CU","events":[{"kind":"REMOVED","office":{"administration":"RU","code":"10719110"},"at":"2026-03-02T10:00:00+10:00","act":"A-7"},{"kind":"CHECKED"}]}]}],
		"consignments":[{"transportDocument":{"id":"W1"},"totals":{"packages":"14","grossMass":{"kilograms":"18933.76","method":"TALLY"}}}],"transportDocuments":["W2","W9"],"totals":{"packages":"14","grossMass":{"kilograms":"18933.76","method":"TALLY"}}`
	m = attach(t, m, tol, message{"m2", arrival(t, said)})
	r, c := m.Arrivals[0], m.Comparisons[0]
	report := r.Report(c)
	report.Envelope = &customsv1.Envelope{DocumentId: "R1"}
	parsed := document.Parse(document.Marshal(report))
	if len(parsed.Faults) > 0 {
		t.Fatal(parsed.Faults)
	}
	back := record(parsed.Document, Origin{Message: "r1", Sender: "RU", Told: true, Received: noon})
	if diff := cmp.Diff(r.Facts, back.Facts, cmpopts.IgnoreTypes(Place{})); diff != "" {
		t.Errorf("facts (-recorded +told):\n%s", diff)
	}
	if back.Told.Result != c.Result || back.Told.Agreed != c.Agreed || c.Result != Differs || len(c.Discrepancies) < 6 {
		t.Errorf("told is %s %d, found %s %d with %d differences", back.Told.Result, back.Told.Agreed, c.Result, c.Agreed, len(c.Discrepancies))
	}
	for _, lang := range gateway.Languages {
		words := func(ds []Discrepancy) (out []string) {
			for _, d := range ds {
				f := d.Fault().Report(lang)
				out = append(out, string(d.Severity)+" "+f.Message+" | "+d.Subject.In(lang)+" | "+d.Tolerance.In(lang)+" | "+d.Difference.In(lang)+" | "+d.FoundMethod)
			}
			return out
		}
		if diff := cmp.Diff(words(c.Discrepancies), words(back.Told.Discrepancies)); diff != "" {
			t.Errorf("%s (-found +told):\n%s", lang, diff)
		}
	}
}

// What another gateway says in words of its own is shown as it is, and harms nothing; of differences
// beyond those that a report has room for it is told how many there are.
func TestToldInWordsThatNobodyKnows(t *testing.T) {
	told := comparisonOf(&customsv1.Comparison{Result: 99, Agreed: ptr(uint64(1) << 63), Differences: []*customsv1.Difference{
		{Code: "X_NEW", Severity: 77, Thing: "drone", Id: "7", Field: "Drone.height", Found: &customsv1.Finding{Wording: "word.yes", Values: []string{"2"}}, Expected: &customsv1.Finding{Wording: "unheard_of"}},
	}})
	d := told.Discrepancies[0]
	if told.Result != NothingToCompare || told.Agreed != maxCounted || d.Severity != gateway.Warning || d.Subject.In("ru") != "drone 7, Drone.height" ||
		d.Found.In("ru") != "word.yes, 2" || d.Expected.In("ru") != "unheard_of" {
		t.Errorf("told %+v: %q, %q, %q", told, d.Subject.In("ru"), d.Found.In("ru"), d.Expected.In("ru"))
	}
	many := Comparison{Result: Differs}
	for range MaxDifferences + 3 {
		many.Discrepancies = append(many.Discrepancies, Discrepancy{Code: gateway.CmpWaybillExtra, Severity: gateway.Error})
	}
	if c := comparison(many); len(c.Differences) != MaxDifferences || c.GetOmitted() != 3 {
		t.Errorf("%d differences are listed, %d are not", len(c.Differences), c.GetOmitted())
	}
}

func ptr[T any](v T) *T { return &v }

// An arrival that is said twice counts once; one that was recorded by mistake is none, and what was
// announced is waited for again.
func TestAnArrivalSaidTwiceOrByMistake(t *testing.T) {
	tol := tolerances(t)
	announced := attach(t, Movement{}, tol, message{"m1", notice(t, `"batch":"B1","totals":{"packages":"12"}`)})
	said := `"batch":"B1","at":"2026-03-01T12:00:00Z","office":{"code":"10719110"},"totals":{"packages":"12"}`
	m := attach(t, announced, tol, message{"a1", arrival(t, said)}, message{"a2", arrival(t, said)})
	if len(m.Arrivals) != 1 || m.Comparisons[0].Result != Agrees {
		t.Errorf("%d arrivals, %+v", len(m.Arrivals), m.Comparisons)
	}
	m = attach(t, m, tol, message{"a3", arrival(t, `"batch":"B1","at":"2026-03-01T13:00:00Z","office":{"code":"10719110"},"totals":{"packages":"12"}`)})
	if len(m.Arrivals) != 2 {
		t.Errorf("%d arrivals at two times", len(m.Arrivals))
	}
	first := arrival(t, said)
	first.Envelope = &customsv1.Envelope{DocumentId: "D1"}
	back := arrival(t, said)
	back.Envelope = &customsv1.Envelope{DocumentId: "D2", Function: customsv1.FunctionCode_DELETION, References: []*customsv1.Reference{{Kind: customsv1.ReferenceKind_CHANGED, Id: "D1"}}}
	m = attach(t, announced, tol, message{"a1", first})
	if m.State() != StateArrived {
		t.Fatalf("it is %s", m.State())
	}
	m = attach(t, m, tol, message{"a2", back})
	if m.State() != StateAnnounced || m.HasArrived() || len(m.Arrivals) != 2 {
		t.Errorf("taken back, it is %s with %d arrivals", m.State(), len(m.Arrivals))
	}
	if _, counts := m.NewestArrival("a1", ""); counts {
		t.Error("it counts still")
	}
}

// A text finds a plate by four characters of it that stand together, whatever script they are in,
// and by no fewer; a province says which.
func TestAPartOfAPlateFindsIt(t *testing.T) {
	m := attach(t, Movement{ID: "m"}, tolerances(t), message{"m1", notice(t, `"transport":{"vehicles":[{"registration":"蒙E12345"},{"registration":"А123ВС75"},{"registration":"УБ 1234Б"}]},"loadUnits":[{"id":"京A6789挂","kind":"TRAILER_BODY"}]`)})
	indexed := make(map[Identifier]bool)
	for _, id := range m.Indexed() {
		indexed[Identifier{Kind: id.Kind, Folded: id.Folded}] = true
	}
	for text, want := range map[string]bool{
		"E123": true, "2345": true, "Е123": true, "蒙E123": true, "meng e12": false, "meng e123": true, "新E123": false, "xinE1234": false,
		"A123": true, "123B": true, "123ВС": true, "BC75": true, "6789": true, "A6789": true, "京A678": true, "津A678": false, "6789挂": true, "234Б": true,
		"345": false, "E1": false, "": false, "E1245": false, "99999": false, "/": false,
	} {
		led := slices.ContainsFunc(Sought(text), func(id Identifier) bool { return indexed[Identifier{Kind: id.Kind, Folded: id.Folded}] })
		if got := m.Meets(text); got != want || want && !led {
			t.Errorf("%q meets it %v, an index leads to it %v; want %v", text, got, led, want)
		}
	}
}
