package server

import (
	"context"
	"encoding/json"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/store"
)

type numbers struct {
	exchangev1.UnimplementedNumberServiceServer
	*Server
}

// offices are those of the caller's whose numbers it may hand over and see: of who speaks for none, the one
// that is named, or all.
func (s numbers) offices(c Caller, named string) (offices []string, ok bool) {
	if !NeedsOffice(c.Role) {
		if named == "" {
			return nil, true
		}
		return []string{named}, true
	}
	if named == "" {
		return c.Offices, true
	}
	own, ok := c.officeAs(s.flow.Own, gateway.Office{Administration: s.flow.Own, Code: named})
	return []string{own}, ok
}

// HandOver takes a block for one office: another's is as one that there is not.
func (s numbers) HandOver(ctx context.Context, r *exchangev1.HandOverNumbersRequest) (*exchangev1.NumberBlock, error) {
	offices, ok := s.offices(callerOf(ctx), r.Office)
	if !ok {
		return nil, s.refusal(ctx, store.ErrNotFound)
	}
	office := r.Office
	if office == "" && len(offices) == 1 {
		office = offices[0]
	}
	b, err := s.flow.HandOverNumbers(ctx, callerOf(ctx).flow(), office, r.First, r.Last)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return s.present(b), nil
}

func (s numbers) List(ctx context.Context, r *exchangev1.ListNumberBlocksRequest) (*exchangev1.ListNumberBlocksResponse, error) {
	offices, ok := s.offices(callerOf(ctx), r.Office)
	if !ok {
		return nil, s.refusal(ctx, store.ErrNotFound)
	}
	blocks, err := s.flow.NumberBlocks(ctx, offices)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListNumberBlocksResponse{}
	for _, b := range blocks {
		out.Blocks = append(out.Blocks, s.present(b))
	}
	return out, nil
}

func (s numbers) present(b store.NumberBlock) *exchangev1.NumberBlock {
	out := &exchangev1.NumberBlock{
		Office: b.Office, First: b.First, Last: b.Last(), HandedOver: stamp(b.HandedOver), HandedOverBy: b.HandedOverBy, Size: b.Size, Left: b.Left(),
	}
	if b.Left() > 0 {
		out.Next = b.Number(b.Taken)
	}
	return out
}

// Uses pages through the numbers that one office's messages have taken.
func (s numbers) Uses(ctx context.Context, r *exchangev1.ListNumberUsesRequest) (*exchangev1.ListNumberUsesResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	offices, ok := s.offices(callerOf(ctx), r.Office)
	if !ok || len(offices) == 0 {
		return nil, s.refusal(ctx, store.ErrNotFound)
	}
	var before store.NumberUse
	if page.place != "" {
		if err := json.Unmarshal([]byte(page.place), &before); err != nil {
			return nil, s.refusal(ctx, gateway.Fault{Code: gateway.PageToken, Severity: gateway.Error, Path: "pageToken"})
		}
	}
	uses, err := s.flow.NumberUses(ctx, offices[0], before, page.size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListNumberUsesResponse{}
	for _, u := range uses {
		out.Uses = append(out.Uses, &exchangev1.NumberUse{
			Number: u.Number, Office: u.Office, MessageId: string(u.Message), Taken: stamp(u.Taken), Burnt: u.Burnt, MessageState: string(u.State),
		})
		before = store.NumberUse{Number: u.Number, Commit: u.Commit}
	}
	if len(uses) == page.size {
		place, err := json.Marshal(before)
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		out.NextPageToken = page.tokenAt(string(place))
	}
	return out, nil
}
