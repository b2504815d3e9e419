package gateway

import (
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
	form := regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
	agree(t, "fault.", constants(t, "codes.go", "Code"), form)
	agree(t, "phrase.", constants(t, "wordings.go", "Wording"), regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`))
	agree(t, "remedy.", constants(t, "remedy.go", "Remedy"), regexp.MustCompile(`^[a-z]+$`))
	for _, code := range Codes() {
		if remedy := (Fault{Code: code}).Mender(); texts().remedies[code] != remedy || !slices.Contains(Remedies, remedy) {
			t.Errorf("%s: its usual remedy is %q", code, texts().remedies[code])
		}
	}
}

// allTexts returns every text of a language, in order of key.
func allTexts(lang string) (out []Text) {
	all := texts().texts[lang]
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[key])
	}
	return out
}

// agree holds the constants of a type and the texts of a family together.
func agree(t *testing.T, family string, constants map[string]string, form *regexp.Regexp) {
	t.Helper()
	names := map[string]string{}
	for name, value := range constants {
		if other, ok := names[value]; ok {
			t.Errorf("%s and %s are both %s", name, other, value)
		}
		names[value] = name
		if !form.MatchString(value) {
			t.Errorf("%s = %q: want the form %s", name, value, form)
		}
		if !HasText(family + value) {
			t.Errorf("%s has no texts", value)
		}
	}
	for _, text := range allTexts("en") {
		if value, ok := strings.CutPrefix(text.Key, family); ok && names[value] == "" {
			t.Errorf("%s has texts and no constant", text.Key)
		}
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

// families are the forms of keys.
var families = regexp.MustCompile(`^(fault\.[A-Z0-9_]+|phrase\.[a-z0-9_]+|remedy\.[a-z]+|place\.[A-Za-z]+|word\.[A-Za-z]+|severity\.[a-z]+|label\.[A-Z][A-Za-z]*\.[a-z][A-Za-z0-9]*|rule\.[A-Z]{2,4}-[0-9]{4}(\.expected)?)$`)

func TestEveryTextStandsInFiveLanguages(t *testing.T) {
	for _, lang := range Languages {
		rows, err := readTexts(lang)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := textFiles.ReadFile("texts/" + lang + ".tsv")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")[1:]
		if !slices.IsSortedFunc(lines, func(a, b string) int {
			return strings.Compare(strings.SplitN(a, "\t", 2)[0], strings.SplitN(b, "\t", 2)[0])
		}) {
			t.Errorf("%s.tsv is not in order of key", lang)
		}
		for key, row := range rows {
			if !families.MatchString(key) {
				t.Errorf("%s.tsv: %s is no key", lang, key)
			}
			if lang == "en" {
				continue
			}
			if row.Signed != "" && !regexp.MustCompile(`^\S.* \d{4}-\d{2}-\d{2}$`).MatchString(row.Signed) {
				t.Errorf("%s.tsv: %s is signed %q: want a name and a day", lang, key, row.Signed)
			}
			if english, ok := TextOf(key, "en"); !ok || english.Text != row.English {
				t.Errorf("%s.tsv: %s translates %q, and English is %q now: translate it again, unsigned", lang, key, row.English, english.Text)
			}
		}
	}
	for _, english := range allTexts("en") {
		for _, lang := range Languages {
			text, ok := TextOf(english.Key, lang)
			if !ok {
				t.Errorf("%s has no text in %s", english.Key, lang)
				continue
			}
			judgeText(t, lang, text)
		}
	}
}

// latin are the words in Latin letters that stand in every language's texts: names of
// formats, standards, fields and values.
var latin = regexp.MustCompile(`^(gRPC|xsi:nil|xsi:type|encoding|amp|lt|gt|apos|quot|null|true|false|canonical|mapping|transit-direction)$`)

var word = regexp.MustCompile(`[A-Za-z][A-Za-z:-]*[A-Za-z]`)

func judgeText(t *testing.T, lang string, text Text) {
	t.Helper()
	if text.Text != strings.TrimSpace(text.Text) || text.Text == "" {
		t.Errorf("%s, %s: blank at an end: %q", text.Key, lang, text.Text)
	}
	bare := placeholder.ReplaceAllString(text.Text, "")
	if letters := strings.ContainsFunc(bare, unicode.IsLetter); letters && !has(bare, scripts[lang]) && has(bare, unicode.Latin) && strings.ToUpper(bare) != bare && !strings.HasSuffix(bare, "SHA-256") {
		t.Errorf("%s, %s: not in its own script: %q", text.Key, lang, text.Text)
	}
	for _, script := range foreign[lang] {
		if has(text.Text, script) && lang != "en" && lang != "zh" {
			t.Errorf("%s, %s: letters of another language: %q", text.Key, lang, text.Text)
		}
	}
	if lang != "en" {
		if found := english(bare); found != nil {
			t.Errorf("%s, %s: English words %q: %q", text.Key, lang, found, text.Text)
		}
	}
	if want, got := placeholders(text.English), placeholders(text.Text); !slices.Equal(want, got) {
		t.Errorf("%s, %s: fills %v, and English fills %v", text.Key, lang, got, want)
	}
	for _, p := range placeholders(text.Text) {
		if !slices.Contains([]string{"{value}", "{found}", "{expected}", "{path}", "{1}", "{2}", "{3}"}, p) {
			t.Errorf("%s, %s: nobody fills %s", text.Key, lang, p)
		}
	}
}

// english returns the words of a text that are English: all in Latin letters, some of
// them small, and no name that every language writes so.
func english(text string) (found []string) {
	for _, w := range word.FindAllString(text, -1) {
		if strings.ToUpper(w) != w && !latin.MatchString(w) {
			found = append(found, w)
		}
	}
	return found
}

// TestNoEnglishInAnotherLanguage renders every code with every phrase, and looks for
// English beside the terms.
func TestNoEnglishInAnotherLanguage(t *testing.T) {
	phrases := []Phrase{{}, Term("9")}
	for _, value := range slices.Sorted(maps.Values(constants(t, "wordings.go", "Wording"))) {
		phrases = append(phrases, Say(Wording(value), "7", "8", "9"))
	}
	codes := Codes()
	for _, text := range allTexts("en") {
		if code, ok := strings.CutPrefix(text.Key, "rule."); ok && !strings.HasSuffix(code, ".expected") {
			codes = append(codes, Code(code))
		}
	}
	for _, lang := range Languages[1:] {
		for _, code := range codes {
			for i, p := range phrases {
				if text := textOf(keyOf(code), "en"); i > 0 && !strings.Contains(text, "{expected}") && !strings.Contains(text, "{found}") {
					break // it takes no phrase
				}
				said := Fault{Code: code, Value: "1", Found: p, Expected: p, Path: "2"}.Text(lang)
				if found := english(said); found != nil || strings.Contains(said, "libxml2") || strings.ContainsAny(said, "{}") {
					t.Fatalf("%s in %s with %q: %q has %q", code, lang, p, said, found)
				}
			}
		}
	}
}

// TestTermsAreNoSentences reads the sources: what fills a phrase is a name, a code or a
// number, never words and never the text of an error.
func TestTermsAreNoSentences(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !slices.Contains([]string{"Term", "Say", "wantForm", "wanting", "fault", "malformed", "found"}, called(call)) {
				return true
			}
			for _, arg := range call.Args {
				ast.Inspect(arg, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.BasicLit:
						if n.Kind == token.STRING && regexp.MustCompile(`[a-z]+ [a-z]+`).MatchString(n.Value) {
							t.Errorf("%s: %s in a %s: want a wording", s.name, n.Value, called(call))
						}
					case *ast.CallExpr:
						if called(n) == "Error" {
							t.Errorf("%s: the text of an error in a %s", s.name, called(call))
						}
					}
					return true
				})
			}
			return true
		})
	}
}

// called is the name of the function or method that is called.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// TestReasonsAreThoseOfTheSources: what Retold knows is made of what the sources say, word for word,
// and what they state as the reason of a state it knows.
func TestReasonsAreThoseOfTheSources(t *testing.T) {
	verb := regexp.MustCompile(`%[dsv]|\{[1-3]\}`)
	said, stated := map[string]bool{"{}": true}, map[string]string{}
	for _, s := range sources(t) {
		if s.test || !slices.Contains([]string{"gateway", "gateway/flow", "gateway/server"}, s.pkg) {
			continue
		}
		texts := func(n ast.Node, take func(text string)) {
			ast.Inspect(n, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil && text != "" {
						take(verb.ReplaceAllString(text, "{}"))
					}
				}
				return true
			})
		}
		texts(s.file, func(text string) { said[text] = true })
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if sel, ok := to.(*ast.SelectorExpr); ok && sel.Sel.Name == "Reason" && len(n.Rhs) == len(n.Lhs) {
						texts(n.Rhs[i], func(text string) { stated[text] = s.name })
					}
				}
			case *ast.FuncDecl:
				if n.Name.Name == "notInTime" || n.Name.Name == "WhyWaits" && s.pkg == "gateway/flow" {
					texts(n.Body, func(text string) { stated[text] = s.name })
				}
			}
			return true
		})
	}
	var known []string
	for _, r := range reasons() {
		key := string(r.wording)
		english, _ := TextOf(key, "en")
		text := verb.ReplaceAllString(english.Text, "{}")
		known = append(known, text)
		if !madeOf(text, said) {
			t.Errorf("%s: nothing says %q", key, english.Text)
		}
	}
	for text, file := range stated {
		if strings.Contains(text, " ") && !slices.ContainsFunc(known, func(k string) bool { return strings.Contains(k, text) }) {
			t.Errorf("%s says %q, which no other language has as word.reason...", file, text)
		}
	}
	if len(stated) < 10 {
		t.Errorf("%d reasons are stated", len(stated))
	}
}

// madeOf reports whether a text is some texts, one behind the other.
func madeOf(text string, of map[string]bool) bool {
	for n := len(text); n > 0; n-- {
		if of[text[:n]] && (n == len(text) || madeOf(text[n:], of)) {
			return true
		}
	}
	return false
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
