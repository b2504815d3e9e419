package flow_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/recognition"
)

// TestWhetherAControlIsRecognisedIsReadInFiveLanguages: with the agreement, its status and its days, or
// the reason; and what is told of a control whose subject is not known.
func TestWhetherAControlIsRecognisedIsReadInFiveLanguages(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	c := recognition.Control{Office: gateway.Office{Administration: "CN", Code: "1925"}, In: "RU"}
	v := recognition.Verdict{Agreement: "AGREEMENT", Status: "demonstration", From: day("2026-01-01")}
	var out bytes.Buffer
	for _, of := range []struct {
		title      string
		recognised bool
		why        recognition.Why
		until      string
	}{
		{"recognised", true, 0, ""}, {"recognised for a time", true, 0, "2027-12-31"}, {"no agreement", false, recognition.NoAgreement, ""},
		{"another kind", false, recognition.OtherKind, ""}, {"another office", false, recognition.OtherOffice, ""},
		{"another day", false, recognition.OtherDay, ""}, {"another day, within days", false, recognition.OtherDay, "2027-12-31"},
	} {
		v := v
		if v.Recognised, v.Why = of.recognised, of.why; of.until != "" {
			v.Until = day(of.until)
		}
		fmt.Fprintln(&out, of.title)
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&out, "  %s: %s\n", lang, flow.VerdictText(c, v).In(lang))
		}
		fmt.Fprintln(&out)
	}
	for _, code := range []gateway.Code{gateway.InspectionUnknown, gateway.InspectionAmbiguous} {
		inFiveLanguages(&out, "what was controlled", gateway.Fault{Code: code, Severity: gateway.Warning, Value: "ABCU1234560"})
	}
	for _, word := range []gateway.Phrase{gateway.Say(gateway.WordStepControlled, "XRAY", "CONFORM"), gateway.Say(gateway.WordStepControlBack, "C-1")} {
		fmt.Fprintln(&out, "a step")
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&out, "  %s: %s\n", lang, word.In(lang))
		}
	}
	golden(t, "testdata/controls.txt", out.Bytes())
}
