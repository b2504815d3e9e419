package flow

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/budget"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// A change that overtook what it changes waits for it, and is refused when that has not come:
// how long it waits. It is judged again when what it looks for comes, at the end, and once soon
// after it began to wait, for what came while it was being judged; what comes again and again has
// it judged no more often than that.
const (
	OriginalWait  = time.Hour
	OriginalEvery = 15 * time.Second
)

// MaxEarly is how many changes of one partner wait for what they change. Who sends more is asked to
// send them later, and nothing is kept of them; of such that come at the same time a few more may
// wait.
const MaxEarly = 50

// MaxSought is by how many waybills and vehicles a change that names nothing else is found by what
// it changes; one of more is judged again at the end of its time.
const MaxSought = 100

// What an original is found by, beside its waybills and vehicles.
const (
	soughtDocument = "document"
	soughtNumber   = "registration"
)

// MaxAmendments bounds a partner's changes in one movement: whoever changes without end makes the
// movement grow without end.
const MaxAmendments = 20 * MaxVersions

// earlyError says that a message is not judged yet: it changes what has not come.
type earlyError struct {
	of     string
	sought []store.Identifier
}

func (e *earlyError) Error() string { return "it changes " + e.of + ", which has not come yet" }

// original finds what a partner's document changes: by the document that it names; else by the
// registration number that our answer gave; else, by a function code alone, what the same partner
// has announced of the same waybills and vehicles. Of a chain of versions it is the newest. A
// change of what has not come, or of a number that was not given, waits for a limited time.
func (g *Gateway) original(ctx context.Context, in *store.Inbound, doc *customsv1.Document) (of store.Inbound, faults gateway.Faults, err error) {
	path, about := "envelope.function", leaf(doc, "batch")
	if n := doc.GetPreArrivalNotice().GetChanges(); n != nil {
		path, about = "changes", inFull(n)
	}
	refuse := func(f gateway.Fault) (store.Inbound, gateway.Faults, error) {
		f.Path = path
		return store.Inbound{}, gateway.Faults{f}, nil
	}
	sought := []store.Identifier{}
	if ids := changed(doc); len(ids) > 0 {
		path, about, sought = "envelope.references", ids[0], byDocument(ids[0])
		of, err = g.Store.Read().InboundByDocument(ctx, in.Sender, ids[0])
	} else if n := doc.GetPreArrivalNotice().GetChanges(); n != nil {
		sought = byNumber(n)
		of, err = g.registeredAs(ctx, in, doc, n)
	} else {
		sought = byThings(doc)
		of, err = g.announcedOf(ctx, in, doc)
	}
	switch {
	case store.IgnoreNotFound(err) != nil:
		return of, nil, err
	case err != nil && g.Now().Before(in.Received.Add(OriginalWait)):
		return of, nil, &earlyError{about, sought}
	case err != nil:
		return refuse(fault(gateway.OriginalMissing, about, OriginalWait.String()))
	case of.State != gateway.Accepted || of.Kind != in.Kind || of.MovementID == "":
		return refuse(wanting(gateway.AmendClosed, about, gateway.WordNothingStands))
	}
	m, err := g.Movement(ctx, of.MovementID)
	if err != nil {
		return of, nil, err
	}
	if n := m.Changes(in.Sender); n >= MaxAmendments {
		return refuse(fault(gateway.AmendTooOften, strconv.Itoa(n), strconv.Itoa(MaxAmendments)))
	}
	newest, stands := m.Newest(of.ID, in.Sender)
	if !stands {
		return refuse(wanting(gateway.AmendClosed, about, gateway.WordNothingStands))
	}
	if !gateway.SameID(newest, of.ID) {
		if of, err = g.Store.Read().Inbound(ctx, in.Sender, newest); err != nil {
			return of, nil, err
		}
	}
	if of.Erased {
		f, err := erasure(ctx, g.Store.Read(), store.DoorPeer, string(of.Sender), string(of.ID))
		if err != nil {
			return of, nil, err
		}
		return refuse(f)
	}
	told := document.Parse(of.Canonical).Document
	if at, was, is := otherOffice(told, doc); at != "" {
		path = at
		return refuse(fault(gateway.AmendOffices, is, was))
	}
	return of, nil, nil
}

func byDocument(id string) []store.Identifier {
	return []store.Identifier{{Kind: soughtDocument, Folded: gateway.FoldID(id)}}
}

func byNumber(n *customsv1.RegistrationNumber) []store.Identifier {
	return []store.Identifier{{Kind: soughtNumber, Folded: inFull(n)}}
}

// byThings are the waybills and vehicles of a document.
func byThings(doc *customsv1.Document) []store.Identifier {
	all := slices.DeleteFunc(reconcile.SoughtBy(doc, reconcile.Origin{}), func(id reconcile.Identifier) bool {
		return id.Kind != reconcile.Waybill && id.Kind != reconcile.Vehicle
	})
	return index(all[:min(len(all), MaxSought)])
}

// early is the unit of work that notes that a change waits for what it changes: until when it is
// not judged by itself.
func (g *Gateway) early(tx *store.Tx, a store.Arrival, e *earlyError, first bool) (next time.Time, err error) {
	end := a.Received.Add(OriginalWait)
	soon := g.Now().Add(OriginalEvery)
	var again time.Time // at once
	if !first {
		again = soon
	}
	known, err := tx.AwaitOriginal(gateway.Administration(a.Party), gateway.MessageID(a.ID), e.sought, again)
	if err != nil || known || soon.After(end) {
		return end, err
	}
	return soon, nil
}

// tooEarly asks a partner to send a change later that has overtaken what it changes, where as many
// of the partner's wait already as may. Nothing is kept of it.
func (g *Gateway) tooEarly(ctx context.Context, a store.Arrival, opened seal.Opened) (err error) {
	n, err := g.Store.Read().Early(ctx, gateway.Administration(a.Party), MaxEarly)
	if err != nil || n < MaxEarly || opened.Header().Ahead(a.Received) > seal.Skew {
		return err
	}
	if _, err := g.Store.Read().Arrival(ctx, a.Door, a.Party, a.ID); store.IgnoreNotFound(err) != nil || err == nil {
		return err // it is one of them
	}
	defer func() {
		if recover() != nil {
			err = nil // its judgement breaks off in the same place, and says so
		}
	}()
	_, _, err = g.weigh(ctx, a, opened)
	if errors.As(err, new(*earlyError)) {
		return &budget.ExhaustedError{Pool: "changes of what has not come", After: OriginalEvery}
	}
	return nil // what else may be wrong its judgement says
}

// originalCame has the changes judged again that wait for a message that was accepted.
func (g *Gateway) originalCame(ctx context.Context, tx *store.Tx, in store.Inbound, doc *customsv1.Document) error {
	if n, err := tx.Early(ctx, in.Sender, 1); err != nil || n == 0 {
		return err
	}
	_, err := tx.OriginalCame(in.Sender, append(byDocument(in.DocumentID), byThings(doc)...), 2*MaxEarly)
	return err
}

// maxRegistered is how many messages of one registration number are looked at: the versions of
// an announcement may keep the number of the first.
const maxRegistered = 20

// inFull is a registration number as it is told, and looked for.
func inFull(n *customsv1.RegistrationNumber) string {
	return n.GetCountry() + "/" + n.GetDate().GetValue() + "/" + n.GetNumber()
}

// registeredAs is what a partner has announced and we registered under a number: what stands of
// it, and of several announcements under one number the one of the same waybills and vehicles.
func (g *Gateway) registeredAs(ctx context.Context, in *store.Inbound, doc *customsv1.Document, n *customsv1.RegistrationNumber) (of store.Inbound, err error) {
	ids, err := g.Store.Read().Registered(ctx, in.Sender, inFull(n), maxRegistered)
	if err != nil {
		return store.Inbound{}, err
	}
	if len(ids) == 0 {
		return store.Inbound{}, store.ErrNotFound
	}
	var standing []store.Inbound
	newest := make(map[gateway.MessageID]bool)
	for _, id := range ids {
		if of, err = g.Store.Read().Inbound(ctx, in.Sender, id); err != nil {
			return store.Inbound{}, err
		}
		if of.MovementID == "" {
			continue
		}
		m, err := g.Movement(ctx, of.MovementID)
		if err != nil {
			return store.Inbound{}, err
		}
		if id, stands := m.Newest(of.ID, in.Sender); stands && !newest[id] {
			newest[id] = true
			standing = append(standing, of)
		}
	}
	switch len(standing) {
	case 0:
		return of, nil // which is told to be closed
	case 1:
		return standing[0], nil
	}
	if of, err = g.announcedOf(ctx, in, doc); err == nil && !newest[of.ID] {
		return store.Inbound{}, store.ErrNotFound
	}
	return of, err
}

// register notes under which number our answer registers what a partner has sent: a change may
// name no more of it.
func (g *Gateway) register(ctx context.Context, tx *store.Tx, m store.Message, answer *customsv1.Document) error {
	n := answer.GetAnswer().GetRegistration()
	if n == nil {
		return nil
	}
	for _, id := range answered(answer) {
		of, err := tx.InboundByDocument(ctx, m.Recipient, id)
		if errors.Is(err, store.ErrNotFound) {
			continue // another system's
		}
		if err != nil {
			return err
		}
		if err := tx.PutRegistered(m.Recipient, inFull(n), of.ID); err != nil {
			return err
		}
		if _, err := tx.OriginalCame(m.Recipient, byNumber(n), 2*MaxEarly); err != nil {
			return err
		}
	}
	return nil
}

// announcedOf is what a partner has announced, and still does, of the waybills and vehicles of a
// document.
func (g *Gateway) announcedOf(ctx context.Context, in *store.Inbound, doc *customsv1.Document) (store.Inbound, error) {
	at := in.Received
	if !in.ExpectedArrival.IsZero() {
		at = in.ExpectedArrival
	}
	candidates, err := g.candidates(ctx, g.Store.Read(), doc, reconcile.Origin{Message: in.ID, Sender: in.Sender, Batch: in.Batch}, at, Window)
	if err != nil {
		return store.Inbound{}, err
	}
	for _, m := range candidates {
		if id, ok := m.Announcing(doc, in.Sender); ok {
			return g.Store.Read().Inbound(ctx, in.Sender, id)
		}
	}
	return store.Inbound{}, store.ErrNotFound
}

// otherOffice finds where a change leads over another office than what it changes.
func otherOffice(told, doc *customsv1.Document) (path, was, is string) {
	for _, path := range []string{"entryOffice.code", "exitOffice.code", "office.code", "partnerOffice.code"} {
		if was, is := leaf(told, path), leaf(doc, path); was != is && was != "" && is != "" {
			return path, was, is
		}
	}
	return "", "", ""
}

// takeAmendment attaches a partner's change to the movement of what it changes: it takes its
// place, and both are kept.
func (g *Gateway) takeAmendment(ctx context.Context, tx *store.Tx, h seal.Header, in *store.Inbound, doc *customsv1.Document) error {
	of, err := tx.Inbound(ctx, in.Sender, in.Replaces)
	if err != nil {
		return err
	}
	m, err := movementIn(ctx, tx, of.MovementID)
	if err != nil {
		return err
	}
	doc = changing(doc, of.DocumentID)
	from := reconcile.Origin{
		Message: in.ID, Sender: in.Sender, Conversation: in.Conversation, WholeGoods: h.WholeGoods,
		Batch: in.Batch, Entry: g.entryOf(h), Received: in.Received, Expected: in.ExpectedArrival,
	}
	if m.Movement, err = reconcile.Attach(m.Movement, doc, from, g.Tolerances); err != nil {
		return err
	}
	in.MovementID = m.ID
	if err := g.takeControls(ctx, tx, &m, doc, from, teller{}, timeOf(doc, from)); err != nil {
		return err
	}
	return g.keep(tx, m)
}

// changing is a document that says which other it changes, whatever the form that it travels in
// has a place for.
func changing(doc *customsv1.Document, id string) *customsv1.Document {
	if slices.ContainsFunc(changed(doc), func(named string) bool { return gateway.SameID(named, id) }) {
		return doc
	}
	doc = document.Clone(doc)
	if doc.Envelope == nil {
		doc.Envelope = &customsv1.Envelope{}
	}
	doc.Envelope.References = append(doc.Envelope.References, &customsv1.Reference{Kind: customsv1.ReferenceKind_CHANGED, Id: id})
	return doc
}
