package server

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	"customs.example/gateway/event"
)

// TestTheStatusSaysWhatTheCallerCanDo: try again, or not.
func TestTheStatusSaysWhatTheCallerCanDo(t *testing.T) {
	s := &Server{repeated: repeated{now: time.Now}}
	for code, want := range map[gateway.Code]codes.Code{
		gateway.JudgementPending: codes.Unavailable,
		gateway.DuplicatePending: codes.Unavailable,
		gateway.JudgementParked:  codes.FailedPrecondition,
		gateway.NotAvailable:     codes.Unavailable,
		gateway.SealKeyUnknown:   codes.Unavailable,
		gateway.SealSignature:    codes.PermissionDenied,
		gateway.SealPayload:      codes.PermissionDenied,
		gateway.IDReuse:          codes.AlreadyExists,
		gateway.IDOfSeveral:      codes.FailedPrecondition,
		gateway.XMLMalformed:     codes.InvalidArgument,
		gateway.StorageShort:     codes.ResourceExhausted,
		gateway.BodySlow:         codes.DeadlineExceeded,
	} {
		err := s.refusal(t.Context(), gateway.Faults{{Code: code, Severity: gateway.Error, Value: "v"}})
		if status.Code(err) != want || !strings.HasPrefix(status.Convert(err).Message(), string(code)+": ") {
			t.Errorf("%s is %v, want %v", code, err, want)
		}
		later := slices.ContainsFunc(status.Convert(err).Details(), func(d any) bool { _, ok := d.(*errdetails.RetryInfo); return ok })
		if wait, known := retries[code]; later != known || known && wait < time.Second {
			t.Errorf("%s says when to ask again: %v", code, later)
		}
	}
	if err := s.refusal(t.Context(), errors.New("anything")); status.Code(err) != codes.Internal {
		t.Errorf("what is not known is %v", err)
	}
}

// TestACallThatPanicsEndsNoOther: the caller gets INTERNAL, and the log no text of a
// document.
func TestACallThatPanicsEndsNoOther(t *testing.T) {
	var log strings.Builder
	s := &Server{log: event.NewLog(slog.New(slog.NewTextHandler(&log, nil))), repeated: repeated{now: time.Now}}
	err := s.stream(nil, admitted{ctx: t.Context()}, &grpc.StreamServerInfo{FullMethod: "/x/Y"}, func(any, grpc.ServerStream) error { panic("Иванов") })
	if status.Code(err) != codes.Internal {
		t.Errorf("a call is answered %v", err)
	}
	err = s.stream(nil, admitted{ctx: t.Context()}, &grpc.StreamServerInfo{FullMethod: "/x/Z"}, func(any, grpc.ServerStream) error { panic(errors.New("Иванов")) })
	if status.Code(err) != codes.Internal {
		t.Errorf("a stream is answered %v", err)
	}
	if said := log.String(); strings.Contains(said, "Иванов") || strings.Count(said, "call broke off") != 2 || !strings.Contains(said, "/x/Y") {
		t.Errorf("the log says %s", said)
	}
}

// TestTheSameErrorIsLoggedOnceAndCounted: callers decide how often it happens.
func TestTheSameErrorIsLoggedOnceAndCounted(t *testing.T) {
	var log strings.Builder
	at := time.Unix(0, 0)
	s := &Server{log: event.NewLog(slog.New(slog.NewTextHandler(&log, nil))), repeated: repeated{now: func() time.Time { return at }}}
	for range 5000 {
		_ = s.refusal(t.Context(), errors.New("disk is full"))
		at = at.Add(20 * time.Millisecond)
	}
	if said := log.String(); strings.Count(said, "internal error") != 2 || !strings.Contains(said, "repeated=3000") {
		t.Errorf("in 100 seconds the log says\n%s", said)
	}
	log.Reset()
	for i := range 5000 {
		_ = s.refusal(t.Context(), fmt.Errorf("error %d", i))
	}
	if n := strings.Count(log.String(), "internal error"); n > maxRepeated+1 || len(s.repeated.seen) > maxRepeated+1 {
		t.Errorf("5,000 different errors: %d lines", n)
	}
}
