package codelist_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/mappings"
)

func load(t *testing.T) *codelist.Lists {
	t.Helper()
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

func TestTranslate(t *testing.T) {
	lists := load(t)
	tests := []struct {
		list, system, code string
		dir                codelist.Direction
		want               codelist.Result
		miss               gateway.Code
	}{
		{"transport-mode", "eaeu", "3", codelist.Encode, codelist.Result{Code: "30", Row: "transport-mode.v1:3->30", Status: "verified"}, ""},
		{"transport-mode", "eaeu", "31", codelist.Decode, codelist.Result{Code: "3", Row: "transport-mode.v1:3->31", Status: "verified"}, ""},
		{"transport-mode", "eaeu", "20", codelist.Decode, codelist.Result{Code: "2", Row: "transport-mode.v1:2->20", Status: "recalled"}, ""},
		{"transport-mode", "cn-manifest", "4", codelist.Decode, codelist.Result{Code: "3", Row: "transport-mode.v1:3->4", Status: "verified"}, ""},
		{"transport-mode", "eaeu", "77", codelist.Decode, codelist.Result{}, gateway.ListUnknown},
		{"transport-mode", "eaeu", "6", codelist.Encode, codelist.Result{}, gateway.ListNoCounterpart},
		{"transport-mode", "eaeu", "33", codelist.Encode, codelist.Result{}, gateway.ListUnknown},
		{"transit-kind", "eaeu", "TT", codelist.Encode, codelist.Result{Code: "ТТ", Row: "transit-kind.v1:TT->ТТ", Status: "verified"}, ""},
		{"transit-kind", "eaeu", "TT", codelist.Decode, codelist.Result{}, gateway.ListLookAlike},
		{"transit-direction", "eaeu", "TP", codelist.Decode, codelist.Result{}, gateway.ListLookAlike},
		{"package", "cn", "PX", codelist.Encode, codelist.Result{Code: "PX", Row: "package.v1:PX", Status: "recalled"}, ""},
		{"package", "cn", "РХ", codelist.Decode, codelist.Result{}, gateway.ListLookAlike},
		{"package", "eaeu", "Q9", codelist.Encode, codelist.Result{Code: "Q9", Row: "package.v1:Q9", Status: "recalled"}, ""},
		{"country", "eaeu", "00", codelist.Encode, codelist.Result{Code: "00", Row: "country.v1:00", Status: "verified"}, ""},
		{"country", "cn", "00", codelist.Encode, codelist.Result{}, gateway.ListNoCounterpart},
		{"country", "cn", "MN", codelist.Decode, codelist.Result{Code: "MN", Row: "country.v1:MN", Status: "verified"}, ""},
		{"country", "cn", "XQ", codelist.Decode, codelist.Result{}, gateway.ListUnknown},
		{"country", "numeric", "643", codelist.Decode, codelist.Result{Code: "RU", Row: "country.v1:RU->643", Status: "verified"}, ""},
		{"nothing", "cn", "1", codelist.Encode, codelist.Result{}, gateway.ListUnknown},
	}
	on := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		got, err := lists.Translate(tt.list, tt.system, tt.code, on, tt.dir)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %s %s %s: %s", tt.dir, tt.list, tt.system, tt.code, diff)
		}
		var miss *codelist.Miss
		if errors.As(err, &miss) != (tt.miss != "") || miss != nil && miss.Reason != tt.miss {
			t.Errorf("%s %s %s %s: %v, want %q", tt.dir, tt.list, tt.system, tt.code, err, tt.miss)
		}
	}
}

func TestCodeIsJudgedByTheListOfItsDay(t *testing.T) {
	lists := load(t)
	for day, want := range map[string]bool{"2022-12-31": true, "2023-01-01": false} {
		on, _ := time.Parse(time.DateOnly, day)
		if got := lists.Known("currency", "HRK", on); got != want {
			t.Errorf("HRK on %s: %v, want %v", day, got, want)
		}
	}
	if miss := lists.Check("currency", "HRK", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); miss == nil || miss.Reason != gateway.ListNotValid {
		t.Errorf("HRK in 2026: %v, want %s", miss, gateway.ListNotValid)
	}
	if !lists.Known("currency", "HRK", time.Time{}) {
		t.Error("HRK without a day is unknown, want membership alone")
	}
}

func TestOpenListOnlyWarns(t *testing.T) {
	miss := load(t).Check("package", "Q9", time.Time{})
	if miss == nil || miss.Fault().Severity != gateway.Warning {
		t.Errorf("unknown code of an open list: %v, want a warning", miss)
	}
	if miss := load(t).Check("unit", "ХХХ", time.Time{}); miss == nil || miss.Fault().Severity != gateway.Warning {
		t.Errorf("unknown code of an open list: %v, want a warning", miss)
	}
}

func TestListsAreWhole(t *testing.T) {
	lists := load(t)
	for list, want := range map[string]int{"country": 251, "package": 378, "cn-office": 147, "cn-procedure": 18, "change-reason": 16} {
		l, ok := lists.List(list)
		if !ok || len(l.Codes) != want {
			t.Errorf("%s: want %d codes", list, want)
		}
	}
}

func TestEveryRowComesBack(t *testing.T) {
	lists := load(t)
	for _, name := range lists.Names() {
		l, _ := lists.List(name)
		for system, s := range l.Systems {
			for _, r := range s.Rows {
				if r.Direction == codelist.Decode || r.Is == "" || name == "office-zone" { // a zone is many offices'
					continue
				}
				out, err := lists.Translate(name, system, r.Code, time.Time{}, codelist.Encode)
				if err != nil {
					t.Errorf("%s %s: %v", name, system, err)
					continue
				}
				if back, err := lists.Translate(name, system, out.Code, time.Time{}, codelist.Decode); err != nil || back.Code != r.Code {
					t.Errorf("%s %s: %s -> %s -> %q, %v", name, system, r.Code, out.Code, back.Code, err)
				}
			}
		}
	}
}

// A column in a file of its own is a column of the list, and of its digest.
func TestColumns(t *testing.T) {
	const list = "list: x\nversion: 1\nsource: test\nstatus: own\ncodes: [{code: a, en: a}, {code: b, en: b}]\nsystems: {s: {source: t, status: own, rows: [{code: a, is: c}]}}\n"
	const head = "list: x\nsystem: t\nsource: there\nstatus: verified\n"
	const column = head + "rows:\n  - {code: a, is: A}\n  - {code: a, is: AA, direction: decode}\n"
	load := func(more ...string) (*codelist.Lists, error) {
		fsys := fstest.MapFS{"codelists/x.yaml": {Data: []byte(list)}}
		for i := 0; i < len(more); i += 2 {
			fsys["codelists/"+more[i]] = &fstest.MapFile{Data: []byte(more[i+1])}
		}
		return codelist.Load(fsys)
	}
	plain, err := load()
	if err != nil {
		t.Fatal(err)
	}
	longer, err := load("x.t.yaml", column)
	if err != nil {
		t.Fatal(err)
	}
	for code, dir := range map[string]codelist.Direction{"a": codelist.Encode, "AA": codelist.Decode} {
		want := map[string]codelist.Result{"a": {Code: "A", Row: "x.v1:a->A", Status: "verified"}, "AA": {Code: "a", Row: "x.v1:a->AA", Status: "verified"}}[code]
		got, err := longer.Translate("x", "t", code, time.Time{}, dir)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	if _, err := longer.Translate("x", "t", "b", time.Time{}, codelist.Encode); err == nil {
		t.Error("a code without a row is written")
	}
	if !longer.HasSystem("x", "s") || plain.HasSystem("x", "t") || plain.Digest("x") == longer.Digest("x") {
		t.Error("the column is not the list's own, or its digest is not")
	}
	for want, more := range map[string][]string{
		`codelists/x.s.yaml:2: list x has the system s already, in codelists/x.yaml`:  {"x.s.yaml", strings.Replace(column, "system: t", "system: s", 1)},
		`codelists/y.t.yaml:1: there is no list "y": nearest is x`:                    {"y.t.yaml", strings.Replace(column, "list: x", "list: y", 1)},
		`codelists/x.u.yaml:1: this is system "t" of list "x": want x.u, as the file`: {"x.u.yaml", column},
		`codelists/x.t.yaml:7: row d->AA: "d" is no code of the list`:                 {"x.t.yaml", strings.Replace(column, "{code: a, is: AA", "{code: d, is: AA", 1)},
		`codelists/x.t.yaml:7: row a->A: "A" has another row on the same day`:         {"x.t.yaml", strings.Replace(column, "is: AA", "is: A", 1)},
		`codelists/x.t.yaml:1: source is missing or empty`:                            {"x.t.yaml", strings.Replace(column, "source: there\n", "", 1)},
		`codelists/x.t.yaml:1: system is missing or empty`:                            {"x.t.yaml", strings.Replace(column, "system: t\n", "", 1)},
		`codelists/x.t.yaml:1: list is missing or empty`:                              {"x.t.yaml", strings.Replace(column, "list: x\n", "", 1)},
		`codelists/x.t.yaml:4: status "sure": want official`:                          {"x.t.yaml", strings.Replace(column, "verified", "sure", 1)},
		`codelists/x.t.yaml:5: rows is missing or empty`:                              {"x.t.yaml", head + "rows: []\n"},
		`codelists/x.u.yaml:5: rows is missing or empty`:                              {"x.u.yaml", strings.Replace(head, "system: t", "system: u", 1) + "rows: null\n"},
		`codelists/x.v.yaml:1: rows is missing or empty`:                              {"x.v.yaml", strings.Replace(head, "system: t", "system: v", 1)},
		`codelists/x.t.yaml:1: the file is empty: want list, system, source, st`:      {"x.t.yaml", ""},
		`codelists/x.u.yaml:1: the file is empty: want list, system, source, st`:      {"x.u.yaml", "# later\n"},
		`codelists/x.t.yaml:5: unknown key "codes": nearest is`:                       {"x.t.yaml", strings.Replace(column, "rows:", "codes:", 1)},
	} {
		if _, err := load(more...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if _, err := load("x.t.yaml", head+"identity: true\n"); err != nil {
		t.Errorf("where codes are written as they are none needs a row: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	const head = "list: x\nversion: 1\nsource: test\nstatus: own\n"
	tests := map[string]struct{ file, want string }{
		"another name":      {strings.Replace(head, "x", "y", 1) + "codes: []\n", `"y": want "x"`},
		"no source":         {"list: x\nversion: 1\nstatus: own\ncodes: []\n", "want version, source and status"},
		"unknown status":    {strings.Replace(head, "own", "sure", 1) + "codes: []\n", "want version, source and status"},
		"unknown key":       {head + "kode: 1\n", "kode"},
		"code twice":        {head + "codes: [{code: a, en: a}, {code: a, en: b}]\n", `"a" is there twice`},
		"code without name": {head + "codes: [{code: a}]\n", "a name"},
		"row to no code":    {head + "codes: [{code: a, en: a}]\nsystems: {s: {source: t, status: own, rows: [{code: b, is: c}]}}\n", `"b" is no code`},
		"ambiguous decode":  {head + "codes: [{code: a, en: a}, {code: b, en: b}]\nsystems: {s: {source: t, status: own, rows: [{code: a, is: c}, {code: b, is: c}]}}\n", `"c" has another row`},
		"days reversed":     {head + "codes: [{code: a, en: a, from: '2026-02-01', to: '2026-01-01'}]\n", "comes after"},
		"no day":            {head + "codes: [{code: a, en: a, from: soon}]\n", `"soon" is no day`},
		"wrong direction":   {head + "codes: [{code: a, en: a}]\nsystems: {s: {source: t, status: own, rows: [{code: a, is: c, direction: up}]}}\n", "encode or decode"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := codelist.Load(fstest.MapFS{"codelists/x.yaml": {Data: []byte(tt.file)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "x.yaml") {
				t.Errorf("error %v, want %q with the file", err, tt.want)
			}
		})
	}
	_, err := codelist.Load(fstest.MapFS{"codelists/x.yaml": {Data: []byte(head + "codes:\n  - {code: a, en: a}\n  - {code: b}\n")}})
	if err == nil || !strings.HasPrefix(err.Error(), "codelists/x.yaml:7: ") {
		t.Errorf("error %v, want it at line 7", err)
	}
	if _, err := codelist.Load(fstest.MapFS{}); err == nil {
		t.Error("no lists at all: no error")
	}
}

func TestZoneIsTheOffices(t *testing.T) {
	lists := load(t)
	for _, tt := range []struct {
		administration gateway.Administration
		office, want   string
	}{
		{"RU", "10719110", "Asia/Chita"},
		{"RU", "10803040", "Europe/Moscow"},
		{"RU", "10702030", "Asia/Vladivostok"}, // by its customs house
		{"RU", "10799010", "Asia/Novosibirsk"},
		{"CN", "0603", "Asia/Shanghai"}, // China keeps one time
		{"KZ", "50502", "Asia/Almaty"},
		{"KZ", "39850502", "Asia/Almaty"},
		{"MN", "BU01", "Asia/Hovd"},
		{"RU", "10508010", ""}, // of a country with eleven times nothing is guessed
		{"RU", "107", ""},
		{"RU", "10719", ""}, // the customs house itself is no office of the list
		{"MN", "0705", ""},
		{"KZ", "", ""}, // no office is named
		{"", "10719110", ""},
		{"US", "2704", ""},
	} {
		zone, known := lists.Zone(tt.administration, tt.office)
		if known != (tt.want != "") || known && zone.String() != tt.want {
			t.Errorf("%s %s: got %v, want %q", tt.administration, tt.office, zone, tt.want)
		}
	}
}

func TestZonesAreChecked(t *testing.T) {
	const list = "list: office-zone\nversion: 1\nsource: x\nstatus: own\ncodes:\n  - {code: \"RU/1\", en: a}\nsystems:\n  iana:\n    source: x\n    status: own\n    rows:\n      - {code: \"RU/1\", %s}\n"
	for row, ok := range map[string]bool{
		"is: Asia/Chita, direction: encode":                       true,
		"is: Asia/Chita":                                          false,
		"is: Mars/Base, direction: encode":                        false,
		"is: Local, direction: encode":                            false,
		"direction: encode":                                       false,
		"is: Asia/Chita, direction: encode, from: \"2024-03-01\"": false,
	} {
		_, err := codelist.Load(fstest.MapFS{"codelists/office-zone.yaml": {Data: fmt.Appendf(nil, list, row)}})
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "codelists/office-zone.yaml:12: ") {
			t.Errorf("%s: %v", row, err)
		}
	}
	lists, err := codelist.Load(fstest.MapFS{"codelists/x.yaml": {Data: []byte("list: x\nversion: 1\nsource: x\nstatus: own\ncodes:\n  - {code: a, en: a}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, known := lists.Zone("RU", "10719110"); known {
		t.Error("a zone without a list of zones")
	}
}
