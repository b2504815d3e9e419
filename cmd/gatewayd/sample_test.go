package main

import (
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"customs.example/mappings"
)

// refers are the kinds of document that answer another, take it back, or tell what became of it, so
// that none of them stands for itself.
var refers = []string{"Answer", "ArrivalReport", "Cancellation", "InspectionResult", "TransitEvent"}

// TestEveryRouteHasASample translates the samples of every route, and finds no fault that
// refuses one.
func TestEveryRouteHasASample(t *testing.T) {
	c, err := loadOnce("")
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range c.Routes.All() {
		if route.Stays() { // it makes no message
			continue
		}
		dir := path.Join(samplesDir, route.Name)
		files, err := fs.ReadDir(mappings.FS, dir)
		if slices.Contains(refers, route.Kind) {
			if err == nil {
				t.Errorf("%s: a sample that refers to nothing", dir)
			}
			continue
		}
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no sample: %v", route.Name, err)
			continue
		}
		out := filepath.Join(t.TempDir(), "out.xml")
		args := []string{"translate", "-route", route.Name, "-out", out}
		for _, f := range files {
			args = append(args, "-in", filepath.Join("../../mappings", dir, f.Name()))
		}
		var said strings.Builder
		if code := run(t.Context(), args, stdio{strings.NewReader(""), io.Discard, &said}); code != exitOK {
			t.Errorf("%s: exit %d\n%s", route.Name, code, &said)
		}
	}
	for _, route := range sampled(mappings.FS) {
		if _, ok := c.Routes.Route(route); !ok {
			t.Errorf("samples of %s, which is no route", route)
		}
	}
}
