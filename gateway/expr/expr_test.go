package expr_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/mappings"
)

func environment(t testing.TB) *expr.Env {
	t.Helper()
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

const notice = `{"envelope": {"documentId": "D1", "function": "ORIGINAL", "issued": "2026-03-01T08:00:00+08:00"},
 "preArrivalNotice": {"batch": "B1", "expectedArrival": "2026-03-01T10:00:00+09:00",
 "transport": {"mode": "3", "containerised": true, "vehicles": [{"role": "TRACTOR", "registration": "蒙E12345", "document": "KZ1"}]},
 "totals": {"items": "2", "packages": "30", "grossMass": {"kilograms": "30.50"}},
 "consignments": [{"transportDocument": {"id": "T1", "date": "2026-02-28"}, "items": [
  {"description": [{"language": "zh", "value": "苹果"}], "grossMass": {"kilograms": "10.1"}, "packages": [{"type": "CT", "quantity": "10"}]},
  {"grossMass": {"kilograms": "20.4", "method": "DECLARED"}, "packages": [{"type": "CT", "quantity": "20"}]}]}]}}`

func parse(t testing.TB, text string) (*customsv1.Document, document.Node) {
	t.Helper()
	p := document.Parse([]byte(text))
	if p.Faults.Refuse() {
		t.Fatal(p.Faults)
	}
	return p.Document, document.Body(p.Document)
}

// A proven condition is compiled when it is first asked, by several at once; one that is
// not good after all says so then.
func TestParallelProvenConditionIsCompiledWhenAsked(t *testing.T) {
	env := environment(t).Proven()
	root, body := parse(t, notice)
	good, err := env.Condition(body.Descriptor(), `batch == "B1"`)
	if err != nil {
		t.Fatal(err)
	}
	bad, err := env.Condition(body.Descriptor(), `bacth == "B1"`)
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			if holds, err := good.Holds(body, root); !holds || err != nil {
				t.Errorf("holds %t, %v", holds, err)
			}
			if _, err := bad.Holds(body, root); err == nil || !strings.Contains(err.Error(), "bacth") {
				t.Errorf("error %v", err)
			}
		})
	}
	asking.Wait()
}

func TestCondition(t *testing.T) {
	env := environment(t)
	root, body := parse(t, notice)
	now := time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)
	tests := map[string]bool{
		`batch == "B1" && this.batch == batch`:                                                               true,
		`document.envelope.function == "ORIGINAL"`:                                                           true,
		`document.envelope.function in ["CHANGE", "REPLACE"]`:                                                false,
		`has(this.carrier)`:                                                                                  false,
		`carrier.name.size() == 0`:                                                                           true,
		`totals.items == 2 && size(consignments[0].items) == totals.items`:                                   true,
		`totals.grossMass.kilograms == decimal("30.5")`:                                                      true,
		`totals.grossMass.kilograms > decimal("30.4999999999999999999")`:                                     true,
		`totals.grossMass.kilograms < decimal("9")`:                                                          false,
		`totals.grossMass.kilograms >= decimal("30.5") && totals.grossMass.kilograms <= decimal("30.500")`:   true,
		`sum(consignments.map(c, sum(c.items.map(i, i.grossMass.kilograms)))) == totals.grossMass.kilograms`: true,
		`abs(decimal("1") - totals.grossMass.kilograms) == decimal("29.5")`:                                  true,
		`decimal("0.1") + decimal("0.2") == decimal("0.3")`:                                                  true,
		`sum(consignments[0].items.map(i, sum(i.packages.map(p, p.quantity)))) == totals.packages`:           true,
		`unique(consignments.map(c, c.transportDocument.id))`:                                                true,
		`unique(consignments[0].items.map(i, i.packages[0].type))`:                                           false,
		`unique([1, 2, 1])`: false,
		`text(consignments[0].items[0].description, "zh") == "苹果" && text(consignments[0].items[0].description, "ru") == ""`:                 true,
		`transport.vehicles.exists(v, v.role == "TRACTOR" && v.document == "KZ1")`:                                                           true,
		`consignments[0].items[0].grossMass.method == ""`:                                                                                    true,
		`expectedArrival > document.envelope.issued + duration("59m") && expectedArrival - document.envelope.issued == duration("1h")`:       true,
		`document.envelope.issued <= now && expectedArrival > now`:                                                                           true,
		`consignments[0].transportDocument.date < date("2026-03-01") && consignments[0].transportDocument.date <= day(now - duration("0s"))`: true,
		`known("country", "KZ") && !known("country", "XX") && !known("currency", "HRK", now)`:                                                true,
		`document.envelope.function == "" || "abcd".substring(1, 3) == "bc"`:                                                                 true,
		`transport.containerised`: true,
	}
	for source, want := range tests {
		c, err := env.Dated(body.Descriptor(), source)
		if err != nil {
			t.Error(err)
			continue
		}
		if got, err := c.HoldsAt(body, root, now); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", source, got, err, want)
		}
	}
}

func TestFieldNamedLikeTheRootIsReachedThroughThis(t *testing.T) {
	root, body := parse(t, notice)
	vehicle := document.Of(body.Interface().(*customsv1.PreArrivalNotice).GetTransport().GetVehicles()[0])
	c, err := environment(t).Condition(vehicle.Descriptor(), `this.document == "KZ1" && document.preArrivalNotice.batch == "B1"`)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := c.Holds(vehicle, root); !ok || err != nil {
		t.Errorf("%v, %v, want true", ok, err)
	}
}

func TestConditionIsRefusedAtLoad(t *testing.T) {
	env := environment(t)
	_, body := parse(t, notice)
	tests := map[string]string{
		`totals.grossMass.kilograms > "9"`:          "condition \"totals.grossMass.kilograms > \\\"9\\\"\": type mismatch: decimal > string, at character 28",
		`totals.grossMass.kilograms == "30.5"`:      "type mismatch: ",
		`totals.grossMass.kilograms.value < "9"`:    "unknown field ",
		`totals.grossMass.kilograms < 9.5`:          "type mismatch: ",
		`string(totals.grossMass.kilograms) < "9"`:  "type mismatch: ",
		`expectedArrival > "2026"`:                  "type mismatch: ",
		`bach == "B1"`:                              "unknown name bach: nearest is batch, at character 1",
		`totals.grossmass.kilograms > decimal("1")`: "unknown field ",
		`batch`:                         "want bool",
		`expectedArrival < now`:         "unknown name now",
		`totals.items == decimal("2")`:  "type mismatch: ",
		`decimal("1,5") > decimal("1")`: "want plain notation",
		`date("2026-2-1") < date("")`:   `"2026-2-1"`,
		`known("contry", "KZ")`:         `there is no such code list`,
		`document.envelope.function in ["ORIGINAL", "ORIGNAL"]`:                                 `"ORIGNAL": want one of`,
		`transport.vehicles.all(v, v.role != "TRACTER")`:                                        `"TRACTER": want one of`,
		`consignments.all(c, c.items.all(i, consignments.all(d, d.items.exists(j, j != i))))`:   "costs up to",
		`consignments.all(c, consignments.all(d, consignments.all(e, e.ucr != d.ucr + c.ucr)))`: "costs up to",
		`batch == "B1" && `:   "syntax: it ends too early, at character ",
		`has(batch)`:          "has() asks for a field",
		`batch.startsWith(1)`: "type mismatch: string.startsWith(int)",
		`1 in batch`:          "type mismatch: int in string",
		`!batch`:              "type mismatch: !(string)",
		`batch @ 1`:           "syntax: @ is nothing",
	}
	for source, want := range tests {
		_, err := env.Condition(body.Descriptor(), source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", source, err, want)
		}
	}
}

func TestUnsetLeafIsAnErrorAndNoPanic(t *testing.T) {
	root, body := parse(t, `{"preArrivalNotice": {"totals": {"items": "18446744073709551615"}, "consignments": [{"items": [{}]}]}}`)
	env := environment(t)
	for _, source := range []string{
		`totals.grossMass.kilograms > decimal("1")`,
		`expectedArrival > timestamp("2026-01-01T00:00:00Z")`,
		`sum(consignments[0].items.map(i, i.grossMass.kilograms)) > decimal("1")`,
		`consignments[0].transportDocument.date < date("2026-01-01")`,
		`decimal(batch) > decimal("1")`,
		`consignments[7].ucr == ""`,
	} {
		c, err := env.Condition(body.Descriptor(), source)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := c.Holds(body, root); err == nil {
			t.Errorf("%s: no error", source)
		}
	}
	c, err := env.Condition(body.Descriptor(), `sum([totals.items, totals.items]) == totals.items`)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := c.Holds(body, root); !ok || err != nil {
		t.Errorf("counts beyond int: %v, %v, want them to stop at the largest", ok, err)
	}
}

func TestCheckDigits(t *testing.T) {
	env := environment(t)
	_, body := parse(t, notice)
	tests := map[string]struct{ good, bad []string }{
		"inn":     {[]string{"7707083893", "500100732259", "2536000006", "253600000083"}, []string{"7707083894", "500100732258", "770708389", "77070838930", "", "770708389A"}},
		"kpp":     {[]string{"770701001", "7707AB001"}, []string{"77070100", "770701А01", "77070a001"}},
		"ogrn":    {[]string{"1027700132195", "304500116000157", "1242500000005"}, []string{"1027700132194", "10277001321950", ""}},
		"bin":     {[]string{"940140000385", "020540003431", "240140000001", "240140000011", "061211600012"}, []string{"940140000386", "94014000038", ""}},
		"iso6346": {[]string{"CSQU3054383", "MSKU0383250", "TOLU4734787", "ABCU1234560"}, []string{"CSQU3054384", "csqu3054383", "CSQU305438", "CSQ13054383", "СSQU305438"}},
		"wagon":   {[]string{"52362415", "60050341"}, []string{"52362416", "5236241", ""}},
		"esr":     {[]string{"947005", "988306", "708507", "708403"}, []string{"936702", "94700", ""}},
		"uscc":    {[]string{"914403001922038216", "91330100799655058B", "9144030071526726XG", "91110000802100433B"}, []string{"914403001922038217", "91440300192203821", "91440300I922038216", ""}},
		"orgCode": {[]string{"796611420", "666767427", "755869230", "71526726X"}, []string{"796611421", "71526726x", "7966114"}},
	}
	for function, tt := range tests {
		c, err := env.Condition(body.Descriptor(), function+"(batch)")
		if err != nil {
			t.Error(err)
			continue
		}
		for want, values := range map[bool][]string{true: tt.good, false: tt.bad} {
			for _, v := range values {
				m := document.Of(&customsv1.PreArrivalNotice{Batch: v})
				if got, err := c.Holds(m, nil); err != nil || got != want {
					t.Errorf("%s(%q): %v, %v, want %v", function, v, got, err, want)
				}
			}
		}
	}
}

func TestFunctionsAreListed(t *testing.T) {
	for _, name := range []string{"decimal(", "abs(", "date(", "day(", "sum(", "unique(", "text(", "known(", "orgCode", "iso6346"} {
		if !strings.Contains(expr.Functions, name) {
			t.Errorf("%s is not in Functions", name)
		}
	}
}

func BenchmarkCondition(b *testing.B) {
	env := environment(b)
	root, body := parse(b, notice)
	for name, source := range map[string]string{
		"field": `batch != ""`,
		"has":   `has(this.totals.grossMass.kilograms)`,
		"sum":   `sum(consignments.map(c, sum(c.items.map(i, i.grossMass.kilograms)))) == totals.grossMass.kilograms`,
	} {
		c, err := env.Condition(body.Descriptor(), source)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if ok, err := c.Holds(body, root); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
