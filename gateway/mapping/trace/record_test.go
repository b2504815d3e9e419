package trace

import (
	"testing"

	"pgregory.net/rapid"
)

func TestRecordsAreAListThatShrinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got Records
		var want []int32
		for _, step := range rapid.SliceOfN(rapid.IntRange(-2*block, 2*block), 1, 12).Draw(t, "steps") {
			for range max(step, 0) {
				n := int32(len(want) + 7*step)
				got.Add(Record{Index: n})
				want = append(want, n)
			}
			if step < 0 {
				want = want[:max(len(want)+step, 0)]
				got.Cut(len(want))
			}
			if got.Len() != len(want) {
				t.Fatalf("%d records, want %d", got.Len(), len(want))
			}
		}
		for i, n := range want {
			if got.at(i).Index != n {
				t.Fatalf("record %d is %d, want %d", i, got.at(i).Index, n)
			}
		}
	})
}
