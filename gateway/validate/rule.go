package validate

import (
	"slices"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
)

// Rule is a business rule: a context, what must hold there, and what is said if it
// does not.
type Rule struct {
	// ID is the permanent code of the rule's fault.
	ID gateway.Code `yaml:"id"`
	// Class says what the rule is about: P, without it the document cannot be
	// processed; C, something is missing; R, values do not agree; F, the form of an
	// identifier.
	Class string `yaml:"class"`
	// Kinds of document; none stands for all of them.
	Kinds []string `yaml:"kinds"`
	// Own and Partner narrow the scope; none stands for every administration.
	Own     []gateway.Administration `yaml:"own"`
	Partner []gateway.Administration `yaml:"partner"`
	// Travels: the rule holds where the document goes to another administration or has
	// come from one, not of a document by itself.
	Travels bool `yaml:"travels"`
	// Undone: the rule holds where nothing does what the document's function asks: it would
	// be taken as new.
	Undone bool `yaml:"undone"`
	// Whole: the rule compares what a document says of all its goods with the goods that it
	// lists. It holds of a whole, not of one part of it.
	Whole bool `yaml:"whole"`
	// Sent: it judges what is sent or joined, and not what a post records of what it has seen.
	Sent bool `yaml:"sent"`
	// Each is the schema path of the context, from the kind's message; none is that
	// message itself. Every names a message type instead: wherever it stands.
	Each  string `yaml:"each"`
	Every string `yaml:"every"`
	// When and Check are conditions on the context. Where When holds, Check must.
	When  string `yaml:"when"`
	Check string `yaml:"check"`
	// At is the schema path of the fault, from the context, or of the envelope.
	At       string           `yaml:"at"`
	Severity gateway.Severity `yaml:"severity"`
	Basis    Basis            `yaml:"basis"`
	Source   string           `yaml:"source"`
	Valid    Span             `yaml:"valid"`
	// Remedy says who can mend what breaks the rule; the sender, where it says nothing.
	Remedy gateway.Remedy `yaml:"remedy"`
	// Text is the fault's sentence and Expected what would have been right, by language:
	// in English alone where the catalogue has the other texts, else in every language.
	Expected map[string]string `yaml:"expected"`
	Text     map[string]string `yaml:"text"`

	compiled map[string]*compiled // by kind
}

// Basis says what a rule rests on, and so whether it may refuse.
type Basis string

// The bases. A rule on a recalled or inferred basis may only warn. One on our own
// basis may refuse only in class P: the gateway may say that it cannot process a
// document, because a key to join or to answer by is missing, and nothing more.
const (
	XSD      Basis = "xsd"      // the partner's schema would fail
	Route    Basis = "route"    // the route forbids sending
	Verified Basis = "verified" // a named public source
	Recalled Basis = "recalled"
	Inferred Basis = "inferred"
	Own      Basis = "own"
)

// Span is the first and the last day, YYYY-MM-DD; an empty bound is open.
type Span struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

func (s Span) holds(on time.Time) bool {
	if s == (Span{}) { // as most
		return true
	}
	day := on.Format(time.DateOnly)
	return (s.From == "" || s.From <= day) && (s.To == "" || day <= s.To)
}

// Applies reports whether the rule is in force for a kind in a scope.
func (r *Rule) Applies(kind string, s Scope) bool { return r.compiled[kind] != nil && r.inForce(&s) }

// inForce reports whether the rule is in force in a scope for the kinds that it is for.
func (r *Rule) inForce(s *Scope) bool {
	return r.Valid.holds(s.At) && !(r.Travels && s.Alone) && !(r.Undone && s.Done) && !(r.Whole && s.Part) && !(r.Sent && s.Seen) &&
		(len(r.Own) == 0 || slices.Contains(r.Own, s.Own)) &&
		(len(r.Partner) == 0 || slices.Contains(r.Partner, s.Partner))
}

// compiled is a rule made ready for one kind of document.
type compiled struct {
	each        *document.Path // from the root; nil with every
	every       protoreflect.FullName
	when, check *expr.Condition
	at          *document.Path
	fromRoot    bool // at starts at the root
}

// run judges by every rule that applies.
func (c *check) run() {
	kind, root := document.Kind(c.document), document.Of(c.document)
	for _, of := range c.rules.byKind[kind] {
		r, ready := of.Rule, of.compiled
		if !r.inForce(&c.scope) || c.before != nil && r.inForce(c.before) {
			continue
		}
		if ready.each == nil {
			if c.byType == nil {
				c.message(&place{message: root})
			}
			for _, p := range c.byType[ready.every] {
				if !c.steps.Next() {
					return
				}
				c.judge(r, ready, p.message, p.path)
			}
			continue
		}
		for at, m := range ready.each.Each(root) {
			if !c.steps.Next() {
				return
			}
			c.judge(r, ready, m, func() string { return ready.each.At("", at) })
		}
	}
}

// expects is what the rule expects: its own texts, or the catalogue's.
func (r *Rule) expects() gateway.Phrase {
	switch len(r.Expected) {
	case 0:
		return gateway.Phrase{}
	case 1:
		return gateway.Say(gateway.Wording("rule." + string(r.ID) + ".expected"))
	}
	return gateway.Phrase{Texts: r.Expected}
}

// judge judges a message that stands at a path.
func (c *check) judge(r *Rule, ready *compiled, m document.Node, path func() string) {
	applies, err := true, error(nil)
	if ready.when != nil {
		applies, err = ready.when.HoldsAt(m, c.document, c.scope.At)
	}
	if err == nil && !applies {
		return
	}
	holds := false
	if err == nil {
		holds, err = ready.check.HoldsAt(m, c.document, c.scope.At)
	}
	if err == nil && holds {
		return
	}
	from, prefix := m, ""
	if ready.fromRoot {
		from = document.Of(c.document)
	} else {
		prefix = path()
	}
	f := gateway.Fault{
		Code: r.ID, Severity: r.Severity, Path: ready.at.Instance(from, prefix),
		Remedy: r.Remedy,
	}
	if f.Expected = r.expects(); len(r.Text) > 1 {
		f.Texts = r.Text
	}
	if value, ok := ready.at.Get(from); ok {
		f.Value = value
	} else if f.Expected.IsZero() && !ready.at.Has(from) {
		f.Expected = gateway.Say(gateway.Wording("label." + document.LabelOf(ready.at.Field())))
	}
	if err != nil {
		f.Code, f.Texts, f.Expected, f.Remedy = gateway.RuleNotJudged, nil, gateway.Term(string(r.ID)), gateway.ByTable
	}
	c.faults = append(c.faults, f)
}
