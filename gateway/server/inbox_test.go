package server

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

func TestOperatorSeesNoValueOfADocument(t *testing.T) {
	faults := gateway.Faults{{Code: gateway.XSDLength, Severity: gateway.Error, Value: "Иванов"}, {Code: gateway.MapRequired, Severity: gateway.Error}}
	got := withoutPayload(store.Inbound{State: gateway.Refused, Faults: faults})
	if got.Faults[0].Value != withheld || got.Faults[1].Value != "" || faults[0].Value != "Иванов" {
		t.Errorf("a refused message shows %+v, and its own faults are %+v", got.Faults, faults)
	}
	// What names the format is what the operator has to install.
	if got := withoutPayload(store.Inbound{State: gateway.Parked, Faults: faults[:1]}); got.Faults[0].Value != "Иванов" {
		t.Errorf("a parked message shows %+v", got.Faults)
	}
}

func TestOperatorSeesWhatWasExpectedOnlyWhereItIsNoValue(t *testing.T) {
	const secret = "Иванов"
	rule := map[string]string{"en": "{value} is not {expected}"}
	for _, tt := range []struct {
		fault gateway.Fault
		want  string
	}{
		{gateway.Fault{Code: gateway.MapDerived, Value: secret, Expected: gateway.Term(secret)}, withheld},
		{gateway.Fault{Code: gateway.JoinDisagree, Value: secret, Expected: gateway.Term(secret)}, withheld},
		{gateway.Fault{Code: gateway.ListLookAlike, Value: secret, Expected: gateway.Term(secret)}, withheld},
		{gateway.Fault{Code: gateway.MapType, Value: secret, Expected: gateway.Say(gateway.WordWithout, secret)}, "a text without " + withheld},
		{gateway.Fault{Code: gateway.TLSUsage, Found: gateway.Term(secret)}, ""},
		{gateway.Fault{Code: gateway.MapType, Value: secret, Place: gateway.Place{Steps: []gateway.PlaceStep{{Word: "place.vehicle", Key: secret}}}}, ""},
		{gateway.Fault{Code: "OF_TOMORROW", Value: secret, Expected: gateway.Term(secret)}, withheld},
		{gateway.Fault{Code: gateway.MapDerived, Value: secret}, ""},
		{gateway.Fault{Code: gateway.MapRequired, Expected: gateway.Term("d:Name")}, "d:Name"},
		{gateway.Fault{Code: gateway.ListUnknown, Value: secret, Expected: gateway.Term("country")}, "country"},
		{gateway.Fault{Code: "RULE_1", Value: secret, Expected: gateway.Phrase{Texts: map[string]string{"en": "a name"}}, Texts: rule}, "a name"},
	} {
		shown := presentInbound(t.Context(), withoutPayload(store.Inbound{State: gateway.Refused, Faults: gateway.Faults{tt.fault}})).Faults[0]
		if shown.Expected != tt.want || strings.Contains(shown.String(), secret) {
			t.Errorf("%s shows %v, want expected %q", tt.fault.Code, shown, tt.want)
		}
	}
}

func TestDecodeAnswersWithWhatWasJudgedBesideWhatFailed(t *testing.T) {
	var log strings.Builder
	s := inbox{Server: &Server{log: event.NewLog(slog.New(slog.NewTextHandler(&log, nil)))}}
	msgs := []store.Inbound{
		{ID: "m-1", State: gateway.Parked, Faults: gateway.Faults{{Code: gateway.Internal, Severity: gateway.Error}}},
		{ID: "m-2", State: gateway.Accepted},
	}
	got, err := s.decoded(t.Context(), flow.Decoded{Messages: msgs}, errors.New("decode message m-1: disk I/O error"))
	if err != nil || len(got.GetMessages()) != 2 || got.Messages[0].Faults[0].Code != string(gateway.Internal) || got.Messages[1].State != "accepted" {
		t.Errorf("got %v, %v", got, err)
	}
	if strings.Contains(got.String(), "disk") || !strings.Contains(log.String(), "m-1: disk I/O error") {
		t.Errorf("the cause belongs into the log alone: %v, %s", got, log.String())
	}
	if got, err := s.decoded(t.Context(), flow.Decoded{}, gateway.Faults{{Code: gateway.NotParked, Severity: gateway.Error}}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("nothing was judged, and the answer is %v, %v", got, err)
	}
}

func TestNoWholeLooksAcceptedThatIsNot(t *testing.T) {
	for _, tt := range []struct {
		states []gateway.MessageState
		want   int
	}{
		{[]gateway.MessageState{gateway.Accepted}, 0},
		{[]gateway.MessageState{gateway.Accepted, gateway.Accepted}, 0},
		{[]gateway.MessageState{gateway.Accepted, gateway.Sending, gateway.Queued}, 1},
		{[]gateway.MessageState{gateway.Queued, gateway.Dead, gateway.Accepted}, 1},
		{[]gateway.MessageState{gateway.Dead, gateway.Accepted, gateway.Refused}, 2},
	} {
		var ms []store.Message
		for _, s := range tt.states {
			ms = append(ms, store.Message{State: s})
		}
		if got := leastAdvanced(ms); got != tt.want {
			t.Errorf("of %v number %d is shown, want %d", tt.states, got, tt.want)
		}
	}
}
