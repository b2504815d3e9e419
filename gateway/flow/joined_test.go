package flow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/validate"
)

// drawn makes documents of one crossing: what each part of a join may say of it, with or
// without what it may leave out. Right makes them without any fault of their own.
type drawn struct {
	*rapid.T
	right bool
	lines []int // of each waybill
}

func draw(t *rapid.T, right bool) drawn {
	return drawn{t, right, rapid.SliceOfN(rapid.IntRange(1, 3), 1, 3).Draw(t, "lines")}
}

func (d drawn) all() (n int) {
	for _, lines := range d.lines {
		n += lines
	}
	return n
}

func (d drawn) maybe(text string) string {
	if rapid.Bool().Draw(d.T, "has "+text) {
		return text
	}
	return ""
}

// wrong is text, and now and then something that a rule warns of.
func (d drawn) wrong(text, other string) string {
	if !d.right && rapid.IntRange(0, 3).Draw(d.T, "wrong") == 0 {
		return other
	}
	return text
}

func (d drawn) items(lines int) string {
	var items []string
	for i := range lines {
		items = append(items, fmt.Sprintf(`{"sequence":%d,"description":[{"language":"zh","value":"鲜番茄"}],"classifications":[{"scheme":"CN","code":%q}],
			"grossMass":{"kilograms":%q},"netMass":{"kilograms":"90"},"packages":[{%s%s"quantity":"10"}]}`, i+1,
			d.wrong("07020000", "0702"), d.wrong("100.5", "80"), d.maybe(`"type":"CT",`), d.wrong(`"presence":"0",`, "")))
	}
	return strings.Join(items, ",")
}

func (d drawn) totals(lines int, with string) string {
	var said []string
	for _, s := range []string{
		fmt.Sprintf(`"packages":%q`, d.wrong(fmt.Sprint(10*lines), "7")), fmt.Sprintf(`"grossMass":{"kilograms":%q}`, d.wrong(kilograms(lines), "7")),
		fmt.Sprintf(`"items":%q`, d.wrong(fmt.Sprint(lines), "99")),
	} {
		if s == with || strings.HasPrefix(s, with) && with != "" || d.maybe(s) != "" {
			said = append(said, s)
		}
	}
	return strings.Join(said, ",")
}

func (d drawn) units() string {
	return strings.Join(slices.DeleteFunc([]string{
		d.maybe(`{"id":"` + d.wrong("CSQU3054383", "CSQU3054384") + `","kind":"CONTAINER","seals":[{"id":"S1"}]}`),
		d.maybe(`{"id":"蒙F6789挂","kind":"TRAILER_BODY","seals":[{"id":"S2"}]}`),
	}, func(s string) bool { return s == "" }), ",")
}

// part draws one part of a kind.
func (d drawn) part(kind string) string {
	envelope := `{"envelope":{"documentId":"` + kind + `","issued":"2026-03-01T08:00:00+08:00","function":"ORIGINAL"},`
	transport := func(vehicles string) string {
		return `"transport":{"mode":"3","crew":[{"name":"王伟"}]` + d.wrong("", `,"containerised":true`) + vehicles + `}`
	}
	office := `"office":{"administration":"CN","code":"0603"}`
	units := `"loadUnits":[` + d.units() + `]`
	switch kind {
	case "Manifest":
		var consignments []string
		for w, lines := range d.lines {
			consignments = append(consignments, fmt.Sprintf(`{"sequence":%d,"transportDocument":{"id":"WB-%d"},"procedure":"RD01","consignor":{"name":[{"language":"zh","value":"示例公司"}]},"consignee":{"name":[{"language":"ru","value":"ООО ПРИМЕР"}]},"totals":{%s},"loadUnits":[%s],"items":[%s]}`,
				w+1, w+1, d.totals(lines, `"packages"`), d.maybe(`"CSQU3054383"`), d.items(lines)))
		}
		return envelope + `"manifest":{"batch":"C26060300001",` + office + `,` + transport("") + `,"totals":{` + d.totals(d.all(), "") + `},"consignments":[` + strings.Join(consignments, ",") + `]}}`
	case "VehicleReport":
		return envelope + `"vehicleReport":{"batch":"C26060300001","kind":"LADEN_EXIT",` + office + `,"at":"2026-03-01T08:30:00+08:00",` + units + `,` +
			transport(`,"vehicles":[{"role":"TRACTOR","registration":"蒙E12345","country":"CN"},{"role":"TRAILER","registration":"蒙F6789挂","country":"CN"}]`) + `}}`
	case "GoodsDeclarationExtract":
		return envelope + `"goodsDeclarationExtract":{"batch":"C26060300001","exitOffice":{"administration":"CN","code":"0603"},"declaration":{"number":"060320260000000001"},
			"totals":{` + d.totals(d.all(), "") + `},"items":[` + d.items(d.all()) + `]}}`
	}
	d.Fatalf("no parts of kind %s", kind)
	return ""
}

// eachJoin draws parts of every join, and judges them as the gateway does: each when it
// comes, then the whole.
func eachJoin(t *testing.T, right bool, judge func(t *rapid.T, own, whole gateway.Faults)) {
	c := loadChain(t)
	for _, join := range c.Tables.Joins() {
		partner := gateway.Administration("RU")
		for _, rt := range c.Routes.All() {
			if rt.Recipe == join.ID() {
				partner = rt.To
			}
		}
		t.Run(join.ID(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := validate.Scope{Own: "CN", At: time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC)}
				crossing := draw(t, right)
				var parts []flow.Part
				var own gateway.Faults
				for i, p := range join.Parts() {
					read := c.Read([]byte(crossing.part(p.Kind)), flow.JSON, "CN", s.At)
					_, faults := c.Validate(read, s)
					if faults.Refuse() {
						t.Fatalf("%s: %v", p.Name, faults.Report("en"))
					}
					for _, f := range faults {
						if i > 0 {
							f.Location.Document = p.Name
						}
						own = append(own, f)
					}
					parts = append(parts, flow.Part{Name: p.Name, Submission: p.Name, Reading: read})
				}
				if !right { // what the partner wants of a whole, it wants of right parts too
					s.Partner = partner
				}
				out := c.Translate(flow.Plan{Route: noRoute, Join: join}, parts, "0f7e6a54-2b8c-4d55-9d3c-5b0f6a7c8d90", s)
				judge(t, own, slices.DeleteFunc(out.Faults, func(f gateway.Fault) bool { return !ruleID(f.Code) || f.Severity == gateway.Error }))
			})
		})
	}
}

// TestJoinedWarnsOfNothingThatNoPartDoes: parts that are right make a whole that is right.
func TestJoinedWarnsOfNothingThatNoPartDoes(t *testing.T) {
	eachJoin(t, true, func(t *rapid.T, own, whole gateway.Faults) {
		if len(own) > 0 {
			t.Fatalf("the parts have warnings: %v", own.Report("en"))
		}
		for _, f := range whole {
			t.Errorf("%s at %s: %s", f.Code, f.Path, f.Report("en").Message)
		}
	})
}

// TestJoinedSaysNothingASecondTime: what a part warned of is not said again of the whole.
func TestJoinedSaysNothingASecondTime(t *testing.T) {
	said := 0
	eachJoin(t, false, func(t *rapid.T, own, whole gateway.Faults) {
		said += len(own)
		for _, f := range flow.Unsaid(own, whole) {
			if slices.ContainsFunc(own, func(o gateway.Fault) bool {
				return o.Code == f.Code && o.Location.Expr == f.Location.Expr && o.Location.Document == f.Location.Document
			}) {
				t.Errorf("%s at %s again: %s", f.Code, f.Path, f.Report("en").Message)
			}
		}
	})
	if said == 0 {
		t.Error("no part warned of anything")
	}
}
