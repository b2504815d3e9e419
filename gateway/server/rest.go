package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// Named headers of a delivery by plain HTTPS POST. Header and signature are the exact
// bytes in standard base64; id and kind repeat what the header says, for people and
// proxies, and MUST agree with it.
const (
	HeaderMessageID = "Customs-Message-Id"
	HeaderKind      = "Customs-Kind"
	HeaderHeader    = "Customs-Header"
	HeaderSignature = "Customs-Signature"
)

// rest is the REST door: JSON through a client connection on the in-memory listener,
// so that the same interceptors judge it, and partners' XML by plain POST.
func (s *Server) rest() (http.Handler, func(), error) {
	conn, err := grpc.NewClient("passthrough:///"+inMemory,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.pipe.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(s.maxMessage()+Envelope)))
	if err != nil {
		return nil, nil, fmt.Errorf("rest: %w", err)
	}
	mux := runtime.NewServeMux(
		runtime.WithErrorHandler(func(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			retryAfter(w, status.Convert(err))
			runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
		}),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.JSONPb{
			MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: false},
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
		exchangev1.RegisterSubmissionServiceHandler, exchangev1.RegisterInboxServiceHandler, exchangev1.RegisterMovementServiceHandler,
	} {
		if err := register(context.Background(), mux, conn); err != nil {
			return nil, nil, fmt.Errorf("rest: %w", err)
		}
	}
	routes := http.NewServeMux()
	routes.Handle("/", mux)
	routes.HandleFunc("POST /v1/deliveries", func(w http.ResponseWriter, r *http.Request) { s.post(w, r, conn) })
	routes.HandleFunc("GET /v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(exchangev1.OpenAPI)
	})
	return s.identified(s.admitREST(routes)), func() { conn.Close() }, nil
}

type identityKey struct{}

// identified verifies the client's certificate anew for every request.
func (s *Server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := s.access.registry.Verify(*r.TLS, mtls.AsClient)
		if err != nil {
			writeStatus(w, status.Convert(status.Error(codes.Unauthenticated, err.Error())))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, s.maxBody())
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, id.URI)))
	})
}

// post is a delivery by plain HTTPS POST of the XML.
func (s *Server) post(w http.ResponseWriter, r *http.Request, conn *grpc.ClientConn) {
	req, err := delivery(r)
	if err != nil {
		writeStatus(w, status.New(codes.InvalidArgument, err.Error()))
		return
	}
	uri, _ := r.Context().Value(identityKey{}).(string)
	ctx := metadata.AppendToOutgoingContext(r.Context(), identityHeader, uri)
	answer, err := exchangev1.NewPeerServiceClient(conn).Deliver(ctx, req)
	if err != nil {
		writeStatus(w, status.Convert(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(HeaderHeader, base64.StdEncoding.EncodeToString(answer.Receipt.Header))
	w.Header().Set(HeaderSignature, base64.StdEncoding.EncodeToString(answer.Receipt.Signature))
	w.Write(answer.Receipt.Statement)
}

// delivery reads a posted message.
func delivery(r *http.Request) (*exchangev1.DeliverRequest, error) {
	header, err := base64.StdEncoding.DecodeString(r.Header.Get(HeaderHeader))
	if err != nil || len(header) == 0 {
		return nil, fmt.Errorf("%s: want the signed header in base64", HeaderHeader)
	}
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get(HeaderSignature))
	if err != nil || len(signature) == 0 {
		return nil, fmt.Errorf("%s: want the signature in base64", HeaderSignature)
	}
	h, err := seal.ParseHeader(header)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", HeaderHeader, err)
	}
	if !gateway.SameID(r.Header.Get(HeaderMessageID), h.MessageID) || r.Header.Get(HeaderKind) != h.Kind {
		return nil, fmt.Errorf("%s and %s must repeat what the signed header says", HeaderMessageID, HeaderKind)
	}
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return nil, errors.New("the body is too large")
		}
		return nil, fmt.Errorf("read body: %w", err)
	}
	return &exchangev1.DeliverRequest{Header: header, Signature: signature, Payload: payload}, nil
}

func writeStatus(w http.ResponseWriter, st *status.Status) {
	retryAfter(w, st)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(runtime.HTTPStatusFromCode(st.Code()))
	body, err := protojson.Marshal(st.Proto())
	if err != nil {
		body, _ = json.Marshal(map[string]any{"code": st.Code(), "message": st.Message()})
	}
	w.Write(body)
}
