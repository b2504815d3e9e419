package gateway

import (
	"slices"
	"strconv"
	"strings"
)

// Phrase is a wording of the catalogue with the terms that fill it. It is data, so that
// each reader gets it in a language of his own. A term is what is the same in every
// language: a name, a code, a number, a pattern, a received value. It MUST NOT be a
// sentence. The zero Phrase says nothing.
type Phrase struct {
	// Wording is the wording's key; one with a point in it is the whole key of a text.
	// Without wording the terms stand alone.
	Wording Wording  `json:"wording,omitempty"`
	Terms   []string `json:"terms,omitempty"`
	// Texts are the texts of a wording that is not in the catalogue, by language.
	Texts map[string]string `json:"texts,omitempty"`
}

// Say returns a phrase of a wording.
func Say(w Wording, terms ...string) Phrase { return Phrase{Wording: w, Terms: terms} }

// Term returns a phrase that is nothing but a term; an empty one says nothing.
func Term(term string) Phrase {
	if term == "" {
		return Phrase{}
	}
	return Phrase{Terms: []string{term}}
}

// IsZero reports whether the phrase says nothing.
func (p Phrase) IsZero() bool { return p.Wording == "" && len(p.Terms) == 0 && len(p.Texts) == 0 }

// Equal reports whether two phrases say the same.
func (p Phrase) Equal(q Phrase) bool {
	return p.Wording == q.Wording && slices.Equal(p.Terms, q.Terms) && p.Texts["en"] == q.Texts["en"]
}

// In returns the phrase in a language of the catalogue, else in English.
func (p Phrase) In(lang string) string {
	var text string
	switch {
	case len(p.Texts) > 0:
		if text = p.Texts[lang]; text == "" {
			text = p.Texts["en"]
		}
	case p.Wording == "":
		return strings.Join(p.Terms, ", ")
	default:
		text = textOf(p.Wording.key(), lang)
	}
	if len(p.Terms) == 0 {
		return text
	}
	var fill []string
	for i, t := range p.Terms {
		fill = append(fill, "{"+strconv.Itoa(i+1)+"}", t)
	}
	return strings.NewReplacer(fill...).Replace(text)
}

// String returns the phrase in English.
func (p Phrase) String() string { return p.In("en") }

// Known reports whether the catalogue has the phrase's wording, or the phrase needs none.
func (p Phrase) Known() bool {
	return p.Wording == "" || len(p.Texts) > 0 || HasText(p.Wording.key())
}

// Without returns the phrase with each term replaced by what stands for a withheld one.
func (p Phrase) Without(mark string) Phrase {
	p.Terms = slices.Clone(p.Terms)
	for i := range p.Terms {
		p.Terms[i] = mark
	}
	return p
}

func (w Wording) key() string {
	if strings.Contains(string(w), ".") {
		return string(w)
	}
	return "phrase." + string(w)
}
