package mappings_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/release"
	"customs.example/mappings"
)

// TestPublishedGaps holds the published gap tables: of each route, every field of the
// partner's form and who gives its value. Review their changes as a diff.
func TestPublishedGaps(t *testing.T) {
	d := load(t)
	routes, err := release.Load(mappings.FS, d.library)
	if err != nil {
		t.Fatal(err)
	}
	for _, rt := range routes.All() {
		file := filepath.Join("..", "testdata", "published", "gaps-"+rt.Name+".md")
		got := "# " + rt.Name + "\n\nWho gives each value of " + rt.Table + ". `nobody`: the field stays empty on this route.\n\n" +
			release.Markdown(rt.Gaps(d.library))
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s differs (-update rewrites it):\n%s", file, diff)
		}
	}
}
