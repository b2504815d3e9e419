package release_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping"
	"customs.example/gateway/release"
	"customs.example/gateway/validate"
)

const table = `mapping: xx/notice
version: 1
document: PreArrivalNotice
root: Notice
status: own
source: made up
rows:
  - {id: R1, to: ID, from: envelope.documentId}
  - {id: R2, to: Batch, from: batch}
  - {id: R3, to: Total, from: totals.value.amount}
`

const route = `route: cn-ru
version: 1
from: CN
to: RU
kind: PreArrivalNotice
type: c2c
basis:
  title: an agreement
  scope: {direction: export, mode: road, procedure: all, goods: all, dates: all}
  status: demonstration
purpose: risk analysis
offices: [{code: "0603", zone: Asia/Shanghai}]
valid: {from: 2026-01-01, to: 2026-12-31}
table: xx/notice.v1
sources: []
release: on-complete
crossing: 40m
lead: 2h
validity: 72h
retention: 4320h
supplies:
  - {id: S1, to: entryOffice.code, value: "10719110", source: made up, status: verified}
  - {id: S2, to: declarant, fields: {"name[language=ru].value": ООО ПРИМЕР, "ids[scheme=INN].value": "2536000006"}, source: made up, status: demonstration}
  - {id: S3, to: consignments.dispatchCountry, value: CN, source: made up, status: verified}
  - {id: S4, to: purposes, value: "01", source: made up, status: inferred}
  - {id: S5, to: language, value: RU, override: true, source: made up, status: verified}
text:
  ru: {fields: [consignments.items.description], policy: heading}
allow:
  - envelope.documentId
  - batch
  - purposes
  - declarant
  - entryOffice.code
  - consignments.dispatchCountry
  - consignments.items.description
  - consignments.items.classifications
  - consignments.items.packages.marks
  - remarks
  - language
`

const split = `split: xx/lines
version: 1
document: Manifest
limit: {list: consignments.items, max: 14}
rows: []
answers: []
`

const headings = `list: hs
version: 1
source: made up
status: own
rows: [{heading: "0702", texts: {ru: "Томаты"}}]
`

// base is what all worlds share.
var base = sync.OnceValues(func() (*codelist.Lists, *expr.Env) {
	lists, err := codelist.Load(os.DirFS("../../mappings"))
	if err != nil {
		panic(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		panic(err)
	}
	return lists, env
})

// world is the package's data: tables, code lists and routes.
func world(t testing.TB, route string) (fstest.MapFS, *mapping.Library, *validate.Rules) {
	t.Helper()
	fsys := fstest.MapFS{
		"rules/none.v1.yaml":        {Data: []byte("rules: none\nversion: 1\nrows: []\n")},
		"xx/notice.v1.yaml":         {Data: []byte(table)},
		"split/lines.v1.yaml":       {Data: []byte(split)},
		"routes/r.yaml":             {Data: []byte(route)},
		"routes/headings/hs.yaml":   {Data: []byte(headings)},
		"routes/prices/prices.yaml": {Data: looks(t)},
	}
	lib, rules, err := loaded(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return fsys, lib, rules
}

// loaded are the tables and rules of the data.
func loaded(fsys fstest.MapFS) (*mapping.Library, *validate.Rules, error) {
	lists, env := base()
	lib, err := mapping.Load(fsys, env, lists)
	if err != nil {
		return nil, nil, err
	}
	rules, err := validate.Load(fsys, env, lists)
	return lib, rules, err
}

// looks is what prices look like, as it is shipped.
func looks(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile("../../mappings/routes/prices/prices.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func routed(t testing.TB, text string) (*release.Route, *validate.Rules) {
	t.Helper()
	fsys, lib, rules := world(t, text)
	routes, err := release.Load(fsys, lib)
	if err != nil {
		t.Fatal(err)
	}
	return routes.All()[0], rules
}

func passed(t testing.TB, rules *validate.Rules, raw string) validate.Passed {
	t.Helper()
	parsed := document.Parse([]byte(raw))
	if parsed.Document == nil {
		t.Fatal(parsed.Faults)
	}
	p, faults := rules.Check(parsed.Document, validate.Scope{Own: "CN", Partner: "RU", At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
	if p.IsZero() {
		t.Fatal(faults)
	}
	return p
}

const notice = `{"envelope": {"documentId": "d-1", "sender": "0603"}, "preArrivalNotice": {
	"batch": "B1", "language": "ZH",
	"totals": {"packages": "3", "value": {"amount": "96500.00", "currency": "CNY"}},
	"consignments": [
		{"ucr": "U1", "items": [
			{"description": [{"language": "zh", "value": "番茄"}], "value": {"amount": "5", "currency": "CNY"},
			 "classifications": [{"scheme": "HS", "code": "070200"}], "packages": [{"type": "CT", "marks": "N/M"}]},
			{"description": [{"language": "ru", "value": "Огурцы"}], "classifications": [{"scheme": "HS", "code": "070700"}]},
			{"description": [{"language": "zh", "value": "货"}], "classifications": [{"scheme": "HS", "code": "999900"}]}]},
		{"dispatchCountry": "KZ", "items": [{"sequence": 1}]}]}}`

func TestReleaseLetsOnlyGoWhatTheRouteNames(t *testing.T) {
	rt, rules := routed(t, route)
	p := passed(t, rules, notice)
	got, faults := rt.Release(p)
	if got.IsZero() {
		t.Fatal(faults)
	}
	want := document.Parse([]byte(`{"envelope": {"documentId": "d-1"}, "preArrivalNotice": {
		"batch": "B1", "language": "RU", "purposes": ["01"], "entryOffice": {"code": "10719110"},
		"declarant": {"name": [{"language": "ru", "value": "ООО ПРИМЕР"}], "ids": [{"scheme": "INN", "value": "2536000006"}]},
		"consignments": [
			{"dispatchCountry": "CN", "items": [
				{"description": [{"language": "zh", "value": "番茄"}, {"language": "ru", "value": "[HS 0702] Томаты"}],
				 "classifications": [{"scheme": "HS", "code": "070200"}], "packages": [{"marks": "N/M"}]},
				{"description": [{"language": "ru", "value": "Огурцы"}], "classifications": [{"scheme": "HS", "code": "070700"}]},
				{"description": [{"language": "zh", "value": "货"}], "classifications": [{"scheme": "HS", "code": "999900"}]}]},
			{"dispatchCountry": "KZ"}]}}`)).Document
	if diff := cmp.Diff(string(document.MarshalIndent(want)), string(document.MarshalIndent(got.Document()))); diff != "" {
		t.Error(diff)
	}
	if got.Digest() != document.Digest(want) || got.Recipient() != "RU" || got.Kind() != "PreArrivalNotice" || got.Route() != "cn-ru" {
		t.Errorf("released %s %s %s %s", got.Digest(), got.Recipient(), got.Kind(), got.Route())
	}
	withheld := []string{"consignments.items.packages.type", "consignments.items.sequence", "consignments.items.value",
		"consignments.ucr", "envelope.sender", "totals"}
	if diff := cmp.Diff(withheld, got.Withheld()); diff != "" {
		t.Error(diff)
	}
	var supplied []string
	for _, s := range got.Supplied() {
		supplied = append(supplied, s.Row+" "+s.Path)
	}
	if diff := cmp.Diff([]string{
		"S1 entryOffice.code", "S2 declarant.ids[0].value", "S2 declarant.name[0].value", "S3 consignments[0].dispatchCountry",
		"S4 purposes[0]", "S5 language", "HS 0702 consignments[0].items[0].description[1].value",
	}, supplied); diff != "" {
		t.Error(diff)
	}
	if len(faults) != 1 || faults[0].Code != gateway.ReleaseNoHeading || faults[0].Path != "consignments[0].items[2].description[1].value" {
		t.Errorf("faults %+v", faults)
	}
	if before := document.Digest(p.Document()); before != p.Digest() {
		t.Error("releasing changed what had passed")
	}
	got.Document().Envelope.DocumentId = "other"
	if got.Document().Envelope.DocumentId != "d-1" {
		t.Error("a released document can be changed")
	}
}

func TestSupplyFillsOnlyWhatIsMissing(t *testing.T) {
	rt, rules := routed(t, route)
	got, faults := rt.Release(passed(t, rules, `{"preArrivalNotice": {"purposes": ["02"], "entryOffice": {"code": "10719120"},
		"declarant": {"country": "CN"}, "language": "ZH"}}`))
	if got.IsZero() {
		t.Fatal(faults)
	}
	n := got.Document().GetPreArrivalNotice()
	if n.EntryOffice.Code != "10719120" || !slices.Equal(n.Purposes, []string{"02"}) || n.Language != "RU" {
		t.Errorf("released %v", n)
	}
	if len(n.Declarant.Name) != 0 || len(n.Declarant.Ids) != 0 {
		t.Errorf("two firms were mixed: %v", n.Declarant)
	}
}

func TestPriceInFreeTextGoesToAPerson(t *testing.T) {
	rt, rules := routed(t, route)
	for text, found := range map[string]bool{
		"total CNY 96 500.00": true, "96,500 usd": true, "价格5000元": true, "цена 300 руб.": true, "¥88": true, "EUR:12": true, "100 Dollars": true,
		"tomatoes, 420 cartons": false, "USDA 100 grade": false, "CNY": false, "HS 070200": false, "100 европоддонов": false, "order RUBIN 5": false,
	} {
		for _, at := range []string{"remarks[0].value", "consignments[0].items[0].packages[0].marks"} {
			raw := fmt.Sprintf(`{"preArrivalNotice": {"remarks": [{"language": "und", "value": %q}]}}`, text)
			if strings.HasSuffix(at, "marks") {
				raw = fmt.Sprintf(`{"preArrivalNotice": {"consignments": [{"items": [{"packages": [{"marks": %q}]}]}]}}`, text)
			}
			got, faults := rt.Release(passed(t, rules, raw))
			caught := slices.ContainsFunc(faults, func(f gateway.Fault) bool {
				return f.Code == gateway.ReleasePriceInText && f.Path == at && f.Severity == gateway.Error
			})
			if caught != found || got.IsZero() != found {
				t.Errorf("%q at %s: caught %v, released %v: %v", text, at, caught, !got.IsZero(), faults)
			}
		}
	}
	open, rules := routed(t, strings.Replace(route, "  - remarks\n", "  - remarks\n"+priced, 1))
	if got, faults := open.Release(passed(t, rules, `{"preArrivalNotice": {"remarks": [{"language": "und", "value": "CNY 5"}]}}`)); got.IsZero() {
		t.Errorf("a route that releases prices: %v", faults)
	}
}

// priced are the price fields of a notice.
const priced = "  - totals\n  - consignments.totals\n  - consignments.items.value\n  - consignments.transit\n  - transit\n"

func TestReleaseRefuses(t *testing.T) {
	rt, rules := routed(t, route)
	for name, tt := range map[string]struct {
		p    validate.Passed
		want gateway.Code
	}{
		"what has not passed": {validate.Passed{}, gateway.ReleaseUnjudged},
		"another kind":        {passed(t, rules, `{"manifest": {"batch": "B1"}}`), gateway.ReleaseKind},
	} {
		if got, faults := rt.Release(tt.p); !got.IsZero() || len(faults) != 1 || faults[0].Code != tt.want {
			t.Errorf("%s: %v", name, faults)
		}
	}
	strict, rules := routed(t, strings.Replace(route, "policy: heading", "policy: supplied", 1))
	got, faults := strict.Release(passed(t, rules, notice))
	if !got.IsZero() || len(faults) != 2 || faults[0].Code != gateway.ReleaseTextMissing {
		t.Errorf("missing texts: %v", faults)
	}
}

func TestLoadNamesEveryMistakeAndItsLine(t *testing.T) {
	for name, tt := range map[string]struct {
		replace [2]string
		want    []string
	}{
		"missing keys":       {[2]string{"purpose: risk analysis\n", ""}, []string{"routes/r.yaml:1: purpose is missing"}},
		"several":            {[2]string{"lead: 2h\nvalidity: 72h\n", ""}, []string{"lead is missing", "validity is missing", "longer than nothing"}},
		"cap":                {[2]string{"lead: 2h\n", "lead: 2h\ncap: 1GiB\n"}, []string{`size "1GiB": want 1MiB to 64MiB`}},
		"nested key":         {[2]string{", goods: all", ""}, []string{":9: basis.scope.goods is missing"}},
		"no basis":           {[2]string{"basis:\n  title: an agreement", "purposes: x\nbasis:\n  titel: an agreement"}, []string{`unknown key "titel"`, `unknown key "purposes"`}},
		"status":             {[2]string{"status: demonstration\npurpose", "status: fine\npurpose"}, []string{`:10: basis.status "fine"`}},
		"type":               {[2]string{"type: c2c", "type: mail"}, []string{`:6: type "mail"`}},
		"zone":               {[2]string{"Asia/Shanghai", "Asia/Manzhouli"}, []string{`:12: office "0603"`}},
		"kind":               {[2]string{"kind: PreArrivalNotice", "kind: Notice"}, []string{":5: unknown kind"}},
		"table":              {[2]string{"table: xx/notice.v1", "table: xx/notice.v2"}, []string{":14: there is no table xx/notice.v2"}},
		"table's kind":       {[2]string{"kind: PreArrivalNotice", "kind: Manifest"}, []string{":14: table xx/notice.v1 takes PreArrivalNotice, not Manifest"}},
		"recipe":             {[2]string{"sources: []", "sources: []\nrecipe: cn/x.v1"}, []string{":16: there is no recipe cn/x.v1", ":16: hold is missing"}},
		"split":              {[2]string{"sources: []", "sources: []\nsplit: ru/x.v1"}, []string{":16: there is no split ru/x.v1"}},
		"split's kind":       {[2]string{"sources: []", "sources: []\nsplit: xx/lines.v1"}, []string{":16: split xx/lines.v1 divides Manifest, not PreArrivalNotice"}},
		"source":             {[2]string{"sources: []", "sources: [cn/x.v1]"}, []string{":15: there is no table cn/x.v1"}},
		"path":               {[2]string{"  - batch\n", "  - bach\n"}, []string{`has no field "bach": nearest is batch`}},
		"selector":           {[2]string{"  - declarant\n", "  - declarant.ids[scheme=INN]\n"}, []string{"released whole, without selector", "declarant.ids.value is supplied but not released"}},
		"twice":              {[2]string{"  - batch\n", "  - batch\n  - declarant.country\n"}, []string{"declarant is released twice"}},
		"not released":       {[2]string{"  - language\n", ""}, []string{":26: language is supplied but not released"}},
		"supply's value":     {[2]string{`to: entryOffice.code, value: "10719110"`, `to: departed, value: soon`}, []string{"departed is supplied but not released", "want a date and time"}},
		"supply's path":      {[2]string{"to: entryOffice.code", "to: entryOffice.cod"}, []string{`:22: path`, `has no field "cod"`}},
		"supply is a group":  {[2]string{"to: entryOffice.code", "to: entryOffice"}, []string{"entryOffice is no single value"}},
		"supply's id":        {[2]string{"id: S2", "id: S1"}, []string{":23: there is another supply S1"}},
		"supply's status":    {[2]string{"status: inferred", "status: sure"}, []string{`:25: status "sure"`}},
		"text field":         {[2]string{"fields: [consignments.items.description]", "fields: [batch]"}, []string{"batch holds no texts by language"}},
		"text policy":        {[2]string{"policy: heading", "policy: translate"}, []string{`:28: text.ru.policy "translate"`}},
		"text not released":  {[2]string{"  - consignments.items.description\n", ""}, []string{"consignments.items.description is not released"}},
		"no goods code near": {[2]string{"fields: [consignments.items.description]", "fields: [remarks]"}, []string{"remarks stands beside no classification"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(route, tt.replace[0], tt.replace[1], 1)
			if text == route {
				t.Fatal("nothing replaced")
			}
			fsys, lib, _ := world(t, text)
			_, err := release.Load(fsys, lib)
			if err == nil {
				t.Fatal("loaded")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in\n%v", want, err)
				}
			}
		})
	}
}

func TestFind(t *testing.T) {
	fsys, lib, _ := world(t, route)
	fsys["routes/s.yaml"] = &fstest.MapFile{Data: []byte(strings.NewReplacer("route: cn-ru", "route: cn-kz", "to: RU", "to: KZ").Replace(route))}
	routes, err := release.Load(fsys, lib)
	if err != nil {
		t.Fatal(err)
	}
	ask := release.Query{From: "CN", Office: "0603", Kind: "PreArrivalNotice", At: time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)}
	for name, tt := range map[string]struct {
		change func(*release.Query)
		want   []string
	}{
		"all":             {func(*release.Query) {}, []string{"cn-kz", "cn-ru"}},
		"addressee":       {func(q *release.Query) { q.To = []gateway.Administration{"RU"} }, []string{"cn-ru"}},
		"other office":    {func(q *release.Query) { q.Office = "9402" }, nil},
		"other side":      {func(q *release.Query) { q.From = "RU" }, nil},
		"other kind":      {func(q *release.Query) { q.Kind = "Manifest" }, nil},
		"other format":    {func(q *release.Query) { q.Table = "xx/notice.v1" }, nil},
		"not yet valid":   {func(q *release.Query) { q.At = q.At.AddDate(-1, 0, 0) }, nil},
		"no longer valid": {func(q *release.Query) { q.At = q.At.Add(time.Hour) }, nil},
	} {
		q := ask
		tt.change(&q)
		var got []string
		for _, rt := range routes.Find(q) {
			got = append(got, rt.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	if _, ok := routes.Route("cn-kz"); !ok {
		t.Error("cn-kz is not found by name")
	}
	if only, err := routes.Only([]string{"cn-kz"}); err != nil || len(only.All()) != 1 {
		t.Errorf("only cn-kz: %v", err)
	}
	if _, err := routes.Only([]string{"cn-mn"}); err == nil {
		t.Error("a route that is not there is active")
	}
}
