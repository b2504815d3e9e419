package flow

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"customs.example/gateway"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// maxPage is how many characters the number of a page has.
const maxPage = 35

// HandleOnPaper says of what a message has announced, or of all that stands of a movement, that it is
// handled on paper, by which page and why. That ends the announcement: no list asks for it any more, and
// nothing is waited for. Its message goes on as it does. Said again it changes nothing. A movement on whose
// route the caller's office is not is not there.
func (g *Gateway) HandleOnPaper(ctx context.Context, c Caller, id gateway.MovementID, message gateway.MessageID, page, reason string) (Movement, error) {
	reason, unfit := neededReason(reason)
	if n := utf8.RuneCountInString(page); n > maxPage || strings.ContainsFunc(page, func(r rune) bool { return !unicode.IsPrint(r) }) {
		f := fault(gateway.DictionaryLength, strconv.Itoa(n), strconv.Itoa(maxPage))
		f.Path = "page"
		unfit = append(unfit, f)
	}
	if len(unfit) > 0 {
		return Movement{}, g.refuse(ctx, c, []byte(id), unfit...)
	}
	var refused gateway.Faults
	if _, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		refused = nil
		m, err := movementIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if !g.onRoute(m, c.Office) {
			return store.ErrNotFound
		}
		now, changed, ok := reconcile.HandleOnPaper(m.Movement, message, reconcile.Paper{At: tx.Now(), Office: c.Office, Caller: c.URI, Page: page, Reason: reason})
		switch {
		case !ok:
			refused = gateway.Faults{fault(gateway.PaperNothing, string(id), "")}
			return refused
		case !changed:
			return tx.Audit(c.URI, "handled on paper already", string(m.ID), gateway.DigestOf([]byte(reason)))
		}
		m.Movement = now
		return errors.Join(g.keep(tx, m), tx.Audit(c.URI, "handled on paper", c.Office+" "+string(m.ID)+" "+page, gateway.DigestOf([]byte(reason))))
	}); err != nil {
		if refused != nil {
			return Movement{}, refused
		}
		return Movement{}, err
	}
	return g.Movement(ctx, id)
}
