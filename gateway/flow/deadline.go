package flow

import (
	"context"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// Patience is how long a movement is waited for in a state, from the time that the state
// speaks of: the expected arrival, the departure, the first arrival, the day that a withdrawal
// was asked. When it is over, a person is told; nothing else changes. A state that waits for
// nothing is not here, and what has left is waited for where it enters, by the partner.
var Patience = map[reconcile.State]time.Duration{
	reconcile.StateAnnounced:           12 * time.Hour,
	reconcile.StateDepartedUnannounced: 2 * time.Hour,
	reconcile.StateWithdrawalAsked:     24 * time.Hour,
	reconcile.StatePartlyArrived:       24 * time.Hour,
	reconcile.StateArrivedUnannounced:  24 * time.Hour,
}

// remarks are what is said of a movement whose wait in a state is over, each with the person who
// is to look into it.
var remarks = map[reconcile.State]gateway.Code{
	reconcile.StateAnnounced:           gateway.OverdueArrival,
	reconcile.StateDepartedUnannounced: gateway.OverdueAnnouncement,
	reconcile.StateWithdrawalAsked:     gateway.OverdueWithdrawal,
	reconcile.StatePartlyArrived:       gateway.OverdueRest,
	reconcile.StateArrivedUnannounced:  gateway.OverdueInquiry,
}

// Overdue is a wait that was over before the movement's state ended.
type Overdue struct {
	State reconcile.State `json:"state"`
	Due   time.Time       `json:"due"`
	Told  time.Time       `json:"told"`
}

// Due is when the movement's wait in its state is over; zero if it waits for nothing, or that
// is over.
func (m Movement) Due() time.Time {
	due := m.until()
	for _, o := range m.Overdue {
		if o.State == m.State() && o.Due.Equal(due) {
			return time.Time{}
		}
	}
	return due
}

// until is when the wait in the movement's state is over; zero if nobody here waits: an arrival
// is seen by the partner to whom it was announced.
func (m Movement) until() time.Time {
	if m.State() == reconcile.StateAnnounced && !m.Incoming() {
		return time.Time{}
	}
	patience, waits := Patience[m.State()]
	if since := m.Since(); waits && !since.IsZero() {
		return since.Add(patience).UTC()
	}
	return time.Time{}
}

// Remarks say what has not happened in time and is still waited for.
func (m Movement) Remarks() (out gateway.Faults) {
	until := m.until()
	for _, o := range m.Overdue {
		if o.State == m.State() && o.Due.Equal(until) {
			f := fault(remarks[o.State], o.Due.Format(time.RFC3339), "")
			f.Severity = gateway.Warning
			out = append(out, f)
		}
	}
	return out
}

// overdueAtOnce is how many movements are looked at in one unit of work.
const overdueAtOnce = 200

// TellOverdue notes on each movement whose wait is over that it is, and tells of it.
func (g *Gateway) TellOverdue(ctx context.Context) error {
	for {
		past, err := g.Store.Read().MovementsDue(ctx, g.Now(), overdueAtOnce)
		if err != nil || len(past) == 0 {
			return err
		}
		var told []event.Event
		_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
			told = nil
			for _, row := range past {
				m, err := movementIn(ctx, tx, row.ID)
				if err != nil {
					return err
				}
				if due := m.Due(); !due.IsZero() && !due.After(tx.Now()) { // else it has moved on
					m.Overdue = append(m.Overdue, Overdue{m.State(), due, tx.Now()})
					told = append(told, event.Event{Name: event.MovementOverdue, Movement: m.ID, State: string(m.State())})
				}
				if err := g.keep(tx, m); err != nil { // it is past no more, so that the sweep ends
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, e := range told {
			g.Log.Tell(e)
		}
		if len(past) < overdueAtOnce {
			return nil
		}
	}
}
