package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/invariant"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// maxList is the greatest file of what clients were acknowledged.
const maxList = 1 << 30

// verifyExchange proves over databases, logs and clients' lists that what the gateway promises was kept.
func verifyExchange(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) (err error) {
	var configs, lists []string
	logs := make(map[gateway.Administration][]string)
	processes := make(map[gateway.Administration][]invariant.Process)
	several := func(into *[]string) func(string) error {
		return func(name string) error { *into = append(*into, name); return nil }
	}
	flags.Func("config", "configuration `FILE` of a gateway that has ended, for each side; one side alone is checked in itself", several(&configs))
	flags.Func("list", "`FILE` of what clients were acknowledged, one line for each: {\"from\":\"CN\",\"office\":\"0603\",\"id\":\"M-1\",\"digest\":\"sha256:...\",\"consignment\":\"7\"}", several(&lists))
	flags.Func("log", "`ADMINISTRATION=FILE`, a log of that side", func(of string) error {
		own, name, ok := strings.Cut(of, "=")
		if !ok {
			return errors.New("want CN=FILE")
		}
		logs[gateway.Administration(own)] = append(logs[gateway.Administration(own)], name)
		return nil
	})
	flags.Func("figures", "`ADMINISTRATION=BEFORE,AFTER`, figures of a gateway of that side as /metrics shows them at rest: before anything came, and when everything had ended", func(of string) error {
		own, names, ok := strings.Cut(of, "=")
		before, after, both := strings.Cut(names, ",")
		if !ok || !both {
			return errors.New("want CN=BEFORE,AFTER")
		}
		p := invariant.Process{Name: after}
		var err error
		if p.Before, err = readUsage(before); err == nil {
			p.After, err = readUsage(after)
		}
		processes[gateway.Administration(own)] = append(processes[gateway.Administration(own)], p)
		return err
	})
	ended := flags.Bool("ended", false, "everything had the time to come to its end: what has not is a violation")
	form := flags.String("o", "text", "how it is printed: text or json")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if len(configs) == 0 || flags.NArg() > 0 || *form != "text" && *form != "json" {
		return errors.New("give -config FILE of each side, and perhaps -list FILE, -log CN=FILE, -figures CN=BEFORE,AFTER, -ended, -o json")
	}
	check := invariant.Check{Ended: *ended, At: time.Now()}
	var keys []seal.Verifier
	for _, name := range configs {
		c, _, err := readConfig(name)
		if err != nil {
			return err
		}
		for _, f := range c.Trust {
			v, err := seal.LoadVerifier(f)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(keys, func(k seal.Verifier) bool { return k.ID == v.ID }) {
				keys = append(keys, v)
			}
		}
		if slices.ContainsFunc(check.Sides, func(s invariant.Side) bool { return s.Own == c.Administration }) {
			continue // another gateway on the same database
		}
		db, err := store.Open(ctx, c.Database, time.Now)
		if err != nil {
			return err
		}
		defer db.Close()
		side := invariant.Side{Own: c.Administration, Store: db, Processes: processes[c.Administration]}
		for _, name := range logs[side.Own] {
			side.Logs = append(side.Logs, invariant.Log{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
		}
		check.Sides = append(check.Sides, side)
	}
	if check.Trust, err = seal.NewTrust(keys...); err != nil {
		return err
	}
	for _, name := range lists {
		if check.Acknowledged, err = readAcknowledged(check.Acknowledged, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	report, err := check.Run(ctx)
	if err != nil {
		return err
	}
	if *form == "json" {
		err = writeJSON(std.out, report)
	} else {
		err = report.Print(std.out)
	}
	if err == nil && report.Total > 0 {
		err = errFaulty
	}
	return err
}

// readUsage reads what a process used from a file of its figures.
func readUsage(name string) (invariant.Usage, error) {
	f, err := os.Open(name)
	if err != nil {
		return invariant.Usage{}, err
	}
	defer f.Close()
	u, err := invariant.ReadUsage(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return u, err
}

// readAcknowledged reads a list of JSON lines behind others.
func readAcknowledged(all []invariant.Acknowledged, name string) ([]invariant.Acknowledged, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxList+1))
	if err != nil || len(raw) > maxList {
		return nil, errors.Join(err, fmt.Errorf("want %d bytes at most", maxList))
	}
	lines := json.NewDecoder(bytes.NewReader(raw))
	lines.DisallowUnknownFields()
	for n := 1; ; n++ {
		var a invariant.Acknowledged
		switch err := lines.Decode(&a); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("entry %d: %w", n, err)
		}
		all = append(all, a)
	}
}
