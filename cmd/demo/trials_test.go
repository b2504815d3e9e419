package main

import (
	"context"
	"testing"
	"time"
)

// TestParallelWhatIsTreatedBadlyKeepsItsPromise: gateways that end at steps of their work, whose disk keeps nothing,
// whose database is an older copy, or locked, or whose partner is down for days, lose nothing that they have acknowledged.
func TestParallelWhatIsTreatedBadlyKeepsItsPromise(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := tried(ctx, &screen{w: t.Output()}, built(t), t.TempDir(), 1, []string{"each step", "no sync", "older copy", "locked", "days down", "backlog"},
		extent{clients: 2, steps: 4, synced: 40, locked: 200 * time.Millisecond, backlog: 20}); err != nil {
		t.Error(err)
	}
}
