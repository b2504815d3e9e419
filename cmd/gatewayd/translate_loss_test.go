package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// TestTranslateTellsLossesAsJSON holds what is told beside the messages of a route, in five languages: of
// one message and of several, of which it is told once; and that the file of a message holds nothing of it.
func TestTranslateTellsLossesAsJSON(t *testing.T) {
	dir := t.TempDir()
	golden, err := filepath.Abs("testdata/translate-losses.txt")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	manifest, err := os.ReadFile("../../testdata/cases/mt2401.xml")
	if err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile("../../testdata/cases/mt4402.xml")
	if err != nil {
		t.Fatal(err)
	}
	write("mt2401.xml", string(manifest))
	write("mt4402.xml", string(report))
	write("convoy.json", `{"envelope": {"documentId": "REPORT-0603-1", "issued": "2026-03-01T10:14:00+08:00", "function": "ADDITION"},
		"vehicleReport": {"kind": "LADEN_EXIT", "batch": "0603260301001", "at": "2026-03-01T10:10:00+08:00",
		"office": {"administration": "CN", "code": "0603"}, "carrier": {"ids": [{"scheme": "CUSTOMS", "value": "0603EX0001"}]},
		"transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": "蒙E12341", "country": "CN"}, {"role": "TRACTOR", "registration": "蒙E12343", "country": "CN"}]}}}`)
	t.Chdir(dir)
	var all bytes.Buffer
	told := func(title, lang string, args ...string) onRoute {
		t.Helper()
		var out, beside bytes.Buffer
		args = append([]string{"-o", "json", "-lang", lang, "-at", "2026-03-02T00:00:00Z", "-route", "cn-ru-pre-arrival-notice", "-in", "mt2401.xml"}, args...)
		if err := translate(context.Background(), flag.NewFlagSet("translate", flag.ContinueOnError), args, stdio{out: &out, err: &beside}); err != nil {
			t.Fatal(title, err, out.String())
		}
		whole := beside.String()
		var got onRoute
		d := json.NewDecoder(&beside)
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil || d.More() {
			t.Fatalf("%s: it is not one value: %v", title, err)
		}
		all.WriteString("-- " + title + ", " + lang + " --\n")
		if lang == "en" {
			all.WriteString(whole)
		} else { // what has no words is the same
			for _, l := range got.Losses {
				fmt.Fprintf(&all, "%s %s: %s: %s\n", l.Reason, l.Text, l.Label, l.Places[0].Place)
			}
		}
		if len(got.Losses) == 0 || bytes.Contains(out.Bytes(), []byte("losses")) {
			t.Errorf("%s: %d losses", title, len(got.Losses))
		}
		return got
	}
	one := told("one message", "en", "-in", "mt4402.xml")
	for _, lang := range gateway.Languages[1:] {
		other := told("one message", lang, "-in", "mt4402.xml")
		for i, l := range other.Losses {
			if l.Reason != one.Losses[i].Reason || l.Path != one.Losses[i].Path || l.Text == one.Losses[i].Text {
				t.Errorf("%s: %s %s %q", lang, l.Reason, l.Path, l.Text)
			}
		}
	}
	told("two messages", "en", "-in", "convoy.json", "-out", "notice.xml")
	for _, name := range []string{"notice-1.xml", "notice-2.xml"} {
		if raw, err := os.ReadFile(name); err != nil || bytes.Contains(raw, []byte("losses")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if *update {
		if err := os.WriteFile(golden, all.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), all.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
