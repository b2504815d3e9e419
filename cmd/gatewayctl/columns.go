package main

import (
	"bytes"
	"io"
	"strings"

	"customs.example/gateway"
)

// columns aligns neighbouring lines of cells with tabs between them, by what each takes on a
// terminal. The last cell of a line stands as it is.
type columns struct {
	w    io.Writer
	text bytes.Buffer
}

// gap is how many blanks stand between columns.
const gap = 2

func (c *columns) Write(text []byte) (int, error) { return c.text.Write(text) }

// Flush writes what has come in.
func (c *columns) Flush() error {
	var lines [][]string
	for line := range strings.Lines(c.text.String()) {
		lines = append(lines, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	c.text.Reset()
	align(lines, 0)
	var out bytes.Buffer
	for _, line := range lines {
		out.WriteString(strings.Join(line, "") + "\n")
	}
	_, err := c.w.Write(out.Bytes())
	return err
}

// align fills the cells of a column, and of those behind it, in each run of lines that have it.
func align(lines [][]string, column int) {
	for from := 0; from < len(lines); from++ {
		to, most := from, 0
		for ; to < len(lines) && len(lines[to]) > column+1; to++ {
			most = max(most, gateway.Columns(lines[to][column]))
		}
		if to == from {
			continue
		}
		for _, line := range lines[from:to] {
			line[column] = padded(line[column], most+gap)
		}
		align(lines[from:to], column+1)
		from = to
	}
}

// padded is a text with blanks behind it, up to so many columns.
func padded(text string, n int) string {
	return text + strings.Repeat(" ", max(n-gateway.Columns(text), 0))
}
