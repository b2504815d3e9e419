// Package validate owns the judgement of a canonical document: the dictionary and the
// business rules, which are data. It refuses to pass a document with an error, and
// alone makes a Passed.
package validate

import (
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/pace"
)

// Scope says between whom and when a document is judged.
type Scope struct {
	Own     gateway.Administration // whose gateway judges
	Partner gateway.Administration // who gets the document, or sent it
	At      time.Time
	// Part: the document is one of several that say together what is to be said.
	Part bool
	// Alone: the document is judged by itself. It then makes no Passed.
	Alone bool
	// Seen: the document records what a post has seen, and is neither sent nor joined.
	Seen bool
	// Done: what the function code of the document asks is done, so that it is not taken as new.
	Done bool
}

// adds reports whether all rules in force in another scope are in force in this one too.
func (s Scope) adds(to Scope) bool {
	return s.Own == to.Own && s.At.Format(time.DateOnly) == to.At.Format(time.DateOnly) && (to.Partner == "" || s.Partner == to.Partner) && (to.Part || !s.Part) && (to.Alone || !s.Alone) && (to.Seen || !s.Seen)
}

// Passed proves that a document passed. The zero Passed proves nothing; every taker
// MUST refuse it.
type Passed struct {
	document *customsv1.Document
	digest   gateway.Digest
	scope    Scope
}

// Document returns a copy of the document that passed.
func (p Passed) Document() *customsv1.Document { return document.Clone(p.document) }

// View returns the document that passed itself, to be read: it MUST NOT be changed.
func (p Passed) View() *customsv1.Document { return p.document }

// Digest returns the digest of the document's canonical JSON.
func (p Passed) Digest() gateway.Digest { return p.digest }

// Within reports whether CheckFurther can judge p in a scope: all rules that p has passed are
// in force in it.
func (p Passed) Within(s Scope) bool { return !p.IsZero() && s.adds(p.scope) }

// IsZero reports whether p proves nothing.
func (p Passed) IsZero() bool { return p.document == nil }

// Check judges a document by the dictionary and by every rule in force for its kind,
// in the scope. It returns all faults with their instance paths: the dictionary's in
// the order of the document, then those of each rule. Passed is zero if any refuses, and
// of a document that is judged alone.
func (r *Rules) Check(d *customsv1.Document, s Scope) (Passed, gateway.Faults) {
	return r.check(pace.Endless(), d, s)
}

// CheckWhile is Check for as long as the steps go on. It returns the error of what ended
// them, and then nothing else.
func (r *Rules) CheckWhile(steps *pace.Steps, d *customsv1.Document, s Scope) (Passed, gateway.Faults, error) {
	passed, faults := r.check(steps, d, s)
	if err := steps.Err(); err != nil {
		return Passed{}, nil, err
	}
	return passed, faults, nil
}

// CheckFurther judges what has passed by the rules that another scope adds, and by nothing
// that it has passed: faults are those of the further rules alone. What has not passed within
// the scope is judged as a whole. It is for as long as the steps go on, as CheckWhile.
func (r *Rules) CheckFurther(steps *pace.Steps, p Passed, s Scope) (Passed, gateway.Faults, error) {
	if !p.Within(s) {
		return r.CheckWhile(steps, p.document, s)
	}
	c := newCheck(steps, r, p.document, s)
	c.before = &p.scope
	c.run()
	switch err := steps.Err(); {
	case err != nil:
		return Passed{}, nil, err
	case c.faults.Refuse() || s.Alone:
		return Passed{}, c.faults, nil
	}
	return Passed{p.document, p.digest, s}, c.faults, nil
}

func newCheck(steps *pace.Steps, r *Rules, d *customsv1.Document, s Scope) *check {
	c := &check{steps: steps, rules: r, document: d, scope: s, day: s.At}
	if issued, err := document.ParseInstant(d.GetEnvelope().GetIssued().GetValue()); err == nil && document.Plausible(issued, issued) {
		c.day, c.issued = issued, issued
	}
	return c
}

func (r *Rules) check(steps *pace.Steps, d *customsv1.Document, s Scope) (Passed, gateway.Faults) {
	if document.Kind(d) == "" {
		return Passed{}, gateway.Faults{{Code: gateway.DocumentEmpty, Severity: gateway.Error}}
	}
	c := newCheck(steps, r, d, s)
	c.dictionary = true
	c.message(&place{message: document.Of(d)})
	c.run()
	if steps.Err() != nil || c.faults.Refuse() || s.Alone {
		return Passed{}, c.faults
	}
	own := document.Clone(d)
	return Passed{own, document.Digest(own), s}, c.faults
}

// check is one judgement under way.
type check struct {
	steps    *pace.Steps
	rules    *Rules
	document *customsv1.Document
	scope    Scope
	day      time.Time // the calendar day that codes are judged by: the document's own
	issued   time.Time // when the document was issued; zero if it does not say, or cannot mean it
	before   *Scope    // by whose rules it was judged already
	faults   gateway.Faults

	slab       []place                            // where messages stand, many in one allocation
	dictionary bool                               // it is judged by the dictionary too
	byType     map[protoreflect.FullName][]*place // where each message stands, once it is known
}

// place is where a message stands, or a leaf: a field of the message around it.
type place struct {
	in      *place // nil for the document
	field   *document.Field
	index   int // of an element of a list, else -1
	message document.Node
}

// below is where a message stands that another one holds.
func (c *check) below(in *place, f *document.Field, index int, m document.Node) *place {
	if len(c.slab) == cap(c.slab) {
		c.slab = make([]place, 0, 64)
	}
	c.slab = append(c.slab, place{in, f, index, m})
	return &c.slab[len(c.slab)-1]
}

// path is the instance path.
func (p *place) path() string { return string(p.appendPath(nil)) }

// key is the key of the extension that stands there.
func (p *place) key() string {
	return document.Key(p.in.inside(), p.message.Interface().(*customsv1.Extension).GetName())
}

// inside is what the keys of extensions in the message begin with: its own key, or its path.
func (p *place) inside() string {
	if p.in != nil && p.field.Extends() {
		return p.key()
	}
	return p.path()
}

func (p *place) appendPath(b []byte) []byte {
	if p.in == nil {
		return b
	}
	return document.AppendStep(p.in.appendPath(b), p.field, p.index)
}

func (c *check) fault(code gateway.Code, path, value string, expected gateway.Phrase) {
	c.faults = append(c.faults, gateway.Fault{
		Code: code, Severity: gateway.Error, Path: path, Value: value, Expected: expected,
	})
}

func (c *check) codelist(list, code string, at place) {
	if miss := c.rules.lists.Check(list, code, c.day); miss != nil {
		f := miss.Fault()
		f.Path = at.path()
		c.faults = append(c.faults, f)
	}
}
