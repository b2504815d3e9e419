package event

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"customs.example/gateway"
)

// Bounds of one line, whatever a document or a caller has decided.
const (
	maxText  = 256
	maxCodes = 20
)

// logged is an error that an event tells of already.
type logged struct{ error }

func (t logged) Unwrap() error { return t.error }

// Logged marks an error that an event tells of already: one thing is one line.
func Logged(err error) error {
	if err == nil || WasLogged(err) {
		return err
	}
	return logged{err}
}

// WasLogged reports whether an event tells of an error already.
func WasLogged(err error) bool { return errors.As(err, new(logged)) }

// Redactable is an error whose text may quote a document: it says itself what of it may be
// written into a log.
type Redactable interface {
	error
	// Redacted is the error without anything out of a document.
	Redacted() string
}

// quoted is what errors put between quotation marks: as a rule the value that they do not like.
var quoted = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|'[^']*'|“[^”]*”|«[^»]*»")

// Cause is what may be written of an error: of faults their codes alone, for their
// sentences quote values; of any other its text without what stands between quotation
// marks, to a bound.
func Cause(err error) string {
	var faults gateway.Faults
	var one gateway.Fault
	var redactable Redactable
	switch {
	case err == nil:
		return ""
	case errors.As(err, &redactable):
		return clip(redactable.Redacted())
	case errors.As(err, &faults):
		return joined(CodesOf(faults))
	case errors.As(err, &one):
		return string(one.Code)
	}
	return clip(quoted.ReplaceAllString(err.Error(), "***"))
}

func joined(codes []gateway.Code) string {
	texts := make([]string, 0, maxCodes)
	for _, c := range codes[:min(len(codes), maxCodes)] {
		texts = append(texts, string(c))
	}
	return strings.Join(texts, ", ")
}

// clip bounds a text in bytes, and ends it at a whole character.
func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	text = text[:maxText]
	for !utf8.ValidString(text) && len(text) > maxText-utf8.UTFMax {
		text = text[:len(text)-1]
	}
	return text + "…"
}
