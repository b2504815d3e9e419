package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// Headers of a message that is posted as the XML that was signed, and of its answer.
const (
	HeaderMessageID = "Customs-Message-Id"
	HeaderKind      = "Customs-Kind"
	HeaderHeader    = "Customs-Header"    // the signed header, in base64
	HeaderSignature = "Customs-Signature" // in base64
	// HeaderDuplicate, of an answer, holds the code of a delivery that came before.
	HeaderDuplicate = "Customs-Duplicate"
	// HeaderReceived, of an answer without a signature, is the SHA-256 of the bytes that came, in hexadecimal.
	HeaderReceived = "Customs-Received"
)

// Deliveries is where messages are posted.
const Deliveries = "/v1/deliveries"

// LaterInterval is how long the receipt of a partner is waited for that takes a message and answers later (202),
// before the same is handed over again.
const LaterInterval = 10 * time.Minute

// Bounds of an answer that is none of ours.
const (
	maxProblem = 64 << 10 // bytes of a refusal
	maxFaults  = 20       // of it
	partSize   = 64 << 10 // bytes of an attachment that are read at once
	idle       = 90 * time.Second
	handshake  = 10 * time.Second
)

// HTTPS is the way to a partner that is reached by plain HTTPS with both certificates: messages are posted as the
// XML that was signed, questions as JSON (PARTNER.md). A connection is kept as long as it is used.
type HTTPS struct {
	way
	client *http.Client
	plain  bool // its record allows it to acknowledge without a signature
	now    func() time.Time
	state  atomic.Value
}

// NewHTTPS prepares a link that shows our own certificate and speaks to the partner alone, as the registry knows it.
// The registry watches its connections. Plain says that the partner may acknowledge without a signature.
func NewHTTPS(p Partner, registry *mtls.Registry, own tls.Certificate, plain bool, now func() time.Time) *HTTPS {
	l := &HTTPS{way: way{p, registry, own}, plain: plain, now: now}
	l.state.Store("idle")
	l.client = &http.Client{
		Transport: &http.Transport{
			DialTLSContext: l.secured, IdleConnTimeout: idle, DisableCompression: true,
			MaxIdleConnsPerHost: maxIdle, MaxResponseHeaderBytes: maxProblem,
		},
		// Whoever sends us elsewhere is not whom we are to speak to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return l
}

// maxIdle is how many connections are kept while nothing travels.
const maxIdle = 8

// secured opens a connection that the registry watches.
func (l *HTTPS) secured(ctx context.Context, _, _ string) (net.Conn, error) {
	raw, _, err := l.dial(ctx)
	if err != nil {
		l.state.Store("failing")
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	conn := tls.Client(raw, l.registry.ClientConfig(l.own, l.partner.URI))
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		l.state.Store("failing")
		return nil, err
	}
	stop, err := l.registry.Watch(conn, conn.ConnectionState(), mtls.AsServer)
	if err != nil {
		return nil, err
	}
	l.state.Store("connected")
	return watchedConn{conn, stop}, nil
}

// State is how the last connection came about: connected, failing, or idle if none was tried yet.
func (l *HTTPS) State() string { return l.state.Load().(string) }

// Close ends the connections that nothing travels over.
func (l *HTTPS) Close() error {
	l.client.CloseIdleConnections()
	return nil
}

// Deliver posts one message. With 200 it is answered by the partner's receipt; with 202 the receipt comes later by
// itself; without a signature, if the partner's record allows that, by the digest of the bytes that came. Errors are
// those of Link.Deliver.
func (l *HTTPS) Deliver(ctx context.Context, m seal.Sealed) (Answer, error) {
	if m.IsZero() {
		return Answer{}, errNotSealed
	}
	h := m.Header()
	with := http.Header{"Content-Type": {"application/xml"}, HeaderMessageID: {string(h.MessageID)}, HeaderKind: {h.Kind}}
	SetSigned(with, m.HeaderBytes(), m.Signature())
	return l.deliver(ctx, m.Payload(), with)
}

func (l *HTTPS) deliver(ctx context.Context, payload []byte, header http.Header) (Answer, error) {
	answer, body, err := l.ask(ctx, "deliver", http.MethodPost, Deliveries, payload, header)
	if err != nil {
		return Answer{}, err
	}
	if answer.Header.Get(HeaderSignature) != "" {
		receipt, err := SignedBy(answer.Header, body)
		if err != nil {
			return Answer{}, &answeredError{"deliver", status.Error(codes.Unknown, err.Error())}
		}
		return Answer{Receipt: receipt}, nil
	}
	received := strings.EqualFold(answer.Header.Get(HeaderReceived), gateway.DigestOf(payload).String())
	switch {
	case l.plain && received:
		return Answer{Unsigned: true}, nil
	case answer.StatusCode == http.StatusAccepted:
		return Answer{Later: LaterInterval}, nil
	}
	return Answer{}, &answeredError{"deliver", status.Errorf(codes.Unknown, "%s without a signed receipt", answer.Status)}
}

// SignedBy is a statement whose header and signature stand beside it.
func SignedBy(h http.Header, statement []byte) (Receipt, error) {
	header, err := base64.StdEncoding.DecodeString(h.Get(HeaderHeader))
	if err != nil {
		return Receipt{}, fmt.Errorf("%s: want base64", HeaderHeader)
	}
	signature, err := base64.StdEncoding.DecodeString(h.Get(HeaderSignature))
	if err != nil {
		return Receipt{}, fmt.Errorf("%s: want base64", HeaderSignature)
	}
	return Receipt{header, statement, signature}, nil
}

// SetSigned has a header and a signature stand beside what they sign.
func SetSigned(h http.Header, header, signature []byte) {
	h.Set(HeaderHeader, base64.StdEncoding.EncodeToString(header))
	h.Set(HeaderSignature, base64.StdEncoding.EncodeToString(signature))
}

// Status asks a signed question about messages and returns what the partner states of them.
func (l *HTTPS) Status(ctx context.Context, query seal.Signed) (Receipt, error) {
	out := new(exchangev1.PeerStatusResponse)
	err := l.question(ctx, "status", query, func(q *exchangev1.SignedStatement) proto.Message { return &exchangev1.PeerStatusRequest{Query: q} }, out)
	return stated(out.GetStatus()), err
}

// Balance asks a signed question about the exchange and returns the partner's page.
func (l *HTTPS) Balance(ctx context.Context, query seal.Signed) (Receipt, error) {
	out := new(exchangev1.PeerBalanceResponse)
	err := l.question(ctx, "balance", query, func(q *exchangev1.SignedStatement) proto.Message { return &exchangev1.PeerBalanceRequest{Query: q} }, out)
	return stated(out.GetBalance()), err
}

func stated(s *exchangev1.SignedStatement) Receipt {
	return Receipt{s.GetHeader(), s.GetStatement(), s.GetSignature()}
}

// question posts a signed question as JSON.
func (l *HTTPS) question(ctx context.Context, what string, query seal.Signed, in func(*exchangev1.SignedStatement) proto.Message, out proto.Message) error {
	if query.IsZero() {
		return errNotAsked
	}
	body, err := protojson.Marshal(in(&exchangev1.SignedStatement{Header: query.HeaderBytes(), Statement: query.Statement(), Signature: query.Signature()}))
	if err != nil {
		return &NotSentError{err}
	}
	_, raw, err := l.ask(ctx, what, http.MethodPost, Deliveries+":"+what, body, http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, out); err != nil {
		return &answeredError{what, status.Error(codes.Unknown, "no answer of the form that is asked for")}
	}
	return nil
}

// Attachment returns the bytes of an attachment that a message of the partner's names, from an offset on, as they
// come. An error ends them, and so does what does not begin there.
func (l *HTTPS) Attachment(ctx context.Context, id gateway.MessageID, digest gateway.Digest, offset int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		ctx, cancel := context.WithCancel(ctx) // whoever has enough leaves
		defer cancel()
		header := http.Header{}
		if offset > 0 {
			header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		}
		answer, err := l.do(ctx, "attachment", http.MethodGet, Deliveries+"/"+url.PathEscape(string(id))+"/attachments/"+digest.String(), nil, header)
		if err != nil {
			yield(nil, err)
			return
		}
		defer answer.Body.Close()
		if offset > 0 && !strings.HasPrefix(answer.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)) {
			yield(nil, &answeredError{"attachment", status.Errorf(codes.Unknown, "bytes of another place than %d", offset)})
			return
		}
		for part := make([]byte, partSize); ; {
			n, err := answer.Body.Read(part)
			if n > 0 && !yield(bytes.Clone(part[:n]), nil) {
				return
			}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, &answeredError{"attachment", status.Error(codes.Unavailable, err.Error())})
				return
			}
		}
	}
}

// ask sends a request and returns a successful answer with its body, of at most MaxReceipt bytes.
func (l *HTTPS) ask(ctx context.Context, what, verb, path string, body []byte, header http.Header) (*http.Response, []byte, error) {
	answer, err := l.do(ctx, what, verb, path, body, header)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	raw, err := bodyOf(what, answer, MaxReceipt)
	return answer, raw, err
}

// bodyOf reads the body of an answer, of at most so many bytes.
func bodyOf(what string, answer *http.Response, most int) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(answer.Body, int64(most)+1))
	switch {
	case err != nil:
		return nil, &answeredError{what, status.Error(codes.Unavailable, err.Error())}
	case len(raw) > most:
		return nil, &answeredError{what, status.Errorf(codes.Unknown, "an answer of more than %d bytes", most)}
	}
	return raw, nil
}

// do sends a request and returns a successful answer. What could not be connected was not sent.
func (l *HTTPS) do(ctx context.Context, what, verb, path string, body []byte, header http.Header) (*http.Response, error) {
	answer, err := l.send(ctx, what, verb, path, body, header)
	if err != nil || answer.StatusCode/100 == 2 {
		return answer, err
	}
	defer answer.Body.Close()
	return nil, l.refusal(what, answer)
}

// send sends a request and returns whatever it is answered with.
func (l *HTTPS) send(ctx context.Context, what, verb, path string, body []byte, header http.Header) (*http.Response, error) {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, verb, "https://"+l.partner.Address+path, bytes.NewReader(body))
	if err != nil {
		return nil, &NotSentError{err}
	}
	r.Header = header
	answer, err := l.client.Do(r)
	switch {
	case err != nil && !connected.Load():
		return nil, &NotSentError{err}
	case err != nil:
		return nil, &answeredError{what, status.Error(codes.Unavailable, err.Error())}
	}
	return answer, nil
}

// refusal is an answer that is no success: that the partner is busy, or what it says of the request, as the same
// status that a call ends with.
func (l *HTTPS) refusal(what string, answer *http.Response) error {
	st := status.New(callCode(answer.StatusCode), answer.Status)
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if raw, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem)); err == nil && kind == "application/problem+json" {
		st = withFaults(st, raw)
	}
	if st.Code() == codes.NotFound && len(st.Details()) == 0 { // it has no such door at all
		st = status.New(codes.Unimplemented, answer.Status)
	}
	return l.answeredWith(what, answer, st)
}

// answeredWith is the error of an answer that is no success: that the partner asks for time, or its status.
func (l *HTTPS) answeredWith(what string, answer *http.Response, st *status.Status) error {
	if wait, ok := retryAfter(answer.Header.Get("Retry-After"), l.now()); ok && (answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable) {
		return &BusyError{min(max(wait, time.Second), MaxBusyInterval), st.Err()}
	}
	return &answeredError{what, st.Err()}
}

// withFaults is a status with the faults that problem details hold.
func withFaults(st *status.Status, raw []byte) *status.Status {
	var details struct {
		Faults []json.RawMessage `json:"faults"`
	}
	if json.Unmarshal(raw, &details) != nil {
		return st
	}
	for _, raw := range details.Faults[:min(len(details.Faults), maxFaults)] {
		f := new(exchangev1.Fault)
		if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, f) != nil {
			continue
		}
		if with, err := st.WithDetails(protoadapt.MessageV1Of(f)); err == nil {
			st = with
		}
	}
	return st
}

// callCode is what an answer by HTTP is among those of a call.
func callCode(answered int) codes.Code {
	switch answered {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound, http.StatusGone:
		return codes.NotFound
	case http.StatusConflict:
		return codes.Aborted
	case http.StatusPreconditionFailed:
		return codes.FailedPrecondition
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return codes.Unimplemented
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codes.Unavailable
	}
	return codes.Unknown
}

// retryAfter reads seconds, or an instant.
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(text)
	return at.Sub(now), err == nil
}
