package mapping

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"customs.example/gateway/codelist"
	"customs.example/gateway/expr"
	"customs.example/gateway/extension"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/mapping/table"
)

// notTables are the folders of the data that hold something else.
var notTables = []string{"codelists", "routes", "rules", "tolerances", "recognition", "conversations"}

// loader is what the tables of one library are compiled with.
type loader struct {
	library *Library
	env     *expr.Env
	lists   *codelist.Lists
	bases   map[string]*table.Source // tables of their own, for profiles
	sources map[string]*table.Source // every table, as it is compiled
	proven  bool                     // rows are compiled when they are first asked for
}

// Lists returns the code lists that the tables use.
func (l *Library) Lists() *codelist.Lists { return l.load.lists }

// Load reads every table, profile, join and split of fsys. The error names every
// mistake of every file with its line. A nil env is enough for data without conditions.
func Load(fsys fs.FS, env *expr.Env, lists *codelist.Lists) (*Library, error) {
	return (&loader{env: env, lists: lists}).run(fsys)
}

// LoadProven is Load for data that are known to be good, as the embedded ones, all of which
// their tests load: the rows of each table are read and compiled when they are first asked
// for, which spares a command that needs few tables most of its start. A table that is not
// good after all panics then. With and Without are Load's alone.
func LoadProven(fsys fs.FS, env *expr.Env, lists *codelist.Lists) (*Library, error) {
	return (&loader{env: env, lists: lists, proven: true}).run(fsys)
}

func (load *loader) run(fsys fs.FS) (*Library, error) {
	files, err := fs.Glob(fsys, "*/*.yaml")
	if err != nil {
		return nil, err
	}
	containers, err := loadContainers(fsys)
	if err != nil {
		return nil, err
	}
	declared, mistaken := extension.Load(fsys)
	if declared == nil {
		return nil, mistaken
	}
	l := &Library{byID: map[string]*Table{}, containers: containers, extensions: declared}
	load.library, load.bases, load.sources = l, map[string]*table.Source{}, map[string]*table.Source{}
	l.load = load
	var mistakes []error
	if mistaken != nil {
		mistakes = append(mistakes, mistaken)
	}
	var profiles []*table.Profile
	for _, file := range files {
		folder := path.Dir(file)
		if slices.Contains(notTables, folder) {
			continue
		}
		raw, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		m := &datafile.File{Name: file}
		switch {
		case recipe.IsFile(file):
			l.recipes.Read(m, raw, load.env)
		case folder == "profiles":
			profiles = append(profiles, table.ReadProfile(m, raw))
			continue // profiles say their mistakes together
		default:
			load.table(m, raw)
		}
		mistakes = append(mistakes, m.Errs...)
	}
	mistakes = append(mistakes, load.profiles(profiles)...)
	slices.SortFunc(l.tables, func(a, b *Table) int { return strings.Compare(a.ID(), b.ID()) })
	for i, t := range l.tables {
		for _, o := range l.tables[:i] {
			if err := t.Conflict(o.Head); err != nil {
				mistakes = append(mistakes, err)
			}
		}
		l.byID[t.ID()] = t
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return l, nil
}

// profiles makes the tables of every profile and returns the mistakes.
func (l *loader) profiles(all []*table.Profile) (mistakes []error) {
	table.Reach(all, l.bases)
	for _, p := range all {
		for _, s := range p.Sources(l.proven) {
			if t := l.compile(s); len(p.Errs) == 0 {
				l.library.tables = append(l.library.tables, t)
				l.sources[t.ID()] = s
			}
		}
	}
	for _, p := range all {
		mistakes = append(mistakes, p.Errs...)
	}
	return mistakes
}

// table reads and compiles a table's file.
func (l *loader) table(f *datafile.File, raw []byte) {
	s, ok := table.Read(f, raw, l.proven)
	if !ok {
		return
	}
	if t := l.compile(s); len(f.Errs) == 0 {
		l.library.tables = append(l.library.tables, t)
		l.bases[t.ID()], l.sources[t.ID()] = s, s
	}
}

// compile makes a table of what is written, of data that are proven without its rows: these
// are compiled when they are first asked for.
func (l *loader) compile(s *table.Source) *Table {
	t := &Table{Head: table.NewHead(s, l.lists)}
	if l.proven {
		t.program = sync.OnceValue(func() *program.Program {
			all := s.WithRows()
			made := program.Compile(all.File, t.Head, all.Content, l.env, l.lists)
			if err := errors.Join(all.Mistakes()...); err != nil {
				panic(fmt.Sprintf("a table that is proven: %v", err))
			}
			return made
		})
		return t
	}
	made := program.Compile(s.File, t.Head, s.Content, l.env, l.lists)
	t.program = func() *program.Program { return made }
	return t
}
