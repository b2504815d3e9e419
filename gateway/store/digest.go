package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// A row carries a digest of what it holds, written by the statement that writes the row and compared
// wherever the row is read, before it is written again too: a bit that fell over on a disk, or what
// somebody has changed past the gateway without malice, is found and not acted on. It is no signature:
// who may write the database may write the digest.

// rowDigestBytes is how much of its SHA-256 a row carries.
const rowDigestBytes = 16

// digestedTables are those whose rows carry a digest. Of the others content and attachment_chunk are
// named by the digest of their bytes; numbers is held by the counter beside the database and the trail;
// awaited, early, movement_identifier, crossing, unaccepted, attachment and attachment_use, difference,
// owner and restoration carry none.
var digestedTables = []string{
	"arrival", "judging", "submission", "judgement", "approval", "ruling", "message", "delivery", "receipt", "settlement", "announced",
	"registered", "inbox", "subscription", "handout", "number_block", "number_use", "movement", "movement_office", "balance", "audit", "supervised",
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

// rowHash digests the columns of one row in the order of their names. What is empty, nothing or zero
// counts for nothing: a column that comes later leaves the digests of before as they are.
type rowHash struct {
	hash.Hash
	buf []byte
}

var rowHashes = sync.Pool{New: func() any { return &rowHash{Hash: sha256.New()} }}

func (h *rowHash) add(column string, kind byte, content []byte) {
	h.buf = append(append(h.buf[:0], column...), 0, kind)
	h.buf = binary.BigEndian.AppendUint64(h.buf, uint64(len(content)))
	h.Write(h.buf)
	h.Write(content)
}

func (h *rowHash) number(column string, n int64) {
	if n != 0 {
		h.add(column, 'n', binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(n)))
	}
}

// done returns the digest and gives the hash back.
func (h *rowHash) done() []byte {
	sum := h.Sum(make([]byte, 0, sha256.Size))
	h.Reset()
	rowHashes.Put(h)
	return sum[:rowDigestBytes:rowDigestBytes]
}

// layout is which fields of a Go type hold which columns of a table, in the order of their names.
type layout struct {
	fields []layoutField
	digest int // the field of the digest
}

type layoutField struct {
	column string // without underscores, in small letters: as sqlc's names compare
	index  int
}

type layoutKey struct {
	table string
	of    reflect.Type
}

var layouts sync.Map // of layoutKey to *layout

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
	key := layoutKey{table, t}
	if l, ok := layouts.Load(key); ok {
		return l.(*layout)
	}
	l := &layout{digest: -1}
	for i := range t.NumField() {
		name := strings.ToLower(t.Field(i).Name)
		switch {
		case name == "rowdigest":
			l.digest = i
		case plainCovers(table, name):
			l.fields = append(l.fields, layoutField{name, i})
		}
	}
	slices.SortFunc(l.fields, func(a, b layoutField) int { return cmp.Compare(a.column, b.column) })
	layouts.Store(key, l)
	return l
}

// digestOfRow digests what a row, or what is written into one, holds: a struct of sqlc's.
func digestOfRow(table string, row reflect.Value) []byte {
	h := rowHashes.Get().(*rowHash)
	for _, f := range layoutOf(table, row.Type()).fields {
		switch v := row.Field(f.index); v.Kind() {
		case reflect.String:
			if s := v.String(); s != "" {
				h.add(f.column, 't', []byte(s))
			}
		case reflect.Bool:
			if v.Bool() {
				h.number(f.column, 1)
			}
		case reflect.Slice:
			if b := v.Bytes(); len(b) > 0 {
				h.add(f.column, 'x', b)
			}
		default:
			h.number(f.column, v.Int())
		}
	}
	return h.done()
}

// digestOfValues digests a row as a copy reads it.
func digestOfValues(table string, columns []string, values []any) []byte {
	order := make([]int, len(columns))
	plain := make([]string, len(columns))
	for i, c := range columns {
		order[i], plain[i] = i, plainColumn(c)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(plain[a], plain[b]) })
	h := rowHashes.Get().(*rowHash)
	for _, i := range order {
		if !covers(table, columns[i]) {
			continue
		}
		switch v := values[i].(type) {
		case string:
			if v != "" {
				h.add(plain[i], 't', []byte(v))
			}
		case bool:
			if v {
				h.number(plain[i], 1)
			}
		case []byte:
			if len(v) > 0 {
				h.add(plain[i], 'x', v)
			}
		case int64:
			h.number(plain[i], v)
		}
	}
	return h.done()
}

// digested is what is written into a table with the digest of it: all its columns that have one.
func digested[P any](table string, p P) P {
	v := reflect.ValueOf(&p).Elem()
	v.Field(layoutOf(table, v.Type()).digest).SetBytes(digestOfRow(table, v))
	return p
}

// intact refuses a row that is not as it was written. One of before rows had digests has none.
func intact(table, key string, row any) error {
	v := reflect.ValueOf(row)
	if was := v.Field(layoutOf(table, v.Type()).digest).Bytes(); len(was) > 0 && !bytes.Equal(was, digestOfRow(table, v)) {
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
	was := of("row_digest")
	return len(was) == 0 || bytes.Equal(was, digestOfValues(table, columns, values))
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
