package validate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/validate"
	"customs.example/mappings"
)

// extended declares what stands in goods of any document.
const extended = `mapping: xx/test
version: 1
document: PreArrivalNotice
extensions:
  consignments.items:
    - {name: quota, type: text, length: 4, source: made up, inside: [{name: year, type: date, source: made up}]}
    - {name: stamp, type: whole, length: 3, repeats: true, source: made up}
    - {name: origin, type: code, length: 2, list: country, source: made up}
    - {name: group, source: made up, inside: [{name: fee, type: decimal, length: 8, source: made up}]}
`

const extensionRule = `rules: x
version: 1
rows:
  - id: TST-0001
    class: R
    kinds: [Manifest]
    every: GoodsItem
    check: WHAT
    at: sequence
    severity: warning
    basis: own
    source: test
    text: {en: A batch., zh: 批次, ru: Партия., kk: Топтама., mn: Багц.}
`

func extendedRules(t *testing.T, check string) (*validate.Rules, error) {
	t.Helper()
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	return validate.Load(fstest.MapFS{
		"rules/x.v1.yaml":    {Data: []byte(strings.Replace(extensionRule, "WHAT", check, 1))},
		"xx/test.v1.yaml":    {Data: []byte(extended)},
		"xx/other.v1.yaml":   {Data: []byte("mapping: xx/other\n")},
		"codelists/x.yaml":   {Data: []byte("list: x\n")},
		"routes/r/none.yaml": {Data: []byte("route: none\n")},
	}, env, lists)
}

// TestExtensionsAreJudgedByTheirDeclaration: what no table declares for the place is refused there, and
// what one declares has its form. A document of any kind may have it.
func TestExtensionsAreJudgedByTheirDeclaration(t *testing.T) {
	rules, err := extendedRules(t, "sequence > 0")
	if err != nil {
		t.Fatal(err)
	}
	const item = "consignments[0].items[0]."
	for extensions, want := range map[string][]string{
		`{"name": "quota", "value": "Q7", "extensions": [{"name": "year", "value": "2026-01-01"}]}`: nil,
		`{"name": "stamp", "value": "1"}, {"name": "stamp", "value": "2"}`:                          nil,
		`{"name": "group", "extensions": [{"name": "fee", "value": "1.5"}]}`:                        nil,
		`{"name": "quote", "value": "Q7"}`:                                                          {"EXTENSION_UNKNOWN " + item + "extensions[0] quote: one of group, origin, quota, stamp"},
		`{"value": "Q7"}`:                                                                           {"EXTENSION_UNKNOWN " + item + "extensions[0] : one of group, origin, quota, stamp"},
		`{"name": "quota", "extensions": [{"name": "fee", "value": "1"}]}`:                          {"EXTENSION_UNKNOWN " + item + "extensions[0].extensions[0] fee: one of year"},
		`{"name": "quota].extensions[name=year", "value": "2026-01-01"}`:                            {"EXTENSION_UNKNOWN " + item + "extensions[0] quota].extensions[name=year: one of group, origin, quota, stamp"},
		`{"name": "origin", "extensions": [{"name": "x"}]}`:                                         {"EXTENSION_UNKNOWN " + item + "extensions[0].extensions[0] x"},
		`{"name": "quota", "value": "12345"}`:                                                       {"DICTIONARY_LENGTH " + item + "extensions[0].value 12345: 4"},
		`{"name": "stamp", "value": "x"}`:                                                           {"DICTIONARY_FORM " + item + "extensions[0].value x: a whole number, 0 or more, in digits"},
		`{"name": "stamp", "value": "1000"}`:                                                        {"DICTIONARY_LENGTH " + item + "extensions[0].value 1000: 3"},
		`{"name": "origin", "value": "QQ"}`:                                                         {"LIST_UNKNOWN " + item + "extensions[0].value QQ: country"},
		`{"name": "quota", "extensions": [{"name": "year", "value": "2026-02-30"}]}`:                {"DICTIONARY_FORM " + item + "extensions[0].extensions[0].value 2026-02-30: a day that exists (2026-02 has 28 days)"},
		`{"name": "quota", "value": "1"}, {"name": "stamp"}, {"name": "quota", "value": "2"}`:       {"EXTENSION_REPEATED " + item + "extensions[2] quota"},
		`{"name": "group", "value": "1"}`:                                                           {"DICTIONARY_FORM " + item + "extensions[0].value 1: an object"},
	} {
		for _, kind := range []string{"preArrivalNotice", "manifest"} {
			p := document.Parse([]byte(fmt.Sprintf(`{"envelope": {"documentId": "D"}, %q: {"consignments": [{"items": [{"sequence": 1, "extensions": [%s]}]}]}}`, kind, extensions)))
			if p.Faults != nil {
				t.Fatal(p.Faults)
			}
			passed, faults := rules.Check(p.Document, scope("RU"))
			var got []string
			for _, f := range faults {
				text := fmt.Sprintf("%s %s %s", f.Code, f.Path, f.Value)
				if !f.Expected.IsZero() {
					text += ": " + f.Expected.String()
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(want, got); diff != "" || passed.IsZero() != (want != nil) {
				t.Errorf("%s in %s: %s", extensions, kind, diff)
			}
		}
	}
	// At another place nobody declares it.
	p := document.Parse([]byte(`{"manifest": {"extensions": [{"name": "quota", "value": "Q7"}]}}`))
	if _, faults := rules.Check(p.Document, scope("RU")); len(faults) != 1 || faults[0].Code != "EXTENSION_UNKNOWN" || faults[0].Path != "extensions[0]" || !faults[0].Expected.IsZero() {
		t.Error(faults)
	}
}

func TestRulesSeeExtensions(t *testing.T) {
	for check, holds := range map[string]bool{
		`extension(this, "quota") == "Q7"`:                                                     true,
		`extension(this, "origin") == ""`:                                                      true,
		`extension(this, "quota") == ""`:                                                       false,
		`extensions(this, "stamp").size() == 2`:                                                true,
		`extensions(this, "stamp").all(s, s in ["1", "2"])`:                                    true,
		`this.extensions.exists(e, e.name == "quota" && extension(e, "year") == "2026-01-01")`: true,
		`document.manifest.consignments.all(c, c.items.all(i, extension(i, "quota") != "Q8"))`: true,
	} {
		rules, err := extendedRules(t, check)
		if err != nil {
			t.Fatal(err)
		}
		p := document.Parse([]byte(`{"manifest": {"consignments": [{"items": [{"sequence": 1, "extensions": [
			{"name": "quota", "value": "Q7", "extensions": [{"name": "year", "value": "2026-01-01"}]}, {"name": "stamp", "value": "1"}, {"name": "stamp", "value": "2"}]}]}]}}`))
		if _, faults := rules.Check(p.Document, scope("RU")); (len(faults) == 0) != holds {
			t.Errorf("%s: %v", check, faults)
		}
	}
	for check, want := range map[string]string{
		`extension(this, "quote") == ""`:                           `rules/x.v1.yaml:4: TST-0001: Manifest: no table declares an extension "quote" of a GoodsItem`,
		`extension(document.manifest, "quota") == ""`:              `no table declares an extension "quota" of a Manifest`,
		`this.extensions.exists(e, extension(e, "quota") == "Q7")`: `no table declares an extension "quota" of a Extension`,
		`extension(this, description[0].language) == ""`:           "extension: want a constant name",
		`extension(this, "quota")`:                                 "want bool",
		`extension(sequence, "quota") == ""`:                       "type mismatch: extension(int, string)",
	} {
		if _, err := extendedRules(t, check); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", check, err, want)
		}
	}
}
