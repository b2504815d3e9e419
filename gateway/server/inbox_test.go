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
