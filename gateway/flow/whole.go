package flow

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

// A whole is what is announced together: the documents that a join made one, or one document,
// and the messages that a partner has room for. It has versions. Each act on it, a submission
// of its office, makes the next one: its sources are followed from the first on, the outcome is
// composed as if it were new, and compared with the messages that stand. What is the same stays,
// what is not is amended, what is gone is taken back, and what is new is announced, all in one
// judgement. Nothing is overwritten.

// MaxVersions bounds the versions of a whole with the acts that wait to make one, and the parts
// and acts that wait for the other parts of a message: with them what a judgement reads.
const MaxVersions = 50

// MaxWholes is how many wholes of one key are looked at, the last changed first.
const MaxWholes = 20

// What an act waits for, beside the parts of a recipe.
const (
	WaitsForNumber   = "number"   // the registration number of what it changes, as long as that is not too late
	WaitsForVehicles = "vehicles" // its sender, to say which vehicles it means
	WaitsForEarlier  = "earlier"  // an earlier act on the same whole
)

// revising is what an act does to a whole.
type revising struct {
	whole    gateway.MessageID
	rests    string          // on what the judgement rests
	withdraw []store.Message // not handed over, and not to be
	ask      []askedBack
	amended  map[gateway.MessageID]store.Message // by the new message: whose place it takes
	dropped  []string                            // subjects that it announces no more
	close    []store.Submission                  // its sources, where nothing of it stands and nobody else has heard of it
}

// askedBack is a message that another asks back.
type askedBack struct {
	of store.Message
	by int // of the judgement's messages
}

// lineage is what was made of one announcement: the messages that took each other's place.
type lineage struct {
	all  []store.Message // the oldest first
	head *store.Message  // the newest that may be with the partner and counts; nil: none
	wait *store.Message  // the newest that was not handed over, and will be; nil: none
}

// stands is what the partner is to act on; nil: nothing.
func (l *lineage) stands() *store.Message {
	if l.wait != nil {
		return l.wait
	}
	return l.head
}

// asked reports whether the announcement is being taken back.
func (l *lineage) asked() bool { return l.head != nil && l.head.Withdrawal == gateway.WithdrawalAsked }

// answered reports whether the partner has answered anything of it.
func (l *lineage) answered() bool {
	return slices.ContainsFunc(l.all, func(m store.Message) bool { return len(m.Answers) > 0 })
}

// lineages are the announcements of a whole, in the order in which they were first made.
func lineages(messages []store.Message) (all []*lineage) {
	of := make(map[gateway.MessageID]*lineage)
	for _, m := range messages {
		if m.Kind == kindCancellation {
			continue
		}
		l := of[m.Replaces]
		if l == nil {
			l = new(lineage)
			all = append(all, l)
		}
		of[m.ID] = l
		l.all = append(l.all, m)
		switch {
		case !live(m):
			if m.Withdrawal == gateway.WithdrawalDone { // with all whose place it took
				l.head, l.wait = nil, nil
			}
		case handedOver(m):
			l.head = &m
		default:
			l.wait = &m
		}
	}
	return all
}

// rests says on what of a whole a judgement rests, so that it is made anew where that has
// changed.
func rests(sources []store.Submission, messages []store.Message) string {
	var b strings.Builder
	for _, s := range sources {
		fmt.Fprintln(&b, s.Office, s.ID, s.State, s.Version)
	}
	for _, m := range messages {
		fmt.Fprintln(&b, m.ID, live(m), handedOver(m), m.Withdrawal, len(m.Answers))
	}
	return b.String()
}

// wholeReader is what is committed, or seen inside a unit of work.
type wholeReader interface {
	Submission(ctx context.Context, office, id string) (store.Submission, error)
	WholesOf(ctx context.Context, route, key string, limit int) ([]gateway.MessageID, error)
	Announced(ctx context.Context, route, subject string) (gateway.MessageID, error)
	MessageByDocument(ctx context.Context, documentID string, to gateway.Administration) (store.Message, error)
	Messages(ctx context.Context, whole gateway.MessageID) ([]store.Message, error)
	Sources(ctx context.Context, id gateway.MessageID) ([]store.Submission, error)
}

// open is a whole with all that an act on it rests on.
type open struct {
	id        gateway.MessageID
	sources   []store.Submission
	messages  []store.Message
	lineages  []*lineage
	announces bool // a partner has something of it, or will
}

func openWhole(ctx context.Context, read wholeReader, id gateway.MessageID) (o open, err error) {
	o.id = id
	if o.sources, err = read.Sources(ctx, id); err != nil {
		return o, err
	}
	if o.messages, err = read.Messages(ctx, id); err != nil {
		return o, err
	}
	o.lineages = lineages(o.messages)
	o.announces = slices.ContainsFunc(o.lineages, func(l *lineage) bool { return l.stands() != nil && !l.asked() })
	return o, nil
}

// read loads the documents of what stands.
func (o open) read(ctx context.Context, read store.Reader) error {
	for _, l := range o.lineages {
		for _, m := range []*store.Message{l.head, l.wait} {
			if m == nil {
				continue
			}
			full, err := read.Message(ctx, m.ID)
			if err != nil {
				return err
			}
			m.Canonical = full.Canonical
		}
	}
	return nil
}

// travels reports whether a whole is one of those that a route takes to its partner.
func (o open) travels(rt *release.Route) bool {
	return slices.ContainsFunc(o.messages, func(m store.Message) bool { return m.Kind == rt.Kind && m.Recipient == rt.To })
}

// taken are the sources that made a version, in order, but the acts that the partner refused.
func (o open) taken() (out []store.Submission) {
	for _, s := range o.sources {
		if s.Version > 0 && s.State != gateway.Withdrawn && !(s.Version > 1 && o.refused(s.Version)) {
			out = append(out, s)
		}
	}
	return out
}

// refused reports whether the partner took none of the messages of a version: it is as if the
// act had not been, and what follows does not ask for it again.
func (o open) refused(version int) bool {
	some := false
	for _, m := range o.messages {
		if m.Version != version {
			continue
		}
		if m.State != gateway.Refused && m.State != gateway.Dead && !declined(m) {
			return false
		}
		some = true
	}
	return some
}

// wholeOf finds what a document acts on: by the submission or document that it names; else by
// the key that its parts have in common, or by the waybills that it names. None is no error.
func (g *Gateway) wholeOf(ctx context.Context, read wholeReader, plan Plan, s *step, office string) (*open, error) {
	for _, id := range append([]string{s.asks.Amends}, changed(s.Document)...) {
		if id == "" {
			continue
		}
		named, err := read.Submission(ctx, office, id)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		whole := named.MessageID
		if err != nil {
			m, err := read.MessageByDocument(ctx, id, plan.Route.To)
			if store.IgnoreNotFound(err) != nil {
				return nil, err
			}
			whole = m.Whole
		}
		if whole != "" {
			o, err := openWhole(ctx, read, whole)
			if err != nil || g.ownWhole(o, office) && o.travels(plan.Route) {
				return &o, err
			}
		}
		return nil, nil
	}
	var ids []gateway.MessageID
	if plan.Join != nil {
		var err error
		if ids, err = read.WholesOf(ctx, plan.Route.Name, plan.Key, MaxWholes); err != nil {
			return nil, err
		}
	} else {
		for _, t := range thingsOf(s) {
			id, err := read.Announced(ctx, plan.Route.Name, subjectOf(leaf(s.Document, "batch"), t.id))
			if store.IgnoreNotFound(err) != nil {
				return nil, err
			}
			if err == nil && id != "" && !slices.Contains(ids, id) && len(ids) < MaxWholes {
				ids = append(ids, id)
			}
		}
	}
	var last *open
	for _, id := range ids {
		o, err := openWhole(ctx, read, id)
		if err != nil {
			return nil, err
		}
		if !g.ownWhole(o, office) || len(o.taken()) == 0 && last != nil {
			continue
		}
		if o.announces {
			return &o, nil
		}
		if last == nil {
			last = &o
		}
	}
	return last, nil
}

// ownWhole reports whether an office took part in a whole.
func (g *Gateway) ownWhole(o open, office string) bool {
	own := gateway.Office{Administration: g.Own, Code: office}
	return slices.ContainsFunc(o.sources, func(s store.Submission) bool {
		return own.Same(gateway.Office{Administration: g.Own, Code: s.Office})
	})
}
