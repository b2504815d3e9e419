package server

import (
	"context"
	"errors"
	"math"
	"slices"

	"google.golang.org/grpc"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

type attachments struct {
	exchangev1.UnimplementedAttachmentServiceServer
	*Server
}

// digestOf reads a digest. What is none names nothing.
func digestOf(text string) (gateway.Digest, error) {
	d, err := gateway.ParseDigest(text)
	if err != nil {
		return d, store.ErrNotFound
	}
	return d, nil
}

// noDigest refuses what names no bytes.
func noDigest(text string) gateway.Fault {
	return gateway.Fault{Code: gateway.AttachmentNoDigest, Severity: gateway.Error, Path: "sha256", Value: gateway.Clip(text)}
}

// place is a place in bytes, or a number of them: what no file has is the greatest.
func place(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

func (s attachments) Put(ctx context.Context, r *exchangev1.PutAttachmentRequest) (*exchangev1.Upload, error) {
	digest, err := gateway.ParseDigest(r.Sha256)
	if err != nil {
		return nil, s.refusal(ctx, noDigest(r.Sha256))
	}
	a, err := s.flow.PutAttachment(ctx, callerOf(ctx).flow(), flow.Piece{
		Digest: digest, Size: place(r.Size), MediaType: r.MediaType, Offset: place(r.Offset), Content: r.Content,
	})
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentUpload(a), nil
}

func (s attachments) Get(ctx context.Context, r *exchangev1.GetUploadRequest) (*exchangev1.Upload, error) {
	digest, err := gateway.ParseDigest(r.Sha256)
	if err != nil {
		return nil, s.refusal(ctx, noDigest(r.Sha256))
	}
	a, err := s.flow.Upload(ctx, callerOf(ctx).flow(), digest)
	if errors.Is(err, store.ErrNotFound) {
		return &exchangev1.Upload{Sha256: digest.String()}, nil
	}
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return presentUpload(a), nil
}

func presentUpload(a store.Attachment) *exchangev1.Upload {
	return &exchangev1.Upload{
		Sha256: a.Digest.String(), MediaType: a.MediaType, Size: uint64(a.Size), Received: uint64(a.Received), State: string(a.State), Named: a.Named, Until: stamp(a.Until),
	}
}

// List shows the attachments of a message that came to who takes what comes for the administration, and
// of one that was sent to those of whose offices it was made.
func (s attachments) List(ctx context.Context, r *exchangev1.ListAttachmentsRequest) (*exchangev1.ListAttachmentsResponse, error) {
	c, id := callerOf(ctx), gateway.MessageID(r.MessageId)
	mine, err := s.submitted(ctx, c, id)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	var all []flow.AttachmentStatus
	switch {
	case mine && r.Sender == "":
		all, err = s.flow.AttachmentsSent(ctx, id)
	case !slices.Contains(Roles[c.Role], exchangev1.Right_READ_INBOX):
		err = store.ErrNotFound
	default:
		all, err = s.flow.AttachmentsCame(ctx, gateway.Administration(r.Sender), id)
	}
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.ListAttachmentsResponse{Attachments: presentAttachments(all, language(ctx))}, nil
}

// submitted reports whether a message of ours was made of what an office of the caller's has submitted.
func (s attachments) submitted(ctx context.Context, c Caller, id gateway.MessageID) (bool, error) {
	whole := id
	m, err := s.flow.Store.Read().Message(ctx, id)
	if store.IgnoreNotFound(err) != nil {
		return false, err
	}
	if err == nil {
		whole = m.Whole
	}
	sources, err := s.flow.Store.Read().Sources(ctx, whole) // asked for whether it is there or not
	return slices.ContainsFunc(sources, func(sub store.Submission) bool {
		_, mine := c.officeAs(s.flow.Own, gateway.Office{Administration: s.flow.Own, Code: sub.Office})
		return mine
	}), store.IgnoreNotFound(err)
}

func (s attachments) Read(r *exchangev1.ReadAttachmentRequest, stream grpc.ServerStreamingServer[exchangev1.AttachmentPart]) error {
	ctx := stream.Context()
	digest, err := digestOf(r.Sha256)
	if err == nil {
		err = s.flow.ReadAttachment(ctx, callerOf(ctx).flow(), gateway.Administration(r.Sender), gateway.MessageID(r.MessageId), digest, place(r.Offset), sendParts(stream))
	}
	return s.refusal(ctx, err)
}

// Attachment hands out what a message to the caller's administrations names.
func (s peers) Attachment(r *exchangev1.PeerAttachmentRequest, stream grpc.ServerStreamingServer[exchangev1.AttachmentPart]) error {
	ctx := stream.Context()
	c := callerOf(ctx)
	digest, err := digestOf(r.Sha256)
	if err == nil {
		err = s.flow.HandOutAttachment(ctx, c.URI, c.Administrations, gateway.MessageID(r.MessageId), digest, place(r.Offset), sendParts(stream))
	}
	return s.refusal(ctx, err)
}

// sendParts sends bytes as they are read; the first part says what they are of.
func sendParts(stream grpc.ServerStreamingServer[exchangev1.AttachmentPart]) flow.Send {
	begun := false
	return func(a store.Attachment, offset int64, content []byte) error {
		part := &exchangev1.AttachmentPart{Offset: uint64(offset), Content: content}
		if !begun {
			part.Size, part.MediaType, begun = uint64(a.Size), a.MediaType, true
		}
		return stream.Send(part)
	}
}

func presentAttachments(all []flow.AttachmentStatus, lang string) (out []*exchangev1.NamedAttachment) {
	for _, a := range all {
		shown := &exchangev1.NamedAttachment{
			Name: a.Name, Kind: a.Kind, MediaType: a.MediaType, Size: uint64(a.Size), Sha256: a.Digest.String(),
			State: a.State, Received: uint64(a.Received), Erased: stamp(a.Erased), ErasedBy: a.Rule, HandedOver: stamp(a.HandedOver),
		}
		if a.Fault != nil {
			shown.Fault = presentFaults(gateway.Faults{*a.Fault}, lang)[0]
		}
		out = append(out, shown)
	}
	return out
}
