package invariant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// sent checks every outgoing message of a side.
func (k *checker) sent(ctx context.Context, s Side) error {
	seen := make(map[gateway.MessageID]bool)
	var before gateway.Commit
	for {
		page, err := s.Store.Read().MessagesBefore(ctx, before, pageSize)
		if err != nil {
			return err
		}
		for _, listed := range page {
			before = listed.Commit
			seen[listed.ID] = true
			m, err := s.Store.Read().Message(ctx, listed.ID)
			if err != nil {
				return fmt.Errorf("message %s: %w", listed.ID, err)
			}
			if err := k.message(ctx, s, m); err != nil {
				return fmt.Errorf("message %s: %w", m.ID, err)
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	for id, state := range k.trails[s.Own].messages {
		if !seen[id] {
			k.broken("I6", s.Own, string(id), "is %s in the audit trail and not stored", state)
		}
	}
	return nil
}

// messageEnds are the states of the promise.
var messageEnds = []gateway.MessageState{gateway.Accepted, gateway.Refused, gateway.TakenBack, gateway.Dead, gateway.Unsigned, gateway.Settled}

func (k *checker) message(ctx context.Context, s Side, m store.Message) error {
	broken := func(invariant, format string, args ...any) { k.broken(invariant, s.Own, string(m.ID), format, args...) }
	k.counts[s.Own].Messages[m.State]++
	k.note(s, m.Canonical)
	k.messageWaits(s, m)
	if k.Ended && !slices.Contains(messageEnds, m.State) {
		broken("I2", "does not end: it is %s", m.State)
	}
	if digest := k.trails[s.Own].digests[m.ID]; digest != m.PayloadDigest {
		broken("I6", "is %s, and the audit trail says %s", m.PayloadDigest, digest)
	}
	// A message that travels at once is written as sent; the trail says so with the outcome.
	if last, known := k.trails[s.Own].messages[m.ID]; last != m.State && !(last == gateway.Queued && m.State == gateway.Sending) {
		if !known {
			last = "nothing of it"
		}
		broken("I6", "is %s, and the audit trail says %s", m.State, last)
	}
	if !m.Erased && gateway.DigestOf(m.Payload) != m.PayloadDigest {
		broken("I4", "its payload is not what its digest says")
	}
	if !m.Erased && gateway.DigestOf(m.Canonical) != m.CanonicalDigest {
		broken("I4", "its document is not what its digest says")
	}
	h, err := seal.ParseHeader(m.Header)
	if err != nil {
		broken("I4", "its header cannot be read: %v", err)
		return nil
	}
	if err := k.signatureHolds(m.Header, m.Signature, m.Payload, m.Erased, m.PayloadDigest, k.At); err != nil {
		broken("I4", "its signature does not hold: %v", err)
	}
	if unlike := differs(h, signed{m.ID, s.Own, m.Recipient, m.Kind, m.DocumentID, m.Conversation, m.ExpectedArrival, m.LateBy}); unlike != "" || !h.Created.Equal(m.Created) {
		broken("I4", "its header says another %s", cmp.Or(unlike, "instant of creation"))
	}
	receipts, err := s.Store.Read().Receipts(ctx, m.ID)
	if err != nil {
		return err
	}
	verdicts := make(map[gateway.Verdict]seal.Receipt)
	for _, r := range receipts {
		got, err := k.Trust.OpenReceipt(r.Statement.Header, r.Statement.Statement, r.Statement.Signature, h, k.At)
		if err != nil || got.Verdict != r.Verdict {
			broken("I5", "has a receipt for %s that does not hold: %v", r.Verdict, err)
			continue
		}
		if got.Received != m.PayloadDigest {
			broken("I4", "has a receipt for %s instead of %s", got.Received, m.PayloadDigest)
		}
		verdicts[got.Verdict] = got
	}
	for state, verdict := range map[gateway.MessageState]gateway.Verdict{gateway.Accepted: gateway.PRS, gateway.Refused: gateway.ERR, gateway.Received: gateway.RCV} {
		if _, verified := verdicts[verdict]; m.State == state && !verified {
			broken("I5", "is %s without a verified receipt that says so", m.State)
		}
	}
	if accepted, ok := verdicts[gateway.PRS]; ok && m.State == gateway.Accepted && accepted.Canonical.IsZero() {
		broken("I5", "is accepted by a receipt that does not say what was understood")
	}
	if m.State == gateway.Settled {
		if err := k.settled(ctx, s, m); err != nil {
			return err
		}
	}
	if m.Repairs != "" {
		if err := k.madeAnew(ctx, s, m); err != nil {
			return err
		}
	}
	return k.atRecipient(ctx, s, m, len(verdicts) > 0)
}

// signed is what is stored of what a message's header says.
type signed struct {
	id                           gateway.MessageID
	sender, recipient            gateway.Administration
	kind, document, conversation string
	expected                     time.Time
	late                         time.Duration
}

// differs names what is stored otherwise than a header says, or nothing.
func differs(h seal.Header, is signed) string {
	var expected time.Time
	if h.ExpectedArrival != nil {
		expected = *h.ExpectedArrival
	}
	switch {
	case !gateway.SameID(string(h.MessageID), string(is.id)):
		return "id"
	case h.Sender != is.sender || h.Recipient != is.recipient:
		return "sender or recipient"
	case h.Kind != is.kind:
		return "kind"
	case h.DocumentID != is.document:
		return "document"
	case h.Conversation != is.conversation:
		return "conversation"
	case !expected.Equal(is.expected):
		return "expected arrival"
	case time.Duration(h.LateBy)*time.Second != is.late.Truncate(time.Second):
		return "lateness"
	}
	return ""
}

// settled checks that two persons have settled a message, and that the trail says who.
func (k *checker) settled(ctx context.Context, s Side, m store.Message) error {
	stored, err := s.Store.Read().Settlement(ctx, m.ID)
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	by := k.trails[s.Own].settled[m.ID]
	if stored.ProposedBy == "" || stored.ConfirmedBy == "" || stored.ProposedBy == stored.ConfirmedBy || stored.Confirmed.IsZero() || stored.Evidence.IsZero() || by != [2]string{stored.ProposedBy, stored.ConfirmedBy} {
		k.broken("I5", s.Own, string(m.ID), "is settled by %q and %q, and the audit trail says by %q and %q", stored.ProposedBy, stored.ConfirmedBy, by[0], by[1])
	}
	return nil
}

// madeAnew checks that what a message stands for has ended without a verdict, and that the recipient does not
// hold it.
func (k *checker) madeAnew(ctx context.Context, s Side, m store.Message) error {
	old, err := s.Store.Read().Message(ctx, m.Repairs)
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil || old.State != gateway.Dead || old.Recipient != m.Recipient {
		k.broken("I3", s.Own, string(m.ID), "is made in the place of %s, which is %q", m.Repairs, old.State)
		return nil
	}
	to, ok := k.side(m.Recipient)
	if !ok {
		return nil
	}
	if _, err := to.Store.Read().Inbound(ctx, s.Own, old.ID); err == nil {
		k.broken("I3", s.Own, string(m.ID), "is made in the place of %s, which %s has", old.ID, m.Recipient)
	} else {
		return store.IgnoreNotFound(err)
	}
	return nil
}

// atRecipient compares a message with what its recipient has of it.
func (k *checker) atRecipient(ctx context.Context, s Side, m store.Message, receipted bool) error {
	to, ok := k.side(m.Recipient)
	if !ok {
		return nil
	}
	broken := func(invariant, format string, args ...any) { k.broken(invariant, s.Own, string(m.ID), format, args...) }
	in, err := to.Store.Read().Inbound(ctx, s.Own, m.ID)
	there := err == nil
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	arrival, err := to.Store.Read().Arrival(ctx, store.DoorPeer, string(s.Own), string(m.ID))
	arrived := err == nil
	if store.IgnoreNotFound(err) != nil {
		return err
	}
	if arrived && (bytesOf(arrival) != m.PayloadDigest || arrival.Digest != m.PayloadDigest) {
		broken("I4", "%s has other bytes of it", m.Recipient)
	}
	switch {
	case receipted && !arrived:
		broken("I5", "%s has signed for it and does not have it", m.Recipient)
	case (m.State == gateway.Accepted || m.State == gateway.Refused) && (!there || in.State != m.State):
		broken("I3", "is %s, and at %s %s", m.State, m.Recipient, stateOf(in, there))
	case (there || arrived) && (m.State == gateway.TakenBack || m.State == gateway.Dead && strings.HasSuffix(m.Reason, gateway.NeverHandedOver)):
		broken("I3", "is %s (%s), and at %s %s", m.State, m.Reason, m.Recipient, cmp.Or(in.State, "undecided"))
	case there && in.PayloadDigest != m.PayloadDigest:
		broken("I4", "%s has noted another digest of it", m.Recipient)
	}
	return nil
}

// bytesOf is the digest of what is stored of an arrival; where that is erased, the one that is kept.
func bytesOf(a store.Arrival) gateway.Digest {
	if a.Erased {
		return a.Digest
	}
	return gateway.DigestOf(a.Content)
}

// signatureHolds reports why a header's signature does not hold over a payload; of one that is erased, over its digest.
func (k *checker) signatureHolds(header, signature, payload []byte, erased bool, digest gateway.Digest, at time.Time) error {
	if !erased {
		_, err := k.Trust.Open(header, signature, payload, at)
		return err
	}
	h, err := k.Trust.VerifyHeader(header, signature, at)
	if err == nil && h.Payload != digest {
		err = fmt.Errorf("its payload is %s, and %s is noted", h.Payload, digest)
	}
	return err
}

func stateOf(in store.Inbound, there bool) string {
	if !there {
		return "not there"
	}
	return string(in.State)
}

// received checks every message that a side has had from others.
func (k *checker) received(ctx context.Context, s Side) error {
	seen := make(map[gateway.MessageID]bool)
	documents := make(map[[2]string]gateway.MessageID) // accepted, by sender and document id
	var before gateway.Commit
	for {
		page, err := s.Store.Read().InboxBefore(ctx, before, pageSize)
		if err != nil {
			return err
		}
		for _, listed := range page {
			before = listed.Commit
			seen[listed.ID] = true
			in, err := s.Store.Read().Inbound(ctx, listed.Sender, listed.ID)
			if err != nil {
				return fmt.Errorf("message %s of %s: %w", listed.ID, listed.Sender, err)
			}
			if err := k.inbound(ctx, s, in); err != nil {
				return fmt.Errorf("message %s of %s: %w", in.ID, in.Sender, err)
			}
			if in.State != gateway.Accepted || in.Replaces != "" || in.DocumentID == "" {
				continue
			}
			key := [2]string{string(in.Sender), gateway.FoldID(in.DocumentID)}
			if other, known := documents[key]; known {
				k.broken("I3", s.Own, string(in.ID), "is accepted, and so is %s, of one document of %s", other, in.Sender)
			}
			documents[key] = in.ID
		}
		if len(page) < pageSize {
			break
		}
	}
	for id, state := range k.trails[s.Own].inbound {
		if !seen[id] {
			k.broken("I6", s.Own, string(id), "is %s in the audit trail and not stored", state)
		}
	}
	return nil
}

func (k *checker) inbound(ctx context.Context, s Side, in store.Inbound) error {
	broken := func(invariant, format string, args ...any) {
		k.broken(invariant, s.Own, string(in.ID), format, args...)
	}
	k.counts[s.Own].Inbound[in.State]++
	k.note(s, in.Canonical)
	if last, known := k.trails[s.Own].inbound[in.ID]; last != in.State {
		if !known {
			last = "nothing of it"
		}
		broken("I6", "is %s, and the audit trail says %s", in.State, last)
	}
	if digest := k.trails[s.Own].digests[in.ID]; digest != in.PayloadDigest {
		broken("I6", "is %s, and the audit trail says %s", in.PayloadDigest, digest)
	}
	a, err := s.Store.Read().Arrival(ctx, store.DoorPeer, string(in.Sender), string(in.ID))
	if errors.Is(err, store.ErrNotFound) {
		broken("I5", "was judged and never arrived")
		return nil
	}
	if err != nil {
		return err
	}
	k.inboundWaits(s, in, a)
	if bytesOf(a) != in.PayloadDigest || a.Digest != in.PayloadDigest {
		broken("I4", "its payload is not what its digest says")
	}
	if in.State == gateway.Accepted && !in.Erased && gateway.DigestOf(in.Canonical) != in.CanonicalDigest {
		broken("I4", "its document is not what its digest says")
	}
	if err := k.signatureHolds(a.Header, a.Signature, a.Content, a.Erased, in.PayloadDigest, in.Received); err != nil {
		broken("I5", "is %s, and its signature does not hold: %v", in.State, err)
		return nil
	}
	h, err := seal.ParseHeader(a.Header)
	if err != nil {
		broken("I5", "its header cannot be read: %v", err)
		return nil
	}
	if in.Erased { // what the document itself says is gone
		h.DocumentID = in.DocumentID
	} else if doc := document.Parse(in.Canonical).Document; doc != nil { // it is known by what the document itself says
		h.DocumentID = doc.GetEnvelope().GetDocumentId()
	}
	if unlike := differs(h, signed{in.ID, in.Sender, s.Own, in.Kind, in.DocumentID, in.Conversation, in.ExpectedArrival, in.LateBy}); unlike != "" {
		broken("I4", "what is signed says another %s", unlike)
	}
	if in.State == gateway.Accepted || in.State == gateway.Refused {
		if in.Receipt == nil {
			broken("I5", "is %s without a receipt", in.State)
		} else if r, err := k.Trust.OpenReceipt(in.Receipt.Header, in.Receipt.Statement, in.Receipt.Signature, h, k.At); err != nil || r.Verdict.State() != in.State || r.Received != in.PayloadDigest {
			broken("I5", "is %s, and its receipt says %s of %s: %v", in.State, r.Verdict, r.Received, err)
		} else if in.State == gateway.Accepted && r.Canonical != in.CanonicalDigest {
			broken("I4", "was understood as %s, and its receipt says as %s", in.CanonicalDigest, r.Canonical)
		}
	}
	if in.State == gateway.Accepted && in.Replaces != "" {
		if leaf, decided := k.trails[s.Own].decided[in.Replaces]; !decided || leaf > k.trails[s.Own].decided[in.ID] {
			broken("I7", "is accepted before what it changes, %s", in.Replaces)
		}
	}
	from, ok := k.side(in.Sender)
	if !ok {
		return nil
	}
	if _, err := from.Store.Read().Message(ctx, in.ID); errors.Is(err, store.ErrNotFound) {
		broken("I3", "is %s, and %s does not know it", in.State, in.Sender)
	} else if err != nil {
		return err
	}
	return nil
}
