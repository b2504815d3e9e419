package convert

import (
	"slices"
	"strings"
	"unicode"
)

// Undetermined marks a text whose language the sender does not say.
const Undetermined = "und"

// cyrillic are the languages that are written in Cyrillic letters here.
var cyrillic = []string{"ru", "kk", "mn", "be", "ky", "uk", "tg"}

// script is what the letters of a text belong to, or a language is written in.
type script int

const (
	noScript script = iota
	latin
	cyrl
	han
)

func scriptOf(text string) script {
	best := noScript
	for _, r := range text {
		switch {
		case r < unicode.MaxASCII:
			if best == noScript && (r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') {
				best = latin
			}
		case unicode.Is(unicode.Han, r):
			return han
		case unicode.Is(unicode.Cyrillic, r):
			best = cyrl
		case best == noScript && unicode.Is(unicode.Latin, r):
			best = latin
		}
	}
	return best
}

func scriptFor(language string) script {
	primary, _, _ := strings.Cut(language, "-")
	switch {
	case primary == "zh":
		return han
	case slices.Contains(cyrillic, primary):
		return cyrl
	case primary == Undetermined:
		return noScript
	}
	return latin
}

// Tag returns the language that decode marks a text with, of those a row lists.
func Tag(text string, languages []string) string {
	is := scriptOf(text)
	if len(languages) == 1 || is == noScript {
		return languages[0]
	}
	for _, l := range languages {
		if scriptFor(l) == is {
			return l
		}
	}
	return Undetermined
}

// SameLanguage reports whether a text's tag is the language a row lists, or a
// regional form of it.
func SameLanguage(tag, listed string) bool {
	return tag == listed || strings.HasPrefix(tag, listed) && tag[len(listed)] == '-'
}
