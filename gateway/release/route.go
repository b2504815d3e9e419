package release

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/extension"
)

// Route says what one administration releases to another, of one kind of document.
// It is read from a file and MUST NOT be changed.
type Route struct {
	Name    string `yaml:"route"`
	Version int    `yaml:"version"`
	// Over are the names of the bases and routes over which this is a page of differences, the
	// nearest first. None if it stands for itself.
	Over []string               `yaml:"over"`
	From gateway.Administration `yaml:"from"`
	To   gateway.Administration `yaml:"to"`
	Kind string                 `yaml:"kind"`
	// Type is Information or Filing.
	Type    string   `yaml:"type"`
	Basis   Basis    `yaml:"basis"`
	Purpose string   `yaml:"purpose"`
	Offices []Office `yaml:"offices"`
	Valid   Period   `yaml:"valid"`
	// Destinations are those of the documents that take the route rather than one that names none:
	// an administration (RU) or an office of one (RU/10799010). Empty: any.
	Destinations []string `yaml:"destinations"`
	// Also is the route to the second addressee of what takes this one; empty: there is none.
	Also string `yaml:"also"`
	// Table is the id of the outbound table.
	Table string `yaml:"table"`
	// Recipe is the id of the join that makes the document from parts; empty if the
	// document is submitted whole. Hold is how long a part may wait for the others, and a
	// cancellation for the number that the partner's answer brings.
	Recipe string        `yaml:"recipe"`
	Hold   time.Duration `yaml:"hold"`
	// Split is the id of the split that makes several documents of one for which the
	// outbound format has no room; empty if there is none.
	Split string `yaml:"split"`
	// Sources are the ids of the national tables that the offices submit in.
	Sources []string `yaml:"sources"`
	// Moment is when the document leaves: OnComplete or GateOut.
	Moment string `yaml:"release"`
	// Crossing is the time from the exit report to the expected arrival where the table of
	// crossings says none of the two offices; see [Route.CrossingOf]. Lead is how long before
	// the arrival the notice is due; a late notice goes at once.
	Crossing time.Duration `yaml:"crossing"`
	Lead     time.Duration `yaml:"lead"`
	// Cap is how large its documents may be where that is more than the gateway takes
	// anyway.
	Cap Size `yaml:"cap"`
	// ByNumber says of a form that it names what a change changes by its registration number
	// too: a change waits for the answer that brings it, as long as the lead time is not lost.
	ByNumber bool `yaml:"by_number"`
	// Numbers says that each document bears a number of a block that the administration's own system
	// has handed over; nil: it bears none.
	Numbers *Numbers `yaml:"numbers"`
	// InsteadOf is the route whose form this is another of: an office uses one of the two, and this one
	// only where a configuration names it.
	InsteadOf string `yaml:"instead_of"`
	// Validity is how long the message is worth delivering, Retention how long its
	// payload is kept.
	Validity  time.Duration         `yaml:"validity"`
	Retention time.Duration         `yaml:"retention"`
	Supplies  []SupplyRow           `yaml:"supplies"`
	Texts     map[string]TextPolicy `yaml:"text"`
	// Allow are the schema paths that are released, a message with all that it holds: those of
	// the base, without the ones that Withhold names, and the route's own.
	Allow    []string `yaml:"allow"`
	Withhold []string `yaml:"withhold"`
	// Attachments says which images and scans a document may name; nil: none.
	Attachments *Attachments `yaml:"attachments"`

	page       *page // that it was read from
	crossings  []Crossing
	allowed    *branch
	extensions *extension.Declared
	supplies   []supplier
	texts      []texter
	takesAny   []string // kinds that may be submitted
	noPrices   bool
	prices     *prices // what they look like in texts
}

// Numbers are those that each document of a route bears. The gateway never makes one up.
type Numbers struct {
	To     string `yaml:"to"`     // the field of the document
	Like   string `yaml:"like"`   // regular expression of a whole number, in which {office} is the office's code
	Sample string `yaml:"sample"` // a made-up one, borne by what is only tried and never sent

	path *document.Path
}

// Fits returns what reports whether a number is like those of an office.
func (n *Numbers) Fits(office string) func(number string) bool {
	like, err := regexp.Compile("^(?:" + strings.ReplaceAll(n.Like, "{office}", regexp.QuoteMeta(office)) + ")$")
	if err != nil {
		return func(string) bool { return false }
	}
	return like.MatchString
}

// Of returns the number that a document bears; empty: none.
func (n *Numbers) Of(d *customsv1.Document) string {
	number, _ := n.path.Get(document.Of(d))
	return number
}

// Set gives a document its number.
func (n *Numbers) Set(d *customsv1.Document, number string) error {
	return n.path.Set(document.Of(d), number)
}

// Size is a number of bytes, written in MiB: 32MiB.
type Size int

// maxSize is the greatest cap: a document takes some 25 times its size in memory.
const maxSize = 64 << 20

// UnmarshalYAML reads a size.
func (s *Size) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	digits, ok := strings.CutSuffix(text, "MiB")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > maxSize>>20 {
		return fmt.Errorf("size %q: want 1MiB to %dMiB", text, maxSize>>20)
	}
	*s = Size(n << 20)
	return nil
}

// The types of a route. Documents of the one never take the other.
const (
	Information = "c2c"    // between administrations: it discharges nobody's duty to file
	Filing      = "filing" // for a carrier, who is named in it; to one's own administration it stays there
)

// The moments at which a document leaves.
const (
	OnComplete = "on-complete"
	GateOut    = "gate-out"
)

// Basis is the law that the route stands on. Its status is "demonstration" until a
// lawyer has verified it.
type Basis struct {
	Title  string `yaml:"title"`
	Scope  Scope  `yaml:"scope"`
	Status string `yaml:"status"`
}

// Scope is what the basis covers, in words.
type Scope struct {
	Direction string `yaml:"direction"`
	Mode      string `yaml:"mode"`
	Procedure string `yaml:"procedure"`
	Goods     string `yaml:"goods"`
	Dates     string `yaml:"dates"`
}

// Office is an own office that the route serves, with its IANA zone.
type Office struct {
	Code string `yaml:"code"`
	Zone string `yaml:"zone"`
}

// Period is a range of days, both included, open-ended without To.
type Period struct {
	From time.Time `yaml:"from"`
	To   time.Time `yaml:"to"`
}

// Contains reports whether an instant is on one of the days.
func (p Period) Contains(at time.Time) bool {
	return !at.Before(p.From) && (p.To.IsZero() || at.Before(p.To.AddDate(0, 0, 1)))
}

// SupplyRow is a value that the route adds because no national document holds it.
// It fills what is missing; a message (Fields) only if all of it is missing, so
// that two firms are never mixed into one.
type SupplyRow struct {
	ID     string            `yaml:"id"`
	To     string            `yaml:"to"`
	Value  string            `yaml:"value"`
	Fields map[string]string `yaml:"fields"`
	// Override replaces what the document says.
	Override bool `yaml:"override"`
	// Drop takes back a supply of the base.
	Drop   bool   `yaml:"drop"`
	Source string `yaml:"source"`
	Status string `yaml:"status"`
}

// TextPolicy says where the texts of a language come from: AsSent, Supplied by the
// sender or the route (missing is a fault), or Heading: the text of the HS heading,
// marked as such. Nothing is ever translated.
type TextPolicy struct {
	Fields []string `yaml:"fields"`
	Policy string   `yaml:"policy"`
}

// The text policies.
const (
	AsSent   = "as-sent"
	Supplied = "supplied"
	Heading  = "heading"
)

// Releases reports whether all that stands at a schema path of its kind of document is released.
func (rt *Route) Releases(path string) bool { return rt.allowed.covers(path) }

// Replaces reports what the route puts in the place of whatever stands at a schema path, and the row that
// says so.
func (rt *Route) Replaces(path string) (value, row string, ok bool) {
	for _, s := range rt.Supplies {
		if to := plain(s.To); s.Override {
			for field, given := range s.Fields {
				if plain(to+"."+field) == path {
					return given, s.ID, true
				}
			}
			if s.Value != "" && to == path || len(s.Fields) > 0 && strings.HasPrefix(path, to+".") {
				return s.Value, s.ID, true
			}
		}
	}
	return "", "", false
}

// Headed reports in which language the text of the heading may be sent in the place of those that stand in
// a list of texts.
func (rt *Route) Headed(list string) (lang string, ok bool) {
	i := slices.IndexFunc(rt.texts, func(t texter) bool { return t.policy == Heading && t.field == list })
	if i < 0 {
		return "", false
	}
	return rt.texts[i].lang, true
}

// Stays reports whether what takes the route stays with its administration: filings, which make no message.
func (rt *Route) Stays() bool { return rt.From == rt.To }

// LeadsTo reports whether the route is for documents of a destination: an administration and, where it
// is stated, an office's code.
func (rt *Route) LeadsTo(destination gateway.Administration, office string) bool {
	return slices.ContainsFunc(rt.Destinations, func(named string) bool {
		administration, code, one := strings.Cut(named, "/")
		return gateway.Administration(administration) == destination && (!one || code == office)
	})
}

// Serves reports whether the route serves an own office.
func (rt *Route) Serves(office string) bool {
	return slices.ContainsFunc(rt.Offices, func(o Office) bool { return rt.is(o, office) })
}

func (rt *Route) takes(kind, table string) bool {
	return slices.Contains(rt.takesAny, kind) && (table == "" || slices.Contains(rt.Sources, table))
}

// is reports whether one of the route's own offices is meant by a code.
func (rt *Route) is(o Office, code string) bool {
	return gateway.Office{Administration: rt.From, Code: o.Code}.Same(gateway.Office{Administration: rt.From, Code: code})
}

// Zone returns the time zone of an own office; UTC for an office it does not serve.
func (rt *Route) Zone(office string) *time.Location {
	for _, o := range rt.Offices {
		if rt.is(o, office) {
			if zone, err := time.LoadLocation(o.Zone); err == nil {
				return zone
			}
		}
	}
	return time.UTC
}
