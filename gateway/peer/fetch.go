package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// Fetched is what a partner has handed out, not verified: nothing without a lease.
type Fetched struct {
	Lease    string
	Messages []FetchedMessage
	More     bool // there may be more now
}

// FetchedMessage is a message as its partner says that it is.
type FetchedMessage struct {
	ID                gateway.MessageID
	Header, Signature []byte
	Payload           []byte // none where there was no room for it
	Size              int64  // bytes of the payload
}

// resumes is how often a document is gone on with that broke off.
const resumes = 5

// Subscribe begins a subscription to all that the partner has for us; the same again changes nothing.
func (l *Link) Subscribe(ctx context.Context, name string, us gateway.Administration) error {
	_, err := exchangev1.NewSubscriptionServiceClient(l.conn).Create(ctx, &exchangev1.CreateSubscriptionRequest{Name: name, Recipient: string(us)})
	return answered("subscribe", err)
}

// Fetch has the partner hand out about as many messages under a lease: what one commit of its made it does not part.
// MaxReceipt bounds the answer.
func (l *Link) Fetch(ctx context.Context, name string, most int, lease time.Duration) (Fetched, error) {
	got, err := exchangev1.NewSubscriptionServiceClient(l.conn).Fetch(ctx, &exchangev1.FetchRequest{Name: name, Most: int32(most), LeaseSeconds: int32(lease / time.Second)})
	if err != nil {
		return Fetched{}, answered("fetch", err)
	}
	out := Fetched{Lease: got.GetLease(), More: got.GetMore()}
	for _, m := range got.GetMessages() {
		s := m.GetSealed()
		out.Messages = append(out.Messages, FetchedMessage{
			ID: gateway.MessageID(m.GetMessage().GetMessageId()), Header: s.GetHeader(), Signature: s.GetSignature(), Payload: s.GetPayload(), Size: s.GetSize(),
		})
	}
	return out, nil
}

// Content returns the document of a fetched message, of at most as many bytes as given. One that breaks off is
// gone on with where it did.
func (l *Link) Content(ctx context.Context, name string, m FetchedMessage, most int) ([]byte, error) {
	if m.Size < 0 || m.Size > int64(most) {
		return nil, fmt.Errorf("content of %d bytes: want at most %d", m.Size, most)
	}
	out := make([]byte, 0, m.Size)
	for try := 0; ; try++ {
		err := l.contentFrom(ctx, name, m, &out)
		switch {
		case err == nil && int64(len(out)) == m.Size:
			return out, nil
		case err == nil:
			return nil, fmt.Errorf("content: %d bytes of %d", len(out), m.Size)
		case status.Code(err) != codes.Unavailable || try == resumes || ctx.Err() != nil:
			return nil, answered("content", err)
		}
	}
}

func (l *Link) contentFrom(ctx context.Context, name string, m FetchedMessage, out *[]byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, err := exchangev1.NewSubscriptionServiceClient(l.conn).Content(ctx, &exchangev1.FetchedContentRequest{Name: name, MessageId: string(m.ID), Offset: int64(len(*out))})
	if err != nil {
		return err
	}
	for {
		part, err := parts.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if int64(len(*out)+len(part.GetContent())) > m.Size {
			return errors.New("more bytes than it was said to have")
		}
		*out = append(*out, part.GetContent()...)
	}
}

// Acknowledge hands the partner our receipt for a message that was fetched under a lease.
func (l *Link) Acknowledge(ctx context.Context, name, lease string, r Receipt) error {
	_, err := exchangev1.NewSubscriptionServiceClient(l.conn).Acknowledge(ctx, &exchangev1.AcknowledgeFetchedRequest{
		Name: name, Lease: lease, Receipts: []*exchangev1.SignedStatement{{Header: r.Header, Statement: r.Statement, Signature: r.Signature}},
	})
	return answered("acknowledge", err)
}

// answered is what came in place of what was asked for.
func answered(what string, err error) error {
	if err == nil {
		return nil
	}
	return &answeredError{what, err}
}
