// Package datafile owns how a file of the mapping data is read: its mistakes, each at its line,
// the texts in it that must stand in quotes, and the id of what it holds. It refuses to know
// what such a file says.
package datafile

import (
	"cmp"
	"fmt"

	"customs.example/gateway/document"
)

// File collects the mistakes of one file.
type File struct {
	Name     string // from the root of the data, "ru/auto-preliminary.v1.yaml"
	Lines    document.Lines
	Errs     []error           // the mistakes so far, each as "name:line: what is wrong, expected ..."
	Overlaid *Overlay          // the profile that changes the file, whose mistakes these then are
	Used     map[string]string // behind the mistakes of a row, by its id: where it is used
}

// Overlay is a profile on its way over one table.
type Overlay struct {
	*File
	Table, Node string // the table's id, and where the profile names it
}

// Read reads the file and where its nodes stand.
func (f *File) Read(raw []byte, into any) (err error) {
	f.Lines, err = document.ReadYAML(f.Name, raw, into)
	return err
}

// At adds a mistake at a node, "$.rows[3]".
func (f *File) At(node, format string, args ...any) {
	f.Add("", max(f.Lines.Line(node), 1), fmt.Sprintf(format, args...))
}

// Row adds a mistake of a row by its id, at its node.
func (f *File) Row(node, id, format string, args ...any) {
	f.Add(id, f.Lines.Line(node), fmt.Sprintf("row %s: %s", cmp.Or(id, "without id"), fmt.Sprintf(format, args...)))
}

// Add adds a mistake at a line: of a row, or with an empty id of the file. Where a profile
// changes the file, the mistake stands where that names the row, or the table.
func (f *File) Add(id string, line int, text string) {
	text += f.Used[id]
	if f.Overlaid == nil {
		f.Errs = append(f.Errs, fmt.Errorf("%s:%d: %s", f.Name, line, text))
		return
	}
	node := f.Overlaid.Node
	for _, key := range []string{id, f.Overlaid.Table + "#" + id} {
		if f.Overlaid.Lines["$.rows."+key] > 0 {
			node = "$.rows." + key
		}
	}
	f.Overlaid.At(node, "%s: %s", f.Overlaid.Table, text)
}

// Mistakes returns the mistakes so far, be they the profile's.
func (f *File) Mistakes() []error {
	if f.Overlaid != nil {
		return f.Overlaid.Errs
	}
	return f.Errs
}

// Quoted is a text that MUST be quoted where YAML would read something else: 0603 is no
// number here.
type Quoted struct {
	Text  string
	Given bool // the key is there
	Bad   bool // and what stands there is no text
}

// UnmarshalYAML notes whether YAML read a text.
func (q *Quoted) UnmarshalYAML(decode func(any) error) error {
	var v any
	if err := decode(&v); err != nil {
		return err
	}
	text, ok := v.(string)
	*q = Quoted{text, true, !ok}
	return nil
}

// Versioned is the id of a version: "ru/auto-preliminary.v1".
func Versioned(name string, version int) string { return fmt.Sprintf("%s.v%d", name, version) }
