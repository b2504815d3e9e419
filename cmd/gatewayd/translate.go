package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/pace"
)

// files is a flag that may be given several times.
type files []string

func (f *files) String() string     { return fmt.Sprint(*f) }
func (f *files) Set(s string) error { *f = append(*f, s); return nil }

// job is one offline translation.
type job struct {
	told
	in             files
	out, trace     string
	mapping, route string
	messageID      string
	at             time.Time
}

func translate(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	var j job
	var dir, at string
	flags.StringVar(&j.mapping, "mapping", "", "table, such as ru/auto-preliminary.v1: canonical JSON to its XML, or the reverse")
	flags.StringVar(&j.route, "route", "", "route: the whole chain, from national documents to the partner's XML")
	flags.Var(&j.in, "in", "file to read (- is standard input); with -route once for each part")
	flags.StringVar(&j.out, "out", "-", "file to write; where the route's split makes several of NAME.xml they are NAME-1.xml, NAME-2.xml ...")
	flags.StringVar(&j.trace, "trace", "", "file for the trace: where every value came from; of several one each, as -out")
	j.told.flags(flags)
	flags.StringVar(&j.messageID, "message-id", "", "id of the message, with -route (default: made of the inputs' digests)")
	flags.StringVar(&at, "at", "", "instant to judge by, RFC 3339 (default now)")
	flags.StringVar(&dir, "data", "", "directory with more mappings/ and xsd/")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := j.told.check(); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case (j.mapping == "") == (j.route == ""):
		return errors.New("give -mapping or -route")
	case len(j.in) == 0, j.mapping != "" && len(j.in) > 1:
		return errors.New("give -in FILE (several only with -route)")
	}
	j.at = time.Now()
	if at != "" {
		var err error
		if j.at, err = time.Parse(time.RFC3339, at); err != nil {
			return fmt.Errorf("-at: %w", err)
		}
	}
	chain, err := loadChain(dir)
	if err != nil {
		return err
	}
	contents := make([][]byte, len(j.in))
	for i, name := range j.in {
		if contents[i], err = readFile(name, std.in); err != nil {
			return err
		}
	}
	if j.route != "" {
		return j.byRoute(ctx, chain, contents, std)
	}
	return j.byTable(ctx, chain, contents[0], std)
}

// byTable converts one document; it does not judge what it says.
func (j job) byTable(ctx context.Context, c *flow.Chain, raw []byte, std stdio) error {
	table, ok := c.Tables.Table(j.mapping)
	if !ok {
		return none("table", j.mapping, tableNames(c))
	}
	if flow.MediaType(raw) == flow.XML {
		r, err := c.ReadAs(ctx, raw, table)
		if err != nil {
			return err
		}
		if r.Document == nil || r.Unreadable() {
			return j.told.refuse(std.out, r.Faults)
		}
		return j.write(std, append(document.MarshalIndent(r.Document), '\n'), links(r.Trace()), r.Faults, flow.Losses{})
	}
	steps := pace.Of(ctx)
	p, err := document.ParseWhile(steps, raw)
	if err != nil {
		return err
	}
	if p.Faults.Refuse() {
		return j.told.refuse(std.out, document.Places(p.Faults, p.Document))
	}
	encoded, trace, faults, err := table.EncodeWhile(steps, p.Document, true)
	if err != nil {
		return err
	}
	faults = document.Places(mapping.Locate(faults, p.Locate), p.Document)
	if !encoded.IsZero() {
		checked, err := c.Conform(ctx, table, encoded.Bytes())
		if err != nil {
			return err
		}
		for _, f := range checked.Faults {
			link, ok := trace.ByPlace(f.Location.Expr)
			if ok {
				f.Path, f.Location, f.Place = link.Path, p.Locate(link.Path), document.PlaceOf(p.Document, link.Path)
			}
			if !ok || link.Const || link.Path == "" {
				f.Remedy = gateway.ByTable
			}
			faults = append(faults, f)
		}
	}
	if faults.Refuse() {
		return j.told.refuse(std.out, faults)
	}
	return j.write(std, encoded.Bytes(), links(trace), faults, flow.Losses{})
}

// byRoute runs the whole chain: decode, validate, join, release, encode, schema.
func (j job) byRoute(ctx context.Context, c *flow.Chain, contents [][]byte, std stdio) error {
	rt, ok := c.Routes.Route(j.route)
	if !ok {
		return none("route", j.route, routeNames(c))
	}
	files := make([]flow.File, len(contents))
	for i, raw := range contents {
		files[i] = flow.File{Name: j.in[i], Content: raw}
	}
	t, warnings, err := c.Rehearse(ctx, rt, files, gateway.MessageID(j.id(contents)), j.at)
	if err != nil {
		return err
	}
	if t == nil {
		return j.told.refuse(std.out, warnings)
	}
	losses := t.Losses()
	if len(t.Outputs) == 1 {
		return j.write(std, t.Outputs[0].Encoded.Bytes(), t.Explain(), warnings, losses)
	}
	if j.out == "-" {
		return fmt.Errorf("this becomes %d messages; give -out FILE", len(t.Outputs))
	}
	for i, o := range t.Outputs {
		part := j
		part.out, part.trace = numbered(j.out, i+1), numbered(j.trace, i+1)
		if i > 0 {
			warnings, losses = nil, flow.Losses{} // said once, of all
		}
		if err := part.write(std, o.Encoded.Bytes(), o.Explain(), warnings, losses); err != nil {
			return err
		}
	}
	return nil
}

// numbered is the name of a part's file: NAME-2.xml of NAME.xml.
func numbered(name string, part int) string {
	if name == "" || name == "-" {
		return name
	}
	ext := filepath.Ext(name)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), part, ext)
}

// id is the message id given, or one that the same inputs always give.
func (j job) id(contents [][]byte) string {
	if j.messageID != "" {
		return j.messageID
	}
	digest := gateway.DigestOf(bytes.Join(contents, nil))
	return uuid.NewSHA1(uuid.NameSpaceURL, digest[:]).String()
}

// onRoute is what is told beside the message of a route, as JSON.
type onRoute struct {
	Faults        []gateway.Report     `json:"faults"`
	Losses        []gateway.LossReport `json:"losses"` // what of the documents does not travel
	LossesLeftOut int                  `json:"lossesLeftOut,omitempty"`
}

// write writes the output and its trace. Warnings go beside the output, where it does
// not mix with them.
func (j job) write(std stdio, content []byte, trace any, warnings gateway.Faults, losses flow.Losses) error {
	if err := writeFile(j.out, std.out, content); err != nil {
		return err
	}
	if j.trace != "" {
		var b bytes.Buffer
		if err := writeJSON(&b, trace); err != nil {
			return err
		}
		if err := writeFile(j.trace, std.out, b.Bytes()); err != nil {
			return err
		}
	}
	if j.told.form == "json" {
		switch {
		case len(warnings)+len(losses.Of) == 0:
			return nil
		case j.route == "":
			return j.told.print(std.err, warnings)
		}
		return writeJSON(std.err, onRoute{warnings.Report(j.told.lang), losses.Report(j.told.lang, ""), losses.LeftOut})
	}
	if len(warnings) > 0 {
		if err := j.told.print(std.err, warnings); err != nil {
			return err
		}
		if len(losses.Of) > 0 {
			fmt.Fprintln(std.err)
		}
	}
	return gateway.PrintLosses(std.err, losses.Report(j.told.lang, ""), losses.LeftOut, j.told.lang)
}

// link is one value of a table's trace as it is written to a file.
type link struct {
	Path    string `json:"path,omitempty"` // canonical
	Place   string `json:"place"`          // in the XML
	Value   string `json:"value"`
	Row     string `json:"row"`
	Mapping string `json:"mapping"`
	ListRow string `json:"listRow,omitempty"`
	Use     string `json:"use,omitempty"`
	Const   bool   `json:"constant,omitempty"`
}

func links(t trace.Trace) []link {
	out := []link{}
	for _, l := range t.Links(false) {
		out = append(out, link{l.Path, l.Place.Expr, l.Value, l.Row, l.Table, l.ListRow, l.Use, l.Const})
	}
	return out
}

// none says that nothing of a kind has an id, and which ids are most like it.
func none(kind, id string, ids []string) error {
	return fmt.Errorf("no %s %q; nearest are %s", kind, id, strings.Join(document.Nearest(id, ids, 5), ", "))
}

func tableNames(c *flow.Chain) (names []string) {
	for _, t := range c.Tables.Tables() {
		names = append(names, t.ID())
	}
	return names
}

func routeNames(c *flow.Chain) (names []string) {
	for _, rt := range c.Routes.All() {
		names = append(names, rt.Name)
	}
	return names
}
