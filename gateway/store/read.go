package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// reader holds the queries that a unit of work and a plain reader share.
type reader struct {
	q     *rows.Queries
	seek  seeker
	owner string // whose work is asked for
	unit  bool   // a unit's statements are not cut off in the middle

	damages *damages // that are found
}

// Read returns the queries over what is committed.
func (s *Store) Read() Reader {
	return Reader{reader{q: s.read, seek: s.readSeek, owner: s.owner, damages: &s.damages}}
}

// Reader reads what is committed.
type Reader struct{ reader }

// ask runs a query with a caller's context: of a unit only before it begins, since the
// connection that a query is torn from is the connection of other units too.
func ask[R any](ctx context.Context, r reader, what string, query func(ctx context.Context) (R, error)) (R, error) {
	var none R
	if r.unit {
		if ctx.Err() != nil {
			return none, context.Cause(ctx)
		}
		ctx = context.WithoutCancel(ctx)
	}
	out, err := query(ctx)
	for again := 0; !r.unit && again < stale && lost(err) && ctx.Err() == nil; again++ {
		out, err = query(ctx)
	}
	if err = notFound(err); err != nil && !errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("read %s: %w", what, err)
	}
	return out, err
}

// stale is how many connections that a server has ended a read may meet, one after the
// other: as many as are kept.
const stale = 8

// all turns rows into records. Those that are not as they were written are left out, and it says so: who
// decides by what is there has an error, and a list goes on (shown).
func all[R, T any](found []R, err error, record func(R) (T, error)) ([]T, error) {
	if err != nil || len(found) == 0 {
		return nil, err
	}
	out := make([]T, 0, len(found))
	var left leftOut
	for _, row := range found {
		switch rec, err := record(row); {
		case errors.Is(err, ErrDamaged):
			left = leftOut{err, left.rows + 1}
		case err != nil:
			return nil, err
		default:
			out = append(out, rec)
		}
	}
	if left.rows > 0 {
		return out, left
	}
	return out, nil
}

// leftOut says that rows are left out of a list, which are not as they were written.
type leftOut struct {
	error // of the last
	rows  int
}

func (l leftOut) Unwrap() error { return l.error }

// shown is a list without what is left out of it, and how many rows that is.
func shown[T any](out []T, err error) ([]T, int, error) {
	if left := (leftOut{}); errors.As(err, &left) {
		return out, left.rows, nil
	}
	return out, 0, err
}

// listed is a list without what is left out of it.
func listed[T any](out []T, err error) ([]T, error) {
	out, _, err = shown(out, err)
	return out, err
}

// everything is as many rows as there are of one commit or one whole: what one unit of work wrote.
const everything = math.MaxInt32

// page lists at most limit records, and those that belong to the last commit of them even
// beyond it: the next page begins after a commit. Of list it asks the commits from and to,
// both included.
func page[T any](limit int, from, to gateway.Commit, commit func(T) gateway.Commit,
	list func(from, to gateway.Commit, limit int) ([]T, error)) ([]T, error) {
	out, left, err := shown(list(from, to, limit))
	if err != nil || len(out)+left < limit || len(out) == 0 || limit < 1 {
		return out, err
	}
	last := commit(out[len(out)-1])
	whole, err := listed(list(last, last, everything))
	if err != nil {
		return nil, err
	}
	out = slices.DeleteFunc(out, func(rec T) bool { return commit(rec) == last })
	return append(out, whole...), nil
}

const latest = gateway.Commit(math.MaxInt64)

// Arrival returns what arrived under an id.
func (r reader) Arrival(ctx context.Context, door, party, id string) (Arrival, error) {
	row, err := ask(ctx, r, "arrival", func(ctx context.Context) (rows.ArrivalRow, error) {
		return r.q.Arrival(ctx, rows.ArrivalParams{Door: door, Party: party, IDKey: gateway.FoldID(id)})
	})
	if err != nil {
		return Arrival{}, err
	}
	return r.toArrival(row.Arrival, row.Judging, row.Content)
}

// unjudged names arrivals that are this process's to judge now, those that have waited
// longest first.
func (r reader) unjudged(ctx context.Context, at time.Time, limit int) ([]ArrivalKey, error) {
	found, err := ask(ctx, r, "unjudged", func(ctx context.Context) ([]rows.UnjudgedRow, error) {
		return r.q.Unjudged(ctx, rows.UnjudgedParams{Owner: r.owner, NextTry: formatTime(at), Limit: int32(limit)})
	})
	return all(found, err, func(row rows.UnjudgedRow) (ArrivalKey, error) { return ArrivalKey(row), nil })
}

// Early is how many messages of a sender wait for others of its that are to come first, up to a
// limit.
func (r reader) Early(ctx context.Context, sender gateway.Administration, limit int) (int, error) {
	found, err := ask(ctx, r, "early", func(ctx context.Context) ([]string, error) {
		return r.q.EarlyOf(ctx, rows.EarlyOfParams{Sender: string(sender), Limit: int32(limit)})
	})
	return len(found), err
}

// Troubled lists arrivals whose judgement failed and that have none yet, in order of commit.
func (r reader) Troubled(ctx context.Context, after gateway.Commit, limit int) ([]Troubled, error) {
	return page(limit, after+1, latest, func(t Troubled) gateway.Commit { return t.Commit }, func(from, to gateway.Commit, limit int) ([]Troubled, error) {
		found, err := ask(ctx, r, "troubled", func(ctx context.Context) ([]rows.TroubledRow, error) {
			return r.q.Troubled(ctx, rows.TroubledParams{Least: int64(from), Upto: int64(to), Most: int32(limit)})
		})
		return all(found, err, func(row rows.TroubledRow) (Troubled, error) {
			return r.toTroubled(row.ID, row.Digest, row.Received, row.Judging)
		})
	})
}

// TroubledBy lists those of an id, whoever sent it.
func (r reader) TroubledBy(ctx context.Context, id string) ([]Troubled, error) {
	found, err := ask(ctx, r, "troubled", func(ctx context.Context) ([]rows.TroubledByRow, error) {
		return r.q.TroubledBy(ctx, gateway.FoldID(id))
	})
	return all(found, err, func(row rows.TroubledByRow) (Troubled, error) {
		return r.toTroubled(row.ID, row.Digest, row.Received, row.Judging)
	})
}

// Submission returns one submission of an office.
func (r reader) Submission(ctx context.Context, office, id string) (Submission, error) {
	row, err := ask(ctx, r, "submission", func(ctx context.Context) (rows.SubmissionRow, error) {
		return r.q.Submission(ctx, rows.SubmissionParams{Office: office, IDKey: gateway.FoldID(id)})
	})
	if err != nil {
		return Submission{}, err
	}
	return r.toSubmission(row.Submission, row.Faults, row.Canonical)
}

// Judgements returns the last judgements of a submission, the last of them first.
func (r reader) Judgements(ctx context.Context, office, id string, limit int) ([]Judgement, error) {
	found, err := ask(ctx, r, "judgements", func(ctx context.Context) ([]rows.JudgementsRow, error) {
		return r.q.Judgements(ctx, rows.JudgementsParams{Office: office, IDKey: gateway.FoldID(id), Limit: int32(limit)})
	})
	return listed(all(found, err, func(row rows.JudgementsRow) (Judgement, error) { return r.toJudgement(row.Judgement, row.Faults) }))
}

// Approval returns what was decided on the bytes of a submission.
func (r reader) Approval(ctx context.Context, office, id string, digest gateway.Digest) (Approval, error) {
	row, err := ask(ctx, r, "approval", func(ctx context.Context) (rows.Approval, error) {
		return r.q.Approval(ctx, rows.ApprovalParams{Office: office, IDKey: gateway.FoldID(id), Digest: digest[:]})
	})
	if err != nil {
		return Approval{}, err
	}
	return r.toApproval(row, id)
}

// MaxRulings is how many texts of a submission may be ruled on.
const MaxRulings = 1000

// Rulings returns what was ruled on texts of a submission that says what has a digest.
func (r reader) Rulings(ctx context.Context, office, id string, digest gateway.Digest) ([]Ruling, error) {
	found, err := ask(ctx, r, "rulings", func(ctx context.Context) ([]rows.Ruling, error) {
		return r.q.Rulings(ctx, rows.RulingsParams{Office: office, IDKey: gateway.FoldID(id), Digest: digest[:], Limit: MaxRulings})
	})
	return all(found, err, func(row rows.Ruling) (Ruling, error) { return r.toRuling(row, id) })
}

// Crossings counts what has crossed in a month, of each pair of offices or, where both are named, of one,
// in order of offices: as many counts at most.
func (r reader) Crossings(ctx context.Context, month, exit, entry string, limit int) ([]CrossingCount, error) {
	if exit != "" {
		found, err := ask(ctx, r, "crossings", func(ctx context.Context) ([]rows.CrossingsBetweenRow, error) {
			return r.q.CrossingsBetween(ctx, rows.CrossingsBetweenParams{Month: month, ExitOffice: exit, EntryOffice: entry, Most: int32(limit)})
		})
		return all(found, err, func(row rows.CrossingsBetweenRow) (CrossingCount, error) {
			return toCrossings(month, rows.CrossingsRow(row)), nil
		})
	}
	found, err := ask(ctx, r, "crossings", func(ctx context.Context) ([]rows.CrossingsRow, error) {
		return r.q.Crossings(ctx, rows.CrossingsParams{Month: month, Most: int32(limit)})
	})
	return all(found, err, func(row rows.CrossingsRow) (CrossingCount, error) { return toCrossings(month, row), nil })
}

// Held returns the held parts of a route with a join key, oldest first.
func (r reader) Held(ctx context.Context, route, key string) ([]Submission, error) {
	found, err := ask(ctx, r, "held", func(ctx context.Context) ([]rows.HeldRow, error) {
		return r.q.Held(ctx, rows.HeldParams{Route: route, JoinKey: key})
	})
	return all(found, err, func(row rows.HeldRow) (Submission, error) {
		return r.toSubmission(row.Submission, row.Faults, row.Canonical)
	})
}

// HeldPast returns held parts whose time is over; without a time it never is.
func (r reader) HeldPast(ctx context.Context, at time.Time, limit int) ([]Submission, error) {
	found, err := ask(ctx, r, "held", func(ctx context.Context) ([]rows.HeldPastRow, error) {
		return r.q.HeldPast(ctx, rows.HeldPastParams{Expires: formatTime(at), Limit: int32(limit)})
	})
	return listed(all(found, err, func(row rows.HeldPastRow) (Submission, error) {
		return r.toSubmission(row.Submission, row.Faults, row.Canonical)
	}))
}

// Joined returns the submissions that went into a whole, in order of their part.
func (r reader) Joined(ctx context.Context, id gateway.MessageID) ([]Submission, error) {
	found, err := ask(ctx, r, "joined", func(ctx context.Context) ([]rows.JoinedRow, error) { return r.q.Joined(ctx, string(id)) })
	return all(found, err, func(row rows.JoinedRow) (Submission, error) {
		return r.toSubmission(row.Submission, row.Faults, row.Canonical)
	})
}

// Sources returns them without their documents.
func (r reader) Sources(ctx context.Context, id gateway.MessageID) ([]Submission, error) {
	found, err := ask(ctx, r, "sources", func(ctx context.Context) ([]rows.SourcesRow, error) { return r.q.Sources(ctx, string(id)) })
	return all(found, err, func(row rows.SourcesRow) (Submission, error) { return r.toSubmission(row.Submission, row.Faults, nil) })
}

// WholesOf returns the wholes that submissions of a key went into, the last changed first.
func (r reader) WholesOf(ctx context.Context, route, key string, limit int) ([]gateway.MessageID, error) {
	found, err := ask(ctx, r, "wholes", func(ctx context.Context) ([]rows.WholesOfRow, error) {
		return r.q.WholesOf(ctx, rows.WholesOfParams{Route: route, JoinKey: key, Limit: int32(limit)})
	})
	return all(found, err, func(row rows.WholesOfRow) (gateway.MessageID, error) { return gateway.MessageID(row.MessageID), nil })
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

// Submissions lists submissions without their documents, the last changed first. Its
// pages, as all others, never part what changed in one commit, for the next page begins
// after a commit: the last commit of a page is there entirely, even beyond the limit.
func (r reader) Submissions(ctx context.Context, f SubmissionFilter) ([]Submission, error) {
	before := latest
	if f.Before > 0 {
		before = f.Before - 1
	}
	batch := gateway.FoldID(f.Batch)
	return page(f.Limit, 0, before, submissionCommit, func(from, to gateway.Commit, limit int) ([]Submission, error) {
		return ofOffices(f.Offices, limit, newestFirst, func(office string) ([]Submission, error) {
			p := rows.SubmissionsBeforeParams{
				Office: office, Least: int64(from), Upto: int64(to), MessageState: string(f.MessageState), Kind: f.Kind,
				Since: formatTime(f.Since), Most: int32(limit),
			}
			switch {
			case batch != "":
				found, err := ask(ctx, r, "submissions", func(ctx context.Context) ([]rows.SubmissionsOfBatchRow, error) {
					return r.q.SubmissionsOfBatch(ctx, rows.SubmissionsOfBatchParams{
						Office: p.Office, BatchKey: batch, Least: p.Least, Upto: p.Upto, State: string(f.State),
						MessageState: p.MessageState, Kind: p.Kind, Since: p.Since, Most: p.Most,
					})
				})
				return all(found, err, func(row rows.SubmissionsOfBatchRow) (Submission, error) {
					return r.toSubmission(row.Submission, row.Faults, nil)
				})
			case f.State != "":
				found, err := ask(ctx, r, "submissions", func(ctx context.Context) ([]rows.SubmissionsInStateRow, error) {
					return r.q.SubmissionsInState(ctx, rows.SubmissionsInStateParams{
						Office: p.Office, State: string(f.State), Least: p.Least, Upto: p.Upto,
						MessageState: p.MessageState, Kind: p.Kind, Since: p.Since, Most: p.Most,
					})
				})
				return all(found, err, func(row rows.SubmissionsInStateRow) (Submission, error) {
					return r.toSubmission(row.Submission, row.Faults, nil)
				})
			}
			found, err := ask(ctx, r, "submissions", func(ctx context.Context) ([]rows.SubmissionsBeforeRow, error) { return r.q.SubmissionsBefore(ctx, p) })
			return all(found, err, func(row rows.SubmissionsBeforeRow) (Submission, error) {
				return r.toSubmission(row.Submission, row.Faults, nil)
			})
		})
	})
}

func submissionCommit(s Submission) gateway.Commit { return s.Commit }

func oldestFirst(a, b Submission) int {
	return cmp.Or(cmp.Compare(a.Commit, b.Commit), cmp.Compare(a.ID, b.ID))
}
func newestFirst(a, b Submission) int {
	return cmp.Or(cmp.Compare(b.Commit, a.Commit), cmp.Compare(a.ID, b.ID))
}

// ofOffices merges the lists of offices, which are each as long as the whole at most.
func ofOffices(offices []string, limit int, order func(a, b Submission) int, list func(office string) ([]Submission, error)) (out []Submission, err error) {
	var left leftOut
	for _, office := range offices {
		found, err := list(office)
		if of := (leftOut{}); errors.As(err, &of) {
			left = leftOut{of.error, left.rows + of.rows}
		} else if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortFunc(out, order)
	if out = out[:min(len(out), limit)]; left.rows > 0 {
		return out, left
	}
	return out, nil
}

// SubmissionsAfter returns submissions of offices changed after a commit, in order,
// without their documents.
func (r reader) SubmissionsAfter(ctx context.Context, offices []string, after gateway.Commit, limit int) ([]Submission, error) {
	return page(limit, after+1, latest, submissionCommit, func(from, to gateway.Commit, limit int) ([]Submission, error) {
		return ofOffices(offices, limit, oldestFirst, func(office string) ([]Submission, error) {
			found, err := ask(ctx, r, "submissions", func(ctx context.Context) ([]rows.SubmissionsAfterRow, error) {
				return r.q.SubmissionsAfter(ctx, rows.SubmissionsAfterParams{Office: office, Least: int64(from), Upto: int64(to), Most: int32(limit)})
			})
			return all(found, err, func(row rows.SubmissionsAfterRow) (Submission, error) {
				return r.toSubmission(row.Submission, row.Faults, nil)
			})
		})
	})
}

// Message returns one outgoing message.
func (r reader) Message(ctx context.Context, id gateway.MessageID) (Message, error) {
	row, err := ask(ctx, r, "message", func(ctx context.Context) (rows.MessageRow, error) {
		return r.q.Message(ctx, gateway.FoldID(string(id)))
	})
	if err != nil {
		return Message{}, err
	}
	return r.toMessage(row.Message, row.Delivery, row.Payload, row.Canonical, row.Receipt)
}

// Messages returns the messages of a whole, of which there is at least one, in order of
// their part, without their documents.
func (r reader) Messages(ctx context.Context, whole gateway.MessageID) ([]Message, error) {
	found, err := ask(ctx, r, "messages", func(ctx context.Context) ([]rows.MessagesRow, error) {
		return r.q.Messages(ctx, gateway.FoldID(string(whole)))
	})
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	return all(found, err, func(row rows.MessagesRow) (Message, error) {
		return r.toMessage(row.Message, row.Delivery, nil, nil, row.Receipt)
	})
}

// MessageByDocument returns the outgoing message that carried a document.
func (r reader) MessageByDocument(ctx context.Context, documentID string, to gateway.Administration) (Message, error) {
	row, err := ask(ctx, r, "message", func(ctx context.Context) (rows.MessageByDocumentRow, error) {
		return r.q.MessageByDocument(ctx, rows.MessageByDocumentParams{DocumentKey: gateway.FoldID(documentID), Recipient: string(to)})
	})
	if err != nil {
		return Message{}, err
	}
	return r.toMessage(row.Message, row.Delivery, row.Payload, row.Canonical, row.Receipt)
}

// Receipts returns the receipts that are kept of an outgoing message, in the order in which
// they came.
func (r reader) Receipts(ctx context.Context, id gateway.MessageID) ([]Receipt, error) {
	found, err := ask(ctx, r, "receipts", func(ctx context.Context) ([]rows.Receipt, error) {
		return r.q.Receipts(ctx, gateway.FoldID(string(id)))
	})
	return all(found, err, r.toReceipt)
}

// turns names the messages that wait for a partner and are this process's to deliver, the
// earliest due first: of each chain only the oldest unfinished one.
func (r reader) turns(ctx context.Context, to gateway.Administration, limit int) ([]Turn, error) {
	found, err := ask(ctx, r, "turns", func(ctx context.Context) ([]rows.TurnsRow, error) {
		return r.q.Turns(ctx, rows.TurnsParams{Owner: r.owner, Recipient: string(to), Limit: int32(limit)})
	})
	return all(found, err, func(row rows.TurnsRow) (Turn, error) {
		next, err := parseTime(row.NextAttempt)
		return Turn{gateway.MessageID(row.ID), next, int(row.PayloadSize), Claim{row.Owner, row.Token}}, err
	})
}

// ParkedMessages lists outgoing messages that wait for an operator, in order of commit,
// without their documents.
func (r reader) ParkedMessages(ctx context.Context, after gateway.Commit, limit int) ([]Message, error) {
	return page(limit, after+1, latest, func(m Message) gateway.Commit { return m.Commit }, func(from, to gateway.Commit, limit int) ([]Message, error) {
		found, err := ask(ctx, r, "parked", func(ctx context.Context) ([]rows.ParkedMessagesRow, error) {
			return r.q.ParkedMessages(ctx, rows.ParkedMessagesParams{Least: int64(from), Upto: int64(to), Most: int32(limit)})
		})
		return all(found, err, func(row rows.ParkedMessagesRow) (Message, error) {
			return r.toMessage(row.Message, row.Delivery, nil, nil, row.Receipt)
		})
	})
}

// MessagesBefore lists outgoing messages that changed before a commit, or all, the last changed
// first, without their documents and receipts.
func (r reader) MessagesBefore(ctx context.Context, before gateway.Commit, limit int) ([]Message, error) {
	return page(limit, 0, upTo(before), func(m Message) gateway.Commit { return m.Commit }, func(from, to gateway.Commit, limit int) ([]Message, error) {
		found, err := ask(ctx, r, "messages", func(ctx context.Context) ([]rows.MessagesBeforeRow, error) {
			return r.q.MessagesBefore(ctx, rows.MessagesBeforeParams{Least: int64(from), Upto: int64(to), Most: int32(limit)})
		})
		return all(found, err, func(row rows.MessagesBeforeRow) (Message, error) {
			return r.toMessage(row.Message, row.Delivery, nil, nil, nil)
		})
	})
}

// InboxBefore lists messages from partners likewise, whatever became of them.
func (r reader) InboxBefore(ctx context.Context, before gateway.Commit, limit int) ([]Inbound, error) {
	return page(limit, 0, upTo(before), inboundCommit, func(from, to gateway.Commit, limit int) ([]Inbound, error) {
		found, err := ask(ctx, r, "inbox", func(ctx context.Context) ([]rows.InboxBeforeRow, error) {
			return r.q.InboxBefore(ctx, rows.InboxBeforeParams{Least: int64(from), Upto: int64(to), Most: int32(limit)})
		})
		return all(found, err, func(row rows.InboxBeforeRow) (Inbound, error) {
			return r.toInbound(row.Inbox, row.Faults, row.Unread, row.Receipt, nil)
		})
	})
}

// upTo is the last commit before one; 0 is behind all.
func upTo(before gateway.Commit) gateway.Commit {
	if before > 0 {
		return before - 1
	}
	return latest
}

// Waiting counts the messages that have no verdict yet. It costs what the queue is long.
func (r reader) Waiting(ctx context.Context) ([]Waiting, error) {
	found, err := ask(ctx, r, "waiting", r.q.Waiting)
	return all(found, err, func(row rows.WaitingRow) (Waiting, error) {
		oldest, err := parseTime(row.Oldest)
		return Waiting{gateway.Administration(row.Recipient), row.Route, gateway.MessageState(row.State), int(row.Messages), oldest}, err
	})
}

// Announced returns the message that announced a subject on a route.
func (r reader) Announced(ctx context.Context, route, subject string) (gateway.MessageID, error) {
	row, err := ask(ctx, r, "announced", func(ctx context.Context) (rows.Announced, error) {
		return r.q.Announced(ctx, rows.AnnouncedParams{Route: route, Subject: subject})
	})
	if err == nil {
		err = r.intact("announced", subject, &row)
	}
	return gateway.MessageID(row.MessageID), err
}

// Inbound returns one message from a partner. An id says nothing without its sender.
func (r reader) Inbound(ctx context.Context, sender gateway.Administration, id gateway.MessageID) (Inbound, error) {
	row, err := ask(ctx, r, "inbox", func(ctx context.Context) (rows.InboundRow, error) {
		return r.q.Inbound(ctx, rows.InboundParams{Sender: string(sender), IDKey: gateway.FoldID(string(id))})
	})
	if err != nil {
		return Inbound{}, err
	}
	return r.toInbound(row.Inbox, row.Faults, row.Unread, row.Receipt, row.Canonical)
}

// Registered returns the messages of a partner that were registered under a number.
func (r reader) Registered(ctx context.Context, partner gateway.Administration, number string, limit int) ([]gateway.MessageID, error) {
	found, err := ask(ctx, r, "registered", func(ctx context.Context) ([]string, error) {
		return r.q.Registered(ctx, rows.RegisteredParams{Partner: string(partner), Number: number, Limit: int32(limit)})
	})
	return all(found, err, func(id string) (gateway.MessageID, error) { return gateway.MessageID(id), nil })
}

// InboundsByID returns the messages of an id, of every sender that has used it.
func (r reader) InboundsByID(ctx context.Context, id gateway.MessageID) ([]Inbound, error) {
	found, err := ask(ctx, r, "inbox", func(ctx context.Context) ([]rows.InboundsByIDRow, error) {
		return r.q.InboundsByID(ctx, gateway.FoldID(string(id)))
	})
	return all(found, err, func(row rows.InboundsByIDRow) (Inbound, error) {
		return r.toInbound(row.Inbox, row.Faults, row.Unread, row.Receipt, row.Canonical)
	})
}

// InboundByDocument returns the message from a partner that carried a document of its.
func (r reader) InboundByDocument(ctx context.Context, sender gateway.Administration, documentID string) (Inbound, error) {
	row, err := ask(ctx, r, "inbox", func(ctx context.Context) (rows.InboundByDocumentRow, error) {
		return r.q.InboundByDocument(ctx, rows.InboundByDocumentParams{Sender: string(sender), DocumentKey: gateway.FoldID(documentID)})
	})
	if err != nil {
		return Inbound{}, err
	}
	return r.toInbound(row.Inbox, row.Faults, row.Unread, row.Receipt, row.Canonical)
}

// InboxFilter narrows a list; zero fields do not.
type InboxFilter struct {
	Kind           string
	Unacknowledged bool
	After          gateway.Commit
	Limit          int
}

// Inbox lists accepted messages from partners in order of commit, without their documents.
func (r reader) Inbox(ctx context.Context, f InboxFilter) ([]Inbound, error) {
	return page(f.Limit, f.After+1, latest, inboundCommit, func(from, to gateway.Commit, limit int) ([]Inbound, error) {
		switch {
		case f.Unacknowledged:
			found, err := ask(ctx, r, "inbox", func(ctx context.Context) ([]rows.InboxWaitingRow, error) {
				return r.q.InboxWaiting(ctx, rows.InboxWaitingParams{State: string(gateway.Accepted), Kind: f.Kind, Least: int64(from), Upto: int64(to), Most: int32(limit)})
			})
			return all(found, err, func(row rows.InboxWaitingRow) (Inbound, error) {
				return r.toInbound(row.Inbox, row.Faults, row.Unread, row.Receipt, nil)
			})
		case f.Kind != "":
			found, err := ask(ctx, r, "inbox", func(ctx context.Context) ([]rows.InboxOfKindRow, error) {
				return r.q.InboxOfKind(ctx, rows.InboxOfKindParams{State: string(gateway.Accepted), Kind: f.Kind, Least: int64(from), Upto: int64(to), Most: int32(limit)})
			})
			return all(found, err, func(row rows.InboxOfKindRow) (Inbound, error) {
				return r.toInbound(row.Inbox, row.Faults, row.Unread, row.Receipt, nil)
			})
		}
		return r.inState(ctx, gateway.Accepted, from, to, limit)
	})
}

func inboundCommit(in Inbound) gateway.Commit { return in.Commit }

func (r reader) inState(ctx context.Context, state gateway.MessageState, from, to gateway.Commit, limit int) ([]Inbound, error) {
	found, err := ask(ctx, r, "inbox", func(ctx context.Context) ([]rows.InboxInStateRow, error) {
		return r.q.InboxInState(ctx, rows.InboxInStateParams{State: string(state), Least: int64(from), Upto: int64(to), Most: int32(limit)})
	})
	return all(found, err, func(row rows.InboxInStateRow) (Inbound, error) {
		return r.toInbound(row.Inbox, row.Faults, row.Unread, row.Receipt, nil)
	})
}

// Parked lists messages from partners that wait for a table, in order of commit, without
// their documents.
func (r reader) Parked(ctx context.Context, after gateway.Commit, limit int) ([]Inbound, error) {
	return page(limit, after+1, latest, inboundCommit, func(from, to gateway.Commit, limit int) ([]Inbound, error) {
		return r.inState(ctx, gateway.Parked, from, to, limit)
	})
}

// Movement returns one movement.
func (r reader) Movement(ctx context.Context, id gateway.MovementID) (Movement, error) {
	row, err := ask(ctx, r, "movement", func(ctx context.Context) (rows.Movement, error) {
		return r.q.Movement(ctx, gateway.FoldID(string(id)))
	})
	if err != nil {
		return Movement{}, err
	}
	return r.toMovement(row)
}

// Movements returns movements in the order of their ids.
func (r reader) Movements(ctx context.Context, ids []gateway.MovementID) ([]Movement, error) {
	hits := make([]hit, len(ids))
	for i, id := range ids {
		hits[i].key = gateway.FoldID(string(id))
	}
	return r.movements(ctx, hits, len(hits), 0)
}

// DeliveryState is where one of our messages stands.
func (r reader) DeliveryState(ctx context.Context, id gateway.MessageID) (gateway.MessageState, error) {
	state, err := ask(ctx, r, "message", func(ctx context.Context) (string, error) { return r.q.DeliveryState(ctx, gateway.FoldID(string(id))) })
	return gateway.MessageState(state), err
}

// Listed returns what a movement is listed by for an office.
func (r reader) Listed(ctx context.Context, id gateway.MovementID, office string) (Listed, error) {
	row, err := ask(ctx, r, "movement", func(ctx context.Context) (rows.MovementOffice, error) {
		return r.q.MovementOffice(ctx, rows.MovementOfficeParams{IDKey: gateway.FoldID(string(id)), Office: office})
	})
	if err != nil {
		return Listed{}, err
	}
	return r.toListed(row)
}

// ListFilter says which movements of an office are listed, and in which order: a worklist by
// Since; those expected in a span, by that, both from the first on; all others by their last
// change, the last first.
type ListFilter struct {
	Office      string
	Worklist    string
	From, Until time.Time // expected, not before the one and before the other
	Differing   bool
	State       string
	Limit       int
}

// ListCursor is a place in a list: behind a movement of an order.
type ListCursor struct {
	At  string // a time, or the number of a commit
	Key string
}

// MovementList lists movements of an office behind a place, by what of the filter an index leads to:
// the worklist, else the span, else what differs, else the state. The rest of the filter is
// the caller's. Each comes with its place.
func (r reader) MovementList(ctx context.Context, f ListFilter, after ListCursor) (found []Listed, at []ListCursor, err error) {
	list, err := ask(ctx, r, "movements", func(ctx context.Context) ([]rows.MovementOffice, error) {
		commit := int64(math.MaxInt64)
		if after.At != "" {
			if n, err := strconv.ParseInt(after.At, 10, 64); err == nil {
				commit = n
			}
		}
		switch {
		case f.Worklist != "":
			return r.q.MovementsInWorklist(ctx, rows.MovementsInWorklistParams{Office: f.Office, Worklist: f.Worklist, Since: after.At, IDKey: after.Key, Most: int32(f.Limit)})
		case f.spans():
			from, until := after, "9999"
			if from.At == "" && !f.From.IsZero() {
				from.At = formatTime(f.From)
			}
			if !f.Until.IsZero() {
				until = formatTime(f.Until)
			}
			return r.q.MovementsExpected(ctx, rows.MovementsExpectedParams{Office: f.Office, Expected: from.At, IDKey: from.Key, Until: until, Most: int32(f.Limit)})
		case f.Differing:
			return r.q.MovementsDiffering(ctx, rows.MovementsDifferingParams{Office: f.Office, CommitNo: commit, IDKey: after.Key, Most: int32(f.Limit)})
		case f.State != "":
			return r.q.MovementsInState(ctx, rows.MovementsInStateParams{Office: f.Office, State: f.State, CommitNo: commit, IDKey: after.Key, Most: int32(f.Limit)})
		}
		return r.q.MovementsOfOffice(ctx, rows.MovementsOfOfficeParams{Office: f.Office, CommitNo: commit, IDKey: after.Key, Most: int32(f.Limit)})
	})
	for _, row := range list {
		one, err := r.toListed(row)
		switch {
		case errors.Is(err, ErrDamaged):
			continue
		case err != nil:
			return nil, nil, err
		}
		place := ListCursor{strconv.FormatInt(row.CommitNo, 10), row.IDKey}
		switch {
		case f.Worklist != "":
			place.At = row.Since
		case f.spans():
			place.At = row.Expected
		}
		found, at = append(found, one), append(at, place)
	}
	return found, at, err
}

func (f ListFilter) spans() bool { return !f.From.IsZero() || !f.Until.IsZero() }

// Before reports whether one place of a list comes before another.
func (f ListFilter) Before(a, b ListCursor) bool {
	if f.Worklist != "" || f.spans() {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Key, b.Key)) < 0
	}
	x, _ := strconv.ParseInt(a.At, 10, 64)
	y, _ := strconv.ParseInt(b.At, 10, 64)
	return cmp.Or(cmp.Compare(y, x), cmp.Compare(b.Key, a.Key)) < 0
}

// MovementsDue returns movements whose wait is over at an instant, the longest overdue first.
func (r reader) MovementsDue(ctx context.Context, at time.Time, limit int) ([]Movement, error) {
	found, err := ask(ctx, r, "movements", func(ctx context.Context) ([]rows.Movement, error) {
		return r.q.MovementsDue(ctx, rows.MovementsDueParams{Due: formatTime(at), Limit: int32(limit)})
	})
	return listed(all(found, err, r.toMovement))
}

// MovementsBy returns the movements that any of the identifiers finds, newest first.
func (r reader) MovementsBy(ctx context.Context, ids []Identifier, before gateway.Commit, limit int) ([]Movement, error) {
	to := latest
	if before > 0 {
		to = before - 1
	}
	return page(limit, 0, to, func(m Movement) gateway.Commit { return m.Commit }, func(from, to gateway.Commit, limit int) ([]Movement, error) {
		hits, err := ask(ctx, r, "movements", func(ctx context.Context) ([]hit, error) {
			return r.seek.byCommit(ctx, ids, from, to, limit)
		})
		if err != nil {
			return nil, err
		}
		slices.SortFunc(hits, newestHit)
		return r.movements(ctx, hits, limit, 1)
	})
}

// MovementsNear returns the movements that any of the identifiers finds, newest first: those
// whose times touch a span of time, and whatever their times those that any of lasting
// finds. Of more than limit it takes, for each identifier, those whose last time comes
// first after the beginning of the span, and of lasting those that changed last.
func (r reader) MovementsNear(ctx context.Context, ids []Identifier, from, until time.Time, lasting []Identifier, limit int) ([]Movement, error) {
	found, err := ask(ctx, r, "movements", func(ctx context.Context) ([]hit, error) {
		near, err := r.seek.byLast(ctx, ids, formatTime(from), limit)
		if err != nil {
			return nil, err
		}
		end := formatTime(until)
		near = slices.DeleteFunc(near, func(h hit) bool { return h.first > end })
		always, err := r.seek.byCommit(ctx, lasting, 0, latest, limit)
		return append(near, always...), err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, newestHit)
	return r.movements(ctx, found, limit, 0)
}

func newestHit(a, b hit) int {
	return cmp.Or(cmp.Compare(b.commit, a.commit), cmp.Compare(a.key, b.key))
}

// movements reads those that were found, each once and in the order they were found in, by as many
// statements at least as are given.
func (r reader) movements(ctx context.Context, hits []hit, limit, least int) ([]Movement, error) {
	var keys []string
	at := make(map[string]int) // of a key its place
	for _, h := range hits {
		if _, there := at[h.key]; !there && len(keys) < limit {
			at[h.key] = len(keys)
			keys = append(keys, h.key)
		}
	}
	var out []Movement
	for from := 0; from < len(keys) || least > 0; from, least = from+readAtOnce, least-1 {
		some := keys[min(from, len(keys)):min(from+readAtOnce, len(keys))]
		found, err := ask(ctx, r, "movements", func(ctx context.Context) ([]rows.Movement, error) { return r.seek.movements(ctx, some) })
		if err != nil {
			return nil, err
		}
		for _, row := range found {
			m, err := r.toMovement(row)
			if err != nil {
				return nil, err
			}
			if _, asked := at[row.IDKey]; asked {
				out = append(out, m)
			}
		}
	}
	if len(out) != len(keys) {
		return nil, fmt.Errorf("read movements: %w", ErrNotFound)
	}
	slices.SortFunc(out, func(a, b Movement) int {
		return cmp.Compare(at[gateway.FoldID(string(a.ID))], at[gateway.FoldID(string(b.ID))])
	})
	return out, nil
}

// MovementsSought returns the movements that any of the identifiers finds, the last changed first, so many
// at most. It asks the database the same whatever is there: who is shown none of them does not
// learn from what it costs whether there are any.
func (r reader) MovementsSought(ctx context.Context, ids []Identifier, limit int) ([]Movement, error) {
	hits, err := ask(ctx, r, "movements", func(ctx context.Context) ([]hit, error) {
		return r.seek.byCommit(ctx, ids, 0, latest, limit)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(hits, newestHit)
	return r.movements(ctx, hits, limit, (limit+readAtOnce-1)/readAtOnce)
}

// Audit returns audit rows after a commit, in order.
func (r reader) Audit(ctx context.Context, after gateway.Commit, limit int) ([]AuditRow, error) {
	return page(limit, after+1, latest, func(a AuditRow) gateway.Commit { return a.Commit }, func(from, to gateway.Commit, limit int) ([]AuditRow, error) {
		found, err := ask(ctx, r, "audit", func(ctx context.Context) ([]rows.Audit, error) {
			return r.q.Audit(ctx, rows.AuditParams{Least: int64(from), Upto: int64(to), Most: int32(limit)})
		})
		return all(found, err, r.toAuditRow)
	})
}

// AuditFilter narrows a list of audit rows; zero fields do not.
type AuditFilter struct {
	Subjects     []string // any of these
	Actor        string
	Since, Until time.Time // not before the one, and before the other
	After        gateway.Commit
	Limit        int
}

// The bounds of a search in the audit trail.
const (
	// AuditExamined is how many rows one search looks at.
	AuditExamined = 10_000
	// auditPage is how many of them are read at once.
	auditPage = 500
	// Disorder is how far rows may be out of the order of time: each process stamps its own by its
	// own clock, and numbers are given at the commit.
	Disorder = time.Hour
)

// AuditBy returns the audit rows that fit, in order, and the commit up to which it has looked: it
// looks at AuditExamined rows at most, and never parts a commit. More is true if there may be
// rows behind that.
func (r reader) AuditBy(ctx context.Context, f AuditFilter) (found []AuditRow, last gateway.Commit, more bool, err error) {
	last = f.After
	if !f.Since.IsZero() {
		first, err := r.auditSince(ctx, f.Since.Add(-Disorder))
		if err != nil {
			return nil, 0, false, err
		}
		last = max(last, first-1)
	}
	for examined := 0; ; {
		some, err := r.auditAfter(ctx, f, last, auditPage)
		if err != nil {
			return nil, 0, false, err
		}
		for _, row := range some {
			if row.Commit != last && (len(found) >= f.Limit || examined >= AuditExamined) {
				return found, last, true, nil
			}
			if !f.Until.IsZero() && !row.At.Before(f.Until.Add(Disorder)) {
				return found, last, false, nil
			}
			examined++
			if last = row.Commit; f.fits(row) {
				found = append(found, row)
			}
		}
		if len(some) < auditPage {
			return found, last, false, nil
		}
	}
}

func (f AuditFilter) fits(row AuditRow) bool {
	return (len(f.Subjects) == 0 || slices.Contains(f.Subjects, row.Subject)) && (f.Actor == "" || row.Actor == f.Actor) &&
		!row.At.Before(f.Since) && (f.Until.IsZero() || row.At.Before(f.Until))
}

// auditAfter reads rows after a commit by what narrows them most.
func (r reader) auditAfter(ctx context.Context, f AuditFilter, after gateway.Commit, limit int) ([]AuditRow, error) {
	switch {
	case len(f.Subjects) > 0:
		return page(limit, after+1, latest, auditCommit, func(from, to gateway.Commit, limit int) (out []AuditRow, err error) {
			for _, subject := range f.Subjects {
				found, err := ask(ctx, r, "audit", func(ctx context.Context) ([]rows.Audit, error) {
					return r.q.AuditOfSubject(ctx, rows.AuditOfSubjectParams{Subject: subject, Least: int64(from), Upto: int64(to), Most: int32(limit)})
				})
				some, err := all(found, err, r.toAuditRow)
				if err != nil {
					return nil, err
				}
				out = append(out, some...)
			}
			slices.SortFunc(out, func(a, b AuditRow) int { return cmp.Compare(a.Leaf, b.Leaf) })
			return out[:min(len(out), limit)], nil
		})
	case f.Actor != "":
		return page(limit, after+1, latest, auditCommit, func(from, to gateway.Commit, limit int) ([]AuditRow, error) {
			found, err := ask(ctx, r, "audit", func(ctx context.Context) ([]rows.Audit, error) {
				return r.q.AuditOfActor(ctx, rows.AuditOfActorParams{Actor: f.Actor, Least: int64(from), Upto: int64(to), Most: int32(limit)})
			})
			return all(found, err, r.toAuditRow)
		})
	}
	return r.Audit(ctx, after, limit)
}

func auditCommit(a AuditRow) gateway.Commit { return a.Commit }

// auditSince is the commit of the first row from an instant on, as far as rows are in the order
// of time; one behind all if there is none. Leaves have no gap: it halves between them.
func (r reader) auditSince(ctx context.Context, at time.Time) (gateway.Commit, error) {
	leaf := func(n int64) (AuditRow, error) {
		row, err := ask(ctx, r, "audit", func(ctx context.Context) (rows.Audit, error) { return r.q.AuditLeaf(ctx, n) })
		if err != nil {
			return AuditRow{}, err
		}
		return r.toAuditRow(row)
	}
	low, high := int64(0), int64(1) // the first one lies in [low, high]
	for {
		row, err := leaf(high)
		if IgnoreNotFound(err) != nil {
			return 0, err
		}
		if err != nil || !row.At.Before(at) {
			break
		}
		low, high = high+1, high*2
	}
	for low < high {
		middle := low + (high-low)/2
		row, err := leaf(middle)
		switch {
		case IgnoreNotFound(err) != nil:
			return 0, err
		case err == nil && row.At.Before(at):
			low = middle + 1
		default:
			high = middle
		}
	}
	row, err := leaf(low)
	if errors.Is(err, ErrNotFound) {
		return latest, nil
	}
	return row.Commit, err
}

// IgnoreNotFound returns nil for ErrNotFound, for reads whose absence is an answer.
func IgnoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// LastCommit is the number of the last commit.
func (r reader) LastCommit(ctx context.Context) (gateway.Commit, error) {
	last, err := ask(ctx, r, "last commit number", r.q.LastCommit)
	return gateway.Commit(last), err
}
