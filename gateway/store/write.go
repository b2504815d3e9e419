package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"customs.example/gateway"
)

// Tx is a unit of work. Every record it puts carries its commit number.
type Tx struct {
	reader
	tx      *sql.Tx
	Commit  gateway.Commit
	now     time.Time
	audited int
}

// announced is one row of the table of what has been announced.
type announced struct {
	Route     string            `db:"route"`
	Subject   string            `db:"subject"`
	MessageID gateway.MessageID `db:"message_id"`
}

// Now is the instant the unit runs at.
func (t *Tx) Now() time.Time { return t.now }

// PutArrival stores what arrived.
func (t *Tx) PutArrival(a Arrival) error {
	a.Commit = t.Commit
	return put(t.tx, "arrival", &a)
}

// PutSubmission stores a submission.
func (t *Tx) PutSubmission(s Submission) error {
	s.Commit = t.Commit
	return put(t.tx, "submission", &s)
}

// PutJudgement adds a judgement of a submission under the next number of its id.
func (t *Tx) PutJudgement(j Judgement) error {
	last, err := list[number](context.Background(), t.tx, "judgement", "office = ? AND "+idIs("id", j.ID)+" ORDER BY number DESC LIMIT 1", j.Office, j.ID)
	if err != nil {
		return err
	}
	j.Number, j.Commit = 1, t.Commit
	if len(last) > 0 {
		j.Number = last[0].Number + 1
	}
	return add(t.tx, "judgement", &j)
}

// number is the number of a judgement alone.
type number struct {
	Number int `db:"number"`
}

// PutMessage stores an outgoing message; the submissions it was made from change with it.
func (t *Tx) PutMessage(m Message) error {
	m.Commit = t.Commit
	if m.Sequence == 0 {
		m.Sequence = t.Commit
	}
	if m.Whole == "" {
		m.Whole, m.Part = m.ID, 1
	}
	if err := put(t.tx, "message", &m); err != nil {
		return err
	}
	return t.touchSources(m)
}

// progress is what delivering changes of a message: not its documents, which are large.
type progress struct {
	State       gateway.MessageState `db:"state"`
	Reason      string               `db:"reason"`
	Attempts    int                  `db:"attempts"`
	Tries       int                  `db:"tries"`
	Troubles    int                  `db:"troubles"`
	Parked      bool                 `db:"parked"`
	NextAttempt time.Time            `db:"next_attempt"`
	LastError   string               `db:"last_error"`
	Receipt     *Statement           `db:"receipt"`
	Commit      gateway.Commit       `db:"commit_no"`
}

// PutProgress stores how far the delivery of a message has come; the submissions it was
// made from change with it. Its documents and answers stay what they are.
func (t *Tx) PutProgress(m Message) error {
	p := progress{m.State, m.Reason, m.Attempts, m.Tries, m.Troubles, m.Parked, m.NextAttempt, m.LastError, m.Receipt, t.Commit}
	if err := set(t.tx, "message", &p, "id = ?", m.ID); err != nil {
		return err
	}
	return t.touchSources(m)
}

// judging is what judgements change of an arrival: not what came in.
type judging struct {
	Judged  bool           `db:"judged"`
	Tries   int            `db:"tries"`
	NextTry time.Time      `db:"next_try"`
	Trouble string         `db:"trouble"`
	Parked  bool           `db:"parked"`
	Commit  gateway.Commit `db:"commit_no"`
}

// PutJudging stores how far the judgement of an arrival has come.
func (t *Tx) PutJudging(a Arrival) error {
	j := judging{a.Judged, a.Tries, a.NextTry, a.Trouble, a.Parked, t.Commit}
	return set(t.tx, "arrival", &j, "door = ? AND party = ? AND id = ?", a.Door, a.Party, a.ID)
}

// CountAttempt notes that what arrived came again.
func (t *Tx) CountAttempt(k ArrivalKey) error {
	_, err := t.tx.Exec(`UPDATE arrival SET attempts = attempts + 1, commit_no = ? WHERE door = ? AND party = ? AND id = ?`, t.Commit, k.Door, k.Party, k.ID)
	if err != nil {
		return fmt.Errorf("count attempt: %w", err)
	}
	return nil
}

func (t *Tx) touchSources(m Message) error {
	if _, err := t.tx.Exec(`UPDATE submission SET commit_no = ? WHERE message_id = ?`, t.Commit, m.Whole); err != nil {
		return fmt.Errorf("touch submissions: %w", err)
	}
	return nil
}

// PutAnnounced notes that a message announced a subject on a route.
func (t *Tx) PutAnnounced(route, subject string, id gateway.MessageID) error {
	return put(t.tx, "announced", &announced{route, subject, id})
}

// PutInbound stores a message from a partner.
func (t *Tx) PutInbound(m Inbound) error {
	m.Commit = t.Commit
	return put(t.tx, "inbox", &m)
}

// PutMovement stores a movement with all that it is found by.
func (t *Tx) PutMovement(m Movement, ids []Identifier) error {
	m.Commit = t.Commit
	if err := put(t.tx, "movement", &m); err != nil {
		return err
	}
	last := formatTime(m.Last)
	if m.Last.IsZero() {
		last = "9999" // whatever the time
	}
	for _, id := range ids {
		_, err := t.tx.Exec(`INSERT OR REPLACE INTO movement_identifier (movement_id, kind, folded, first_time, last_time) VALUES (?, ?, ?, ?, ?)`,
			m.ID, id.Kind, id.Folded, formatTime(m.First), last)
		if err != nil {
			return fmt.Errorf("index movement: %w", err)
		}
	}
	return nil
}

// Audit adds an entry to the audit trail. Every unit of work MUST leave at least one.
func (t *Tx) Audit(actor, event, subject string, digest gateway.Digest) error {
	t.audited++
	row := AuditRow{Commit: t.Commit, Ordinal: t.audited, At: t.now, Actor: actor, Event: event, Subject: subject, Digest: digest}
	return add(t.tx, "audit", &row)
}
