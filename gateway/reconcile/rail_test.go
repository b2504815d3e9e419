package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// trainOf is a train of fifty wagons of 1435 mm on thirty-eight waybills, which China announces; twelve of
// the waybills are of two wagons.
type trainOf struct {
	wagon func(i int) string // as it is announced
	body  bool               // each wagon's load is a unit with its number
}

func repeated(from, until int, f func(i int) string) string {
	var all []string
	for i := from; i < until; i++ {
		all = append(all, f(i))
	}
	return strings.Join(all, ",")
}

func waybillOf(i int) string { return fmt.Sprintf("SMGS%04d", i%38) }

func narrow(i int) string { return fmt.Sprintf("5%07d", i) }
func broad(i int) string  { return fmt.Sprintf("9%07d", i) }

func (tr trainOf) announced(t testing.TB) *customsv1.Document {
	units := ""
	if tr.body {
		units = `"loadUnits":[` + repeated(0, 50, func(i int) string { return fmt.Sprintf(`{"id":%q,"kind":"WAGON_BODY"}`, tr.wagon(i)) }) + `],`
	}
	return parse(t, `{"envelope":{"documentId":"TRAIN-1"},"preArrivalNotice":{"batch":"T1","exitOffice":{"administration":"CN","code":"9404"},"transport":{"mode":"2","vehicles":[`+
		repeated(0, 50, func(i int) string { return fmt.Sprintf(`{"role":"WAGON","registration":%q}`, tr.wagon(i)) })+`]},`+units+
		`"totals":{"packages":"5000","grossMass":{"kilograms":"3000000"}},"consignments":[`+repeated(0, 38, func(i int) string {
		n := 1
		if i < 12 {
			n = 2
		}
		return fmt.Sprintf(`{"transportDocument":{"id":%q},"totals":{"packages":"%d","grossMass":{"kilograms":"%d"}}}`, waybillOf(i), 100*n, 60000*n)
	})+`]}}`)
}

// share is what an office has seen of the train: some of its wagons, as they came.
type share struct {
	day, from, until int
	wagon            func(i int) string
	more             string // of the report
	unit             func(i int) string
	waybills         bool
	packages         int // of a wagon; 0: 100
}

func (s share) report(t testing.TB) *customsv1.Document {
	each := max(s.packages, 100*b2n(s.packages == 0))
	packages, order := make(map[string]int), []string(nil)
	for i := s.from; i < s.until; i++ {
		if packages[waybillOf(i)] == 0 {
			order = append(order, waybillOf(i))
		}
		packages[waybillOf(i)] += each
	}
	units, goods := "", ""
	if s.unit != nil {
		units = `"loadUnits":[` + repeated(s.from, s.until, s.unit) + `],`
	}
	if s.waybills {
		goods = `"consignments":[` + repeated(0, len(order), func(i int) string {
			return fmt.Sprintf(`{"transportDocument":{"id":%q},"totals":{"packages":"%d","grossMass":{"kilograms":"%d"}}}`, order[i], packages[order[i]], packages[order[i]]*600)
		}) + `],`
	}
	return parse(t, fmt.Sprintf(`{"envelope":{"documentId":"A-%d"},"arrivalReport":{"batch":"T1",%s%s%s"office":{"administration":"KZ","code":"39899004"},"at":"2026-03-%02dT12:00:00+05:00",
		"transport":{"mode":"2","vehicles":[%s]},"totals":{"packages":"%d"}}}`, s.day, s.more, units, goods, s.day,
		repeated(s.from, s.until, func(i int) string { return fmt.Sprintf(`{"role":"WAGON","registration":%q}`, s.wagon(i)) }), each*(s.until-s.from)))
}

func b2n(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A train is reloaded from 1435 mm to 1520 mm, day by day, some of it held back: other wagons come, and nothing
// is short before its time is over.
func TestReloadedTrain(t *testing.T) {
	tol := tolerances(t)
	underAct := func(i int) string {
		return fmt.Sprintf(`{"id":%q,"kind":"WAGON_BODY","assignments":[{"vehicle":%q,"since":"2026-03-02T08:00:00+05:00","act":"RELOAD-%d","office":{"administration":"KZ","code":"39899004"}}]}`, narrow(i), broad(i), i)
	}
	ofWagon := func(i int) string { return fmt.Sprintf(`{"id":%q,"kind":"WAGON_BODY"}`, broad(i)) }
	for name, tt := range map[string]struct {
		train  trainOf
		shares []share
		states []State
		early  []string // that differs at once
		late   []string // and when its time is over
	}{
		"under acts, as parts": {trainOf{narrow, true}, []share{{2, 0, 20, broad, `"partial":true,`, underAct, true, 0}, {4, 20, 41, broad, `"partial":true,`, underAct, true, 0}, {9, 41, 50, broad, "", underAct, true, 0}},
			[]State{StatePartlyArrived, StatePartlyArrived, StateArrived}, nil, nil},
		"nobody says that more comes": {trainOf{narrow, true}, []share{{2, 0, 20, broad, "", underAct, true, 0}, {4, 20, 41, broad, "", underAct, true, 0}, {9, 41, 50, broad, "", underAct, true, 0}},
			[]State{StatePartlyArrived, StatePartlyArrived, StateArrived}, nil, nil},
		"without acts": {trainOf{narrow, true}, []share{{2, 0, 20, broad, "", ofWagon, true, 0}, {9, 20, 50, broad, "", ofWagon, true, 0}},
			[]State{StatePartlyArrived, StateArrived}, nil, nil},
		"only wagons are told": {trainOf{narrow, false}, []share{{2, 0, 20, broad, "", nil, false, 0}, {9, 20, 50, broad, "", nil, false, 0}},
			[]State{StatePartlyArrived, StateArrived}, nil, nil},
		"before it is reloaded": {trainOf{narrow, true}, []share{{2, 0, 50, narrow, "", nil, true, 0}}, []State{StateArrived}, nil, nil},
		"more onto one than there was": {trainOf{narrow, false}, []share{{2, 0, 25, broad, "", nil, true, 200}}, []State{StatePartlyArrived},
			[]string{"CMP_GROSS_MASS", "CMP_PACKAGES"}, []string{"CMP_GROSS_MASS", "CMP_PACKAGES", "CMP_WAYBILL_MISSING"}},
		"nine wagons never come": {trainOf{narrow, true}, []share{{2, 0, 41, broad, "", underAct, true, 0}}, []State{StatePartlyArrived},
			nil, []string{"CMP_GROSS_MASS", "CMP_PACKAGES", "CMP_UNIT_MISSING"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Attach(Movement{ID: "m"}, tt.train.announced(t), Origin{Message: "N", Sender: "CN", Received: noon.AddDate(0, 0, -1), Expected: noon}, tol)
			if err != nil {
				t.Fatal(err)
			}
			told := func(m Movement) (all []string) {
				for _, d := range m.Comparisons[len(m.Comparisons)-1].Discrepancies {
					if d.Severity != gateway.Info && !slices.Contains(all, string(d.Code)) {
						all = append(all, string(d.Code))
					}
				}
				slices.Sort(all)
				return all
			}
			for i, s := range tt.shares {
				if m, err = Attach(m, s.report(t), Origin{Message: gateway.MessageID(fmt.Sprint("A", i)), Received: time.Date(2026, 3, s.day, 7, 0, 0, 0, time.UTC)}, tol); err != nil {
					t.Fatal(err)
				}
				if got := told(m); m.State() != tt.states[i] || !slices.Equal(got, tt.early) {
					t.Errorf("day %d: %s, differs in %v", s.day, m.State(), got)
				}
			}
			if early := m.AsOf(noon.AddDate(0, 0, 9), tol); early.State() != tt.states[len(tt.states)-1] || !slices.Equal(told(early), tt.early) {
				t.Errorf("before its time is over: %s, differs in %v", early.State(), told(early))
			}
			if diff := cmp.Diff(tt.late, told(m.AsOf(noon.AddDate(0, 0, 11), tol))); diff != "" {
				t.Errorf("when its time is over (-want +got):\n%s", diff)
			}
		})
	}
}

// Between railways of one gauge another wagon is another wagon, and one that never comes is missing.
func TestWagonsOfOneGauge(t *testing.T) {
	tol := tolerances(t)
	other := func(i int) string {
		if i == 7 {
			return broad(i)
		}
		return narrow(i)
	}
	for name, tt := range map[string]struct {
		come share
		late string
	}{
		"another":     {share{2, 0, 50, other, "", nil, true, 0}, "CMP_PLATE"},
		"one too few": {share{2, 0, 49, narrow, "", nil, false, 0}, "CMP_VEHICLE_MISSING"},
	} {
		d := trainOf{narrow, false}.announced(t)
		d.GetPreArrivalNotice().ExitOffice.Administration = "RU"
		m, err := Attach(Movement{ID: "m"}, d, Origin{Message: "N", Sender: "RU", Received: noon}, tol)
		if err != nil {
			t.Fatal(err)
		}
		if m, err = Attach(m, tt.come.report(t), Origin{Message: "A", Received: noon}, tol); err != nil {
			t.Fatal(err)
		}
		m = m.AsOf(noon.AddDate(0, 0, 11), tol)
		if got := codes(m.Comparisons[0].Discrepancies); !slices.Contains(got, tt.late) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
