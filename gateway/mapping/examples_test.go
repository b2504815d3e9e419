package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const shown = header + `
  - {id: A, to: m:Mode, from: transport.mode, list: transport-mode, examples: [{canonical: "3", xml: "30"}, {canonical: "3", xml: "31", direction: decode}, {canonical: "1", xml: "10"}]}
  - {id: B, to: m:Sent, from: departed, time: yyyyMMddHHmm, lossy: seconds, examples: [{canonical: "2026-03-01T00:30:00Z", xml: "202603010830"}]}
  - {id: C, to: m:Mass, from: totals.grossMass.kilograms, use: comma, examples: [{canonical: "1.5", xml: "1,5"}, {canonical: "2", xml: "1,5"}]}
  - {id: D, to: m:Text, from: remarks, language: [zh], use: "split(2,3)", examples: [{canonical: "汽车零件", xml: ["汽车", "零件"]}, {canonical: "abcd", xml: "ab | cd", direction: encode}]}
  - {id: E, to: m:Batch, from: batch, max: 3, on_overflow: truncate, lossy: "three", examples: [{canonical: "1234", xml: "123"}, {canonical: "1234", xml: "123", direction: encode}]}
  - {id: F, to: m:Office, from: office.code, use: upper, direction: encode, examples: [{canonical: "a", xml: "A"}]}
examples:
  - name: the least
    rows: [C, E]
    canonical:
      manifest:
        batch: "1"
        consignments: [{sequence: 1}]
    xml: |
      <Manifest xmlns="urn:m"><Batch>1</Batch></Manifest>
    back:
      manifest: {batch: "1"}
`

const overShown = `
profile: kz
version: 1
over: [xx/test.v1]
zone: Asia/Almaty
rows:
  A: {list: "", examples: [{canonical: "3", xml: "3"}]}
  C: {note: "as ours"}
`

func TestRowsAreHeldToTheirExamples(t *testing.T) {
	l, err := load(t, map[string]string{"xx/test.v1.yaml": shown, "profiles/kz.v1.yaml": overShown})
	if err != nil {
		t.Fatal(err)
	}
	say := func(id string) (out []string) {
		tab, _ := l.Table(id)
		for _, trial := range tab.Try() {
			out = append(out, strings.TrimSpace(trial.Row+" "+trial.Example.String()+" "+trial.Mismatch))
		}
		return out
	}
	want := []string{
		`A 3 <-> 30`, `A 3 <- 31`, `A 1 <-> 10 canonical "1" is refused: LIST_NO_COUNTERPART: 1 has no counterpart in transport-mode, test.`,
		`B 2026-03-01T00:30:00Z <-> 202603010830`,
		`C 1.5 <-> 1,5`, `C 2 <-> 1,5 canonical "2" is written "2", expected "1,5"`,
		`D 汽车零件 <-> 汽车 | 零件`, `D abcd -> ab | cd canonical "abcd" is written "ab" | "cd", expected "ab | cd"`,
		`E 1234 <-> 123 xml "123" is read "123", expected "1234"`, `E 1234 -> 123`,
		`F a <-> A`,
	}
	if diff := cmp.Diff(want, say("xx/test.v1")); diff != "" {
		t.Error(diff)
	}
	// What a profile changes, or may change by its zone, is no example of its table.
	if diff := cmp.Diff([]string{`A 3 <-> 3`, want[6], want[7], want[10]}, say("xx/test.v1+kz")); diff != "" {
		t.Error(diff)
	}
	tab, _ := l.Table("xx/test.v1")
	if e := tab.Examples(); len(e) != 1 || e[0].Name != "the least" || string(e[0].Back) != `{"manifest":{"batch":"1"}}` {
		t.Errorf("%+v", e)
	}
	if made, _ := l.Table("xx/test.v1+kz"); len(made.Examples()) > 0 {
		t.Error("a profile's table has the base's documents")
	}
}

func TestLoadSaysEveryMistakeOfExamples(t *testing.T) {
	_, err := load(t, map[string]string{"xx/test.v1.yaml": header + `
  - id: A
    to: m:Mode
    from: transport.mode
    examples:
      - {canonical: 3, xml: "30"}
      - {canonical: "3", xml: 30}
      - {canonical: "3"}
      - {canonical: "3", xml: []}
      - {canonical: "3", xml: "30", direction: up}
      - {canonical: "3", xml: "30", was: "x"}
  - {id: B, to: m:Mass, from: totals.grossMass.kilograms, direction: encode, examples: [{canonical: "1,5", xml: "1"}, {canonical: "1", xml: "1", direction: decode}]}
  - {id: C, to: m:S, from: batch, use: "head(2)", examples: [{canonical: "abc", xml: "ab", direction: decode}]}
  - {id: D, to: m:T, from: batch, use: "rest(2)"}
  - {id: F, to: m:W, from: batch, examples: [{canonical: "a", xml: ["a", "junk"], direction: decode}]}
  - {id: E, to: m:V, const: "1", examples: [{canonical: "1", xml: "1"}]}
examples:
  - name: one
    rows: [A, Z]
    canonical:
      manifest:
        batch: 7
    xml: " "
  - name: one
    canonical: {arrivalReport: {}}
    xml: <x/>
  - {xml: <x/>}
`})
	if err == nil {
		t.Fatal("examples full of mistakes were loaded")
	}
	text := err.Error()
	for _, want := range []string{
		":16: row A: example: canonical is no text, expected one in quotes",
		":17: row A: example: xml is no text, expected one in quotes, or a list of them",
		":18: row A: example: xml is no text",
		":19: row A: example: xml is no text",
		`:20: row A: example: direction "up", expected encode or decode`,
		`:21: unknown key "was": nearest is`,
		`:22: row B: example: canonical`,
		`:22: row B: example: direction decode, expected encode as of the row`,
		`:23: row C: example: the row reads half of a value, expected direction: encode`,
		`:25: row F: example: xml is 2 texts, expected one: the row does not split its value`,
		`:26: row E: example: this row writes no value of its own`,
		`:29: example one: no row "Z", expected the id of a row`,
		`:32: example one: JSON_TYPE`,
		`:28: example one: xml is missing`,
		`:34: example one: name "one", expected one that is unique in the table`,
		`:35: example one: canonical is a ArrivalReport, expected a Manifest`,
		`:37: example without name: name "", expected one`,
		`:37: example without name: canonical is no canonical document`,
	} {
		if !strings.Contains(text, "xx/test.v1.yaml"+want) {
			t.Errorf("%s: not said", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
