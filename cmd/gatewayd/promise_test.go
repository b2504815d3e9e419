package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"customs.example/gateway"
	"customs.example/gateway/invariant"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// promiseKept has what is promised checked over the databases that a story leaves behind: of every
// gateway with a configuration that can be read, alone on its file and stopped.
func promiseKept(env *testscript.Env) error {
	configs, err := filepath.Glob(filepath.Join(env.WorkDir, "*.yaml"))
	if err != nil {
		return err
	}
	more, err := filepath.Glob(filepath.Join(env.WorkDir, "*", "gateway.yaml"))
	if err != nil {
		return err
	}
	check := invariant.Check{At: time.Now()}
	var keys []seal.Verifier
	places := make(map[gateway.Administration]string)
	for _, name := range append(configs, more...) {
		c, _, err := readConfig(name)
		if err != nil || store.IsPostgres(c.Database) {
			continue // of a story about bad configurations, or one with its own proof
		}
		for _, f := range c.Trust {
			v, err := seal.LoadVerifier(f)
			if err == nil && !slices.ContainsFunc(keys, func(k seal.Verifier) bool { return k.ID == v.ID }) {
				keys = append(keys, v)
			}
		}
		if _, err := os.Stat(c.Database); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if other, twice := places[c.Administration]; twice && other != c.Database {
			return nil // one was restored, moved or copied: which holds is what the story is about
		}
		if places[c.Administration] != "" {
			continue
		}
		places[c.Administration] = c.Database
		db, err := store.Open(context.Background(), c.Database, time.Now)
		if err != nil {
			return nil // it was spoilt on purpose
		}
		defer db.Close()
		check.Sides = append(check.Sides, invariant.Side{Own: c.Administration, Store: db})
	}
	if len(check.Sides) == 0 {
		return nil
	}
	if check.Trust, err = seal.NewTrust(keys...); err != nil {
		return err
	}
	report, err := check.Run(context.Background())
	if err != nil || report.Total == 0 {
		return err
	}
	var text strings.Builder
	if err := report.Print(&text); err != nil {
		return err
	}
	return fmt.Errorf("what is promised is broken:\n%s", text.String())
}
