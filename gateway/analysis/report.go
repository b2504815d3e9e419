package analysis

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// indent stands before the first column of what is inside a group, once per level.
const indent = "  "

// Report is an answer laid out for people: facts, then tables.
type Report struct {
	Title    string
	Facts    []Key
	Sections []Section
}

// Section is one table of a report. Blanks before a cell's text are its indentation. A
// text of several lines keeps them on a page alone.
type Section struct {
	Heading string
	Columns []string
	Rows    [][]string
}

// Text writes the report for a terminal, its columns under each other.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	b.WriteString(r.Title + "\n")
	grid(&b, factRows(r.Facts))
	for _, s := range r.Sections {
		s.Rows = oneLine(s.Rows)
		b.WriteString("\n")
		if s.Heading != "" {
			fmt.Fprintf(&b, "%s (%d)\n", s.Heading, len(s.Rows))
		}
		rows := s.Rows
		if len(rows) > 0 && strings.Join(s.Columns, "") != "" {
			rows = append([][]string{s.Columns}, rows...)
		}
		grid(&b, rows)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// between are line ends with the blanks round them: between elements they say nothing.
var between = regexp.MustCompile(`\s*\n\s*`)

// oneLine writes cells of several lines on one.
func oneLine(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		out[i] = slices.Clone(row)
		for j, cell := range row {
			if strings.Contains(cell, "\n") {
				out[i][j] = strings.ReplaceAll(between.ReplaceAllString(cell, " "), "> <", "><")
			}
		}
	}
	return out
}

func factRows(facts []Key) [][]string {
	rows := make([][]string, len(facts))
	for i, f := range facts {
		rows[i] = []string{f.Name, f.Value}
	}
	return rows
}

// widest bounds a column: one long cell MUST NOT push the next column off the screen.
const widest = 72

// grid writes rows with aligned columns and no blanks at the end of lines.
func grid(b *strings.Builder, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if n := utf8.RuneCountInString(cell); n <= widest {
				widths[i] = max(widths[i], n)
			}
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if widths[i] > 0 {
				line.WriteString(cell + strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(cell), 0)+2))
			} else if cell != "" {
				line.WriteString(cell + "  ")
			}
		}
		b.WriteString(indent + strings.TrimRight(line.String(), " ") + "\n")
	}
}

// Markdown writes the report as GitHub's Markdown.
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", r.Title)
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "- %s: %s\n", f.Name, escape(f.Value))
	}
	for _, s := range r.Sections {
		if s.Heading != "" {
			fmt.Fprintf(&b, "\n## %s (%d)\n", s.Heading, len(s.Rows))
		}
		if len(s.Rows) == 0 {
			continue
		}
		s.Rows = oneLine(s.Rows)
		fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(s.Columns, " | "), strings.Repeat("---|", len(s.Columns)))
		for _, row := range s.Rows {
			b.WriteString("|")
			for _, cell := range row {
				own := strings.TrimLeft(cell, " ")
				b.WriteString(" " + strings.Repeat("&emsp;", (len(cell)-len(own))/len(indent)) + escape(own) + " |")
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// escape keeps a cell's text from being read as Markdown or HTML.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "\n", " ").Replace(s)
}

var separators = regexp.MustCompile(`[/.:\[_]|=+`)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"lines": func(cell string) bool { return strings.Contains(cell, "\n") },
	"level": func(cell string) int { return (len(cell) - len(strings.TrimLeft(cell, " "))) / len(indent) },
	// A path may break behind its separators, and nowhere else.
	"breaks": func(cell string) template.HTML {
		return template.HTML(separators.ReplaceAllString(template.HTMLEscapeString(strings.TrimSpace(cell)), "$0<wbr>"))
	},
}).Parse(pageText))

// HTML writes the report as a page that needs nothing else, for screen and print.
func (r Report) HTML(w io.Writer) error { return page.Execute(w, r) }
