package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// A row carries a digest of what it holds, written by the statement that writes the row and compared
// wherever the row is read, before it is written again too: a bit that fell over on a disk, or what
// somebody has changed past the gateway without malice, is found and not acted on. It is no signature:
// who may write the database may write the digest.

// rowDigest is the first 8 bytes of a SHA-256, as a number, which costs a statement less than bytes: that a row
// that has changed keeps it by chance is one in 2^64. 0 says that a row has none.
type rowDigest = int64

// digestedTables are those whose rows carry a digest. Of the others content and attachment_chunk are
// named by the digest of their bytes; numbers is held by the counter beside the database and the trail;
// awaited, early, movement_identifier, crossing, unaccepted, attachment and attachment_use, difference,
// owner and restoration carry none.
var digestedTables = []string{
	"arrival", "judging", "submission", "judgement", "approval", "ruling", "message", "delivery", "receipt", "settlement", "announced",
	"registered", "inbox", "subscription", "handout", "number_block", "number_use", "movement", "movement_office", "balance", "audit", "supervised", "kept",
}

// undigested are columns that no digest covers, for they change without the rest of their row, with what
// follows if a bit falls over in one: no content changes, but work may wait. A name without a table is of
// all tables.
var undigested = map[string]string{
	"row_digest":               "it is the digest: the row is refused",
	"owner":                    "whose work it is: with PostgreSQL it is given back; in a file it waits, and nothing tells of it", // but of a subscription
	"token":                    "how often it was taken: whoever works on it is refused, and takes it anew",
	"commit_no":                "where it stands in a list of what changed: by its id it is found as before", // but of the audit trail
	"judging.attempts":         "how often it came, for people",
	"judging.next_try":         "when it is judged next: it is judged too early or too late",
	"delivery.next_attempt":    "when it is tried next: too early or too late, or at once if an operator says so (try)",
	"judgement.number":         "which of the judgements of a submission it is: their order",
	"movement_office.worklist": "the list of a shift that it stands in, until the movement changes",
	"movement_office.since":    "since when it stands there: likewise",
}

// covers reports whether the digest of a table's rows covers a column.
func covers(table, column string) bool {
	if _, not := undigested[table+"."+column]; not {
		return false
	}
	if _, not := undigested[column]; not {
		return table == "audit" && column == "commit_no" || (table == "subscription" || table == "handout") && column == "owner"
	}
	return true
}

// ErrDamaged says that a row does not hold what was written into it: nothing is made of it.
var ErrDamaged = errors.New("the row is not as it was written")

// Damage is a row that does not hold what was written into it.
type Damage struct {
	Table, Key string
}

func (d Damage) Error() string { return fmt.Sprintf("%s of %s: %v", d.Key, d.Table, ErrDamaged) }

// Redacted is what a log may say: a batch, a waybill or a number is nothing for it.
func (d Damage) Redacted() string {
	switch d.Table {
	case "announced", "registered", "number_block", "number_use":
		d.Key = "a row"
	}
	return d.Error()
}

// Is reports whether it is asked for damage of any row.
func (d Damage) Is(target error) bool { return target == ErrDamaged }

// maxDamages is how many damaged rows a store tells of: with more, it is the disk that is told of.
const maxDamages = 1000

// damages are the rows that were found damaged since the store was opened. Each is told of once.
type damages struct {
	mu   sync.Mutex
	seen map[Damage]bool
	tell func(Damage)
}

// found notes a damaged row and returns its error.
func (d *damages) found(err error) error {
	var damage Damage
	if d == nil || !errors.As(err, &damage) {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen[damage] || len(d.seen) >= maxDamages {
		return err
	}
	if d.seen == nil {
		d.seen = make(map[Damage]bool)
	}
	d.seen[damage] = true
	if d.tell != nil {
		d.tell(damage)
	}
	return err
}

// OnDamage has whoever asks be told once of each row that is not as it was written, those too that were
// found before. It MUST NOT ask the store.
func (s *Store) OnDamage(tell func(Damage)) {
	d := &s.damages
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tell = tell
	for damage := range d.seen {
		tell(damage)
	}
}

// intact refuses a row that is to be changed and is not as it was written.
func (r reader) intact(table, key string, row any) error {
	return r.damages.found(intact(table, key, row))
}

// A row is digested as the columns that are covered, in the order of their names: of each its name, what kind of
// value it has, how many bytes, and these. What is empty, nothing or zero counts for nothing: a column that comes
// later leaves the digests of before as they are.

// rowBuffers are used again: a row is written out before it is digested, for one call of SHA-256 costs less than two
// for each column.
var rowBuffers = sync.Pool{New: func() any { return new([]byte) }}

// keptBuffer is how large a buffer may be that is used again.
const keptBuffer = 64 << 10

// column begins a column.
func column(b []byte, name string, kind byte, size int) []byte {
	return binary.BigEndian.AppendUint32(append(append(b, name...), 0, kind), uint32(size))
}

func textColumn(b []byte, name, content string) []byte {
	if content == "" {
		return b
	}
	return append(column(b, name, 't', len(content)), content...)
}

func bytesColumn(b []byte, name string, content []byte) []byte {
	if len(content) == 0 {
		return b
	}
	return append(column(b, name, 'x', len(content)), content...)
}

func numberColumn(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return binary.BigEndian.AppendUint64(column(b, name, 'n', 8), uint64(n))
}

func truthColumn(b []byte, name string, is bool) []byte {
	if !is {
		return b
	}
	return numberColumn(b, name, 1)
}

// digestOfColumns digests what write appends of a row.
func digestOfColumns(write func(b []byte) []byte) rowDigest {
	buf := rowBuffers.Get().(*[]byte)
	b := write((*buf)[:0])
	sum := sha256.Sum256(b)
	if *buf = b; cap(b) <= keptBuffer {
		rowBuffers.Put(buf)
	}
	return cmp.Or(rowDigest(binary.BigEndian.Uint64(sum[:])), 1)
}

// layout is which fields of a Go type hold which columns of a table, in the order of their names.
type layout struct {
	fields []layoutField
	digest int // the field of the digest
}

type layoutField struct {
	column string // without underscores, in small letters: as sqlc's names compare
	index  int
	kind   reflect.Kind
}

var layouts sync.Map // of a reflect.Type, which belongs to one table, to *layout

// plainColumn is a column's name as that of a field compares.
func plainColumn(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// plainCovers is covers of plain names.
func plainCovers(table, plain string) bool {
	for of := range undigested {
		if _, column, ok := strings.Cut(of, "."); ok && strings.HasPrefix(of, table+".") || !ok {
			if !ok {
				column = of
			}
			if plainColumn(column) == plain {
				return covers(table, column)
			}
		}
	}
	return true
}

func layoutOf(table string, t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := &layout{digest: -1}
	for i := range t.NumField() {
		name := strings.ToLower(t.Field(i).Name)
		switch {
		case name == "rowdigest":
			l.digest = i
		case plainCovers(table, name):
			l.fields = append(l.fields, layoutField{name, i, t.Field(i).Type.Kind()})
		}
	}
	slices.SortFunc(l.fields, func(a, b layoutField) int { return cmp.Compare(a.column, b.column) })
	layouts.Store(t, l)
	return l
}

// digestOfRow digests what a row, or what is written into one, holds: a pointer to a struct of sqlc's.
func digestOfRow(table string, row any) rowDigest {
	v := reflect.ValueOf(row).Elem()
	return digestOfFields(layoutOf(table, v.Type()), v)
}

func digestOfFields(l *layout, row reflect.Value) rowDigest {
	return digestOfColumns(func(b []byte) []byte {
		for i := range l.fields {
			f := &l.fields[i]
			switch v := row.Field(f.index); f.kind {
			case reflect.String:
				b = textColumn(b, f.column, v.String())
			case reflect.Bool:
				b = truthColumn(b, f.column, v.Bool())
			case reflect.Slice:
				b = bytesColumn(b, f.column, v.Bytes())
			default:
				b = numberColumn(b, f.column, v.Int())
			}
		}
		return b
	})
}

// digestOfValues digests a row as a copy reads it.
func digestOfValues(table string, columns []string, values []any) rowDigest {
	order := make([]int, len(columns))
	plain := make([]string, len(columns))
	for i, c := range columns {
		order[i], plain[i] = i, plainColumn(c)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(plain[a], plain[b]) })
	return digestOfColumns(func(b []byte) []byte {
		for _, i := range order {
			if !covers(table, columns[i]) {
				continue
			}
			switch v := values[i].(type) {
			case string:
				b = textColumn(b, plain[i], v)
			case bool:
				b = truthColumn(b, plain[i], v)
			case []byte:
				b = bytesColumn(b, plain[i], v)
			case int64:
				b = numberColumn(b, plain[i], v)
			}
		}
		return b
	})
}

// digested is what is written into a table with the digest of it: all its columns that have one.
func digested[P any](table string, p P) P {
	v := reflect.ValueOf(&p).Elem()
	l := layoutOf(table, v.Type())
	v.Field(l.digest).SetInt(digestOfFields(l, v))
	return p
}

// intact refuses a row, of which it is given a pointer, that is not as it was written. One of before rows had
// digests has none.
func intact(table, key string, row any) error {
	v := reflect.ValueOf(row).Elem()
	l := layoutOf(table, v.Type())
	if was := v.Field(l.digest).Int(); was != 0 && was != digestOfFields(l, v) {
		return Damage{table, key}
	}
	return nil
}

// Flaws looks at every row that carries a digest, at all that is named by the digest of its bytes, and at
// SQLite's own structures, its indexes too, and tells of each that is not as it was written. It reads
// everything: gateways may be at work meanwhile.
func (s *Store) Flaws(ctx context.Context, tell func(Damage)) (err error) {
	l, err := look(ctx, s.engine.place, false)
	if err != nil {
		return err
	}
	defer l.close()
	if l.engine.check != "" {
		if err := l.structure(ctx, tell); err != nil {
			return l.engine.plain(err)
		}
	}
	for _, t := range recorded {
		if t.name != "content" && !slices.Contains(digestedTables, t.name) {
			continue
		}
		err := l.each(ctx, t, nil, func(columns []string, values []any) error {
			if !whole(t.name, columns, values) {
				key := make([]string, 0, len(t.key))
				for _, k := range t.key {
					switch v := values[slices.Index(columns, k)].(type) {
					case []byte:
						key = append(key, fmt.Sprintf("%x", v))
					default:
						key = append(key, fmt.Sprint(v))
					}
				}
				tell(Damage{t.name, strings.Join(key, " ")})
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("look at %s: %w", t.name, l.engine.plain(err))
		}
	}
	return nil
}

// whole reports whether a row is as it was written, as far as it says so.
func whole(table string, columns []string, values []any) bool {
	of := func(name string) []byte {
		b, _ := values[slices.Index(columns, name)].([]byte)
		return b
	}
	if table == "content" {
		sum := sha256.Sum256(of("bytes"))
		return bytes.Equal(sum[:], of("digest"))
	}
	was, _ := values[slices.Index(columns, "row_digest")].(int64)
	return was == 0 || was == digestOfValues(table, columns, values)
}

// structure asks the engine whether its file is sound: pages, their order, and that each index has what its
// table has.
func (s *still) structure(ctx context.Context, tell func(Damage)) error {
	found, err := s.conn.QueryContext(ctx, s.engine.check)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var word string
		if err := found.Scan(&word); err != nil {
			return err
		}
		if word != "ok" {
			tell(Damage{"database file", word})
		}
	}
	return found.Err()
}
