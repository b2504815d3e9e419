package store

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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

// The tables of both engines are the same but for the words for types and orders, and for
// what SQLite is told of their sizes, and which of them it keeps in the order of their key
// alone. sqlc reads those of PostgreSQL.
func TestTablesAreTheSame(t *testing.T) {
	same := strings.NewReplacer(` COLLATE "C"`, "", "BYTEA", "BLOB", "SMALLINT", "INTEGER", "BIGINT", "INTEGER")
	sizes := regexp.MustCompile(`(?s)\n-- SQLite chooses.*?;\nINSERT INTO sqlite_stat1.*?;\n`)
	for _, file := range must(filepath.Glob("migrations/postgres/*.sql"))(t) {
		postgres := same.Replace(string(must(os.ReadFile(file))(t)))
		sqlite := sizes.ReplaceAllString(string(must(os.ReadFile(filepath.Join("migrations", "sqlite", filepath.Base(file))))(t)), "")
		sqlite = strings.ReplaceAll(sqlite, ") WITHOUT ROWID;", ");")
		if diff := cmp.Diff(postgres, sqlite); diff != "" {
			t.Errorf("%s (-PostgreSQL +SQLite):\n%s", filepath.Base(file), diff)
		}
	}
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
