package codelist

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// Load reads every code list in codelists/ of fsys, NAME.yaml, and then the columns that
// stand in files of their own, NAME.SYSTEM.yaml. The error names every mistake.
func Load(fsys fs.FS) (*Lists, error) {
	files, err := fs.Glob(fsys, "codelists/*.yaml")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("code lists: none in codelists/")
	}
	lists := &Lists{byName: map[string]*List{}}
	var mistakes []error
	var columns []string
	for _, file := range files {
		stem := strings.TrimSuffix(path.Base(file), ".yaml")
		if strings.Contains(stem, ".") {
			columns = append(columns, file)
			continue
		}
		raw, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		list := &List{Digest: gateway.DigestOf(raw)}
		lines, err := document.ReadYAML(file, raw, list)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		for _, s := range list.Systems {
			if s != nil {
				s.File = file
			}
		}
		list.index(stem, located(file, lines, &mistakes))
		lists.byName[list.Name] = list
	}
	if len(mistakes) == 0 { // else a column would be blamed for its list
		for _, file := range columns {
			raw, err := fs.ReadFile(fsys, file)
			if err != nil {
				return nil, err
			}
			lists.column(file, raw, &mistakes)
		}
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	lists.names = slices.Sorted(maps.Keys(lists.byName))
	return lists, nil
}

// report takes a mistake at a node of the file.
type report func(node, format string, args ...any)

// located reports mistakes of a file with their lines.
func located(file string, lines document.Lines, mistakes *[]error) report {
	return func(node, format string, args ...any) {
		*mistakes = append(*mistakes, fmt.Errorf("%s:%d: %w", file, max(lines.Line(node), 1), fmt.Errorf(format, args...)))
	}
}

// columnFile is a system's column that stands beside the list's file: an administration
// adds its codes to a list of ours, and follows it.
type columnFile struct {
	List   string `yaml:"list"`
	Name   string `yaml:"system"`
	Column System `yaml:",inline"`
}

// columnKeys are the keys without which a column says nothing.
var columnKeys = []string{"list", "system", "source", "status", "rows"}

// missing returns the keys without which the column says nothing and that it lacks. Where
// codes are written as they are, none needs a row.
func (f *columnFile) missing() (keys []string) {
	for i, given := range []bool{f.List != "", f.Name != "", f.Column.Source != "", f.Column.Status != "", len(f.Column.Rows) > 0 || f.Column.Identity} {
		if !given {
			keys = append(keys, columnKeys[i])
		}
	}
	return keys
}

// column reads a column's file and adds it to its list.
func (l *Lists) column(file string, raw []byte, mistakes *[]error) {
	var f columnFile
	lines, err := document.ReadYAML(file, raw, &f)
	if err != nil {
		*mistakes = append(*mistakes, err)
		return
	}
	errorf := located(file, lines, mistakes)
	if missing := f.missing(); missing != nil {
		if len(missing) == len(columnKeys) {
			errorf("$", "the file is empty: want %s", strings.Join(columnKeys, ", "))
			return
		}
		for _, key := range missing {
			errorf("$."+key, "%s is missing or empty", key)
		}
		if f.List == "" || f.Name == "" {
			return
		}
	}
	if want := strings.TrimSuffix(path.Base(file), ".yaml"); f.List+"."+f.Name != want {
		errorf("$.list", "this is system %q of list %q: want %s, as the file", f.Name, f.List, want)
	}
	list := l.byName[f.List]
	if list == nil {
		errorf("$.list", "there is no list %q: nearest is %s", f.List, strings.Join(document.Nearest(f.List, slices.Sorted(maps.Keys(l.byName)), 1), ""))
		return
	}
	if other := list.Systems[f.Name]; other != nil {
		errorf("$.system", "list %s has the system %s already, in %s", f.List, f.Name, other.File)
		return
	}
	if !f.Column.Status.known(true) {
		errorf("$.status", "status %q: want official, verified, recalled, inferred or own", f.Column.Status)
	}
	f.Column.File = file
	f.Column.index(list, "$", errorf)
	if list.Systems == nil {
		list.Systems = map[string]*System{}
	}
	list.Systems[f.Name] = &f.Column
	digest := gateway.DigestOf(raw)
	list.Digest = gateway.DigestOf(append(list.Digest[:], digest[:]...))
}

// index builds the list's look-up tables and reports what is wrong with it.
func (l *List) index(name string, errorf report) {
	if l.Name != name {
		errorf("$.list", "list is named %q: want %q, as the file", l.Name, name)
	}
	if l.Version < 1 || l.Source == "" || !l.Status.known(false) {
		errorf("$", "want version, source and status (official, verified, recalled, inferred or own)")
	}
	l.codes, l.looks = map[string][]*Code{}, map[string]string{}
	for i := range l.Codes {
		c, node := &l.Codes[i], fmt.Sprintf("$.codes[%d]", i)
		if c.Code == "" || c.En == "" && c.Zh == "" || !c.Status.known(true) {
			errorf(node, "code %q: want a code, a name and a known status", c.Code)
		}
		if err := span(c.From, c.To); err != nil {
			errorf(node, "code %q: %w", c.Code, err)
		}
		if c.Means != "" && !slices.Contains(l.Means, c.Means) || c.Means == "" && len(l.Means) > 0 {
			errorf(node, "code %q means %q: want one of %q, as the list says", c.Code, c.Means, l.Means)
		}
		for _, o := range l.codes[c.Code] {
			if overlap(c.From, c.To, o.From, o.To) {
				errorf(node, "code %q is there twice on one day", c.Code)
			}
		}
		l.codes[c.Code] = append(l.codes[c.Code], c)
		l.looks[Latin(c.Code)] = cmp.Or(l.looks[Latin(c.Code)], c.Code)
	}
	for _, system := range slices.Sorted(maps.Keys(l.Systems)) {
		s := l.Systems[system]
		if s == nil || s.Source == "" || !s.Status.known(false) {
			errorf("$.systems."+system, "system %s: want source and status", system)
			continue
		}
		s.index(l, "$.systems."+system, errorf)
		if l.Name == zoneList && system == zoneColumn {
			s.readZones("$.systems."+system, errorf)
		}
	}
}

func (s *System) index(l *List, at string, errorf report) {
	s.encode, s.decode, s.looks = map[string][]*Row{}, map[string][]*Row{}, map[string]string{}
	add := func(index map[string][]*Row, key string, r *Row, node string) {
		for _, o := range index[key] {
			if overlap(r.From, r.To, o.From, o.To) {
				errorf(node, "row %s->%s: %q has another row on the same day", r.Code, r.Is, key)
			}
		}
		index[key] = append(index[key], r)
	}
	for i := range s.Rows {
		r, node := &s.Rows[i], fmt.Sprintf("%s.rows[%d]", at, i)
		if l.codes[r.Code] == nil {
			errorf(node, "row %s->%s: %q is no code of the list", r.Code, r.Is, r.Code)
		}
		if r.Direction != "" && r.Direction != Encode && r.Direction != Decode || !r.Status.known(true) {
			errorf(node, "row %s->%s: want direction encode or decode, and a known status", r.Code, r.Is)
		}
		if err := span(r.From, r.To); err != nil {
			errorf(node, "row %s->%s: %w", r.Code, r.Is, err)
		}
		if r.Direction != Decode {
			add(s.encode, r.Code, r, node)
		}
		if r.Direction != Encode {
			is := cmp.Or(r.Is, r.Code)
			add(s.decode, is, r, node)
			s.looks[Latin(is)] = cmp.Or(s.looks[Latin(is)], is)
		}
	}
}

func (s Status) known(optional bool) bool {
	return slices.Contains([]Status{Official, Verified, Recalled, Inferred, Own}, s) || optional && s == ""
}

// span checks that two bounds are days in order.
func span(from, to string) error {
	for _, d := range []string{from, to} {
		if _, err := time.Parse(time.DateOnly, d); d != "" && err != nil {
			return fmt.Errorf("%q is no day as YYYY-MM-DD", d)
		}
	}
	if from != "" && to != "" && from > to {
		return fmt.Errorf("%s comes after %s", from, to)
	}
	return nil
}

func overlap(from, to, otherFrom, otherTo string) bool {
	return (otherTo == "" || from <= otherTo) && (to == "" || otherFrom <= to)
}
