package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"customs.example/gateway/flow"
)

// samplesDir holds a directory for each route, with documents that make one message of it.
const samplesDir = "samples"

// writeSample writes a route's sample documents, to be changed and submitted.
func writeSample(_ context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	dir := flags.String("dir", ".", "`DIRECTORY` to write to; what is there stays")
	over := flags.String("data", "", "`DIRECTORY` over the embedded data")
	route, err := operand(flags, args)
	if err != nil {
		return err
	}
	tables, _, err := data(*over)
	if err != nil {
		return err
	}
	if route == "" {
		return listSamples(tables, std)
	}
	if strings.ContainsAny(route, `/\`) || !fs.ValidPath(route) {
		return noSample(tables, route)
	}
	files, err := fs.ReadDir(tables, path.Join(samplesDir, route))
	if err != nil || len(files) == 0 {
		return noSample(tables, route)
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		content, err := fs.ReadFile(tables, path.Join(samplesDir, route, f.Name()))
		if err != nil {
			return err
		}
		name := filepath.Join(*dir, f.Name())
		if err := writeNew(name, content); err != nil {
			return err
		}
		fmt.Fprintln(std.out, name)
	}
	return nil
}

// operand reads flags before and behind at most one operand.
func operand(flags *flag.FlagSet, args []string) (string, error) {
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	first := flags.Arg(0)
	if flags.NArg() > 1 {
		if err := flags.Parse(flags.Args()[1:]); err != nil {
			return "", err
		}
		if flags.NArg() > 0 {
			return "", fmt.Errorf("%s: want one operand", flags.Arg(0))
		}
	}
	return first, nil
}

func writeNew(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// samples are the sample documents of a route, as files; none: it has none.
func (s *setup) samples(route string) (all []flow.File) {
	tables, _, err := data(s.Data)
	if err != nil {
		return nil
	}
	files, _ := fs.ReadDir(tables, path.Join(samplesDir, route))
	for _, f := range files {
		if content, err := fs.ReadFile(tables, path.Join(samplesDir, route, f.Name())); err == nil {
			all = append(all, flow.File{Name: f.Name(), Content: content})
		}
	}
	return all
}

func sampled(tables fs.FS) (routes []string) {
	dirs, _ := fs.ReadDir(tables, samplesDir)
	for _, d := range dirs {
		routes = append(routes, d.Name())
	}
	return routes
}

func noSample(tables fs.FS, route string) error {
	return fmt.Errorf("no sample of %s: there are those of %s", route, strings.Join(sampled(tables), ", "))
}

func listSamples(tables fs.FS, std stdio) error {
	out := tabwriter.NewWriter(std.out, 0, 0, 1, ' ', 0)
	for _, route := range sampled(tables) {
		files, err := fs.ReadDir(tables, path.Join(samplesDir, route))
		if err != nil {
			return err
		}
		var names []string
		for _, f := range files {
			names = append(names, f.Name())
		}
		fmt.Fprintf(out, "%s\t%s\n", route, strings.Join(names, ", "))
	}
	return out.Flush()
}
