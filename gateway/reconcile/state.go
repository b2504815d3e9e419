package reconcile

import (
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// State is where a movement stands, as its records tell.
type State string

// The states of a movement. It ends as arrived, taken back, or not accepted; in all others
// something is waited for.
const (
	StateAnnounced           State = "announced"            // and expected
	StateDeparted            State = "departed"             // announced, and left the office of exit
	StateDepartedUnannounced State = "departed unannounced" // left, and the partner knows nothing of it
	StateWithdrawalAsked     State = "withdrawal asked"     // of all or some of it
	StateTakenBack           State = "taken back"           // nothing of it counts any more
	StateNotAccepted         State = "not accepted"         // the partner refused it, or never had it
	StateArrived             State = "arrived"              // all of it
	StatePartlyArrived       State = "partly arrived"       // and more is to come
	StateArrivedUnannounced  State = "arrived unannounced"  // nothing that counts told of it
)

// State is where the movement stands.
func (m Movement) State() State {
	withdrawal := m.Withdrawal()
	stands := len(m.Counting()) > 0
	switch {
	case len(m.Arrivals) > 0 && !stands:
		return StateArrivedUnannounced
	case len(m.Arrivals) > 0 && !m.Complete():
		return StatePartlyArrived
	case len(m.Arrivals) > 0:
		return StateArrived
	case withdrawal == gateway.WithdrawalAsked:
		return StateWithdrawalAsked
	case withdrawal == gateway.WithdrawalDone:
		return StateTakenBack
	case len(m.Departures) > 0 && !stands:
		return StateDepartedUnannounced
	case len(m.Announced) > 0 && !stands:
		return StateNotAccepted
	case len(m.Departures) > 0:
		return StateDeparted
	}
	return StateAnnounced
}

// Since is when the movement came to what it waits in, or is to end it: the expected arrival of
// what was announced, the last departure or arrival, and when a withdrawal was asked.
func (m Movement) Since() time.Time {
	last := func(rs []Record, at func(Record) time.Time) (t time.Time) {
		for _, r := range rs {
			if at(r).After(t) {
				t = at(r)
			}
		}
		return t
	}
	switch m.State() {
	case StateWithdrawalAsked:
		asked := slices.DeleteFunc(slices.Clone(m.Announced), func(r Record) bool { return r.Asks != gateway.WithdrawalAsked })
		return last(asked, func(r Record) time.Time { return r.Received })
	case StatePartlyArrived, StateArrivedUnannounced, StateArrived:
		return last(m.Arrivals, Record.when)
	case StateDepartedUnannounced:
		return last(m.Departures, Record.when)
	}
	return last(m.counting(m.Announced), Record.due)
}

// Incoming reports whether a partner announced it.
func (m Movement) Incoming() bool {
	return slices.ContainsFunc(m.Announced, func(r Record) bool { return r.Sender != "" })
}

// DepartedWith reports when the movement left with one of the vehicles of a document, or, where
// that names none, at all.
func (m Movement) DepartedWith(d *customsv1.Document) (time.Time, bool) {
	return m.departedWith(record(d, Origin{}))
}

// Departed reports whether m left with one of the vehicles of what one of its messages announces,
// as its record has it.
func (m Movement) Departed(message gateway.MessageID, sender gateway.Administration) bool {
	for _, r := range m.Announced {
		if r.sameMessage(Record{Message: message, Sender: sender}) {
			_, left := m.departedWith(r)
			return left
		}
	}
	return false
}

func (m Movement) departedWith(r Record) (time.Time, bool) {
	for _, o := range slices.Backward(m.Departures) {
		if len(r.Facts.Vehicles) == 0 || len(o.Facts.Vehicles) == 0 || o.sharesVehicle(r) {
			return o.At, true
		}
	}
	return time.Time{}, false
}

// ArrivedBefore reports whether the movement had arrived with one of the vehicles of a document
// by an instant.
func (m Movement) ArrivedBefore(d *customsv1.Document, at time.Time) bool {
	r := record(d, Origin{})
	return slices.ContainsFunc(m.counting(m.Arrivals), func(o Record) bool {
		return !o.when().After(at) && (len(r.Facts.Vehicles) == 0 || o.sharesVehicle(r))
	})
}
