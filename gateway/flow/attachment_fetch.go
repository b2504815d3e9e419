package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/store"
)

// What an accepted message of a partner's names is fetched over the partner's link, as far as this gateway's
// configuration of that partner takes it: nothing, if it says nothing. Each partner has a fetcher of its own,
// which has one attachment under way, and of it one piece in memory. A piece is on disk before the next is
// waited for: after a broken link or a crash it goes on behind the last. What is longer than its document
// says is cut off there, and is fetched no more; so is what is not of its type. What is not of its digest is fetched
// once more from the first byte, for one may have changed on the way or on either disk; then no more.

// When attachments are fetched.
const (
	// AttachmentRetry is how long an attachment is left alone after an attempt that brought nothing; it doubles.
	AttachmentRetry    = 2 * time.Second
	MaxAttachmentRetry = 15 * time.Minute
	// AttachmentLook is how often it is looked for what is to be fetched.
	AttachmentLook = 2 * time.Second
	// PieceTimeout bounds the wait for one piece, which a line of 2 KiB a second brings in time.
	PieceTimeout = 128 * time.Second
	// MaxKept is how many attachments of one partner are kept.
	MaxKept = 10_000
)

// AttachmentTerms says which attachments are fetched from a partner. Its zero value is none.
type AttachmentTerms struct {
	Kinds     []string      // codes of the list attachment-kind
	Each      int64         // bytes that one may have
	Total     int64         // bytes that all may have that are kept
	Retention time.Duration // how long they are kept
}

// rule is what erases what was fetched from a partner.
func (f AttachmentTerms) rule(of gateway.Administration) string {
	return fmt.Sprintf("partner %s: %s", of, f.Retention)
}

// denies is why an attachment is not fetched; empty: it is.
func (f AttachmentTerms) denies(at namedAttachment, kept int, size int64) gateway.Code {
	switch {
	case !slices.Contains(f.Kinds, at.GetKind()):
		return gateway.AttachmentDenied
	case at.size() > f.Each:
		return gateway.AttachmentTooLarge
	case kept >= MaxKept || size+at.size() > f.Total:
		return gateway.AttachmentsFull
	}
	return ""
}

// awaitAttachments notes what an accepted message of a partner's names, and has it fetched as far as the
// configuration takes it.
func (g *Gateway) awaitAttachments(ctx context.Context, tx *store.Tx, in store.Inbound, doc *customsv1.Document) error {
	all := namedIn(doc, func(string) bool { return true })
	if len(all) == 0 {
		return nil
	}
	terms := g.AttachmentTerms[in.Sender]
	kept, size, err := tx.AttachmentsKept(ctx, store.DoorPeer, string(in.Sender), true, MaxKept)
	if err != nil {
		return err
	}
	for _, at := range all {
		a, err := tx.Attachment(ctx, store.DoorPeer, string(in.Sender), at.digest)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		if err == nil && (a.State == store.AttachmentComing || a.State == store.AttachmentHere) {
			kept, size = kept-1, size-a.Size // it has its room
		} else {
			a = store.Attachment{
				Door: store.DoorPeer, Party: string(in.Sender), Digest: at.digest, MediaType: at.GetMediaType(), Size: at.size(),
				State: store.AttachmentComing, Created: tx.Now(), Changed: tx.Now(),
			}
		}
		u := useOf(a, in.ID, at)
		if u.Denied = terms.denies(at, kept, size); u.Denied == "" && (a.Size != u.Size || a.MediaType != u.MediaType) {
			u.Denied = gateway.AttachmentDiffers
		}
		u.Until = tx.Now().Add(terms.Retention)
		if u.Denied == "" || a.Named {
			kept, size = kept+1, size+a.Size
		}
		if u.Denied == "" {
			keep(&a, u.Until, terms.rule(in.Sender))
			if a.State == store.AttachmentComing {
				a.Message, a.NextTry = in.ID, time.Time{}
			}
			if err := tx.PutAttachment(a); err != nil {
				return err
			}
		}
		if err := tx.PutAttachmentUse(u); err != nil {
			return err
		}
	}
	return nil
}

// fetcher fetches from one partner.
type fetcher struct {
	g    *Gateway
	from gateway.Administration
	wake chan struct{}
	away outage // looks at the store that failed
}

// fetchNow wakes the fetcher of an administration.
func (g *Gateway) fetchNow(from gateway.Administration) {
	if f, ok := g.fetchers[from]; ok {
		signal(f.wake)
	}
}

// run fetches until the context ends.
func (f *fetcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		some, err := f.g.fetchDue(ctx, f.from)
		if err != nil && ctx.Err() == nil && f.away.failed() {
			f.g.Log.Tell(event.Event{Name: event.AttachmentsNotFetched, Partner: f.from, Cause: err})
		}
		if err == nil {
			f.away.resumed()
			if some {
				continue
			}
		}
		timer := time.NewTimer(AttachmentLook)
		select {
		case <-ctx.Done():
		case <-f.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// FetchDue makes one attempt at each attachment of an administration that is due now.
func (g *Gateway) FetchDue(ctx context.Context, from gateway.Administration) error {
	for {
		if some, err := g.fetchDue(ctx, from); err != nil || !some {
			return err
		}
	}
}

// fetchDue makes one attempt at the attachment that has waited longest, and reports whether there was any. What
// goes wrong with it is noted with it.
func (g *Gateway) fetchDue(ctx context.Context, from gateway.Administration) (some bool, err error) {
	if _, ok := g.asked(from); !ok || g.short(store.DoorPeer) != nil {
		return false, nil
	}
	if open, err := g.balancers[from].open(ctx); err != nil || !open {
		return false, err
	}
	due, err := g.Store.AttachmentsDue(ctx, from, g.Now(), 1)
	if err != nil || len(due) == 0 {
		return false, err
	}
	a := due[0]
	switch err := g.fetchAttachment(ctx, from, a); {
	case errors.Is(err, store.ErrTaken):
		g.Log.Tell(event.Event{Name: event.AttachmentTaken, Partner: from, Digest: a.Digest})
		return true, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

// badAttachment is why what comes is not the attachment that it should be.
type badAttachment struct {
	code  gateway.Code
	cause error // nil: it is refused for good
}

func (e *badAttachment) Error() string { return string(e.code) }

// fetchAttachment makes one attempt to fetch an attachment, from the byte behind the last that is on disk.
func (g *Gateway) fetchAttachment(ctx context.Context, from gateway.Administration, a store.Attachment) error {
	err := g.takePieces(ctx, from, &a)
	if err == nil {
		err = g.proveFetched(ctx, &a)
	}
	var bad *badAttachment
	switch {
	case err == nil:
		g.Log.Tell(event.Event{Name: event.AttachmentFetched, Partner: from, Message: a.Message, Digest: a.Digest, Bytes: int(a.Size), Took: g.Now().Sub(a.Created)})
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !errors.As(err, &bad):
		return err
	case bad.cause == nil:
		a.State, a.Reason, a.Received, a.Until, a.Changed = store.AttachmentRefused, bad.code, 0, time.Time{}, g.Now()
		_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
			return errors.Join(tx.SetAttachment(a), tx.DropChunks(a), tx.Audit("gateway", "attachment refused: "+string(bad.code), attachmentSubject(a), a.Digest))
		})
		if err == nil {
			g.Log.Tell(event.Event{Name: event.AttachmentRefused, Partner: from, Message: a.Message, Digest: a.Digest, Code: bad.code})
		}
		return err
	}
	a.Tries++
	a.NextTry = g.Now().Add(g.doubled(AttachmentRetry, a.Tries, MaxAttachmentRetry))
	if !onceMore(a) {
		a.Reason = bad.code
	}
	if _, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		if bad.code != gateway.AttachmentOther {
			return tx.NoteAttempt(a)
		}
		a.Received = 0
		return errors.Join(tx.SetAttachment(a), tx.DropChunks(a), tx.Audit("gateway", "attachment fetched once more: "+string(bad.code), attachmentSubject(a), a.Digest))
	}); err != nil {
		return err
	}
	g.Log.Tell(event.Event{Name: event.AttachmentNotFetched, Partner: from, Message: a.Message, Digest: a.Digest, Code: bad.code, Attempt: a.Tries, Cause: bad.cause})
	return nil
}

// onceMore reports whether an attachment came with other bytes before, and is fetched for the last time.
func onceMore(a store.Attachment) bool { return a.Reason == gateway.AttachmentOther }

// takePieces puts what the partner sends on disk, piece by piece, until all is there.
func (g *Gateway) takePieces(ctx context.Context, from gateway.Administration, a *store.Attachment) error {
	if a.Received == a.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := time.AfterFunc(g.pieceTimeout, func() { cancel(errTooSlow) })
	defer slow.Stop()
	piece := make([]byte, 0, store.ChunkBytes)
	put := func() error {
		_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
			next := advanced(*a, len(piece))
			return errors.Join(tx.PutChunk(*a, a.Received/store.ChunkBytes, piece), tx.SetAttachment(next))
		})
		if err == nil {
			*a, piece = advanced(*a, len(piece)), piece[:0]
			slow.Reset(g.pieceTimeout)
		}
		return err
	}
	link, ok := g.asked(from)
	if !ok {
		return errNotAsked
	}
	for part, err := range link.Attachment(ctx, a.Message, a.Digest, a.Received) {
		if err != nil {
			return unreached(ctx, err)
		}
		for len(part) > 0 {
			n := min(len(part), store.ChunkBytes-len(piece))
			if int64(len(piece)+len(part)) > a.Size-a.Received {
				return &badAttachment{code: gateway.AttachmentLong}
			}
			piece, part = append(piece, part[:n]...), part[n:]
			if len(piece) == store.ChunkBytes {
				if err := put(); err != nil {
					return err
				}
			}
		}
	}
	if a.Received+int64(len(piece)) == a.Size && len(piece) > 0 {
		if err := put(); err != nil {
			return err
		}
	}
	if a.Received < a.Size {
		return &badAttachment{gateway.AttachmentShort, cmp.Or(context.Cause(ctx), errShort)}
	}
	return nil
}

// advanced is an attachment of which so many bytes more are on disk.
func advanced(a store.Attachment, bytes int) store.Attachment {
	a.Received += int64(bytes)
	a.Tries = 0
	if !onceMore(a) {
		a.Reason = ""
	}
	return a
}

var (
	errTooSlow = errors.New("a piece did not come in time")
	errShort   = errors.New("fewer bytes came than the document says")
	errOther   = errors.New("the bytes are not of the digest that the document says")
)

// unreached is what an attempt comes to that the link or the partner ended.
func unreached(ctx context.Context, err error) error {
	if peer.CodeOf(err) == gateway.AttachmentGone {
		return &badAttachment{code: gateway.AttachmentGone}
	}
	return &badAttachment{gateway.AttachmentUnreached, cmp.Or(context.Cause(ctx), err)}
}

// proveFetched holds what was fetched to its digest and its media type.
func (g *Gateway) proveFetched(ctx context.Context, a *store.Attachment) error {
	digest, is, err := g.proven(ctx, *a)
	switch {
	case err != nil:
		return err
	case digest != a.Digest && onceMore(*a):
		return &badAttachment{code: gateway.AttachmentOther}
	case digest != a.Digest:
		return &badAttachment{gateway.AttachmentOther, errOther}
	case is != a.MediaType:
		return &badAttachment{code: gateway.AttachmentType}
	}
	a.State, a.Reason, a.Changed = store.AttachmentHere, "", g.Now()
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.SetAttachment(*a), tx.Audit("gateway", "attachment fetched", attachmentSubject(*a), a.Digest))
	})
	return err
}
