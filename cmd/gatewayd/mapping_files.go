package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/release"
	"customs.example/gateway/validate"
)

func loseDocument(b *bench, args []string) error {
	switch {
	case b.route != "" && b.table == "" && len(args) > 0:
		return b.loseOnRoute(args)
	case b.route != "" && b.table == "":
		return b.loseOnAnyOf()
	case len(args) != 1 || b.table == "":
		return errors.New("give -route ROUTE, or -table TABLE and one FILE")
	}
	if err := b.load(); err != nil {
		return err
	}
	raw, err := readFile(args[0], b.std.in)
	if err != nil {
		return err
	}
	if s, ok := b.chain.Tables.Split(b.table); ok {
		return b.deal(s, raw)
	}
	t, _, err := find(b.chain, b.tables, b.table)
	if err != nil {
		return err
	}
	var loss *analysis.Loss
	var faults gateway.Faults
	if flow.MediaType(raw) == flow.JSON {
		p := document.Parse(raw)
		if faults = p.Faults; p.Document != nil { // as far as it can be read
			var more gateway.Faults
			loss, more = analysis.DocumentLoss(t, p.Document)
			faults = append(faults, mapping.Locate(more, p.Locate)...)
		}
	} else {
		checked, err := b.chain.Check(b.ctx, t, raw)
		if err != nil {
			return err
		}
		if faults = checked.Faults; checked.Document != nil { // what its schema refuses is told, and so is what it loses
			var more gateway.Faults
			loss, more = analysis.XMLLoss(t, checked.Document)
			faults = append(faults, more...)
		}
	}
	if loss == nil {
		return inEnglish.refuse(b.std.out, faults)
	}
	if loss.Written == nil {
		return b.printLoss(loss, faults, nil)
	}
	written, err := b.chain.Check(b.ctx, t, loss.Written)
	if err != nil {
		return err
	}
	return b.printLoss(loss, faults, written.Faults)
}

// printLoss prints what a document loses, before it what refuses the document, and behind it what the
// schema refuses of what is written of it.
func (b *bench) printLoss(loss *analysis.Loss, before, written gateway.Faults) error {
	all := append(slices.Clip(before), written...)
	loss.Refused = all.Report("en")
	text := b.format == "text"
	if text && before.Refuse() {
		if err := inEnglish.print(b.std.out, before); err != nil {
			return err
		}
		fmt.Fprintln(b.std.out)
	}
	if err := b.print(loss.Report(b.all), loss); err != nil {
		return err
	}
	if text && written.Refuse() {
		fmt.Fprintln(b.std.out, "\nThe schema refuses what is written:")
		if err := inEnglish.print(b.std.out, written); err != nil {
			return err
		}
	}
	if all.Refuse() {
		return errFaulty
	}
	return nil
}

// loseOnRoute says what of the documents of a message of a route does not travel.
func (b *bench) loseOnRoute(names []string) error {
	if err := b.load(); err != nil {
		return err
	}
	rt, ok := b.chain.Routes.Route(b.route)
	if !ok {
		return none("route", b.route, routeNames(b.chain))
	}
	files, contents := make([]flow.File, len(names)), make([][]byte, len(names))
	for i, name := range names {
		raw, err := readFile(name, b.std.in)
		if err != nil {
			return err
		}
		files[i], contents[i] = flow.File{Name: name, Content: raw}, raw
	}
	t, faults, err := b.chain.Rehearse(b.ctx, rt, files, gateway.MessageID(job{}.id(contents)), time.Now())
	if err != nil {
		return err
	}
	if t == nil {
		return inEnglish.refuse(b.std.out, faults)
	}
	losses := t.Losses()
	reports := losses.Report("en", "")
	out := analysis.Report{Title: "loss on " + rt.Name}
	s := analysis.Section{Heading: "Did not travel", Columns: []string{"reason", "document", "field", "values", "first", "value", "instead"}}
	for _, l := range reports {
		first := l.Places[0]
		s.Rows = append(s.Rows, []string{l.Reason, l.Document, l.Path, strconv.Itoa(l.Count), first.Location, first.Value, first.Instead})
	}
	if losses.LeftOut > 0 {
		out.Facts = append(out.Facts, analysis.Key{Name: "not shown", Value: strconv.Itoa(losses.LeftOut)})
	}
	out.Sections = []analysis.Section{s}
	return b.print(out, reports)
}

// loseOnAnyOf says what of documents of a route does not travel, whatever they say, or in which case.
func (b *bench) loseOnAnyOf() error {
	if err := b.load(); err != nil {
		return err
	}
	rt, ok := b.chain.Routes.Route(b.route)
	if !ok {
		return none("route", b.route, routeNames(b.chain))
	}
	type loss struct {
		Reason string `json:"reason"`
		Text   string `json:"text"`
		flow.RouteLoss
	}
	losses := []loss{}
	out := analysis.Report{Title: "loss on " + rt.Name, Facts: []analysis.Key{
		{Name: "from", Value: cmp.Or(strings.Join(rt.Sources, ", "), "canonical JSON")}, {Name: "recipe", Value: cmp.Or(rt.Recipe, "none")}, {Name: "table", Value: rt.Table},
		{Name: "also", Value: "what no row of the senders' forms reads: see coverage"},
	}}
	for _, l := range b.chain.RouteLosses(rt) {
		text := l.Reason.Text().In("en")
		losses = append(losses, loss{l.Reason.String(), text, l})
		if n := len(out.Sections); n == 0 || out.Sections[n-1].Heading != text {
			out.Sections = append(out.Sections, analysis.Section{Heading: text, Columns: []string{"document", "field", "read from", "if", "instead", "by"}})
		}
		from := ""
		if len(l.Elements) > 0 {
			from = l.Elements[0]
		}
		if n := len(l.Elements); n > 1 {
			from += " and " + strconv.Itoa(n-1) + " more"
		}
		s := &out.Sections[len(out.Sections)-1]
		s.Rows = append(s.Rows, []string{cmp.Or(l.Part, l.Kind), l.Path, from, l.If, l.Instead, l.By})
	}
	return b.print(out, losses)
}

// deal says what a split does to a document, which is canonical: a split has no form.
func (b *bench) deal(s *recipe.Split, raw []byte) error {
	p := document.Parse(raw)
	if p.Faults.Refuse() {
		return inEnglish.refuse(b.std.out, p.Faults)
	}
	loss, faults := analysis.CompareSplit(s, p.Document, job{}.id([][]byte{raw}))
	if loss == nil {
		return inEnglish.refuse(b.std.out, mapping.Locate(faults, p.Locate))
	}
	return b.print(loss.Report(b.all), loss)
}

// fileDiff is what changes of one document.
type fileDiff struct {
	File    string                  `json:"file"`
	Changes []analysis.OutputChange `json:"changes"`
	FaultsA []gateway.Report        `json:"faultsA,omitempty"`
	FaultsB []gateway.Report        `json:"faultsB,omitempty"`
}

func diffTables(b *bench, args []string) error {
	if len(args) < 2 {
		return errors.New("give two ids, A and B")
	}
	if b.dataA == "" {
		b.dataA = b.data
	}
	if b.dataB == "" {
		b.dataB = b.data
	}
	chainA, a, err := subjectIn(b.dataA, args[0])
	if err != nil {
		return fmt.Errorf("a: %w", err)
	}
	_, other, err := subjectIn(b.dataB, args[1])
	if err != nil {
		return fmt.Errorf("b: %w", err)
	}
	switch {
	case a.Type != other.Type:
		return fmt.Errorf("%s is a %s and %s a %s: give two of a kind", a.ID, a.kind(), other.ID, other.kind())
	case a.table == nil && len(args) > 2:
		return fmt.Errorf("%s is a %s: give FILE with tables", a.ID, a.kind())
	}
	changes := analysis.Compare(a.Source, other.Source)
	r := analysis.Report{
		Title:    "from " + a.ID + " to " + other.ID,
		Facts:    []analysis.Key{{Name: "a", Value: a.Digest.String()}, {Name: "b", Value: other.Digest.String()}},
		Sections: []analysis.Section{analysis.ChangedRows(changes)},
	}
	var files []fileDiff
	for _, name := range args[2:] {
		raw, err := readFile(name, b.std.in)
		if err != nil {
			return err
		}
		var o analysis.Outputs
		if flow.MediaType(raw) == flow.JSON {
			p := document.Parse(raw)
			if p.Faults.Refuse() {
				return inEnglish.refuse(b.std.out, p.Faults)
			}
			o = analysis.Written(a.table, other.table, p.Document)
		} else {
			checked, err := chainA.Check(b.ctx, a.table, raw)
			if err != nil {
				return err
			}
			if checked.Document == nil {
				return inEnglish.refuse(b.std.out, checked.Faults)
			}
			o = analysis.Understood(a.table, other.table, checked.Document)
		}
		files = append(files, fileDiff{name, o.Changes, o.FaultsA.Report("en"), o.FaultsB.Report("en")})
		if refused := analysis.Refused("Refused: "+name, o); len(refused.Rows) > 0 {
			r.Sections = append(r.Sections, refused)
		} else {
			r.Sections = append(r.Sections, analysis.ChangedOutput("Output of "+name, o.Changes))
		}
	}
	return b.print(r, struct {
		A     string               `json:"a"`
		B     string               `json:"b"`
		Rows  []analysis.RowChange `json:"rows"`
		Files []fileDiff           `json:"files,omitempty"`
	}{a.ID, other.ID, changes, files})
}

// subjectIn finds a table, profile, join or split in data of its own.
func subjectIn(data, id string) (*flow.Chain, subject, error) {
	c, tables, _, err := loadData(data)
	if err != nil {
		return nil, subject{}, err
	}
	s, err := findSubject(c, tables, id)
	return c, s, err
}

func explainPlace(b *bench, args []string) error {
	if len(args) < 2 {
		return errors.New("give FILE and XPATH")
	}
	if b.route != "" && b.table != "" {
		return errors.New("give -route or -mapping")
	}
	names, xpath := args[:len(args)-1], args[len(args)-1]
	pattern, err := analysis.ParsePattern(xpath)
	if err != nil {
		return err
	}
	if err := b.load(); err != nil {
		return err
	}
	contents := make([][]byte, len(names))
	for i, name := range names {
		if contents[i], err = readFile(name, b.std.in); err != nil {
			return err
		}
	}
	var e flow.Explanation
	var faults gateway.Faults
	if b.table != "" {
		e, faults, err = b.byTable(contents)
	} else {
		e, faults, err = b.byRoute(names, contents, xpath)
	}
	if err != nil {
		return err
	}
	if faults.Refuse() {
		return inEnglish.refuse(b.std.out, faults)
	}
	if e = e.At(pattern); len(e.Origins)+len(e.Unread) == 0 {
		return fmt.Errorf("nothing at %s", xpath)
	}
	if b.format == "text" {
		printExplanation(b.std, e)
		return nil
	}
	return b.print(originReport(xpath, e), e)
}

// originReport lays an explanation out for people.
func originReport(xpath string, e flow.Explanation) analysis.Report {
	r := analysis.Report{Title: "origin of " + xpath, Sections: []analysis.Section{{
		Columns: []string{"target", "value", "row", "canonical", "from", "source", "source value", "source row", "codes", "note"},
	}}}
	for _, o := range e.Origins {
		source := strings.TrimSpace(o.SourceSubmission + " " + o.Source)
		r.Sections[0].Rows = append(r.Sections[0].Rows, []string{
			o.Target, o.Value, o.Mapping + " " + o.Row, o.Path, o.Provenance, source, o.SourceValue, o.SourceRow, o.ListRow, o.Note,
		})
	}
	if len(e.Unread) > 0 {
		unread := analysis.Section{Heading: "Read by no row", Columns: []string{"document", "place"}}
		for _, u := range e.Unread {
			unread.Rows = append(unread.Rows, []string{u.Submission, u.Place})
		}
		r.Sections = append(r.Sections, unread)
	}
	return r
}

// printExplanation writes the way of every value, from the form back to its source, and what no
// row reads.
func printExplanation(std stdio, e flow.Explanation) {
	for i, o := range e.Origins {
		if i > 0 {
			fmt.Fprintln(std.out)
		}
		fmt.Fprintf(std.out, "%s = %q\n", o.Target, o.Value)
		say := func(name, text string) {
			if text != "" {
				fmt.Fprintf(std.out, "  %-10s %s\n", name, text)
			}
		}
		if o.Part > 0 {
			say("part", strconv.Itoa(o.Part))
		}
		say("row", o.Mapping+" "+o.Row)
		say("canonical", o.Path)
		say("codes", o.ListRow)
		say("from", o.Provenance)
		say("source", strings.TrimSpace(o.SourceSubmission+" "+o.Source))
		if o.SourceValue != "" {
			say("said", fmt.Sprintf("%q", o.SourceValue))
		}
		say("read by", o.SourceRow)
		say("note", o.Note)
	}
	if len(e.Origins) > 0 && len(e.Unread) > 0 {
		fmt.Fprintln(std.out)
	}
	for _, u := range e.Unread {
		fmt.Fprintf(std.out, "no row reads %s\n", strings.TrimSpace(u.Submission+" "+u.Place))
	}
}

// byTable explains a table's form: what canonical JSON gives each place, or which
// field each place gives.
func (b *bench) byTable(contents [][]byte) (e flow.Explanation, faults gateway.Faults, err error) {
	if len(contents) != 1 {
		return e, nil, errors.New("give one FILE with -mapping")
	}
	t, _, err := find(b.chain, b.tables, b.table)
	if err != nil {
		return e, nil, err
	}
	if flow.MediaType(contents[0]) == flow.JSON {
		p := document.Parse(contents[0])
		if p.Faults.Refuse() {
			return e, p.Faults, nil
		}
		e, faults = flow.ExplainEncoding(t, p)
		return e, faults, nil
	}
	r, err := b.chain.ReadAs(b.ctx, contents[0], t)
	if err != nil || r.Document == nil {
		return e, r.Faults, err
	}
	return r.Explain(), r.Faults, nil
}

// byRoute explains a message that the documents make on a route.
func (b *bench) byRoute(names []string, contents [][]byte, xpath string) (e flow.Explanation, faults gateway.Faults, err error) {
	readings := make([]*flow.Reading, len(contents))
	for i, raw := range contents {
		if readings[i], err = b.chain.Read(b.ctx, raw, flow.MediaType(raw), "", time.Now()); err != nil {
			return e, nil, err
		}
		if readings[i].Document == nil {
			faults = append(faults, readings[i].Faults...)
		}
	}
	if faults.Refuse() {
		return e, faults, nil
	}
	var fits []string
	var plan flow.Plan
	var parts []flow.Part
	best := 0 // of those that fit, those of the office and the destination that the documents name count alone
	for _, rt := range b.chain.Routes.All() {
		if b.route != "" && rt.Name != b.route || b.route == "" && rt.InsteadOf != "" || rt.Stays() {
			continue
		}
		p, of, ok := b.planFor(rt, names, readings)
		if !ok {
			continue
		}
		if len(rt.Destinations) > 0 && b.route == "" && !b.chain.LeadThere(rt, readings, time.Now()) {
			continue
		}
		near := 0
		if serves(rt, readings) {
			near = 1
			if len(rt.Destinations) > 0 {
				near = 2
			}
		}
		switch {
		case near > best:
			best, fits = near, []string{rt.Name}
		case near == best:
			fits = append(fits, rt.Name)
		default:
			continue
		}
		plan, parts = p, of
	}
	switch files := strings.Join(names, ", "); {
	case len(fits) == 1:
	case b.route != "" && !slices.Contains(routeNames(b.chain), b.route):
		return e, nil, none("route", b.route, routeNames(b.chain))
	case b.route != "":
		return e, nil, fmt.Errorf("%s makes no message of %s", b.route, files)
	case len(fits) == 0:
		return e, nil, fmt.Errorf("no route makes a message of %s; give -mapping, or every document that a route joins", files)
	default:
		var commands strings.Builder
		for _, route := range fits {
			commands.WriteString("\n  " + b.explainBy(route, names, xpath))
		}
		return e, nil, fmt.Errorf("%d routes make a message of %s; choose one:%s", len(fits), files, commands.String())
	}
	j := job{}
	plan.Number = flow.SampleNumbers(plan.Route)
	t, err := b.chain.Translate(b.ctx, plan, parts, gateway.MessageID(j.id(contents)), validate.Scope{Own: plan.Route.From, Partner: plan.Route.To, At: time.Now()})
	if err != nil {
		return e, nil, err
	}
	return t.Explanation(), t.Faults, nil
}

// serves reports whether a route serves the office that every document names, if it names one.
func serves(rt *release.Route, readings []*flow.Reading) bool {
	named := false
	for _, r := range readings {
		for _, field := range []string{"office.code", "exitOffice.code"} {
			path, err := document.CompileFor(r.Kind, field)
			if err != nil {
				continue // this kind has no such field
			}
			if office, ok := path.Get(document.Of(r.Document)); ok {
				if named = true; !rt.Serves(office) {
					return false
				}
			}
		}
	}
	return named
}

// explainBy writes the command that explains by one route.
func (b *bench) explainBy(route string, names []string, xpath string) string {
	words := []string{"gatewayd", "mapping", "explain"}
	if b.data != "" {
		words = append(words, "-data", b.data)
	}
	words = append(append(append(words, "-route", route), names...), xpath)
	for i, w := range words {
		if plainWord.MatchString(w) {
			continue
		}
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

// plainWord needs no quotes in a shell.
var plainWord = regexp.MustCompile(`^[\w/.:@+-]+$`)

// planFor says how a route makes one message of all the documents, if it does.
func (b *bench) planFor(rt *release.Route, names []string, readings []*flow.Reading) (plan flow.Plan, parts []flow.Part, ok bool) {
	for i, r := range readings {
		if r.Table != nil && gateway.Administration(r.Table.Administration()) != rt.From {
			return plan, nil, false
		}
		if plan, ok = b.chain.PlanFor(rt, r); !ok {
			return plan, nil, false
		}
		parts = append(parts, flow.Part{Name: plan.Part, Submission: names[i], Reading: r})
	}
	return plan, parts, len(plan.Missing(parts)) == 0 && (plan.Join != nil || len(parts) == 1)
}

// gap is a line of the gap table.
type gap struct {
	Row      string `json:"row"`
	Target   string `json:"target"`
	Required bool   `json:"required"`
	If       string `json:"requiredIf,omitempty"`
	From     string `json:"from"`
	Detail   string `json:"detail,omitempty"`
	Status   string `json:"status,omitempty"`
}

func routeGaps(b *bench, args []string) error {
	if len(args) != 1 {
		return errors.New("give one ROUTE")
	}
	if err := b.load(); err != nil {
		return err
	}
	rt, ok := b.chain.Routes.Route(args[0])
	if !ok {
		return none("route", args[0], routeNames(b.chain))
	}
	gaps := rt.Gaps(b.chain.Tables)
	out := make([]gap, len(gaps))
	s := analysis.Section{Columns: []string{"row", "target", "required", "from", "detail", "status"}}
	for i, g := range gaps {
		out[i] = gap{g.Row, g.Target, g.Required, g.If, string(g.From), g.Detail, g.Status}
		s.Rows = append(s.Rows, []string{g.Row, g.Target, g.Need(), string(g.From), g.Detail, g.Status})
	}
	if b.format == "markdown" {
		_, err := fmt.Fprintf(b.std.out, "# %s\n\nWho gives each value of %s.\n\n%s", rt.Name, rt.Table, release.Markdown(gaps))
		return err
	}
	return b.print(analysis.Report{
		Title: rt.Name, Facts: []analysis.Key{{Name: "table", Value: rt.Table}}, Sections: []analysis.Section{s},
	}, out)
}
