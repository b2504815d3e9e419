package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"customs.example/gateway/analysis"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
)

// tool is one of the analyst's tools: gatewayd mapping NAME.
type tool struct {
	name, args, summary string
	formats             []string // of -o, the default first
	run                 func(b *bench, args []string) error
	flags               func(b *bench, flags *flag.FlagSet)
	more                string // for -h
}

var tools = []tool{
	{"list", "", "every table, profile, join and split: version, kind, status, validity, rows, digest", reports, listTables, nil, ""},
	{"show", "ID", "a table, profile, join or split for people", reports, showTable, nil, ""},
	{"lint", "[ID...]", "every mistake of the data, and what the loader lets through", lines, lintData, verboseFlag, ""},
	{"test", "[TABLE... | [-table TABLE] FILE.json|DIR...]", "hold tables to the examples inside them (all tables, or those named), or to files: NAME.json, NAME.xml and, where something is lost, NAME.back.json", lines, testTables, tableFlag, ""},
	{"coverage", "[-all] TABLE", "what of the schema no row fills, and which canonical fields no row carries", reports, coverTable, allFlag, ""},
	{"loss", "-table TABLE [-all] FILE | -route ROUTE [FILE...]", "what becomes of every value of a document there and back; of canonical JSON with a split as TABLE, in which parts it stands; with a route, what of its documents does not travel, and why: of FILE, or else of any that it takes, or in which case", reports, loseDocument, func(b *bench, flags *flag.FlagSet) {
		tableFlag(b, flags)
		allFlag(b, flags)
		flags.StringVar(&b.route, "route", "", "route: FILE are the national documents that make its message; without any, what is so of all")
	}, ""},
	{"diff", "[-data-a DIR] [-data-b DIR] A B [FILE...]", "rows of two tables, profiles, joins or splits added, removed and changed; with documents, what changes of the output of two tables", reports, diffTables, diffFlags, ""},
	{"explain", "[-route ROUTE | -mapping TABLE] FILE... XPATH", "where a value came from", reports, explainPlace, explainFlags, `XPATH is a path of names, from the root (/Manifest/Head/ID) or from anywhere (//ID), each with a
prefix (m:ID) or in any namespace, and with a position (Item[2]) or at all of them; the last may be
an attribute (//Weight/@unitCode). It finds the element and everything in it. Other XPath
(*, functions, conditions, axes) is refused.
`},
	{"gaps", "ROUTE", "who gives each value of a route's form", []string{"markdown", "json", "text", "html"}, routeGaps, nil, ""},
}

var (
	reports = []string{"text", "json", "markdown", "html"}
	lines   = []string{"text", "json"}
)

// bench is what a tool works on.
type bench struct {
	ctx            context.Context // of the one run of a tool that it is for
	std            stdio
	format         string
	data           string
	dataA, dataB   string
	table, route   string
	all, verbose   bool
	tables, schema fs.FS
	chain          *flow.Chain
	carrying       []analysis.Carrier // once they are asked for
}

// subject is what a tool can be asked about: a table, profile, join or split.
type subject struct {
	*analysis.Source
	table *mapping.Table // nil for others
}

// kind is the type for people.
func (s subject) kind() string {
	if s.table != nil {
		return "table"
	}
	return s.Type
}

func tableFlag(b *bench, flags *flag.FlagSet) {
	flags.StringVar(&b.table, "table", "", "table, such as ru/auto-preliminary.v1")
}

func allFlag(b *bench, flags *flag.FlagSet) {
	flags.BoolVar(&b.all, "all", false, "also what is in order")
}

func verboseFlag(b *bench, flags *flag.FlagSet) {
	flags.BoolVar(&b.verbose, "v", false, "also notes, and every row")
}

func diffFlags(b *bench, flags *flag.FlagSet) {
	flags.StringVar(&b.dataA, "data-a", "", "data of A, instead of -data")
	flags.StringVar(&b.dataB, "data-b", "", "data of B, instead of -data")
}

func explainFlags(b *bench, flags *flag.FlagSet) {
	flags.StringVar(&b.route, "route", "", "route: XPATH is in the partner's form, FILE are the national documents (default: the one route that takes them)")
	flags.StringVar(&b.table, "mapping", "", "table: XPATH is in its form, FILE is canonical JSON or that form")
}

func mappingTools(ctx context.Context, outer *flag.FlagSet, args []string, std stdio) error {
	outer.Usage = func() {
		fmt.Fprintln(std.err, "usage: gatewayd mapping TOOL [flags] ...; gatewayd mapping TOOL -h says more")
		for _, t := range tools {
			fmt.Fprintf(std.err, "  %-9s %s\n  %-9s %s\n", t.name, t.args, "", t.summary)
		}
	}
	if err := outer.Parse(args); err != nil {
		return err
	}
	i := slices.IndexFunc(tools, func(t tool) bool { return t.name == outer.Arg(0) })
	if i < 0 {
		outer.Usage()
		return fmt.Errorf("no tool %q", outer.Arg(0))
	}
	t, b := tools[i], &bench{ctx: ctx, std: std}
	flags := t.flagSet(b, std)
	if err := flags.Parse(outer.Args()[1:]); err != nil {
		return err
	}
	if !slices.Contains(t.formats, b.format) {
		return fmt.Errorf("-o %s: give one of %s", b.format, strings.Join(t.formats, ", "))
	}
	if err := t.run(b, flags.Args()); err != nil {
		if errors.Is(err, errFaulty) || errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%s: %w", t.name, err)
	}
	return nil
}

// flagSet is what a tool's command line sets of a bench.
func (t tool) flagSet(b *bench, std stdio) *flag.FlagSet {
	flags := flag.NewFlagSet("gatewayd mapping "+t.name, flag.ContinueOnError)
	flags.SetOutput(std.err)
	flags.StringVar(&b.data, "data", "", "directory with more mappings/ and xsd/")
	flags.StringVar(&b.format, "o", t.formats[0], "output: "+strings.Join(t.formats, ", "))
	if t.flags != nil {
		t.flags(b, flags)
	}
	flags.Usage = func() {
		fmt.Fprintf(std.err, "usage: gatewayd mapping %s %s\n%s\n%s", t.name, t.args, t.summary, t.more)
		flags.PrintDefaults()
		fmt.Fprintln(std.err, "exit: 0 no error, 1 the content is wrong (faults are printed), 2 could not run")
	}
	return flags
}

// load loads the data that -data names.
func (b *bench) load() (err error) {
	b.chain, b.tables, b.schema, err = loadData(b.data)
	return err
}

// readSubjects reads everything a tool can be asked about: tables, profiles, joins, splits.
func readSubjects(c *flow.Chain, tables fs.FS) (out []subject, err error) {
	for _, t := range c.Tables.Tables() {
		s, err := readTable(tables, t)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	others, err := readOthers(tables)
	return append(out, others...), err
}

func readTable(tables fs.FS, t *mapping.Table) (subject, error) {
	s, err := analysis.Read(tables, t)
	if err != nil {
		return subject{}, err
	}
	s.ID, s.Digest = t.ID(), t.Digest()
	return subject{s, t}, nil
}

// readOthers reads what is no table.
func readOthers(tables fs.FS) (out []subject, err error) {
	for _, folder := range []string{"profiles", "join", "split"} {
		names, err := fs.Glob(tables, folder+"/*.yaml")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			s, err := analysis.ReadFile(tables, name)
			if err != nil {
				return nil, err
			}
			out = append(out, subject{Source: s})
		}
	}
	return out, nil
}

// findSubject reads a table, profile, join or split, and no other table.
func findSubject(c *flow.Chain, tables fs.FS, id string) (subject, error) {
	if t, ok := c.Tables.Table(id); ok {
		return readTable(tables, t)
	}
	others, err := readOthers(tables)
	if err != nil {
		return subject{}, err
	}
	ids := tableNames(c)
	for _, s := range others {
		if s.ID == id {
			return s, nil
		}
		ids = append(ids, s.ID)
	}
	return subject{}, none("table, profile, join or split", id, ids)
}

func (b *bench) subject(id string) (subject, error) { return findSubject(b.chain, b.tables, id) }

func loadData(dir string) (c *flow.Chain, tables, schemas fs.FS, err error) {
	if tables, schemas, err = data(dir); err != nil {
		return nil, nil, nil, err
	}
	c, err = loadChain(dir)
	return c, tables, schemas, err
}

// one loads the data and finds the only argument's table.
func (b *bench) one(args []string) (*mapping.Table, *analysis.Source, error) {
	if len(args) != 1 {
		return nil, nil, errors.New("give one TABLE")
	}
	if err := b.load(); err != nil {
		return nil, nil, err
	}
	return find(b.chain, b.tables, args[0])
}

// find returns a table and its file.
func find(c *flow.Chain, tables fs.FS, id string) (*mapping.Table, *analysis.Source, error) {
	t, ok := c.Tables.Table(id)
	if !ok {
		return nil, nil, none("table", id, tableNames(c))
	}
	s, err := analysis.Read(tables, t)
	return t, s, err
}

// print writes an answer in the format that was asked for.
func (b *bench) print(r analysis.Report, asJSON any) error {
	switch b.format {
	case "json":
		return writeJSON(b.std.out, asJSON)
	case "markdown":
		return r.Markdown(b.std.out)
	case "html":
		return r.HTML(b.std.out)
	}
	return r.Text(b.std.out)
}
