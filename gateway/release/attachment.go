package release

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
)

// Attachments says which images and scans a route releases. Nobody can look for a price in them, so
// what is not named here does not travel.
type Attachments struct {
	Kinds []string `yaml:"kinds"` // codes of the list attachment-kind
	// Each is how large one may be, Total all of a document together, and Number how many they may be.
	Each   Size `yaml:"each"`
	Total  Size `yaml:"total"`
	Number int  `yaml:"number"`
	// Retention is how long their bytes are kept, no longer than the payload that names them.
	Retention time.Duration `yaml:"retention"`
}

// attachments is the field that holds them, of the kinds of document that have any.
const attachments = "attachments"

// arrivalReport is the kind of document that the gateway makes of what a post records.
const arrivalReport = "ArrivalReport"

// The code list of what attachments show, and how many a document may name.
const (
	attachmentKinds = "attachment-kind"
	maxAttachments  = 20
)

// Releases reports whether attachments of a kind are released; of none, none is.
func (a *Attachments) Releases(kind string) bool { return a != nil && slices.Contains(a.Kinds, kind) }

// AttachmentsOf are those that a document names.
func AttachmentsOf(d *customsv1.Document) []*customsv1.Attachment {
	if body := document.Body(d); body.IsValid() {
		if b, ok := body.Interface().(interface {
			GetAttachments() []*customsv1.Attachment
		}); ok {
			return b.GetAttachments()
		}
	}
	return nil
}

// release clears the attachments of kinds that the route does not name, and refuses those that are too
// large or too many: their places are those of the document as it was.
func (a *Attachments) release(d *customsv1.Document) (denied []string, faults gateway.Faults) {
	if a == nil {
		return nil, nil // the allow-list has taken them all
	}
	refuse := func(code gateway.Code, path, value, expected string) {
		faults = append(faults, gateway.Fault{Code: code, Severity: gateway.Error, Path: path, Value: value, Expected: gateway.Term(expected)})
	}
	number, left := 0, uint64(a.Total)
	for i, at := range AttachmentsOf(d) {
		path := fmt.Sprintf("%s[%d]", attachments, i)
		if !a.Releases(at.GetKind()) {
			proto.Reset(at)
			denied = append(denied, path)
			continue
		}
		number++
		size := at.GetSize()
		switch text := strconv.FormatUint(size, 10); {
		case size > uint64(a.Each):
			refuse(gateway.AttachmentTooLarge, path+".size", text, strconv.Itoa(int(a.Each)))
		case size > left:
			refuse(gateway.AttachmentsTooLarge, path+".size", text, strconv.FormatUint(left, 10))
			left = 0
		default:
			left -= size
		}
	}
	if number > a.Number {
		refuse(gateway.AttachmentsTooMany, attachments, strconv.Itoa(number), strconv.Itoa(a.Number))
	}
	return denied, faults
}

// attachments checks what a route says of attachments, and lets those that it names through.
func (l *linter) attachments(rt *Route, lists *codelist.Lists) {
	a := rt.Attachments
	_, err := document.CompileFor(rt.Kind, attachments)
	switch {
	case a == nil:
		for i, path := range rt.Allow {
			if path == attachments || strings.HasPrefix(path, attachments+".") {
				l.addf(fmt.Sprintf("allow[%d]", i), "%s: which attachments are released says the key %s", path, attachments)
			}
		}
		return
	case err != nil:
		l.addf(attachments, "%s names no attachments", rt.Kind)
		return
	case rt.Kind == arrivalReport:
		l.addf(attachments, "the gateway makes this document itself: nobody hands in what it names")
		return
	}
	rt.allowed.add(attachments)
	if len(a.Kinds) == 0 {
		l.addf(attachments, "no kind of attachment")
	}
	for i, kind := range a.Kinds {
		if !lists.Known(attachmentKinds, kind, rt.Valid.From) || slices.Contains(a.Kinds[:i], kind) {
			l.addf(attachments, "%q is no code of the list %s, or stands twice", kind, attachmentKinds)
		}
	}
	if a.Each <= 0 || a.Total < a.Each || a.Number < 1 || a.Number > maxAttachments {
		l.addf(attachments, "want each, total of not less than that, and number from 1 to %d", maxAttachments)
	}
	if a.Retention <= 0 || a.Retention > rt.Retention {
		l.addf(attachments, "retention of attachments is longer than nothing, and no longer than that of the payload, %s", rt.Retention)
	}
}
