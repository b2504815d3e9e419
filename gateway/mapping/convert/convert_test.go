package convert

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway/document"
)

func TestConversionsDoWhatTheirExamplesSay(t *testing.T) {
	for _, c := range Conversions() {
		if c.Doc == "" || len(c.Examples) == 0 {
			t.Errorf("%s has no words or no example", c.Name)
		}
		for _, e := range c.Examples {
			codec, err := Bind(e.Use, c.For[0])
			if err != nil {
				t.Fatal(err)
			}
			got, err := codec.Encode(nil, e.Canonical)
			if diff := cmp.Diff(e.Texts, got); err != nil || diff != "" {
				t.Errorf("%s of %q: %v %s", e.Use, e.Canonical, err, diff)
			}
			if codec.Decode == nil || codec.Half > 0 {
				continue
			}
			if back, err := codec.Decode(e.Texts); err != nil || back != e.Canonical {
				t.Errorf("%s reads %v as %q, %v", e.Use, e.Texts, back, err)
			}
		}
	}
}

func TestConversionsRefuse(t *testing.T) {
	for use, text := range map[string]string{"bit": "2", "negate": "no", "prefix(CN-)": "0603"} {
		field := document.Bool
		if use == "prefix(CN-)" {
			field = document.String
		}
		codec, err := Bind(use, field)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := codec.Decode([]string{text}); err == nil {
			t.Errorf("%s reads %q as %q", use, text, got)
		}
	}
	for _, use := range []string{"none", "split(3", "split(3)", "split(0,1)", "pad(x)", "bit(1)", "prefix()"} {
		if _, err := Bind(use, document.String); err == nil {
			t.Errorf("%s was accepted", use)
		}
	}
}

// A reader of tokens drops the blanks around a piece: none may be there, and the text comes
// back with every blank, but for one between two full pieces.
func TestPiecesSurviveTheirReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := document.Collapse(rapid.StringOfN(rapid.SampledFrom([]rune("ab 中 ")), 1, 60, -1).Draw(t, "text"))
		n := rapid.IntRange(1, 9).Draw(t, "n")
		c := Split(n, 0, false)
		pieces, err := c.Encode(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pieces {
			if p == "" || p != document.Collapse(p) || utf8.RuneCountInString(p) > n {
				t.Fatalf("%q has the piece %q", text, p)
			}
		}
		back, _ := c.Decode(pieces)
		if back == text {
			return
		}
		long := slices.ContainsFunc(strings.Fields(text), func(word string) bool { return utf8.RuneCountInString(word) >= n })
		if !long || strings.ReplaceAll(back, " ", "") != strings.ReplaceAll(text, " ", "") {
			t.Fatalf("%q in pieces of %d came back as %q", text, n, back)
		}
	})
}

func TestSplitJoinsToWhatItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 60, -1).Draw(t, "text")
		n := rapid.IntRange(1, 9).Draw(t, "n")
		c := Split(n, 0, true)
		pieces, err := c.Encode(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range pieces {
			if runes := len([]rune(p)); runes > n || runes < n && i < len(pieces)-1 {
				t.Fatalf("piece %d of %q has %d characters", i, text, runes)
			}
		}
		if back, _ := c.Decode(pieces); back != text {
			t.Fatalf("%q came back as %q", text, back)
		}
		if _, err := Split(n, max(len(pieces)-1, 1), true).Encode(nil, text); (err == nil) != (len(pieces) == 1) {
			t.Fatalf("%d pieces where %d are allowed: %v", len(pieces), len(pieces)-1, err)
		}
	})
}

func TestLocalTimesComeBackToTheMillisecond(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Chita")
	if err != nil {
		t.Fatal(err)
	}
	form, err := NewTimeForm("yyyyMMddHHmmssSSS", zone)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(1.6e12, 2.2e12).Draw(t, "at")).UTC()
		text, err := form.encode(document.Instant, document.FormatInstant(at), nil)
		if err != nil {
			t.Fatal(err)
		}
		back, err := form.decode(document.Instant, text, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := document.ParseInstant(back); !got.Equal(at) {
			t.Fatalf("%s was written as %s and read as %s", at, text, back)
		}
	})
}

func TestTimesAreReadStrictly(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	for _, tt := range []struct {
		form  string
		field document.FieldType
		text  string
		want  string // "" is refused
	}{
		{"instant", document.Instant, "2026-03-01T08:30:00+05:00", "2026-03-01T08:30:00+05:00"},
		{"instant", document.Instant, "2026-03-01T08:30:00", "2026-03-01T08:30:00+08:00"},
		{"instant", document.Instant, "2026-03-01T08:30:00.5", "2026-03-01T08:30:00.500+08:00"},
		{"instant", document.Instant, "2026-03-01", ""},
		{"xs-date", document.Date, "2026-03-01+06:00", "2026-03-01"},
		{"xs-date", document.Date, "2026-02-30", ""},
		{"xs-date", document.Date, "2026-03-01x", ""},
		{"yyyyMMdd", document.Date, "20260301", "2026-03-01"},
		{"yyyyMMdd", document.Date, "2026031", ""},
		{"yyyyMMddHHmmss", document.Instant, "20260301083000", "2026-03-01T08:30:00+08:00"},
		{"yyyyMMddHHmmss", document.Instant, "20260301083000.5", ""},
		{"yyyyMMddHHmmssSSS", document.Instant, "202603010830005x0", ""},
		{"yyyy-MM-ddTHH:mm:ss", document.Instant, "2026-03-01T08:30:00", "2026-03-01T08:30:00+08:00"},
	} {
		form, err := NewTimeForm(tt.form, zone)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := form.decode(tt.field, tt.text, "", nil); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s reads %s as %q, %v: want %q", tt.form, tt.text, got, err, tt.want)
		}
	}
}

func TestNumbersOfXMLSchemaBecomePlain(t *testing.T) {
	for text, want := range map[string]string{
		"+1.50": "1.50", "007": "7", ".5": "0.5", "5.": "5", "-.5": "-0.5", "0": "0", "00": "0", "0.10": "0.10", "1e3": "1e3", ".": ".",
	} {
		if got := plainNumber(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

// Every form of fixed width is read as it is written, within the years that two digits stand for.
func TestTimesOfFixedWidthComeBack(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Almaty")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.Permutation([]string{rapid.SampledFrom([]string{"yy", "yyyy"}).Draw(t, "year"), "MM", "dd"}).Draw(t, "day")
		clock := rapid.SampledFrom([]string{"", "HH", "HHmm", "HHmmss", "HHmmssSSS"}).Draw(t, "clock")
		if clock != "" {
			parts = append(parts, clock)
		}
		pattern := strings.Join(parts, rapid.SampledFrom([]string{"", "-", ".", "/"}).Draw(t, "mark"))
		form, err := NewTimeForm(pattern, zone)
		if err != nil {
			t.Fatal(err)
		}
		first, last := firstShortYear, lastShortYear
		if !form.short {
			first, last = 1900, 2200
		}
		at := time.Date(rapid.IntRange(first, last).Draw(t, "at"), 1, rapid.IntRange(2, 364).Draw(t, "n"), rapid.IntRange(0, 23).Draw(t, "hour"), 0, 0, 0, zone)
		field, text := document.Date, at.Format(time.DateOnly)
		if clock != "" {
			field, text = document.Instant, document.FormatInstant(at)
		}
		written, err := form.encode(field, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := form.decode(field, written, "", nil); err != nil || back != text {
			t.Fatalf("%s writes %s as %s and reads %s, %v", pattern, text, written, back, err)
		}
	})
	form, err := NewTimeForm("yyMMdd", nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"1968-12-31": "a year from 1969 to 2068", "2069-01-01": "a year from 1969 to 2068", "2068-12-31": ""} {
		_, err := form.encode(document.Date, text, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{"260301": "2026-03-01", "690101": "1969-01-01", "260230": "", "26031": "", "2603011": "", "2603 1": ""} {
		if got, err := form.decode(document.Date, text, "", nil); got != want || (err == nil) != (want != "") {
			t.Errorf("%s is read as %q, %v, want %q", text, got, err, want)
		}
	}
}
