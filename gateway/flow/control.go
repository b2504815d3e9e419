package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/recognition"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// kindInspection is the kind of document that tells how a control ended.
const kindInspection = "InspectionResult"

// subjectUnknown says of a control that what it names is not known here, or may be several: it
// stands by itself until what it was of is told, or a person decides. What is there and does not
// concern its teller is as unknown as what is not.
func (g *Gateway) subjectUnknown(ctx context.Context, read movementReader, doc *customsv1.Document, from reconcile.Origin, by teller) (gateway.Faults, error) {
	candidates, match, _, err := g.matched(ctx, read, doc, from, by)
	if err != nil {
		return nil, err
	}
	found := func(c reconcile.Candidate) bool {
		return slices.ContainsFunc(candidates, func(m Movement) bool { return m.ID == c.Movement && !m.OnlyControlled() })
	}
	code := gateway.InspectionUnknown
	switch {
	case match.Outcome == reconcile.OneMatch && found(match.Candidates[0]):
		return nil, nil
	case match.Outcome == reconcile.Ambiguous:
		code = gateway.InspectionAmbiguous
	}
	f := fault(code, doc.GetInspectionResult().GetSubject().GetId(), "")
	f.Severity, f.Path = gateway.Warning, subjectID
	return gateway.Faults{f}, nil
}

// controlOf tells the sender of a control that its subject is not known yet.
func (g *Gateway) controlOf(ctx context.Context, read reader, j *judgement) error {
	s := &j.submission
	said := func(f gateway.Fault) bool {
		return f.Code == gateway.InspectionUnknown || f.Code == gateway.InspectionAmbiguous
	}
	if s.Kind != kindInspection || len(j.messages) == 0 || slices.ContainsFunc(s.Faults, said) {
		return nil
	}
	from := reconcile.Origin{Message: j.messages[0].ID, Office: gateway.Office{Administration: g.Own, Code: s.Office}, Received: g.Now()}
	told, err := g.subjectUnknown(ctx, read, j.notices[0], from, teller{office: s.Office})
	if err != nil {
		return err
	}
	for _, f := range told {
		if t := j.translated; t != nil {
			f.Location, f.Place = t.Locate(f.Path), document.PlaceOf(t.whole, f.Path)
		}
		s.Faults = append(s.Faults, f)
	}
	return nil
}

// takeControls has the controls join a movement that were told of before a document of it, and stood
// by themselves: they name that document, or what it tells of. What they were kept as leads to it
// from now on. A movement takes no more than it has room for.
func (g *Gateway) takeControls(ctx context.Context, tx *store.Tx, m *Movement, doc *customsv1.Document, from reconcile.Origin, by teller, at time.Time) error {
	if from.Filing || document.Kind(doc) == kindInspection {
		return nil
	}
	after := reconcile.Window{Before: ControlWindow.After, After: ControlWindow.Before, Apart: ControlWindow.Apart}
	before, err := g.movementsNear(ctx, tx, reconcile.ControlsSought(doc, from), at, after)
	if err != nil {
		return err
	}
	for _, c := range g.joinable(before, doc, by, from) {
		if c.ID == m.ID || !c.ControlsOf(doc, from, at, after) || len(m.Inspections)+len(c.Inspections) > MaxTold {
			continue
		}
		m.Movement = reconcile.Merge(m.Movement, c.Movement, g.Tolerances)
		gone := Movement{Movement: reconcile.Movement{ID: c.ID}, Into: m.ID}
		body, err := json.Marshal(gone)
		if err != nil {
			return fmt.Errorf("movement %s: %w", c.ID, err)
		}
		first, last := c.Span()
		if err := tx.PutMovement(store.Movement{ID: c.ID, Opened: tx.Now(), First: first, Last: last, Body: body}, nil); err != nil {
			return err
		}
		if err := tx.Unlist(c.ID); err != nil {
			return err
		}
		if err := tx.Audit("gateway", "movement went into "+string(m.ID), string(c.ID), gateway.DigestOf(body)); err != nil {
			return err
		}
	}
	return nil
}

// Control is how a control of a movement ended, and what the agreements say of it.
type Control struct {
	reconcile.Record
	Office   gateway.Office // where it was made
	Standing string         // one of those below
	Verdict  recognition.Verdict
	Text     gateway.Phrase // the verdict, as a sentence
}

// How a control stands.
const (
	ControlStands    = "stands"
	ControlChanged   = "changed" // another has taken its place
	ControlWithdrawn = "taken back"
)

// Controls are all that was told of controls of a movement, in the order in which they were made. The
// day of a control decides whether it is recognised, and not the day on which somebody asks.
func (g *Gateway) Controls(m Movement) []Control {
	type key struct {
		sender gateway.Administration
		id     string
	}
	of := func(r reconcile.Record, id string) key { return key{r.Sender, gateway.FoldID(id)} }
	standing, gone := make(map[key]bool), make(map[key]bool) // by message; by document, those that were taken back
	for _, r := range m.Movement.Controls() {
		standing[of(r, string(r.Message))] = true
	}
	for _, r := range m.Inspections {
		if r.Withdraws {
			for _, id := range r.Replaces {
				gone[of(r, id)] = true
			}
		}
	}
	var out []Control
	route := m.Route()
	for _, r := range m.Inspections {
		if r.Withdraws {
			continue
		}
		c := Control{Record: r, Office: officeIn(r.Facts.Office.Administration, r.Facts.Office.Code, r.Sender), Standing: ControlStands}
		if c.Office.Administration == "" {
			c.Office.Administration = g.Own
		}
		switch {
		case gone[of(r, r.DocumentID)]:
			c.Standing = ControlWithdrawn
		case !standing[of(r, string(r.Message))]:
			c.Standing = ControlChanged
		}
		judged := recognition.Control{Office: c.Office, In: r.To, Kind: r.Control}
		if zone, ok := g.Chain.Tables.Lists().Zone(c.Office.Administration, c.Office.Code); ok && !r.At.IsZero() {
			judged.Day = r.At.In(zone)
		} else if !r.At.IsZero() {
			judged.Day = r.At
		}
		for _, o := range route {
			if o.Administration == string(r.To) && o.Code != "" {
				judged.At = append(judged.At, o.Office())
			}
		}
		c.Verdict = g.Agreements.Of(judged)
		c.Text = verdictText(judged, c.Verdict)
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Control) int { return cmp.Or(a.At.Compare(b.At), a.Received.Compare(b.Received)) })
	return out
}

// verdictText says what the agreements say of a control.
func verdictText(c recognition.Control, v recognition.Verdict) gateway.Phrase {
	switch {
	case v.Recognised && v.Until.IsZero():
		return gateway.Say(gateway.WordRecognised, v.Agreement, v.Status)
	case v.Recognised:
		return gateway.Say(gateway.WordRecognisedUntil, v.Agreement, v.Status, v.Until.Format(time.DateOnly))
	case v.Why == recognition.OtherKind:
		return gateway.Say(gateway.WordRecognisedNotKind, v.Agreement, v.Status)
	case v.Why == recognition.OtherOffice:
		return gateway.Say(gateway.WordRecognisedNotOffice, v.Agreement, v.Status)
	case v.Why == recognition.OtherDay && v.Until.IsZero():
		return gateway.Say(gateway.WordRecognisedFrom, v.Agreement, v.Status, v.From.Format(time.DateOnly))
	case v.Why == recognition.OtherDay:
		return gateway.Say(gateway.WordRecognisedWithin, v.Agreement, v.Status, v.From.Format(time.DateOnly)+" - "+v.Until.Format(time.DateOnly))
	}
	return gateway.Say(gateway.WordRecognisedNone, string(c.In), string(c.Office.Administration))
}
