package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// What a database is that no gateway works on.
const (
	copying = "copying" // a copy that is not whole yet
	backup  = "backup"  // a whole one, to restore from
	moved   = "moved"   // its records have another place now
)

// table is one whose rows are records, with the columns of its key: rows are copied and
// digested in its order, which is the same on every engine.
type table struct {
	name string
	key  []string
}

// recorded are the tables that hold what a gateway knows. Not among them are copied, which
// says what a database is, lease, which says who is at work, and what the migrations keep.
var recorded = []table{
	{"owner", []string{"one"}},
	{"restoration", []string{"number"}},
	{"content", []string{"digest"}},
	{"kept", []string{"door", "party", "id_key"}},
	{"arrival", []string{"door", "party", "id_key"}},
	{"judging", []string{"door", "party", "id_key"}},
	{"submission", []string{"office", "id_key"}},
	{"judgement", []string{"office", "id_key", "number"}},
	{"approval", []string{"office", "id_key", "digest"}},
	{"ruling", []string{"office", "id_key", "digest", "text_digest"}},
	{"awaited", []string{"office", "id_key", "kind", "folded"}},
	{"message", []string{"id_key"}},
	{"delivery", []string{"id_key"}},
	{"receipt", []string{"id_key", "number"}},
	{"settlement", []string{"id_key"}},
	{"announced", []string{"route", "subject"}},
	{"inbox", []string{"sender", "id_key"}},
	{"subscription", []string{"owner", "name"}},
	{"handout", []string{"owner", "subscription", "id_key", "sender"}},
	{"registered", []string{"partner", "number", "id_key"}},
	{"number_block", []string{"series", "first"}},
	{"number_use", []string{"number"}},
	{"attachment", []string{"door", "party", "digest"}},
	{"attachment_chunk", []string{"door", "party", "digest", "number"}},
	{"attachment_use", []string{"door", "message_key", "party", "digest"}},
	{"early", []string{"sender", "id_key", "kind", "folded"}},
	{"movement", []string{"id_key"}},
	{"movement_identifier", []string{"id_key", "kind", "folded"}},
	{"movement_office", []string{"id_key", "office"}},
	{"crossing", []string{"id_key"}},
	{"unaccepted", []string{"message_key"}},
	{"balance", []string{"partner"}},
	{"difference", []string{"partner", "sent", "id_key"}},
	{"audit", []string{"leaf"}},
	{"supervised", []string{"leaf"}},
	numbers, // the last: until they are there a copy is not whole
}

var numbers = table{"numbers", []string{"one"}}

// unrecorded are columns that say nothing of what was exchanged.
var unrecorded = []string{"numbers.trials", "numbers.moved"}

// claimed are columns that say which process works on a row: a copy has none.
var claimed = []string{"judging.owner", "delivery.owner", "attachment.owner"}

// A copy commits after so many rows, or so many bytes. One row is held in memory at a time.
const (
	copyRows  = 1000
	copyBytes = 1 << 20
)

// Contents is what one table holds: how many rows, and the SHA-256 of all of them in the
// order of their key, which does not depend on the engine.
type Contents struct {
	Table  string
	Rows   int64
	Digest gateway.Digest
}

// Snapshot is a state of a database, whole: whose it is, its last commit, when it was read,
// and the digest of the contents of its tables.
type Snapshot struct {
	Administration gateway.Administration
	Commit         gateway.Commit
	At             time.Time
	Tables         []Contents
	Digest         gateway.Digest
}

// Copy is a state that was copied, and what the copy holds of it: the same, if there is no
// error.
type Copy struct {
	Snapshot
	There []Contents
}

// digestOf is one digest of all tables.
func digestOf(all []Contents) gateway.Digest {
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "%s %d %s\n", c.Table, c.Rows, c.Digest)
	}
	return gateway.DigestOf([]byte(b.String()))
}

// still is one connection that sees a database as it was when it began, whatever others do.
type still struct {
	engine engine
	db     *sql.DB
	conn   *sql.Conn
}

// look begins to look at a database. Alone is to keep every gateway from it, which is
// refused while one works on it.
func look(ctx context.Context, place string, alone bool) (_ *still, err error) {
	e, err := engineOf(place)
	if err != nil {
		return nil, err
	}
	if begun, err := Begun(place); err != nil {
		return nil, err
	} else if !begun {
		return nil, gateway.Fault{Code: gateway.StoreNone, Severity: gateway.Error, Value: Redacted(place)}
	}
	s := &still{engine: e}
	if s.db, err = e.tool(alone); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	defer func() {
		if err != nil {
			s.close()
			err = e.plain(err)
		}
	}()
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := e.sameVersion(ctx, s.conn); err != nil {
		return nil, err
	}
	if alone && e.others != "" {
		if err := s.waitForOthers(ctx); err != nil {
			return nil, err
		}
	}
	for _, statement := range e.snapshot(alone) {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("hold database: %w", err)
		}
	}
	_, err = s.numbers(ctx) // SQLite begins at the first read
	return s, err
}

// goneWithin is how long a gateway that has just ended may still seem to be connected.
const goneWithin = 2 * time.Second

func (s *still) waitForOthers(ctx context.Context) error {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		var n int
		if err := s.conn.QueryRowContext(ctx, s.engine.others).Scan(&n); err != nil {
			return fmt.Errorf("who uses the database: %w", err)
		}
		if n == 0 {
			return nil
		}
		if time.Since(began) > goneWithin {
			return gateway.Fault{Code: gateway.StoreInUse, Severity: gateway.Error, Value: Redacted(s.engine.place)}
		}
	}
}

// close ends it; what was written and not committed is not there.
func (s *still) close() error {
	var errs []error
	if s.conn != nil {
		s.conn.ExecContext(context.Background(), "ROLLBACK") // or it was committed
		errs = append(errs, s.conn.Close())
	}
	return errors.Join(append(errs, s.db.Close())...)
}

func (s *still) commit(ctx context.Context) error {
	_, err := s.conn.ExecContext(ctx, "COMMIT")
	return err
}

func (s *still) numbers(ctx context.Context) (n rows.LastNumbersRow, err error) {
	err = s.conn.QueryRowContext(ctx, "SELECT commit_no, leaf FROM numbers WHERE one = 1").Scan(&n.CommitNo, &n.Leaf)
	return n, err
}

// state is what the database is said to be, if it is not for a gateway to work on.
func (s *still) state(ctx context.Context) (rows.Copied, error) { return copied(ctx, s.conn) }

func copied(ctx context.Context, db rows.DBTX) (rows.Copied, error) {
	c, err := rows.New(db).Copied(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return rows.Copied{}, nil
	}
	return c, err
}

// lasting is how many of the last audit rows name a state.
const lasting = 100

// source names the state of a database: whose it is, its numbers and its last audit rows.
// It changes with every commit.
func (s *still) source(ctx context.Context) (gateway.Digest, Snapshot, error) {
	var snap Snapshot
	n, err := s.numbers(ctx)
	if err != nil {
		return gateway.Digest{}, snap, err
	}
	snap.Commit = gateway.Commit(n.CommitNo)
	owner, err := rows.New(s.conn).Owner(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return gateway.Digest{}, snap, err
	}
	snap.Administration = gateway.Administration(owner)
	d := newDigester(fmt.Sprintf("%s %d %d", owner, n.CommitNo, n.Leaf))
	err = s.each(ctx, table{"audit", []string{"leaf"}}, []any{n.Leaf - lasting - 1}, func(_ []string, values []any) error {
		d.row(values)
		return nil
	})
	return d.sum(), snap, err
}

// each calls for each row of a table behind a key, in the order of the key, with its columns.
// No key is before all.
func (s *still) each(ctx context.Context, t table, after []any, row func(columns []string, values []any) error) error {
	key := strings.Join(t.key, ", ")
	query := "SELECT * FROM " + t.name
	if after != nil {
		marks := make([]string, len(after))
		for i := range after {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
		query += " WHERE (" + key + ") > (" + strings.Join(marks, ", ") + ")"
	}
	return s.query(ctx, query+" ORDER BY "+key, t.name, row, after...)
}

// query calls for each row that is found in a table, with its columns.
func (s *still) query(ctx context.Context, query, table string, row func(columns []string, values []any) error, args ...any) error {
	found, err := s.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	types, err := found.ColumnTypes()
	if err != nil {
		return err
	}
	var columns []string
	var kept []int
	values, into := make([]any, len(types)), make([]any, len(types))
	for i, c := range types {
		into[i] = &values[i]
		if !slices.Contains(unrecorded, table+"."+c.Name()) {
			columns, kept = append(columns, c.Name()), append(kept, i)
		}
	}
	out := make([]any, len(kept))
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return err
		}
		for i, at := range kept {
			if out[i], err = plainValue(values[at], types[at].DatabaseTypeName()); err != nil {
				return fmt.Errorf("%s.%s: %w", table, columns[i], err)
			}
			if slices.Contains(claimed, table+"."+columns[i]) {
				out[i] = ""
			}
		}
		if err := row(columns, out); err != nil {
			return err
		}
	}
	return found.Err()
}

// plainValue is a value as every engine takes it: int64, bool, string, bytes or nothing.
func plainValue(v any, kind string) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, []byte:
		return v, nil
	case int64:
		if strings.HasPrefix(kind, "BOOL") { // SQLite has none
			return v != 0, nil
		}
		return v, nil
	}
	return nil, fmt.Errorf("a value of type %T", v)
}

// digester digests rows: each value by its kind, its length and its bytes.
type digester struct{ hash.Hash }

func newDigester(begin string) digester {
	d := digester{sha256.New()}
	d.row([]any{begin})
	return d
}

func (d digester) row(values []any) {
	b := make([]byte, 0, 64)
	for _, v := range values {
		var content []byte
		kind := byte('-')
		switch v := v.(type) {
		case int64:
			kind, content = 'n', binary.BigEndian.AppendUint64(nil, uint64(v))
		case bool:
			kind, content = 'b', []byte{0}
			if v {
				content[0] = 1
			}
		case string:
			kind, content = 't', []byte(v)
		case []byte:
			kind, content = 'x', v
		}
		b = append(b[:0], kind)
		b = binary.BigEndian.AppendUint64(b, uint64(len(content)))
		d.Write(b)
		d.Write(content)
	}
}

func (d digester) sum() gateway.Digest { return gateway.Digest(d.Sum(nil)) }

// contents digests every table.
func (s *still) contents(ctx context.Context) ([]Contents, error) {
	out := make([]Contents, len(recorded))
	for i, t := range recorded {
		out[i].Table = t.name
		d, first := newDigester(t.name), true
		err := s.each(ctx, t, nil, func(columns []string, values []any) error {
			if first {
				d.row([]any{strings.Join(columns, " ")})
				first = false
			}
			d.row(values)
			out[i].Rows++
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("digest %s: %w", t.name, err)
		}
		out[i].Digest = d.sum()
	}
	return out, nil
}

// Digests reads a database that gateways may be working on, as it is at one moment.
func Digests(ctx context.Context, place string, now func() time.Time) (snap Snapshot, err error) {
	s, err := look(ctx, place, false)
	if err != nil {
		return Snapshot{}, err
	}
	defer s.close()
	at := now()
	if _, snap, err = s.source(ctx); err != nil {
		return Snapshot{}, s.engine.plain(err)
	}
	if snap.Tables, err = s.contents(ctx); err != nil {
		return Snapshot{}, s.engine.plain(err)
	}
	snap.At, snap.Digest = at, digestOf(snap.Tables)
	return snap, nil
}

// target is a database that is filled from another.
type target struct {
	*still
	fresh bool // nothing had been copied into it
}

// fill prepares a place to be filled: one that has nothing in it, or a copy of the same
// state that was not finished. Lost says that a database that was here may be gone.
func fill(ctx context.Context, place string, lost bool, of gateway.Digest, at time.Time) (_ *target, err error) {
	e, err := engineOf(place)
	if err != nil {
		return nil, err
	}
	if !IsPostgres(place) && lost {
		if _, err := os.Stat(place); errors.Is(err, fs.ErrNotExist) {
			if err := makeAt(ctx, place); err != nil {
				return nil, e.plain(err)
			}
		}
	}
	if err := e.prepare(ctx); err != nil {
		return nil, e.plain(err)
	}
	s := &still{engine: e}
	if err := e.migrate(ctx); err != nil {
		return nil, e.plain(err)
	}
	if s.db, err = e.tool(true); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	defer func() {
		if err != nil {
			s.close()
			err = e.plain(err)
		}
	}()
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	was, err := s.state(ctx)
	switch {
	case err != nil:
		return nil, err
	case was.State == copying && gateway.Digest(was.Source) == of:
		return &target{still: s}, nil
	case was.State != "":
		return nil, s.filled()
	}
	for _, t := range recorded {
		var n int
		query := "SELECT count(*) FROM (SELECT 1 FROM " + t.name + " LIMIT 1) AS any_row"
		if t.name == numbers.name {
			query = "SELECT count(*) FROM numbers WHERE commit_no <> 0 OR leaf <> 0"
		}
		if err := s.conn.QueryRowContext(ctx, query).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			return nil, s.filled()
		}
	}
	_, err = s.conn.ExecContext(ctx, "INSERT INTO copied (one, state, source, at) VALUES (1, $1, $2, $3)", copying, of[:], formatTime(at))
	return &target{s, true}, err
}

// finish makes it a database that a gateway works on.
func (t *target) finish(ctx context.Context) error {
	_, err := t.conn.ExecContext(ctx, "DELETE FROM copied WHERE one = 1")
	return t.engine.plain(err)
}

func (s *still) filled() error {
	return gateway.Fault{Code: gateway.StoreFilled, Severity: gateway.Error, Value: Redacted(s.engine.place)}
}

// take copies what is missing of every table. A step is done after each commit.
func (t *target) take(ctx context.Context, from *still, step func(table string, rows int64) error) error {
	for _, tab := range recorded {
		if tab.name == numbers.name {
			break
		}
		if err := t.takeTable(ctx, from, tab, step); err != nil {
			return fmt.Errorf("copy %s: %w", tab.name, err)
		}
	}
	n, err := from.numbers(ctx)
	if err != nil {
		return err
	}
	_, err = t.conn.ExecContext(ctx, "UPDATE numbers SET commit_no = $1, leaf = $2 WHERE one = 1", n.CommitNo, n.Leaf)
	return err
}

func (t *target) takeTable(ctx context.Context, from *still, tab table, step func(string, int64) error) (err error) {
	last, err := t.lastKey(ctx, tab)
	if err != nil {
		return err
	}
	var put *sql.Stmt
	var rows, size, all int64
	begin := func() error {
		_, err := t.conn.ExecContext(ctx, t.engine.begin)
		return err
	}
	end := func() error {
		if rows == 0 {
			return nil
		}
		if err := t.commit(ctx); err != nil {
			return err
		}
		all += rows
		rows, size = 0, 0
		return step(tab.name, all)
	}
	defer func() {
		if put != nil {
			put.Close()
		}
		if err != nil && rows > 0 {
			t.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	err = from.each(ctx, tab, last, func(columns []string, values []any) error {
		if put == nil {
			marks := make([]string, len(columns))
			for i := range columns {
				marks[i] = fmt.Sprintf("$%d", i+1)
			}
			if put, err = t.conn.PrepareContext(ctx, "INSERT INTO "+tab.name+" ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(marks, ", ")+")"); err != nil {
				return err
			}
		}
		if rows == 0 {
			if err := begin(); err != nil {
				return err
			}
		}
		rows++
		for _, v := range values {
			switch v := v.(type) {
			case []byte:
				size += int64(len(v))
			case string:
				size += int64(len(v))
			}
		}
		if _, err := put.ExecContext(ctx, values...); err != nil {
			return err
		}
		if rows == copyRows || size >= copyBytes {
			return end()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return end()
}

// lastKey is the greatest key of a table; nothing if it is empty.
func (t *target) lastKey(ctx context.Context, tab table) ([]any, error) {
	desc := strings.Join(tab.key, " DESC, ") + " DESC"
	var last []any
	err := t.query(ctx, "SELECT "+strings.Join(tab.key, ", ")+" FROM "+tab.name+" ORDER BY "+desc+" LIMIT 1", tab.name, func(_ []string, values []any) error {
		last = slices.Clone(values)
		return nil
	})
	return last, err
}

// compare digests both into what was copied, and refuses a copy that differs.
func compare(ctx context.Context, from *still, to *target, c *Copy) (err error) {
	if c.Tables, err = from.contents(ctx); err != nil {
		return from.engine.plain(err)
	}
	if c.There, err = to.contents(ctx); err != nil {
		return to.engine.plain(err)
	}
	c.Digest = digestOf(c.Tables)
	for i, t := range c.Tables {
		if t != c.There[i] {
			return gateway.Fault{Code: gateway.StoreDiffers, Severity: gateway.Error, Value: Redacted(to.engine.place), Found: gateway.Term(t.Table)}
		}
	}
	return nil
}
