package gateway

import (
	"io"
	"strconv"
	"strings"
)

// LossReport is what does not travel of one field, for one reason, of one document, in words.
type LossReport struct {
	Reason   string      `json:"reason"`
	Text     string      `json:"text"`
	Document string      `json:"document"`
	Path     string      `json:"path"`
	Label    string      `json:"label,omitempty"`
	Count    int         `json:"count"`
	Places   []LostPlace `json:"places"`
}

// LostPlace is one of its places in the sender's own document.
type LostPlace struct {
	Location   string            `json:"location"`
	Namespaces map[string]string `json:"namespaces,omitempty"`
	Line       int               `json:"line,omitempty"`
	Place      string            `json:"place,omitempty"`
	Value      string            `json:"value,omitempty"`
	Instead    string            `json:"instead,omitempty"`
}

// PrintLosses prints what does not travel as a person reads it on a terminal, in a language of the
// catalogue: each reason with a line for each field, which tells how many there are of it and where
// the first stand. It prints nothing where all travels; leftOut is how many fields are not told.
func PrintLosses(w io.Writer, losses []LossReport, leftOut int, lang string) error {
	if len(losses) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(textOf("word.notTravelled", lang) + "\n")
	word := func(word, term string) string { return Say(Wording("word."+word), term).In(lang) }
	for i, l := range losses {
		if i == 0 || losses[i-1].Reason != l.Reason {
			for _, line := range wrap(clean(l.Text), lineWidth) {
				b.WriteString("  " + line + "\n")
			}
		}
		head := l.Label
		if head == "" {
			head = l.Path
		}
		if l.Count > 1 {
			head += " (" + word("lossTimes", strconv.Itoa(l.Count)) + ")"
		}
		head += ", " + l.Document + colon(lang)
		var places []string
		for _, p := range l.Places {
			place := p.Place
			if p.Value != "" {
				place += " = " + p.Value
			}
			if p.Line > 0 {
				place += " (" + textOf("word.line", lang) + " " + strconv.Itoa(p.Line) + ")"
			} else if p.Place == "" {
				place += " " + p.Location
			}
			if p.Instead != "" {
				place += " [" + word("lossInstead", p.Instead) + "]"
			}
			places = append(places, strings.TrimSpace(place))
		}
		if more := l.Count - len(l.Places); more > 0 {
			places = append(places, word("lossMore", strconv.Itoa(more)))
		}
		for j, line := range wrap(clean(head+strings.Join(places, "; ")), lineWidth) {
			indent := "    "
			if j > 0 {
				indent = "      "
			}
			b.WriteString(indent + line + "\n")
		}
	}
	if leftOut > 0 {
		b.WriteString("  " + word("lossMore", strconv.Itoa(leftOut)) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
