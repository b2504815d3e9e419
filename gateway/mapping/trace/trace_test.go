package trace

import (
	"testing"

	"pgregory.net/rapid"

	"customs.example/gateway/document"
)

// shared finds in one pass what going up from both paths finds.
func TestSharedIsTheNearestCommonAncestor(t *testing.T) {
	path := rapid.StringMatching(`[ab](\[[01]\])?(\.[ab](\[[01]\])?){0,3}`)
	up := func(p string) (all []string) {
		for ; p != ""; p = document.Ancestor(p) {
			all = append(all, p)
		}
		return all
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := path.Draw(t, "a"), path.Draw(t, "b")
		want := 0
		for _, x := range up(a) {
			for _, y := range up(b) {
				if x == y {
					want = max(want, len(x))
				}
			}
		}
		if got := shared(a, []byte(b)); got != want {
			t.Fatalf("shared(%q, %q) = %d, want %d", a, b, got, want)
		}
	})
}
