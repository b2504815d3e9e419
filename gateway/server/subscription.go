package server

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc/status"

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
	c := callerOf(ctx).flow()
	if r.Recipient != "" { // another's is none of the caller's
		c.Speaks = slices.DeleteFunc(slices.Clone(c.Speaks), func(a gateway.Administration) bool { return string(a) != r.Recipient })
		if len(c.Speaks) == 0 {
			return nil, s.refusal(ctx, gateway.Faults{{Code: gateway.SubscriptionUnfit, Severity: gateway.Error, Path: "recipient", Value: gateway.Clip(r.Recipient)}})
		}
	}
	sub, err := s.flow.Subscribe(ctx, c, r.Name, f)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return s.presentSubscription(sub, 0), nil
}

func (s subscriptions) Get(ctx context.Context, r *exchangev1.GetSubscriptionRequest) (*exchangev1.Subscription, error) {
	sub, open, err := s.flow.Subscribed(ctx, callerOf(ctx).flow(), r.Name)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := s.presentSubscription(sub, len(open))
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
		out.Subscriptions = append(out.Subscriptions, s.presentSubscription(sub, open[i]))
	}
	return out, nil
}

func (s subscriptions) End(ctx context.Context, r *exchangev1.EndSubscriptionRequest) (*exchangev1.Subscription, error) {
	sub, err := s.flow.Unsubscribe(ctx, callerOf(ctx).flow(), r.Name)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return s.presentSubscription(sub, 0), nil
}

func (s subscriptions) Fetch(ctx context.Context, r *exchangev1.FetchRequest) (*exchangev1.FetchResponse, error) {
	got, err := s.flow.Fetch(ctx, callerOf(ctx).flow(), r.Name, int(r.Most), time.Duration(r.LeaseSeconds)*time.Second)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentFetch(ctx, got), nil
}

func presentFetch(ctx context.Context, got flow.Fetched) *exchangev1.FetchResponse {
	return &exchangev1.FetchResponse{Lease: got.Lease, Until: stamp(got.Until), Messages: presentFetched(ctx, got.Messages), More: got.More}
}

// How often Follow looks at least for leases that are over, and at most for what has changed.
const (
	followEvery  = time.Second
	followPaused = 50 * time.Millisecond
)

// Follow fetches as long as the call lasts. What its caller leaves unacknowledged is bounded as it is by Fetch:
// then it waits.
func (s subscriptions) Follow(r *exchangev1.FetchRequest, stream exchangev1.SubscriptionService_FollowServer) error {
	ctx := stream.Context()
	for opened := false; ; opened = true {
		changed := s.flow.Store.Changed()
		got, err := s.flow.Fetch(ctx, callerOf(ctx).flow(), r.Name, int(r.Most), time.Duration(r.LeaseSeconds)*time.Second)
		var faults gateway.Faults
		if errors.As(err, &faults) && faults[0].Code == gateway.FetchedTooMany {
			got, err = flow.Fetched{}, nil
		}
		if err != nil {
			return s.refusal(ctx, err)
		}
		if !opened { // one that is refused is not
			if err := stream.SendHeader(nil); err != nil {
				return err
			}
		}
		if len(got.Messages) > 0 {
			if err := stream.Send(presentFetch(ctx, got)); err != nil {
				return err
			}
		}
		wait := followPaused
		if !got.More {
			select {
			case <-changed:
			case <-time.After(followEvery):
				wait = 0
			case <-ctx.Done():
				return status.FromContextError(ctx.Err()).Err()
			case <-s.stop.Done():
				return nil
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case <-s.stop.Done():
			return nil
		}
	}
}

// contentPart is how many bytes of a document go in one part.
const contentPart = 256 << 10

// Content hands out the document of a message that a partner has fetched, from a byte on.
func (s subscriptions) Content(r *exchangev1.FetchedContentRequest, stream exchangev1.SubscriptionService_ContentServer) error {
	ctx := stream.Context()
	m, release, err := s.flow.Content(ctx, callerOf(ctx).flow(), r.Name, gateway.MessageID(r.MessageId))
	if err != nil {
		return s.refusal(ctx, err)
	}
	defer release()
	size := int64(len(m.Payload))
	if r.Offset < 0 || r.Offset > size {
		return s.refusal(ctx, gateway.Faults{{
			Code: gateway.FetchUnfit, Severity: gateway.Error, Path: "offset", Value: strconv.FormatInt(r.Offset, 10), Expected: gateway.Term("0-" + strconv.FormatInt(size, 10)),
		}})
	}
	sent := make(chan error, 1)
	go func() { sent <- sendContent(m, r.Offset, stream) }() // ends with the call at the latest
	timer := time.NewTimer(ContentTimeout)
	defer timer.Stop()
	select {
	case err := <-sent:
		return err
	case <-timer.C:
		return status.FromContextError(context.DeadlineExceeded).Err()
	}
}

func sendContent(m store.Message, offset int64, stream exchangev1.SubscriptionService_ContentServer) error {
	if err := stream.Send(&exchangev1.ContentPart{
		Sealed:    &exchangev1.SealedMessage{Header: m.Header, Signature: m.Signature, Size: int64(len(m.Payload))},
		MessageId: string(m.ID), Kind: m.Kind, PayloadDigest: m.PayloadDigest.String(),
	}); err != nil {
		return err
	}
	for part := range slices.Chunk(m.Payload[offset:], contentPart) {
		if err := stream.Send(&exchangev1.ContentPart{Content: part}); err != nil {
			return err
		}
	}
	return nil
}

func (s subscriptions) Acknowledge(ctx context.Context, r *exchangev1.AcknowledgeFetchedRequest) (*exchangev1.AcknowledgeFetchedResponse, error) {
	if len(r.Receipts) > 0 || len(r.PayloadDigests) > 0 {
		return s.receipted(ctx, r)
	}
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

// receipted takes what a partner says of what it has fetched.
func (s subscriptions) receipted(ctx context.Context, r *exchangev1.AcknowledgeFetchedRequest) (*exchangev1.AcknowledgeFetchedResponse, error) {
	if len(r.PayloadDigests) != len(r.MessageIds) {
		return nil, s.refusal(ctx, gateway.Faults{{
			Code: gateway.FetchUnfit, Severity: gateway.Error, Path: "payloadDigests", Value: strconv.Itoa(len(r.PayloadDigests)), Expected: gateway.Term(strconv.Itoa(len(r.MessageIds))),
		}})
	}
	var given []flow.Receipted
	for _, receipt := range r.Receipts {
		given = append(given, flow.Receipted{Receipt: &store.Statement{Header: receipt.GetHeader(), Statement: receipt.GetStatement(), Signature: receipt.GetSignature()}})
	}
	for i, id := range r.MessageIds {
		var d gateway.Digest
		if err := d.UnmarshalText([]byte(r.PayloadDigests[i])); err != nil {
			return nil, s.refusal(ctx, gateway.Faults{{Code: gateway.FetchUnfit, Severity: gateway.Error, Path: "payloadDigests", Value: gateway.Clip(r.PayloadDigests[i]), Expected: gateway.Term("64 hex")}})
		}
		given = append(given, flow.Receipted{ID: gateway.MessageID(id), Payload: d})
	}
	done, err := s.flow.AcknowledgeReceipted(ctx, callerOf(ctx).flow(), r.Name, r.Lease, given)
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
		one := &exchangev1.FetchedMessage{Message: presentInbound(ctx, h.Message), Times: int32(h.Times)}
		if m := h.Sealed; m != nil {
			one.Sealed = &exchangev1.SealedMessage{Header: m.Header, Signature: m.Signature, Payload: m.Payload, Size: int64(m.Size)}
			one.Message.CanonicalDigest = "" // the receipt says what the partner makes of it
		}
		out = append(out, one)
	}
	return out
}

func (s subscriptions) presentSubscription(sub store.Subscription, open int) *exchangev1.Subscription {
	out := &exchangev1.Subscription{
		Name: sub.Name, Owner: string(sub.Owner), Senders: texts(sub.Filter.Senders), Offices: sub.Filter.Offices, Kinds: sub.Filter.Kinds,
		Since: stamp(sub.Filter.Since), Until: stamp(sub.Filter.Until), Created: stamp(sub.Created), CreatedBy: sub.CreatedBy,
		Fetched: stamp(sub.Fetched), FetchedBy: sub.FetchedBy, Open: int32(open), Ended: stamp(sub.Ended), EndedBy: sub.EndedBy,
	}
	if sub.Owner == s.flow.Own { // commits count what all send, which is no partner's to know
		out.Position = int64(sub.Position)
	}
	return out
}

// texts are ids and codes as the wire has them.
func texts[T ~string](all []T) (out []string) {
	for _, one := range all {
		out = append(out, string(one))
	}
	return out
}
