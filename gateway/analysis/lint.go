package analysis

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
)

// Remark is something about a table that loads and still deserves a look.
type Remark struct {
	File     string           `json:"file"`
	Line     int              `json:"line"`
	Row      string           `json:"row,omitempty"`
	Severity gateway.Severity `json:"severity"`
	Text     string           `json:"text"`
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

// Lint looks for what the loader lets through: required places without a row, texts
// that only the schema would find too long, facts without a source, and losses.
func Lint(t *mapping.Table, s *Source, c *Coverage) []Remark {
	l := linter{source: s}
	for _, p := range c.Unfilled {
		if p.Required {
			l.add(1, "", gateway.Warning, "nothing fills %s, which the schema requires", p.Path)
		}
	}
	nodes := map[string]*Node{}
	for _, p := range c.Places {
		for _, id := range p.Rows {
			nodes[id] = p.node
		}
	}
	var bare []string
	for _, info := range t.Rows() {
		row := s.row(info.ID)
		if info.Source == "" && !row.Group {
			bare = append(bare, info.ID)
		}
		if n := nodes[info.ID]; n != nil {
			l.length(t, info, row, n)
		}
		if info.Lossy != "" {
			l.add(info.Line, info.ID, gateway.Info, "lossy: %s", info.Lossy)
		}
		if said := cmp.Or(unsure.FindString(info.Note), unsure.FindString(info.Source), unsure.FindString(row.Get("status"))); said != "" {
			l.add(info.Line, info.ID, gateway.Info, "%s: %s", strings.ToLower(said), row.remarks())
		}
	}
	if t.Status() != "official" && len(bare) > 0 {
		l.add(1, "", gateway.Warning, "the format is %s and %d rows have no source of their own: %s", t.Status(), len(bare), strings.Join(bare, ", "))
	}
	slices.SortStableFunc(l.remarks, func(a, b Remark) int { return a.Line - b.Line })
	return l.remarks
}

type linter struct {
	source  *Source
	remarks []Remark
}

func (l *linter) add(line int, row string, severity gateway.Severity, format string, args ...any) {
	l.remarks = append(l.remarks, Remark{l.source.File, line, row, severity, fmt.Sprintf(format, args...)})
}

var pieces = regexp.MustCompile(`^(?:split|head)\((\d+)`)

// length compares the greatest length that a row writes with the schema's.
func (l *linter) length(t *mapping.Table, info mapping.RowInfo, row Row, n *Node) {
	if n.MaxLength == 0 || info.From == "" || info.List != "" || info.Direction == "decode" || row.Group {
		return
	}
	said := row.Get("max")
	if m := pieces.FindStringSubmatch(info.Use); m != nil {
		said = m[1]
	}
	if said != "" {
		if limit, err := strconv.Atoi(said); err == nil && limit > n.MaxLength {
			l.add(info.Line, info.ID, gateway.Warning, "writes up to %d characters, and the schema takes %d", limit, n.MaxLength)
		}
		return
	}
	path := info.From
	if len(info.Language) > 0 {
		path += ".value"
	}
	p, err := document.CompileFor(t.Kind(), path)
	if err != nil || !p.Leaf() || p.Field().Type != document.String {
		return
	}
	if own := int(p.Field().Rule.GetLength()); own == 0 || own > n.MaxLength {
		field := "without limit"
		if own > 0 {
			field = fmt.Sprintf("of up to %d characters", own)
		}
		l.add(info.Line, info.ID, gateway.Warning, "no max, a field %s, and the schema takes %d: only the schema would find it", field, n.MaxLength)
	}
}
