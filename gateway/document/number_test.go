package document_test

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"customs.example/gateway/document"
)

func number(t rapid.TB, s string) document.Number {
	n, err := document.ParseNumber(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNumbersPrintCanonically(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "-0.00": "0", "007": "7", "1.50": "1.5", "100": "100", "0.001": "0.001", "-0.10": "-0.1", "10.0": "10",
		"123456789012345678901234567890.123456789": "123456789012345678901234567890.123456789",
	} {
		if got := number(t, in).String(); got != want {
			t.Errorf("%s prints as %s, want %s", in, got, want)
		}
	}
	if got := (document.Number{}).Add(document.NumberOf(3)).String(); got != "3" {
		t.Errorf("0 + 3 = %s", got)
	}
}

func TestNumbersRefuseOtherNotations(t *testing.T) {
	for _, s := range []string{"", "-", ".", ".5", "5.", "+5", "1e3", "1,5", " 1", "1 ", "--1", "1.-5", "1.2.3", "0x1F", "NaN", "١"} {
		if n, err := document.ParseNumber(s); err == nil {
			t.Errorf("%q read as %s", s, n)
		}
	}
}

func TestNumbersCalculateExactly(t *testing.T) {
	decimal := rapid.OneOf(rapid.StringMatching(`-?[0-9]{1,25}(\.[0-9]{1,12})?`), rapid.StringMatching(`-?[0-9]{1,6}(\.[0-9]{1,3})?`),
		rapid.StringMatching(`-?[389][0-9]{8,17}`), rapid.StringMatching(`-?[0-9]{1,2}\.[0-9]{14,18}`))
	rapid.Check(t, func(t *rapid.T) {
		x, y := decimal.Draw(t, "x"), decimal.Draw(t, "y")
		a, b := number(t, x), number(t, y)
		p, _ := new(big.Rat).SetString(x)
		q, _ := new(big.Rat).SetString(y)
		equal := func(what string, got document.Number, want *big.Rat) {
			if r, ok := new(big.Rat).SetString(got.String()); !ok || r.Cmp(want) != 0 {
				t.Fatalf("%s %s %s = %s, want %s", x, what, y, got, want)
			}
		}
		equal("+", a.Add(b), new(big.Rat).Add(p, q))
		sum, want := a, new(big.Rat).Set(p)
		for range 12 { // beyond what few digits have room for
			sum, want = sum.Add(sum).Add(b), want.Add(want, want).Add(want, q)
		}
		equal("+ ... +", sum, want)
		equal("-", a.Sub(b), new(big.Rat).Sub(p, q))
		equal("*", a.Mul(b), new(big.Rat).Mul(p, q))
		equal("percent", a.MulPercent(b), new(big.Rat).Mul(new(big.Rat).Mul(p, q), big.NewRat(1, 100)))
		equal("abs", a.Abs(), new(big.Rat).Abs(p))
		if a.Cmp(b) != p.Cmp(q) || a.Sign() != p.Sign() {
			t.Fatalf("%s against %s: %d, sign %d", x, y, a.Cmp(b), a.Sign())
		}
		equal("unchanged", a, p)
	})
}

func TestInstantsKeepTheirOffset(t *testing.T) {
	for _, text := range []string{"2026-03-01T08:30:00+08:00", "2026-03-01T00:30:00Z", "2026-03-01T08:30:00.250+08:00", "2026-02-28T19:00:00-05:30"} {
		at, err := document.ParseInstant(text)
		if err != nil || document.FormatInstant(at) != text {
			t.Errorf("%s comes back as %s: %v", text, document.FormatInstant(at), err)
		}
	}
	if got := document.FormatInstant(time.Date(2026, 3, 1, 8, 30, 0, 999, time.UTC)); got != "2026-03-01T08:30:00Z" {
		t.Errorf("less than a millisecond prints as %s", got)
	}
	longAgo := time.FixedZone("Shanghai before 1901", 8*3600+5*60+43)
	if got := document.FormatInstant(time.Date(1900, 1, 1, 8, 5, 43, 0, longAgo)); got != "1900-01-01T00:00:00Z" {
		t.Errorf("an offset with seconds is written %s", got)
	}
}
