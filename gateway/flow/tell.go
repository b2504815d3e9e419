package flow

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// kindArrival is the kind of document that tells what has arrived.
const kindArrival = "ArrivalReport"

// itself is who hands in what the gateway makes of what a post has recorded. No certificate bears
// it.
const itself = "gateway"

// maxReferences is how many documents a report of an arrival says that it tells of: an envelope has
// room for a few more.
const maxReferences = 18

// Telling is what was told of an arrival to who announced what has arrived: the last report of it.
type Telling struct {
	To         gateway.Administration `json:"to"`
	Office     string                 `json:"office"`     // that has seen it arrive
	Arrival    gateway.MessageID      `json:"arrival"`    // its record
	Submission string                 `json:"submission"` // which the report is, and whose id it bears
	Digest     gateway.Digest         `json:"digest"`     // of what it says
	At         time.Time              `json:"at"`
	Number     int                    `json:"number"` // how often it was told to this administration of this movement
	Withdrawn  bool                   `json:"withdrawn,omitempty"`
}

// tell has those who announced a movement told what has arrived of it and how that compares: of each
// arrival that a post of ours has recorded, as often as what is to be told has changed. A report is
// a submission of the office that has recorded the arrival, on its route for reports of
// arrivals; where there is none nothing is told. Its judgement makes the message.
func (g *Gateway) tell(tx *store.Tx, m *Movement) error {
	if len(m.Arrivals) == 0 {
		return nil
	}
	var announcers []gateway.Administration
	for _, r := range m.Announced {
		if r.Sender != "" && r.Sender != g.Own && !slices.Contains(announcers, r.Sender) {
			announcers = append(announcers, r.Sender)
		}
	}
	arrivals := m.CountingArrivals()
	for _, to := range announcers {
		for i := range m.Told { // what corrects an arrival is told in its place
			if t := &m.Told[i]; t.To == to && !t.Withdrawn {
				if newest, counts := m.NewestArrival(t.Arrival, g.Own); counts {
					t.Arrival = newest
				}
			}
		}
		for i, r := range arrivals {
			if r.Sender != g.Own || r.Told != nil {
				continue
			}
			if err := g.tellOne(tx, m, to, r, r.Report(m.Comparisons[i]), false); err != nil {
				return err
			}
		}
		for _, t := range slices.Clone(m.Told) {
			if t.To != to || t.Withdrawn || slices.ContainsFunc(arrivals, func(r reconcile.Record) bool { return gateway.SameID(r.Message, t.Arrival) }) {
				continue
			}
			if r, ok := m.Arrival(t.Arrival, g.Own); ok {
				if err := g.tellOne(tx, m, to, r, r.Report(reconcile.Comparison{Result: reconcile.NothingToCompare}), true); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// tellOne tells of one arrival what the last report of it did not say.
func (g *Gateway) tellOne(tx *store.Tx, m *Movement, to gateway.Administration, r reconcile.Record, report *customsv1.Document, withdraw bool) error {
	office := officeOf(r.Message)
	if g.reportRoute(office, to, tx.Now()) == nil {
		return nil
	}
	digest, number := document.Digest(report), 1
	last := -1
	for i, t := range m.Told {
		if t.To == to {
			number += t.Number
			if gateway.SameID(t.Arrival, r.Message) {
				last = i
			}
		}
	}
	e := &customsv1.Envelope{Issued: &customsv1.Instant{Value: document.FormatInstant(tx.Now())}, Function: customsv1.FunctionCode_ORIGINAL}
	now := Telling{To: to, Office: office, Arrival: r.Message, Digest: digest, At: tx.Now(), Number: 1, Withdrawn: withdraw}
	if last >= 0 {
		before := m.Told[last]
		if before.Withdrawn == withdraw && (withdraw || before.Digest == digest) {
			return nil
		}
		now.Number += before.Number
		e.Function = customsv1.FunctionCode_REPLACE
		if withdraw {
			e.Function = customsv1.FunctionCode_DELETION
		}
		e.References = append(e.References, &customsv1.Reference{Kind: customsv1.ReferenceKind_CHANGED, Id: before.Submission})
	}
	for _, id := range m.AnnouncedBy(to, r, maxReferences) {
		e.References = append(e.References, &customsv1.Reference{Kind: customsv1.ReferenceKind_ANSWERED, Id: id})
	}
	now.Submission = gateway.DerivedID("arrival", string(g.Own), string(to), string(m.ID), string(r.Message), strconv.Itoa(number))
	e.DocumentId, report.Envelope = now.Submission, e
	content := document.Marshal(report)
	if err := g.putArrival(tx, store.Arrival{
		Door: store.DoorSubmit, Party: office, ID: now.Submission, Caller: itself, MediaType: JSON, Recipients: []string{string(to)},
		Content: content, Digest: gateway.DigestOf(content), Received: tx.Now(), Attempts: 1,
	}); err != nil {
		return err
	}
	if last >= 0 {
		m.Told[last] = now
	} else {
		m.Told = append(m.Told, now)
	}
	return tx.Audit(itself, "arrival to be told", office+" "+now.Submission, gateway.DigestOf(content))
}

// officeOf is the office of ours that has recorded an arrival: a record's message is door/office/id.
func officeOf(record gateway.MessageID) string {
	parts := strings.SplitN(string(record), "/", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// reportRoute is the route by which an office tells an administration of arrivals; nil if there is
// none.
func (g *Gateway) reportRoute(office string, to gateway.Administration, at time.Time) *release.Route {
	found := g.Chain.Routes.Find(release.Query{From: g.Own, Office: office, Kind: kindArrival, To: []gateway.Administration{to}, At: at})
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// onlyRecorded refuses a report of an arrival, or of a vehicle's entry, that a post submits: it
// records what it sees, and the gateway tells of it.
func onlyRecorded(r *Reading, a store.Arrival) gateway.Faults {
	if r.Kind != kindArrival && !reconcile.Enters(r.Document.GetVehicleReport().GetKind()) || a.Caller == itself {
		return nil
	}
	return gateway.Faults{fault(gateway.ArrivalByRecord, a.ID, "")}
}

// toldOfNothing refuses a partner's report of an arrival that names no document which was announced
// to that partner: what was announced to others is not there to it.
func (g *Gateway) toldOfNothing(ctx context.Context, read messagesByDocument, sender gateway.Administration, doc *customsv1.Document) (gateway.Faults, error) {
	ids := answered(doc)
	for _, id := range ids {
		m, err := read.MessageByDocument(ctx, id, sender)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err == nil && reconcile.Announces(document.Parse(m.Canonical).Document) {
			return nil, nil
		}
	}
	f := fault(gateway.ArrivalUnknown, strings.Join(ids[:min(len(ids), maxNamed)], ", "), "")
	f.Path = "envelope.references"
	return gateway.Faults{f}, nil
}

// takeArrival notes what a partner tells of an arrival in the movements of what it was announced by,
// and with those messages.
func (g *Gateway) takeArrival(ctx context.Context, tx *store.Tx, h seal.Header, in *store.Inbound, doc *customsv1.Document) error {
	from := reconcile.Origin{Message: in.ID, Sender: in.Sender, Batch: h.Batch, Received: in.Received, Told: true}
	kept := make(map[gateway.MovementID]*Movement)
	for _, id := range in.Answers {
		m, err := tx.MessageByDocument(ctx, id, in.Sender)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		if err != nil {
			continue
		}
		of, err := g.movementOfMessage(ctx, tx, m)
		if err != nil {
			return err
		}
		if of == nil {
			continue
		}
		known, ok := kept[of.ID]
		if !ok {
			if of.Movement, err = reconcile.Attach(of.Movement, doc, from, g.Tolerances); err != nil {
				return err
			}
			if err := g.keep(tx, *of); err != nil {
				return err
			}
			kept[of.ID], known = of, of
			if in.MovementID == "" {
				in.MovementID = of.ID
			}
		}
		m.Arrival = toldOf(known, m.ID)
		if err := tx.PutToldArrival(m); err != nil {
			return err
		}
	}
	return nil
}

// toldOf is what was told of the last arrival of what one of our messages announces; nil if nothing
// counts of that.
func toldOf(m *Movement, id gateway.MessageID) *store.ToldArrival {
	r, c, ok := m.ArrivalOf(id, "")
	if !ok {
		return nil
	}
	out := &store.ToldArrival{At: r.At, Office: strings.TrimSpace(r.Facts.Office.Administration + " " + r.Facts.Office.Code), Result: c.Result, Partial: len(c.Outstanding) > 0 || r.Facts.Partial}
	for _, d := range c.Discrepancies {
		if d.Severity != gateway.Info && len(out.Faults) < maxToldFaults {
			f := d.Fault()
			f.Place = d.Subject
			out.Faults = append(out.Faults, f)
		}
	}
	return out
}

// maxToldFaults is how many differences stand with a message; its movement has all.
const maxToldFaults = 20
