package release

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// destination is how a route names one: an administration, or an office of it.
var destination = regexp.MustCompile(`^[A-Z]{2}(/[0-9A-Z]{1,17})?$`)

// together are the mistakes of routes in what they say of each other, each at its key.
func (rs *Routes) together() (mistakes []error) {
	for _, rt := range rs.routes {
		for i, named := range rt.Destinations {
			key := fmt.Sprintf("destinations[%d]", i)
			switch {
			case !destination.MatchString(named):
				mistakes = append(mistakes, rt.mistake(key, "destination %q: want an administration, RU, or an office of one, RU/10799010", named))
			case slices.Contains(rt.Destinations[:i], named):
				mistakes = append(mistakes, rt.mistake(key, "destination %s twice", named))
			}
			for _, o := range rs.routes {
				if o.Name < rt.Name && o.rivals(rt) && slices.ContainsFunc(o.Destinations, func(other string) bool { return beneath(named, other) || beneath(other, named) }) {
					mistakes = append(mistakes, rt.mistake(key, "%s leads to %s too: which of them does a document take?", o.Name, named))
				}
			}
		}
		if rt.Also != "" {
			mistakes = append(mistakes, rs.also(rt)...)
		}
	}
	return mistakes
}

// beneath reports whether a destination is another, or an office of it.
func beneath(named, other string) bool { return named == other || strings.HasPrefix(named, other+"/") }

// rivals reports whether one document may be for both routes by all but its destination.
func (rt *Route) rivals(o *Route) bool {
	return rt.From == o.From && rt.To == o.To && rt.Type == o.Type && rt.Kind == o.Kind && rt.Recipe == o.Recipe &&
		slices.ContainsFunc(rt.Offices, func(office Office) bool { return o.Serves(office.Code) })
}

// also are the mistakes of a route in the one of its second addressee, which takes the very same
// documents from the very same offices.
func (rs *Routes) also(rt *Route) (mistakes []error) {
	add := func(format string, args ...any) { mistakes = append(mistakes, rt.mistake("also", format, args...)) }
	o, ok := rs.Route(rt.Also)
	if !ok {
		add("there is no route %s", rt.Also)
		return mistakes
	}
	switch {
	case o == rt:
		add("the second addressee is another than the first")
	case o.Also != "":
		add("%s has a second addressee itself: there are two at most", o.Name)
	case o.To == rt.To:
		add("%s leads to %s too: the second addressee is another", o.Name, rt.To)
	}
	if o.From != rt.From || o.Kind != rt.Kind || o.Type != rt.Type || o.Recipe != rt.Recipe || o.Moment != rt.Moment {
		add("%s differs in from, kind, type, recipe or release: both addressees are told of the same, at the same moment", o.Name)
	}
	for _, office := range rt.Offices {
		if !o.Serves(office.Code) {
			add("%s does not serve the office %s", o.Name, office.Code)
		}
	}
	for _, table := range rt.Sources {
		if !slices.Contains(o.Sources, table) {
			add("%s does not take %s", o.Name, table)
		}
	}
	return mistakes
}

// mistake says what is wrong at a key of the route's files.
func (rt *Route) mistake(key, format string, args ...any) error {
	l := &linter{page: rt.page}
	l.addf(key, format, args...)
	return l.mistakes[0]
}
