package store

import (
	"cmp"
	"context"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// DoorOut is the door of what is kept of a message that goes out; its party is the recipient.
const DoorOut = "out"

// Kept says until when the documents of a record are kept: of an arrival with what it became, by its door, or of
// a message, by DoorOut. What is erased are documents, faults and what was not read; ids, digests, states, headers,
// signatures and receipts stay.
type Kept struct {
	Door   string
	Party  string
	ID     string
	Until  time.Time // then it is looked at
	Rule   string    // that says so
	Erased time.Time // zero: not yet
	Commit gateway.Commit
}

// PutKept stores until when something is kept.
func (t *Tx) PutKept(k Kept) error {
	return put("kept", t.q.PutKept(within, digested("kept", rows.PutKeptParams{
		Door: k.Door, Party: k.Party, IDKey: gateway.FoldID(k.ID), ID: k.ID, Until: formatTime(k.Until), Rule: k.Rule, Erased: formatTime(k.Erased), CommitNo: int64(t.Commit),
	})))
}

// KeepLonger stores until when something is kept. Nothing was decided by that: a unit of work that does nothing else
// needs no audit row.
func (t *Tx) KeepLonger(k Kept) error {
	t.silent = true
	return t.PutKept(k)
}

// Kept returns until when something is kept.
func (r reader) Kept(ctx context.Context, door, party, id string) (Kept, error) {
	row, err := ask(ctx, r, "kept", func(ctx context.Context) (rows.Kept, error) {
		return r.q.Kept(ctx, rows.KeptParams{Door: door, Party: party, IDKey: gateway.FoldID(id)})
	})
	if err != nil {
		return Kept{}, err
	}
	return r.toKept(row)
}

// KeptOver returns what is to be looked at at an instant, the longest over first.
func (r reader) KeptOver(ctx context.Context, at time.Time, limit int) ([]Kept, error) {
	found, err := ask(ctx, r, "kept", func(ctx context.Context) ([]rows.Kept, error) {
		return r.q.KeptOver(ctx, rows.KeptOverParams{Until: formatTime(at), Most: int32(limit)})
	})
	return listed(all(found, err, r.toKept))
}

func (x reader) toKept(row rows.Kept) (Kept, error) {
	r := x.reading()
	r.intact("kept", row.ID, &row)
	k := Kept{
		Door: row.Door, Party: row.Party, ID: row.ID, Until: r.time(row.Until), Rule: row.Rule, Erased: r.time(row.Erased), Commit: gateway.Commit(row.CommitNo),
	}
	return k, r.err("kept")
}

// judgementsAtOnce is how many judgements of one submission are erased in one unit of work.
const judgementsAtOnce = 200

// Erase takes the documents of a record away, but what another record still names, and notes when. It reports
// false where there are more of them than one unit of work erases: it is to be asked again.
func (t *Tx) Erase(k Kept) (done bool, err error) {
	digests, done, err := t.erase(k.Door, k.Party, gateway.FoldID(k.ID))
	if err != nil {
		return false, put("erased", err)
	}
	for _, d := range digests {
		if len(d) == 0 {
			continue
		}
		if named, err := t.q.IsNamed(within, d); err != nil {
			return false, put("erased", err)
		} else if named {
			continue
		}
		if err := t.q.DropContent(within, d); err != nil {
			return false, put("erased", err)
		}
	}
	if done {
		k.Erased = t.now
		return true, t.PutKept(k)
	}
	t.silent = true
	return false, nil
}

// erase marks the rows of a record as erased and returns what they named. One that is not as it was written is
// refused, and its documents stay.
func (t *Tx) erase(door, party, key string) (digests [][]byte, done bool, err error) {
	if door == DoorOut {
		m, err := t.q.MessageRow(within, key)
		err = t.eraseRow("message", key, &m, &m.Erased, err, func(d rowDigest) error {
			digests = append(digests, m.Payload, m.Canonical)
			return t.q.EraseMessage(within, rows.EraseMessageParams{IDKey: key, RowDigest: d})
		})
		return digests, true, err
	}
	a, err := t.q.ArrivalRow(within, rows.ArrivalRowParams{Door: door, Party: party, IDKey: key})
	if err := t.eraseRow("arrival", key, &a, &a.Erased, err, func(d rowDigest) error {
		digests = append(digests, a.Content)
		return t.q.EraseArrival(within, rows.EraseArrivalParams{Door: door, Party: party, IDKey: key, RowDigest: d})
	}); err != nil {
		return nil, false, err
	}
	switch door {
	case DoorSubmit:
		s, err := t.q.SubmissionRow(within, rows.SubmissionRowParams{Office: party, IDKey: key})
		if err := t.eraseRow("submission", key, &s, &s.Erased, err, func(d rowDigest) error {
			digests = append(digests, s.Canonical, s.Faults)
			return t.q.EraseSubmission(within, rows.EraseSubmissionParams{Office: party, IDKey: key, RowDigest: d})
		}); err != nil {
			return nil, false, err
		}
		judged, err := t.q.JudgementRows(within, rows.JudgementRowsParams{Office: party, IDKey: key, Limit: judgementsAtOnce})
		for i := range judged {
			j := &judged[i]
			err = cmp.Or(err, t.eraseRow("judgement", key, j, &j.Erased, nil, func(d rowDigest) error {
				digests = append(digests, j.Faults)
				return t.q.EraseJudgement(within, rows.EraseJudgementParams{Office: party, IDKey: key, Number: j.Number, RowDigest: d})
			}))
		}
		return digests, len(judged) < judgementsAtOnce, err
	case DoorPeer:
		in, err := t.q.InboxRow(within, rows.InboxRowParams{Sender: party, IDKey: key})
		err = t.eraseRow("inbox", key, &in, &in.Erased, err, func(d rowDigest) error {
			digests = append(digests, in.Canonical, in.Faults, in.Unread)
			return t.q.EraseInbound(within, rows.EraseInboundParams{Sender: party, IDKey: key, RowDigest: d})
		})
		return digests, true, err
	}
	return digests, true, nil
}

// eraseRow marks a row as erased, if there is one and it is not yet.
func (t *Tx) eraseRow(table, key string, row any, erased *bool, err error, mark func(d rowDigest) error) error {
	if err != nil {
		return IgnoreNotFound(notFound(err))
	}
	if err := t.intact(table, key, row); err != nil || *erased {
		return err
	}
	*erased = true
	return mark(digestOfRow(table, row))
}
