package reconcile

import (
	"slices"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// State is where a movement stands, as its records tell.
type State string

// The states of a movement. It ends as arrived, handled on paper, taken back, or not accepted; as
// filed or controlled it waits for nothing, for nobody owes a notice of that, and so as transit: each transit has
// its own time. In all others something is waited for.
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
	StateOnPaper             State = "handled on paper"     // all that announces it, and nothing of it was seen
	StateFiled               State = "filed"                // by a carrier, and no administration has announced it
	StateTransit             State = "transit only"         // offices told of its transit, and nothing else is known
	StateControlled          State = "controlled"           // and nothing else is known of it
)

// State is where the movement stands.
func (m Movement) State() State {
	withdrawal := m.Withdrawal()
	stands, come := len(m.Counting()) > 0, m.HasArrived()
	switch {
	case m.untold() && len(m.CountingFilings()) > 0:
		return StateFiled
	case m.untold() && len(m.Controls()) > 0:
		return StateControlled
	case m.untold() && len(m.Filings)+len(m.Inspections) > 0:
		return StateTakenBack
	case len(m.TransitEvents) > 0 && len(m.Announced)+len(m.Departures)+len(m.Arrivals) == 0:
		return StateTransit
	case come && !stands:
		return StateArrivedUnannounced
	case come && !m.Complete() && !m.OnPaper(): // else the rest is no more waited for
		return StatePartlyArrived
	case come:
		return StateArrived
	case withdrawal == gateway.WithdrawalAsked:
		return StateWithdrawalAsked
	case withdrawal == gateway.WithdrawalDone:
		return StateTakenBack
	case m.OnPaper():
		return StateOnPaper
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
		return last(m.counting(m.Arrivals), Record.when)
	case StateDepartedUnannounced:
		return last(m.Departures, Record.when)
	case StateFiled:
		return last(m.CountingFilings(), Record.due)
	case StateTransit:
		return last(m.TransitEvents, Record.when)
	case StateControlled:
		return last(m.Controls(), Record.when)
	}
	return last(m.counting(m.Announced), Record.due)
}

// HasArrived reports whether anything of the movement has arrived: an arrival that was taken back is
// none.
func (m Movement) HasArrived() bool { return len(m.Comparisons) > 0 }

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

// Leaves is when what was announced last leaves, as the documents that announce it say; zero where
// none says it.
func (m Movement) Leaves() (last time.Time) {
	for _, r := range m.Announced {
		if r.Leaves.After(last) {
			last = r.Leaves
		}
	}
	return last
}

// Left is when the movement left, by an instant: as a departure was recorded, or else as the documents
// that announced it say; zero if it has not.
func (m Movement) Left(by time.Time) (last time.Time) {
	for _, r := range m.Departures {
		if r.At.After(last) {
			last = r.At
		}
	}
	if !last.IsZero() {
		return last
	}
	if at := m.Leaves(); !at.After(by) {
		return at
	}
	return time.Time{}
}

// Expected is when the last of what is announced is expected to arrive; zero where nobody says it.
func (m Movement) Expected() (last time.Time) {
	for _, r := range m.counting(m.Announced) {
		if r.Expected.After(last) {
			last = r.Expected
		}
	}
	return last
}

// Differs reports whether the last comparison of an arrival differs, that of a filing which stands, or what
// became of a transit.
func (m Movement) Differs() bool {
	return len(m.Comparisons) > 0 && m.Comparisons[len(m.Comparisons)-1].Result == Differs ||
		slices.ContainsFunc(m.Filed, func(c FilingComparison) bool { return c.Result == Differs }) ||
		slices.ContainsFunc(m.Transits(), func(t Transit) bool { return len(t.Discrepancies) > 0 })
}

// Kinds are the kinds of document that tell of the movement, each once.
func (m Movement) Kinds() (kinds []string) {
	for _, r := range m.records() {
		if !slices.Contains(kinds, r.Kind) {
			kinds = append(kinds, r.Kind)
		}
	}
	return kinds
}
