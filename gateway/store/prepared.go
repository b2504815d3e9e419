package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
)

// preparer is a connection or a pool of them.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// prepared is the statements of a connection or of a pool, each prepared when it is first
// asked for: there are many, and few are asked of a database that is opened for a short time.
// It is safe for concurrent use.
type prepared struct {
	on    preparer
	all   sync.Map // of text to *sql.Stmt
	tally *tally
}

// tally counts how often each statement was asked for.
type tally struct{ of sync.Map } // of text to *atomic.Int64

func (t *tally) add(query string) {
	n, ok := t.of.Load(query)
	if !ok {
		n, _ = t.of.LoadOrStore(query, new(atomic.Int64))
	}
	n.(*atomic.Int64).Add(1)
}

// Asked is how often each statement was asked for, by its text, since the store was opened: what a call
// costs, and that what it costs does not tell what is stored.
func (s *Store) Asked() map[string]int64 {
	out := make(map[string]int64)
	for query, n := range s.tally.of.Range {
		out[query.(string)] = n.(*atomic.Int64).Load()
	}
	return out
}

func (p *prepared) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	p.tally.add(query)
	if s, ok := p.all.Load(query); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := p.on.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if first, loaded := p.all.LoadOrStore(query, s); loaded {
		return first.(*sql.Stmt), s.Close()
	}
	return s, nil
}

// Close ends the statements.
func (p *prepared) Close() error {
	var errs []error
	for _, s := range p.all.Range {
		errs = append(errs, s.(*sql.Stmt).Close())
	}
	return errors.Join(errs...)
}

// readers is a pool of connections, by its statements.
type readers struct {
	*sql.DB
	prepared *prepared
}

// ExecContext runs a statement.
func (r readers) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := r.prepared.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// QueryContext asks for rows.
func (r readers) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := r.prepared.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext asks for one row.
func (r readers) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := r.prepared.statement(ctx, query)
	if err != nil {
		return r.DB.QueryRowContext(ctx, query, args...) // has the error
	}
	return s.QueryRowContext(ctx, args...)
}
