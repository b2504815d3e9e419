package analysis

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/table"
)

// Remark is something about a table that loads and still deserves a look.
type Remark struct {
	File     string           `json:"file"`
	Line     int              `json:"line"`
	Row      string           `json:"row,omitempty"`
	Severity gateway.Severity `json:"severity"`
	Text     string           `json:"text"`
	Rows     []string         `json:"rows,omitempty"` // that it counts
}

// String writes the remark on one line, file and line first.
func (r Remark) String() string {
	row := ""
	if r.Row != "" {
		row = "row " + r.Row + ": "
	}
	return fmt.Sprintf("%s:%d: %s: %s%s", r.File, r.Line, r.Severity, row, r.Text)
}

// unsure finds facts that nobody has checked.
var unsure = regexp.MustCompile(`(?i)\b(recalled|inferred|guess(ed)?|not found|unknown)\b`)

// Lint looks for what the loader lets through: targets that the schema does not have and
// texts that it refuses, required places without a row, texts that only the schema would
// find too long, elements that a condition drops, facts without a source, and losses.
func Lint(t *mapping.Table, s *Source, c *Coverage, lists *codelist.Lists) []Remark {
	l := linter{source: s}
	for _, p := range c.Unfilled {
		if p.Required {
			l.add(1, "", gateway.Warning, "nothing fills %s, which the schema requires", p.Path)
		}
	}
	nodes := map[string]*Node{}
	for _, p := range c.Places {
		for _, id := range p.Rows {
			nodes[strings.TrimSuffix(id, readOnly)] = p.node
		}
	}
	l.variants(t, c)
	var bare []string
	for _, info := range t.Rows() {
		row := s.row(info.ID)
		if info.Source == "" && !row.Group {
			bare = append(bare, info.ID)
		}
		if n := nodes[info.ID]; n != nil {
			l.length(t, info, row, n)
			l.wider(t, info, n)
			l.textless(info, row, n)
			l.texts(t, info, row, n, lists)
		} else if info.Target != "" && c.wild(info.Target, s.spaces()) {
			l.add(info.Line, info.ID, gateway.Info, "the schema takes any element at %s and does not say which", info.Target)
		} else if info.Target != "" {
			l.add(info.Line, info.ID, gateway.Error, "the schema has no %s: nearest is %s", info.Target, c.nearest(info.Target))
		}
		l.positions(t, info)
		if list := chosen.FindString(row.Get("set")); list != "" {
			l.add(info.Line, info.ID, gateway.Warning, "makes an element of %s in each document that is read, also where that says nothing of one", list[:len(list)-1])
		}
		if row.Get("every") != "" && row.Get("equal") != "true" && info.Lossy == "" && info.Direction != "decode" {
			l.add(info.Line, info.ID, gateway.Warning, "writes one value of %s for all, and who says another gets this one back, expected equal or lossy", row.Get("every"))
		}
		if info.Const != "" {
			l.scripts(info, nodes[info.ID])
		}
		if info.Each != "" && info.When != "" && info.Lossy == "" && info.Direction != "decode" {
			l.covers(t, info, lists)
		}
		if info.Lossy != "" {
			l.add(info.Line, info.ID, gateway.Info, "lossy: %s", info.Lossy)
		}
		l.unsure(row)
	}
	if t.Profile() == "" && t.Status() != "official" && t.Status() != "own" && len(bare) > 0 {
		l.remarks = append(l.remarks, Remark{
			File: s.File, Line: 1, Severity: gateway.Warning, Rows: bare,
			Text: fmt.Sprintf("the format is %s and %d rows have no source of their own", t.Status(), len(bare)),
		})
	}
	return l.sorted()
}

// variants looks for conditions on which the table reads a document that the schema lets no
// document satisfy.
func (l *linter) variants(t *mapping.Table, c *Coverage) {
	spaces := l.source.spaces()
	nodes := map[string]*Node{}
	for _, p := range c.Places {
		nodes[p.at] = p.node
	}
	for _, w := range t.Where() {
		at := nodeKey(t.Root(), false)
		for _, step := range strings.Split(w.Place, "/") {
			at += stepKey(step, spaces)
		}
		n := nodes[at]
		if n == nil {
			l.add(w.Line, "", gateway.Error, "where: the schema has no %s", w.Place)
			continue
		}
		takes := n.Enum
		if n.Fixed != "" {
			takes = []string{n.Fixed}
		}
		for _, text := range w.Texts {
			if takes != nil && !slices.Contains(takes, text) {
				l.add(w.Line, "", gateway.Error, "where: %s is %q, and the schema takes %s", w.Place, text, few(takes))
			}
		}
	}
}

type linter struct {
	source  *Source
	remarks []Remark
}

func (l *linter) add(line int, row string, severity gateway.Severity, format string, args ...any) {
	l.remarks = append(l.remarks, Remark{File: l.source.File, Line: line, Row: row, Severity: severity, Text: fmt.Sprintf(format, args...)})
}

func (l *linter) sorted() []Remark {
	slices.SortStableFunc(l.remarks, func(a, b Remark) int { return a.Line - b.Line })
	return l.remarks
}

func (l *linter) unsure(r Row) {
	if doubt := cmp.Or(unsure.FindString(r.Get("note")), unsure.FindString(r.Get("source")), unsure.FindString(r.Get("status"))); doubt != "" {
		l.add(r.Line, r.ID, gateway.Info, "%s: %s", strings.ToLower(doubt), r.remarks())
	}
}

// chosen is the way to a list of which a path chooses one element, with the bracket behind it.
var chosen = regexp.MustCompile(`^[^\[]+\[`)

// nth is the way to a list of which a path takes the element at a position.
var nth = regexp.MustCompile(`^(.*)\[[0-9]+\]`)

// positions looks for an element of a list that stands at a place of its own beside a group for all
// elements of that list: it stands twice, and is read twice.
func (l *linter) positions(t *mapping.Table, info table.RowInfo) {
	m := nth.FindStringSubmatch(cmp.Or(info.With, info.From))
	if m == nil || info.Direction == "encode" {
		return
	}
	for _, o := range t.Rows() {
		if o.Each == m[1] && o.Direction != "encode" && o.ID != info.ID {
			l.add(info.Line, info.ID, gateway.Warning, "takes an element of %s by its position beside row %s, which is for each of them: one element stands at both places", m[1], o.ID)
			return
		}
	}
}

// textless looks for texts in elements that the schema gives other elements alone.
func (l *linter) textless(info table.RowInfo, row Row, n *Node) {
	if !row.Group && !n.Text && !n.Recursive && info.Empty == "" {
		l.add(info.Line, info.ID, gateway.Error, "a text in %s, where the schema takes none", info.Target)
	}
}

// wider looks for texts that the schema takes and the canonical field has no room for: they are refused
// when they come.
func (l *linter) wider(t *mapping.Table, info table.RowInfo, n *Node) {
	path := info.From
	if len(info.Language) > 0 {
		path += ".value"
	}
	if n.MaxLength == 0 || path == "" || info.List != "" || info.Use != "" || info.Like != "" || info.Direction == "encode" {
		return
	}
	p, err := document.CompileFor(t.Kind(), path)
	if err != nil || !p.Leaf() || p.Field().Type != document.String {
		return
	}
	if own := int(p.Field().Rule.GetLength()); own > 0 && own < n.MaxLength {
		l.add(info.Line, info.ID, gateway.Warning, "the schema takes %d characters, and the field has room for %d: a longer text is refused when it comes", n.MaxLength, own)
	}
}

// nearest returns the place of the schema that is most like a target.
func (c *Coverage) nearest(target string) string {
	parent := target[:strings.LastIndexByte(target, '/')]
	var siblings, all []string
	for _, p := range c.Places {
		if strings.HasSuffix(p.at, wildcard) {
			continue // names nothing
		}
		all = append(all, p.Path)
		if strings.HasPrefix(p.Path, parent+"/") && strings.Count(p.Path, "/") == strings.Count(target, "/") {
			siblings = append(siblings, p.Path[len(parent)+1:])
		}
	}
	if near := document.Nearest(target[len(parent)+1:], siblings, 1); near != nil {
		return near[0]
	}
	return strings.Join(document.Nearest(target, all, 1), "")
}

// texts compares the texts that a row writes whatever the document says, and those of its
// code list, with the schema's.
func (l *linter) texts(t *mapping.Table, info table.RowInfo, row Row, n *Node, lists *codelist.Lists) {
	takes := n.Enum
	if n.Fixed != "" {
		takes = []string{n.Fixed}
	}
	for _, key := range []string{"const", "default"} {
		text := row.Get(key)
		switch {
		case text == "" || info.Direction == "decode":
		case takes != nil && !slices.Contains(takes, text):
			l.add(info.Line, info.ID, gateway.Error, "%s %q, and the schema takes %s", key, text, few(takes))
		case n.MaxLength > 0 && utf8.RuneCountInString(text) > n.MaxLength:
			l.add(info.Line, info.ID, gateway.Error, "%s %q is longer than the %d characters that the schema takes", key, text, n.MaxLength)
		}
	}
	if info.Empty != "" && takes != nil && !slices.Contains(takes, "") && info.Direction != "decode" {
		l.add(info.Line, info.ID, gateway.Error, "empty for %q, and the schema takes %s", info.Empty, few(takes))
	}
	list, ok := lists.List(info.List)
	if !ok || takes == nil || info.Use != "" || info.Direction == "decode" {
		return
	}
	var refused []string
	refuse := func(code string) {
		if code != "" && !slices.Contains(takes, code) && !slices.Contains(refused, code) {
			refused = append(refused, code)
		}
	}
	if system := list.Systems[t.System()]; system != nil {
		for _, r := range system.Rows {
			if r.Direction != codelist.Decode {
				refuse(r.Is)
			}
		}
	} else {
		for _, c := range list.Codes {
			refuse(c.Code)
		}
	}
	if refused != nil {
		l.add(info.Line, info.ID, gateway.Warning, "list %s writes %s, and the schema takes %s", info.List, few(refused), few(takes))
	}
}

// few lists texts, the first of many.
func few(texts []string) string {
	const most = 8
	if rest := len(texts) - most; rest > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(texts[:most], ", "), rest)
	}
	return strings.Join(texts, ", ")
}

var equals = regexp.MustCompile(`^(?:this\.)?(\w+) == '(\w+)'$`)

// covers looks for elements that the conditions on an each drop. It is said once, of the
// first of the rows that repeat for one list.
func (l *linter) covers(t *mapping.Table, info table.RowInfo, lists *codelist.Lists) {
	if p, err := document.CompileFor(t.Kind(), info.Each); err == nil && p.Extends() {
		return // each name that is declared has its row
	}
	var rows []string
	conditions, values := map[string]bool{}, map[string][]string{}
	for _, o := range t.Rows() {
		if o.Each != info.Each || o.Direction == "decode" {
			continue
		}
		if o.When == "" || o.Lossy != "" || rows == nil && o.ID != info.ID {
			return
		}
		rows = append(rows, o.ID+" "+o.When)
		conditions[o.When] = true
		if m := equals.FindStringSubmatch(o.When); m != nil {
			values[m[1]] = append(values[m[1]], m[2])
		}
	}
	for c := range conditions {
		if conditions["!"+c] || conditions["!("+c+")"] || strings.Contains(c, " == ") && conditions[strings.Replace(c, " == ", " != ", 1)] {
			return
		}
	}
	for field, constants := range values {
		p, err := document.CompileFor(t.Kind(), info.Each+"."+field)
		if err != nil {
			continue
		}
		all := slices.Clone(p.Field().Enum)
		if list, ok := lists.List(p.Field().Rule.GetList()); ok {
			for _, c := range list.Codes {
				all = append(all, c.Code)
			}
		}
		if len(all) > 0 && !slices.ContainsFunc(all, func(v string) bool { return !slices.Contains(constants, v) }) {
			return
		}
	}
	l.add(info.Line, info.ID, gateway.Warning, "elements of %s for which no condition holds are dropped, expected lossy or a row for them: %s", info.Each, strings.Join(rows, "; "))
}

var pieces = regexp.MustCompile(`^(?:split|head)\((\d+)`)

// length compares the greatest length that a row writes with the schema's.
func (l *linter) length(t *mapping.Table, info table.RowInfo, row Row, n *Node) {
	if n.MaxLength == 0 || info.From == "" || info.List != "" || info.Direction == "decode" || row.Group {
		return
	}
	limited := row.Get("max")
	if m := pieces.FindStringSubmatch(info.Use); m != nil {
		limited = m[1]
	}
	if limited != "" {
		if limit, err := strconv.Atoi(limited); err == nil && limit > n.MaxLength {
			l.add(info.Line, info.ID, gateway.Warning, "writes up to %d characters, and the schema takes %d", limit, n.MaxLength)
		}
		return
	}
	path := info.From
	if len(info.Language) > 0 {
		path += ".value"
	}
	p, err := document.CompileFor(t.Kind(), path)
	if err != nil || !p.Leaf() {
		return
	}
	f := p.Field()
	if key, _, ok := document.ExtensionOf(path); ok {
		if declared, ok := t.Extensions().Of(key); ok {
			f = *declared.Field()
		}
	}
	if f.Type != document.String {
		return
	}
	if own := int(f.Rule.GetLength()); own == 0 || own > n.MaxLength {
		field := "without limit"
		if own > 0 {
			field = fmt.Sprintf("of up to %d characters", own)
		}
		l.add(info.Line, info.ID, gateway.Warning, "no max, a field %s, and the schema takes %d: only the schema would find it", field, n.MaxLength)
	}
}
