package main

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// deliveries are links in each state of a circuit breaker.
func deliveries() []*exchangev1.Delivering {
	return []*exchangev1.Delivering{
		{Partner: "BY", Breaker: "closed", Underway: 2, Window: 8},
		{Partner: "RU", Breaker: "open", Until: instant("2026-03-02T02:05:00Z"), Failures: 5, Window: 8},
		{Partner: "KG", Breaker: "probing", Underway: 1, Window: 16},
	}
}

// fakeOutbox has one message that waits for several things, and two dead letters, of which one is said
// to be settled.
type fakeOutbox struct {
	exchangev1.UnimplementedOutboxServiceServer
}

func (fakeOutbox) Waits(ctx context.Context, r *exchangev1.ListWaitsRequest) (*exchangev1.ListWaitsResponse, error) {
	if r.MessageId == "m-0" || r.Partner == "US" {
		return nil, notFound()
	}
	if r.Partner == "BY" {
		return &exchangev1.ListWaitsResponse{}, nil
	}
	info := func(code gateway.Code, value, found, expected string) gateway.Fault {
		return gateway.Fault{Code: code, Severity: gateway.Info, Value: value, Found: gateway.Term(found), Expected: gateway.Term(expected)}
	}
	all := []*exchangev1.Wait{
		{
			MessageId: "m-1", Partner: "RU", Route: "cn-ru-pre-arrival-notice", Kind: "PreArrivalNotice", State: "sent", Created: instant("2026-03-02T01:00:00Z"),
			ExpectedArrival: instant("2026-03-02T03:00:00Z"), NextAttempt: instant("2026-03-02T02:05:00Z"), ValidUntil: instant("2026-03-05T01:00:00Z"), Attempts: 3,
			Reasons: worded(ctx, info(gateway.WaitBreaker, "RU", "5", "2026-03-02T02:05:00Z"), info(gateway.WaitNoReceipt, "RU", "3", "2026-03-02T02:05:00Z")),
		},
		{
			MessageId: "m-2", Partner: "RU", Route: "cn-ru-pre-arrival-notice", Kind: "PreArrivalNotice", State: "queued", Created: instant("2026-03-02T01:10:00Z"),
			NextAttempt: instant("2026-03-02T01:10:00Z"), ValidUntil: instant("2026-03-05T01:10:00Z"), Behind: "m-1",
			Reasons: worded(ctx, info(gateway.WaitBehind, "m-2", "", "m-1"), info(gateway.WaitBreaker, "RU", "5", "2026-03-02T02:05:00Z")),
		},
	}
	page, next := pageOf(all, min(max(r.PageSize, 1), 1), r.PageToken)
	return &exchangev1.ListWaitsResponse{Waits: page, NextPageToken: next}, nil
}

func (fakeOutbox) Try(ctx context.Context, r *exchangev1.TryRequest) (*exchangev1.TryResponse, error) {
	if r.Partner != "" {
		return &exchangev1.TryResponse{Tried: 2}, nil
	}
	return &exchangev1.TryResponse{Tried: 1, Faults: worded(ctx, gateway.Fault{Code: gateway.WaitBehind, Severity: gateway.Warning, Value: "m-2", Expected: gateway.Term("m-1")})}, nil
}

func deadLetter(id string) *exchangev1.DeadLetter {
	return &exchangev1.DeadLetter{
		MessageId: id, Partner: "RU", Route: "cn-ru-pre-arrival-notice", Kind: "PreArrivalNotice", State: "dead", Reason: "expired: outcome unknown",
		Created: instant("2026-02-20T01:00:00Z"), ValidUntil: instant("2026-02-23T01:00:00Z"), Attempts: 41, PayloadDigest: "aa01",
	}
}

func (fakeOutbox) DeadLetters(_ context.Context, r *exchangev1.ListDeadLettersRequest) (*exchangev1.ListDeadLettersResponse, error) {
	never := deadLetter("m-4")
	never.Reason, never.RepairedBy, never.Attempts = "expired: never handed over", "m-6", 3
	page, next := pageOf([]*exchangev1.DeadLetter{deadLetter("m-3"), never}, min(max(r.PageSize, 1), 1), r.PageToken)
	return &exchangev1.ListDeadLettersResponse{Letters: page, NextPageToken: next}, nil
}

func (fakeOutbox) Redrive(ctx context.Context, r *exchangev1.RedriveRequest) (*exchangev1.DeadLetter, error) {
	if r.MessageId == "m-4" {
		return nil, refuse(codes.FailedPrecondition, "SUPERSEDED: x", protoadapt.MessageV1Of(worded(ctx, gateway.Fault{Code: gateway.Superseded, Severity: gateway.Error, Value: "m-4", Expected: gateway.Term("m-6")})[0]))
	}
	d := deadLetter(r.MessageId)
	d.State, d.Reason, d.ValidUntil = "sent", "", timestamppb.New(instant("2026-03-02T02:00:00Z").AsTime().Add(time.Duration(r.ValidFor)*time.Second))
	return d, nil
}

func (fakeOutbox) Repair(_ context.Context, r *exchangev1.RepairRequest) (*exchangev1.DeadLetter, error) {
	d := deadLetter("m-6")
	d.State, d.Reason, d.Repairs = "queued", "", r.MessageId
	return d, nil
}

func (fakeOutbox) Settle(_ context.Context, r *exchangev1.SettleRequest) (*exchangev1.DeadLetter, error) {
	d := deadLetter(r.MessageId)
	d.Settlement = &exchangev1.Settlement{Reason: r.Reason, EvidenceDigest: r.EvidenceDigest, Proposed: instant("2026-03-02T02:00:00Z"), ProposedBy: "customs://CN/operator/1"}
	return d, nil
}

func (f fakeOutbox) ConfirmSettlement(ctx context.Context, r *exchangev1.ConfirmSettlementRequest) (*exchangev1.DeadLetter, error) {
	if r.MessageId == "m-5" {
		return nil, refuse(codes.PermissionDenied, "SETTLEMENT_OWN: x", protoadapt.MessageV1Of(worded(ctx, gateway.Fault{Code: gateway.SettlementOwn, Severity: gateway.Error, Value: "m-5"})[0]))
	}
	d, err := f.Settle(ctx, &exchangev1.SettleRequest{MessageId: r.MessageId, Reason: "told by telephone", EvidenceDigest: "e3b0"})
	d.State, d.Reason, d.Settlement.Confirmed, d.Settlement.ConfirmedBy = "settled", "told by telephone", instant("2026-03-02T03:00:00Z"), "customs://CN/operator/2"
	return d, err
}
