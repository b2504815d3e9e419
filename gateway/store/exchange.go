package store

import (
	"context"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// Restored returns the last restoration of the database; its zero value if there was none.
func (r reader) Restored(ctx context.Context) (Restoration, error) {
	row, err := ask(ctx, r, "restoration", r.q.Restored)
	if err != nil {
		return Restoration{}, IgnoreNotFound(err)
	}
	var c reading
	out := Restoration{Number: int(row.Number), Backup: c.time(row.Backup), At: c.time(row.At), Commit: gateway.Commit(row.CommitNo), Digest: c.digest(row.Digest)}
	return out, c.err("restoration")
}

// Balance returns how far the exchange with a partner has been balanced; its zero value
// before the first time.
func (r reader) Balance(ctx context.Context, partner gateway.Administration) (Balance, error) {
	row, err := ask(ctx, r, "balance", func(ctx context.Context) (rows.Balance, error) { return r.q.Balance(ctx, string(partner)) })
	if err != nil {
		return Balance{Partner: partner}, IgnoreNotFound(err)
	}
	c := r.reading()
	c.intact("balance", row.Partner, &row)
	out := Balance{Partner: partner, Restored: int(row.Restored), Upto: c.time(row.Upto), At: c.time(row.At), Compared: int(row.Compared)}
	return out, c.err("balance")
}

// PutBalance stores how far the exchange with a partner has been balanced.
func (t *Tx) PutBalance(b Balance) error {
	return put("balance", t.q.PutBalance(within, digested("balance", rows.PutBalanceParams{
		Partner: string(b.Partner), Restored: int64(b.Restored), Upto: formatTime(b.Upto), At: formatTime(b.At), Compared: int64(b.Compared),
	})))
}

// verdictOf is what a state says that a receipt said; RCV of what is not judged.
func verdictOf(state string) gateway.Verdict {
	for _, v := range []gateway.Verdict{gateway.PRS, gateway.ERR} {
		if state == string(v.State()) {
			return v
		}
	}
	return gateway.RCV
}

// ReceivedFrom lists what a partner has sent and got a receipt for, by when it came: behind
// a cursor and before an instant.
func (r reader) ReceivedFrom(ctx context.Context, partner gateway.Administration, after ExchangeCursor, upto time.Time, limit int) ([]Held, error) {
	found, err := ask(ctx, r, "exchange", func(ctx context.Context) ([]rows.ReceivedFromRow, error) {
		return r.q.ReceivedFrom(ctx, rows.ReceivedFromParams{
			Party: string(partner), After: formatTime(after.At), AfterKey: gateway.FoldID(string(after.ID)), Upto: formatTime(upto), Most: int32(limit),
		})
	})
	return all(found, err, func(row rows.ReceivedFromRow) (Held, error) {
		var c reading
		h := Held{ID: gateway.MessageID(row.ID), Digest: c.digest(row.Digest), Verdict: verdictOf(row.State), At: c.time(row.Received), Header: row.Header}
		return h, c.err("exchange")
	})
}

// AnsweredBy lists what a partner has given a receipt for, by when the last of each was
// verified: behind a cursor and before an instant.
func (r reader) AnsweredBy(ctx context.Context, partner gateway.Administration, after ExchangeCursor, upto time.Time, limit int) ([]Held, error) {
	found, err := ask(ctx, r, "exchange", func(ctx context.Context) ([]rows.AnsweredByRow, error) {
		return r.q.AnsweredBy(ctx, rows.AnsweredByParams{
			Recipient: string(partner), After: formatTime(after.At), AfterKey: gateway.FoldID(string(after.ID)), Upto: formatTime(upto), Most: int32(limit),
		})
	})
	return all(found, err, func(row rows.AnsweredByRow) (Held, error) {
		var c reading
		h := Held{ID: gateway.MessageID(row.ID), Digest: c.digest(row.PayloadDigest), Verdict: verdictOf(row.State), At: c.time(row.Answered)}
		return h, c.err("exchange")
	})
}

// ReceivedOne returns what is held of a message that a partner has sent.
func (r reader) ReceivedOne(ctx context.Context, partner gateway.Administration, id gateway.MessageID) (Held, error) {
	row, err := ask(ctx, r, "exchange", func(ctx context.Context) (rows.ReceivedOneRow, error) {
		return r.q.ReceivedOne(ctx, rows.ReceivedOneParams{Door: DoorPeer, Party: string(partner), IDKey: gateway.FoldID(string(id))})
	})
	if err != nil {
		return Held{}, err
	}
	var c reading
	h := Held{ID: gateway.MessageID(row.ID), Digest: c.digest(row.Digest), Verdict: verdictOf(row.State)}
	return h, c.err("exchange")
}

// SentOne returns what is held of a message that was made for a partner. Without a receipt
// of the partner it has no verdict.
func (r reader) SentOne(ctx context.Context, partner gateway.Administration, id gateway.MessageID) (Held, error) {
	row, err := ask(ctx, r, "exchange", func(ctx context.Context) (rows.SentOneRow, error) {
		return r.q.SentOne(ctx, rows.SentOneParams{Recipient: string(partner), IDKey: gateway.FoldID(string(id))})
	})
	if err != nil {
		return Held{}, err
	}
	var c reading
	h := Held{ID: gateway.MessageID(row.ID), Digest: c.digest(row.PayloadDigest), At: c.time(row.Answered)}
	if row.Answered != "" {
		h.Verdict = verdictOf(row.State)
	}
	return h, c.err("exchange")
}

// PutDifference stores what two gateways say differently of a message.
func (t *Tx) PutDifference(d Difference) error {
	statement, err := t.content(d.Statement)
	if err != nil {
		return put("difference", err)
	}
	return put("difference", t.q.PutDifference(within, rows.PutDifferenceParams{
		Partner: string(d.Partner), Sent: d.Sent, IDKey: gateway.FoldID(string(d.ID)), ID: string(d.ID), Code: string(d.Code),
		Ours: toDigest(d.Ours), Theirs: toDigest(d.Theirs), Verdict: string(d.Verdict), Says: string(d.Says), Kind: d.Kind, DocumentID: d.Document, Batch: d.Batch, Statement: statement,
		Found: formatTime(d.Found), Settled: formatTime(d.Settled), CommitNo: int64(t.Commit),
	}))
}

// Difference returns what is known to be different of a message, without the statement.
func (r reader) Difference(ctx context.Context, partner gateway.Administration, sent bool, id gateway.MessageID) (Difference, error) {
	row, err := ask(ctx, r, "difference", func(ctx context.Context) (rows.Difference, error) {
		return r.q.Difference(ctx, rows.DifferenceParams{Partner: string(partner), Sent: sent, IDKey: gateway.FoldID(string(id))})
	})
	if err != nil {
		return Difference{}, err
	}
	return toDifference(row)
}

// OpenDifferences lists those that are not settled, in order of commit, without statements.
func (r reader) OpenDifferences(ctx context.Context, partner gateway.Administration, after gateway.Commit, limit int) ([]Difference, error) {
	return page(limit, after+1, latest, func(d Difference) gateway.Commit { return d.Commit }, func(from, to gateway.Commit, limit int) ([]Difference, error) {
		found, err := ask(ctx, r, "differences", func(ctx context.Context) ([]rows.Difference, error) {
			return r.q.OpenDifferences(ctx, rows.OpenDifferencesParams{Partner: string(partner), Least: int64(from), Upto: int64(to), Most: int32(limit)})
		})
		return all(found, err, toDifference)
	})
}

func toDifference(row rows.Difference) (Difference, error) {
	var c reading
	d := Difference{
		Partner: gateway.Administration(row.Partner), Sent: row.Sent, ID: gateway.MessageID(row.ID), Code: gateway.Code(row.Code),
		Ours: c.digest(row.Ours), Theirs: c.digest(row.Theirs), Verdict: gateway.Verdict(row.Verdict), Says: gateway.Verdict(row.Says),
		Kind: row.Kind, Document: row.DocumentID, Batch: row.Batch,
		Found: c.time(row.Found), Settled: c.time(row.Settled), Commit: gateway.Commit(row.CommitNo),
	}
	return d, c.err("difference")
}

// Settle notes that a difference is none any more.
func (t *Tx) Settle(d Difference) error {
	_, err := t.q.SettleDifference(within, rows.SettleDifferenceParams{
		Settled: formatTime(t.now), CommitNo: int64(t.Commit), Partner: string(d.Partner), Sent: d.Sent, IDKey: gateway.FoldID(string(d.ID)),
	})
	return put("difference", err)
}
