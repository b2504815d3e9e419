package document_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
)

// found is what a test wants to know of a fault.
type found struct {
	Code            gateway.Code
	Path, Pointer   string
	Line            int
	Value, Expected string // Expected: a part of it
}

func compareFaults(t *testing.T, faults gateway.Faults, want []found) {
	t.Helper()
	var got []found
	for i, f := range faults {
		expected := f.Expected.String()
		if i < len(want) && strings.Contains(expected, want[i].Expected) {
			expected = want[i].Expected
		}
		if !f.Found.IsZero() {
			f.Value += "(" + f.Found.String() + ")"
		}
		got = append(got, found{f.Code, f.Path, f.Location.Expr, f.Location.Line, f.Value, expected})
		if f.Severity != gateway.Error {
			t.Errorf("%s is no error", f.Code)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseFindsEveryFault(t *testing.T) {
	raw := `{
  "envelope": {
    "issued": "2026-13-01T08:30:00+08:00",
    "function": "original",
    "documentId": "D-1"
  },
  "preArrivalNotice": {
    "batch": 17,
    "batsh": {"deep": [1, {"x": null}]},
    "sameVehicles": "true",
    "consignments": [
      {"sequence": "1", "transportDocument": {"date": "01.03.2026", "id": "W1"}},
      {"sequence": 1.0,
       "items": [
        {"grossMass": {"kilograms": 18250.5, "method": "TALLY"}},
        {"grossMass": {"kilograms": "18 250,5"}, "packages": [{"quantity": "12a"}, {"quantity": 12}]},
        null,
        {"description": {"language": "ru"}, "originCountry": "CN", "originCountry": "RU"}
       ]}
    ],
    "purposes": ["01", 2, "", "03"],
    "carrier": [],
    "agent": null,
    "a/b~c": 1
  }
}`
	p := document.Parse([]byte(raw))
	compareFaults(t, p.Faults, []found{
		{gateway.JSONInstant, "envelope.issued", "/envelope/issued", 3, "2026-13-01T08:30:00+08:00", "a month from 01 to 12"},
		{gateway.JSONEnum, "envelope.function", "/envelope/function", 4, "original", "ORIGINAL"},
		{gateway.JSONType, "batch", "/preArrivalNotice/batch", 8, "17", "a text in double quotes"},
		{gateway.JSONUnknownField, "batsh", "/preArrivalNotice/batsh", 9, "batsh", "batch"},
		{gateway.JSONType, "sameVehicles", "/preArrivalNotice/sameVehicles", 10, `"true"`, "true or false"},
		{gateway.JSONType, "consignments[0].sequence", "/preArrivalNotice/consignments/0/sequence", 12, `"1"`, "a whole number, 0 or more"},
		{gateway.JSONDate, "consignments[0].transportDocument.date", "/preArrivalNotice/consignments/0/transportDocument/date", 12, "01.03.2026", "YYYY-MM-DD"},
		{gateway.JSONUnsigned, "consignments[1].sequence", "/preArrivalNotice/consignments/1/sequence", 13, "1.0", "a whole number, 0 or more"},
		{gateway.JSONType, "consignments[1].items[0].grossMass.kilograms", "/preArrivalNotice/consignments/1/items/0/grossMass/kilograms", 15, "18250.5", "in double quotes, a decimal"},
		{gateway.JSONDecimal, "consignments[1].items[1].grossMass.kilograms", "/preArrivalNotice/consignments/1/items/1/grossMass/kilograms", 16, "18 250,5", "without blanks or exponent"},
		{gateway.JSONUnsigned, "consignments[1].items[1].packages[0].quantity", "/preArrivalNotice/consignments/1/items/1/packages/0/quantity", 16, "12a", "a whole number, 0 or more"},
		{gateway.JSONNull, "consignments[1].items[2]", "/preArrivalNotice/consignments/1/items/2", 17, "null", "an object"},
		{gateway.JSONType, "consignments[1].items[3].description", "/preArrivalNotice/consignments/1/items/3/description", 18, "(an object)", "an array"},
		{gateway.JSONDuplicateKey, "consignments[1].items[3].originCountry", "/preArrivalNotice/consignments/1/items/3/originCountry", 18, "originCountry", ""},
		{gateway.JSONType, "purposes[1]", "/preArrivalNotice/purposes/1", 21, "2", "a text in double quotes"},
		{gateway.JSONEmptyString, "purposes[2]", "/preArrivalNotice/purposes/2", 21, "", "not empty"},
		{gateway.JSONType, "carrier", "/preArrivalNotice/carrier", 22, "(an array)", "an object"},
		{gateway.JSONNull, "agent", "/preArrivalNotice/agent", 23, "null", "an object"},
		{gateway.JSONUnknownField, "a/b~c", "/preArrivalNotice/a~1b~0c", 24, "a/b~c", ""},
	})
	want := `{"envelope":{"documentId":"D-1"},"preArrivalNotice":{"consignments":[{"transportDocument":{"id":"W1"}},` +
		`{"items":[{"grossMass":{"method":"TALLY"}},{"grossMass":{},"packages":[{},{"quantity":"12"}]},{},{"originCountry":"CN"}]}],"purposes":["01","03"]}}`
	if got := string(document.Marshal(p.Document)); got != want {
		t.Errorf("read  %s\nwant %s", got, want)
	}
}

func TestParseRefusesTheWholeDocument(t *testing.T) {
	deep := strings.Repeat(`[`, 70)
	for _, c := range []struct {
		name, raw string
		want      []found
	}{
		{"nothing", "", []found{{Code: gateway.JSONEmpty, Line: 1, Expected: "a JSON object"}}},
		{"white space", " \n ", []found{{Code: gateway.JSONEmpty, Line: 2, Expected: "a JSON object"}}},
		{"XML", "<a/>", []found{{Code: gateway.NotJSON, Line: 1, Value: "<a/>", Expected: "a JSON object"}}},
		{"an array", "\n[1]", []found{{Code: gateway.NotJSON, Line: 2, Value: "[1", Expected: "a JSON object"}}},
		{"null", "null", []found{{Code: gateway.NotJSON, Line: 1, Value: "null", Expected: "a JSON object"}}},
		{"no kind", `{"envelope":{}}`, []found{{Code: gateway.JSONNoKind, Line: 1, Expected: "preArrivalNotice"}}},
		{"a kind that is null", `{"manifest":null}`, []found{{Code: gateway.JSONNull, Pointer: "/manifest", Line: 1, Value: "null", Expected: "an object"}}},
		{"half", "{\"manifest\":{\n\"batch\":\"B", []found{{Code: gateway.JSONMalformed, Line: 2, Value: `"B`, Expected: "the end of this text"}}},
		{"no colon", `{"manifest" {}}`, []found{{Code: gateway.JSONMalformed, Line: 1, Value: "{", Expected: "a colon"}}},
		{"no comma", `{"manifest":{"batch":"1" "office":{}}}`, []found{{Code: gateway.JSONMalformed, Line: 1, Value: `"office"`, Expected: "a comma or }"}}},
		{"comma too many", `{"manifest":{},}`, []found{{Code: gateway.JSONMalformed, Line: 1, Value: "}", Expected: "a field name"}}},
		{"bare key", `{manifest:{}}`, []found{{Code: gateway.JSONMalformed, Line: 1, Value: "manifest:{", Expected: "a field name"}}},
		{"bare word", `{"manifest":{"batch":B1}}`, []found{{Code: gateway.JSONMalformed, Line: 1, Value: "B1", Expected: "a JSON value"}}},
		{"leading zero", `{"manifest":{"transport":{"vehicles":[{"sequence":01}]}}}`, []found{{Code: gateway.JSONMalformed, Line: 1, Value: "01", Expected: "a JSON value"}}},
		{"bad escape", `{"manifest":{"batch":"\x41"}}`, []found{{Code: gateway.JSONMalformed, Line: 1, Value: `\x41"`, Expected: "an escape"}}},
		{"too deep", `{"manifest":{"x":` + deep + `}}`, []found{
			{Code: gateway.JSONUnknownField, Path: "x", Pointer: "/manifest/x", Line: 1, Value: "x"},
			{Code: gateway.JSONDepth, Line: 1, Value: "[[[[[[[[", Expected: "64"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := document.Parse([]byte(c.raw))
			if p.Document != nil {
				t.Errorf("read %s", document.Marshal(p.Document))
			}
			compareFaults(t, p.Faults, c.want)
			p.Locate("consignments[0].items[1]") // must not panic
		})
	}
}

func TestParseOddDocuments(t *testing.T) {
	for _, c := range []struct {
		name, raw, read string
		want            []found
	}{
		{"byte order mark, white space, escapes", "\ufeff {\r\n\"manifest\"\t: {\"batch\":\"\\u0041\\n\\ud83d\\ude00\\/\", \"totals\":{\"items\":7}} }\n",
			`{"manifest":{"batch":"A 😀/","totals":{"items":"7"}}}`, nil},
		{"something behind the end", `{"manifest":{}} {}`, `{"manifest":{}}`,
			[]found{{Code: gateway.JSONTrailing, Line: 1, Value: "{", Expected: "the end"}}},
		{"a second kind", `{"manifest":{"batch":"1"},"preArrivalNotice":{"batch":2}}`, `{"manifest":{"batch":"1"}}`, []found{
			{Code: gateway.JSONTwoKinds, Pointer: "/preArrivalNotice", Line: 1, Value: "preArrivalNotice", Expected: "manifest"},
			{Code: gateway.JSONType, Path: "batch", Pointer: "/preArrivalNotice/batch", Line: 1, Value: "2", Expected: "a text in double quotes"},
		}},
		{"characters", "{\"manifest\":{\"batch\":\"a\tb\",\"carrier\":{\"country\":\"\xff\"},\"loadUnits\":[{\"id\":\"\\u0000\"},{\"id\":\"\\ud800x\"},{\"id\":\"\uffff\"},{\"id\":\"\\uffff\"}]}}",
			`{"manifest":{"carrier":{},"loadUnits":[{},{},{},{}]}}`, []found{
				{Code: gateway.JSONCharacter, Path: "batch", Pointer: "/manifest/batch", Line: 1, Value: "a\tb"},
				{Code: gateway.JSONUTF8, Path: "carrier.country", Pointer: "/manifest/carrier/country", Line: 1, Value: "\ufffd"},
				{Code: gateway.JSONCharacter, Path: "loadUnits[0].id", Pointer: "/manifest/loadUnits/0/id", Line: 1, Value: "⟨U+0000⟩"},
				{Code: gateway.JSONUTF8, Path: "loadUnits[1].id", Pointer: "/manifest/loadUnits/1/id", Line: 1, Value: "\ufffdx"},
				{Code: gateway.JSONCharacter, Path: "loadUnits[2].id", Pointer: "/manifest/loadUnits/2/id", Line: 1, Value: "\uffff"},
				{Code: gateway.JSONCharacter, Path: "loadUnits[3].id", Pointer: "/manifest/loadUnits/3/id", Line: 1, Value: "\uffff"},
			}},
		{"too many elements", `{"preArrivalNotice":{"purposes":["1","2","3","4","5","6","7","8","9","10",11,"12"]}}`,
			`{"preArrivalNotice":{"purposes":["1","2","3","4","5","6","7","8","9","10"]}}`,
			[]found{{Code: gateway.JSONItems, Path: "purposes", Pointer: "/preArrivalNotice/purposes", Line: 1, Value: "12", Expected: "10"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := document.Parse([]byte(c.raw))
			compareFaults(t, p.Faults, c.want)
			if got := string(document.Marshal(p.Document)); got != c.read {
				t.Errorf("read %s\nwant %s", got, c.read)
			}
		})
	}
}

func TestParseStopsAtAThousandFaults(t *testing.T) {
	p := document.Parse([]byte(`{"manifest":{` + strings.Repeat(`"x":1,`, 5000) + `"batch":"1"}}`))
	if n := len(p.Faults); n != 1001 || p.Faults[n-1].Code != gateway.JSONTooManyFaults || p.Document != nil {
		t.Errorf("%d faults, the last is %v", n, p.Faults[n-1])
	}
}

func TestLocate(t *testing.T) {
	p := document.Parse([]byte(`{
 "envelope": {"documentId": "1",
  "issued": "2026-03-01T08:30:00+08:00"},
 "manifest": {
  "consignments": [
   {"items": [{"description": [
     {"language": "ru",
      "value": "чай"}]}]}]}}`))
	if err := p.Faults.Err(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]gateway.Location{
		"":                {Expr: "/manifest", Line: 4},
		"envelope":        {Expr: "/envelope", Line: 2},
		"envelope.issued": {Expr: "/envelope/issued", Line: 3},
		"envelope.sender": {Expr: "/envelope", Line: 2},
		"consignments[0].items[0].description[0].value": {Expr: "/manifest/consignments/0/items/0/description/0/value", Line: 8},
		"consignments[0].items[7].value.amount":         {Expr: "/manifest/consignments/0/items", Line: 6},
		"office.code":                                   {Expr: "/manifest", Line: 4},
	} {
		if diff := cmp.Diff(want, p.Locate(path)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestParseDamagedDocuments(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := documenttest.Draw(r, "Manifest", documenttest.Options{MaxItems: 1})
		raw := document.Marshal(d)
		at := rapid.IntRange(0, len(raw)-1).Draw(r, "at")
		switch rapid.IntRange(0, 2).Draw(r, "damage") {
		case 0:
			raw = raw[:at]
		case 1:
			raw[at] = rapid.Byte().Draw(r, "byte")
		case 2:
			raw = append(raw[:at:at], raw[min(len(raw), at+rapid.IntRange(1, 9).Draw(r, "gap")):]...)
		}
		p := document.Parse(raw)
		if len(p.Faults) == 0 {
			if !json.Valid(raw) || !proto.Equal(p.Document, document.Parse(document.Marshal(p.Document)).Document) {
				r.Fatalf("no fault in %q", raw)
			}
		}
		for _, f := range p.Faults {
			if f.Location.Line < 1 || f.Code == "" {
				r.Fatalf("fault without place: %+v", f)
			}
		}
		p.Locate("consignments[0].items[0].value.amount")
	})
}

func FuzzParse(f *testing.F) {
	for _, kind := range document.Kinds() {
		if raw := document.Marshal(documenttest.Full(kind)); len(raw) < 10_000 {
			f.Add(raw)
		}
	}
	f.Add([]byte(`{"manifest":{"batch":"\ud800\u0000","x":[-0.1e+5,true,null]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := document.Parse(raw)
		p.Locate("consignments[0].x")
		if len(p.Faults) > 0 {
			return
		}
		again := document.Parse(document.Marshal(p.Document))
		if len(again.Faults) > 0 || !proto.Equal(p.Document, again.Document) {
			t.Errorf("%q reads differently when written again: %v", raw, again.Faults)
		}
	})
}
