package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
	for _, s := range b.subjects {
		l := listed{
			ID: s.ID, Type: s.kind(), Kind: s.Get("document"), Status: s.Get("status"), From: s.Get("valid.from"), To: s.Get("valid.to"),
			Rows: len(s.Rows), Digest: s.Digest.String(),
		}
		l.Version, _ = strconv.Atoi(s.Get("version"))
		if s.Type == "profile" {
			l.Kind = "over " + s.Get("over")
		}
		all = append(all, l)
	}
	r := analysis.Report{Title: "tables, profiles, joins and splits", Sections: []analysis.Section{{
		Columns: []string{"id", "type", "status", "valid", "rows", "sha256", "kind"},
	}}}
	for _, l := range all {
		valid := "always"
		if l.From != "" || l.To != "" {
			valid = cmp.Or(l.From, "…") + " to " + cmp.Or(l.To, "…")
		}
		r.Sections[0].Rows = append(r.Sections[0].Rows, []string{l.ID, l.Type, l.Status, valid, strconv.Itoa(l.Rows), l.Digest[:12], l.Kind})
	}
	return b.print(r, all)
}

func showTable(b *bench, args []string) error {
	if len(args) != 1 {
		return errors.New("give one ID, of a table, profile, join or split")
	}
	if err := b.load(); err != nil {
		return err
	}
	s, err := b.subject(args[0])
	if err != nil {
		return err
	}
	var r analysis.Report
	var tables []analysis.ProfileTable
	switch s.Type {
	case "join":
		r = analysis.ShowJoin(s.Source)
	case "split":
		r = analysis.ShowSplit(s.Source)
	case "profile":
		if tables, err = b.profiled(s.Source); err == nil {
			r, err = analysis.ShowProfile(b.tables, s.Source, tables)
		}
	default:
		r = analysis.Show(s.table, s.Source)
	}
	if err != nil {
		return err
	}
	return b.print(r, struct {
		ID     string                  `json:"id"`
		Type   string                  `json:"type"`
		Digest string                  `json:"sha256"`
		Header []analysis.Key          `json:"header"`
		Rows   []analysis.Row          `json:"rows"`
		Tables []analysis.ProfileTable `json:"tables,omitempty"` // of a profile
	}{s.ID, s.kind(), s.Digest.String(), s.Header, s.Rows, tables})
}

// profiled returns what a profile changes, table by table.
func (b *bench) profiled(s *analysis.Source) (out []analysis.ProfileTable, err error) {
	suffix := "+" + strings.TrimSuffix(s.ID, ".v1")
	for _, t := range b.chain.Tables.Tables() {
		if t.ID() != t.Base()+suffix {
			continue
		}
		changes, err := analysis.ProfileChanges(b.tables, s.ID, t.Base())
		if err != nil {
			return nil, err
		}
		out = append(out, changes)
	}
	return out, nil
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
		if remarks, err = b.lint(args); err != nil {
			return err
		}
	}
	return b.printRemarks(remarks)
}

// lint looks at everything, or at what ids name.
func (b *bench) lint(ids []string) (remarks []analysis.Remark, err error) {
	if err := b.load(); err != nil {
		return nil, err
	}
	lists, err := codelist.Load(b.tables)
	if err != nil {
		return nil, err
	}
	subjects := b.subjects
	if len(ids) > 0 {
		subjects = nil
	}
	for _, id := range ids {
		s, err := b.subject(id)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}
	said := map[string]bool{} // of a table, and so of all that profiles make of it
	for _, s := range subjects {
		found, err := b.lintOne(s, lists)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if said[r.String()] {
				continue
			}
			said[r.String()] = true
			if s.table != nil && s.table.Profile() != "" {
				r.Text += " (in " + s.ID + ")"
			}
			remarks = append(remarks, r)
		}
	}
	if len(ids) > 0 {
		return remarks, nil
	}
	for _, name := range lists.Names() {
		list, _ := lists.List(name)
		found, err := analysis.LintList(b.tables, list)
		if err != nil {
			return nil, err
		}
		remarks = append(remarks, found...)
	}
	return remarks, nil
}

func (b *bench) lintOne(s subject, lists *codelist.Lists) ([]analysis.Remark, error) {
	switch s.Type {
	case "join":
		j, _ := b.chain.Tables.Join(s.ID)
		var all []analysis.Carrier
		for _, o := range b.subjects {
			if o.table != nil {
				all = append(all, analysis.Carrier{Table: o.table, Source: o.Source})
			}
		}
		return analysis.LintJoin(s.Source, j, all), nil
	case "split":
		return analysis.LintSplit(s.Source), nil
	case "profile":
		tables, err := b.profiled(s.Source)
		return analysis.LintProfile(s.Source, tables), err
	}
	c, err := analysis.Cover(s.table, s.Source, b.schema)
	if err != nil {
		return []analysis.Remark{{File: s.File, Line: 1, Severity: gateway.Error, Text: err.Error()}}, nil
	}
	return analysis.Lint(s.table, s.Source, c, lists), nil
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

// printRemarks prints the remarks file by file, those with errors first, and in each the
// errors first; notes and what a remark counts only when asked for.
func (b *bench) printRemarks(remarks []analysis.Remark) error {
	files := map[string][]analysis.Remark{}
	for _, r := range remarks {
		files[r.File] = append(files[r.File], r)
	}
	if b.format == "json" {
		if err := writeJSON(b.std.out, append([]analysis.Remark{}, remarks...)); err != nil {
			return err
		}
	} else {
		names := slices.Collect(maps.Keys(files))
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(min(1, number(files[b], gateway.Error))-min(1, number(files[a], gateway.Error)), strings.Compare(a, b))
		})
		for _, name := range names {
			b.printFile(name, files[name])
		}
		fmt.Fprintln(b.std.out, tally(remarks))
		if number(remarks, gateway.Info) > 0 && !b.verbose {
			fmt.Fprintln(b.std.out, "-v prints notes and every row")
		}
	}
	if number(remarks, gateway.Error) > 0 {
		return errFaulty
	}
	return nil
}

var severities = []gateway.Severity{gateway.Error, gateway.Warning, gateway.Info}

// printFile prints the remarks on one file. What is said of many rows alike is said
// once, of the first.
func (b *bench) printFile(name string, remarks []analysis.Remark) {
	if !b.verbose && number(remarks, gateway.Info) == len(remarks) {
		return
	}
	fmt.Fprintf(b.std.out, "%s: %s\n", name, tally(remarks))
	for _, severity := range severities {
		alike := map[string]int{}
		for _, r := range remarks {
			if r.Severity == severity {
				alike[r.Text]++
			}
		}
		for _, r := range remarks {
			switch more := alike[r.Text] - 1; {
			case r.Severity != severity || !b.verbose && (severity == gateway.Info || more < 0):
				continue
			case !b.verbose && more > 0:
				r.Row = fmt.Sprintf("%s and %d more", r.Row, more)
				alike[r.Text] = 0
			case b.verbose && r.Rows != nil:
				r.Text += ": " + strings.Join(r.Rows, ", ")
			}
			fmt.Fprintln(b.std.out, "  "+r.String())
		}
	}
	fmt.Fprintln(b.std.out)
}

func number(remarks []analysis.Remark, of gateway.Severity) (n int) {
	for _, r := range remarks {
		if r.Severity == of {
			n++
		}
	}
	return n
}

func tally(remarks []analysis.Remark) string {
	return fmt.Sprintf("errors %d, warnings %d, notes %d", number(remarks, gateway.Error), number(remarks, gateway.Warning), number(remarks, gateway.Info))
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
