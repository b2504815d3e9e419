package release_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/release"
)

// TestPricesAreFoundInTexts counts on made-up texts of each language how many of those that hold a price
// are found, and how many others; those that are judged wrongly stand in the golden file one by one.
func TestPricesAreFoundInTexts(t *testing.T) {
	rt, _ := routed(t, route)
	var report strings.Builder
	all := 0
	for _, lang := range []string{"en", "zh", "ru", "kk", "mn"} {
		raw, err := os.ReadFile(filepath.Join("../../mappings/testdata/prices", lang+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		priced, found, others, alarms := 0, 0, 0, 0
		var wrong []string
		for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
			mark, text, ok := strings.Cut(line, " ")
			if !ok || mark != "+" && mark != "-" {
				t.Fatalf("%s: %q", lang, line)
			}
			doc := document.Parse(fmt.Appendf(nil, `{"preArrivalNotice": {"remarks": [{"language": %q, "value": %q}]}}`, lang, text)).Document
			held := len(rt.Doubts(doc)) > 0
			switch {
			case mark == "+":
				if priced++; held {
					found++
				} else {
					wrong = append(wrong, "  not found: "+text)
				}
			default:
				if others++; held {
					alarms++
					wrong = append(wrong, "  false alarm: "+text)
				}
			}
		}
		all += priced + others
		if found*100 < priced*95 || alarms*100 > others*5 {
			t.Errorf("%s: found %d of %d, %d false alarms in %d", lang, found, priced, alarms, others)
		}
		fmt.Fprintf(&report, "%s  found %d of %d, false alarms %d of %d\n%s", lang, found, priced, alarms, others, strings.Join(append(slices.Clone(wrong), ""), "\n"))
	}
	if all < 500 {
		t.Errorf("%d texts", all)
	}
	golden(t, "prices.txt", []byte(report.String()))
}

// TestARulingIsOnOneText holds a ruling to the very text that it is on: whatever else the document says
// waits for its own.
func TestARulingIsOnOneText(t *testing.T) {
	rt, rules := routed(t, route)
	const a, b = "lathe USD 5", "boots ¥88"
	p := passed(t, rules, fmt.Sprintf(`{"preArrivalNotice": {"remarks": [{"language": "en", "value": %q}, {"language": "zh", "value": %q}]}}`, a, b))
	on := func(text, replacement string) release.Ruling {
		return release.Ruling{Text: gateway.DigestOf([]byte(text)), Replacement: replacement}
	}
	for name, c := range map[string]struct {
		rulings []release.Ruling
		open    []string
		travels []string
	}{
		"none":                            {nil, []string{"remarks[0].value", "remarks[1].value"}, nil},
		"one of two":                      {[]release.Ruling{on(a, "")}, []string{"remarks[1].value"}, nil},
		"another text":                    {[]release.Ruling{on(a, ""), on(b+" ", "")}, []string{"remarks[1].value"}, nil},
		"both are no price":               {[]release.Ruling{on(a, ""), on(b, "")}, nil, []string{a, b}},
		"one is replaced":                 {[]release.Ruling{on(a, ""), on(b, "boots")}, nil, []string{a, "boots"}},
		"a price in the place of a price": {[]release.Ruling{on(a, ""), on(b, "boots 88 yuan")}, []string{"remarks[1].value"}, nil},
		"more than has room":              {[]release.Ruling{on(a, ""), on(b, strings.Repeat("x", 4001))}, []string{"remarks[1].value"}, nil},
	} {
		got, faults := rt.Release(p, c.rulings...)
		var open, travels []string
		for _, f := range faults {
			if f.Code == gateway.ReleasePriceInText {
				open = append(open, f.Path)
			}
		}
		for _, r := range got.View().GetPreArrivalNotice().GetRemarks() {
			travels = append(travels, r.Value)
		}
		if !slices.Equal(open, c.open) || !slices.Equal(travels, c.travels) {
			t.Errorf("%s: open %q, travels %q", name, open, travels)
		}
		if name == "one is replaced" && (len(got.Supplied()) == 0 || got.Supplied()[0].Row != release.ByApprover || got.Supplied()[0].Path != "remarks[1].value") {
			t.Errorf("supplied: %v", got.Supplied())
		}
	}
}

func TestBadPricesAreRefused(t *testing.T) {
	fsys, lib, _ := world(t, route)
	good := string(looks(t))
	for name, c := range map[string][2]string{
		"no number":   {strings.Replace(good, "\nnumbers:", "\nnumber:", 1), "number"},
		"bad pattern": {strings.Replace(good, "  - '[单公状复]元'", "  - '(unclosed'", 1), "spared["},
		"look-ahead":  {strings.Replace(good, "  - '[单公状复]元'", "  - 'a(?=b)'", 1), "spared["},
		"none":        {good[:strings.Index(good, "\nspared:")+1], "spared is missing"},
	} {
		fsys["routes/prices/prices.yaml"].Data = []byte(c[0])
		if _, err := release.Load(fsys, lib); err == nil || !strings.Contains(err.Error(), c[1]) || !strings.Contains(err.Error(), "prices.yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
	delete(fsys, "routes/prices/prices.yaml")
	if _, err := release.Load(fsys, lib); err == nil || !strings.Contains(err.Error(), "prices") {
		t.Errorf("without the file: %v", err)
	}
}

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
