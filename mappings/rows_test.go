package mappings_test

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/decode"
	"customs.example/gateway/xmltree"
)

// inbound documents show what partners may send and we never write.
func inbound(t testing.TB) []golden {
	t.Helper()
	files, err := filepath.Glob("testdata/inbound/*/*/*.xml")
	if err != nil {
		t.Fatal(err)
	}
	var out []golden
	for _, file := range files {
		parts := strings.Split(filepath.ToSlash(strings.TrimSuffix(file, ".xml")), "/")
		out = append(out, golden{parts[2] + "/" + parts[3], parts[4]})
	}
	return out
}

func (g golden) inbound(suffix string) string {
	return filepath.Join("testdata", "inbound", filepath.FromSlash(g.table), g.name+suffix)
}

func TestInboundDocumentsAreRead(t *testing.T) {
	d := load(t)
	for _, g := range inbound(t) {
		t.Run(g.table+"/"+g.name, func(t *testing.T) {
			raw, err := os.ReadFile(g.inbound(".xml"))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, g.inbound(".txt"), report(d.read(t, d.table(t, g.table), raw)))
		})
	}
}

// report is all that decode says of a document.
func report(decoded decode.Decoded) string {
	var b strings.Builder
	b.Write(document.MarshalIndent(decoded.Document))
	for _, f := range decoded.Faults {
		fmt.Fprintf(&b, "%s %s %s: %q, expected %q, at %s\n", f.Severity, f.Code, f.Path, f.Value, f.Expected.String(), f.Location.Expr)
	}
	for _, l := range decoded.Unread {
		fmt.Fprintf(&b, "unread %s\n", l.Expr)
	}
	return b.String()
}

// A row that can go without any golden noticing is untested or superfluous.
func TestEveryRowIsNeeded(t *testing.T) {
	d := load(t)
	var tries sync.WaitGroup
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, table := range d.library.Tables() {
		if table.Profile() != "" {
			continue // its rows are the base's
		}
		e, s := d.examples(t, table), d.scenes(t, table)
		whole := slices.Collect(e.say(table))
		rows := table.Rows()
		for i := range rows {
			turn <- struct{}{}
			tries.Go(func() {
				defer func() { <-turn }()
				shorter, err := d.library.Without(table.ID(), rows[i].ID)
				if err != nil {
					return // the table does not stand without the row
				}
				if !s.shows(shorter, rows[i].ID) && !e.differs(shorter, whole) {
					t.Errorf("%s:%d: row %s can go and no golden notices", table.ID(), rows[i].Line, rows[i].ID)
				}
			})
		}
	}
	tries.Wait()
}

// shows reports whether the smallest scenes that a row has a part in come out otherwise by
// another table: they mostly do, and are quickly tried.
func (s *scenes) shows(otherwise *mapping.Table, row string) bool {
	smallest := func(links []link) *scene {
		if len(links) == 0 {
			return nil
		}
		return slices.MinFunc(links, func(a, b link) int { return len(a.scene.read) - len(b.scene.read) }).scene
	}
	if one := smallest(s.written[row]); one != nil && one.doc != nil && one.writing.said() != one.writing.say(otherwise) {
		return true
	}
	one := smallest(s.read[row])
	return one != nil && one.reading.said() != one.reading.say(otherwise)
}

// examples are the goldens and inbound documents of a table.
type examples struct {
	documents []*customsv1.Document
	trees     []*xmltree.Document
}

func (d *data) examples(t testing.TB, table *mapping.Table) (e examples) {
	var files []string
	for _, g := range goldens(t) {
		if g.table == table.ID() {
			e.documents, files = append(e.documents, g.document(t, ".json")), append(files, g.file(".xml"))
		}
	}
	for _, g := range inbound(t) {
		if g.table == table.ID() {
			files = append(files, g.inbound(".xml"))
		}
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e.trees = append(e.trees, d.conforming(t, table, raw))
	}
	return e
}

// say yields all that a table does with the examples.
func (e examples) say(table *mapping.Table) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, doc := range e.documents {
			encoded, _, faults := table.Encode(doc, false)
			if !yield(string(encoded.Bytes()) + lines(faults)) {
				return
			}
		}
		for _, tree := range e.trees {
			if !yield(report(table.Decode(tree))) {
				return
			}
		}
	}
}

// differs reports whether a table does something else with the examples.
func (e examples) differs(table *mapping.Table, from []string) bool {
	i := 0
	for said := range e.say(table) {
		if said != from[i] {
			return true
		}
		i++
	}
	return false
}
