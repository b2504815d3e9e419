package flow

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
)

// RouteLoss is what of the documents of a route does not travel, whatever they say, or what they say
// in which case. Of what [Translation.Losses] tells of documents it knows all but what nothing reads.
type RouteLoss struct {
	Reason   Reason   `json:"-"`
	Part     string   `json:"part,omitempty"` // of the recipe
	Kind     string   `json:"kind"`
	Path     string   `json:"path"`               // canonical schema path; with .* all that it holds
	Fields   int      `json:"fields"`             // how many values it stands for
	Elements []string `json:"elements,omitempty"` // of the senders' forms: table, row and place of each
	If       string   `json:"if,omitempty"`       // when it does not travel; empty: never
	Instead  string   `json:"instead,omitempty"`
	By       string   `json:"by,omitempty"` // recipe, route or table, and the row that says so
}

// RouteLosses says it of every field that a table of the senders' forms reads; where they have none, of
// every field of their documents. It is read off recipe, route and tables.
func (c *Chain) RouteLosses(rt *release.Route) []RouteLoss {
	l := routeLosing{rt: rt}
	l.table, _ = c.Tables.Table(rt.Table)
	l.carries = carriageOf(l.table)
	l.read(l.table)
	for _, e := range document.Dictionary(rt.Kind) {
		if e.Field.Rule.GetLanguages() {
			l.texts = append(l.texts, e.Path)
		}
	}
	parts := []recipe.Part{{Kind: rt.Kind}}
	if j, ok := c.Tables.Join(rt.Recipe); ok {
		parts, l.recipe, l.takings = j.Parts(), j.ID(), j.Takings()
	}
	var out []RouteLoss
	for _, part := range parts {
		var forms []*mapping.Table
		for _, id := range rt.Sources {
			if t, ok := c.Tables.Table(id); ok && t.Kind() == part.Kind && (part.Table == "" || part.Table == t.Name()) {
				forms = append(forms, t)
			}
		}
		out = append(out, l.of(part, forms)...)
	}
	slices.SortStableFunc(out, func(a, b RouteLoss) int { return cmp.Compare(rank(a.Reason), rank(b.Reason)) })
	return out
}

// routeLosing is what a route's recipe, page and table say.
type routeLosing struct {
	rt      *release.Route
	table   *mapping.Table
	carries *carriage
	recipe  string
	takings []recipe.Taking
	texts   []string // lists of texts by language

	writes map[string][]writing // by canonical path
}

// writing is a row that writes what stands at a path.
type writing struct {
	row  table.RowInfo
	when string // the conditions around it and its own; empty: always
}

// read notes which rows of the partner's form write what.
func (l *routeLosing) read(t *mapping.Table) {
	l.writes = make(map[string][]writing)
	if t == nil {
		return
	}
	around, collected := make(map[string]string), make(map[string][]string)
	for _, row := range t.Rows() {
		when := around[row.Inside]
		also := func(condition string) {
			if condition != "" && !strings.Contains(when, condition) {
				when = strings.TrimPrefix(when+" and "+condition, " and ")
			}
		}
		also(row.When)
		for _, path := range []string{row.From, row.With, row.Each} {
			also(chosen(path))
		}
		around[row.ID], collected[row.ID] = when, collected[row.Inside]
		if len(row.Collect) > 0 {
			collected[row.ID] = row.Collect
		}
		if row.Direction == "decode" || row.From == "" && row.Each == "" {
			continue
		}
		from := plainButNames(row.From)
		if len(row.Language) > 0 {
			from += ".value"
		}
		paths := []string{from}
		if all := collected[row.ID]; len(all) > 0 { // such a row says its path by the first
			for _, other := range all[1:] {
				if rest, ok := strings.CutPrefix(from, plain(all[0])); ok {
					paths = append(paths, plain(other)+rest)
				}
			}
		}
		for _, path := range paths {
			l.writes[path] = append(l.writes[path], writing{row, when})
		}
	}
}

// plainButNames is a path without selectors, but those that name extensions.
func plainButNames(path string) string {
	key, rest, ok := document.ExtensionOf(path)
	if !ok {
		return plain(path)
	}
	return strings.TrimSuffix(key+"."+rest, ".")
}

// beyond is a condition without what is so of every document that has a value at a path.
func beyond(when, path string) string {
	last := path[strings.LastIndexByte(path, '.')+1:]
	all := strings.Split(when, " and ")
	return strings.Join(slices.DeleteFunc(all, func(condition string) bool {
		list, ok := strings.CutPrefix(condition, "size(")
		list, is := strings.CutSuffix(list, ") > 0")
		return ok && is && strings.HasPrefix(path+".", list+".") || condition == "has(this."+last+")" || condition == last+" != ''"
	}), " and ")
}

// chosen are the selectors of a path, as a condition.
func chosen(path string) string {
	var all []string
	for i := range len(path) {
		if path[i] == '[' {
			inside, _, _ := strings.Cut(path[i+1:], "]")
			all = append(all, plain(path[:i])+"["+inside+"]")
		}
	}
	return strings.Join(all, " and ")
}

// of are the losses of one part's documents.
func (l *routeLosing) of(part recipe.Part, forms []*mapping.Table) []RouteLoss {
	said := make(map[string][]string) // by path: the elements that say it
	var paths []string
	note := func(path, element string) {
		if strings.HasSuffix(path, ".language") {
			return // a text speaks for itself
		}
		if _, ok := said[path]; !ok {
			paths, said[path] = append(paths, path), nil
		}
		if element != "" {
			said[path] = append(said[path], element)
		}
	}
	leaves := make(map[string]bool)
	for _, e := range document.Dictionary(part.Kind) {
		if leaves[e.Path] = e.Field.Type != document.Message; leaves[e.Path] && len(forms) == 0 {
			note(e.Path, "")
		}
	}
	for _, t := range forms {
		for _, row := range t.Rows() {
			path := plainButNames(row.From)
			if len(row.Language) > 0 {
				path += ".value"
			}
			if _, rest, ok := document.ExtensionOf(path); row.Direction != "encode" && (leaves[path] || ok && rest == "value") {
				note(path, fmt.Sprintf("%s %s %s", t.ID(), row.ID, row.Target))
			}
		}
	}
	slices.Sort(paths)
	losses := make(map[string]RouteLoss)
	for _, path := range paths {
		loss, lost := l.fate(part, path)
		if strings.HasPrefix(path, envelope) && lost {
			loss = RouteLoss{Reason: OwnEnvelope}
		}
		if !lost {
			loss.Reason = travels
		}
		loss.Part, loss.Kind, loss.Path, loss.Fields, loss.Elements = part.Name, part.Kind, path, 1, said[path]
		losses[path] = loss
	}
	return alikeOnce(paths, losses)
}

// alikeOnce says once of a message what is so of all that it holds.
func alikeOnce(paths []string, losses map[string]RouteLoss) (out []RouteLoss) {
	alike := make(map[string]*RouteLoss) // by message; nil: not all of it is lost alike
	for _, path := range paths {
		of := losses[path]
		for at := parentPath(path); at != ""; at = parentPath(at) {
			sum, seen := alike[at]
			switch {
			case !seen:
				first := of
				first.Path, first.Fields, first.Elements = at+".*", 0, nil
				sum = &first
			case sum != nil && (sum.Reason != of.Reason || sum.If != of.If || sum.Instead != of.Instead || sum.By != of.By):
				sum = nil
			}
			if sum != nil {
				sum.Fields++
				sum.Elements = append(sum.Elements, of.Elements...)
			}
			alike[at] = sum
		}
	}
	told := make(map[string]bool)
	for _, path := range paths {
		loss := losses[path]
		at := path
		for up := parentPath(path); up != ""; up = parentPath(up) {
			if alike[up] != nil && alike[up].Fields > 1 {
				loss, at = *alike[up], up
			}
		}
		if loss.Reason != travels && !told[at] {
			told[at] = true
			out = append(out, loss)
		}
	}
	return out
}

// fate is what becomes of what a part says at a path; lost is false where it travels, whatever it says.
func (l *routeLosing) fate(part recipe.Part, path string) (loss RouteLoss, lost bool) {
	if l.recipe == "" {
		return l.onRoute(path)
	}
	loss = RouteLoss{Reason: NotTaken, By: l.recipe}
	lost = true
	better := func(f RouteLoss, is bool) { // of several ways the one on which most travels counts
		switch {
		case !is:
			loss, lost = f, false
		case lost && (f.If != "" && loss.If == "" || (f.If != "") == (loss.If != "") && f.Reason > loss.Reason):
			loss = f
		}
	}
	for _, t := range l.takings {
		from := plain(t.From)
		rest, inside := strings.CutPrefix(path, from)
		if t.Part != part.Name || t.From == "" || !inside || rest != "" && rest[0] != '.' {
			continue
		}
		to := plain(t.To) + rest
		f, is := l.onRoute(to)
		for _, only := range []string{chosen(t.From), t.When} {
			if only != "" && (!is || f.If != "") {
				f, is = RouteLoss{Reason: NotTaken, If: "unless " + only, By: l.recipe + " " + t.Row}, true
			}
		}
		if t.Rank > 0 && !is {
			f, is = RouteLoss{Reason: Outvoted, If: "another part says it otherwise", By: l.recipe + " " + t.Row}, true
		}
		for _, k := range l.takings {
			switch by := l.recipe + " " + k.Row; {
			case plain(k.To) != to || is && f.If == "":
			case k.Keeps && !is:
				f, is = RouteLoss{Reason: NotReported, If: "no part names it", By: by}, true
			case k.Fixed != "":
				if f, is = (RouteLoss{Reason: NotTaken, Instead: k.Fixed, By: by}), true; k.When != "" {
					f.If = k.When
				}
			}
		}
		better(f, is)
	}
	return loss, lost
}

// onRoute is what becomes of what the whole has at a path.
func (l *routeLosing) onRoute(path string) (RouteLoss, bool) {
	if !l.rt.Releases(path) {
		return RouteLoss{Reason: Withheld, By: "route"}, true
	}
	if value, row, ok := l.rt.Replaces(path); ok {
		return RouteLoss{Reason: ReplacedByRoute, Instead: value, By: "route " + row}, true
	}
	for _, list := range l.texts {
		if path == list+".value" {
			return l.inLanguage(list, path)
		}
	}
	return l.onForm(path)
}

// inLanguage is what becomes of a text of which one is chosen by its language.
func (l *routeLosing) inLanguage(list, path string) (RouteLoss, bool) {
	f, lost := l.onForm(path)
	var languages []string
	by := ""
	for _, w := range l.writes[path] {
		by = cmp.Or(by, l.table.ID()+" "+w.row.ID)
		for _, lang := range w.row.Language {
			if !slices.Contains(languages, lang) {
				languages = append(languages, lang)
			}
		}
	}
	if len(languages) == 0 || lost && f.If == "" {
		return f, lost
	}
	if lang, ok := l.rt.Headed(list); ok {
		return RouteLoss{Reason: ReplacedByHeading, If: "it is not in " + lang, By: "route, text." + lang}, true
	}
	return RouteLoss{Reason: OtherLanguage, If: "it is not the first that there is of " + strings.Join(languages, ", "), By: by}, true
}

// onForm is what becomes of a value of the message in the partner's form.
func (l *routeLosing) onForm(path string) (RouteLoss, bool) {
	if l.table == nil || slices.Contains(seal.Repeated, path) {
		return RouteLoss{}, false
	}
	by := func(row table.RowInfo) string { return l.table.ID() + " " + row.ID }
	var conditions []string
	var first table.RowInfo
	for i, w := range l.writes[path] {
		if i == 0 {
			first = w.row
		}
		if when := beyond(w.when, path); when != "" {
			conditions = append(conditions, when)
			continue
		}
		if w.row.Cut > 0 {
			return RouteLoss{Reason: Cut, If: "it has more than " + strconv.Itoa(w.row.Cut) + " characters", By: by(w.row)}, true
		}
		return RouteLoss{}, false
	}
	if len(conditions) > 0 {
		slices.Sort(conditions)
		return RouteLoss{Reason: NotInThisCase, If: "unless " + strings.Join(slices.Compact(conditions), " or "), By: by(first)}, true
	}
	var values []string
	for said := range l.carries.implied {
		if value, ok := strings.CutPrefix(said, path+"="); ok {
			values = append(values, value)
		}
	}
	if len(values) > 0 {
		slices.Sort(values)
		return RouteLoss{Reason: NoField, If: "it is none of " + strings.Join(values, ", "), By: l.table.ID()}, true
	}
	var lists []string
	for list, named := range l.carries.names {
		if path == named.list+"."+named.key {
			lists = append(lists, list)
		}
	}
	if len(lists) > 0 {
		slices.Sort(lists)
		return RouteLoss{Reason: NotNamed, If: "no " + strings.Join(lists, " or ") + " names it", By: l.table.ID()}, true
	}
	return RouteLoss{Reason: NoField, By: l.table.ID()}, true
}
