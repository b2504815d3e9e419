package release

import (
	"fmt"
	"slices"
	"strings"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/mapping/table"
)

// Origin says who gives the value of a target row.
type Origin string

// The origins of a value.
const (
	National  Origin = "national element" // an element of the offices' own documents
	Crosswalk Origin = "crosswalk"        // the same, by a code list's crosswalk
	FromRoute Origin = "route"            // supplied by the route
	Gateway   Origin = "gateway"          // a constant, a count or the message's own id
	Post      Origin = "post"             // given by the border post in canonical JSON
	Nobody    Origin = "nobody"           // never filled on this route
)

// Gap says where the value of one row of the outbound table comes from.
type Gap struct {
	Target   string
	Row      string
	Required bool   // in every document
	If       string // required if this is so: "RegNumber is there", a condition; "" if it is not, or always is
	From     Origin
	Detail   string // the source element and row, the supply, or why nobody gives it
	Status   string // of a supply
}

// Gaps goes through the outbound table row by row, in its order, and says where each
// value comes from: what the route withholds is nobody's, then the national documents
// (through the recipe), then the route, then the gateway.
func (rt *Route) Gaps(lib *mapping.Library) []Gap {
	outbound, ok := lib.Table(rt.Table)
	if !ok {
		return nil
	}
	s := sources{rt: rt}
	for _, id := range rt.Sources {
		if t, ok := lib.Table(id); ok {
			s.tables = append(s.tables, t)
		}
	}
	if j, ok := lib.Join(rt.Recipe); ok {
		s.rehearse(j)
	}
	var gaps []Gap
	rows := outbound.Rows()
	byID := map[string]table.RowInfo{}
	always := map[string]bool{} // groups that hold what the route or the gateway always gives
	for i, row := range rows {
		byID[row.ID] = row
		group := i+1 < len(rows) && strings.HasPrefix(rows[i+1].Target, row.Target+"/")
		if row.Direction == "decode" || row.Target == "" || row.From == "" && (group || row.Each != "" || row.With != "") {
			continue
		}
		g := Gap{Target: row.Target, Row: row.ID}
		g.From, g.Detail, g.Status = s.of(row)
		gaps = append(gaps, g)
		if row.When == "" && row.From != "" && (g.From == FromRoute || g.From == Gateway && row.Default == "" && !derived(rt.Kind, row)) {
			always[row.Inside] = true
		}
	}
	for i := range gaps {
		// The text of a group's own element is there when the group is.
		if row := byID[gaps[i].Row]; row.Required && (row.Target != byID[row.Inside].Target || byID[row.Inside].Required) {
			gaps[i].If = need(row, byID, always)
			gaps[i].Required = gaps[i].If == ""
		}
	}
	return gaps
}

// derived reports whether a row counts, which says nothing where there is nothing.
func derived(kind string, row table.RowInfo) bool {
	p, err := document.CompileFor(kind, row.From)
	return err == nil && !p.Leaf() && len(row.Language) == 0
}

// need says when a required row is needed: a group that nothing demands makes its rows
// needed only where it is there itself. "" is always.
func need(row table.RowInfo, byID map[string]table.RowInfo, always map[string]bool) string {
	var needs []string
	if row.When != "" {
		needs = append(needs, row.When)
	}
	for group := byID[row.Inside]; group.ID != ""; group = byID[group.Inside] {
		if group.When != "" || !group.Required && !always[group.ID] {
			name := group.Target[strings.LastIndexAny(group.Target, "/:")+1:]
			needs = append([]string{name + " is there"}, needs...)
			break
		}
	}
	return strings.Join(needs, " and ")
}

// Need writes for people whether the value is required.
func (g Gap) Need() string {
	switch {
	case g.Required:
		return "yes"
	case g.If != "":
		return "if " + g.If
	}
	return ""
}

// Markdown renders gaps as a table for people.
func Markdown(gaps []Gap) string {
	var b strings.Builder
	b.WriteString("| row | target | required | from | detail | status |\n|---|---|---|---|---|---|\n")
	for _, g := range gaps {
		cell := func(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", g.Row, g.Target, cell(g.Need()), g.From, cell(g.Detail), g.Status)
	}
	return b.String()
}

type sources struct {
	rt     *Route
	tables []*mapping.Table
	kinds  map[string]string // of the recipe's parts
	joined recipe.Joined     // of parts that hold all that the national tables read
}

// rehearse runs the recipe on parts that hold every field which the national tables
// read, so that its own record says what goes where.
func (s *sources) rehearse(j *recipe.Join) {
	parts := make(map[string]*customsv1.Document)
	s.kinds = make(map[string]string)
	for _, part := range j.Parts() {
		s.kinds[part.Name] = part.Kind
		d, err := document.New(part.Kind)
		if err != nil {
			continue
		}
		parts[part.Name] = d
		for _, t := range s.tables {
			if t.Kind() != part.Kind {
				continue
			}
			for _, row := range t.Rows() {
				fill(d, part.Kind, row)
			}
		}
	}
	s.joined = j.Run(parts, "1")
}

// fill sets what a row reads to some value of its type.
func fill(d *customsv1.Document, kind string, row table.RowInfo) {
	path, text := row.From, ""
	if row.Set != "" {
		path, text = row.Set, row.Const
	}
	if len(row.Language) > 0 {
		path += "[language=zh].value"
	}
	p, err := document.CompileFor(kind, path)
	if err != nil || path == "" || !p.Leaf() {
		return
	}
	for _, sample := range append([]string{text}, append(slices.Clone(p.Field().Enum), "1", "true", "2026-01-01", "2026-01-01T00:00:00Z")...) {
		set := p.Set
		if p.Repeated() {
			set = p.AppendText
		}
		if p.Field().Check(sample) == nil && set(document.Of(d), sample) == nil {
			return
		}
	}
}

func (s sources) of(row table.RowInfo) (origin Origin, detail, status string) {
	switch {
	case row.Const != "":
		return Gateway, "constant " + row.Const, ""
	case row.Refer != "":
		return Gateway, "reference to " + row.Refer, ""
	case row.Handle != "":
		return Gateway, "handle of its own", ""
	case row.From == "":
		return Gateway, "position in the list", ""
	}
	if derived(s.rt.Kind, row) {
		return Gateway, "number of " + row.From, ""
	}
	if !s.rt.allowed.covers(plain(row.From)) {
		return Nobody, "not released: " + row.From, ""
	}
	supply, supplied := s.supply(row.From)
	if supplied && supply.Override {
		return FromRoute, supply.ID + ": " + supply.Source, supply.Status
	}
	kind, from := s.rt.Kind, row.From
	if s.joined.Document != nil {
		link, before := s.before(row.From)
		if kind, from = s.kinds[link.Part], before; kind == "" && link.Row != "" {
			return Gateway, strings.TrimSpace(s.rt.Recipe + " " + link.Row + " " + link.PartPath), ""
		}
	}
	detail, list := s.national(kind, from)
	switch {
	case detail != "" && (list || row.List != ""):
		return Crosswalk, detail, ""
	case detail != "":
		return National, detail, ""
	case supplied:
		return FromRoute, supply.ID + ": " + supply.Source, supply.Status
	case row.Default != "":
		return Gateway, "default " + row.Default, ""
	case len(s.tables) == 0:
		return Post, row.From, ""
	}
	return Nobody, "no national element: " + row.From, ""
}

func (s sources) supply(path string) (SupplyRow, bool) {
	for _, row := range s.rt.Supplies {
		if row.Value != "" && leads(row.To, path) {
			return row, true
		}
		for field := range row.Fields {
			if given := row.To + "." + field; leads(given, path) || leads(path, given) || chooses(given, path) {
				return row, true
			}
		}
	}
	return SupplyRow{}, false
}

// chooses reports whether a selector on the way of one path gives the value of another:
// name[language=mn].value says name.language.
func chooses(given, path string) bool {
	for i, c := range given {
		if field, _, ok := strings.Cut(given[i+1:], "="); c == '[' && ok && plain(given[:i])+"."+field == path {
			return true
		}
	}
	return false
}

// before returns where the recipe takes a path of the joined document from. The path
// in the part keeps the selectors of the steps that both have.
func (s sources) before(path string) (recipe.JoinLink, string) {
	p, err := document.CompileFor(s.rt.Kind, path)
	if err != nil {
		return recipe.JoinLink{}, ""
	}
	link, ok := s.joined.Origin(p.Instance(document.Of(s.joined.Document), ""))
	if !ok {
		return recipe.JoinLink{}, ""
	}
	part, here := steps(plain(link.PartPath)), steps(path)
	for i := 1; i <= min(len(part), len(here)); i++ {
		step := here[len(here)-i]
		if part[len(part)-i] != plain(step) {
			break
		}
		part[len(part)-i] = step
	}
	return link, strings.Join(part, ".")
}

// national returns the national elements whose rows give a value of a document of a
// kind, and whether a code list translates one.
func (s sources) national(kind, path string) (detail string, list bool) {
	var found []string
	for _, t := range s.tables {
		for _, row := range t.Rows() {
			if t.Kind() == kind && row.Direction != "encode" && row.From != "" && leads(row.From, path) {
				found = append(found, fmt.Sprintf("%s %s %s", t.ID(), row.ID, row.Target))
				list = list || row.List != ""
			}
		}
	}
	return strings.Join(found, "; "), list
}
