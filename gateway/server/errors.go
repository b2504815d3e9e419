package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

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
	"customs.example/gateway/store"
)

// statusCodes are the fault codes that are no InvalidArgument.
var statusCodes = map[gateway.Code]codes.Code{
	gateway.NotFound:         codes.NotFound,
	gateway.IDReuse:          codes.AlreadyExists,
	gateway.AlreadyAnnounced: codes.AlreadyExists,
	gateway.IDOfSeveral:      codes.FailedPrecondition,
	gateway.NotHeld:          codes.FailedPrecondition,
	gateway.NotParked:        codes.FailedPrecondition,
	gateway.TraceDiffers:     codes.FailedPrecondition,
	gateway.TableMissing:     codes.FailedPrecondition,
	gateway.NotOwnOffice:     codes.PermissionDenied,
	gateway.SenderWrong:      codes.PermissionDenied,
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
	gateway.BodySlow:           codes.DeadlineExceeded,
	gateway.JudgementPending:   codes.Unavailable,
	gateway.JudgementParked:    codes.FailedPrecondition,
}

// StorageRetry is when it makes sense to ask again whether there is room on the disk.
const StorageRetry = time.Minute

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
		return status.FromContextError(ctx.Err()).Err()
	}
	var faults gateway.Faults
	var one gateway.Fault
	var full *budget.ExhaustedError
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
		s.repeated.error(s.log, "the store is not available", err)
		faults = gateway.Faults{{Code: gateway.NotAvailable, Severity: gateway.Error}}
	default:
		s.repeated.error(s.log, "internal error", err)
		faults = gateway.Faults{{Code: gateway.Internal, Severity: gateway.Error}}
	}
	if faults[0].Code == gateway.StorageShort {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(StorageRetry)}))
	}
	code, ok := statusCodes[faults[0].Code]
	if !ok {
		code = codes.InvalidArgument
	}
	st := status.New(code, string(faults[0].Code)+": "+faults[0].Text(lang))
	for _, f := range presentFaults(faults, lang) {
		details = append(details, protoadapt.MessageV1Of(f))
	}
	withDetails, derr := st.WithDetails(details...)
	if derr != nil {
		s.log.Error("status details", slog.Any("error", derr))
		return st.Err()
	}
	return withDetails.Err()
}

// stream keeps a call that breaks off in the middle of the code from ending the process,
// and with it all other calls.
func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.broken(ss.Context(), info.FullMethod, p)
		}
	}()
	return handler(srv, ss)
}

// broken logs what a call broke off with. It may quote a document: only its kind is logged.
func (s *Server) broken(ctx context.Context, method string, p any) error {
	s.log.Error("panic in a call", "method", method, "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	return s.refusal(ctx, gateway.Fault{Code: gateway.Internal, Severity: gateway.Error})
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
