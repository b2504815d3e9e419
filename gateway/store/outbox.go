package store

import (
	"context"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

func toTurn(id, next string, size int64, owner string, token int64) (Turn, error) {
	at, err := parseTime(next)
	return Turn{gateway.MessageID(id), at, int(size), Claim{owner, token}}, err
}

// nearest names messages that are this process's to deliver now, by when they are needed.
func (r reader) nearest(ctx context.Context, to gateway.Administration, needed, at time.Time, limit int) ([]Turn, error) {
	found, err := ask(ctx, r, "nearest turns", func(ctx context.Context) ([]rows.NearestTurnsRow, error) {
		return r.q.NearestTurns(ctx, rows.NearestTurnsParams{
			Recipient: string(to), Needed: formatTime(needed), Looked: nearestLooked, Owner: r.owner, Due: formatTime(at), Most: int32(limit),
		})
	})
	return all(found, err, func(row rows.NearestTurnsRow) (Turn, error) {
		return toTurn(row.ID, row.NextAttempt, row.PayloadSize, row.Owner, row.Token)
	})
}

// lapsed names messages that are this process's to end.
func (r reader) lapsed(ctx context.Context, to gateway.Administration, at time.Time, limit int) ([]Turn, error) {
	found, err := ask(ctx, r, "lapsed turns", func(ctx context.Context) ([]rows.LapsedTurnsRow, error) {
		return r.q.LapsedTurns(ctx, rows.LapsedTurnsParams{Recipient: string(to), Past: formatTime(at), Due: formatTime(at), Owner: r.owner, Most: int32(limit)})
	})
	return all(found, err, func(row rows.LapsedTurnsRow) (Turn, error) {
		return toTurn(row.ID, row.NextAttempt, row.PayloadSize, row.Owner, row.Token)
	})
}

// WaitingCursor is a place in the list of what waits for a partner: behind a message.
type WaitingCursor struct {
	Needed time.Time
	ID     gateway.MessageID
}

// Place is where a message stands in that list.
func (m Message) Place() WaitingCursor { return WaitingCursor{m.needed(), m.ID} }

// WaitingFor lists the messages that wait for a partner's verdict, what it needs first before all
// others, behind a cursor and without their documents and receipts.
func (r reader) WaitingFor(ctx context.Context, partner gateway.Administration, after WaitingCursor, limit int) ([]Message, error) {
	found, err := ask(ctx, r, "waiting", func(ctx context.Context) ([]rows.WaitingMessagesRow, error) {
		return r.q.WaitingMessages(ctx, rows.WaitingMessagesParams{
			Recipient: string(partner), Needed: formatTime(after.Needed), IDKey: gateway.FoldID(string(after.ID)), Most: int32(limit),
		})
	})
	return listed(all(found, err, func(row rows.WaitingMessagesRow) (Message, error) {
		return r.toMessage(row.Message, row.Delivery, nil, nil, nil)
	}))
}

// ChainHead returns the oldest message of a chain that waits still: the others wait for it.
func (r reader) ChainHead(ctx context.Context, chain gateway.MessageID) (gateway.MessageID, error) {
	id, err := ask(ctx, r, "chain", func(ctx context.Context) (string, error) { return r.q.ChainHead(ctx, string(chain)) })
	return gateway.MessageID(id), err
}

// Hasten has a message that waits, and is not parked, be due now, and reports whether it was not.
func (t *Tx) Hasten(m Message) (bool, error) {
	n, err := t.q.HastenMessage(within, rows.HastenMessageParams{
		NextAttempt: formatTime(t.now), CommitNo: int64(t.Commit), IDKey: gateway.FoldID(string(m.ID)),
	})
	if err := put("turn", err); err != nil || n == 0 {
		return false, err
	}
	return true, t.touch(m.Whole)
}

// HastenAll has those that wait for a partner, and are not parked, be due now: at most so many, what
// it needs first before all others. It returns how many were not.
func (t *Tx) HastenAll(partner gateway.Administration, limit int) (int, error) {
	n, err := t.q.HastenMessages(within, rows.HastenMessagesParams{
		NextAttempt: formatTime(t.now), CommitNo: int64(t.Commit), Recipient: string(partner), Most: int32(limit),
	})
	return int(n), put("turns", err)
}

// DeadLetters lists messages that ended without a verdict before a commit, or all, those that ended
// last first, without their documents and receipts.
func (r reader) DeadLetters(ctx context.Context, before gateway.Commit, limit int) ([]Message, error) {
	return page(limit, 0, upTo(before), func(m Message) gateway.Commit { return m.Commit }, func(from, to gateway.Commit, limit int) ([]Message, error) {
		found, err := ask(ctx, r, "dead letters", func(ctx context.Context) ([]rows.DeadLettersRow, error) {
			return r.q.DeadLetters(ctx, rows.DeadLettersParams{Least: int64(from), Upto: int64(to), Most: int32(limit)})
		})
		return all(found, err, func(row rows.DeadLettersRow) (Message, error) {
			return r.toMessage(row.Message, row.Delivery, nil, nil, nil)
		})
	})
}

// Redrive has a dead letter be delivered again from now on, in the state and for as long as the
// message says. One that is none any more is refused with ErrNotFound.
func (t *Tx) Redrive(m Message) error {
	set := rows.RedriveParams{
		State: string(m.State), ValidUntil: formatTime(m.ValidUntil), NextAttempt: formatTime(t.now), CommitNo: int64(t.Commit), IDKey: gateway.FoldID(string(m.ID)),
	}
	var err error
	if set.RowDigest, err = t.deliveryDigest(set.IDKey, func(d *rows.Delivery) {
		d.State, d.Reason, d.ValidUntil, d.Tries, d.Troubles, d.Parked = set.State, "", set.ValidUntil, 0, 0, false
	}); err != nil {
		return put("dead letter", err)
	}
	if err := changed("dead letter", ErrNotFound)(t.q.Redrive(within, set)); err != nil {
		return err
	}
	return t.touch(m.Whole)
}

// MadeAnew lists what was made anew in the place of a message, the last first, without documents.
func (r reader) MadeAnew(ctx context.Context, id gateway.MessageID, limit int) ([]Message, error) {
	found, err := ask(ctx, r, "repairs", func(ctx context.Context) ([]rows.RepairOfRow, error) {
		return r.q.RepairOf(ctx, rows.RepairOfParams{Repairs: string(id), Limit: int32(limit)})
	})
	return listed(all(found, err, func(row rows.RepairOfRow) (Message, error) {
		return r.toMessage(row.Message, row.Delivery, nil, nil, nil)
	}))
}

// PutSettlement stores what is said of a message; confirmed, it settles it. One that is no dead
// letter any more is refused with ErrNotFound.
func (t *Tx) PutSettlement(s Settlement, whole gateway.MessageID) error {
	key := gateway.FoldID(string(s.ID))
	if !s.Confirmed.IsZero() {
		digest, err := t.deliveryDigest(key, func(d *rows.Delivery) { d.State, d.Reason = string(gateway.Settled), s.Reason })
		if err != nil {
			return put("settlement", err)
		}
		if err := changed("dead letter", ErrNotFound)(t.q.SettleMessage(within, rows.SettleMessageParams{
			Reason: s.Reason, CommitNo: int64(t.Commit), IDKey: key, RowDigest: digest,
		})); err != nil {
			return err
		}
	}
	return put("settlement", t.q.PutSettlement(within, digested("settlement", rows.PutSettlementParams{
		IDKey: key, Recipient: string(s.Recipient), Reason: s.Reason, Evidence: toDigest(s.Evidence), Proposed: formatTime(s.Proposed),
		ProposedBy: s.ProposedBy, Confirmed: formatTime(s.Confirmed), ConfirmedBy: s.ConfirmedBy, CommitNo: int64(t.Commit),
	})), t.touch(whole))
}

// DropSettlement forgets what is said of a message and nobody has confirmed.
func (t *Tx) DropSettlement(id gateway.MessageID) error {
	return put("settlement", t.q.DropSettlement(within, gateway.FoldID(string(id))))
}

// Settlement returns what is said of a message.
func (r reader) Settlement(ctx context.Context, id gateway.MessageID) (Settlement, error) {
	row, err := ask(ctx, r, "settlement", func(ctx context.Context) (rows.Settlement, error) {
		return r.q.Settlement(ctx, gateway.FoldID(string(id)))
	})
	if err != nil {
		return Settlement{}, err
	}
	c := r.reading()
	c.intact("settlement", string(id), &row)
	out := Settlement{
		ID: id, Recipient: gateway.Administration(row.Recipient), Reason: row.Reason, Evidence: c.digest(row.Evidence), Proposed: c.time(row.Proposed),
		ProposedBy: row.ProposedBy, Confirmed: c.time(row.Confirmed), ConfirmedBy: row.ConfirmedBy, Commit: gateway.Commit(row.CommitNo),
	}
	return out, c.err("settlement")
}

// SettledWith lists what was settled by hand of messages to a partner, by when: behind a cursor and
// before an instant. None has a verdict.
func (r reader) SettledWith(ctx context.Context, partner gateway.Administration, after ExchangeCursor, upto time.Time, limit int) ([]Held, error) {
	found, err := ask(ctx, r, "settled", func(ctx context.Context) ([]rows.SettledWithRow, error) {
		return r.q.SettledWith(ctx, rows.SettledWithParams{
			Recipient: string(partner), After: formatTime(after.At), AfterKey: gateway.FoldID(string(after.ID)), Upto: formatTime(upto), Most: int32(limit),
		})
	})
	return all(found, err, func(row rows.SettledWithRow) (Held, error) {
		var c reading
		h := Held{ID: gateway.MessageID(row.ID), Digest: c.digest(row.PayloadDigest), At: c.time(row.Confirmed)}
		return h, c.err("settled")
	})
}
