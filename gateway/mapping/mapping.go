// Package mapping owns the tables that translate a partner's document to the canonical
// document and back, the profiles that overlay them, and the trace of every value. It refuses
// to judge, release or send what it translates: tables are data, encode and decode are pure,
// and only Encode makes an Encoded.
package mapping

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/xmltree"
)

// Library is every table, join and split that was loaded. It is safe for concurrent use.
type Library struct {
	tables     []*Table
	byID       map[string]*Table
	recipes    recipe.Library
	containers []Container
	load       *loader // for tables as they would be
}

// Table is one version of the mapping of one format. It is safe for concurrent use.
type Table struct {
	name, kind, schema, system, status, source string
	file                                       string // for mistakes
	version                                    int
	changesNamed                               bool
	profile, administration                    string
	profileVersion                             int
	from, to                                   string // first and last day, "" is open
	digest                                     gateway.Digest
	rootName                                   step
	namespaces                                 []namespace // as declared
	fallback                                   string      // prefix written as the default namespace
	lists                                      *codelist.Lists
	body                                       func() *body
}

// body is what the rows of a table are compiled to. It is never changed after that.
type body struct {
	top      *row   // the root element as a group
	rows     []*row // every row, in order
	nodes    int    // of the plan, which the decoder marks
	stores   []*row // groups that collect
	issued   *row   // the row that reads the day code lists are judged on
	offices  []localOffice
	examples []TableExample
}

type namespace struct{ prefix, uri string }

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
	Language  []string
	Time      string
	Prose     bool   // a text that people write
	Preserves bool   // its line breaks and blanks are kept
	Direction string // encode, decode, or "" for both
	Lossy     string // what does not come back
	Note      string
	Source    string
	Inside    string // id of the group around it, "" at the top
	Examples  []RowExample
}

// Table returns a table by its id, "ru/auto-preliminary.v1", with "+kz" for the table
// that profile kz makes of it.
func (l *Library) Table(id string) (*Table, bool) {
	t, ok := l.byID[id]
	return t, ok
}

// Tables returns every table in order of id.
func (l *Library) Tables() []*Table { return slices.Clone(l.tables) }

// Match returns the tables of a root element, newest version first, and before those
// that profiles make of a table the table itself.
func (l *Library) Match(root xmltree.Name) []*Table {
	var out []*Table
	for _, t := range l.tables {
		if t.rootName.name == root {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b *Table) int { return b.version - a.version })
	return out
}

// Choose returns the table for a root element from a sender on a day: of those that
// are valid, a profile of the sender's administration before the sender's own format,
// that before other plain tables, and those before others' profiles; then the newest.
// Agreed are the ids that were agreed on with the sender or its office: where any of
// them fits, one of them is chosen, be it of an older version.
func (l *Library) Choose(root xmltree.Name, sender string, on time.Time, agreed ...string) (*Table, bool) {
	var best *Table
	was := false // best was agreed on
	for _, t := range l.tables {
		if t.rootName.name != root || !t.Valid(on) {
			continue
		}
		is := slices.Contains(agreed, t.ID())
		if best == nil || is && !was || is == was && t.precedes(best, sender) {
			best, was = t, is
		}
	}
	return best, best != nil
}

// precedes reports whether a sender means t rather than o; of equals, the first by id
// stays.
func (t *Table) precedes(o *Table, sender string) bool {
	return cmp.Or(
		cmp.Compare(t.nearness(sender), o.nearness(sender)),
		cmp.Compare(o.version, t.version), cmp.Compare(o.profileVersion, t.profileVersion),
	) < 0
}

// nearness says how near a table is to a sender, nearest first.
func (t *Table) nearness(sender string) int {
	own := t.Administration() == sender
	switch {
	case own && t.profile != "":
		return 0
	case own:
		return 1
	case t.profile == "":
		return 2
	}
	return 3
}

// Nearest returns the table whose format a document that no table reads is most like:
// by what stands in it that only this format says, then by the root's name. It is false
// for a document that is like none.
func (l *Library) Nearest(root *xmltree.Element) (*Table, bool) {
	said := leaves(root)
	var best *Table
	most := 0
	for _, t := range l.tables {
		likeness := common(t.rootName.name.Space, root.Name.Space) << 1
		if strings.EqualFold(t.rootName.name.Local, root.Name.Local) {
			likeness += 1 << 20
		}
		likeness += t.saidIn(said) << 24
		if t.profile == "" {
			likeness++ // of a table and its profiles, the table
		}
		if likeness > most {
			best, most = t, likeness
		}
	}
	return best, most>>1 > len("urn:customs") // a namespace begins alike
}

// leaves are the texts of a document that are short enough for a fixed value, with the
// local names of what holds them.
func leaves(root *xmltree.Element) map[[2]string]bool {
	const most, longest = 10_000, 64 // elements, bytes
	said := map[[2]string]bool{}
	n := 0
	for e := range root.Walk() {
		if n++; n > most {
			break
		}
		for _, a := range e.Attrs {
			if len(a.Value) <= longest {
				said[[2]string{a.Name.Local, a.Value}] = true
			}
		}
		if len(e.Children) == 0 && len(e.Text) <= longest {
			said[[2]string{e.Name.Local, e.Text}] = true
		}
	}
	return said
}

// saidIn counts the fixed values of the table that stand in a document and are long
// enough to mean this format.
func (t *Table) saidIn(said map[[2]string]bool) int {
	n := 0
	for _, r := range t.body().rows {
		name := ""
		if r.attr != nil {
			name = r.attr.name.Local
		} else if len(r.steps) > 0 {
			name = r.steps[len(r.steps)-1].name.Local
		}
		if r.job == constJob && len(r.info.Const) >= 5 && said[[2]string{name, r.info.Const}] {
			n++
		}
	}
	return n
}

// Splits returns every split in order of id.
func (l *Library) Splits() []*recipe.Split { return l.recipes.Splits() }

// Split returns a split by its id, "ru/road-notice.v1".
func (l *Library) Split(id string) (*recipe.Split, bool) { return l.recipes.Split(id) }

// Joins returns every join in order of id.
func (l *Library) Joins() []*recipe.Join { return l.recipes.Joins() }

// Join returns a join by its id, "cn/road-export.v1".
func (l *Library) Join(id string) (*recipe.Join, bool) { return l.recipes.Join(id) }

// Name returns the mapping's name without its version.
func (t *Table) Name() string { return t.name }

// ID returns name and version, "ru/auto-preliminary.v1", and the profile behind them,
// "+kz"; a profile's version stands there from the second on: "+kz.v2".
func (t *Table) ID() string {
	switch t.profileVersion {
	case 0:
		return t.Base()
	case 1:
		return t.Base() + "+" + t.profile
	}
	return t.Base() + "+" + datafile.Versioned(t.profile, t.profileVersion)
}

// Base returns the id without the profile: the table as it is written.
func (t *Table) Base() string { return datafile.Versioned(t.name, t.version) }

// Profile returns the name of the profile that made the table of another, "" if none.
func (t *Table) Profile() string { return t.profile }

// Administration returns whose format the table is, "KZ": the profile's, else the
// first part of the name.
func (t *Table) Administration() string {
	whose, _, _ := strings.Cut(t.name, "/")
	return cmp.Or(t.administration, strings.ToUpper(whose))
}

// Version returns the version.
func (t *Table) Version() int { return t.version }

// Kind returns the kind of canonical document.
func (t *Table) Kind() string { return t.kind }

// Schema returns the name of the XSD.
func (t *Table) Schema() string { return t.schema }

// System returns the column of the code lists that the table translates by.
func (t *Table) System() string { return t.system }

// changesNamed is what a table says of a format whose changes act only on what they name.
const changesNamed = "named"

// ChangesNamed reports whether a document of the format that changes an earlier one acts only
// on the waybills that it names; else it is a full version.
func (t *Table) ChangesNamed() bool { return t.changesNamed }

// Status says how well the format is known; Source, where it comes from.
func (t *Table) Status() string { return t.status }

// Source returns where the format comes from.
func (t *Table) Source() string { return t.source }

// Digest returns the digest of the table's file; of a profile's table, one over the
// digests of the table and of every profile over it.
func (t *Table) Digest() gateway.Digest { return t.digest }

// Root returns the name of the root element.
func (t *Table) Root() xmltree.Name { return t.rootName.name }

// Valid reports whether the table may be used on a day.
func (t *Table) Valid(on time.Time) bool {
	day := on.Format(time.DateOnly)
	return (t.from == "" || t.from <= day) && (t.to == "" || day <= t.to)
}

// Rows returns what every row says, in order, groups before their rows.
func (t *Table) Rows() []RowInfo {
	rows := t.body().rows
	out := make([]RowInfo, len(rows))
	for i, r := range rows {
		out[i] = r.info
	}
	return out
}

// Lossy returns the rows that declare that something does not come back.
func (t *Table) Lossy() []RowInfo {
	return slices.DeleteFunc(t.Rows(), func(r RowInfo) bool { return r.Lossy == "" })
}

// Locate gives every fault that has a canonical path and no place yet the place that
// find knows for its path.
func Locate(faults gateway.Faults, find func(path string) gateway.Location) gateway.Faults {
	out := slices.Clone(faults)
	for i := range out {
		if out[i].Location.Expr == "" {
			out[i].Location = find(out[i].Path)
		}
	}
	return out
}

// common returns the length of the longest common prefix.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
