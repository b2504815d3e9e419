package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTextFillsItsPlaceholdersOnce(t *testing.T) {
	f := Fault{
		Value: "{expected} {path}", Expected: Term("{value}"), Path: "items[0]",
		Texts: map[string]string{"en": "{path}: {value}, not {expected}", "ru": "{value}"},
	}
	for lang, want := range map[string]string{
		"en": "items[0]: {expected} {path}, not {value}",
		"ru": "{expected} {path}",
		"mn": "items[0]: {expected} {path}, not {value}", // English, as there is none
		"":   "items[0]: {expected} {path}, not {value}",
	} {
		if got := f.Text(lang); got != want {
			t.Errorf("%s: got %q, want %q", lang, got, want)
		}
	}
}

func TestTextOfTheCatalogue(t *testing.T) {
	f := Fault{Code: NotFound, Value: "m-1"}
	for _, lang := range Languages {
		want := strings.ReplaceAll(textOf("fault.NOT_FOUND", lang), "{value}", "m-1")
		if got := f.Text(lang); got != want || !strings.Contains(got, "m-1") {
			t.Errorf("%s: got %q, want %q", lang, got, want)
		}
	}
	if got, want := f.Text("de"), f.Text("en"); got != want {
		t.Errorf("unknown language: got %q, want %q", got, want)
	}
}

func TestClip(t *testing.T) {
	whole, long := strings.Repeat("物", MaxValue), strings.Repeat("物", MaxValue+1)
	if got := Clip(whole); got != whole {
		t.Errorf("cut %d characters", MaxValue)
	}
	if got := Clip(long); utf8.RuneCountInString(got) != MaxValue || !strings.HasSuffix(got, "物…") {
		t.Errorf("got %q", got)
	}
	if got := Clip(strings.Repeat("\xff", MaxValue+1)); !utf8.ValidString(got) {
		t.Errorf("got %q", got)
	}
}

func TestFaultsRefuseByTheirErrors(t *testing.T) {
	warning, info, refusal := Fault{Severity: Warning}, Fault{Severity: Info}, Fault{Code: NotXML, Severity: Error}
	for _, tt := range []struct {
		faults  Faults
		refuses bool
		text    string
	}{
		{nil, false, "no fault"},
		{Faults{warning, info}, false, ""},
		{Faults{refusal}, true, refusal.Error()},
		{Faults{refusal, warning, info}, true, refusal.Error() + " (and 2 more)"},
		{Faults{warning, refusal}, true, ""},
		{Faults{{}}, false, ""}, // without severity it was never judged
	} {
		err := tt.faults.Err()
		if tt.faults.Refuse() != tt.refuses || (err != nil) != tt.refuses {
			t.Errorf("%v: refuses %v, %v", tt.faults, tt.faults.Refuse(), err)
		}
		if tt.text != "" && tt.faults.Error() != tt.text {
			t.Errorf("got %q, want %q", tt.faults.Error(), tt.text)
		}
	}
	var got Faults
	if err := fmt.Errorf("submit: %w", Faults{refusal}.Err()); !errors.As(err, &got) || len(got) != 1 {
		t.Errorf("faults are lost on the way up: %v", err)
	}
}

func TestReportIsTheFaultInOneLanguage(t *testing.T) {
	namespaces := map[string]string{"d": "urn:example"}
	faults := Faults{{
		Code: "RULE_1", Severity: Warning, Path: "batch", Value: strings.Repeat("x", MaxValue+9), Expected: Say(WordWholeNumber),
		Location: Location{Expr: "/d:Manifest[1]", Namespaces: namespaces, Line: 4, Document: "part-2"},
		Texts:    map[string]string{"en": "wrong", "zh": "错误：{expected}"},
	}}
	want := []Report{{
		Code: "RULE_1", Severity: Warning, Path: "batch", Location: "/d:Manifest[1]", Value: strings.Repeat("x", MaxValue-1) + "…",
		Expected: "整数", Message: "错误：整数", Remedy: BySender, Wants: Say(WordWholeNumber), Line: 4, Document: "part-2", Namespaces: map[string]string{"d": "urn:example"},
	}}
	got := faults.Report("zh")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got[0].Namespaces["d"] = "changed"
	if namespaces["d"] != "urn:example" {
		t.Error("a report shares its namespaces with the fault")
	}
	if raw, err := json.Marshal(Faults(nil).Report("en")); err != nil || string(raw) != "[]" {
		t.Errorf("no faults are reported as %s, %v", raw, err)
	}
}
