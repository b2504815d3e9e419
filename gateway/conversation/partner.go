package conversation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
)

// Kind is how messages of one kind travel.
type Kind struct {
	Action string // of both directions
	Pattern
}

// Partner is a partner that is spoken to by a profile, as its record says.
type Partner struct {
	Profile     *Profile
	Own, Theirs string // logical addresses
	Path        string // of its door
	Plain       bool   // its signals count without a signature, outside the promise
	Kinds       map[string]Kind
}

// Pace is what a message that travels for the n-th time waits for, once it is handed over: longer when the retries of
// its pattern are used up.
const Pace = time.Hour

// Wait is how long a message that was handed over for the n-th time waits for its first signal, or behind that for
// its verdict, before it is handed over again.
func (k Kind) Wait(attempt int, first bool) time.Duration {
	wait := k.Processing
	if first {
		wait = k.Received
	}
	if attempt > k.Retries+1 {
		return max(wait, Pace)
	}
	return wait
}

// MaxAttempts is how many attempts at a message are told apart.
const MaxAttempts = 100_000

// AttemptID is the id by which an attempt at a message, from 1, travels: another each time, and the same of the same,
// so that what an answer relates to is known without being kept.
func AttemptID(id gateway.MessageID, attempt int) string {
	return gateway.DerivedID("conversation attempt", gateway.FoldID(string(id)), strconv.Itoa(attempt))
}

// ProcedureID is the id of all that belongs together.
func ProcedureID(conversation string) string {
	return gateway.DerivedID("conversation procedure", conversation)
}

// Attempted reports whether an answer relates to one of the attempts made at a message.
func Attempted(id gateway.MessageID, made int, relatesTo string) bool {
	for n := min(made, MaxAttempts); n > 0; n-- {
		if strings.EqualFold(AttemptID(id, n), relatesTo) {
			return true
		}
	}
	return false
}

// MayBe reports whether messages may have an action: that of no signal and of no fault.
func (p *Profile) MayBe(action string) bool {
	for _, v := range verdicts {
		if p.SignalAction(action, v) == action {
			return false
		}
	}
	return strings.Contains(action, "/") && !slices.Contains(p.Fault.Actions, action)
}

// Send is the addressing of the n-th attempt at a message of a kind; conversation is that of its signed header. It is
// false for a kind that does not travel.
func (p *Partner) Send(kind string, id gateway.MessageID, conversation string, attempt int) (Addressing, bool) {
	k, ok := p.Kinds[kind]
	return Addressing{
		To: p.Theirs, ReplyTo: p.Own, MessageID: AttemptID(id, attempt), Action: k.Action,
		ProcedureID: ProcedureID(conversation), ConversationID: string(id),
	}, ok
}

// Answer is the addressing of an answer to an envelope, under an id of its own; a signal is given its action.
func (p *Partner) Answer(to Addressing, id, action string) Addressing {
	return Addressing{
		To: p.Theirs, ReplyTo: p.Own, MessageID: id, RelatesTo: to.MessageID, Action: action,
		ProcedureID: to.ProcedureID, ConversationID: to.ConversationID,
	}
}

// KindOf is the kind of messages with an action; "" if there is none.
func (p *Partner) KindOf(action string) string {
	for kind, k := range p.Kinds { // each has its own
		if k.Action == action {
			return kind
		}
	}
	return ""
}

// knows reports whether an envelope has an action of a message that travels, or of a signal about one.
func (p *Partner) knows(e Envelope) bool {
	if e.Signal == nil {
		return e.Fault != nil || p.KindOf(e.Action) != ""
	}
	for _, k := range p.Kinds {
		if p.Profile.SignalAction(k.Action, e.Signal.Verdict) == e.Action {
			return true
		}
	}
	return false
}

// Read reads an envelope from the partner, and holds it to the two addresses and to an action that is known. The error is
// a gateway.Fault; what was read of the addressing by then is in the envelope, for an answer.
func (p *Partner) Read(raw []byte, most int) (Envelope, error) {
	e, err := p.Profile.Read(raw, most)
	switch {
	case err != nil:
	case e.Fault != nil && (e.To == "" || e.To == p.Own) && (e.ReplyTo == "" || e.ReplyTo == p.Theirs):
	case e.To != p.Own:
		err = unfit(e.To, gateway.Term(p.Own))
	case e.ReplyTo != p.Theirs:
		err = unfit(e.ReplyTo, gateway.Term(p.Theirs))
	case !p.knows(e):
		err = unfit(e.Action, gateway.Say(gateway.WordActionKnown))
	}
	return e, err
}
