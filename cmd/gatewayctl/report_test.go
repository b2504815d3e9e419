package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// TestCoverageIsShownInFiveLanguages holds the report and its chart to golden files: a busy pair, one of which
// half went with nothing, one whose office of exit no form names, and names that are markup.
func TestCoverageIsShownInFiveLanguages(t *testing.T) {
	r := &exchangev1.CoverageResponse{Month: "2026-03", More: true, Pairs: []*exchangev1.Coverage{
		{ExitOffice: "CN 0603", EntryOffice: "RU 10719110", Crossings: 1840, Notice: 1702, Other: 3, None: 135, Recognised: 1200, InspectedAgain: 96},
		{ExitOffice: "CN 9402", EntryOffice: "KZ 99001", Crossings: 412, Notice: 300, Checklist: 80, None: 32, Recognised: 40, InspectedAgain: 1},
		{ExitOffice: "CN 0705", EntryOffice: "MN ZU01", Crossings: 96, ElectronicList: 48, None: 48},
		{ExitOffice: "", EntryOffice: "RU <&>", Crossings: 1, None: 1},
	}}
	for file, draw := range map[string]func(s *session) error{
		"coverage": func(s *session) error { return s.show(r, func(p *page) { p.coverage(r) }) },
		"chart":    func(s *session) error { return s.drawCoverage(r) },
	} {
		var all bytes.Buffer
		for _, lang := range gateway.Languages {
			var out bytes.Buffer
			if err := draw(&session{world: world{stdout: &out}, lang: lang}); err != nil {
				t.Fatal(err)
			}
			if file == "chart" {
				d := xml.NewDecoder(bytes.NewReader(out.Bytes()))
				for {
					token, err := d.Token()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatalf("%s: %v", lang, err)
					}
					if e, ok := token.(xml.StartElement); ok && e.Name.Local == "script" {
						t.Errorf("%s: a script", lang)
					}
				}
			}
			fmt.Fprintf(&all, "%s\n%s\n", lang, out.Bytes())
		}
		name := "testdata/" + file + ".golden"
		if *update {
			if err := os.WriteFile(name, all.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), all.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheScaleOfAChartIsShort: ten lines at most, however much has crossed.
func TestTheScaleOfAChartIsShort(t *testing.T) {
	for _, most := range []int64{1, 9, 10, 11, 99, 101, 1840, 200_000, 1 << 40} {
		if step := chartStep(most); step < 1 || most > 10*step || step > 1 && most <= step {
			t.Errorf("%d: a line each %d", most, step)
		}
	}
}
