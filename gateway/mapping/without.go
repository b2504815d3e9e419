package mapping

import (
	"errors"
	"fmt"
	"slices"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/datafile"
)

// Without returns a table as it would be if one row, and all inside it, were not
// there: what the row is good for is what the two do differently. The error says why
// the table does not stand without it.
func (l *Library) Without(table, row string) (*Table, error) {
	return l.otherwise(table, row, func(r *rowFile) error {
		r.dropped = true
		return nil
	})
}

// With returns a table as it would be if one row said something else: keys is YAML of
// what it says otherwise, "{max: 70, required: false}". What keys leaves out stays; a row
// that a profile dropped is there again. The error says, with lines of the table's file,
// why the table does not stand with it.
func (l *Library) With(table, row, keys string) (*Table, error) {
	return l.otherwise(table, row, func(r *rowFile) error {
		r.dropped = false
		r.Language, r.Collect = slices.Clone(r.Language), slices.Clone(r.Collect)
		return document.DecodeYAML("keys", []byte(keys), r)
	})
}

func (l *Library) otherwise(table, row string, change func(*rowFile) error) (*Table, error) {
	b, ok := l.load.files[table]
	if !ok {
		return nil, fmt.Errorf("no table %q", table)
	}
	f := b.tableFile
	f.Rows = cloneRows(f.Rows)
	r := find(f.Rows, row)
	if r == nil {
		return nil, fmt.Errorf("%s has no row %s", table, row)
	}
	if err := change(r); err != nil {
		return nil, err
	}
	m := &datafile.File{Name: b.Name, Lines: b.Lines}
	t := l.load.build(m, f)
	t.digest = b.digest
	return t, errors.Join(m.Errs...)
}

// find returns a row of the tree of rows.
func find(rows []rowFile, id string) *rowFile {
	for i := range rows {
		if rows[i].ID == id {
			return &rows[i]
		}
		if r := find(rows[i].Rows, id); r != nil {
			return r
		}
	}
	return nil
}
