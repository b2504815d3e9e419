package server

import (
	"context"
	"math"
	"slices"
	"time"

	"google.golang.org/grpc"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/store"
)

type inbox struct {
	exchangev1.UnimplementedInboxServiceServer
	*Server
}

func (s inbox) List(ctx context.Context, r *exchangev1.ListInboxRequest) (*exchangev1.ListInboxResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	msgs, err := s.flow.Store.Read().Inbox(ctx, store.InboxFilter{Kind: r.Kind, Unacknowledged: r.Unacknowledged, After: page.after, Limit: page.size})
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentInbox(ctx, msgs, page), nil
}

// presentInbox shows a page of messages, and where the next one begins.
func presentInbox(ctx context.Context, msgs []store.Inbound, page page) *exchangev1.ListInboxResponse {
	out := &exchangev1.ListInboxResponse{}
	for _, m := range msgs {
		out.Messages = append(out.Messages, presentInbound(ctx, m))
	}
	if len(msgs) >= page.size {
		out.NextPageToken = page.token(msgs[len(msgs)-1].Commit)
	}
	return out
}

// forms are the wire's forms and what they are of.
var forms = map[exchangev1.Form]struct {
	form      flow.Form
	mediaType string
}{
	exchangev1.Form_FORM_UNSPECIFIED: {flow.None, ""},
	exchangev1.Form_CANONICAL:        {flow.Canonical, flow.JSON},
	exchangev1.Form_PARTNER_XML:      {flow.PartnerXML, flow.XML},
	exchangev1.Form_NATIONAL_XML:     {flow.NationalXML, flow.XML},
}

func (s inbox) Get(ctx context.Context, r *exchangev1.GetInboxRequest) (*exchangev1.InboxMessage, error) {
	f, ok := forms[r.Form]
	if !ok {
		return nil, s.refusal(ctx, gateway.Fault{Code: gateway.FormUnknown, Severity: gateway.Error, Path: "form", Value: r.Form.String()})
	}
	in, content, err := s.flow.Take(ctx, callerOf(ctx).flow(), gateway.Administration(r.Sender), gateway.MessageID(r.MessageId), f.form)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := presentInbound(ctx, in)
	changes, err := s.flow.ReceivedChanges(ctx, in)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	taken, err := s.flow.Acknowledgements(ctx, in)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	for _, a := range taken {
		out.Acknowledgements = append(out.Acknowledgements, &exchangev1.Acknowledgement{Subscription: a.Subscription, At: stamp(a.At), Caller: a.By})
	}
	out.Content, out.Changes = content, presentChanges(changes, language(ctx))
	named, err := s.flow.AttachmentsReceived(ctx, in)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out.Attachments = presentAttachments(named, language(ctx))
	if len(content) > 0 {
		out.MediaType = f.mediaType
	}
	return out, nil
}

func (s inbox) Watch(r *exchangev1.WatchRequest, stream grpc.ServerStreamingServer[exchangev1.InboxMessage]) error {
	ctx := stream.Context()
	return watch(s.Server, &s.accepted, stream, nil, r.After, func(m store.Inbound) error { return stream.Send(presentInbound(ctx, m)) })
}

func (s inbox) Acknowledge(ctx context.Context, r *exchangev1.AcknowledgeRequest) (*exchangev1.InboxMessage, error) {
	in, err := s.flow.Acknowledge(ctx, callerOf(ctx).flow(), gateway.Administration(r.Sender), gateway.MessageID(r.MessageId))
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentInbound(ctx, in), nil
}

func (s inbox) Parked(ctx context.Context, r *exchangev1.ListParkedRequest) (*exchangev1.ListParkedResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	msgs, err := s.flow.Store.Read().Parked(ctx, page.after, page.size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	arrivals, err := s.flow.Store.Read().Troubled(ctx, page.after, page.size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	outgoing, err := s.flow.Store.Read().ParkedMessages(ctx, page.after, page.size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentParked(ctx, msgs, arrivals, outgoing, page), nil
}

// presentParked shows a page of what is parked. It ends where the shortest of the lists
// does, so that the next one begins behind all.
func presentParked(ctx context.Context, msgs []store.Inbound, arrivals []store.Troubled, outgoing []store.Message, page page) *exchangev1.ListParkedResponse {
	last := gateway.Commit(math.MaxInt64)
	if len(msgs) >= page.size {
		last = msgs[len(msgs)-1].Commit
	}
	if len(arrivals) >= page.size {
		last = min(last, arrivals[len(arrivals)-1].Commit)
	}
	if len(outgoing) >= page.size {
		last = min(last, outgoing[len(outgoing)-1].Commit)
	}
	out := &exchangev1.ListParkedResponse{}
	for _, m := range msgs {
		if m.Commit <= last {
			out.Messages = append(out.Messages, presentInbound(ctx, m))
		}
	}
	for _, a := range arrivals {
		if a.Commit <= last {
			out.Arrivals = append(out.Arrivals, presentArrival(a))
		}
	}
	for _, m := range outgoing {
		if m.Commit <= last {
			out.Outgoing = append(out.Outgoing, presentOutgoing(m, language(ctx)))
		}
	}
	if last < math.MaxInt64 {
		out.NextPageToken = page.token(last)
	}
	return out
}

// presentOutgoing shows an operator a message of our own that could not be handed over:
// it waits for what is wrong here.
func presentOutgoing(m store.Message, lang string) *exchangev1.MessageStatus {
	out := presentMessage(m, nil, lang)
	out.Waiting = m.LastError
	return out
}

func presentArrival(a store.Troubled) *exchangev1.Arrival {
	state := gateway.Arrived
	if a.Parked {
		state = gateway.SetAside
	}
	return &exchangev1.Arrival{
		Door: a.Door, Party: a.Party, ArrivalId: a.ID, State: string(state), Received: stamp(a.Received), Digest: a.Digest.String(),
		Tries: int32(a.Tries), Trouble: a.Trouble, NextTry: stamp(a.NextTry), Commit: int64(a.Commit),
	}
}

func (s inbox) Decode(ctx context.Context, r *exchangev1.DecodeRequest) (*exchangev1.DecodeResponse, error) {
	got, err := s.flow.Decode(ctx, callerOf(ctx).flow(), r.Sender, r.MessageIds...)
	return s.decoded(ctx, got, err)
}

// decoded answers with what was judged even if some messages could not be: those say so
// themselves, by a fault, and their causes stay in the log.
func (s inbox) decoded(ctx context.Context, got flow.Decoded, err error) (*exchangev1.DecodeResponse, error) {
	if err != nil && (len(got.Messages)+len(got.Arrivals)+len(got.Outgoing) == 0 || ctx.Err() != nil) {
		return nil, s.refusal(ctx, err)
	}
	if err != nil {
		s.log.Tell(callOf(ctx).attributed(event.Event{Name: event.DecodingFailed, Cause: err}))
	}
	out := &exchangev1.DecodeResponse{}
	for _, m := range got.Messages {
		out.Messages = append(out.Messages, presentInbound(ctx, withoutPayload(m)))
	}
	for _, a := range got.Arrivals {
		shown := presentArrival(a.Troubled)
		shown.State = a.State
		out.Arrivals = append(out.Arrivals, shown)
	}
	for _, m := range got.Outgoing {
		out.Outgoing = append(out.Outgoing, presentOutgoing(m, language(ctx)))
	}
	return out, nil
}

// withheld stands for a value that an operator does not see.
const withheld = "***"

// plain are the codes of whose Expected no term is ever taken from a document: it names an element,
// a kind, a table, a list or a field, or it is a limit, all of our own tables, schemas and
// settings. A new code shows none until it is known to be one of these. MAP_TYPE is not:
// what a conversion wants may quote what it got.
var plain = map[gateway.Code]bool{
	gateway.XMLTooLarge: true, gateway.XMLDepth: true, gateway.XMLNodes: true, gateway.XMLTextLength: true,
	gateway.XMLAttributes: true, gateway.XMLAttributeLength: true, gateway.XMLNamespaces: true,
	gateway.XSDRoot: true, gateway.XSDUnexpectedElement: true, gateway.XSDMissingElement: true, gateway.XSDAttributeMissing: true,
	gateway.XSDType: true, gateway.XSDLength: true, gateway.XSDPattern: true, gateway.XSDEnumeration: true, gateway.XSDRange: true,
	gateway.XSDTooMany: true, gateway.XSDTooOften: true, gateway.XSDEmpty: true,
	gateway.FormatUnknown: true, gateway.FormatVariant: true, gateway.FormatVariantMissing: true, gateway.FormatNamespace: true, gateway.FormatContainer: true, gateway.FormatContainerEmpty: true,
	gateway.MapWhen: true, gateway.SchemaMissing: true, gateway.TableMissing: true,
	gateway.RecipientWrong: true, gateway.KindUnexpected: true,
	gateway.MapRequired: true, gateway.MapOverflow: true, gateway.MapConst: true, gateway.MapRepeated: true, gateway.MapRoot: true, gateway.MapVariant: true,
	gateway.MapKind: true, gateway.MapReference: true,
	gateway.ListUnknown: true, gateway.ListOpen: true, gateway.ListNotValid: true, gateway.ListNoCounterpart: true,
	gateway.DictionaryLength: true, gateway.DictionaryDigits: true, gateway.DictionaryItems: true, gateway.DictionaryLanguage: true,
	gateway.DictionaryForm: true, gateway.ExtensionUnknown: true, gateway.ExtensionRepeated: true, gateway.ExtensionDepth: true, gateway.RuleNotJudged: true,
}

// withoutPayload takes the document's values out of the faults of a message that was
// read, and with them out of the sentences, which are made of the faults only when they
// are presented. What names the format of one that was not read is no value.
func withoutPayload(m store.Inbound) store.Inbound {
	if m.State == gateway.Parked {
		return m
	}
	m.Faults = slices.Clone(m.Faults)
	for i := range m.Faults {
		f := &m.Faults[i]
		if f.Value != "" {
			f.Value = withheld
		}
		f.Found, f.Place = f.Found.Without(withheld), f.Place.Without(withheld)
		if !plain[f.Code] {
			f.Expected = f.Expected.Without(withheld)
		}
	}
	return m
}

func presentInbound(ctx context.Context, m store.Inbound) *exchangev1.InboxMessage {
	return &exchangev1.InboxMessage{
		MessageId: string(m.ID), Kind: m.Kind, Sender: string(m.Sender), DocumentId: m.DocumentID, State: string(m.State),
		Received: stamp(m.Received), ExpectedArrival: stamp(m.ExpectedArrival), LateBy: int64(m.LateBy / time.Second),
		PayloadDigest: m.PayloadDigest.String(), CanonicalDigest: m.CanonicalDigest.String(), Mapping: m.Mapping,
		Acknowledged: m.AcknowledgedBy != "", AcknowledgedBy: m.AcknowledgedBy, AcknowledgedAt: stamp(m.AcknowledgedAt), Faults: presentFaults(m.Faults, language(ctx)), Unread: m.Unread,
		Replaces: string(m.Replaces), MovementId: string(m.MovementID), Commit: int64(m.Commit), Answers: m.Answers,
	}
}

type peers struct {
	exchangev1.UnimplementedPeerServiceServer
	*Server
}

func (s peers) Deliver(ctx context.Context, r *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
	c := callerOf(ctx)
	answer, err := s.flow.ReceiveAndTell(ctx, c.URI, c.Administrations, r.Header, r.Signature, r.Payload)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.DeliverResponse{Receipt: presentStatement(answer.Receipt), Duplicate: presentDuplicate(ctx, answer.Duplicate)}, nil
}

// Receipt takes a receipt that the caller did not answer with.
func (s peers) Receipt(ctx context.Context, r *exchangev1.PeerReceiptRequest) (*exchangev1.PeerReceiptResponse, error) {
	c := callerOf(ctx)
	state, err := s.flow.TakeReceipt(ctx, c.URI, c.Administrations, peer.Receipt{Header: r.GetReceipt().GetHeader(), Statement: r.GetReceipt().GetStatement(), Signature: r.GetReceipt().GetSignature()})
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.PeerReceiptResponse{State: string(state)}, nil
}

// presentDuplicate shows that the same came before; nil if it did not.
func presentDuplicate(ctx context.Context, f *gateway.Fault) *exchangev1.Fault {
	if f == nil {
		return nil
	}
	shown := presentFaults(gateway.Faults{*f}, language(ctx))[0]
	shown.Remedy = "" // nothing is to be mended
	return shown
}
