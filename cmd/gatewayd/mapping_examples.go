package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	"customs.example/gateway/mapping"
)

// tested is a line of mapping test.
type tested struct {
	File     string                  `json:"file"`
	Line     int                     `json:"line,omitempty"` // of an example inside a table
	Row      string                  `json:"row,omitempty"`
	Name     string                  `json:"example,omitempty"`
	Table    string                  `json:"table"`
	OK       bool                    `json:"ok"`
	Mismatch string                  `json:"wrong,omitempty"`      // with a row's example
	Bytes    bool                    `json:"otherBytes,omitempty"` // the values are right, the bytes are not
	Written  []analysis.OutputChange `json:"written,omitempty"`
	Read     []analysis.OutputChange `json:"read,omitempty"`
	Faults   []gateway.Report        `json:"faults,omitempty"`
}

func testTables(b *bench, args []string) error {
	if err := b.load(); err != nil {
		return err
	}
	tables := b.chain.Tables.Tables()
	if len(args) == 0 && b.table != "" {
		args = []string{b.table}
	}
	var files []string
	if len(args) > 0 {
		tables = nil
	}
	for _, arg := range args {
		if t, ok := b.chain.Tables.Table(arg); ok {
			tables = append(tables, t)
			continue
		}
		found, err := exampleFiles(arg)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w, and no file: %w", none("table", arg, tableNames(b.chain)), err)
		}
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	var all []tested
	for _, t := range tables {
		s, err := analysis.Read(b.tables, t)
		if err != nil {
			return err
		}
		all = append(all, testInside(t, s)...)
	}
	for _, file := range files {
		o, err := b.testFile(file)
		if err != nil {
			return err
		}
		all = append(all, o)
	}
	failed := 0
	for _, o := range all {
		if !o.OK {
			failed++
		}
	}
	if b.format == "json" {
		if err := writeJSON(b.std.out, append([]tested{}, all...)); err != nil {
			return err
		}
	} else {
		printTested(b.std, all, failed)
	}
	if failed > 0 {
		return errFaulty
	}
	return nil
}

// testInside holds a table to the examples that its file holds.
func testInside(t *mapping.Table, s *analysis.Source) (out []tested) {
	for _, trial := range t.Try() {
		out = append(out, tested{File: s.File, Line: trial.Example.Line, Row: trial.Row, Table: t.ID(), OK: trial.Mismatch == "", Mismatch: trial.Mismatch})
	}
	for _, e := range t.Examples() {
		o := analysis.Try(t, analysis.Of(e))
		o.Bytes = false // it is laid out for people
		out = append(out, tested{
			File: s.File, Line: e.Line, Name: e.Name, Table: t.ID(), OK: o.OK(), Written: o.Written, Read: o.Read, Faults: o.Faults.Report("en"),
		})
	}
	return out
}

func (b *bench) testFile(file string) (tested, error) {
	id := b.table
	if id == "" { // the folder says: ru/auto-preliminary.v1/NAME.json
		dir := filepath.ToSlash(filepath.Dir(file))
		id = dir[strings.LastIndexByte(dir[:max(strings.LastIndexByte(dir, '/'), 0)], '/')+1:]
	}
	t, ok := b.chain.Tables.Table(id)
	if !ok {
		return tested{}, fmt.Errorf("%s: give -table: %w", file, none("table", id, tableNames(b.chain)))
	}
	e, err := readExample(file)
	if err != nil {
		return tested{}, err
	}
	o := analysis.Try(t, e)
	return tested{
		File: file, Table: id, OK: o.OK(), Bytes: o.Bytes, Written: o.Written, Read: o.Read, Faults: o.Faults.Report("en"),
	}, nil
}

// place says where an example stands.
func (o tested) place() string {
	switch {
	case o.Row != "":
		return fmt.Sprintf("%s:%d: row %s", o.File, o.Line, o.Row)
	case o.Name != "":
		return fmt.Sprintf("%s:%d: example %s", o.File, o.Line, o.Name)
	}
	return o.File
}

func printTested(std stdio, all []tested, failed int) {
	for _, o := range all {
		if o.OK {
			continue
		}
		fmt.Fprintf(std.out, "%s (%s)\n", o.place(), o.Table)
		if o.Mismatch != "" {
			fmt.Fprintf(std.out, "  %s\n", o.Mismatch)
		}
		for _, f := range o.Faults {
			if f.Severity == gateway.Error {
				fmt.Fprintf(std.out, "  %s %s: %s\n", f.Code, cmp.Or(f.Location, f.Path), f.Message)
			}
		}
		for _, c := range o.Written {
			fmt.Fprintf(std.out, "  written %s: %q, expected %q\n", c.At, c.B, c.A)
		}
		for _, c := range o.Read {
			fmt.Fprintf(std.out, "  read %s: %q, expected %q\n", c.At, c.B, c.A)
		}
		if o.Bytes {
			fmt.Fprintln(std.out, "  written: the values are right, order, blanks or prefixes are not")
		}
	}
	fmt.Fprintf(std.out, "examples %d, wrong %d\n", len(all), failed)
}

// exampleFiles finds the canonical documents of examples.
func exampleFiles(arg string) ([]string, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{arg}, nil
	}
	var out []string
	err = filepath.WalkDir(arg, func(name string, _ fs.DirEntry, err error) error {
		if base, ok := strings.CutSuffix(name, ".json"); ok && !strings.HasSuffix(base, ".back") {
			out = append(out, name)
		}
		return err
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("no .json in %s", arg)
	}
	return out, err
}

func readExample(file string) (e analysis.Example, err error) {
	base, ok := strings.CutSuffix(file, ".json")
	if !ok {
		return e, fmt.Errorf("%s: expected NAME.json", file)
	}
	if e.Canonical, err = os.ReadFile(file); err != nil {
		return e, err
	}
	if e.XML, err = os.ReadFile(base + ".xml"); err != nil {
		return e, err
	}
	if e.Back, err = os.ReadFile(base + ".back.json"); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return e, err
}
