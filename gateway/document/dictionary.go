package document

import (
	_ "embed"
	"strings"
	"sync"
)

// Entry is a line of the data dictionary: one schema path of a kind of document.
type Entry struct {
	Path  string
	Field Field
	Marks Marks
	WCO   string // id of the element in the WCO Data Model 3.6, "" where it has none
}

// Dictionary returns every schema path of a kind, the envelope's first, in the
// schema's order; nil for an unknown kind. Nobody may change them. Extensions are none: tables
// declare them.
func Dictionary(kind string) []Entry {
	if known, ok := dictionaries.Load(kind); ok {
		return known.([]Entry)
	}
	out := dictionary(kind)
	if out != nil {
		dictionaries.Store(kind, out)
	}
	return out
}

var dictionaries sync.Map // of kind to []Entry

func dictionary(kind string) []Entry {
	body, err := kindField(kind)
	if err != nil {
		return nil
	}
	var out []Entry
	var add func(path []byte, s *schema, marks Marks)
	add = func(path []byte, s *schema, marks Marks) {
		for _, f := range s.fields {
			if f.ext || f.kind && f != body {
				continue
			}
			at := appendName(path[:len(path):len(path)], f)
			own := marks.with(f)
			if !f.kind {
				out = append(out, Entry{string(at), *f, own, wcoIDs()[wcoKey{marks.Class, f.Rule.Element}]})
			}
			if f.sub != nil {
				add(at, f.sub, own.below(f))
			}
		}
	}
	add(nil, schemaOf(rootDescriptor), Marks{})
	return out
}

type wcoKey struct{ class, element string }

// wcoTable holds "class element id" lines of the WCO Data Model 3.6, Derived
// Information Package DEC, for the pairs that the schema's options name.
//
//go:embed wco.txt
var wcoTable string

var wcoIDs = sync.OnceValue(func() map[wcoKey]string {
	ids := map[wcoKey]string{}
	for line := range strings.Lines(wcoTable) {
		if f := strings.Fields(line); len(f) == 3 && f[0] != "#" {
			ids[wcoKey{f[0], f[1]}] = f[2]
		}
	}
	return ids
})
