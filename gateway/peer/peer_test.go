package peer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/event"
)

// TestWhatAPartnerAnswersIsLoggedByItsCodes: its sentences may quote the document, and what it
// gives for a code may be anything. What our own transport says is told in full.
func TestWhatAPartnerAnswersIsLoggedByItsCodes(t *testing.T) {
	st, err := status.New(codes.InvalidArgument, "MAP_TYPE: 值 Иванов").WithDetails(
		protoadapt.MessageV1Of(&exchangev1.Fault{Code: "MAP_TYPE", Value: "Иванов", Message: "Иванов is no number"}),
		protoadapt.MessageV1Of(&exchangev1.Fault{Code: "EAEU-0208"}),
		protoadapt.MessageV1Of(&exchangev1.Fault{Code: "Иванов"}),
		protoadapt.MessageV1Of(&exchangev1.Fault{Code: strings.Repeat("A", 1000)}),
	)
	if err != nil {
		t.Fatal(err)
	}
	failed := fmt.Errorf("attempt: %w", &answeredError{st.Err()})
	if got, want := event.Cause(failed), "deliver: the partner answers InvalidArgument MAP_TYPE EAEU-0208"; got != want {
		t.Errorf("logged as %q, want %q", got, want)
	}
	if !strings.Contains(failed.Error(), "Иванов") || status.Code(errors.Unwrap(failed)) != codes.InvalidArgument {
		t.Errorf("its sender is told %v", failed)
	}
	dial := &NotSentError{errors.New(`dial "127.0.0.1:1": connection refused`)}
	if got := event.Cause(dial); got != dial.Error() {
		t.Errorf("the transport's word is logged as %q", got)
	}
}
