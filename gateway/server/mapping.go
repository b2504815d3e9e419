package server

import (
	"context"
	"slices"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/store"
)

type holdings struct {
	exchangev1.UnimplementedMappingServiceServer
	*Server
}

// kinds are what kinds of data are on the wire.
var kinds = map[string]exchangev1.MappingKind{
	"table": exchangev1.MappingKind_TABLE, "profile": exchangev1.MappingKind_PROFILE, "join": exchangev1.MappingKind_JOIN,
	"split": exchangev1.MappingKind_SPLIT, "code list": exchangev1.MappingKind_CODE_LIST, "rules": exchangev1.MappingKind_RULES,
	"route": exchangev1.MappingKind_ROUTE, "tolerances": exchangev1.MappingKind_TOLERANCES, "containers": exchangev1.MappingKind_CONTAINERS,
	"recognition": exchangev1.MappingKind_RECOGNITION, "conversation": exchangev1.MappingKind_CONVERSATION,
}

func (s holdings) List(ctx context.Context, r *exchangev1.ListMappingsRequest) (*exchangev1.ListMappingsResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	all, err := s.loaded.All()
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListMappingsResponse{Digest: s.loaded.Digest().String()}
	for i, h := range all[min(int(page.after), len(all)):] { // a place in the list, which never changes
		if r.Kind != exchangev1.MappingKind_MAPPING_KIND_UNSPECIFIED && kinds[h.Kind] != r.Kind {
			continue
		}
		if len(out.Mappings) == page.size {
			out.NextPageToken = page.token(page.after + gateway.Commit(i))
			break
		}
		out.Mappings = append(out.Mappings, presentHolding(h))
	}
	return out, nil
}

func (s holdings) Get(ctx context.Context, r *exchangev1.GetMappingRequest) (*exchangev1.Mapping, error) {
	all, err := s.loaded.All()
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	i := slices.IndexFunc(all, func(h analysis.Holding) bool { return h.ID == r.Id })
	if i < 0 {
		return nil, s.refusal(ctx, store.ErrNotFound)
	}
	out := presentHolding(all[i])
	out.Content = all[i].Content
	return out, nil
}

func presentHolding(h analysis.Holding) *exchangev1.Mapping {
	return &exchangev1.Mapping{Id: h.ID, Kind: kinds[h.Kind], Status: h.Status, ValidFrom: h.From, ValidTo: h.To, Digest: h.Digest.String()}
}
