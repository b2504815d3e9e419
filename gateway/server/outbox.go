package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

type outbox struct {
	exchangev1.UnimplementedOutboxServiceServer
	*Server
}

// MaxWaits is how many messages a page of waits shows: for each its chain is looked up.
const MaxWaits = 100

func (s outbox) Waits(ctx context.Context, r *exchangev1.ListWaitsRequest) (*exchangev1.ListWaitsResponse, error) {
	if (r.Partner == "") == (r.MessageId == "") {
		return nil, status.Error(codes.InvalidArgument, "want partner or message_id")
	}
	out := &exchangev1.ListWaitsResponse{}
	if r.MessageId != "" {
		w, err := s.flow.WaitsOf(ctx, gateway.MessageID(r.MessageId))
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		out.Waits = []*exchangev1.Wait{s.presentWait(ctx, w)}
		return out, nil
	}
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	partner := gateway.Administration(strings.ToUpper(r.Partner))
	if _, linked := s.flow.LinkState(partner); !linked {
		return nil, s.refusal(ctx, gateway.Fault{Code: gateway.NotFound, Severity: gateway.Error, Value: r.Partner})
	}
	var after store.WaitingCursor
	if page.place != "" {
		if err := json.Unmarshal([]byte(page.place), &after); err != nil {
			return nil, s.refusal(ctx, err)
		}
	}
	size := min(page.size, MaxWaits)
	waits, err := s.flow.Waits(ctx, partner, after, size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	for _, w := range waits {
		out.Waits = append(out.Waits, s.presentWait(ctx, w))
	}
	if len(waits) == size {
		place, err := json.Marshal(waits[size-1].Place())
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		out.NextPageToken = page.tokenAt(string(place))
	}
	return out, nil
}

func (s outbox) presentWait(ctx context.Context, w flow.Wait) *exchangev1.Wait {
	return &exchangev1.Wait{
		MessageId: string(w.ID), Partner: string(w.Recipient), Route: w.Route, Kind: w.Kind, State: string(w.State), Reasons: presentFaults(w.Reasons, language(ctx)),
		Created: stamp(w.Created), ExpectedArrival: stamp(w.ExpectedArrival), ValidUntil: stamp(w.ValidUntil), Attempts: int32(w.Attempts), Behind: string(w.Behind),
		NextAttempt: stamp(w.Next),
	}
}

func (s outbox) Try(ctx context.Context, r *exchangev1.TryRequest) (*exchangev1.TryResponse, error) {
	switch {
	case (r.Partner == "") == (len(r.MessageIds) == 0):
		return nil, status.Error(codes.InvalidArgument, "want partner or message_ids")
	case len(r.MessageIds) > flow.MaxTriedByID:
		return nil, status.Errorf(codes.InvalidArgument, "message_ids: want at most %d", flow.MaxTriedByID)
	}
	var tried int
	var told gateway.Faults
	var err error
	if r.Partner != "" {
		tried, err = s.flow.TryAll(ctx, callerOf(ctx).flow(), gateway.Administration(strings.ToUpper(r.Partner)))
	} else {
		var ids []gateway.MessageID
		for _, id := range r.MessageIds {
			if !slices.Contains(ids, gateway.MessageID(id)) {
				ids = append(ids, gateway.MessageID(id))
			}
		}
		tried, told, err = s.flow.Try(ctx, callerOf(ctx).flow(), ids)
	}
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.TryResponse{Tried: int32(tried), Faults: presentFaults(told, language(ctx))}, nil
}

func (s outbox) DeadLetters(ctx context.Context, r *exchangev1.ListDeadLettersRequest) (*exchangev1.ListDeadLettersResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	letters, err := s.flow.DeadLetters(ctx, page.after, page.size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListDeadLettersResponse{}
	for _, d := range letters {
		out.Letters = append(out.Letters, presentDeadLetter(d, language(ctx)))
	}
	if len(letters) >= page.size {
		out.NextPageToken = page.token(letters[len(letters)-1].Commit)
	}
	return out, nil
}

func presentDeadLetter(d flow.DeadLetter, lang string) *exchangev1.DeadLetter {
	out := &exchangev1.DeadLetter{
		MessageId: string(d.ID), Partner: string(d.Recipient), Route: d.Route, Kind: d.Kind, State: string(d.State), Reason: gateway.Retold(d.Reason, lang),
		Created: stamp(d.Created), ExpectedArrival: stamp(d.ExpectedArrival), ValidUntil: stamp(d.ValidUntil), Attempts: int32(d.Attempts),
		PayloadDigest: d.PayloadDigest.String(), Repairs: string(d.Repairs), RepairedBy: string(d.RepairedBy),
	}
	if by := d.Settlement; by != nil {
		out.Settlement = &exchangev1.Settlement{
			Reason: by.Reason, EvidenceDigest: by.Evidence.String(), Proposed: stamp(by.Proposed), ProposedBy: by.ProposedBy,
			Confirmed: stamp(by.Confirmed), ConfirmedBy: by.ConfirmedBy,
		}
	}
	return out
}

// deadLetter answers with what became of a dead letter.
func (s outbox) deadLetter(ctx context.Context, d flow.DeadLetter, err error) (*exchangev1.DeadLetter, error) {
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentDeadLetter(d, language(ctx)), nil
}

func (s outbox) Redrive(ctx context.Context, r *exchangev1.RedriveRequest) (*exchangev1.DeadLetter, error) {
	if r.ValidFor < 0 || r.ValidFor > int64(maxValidity/time.Second) {
		return nil, status.Errorf(codes.InvalidArgument, "valid_for: want 0 to %d", int64(maxValidity/time.Second))
	}
	d, err := s.flow.Redrive(ctx, callerOf(ctx).flow(), gateway.MessageID(r.MessageId), time.Duration(r.ValidFor)*time.Second)
	return s.deadLetter(ctx, d, err)
}

// maxValidity is longer than any route lets a message be valid.
const maxValidity = 1000 * 24 * time.Hour

func (s outbox) Settle(ctx context.Context, r *exchangev1.SettleRequest) (*exchangev1.DeadLetter, error) {
	evidence, err := evidenceOf(r.EvidenceDigest)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	d, err := s.flow.Settle(ctx, callerOf(ctx).flow(), gateway.MessageID(r.MessageId), r.Reason, evidence)
	return s.deadLetter(ctx, d, err)
}

func (s outbox) ConfirmSettlement(ctx context.Context, r *exchangev1.ConfirmSettlementRequest) (*exchangev1.DeadLetter, error) {
	evidence, err := evidenceOf(r.EvidenceDigest)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	d, err := s.flow.ConfirmSettlement(ctx, callerOf(ctx).flow(), gateway.MessageID(r.MessageId), evidence)
	return s.deadLetter(ctx, d, err)
}

// evidenceOf reads a digest; empty is none.
func evidenceOf(text string) (gateway.Digest, error) {
	if text == "" {
		return gateway.Digest{}, nil
	}
	d, err := gateway.ParseDigest(text)
	if err != nil {
		return d, gateway.Fault{Code: gateway.EvidenceUnfit, Severity: gateway.Error, Path: "evidenceDigest"}
	}
	return d, nil
}

// delivering shows how this process sends to an administration; nil if it does not.
func (s *Server) delivering(to gateway.Administration) *exchangev1.Delivering {
	l, ok := s.flow.LinkState(to)
	if !ok {
		return nil
	}
	return &exchangev1.Delivering{
		Partner: string(to), Breaker: string(l.Breaker), Until: stamp(l.Until), Failures: int32(l.Failures), Underway: int32(l.Underway), Window: int32(l.Window),
	}
}

func (s outbox) Repair(ctx context.Context, r *exchangev1.RepairRequest) (*exchangev1.DeadLetter, error) {
	d, err := s.flow.Repair(ctx, callerOf(ctx).flow(), gateway.MessageID(r.MessageId))
	return s.deadLetter(ctx, d, err)
}
