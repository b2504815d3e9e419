package flow

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
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
	WaitsForWaybill  = "waybill"  // its sender, to say of which waybill it is, or what else it is one of
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
	back []store.Message // those that ask it back
	head *store.Message  // the newest that may be with the partner and counts; nil: none
	wait *store.Message  // the newest that was not handed over, and will be; nil: none

	called *names // once they were asked for
}

// stands is what the partner is to act on; nil: nothing.
func (l *lineage) stands() *store.Message {
	if l.wait != nil {
		return l.wait
	}
	return l.head
}

// void reports whether nothing stands of the announcement, and the partner had refused it at an
// instant: it may be announced again.
func (l *lineage) void(at time.Time) bool {
	return l.stands() == nil && refusedBy(l.all[len(l.all)-1], at)
}

// asked reports whether the announcement is being taken back.
func (l *lineage) asked() bool { return l.head != nil && l.head.Withdrawal == gateway.WithdrawalAsked }

// answered reports whether the partner has answered anything of it.
func (l *lineage) answered() bool {
	return slices.ContainsFunc(l.all, func(m store.Message) bool { return len(m.Answers) > 0 })
}

// refused are the versions before one whose acts on this announcement the partner had refused at an
// instant. What was refused after a later version had been made with it stands in that.
func (l *lineage) refused(before int, at time.Time) (versions []int) {
	head := l.headAt(before, at)
	for _, m := range slices.Concat(l.all, l.back) {
		if m.Version > 1 && m.Version < before && refusedBy(m, at) && (m.Version > head.Version || refusedBy(m, head.Created)) {
			versions = append(versions, m.Version)
		}
	}
	slices.Sort(versions)
	return versions
}

// headAt is the newest message before a version that the partner had not refused at an instant.
func (l *lineage) headAt(before int, at time.Time) (head store.Message) {
	for _, m := range l.all {
		if m.Version < before && m.State != gateway.TakenBack && !refusedBy(m, at) {
			head = m
		}
	}
	return head
}

// refusedBy reports whether the partner had refused a message at an instant, or never had it.
func refusedBy(m store.Message, at time.Time) bool {
	switch m.State {
	case gateway.Refused:
		return !m.Answered.After(at)
	case gateway.Dead, gateway.Settled:
		return !m.ValidUntil.After(at)
	}
	m.Answers = slices.DeleteFunc(slices.Clone(m.Answers), func(a store.Answer) bool { return a.Received.After(at) })
	return declined(m)
}

// lineages are the announcements of a whole, in the order in which they were first made.
func lineages(messages []store.Message) (all []*lineage) {
	of := make(map[gateway.MessageID]*lineage)
	for _, m := range messages {
		if m.Kind == kindCancellation {
			if h, err := seal.ParseHeader(m.Header); err == nil && of[h.RelatesTo] != nil {
				of[h.RelatesTo].back = append(of[h.RelatesTo].back, m)
			}
			continue
		}
		l := of[m.Replaces]
		if m.Repairs != "" {
			l = of[m.Repairs]
		}
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
	announces bool                                      // a partner has something of it, or will
	told      map[gateway.MessageID]*customsv1.Document // what messages tell that stand, once they were read
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

// read loads the documents of what stands, and the last one where nothing does.
func (o *open) read(ctx context.Context, read store.Reader) error {
	o.told = make(map[gateway.MessageID]*customsv1.Document)
	for _, l := range o.lineages {
		told := []*store.Message{l.head, l.wait}
		if l.stands() == nil {
			told = append(told, &l.all[len(l.all)-1])
		}
		for _, m := range told {
			if m == nil {
				continue
			}
			full, err := read.Message(ctx, m.ID)
			if err != nil {
				return err
			}
			m.Canonical, o.told[m.ID] = full.Canonical, document.Parse(full.Canonical).Document
		}
	}
	return nil
}

// names are what an announcement is made by, as it stands or was told last.
func (o *open) names(l *lineage) names {
	if l.called == nil {
		m := l.stands()
		if m == nil {
			m = &l.all[len(l.all)-1]
		}
		n := namesOf(o.told[m.ID])
		l.called = &n
	}
	return *l.called
}

// refusedVehicles are the keys of the vehicles that were announced, and refused, and that nothing
// else announces.
func (o *open) refusedVehicles(at time.Time) map[string]bool {
	void := make(map[string]bool)
	for _, stands := range []bool{false, true} {
		for _, l := range o.lineages {
			if l.stands() != nil != stands || !stands && !l.void(at) {
				continue
			}
			for key := range strings.SplitSeq(o.names(l).vehicles, "\n") {
				if void[key] = true; stands {
					delete(void, key)
				}
			}
		}
	}
	return void
}

// travels reports whether a whole is one of those that a route takes to its partner.
func (o open) travels(rt *release.Route) bool {
	return slices.ContainsFunc(o.messages, func(m store.Message) bool { return m.Kind == rt.Kind && m.Recipient == rt.To })
}

// taken are the sources that made a version before one, in order, but the acts of which the partner
// had refused all at an instant: it is as if these had not been.
func (o open) taken(before int, at time.Time) (out []store.Submission) {
	void := o.void(before, at)
	for _, s := range o.sources {
		if s.Version > 0 && s.Version < before && s.State != gateway.Withdrawn && !void[s.Version] {
			out = append(out, s)
		}
	}
	return out
}

// void are the versions before one of whose acts the partner had refused all at an instant, but those
// that another announcement stands with, which was made before they were refused.
func (o open) void(before int, at time.Time) map[int]bool {
	made, refused := make(map[int]int), make(map[int]int)
	for _, m := range o.messages {
		made[m.Version]++
	}
	for _, l := range o.lineages {
		for _, version := range l.refused(before, at) {
			refused[version]++
		}
	}
	void := make(map[int]bool)
	for version, n := range refused {
		void[version] = n == made[version] && !o.standsWith(version, before, at)
	}
	return void
}

// standsWith reports whether what stands of an announcement was made with a version, of which
// something was refused only after that.
func (o open) standsWith(version, before int, at time.Time) bool {
	return slices.ContainsFunc(o.lineages, func(l *lineage) bool {
		head := l.headAt(before, at)
		return head.Version > version && slices.ContainsFunc(o.messages, func(m store.Message) bool {
			return m.Version == version && !refusedBy(m, head.Created)
		})
	})
}

// without are the versions before one whose acts the partner had refused of an announcement at an
// instant, but those that are void altogether: what stands of it is as if they had not been, and
// what follows does not ask for them again.
func (l *lineage) without(void map[int]bool, before int, at time.Time) []int {
	return slices.Compact(slices.DeleteFunc(l.refused(before, at), func(version int) bool { return void[version] }))
}

// anyVersion is that before which all versions are.
const anyVersion = math.MaxInt

// wholeOf finds what a document acts on: by the submission or document that it names; else by
// the key that its parts have in common, or by the waybills that it names. None is no error.
func (g *Gateway) wholeOf(ctx context.Context, read wholeReader, plan Plan, s *step, office string) (*open, error) {
	for _, id := range append([]string{s.asks.Amends}, changed(s.Document)...) {
		if id == "" {
			continue
		}
		named, err := read.Submission(ctx, office, plan.named(office, id))
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
		if !g.ownWhole(o, office) || len(o.taken(anyVersion, g.Now())) == 0 && last != nil {
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
