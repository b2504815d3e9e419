package document

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
)

const massOf = `{"manifest":{"totals":{"grossMass":{"kilograms":%}}}}`

func TestADecimalKeepsItsSpelling(t *testing.T) {
	raw := []byte(strings.Replace(massOf, "%", `{"spelling":"+007.50","value":"7.50"}`, 1))
	p := Parse(raw)
	if len(p.Faults) > 0 {
		t.Fatal(p.Faults)
	}
	if diff := cmp.Diff(string(raw), string(Marshal(p.Document))); diff != "" {
		t.Error(diff)
	}
	again := Parse(MarshalIndent(p.Document))
	if len(again.Faults) > 0 || Digest(again.Document) != Digest(p.Document) {
		t.Error("laid out for people it is another document", again.Faults)
	}
	plain := Parse([]byte(strings.Replace(massOf, "%", `"7.50"`, 1)))
	if Digest(plain.Document) == Digest(p.Document) {
		t.Error("the digest does not cover the spelling")
	}
	path, err := CompileFor("Manifest", "totals.grossMass.kilograms")
	if err != nil {
		t.Fatal(err)
	}
	m := Of(p.Document)
	if value, _ := path.Get(m); value != "7.50" || path.Spelling(m) != "+007.50" {
		t.Errorf("%s spelled %s", value, path.Spelling(m))
	}
	if copied := Clone(p.Document); path.Spelling(Of(copied)) != "+007.50" {
		t.Error("a copy has lost it")
	}
	if err := path.Spell(m, "8"); err == nil {
		t.Error("8 spells 7.50")
	}
	if err := path.Set(m, "7.50"); err != nil || path.Spelling(m) != "" || Digest(p.Document) != Digest(plain.Document) {
		t.Error("what was set anew keeps the old spelling", err)
	}
	batch, err := CompileFor("Manifest", "batch")
	if err != nil {
		t.Fatal(err)
	}
	if batch.Spelling(m) != "" || batch.Spell(m, "+1") == nil {
		t.Error("a text has a spelling")
	}
}

func TestASpellingThatSaysSomethingElseIsRefused(t *testing.T) {
	for text, want := range map[string]gateway.Code{
		`{"value":"5","spelling":"+6"}`:                                gateway.JSONDecimal,
		`{"value":"5","spelling":"5"}`:                                 gateway.JSONDecimal,
		`{"value":"5","spelling":"+5 kg"}`:                             gateway.JSONDecimal,
		`{"value":"5","spelling":"` + strings.Repeat("0", 200) + `5"}`: gateway.JSONDecimal,
		`{"value":"5"}`:                                                gateway.JSONDecimal,
		`{"spelling":"+5"}`:                                            gateway.JSONDecimal,
		`{"value":"+5","spelling":"5"}`:                                gateway.JSONDecimal,
		`{"value":"5","spelling":"+5","note":"x"}`:                     gateway.JSONUnknownField,
		`{"value":"5","value":"5","spelling":"+5"}`:                    gateway.JSONDuplicateKey,
		`{"value":5,"spelling":"+5"}`:                                  gateway.JSONType,
		`{"value":{"value":"5","spelling":"05"},"spelling":"+5"}`:      gateway.JSONType,
		`{"value":"5","spelling":"+5"`:                                 gateway.JSONMalformed,
	} {
		p := Parse([]byte(strings.Replace(massOf, "%", text, 1)))
		if len(p.Faults) == 0 || p.Faults[0].Code != want {
			t.Errorf("%s: %v, want %s", text, p.Faults, want)
		}
	}
	p := Parse([]byte(`{"manifest":{"batch":{"value":"5","spelling":"+5"}}}`))
	if len(p.Faults) != 1 || p.Faults[0].Code != gateway.JSONType {
		t.Errorf("a text with a spelling: %v", p.Faults)
	}
}

// What spells a number is that number, and nothing but it.
func TestSpellingsAreTheSameNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,3})?`).Draw(t, "value")
		text := strings.TrimPrefix(value, "-")
		if rapid.Bool().Draw(t, "zeros") {
			text = "00" + text
		}
		if strings.HasPrefix(text, "0.") && rapid.Bool().Draw(t, "bare") {
			text = text[1:]
		}
		if !strings.Contains(text, ".") && rapid.Bool().Draw(t, "point") {
			text += "."
		}
		sign := "-"
		if !strings.HasPrefix(value, "-") {
			sign = rapid.SampledFrom([]string{"", "+"}).Draw(t, "sign")
		}
		if text = sign + text; Spells(text, value) != (text != value) {
			t.Fatalf("%s spells %s: %t", text, value, Spells(text, value))
		}
		if Spells(text, value+"1") || Spells(text+"e1", value) || Spells(" "+text, value) {
			t.Fatalf("%s spells another number than %s", text, value)
		}
	})
}
