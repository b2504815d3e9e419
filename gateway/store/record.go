package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"customs.example/gateway"
)

// instant is how an instant is stored: UTC, fixed width, so that text order is time
// order. The zero time is the empty text.
const instant = "2006-01-02T15:04:05.000000000Z"

// A record is a struct whose fields carry their column in a `db` tag. Times are
// stored as instants, digests as hexadecimal, slices and structs as JSON. What is tagged
// large is a document: a list of many records leaves it out.

type column struct {
	name  string
	index int
	large bool
}

var recordColumns sync.Map // reflect.Type -> []column

func columns(t reflect.Type) []column {
	if c, ok := recordColumns.Load(t); ok {
		return c.([]column)
	}
	var cols []column
	for i := range t.NumField() {
		if name, kind, _ := strings.Cut(t.Field(i).Tag.Get("db"), ","); name != "" {
			cols = append(cols, column{name, i, kind == "large"})
		}
	}
	recordColumns.Store(t, cols)
	return cols
}

func names(cols []column) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.name
	}
	return strings.Join(out, ", ")
}

// toColumn turns a field's value into what the driver stores.
func toColumn(v reflect.Value) (any, error) {
	switch x := v.Interface().(type) {
	case time.Time:
		return formatTime(x), nil
	case gateway.Digest:
		if x.IsZero() {
			return "", nil
		}
		return x.String(), nil
	case []byte:
		if x == nil {
			return []byte{}, nil // no bytes are not no value
		}
		return x, nil
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Int, reflect.Int64:
		return v.Int(), nil
	case reflect.Bool:
		return v.Bool(), nil
	}
	return json.Marshal(v.Interface())
}

// cell scans one column into one field.
type cell struct{ v reflect.Value }

func (c cell) Scan(src any) error {
	var text []byte
	switch x := src.(type) {
	case nil:
		return nil
	case string:
		text = []byte(x)
	case []byte:
		text = x
	case int64:
		if c.v.Kind() == reflect.Bool {
			c.v.SetBool(x != 0)
		} else {
			c.v.SetInt(x)
		}
		return nil
	default:
		return fmt.Errorf("unexpected column type %T", src)
	}
	switch p := c.v.Addr().Interface().(type) {
	case *time.Time:
		t, err := parseTime(string(text))
		*p = t
		return err
	case *gateway.Digest:
		if len(text) == 0 {
			return nil
		}
		return p.UnmarshalText(text)
	case *[]byte:
		*p = append([]byte(nil), text...)
		return nil
	}
	if c.v.Kind() == reflect.String {
		c.v.SetString(string(text))
		return nil
	}
	return json.Unmarshal(text, c.v.Addr().Interface())
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(instant)
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(instant, s)
}

// put inserts a record, or replaces the one with the same key.
func put[T any](tx *sql.Tx, table string, rec *T) error {
	return write(tx, "INSERT OR REPLACE", table, rec)
}

// add inserts a record and refuses a second one with the same key.
func add[T any](tx *sql.Tx, table string, rec *T) error {
	return write(tx, "INSERT", table, rec)
}

func write[T any](tx *sql.Tx, verb, table string, rec *T) error {
	cols, args, err := values(table, rec)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(verb+" INTO "+table+" ("+names(cols)+") VALUES ("+marks(len(cols))+")", args...); err != nil {
		return fmt.Errorf("put %s: %w", table, err)
	}
	return nil
}

// set changes the columns of a record in the one row that fits; others stay.
func set[T any](tx *sql.Tx, table string, rec *T, where string, key ...any) error {
	cols, args, err := values(table, rec)
	if err != nil {
		return err
	}
	changed, err := tx.Exec("UPDATE "+table+" SET "+strings.ReplaceAll(names(cols), ",", " = ?,")+" = ? WHERE "+where, append(args, key...)...)
	if err != nil {
		return fmt.Errorf("set %s: %w", table, err)
	}
	if n, err := changed.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("set %s: %d rows: %w", table, n, cmp.Or(err, ErrNotFound))
	}
	return nil
}

// values are the columns of a record and what the driver stores in them.
func values[T any](table string, rec *T) ([]column, []any, error) {
	v := reflect.ValueOf(rec).Elem()
	cols := columns(v.Type())
	args := make([]any, len(cols))
	for i, c := range cols {
		a, err := toColumn(v.Field(c.index))
		if err != nil {
			return nil, nil, fmt.Errorf("%s.%s: %w", table, c.name, err)
		}
		args[i] = a
	}
	return cols, args, nil
}

// queryer is a transaction or the pool of readers.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// list reads the records of a table that fit a WHERE clause with what follows it.
func list[T any](ctx context.Context, q queryer, table, where string, args ...any) ([]T, error) {
	return read[T](ctx, q, columns(reflect.TypeFor[T]()), table, where, args...)
}

// brief reads as list does, without what is large. What it returns MUST NOT be put.
func brief[T any](ctx context.Context, q queryer, table, where string, args ...any) ([]T, error) {
	small := slices.DeleteFunc(slices.Clone(columns(reflect.TypeFor[T]())), func(c column) bool { return c.large })
	return read[T](ctx, q, small, table, where, args...)
}

func read[T any](ctx context.Context, q queryer, cols []column, table, where string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+names(cols)+" FROM "+table+" WHERE "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", table, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var rec T
		v := reflect.ValueOf(&rec).Elem()
		dest := make([]any, len(cols))
		for i, c := range cols {
			dest[i] = cell{v.Field(c.index)}
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		out = append(out, rec)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list %s: %w", table, err)
	}
	return out, nil
}

// one reads the record that fits, or ErrNotFound.
func one[T any](ctx context.Context, q queryer, table, where string, args ...any) (T, error) {
	recs, err := list[T](ctx, q, table, where+" LIMIT 1", args...)
	if err == nil && len(recs) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return recs[0], nil
}

// IgnoreNotFound returns nil for ErrNotFound, for reads whose absence is an answer.
func IgnoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
