package server

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
)

// Role says what a caller may do. A caller has exactly one.
type Role string

// The roles.
const (
	Post       Role = "post"       // a border post's system
	System     Role = "system"     // the administration's own national system
	Analyst    Role = "analyst"    // reads what is loaded, and messages without data of persons and prices
	Auditor    Role = "auditor"    // reads the audit trail
	Operator   Role = "operator"   // works what waits for a person, without payload
	Supervisor Role = "supervisor" // decides on what others of its office have submitted
	Partner    Role = "partner"    // a partner's gateway
)

// Roles are the roles with their rights. What is not here is denied.
var Roles = map[Role][]exchangev1.Right{
	Post: {
		exchangev1.Right_SUBMIT, exchangev1.Right_READ_SUBMISSIONS,
		exchangev1.Right_READ_MOVEMENTS, exchangev1.Right_RECORD_ARRIVAL, exchangev1.Right_RECORD_DEPARTURE,
		exchangev1.Right_TAKE_SENT,
	},
	System: {
		exchangev1.Right_SUBMIT, exchangev1.Right_READ_SUBMISSIONS, exchangev1.Right_READ_INBOX,
		exchangev1.Right_READ_MOVEMENTS, exchangev1.Right_TAKE_SENT, exchangev1.Right_FETCH, exchangev1.Right_HAND_OVER_NUMBERS,
	},
	Supervisor: {
		exchangev1.Right_APPROVE, exchangev1.Right_READ_SUBMISSIONS, exchangev1.Right_READ_MOVEMENTS, exchangev1.Right_READ_OVERRIDES,
		exchangev1.Right_READ_COVERAGE,
	},
	Analyst: {exchangev1.Right_READ_MAPPINGS, exchangev1.Right_READ_MESSAGES, exchangev1.Right_READ_COVERAGE},
	Auditor: {exchangev1.Right_READ_AUDIT},
	Operator: {
		exchangev1.Right_WORK_QUEUES, exchangev1.Right_HAND_OVER_NUMBERS, exchangev1.Right_REDRIVE, exchangev1.Right_SETTLE, exchangev1.Right_CONFIRM_SETTLEMENT,
	},
	Partner: {exchangev1.Right_DELIVER, exchangev1.Right_BALANCE, exchangev1.Right_FETCH}, // the last only where its record says so
}

// ofOffice are the rights that are held for an office.
var ofOffice = []exchangev1.Right{
	exchangev1.Right_SUBMIT, exchangev1.Right_READ_SUBMISSIONS, exchangev1.Right_READ_MOVEMENTS, exchangev1.Right_RECORD_ARRIVAL,
	exchangev1.Right_RECORD_DEPARTURE, exchangev1.Right_APPROVE, exchangev1.Right_TAKE_SENT,
	exchangev1.Right_READ_OVERRIDES,
}

// NeedsOffice reports whether a caller of a role speaks for an office. One that does not has none.
func NeedsOffice(r Role) bool {
	return slices.ContainsFunc(Roles[r], func(right exchangev1.Right) bool { return slices.Contains(ofOffice, right) })
}

// Caller binds a certificate's URI to one role and, if that NeedsOffice, to offices. A partner's
// gateway speaks for administrations instead.
type Caller struct {
	URI             string
	Role            Role
	Offices         []string
	Administrations []gateway.Administration
	Fetches         bool // of a partner's gateway: nobody calls it, it fetches
}

// office is the office that the caller submits for.
func (c Caller) office() string { return c.Offices[0] }

// officeAs is the caller's own name of an office, if the office is one of the caller's,
// who is of an administration.
func (c Caller) officeAs(own gateway.Administration, o gateway.Office) (string, bool) {
	i := slices.IndexFunc(c.Offices, func(code string) bool { return o.Same(gateway.Office{Administration: own, Code: code}) })
	if i < 0 {
		return "", false
	}
	return c.Offices[i], true
}

func (c Caller) flow() flow.Caller {
	fc := flow.Caller{URI: c.URI, Speaks: c.Administrations}
	if len(c.Offices) > 0 {
		fc.Office = c.office()
	}
	return fc
}

// may reports whether the caller has a right. A partner's gateway fetches only if its record says so.
func (c Caller) may(right exchangev1.Right) bool {
	return right != exchangev1.Right_RIGHT_UNSPECIFIED && slices.Contains(Roles[c.Role], right) &&
		(right != exchangev1.Right_FETCH || c.Role != Partner || c.Fetches)
}

type callerKey struct{}

// callerOf returns who asks; the interceptors have put it there.
func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// identityHeader carries the verified URI from the REST door over the in-memory
// listener, and is believed from nowhere else.
const identityHeader = "customs-verified-identity"

// open lists the methods that any known caller may use: they tell nothing of traffic.
var open = []string{"/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"}

// access decides who may call what.
type access struct {
	registry *mtls.Registry
	callers  map[string]Caller
	// refusal is how an error is answered.
	refusal func(ctx context.Context, err error, details ...protoadapt.MessageV1) error
}

func newAccess(registry *mtls.Registry, callers []Caller, refusal func(context.Context, error, ...protoadapt.MessageV1) error) *access {
	a := &access{registry, make(map[string]Caller, len(callers)), refusal}
	for _, c := range callers {
		a.callers[c.URI] = c
	}
	return a
}

// admit returns the context of an admitted call, or the status that refuses it.
func (a *access) admit(ctx context.Context, method string) (context.Context, error) {
	uri, err := a.identify(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.allow(ctx, uri, method)
	if err != nil {
		return nil, err
	}
	return context.WithValue(ctx, callerKey{}, c), nil
}

// allow returns who has a verified URI, if it may call a method.
func (a *access) allow(ctx context.Context, uri, method string) (Caller, error) {
	if asked := callOf(ctx); asked != nil {
		asked.caller = uri
	}
	c, ok := a.callers[uri]
	if !ok {
		return Caller{}, a.refusal(ctx, gateway.Fault{Code: gateway.CallerUnknown, Severity: gateway.Error, Value: uri})
	}
	if slices.ContainsFunc(open, func(prefix string) bool { return strings.HasPrefix(method, prefix) }) {
		return c, nil
	}
	if !c.may(RightOf(method)) {
		return Caller{}, a.refusal(ctx, gateway.Fault{
			Code: gateway.RightMissing, Severity: gateway.Error, Value: string(c.Role), Expected: gateway.Term(method),
		})
	}
	return c, nil
}

// identify returns the verified URI of the other end. A long-lived connection is
// judged again with every call.
func (a *access) identify(ctx context.Context) (string, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", status.Error(codes.Unauthenticated, "no connection")
	}
	if p.Addr.Network() == inMemory {
		if md, ok := metadata.FromIncomingContext(ctx); ok && len(md[identityHeader]) == 1 {
			return md[identityHeader][0], nil
		}
		return "", status.Error(codes.Unauthenticated, "no identity")
	}
	tls, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return "", status.Error(codes.Unauthenticated, "no client certificate")
	}
	id, err := a.registry.Verify(tls.State, mtls.AsClient)
	if err != nil {
		return "", a.refusal(ctx, err)
	}
	return id.URI, nil
}

// RightOf returns the right that an RPC names in its proto option; unspecified, which
// nobody holds, if it names none.
func RightOf(method string) exchangev1.Right {
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", "."))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return exchangev1.Right_RIGHT_UNSPECIFIED
	}
	return proto.GetExtension(d.Options(), exchangev1.E_Right).(exchangev1.Right)
}

// CallTimeout bounds a call that brings no deadline of its own.
const CallTimeout = time.Minute

func (a *access) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, err := a.admit(ss.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return handler(srv, admitted{ss, ctx})
}

// admitted is a stream with its caller.
type admitted struct {
	grpc.ServerStream
	ctx context.Context
}

func (s admitted) Context() context.Context { return s.ctx }
