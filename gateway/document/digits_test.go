package document

import (
	"strings"
	"testing"
)

// lengths are 1 to 1,000,000, doubled.
func lengths() (out []int) {
	for n := 1; n < 1_000_000; n *= 2 {
		out = append(out, n)
	}
	return append(out, 1_000_000)
}

// TestNoNumberHasMoreDigitsThanThereIsRoomFor: whatever the length of a text, what is
// reckoned with is short, and what refuses it does not repeat it.
func TestNoNumberHasMoreDigitsThanThereIsRoomFor(t *testing.T) {
	for _, n := range lengths() {
		nines, zeros := strings.Repeat("9", n), strings.Repeat("0", n)
		for text, want := range map[string]struct {
			ok    bool
			value string
		}{
			nines:              {n <= MaxDigits, nines},
			"-" + nines:        {n <= MaxDigits, "-" + nines},
			"1." + nines:       {n < MaxDigits, "1." + nines},
			"0." + nines:       {n <= MaxDigits, "0." + nines},
			"0." + zeros + "1": {n < MaxDigits, "0." + zeros + "1"},
			"1" + zeros:        {n < MaxDigits, "1" + zeros},
			zeros + "7":        {true, "7"},
			"-7." + zeros:      {true, "-7"},
			zeros:              {true, "0"},
		} {
			got, err := ParseNumber(text)
			if IsNumber(text) != want.ok || (err == nil) != want.ok {
				t.Fatalf("a text of %d characters is a number: %v, %v", len(text), IsNumber(text), err)
			}
			if err != nil {
				if len(err.Error()) > 300 {
					t.Errorf("the error has %d characters", len(err.Error()))
				}
				continue
			}
			if got.String() != want.value {
				t.Errorf("%.20s reads as %.20s", text, got)
			}
			if bits := got.int().BitLen(); bits > 4*MaxDigits || got.scale > MaxDigits {
				t.Errorf("of %d characters %d bits and a scale of %d are reckoned with", len(text), bits, got.scale)
			}
		}
	}
}

func TestPercent(t *testing.T) {
	for _, tt := range []struct{ n, of, want string }{
		{"383.26", "18250.5", "2.10"}, {"-1", "3", "-33.33"}, {"0", "7", "0.00"}, {"2", "-0.001", "-200000.00"}, {"0.005", "100", "0.01"},
	} {
		n, err := ParseNumber(tt.n)
		if err != nil {
			t.Fatal(err)
		}
		of, err := ParseNumber(tt.of)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.PercentOf(of); got != tt.want {
			t.Errorf("%s of %s is %s %%, want %s", tt.n, tt.of, got, tt.want)
		}
	}
}
