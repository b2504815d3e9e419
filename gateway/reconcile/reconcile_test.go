package reconcile

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func parse(t testing.TB, js string) *customsv1.Document {
	t.Helper()
	p := document.Parse([]byte(js))
	if p.Document == nil {
		t.Fatalf("test document: %v", p.Faults)
	}
	return p.Document
}

func tolerances(t testing.TB) Tolerances {
	t.Helper()
	tol, err := LoadTolerances(os.DirFS("../../mappings"))
	if err != nil {
		t.Fatal(err)
	}
	return tol
}

// notice announces body; arrival reports it.
func notice(t testing.TB, body string) *customsv1.Document {
	t.Helper()
	return parse(t, `{"preArrivalNotice":{`+body+`}}`)
}

func arrival(t testing.TB, body string) *customsv1.Document {
	t.Helper()
	return parse(t, `{"arrivalReport":{`+body+`}}`)
}

func codes(ds []Discrepancy) []string {
	out := []string{}
	for _, d := range ds {
		out = append(out, string(d.Code))
	}
	return out
}

func TestCompare(t *testing.T) {
	const (
		declared = `"totals":{"packages":"100","grossMass":{"kilograms":"18250.5","method":"DECLARED"}}`
		truck    = `"transport":{"vehicles":[{"role":"TRACTOR","registration":"蒙E12345"},{"role":"TRAILER","registration":"蒙E678挂"}]}`
		sealed   = `"loadUnits":[{"id":"CSQU3054383","kind":"CONTAINER","sizeType":"42G1","fullness":"5","seals":[{"id":"CN-0012345"}]}]`
		waybills = `"consignments":[{"transportDocument":{"id":"WB-1"},"totals":{"packages":"60"}},{"transportDocument":{"id":"WB-2"},"totals":{"packages":"40"}}]`
	)
	weighed := func(kg string) string {
		return `"totals":{"grossMass":{"kilograms":"` + kg + `","method":"WEIGHBRIDGE"}}`
	}
	unit := func(seals string) string { return `"loadUnits":[{"id":"CSQU 305438-3","seals":[` + seals + `]}]` }
	const act77 = `"act":"77","office":{"administration":"RU","code":"10719110"},"at":"2026-03-02T10:00:00+10:00"`
	hooked := func(assignment string) string {
		return `"transport":{"vehicles":[{"role":"TRACTOR","registration":"MENGE12345"},{"role":"TRAILER","registration":"MENGE999GUA"}]},
			"loadUnits":[{"id":"CSQU3054383","assignments":[{"vehicle":"MENGE999GUA",` + assignment + `}]}]`
	}
	const emptyTruck = `"transport":{"empty":true,"vehicles":[{"role":"TRACTOR","registration":"蒙E12345","tare":{"kilograms":"8200"}},{"role":"TRAILER","registration":"蒙E678挂","tare":{"kilograms":"7000"}}]}`
	arrived := func(kg string) string {
		return `"transport":{"grossMass":{"kilograms":"` + kg + `","method":"WEIGHBRIDGE"},"vehicles":[{"role":"TRACTOR","registration":"MENGE12345"},{"role":"TRAILER","registration":"MENGE678GUA"}]}`
	}
	tests := []struct {
		name, announced, found string
		result                 string
		want                   []string
	}{
		{"2.1 % more on the weighbridge is outside", declared, weighed("18633.76"), Differs, []string{"CMP_GROSS_MASS"}},
		{"1.9 % more is inside", declared, weighed("18597.26"), Agrees, nil},
		{"2.00 % exactly is inside", declared, weighed("18615.51"), Agrees, nil},
		{"2.00 % and a gram is outside", declared, weighed("18615.511"), Differs, []string{"CMP_GROSS_MASS"}},
		{"2.1 % less is outside", declared, weighed("17867.2"), Differs, []string{"CMP_GROSS_MASS"}},
		{"a sum of axles may differ more", declared, `"totals":{"grossMass":{"kilograms":"18633.76","method":"AXLE_SUM"}}`, Agrees, nil},
		{"little cargo: the least amount counts", `"totals":{"grossMass":{"kilograms":"100","method":"DECLARED"}}`, weighed("149"), Agrees, nil},
		{"no tare is guessed", declared, `"transport":{"grossMass":{"kilograms":"34000","method":"WEIGHBRIDGE"}}`, NothingToCompare, nil},
		{"goods where none were announced", `"totals":{"packages":"0"}`, `"totals":{"packages":"3"}`, Differs, []string{"CMP_PACKAGES"}},
		{"a count is exact", declared, `"totals":{"packages":"99"}`, Differs, []string{"CMP_PACKAGES"}},

		{"plates typed in Latin", truck, `"transport":{"vehicles":[{"role":"TRACTOR","registration":"meng e-12345"},{"role":"TRAILER","registration":"MENGE678GUA"}]}`, Agrees, nil},
		{"drop and hook", truck, `"transport":{"vehicles":[{"role":"TRACTOR","registration":"MENGE12345"},{"role":"TRAILER","registration":"MENGE999GUA"}]}`, Differs, []string{"CMP_TRAILER"}},
		{"another tractor", truck, `"transport":{"vehicles":[{"role":"TRACTOR","registration":"А001ВС75"},{"role":"TRAILER","registration":"MENGE678GUA"}]}`, Differs, []string{"CMP_PLATE"}},
		{"two provinces of one spelling", `"transport":{"vehicles":[{"role":"TRACTOR","registration":"津A12345"}]}`, `"transport":{"vehicles":[{"role":"TRACTOR","registration":"晋A12345"}]}`, Differs, []string{"CMP_PLATE"}},
		{"another tractor, recorded with a reason", truck + `,` + sealed,
			`"transport":{"vehicles":[{"role":"TRACTOR","registration":"A001BC75"},{"role":"TRAILER","registration":"MENGE678GUA"}]},
			 "loadUnits":[{"id":"CSQU3054383","assignments":[{"vehicle":"А001ВС75","reason":[{"language":"ru","value":"поломка"}]}]}]`, Agrees, []string{"CMP_VEHICLE_CHANGED"}},
		{"another trailer, recorded with a reason", truck + `,` + sealed, hooked(`"reason":[{"language":"ru","value":"поломка"}]`), Differs, []string{"CMP_TRAILER"}},
		{"another trailer under an act", truck + `,` + sealed, hooked(`"act":"77","office":{"code":"10719110"},"since":"2026-03-02T10:00:00+10:00"`), Agrees, []string{"CMP_VEHICLE_CHANGED"}},
		{"another trailer under an act that does not say when", truck + `,` + sealed, hooked(`"act":"77","office":{"code":"10719110"}`), Differs, []string{"CMP_TRAILER"}},
		{"a trailer listed as a load unit", truck, `"transport":{"vehicles":[{"role":"TRACTOR","registration":"MENGE12345"}]},"loadUnits":[{"id":"MENGE678GUA","kind":"TRAILER_BODY"}]`, Agrees, nil},
		{"a vehicle too many", truck, truck[:len(truck)-2] + `,{"role":"TRACTOR","registration":"B7"}]}`, Differs, []string{"CMP_VEHICLE_EXTRA"}},
		{"a vehicle too few", truck, `"transport":{"vehicles":[{"role":"TRACTOR","registration":"MENGE12345"}]}`, Differs, []string{"CMP_VEHICLE_MISSING"}},

		{"seal intact", sealed, unit(`{"id":"cn 0012345"}`), Agrees, nil},
		{"seal broken", sealed, unit(`{"id":"CN0012345","events":[{"kind":"BROKEN"}]}`), Differs, []string{"CMP_SEAL_BROKEN"}},
		{"seal broken, an act explains nothing", sealed, unit(`{"id":"CN0012345","events":[{"kind":"REPLACED","act":"77"},{"kind":"BROKEN"}]}`), Differs, []string{"CMP_SEAL_BROKEN"}},
		{"another seal, no act", sealed, unit(`{"id":"RU9"}`), Differs, []string{"CMP_SEAL_NO_ACT"}},
		{"another seal than the one removed, no act", sealed, unit(`{"id":"CN0012345","events":[{"kind":"REMOVED"}]},{"id":"RU9","agency":"CU","events":[{"kind":"AFFIXED","at":"2026-03-02T10:00:00+10:00"}]}`), Differs, []string{"CMP_SEAL_NO_ACT"}},
		{"two other seals, no act", sealed, unit(`{"id":"RU9"},{"id":"RU8"}`), Differs, []string{"CMP_SEAL_MISSING", "CMP_SEAL_EXTRA", "CMP_SEAL_EXTRA"}},
		{"seal replaced under an act", sealed, unit(`{"id":"CN0012345","events":[{"kind":"REPLACED",` + act77 + `}]},{"id":"RU9","events":[{"kind":"AFFIXED",` + act77 + `}]}`), Agrees, []string{"CMP_SEAL_REPLACED", "CMP_SEAL_REPLACED"}},
		{"an act that does not say where", sealed, unit(`{"id":"CN0012345","events":[{"kind":"REPLACED","act":"77","at":"2026-03-02T10:00:00+10:00"}]}`), Differs, []string{"CMP_SEAL_NO_ACT"}},
		{"an act that does not say when", sealed, unit(`{"id":"CN0012345","events":[{"kind":"REMOVED","act":"77","office":{"administration":"RU","code":"10719110"}}]}`), Differs, []string{"CMP_SEAL_NO_ACT"}},
		{"an act of one of two changes", sealed, unit(`{"id":"CN0012345","events":[{"kind":"REPLACED","act":"77"}]},{"id":"RU9","events":[{"kind":"AFFIXED",` + act77 + `}]}`), Differs, []string{"CMP_SEAL_NO_ACT", "CMP_SEAL_REPLACED"}},
		{"a seal added by an operator", sealed, unit(`{"id":"CN0012345"},{"id":"NAV9","agency":"TO","events":[{"kind":"AFFIXED","at":"2026-03-02T10:00:00+10:00"}]}`), Agrees, []string{"CMP_SEAL_ADDED"}},
		{"a seal added by a post, and checked", sealed, unit(`{"id":"CN0012345"},{"id":"RU9","events":[{"kind":"AFFIXED","office":{"code":"10719110"},"at":"2026-03-02T10:00:00+10:00"},{"kind":"CHECKED"}]}`), Agrees, []string{"CMP_SEAL_ADDED"}},
		{"a seal added under an act", sealed, unit(`{"id":"CN0012345"},{"id":"RU9","events":[{"kind":"AFFIXED",` + act77 + `}]}`), Agrees, []string{"CMP_SEAL_ADDED"}},
		{"a seal added, and nobody says by whom", sealed, unit(`{"id":"CN0012345"},{"id":"RU9","events":[{"kind":"AFFIXED","at":"2026-03-02T10:00:00+10:00"}]}`), Differs, []string{"CMP_SEAL_EXTRA"}},
		{"a seal added, and nobody says when", sealed, unit(`{"id":"CN0012345"},{"id":"RU9","agency":"TO","events":[{"kind":"AFFIXED"}]}`), Differs, []string{"CMP_SEAL_EXTRA"}},
		{"a seal added, and found broken", sealed, unit(`{"id":"CN0012345"},{"id":"NAV9","agency":"TO","events":[{"kind":"AFFIXED","at":"2026-03-02T10:00:00+10:00"},{"kind":"BROKEN"}]}`), Differs, []string{"CMP_SEAL_EXTRA"}},
		{"seal lost, an act of affixing explains nothing", sealed, unit(`{"id":"CN0012345","events":[{"kind":"AFFIXED","act":"5"},{"kind":"LOST"}]}`), Differs, []string{"CMP_SEAL_MISSING"}},
		{"seal removed without an act", sealed, unit(`{"id":"CN0012345","events":[{"kind":"REMOVED"}]}`), Differs, []string{"CMP_SEAL_NO_ACT"}},
		{"seal on another container", sealed, `"loadUnits":[{"id":"CSQU3054383"},{"id":"MSKU0000007","seals":[{"id":"CN0012345"}]}]`, Differs, []string{"CMP_UNIT_EXTRA", "CMP_SEAL_MOVED"}},
		{"no seals stated is no missing seal", sealed, `"loadUnits":[{"id":"CSQU3054383"}]`, Agrees, nil},

		{"another container", sealed, `"loadUnits":[{"id":"MSKU0000007"}]`, Differs, []string{"CMP_UNIT_MISSING", "CMP_UNIT_EXTRA"}},
		{"another type of container", sealed, `"loadUnits":[{"id":"CSQU3054383","sizeType":"22G1"}]`, Differs, []string{"CMP_UNIT_TYPE"}},
		{"announced full, found empty", sealed, `"loadUnits":[{"id":"CSQU3054383","fullness":"4"}]`, Differs, []string{"CMP_UNIT_FULLNESS"}},
		{"two words for not empty", sealed, `"loadUnits":[{"id":"CSQU3054383","fullness":"7"}]`, Agrees, nil},

		{"a waybill too many and one too few", waybills, `"transportDocuments":["WB 1","WB-3"]`, Differs, []string{"CMP_WAYBILL_MISSING", "CMP_WAYBILL_EXTRA"}},
		{"a tally by items", waybills, `"consignments":[{"transportDocument":{"id":"WB-1"},"items":[{"packages":[{"quantity":"50"}]},{"packages":[{"quantity":"10"}]}]},{"transportDocument":{"id":"WB-2"},"items":[{"packages":[{"quantity":"39"}]}]}]`, Differs, []string{"CMP_PACKAGES", "CMP_PACKAGES"}},
		{"outer and inner packages are not added", waybills, `"consignments":[{"transportDocument":{"id":"WB-1"},"items":[{"packages":[{"quantity":"6"},{"quantity":"60"}]}]},{"transportDocument":{"id":"WB-2"}}]`, Agrees, nil},
		{"tally by waybill", waybills, `"consignments":[{"transportDocument":{"id":"WB-1"},"totals":{"packages":"61"}},{"transportDocument":{"id":"WB-2"},"totals":{"packages":"39"}}]`, Differs, []string{"CMP_PACKAGES", "CMP_PACKAGES"}},
		{"announced empty, goods seen", `"transport":{"empty":true}`, `"transportDocuments":["WB-1"]`, Differs, []string{"CMP_EMPTY"}},
		{"announced with goods, arrived empty", declared, `"transport":{"empty":true}`, Differs, []string{"CMP_EMPTY"}},
		{"empty, and weighs as its tare and full tanks", emptyTruck, arrived("16400"), Agrees, nil},
		{"empty, and weighs far more than its tare", emptyTruck, arrived("19000"), Differs, []string{"CMP_TARE"}},
		{"empty, and the limit to the kilogram", emptyTruck, arrived("16420"), Differs, []string{"CMP_TARE"}},
		{"empty with an empty container, and weighs as both", emptyTruck, arrived("19000") + `,"loadUnits":[{"id":"CSQU3054383","fullness":"4","tare":{"kilograms":"2600"}}]`, Agrees, nil},
		{"empty with a container whose tare nobody says", emptyTruck, arrived("19000") + `,"loadUnits":[{"id":"CSQU3054383","fullness":"4"}]`, Agrees, nil},
		{"empty by the post's own word, and weighs far more", strings.Replace(emptyTruck, `"empty":true,`, "", 1), strings.Replace(arrived("19000"), `"transport":{`, `"transport":{"empty":true,`, 1), Differs, []string{"CMP_TARE"}},
		{"not said to be empty", strings.Replace(emptyTruck, `"empty":true,`, "", 1), arrived("19000"), Agrees, nil},
		{"another office of the same side", `"entryOffice":{"administration":"RU","code":"10719110"}`, `"office":{"administration":"RU","code":"10716060"}`, Differs, []string{"CMP_OFFICE"}},
		{"codes of two sides are not compared", `"entryOffice":{"administration":"RU","code":"10719110"}`, `"office":{"administration":"CN","code":"0603"}`, NothingToCompare, nil},
		{"the same office, of an administration that the notice does not name", `"entryOffice":{"code":"39899001"}`, `"office":{"administration":"KZ","code":"39899001"}`, Agrees, nil},
		{"another office, of an administration that the notice does not name", `"entryOffice":{"code":"39899002"}`, `"office":{"administration":"KZ","code":"39899001"}`, Differs, []string{"CMP_OFFICE"}},
		{"another office, of an administration that the arrival does not name", `"entryOffice":{"administration":"KZ","code":"39899002"}`, `"office":{"code":"39899001"}`, Differs, []string{"CMP_OFFICE"}},
		{"another office, and nobody names an administration", `"entryOffice":{"code":"10719110"}`, `"office":{"code":"10716060"}`, Differs, []string{"CMP_OFFICE"}},
		{"an office by its five digits at home", `"entryOffice":{"code":"39899001"}`, `"office":{"administration":"KZ","code":"99001"}`, Agrees, nil},
		{"an office by its eight digits in the Union", `"entryOffice":{"administration":"KZ","code":"99001"}`, `"office":{"administration":"KZ","code":"398 99001"}`, Agrees, nil},
		{"another one by its five digits", `"entryOffice":{"code":"39899001"}`, `"office":{"administration":"KZ","code":"99002"}`, Differs, []string{"CMP_OFFICE"}},
		{"four digits are no end of eight", `"entryOffice":{"code":"39899001"}`, `"office":{"code":"9001"}`, Differs, []string{"CMP_OFFICE"}},
		{"five digits of another administration", `"entryOffice":{"administration":"KZ","code":"39899001"}`, `"office":{"administration":"CN","code":"99001"}`, NothingToCompare, nil},
		{"seen where the transit ends", `"entryOffice":{"code":"39899001"},"transit":{"destination":{"code":"39850502"}}`, `"office":{"administration":"KZ","code":"50502"}`, Agrees, nil},
		{"seen where nothing of the transit is", `"entryOffice":{"code":"39899001"},"transit":{"destination":{"code":"39850502"}}`, `"office":{"administration":"KZ","code":"50503"}`, Differs, []string{"CMP_OFFICE"}},
		{"only the end of the transit is announced", `"transit":{"destination":{"code":"39850502"}}`, `"office":{"administration":"KZ","code":"39850503"}`, Differs, []string{"CMP_OFFICE"}},
		{"rail: seen where one of its consignments goes", `"entryOffice":{"code":"39899001"},"consignments":[{"transit":{"destination":{"code":"39850502"}}},{"transit":{"destination":{"code":"39850503"}}}]`, `"office":{"administration":"KZ","code":"50503"}`, Agrees, nil},
		{"rail: seen where none of its consignments goes", `"consignments":[{"transit":{"destination":{"code":"39850502"}}},{"transit":{"destination":{"code":"39850503"}}}]`, `"office":{"administration":"KZ","code":"50504"}`, Differs, []string{"CMP_OFFICE"}},
		{"rail: its consignments go to another administration", `"consignments":[{"transit":{"destination":{"administration":"MN","code":"001"}}}]`, `"office":{"administration":"KZ","code":"50504"}`, NothingToCompare, nil},
		{"five digits are no end of a Russian office's eight", `"entryOffice":{"code":"10719110"}`, `"office":{"administration":"RU","code":"19110"}`, Differs, []string{"CMP_OFFICE"}},
		{"a day late is in time", `"expectedArrival":"2026-03-02T12:00:00Z"`, `"at":"2026-03-03T20:00:00+08:00"`, Agrees, nil},
		{"a day and a second is late, which is information", `"expectedArrival":"2026-03-01T12:00:00Z"`, `"at":"2026-03-02T20:00:01+08:00"`, NothingToCompare, []string{"CMP_LATE"}},
		{"early", `"expectedArrival":"2026-03-02T18:00:00Z"`, `"at":"2026-03-02T13:00:00Z"`, NothingToCompare, []string{"CMP_EARLY"}},

		{"partial: what is missing is outstanding", declared + `,` + truck + `,` + sealed + `,` + waybills,
			`"partial":true,"totals":{"packages":"60","grossMass":{"kilograms":"9000","method":"WEIGHBRIDGE"}},"transportDocuments":["WB-1"],"transport":{"vehicles":[{"role":"TRACTOR","registration":"MENGE12345"}]}`, Agrees, nil},
		{"partial: too much is a difference", declared, `"partial":true,"totals":{"packages":"101"}`, Differs, []string{"CMP_PACKAGES"}},
	}
	tol := tolerances(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Compare(notice(t, tt.announced), arrival(t, tt.found), tol, noon)
			if c.Result != tt.result {
				t.Errorf("result %q, want %q", c.Result, tt.result)
			}
			if diff := cmp.Diff(append([]string{}, tt.want...), codes(c.Discrepancies)); diff != "" {
				t.Errorf("codes (-want +got):\n%s%+v", diff, c)
			}
			for _, d := range append(c.Discrepancies, c.Outstanding...) {
				if text := d.Fault().Text("en"); text == "" || strings.Contains(text, "{") {
					t.Errorf("%s has no text: %q", d.Code, text)
				}
			}
		})
	}
}

func TestDiscrepancyShowsItsSum(t *testing.T) {
	c := Compare(
		notice(t, `"totals":{"grossMass":{"kilograms":"18250.5","method":"DECLARED"}}`),
		arrival(t, `"totals":{"grossMass":{"kilograms":"18633.76","method":"WEIGHBRIDGE"}}`), tolerances(t), noon)
	want := []Discrepancy{{
		Code: gateway.CmpGrossMass, Severity: gateway.Error, Subject: field("Totals.grossMass"),
		Expected: gateway.Term("18250.5"), Found: gateway.Term("18633.76"), ExpectedMethod: "DECLARED", FoundMethod: "WEIGHBRIDGE",
		Tolerance:  gateway.Say(gateway.WordTolerance, "2.0", "50 kg", "gross-mass.v1:T001"),
		Difference: gateway.Term("18633.76 - 18250.5 = 383.26 kg (2.10 %)"),
		Place:      Place{"announced", "totals.grossMass.kilograms"},
	}}
	if diff := cmp.Diff(want, c.Discrepancies); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type message struct {
	id string
	d  *customsv1.Document
}

func attach(t testing.TB, m Movement, tol Tolerances, messages ...message) Movement {
	t.Helper()
	for _, msg := range messages {
		var hour int
		fmt.Sscanf(msg.id, "m%d", &hour)
		var err error
		m, err = Attach(m, msg.d, Origin{Message: gateway.MessageID(msg.id), Received: noon.Add(time.Duration(hour) * time.Hour)}, tol)
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// One waybill under one batch on two trucks: two notices, two arrivals, all adding up.
func TestSplitConsignmentAddsUp(t *testing.T) {
	tol := tolerances(t)
	body := func(plate, packages string) string {
		return `"batch":"B1","totals":{"packages":"` + packages + `"},"transport":{"vehicles":[{"role":"TRACTOR","registration":"` + plate + `"}]}`
	}
	m := attach(t, Movement{ID: "v1"}, tol,
		message{"m1", notice(t, body("蒙E1", "60")+`,"consignments":[{"transportDocument":{"id":"WB"},"totals":{"packages":"60"}}]`)},
		message{"m2", notice(t, body("蒙E2", "40")+`,"consignments":[{"transportDocument":{"id":"WB"},"totals":{"packages":"40"}}]`)},
		message{"m3", arrival(t, body("MENGE1", "60")+`,"at":"2026-03-02T15:00:00Z","consignments":[{"transportDocument":{"id":"WB"},"totals":{"packages":"60"}}]`)})
	if c := m.Comparisons[0]; c.Result != Agrees || len(c.Outstanding) != 3 || m.Complete() {
		t.Errorf("the first arrival leaves the other truck to come: %+v", c)
	}
	c := m.AsOf(noon.AddDate(0, 0, 7), tol).Comparisons[0]
	if want := []string{"CMP_VEHICLE_MISSING", "CMP_PACKAGES", "CMP_PACKAGES"}; !slices.Equal(codes(c.Discrepancies), want) {
		t.Fatalf("after the deadline the first arrival was all: %v, want %v", codes(c.Discrepancies), want)
	}
	m = attach(t, m, tol, message{"m4", arrival(t, body("MENGE2", "40")+`,"at":"2026-03-02T16:00:00Z","consignments":[{"transportDocument":{"id":"WB"},"totals":{"packages":"40"}}]`)})
	if len(m.Comparisons) != 2 {
		t.Fatalf("%d comparisons, want one for each arrival", len(m.Comparisons))
	}
	if c := m.Comparisons[0]; c.Result != Agrees || len(c.Discrepancies)+len(c.Outstanding) != 0 { // the last tells what is to come
		t.Errorf("the first arrival turned out partial: %+v", c)
	}
	if c := m.Comparisons[1]; c.Result != Agrees || len(c.Discrepancies)+len(c.Outstanding) != 0 {
		t.Errorf("both arrivals: %+v", c)
	}
}

// A manifest and a vehicle report tell of the same goods as the notice: nothing doubles.
func TestKindsDoNotAddUp(t *testing.T) {
	m := attach(t, Movement{ID: "v1"}, tolerances(t),
		message{"m1", notice(t, `"batch":"B1","totals":{"packages":"10"}`)},
		message{"m2", parse(t, `{"manifest":{"batch":"B1","totals":{"packages":"10"},"loadUnits":[{"id":"CSQU3054383","seals":[{"id":"S1"}]}]}}`)},
		message{"m3", arrival(t, `"batch":"B1","totals":{"packages":"10"},"loadUnits":[{"id":"CSQU3054383","seals":[{"id":"S1"}]}]`)})
	if c := m.Comparisons[0]; c.Result != Agrees || c.Agreed != 3 {
		t.Errorf("%+v", c)
	}
}

func TestLateNoticeAmendmentAndCancellation(t *testing.T) {
	tol := tolerances(t)
	m := attach(t, Movement{ID: "v1"}, tol, message{"m1", arrival(t, `"at":"2026-03-02T13:00:00Z","totals":{"packages":"9"}`)})
	if c := m.Comparisons[0]; c.Result != NothingToCompare || !slices.Equal(codes(c.Discrepancies), []string{"CMP_UNANNOUNCED"}) {
		t.Fatalf("unannounced arrival: %+v", c)
	}
	m = attach(t, m, tol, message{"m3", parse(t, `{"envelope":{"documentId":"D1"},"preArrivalNotice":{"totals":{"packages":"10"}}}`)})
	if c := m.Comparisons[0]; !slices.Equal(codes(c.Discrepancies), []string{"CMP_NOTICE_LATE", "CMP_PACKAGES"}) || c.Result != Differs {
		t.Fatalf("late notice: %+v", c)
	}
	m = attach(t, m, tol, message{"m4", parse(t, `{"envelope":{"documentId":"D2","references":[{"kind":"CHANGED","id":"D1"}]},"preArrivalNotice":{"totals":{"packages":"9"}}}`)})
	if c := m.Comparisons[0]; c.Result != Agrees || len(m.Announced) != 2 {
		t.Fatalf("amended: %+v", c)
	}
	m = attach(t, m, tol, message{"m5", parse(t, `{"cancellation":{"subject":{"id":"D2"}}}`)})
	if c := m.Comparisons[0]; c.Result != NothingToCompare {
		t.Fatalf("cancelled: %+v", c)
	}
}

// TestNobodyElseTakesADocumentsPlace: a document's id is its sender's. Whoever else uses it, as
// its own, as one that it changes or takes back, leaves what was announced as it was.
func TestNobodyElseTakesADocumentsPlace(t *testing.T) {
	announced := parse(t, `{"envelope":{"documentId":"D1"},"preArrivalNotice":{"totals":{"packages":"9"}}}`)
	for name, doc := range map[string]string{
		"a cancellation":  `{"cancellation":{"subject":{"id":"D1"}}}`,
		"the same id":     `{"envelope":{"documentId":"D1"},"preArrivalNotice":{"totals":{"packages":"1"}}}`,
		"an amendment":    `{"envelope":{"documentId":"D2","references":[{"kind":"CHANGED","id":"D1"}]},"preArrivalNotice":{}}`,
		"a taken-back id": `{"envelope":{"documentId":"D1","function":"CANCELLATION"},"preArrivalNotice":{}}`,
	} {
		for _, by := range []gateway.Administration{"KZ", "CN"} {
			m := Movement{ID: "v"}
			for i, d := range []*customsv1.Document{announced, parse(t, doc)} {
				var err error
				sender := []gateway.Administration{"KZ", by}[i]
				if m, err = Attach(m, d, Origin{Message: gateway.MessageID(fmt.Sprint("m", i)), Sender: sender, Received: noon}, tolerances(t)); err != nil {
					t.Fatal(err)
				}
			}
			stands := slices.ContainsFunc(m.counting(m.Announced), func(r Record) bool { return r.Message == "m0" })
			if want := by != "KZ"; stands != want {
				t.Errorf("%s by %s: what KZ announced stands: %v", name, by, stands)
			}
		}
	}
}

func TestInspectionExplainsASeal(t *testing.T) {
	m := attach(t, Movement{ID: "v1"}, tolerances(t),
		message{"m1", notice(t, `"loadUnits":[{"id":"CSQU3054383","seals":[{"id":"S1"}]}]`)},
		message{"m2", parse(t, `{"inspectionResult":{"loadUnits":[{"id":"CSQU3054383","seals":[{"id":"S1","events":[{"kind":"REMOVED","act":"A7","office":{"code":"10719110"},"at":"2026-03-02T10:00:00+10:00"}]},{"id":"S2","events":[{"kind":"AFFIXED","act":"A7","office":{"code":"10719110"},"at":"2026-03-02T10:00:00+10:00"}]}]}]}}`)},
		message{"m3", arrival(t, `"loadUnits":[{"id":"CSQU3054383","seals":[{"id":"S2"}]}]`)})
	if c := m.Comparisons[0]; c.Result != Agrees || !slices.Equal(codes(c.Discrepancies), []string{"CMP_SEAL_REPLACED", "CMP_SEAL_REPLACED"}) {
		t.Errorf("%+v", c)
	}
}

func TestAttachRefusesAndRepeats(t *testing.T) {
	tol := tolerances(t)
	if _, err := Attach(Movement{}, parse(t, `{"answer":{}}`), Origin{Message: "m1"}, tol); err == nil {
		t.Error("an answer was attached to a movement")
	}
	n := message{"m1", notice(t, `"batch":"B1"`)}
	once := attach(t, Movement{ID: "v"}, tol, n)
	if diff := cmp.Diff(once, attach(t, once, tol, n)); diff != "" {
		t.Errorf("the same message again changed something:\n%s", diff)
	}
}

func TestMergeAndSplit(t *testing.T) {
	tol := tolerances(t)
	a := attach(t, Movement{ID: "a"}, tol, message{"m1", notice(t, `"totals":{"packages":"10"}`)})
	b := attach(t, Movement{ID: "b"}, tol, message{"m2", arrival(t, `"totals":{"packages":"10"}`)})
	m := Merge(a, b, tol)
	if len(m.Comparisons) != 1 || m.Comparisons[0].Result != Agrees || !slices.Equal(m.Merged, []gateway.MovementID{"b"}) {
		t.Errorf("merged: %+v", m)
	}
	rest, part, err := Split(m, "c", []gateway.MessageID{"m2"}, tol)
	if err != nil || len(rest.Comparisons) != 0 || part.SplitFrom != "a" || part.Comparisons[0].Result != NothingToCompare {
		t.Errorf("split: %+v, %+v, %v", rest, part, err)
	}
	for _, messages := range [][]gateway.MessageID{{"m9"}, {"m1", "m2"}, nil} {
		if _, _, err := Split(m, "c", messages, tol); err == nil {
			t.Errorf("split by %v was not refused", messages)
		}
	}
}

func TestMatch(t *testing.T) {
	tol := tolerances(t)
	window := Window{Before: 12 * time.Hour, After: 48 * time.Hour}
	open := func(id, body string) Movement {
		return attach(t, Movement{ID: gateway.MovementID(id)}, tol, message{"m0", notice(t, body)})
	}
	const plate = `"transport":{"vehicles":[{"role":"TRACTOR","registration":"蒙E12345"}]}`
	one := open("one", `"batch":"B1",`+plate+`,"consignments":[{"transportDocument":{"id":"WB-1"}}]`)
	two := open("two", `"batch":"B2",`+plate+`,"consignments":[{"transportDocument":{"id":"WB-1"}}]`)
	tests := []struct {
		name, body string
		at         time.Time
		candidates []Movement
		outcome    Outcome
		movement   gateway.MovementID
	}{
		{"batch", `"batch":"b1"`, noon, []Movement{one, two}, OneMatch, "one"},
		{"batch, long after", `"batch":"B1"`, noon.AddDate(1, 0, 0), []Movement{one, two}, OneMatch, "one"},
		{"batch beats waybill", `"batch":"B2","transportDocuments":["WB-1"]`, noon, []Movement{one, two}, OneMatch, "two"},
		{"waybill", `"transportDocuments":["wb1"]`, noon, []Movement{one}, OneMatch, "one"},
		{"waybill of two movements", `"transportDocuments":["WB-1"]`, noon, []Movement{one, two}, Ambiguous, ""},
		{"plate in the window", `"transport":{"vehicles":[{"registration":"MENGE12345"}]}`, noon.Add(48 * time.Hour), []Movement{one}, OneMatch, "one"},
		{"plate after the window", `"transport":{"vehicles":[{"registration":"MENGE12345"}]}`, noon.Add(48*time.Hour + time.Second), []Movement{one}, NoMatch, ""},
		{"plate before the window", `"transport":{"vehicles":[{"registration":"MENGE12345"}]}`, noon.Add(-13 * time.Hour), []Movement{one}, NoMatch, ""},
		{"plate of two movements", plate, noon, []Movement{one, two}, Ambiguous, ""},
		{"plate under another batch", `"batch":"B3",` + plate, noon, []Movement{one}, Ambiguous, ""},
		{"nothing", `"batch":"B3"`, noon, []Movement{one, two}, NoMatch, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Match(arrival(t, tt.body), Origin{}, tt.at, tt.candidates, window)
			if r.Outcome != tt.outcome || r.Movement() != tt.movement {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestMovementSurvivesJSON(t *testing.T) {
	m := randomMovement(t, tolerances(t), []int{0, 1, 2, 3, 4})
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back Movement
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func randomMovement(t testing.TB, tol Tolerances, order []int) Movement {
	messages := []message{
		{"m1", notice(t, `"batch":"B1","expectedArrival":"2026-03-02T14:00:00Z","totals":{"packages":"10"},"loadUnits":[{"id":"CSQU3054383","seals":[{"id":"S1"}]}]`)},
		{"m2", parse(t, `{"envelope":{"documentId":"D2"},"manifest":{"batch":"B1","transport":{"vehicles":[{"role":"TRACTOR","registration":"蒙E1"}]}}}`)},
		{"m3", arrival(t, `"at":"2026-03-02T14:00:00Z","totals":{"packages":"4"},"loadUnits":[{"id":"CSQU3054383","seals":[{"id":"S2"}]}]`)},
		{"m4", arrival(t, `"at":"2026-03-02T15:00:00Z","totals":{"packages":"7"},"transport":{"vehicles":[{"role":"TRACTOR","registration":"MENGE2"}]}`)},
		{"m5", parse(t, `{"envelope":{"documentId":"D5","references":[{"kind":"CHANGED","id":"D2"}]},"manifest":{"transport":{"vehicles":[{"role":"TRACTOR","registration":"MENGE2"}]}}}`)},
	}
	m := Movement{ID: "v"}
	for _, i := range order {
		m = attach(t, m, tol, messages[i])
	}
	return m
}

func TestOrderOfAttachingChangesNothing(t *testing.T) {
	tol := tolerances(t)
	want := randomMovement(t, tol, []int{0, 1, 2, 3, 4})
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(rt, "order")
		if diff := cmp.Diff(want, randomMovement(t, tol, order)); diff != "" {
			rt.Errorf("order %v (-want +got):\n%s", order, diff)
		}
	})
}

func TestFold(t *testing.T) {
	tests := []struct{ kind, in, want string }{
		{Vehicle, "蒙E12345", "MENGE12345"},
		{Vehicle, "蒙E·123挂", "MENGE123GUA"},
		{Vehicle, "а 123 вс 75", "A123BC75"},
		{Vehicle, "1234 УБА", "1234YБA"},
		{Vehicle, "ＡＢ-１２", "AB12"},
		{Seal, "cn–001\u200b234", "CN001234"},
		{Seal, "蒙1", "蒙1"},
		{Batch, "10719110/240126/5011363", "10719110/240126/5011363"},
	}
	for _, tt := range tests {
		if got := Fold(tt.kind, tt.in); got != tt.want {
			t.Errorf("Fold(%s, %q) = %q, want %q", tt.kind, tt.in, got, tt.want)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom([]string{Batch, Vehicle, LoadUnit, Seal, Waybill, Carnet}).Draw(rt, "kind")
		s := rapid.String().Draw(rt, "value")
		if once := Fold(kind, s); Fold(kind, once) != once {
			rt.Errorf("Fold(%q) = %q, folded again %q", s, once, Fold(kind, once))
		}
	})
}

func TestADocumentAgreesWithItself(t *testing.T) {
	tol := tolerances(t)
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.StringMatching(`[A-CА-В蒙津晋 -]{0,3}[0-9]`)
		draw := func(g *rapid.Generator[string], label string) string { return g.Draw(rt, label) }
		list := func(label string, element func() string) string {
			var out []string
			for range rapid.IntRange(0, 4).Draw(rt, label) {
				out = append(out, element())
			}
			return "[" + strings.Join(out, ",") + "]"
		}
		totals := func() string {
			return fmt.Sprintf(`{"packages":"%d","grossMass":{"kilograms":"%s","method":"%s"}}`, rapid.Uint64().Draw(rt, "packages"),
				draw(rapid.StringMatching(`[0-9]{1,9}(\.[0-9]{1,6})?`), "kg"), draw(rapid.SampledFrom([]string{"DECLARED", "TALLY", "WEIGHBRIDGE"}), "method"))
		}
		vehicles := list("vehicles", func() string {
			return `{"role":"` + draw(rapid.SampledFrom([]string{"TRACTOR", "TRAILER"}), "role") + `","registration":` + quote(draw(id, "plate")) + `}`
		})
		units := list("units", func() string {
			return `{"id":` + quote(draw(id, "unit")) + `,"seals":` + list("seals", func() string {
				return `{"id":` + quote(draw(id, "seal")) + `,"events":[{"kind":"` + draw(rapid.SampledFrom([]string{"AFFIXED", "REMOVED", "BROKEN", "LOST"}), "event") + `"}]}`
			}) + `}`
		})
		consignments := list("consignments", func() string {
			return `{"transportDocument":{"id":` + quote(draw(id, "waybill")) + `},"totals":` + totals() + `}`
		})
		d := notice(t, `"totals":`+totals()+`,"transport":{"empty":`+fmt.Sprint(rapid.Bool().Draw(rt, "empty"))+`,"vehicles":`+vehicles+`},"loadUnits":`+units+`,"consignments":`+consignments)
		c := Compare(d, d, tol, noon)
		if c.Result != Agrees || len(c.Discrepancies) != 0 || len(c.Outstanding) != 0 {
			rt.Errorf("%+v", c)
		}
	})
}

func TestIdentifiers(t *testing.T) {
	d := notice(t, `"batch":"B-1","transit":{"tir":{"carnet":"XB12345678"}},
		"transport":{"vehicles":[{"registration":"蒙E1"},{"registration":"MENGE1"}]},
		"loadUnits":[{"id":"蒙E2挂","kind":"TRAILER_BODY","seals":[{"id":"S-1"}]}],
		"consignments":[{"transportDocument":{"id":"WB"},"loadUnits":["CSQU3054383"]}]`)
	want := []Identifier{
		{Batch, "B-1", "B1"}, {Vehicle, "蒙E1", "MENGE1"}, {LoadUnit, "蒙E2挂", "MENGE2GUA"}, {Vehicle, "蒙E2挂", "MENGE2GUA"},
		{Seal, "S-1", "S1"}, {LoadUnit, "CSQU3054383", "CSQU3054383"}, {Waybill, "WB", "WB"}, {Carnet, "XB12345678", "XB12345678"},
	}
	if diff := cmp.Diff(want, Identifiers(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOpens(t *testing.T) {
	for js, want := range map[string]bool{
		`{"arrivalReport":{}}`:                                             true,
		`{"preArrivalNotice":{"batch":"B1"}}`:                              true,
		`{"vehicleReport":{"transport":{}}}`:                               false,
		`{"transitEvent":{"vehicles":["A1"]}}`:                             false,
		`{"manifest":{"consignments":[{"transportDocument":{"id":"W"}}]}}`: true,
	} {
		if got := Opens(parse(t, js)); got != want {
			t.Errorf("Opens(%s) = %v", js, got)
		}
	}
}

// A large train stays quick: nothing grows with the square of its load units.
func TestLargeMovement(t *testing.T) {
	list := func(offset int) string {
		var units []string
		for i := range 5000 {
			units = append(units, fmt.Sprintf(`{"id":"U%d","seals":[{"id":"S%d"}]}`, i+offset, i+offset))
		}
		return `"loadUnits":[` + strings.Join(units, ",") + `]`
	}
	began := time.Now()
	c := Compare(notice(t, list(0)), arrival(t, list(5000)), tolerances(t), noon)
	if len(c.Discrepancies) != 20000 {
		t.Errorf("%d discrepancies, want 20000", len(c.Discrepancies))
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestPartialArrivalLeavesTheRestOutstanding(t *testing.T) {
	c := Compare(
		notice(t, `"totals":{"packages":"100"},"loadUnits":[{"id":"CSQU3054383","seals":[{"id":"S1"}]},{"id":"MSKU0000007","seals":[{"id":"S2"},{"id":"S3"}]}]`),
		arrival(t, `"partial":true,"totals":{"packages":"60"},"loadUnits":[{"id":"MSKU0000007","seals":[{"id":"S2"}]}]`), tolerances(t), noon)
	type line struct{ subject, expected, found, difference string }
	var got []line
	for _, d := range c.Outstanding {
		got = append(got, line{d.Subject.In("en"), d.Expected.String(), d.Found.String(), d.Difference.String()})
	}
	want := []line{{"load unit", "CSQU3054383", "", ""}, {"seal", "S1", "", ""}, {"total packages", "100", "60", "60 - 100 = -40 (-40.00 %)"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("outstanding (-want +got):\n%s", diff)
	}
	if len(c.Discrepancies) != 1 || c.Discrepancies[0].Expected.String() != "S3" {
		t.Errorf("a seal of a unit that has come is missing: %+v", c.Discrepancies)
	}
}
