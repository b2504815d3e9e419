package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// What the rows hold, and what the records are: instants as texts, digests as bytes, lists
// as JSON. sqlc makes the rows and prepares each statement once. A record of 23 columns
// with two documents of 2 kB took it 49 us to read and 185 us to write in SQLite; scany,
// which leaves the writing to us, 63 us to read; bun, which writes all arguments into the
// text of a new statement each time, 124 us and 394 us.

// instant is how an instant is stored: UTC, fixed width, so that text order is time
// order. The zero time is the empty text.
const instant = "2006-01-02T15:04:05.000000000Z"

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(instant)
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(instant, s)
}

func toDigest(d gateway.Digest) []byte {
	if d.IsZero() {
		return nil
	}
	return d[:]
}

func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func toStatement(s *Statement) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	return json.Marshal(s)
}

// reading collects what is wrong with the columns of one row.
type reading struct {
	errs []error
	told *damages
}

func (r reader) reading() reading { return reading{told: r.damages} }

// intact refuses a row that is not as it was written.
func (r *reading) intact(table, key string, row any) {
	if err := intact(table, key, row); err != nil {
		r.errs = append(r.errs, r.told.found(err))
	}
}

func (r *reading) time(s string) time.Time {
	t, err := parseTime(s)
	r.errs = append(r.errs, err)
	return t
}

func (r *reading) digest(b []byte) (d gateway.Digest) {
	if len(b) != 0 && len(b) != len(d) {
		r.errs = append(r.errs, fmt.Errorf("a digest of %d bytes", len(b)))
	}
	copy(d[:], b)
	return d
}

// json reads what is there into v.
func (r *reading) json(b []byte, v any) {
	if len(b) > 0 {
		r.errs = append(r.errs, json.Unmarshal(b, v))
	}
}

func (r *reading) statement(b []byte) (s *Statement) {
	if len(b) > 0 {
		s = new(Statement)
		r.json(b, s)
	}
	return s
}

func (r *reading) err(table string) error {
	if err := errors.Join(r.errs...); err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	return nil
}

func (x reader) toArrival(a rows.Arrival, j rows.Judging, content []byte) (Arrival, error) {
	r := x.reading()
	r.intact("arrival", a.ID, &a)
	r.intact("judging", a.ID, &j)
	out := Arrival{
		Door: a.Door, Party: a.Party, ID: a.ID, Caller: a.Caller, MediaType: a.MediaType, Header: a.Header, Signature: a.Signature,
		Content: content, Digest: r.digest(a.Digest), Received: r.time(a.Received), Receipt: r.statement(a.Receipt), Reason: a.Reason, SecondOf: a.SecondOf, Erased: a.Erased,
		Attempts: int(j.Attempts), Judged: j.Judged, Tries: int(j.Tries), NextTry: r.time(j.NextTry), Trouble: j.Trouble,
		Parked: j.Parked, Claim: Claim{j.Owner, j.Token}, Commit: gateway.Commit(j.CommitNo),
	}
	if a.Erased { // another record may name it still
		out.Content = nil
	}
	r.json([]byte(a.Recipients), &out.Recipients)
	r.json([]byte(a.Asks), &out.Asks)
	return out, r.err("arrival")
}

func (x reader) toTroubled(id string, digest []byte, received string, j rows.Judging) (Troubled, error) {
	r := x.reading()
	r.intact("judging", id, &j)
	out := Troubled{
		Door: j.Door, Party: j.Party, ID: id, Digest: r.digest(digest), Received: r.time(received), Tries: int(j.Tries),
		NextTry: r.time(j.NextTry), Trouble: j.Trouble, Parked: j.Parked, Commit: gateway.Commit(j.CommitNo),
	}
	return out, r.err("judging")
}

func (x reader) toSubmission(s rows.Submission, faults, canonical []byte) (Submission, error) {
	r := x.reading()
	r.intact("submission", s.ID, &s)
	out := Submission{
		Office: s.Office, ID: s.ID, Kind: s.Kind, State: gateway.SubmissionState(s.State), Reason: s.Reason, Received: r.time(s.Received),
		Digest: r.digest(s.Digest), Batch: s.Batch, DocumentID: s.DocumentID, Mapping: s.Mapping, Route: s.Route, Part: s.Part,
		JoinKey: s.JoinKey, Expires: r.time(s.Expires), MessageID: gateway.MessageID(s.MessageID), Version: int(s.Version), Canonical: canonical, SecondOf: s.SecondOf, Erased: s.Erased,
		Commit: gateway.Commit(s.CommitNo),
	}
	r.json([]byte(s.WaitsFor), &out.WaitsFor)
	if s.Erased {
		out.Canonical, faults = nil, nil
	}
	r.json(faults, &out.Faults)
	return out, r.err("submission")
}

func (x reader) toJudgement(j rows.Judgement, faults []byte) (Judgement, error) {
	r := x.reading()
	r.intact("judgement", j.ID, &j)
	out := Judgement{
		Office: j.Office, ID: j.ID, Number: int(j.Number), Digest: r.digest(j.Digest), State: gateway.SubmissionState(j.State),
		Caller: j.Caller, At: r.time(j.At), Commit: gateway.Commit(j.CommitNo),
	}
	if j.Erased {
		faults = nil
	}
	r.json(faults, &out.Faults)
	return out, r.err("judgement")
}

func (x reader) toApproval(a rows.Approval, id string) (Approval, error) {
	r := x.reading()
	r.intact("approval", id, &a)
	out := Approval{
		Office: a.Office, ID: id, Digest: r.digest(a.Digest), Approved: a.Approved, Caller: a.Caller, Reason: a.Reason, At: r.time(a.At),
	}
	return out, r.err("approval")
}

func (x reader) toRuling(u rows.Ruling, id string) (Ruling, error) {
	r := x.reading()
	r.intact("ruling", id, &u)
	out := Ruling{
		Office: u.Office, ID: id, Digest: r.digest(u.Digest), Text: r.digest(u.TextDigest), Verdict: u.Verdict, Replacement: u.Replacement,
		Caller: u.Caller, Reason: u.Reason, At: r.time(u.At),
	}
	return out, r.err("ruling")
}

func toCrossings(month string, c rows.CrossingsRow) CrossingCount {
	return CrossingCount{Crossing{month, c.ExitOffice, c.EntryOffice, c.Basis, c.Inspected}, c.N}
}

func (x reader) toMessage(m rows.Message, d rows.Delivery, payload, canonical, receipt []byte) (Message, error) {
	r := x.reading()
	r.intact("message", m.ID, &m)
	r.intact("delivery", m.ID, &d)
	out := Message{
		ID: gateway.MessageID(m.ID), Route: m.Route, Kind: m.Kind, Recipient: gateway.Administration(d.Recipient),
		Sequence: gateway.Commit(d.Sequence), Conversation: m.Conversation, Chain: gateway.MessageID(d.Chain), DocumentID: m.DocumentID,
		State: gateway.MessageState(d.State), Reason: d.Reason, Created: r.time(m.Created), ExpectedArrival: r.time(m.ExpectedArrival),
		LateBy: time.Duration(m.LateBy), ValidUntil: r.time(d.ValidUntil), Header: m.Header, Signature: m.Signature,
		Payload: payload, PayloadDigest: r.digest(m.PayloadDigest), Canonical: canonical, CanonicalDigest: r.digest(m.CanonicalDigest),
		Mapping: m.Mapping, MappingDigest: r.digest(m.MappingDigest), SchemaDigest: r.digest(m.SchemaDigest),
		Attempts: int(d.Attempts), Tries: int(d.Tries), Troubles: int(d.Troubles), Parked: d.Parked, NextAttempt: r.time(d.NextAttempt), LastError: d.LastError, Receipt: r.statement(receipt), Answered: r.time(d.Answered),
		Withdrawal: gateway.Withdrawal(d.Withdrawal), Whole: gateway.MessageID(m.Whole), Part: int(m.Part), Split: m.Split,
		Version: int(m.Version), Replaces: gateway.MessageID(m.Replaces), Repairs: gateway.MessageID(m.Repairs),
		Claim: Claim{d.Owner, d.Token}, Erased: m.Erased, Commit: gateway.Commit(d.CommitNo),
	}
	if m.Erased {
		out.Payload, out.Canonical = nil, nil
	}
	r.json([]byte(d.Answers), &out.Answers)
	if d.Arrival != "" {
		r.json([]byte(d.Arrival), &out.Arrival)
	}
	return out, r.err("message")
}

func (x reader) toReceipt(row rows.Receipt) (Receipt, error) {
	r := x.reading()
	r.intact("receipt", row.IDKey, &row)
	out := Receipt{Verdict: gateway.Verdict(row.Verdict), Verified: r.time(row.Verified)}
	r.json(row.Statement, &out.Statement)
	return out, r.err("receipt")
}

func (x reader) toInbound(i rows.Inbox, faults, unread, receipt, canonical []byte) (Inbound, error) {
	r := x.reading()
	r.intact("inbox", i.ID, &i)
	out := Inbound{
		ID: gateway.MessageID(i.ID), Sender: gateway.Administration(i.Sender), Kind: i.Kind, DocumentID: i.DocumentID,
		State: gateway.MessageState(i.State), Received: r.time(i.Received), ExpectedArrival: r.time(i.ExpectedArrival),
		LateBy: time.Duration(i.LateBy), PayloadDigest: r.digest(i.PayloadDigest), Canonical: canonical,
		CanonicalDigest: r.digest(i.CanonicalDigest), Mapping: i.Mapping, Receipt: r.statement(receipt), AcknowledgedBy: i.AcknowledgedBy,
		AcknowledgedAt: r.time(i.AcknowledgedAt), MovementID: gateway.MovementID(i.MovementID), Conversation: i.Conversation, Batch: i.Batch, Replaces: gateway.MessageID(i.Replaces),
		Accepted: gateway.Commit(i.AcceptedNo), Erased: i.Erased, Commit: gateway.Commit(i.CommitNo),
	}
	if i.Erased {
		out.Canonical, faults, unread = nil, nil, nil
	}
	r.json(faults, &out.Faults)
	r.json(unread, &out.Unread)
	r.json([]byte(i.Answers), &out.Answers)
	r.json([]byte(i.Offices), &out.Offices)
	return out, r.err("inbox")
}

func (x reader) toMovement(m rows.Movement) (Movement, error) {
	r := x.reading()
	r.intact("movement", m.ID, &m)
	out := Movement{
		ID: gateway.MovementID(m.ID), Opened: r.time(m.Opened), First: r.time(m.FirstTime), Last: r.time(m.LastTime), Due: r.time(m.Due), Body: m.Body,
		Commit: gateway.Commit(m.CommitNo),
	}
	return out, r.err("movement")
}

func (x reader) toListed(m rows.MovementOffice) (Listed, error) {
	r := x.reading()
	r.intact("movement_office", m.IDKey, &m)
	out := Listed{
		Movement: gateway.MovementID(m.IDKey), Office: m.Office, Roles: strings.Fields(m.Roles), Kinds: strings.Fields(m.Kinds), State: m.State, Worklist: m.Worklist,
		Since: r.time(m.Since), Expected: r.time(m.Expected), Differs: m.Differs, Commit: gateway.Commit(m.CommitNo),
	}
	return out, r.err("movement")
}

func (x reader) toAuditRow(a rows.Audit) (AuditRow, error) {
	r := x.reading()
	r.intact("audit", fmt.Sprint(a.Leaf), &a)
	out := AuditRow{
		Leaf: a.Leaf, Commit: gateway.Commit(a.CommitNo), Ordinal: int(a.Ordinal), At: r.time(a.At),
		Actor: a.Actor, Event: a.Event, Subject: a.Subject, Digest: r.digest(a.Digest),
	}
	return out, r.err("audit")
}
