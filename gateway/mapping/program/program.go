// Package program owns what a table is compiled to: its rows as steps that know their elements,
// canonical paths, conversions and conditions, in the order in which encode writes them and by the
// elements at which decode meets them. It refuses to run them: it holds no document, and what it
// has made never changes.
package program

import (
	"cmp"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/extension"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

// Program is what a table is compiled to, for both directions. It is safe for concurrent use.
type Program struct {
	Head     *table.Head
	Top      *Row   // the root element as a group
	Rows     []*Row // every row, in order, groups before their rows
	Stores   []*Row // groups that collect
	Issued   *Row   // reads the day that code lists are judged on; nil if none does
	Nodes    int    // how many Decode's nodes are, which are numbered from 0
	Offices  []Office
	Variants []Variant // on which the table reads a document
	Examples []table.TableExample

	Extensions *extension.Declared // what the table declares

	lists *codelist.Lists
}

// Zone looks up an office's time zone, nil if none is known; where the administration is not
// said the office is the format's own administration's.
func (p *Program) Zone(administration, code string) *time.Location {
	zone, _ := p.lists.Zone(gateway.Administration(cmp.Or(administration, p.Head.Administration())), code)
	return zone
}

// Office is an office whose local time a format may write: where a document names it, and the
// rows that read that.
type Office struct {
	Code, Administration         *document.Path
	CodeRows, AdministrationRows []*Row
}

// Decoding is how decode reads a group.
type Decoding struct {
	*Node             // the group's element
	Sets     []*Row   // set rows
	Hollow   bool     // its element says something when it is empty
	Required []Expect // what an element of the group must have
}

// Expect is a row whose element or attribute must be there.
type Expect struct {
	Row  *Row
	Node *Node // of the row's target
}

// Node is an element or attribute that decode may meet inside a group's element, and the rows
// that read it: either groups, or values with its attributes and children.
type Node struct {
	Number  int
	Values  []*Row // that read the text, or the attribute
	Groups  []*Row
	Passed  bool // some row writes it and none reads it
	Repeats bool // elements in it repeat, so it may itself

	name     xmltree.Name
	children []*Node
	attrs    []*Node
}

// Child returns the child of a name, nil if there is none. Elements mostly come in the order of
// the rows, so the search starts at the cursor, where the last one ended.
func (n *Node) Child(name xmltree.Name, cursor *int) *Node {
	count := len(n.children)
	at := *cursor
	for range count {
		if at >= count {
			at = 0
		}
		if c := n.children[at]; c.name == name {
			*cursor = at
			return c
		}
		at++
	}
	return nil
}

// Attr returns the attribute of a name, nil if there is none.
func (n *Node) Attr(name xmltree.Name) *Node {
	for _, a := range n.attrs {
		if a.name == name {
			return a
		}
	}
	return nil
}
