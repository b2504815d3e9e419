package flow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/release"
	"customs.example/gateway/validate"
)

// noRoute releases nothing: what rules say of parts comes before.
var noRoute = new(release.Route)

// ruleID reports whether a code is a business rule's.
func ruleID(c gateway.Code) bool { return strings.Contains(string(c), "-") }

// many makes a correct document of a kind with so many elements of what a split deals out:
// waybills with lines of goods in containers, and a truck for each container.
func many(kind string, waybills, lines, trucks int) *customsv1.Document {
	var consignments, vehicles, units []string
	for i := range trucks {
		vehicles = append(vehicles, fmt.Sprintf(`{"role":"TRACTOR","registration":"蒙E%05d","country":"CN"},{"role":"TRAILER","registration":"蒙F%04d挂","country":"CN"}`, i, i))
		units = append(units, fmt.Sprintf(`{"id":"蒙F%04d挂","kind":"TRAILER_BODY","seals":[{"id":"S%d"}]}`, i, i))
	}
	for w := range waybills {
		var items []string
		for i := range lines {
			items = append(items, fmt.Sprintf(`{"sequence":%d,"description":[{"language":"zh","value":"鲜番茄"},{"language":"ru","value":"томаты"}],
				"classifications":[{"scheme":"HS","code":"070200"}],"grossMass":{"kilograms":"100.5"},"netMass":{"kilograms":"90"},
				"packages":[{"type":"CT","quantity":"10","presence":"1"}]}`, i+1))
		}
		consignments = append(consignments, fmt.Sprintf(`{"sequence":%d,"transportDocument":{"id":"WB-%d"},"procedure":"RD01","dispatchCountry":"CN","destinationCountry":"RU",
			"consignor":{"name":[{"language":"zh","value":"示例公司"}],"country":"CN"},"consignee":{"name":[{"language":"ru","value":"ООО ПРИМЕР"}],"ids":[{"scheme":"INN","value":"2536000006"}]},
			"totals":{"items":"%d","packages":"%d","grossMass":{"kilograms":"%s"}},"items":[%s]}`, w+1, w+1, lines, 10*lines, kilograms(lines), strings.Join(items, ",")))
	}
	office, field := `"office"`, "manifest"
	if kind == "PreArrivalNotice" {
		office, field = `"entryOffice":{"administration":"RU","code":"10719110"},"exitOffice"`, "preArrivalNotice"
	}
	p := document.Parse([]byte(fmt.Sprintf(`{"envelope":{"documentId":"LIST","issued":"2026-03-01T08:00:00+08:00","function":"ORIGINAL"},
		%q:{"batch":"C26060300001",%s:{"administration":"CN","code":"0603"},"transport":{"mode":"3","containerised":false,"vehicles":[%s]},"loadUnits":[%s],
		"totals":{"items":"%d","packages":"%d","grossMass":{"kilograms":"%s"}},"consignments":[%s]}}`,
		field, office, strings.Join(vehicles, ","), strings.Join(units, ","), waybills*lines, 10*waybills*lines, kilograms(waybills*lines), strings.Join(consignments, ","))))
	if len(p.Faults) > 0 {
		panic(p.Faults.Error())
	}
	return p.Document
}

func kilograms(lines int) string { return fmt.Sprintf("%d.%d", lines*1005/10, lines*1005%10) }

// TestPartsWarnOfNothingThatTheWholeDoesNot: of every split there is, whatever the sizes.
func TestPartsWarnOfNothingThatTheWholeDoesNot(t *testing.T) {
	c := loadChain(t)
	divided := 0
	for _, split := range c.Tables.Splits() {
		for _, size := range [][3]int{{1, 45, 1}, {3, 15, 1}, {20, 3, 4}, {2, 16, 3}, {1, 1, 5}} {
			d := many(split.Kind(), size[0], size[1], size[2])
			for _, partner := range []gateway.Administration{"RU", "KZ", "MN"} {
				s := validate.Scope{Own: "CN", Partner: partner, At: time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC)}
				_, before := c.Rules.Check(d, validate.Scope{Own: s.Own, At: s.At})
				if len(before) > 0 {
					t.Fatalf("the whole %v has warnings: %v", size, before.Report("en"))
				}
				read := c.Read(document.Marshal(d), flow.JSON, "CN", s.At)
				out := c.Translate(flow.Plan{Route: noRoute, Split: split}, []flow.Part{{Reading: read}}, "0f7e6a54-2b8c-4d55-9d3c-5b0f6a7c8d90", s)
				if len(out.Outputs) > 1 {
					divided++
				}
				_, whole := c.Rules.Check(d, s)
				for _, f := range out.Faults {
					if ruleID(f.Code) && f.Severity != gateway.Error && !slices.ContainsFunc(whole, func(w gateway.Fault) bool { return w.Code == f.Code }) {
						t.Errorf("%s of %v to %s: %s at %s: %s", split.ID(), size, partner, f.Code, f.Path, f.Report("en").Message)
					}
				}
			}
		}
	}
	if divided < 6 {
		t.Errorf("only %d documents were divided", divided)
	}
}

// TestReceiverWarnsOfNothingThatOnlyAPartLacks: who gets a part is told by its header that
// it is one, and warns of what the whole is wrong in alone.
func TestReceiverWarnsOfNothingThatOnlyAPartLacks(t *testing.T) {
	c := loadChain(t)
	for _, split := range c.Tables.Splits() {
		for _, size := range [][3]int{{1, 45, 1}, {3, 15, 1}, {20, 3, 4}, {2, 16, 3}, {1, 1, 5}} {
			d := many(split.Kind(), size[0], size[1], size[2])
			for _, own := range []gateway.Administration{"RU", "KZ", "MN"} {
				s := validate.Scope{Own: own, Partner: "CN", At: time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC)}
				_, whole := c.Rules.Check(d, s)
				parts := split.Run(d, "0f7e6a54-2b8c-4d55-9d3c-5b0f6a7c8d90").Parts
				s.Part = len(parts) > 1
				for i, part := range parts {
					_, faults := c.Rules.Check(part, s)
					for _, f := range faults {
						if !slices.ContainsFunc(whole, func(w gateway.Fault) bool { return w.Code == f.Code }) {
							t.Errorf("part %d of %v by %s at %s: %s at %s", i+1, size, split.ID(), own, f.Code, f.Path)
						}
					}
				}
			}
		}
	}
	// A whole is judged as one.
	d := many("Manifest", 1, 2, 1)
	d.GetManifest().Consignments[0].Totals.Packages = new(uint64(7))
	for part, want := range map[bool]bool{false: true, true: false} {
		_, faults := c.Rules.Check(d, validate.Scope{Own: "MN", Partner: "CN", Part: part, At: time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC)})
		if told := slices.ContainsFunc(faults, func(f gateway.Fault) bool { return f.Code == "GEN-0303" }); told != want {
			t.Errorf("as a part %v: told %v", part, told)
		}
	}
}

// TestWrongTotalOfTheWholeIsSaidOnce, at its place in the whole.
func TestWrongTotalOfTheWholeIsSaidOnce(t *testing.T) {
	c := loadChain(t)
	for _, tt := range []struct {
		code, path, value string
	}{
		{"GEN-0301", "consignments[1].totals.grossMass.kilograms", "7"},
		{"GEN-0303", "consignments[1].totals.packages", "7"},
		{"GEN-0305", "totals.items", "7"},
		{"GEN-0304", "totals.packages", "7"},
	} {
		for _, split := range c.Tables.Splits() {
			if split.Kind() != "Manifest" {
				continue
			}
			d := many(split.Kind(), 3, 15, 1)
			p, err := document.CompileFor(split.Kind(), tt.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Set(document.Of(d), tt.value); err != nil {
				t.Fatal(err)
			}
			s := validate.Scope{Own: "CN", Partner: "MN", At: time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC)}
			read := c.Read(document.Marshal(d), flow.JSON, "CN", s.At)
			out := c.Translate(flow.Plan{Route: noRoute, Split: split}, []flow.Part{{Reading: read}}, "0f7e6a54-2b8c-4d55-9d3c-5b0f6a7c8d90", s)
			var said []string
			for _, f := range out.Faults {
				if string(f.Code) == tt.code {
					said = append(said, f.Path+" "+f.Location.Expr+" "+f.Value)
				}
			}
			want := tt.path + " /manifest/" + strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(tt.path) + " " + tt.value
			if len(said) != 1 || said[0] != want {
				t.Errorf("%s by %s: %q, want %q once", tt.code, split.ID(), said, want)
			}
		}
	}
}
