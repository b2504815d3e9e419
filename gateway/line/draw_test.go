package line

import (
	"math"
	"testing"
)

// TestASeedRepeatsWhatItDrew: what is done with a call follows from seed and number alone, and as often as the odds
// say.
func TestASeedRepeatsWhatItDrew(t *testing.T) {
	const calls = 20000
	odds, counts, differs := Each(0.05), make(Counts), false
	for call := range int64(calls) {
		one, again, other, alone := odds.drawn(7, call), odds.drawn(7, call), odds.drawn(8, call), Odds{Delay: 0.05}.drawn(7, call)
		if one.does[Delay] != alone.does[Delay] {
			t.Fatalf("call %d: the odds of others change those of a delay", call)
		}
		for _, m := range Misdeeds {
			if one.does[m] != again.does[m] {
				t.Fatalf("call %d: %s is drawn otherwise", call, m)
			}
			differs = differs || one.does[m] != other.does[m]
			if one.does[m] {
				counts[m]++
			}
		}
		if one.Uint64() != again.Uint64() {
			t.Fatalf("call %d: its details are drawn otherwise", call)
		}
	}
	if !differs {
		t.Error("another seed draws the same")
	}
	for _, m := range Misdeeds {
		if p := float64(counts[m]) / calls; math.Abs(p-0.05) > 0.01 {
			t.Errorf("%s: %v of the calls", m, p)
		}
	}
}
