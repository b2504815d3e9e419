package gateway

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// constants returns the values of a type's constants in a file, by their names.
func constants(t *testing.T, file, typeName string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typeName {
			return true
		}
		for i, name := range spec.Names {
			value, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out[name.Name] = value
		}
		return true
	})
	if len(out) == 0 {
		t.Fatalf("%s has no %s", file, typeName)
	}
	return out
}

func TestCodesAndCatalogueAgree(t *testing.T) {
	codes := map[Code]string{}
	form := regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
	for name, value := range constants(t, "codes.go", "Code") {
		code := Code(value)
		if other, ok := codes[code]; ok {
			t.Errorf("%s and %s are both %s", name, other, code)
		}
		codes[code] = name
		if !form.MatchString(value) {
			t.Errorf("%s = %q: want upper-case words", name, value)
		}
		if _, ok := catalogueByCode()[code]; !ok {
			t.Errorf("%s has no texts", code)
		}
	}
	seen := map[Code]bool{}
	for _, e := range Catalogue() {
		if seen[e.Code] {
			t.Errorf("%s has two entries", e.Code)
		}
		seen[e.Code] = true
		if _, ok := codes[e.Code]; !ok {
			t.Errorf("%s has texts and no constant", e.Code)
		}
	}
	if !slices.IsSortedFunc(Catalogue(), func(a, b Entry) int { return strings.Compare(string(a.Code), string(b.Code)) }) {
		t.Error("the catalogue is not in order of code")
	}
}

func TestCatalogueHasOnlyKnownKeys(t *testing.T) {
	d := json.NewDecoder(bytes.NewReader(faultsJSON))
	d.DisallowUnknownFields()
	var entries []Entry
	if err := d.Decode(&entries); err != nil {
		t.Error(err)
	}
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

var scripts = map[string]*unicode.RangeTable{
	"en": unicode.Latin, "zh": unicode.Han, "ru": unicode.Cyrillic, "kk": unicode.Cyrillic, "mn": unicode.Cyrillic,
}

// foreign are scripts that a language's text has no business with. Latin names and
// abbreviations occur everywhere.
var foreign = map[string][]*unicode.RangeTable{
	"en": {unicode.Han, unicode.Cyrillic}, "zh": {unicode.Cyrillic}, "ru": {unicode.Han}, "kk": {unicode.Han}, "mn": {unicode.Han},
}

func has(text string, script *unicode.RangeTable) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(script, r) })
}

func TestEveryCodeSpeaksFiveLanguages(t *testing.T) {
	for _, e := range Catalogue() {
		if got := slices.Sorted(maps.Keys(e.Texts)); !slices.Equal(got, slices.Sorted(slices.Values(Languages))) {
			t.Errorf("%s has texts in %v", e.Code, got)
			continue
		}
		english := e.Texts["en"]
		for _, p := range placeholders(english) {
			if p != "{value}" && p != "{expected}" && p != "{path}" {
				t.Errorf("%s: nobody fills %s", e.Code, p)
			}
		}
		for lang, text := range e.Texts {
			if text != strings.TrimSpace(text) || !has(text, scripts[lang]) || lang != "en" && text == english {
				t.Errorf("%s, %s: not in its own script: %q", e.Code, lang, text)
			}
			for _, script := range foreign[lang] {
				if has(text, script) {
					t.Errorf("%s, %s: letters of another language: %q", e.Code, lang, text)
				}
			}
			if want, got := placeholders(english), placeholders(text); !slices.Equal(want, got) {
				t.Errorf("%s, %s: fills %v, and English fills %v", e.Code, lang, got, want)
			}
		}
		for _, lang := range []string{"kk", "mn"} {
			if e.Texts[lang] == e.Texts["ru"] {
				t.Errorf("%s, %s: the Russian text", e.Code, lang)
			}
		}
		if e.Texts["kk"] == e.Texts["mn"] {
			t.Errorf("%s: Kazakh and Mongolian are the same", e.Code)
		}
		for _, lang := range e.Drafted {
			if lang == "en" || !slices.Contains(Languages, lang) {
				t.Errorf("%s: drafted %q", e.Code, lang)
			}
		}
	}
}

func TestLanguage(t *testing.T) {
	for accept, want := range map[string]string{
		"":                        "en",
		"ru":                      "ru",
		"zh-Hans-CN":              "zh",
		"KK-kz":                   "kk",
		"de, fr;q=0.9":            "en",
		"de, mn;q=0.3, ru;q=0.9":  "mn",
		" kk ; q=1 , zh":          "kk",
		"*":                       "en",
		"russian":                 "en",
		strings.Repeat(",", 9999): "en",
	} {
		if got := Language(accept); got != want {
			t.Errorf("%.40q: got %s, want %s", accept, got, want)
		}
	}
}
