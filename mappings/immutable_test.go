package mappings_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"customs.example/mappings"
)

// versioned are the files whose version is in their name: tables, profiles, joins,
// splits, rules and tolerances.
var versioned = regexp.MustCompile(`\.v[0-9]+\.yaml$`)

// TestPublishedVersionsNeverChange holds the digests of what is published. A change is
// a new version in a file of its own: -update adds what is new, and never changes a
// digest that is there.
func TestPublishedVersionsNeverChange(t *testing.T) {
	file := filepath.Join("..", "testdata", "published", "versions.sha256")
	published := make(map[string]string)
	raw, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		published[name] = sum
	}
	err = fs.WalkDir(mappings.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !versioned.MatchString(path.Base(name)) {
			return err
		}
		content, err := fs.ReadFile(mappings.FS, name)
		if err != nil {
			return err
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		switch known, ok := published[name]; {
		case !ok && *update:
			published[name] = sum
		case !ok:
			t.Errorf("%s is not published yet: -update adds it", name)
		case known != sum:
			t.Errorf("%s is published and has changed; a change is a new version", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range published {
		if _, err := fs.Stat(mappings.FS, name); err != nil {
			t.Errorf("%s is published and gone: old messages need it", name)
		}
	}
	if *update && !t.Failed() {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(published)) {
			fmt.Fprintf(&b, "%s  %s\n", published[name], name)
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
