package server

import (
	"context"
	"net/http"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
)

// reading is a service whose requests are refused as what they are: the protocol would
// call a request that cannot be read, as one of invalid UTF-8, an error of its own. Who
// asks is judged before.
func (s *Server) reading(desc *grpc.ServiceDesc) *grpc.ServiceDesc {
	out := *desc
	out.Methods = make([]grpc.MethodDesc, len(desc.Methods))
	for i, m := range desc.Methods {
		out.Methods[i] = grpc.MethodDesc{MethodName: m.MethodName, Handler: func(
			srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor,
		) (any, error) {
			var unread error
			return m.Handler(srv, ctx, func(req any) error {
				unread = decode(req)
				return nil
			}, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
				return intercept(ctx, req, info, func(ctx context.Context, req any) (any, error) {
					if unread != nil {
						return nil, s.unreadable(ctx, unread)
					}
					return handler(ctx, req)
				})
			})
		}}
	}
	out.Streams = make([]grpc.StreamDesc, len(desc.Streams))
	for i, m := range desc.Streams {
		out.Streams[i] = m
		out.Streams[i].Handler = func(srv any, ss grpc.ServerStream) error { return m.Handler(srv, readable{ss, s}) }
	}
	return &out
}

// readable is a stream whose request is refused in the same way.
type readable struct {
	grpc.ServerStream
	server *Server
}

func (r readable) RecvMsg(m any) error {
	err := r.ServerStream.RecvMsg(m)
	if status.Code(err) == codes.Internal {
		return r.server.unreadable(r.Context(), err)
	}
	return err
}

// unreadable refuses a request that is no message of its kind. What the library says of it
// may quote it, and is dropped.
func (s *Server) unreadable(ctx context.Context, err error) error {
	if status.Code(err) != codes.Internal {
		return err
	}
	return s.refusal(ctx, gateway.Fault{Code: gateway.JSONUTF8, Severity: gateway.Error, Path: "request"})
}

// notText names a part of a request that is not valid UTF-8, or a language that is not of
// the characters of a header.
func notText(r *http.Request) string {
	if !utf8.ValidString(r.URL.Path) {
		return "path"
	}
	for key, values := range r.URL.Query() {
		for _, v := range values {
			if !utf8.ValidString(key) || !utf8.ValidString(v) {
				return "query"
			}
		}
	}
	for _, v := range r.Header.Values("Accept-Language") {
		for _, c := range []byte(v) {
			if c < ' ' || c > '~' {
				return "Accept-Language"
			}
		}
	}
	return ""
}
