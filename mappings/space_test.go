package mappings_test

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"customs.example/gateway/mapping"
	"customs.example/gateway/xmltree"
	"customs.example/mappings"
)

// What is written MUST be what its reader makes of it: texts that people write keep their
// line breaks exactly where the schema's type keeps them.
func TestTextsKeepTheirLinesWhereTheSchemaDoes(t *testing.T) {
	kept, collapsed := 0, 0
	for _, table := range load(t).library.Tables() {
		if table.Profile() != "" {
			continue
		}
		sc, ok := load(t).schemas.Schema(table.Schema())
		if !ok {
			t.Fatalf("%s has no schema", table.ID())
		}
		spaces := namespacesOf(t, table)
		for _, r := range table.Rows() {
			if !r.Prose {
				continue
			}
			steps, attr := namesOf(r.Target, spaces)
			preserves, known := sc.Preserves(steps, attr)
			if !known {
				t.Errorf("%s row %s: the schema has no text at %s", table.ID(), r.ID, r.Target)
				continue
			}
			if preserves = preserves && attr == nil; preserves != r.Preserves {
				t.Errorf("%s row %s: %s: preserved %v, by the schema %v", table.ID(), r.ID, r.Target, r.Preserves, preserves)
			}
			if preserves {
				kept++
			} else {
				collapsed++
			}
		}
	}
	if kept < 50 || collapsed < 50 {
		t.Errorf("%d texts keep their lines and %d do not: too few to show anything", kept, collapsed)
	}
}

var namespace = regexp.MustCompile(`(?m)[ {]([a-zA-Z_0-9]+): "?((?:urn|http)[^",}\n]+)"?`)

// namespacesOf reads the prefixes of a table from its file.
func namespacesOf(t *testing.T, table *mapping.Table) map[string]string {
	raw, err := fs.ReadFile(mappings.FS, table.Base()+".yaml")
	if err != nil {
		t.Fatal(path.Base(table.ID()), err)
	}
	out := map[string]string{}
	header, _, _ := strings.Cut(string(raw), "\nrows:")
	for _, m := range namespace.FindAllStringSubmatch(header, -1) {
		out[m[1]] = m[2]
	}
	return out
}

// namesOf resolves a target: its steps, and the attribute at its end.
func namesOf(target string, spaces map[string]string) (steps []xmltree.Name, attr *xmltree.Name) {
	for _, s := range strings.Split(strings.TrimPrefix(target, "/"), "/") {
		attribute := strings.HasPrefix(s, "@")
		prefix, local, ok := strings.Cut(strings.TrimPrefix(s, "@"), ":")
		if !ok {
			prefix, local = "", prefix
		}
		name := xmltree.Name{Space: spaces[prefix], Local: local}
		if attribute {
			return steps, &name
		}
		steps = append(steps, name)
	}
	return steps, nil
}
