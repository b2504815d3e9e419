package program

import (
	"fmt"
	"time"

	"customs.example/gateway/codelist"
	"customs.example/gateway/expr"
	"customs.example/gateway/extension"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/mapping/table"
)

// compiler turns the rows of one table into compiled rows.
type compiler struct {
	*datafile.File
	head    *table.Head
	made    *Program
	env     *expr.Env
	lists   *codelist.Lists
	zone    *time.Location
	offices []string // whose local time the table writes
	ids     map[string]bool
	spaces  string // of the table: what texts that people write do with white space

	declared *extension.Declared // what the table declares of extensions
	used     map[string]bool     // keys of those that rows use

	fields map[string]*Row // that read into a canonical path
	stores map[string]*Row // that collect a canonical path
	refers []*Row
}

func (c *compiler) rowError(r *Row, format string, args ...any) {
	c.Add(r.Info.ID, r.Info.Line, fmt.Sprintf("row %s: %s", r.Info.ID, fmt.Sprintf(format, args...)))
}

// location returns a zone by its IANA name, nil for none.
func (c *compiler) location(node, id, name string) *time.Location {
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		if text := fmt.Sprintf("unknown zone %q, expected an IANA name such as Asia/Shanghai", name); id == "" {
			c.At(node, "%s", text)
		} else {
			c.Row(node, id, "%s", text)
		}
		return nil
	}
	return zone
}
