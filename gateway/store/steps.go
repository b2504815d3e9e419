package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
)

// A gateway that is linked for torture kills itself at a named step: before or after the commit of a unit of work,
// which is named by the first event that it writes into the audit trail.
//
//	go build -ldflags "-X customs.example/gateway/store.stepsVariable=CUSTOMS_STEPS" ./cmd/gatewayd
//	CUSTOMS_STEPS="/tmp/names;before message queued" gatewayd serve ...
//
// The names that it meets it adds to the file. Without a step it only does that.

// stepsVariable names what is read of the environment. Linked as usual it is empty, and nothing is.
var stepsVariable string

// The two sides of a commit.
const (
	beforeCommit = "before"
	afterCommit  = "after" // and before anybody is answered
)

// steps are those that are listed, and the one that it ends at.
type steps struct {
	list string
	end  string // when and event; empty: none
	met  map[string]bool
}

var torture = sync.OnceValue(func() *steps {
	if stepsVariable == "" {
		return nil
	}
	list, end, _ := strings.Cut(os.Getenv(stepsVariable), ";")
	return &steps{list: list, end: end, met: make(map[string]bool)}
})

// reach ends the process if one of a group's units takes the step that it is to end at. It is the writer's.
func reach(when string, group []*unit) {
	s := torture()
	if s == nil || s.list == "" {
		return
	}
	for _, u := range group {
		if u.err != nil || u.event == "" {
			continue
		}
		step := when + " " + u.event
		if !s.met[step] {
			s.met[step] = true
			if f, err := os.OpenFile(s.list, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err == nil {
				fmt.Fprintln(f, step)
				f.Close()
			}
		}
		if step == s.end {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it is dead
		}
	}
}

// Lock keeps all others from writing into a database file until it is released, as a program does that somebody has
// left open on it.
func Lock(ctx context.Context, file string) (release func() error, err error) {
	db, err := one(sql.Open("sqlite", dsn(file)))
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, errors.Join(err, conn.Close(), db.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), rollback)
		return errors.Join(err, conn.Close(), db.Close())
	}, nil
}
