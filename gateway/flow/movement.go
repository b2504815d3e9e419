package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/schema"
	"customs.example/gateway/store"
)

// Window is how long before and after a movement's times its plates, load units and
// seals still speak for it: a truck may be back the next day with other goods.
var Window = reconcile.Window{Before: 12 * time.Hour, After: 36 * time.Hour}

// MaxCandidates bounds the movements that one document is matched with.
const MaxCandidates = 100

// Movement is a movement as it is kept: with the movements that one of its documents
// could also have belonged to. A person decides.
type Movement struct {
	reconcile.Movement
	AmbiguousWith []gateway.MovementID `json:"ambiguousWith,omitempty"`
	Commit        gateway.Commit       `json:"-"`
}

func movementOf(row store.Movement) (Movement, error) {
	var m Movement
	if err := json.Unmarshal(row.Body, &m); err != nil {
		return m, fmt.Errorf("movement %s: %w", row.ID, err)
	}
	m.Commit = row.Commit
	return m, nil
}

// follow attaches an outgoing notice to its movement, if it tells of one.
func (g *Gateway) follow(ctx context.Context, tx *store.Tx, doc *customsv1.Document, from reconcile.Origin) error {
	_, err := g.followed(ctx, tx, doc, from)
	return err
}

// telling are the kinds of document that tell of a movement.
var telling = []string{
	"PreArrivalNotice", "TransitDeclaration", "Manifest", "VehicleReport", "ArrivalReport", "InspectionResult", "Cancellation",
}

// followed attaches a document to the movement it belongs to, or opens one. A document
// that tells nothing of a movement changes nothing.
func (g *Gateway) followed(ctx context.Context, tx *store.Tx, doc *customsv1.Document, from reconcile.Origin) (gateway.MovementID, error) {
	if !slices.Contains(telling, document.Kind(doc)) {
		return "", nil
	}
	at := from.Received
	if !from.Expected.IsZero() {
		at = from.Expected
	}
	if seen, ok := meant(doc, doc.GetArrivalReport().GetAt().GetValue()); ok {
		at = seen
	}
	candidates, err := g.candidates(ctx, tx, doc)
	if err != nil {
		return "", err
	}
	known := make([]reconcile.Movement, len(candidates))
	for i, c := range candidates {
		known[i] = c.Movement
	}
	match := reconcile.Match(doc, at, known, Window)
	together := slices.IndexFunc(candidates, func(c Movement) bool { return c.In(from.Conversation) })
	var m Movement
	switch {
	case together >= 0:
		m = candidates[together]
	case match.Outcome == reconcile.OneMatch:
		m = candidates[slices.IndexFunc(candidates, func(c Movement) bool { return c.ID == match.Movement() })]
	default:
		if match.Outcome == reconcile.NoMatch && !reconcile.Opens(doc) {
			return "", nil
		}
		m.ID = gateway.MovementID(g.NewID())
		for _, c := range match.Candidates {
			m.AmbiguousWith = append(m.AmbiguousWith, c.Movement)
		}
	}
	m.Movement, err = reconcile.Attach(m.Movement, doc, from, g.Tolerances)
	if err != nil {
		return "", err
	}
	return m.ID, g.keep(tx, m)
}

// candidates are the movements that share an identifier with a document.
func (g *Gateway) candidates(ctx context.Context, tx *store.Tx, doc *customsv1.Document) ([]Movement, error) {
	rows, err := tx.MovementsBy(ctx, index(reconcile.SoughtBy(doc)), 0, MaxCandidates)
	if err != nil {
		return nil, err
	}
	out := make([]Movement, len(rows))
	for i, row := range rows {
		if out[i], err = movementOf(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (g *Gateway) keep(tx *store.Tx, m Movement) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("movement %s: %w", m.ID, err)
	}
	if err := tx.PutMovement(store.Movement{ID: m.ID, Opened: tx.Now(), Body: body}, index(reconcile.Keys(m.Identifiers()))); err != nil {
		return err
	}
	return tx.Audit("gateway", "movement changed", string(m.ID), gateway.DigestOf(body))
}

func index(ids []reconcile.Identifier) []store.Identifier {
	out := make([]store.Identifier, len(ids))
	for i, id := range ids {
		out[i] = store.Identifier{Kind: id.Kind, Folded: id.Folded}
	}
	return out
}

// Find returns movements by anything read off a vehicle or its papers, newest first.
func (g *Gateway) Find(ctx context.Context, text string, before gateway.Commit, limit int) ([]Movement, error) {
	rows, err := g.Store.Read().MovementsBy(ctx, index(reconcile.Sought(text)), before, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Movement, len(rows))
	for i, row := range rows {
		if out[i], err = movementOf(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Movement returns one movement.
func (g *Gateway) Movement(ctx context.Context, id gateway.MovementID) (Movement, error) {
	row, err := g.Store.Read().Movement(ctx, id)
	if err != nil {
		return Movement{}, err
	}
	return movementOf(row)
}

// RecordArrival records what a post sees: an ArrivalReport in canonical JSON. It is
// stored before it is judged, attached to the movement it belongs to, and compared
// with what was announced. An arrival that nobody announced opens a movement.
func (g *Gateway) RecordArrival(ctx context.Context, c Caller, id string, content []byte) (Movement, error) {
	if len(content) > schema.MaxBytes {
		return Movement{}, g.refuse(ctx, c, content, tooLarge(len(content), schema.MaxBytes))
	}
	if id == "" {
		return Movement{}, g.refuse(ctx, c, content, fault(gateway.IDMissing, "", ""))
	}
	room, err := g.room(ctx, c.URI, len(content))
	if err != nil {
		return Movement{}, err
	}
	defer room.Release()
	known, err := g.arrive(ctx, store.Arrival{
		Door: store.DoorBorder, Party: c.Office, ID: id, Caller: c.URI, MediaType: JSON, Recipients: []string{},
		Content: content, Digest: gateway.DigestOf(content), Received: g.Now(), Attempts: 1,
	})
	if err != nil {
		return Movement{}, err
	}
	if wait := stuck(known, g.Now()); wait != nil {
		return Movement{}, wait
	}
	return judged(ctx, g, known, g.judgeArrival)
}

// judgeArrival is the second unit of work. Judging a recorded arrival again finds it
// attached already and changes nothing.
func (g *Gateway) judgeArrival(ctx context.Context, a store.Arrival) (Movement, error) {
	reading := g.Chain.Read(a.Content, a.MediaType, g.Own, a.Received)
	if err := ctx.Err(); err != nil {
		return Movement{}, err // nobody waits for it any more
	}
	passed, faults := g.Chain.Validate(reading, g.scope(""))
	if reading.Document != nil && reading.Kind != "ArrivalReport" {
		faults = append(faults, fault(gateway.KindUnexpected, reading.Kind, "ArrivalReport"))
	} else if reading.Document != nil {
		faults = append(faults, g.notOwnOffice(reading, a.Party)...)
	}
	var id gateway.MovementID
	_, err := g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		if err := settle(tx, a); err != nil {
			return err
		}
		event := "arrival refused"
		if !faults.Refuse() {
			event = "arrival recorded"
			from := reconcile.Origin{Message: gateway.MessageID(a.Door + "/" + a.Party + "/" + a.ID), Sender: g.Own, Received: tx.Now()}
			if id, err = g.followed(ctx, tx, passed.Document(), from); err != nil {
				return err
			}
		}
		return tx.Audit(a.Caller, event, a.Party+" "+a.ID, a.Digest)
	})
	switch {
	case err != nil:
		return Movement{}, fmt.Errorf("judge arrival: %w", err)
	case faults.Refuse():
		return Movement{}, faults
	}
	return g.Movement(ctx, id)
}
