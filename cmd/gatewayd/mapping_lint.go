package main

import (
	"cmp"
	"fmt"
	"maps"
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
	"customs.example/gateway/validate"
)

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
	var subjects []subject
	if len(ids) == 0 {
		if subjects, err = readSubjects(b.chain, b.tables); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		s, err := b.subject(id)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}
	seen := map[string]bool{} // of a table, and so of all that profiles make of it
	for _, s := range subjects {
		found, err := b.lintOne(s, lists)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if seen[r.String()] {
				continue
			}
			seen[r.String()] = true
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
		all, err := b.carriers()
		if err != nil {
			return nil, err
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

// carriers are all tables with their files, read once.
func (b *bench) carriers() ([]analysis.Carrier, error) {
	if b.carrying != nil {
		return b.carrying, nil
	}
	for _, t := range b.chain.Tables.Tables() {
		s, err := readTable(b.tables, t)
		if err != nil {
			return nil, err
		}
		b.carrying = append(b.carrying, analysis.Carrier{Table: t, Source: s.Source})
	}
	return b.carrying, nil
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
	_, err = loadSchemas(schemas)
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
