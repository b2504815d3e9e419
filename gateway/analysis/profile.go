package analysis

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// layer is a profile's file.
type layer struct {
	id   string
	tree map[string]any
}

// layersTo returns the profiles between a table and a profile over it, the lowest first.
func layersTo(fsys fs.FS, profile, table string) ([]layer, error) {
	_, tree, _, err := readTree(fsys, "profiles/"+profile+".yaml")
	if err != nil {
		return nil, err
	}
	over, _ := tree["over"].([]any)
	for _, o := range over {
		if o == table {
			return []layer{{profile, tree}}, nil
		}
	}
	for _, o := range over {
		if lower, err := layersTo(fsys, text(o), table); err == nil {
			return append(lower, layer{profile, tree}), nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("profile %s is not over %s: %w", profile, table, fs.ErrNotExist)
}

// overlay puts what a profile says over a table's keys, and notes in each row that it
// changes that it did. A row that it drops is left out with all inside it.
func (s *Source) overlay(l layer, table string) {
	for _, k := range keys("", l.tree) {
		first, _, _ := strings.Cut(k.Name, ".")
		switch was := s.Get(k.Name); {
		case first == "over" || first == "languages" || first == "version" || first == "rows":
		case first == "namespaces" && was == "":
		case k.Name == "valid.from" && was > k.Value, k.Name == "valid.to" && was != "" && was < k.Value:
		default:
			s.Header = set(s.Header, Key{k.Name, k.Value})
		}
	}
	s.Header = set(s.Header, Key{"profile", l.id})
	languages, _ := l.tree["languages"].([]any)
	rows, _ := l.tree["rows"].(map[string]any)
	kept := make([]Row, 0, len(s.Rows))
	dropping := -1 // depth of the row that is left out
	for _, r := range s.Rows {
		if dropping >= 0 && r.Depth > dropping {
			continue
		}
		dropping = -1
		before := slices.Clone(r.Keys)
		for _, change := range languages {
			m, _ := change.(map[string]any)
			if had := r.Get("language"); had != "" && (m["from"] == nil || text(m["from"]) == had) {
				r.Keys = set(slices.Clone(r.Keys), Key{"language", text(m["to"])})
				break
			}
		}
		change, ok := rows[r.ID].(map[string]any)
		if !ok {
			change, _ = rows[table+"#"+r.ID].(map[string]any)
		}
		if change["drop"] == true {
			dropping = r.Depth
			continue
		}
		for _, k := range keys("", change) {
			r.Keys = set(slices.Clone(r.Keys), k)
		}
		if !slices.Equal(before, r.Keys) {
			r.Keys = set(slices.Clone(r.Keys), Key{"profile", l.id})
		}
		kept = append(kept, r)
	}
	s.Rows = kept
}

// set replaces or adds a key. A key that says no is as good as none.
func set(all []Key, k Key) []Key {
	all = slices.DeleteFunc(all, func(o Key) bool { return o.Name == k.Name })
	if k.Value != "" && k.Value != "false" {
		all = append(all, k)
	}
	slices.SortStableFunc(all, byRank)
	return all
}
