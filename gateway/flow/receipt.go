package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// TakeReceipt takes a partner's receipt that came by itself, for a message that was handed over over a link that
// hears later, and returns what that has come to. It counts as one that answers a delivery, and the same again changes
// nothing. Caller is who brought it, and from for whom it may speak. An error that is gateway.Faults, or
// store.ErrNotFound, says that it does not hold: whoever brings it keeps it aside.
func (g *Gateway) TakeReceipt(ctx context.Context, caller string, from []gateway.Administration, r peer.Receipt) (gateway.MessageState, error) {
	return g.TakeSignedSignal(ctx, caller, from, r, 0)
}

// TakeSignedSignal is TakeReceipt of a partner with whom it is agreed how long the verdict is waited for behind an RCV.
func (g *Gateway) TakeSignedSignal(ctx context.Context, caller string, from []gateway.Administration, r peer.Receipt, wait time.Duration) (gateway.MessageState, error) {
	room, err := g.room(ctx, caller, len(r.Statement))
	if err != nil {
		return "", err
	}
	defer room.Release()
	h, err := seal.ParseHeader(r.Header)
	if err != nil {
		return "", g.refuse(ctx, Caller{URI: caller}, r.Statement, asFaults(err)...)
	}
	m, err := g.Store.Read().Message(ctx, h.RelatesTo)
	if err == nil && (m.State == gateway.Queued || !slices.Contains(from, m.Recipient)) {
		err = store.ErrNotFound // nobody has it yet; and of others' messages nobody learns whether they are there
	}
	if err != nil {
		return "", err
	}
	of, err := seal.ParseHeader(m.Header)
	if err != nil {
		return "", fmt.Errorf("message %s: %w", m.ID, err)
	}
	kept, err := g.Store.Read().Receipts(ctx, m.ID)
	if err != nil || slices.ContainsFunc(kept, func(k store.Receipt) bool { return k.Statement.Equal(store.Statement(r)) }) {
		return m.State, err // the same again
	}
	at := g.Now()
	receipt, failure := g.Trust.OpenReceipt(r.Header, r.Statement, r.Signature, of, at)
	if failure != nil {
		g.Log.Tell(event.Event{Name: event.ReceiptRefused, Message: m.ID, Partner: m.Recipient, Route: m.Route, State: string(m.State), Codes: event.CodesOf(asFaults(failure)), Cause: failure})
		return "", g.refuse(ctx, Caller{URI: caller}, r.Statement, asFaults(failure)...)
	}
	g.calls(m.Recipient)
	m.Payload, m.Canonical = nil, nil
	said, err := g.said(ctx, m, nil, receipt, at)
	if err != nil {
		return "", err
	}
	news := false
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		now, err := tx.Message(ctx, m.ID)
		if err != nil {
			return err
		}
		now.Payload, now.Canonical = nil, nil
		m = now
		if news = !now.State.Final(); !news { // what it came to stands; the receipt is kept
			return errors.Join(tx.PutReceipt(ctx, m.ID, store.Receipt{Statement: store.Statement(r), Verdict: receipt.Verdict, Verified: at}),
				tx.Audit(caller, "receipt came behind the end", string(m.ID), gateway.DigestOf(r.Statement)))
		}
		put := tx.PutHeard
		if now.State == gateway.Received && receipt.Verdict == gateway.RCV {
			put = func(m store.Message) error { return tx.PutProgress(m, true) } // it says no more than before: what an attempt that is under way brings counts
		}
		before := now
		g.stands(&now, receipt, store.Statement(r), at)
		if now.State == gateway.Received && wait > 0 {
			waits(&now, at, wait)
		}
		heardOf(&now, before)
		m = now
		return errors.Join(put(now), g.concluded(ctx, tx, now, said))
	})
	if err != nil {
		return "", fmt.Errorf("message %s: %w", m.ID, err)
	}
	if news {
		err = g.tellOf(m, event.Event{Name: event.ReceiptVerified, Verdict: string(receipt.Verdict), Codes: codesOf(receipt.Faults), Took: at.Sub(m.Created)}, nil)
	}
	return m.State, err
}

// heardOf is what a message's partner having been heard of by itself means to one that is parked: once it has ended, nobody
// has to see to it; until then it waits for its operator as before.
func heardOf(m *store.Message, before store.Message) {
	switch {
	case !before.Parked:
	case !m.State.Final():
		m.NextAttempt = before.NextAttempt
	default:
		m.Parked, m.Troubles = false, 0
		if m.Reason == before.Reason {
			m.Reason = ""
		}
	}
}
