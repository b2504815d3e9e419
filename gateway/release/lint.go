package release

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"customs.example/gateway/document"
	"customs.example/gateway/extension"
	"customs.example/gateway/mapping"
)

// required are the keys without which nothing starts. An answer to a question that
// does not arise is written down too: crossing: 0s.
var required = []string{
	"route", "version", "from", "to", "kind", "type", "basis", "basis.title", "basis.scope", "basis.scope.direction",
	"basis.scope.mode", "basis.scope.procedure", "basis.scope.goods", "basis.scope.dates", "basis.status", "purpose",
	"offices", "valid", "valid.from", "table", "sources", "release", "crossing", "lead", "validity", "retention", "allow",
}

func load(name string, all layers, lib *mapping.Library, texts headings, prices *prices) (*Route, error) {
	p, err := all.page(name)
	if err != nil {
		return nil, err
	}
	rt, l := &p.Route, &linter{page: p}
	for _, key := range required {
		if !p.has(key) {
			l.addf(key, "%s is missing", key)
		}
	}
	if rt.Recipe != "" && rt.Hold <= 0 {
		l.addf("recipe", "hold is missing: parts may not wait for ever")
	}
	if _, known := all[rt.InsteadOf]; rt.InsteadOf != "" && !known {
		l.addf("instead_of", "there is no route %s", rt.InsteadOf)
	}
	rt.prices, rt.page = prices, p
	l.check(rt, lib, texts)
	return rt, errors.Join(l.mistakes...)
}

type linter struct {
	page     *page
	mistakes []error
}

// addf notes a mistake at a key, or at the nearest enclosing one that is there.
func (l *linter) addf(key, format string, args ...any) {
	file, line := l.page.at(key)
	for k := key; line == 0; file, line = l.page.at(k) {
		cut := strings.LastIndexAny(k, ".[")
		if cut < 0 {
			break
		}
		k = k[:cut]
	}
	l.mistakes = append(l.mistakes, fmt.Errorf("%s:%d: %s", file, max(line, 1), fmt.Sprintf(format, args...)))
}

func (l *linter) oneOf(key, value string, known ...string) {
	if l.page.has(key) && !slices.Contains(known, value) {
		l.addf(key, "%s %q: want one of %s", key, value, strings.Join(known, ", "))
	}
}

func (l *linter) check(rt *Route, lib *mapping.Library, texts headings) {
	l.oneOf("type", rt.Type, Information, Filing)
	if rt.Stays() && rt.Type != Filing {
		l.addf("to", "from %s to itself: only what carriers file stays with its administration", rt.From)
	}
	l.oneOf("basis.status", rt.Basis.Status, "verified", "demonstration")
	l.oneOf("release", rt.Moment, OnComplete, GateOut)
	if len(rt.Offices) == 0 {
		l.addf("offices", "no office")
	}
	for i, o := range rt.Offices {
		if _, err := time.LoadLocation(o.Zone); o.Code == "" || o.Zone == "" || err != nil {
			l.addf(fmt.Sprintf("offices[%d]", i), "office %q: want a code and an IANA zone, not %q", o.Code, o.Zone)
		}
	}
	if rt.Validity <= 0 || rt.Retention <= 0 {
		l.addf("validity", "validity and retention must be longer than nothing")
	}
	if rt.Retention < rt.Validity {
		l.addf("retention", "documents are kept %s, and worth delivering for %s", rt.Retention, rt.Validity)
	}
	if _, err := document.New(rt.Kind); err != nil {
		l.addf("kind", "%v", err)
		return
	}
	l.tables(rt, lib)
	l.allow(rt, lib)
	l.attachments(rt, lib.Lists())
	if rt.Numbers != nil {
		l.numbers(rt)
	}
	for i, row := range rt.Supplies {
		l.supply(rt, lib, fmt.Sprintf("supplies[%d]", i), row)
	}
	for _, lang := range slices.Sorted(maps.Keys(rt.Texts)) {
		l.text(rt, lang, texts)
	}
}

// numbers compiles where a document bears its number.
func (l *linter) numbers(rt *Route) {
	n := rt.Numbers
	path, err := document.CompileFor(rt.Kind, n.To)
	switch {
	case err != nil:
		l.addf("numbers", "%v", err)
		return
	case !path.Leaf() || path.Many() || path.Field().Type != document.String:
		l.addf("numbers", "to %s: want a single text", n.To)
	case rt.allowed != nil && !rt.allowed.covers(n.To):
		l.addf("numbers", "to %s: it is not released", n.To)
	}
	n.path = path
	if _, err := regexp.Compile(n.Like); err != nil || n.Like == "" {
		l.addf("numbers", "like %q: want a regular expression", n.Like)
		return
	}
	if len(rt.Offices) > 0 && !n.Fits(rt.Offices[0].Code)(n.Sample) {
		l.addf("numbers", "sample %q: want one like %s of office %s", n.Sample, n.Like, rt.Offices[0].Code)
	}
}

func (l *linter) tables(rt *Route, lib *mapping.Library) {
	if t, ok := lib.Table(rt.Table); !ok {
		l.addf("table", "there is no table %s", rt.Table)
	} else if t.Kind() != rt.Kind {
		l.addf("table", "table %s takes %s, not %s", rt.Table, t.Kind(), rt.Kind)
	}
	rt.takesAny = []string{rt.Kind}
	if rt.Recipe != "" {
		if j, ok := lib.Join(rt.Recipe); !ok {
			l.addf("recipe", "there is no recipe %s", rt.Recipe)
		} else {
			if j.Kind() != rt.Kind {
				l.addf("recipe", "recipe %s makes %s, not %s", rt.Recipe, j.Kind(), rt.Kind)
			}
			for _, p := range j.Parts() {
				rt.takesAny = append(rt.takesAny, p.Kind)
			}
		}
	}
	if rt.Split != "" {
		if s, ok := lib.Split(rt.Split); !ok {
			l.addf("split", "there is no split %s", rt.Split)
		} else if s.Kind() != rt.Kind {
			l.addf("split", "split %s divides %s, not %s", rt.Split, s.Kind(), rt.Kind)
		}
	}
	for i, id := range rt.Sources {
		key := fmt.Sprintf("sources[%d]", i)
		if t, ok := lib.Table(id); !ok {
			l.addf(key, "there is no table %s", id)
		} else if !slices.Contains(rt.takesAny, t.Kind()) {
			l.addf(key, "table %s makes %s; the route takes %s", id, t.Kind(), strings.Join(rt.takesAny, ", "))
		}
	}
}

func (l *linter) allow(rt *Route, lib *mapping.Library) {
	rt.allowed, rt.extensions = new(branch), lib.Extensions()
	var extensions []int
	named, _ := byName(rt.Kind)
	var later []int // what is released by name stands in what may be released whole
	release := func(i int) {
		for _, path := range whole(rt.Kind, rt.Allow[i]) {
			if !rt.allowed.add(path) {
				l.addf(fmt.Sprintf("allow[%d]", i), "%s is released twice", rt.Allow[i])
				return
			}
		}
	}
	for i, path := range rt.Allow {
		key := fmt.Sprintf("allow[%d]", i)
		p, err := document.CompileFor(rt.Kind, path)
		ext, rest, extends := document.ExtensionOf(path)
		switch {
		case err != nil:
			l.addf(key, "%v", err)
		case extends && (rest != "" || ext != path):
			l.addf(key, "%s: an extension is released by its name, without other selectors: %s", path, ext)
		case extends:
			extensions = append(extensions, i)
		case p.Extends():
			list, _, _ := strings.Cut(path, "extensions")
			l.addf(key, "%s: extensions are released one by one: %sextensions[name=NAME]", path, list)
		case strings.Contains(path, "["):
			l.addf(key, "%s: a field is released whole, without selector", path)
		case leadsByName(named, path, ""):
			later = append(later, i)
		default:
			release(i)
		}
	}
	for _, i := range later {
		release(i)
	}
	for _, i := range extensions { // behind what they stand in
		path, key := rt.Allow[i], fmt.Sprintf("allow[%d]", i)
		if _, ok := lib.Extensions().Of(path); !ok {
			l.addf(key, "%s: no table declares it", path)
		} else if !rt.allowed.name(path) {
			l.addf(key, "%s is released twice", path)
		}
	}
	rt.noPrices = !rt.releasesPrices(lib)
	if rt.noPrices && rt.prices == nil {
		l.addf("allow", "the route withholds prices, and routes/prices/prices.yaml does not say what they look like in texts")
	}
}

// releasesPrices reports whether the route lets every price go that its kind of document has, those that
// tables declare as extensions included. One that has none lets none go.
func (rt *Route) releasesPrices(lib *mapping.Library) bool {
	priced, prices := false, make(map[string]bool)
	for _, e := range document.Dictionary(rt.Kind) {
		if prices[e.Path] = e.Marks.Price; e.Marks.Price {
			if priced = true; !rt.allowed.covers(e.Path) {
				return false
			}
		}
	}
	for _, key := range lib.Extensions().Keys() {
		if !pricedIn(prices, lib.Extensions(), key) {
			continue
		}
		if _, err := document.CompileFor(rt.Kind, key); err == nil && !rt.allowed.covers(key) {
			return false
		}
	}
	return priced
}

// pricedIn reports whether an extension is a price, by its declaration or by what it stands in: another
// extension, or a message at a path that is one.
func pricedIn(prices map[string]bool, declared *extension.Declared, key string) bool {
	for strings.Contains(key, "extensions[name=") {
		if d, _ := declared.Of(key); d.Price {
			return true
		}
		key = key[:max(strings.LastIndex(key, ".extensions[name="), 0)]
	}
	return prices[key]
}

func (l *linter) supply(rt *Route, lib *mapping.Library, key string, row SupplyRow) {
	if row.ID == "" || row.To == "" || row.Source == "" || (row.Value == "") == (len(row.Fields) == 0) {
		l.addf(key, "a supply needs id, to, source, status and either value or fields")
	}
	if !slices.Contains([]string{"verified", "recalled", "inferred", "demonstration"}, row.Status) {
		l.addf(key, "status %q: want verified, recalled, inferred or demonstration", row.Status)
	}
	if slices.ContainsFunc(rt.supplies, func(s supplier) bool { return s.row.ID == row.ID }) {
		l.addf(key, "there is another supply %s", row.ID)
	}
	s := supplier{row: row}
	context, rest, err := split(rt.Kind, row.To)
	if err != nil {
		l.addf(key, "%v", err)
		return
	}
	s.context = context
	values := row.Fields
	if row.Value != "" {
		values = map[string]string{"": row.Value}
	} else if s.message, err = within(rt.Kind, context, rest); err != nil {
		l.addf(key, "%v", err)
		return
	}
	for _, field := range slices.Sorted(maps.Keys(values)) {
		step := strings.TrimSuffix(rest+"."+field, ".")
		p, err := within(rt.Kind, context, step)
		if full := plain(strings.TrimSuffix(row.To+"."+field, ".")); err == nil && !rt.allowed.covers(full) {
			l.addf(key, "%s is supplied but not released", full)
		}
		switch {
		case err != nil:
			l.addf(key, "%v", err)
			continue
		case !p.Leaf():
			l.addf(key, "%s is no single value", step)
			continue
		}
		at := p.Field()
		if ext, rest, ok := document.ExtensionOf(plain(strings.TrimSuffix(row.To+"."+field, "."))); ok && rest == "value" {
			declared, _ := lib.Extensions().Of(ext)
			at = *declared.Field()
		}
		if err := at.Check(values[field]); err != nil {
			l.addf(key, "%s: %v", step, err)
		}
		s.values = append(s.values, value{p, values[field]})
	}
	rt.supplies = append(rt.supplies, s)
}

func (l *linter) text(rt *Route, lang string, texts headings) {
	policy := rt.Texts[lang]
	key := "text." + lang
	l.oneOf(key+".policy", policy.Policy, AsSent, Supplied, Heading)
	for _, field := range policy.Fields {
		t := texter{lang: lang, policy: policy.Policy, field: field}
		p, err := document.CompileFor(rt.Kind, field)
		if err != nil {
			l.addf(key, "%v", err)
			continue
		}
		if !p.Repeated() || !p.Field().Rule.GetLanguages() {
			l.addf(key, "%s holds no texts by language", field)
			continue
		}
		if !rt.allowed.covers(field) {
			l.addf(key, "%s is not released", field)
		}
		cut := strings.LastIndex(field, ".")
		t.name = field[cut+1:]
		t.parent, err = document.CompileFor(rt.Kind, cmp.Or(field[:max(cut, 0)], "."))
		if err != nil {
			l.addf(key, "%v", err)
			continue
		}
		md := t.parent.Descriptor()
		if t.text, err = document.Compile(md, fmt.Sprintf("%s[language=%s].value", t.name, lang)); err != nil {
			l.addf(key, "%v", err)
		}
		if policy.Policy == Heading {
			t.headings = texts
			if t.goods, err = document.Compile(md, "classifications"); err == nil {
				of := t.goods.Descriptor()
				t.scheme, _ = document.Compile(of, "scheme")
				t.code, err = document.Compile(of, "code")
			}
			if err != nil {
				l.addf(key, "%s stands beside no classification", field)
				continue
			}
		}
		rt.texts = append(rt.texts, t)
	}
}
