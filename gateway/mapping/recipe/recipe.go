// Package recipe owns joins, which make one document of several, and splits, which make several
// of one and one answer of theirs. It refuses to know how any of these is written: both work on
// canonical documents alone, and are pure.
package recipe

import (
	"path"
	"slices"
	"strings"

	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/datafile"
)

// Library is the joins and splits that were read.
type Library struct {
	joins  []*Join
	splits []*Split
}

// IsFile reports whether the file of the mapping data holds a join or a split.
func IsFile(file string) bool { return path.Dir(file) == "join" || path.Dir(file) == "split" }

// Read adds what the file of a join or a split says; its mistakes are the file's. A nil
// env is enough for files without conditions.
func (l *Library) Read(f *datafile.File, raw []byte, env *expr.Env) {
	if path.Dir(f.Name) == "join" {
		l.joins = append(l.joins, loadJoin(f, raw, env))
		slices.SortFunc(l.joins, func(a, b *Join) int { return strings.Compare(a.ID(), b.ID()) })
		return
	}
	l.splits = append(l.splits, loadSplit(f, raw, env))
	slices.SortFunc(l.splits, func(a, b *Split) int { return strings.Compare(a.ID(), b.ID()) })
}

// Joins returns every join in order of id.
func (l *Library) Joins() []*Join { return slices.Clone(l.joins) }

// Join returns a join by its id, "cn/road-export.v1".
func (l *Library) Join(id string) (*Join, bool) {
	for _, j := range l.joins {
		if j.ID() == id {
			return j, true
		}
	}
	return nil, false
}

// Splits returns every split in order of id.
func (l *Library) Splits() []*Split { return slices.Clone(l.splits) }

// Split returns a split by its id, "ru/road-notice.v1".
func (l *Library) Split(id string) (*Split, bool) {
	for _, s := range l.splits {
		if s.ID() == id {
			return s, true
		}
	}
	return nil, false
}
