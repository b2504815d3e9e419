package server

import (
	"context"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// subscriptions hands what partners sent to systems that fetch it. Who may fetch sees the whole inbox of its
// administration: a filter narrows what a system has to do, and gives no sight of anything.
type subscriptions struct {
	exchangev1.UnimplementedSubscriptionServiceServer
	*Server
}

func (s subscriptions) Create(ctx context.Context, r *exchangev1.CreateSubscriptionRequest) (*exchangev1.Subscription, error) {
	f := store.FetchFilter{Offices: r.Offices, Kinds: r.Kinds}
	for _, a := range r.Senders {
		f.Senders = append(f.Senders, gateway.Administration(a))
	}
	if r.Since != nil {
		f.Since = r.Since.AsTime()
	}
	if r.Until != nil {
		f.Until = r.Until.AsTime()
	}
	sub, err := s.flow.Subscribe(ctx, callerOf(ctx).flow(), r.Name, f)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentSubscription(sub, 0), nil
}

func (s subscriptions) Get(ctx context.Context, r *exchangev1.GetSubscriptionRequest) (*exchangev1.Subscription, error) {
	sub, open, err := s.flow.Subscribed(ctx, callerOf(ctx).flow(), r.Name)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := presentSubscription(sub, len(open))
	for _, h := range open {
		out.Handouts = append(out.Handouts, &exchangev1.Handout{
			MessageId: string(h.Message), Sender: string(h.Sender), Holder: h.Holder, Until: stamp(h.Until), Times: int32(h.Times),
		})
	}
	return out, nil
}

func (s subscriptions) List(ctx context.Context, _ *exchangev1.ListSubscriptionsRequest) (*exchangev1.ListSubscriptionsResponse, error) {
	all, open, err := s.flow.Subscriptions(ctx, callerOf(ctx).flow())
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListSubscriptionsResponse{}
	for i, sub := range all {
		out.Subscriptions = append(out.Subscriptions, presentSubscription(sub, open[i]))
	}
	return out, nil
}

func (s subscriptions) End(ctx context.Context, r *exchangev1.EndSubscriptionRequest) (*exchangev1.Subscription, error) {
	sub, err := s.flow.Unsubscribe(ctx, callerOf(ctx).flow(), r.Name)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentSubscription(sub, 0), nil
}

func (s subscriptions) Fetch(ctx context.Context, r *exchangev1.FetchRequest) (*exchangev1.FetchResponse, error) {
	got, err := s.flow.Fetch(ctx, callerOf(ctx).flow(), r.Name, int(r.Most), time.Duration(r.LeaseSeconds)*time.Second)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.FetchResponse{Lease: got.Lease, Until: stamp(got.Until), Messages: presentFetched(ctx, got.Messages), More: got.More}, nil
}

func (s subscriptions) Acknowledge(ctx context.Context, r *exchangev1.AcknowledgeFetchedRequest) (*exchangev1.AcknowledgeFetchedResponse, error) {
	ids := make([]gateway.MessageID, len(r.MessageIds))
	for i, id := range r.MessageIds {
		ids[i] = gateway.MessageID(id)
	}
	done, err := s.flow.AcknowledgeFetched(ctx, callerOf(ctx).flow(), r.Name, r.Lease, gateway.Administration(r.Sender), ids)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.AcknowledgeFetchedResponse{Messages: presentFetched(ctx, done)}, nil
}

func (s subscriptions) Renew(ctx context.Context, r *exchangev1.RenewLeaseRequest) (*exchangev1.RenewLeaseResponse, error) {
	until, ids, err := s.flow.Renew(ctx, callerOf(ctx).flow(), r.Name, r.Lease, time.Duration(r.LeaseSeconds)*time.Second)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.RenewLeaseResponse{Until: stamp(until), MessageIds: texts(ids)}, nil
}

func (s subscriptions) Release(ctx context.Context, r *exchangev1.ReleaseLeaseRequest) (*exchangev1.ReleaseLeaseResponse, error) {
	ids, err := s.flow.Release(ctx, callerOf(ctx).flow(), r.Name, r.Lease)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.ReleaseLeaseResponse{MessageIds: texts(ids)}, nil
}

func presentFetched(ctx context.Context, all []flow.HandedOut) (out []*exchangev1.FetchedMessage) {
	for _, h := range all {
		out = append(out, &exchangev1.FetchedMessage{Message: presentInbound(ctx, h.Message), Times: int32(h.Times)})
	}
	return out
}

func presentSubscription(s store.Subscription, open int) *exchangev1.Subscription {
	return &exchangev1.Subscription{
		Name: s.Name, Owner: string(s.Owner), Senders: texts(s.Filter.Senders), Offices: s.Filter.Offices, Kinds: s.Filter.Kinds,
		Since: stamp(s.Filter.Since), Until: stamp(s.Filter.Until), Created: stamp(s.Created), CreatedBy: s.CreatedBy, Position: int64(s.Position),
		Fetched: stamp(s.Fetched), FetchedBy: s.FetchedBy, Open: int32(open), Ended: stamp(s.Ended), EndedBy: s.EndedBy,
	}
}

// texts are ids and codes as the wire has them.
func texts[T ~string](all []T) (out []string) {
	for _, one := range all {
		out = append(out, string(one))
	}
	return out
}
