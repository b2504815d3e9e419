package server

import (
	"cmp"
	"context"
	"slices"
	"strconv"

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

func (s movements) Find(ctx context.Context, r *exchangev1.FindMovementsRequest) (*exchangev1.FindMovementsResponse, error) {
	size, before, err := page(r.PageSize, r.PageToken)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	found, err := s.flow.Find(ctx, r.Text, before, size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.FindMovementsResponse{}
	for _, m := range found {
		if visible(callerOf(ctx), m) {
			shown := presentMovement(m, language(ctx))
			shown.FoundAs = presentDiscrepancies(m.FoundAs(r.Text), language(ctx))
			out.Movements = append(out.Movements, shown)
		}
	}
	if len(found) >= size {
		out.NextPageToken = strconv.FormatInt(int64(found[len(found)-1].Commit), 10)
	}
	return out, nil
}

func (s movements) Get(ctx context.Context, r *exchangev1.GetMovementRequest) (*exchangev1.Movement, error) {
	m, err := s.flow.Movement(ctx, gateway.MovementID(r.MovementId))
	if err == nil && !visible(callerOf(ctx), m) {
		err = store.ErrNotFound // foreign and unknown answer alike
	}
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentMovement(m, language(ctx)), nil
}

func (s movements) RecordArrival(ctx context.Context, r *exchangev1.RecordArrivalRequest) (*exchangev1.Movement, error) {
	m, err := s.flow.RecordArrival(ctx, callerOf(ctx).flow(), r.RecordId, r.Content)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentMovement(m, language(ctx)), nil
}

// visible reports whether one of the caller's offices is on the movement's route. An
// administration's own system sees all of its gateway's movements.
func visible(c Caller, m flow.Movement) bool {
	if c.Role == System {
		return true
	}
	return slices.ContainsFunc(m.Route(), func(o reconcile.RouteOffice) bool { return slices.Contains(c.Offices, o.Code) })
}

// States of a movement, as shown.
const (
	announced   = "announced"
	arrived     = "arrived"
	unannounced = "arrived unannounced"
)

func presentMovement(m flow.Movement, lang string) *exchangev1.Movement {
	out := &exchangev1.Movement{MovementId: string(m.ID), State: announced, Commit: int64(m.Commit)}
	switch {
	case len(m.Arrivals) > 0 && len(m.Announced) == 0:
		out.State = unannounced
	case len(m.Arrivals) > 0:
		out.State = arrived
	}
	for _, a := range m.AmbiguousWith {
		out.AmbiguousWith = append(out.AmbiguousWith, string(a))
	}
	for _, r := range m.Announced {
		out.Messages = append(out.Messages, string(r.Message))
		out.Batch = cmp.Or(out.Batch, r.Facts.Batch)
		if !r.Expected.IsZero() {
			out.ExpectedArrival = stamp(r.Expected)
		}
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
	for _, c := range m.Comparisons {
		out.Comparisons = append(out.Comparisons, presentComparison(c, lang))
	}
	return out
}

func presentComparison(c reconcile.Comparison, lang string) *exchangev1.Comparison {
	out := &exchangev1.Comparison{ArrivalId: string(c.ArrivalID), At: stamp(c.At), Result: string(c.Result), Agreed: int32(c.Agreed)}
	out.Discrepancies = presentDiscrepancies(c.Discrepancies, lang)
	out.Folded = presentDiscrepancies(c.Folded, lang)
	return out
}

func presentDiscrepancies(ds []reconcile.Discrepancy, lang string) (out []*exchangev1.Discrepancy) {
	for _, d := range ds {
		f := d.Fault().Report(lang)
		out = append(out, &exchangev1.Discrepancy{
			Code: string(d.Code), Subject: d.Subject, Path: d.Path, Expected: f.Expected, Found: cmp.Or(f.Value, f.Found),
			ExpectedMethod: d.ExpectedMethod, FoundMethod: d.FoundMethod, Tolerance: d.Tolerance, Difference: d.Difference,
			Severity: string(d.Severity), Message: f.Message,
		})
	}
	return out
}
