package document_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
)

func compile(t testing.TB, kind, path string) *document.Path {
	t.Helper()
	p, err := document.CompileFor(kind, path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func notice(t testing.TB) *customsv1.Document {
	t.Helper()
	d, err := document.New("PreArrivalNotice")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSetCreatesWhatIsOnTheWay(t *testing.T) {
	for _, c := range []struct{ path, text, at, json string }{
		{"batch", "B7", "batch", `{"preArrivalNotice":{"batch":"B7"}}`},
		{"envelope.function", "ORIGINAL", "envelope.function", `{"envelope":{"function":"ORIGINAL"},"preArrivalNotice":{}}`},
		{"envelope.issued", "2026-03-01T08:30:00+08:00", "envelope.issued", `{"envelope":{"issued":"2026-03-01T08:30:00+08:00"},"preArrivalNotice":{}}`},
		{"declarantIsCarrier", "false", "declarantIsCarrier", `{"preArrivalNotice":{"declarantIsCarrier":false}}`},
		{"totals.packages", "0", "totals.packages", `{"preArrivalNotice":{"totals":{"packages":"0"}}}`},
		{"totals.grossMass.kilograms", "18250.50", "totals.grossMass.kilograms", `{"preArrivalNotice":{"totals":{"grossMass":{"kilograms":"18250.50"}}}}`},
		{"registration.date", "2026-02-28", "registration.date", `{"preArrivalNotice":{"registration":{"date":"2026-02-28"}}}`},
		{"carrier.ids[scheme=INN].value", "7707083893", "carrier.ids[0].value", `{"preArrivalNotice":{"carrier":{"ids":[{"scheme":"INN","value":"7707083893"}]}}}`},
		{"transport.vehicles[role=TRACTOR].registration", "A.B [1", "transport.vehicles[0].registration", `{"preArrivalNotice":{"transport":{"vehicles":[{"registration":"A.B [1","role":"TRACTOR"}]}}}`},
		{"transport.vehicles[1].country", "CN", "transport.vehicles[1].country", `{"preArrivalNotice":{"transport":{"vehicles":[{},{"country":"CN"}]}}}`},
		{"purposes[0]", "01", "purposes[0]", `{"preArrivalNotice":{"purposes":["01"]}}`},
		{"consignments.items.sequence", "1", "consignments[0].items[0].sequence", `{"preArrivalNotice":{"consignments":[{"items":[{"sequence":1}]}]}}`},
		{"remarks[language=zh].value", "易碎", "remarks[0].value", `{"preArrivalNotice":{"remarks":[{"language":"zh","value":"易碎"}]}}`},
	} {
		d := notice(t)
		p := compile(t, "PreArrivalNotice", c.path)
		if text, ok := p.Get(document.Of(d)); ok || p.Has(document.Of(d)) {
			t.Errorf("%s: an empty document has %q", c.path, text)
		}
		before := p.Instance(document.Of(d), "")
		if err := p.Set(document.Of(d), c.text); err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if got := string(document.Marshal(d)); got != c.json {
			t.Errorf("%s: got %s, want %s", c.path, got, c.json)
		}
		if text, ok := p.Get(document.Of(d)); !ok || text != c.text {
			t.Errorf("%s: got %q back", c.path, text)
		}
		if after := p.Instance(document.Of(d), ""); after != c.at || before != c.at {
			t.Errorf("%s: instance path %s, before setting %s, want %s", c.path, after, before, c.at)
		}
		p.Clear(document.Of(d))
		if p.Has(document.Of(d)) {
			t.Errorf("%s: there after Clear", c.path)
		}
	}
}

func TestSetRefusesWrongForms(t *testing.T) {
	for _, c := range []struct {
		path, expected string
		texts          []string
	}{
		{"batch", "a text", []string{"", "a\x00", "\xff", "a\uFFFE"}},
		{"envelope.function", "one of CANCELLATION", []string{"", "original", "FUNCTION_CODE_UNSPECIFIED", "9"}},
		{"declarantIsCarrier", "true or false", []string{"", "1", "True"}},
		{"totals.packages", "a whole number, 0 or more", []string{"", "-1", "1.0", "+1", "1e3"}},
		{"totals.packages", "from 0 to 18446744073709551615", []string{"18446744073709551616"}},
		{"consignments.sequence", "a whole number", []string{"", "x"}},
		{"consignments.sequence", "from 0 to 4294967295", []string{"4294967296"}},
		{"totals.grossMass.kilograms", "without blanks or exponent", []string{"", "1,5", ".5", "5.", "1e3", "+1", "--1", "0x1", "١"}},
		{"envelope.issued", "offset from UTC", []string{"", "2026-03-01", "2026-03-01T08:30:00", "2026-03-01 08:30:00Z", "2026-03-01T8:30:00Z", "2026-03-01T08:30:00,5Z", "2026-03-01T08:30:00.Z"}},
		{"envelope.issued", "a day that exists (2026-02 has 28 days)", []string{"2026-02-30T08:30:00Z", "2026-02-00T08:30:00Z"}},
		{"envelope.issued", "a time that exists", []string{"2026-02-28T24:30:00Z", "2026-02-28T08:60:00Z"}},
		{"registration.date", "(2026-02 has 28 days)", []string{"2026-02-29"}},
		{"registration.date", "a month from 01", []string{"2026-00-01", "2026-13-01"}},
		{"registration.date", "YYYY-MM-DD", []string{"", "20260228", "2026-2-28", "2026-02-28Z"}},
	} {
		p := compile(t, "PreArrivalNotice", c.path)
		for _, text := range c.texts {
			d := notice(t)
			var lexical *document.LexicalError
			if err := p.Set(document.Of(d), text); !errors.As(err, &lexical) || lexical.Value != text || !strings.Contains(lexical.Expected.String(), c.expected) {
				t.Errorf("%s = %q: %v", c.path, text, err)
			}
			if got := string(document.Marshal(d)); got != `{"preArrivalNotice":{}}` {
				t.Errorf("%s = %q left %s", c.path, text, got)
			}
			if p.Field().Check(text) == nil {
				t.Errorf("%s: Check passes %q", c.path, text)
			}
		}
	}
}

func TestCompileNamesTheWrongStep(t *testing.T) {
	for path, want := range map[string]string{
		"":                               `no field "": nearest`,
		"batsh":                          `PreArrivalNotice has no field "batsh": nearest is batch`,
		"consignments.items.descripton":  `GoodsItem has no field "descripton": nearest is description`,
		"envelope.isued":                 `Envelope has no field "isued": nearest is issued`,
		"batch.more":                     `batch has no fields`,
		"departed.value":                 `departed has no fields`,
		"batch[0]":                       `batch is not repeated`,
		"purposes[x=1]":                  `elements of purposes have no fields`,
		"purposes[10]":                   `at most 10 elements`,
		"purposes[-1]":                   `want field=VALUE or a number`,
		"carrier.ids[shceme=INN]":        `nearest is scheme`,
		"carrier.ids[scheme=]":           `want a text`,
		"transport.vehicles[role=TRUCK]": `want one of TRACTOR`,
		"transport.vehicles[tare=1]":     `tare cannot select`,
		"carrier.ids[scheme=INN":         `not closed`,
		"carrier.ids[0]value":            `want a dot before "value"`,
		"carrier..name":                  `no field ""`,
	} {
		if _, err := document.CompileFor("PreArrivalNotice", path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `path "`+path+`"`) {
			t.Errorf("%q: %v, want %s", path, err, want)
		}
	}
	if _, err := document.CompileFor("Manifast", "batch"); err == nil || !strings.Contains(err.Error(), "nearest is Manifest") {
		t.Error(err)
	}
}

func TestPathsReachEveryElement(t *testing.T) {
	d := notice(t)
	for i, mass := range []string{"1.5", "2.25", "3"} {
		p := compile(t, "PreArrivalNotice", []string{"consignments[0].items[0]", "consignments[0].items[1]", "consignments[1].items[0]"}[i]+".grossMass.kilograms")
		if err := p.Set(document.Of(d), mass); err != nil {
			t.Fatal(err)
		}
	}
	m := document.Of(d)
	mass := compile(t, "PreArrivalNotice", "consignments.items.grossMass.kilograms")
	got := map[string]string{}
	for path, text := range mass.AllTexts(m, "") {
		got[path] = text
	}
	want := map[string]string{
		"consignments[0].items[0].grossMass.kilograms": "1.5",
		"consignments[0].items[1].grossMass.kilograms": "2.25",
		"consignments[1].items[0].grossMass.kilograms": "3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1.5", "2.25", "3"}, mass.Texts(m)); diff != "" {
		t.Error(diff)
	}
	items := compile(t, "PreArrivalNotice", "consignments.items")
	if !items.Repeated() || items.Leaf() || !mass.Many() || mass.Repeated() || items.Descriptor().Name() != "GoodsItem" {
		t.Error("the path misjudges itself")
	}
	if n := len(items.List(m)); n != 3 {
		t.Errorf("%d items", n)
	}
	second := compile(t, "PreArrivalNotice", "consignments[0].items[1]")
	inner, err := document.Compile(second.Descriptor(), "grossMass.kilograms")
	if err != nil {
		t.Fatal(err)
	}
	element := second.Message(m, false)
	if text, _ := inner.Get(element); text != "2.25" || inner.Instance(element, second.Instance(m, "")) != "consignments[0].items[1].grossMass.kilograms" {
		t.Errorf("nested: %q at %s", text, inner.Instance(element, second.Instance(m, "")))
	}
	compile(t, "PreArrivalNotice", "consignments[0].items[0]").Clear(m)
	if diff := cmp.Diff([]string{"2.25", "3"}, mass.Texts(m)); diff != "" {
		t.Errorf("after removing the first: %s", diff)
	}
	for range items.All(m, "") { // stopping early must not panic
		break
	}
}

func TestAppend(t *testing.T) {
	d := notice(t)
	m := document.Of(d)
	units := compile(t, "PreArrivalNotice", "consignments[0].loadUnits")
	for _, id := range []string{"MSKU9070323", "TCLU4265244"} {
		if err := units.AppendText(m, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := units.AppendText(m, ""); err == nil {
		t.Error("an empty text was appended")
	}
	if diff := cmp.Diff([]string{"MSKU9070323", "TCLU4265244"}, units.Texts(m)); diff != "" {
		t.Error(diff)
	}
	if compile(t, "PreArrivalNotice", "consignments").Append(m) == (document.Node{}) {
		t.Error("nothing appended")
	}
	if got := len(d.GetPreArrivalNotice().GetConsignments()); got != 2 {
		t.Errorf("%d consignments", got)
	}
	if compile(t, "PreArrivalNotice", "transport").Append(m).IsValid() || compile(t, "PreArrivalNotice", "batch").Message(m, true).IsValid() {
		t.Error("a path took what it is not for")
	}
	if err := compile(t, "PreArrivalNotice", "purposes[3]").Set(m, "01"); err == nil {
		t.Error("the fourth element of an empty list was set")
	}
}

func TestAPathNeverChangesTheKind(t *testing.T) {
	d := documenttest.Full("Manifest")
	before := document.Clone(d)
	m := document.Of(d)
	if err := compile(t, "PreArrivalNotice", "batch").Set(m, "B1"); err == nil {
		t.Error("a notice's field was set in a manifest")
	}
	if err := compile(t, "PreArrivalNotice", "purposes").AppendText(m, "01"); err == nil {
		t.Error("a notice's field was appended to in a manifest")
	}
	if compile(t, "PreArrivalNotice", "consignments").Append(m).IsValid() || compile(t, "PreArrivalNotice", "transport").Message(m, true).IsValid() {
		t.Error("a notice's message was made in a manifest")
	}
	if _, ok := compile(t, "PreArrivalNotice", "batch").Get(m); ok {
		t.Error("a manifest has a notice's batch")
	}
	if !proto.Equal(before, d) {
		t.Error("the manifest changed")
	}
}

func TestThisIsThePathOfTheMessageItself(t *testing.T) {
	d := documenttest.Full("Manifest")
	p := compile(t, "Manifest", ".")
	if p.Leaf() || p.Message(document.Of(d), false) != document.Body(d) || p.Instance(document.Of(d), "") != "" || p.Descriptor().Name() != "Manifest" {
		t.Error("not the manifest itself")
	}
	inner, err := document.Compile(document.Body(d).Descriptor(), ".")
	if err != nil || inner.Message(document.Body(d), true) != document.Body(d) || inner.Instance(document.Body(d), "a[0]") != "a[0]" || inner.Leaf() {
		t.Errorf("not the message itself: %v", err)
	}
}
