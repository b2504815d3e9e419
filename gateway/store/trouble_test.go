package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// TestOnlyTheStoresOwnTroubleIsUnavailable: what a document did to its own query is not.
func TestOnlyTheStoresOwnTroubleIsUnavailable(t *testing.T) {
	ctx := t.Context()
	full := open(t)
	do(t, full, func(tx *Tx) error {
		_, err := tx.conn.ExecContext(ctx, "PRAGMA max_page_count = 60")
		return err
	})
	closed := openFile(t, filepath.Join(t.TempDir(), "gateway.db"))
	read := closed.Read()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	large := func(tx *Tx) error {
		return errors.Join(tx.PutArrival(Arrival{Content: make([]byte, 1<<20)}), tx.Audit("", "", "", gateway.Digest{}))
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	s := open(t)
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"full":                 {second(full.Do(ctx, large)), true},
		"closed":               {second(closed.Do(ctx, large)), true},
		"no reader":            {second(read.Submission(ctx, "0603", "x")), true},
		"readers cannot write": {second(s.readers.Exec("DELETE FROM audit")), true},
		"expression too deep":  {second(s.readers.Query("SELECT 1 WHERE " + strings.Repeat("1 AND ", 2000) + "1")), false},
		"no such table":        {second(s.readers.Query("SELECT 1 FROM nothing")), false},
		"twice": {second(s.Do(ctx, func(tx *Tx) error {
			return errors.Join(tx.Audit("", "", "", gateway.Digest{}), tx.q.AddAudit(ctx, rows.AddAuditParams{}))
		})), false},
		"a file that is not there":       {second(os.ReadFile(filepath.Join(t.TempDir(), "crl.pem"))), false},
		"no name of a file":              {second(os.ReadFile("")), false},
		"a directory":                    {second(os.ReadFile(t.TempDir())), false},
		"what may not be read":           {fmt.Errorf("x: %w", &fs.PathError{Op: "open", Err: syscall.EACCES}), false},
		"a program that is not there":    {second(exec.Command(filepath.Join(t.TempDir(), "worker")).Output()), false},
		"no more files for this process": {&fs.PathError{Op: "open", Err: syscall.EMFILE}, true},
		"no room on the disk":            {&fs.PathError{Op: "write", Err: syscall.ENOSPC}, true},
		"nobody listens":                 {second(net.Dial("tcp", "127.0.0.1:1")), true},
		"not found":                      {fmt.Errorf("x: %w", ErrNotFound), false},
		"the caller left":                {second(s.Read().Submission(canceled, "0603", "x")), false},
		"nothing":                        {nil, false},
	} {
		if (c.err == nil) != (name == "nothing") {
			t.Errorf("%s: the error is %v", name, c.err)
		}
		if got := Unavailable(c.err); got != c.want {
			t.Errorf("%s: %v is unavailable: %v", name, c.err, got)
		}
	}
}

// TestMovementsAreFoundByAnyNumberOfIdentifiers: one argument and one search of the index
// for each, however many a document has.
func TestMovementsAreFoundByAnyNumberOfIdentifiers(t *testing.T) {
	s, ctx := open(t), t.Context()
	for _, m := range []struct{ id, kind, folded string }{{"m-1", "load-unit", "U0"}, {"m-2", "seal", "U0"}, {"m-3", "load-unit", "last"}} {
		do(t, s, func(tx *Tx) error {
			return tx.PutMovement(Movement{ID: gateway.MovementID(m.id)}, []Identifier{{m.kind, m.folded}})
		})
	}
	for _, n := range []int{1, fewTerms, fewTerms + 1, terms, terms + 1, 326, 1_000, 20_000} {
		sought := make([]Identifier, n)
		for i := range sought {
			sought[i] = Identifier{"load-unit", fmt.Sprint("U", i)}
		}
		sought[n-1].Folded += `"'\u0000]`
		want(t, fmt.Sprint(n, " of none"), []string{}, movementIDs(must(s.Read().MovementsBy(ctx, sought[n-1:], 0, 10))(t)))
		sought[n-1].Folded = "last"
		expected := []string{"m-3", "m-1"}
		if n == 1 {
			expected = expected[:1]
		}
		want(t, fmt.Sprint(n), expected, movementIDs(must(s.Read().MovementsBy(ctx, sought, 0, 10))(t)))
	}
}
