package table

import (
	"fmt"
	"strings"
)

// RowInfo is what a row says, for people: gaps, coverage, explanations and docs.
type RowInfo struct {
	ID        string
	Line      int
	Target    string   // from the root, with the table's prefixes; "" for a set row
	From      string   // canonical schema path from the document's root
	Each      string   // canonical list that a group repeats for, be it through lists
	With      string   // canonical message that a group starts from
	Collect   []string // canonical messages that a group holds once each; rows in it say From by the first
	Refer     string   // canonical message that stands elsewhere
	Handle    string   // what handles start with
	Key       bool
	By        string // of the elements of Each or From, relative: one of the texts at In
	In        string // canonical schema path from the document's root
	Set       string // canonical path that a constant is set to
	Const     string
	List      string
	Use       string
	When      string
	Like      string
	There     string // place, from the group's element, without which it is not read
	Required  bool
	Except    []string // function codes of the documents of which nothing is required
	Default   string
	Empty     string // canonical value that an empty element or attribute is
	Language  []string
	Time      string
	Prose     bool   // a text that people write
	Preserves bool   // its line breaks and blanks are kept
	Direction string // encode, decode, or "" for both
	Cut       int    // characters of a text that are written of a longer one; 0: it is refused
	Lossy     string // what does not come back
	Note      string
	Source    string
	Inside    string // id of the group around it, "" at the top
	Examples  []RowExample
}

// RowExample shows what one row does with a value: list, time, conversion and length,
// not its condition and not what stands around it.
type RowExample struct {
	Line      int
	Canonical string
	XML       []string // several where the value is split
	Direction string   // encode, decode, or "" for both
}

// String writes the example on one line.
func (e RowExample) String() string {
	arrow := map[string]string{"": "<->", "encode": "->", "decode": "<-"}[e.Direction]
	return fmt.Sprintf("%s %s %s", e.Canonical, arrow, strings.Join(e.XML, " | "))
}

// TableExample is a canonical document, what the table writes for it, and what it reads
// of that; without Back, the document itself.
type TableExample struct {
	Name                 string
	Line                 int
	Rows                 []string // that it shows
	Canonical, XML, Back []byte
}
