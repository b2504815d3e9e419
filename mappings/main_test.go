package mappings_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage lie longer than usual: the proofs make much of it, and hold little.
func TestMain(m *testing.M) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	os.Exit(m.Run())
}
