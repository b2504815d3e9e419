package release

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"customs.example/gateway/document"
)

// layers are the files that routes are made of, by name without folder and ending: the routes
// themselves, and routes/bases/*.yaml, what several have in common, such as those of one kind of
// corridor, of one form, or of one agreement. A route that names some is a page of differences
// over them.
type layers map[string]*layer

// layer is one file of those that make a route.
type layer struct {
	file  string
	yaml  document.YAML
	lines document.Lines
	route Route // as this file alone says
}

// maxLayers is of how many files a route may be made.
const maxLayers = 8

// pageOnly are the keys that a base cannot have, and a route not from another.
var pageOnly = []string{"route", "version", "over"}

func readLayer(name string, raw []byte) (*layer, error) {
	y, err := document.ParseYAML(name, raw)
	if err != nil {
		return nil, err
	}
	l := &layer{file: name, yaml: y, lines: y.Lines()}
	return l, y.Decode(&l.route)
}

// loadLayers reads every route and base, each of which MUST decode as a route would, and
// returns the names of the routes.
func loadLayers(fsys fs.FS) (all layers, routes []string, err error) {
	all = make(layers)
	var errs mistakes
	for _, folder := range []string{"routes", "routes/bases"} {
		files, err := fs.Glob(fsys, folder+"/*.yaml")
		if err != nil {
			return nil, nil, err
		}
		for _, file := range files {
			raw, err := fs.ReadFile(fsys, file)
			if err != nil {
				return nil, nil, err
			}
			l, err := readLayer(file, raw)
			if err != nil {
				errs.add(err)
				continue
			}
			name := strings.TrimSuffix(path.Base(file), ".yaml")
			if other, ok := all[name]; ok {
				errs.add(l.errorf("route", "%s has this name too", other.file))
			}
			all[name] = l
			if folder == "routes" {
				routes = append(routes, name)
				continue
			}
			for _, key := range pageOnly {
				if l.line(key) > 0 {
					errs.add(l.errorf(key, "%s is for a route, not for the base of several", key))
				}
			}
		}
	}
	return all, routes, errors.Join(errs...)
}

func (l *layer) line(key string) int { return l.lines["$."+key] }

func (l *layer) errorf(key, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", l.file, max(l.line(key), 1), fmt.Sprintf(format, args...))
}

// page is a route as its file and the bases below it make it, and where each key of it stands.
type page struct {
	Route
	layers []*layer // the route's own file first
	// elements are those of the merged lists, supplies[2] or allow[7]: where each stands.
	elements map[string]element
}

type element struct {
	of  *layer
	key string
}

// page makes a route of its file and those that it is over, the nearest first. What is nearer
// replaces what is farther, key by key, within basis and text too; a supply replaces the one of
// the same id, or drops it, and else stands behind the others; what is allowed comes on top of
// what the farther ones allow, of which withhold names what is not.
func (all layers) page(name string) (*page, error) {
	p := &page{elements: make(map[string]element)}
	if err := p.lay(all, all[name]); err != nil {
		return nil, err
	}
	var supplies []merged[SupplyRow]
	var allow []merged[string]
	var mistakes []error
	for _, l := range slices.Backward(p.layers) {
		if err := l.yaml.Decode(&p.Route); err != nil {
			return nil, err
		}
		var err error
		supplies, err = l.supplies(supplies)
		mistakes = append(mistakes, err)
		allow, err = l.allow(allow)
		mistakes = append(mistakes, err)
	}
	p.Supplies, p.Allow = nil, nil
	for i, s := range supplies {
		p.Supplies = append(p.Supplies, s.value)
		p.elements[fmt.Sprintf("supplies[%d]", i)] = s.element
	}
	for i, a := range allow {
		p.Allow = append(p.Allow, a.value)
		p.elements[fmt.Sprintf("allow[%d]", i)] = a.element
	}
	return p, errors.Join(mistakes...)
}

// lay lays a file and all that it is over under those that are there.
func (p *page) lay(all layers, l *layer) error {
	p.layers = append(p.layers, l)
	for i, name := range l.route.Over {
		key := fmt.Sprintf("over[%d]", i)
		switch below, ok := all[name]; {
		case !ok:
			return l.errorf(key, "there is no route or base %s", name)
		case slices.Contains(p.layers, below):
			return l.errorf(key, "twice over %s", name)
		case len(p.layers) == maxLayers:
			return l.errorf(key, "more than %d files make this route", maxLayers)
		default:
			if err := p.lay(all, below); err != nil {
				return err
			}
		}
	}
	return nil
}

// merged is an element of a list that several files make, and where it stands.
type merged[T any] struct {
	value T
	element
}

func (l *layer) supplies(below []merged[SupplyRow]) ([]merged[SupplyRow], error) {
	var errs []error
	out := slices.Clone(below)
	for i, row := range l.route.Supplies {
		e := element{l, fmt.Sprintf("supplies[%d]", i)}
		at := slices.IndexFunc(out, func(m merged[SupplyRow]) bool { return m.value.ID == row.ID && m.of != l })
		switch {
		case row.Drop && at < 0:
			errs = append(errs, l.errorf(e.key, "nothing under this has a supply %s to drop", row.ID))
		case row.Drop:
			out = slices.Delete(out, at, at+1)
		case at < 0:
			out = append(out, merged[SupplyRow]{row, e})
		default:
			out[at] = merged[SupplyRow]{row, e}
		}
	}
	return out, errors.Join(errs...)
}

func (l *layer) allow(below []merged[string]) ([]merged[string], error) {
	var errs []error
	out := slices.Clone(below)
	for i, field := range l.route.Withhold {
		at := slices.IndexFunc(out, func(m merged[string]) bool { return m.value == field })
		if at < 0 {
			errs = append(errs, l.errorf(fmt.Sprintf("withhold[%d]", i), "nothing under this allows %s", field))
			continue
		}
		out = slices.Delete(out, at, at+1)
	}
	for i, field := range l.route.Allow {
		out = append(out, merged[string]{field, element{l, fmt.Sprintf("allow[%d]", i)}})
	}
	return out, errors.Join(errs...)
}

// has reports whether one of the route's files has a key.
func (p *page) has(key string) bool {
	_, line := p.at(key)
	return line > 0
}

// at returns where a key stands: in the route, or in the nearest file under it that has it; line
// 0 if in none.
func (p *page) at(key string) (file string, line int) {
	if end := strings.IndexByte(key, ']'); end >= 0 {
		if e, ok := p.elements[key[:end+1]]; ok {
			return e.of.file, e.of.line(e.key + key[end+1:])
		}
	}
	own := p.layers
	if slices.Contains(pageOnly, key) {
		own = own[:1]
	}
	for _, l := range own {
		if line := l.line(key); line > 0 {
			return l.file, line
		}
	}
	return p.layers[0].file, 0
}
