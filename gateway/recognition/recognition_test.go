package recognition

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
)

var data = os.DirFS("../../mappings")

func lists(t *testing.T) *codelist.Lists {
	t.Helper()
	l, err := codelist.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func load(t *testing.T, text string) (Agreements, error) {
	t.Helper()
	return Load(fstest.MapFS{"recognition/aa.v1.yaml": {Data: []byte(text)}}, lists(t))
}

const head = "recognition: aa\nversion: 1\nagreement: An agreement\nstatus: recalled\nsource: invented\nrows:\n"

func office(a gateway.Administration, code string) gateway.Office {
	return gateway.Office{Administration: a, Code: code}
}

// TestTheDayOfAControlCounts: both ways, with the reason that comes nearest, and to the day, as the
// office of the control counts it.
func TestTheDayOfAControlCounts(t *testing.T) {
	a, err := load(t, head+`
  - {id: A, by: CN, in: RU, controls: [XRAY, SEAL], offices: {CN: ["1925"], RU: ["10799001"]}, valid: {from: 2026-01-01, to: 2026-06-30}}
  - {id: B, by: CN, in: RU, controls: [XRAY], offices: {CN: ["1925"]}, valid: {from: 2026-03-01, to: 2026-12-31}}
  - {id: C, by: RU, in: CN, controls: [WEIGHING], valid: {from: 2026-01-01}}
  - {id: D, by: MN, in: CN, controls: [FULL], offices: {CN: ["0705"]}, valid: {from: 2026-01-01, to: 2026-01-01}}
`)
	if err != nil {
		t.Fatal(err)
	}
	china := time.FixedZone("", 8*3600)
	at := func(s string) time.Time {
		day, err := time.ParseInLocation("2006-01-02 15:04", s, china)
		if err != nil {
			t.Fatal(err)
		}
		return day
	}
	suifenhe, pogranichny := office("CN", "1925"), []gateway.Office{office("RU", "10799001")}
	for name, c := range map[string]struct {
		of   Control
		want Verdict // by Recognised, Why, Row
	}{
		"under one":                     {Control{suifenhe, "RU", pogranichny, "SEAL", at("2026-02-01 12:00")}, Verdict{Recognised: true, Row: "A"}},
		"under two, by the longer":      {Control{suifenhe, "RU", pogranichny, "XRAY", at("2026-04-01 12:00")}, Verdict{Recognised: true, Row: "B"}},
		"at an office of no other side": {Control{suifenhe, "RU", []gateway.Office{office("RU", "10719110")}, "SEAL", at("2026-02-01 12:00")}, Verdict{Why: OtherOffice, Row: "A"}},
		"where it goes is not known":    {Control{suifenhe, "RU", nil, "SEAL", at("2026-02-01 12:00")}, Verdict{Recognised: true, Row: "A"}},
		"at another office":             {Control{office("CN", "0603"), "RU", nil, "SEAL", at("2026-02-01 12:00")}, Verdict{Why: OtherOffice, Row: "A"}},
		"of another kind":               {Control{suifenhe, "RU", pogranichny, "RADIATION", at("2026-02-01 12:00")}, Verdict{Why: OtherKind, Row: "A"}},
		"first minute":                  {Control{suifenhe, "RU", pogranichny, "SEAL", at("2026-01-01 00:00")}, Verdict{Recognised: true, Row: "A"}},
		"the minute before":             {Control{suifenhe, "RU", pogranichny, "SEAL", at("2025-12-31 23:59")}, Verdict{Why: OtherDay, Row: "A"}},
		"last minute":                   {Control{suifenhe, "RU", pogranichny, "SEAL", at("2026-06-30 23:59")}, Verdict{Recognised: true, Row: "A"}},
		"the minute after":              {Control{suifenhe, "RU", pogranichny, "SEAL", at("2026-07-01 00:00")}, Verdict{Why: OtherDay, Row: "A"}},
		"on no day":                     {Control{suifenhe, "RU", pogranichny, "SEAL", time.Time{}}, Verdict{Why: OtherDay, Row: "A"}},
		"the other way":                 {Control{office("RU", "10719110"), "CN", nil, "WEIGHING", at("2031-01-01 12:00")}, Verdict{Recognised: true, Row: "C"}},
		"the other way, another kind":   {Control{office("RU", "10719110"), "CN", nil, "SEAL", at("2031-01-01 12:00")}, Verdict{Why: OtherKind, Row: "C"}},
		"of the third":                  {Control{office("MN", "ZU01"), "CN", []gateway.Office{office("CN", "0705")}, "FULL", at("2026-01-01 23:00")}, Verdict{Recognised: true, Row: "D"}},
		"nobody has agreed":             {Control{office("KZ", "39899001"), "CN", nil, "XRAY", at("2026-02-01 12:00")}, Verdict{Why: NoAgreement}},
		"not in that direction":         {Control{office("CN", "0705"), "MN", nil, "FULL", at("2026-01-01 12:00")}, Verdict{Why: NoAgreement}},
	} {
		got := a.Of(c.of)
		row := strings.TrimPrefix(got.Row, "recognition/aa.v1:")
		if got.Recognised != c.want.Recognised || !got.Recognised && got.Why != c.want.Why || row != c.want.Row {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if (got.Row == "") != (got.Agreement == "") || (got.Row == "") != (got.Status == "") {
			t.Errorf("%s: half of its ground: %+v", name, got)
		}
	}
}

// TestAMistakeIsNamedWithItsLine: whatever is not understood is refused.
func TestAMistakeIsNamedWithItsLine(t *testing.T) {
	row := func(s string) string { return head + "  - {" + s + "}\n" }
	for name, c := range map[string]struct{ text, want string }{
		"no row":              {head, "want 1 to 1000"},
		"another name":        {strings.Replace(row("id: A, by: CN, in: RU, controls: [XRAY], valid: {from: 2026-01-01}"), "recognition: aa", "recognition: bb", 1), "aa.v1.yaml:1: bb.v1 is the name"},
		"no agreement":        {strings.Replace(row("id: A, by: CN, in: RU, controls: [XRAY], valid: {from: 2026-01-01}"), "An agreement", `" "`, 1), "agreement, status and source are needed"},
		"another status":      {strings.Replace(row("id: A, by: CN, in: RU, controls: [XRAY], valid: {from: 2026-01-01}"), "recalled", "certain", 1), `aa.v1.yaml:4: unknown status "certain"`},
		"unknown key":         {row("id: A, by: CN, in: RU, controls: [XRAY], valid: {from: 2026-01-01}, goods: [1]"), "goods"},
		"no id":               {row("by: CN, in: RU, controls: [XRAY], valid: {from: 2026-01-01}"), "aa.v1.yaml:7: row \"\": want an id of its own"},
		"two of one id":       {row("id: A, by: CN, in: RU, controls: [XRAY], valid: {from: 2026-01-01}") + "  - {id: A, by: RU, in: CN, controls: [XRAY], valid: {from: 2026-01-01}}\n", "aa.v1.yaml:8: row \"A\": want an id of its own"},
		"of itself":           {row("id: A, by: CN, in: CN, controls: [XRAY], valid: {from: 2026-01-01}"), "by and in are two administrations"},
		"of no country":       {row("id: A, by: China, in: RU, controls: [XRAY], valid: {from: 2026-01-01}"), "by and in are two administrations"},
		"no control":          {row("id: A, by: CN, in: RU, valid: {from: 2026-01-01}"), "no kind of control"},
		"unknown control":     {row("id: A, by: CN, in: RU, controls: [XRAY, SMELL], valid: {from: 2026-01-01}"), `"SMELL" is no code`},
		"one control twice":   {row("id: A, by: CN, in: RU, controls: [XRAY, XRAY], valid: {from: 2026-01-01}"), "stands twice"},
		"for ever":            {row("id: A, by: CN, in: RU, controls: [XRAY]"), "a day from which it holds"},
		"ends before":         {row("id: A, by: CN, in: RU, controls: [XRAY], valid: {from: 2026-01-02, to: 2026-01-01}"), "none before"},
		"no day":              {row("id: A, by: CN, in: RU, controls: [XRAY], valid: {from: soon}"), "aa.v1.yaml:7"},
		"unknown office":      {row(`id: A, by: CN, in: RU, controls: [XRAY], offices: {RU: ["99999999"]}, valid: {from: 2026-01-01}`), `nobody knows an office "99999999" of RU`},
		"office of a third":   {row(`id: A, by: CN, in: RU, controls: [XRAY], offices: {KZ: ["39899001"]}, valid: {from: 2026-01-01}`), "offices of KZ"},
		"no office of itself": {row(`id: A, by: CN, in: RU, controls: [XRAY], offices: {CN: []}, valid: {from: 2026-01-01}`), "offices of CN"},
	} {
		a, err := load(t, c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "recognition/aa.v1.yaml:") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if len(a.rows) > 0 {
			t.Errorf("%s: something was loaded", name)
		}
	}
}

// TestShippedAgreementsAreDemonstrations: nobody has published what is recognised, so each says so.
func TestShippedAgreementsAreDemonstrations(t *testing.T) {
	a, err := Load(data, lists(t))
	if err != nil {
		t.Fatal(err)
	}
	pairs := make(map[gateway.Administration]bool)
	for _, r := range a.rows {
		if pairs[r.by] = true; r.status != "demonstration" {
			t.Errorf("%s is %s", r.id, r.status)
		}
	}
	for _, by := range []gateway.Administration{"CN", "RU", "KZ", "MN"} {
		if !pairs[by] {
			t.Errorf("no agreement is of controls of %s", by)
		}
	}
}
