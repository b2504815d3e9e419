package document_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

func TestWhatIsReadIsWhatPeopleSee(t *testing.T) {
	for _, tt := range []struct {
		name, written string
		prose         bool
		legible, told string // codes and what was found
	}{
		{"plain", "CNRU 26030001", false, "CNRU 26030001", ""},
		{"wrapped token", "CNRU\n\t 2603", false, "CNRU 2603", ""},
		{"wrapped prose", " one\r\n two ", true, "one\n two", ""},
		{"zero width space alone", "\u200b", false, "", "TEXT_NOTHING_VISIBLE U+200B"},
		{"byte order mark, soft hyphen, blanks of every kind", "\ufeff\u00ad\u00a0\u3000", true, "", "TEXT_NOTHING_VISIBLE U+FEFF, U+00AD"},
		{"blanks of other scripts alone", "\u00a0\u2007", false, "", "TEXT_NOTHING_VISIBLE U+00A0, U+2007"},
		{"Hangul filler alone", "\u3164", true, "", "TEXT_NOTHING_VISIBLE U+3164"},
		{"bidirectional mark alone", "\u200e", false, "", "TEXT_NOTHING_VISIBLE U+200E"},
		{"inside an identifier", "ABCU\u200b123456\u00ad0", false, "ABCU1234560", "TEXT_INVISIBLE U+200B, U+00AD"},
		{"no-break space in an identifier", "蒙E\u00a012345", false, "蒙E 12345", "TEXT_INVISIBLE U+00A0"},
		{"no-break space in prose", "18\u00a0250 кг", true, "18\u00a0250 кг", ""},
		{"turned", "ABC\u202e321\u202c", false, "ABC321", "TEXT_DIRECTION U+202E, U+202C"},
		{"isolated, with a mark", "\u2067груз\u2069\u200f", true, "груз", "TEXT_DIRECTION U+2067, U+2069, U+200F"},
		{"joined letters keep their signs", "ᠮᠣᠩᠭᠣᠯ\u180e\u200d", true, "ᠮᠣᠩᠭᠣᠯ\u180e\u200d", ""},
		{"replacement character", "Стан\ufffdк", true, "Стан\ufffdк", "TEXT_BROKEN U+FFFD"},
		{"question marks for letters", "??? ?????", true, "??? ?????", "TEXT_BROKEN ??"},
		{"a question", "Is it new??", true, "Is it new??", ""},
		{"UTF-8 read as Latin", "Ð¡Ñ‚Ð°Ð½Ð¾Ðº", true, "Ð¡Ñ‚Ð°Ð½Ð¾Ðº", "TEXT_BROKEN UTF-8 that was read as another character set: Станок"},
		{"UTF-8 read as Cyrillic", "РЎС‚Р°РЅРѕРє", true, "РЎС‚Р°РЅРѕРє", "TEXT_BROKEN UTF-8 that was read as another character set: Станок"},
		{"Russian", "Станок «Рубин» — №5", true, "Станок «Рубин» — №5", ""},
		{"French", "Société Générale à Orléans", true, "Société Générale à Orléans", ""},
		{"full width alone", "ＡＢＣＵ１２３", false, "ABCU123", "READ_OTHERWISE "},
		{"full width among Chinese", "Ａ座", false, "Ａ座", ""},
	} {
		legible, warnings := document.Legible(tt.written, tt.prose)
		var said []string
		for _, f := range warnings {
			if f.Severity != gateway.Warning {
				t.Errorf("%s: %v refuses", tt.name, f)
			}
			said = append(said, string(f.Code)+" "+f.Found.String())
		}
		if legible != tt.legible || strings.Join(said, "; ") != tt.told {
			t.Errorf("%s: read %q, told %q; want %q, %q", tt.name, legible, said, tt.legible, tt.told)
		}
	}
}

func TestReadingAgainChangesNothing(t *testing.T) {
	odd := []rune("aЖ中？?１ \n\u200b\u00a0\u202e\u3000\ufffd\ufeffᠮ\u180e\u0085\u2028")
	code := field(t, "GoodsDeclarationExtract", "items[0].classifications[0].code")
	rapid.Check(t, func(t *rapid.T) {
		written := rapid.StringOf(rapid.SampledFrom(odd)).Draw(t, "text")
		prose := rapid.Bool().Draw(t, "prose")
		once, _ := document.Legible(written, prose)
		twice, warnings := document.Legible(once, prose)
		if twice != once {
			t.Fatalf("%q, then %q", once, twice)
		}
		for _, f := range warnings {
			if f.Code != gateway.TextBroken {
				t.Fatalf("%q is told again: %v", once, f)
			}
		}
		read, _ := code.Read(once)
		if again, warnings := code.Read(read); again != read || warnings != nil {
			t.Fatalf("%q, then %q", read, again)
		}
	})
}

func field(t *testing.T, kind, path string) document.Field {
	t.Helper()
	p, err := document.CompileFor(kind, path)
	if err != nil {
		t.Fatal(err)
	}
	return p.Field()
}

func TestCodesAsPeopleWriteThem(t *testing.T) {
	tariff := field(t, "GoodsDeclarationExtract", "items[0].classifications[0].code")
	for written, want := range map[string]string{
		"4407119300":                "4407119300",
		"4407 11 930 0":             "4407119300",
		"4407.11.93.00":             "4407119300",
		"4407-11—9300":              "4407119300",
		"HS 4407.11.93.00":          "4407119300",
		"HS4407119300":              "4407119300",
		"税号4407119300":              "4407119300",
		"Код ТН ВЭД: 4407 11 93":    "44071193",
		"4407119300 (пиломатериал)": "4407119300",
		"4407119300号":               "4407119300",
		"8471.3010":                 "84713010",
		// No way of writing explains these.
		"4407 1x":          "4407 1x",
		"44O7119300":       "44O7119300",
		"4407119300A":      "4407119300A",
		"4407;4408":        "4407;4408",
		"4407, 11":         "4407, 11",
		"UN 1005":          "UN 1005",
		"ООН 1203":         "ООН 1203",
		"联合国编号1005":        "联合国编号1005",
		"HS 44":            "HS 44",
		"without a number": "without a number",
	} {
		got, warnings := tariff.Read(written)
		if got != want || (got != written) != (len(warnings) == 1) {
			t.Errorf("%q: read %q, told %v; want %q", written, got, warnings, want)
		}
	}
	un := field(t, "GoodsDeclarationExtract", "items[0].dangerous[0].unNumber")
	for written, want := range map[string]string{
		"1005": "1005", "UN 1005": "1005", "UN1005": "1005", "№ ООН 1203": "1203", "UN-1203 (petrol)": "1203",
		"2814100000": "2814100000", "UN 12345": "UN 12345", "UN": "UN",
	} {
		if got, _ := un.Read(written); got != want {
			t.Errorf("%q: read %q, want %q", written, got, want)
		}
	}
	if got, warnings := field(t, "Manifest", "batch").Read("HS 4407"); got != "HS 4407" || warnings != nil {
		t.Errorf("a batch is no code: read %q", got)
	}
}

func TestJSONIsReadAsPeopleMeanIt(t *testing.T) {
	p := document.Parse([]byte(`{"manifest": {
"batch": "B\u200b1",
"totals": {"grossMass": {"kilograms": "-0.00"}, "packages": "-0", "items": "+0"},
"remarks": [{"language": "en", "value": "one\n two\u202e"}],
"consignments": [{"sequence": -0, "items": [{
	"classifications": [{"scheme": "TNVED", "code": "HS 4407.11"}, {"scheme": "CN", "code": "税号 4407119300"}],
	"dangerous": [{"unNumber": "UN\n1005"}]}],
	"transportDocument": {"id": "CN\r\n  1"}}],
"loadUnits": [{"id": "\u00ad"}, {"id": "A\ufffd"}]}}`))
	const want = `{"manifest":{"batch":"B1","consignments":[{"items":[{"classifications":[{"code":"440711","scheme":"TNVED"},{"code":"4407119300","scheme":"CN"}],"dangerous":[{"unNumber":"1005"}]}],"sequence":0,"transportDocument":{"id":"CN 1"}}],` +
		`"loadUnits":[{},{"id":"A` + "\ufffd" + `"}],"remarks":[{"language":"en","value":"one\n two"}],"totals":{"grossMass":{"kilograms":"0"},"items":"0","packages":"0"}}}`
	if got := string(document.Marshal(p.Document)); got != want {
		t.Errorf("read %s\nwant %s", got, want)
	}
	var said []string
	for _, f := range p.Faults {
		said = append(said, string(f.Code)+" "+string(f.Severity)+" "+f.Location.Expr)
	}
	if got, want := strings.Join(said, "\n"), `JSON_EMPTY_STRING error /manifest/loadUnits/0/id
TEXT_INVISIBLE warning /manifest/batch
TEXT_DIRECTION warning /manifest/remarks/0/value
READ_OTHERWISE warning /manifest/consignments/0/items/0/classifications/0/code
READ_OTHERWISE warning /manifest/consignments/0/items/0/classifications/1/code
READ_OTHERWISE warning /manifest/consignments/0/items/0/dangerous/0/unNumber
TEXT_BROKEN warning /manifest/loadUnits/1/id`; got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
	if again := document.Parse(document.Marshal(p.Document)); string(document.Marshal(again.Document)) != want {
		t.Errorf("read again: %s", document.Marshal(again.Document))
	}
}

func TestZeroHasNoSign(t *testing.T) {
	var digests []gateway.Digest
	for _, zero := range []string{"0", "-0", "-0.00", "+0", "+0.000"} {
		p := document.Parse([]byte(`{"manifest":{"totals":{"grossMass":{"kilograms":"` + zero + `"}}}}`))
		if len(p.Faults) > 0 {
			t.Fatalf("%s: %v", zero, p.Faults)
		}
		digests = append(digests, document.Digest(p.Document))
	}
	for i, d := range digests {
		if d != digests[0] {
			t.Errorf("zero %d has another digest", i)
		}
	}
	for _, no := range []string{"-1e0", "+-0", "--0", "-", "+", "-.", "+1"} {
		if p := document.Parse([]byte(`{"manifest":{"totals":{"grossMass":{"kilograms":"` + no + `"}}}}`)); !p.Faults.Refuse() {
			t.Errorf("%q is taken for a number", no)
		}
	}
}
