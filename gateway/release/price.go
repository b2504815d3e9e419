package release

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/extension"
)

// words are plain words by language.
type words map[string][]string

// prices finds prices in texts: a currency beside a number, or a word for a price in front of one.
// What it looks for is data, and it takes time in proportion to the text.
type prices struct {
	anchors []string // without one of them there is no price
	spared  *regexp.Regexp
	price   *regexp.Regexp
}

// priceFile is a file of what prices look like.
type priceFile struct {
	List     string   `yaml:"list"`
	Version  int      `yaml:"version"`
	Source   string   `yaml:"source"`
	Status   string   `yaml:"status"`
	Adjacent words    `yaml:"beside"`
	Behind   words    `yaml:"behind"`
	Signs    []string `yaml:"signs"`
	Terms    words    `yaml:"terms"`
	Numbers  words    `yaml:"numbers"`
	Spared   []string `yaml:"spared"`
}

// loadPrices reads what prices look like; nil if no file says so.
func loadPrices(fsys fs.FS) (*prices, error) {
	const name = "routes/prices/prices.yaml"
	raw, err := fs.ReadFile(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // a route that needs them is refused
	case err != nil:
		return nil, err
	}
	var file priceFile
	if err := document.DecodeYAML(name, raw, &file); err != nil {
		return nil, err
	}
	var errs []error
	for _, key := range []struct {
		name string
		has  int
	}{
		{"beside", len(file.Adjacent)}, {"behind", len(file.Behind)}, {"signs", len(file.Signs)}, {"terms", len(file.Terms)},
		{"numbers", len(file.Numbers)}, {"spared", len(file.Spared)},
	} {
		if key.has == 0 {
			errs = append(errs, fmt.Errorf("%s:1: %s is missing", name, key.name))
		}
	}
	for i, pattern := range file.Spared { // each by itself: the mistake is its own
		if _, err := regexp.Compile(pattern); err != nil {
			errs = append(errs, fmt.Errorf("%s: spared[%d]: %w", name, i, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p, err := file.compile()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// The pieces of a price. What may stand between a currency and its number is little; a word for a
// price may be further from it, in the same clause.
const (
	wordStart = `(?:^|[^\p{L}]|\p{Han})` // a word of letters begins beside Chinese too
	wordEnd   = `(?:$|[^\p{L}]|\p{Han})`
	digit     = `\p{Nd}`
	gap       = `[\s\p{Z}.,:;=()/~'"+-]{0,6}`
	clause    = `[^\p{Nd}\n;,，。]`
)

func (f *priceFile) compile() (*prices, error) {
	spelled, character := alternatives(f.Numbers)
	signs := make([]string, len(f.Signs))
	for i, s := range f.Signs {
		signs[i] = regexp.QuoteMeta(folded(s))
	}
	sign := `(?:\p{Sc}|` + strings.Join(signs, "|") + `)`
	word, han := alternatives(f.Adjacent)
	after, hanAfter := alternatives(f.Adjacent, f.Behind)
	term, hanTerm := alternatives(f.Terms)
	number := `(?:` + digit + `|` + character + `|` + wordStart + spelled + `\p{L}{0,4})`
	first := `(?:` + digit + `|` + character + `|` + spelled + `)`
	looks := []string{
		number + gap + `(?:` + sign + `|` + after + wordEnd + `|` + hanAfter + `)`,
		`(?:` + sign + `|` + wordStart + word + `|` + han + `)` + gap + first,
		`(?:` + wordStart + term + `(?:[^\p{L}\p{Nd}\n;,，。]` + clause + `{0,15})?|` + hanTerm + clause + `{0,12})` + digit,
	}
	var err error
	p := &prices{anchors: slices.Clone(f.Signs)}
	for _, list := range []words{f.Adjacent, f.Behind, f.Terms} {
		for _, all := range list {
			for _, w := range all {
				p.anchors = append(p.anchors, strings.TrimSuffix(folded(w), "*"))
			}
		}
	}
	slices.Sort(p.anchors)
	p.anchors = slices.Compact(p.anchors)
	if p.spared, err = regexp.Compile(strings.Join(f.Spared, "|")); err != nil {
		return nil, err
	}
	p.price, err = regexp.Compile(strings.Join(looks, "|"))
	return p, err
}

// alternatives are patterns of the words of lists: of those that stand by themselves, and of those of
// Chinese characters.
func alternatives(lists ...words) (alone, han string) {
	var byThemselves, anywhere []string
	for _, list := range lists {
		for _, lang := range slices.Sorted(maps.Keys(list)) {
			for _, w := range list[lang] {
				w = folded(w)
				stem, open := strings.CutSuffix(w, "*")
				pattern := strings.ReplaceAll(regexp.QuoteMeta(stem), " ", `[\s\p{Z}]+`)
				if open {
					pattern += `\p{L}*`
				}
				if strings.ContainsFunc(w, func(r rune) bool { return unicode.Is(unicode.Han, r) || r == '〇' }) {
					anywhere = append(anywhere, pattern)
				} else {
					byThemselves = append(byThemselves, pattern)
				}
			}
		}
	}
	group := func(all []string) string {
		if len(all) == 0 {
			return `[^\x00-\x{10FFFF}]` // nothing
		}
		return `(?:` + strings.Join(all, "|") + `)`
	}
	return group(byThemselves), group(anywhere)
}

// folded is a text as it is searched: in small letters, without the width of its characters and
// without what nobody sees.
func folded(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToLower(document.Narrowed(r))
	}, text)
}

// in reports whether a text seems to hold a price.
func (p *prices) in(text string) bool {
	text = folded(text)
	anchored := strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxLatin1 && unicode.Is(unicode.Sc, r) }) ||
		slices.ContainsFunc(p.anchors, func(a string) bool { return strings.Contains(text, a) })
	return anchored && p.price.MatchString(p.spared.ReplaceAllString(text, " ; "))
}

// freeText is the length from which on a text without code list is free text, in which a price may
// hide: descriptions, marks, remarks, names.
const freeText = 120

// Ruling is what a person has decided on a text in which a price seems to be.
type Ruling struct {
	// Text is the digest of the text that was ruled on: of no other.
	Text gateway.Digest
	// Replacement travels in its place; empty: the text travels as it is.
	Replacement string
}

// ByApprover is the row of what travels in the place of a text that a person has ruled on.
const ByApprover = "approver"

// rule finds free texts that seem to hold a price, and does with them what was ruled. What nobody has
// ruled on is a fault, and so is a replacement that holds a price itself or is none that the place takes.
func (p *prices) rule(d *customsv1.Document, declared *extension.Declared, rulings []Ruling) (replaced []Supply, faults gateway.Faults) {
	free := func(f *document.Field) bool { return f.Rule.GetList() == "" && f.Rule.GetLength() >= freeText }
	known := make(map[string]bool)
	type doubt struct{ path, text string }
	var found []doubt
	document.Strings(d, free, func(text string, path func() string) {
		priced, seen := known[text]
		if !seen {
			priced = p.in(text)
			known[text] = priced
		}
		if priced {
			found = append(found, doubt{path(), text})
		}
	})
	extensions := extensionsAt(d, len(found) > 0 && len(rulings) > 0)
	for _, at := range found {
		digest := gateway.DigestOf([]byte(at.text))
		i := slices.IndexFunc(rulings, func(r Ruling) bool { return r.Text == digest })
		switch {
		case i >= 0 && rulings[i].Replacement == "":
		case i >= 0 && fits(declared, extensions[at.path], rulings[i].Replacement) && p.replace(d, at.path, rulings[i].Replacement):
			replaced = append(replaced, Supply{Path: at.path, Row: ByApprover, Source: "ruling on a text in which a price was found", Status: "own"})
		default:
			faults = append(faults, gateway.Fault{Code: gateway.ReleasePriceInText, Severity: gateway.Error, Path: at.path, Value: at.text,
				Expected: gateway.Say(gateway.WordTextWithoutPrice)})
		}
	}
	return replaced, faults
}

// extensionsAt are the keys of a document's extensions by the places of their values, if they are asked for.
func extensionsAt(d *customsv1.Document, asked bool) map[string]string {
	if !asked || !document.Extended(document.Of(d)) {
		return nil
	}
	keys := make(map[string]string)
	document.Walk(d, func(path string, _ document.Field, marks document.Marks, _ string) {
		if marks.Extension != "" {
			keys[path] = marks.Extension
		}
	})
	return keys
}

// fits reports whether an extension takes a text by its declaration; "" is none. In a code nobody writes a text.
func fits(declared *extension.Declared, key, text string) bool {
	if key == "" {
		return true
	}
	is, ok := declared.Of(key)
	return ok && is.HasValue() && is.List == "" && is.Field().Check(text) == nil && (is.Length == 0 || utf8.RuneCountInString(text) <= is.Length)
}

// replace writes a text in the place of another, if the place takes it and it holds no price.
func (p *prices) replace(d *customsv1.Document, path, text string) bool {
	at, err := document.CompileFor(document.Kind(d), path)
	if err != nil || !p.mayReplace(at, text) {
		return false
	}
	return at.Set(document.Of(d), text) == nil
}

// Doubts are the texts of a document that refuse its release until they are ruled on, whether or not it
// has passed validation. It proves nothing.
func (rt *Route) Doubts(d *customsv1.Document, rulings ...Ruling) gateway.Faults {
	if !rt.noPrices {
		return nil
	}
	d = document.Clone(d)
	rt.allowed.prune(document.Of(d), "")
	_, faults := rt.prices.rule(d, rt.extensions, rulings)
	return faults
}

// Replaceable reports whether a text may travel in a field in the place of another: it holds no price,
// and the field takes it.
func (rt *Route) Replaceable(at *document.Path, text string) bool {
	return rt.prices.mayReplace(at, text)
}

func (p *prices) mayReplace(at *document.Path, text string) bool {
	return at.Leaf() && !at.Repeated() && strings.TrimSpace(text) != "" && utf8.RuneCountInString(text) <= int(at.Field().Rule.GetLength()) &&
		at.Field().Check(text) == nil && !strings.ContainsFunc(text, gateway.Invisible) && !p.in(text)
}

// WithholdsPrices reports whether the route lets no price go: then texts are searched for prices too.
func (rt *Route) WithholdsPrices() bool { return rt.noPrices }
