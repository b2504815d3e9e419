package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"customs.example/gateway/codelist"
	"customs.example/gateway/expr"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/validate"
	"customs.example/mappings"
	"customs.example/xsd"
)

// overlay is a file system whose first layer adds to or replaces the second's files.
type overlay struct{ top, base fs.FS }

func (o overlay) Open(name string) (fs.File, error) {
	f, err := o.top.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.base.Open(name)
	}
	return f, err
}

// ReadDir merges the directory of both layers.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	top, err := fs.ReadDir(o.top, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	base, baseErr := fs.ReadDir(o.base, name)
	if err != nil && baseErr != nil {
		return nil, baseErr
	}
	for _, e := range base {
		if !slices.ContainsFunc(top, func(t fs.DirEntry) bool { return t.Name() == e.Name() }) {
			top = append(top, e)
		}
	}
	slices.SortFunc(top, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return top, nil
}

// data is the embedded data, with a directory of the same layout (mappings/, xsd/)
// over it if one is given.
func data(dir string) (tables, schemas fs.FS, err error) {
	if dir == "" {
		return mappings.FS, xsd.FS, nil
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, nil, err
	} else if !info.IsDir() {
		return nil, nil, fmt.Errorf("%s is no directory", dir)
	}
	return over(dir, "mappings", mappings.FS), over(dir, "xsd", xsd.FS), nil
}

// over is what a directory holds in one of its own, over what is embedded: that itself, if
// there is none.
func over(dir, name string, embedded fs.FS) fs.FS {
	own := filepath.Join(dir, name)
	if _, err := os.Lstat(own); errors.Is(err, fs.ErrNotExist) {
		return embedded
	}
	return overlay{os.DirFS(own), embedded}
}

// loadSchemas loads schemas: those that are embedded alone are proven by their tests.
func loadSchemas(schemas fs.FS) (*schema.Set, error) {
	if schemas == xsd.FS {
		return schema.LoadProven(schemas)
	}
	return schema.Load(schemas)
}

// loadChain loads everything that the pure part of the gateway needs.
func loadChain(dir string) (*flow.Chain, error) {
	// Loading makes much garbage and keeps most of what it makes: collecting less often
	// takes a third off a command's time.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	tables, schemas, err := data(dir)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	lists, err := codelist.Load(tables)
	if err != nil {
		return nil, fmt.Errorf("code lists: %w", err)
	}
	env, err := expr.New(lists)
	if err != nil {
		return nil, fmt.Errorf("expressions: %w", err)
	}
	loadTables := mapping.Load
	if tables == mappings.FS { // what is embedded is proven by its tests
		env, loadTables = env.Proven(), mapping.LoadProven
	}
	c := &flow.Chain{Limits: schema.DefaultLimits}
	judging := make(chan error, 1)
	go func() { // beside the tables: it is as much work
		var schemaErr, ruleErr error
		if c.Schemas, schemaErr = loadSchemas(schemas); schemaErr != nil {
			schemaErr = fmt.Errorf("schemas: %w", schemaErr)
		}
		if c.Rules, ruleErr = validate.Load(tables, env, lists); ruleErr != nil {
			ruleErr = fmt.Errorf("rules: %w", ruleErr)
		}
		judging <- errors.Join(schemaErr, ruleErr)
	}()
	if c.Tables, err = loadTables(tables, env, lists); err != nil {
		err = fmt.Errorf("tables: %w", err)
	} else if c.Routes, err = release.Load(tables, c.Tables); err != nil {
		err = fmt.Errorf("routes: %w", err)
	}
	if err := errors.Join(err, <-judging); err != nil {
		return nil, err
	}
	c.Limits = c.Limits.For(c.Cap())
	return c, nil
}

// readFile reads a file, or standard input for "-".
func readFile(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeFile writes what make prints to a file, or to standard output for "-". The file
// appears only when all of it is written; a link stays one. What is no file, a device or a
// pipe, is written to, and never gives way to one.
func writeFile(name string, stdout io.Writer, content []byte) error {
	if name == "-" {
		_, err := stdout.Write(content)
		return err
	}
	if there, err := filepath.EvalSymlinks(name); err == nil {
		name = there
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return errors.Join(err, f.Close())
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
