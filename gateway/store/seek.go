package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// terms is how many identifiers one statement seeks, and fewTerms one for a document that has
// no more, as most do. A document that has more asks again: the statements have as many terms
// whatever a document says, and each is a walk along an index that ends after as many rows as
// are wanted.
const (
	terms    = 32
	fewTerms = 4
)

// seeker finds movements by what they are known by, and reads several at once. Its statements are written
// here and not by sqlc, which would name sixty-four parameters.
type seeker struct{ *prepared }

// walks is one search, for as many identifiers as a statement seeks.
type walks struct{ few, many string }

var (
	walksByCommit = walks{seekByCommit(fewTerms), seekByCommit(terms)}
	walksByLast   = walks{seekByLast(fewTerms), seekByLast(terms)}
)

// seekSQL joins the walks: of each the first rows in an order.
func seekSQL(terms int, where, order string, first int) string {
	each := make([]string, terms)
	for i := range each {
		each[i] = fmt.Sprintf("SELECT * FROM (SELECT id_key, first_time, last_time, commit_no FROM movement_identifier WHERE folded = $%d AND kind = $%d AND %s ORDER BY %s LIMIT $1) AS t%d",
			first+2*i, first+2*i+1, where, order, i)
	}
	return strings.Join(each, "\nUNION ALL ")
}

func seekByCommit(terms int) string {
	return seekSQL(terms, "commit_no BETWEEN $2 AND $3", "commit_no DESC", 4)
}

// readAtOnce is how many movements one statement reads by their keys.
const readAtOnce = 64

// movementsIn reads movements by their keys, of which one that is empty stands for none.
var movementsIn = "SELECT id_key, id, opened, first_time, last_time, body, commit_no, due FROM movement WHERE id_key IN (" + parameters(readAtOnce) + ")"

// parameters are as many parameters, from the first.
func parameters(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint("$", i+1)
	}
	return strings.Join(all, ", ")
}

// movements reads movements by their keys, as many as one statement does at most.
func (s seeker) movements(ctx context.Context, keys []string) (out []rows.Movement, err error) {
	args := make([]any, readAtOnce)
	for i := range args {
		args[i] = ""
		if i < len(keys) {
			args[i] = keys[i]
		}
	}
	statement, err := s.statement(ctx, movementsIn)
	if err != nil {
		return nil, err
	}
	found, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var m rows.Movement
		if err := found.Scan(&m.IDKey, &m.ID, &m.Opened, &m.FirstTime, &m.LastTime, &m.Body, &m.CommitNo, &m.Due); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, found.Err()
}

func seekByLast(terms int) string { return seekSQL(terms, "last_time >= $2", "last_time", 3) }

// hit is a movement that an identifier finds, without what it says.
type hit struct {
	key, first, last string
	commit           int64
}

// byCommit finds movements that changed within commits, of each identifier the last.
func (s seeker) byCommit(ctx context.Context, ids []Identifier, from, to gateway.Commit, limit int) ([]hit, error) {
	return s.seek(ctx, walksByCommit, ids, int64(limit), int64(from), int64(to))
}

// byLast finds movements whose last time is an instant or later, of each identifier the first.
func (s seeker) byLast(ctx context.Context, ids []Identifier, from string, limit int) ([]hit, error) {
	return s.seek(ctx, walksByLast, ids, int64(limit), from)
}

func (s seeker) seek(ctx context.Context, w walks, ids []Identifier, bounds ...any) (out []hit, err error) {
	for len(ids) > 0 {
		query, terms := w.many, terms
		if len(ids) <= fewTerms {
			query, terms = w.few, fewTerms
		}
		some := ids[:min(len(ids), terms)]
		ids = ids[len(some):]
		args := append(make([]any, 0, len(bounds)+2*terms), bounds...)
		for i := range terms {
			id := Identifier{} // finds nothing: no movement has one of no kind
			if i < len(some) {
				id = some[i]
			}
			args = append(args, id.Folded, id.Kind)
		}
		statement, err := s.statement(ctx, query)
		if err != nil {
			return nil, err
		}
		if out, err = hits(ctx, out, statement, args); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func hits(ctx context.Context, out []hit, s *sql.Stmt, args []any) ([]hit, error) {
	found, err := s.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var h hit
		if err := found.Scan(&h.key, &h.first, &h.last, &h.commit); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, found.Err()
}
