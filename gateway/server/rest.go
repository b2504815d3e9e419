package server

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
)

// rest is the REST door: JSON through a client connection on the in-memory listener,
// so that the same interceptors judge it, and partners' XML by plain POST.
func (s *Server) rest() (http.Handler, func(), error) {
	conn, err := grpc.NewClient("passthrough:///"+inMemory,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.pipe.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(passedOn), grpc.WithStreamInterceptor(passedOnStream),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(s.maxMessage()+Envelope)))
	if err != nil {
		return nil, nil, fmt.Errorf("rest: %w", err)
	}
	mux := runtime.NewServeMux(
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
			problem(w, status.Convert(err))
		}),
		runtime.WithStreamErrorHandler(func(ctx context.Context, err error) *status.Status {
			st := status.Convert(err)
			if r, ok := ctx.Value(requestKey{}).(*request); ok && r.code == 0 {
				r.refused = st // in what has begun it stands as its last part
			}
			return st
		}),
		runtime.WithRoutingErrorHandler(misrouted),
		runtime.WithForwardResponseOption(opened),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.JSONPb{
			MarshalOptions:   restJSON,
			UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false},
		}),
		runtime.WithMetadata(func(ctx context.Context, _ *http.Request) metadata.MD {
			uri, _ := ctx.Value(identityKey{}).(string)
			return metadata.Pairs(identityHeader, uri)
		}),
		// Nothing of the request's headers becomes metadata but the language: the
		// identity above must have no rival.
		runtime.WithIncomingHeaderMatcher(func(key string) (string, bool) {
			return "accept-language", http.CanonicalHeaderKey(key) == "Accept-Language"
		}))
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		exchangev1.RegisterSubmissionServiceHandler, exchangev1.RegisterInboxServiceHandler, exchangev1.RegisterSubscriptionServiceHandler, exchangev1.RegisterMovementServiceHandler, exchangev1.RegisterReportServiceHandler, exchangev1.RegisterNumberServiceHandler, exchangev1.RegisterAttachmentServiceHandler, exchangev1.RegisterOutboxServiceHandler,
		exchangev1.RegisterBalanceServiceHandler, exchangev1.RegisterPartnerServiceHandler, exchangev1.RegisterMessageServiceHandler,
		exchangev1.RegisterMappingServiceHandler, exchangev1.RegisterAuditServiceHandler, exchangev1.RegisterPeerServiceHandler,
	} {
		if err := register(context.Background(), mux, conn); err != nil {
			return nil, nil, fmt.Errorf("rest: %w", err)
		}
	}
	routes := http.NewServeMux()
	routes.Handle("/", mux)
	routes.HandleFunc("POST "+deliveries, func(w http.ResponseWriter, r *http.Request) { s.post(w, r, conn) })
	routes.HandleFunc("POST "+Conversations, func(w http.ResponseWriter, r *http.Request) { s.converse(w, r, conn) })
	routes.HandleFunc("GET "+received, func(w http.ResponseWriter, r *http.Request) { s.getReceived(w, r, conn) })
	routes.HandleFunc("GET "+delivered, func(w http.ResponseWriter, r *http.Request) { s.getDelivered(w, r, conn) })
	routes.HandleFunc("GET "+fetchedContent, func(w http.ResponseWriter, r *http.Request) { s.content(w, r, conn) })
	routes.HandleFunc("GET "+openAPI, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(exchangev1.OpenAPI)
	})
	return s.identified(s.admitREST(s.unzipped(zipped(s.plain(conn, routes))))), func() { conn.Close() }, nil
}

// restJSON is how answers are written.
var restJSON = protojson.MarshalOptions{EmitUnpopulated: false}

// opened sends the header of a stream that has begun, before there is anything in it. Of one
// that was refused there is no header: its status is still to come.
func opened(ctx context.Context, w http.ResponseWriter, first proto.Message) error {
	if md, ok := runtime.ServerMetadataFromContext(ctx); first != nil || !ok || md.HeaderMD == nil {
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	return http.NewResponseController(w).Flush()
}

type identityKey struct{}

// request is one request at the REST door, and how it was answered.
type request struct {
	http.ResponseWriter
	code     int            // 0 until the answer has begun
	passedOn bool           // the call behind it tells what becomes of it
	refused  *status.Status // of a stream that never began; it is the answer, whatever else is written
}

func (r *request) WriteHeader(code int) {
	if r.refused != nil && r.code == 0 {
		r.code = runtime.HTTPStatusFromCode(r.refused.Code())
		problem(r.ResponseWriter, r.refused)
		return
	}
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

func (r *request) Write(part []byte) (int, error) {
	if r.refused != nil {
		return len(part), nil
	}
	if r.code == 0 {
		r.code = http.StatusOK
	}
	return r.ResponseWriter.Write(part)
}

// Unwrap is for http.ResponseController: streams are flushed.
func (r *request) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Flush is for the gateway's streams, which ask for nothing else.
func (r *request) Flush() {
	if r.code == 0 {
		r.code = http.StatusOK
	}
	_ = http.NewResponseController(r.ResponseWriter).Flush()
}

type requestKey struct{}

// passedOn and passedOnStream note that a request became a call, which the interceptors of
// the services tell of.
func passedOn(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	passOn(ctx)
	return invoke(ctx, method, req, reply, conn, opts...)
}

func passedOnStream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	passOn(ctx)
	return open(ctx, desc, conn, method, opts...)
}

func passOn(ctx context.Context) {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		r.passedOn = true
	}
}

// identified verifies the client's certificate anew for every request, and tells of one that
// is refused before it is a call.
func (s *Server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := &request{ResponseWriter: w}
		ctx := context.WithValue(r.Context(), callKey{}, &call{method: "rest"})
		id, err := s.access.registry.Verify(*r.TLS, mtls.AsClient)
		if err != nil {
			err = s.refusal(ctx, err)
		} else if part := notText(r); part != "" {
			err = s.refusal(restLanguage(ctx, r), gateway.Fault{Code: gateway.JSONUTF8, Severity: gateway.Error, Path: part})
		}
		callOf(ctx).caller = id.URI
		if err != nil {
			s.tellRefused(ctx, err)
			problem(w, status.Convert(err))
			return
		}
		r.Body = http.MaxBytesReader(asked, r.Body, s.maxBody())
		ctx = context.WithValue(context.WithValue(ctx, identityKey{}, id.URI), requestKey{}, asked)
		next.ServeHTTP(asked, r.WithContext(ctx))
		if asked.code >= http.StatusBadRequest && !asked.passedOn {
			s.tellRefused(ctx, status.Error(protocolOf(asked.code), ""))
		}
	})
}

// restLanguage is a context with the language that a request asks for, as a call has it.
func restLanguage(ctx context.Context, r *http.Request) context.Context {
	return metadata.NewIncomingContext(ctx, metadata.Pairs("accept-language", r.Header.Get("Accept-Language")))
}

// protocolOf is what an answer that no call made is to the protocol.
func protocolOf(code int) codes.Code {
	switch code {
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return codes.Unimplemented
	case http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusRequestEntityTooLarge:
		return codes.InvalidArgument
	}
	return codes.Unknown
}

// post is a delivery by plain HTTPS POST of the XML. Of who has no right to deliver nothing
// is read.
func (s *Server) post(w http.ResponseWriter, r *http.Request, conn *grpc.ClientConn) {
	uri, _ := r.Context().Value(identityKey{}).(string)
	ctx := restLanguage(r.Context(), r)
	if _, err := s.access.allow(ctx, uri, exchangev1.PeerService_Deliver_FullMethodName); err != nil {
		passOn(ctx)
		s.tellRefused(ctx, err)
		problem(w, status.Convert(err))
		return
	}
	req, err := delivery(r)
	if err != nil {
		problem(w, status.New(codes.InvalidArgument, err.Error()))
		return
	}
	answer, err := exchangev1.NewPeerServiceClient(conn).Deliver(metadata.AppendToOutgoingContext(r.Context(), identityHeader, uri), req)
	if err != nil {
		problem(w, status.Convert(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	peer.SetSigned(w.Header(), answer.Receipt.Header, answer.Receipt.Signature)
	if d := answer.Duplicate; d != nil {
		w.Header().Set(peer.HeaderDuplicate, d.Code)
		if at, err := time.Parse(time.RFC3339, d.Expected); err == nil {
			w.Header().Set("Retry-After", at.UTC().Format(http.TimeFormat))
		}
	}
	w.Write(answer.Receipt.Statement)
}

// delivery reads a posted message. Header and signature are the exact bytes in standard base64; id and kind repeat
// what the header says, for people and proxies, and MUST agree with it.
func delivery(r *http.Request) (*exchangev1.DeliverRequest, error) {
	header, err := base64.StdEncoding.DecodeString(r.Header.Get(peer.HeaderHeader))
	if err != nil || len(header) == 0 {
		return nil, fmt.Errorf("%s: want the signed header in base64", peer.HeaderHeader)
	}
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get(peer.HeaderSignature))
	if err != nil || len(signature) == 0 {
		return nil, fmt.Errorf("%s: want the signature in base64", peer.HeaderSignature)
	}
	h, err := seal.ParseHeader(header)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", peer.HeaderHeader, err)
	}
	if !gateway.SameID(r.Header.Get(peer.HeaderMessageID), h.MessageID) || r.Header.Get(peer.HeaderKind) != h.Kind {
		return nil, fmt.Errorf("%s and %s must repeat what the signed header says", peer.HeaderMessageID, peer.HeaderKind)
	}
	payload, err := readBody(r)
	if err != nil {
		return nil, err
	}
	return &exchangev1.DeliverRequest{Header: header, Signature: signature, Payload: payload}, nil
}
