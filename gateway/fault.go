package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Code is a fault's permanent public code. A code is never reused for another meaning.
type Code string

// Severity says what a fault does to the document it was found in.
type Severity string

// The severities. Only an error refuses.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// MaxValue is the number of characters of a received value that a fault repeats.
const MaxValue = 120

// Location is a place in the sender's own document: an XPath 1.0 expression with a
// position on every step and the document's own prefixes (d for its default
// namespace), or a JSON pointer (RFC 6901). For something missing it is the parent.
type Location struct {
	Expr       string            // XPath or JSON pointer
	Namespaces map[string]string // prefix bindings that the XPath needs
	Line       int               // line of the place, from 1; 0 when unknown
	Document   string            // submission id of another document than the one judged
}

// Fault is one thing wrong with a document or a request.
type Fault struct {
	Code     Code
	Severity Severity
	Path     string // place in the canonical document, or the configuration key
	Location Location
	Value    string            // the received value, at most MaxValue characters
	Expected string            // what would have been right
	Texts    map[string]string // by language; only for faults whose text is data (business rules)
}

// Error returns the code and the English text.
func (f Fault) Error() string { return string(f.Code) + ": " + f.Text("en") }

// Text returns the fault's sentence in a language of the catalogue, else in English.
func (f Fault) Text(lang string) string {
	text, ok := f.Texts[lang]
	if !ok {
		text = f.Texts["en"]
	}
	if len(f.Texts) == 0 {
		text = catalogueText(f.Code, lang)
	}
	return strings.NewReplacer("{value}", Clip(f.Value), "{expected}", inWords(f.Expected, lang), "{path}", f.Path).Replace(text)
}

// Clip shortens a received value to MaxValue characters and marks the cut.
func Clip(s string) string {
	if utf8.RuneCountInString(s) <= MaxValue {
		return s
	}
	return string([]rune(s)[:MaxValue-1]) + "…"
}

// Faults is every fault found, in document order. It is an error.
type Faults []Fault

// Error names the first fault and says how many there are.
func (fs Faults) Error() string {
	switch len(fs) {
	case 0:
		return "no fault"
	case 1:
		return fs[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", fs[0].Error(), len(fs)-1)
}

// Refuse reports whether any fault is an error.
func (fs Faults) Refuse() bool {
	return slices.ContainsFunc(fs, func(f Fault) bool { return f.Severity == Error })
}

// Err returns fs as an error if it refuses, else nil.
func (fs Faults) Err() error {
	if fs.Refuse() {
		return fs
	}
	return nil
}

// Report is a fault as it is printed and as it travels in REST answers.
type Report struct {
	Code       Code              `json:"code"`
	Severity   Severity          `json:"severity"`
	Path       string            `json:"path"`
	Location   string            `json:"location"`
	Value      string            `json:"value"`
	Expected   string            `json:"expected"`
	Message    string            `json:"message"`
	Line       int               `json:"line,omitempty"`
	Document   string            `json:"document,omitempty"`
	Namespaces map[string]string `json:"namespaces,omitempty"`
}

// Report renders the fault in a language of the catalogue.
func (f Fault) Report(lang string) Report {
	return Report{
		Code: f.Code, Severity: f.Severity, Path: f.Path, Location: f.Location.Expr,
		Value: Clip(f.Value), Expected: inWords(f.Expected, lang), Message: f.Text(lang),
		Line: f.Location.Line, Document: f.Location.Document, Namespaces: maps.Clone(f.Location.Namespaces),
	}
}

// Report renders every fault in a language of the catalogue. It is never nil.
func (fs Faults) Report(lang string) []Report {
	out := make([]Report, len(fs))
	for i, f := range fs {
		out[i] = f.Report(lang)
	}
	return out
}
