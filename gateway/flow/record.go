package flow

import (
	"context"
	"errors"
	"slices"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// reader is what Submit and Check both ask of the store: one inside its unit of work, the
// other of what is committed.
type reader interface {
	movementReader
	Submission(ctx context.Context, office, id string) (store.Submission, error)
	Announced(ctx context.Context, route, subject string) (gateway.MessageID, error)
	Messages(ctx context.Context, whole gateway.MessageID) ([]store.Message, error)
	Sources(ctx context.Context, id gateway.MessageID) ([]store.Submission, error)
	MessageByDocument(ctx context.Context, documentID string, to gateway.Administration) (store.Message, error)
}

// crossing is what a notice announces: a waybill of its batch, or a vehicle without goods.
type crossing struct {
	subject string
	path    string       // of what names it, in the whole that was translated
	of      *Translation // which one
}

// record writes a judgement if what it was decided from is still so; else it is to be
// judged again.
func (g *Gateway) record(ctx context.Context, tx *store.Tx, a store.Arrival, j *judgement) (again bool, err error) {
	arrival, err := tx.Arrival(ctx, a.Door, a.Party, a.ID)
	if err != nil {
		return false, err
	}
	s := &j.submission
	if arrival.Judged { // a second caller with the same bytes was faster
		return false, tx.Audit(a.Caller, "judged already", s.Called(), a.Digest)
	}
	before, err := tx.Submission(ctx, s.Office, s.ID)
	if store.IgnoreNotFound(err) != nil {
		return false, err
	}
	if err == nil && ended(before.State) { // while it waited
		return false, errors.Join(settle(tx, arrival, a.Claim), tx.Audit("gateway", "not judged anew: "+string(before.State), s.Called(), a.Digest))
	}
	if j.act != nil {
		now, err := g.assentTo(ctx, tx, *s, *j.act)
		if err != nil {
			return false, err
		}
		if now != j.act.assent {
			return true, tx.Audit("gateway", "judged again: it has left, or was decided on", s.Called(), a.Digest)
		}
	}
	if waitsForRuling(*s) {
		alike, err := g.judgedAlike(ctx, tx, a, j)
		if err != nil {
			return false, err
		}
		if !alike {
			return true, tx.Audit("gateway", "judged again: its texts were ruled on", s.Called(), a.Digest)
		}
	}
	if len(j.awaits) > 0 {
		left, err := g.gateOut(ctx, tx, j.translated.whole, j.route, s.Office)
		if err != nil {
			return false, err
		}
		if !left.IsZero() {
			return true, tx.Audit("gateway", "judged again: it has left", s.Called(), a.Digest)
		}
	}
	if j.cancels != nil {
		if again, err := g.recordCancellation(ctx, tx, a, j); err != nil {
			return false, err
		} else if again {
			return true, tx.Audit("gateway", "judged again: what it takes back has changed", s.Called(), a.Digest)
		}
	}
	if s.State != gateway.Faulty && s.JoinKey != "" && j.cancels == nil && j.revises == nil {
		held, err := j.plan.held(ctx, tx)
		if err != nil {
			return false, err
		}
		held = slices.DeleteFunc(held, func(h store.Submission) bool { return h.Office == s.Office && gateway.SameID(h.ID, s.ID) }) // it waits itself
		if !sameParts(held, j.held) {
			return true, tx.Audit("gateway", "judged again: other parts came", s.Called(), a.Digest)
		}
	}
	if j.revises != nil {
		for _, h := range j.held { // it takes along what has waited
			now, err := tx.Submission(ctx, h.Office, h.ID)
			if err != nil {
				return false, err
			}
			if now.State != gateway.Held {
				return true, tx.Audit("gateway", "judged again: what it takes along waits no more", s.Called(), a.Digest)
			}
		}
	}
	if err := g.announcedBefore(ctx, tx, j); err != nil {
		return false, err
	}
	if err := g.calledBefore(ctx, tx, j); err != nil {
		return false, err
	}
	if err := g.controlOf(ctx, tx, j); err != nil {
		return false, err
	}
	if free, err := g.numbersFree(tx, j); err != nil {
		return false, err
	} else if !free {
		return true, tx.Audit("gateway", "judged again: another has taken its number", s.Called(), a.Digest)
	}
	if there, err := g.attachmentsThere(ctx, tx, j); err != nil {
		return false, err
	} else if !there {
		return true, tx.Audit("gateway", "judged again: an attachment is there no more", s.Called(), a.Digest)
	}
	if j.revises != nil {
		if again, err := g.recordRevision(ctx, tx, a, j); err != nil {
			return false, err
		} else if again {
			return true, tx.Audit("gateway", "judged again: what it acts on has changed", s.Called(), a.Digest)
		}
	}
	if len(j.messages) > 0 {
		for _, c := range j.crossings { // all or none: what is refused announces nothing
			if err := tx.PutAnnounced(s.Route, c.subject, s.MessageID); err != nil {
				return false, err
			}
		}
	}
	if err := settle(tx, arrival, a.Claim); err != nil {
		return false, err
	}
	if err := tx.PutSubmission(*s); err != nil {
		return false, err
	}
	if err := g.holdAttachments(ctx, tx, *s); err != nil {
		return false, err
	}
	if err := tx.PutJudgement(store.Judgement{
		Office: s.Office, ID: s.ID, Digest: s.Digest, State: s.State, Caller: a.Caller, At: tx.Now(), Faults: s.Faults,
	}); err != nil {
		return false, err
	}
	if s.State == gateway.Held && len(j.awaits) > 0 {
		if err := tx.Await(s.Office, s.ID, index(j.awaits)); err != nil {
			return false, err
		}
		for _, h := range j.held { // they wait with it
			h.Route, h.WaitsFor, h.Expires = s.Route, s.WaitsFor, s.Expires
			if err := tx.PutSubmission(h); err != nil {
				return false, err
			}
		}
	}
	if waitsForRuling(*s) && j.plan.Join != nil && !slices.ContainsFunc(s.WaitsFor, func(w string) bool { return w != WaitsForRuling }) && s.JoinKey != "" {
		for _, h := range j.held { // they have all that they waited for, but this
			h.Route, h.WaitsFor, h.Expires = s.Route, s.WaitsFor, s.Expires
			if err := tx.PutSubmission(h); err != nil {
				return false, err
			}
		}
	}
	if len(j.messages) > 0 {
		for _, h := range j.held {
			h.State, h.Route, h.MessageID, h.Version, h.WaitsFor = gateway.Joined, s.Route, s.MessageID, s.Version, []string{}
			if err := errors.Join(tx.PutSubmission(h), auditState(tx, a.Caller, h)); err != nil {
				return false, err
			}
		}
	}
	for _, h := range j.dropped {
		h.State, h.Reason, h.WaitsFor = gateway.Withdrawn, "taken back by "+s.Called(), []string{}
		if err := errors.Join(tx.PutSubmission(h), auditState(tx, a.Caller, h)); err != nil {
			return false, err
		}
	}
	numbers := j.taken()
	mine := j.reserved || g.hasRoom(j.to, len(j.messages))
	for i := range j.messages {
		m := &j.messages[i]
		if j.behind != "" {
			m.Chain = j.behind
			if j.reserved { // it does not travel at once after all
				m.State, m.Attempts, m.Tries, m.NextAttempt = gateway.Queued, 0, 0, m.Created
			}
		}
		if mine {
			m.Claim = tx.Claim(m.Claim)
		}
		if err := g.putMessage(tx, *m); err != nil {
			return false, err
		}
		if err := tx.Audit("gateway", "message queued", string(m.ID), m.PayloadDigest); err != nil {
			return false, err
		}
		if n := numbers[i]; n != "" {
			if err := errors.Join(tx.TakeNumber(g.officeKey(s.Office), n, m.ID), tx.Audit("gateway", "number taken", n+" "+string(m.ID), m.PayloadDigest)); err != nil {
				return false, err
			}
		}
		if err := g.nameAttachments(ctx, tx, *m, s.Office, j.notices[i]); err != nil {
			return false, err
		}
		if j.cancels != nil || m.Kind == kindCancellation || m.Kind == kindArrival {
			continue
		}
		if err := g.ourAnswer(ctx, tx, *m, j.notices[i]); err != nil {
			return false, err
		}
		if err := g.register(ctx, tx, *m, j.notices[i]); err != nil {
			return false, err
		}
		from := reconcile.Origin{
			Message: m.ID, Office: gateway.Office{Administration: g.Own, Code: s.Office}, Conversation: m.Conversation, WholeGoods: g.wholeGoods(j.notices[i], m.Split),
			Batch: leaf(j.notices[i], "batch"), Received: tx.Now(), Expected: m.ExpectedArrival, Filing: g.Files(m.Route), To: m.Recipient,
		}
		if of, ok := j.revises.replaces(m.ID); ok {
			from.Asks = gateway.WithdrawalAsked // it counts once the partner has taken it
			if err := g.attachTo(ctx, tx, of, changing(j.notices[i], of.DocumentID), from); err != nil {
				return false, err
			}
			continue
		}
		if _, _, err := g.follow(ctx, tx, j.notices[i], from, teller{office: s.Office}); err != nil {
			return false, err
		}
	}
	if j.filed != nil {
		if err := g.recordFiling(ctx, tx, j); err != nil {
			return false, err
		}
	}
	if j.revises != nil && s.State != gateway.Held {
		if err := g.actEnded(ctx, tx, j.revises.whole, *s); err != nil {
			return false, err
		}
	}
	j.recorded = true
	return false, auditState(tx, a.Caller, *s)
}

// auditState says in the audit trail what state a submission has come to. Whatever changes that says so:
// the trail, played again, gives the states that are stored.
func auditState(tx *store.Tx, actor string, s store.Submission) error {
	return tx.Audit(actor, "submission "+string(s.State), s.Office+" "+s.Called(), s.Digest)
}

// ended reports whether a submission has come to what it comes to: it is not judged any more.
func ended(s gateway.SubmissionState) bool {
	return !slices.Contains([]gateway.SubmissionState{gateway.Arrived, gateway.Faulty, gateway.Held, gateway.SetAside}, s)
}

// announcedBefore refuses what announces a crossing that another whole has announced. A whole
// has announced it as long as one of its messages may be acted on, in whose place no other has
// come. What another office has announced is told to be so, and no more of it.
func (g *Gateway) announcedBefore(ctx context.Context, read reader, j *judgement) error {
	s := &j.submission
	void := make(map[gateway.MessageID]bool) // wholes that nobody may act on any more
	for _, c := range j.crossings {
		whole, err := read.Announced(ctx, s.Route, c.subject)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		if err != nil || whole == "" || void[whole] || j.revises != nil && whole == j.revises.whole {
			continue
		}
		earlier, err := read.Messages(ctx, whole)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		m := standsOf(earlier)
		if m == nil {
			void[whole] = true
			for _, m := range earlier { // what is announced anew comes behind what is being taken back
				if m.Withdrawal == gateway.WithdrawalAsked && live(m) {
					j.behind = m.Chain
				}
			}
			continue
		}
		sources, err := read.Sources(ctx, whole)
		if err != nil {
			return err
		}
		f := g.announcedAs(c.subject, s.Office, *m, sources)
		f.Path, f.Location, f.Place = c.path, c.of.Locate(c.path), document.PlaceOf(c.of.whole, c.path)
		s.Faults = append(s.Faults, f)
		j.drop()
		return nil
	}
	return nil
}

// calledBefore refuses a document whose id another bears that the same partner knows: by it the
// partner finds what is changed, taken back or answered.
func (g *Gateway) calledBefore(ctx context.Context, read reader, j *judgement) error {
	for _, m := range j.messages {
		if m.DocumentID == "" || gateway.SameID(m.DocumentID, string(m.ID)) { // made here, whatever others chose
			continue
		}
		other, err := read.MessageByDocument(ctx, m.DocumentID, m.Recipient)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		if err != nil || gateway.SameID(string(other.ID), string(m.ID)) || !live(other) {
			continue
		}
		f := wanting(gateway.IDReuse, m.DocumentID, gateway.WordFirstContent)
		f.Path = "envelope.documentId"
		if t := j.translated; t != nil {
			f.Location, f.Place = t.Locate(f.Path), document.PlaceOf(t.whole, f.Path)
		}
		j.submission.Faults = append(j.submission.Faults, f)
		j.drop()
		return nil
	}
	return nil
}

// standsOf is the first of a whole's messages that announces what it tells, in whose place no other
// has come and which nobody has asked back; nil: none.
func standsOf(messages []store.Message) *store.Message {
	for _, l := range lineages(messages) {
		if m := l.stands(); m != nil && m.Withdrawal != gateway.WithdrawalAsked {
			return m
		}
	}
	return nil
}

// announcedAs says that a crossing is announced: to an office that took part in it by which
// submission and message, how that stands and what can be done; to another only that it is.
func (g *Gateway) announcedAs(subject, office string, m store.Message, sources []store.Submission) gateway.Fault {
	own := gateway.Office{Administration: g.Own, Code: office}
	i := slices.IndexFunc(sources, func(s store.Submission) bool {
		return own.Same(gateway.Office{Administration: g.Own, Code: s.Office})
	})
	if i < 0 {
		return fault(gateway.AnnouncedElsewhere, subject, "")
	}
	word := gateway.WordAnnouncedUnderWay
	if m.State.Final() {
		word = gateway.WordAnnouncedStands
	}
	return wanting(gateway.AlreadyAnnounced, subject, word, sources[i].Called(), string(m.Whole))
}

// crossings are what the document of a message announces.
func (o *Output) crossings() []crossing {
	all := crossings(o.document)
	for i := range all {
		all[i].path, all[i].of = o.whole(all[i].path), o.of
	}
	return all
}

// crossings are what a document announces: each waybill of its batch or, where it names none,
// each vehicle.
func crossings(d *customsv1.Document) []crossing {
	if !reconcile.Announces(d) {
		return nil
	}
	f := reconcile.FactsOf(d)
	out := make([]crossing, 0, len(f.Waybills)+len(f.Vehicles))
	add := func(id string, at reconcile.Place) {
		out = append(out, crossing{subject: subjectOf(f.Batch, id), path: at.Path})
	}
	for _, w := range f.Waybills {
		add(w.ID, w.Place)
	}
	if len(out) > 0 {
		return out
	}
	for _, v := range f.Vehicles {
		add(v.Registration, v.Place)
	}
	return out
}

// subjectOf is what is announced once: a waybill or vehicle of a batch.
func subjectOf(batch, id string) string { return gateway.FoldID(batch) + " / " + gateway.FoldID(id) }
