package reconcile

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestFoldings writes down what is taken to be the same as what, and what people read of
// it: plates and seals, from a document and from what somebody looks for, both ways.
func TestFoldings(t *testing.T) {
	vehicles := func(plates ...string) string {
		var out []string
		for i, p := range plates {
			out = append(out, fmt.Sprintf(`{"role":%q,"registration":%q}`, []string{"TRACTOR", "TRAILER"}[min(i, 1)], p))
		}
		return `"transport":{"vehicles":[` + strings.Join(out, ",") + `]}`
	}
	seals := func(ids ...string) string {
		var out []string
		for _, id := range ids {
			out = append(out, fmt.Sprintf(`{"id":%q}`, id))
		}
		return `"loadUnits":[{"id":"CSQU3054383","seals":[` + strings.Join(out, ",") + `]}]`
	}
	tol := tolerances(t)
	var out strings.Builder
	said := map[gateway.Code]Discrepancy{}
	for _, tt := range []struct{ name, announced, found string }{
		{"as announced", vehicles("蒙E12345", "蒙F1234挂"), vehicles("蒙E12345", "蒙F1234挂")},
		{"both in one field", vehicles("蒙E12345", "蒙F1234挂"), vehicles("蒙E12345/蒙F1234挂")},
		{"both in one field, in Latin", vehicles("蒙E12345", "蒙F1234挂"), vehicles("MENGE12345/MENGF1234GUA")},
		{"announced in one field, with blanks", vehicles("蒙E12345 ／ 蒙F1234挂"), vehicles("蒙E12345", "蒙F1234挂")},
		{"Russian plates in one field", vehicles("А123ВС75", "АН1234 75"), vehicles("A123BC75/AH123475")},
		{"without the province", vehicles("蒙E12345", "蒙F1234挂"), vehicles("E12345", "F1234挂")},
		{"announced without the province", vehicles("E12345"), vehicles("蒙E12345")},
		{"another province", vehicles("蒙E12345"), vehicles("新E12345")},
		{"another province in Latin", vehicles("蒙E12345"), vehicles("XINE12345")},
		{"two provinces of one spelling", vehicles("津A1234挂"), vehicles("晋A1234")},
		{"without the mark of a trailer", vehicles("蒙E12345", "蒙F1234挂"), vehicles("蒙E12345", "MENGF1234")},
		{"without province and mark", vehicles("蒙E12345", "蒙F1234挂"), vehicles("蒙E12345/F1234")},
		{"country behind it", vehicles("蒙E12345"), vehicles("蒙E12345 CN")},
		{"country behind a slash", vehicles("蒙E12345"), vehicles("蒙E12345/CN")},
		{"country behind a Russian plate", vehicles("А123ВС75RUS"), vehicles("А123ВС75")},
		{"countries that differ", vehicles("А123ВС75RUS"), vehicles("А123ВС75KZ")},
		{"a plate that ends like a country", vehicles("蒙E123CN"), vehicles("蒙E123")},
		{"two that it may be", vehicles("蒙E12345", "新E12345"), vehicles("E12345")},
		{"two that it may be, one of them there", vehicles("蒙E12345", "新E12345"), vehicles("蒙E12345", "E12345")},
		{"a tractor is no trailer", vehicles("蒙E12345", "蒙F1234挂"), `"transport":{"vehicles":[{"role":"TRAILER","registration":"E12345"}]}`},
		{"more slashes than anybody means", vehicles("蒙E12345"), vehicles("蒙E12345" + strings.Repeat("/A1", 9))},
		{"a seal as national forms write it", seals("CN17001"), seals("M / CN17001")},
		{"announced so", seals("M/CN17001"), seals("cn-17001")},
		{"two kinds of one number", seals("M/17001", "E/17001"), seals("17001", "E/17001")},
		{"a number with a slash", seals("A123456/B"), seals("A123456")},
	} {
		c := Compare(notice(t, tt.announced), arrival(t, tt.found), tol, noon)
		fmt.Fprintf(&out, "%s: %s\n", tt.name, c.Result)
		for _, d := range c.Folded {
			said[d.Code] = d
			fmt.Fprintf(&out, "  same   %s = %s %s\n", d.Expected, d.Found, d.Code)
		}
		for _, d := range c.Discrepancies {
			fmt.Fprintf(&out, "  differ %s - %s %s\n", d.Expected, gateway.Clip(d.Found.String()), d.Code)
		}
	}
	m := attach(t, Movement{ID: "m"}, tol, message{"m1", notice(t, vehicles("蒙E12345", "蒙F1234挂")+","+seals("CN17001"))})
	for _, text := range []string{"蒙E12345", "meng e-12345", "E12345", "E12345/F1234", "新E12345", "MENGF1234", "蒙E12345 CHN", "M/CN17001", "M / CN17001", "X/Y/CN17001", "E123", "2345", "Е1234", "蒙E123", "新E123", "蒙F12", "1234挂", "234", strings.Repeat("/", 10000)} {
		fmt.Fprintf(&out, "find %s\n", gateway.Clip(text))
		for _, d := range m.FoundAs(text) {
			said[d.Code] = d
			fmt.Fprintf(&out, "  %s = %s %s\n", d.Expected, d.Found, d.Code)
		}
	}
	for _, code := range []gateway.Code{gateway.CmpWrittenOtherwise, gateway.CmpPlateProvince, gateway.CmpPlateTrailerMark, gateway.CmpPlateCountry, gateway.CmpPlatesTogether, gateway.CmpSealKind, gateway.CmpPlatePart} {
		fmt.Fprintf(&out, "\n%s\n", code)
		if said[code].Code == "" {
			t.Errorf("%s is never said", code)
		}
		for _, language := range gateway.Languages {
			fmt.Fprintf(&out, "  %s: %s\n", language, said[code].Fault().Text(language))
		}
	}
	const golden = "testdata/foldings.txt"
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

// TestFoldingMatchesWeakly: an arrival by part of a plate finds its movement, unless two
// may be meant or its time is over.
func TestFoldingMatchesWeakly(t *testing.T) {
	tol := tolerances(t)
	announced := func(id, plate string) Movement {
		m := attach(t, Movement{}, tol, message{id, notice(t, `"transport":{"vehicles":[{"role":"TRACTOR","registration":"`+plate+`"}]}`)})
		m.ID = gateway.MovementID(id)
		return m
	}
	seen := arrival(t, `"transport":{"vehicles":[{"role":"TRACTOR","registration":"E12345/F1234"}]}`)
	known := []Movement{announced("meng", "蒙E12345"), announced("other", "蒙E99999")}
	window := Window{Before: time.Hour, After: time.Hour}
	if r := Match(seen, Origin{}, noon, known, window); r.Movement() != "meng" || r.Candidates[0].Strength != ByPartOfPlate {
		t.Errorf("one that it may be: %+v", r)
	}
	if r := Match(seen, Origin{}, noon, append(known, announced("xin", "新E12345")), window); r.Outcome != Ambiguous {
		t.Errorf("two that it may be: %+v", r)
	}
	if r := Match(seen, Origin{}, noon.Add(48*time.Hour), known, window); r.Outcome != NoMatch {
		t.Errorf("two days later: %+v", r)
	}
	if r := Match(arrival(t, `"transport":{"vehicles":[{"registration":"新E12345"}]}`), Origin{}, noon, known, window); r.Outcome != NoMatch {
		t.Errorf("another province: %+v", r)
	}
	if r := Match(arrival(t, `"transport":{"vehicles":[{"registration":"E12345"}]}`), Origin{}, noon, append(known, announced("short", "E12345")), window); r.Movement() != "short" {
		t.Errorf("one that is written so: %+v", r)
	}
}

// TestFoldingJoinsNoTwoVehicles: whatever stands on the two sides, no vehicle is taken to
// be two, and one that is there as announced is taken to be no other.
func TestFoldingJoinsNoTwoVehicles(t *testing.T) {
	tol := tolerances(t)
	plate := rapid.StringMatching(`(蒙|新|MENG|XIN|)(E12345|F1234)(挂|GUA|)( CN|RUS|)`)
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) (string, int) {
			var out []string
			for _, p := range rapid.SliceOfNDistinct(plate, 1, 5, rapid.ID[string]).Draw(rt, name) {
				out = append(out, fmt.Sprintf(`{"registration":%q}`, p))
			}
			doc := `"transport":{"vehicles":[` + strings.Join(out, ",") + `]}`
			return doc, len(combine([]Record{record(notice(t, doc), Origin{})}).Vehicles)
		}
		a, announced := draw("announced")
		f, found := draw("found")
		c := Compare(notice(t, a), arrival(t, f), tol, noon)
		if c.Agreed > min(announced, found) {
			rt.Errorf("%d agree of %d and %d: %+v", c.Agreed, announced, found, c.Folded)
		}
		as, of := map[string]string{}, map[string]string{}
		for _, d := range c.Folded {
			if was, ok := as[d.Expected.String()]; ok && was != d.Found.String() {
				rt.Errorf("%s is %s and %s", d.Expected.String(), was, d.Found.String())
			}
			if was, ok := of[d.Found.String()]; ok && was != d.Expected.String() {
				rt.Errorf("%s is %s and %s", d.Found.String(), was, d.Expected.String())
			}
			as[d.Expected.String()], of[d.Found.String()] = d.Found.String(), d.Expected.String()
		}
	})
}
