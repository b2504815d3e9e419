package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

// migrate moves the records of a gateway's database to another place.
func migrate(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	from := flags.String("from", "", "`PLACE` of the records: a file or a postgres:// URL; no gateway may be at work on it")
	to := flags.String("to", "", "`PLACE` that holds nothing yet; after a stop the same command goes on")
	how, err := readHow(flags, args, func() bool { return *from != "" && *to != "" }, "give -from PLACE and -to PLACE")
	if err != nil {
		return err
	}
	made, err := store.Migrate(ctx, *from, *to, copying(std))
	if len(made.There) > 0 {
		if err := how.contents(std.out, made.Tables, made.There); err != nil {
			return err
		}
	}
	return how.done(std, err)
}

// backUp writes what a gateway holds into a file, while it works.
func backUp(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	config := flags.String("config", "", "configuration `FILE` of the gateway")
	to := flags.String("to", "", "`FILE` to write, which is not there yet; what the gateway believes others by is written beside it")
	how, err := readHow(flags, args, func() bool { return *config != "" && *to != "" }, "give -config FILE and -to FILE")
	if err != nil {
		return err
	}
	s, err := placed(*config)
	if err != nil {
		return err
	}
	for _, name := range []string{anchorsFile(*to), confirmationsFile(*to)} {
		if _, err := os.Lstat(name); err == nil {
			return how.done(std, gateway.Fault{Code: gateway.StoreFilled, Severity: gateway.Error, Value: name})
		}
	}
	made, err := store.Backup(ctx, s.Database, *to, copying(std))
	if err != nil {
		return how.done(std, err)
	}
	if err := copyTrust(s.trustBase(), *to); err != nil {
		return errors.Join(err, os.Remove(*to))
	}
	return how.snapshot(std.out, made.Snapshot)
}

// restore puts a backup into the place that a configuration names, which is empty or lost.
func restore(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	config := flags.String("config", "", "configuration `FILE` of the gateway; its database is empty or lost")
	from := flags.String("from", "", "`FILE` that gatewayd backup has written")
	how, err := readHow(flags, args, func() bool { return *config != "" && *from != "" }, "give -config FILE and -from FILE")
	if err != nil {
		return err
	}
	s, err := placed(*config)
	if err != nil {
		return err
	}
	made, err := store.Restore(ctx, *from, s.Database, s.Administration, copying(std))
	if err != nil {
		return how.done(std, err)
	}
	if err := copyTrust(*from, s.trustBase()); err != nil {
		return err
	}
	return how.snapshot(std.out, made.Snapshot)
}

// digest prints what a database holds, in digests that do not depend on the engine.
func digest(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	of := flags.String("of", "", "`PLACE`: a file, a backup too, or a postgres:// URL; a gateway may be at work on it")
	how, err := readHow(flags, args, func() bool { return *of != "" }, "give -of PLACE")
	if err != nil {
		return err
	}
	snap, err := store.Digests(ctx, *of, time.Now)
	if err != nil {
		return how.done(std, err)
	}
	return how.snapshot(std.out, snap)
}

// readHow reads the flags of a command that takes no operands.
func readHow(flags *flag.FlagSet, args []string, enough func() bool, want string) (how told, err error) {
	how.flags(flags)
	if err := flags.Parse(args); err != nil {
		return how, err
	}
	if !enough() || flags.NArg() > 0 {
		return how, errors.New(want)
	}
	return how, how.check()
}

// placed reads the configuration as far as it says where the records are.
func placed(config string) (*setup, error) {
	c, _, err := readConfig(config)
	if err != nil {
		return nil, err
	}
	if c.Database == "" || c.Administration == "" {
		return nil, fmt.Errorf("%s: database or administration is missing", config)
	}
	return &setup{Config: c, file: config}, nil
}

// copying tells of a long copy from time to time.
func copying(std stdio) store.Copying {
	var told time.Time
	return store.Copying{Now: time.Now, Step: func(table string, rows int64) error {
		if now := time.Now(); told.IsZero() {
			told = now
		} else if now.Sub(told) >= 10*time.Second {
			told = now
			fmt.Fprintf(std.err, "%s %d\n", table, rows)
		}
		return nil
	}}
}

// copyTrust copies what lies beside a database, where nothing lies yet: what is there is
// newer than a backup.
func copyTrust(from, to string) error {
	for _, name := range []func(string) string{anchorsFile, confirmationsFile} {
		raw, err := os.ReadFile(name(from))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		f, err := os.OpenFile(name(to), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.Write(raw)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// errNotDone ends a command that could not be done; why is printed already.
var errNotDone = errors.New("not done")

// done prints why something could not be done, if it could not.
func (t *told) done(std stdio, err error) error {
	var f gateway.Fault
	if !errors.As(err, &f) {
		return err
	}
	f.Remedy = gateway.ByOperator
	if err := t.print(std.err, gateway.Faults{f}); err != nil {
		return err
	}
	return errNotDone
}

// tableContents is one table of a database, and of its copy.
type tableContents struct {
	Table  string         `json:"table"`
	Rows   int64          `json:"rows"`
	Digest gateway.Digest `json:"digest"`
	Copy   gateway.Digest `json:"copy,omitzero"`
}

// contents prints what tables hold, and what those of a copy hold.
func (t *told) contents(w io.Writer, of, there []store.Contents) error {
	all := make([]tableContents, len(of))
	for i, c := range of {
		all[i] = tableContents{Table: c.Table, Rows: c.Rows, Digest: c.Digest}
		if there != nil {
			all[i].Copy = there[i].Digest
		}
	}
	if t.form == "json" {
		return writeJSON(w, all)
	}
	for _, c := range all {
		line := fmt.Sprintf("%-20s %10d  %s", c.Table, c.Rows, c.Digest)
		if there != nil {
			line += "  " + c.Copy.String()
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// snapshot prints a state of a database.
func (t *told) snapshot(w io.Writer, s store.Snapshot) error {
	if t.form == "json" {
		return writeJSON(w, struct {
			Administration gateway.Administration `json:"administration"`
			Commit         gateway.Commit         `json:"commit"`
			At             time.Time              `json:"at"`
			Digest         gateway.Digest         `json:"digest"`
		}{s.Administration, s.Commit, s.At.UTC(), s.Digest})
	}
	if err := t.contents(w, s.Tables, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s  %s  commit %d  %s\n", s.Administration, s.At.UTC().Format(time.RFC3339), s.Commit, s.Digest)
	return err
}
