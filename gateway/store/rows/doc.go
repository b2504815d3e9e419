// Package rows owns the store's statements and their rows, which sqlc makes of queries.sql.
// It refuses everything else: what a row means is the store's.
package rows
