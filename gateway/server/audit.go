package server

import (
	"context"
	"slices"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// maxAsked is how long a subject or an actor is that anything may have.
const maxAsked = 1000

type audits struct {
	exchangev1.UnimplementedAuditServiceServer
	*Server
}

func (s audits) List(ctx context.Context, r *exchangev1.ListAuditRequest) (*exchangev1.ListAuditResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	for path, text := range map[string]string{"subject": r.Subject, "actor": r.Actor} {
		if len(text) > maxAsked {
			return nil, s.refusal(ctx, gateway.Fault{Code: gateway.NotFound, Severity: gateway.Error, Path: path, Value: gateway.Clip(text)})
		}
	}
	f := store.AuditFilter{Actor: r.Actor, After: page.after, Limit: page.size}
	if r.Subject != "" {
		f.Subjects = flow.AuditSubjects(r.Subject, s.access.parties(string(s.flow.Own)))
	}
	if r.Since != nil {
		f.Since = r.Since.AsTime()
	}
	if r.Until != nil {
		f.Until = r.Until.AsTime()
	}
	found, last, more, err := s.flow.Store.Read().AuditBy(ctx, f)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListAuditResponse{}
	for _, row := range found {
		out.Entries = append(out.Entries, &exchangev1.AuditEntry{
			Leaf: row.Leaf, Commit: int64(row.Commit), Ordinal: int32(row.Ordinal), At: stamp(row.At), Actor: row.Actor,
			Event: row.Event, Subject: row.Subject, Digest: shownDigest(row.Digest),
		})
	}
	if more {
		out.NextPageToken = page.token(last)
	}
	return out, nil
}

// parties are those that something may come from: the offices and administrations of callers,
// each once and in order.
func (a *access) parties(own string) []string {
	all := []string{own}
	for _, c := range a.callers {
		all = append(all, c.Offices...)
		for _, of := range c.Administrations {
			all = append(all, string(of))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
