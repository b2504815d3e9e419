package main

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/spool"
)

// oneSubmission answers with one submission, or with an error.
type oneSubmission struct {
	exchangev1.SubmissionServiceClient
	is  *exchangev1.Submission
	err error
}

func (o oneSubmission) Get(context.Context, *exchangev1.GetSubmissionRequest, ...grpc.CallOption) (*exchangev1.Submission, error) {
	return o.is, o.err
}

// What is to be handled on paper waits for its message, and no longer than for a submission that may become one.
func TestPaperOfWhatBecomesNoMessage(t *testing.T) {
	for _, tt := range []struct {
		state gateway.SubmissionState
		waits bool
	}{{gateway.Held, true}, {gateway.Expired, false}, {gateway.Withdrawn, false}} {
		door := spoolDoor{&session{lang: "en", submissions: oneSubmission{is: &exchangev1.Submission{SubmissionId: "S", Batch: "B", State: string(tt.state)}}}}
		err := door.Paper(t.Context(), "S", "17", "no line")
		if err == nil || errors.As(err, new(*spool.Temporary)) != tt.waits {
			t.Errorf("%s: %v", tt.state, err)
		}
	}
}

func TestWhatTheGatewayDoesNotKnow(t *testing.T) {
	door := spoolDoor{&session{lang: "en", submissions: oneSubmission{err: status.Error(codes.NotFound, "none")}}}
	if _, err := door.Status(t.Context(), "S"); !errors.Is(err, spool.ErrUnknown) {
		t.Errorf("it says %v", err)
	}
}
