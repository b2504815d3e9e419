package server

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
	"unicode"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/budget"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// statusCodes are the fault codes that are no InvalidArgument.
var statusCodes = map[gateway.Code]codes.Code{
	gateway.NotFound:         codes.NotFound,
	gateway.IDReuse:          codes.AlreadyExists,
	gateway.AlreadyAnnounced: codes.AlreadyExists, gateway.AnnouncedElsewhere: codes.AlreadyExists,
	gateway.IDOfSeveral: codes.FailedPrecondition, gateway.MessageOfSeveral: codes.FailedPrecondition,
	gateway.NotHeld:            codes.FailedPrecondition,
	gateway.ApprovalNotAwaited: codes.FailedPrecondition, gateway.ApprovalOwn: codes.PermissionDenied,
	gateway.RulingNotAwaited: codes.FailedPrecondition,
	gateway.DepartureOffice:  codes.FailedPrecondition, gateway.DepartureArrived: codes.FailedPrecondition,
	gateway.SubscriptionOther: codes.AlreadyExists, gateway.SubscriptionEnded: codes.FailedPrecondition,
	gateway.SubscriptionsTooMany: codes.ResourceExhausted, gateway.FetchedTooMany: codes.ResourceExhausted,
	gateway.LeaseLost: codes.FailedPrecondition, gateway.LeaseOver: codes.FailedPrecondition,
	gateway.BalanceTheirs: codes.FailedPrecondition,
	gateway.ReceiptPlain:  codes.FailedPrecondition, gateway.FetchedEnded: codes.FailedPrecondition,
	gateway.NotParked:   codes.FailedPrecondition,
	gateway.OutboxEnded: codes.FailedPrecondition, gateway.NotDead: codes.FailedPrecondition, gateway.Superseded: codes.FailedPrecondition,
	gateway.SettlementNone: codes.FailedPrecondition, gateway.SettlementOwn: codes.PermissionDenied,
	gateway.RepairHandedOver: codes.FailedPrecondition, gateway.RepairContent: codes.FailedPrecondition, gateway.RepairChange: codes.FailedPrecondition,
	gateway.TraceDiffers: codes.FailedPrecondition, gateway.ReadAgainDiffers: codes.FailedPrecondition,
	gateway.TableMissing:  codes.FailedPrecondition,
	gateway.ConfigMissing: codes.FailedPrecondition, gateway.ConfigFileMissing: codes.FailedPrecondition,
	gateway.ConfigUnreadable: codes.FailedPrecondition, gateway.ConfigFileForm: codes.FailedPrecondition,
	gateway.AttachmentOffset: codes.OutOfRange, gateway.AttachmentsUnnamed: codes.ResourceExhausted,
	gateway.AttachmentGone: codes.FailedPrecondition, gateway.DocumentErased: codes.FailedPrecondition, gateway.AttachmentComing: codes.FailedPrecondition,
	gateway.NotOwnOffice:  codes.PermissionDenied,
	gateway.CallerUnknown: codes.PermissionDenied,
	gateway.RightMissing:  codes.PermissionDenied,
	gateway.SenderWrong:   codes.PermissionDenied,
	// The key may be on its way: nothing is decided about the message.
	gateway.SealKeyUnknown:     codes.Unavailable,
	gateway.SealKeyParty:       codes.PermissionDenied,
	gateway.SealKeyExpired:     codes.PermissionDenied,
	gateway.SealKeyCompromised: codes.PermissionDenied,
	gateway.SealSignature:      codes.PermissionDenied,
	gateway.SealPayload:        codes.PermissionDenied,
	gateway.Internal:           codes.Internal,
	gateway.NotAvailable:       codes.Unavailable,
	gateway.GatewayBusy:        codes.ResourceExhausted,
	gateway.StorageShort:       codes.ResourceExhausted,
	gateway.SearchTooOften:     codes.ResourceExhausted,
	gateway.BodySlow:           codes.DeadlineExceeded,
	gateway.JudgementPending:   codes.Unavailable,
	gateway.DuplicatePending:   codes.Unavailable,
	gateway.BalancePending:     codes.Unavailable,
	gateway.JudgementParked:    codes.FailedPrecondition,
}

// When it makes sense to ask again: whether there is room on the disk, whether the store
// answers, and for a verdict that has not been reached.
const (
	StorageRetry = time.Minute
	StoreRetry   = 5 * time.Second
	SearchRetry  = 10 * time.Minute
	// AttachmentRetry is for who has handed in more than submissions name.
	AttachmentRetry = time.Minute
)

var retries = map[gateway.Code]time.Duration{
	gateway.DuplicatePending: StoreRetry, // unless it says when
	gateway.BalancePending:   StoreRetry,
	gateway.StorageShort:     StorageRetry, gateway.NotAvailable: StoreRetry, gateway.JudgementPending: StoreRetry,
	gateway.SearchTooOften: SearchRetry, gateway.FetchedTooMany: flow.DefaultLease,
	gateway.AttachmentComing: StoreRetry, gateway.AttachmentsUnnamed: AttachmentRetry,
}

// retry is when it makes sense to ask again after a refusal; zero: it makes none.
func (s *Server) retry(f gateway.Fault) time.Duration {
	if f.Code == gateway.DuplicatePending {
		if at, err := time.Parse(time.RFC3339, f.Expected.String()); err == nil {
			return max(at.Sub(s.flow.Now()), time.Second)
		}
	}
	return retries[f.Code]
}

// refused is a status that a call ends with, and the codes of its faults for who tells of it.
type refused struct {
	*status.Status
	codes []gateway.Code
	told  bool // an event tells of it already
}

func (r *refused) Error() string              { return r.Err().Error() }
func (r *refused) GRPCStatus() *status.Status { return r.Status }

// refusal turns an error into a status whose details are every fault, in the caller's
// language. What is not a fault is ours: its cause stays in the log.
func (s *Server) refusal(ctx context.Context, err error, details ...protoadapt.MessageV1) error {
	return s.refusalIn(ctx, language(ctx), err, details...)
}

func (s *Server) refusalIn(ctx context.Context, lang string, err error, details ...protoadapt.MessageV1) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &refused{Status: status.FromContextError(ctx.Err()), told: true}
	}
	var faults gateway.Faults
	var one gateway.Fault
	var full *budget.ExhaustedError
	told := event.WasLogged(err)
	ours := func(name event.Name, code gateway.Code) {
		if n, tell := s.repeated.count(string(name) + gateway.Clip(err.Error())); tell {
			s.log.Tell(callOf(ctx).attributed(event.Event{Name: name, Cause: err, Repeated: n}))
		}
		faults, told = gateway.Faults{{Code: code, Severity: gateway.Error}}, true
	}
	switch {
	case errors.As(err, &full):
		faults = gateway.Faults{{Code: gateway.GatewayBusy, Severity: gateway.Error, Value: full.After.String()}}
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(full.After)}))
	case errors.Is(err, store.ErrNotFound):
		faults = gateway.Faults{{Code: gateway.NotFound, Severity: gateway.Error, Found: gateway.Say(gateway.WordThatID)}}
	case errors.As(err, &faults):
	case errors.As(err, &one):
		faults = gateway.Faults{one}
	case store.Unavailable(err):
		ours(event.StoreUnavailable, gateway.NotAvailable)
	default:
		ours(event.InternalError, gateway.Internal)
	}
	if wait := s.retry(faults[0]); wait > 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}))
	}
	st := status.New(statusCode(faults[0].Code), string(faults[0].Code)+": "+faults[0].Text(lang))
	for _, f := range presentFaults(faults, lang) {
		details = append(details, protoadapt.MessageV1Of(f))
	}
	if full, derr := st.WithDetails(details...); derr == nil {
		st = full
	} else {
		s.log.Tell(callOf(ctx).attributed(event.Event{Name: event.InternalError, Cause: derr}))
	}
	return &refused{st, event.CodesOf(faults), told}
}

// statusCode is what a fault is to the protocol. Whoever shows a certificate that is not
// good is nobody.
func statusCode(code gateway.Code) codes.Code {
	if c, ok := statusCodes[code]; ok {
		return c
	}
	if strings.HasPrefix(string(code), "TLS_") {
		return codes.Unauthenticated
	}
	return codes.InvalidArgument
}

// Refuses reports whether an error refuses what was asked for good: the same again gets the same.
func Refuses(err error) bool {
	var faults gateway.Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		return false
	}
	switch statusCode(faults[0].Code) {
	case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Internal:
		return false
	}
	return true
}

// call is one call at a door. Its caller is known once it is admitted, or refused by name.
type call struct{ method, caller string }

func (c *call) attributed(e event.Event) event.Event {
	if c != nil {
		e.Method, e.Caller = c.method, c.caller
	}
	return e
}

type callKey struct{}

// callOf returns the call that a context is of; nil if it is of none.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// stream tells of a call that is refused, and keeps one that breaks off in the middle of
// the code from ending the process, and with it all other calls.
func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	ctx := context.WithValue(ss.Context(), callKey{}, &call{method: info.FullMethod})
	defer func() {
		if p := recover(); p != nil {
			err = s.broken(ctx, p)
		}
		s.tellRefused(ctx, err)
	}()
	return handler(srv, admitted{ss, ctx})
}

// tellRefused tells of a call that ended with a refusal that nothing else tells of. A
// stream that its caller left is none.
func (s *Server) tellRefused(ctx context.Context, err error) {
	var r *refused
	if err == nil || errors.As(err, &r) && r.told || ctx.Err() != nil {
		return
	}
	record := event.Event{Name: event.CallRefused}
	if r != nil && len(r.codes) > 0 {
		record.Code, record.Codes = r.codes[0], r.codes[1:]
	} else {
		record.Code = protocolCode(status.Code(err))
	}
	record = callOf(ctx).attributed(record)
	if status.Code(err) == codes.ResourceExhausted { // whoever asks too much decides how often
		n, tell := s.repeated.count(string(record.Name) + record.Caller + string(record.Code))
		if !tell {
			return
		}
		record.Repeated = n
	}
	s.log.Tell(record)
}

// protocolCode is the code of a refusal that has no fault of ours: the protocol's own name,
// as UNIMPLEMENTED.
func protocolCode(c codes.Code) gateway.Code {
	var b strings.Builder
	for i, r := range c.String() {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return gateway.Code(b.String())
}

// broken tells what a call broke off with. It may quote a document: only its kind is told.
func (s *Server) broken(ctx context.Context, p any) error {
	s.log.Tell(callOf(ctx).attributed(event.Event{Name: event.CallBroke, Cause: fmt.Errorf("%T", p), Stack: string(debug.Stack())}))
	return s.refusal(ctx, event.Logged(gateway.Fault{Code: gateway.Internal, Severity: gateway.Error}))
}

// language is the catalogue's language for the call's accept-language.
func language(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, key := range []string{"accept-language", "grpcgateway-accept-language"} {
		if v := md.Get(key); len(v) > 0 {
			return gateway.Language(v[0])
		}
	}
	return "en"
}

func presentFaults(faults gateway.Faults, lang string) []*exchangev1.Fault {
	out := make([]*exchangev1.Fault, len(faults))
	for i, r := range faults.Report(lang) {
		out[i] = &exchangev1.Fault{
			Code: string(r.Code), Severity: string(r.Severity), Path: r.Path, Location: r.Location, Value: r.Value,
			Expected: r.Expected, Message: r.Message, Line: int32(r.Line), Namespaces: r.Namespaces, Document: r.Document,
			Place: r.Place, Label: r.Label, Remedy: string(r.Remedy), Found: r.Found,
		}
	}
	return out
}
