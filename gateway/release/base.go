package release

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"customs.example/gateway/document"
)

// bases are routes/bases/*.yaml by their file's name without its ending: what several routes have
// in common, such as those of one kind of corridor, of one form, or of one agreement. A route that
// names some is a page of differences over them.
type bases map[string]*layer

// layer is one file of those that make a route.
type layer struct {
	file  string
	raw   []byte
	lines document.Lines
	route Route // as this file alone says
}

// maxBases is over how many bases a route may be a page.
const maxBases = 4

// pageOnly are the keys that a base cannot have.
var pageOnly = []string{"route", "version", "over"}

func readLayer(name string, raw []byte) (*layer, error) {
	l := &layer{file: name, raw: raw}
	var err error
	if l.lines, err = document.ReadYAML(name, raw, &l.route); err != nil {
		return nil, err
	}
	return l, nil
}

// loadBases reads the bases, each of which MUST decode as a route would.
func loadBases(fsys fs.FS) (bases, error) {
	names, err := fs.Glob(fsys, "routes/bases/*.yaml")
	if err != nil {
		return nil, err
	}
	out := make(bases)
	var mistakes []error
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		l, err := readLayer(name, raw)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		for _, key := range pageOnly {
			if line := l.line(key); line > 0 {
				mistakes = append(mistakes, fmt.Errorf("%s:%d: %s is for a route, not for the base of several", name, line, key))
			}
		}
		out[strings.TrimSuffix(strings.TrimPrefix(name, "routes/bases/"), ".yaml")] = l
	}
	return out, errors.Join(mistakes...)
}

func (l *layer) line(key string) int { return l.lines["$."+key] }

func (l *layer) errorf(key, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", l.file, l.line(key), fmt.Sprintf(format, args...))
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

// read makes a route of its file and the bases that it names, the nearest first. What is nearer
// replaces what is farther, key by key, within basis and text too; a supply replaces the one of
// the same id, or drops it, and else stands behind the others; what is allowed comes on top of
// what the farther ones allow, of which withhold names what is not.
func read(name string, raw []byte, known bases) (*page, error) {
	top, err := readLayer(name, raw)
	if err != nil {
		return nil, err
	}
	if len(top.route.Over) > maxBases {
		return nil, top.errorf("over", "over %d bases, at most %d", len(top.route.Over), maxBases)
	}
	p := &page{layers: []*layer{top}, elements: make(map[string]element)}
	for i, name := range top.route.Over {
		switch l, ok := known[name]; {
		case !ok:
			return nil, top.errorf(fmt.Sprintf("over[%d]", i), "there is no base %s", name)
		case slices.Contains(p.layers, l):
			return nil, top.errorf(fmt.Sprintf("over[%d]", i), "twice over %s", name)
		default:
			p.layers = append(p.layers, l)
		}
	}
	var supplies []merged[SupplyRow]
	var allow []merged[string]
	var mistakes []error
	for _, l := range slices.Backward(p.layers) {
		if err := document.DecodeYAML(l.file, l.raw, &p.Route); err != nil {
			return nil, err
		}
		var wrong error
		supplies, wrong = l.supplies(supplies)
		mistakes = append(mistakes, wrong)
		allow, wrong = l.allow(allow)
		mistakes = append(mistakes, wrong)
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
			errs = append(errs, l.errorf(e.key, "no base has a supply %s to drop", row.ID))
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
	for i, path := range l.route.Withhold {
		at := slices.IndexFunc(out, func(m merged[string]) bool { return m.value == path })
		if at < 0 {
			errs = append(errs, l.errorf(fmt.Sprintf("withhold[%d]", i), "no base allows %s", path))
			continue
		}
		out = slices.Delete(out, at, at+1)
	}
	for i, path := range l.route.Allow {
		out = append(out, merged[string]{path, element{l, fmt.Sprintf("allow[%d]", i)}})
	}
	return out, errors.Join(errs...)
}

// has reports whether one of the route's files has a key.
func (p *page) has(key string) bool {
	_, line := p.at(key)
	return line > 0
}

// at returns where a key stands: in the route, or in the nearest base that has it; line 0 if in
// none.
func (p *page) at(key string) (file string, line int) {
	if end := strings.IndexByte(key, ']'); end >= 0 {
		if e, ok := p.elements[key[:end+1]]; ok {
			return e.of.file, e.of.line(e.key + key[end+1:])
		}
	}
	for _, l := range p.layers {
		if line := l.line(key); line > 0 {
			return l.file, line
		}
	}
	return p.layers[0].file, 0
}
