package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryCommandExplainsItself holds what each command says of itself to a file: asked alone,
// and behind other arguments.
func TestEveryCommandExplainsItself(t *testing.T) {
	lines := []string{""}
	for _, c := range commands {
		if !slices.Contains(several, c.name) {
			lines = append(lines, c.name)
		}
	}
	lines = append(lines, "trust show", "partner add", "checklist verify", "mapping")
	for _, tool := range tools {
		lines = append(lines, "mapping "+tool.name)
	}
	var all strings.Builder
	for _, line := range lines {
		all.WriteString("$ gatewayd " + strings.TrimSpace(line+" -h") + "\n" + help(t, append(strings.Fields(line), "-h")))
		if line != "" && line != "mapping" { // what stands behind it is a tool
			behind := append(strings.Fields(line), "something", "-else", "--help")
			if got, want := help(t, behind), help(t, append(strings.Fields(line), "-h")); got != want {
				t.Errorf("%v says\n%s\nwant\n%s", behind, got, want)
			}
		}
	}
	golden(t, "testdata/help.txt", all.String())
}

func help(t *testing.T, args []string) string {
	t.Helper()
	var out, complaint strings.Builder
	if code := run(t.Context(), args, stdio{strings.NewReader(""), &out, &complaint}); code != exitOK || complaint.Len() > 0 || out.Len() == 0 {
		t.Errorf("%v: exit %d, says %q, and %q of what is wrong", args, code, &out, &complaint)
	}
	return out.String()
}

func TestVersionNamesTheData(t *testing.T) {
	var out strings.Builder
	if code := run(t.Context(), []string{"-version"}, stdio{nil, &out, &out}); code != exitOK ||
		!regexp.MustCompile(`^gatewayd .+, commit .+, go1.+\ntables  [0-9a-f]{64}\nschemas [0-9a-f]{64}\n$`).MatchString(out.String()) {
		t.Errorf("exit %d\n%s", code, &out)
	}
}

// TestManualAndCompletionKnowEveryCommand and every flag.
func TestManualAndCompletionKnowEveryCommand(t *testing.T) {
	var page, script strings.Builder
	for _, args := range [][]string{{"man"}, {"completion", "bash"}} {
		out := &page
		if args[0] == "completion" {
			out = &script
		}
		if code := run(t.Context(), args, stdio{nil, out, out}); code != exitOK {
			t.Fatalf("%v: exit %d\n%s", args, code, out)
		}
	}
	names := []string{".SS mapping lint [ID...]", `.BI \-fingerprint " DIGITS"`}
	for _, c := range commands {
		names = append(names, ".SS "+strings.ReplaceAll(c.name, "-", `\-`))
	}
	for _, name := range names {
		if !strings.Contains(page.String(), name) {
			t.Errorf("the page does not hold %q", name)
		}
	}
	for _, line := range []string{"'serve '*) words='-check -config -lang -o'", "'mapping lint') words='-data -o -v'", "'partner '*) words='-as -config -fingerprint -key'"} {
		if !strings.Contains(script.String(), line) {
			t.Errorf("the completion does not hold %q\n%s", line, &script)
		}
	}
	for _, wrong := range [][]string{{"man", "serve"}, {"completion"}, {"completion", "fish"}} {
		var out strings.Builder
		if code := run(t.Context(), wrong, stdio{nil, &out, &out}); code != exitFailed {
			t.Errorf("%v: exit %d\n%s", wrong, code, &out)
		}
	}
}
