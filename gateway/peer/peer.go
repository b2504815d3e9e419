// Package peer owns the links to partner gateways: who they are, where they listen,
// and the delivery of one sealed message. It refuses to retry, to decide or to store:
// that is for the caller, who learns whether anything was handed over at all.
package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// MaxReceipt is the greatest answer in bytes that a partner may send.
const MaxReceipt = 4 << 20

// Partner is a gateway that connects: who it is and where it listens. The
// administrations it speaks for are addressed apart from it.
type Partner struct {
	URI             string // the only name of its certificate
	Address         string // host:port of its listener, for gRPC or HTTPS as its link is
	Administrations []gateway.Administration
}

// NotSentError says that nothing was handed over: the partner cannot have the message.
type NotSentError struct{ Cause error }

func (e *NotSentError) Error() string { return "not sent: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *NotSentError) Unwrap() error { return e.Cause }

// Redacted is the same: it is all our own transport's word, for nobody has answered.
func (e *NotSentError) Redacted() string { return e.Error() }

// answeredError is what came instead of a receipt.
type answeredError struct {
	asked string // what for
	cause error
}

func (e *answeredError) Error() string { return e.asked + ": " + e.cause.Error() }
func (e *answeredError) Unwrap() error { return e.cause }

// Redacted leaves out the partner's sentences, which quote the document.
func (e *answeredError) Redacted() string {
	st := status.Convert(e.cause)
	text := e.asked + ": the partner answers " + st.Code().String()
	for _, d := range st.Details() {
		if f, ok := d.(*exchangev1.Fault); ok && plainCode(f.Code) {
			text += " " + f.Code
		}
	}
	return text
}

// Refused reports whether an error is the partner's word on this one message: it has looked at
// it and will not have it. The link is in order, and another message may go through.
func Refused(err error) bool {
	if errors.As(err, new(*NotSentError)) {
		return false
	}
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.Aborted, codes.OutOfRange:
		return true
	}
	return false
}

// plainCode reports whether what a partner gives for a code is one by its form.
func plainCode(code string) bool {
	return code != "" && len(code) <= 40 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// BusyError says that the partner took nothing because it has too much to do: it asks for
// time for every message, not for this one.
type BusyError struct {
	After time.Duration
	Cause error
}

func (e *BusyError) Error() string { return "the partner is busy: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *BusyError) Unwrap() error { return e.Cause }

// MaxBusyInterval is how long a busy partner is left alone at most.
const MaxBusyInterval = 5 * time.Minute

// busy returns what a refusal for want of room asks for; nil if it is another error, such
// as that of what is too large and stays so.
func busy(err error) *BusyError {
	st, ok := status.FromError(err)
	if !ok || st.Code() != codes.ResourceExhausted {
		return nil
	}
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return &BusyError{min(max(info.GetRetryDelay().AsDuration(), time.Second), MaxBusyInterval), err}
		}
	}
	return nil
}

// Receipt is a partner's signed statement as received, not verified: a receipt, or a page of
// a balance.
type Receipt struct{ Header, Statement, Signature []byte }

// Answer is what a partner answers to a delivery, by the profile of its link one of three: a signed receipt;
// that it has the bytes, without a signature; or, over a link that hands over and hears later, nothing yet.
type Answer struct {
	Receipt       // as received, not verified; zero without one
	Unsigned bool // it acknowledges the bytes and signs nothing, as its record allows
	// Refusal is what it refuses the document for, where it signs nothing; none: it does not.
	Refusal []gateway.Report
	// Later is how long the receipt, which comes by itself, is waited for before the same is handed over
	// again; with a receipt that is no verdict, how long that is. Zero: it has answered, or nothing is agreed.
	Later time.Duration
}

type attemptKey struct{}

// WithAttempt has a delivery be the n-th at its message, from 1: some links name each attempt.
func WithAttempt(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, attemptKey{}, n)
}

// attemptOf is which attempt at its message a delivery is; the first if nobody says.
func attemptOf(ctx context.Context) int {
	if n, ok := ctx.Value(attemptKey{}).(int); ok {
		return max(n, 1)
	}
	return 1
}

// Link is the connection to one partner's gateway, by gRPC. It is made at first use and made anew when lost.
type Link struct {
	way
	conn *grpc.ClientConn
}

// NewLink prepares a link that shows our own certificate and speaks to the partner alone,
// as the registry knows it. The registry watches its connections.
func NewLink(p Partner, registry *mtls.Registry, own tls.Certificate) (*Link, error) {
	l := &Link{way: way{p, registry, own}}
	var err error
	l.conn, err = l.open()
	return l, err
}

func (l *Link) open() (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("passthrough:///"+l.partner.Address,
		grpc.WithTransportCredentials(clientCredentials(l.registry, l.own, l.partner.URI)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxReceipt)))
	if err != nil {
		return nil, fmt.Errorf("link to %s: %w", l.partner.URI, err)
	}
	return conn, nil
}

// State is how the connection stands: connected, connecting, failing, or idle while there is none
// because nothing was to be sent for a while.
func (l *Link) State() string {
	switch l.conn.GetState() {
	case connectivity.Ready:
		return "connected"
	case connectivity.Connecting:
		return "connecting"
	case connectivity.TransientFailure:
		return "failing"
	}
	return "idle"
}

// Redial connects anew now, whatever pause the connection has come to after failures, and returns when it could or
// could not be made, or the context ends. What is sent before then fails at once.
func (l *Link) Redial(ctx context.Context) error {
	l.conn.ResetConnectBackoff()
	dialled := false
	for {
		state := l.conn.GetState()
		switch state {
		case connectivity.Connecting:
			dialled = true
		case connectivity.TransientFailure:
			if dialled {
				return errors.New("no connection could be made")
			}
		case connectivity.Ready:
			return nil
		case connectivity.Shutdown:
			return errors.New("the link is closed")
		case connectivity.Idle:
			l.conn.Connect()
		}
		if !l.conn.WaitForStateChange(ctx, state) {
			return ctx.Err()
		}
	}
}

// Close ends the link.
func (l *Link) Close() error { return l.conn.Close() }

// CodeOf is the code of the first fault by which a partner refuses, if it is one by its form; empty: none.
func CodeOf(err error) gateway.Code {
	for _, d := range status.Convert(err).Details() {
		if f, ok := d.(*exchangev1.Fault); ok && plainCode(f.Code) {
			return gateway.Code(f.Code)
		}
	}
	return ""
}

// Attachment returns the bytes of an attachment that a message of the partner's names, from an offset on, as
// they come. An error ends them, and so does what does not follow on what came before.
func (l *Link) Attachment(ctx context.Context, id gateway.MessageID, digest gateway.Digest, offset int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		ctx, cancel := context.WithCancel(ctx) // whoever has enough leaves
		defer cancel()
		stream, err := exchangev1.NewPeerServiceClient(l.conn).Attachment(ctx, &exchangev1.PeerAttachmentRequest{
			MessageId: string(id), Sha256: digest.String(), Offset: uint64(offset),
		})
		for err == nil {
			var part *exchangev1.AttachmentPart
			if part, err = stream.Recv(); err != nil {
				break
			}
			if part.GetOffset() != uint64(offset) {
				err = fmt.Errorf("bytes at %d, want those at %d", part.GetOffset(), offset)
				break
			}
			offset += int64(len(part.GetContent()))
			if !yield(part.GetContent(), nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, &answeredError{"attachment", err})
		}
	}
}

// Deliver hands over one message and returns the partner's receipt. An error that is no
// NotSentError leaves open whether the partner has the message: repeat it with the same id
// and bytes, after a BusyError not before its time.
func (l *Link) Deliver(ctx context.Context, m seal.Sealed) (Answer, error) {
	if m.IsZero() {
		return Answer{}, errNotSealed
	}
	receipt, err := l.deliver(ctx, &exchangev1.DeliverRequest{Header: m.HeaderBytes(), Signature: m.Signature(), Payload: m.Payload()})
	return Answer{Receipt: receipt}, err
}

var (
	errNotSealed = &NotSentError{errors.New("message is not sealed")}
	errNotAsked  = &NotSentError{errors.New("question is not signed")}
)

// Status asks a signed question about messages and returns what the partner states of them.
func (l *Link) Status(ctx context.Context, query seal.Signed) (Receipt, error) {
	if query.IsZero() {
		return Receipt{}, errNotAsked
	}
	answer, err := exchangev1.NewPeerServiceClient(l.conn).Status(ctx, &exchangev1.PeerStatusRequest{
		Query: &exchangev1.SignedStatement{Header: query.HeaderBytes(), Statement: query.Statement(), Signature: query.Signature()},
	})
	if err != nil {
		return Receipt{}, &answeredError{"status", err}
	}
	return stated(answer.GetStatus()), nil
}

// Balance asks a signed question about the exchange and returns the partner's page.
func (l *Link) Balance(ctx context.Context, query seal.Signed) (Receipt, error) {
	if query.IsZero() {
		return Receipt{}, errNotAsked
	}
	answer, err := exchangev1.NewPeerServiceClient(l.conn).Balance(ctx, &exchangev1.PeerBalanceRequest{
		Query: &exchangev1.SignedStatement{Header: query.HeaderBytes(), Statement: query.Statement(), Signature: query.Signature()},
	})
	if err != nil {
		return Receipt{}, &answeredError{"balance", err}
	}
	return stated(answer.GetBalance()), nil
}

func (l *Link) deliver(ctx context.Context, m *exchangev1.DeliverRequest) (Receipt, error) {
	// gRPC fills in the peer once a stream to it exists.
	var reached grpcpeer.Peer
	answer, err := exchangev1.NewPeerServiceClient(l.conn).Deliver(ctx, m, grpc.Peer(&reached))
	switch {
	case busy(err) != nil:
		return Receipt{}, busy(err)
	case err != nil && reached.Addr == nil:
		return Receipt{}, &NotSentError{err}
	case err != nil:
		return Receipt{}, &answeredError{"deliver", err}
	}
	return stated(answer.GetReceipt()), nil
}
