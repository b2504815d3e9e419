package mappings_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/analysis"
	"customs.example/gateway/mapping"
	"customs.example/xsd"
)

// reasons why a value that a format can state is not read. There are no others.
var reasons = []string{"no canonical meaning", "never sent to us", "later version"}

// unreadFile names what no row reads, group by group below its reason: in which tables, and
// a path from the root, or the last steps of one. It stands for all that is below it too, and
// no row may read any of that.
const unreadFile = "testdata/unread-reasons.txt"

// unread is one line of the file.
type unread struct {
	line          int
	tables, place string
	names         int // leaves that it stands for
}

func (u *unread) covers(table, leaf string) bool {
	if ok, _ := path.Match(u.tables, table); !ok {
		return false
	}
	if strings.HasPrefix(u.place, "/") {
		return strings.HasPrefix(leaf+"/", u.place+"/")
	}
	return strings.Contains(leaf+"/", "/"+u.place+"/")
}

// Every leaf that a format can state, element or attribute, is read by some row, or the file
// says why not. A line that names nothing is stale.
func TestEveryLeafIsReadOrSaidWhyNot(t *testing.T) {
	d := load(t)
	known := readUnread(t)
	for _, table := range d.library.Tables() {
		if table.Profile() != "" {
			continue // the format has the leaves; a profile chooses among its rows
		}
		for _, leaf := range stated(t, table, xsd.FS, table.Schema()+".xsd") {
			said := false
			for i := range known {
				if u := &known[i]; u.covers(table.ID(), leaf.path) {
					said = true
					u.names++
					if leaf.read {
						t.Errorf("%s:%d: %s reads %s", unreadFile, u.line, table.ID(), leaf.path)
					}
				}
			}
			if !said && !leaf.read {
				t.Errorf("%s reads no %s, and %s does not say why", table.ID(), leaf.path, unreadFile)
			}
		}
	}
	for _, u := range known {
		if u.names == 0 {
			t.Errorf("%s:%d: %s %s names nothing that the format can state", unreadFile, u.line, u.tables, u.place)
		}
	}
}

// The official schemas have the leaves that ours have.
func TestOfficialLeavesAreOurs(t *testing.T) {
	dir := official(t)
	if dir == "" {
		return
	}
	d := load(t)
	album := os.DirFS(filepath.Join(dir, officialAlbum))
	for ours, file := range officialFiles {
		has := func(fsys fs.FS, file string) []string {
			var out []string
			for _, l := range stated(t, d.table(t, ours), fsys, file) {
				out = append(out, l.path)
			}
			slices.Sort(out)
			return slices.Compact(out)
		}
		if diff := cmp.Diff(has(album, file), has(xsd.FS, ours+".xsd")); diff != "" {
			t.Errorf("%s (-official +ours):\n%s", ours, diff)
		}
	}
}

type statement struct {
	path string // in local names
	read bool
}

// stated are the places of a schema that hold a text, and whether a row of a table reads them.
func stated(t *testing.T, table *mapping.Table, schemas fs.FS, file string) (out []statement) {
	t.Helper()
	read := map[string]bool{}
	for _, r := range table.Rows() {
		if r.Direction != "encode" {
			read[prefix.ReplaceAllString(r.Target, "$1")] = true
		}
	}
	root, err := analysis.ReadSchema(schemas, file, table.Root())
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *analysis.Node, at string)
	walk = func(n *analysis.Node, at string) {
		name := n.Name.Local
		if n.Attr {
			name = "@" + name
		}
		at += "/" + name
		if n.Text || n.Attr {
			out = append(out, statement{at, read[at]})
		}
		for _, c := range n.Children {
			walk(c, at)
		}
	}
	walk(root, "")
	return out
}

func readUnread(t *testing.T) (out []unread) {
	t.Helper()
	reason := ""
	n := 0
	for line := range strings.Lines(string(must(os.ReadFile(unreadFile))(t))) {
		n++
		switch line = strings.TrimSpace(line); {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasSuffix(line, ":"):
			if reason = strings.TrimSuffix(line, ":"); !slices.Contains(reasons, reason) {
				t.Errorf("%s:%d: reason %q, expected one of %q", unreadFile, n, reason, reasons)
			}
		default:
			tables, place, ok := strings.Cut(line, " ")
			if !ok || reason == "" {
				t.Fatalf("%s:%d: expected TABLES PLACE below a reason", unreadFile, n)
			}
			out = append(out, unread{line: n, tables: tables, place: strings.TrimSpace(place)})
		}
	}
	return out
}
