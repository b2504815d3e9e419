package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"customs.example/gateway/line"
)

// built are the gateways' commands, linked so that they end at steps and have a wrong clock if the environment says so.
func built(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-ldflags", "-X customs.example/gateway/store.stepsVariable=CUSTOMS_STEPS -X main.clockVariable=CUSTOMS_CLOCK", "-o", dir+string(filepath.Separator), "customs.example/cmd/gatewayd", "customs.example/cmd/gatewayctl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the gateway: %v\n%s", err, out)
	}
	return dir
}

// TestParallelGatewaysThatAreKilledLoseNothing: of two on one database one is killed in mid-stream,
// and then all of them, their database too, one after the other. What was acknowledged is
// accepted once, as a program reads it out of the databases.
func TestParallelGatewaysThatAreKilledLoseNothing(t *testing.T) {
	bin := built(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out := &screen{w: t.Output()}
	t.Run("one", func(t *testing.T) {
		if err := highlyAvailable(ctx, out, bin, t.TempDir(), 1, 15); err != nil {
			t.Error(err)
		}
	})
	t.Run("all", func(t *testing.T) {
		if err := torture(ctx, out, bin, t.TempDir(), 1, plan{5, 3500 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, line.Each(awkward)}); err != nil {
			t.Error(err)
		}
	})
}
