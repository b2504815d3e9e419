package mappings_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/recipe"
	"customs.example/mappings"
)

// A recipeFile is the file of a join or a split; a way, one thing that it could say otherwise.
type recipeFile map[string]any

type way struct {
	name string
	say  func(recipeFile)
}

// Every word of a join or a split can be said otherwise, and some crossing, convoy or
// answer comes out otherwise.
func TestEveryWordOfARecipeMatters(t *testing.T) {
	d := load(t)
	var same []string
	for _, name := range must(fs.Glob(mappings.FS, "join/*.yaml"))(t) {
		j := must(d.recipe(t, name, func(recipeFile) {}))(t).Joins()[0]
		crossings := crossings(t, j, agreed(t, j, d))
		same = append(same, d.unnoticed(t, name, func(l *mapping.Library) iter.Seq[string] { return joins(l.Joins()[0], crossings) })...)
	}
	for _, name := range must(fs.Glob(mappings.FS, "split/*.yaml"))(t) {
		whole := wholes(t, must(d.recipe(t, name, func(recipeFile) {}))(t).Splits()[0].Kind())
		same = append(same, d.unnoticed(t, name, func(l *mapping.Library) iter.Seq[string] { return splits(l.Splits()[0], whole) })...)
	}
	equivalents(t, "equivalents-recipes.txt", same)
}

// recipe loads one recipe, said otherwise.
func (d *data) recipe(t *testing.T, name string, change func(recipeFile)) (*mapping.Library, error) {
	t.Helper()
	r := recipeFile(file(t, name))
	change(r)
	return mapping.Load(fstest.MapFS{name: {Data: must(json.MarshalIndent(r, "", " "))(t)}}, d.env, d.lists)
}

// unnoticed are the ways in which a recipe can be said otherwise and says the same.
func (d *data) unnoticed(t *testing.T, name string, say func(*mapping.Library) iter.Seq[string]) []string {
	t.Helper()
	whole := slices.Collect(say(must(d.recipe(t, name, func(recipeFile) {}))(t)))
	var mu sync.Mutex
	var same []string
	parallel(recipeFile(file(t, name)).ways(), func(w way) {
		library, err := d.recipe(t, name, w.say)
		if err != nil {
			if !locatedRecipe.MatchString(err.Error()) {
				t.Errorf("%s %s: the loader does not say where: %v", name, w.name, err)
			}
			return
		}
		i := 0
		for said := range say(library) {
			if said != whole[i] {
				return
			}
			i++
		}
		mu.Lock()
		defer mu.Unlock()
		same = append(same, name+" "+w.name)
	})
	return same
}

var locatedRecipe = regexp.MustCompile(`^(join|split)/[a-z.0-9-]+\.yaml:[0-9]+: `)

// ways are all that a recipe can say otherwise.
func (r recipeFile) ways() []way {
	var out []way
	add := func(name string, say func(recipeFile)) { out = append(out, way{name, say}) }
	for i := range entries(r["key"]) {
		add(fmt.Sprintf("without key %d", i+1), func(r recipeFile) { r["key"] = slices.Delete(entries(r["key"]), i, i+1) })
	}
	for i, p := range entries(r["parts"]) {
		if row(p.(map[string]any)).is("required") {
			add(fmt.Sprintf("part %d not required", i+1), func(r recipeFile) { delete(entries(r["parts"])[i].(map[string]any), "required") })
		}
		for k := range entries(row(p.(map[string]any))["by"]) {
			add(fmt.Sprintf("part %d without by %d", i+1, k+1), func(r recipeFile) {
				part := entries(r["parts"])[i].(map[string]any)
				part["by"] = slices.Delete(entries(part["by"]), k, k+1)
			})
		}
		if row(p.(map[string]any)).text("when") != "" {
			add(fmt.Sprintf("part %d always", i+1), func(r recipeFile) { delete(entries(r["parts"])[i].(map[string]any), "when") })
		}
	}
	if limit, ok := r["limit"].(map[string]any); ok {
		for key := range limit {
			switch key {
			case "max":
				for _, by := range []int{-1, 1} {
					add(fmt.Sprintf("limit %+d", by), func(r recipeFile) { l := r["limit"].(map[string]any); l["max"] = row(l).number("max") + by })
				}
			case "list":
			default:
				add("limit without "+key, func(r recipeFile) { delete(r["limit"].(map[string]any), key) })
			}
		}
	}
	for i, a := range entries(r["answers"]) {
		answer := func(r recipeFile) map[string]any { return entries(r["answers"])[i].(map[string]any) }
		add(fmt.Sprintf("without answer %d", i+1), func(r recipeFile) { r["answers"] = slices.Delete(entries(r["answers"]), i, i+1) })
		add(fmt.Sprintf("answer %d of others", i+1), func(r recipeFile) {
			answer(r)["of"] = map[any]string{"any": "all", "all": "any"}[a.(map[string]any)["of"]]
		})
		add(fmt.Sprintf("answer %d always", i+1), func(r recipeFile) { answer(r)["when"] = "true" })
		if i > 0 {
			add(fmt.Sprintf("answer %d first", i+1), func(r recipeFile) { slices.Reverse(entries(r["answers"])[i-1 : i+1]) })
		}
	}
	eachRecipeRow(r, func(said row) {
		id := said.text("id")
		add(id+" left out", func(r recipeFile) { leaveOut(r, id) })
		change := func(name string, do func(map[string]any)) {
			add(id+" "+name, func(r recipeFile) {
				eachRecipeRow(r, func(said row) {
					if said.text("id") == id {
						do(said)
					}
				})
			})
		}
		for _, key := range []string{"from", "in"} {
			for i := range entries(said[key]) {
				if len(entries(said[key])) > 1 {
					change(fmt.Sprintf("without %s %d", key, i+1), func(r map[string]any) { r[key] = slices.Delete(entries(r[key]), i, i+1) })
				}
				if i > 0 && key == "from" {
					change(fmt.Sprintf("from %d first", i+1), func(r map[string]any) { slices.Reverse(entries(r[key])[i-1 : i+1]) })
				}
			}
		}
		if when, ok := said["when"].(map[string]any); ok {
			for part := range when {
				change("without when "+part, func(r map[string]any) {
					if delete(r["when"].(map[string]any), part); len(r["when"].(map[string]any)) == 0 {
						delete(r, "when")
					}
				})
			}
		}
		if c := said.text("const"); c != "" {
			other, ok := map[string]string{"true": "false", "false": "true", "PART": "CHANGED", "CN": "KZ", "MN": "KZ"}[c]
			if !ok {
				other = c + "1"
			}
			change("another const", func(r map[string]any) { r["const"] = other })
		}
		for _, key := range []string{"precedence", "merge"} {
			if said.is(key) {
				change("without "+key, func(r map[string]any) { delete(r, key) })
			}
		}
		switch use := said.text("use"); {
		case strings.HasPrefix(use, "suffix"):
			change("another suffix", func(r map[string]any) { r["use"] = "suffix(~)" })
		case use == "uuid":
			change("suffix for uuid", func(r map[string]any) { r["use"] = "suffix(-)" })
		}
		if said.text("from") != "" {
			change("of the whole's own value", func(r map[string]any) { delete(r, "from") })
		}
		if only := said.text("only"); only != "" {
			change("only the other end", func(r map[string]any) { r["only"] = map[string]string{"first": "last", "last": "first"}[only] })
		}
	})
	return out
}

func entries(v any) []any {
	l, _ := v.([]any)
	return l
}

// eachRecipeRow calls do for every row.
func eachRecipeRow(r map[string]any, do func(row)) {
	for _, v := range entries(r["rows"]) {
		said := v.(map[string]any)
		do(said)
		eachRecipeRow(said, do)
	}
}

func leaveOut(r map[string]any, id string) {
	if r["rows"] == nil {
		return
	}
	r["rows"] = slices.DeleteFunc(entries(r["rows"]), func(v any) bool { return row(v.(map[string]any)).text("id") == id })
	for _, v := range entries(r["rows"]) {
		leaveOut(v.(map[string]any), id)
	}
}

// crossings are the parts of one, with every value cleared or changed, every list cut,
// and without each part.
func crossings(t *testing.T, j *recipe.Join, parts map[string]*customsv1.Document) []map[string]*customsv1.Document {
	t.Helper()
	out := []map[string]*customsv1.Document{parts}
	names := map[string]bool{}
	for _, p := range j.Parts() {
		with := func(doc *customsv1.Document) {
			all := maps.Clone(parts)
			if all[p.Name] = doc; doc == nil {
				delete(all, p.Name)
			}
			out = append(out, all)
		}
		with(nil)
		lists := map[string]bool{}
		document.Walk(parts[p.Name], func(path string, f document.Field, _ document.Marks, value string) {
			with(cleared(t, parts[p.Name], path))
			for _, v := range append([]string{value + "7", "1234УБА", "7", "2026-12-31"}, f.Enum...) {
				if v != value && f.Check(v) == nil {
					with(changed(t, parts[p.Name], path, v))
				}
			}
			for _, at := range position.FindAllStringIndex(path, -1) {
				if l := path[:at[0]]; !lists[l] {
					lists[l], names[l[strings.LastIndexByte(l, '.')+1:]] = true, true
					with(cleared(t, parts[p.Name], l))
					with(cleared(t, parts[p.Name], l+"[0]"))
					with(cleared(t, parts[p.Name], l+"[1]"))
				}
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(names)) { // gone from all parts at once
		all := map[string]*customsv1.Document{}
		for part, doc := range parts {
			all[part] = document.Clone(doc)
			document.Walk(doc, func(path string, _ document.Field, _ document.Marks, _ string) {
				if list, _, ok := strings.Cut("."+path, "."+name+"["); ok {
					compiled(t, doc, strings.TrimPrefix(list+"."+name, ".")).Clear(document.Of(all[part]))
				}
			})
		}
		out = append(out, all)
	}
	return out
}

// joins are what a join makes of crossings.
func joins(j *recipe.Join, crossings []map[string]*customsv1.Document) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, parts := range crossings {
			joined := j.Run(parts, messageID)
			said := fmt.Sprintln(lines(joined.Faults), joined.Disagreements, joined.Origins)
			for _, p := range j.Parts() {
				if doc := parts[p.Name]; doc != nil {
					part, is := j.PartOf(doc, "")
					key, ok := j.Key(p.Name, doc)
					said += fmt.Sprintln(part.Name, is, key, ok)
				}
			}
			if joined.Document != nil {
				said += string(document.Digest(joined.Document).String())
			}
			if !yield(said) {
				return
			}
		}
	}
}

// agreed are full goldens of a join's parts with one key, and what is for an element of a list for the
// first.
func agreed(t *testing.T, j *recipe.Join, d *data) map[string]*customsv1.Document {
	t.Helper()
	parts := map[string]*customsv1.Document{}
	for _, p := range j.Parts() {
		for _, table := range d.library.Tables() {
			if table.Kind() != p.Kind || table.Profile() != "" {
				continue
			}
			doc := golden{table.ID(), "full"}.document(t, ".json")
			if part, ok := j.PartOf(doc, table.Name()); ok && part.Name == p.Name {
				parts[p.Name] = doc
			}
		}
	}
	for _, name := range must(fs.Glob(mappings.FS, "join/*.yaml"))(t) {
		r := file(t, name)
		if row(r).text("join") != j.Name() {
			continue
		}
		for _, v := range entries(r["parts"]) {
			p := row(v.(map[string]any))
			holder, list, _ := strings.Cut(p.text("for"), ".")
			for _, pair := range entries(p["by"]) {
				by := row(pair.(map[string]any))
				element, of := compiled(t, parts[holder], list+"[0]."+by.text(holder)), compiled(t, parts[p.text("name")], by.text(p.text("name")))
				value, named := element.Get(document.Of(parts[holder]))
				if !named {
					value, _ = of.Get(document.Of(parts[p.text("name")]))
					if err := element.Set(document.Of(parts[holder]), value); err != nil {
						t.Fatal(err)
					}
					continue
				}
				of.Clear(document.Of(parts[p.text("name")]))
				if err := of.AppendText(document.Of(parts[p.text("name")]), value); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, column := range entries(r["key"]) {
			value := ""
			for _, p := range j.Parts() {
				at := compiled(t, parts[p.Name], row(column.(map[string]any)).text(p.Name))
				if value == "" {
					value, _ = at.Get(document.Of(parts[p.Name]))
				} else if err := at.Set(document.Of(parts[p.Name]), value); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return parts
}

// splits are what a split makes of documents around its limit, and of the answers to
// their parts.
func splits(s *recipe.Split, wholes []*customsv1.Document) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, doc := range wholes {
			split := s.Run(doc, messageID)
			said := lines(split.Faults)
			for i, part := range split.Parts {
				said += text(part) + split.Origin(i, "loadUnits[0].id") + split.Origin(i, "consignments[0].items[0].description")
			}
			if !yield(said) {
				return
			}
		}
		registered := func(n string) *customsv1.Answer {
			return &customsv1.Answer{Registration: &customsv1.RegistrationNumber{Number: n}, Results: []*customsv1.AnswerResult{{Code: "1", Reference: n}}}
		}
		tir := &customsv1.Answer{Tir: &customsv1.Tir{}, Results: []*customsv1.AnswerResult{{Code: "3"}}}
		refused, silent := &customsv1.Answer{Results: []*customsv1.AnswerResult{{Code: "2"}}}, &customsv1.Answer{Status: "WAITING"}
		all := []*customsv1.Answer{nil, registered("N1"), registered("N2"), tir, refused, silent}
		for _, first := range all {
			for _, second := range all {
				if !yield(fmt.Sprint(s.Merge([]*customsv1.Answer{first, second}))) {
					return
				}
			}
		}
	}
}

// wholes are documents of a kind to split: those in testdata, and convoys of up to seven
// vehicles with containers on some of them.
func wholes(t *testing.T, kind string) []*customsv1.Document {
	t.Helper()
	var out []*customsv1.Document
	for _, name := range must(filepath.Glob("testdata/split/*.json"))(t) {
		parsed := document.Parse(must(os.ReadFile(name))(t))
		if document.Kind(parsed.Document) == kind {
			out = append(out, parsed.Document)
		}
	}
	if kind != "PreArrivalNotice" {
		return out
	}
	for n := range 8 {
		doc := golden{"ru/auto-preliminary.v1", "full"}.document(t, ".json")
		notice := doc.GetPreArrivalNotice()
		notice.Transport.Vehicles, notice.LoadUnits = nil, []*customsv1.LoadUnit{{Id: "CSNU0000000"}}
		for i := range n {
			plate := fmt.Sprintf("蒙E1234%d", i)
			notice.Transport.Vehicles = append(notice.Transport.Vehicles, &customsv1.Vehicle{Role: customsv1.VehicleRole_TRACTOR, Registration: plate})
			notice.LoadUnits = append(notice.LoadUnits, &customsv1.LoadUnit{Id: fmt.Sprintf("ABCU123456%d", i), Assignments: []*customsv1.Assignment{{Vehicle: "蒙E12340"}, {Vehicle: plate}}})
		}
		out = append(out, doc)
	}
	return out
}
