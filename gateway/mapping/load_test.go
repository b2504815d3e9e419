package mapping

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/mapping/convert"
)

func TestLoadSaysEveryMistakeAtOnce(t *testing.T) {
	_, err := load(t, map[string]string{"xx/test.v1.yaml": header + `
  - {id: R001, to: m:A, from: office.cod}
  - {id: R001, to: m:B, from: office}
  - {to: m:C, from: batch, const: "x"}
  - {id: R003, to: q:D, from: batch}
  - {id: R004, to: m:E, from: batch, list: none}
  - {id: R005, to: m:F, from: batch, use: upper}
  - {id: R006, to: m:G, from: batch, use: bit}
  - {id: R007, to: m:H, from: batch, use: "split(x,1)"}
  - {id: R008, to: m:I, from: batch, when: "direction > 3"}
  - {id: R009, to: m:J, each: office, rows: [{id: R010, to: m:K, from: code}]}
  - {id: R011, to: m:L, from: consignments.ucr}
  - {id: R012, to: m:M, from: departed, time: xs-date}
  - {id: R013, to: m:N, from: batch, language: [ru]}
  - {id: R014, to: m:O, from: batch, max: 3, on_overflow: truncate}
  - {id: R015, to: m:P, ordinal: true}
  - {id: R016, to: Q, from: batch}
  - {id: R017, set: direction, const: SIDEWAYS}
  - {id: R018, to: m:R, from: remarks}
  - {id: R019, to: m:S, from: batch, tim: x}
  - {id: R020, to: m:T, from: envelope.issued, time: xs-time}
  - {id: R021, to: m:U, from: batch, direction: out}
  - {id: R022, to: m:V, rows: [{id: R023, to: m:W, from: batch}]}
  - {id: R024, to: "m:V/@x", from: batch}
  - {id: R025, to: m:X, from: office.code, time: xs-date}
  - {id: R026, to: m:Y, from: departed, zone: Mars/Base}
  - {id: R027, to: m:Z, from: departed, time: yyyyDDD}
  - {id: R028, to: m:AA, with: office, always: true, rows: [{id: R029, to: m:AB, from: code}]}
  - {id: R030, to: m:AC, each: transport.permits, from: "."}
  - {id: R031, to: m:AD, from: "."}
  - {id: R032, to: m:AE, const: 0603}
  - {id: R033, to: m:AF, from: batch, use: "rest(2)"}
`})
	if err == nil {
		t.Fatal("a table full of mistakes was loaded")
	}
	text := err.Error()
	first := strings.Count(header, "\n") + 1
	for i, want := range []string{
		`row R001: path "office.cod": Office has no field "cod": nearest is code`,
		`row R001: id stands twice`, // of the second row
		`row without id: has [from const], expected exactly one of from`,
		`row R003: prefix "q" is not declared, expected one of [m x]`,
		`row R004: unknown code list "none", expected one that there is: nearest are [transport-mode]`,
		`row R005: conversion upper has no inverse, expected lossy or direction: encode`,
		`row R006: conversion bit does not fit a string`,
		`row R007: argument "x", expected a number from 1`,
		`row R008: condition "direction > 3"`,
		`row R009: each office, expected a list without selector`,
		`row R011: consignments.ucr is a list, expected each, or a selector`,
		`row R012: reads the first half of departed and no row the second`,
		`row R013: language on batch, expected a list of texts`,
		`row R014: on_overflow truncate loses text`,
		`row R015: ordinal outside each`,
		`row R016: "Q" has no prefix while m is the default namespace, expected m:Q`,
		`row R017: set direction: "SIDEWAYS": want one of IMPORT, EXPORT`,
		`row R018: remarks is a list, expected each, or a selector`,
		`unknown key "tim": nearest is time`,
		`row R020: reads the second half of envelope.issued and no row the first`,
		`row R021: direction "out", expected encode or decode`,
		``,
		`row R024: writes into the element of group R022`,
		`row R025: time on a string, expected an instant or a date`,
		`row R026: unknown zone "Mars/Base"`,
		`row R027: unknown time "yyyyDDD"`,
		`row R028: always does not fit this row`,
		`row R030: each transport.permits is a list of messages, expected rows`,
		`row R031: from "." outside each over a list of texts`,
		`row R032: const or default is no text, expected quotes round it`,
		`row R033: reads the second half of batch and no row the first`,
	} {
		line := "xx/test.v1.yaml:" + strconv.Itoa(first+1+i) + ": "
		if want != "" && !strings.Contains(text, line+want) {
			t.Errorf("%s%s: not said", line, want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestLoadRefusesTablesThatClaimTheSame(t *testing.T) {
	other := strings.Replace(notice, "mapping: xx/test", "mapping: xx/twin\nvalid: {from: 2027-01-01}", 1)
	_, err := load(t, map[string]string{"xx/test.v1.yaml": notice, "xx/twin.v1.yaml": other})
	if err == nil || !strings.Contains(err.Error(), "xx/twin.v1.yaml:1: root {urn:m}Manifest, version 1 is also xx/test.v1's") {
		t.Error(err)
	}
	dated := strings.Replace(notice, "version: 1", "version: 1\nvalid: {to: 2026-12-31}", 1)
	if _, err := load(t, map[string]string{"xx/test.v1.yaml": dated, "xx/twin.v1.yaml": other}); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		strings.Replace(notice, "mapping: xx/test", "mapping: xx/else", 1):   "this is xx/else.v1, expected xx/test.v1",
		strings.Replace(notice, "system: test", "system: nowhere", 1):        `no code list has the system "nowhere"`,
		strings.Replace(notice, "default: m", "default: z", 1):               `prefix "z" is not declared`,
		strings.Replace(notice, "document: Manifest", "document: Letter", 1): `unknown kind of document "Letter"`,
	} {
		if _, err := load(t, map[string]string{"xx/test.v1.yaml": text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %s", err, want)
		}
	}
}

// Each case is a table's rows, a manifest and what is written inside the root; then
// the manifest that is read back, where it differs.
func TestRows(t *testing.T) {
	for _, tt := range []struct{ name, rows, json, xml, back string }{
		{"a constant vanishes with its group",
			`{id: A, to: m:G, rows: [{id: B, to: m:C, const: "1"}, {id: D, to: m:E, from: batch}]}`, `{}`, ``, ``},
		{"a constant with always stays",
			`{id: A, to: m:G/m:C, const: "1", always: true}`, `{}`, `<G><C>1</C></G>`, ``},
		{"a constant with a condition is data",
			`{id: A, to: m:G/m:C, const: "1", when: "batch == 'x'"}, {id: B, to: m:Batch, from: batch}`, `{"batch": "x"}`, `<G><C>1</C></G><Batch>x</Batch>`, ``},
		{"always writes an empty group", `{id: A, to: m:G, always: true, rows: [{id: B, to: m:C, from: batch}]}`, `{}`, `<G/>`, ``},
		{"a default does not come back", `{id: A, to: m:C, from: batch, default: none, direction: encode}`, `{}`, `<C>none</C>`, ``},
		{"an attribute first", `{id: A, to: "m:C/@u", from: office.code}, {id: B, to: m:C, from: batch}, {id: D, to: m:C, from: office.checkpoint}`,
			`{"batch": "x", "office": {"code": "1", "checkpoint": "y"}}`, `<C u="1">x</C><C>y</C>`, ``},
		{"leading steps are shared by neighbours only", `{id: A, to: m:A/m:B, from: batch}, {id: B, to: m:C, from: office.code}, {id: C, to: m:A2/m:B, from: office.checkpoint}`,
			`{"batch": "x", "office": {"code": "1"}}`, `<A><B>x</B></A><C>1</C>`, ``},
		{"a filter on each counts what it writes",
			`{id: A, to: m:V, each: transport.vehicles, when: "role == 'TRAILER'", rows: [{id: B, to: m:N, ordinal: true}, {id: C, to: m:R, from: registration}, {id: D, set: role, const: TRAILER}]}`,
			`{"transport": {"vehicles": [{"role": "TRACTOR", "registration": "T1"}, {"role": "TRAILER", "registration": "T2"}]}}`,
			`<V><N>1</N><R>T2</R></V>`, `{"transport": {"vehicles": [{"role": "TRAILER", "registration": "T2"}]}}`},
		{"texts in a group", `{id: A, to: m:G, each: "consignments[0].loadUnits", lossy: x, rows: [{id: B, to: m:N, ordinal: true}, {id: C, to: m:R, from: "."}]}`,
			`{"consignments": [{"loadUnits": ["A", "B"]}]}`, `<G><N>1</N><R>A</R></G><G><N>2</N><R>B</R></G>`, ``},
		{"day and time of day", `{id: A, to: m:D, from: departed, time: xs-date}, {id: B, to: m:T, from: departed, time: xs-time}`,
			`{"departed": "2026-03-01T23:30:00Z"}`, `<D>2026-03-02</D><T>07:30:00</T>`, `{"departed": "2026-03-02T07:30:00+08:00"}`},
		{"an instant keeps its offset", `{id: A, to: m:D, from: departed, zone: Asia/Chita}`,
			`{"departed": "2026-03-01T23:30:00Z"}`, `<D>2026-03-02T08:30:00+09:00</D>`, `{"departed": "2026-03-02T08:30:00+09:00"}`},
		{"an element's own text", `{id: A, to: m:V, with: totals.volume, rows: [{id: B, to: ".", from: quantity, required: true}, {id: C, to: "@unitCode", const: MTQ}, {id: D, set: unit, const: MTQ}]}`,
			`{"totals": {"volume": {"quantity": "5", "unit": "MTQ"}}}`, `<V unitCode="MTQ">5</V>`, ``},
		{"a sum and a count as the format writes numbers",
			`{id: A, to: m:S, sum: consignments.totals.grossMass.kilograms, use: comma}, {id: B, to: m:N, count: consignments, use: "pad(3)", max: 3}, ` +
				`{id: C, to: m:C, each: consignments, rows: [{id: D, to: m:W, from: totals.grossMass.kilograms}]}`,
			`{"consignments": [{"totals": {"grossMass": {"kilograms": "1.25"}}}, {"totals": {"grossMass": {"kilograms": "2"}}}]}`,
			`<S>3,25</S><N>002</N><C><W>1.25</W></C><C><W>2</W></C>`, ``},
		{"head and rest, in any order", `{id: A, to: m:N, from: batch, use: "rest(2)"}, {id: B, to: m:S, from: batch, use: "head(2)"}`,
			`{"batch": "中Q123"}`, `<N>123</N><S>中Q</S>`, ``},
		{"overflow into pieces", `{id: A, to: m:B, from: batch, max: 2, on_overflow: split}`, `{"batch": "ab de"}`, `<B>ab</B><B>de</B>`, `{"batch": "abde"}`},
		{"pieces cut at blanks", `{id: A, to: m:B, from: batch, max: 4, on_overflow: split}`, `{"batch": "a bc de"}`, `<B>a</B><B>bc d</B><B>e</B>`, ``},
		{"pieces of a text that keeps its blanks", `{id: A, to: m:B, from: remarks, language: [en], max: 2, on_overflow: split, space: preserve}`,
			`{"remarks": [{"language": "en", "value": "ab  c\nd"}]}`, `<B>ab</B><B>  </B><B>c` + "\n" + `</B><B>d</B>`, ``},
		{"truncated", `{id: A, to: m:B, from: batch, max: 2, on_overflow: truncate, lossy: "long ones"}`, `{"batch": "中中中"}`, `<B>中中</B>`, `{"batch": "中中"}`},
		{"a text nobody tagged", `{id: A, to: m:B, from: remarks, language: [zh, en]}`, `{"remarks": [{"language": "und", "value": "Груз"}]}`, `<B>Груз</B>`, ``},
		{"the second place of a field may say it shorter", `{id: A, to: m:T, from: departed}, {id: B, to: m:D, from: departed, time: xs-date, lossy: the time}`,
			`{"departed": "2026-03-01T08:30:00+08:00"}`, `<T>2026-03-01T08:30:00+08:00</T><D>2026-03-01</D>`, ``},
		{"characters that need escapes", `{id: A, to: "m:B/@u", from: batch}, {id: B, to: m:B, from: office.code}`,
			`{"batch": "a\"<", "office": {"code": "x<&y"}}`, `<B u="a&quot;&lt;">x&lt;&amp;y</B>`, ``},
		{"line breaks of a token", `{id: A, to: "m:B/@u", from: batch}, {id: B, to: m:B, from: office.code}`,
			`{"batch": "a\n b", "office": {"code": "x\r\n\ty"}}`, `<B u="a b">x y</B>`, ``},
		{"line breaks of a text", `{id: A, to: "m:B/@u", from: remarks, language: [en], direction: encode}, {id: B, to: m:B, from: remarks, language: [en], space: preserve}`,
			`{"remarks": [{"language": "en", "value": "x\r\n y"}]}`, `<B u="x y">x` + "\n" + ` y</B>`, ``},
		{"the sign of zero", `{id: A, to: m:S, sum: consignments.totals.grossMass.kilograms}, {id: C, to: m:C, each: consignments, rows: [{id: D, to: m:W, from: totals.grossMass.kilograms}, {id: E, to: m:P, from: totals.packages}]}`,
			`{"consignments": [{"totals": {"grossMass": {"kilograms": "-0.00"}, "packages": "-0"}}, {"totals": {"grossMass": {"kilograms": "+0"}}}]}`,
			`<S>0</S><C><W>0</W><P>0</P></C><C><W>0</W></C>`, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab := tableOf(t, header+"  ["+tt.rows+"]\n")
			d := parse(t, `{"manifest": `+tt.json+`}`)
			out, _, faults := tab.Encode(d, false)
			if len(faults) > 0 {
				t.Fatal(said(faults))
			}
			got := string(out.Bytes())
			_, got, _ = strings.Cut(got, `xmlns:x="urn:x"`)
			got = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(indents.Replace(got)), ">"), "</Manifest>")
			if got = strings.TrimPrefix(got, "/>"); got != tt.xml {
				t.Errorf("wrote %q, want %q", got, tt.xml)
			}
			want := d
			if tt.back != "" {
				want = parse(t, `{"manifest": `+tt.back+`}`)
			}
			back := tab.Decode(read(t, string(out.Bytes())))
			if diff := cmp.Diff(marshal(want), marshal(back.Document)); diff != "" || len(back.Faults) > 0 && tt.name != "a default does not come back" {
				t.Error(diff, said(back.Faults))
			}
			if len(back.Unread) > 0 {
				t.Errorf("unread: %v", back.Unread)
			}
		})
	}
}

// A sum is compared through the inverse of its conversion, and told as the format writes it.
func TestSumsAreComparedAsTheyAreWritten(t *testing.T) {
	tab := tableOf(t, header+`  - {id: A, to: m:S, sum: consignments.totals.grossMass.kilograms, use: "fraction(2)", max: 4, examples: [{canonical: "3.2", xml: "3.20"}]}
  - {id: B, to: m:N, count: consignments, use: "pad(3)", examples: [{canonical: "2", xml: "002"}]}
  - {id: C, to: m:C, each: consignments, rows: [{id: D, to: m:W, from: totals.grossMass.kilograms}]}
`)
	for _, trial := range tab.Try() {
		if trial.Mismatch != "" {
			t.Error(trial.Row, trial.Mismatch)
		}
	}
	for xml, want := range map[string]string{
		`<S>3.25</S><N>002</N>`: "",
		`<S>3.30</S><N>002</N>`: "MAP_DERIVED 3.30 3.25",
		`<S>3.3</S><N>002</N>`:  "MAP_DERIVED 3.3 3.25",
		`<S>3.25</S><N>003</N>`: "MAP_DERIVED 003 002",
	} {
		got := ""
		for _, f := range tab.Decode(read(t, `<Manifest xmlns="urn:m">`+xml+`<C><W>1.25</W></C><C><W>2</W></C></Manifest>`)).Faults {
			got += string(f.Code) + " " + f.Value + " " + f.Expected.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", xml, got, want)
		}
	}
	d := parse(t, `{"manifest": {"consignments": [{"totals": {"grossMass": {"kilograms": "12.5"}}}]}}`)
	if _, _, faults := tab.Encode(d, false); len(faults) != 1 || faults[0].Code != gateway.MapOverflow || faults[0].Path != "consignments.totals.grossMass.kilograms" {
		t.Error(said(faults))
	}
	for use, want := range map[string]string{`use: "office8(398)"`: "does not fit a decimal", "list: transport-mode": "list does not fit this row"} {
		_, err := load(t, map[string]string{"xx/test.v1.yaml": header + "  - {id: A, to: m:S, sum: consignments.totals.grossMass.kilograms, " + use + "}\n"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestUntaggedTextTakesTheScriptsLanguage(t *testing.T) {
	for _, tt := range []struct {
		text      string
		languages []string
		want      string
	}{
		{"集装箱 ABC", []string{"ru", "zh"}, "zh"}, {"Груз ABC", []string{"en", "kk", "ru"}, "kk"}, {"Cargo", []string{"ru", "latin"}, "latin"},
		{"123", []string{"ru", "zh"}, "ru"}, {"Cargo", []string{"ru", "zh"}, "und"}, {"Cargo", []string{"ru"}, "ru"}, {"Žižkov", []string{"zh", "en"}, "en"},
	} {
		if got := convert.Tag(tt.text, tt.languages); got != tt.want {
			t.Errorf("%s of %v is %s, want %s", tt.text, tt.languages, got, tt.want)
		}
	}
}
