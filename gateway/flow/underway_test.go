package flow

import (
	"testing"
	"time"
)

// TestOneBrokenConnectionIsOneFailure however many attempts were under way over it: five of those one behind the other
// open the breaker, and so do five attempts that each waited for nothing.
func TestOneBrokenConnectionIsOneFailure(t *testing.T) {
	start := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		took  time.Duration // each attempt
		every time.Duration // between two waves
		waves int           // that open it
	}{
		"it breaks":              {20 * time.Millisecond, QuickInterval, BreakerFailures},
		"it breaks again slowly": {20 * time.Second, MaxInterval, BreakerFailures},
		"nothing comes":          {AttemptTimeout, MaxInterval, 1},
	} {
		b, at := breaker{}, start
		for wave := 1; wave <= c.waves; wave++ {
			opened := false
			for i := range InFlight { // they began one shortly after the other, and end so
				apart := time.Duration(i) * time.Millisecond
				opened = b.failed(at.Add(apart), at.Add(c.took+apart)) || opened
			}
			if opened != (wave == c.waves) {
				t.Errorf("%s: opened %v at wave %d, with %d failures", name, opened, wave, b.failures)
			}
			at = at.Add(c.took + c.every)
		}
	}
	// An answer in between parts them.
	b, at := breaker{}, start
	for range 2 * BreakerFailures {
		if b.failed(at, at.Add(time.Second)) {
			t.Error("it opens though the partner answers")
		}
		b.worked(at.Add(2 * time.Second))
		at = at.Add(3 * time.Second)
	}
}
