package table

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/datafile"
)

// profileFile is a profile as it is written: what one administration does otherwise
// in formats that it shares.
type profileFile struct {
	Profile        string                `yaml:"profile"`
	Version        int                   `yaml:"version"`
	Administration string                `yaml:"administration"`
	Over           []string              `yaml:"over"`
	Namespaces     map[string]string     `yaml:"namespaces"`
	Zone           string                `yaml:"zone"`
	ZoneOf         []string              `yaml:"zone_of"`
	System         string                `yaml:"system"`
	Schema         string                `yaml:"schema"`
	Languages      []languageChange      `yaml:"languages"`
	Status         string                `yaml:"status"`
	Source         string                `yaml:"source"`
	Valid          validity              `yaml:"valid"`
	Where          map[string]wanted     `yaml:"where"`
	Rows           map[string]rowOverlay `yaml:"rows"`
}

// languageChange replaces the languages of rows that list From; of all rows with
// languages, if From is empty.
type languageChange struct {
	From []string `yaml:"from"`
	To   []string `yaml:"to"`
}

// rowOverlay is what a profile may say of a row; what it leaves out stays.
type rowOverlay struct {
	From       *string         `yaml:"from"`
	Const      datafile.Quoted `yaml:"const"`
	List       *string         `yaml:"list"`
	Use        *string         `yaml:"use"`
	When       *string         `yaml:"when"`
	Required   *bool           `yaml:"required"`
	Except     *[]string       `yaml:"except"`
	Default    datafile.Quoted `yaml:"default"`
	Empty      datafile.Quoted `yaml:"empty"`
	Equal      *bool           `yaml:"equal"`
	Spelling   *bool           `yaml:"spelling"`
	Language   *[]string       `yaml:"language"`
	Time       *string         `yaml:"time"`
	Zone       *string         `yaml:"zone"`
	Max        *int            `yaml:"max"`
	OnOverflow *string         `yaml:"on_overflow"`
	Space      *string         `yaml:"space"`
	Always     *bool           `yaml:"always"`
	Yields     *bool           `yaml:"yields"`
	Lossy      *string         `yaml:"lossy"`
	Note       *string         `yaml:"note"`
	Source     *string         `yaml:"source"`
	Examples   Samples         `yaml:"examples"`
	Drop       bool            `yaml:"drop"`
}

func (o *rowOverlay) apply(f *Row) {
	replace(&f.From, o.From)
	replace(&f.List, o.List)
	replace(&f.Use, o.Use)
	replace(&f.When, o.When)
	replace(&f.Required, o.Required)
	replace(&f.Except, o.Except)
	replace(&f.Language, o.Language)
	replace(&f.Time, o.Time)
	replace(&f.Zone, o.Zone)
	replace(&f.Max, o.Max)
	replace(&f.OnOverflow, o.OnOverflow)
	replace(&f.Space, o.Space)
	replace(&f.Always, o.Always)
	replace(&f.Yields, o.Yields)
	replace(&f.Lossy, o.Lossy)
	replace(&f.Note, o.Note)
	replace(&f.Source, o.Source)
	if o.Const.Given {
		f.Const = o.Const
	}
	if o.Default.Given {
		f.Default = o.Default
	}
	if o.Empty.Given {
		f.Empty = o.Empty
		f.Empty.Given = o.Empty.Text != "" || o.Empty.Bad
	}
	replace(&f.Equal, o.Equal)
	replace(&f.Spelling, o.Spelling)
	f.Examples = o.Examples // those of the table's file show another row
	f.Dropped = f.Dropped || o.Drop
}

func replace[T any](old *T, with *T) {
	if with != nil {
		*old = *with
	}
}

// Profile is a profile that was read.
type Profile struct {
	*datafile.File
	profileFile
	digest gateway.Digest
	state  int // of the search for cycles
	tables []overlaid
}

// overlaid is a table with the profiles over it, the lowest first.
type overlaid struct {
	*Source
	node   string // where the topmost profile names the way to it
	layers []*Profile
}

const (
	unvisited = iota
	visiting
	visited
)

func (p *Profile) id() string { return datafile.Versioned(p.Profile, p.Version) }

func ReadProfile(m *datafile.File, raw []byte) *Profile {
	p := &Profile{File: m, digest: gateway.DigestOf(raw)}
	if err := m.Read(raw, &p.profileFile); err != nil {
		if m.Errs = append(m.Errs, err); p.Profile == "" {
			return p
		}
	}
	if want := strings.TrimSuffix(strings.TrimPrefix(m.Name, "profiles/"), ".yaml"); p.id() != want {
		m.At("$.profile", "this is %s, expected %s as the file says", p.id(), want)
	}
	if p.Version < 1 {
		m.At("$.version", "version %d, expected a number from 1", p.Version)
	}
	if p.Administration != "" && !gateway.Administration(p.Administration).IsCode() {
		m.At("$.administration", "administration %q, expected a country code such as KZ", p.Administration)
	}
	if len(p.Over) == 0 {
		m.At("$.over", "over nothing, expected ids of tables or of other profiles")
	}
	p.Valid.check(m)
	return p
}

// Reach finds the tables that each profile is over; its mistakes are the profiles'.
func Reach(all []*Profile, tables map[string]*Source) {
	byID := map[string]*Profile{}
	for _, p := range all {
		byID[p.id()] = p
	}
	for _, p := range all {
		p.reach(byID, tables, nil)
	}
}

// reach finds the tables that a profile is over, directly or by way of another profile.
func (p *Profile) reach(all map[string]*Profile, tables map[string]*Source, way []string) {
	if p.state == visited {
		return
	}
	p.state = visiting
	way = append(way, p.id())
	for i, over := range p.Over {
		node := fmt.Sprintf("$.over[%d]", i)
		if lower := all[over]; lower != nil {
			if lower.state == visiting {
				p.At(node, "profile %s is over itself: %s, expected no cycle", over, strings.Join(append(way[slices.Index(way, over):], over), " over "))
				continue
			}
			lower.reach(all, tables, way)
			for _, t := range lower.tables {
				p.add(overlaid{t.Source, node, append(slices.Clone(t.layers), p)})
			}
			continue
		}
		b := tables[over]
		if b == nil {
			known := append(slices.Sorted(maps.Keys(tables)), slices.Sorted(maps.Keys(all))...)
			p.At(node, "over %q, expected the id of a table without mistakes or of a profile: one of %v", over, known)
			continue
		}
		p.add(overlaid{b, node, []*Profile{p}})
	}
	p.state = visited
}

func (p *Profile) add(t overlaid) {
	if slices.ContainsFunc(p.tables, func(o overlaid) bool { return o.Source == t.Source }) {
		p.At(t.node, "over %s twice, expected one way to it", t.Name)
		return
	}
	p.tables = append(p.tables, t)
}

// Sources are the tables that the profile makes, none where a lower profile has mistakes. With
// rowsLater their rows are read when they are first asked for. What is wrong with them is
// the profile's mistake.
func (p *Profile) Sources(rowsLater bool) (out []*Source) {
	files, lines, ok := p.files(!rowsLater)
	if !ok {
		return nil // said there
	}
	withRows := sync.OnceValues(func() ([]Content, []document.Lines) {
		files, lines, _ := p.files(true)
		return files, lines
	})
	for i, t := range p.tables {
		file := func(lines document.Lines) *datafile.File {
			return &datafile.File{Name: t.File.Name, Lines: lines, Overlaid: &datafile.Overlay{File: p.File, Table: datafile.Versioned(files[i].Mapping, files[i].Version), Node: t.node}}
		}
		made := &Source{File: file(lines[i]), Content: files[i], profile: p}
		made.WithRows = func() *Source {
			files, lines := withRows()
			return &Source{File: file(lines[i]), Content: files[i]}
		}
		sum := slices.Clone(t.digest[:])
		for _, layer := range t.layers {
			made.administration = cmp.Or(layer.Administration, made.administration)
			sum = append(sum, layer.digest[:]...)
		}
		made.digest = gateway.DigestOf(sum)
		out = append(out, made)
	}
	return out
}

// files are the files of the profile's tables as it changes them, and their lines: whole, or
// without their rows. It is false where a lower profile has mistakes.
func (p *Profile) files(withRows bool) (files []Content, lines []document.Lines, ok bool) {
	for _, t := range p.tables {
		b := t.Source
		if withRows {
			b = b.WithRows()
		}
		f := b.Content
		f.Rows = cloneRows(b.Rows)
		for _, lower := range t.layers[:len(t.layers)-1] {
			if len(lower.Errs) > 0 {
				return nil, nil, false
			}
			lower.change(&f, nil)
		}
		files, lines = append(files, f), append(lines, b.Lines)
	}
	var several map[string]bool
	if withRows {
		several = p.fits(files)
	}
	for i := range files {
		p.change(&files[i], several)
		if files[i].Valid.From > files[i].Valid.To && files[i].Valid.To != "" {
			p.At(p.tables[i].node, "%s is never valid together with the profile, expected days in common", datafile.Versioned(files[i].Mapping, files[i].Version))
		}
	}
	return files, lines, true
}

// fits checks that everything the profile changes is there. It returns the rows that
// several tables have, which it cannot mean.
func (p *Profile) fits(files []Content) (several map[string]bool) {
	several = map[string]bool{}
	for _, prefix := range slices.Sorted(maps.Keys(p.Namespaces)) {
		if !slices.ContainsFunc(files, func(f Content) bool { return f.Namespaces[prefix] != "" }) {
			p.At("$.namespaces."+prefix, "prefix %q is declared by none of the tables, expected one that is", prefix)
		}
	}
	if p.Schema != "" && len(files) > 1 {
		p.At("$.schema", "one schema of %d tables, expected a profile over one table", len(files))
	}
	for i, change := range p.Languages {
		node := fmt.Sprintf("$.languages[%d]", i)
		if len(change.To) == 0 {
			p.At(node, "languages to nothing, expected a list")
		}
		found := false
		for _, f := range files {
			eachRow(f.Rows, func(r *Row) { found = found || change.of(r) })
		}
		if !found {
			p.At(node, "no row lists %v, expected languages as a row has them", change.From)
		}
	}
	named := map[*Row]string{} // the key that changes a row
	for _, key := range slices.Sorted(maps.Keys(p.Rows)) {
		var in []string
		for _, f := range files {
			eachRow(f.Rows, func(r *Row) {
				if !names(key, &f, r) {
					return
				}
				in = append(in, datafile.Versioned(f.Mapping, f.Version))
				if other, twice := named[r]; twice {
					p.At("$.rows."+key, "row %s: it is named as %s too, expected one key", key, other)
				}
				named[r] = key
			})
		}
		switch {
		case len(in) == 0:
			p.At("$.rows."+key, "row %s: none of the tables has it, expected the id of a row, or table#id", key)
		case len(in) > 1:
			p.At("$.rows."+key, "row %s: it stands in %v, expected %s#%s", key, in, in[0], key)
			several[key] = true
		}
	}
	return several
}

// change applies the profile to a table, but for rows that several tables have.
func (p *Profile) change(f *Content, several map[string]bool) {
	f.Zone, f.System, f.Schema = cmp.Or(p.Zone, f.Zone), cmp.Or(p.System, f.System), cmp.Or(p.Schema, f.Schema)
	if p.ZoneOf != nil {
		f.ZoneOf = p.ZoneOf
	}
	f.Status, f.Source = cmp.Or(p.Status, f.Status), cmp.Or(p.Source, f.Source)
	f.Valid.From = max(f.Valid.From, p.Valid.From)
	if f.Valid.To == "" || p.Valid.To != "" && p.Valid.To < f.Valid.To {
		f.Valid.To = p.Valid.To
	}
	f.Where = maps.Clone(f.Where)
	for at, is := range p.Where {
		if f.Where == nil {
			f.Where = make(map[string]wanted, len(p.Where))
		}
		f.Where[at] = is
	}
	f.Namespaces = maps.Clone(f.Namespaces)
	keys := slices.Sorted(maps.Keys(p.Rows)) // so that no run differs from another
	for prefix, uri := range p.Namespaces {
		if f.Namespaces[prefix] != "" {
			f.Namespaces[prefix] = uri
		}
	}
	eachRow(f.Rows, func(r *Row) {
		for _, change := range p.Languages {
			if change.of(r) && len(change.To) > 0 {
				r.Language, r.Examples = change.To, nil
				break
			}
		}
		// A row without list and conversion may be an instant.
		if p.Zone != "" && r.Zone == "" && r.List == "" && r.Use == "" || p.System != "" && r.List != "" {
			r.Examples = nil
		}
		for _, key := range keys {
			if o := p.Rows[key]; !several[key] && names(key, f, r) {
				o.apply(r)
			}
		}
	})
}

func (c *languageChange) of(r *Row) bool {
	return r.Language != nil && (len(c.From) == 0 || slices.Equal(c.From, r.Language))
}

// names reports whether a profile's key, "R120" or "table#R120", is a table's row.
func names(key string, f *Content, r *Row) bool {
	table, id, qualified := strings.Cut(key, "#")
	if !qualified {
		return r.ID == key
	}
	return r.ID == id && table == datafile.Versioned(f.Mapping, f.Version)
}
