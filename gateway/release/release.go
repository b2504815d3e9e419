// Package release owns the routes: which administration may tell which other what,
// on which legal basis, and what it adds that the national documents cannot hold.
// It refuses incomplete routes, documents that have not passed validation, and any
// field that a route does not name: what is not released is gone, not masked.
package release

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
)

// Routes is every route of a gateway.
type Routes struct {
	routes []*Route // in order of name
}

// Load reads routes/*.yaml, what they have in common in routes/bases/*.yaml, the texts of HS
// headings in routes/headings/*.yaml, what prices look like in routes/prices/prices.yaml and the times of
// crossing in routes/crossings/*.yaml, and
// checks them against the canonical document and the tables. It returns all mistakes at once,
// each with file and line; no route is in force if one is wrong.
func Load(fsys fs.FS, lib *mapping.Library) (*Routes, error) {
	headings, err := loadHeadings(fsys)
	if err != nil {
		return nil, err
	}
	crossings, err := loadCrossings(fsys)
	if err != nil {
		return nil, err
	}
	prices, err := loadPrices(fsys)
	if err != nil {
		return nil, err
	}
	all, names, err := loadLayers(fsys)
	if err != nil {
		return nil, err
	}
	rs := new(Routes)
	var mistakes mistakes
	for _, name := range names {
		rt, err := load(name, all, lib, headings, prices)
		if err == nil && slices.ContainsFunc(rs.routes, func(o *Route) bool { return o.Name == rt.Name }) {
			err = fmt.Errorf("routes/%s.yaml: there is another route %s", name, rt.Name)
		}
		if err != nil {
			mistakes.add(err)
			continue
		}
		rt.crossings = slices.DeleteFunc(slices.Clone(crossings), func(c Crossing) bool { return c.From != rt.From || c.To != rt.To })
		rs.routes = append(rs.routes, rt)
	}
	if len(mistakes) == 0 {
		for _, mistake := range rs.together() {
			mistakes.add(mistake)
		}
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	slices.SortFunc(rs.routes, func(a, b *Route) int { return strings.Compare(a.Name, b.Name) })
	return rs, nil
}

// mistakes are those of all routes, each once: one in a base is one of every route over it.
type mistakes []error

func (m *mistakes) add(err error) {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, e := range all {
		if !slices.ContainsFunc(*m, func(o error) bool { return o.Error() == e.Error() }) {
			*m = append(*m, e)
		}
	}
}

// All returns the routes in order of name.
func (rs *Routes) All() []*Route { return slices.Clone(rs.routes) }

// Route returns a route by name.
func (rs *Routes) Route(name string) (*Route, bool) {
	for _, rt := range rs.routes {
		if rt.Name == name {
			return rt, true
		}
	}
	return nil, false
}

// Addressees are the administrations that have to be reached for what takes a route: its own, that of its
// second addressee, and that of the first where the route is for the second.
func (rs *Routes) Addressees(rt *Route) (all []gateway.Administration) {
	all = append(all, rt.To)
	for _, o := range rs.routes {
		if o.Name == rt.Also || o.Also == rt.Name {
			all = append(all, o.To)
		}
	}
	return all
}

// second reports whether others name a route as that of their second addressee.
func (rs *Routes) second(rt *Route) bool {
	return slices.ContainsFunc(rs.routes, func(o *Route) bool { return o.Also == rt.Name })
}

// Only returns the named routes: those that are in force. A name without a route is
// an error.
func (rs *Routes) Only(names []string) (*Routes, error) {
	out := new(Routes)
	var errs []error
	for _, name := range names {
		rt, ok := rs.Route(name)
		if !ok {
			errs = append(errs, fmt.Errorf("routes: there is no route %q", name))
			continue
		}
		out.routes = append(out.routes, rt)
	}
	return out, errors.Join(errs...)
}

// Serving returns the routes on which an own office sends at a time, in order of name.
func (rs *Routes) Serving(own gateway.Administration, office string, at time.Time) []*Route {
	var found []*Route
	for _, rt := range rs.routes {
		if rt.From == own && rt.Serves(office) && rt.Valid.Contains(at) {
			found = append(found, rt)
		}
	}
	return found
}

// Query asks which routes a document may take.
type Query struct {
	From   gateway.Administration
	Office string                   // own office that submits
	Kind   string                   // kind of the document
	To     []gateway.Administration // empty: any
	Table  string                   // id of the national table; empty: canonical JSON
	At     time.Time
	Type   string // empty: Information
}

// Find returns the routes that a document may take, in order of name: as a whole,
// or as a part of what the route's recipe joins. Where a route is there, none is taken instead of it. That of a
// second addressee it takes by itself only where its sender names this addressee, and not the first.
func (rs *Routes) Find(q Query) []*Route {
	found := slices.DeleteFunc(rs.Serving(q.From, q.Office, q.At), func(rt *Route) bool {
		if _, both := rs.Route(rt.InsteadOf); both {
			return true
		}
		return rt.Type != cmp.Or(q.Type, Information) || len(q.To) > 0 && !slices.Contains(q.To, rt.To) || !rt.takes(q.Kind, q.Table)
	})
	with := slices.Clone(found)
	return slices.DeleteFunc(found, func(rt *Route) bool {
		return rs.second(rt) && (len(q.To) == 0 || slices.ContainsFunc(with, func(o *Route) bool { return o.Also == rt.Name }))
	})
}

// heading is one HS heading with its texts by language.
type heading struct {
	Heading string            `yaml:"heading"`
	Texts   map[string]string `yaml:"texts"`
}

// headings are texts by heading and language.
type headings map[string]map[string]string

func loadHeadings(fsys fs.FS) (headings, error) {
	names, err := fs.Glob(fsys, "routes/headings/*.yaml")
	if err != nil {
		return nil, err
	}
	all := make(headings)
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var file struct {
			List    string    `yaml:"list"`
			Version int       `yaml:"version"`
			Source  string    `yaml:"source"`
			Status  string    `yaml:"status"`
			Rows    []heading `yaml:"rows"`
		}
		if err := document.DecodeYAML(name, raw, &file); err != nil {
			return nil, err
		}
		for _, h := range file.Rows {
			if _, dup := all[h.Heading]; dup || len(h.Heading) != 4 || len(h.Texts) == 0 {
				return nil, fmt.Errorf("%s: heading %q: want four digits, once, with texts", path.Base(name), h.Heading)
			}
			all[h.Heading] = maps.Clone(h.Texts)
		}
	}
	return all, nil
}
