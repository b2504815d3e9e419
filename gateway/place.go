package gateway

import (
	"slices"
	"strconv"
	"strings"
)

// Place is where a fault is, in the words of people who handle the goods: the things on
// the way with what identifies them, and the field. It is data, so that each reader gets
// it in a language of his own.
type Place struct {
	Steps []PlaceStep `json:"steps,omitempty"`
	Label string      `json:"label,omitempty"` // key of the field's label: Message.field
}

// PlaceStep is one thing on the way to a place.
type PlaceStep struct {
	// Word is the key of what it is called: place.WORD, or label.Message.field. Without
	// one the key is a name of its own.
	Word string `json:"word"`
	// Key is what identifies it: a number, a plate, a code.
	Key string `json:"key,omitempty"`
	// Position counts from 1 among its like where no key identifies it; 0 is none.
	Position int `json:"position,omitempty"`
}

// IsZero reports whether nothing is known of the place.
func (p Place) IsZero() bool { return len(p.Steps) == 0 && p.Label == "" }

// In returns the place in a language of the catalogue: its steps, the outermost first,
// and the field's label.
func (p Place) In(lang string) string {
	var steps []string
	for _, s := range p.Steps {
		steps = append(steps, s.in(lang))
	}
	if label := p.LabelIn(lang); label != "" {
		steps = append(steps, label)
	}
	if lang == "zh" {
		return strings.Join(steps, "，")
	}
	return strings.Join(steps, ", ")
}

// StepsIn returns the things on the way to the place in a language of the catalogue, without its field.
func (p Place) StepsIn(lang string) string { return Place{Steps: p.Steps}.In(lang) }

// Without returns the place with each key replaced by what stands for a withheld one.
func (p Place) Without(mark string) Place {
	p.Steps = slices.Clone(p.Steps)
	for i := range p.Steps {
		if p.Steps[i].Key != "" {
			p.Steps[i].Key = mark
		}
	}
	return p
}

// LabelIn returns the field's label in a language of the catalogue.
func (p Place) LabelIn(lang string) string {
	if p.Label == "" {
		return ""
	}
	return textOf("label."+p.Label, lang)
}

func (s PlaceStep) in(lang string) string {
	if s.Word == "" {
		return s.Key
	}
	word := textOf(s.Word, lang)
	switch {
	case s.Key != "":
		return word + " " + s.Key
	case s.Position > 0:
		return word + " #" + strconv.Itoa(s.Position)
	}
	return word
}
