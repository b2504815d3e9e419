package gateway

import (
	"embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The texts that people read: en.tsv holds the English of what has no other home, with
// the usual remedy of each fault; a rule's English stands in its row. Each other language
// has one file, which is also the sheet that a native reader signs line by line.
//
//go:embed texts/*.tsv
var textFiles embed.FS

// Languages are the languages of the catalogue. English is the fallback.
var Languages = []string{"en", "zh", "ru", "kk", "mn"}

// Text is one text of the catalogue in one language.
type Text struct {
	Key     string // fault.CODE, phrase.WORDING, label.Message.field, place.WORD, remedy.REMEDY, rule.CODE, rule.CODE.expected
	English string // what it says in English
	Text    string
	Signed  string // the native reader and the day; empty: a machine's draft
}

// catalogue is every text, by language and key, and the usual remedy of each fault.
type catalogue struct {
	texts    map[string]map[string]Text
	remedies map[Code]Remedy
}

var texts = sync.OnceValue(func() catalogue {
	c := catalogue{make(map[string]map[string]Text, len(Languages)), map[Code]Remedy{}}
	english := map[string]Text{}
	for _, lang := range Languages {
		rows, err := readTexts(lang)
		if err != nil {
			panic(fmt.Sprintf("embedded texts: %v", err))
		}
		c.texts[lang] = rows
		for key, row := range rows {
			if lang == "en" {
				if code, ok := strings.CutPrefix(key, "fault."); ok {
					c.remedies[Code(code)] = Remedy(row.Signed)
				}
				row.Signed = "en" // its own
			} else if _, ok := english[key]; ok {
				continue
			}
			english[key] = Text{Key: key, English: row.English, Text: row.English, Signed: "en"}
		}
	}
	c.texts["en"] = english
	return c
})

// readTexts reads the file of a language: key, text and remedy for English, else key,
// English, text and signature.
func readTexts(lang string) (map[string]Text, error) {
	raw, err := textFiles.ReadFile("texts/" + lang + ".tsv")
	if err != nil {
		return nil, err
	}
	out := map[string]Text{}
	for i, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		if i == 0 {
			continue // the names of the columns
		}
		cells := strings.Split(line, "\t")
		if lang == "en" && len(cells) == 3 { // the third stands where a signature would
			cells = []string{cells[0], cells[1], cells[1], cells[2]}
		}
		if len(cells) != 4 {
			return nil, fmt.Errorf("%s.tsv:%d: %d cells", lang, i+1, len(cells))
		}
		if _, twice := out[cells[0]]; twice {
			return nil, fmt.Errorf("%s.tsv:%d: %s stands twice", lang, i+1, cells[0])
		}
		out[cells[0]] = Text{cells[0], cells[1], cells[2], cells[3]}
	}
	return out, nil
}

// Codes returns every fault code of the catalogue, sorted; those of rules are not
// among them.
func Codes() []Code { return slices.Sorted(maps.Keys(texts().remedies)) }

// HasText reports whether the catalogue has a text.
func HasText(key string) bool {
	_, ok := texts().texts["en"][key]
	return ok
}

// TextOf returns a text of the catalogue; false if the language has none of that key.
func TextOf(key, lang string) (Text, bool) {
	t, ok := texts().texts[lang][key]
	return t, ok
}

// Retold is what the gateway says in English of why something waits or has ended, in another
// language. What it does not know, as a person's own words, stays as it is.
func Retold(english, lang string) string {
	if english == "" || Language(lang) == "en" {
		return english
	}
	for _, r := range reasons() {
		if terms := r.like.FindStringSubmatch(english); terms != nil {
			return Phrase{Wording: r.wording, Terms: terms[1:]}.In(lang)
		}
	}
	return english
}

// reason is one that Retold knows, and what its English is like.
type reason struct {
	wording Wording
	like    *regexp.Regexp
}

var reasons = sync.OnceValue(func() []reason {
	var known []reason
	for key, text := range texts().texts["en"] {
		if strings.HasPrefix(key, "word.reason") {
			known = append(known, reason{Wording(key), matching(text.Text)})
		}
	}
	slices.SortFunc(known, func(a, b reason) int { return strings.Compare(string(a.wording), string(b.wording)) })
	return known
})

// matching finds the terms of a text, which stand in it in order.
func matching(text string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(text)
	for _, term := range []string{"1", "2", "3"} {
		pattern = strings.Replace(pattern, `\{`+term+`\}`, "(.+)", 1)
	}
	return regexp.MustCompile("^" + pattern + "$")
}

// textOf returns a text in a language, else in English, else its key.
func textOf(key, lang string) string {
	if t, ok := TextOf(key, lang); ok {
		return t.Text
	}
	if t, ok := TextOf(key, "en"); ok {
		return t.Text
	}
	return key
}

// keyOf is the key of a fault's sentence: the catalogue's own codes and those of rules.
func keyOf(c Code) string {
	if _, ok := texts().remedies[c]; ok {
		return "fault." + string(c)
	}
	return "rule." + string(c)
}

// Language picks the catalogue's language for an Accept-Language value or a plain
// language tag; quality values are ignored, the first known language wins.
func Language(accept string) string {
	for part := range strings.SplitSeq(accept, ",") {
		tag, _, _ := strings.Cut(part, ";")
		tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		for _, l := range Languages {
			if tag == l {
				return l
			}
		}
	}
	return "en"
}
