package mapping

import (
	"testing"

	"pgregory.net/rapid"
)

func TestRecordsAreAListThatShrinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got records
		var want []int32
		for _, step := range rapid.SliceOfN(rapid.IntRange(-2*block, 2*block), 1, 12).Draw(t, "steps") {
			for range max(step, 0) {
				n := int32(len(want) + 7*step)
				got.add(record{index: n})
				want = append(want, n)
			}
			if step < 0 {
				want = want[:max(len(want)+step, 0)]
				got.cut(len(want))
			}
			if got.len() != len(want) {
				t.Fatalf("%d records, want %d", got.len(), len(want))
			}
		}
		for i, n := range want {
			if got.at(i).index != n {
				t.Fatalf("record %d is %d, want %d", i, got.at(i).index, n)
			}
		}
	})
}
