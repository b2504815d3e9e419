package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// preparer is a connection or a pool of them.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// prepared is the statements of a connection or of a pool, each prepared when it is first
// asked for: there are many, and few are asked of a database that is opened for a short time.
// It is safe for concurrent use.
type prepared struct {
	on  preparer
	all sync.Map // of text to *sql.Stmt
}

func (p *prepared) statement(ctx context.Context, query string) (*sql.Stmt, error) {
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
