package server

import (
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
)

// TestMovementIsSeenByItsOfficesHoweverTheyAreWritten, and by no other administration's
// office of the same digits.
func TestMovementIsSeenByItsOfficesHoweverTheyAreWritten(t *testing.T) {
	for _, tt := range []struct {
		own            gateway.Administration
		office         string
		administration string
		code           string
		sees           bool
	}{
		{"KZ", "39899001", "KZ", "39899001", true},
		{"KZ", "39899001", "", "99001", true},
		{"KZ", "99001", "KZ", "39899001", true},
		{"CN", "0603", "CN", "0603", true},
		{"CN", "0603", "", "0603", true},
		{"CN", "0603", "MN", "0603", false},
		{"KZ", "99001", "KG", "41799001", false},
		{"KZ", "19110", "", "10719110", false},
		{"KZ", "39899002", "KZ", "39899001", false},
	} {
		s := movements{Server: &Server{flow: &flow.Gateway{Options: flow.Options{Own: tt.own}}}}
		m := flow.Movement{Movement: reconcile.Movement{Announced: []reconcile.Record{{
			Facts: reconcile.Facts{Route: []reconcile.RouteOffice{{Role: reconcile.DestinationOffice, Administration: tt.administration, Code: tt.code}}},
		}}}}
		if got := s.visible(Caller{Role: Post, Offices: []string{"1", tt.office}}, m); got != tt.sees {
			t.Errorf("office %s of %s on a movement by %s %q: seen %v, want %v", tt.office, tt.own, tt.code, tt.administration, got, tt.sees)
		}
	}
}
