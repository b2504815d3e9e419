package server

import (
	"context"
	"errors"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

type balances struct {
	exchangev1.UnimplementedBalanceServiceServer
	*Server
}

func (s balances) List(ctx context.Context, _ *exchangev1.ListBalancesRequest) (*exchangev1.ListBalancesResponse, error) {
	all, err := s.flow.BalanceStates(ctx)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListBalancesResponse{}
	for _, b := range all {
		out.Balances = append(out.Balances, presentBalance(ctx, b))
	}
	return out, nil
}

// Run answers with how the balance stands even if it could not be struck: that is a fault of
// it, and the partner's words stay in the log.
func (s balances) Run(ctx context.Context, r *exchangev1.RunBalanceRequest) (*exchangev1.Balance, error) {
	with := gateway.Administration(r.Partner)
	if _, err := s.flow.Balance(ctx, with); errors.Is(err, store.ErrNotFound) || store.Unavailable(err) || ctx.Err() != nil {
		return nil, s.refusal(ctx, err)
	}
	b, err := s.flow.BalanceState(ctx, with)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentBalance(ctx, b), nil
}

func (s balances) Differences(ctx context.Context, r *exchangev1.ListDifferencesRequest) (*exchangev1.ListDifferencesResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	with := gateway.Administration(r.Partner)
	if _, err := s.flow.BalanceState(ctx, with); err != nil { // settles what is none any more
		return nil, s.refusal(ctx, err)
	}
	all, err := s.flow.Store.Read().OpenDifferences(ctx, with, page.after, page.size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListDifferencesResponse{}
	for _, d := range all {
		out.Differences = append(out.Differences, &exchangev1.Difference{
			MessageId: string(d.ID), Sent: d.Sent, Found: stamp(d.Found), Fault: presentFaults(gateway.Faults{flow.DifferenceFault(d)}, language(ctx))[0],
			Digest: shownDigest(d.Ours), PartnerDigest: shownDigest(d.Theirs), Verdict: string(d.Verdict), PartnerVerdict: string(d.Says),
			Kind: d.Kind, DocumentId: d.Document, Batch: d.Batch,
		})
	}
	if len(all) >= page.size {
		out.NextPageToken = page.token(all[len(all)-1].Commit)
	}
	return out, nil
}

func shownDigest(d gateway.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func presentBalance(ctx context.Context, b flow.BalanceState) *exchangev1.Balance {
	return &exchangev1.Balance{
		Partner: string(b.Partner), Open: b.Open, Upto: stamp(b.Upto), Ended: stamp(b.At), Compared: int64(b.Compared),
		Differences: int32(len(b.Differences)), Faults: presentFaults(b.Faults(), language(ctx)),
		Restored: stamp(b.Restored.At), Backup: stamp(b.Restored.Backup),
		Left: stamp(b.Left), Waiting: int64(b.Waiting),
	}
}

// Balance states what is held of the exchange with the caller's administration.
func (s peers) Balance(ctx context.Context, r *exchangev1.PeerBalanceRequest) (*exchangev1.PeerBalanceResponse, error) {
	c := callerOf(ctx)
	page, err := s.flow.StateBalance(ctx, c.URI, c.Administrations, r.GetQuery().GetHeader(), r.GetQuery().GetStatement(), r.GetQuery().GetSignature())
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.PeerBalanceResponse{Balance: &exchangev1.SignedStatement{
		Header: page.Header, Statement: page.Statement, Signature: page.Signature,
	}}, nil
}

// Status states what became of messages of the caller's administration.
func (s peers) Status(ctx context.Context, r *exchangev1.PeerStatusRequest) (*exchangev1.PeerStatusResponse, error) {
	c := callerOf(ctx)
	stated, err := s.flow.StateStatus(ctx, c.URI, c.Administrations, r.GetQuery().GetHeader(), r.GetQuery().GetStatement(), r.GetQuery().GetSignature())
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.PeerStatusResponse{Status: presentStatement(stated)}, nil
}

// waitsForBalance says of a message that it waits until what both hold was compared, if it does.
func (s *Server) waitsForBalance(ctx context.Context, m store.Message, shown *exchangev1.MessageStatus) {
	if m.State.Final() {
		return
	}
	if open, err := s.flow.Open(ctx, m.Recipient); err == nil && !open {
		shown.Waiting = gateway.Fault{Code: gateway.BalancePending, Value: string(m.Recipient)}.Text(language(ctx))
	}
}
