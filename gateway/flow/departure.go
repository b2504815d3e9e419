package flow

import (
	"context"
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

// WaitsForDeparture is what a message waits for that its route releases at gate-out.
const WaitsForDeparture = "departure"

// DepartureAhead is how far ahead of this gateway's clock an instant may be at which somebody
// says that a vehicle has left: clocks differ.
const DepartureAhead = 15 * time.Minute

// exits are the kinds of report that tell of a vehicle's leaving.
var exits = []customsv1.VehicleReportKind{
	customsv1.VehicleReportKind_LADEN_EXIT, customsv1.VehicleReportKind_EMPTY_EXIT, customsv1.VehicleReportKind_EMPTY_CONTAINER_EXIT,
}

// RecordDeparture records that a vehicle has left the office of exit: a VehicleReport of an
// exit. It is stored before it is judged, and attached to the movement that it
// belongs to, or opens one: then the vehicle has left unannounced. What waits for it is judged
// anew.
func (g *Gateway) RecordDeparture(ctx context.Context, c Caller, r Record) (Movement, error) {
	return g.recordSeen(ctx, c, store.DoorGate, r, g.judgeDeparture)
}

// judgeDeparture is the second unit of work.
func (g *Gateway) judgeDeparture(ctx context.Context, a store.Arrival) (Movement, error) {
	return g.judgeSeen(ctx, a, sight{kinds: []string{"VehicleReport"}, said: "departure", attach: g.depart, wake: g.wakeDeparted, fits: func(r *Reading) gateway.Faults {
		v := r.Document.GetVehicleReport()
		at, meantAt := meant(r.Document, v.GetAt().GetValue())
		var f gateway.Fault
		switch {
		case !slices.Contains(exits, v.GetKind()):
			f = fault(gateway.DepartureKind, v.GetKind().String(), "")
			f.Path = "kind"
		case !meantAt || at.Sub(a.Received) > DepartureAhead:
			f = fault(gateway.DepartureTime, v.GetAt().GetValue(), a.Received.UTC().Format(time.RFC3339))
			f.Path = "at"
		case len(reconcile.SoughtBy(r.Document, reconcile.Origin{})) == 0:
			f = fault(gateway.DepartureUnknown, "", "")
			f.Path = "transport"
		default:
			return nil
		}
		f.Location = r.locate(f.Path)
		return gateway.Faults{f}
	}})
}

// depart attaches a departure to its movement. One that names a batch or waybill is refused
// where this office is not the exit of its movement, or that has arrived; by a plate alone it is
// another trip's.
func (g *Gateway) depart(ctx context.Context, tx *store.Tx, doc *customsv1.Document, from reconcile.Origin, by teller) (id gateway.MovementID, opened bool, faults gateway.Faults, err error) {
	from.Departed = true
	at, _ := meant(doc, doc.GetVehicleReport().GetAt().GetValue())
	candidates, err := g.candidates(ctx, tx, doc, from, at, Window)
	if err != nil {
		return "", false, nil, err
	}
	candidates = slices.DeleteFunc(candidates, func(m Movement) bool { return !g.onRoute(m, by.office) || m.OnlyControlled() })
	find := func() reconcile.Result {
		known := make([]reconcile.Movement, len(candidates))
		for i, c := range candidates {
			known[i] = c.Movement
		}
		return reconcile.Match(doc, from, at, known, Window)
	}
	match := find()
	fits := func(m Movement) gateway.Code {
		switch {
		case m.Has(from.Message, from.Sender):
			return "" // judged again
		case !g.exitOf(m, by.office):
			return gateway.DepartureOffice
		case m.ArrivedBefore(doc, at):
			return gateway.DepartureArrived
		}
		return ""
	}
	if match.Outcome == reconcile.OneMatch && match.Candidates[0].Strength >= reconcile.ByWaybill {
		m := candidates[slices.IndexFunc(candidates, func(c Movement) bool { return c.ID == match.Movement() })]
		if code := fits(m); code != "" {
			f := fault(code, match.Candidates[0].By[0].Value, by.office)
			f.Path = "batch"
			return "", false, gateway.Faults{f}, nil
		}
	} else {
		candidates = slices.DeleteFunc(candidates, func(m Movement) bool { return fits(m) != "" })
		match = find()
	}
	var m Movement
	if match.Outcome == reconcile.OneMatch {
		m = candidates[slices.IndexFunc(candidates, func(c Movement) bool { return c.ID == match.Movement() })]
	} else {
		m.ID = gateway.MovementID(g.NewID())
		for _, c := range match.Candidates {
			m.AmbiguousWith = append(m.AmbiguousWith, c.Movement)
		}
	}
	if m.Movement, err = reconcile.Attach(m.Movement, doc, from, g.Tolerances); err != nil {
		return "", false, nil, err
	}
	if err := g.takeControls(ctx, tx, &m, doc, from, by, at); err != nil {
		return "", false, nil, err
	}
	if err := g.keep(tx, m); err != nil {
		return "", false, nil, err
	}
	return m.ID, false, nil, nil
}

// WokenAtOnce is how many submissions are woken in one unit of work; others that wait for the same
// follow in the next, whosever they are.
const WokenAtOnce = 100

// wakeDeparted has what waits for a departure judged anew, as much as one unit of work may hold. It
// reports whether more may wait.
func (g *Gateway) wakeDeparted(ctx context.Context, tx *store.Tx, doc *customsv1.Document, from reconcile.Origin) (more bool, err error) {
	woken, err := tx.Woken(index(reconcile.SoughtBy(doc, from)), WokenAtOnce)
	if err != nil {
		return false, err
	}
	for _, s := range woken {
		if s.State != gateway.Held || !slices.Contains(s.WaitsFor, WaitsForDeparture) {
			continue
		}
		if err := judgeAnew(ctx, tx, s, "it has left"); err != nil {
			return false, err
		}
	}
	return len(woken) == WokenAtOnce, nil
}

// exitOf reports whether goods leave by an office of ours, as far as a movement tells: it has no
// other part in it.
func (g *Gateway) exitOf(m Movement, office string) bool {
	own := gateway.Office{Administration: g.Own, Code: office}
	return !slices.ContainsFunc(m.Route(), func(o reconcile.RouteOffice) bool {
		return own.Same(o.Office()) && slices.Contains([]string{reconcile.EntryOffice, reconcile.PartnerOffice, reconcile.DestinationOffice}, o.Role)
	})
}

// gateOut is when what a document announces left by an office of ours; zero if it has not, as
// far as anybody recorded.
func (g *Gateway) gateOut(ctx context.Context, read movementReader, doc *customsv1.Document, rt *release.Route, office string) (time.Time, error) {
	from := reconcile.Origin{Batch: leaf(doc, "batch"), Received: g.Now(), Expected: g.expected(doc, rt, time.Time{}, time.Time{})}
	at := from.Received
	if !from.Expected.IsZero() {
		at = from.Expected
	}
	candidates, err := g.candidates(ctx, read, doc, from, at, Window)
	if err != nil {
		return time.Time{}, err
	}
	candidates = g.joinable(candidates, doc, teller{office: office}, reconcile.Origin{})
	known := make([]reconcile.Movement, len(candidates))
	for i, c := range candidates {
		known[i] = c.Movement
	}
	match := reconcile.Match(doc, from, at, known, Window)
	for _, m := range known {
		if m.ID == match.Movement() {
			left, _ := m.DepartedWith(doc)
			return left, nil
		}
	}
	return time.Time{}, nil
}
