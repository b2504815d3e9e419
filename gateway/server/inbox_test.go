package server

import (
	"strings"
	"testing"

	"customs.example/gateway"
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
		{gateway.Fault{Code: gateway.MapDerived, Value: secret, Expected: secret}, withheld},
		{gateway.Fault{Code: gateway.JoinDisagree, Value: secret, Expected: secret}, withheld},
		{gateway.Fault{Code: gateway.ListLookAlike, Value: secret, Expected: secret}, withheld},
		{gateway.Fault{Code: gateway.MapType, Value: secret, Expected: `"` + secret + `": want a number`}, withheld},
		{gateway.Fault{Code: gateway.XSDOther, Value: secret, Expected: "libxml2 1: " + secret}, withheld},
		{gateway.Fault{Code: "OF_TOMORROW", Value: secret, Expected: secret}, withheld},
		{gateway.Fault{Code: gateway.MapDerived, Value: secret}, ""},
		{gateway.Fault{Code: gateway.MapRequired, Expected: "d:Name"}, "d:Name"},
		{gateway.Fault{Code: gateway.ListUnknown, Value: secret, Expected: "country"}, "country"},
		{gateway.Fault{Code: "RULE_1", Value: secret, Expected: "a name", Texts: rule}, "a name"},
	} {
		shown := presentInbound(t.Context(), withoutPayload(store.Inbound{State: gateway.Refused, Faults: gateway.Faults{tt.fault}})).Faults[0]
		if shown.Expected != tt.want || strings.Contains(shown.String(), secret) {
			t.Errorf("%s shows %v, want expected %q", tt.fault.Code, shown, tt.want)
		}
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
		if got := hindmost(ms); got != tt.want {
			t.Errorf("of %v number %d is shown, want %d", tt.states, got, tt.want)
		}
	}
}
