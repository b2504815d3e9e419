package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
)

// reader holds the queries that a unit of work and a plain reader share.
type reader struct{ q queryer }

// Read returns the queries over what is committed.
func (s *Store) Read() Reader { return Reader{reader{s.readers}} }

// Reader reads what is committed.
type Reader struct{ reader }

// idIs is the condition that a column holds an id: a UUID in whatever case, as
// [gateway.SameID] compares them. Whatever is a UUID but for its case is one.
func idIs[ID ~string](column string, id ID) string {
	if gateway.IsUUID(string(id)) {
		return column + " = ? COLLATE NOCASE"
	}
	return column + " = ?"
}

// Arrival returns what arrived under an id.
func (r reader) Arrival(ctx context.Context, door, party, id string) (Arrival, error) {
	return one[Arrival](ctx, r.q, "arrival", "door = ? AND party = ? AND "+idIs("id", id), door, party, id)
}

// Unjudged names arrivals that are to be judged now, those that have waited longest first.
func (r reader) Unjudged(ctx context.Context, at time.Time, limit int) ([]ArrivalKey, error) {
	return list[ArrivalKey](ctx, r.q, "arrival", "judged = 0 AND parked = 0 AND next_try <= ? ORDER BY next_try, commit_no LIMIT ?", formatTime(at), limit)
}

// Troubled lists arrivals whose judgement failed and that have none yet, in order of commit.
func (r reader) Troubled(ctx context.Context, after gateway.Commit, limit int) ([]Troubled, error) {
	return page[Troubled](ctx, r.q, "arrival", "judged = 0 AND trouble <> '' AND commit_no > ?", []any{after}, oldestFirst, limit)
}

// TroubledBy lists those of an id, whoever sent it.
func (r reader) TroubledBy(ctx context.Context, id string) ([]Troubled, error) {
	return list[Troubled](ctx, r.q, "arrival", "judged = 0 AND trouble <> '' AND "+idIs("id", id)+" ORDER BY commit_no", id)
}

// Submission returns one submission of an office.
func (r reader) Submission(ctx context.Context, office, id string) (Submission, error) {
	return one[Submission](ctx, r.q, "submission", "office = ? AND "+idIs("id", id), office, id)
}

// Judgements returns the last judgements of a submission, the last of them first.
func (r reader) Judgements(ctx context.Context, office, id string, limit int) ([]Judgement, error) {
	return list[Judgement](ctx, r.q, "judgement", "office = ? AND "+idIs("id", id)+" ORDER BY number DESC LIMIT ?", office, id, limit)
}

// Held returns the held parts of a route with a join key, oldest first.
func (r reader) Held(ctx context.Context, route, key string) ([]Submission, error) {
	return list[Submission](ctx, r.q, "submission", "state = ? AND route = ? AND join_key = ? ORDER BY commit_no", gateway.Held, route, key)
}

// HeldPast returns held parts whose time is over; without a time it never is.
func (r reader) HeldPast(ctx context.Context, at time.Time, limit int) ([]Submission, error) {
	return list[Submission](ctx, r.q, "submission", "state = ? AND expires <> '' AND expires <= ? ORDER BY expires LIMIT ?", gateway.Held, formatTime(at), limit)
}

// Joined returns the submissions that went into a whole, in order of their part.
func (r reader) Joined(ctx context.Context, id gateway.MessageID) ([]Submission, error) {
	return list[Submission](ctx, r.q, "submission", "message_id = ? ORDER BY part, id", id)
}

// Sources returns them without their documents.
func (r reader) Sources(ctx context.Context, id gateway.MessageID) ([]Submission, error) {
	return brief[Submission](ctx, r.q, "submission", "message_id = ? ORDER BY part, id", id)
}

// SubmissionFilter narrows a list; zero fields do not.
type SubmissionFilter struct {
	Offices      []string // any of these
	State        gateway.SubmissionState
	MessageState gateway.MessageState // of any of its messages
	Kind, Batch  string
	Since        time.Time
	Before       gateway.Commit // changed before this commit
	Limit        int            // as of a page, see Submissions
}

// Submissions lists submissions, the last changed first. Its pages, as all others,
// never part what changed in one commit, for the next page begins after a commit: the
// last commit of a page is there entirely, even beyond the limit.
func (r reader) Submissions(ctx context.Context, f SubmissionFilter) ([]Submission, error) {
	where, args := []string{"office IN (" + marks(len(f.Offices)) + ")"}, anys(f.Offices)
	add := func(cond string, arg any) { where, args = append(where, cond), append(args, arg) }
	if f.State != "" {
		add("state = ?", f.State)
	}
	if f.MessageState != "" {
		add("message_id IN (SELECT whole FROM message WHERE message.state = ?)", f.MessageState)
	}
	if f.Kind != "" {
		add("kind = ?", f.Kind)
	}
	if f.Batch != "" {
		add(idIs("batch", f.Batch), f.Batch)
	}
	if !f.Since.IsZero() {
		add("received >= ?", formatTime(f.Since))
	}
	if f.Before > 0 {
		add("commit_no < ?", f.Before)
	}
	return page[Submission](ctx, r.q, "submission", strings.Join(where, " AND "), args, newestFirst, f.Limit)
}

// SubmissionsAfter returns submissions of offices changed after a commit, in order.
func (r reader) SubmissionsAfter(ctx context.Context, offices []string, after gateway.Commit, limit int) ([]Submission, error) {
	return page[Submission](ctx, r.q, "submission", "office IN ("+marks(len(offices))+") AND commit_no > ?", append(anys(offices), after), oldestFirst, limit)
}

// Message returns one outgoing message.
func (r reader) Message(ctx context.Context, id gateway.MessageID) (Message, error) {
	return one[Message](ctx, r.q, "message", idIs("id", id), id)
}

// Messages returns the messages of a whole, of which there is at least one, in order of
// their part, without their documents.
func (r reader) Messages(ctx context.Context, whole gateway.MessageID) ([]Message, error) {
	ms, err := brief[Message](ctx, r.q, "message", idIs("whole", whole)+" ORDER BY part", whole)
	if err == nil && len(ms) == 0 {
		err = ErrNotFound
	}
	return ms, err
}

// MessageByDocument returns the outgoing message that carried a document.
func (r reader) MessageByDocument(ctx context.Context, documentID string, to gateway.Administration) (Message, error) {
	return one[Message](ctx, r.q, "message", idIs("document_id", documentID)+" AND recipient = ?", documentID, to)
}

// headOfChain selects, of each chain of messages to a partner, only the oldest one that still
// waits for its verdict.
const headOfChain = `recipient = ? AND state IN ('queued', 'sent', 'received') AND NOT EXISTS (
	SELECT 1 FROM message AS older WHERE older.chain = message.chain AND older.state IN ('queued', 'sent', 'received')
		AND (older.sequence, older.id) < (message.sequence, message.id))`

// Turns names the messages that wait for a partner, the earliest due first: of each chain
// only the oldest unfinished one.
func (r reader) Turns(ctx context.Context, to gateway.Administration, limit int) ([]Turn, error) {
	return list[Turn](ctx, r.q, "message", headOfChain+" ORDER BY next_attempt, sequence LIMIT ?", to, limit)
}

// ParkedMessages lists outgoing messages that wait for an operator, in order of commit.
func (r reader) ParkedMessages(ctx context.Context, after gateway.Commit, limit int) ([]Message, error) {
	return page[Message](ctx, r.q, "message", "parked = 1 AND commit_no > ?", []any{after}, oldestFirst, limit)
}

// Waiting counts the messages that have no verdict yet. It costs what the queue is long.
func (r reader) Waiting(ctx context.Context) ([]Waiting, error) {
	rows, err := r.q.QueryContext(ctx, `SELECT recipient, route, state, count(*), min(created) FROM message
		WHERE state IN ('queued', 'sent', 'received') GROUP BY recipient, route, state`)
	if err != nil {
		return nil, fmt.Errorf("count what waits: %w", err)
	}
	defer rows.Close()
	var out []Waiting
	for rows.Next() {
		var w Waiting
		var oldest string
		if err := rows.Scan(&w.Recipient, &w.Route, &w.State, &w.Count, &oldest); err != nil {
			return nil, fmt.Errorf("count what waits: %w", err)
		}
		if w.Oldest, err = parseTime(oldest); err != nil {
			return nil, fmt.Errorf("count what waits: %w", err)
		}
		out = append(out, w)
	}
	return out, rows.Err()
}

// Announced returns the message that announced a subject on a route.
func (r reader) Announced(ctx context.Context, route, subject string) (gateway.MessageID, error) {
	a, err := one[announced](ctx, r.q, "announced", "route = ? AND subject = ?", route, subject)
	return a.MessageID, err
}

// Inbound returns one message from a partner. An id says nothing without its sender.
func (r reader) Inbound(ctx context.Context, sender gateway.Administration, id gateway.MessageID) (Inbound, error) {
	return one[Inbound](ctx, r.q, "inbox", "sender = ? AND "+idIs("id", id), sender, id)
}

// InboundsByID returns the messages of an id, of every sender that has used it.
func (r reader) InboundsByID(ctx context.Context, id gateway.MessageID) ([]Inbound, error) {
	return list[Inbound](ctx, r.q, "inbox", idIs("id", id)+" ORDER BY sender", id)
}

// InboundByDocument returns the message from a partner that carried a document of its.
func (r reader) InboundByDocument(ctx context.Context, sender gateway.Administration, documentID string) (Inbound, error) {
	return one[Inbound](ctx, r.q, "inbox", "sender = ? AND "+idIs("document_id", documentID)+" AND state = ?", sender, documentID, gateway.Accepted)
}

// InboxFilter narrows a list; zero fields do not.
type InboxFilter struct {
	Kind           string
	Unacknowledged bool
	After          gateway.Commit
	Limit          int
}

// Inbox lists accepted messages from partners in order of commit.
func (r reader) Inbox(ctx context.Context, f InboxFilter) ([]Inbound, error) {
	where, args := "state = ? AND commit_no > ?", []any{gateway.Accepted, f.After}
	if f.Kind != "" {
		where, args = where+" AND kind = ?", append(args, f.Kind)
	}
	if f.Unacknowledged {
		where += " AND acknowledged_by = ''"
	}
	return page[Inbound](ctx, r.q, "inbox", where, args, oldestFirst, f.Limit)
}

// Parked lists messages from partners that wait for a table, in order of commit.
func (r reader) Parked(ctx context.Context, after gateway.Commit, limit int) ([]Inbound, error) {
	return page[Inbound](ctx, r.q, "inbox", "state = ? AND commit_no > ?", []any{gateway.Parked, after}, oldestFirst, limit)
}

// Movement returns one movement.
func (r reader) Movement(ctx context.Context, id gateway.MovementID) (Movement, error) {
	return one[Movement](ctx, r.q, "movement", idIs("id", id), id)
}

// MovementsBy returns the movements that any of the identifiers finds, newest first.
// An identifier without kind finds by any kind.
func (r reader) MovementsBy(ctx context.Context, ids []Identifier, before gateway.Commit, limit int) ([]Movement, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	sought, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	// One argument, however many identifiers a document has.
	where, args := `id IN (SELECT movement_id FROM json_each(?) AS sought JOIN movement_identifier
		ON folded = json_extract(sought.value, '$.Folded') AND json_extract(sought.value, '$.Kind') IN (kind, ''))`, []any{string(sought)}
	if before > 0 {
		where, args = where+" AND commit_no < ?", append(args, before)
	}
	return page[Movement](ctx, r.q, "movement", where, args, newestFirst, limit)
}

// MovementsNear returns the movements that any of the identifiers finds, newest first: those
// whose times touch a span of time, and whatever their times those that any of lasting finds.
func (r reader) MovementsNear(ctx context.Context, ids []Identifier, from, until time.Time, lasting []Identifier, limit int) ([]Movement, error) {
	sought := make([]any, 2)
	for i, list := range [][]Identifier{ids, lasting} {
		if list == nil {
			list = []Identifier{} // as JSON no null
		}
		raw, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		sought[i] = string(raw)
	}
	const by = `id IN (SELECT movement_id FROM json_each(?) AS sought CROSS JOIN movement_identifier
		ON folded = json_extract(sought.value, '$.Folded') AND json_extract(sought.value, '$.Kind') IN (kind, '')`
	where := "(" + by + " AND last_time >= ? AND first_time <= ?) OR " + by + ")) ORDER BY commit_no DESC, id LIMIT ?"
	return list[Movement](ctx, r.q, "movement", where, sought[0], formatTime(from), formatTime(until), sought[1], limit)
}

// Audit returns audit rows after a commit, in order.
func (r reader) Audit(ctx context.Context, after gateway.Commit, limit int) ([]AuditRow, error) {
	return page[AuditRow](ctx, r.q, "audit", "commit_no > ?", []any{after}, order{"commit_no, ordinal", "<="}, limit)
}

// order is the order of a page, and how its records compare with the last commit on it.
type order struct{ by, within string }

var (
	oldestFirst = order{"commit_no, id", "<="}
	newestFirst = order{"commit_no DESC, id", ">="}
)

// page lists the records that fit, without what is large, up to all those of the commit that reaches the limit.
func page[T any](ctx context.Context, q queryer, table, where string, args []any, o order, limit int) ([]T, error) {
	last := "SELECT commit_no FROM " + table + " WHERE " + where + " ORDER BY " + o.by + " LIMIT 1 OFFSET ?"
	args = slices.Concat(args, args, []any{limit - 1})
	return brief[T](ctx, q, table, where+" AND coalesce(commit_no "+o.within+" ("+last+"), true) ORDER BY "+o.by, args...)
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, x := range in {
		out[i] = x
	}
	return out
}
