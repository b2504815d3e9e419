package gateway

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

//go:embed faults.json
var faultsJSON []byte

// Languages are the languages of the catalogue. English is the fallback.
var Languages = []string{"en", "zh", "ru", "kk", "mn"}

// Entry is one code of the catalogue. Drafted lists the languages whose text was
// drafted by a machine and not yet signed by a native reader.
type Entry struct {
	Code    Code              `json:"code"`
	Texts   map[string]string `json:"texts"`
	Drafted []string          `json:"drafted"`
}

// Catalogue returns every entry, in order of code.
var Catalogue = sync.OnceValue(func() []Entry {
	var entries []Entry
	if err := json.Unmarshal(faultsJSON, &entries); err != nil {
		panic(fmt.Sprintf("embedded fault catalogue: %v", err))
	}
	return entries
})

//go:embed phrases.json
var phrasesJSON []byte

// phrases are the wordings of what would have been right, by language; % stands for
// a value. The longer of two that begin alike comes first.
var phrases = sync.OnceValue(func() (all []map[string]string) {
	if err := json.Unmarshal(phrasesJSON, &all); err != nil {
		panic(fmt.Sprintf("embedded phrases: %v", err))
	}
	return all
})

// inWords is what was expected in a language of the catalogue, if it is worded in one
// of the known phrases, else as it is.
func inWords(expected, lang string) string {
	if lang == "en" || expected == "" {
		return expected
	}
	for _, p := range phrases() {
		before, after, open := strings.Cut(p["en"], "%")
		value, fits := strings.CutPrefix(expected, before)
		if fits {
			value, fits = strings.CutSuffix(value, after)
		}
		if fits && (open || value == "") && p[lang] != "" {
			return strings.Replace(p[lang], "%", value, 1)
		}
	}
	return expected
}

var catalogueByCode = sync.OnceValue(func() map[Code]Entry {
	m := make(map[Code]Entry)
	for _, e := range Catalogue() {
		m[e.Code] = e
	}
	return m
})

func catalogueText(c Code, lang string) string {
	e := catalogueByCode()[c]
	if t := e.Texts[lang]; t != "" {
		return t
	}
	return e.Texts["en"]
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
