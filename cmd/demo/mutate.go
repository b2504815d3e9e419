package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"customs.example/gateway/invariant"
)

// mutation is a one-line change of the gateway that breaks what is promised.
type mutation struct {
	name, file string
	line, to   string
	breaks     []string // invariants, of which one is found broken
}

// readMutations reads a list of them: blocks of five lines.
func readMutations(name string) (all []mutation, err error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for block := range strings.SplitSeq(string(raw), "\n\n") {
		var lines []string
		for line := range strings.SplitSeq(strings.Trim(block, "\n"), "\n") {
			if !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		if len(lines) == 0 {
			continue
		}
		if len(lines) != 5 || !strings.HasPrefix(lines[2], "-") || !strings.HasPrefix(lines[3], "+") {
			return nil, fmt.Errorf("%s: %q: want a name, a file, a line with -, one with +, and invariants", name, block)
		}
		all = append(all, mutation{lines[0], lines[1], lines[2][1:], lines[3][1:], strings.Fields(lines[4])})
	}
	return all, nil
}

// apply is the file with the change.
func (m mutation) apply(root string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	old, changed := "\n"+m.line+"\n", "\n"+m.to+"\n"
	if n := strings.Count(string(raw), old); n != 1 {
		return nil, fmt.Errorf("%s: %s has %d lines %q", m.name, m.file, n, m.line)
	}
	return []byte(strings.Replace(string(raw), old, changed, 1)), nil
}

// build makes a gateway with the change, in a directory, of the module in root.
func (m mutation) build(ctx context.Context, root, dir string) error {
	changed, err := m.apply(root)
	if err != nil {
		return err
	}
	file, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		return err
	}
	replaced, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.file): file}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(overlay, replaced, 0o600); err != nil {
		return err
	}
	make := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", dir+string(filepath.Separator), "./cmd/gatewayd")
	make.Dir = root
	if out, err := make.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", m.name, err, out)
	}
	return nil
}

// mutants plays each change, and returns an error unless what it breaks is found.
func mutants(ctx context.Context, out *screen, list string, seed uint64, p plan) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	all, err := readMutations(list)
	if err != nil {
		return err
	}
	var missed []string
	for _, m := range all {
		err := temporarily("customs-mutant-", func(dir string) error {
			if err := m.build(ctx, root, dir); err != nil {
				return err
			}
			bounded, cancel := context.WithTimeout(ctx, mutantFor+time.Duration(p.kills)*perStrike)
			defer cancel()
			c, err := tortured(bounded, &screen{w: io.Discard}, dir, dir, seed, p)
			found := make(map[string]int)
			for _, v := range c.Violations {
				found[v.Invariant]++
			}
			if !slices.ContainsFunc(m.breaks, func(i string) bool { return found[i] > 0 }) {
				missed = append(missed, m.name)
				out.say("MISSED  %s: want one of %v, got %v; %v", m.name, m.breaks, found, err)
				return nil
			}
			one := c.Violations[slices.IndexFunc(c.Violations, func(v invariant.Violation) bool { return slices.Contains(m.breaks, v.Invariant) })]
			out.say("found   %s: %d violations, such as %s", m.name, c.Total, one)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("%d of %d changes are not found: %s", len(missed), len(all), strings.Join(missed, "; "))
	}
	return errors.Join(out.err)
}

// mutantFor bounds a play with a changed gateway, beside its strikes: what never ends is one of the things
// that are found.
const mutantFor = 45 * time.Second
