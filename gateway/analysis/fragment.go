package analysis

import (
	"maps"

	"customs.example/gateway/mapping/table"
)

// use is where the rows of a fragment stand: below which id, and with what before their targets
// and canonical paths.
type use struct{ id, to, from string }

// moved is a row of a fragment as its use makes it.
func (u use) moved(m map[string]any) map[string]any {
	if u.to == "" && u.from == "" {
		return m
	}
	out := maps.Clone(m)
	for key, v := range m {
		switch v := v.(type) {
		case string:
			out[key] = table.Moved(key, v, u.to, u.from)
		case []any:
			if key != "collect" {
				continue
			}
			all := make([]any, len(v))
			for i := range v {
				all[i] = table.Moved(key, text(v[i]), u.to, u.from)
			}
			out[key] = all
		}
	}
	return out
}

// below is the use of the rows inside a row: those of a group without a path of its own start
// where it stands.
func (u use) below(m map[string]any) use {
	if m["each"] != nil || m["with"] != nil || m["collect"] != nil {
		return use{id: u.id}
	}
	return use{id: u.id, from: u.from}
}

// fragment adds the rows of a fragment for a row that uses it, and reports whether they stand in
// that row's place.
func (u use) fragment(m map[string]any, id string) (name string, inner use, instead bool) {
	name = text(m["fragment"])
	before, instead := m["prefix"].(map[string]any)
	if !instead {
		return name, use{id: id + "/"}, false
	}
	return name, use{id + "/", u.to + text(before["to"]), u.from + text(before["from"])}, true
}
