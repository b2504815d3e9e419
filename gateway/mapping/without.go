package mapping

import (
	"errors"
	"fmt"

	"customs.example/gateway/mapping/table"
)

// Without returns a table as it would be if one row, and all inside it, were not
// there: what the row is good for is what the two do differently. The error says why
// the table does not stand without it.
func (l *Library) Without(id, row string) (*Table, error) {
	return l.otherwise(id, row, func(s *table.Source) (*table.Source, error) { return s.Without(row) })
}

// With returns a table as it would be if one row said something else: keys is YAML of
// what it says otherwise, "{max: 70, required: false}". What keys leaves out stays; a row
// that a profile dropped is there again. The error says, with lines of the table's file,
// why the table does not stand with it.
func (l *Library) With(id, row, keys string) (*Table, error) {
	return l.otherwise(id, row, func(s *table.Source) (*table.Source, error) { return s.With(row, keys) })
}

func (l *Library) otherwise(id, row string, change func(*table.Source) (*table.Source, error)) (*Table, error) {
	s, ok := l.load.sources[id]
	if !ok {
		return nil, fmt.Errorf("no table %q", id)
	}
	if !s.Has(row) {
		return nil, fmt.Errorf("%s has no row %s", id, row)
	}
	changed, err := change(s)
	if err != nil {
		return nil, err
	}
	t := l.load.compile(changed)
	return t, errors.Join(changed.Errs...)
}
