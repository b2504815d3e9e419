package reconcile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// TestComparisonIsSaidInTheReadersLanguage: everything of it that a person reads stands in
// testdata/comparisons.txt, in every language.
func TestComparisonIsSaidInTheReadersLanguage(t *testing.T) {
	const (
		truck    = `"transport":{"vehicles":[{"role":"TRACTOR","registration":"蒙E12345"},{"role":"TRAILER","registration":"蒙E678挂"}]}`
		train    = `"transport":{"vehicles":[{"role":"LOCOMOTIVE","registration":"7001"},{"role":"WAGON","registration":"52000001"}]}`
		waybills = `"consignments":[{"transportDocument":{"id":"WB-1"},"totals":{"packages":"60","grossMass":{"kilograms":"900"}}},{"transportDocument":{"id":"WB-2"},"totals":{"packages":"40"}}]`
		sealed   = `"loadUnits":[{"id":"CSQU3054383","kind":"CONTAINER","sizeType":"42G1","fullness":"5","seals":[{"id":"CN1"},{"id":"CN2"},{"id":"CN3"},{"id":"CN4"},{"id":"CN5"}]}]`
	)
	const act77 = `"act":"77","office":{"administration":"RU","code":"10719110"},"at":"2026-03-04T10:00:00+10:00"`
	unit := func(rest, seals string) string {
		return `"loadUnits":[{"id":"CSQU3054383"` + rest + `,"seals":[` + seals + `]},{"id":"MSKU0000007","seals":[{"id":"CN5"}]}]`
	}
	tol := tolerances(t)
	var out strings.Builder
	codes := map[gateway.Code]bool{}
	for _, tt := range []struct{ name, announced, found string }{
		{"what only one side states", truck + `,` + waybills + `,"entryOffice":{"administration":"RU","code":"10719110"}`,
			`"office":{"administration":"CN","code":"0603"},"loadUnits":[{"id":"U1","seals":[{"id":"S1"}]}],"transport":{"grossMass":{"kilograms":"20000"}}`},
		{"another office, hour, vehicle and mass", truck + `,` + waybills + `,"entryOffice":{"code":"39899001"},"expectedArrival":"2026-03-02T12:00:00Z","totals":{"grossMass":{"kilograms":"900"}}`,
			`"office":{"administration":"KZ","code":"99002"},"at":"2026-03-05T12:00:00Z","transport":{"vehicles":[{"role":"TRACTOR","registration":"А001ВС75"},{"role":"TRAILER","registration":"新B999挂"},{"registration":"X77"}]},
			 "totals":{"grossMass":{"kilograms":"1200.5","method":"WEIGHBRIDGE"},"packages":"99"},"consignments":[{"transportDocument":{"id":"WB-1"},"totals":{"packages":"61","grossMass":{"kilograms":"1200.5","method":"AXLE_SUM"}}},{"transportDocument":{"id":"WB-3"}}]`},
		{"before the announcement", truck + `,"expectedArrival":"2026-03-03T12:00:00Z"`, `"at":"2026-03-01T12:00:00Z"`},
		{"seals and units", sealed, unit(`,"sizeType":"22G1","fullness":"4"`, `{"id":"CN1","events":[{"kind":"BROKEN"}]},{"id":"CN2","events":[{"kind":"REMOVED"}]},{"id":"CN3","events":[{"kind":"LOST"}]},{"id":"CN4","events":[{"kind":"REPLACED",`+act77+`}]},{"id":"RU9","events":[{"kind":"AFFIXED",`+act77+`}]},{"id":"RU8"}`)},
		{"added on the way", sealed, unit(``, `{"id":"CN1"},{"id":"CN2"},{"id":"CN3"},{"id":"CN4"},{"id":"NAV9","agency":"TO","events":[{"kind":"AFFIXED","at":"2026-03-04T10:00:00+10:00"}]},{"id":"RU9","events":[{"kind":"AFFIXED",`+act77+`}]}`)},
		{"acts that do not say where or when", sealed, unit(``, `{"id":"CN1"},{"id":"CN4"},{"id":"CN2","events":[{"kind":"REPLACED","act":"78"}]},{"id":"CN3","events":[{"kind":"REMOVED","act":"79","office":{"administration":"RU","code":"10719110"}}]},{"id":"RU9","events":[{"kind":"AFFIXED","act":"78"}]}`)},
		{"replaced without an act, and another unit", sealed, `"loadUnits":[{"id":"TCLU0000003","seals":[{"id":"CN1","events":[{"kind":"REPLACED"}]}]}]`},
		{"empty", `"transport":{"empty":true}`, `"transportDocuments":["WB-1"]`},
		{"empty, and far heavier than that", `"transport":{"empty":true,"vehicles":[{"registration":"B7","tare":{"kilograms":"15000"}}]}`, `"transport":{"grossMass":{"kilograms":"21000.5","method":"WEIGHBRIDGE"},"vehicles":[{"registration":"B7"}]}`},
		{"empty, of no stated tare", `"transport":{"empty":true,"vehicles":[{"registration":"B7"}]}`, `"transport":{"grossMass":{"kilograms":"21000.5"},"vehicles":[{"registration":"B7"}]}`},
		{"with goods", waybills, `"transport":{"empty":true}`},
		{"a train, part of it come, whose goods go to several offices", train + `,"consignments":[
			{"transportDocument":{"id":"R1"},"transit":{"destination":{"code":"39850502"}}},{"transportDocument":{"id":"R2"},"transit":{"destination":{"code":"39850503"}}}]`,
			`"partial":true,"office":{"code":"39899009"},"transport":{"vehicles":[{"role":"LOCOMOTIVE","registration":"7001"}]},"transportDocuments":["R1"]`},
		{"a wagon too few", train, `"transport":{"vehicles":[{"role":"LOCOMOTIVE","registration":"7001"}]}`},
		{"taken over for a recorded reason", truck + `,` + sealed,
			`"transport":{"vehicles":[{"role":"TRACTOR","registration":"A001BC75"},{"role":"TRAILER","registration":"MENGE678"}]},
			 "loadUnits":[{"id":"CSQU3054383","assignments":[{"vehicle":"А001ВС75","reason":[{"language":"ru","value":"поломка"}]}]}]`},
	} {
		c := Compare(notice(t, tt.announced), arrival(t, tt.found), tol, noon)
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&out, "%s, %s: %s\n", tt.name, lang, c.Result)
			for _, n := range c.NotCompared {
				fmt.Fprintf(&out, "  not compared  %s: %s\n", n.Subject.In(lang), n.Reason.In(lang))
			}
			say(&out, "differs", lang, c.Discrepancies, codes)
			say(&out, "the same", lang, c.Folded, codes)
			say(&out, "still to come", lang, c.Outstanding, codes)
		}
		out.WriteString("\n")
	}
	convoy := Movement{}
	for i, d := range []string{`"entryOffice":{"code":"39899001"},"transport":{"vehicles":[{"role":"TRACTOR","registration":"新A10001"}]}`, `"transport":{"vehicles":[{"role":"TRACTOR","registration":"新A10002"}]}`} {
		convoy = attach(t, convoy, tol, message{fmt.Sprint("m", i), notice(t, `"batch":"B1",`+d)})
	}
	for i, d := range []string{`"at":"2026-03-02T12:00:00Z","transport":{"vehicles":[{"role":"TRACTOR","registration":"新A10001"}]}`, `"at":"2026-03-03T15:30:00Z","transport":{"vehicles":[{"role":"TRACTOR","registration":"新A10002"}]}`} {
		convoy = attach(t, convoy, tol, message{fmt.Sprint("m2", i), arrival(t, d)})
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&out, "vehicle %d of a convoy, %s: %s\n", i+1, lang, convoy.Comparisons[i].Result)
			say(&out, "differs", lang, convoy.Comparisons[i].Discrepancies, codes)
			say(&out, "still to come", lang, convoy.Comparisons[i].Outstanding, codes)
		}
		out.WriteString("\n")
	}
	empty := attach(t, Movement{}, tol, message{"m1", arrival(t, `"at":"2026-03-01T12:00:00Z"`)})
	for _, lang := range gateway.Languages {
		fmt.Fprintf(&out, "nobody announced it, %s\n", lang)
		say(&out, "differs", lang, empty.Comparisons[0].Discrepancies, codes)
	}
	foldings := []gateway.Code{ // in foldings.txt
		gateway.CmpWrittenOtherwise, gateway.CmpPlateProvince, gateway.CmpPlateTrailerMark, gateway.CmpPlateCountry, gateway.CmpPlatesTogether, gateway.CmpSealKind, gateway.CmpPlatePart,
	}
	for _, code := range gateway.Codes() {
		if strings.HasPrefix(string(code), "CMP_") && !slices.Contains(foldings, code) && !codes[code] {
			t.Errorf("%s is never said", code)
		}
	}
	const golden = "testdata/comparisons.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
}

func say(out *strings.Builder, name, lang string, ds []Discrepancy, codes map[gateway.Code]bool) {
	for _, d := range ds {
		codes[d.Code] = true
		fmt.Fprintf(out, "  %s  %s, %s: %s\n", name, d.Code, d.Subject.In(lang), d.Fault().Text(lang))
		for _, said := range [][2]string{
			{"expected", d.Expected.In(lang)}, {"found", d.Found.In(lang)}, {"tolerance", d.Tolerance.In(lang)}, {"difference", d.Difference.In(lang)},
		} {
			if said[1] != "" {
				fmt.Fprintf(out, "    %-10s  %s\n", said[0], said[1])
			}
		}
	}
}
