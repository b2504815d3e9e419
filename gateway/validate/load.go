package validate

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/extension"
)

// Rules is every business rule that was loaded. It is safe for concurrent use.
type Rules struct {
	lists  *codelist.Lists
	all    []*Rule
	byKind map[string][]ruleOf // rules for a kind of document, in the same order
	files  []File

	extensions *extension.Declared
}

// ruleOf is a rule made ready for one kind of document.
type ruleOf struct {
	*Rule
	*compiled
}

// File is one file of rules.
type File struct {
	Name    string
	Version int
	Digest  gateway.Digest
}

// All returns every rule, in the order of files and rows. They MUST NOT be changed.
func (r *Rules) All() []*Rule { return r.all }

// Files returns the files that the rules come from, sorted by name.
func (r *Rules) Files() []File { return r.files }

// Load reads every rules/NAME.vN.yaml of fsys, and what its tables declare of extensions: mistakes in
// that are the tables'. The error names every mistake, with file, line and rule.
func Load(fsys fs.FS, env *expr.Env, lists *codelist.Lists) (*Rules, error) {
	files, err := fs.Glob(fsys, "rules/*.yaml")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("rules: none in rules/")
	}
	declared, _ := extension.Load(fsys) // what is wrong there, whoever loads the tables says
	rules := &Rules{lists: lists, byKind: make(map[string][]ruleOf), extensions: declared}
	seen := map[gateway.Code]bool{}
	var mistakes []error
	for _, file := range files {
		raw, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		var content struct {
			Rules   string  `yaml:"rules"`
			Version int     `yaml:"version"`
			Rows    []*Rule `yaml:"rows"`
		}
		lines, err := document.ReadYAML(file, raw, &content)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		if want := fmt.Sprintf("%s.v%d.yaml", content.Rules, content.Version); want != path.Base(file) {
			mistakes = append(mistakes, fmt.Errorf("%s:1: rules %q version %d: want the file %s", file, content.Rules, content.Version, want))
		}
		for i, rule := range content.Rows {
			errs := rule.prepare(env, declared)
			if seen[rule.ID] {
				errs = append(errs, errors.New("this id is taken"))
			}
			seen[rule.ID] = true
			for _, mistake := range errs {
				mistakes = append(mistakes, fmt.Errorf("%s:%d: %s: %w", file, lines.Line(fmt.Sprintf("$.rows[%d]", i)), rule.ID, mistake))
			}
		}
		rules.all = append(rules.all, content.Rows...)
		rules.files = append(rules.files, File{content.Rules, content.Version, gateway.DigestOf(raw)})
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	for _, rule := range rules.all {
		for kind, ready := range rule.compiled {
			rules.byKind[kind] = append(rules.byKind[kind], ruleOf{rule, ready})
		}
	}
	return rules, nil
}

var idForm = regexp.MustCompile(`^[A-Z]{2,4}-[0-9]{4}$`)

// prepare compiles the rule for each of its kinds and returns what is wrong with it.
func (r *Rule) prepare(env *expr.Env, declared *extension.Declared) (errs []error) {
	mistake := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !idForm.MatchString(string(r.ID)) {
		mistake("id: want two to four letters, a hyphen and four digits")
	}
	if !slices.Contains([]string{"P", "C", "R", "F"}, r.Class) {
		mistake("class %q: want P, C, R or F", r.Class)
	}
	switch r.Basis {
	case XSD, Route, Verified:
	case Recalled, Inferred:
		if r.Severity == gateway.Error {
			mistake("a rule on a basis that is %s may only warn", r.Basis)
		}
	case Own:
		if r.Severity == gateway.Error && r.Class != "P" {
			mistake("a rule on our own basis may refuse only in class P")
		}
	default:
		mistake("basis %q: want xsd, route, verified, recalled, inferred or own", r.Basis)
	}
	if r.Severity != gateway.Error && r.Severity != gateway.Warning {
		mistake("severity %q: want error or warning", r.Severity)
	}
	if r.Source == "" {
		mistake("want a source")
	}
	for _, day := range []string{r.Valid.From, r.Valid.To} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			mistake("valid: %q is no day as YYYY-MM-DD", day)
		}
	}
	errs = append(errs, r.checkTexts()...)
	kinds := r.Kinds
	if len(kinds) == 0 {
		kinds = document.Kinds()
	}
	r.compiled = map[string]*compiled{}
	for _, kind := range kinds {
		ready, err := r.compile(env, declared, kind)
		if err != nil {
			mistake("%s: %w", kind, err)
			continue
		}
		r.compiled[kind] = ready
	}
	return errs
}

func (r *Rule) compile(env *expr.Env, declared *extension.Declared, kind string) (*compiled, error) {
	c := &compiled{}
	var context protoreflect.MessageDescriptor
	var err error
	switch {
	case r.Every != "" && r.Each != "":
		return nil, errors.New("want each or every, not both")
	case r.Every != "":
		context = (*customsv1.Document)(nil).ProtoReflect().Descriptor().ParentFile().Messages().ByName(protoreflect.Name(r.Every))
		if context == nil {
			return nil, fmt.Errorf("every: there is no message %q", r.Every)
		}
		c.every = context.FullName()
	default:
		if c.each, err = document.CompileFor(kind, cmp.Or(r.Each, ".")); err != nil {
			return nil, fmt.Errorf("each: %w", err)
		}
		if context = c.each.Descriptor(); context == nil {
			return nil, fmt.Errorf("each: %s is no message", r.Each)
		}
	}
	if r.When != "" {
		if c.when, err = env.Dated(context, r.When); err != nil {
			return nil, fmt.Errorf("when: %w", err)
		}
	}
	if c.check, err = env.Dated(context, r.Check); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	for _, condition := range []*expr.Condition{c.when, c.check} {
		if condition == nil {
			continue
		}
		for _, asked := range condition.Extensions() {
			if !slices.Contains(declared.On(asked.Message), asked.Name) {
				return nil, fmt.Errorf("no table declares an extension %q of a %s", asked.Name, asked.Message.Name())
			}
		}
	}
	if c.fromRoot = r.At == "envelope" || strings.HasPrefix(r.At, "envelope."); c.fromRoot {
		c.at, err = document.CompileFor(kind, r.At)
	} else {
		c.at, err = document.Compile(context, r.At)
	}
	if err != nil {
		return nil, fmt.Errorf("at: %w", err)
	}
	return c, nil
}

var scripts = map[string]*unicode.RangeTable{"en": unicode.Latin, "zh": unicode.Han, "ru": unicode.Cyrillic, "kk": unicode.Cyrillic, "mn": unicode.Cyrillic}

// checkTexts wants a sentence in every language of the catalogue, in its own script:
// in the row, or, where it has English alone, in the catalogue as texts of that very
// English.
func (r *Rule) checkTexts() (errs []error) {
	errs = checkTexts("text", "rule."+string(r.ID), r.Text)
	if len(r.Expected) > 0 {
		errs = append(errs, checkTexts("expected", "rule."+string(r.ID)+".expected", r.Expected)...)
	}
	if r.Remedy != "" && !slices.Contains(gateway.Remedies, r.Remedy) {
		errs = append(errs, fmt.Errorf("remedy %q: want one of %v", r.Remedy, gateway.Remedies))
	}
	return errs
}

func checkTexts(name, key string, texts map[string]string) (errs []error) {
	for language := range texts {
		if !slices.Contains(gateway.Languages, language) {
			errs = append(errs, fmt.Errorf("%s: %q is no language of the catalogue", name, language))
		}
	}
	seen := map[string]string{}
	for _, language := range gateway.Languages {
		text := texts[language]
		if len(texts) == 1 && language != "en" {
			t, _ := gateway.TextOf(key, language)
			if text = t.Text; t.English != texts["en"] {
				errs = append(errs, fmt.Errorf("%s %s: the catalogue has none for this English: want all of %v", name, language, gateway.Languages))
				continue
			}
		}
		// What is expected may be no more than a number.
		if inScript := func(c rune) bool { return unicode.Is(scripts[language], c) }; text == "" ||
			!strings.ContainsFunc(text, inScript) && (name == "text" || strings.ContainsFunc(text, unicode.IsLetter)) {
			errs = append(errs, fmt.Errorf("%s %s: want a sentence in that language", name, language))
		}
		if other, same := seen[text]; same && text != "" && name == "text" {
			errs = append(errs, fmt.Errorf("%s %s is the same as %s", name, language, other))
		}
		seen[text] = language
	}
	return errs
}
