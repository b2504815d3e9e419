package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	"customs.example/gateway/codelist"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/validate"
)

// listed is a line of mapping list.
type listed struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	Status  string `json:"status,omitempty"`
	From    string `json:"validFrom,omitempty"`
	To      string `json:"validTo,omitempty"`
	Rows    int    `json:"rows"`
	Digest  string `json:"sha256"`
}

func listTables(b *bench, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	if err := b.load(); err != nil {
		return err
	}
	var all []listed
	for _, t := range b.chain.Tables.Tables() {
		s, err := analysis.Read(b.tables, t)
		if err != nil {
			return err
		}
		kind := "table"
		if t.Profile() != "" {
			kind = "profile"
		}
		all = append(all, listed{
			t.ID(), kind, t.Version(), t.Kind(), t.Status(), s.Get("valid.from"), s.Get("valid.to"), len(t.Rows()), t.Digest().String(),
		})
	}
	others, err := otherFiles(b.tables)
	if err != nil {
		return err
	}
	other := func(kind, id, document string, digest gateway.Digest) {
		l := listed{ID: id, Type: kind, Kind: document, Digest: digest.String()}
		if s := others[kind+" "+id]; s != nil {
			l.Version, _ = strconv.Atoi(s.Get("version"))
			l.Status, l.Rows = s.Get("status"), len(s.Rows)
		}
		all = append(all, l)
	}
	for _, j := range b.chain.Tables.Joins() {
		other("join", j.ID(), j.Kind(), j.Digest())
	}
	for _, s := range b.chain.Tables.Splits() {
		other("split", s.ID(), s.Kind(), s.Digest())
	}
	r := analysis.Report{Title: "tables, joins and splits", Sections: []analysis.Section{{
		Columns: []string{"id", "type", "kind", "status", "valid", "rows", "sha256"},
	}}}
	for _, l := range all {
		valid := "always"
		if l.From != "" || l.To != "" {
			valid = cmp.Or(l.From, "…") + " to " + cmp.Or(l.To, "…")
		}
		r.Sections[0].Rows = append(r.Sections[0].Rows, []string{l.ID, l.Type, l.Kind, l.Status, valid, strconv.Itoa(l.Rows), l.Digest[:12]})
	}
	return b.print(r, all)
}

// otherFiles reads the files of joins and splits, by type and id.
func otherFiles(tables fs.FS) (map[string]*analysis.Source, error) {
	out := map[string]*analysis.Source{}
	for _, kind := range []string{"join", "split"} {
		names, err := fs.Glob(tables, kind+"/*.yaml")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			s, err := analysis.ReadFile(tables, name)
			if err != nil {
				return nil, err
			}
			out[kind+" "+s.Get(kind)+".v"+s.Get("version")] = s
		}
	}
	return out, nil
}

func showTable(b *bench, args []string) error {
	t, s, err := b.one(args)
	if err != nil {
		return err
	}
	return b.print(analysis.Show(t, s), struct {
		Table  string         `json:"table"`
		Digest string         `json:"sha256"`
		Header []analysis.Key `json:"header"`
		Rows   []analysis.Row `json:"rows"`
	}{t.ID(), t.Digest().String(), s.Header, s.Rows})
}

func coverTable(b *bench, args []string) error {
	t, s, err := b.one(args)
	if err != nil {
		return err
	}
	c, err := analysis.Cover(t, s, b.schema)
	if err != nil {
		return err
	}
	return b.print(c.Report(b.all), c)
}

// located is a mistake as the loaders report them.
var located = regexp.MustCompile(`^([^:\s]+):(\d+): (?:row (\S+): )?(.*)$`)

func lintData(b *bench, args []string) error {
	remarks, err := b.mistakes()
	if err != nil {
		return err
	}
	if len(remarks) == 0 {
		if err := b.load(); err != nil {
			return err
		}
		for _, id := range args {
			if _, ok := b.chain.Tables.Table(id); !ok {
				return none("table", id, tableNames(b.chain))
			}
		}
		said := map[analysis.Remark]bool{} // of a table, and so of all that profiles make of it
		for _, t := range b.chain.Tables.Tables() {
			if len(args) > 0 && !slices.Contains(args, t.ID()) {
				continue
			}
			found, err := b.lintTable(t)
			if err != nil {
				return err
			}
			for _, r := range found {
				if said[r] {
					continue
				}
				said[r] = true
				if t.Profile() != "" {
					r.Text += " (in " + t.ID() + ")"
				}
				remarks = append(remarks, r)
			}
		}
	}
	return b.printRemarks(remarks)
}

func (b *bench) lintTable(t *mapping.Table) ([]analysis.Remark, error) {
	s, err := analysis.Read(b.tables, t)
	if err != nil {
		return nil, err
	}
	c, err := analysis.Cover(t, s, b.schema)
	if err != nil {
		return []analysis.Remark{{File: s.File, Line: 1, Severity: gateway.Error, Text: err.Error()}}, nil
	}
	return analysis.Lint(t, s, c), nil
}

// mistakes loads everything, goes on where a loader gives up, and returns what all of
// them say.
func (b *bench) mistakes() (out []analysis.Remark, err error) {
	tables, schemas, err := data(b.data)
	if err != nil {
		return nil, err
	}
	note := func(file string, err error) {
		if err == nil {
			return
		}
		for line := range strings.Lines(err.Error()) {
			r := analysis.Remark{File: file, Line: 1, Severity: gateway.Error, Text: strings.TrimSpace(line)}
			if m := located.FindStringSubmatch(r.Text); m != nil {
				r.File, r.Row, r.Text = m[1], m[3], m[4]
				r.Line, _ = strconv.Atoi(m[2])
			}
			out = append(out, r)
		}
	}
	_, err = schema.Load(schemas)
	note("xsd", err)
	lists, err := codelist.Load(tables)
	if note("codelists", err); err != nil {
		return out, nil
	}
	env, err := expr.New(lists)
	if err != nil {
		return nil, err
	}
	_, err = validate.Load(tables, env, lists)
	note("rules", err)
	library, err := mapping.Load(tables, env, lists)
	if note("tables", err); err != nil {
		return out, nil
	}
	_, err = release.Load(tables, library)
	note("routes", err)
	return out, nil
}

func (b *bench) printRemarks(remarks []analysis.Remark) error {
	count := map[gateway.Severity]int{}
	for _, r := range remarks {
		count[r.Severity]++
	}
	if b.format == "json" {
		if remarks == nil {
			remarks = []analysis.Remark{}
		}
		if err := writeJSON(b.std.out, remarks); err != nil {
			return err
		}
	} else {
		for _, r := range remarks {
			fmt.Fprintln(b.std.out, r)
		}
		fmt.Fprintf(b.std.out, "errors %d, warnings %d, notes %d\n", count[gateway.Error], count[gateway.Warning], count[gateway.Info])
	}
	if count[gateway.Error] > 0 {
		return errFaulty
	}
	return nil
}

// tested is a line of mapping test.
type tested struct {
	File    string                  `json:"file"`
	Line    int                     `json:"line,omitempty"` // of an example inside a table
	Row     string                  `json:"row,omitempty"`
	Name    string                  `json:"example,omitempty"`
	Table   string                  `json:"table"`
	OK      bool                    `json:"ok"`
	Wrong   string                  `json:"wrong,omitempty"`      // with a row's example
	Bytes   bool                    `json:"otherBytes,omitempty"` // the values are right, the bytes are not
	Written []analysis.OutputChange `json:"written,omitempty"`
	Read    []analysis.OutputChange `json:"read,omitempty"`
	Faults  []gateway.Report        `json:"faults,omitempty"`
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
	wrong := 0
	for _, o := range all {
		if !o.OK {
			wrong++
		}
	}
	if b.format == "json" {
		if err := writeJSON(b.std.out, append([]tested{}, all...)); err != nil {
			return err
		}
	} else {
		printTested(b.std, all, wrong)
	}
	if wrong > 0 {
		return errFaulty
	}
	return nil
}

// testInside holds a table to the examples that its file holds.
func testInside(t *mapping.Table, s *analysis.Source) (out []tested) {
	for _, trial := range t.Try() {
		out = append(out, tested{File: s.File, Line: trial.Example.Line, Row: trial.Row, Table: t.ID(), OK: trial.Wrong == "", Wrong: trial.Wrong})
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

func printTested(std stdio, all []tested, wrong int) {
	for _, o := range all {
		if o.OK {
			continue
		}
		fmt.Fprintf(std.out, "%s (%s)\n", o.place(), o.Table)
		if o.Wrong != "" {
			fmt.Fprintf(std.out, "  %s\n", o.Wrong)
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
	fmt.Fprintf(std.out, "examples %d, wrong %d\n", len(all), wrong)
}

// exampleFiles finds the canonical documents of examples.
func exampleFiles(arg string) ([]string, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, fmt.Errorf("%q is neither a table nor FILE.json or DIR: %w", arg, err)
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
