// Package table owns what a table says: its file, the rows in it, and the profiles that overlay
// them, read strictly, with every mistake at its line. It refuses to know what a row does: that
// is settled when it is compiled.
package table

import (
	"slices"

	"customs.example/gateway/document"
	"customs.example/gateway/extension"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/datafile"
)

// Content is a table as it is written; mappings/README.md describes the keys.
type Content struct {
	Mapping    string            `yaml:"mapping"`
	Version    int               `yaml:"version"`
	Document   string            `yaml:"document"`
	Root       string            `yaml:"root"`
	Namespaces map[string]string `yaml:"namespaces"`
	Default    string            `yaml:"default"`
	System     string            `yaml:"system"`
	Changes    string            `yaml:"changes"` // named: a change acts only on what its document names
	Zone       string            `yaml:"zone"`
	Space      string            `yaml:"space"`
	ZoneOf     []string          `yaml:"zone_of"`
	Schema     string            `yaml:"schema"`
	Status     string            `yaml:"status"`
	Source     string            `yaml:"source"`
	Valid      validity          `yaml:"valid"`
	Where      map[string]wanted `yaml:"where"`     // on what a document of the root is read: by place
	Fragments  map[string][]Row  `yaml:"fragments"` // rows that stand wherever a row uses them, by name
	Rows       []Row             `yaml:"rows"`
	Examples   []Example         `yaml:"examples"`

	// Values that the canonical document has no field for: by place, the path of a message.
	Extensions map[string][]extension.Declaration `yaml:"extensions"`

	Altered bool `yaml:"-"` // one row is otherwise, to see what that does: what is declared need not be used
}

// validity are the first and the last day of something, both inclusive and optional.
type validity struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// check says what is wrong with the days.
func (v validity) check(m *datafile.File) {
	for _, day := range []string{v.From, v.To} {
		if _, err := document.ParseDate(day); day != "" && err != nil {
			m.At("$.valid", "%v, expected valid: {from, to}", err)
		}
	}
	if v.From != "" && v.To != "" && v.From > v.To {
		m.At("$.valid", "valid from %s to %s, expected the earlier day first", v.From, v.To)
	}
}

// Row is a row as it is written, with the rows in it.
type Row struct {
	ID         string          `yaml:"id"`
	To         string          `yaml:"to"`
	From       string          `yaml:"from"`
	Const      datafile.Quoted `yaml:"const"`
	Set        string          `yaml:"set"`
	Count      string          `yaml:"count"`
	Sum        string          `yaml:"sum"`
	Once       bool            `yaml:"once"`
	Lone       bool            `yaml:"lone"`
	Every      string          `yaml:"every"`
	Ordinal    bool            `yaml:"ordinal"`
	Each       string          `yaml:"each"`
	With       string          `yaml:"with"`
	Collect    []string        `yaml:"collect"`
	Handle     string          `yaml:"handle"`
	Refer      string          `yaml:"refer"`
	Key        bool            `yaml:"key"`
	Yields     bool            `yaml:"yields"`
	By         string          `yaml:"by"`
	In         string          `yaml:"in"`
	List       string          `yaml:"list"`
	Use        string          `yaml:"use"`
	When       string          `yaml:"when"`
	Required   bool            `yaml:"required"`
	Except     []string        `yaml:"except"`
	Default    datafile.Quoted `yaml:"default"`
	Empty      datafile.Quoted `yaml:"empty"`
	Equal      bool            `yaml:"equal"`
	Spelling   bool            `yaml:"spelling"`
	Language   []string        `yaml:"language"`
	Time       string          `yaml:"time"`
	Zone       string          `yaml:"zone"`
	Space      string          `yaml:"space"`
	Max        int             `yaml:"max"`
	Like       string          `yaml:"like"`
	There      string          `yaml:"there"`
	OnOverflow string          `yaml:"on_overflow"`
	Direction  string          `yaml:"direction"`
	Always     bool            `yaml:"always"`
	Lossy      string          `yaml:"lossy"`
	Note       string          `yaml:"note"`
	Source     string          `yaml:"source"`
	Rows       []Row           `yaml:"rows"`
	Fragment   string          `yaml:"fragment"`
	Prefix     *prefix         `yaml:"prefix"`
	Examples   Samples         `yaml:"examples"`

	Node    string `yaml:"-"` // where the file writes it: "$.rows[3]"
	Used    string `yaml:"-"` // of a fragment's row: by which row, on which line, for mistakes
	Dropped bool   `yaml:"-"` // by a profile
}

// Sample is an example of a value row as it is written.
type Sample struct {
	Canonical datafile.Quoted `yaml:"canonical"`
	XML       Texts           `yaml:"xml"`
	Direction string          `yaml:"direction"`
}

// Samples are the examples of one row.
type Samples []Sample

// Texts are those that a value is written as: one, or a list where it is split.
type Texts struct {
	Texts []string
	Bad   bool // one of them is no text that XML can carry
}

// UnmarshalYAML reads one text or a list of texts.
func (p *Texts) UnmarshalYAML(decode func(any) error) error {
	var v any
	if err := decode(&v); err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, v := range list {
		text, ok := v.(string)
		p.Texts, p.Bad = append(p.Texts, text), p.Bad || !ok || text == "" || !convert.Writable(text)
	}
	p.Bad = p.Bad || len(list) == 0
	return nil
}

// Example is an example of the whole table as it is written.
type Example struct {
	Name      string         `yaml:"name"`
	Rows      []string       `yaml:"rows"`
	Canonical map[string]any `yaml:"canonical"`
	XML       string         `yaml:"xml"`
	Back      map[string]any `yaml:"back"`
}

// cloneRows copies rows with all in them.
func cloneRows(rows []Row) []Row {
	out := slices.Clone(rows)
	for i := range out {
		out[i].Rows = cloneRows(out[i].Rows)
		out[i].Collect = slices.Clone(out[i].Collect)
	}
	return out
}

// eachRow calls f for every row that is not dropped, groups before their rows.
func eachRow(rows []Row, f func(*Row)) {
	for i := range rows {
		if !rows[i].Dropped {
			f(&rows[i])
			eachRow(rows[i].Rows, f)
		}
	}
}

// find returns a row of the tree of rows.
func find(rows []Row, id string) *Row {
	for i := range rows {
		if rows[i].ID == id {
			return &rows[i]
		}
		if r := find(rows[i].Rows, id); r != nil {
			return r
		}
	}
	return nil
}
