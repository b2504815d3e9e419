package recipe

import (
	"fmt"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// Given is a document that is handed to a join, as one of its parts. Of a part that is for the
// elements of a list, Of says for which, by what the list's elements are named by first, where its
// sender says so beside it; empty: the documents say it.
type Given struct {
	Name     string
	Document *customsv1.Document
	Of       string
}

// Names are what each of the documents given is called where a join says what comes from where: the
// part's name, and behind it, of the second and further ones of a part, a number.
func Names(given []Given) []string {
	names, count := make([]string, len(given)), make(map[string]int)
	for i, g := range given {
		if names[i] = g.Name; count[g.Name] > 0 {
			names[i] = fmt.Sprintf("%s[%d]", g.Name, count[g.Name])
		}
		count[g.Name]++
	}
	return names
}

// assignment says for which element of a part's list each document of another part is.
type assignment struct {
	part string // that is for the elements
	list string // the part that has them
	path *document.Path
	by   []pair // the first names the elements
}

// pair are values that are the same in an element and in the document that is for it.
type pair struct{ element, part *document.Path }

// placing is which document is for which element.
type placing struct {
	of    *assignment
	parts map[string]string // what the document is called, by the instance path of the element
	open  []gap
}

// gap is an element without a document, or a document without an element.
type gap struct {
	fault     gateway.Fault
	at, other Source // the same, but where two documents are for one element
}

// place finds for each document the one element that it, or the element, names. A single document is
// for a single element that nothing says otherwise of.
func (a *assignment) place(given []Given, names []string) placing {
	p := placing{of: a, parts: make(map[string]string)}
	var holder string
	type element struct {
		path, name string
		at         string // what names it
	}
	var elements []element
	index := make([]map[string]int, len(a.by)) // elements by what is the same, -1: of several
	for i, g := range given {
		if g.Name != a.list {
			continue
		}
		holder = names[i]
		for k := range index {
			index[k] = make(map[string]int)
		}
		for path, e := range a.path.All(document.Of(g.Document), "") {
			name, _ := a.by[0].element.Get(e)
			for k, by := range a.by {
				text, ok := by.element.Get(e)
				if !ok {
					continue
				}
				if _, twice := index[k][gateway.FoldID(text)]; twice {
					index[k][gateway.FoldID(text)] = -1
					continue
				}
				index[k][gateway.FoldID(text)] = len(elements)
			}
			elements = append(elements, element{path, name, a.by[0].element.Instance(e, path)})
		}
		break
	}
	if holder == "" {
		return p
	}
	all := make([]string, len(elements))
	for i, e := range elements {
		all[i] = e.name
	}
	came := 0
	for _, g := range given {
		if g.Name == a.part {
			came++
		}
	}
	first := make(map[int]Source) // the document of an element, and where it says so
	for i, g := range given {
		if g.Name != a.part {
			continue
		}
		found, says := make(map[int]bool), false
		look := func(k int, text string) {
			if n, ok := index[k][gateway.FoldID(text)]; ok {
				found[n] = true
			}
		}
		if g.Of != "" {
			says = true
			look(0, g.Of)
		} else {
			for k, by := range a.by {
				for _, text := range by.part.Texts(document.Of(g.Document)) {
					says = says || k == 0
					look(k, text)
				}
			}
			if !says && len(found) == 0 && len(elements) == 1 && came == 1 {
				found[0] = true
			}
		}
		at := Source{Part: names[i], Path: a.by[0].part.Instance(document.Of(g.Document), "")}
		one := -1
		for n := range found {
			one = n
		}
		switch {
		case len(found) != 1 || one < 0:
			p.open = append(p.open, gap{unplaced(a.part, g, all), at, at})
		case first[one] != (Source{}):
			f := gateway.Fault{Code: gateway.PartTwice, Severity: gateway.Error, Value: elements[one].name, Expected: gateway.Term(a.part)}
			p.open = append(p.open, gap{f, at, first[one]})
		default:
			first[one], p.parts[elements[one].path] = at, names[i]
		}
	}
	for i, e := range elements {
		if first[i] == (Source{}) && came > 0 {
			f := gateway.Fault{Code: gateway.PartOpen, Severity: gateway.Error, Value: e.name, Expected: gateway.Term(a.part)}
			at := Source{Part: holder, Path: e.at}
			p.open = append(p.open, gap{f, at, at})
		}
	}
	return p
}

// maxNamed is how many elements a fault names.
const maxNamed = 10

func unplaced(part string, g Given, all []string) gateway.Fault {
	more := ""
	if len(all) > maxNamed {
		all, more = all[:maxNamed], " ..."
	}
	return gateway.Fault{
		Code: gateway.PartUnplaced, Severity: gateway.Error, Value: gateway.Clip(g.Document.GetEnvelope().GetDocumentId()),
		Expected: gateway.Term(strings.Join(all, ", ") + more),
	}
}
