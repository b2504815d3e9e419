// Package codelist owns the code lists and the crosswalks between them, with their
// days of validity. It refuses to guess: a code without a row is a miss, and so is a
// code that only looks like one in another script.
package codelist

import (
	"cmp"
	"fmt"
	"time"

	"customs.example/gateway"
)

// Lists is every code list that was loaded. It is safe for concurrent use.
type Lists struct {
	byName map[string]*List
	names  []string
}

// List is one code list: the canonical codes, and how other systems write them.
type List struct {
	Name    string             `yaml:"list"`
	Version int                `yaml:"version"`
	Source  string             `yaml:"source"`
	Status  Status             `yaml:"status"`
	Open    bool               `yaml:"open"`  // more codes exist than are known: an unknown one only warns
	Means   []string           `yaml:"means"` // what may follow from a code; then every code says what does
	Codes   []Code             `yaml:"codes"`
	Systems map[string]*System `yaml:"systems"`
	Digest  gateway.Digest     `yaml:"-"` // of the file, and of every column's own

	codes map[string][]*Code
	looks map[string]string // a code, by how it reads
}

// Code is a canonical code with its names and its first and last day. A list that people
// read has its names in every language, all but English machine drafts.
type Code struct {
	Code   string `yaml:"code"`
	En     string `yaml:"en"`
	Zh     string `yaml:"zh"`
	Ru     string `yaml:"ru"`
	Kk     string `yaml:"kk"`
	Mn     string `yaml:"mn"`
	Means  string `yaml:"means"`  // what follows from it: one of the list's
	Status Status `yaml:"status"` // of this code, where it differs from the list's
	From   string `yaml:"from"`
	To     string `yaml:"to"`
}

// System says how one system writes the codes of a list.
type System struct {
	Source   string `yaml:"source"`
	Status   Status `yaml:"status"`
	Identity bool   `yaml:"identity"` // codes without a row are written as they are
	Rows     []Row  `yaml:"rows"`
	File     string `yaml:"-"` // where it stands, in the list's own or in one beside it

	encode, decode map[string][]*Row
	looks          map[string]string         // what decode holds, by how it reads
	zones          map[string]*time.Location // of the list of offices' zones alone
}

// Row is one line of a crosswalk. An empty Is says that the code has no counterpart.
type Row struct {
	Code      string    `yaml:"code"`
	Is        string    `yaml:"is"`
	Direction Direction `yaml:"direction"` // empty for both
	Status    Status    `yaml:"status"`
	From      string    `yaml:"from"`
	To        string    `yaml:"to"`
}

// Direction says which way a crosswalk is gone.
type Direction string

// The directions.
const (
	Encode Direction = "encode" // canonical to the system's
	Decode Direction = "decode" // the system's to canonical
)

// Status says how well a source is known.
type Status string

// The statuses, best first.
const (
	Official Status = "official" // taken from the issuer's own file
	Verified Status = "verified" // seen in public sources, named
	Recalled Status = "recalled" // known, not checked
	Inferred Status = "inferred" // concluded from verified facts
	Own      Status = "own"      // our own convention
)

// Result is a translated code and the row that says so.
type Result struct {
	Code   string
	Row    string // "transport-mode.v1:3->30"
	Status Status
}

// Miss is a code that a list or a crosswalk does not hold.
type Miss struct {
	Reason   gateway.Code // LIST_UNKNOWN, LIST_OPEN, LIST_NOT_VALID, LIST_LOOK_ALIKE or LIST_NO_COUNTERPART
	Value    string
	Expected string // the list, its system, or the code it was mistaken for
}

// Error says what was missed.
func (m *Miss) Error() string { return m.Fault().Error() }

// Fault returns the miss as a fault; it refuses unless the list is open.
func (m *Miss) Fault() gateway.Fault {
	severity := gateway.Error
	if m.Reason == gateway.ListOpen {
		severity = gateway.Warning
	}
	return gateway.Fault{Code: m.Reason, Severity: severity, Value: m.Value, Expected: gateway.Term(m.Expected)}
}

// In returns the code's name in a language, else in English.
func (c Code) In(lang string) string {
	names := map[string]string{"zh": c.Zh, "ru": c.Ru, "kk": c.Kk, "mn": c.Mn}
	return cmp.Or(names[lang], c.En)
}

// Name returns what a canonical code is called in a language; empty if the list does not
// hold it.
func (l *Lists) Name(list, code, lang string) string {
	if known := l.byName[list]; known != nil && len(known.codes[code]) > 0 {
		return known.codes[code][0].In(lang)
	}
	return ""
}

// Means is what follows from a code, as its list says; empty if the code is not known.
func (l *Lists) Means(list, code string) string {
	if known := l.byName[list]; known != nil && len(known.codes[code]) > 0 {
		return known.codes[code][0].Means
	}
	return ""
}

// Names returns the names of the lists, sorted.
func (l *Lists) Names() []string { return l.names }

// List returns a list by name. It MUST NOT be changed.
func (l *Lists) List(name string) (*List, bool) {
	list, ok := l.byName[name]
	return list, ok
}

// Has reports whether there is a list of that name.
func (l *Lists) Has(list string) bool { return l.byName[list] != nil }

// HasSystem reports whether a list says how a system writes its codes. Where it does
// not, the system writes the canonical codes.
func (l *Lists) HasSystem(list, system string) bool {
	return l.byName[list] != nil && l.byName[list].Systems[system] != nil
}

// Digest returns the digest of a list's file, zero for an unknown list.
func (l *Lists) Digest(list string) gateway.Digest {
	if l.byName[list] == nil {
		return gateway.Digest{}
	}
	return l.byName[list].Digest
}

// Known reports whether a list holds a canonical code that is valid on a day. The
// zero day asks for membership alone.
func (l *Lists) Known(list, code string, on time.Time) bool { return l.Check(list, code, on) == nil }

// Check returns why a canonical code is not good on a day, nil if it is. The day is
// the calendar day in on's own zone; the zero day asks for membership alone.
func (l *Lists) Check(list, code string, on time.Time) *Miss {
	known := l.byName[list]
	if known == nil {
		return &Miss{gateway.ListUnknown, code, list}
	}
	return known.check(code, day(on))
}

// Translate takes a code from the canonical list to a system's, or back. The error
// is a *Miss. A system that the list does not know writes the canonical codes. An
// unknown code of an open list passes where the system writes canonical codes.
func (l *Lists) Translate(list, system, code string, on time.Time, dir Direction) (Result, error) {
	known := l.byName[list]
	if known == nil {
		return Result{}, &Miss{gateway.ListUnknown, code, list}
	}
	crosswalk := known.Systems[system]
	if crosswalk != nil {
		if row, miss := crosswalk.find(known, system, code, day(on), dir); row != nil || miss != nil {
			if miss != nil {
				return Result{}, miss
			}
			return known.result(row, crosswalk, dir), nil
		}
	}
	if miss := known.check(code, day(on)); miss != nil && miss.Reason != gateway.ListOpen {
		return Result{}, miss
	}
	return Result{Code: code, Row: fmt.Sprintf("%s.v%d:%s", known.Name, known.Version, code), Status: known.status(code)}, nil
}

// find returns the row for a code, a miss, or neither where the code is written as it is.
func (s *System) find(list *List, name, code, on string, dir Direction) (*Row, *Miss) {
	index := s.decode
	if dir == Encode {
		index = s.encode
	}
	rows := index[code]
	for _, r := range rows {
		if !within(on, r.From, r.To) {
			continue
		}
		if r.Is == "" {
			return nil, &Miss{gateway.ListNoCounterpart, code, list.Name + ", " + name}
		}
		return r, nil
	}
	switch {
	case len(rows) > 0:
		return nil, &Miss{gateway.ListNotValid, code, list.Name + ", " + name}
	case s.Identity:
		return nil, nil
	case dir == Encode:
		if miss := list.check(code, on); miss != nil {
			return nil, miss
		}
		return nil, &Miss{gateway.ListNoCounterpart, code, list.Name + ", " + name}
	}
	if is, ok := s.looks[Latin(code)]; ok {
		return nil, &Miss{gateway.ListLookAlike, code, is}
	}
	return nil, &Miss{gateway.ListUnknown, code, list.Name + ", " + name}
}

func (l *List) result(r *Row, s *System, dir Direction) Result {
	out := Result{Code: r.Is, Row: fmt.Sprintf("%s.v%d:%s->%s", l.Name, l.Version, r.Code, r.Is), Status: r.Status}
	if dir == Decode {
		out.Code = r.Code
	}
	if out.Status == "" {
		out.Status = s.Status
	}
	return out
}

func (l *List) status(code string) Status {
	for _, c := range l.codes[code] {
		if c.Status != "" {
			return c.Status
		}
	}
	return l.Status
}

func (l *List) check(code, on string) *Miss {
	entries := l.codes[code]
	for _, c := range entries {
		if within(on, c.From, c.To) {
			return nil
		}
	}
	if len(entries) > 0 {
		return &Miss{gateway.ListNotValid, code, l.Name}
	}
	if is, ok := l.looks[Latin(code)]; ok {
		return &Miss{gateway.ListLookAlike, code, is}
	}
	if l.Open {
		return &Miss{gateway.ListOpen, code, l.Name}
	}
	return &Miss{gateway.ListUnknown, code, l.Name}
}

// day returns the calendar day in t's zone as text, "" for the zero time.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// within reports whether a day lies between two days, both included; days compare as
// texts, and an empty bound or day is open.
func within(on, from, to string) bool {
	return on == "" || (from == "" || from <= on) && (to == "" || on <= to)
}
