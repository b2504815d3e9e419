package server

import (
	"context"
	"net/http"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers what the codec below reads by
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
)

// codec reads and writes as the protocol's own does, but for a request that cannot be read,
// as one of invalid UTF-8: the protocol calls that an error of its own and answers before
// anybody is asked. Here it becomes a request with a mark, which readable refuses as what it
// is, after it was judged who asks.
type codec struct{ encoding.CodecV2 }

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	err := c.CodecV2.Unmarshal(data, v)
	if m, ok := v.(proto.Message); ok && err != nil {
		proto.Reset(m)
		m.ProtoReflect().SetUnknown(unread)
		return nil
	}
	return err
}

// unread is the mark: a field that no message has. Whoever sends it is refused too.
var unread = protowire.AppendVarint(protowire.AppendTag(nil, protowire.MaxValidNumber, protowire.VarintType), 1)

func isUnread(req any) bool {
	m, ok := req.(proto.Message)
	return ok && string(m.ProtoReflect().GetUnknown()) == string(unread)
}

// readable refuses what could not be read. What a library says of it may quote it, and is
// dropped.
func (s *Server) readable(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(srv, readableStream{ss, s})
}

type readableStream struct {
	grpc.ServerStream
	server *Server
}

func (r readableStream) RecvMsg(m any) error {
	err := r.ServerStream.RecvMsg(m)
	if err != nil {
		return err
	}
	if isUnread(m) {
		return r.server.unreadable(r.Context())
	}
	if asked, ok := m.(proto.Message); ok {
		if field := holdsNUL(asked.ProtoReflect()); field != "" {
			return r.server.refusal(r.Context(), gateway.Fault{Code: gateway.JSONCharacter, Severity: gateway.Error, Path: field})
		}
	}
	return nil
}

// holdsNUL names a text of a request that holds a NUL, which not every database keeps; none
// if there is none. Documents and headers, which are bytes, are looked at by who reads them.
func holdsNUL(m protoreflect.Message) (field string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		look := func(v protoreflect.Value) {
			switch f.Kind() {
			case protoreflect.StringKind:
				if strings.ContainsRune(v.String(), 0) {
					field = f.JSONName()
				}
			case protoreflect.MessageKind:
				if within := holdsNUL(v.Message()); within != "" {
					field = f.JSONName() + "." + within
				}
			}
		}
		switch {
		case f.IsMap(): // no request has one
		case f.IsList():
			for i := range v.List().Len() {
				look(v.List().Get(i))
			}
		default:
			look(v)
		}
		return field == ""
	})
	return field
}

func (s *Server) unreadable(ctx context.Context) error {
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
