package server

import (
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
