// Package conversation owns the envelopes in which messages and signals travel to a partner that speaks by a profile of
// its own: what is written, what is read, and which identifier names which attempt at which message. A profile is data;
// no element, namespace, action or code of a partner stands here, only the block of our own in which header and
// signature travel along. It refuses whatever a profile does not describe, and knows no network, no store and no keys:
// what it has read is verified by nobody yet.
package conversation

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// The bounds of what is loaded.
const (
	maxFiles = 100
	maxNames = 100 // of any list of a profile
)

// statuses are how well known a profile is.
var statuses = []string{"demonstration", "recalled", "verified"}

// The fields of an envelope that a profile gives places.
const (
	fieldTo             = "to"
	fieldReplyTo        = "reply_to"
	fieldMessageID      = "message_id"
	fieldRelatesTo      = "relates_to"
	fieldAction         = "action"
	fieldProcedureID    = "procedure_id"
	fieldConversationID = "conversation_id"
)

var fields = []string{fieldTo, fieldReplyTo, fieldMessageID, fieldRelatesTo, fieldAction, fieldProcedureID, fieldConversationID}

// What the text of a field is.
const (
	valueText  = "text"
	valueUUID  = "uuid"
	valueUUIDs = "uuids" // a path of them, of which the last counts
)

// inAnswers says of a header that messages have none.
const inAnswers = "answers"

// name is a name with its prefix, as a profile writes it.
type name string

// Profile is a form of envelopes, as its file says. Its zero value reads and writes nothing.
type Profile struct {
	Conversation string            `yaml:"conversation"`
	Version      int               `yaml:"version"`
	Status       string            `yaml:"status"`
	Source       string            `yaml:"source"`
	MediaType    string            `yaml:"media_type"`
	Namespaces   map[string]string `yaml:"namespaces"`
	Envelope     name              `yaml:"envelope"`
	Header       name              `yaml:"header"`
	Body         name              `yaml:"body"`
	Headers      []placed          `yaml:"headers"`
	// RelatesAction is the attribute in which an answer repeats the action of what it relates to.
	RelatesAction name   `yaml:"relates_action"`
	Attributes    []name `yaml:"attributes"` // that any header may carry
	Forbidden     []name `yaml:"forbidden"`  // headers
	Skipped       []name `yaml:"skipped"`    // headers that others add on the way
	Signals       struct {
		Received signalForm `yaml:"received"`
		Accepted signalForm `yaml:"accepted"`
		Refused  signalForm `yaml:"refused"`
	} `yaml:"signals"`
	Signal struct {
		ID          name `yaml:"id"`
		At          name `yaml:"at"`
		Error       name `yaml:"error"`
		Code        name `yaml:"code"`
		Description name `yaml:"description"`
		Details     name `yaml:"details"`
		Document    name `yaml:"document"`
		Reference   name `yaml:"reference"`
	} `yaml:"signal"`
	Codes struct {
		Unexpected string `yaml:"unexpected"`
		Data       string `yaml:"data"`
		Fatal      string `yaml:"fatal"`
	} `yaml:"codes"`
	Fault struct {
		Actions   []string `yaml:"actions"`
		Root      name     `yaml:"root"`
		Code      name     `yaml:"code"`
		CodeValue name     `yaml:"code_value"`
		Sender    name     `yaml:"sender"`
		Receiver  name     `yaml:"receiver"`
		Reason    name     `yaml:"reason"`
		Text      name     `yaml:"text"`
		Language  string   `yaml:"language"`
	} `yaml:"fault"`
	Patterns map[string]Pattern `yaml:"patterns"`
}

// placed is where a field stands among the headers.
type placed struct {
	Field string `yaml:"field"`
	Path  string `yaml:"path"`
	Value string `yaml:"value"`
	Form  string `yaml:"form"` // what stands around the value, which is %s
	In    string `yaml:"in"`
}

// steps are the names of a path, of which the first is a header.
func (h placed) steps() (out []name) {
	for s := range strings.SplitSeq(h.Path, "/") {
		out = append(out, name(s))
	}
	return out
}

type signalForm struct {
	Action string `yaml:"action"` // the last part of the action
	Root   name   `yaml:"root"`
}

// What a message that is sent ends by.
const (
	EndsReceived = "received"
	EndsAccepted = "accepted"
)

// Pattern is how the exchange of one message goes.
type Pattern struct {
	Ends       string        `yaml:"ends"`
	Received   time.Duration `yaml:"received"`   // the first signal is waited for
	Processing time.Duration `yaml:"processing"` // the verdict is waited for behind the first signal
	Retries    int           `yaml:"retries"`    // at that pace
}

// Bounds of a pattern.
const (
	MinTimeout = time.Second
	MaxTimeout = 24 * time.Hour
	MaxRetries = 1_000
)

// ID names the profile as a partner's record does.
func (p *Profile) ID() string { return fmt.Sprintf("%s.v%d", p.Conversation, p.Version) }

// signal is the form of the signal of a verdict.
func (p *Profile) signal(v gateway.Verdict) signalForm {
	switch v {
	case gateway.RCV:
		return p.Signals.Received
	case gateway.PRS:
		return p.Signals.Accepted
	}
	return p.Signals.Refused
}

// Profiles are those that are known.
type Profiles struct{ of map[string]*Profile }

// Profile returns one by its id.
func (p *Profiles) Profile(id string) (*Profile, bool) {
	f, ok := p.of[id]
	return f, ok
}

// IDs are those of all, sorted.
func (p *Profiles) IDs() []string { return slices.Sorted(maps.Keys(p.of)) }

// Load reads conversations/*.yaml of fsys, NAME.vN.yaml. Without a file there is no profile. The error names every
// mistake with its file and line.
func Load(fsys fs.FS) (*Profiles, error) {
	files, err := fs.Glob(fsys, "conversations/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list conversations: %w", err)
	}
	if len(files) > maxFiles {
		return nil, fmt.Errorf("conversations/: %d files, at most %d", len(files), maxFiles)
	}
	out := &Profiles{make(map[string]*Profile)}
	var errs []error
	for _, file := range files {
		raw, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("read conversations: %w", err)
		}
		p := new(Profile)
		lines, err := document.ReadYAML(file, raw, p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l := loader{file: file, lines: lines, Profile: p}
		l.check()
		errs = append(errs, l.errs...)
		out.of[p.ID()] = p
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

type loader struct {
	*Profile
	file  string
	lines document.Lines
	errs  []error
}

func (l *loader) fail(at, format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf("%s:%d: %s", l.file, max(l.lines.Line(at), 1), fmt.Sprintf(format, args...)))
}

func (l *loader) check() {
	if l.Version < 1 || path.Base(l.file) != l.ID()+".yaml" {
		l.fail("$.conversation", "%s is the name of %s.yaml, with a version from 1", l.ID(), l.ID())
	}
	if !slices.Contains(statuses, l.Status) {
		l.fail("$.status", "unknown status %q: want %s", l.Status, strings.Join(statuses, ", "))
	}
	if l.Source == "" {
		l.fail("$", "source is needed")
	}
	if kind, rest, ok := strings.Cut(l.MediaType, "/"); !ok || kind == "" || rest == "" || strings.Trim(rest+kind, mediaLetters) != "" {
		l.fail("$.media_type", "media_type %q: want a media type", l.MediaType)
	}
	spaces := map[string]bool{}
	for _, prefix := range slices.Sorted(maps.Keys(l.Namespaces)) {
		space := l.Namespaces[prefix]
		if spaces[space] {
			l.fail("$.namespaces", "namespace %q stands twice", space)
		}
		spaces[space] = true
		if !isNCName(prefix) || space == reserved || strings.HasPrefix(prefix, "xml") || prefix == ownPrefix || space == "" || strings.ContainsAny(space, "&<\"' \t\r\n") || space == ownSpace {
			l.fail("$.namespaces."+prefix, "namespaces: %q is no prefix for %q", prefix, space)
		}
	}
	l.name("$.envelope", l.Envelope)
	l.name("$.header", l.Header)
	l.name("$.body", l.Body)
	l.headers()
	l.signalForms()
	l.faults()
	l.patterns()
}

const mediaLetters = "abcdefghijklmnopqrstuvwxyz0123456789+-."

// name checks that a name is one in a namespace of the profile.
func (l *loader) name(at string, n name) {
	prefix, local, ok := strings.Cut(string(n), ":")
	if !ok || !isNCName(local) || l.Namespaces[prefix] == "" {
		l.fail(at, "%q: want prefix:name, with a prefix of namespaces", n)
	}
}

func (l *loader) names(at string, all []name) {
	if len(all) > maxNames {
		l.fail(at, "%d names, at most %d", len(all), maxNames)
		return
	}
	for i, n := range all {
		l.name(fmt.Sprintf("%s[%d]", at, i), n)
	}
}

// namesAt checks names by their keys, always in the same order.
func (l *loader) namesAt(at string, all map[string]name) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		l.name(at+key, all[key])
	}
}

// headers checks that each field has one place, and no header two meanings.
func (l *loader) headers() {
	if len(l.Headers) > maxNames {
		l.fail("$.headers", "%d headers, at most %d", len(l.Headers), maxNames)
		return
	}
	found, first := map[string]bool{}, map[name]bool{}
	for i, h := range l.Headers {
		at := fmt.Sprintf("$.headers[%d]", i)
		steps := h.steps()
		switch {
		case !slices.Contains(fields, h.Field):
			l.fail(at, "unknown field %q: want %s", h.Field, strings.Join(fields, ", "))
		case found[h.Field]:
			l.fail(at, "field %s stands twice", h.Field)
		case len(steps) > 2:
			l.fail(at, "path %q: want a header, or an element in one", h.Path)
		case first[steps[0]]:
			l.fail(at, "header %s stands twice", steps[0])
		case !slices.Contains([]string{valueText, valueUUID, valueUUIDs}, h.Value):
			l.fail(at, "value %q: want text, uuid or uuids", h.Value)
		case strings.Count(h.Form, "%s") != 1 || strings.Count(h.Form, "%") != 1:
			l.fail(at, "form %q: want one %%s and no other %%", h.Form)
		case h.In != "" && h.In != inAnswers:
			l.fail(at, "in %q: want answers, or nothing", h.In)
		case (h.Field == fieldRelatesTo) != (h.In == inAnswers):
			l.fail(at, "relates_to, and nothing else, is in answers alone")
		}
		for _, s := range steps {
			l.name(at, s)
		}
		found[h.Field], first[steps[0]] = true, true
	}
	for _, f := range fields {
		if !found[f] {
			l.fail("$.headers", "field %s has no place", f)
		}
	}
	for i, n := range slices.Concat(l.Forbidden, l.Skipped) {
		if first[n] {
			l.fail("$.forbidden", "header %s has two meanings (%d)", n, i)
		}
		first[n] = true
	}
	l.name("$.relates_action", l.RelatesAction)
	l.names("$.attributes", l.Attributes)
	l.names("$.forbidden", l.Forbidden)
	l.names("$.skipped", l.Skipped)
}

func (l *loader) signalForms() {
	actions, roots := map[string]bool{}, map[name]bool{l.Fault.Root: true}
	for i, s := range []signalForm{l.Signals.Received, l.Signals.Accepted, l.Signals.Refused} {
		key := []string{"received", "accepted", "refused"}[i]
		at := "$.signals." + key
		l.name(at, s.Root)
		if s.Action == "" || strings.Contains(s.Action, "/") || actions[s.Action] || roots[s.Root] {
			l.fail(at, "signal %s: want a last part of an action and a root, its own", key)
		}
		actions[s.Action], roots[s.Root] = true, true
	}
	l.namesAt("$.signal.", map[string]name{
		"id": l.Signal.ID, "at": l.Signal.At, "error": l.Signal.Error, "code": l.Signal.Code, "description": l.Signal.Description,
		"details": l.Signal.Details, "document": l.Signal.Document, "reference": l.Signal.Reference,
	})
	codes := map[string]string{"unexpected": l.Codes.Unexpected, "data": l.Codes.Data, "fatal": l.Codes.Fatal}
	for _, key := range slices.Sorted(maps.Keys(codes)) {
		if code := codes[key]; code == "" || len(code) > 255 {
			l.fail("$.codes."+key, "code %s: want 1 to 255 characters", key)
		}
	}
}

func (l *loader) faults() {
	f := l.Fault
	if len(f.Actions) == 0 || len(f.Actions) > maxNames || slices.Contains(f.Actions, "") {
		l.fail("$.fault.actions", "actions of faults are needed")
	}
	if f.Language == "" || strings.Trim(f.Language, "abcdefghijklmnopqrstuvwxyz") != "" {
		l.fail("$.fault.language", "language %q: want two letters", f.Language)
	}
	l.namesAt("$.fault.", map[string]name{
		"root": f.Root, "code": f.Code, "code_value": f.CodeValue, "sender": f.Sender, "receiver": f.Receiver, "reason": f.Reason, "text": f.Text,
	})
}

func (l *loader) patterns() {
	if len(l.Patterns) == 0 || len(l.Patterns) > maxNames {
		l.fail("$.patterns", "%d patterns: want 1 to %d", len(l.Patterns), maxNames)
	}
	for _, key := range slices.Sorted(maps.Keys(l.Patterns)) {
		p, at := l.Patterns[key], "$.patterns."+key
		if p.Ends != EndsReceived && p.Ends != EndsAccepted {
			l.fail(at, "ends %q: want received or accepted", p.Ends)
		}
		if !fits(p.Received) || !fits(p.Processing) {
			l.fail(at, "time-outs: want %s to %s", MinTimeout, MaxTimeout)
		}
		if p.Retries < 0 || p.Retries > MaxRetries {
			l.fail(at, "retries: want 0 to %d", MaxRetries)
		}
	}
}

func fits(d time.Duration) bool { return d >= MinTimeout && d <= MaxTimeout }

// isNCName reports whether a text is a plain name of ASCII without a prefix.
func isNCName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || i > 0 && (c == '-' || c == '.' || c >= '0' && c <= '9')) {
			return false
		}
	}
	return s != ""
}
