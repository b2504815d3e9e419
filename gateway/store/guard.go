package store

import (
	"context"
	"database/sql"
)

// guard runs the statements of the writer's connection, each prepared once. After one that
// failed it runs none that writes until the next unit begins: SQLite rolls a transaction back
// by itself when its disk is full or fails, and what came behind would be committed alone.
type guard struct {
	conn     *sql.Conn
	prepared *prepared
	failed   error
}

func newGuard(conn *sql.Conn, t *tally) *guard {
	return &guard{conn: conn, prepared: &prepared{on: conn, tally: t}}
}

// begin forgets what failed before.
func (g *guard) begin() { g.failed = nil }

// ExecContext runs a statement that writes, unless one of the same unit has failed.
func (g *guard) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if g.failed != nil {
		return nil, g.failed
	}
	s, err := g.prepared.statement(ctx, query)
	var done sql.Result
	if err == nil {
		done, err = s.ExecContext(ctx, args...)
	}
	g.failed = err
	return done, err
}

// PrepareContext prepares a statement.
func (g *guard) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return g.conn.PrepareContext(ctx, query)
}

// QueryContext asks for rows.
func (g *guard) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := g.prepared.statement(ctx, query)
	if err != nil {
		g.failed = err
		return nil, err
	}
	found, err := s.QueryContext(ctx, args...)
	if err != nil {
		g.failed = err
	}
	return found, err
}

// QueryRowContext asks for one row.
func (g *guard) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := g.prepared.statement(ctx, query)
	if err != nil {
		g.failed = err
		return g.conn.QueryRowContext(ctx, query, args...) // has the error
	}
	return s.QueryRowContext(ctx, args...)
}
