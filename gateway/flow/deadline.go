package flow

import (
	"context"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// Patience is how long a movement is waited for in a state, from the time that the state
// speaks of: the expected arrival, the departure, the first arrival, the day that a withdrawal
// was asked. When it is over, a person is told; nothing else changes. A state that waits for
// nothing is not here; what was announced to a partner and what has left is waited for at the side
// of exit, too, by the margin that is data (tolerances/arrival-time).
var Patience = map[reconcile.State]time.Duration{
	reconcile.StateAnnounced:           12 * time.Hour,
	reconcile.StateDepartedUnannounced: 2 * time.Hour,
	reconcile.StateWithdrawalAsked:     24 * time.Hour,
	reconcile.StatePartlyArrived:       24 * time.Hour,
	reconcile.StateArrivedUnannounced:  24 * time.Hour,
}

// untold are the states in which the side of exit waits to be told of an arrival.
var untold = []reconcile.State{reconcile.StateAnnounced, reconcile.StateDeparted}

// remarks are what is said of a movement whose wait in a state is over, each with the person who
// is to look into it. Each side is told what its own post is to do: at the side of entry the post
// looks for what has not come, which may stand at its own gate, and asks the office of exit, which
// alone knows whether it has left; at the side of exit, which cannot see it arrive, the post asks the
// office of entry.
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
func (g *Gateway) Due(m Movement) time.Time {
	due := g.until(m)
	for _, o := range m.Overdue {
		if o.State == m.State() && o.Due.Equal(due) {
			return time.Time{}
		}
	}
	return due
}

// until is when the wait in the movement's state is over; zero if nobody here waits.
func (g *Gateway) until(m Movement) time.Time {
	patience, waits := Patience[m.State()]
	if !m.Incoming() && slices.Contains(untold, m.State()) {
		patience, waits = g.Tolerances.Untold(), true
	}
	if since := m.Since(); waits && !since.IsZero() {
		return since.Add(patience).UTC()
	}
	return time.Time{}
}

// Remarks say what has not happened in time and is still waited for.
func (g *Gateway) Remarks(m Movement) (out gateway.Faults) {
	until := g.until(m)
	for _, o := range m.Overdue {
		if o.State == m.State() && o.Due.Equal(until) {
			f := fault(remarks[o.State], o.Due.Format(time.RFC3339), "")
			switch {
			case !m.Incoming() && slices.Contains(untold, o.State):
				f = fault(gateway.OverdueReport, f.Value, entryOffices(m))
			case f.Code == gateway.OverdueArrival:
				f = fault(f.Code, f.Value, exitOffices(m))
			}
			f.Severity = gateway.Warning
			out = append(out, f)
		}
	}
	for _, t := range m.Transits() {
		if g.TransitOverdue(t) {
			f := fault(gateway.OverdueTransit, t.Limit, strings.Join(officeNames(t.Destinations), ", "))
			f.Severity = gateway.Warning
			out = append(out, f)
		}
	}
	return out
}

// TransitOverdue reports whether the last day on which a transit was to end is over at the office where it was
// to end, or in UTC where that office's time is not known, and nothing tells that it has ended.
func (g *Gateway) TransitOverdue(t reconcile.Transit) bool {
	if t.Limit == "" || t.State.Ended() {
		return false
	}
	zone := time.UTC
	if len(t.Destinations) > 0 {
		o := t.Destinations[0]
		if of, ok := g.Chain.Tables.Lists().Zone(gateway.Administration(o.Administration), o.Code); ok {
			zone = of
		}
	}
	return g.Now().In(zone).Format(time.DateOnly) > t.Limit
}

func officeNames(offices []reconcile.OfficeFact) (all []string) {
	for _, o := range offices[:min(len(offices), maxNamed)] {
		all = append(all, o.Name())
	}
	return all
}

// entryOffices names the offices of entry of a movement, or where its documents name none those on
// the other side.
func entryOffices(m Movement) string {
	return strings.Join(officesOf(m, reconcile.EntryOffice, reconcile.PartnerOffice, reconcile.DestinationOffice), ", ")
}

// exitOffices names the offices of exit of a movement, or where its documents name none the
// administrations that announced it.
func exitOffices(m Movement) string {
	all := officesOf(m, reconcile.ExitOffice)
	if len(all) > 0 {
		return strings.Join(all, ", ")
	}
	for _, r := range m.Announced {
		if from := string(r.Sender); from != "" && !slices.Contains(all, from) {
			all = append(all, from)
		}
	}
	return strings.Join(all, ", ")
}

// maxNamed is how many offices a remark names; a train's goods may go to more.
const maxNamed = 9

// officesOf names the offices that have a part in a movement, of the first part that any has, at
// most so many.
func officesOf(m Movement, parts ...string) (all []string) {
	for _, part := range parts {
		for _, o := range m.Route() {
			if name := strings.TrimSpace(o.Administration + " " + o.Code); o.Role == part && len(all) < maxNamed && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	return nil
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
				if due := g.Due(m); !due.IsZero() && !due.After(tx.Now()) { // else it has moved on
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
