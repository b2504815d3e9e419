package mapping

import (
	"errors"
	"fmt"
)

// Without returns a table as it would be if one row, and all inside it, were not
// there: what the row is good for is what the two do differently. The error says why
// the table does not stand without it.
func (l *Library) Without(table, row string) (*Table, error) {
	b, ok := l.load.bases[table]
	if !ok {
		return nil, fmt.Errorf("no table %q of its own", table)
	}
	f := b.tableFile
	f.Rows = cloneRows(f.Rows)
	if !drop(f.Rows, row) {
		return nil, fmt.Errorf("%s has no row %s", table, row)
	}
	m := &mistaken{file: b.file, lines: b.lines}
	t := l.load.build(m, f)
	t.digest = b.digest
	return t, errors.Join(m.errs...)
}

// drop takes a row out of the tree of rows.
func drop(rows []rowFile, id string) bool {
	for i := range rows {
		if rows[i].ID == id {
			rows[i].dropped = true
			return true
		}
		if drop(rows[i].Rows, id) {
			return true
		}
	}
	return false
}
