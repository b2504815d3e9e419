package mappings_test

import (
	"strings"
	"testing"

	"customs.example/gateway/mapping"
	"customs.example/gateway/schema"
	"customs.example/xsd"
	"customs.example/xsd/instance"
)

// Every list that a row repeats for stands in some golden with two elements, side by
// side in one document, unless the schema has room for one alone.
func TestEveryRepetitionIsDoubled(t *testing.T) {
	d := load(t)
	for _, table := range d.library.Tables() {
		if table.Profile() != "" {
			continue // its rows are the base's
		}
		s := d.scenes(t, table)
		var room map[string]bool
		for _, r := range table.Rows() {
			if r.Each == "" && r.Collect == nil || s.way(r.ID) == "decode" || s.doubled(r.ID) {
				continue
			}
			if room == nil {
				room = d.room(t, table)
			}
			if target := prefix.ReplaceAllString(r.Target, "$1"); room[target] {
				t.Errorf("%s:%d: row %s repeats %s and no golden has two for %s", table.ID(), r.Line, r.ID, r.Target, r.Each)
			}
		}
	}
}

// doubled reports whether a row wrote two elements side by side in a scene.
func (s *scenes) doubled(id string) bool {
	seen := map[*scene]map[string]bool{}
	for _, l := range s.written[id] {
		if seen[l.scene] == nil {
			seen[l.scene] = map[string]bool{}
		}
		at := parent(l.Place.Expr)
		if seen[l.scene][at] && (l.Group || !s.split(id)) {
			return true
		}
		seen[l.scene][at] = true
	}
	return false
}

// split reports whether a row writes several elements for one value.
func (s *scenes) split(id string) bool { return strings.HasPrefix(s.said[id].text("use"), "split") }

// room are the elements, by local names from the root, of which the schema takes two
// side by side.
func (d *data) room(t *testing.T, table *mapping.Table) map[string]bool {
	t.Helper()
	file, root := table.Schema()+".xsd", table.Root().Local
	branches := must(instance.Branches(xsd.FS, file, root))(t)
	own, _ := d.schemas.Schema(table.Schema())
	out := map[string]bool{}
	for branch := range branches {
		raw := must(instance.Generate(xsd.FS, file, root, instance.Options{Optional: true, Repeat: 2, Branch: branch}))(t)
		for e := range own.Check(raw, schema.DefaultLimits).Document.Root.Walk() {
			path := ""
			for _, step := range route(e) {
				path += "/" + step.Name.Local
			}
			if e.Parent != nil && len(named(e.Parent.Children, e.Name)) > 1 {
				out["/"+root+path] = true
			}
		}
	}
	return out
}
