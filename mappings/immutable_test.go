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
)

// versioned are the files whose version is in their name: tables, profiles, joins,
// splits, rules, tolerances and schemas.
var versioned = regexp.MustCompile(`\.v[0-9]+\.(yaml|xsd)$`)

// TestPublishedVersionsNeverChange holds the digests of what an administration has
// published: the file versions.sha256 among its own. A change is a new version in a file
// of its own: -update adds what is new, and never changes a digest that is there. The
// project itself publishes with its first release; until then its tables are corrected in
// place, and the made-up QQ stands for what holds from then on.
func TestPublishedVersionsNeverChange(t *testing.T) {
	published := must(filepath.Glob("../testdata/administrations/*/versions.sha256"))(t)
	if len(published) == 0 {
		t.Fatal("no administration has published anything")
	}
	for _, file := range published {
		sums := digests(string(must(os.ReadFile(file))(t)))
		now := versions(t, os.DirFS(filepath.Dir(file)))
		if *update {
			for name, sum := range now {
				if sums[name] == "" {
					sums[name] = sum
				}
			}
			var b strings.Builder
			for _, name := range slices.Sorted(maps.Keys(sums)) {
				fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
			}
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, why := range broken(sums, now) {
			t.Errorf("%s: %s", file, why)
		}
	}
}

// What breaks the promise is told file by file.
func TestAChangeOfAPublishedVersionIsTold(t *testing.T) {
	published := map[string]string{"xx/a.v1.yaml": "1", "xx/a.v2.yaml": "2", "xx/gone.v1.yaml": "3"}
	now := map[string]string{"xx/a.v1.yaml": "9", "xx/a.v2.yaml": "2", "xx/a.v3.yaml": "4"}
	want := []string{
		"xx/a.v1.yaml is published and has changed; a change is a new version",
		"xx/a.v3.yaml is not published yet: -update adds it",
		"xx/gone.v1.yaml is published and gone: old messages need it",
	}
	if got := broken(published, now); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// broken says which files are not as published.
func broken(published, now map[string]string) (why []string) {
	for name, sum := range now {
		switch known, ok := published[name]; {
		case !ok:
			why = append(why, name+" is not published yet: -update adds it")
		case known != sum:
			why = append(why, name+" is published and has changed; a change is a new version")
		}
	}
	for name := range published {
		if now[name] == "" {
			why = append(why, name+" is published and gone: old messages need it")
		}
	}
	slices.Sort(why)
	return why
}

func digests(raw string) map[string]string {
	sums := map[string]string{}
	for line := range strings.Lines(raw) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	return sums
}

func versions(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !versioned.MatchString(path.Base(name)) {
			return err
		}
		content, err := fs.ReadFile(fsys, name)
		sums[name] = fmt.Sprintf("%x", sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}
