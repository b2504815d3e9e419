package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/schema"
	"customs.example/gateway/store"
)

// Window is how long before and after a movement's times its plates, load units and
// seals still speak for it: a truck may be back the next day with other goods.
var Window = reconcile.Window{Before: 12 * time.Hour, After: 36 * time.Hour, Apart: 6 * time.Hour}

// A reason has at least and at most these characters; of Chinese ones, each of which is a word or half of
// one, fewer do.
const (
	MinReason    = 5
	MinReasonHan = 2
	MaxReason    = 500
)

// ControlWindow is the window of controls: goods are controlled at the office of departure, or on the
// way, days before they arrive.
var ControlWindow = reconcile.Window{Before: 72 * time.Hour, After: 36 * time.Hour, Apart: 6 * time.Hour}

// MaxCandidates bounds the movements that one document is matched with.
const MaxCandidates = 100

// Movement is a movement as it is kept: with the movements that one of its documents
// could also have belonged to. A person decides.
type Movement struct {
	reconcile.Movement
	AmbiguousWith []gateway.MovementID `json:"ambiguousWith,omitempty"`
	Openings      []Opening            `json:"openings,omitempty"`
	Overdue       []Overdue            `json:"overdue,omitempty"`
	Told          []Telling            `json:"told,omitempty"` // of its arrivals, to those who announced it
	// Into is the movement that this one went into: all that was known of it were controls of what
	// that announces.
	Into   gateway.MovementID `json:"into,omitempty"`
	Commit gateway.Commit     `json:"-"`
}

// Opening is a post's record of an arrival that need not be on the movement's route, or its opening of
// the movement without one, and why.
type Opening struct {
	Of     gateway.Administration `json:"of,omitempty"` // whose the office is; empty of records
	Office string                 `json:"office"`
	Caller string                 `json:"caller"`
	Record string                 `json:"record"`
	Reason string                 `json:"reason"`
	At     time.Time              `json:"at"`
}

// teller is the office that puts a document to its movement, and the reason that opens
// to it one that it has nothing to do with. A partner's document has none.
type teller struct{ office, caller, record, reason string }

// onRoute reports whether an office of ours is on a movement's route.
func (g *Gateway) onRoute(m Movement, office string) bool {
	own := gateway.Office{Administration: g.Own, Code: office}
	return slices.ContainsFunc(m.Route(), func(o reconcile.RouteOffice) bool { return own.Same(o.Office()) })
}

// joinable leaves of the candidates those that a document may join: whoever is on the route of
// one sees all of it, so nobody gets on it by telling of a vehicle. To its teller the others
// are as if they were not there.
func (g *Gateway) joinable(candidates []Movement, doc *customsv1.Document, by teller, from reconcile.Origin) []Movement {
	named := reconcile.RouteOf(doc)
	if by.office != "" {
		named = append(named, reconcile.RouteOffice{Administration: string(g.Own), Code: by.office})
	}
	out := slices.DeleteFunc(candidates, func(m Movement) bool {
		switch {
		case m.In(from.Conversation):
			return false
		case (doc.GetInspectionResult() != nil || doc.GetTransitEvent() != nil) && from.Sender != "" && from.Sender != g.Own:
			return !m.Concerns(from.Sender)
		case doc.GetTransitEvent() != nil && by.office != "" && m.OnlyControlled():
			return !g.onRoute(m, by.office) // it would bring its office sight of another's control
		case doc.GetTransitEvent() != nil && by.office != "":
			return !m.Concerns(g.Own) // be it on its way or not: it brings its office no sight of it
		case m.ControlledBy(from.Sender):
			return false
		case doc.GetArrivalReport() != nil && by.office != "":
			return by.reason == "" && !g.onRoute(m, by.office)
		case len(m.Announced) == 0 && len(m.Openings) == 0:
			// Seen or controlled before anything was announced: what is announced now must name one of the posts.
			return !slices.ContainsFunc(m.Route(), func(seen reconcile.RouteOffice) bool {
				return slices.ContainsFunc(named, func(o reconcile.RouteOffice) bool { return seen.Office().Same(o.Office()) })
			})
		case by.office != "":
			return g.ofOthers(m) && !g.onRoute(m, by.office)
		}
		return false
	})
	if by.reason == "" || !slices.ContainsFunc(out, Movement.announced) {
		return out
	}
	return slices.DeleteFunc(out, func(m Movement) bool { return !m.announced() }) // what was seen alone is not what is looked for
}

func (m Movement) announced() bool { return len(m.Announced) > 0 }

// ofOthers reports whether a movement names an office of this administration at all.
func (g *Gateway) ofOthers(m Movement) bool {
	return slices.ContainsFunc(m.Route(), func(o reconcile.RouteOffice) bool { return o.Administration == string(g.Own) })
}

// Route are the offices that documents name of a movement, and those that have opened it.
func (m Movement) Route() []reconcile.RouteOffice {
	route := m.Movement.Route()
	for _, o := range m.Openings {
		if o.Record == "" {
			route = append(route, reconcile.RouteOffice{Role: reconcile.SeenOffice, Administration: string(o.Of), Code: o.Office})
		}
	}
	return route
}

func movementOf(row store.Movement) (Movement, error) {
	var m Movement
	if err := json.Unmarshal(row.Body, &m); err != nil {
		return m, fmt.Errorf("movement %s: %w", row.ID, err)
	}
	m.Commit = row.Commit
	return m, nil
}

// MaxTold is how much is told of one movement: what comes after it opens another, so that who
// tells of one batch without end makes nothing slow but that. As much is filed of one, and as many
// controls and events of its transit are told of, beside it.
const MaxTold = 300

// full reports whether a movement takes no more of what a document tells: what is filed, controls, what
// offices tell of a transit, and all else have room each, and none takes another's.
func (m Movement) full(doc *customsv1.Document, filing bool) bool {
	switch {
	case filing:
		return len(m.Filings) >= MaxTold
	case doc.GetInspectionResult() != nil:
		return len(m.Inspections) >= MaxTold
	case doc.GetTransitEvent() != nil:
		return len(m.TransitEvents) >= MaxTold
	}
	return len(m.Announced)+len(m.Departures)+len(m.Arrivals) >= MaxTold
}

// telling are the kinds of document that tell of a movement.
var telling = []string{
	"PreArrivalNotice", "TransitDeclaration", "Manifest", "VehicleReport", "ArrivalReport", "InspectionResult", "TransitEvent", "Cancellation",
}

// follow attaches a document to the movement it belongs to, or opens one. A document
// that tells nothing of a movement changes nothing. It reports whether only a stated reason
// let it join.
func (g *Gateway) follow(ctx context.Context, tx *store.Tx, doc *customsv1.Document, from reconcile.Origin, by teller) (id gateway.MovementID, opened bool, err error) {
	if !slices.Contains(telling, document.Kind(doc)) {
		return "", false, nil
	}
	candidates, match, at, err := g.matched(ctx, tx, doc, from, by)
	if err != nil {
		return "", false, err
	}
	together := slices.IndexFunc(candidates, func(c Movement) bool { return c.In(from.Conversation) })
	var m Movement
	switch {
	case together >= 0:
		m = candidates[together]
	case match.Outcome == reconcile.OneMatch:
		m = candidates[slices.IndexFunc(candidates, func(c Movement) bool { return c.ID == match.Movement() })]
	default:
		if match.Outcome == reconcile.NoMatch && !reconcile.Opens(doc) && from.Batch == "" && !from.Filing {
			return "", false, nil
		}
		m.ID = gateway.MovementID(g.NewID())
		for _, c := range match.Candidates {
			m.AmbiguousWith = append(m.AmbiguousWith, c.Movement)
		}
	}
	if by.reason != "" && !slices.ContainsFunc(m.Openings, func(o Opening) bool { return o.Office == by.office && o.Record == by.record }) {
		opened = len(m.Announced) > 0 && !g.onRoute(m, by.office)
		m.Openings = append(m.Openings, Opening{Office: by.office, Caller: by.caller, Record: by.record, Reason: by.reason, At: tx.Now()})
	}
	m.Movement, err = reconcile.Attach(m.Movement, doc, from, g.Tolerances)
	if err != nil {
		return "", false, err
	}
	if err := g.takeControls(ctx, tx, &m, doc, from, by, at); err != nil {
		return "", false, err
	}
	return m.ID, opened, g.keep(tx, m)
}

// matched are the movements that a document may join, how it matches them, and the time of which it
// speaks. Where only controls are known, nothing joins them but another control: they join what is
// told of their subject, see [Gateway.takeControls].
func (g *Gateway) matched(ctx context.Context, read movementReader, doc *customsv1.Document, from reconcile.Origin, by teller) (candidates []Movement, match reconcile.Result, at time.Time, err error) {
	control, window := doc.GetInspectionResult() != nil, Window
	if control {
		window = ControlWindow
	}
	at = timeOf(doc, from)
	if candidates, err = g.candidates(ctx, read, doc, from, at, window); err != nil {
		return nil, match, at, err
	}
	candidates = slices.DeleteFunc(g.joinable(candidates, doc, by, from), func(m Movement) bool {
		return m.full(doc, from.Filing) && !m.Has(from.Message, from.Sender) || !control && m.OnlyControlled()
	})
	known := make([]reconcile.Movement, len(candidates))
	for i, c := range candidates {
		known[i] = c.Movement
	}
	return candidates, reconcile.Match(doc, from, at, known, window), at, nil
}

// timeOf is when a document speaks of its crossing: as its arrival or its control says, where that
// is meant, or as its origin tells.
func timeOf(doc *customsv1.Document, from reconcile.Origin) time.Time {
	said := doc.GetArrivalReport().GetAt()
	if c := doc.GetInspectionResult(); c != nil {
		said = c.GetAt()
	}
	if seen, ok := meant(doc, said.GetValue()); ok {
		return seen
	}
	return at(from)
}

// at is when a document speaks of its crossing, as far as its origin tells.
func at(from reconcile.Origin) time.Time {
	if !from.Expected.IsZero() {
		return from.Expected
	}
	return from.Received
}

// movementReader is what is committed, or seen inside a unit of work.
type movementReader interface {
	MovementsNear(ctx context.Context, ids []store.Identifier, from, until time.Time, lasting []store.Identifier, limit int) ([]store.Movement, error)
}

// candidates are the movements that share an identifier with a document: a batch or waybill,
// or something that comes again, inside the time window.
func (g *Gateway) candidates(ctx context.Context, read movementReader, doc *customsv1.Document, from reconcile.Origin, at time.Time, window reconcile.Window) ([]Movement, error) {
	return g.movementsNear(ctx, read, reconcile.SoughtBy(doc, from), at, window)
}

// movementsNear are the movements kept under one of some keys: under one that comes again, of which
// a window speaks for a time.
func (g *Gateway) movementsNear(ctx context.Context, read movementReader, sought []reconcile.Identifier, at time.Time, window reconcile.Window) ([]Movement, error) {
	var again, lasting []reconcile.Identifier
	for _, id := range sought {
		if reconcile.Lasting(id.Kind) {
			lasting = append(lasting, id)
		} else {
			again = append(again, id)
		}
	}
	rows, err := read.MovementsNear(ctx, index(again), at.Add(-window.After), at.Add(window.Before), index(lasting), MaxCandidates)
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

// keep stores a movement as it now is, and has told what is new of its arrivals.
func (g *Gateway) keep(tx *store.Tx, m Movement) error {
	if err := errors.Join(g.tell(tx, &m), g.list(tx, &m)); err != nil {
		return err
	}
	if len(m.Arrivals) > 0 {
		if err := tx.PutCrossing(m.ID, g.crossing(m)); err != nil {
			return err
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("movement %s: %w", m.ID, err)
	}
	first, last := m.Span()
	if err := tx.PutMovement(store.Movement{ID: m.ID, Opened: tx.Now(), First: first, Last: last, Due: g.look(m, tx.Now()), Body: body}, index(m.Indexed())); err != nil {
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

// Find returns movements by anything read off a vehicle or its papers, be it a part of a plate, newest
// first: those of at most so many that changed before a commit. It says up to which commit it
// has looked, and whether there may be more behind that.
func (g *Gateway) Find(ctx context.Context, text string, before gateway.Commit, limit int) (out []Movement, upto gateway.Commit, more bool, err error) {
	rows, err := g.Store.Read().MovementsBy(ctx, index(reconcile.Sought(text)), before, limit)
	if err != nil {
		return nil, 0, false, err
	}
	for _, row := range rows {
		upto = row.Commit
		m, err := movementOf(row)
		if err != nil {
			return nil, 0, false, err
		}
		if !m.Meets(text) {
			continue
		}
		m.Movement = m.AsOf(g.Now(), g.Tolerances)
		out = append(out, m)
	}
	return out, upto, len(rows) >= limit, nil
}

// Movement returns one movement.
func (g *Gateway) Movement(ctx context.Context, id gateway.MovementID) (Movement, error) {
	m, err := movementIn(ctx, g.Store.Read(), id)
	m.Movement = m.AsOf(g.Now(), g.Tolerances)
	return m, err
}

// movementStore is where one movement is read from: of what is committed, or inside a unit of
// work.
type movementStore interface {
	Movement(ctx context.Context, id gateway.MovementID) (store.Movement, error)
}

// movementIn is a movement as it is committed, or seen inside a unit of work.
//
// One that went into another is that one.
func movementIn(ctx context.Context, read movementStore, id gateway.MovementID) (Movement, error) {
	row, err := read.Movement(ctx, id)
	if err != nil {
		return Movement{}, err
	}
	m, err := movementOf(row)
	if err != nil || m.Into == "" {
		return m, err
	}
	if row, err = read.Movement(ctx, m.Into); err != nil {
		return Movement{}, err
	}
	return movementOf(row)
}

// Record is a document of what a post sees at the border, in canonical JSON or its own national XML.
type Record struct {
	ID        string // of the record, unique per office
	MediaType string // empty: canonical JSON
	Content   []byte
	Reason    string // why an office opens a movement that is announced to others
}

// RecordArrival records what a post sees: an ArrivalReport, or the VehicleReport of an entry, which
// tells of the same. It is stored before it is judged, attached to the movement it belongs to, and compared
// with what was announced. An arrival that nobody announced opens a movement, and so does
// one of a vehicle that is announced to others alone, unless a reason is stated: then it is
// attached to theirs, and the reason stands in it.
func (g *Gateway) RecordArrival(ctx context.Context, c Caller, r Record) (Movement, error) {
	var unfit gateway.Faults
	if r.Reason, unfit = statedReason(r.Reason); len(unfit) > 0 {
		return Movement{}, g.refuse(ctx, c, r.Content, unfit...)
	}
	return g.recordSeen(ctx, c, store.DoorBorder, r, g.judgeArrival)
}

// recordSeen is the first unit of work of what a post records of a vehicle, and has it judged.
func (g *Gateway) recordSeen(ctx context.Context, c Caller, door string, r Record, judge func(context.Context, store.Arrival) (Movement, error)) (Movement, error) {
	a := store.Arrival{
		Door: door, Party: c.Office, ID: r.ID, Caller: c.URI, MediaType: cmp.Or(r.MediaType, JSON), Recipients: []string{}, Content: r.Content, Reason: r.Reason,
		Digest: gateway.DigestOf(r.Content), Received: g.Now(), Attempts: 1,
	}
	if len(a.Content) > schema.MaxBytes {
		return Movement{}, g.refuse(ctx, c, a.Content, tooLarge(len(a.Content), schema.MaxBytes))
	}
	if a.ID == "" {
		return Movement{}, g.refuse(ctx, c, a.Content, fault(gateway.IDMissing, "", ""))
	}
	room, err := g.room(ctx, c.URI, len(a.Content))
	if err != nil {
		return Movement{}, err
	}
	defer room.Release()
	known, _, err := g.arrive(ctx, a)
	if err != nil {
		return Movement{}, err
	}
	if known, err = g.awaited(ctx, known); err != nil {
		return Movement{}, err
	}
	if wait := stuck(known, g.Now()); wait != nil {
		return Movement{}, wait
	}
	return judged(ctx, g, known, judge)
}

// sight is what a post records of a vehicle: a document of some kinds, the usual one first, what
// else makes it fit, and how it is attached to its movement. Faults of the latter refuse it.
type sight struct {
	kinds  []string
	said   string
	fits   func(r *Reading) gateway.Faults
	attach func(ctx context.Context, tx *store.Tx, doc *customsv1.Document, from reconcile.Origin, by teller) (id gateway.MovementID, opened bool, faults gateway.Faults, err error)
	wake   func(ctx context.Context, tx *store.Tx, doc *customsv1.Document, from reconcile.Origin) (more bool, err error) // what waits for it; nil: nothing does
}

// judgeArrival is the second unit of work.
func (g *Gateway) judgeArrival(ctx context.Context, a store.Arrival) (Movement, error) {
	return g.judgeSeen(ctx, a, sight{
		kinds: []string{kindArrival, "VehicleReport"}, said: "arrival", fits: entering,
		attach: func(ctx context.Context, tx *store.Tx, doc *customsv1.Document, from reconcile.Origin, by teller) (gateway.MovementID, bool, gateway.Faults, error) {
			id, opened, err := g.follow(ctx, tx, reconcile.Arrived(doc), from, by)
			return id, opened, nil, err
		},
	})
}

// leaving are the kinds of report that tell of goods before they leave.
var leaving = []customsv1.ArrivalReportKind{customsv1.ArrivalReportKind_EXPORT_ARRIVAL, customsv1.ArrivalReportKind_EXPORT_TALLY}

// entering refuses a report of goods that are to leave, or of a vehicle that does: it is no arrival
// at the border.
func entering(r *Reading) gateway.Faults {
	kind := r.Document.GetArrivalReport().GetKind().String()
	leaves := slices.Contains(leaving, r.Document.GetArrivalReport().GetKind())
	if v := r.Document.GetVehicleReport(); v != nil {
		kind, leaves = v.GetKind().String(), !reconcile.Enters(v.GetKind())
	}
	if !leaves {
		return nil
	}
	f := fault(gateway.ArrivalLeaving, kind, "")
	f.Path = "kind"
	f.Location = r.locate(f.Path)
	return gateway.Faults{f}
}

// judgeSeen is the second unit of work of what a post records. Judging it again finds it
// attached already and changes nothing.
func (g *Gateway) judgeSeen(ctx context.Context, a store.Arrival, seen sight) (Movement, error) {
	reading, err := g.Chain.Read(ctx, a.Content, a.MediaType, g.Own, a.Received)
	if err != nil {
		return Movement{}, err
	}
	scope := g.scope("")
	scope.Seen = true
	passed, faults, err := g.Chain.Validate(ctx, reading, scope)
	if err != nil {
		return Movement{}, err
	}
	if reading.Document != nil && !slices.Contains(seen.kinds, reading.Kind) {
		faults = append(faults, fault(gateway.KindUnexpected, reading.Kind, seen.kinds[0]))
	} else if reading.Document != nil {
		faults = append(append(faults, g.notOwnOffice(reading, a.Party)...), seen.fits(reading)...)
	}
	by := teller{a.Party, a.Caller, a.ID, a.Reason}
	var id gateway.MovementID
	var opened bool
	record := func(tx *store.Tx) (more bool, err error) {
		arrival, err := tx.Arrival(ctx, a.Door, a.Party, a.ID)
		if err != nil {
			return false, err
		}
		if !faults.Refuse() {
			from := reconcile.Origin{Message: gateway.MessageID(a.Door + "/" + a.Party + "/" + a.ID), Sender: g.Own, Received: tx.Now()}
			var refused gateway.Faults
			if id, opened, refused, err = seen.attach(ctx, tx, passed.View(), from, by); err != nil {
				return false, err
			}
			for i, f := range refused {
				refused[i].Location, refused[i].Place = reading.locate(f.Path), document.PlaceOf(reading.Document, f.Path)
			}
			faults = append(faults, refused...)
			if len(refused) == 0 && seen.wake != nil {
				if more, err = seen.wake(ctx, tx, passed.View(), from); err != nil {
					return false, err
				}
			}
		}
		if more {
			return true, tx.Audit("gateway", seen.said+" recorded, more waits for it", a.Party+" "+a.ID, a.Digest)
		}
		if !arrival.Judged {
			if err := settle(tx, arrival, a.Claim); err != nil {
				return false, err
			}
		}
		said := seen.said + " recorded"
		if faults.Refuse() {
			said = seen.said + " refused"
		}
		if a.Reason != "" && id != "" {
			subject := a.Party + " " + a.ID + " " + string(id)
			if opened {
				err = tx.Supervise(g.supervised(Caller{URI: a.Caller, Office: a.Party}, store.Recorded, a.Reason, id, a.ID), "reason stated", subject)
			} else {
				err = tx.Audit(a.Caller, "reason stated", subject, gateway.DigestOf([]byte(a.Reason)))
			}
			if err != nil {
				return false, err
			}
		}
		return false, tx.Audit(a.Caller, said, a.Party+" "+a.ID, a.Digest)
	}
	for more := true; more; { // it is judged once all that waits for it is woken
		if _, err = g.Store.Do(ctx, func(tx *store.Tx) (err error) {
			more, err = record(tx)
			return err
		}); err != nil {
			return Movement{}, fmt.Errorf("judge %s: %w", seen.said, err)
		}
	}
	state := "recorded"
	if faults.Refuse() {
		state = string(gateway.Refused)
	}
	if opened {
		g.Log.Tell(of(a, event.Event{Name: event.MovementOpened, Caller: a.Caller, Movement: id}))
	}
	g.Log.Tell(of(a, event.Event{Name: event.BorderJudged, State: state, Codes: event.CodesOf(faults), Movement: id, Took: g.Now().Sub(a.Received)}))
	if faults.Refuse() {
		return Movement{}, event.Logged(faults)
	}
	return g.Movement(ctx, id)
}
