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
	Found    Phrase            // what was found, where words say it better than a value
	Expected Phrase            // what would have been right
	Remedy   Remedy            // who can mend it; empty: the usual one of the code
	Place    Place             // the place by business keys, where they are known
	Texts    map[string]string // by language; only of rules that bring their own texts
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
		text = textOf(keyOf(f.Code), lang)
	}
	value := Clip(f.Value)
	if value == "" {
		value = f.Found.In(lang)
	}
	return strings.NewReplacer(
		"{value}", value, "{found}", f.Found.In(lang), "{expected}", f.Expected.In(lang), "{path}", f.Path,
	).Replace(text)
}

// Clip shortens a received value to MaxValue characters and marks the cut. What nobody
// sees in it is written as a code point.
func Clip(s string) string {
	n := 0
	for i := range s { // what comes behind is not looked at, however much it is
		if n++; n > MaxValue+1 {
			s = s[:i]
			break
		}
	}
	s = visible(s)
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

// Report is a fault as it is printed and as it travels in receipts and REST answers.
type Report struct {
	Code       Code              `json:"code"`
	Severity   Severity          `json:"severity"`
	Path       string            `json:"path"`
	Location   string            `json:"location"`
	Value      string            `json:"value"`
	Expected   string            `json:"expected"`
	Found      string            `json:"found,omitempty"`
	Message    string            `json:"message"`
	Place      string            `json:"place,omitempty"` // by business keys, in words
	Label      string            `json:"label,omitempty"` // of the field
	Remedy     Remedy            `json:"remedy"`
	Line       int               `json:"line,omitempty"`
	Document   string            `json:"document,omitempty"`
	Namespaces map[string]string `json:"namespaces,omitempty"`
	// Wants and Has are Expected and Found as data, so that whoever gets the report can
	// say them in another language.
	Wants Phrase `json:"wants,omitzero"`
	Has   Phrase `json:"has,omitzero"`
}

// Report renders the fault in a language of the catalogue.
func (f Fault) Report(lang string) Report {
	return Report{
		Code: f.Code, Severity: f.Severity, Path: f.Path, Location: f.Location.Expr,
		Value: Clip(f.Value), Expected: f.Expected.In(lang), Found: f.Found.In(lang), Message: f.Text(lang),
		Place: f.Place.In(lang), Label: f.Place.LabelIn(lang), Remedy: f.Mender(),
		Line: f.Location.Line, Document: f.Location.Document, Namespaces: maps.Clone(f.Location.Namespaces),
		Wants: f.Expected, Has: f.Found,
	}
}

// Fault returns what was reported as a fault of this gateway's, to be said in any
// language. A code or wording that is not known here keeps the words it came with.
func (r Report) Fault() Fault {
	f := Fault{
		Code: r.Code, Severity: r.Severity, Path: r.Path, Value: r.Value, Found: r.Has, Expected: r.Wants, Remedy: r.Remedy,
		Location: Location{Expr: r.Location, Namespaces: r.Namespaces, Line: r.Line, Document: r.Document},
	}
	if !HasText(keyOf(r.Code)) || !r.Wants.Known() || !r.Has.Known() {
		f.Texts = map[string]string{"en": r.Message}
		f.Found, f.Expected = Term(r.Found), Term(r.Expected)
	}
	return f
}

// Report renders every fault in a language of the catalogue. It is never nil.
func (fs Faults) Report(lang string) []Report {
	out := make([]Report, len(fs))
	for i, f := range fs {
		out[i] = f.Report(lang)
	}
	return out
}
