package pace_test

import (
	"context"
	"errors"
	"testing"

	"customs.example/gateway/pace"
)

func TestStepsEndWithTheContextAndForGood(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	steps := pace.Of(ctx)
	for i := range 10 * pace.Every {
		if !steps.Next() {
			t.Fatalf("ended after %d steps: %v", i, steps.Err())
		}
	}
	cancel()
	more := 0
	for steps.Next() {
		if more++; more > pace.Every {
			t.Fatal("it goes on")
		}
	}
	if err := steps.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("ended for %v", err)
	}
	for range 2 * pace.Every {
		if steps.Next() {
			t.Fatal("it begins again")
		}
	}
}

func BenchmarkNext(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	steps := pace.Of(ctx)
	for b.Loop() {
		if !steps.Next() {
			b.Fatal(steps.Err())
		}
	}
}
