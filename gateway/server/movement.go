package server

import (
	"cmp"
	"context"
	"slices"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

type movements struct {
	exchangev1.UnimplementedMovementServiceServer
	*Server
}

// Find pages through what the caller sees alone: what it does not see has no page, and
// moves no page's end.
func (s movements) Find(ctx context.Context, r *exchangev1.FindMovementsRequest) (*exchangev1.FindMovementsResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.FindMovementsResponse{}
	var last gateway.Commit // that the caller has seen
	for before, more := page.after, true; more; {
		found, err := s.flow.Find(ctx, r.Text, before, MaxPage)
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		more = len(found) >= MaxPage
		for _, m := range found {
			before = m.Commit
			if !s.visible(callerOf(ctx), m) {
				continue
			}
			// A page does not part what one commit changed.
			if len(out.Movements) >= page.size && m.Commit != last {
				out.NextPageToken = page.token(last)
				return out, nil
			}
			last = m.Commit
			shown, err := s.present(ctx, m)
			if err != nil {
				return nil, s.refusal(ctx, err)
			}
			shown.FoundAs = presentDiscrepancies(m.FoundAs(r.Text), language(ctx))
			out.Movements = append(out.Movements, shown)
		}
	}
	return out, nil
}

func (s movements) Get(ctx context.Context, r *exchangev1.GetMovementRequest) (*exchangev1.Movement, error) {
	m, err := s.flow.Movement(ctx, gateway.MovementID(r.MovementId))
	if err == nil && !s.visible(callerOf(ctx), m) {
		err = store.ErrNotFound // foreign and unknown answer alike
	}
	shown, err := s.answer(ctx, m, err)
	if err != nil {
		return nil, err
	}
	for i, a := range m.Amendments() {
		changes, err := s.flow.MovementChanges(ctx, a)
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		shown.Amendments[i].Changes = presentChanges(changes, language(ctx))
	}
	return shown, nil
}

func (s movements) RecordArrival(ctx context.Context, r *exchangev1.RecordArrivalRequest) (*exchangev1.Movement, error) {
	m, err := s.flow.RecordArrival(ctx, callerOf(ctx).flow(), r.RecordId, r.Content, r.Reason)
	return s.answer(ctx, m, err)
}

func (s movements) RecordDeparture(ctx context.Context, r *exchangev1.RecordDepartureRequest) (*exchangev1.Movement, error) {
	m, err := s.flow.RecordDeparture(ctx, callerOf(ctx).flow(), r.RecordId, r.Content)
	return s.answer(ctx, m, err)
}

func (s movements) answer(ctx context.Context, m flow.Movement, err error) (*exchangev1.Movement, error) {
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	shown, err := s.present(ctx, m)
	return shown, s.refusal(ctx, err)
}

// present shows a movement. Of those that one of its documents could also have belonged to
// only the caller's are named.
func (s movements) present(ctx context.Context, m flow.Movement) (*exchangev1.Movement, error) {
	out := presentMovement(m, language(ctx))
	out.Due, out.Remarks = stamp(s.flow.Due(m)), presentFaults(s.flow.Remarks(m), language(ctx))
	for _, id := range m.AmbiguousWith {
		other, err := s.flow.Movement(ctx, id)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err == nil && s.visible(callerOf(ctx), other) {
			out.AmbiguousWith = append(out.AmbiguousWith, string(id))
		}
	}
	return out, nil
}

// visible reports whether one of the caller's offices is on the movement's route. An
// administration's own system sees all of its gateway's movements.
func (s movements) visible(c Caller, m flow.Movement) bool {
	if c.Role == System {
		return true
	}
	return slices.ContainsFunc(m.Route(), func(o reconcile.RouteOffice) bool {
		_, ok := c.officeAs(s.flow.Own, o.Office())
		return ok
	})
}

func presentMovement(m flow.Movement, lang string) *exchangev1.Movement {
	out := &exchangev1.Movement{
		MovementId: string(m.ID), State: string(m.State()), Commit: int64(m.Commit),
	}
	for _, a := range m.Amendments() {
		out.Amendments = append(out.Amendments, &exchangev1.Amendment{
			MessageId: string(a.Message), Replaces: string(a.Replaces), Received: stamp(a.Received), Standing: string(a.Standing),
		})
	}
	for _, o := range m.Openings {
		out.Openings = append(out.Openings, &exchangev1.Opening{Office: o.Office, RecordId: o.Record, Reason: o.Reason, At: stamp(o.At)})
	}
	for _, r := range m.Announced {
		out.Messages = append(out.Messages, string(r.Message))
		out.Batch = cmp.Or(out.Batch, r.Facts.Batch)
		if !r.Expected.IsZero() {
			out.ExpectedArrival = stamp(r.Expected)
		}
	}
	for _, r := range m.Departures {
		out.Messages = append(out.Messages, string(r.Message))
		out.Batch = cmp.Or(out.Batch, r.Facts.Batch)
		out.Departed = stamp(r.At)
	}
	for _, r := range m.Arrivals {
		out.Messages = append(out.Messages, string(r.Message))
		out.Batch = cmp.Or(out.Batch, r.Facts.Batch)
		out.Arrived = stamp(r.At)
	}
	for _, o := range m.Route() {
		switch o.Role {
		case reconcile.ExitOffice:
			out.ExitOffices = append(out.ExitOffices, o.Code)
		case reconcile.EntryOffice:
			out.EntryOffices = append(out.EntryOffices, o.Code)
		}
	}
	for _, id := range m.Identifiers() {
		out.Identifiers = append(out.Identifiers, &exchangev1.Identifier{Kind: id.Kind, Value: id.Value})
	}
	vehicles, come := m.Vehicles()
	out.VehiclesAnnounced, out.VehiclesArrived = uint32(vehicles), uint32(come)
	for _, a := range m.Accounts() {
		out.Waybills = append(out.Waybills, &exchangev1.WaybillAccount{Waybill: a.Waybill, Packages: presentFigures(a.Packages), Kilograms: presentFigures(a.Kilograms)})
	}
	for _, c := range m.Comparisons {
		out.Comparisons = append(out.Comparisons, presentComparison(c, lang))
	}
	return out
}

func presentFigures(f reconcile.Figures) *exchangev1.Figures {
	return &exchangev1.Figures{Announced: f.Announced, Arrived: f.Arrived, Open: f.Open}
}

func presentComparison(c reconcile.Comparison, lang string) *exchangev1.Comparison {
	out := &exchangev1.Comparison{ArrivalId: string(c.ArrivalID), At: stamp(c.At), Result: string(c.Result), Agreed: int32(c.Agreed)}
	out.Discrepancies = presentDiscrepancies(c.Discrepancies, lang)
	out.Folded = presentDiscrepancies(c.Folded, lang)
	out.Outstanding = presentDiscrepancies(c.Outstanding, lang)
	for _, n := range c.NotCompared {
		out.NotCompared = append(out.NotCompared, &exchangev1.NotCompared{Subject: n.Subject.In(lang), Reason: n.Reason.In(lang)})
	}
	return out
}

func presentDiscrepancies(ds []reconcile.Discrepancy, lang string) (out []*exchangev1.Discrepancy) {
	for _, d := range ds {
		f := d.Fault().Report(lang)
		out = append(out, &exchangev1.Discrepancy{
			Code: string(d.Code), Subject: d.Subject.In(lang), Path: d.Path, Expected: f.Expected, Found: cmp.Or(f.Value, f.Found),
			ExpectedMethod: d.ExpectedMethod, FoundMethod: d.FoundMethod, Tolerance: d.Tolerance.In(lang), Difference: d.Difference.In(lang),
			Severity: string(d.Severity), Message: f.Message,
		})
	}
	return out
}
