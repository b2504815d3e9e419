package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	"customs.example/gateway/budget"
)

// A call is admitted before its message is read: who calls, with what right, and whether
// there is room for one more. Only then the message is waited for, for a limited time, and
// what has come in is counted while the call lasts. So callers that nobody knows, and those
// who open calls and send nothing, cost next to nothing.

// StreamWindow is how many bytes of a message a caller may send before it is read.
const StreamWindow = 256 << 10

// admitting registers services whose calls with one message and one answer are streams to
// the server: on the wire they are the same, but gRPC would read the message of such a call
// before it asks anybody.
type admitting struct {
	*grpc.Server
	s *Server
}

func (a admitting) RegisterService(d *grpc.ServiceDesc, impl any) {
	service := *d
	service.Streams = append([]grpc.StreamDesc(nil), d.Streams...)
	for _, m := range d.Methods {
		// Only of a stream are the interceptors asked before its handler; that its client
		// could send more than one message changes nothing, for one is read.
		service.Streams = append(service.Streams, grpc.StreamDesc{StreamName: m.MethodName, ClientStreams: true, Handler: func(srv any, ss grpc.ServerStream) error {
			return a.s.answer(srv, ss, m)
		}})
	}
	service.Methods = nil
	a.Server.RegisterService(&service, impl)
}

// answer reads the one message of a call and sends the one answer.
func (s *Server) answer(srv any, ss grpc.ServerStream, m grpc.MethodDesc) error {
	ctx := ss.Context()
	if _, ok := ctx.Deadline(); !ok {
		bounded, cancel := context.WithTimeout(ctx, CallTimeout)
		defer cancel()
		ctx = bounded
	}
	var body *budget.Lease
	defer func() { body.Release() }()
	answer, err := m.Handler(srv, ctx, func(request any) error {
		if behindREST(ctx) {
			return ss.RecvMsg(request) // the REST door has read and counted it
		}
		if err := s.receive(ctx, ss, request); err != nil {
			return err
		}
		var err error
		body, err = s.budget.Bodies.Take(ctx, callerOf(ctx).URI, int64(proto.Size(request.(proto.Message))))
		return s.refusal(ctx, err)
	}, nil)
	if err != nil {
		return err
	}
	return ss.SendMsg(answer)
}

// receive waits for the message of a call, for a limited time.
func (s *Server) receive(ctx context.Context, ss grpc.ServerStream, request any) error {
	in := make(chan error, 1)
	go func() { in <- ss.RecvMsg(request) }() // ends with the call at the latest
	timer := time.NewTimer(s.budget.Limits.Body)
	defer timer.Stop()
	select {
	case err := <-in:
		return err
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	case <-timer.C:
		return s.refusal(ctx, gateway.Fault{Code: gateway.BodySlow, Severity: gateway.Error, Expected: gateway.Term(s.budget.Limits.Body.String())})
	}
}

// admit takes the room that a call needs for as long as it lasts.
func (s *Server) admit(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx := ss.Context()
	pool := s.budget.Calls
	switch {
	case info.IsServerStream:
		pool = s.budget.Watches
	case behindREST(ctx):
		return handler(srv, ss) // the REST door has
	}
	call, err := pool.Take(ctx, callerOf(ctx).URI, 1)
	if err != nil {
		return s.refusal(ctx, err)
	}
	defer call.Release()
	return handler(srv, ss)
}

// behindREST reports whether a call came through the REST door.
func behindREST(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	return ok && p.Addr.Network() == inMemory
}

// restFactor is how many bytes of memory one byte of a request's body takes on its way to
// the service behind: as JSON in base64, decoded, and as a message sent and received.
const restFactor = 4

// admitREST takes the room that a request needs for as long as it lasts.
func (s *Server) admitREST(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uri, _ := r.Context().Value(identityKey{}).(string)
		size := r.ContentLength
		if streaming(r) {
			r.Body = http.MaxBytesReader(w, r.Body, MaxHeaders) // what is asked for is little
			next.ServeHTTP(w, r)                                // it lasts, and is admitted behind
			return
		}
		if size < 0 || size > s.maxBody() || r.Header.Get("Content-Encoding") != "" { // unknown counts as the greatest; what is more is cut off
			size = s.maxBody()
		}
		call, err := s.budget.Calls.Take(r.Context(), uri, 1)
		if err == nil {
			defer call.Release()
			var body *budget.Lease
			if body, err = s.budget.Bodies.Take(r.Context(), uri, restFactor*size); err == nil {
				defer body.Release()
			}
		}
		if err != nil {
			ctx := restLanguage(r.Context(), r)
			err = s.refusal(ctx, err)
			passOn(ctx)
			s.tellRefused(ctx, err)
			problem(w, status.Convert(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// retryAfter tells a caller of REST what RetryInfo tells one of gRPC.
func retryAfter(w http.ResponseWriter, st *status.Status) {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			w.Header().Set("Retry-After", strconv.Itoa(int(max(info.GetRetryDelay().AsDuration(), time.Second)/time.Second)))
		}
	}
}
