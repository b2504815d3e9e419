package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// Tx is a unit of work. Every record it puts carries its commit number.
type Tx struct {
	reader
	conn    *sql.Conn
	Commit  gateway.Commit
	now     time.Time
	audited int64
	event   string // the first that was written
	leaf    int64  // the next audit row's
	silent  bool   // nothing has changed that anybody reads
}

// Now is the instant the unit runs at.
func (t *Tx) Now() time.Time { return t.now }

// within is the context of a unit's own statements: a caller that leaves ends its unit,
// and never a connection that others share.
var within = context.Background()

// content stores bytes once and returns the digest that names them; none of none.
func (t *Tx) content(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, nil
	}
	d := gateway.DigestOf(b)
	return d[:], t.q.PutContent(within, rows.PutContentParams{Digest: d[:], Bytes: b})
}

// contentJSON stores a list, if there is anything in it.
func contentJSON[T ~[]E, E any](t *Tx, list T) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return t.content(b)
}

func put(what string, errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("put %s: %w", what, err)
	}
	return nil
}

// PutArrival stores what arrived.
func (t *Tx) PutArrival(a Arrival) error {
	content, err1 := t.content(a.Content)
	recipients, err2 := toJSON(a.Recipients)
	receipt, err3 := toStatement(a.Receipt)
	var asks string
	var err4 error
	if !a.Asks.IsZero() {
		asks, err4 = toJSON(a.Asks)
	}
	if err := put("arrival", err1, err2, err3, err4); err != nil {
		return err
	}
	return put("arrival", t.q.PutArrival(within, digested("arrival", rows.PutArrivalParams{
		Door: a.Door, Party: a.Party, IDKey: gateway.FoldID(a.ID), ID: a.ID, Caller: a.Caller, MediaType: a.MediaType,
		Recipients: recipients, Header: a.Header, Signature: a.Signature, Content: content, Digest: toDigest(a.Digest),
		Received: formatTime(a.Received), Receipt: receipt, Reason: a.Reason, Asks: asks, SecondOf: a.SecondOf, Erased: a.Erased,
	})), t.q.PutJudging(within, digested("judging", rows.PutJudgingParams{
		Door: a.Door, Party: a.Party, IDKey: gateway.FoldID(a.ID), Attempts: int64(a.Attempts), Judged: a.Judged,
		Tries: int64(a.Tries), NextTry: formatTime(a.NextTry), Trouble: a.Trouble, Parked: a.Parked,
		Owner: a.Claim.Owner, Token: a.Claim.Token, CommitNo: int64(t.Commit),
	})))
}

// Claim is the next claim to what somebody had before: this process's own.
func (t *Tx) Claim(before Claim) Claim { return Claim{t.owner, before.Token + 1} }

// PutJudging stores how far the judgement of an arrival has come, and nothing else of it: it
// is nobody's then. What is not the claim's any more is refused with ErrTaken.
func (t *Tx) PutJudging(a Arrival) error {
	return changed("judging", ErrTaken)(t.q.SetJudging(within, digested("judging", rows.SetJudgingParams{
		Judged: a.Judged, Tries: int64(a.Tries), NextTry: formatTime(a.NextTry), Trouble: a.Trouble, Parked: a.Parked, CommitNo: int64(t.Commit),
		Door: a.Door, Party: a.Party, IDKey: gateway.FoldID(a.ID), Owner: a.Claim.Owner, Token: a.Claim.Token,
	})))
}

// CountAttempt notes that what arrived came again, and whose it is to judge it.
func (t *Tx) CountAttempt(a Arrival) error {
	return changed("attempt", ErrNotFound)(t.q.CountAttempt(within, rows.CountAttemptParams{
		Owner: a.Claim.Owner, Token: a.Claim.Token, CommitNo: int64(t.Commit), Door: a.Door, Party: a.Party, IDKey: gateway.FoldID(a.ID),
	}))
}

// changed says why what was to be changed was not.
func changed(what string, otherwise error) func(n int64, err error) error {
	return func(n int64, err error) error {
		if err == nil && n != 1 {
			err = otherwise
		}
		return put(what, err)
	}
}

// PutSubmission stores a submission.
func (t *Tx) PutSubmission(s Submission) error {
	canonical, err1 := t.content(s.Canonical)
	faults, err2 := contentJSON(t, s.Faults)
	waitsFor, err3 := toJSON(s.WaitsFor)
	if err := put("submission", err1, err2, err3); err != nil {
		return err
	}
	if s.State == gateway.Withdrawn || s.State == gateway.Expired {
		if err := t.awaitNoMore(s.Office, gateway.FoldID(s.ID)); err != nil {
			return err
		}
	}
	if err := t.touchFirst(s); err != nil {
		return err
	}
	return put("submission", t.q.PutSubmission(within, digested("submission", rows.PutSubmissionParams{
		Office: s.Office, IDKey: gateway.FoldID(s.ID), ID: s.ID, Kind: s.Kind, State: string(s.State), Reason: s.Reason,
		Received: formatTime(s.Received), Digest: toDigest(s.Digest), Batch: s.Batch, BatchKey: gateway.FoldID(s.Batch),
		DocumentID: s.DocumentID, Mapping: s.Mapping, Route: s.Route, Part: s.Part, JoinKey: s.JoinKey, WaitsFor: waitsFor,
		Expires: formatTime(s.Expires), MessageID: string(s.MessageID), Version: int64(s.Version), Faults: faults, Canonical: canonical,
		SecondOf: s.SecondOf, SecondKey: gateway.FoldID(s.SecondOf), Erased: s.Erased, CommitNo: int64(t.Commit),
	})))
}

// touchFirst has a submission change with what it is to its second addressee: who sees it sees both.
func (t *Tx) touchFirst(s Submission) error {
	if s.SecondOf == "" {
		return nil
	}
	return put("submission", t.q.TouchFirst(within, rows.TouchFirstParams{CommitNo: int64(t.Commit), Office: s.Office, IDKey: gateway.FoldID(s.SecondOf)}))
}

// PutJudgement adds a judgement of a submission under the next number of its id.
func (t *Tx) PutJudgement(j Judgement) error {
	faults, err := contentJSON(t, j.Faults)
	if err != nil {
		return put("judgement", err)
	}
	return put("judgement", t.q.AddJudgement(within, digested("judgement", rows.AddJudgementParams{
		Office: j.Office, IDKey: gateway.FoldID(j.ID), ID: j.ID, Digest: toDigest(j.Digest), State: string(j.State),
		Caller: j.Caller, At: formatTime(j.At), Faults: faults, CommitNo: int64(t.Commit),
	})))
}

// PutApproval adds what was decided on the bytes of a submission; it is decided once.
func (t *Tx) PutApproval(a Approval) error {
	return put("approval", t.q.AddApproval(within, digested("approval", rows.AddApprovalParams{
		Office: a.Office, IDKey: gateway.FoldID(a.ID), Digest: a.Digest[:], Approved: a.Approved, Caller: a.Caller, Reason: a.Reason,
		At: formatTime(a.At), CommitNo: int64(t.Commit),
	})))
}

// PutRuling adds what was ruled on a text of a submission; it is ruled on once.
func (t *Tx) PutRuling(r Ruling) error {
	return put("ruling", t.q.AddRuling(within, digested("ruling", rows.AddRulingParams{
		Office: r.Office, IDKey: gateway.FoldID(r.ID), Digest: r.Digest[:], TextDigest: r.Text[:], Verdict: r.Verdict, Replacement: r.Replacement,
		Caller: r.Caller, Reason: r.Reason, At: formatTime(r.At), CommitNo: int64(t.Commit),
	})))
}

// PutCrossing counts a movement as one that has crossed, or, without month, no more.
func (t *Tx) PutCrossing(id gateway.MovementID, c Crossing) error {
	key := gateway.FoldID(string(id))
	if c.Month == "" {
		return put("crossing", t.q.ForgetCrossing(within, key))
	}
	return put("crossing", t.q.PutCrossing(within, rows.PutCrossingParams{
		IDKey: key, Month: c.Month, ExitOffice: c.Exit, EntryOffice: c.Entry, Basis: c.Basis, Inspected: c.Inspected, CommitNo: int64(t.Commit),
	}))
}

// Await notes what a held submission waits for to be told of, by all that it can be found by.
func (t *Tx) Await(office, id string, ids []Identifier) error {
	for _, of := range ids {
		if err := t.q.Await(within, rows.AwaitParams{Office: office, IDKey: gateway.FoldID(id), Kind: of.Kind, Folded: of.Folded}); err != nil {
			return put("awaited", err)
		}
	}
	return nil
}

// Woken returns submissions that wait for something that any of the identifiers finds, and lets
// them wait no more. Where they are as many as the limit, others may wait still.
func (t *Tx) Woken(ids []Identifier, limit int) (out []Submission, err error) {
	for _, of := range ids {
		if len(out) == limit {
			break
		}
		found, err := t.q.AwaitedBy(within, rows.AwaitedByParams{Folded: of.Folded, Kind: of.Kind, Limit: int32(limit - len(out))})
		if err != nil {
			return nil, put("awaited", err)
		}
		for _, w := range found {
			s, err := t.Submission(within, w.Office, w.IDKey)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
			if err := t.awaitNoMore(w.Office, w.IDKey); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (t *Tx) awaitNoMore(office, key string) error {
	return put("awaited", t.q.AwaitNoMore(within, rows.AwaitNoMoreParams{Office: office, IDKey: key}))
}

// AwaitOriginal notes what a sender's message waits for to come, by what that can be found by, and
// when it may be judged again once it has come. It reports whether it was noted already.
func (t *Tx) AwaitOriginal(sender gateway.Administration, id gateway.MessageID, ids []Identifier, again time.Time) (known bool, err error) {
	key := gateway.FoldID(string(id))
	n, err := t.q.IsEarly(within, rows.IsEarlyParams{Sender: string(sender), IDKey: key})
	if err != nil || n > 0 {
		return n > 0, put("early", err)
	}
	for _, of := range ids {
		if err := t.q.PutEarly(within, rows.PutEarlyParams{Sender: string(sender), IDKey: key, Kind: of.Kind, Folded: of.Folded, Again: formatTime(again)}); err != nil {
			return false, put("early", err)
		}
	}
	return false, nil
}

// OriginalCame has the messages of a sender judged again that wait for what any of the identifiers
// finds, at most so many for each, and lets them wait no more. It returns how many they are.
func (t *Tx) OriginalCame(sender gateway.Administration, ids []Identifier, limit int) (n int, err error) {
	for _, of := range ids {
		found, err := t.q.EarlyFor(within, rows.EarlyForParams{Sender: string(sender), Folded: of.Folded, Kind: of.Kind, Limit: int32(limit)})
		if err != nil {
			return n, put("early", err)
		}
		for _, w := range found {
			if err := t.q.Hasten(within, rows.HastenParams{NextTry: w.Again, CommitNo: int64(t.Commit), Door: DoorPeer, Party: string(sender), IDKey: w.IDKey}); err != nil {
				return n, put("early", err)
			}
			if err := t.originalNoMore(sender, w.IDKey); err != nil {
				return n, err
			}
		}
		n += len(found)
	}
	return n, nil
}

// OriginalNoMore notes that a sender's message waits for no other.
func (t *Tx) OriginalNoMore(sender gateway.Administration, id gateway.MessageID) error {
	return t.originalNoMore(sender, gateway.FoldID(string(id)))
}

func (t *Tx) originalNoMore(sender gateway.Administration, key string) error {
	return put("early", t.q.EarlyNoMore(within, rows.EarlyNoMoreParams{Sender: string(sender), IDKey: key}))
}

// PutMessage stores an outgoing message; the submissions it was made from change with it.
func (t *Tx) PutMessage(m Message) error {
	if m.Sequence == 0 {
		m.Sequence = t.Commit
	}
	if m.Whole == "" {
		m.Whole, m.Part = m.ID, 1
	}
	payload, err1 := t.content(m.Payload)
	canonical, err2 := t.content(m.Canonical)
	answers, err3 := toJSON(m.Answers)
	told, err4 := toTold(m.Arrival)
	if err := put("message", err1, err2, err3, err4); err != nil {
		return err
	}
	key := gateway.FoldID(string(m.ID))
	return put("message", t.q.PutMessage(within, digested("message", rows.PutMessageParams{
		IDKey: key, ID: string(m.ID), Route: m.Route, Kind: m.Kind, Conversation: m.Conversation,
		DocumentID: m.DocumentID, DocumentKey: gateway.FoldID(m.DocumentID), Created: formatTime(m.Created),
		ExpectedArrival: formatTime(m.ExpectedArrival), LateBy: int64(m.LateBy),
		Header: m.Header, Signature: m.Signature, Payload: payload, PayloadSize: int64(len(m.Payload)), PayloadDigest: toDigest(m.PayloadDigest),
		Canonical: canonical, CanonicalDigest: toDigest(m.CanonicalDigest), Mapping: m.Mapping, MappingDigest: toDigest(m.MappingDigest),
		SchemaDigest: toDigest(m.SchemaDigest), Whole: string(m.Whole), WholeKey: gateway.FoldID(string(m.Whole)), Part: int64(m.Part), Split: m.Split,
		Version: int64(m.Version), Replaces: string(m.Replaces), Repairs: string(m.Repairs), Erased: m.Erased,
	})), t.q.PutDelivery(within, digested("delivery", rows.PutDeliveryParams{
		IDKey: key, Recipient: string(m.Recipient), Chain: string(m.Chain), Sequence: int64(m.Sequence), State: string(m.State),
		Reason: m.Reason, Attempts: int64(m.Attempts), Tries: int64(m.Tries), Troubles: int64(m.Troubles), Parked: m.Parked,
		NextAttempt: formatTime(m.NextAttempt), LastError: m.LastError,
		Answers: answers, Withdrawal: string(m.Withdrawal), Arrival: told, Answered: formatTime(m.Answered), Owner: m.Claim.Owner, Token: m.Claim.Token,
		ValidUntil: formatTime(m.ValidUntil), Needed: formatTime(m.needed()), CommitNo: int64(t.Commit),
	})), t.touch(m.Whole))
}

// deliveryDigest is the digest of the row of a delivery with a change, of which the rest is as it was
// written; nothing of one that is not there.
func (t *Tx) deliveryDigest(key string, change func(*rows.Delivery)) (rowDigest, error) {
	d, err := t.q.Delivery(within, key)
	if err != nil {
		return 0, IgnoreNotFound(notFound(err))
	}
	if err := t.intact("delivery", key, &d); err != nil {
		return 0, err
	}
	change(&d)
	return digestOfRow("delivery", &d), nil
}

// PutProgress stores how far the delivery of a message has come, and nothing else of it;
// the submissions it was made from change with it. It is nobody's then, unless the claim is
// kept. What is not the claim's any more is refused with ErrTaken.
func (t *Tx) PutProgress(m Message, keep bool) error {
	next := Claim{Token: m.Claim.Token}
	if keep {
		next.Owner = m.Claim.Owner
	}
	return t.putProgress(m, next)
}

// PutHeard is PutProgress of a message that its partner was heard of by itself: an attempt at it that is under way
// has its claim no more.
func (t *Tx) PutHeard(m Message) error { return t.putProgress(m, Claim{Token: m.Claim.Token + 1}) }

func (t *Tx) putProgress(m Message, next Claim) error {
	set := rows.SetDeliveryParams{
		State: string(m.State), Reason: m.Reason, Attempts: int64(m.Attempts), Tries: int64(m.Tries), Troubles: int64(m.Troubles), Parked: m.Parked,
		NextAttempt: formatTime(m.NextAttempt),
		LastError:   m.LastError, Answered: formatTime(m.Answered), CommitNo: int64(t.Commit), IDKey: gateway.FoldID(string(m.ID)),
		NextOwner: next.Owner, NextToken: next.Token, Owner: m.Claim.Owner, Token: m.Claim.Token,
	}
	var err error
	if set.RowDigest, err = t.deliveryDigest(set.IDKey, func(d *rows.Delivery) {
		d.State, d.Reason, d.Attempts, d.Tries, d.Troubles, d.Parked = set.State, set.Reason, set.Attempts, set.Tries, set.Troubles, set.Parked
		d.LastError, d.Answered = set.LastError, set.Answered
	}); err != nil {
		return put("progress", err)
	}
	if err := changed("progress", ErrTaken)(t.q.SetDelivery(within, set)); err != nil {
		return err
	}
	return t.touch(m.Whole)
}

// MaxReceipts is how many receipts of one verdict are kept of a message: what a partner says
// once more in other words has no end, and a verdict is never without room for it.
const MaxReceipts = 8

// PutReceipt keeps a receipt of a message, unless this very statement is kept, or MaxReceipts
// of its verdict are.
func (t *Tx) PutReceipt(ctx context.Context, id gateway.MessageID, r Receipt) error {
	known, err := t.Receipts(ctx, id)
	if err != nil {
		return err
	}
	same := 0
	for _, k := range known {
		if k.Verdict == r.Verdict {
			same++
		}
		if k.Statement.Equal(r.Statement) {
			return nil
		}
	}
	if same >= MaxReceipts {
		return nil
	}
	statement, err := toStatement(&r.Statement)
	if err != nil {
		return put("receipt", err)
	}
	return put("receipt", t.q.PutReceipt(within, digested("receipt", rows.PutReceiptParams{
		IDKey: gateway.FoldID(string(id)), Number: int64(len(known) + 1), Verdict: string(r.Verdict), Verified: formatTime(r.Verified), Statement: statement,
	})))
}

// PutAnswers stores the partner's answers to a message, and nothing else of it; the
// submissions it was made from change with it.
func (t *Tx) PutAnswers(m Message) error {
	answers, err := toJSON(m.Answers)
	if err != nil {
		return put("answers", err)
	}
	key := gateway.FoldID(string(m.ID))
	digest, err := t.deliveryDigest(key, func(d *rows.Delivery) { d.Answers = answers })
	if err != nil {
		return put("answers", err)
	}
	if err := changed("answers", ErrNotFound)(t.q.SetAnswers(within, rows.SetAnswersParams{
		Answers: answers, CommitNo: int64(t.Commit), IDKey: key, RowDigest: digest,
	})); err != nil {
		return err
	}
	return t.touch(m.Whole)
}

// toTold is what was told of an arrival as it is kept; empty where nothing was.
func toTold(a *ToldArrival) (string, error) {
	if a == nil {
		return "", nil
	}
	return toJSON(a)
}

// PutToldArrival stores what was told of the arrival of what a message announces, and nothing else of
// it; the submissions it was made from change with it.
func (t *Tx) PutToldArrival(m Message) error {
	told, err := toTold(m.Arrival)
	if err != nil {
		return put("arrival told", err)
	}
	key := gateway.FoldID(string(m.ID))
	digest, err := t.deliveryDigest(key, func(d *rows.Delivery) { d.Arrival = told })
	if err != nil {
		return put("arrival told", err)
	}
	if err := changed("arrival told", ErrNotFound)(t.q.SetToldArrival(within, rows.SetToldArrivalParams{
		Arrival: told, CommitNo: int64(t.Commit), IDKey: key, RowDigest: digest,
	})); err != nil {
		return err
	}
	return t.touch(m.Whole)
}

// Withdraw ends a message that was not handed over: no attempt of anybody's that has not begun
// begins any more. One that has is ErrTaken.
func (t *Tx) Withdraw(m Message, reason string) error {
	key := gateway.FoldID(string(m.ID))
	digest, err := t.deliveryDigest(key, func(d *rows.Delivery) { d.State, d.Reason = string(gateway.TakenBack), reason })
	if err != nil {
		return put("withdrawn message", err)
	}
	if err := changed("withdrawn message", ErrTaken)(t.q.Withdraw(within, rows.WithdrawParams{
		Reason: reason, CommitNo: int64(t.Commit), IDKey: key, RowDigest: digest,
	})); err != nil {
		return err
	}
	return t.touch(m.Whole)
}

// PutWithdrawal stores how the withdrawal of a message stands, and nothing else of it; the
// submissions it was made from change with it.
func (t *Tx) PutWithdrawal(m Message) error {
	key := gateway.FoldID(string(m.ID))
	digest, err := t.deliveryDigest(key, func(d *rows.Delivery) { d.Withdrawal = string(m.Withdrawal) })
	if err != nil {
		return put("withdrawal", err)
	}
	if err := changed("withdrawal", ErrNotFound)(t.q.SetWithdrawal(within, rows.SetWithdrawalParams{
		Withdrawal: string(m.Withdrawal), CommitNo: int64(t.Commit), IDKey: key, RowDigest: digest,
	})); err != nil {
		return err
	}
	return t.touch(m.Whole)
}

// touch marks the submissions that a message was made from as changed.
func (t *Tx) touch(whole gateway.MessageID) error {
	return put("submissions",
		t.q.TouchSubmissions(within, rows.TouchSubmissionsParams{CommitNo: int64(t.Commit), MessageID: string(whole)}),
		t.q.TouchFirstOf(within, rows.TouchFirstOfParams{CommitNo: int64(t.Commit), MessageID: string(whole)}))
}

// PutAnnounced notes that a message announced a subject on a route.
func (t *Tx) PutAnnounced(route, subject string, id gateway.MessageID) error {
	return put("announced", t.q.PutAnnounced(within, digested("announced", rows.PutAnnouncedParams{Route: route, Subject: subject, MessageID: string(id)})))
}

// PutRegistered notes that a partner's message was registered under a number, as
// country/date/number.
func (t *Tx) PutRegistered(partner gateway.Administration, number string, id gateway.MessageID) error {
	return put("registered", t.q.PutRegistered(within, digested("registered", rows.PutRegisteredParams{Partner: string(partner), Number: number, IDKey: gateway.FoldID(string(id))})))
}

// PutInbound stores a message from a partner. The commit that accepts it stays the one that did.
func (t *Tx) PutInbound(m Inbound) error {
	var accepted gateway.Commit
	if m.State == gateway.Accepted {
		accepted = t.Commit
	}
	canonical, err1 := t.content(m.Canonical)
	faults, err2 := contentJSON(t, m.Faults)
	unread, err3 := contentJSON(t, m.Unread)
	answers, err4 := toJSON(m.Answers)
	statement, err5 := toStatement(m.Receipt)
	receipt, err6 := t.content(statement)
	offices, err7 := toJSON(append([]string{}, m.Offices...))
	if err := put("inbox", err1, err2, err3, err4, err5, err6, err7); err != nil {
		return err
	}
	key := gateway.FoldID(string(m.ID))
	before, err := t.inboxRow(m.Sender, key)
	if IgnoreNotFound(err) != nil {
		return put("inbox", err)
	}
	if before.AcceptedNo > 0 {
		accepted = gateway.Commit(before.AcceptedNo)
	}
	return put("inbox", t.q.PutInbound(within, digested("inbox", rows.PutInboundParams{
		Sender: string(m.Sender), IDKey: key, ID: string(m.ID), Kind: m.Kind,
		DocumentID: m.DocumentID, DocumentKey: gateway.FoldID(m.DocumentID), State: string(m.State), Received: formatTime(m.Received),
		ExpectedArrival: formatTime(m.ExpectedArrival), LateBy: int64(m.LateBy), PayloadDigest: toDigest(m.PayloadDigest),
		Canonical: canonical, CanonicalDigest: toDigest(m.CanonicalDigest), Mapping: m.Mapping, Faults: faults, Unread: unread,
		Answers: answers, Receipt: receipt, AcknowledgedBy: m.AcknowledgedBy, AcknowledgedAt: formatTime(m.AcknowledgedAt),
		MovementID: string(m.MovementID), Conversation: m.Conversation, Batch: m.Batch, Replaces: string(m.Replaces),
		Offices: offices, Erased: m.Erased, AcceptedNo: int64(accepted), CommitNo: int64(t.Commit),
	})))
}

// inboxRow is a row of the inbox, as it was written.
func (t *Tx) inboxRow(sender gateway.Administration, key string) (rows.Inbox, error) {
	row, err := t.q.InboxRow(within, rows.InboxRowParams{Sender: string(sender), IDKey: key})
	if err != nil {
		return row, notFound(err)
	}
	return row, t.intact("inbox", key, &row)
}

// PutMovement stores a movement with all that it is found by.
func (t *Tx) PutMovement(m Movement, ids []Identifier) error {
	key := gateway.FoldID(string(m.ID))
	if err := t.q.PutMovement(within, digested("movement", rows.PutMovementParams{
		IDKey: key, ID: string(m.ID), Opened: formatTime(m.Opened), FirstTime: formatTime(m.First), LastTime: formatTime(m.Last),
		Due: formatTime(m.Due), Body: m.Body, CommitNo: int64(t.Commit),
	})); err != nil {
		return put("movement", err)
	}
	last := formatTime(m.Last)
	if m.Last.IsZero() {
		last = "9999" // whatever the time
	}
	for _, id := range ids {
		if err := t.q.PutMovementIdentifier(within, rows.PutMovementIdentifierParams{
			IDKey: key, Kind: id.Kind, Folded: id.Folded, FirstTime: formatTime(m.First), LastTime: last, CommitNo: int64(t.Commit),
		}); err != nil {
			return put("movement identifier", err)
		}
	}
	return nil
}

// PutListed stores what a movement is listed by: of each of its offices, and the messages that
// announce what has left and are not accepted.
func (t *Tx) PutListed(id gateway.MovementID, all []Listed, unaccepted []gateway.MessageID) error {
	key := gateway.FoldID(string(id))
	words := func(list []string) string { return " " + strings.Join(list, " ") + " " }
	for _, l := range all {
		if err := t.q.PutMovementOffice(within, digested("movement_office", rows.PutMovementOfficeParams{
			IDKey: key, Office: l.Office, Roles: words(l.Roles), Kinds: words(l.Kinds), State: l.State, Worklist: l.Worklist,
			Since: formatTime(l.Since), Expected: formatTime(l.Expected), Differs: l.Differs, CommitNo: int64(t.Commit),
		})); err != nil {
			return put("movement's offices", err)
		}
	}
	if err := t.q.ForgetUnaccepted(within, key); err != nil {
		return put("unaccepted", err)
	}
	for _, m := range unaccepted {
		if err := t.q.PutUnaccepted(within, rows.PutUnacceptedParams{MessageKey: gateway.FoldID(string(m)), MovementKey: key}); err != nil {
			return put("unaccepted", err)
		}
	}
	return nil
}

// Unlist has nothing find or list a movement any more: it went into another. Its row stays.
func (t *Tx) Unlist(id gateway.MovementID) error {
	key := gateway.FoldID(string(id))
	return put("movement that is gone", errors.Join(t.q.ForgetIdentifiers(within, key), t.q.ForgetListed(within, key), t.q.ForgetUnaccepted(within, key)))
}

// Accepted notes that a partner has accepted a message. It returns the movement that has left and of
// which nothing is unaccepted any more by that; empty if there is none.
func (t *Tx) Accepted(id gateway.MessageID) (gateway.MovementID, error) {
	of, err := t.q.UnacceptedNoMore(within, gateway.FoldID(string(id)))
	if err != nil || len(of) == 0 {
		return "", put("unaccepted", err)
	}
	rest, err := t.q.UnacceptedOf(within, rows.UnacceptedOfParams{MovementKey: of[0], Limit: 1})
	if err != nil || len(rest) > 0 {
		return "", put("unaccepted", err)
	}
	return gateway.MovementID(of[0]), nil
}

// PutWorklist moves a movement from one list of a shift to another, and nothing else of it.
func (t *Tx) PutWorklist(id gateway.MovementID, worklist string, since time.Time) error {
	return put("worklist", t.q.SetWorklist(within, rows.SetWorklistParams{Now: worklist, Since: formatTime(since), IDKey: gateway.FoldID(string(id))}))
}

// Audit adds an entry to the audit trail. Every unit of work MUST leave at least one.
func (t *Tx) Audit(actor, event, subject string, digest gateway.Digest) error {
	t.audited++
	if t.event == "" {
		t.event, _, _ = strings.Cut(event, " by rule ") // whose name is no step's
	}
	err := t.q.AddAudit(within, digested("audit", rows.AddAuditParams{
		Leaf: t.leaf, CommitNo: int64(t.Commit), Ordinal: t.audited, At: formatTime(t.now),
		Actor: actor, Event: event, Subject: subject, Digest: toDigest(digest),
	}))
	t.leaf++
	return put("audit", err)
}

// notFound gives the driver's word for no row our own.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
