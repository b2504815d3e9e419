package server

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

// TestWhyAMessageWaitsIsToldInTheLanguageAskedFor holds every reason that is told of a message, in
// all languages, to a file; what partners and people said stays as they said it.
func TestWhyAMessageWaitsIsToldInTheLanguageAskedFor(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	var out strings.Builder
	for _, m := range []store.Message{
		{State: gateway.Queued},
		{State: gateway.Sending, Attempts: 1},
		{State: gateway.Queued, Attempts: 2, LastError: "not sent: connection refused", NextAttempt: at},
		{State: gateway.Received, Attempts: 1},
		{State: gateway.Queued, Reason: "this gateway could not hand it over and tries again"},
		{State: gateway.Queued, Reason: "this gateway could not hand it over and tries again when its operator says so"},
		{State: gateway.Dead, Reason: "expired: never handed over"},
		{State: gateway.TakenBack, Reason: "taken back by M-2"},
		{State: gateway.Settled, Reason: "told by telephone"},
	} {
		for _, lang := range gateway.Languages {
			shown := presentMessage(m, nil, lang)
			if lang == "en" {
				fmt.Fprintf(&out, "# %s\n", shown.State)
			}
			fmt.Fprintf(&out, "%s  %q  %q\n", lang, shown.StateReason, shown.Waiting)
		}
	}
	const file = "testdata/waiting.txt"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != string(want) {
		t.Errorf("%s differs:\n%s", file, got)
	}
}
