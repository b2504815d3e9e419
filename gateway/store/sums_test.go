package store

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files and rows/SHA256SUMS; make generate does the latter")

// TestSums compares every input and output of sqlc with the sums that it left.
func TestSums(t *testing.T) {
	names := []string{"../../sqlc.mod", "queries.sql", "sqlc.yaml"}
	for _, pattern := range []string{"migrations/postgres/*.sql", "rows/*.go"} {
		names = append(names, must(filepath.Glob(pattern))(t)...)
	}
	slices.Sort(names)
	var sums bytes.Buffer
	for _, name := range names {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(must(os.ReadFile(name))(t)), name)
	}
	golden(t, "rows/SHA256SUMS", sums.String())
}

// golden compares a text with a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(must(os.ReadFile(file))(t)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
