package table

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/datafile"
)

// Source is a table as its file says it, or as a profile changed that.
type Source struct {
	*datafile.File
	Content
	digest         gateway.Digest
	profile        *Profile // that made it of another table; nil for a table of its own
	administration string   // whose format the profiles make it; "" where none says

	// WithRows is the table with its rows, where they are read later; its mistakes are not the
	// file's but its own.
	WithRows func() *Source
}

// Read reads a table's file, or with rowsLater what it says before its rows: these are
// read when they are first asked for. It is false for a file that says of no table that it
// is one. Mistakes are the file's.
func Read(f *datafile.File, raw []byte, rowsLater bool) (*Source, bool) {
	s := &Source{File: f, digest: gateway.DigestOf(raw)}
	s.WithRows = func() *Source { return s }
	head := raw
	if rowsLater {
		head, _, _ = bytes.Cut(raw, []byte("\nrows:\n"))
		s.WithRows = sync.OnceValue(func() *Source {
			all := &Source{File: &datafile.File{Name: f.Name}, digest: s.digest}
			if err := all.Read(raw, &all.Content); err != nil {
				all.Errs = append(all.Errs, err)
			}
			all.expand()
			return all
		})
	}
	if err := f.Read(head, &s.Content); err != nil {
		if f.Errs = append(f.Errs, err); s.Mapping == "" {
			return nil, false // no YAML, or no table: the rest would be noise
		}
	}
	if id, want := datafile.Versioned(s.Mapping, s.Version), strings.TrimSuffix(f.Name, ".yaml"); id != want {
		f.At("$.mapping", "this is %s, expected %s as the file says", id, want)
	}
	s.Valid.check(f)
	if !rowsLater {
		s.expand()
	}
	return s, true
}

// otherwise is the table with one row that it has changed, in a file of its own that has its name
// and lines.
func (s *Source) otherwise(row string, change func(*Row) error) (*Source, error) {
	changed := &Source{File: &datafile.File{Name: s.File.Name, Lines: s.Lines}, Content: s.Content, digest: s.digest}
	changed.Rows, changed.Altered = cloneRows(s.Rows), true
	return changed, change(find(changed.Rows, row))
}

// Has reports whether the table has a row, be it one that a profile dropped.
func (s *Source) Has(row string) bool { return find(s.Rows, row) != nil }

// Without is the table without a row that it has, and all inside it.
func (s *Source) Without(row string) (*Source, error) {
	return s.otherwise(row, func(r *Row) error {
		r.Dropped = true
		return nil
	})
}

// With is the table with a row that it has saying something else, in YAML.
func (s *Source) With(row, keys string) (*Source, error) {
	return s.otherwise(row, func(r *Row) error {
		r.Dropped = false
		r.Language, r.Collect = slices.Clone(r.Language), slices.Clone(r.Collect)
		return document.DecodeYAML("keys", []byte(keys), r)
	})
}
